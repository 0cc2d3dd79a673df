package schema

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Validate holds a value against the schema and returns what is wrong with it,
// nothing where it conforms. Of alternatives that all fail, only the one that
// comes closest is explained. What could not be read in the value (a node of
// kind Invalid) conforms to everything.
func (s *Schema) Validate(instance *syntax.Node) []Problem {
	if s.avro != nil {
		return validateAvro(s.avro, instance)
	}
	v := &validation{dynamic: s.dynamic}
	if v.check(s.rule, instance, nil) {
		return nil // the usual case: no message is put together
	}
	undecided := v.steps > maxSteps
	v.explaining, v.steps = true, 0
	if undecided {
		v.fault(s.rule, "", instance, func() string { return tooManySteps })
	} else {
		v.check(s.rule, instance, nil)
	}
	return distinct(v.problems)
}

// ValidateJSON is Validate on the text of a JSON value. What is malformed in
// the text is a problem too, with no keyword. A valid text is read once, as
// ValidJSON does; only one that is not is made a tree of.
func (s *Schema) ValidateJSON(instance []byte) []Problem {
	if s.avro == nil && s.ValidJSON(instance) {
		return nil
	}
	problems := s.validateTree(instance)
	if len(problems) == 0 && s.avro == nil {
		// Only the fast reader refused it. Saying that it is valid would be the
		// worse of two wrongs.
		return []Problem{{Node: readTree(instance), Message: "the value was refused, but why was not found; this is a bug in treaty, please report it with the schema and the value"}}
	}
	return problems
}

