package treaty_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/treaty-events/treaty"
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
