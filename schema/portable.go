package schema

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/treaty-events/treaty/internal/jsonscan"
)

// Portable writes what the schema means as one plain schema of JSON Schema
// 2020-12, for validators that know no more than its core: whatever the dialect
// was, references lead into $defs alone, no identifier is needed to follow them,
// formats stand only where they are asserted, and what a profile made of the
// schema (see Read and Written) is written out. Equal schemas give equal bytes. A
// schema of Avro has no such form, nor has one that asks for values to be schemas
// themselves.
func (s *Schema) Portable() ([]byte, error) {
	if s.rule == nil {
		return nil, errors.New("a schema of Avro cannot be written as JSON Schema")
	}
	p := &porting{numbers: map[*rule]int{}, met: map[*rule]int{}}
	settled := s.settled().rule
	p.meet(settled)
	root := p.number(settled)
	b := append([]byte(nil), `{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/`...)
	b = append(strconv.AppendInt(b, int64(root), 10), `","$defs":{`...)
	for i := 0; i < len(p.rules); i++ { // writing one may number others
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), int64(i), 10), `":`...)
		b = p.body(b, p.rules[i])
	}
	return append(b, '}', '}'), p.err
}

type porting struct {
	met     map[*rule]int // how often; those met more than once stand in $defs
	numbers map[*rule]int
	rules   []*rule
	err     error
}

// meet counts how often rules are met.
func (p *porting) meet(r *rule) {
	if p.met[r]++; p.met[r] > 1 {
		return
	}
	inner := *r // each copies what it goes through
	inner.each(func(sub *rule, _ int, _ bool) *rule {
		p.meet(sub)
		return sub
	})
}

// number is that of a rule that is referred to.
func (p *porting) number(r *rule) int {
	n, ok := p.numbers[r]
	if !ok {
		n = len(p.rules)
		p.numbers[r] = n
		p.rules = append(p.rules, r)
	}
	return n
}

// namesOf are the names of types in the type keyword.
func namesOf(t typeSet) []string {
	var names []string
	for _, one := range []struct {
		set  typeSet
		name string
	}{{typeNull, "null"}, {typeBoolean, "boolean"}, {typeNumber, "number"}, {typeInteger, "integer"}, {typeString, "string"}, {typeArray, "array"}, {typeObject, "object"}} {
		if t&one.set == one.set {
			names = append(names, one.name)
			t &^= one.set
		}
	}
	return names
}

// rule writes a rule where it stands, or refers to it where it stands in several
// places, its own inside among them.
func (p *porting) rule(b []byte, r *rule) []byte {
	if p.met[r] < 2 || r.verdict != byKeywords {
		return p.body(b, r)
	}
	return append(strconv.AppendInt(append(b, `{"$ref":"#/$defs/`...), int64(p.number(r)), 10), `"}`...)
}

