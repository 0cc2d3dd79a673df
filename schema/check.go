package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Check reports what is wrong with one schema and its sub-schemas, walking
// once; not with what a $ref leads to, which is a schema to be checked where it
// stands. resolve may be nil: then only references into the schema itself are
// looked through, and rules that would need the others say nothing.
func Check(n *syntax.Node, d Dialect, resolve Resolver, report func(diag.Diagnostic)) {
	switch {
	case n == nil || n.Kind == syntax.Invalid:
	case d == Avro:
		checkAvro(n, report)
	case d.IsJSONSchema():
		c := &checker{root: n, resolve: resolve, report: report}
		c.schema(n, d, nil)
	}
}

// checker walks one schema.
type checker struct {
	root     *syntax.Node
	resolve  Resolver
	report   func(diag.Diagnostic)
	formOnly bool // only what the dialect's meta-schema demands

	compared     int // candidates looked at for near misses
	patterns     map[string]compiledPattern
	compositions map[*syntax.Node]*definitions // by outermost schema
}

// scope is a schema together with those that it is a branch of: all of them
// apply to the same value.
type scope struct {
	node    *syntax.Node
	dialect Dialect
	keyword string // that holds node in the outer schema
	outer   *scope
}

// maxCompared bounds the look for near misses, which would otherwise cost the
// product of the names that are wrong and those that are right.
const maxCompared = 100_000

// near is diag.Nearest as long as it is in proportion.
func (c *checker) near(word string, candidates []string) (string, bool) {
	if c.compared += len(candidates); c.compared > maxCompared {
		return "", false
	}
	return diag.Nearest(word, candidates)
}

func (c *checker) find(rule string, sev diag.Severity, span diag.Span, n *syntax.Node, format string, args ...any) {
	c.report(diag.Diagnostic{Rule: rule, Severity: sev, Span: span, Pointer: n.Pointer(), Message: fmt.Sprintf(format, args...)})
}

// schema checks a schema. outer is the schema that it is a branch of, nil where
// it applies to a value of its own.
func (c *checker) schema(n *syntax.Node, d Dialect, in *scope) {
	if why := notASchema(n, d); why != "" {
		c.find(RuleInvalid, diag.Error, n.Span(), n, "%s", why)
		return
	}
	if n.Kind != syntax.Mapping {
		return
	}
	at := &scope{node: n, dialect: d}
	if in != nil {
		at.keyword, at.outer = in.keyword, in.outer
	}
	d = c.declared(n, d)
	at.dialect = d
	for _, item := range n.Items {
		k := lookup(item.Key.Value)
		kw := &keywords[k]
		if !kw.in.has(d) {
			if !c.formOnly {
				c.strange(n, item, k, d)
			}
			continue
		}
		c.form(k, item, d)
		c.descend(k, item, d, at)
	}
	if d == Draft4 {
		c.loneExclusive(n)
	}
	if !c.formOnly {
		c.contradictions(n, d)
		c.requiredUndefined(at)
	}
}

// notASchema says why a node cannot be a schema, or "".
func notASchema(n *syntax.Node, d Dialect) string {
	switch n.Kind {
	case syntax.Mapping, syntax.Invalid:
		return ""
	case syntax.Bool:
		if d.booleanSchemas() {
			return ""
		}
		instead := "{}"
		if !n.IsTrue() {
			instead = "{not: {}}"
		}
		return n.Value + " is no schema in " + d.inText() + ", which has no boolean schemas here; write " + instead
	}
	if d.booleanSchemas() {
		return describe(n) + " is no schema; write an object of keywords, or true or false"
	}
	return describe(n) + " is no schema; write an object of keywords"
}

// declared reads $schema, which has to agree with the dialect that the schema
// is used in. An embedded resource may be in another one.
func (c *checker) declared(n *syntax.Node, d Dialect) Dialect {
	s := n.Get("$schema")
	if !s.Is(syntax.String) || c.formOnly {
		return d
	}
	stated, ok := metaSchemaDialect(s.Value)
	if !ok || stated == d || d == AsyncAPI && stated == Draft7 {
		return d
	}
	if n != c.root {
		if n.Get(stated.idKeyword()).Is(syntax.String) {
			return stated
		}
		return d
	}
	c.find(RuleInvalid, diag.Error, s.Span(), s, "$schema %s says %s, but the schema is used as %s; make the two agree, by the schemaFormat or by $schema",
		quote(s.Value), stated.inText(), d.inText())
	return stated
}

