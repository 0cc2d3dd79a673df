package treaty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/embedded"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/memory"
)

// document is a contract with what the tests need; %s stands for more of the
// channel's x-delivery, the operation's, and the policy.
const document = `
asyncapi: 3.1.0
info: {title: Orders, version: 1.0.0}
defaultContentType: application/cloudevents+json
x-compatibility: {$policy}
channels:
  orders:
    address: orders
    messages:
      paid:
        headers:
          type: object
          required: [type, subject]
          properties:
            type: {type: string, const: orders.paid.v1}
            source: {type: string, const: /orders}
            subject: {type: string, minLength: 1}
        payload:
          type: object
          additionalProperties: false
          required: [order, amount]
          properties:
            order: {type: string}
            amount: {type: integer, minimum: 0}
            method: {enum: [card, cash]}
      cancelled:
        headers:
          type: object
          required: [type]
          properties:
            type: {type: string, const: orders.cancelled.v1}
        payload:
          type: object
          required: [order]
          properties:
            order: {type: string}
    x-delivery: {ordering: {scope: key, key: subject}, $channel}
  snapshots:
    address: snapshots
    messages:
      snapshot:
        headers: {type: object, properties: {type: {type: string, const: orders.snapshot.v1}}}
        payload: {type: object, required: [order], properties: {order: {type: string}}}
  requests:
    address: requests
operations:
  send:
    action: send
    channel: {$ref: '#/channels/orders'}
  snap:
    action: send
    channel: {$ref: '#/channels/snapshots'}
  receive:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-delivery: {retry: {maxAttempts: 3, delay: PT0.01S, maxDelay: PT0.02S}, $operation}
`

// vary is what a test's contract has beside the common.
type vary struct {
	channel, operation, policy string
	edit                       []string // pairs of what stands in it, and what stands there instead
}

func load(t *testing.T, v vary) *contract.Contract { t.Helper(); return loadFor(t, v) }

func loadFor(t testing.TB, v vary) *contract.Contract {
	t.Helper()
	return loadText(t, strings.NewReplacer(append([]string{"$channel", v.channel, "$operation", v.operation, "$policy", v.policy}, v.edit...)...).Replace(document))
}

func open(t *testing.T) broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), "embedded:"+t.TempDir(), embedded.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

var silent = treaty.Logger(slog.New(slog.NewTextHandler(io.Discard, nil)))

type paid struct {
	Order  string `json:"order"`
	Amount int    `json:"amount"`
	Method string `json:"method,omitempty"`
}

// running is a consumer that runs until the test ends, or stop is called.
type running struct {
	*treaty.Consumer
	t      *testing.T
	cancel func()
	over   chan error
	once   sync.Once

	mu   sync.Mutex
	seen []treaty.Outcome
}

func (r *running) Outcome(_ context.Context, o treaty.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, o)
}

// run runs a consumer; register gives it handlers.
func run(t *testing.T, c *contract.Contract, b broker.Broker, register func(*treaty.Consumer), options ...treaty.ConsumerOption) *running {
	t.Helper()
	r := &running{t: t, over: make(chan error, 1)}
	options = append([]treaty.ConsumerOption{silent, treaty.Hooks(r), treaty.Store(memory.New())}, options...)
	k, err := treaty.NewConsumer(c, b, "group", options...)
	if err != nil {
		t.Fatal(err)
	}
	r.Consumer = k
	register(k)
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go func() { r.over <- k.Run(ctx) }()
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	r.once.Do(func() {
		r.cancel()
		select {
		case err := <-r.over:
			if err != nil {
				r.t.Errorf("the consumer ended with: %v", err)
			}
		case <-time.After(30 * time.Second):
			r.t.Error("the consumer did not end")
		}
	})
}

// until waits until there are so many outcomes of a result.
func (r *running) until(result treaty.Result, n int64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d %s", n, result), func() bool { return r.Counts()[result] >= n })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there were never %s", what)
		}
	}
}

