package schema

import (
	"fmt"
	"slices"

	"github.com/treaty-events/treaty/internal/syntax"
)

func (s *solver) holdsObject(f *form, n *syntax.Node) bool {
	count := 0
	switch f.op {
	case opMinProperties:
		return len(n.Items) >= f.n
	case opMaxProperties:
		return len(n.Items) <= f.n
	case opProperty, opHas:
		v := n.Get(f.name)
		return v == nil && f.op == opProperty || v != nil && s.holds(f.sub, v)
	case opEvery, opSome:
		for _, item := range n.Items {
			in, err := f.of.has(item.Key.Value)
			if err == nil && in && s.holds(f.sub, item) == (f.op == opSome) {
				count++
			}
		}
	case opNames, opSomeName:
		for _, item := range n.Items {
			if s.holds(f.sub, text(item.Key.Value)) == (f.op == opSomeName) {
				count++
			}
		}
	}
	return (count > 0) == (f.op == opSome || f.op == opSomeName)
}

func text(value string) *syntax.Node { return syntax.NewScalar(syntax.String, value) }

// object is what is asked of an object. What some property has to meet,
// whichever it is, is an obligation, to be laid on one of them.
type object struct {
	*solver
	least, most int // most -1: no bound
	named       map[string][]*form
	explicit    []string // names that are spoken of; the others are told apart by patterns alone
	every       []*form
	names       []*form
	obligations []*form // opSome and opSomeName
	patterns    []*pattern

	slots []*slot
	taken *form // that a name is none of the explicit ones
	base  map[string]*form
}

// slot is a property that the object is to have.
type slot struct {
	name   string
	signs  []bool  // of a name that is made up: which patterns it matches
	naming []*form // and what else is asked of it
	extra  []*form // of the value
}

// maxPatterns bounds how many patterns names are told apart by: their
// combinations double with each.
const maxPatterns = 10

func (s *solver) solveObject(atoms []*form) *outcome {
	o := &object{solver: s, most: -1, named: map[string][]*form{}, base: map[string]*form{}}
	var required []string
	for _, f := range atoms {
		switch f.op {
		case opMinProperties:
			o.least = max(o.least, f.n)
		case opMaxProperties:
			if o.most < 0 || f.n < o.most {
				o.most = f.n
			}
		case opHas, opProperty:
			o.explicit = append(o.explicit, f.name)
			o.named[f.name] = append(o.named[f.name], f.sub)
			if f.op == opHas {
				required = append(required, f.name)
			}
		case opEvery:
			o.every = append(o.every, f)
			o.speaksOf(f.of)
		case opSome:
			o.obligations = append(o.obligations, f)
			o.speaksOf(f.of)
		case opNames:
			o.names = append(o.names, f)
		case opSomeName:
			o.obligations = append(o.obligations, f)
		}
	}
	slices.Sort(required)
	required = slices.Compact(required)
	slices.Sort(o.explicit)
	o.explicit = slices.Compact(o.explicit)
	if o.most >= 0 && (len(required) > o.most || o.least > o.most) {
		return impossible
	}
	if o.least > maxListItems {
		return &outcome{reason: fmt.Sprintf("minProperties: %d is more properties than are made up", o.least)}
	}
	worst := impossible
	for _, name := range required {
		o.slots = append(o.slots, &slot{name: name})
		value := s.solve(o.forms(name))
		if value.state == unsatisfiable || value == tooLong {
			return value
		}
	}
	if found := o.place(0); found.state != unsatisfiable {
		worst = found
	}
	return worst
}

func (o *object) speaksOf(of *nameSet) {
	o.explicit = append(o.explicit, of.except...)
	for _, list := range [][]*pattern{of.in, of.out} {
		for _, p := range list {
			if !slices.ContainsFunc(o.patterns, func(q *pattern) bool { return q.text == p.text }) {
				o.patterns = append(o.patterns, p)
			}
		}
	}
}

