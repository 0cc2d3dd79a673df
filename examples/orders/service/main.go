// Command service is the Orders service and its consumer Billing.
//
//	service all     --broker embedded:./events         # both in one process, which needs nothing else
//	service orders  --broker kafka://127.0.0.1:9092 --listen 127.0.0.1:8080
//	service billing --broker kafka://127.0.0.1:9092 --listen 127.0.0.1:8081
//
// The broker is what the URL says: embedded:, nats://, kafka://, amqp://,
// pubsub://. Nothing else differs. Then
//
//	curl 127.0.0.1:8080/orders -d '{"customer_id":"c_9","currency":"USD","lines":[{"sku":"MUG","quantity":2,"unit_minor":1200}]}'
//	curl -X POST 127.0.0.1:8080/orders/ord_…/pay
//	curl -X POST 127.0.0.1:8080/orders/ord_…/refund
//	curl 127.0.0.1:8081/balance/USD
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/broker/pubsub"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/examples/orders/generated/go/billing"
	"github.com/treaty-events/treaty/examples/orders/generated/go/events"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] != "orders" && args[0] != "billing" && args[0] != "all" {
		return errors.New("say what to run: orders, billing or all")
	}
	flags := flag.NewFlagSet("service "+args[0], flag.ContinueOnError)
	url := flags.String("broker", "embedded:./events", "the broker's `URL`")
	listen := flags.String("listen", "127.0.0.1:8080", "the `ADDRESS` to listen on")
	data := flags.String("data", ".", "the `DIR` of the databases")
	contracts := flags.String("contract", "", "the `DIR` of the contracts, instead of those built in")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	// The contracts are those that the code was generated from, unless others are given.
	read := func(name string, generated func() (*contract.Contract, error)) (*contract.Contract, error) {
		if *contracts == "" {
			return generated()
		}
		return treaty.Load(ctx, os.DirFS(*contracts), name)
	}
	b, err := broker.Open(ctx, *url, embedded.Adapter, nats.Adapter, kafka.Adapter, amqp.Adapter, pubsub.Adapter)
	if err != nil {
		return err
	}
	defer b.Close()

	mux := http.NewServeMux()
	parts := []func(context.Context) error{func(ctx context.Context) error { return serve(ctx, *listen, mux) }}
	if args[0] != "billing" {
		c, err := read("orders.asyncapi.yaml", events.Contract)
		if err != nil {
			return err
		}
		orders, err := newOrders(ctx, mux, c, b, filepath.Join(*data, "orders.db"))
		if err != nil {
			return err
		}
		parts = append(parts, orders.run)
	}
	if args[0] != "orders" {
		c, err := read("billing.asyncapi.yaml", billing.Contract)
		if err != nil {
			return err
		}
		billing, err := newBilling(ctx, mux, c, b, filepath.Join(*data, "billing.db"))
		if err != nil {
			return err
		}
		parts = append(parts, billing.run)
	}
	all, ctx := errgroup.WithContext(ctx) // none goes on without the others
	for _, part := range parts {
		all.Go(func() error { return part(ctx) })
	}
	return all.Wait()
}

func serve(ctx context.Context, address string, handler http.Handler) error {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", socket.Addr())
	server := &http.Server{Handler: handler}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// database opens a file of SQLite and makes its table. What is committed survives
// a loss of power.
func database(ctx context.Context, file, table string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+table)
	return db, err
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, err error) { http.Error(w, err.Error(), status) }
