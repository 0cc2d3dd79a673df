package document

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// checkFragment walks a node as a t by itself, outside any document: for tests
// of the tables.
func checkFragment(n *syntax.Node, t *Type, v Version) []diag.Diagnostic {
	root3()
	root2()
	var found []diag.Diagnostic
	d := &Document{Name: n.File.Name, Written: n.Root(), Root: n.Root(), Version: v, options: Options{RefDepth: DefaultRefDepth},
		files: map[string]*file{}, nodes: map[*diag.File]*file{}, targets: map[*syntax.Node]target{}, chains: map[*syntax.Node]int{}}
	w := &Walk{doc: d, minor: v.Minor, dialect: schema.AsyncAPI, kinds: map[*syntax.Node]*Object{}, wants: map[*syntax.Node]*Object{},
		report: func(x diag.Diagnostic) { found = append(found, x) }}
	w.value(n, t)
	return found
}
