package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/event"
)

// connections that can be cut: a cluster tells its clients where its brokers
// are, so no proxy stands between.
type connections struct {
	spare string // the address whose connections are not
	mu    sync.Mutex
	open  []net.Conn
}

func TestMain(m *testing.M) { brokertest.Main(m) }

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

// alone is a cluster of a test's own, with the topic a.
func alone(t *testing.T) *kfake.Cluster {
	t.Helper()
	kafka.SetDial(nil)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "a"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// TestHangUp: a broker that is being started or stopped closes connections on which
// it has answered nothing yet, and is not taken for one that lets nobody in.
func TestHangUp(t *testing.T) {
	cluster := alone(t)
	for key, times := range map[kmsg.Key]int32{kmsg.JoinGroup: 3, kmsg.Produce: 2, kmsg.FindCoordinator: 1} {
		var left atomic.Int32
		left.Store(times)
		cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			if left.Add(-1) >= 0 {
				return nil, errors.New("it hangs up"), true
			}
			return nil, nil, false
		})
	}
	b, err := broker.Open(t.Context(), "kafka://"+cluster.ListenAddrs()[0], kafka.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	channel := broker.Channel{Address: "a"}
	came := make(chan broker.Delivery, 1)
	s, err := b.Subscribe(t.Context(), channel, broker.Options{Group: "g"}, func(d broker.Delivery) {
		_ = d.Ack()
		came <- d
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), channel, broker.Message{}); err != nil {
		t.Error(err)
	}
	select {
	case <-came:
	case <-s.Done():
		t.Error(s.Err())
	case <-time.After(30 * time.Second):
		t.Error("nothing came")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestContextEnds: publishing ends with its context also where the broker hangs up on
// every request. What was begun is not called back, and others that wait behind it
// wait no longer than they want: all arrive, in their order, once the broker is well.
func TestContextEnds(t *testing.T) {
	cluster := alone(t)
	var wrong atomic.Bool
	wrong.Store(true)
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("it hangs up"), wrong.Load()
	})
	b, err := broker.Open(t.Context(), "kafka://"+cluster.ListenAddrs()[0], kafka.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	channel := broker.Channel{Address: "a"}
	came := make(chan string, 10)
	s, err := b.Subscribe(t.Context(), channel, broker.Options{}, func(d broker.Delivery) {
		_ = d.Ack()
		came <- string(d.Message().Body)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	over := make(chan error, 1)
	go func() {
		over <- b.Publish(ctx, channel, broker.Message{Key: "k", Message: event.Message{Body: []byte("first")}}, broker.Message{Key: "k", Message: event.Message{Body: []byte("second")}})
	}()
	select {
	case err := <-over:
		var failed *broker.PublishError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || len(failed.Failed) != 2 {
			t.Errorf("%v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it outlasts its context")
	}
	third := make(chan error, 1)
	go func() {
		third <- b.Publish(t.Context(), channel, broker.Message{Key: "k", Message: event.Message{Body: []byte("third")}})
	}()
	time.Sleep(100 * time.Millisecond) // it is behind them, or will be
	wrong.Store(false)
	if err := <-third; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second", "third"} {
		select {
		case got := <-came:
			if got != want {
				t.Errorf("%s came, and not %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing came")
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHeld: what stays unsettled keeps itself, and not all that came with it.
func TestHeld(t *testing.T) {
	cluster := alone(t)
	b, err := broker.Open(t.Context(), "kafka://"+cluster.ListenAddrs()[0], kafka.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	channel := broker.Channel{Address: "a"}
	const size, each, calls = 500, 1500, 50 // a call is a batch
	for call := range calls {
		batch := make([]broker.Message, each)
		for i := range batch {
			batch[i].Body = fmt.Appendf(nil, "%06d%0*d", call*each+i, size-6, 0)
		}
		if err := b.Publish(t.Context(), channel, batch...); err != nil {
			t.Fatal(err)
		}
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) >> 10
	}
	before := heap()
	var held []broker.Delivery
	done := make(chan bool)
	n := 0
	s, err := b.Subscribe(t.Context(), channel, broker.Options{Group: "g", MaxInFlight: 200}, func(d broker.Delivery) {
		if got := string(d.Message().Body[:6]); got != fmt.Sprintf("%06d", n) || len(d.Message().Body) != size {
			t.Errorf("%s came as number %d", got, n)
		}
		if n%each == 0 {
			held = append(held, d)
		} else {
			_ = d.Ack()
		}
		if n++; n == each*calls {
			close(done)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatalf("%d came", n)
	}
	if more := heap() - before; more > calls*each*size/1024/2 {
		t.Errorf("%d that are held keep %d KiB, of the %d KiB that came", len(held), more, calls*each*size/1024)
	} else {
		t.Logf("%d that are held keep %d KiB", len(held), more)
	}
	for _, d := range held {
		_ = d.Ack()
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAcks: what is published is acknowledged by whom the channel asks for, and the
// URL can only ask for more.
func TestAcks(t *testing.T) {
	cluster := alone(t)
	var seen atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		seen.Store(int32(r.(*kmsg.ProduceRequest).Acks))
		return nil, nil, false
	})
	const all, leader, none = -1, 1, 0
	for _, test := range []struct {
		query, setting string
		want           int32
	}{
		{"", "", all}, {"", "all", all}, {"", "leader", leader}, {"", "none", none},
		{"?acks=leader", "", leader}, {"?acks=none", "", none},
		{"?acks=leader", "all", all}, {"?acks=none", "leader", leader}, {"?acks=all", "none", all}, {"?acks=leader", "none", leader},
	} {
		b, err := broker.Open(t.Context(), "kafka://"+cluster.ListenAddrs()[0]+test.query, kafka.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		channel := broker.Channel{Address: "a", Settings: map[string]string{}}
		if test.setting != "" {
			channel.Settings["kafka.acks"] = test.setting
		}
		for range 2 {
			seen.Store(99)
			if err := b.Publish(t.Context(), channel, broker.Message{}); err != nil {
				t.Fatal(err)
			}
			for n := 0; seen.Load() == 99 && n < 1000; n++ { // who waits for nobody may be ahead
				time.Sleep(time.Millisecond)
			}
			if got := seen.Load(); got != test.want {
				t.Errorf("with the URL's %q and the channel's %q, acks are %d", test.query, test.setting, got)
			}
		}
		channel.Settings["kafka.acks"] = "most"
		if err := b.Publish(t.Context(), channel, broker.Message{}); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSession: a cluster that does not take a member for so long says so, and the
// subscription does not wait for ever. Times of nothing are refused at once.
func TestSession(t *testing.T) {
	cluster := alone(t)
	url := "kafka://" + cluster.ListenAddrs()[0]
	for _, query := range []string{"?commit=0s", "?session=0s"} {
		if _, err := broker.Open(t.Context(), url+query, kafka.Adapter); !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%s: %v", query, err)
		}
	}
	b, err := broker.Open(t.Context(), url+"?session=100h", kafka.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, topic := range []string{"\xff", strings.Repeat("x", 250)} {
		if err := b.Publish(t.Context(), broker.Channel{Address: topic}, broker.Message{}); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
		if _, err := b.Subscribe(t.Context(), broker.Channel{Address: topic}, broker.Options{}, nil); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
	}
	s, err := b.Subscribe(t.Context(), broker.Channel{Address: "a"}, broker.Options{Group: "g"}, func(broker.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
		if !errors.Is(s.Err(), broker.ErrUsage) || !strings.Contains(s.Err().Error(), "session=") {
			t.Error(s.Err())
		}
	case <-time.After(20 * time.Second):
		t.Error("the subscription goes on, and nothing comes")
	}
	_ = s.Stop(t.Context())
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
