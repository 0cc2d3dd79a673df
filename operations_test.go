package treaty_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store/memory"
)

// Each of the operations that receive from a channel has its own promise kept: that
// which names the fewest messages, where several are for one.
func TestTwoOperations(t *testing.T) {
	const cancels = `  cancels:
    action: receive
    channel: {$ref: '#/channels/orders'}
    messages: [{$ref: '#/channels/orders/messages/cancelled'}]
    x-delivery: {retry: {maxAttempts: 1, delay: PT0.01S}, deadLetter: {channel: '#/channels/requests'}}
`
	for name, edit := range map[string][]string{"before": {"  receive:\n", cancels + "  receive:\n"}, "behind": {"    x-delivery: {retry: {maxAttempts: 3, delay: PT0.01S, maxDelay: PT0.02S}, $operation}\n", "    x-delivery: {retry: {maxAttempts: 3, delay: PT0.01S, maxDelay: PT0.02S}}\n" + cancels}} {
		t.Run(name, func(t *testing.T) {
			b, c := memorybroker.New(), load(t, vary{edit: edit})
			p := producer(t, c, b, treaty.Source("/orders"))
			var calls atomic.Int64
			r := run(t, c, b, func(k *treaty.Consumer) {
				k.HandleAll(func(_ context.Context, d *treaty.Delivered) error { calls.Add(1); return errors.New("no") })
			})
			if _, err := p.Publish(t.Context(), "orders.paid.v1", "a", paid{Order: "a"}); err != nil {
				t.Fatal(err)
			}
			r.until(treaty.DeadLettered, 1)
			if n := calls.Load(); n != 3 || len(b.Messages("orders.dlq")) != 1 {
				t.Errorf("after %d attempts there are %d dead letters", n, len(b.Messages("orders.dlq")))
			}
			if _, err := p.Publish(t.Context(), "orders.cancelled.v1", "a", map[string]string{"order": "a"}); err != nil {
				t.Fatal(err)
			}
			r.until(treaty.DeadLettered, 2)
			if n := calls.Load(); n != 4 || len(b.Messages("requests")) != 1 {
				t.Errorf("after %d attempts there are %d dead letters of the other operation", n-3, len(b.Messages("requests")))
			}
		})
	}
}

// What would lose events without a word is refused: two channels at one place, and a
// dead letter that is the channel. A channel that is named twice is one.
func TestPlaces(t *testing.T) {
	b := memorybroker.New()
	start := func(v vary, options ...treaty.ConsumerOption) error {
		k, err := treaty.NewConsumer(load(t, v), b, "g", append(options, silent, treaty.Store(memory.New()))...)
		if err != nil {
			t.Fatal(err)
		}
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return k.Run(ctx)
	}
	both := vary{edit: []string{"address: snapshots", "address: orders", "  snap:\n    action: send", "  snap:\n    action: receive"}}
	for _, test := range []struct {
		v    vary
		want string
	}{
		{both, "the channels snapshots and orders are both at orders"},
		{vary{operation: "deadLetter: {channel: '#/channels/orders'}"}, "the dead letter of orders is orders, which is the channel itself"},
	} {
		if err := start(test.v); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, and not: %s", err, test.want)
		}
	}
	if err := start(both, treaty.Channels("orders", "orders")); err != nil {
		t.Error(err)
	}
	// What a binding of the broker's kind says is where a channel is.
	bound := []string{"address: snapshots\n", "address: snapshots\n    bindings: {kafka: {topic: t}}\n", "address: orders\n", "address: orders\n    bindings: {kafka: {topic: t}}\n"}
	if err := start(vary{operation: "deadLetter: {channel: '#/channels/snapshots'}", edit: bound}); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), "which is the channel itself") {
		t.Error(err)
	}
	if err := start(vary{edit: append(slices.Clone(bound), "  snap:\n    action: send", "  snap:\n    action: receive")}); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), "are both at t") {
		t.Error(err)
	}
	apart := vary{edit: []string{"address: snapshots\n", "address: orders\n    bindings: {kafka: {topic: t}}\n", "  snap:\n    action: send", "  snap:\n    action: receive"}}
	if err := start(apart); err != nil {
		t.Error(err)
	}
}

