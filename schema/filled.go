package schema

import (
	"slices"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Filled is the text of a JSON value with the defaults of the schema put in: for
// every property that is not there and whose schema, as it applies to the value,
// has a default. Of alternatives those count that the value conforms to; of several
// defaults the one that the schema has first. It is what a reader of a contract
// sees that has defaults applied, see Profile.DefaultsApply.
//
// The value is expected to conform to the schema; what is no JSON is returned as it
// is, as is a value that lacks nothing, and one of Avro, whose defaults are for the
// resolution of schemas. It is safe for concurrent use.
func (s *Schema) Filled(instance []byte) []byte {
	if s.avro != nil {
		return instance
	}
	root, faults := syntax.Parse(diag.NewFile("", string(instance)), syntax.JSON, syntax.Limits{Depth: maxWireDepth})
	if slices.ContainsFunc(faults, func(d diag.Diagnostic) bool { return d.Severity == diag.Error && !s.letsPass(d) }) {
		return instance
	}
	f := &filling{v: validation{dynamic: s.dynamic}, missing: map[*syntax.Node][]filler{}, done: map[memoKey]bool{}}
	f.fill(s.rule, root)
	if len(f.missing) == 0 {
		return instance
	}
	return f.append(nil, root)
}

// filling puts defaults into one value.
type filling struct {
	v       validation // that tells which alternatives apply
	missing map[*syntax.Node][]filler
	done    map[memoKey]bool
	writing []*syntax.Node // defaults within which the writer is
}

// filler is a property that is not there.
type filler struct {
	name  string
	value *syntax.Node
}

// fallback is the default of a schema; nil where it has none.
func (r *rule) fallback() *syntax.Node { return r.node.Get("default") }

// fill looks for what is missing in n and below it.
func (f *filling) fill(r *rule, n *syntax.Node) {
	if r == nil || r.verdict != byKeywords || r.meta != Unknown || n.Kind != syntax.Mapping && n.Kind != syntax.Sequence || f.done[memoKey{r, n}] {
		return
	}
	f.done[memoKey{r, n}] = true
	f.v.stack = append(f.v.stack, frame{r, n}) // by which dynamic references find their way
	defer func() { f.v.stack = f.v.stack[:len(f.v.stack)-1] }()

	f.fill(r.ref, n)
	switch n.Kind {
	case syntax.Mapping:
		if r.object != nil {
			f.properties(r, n)
		}
	case syntax.Sequence:
		if a := r.array; a != nil {
			for i, item := range n.Items {
				if i < len(a.prefix) {
					f.fill(a.prefix[i], item)
				} else {
					f.fill(a.rest, item)
				}
			}
		}
	}
	for _, sub := range r.allOf {
		f.fill(sub, n)
	}
	for _, sub := range r.anyOf {
		if f.v.check(sub, n, nil) {
			f.fill(sub, n)
		}
	}
	for _, sub := range r.oneOf {
		if f.v.check(sub, n, nil) {
			f.fill(sub, n)
			break
		}
	}
	if r.ifRule != nil {
		if f.v.check(r.ifRule, n, nil) {
			f.fill(r.ifRule, n)
			f.fill(r.thenRule, n)
		} else {
			f.fill(r.elseRule, n)
		}
	}
	if r.dynamic != nil {
		f.fill(f.v.dynamicTarget(r), n)
	}
	f.unevaluated(r, n)
}

func (f *filling) properties(r *rule, n *syntax.Node) {
	o := r.object
	for _, item := range n.Items {
		name := item.Key.Value
		p, known := o.properties[name]
		f.fill(p, item)
		for _, pattern := range o.patterns {
			if matched, err := pattern.pattern.match(name); err == nil && matched {
				known = true
				f.fill(pattern.rule, item)
			}
		}
		if !known {
			f.fill(o.additional, item)
		}
	}
	if properties := r.node.Get("properties"); properties != nil {
		for _, item := range properties.Items {
			name := item.Key.Value
			p := o.properties[name]
			if p == nil || n.Get(name) != nil || slices.ContainsFunc(f.missing[n], func(m filler) bool { return m.name == name }) {
				continue
			}
			if value := p.fallback(); value != nil {
				f.missing[n] = append(f.missing[n], filler{name, value})
				f.fill(p, value)
			}
		}
	}
	for i := range o.dependencies {
		if d := &o.dependencies[i]; d.rule != nil && n.Get(d.of) != nil {
			f.fill(d.rule, n)
		}
	}
}

// unevaluated fills what no other schema in this place has looked at.
func (f *filling) unevaluated(r *rule, n *syntax.Node) {
	rest := r.unevaluatedProperties
	if n.Kind == syntax.Sequence {
		rest = r.unevaluatedItems
	}
	if rest == nil || rest.verdict != byKeywords {
		return
	}
	others := *r
	others.unevaluatedItems, others.unevaluatedProperties = nil, nil
	seen := make([]bool, len(n.Items))
	f.v.check(&others, n, seen)
	for i, item := range n.Items {
		if !seen[i] {
			f.fill(rest, item)
		}
	}
}

// append writes n with what is missing in it. Numbers keep their digits.
func (f *filling) append(b []byte, n *syntax.Node) []byte {
	missing := f.missing[n]
	if slices.Contains(f.writing, n) {
		missing = nil // a default that has itself for a default
	}
	switch {
	case n.Kind != syntax.Mapping && n.Kind != syntax.Sequence:
		return AppendJSON(b, n)
	case n.Kind == syntax.Sequence:
		b = append(b, '[')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = f.append(b, item)
		}
		return append(b, ']')
	}
	f.writing = append(f.writing, n)
	b = append(b, '{')
	first := true
	member := func(name string, value *syntax.Node) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendJSONString(b, name), ':')
		b = f.append(b, value)
	}
	for _, item := range n.Items {
		member(item.Key.Value, item)
	}
	for _, m := range missing {
		member(m.name, m.value)
	}
	f.writing = f.writing[:len(f.writing)-1]
	return append(b, '}')
}
