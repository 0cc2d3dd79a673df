package check

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// wordKeywords are the keywords of a schema that say something to people, and nothing
// about values.
var wordKeywords = map[string]bool{"title": true, "description": true, "examples": true, "example": true, "$comment": true, "externalDocs": true,
	"deprecated": true, "readOnly": true, "writeOnly": true, "default": true, "doc": true, "$schema": true}

// homes are the keywords under which schemas stand that references name.
var homes = map[string]bool{"$defs": true, "definitions": true}

// schemaNode follows references of a side to a schema.
func (x *comparer) schemaNode(side *contract.Contract, n *syntax.Node) *syntax.Node {
	for i := 0; n != nil && bareRef(n); i++ {
		to := side.Document().Schema(n)
		if to == nil || i > 100 {
			return n
		}
		n = to
	}
	return n
}

// bareRef reports whether a schema is a reference and nothing else that says
// something about values.
func bareRef(n *syntax.Node) bool {
	if !document.IsRef(n) {
		return false
	}
	for _, item := range n.Items {
		if key := item.KeyName(); key != "$ref" && !wordKeywords[key] && !homes[key] {
			return false
		}
	}
	return true
}

// sameSchema reports whether two schemas say the same in the same way, apart
// from what references name, the order of keys and lists that are sets, and
// wordKeywords. What is under comparison counts as the same, so recursion ends.
func (x *comparer) sameSchema(old, new *syntax.Node, defaults bool) bool {
	old, new = x.schemaNode(x.old, old), x.schemaNode(x.new, new)
	if old == nil || new == nil {
		return old == new
	}
	pair := [2]*syntax.Node{old, new}
	if known, seen := x.same[pair]; seen {
		return known
	}
	x.same[pair] = true
	ok := x.sameKeywords(old, new, defaults)
	x.same[pair] = ok
	return ok
}

func (x *comparer) sameKeywords(old, new *syntax.Node, defaults bool) bool {
	if old.Kind != new.Kind {
		return false
	}
	if old.Kind != syntax.Mapping {
		return x.sameValue(old, new, "")
	}
	says := func(item *syntax.Node) bool {
		key := item.KeyName()
		return !homes[key] && (!wordKeywords[key] || defaults && key == "default")
	}
	for _, side := range []struct{ a, b *syntax.Node }{{old, new}, {new, old}} {
		for _, item := range members(side.a) {
			if says(item) && side.b.Get(item.KeyName()) == nil {
				return false
			}
		}
	}
	for _, item := range members(old) {
		if !says(item) {
			continue
		}
		key, other := item.KeyName(), new.Get(item.KeyName())
		switch key {
		case "$ref":
			// With others beside it: what it leads to has to be the same.
			a, b := x.old.Document().Schema(old), x.new.Document().Schema(new)
			if a == nil || b == nil {
				if item.Value != other.Value {
					return false
				}
			} else if !x.sameSchema(a, b, defaults) {
				return false
			}
		case "properties", "patternProperties", "dependentSchemas":
			if !item.Is(syntax.Mapping) || !other.Is(syntax.Mapping) {
				if !x.equalExactly(item, other) {
					return false
				}
				continue
			}
			mine := members(item)
			if len(mine) != len(members(other)) {
				return false
			}
			for _, p := range mine {
				q := other.Get(p.KeyName())
				if q == nil || !x.sameSchema(p, q, defaults) {
					return false
				}
			}
		default:
			if !x.sameValue(item, other, key) {
				return false
			}
		}
	}
	return true
}

// sameValue compares what stands under a keyword. Values in it are compared
// exactly, schemas as schemas.
func (x *comparer) sameValue(a, b *syntax.Node, keyword string) bool {
	switch keyword {
	case "const", "enum", "default":
		if keyword == "enum" && a.Is(syntax.Sequence) && b.Is(syntax.Sequence) {
			return sameSet(a.Items, b.Items, x.equalExactly)
		}
		return x.equalExactly(a, b)
	case "required", "type":
		return sameSet(listOf(a), listOf(b), x.equalExactly)
	case "anyOf", "allOf", "oneOf":
		if a.Is(syntax.Sequence) && b.Is(syntax.Sequence) {
			return sameSet(a.Items, b.Items, func(a, b *syntax.Node) bool { return x.sameSchema(a, b, true) })
		}
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case syntax.Mapping:
		return x.sameSchema(a, b, true)
	case syntax.Sequence:
		return slices.EqualFunc(a.Items, b.Items, func(a, b *syntax.Node) bool { return x.sameValue(a, b, "") })
	}
	return x.equalExactly(a, b)
}

