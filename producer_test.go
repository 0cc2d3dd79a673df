package treaty_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// What a call needs is used again by the next, which may be of more events.
func TestBatchesOfEverySize(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	total := 0
	for _, n := range []int{1, 401, 403, 2, 421, 1000, 5} {
		var all []*treaty.Event
		for i := range n {
			e, err := p.New("orders.paid.v1", fmt.Sprint("s", i), paid{Amount: i})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if err := p.PublishEvents(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
	r.until(treaty.Handled, int64(total))
}

// What is wrong with events of a large call is said in their order, and nothing of
// it is sent.
func TestLargeCallWithFaults(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	events := func(bad ...int) []*treaty.Event {
		var all []*treaty.Event
		for i := range 1000 {
			e, err := p.New("orders.paid.v1", fmt.Sprint("s", i%7), paid{Order: fmt.Sprint(i)})
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(bad, i) {
				e.ID, e.Data = fmt.Sprint("bad", i), []byte(`{}`)
			}
			all = append(all, e)
		}
		return all
	}
	for _, bad := range [][]int{{0}, {999}, {3, 499, 500, 998}} {
		err := p.PublishEvents(t.Context(), events(bad...)...)
		wrong := []error{err}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			wrong = many.Unwrap()
		}
		var got []int
		for _, one := range wrong {
			var invalid *treaty.InvalidError
			if !errors.As(one, &invalid) {
				t.Fatalf("%v", one)
			}
			n, _ := strconv.Atoi(strings.TrimPrefix(invalid.ID, "bad"))
			got = append(got, n)
		}
		if !slices.Equal(got, bad) {
			t.Errorf("%v are wrong, and not %v", got, bad)
		}
	}
	all := events()
	if err := p.PublishEvents(t.Context(), append(all, all[0])...); err != nil { // the broker knows the last again
		t.Fatal(err)
	}
	last := map[string]int{}
	r := run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
			n, _ := strconv.Atoi(data.Order)
			if n < last[d.Key] {
				t.Errorf("%d of %s came behind %d", n, d.Key, last[d.Key])
			}
			last[d.Key] = n
			return nil
		})
	}, treaty.MaxInFlight(1))
	r.until(treaty.Handled, 1000)
}

// Events are sent that consumers know again by what the contract says, and none that
// they would have to dead-letter for the lack of it.
func TestKnownAgain(t *testing.T) {
	for _, test := range []struct{ by, lacks string }{
		{"[source, paymentid]", "paymentid"},
		{"[source, type, time]", "time"},
		{"[source, datacontenttype]", ""},
		{"[specversion, dataschema, id]", "dataschema"},
		{"[source, /data/order]", ""},
		{"[source, /data/method]", "/data/method"},
	} {
		b := memorybroker.New()
		c := load(t, vary{channel: "dedupe: {by: " + test.by + ", window: P1D, where: consumer}"})
		p := producer(t, c, b)
		e, err := p.New("orders.paid.v1", "k", paid{Order: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if test.lacks != "" {
			bare := *e
			bare.Time = time.Time{}
			var invalid *treaty.InvalidError
			if err := p.PublishEvents(t.Context(), &bare); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "has no "+test.lacks+",") {
				t.Errorf("%s: published: %v", test.by, err)
			}
			if err := p.Check(&bare); !errors.As(err, &invalid) {
				t.Errorf("%s: checked: %v", test.by, err)
			}
			if n := len(b.Messages("orders")); n != 0 {
				t.Errorf("%s: %d were sent", test.by, n)
			}
		}
		e.Extensions.Set("paymentid", event.TextValue("p"))
		e.DataSchema, e.Data = "https://example.com/paid", []byte(`{"order":"k","amount":1,"method":"card"}`)
		for range 2 {
			if err := p.PublishEvents(t.Context(), e); err != nil {
				t.Fatalf("%s: %v", test.by, err)
			}
		}
		r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) })
		r.until(treaty.Duplicate, 1)
		if n := r.Counts(); n[treaty.Handled] != 1 || n[treaty.DeadLettered] != 0 {
			t.Errorf("%s: %v", test.by, n)
		}
		r.stop()
	}
}

