package embedded_test

import (
	"context"
	"errors"
	"testing"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/nats"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

// A folder is used by one process, so the suite's first broker is the embedded
// one, and those beside it join it.
func TestConformance(t *testing.T) {
	url := "embedded://" + t.TempDir() + "?listen=127.0.0.1:0"
	var first *embedded.Broker
	adapter := broker.Adapter{Schemes: []string{"embedded"}, Params: embedded.Adapter.Params, Open: func(ctx context.Context, target *broker.Target) (broker.Broker, error) {
		if first != nil {
			return broker.Open(ctx, first.URL(), nats.Adapter)
		}
		b, err := embedded.Adapter.Open(ctx, target)
		if err == nil {
			first = b.(*embedded.Broker)
		}
		return b, err
	}}
	brokertest.Run(t, brokertest.Harness{Adapter: adapter, URL: url, Ordered: map[string]string{"nats.singleActive": "true"},
		Disagree: map[string]string{"nats.maxAge=24h": "for ever on the broker"}})
}

func TestSync(t *testing.T) {
	if b, err := broker.Open(t.Context(), "embedded://"+t.TempDir()+"?sync=alway", embedded.Adapter); !errors.Is(err, broker.ErrUsage) {
		t.Error(b, err)
	}
	b, err := broker.Open(t.Context(), "embedded://"+t.TempDir()+"?sync=always", embedded.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	folder := t.TempDir()
	open := func() broker.Broker {
		t.Helper()
		b, err := broker.Open(context.Background(), "embedded://"+folder, embedded.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ctx, c := context.Background(), broker.Channel{Address: "orders.events"}
	b := open()
	if other, err := broker.Open(ctx, "embedded://"+folder, embedded.Adapter); !errors.Is(err, broker.ErrDenied) {
		t.Errorf("a folder was opened twice: %v %v", other, err)
	}
	var m broker.Message
	m.Body = []byte("kept")
	if err := b.Publish(ctx, c, m); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open()
	defer b.Close()
	came := make(chan string, 1)
	s, err := b.Subscribe(ctx, c, broker.Options{}, func(d broker.Delivery) {
		_ = d.Ack()
		came <- string(d.Message().Body)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-came; got != "kept" {
		t.Error(got)
	}
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}
