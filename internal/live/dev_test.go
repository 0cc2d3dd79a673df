package live

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/memory"
)

func orders(t *testing.T, names ...string) []Document {
	t.Helper()
	var all []Document
	for _, name := range names {
		c, err := treaty.Load(t.Context(), os.DirFS("../../examples/orders"), name+".asyncapi.yaml")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Document{name, c})
	}
	return all
}

func document(t *testing.T, text string) Document {
	t.Helper()
	c, err := treaty.Load(t.Context(), fstest.MapFS{"a.yaml": {Data: []byte(text)}}, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return Document{"a.yaml", c}
}

func open(t *testing.T) broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), "embedded:", embedded.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func play(t *testing.T, ctx context.Context, b broker.Broker, o DevOptions, documents ...Document) Status {
	t.Helper()
	if o.Store == nil {
		o.Store = func(string, time.Duration) (store.Store, error) { return memory.New(), nil }
	}
	d, err := NewDev(documents, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return d.Status()
}

func named(t *testing.T, s Status, name string) GroupStatus {
	t.Helper()
	i := slices.IndexFunc(s.Groups, func(g GroupStatus) bool { return g.Group == name })
	if i < 0 {
		t.Fatalf("there is no group %s in %+v", name, s.Groups)
	}
	return s.Groups[i]
}

// Every event has one outcome in every group, and each played fault the one that
// it should have.
func TestDev(t *testing.T) {
	s := play(t, t.Context(), open(t), DevOptions{Events: 2000, Faults: 0.1, Seed: 3}, orders(t, "billing", "orders", "shipping")...)
	whole := s.Whole()
	if s.Published != 2000 || whole.Delivered != 2000 || whole.Duplicates != s.Twice || whole.DeadLettered != s.Invalid || s.Twice < 100 || s.Invalid < 10 || s.Rejected < 100 || !s.Held() || s.Open != 0 || len(s.Notes) > 0 {
		t.Errorf("%+v", s)
	}
	sent := map[string]int64{}
	for _, one := range s.Types {
		sent[one.Type] = one.Published
	}
	for name, types := range map[string][]string{"billing": {"orders.paid.v1", "orders.refunded.v1"}, "shipping": {"orders.paid.v1", "orders.cancelled.v1"}} {
		want := int64(0)
		for _, kind := range types {
			want += sent[kind]
		}
		// What is invalid for one document may be valid for another, which declares less.
		if g := named(t, s, name); g.Delivered < want || g.Delivered+g.DeadLettered > want+s.Invalid || !g.Ordered {
			t.Errorf("%s should have got %d: %+v", name, want, g)
		}
	}
	if again := play(t, t.Context(), open(t), DevOptions{Events: 2000, Faults: 0.1, Seed: 3}, orders(t, "billing", "orders", "shipping")...); again.Sent != s.Sent || !slices.Equal(again.Types, s.Types) {
		t.Errorf("the same seed played %+v, and %+v", s.Sent, again.Sent)
	}
}

// Handlers that fail hold back their key, and nobody else; it ends when it is
// told to.
func TestDevFailures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	d := document(t, `
asyncapi: 3.1.0
info: {title: A, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  a:
    address: a
    x-delivery: {ordering: {scope: key, key: subject}}
    messages: {m: {x-cloudevents: {mode: structured, payload: data, type: a.done.v1, source: /a}, payload: {type: object}}}
operations:
  send: {action: send, channel: {$ref: '#/channels/a'}, x-delivery: {outbox: true}}
  receive: {action: receive, channel: {$ref: '#/channels/a'}, x-delivery: {retry: {maxAttempts: 9, delay: PT0.01S, maxDelay: PT0.02S}}}
`)
	s := play(t, ctx, open(t), DevOptions{Rate: 300, Failures: 0.2, Seed: 1}, d)
	g := named(t, s, "a")
	if s.Published < 100 || g.Retried < 10 || g.Delivered < 50 || g.OutOfOrder > 0 || !s.Held() {
		t.Errorf("%+v", s)
	}
}

