package memory_test

import (
	"context"
	"testing"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/event"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

func TestConformance(t *testing.T) {
	first := memory.New()
	adapter := broker.Adapter{Schemes: []string{"memory"}, Open: func(context.Context, *broker.Target) (broker.Broker, error) {
		return first.Another(), nil
	}}
	brokertest.Run(t, brokertest.Harness{Adapter: adapter, URL: "memory:", Declares: true})
}

// TestGivenBack: what is given back, in whatever order, comes again in the order in
// which it was published.
func TestGivenBack(t *testing.T) {
	b := memory.New()
	channel := broker.Channel{Address: "a"}
	var held []broker.Delivery
	all := make(chan bool)
	const n = 10
	s, err := b.Subscribe(t.Context(), channel, broker.Options{Group: "g"}, func(d broker.Delivery) {
		if held = append(held, d); len(held) == n {
			close(all)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := b.Publish(t.Context(), channel, broker.Message{Message: event.Message{Body: []byte{byte(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	<-all
	over := make(chan error, 1)
	go func() { over <- s.Stop(t.Context()) }()
	<-s.Done() // nothing comes from here on
	for _, i := range []int{4, 0, 9, 1, 2, 8, 7, 3, 6, 5} {
		if err := held[i].Nak(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	came := make(chan byte, n)
	if s, err = b.Subscribe(t.Context(), channel, broker.Options{Group: "g"}, func(d broker.Delivery) {
		came <- d.Message().Body[0]
		_ = d.Ack()
	}); err != nil {
		t.Fatal(err)
	}
	for want := range byte(n) {
		if got := <-came; got != want {
			t.Errorf("%d came where %d was due", got, want)
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
