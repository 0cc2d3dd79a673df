package schema

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// strange looks at a keyword that the dialect does not have: one of another
// dialect, or one that is nearly one of this dialect. Others are somebody's
// own annotations, which the specification allows.
func (c *checker) strange(n, item *syntax.Node, k int, d Dialect) {
	name := item.Key.Value
	if k != kwNone {
		if keywords[k].effect == asserts {
			c.find(RuleKeyword, diag.Warning, item.Key.Span(), item, "%q has no effect in %s%s", name, d.inText(), insteadOf(k, item, d))
		}
		return
	}
	if strings.HasPrefix(name, "x-") {
		return
	}
	var candidates []string
	for i := range keywords {
		kw := &keywords[i]
		// Words of three letters are near too many others.
		if kw.in.has(d) && n.Get(kw.name) == nil && (len(kw.name) > 3 || strings.EqualFold(kw.name, name)) {
			candidates = append(candidates, kw.name)
		}
	}
	near, ok := c.near(name, candidates)
	if !ok {
		return
	}
	c.report(diag.Diagnostic{Rule: RuleKeyword, Severity: diag.Warning, Span: item.Key.Span(), Pointer: item.Pointer(),
		Message: quote(name) + " is no keyword of " + d.inText() + " and has no effect; did you mean " + quote(near) + "?",
		Fix:     replaceText(item.Key, near, false)})
}

// format looks at the name of a format that no specification defines, and that
// is nearly one. Others are an organisation's own.
func (c *checker) format(item *syntax.Node, d Dialect) {
	if !item.Is(syntax.String) || formatNamed(item.Value, Draft2020) != nil {
		return
	}
	known := []string{"date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference",
		"iri", "iri-reference", "uri-template", "uuid", "json-pointer", "relative-json-pointer", "regex",
		"int32", "int64", "float", "double", "byte", "binary", "password"}
	if slices.Contains(known, item.Value) {
		return
	}
	if near, ok := c.near(item.Value, known[:19]); ok {
		c.report(diag.Diagnostic{Rule: RuleKeyword, Severity: diag.Warning, Span: item.Span(), Pointer: item.Pointer(),
			Message: "format " + quote(item.Value) + " is none that " + d.inText() + " defines, so it checks nothing; did you mean " + quote(near) + "?",
			Fix:     replaceText(item, near, false)})
	}
}

// insteadOf says how a dialect writes what a keyword of another one says.
func insteadOf(k int, item *syntax.Node, d Dialect) string {
	old := d == Draft4 || d == OpenAPI30
	switch k {
	case kwNullable:
		return `; write the type as a list with "null" in it, such as type: [string, "null"]`
	case kwExample:
		if d == Draft4 {
			return "; draft-04 has no examples, so put it into the description"
		}
		return "; write examples, with a list"
	case kwID:
		if d == Draft4 {
			return "; write id"
		}
	case kwID4:
		if d != OpenAPI30 {
			return "; write $id"
		}
	case kwConst:
		return "; write enum with a single value"
	case kwPrefixItems:
		if d != OpenAPI30 {
			return "; write items as a list of schemas"
		}
	case kwAdditionalItems:
		if d == Draft2020 {
			return "; write items, which is for those after prefixItems"
		}
	case kwDependentRequired, kwDependentSchemas:
		if d != OpenAPI30 {
			return "; write dependencies"
		}
	case kwUnevaluatedProperties:
		return "; write additionalProperties on the schema that lists all properties"
	case kwUnevaluatedItems:
		return "; write additionalItems beside a list of items"
	case kwAnchor:
		if d != OpenAPI30 {
			return "; write " + d.idKeyword() + `: "#` + clip(item.Str()) + `"`
		}
	case kwRecursiveRef, kwDynamicRef:
		switch d {
		case Draft2019:
			return "; write $recursiveRef"
		case Draft2020:
			return "; write $dynamicRef"
		}
		return "; write $ref"
	case kwIf, kwThen, kwElse:
		if old || d == Draft6 {
			return "; write the alternatives as anyOf"
		}
	case kwPatternProperties, kwPropertyNames:
		if d == OpenAPI30 {
			return "; write additionalProperties, which cannot tell names apart"
		}
	}
	return "; remove it"
}
