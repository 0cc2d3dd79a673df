package growth

import "testing"

// failing notes whether a test would fail.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }

var sink int

func TestLinear(t *testing.T) {
	for name, test := range map[string]struct {
		steps func(size int) int
		fails bool
	}{
		"linear":    {func(n int) int { return 1000 * n }, false},
		"quadratic": {func(n int) int { return n * n }, true},
	} {
		f := &failing{TB: t}
		Linear(f, 1000, func(size int) func() {
			return func() {
				for i := range test.steps(size) {
					sink ^= i
				}
			}
		})
		if f.failed != test.fails {
			t.Errorf("%s: failed %v", name, f.failed)
		}
	}
}
