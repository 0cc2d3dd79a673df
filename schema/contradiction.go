package schema

import (
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// contradictions finds parts of a schema that no value can satisfy, and
// keywords that never apply. It looks only at what can be decided by reading:
// whether a schema as a whole is satisfiable is another question.
func (c *checker) contradictions(n *syntax.Node, d Dialect) {
	if d.ignoresRefSiblings() && n.Get("$ref").Is(syntax.String) {
		for _, item := range n.Items {
			k := lookup(item.Key.Value)
			if k != kwRef && k != kwID && k != kwID4 && keywords[k].effect == asserts && keywords[k].in.has(d) {
				c.find(RuleUnusedKeyword, diag.Warning, item.Key.Span(), item,
					"%q stands beside $ref and is ignored in %s; write allOf with the $ref and a schema that has it", item.Key.Value, d.inText())
			}
		}
		return
	}
	types := statedTypes(n, d)
	c.unused(n, d, types)
	// What the keywords are about decides which checks can find anything.
	var about typeSet
	valued := false
	for _, item := range n.Items {
		k := lookup(item.Key.Value)
		about |= keywords[k].of
		switch k {
		case kwEnum, kwConst:
			valued = true
		case kwAllOf:
			about |= typeObject
		}
	}
	if about&typeNumber != 0 {
		c.numbers(n, d, types)
	}
	if about&typeString != 0 {
		c.pair(n, "minLength", "maxLength", "string", "length")
	}
	if about&typeArray != 0 {
		c.pair(n, "minItems", "maxItems", "list", "number of items")
		if keywords[kwMinContains].in.has(d) {
			c.pair(n, "minContains", "maxContains", "list", "number of items that fit contains")
		}
		c.uniqueness(n, d)
	}
	if about&typeObject != 0 {
		c.pair(n, "minProperties", "maxProperties", "object", "number of properties")
		c.sizes(n)
		c.composition(n, d)
	}
	if valued {
		c.values(n, d, types)
	}
}

func (c *checker) contradiction(n *syntax.Node, span diag.Span, format string, args ...any) {
	c.find(RuleContradiction, diag.Warning, span, n, format, args...)
}

// statedTypes reads type, 0 where it says nothing that can be used.
func statedTypes(n *syntax.Node, d Dialect) typeSet {
	t := n.Get("type")
	var types typeSet
	switch {
	case t.Is(syntax.String):
		types = typeNamed(t.Value)
	case t.Is(syntax.Sequence):
		for _, item := range t.Items {
			one := typeNamed(item.Str())
			if one == 0 {
				return 0
			}
			types |= one
		}
	}
	if types != 0 && d == OpenAPI30 && n.Get("nullable").IsTrue() {
		types |= typeNull
	}
	return types
}

// unused finds keywords that say something about values that cannot occur, or
// that lack the keyword they belong to.
func (c *checker) unused(n *syntax.Node, d Dialect, types typeSet) {
	report := func(item *syntax.Node, format string, args ...any) {
		c.find(RuleUnusedKeyword, diag.Warning, item.Key.Span(), item, format, args...)
	}
	for _, item := range n.Items {
		k := lookup(item.Key.Value)
		kw := &keywords[k]
		if k == kwNone || !kw.in.has(d) {
			continue
		}
		if of := kw.of; types != 0 && of != 0 && types&of == 0 {
			if k == kwRequired && item.Kind == syntax.Bool {
				continue // meant for the object around it, as its form's fault says
			}
			report(item, "%q is about %s, but type allows only %s, so it never applies; remove it, or correct type", kw.name, manyOf(of), withArticle(types))
			continue
		}
		lacks := ""
		switch k {
		case kwFormat:
			c.format(item, d)
			if types != 0 && types&typeString == 0 && formatNamed(item.Str(), Draft2020) != nil {
				report(item, "format %s is about strings, but type allows only %s, so it never applies; remove it, or write type: string", quote(item.Value), withArticle(types))
			}
		case kwThen, kwElse:
			lacks = "if"
		case kwAdditionalItems:
			if n.Get("items").Is(syntax.Sequence) {
				continue
			}
			report(item, `"additionalItems" says nothing unless items is a list of schemas; remove it`)
		case kwMinContains, kwMaxContains:
			lacks = "contains"
		}
		if lacks != "" && n.Get(lacks) == nil {
			report(item, "%q says nothing without %q; add %s, or remove it", kw.name, lacks, lacks)
		}
	}
	if i := n.Get("if"); i != nil && keywords[kwIf].in.has(d) && n.Get("then") == nil && n.Get("else") == nil {
		report(i, `"if" says nothing without "then" or "else"; add one, or remove it`)
	}
}

func manyOf(t typeSet) string {
	switch t {
	case typeNumber:
		return "numbers"
	case typeString:
		return "strings"
	case typeArray:
		return "lists"
	}
	return "objects"
}

// bound is one end of an interval of numbers.
type bound struct {
	value     *decimal
	exclusive bool
	node      *syntax.Node
}

// bounds reads the interval that a schema allows numbers in.
func bounds(n *syntax.Node, d Dialect) (low, high *bound) {
	read := func(keyword, exclusiveKeyword string, tighter func(a, b *decimal) bool) *bound {
		var b *bound
		e := n.Get(exclusiveKeyword)
		if v := n.Get(keyword); v.Is(syntax.Number) {
			if dec, ok := parseDecimal(v.Value); ok {
				b = &bound{dec, e.IsTrue() && !d.exclusiveNumbers(), v}
			}
		}
		if e.Is(syntax.Number) && d.exclusiveNumbers() {
			if dec, ok := parseDecimal(e.Value); ok && (b == nil || !tighter(b.value, dec)) {
				b = &bound{dec, true, e}
			}
		}
		return b
	}
	low = read("minimum", "exclusiveMinimum", func(a, b *decimal) bool { return a.cmp(b) > 0 })
	high = read("maximum", "exclusiveMaximum", func(a, b *decimal) bool { return a.cmp(b) < 0 })
	return low, high
}

// numbers checks the interval: whether it has a number in it, an integer where
// only those are allowed, a multiple where one is asked for.
func (c *checker) numbers(n *syntax.Node, d Dialect, types typeSet) {
	low, high := bounds(n, d)
	if low == nil || high == nil || types != 0 && types&typeNumber == 0 {
		return
	}
	name := func(b *bound) string { return b.node.KeyName() + " (" + clip(b.node.Value) + ")" }
	switch order := low.value.cmp(high.value); {
	case order > 0:
		c.contradiction(low.node, low.node.KeySpan(), "%s is above %s, so no number is allowed; swap them, or correct one", name(low), name(high))
		return
	case order == 0 && (low.exclusive || high.exclusive):
		c.contradiction(low.node, low.node.KeySpan(), "%s and %s leave no number between them, since a bound is exclusive; correct one", name(low), name(high))
		return
	}
	multiple := n.Get("multipleOf")
	if multiple == nil && (types&typeNumber != typeInteger || low.value.isInteger() && !low.exclusive) {
		return
	}
	step := rational(parsed(multiple))
	from, to := rational(low.value), rational(high.value)
	if from == nil || to == nil {
		return
	}
	if multiple == nil {
		step = big.NewRat(1, 1)
	}
	if step == nil || step.Sign() <= 0 {
		return
	}
	// The first multiple that is not below the lower bound.
	q := new(big.Rat).Quo(from, step)
	k := new(big.Int).Div(q.Num(), q.Denom()) // rounded down
	at := new(big.Rat).Mul(new(big.Rat).SetInt(k), step)
	for at.Cmp(from) < 0 || low.exclusive && at.Cmp(from) == 0 {
		at.Add(at, step)
	}
	if c2 := at.Cmp(to); c2 > 0 || high.exclusive && c2 == 0 {
		what := "integer"
		if multiple != nil {
			what = "multiple of " + clip(multiple.Value)
		}
		c.contradiction(low.node, low.node.KeySpan(), "%s and %s have no %s between them, so no number is allowed; widen the interval", name(low), name(high), what)
	}
}

func parsed(n *syntax.Node) *decimal {
	if !n.Is(syntax.Number) {
		return nil
	}
	d, _ := parseDecimal(n.Value)
	return d
}

// rational is the number as a fraction, nil where writing it out would be out
// of proportion.
func rational(d *decimal) *big.Rat {
	if d == nil || d.exponent > 300 || d.exponent < -300 || len(d.digits) > 300 {
		return nil
	}
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

// pair checks a lower and an upper count.
func (c *checker) pair(n *syntax.Node, lower, upper, of, what string) {
	low, high := parsed(n.Get(lower)), parsed(n.Get(upper))
	if low == nil || high == nil || low.cmp(high) <= 0 {
		return
	}
	at := n.Get(lower)
	c.contradiction(at, at.KeySpan(), "%s (%s) is above %s (%s), so no %s has an allowed %s; swap them, or correct one",
		lower, clip(at.Value), upper, clip(n.Get(upper).Value), of, what)
}

// values checks const and enum against each other and against the keywords
// beside them.
func (c *checker) values(n *syntax.Node, d Dialect, types typeSet) {
	constant, enum := n.Get("const"), n.Get("enum")
	if !keywords[kwConst].in.has(d) {
		constant = nil
	}
	if constant != nil {
		if enum.Is(syntax.Sequence) && !among(constant, enum.Items) {
			c.contradiction(constant, constant.Span(), "const %s is not one of the values of enum, so no value is allowed; correct one", literal(constant))
		}
		if why := c.excluded(constant, n, d, types); why != "" {
			c.contradiction(constant, constant.Span(), "const %s %s, so no value is allowed; correct one", literal(constant), why)
		}
	}
	if !enum.Is(syntax.Sequence) {
		return
	}
	if len(enum.Items) == 0 && !strictEnums(d) {
		c.contradiction(enum, enum.KeySpan(), "enum is empty, so no value is allowed; list the values, or remove it")
		return
	}
	var out []int
	var reasons []string
	for i, v := range enum.Items {
		if why := c.excluded(v, n, d, types); why != "" {
			out, reasons = append(out, i), append(reasons, why)
		}
	}
	if len(out) == len(enum.Items) && len(out) > 0 {
		c.contradiction(enum, enum.KeySpan(), "every value of enum is ruled out, so no value is allowed: %s %s; correct the values, or what rules them out", literal(enum.Items[0]), reasons[0])
		return
	}
	for j, i := range out {
		v := enum.Items[i]
		c.contradiction(v, v.Span(), "%s of enum %s, so it is never allowed; remove it, or correct what rules it out", literal(v), reasons[j])
	}
}

// excluded says which keyword of a schema rules a value out, or "".
func (c *checker) excluded(v, n *syntax.Node, d Dialect, types typeSet) string {
	if v.Kind == syntax.Invalid {
		return ""
	}
	if types != 0 && typeOf(v, d)&types == 0 {
		return "is not " + withArticle(types) + ", as type says"
	}
	over := func(keyword string, size int, sign int) bool {
		limit := parsed(n.Get(keyword))
		if limit == nil {
			return false
		}
		have, _ := parseDecimal(strconv.Itoa(size))
		return have.cmp(limit)*sign > 0
	}
	sized := func(size int, lower, upper string) string {
		switch {
		case over(lower, size, -1):
			return "is shorter than " + lower + " (" + clip(n.Get(lower).Value) + ")"
		case over(upper, size, 1):
			return "is longer than " + upper + " (" + clip(n.Get(upper).Value) + ")"
		}
		return ""
	}
	switch v.Kind {
	case syntax.Number:
		dec, ok := parseDecimal(v.Value)
		if !ok {
			return ""
		}
		low, high := bounds(n, d)
		if low != nil {
			if order := dec.cmp(low.value); order < 0 || order == 0 && low.exclusive {
				return "is below " + low.node.KeyName() + " (" + clip(low.node.Value) + ")"
			}
		}
		if high != nil {
			if order := dec.cmp(high.value); order > 0 || order == 0 && high.exclusive {
				return "is above " + high.node.KeyName() + " (" + clip(high.node.Value) + ")"
			}
		}
		if m := parsed(n.Get("multipleOf")); m != nil && m.sign() > 0 && !dec.isMultipleOf(m) {
			return "is no multiple of multipleOf (" + clip(n.Get("multipleOf").Value) + ")"
		}
	case syntax.String:
		if why := sized(utf8.RuneCountInString(v.Value), "minLength", "maxLength"); why != "" {
			return why
		}
		if p := n.Get("pattern"); p.Is(syntax.String) {
			if re, err := c.pattern(p.Value); err == nil {
				if ok, err := re.match(v.Value); err == nil && !ok {
					return "does not match pattern " + quoteRegex(p.Value)
				}
			}
		}
	case syntax.Sequence:
		return sized(len(v.Items), "minItems", "maxItems")
	case syntax.Mapping:
		return sized(len(v.Items), "minProperties", "maxProperties")
	}
	return ""
}

// pattern compiles an expression once a walk.
func (c *checker) pattern(text string) (*pattern, error) {
	if p, ok := c.patterns[text]; ok {
		return p.pattern, p.err
	}
	p, err := compilePattern(text)
	if c.patterns == nil {
		c.patterns = map[string]compiledPattern{}
	}
	c.patterns[text] = compiledPattern{p, err}
	return p, err
}

type compiledPattern struct {
	pattern *pattern
	err     error
}

// uniqueness checks that a list of different items can be as long as it must.
func (c *checker) uniqueness(n *syntax.Node, d Dialect) {
	least := n.Get("minItems")
	if !n.Get("uniqueItems").IsTrue() || !least.Is(syntax.Number) {
		return
	}
	rest := n.Get("items")
	if n.Get("prefixItems") != nil && d == Draft2020 {
		return
	}
	different := -1
	if values := rest.Get("enum"); values.Is(syntax.Sequence) {
		different = len(values.Items)
	} else if keywords[kwConst].in.has(d) && rest.Get("const") != nil {
		different = 1
	} else {
		switch rest.Get("type").Str() {
		case "boolean":
			different = 2
		case "null":
			different = 1
		}
	}
	if different >= 0 && count(least) > different {
		c.contradiction(least, least.KeySpan(), "minItems (%s) asks for more items than the %d that are different, and uniqueItems lets none repeat; lower minItems",
			clip(least.Value), different)
	}
}

// sizes checks counts of properties against the properties that there may be.
func (c *checker) sizes(n *syntax.Node) {
	required := n.Get("required")
	if most := n.Get("maxProperties"); most.Is(syntax.Number) && required.Is(syntax.Sequence) && len(required.Items) > count(most) {
		c.contradiction(most, most.KeySpan(), "maxProperties (%s) allows fewer properties than the %d of required, so no object is allowed; raise it",
			clip(most.Value), len(required.Items))
	}
	least := n.Get("minProperties")
	additional := n.Get("additionalProperties")
	if least.Is(syntax.Number) && additional.Is(syntax.Bool) && !additional.IsTrue() && n.Get("patternProperties") == nil {
		if known := n.Get("properties").Len(); count(least) > known {
			c.contradiction(least, least.KeySpan(), "minProperties (%s) asks for more than the %d properties that additionalProperties: false allows, so no object is allowed; lower it",
				clip(least.Value), known)
		}
	}
}

// composition checks what a schema and the branches of its allOf say about the
// same value: types, constants, and properties that one requires and another
// forbids.
func (c *checker) composition(n *syntax.Node, d Dialect) {
	required, closed := n.Get("required"), n.Get("additionalProperties")
	allOf := n.Get("allOf").Is(syntax.Sequence)
	if !allOf && !required.Is(syntax.Sequence) {
		return
	}
	parts := []part{{n, nil}}
	if allOf || n.Get("$ref") != nil {
		parts = c.parts(nil, n, nil, d, 0)
	} else if !closed.Is(syntax.Bool) && n.Get("properties") == nil {
		return
	}
	if allOf {
		c.disjoint(n, d, parts)
	}
	for _, p := range parts {
		for _, name := range items(stringList(p.node.Get("required"))) {
			c.forbidden(n, name, p, parts)
		}
	}
}

// part is a schema that applies together with others. branch is the entry of
// the outermost allOf that it came by, nil for the schema itself.
type part struct {
	node, branch *syntax.Node
}

// maxParts bounds how much of a composition is looked through.
const maxParts = 64

// parts collects a schema, the branches of its allOf and what they refer to.
func (c *checker) parts(into []part, n, branch *syntax.Node, d Dialect, depth int) []part {
	if !n.Is(syntax.Mapping) || len(into) >= maxParts || depth > 16 {
		return into
	}
	for _, p := range into {
		if p.node == n {
			return into
		}
	}
	if n.Get("$ref").Is(syntax.String) {
		if d.ignoresRefSiblings() {
			return c.parts(into, c.target(n), branch, d, depth+1)
		}
		into = c.parts(append(into, part{n, branch}), c.target(n), branch, d, depth+1)
	} else {
		into = append(into, part{n, branch})
	}
	for _, sub := range items(n.Get("allOf")) {
		from := branch
		if from == nil {
			from = sub
		}
		into = c.parts(into, sub, from, d, depth+1)
	}
	return into
}

// target follows a $ref; nil where it is not known where to.
func (c *checker) target(n *syntax.Node) *syntax.Node {
	if c.resolve != nil {
		return c.resolve(n)
	}
	ref := n.Get("$ref").Str()
	if ref == "" || ref[0] != '#' {
		return nil
	}
	return (&resource{node: c.root}).find(ref[1:])
}

func stringList(n *syntax.Node) *syntax.Node {
	if n.Is(syntax.Sequence) {
		return n
	}
	return nil
}

// disjoint finds types and constants that parts of an allOf do not share.
func (c *checker) disjoint(n *syntax.Node, d Dialect, parts []part) {
	at := n.Get("allOf")
	left, lastType := everyType, (*syntax.Node)(nil)
	var constant *syntax.Node
	members := map[string]*syntax.Node{}
	for _, p := range parts {
		if types := statedTypes(p.node, d); types != 0 {
			if left&types == 0 {
				here := p.branch
				if here == nil {
					here = at
				}
				c.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: here.KeySpan(), Pointer: here.Pointer(),
					Message: "the parts of allOf have no type in common: one wants " + withArticle(left) + ", another " + withArticle(types) + "; so no value is allowed",
					Related: relatedTo(lastType, "the other type")})
				return
			}
			left &= types
			lastType = p.node.Get("type")
		}
		if !keywords[kwConst].in.has(d) {
			continue
		}
		if v := p.node.Get("const"); v != nil {
			if constant != nil && !equal(constant, v) {
				c.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: v.Span(), Pointer: v.Pointer(),
					Message: "const " + literal(v) + " and const " + literal(constant) + " apply to the same value, so none is allowed; correct one",
					Related: relatedTo(constant, "the other const")})
			}
			constant = v
		}
		for _, property := range items(p.node.Get("properties")) {
			v := property.Get("const")
			if v == nil {
				continue
			}
			other := members[property.Key.Value]
			if other != nil && !equal(other, v) {
				c.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: v.Span(), Pointer: v.Pointer(),
					Message: "property " + quote(property.Key.Value) + " has to be " + literal(v) + " here and " + literal(other) + " in another part of allOf, so it can never be there; correct one",
					Related: relatedTo(other, "the other const")})
			}
			members[property.Key.Value] = v
		}
	}
}