// equalExactly compares values, in which nothing is a reference.
func (x *comparer) equalExactly(a, b *syntax.Node) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case syntax.Mapping:
		mine := members(a)
		if len(mine) != len(members(b)) {
			return false
		}
		for _, item := range mine {
			if other := b.Get(item.KeyName()); other == nil || !x.equalExactly(item, other) {
				return false
			}
		}
		return true
	case syntax.Sequence:
		return slices.EqualFunc(a.Items, b.Items, x.equalExactly)
	case syntax.Number:
		m, ok := decimalOf(a.Value)
		n, also := decimalOf(b.Value)
		if ok && also {
			return m.Cmp(n) == 0
		}
	}
	return a.Value == b.Value
}

// members are the items of a mapping that count: of a key that is there twice the
// first.
func members(n *syntax.Node) []*syntax.Node {
	for i, item := range n.Items {
		if n.Get(item.KeyName()) == item {
			continue
		}
		kept := slices.Clone(n.Items[:i])
		for _, item := range n.Items[i:] {
			if n.Get(item.KeyName()) == item {
				kept = append(kept, item)
			}
		}
		return kept
	}
	return n.Items
}

// sameSet reports whether two lists have the same entries in any order.
func sameSet(a, b []*syntax.Node, equal func(a, b *syntax.Node) bool) bool {
	if len(a) != len(b) {
		return false
	}
	used := make([]bool, len(b))
	for i, item := range a {
		found := false
		for k := range b {
			k = (k + i) % len(b) // most lists are in the same order
			if !used[k] && equal(item, b[k]) {
				used[k], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// compiledKey names a schema of a side.
type compiledKey struct {
	side *contract.Contract
	node *syntax.Node
}

// compile makes a schema of a side; nil stands for one that is not stated.
func (x *comparer) compile(side *contract.Contract, s *contract.Schema) (*schema.Schema, error) {
	if s == nil || s.Node() == nil {
		return schema.Parse("", []byte("true"), schema.Draft2020)
	}
	key := compiledKey{side, s.Node()}
	if c := x.compiled[key]; c != nil {
		return c, nil
	}
	c, err := schema.NewCompiler(side.Document().Schema, schema.FormatAssertion(true)).Compile(s.Node(), s.Dialect)
	if err == nil {
		x.compiled[key] = c
	}
	return c, err
}

// maxSpots bounds the places that one change lists.
const maxSpots = 20

// spots lists where two schemas differ.
func (x *comparer) spots(old, new *contract.Schema) []Spot {
	d := &differ{x: x, seen: map[[2]*syntax.Node]bool{}}
	var a, b *syntax.Node
	if old != nil {
		a = old.Node()
	}
	if new != nil {
		b = new.Node()
	}
	switch {
	case a == nil && b == nil:
	case a == nil:
		d.add(Spot{Keyword: "schema", New: "stated", NewSpan: b.KeySpan()})
	case b == nil:
		d.add(Spot{Keyword: "schema", Old: "stated", OldSpan: a.KeySpan()})
	default:
		d.walk(a, b, "")
	}
	return d.spots
}

type differ struct {
	x     *comparer
	spots []Spot
	seen  map[[2]*syntax.Node]bool
}

func (d *differ) add(s Spot) {
	if len(d.spots) < maxSpots {
		d.spots = append(d.spots, s)
	}
}

func (d *differ) walk(old, new *syntax.Node, at string) {
	old, new = d.x.schemaNode(d.x.old, old), d.x.schemaNode(d.x.new, new)
	pair := [2]*syntax.Node{old, new}
	if d.seen[pair] || d.x.sameSchema(old, new, true) {
		return
	}
	d.seen[pair] = true
	if !old.Is(syntax.Mapping) || !new.Is(syntax.Mapping) {
		d.differ(at, "schema", old, new)
		return
	}
	keys := make([]string, 0, len(old.Items)+len(new.Items))
	for _, n := range []*syntax.Node{old, new} {
		for _, item := range n.Items {
			if key := item.KeyName(); !slices.Contains(keys, key) && !homes[key] && (!wordKeywords[key] || key == "default") {
				keys = append(keys, key)
			}
		}
	}
	for _, key := range keys {
		a, b := old.Get(key), new.Get(key)
		switch key {
		case "properties", "patternProperties", "fields":
			d.properties(old, new, a, b, at)
			continue
		case "required":
			d.required(old, new, a, b, at)
			continue
		case "enum", "symbols":
			if a != nil && b != nil {
				more, fewer := notIn(b, a), notIn(a, b)
				if len(more) > 0 || len(fewer) > 0 {
					d.add(Spot{At: at, Keyword: key, Old: strings.Join(fewer, ", "), New: strings.Join(more, ", "), OldSpan: a.KeySpan(), NewSpan: b.KeySpan()})
					continue
				}
			}
		case "items", "additionalProperties", "additionalItems", "values", "contains", "unevaluatedProperties", "unevaluatedItems":
			if a != nil && b != nil && (a.Kind == syntax.Mapping && b.Kind == syntax.Mapping) {
				d.walk(a, b, at+"/*")
				continue
			}
		case "allOf", "anyOf", "oneOf", "prefixItems":
			if a != nil && b != nil && len(listOf(a)) == len(listOf(b)) {
				for i := range listOf(a) {
					d.walk(a.Items[i], b.Items[i], at)
				}
				continue
			}
		case "not", "if", "then", "else", "propertyNames":
			if a != nil && b != nil {
				d.walk(a, b, at)
				continue
			}
		case "$ref":
			if a != nil && b != nil {
				if to, also := d.x.old.Document().Schema(old), d.x.new.Document().Schema(new); to != nil && also != nil {
					d.walk(to, also, at)
					continue
				}
			}
		}
		if a == nil || b == nil || !d.x.sameValue(a, b, key) {
			d.differ(at, key, a, b)
		}
	}
}

func (d *differ) differ(at, keyword string, old, new *syntax.Node) {
	s := Spot{At: at, Keyword: keyword, Old: shownValue(old, ""), New: shownValue(new, "")}
	if old != nil {
		s.OldSpan = old.KeySpan()
	}
	if new != nil {
		s.NewSpan = new.KeySpan()
	}
	d.add(s)
}

// named lists properties or fields by their names.
func named(n *syntax.Node) (names []string, byName map[string]*syntax.Node) {
	byName = map[string]*syntax.Node{}
	if n == nil {
		return nil, byName
	}
	for _, item := range n.Items {
		name := item.KeyName()
		if n.Kind == syntax.Sequence { // fields of Avro
			name = item.Get("name").Str()
		}
		if name != "" && byName[name] == nil {
			names = append(names, name)
			byName[name] = item
		}
	}
	return names, byName
}

func (d *differ) properties(old, new, a, b *syntax.Node, at string) {
	before, were := named(a)
	after, are := named(b)
	for _, name := range before {
		p, q := were[name], are[name]
		if q == nil {
			d.add(Spot{At: at + "/" + name, Keyword: "property", Old: requiredWord(old, name), OldSpan: p.KeySpan(), NewSpan: new.KeySpan()})
			continue
		}
		d.walk(p, q, at+"/"+name)
	}
	for _, name := range after {
		if were[name] == nil {
			d.add(Spot{At: at + "/" + name, Keyword: "property", New: requiredWord(new, name), OldSpan: old.KeySpan(), NewSpan: are[name].KeySpan()})
		}
	}
}

func requiredWord(n *syntax.Node, name string) string {
	for _, item := range listOf(n.Get("required")) {
		if item.Value == name {
			return "required"
		}
	}
	return "optional"
}

// required tells of properties that are there on both sides; those that came or
// went are told with the property.
func (d *differ) required(old, new, a, b *syntax.Node, at string) {
	_, were := named(old.Get("properties"))
	_, are := named(new.Get("properties"))
	span := func(n, parent *syntax.Node) diag.Span {
		if n != nil {
			return n.KeySpan()
		}
		return parent.KeySpan()
	}
	for _, name := range notIn(b, a) {
		if were[name] != nil || are[name] == nil {
			d.add(Spot{At: at + "/" + name, Keyword: "required", Old: "optional", New: "required", OldSpan: span(a, old), NewSpan: span(b, new)})
		}
	}
	for _, name := range notIn(a, b) {
		if are[name] != nil || were[name] == nil {
			d.add(Spot{At: at + "/" + name, Keyword: "required", Old: "required", New: "optional", OldSpan: span(a, old), NewSpan: span(b, new)})
		}
	}
}

// String says what changed at a spot.
func (s Spot) String() string {
	at := strings.TrimPrefix(s.At, "/")
	if at == "" {
		at = "the value"
	}
	switch {
	case s.Keyword == "property" && s.Old == "":
		return at + " is new, " + s.New
	case s.Keyword == "property":
		return at + " is gone, was " + s.Old
	case s.Keyword == "required" && s.New == "required":
		return at + " is required now, was optional"
	case s.Keyword == "required":
		return at + " is optional now, was required"
	case s.Keyword == "enum" || s.Keyword == "symbols":
		var parts []string
		if s.New != "" {
			parts = append(parts, "new "+s.New)
		}
		if s.Old != "" {
			parts = append(parts, "gone "+s.Old)
		}
		return at + ": " + s.Keyword + " " + strings.Join(parts, ", ")
	case s.Old == "":
		return at + ": " + s.Keyword + " " + s.New + " is new"
	case s.New == "":
		return at + ": " + s.Keyword + " " + s.Old + " is gone"
	}
	return at + ": " + s.Keyword + " " + s.Old + " → " + s.New
}
