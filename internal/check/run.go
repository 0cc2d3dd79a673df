package check

import (
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Run applies every rule to a contract and returns what reading it found and
// what the rules found, sorted, less what the document itself ignores. The
// severities of s are applied; its ignores are not, since they are about all
// documents of a run: see Settings.Ignore.
func Run(c *contract.Contract, reading []diag.Diagnostic, o Options, s Settings) []diag.Diagnostic {
	found := append([]diag.Diagnostic(nil), reading...)
	if c.Document().Root.Is(syntax.Mapping) && c.Document().Version.Major != 0 {
		compiler := schema.NewCompiler(c.Document().Schema)
		checkSchemas(c.Document(), compiler, func(d diag.Diagnostic) { found = append(found, d) })
		for _, r := range Table() {
			if r.Check == nil || s.off(r.ID) {
				continue
			}
			p := &Pass{Contract: c, Doc: c.Document(), Options: o, rule: r, compiler: compiler}
			r.Check(p)
			for _, d := range p.found {
				found = append(found, *d)
			}
		}
	}
	return diag.Sort(superseded(s.apply(found, ignoresWritten(c.Document()), o.Now)))
}
