package check

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// checkSchemas runs package schema over the schemas of a document: what they
// say, and the defaults and examples in them.
func checkSchemas(doc *document.Document, c *schema.Compiler, report func(diag.Diagnostic)) {
	check := func(n *syntax.Node, d schema.Dialect) {
		var found []diag.Diagnostic
		schema.Check(n, d, doc.Schema, func(d diag.Diagnostic) {
			found = append(found, d)
			report(d)
		})
		schema.CheckValues(n, d, c, report)
		schema.CheckReach(n, d, c, found, report)
	}
	all := report
	for _, v := range doc.Schemas() {
		report = all
		if v.Partial { // what a trait requires, the message may define
			report = func(d diag.Diagnostic) {
				if d.Rule != schema.RuleRequiredUndefined {
					all(d)
				}
			}
		}
		check(v.Node, v.Dialect)
	}
	report = all
	if doc.Version.Major == 2 {
		for _, n := range parameterSchemas(doc.Written) {
			check(n, schema.AsyncAPI)
		}
	}
}

// parameterSchemas are the schemas of a 2.x document's parameters. The upgrade
// takes them apart, since a parameter of 3.x has no schema, so they are not
// among those of the document.
func parameterSchemas(root *syntax.Node) []*syntax.Node {
	var found []*syntax.Node
	collect := func(parameters *syntax.Node) {
		for _, parameter := range entries(parameters) {
			if n := parameter.Get("schema"); n != nil && !document.IsRef(n) {
				found = append(found, n)
			}
		}
	}
	for _, channels := range []*syntax.Node{root.Get("channels"), root.At("components", "channels")} {
		for _, channel := range entries(channels) {
			collect(channel.Get("parameters"))
		}
	}
	collect(root.At("components", "parameters"))
	return found
}

// entries are the values of a mapping; none where n is no mapping.
func entries(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return n.Items
}

// elements are the values of a sequence; none where n is no sequence.
func elements(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Sequence) {
		return nil
	}
	return n.Items
}

// checkDiscriminator holds discriminators to what the specification says of
// them: the property is defined in the schema, and required.
func checkDiscriminator(p *Pass) {
	mentioned := map[*diag.File]bool{}
	for _, v := range p.Doc.Schemas() {
		if v.Dialect != schema.AsyncAPI || v.Node.File == nil {
			continue
		}
		has, known := mentioned[v.Node.File]
		if !known {
			has = strings.Contains(v.Node.File.Text, "discriminator")
			mentioned[v.Node.File] = has
		}
		if has {
			p.discriminators(v.Node)
		}
	}
}

func (p *Pass) discriminators(n *syntax.Node) {
	if d := n.Get("discriminator"); d.Is(syntax.String) && !document.IsRef(n) {
		switch {
		case !p.everyValue(n, d.Value, definesProperty, map[*syntax.Node]bool{}):
			p.ReportValue(d, "the discriminator %q is no property of the schema; define it under properties", d.Value)
		case !p.everyValue(n, d.Value, requiresProperty, map[*syntax.Node]bool{}):
			p.ReportValue(d, "the discriminator %q is not required, so an event may leave open what it is; add it to required", d.Value)
		}
	}
	schema.Children(n, schema.AsyncAPI, func(_ string, sub *syntax.Node) { p.discriminators(sub) })
}

func definesProperty(n *syntax.Node, name string) bool { return n.Get("properties").Get(name) != nil }

func requiresProperty(n *syntax.Node, name string) bool {
	for _, required := range elements(n.Get("required")) {
		if required.Str() == name {
			return true
		}
	}
	return false
}

// everyValue reports whether a schema says something of every value: itself, by
// one of allOf, or by each of its alternatives. known holds the answers so far,
// and no for those being looked for, which ends circles.
func (p *Pass) everyValue(n *syntax.Node, name string, says func(*syntax.Node, string) bool, known map[*syntax.Node]bool) bool {
	n = p.Doc.Resolve(n)
	if n == nil {
		return false
	}
	if answer, asked := known[n]; asked {
		return answer
	}
	known[n] = says(n, name)
	if known[n] {
		return true
	}
	holds := func(branch *syntax.Node) bool { return p.everyValue(branch, name, says, known) }
	lacks := func(branch *syntax.Node) bool { return !holds(branch) }
	yes := slices.ContainsFunc(elements(n.Get("allOf")), holds)
	for _, keyword := range []string{"oneOf", "anyOf"} {
		branches := elements(n.Get(keyword))
		yes = yes || len(branches) > 0 && !slices.ContainsFunc(branches, lacks)
	}
	known[n] = yes
	return yes
}
