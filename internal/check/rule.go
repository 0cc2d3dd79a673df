// Package check holds the rule table: what treaty finds fault with, why, and
// an example of each. A rule is a value in the table of its family; its
// example is the file of its id under examples/.
package check

import (
	"fmt"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Family groups rules by what they are about.
type Family string

// The families, in the order of the table.
const (
	Specification Family = "specification"
	Meaning       Family = "meaning"
	Events        Family = "events"
	Delivery      Family = "delivery"
	Documentation Family = "documentation"
	Compatibility Family = "compatibility"
)

// Rule is one check with its documentation.
type Rule struct {
	ID       string
	Title    string // one line, no full stop
	Family   Family
	Severity diag.Severity
	Since    string // the version of treaty that brought it
	Reason   string // why it matters and what to do, a paragraph or two
	// Check finds the faults. It is nil for rules that are found while a
	// document is read: syntax, structure, references, schemas.
	Check func(p *Pass)
	// Compare finds the changes from one contract to another, for rules of the
	// family Compatibility. Advice is what makes such a change safe, a line each.
	Compare func(x *comparer)
	Advice  []string
}

// Table returns every rule, family by family, in a fixed order.
func Table() []*Rule {
	var all []*Rule
	for _, family := range [][]*Rule{readingRules, specificationRules, meaningRules, eventRules, eventFileRules, deliveryRules, documentationRules, compatibilityRules()} {
		all = append(all, family...)
	}
	return all
}

// Named returns the rule of an id, nil where there is none.
func Named(id string) *Rule {
	for _, r := range Table() {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Options are what a user may set about the rules themselves.
type Options struct {
	// Now is the day that until dates are compared with.
	Now time.Time
	// AllowTypes are event types that need not be named as facts. A * stands
	// for any text.
	AllowTypes []string
}

// Pass is one rule looking at one contract.
type Pass struct {
	Contract *contract.Contract
	Doc      *document.Document
	Options  Options

	rule     *Rule
	compiler *schema.Compiler // of the document's schemas, shared by the rules of a run
	found    []*diag.Diagnostic
}

// Report finds fault with a node, at its key where it has one. The rule may
// add a fix and related places to what is returned.
func (p *Pass) Report(n *syntax.Node, format string, args ...any) *diag.Diagnostic {
	return p.ReportAt(n.KeySpan(), n, format, args...)
}

// ReportValue finds fault with a node's value.
func (p *Pass) ReportValue(n *syntax.Node, format string, args ...any) *diag.Diagnostic {
	return p.ReportAt(n.Span(), n, format, args...)
}

// ReportAt finds fault with a node at a span.
func (p *Pass) ReportAt(span diag.Span, n *syntax.Node, format string, args ...any) *diag.Diagnostic {
	d := &diag.Diagnostic{Rule: p.rule.ID, Severity: p.rule.Severity, Span: span, Pointer: n.Pointer(), Message: fmt.Sprintf(format, args...)}
	p.found = append(p.found, d)
	return d
}
