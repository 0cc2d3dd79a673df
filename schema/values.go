package schema

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// CheckValues holds the values that a schema carries against it: default,
// examples, and example where the dialect has it. It walks as Check does. A
// schema is compiled only where it carries a value; one that does not compile
// is passed over, since Check says why.
func CheckValues(n *syntax.Node, d Dialect, c *Compiler, report func(diag.Diagnostic)) {
	if n == nil || !d.IsJSONSchema() || n.Kind != syntax.Mapping {
		return
	}
	if s := n.Get("$schema"); s.Is(syntax.String) && d != AsyncAPI {
		if stated, ok := metaSchemaDialect(s.Value); ok {
			d = stated
		}
	}
	if d.ignoresRefSiblings() && n.Get("$ref").Is(syntax.String) {
		return
	}
	if v := n.Get("default"); v != nil {
		checkValue(n, v, d, c, RuleDefault, "the default", report)
	}
	if v := n.Get("examples"); v.Is(syntax.Sequence) && keywords[kwExamples].in.has(d) {
		for _, example := range v.Items {
			checkValue(n, example, d, c, RuleExample, "the example", report)
		}
	}
	if v := n.Get("example"); v != nil && keywords[kwExample].in.has(d) {
		checkValue(n, v, d, c, RuleExample, "the example", report)
	}
	Children(n, d, func(_ string, sub *syntax.Node) { CheckValues(sub, d, c, report) })
}

func checkValue(schema, value *syntax.Node, d Dialect, c *Compiler, rule, what string, report func(diag.Diagnostic)) {
	s, err := c.Compile(schema, d)
	if err != nil {
		return
	}
	for _, p := range s.Validate(value) {
		message := what + " is not valid: " + p.Message
		if p.Instance != "" {
			message = what + " is not valid at " + p.Instance + ": " + p.Message
		}
		report(diag.Diagnostic{Rule: rule, Severity: diag.Error, Message: message, Span: p.Span(), Pointer: p.Node.Pointer(),
			Related: []diag.Related{{Span: p.Schema, Message: "what the schema demands"}}})
	}
}