// saboteur breaks what a broker promises, on the way to the consumers.
type saboteur struct {
	broker.Broker
	lose, swap int // the delivery of this number on orders.events, 0 for none
	change     int // what is published so often is another event by then, 0 for none
	unknown    bool
}

// Publish changes events behind the producer's back: their data, or their type.
func (b *saboteur) Publish(ctx context.Context, ch broker.Channel, messages ...broker.Message) error {
	for i := range messages {
		switch m := &messages[i]; {
		case ch.Address != "orders.events" || b.change == 0 || i%b.change != 0:
		case b.unknown:
			m.Body = bytes.Replace(m.Body, []byte(`"type":"orders.`), []byte(`"type":"others.`), 1)
		default:
			m.Body = bytes.Replace(m.Body, []byte(`"data":{`), []byte(`"data":{"order_id":5,`), 1)
		}
	}
	return b.Broker.Publish(ctx, ch, messages...)
}

func (b *saboteur) Subscribe(ctx context.Context, ch broker.Channel, o broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if ch.Address != "orders.events" {
		return b.Broker.Subscribe(ctx, ch, o, handle)
	}
	var mu sync.Mutex
	n, held := 0, []broker.Delivery{}
	return b.Broker.Subscribe(ctx, ch, o, func(d broker.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		switch n++; {
		case n == b.lose:
			_ = d.Term()
		case b.swap > 0 && n >= b.swap && n < b.swap+400: // more than there are keys
			if held = append(held, d); len(held) == 400 {
				for _, one := range slices.Backward(held) {
					handle(one)
				}
			}
		default:
			handle(d)
		}
	})
}

// forgetful is a store that knows nothing again.
type forgetful struct{ store.Store }

func (forgetful) Claim(context.Context, store.Identity) (store.State, error) {
	return store.Claimed, nil
}

// What a broker or a store breaks is seen.
func TestDevSees(t *testing.T) {
	documents := orders(t, "orders")
	s := play(t, t.Context(), &saboteur{Broker: open(t), lose: 20}, DevOptions{Events: 500, Stalled: time.Second}, documents...)
	if g := named(t, s, DevGroup); g.Lost != 1 || g.Delivered != 499 || s.Held() || !strings.Contains(strings.Join(s.Problems, "\n"), "did not come") {
		t.Errorf("lost: %+v", s)
	}
	s = play(t, t.Context(), &saboteur{Broker: open(t), swap: 30}, DevOptions{Events: 700, Stalled: time.Second}, documents...)
	if g := named(t, s, DevGroup); g.OutOfOrder == 0 || s.Held() || !strings.Contains(strings.Join(s.Problems, "\n"), "after a later one") {
		t.Errorf("swapped: %+v", s)
	}
	s = play(t, t.Context(), open(t), DevOptions{Events: 500, Faults: 0.1, Store: func(string, time.Duration) (store.Store, error) { return forgetful{memory.New()}, nil }}, documents...)
	if g := named(t, s, DevGroup); g.Again != s.Twice || g.Again == 0 || s.Held() {
		t.Errorf("forgotten: %+v", s)
	}
	s = play(t, t.Context(), &saboteur{Broker: open(t), change: 50}, DevOptions{Events: 500}, documents...)
	if g := named(t, s, DevGroup); g.Refused == 0 || g.Refused != g.DeadLettered || g.Delivered+g.Refused != 500 || s.Held() {
		t.Errorf("dead-lettered: %+v", s)
	}
	s = play(t, t.Context(), &saboteur{Broker: open(t), change: 50, unknown: true}, DevOptions{Events: 500}, documents...)
	if g := named(t, s, DevGroup); g.Missed == 0 || g.Missed != g.Skipped || g.Delivered+g.Missed != 500 || s.Held() {
		t.Errorf("skipped: %+v", s)
	}
}

