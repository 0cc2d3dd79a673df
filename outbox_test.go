package treaty_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store"
)

func TestOutboxEntries(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	e, err := p.New("orders.paid.v1", "ord_1", paid{Order: "ord_1", Amount: 5})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := p.Entry(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := event.DecodeJSON(entry.Event)
	if err != nil || entry.Channel != "orders" || entry.Key != "ord_1" || back.ID != e.ID || back.Type != e.Type {
		t.Errorf("%v: %+v", err, entry)
	}

	// What breaks the contract fails where it is written.
	wrong, _ := p.New("orders.paid.v1", "ord_1", paid{Order: "ord_1", Amount: -5})
	var invalid *treaty.InvalidError
	if _, err := p.Entry(wrong); !errors.As(err, &invalid) {
		t.Errorf("an entry was made of %s: %v", wrong.Data, err)
	}
	if _, err := p.Entry(&treaty.Event{Type: "orders.paid.v1", ID: "1", Source: "/orders"}); !errors.As(err, &invalid) {
		t.Errorf("an entry was made of an event without a subject: %v", err)
	}

	// What may not be sent any more is refused for good, and keeps the others from
	// being sent, so that whoever relays finds out which it is.
	bad := entry
	bad.Event = []byte(strings.Replace(string(entry.Event), `"amount":5`, `"amount":"5"`, 1))
	for _, entries := range [][]store.Entry{{entry, bad}, {entry, {Channel: "orders", Event: []byte("{")}}} {
		if err := p.Relay(t.Context(), entries); !errors.Is(err, store.ErrRefused) {
			t.Errorf("relaying %s: %v", entries[1].Event, err)
		}
	}
	if err := p.Relay(t.Context(), []store.Entry{entry, entry}); err != nil { // as after a crash
		t.Fatal(err)
	}
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
			if d.ID != e.ID || data.Amount != 5 {
				t.Errorf("%s came: %+v", d.ID, data)
			}
			return nil
		})
	})
	r.until(treaty.Handled, 1)
	r.stop()
	if n := r.Counts()[treaty.Handled]; n != 1 {
		t.Errorf("%d were handled", n)
	}

	// What the broker does not take is sent again, and not refused.
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Relay(t.Context(), []store.Entry{entry}); err == nil || errors.Is(err, store.ErrRefused) || !errors.Is(err, broker.ErrClosed) {
		t.Error(err)
	}
}
