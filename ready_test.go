package treaty_test

import (
	"context"
	"testing"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
)

// A group that begins with the latest gets what is published once it is ready.
func TestReady(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Amount: 1}); err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 9)
	var k *treaty.Consumer
	register := func(made *treaty.Consumer) {
		k = made
		treaty.On(k, "orders.paid.v1", func(_ context.Context, _ *treaty.Delivered, data paid) error {
			got <- data.Amount
			return nil
		})
		select {
		case <-k.Ready():
			t.Error("it is ready before it runs")
		default:
		}
	}
	run(t, c, b, register, treaty.StartAt(broker.Start{From: broker.Latest}))
	select {
	case <-k.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("it is never ready")
	}
	if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Amount: 2}); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != 2 {
		t.Errorf("%d came, and not 2", n)
	}
}
