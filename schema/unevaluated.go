package schema

import "slices"

// The keywords unevaluatedProperties and unevaluatedItems depend on which of
// the alternatives accepted the value. So a rule that has one is written as
// cases: every way for its alternatives to accept or refuse, each with what has
// been looked at in it. The cases of a rule exclude each other and leave
// nothing out, so that their negation is right too.
type evaluation struct {
	form *form
	// properties
	names    []string
	patterns []*pattern
	// items
	prefix   int
	contains []*form
	all      bool // every property or item
}

// maxCases bounds how many ways one rule is split into.
const maxCases = 256

// cases splits what a rule asks of a type, its unevaluated keyword left aside.
func (s *solver) cases(r *rule, t typeSet) ([]evaluation, bool) {
	s.splitting++
	defer func() { s.splitting-- }()
	if s.splitting > maxGoals || r.meta != Unknown {
		return nil, false
	}
	all := []evaluation{s.marks(r, t)}
	ok := true
	also := func(sub *rule) {
		ok = ok && s.crossed(&all, sub, t)
	}
	if r.ref != nil {
		also(r.ref)
	}
	for _, sub := range r.allOf {
		also(sub)
	}
	if r.anyOf != nil {
		ok = ok && s.split(&all, r.anyOf, t, s.or(s.ofRules(r.anyOf)...), func(accepting int) bool { return accepting > 0 })
	}
	if r.oneOf != nil {
		ok = ok && s.split(&all, r.oneOf, t, s.exactlyOne(s.ofRules(r.oneOf)), func(accepting int) bool { return accepting == 1 })
	}
	if r.not != nil {
		addForm(all, s, s.not(s.ofRule(r.not)))
	}
	if r.ifRule != nil && ok {
		ok = s.splitIf(&all, r, t)
	}
	if t == typeObject && r.object != nil {
		for _, d := range r.object.dependencies {
			if d.rule == nil {
				continue
			}
			without := clone(all)
			addForm(without, s, s.property(d.of, s.no))
			addForm(all, s, s.has(d.of, s.yes))
			also(d.rule)
			all = append(all, without...)
		}
	}
	return all, ok && len(all) <= maxCases
}

// marks is what the keywords of a rule by themselves ask and look at.
func (s *solver) marks(r *rule, t typeSet) evaluation {
	e := evaluation{form: s.own(r, t)}
	switch {
	case t == typeObject && r.object != nil:
		e.names = sortedNames(r.object)
		for _, p := range r.object.patterns {
			e.patterns = append(e.patterns, p.pattern)
		}
		e.all = r.object.additional != nil
	case t == typeArray && r.array != nil:
		e.prefix = len(r.array.prefix)
		e.all = r.array.rest != nil
		if r.array.contains != nil && r.array.containsEvaluates {
			e.contains = []*form{s.ofRule(r.array.contains)}
		}
	}
	return e
}

// looks reports whether a rule may look at properties or items at all.
func looks(r *rule, t typeSet, above []*rule) bool {
	if r == nil || r.verdict != byKeywords || slices.Contains(above, r) {
		return false
	}
	if t == typeObject && (r.object != nil || r.unevaluatedProperties != nil) || t == typeArray && (r.array != nil || r.unevaluatedItems != nil) {
		return true
	}
	above = append(above, r)
	if looks(r.ref, t, above) || looks(r.ifRule, t, above) || looks(r.thenRule, t, above) || looks(r.elseRule, t, above) {
		return true
	}
	for _, list := range [][]*rule{r.allOf, r.anyOf, r.oneOf} {
		for _, sub := range list {
			if looks(sub, t, above) {
				return true
			}
		}
	}
	return false
}

// of returns the cases of a rule that is applied in place.
func (s *solver) subCases(r *rule, t typeSet) ([]evaluation, bool) {
	switch {
	case r.verdict == rejects:
		return nil, true
	case !looks(r, t, nil):
		return []evaluation{{form: s.ofRule(r)}}, true
	case t == typeObject && r.unevaluatedProperties != nil, t == typeArray && r.unevaluatedItems != nil:
		return []evaluation{{form: s.ofRule(r), all: true}}, true
	}
	return s.cases(r, t)
}

// crossed combines every case with every case of another rule.
func (s *solver) crossed(all *[]evaluation, r *rule, t typeSet) bool {
	subs, ok := s.subCases(r, t)
	if !ok || len(subs)*len(*all) > maxCases {
		return false
	}
	var out []evaluation
	for _, a := range *all {
		for _, b := range subs {
			if c := s.both(a, b); c.form != s.no {
				out = append(out, c)
			}
		}
	}
	*all = out
	return true
}

func (s *solver) both(a, b evaluation) evaluation {
	return evaluation{
		form:     s.and(a.form, b.form),
		names:    append(slices.Clip(a.names), b.names...),
		patterns: append(slices.Clip(a.patterns), b.patterns...),
		prefix:   max(a.prefix, b.prefix),
		contains: append(slices.Clip(a.contains), b.contains...),
		all:      a.all || b.all,
	}
}

// split goes through every way for alternatives to accept or refuse.
func (s *solver) split(all *[]evaluation, branches []*rule, t typeSet, whole *form, enough func(accepting int) bool) bool {
	if !slices.ContainsFunc(branches, func(b *rule) bool { return looks(b, t, nil) }) {
		addForm(*all, s, whole)
		return true
	}
	type way struct {
		evaluation
		accepting int
	}
	ways := []way{{evaluation{form: s.yes}, 0}}
	for _, b := range branches {
		subs, ok := s.subCases(b, t)
		if !ok {
			return false
		}
		var next []way
		refuses := evaluation{form: s.not(s.ofRule(b))}
		for _, w := range ways {
			if c := s.both(w.evaluation, refuses); c.form != s.no {
				next = append(next, way{c, w.accepting})
			}
			for _, sub := range subs {
				if c := s.both(w.evaluation, sub); c.form != s.no {
					next = append(next, way{c, w.accepting + 1})
				}
			}
		}
		if ways = next; len(ways) > maxCases {
			return false
		}
	}
	var out []evaluation
	for _, a := range *all {
		for _, w := range ways {
			if enough(w.accepting) {
				if c := s.both(a, w.evaluation); c.form != s.no {
					out = append(out, c)
				}
			}
		}
	}
	*all = out
	return len(out) <= maxCases
}

func (s *solver) splitIf(all *[]evaluation, r *rule, t typeSet) bool {
	condition := s.ofRule(r.ifRule)
	otherwise := clone(*all)
	addForm(otherwise, s, s.not(condition))
	if !s.crossed(all, r.ifRule, t) {
		return false
	}
	if r.thenRule != nil && !s.crossed(all, r.thenRule, t) {
		return false
	}
	if r.elseRule != nil && !s.crossed(&otherwise, r.elseRule, t) {
		return false
	}
	*all = append(*all, otherwise...)
	return len(*all) <= maxCases
}

func clone(all []evaluation) []evaluation { return append([]evaluation(nil), all...) }

func addForm(all []evaluation, s *solver, f *form) {
	for i := range all {
		all[i].form = s.and(all[i].form, f)
	}
}

// unseen says that what a case has not looked at has a form.
func (s *solver) unseen(e evaluation, t typeSet, rest *form) *form {
	if e.all {
		return s.yes
	}
	if t == typeObject {
		names := slices.Clone(e.names)
		slices.Sort(names)
		return s.every(nameSet{out: e.patterns, except: slices.Compact(names)}, rest)
	}
	return s.remake(form{op: opEach, n: e.prefix, sub: s.or(append(slices.Clone(e.contains), rest)...)})
}