func relatedTo(n *syntax.Node, message string) []diag.Related {
	if n == nil {
		return nil
	}
	return []diag.Related{{Span: n.Span(), Message: message}}
}

// forbidden finds a required property that some part of the schema forbids. A
// fault within one branch is left to the branch's own check.
func (c *checker) forbidden(n *syntax.Node, name *syntax.Node, from part, parts []part) {
	if name.Kind != syntax.String {
		return
	}
	for _, p := range parts {
		if len(parts) > 1 && p.node == from.node && p.branch != nil {
			continue
		}
		property := p.node.Get("properties").Get(name.Value)
		if property.Is(syntax.Bool) && !property.IsTrue() {
			c.contradiction(name, name.Span(), "%s is required, but properties forbids it with false, so no object is allowed; remove one", quote(name.Value))
			return
		}
		closed := p.node.Get("additionalProperties")
		if property != nil || !closed.Is(syntax.Bool) || closed.IsTrue() || c.matchesPattern(p.node, name.Value) {
			continue
		}
		if p.node == from.node {
			var known []string
			if c.compared < maxCompared {
				for _, item := range items(p.node.Get("properties")) {
					known = append(known, item.Key.Value)
				}
			}
			d := diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: name.Span(), Pointer: name.Pointer(),
				Message: quote(name.Value) + " is required, but not among properties, and additionalProperties: false forbids every other, so no object is allowed; define it",
				Related: relatedTo(closed, "what forbids it")}
			if near, ok := c.near(name.Value, known); ok {
				d.Message = quote(name.Value) + " is required, but not among properties, and additionalProperties: false forbids every other, so no object is allowed; did you mean " + quote(near) + "?"
				d.Fix = replaceText(name, near, false)
			}
			c.report(d)
			return
		}
		c.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: closed.KeySpan(), Pointer: closed.Pointer(),
			Message: "additionalProperties: false looks only at the properties beside it, so it forbids " + quote(name.Value) + ", which another part of the composition requires; no object is allowed. Close the composed schema instead",
			Related: relatedTo(name, "where it is required")})
		return
	}
}

func (c *checker) matchesPattern(n *syntax.Node, name string) bool {
	for _, item := range items(n.Get("patternProperties")) {
		p, err := c.pattern(item.Key.Value)
		if err != nil {
			return true // reported already; what it would match is unknown
		}
		if ok, err := p.match(name); ok || err != nil {
			return true
		}
	}
	return false
}
