package schema

import "github.com/treaty-events/treaty/internal/syntax"

// taste makes the solver find values that a person would write, rather than
// the least ones. The nil taste is for the least.
type taste struct{}

func (t *taste) shuffled(values []*syntax.Node) []*syntax.Node { return values }

func (t *taste) number(s *solver, atoms []*form, q *numbers) *outcome { return nil }

func (t *taste) word(s *solver, q *texts, fits func(string) bool) (string, bool) { return "", false }

func (t *taste) lengths(l *list, enough int) []int {
	var all []int
	for n := l.least; n <= enough; n++ {
		all = append(all, n)
	}
	return all
}

func (t *taste) properties(o *object) map[string]bool { return nil }

func (s *solver) typeOrder() []typeSet { return leastTypes[:] }
