package treaty_test

import (
	"context"
	"fmt"
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