func producer(t *testing.T, c *contract.Contract, b broker.Broker, options ...treaty.ProducerOption) *treaty.Producer {
	t.Helper()
	p, err := treaty.NewProducer(c, b, append([]treaty.ProducerOption{silent}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dead reads n events of a dead letter.
func dead(t *testing.T, b broker.Broker, address string, n int) []*event.Event {
	t.Helper()
	var mu sync.Mutex
	var all []*event.Event
	s, err := b.Subscribe(t.Context(), broker.Channel{Address: address}, broker.Options{}, func(d broker.Delivery) {
		e, _, err := b.Binding().Decode(d.Message())
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		all = append(all, e)
		mu.Unlock()
		_ = d.Ack()
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("%d dead letters", n), func() bool { mu.Lock(); defer mu.Unlock(); return len(all) >= n })
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return all
}

func extension(e *event.Event, name string) string {
	v, _ := e.Extensions.Get(name)
	return v.String()
}

// raw publishes what no producer would.
func raw(t *testing.T, b broker.Broker, address string, messages ...event.Message) {
	t.Helper()
	for _, m := range messages {
		if err := b.Publish(t.Context(), broker.Channel{Address: address}, broker.Message{Message: m}); err != nil {
			t.Fatal(err)
		}
	}
}

func structured(text string) event.Message {
	return event.Message{ContentType: "application/cloudevents+json", Headers: []event.Header{{Name: "content-type", Value: event.TextValue("application/cloudevents+json")}}, Body: []byte(text)}
}

func TestPublishAndConsume(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	var got paid
	var how treaty.Delivered
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(ctx context.Context, d *treaty.Delivered, data paid) error {
			got, how = data, *d
			return nil
		})
	})
	sent, err := p.Publish(t.Context(), "orders.paid.v1", "ord_1", paid{Order: "ord_1", Amount: 5})
	if err != nil {
		t.Fatal(err)
	}
	if sent.Source != "/orders" || sent.ID == "" || sent.Time.IsZero() || sent.DataContentType != "application/json" {
		t.Errorf("filled in were %+v", sent)
	}
	r.until(treaty.Handled, 1)
	r.stop()
	if got != (paid{Order: "ord_1", Amount: 5}) || how.Key != "ord_1" || how.Channel != "orders" || how.Attempt() != 1 || how.Position() != "1" || how.ID != sent.ID || how.Replayed {
		t.Errorf("%+v came as %+v", got, how)
	}
}

func TestProducerRefuses(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "limits: {maxBytes: 200}"})
	p := producer(t, c, b, treaty.Source("/orders"))
	for _, test := range []struct {
		kind, subject string
		data          any
		change        func(*treaty.Event)
		want          string
	}{
		{"orders.payed.v1", "a", paid{}, nil, `/type: the contract sends no event of type "orders.payed.v1"; did you mean "orders.paid.v1"?`},
		{"orders.paid.v1", "a", map[string]any{"order": "a"}, nil, "/data: property \"amount\" is required"},
		{"orders.paid.v1", "a", paid{Order: "a", Amount: -1}, nil, "/data/amount"},
		{"orders.paid.v1", "a", paid{Order: "a", Method: "gold"}, nil, "/data/method"},
		{"orders.paid.v1", "", paid{Order: "a"}, nil, "the event has no subject"},
		{"orders.cancelled.v1", "", paid{Order: "a"}, nil, "/data"},
		{"orders.cancelled.v1", "", map[string]any{"order": "a"}, nil, "the event has no subject, which the channel orders orders its events by"},
		{"orders.cancelled.v1", "a", map[string]any{"order": "a", "else": 1}, nil, "else"}, // producers: declared
		{"orders.paid.v1", "a", nil, nil, "the event has no data"},
		{"orders.paid.v1", "a", json.RawMessage(`{"order":`), nil, "/data"},
		{"orders.paid.v1", "a", paid{Order: strings.Repeat("x", 300)}, nil, "and the channel takes 200"},
		{"orders.paid.v1", "a", paid{}, func(e *treaty.Event) { e.ID = "" }, "id is required"},
		{"orders.cancelled.v1", "a", map[string]any{"order": "a"}, func(e *treaty.Event) { e.Source = "" }, "/source: it has no source; one that New makes"},
		{"orders.paid.v1", "a", paid{}, func(e *treaty.Event) { e.Source = "/else" }, `source is "/else", and the contract has "/orders"`},
	} {
		e, err := p.New(test.kind, test.subject, test.data)
		if err != nil {
			t.Fatal(err)
		}
		if test.change != nil {
			test.change(e)
		}
		err = p.PublishEvents(t.Context(), e)
		var invalid *treaty.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %v: %v, and not: %s", test.kind, test.data, err, test.want)
		}
		if again := p.Check(e); again == nil || again.Error() != err.Error() {
			t.Errorf("Check says %v, and publishing %v", again, err)
		}
	}
	// One that is wrong keeps the others from being sent.
	good, _ := p.New("orders.paid.v1", "a", paid{})
	bad, _ := p.New("orders.paid.v1", "", paid{})
	if err := p.PublishEvents(t.Context(), good, bad, bad); err == nil || strings.Count(err.Error(), "breaks the contract") != 2 {
		t.Error(err)
	}
	if err := p.PublishEvents(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
	r.until(treaty.Handled, 1)
	r.stop()
	if r.Counts()[treaty.Handled] != 1 {
		t.Errorf("what was refused was sent: %v", r.Counts())
	}
}