// descend checks the sub-schemas of one keyword.
func (c *checker) descend(k int, item *syntax.Node, d Dialect, at *scope) {
	kw := &keywords[k]
	branch := &scope{keyword: kw.name, outer: at}
	if !inPlace(k) {
		branch = nil
	}
	childrenOf(kw, item, func(_ string, sub *syntax.Node) {
		if kw.shape == boolOrSchema && sub.Kind == syntax.Bool {
			return
		}
		if kw.shape == schemaOrList && item.Kind == syntax.Sequence && !listItems(d) {
			return
		}
		c.schema(sub, d, branch)
	})
}

// inPlace reports whether a keyword's schemas apply to the same value as the
// schema that has it.
func inPlace(k int) bool {
	switch k {
	case kwAllOf, kwAnyOf, kwOneOf, kwNot, kwIf, kwThen, kwElse, kwDependentSchemas, kwDependencies:
		return true
	}
	return false
}

// listItems reports whether items may be a list of schemas.
func listItems(d Dialect) bool { return d != Draft2020 && d != OpenAPI30 }

// strictEnums reports whether a draft's meta-schema wants the values of enum to
// differ, and at least one; since 2019-09 it only advises both.
func strictEnums(d Dialect) bool { return d != Draft2019 && d != Draft2020 }

// strictLists reports whether a draft's meta-schema wants lists of names to
// have at least one.
func strictLists(d Dialect) bool { return d == Draft4 || d == OpenAPI30 }

// shapeFault says what is wrong with the form of a keyword's value, or "".
func shapeFault(kw *keyword, v *syntax.Node, d Dialect) string {
	why := ""
	faults(kw, v, d, func(f formFault) {
		if why == "" && !f.advice {
			why = f.message
		}
	})
	return why
}

// formFault is something wrong with the form of a keyword's value.
type formFault struct {
	node    *syntax.Node
	message string
	fix     *diag.Fix
	advice  bool // the specification asks for it, its meta-schema does not insist
}

// form reports the faults of a keyword's value.
func (c *checker) form(k int, v *syntax.Node, d Dialect) {
	kw := &keywords[k]
	faults(kw, v, d, func(f formFault) {
		if f.advice && c.formOnly {
			return
		}
		c.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: f.node.Span(), Pointer: f.node.Pointer(), Message: f.message, Fix: f.fix})
	})
	if c.formOnly {
		return
	}
	switch k {
	case kwPattern:
		if v.Kind == syntax.String {
			c.regex(v, v)
		}
	case kwPatternProperties:
		if v.Kind == syntax.Mapping {
			for _, item := range v.Items {
				c.regex(item.Key, item)
			}
		}
	}
}

