package nats_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/nats"
)

func TestConformance(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Username: "treaty", Password: "secret", MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not start")
	}
	brokertest.Run(t, harness(s.Addr().String(), "treaty:secret@"))
}

// TestReal is the suite on a NATS server that runs already.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_NATS")
	if address == "" {
		t.Skip("TREATY_NATS is no address: make integration sets it")
	}
	h := harness(address, "")
	h.Refused = ""
	brokertest.Run(t, h)
}

func harness(address, user string) brokertest.Harness {
	return brokertest.Harness{
		Adapter: nats.Adapter,
		URL:     fmt.Sprintf("nats://%s%s", user, address),
		Refused: "nats://treaty:wrong-password@" + address,
		Absent:  "nats://127.0.0.1:1",
		Through: func(proxy string) string { return fmt.Sprintf("nats://%s%s", user, proxy) },
		Behind:  address,
	}
}
