package amqp_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/event"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

// TestReal is the suite on a RabbitMQ that runs already: there is no other.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_AMQP")
	if address == "" {
		t.Skip("TREATY_AMQP is no address: make integration sets it")
	}
	h := brokertest.Harness{
		Adapter: amqp.Adapter, URL: "amqp://" + address, Absent: "amqp://127.0.0.1:1", Refused: "amqp://guest:wrong-password@" + address,
		Through:  func(proxy string) string { return "amqp://" + proxy },
		Behind:   address,
		Ordered:  map[string]string{"amqp.singleActiveConsumer": "true"},
		Disagree: map[string]string{"amqp.exchangeType=topic": "inequivalent arg 'type'"},
	}
	t.Run("quorum", func(t *testing.T) { brokertest.Run(t, h) })
}

// TestRealGivenBack: what a member that ends gives back comes to the next in its
// order, whatever the order in which it was given back, and not to the one that
// ends.
func TestRealGivenBack(t *testing.T) {
	address := os.Getenv("TREATY_AMQP")
	if address == "" {
		t.Skip("TREATY_AMQP is no address: make integration sets it")
	}
	b, err := broker.Open(t.Context(), "amqp://"+address, amqp.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := broker.Channel{Address: fmt.Sprint("given-back-", time.Now().UnixNano())}
	c.Settings = map[string]string{"amqp.queue": c.Address, "amqp.singleActiveConsumer": "true"}
	admin := b.(broker.Admin)
	if err := admin.Declare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Remove(context.Background(), c) }()
	came := make(chan broker.Delivery, 1000)
	join := func() broker.Subscription {
		t.Helper()
		s, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}, MaxInFlight: 40}, func(d broker.Delivery) { came <- d })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	next := func() (broker.Delivery, int) {
		t.Helper()
		select {
		case d := <-came:
			n, _ := strconv.Atoi(string(d.Message().Body))
			return d, n
		case <-time.After(20 * time.Second):
			t.Fatal("nothing came any more")
		}
		return nil, 0
	}
	first := join()
	var all []broker.Message
	for n := range 60 {
		all = append(all, broker.Message{Message: event.Message{Body: []byte(strconv.Itoa(n))}})
	}
	if err := b.Publish(t.Context(), c, all...); err != nil {
		t.Fatal(err)
	}
	var held []broker.Delivery
	for range 40 {
		d, _ := next()
		held = append(held, d)
	}
	over := make(chan error, 1)
	go func() { over <- first.Stop(t.Context()) }()
	<-first.Done()
	for i := len(held) - 1; i > 0; i-- { // the first is being handled for a while
		if err := held[i].Nak(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	if err := held[0].Ack(); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	second := join()
	for want := 1; want < 60; want++ {
		d, n := next()
		if n != want {
			t.Fatalf("%d came, and not %d", n, want)
		}
		if n < 40 && d.Attempt() != 2 {
			t.Errorf("%d came as attempt %d", n, d.Attempt())
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