func TestDeadLetters(t *testing.T) {
	b, c := open(t), load(t, vary{policy: "dispatch: strict"})
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(ctx context.Context, d *treaty.Delivered, data paid) error {
			switch data.Order {
			case "fails":
				return errors.New("no\nway")
			case "panics":
				panic("help")
			case "rejected":
				return treaty.Reject(errors.New("never"))
			}
			return nil
		})
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
	}, treaty.Channels("orders"))
	ce := func(id, kind, rest string) event.Message {
		return structured(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/orders","type":%q,%s}`, id, kind, rest))
	}
	raw(t, b, "orders",
		event.Message{Body: []byte("\x00\xff no event"), Headers: []event.Header{{Name: "x", Value: event.TextValue("y")}}},
		structured(`{"specversion":"1.0","id":"cut`),
		structured(`{"specversion":"1.0","id":"i","source":"/orders","data":{}}`),
		event.Message{Headers: []event.Header{{Name: "ce-specversion", Value: event.TextValue("1.0")}, {Name: "ce-id", Value: event.TextValue("binary")}, {Name: "ce-source", Value: event.TextValue("/orders")}, {Name: "ce-type", Value: event.TextValue("orders.paid.v1")}, {Name: "ce-subject", Value: event.TextValue("s")}}, Body: []byte(`{"order":"a","amount":1}`)},
		ce("wrong", "orders.paid.v1", `"subject":"s","data":{"order":"a","amount":-1}`),
		ce("unknown", "orders.else.v1", `"subject":"s","data":{}`),
		ce("unordered", "orders.cancelled.v1", `"data":{"order":"a"}`),
		ce("fails", "orders.paid.v1", `"subject":"s","data":{"order":"fails","amount":1}`),
		ce("panics", "orders.paid.v1", `"subject":"s","data":{"order":"panics","amount":1}`),
		ce("rejected", "orders.paid.v1", `"subject":"s","data":{"order":"rejected","amount":1}`),
		ce("good", "orders.paid.v1", `"subject":"s","data":{"order":"good","amount":1}`),
		ce("good", "orders.paid.v1", `"subject":"s","data":{"order":"other","amount":1}`),
		ce("good", "orders.paid.v1", `"subject":"s","data":{"order":"good","amount":1}`),
	)
	r.until(treaty.DeadLettered, 11)
	r.until(treaty.Handled, 1)
	r.until(treaty.Duplicate, 1)
	r.stop()
	want := map[string]string{"binary": "wrong-mode", "wrong": "invalid", "unknown": "unknown-type", "unordered": "invalid", "fails": "attempts", "panics": "attempts", "rejected": "rejected", "good": "collision"}
	malformed := 0
	for _, e := range dead(t, b, "orders.dlq", 11) {
		reason := extension(e, "dlqreason")
		if extension(e, "dlqgroup") != "group" || extension(e, "dlqchannel") != "orders" || extension(e, "dlqdetail") == "" || extension(e, "dlqtime") == "" || extension(e, "dlqposition") == "" {
			t.Errorf("%s has the extensions %v", e.ID, e.Extensions)
		}
		if e.Type == treaty.MalformedType {
			malformed++
			var d treaty.MalformedData
			if err := json.Unmarshal(e.Data, &d); err != nil || reason != "malformed" || len(d.Body) == 0 {
				t.Errorf("%s: %v, %s, %s", e.Data, err, reason, d.Body)
			}
			continue
		}
		if reason != want[e.ID] {
			t.Errorf("%s is dead for %s (%s), and not %s", e.ID, reason, extension(e, "dlqdetail"), want[e.ID])
		}
		attempts := map[string]string{"fails": "3", "panics": "3", "rejected": "1"}[e.ID]
		if got := extension(e, "dlqattempts"); got != attempts && (attempts != "" || got != "0") {
			t.Errorf("%s was tried %s times, and not %s", e.ID, got, attempts)
		}
		delete(want, e.ID)
	}
	if len(want) > 0 || malformed != 3 {
		t.Errorf("missing: %v; malformed %d", want, malformed)
	}
	if n := r.Counts()[treaty.Retried]; n != 4 {
		t.Errorf("%d were tried again, and not 4", n)
	}
}

// Events of a key in their order, whatever fails; others go on meanwhile.
func TestOrderUnderRetries(t *testing.T) {
	b, c := open(t), load(t, vary{operation: "maxInFlight: 16"})
	const keys, each = 10, 30
	var mu sync.Mutex
	next, busy, tries := map[string]int{}, map[string]bool{}, map[string]int{}
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(ctx context.Context, d *treaty.Delivered, data paid) error {
			mu.Lock()
			if busy[d.Key] {
				t.Errorf("two events of %s are handled at a time", d.Key)
			}
			busy[d.Key] = true
			if next[d.Key] != data.Amount {
				t.Errorf("%s: %d came for %d", d.Key, data.Amount, next[d.Key])
			}
			mu.Unlock()
			time.Sleep(time.Duration(data.Amount%3) * 100 * time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			busy[d.Key] = false
			if tries[d.ID]++; data.Amount%7 == 3 && tries[d.ID] < 3 {
				return errors.New("not now")
			}
			next[d.Key]++
			return nil
		})
	})
	p := producer(t, c, b)
	var all []*treaty.Event
	for i := range each {
		for k := range keys {
			e, err := p.New("orders.paid.v1", fmt.Sprint("k", k), paid{Order: "o", Amount: i})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
	}
	if err := p.PublishEvents(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Handled, keys*each)
}

