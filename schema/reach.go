package schema

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// CheckReach asks the solver about a schema and those in it: whether any value
// satisfies it (RuleContradiction, where Check has not said so already), whether
// each alternative of oneOf and anyOf is ever taken (RuleDeadBranch), whether two
// alternatives of oneOf share a value, which then fits neither (RuleOverlap,
// with the value), and whether a keyword refuses anything (RuleAlwaysTrue).
// Only schemas are asked that combine others, or whose keywords can hold for
// everything. It walks as Check does; found holds what Check reported.
func CheckReach(n *syntax.Node, d Dialect, c *Compiler, found []diag.Diagnostic, report func(diag.Diagnostic)) {
	if n == nil || !d.IsJSONSchema() {
		return
	}
	r := &reach{compiler: c, report: report}
	for _, f := range found {
		if f.Rule == RuleContradiction {
			r.said = append(r.said, f.Span)
		}
	}
	r.walk(n, d)
}

type reach struct {
	compiler *Compiler
	report   func(diag.Diagnostic)
	said     []diag.Span // of contradictions
}

func (c *reach) walk(n *syntax.Node, d Dialect) {
	if n.Kind != syntax.Mapping || d.ignoresRefSiblings() && n.Get("$ref").Is(syntax.String) {
		return
	}
	if s := n.Get("$schema"); s.Is(syntax.String) && d != AsyncAPI {
		if stated, ok := metaSchemaDialect(s.Value); ok {
			d = stated
		}
	}
	Children(n, d, func(_ string, sub *syntax.Node) { c.walk(sub, d) })
	if !asksSomething(n, d) {
		return
	}
	s, err := c.compiler.Compile(n, d)
	if err != nil {
		return // Check says why
	}
	q := &reachQuestion{reach: c, n: n, r: s.settled().rule}
	q.solver = newSolver(q.r)
	if q.impossible(q.solver.ofRule(q.r)) {
		if !q.alternatives("oneOf", q.r.oneOf) { // which says more
			q.unsatisfiable()
		}
		return
	}
	dead := q.alternatives("oneOf", q.r.oneOf)
	q.alternatives("anyOf", q.r.anyOf)
	if !dead {
		q.overlaps()
	}
	q.alwaysTrue()
}

// asksSomething reports whether the solver can tell more of a schema than its
// keywords by themselves.
func asksSomething(n *syntax.Node, d Dialect) bool {
	for _, item := range n.Items {
		switch k := lookup(item.Key.Value); k {
		case kwAllOf, kwAnyOf, kwOneOf, kwNot, kwIf, kwDependencies, kwDependentSchemas, kwContains, kwPropertyNames, kwMultipleOf:
			if keywords[k].in.has(d) {
				return true
			}
		case kwRef:
			if len(n.Items) > 1 {
				return true
			}
		case kwPattern:
			if mayMatchAll(item.Str()) {
				return true
			}
		}
	}
	return false
}

// mayMatchAll is false for most patterns that refuse something, at no cost: a
// pattern has to be made of nothing that stands for some characters only.
func mayMatchAll(pattern string) bool {
	return strings.Contains(pattern, "*") || strings.Contains(pattern, "|") || strings.Trim(pattern, "^$()?") == ""
}

type reachQuestion struct {
	*reach
	n      *syntax.Node
	r      *rule
	solver *solver
}

func (q *reachQuestion) impossible(fs ...*form) bool {
	return q.solver.solve(fs...).state == unsatisfiable
}

// unsatisfiable reports a schema that has no value, unless a part of it has
// none, which is reported itself.
func (q *reachQuestion) unsatisfiable() {
	if slices.ContainsFunc(q.said, func(s diag.Span) bool { return within(s, q.n) }) || q.partImpossible() {
		return
	}
	q.said = append(q.said, q.n.Span())
	q.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: q.n.KeySpan(), Pointer: q.n.Pointer(),
		Message: "no value satisfies this schema: its parts, each fine by itself, exclude each other; find the two that do, and correct one"})
}

func within(s diag.Span, n *syntax.Node) bool {
	return s.File == n.File && s.Start >= n.KeySpan().Start && s.End <= max(n.End, n.KeySpan().End)
}

// partImpossible reports whether a schema that this one refers to has no value
// by itself.
func (q *reachQuestion) partImpossible() bool {
	found := false
	r := *q.r
	r.each(func(sub *rule, k int, _ bool) *rule {
		if sub.verdict == byKeywords && k != kwNot && k != kwIf && !leadsTo(sub, q.r, map[*rule]bool{}) && q.impossible(q.solver.ofRule(sub)) {
			found = true
		}
		return sub
	})
	return found
}