// Events are played that are known again by what the contract says, and those are not
// that would be taken for others.
func TestDevKnownAgain(t *testing.T) {
	of := func(by string) Document {
		return document(t, `
asyncapi: 3.1.0
info: {title: A, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  a:
    address: a
    x-delivery: {ordering: {scope: key, key: time}, dedupe: {by: `+by+`, where: consumer}}
    messages:
      m:
        x-cloudevents: {mode: structured, payload: data, type: a.done.v1, source: /a}
        headers: {type: object, required: [kind], properties: {kind: {type: string}}}
        payload: {type: object, required: [n, text, kind], properties: {n: {type: integer}, text: {type: string}, kind: {enum: [a, b]}}}
operations:
  send: {action: send, channel: {$ref: '#/channels/a'}}
`)
	}
	for _, by := range []string{"[source, paymentid]", "[source, time, /data/n]", "[source, /data/text]"} {
		s := play(t, t.Context(), open(t), DevOptions{Events: 200, Faults: 0.1}, of(by))
		if g := named(t, s, DevGroup); g.Delivered != 200 || g.Duplicates != s.Twice || g.DeadLettered != s.Invalid || s.Twice == 0 {
			t.Errorf("%s: %+v", by, s)
		}
	}
	for _, by := range []string{"[source, subject]", "[source, /data/n]", "[source, /data/kind]", "[source, kind]"} {
		if _, err := NewDev([]Document{of(by)}, open(t), DevOptions{}); err == nil || !strings.Contains(err.Error(), "events are known again by source and ") {
			t.Errorf("%s: %v", by, err)
		}
	}
}

func TestSubjectField(t *testing.T) {
	for _, test := range []struct{ ordering, samples, want string }{
		{"", `{"order_id":"a","customer_id":"b"} {"order_id":"c"}`, "order_id"},
		{"", `{"customer_id":"b"} {"customer_id":"b"}`, ""}, // not what the channel is about
		{"", `{"id":"b"}`, "id"},
		{"", `{"orderId":"b"}`, "orderId"},
		{"", `{"paid":"b"}`, ""},
		{"", `{"order_id":7}`, ""},
		{"", `[] `, ""},
		{"x-delivery: {ordering: {scope: key, key: /data/customer}}", `{"order_id":"a"}`, "customer"},
		{"x-delivery: {ordering: {scope: key, key: /data/a/b}}", `{"order_id":"a"}`, ""},
	} {
		d := document(t, `
asyncapi: 3.1.0
info: {title: A, version: 1.0.0}
channels:
  orders: {address: orders, messages: {m: {payload: {type: object}}}, `+test.ordering+`}
`)
		var samples [][]byte
		for _, one := range strings.Fields(test.samples) {
			samples = append(samples, []byte(one))
		}
		if got := subjectField(d.Contract.Channels[0], samples); got != test.want {
			t.Errorf("%s %s: %q, and not %q", test.ordering, test.samples, got, test.want)
		}
	}
}

// The subject of an event and the field that says the same are the same.
func TestSubjects(t *testing.T) {
	b := open(t)
	d, err := NewDev(orders(t, "orders"), b, DevOptions{Store: func(string, time.Duration) (store.Store, error) { return memory.New(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range d.sources {
		for range 200 {
			e, err := s.event(d.choose, s.samples[d.choose.IntN(len(s.samples))])
			if err != nil {
				t.Fatal(err)
			}
			from, to, ok := find(e.Data, "order_id")
			if !ok || text(e.Data[from:to]) != e.Subject {
				t.Fatalf("%s has the subject %s", e.Data, e.Subject)
			}
			if err := s.producer.Check(e); err != nil {
				t.Fatal(err)
			}
			seen[e.Subject] = true
		}
	}
	if len(seen) < 20 || len(seen) > 2*poolSubjects {
		t.Errorf("%d subjects", len(seen))
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}
