package check

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// newCompiler returns a compiler for the schemas of a document.
func newCompiler(doc *document.Document) *schema.Compiler {
	return schema.NewCompiler(resolver(doc))
}

// resolver finds the schema that a reference of the document leads to. A
// reference may name a Multi Format Schema Object, and means the schema in it.
func resolver(doc *document.Document) schema.Resolver {
	return func(ref *syntax.Node) *syntax.Node {
		to := doc.Target(ref)
		if document.IsRef(to) && doc.Resolve(to) == nil {
			return nil // round in a circle, or nowhere
		}
		if to.Get("schemaFormat") != nil {
			if inner := to.Get("schema"); inner != nil {
				return inner
			}
		}
		return to
	}
}

// checkSchemas runs package schema over the schemas of a document: what they
// say, and the defaults and examples in them.
func checkSchemas(doc *document.Document, c *schema.Compiler, report func(diag.Diagnostic)) {
	resolve := resolver(doc)
	check := func(n *syntax.Node, d schema.Dialect) {
		schema.Check(n, d, resolve, report)
		schema.CheckValues(n, d, c, report)
	}
	for _, v := range doc.Schemas() {
		check(v.Node, v.Dialect)
	}
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
