package treaty_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/treaty-events/treaty"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
)

type outcomeFunc func(treaty.Outcome)

func (f outcomeFunc) Outcome(_ context.Context, o treaty.Outcome) { f(o) }

// A hook that panics, or ends its goroutine, stops no event: each has the outcome
// that it has without, once.
func TestHooksThatBreak(t *testing.T) {
	const n = 20
	breaks := map[string]func(){"panic": func() { panic("help") }, "exit": runtime.Goexit}
	for how, break_ := range breaks {
		for _, on := range []treaty.Result{treaty.Handled, treaty.Skipped, treaty.Duplicate, treaty.Retried, treaty.DeadLettered} {
			t.Run(fmt.Sprint(how, " on ", on), func(t *testing.T) {
				b, c := memorybroker.New(), load(t, vary{})
				p := producer(t, c, b)
				var told atomic.Int64
				var calls [n]atomic.Int64
				r := run(t, c, b, func(k *treaty.Consumer) {
					treaty.On(k, "orders.paid.v1", func(_ context.Context, d *treaty.Delivered, data paid) error {
						if calls[data.Amount].Add(1) == 1 && data.Amount%5 == 1 {
							return errors.New("not yet")
						}
						if data.Amount%5 == 2 {
							return treaty.Reject(errors.New("never"))
						}
						return nil
					})
				}, treaty.Hooks(outcomeFunc(func(o treaty.Outcome) {
					if o.Result == on {
						told.Add(1)
						break_()
					}
				})))
				for i := range n {
					e, err := p.New("orders.paid.v1", fmt.Sprint("s", i%3), paid{Amount: i})
					if err != nil {
						t.Fatal(err)
					}
					if i%5 == 3 {
						e.Type, e.Data = "orders.cancelled.v1", []byte(`{"order":"x"}`)
					}
					again := []*treaty.Event{e, e}[:1+i%5/4]
					if err := p.PublishEvents(t.Context(), again...); err != nil {
						t.Fatal(err)
					}
				}
				r.until(treaty.Handled, n/5*3)
				r.until(treaty.Skipped, n/5)
				r.until(treaty.DeadLettered, n/5)
				r.until(treaty.Duplicate, n/5)
				r.stop()
				for i := range calls {
					want := map[int]int64{1: 2, 3: 0}
					if w, ok := want[i%5]; calls[i].Load() != w && (ok || calls[i].Load() != 1) {
						t.Errorf("the handler had event %d %d times", i, calls[i].Load())
					}
				}
				if told.Load() != n/5 && on != treaty.Handled || told.Load() != n/5*3 && on == treaty.Handled {
					t.Errorf("the hook was told of %s %d times", on, told.Load())
				}
			})
		}
	}
}

// Nor does one keep a consumer from giving back what it has when it ends.
func TestHookThatEndsAtTheEnd(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{edit: []string{"delay: PT0.01S, maxDelay: PT0.02S", "delay: PT60S, maxDelay: PT60S"}})
	p := producer(t, c, b)
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return errors.New("not yet") })
	},
		treaty.Hooks(outcomeFunc(func(o treaty.Outcome) {
			if o.Result == treaty.Returned {
				runtime.Goexit()
			}
		})))
	for i := range 5 {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint(i), paid{}); err != nil {
			t.Fatal(err)
		}
	}
	r.until(treaty.Retried, 5)
	r.stop()
	if n := r.Counts()[treaty.Returned]; n != 5 {
		t.Errorf("%d were given back", n)
	}
}

// What did not pass the contract has no data that are known to be JSON, and says so.
func TestDataOfWhatDidNotPass(t *testing.T) {
	b, c := memorybroker.New(), load(t, vary{})
	said := make(chan error, 1)
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil }) },
		treaty.Hooks(outcomeFunc(func(o treaty.Outcome) {
			_, err := o.Delivered.JSON()
			said <- err
		})))
	for _, text := range []string{`{"specversion":"1.0","id":"1","source":"/orders","type":"orders.paid.v1","subject":"s","data":{"wrong":1}}`, `{`} {
		raw(t, b, "orders", structured(text))
		if err := <-said; err == nil {
			t.Errorf("%s has data", text)
		}
	}
	r.until(treaty.DeadLettered, 2)
}
