package check

import (
	"slices"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// shape is what schemas say of one place in a value: whether it is described,
// and whether it is always there.
type shape struct {
	defined  bool
	required bool
	// unknown is true where the schemas are not understood well enough to tell.
	unknown bool
	// nodes are the schemas of the place, references followed.
	nodes []*syntax.Node

	p       *Pass
	dialect schema.Dialect
}

// mostSchemas bounds the schemas that are looked through for one property.
const mostSchemas = 512

// newShape is the whole value that a schema describes.
func newShape(p *Pass, s *contract.Schema) shape {
	if s == nil || s.Node() == nil {
		return shape{p: p}
	}
	return shape{defined: true, required: true, nodes: []*syntax.Node{s.Node()}, p: p, dialect: s.Dialect}
}

// property goes to a property of the place.
func (s shape) property(name string) shape {
	out := shape{p: s.p, dialect: s.dialect, unknown: s.unknown}
	budget := mostSchemas
	for _, n := range s.nodes {
		switch {
		case s.dialect == schema.Avro:
			out.recordField(n, name)
		case s.dialect.IsJSONSchema():
			out.describe(n, name, &budget, nil)
		default:
			out.unknown = true
		}
	}
	out.unknown = out.unknown || budget <= 0
	return out
}

// describe adds what a schema says of a property of its value. above are the
// schemas that it stands in, since references may lead back to one of them.
func (s *shape) describe(n *syntax.Node, name string, budget *int, above []*syntax.Node) {
	if *budget--; *budget <= 0 || slices.Contains(above, n) {
		return
	}
	above = append(above, n)
	if document.IsRef(n) {
		s.describe(s.p.Doc.Resolve(n), name, budget, above)
		if s.dialect != schema.Draft2019 && s.dialect != schema.Draft2020 {
			return // keywords beside $ref mean nothing
		}
	}
	if !n.Is(syntax.Mapping) {
		return
	}
	if sub := n.Get("properties").Get(name); sub != nil {
		s.defined = true
		if to := s.p.Doc.Resolve(sub); to != nil {
			s.nodes = append(s.nodes, to)
		}
	}
	if required := n.Get("required"); required.Is(syntax.Sequence) {
		s.required = s.required || slices.ContainsFunc(required.Items, func(r *syntax.Node) bool { return r.Str() == name })
	}
	for _, branch := range list(n.Get("allOf")) {
		s.describe(branch, name, budget, above)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		branches := list(n.Get(keyword))
		every := len(branches) > 0
		for _, branch := range branches {
			b := shape{p: s.p, dialect: s.dialect}
			b.describe(branch, name, budget, above)
			s.nodes = append(s.nodes, b.nodes...)
			s.defined = s.defined || b.defined
			every = every && b.required
		}
		s.required = s.required || every
	}
}

// recordField adds what an Avro schema says of a field: it is always there,
// but where its type is a union with null it may have no value.
func (s *shape) recordField(n *syntax.Node, name string) {
	for n.Get("type").Is(syntax.Mapping) && n.Get("fields") == nil {
		n = n.Get("type")
	}
	if !n.Is(syntax.Mapping) {
		s.unknown = true // a union, or a type by its name
		return
	}
	for _, field := range list(n.Get("fields")) {
		if field.Get("name").Str() != name {
			continue
		}
		kind := field.Get("type")
		s.defined = true
		s.required = !slices.ContainsFunc(list(kind), func(branch *syntax.Node) bool { return branch.Str() == "null" })
		s.nodes = append(s.nodes, kind)
	}
}

// list returns the items of a sequence.
func list(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Sequence) {
		return nil
	}
	return n.Items
}