// A store in the process knows again what another consumer of the process has handled,
// one after the other or beside it; and what contracts have events known again by is
// told apart also where it has tabs.
func TestKnownAgainByAnother(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{channel: "dedupe: {by: [/data/order, /data/method]}", edit: []string{"method: {enum: [card, cash]}", "method: {type: string}"}})
	p := producer(t, c, b)
	st := memory.New()
	send := func(order, method string) {
		t.Helper()
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Order: order, Method: method}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range int64(2) {
		r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) }, treaty.Store(st))
		send("a\tb", "c")
		send("a", "b\tc")
		send(`a\tb`, "c")
		if n == 0 {
			r.until(treaty.Handled, 3)
		} else {
			r.until(treaty.Duplicate, 3)
		}
		r.stop()
		if dead := r.Counts()[treaty.DeadLettered]; dead > 0 {
			t.Errorf("%d were taken for others", dead)
		}
	}
}

// A consumer has no more bytes handed to it than the channel takes.
func TestMaxBytesOfConsumer(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{channel: "limits: {maxBytes: 200}"})
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
	for _, size := range []int{10, 10 << 20} {
		raw(t, b, "orders", structured(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/orders","type":"orders.paid.v1","subject":"s","data":{"order":%q,"amount":1}}`, size, strings.Repeat("x", size))))
	}
	r.until(treaty.DeadLettered, 1)
	r.until(treaty.Handled, 1)
	if got := dead(t, b, "orders.dlq", 1)[0]; extension(got, "dlqreason") != string(treaty.Invalid) || !strings.Contains(extension(got, "dlqdetail"), "the channel takes 200") {
		t.Errorf("%v", got.Extensions)
	}
}

// An event that expires when its handler has failed is looked for by somebody; one
// that nobody has had is not.
func TestExpiresWhileRetried(t *testing.T) {
	b := memorybroker.New()
	c := load(t, vary{edit: []string{"      paid:\n", "      paid:\n        x-delivery: {expires: PT60S}\n"}})
	var ahead atomic.Int64
	clock := treaty.Clock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(context.Context, *treaty.Delivered) error {
			ahead.Store(int64(time.Hour))
			return errors.New("it fails")
		})
	}, clock)
	p := producer(t, c, b)
	for range 2 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "k", paid{}); err != nil {
			t.Fatal(err)
		}
	}
	r.until(treaty.DeadLettered, 1)
	r.until(treaty.Expired, 1)
	if got := dead(t, b, "orders.dlq", 1)[0]; extension(got, "dlqreason") != string(treaty.Exhausted) || extension(got, "dlqattempts") != "1" {
		t.Errorf("%v", got.Extensions)
	}
}

// What answers to what is sent comes to who handles it, and its channel is left alone
// where nobody does.
func TestReplies(t *testing.T) {
	const answers = `  answers:
    address: answers
    messages: {answer: {headers: {type: object, properties: {type: {const: quote.given.v1}}}, payload: {type: object}}}
  requests:
`
	edit := []string{"  requests:\n", answers, "  snap:\n", "  ask: {action: send, channel: {$ref: '#/channels/requests'}, reply: {channel: {$ref: '#/channels/answers'}}}\n  snap:\n"}
	b, c := memorybroker.New(), load(t, vary{edit: edit})
	peer := producer(t, c, b, treaty.AsPeer(), treaty.Source("/orders"))
	for _, handles := range []bool{true, false} {
		got := make(chan string, 10)
		note := func(_ context.Context, d *treaty.Delivered) error { got <- d.Channel; return nil }
		r := run(t, c, b, func(k *treaty.Consumer) {
			k.Handle("orders.paid.v1", note)
			if handles {
				k.Handle("quote.given.v1", note)
			}
		})
		if _, err := peer.Publish(t.Context(), "quote.given.v1", "x", map[string]any{}); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Publish(t.Context(), "orders.paid.v1", "x", paid{}); err != nil {
			t.Fatal(err)
		}
		if handles {
			r.until(treaty.Handled, 2)
		} else {
			r.until(treaty.Handled, 1)
		}
		r.stop()
		close(got)
		var all []string
		for one := range got {
			all = append(all, one)
		}
		if slices.Contains(all, "answers") != handles {
			t.Errorf("with a handler for answers: %v, came %v", handles, all)
		}
	}
}

