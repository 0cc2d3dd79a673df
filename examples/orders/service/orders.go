package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/codec"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/examples/orders/generated/go/events"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// Orders takes orders. What happens to one is written in one transaction with the
// event that tells of it, and the event is sent from there: there is never one
// without the other. (The snapshots of the contract are another program's work.)
type Orders struct {
	db       *sql.DB
	producer *treaty.Producer
	outbox   *sqlstore.Outbox
}

// Order is an order, for clients. What the events say is the contract's, and
// changes when that does.
type Order struct {
	OrderID    string         `json:"order_id"`
	CustomerID string         `json:"customer_id"`
	TotalMinor int64          `json:"total_minor"`
	Currency   string         `json:"currency"`
	PlacedAt   codec.DateTime `json:"placed_at"`
	Status     string         `json:"status"`
}

func newOrders(ctx context.Context, mux *http.ServeMux, c *contract.Contract, b broker.Broker, file string) (*Orders, error) {
	var err error
	o := &Orders{}
	if o.producer, err = treaty.NewProducer(c, b, treaty.Declare()); err != nil {
		return nil, err
	}
	if o.db, err = database(ctx, file, "orders (id TEXT PRIMARY KEY, customer TEXT, total INTEGER, currency TEXT, placed TIMESTAMP, status TEXT)"); err != nil {
		return nil, err
	}
	if o.outbox, err = sqlstore.NewOutbox(ctx, o.db, sqlstore.SQLite); err != nil {
		return nil, err
	}
	mux.HandleFunc("POST /orders", o.place)
	mux.HandleFunc("GET /orders/{id}", o.show)
	mux.HandleFunc("POST /orders/{id}/pay", o.pay)
	mux.HandleFunc("POST /orders/{id}/cancel", o.cancel)
	return o, nil
}

// run sends what is in the outbox, until ctx ends.
func (o *Orders) run(ctx context.Context) error {
	return errors.Join(o.outbox.Relay(ctx, o.producer.Relay), o.db.Close())
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) {
	var placed events.OrderPlacedPayload
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&placed); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	placed.OrderID, placed.PlacedAt, placed.TotalMinor = "ord_"+rand.Text(), now(), 0
	for _, l := range placed.Lines {
		if l.UnitMinor > 0 && l.Quantity > (math.MaxInt64-placed.TotalMinor)/l.UnitMinor {
			fail(w, http.StatusUnprocessableEntity, errTotal)
			return
		}
		placed.TotalMinor += l.Quantity * l.UnitMinor
	}
	order := Order{placed.OrderID, placed.CustomerID, placed.TotalMinor, placed.Currency, placed.PlacedAt, "placed"}
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", order.OrderID, order.CustomerID, order.TotalMinor, order.Currency, order.PlacedAt.String(), order.Status)
		return &order, errors.Join(err, o.tell(ctx, tx, events.OrderPlacedV1Type, order.OrderID, placed))
	})
}

var errTotal = errors.New("the total of the lines is more than an order can have")

func now() codec.DateTime { return codec.At(time.Now().UTC()) }

func (o *Orders) show(w http.ResponseWriter, r *http.Request) {
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) { return o.find(ctx, tx, r.PathValue("id")) })
}

func (o *Orders) pay(w http.ResponseWriter, r *http.Request) {
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) {
		order, err := o.change(ctx, tx, r.PathValue("id"), "paid", "placed")
		if err != nil {
			return nil, err
		}
		return order, o.tell(ctx, tx, events.OrderPaidV1Type, order.OrderID, events.OrderPaidPayload{
			OrderID: order.OrderID, CustomerID: order.CustomerID, TotalMinor: order.TotalMinor, Currency: order.Currency, PaidAt: now(),
		})
	})
}

func (o *Orders) cancel(w http.ResponseWriter, r *http.Request) {
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) {
		before, err := o.find(ctx, tx, r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		order, err := o.change(ctx, tx, before.OrderID, "cancelled", "placed", "paid")
		if err != nil {
			return nil, err
		}
		err = o.tell(ctx, tx, events.OrderCancelledV1Type, order.OrderID, events.OrderCancelledPayload{
			OrderID: order.OrderID, CustomerID: order.CustomerID, Reason: events.OrderCancelledPayloadReasonCustomerRequest, CancelledAt: now(),
		})
		if err == nil && before.Status == "paid" {
			err = o.tell(ctx, tx, events.OrderRefundedV1Type, order.OrderID, events.OrderRefundedPayload{
				OrderID: order.OrderID, CustomerID: order.CustomerID, RefundMinor: order.TotalMinor, Currency: order.Currency, RefundedAt: now(),
			})
		}
		return order, err
	})
}

// tell adds an event to the outbox. One that breaks the contract is an error, and
// then nothing of the transaction happens.
func (o *Orders) tell(ctx context.Context, tx *sql.Tx, kind, subject string, data any) error {
	e, err := o.producer.New(kind, subject, data)
	if err != nil {
		return err
	}
	entry, err := o.producer.Entry(ctx, e)
	if err != nil {
		return err
	}
	return o.outbox.Add(ctx, tx, entry)
}

func (o *Orders) find(ctx context.Context, tx *sql.Tx, id string) (*Order, error) {
	order := &Order{}
	row := tx.QueryRowContext(ctx, "SELECT id, customer, total, currency, placed, status FROM orders WHERE id = ?", id)
	var placed time.Time
	err := row.Scan(&order.OrderID, &order.CustomerID, &order.TotalMinor, &order.Currency, &placed, &order.Status)
	order.PlacedAt = codec.At(placed)
	return order, err
}

var errState = errors.New("the order is in no state for that")

// change gives an order another status, if it has one of those.
func (o *Orders) change(ctx context.Context, tx *sql.Tx, id, to string, from ...string) (*Order, error) {
	order, err := o.find(ctx, tx, id)
	if err == nil && !slices.Contains(from, order.Status) {
		err = errState
	}
	if err != nil {
		return nil, err
	}
	order.Status = to
	_, err = tx.ExecContext(ctx, "UPDATE orders SET status = ? WHERE id = ?", to, id)
	return order, err
}

// transaction does something with an order, and answers with it.
func (o *Orders) transaction(w http.ResponseWriter, r *http.Request, do func(context.Context, *sql.Tx) (*Order, error)) {
	tx, err := o.db.BeginTx(r.Context(), nil)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	defer tx.Rollback()
	order, err := do(r.Context(), tx)
	if err == nil {
		err = tx.Commit()
	}
	var invalid *treaty.InvalidError
	switch {
	case errors.Is(err, sql.ErrNoRows):
		fail(w, http.StatusNotFound, errors.New("there is no such order"))
	case errors.Is(err, errState):
		fail(w, http.StatusConflict, err)
	case errors.As(err, &invalid):
		fail(w, http.StatusUnprocessableEntity, err)
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err)
	default:
		o.outbox.Wake()
		reply(w, order)
	}
}
