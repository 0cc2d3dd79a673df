package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/http"
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

// Order is an order, for clients.
type Order struct {
	Status string                    `json:"status"`
	Placed events.OrderPlacedPayload `json:"placed"`
}

func newOrders(ctx context.Context, mux *http.ServeMux, c *contract.Contract, b broker.Broker, file string) (*Orders, error) {
	var err error
	o := &Orders{}
	if o.producer, err = treaty.NewProducer(c, b, treaty.Declare()); err != nil {
		return nil, err
	}
	if o.db, err = database(ctx, file, "orders (id TEXT PRIMARY KEY, status TEXT, placed TEXT)"); err != nil {
		return nil, err
	}
	if o.outbox, err = sqlstore.NewOutbox(ctx, o.db, sqlstore.SQLite); err != nil {
		return nil, err
	}
	mux.HandleFunc("POST /orders", o.place)
	mux.HandleFunc("GET /orders/{id}", o.show)
	mux.HandleFunc("POST /orders/{id}/pay", o.move("placed", "paid", func(p *events.OrderPlacedPayload) (string, any) {
		return events.OrderPaidV1Type, events.OrderPaidPayload{OrderID: p.OrderID, CustomerID: p.CustomerID, TotalMinor: p.TotalMinor, Currency: p.Currency, PaidAt: now()}
	}))
	mux.HandleFunc("POST /orders/{id}/cancel", o.move("placed", "cancelled", func(p *events.OrderPlacedPayload) (string, any) {
		return events.OrderCancelledV1Type, events.OrderCancelledPayload{OrderID: p.OrderID, CustomerID: p.CustomerID, Reason: events.OrderCancelledPayloadReasonCustomerRequest, CancelledAt: now()}
	}))
	mux.HandleFunc("POST /orders/{id}/refund", o.move("paid", "refunded", func(p *events.OrderPlacedPayload) (string, any) {
		return events.OrderRefundedV1Type, events.OrderRefundedPayload{OrderID: p.OrderID, CustomerID: p.CustomerID, RefundMinor: p.TotalMinor, Currency: p.Currency, RefundedAt: now()}
	}))
	return o, nil
}

func now() codec.DateTime { return codec.At(time.Now().UTC()) }

// run sends what is in the outbox, until ctx ends.
func (o *Orders) run(ctx context.Context) error {
	err := o.outbox.Relay(ctx, o.producer.Relay)
	if ctx.Err() != nil {
		err = nil // it was to end
	}
	return errors.Join(err, o.db.Close())
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) {
	order := &Order{Status: "placed"}
	placed := &order.Placed
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(placed); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	placed.OrderID, placed.PlacedAt, placed.TotalMinor = "ord_"+rand.Text(), now(), 0
	for _, l := range placed.Lines {
		if l.UnitMinor > 0 && l.Quantity > (math.MaxInt64-placed.TotalMinor)/l.UnitMinor {
			fail(w, http.StatusUnprocessableEntity, errors.New("the total of the lines is more than an order can have"))
			return
		}
		placed.TotalMinor += l.Quantity * l.UnitMinor
	}
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) {
		text, err := json.Marshal(placed)
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?)", placed.OrderID, order.Status, text)
		}
		return order, errors.Join(err, o.tell(ctx, tx, events.OrderPlacedV1Type, placed.OrderID, placed))
	})
}

func (o *Orders) show(w http.ResponseWriter, r *http.Request) {
	o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) { return find(ctx, tx, r.PathValue("id")) })
}

// move gives an order another status, and tells of it by the event that of makes.
func (o *Orders) move(from, to string, of func(*events.OrderPlacedPayload) (kind string, data any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o.transaction(w, r, func(ctx context.Context, tx *sql.Tx) (*Order, error) {
			order, err := find(ctx, tx, r.PathValue("id"))
			if err != nil {
				return nil, err
			}
			if order.Status != from {
				return nil, errStatus
			}
			order.Status = to
			_, err = tx.ExecContext(ctx, "UPDATE orders SET status = ? WHERE id = ?", to, order.Placed.OrderID)
			kind, data := of(&order.Placed)
			return order, errors.Join(err, o.tell(ctx, tx, kind, order.Placed.OrderID, data))
		})
	}
}

var errStatus = errors.New("the order is in no status for that")

func find(ctx context.Context, tx *sql.Tx, id string) (*Order, error) {
	order, placed := &Order{}, []byte(nil)
	err := tx.QueryRowContext(ctx, "SELECT status, placed FROM orders WHERE id = ?", id).Scan(&order.Status, &placed)
	if err == nil {
		err = json.Unmarshal(placed, &order.Placed)
	}
	return order, err
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
	case errors.Is(err, errStatus):
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
