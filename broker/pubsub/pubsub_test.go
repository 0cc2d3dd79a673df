package pubsub_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/pubsub"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

func TestConformance(t *testing.T) {
	s := pstest.NewServer()
	t.Cleanup(func() { s.Close() })
	brokertest.Run(t, brokertest.Harness{
		Adapter: pubsub.Adapter, URL: "pubsub://treaty?endpoint=" + s.Addr, Absent: "pubsub://treaty?endpoint=127.0.0.1:1",
		Through: func(proxy string) string { return "pubsub://treaty?endpoint=" + proxy }, Behind: s.Addr,
		Few: true, Settings: map[string]string{"pubsub.ackDeadline": "10"}, // the least: what a cut takes along comes again after it
	})
}

// TestGivenBack: at an end the service is told of all that was settled, and gets back
// all that was not, held, waiting to come again or never looked at, before the
// connection is closed: nothing of it waits for its deadline.
func TestGivenBack(t *testing.T) {
	for _, nak := range []bool{false, true} {
		server := pstest.NewServer()
		b, err := broker.Open(t.Context(), "pubsub://treaty?endpoint="+server.Addr, pubsub.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		c := broker.Channel{Address: "orders"}
		if err := b.(broker.Admin).Declare(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		const room = 20
		came := make(chan broker.Delivery, room)
		s, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}, MaxInFlight: room}, func(d broker.Delivery) { came <- d })
		if err != nil {
			t.Fatal(err)
		}
		all := make([]broker.Message, room) // and no more, which the service may send while the stream ends
		for i := range all {
			all[i].Body = []byte(strconv.Itoa(i))
		}
		if err := b.Publish(t.Context(), c, all...); err != nil {
			t.Fatal(err)
		}
		acked := map[string]bool{}
		var held []broker.Delivery
		for i := range room {
			d := <-came
			switch {
			case i < 5:
				acked[string(d.Message().Body)] = true
				err = d.Ack()
			case i < 12:
				err = d.NakWithDelay(time.Hour)
			default:
				held = append(held, d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		if !nak {
			cancel() // Stop does not wait for what is held
		}
		over := make(chan error, 1)
		go func() { over <- s.Stop(ctx) }()
		<-s.Done()
		if nak {
			for _, d := range held {
				if err := d.Nak(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := <-over; (err == nil) != nak {
			t.Error(err)
		}
		cancel()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		for _, m := range server.Messages() {
			switch last := len(m.Modacks) - 1; {
			case acked[string(m.Data)]:
				if m.Acks != 1 {
					t.Errorf("nak %v: the service got %d acknowledgements of %s", nak, m.Acks, m.Data)
				}
			case last < 0 || m.Modacks[last].AckDeadline != 0:
				t.Errorf("nak %v: the service did not get %s back: %+v", nak, m.Data, m.Modacks)
			}
		}
		server.Close()
	}
}

// TestCredentialsMissing: a file that is not there is a wrong URL, and nothing is
// denied.
func TestCredentialsMissing(t *testing.T) {
	if _, err := broker.Open(t.Context(), "pubsub://treaty?credentials="+t.TempDir()+"/none", pubsub.Adapter); !errors.Is(err, broker.ErrUsage) {
		t.Error(err)
	}
}