// A key that fails again and again holds back nobody else, though more than the
// events in flight wait behind it.
func TestOneKeyHoldsBackNoOther(t *testing.T) {
	b, c := open(t), load(t, vary{operation: "maxInFlight: 4"})
	var stuck sync.WaitGroup
	stuck.Add(1)
	release := sync.OnceFunc(stuck.Done)
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(ctx context.Context, d *treaty.Delivered) error {
			if d.Key == "stuck" {
				stuck.Wait()
			}
			return nil
		})
	}, treaty.Channels("orders"))
	t.Cleanup(release)
	p := producer(t, c, b)
	for i := range 200 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "stuck", paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint("free", i), paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	r.until(treaty.Handled, 20)
	release()
	r.until(treaty.Handled, 220)
}

func TestReaderPolicy(t *testing.T) {
	for policy, want := range map[string][]string{
		"":                              {"plain"},
		"readers: tolerant":             {"plain", "more"},
		"enums: open":                   {"plain", "gold"},
		"readers: tolerant,enums: open": {"plain", "more", "gold"},
	} {
		b, c := open(t), load(t, vary{policy: policy})
		var mu sync.Mutex
		var got []string
		r := run(t, c, b, func(k *treaty.Consumer) {
			k.Handle("orders.paid.v1", func(_ context.Context, d *treaty.Delivered) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, d.ID)
				return nil
			})
		})
		for id, more := range map[string]string{"plain": "", "more": `,"else":1`, "gold": `,"method":"gold"`, "number": `,"method":1`} {
			raw(t, b, "orders", structured(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/orders","type":"orders.paid.v1","subject":"s","data":{"order":"a","amount":1%s}}`, id, more)))
		}
		r.until(treaty.Handled, int64(len(want)))
		r.until(treaty.DeadLettered, int64(4-len(want)))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v were handled, and not %v", policy, got, want)
		}
	}
}

// A handler has the defaults of a contract that has them applied.
func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		policy  string
		handled int64
		want    paid
	}{
		{"defaults: applied", 1, paid{Order: "none", Amount: 7}},
		{"", 0, paid{}},
	} {
		b, c := open(t), load(t, vary{policy: test.policy, edit: []string{"order: {type: string}\n            amount", "order: {type: string, default: none}\n            amount"}})
		var got paid
		r := run(t, c, b, func(k *treaty.Consumer) {
			treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
				if got = data; string(d.Data) != `{"amount":7}` {
					t.Errorf("what came is said to be %s", d.Data)
				}
				return nil
			})
		})
		raw(t, b, "orders", structured(`{"specversion":"1.0","id":"i","source":"/orders","type":"orders.paid.v1","subject":"s","data":{"amount":7}}`))
		r.until(treaty.Handled, test.handled)
		r.until(treaty.DeadLettered, 1-test.handled)
		if r.stop(); got != test.want {
			t.Errorf("with %q the handler had %+v, and not %+v", test.policy, got, test.want)
		}
	}
}

func TestDispatch(t *testing.T) {
	b, c := open(t), load(t, vary{})
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
	})
	raw(t, b, "orders", structured(`{"specversion":"1.0","id":"1","source":"/x","type":"orders.else.v1"}`), structured(`{"specversion":"1.0","id":"2","source":"/x","type":"orders.cancelled.v1"}`))
	r.until(treaty.Skipped, 2)
}

// broken is a broker that fails to publish to an address as long as it is told to.
type broken struct {
	broker.Broker
	address string
	mu      sync.Mutex
	fails   int
}

func (b *broken) Publish(ctx context.Context, ch broker.Channel, messages ...broker.Message) error {
	b.mu.Lock()
	fails := ch.Address == b.address && b.fails > 0
	if fails {
		b.fails--
	}
	b.mu.Unlock()
	if fails {
		return errors.New("refused")
	}
	return b.Broker.Publish(ctx, ch, messages...)
}

// An event whose dead letter cannot be written is not settled: it waits, and so
// does what is behind it.
func TestDeadLetterRefuses(t *testing.T) {
	b, c := &broken{Broker: open(t), address: "orders.dlq", fails: 3}, load(t, vary{})
	var order []string
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(_ context.Context, d *treaty.Delivered) error {
			order = append(order, d.ID)
			if d.ID == "bad" {
				return treaty.Reject(errors.New("bad"))
			}
			return nil
		})
	})
	for _, id := range []string{"bad", "good"} {
		raw(t, b, "orders", structured(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/orders","type":"orders.paid.v1","subject":"s","data":{"order":"a","amount":1}}`, id)))
	}
	r.until(treaty.Handled, 1)
	r.stop()
	if b.fails != 0 || r.Counts()[treaty.DeadLettered] != 1 || order[len(order)-1] != "good" {
		t.Errorf("%d left to fail, %v, %v", b.fails, r.Counts(), order)
	}
}

// failing is a store that fails as often as it is told to.
type failing struct {
	store.Store
	mu           sync.Mutex
	claims, done int
}

func (f *failing) fail(n *int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *n == 0 {
		return nil
	}
	*n--
	return errors.New("no room on the disk")
}

func (f *failing) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	if err := f.fail(&f.claims); err != nil {
		return 0, err
	}
	return f.Store.Claim(ctx, id)
}

