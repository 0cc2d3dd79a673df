package treaty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
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

// Data that a schema has read as JSON are written as they are; whatever a schema lets
// pass, what is sent is an event with these data.
func TestDataAsTheyAre(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{edit: []string{"        payload:\n          type: object\n          required: [order]\n          properties:\n            order: {type: string}\n    x-delivery", "        payload: {}\n    x-delivery"}})
	p := producer(t, c, b, treaty.Source("/orders"))
	sent := 0
	for _, text := range []string{`{"a":1}`, " 1\n", `"x"`, "null", `[[]]`, `1 2`, `{}}`, `{"a":1}{`, "\"\xff\"", `"\ud800"`, `{"a":1,"a":2}`, "", " ", `01`, `tru`, strings.Repeat("[", 600) + strings.Repeat("]", 600)} {
		e, err := p.New("orders.cancelled.v1", "s", json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		err = p.PublishEvents(t.Context(), e)
		all := b.Messages("orders")
		var invalid *treaty.InvalidError
		switch {
		case errors.As(err, &invalid) && len(all) == sent:
		case err == nil && len(all) == sent+1:
			sent++
			got, err := event.DecodeJSON(all[sent-1].Body)
			if err != nil || strings.TrimSpace(string(got.Data)) != strings.TrimSpace(text) {
				t.Errorf("%q was sent as %q: %v", text, all[sent-1].Body, err)
			}
		default:
			t.Errorf("%q: %d were sent, and %v", text, len(all)-sent, err)
		}
	}
	if sent < 4 || sent > 8 {
		t.Errorf("%d were sent", sent)
	}
}