// What no event can be ordered or known again by is a fault of the contract, which
// both sides say at once.
func TestKeysThatCannotBe(t *testing.T) {
	b := memorybroker.New()
	for _, test := range []struct{ edit, want string }{
		{"ordering: {scope: key, key: subject}, dedupe: {by: [source, payment_id]}", `did you mean "paymentid"?`},
		{"ordering: {scope: key, key: subject}, dedupe: {by: [source, data]}", "/data/order_id"},
		{"ordering: {scope: key, key: subject}, dedupe: {by: [/subject/id]}", "no event has anything at /subject/id"},
		{"ordering: {scope: key, key: /tenant/id}", "no event has anything at /tenant/id"},
	} {
		text := strings.NewReplacer("ordering: {scope: key, key: subject}", test.edit, "$channel", "", "$operation", "", "$policy", "").Replace(document)
		c, _, err := contract.Load(t.Context(), "c.yaml", contract.Options{FS: fstest.MapFS{"c.yaml": {Data: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := treaty.NewProducer(c, b); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("producer with %s: %v", test.edit, err)
		}
		if _, err := treaty.NewConsumer(c, b, "g"); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("consumer with %s: %v", test.edit, err)
		}
	}
}

// starter is a broker that keeps what it is given, and fails what it is told to.
type starter struct {
	nowhere
	got    []string
	keys   []string
	calls  int
	failed map[int]error // by how many came before
}

func (s *starter) Start(_ context.Context, _ broker.Channel, messages ...broker.Message) func() error {
	s.calls++
	var failures broker.Failures
	for i := range messages {
		failures.Add(i, s.failed[len(s.got)])
		s.got = append(s.got, string(messages[i].Body))
		s.keys = append(s.keys, messages[i].Key)
	}
	return func() error { return failures.Err(len(messages)) }
}

func (s *starter) Publish(ctx context.Context, c broker.Channel, messages ...broker.Message) error {
	return s.Start(ctx, c, messages...)()
}

// A broker that begins to send before it has all gets the messages that another
// gets, and what it cannot send is told by its index among all.
func TestStarter(t *testing.T) {
	c := load(t, vary{})
	var events []*treaty.Event
	for i := range 1000 {
		e, err := event.DecodeJSON(sized(i))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	whole, parts := &starter{}, &starter{failed: map[int]error{0: errors.New("first"), 777: errors.New("another"), 999: errors.New("last")}}
	if err := producer(t, c, struct{ broker.Broker }{whole}).PublishEvents(t.Context(), events...); err != nil || whole.calls != 1 {
		t.Fatalf("%v, in %d calls", err, whole.calls)
	}
	p := producer(t, c, parts)
	err := p.PublishEvents(t.Context(), events...)
	var failed *broker.PublishError
	if !errors.As(err, &failed) || failed.Of != 1000 || len(failed.Failed) != 3 {
		t.Fatalf("%v", err)
	}
	for i, want := range []broker.Failure{{Index: 0, Err: parts.failed[0]}, {Index: 777, Err: parts.failed[777]}, {Index: 999, Err: parts.failed[999]}} {
		if failed.Failed[i] != want {
			t.Errorf("%v failed, and not %v", failed.Failed[i], want)
		}
	}
	if parts.calls < 2 || !slices.Equal(parts.got, whole.got) || !slices.Equal(parts.keys, whole.keys) {
		t.Errorf("in %d calls it got others than in one", parts.calls)
	}
	// One that is not valid in itself keeps all back, and so does one whose data are
	// not what its schema wants.
	for _, spoil := range []func(*treaty.Event){func(e *treaty.Event) { e.Source = "no source" }, func(e *treaty.Event) { e.Data = append([]byte(nil), "{}{}"...) }} {
		one := *events[900]
		events[900] = &one
		spoil(events[900])
		before := len(parts.got)
		var invalid *treaty.InvalidError
		if err := p.PublishEvents(t.Context(), events...); !errors.As(err, &invalid) || invalid.ID != one.ID || len(parts.got) != before {
			t.Errorf("%d were sent: %v", len(parts.got)-before, err)
		}
	}
}