// faults finds what is wrong with the form of a keyword's value.
func faults(kw *keyword, v *syntax.Node, d Dialect, found func(formFault)) {
	if v.Kind == syntax.Invalid {
		return
	}
	fault := func(n *syntax.Node, format string, args ...any) {
		found(formFault{node: n, message: fmt.Sprintf(format, args...)})
	}
	advice := func(n *syntax.Node, format string, args ...any) {
		found(formFault{node: n, message: fmt.Sprintf(format, args...), advice: true})
	}
	wrong := func(n *syntax.Node, want string) {
		fault(n, "%s is %s, but has to be %s", called(kw, n), kindOf(n), want)
	}
	switch kw.shape {
	case anything:
	case aString, aRegex:
		if v.Kind != syntax.String {
			hint := "a string"
			if v.Kind == syntax.Number || v.Kind == syntax.Bool {
				hint = "a string; put it in quotes"
			}
			wrong(v, hint)
		}
	case aURI, aURIReference, anAnchor:
		nameFaults(kw, v, d, wrong, fault, advice)
	case aBoolean:
		if v.Kind != syntax.Bool {
			wrong(v, "true or false")
		}
	case aNumber, aPositive:
		numberFaults(kw, v, wrong, fault)
	case aCount:
		dec, ok := parseDecimal(v.Value)
		switch {
		case v.Kind != syntax.Number || !ok:
			wrong(v, "a whole number, zero or more")
		case dec.sign() < 0:
			fault(v, "%s is %s, but a length cannot be negative; write zero or more", kw.name, clip(v.Value))
		case !dec.isInteger():
			fault(v, "%s is %s, but has to be a whole number", kw.name, clip(v.Value))
		}
	case aSchema, boolOrSchema:
		// whether the value is a schema is for the schema's own check to say
	case schemaList:
		switch {
		case v.Kind != syntax.Sequence:
			wrong(v, "a list of schemas")
		case len(v.Items) == 0:
			fault(v, "%s is empty, but has to list at least one schema; remove it, or add one", kw.name)
		}
	case schemaOrList:
		switch {
		case v.Kind != syntax.Sequence:
		case d == Draft2020:
			fault(v, "%s is a list, which it was until 2019-09; in %s write prefixItems for the first items, and items for the rest", kw.name, d.inText())
		case d == OpenAPI30:
			fault(v, "%s is a list, but has to be one schema in %s", kw.name, d.inText())
		case len(v.Items) == 0:
			fault(v, "%s is an empty list, but has to list at least one schema; remove it, or write a schema", kw.name)
		}
	case schemaMap:
		if v.Kind != syntax.Mapping {
			wrong(v, "an object of schemas by name")
		}
	case schemaOrNames, namesOfName:
		if v.Kind != syntax.Mapping {
			wrong(v, "an object whose members are property names")
			return
		}
		for _, item := range v.Items {
			if item.Kind == syntax.Sequence {
				nameListFaults(kw, item, d, fault)
			} else if kw.shape == namesOfName && item.Kind != syntax.Invalid {
				wrong(item, "a list of property names")
			}
		}
	case nameList:
		if v.Kind == syntax.Bool {
			fault(v, "%s is %s, but has to be a list of property names, written on the object that has the properties", kw.name, v.Value)
		} else if v.Kind != syntax.Sequence {
			wrong(v, "a list of property names")
		} else {
			nameListFaults(kw, v, d, fault)
		}
	case typeNames:
		typeFaults(kw, v, d, found)
	case aList:
		if v.Kind != syntax.Sequence {
			wrong(v, "a list")
		}
	case aValueList:
		if v.Kind != syntax.Sequence {
			wrong(v, "a list of values")
			return
		}
		if len(v.Items) == 0 && strictEnums(d) {
			fault(v, "%s is empty, but has to list at least one value", kw.name)
		}
		if i, j, twice := firstRepeated(v.Items); twice {
			message := "%s lists %s twice; remove one (it stands at %d and at %d)"
			if strictEnums(d) {
				fault(v.Items[j], message, kw.name, describe(v.Items[j]), i+1, j+1)
			} else {
				advice(v.Items[j], message, kw.name, describe(v.Items[j]), i+1, j+1)
			}
		}
	case anObject:
		if v.Kind != syntax.Mapping {
			wrong(v, "an object")
		}
	case booleansByName:
		if v.Kind != syntax.Mapping {
			wrong(v, "an object of true and false by URI")
			return
		}
		for _, item := range v.Items {
			if item.Kind != syntax.Bool && item.Kind != syntax.Invalid {
				wrong(item, "true or false")
			}
		}
	case exclusive:
		exclusiveFaults(kw, v, d, wrong, fault)
	case aDiscriminator:
		switch {
		case d == AsyncAPI && v.Kind == syntax.Mapping:
			fault(v, "discriminator is an object, as in OpenAPI, but has to be a string; write the name of the property that tells the types apart")
		case d == AsyncAPI && v.Kind != syntax.String:
			wrong(v, "a string: the name of the property that tells the types apart")
		case d == OpenAPI30 && !v.Get("propertyName").Is(syntax.String):
			fault(v, "discriminator is %s, but has to be an object with a propertyName", kindOf(v))
		}
	}
}

// nameFaults checks $schema, $id, $ref and the anchors.
func nameFaults(kw *keyword, v *syntax.Node, d Dialect, wrong func(*syntax.Node, string), fault, advice func(*syntax.Node, string, ...any)) {
	if v.Kind != syntax.String {
		wrong(v, "a string")
		return
	}
	switch {
	case kw.shape == anAnchor:
		if !isAnchor(v.Value, d) {
			fault(v, "%s %s is no plain name; begin with a letter, then letters, digits, '-', '_' and '.'", kw.name, quote(v.Value))
		}
	case kw.shape == aURI:
		if !isIRI(v.Value) {
			advice(v, "%s %s is no URI with a scheme; write the address of a meta-schema, such as http://json-schema.org/draft-07/schema#", kw.name, quote(v.Value))
		}
	case !isIRIReference(v.Value):
		advice(v, "%s %s is no URI reference (RFC 3986); percent-encode what is not allowed in one", kw.name, quote(v.Value))
	case kw.name == "$id" && (d == Draft2019 || d == Draft2020):
		if i := strings.IndexByte(v.Value, '#'); i >= 0 && i < len(v.Value)-1 {
			fault(v, "$id %s has a fragment, which names nothing in %s; write $anchor: %s beside it", quote(v.Value), d.inText(), v.Value[i+1:])
		}
	}
}

