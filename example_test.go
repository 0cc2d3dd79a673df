package treaty_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/store/memory"
)

// A service embeds its contract, so that it keeps the version it was built with.
//
//go:embed testdata/example.asyncapi.yaml
var files embed.FS

type OrderPaid struct {
	OrderID    string `json:"order_id"`
	TotalMinor int64  `json:"total_minor"`
	Currency   string `json:"currency"`
}

// A producer sends what the contract allows; a consumer hands it to a handler.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	contract, err := treaty.Load(ctx, files, "testdata/example.asyncapi.yaml")
	if err != nil {
		log.Fatal(err)
	}
	// The default broker is in the process: embedded:FOLDER keeps its events.
	b, err := broker.Open(ctx, "embedded:", embedded.Adapter)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	orders, err := treaty.NewProducer(contract, b, treaty.Source("/orders"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := orders.Publish(ctx, "orders.paid.v1", "ord_1", OrderPaid{"ord_1", 4599, "USD"}); err != nil {
		log.Fatal(err)
	}
	_, err = orders.Publish(ctx, "orders.paid.v1", "ord_2", OrderPaid{"ord_2", -1, "USD"})
	var invalid *treaty.InvalidError
	fmt.Println("refused:", errors.As(err, &invalid), invalid.Problems[0].Pointer)

	billing, err := treaty.NewConsumer(contract, b, "billing", treaty.Store(memory.New()))
	if err != nil {
		log.Fatal(err)
	}
	treaty.On(billing, "orders.paid.v1", func(ctx context.Context, d *treaty.Delivered, paid OrderPaid) error {
		fmt.Println(d.Subject, "is paid:", paid.TotalMinor, paid.Currency)
		stop()
		return nil
	})
	if err := billing.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// refused: true /data/total_minor
	// ord_1 is paid: 4599 USD
}

// A handler that says that no other attempt would help sends its event to the
// dead letter at once.
func ExampleReject() {
	handle := func(ctx context.Context, d *treaty.Delivered, paid OrderPaid) error {
		if paid.Currency == "XXX" {
			return treaty.Reject(fmt.Errorf("no bank takes %s", paid.Currency))
		}
		return nil
	}
	fmt.Println(handle(context.Background(), nil, OrderPaid{Currency: "XXX"}))
	// Output: no bank takes XXX
}

// Middleware wraps every handler.
func ExampleUse() {
	logged := func(next treaty.Handler) treaty.Handler {
		return func(ctx context.Context, d *treaty.Delivered) error {
			err := next(ctx, d)
			slog.New(slog.NewTextHandler(io.Discard, nil)).Info("handled", "type", d.Type, "id", d.ID, "attempt", d.Attempt(), "err", err)
			return err
		}
	}
	var options []treaty.ConsumerOption
	options = append(options, treaty.Use(logged))
	fmt.Fprintln(os.Stdout, len(options))
	// Output: 1
}
