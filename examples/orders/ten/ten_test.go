// Package ten holds what docs/generate-go.md shows to what compiles and runs.
package ten

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/codec"
	"github.com/treaty-events/treaty/examples/orders/generated/go/billing"
	"github.com/treaty-events/treaty/examples/orders/generated/go/events"
	"github.com/treaty-events/treaty/store/memory"
)

// begin send
func pay(ctx context.Context, p events.Publisher, order, customer string, minor int64) error {
	_, err := p.PublishOrderPaidV1(ctx, order, events.OrderPaidPayload{
		OrderID: order, CustomerID: customer, TotalMinor: minor, Currency: "USD", PaidAt: codec.At(time.Now()),
	})
	return err
}

// end

// begin receive
func consume(ctx context.Context, b broker.Broker, book func(order string, minor int64) error, options ...treaty.ConsumerOption) error {
	c, err := billing.NewConsumer(b, "billing", billing.Handlers{
		OrderPaidV1: func(_ context.Context, _ *treaty.Delivered, paid billing.OrderPaidV1Data) error {
			return book(paid.OrderID, paid.TotalMinor)
		},
	}, options...)
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// end

// begin test
func TestPay(t *testing.T) {
	fake, err := events.NewFake()
	if err != nil {
		t.Fatal(err)
	}
	if err := pay(t.Context(), fake, "ord_1", "c_9", 4599); err != nil {
		t.Fatal(err)
	}
	if err := pay(t.Context(), fake, "ord_2", "c_9", -1); err == nil {
		t.Error("the contract lets nobody pay less than nothing")
	}
	if got := fake.Published(); len(got) != 1 || got[0].Subject != "ord_1" {
		t.Errorf("published were %v", got)
	}
}

// end

// The consumer of one contract gets what the producer of the other sends, on the
// fake's broker.
func TestConsume(t *testing.T) {
	fake, err := events.NewFake()
	if err != nil {
		t.Fatal(err)
	}
	if err := pay(t.Context(), fake, "ord_1", "c_9", 4599); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	booked := ""
	err = consume(ctx, fake.Broker.Another(), func(order string, minor int64) error {
		booked = fmt.Sprint(order, " ", minor)
		cancel()
		return nil
	}, treaty.Store(memory.New()))
	if err != nil || booked != "ord_1 4599" {
		t.Errorf("booked was %q, %v", booked, err)
	}
}

// The page shows this code.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/generate-go.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("ten_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"send", "receive", "test"} {
		_, rest, ok := strings.Cut(string(code), "// begin "+name+"\n")
		part, _, _ := strings.Cut(rest, "\n// end")
		if !ok || !strings.Contains(string(page), strings.TrimSpace(part)) {
			t.Errorf("docs/generate-go.md does not show the part %q as it is", name)
		}
	}
}
