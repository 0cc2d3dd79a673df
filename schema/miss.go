package schema

import (
	"math/rand/v2"
	"slices"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Miss is a value that is nearly one of a schema: it violates one keyword, and
// everything else holds.
type Miss struct {
	Value   []byte  // as JSON
	Problem Problem // the one thing that is wrong
}

// Misses makes up to n values that each violate exactly one keyword, going
// through the keywords of the schema in an order that the seed decides. There
// are fewer where the schema has fewer keywords that can be violated alone.
// The error is that of Sample.
func (s *Schema) Misses(seed uint64, n int) ([]Miss, error) {
	if s.avro != nil {
		return s.missAvro(seed, n)
	}
	s = s.settled()
	rng := rand.New(rand.NewPCG(seed, 1))
	if _, err := s.plain(); err != nil {
		return nil, err
	}
	places := violable(s.rule)
	rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	var all []Miss
	for _, p := range places {
		if len(all) >= n {
			break
		}
		violated := &Schema{rule: p.violated()}
		plain, err := violated.plain()
		if err != nil {
			continue // it cannot be violated alone
		}
		value := AppendJSON(nil, arranged(violated.tasteful(plain, rng), []*rule{s.rule}))
		if problems := s.ValidateJSON(value); len(problems) == 1 && p.explains(problems[0]) {
			all = append(all, Miss{value, problems[0]})
		}
	}
	return all, nil
}

// explains reports whether a problem is that of the place: of its keyword, of
// a keyword that has others say what is wrong, or of the alternatives that the
// place is in.
func (p *place) explains(problem Problem) bool {
	switch p.keyword {
	case problem.Keyword, "anyOf", "oneOf", "propertyNames", "dependentSchemas", "dependencies":
		return true
	}
	return slices.ContainsFunc(p.way, func(s step) bool { return s.choice != "" && s.choice == problem.Keyword })
}

// place is a keyword that every value of a schema has to meet, if it has the
// member that the way leads to.
type place struct {
	root    *rule
	way     []step
	keyword string
	single  *rule // a rule with that keyword alone
	without func(*rule)
}

// step leads from a rule to one that it refers to, and makes the value have
// what the rule is about.
type step struct {
	from   *rule
	follow func(r *rule, to *rule)
	choice string // the keyword, where it leads into one of several alternatives
}

// maxPlaces bounds how many keywords of one schema are gone through, and
// maxWay how deep.
const (
	maxPlaces = 2000
	maxWay    = 12
)

// violable finds the keywords of a schema.
func violable(root *rule) []place {
	var places []place
	var walk func(r *rule, way []step, above []*rule)
	walk = func(r *rule, way []step, above []*rule) {
		if r.verdict != byKeywords || r.meta != Unknown || len(way) > maxWay || len(places) > maxPlaces || slices.Contains(above, r) {
			return
		}
		above = append(slices.Clip(above), r)
		for _, k := range singles(r) {
			k.root, k.way = root, append(slices.Clip(way), step{from: r})
			places = append(places, k)
		}
		next := func(to *rule, follow func(r, to *rule)) {
			if to != nil {
				walk(to, append(slices.Clip(way), step{from: r, follow: follow}), above)
			}
		}
		next(r.ref, func(r, to *rule) { r.ref = to })
		for i, sub := range r.allOf {
			next(sub, func(r, to *rule) { r.allOf = slices.Clone(r.allOf); r.allOf[i] = to })
		}
		choice := func(keyword string, alternatives []*rule) {
			for _, sub := range alternatives {
				walk(sub, append(slices.Clip(way), step{r, func(r, to *rule) {
					// The value is nearly the one, and none of the others.
					none := &rule{node: r.node, dialect: r.dialect, resource: r.resource, anyOf: alternatives}
					r.allOf = append(slices.Clip(r.allOf), to, &rule{node: r.node, dialect: r.dialect, resource: r.resource, not: none})
					if keyword == "anyOf" {
						r.anyOf = nil
					} else {
						r.oneOf = nil
					}
				}, keyword}), above)
			}
		}
		choice("anyOf", r.anyOf)
		choice("oneOf", r.oneOf)
		if a := r.array; a != nil {
			for i, sub := range a.prefix {
				next(sub, func(r, to *rule) {
					a := *r.array
					a.prefix = slices.Clone(a.prefix)
					a.prefix[i], a.minItems = to, max(a.minItems, i+1)
					r.array, r.types = &a, typeArray
				})
			}
			next(a.rest, func(r, to *rule) {
				a := *r.array
				// One item of the kind is wrong, the others are as they have to be.
				at := len(a.prefix)
				a.prefix = append(slices.Clip(a.prefix), to)
				a.minItems = max(a.minItems, at+1)
				r.array, r.types = &a, typeArray
			})
		}
		if o := r.object; o != nil {
			for _, name := range sortedNames(o) {
				next(o.properties[name], func(r, to *rule) {
					o := *r.object
					o.properties = copyProperties(o.properties)
					o.properties[name] = to
					o.required = append(slices.Clip(o.required), text(name))
					r.object, r.types = &o, typeObject
				})
			}
		}
	}
	walk(root, nil, nil)
	return places
}

func copyProperties(m map[string]*rule) map[string]*rule {
	c := make(map[string]*rule, len(m)+1)
	for name, r := range m {
		c[name] = r
	}
	return c
}

// violated is the schema whose values violate the keyword at a place and meet
// everything else.
func (p *place) violated() *rule {
	var to *rule
	for i := len(p.way) - 1; i >= 0; i-- {
		made := *p.way[i].from
		if to == nil {
			p.without(&made)
			made.allOf = append(slices.Clip(made.allOf), &rule{node: made.node, dialect: made.dialect, resource: made.resource, not: p.single})
		} else {
			p.way[i].follow(&made, to)
		}
		to = &made
	}
	return to
}

// singles takes a rule apart into its keywords.
func singles(r *rule) []place {
	var all []place
	add := func(keyword string, set func(one *rule), without func(r *rule)) {
		one := &rule{node: r.node, dialect: r.dialect, resource: r.resource}
		set(one)
		all = append(all, place{keyword: keyword, single: one, without: without})
	}
	if r.types != 0 {
		add("type", func(one *rule) { one.types = r.types }, func(r *rule) { r.types = 0 })
	}
	if r.constant != nil {
		add("const", func(one *rule) { one.constant = r.constant }, func(r *rule) { r.constant = nil })
	}
	if r.enum != nil {
		add("enum", func(one *rule) { one.enum = r.enum }, func(r *rule) { r.enum, r.enumTexts = nil, nil })
	}
	if r.anyOf != nil {
		add("anyOf", func(one *rule) { one.anyOf = r.anyOf }, func(r *rule) { r.anyOf = nil })
	}
	if r.oneOf != nil {
		add("oneOf", func(one *rule) { one.oneOf = r.oneOf }, func(r *rule) { r.oneOf = nil })
	}
	if r.not != nil {
		add("not", func(one *rule) { one.not = r.not }, func(r *rule) { r.not = nil })
	}
	numberSingles(r, add)
	textSingles(r, add)
	arraySingles(r, add)
	objectSingles(r, add)
	return all
}

type addSingle func(keyword string, set func(one *rule), without func(r *rule))

func numberSingles(r *rule, add addSingle) {
	if r.number == nil {
		return
	}
	bound := func(keyword string, field func(n *numberRules) **decimal) {
		d := *field(r.number)
		if d == nil {
			return
		}
		add(keyword, func(one *rule) {
			n := &numberRules{}
			*field(n) = d
			one.number = n
		}, func(r *rule) {
			n := *r.number
			*field(&n) = nil
			r.number = &n
		})
	}
	bound("minimum", func(n *numberRules) **decimal { return &n.minimum })
	bound("maximum", func(n *numberRules) **decimal { return &n.maximum })
	bound("exclusiveMinimum", func(n *numberRules) **decimal { return &n.exclusiveMin })
	bound("exclusiveMaximum", func(n *numberRules) **decimal { return &n.exclusiveMax })
	bound("multipleOf", func(n *numberRules) **decimal { return &n.multipleOf })
}

func textSingles(r *rule, add addSingle) {
	if r.text == nil {
		return
	}
	part := func(keyword string, there bool, set, unset func(t *textRules)) {
		if !there {
			return
		}
		add(keyword, func(one *rule) {
			one.text = &textRules{maxLength: -1}
			set(one.text)
		}, func(r *rule) {
			t := *r.text
			unset(&t)
			r.text = &t
		})
	}
	from := r.text
	part("minLength", from.minLength > 0, func(t *textRules) { t.minLength = from.minLength }, func(t *textRules) { t.minLength = 0 })
	part("maxLength", from.maxLength >= 0, func(t *textRules) { t.maxLength = from.maxLength }, func(t *textRules) { t.maxLength = -1 })
	part("pattern", from.pattern != nil, func(t *textRules) { t.pattern = from.pattern }, func(t *textRules) { t.pattern = nil })
	part("format", from.conforms != nil, func(t *textRules) { t.format, t.conforms = from.format, from.conforms }, func(t *textRules) { t.conforms = nil })
	if from.content != nil {
		part(from.content.keyword(), true, func(t *textRules) { t.content = from.content }, func(t *textRules) { t.content = nil })
	}
}

func arraySingles(r *rule, add addSingle) {
	if r.array == nil {
		return
	}
	part := func(keyword string, there bool, set, unset func(a *arrayRules)) {
		if !there {
			return
		}
		add(keyword, func(one *rule) {
			one.array = &arrayRules{maxItems: -1, maxContains: -1}
			set(one.array)
		}, func(r *rule) {
			a := *r.array
			unset(&a)
			r.array = &a
		})
	}
	from := r.array
	part("minItems", from.minItems > 0, func(a *arrayRules) { a.minItems = from.minItems }, func(a *arrayRules) { a.minItems = 0 })
	part("maxItems", from.maxItems >= 0, func(a *arrayRules) { a.maxItems = from.maxItems }, func(a *arrayRules) { a.maxItems = -1 })
	part("uniqueItems", from.unique, func(a *arrayRules) { a.unique = true }, func(a *arrayRules) { a.unique = false })
	part("contains", from.contains != nil, func(a *arrayRules) {
		a.contains, a.minContains, a.maxContains = from.contains, from.minContains, from.maxContains
	}, func(a *arrayRules) { a.contains, a.minContains, a.maxContains = nil, 0, -1 })
}

func objectSingles(r *rule, add addSingle) {
	if r.object == nil {
		return
	}
	part := func(keyword string, there bool, set, unset func(o *objectRules)) {
		if !there {
			return
		}
		add(keyword, func(one *rule) {
			one.object = &objectRules{maxProperties: -1}
			set(one.object)
		}, func(r *rule) {
			o := *r.object
			unset(&o)
			r.object = &o
		})
	}
	from := r.object
	part("minProperties", from.minProperties > 0, func(o *objectRules) { o.minProperties = from.minProperties }, func(o *objectRules) { o.minProperties = 0 })
	part("maxProperties", from.maxProperties >= 0, func(o *objectRules) { o.maxProperties = from.maxProperties }, func(o *objectRules) { o.maxProperties = -1 })
	part("propertyNames", from.names != nil, func(o *objectRules) { o.names = from.names }, func(o *objectRules) { o.names = nil })
	if from.additional != nil && from.additional.verdict == rejects {
		// Removed, it leaves the properties that are declared, so that they count
		// as they did.
		part("additionalProperties", true, func(o *objectRules) {
			o.properties, o.patterns, o.additional = anythingFor(from.properties), from.patterns, from.additional
		}, func(o *objectRules) { o.additional = nil })
	}
	for i, d := range from.dependencies {
		part(d.keyword, true, func(o *objectRules) { o.dependencies = []dependency{d} },
			func(o *objectRules) { o.dependencies = slices.Delete(slices.Clone(o.dependencies), i, i+1) })
	}
	for i, name := range from.required {
		part("required", true, func(o *objectRules) { o.required = []*syntax.Node{name} },
			func(o *objectRules) { o.required = slices.Delete(slices.Clone(o.required), i, i+1) })
	}
}

func anythingFor(m map[string]*rule) map[string]*rule {
	c := make(map[string]*rule, len(m))
	for name, r := range m {
		c[name] = &rule{verdict: accepts, node: r.node}
	}
	return c
}