func (f *failing) Done(ctx context.Context, ids ...store.Identity) error {
	if err := f.fail(&f.done); err != nil {
		return err
	}
	return f.Store.Done(ctx, ids...)
}

func TestStoreFails(t *testing.T) {
	b, c := open(t), load(t, vary{})
	st := &failing{Store: memory.New(), claims: 2, done: 2}
	handled := 0
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { handled++; return nil })
	}, treaty.Store(st))
	p := producer(t, c, b)
	for i := range 5 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	r.until(treaty.Handled, 5)
	r.stop()
	if handled != 5 || st.claims != 0 || st.done != 0 {
		t.Errorf("handled %d times, %+v", handled, st)
	}
}

// uncommitted is an inbox whose commits fail for a while.
type uncommitted struct {
	mu    sync.Mutex
	fails int
	done  map[store.Identity]bool
}

func (u *uncommitted) Once(ctx context.Context, id store.Identity, handle func(context.Context) error) (store.State, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done[id] {
		return store.Done, nil
	}
	if err := handle(ctx); err != nil {
		return store.Claimed, err
	}
	if u.fails--; u.fails >= 0 {
		return store.Claimed, errors.New("no space left on device")
	}
	u.done[id] = true
	return store.Claimed, nil
}

// A commit that fails is no attempt of the handler's: the event waits, and is not
// given up.
func TestInboxFails(t *testing.T) {
	b, c := open(t), load(t, vary{})
	in := &uncommitted{fails: 4, done: map[store.Identity]bool{}} // the contract has 3 attempts
	calls := map[string]int{}
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
			if calls[data.Order]++; data.Order == "fails" {
				return errors.New("no")
			}
			return nil
		})
	}, treaty.Inbox(in))
	p := producer(t, c, b)
	for _, order := range []string{"good", "fails"} {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Order: order}); err != nil {
			t.Fatal(err)
		}
	}
	r.until(treaty.Handled, 1)
	r.until(treaty.DeadLettered, 1)
	r.stop()
	if calls["good"] != 5 || calls["fails"] != 3 || len(in.done) != 1 {
		t.Errorf("handlers were called %v times, and %d events are done", calls, len(in.done))
	}
}

// A handler that ends its goroutine has failed, and others go on where there is
// but one at a time.
func TestHandlerExits(t *testing.T) {
	for _, with := range []treaty.ConsumerOption{treaty.Store(memory.New()), treaty.Inbox(&uncommitted{done: map[store.Identity]bool{}})} {
		b, c := open(t), load(t, vary{operation: "maxInFlight: 1"})
		calls := map[string]int{}
		r := run(t, c, b, func(k *treaty.Consumer) {
			treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
				if calls[data.Order]++; data.Order == "exits" || data.Order == "once" && calls["once"] == 1 {
					runtime.Goexit()
				}
				return nil
			})
		}, with)
		p := producer(t, c, b)
		for _, order := range []string{"exits", "once", "good"} {
			if _, err := p.Publish(t.Context(), "orders.paid.v1", order, paid{Order: order}); err != nil {
				t.Fatal(err)
			}
		}
		r.until(treaty.Handled, 2)
		r.until(treaty.DeadLettered, 1)
		r.stop()
		if calls["exits"] != 3 || calls["once"] != 2 || calls["good"] != 1 {
			t.Errorf("handlers were called %v times", calls)
		}
		if why := extension(dead(t, b, "orders.dlq", 1)[0], "dlqdetail"); !strings.Contains(why, "runtime.Goexit") {
			t.Errorf("it is dead for %q", why)
		}
	}
}

// What a consumer does not finish comes to the next one.
func TestDrain(t *testing.T) {
	b, c := open(t), load(t, vary{operation: "maxInFlight: 2"})
	p := producer(t, c, b)
	for i := range 50 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint("k", i), paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	st := memory.New()
	var mu sync.Mutex
	times := map[string]int{}
	handle := func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(_ context.Context, d *treaty.Delivered) error {
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			times[d.ID]++
			return nil
		})
	}
	r := run(t, c, b, handle, treaty.Store(st))
	r.until(treaty.Handled, 5)
	r.stop()
	first := r.Counts()
	if first[treaty.Handled] == 50 || first[treaty.Returned] == 0 {
		t.Fatalf("it did not end in the middle: %v", first)
	}
	r = run(t, c, b, handle, treaty.Store(st))
	r.until(treaty.Handled, 50-first[treaty.Handled])
	r.stop()
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was handled %d times", id, n)
		}
	}
	if len(times) != 50 {
		t.Errorf("%d were handled", len(times))
	}
}

