package schema

import "slices"

// The keywords unevaluatedProperties and unevaluatedItems are turned into part
// of a program where what they leave over is known beforehand: no alternative
// that looks at properties, or at items, is open. Otherwise what is left over
// depends on the event, and the evaluator of trees decides.

// leftover is an unevaluated keyword, with the rules that look at what it then
// does not apply to.
type leftover struct {
	rest *rule
	seen []*rule
	all  bool // everything is looked at
}

// taken is a decision between alternatives of a rule.
type taken struct {
	owner *rule
	kind  choiceKind
	rule  *rule
}

// unevaluated is the unevaluated keyword of a rule for a type.
func (r *rule) unevaluated(t typeSet) *rule {
	switch t {
	case typeObject:
		return r.unevaluatedProperties
	case typeArray:
		return r.unevaluatedItems
	}
	return nil
}

// leftovers lists the unevaluated keywords of the set. The result is whether
// what they leave over is known.
func (b *programBuild) leftovers(a *allRules) bool {
	for _, r := range a.rules {
		if rest := r.unevaluated(a.of); rest != nil {
			l := leftover{rest: rest}
			if !a.seen(&l, r, true) {
				return false
			}
			a.leftovers = append(a.leftovers, l)
		}
	}
	return true
}

// seen collects the rules that apply in place with r.
func (a *allRules) seen(l *leftover, r *rule, top bool) bool {
	if r == nil || r.verdict != byKeywords || slices.Contains(l.seen, r) {
		return true
	}
	if !top && r.unevaluated(a.of) != nil {
		l.all = true
		return true
	}
	l.seen = append(l.seen, r)
	for _, sub := range append([]*rule{r.ref}, r.allOf...) {
		if !a.seen(l, sub, false) {
			return false
		}
	}
	for _, c := range []struct {
		kind         choiceKind
		alternatives []*rule
	}{{chooseAny, r.anyOf}, {chooseOne, r.oneOf}, {chooseIf, []*rule{r.ifRule, r.thenRule, r.elseRule}}} {
		if !slices.ContainsFunc(c.alternatives, func(r *rule) bool { return looks(r, a.of, nil) }) {
			continue
		}
		if c.kind == chooseOne && slices.Contains(a.settled, r) {
			for _, sub := range c.alternatives {
				if slices.Contains(a.rules, sub) && !a.seen(l, sub, false) {
					return false
				}
			}
			continue
		}
		at := slices.IndexFunc(a.taken, func(t taken) bool { return t.owner == r && t.kind == c.kind })
		if at < 0 || !a.seen(l, a.taken[at].rule, false) {
			return false
		}
	}
	if a.of == typeObject && r.object != nil {
		return !slices.ContainsFunc(r.object.dependencies, func(d dependency) bool { return looks(d.rule, a.of, nil) })
	}
	return a.of != typeArray || r.array == nil || r.array.contains == nil || !r.array.containsEvaluates
}

// ofNames are the rules for a property that nothing has looked at.
func (a *allRules) ofNames(looked func(*objectRules) bool) []*rule {
	return a.left(func(r *rule) bool { return r.object != nil && (r.object.additional != nil || looked(r.object)) })
}

// ofItem are the rules for item i where nothing has looked at it.
func (a *allRules) ofItem(i int) []*rule {
	return a.left(func(r *rule) bool { return r.array != nil && (r.array.rest != nil || i < len(r.array.prefix)) })
}

func (a *allRules) left(looked func(*rule) bool) []*rule {
	var set []*rule
	for _, l := range a.leftovers {
		if !l.all && !slices.ContainsFunc(l.seen, looked) {
			set = append(set, l.rest)
		}
	}
	return set
}