// What is long of an event in its headers is no reason that its dead letter cannot be
// written.
func TestDeadLetterOfLongHeaders(t *testing.T) {
	b := open(t)
	c := loadText(t, `
asyncapi: 3.1.0
info: {title: Orders, version: 1.0.0}
channels:
  orders:
    address: orders
    messages:
      paid:
        contentType: application/json
        headers: {type: object, required: [ce_type], properties: {ce_type: {type: string, const: orders.paid.v1}}}
        payload: {type: object}
    x-delivery: {ordering: {scope: key, key: subject}}
    x-cloudevents: {mode: binary}
operations:
  receive: {action: receive, channel: {$ref: '#/channels/orders'}, x-delivery: {retry: {maxAttempts: 1}}}
`)
	p := producer(t, c, b, treaty.Source("/s"), treaty.AsPeer())
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			if len(d.Extensions) > 0 {
				return errors.New("fails")
			}
			return nil
		})
	})
	size := 65535 // of all headers together, as the broker takes them
	for {
		e, err := p.New("orders.paid.v1", "a", map[string]any{"whole": true})
		if err != nil {
			t.Fatal(err)
		}
		e.Extensions.Set("note", event.TextValue(strings.Repeat("v", size)))
		if err = p.PublishEvents(t.Context(), e); err == nil {
			break
		}
		if size -= 10; !errors.Is(err, broker.ErrTooLarge) || size < 60000 {
			t.Fatal(err)
		}
	}
	if _, err := p.Publish(t.Context(), "orders.paid.v1", "a", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Handled, 1)
	if got := dead(t, b, "orders.dlq", 1)[0]; len(extension(got, "note")) != size || string(got.Data) != `{"whole":true}` || extension(got, "dlqreason") != string(treaty.Exhausted) {
		t.Errorf("a note of %d bytes, %s, %s", len(extension(got, "note")), got.Data, extension(got, "dlqreason"))
	}
}

// The dead letter of the channel of snapshots is declared with it.
func TestDeadLetterOfSnapshots(t *testing.T) {
	var mu sync.Mutex
	var declared []string
	b := declaring{memorybroker.New(), func(address string) { mu.Lock(); declared = append(declared, address); mu.Unlock() }}
	c := load(t, vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots', overlap: PT1H}", operation: "start: bootstrap"})
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) }, treaty.Declare())
	<-r.Ready()
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"orders", "orders.dlq", "snapshots", "snapshots.dlq"} {
		if !slices.Contains(declared, want) {
			t.Errorf("%s is not declared: %v", want, declared)
		}
	}
}

type declaring struct {
	*memorybroker.Broker
	note func(string)
}

func (d declaring) Declare(ctx context.Context, c broker.Channel) error {
	d.note(c.Address)
	return d.Broker.Declare(ctx, c)
}

// Nothing is given back as long as more may come: what came behind it then would be
// before it.
func TestGivenBackAtTheEnd(t *testing.T) {
	var left settling
	b := nowhere{feed: func(handle func(broker.Delivery)) {
		for i := range 20 {
			handle(&returned{fedDelivery{message: structured(string(sized(i)))}, &left})
		}
		left.came.Store(true)
	}}
	c := load(t, vary{edit: []string{"delay: PT0.01S, maxDelay: PT0.02S", "delay: PT60S, maxDelay: PT60S"}})
	r := run(t, c, ending{b, &left}, func(k *treaty.Consumer) {
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return errors.New("not yet") })
	})
	eventually(t, "all", func() bool { return left.came.Load() })
	r.until(treaty.Retried, 1)
	r.stop()
	if left.back.Load() != 20 || left.early.Load() > 0 {
		t.Errorf("%d came back, %d of them while more could come", left.back.Load(), left.early.Load())
	}
}

type settling struct {
	came, ended atomic.Bool
	back, early atomic.Int64
}

type returned struct {
	fedDelivery
	of *settling
}

func (d *returned) Nak() error {
	d.of.back.Add(1)
	if !d.of.ended.Load() {
		d.of.early.Add(1)
	}
	return nil
}

// ending is a broker whose subscriptions take a while to end.
type ending struct {
	nowhere
	of *settling
}

func (e ending) Subscribe(ctx context.Context, c broker.Channel, o broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	s, err := e.nowhere.Subscribe(ctx, c, o, handle)
	return slow{s.(fed), e.of}, err
}

type slow struct {
	fed
	of *settling
}

func (s slow) Stop(context.Context) error {
	time.Sleep(100 * time.Millisecond)
	s.of.ended.Store(true)
	close(s.done)
	return nil
}
