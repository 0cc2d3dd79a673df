package mqtt_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/mqtt"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

func harness(user, address, query string) brokertest.Harness {
	return brokertest.Harness{
		Adapter: mqtt.Adapter,
		URL:     "mqtt://" + user + address + query,
		Absent:  "mqtt://127.0.0.1:1",
		Through: func(proxy string) string { return "mqtt://" + user + proxy + query },
		Behind:  address,
	}
}

func TestConformance(t *testing.T) {
	address := serve(t, "treaty", "secret")
	h := harness("treaty:secret@", address, "")
	h.Refused = "mqtt://treaty:wrong-password@" + address
	brokertest.Run(t, h)
}

func TestConformanceMember(t *testing.T) {
	brokertest.Run(t, harness("treaty:secret@", serve(t, "treaty", "secret"), "?member=one"))
}

// TestReal is the suite on a broker that runs already.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_MQTT")
	if address == "" {
		t.Skip("TREATY_MQTT is no address: make integration sets it")
	}
	t.Run("sharing", func(t *testing.T) { brokertest.Run(t, harness("", address, "")) })
	t.Run("member", func(t *testing.T) { brokertest.Run(t, harness("", address, "?member=one")) })
}

// TestRefusedAgain: whoever may not subscribe any more after the connection was
// lost is told, and does not wait for ever.
func TestRefusedAgain(t *testing.T) {
	f, address := serveFake(t, "", "")
	b, err := broker.Open(t.Context(), "mqtt://"+address, mqtt.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s, err := b.Subscribe(t.Context(), broker.Channel{Address: "a"}, broker.Options{Start: broker.Start{From: broker.Latest}}, func(broker.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	f.refuse.Store(true)
	f.cut()
	select {
	case <-s.Done():
		if !errors.Is(s.Err(), broker.ErrDenied) {
			t.Error(s.Err())
		}
	case <-time.After(20 * time.Second):
		t.Error("the subscription goes on, and nothing comes")
	}
	_ = s.Stop(t.Context())
}

func TestWildcard(t *testing.T) {
	b, err := broker.Open(t.Context(), "mqtt://"+serve(t, "", ""), mqtt.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, topic := range []string{"a\nb", "\xff", "a\x00", ""} {
		if _, err := b.Subscribe(t.Context(), broker.Channel{Address: topic}, broker.Options{Start: broker.Start{From: broker.Latest}}, nil); !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%q: %v", topic, err)
		}
	}
	for _, topic := range []string{"a/#", "a/+/b", "a\nb", "\xff", "a\x00", ""} {
		if err := b.Publish(t.Context(), broker.Channel{Address: topic}, broker.Message{}); !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%q: %v", topic, err)
		}
	}
	if err := b.Publish(t.Context(), broker.Channel{Address: strings.Repeat("x", 1<<16)}, broker.Message{}); !errors.Is(err, broker.ErrTooLarge) {
		t.Error(err)
	}
}

// TestMaxBytes: what the broker takes is known when it is open.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	_, address := serveFake(t, "", "")
	for range 30 {
		b, err := broker.Open(t.Context(), "mqtt://"+address, mqtt.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Features().MaxBytes; n != 8<<20 {
			t.Errorf("%d bytes", n)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHosts: a host that does not answer is passed over, and nothing answers
// only where none does.
func TestHosts(t *testing.T) {
	b, err := broker.Open(t.Context(), "mqtt://127.0.0.1:1,"+serve(t, "", ""), mqtt.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := broker.Open(t.Context(), "mqtt://127.0.0.1:1,127.0.0.1:2", mqtt.Adapter); !errors.Is(err, broker.ErrUnreachable) {
		t.Error(err)
	}
}