// A handler that does not end is not waited for longer than Drain says; its event
// comes again.
func TestDrainIsOver(t *testing.T) {
	b, c := open(t), load(t, vary{})
	entered := make(chan bool, 1)
	k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(memory.New()), treaty.Drain(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	k.Handle("orders.paid.v1", func(ctx context.Context, _ *treaty.Delivered) error {
		entered <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	if _, err := producer(t, c, b).Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- k.Run(ctx) }()
	<-entered
	cancel()
	if err := <-over; err == nil || !strings.Contains(err.Error(), "have run on for 50ms") {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// late is a broker that takes as long as it may to end a subscription.
type late struct{ broker.Broker }

type lateSubscription struct{ broker.Subscription }

func (l late) Subscribe(ctx context.Context, at broker.Channel, o broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	s, err := l.Broker.Subscribe(ctx, at, o, handle)
	return lateSubscription{s}, err
}

func (s lateSubscription) Stop(ctx context.Context) error {
	err := s.Subscription.Stop(ctx)
	<-ctx.Done()
	return err
}

// A broker that lets go only when the time is up is no handler that has run on.
func TestDrainOfLateBroker(t *testing.T) {
	b, c := late{open(t)}, load(t, vary{})
	for range 8 { // chance would have it right now and then
		k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(memory.New()), treaty.Drain(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- k.Run(ctx) }()
		<-k.Ready()
		cancel()
		if err := <-over; err != nil {
			t.Fatal(err)
		}
	}
}

// What was given back unhandled was no attempt, however often the broker had to
// deliver it.
func TestDeliveriesAreNoAttempts(t *testing.T) {
	for _, scope := range []string{"key, key: subject", "none"} {
		t.Run(scope, func(t *testing.T) {
			b, c := open(t), load(t, vary{edit: []string{"{scope: key, key: subject, ", "{scope: " + scope + ", "}})
			if _, err := producer(t, c, b).Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
				t.Fatal(err)
			}
			var deliveries atomic.Int64
			s, err := b.Subscribe(t.Context(), broker.Channel{Address: "orders"}, broker.Options{Group: "group", MaxInFlight: 1}, func(d broker.Delivery) {
				deliveries.Store(int64(d.Attempt()))
				if err := d.Nak(); err != nil {
					t.Error(err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "7 deliveries", func() bool { return deliveries.Load() >= 7 })
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			var attempts []int
			r := run(t, c, b, func(k *treaty.Consumer) {
				k.Handle("orders.paid.v1", func(_ context.Context, d *treaty.Delivered) error {
					if attempts = append(attempts, d.Attempt()); d.Deliveries() < 7 {
						t.Errorf("the broker has delivered it %d times", d.Deliveries())
					}
					return errors.New("never")
				})
			})
			r.until(treaty.DeadLettered, 1)
			if !slices.Equal(attempts, []int{1, 2, 3}) {
				t.Errorf("the handler was called as attempts %v", attempts)
			}
			if got := extension(dead(t, b, "orders.dlq", 1)[0], "dlqattempts"); got != "3" {
				t.Errorf("the dead letter says %s attempts", got)
			}
		})
	}
}

func TestAtMostOnce(t *testing.T) {
	b, c := open(t), load(t, vary{operation: "ack: on-receipt"})
	var calls int
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error {
			if calls++; calls < 3 {
				return errors.New("not yet")
			}
			return nil
		})
	})
	if _, err := producer(t, c, b).Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Handled, 1)
}

func TestExpires(t *testing.T) {
	b, c := open(t), load(t, vary{edit: []string{"      cancelled:\n", "        x-delivery: {expires: PT1M}\n      cancelled:\n"}})
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
	})
	for id, at := range map[string]time.Time{"old": time.Now().Add(-time.Hour), "new": time.Now()} {
		raw(t, b, "orders", structured(fmt.Sprintf(`{"specversion":"1.0","id":%q,"time":%q,"source":"/orders","type":"orders.paid.v1","subject":"s","data":{"order":"a","amount":1}}`, id, at.Format(time.RFC3339))))
	}
	r.until(treaty.Handled, 1)
	r.until(treaty.Expired, 1)
}

func TestUsage(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "guarantee: exactly-once-effect, dedupe: {by: [source, id], window: P1D}"})
	nothing := func(context.Context, *treaty.Delivered) error { return nil }
	run := func(c *contract.Contract, register func(*treaty.Consumer), options ...treaty.ConsumerOption) error {
		k, err := treaty.NewConsumer(c, b, "group", append(options, silent)...)
		if err != nil {
			return err
		}
		register(k)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return k.Run(ctx)
	}
	st := treaty.Store(memory.New())
	_, noGroup := treaty.NewConsumer(c, b, "")
	plain := load(t, vary{})
	for want, err := range map[string]error{
		"promises exactly-once effects": run(c, func(k *treaty.Consumer) { k.HandleAll(nothing) }, st),
		"the group has no name":         noGroup,
		`did you mean "orders.paid.v1"`: run(plain, func(k *treaty.Consumer) { k.Handle("orders.paid.v2", nothing) }, st),
		`no channel "order"; did you`:   run(plain, func(k *treaty.Consumer) {}, st, treaty.Channels("order")),
	} {
		if err == nil || !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, and not: %s", err, want)
		}
	}
	if _, err := treaty.Load(t.Context(), fstest.MapFS{"c.yaml": {Data: []byte("asyncapi: 3.0.0\ninfo: {title: x}\n")}}, "c.yaml"); err == nil || !strings.Contains(err.Error(), "c.yaml:2:1: ") {
		t.Error(err)
	}
}

