package check

import (
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Run applies every rule to a contract and returns what reading it found and
// what the rules found, sorted, less what the document itself ignores. The
// severities of s are applied; its ignores are not, since they are about all
// documents of a run: see Settings.Ignore.
func Run(c *contract.Contract, reading []diag.Diagnostic, o Options, s Settings) []diag.Diagnostic {
	found := append([]diag.Diagnostic(nil), reading...)
	if c.Document().Root.Is(syntax.Mapping) && c.Document().Version.Major != 0 {
		compiler := newCompiler(c.Document())
		checkSchemas(c.Document(), compiler, func(d diag.Diagnostic) { found = append(found, d) })
		for _, r := range Table() {
			if r.Check == nil || s.off(r.ID) {
				continue
			}
			p := &Pass{Contract: c, Doc: c.Document(), Options: o, rule: r, compiler: compiler}
			r.Check(p)
			for _, d := range p.found {
				if root := c.Document().Written; root != c.Document().Root && d.Span.File == root.File {
					d.Pointer = pointerTo(root, d.Span) // that of the upgraded tree names no place in the file
				}
				found = append(found, *d)
			}
		}
	}
	return diag.Sort(superseded(s.apply(found, ignoresWritten(c.Document()), o.Now)))
}

// pointerTo is the JSON Pointer of the smallest node below n that was written
// around a span, with its key.
func pointerTo(n *syntax.Node, at diag.Span) string {
	for next := n; next != nil; {
		n, next = next, nil
		for _, item := range n.Items {
			start, end := item.Start, item.End
			if item.Key != nil {
				start, end = min(start, item.Key.Start), max(end, item.Key.End)
			}
			if start <= at.Start && at.End <= end {
				next = item
				break
			}
		}
	}
	return n.Pointer()
}
