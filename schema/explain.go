package schema

import (
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// explainBranches says why none of some alternatives accepts a value. What
// helps is the alternative that the author meant: the one a discriminator or a
// constant member names, else the one of the right type, else the one with the
// fewest faults.
func (v *validation) explainBranches(r *rule, keyword string, branches []*rule, n *syntax.Node) bool {
	if !v.explaining {
		return false
	}
	if v.steps > explainSteps {
		return v.fault(r, keyword, n, func() string {
			return describe(n) + " fits none of the " + strconv.Itoa(len(branches)) + " alternatives"
		})
	}
	faults := make([][]Problem, len(branches))
	before := len(v.problems)
	for i, b := range branches {
		v.check(b, n, nil)
		faults[i] = append([]Problem(nil), v.problems[before:]...)
		v.problems = v.problems[:before]
	}
	if i := v.meant(r, branches, faults, n); i >= 0 {
		v.problems = append(v.problems, faults[i]...)
		return false
	}
	here := pathPointer(v.path)
	if p, ok := summary(faults, here); ok {
		p.Keyword = keyword
		p.Schema, p.SchemaPointer = keywordSpan(r.node, keyword)
		v.problems = append(v.problems, p)
		return false
	}
	closest := 0
	for i := range faults {
		if cost(faults[i], here) < cost(faults[closest], here) {
			closest = i
		}
	}
	first := faults[closest][0]
	return v.fault(r, keyword, n, func() string {
		place := ""
		if rest := strings.TrimPrefix(first.Instance, here); rest != "" {
			place = " at " + rest
		}
		return describe(n) + " fits none of the " + strconv.Itoa(len(branches)) + " alternatives; closest is " +
			branchName(branches, closest) + ", where" + place + " " + first.Message
	})
}

// meant is the alternative that a value was written for, -1 where nothing
// tells.
func (v *validation) meant(r *rule, branches []*rule, faults [][]Problem, n *syntax.Node) int {
	if len(branches) == 1 {
		return 0
	}
	if i := discriminated(r, branches, n); i >= 0 {
		return i
	}
	here := pathPointer(v.path)
	// Alternatives that a tag rules out, or the type of the value.
	left := -1
	for i := range branches {
		if wrongKind(faults[i], here) {
			continue
		}
		if left >= 0 {
			return -1
		}
		left = i
	}
	return left
}

// discriminated follows discriminator, of AsyncAPI (a property's name) or
// OpenAPI (propertyName and mapping): the property's value names the schema.
func discriminated(r *rule, branches []*rule, n *syntax.Node) int {
	d := r.node.Get("discriminator")
	property := d.Str()
	if d.Is(syntax.Mapping) {
		property = d.Get("propertyName").Str()
	}
	tag := n.Get(property).Str()
	if property == "" || tag == "" {
		return -1
	}
	if mapped := d.Get("mapping").Get(tag).Str(); mapped != "" {
		tag = mapped
	}
	for i, b := range branches {
		ref := b.node.Get("$ref").Str()
		if ref != "" && (ref == tag || strings.HasSuffix(ref, "/"+tag)) {
			return i
		}
	}
	return -1
}

// wrongKind reports whether the faults say that the value is of another kind
// altogether: another type, or another constant in the place of a tag.
func wrongKind(faults []Problem, here string) bool {
	for _, p := range faults {
		rest := strings.TrimPrefix(p.Instance, here)
		switch p.Keyword {
		case "type", "":
			if rest == "" {
				return true
			}
		case "const":
			if strings.Count(rest, "/") <= 1 {
				return true
			}
		case "enum":
			if strings.Count(rest, "/") <= 1 && p.Node.Is(syntax.String) {
				return true
			}
		}
	}
	return false
}

// cost ranks how far a value is from an alternative.
func cost(faults []Problem, here string) int {
	c := len(faults)
	if wrongKind(faults, here) {
		c += 1000
	}
	return c
}

// summary puts alternatives that differ in type or in a constant into one
// sentence: "5 is a number, but has to be a string or null". The constants may
// be those of a member that tells the alternatives apart.
func summary(faults [][]Problem, here string) (Problem, bool) {
	for _, first := range faults[0] {
		if first.types == 0 && first.values == nil || strings.Count(strings.TrimPrefix(first.Instance, here), "/") > 1 {
			continue
		}
		p, all := first, true
		for _, fs := range faults[1:] {
			same := false
			for _, f := range fs {
				if f.Instance == p.Instance && (f.types != 0) == (p.types != 0) && (f.values != nil) == (p.values != nil) {
					p.types |= f.types
					p.values = append(p.values[:len(p.values):len(p.values)], f.values...)
					same = true
					break
				}
			}
			all = all && same
		}
		if !all {
			continue
		}
		if p.types != 0 {
			p.Message = typeMessage(p.Node, p.types)
		} else {
			p.Message = enumMessage(p.Node, p.values)
		}
		return p, true
	}
	return Problem{}, false
}

func typeMessage(n *syntax.Node, types typeSet) string { return mismatch(n, withArticle(types)) }

// mismatch says that a value is of another type than it has to be.
func mismatch(n *syntax.Node, want string) string {
	switch n.Kind {
	case syntax.Null, syntax.Sequence, syntax.Mapping:
		return "there is " + n.Kind.String() + ", but it has to be " + want
	}
	return describe(n) + " is " + n.Kind.String() + ", but has to be " + want
}

// branchName is what people call an alternative: its title, the name that its
// $ref ends in, or its number.
func branchName(branches []*rule, i int) string {
	b := branches[i]
	if title := b.node.Get("title").Str(); title != "" {
		return quote(title)
	}
	if ref := b.node.Get("$ref").Str(); ref != "" {
		return quote(ref[strings.LastIndexAny(ref, "/#")+1:])
	}
	return "alternative " + strconv.Itoa(i+1)
}

// unexpected says that an object may not have a property, and which was meant.
func (v *validation) unexpected(r *rule, n *syntax.Node, name string) string {
	var free []string
	for _, known := range v.declared(r) {
		if n.Get(known) == nil {
			free = append(free, known)
		}
	}
	if near, ok := diag.Nearest(name, free); ok {
		return "property " + quote(name) + " is not allowed here; did you mean " + quote(near) + "?"
	}
	return "property " + quote(name) + " is not allowed here; remove it, or declare it in the schema"
}

// missing says that a property is not there, and what stands in its place.
func (v *validation) missing(r *rule, n *syntax.Node, name, why string) string {
	declared := map[string]bool{}
	for _, d := range v.declared(r) {
		declared[d] = true
	}
	var strays []string
	for _, item := range n.Items {
		if !declared[item.Key.Value] {
			strays = append(strays, item.Key.Value)
		}
	}
	if near, ok := diag.Nearest(name, strays); ok {
		return "property " + quote(name) + " " + why + "; there is " + quote(near) + " instead, so rename it"
	}
	return "property " + quote(name) + " " + why + "; add it"
}

// declared lists the properties that the schemas being applied to this value
// define.
func (v *validation) declared(r *rule) []string {
	var names []string
	if len(v.stack) == 0 {
		return names
	}
	n := v.stack[len(v.stack)-1].instance
	for i := len(v.stack) - 1; i >= 0 && v.stack[i].instance == n; i-- {
		names = appendDeclared(names, v.stack[i].rule, 0)
	}
	return names
}

func appendDeclared(names []string, r *rule, depth int) []string {
	if r == nil || depth > 8 {
		return names
	}
	if r.object != nil {
		for _, p := range items(r.node.Get("properties")) {
			names = append(names, p.Key.Value)
		}
	}
	names = appendDeclared(names, r.ref, depth+1)
	for _, list := range [][]*rule{r.allOf, r.anyOf, r.oneOf} {
		for _, sub := range list {
			names = appendDeclared(names, sub, depth+1)
		}
	}
	return names
}

func enumMessage(n *syntax.Node, values []*syntax.Node) string {
	var shown []string
	var texts []string
	for _, v := range values {
		shown = append(shown, literal(v))
		if v.Kind == syntax.String {
			texts = append(texts, v.Value)
		}
	}
	if n.Kind == syntax.String {
		if near, ok := diag.Nearest(n.Value, texts); ok {
			return describe(n) + " is not one of the values allowed; did you mean " + quote(near) + "?"
		}
	}
	switch {
	case len(shown) == 0:
		return describe(n) + " is not allowed: the schema's enum is empty"
	case len(shown) == 1:
		return describe(n) + " has to be " + shown[0]
	case len(shown) > 12:
		shown = append(shown[:11], strconv.Itoa(len(shown)-11)+" others")
	}
	return describe(n) + " has to be " + orList(shown)
}

// literal writes a value of a schema as JSON, shortened.
func literal(n *syntax.Node) string {
	switch n.Kind {
	case syntax.String:
		return quote(n.Value)
	case syntax.Null:
		return "null"
	case syntax.Sequence, syntax.Mapping:
		return clip(string(appendJSON(nil, n)))
	}
	return clip(n.Value)
}

// appendJSON writes a value as JSON, numbers as they stand.
func appendJSON(buf []byte, n *syntax.Node) []byte {
	switch n.Kind {
	case syntax.Null:
		return append(buf, "null"...)
	case syntax.String:
		return strconv.AppendQuote(buf, n.Value)
	case syntax.Sequence:
		buf = append(buf, '[')
		for i, item := range n.Items {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = appendJSON(buf, item)
		}
		return append(buf, ']')
	case syntax.Mapping:
		buf = append(buf, '{')
		for i, item := range n.Items {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = append(strconv.AppendQuote(buf, item.Key.Value), ':')
			buf = appendJSON(buf, item)
		}
		return append(buf, '}')
	}
	return append(buf, n.Value...)
}

// withArticle names types as a person would: "a string or null".
func withArticle(t typeSet) string {
	var words []string
	for _, w := range []struct {
		t    typeSet
		word string
	}{{typeString, "a string"}, {typeNumber, "a number"}, {typeInteger, "an integer"}, {typeBoolean, "true or false"},
		{typeArray, "a list"}, {typeObject, "an object"}, {typeNull, "null"}} {
		if t&w.t == w.t {
			words = append(words, w.word)
			t &^= w.t
		}
	}
	return orList(words)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return strconv.Itoa(n) + " " + stem + "ies"
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// quoteRegex shows a pattern as it is, since escaping it twice makes it hard
// to read.
func quoteRegex(p string) string { return "/" + clip(p) + "/" }

// formatPhrase names a format in a sentence.
func formatPhrase(format string) string {
	switch format {
	case "date-time":
		return "a date-time such as 2026-01-31T12:00:00Z (RFC 3339)"
	case "date":
		return "a date such as 2026-01-31 (RFC 3339)"
	case "time":
		return "a time such as 12:00:00Z (RFC 3339)"
	case "duration":
		return "a duration such as P7D or PT1S (ISO 8601)"
	case "email", "idn-email":
		return "an email address such as team@example.com"
	case "hostname", "idn-hostname":
		return "a host name such as api.example.com"
	case "ipv4":
		return "an IPv4 address such as 192.0.2.1"
	case "ipv6":
		return "an IPv6 address such as 2001:db8::1"
	case "uri", "iri":
		return "an absolute URI such as https://example.com/orders"
	case "uri-reference", "iri-reference":
		return "a URI or a relative reference"
	case "uri-template":
		return "a URI template such as /orders/{id} (RFC 6570)"
	case "uuid":
		return "a UUID such as 123e4567-e89b-12d3-a456-426614174000"
	case "json-pointer":
		return "a JSON Pointer such as /orders/0 (RFC 6901)"
	case "relative-json-pointer":
		return "a relative JSON Pointer such as 1/name"
	case "regex":
		return "a regular expression of ECMA-262"
	}
	return "of the format " + quote(format)
}

// items are the items of a node that may be absent.
func items(n *syntax.Node) []*syntax.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// describe says what a node is, with a scalar's text.
func describe(n *syntax.Node) string {
	switch n.Kind {
	case syntax.String:
		return quote(n.Value)
	case syntax.Number, syntax.Bool:
		return clip(n.Value)
	}
	return n.Kind.String()
}

func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	cut := 57
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

func quote(s string) string { return strconv.Quote(clip(s)) }

// orList joins words for a message: a, b or c.
func orList(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// keywordSpan is where a keyword of a schema is written, the schema where it
// has none.
func keywordSpan(schema *syntax.Node, keyword string) (diag.Span, string) {
	if k := schema.Get(keyword); k != nil && keyword != "" {
		return k.KeySpan(), k.Pointer()
	}
	return schema.Span(), schema.Pointer()
}