// validateTree is ValidateJSON by way of a tree.
func (s *Schema) validateTree(instance []byte) []Problem {
	root, faults := syntax.Parse(diag.NewFile("", string(instance)), syntax.JSON, syntax.Limits{Depth: maxWireDepth})
	if strings.HasPrefix(string(instance), "\ufeff") {
		return []Problem{{Node: root, Message: "the text begins with a byte order mark, which JSON that is exchanged may not have (RFC 8259 §8.1); write it without"}}
	}
	var problems []Problem
	for _, f := range faults {
		if f.Severity == diag.Error && !s.letsPass(f) {
			problems = append(problems, Problem{Instance: f.Pointer, Node: root, Message: ofValue(f)})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return s.Validate(root)
}

// ofValue is the text of a fault of a value. The limits of a value are fixed: what
// raises those of a file has no part in it.
func ofValue(f diag.Diagnostic) string {
	if f.Rule != syntax.RuleLimit {
		return f.Message
	}
	over, _, _ := strings.Cut(f.Message, ";")
	return strings.Replace(over, "the file", "the value", 1) + ", within which alone it is looked at; make it smaller, or nest it less"
}

// letsPass reports whether a fault of a text is one that Lax lets pass.
func (s *Schema) letsPass(f diag.Diagnostic) bool {
	switch f.Rule {
	case syntax.RuleDuplicateKey:
		return s.lax&DuplicateKeys != 0
	case syntax.RuleEncoding:
		return s.lax&InvalidUTF8 != 0
	}
	return s.lax&LoneSurrogates != 0 && strings.Contains(f.Message, "surrogate")
}

// Valid reports whether a value conforms, without saying why not.
func (s *Schema) Valid(instance *syntax.Node) bool {
	if s.avro != nil {
		return len(validateAvro(s.avro, instance)) == 0
	}
	v := &validation{dynamic: s.dynamic}
	return v.check(s.rule, instance, nil)
}

func distinct(ps []Problem) []Problem {
	type key struct{ instance, keyword, message string }
	seen := map[key]bool{}
	out := ps[:0]
	for _, p := range ps {
		k := key{p.Instance, p.Keyword, p.Message}
		if !seen[k] {
			seen[k] = true
			out = append(out, p)
		}
	}
	return out
}

// validation is one value being held against one schema. It runs twice: first
// only for the verdict, stopping at the first fault, and where that is no,
// again for the explanation.
type validation struct {
	explaining bool
	problems   []Problem
	path       []string // tokens from the value's root to where we are
	stack      []frame
	steps      int
	memo       map[memoKey]bool // verdicts; nil until there is need, or where the way here matters
	dynamic    bool             // $dynamicRef is used, so that the way here matters
}

// maxProblems bounds what is said about one value. Nobody reads more, and each
// costs a look for the name that was meant.
const maxProblems = 100

// Alternatives within alternatives of a recursive schema multiply the work
// with every level. So from memoFrom steps on verdicts are remembered, which
// brings it down to schemas times values; what cannot be remembered ends at
// maxSteps for each value validated, and its explanation at explainSteps.
const (
	memoFrom     = 100_000
	explainSteps = 20_000
	maxSteps     = 1_000_000
)

const tooManySteps = "the value is not decided within a reasonable number of steps; make the schema's alternatives tell themselves apart by a const"

type memoKey struct {
	rule     *rule
	instance *syntax.Node
}

// frame is a schema that is being applied to a value.
type frame struct {
	rule     *rule
	instance *syntax.Node
}

// fault notes what is wrong. Its result is what the check that found it
// returns.
func (v *validation) fault(r *rule, keyword string, n *syntax.Node, message func() string) bool {
	if v.explaining && len(v.problems) < maxProblems {
		span, pointer := keywordSpan(r.node, keyword)
		v.problems = append(v.problems, Problem{
			Instance: pathPointer(v.path), Node: n, Keyword: keyword, Schema: span, SchemaPointer: pointer, Message: message()})
	}
	return false
}

// wants adds to the last fault what would have been allowed.
func (v *validation) wants(types typeSet, values []*syntax.Node) bool {
	if v.explaining && len(v.problems) < maxProblems {
		p := &v.problems[len(v.problems)-1]
		p.types, p.values = types, values
	}
	return false
}

func pathPointer(path []string) string {
	var b strings.Builder
	for _, token := range path {
		b.WriteByte('/')
		b.WriteString(syntax.EscapePointer(token))
	}
	return b.String()
}

// child checks a member or element of the value that we are at.
func (v *validation) child(r *rule, token string, n *syntax.Node) bool {
	if r.verdict == accepts {
		return true
	}
	v.path = append(v.path, token)
	ok := v.check(r, n, nil)
	v.path = v.path[:len(v.path)-1]
	return ok
}

// check applies a schema. seen, where it is not nil, has a mark for every item
// of n that a schema applied in this place has looked at (the "evaluated"
// members of 2019-09); marks are only added where the schema accepts.
func (v *validation) check(r *rule, n *syntax.Node, seen []bool) bool {
	switch {
	case r.verdict == accepts || n.Kind == syntax.Invalid:
		return true
	case r.verdict == rejects:
		return v.fault(r, "", n, func() string { return describe(n) + " is not allowed here: the schema is false; leave it out" })
	case r.meta != Unknown:
		return v.metaSchema(r, n)
	}
	if v.steps++; v.steps > maxSteps {
		return v.fault(r, "", n, func() string { return tooManySteps })
	}
	remember := v.steps > memoFrom && !v.explaining && seen == nil && !v.dynamic
	if remember {
		if ok, known := v.memo[memoKey{r, n}]; known {
			return ok
		}
	}
	for i := len(v.stack) - 1; i >= 0 && v.stack[i].instance == n; i-- {
		if v.stack[i].rule == r {
			return v.fault(r, "$ref", n, func() string {
				return "the schema refers back to itself for the same value and so never decides; break the circle of $ref"
			})
		}
	}
	v.stack = append(v.stack, frame{r, n})
	ok := v.apply(r, n, seen)
	v.stack = v.stack[:len(v.stack)-1]
	if remember {
		if v.memo == nil {
			v.memo = map[memoKey]bool{}
		}
		v.memo[memoKey{r, n}] = ok
	}
	return ok
}

func (v *validation) apply(r *rule, n *syntax.Node, seen []bool) bool {
	if r.types != 0 && typeOf(n, r.dialect)&r.types == 0 {
		v.fault(r, "type", n, func() string { return typeMessage(n, r.types) })
		return v.wants(r.types, nil)
	}
	if r.constant != nil && !equal(n, r.constant) {
		v.fault(r, "const", n, func() string { return describe(n) + " has to be " + literal(r.constant) })
		return v.wants(0, []*syntax.Node{r.constant})
	}
	if r.enum != nil && !r.allows(n) {
		v.fault(r, "enum", n, func() string { return enumMessage(n, r.enum.Items) })
		return v.wants(0, r.enum.Items)
	}
	if seen == nil && (r.unevaluatedItems != nil && n.Kind == syntax.Sequence || r.unevaluatedProperties != nil && n.Kind == syntax.Mapping) {
		seen = make([]bool, len(n.Items))
	}
	ok := true
	if r.ref != nil && !v.check(r.ref, n, seen) {
		ok = false
	}
	if ok || v.explaining {
		switch n.Kind {
		case syntax.Number:
			ok = r.number == nil && ok || r.number != nil && v.checkNumber(r, n) && ok
		case syntax.String:
			ok = r.text == nil && ok || r.text != nil && v.checkText(r, n) && ok
		case syntax.Sequence:
			ok = r.array == nil && ok || r.array != nil && v.checkArray(r, n, seen) && ok
		case syntax.Mapping:
			ok = r.object == nil && ok || r.object != nil && v.checkObject(r, n, seen) && ok
		}
	}
	if ok || v.explaining {
		ok = v.checkInPlace(r, n, seen) && ok
	}
	// Only a value that everything else accepts has settled which of its
	// members were looked at.
	if ok && (r.unevaluatedItems != nil || r.unevaluatedProperties != nil) {
		ok = v.checkUnevaluated(r, n, seen)
	}
	return ok
}

func (v *validation) checkNumber(r *rule, n *syntax.Node) bool {
	d, ok := parseDecimal(n.Value)
	if !ok {
		return v.fault(r, "type", n, func() string { return n.Value + " is no number of JSON; write a finite one" })
	}
	bound := func(keyword string, bound *decimal, sign int, inclusive bool, word string) {
		if bound == nil {
			return
		}
		if c := d.cmp(bound) * sign; c < 0 || inclusive && c == 0 {
			return
		}
		ok = v.fault(r, keyword, n, func() string { return n.Value + " has to be " + word + " " + bound.String() })
	}
	bound("minimum", r.number.minimum, -1, true, "at least")
	bound("maximum", r.number.maximum, 1, true, "at most")
	bound(exclusiveKeyword(r, "exclusiveMinimum", "minimum"), r.number.exclusiveMin, -1, false, "more than")
	bound(exclusiveKeyword(r, "exclusiveMaximum", "maximum"), r.number.exclusiveMax, 1, false, "less than")
	if m := r.number.multipleOf; m != nil && !d.isMultipleOf(m) {
		ok = v.fault(r, "multipleOf", n, func() string { return n.Value + " has to be a multiple of " + m.String() })
	}
	return ok
}

func exclusiveKeyword(r *rule, number, boolean string) string {
	if r.node.Get(number).Is(syntax.Bool) {
		return boolean
	}
	return number
}

func (v *validation) checkText(r *rule, n *syntax.Node) bool {
	t, ok := r.text, true
	if t.minLength > 0 || t.maxLength >= 0 {
		length := utf8.RuneCountInString(n.Value)
		if length < t.minLength {
			ok = v.fault(r, "minLength", n, func() string {
				return quote(n.Value) + " has " + plural(length, "character") + ", but needs at least " + strconv.Itoa(t.minLength)
			})
		}
		if t.maxLength >= 0 && length > t.maxLength {
			ok = v.fault(r, "maxLength", n, func() string {
				return quote(n.Value) + " has " + plural(length, "character") + ", but may have at most " + strconv.Itoa(t.maxLength)
			})
		}
	}
	if t.pattern != nil {
		if matched, err := t.pattern.match(n.Value); err != nil {
			ok = v.fault(r, "pattern", n, func() string {
				return quote(n.Value) + " could not be held against the pattern " + quote(t.pattern.text) + ": " + err.Error()
			})
		} else if !matched {
			ok = v.fault(r, "pattern", n, func() string { return quote(n.Value) + " does not match the pattern " + quoteRegex(t.pattern.text) })
		}
	}
	if t.conforms != nil && !t.conforms(n.Value) {
		ok = v.fault(r, "format", n, func() string { return quote(n.Value) + " is not " + formatPhrase(t.format) })
	}
	if t.content != nil && !t.content.holds(n.Value) {
		ok = v.fault(r, t.content.keyword(), n, func() string { return quote(n.Value) + " is not " + t.content.phrase() })
	}
	return ok
}

func (v *validation) checkArray(r *rule, n *syntax.Node, seen []bool) bool {
	a, ok := r.array, true
	if len(n.Items) < a.minItems {
		ok = v.fault(r, "minItems", n, func() string {
			return "the list has " + plural(len(n.Items), "item") + ", but needs at least " + strconv.Itoa(a.minItems)
		})
	}
	if a.maxItems >= 0 && len(n.Items) > a.maxItems {
		ok = v.fault(r, "maxItems", n, func() string {
			return "the list has " + plural(len(n.Items), "item") + ", but may have at most " + strconv.Itoa(a.maxItems)
		})
	}
	if a.unique {
		if i, j, twice := firstRepeated(n.Items); twice {
			ok = v.fault(r, "uniqueItems", n, func() string {
				return "items " + strconv.Itoa(i) + " and " + strconv.Itoa(j) + " are the same (" + describe(n.Items[j]) + "); remove one"
			})
		}
	}
	for i, item := range n.Items {
		if !ok && !v.explaining {
			return false
		}
		switch {
		case i < len(a.prefix):
			ok = v.child(a.prefix[i], strconv.Itoa(i), item) && ok
		case a.rest == nil:
			continue
		case a.rest.verdict == rejects && v.explaining:
			ok = v.fault(r, a.restKeyword, item, func() string {
				return "item " + strconv.Itoa(i) + " is one too many: the list ends after " + plural(len(a.prefix), "item")
			})
			continue
		default:
			ok = v.child(a.rest, strconv.Itoa(i), item) && ok
		}
		if seen != nil {
			seen[i] = true
		}
	}
	if a.contains != nil && (ok || v.explaining) {
		ok = v.checkContains(r, n, seen) && ok
	}
	return ok
}

func (v *validation) checkContains(r *rule, n *syntax.Node, seen []bool) bool {
	a, found := r.array, 0
	for i, item := range n.Items {
		if !v.quietly(func() bool { return v.child(a.contains, strconv.Itoa(i), item) }) {
			continue
		}
		found++
		if seen != nil && a.containsEvaluates {
			seen[i] = true
		}
	}
	switch {
	case found < a.minContains:
		keyword := "contains"
		if r.node.Get("minContains") != nil {
			keyword = "minContains"
		}
		return v.fault(r, keyword, n, func() string {
			return plural(found, "item") + " of the list fit what it has to contain, but at least " + strconv.Itoa(a.minContains) + " must"
		})
	case a.maxContains >= 0 && found > a.maxContains:
		return v.fault(r, "maxContains", n, func() string {
			return plural(found, "item") + " of the list fit what it may contain, but at most " + strconv.Itoa(a.maxContains) + " may"
		})
	}
	return true
}

func (v *validation) checkObject(r *rule, n *syntax.Node, seen []bool) bool {
	o, ok := r.object, true
	if len(n.Items) < o.minProperties {
		ok = v.fault(r, "minProperties", n, func() string {
			return "the object has " + plural(len(n.Items), "property") + ", but needs at least " + strconv.Itoa(o.minProperties)
		})
	}
	if o.maxProperties >= 0 && len(n.Items) > o.maxProperties {
		ok = v.fault(r, "maxProperties", n, func() string {
			return "the object has " + plural(len(n.Items), "property") + ", but may have at most " + strconv.Itoa(o.maxProperties)
		})
	}
	for _, name := range o.required {
		if n.Get(name.Value) == nil {
			ok = v.fault(r, "required", n, func() string { return v.missing(r, n, name.Value, "is required") })
		}
	}
	if !ok && !v.explaining {
		return false
	}
	for i := range o.dependencies {
		if d := &o.dependencies[i]; n.Get(d.of) != nil {
			ok = v.checkDependency(r, n, d, seen) && ok
		}
	}
	for i, item := range n.Items {
		if !ok && !v.explaining {
			return false
		}
		name, known := item.Key.Value, false
		if p, has := o.properties[name]; has {
			known = true
			if p.verdict == rejects && v.explaining {
				ok = v.atChild(name, func() bool {
					return v.fault(r, "properties", item, func() string { return "property " + quote(name) + " is not allowed: its schema is false; leave it out" })
				})
			} else {
				ok = v.child(p, name, item) && ok
			}
		}
		for _, p := range o.patterns {
			if matched, err := p.pattern.match(name); err != nil {
				ok = v.fault(r, "patternProperties", item, func() string {
					return quote(name) + " could not be held against the pattern " + quote(p.pattern.text) + ": " + err.Error()
				})
			} else if matched {
				known = true
				ok = v.child(p.rule, name, item) && ok
			}
		}
		if !known && o.additional != nil {
			known = true
			if o.additional.verdict == rejects {
				ok = v.atChild(name, func() bool {
					return v.fault(r, "additionalProperties", item, func() string { return v.unexpected(r, n, name) })
				})
			} else {
				ok = v.child(o.additional, name, item) && ok
			}
		}
		if known && seen != nil {
			seen[i] = true
		}
		if o.names != nil {
			ok = v.checkName(r, item) && ok
		}
	}
	return ok
}

// atChild runs a check one step further down.
func (v *validation) atChild(token string, check func() bool) bool {
	if !v.explaining {
		return check()
	}
	v.path = append(v.path, token)
	ok := check()
	v.path = v.path[:len(v.path)-1]
	return ok
}

// checkName holds a property's name against propertyNames.
func (v *validation) checkName(r *rule, item *syntax.Node) bool {
	name := *item.Key
	name.Kind, name.Items = syntax.String, nil
	before := len(v.problems)
	ok := v.child(r.object.names, name.Value, &name)
	for i := before; i < len(v.problems); i++ {
		v.problems[i].Message = "the property name " + v.problems[i].Message
		v.problems[i].Node = item
	}
	return ok
}

func (v *validation) checkDependency(r *rule, n *syntax.Node, d *dependency, seen []bool) bool {
	if d.rule != nil {
		return v.inPlace(d.rule, n, seen)
	}
	ok := true
	for _, name := range d.names {
		if n.Get(name.Value) == nil {
			ok = v.fault(r, d.keyword, n, func() string { return v.missing(r, n, name.Value, "is required beside "+quote(d.of)) })
		}
	}
	return ok
}

// inPlace applies a schema to the same value. What it has looked at counts
// only where it accepts.
func (v *validation) inPlace(r *rule, n *syntax.Node, seen []bool) bool {
	if seen == nil {
		return v.check(r, n, nil)
	}
	own := make([]bool, len(seen))
	if !v.check(r, n, own) {
		return false
	}
	for i, s := range own {
		seen[i] = seen[i] || s
	}
	return true
}

// quietly runs a check for its verdict alone.
func (v *validation) quietly(check func() bool) bool {
	explaining := v.explaining
	v.explaining = false
	ok := check()
	v.explaining = explaining
	return ok
}

func (v *validation) checkInPlace(r *rule, n *syntax.Node, seen []bool) bool {
	ok := true
	for _, sub := range r.allOf {
		ok = v.inPlace(sub, n, seen) && ok
		if !ok && !v.explaining {
			return false
		}
	}
	if r.anyOf != nil {
		matched := false
		for _, sub := range r.anyOf {
			if v.quietly(func() bool { return v.inPlace(sub, n, seen) }) {
				matched = true
				if seen == nil {
					break
				}
			}
		}
		if !matched {
			ok = v.explainBranches(r, "anyOf", r.anyOf, n)
		}
	}
	if r.oneOf != nil {
		ok = v.checkOneOf(r, n, seen) && ok
	}
	if !ok && !v.explaining {
		return false
	}
	if r.not != nil && v.quietly(func() bool { return v.inPlace(r.not, n, scratch(seen)) }) {
		ok = v.fault(r, "not", n, func() string { return describe(n) + " is what the schema says it must not be" })
	}
	if r.ifRule != nil {
		if v.quietly(func() bool { return v.inPlace(r.ifRule, n, seen) }) {
			if r.thenRule != nil {
				ok = v.inPlace(r.thenRule, n, seen) && ok
			}
		} else if r.elseRule != nil {
			ok = v.inPlace(r.elseRule, n, seen) && ok
		}
	}
	if r.dynamic != nil {
		ok = v.inPlace(v.dynamicTarget(r), n, seen) && ok
	}
	return ok
}

// scratch gives not a place for its marks, since unevaluated keywords inside
// it need them and nobody outside it does.
func scratch(seen []bool) []bool {
	if seen == nil {
		return nil
	}
	return make([]bool, len(seen))
}

func (v *validation) checkOneOf(r *rule, n *syntax.Node, seen []bool) bool {
	first := -1
	for i, sub := range r.oneOf {
		if !v.quietly(func() bool { return v.inPlace(sub, n, seen) }) {
			continue
		}
		if first >= 0 {
			return v.fault(r, "oneOf", n, func() string {
				return describe(n) + " fits both " + branchName(r.oneOf, first) + " and " + branchName(r.oneOf, i) + ", but has to fit exactly one"
			})
		}
		first = i
	}
	if first < 0 {
		return v.explainBranches(r, "oneOf", r.oneOf, n)
	}
	return true
}

func (v *validation) checkUnevaluated(r *rule, n *syntax.Node, seen []bool) bool {
	rest, keyword := r.unevaluatedProperties, "unevaluatedProperties"
	if n.Kind == syntax.Sequence {
		rest, keyword = r.unevaluatedItems, "unevaluatedItems"
	} else if n.Kind != syntax.Mapping {
		return true
	}
	if rest == nil {
		return true
	}
	ok := true
	for i, item := range n.Items {
		if seen[i] {
			continue
		}
		token := strconv.Itoa(i)
		if item.Key != nil && n.Kind == syntax.Mapping {
			token = item.Key.Value
		}
		if rest.verdict == rejects {
			ok = v.atChild(token, func() bool {
				return v.fault(r, keyword, item, func() string {
					if n.Kind == syntax.Sequence {
						return "item " + token + " is not covered by any part of the schema; remove it"
					}
					return v.unexpected(r, n, token)
				})
			})
		} else {
			ok = v.child(rest, token, item) && ok
		}
		seen[i] = true
	}
	return ok
}

// dynamicTarget resolves $dynamicRef and $recursiveRef: the outermost resource
// on the way here that has the anchor decides.
func (v *validation) dynamicTarget(r *rule) *rule {
	initial := r.dynamic.initial
	if initial.resource == nil || initial.meta != Unknown {
		return initial
	}
	if r.dynamic.keyword == "$recursiveRef" {
		if !initial.resource.recursive || initial.node != initial.resource.node {
			return initial
		}
		for i := range v.stack {
			if f := &v.stack[i]; f.rule.resource.recursive {
				return f.rule.resource.rule
			}
		}
		return initial
	}
	if r.dynamic.anchor == "" {
		return initial
	}
	for i := range v.stack {
		if target := v.stack[i].rule.resource.dynamicRules[r.dynamic.anchor]; target != nil {
			return target
		}
	}
	return initial
}

// metaSchema is the meta-schema of a dialect as a schema: what conforms to it
// is a schema without faults of form.
func (v *validation) metaSchema(r *rule, n *syntax.Node) bool {
	ok := true
	c := &checker{root: n, formOnly: true, report: func(d diag.Diagnostic) {
		ok = v.fault(r, "$ref", n, func() string { return d.Message })
	}}
	c.schema(n, r.meta, nil)
	return ok
}

// typeOf is the type of a value. Draft-04 takes 1.0 for no integer; every
// later draft goes by the value.
func typeOf(n *syntax.Node, d Dialect) typeSet {
	switch n.Kind {
	case syntax.Null:
		return typeNull
	case syntax.Bool:
		return typeBoolean
	case syntax.String:
		return typeString
	case syntax.Sequence:
		return typeArray
	case syntax.Mapping:
		return typeObject
	case syntax.Number:
		if isPlainInteger(n.Value) {
			return typeInteger
		}
		if dec, ok := parseDecimal(n.Value); ok && dec.isInteger() && d != Draft4 {
			return typeInteger
		}
		return typeFraction
	}
	return everyType
}

func isPlainInteger(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && (i > 0 || s[i] != '-') {
			return false
		}
	}
	return s != ""
}

// equal compares two values as JSON Schema does: numbers by value, objects
// whatever their order.
func equal(a, b *syntax.Node) bool {
	if a.Kind != b.Kind {
		return a.Kind == syntax.Invalid || b.Kind == syntax.Invalid
	}
	switch a.Kind {
	case syntax.Number:
		if a.Value == b.Value {
			return true
		}
		x, ok := parseDecimal(a.Value)
		y, also := parseDecimal(b.Value)
		return ok && also && x.cmp(y) == 0
	case syntax.Sequence:
		if len(a.Items) != len(b.Items) {
			return false
		}
		for i := range a.Items {
			if !equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	case syntax.Mapping:
		if len(a.Items) != len(b.Items) {
			return false
		}
		for _, item := range a.Items {
			if other := b.Get(item.Key.Value); other == nil || !equal(item, other) {
				return false
			}
		}
		return true
	}
	return a.Kind == syntax.Null || a.Value == b.Value
}

// allows reports whether enum has a value. A long one is looked up by the
// canonical text of its values.
func (r *rule) allows(n *syntax.Node) bool {
	if r.enumTexts == nil {
		return among(n, r.enum.Items)
	}
	return r.enumTexts[string(canonical(nil, n))]
}

func among(n *syntax.Node, values []*syntax.Node) bool {
	for _, v := range values {
		if equal(n, v) {
			return true
		}
	}
	return false
}

// firstRepeated finds two equal items. Long lists go through a canonical text,
// which keeps the time linear in their size.
func firstRepeated(items []*syntax.Node) (int, int, bool) {
	if len(items) <= 8 {
		for j := range items {
			for i := range j {
				if equal(items[i], items[j]) {
					return i, j, true
				}
			}
		}
		return 0, 0, false
	}
	at := make(map[string]int, len(items))
	var buf []byte
	for j, item := range items {
		buf = canonical(buf[:0], item)
		if i, twice := at[string(buf)]; twice {
			return i, j, true
		}
		at[string(buf)] = j
	}
	return 0, 0, false
}

// canonical writes a value so that equal values have one text.
func canonical(buf []byte, n *syntax.Node) []byte {
	switch n.Kind {
	case syntax.String:
		return strconv.AppendQuote(buf, n.Value)
	case syntax.Number:
		if d, ok := parseDecimal(n.Value); ok {
			if d.negative {
				buf = append(buf, '-')
			}
			buf = append(buf, d.digits...)
			return strconv.AppendInt(append(buf, 'e'), int64(d.exponent), 10)
		}
		return append(buf, n.Value...)
	case syntax.Sequence:
		buf = append(buf, '[')
		for _, item := range n.Items {
			buf = append(canonical(buf, item), ',')
		}
		return append(buf, ']')
	case syntax.Mapping:
		items := append([]*syntax.Node(nil), n.Items...)
		sort.SliceStable(items, func(i, j int) bool { return items[i].Key.Value < items[j].Key.Value })
		buf = append(buf, '{')
		for _, item := range items {
			buf = append(strconv.AppendQuote(buf, item.Key.Value), ':')
			buf = append(canonical(buf, item), ',')
		}
		return append(buf, '}')
	}
	if n.Kind == syntax.Null {
		return append(buf, "null"...)
	}
	return append(buf, n.Value...)
}