func isAnchor(s string, d Dialect) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isLetter(c) || c == '_' && (i > 0 || d == Draft2020):
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':' && d == Draft2019):
		default:
			return false
		}
	}
	return s != ""
}

func numberFaults(kw *keyword, v *syntax.Node, wrong func(*syntax.Node, string), fault func(*syntax.Node, string, ...any)) {
	dec, ok := parseDecimal(v.Value)
	switch {
	case v.Kind != syntax.Number || !ok:
		wrong(v, "a number")
	case kw.shape == aPositive && dec.sign() <= 0:
		fault(v, "%s is %s, but has to be more than zero", kw.name, clip(v.Value))
	}
}

func exclusiveFaults(kw *keyword, v *syntax.Node, d Dialect, wrong func(*syntax.Node, string), fault func(*syntax.Node, string, ...any)) {
	boolean := d == Draft4 || d == OpenAPI30
	bound := "minimum"
	if kw.name == "exclusiveMaximum" {
		bound = "maximum"
	}
	switch {
	case boolean && v.Kind == syntax.Number:
		fault(v, "%s is the number %s, but is true or false in %s; write %s: %s and %s: true", kw.name, clip(v.Value), d.inText(), bound, clip(v.Value), kw.name)
	case boolean && v.Kind != syntax.Bool:
		wrong(v, "true or false")
	case !boolean && v.Kind == syntax.Bool:
		fault(v, "%s is %s, as in draft-04, but is a number in %s; write %s with the bound itself in place of %s", kw.name, v.Value, d.inText(), kw.name, bound)
	case !boolean:
		numberFaults(kw, v, wrong, fault)
	}
}

// nameListFaults checks a list of property names.
func nameListFaults(kw *keyword, v *syntax.Node, d Dialect, fault func(*syntax.Node, string, ...any)) {
	if len(v.Items) == 0 && strictLists(d) {
		fault(v, "%s is empty, but has to name at least one property in %s; remove it", called(kw, v), d.inText())
	}
	seen := make(map[string]bool, len(v.Items))
	for _, item := range v.Items {
		switch {
		case item.Kind == syntax.Invalid:
		case item.Kind != syntax.String:
			fault(item, "%s in %s is %s, but has to be the name of a property; put it in quotes", describe(item), called(kw, v), kindOf(item))
		case seen[item.Value]:
			fault(item, "%s names %s twice; remove one", called(kw, v), quote(item.Value))
		default:
			seen[item.Value] = true
		}
	}
}

// typeFaults checks the names that type has.
func typeFaults(kw *keyword, v *syntax.Node, d Dialect, found func(formFault)) {
	name := func(n *syntax.Node) {
		if n.Kind == syntax.Invalid {
			return
		}
		f := formFault{node: n}
		switch {
		case n.Kind == syntax.Null && d != OpenAPI30:
			f.message = `type is null, but has to be a string; write "null" in quotes`
			f.fix = &diag.Fix{Title: `put null in quotes`, Safe: true, Edits: []diag.Edit{{Span: n.Span(), NewText: `"null"`}}}
		case n.Kind != syntax.String:
			f.message = fmt.Sprintf("type is %s, but has to be the name of a type: %s", kindOf(n), orList(typesOf(d)))
		case typeNamed(n.Value) == 0 || d == OpenAPI30 && n.Value == "null":
			f.message, f.fix = unknownType(n, d)
		default:
			return
		}
		found(f)
	}
	if v.Kind != syntax.Sequence {
		name(v)
		return
	}
	if d == OpenAPI30 {
		found(formFault{node: v, message: "type is a list, but is one name in " + d.inText() + "; write nullable: true for null, and anyOf for other alternatives"})
		return
	}
	if len(v.Items) == 0 {
		found(formFault{node: v, message: "type is an empty list, which no value satisfies; name at least one type"})
	}
	seen := make(map[string]bool, len(v.Items))
	for _, item := range v.Items {
		name(item)
		if item.Kind == syntax.String && seen[item.Value] {
			found(formFault{node: item, message: fmt.Sprintf("type names %s twice; remove one", quote(item.Value))})
		}
		seen[item.Value] = true
	}
}