// forms is what a property of that name has to meet.
func (o *object) forms(name string) *form {
	if f := o.base[name]; f != nil {
		return f
	}
	fs := slices.Clone(o.named[name])
	for _, f := range o.every {
		if in, err := f.of.has(name); err != nil {
			fs = append(fs, o.opaque(&rule{verdict: rejects}, "pattern", err.Error()))
		} else if in {
			fs = append(fs, f.sub)
		}
	}
	for _, f := range o.names {
		if !o.holds(f.sub, text(name)) {
			fs = append(fs, o.no)
		}
	}
	f := o.and(fs...)
	o.base[name] = f
	return f
}

// madeUp is what a property has to meet whose name is spoken of nowhere.
func (o *object) madeUp(signs []bool) *form {
	var fs []*form
	for _, f := range o.every {
		if o.covers(f.of, signs) {
			fs = append(fs, f.sub)
		}
	}
	return o.and(fs...)
}

// covers reports whether a set has the names with these signs, which are
// listed nowhere.
func (o *object) covers(of *nameSet, signs []bool) bool {
	agrees := func(list []*pattern, sign bool) bool {
		return !slices.ContainsFunc(list, func(p *pattern) bool {
			i := slices.IndexFunc(o.patterns, func(q *pattern) bool { return q.text == p.text })
			return signs[i] != sign
		})
	}
	return agrees(of.in, true) && agrees(of.out, false)
}

func (o *object) value(sl *slot) *form {
	var base *form
	if sl.signs != nil {
		base = o.madeUp(sl.signs)
	} else {
		base = o.forms(sl.name)
	}
	return o.and(append(slices.Clip(sl.extra), base)...)
}

// place lays obligation k and those after it on properties.
func (o *object) place(k int) *outcome {
	if o.steps++; o.steps > o.limit {
		return tooLong
	}
	if k == len(o.obligations) {
		return o.fill()
	}
	f := o.obligations[k]
	worst := impossible
	try := func(sl *slot) bool {
		state := o.solve(o.value(sl))
		if state.state != unsatisfiable {
			state = o.place(k + 1)
		}
		if state.state == unknown {
			worst = state
		}
		if state.state == satisfied || state == tooLong {
			worst = state
			return true
		}
		return false
	}
	lay := func(sl *slot) bool {
		before, naming, name := sl.extra, sl.naming, sl.name
		done := false
		if f.op == opSome {
			sl.extra = append(slices.Clip(before), f.sub)
			done = try(sl)
		} else if sl.signs == nil {
			if o.holds(f.sub, text(name)) {
				done = try(sl)
			}
		} else {
			sl.naming = append(slices.Clip(naming), f.sub)
			if other := o.invent(sl); other.state == satisfied {
				sl.name = other.value.Value
				done = try(sl)
			} else if other.state == unknown {
				worst = other
			}
		}
		sl.extra, sl.naming, sl.name = before, naming, name
		return done
	}
	for _, sl := range slices.Clone(o.slots) {
		if o.mayBear(f, sl) && lay(sl) {
			return worst
		}
	}
	if o.most >= 0 && len(o.slots) >= o.most {
		return worst
	}
	add := func(sl *slot) bool {
		o.slots = append(o.slots, sl)
		done := lay(sl)
		if !done {
			o.slots = o.slots[:len(o.slots)-1]
		}
		return done
	}
	for _, name := range o.explicit {
		if o.used(name) {
			continue
		}
		if sl := (&slot{name: name}); o.mayBear(f, sl) && add(sl) {
			return worst
		}
	}
	ok := o.eachClass(func(signs []bool) bool {
		sl := &slot{signs: signs}
		if !o.mayBear(f, sl) || o.solve(o.and(o.value(sl), valueOf(f, o.yes))).state == unsatisfiable {
			return false
		}
		name := o.invent(sl)
		switch name.state {
		case unsatisfiable:
			return false
		case unknown:
			worst = name
			return false
		}
		sl.name = name.value.Value
		return add(sl)
	})
	if !ok {
		worst = &outcome{reason: "patternProperties: more patterns than names are told apart by"}
	}
	return worst
}

func valueOf(f, otherwise *form) *form {
	if f.op == opSome {
		return f.sub
	}
	return otherwise
}

