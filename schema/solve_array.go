package schema

import (
	"fmt"
	"slices"

	"github.com/treaty-events/treaty/internal/syntax"
)

func (s *solver) holdsArray(f *form, n *syntax.Node) bool {
	count := func(items []*syntax.Node) int {
		found := 0
		for _, item := range items {
			if s.holds(f.sub, item) {
				found++
			}
		}
		return found
	}
	switch f.op {
	case opMinItems:
		return len(n.Items) >= f.n
	case opMaxItems:
		return len(n.Items) <= f.n
	case opEach:
		return f.n >= len(n.Items) || count(n.Items[f.n:]) == len(n.Items)-f.n
	case opSomeFrom:
		return f.n < len(n.Items) && count(n.Items[f.n:]) > 0
	case opAt:
		return f.n >= len(n.Items) || s.holds(f.sub, n.Items[f.n])
	case opHasAt:
		return f.n < len(n.Items) && s.holds(f.sub, n.Items[f.n])
	case opAtLeast:
		return count(n.Items) >= f.n
	case opAtMost:
		return count(n.Items) <= f.n
	}
	_, _, twice := firstRepeated(n.Items)
	return twice == f.neg
}

// list is what is asked of an array. What no item has to meet alone is an
// obligation, to be laid on one of the items.
type list struct {
	least, most int // most -1: no bound
	each, at    []*form
	obligations []obligation
	atMost      []*form
	unique      bool
	twice       bool // some two items are the same
	fixed       int  // items from here on are all under the same forms
}

// obligation asks for an item from index from on that has a form. Those with
// the same group need items of their own.
type obligation struct {
	form  *form
	from  int
	group int // 0: none
}

const (
	maxListItems   = 4096 // of an array that is made up
	maxObligations = 64
)

func (s *solver) solveArray(atoms []*form) *outcome {
	l := &list{most: -1}
	for i, f := range atoms {
		switch f.op {
		case opMinItems:
			l.least = max(l.least, f.n)
		case opMaxItems:
			if l.most < 0 || f.n < l.most {
				l.most = f.n
			}
		case opEach:
			l.each = append(l.each, f)
			l.fixed = max(l.fixed, f.n)
		case opAt:
			l.at = append(l.at, f)
			l.fixed = max(l.fixed, f.n+1)
		case opHasAt:
			l.at = append(l.at, f)
			l.fixed = max(l.fixed, f.n+1)
			l.least = max(l.least, f.n+1)
		case opSomeFrom:
			l.obligations = append(l.obligations, obligation{form: f.sub, from: f.n})
			l.fixed = max(l.fixed, f.n)
			l.least = max(l.least, f.n+1)
		case opAtLeast:
			if f.n > maxObligations {
				return &outcome{reason: fmt.Sprintf("minContains: %d is more items than are made up", f.n)}
			}
			for range f.n {
				l.obligations = append(l.obligations, obligation{form: f.sub, group: i + 1})
			}
			l.least = max(l.least, f.n)
		case opAtMost:
			l.atMost = append(l.atMost, f)
		case opUnique:
			if f.neg {
				l.twice = true
				l.least = max(l.least, 2)
			} else {
				l.unique = true
			}
		}
	}
	if l.most >= 0 && l.least > l.most {
		return impossible
	}
	if l.least > maxListItems || l.fixed > maxListItems || len(l.obligations) > maxObligations {
		return &outcome{reason: fmt.Sprintf("minItems: %d is more items than are made up", max(l.least, l.fixed))}
	}
	// More items than these can only add work.
	enough := max(l.least, l.fixed) + len(l.obligations)
	if l.twice {
		enough += 2
	}
	if l.most >= 0 {
		enough = min(enough, l.most)
	}
	lengths := s.taste.lengths(l, enough)
	worst := impossible
	for _, length := range lengths {
		a := &arrangement{solver: s, list: l, extra: make([][]*form, length), taken: make([]uint64, length)}
		o := a.place(0)
		if o.state == satisfied || o == tooLong {
			return o
		}
		if o.state == unknown {
			worst = o
		}
		// An item that nothing can be ends longer lists too.
		if length < enough && o.state == unsatisfiable && s.solve(a.forms(length)...).state == unsatisfiable {
			break
		}
	}
	return worst
}

// arrangement lays obligations on the items of a list of some length.
type arrangement struct {
	*solver
	list  *list
	extra [][]*form
	taken []uint64 // groups whose obligation an item carries already
}

// forms is what the list asks of the item at an index, whatever the others
// are.
func (a *arrangement) forms(i int) []*form {
	var fs []*form
	for _, f := range a.list.each {
		if f.n <= i {
			fs = append(fs, f.sub)
		}
	}
	for _, f := range a.list.at {
		if f.n == i {
			fs = append(fs, f.sub)
		}
	}
	if i < len(a.extra) {
		fs = append(fs, a.extra[i]...)
	}
	return fs
}

