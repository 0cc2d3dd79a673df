package kafka_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/kafka"
)

// connections that can be cut: a cluster tells its clients where its brokers
// are, so no proxy stands between.
type connections struct {
	spare string // the address whose connections are not
	mu    sync.Mutex
	open  []net.Conn
}

func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err == nil && address != c.spare {
		c.mu.Lock()
		c.open = append(c.open, conn)
		c.mu.Unlock()
	}
	return conn, err
}

func (c *connections) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		conn.Close()
	}
	c.open = nil
}

var disagree = map[string]string{
	"kafka.partitions=6": "kafka.partitions is 6 in the contract and 4 on the broker", "kafka.replicas=3": "kafka.replicas is 3 in the contract and ",
	"kafka.config.retention.ms=1234": "kafka.config.retention.ms is 1234 in the contract and ",
}

func TestConformance(t *testing.T) {
	var c connections
	kafka.SetDial(c.dial)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.DefaultNumPartitions(4), kfake.EnableSASL(), kfake.Superuser("PLAIN", "treaty", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	hosts := strings.Join(cluster.ListenAddrs(), ",")
	// The fake closes the connection on a wrong password, without a word; that
	// the answer of a real cluster is understood is held by TestReal.
	brokertest.Run(t, brokertest.Harness{
		Adapter: kafka.Adapter, URL: "kafka://treaty:secret@" + hosts, Absent: "kafka://127.0.0.1:1",
		Settings: map[string]string{"kafka.partitions": "4"}, Cut: c.cut, Disagree: disagree,
	})
}

// TestReal is the suite on a cluster that runs already.
func TestReal(t *testing.T) {
	hosts := os.Getenv("TREATY_KAFKA")
	if hosts == "" {
		t.Skip("TREATY_KAFKA is no address: make integration sets it")
	}
	var c connections
	kafka.SetDial(c.dial)
	h := brokertest.Harness{
		Adapter: kafka.Adapter, URL: "kafka://" + hosts, Absent: "kafka://127.0.0.1:1", Cut: c.cut, Disagree: disagree,
		Settings: map[string]string{"kafka.partitions": "4"},
	}
	if secured := os.Getenv("TREATY_KAFKA_SASL"); secured != "" {
		c.spare = secured
		h.Refused = "kafka://treaty:wrong-password@" + secured
	}
	brokertest.Run(t, h)
}
