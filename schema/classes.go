package schema

import (
	"slices"
	"strconv"
)

// classify sorts the rules that can be reached from some roots into classes
// that ask the same of every value, as far as their structure shows: the parts
// of two versions of a schema that did not change are one, wherever they are
// written and whatever their definitions are called. Rules in a circle are told
// apart by refinement, until nothing more differs.
func (s *solver) classify(roots []*rule) {
	g := &ruleGraph{ids: map[*rule]int{}}
	for _, r := range roots {
		g.visit(r)
	}
	s.classes = make(map[*rule]*rule, len(g.rules))
	classes := make([]int, len(g.rules))
	number := map[string]int{}
	for count := 0; ; {
		clear(number)
		next := make([]int, len(g.rules))
		for i := range g.rules {
			b := strconv.AppendInt(g.text[:0], int64(g.own[i]), 10)
			for _, sub := range g.subs[i] {
				c := -1
				if sub >= 0 {
					c = classes[sub]
				}
				b = strconv.AppendInt(append(b, ' '), int64(c), 10)
			}
			g.text = b
			id, known := number[string(b)]
			if !known {
				id = len(number)
				number[string(b)] = id
			}
			next[i] = id
		}
		classes = next
		if len(number) == count {
			break
		}
		count = len(number)
	}
	first := map[int]*rule{}
	for i, r := range g.rules {
		if first[classes[i]] == nil {
			first[classes[i]] = r
		}
		s.classes[r] = first[classes[i]]
	}
}

// class returns the rule that stands for all that ask the same.
func (s *solver) class(r *rule) *rule {
	if c := s.classes[r]; c != nil {
		return c
	}
	return r
}

// ruleGraph numbers rules, with what each says by itself and the rules that it
// refers to.
type ruleGraph struct {
	ids    map[*rule]int
	rules  []*rule
	own    []int // equal where two rules say the same by themselves
	subs   [][]int
	owners map[string]int
	text   []byte
}

func (g *ruleGraph) visit(root *rule) {
	if _, known := g.ids[root]; known || root == nil {
		return
	}
	if g.owners == nil {
		g.owners = map[string]int{}
	}
	g.number(root)
	for i := g.ids[root]; i < len(g.rules); i++ {
		r := g.rules[i]
		w := &signature{g: g}
		w.rule(r)
		id, known := g.owners[string(w.text)]
		if !known {
			id = len(g.owners)
			g.owners[string(w.text)] = id
		}
		g.own[i], g.subs[i] = id, w.subs
	}
}

func (g *ruleGraph) number(r *rule) int {
	if r == nil {
		return -1
	}
	id, known := g.ids[r]
	if !known {
		id = len(g.rules)
		g.ids[r] = id
		g.rules = append(g.rules, r)
		g.own = append(g.own, 0)
		g.subs = append(g.subs, nil)
	}
	return id
}

// signature writes what a rule says: its own part as text, the rest as numbers
// of other rules, in an order that the text determines.
type signature struct {
	g    *ruleGraph
	text []byte
	subs []int
}

func (w *signature) word(text string) { w.text = append(append(w.text, text...), '\n') }

func (w *signature) count(label string, n int) {
	w.text = strconv.AppendInt(append(w.text, label...), int64(n), 10)
}

func (w *signature) decimal(label string, d *decimal) {
	if d != nil {
		w.word(label + d.String())
	}
}

func (w *signature) refer(label string, rs ...*rule) {
	w.word(label)
	for _, r := range rs {
		w.subs = append(w.subs, w.g.number(r))
	}
	w.count("#", len(rs))
}

func (w *signature) rule(r *rule) {
	w.count("v", int(r.verdict))
	w.count("t", int(r.types))
	w.count("m", int(r.meta))
	if r.dialect == Draft4 {
		w.word("4") // where 1.0 is no integer
	}
	if r.constant != nil {
		w.text = canonical(append(w.text, 'c'), r.constant)
	}
	if r.enum != nil {
		w.word("e" + enumText(r.enum.Items))
	}
	w.refer("ref", r.ref)
	if n := r.number; n != nil {
		w.decimal("min", n.minimum)
		w.decimal("max", n.maximum)
		w.decimal("above", n.exclusiveMin)
		w.decimal("below", n.exclusiveMax)
		w.decimal("mult", n.multipleOf)
	}
	if t := r.text; t != nil {
		w.count("l", t.minLength)
		w.count("L", t.maxLength)
		if t.pattern != nil {
			w.word("p" + strconv.Quote(t.pattern.text))
		}
		if t.conforms != nil {
			w.word("f" + formatText(r))
		}
		if t.content != nil {
			w.word(t.content.name())
		}
	}
	if a := r.array; a != nil {
		w.count("a", a.minItems)
		w.count("A", a.maxItems)
		w.count("c", a.minContains)
		w.count("C", a.maxContains)
		w.word(strconv.FormatBool(a.unique) + strconv.FormatBool(a.containsEvaluates))
		w.refer("prefix", a.prefix...)
		w.refer("rest", a.rest, a.contains)
	}
	if r.object != nil {
		w.object(r.object)
	}
	w.refer("all", r.allOf...)
	w.refer("any", r.anyOf...)
	w.refer("one", r.oneOf...)
	w.refer("not", r.not, r.ifRule, r.thenRule, r.elseRule, r.unevaluatedItems, r.unevaluatedProperties)
}

func (w *signature) object(o *objectRules) {
	w.count("o", o.minProperties)
	w.count("O", o.maxProperties)
	required := make([]string, len(o.required))
	for i, n := range o.required {
		required[i] = n.Value
	}
	slices.Sort(required)
	for _, name := range required {
		w.word("r" + strconv.Quote(name))
	}
	for _, name := range sortedNames(o) {
		w.refer("p"+strconv.Quote(name), o.properties[name])
	}
	for _, p := range o.patterns {
		w.refer("P"+strconv.Quote(p.pattern.text), p.rule)
	}
	w.refer("more", o.additional, o.names)
	for _, d := range o.dependencies {
		w.refer("d"+strconv.Quote(d.of), d.rule)
		for _, n := range d.names {
			w.word(strconv.Quote(n.Value))
		}
	}
}

// formatText tells formats apart that share a name: host names grew stricter
// after draft-06.
func formatText(r *rule) string {
	if r.text.format == "hostname" && (r.dialect == Draft4 || r.dialect == Draft6) {
		return "hostname of draft-06"
	}
	return r.text.format
}
