package treaty_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	entry, err := p.Entry(t.Context(), e)
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
	if _, err := p.Entry(t.Context(), wrong); !errors.As(err, &invalid) {
		t.Errorf("an entry was made of %s: %v", wrong.Data, err)
	}
	if _, err := p.Entry(t.Context(), &treaty.Event{Type: "orders.paid.v1", ID: "1", Source: "/orders"}); !errors.As(err, &invalid) {
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

// A producer that was not given what the address of a channel needs refuses no entry of
// an outbox, which waits for one that was.
func TestRelayWithoutAddress(t *testing.T) {
	b, c := open(t), load(t, vary{edit: []string{"address: orders\n", "address: 'orders.{region}'\n    parameters: {region: {}}\n"}})
	able, unable := producer(t, c, b, treaty.Params(map[string]string{"region": "eu"})), producer(t, c, b)
	e, err := able.New("orders.paid.v1", "a", paid{Order: "o"})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := able.Entry(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	err = unable.Relay(t.Context(), []store.Entry{entry})
	if err == nil || errors.Is(err, store.ErrRefused) {
		t.Errorf("relayed without the parameter: %v", err)
	}
	for _, want := range []string{"all wait in the outbox", "the parameter region", "the option Params"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	if err := able.Relay(t.Context(), []store.Entry{entry}); err != nil {
		t.Error(err)
	}
}

// hooks are what a test does where a hook is called; nil does nothing.
type hooks struct {
	before  func(ctx context.Context, e *treaty.Event)
	entered func(e *treaty.Event, err error)
}

func (h hooks) BeforePublish(ctx context.Context, e *treaty.Event) context.Context {
	if h.before != nil {
		h.before(ctx, e)
	}
	return ctx
}

func (h hooks) Entered(_ context.Context, e *treaty.Event, err error) { h.entered(e, err) }

// An entry is prepared by the hooks that prepare what is published: what the contract
// requires and they add is there before the event is held to it.
func TestEntryHooks(t *testing.T) {
	type tenant struct{}
	c := load(t, vary{edit: []string{"required: [type, subject]\n          properties:", "required: [type, subject, tenant]\n          properties:\n            tenant: {type: string}"}})
	var entered []string
	b := open(t)
	p := producer(t, c, b, treaty.Hooks(hooks{
		before: func(ctx context.Context, e *treaty.Event) {
			if of, ok := ctx.Value(tenant{}).(string); ok {
				e.Extensions.Set("tenant", event.TextValue(of))
			}
		},
		entered: func(e *treaty.Event, err error) { entered = append(entered, fmt.Sprint(e.Subject, " ", err == nil)) },
	}))
	e, err := p.New("orders.paid.v1", "a", paid{Order: "o"})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := p.Entry(context.WithValue(t.Context(), tenant{}, "acme"), e)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Relay(t.Context(), []store.Entry{entry}); err != nil {
		t.Errorf("relaying what has its tenant: %v", err)
	}
	without, _ := p.New("orders.paid.v1", "b", paid{Order: "o"})
	var invalid *treaty.InvalidError
	if _, err := p.Entry(t.Context(), without); !errors.As(err, &invalid) {
		t.Errorf("an entry without a tenant: %v", err)
	}
	if !slices.Equal(entered, []string{"a true", "b false"}) {
		t.Errorf("hooks were told %q", entered)
	}
	if _, err := p.Entry(t.Context(), nil); !errors.Is(err, treaty.ErrUsage) {
		t.Errorf("an entry of nothing: %v", err)
	}
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			if of, _ := d.Extensions.Get("tenant"); of.String() != "acme" {
				return fmt.Errorf("the tenant is %s", of)
			}
			return nil
		})
	})
	r.until(treaty.Handled, 1)
}

// What is to go through the outbox and does not is warned of, once for each channel.
func TestBesideTheOutbox(t *testing.T) {
	c := load(t, vary{edit: []string{
		"  snap:\n    action: send\n    channel: {$ref: '#/channels/snapshots'}\n", `  snap:
    action: send
    channel: {$ref: '#/channels/snapshots'}
    x-delivery: {outbox: true}
  again:
    action: send
    channel: {$ref: '#/channels/orders'}
    messages: [{$ref: '#/channels/orders/messages/paid'}, {$ref: '#/channels/orders/messages/cancelled'}]
    x-delivery: {outbox: true}
  byhand:
    action: send
    channel: {$ref: '#/channels/orders'}
    messages: [{$ref: '#/channels/orders/messages/cancelled'}]
`, "  send:\n    action: send\n    channel: {$ref: '#/channels/orders'}\n", ""}})
	var log bytes.Buffer
	p := producer(t, c, open(t), treaty.Source("/orders"), treaty.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	warned := func(want string, do func() error) {
		t.Helper()
		log.Reset()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); (want == "") != (got == "") || !strings.Contains(got, want) || strings.Count(got, "\n") > 1 {
			t.Errorf("it logs %q, and not one of %q", got, want)
		}
	}
	publish := func(kind string, data any) func() error {
		return func() error { _, err := p.Publish(t.Context(), kind, "s", data); return err }
	}
	order := map[string]any{"order": "o"}
	warned("", func() error {
		e, err := p.New("orders.paid.v1", "s", paid{Order: "o"})
		if err != nil {
			return err
		}
		entry, err := p.Entry(t.Context(), e)
		if err != nil {
			return err
		}
		return p.Relay(t.Context(), []store.Entry{entry})
	})
	warned("", publish("orders.cancelled.v1", order)) // which an operation sends by itself
	warned("channel=orders type=orders.paid.v1", publish("orders.paid.v1", paid{Order: "o"}))
	warned("", publish("orders.paid.v1", paid{Order: "o"}))
	warned("channel=snapshots type=orders.snapshot.v1", publish("orders.snapshot.v1", order))
}