func (o *object) used(name string) bool {
	return slices.ContainsFunc(o.slots, func(sl *slot) bool { return sl.name == name })
}

func (o *object) mayBear(f *form, sl *slot) bool {
	switch {
	case f.op == opSomeName:
		return true
	case sl.signs != nil:
		return o.covers(f.of, sl.signs)
	}
	in, err := f.of.has(sl.name)
	return in && err == nil
}

// eachClass goes through the combinations of patterns that a name may match,
// until visit returns true. The result is whether all could be gone through.
func (o *object) eachClass(visit func(signs []bool) bool) bool {
	n := min(len(o.patterns), maxPatterns)
	for bits := range 1 << n {
		signs := make([]bool, len(o.patterns))
		for i := range n {
			signs[i] = bits&(1<<i) != 0
		}
		if visit(signs) {
			return true
		}
	}
	return len(o.patterns) <= maxPatterns
}

// invent makes up a name for a slot that no other property has.
func (o *object) invent(sl *slot) *outcome {
	c := &conjunction{of: typeString}
	for i, p := range o.patterns {
		if !o.assert(c, o.make(form{op: opPattern, pat: p, neg: !sl.signs[i]}, p.text)) {
			return impossible
		}
	}
	if o.taken == nil {
		all := make([]*syntax.Node, len(o.explicit))
		for i, name := range o.explicit {
			all[i] = text(name)
		}
		o.taken = o.not(o.make(form{op: opEnum, all: all}, enumText(all)))
	}
	fs := append(slices.Clone(sl.naming), o.taken)
	for _, f := range o.names {
		fs = append(fs, f.sub)
	}
	for _, other := range o.slots {
		if other.signs != nil && other != sl {
			fs = append(fs, o.not(o.ofConst(text(other.name))))
		}
	}
	if !o.assert(c, o.and(fs...)) {
		return impossible
	}
	for _, name := range strayNames {
		n := text(name)
		fails := func(f *form) bool { return !o.holds(f, n) }
		if !slices.ContainsFunc(c.atoms, fails) && !slices.ContainsFunc(c.choices, fails) {
			return &outcome{state: satisfied, value: n}
		}
	}
	return o.search(c)
}

// strayNames are what a property is called that the schema does not speak of,
// where any name will do.
var strayNames = [...]string{"extra", "other", "more"}

// fill adds properties until there are enough, and finds all values.
func (o *object) fill() *outcome {
	if o.most >= 0 && len(o.slots) > o.most {
		return impossible
	}
	slots := len(o.slots)
	defer func() { o.slots = o.slots[:slots] }()
	worst := impossible
	add := func(sl *slot) {
		value := o.solve(o.value(sl))
		if value.state == satisfied {
			o.slots = append(o.slots, sl)
		} else if value.state == unknown {
			worst = value
		}
	}
	for _, name := range o.explicit {
		if !o.used(name) && (len(o.slots) < o.least || o.taste.optional() && (o.most < 0 || len(o.slots) < o.most)) {
			add(&slot{name: name})
		}
	}
	if len(o.slots) < o.least {
		all := o.eachClass(func(signs []bool) bool {
			for len(o.slots) < o.least {
				sl := &slot{signs: signs}
				if o.solve(o.value(sl)).state == unsatisfiable {
					return false
				}
				name := o.invent(sl)
				if name.state != satisfied {
					if name.state == unknown {
						worst = name
					}
					return false
				}
				before := len(o.slots)
				sl.name = name.value.Value
				add(sl)
				if len(o.slots) == before {
					return false
				}
			}
			return true
		})
		if len(o.slots) < o.least {
			if !all {
				return &outcome{reason: "patternProperties: more patterns than names are told apart by"}
			}
			return worst
		}
	}
	items := make([]*syntax.Node, len(o.slots))
	for i, sl := range o.slots {
		value := o.giveNamed(sl.name, o.value(sl))
		if value.state != satisfied {
			return value
		}
		items[i] = syntax.WithKey(value.value, text(sl.name))
	}
	return &outcome{state: satisfied, value: syntax.Synthetic(nil, syntax.Mapping, items)}
}