// body writes what a rule says.
func (p *porting) body(b []byte, r *rule) []byte {
	switch r.verdict {
	case accepts:
		return append(b, "true"...)
	case rejects:
		return append(b, "false"...)
	}
	if r.meta != Unknown {
		p.err = errors.New("a schema whose values are schemas cannot be written without the schema of schemas")
	}
	b = append(b, '{')
	open := len(b)
	key := func(name string) {
		if len(b) > open {
			b = append(b, ',')
		}
		b = append(jsonscan.AppendString(b, name), ':')
	}
	number := func(name string, n int) {
		key(name)
		b = strconv.AppendInt(b, int64(n), 10)
	}
	sub := func(name string, r *rule) {
		if r != nil {
			key(name)
			b = p.rule(b, r)
		}
	}
	list := func(name string, all []*rule) {
		if all == nil {
			return
		}
		key(name)
		b = append(b, '[')
		for i, r := range all {
			if i > 0 {
				b = append(b, ',')
			}
			b = p.rule(b, r)
		}
		b = append(b, ']')
	}
	if r.ref != nil {
		key("$ref")
		b = jsonscan.AppendString(b, "#/$defs/"+strconv.Itoa(p.number(r.ref)))
	}
	if r.types != 0 {
		key("type")
		b = append(b, '[')
		for i, t := range namesOf(r.types) {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsonscan.AppendString(b, t)
		}
		b = append(b, ']')
	}
	if r.constant != nil {
		key("const")
		b = AppendJSON(b, r.constant)
	}
	if r.enum != nil {
		key("enum")
		b = AppendJSON(b, r.enum)
	}
	if n := r.number; n != nil {
		for _, bound := range []struct {
			name  string
			value *decimal
		}{{"minimum", n.minimum}, {"maximum", n.maximum}, {"exclusiveMinimum", n.exclusiveMin}, {"exclusiveMaximum", n.exclusiveMax}, {"multipleOf", n.multipleOf}} {
			if bound.value != nil {
				key(bound.name)
				b = append(b, bound.value.String()...)
			}
		}
	}
	if t := r.text; t != nil {
		if t.minLength > 0 {
			number("minLength", t.minLength)
		}
		if t.maxLength >= 0 {
			number("maxLength", t.maxLength)
		}
		if t.pattern != nil {
			key("pattern")
			b = jsonscan.AppendString(b, t.pattern.text)
		}
		if t.conforms != nil {
			key("format")
			b = jsonscan.AppendString(b, t.format)
		}
		if t.content != nil {
			p.err = errors.New("a schema that asserts what a text holds (contentEncoding, contentMediaType) cannot be written without doing so")
		}
	}
	if a := r.array; a != nil {
		list("prefixItems", a.prefix)
		sub("items", a.rest)
		// In 2019-09 an item that contains finds is not evaluated by it.
		if a.contains != nil && r.dialect == Draft2019 && !a.containsEvaluates {
			plain := arrayRules{contains: a.contains, minContains: a.minContains, maxContains: a.maxContains, maxItems: -1}
			key("not")
			b = p.body(append(b, `{"not":`...), &rule{array: &plain, dialect: Draft2020})
			b = append(b, '}')
			if r.not != nil {
				p.err = errors.New("contains beside not, in 2019-09, cannot be written otherwise")
			}
		} else if a.contains != nil {
			sub("contains", a.contains)
			if a.minContains != 1 {
				number("minContains", a.minContains)
			}
			if a.maxContains >= 0 {
				number("maxContains", a.maxContains)
			}
		}
		if a.minItems > 0 {
			number("minItems", a.minItems)
		}
		if a.maxItems >= 0 {
			number("maxItems", a.maxItems)
		}
		if a.unique {
			key("uniqueItems")
			b = append(b, "true"...)
		}
	}
	if o := r.object; o != nil {
		members := func(name string, names []string, of func(string) *rule) {
			if len(names) == 0 {
				return
			}
			key(name)
			b = append(b, '{')
			for i, n := range names {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(jsonscan.AppendString(b, n), ':')
				b = p.rule(b, of(n))
			}
			b = append(b, '}')
		}
		members("properties", slices.Sorted(maps.Keys(o.properties)), func(n string) *rule { return o.properties[n] })
		patterns := map[string]*rule{}
		for _, one := range o.patterns {
			patterns[one.pattern.text] = one.rule
		}
		members("patternProperties", slices.Sorted(maps.Keys(patterns)), func(n string) *rule { return patterns[n] })
		sub("additionalProperties", o.additional)
		sub("propertyNames", o.names)
		if len(o.required) > 0 {
			key("required")
			b = append(b, '[')
			for i, n := range o.required {
				if i > 0 {
					b = append(b, ',')
				}
				b = jsonscan.AppendString(b, n.Value)
			}
			b = append(b, ']')
		}
		if o.minProperties > 0 {
			number("minProperties", o.minProperties)
		}
		if o.maxProperties >= 0 {
			number("maxProperties", o.maxProperties)
		}
		schemas, names := map[string]*rule{}, map[string][]string{}
		for _, d := range o.dependencies {
			if d.rule != nil {
				schemas[d.of] = d.rule
				continue
			}
			list := []string{}
			for _, n := range d.names {
				list = append(list, n.Value)
			}
			names[d.of] = list
		}
		members("dependentSchemas", slices.Sorted(maps.Keys(schemas)), func(n string) *rule { return schemas[n] })
		if len(names) > 0 {
			key("dependentRequired")
			b = append(b, '{')
			for i, of := range slices.Sorted(maps.Keys(names)) {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(jsonscan.AppendString(b, of), ':', '[')
				for j, n := range names[of] {
					if j > 0 {
						b = append(b, ',')
					}
					b = jsonscan.AppendString(b, n)
				}
				b = append(b, ']')
			}
			b = append(b, '}')
		}
	}
	list("allOf", r.allOf)
	list("anyOf", r.anyOf)
	list("oneOf", r.oneOf)
	sub("not", r.not)
	sub("if", r.ifRule)
	if r.ifRule != nil {
		sub("then", r.thenRule)
		sub("else", r.elseRule)
	}
	sub("unevaluatedItems", r.unevaluatedItems)
	sub("unevaluatedProperties", r.unevaluatedProperties)
	return append(b, '}')
}
