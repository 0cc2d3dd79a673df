package schema

import (
	"slices"
	"sync"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Profile says what a producer of a schema may emit and what a reader of one
// accepts. The zero value takes both schemas as they are written.
type Profile struct {
	Declared      bool // producers emit only fields that their schema declares
	Tolerant      bool // readers ignore fields that their schema does not declare
	OpenEnums     bool // readers accept values of the same types that their enums do not list; an enum of one value is a const
	DefaultsApply bool // readers fill in the defaults of their schema
	FormatsIgnore bool // formats say nothing about validity
	Envelope      bool // the schema describes whole CloudEvents: of their members Declared is about the data alone
}

// Written is the schema of what a producer of s may emit: s itself under the
// zero profile, and for Avro, of which profiles say nothing.
func (s *Schema) Written(p Profile) *Schema {
	if s.rule == nil {
		return s
	}
	return p.writer(s)
}

// Read is the schema of what a reader of s accepts: s itself under the zero
// profile, and for Avro. Where a keyword in a negative place keeps the profile
// from being applied exactly, that keyword is taken as it is written.
func (s *Schema) Read(p Profile) *Schema {
	if s.rule == nil {
		return s
	}
	return p.reader(s).Schema
}

// reading is a schema as a reader takes it, and why that cannot be said
// exactly where it cannot.
type reading struct {
	*Schema
	unsure string
}

// writer is the schema of what a producer emits.
func (p Profile) writer(s *Schema) *Schema {
	if !p.Declared && !p.FormatsIgnore {
		return s
	}
	c := &recast{profile: p, made: map[recastKey]*rule{}}
	r := c.writer(s.rule, true)
	if p.Envelope && r.unevaluatedProperties == refuses {
		// Another value may be held to the same rule, such as data that refer to it.
		open := *r
		open.allOf = append(slices.Clone(r.allOf), attributes())
		r = &open
	}
	return &Schema{rule: r, dynamic: s.dynamic}
}

// attributes is the rule that declares every name that an attribute of a
// CloudEvent may have, which "data" is not, and nothing about their values.
var attributes = sync.OnceValue(func() *rule {
	p, err := compilePattern("^([a-z0-9]{1,3}|[a-ce-z0-9][a-z0-9]{3}|d[b-z0-9][a-z0-9]{2}|da[a-su-z0-9][a-z0-9]|dat[b-z0-9]|[a-z0-9]{5,})$")
	if err != nil {
		panic(err) // of a constant, which a test compiles
	}
	node := syntax.NewScalar(syntax.Bool, "true")
	return &rule{node: node, object: &objectRules{maxProperties: -1, patterns: []patternRule{{p, &rule{verdict: accepts, node: node}}}}}
})

func (p Profile) reader(s *Schema) reading {
	if !p.Tolerant && !p.OpenEnums && !p.DefaultsApply && !p.FormatsIgnore {
		return reading{s, ""}
	}
	c := &recast{profile: p, made: map[recastKey]*rule{}}
	r := c.reader(s.rule, true)
	return reading{&Schema{rule: r, dynamic: s.dynamic}, c.unsure}
}

// recast copies the rules of a schema, changed as a profile says.
type recast struct {
	profile Profile
	made    map[recastKey]*rule
	unsure  string
}

type recastKey struct {
	rule  *rule
	whole bool // for a writer: the rule is all that applies to a value; for a reader: what it refuses is refused
}

// each puts every rule that r refers to through change; inPlace says whether
// it applies to the same value.
func (r *rule) each(change func(sub *rule, k int, inPlace bool) *rule) {
	one := func(sub **rule, k int, inPlace bool) {
		if *sub != nil {
			*sub = change(*sub, k, inPlace)
		}
	}
	list := func(subs *[]*rule, k int, inPlace bool) {
		if *subs == nil {
			return
		}
		*subs = slices.Clone(*subs)
		for i := range *subs {
			one(&(*subs)[i], k, inPlace)
		}
	}
	one(&r.ref, kwRef, true)
	list(&r.allOf, kwAllOf, true)
	list(&r.anyOf, kwAnyOf, true)
	list(&r.oneOf, kwOneOf, true)
	one(&r.not, kwNot, true)
	one(&r.ifRule, kwIf, true)
	one(&r.thenRule, kwThen, true)
	one(&r.elseRule, kwElse, true)
	one(&r.unevaluatedItems, kwUnevaluatedItems, false)
	one(&r.unevaluatedProperties, kwUnevaluatedProperties, false)
	if r.array != nil {
		a := *r.array
		r.array = &a
		list(&a.prefix, kwPrefixItems, false)
		one(&a.rest, kwItems, false)
		one(&a.contains, kwContains, false)
	}
	if r.object != nil {
		o := *r.object
		r.object = &o
		properties := make(map[string]*rule, len(o.properties))
		for name, sub := range o.properties {
			properties[name] = change(sub, kwProperties, false)
		}
		if o.properties != nil {
			o.properties = properties
		}
		o.patterns = slices.Clone(o.patterns)
		for i := range o.patterns {
			one(&o.patterns[i].rule, kwPatternProperties, false)
		}
		one(&o.additional, kwAdditionalProperties, false)
		one(&o.names, kwPropertyNames, false)
		o.dependencies = slices.Clone(o.dependencies)
		for i := range o.dependencies {
			one(&o.dependencies[i].rule, kwDependentSchemas, true)
		}
	}
}

func (c *recast) copy(r *rule, whole bool) (*rule, bool) {
	k := recastKey{r, whole}
	if made := c.made[k]; made != nil {
		return made, false
	}
	made := *r
	c.made[k] = &made
	if c.profile.FormatsIgnore && made.text != nil {
		t := *made.text
		t.conforms, t.content = nil, nil
		made.text = &t
	}
	return &made, true
}

// writer closes the objects that declare properties, each at its composed
// scope: never a part of a composition by itself, and never what says itself
// what else it may have.
func (c *recast) writer(r *rule, whole bool) *rule {
	if r.verdict != byKeywords || r.meta != Unknown {
		return r
	}
	made, isNew := c.copy(r, whole)
	if !isNew {
		return made
	}
	made.each(func(sub *rule, k int, inPlace bool) *rule {
		if k == kwNot || k == kwIf || k == kwPropertyNames || k == kwContains {
			if c.profile.FormatsIgnore {
				return (&recast{profile: Profile{FormatsIgnore: true}, made: map[recastKey]*rule{}}).writer(sub, false)
			}
			return sub // there it is not the producer's data that is described, but what it is told apart by
		}
		return c.writer(sub, !inPlace)
	})
	if c.profile.Declared {
		declareRequired(made)
	}
	if c.profile.Declared && whole && made.unevaluatedProperties == nil && declares(r, nil) {
		made.unevaluatedProperties = refuses
	}
	return made
}

// declareRequired takes a property that is required to be declared, though
// nothing else is said of it: a producer cannot but emit it.
func declareRequired(r *rule) {
	o := r.object
	if o == nil || o.additional != nil {
		return
	}
	var names []string
	for _, n := range o.required {
		names = append(names, n.Value)
	}
	for _, d := range o.dependencies {
		for _, n := range d.names {
			names = append(names, n.Value)
		}
	}
	var made *objectRules
	for _, name := range names {
		if o.properties[name] != nil {
			continue
		}
		if made == nil {
			c := *o
			c.properties = copyProperties(o.properties)
			made = &c
		}
		made.properties[name] = &rule{verdict: accepts, node: r.node}
	}
	if made != nil {
		r.object = made
	}
}

var refuses = &rule{verdict: rejects, node: syntax.NewScalar(syntax.Bool, "false")}

// declares reports whether a composition declares properties.
func declares(r *rule, above []*rule) bool {
	if r == nil || slices.Contains(above, r) {
		return false
	}
	if r.object != nil && len(r.object.properties) > 0 {
		return true
	}
	above = append(above, r)
	if declares(r.ref, above) || declares(r.thenRule, above) || declares(r.elseRule, above) {
		return true
	}
	for _, list := range [][]*rule{r.allOf, r.anyOf, r.oneOf} {
		for _, sub := range list {
			if declares(sub, above) {
				return true
			}
		}
	}
	return false
}

// reader makes a schema accept what its reader, by the profile, accepts. That
// is monotone only where a schema is asked to accept: where it is asked to
// refuse, or to accept alone, accepting more there may be refusing more on the
// whole, and the answer is that it is not known.
func (c *recast) reader(r *rule, accepting bool) *rule {
	if r.verdict != byKeywords || r.meta != Unknown {
		return r
	}
	made, isNew := c.copy(r, accepting)
	if !isNew {
		return made
	}
	tagged := r.oneOf != nil && toldApart(r.oneOf)
	made.each(func(sub *rule, k int, _ bool) *rule {
		switch k {
		case kwNot, kwIf, kwContains:
			return c.reader(sub, false)
		case kwOneOf:
			return c.reader(sub, accepting && tagged)
		}
		return c.reader(sub, accepting)
	})
	c.widen(made, accepting)
	return made
}

// widen changes one rule as a reader by the profile takes it.
func (c *recast) widen(r *rule, accepting bool) {
	doubt := func(keyword string) bool {
		if accepting {
			return false
		}
		if c.unsure == "" {
			c.unsure = keyword + " at " + r.node.Pointer() + " lies under not, if, contains or a oneOf without a constant that tells its alternatives apart, where a reader that accepts more does not make the schema accept more"
		}
		return true
	}
	if c.profile.Tolerant {
		if o := r.object; o != nil && o.additional != nil && o.additional.verdict == rejects && !doubt("additionalProperties") {
			open := *o
			open.additional = nil
			r.object = &open
		}
		if o := r.object; o != nil && (o.names != nil || o.maxProperties >= 0 || o.minProperties > 0) && c.unsure == "" {
			c.unsure = "propertyNames, minProperties or maxProperties at " + r.node.Pointer() + " looks at fields that a tolerant reader leaves out"
		}
		if u := r.unevaluatedProperties; u != nil && u.verdict == rejects && !doubt("unevaluatedProperties") {
			r.unevaluatedProperties = nil
		}
	}
	if c.profile.OpenEnums && r.enum != nil && len(r.enum.Items) > 1 && !doubt("enum") {
		types := typeSet(0)
		for _, v := range r.enum.Items {
			types |= typeOf(v, r.dialect)
		}
		if r.types != 0 {
			types &= r.types
		}
		r.enum, r.enumTexts, r.types = nil, nil, types
	}
	if o := r.object; c.profile.DefaultsApply && o != nil && len(o.required) > 0 {
		missing := func(name *syntax.Node) bool {
			p := o.properties[name.Value]
			return p != nil && p.fallback() != nil
		}
		if slices.ContainsFunc(o.required, missing) && !doubt("default") {
			filled := *o
			filled.required = slices.DeleteFunc(slices.Clone(o.required), missing)
			r.object = &filled
		}
	}
}

// toldApart reports whether alternatives each require a property that is a
// constant, another one in each.
func toldApart(branches []*rule) bool {
	first := resolved(branches[0])
	if first == nil || first.object == nil {
		return false
	}
	for _, name := range sortedNames(first.object) {
		seen := map[string]bool{}
		apart := true
		for _, b := range branches {
			values := tagOf(resolved(b), name)
			apart = apart && len(values) > 0
			for _, v := range values {
				text := string(canonical(nil, v))
				apart = apart && !seen[text]
				seen[text] = true
			}
		}
		if apart {
			return true
		}
	}
	return false
}

// resolved follows references that stand alone.
func resolved(r *rule) *rule {
	for range maxReferences {
		if r.ref == nil || r.object != nil {
			return r
		}
		r = r.ref
	}
	return nil
}

// tagOf is the values that a required property is limited to.
func tagOf(r *rule, name string) []*syntax.Node {
	if r == nil || r.object == nil || !slices.ContainsFunc(r.object.required, func(n *syntax.Node) bool { return n.Value == name }) {
		return nil
	}
	p := r.object.properties[name]
	if p != nil {
		p = resolved(p)
	}
	switch {
	case p == nil:
	case p.constant != nil:
		return []*syntax.Node{p.constant}
	case p.enum != nil:
		return p.enum.Items
	}
	return nil
}