// leadsTo reports whether a rule refers to another, directly or through others.
func leadsTo(r, to *rule, seen map[*rule]bool) bool {
	if r == to {
		return true
	}
	if seen[r] {
		return false
	}
	seen[r] = true
	found := false
	c := *r
	c.each(func(sub *rule, _ int, _ bool) *rule {
		found = found || leadsTo(sub, to, seen)
		return sub
	})
	return found
}

// rest is the rule without one of its keywords.
func (q *reachQuestion) rest(without func(r *rule)) *form {
	r := *q.r
	without(&r)
	return q.solver.ofRule(&r)
}

func (q *reachQuestion) branchNode(keyword string, i int) *syntax.Node {
	if branches := q.n.Get(keyword); branches.Is(syntax.Sequence) && i < len(branches.Items) {
		return branches.Items[i]
	}
	return q.n
}

// alternatives finds branches that no value takes. What a branch refuses by
// itself is reported there. The result is whether there was one.
func (q *reachQuestion) alternatives(keyword string, branches []*rule) bool {
	if len(branches) < 2 {
		return false
	}
	rest := q.rest(func(r *rule) {
		if keyword == "oneOf" {
			r.oneOf = nil
		} else {
			r.anyOf = nil
		}
	})
	dead := func(i int, why string) bool {
		at := q.branchNode(keyword, i)
		q.report(diag.Diagnostic{Rule: RuleDeadBranch, Severity: diag.Warning, Span: at.Span(), Pointer: at.Pointer(),
			Message: branchName(branches, i) + " of " + keyword + " is never taken: " + why})
		return true
	}
	found := false
	for i, b := range branches {
		taken := q.solver.ofRule(b)
		if b.verdict != byKeywords || q.impossible(taken) {
			continue
		}
		fits := q.solver.solve(rest, taken)
		if fits.state == unsatisfiable {
			found = dead(i, "what it asks for, the rest of this schema forbids; correct one of the two, or remove it")
			continue
		}
		if keyword == "anyOf" || found || fits.state != satisfied {
			continue
		}
		alone := []*form{rest, taken}
		for j, other := range branches {
			if j != i {
				alone = append(alone, q.solver.not(q.solver.ofRule(other)))
			}
		}
		if q.impossible(alone...) {
			found = dead(i, "every value that fits it, such as "+clip(string(AppendJSON(nil, fits.value)))+
				", fits another alternative too, and then oneOf refuses it; tell them apart by a constant, or write anyOf")
		}
	}
	return found
}

// maxOverlapBranches bounds how many alternatives are compared with each other.
const maxOverlapBranches = 48

// overlaps finds a value that two alternatives of oneOf accept.
func (q *reachQuestion) overlaps() {
	branches := q.r.oneOf
	if len(branches) > maxOverlapBranches {
		return
	}
	rest := q.rest(func(r *rule) { r.oneOf = nil })
	for i := range branches {
		for j := i + 1; j < len(branches); j++ {
			o := q.solver.solve(rest, q.solver.ofRule(branches[i]), q.solver.ofRule(branches[j]))
			if o.state != satisfied {
				continue
			}
			at := q.branchNode("oneOf", j)
			d := diag.Diagnostic{Rule: RuleOverlap, Severity: diag.Warning, Span: at.Span(), Pointer: at.Pointer(),
				Message: clip(string(AppendJSON(nil, o.value))) + " fits both " + branchName(branches, i) + " and " + branchName(branches, j) +
					", so oneOf refuses it; tell the two apart by a required property with a constant, or write anyOf"}
			if first := q.branchNode("oneOf", i); first != at {
				d.Related = []diag.Related{{Span: first.Span(), Message: "the other alternative"}}
			}
			q.report(d)
			return // one is enough to see what is wrong
		}
	}
}

// alwaysTrue finds keywords that refuse nothing.
func (q *reachQuestion) alwaysTrue() {
	for _, k := range singles(q.r) {
		switch k.keyword {
		case "pattern", "anyOf", "not", "multipleOf", "propertyNames", "contains":
		default:
			continue
		}
		only := *k.single
		only.types = q.r.types
		one := q.solver.ofRule(&only)
		typed := q.solver.ofRule(&rule{node: q.n, dialect: q.r.dialect, resource: q.r.resource, types: q.r.types})
		if !q.impossible(typed, q.solver.not(one)) {
			continue
		}
		at := q.n.Get(k.keyword)
		if at == nil {
			continue
		}
		q.report(diag.Diagnostic{Rule: RuleAlwaysTrue, Severity: diag.Warning, Span: at.KeySpan(), Pointer: at.Pointer(),
			Message: k.keyword + " refuses nothing: every value that gets here satisfies it; write what was meant, or remove it"})
	}
}