func TestReplay(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "retention: {policy: delete, time: P7D}, replay: {from: [earliest, time], maxAge: P7D}", operation: "replaySafe: true"})
	p := producer(t, c, b)
	for i := range 20 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	st := memory.New()
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
	}, treaty.Store(st))
	r.until(treaty.Handled, 20)
	k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(st))
	if err != nil {
		t.Fatal(err)
	}
	again := 0
	k.Handle("orders.paid.v1", func(_ context.Context, d *treaty.Delivered) error {
		if !d.Replayed {
			t.Error("it does not say that it is replayed")
		}
		again++
		return nil
	})
	if err := k.Replay(t.Context(), broker.Start{}); err != nil {
		t.Fatal(err)
	}
	if again != 20 {
		t.Errorf("%d were replayed", again)
	}
	k, _ = treaty.NewConsumer(c, b, "group", silent, treaty.Store(st))
	k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
	if err := k.Replay(t.Context(), broker.Start{From: broker.At, Time: time.Now().Add(-8 * 24 * time.Hour)}); !errors.Is(err, treaty.ErrUsage) {
		t.Error(err)
	}
}

// A new group takes the snapshot, then the log; and never again the snapshot.
func TestBootstrapSnapshot(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots', overlap: PT1H}", operation: "start: bootstrap"})
	p := producer(t, c, b, treaty.Source("/orders"))
	for i := range 5 {
		if _, err := p.Publish(t.Context(), "orders.snapshot.v1", fmt.Sprint("s", i), map[string]any{"order": "a"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint("s", i), paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	st := memory.New()
	var mu sync.Mutex
	var got []string
	handle := func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(d.Type, d.Replayed))
			return nil
		})
	}
	r := run(t, c, b, handle, treaty.Store(st))
	r.until(treaty.Handled, 10)
	r.stop()
	want := append(slices.Repeat([]string{"orders.snapshot.v1true"}, 5), slices.Repeat([]string{"orders.paid.v1false"}, 5)...)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	got = nil
	r = run(t, c, b, handle, treaty.Store(st))
	if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Handled, 1)
	r.stop()
	if !slices.Equal(got, []string{"orders.paid.v1false"}) {
		t.Errorf("the second time got %v", got)
	}
}

// A group asks the producer for what is not kept any more; no other group gets
// it again.
func TestBackfill(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: request, channel: '#/channels/requests'}", operation: "start: bootstrap"})
	p := producer(t, c, b)
	var past []*treaty.Event
	for i := range 5 {
		e, err := p.New("orders.paid.v1", "s", paid{Amount: i})
		if err != nil {
			t.Fatal(err)
		}
		past = append(past, e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asked treaty.Backfill
	served := make(chan error, 1)
	go func() {
		served <- p.ServeBackfills(ctx, "orders", func(ctx context.Context, a treaty.Backfill, send func(...*treaty.Event) error) error {
			asked = a
			return send(past...)
		})
	}()
	var mu sync.Mutex
	replayed := 0
	handle := func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			mu.Lock()
			defer mu.Unlock()
			if d.Replayed {
				replayed++
			}
			return nil
		})
	}
	r := run(t, c, b, handle)
	r.until(treaty.Handled, 5)
	r.stop()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if replayed != 5 || asked.Channel != "orders" || asked.Group != "group" || asked.Until.IsZero() || !asked.From.IsZero() {
		t.Errorf("%d were replayed; asked was %+v", replayed, asked)
	}
	other, err := treaty.NewConsumer(load(t, vary{}), b, "other", silent, treaty.Store(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	other.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
		t.Errorf("another group got %s", d.ID)
		return nil
	})
	ctx, cancel = context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- other.Run(ctx) }()
	eventually(t, "skipped events", func() bool { return other.Counts()[treaty.Skipped] == 5 })
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// Without a store, what was handled is remembered in a file, and by the next
// process.
func TestDefaultStore(t *testing.T) {
	b, c := open(t), load(t, vary{})
	folder := t.TempDir()
	t.Setenv(treaty.StateVariable, folder)
	e := structured(`{"specversion":"1.0","id":"1","source":"/orders","type":"orders.paid.v1","subject":"s","data":{"order":"a","amount":1}}`)
	for i, want := range []treaty.Result{treaty.Handled, treaty.Duplicate} {
		raw(t, b, "orders", e)
		r := run(t, c, b, func(k *treaty.Consumer) {
			k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
		}, treaty.Store(nil))
		r.until(want, 1)
		if i == 0 {
			k, err := treaty.NewConsumer(c, b, "group", silent)
			if err != nil {
				t.Fatal(err)
			}
			k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
			if err := k.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "need a store that they share") {
				t.Errorf("a second process of the group: %v", err)
			}
		}
		r.stop()
	}
	if _, err := os.Stat(filepath.Join(folder, "group.dedupe")); err != nil {
		t.Error(err)
	}
}

