// Package growth holds, in tests, that work grows no faster than its input: for
// code that meets what strangers write. How long something takes says little on
// a machine that has other work, so nothing is held to a time: a small input and
// a large one are worked through in turns, and their times compared.
package growth

import (
	"testing"
	"time"
)

const (
	// Factor is how much larger the large input is.
	Factor = 8
	// allowed is how many times as much each part of it may cost: caches are left,
	// and the collector has more to do. What compares everything with everything
	// costs Factor times as much.
	allowed = 3.5
	// little is what the clock and the scheduler make uncertain.
	little = 2 * time.Millisecond
	turns  = 3
	// tries is how often it is measured anew: what is too much by chance is not
	// each time.
	tries = 4
)

// Linear fails a test in which an input of Factor*n costs far more than Factor
// times what one of n does. work makes an input of a size, which is not timed,
// and returns what works through it, which is, and may be called again.
func Linear(t testing.TB, n int, work func(size int) func()) {
	t.Helper()
	small, large := work(n), work(Factor*n)
	var few, many time.Duration
	for range tries {
		few, many = cost(small, large)
		if float64(many) <= allowed*Factor*float64(few)+float64(little) {
			return
		}
	}
	t.Errorf("an input of %d takes %v, and one of %d takes %v, %.1f times as long", n, few, Factor*n, many, float64(many)/float64(few))
}

// cost is the least that each takes.
func cost(small, large func()) (few, many time.Duration) {
	for turn := range turns {
		a, b := took(small), took(large)
		if turn == 0 || a < few {
			few = a
		}
		if turn == 0 || b < many {
			many = b
		}
	}
	return few, many
}

func took(work func()) time.Duration {
	begin := time.Now()
	work()
	return time.Since(begin)
}
