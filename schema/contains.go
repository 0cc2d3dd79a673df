package schema

import (
	"slices"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Contains decides whether every value of sub is a value of super, both read as
// the profile says. Contained is proved; NotContained comes with a witness,
// made small, which sub's validator accepted and super's refused; where neither
// could be reached within the limits the verdict is Undecided with the reason.
// The answer depends on nothing but the arguments. Both schemas have to be of
// one language: JSON Schema, whatever the dialects, or Avro. For Avro the question
// is whether every datum written with sub can be read with super, by the rules of
// the specification ("Schema Resolution"), which leave the profile nothing to say;
// the witness is in Avro's JSON encoding.
func Contains(super, sub *Schema, p Profile) Containment {
	switch {
	case super.avro != nil && sub.avro != nil:
		return resolves(super.avro, sub.avro)
	case super.avro != nil || sub.avro != nil:
		return Containment{Reason: "one schema is an Avro schema and the other is not; compare schemas of one language"}
	}
	w, r := p.writer(sub.settled()), p.reader(super.settled())
	for _, s := range []*Schema{w, r.Schema} {
		if at := circular(s.rule); at != nil {
			return Containment{Reason: "$ref at " + quote(at.node.Pointer()) + " refers back to itself for the same value and so never decides; break the circle"}
		}
	}
	c := &contest{sub: w, super: r.Schema, solver: newSolver(w.rule, r.rule)}
	o := c.solver.solve(c.solver.ofRule(w.rule), c.solver.not(c.solver.ofRule(r.rule)))
	return c.verdict(o, r.unsure)
}

// circular finds a rule that applies itself to the same value, nil where there
// is none. Such a schema has no meaning (core §9.4.1 of 2020-12).
func circular(root *rule) *rule {
	const under, done = 1, 2
	state := map[*rule]int{} // of the search along what applies to the same value
	var inside []*rule       // to be searched from anew
	var found *rule
	var along func(r *rule)
	along = func(r *rule) {
		state[r] = under
		c := *r
		c.each(func(sub *rule, _ int, inPlace bool) *rule {
			switch {
			case found != nil:
			case !inPlace:
				inside = append(inside, sub)
			case state[sub] == under:
				found = sub
			case state[sub] == 0:
				along(sub)
			}
			return sub
		})
		state[r] = done
	}
	for inside = append(inside, root); len(inside) > 0 && found == nil; {
		r := inside[len(inside)-1]
		inside = inside[:len(inside)-1]
		if state[r] == 0 {
			along(r)
		}
	}
	return found
}

// contest is one question of containment.
type contest struct {
	sub, super *Schema
	solver     *solver
}

func (c *contest) verdict(o *outcome, unsure string) Containment {
	switch {
	case o.state == unsatisfiable && unsure == "":
		return Containment{Verdict: Contained}
	case o.state == unsatisfiable:
		return Containment{Reason: unsure}
	case o.state == unknown:
		return Containment{Reason: o.reason}
	}
	if !c.shows(o.value) {
		return Containment{Reason: "the value that was found does not hold against both schemas: " + clip(string(AppendJSON(nil, o.value)))}
	}
	if unsure != "" {
		return Containment{Reason: unsure}
	}
	least := c.minimise(o.value)
	text := AppendJSON(nil, arranged(least, []*rule{c.sub.rule}))
	problems := c.super.ValidateJSON(text)
	if len(problems) == 0 || len(c.sub.ValidateJSON(text)) > 0 {
		return Containment{Reason: "the value that was found does not hold against both schemas: " + clip(string(text))}
	}
	return Containment{Verdict: NotContained, Witness: text, Reason: at(problems[0]), Problem: problems[0]}
}

func at(p Problem) string {
	if p.Instance == "" {
		return p.Message
	}
	return p.Instance + ": " + p.Message
}

// shows reports whether a value is a witness.
func (c *contest) shows(n *syntax.Node) bool { return c.sub.Valid(n) && !c.super.Valid(n) }

// maxShrinks bounds how often a witness is tried in a smaller form.
const maxShrinks = 400

// minimise takes away from a witness what it is one without.
func (c *contest) minimise(n *syntax.Node) *syntax.Node {
	tries := maxShrinks
	for again := true; again && tries > 0; {
		again = false
		for smaller := range shrunk(n) {
			if tries--; tries < 0 {
				break
			}
			if c.shows(smaller) {
				n, again = smaller, true
				break
			}
		}
	}
	return n
}

// shrunk yields the values that a value becomes by one step down: a member
// less, an item less, a shorter text.
func shrunk(n *syntax.Node) func(yield func(*syntax.Node) bool) {
	return func(yield func(*syntax.Node) bool) {
		with := func(items []*syntax.Node) *syntax.Node {
			smaller := syntax.Synthetic(nil, n.Kind, items)
			smaller.Key = n.Key
			return smaller
		}
		switch n.Kind {
		case syntax.Sequence, syntax.Mapping:
			for i := range n.Items {
				if !yield(with(slices.Delete(slices.Clone(n.Items), i, i+1))) {
					return
				}
			}
			for i, item := range n.Items {
				for smaller := range shrunk(item) {
					items := slices.Clone(n.Items)
					items[i] = smaller
					if !yield(with(items)) {
						return
					}
				}
			}
		case syntax.String:
			for _, shorter := range []string{"", firstRune(n.Value)} {
				if len(shorter) < len(n.Value) && !yield(syntax.WithKey(text(shorter), n.Key)) {
					return
				}
			}
		case syntax.Number:
			for _, plainer := range []string{"0", "1"} {
				if plainer != n.Value && len(plainer) < len(n.Value) && !yield(syntax.WithKey(syntax.NewScalar(syntax.Number, plainer), n.Key)) {
					return
				}
			}
		}
	}
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// AppendJSON writes a value as JSON on one line, numbers as they stand. Line
// separators of Unicode are escaped, so that the line stays one everywhere.
func AppendJSON(b []byte, n *syntax.Node) []byte {
	switch n.Kind {
	case syntax.Null:
		return append(b, "null"...)
	case syntax.String:
		return appendJSONString(b, n.Value)
	case syntax.Sequence:
		b = append(b, '[')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, item)
		}
		return append(b, ']')
	case syntax.Mapping:
		b = append(b, '{')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, item.Key.Value), ':')
			b = AppendJSON(b, item)
		}
		return append(b, '}')
	}
	return append(b, n.Value...)
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}
