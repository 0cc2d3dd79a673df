package schema

import (
	"fmt"
	"strings"
	"sync"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Compiler turns schemas into a form that values are validated with. It keeps
// what it has compiled, so that a schema many messages refer to is compiled
// once. A Compiler is safe for concurrent use.
type Compiler struct {
	resolve   Resolver
	documents func(uri string) *syntax.Node
	annotate  bool // formats say nothing about validity
	lax       Laxity

	mu        sync.Mutex
	rules     map[ruleKey]*rule
	resources map[string]*resource       // by absolute URI
	roots     map[*syntax.Node]*resource // by the node that the resource is
	patterns  map[string]*pattern
	dynamic   bool // $dynamicRef or $recursiveRef has been seen
}

type ruleKey struct {
	node    *syntax.Node
	dialect Dialect
}

// Option sets how a Compiler reads schemas.
type Option func(*Compiler)

// FormatAssertion says whether a value that is not of its format is invalid.
// It is on unless turned off; the specification leaves the choice to the tool.
func FormatAssertion(on bool) Option { return func(c *Compiler) { c.annotate = !on } }

// Documents gives the compiler a way to find schemas by the URI that a $ref
// names once it is resolved against $id. Without it such a $ref is an error:
// nothing is ever loaded.
func Documents(lookup func(uri string) *syntax.Node) Option {
	return func(c *Compiler) { c.documents = lookup }
}

// NewCompiler returns a compiler. References are first put to resolve, which
// may be nil; those that it does not know are resolved as JSON Schema says,
// by $id, $anchor and JSON Pointer within the schema that they stand in.
func NewCompiler(resolve Resolver, opts ...Option) *Compiler {
	c := &Compiler{
		resolve:   resolve,
		rules:     map[ruleKey]*rule{},
		resources: map[string]*resource{},
		roots:     map[*syntax.Node]*resource{},
		patterns:  map[string]*pattern{},
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	rule    *rule
	avro    *avroType
	source  *syntax.Node // of avro
	codec   *avroCodec   // of avro
	dynamic bool
	lax     Laxity

	once     sync.Once
	compiled *program
}

// CompileError is why a schema cannot be used to validate with. Check says the
// same, and more, as findings.
type CompileError struct {
	Node    *syntax.Node
	Message string
}

// Error is the place and what is wrong there.
func (e *CompileError) Error() string {
	return e.Node.Span().String() + ": " + e.Message
}

// Compile compiles the schema at a node and everything that it refers to. A
// $schema in it wins over d. The error is a *CompileError.
func (c *Compiler) Compile(n *syntax.Node, d Dialect) (*Schema, error) {
	if n == nil {
		return nil, &CompileError{nil, "there is no schema to compile"}
	}
	switch {
	case d == Avro:
		t, err := compileAvro(n)
		if err != nil {
			return nil, err
		}
		return &Schema{avro: t, source: n, codec: &avroCodec{}}, nil
	case !d.IsJSONSchema():
		return nil, &CompileError{n, "a schema of an " + d.String() + " language is not understood; values cannot be checked against it"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &build{Compiler: c}
	r := b.at(n, d)
	if err := b.run(); err != nil {
		return nil, err
	}
	return &Schema{rule: r, dynamic: c.dynamic, lax: c.lax}, nil
}

// rule is a compiled schema: what it asserts, sorted by what it looks at.
type rule struct {
	node     *syntax.Node
	dialect  Dialect
	resource *resource

	verdict verdict
	types   typeSet // 0: every one
	meta    Dialect // the value has to be a schema of this dialect

	constant  *syntax.Node
	enum      *syntax.Node
	enumTexts map[string]bool // canonical texts of a long enum
	ref       *rule
	dynamic   *dynamicRef
	number    *numberRules
	text      *textRules
	array     *arrayRules
	object    *objectRules

	allOf, anyOf, oneOf []*rule
	not                 *rule
	ifRule              *rule
	thenRule, elseRule  *rule

	unevaluatedItems, unevaluatedProperties *rule
}

type verdict uint8

const (
	byKeywords verdict = iota
	accepts
	rejects
)

// dynamicRef is $dynamicRef, or $recursiveRef: what it leads to depends on the
// way that validation came here.
type dynamicRef struct {
	keyword string
	initial *rule
	anchor  string // of $dynamicRef, where it bookends; "" otherwise
}

type numberRules struct {
	minimum, maximum, multipleOf *decimal
	exclusiveMin, exclusiveMax   *decimal
}

type textRules struct {
	minLength, maxLength int // maxLength -1: none
	pattern              *pattern
	format               string
	conforms             func(string) bool
	content              *content // what the text holds, where that is asserted
}

type arrayRules struct {
	prefix                   []*rule
	rest                     *rule
	restKeyword              string
	contains                 *rule
	minContains, maxContains int // maxContains -1: none
	containsEvaluates        bool
	minItems, maxItems       int // maxItems -1: none
	unique                   bool
}

type objectRules struct {
	properties                   map[string]*rule
	patterns                     []patternRule
	additional                   *rule
	names                        *rule
	required                     []*syntax.Node
	dependencies                 []dependency
	minProperties, maxProperties int // maxProperties -1: none
}

type patternRule struct {
	pattern *pattern
	rule    *rule
}

type dependency struct {
	keyword string
	of      string
	names   []*syntax.Node
	rule    *rule
}

// build is one call of Compile. What is compiled for it is taken back where it
// fails, so that no half of a schema stays behind.
type build struct {
	*Compiler
	queue   []*rule
	added   []ruleKey
	entered []*resource
	err     *CompileError
}

func (b *build) run() error {
	for len(b.queue) > 0 && b.err == nil {
		r := b.queue[len(b.queue)-1]
		b.queue = b.queue[:len(b.queue)-1]
		b.fill(r)
	}
	if b.err == nil {
		return nil
	}
	for _, k := range b.added {
		delete(b.rules, k)
	}
	for _, res := range b.entered {
		res.entered, res.rule, res.dynamicRules = false, nil, nil
	}
	return b.err
}

func (b *build) fail(n *syntax.Node, format string, args ...any) {
	if b.err == nil {
		b.err = &CompileError{n, fmt.Sprintf(format, args...)}
	}
}

// at returns the rule of a node that is reached from outside of its resource.
func (b *build) at(n *syntax.Node, d Dialect) *rule {
	res := b.resourceOf(n)
	if res == nil {
		res = b.index(n, d, "", nil)
	}
	if res.declared != Unknown {
		d = res.declared
	}
	return b.rule(n, d, res)
}

// rule returns the rule of a node, to be filled later where it is new.
func (b *build) rule(n *syntax.Node, d Dialect, res *resource) *rule {
	key := ruleKey{n, d}
	if r, ok := b.rules[key]; ok {
		return r
	}
	r := &rule{node: n, dialect: d, resource: res}
	b.rules[key] = r
	b.added = append(b.added, key)
	b.queue = append(b.queue, r)
	b.enter(res, d)
	return r
}

// enter compiles what dynamic references may land on in a resource: whether
// they do is known only when a value is validated.
func (b *build) enter(res *resource, d Dialect) {
	if res.entered || !res.recursive && res.dynamic == nil {
		return
	}
	res.entered = true
	b.entered = append(b.entered, res)
	if res.recursive {
		res.rule = b.rule(res.node, d, res)
	}
	for name, n := range res.dynamic {
		if res.dynamicRules == nil {
			res.dynamicRules = map[string]*rule{}
		}
		res.dynamicRules[name] = b.rule(n, d, res)
	}
}

func (b *build) sub(r *rule, n *syntax.Node) *rule { return b.rule(n, r.dialect, r.resource) }

func (b *build) list(r *rule, n *syntax.Node) []*rule {
	rules := make([]*rule, len(n.Items))
	for i, item := range n.Items {
		rules[i] = b.sub(r, item)
	}
	return rules
}

func (b *build) fill(r *rule) {
	n := r.node
	switch n.Kind {
	case syntax.Bool:
		r.verdict = rejects
		if n.IsTrue() {
			r.verdict = accepts
		}
		return
	case syntax.Invalid:
		r.verdict = accepts
		return
	case syntax.Mapping:
	default:
		b.fail(n, "%s is no schema; write an object of keywords", describe(n))
		return
	}
	if res := b.roots[n]; res != nil {
		r.resource = res
		if res.declared != Unknown {
			r.dialect = res.declared
		}
		b.enter(res, r.dialect)
	}
	if ref := n.Get("$ref"); ref.Is(syntax.String) {
		r.ref = b.reference(r, ref)
		if r.dialect.ignoresRefSiblings() {
			return
		}
	}
	for _, item := range n.Items {
		b.keyword(r, item, lookup(item.Key.Value))
		if b.err != nil {
			return
		}
	}
	b.finish(r)
}

// keyword compiles one keyword. Those of other dialects say nothing.
func (b *build) keyword(r *rule, v *syntax.Node, k int) {
	kw := &keywords[k]
	if k == kwNone || !kw.in.has(r.dialect) || v.Kind == syntax.Invalid {
		return
	}
	if (k == kwContentEncoding || k == kwContentMediaType) && r.dialect == Draft7 && !b.annotate {
		r.texts().content = contentOf(r.node)
		return
	}
	if kw.effect == annotates || r.resource.use&withoutValidation != 0 && isValidation(k) {
		return
	}
	if why := shapeFault(kw, v, r.dialect); why != "" {
		b.fail(v, "%s", why)
		return
	}
	switch k {
	case kwType:
		if v.Kind == syntax.String {
			r.types = typeNamed(v.Value)
		} else {
			for _, item := range v.Items {
				r.types |= typeNamed(item.Value)
			}
		}
	case kwEnum:
		r.enum = v
		if len(v.Items) > 16 {
			r.enumTexts = make(map[string]bool, len(v.Items))
			for _, item := range v.Items {
				r.enumTexts[string(canonical(nil, item))] = true
			}
		}
	case kwConst:
		r.constant = v
	case kwMinimum, kwMaximum, kwExclusiveMinimum, kwExclusiveMaximum, kwMultipleOf:
		b.numeric(r, v, k)
	case kwMinLength:
		r.texts().minLength = count(v)
	case kwMaxLength:
		r.texts().maxLength = count(v)
	case kwPattern:
		r.texts().pattern = b.pattern(v, v.Value)
	case kwFormat:
		if conforms := formatNamed(v.Value, r.dialect); conforms != nil && (!b.annotate || r.resource.use&assertingFormats != 0) {
			r.texts().format, r.texts().conforms = v.Value, conforms
		}
	case kwItems, kwPrefixItems, kwAdditionalItems, kwContains, kwMinContains, kwMaxContains, kwMinItems, kwMaxItems, kwUniqueItems:
		b.arrays(r, v, k)
	case kwProperties, kwPatternProperties, kwAdditionalProperties, kwPropertyNames, kwRequired, kwMinProperties, kwMaxProperties,
		kwDependencies, kwDependentSchemas, kwDependentRequired:
		b.objects(r, v, k)
	case kwUnevaluatedItems:
		r.unevaluatedItems = b.sub(r, v)
	case kwUnevaluatedProperties:
		r.unevaluatedProperties = b.sub(r, v)
	case kwAllOf:
		r.allOf = b.list(r, v)
	case kwAnyOf:
		r.anyOf = b.list(r, v)
	case kwOneOf:
		r.oneOf = b.list(r, v)
	case kwNot:
		r.not = b.sub(r, v)
	case kwIf:
		r.ifRule = b.sub(r, v)
	case kwThen:
		r.thenRule = b.sub(r, v)
	case kwElse:
		r.elseRule = b.sub(r, v)
	case kwRecursiveRef:
		b.dynamic = true
		r.dynamic = &dynamicRef{keyword: "$recursiveRef", initial: b.reference(r, v)}
	case kwDynamicRef:
		b.dynamic = true
		r.dynamic = &dynamicRef{keyword: "$dynamicRef", initial: b.reference(r, v)}
		if _, fragment, ok := strings.Cut(v.Value, "#"); ok && fragment != "" && fragment[0] != '/' && r.dynamic.initial != nil {
			if initial := r.dynamic.initial; initial.node.Get("$dynamicAnchor").Str() == fragment {
				r.dynamic.anchor = fragment
			}
		}
	}
}

// finish settles what takes more than one keyword to know.
func (b *build) finish(r *rule) {
	if r.dialect == OpenAPI30 && r.types != 0 && r.node.Get("nullable").IsTrue() {
		r.types |= typeNull
	}
	if r.array != nil && r.array.contains == nil {
		r.array.minContains, r.array.maxContains = 0, -1
	}
}

func (b *build) numeric(r *rule, v *syntax.Node, k int) {
	if r.number == nil {
		r.number = &numberRules{}
	}
	if v.Kind == syntax.Bool {
		return // read along with the bound that it belongs to
	}
	d, ok := parseDecimal(v.Value)
	if !ok {
		b.fail(v, "%s is not a number that JSON can write", v.Value)
		return
	}
	switch k {
	case kwMinimum:
		if r.node.Get("exclusiveMinimum").IsTrue() {
			r.number.exclusiveMin = d
		} else {
			r.number.minimum = d
		}
	case kwMaximum:
		if r.node.Get("exclusiveMaximum").IsTrue() {
			r.number.exclusiveMax = d
		} else {
			r.number.maximum = d
		}
	case kwExclusiveMinimum:
		r.number.exclusiveMin = d
	case kwExclusiveMaximum:
		r.number.exclusiveMax = d
	case kwMultipleOf:
		r.number.multipleOf = d
	}
}

func (r *rule) texts() *textRules {
	if r.text == nil {
		r.text = &textRules{maxLength: -1}
	}
	return r.text
}

func (b *build) arrays(r *rule, v *syntax.Node, k int) {
	if r.array == nil {
		r.array = &arrayRules{maxItems: -1, minContains: 1, maxContains: -1}
	}
	a := r.array
	switch k {
	case kwItems:
		if v.Kind == syntax.Sequence {
			a.prefix = b.list(r, v)
		} else {
			a.rest, a.restKeyword = b.sub(r, v), "items"
		}
	case kwPrefixItems:
		a.prefix = b.list(r, v)
	case kwAdditionalItems:
		if r.node.Get("items").Is(syntax.Sequence) {
			a.rest, a.restKeyword = b.sub(r, v), "additionalItems"
		}
	case kwContains:
		a.contains = b.sub(r, v)
		a.containsEvaluates = r.dialect == Draft2020
	case kwMinContains:
		a.minContains = count(v)
	case kwMaxContains:
		a.maxContains = count(v)
	case kwMinItems:
		a.minItems = count(v)
	case kwMaxItems:
		a.maxItems = count(v)
	case kwUniqueItems:
		a.unique = v.IsTrue()
	}
}

func (b *build) objects(r *rule, v *syntax.Node, k int) {
	if r.object == nil {
		r.object = &objectRules{maxProperties: -1}
	}
	o := r.object
	switch k {
	case kwProperties:
		o.properties = make(map[string]*rule, len(v.Items))
		for _, item := range v.Items {
			if _, twice := o.properties[item.Key.Value]; !twice {
				o.properties[item.Key.Value] = b.sub(r, item)
			}
		}
	case kwPatternProperties:
		for _, item := range v.Items {
			o.patterns = append(o.patterns, patternRule{b.pattern(item, item.Key.Value), b.sub(r, item)})
		}
	case kwAdditionalProperties:
		o.additional = b.sub(r, v)
	case kwPropertyNames:
		o.names = b.sub(r, v)
	case kwRequired:
		o.required = v.Items
	case kwMinProperties:
		o.minProperties = count(v)
	case kwMaxProperties:
		o.maxProperties = count(v)
	case kwDependencies, kwDependentSchemas, kwDependentRequired:
		for _, item := range v.Items {
			d := dependency{keyword: keywords[k].name, of: item.Key.Value}
			if item.Kind == syntax.Sequence {
				d.names = item.Items
			} else {
				d.rule = b.sub(r, item)
			}
			o.dependencies = append(o.dependencies, d)
		}
	}
}

func (b *build) pattern(n *syntax.Node, text string) *pattern {
	if p, ok := b.patterns[text]; ok {
		return p
	}
	p, err := compilePattern(text)
	if err != nil {
		b.fail(n, "%s is not a regular expression of ECMA-262: %v", quote(text), err)
		return nil
	}
	b.patterns[text] = p
	return p
}

// count reads a whole number that shapeFault has let pass. One that no length
// can reach is as good as the largest int.
func count(n *syntax.Node) int {
	d, ok := parseDecimal(n.Value)
	if !ok {
		return 0
	}
	if i, ok := d.int(); ok {
		return i
	}
	return int(^uint(0) >> 1)
}