func typesOf(d Dialect) []string {
	types := []string{"string", "number", "integer", "boolean", "array", "object", "null"}
	if d == OpenAPI30 {
		return types[:6]
	}
	return types
}

// unknownType says which type was meant: the nearest name, or what other
// languages call it.
func unknownType(n *syntax.Node, d Dialect) (string, *diag.Fix) {
	types := typesOf(d)
	meant, hint := "", ""
	switch strings.ToLower(n.Value) {
	case "int", "long", "int32", "int64", "short", "byte", "uint":
		meant = "integer"
	case "float", "double", "decimal":
		meant = "number"
	case "str", "text", "char":
		meant = "string"
	case "bool":
		meant = "boolean"
	case "list", "set", "tuple":
		meant = "array"
	case "dict", "map", "hash", "record", "struct":
		meant = "object"
	case "none", "nil":
		meant = "null"
	case "date", "time", "datetime", "date-time", "timestamp", "uuid", "uri", "url", "email":
		format := strings.ToLower(n.Value)
		switch format {
		case "datetime", "timestamp":
			format = "date-time"
		case "url":
			format = "uri"
		}
		hint = "write type: string and format: " + format
	case "any":
		hint = "remove it: without type every value is allowed"
	case "null":
		hint = "write nullable: true"
	default:
		if near, ok := diag.Nearest(n.Value, types); ok {
			meant = near
		}
	}
	switch {
	case hint != "":
		return fmt.Sprintf("%s is no type; %s", quote(n.Value), hint), nil
	case meant == "":
		return fmt.Sprintf("%s is no type; write %s", quote(n.Value), orList(types)), nil
	}
	return fmt.Sprintf("%s is no type; did you mean %q?", quote(n.Value), meant), replaceText(n, meant, true)
}

// replaceText is the fix that writes another text in the place of a string or
// key, quoted as it was.
func replaceText(n *syntax.Node, text string, safe bool) *diag.Fix {
	title := fmt.Sprintf("replace %s with %s", clip(n.Value), text)
	switch n.Style {
	case syntax.SingleQuoted:
		text = "'" + text + "'"
	case syntax.DoubleQuoted:
		text = `"` + text + `"`
	case syntax.Plain:
	default:
		return nil
	}
	if n.Alias != nil {
		return nil // the text belongs to every place that uses the anchor
	}
	return &diag.Fix{Title: title, Safe: safe, Edits: []diag.Edit{{Span: n.Span(), NewText: text}}}
}

// loneExclusive finds exclusiveMinimum without the bound that it belongs to,
// which draft-04 demands.
func (c *checker) loneExclusive(n *syntax.Node) {
	for _, pair := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		if e := n.Get(pair[0]); e != nil && n.Get(pair[1]) == nil {
			c.find(RuleInvalid, diag.Error, e.KeySpan(), e, "%s says nothing without %s in draft-04; add %s, or remove it", pair[0], pair[1], pair[1])
		}
	}
}

// regex reports a pattern that ECMA-262 does not have. text is the string
// node or key that it is written in.
func (c *checker) regex(text, at *syntax.Node) {
	err := validPattern(text.Value)
	if err == nil {
		return
	}
	span := text.Span()
	// Where the pattern stands in the source as it is, point into it.
	var foreign *foreignConstruct
	if verbatim := strings.Index(span.Text(), text.Value); errors.As(err, &foreign) && verbatim >= 0 {
		span.End = span.Start + verbatim + min(foreign.end, len(text.Value))
		span.Start += verbatim + foreign.at
	}
	c.find(RuleRegex, diag.Error, span, at, "the pattern %s is not a regular expression of ECMA-262: %v", quoteRegex(text.Value), err)
}

// called names a value by its keyword, or by its place below it.
func called(kw *keyword, n *syntax.Node) string {
	if name := n.KeyName(); name != kw.name && name != "" {
		return kw.name + " of " + quote(name)
	}
	return kw.name
}

// kindOf says what a node is, with a scalar's text.
func kindOf(n *syntax.Node) string {
	switch n.Kind {
	case syntax.Number, syntax.Bool:
		return n.Kind.String() + " (" + clip(n.Value) + ")"
	case syntax.String:
		return "the string " + quote(n.Value)
	}
	return n.Kind.String()
}
