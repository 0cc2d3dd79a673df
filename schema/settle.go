package schema

import (
	"slices"
	"strconv"
	"strings"
)

// settled returns a schema in which every $dynamicRef and $recursiveRef leads
// to one place. Where they lead depends on the resources that validation came
// through; there are finitely many such histories that matter (for each name
// the outermost resource that has it), so each rule is copied for each history
// that it is met with. For a schema without them it is the schema itself.
func (s *Schema) settled() *Schema {
	if !s.dynamic || s.rule == nil {
		return s
	}
	d := &settling{made: map[settledKey]*rule{}, ids: map[string]int{}}
	return &Schema{rule: d.rule(s.rule, nil)}
}

type settling struct {
	made map[settledKey]*rule
	ids  map[string]int
}

type settledKey struct {
	rule  *rule
	scope string
}

// dynamicScope is the targets that dynamic references have by now, sorted by name;
// $recursiveRef has the name "".
type dynamicScope []scopeTarget

type scopeTarget struct {
	name   string
	target *rule
}

// entered adds what a resource defines and no outer one did.
func (sc dynamicScope) entered(res *resource) dynamicScope {
	if res == nil {
		return sc
	}
	out := sc
	add := func(name string, target *rule) {
		i, known := slices.BinarySearchFunc(out, name, func(t scopeTarget, name string) int { return strings.Compare(t.name, name) })
		if !known {
			out = slices.Insert(slices.Clone(out), i, scopeTarget{name, target})
		}
	}
	if res.recursive && res.rule != nil {
		add("", res.rule)
	}
	for name, target := range res.dynamicRules {
		add(name, target)
	}
	return out
}

func (sc dynamicScope) target(name string) *rule {
	i, known := slices.BinarySearchFunc(sc, name, func(t scopeTarget, name string) int { return strings.Compare(t.name, name) })
	if !known {
		return nil
	}
	return sc[i].target
}

func (d *settling) key(sc dynamicScope) string {
	var b strings.Builder
	for _, t := range sc {
		id := t.name + " " + strconv.Quote(t.target.node.Pointer()) + t.target.resource.base
		if _, known := d.ids[id]; !known {
			d.ids[id] = len(d.ids)
		}
		b.WriteString(strconv.Itoa(d.ids[id]) + " ")
	}
	return b.String()
}

func (d *settling) rule(r *rule, sc dynamicScope) *rule {
	if r.verdict != byKeywords || r.meta != Unknown {
		return r
	}
	sc = sc.entered(r.resource)
	k := settledKey{r, d.key(sc)}
	if made := d.made[k]; made != nil {
		return made
	}
	made := *r
	d.made[k] = &made
	made.each(func(sub *rule, _ int, _ bool) *rule { return d.rule(sub, sc) })
	if r.dynamic != nil {
		made.dynamic = nil
		made.allOf = append(slices.Clip(made.allOf), d.rule(dynamicTargetIn(r, sc), sc))
	}
	return &made
}

// dynamicTargetIn is where the dynamic reference of a rule leads to in a scope.
func dynamicTargetIn(r *rule, sc dynamicScope) *rule {
	initial := r.dynamic.initial
	if initial.resource == nil || initial.meta != Unknown {
		return initial
	}
	name := r.dynamic.anchor
	if r.dynamic.keyword == "$recursiveRef" {
		if !initial.resource.recursive || initial.node != initial.resource.node {
			return initial
		}
	} else if name == "" {
		return initial
	}
	if target := sc.target(name); target != nil {
		return target
	}
	return initial
}