// A broker that drops duplicates by their identity drops no event that claims
// another's: the producer was told that it is safe, and it ends where it can be
// found.
func TestCollisionsPassTheBroker(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	for _, amount := range []int{1, 2, 3, 2} { // the last is a duplicate of a collision
		e, err := p.New("orders.paid.v1", "a", paid{Order: "a", Amount: amount})
		if err != nil {
			t.Fatal(err)
		}
		e.ID = "same"
		if err := p.PublishEvents(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
	r.until(treaty.Handled, 1)
	r.until(treaty.DeadLettered, 2)
	r.stop()
	found := map[string]bool{}
	for _, e := range dead(t, b, "orders.dlq", 2) {
		if reason := extension(e, "dlqreason"); reason != "collision" {
			t.Errorf("%s is dead for %s", e.Data, reason)
		}
		found[string(e.Data)] = true
	}
	if len(found) != 2 {
		t.Errorf("in the dead letter are %v", found)
	}
}

// What the contract knows events again by counts, and an event without it is
// nobody's duplicate.
func TestDedupeBy(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "dedupe: {by: [source, paymentid], window: P1D, where: consumer}"})
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
	})
	for id, more := range map[string]string{"1": `"paymentid":"p1",`, "2": `"paymentid":"p1",`, "3": `"paymentid":"p2",`, "4": "", "5": ""} {
		raw(t, b, "orders", structured(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/orders","type":"orders.paid.v1","subject":"s",%s"data":{"order":"a","amount":1}}`, id, more)))
	}
	r.until(treaty.Handled, 2)
	r.until(treaty.Duplicate, 1)
	r.until(treaty.DeadLettered, 2)
	for _, e := range dead(t, b, "orders.dlq", 2) {
		if extension(e, "dlqreason") != "invalid" || !strings.Contains(extension(e, "dlqdetail"), "no paymentid") {
			t.Errorf("%s is dead for %s", e.ID, extension(e, "dlqdetail"))
		}
	}
}

// Events of several channels go to each in one call, in their order.
func TestPublishOnSeveralChannels(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{})
	p := producer(t, c, b, treaty.Source("/orders"))
	var all []*treaty.Event
	for i := range 6 {
		kind, data := "orders.paid.v1", any(paid{Amount: i})
		if i%2 == 1 {
			kind, data = "orders.snapshot.v1", map[string]any{"order": fmt.Sprint(i)}
		}
		e, err := p.New(kind, "s", data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := p.PublishEvents(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][]*treaty.Event{"orders": {all[0], all[2], all[4]}, "snapshots": {all[1], all[3], all[5]}} {
		got := b.Messages(address)
		if len(got) != 3 {
			t.Fatalf("%s has %d", address, len(got))
		}
		for i, m := range got {
			if e, _, err := b.Binding().Decode(&m.Message); err != nil || e.ID != want[i].ID {
				t.Errorf("%s has %v at %d, %v", address, e, i, err)
			}
		}
	}
}

// narrow takes no message of more than so many bytes.
type narrow struct {
	broker.Broker
	max int
}

func (n *narrow) Publish(ctx context.Context, c broker.Channel, messages ...broker.Message) error {
	for _, m := range messages {
		if len(m.Body) > n.max {
			return fmt.Errorf("of %d bytes: %w", len(m.Body), broker.ErrTooLarge)
		}
	}
	return n.Broker.Publish(ctx, c, messages...)
}

// What came as large as the broker takes does not fit into the dead letter with
// all that is said of it: it gets there without its data, and holds nothing back.
func TestDeadLetterTooLarge(t *testing.T) {
	b, c := open(t), load(t, vary{})
	const most = 100_000
	raw(t, b, "orders",
		event.Message{Body: []byte(strings.Repeat("no event ", most/9))},
		structured(`{"specversion":"1.0","id":"large","source":"/orders","type":"orders.paid.v1","subject":"a","data":{"order":"`+strings.Repeat("x", most-150)+`","amount":-1}}`),
		structured(`{"specversion":"1.0","id":"good","source":"/orders","type":"orders.paid.v1","subject":"a","data":{"order":"a","amount":1}}`),
	)
	r := run(t, c, &narrow{b, most}, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
	r.until(treaty.Handled, 1)
	r.until(treaty.DeadLettered, 2)
	r.stop()
	for _, e := range dead(t, b, "orders.dlq", 2) {
		size := extension(e, "dlqsize")
		if e.Type == treaty.MalformedType {
			var d treaty.MalformedData
			if err := json.Unmarshal(e.Data, &d); err != nil || !strings.HasPrefix(string(d.Body), "no event no event ") || size != fmt.Sprint(most/9*9) || extension(e, "dlqreason") != "malformed" {
				t.Errorf("%v, %d bytes of %s, %v", err, len(d.Body), size, e.Extensions)
			}
			continue
		}
		if e.ID != "large" || len(e.Data) != 0 || size == "" || extension(e, "dlqreason") != "invalid" || extension(e, "dlqposition") != "2" {
			t.Errorf("%s has %d bytes, and %v", e.ID, len(e.Data), e.Extensions)
		}
	}
}