// place lays obligation k and those after it on items.
func (a *arrangement) place(k int) *outcome {
	if a.steps++; a.steps > a.limit {
		return tooLong
	}
	if k == len(a.list.obligations) {
		return a.pair()
	}
	ob := a.list.obligations[k]
	worst := impossible
	tail := false
	for i := ob.from; i < len(a.extra); i++ {
		bit := uint64(1) << (ob.group & 63)
		if ob.group > 0 && a.taken[i]&bit != 0 {
			continue
		}
		if i >= a.list.fixed && len(a.extra[i]) == 0 {
			if tail {
				continue // as good as one that was tried
			}
			tail = true
		}
		a.extra[i] = append(a.extra[i], ob.form)
		o := a.solve(a.forms(i)...)
		if o.state != unsatisfiable {
			if ob.group > 0 {
				a.taken[i] |= bit
			}
			o = a.place(k + 1)
			a.taken[i] &^= bit
		}
		a.extra[i] = a.extra[i][:len(a.extra[i])-1]
		if o.state == satisfied || o == tooLong {
			return o
		}
		if o.state == unknown {
			worst = o
		}
	}
	return worst
}

// pair makes two items the same where that is asked for.
func (a *arrangement) pair() *outcome {
	if !a.list.twice {
		return a.bound(0, 0, nil)
	}
	worst := impossible
	n := len(a.extra)
	for i := 0; i < n; i++ {
		for j := i + 1; j < n; j++ {
			if i > a.list.fixed+len(a.list.obligations)+1 || j > a.list.fixed+len(a.list.obligations)+2 {
				break
			}
			o := a.solve(append(a.forms(i), a.forms(j)...)...)
			if o.state == satisfied {
				before := a.extra[i]
				beforeJ := a.extra[j]
				same := a.ofConst(o.value)
				a.extra[i], a.extra[j] = append(slices.Clip(before), same), append(slices.Clip(beforeJ), same)
				o = a.bound(0, 0, nil)
				a.extra[i], a.extra[j] = before, beforeJ
			}
			if o.state == satisfied || o == tooLong {
				return o
			}
			if o.state == unknown || len(a.list.atMost) > 0 && o.state == unsatisfiable {
				worst = &outcome{reason: "uniqueItems: which items are the same was not gone through to the end"}
			}
		}
	}
	return worst
}

// bound keeps how many items have a form below maxContains: all but those few
// have to be without it.
func (a *arrangement) bound(k, i int, counted []int) *outcome {
	if counted == nil {
		counted = make([]int, len(a.list.atMost))
	}
	if a.steps++; a.steps > a.limit {
		return tooLong
	}
	if k == len(a.list.atMost) {
		return a.finish()
	}
	f := a.list.atMost[k]
	if i == len(a.extra) {
		return a.bound(k+1, 0, counted)
	}
	worst := impossible
	// Without it first, since there is room for few.
	for _, with := range []bool{false, true} {
		sub := a.not(f.sub)
		if with {
			if counted[k] == f.n {
				break
			}
			sub = f.sub
		}
		before := a.extra[i]
		a.extra[i] = append(slices.Clip(before), sub)
		o := a.solve(a.forms(i)...)
		if o.state != unsatisfiable {
			if with {
				counted[k]++
			}
			o = a.bound(k, i+1, counted)
			if with {
				counted[k]--
			}
		}
		a.extra[i] = before
		if o.state == satisfied || o == tooLong {
			return o
		}
		if o.state == unknown {
			worst = o
		}
	}
	return worst
}

// finish finds the items.
func (a *arrangement) finish() *outcome {
	items := make([]*syntax.Node, len(a.extra))
	var goals []*form
	for i := range items {
		goal := a.and(a.forms(i)...)
		goals = append(goals, goal)
		o := a.give(goal)
		if o.state != satisfied {
			return o
		}
		items[i] = o.value
	}
	if a.list.unique {
		if o := a.different(goals, items); o != nil {
			return o
		}
	}
	return &outcome{state: satisfied, value: syntax.Synthetic(nil, syntax.Sequence, items)}
}

// different makes the items differ. A goal with more values than there are
// items always leaves one; the others are matched.
func (a *arrangement) different(goals []*form, items []*syntax.Node) *outcome {
	if _, _, twice := firstRepeated(items); !twice {
		return nil
	}
	n := len(items)
	if n > maxObligations {
		return &outcome{reason: "uniqueItems: more different items than are made up"}
	}
	values := make([][]*syntax.Node, n)
	complete := true
	known := map[*form][]*syntax.Node{}
	for i, goal := range goals {
		if known[goal] == nil {
			found, state := a.several(goal, n)
			complete = complete && state != unknown
			known[goal] = found
		}
		values[i] = known[goal]
	}
	// Which value each item takes: matching, item by item, moving others aside.
	taken := map[string]int{}
	texts := func(i, j int) string { return string(canonical(nil, values[i][j])) }
	chosen := make([]int, n)
	var take func(i int, tried map[string]bool) bool
	take = func(i int, tried map[string]bool) bool {
		for j := range values[i] {
			text := texts(i, j)
			if tried[text] {
				continue
			}
			tried[text] = true
			if other, held := taken[text]; !held || take(other, tried) {
				taken[text], chosen[i] = i, j
				return true
			}
		}
		return false
	}
	for i := range items {
		if !take(i, map[string]bool{}) {
			if complete {
				return impossible
			}
			return &outcome{reason: "uniqueItems: too few different items were found"}
		}
	}
	for i := range items {
		items[i] = values[i][chosen[i]]
	}
	return nil
}

// several finds up to n different values of a goal. The state is unsatisfiable
// where there are no more, satisfied where there were enough.
func (s *solver) several(goal *form, n int) ([]*syntax.Node, state) {
	var found []*syntax.Node
	for len(found) < n {
		o := s.give(goal)
		if o.state != satisfied {
			return found, o.state
		}
		found = append(found, o.value)
		goal = s.and(goal, s.not(s.ofConst(o.value)))
	}
	return found, satisfied
}
