package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/examples/orders/generated/go/billing"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// Billing books what is paid and refunded, each event once, however often it
// comes: the booking is made in the transaction that remembers the event.
type Billing struct {
	db       *sql.DB
	consumer *treaty.Consumer
}

func newBilling(ctx context.Context, mux *http.ServeMux, c *contract.Contract, b broker.Broker, file string) (*Billing, error) {
	k := &Billing{}
	var err error
	if k.db, err = database(ctx, file, "bookings (order_id TEXT, minor INTEGER, currency TEXT)"); err != nil {
		return nil, err
	}
	inbox, err := sqlstore.Open(ctx, k.db, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	if k.consumer, err = treaty.NewConsumer(c, b, "billing", treaty.Inbox(inbox), treaty.Declare()); err != nil {
		return nil, err
	}
	billing.Handlers{
		OrderPaidV1: func(ctx context.Context, _ *treaty.Delivered, paid billing.OrderPaidV1Data) error {
			return book(ctx, paid.OrderID, paid.TotalMinor, paid.Currency)
		},
		OrderRefundedV1: func(ctx context.Context, _ *treaty.Delivered, refunded billing.OrderRefundedV1Data) error {
			return book(ctx, refunded.OrderID, -refunded.RefundMinor, refunded.Currency)
		},
	}.Register(k.consumer)
	mux.HandleFunc("GET /balance/{currency}", k.balance)
	mux.HandleFunc("GET /ready", k.ready)
	return k, nil
}

// run handles events until ctx ends.
func (k *Billing) run(ctx context.Context) error {
	return errors.Join(k.consumer.Run(ctx), k.db.Close())
}

// book makes a booking in the transaction of the inbox.
func book(ctx context.Context, order string, minor int64, currency string) error {
	tx, _ := sqlstore.Tx(ctx)
	_, err := tx.ExecContext(ctx, "INSERT INTO bookings VALUES (?, ?, ?)", order, minor, currency)
	return err
}

// ready answers when Billing gets what is published from then on.
func (k *Billing) ready(w http.ResponseWriter, r *http.Request) {
	select {
	case <-k.consumer.Ready():
		reply(w, "ready")
	case <-r.Context().Done():
	}
}

// Balance is what is booked in one currency.
type Balance struct {
	Bookings int   `json:"bookings"`
	Minor    int64 `json:"minor"`
}

func (k *Billing) balance(w http.ResponseWriter, r *http.Request) {
	var b Balance
	row := k.db.QueryRowContext(r.Context(), "SELECT count(*), coalesce(sum(minor), 0) FROM bookings WHERE currency = ?", r.PathValue("currency"))
	if err := row.Scan(&b.Bookings, &b.Minor); err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	reply(w, b)
}
