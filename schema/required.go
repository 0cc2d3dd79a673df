package schema

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// requiredUndefined finds required properties that nothing defines. Which
// schemas apply to the same object is a matter of the whole composition: a
// branch of anyOf may require what the schema around it defines, and the other
// way round. So the names are looked for from the outermost schema that applies
// to the value; where some of it is out of sight, nothing is said.
func (c *checker) requiredUndefined(at *scope) {
	required := at.node.Get("required")
	if !required.Is(syntax.Sequence) || len(required.Items) == 0 {
		return
	}
	if at.dialect.ignoresRefSiblings() && at.node.Get("$ref").Is(syntax.String) {
		return
	}
	top := at
	for s := at; s != nil; s = s.outer {
		if s.keyword == "not" {
			return // to require what is not defined, and negate it, forbids it
		}
		top = s
	}
	known := c.defined(top.node)
	if known.open || len(known.names) == 0 {
		return
	}
	for _, name := range required.Items {
		if name.Kind != syntax.String || known.has[name.Value] || c.matchesAny(known.patterns, name.Value) {
			continue
		}
		if closed := at.node.Get("additionalProperties"); closed.Is(syntax.Bool) && !closed.IsTrue() {
			continue // a contradiction, reported as one
		}
		d := diag.Diagnostic{Rule: RuleRequiredUndefined, Severity: diag.Warning, Span: name.Span(), Pointer: name.Pointer(),
			Message: quote(name.Value) + " is required, but properties does not define it, so any value will do; define it, or remove it from required"}
		if near, ok := c.near(name.Value, known.names); ok {
			d.Message = quote(name.Value) + " is required, but properties does not define it; did you mean " + quote(near) + "?"
			d.Fix = replaceText(name, near, false)
		}
		c.report(d)
	}
}

// definitions are the properties that a composition of schemas defines.
type definitions struct {
	names    []string
	has      map[string]bool
	patterns []string
	open     bool // a part is not known, or gives a schema to properties of any name
	visited  map[*syntax.Node]bool
}

// maxComposed bounds how many schemas of one composition are looked through.
const maxComposed = 1024

// defined collects the properties of a composition, once for each.
func (c *checker) defined(top *syntax.Node) *definitions {
	if known := c.compositions[top]; known != nil {
		return known
	}
	known := &definitions{has: map[string]bool{}, visited: map[*syntax.Node]bool{}}
	c.collect(top, known)
	if c.compositions == nil {
		c.compositions = map[*syntax.Node]*definitions{}
	}
	c.compositions[top] = known
	return known
}

func (c *checker) collect(n *syntax.Node, known *definitions) {
	if known.open || known.visited[n] || !n.Is(syntax.Mapping) {
		return
	}
	if len(known.visited) >= maxComposed {
		known.open = true
		return
	}
	known.visited[n] = true
	for _, item := range n.Items {
		switch k := lookup(item.Key.Value); k {
		case kwProperties:
			for _, p := range item.Items {
				if item.Kind == syntax.Mapping && !known.has[p.Key.Value] {
					known.has[p.Key.Value] = true
					known.names = append(known.names, p.Key.Value)
				}
			}
		case kwPatternProperties:
			for _, p := range item.Items {
				if item.Kind == syntax.Mapping {
					known.patterns = append(known.patterns, p.Key.Value)
				}
			}
		case kwAdditionalProperties, kwUnevaluatedProperties:
			if item.Kind == syntax.Mapping && len(item.Items) > 0 {
				known.open = true
			}
		case kwRef:
			target := c.target(n)
			if target == nil {
				known.open = true
				return
			}
			c.collect(target, known)
		case kwDynamicRef, kwRecursiveRef:
			known.open = true
		default:
			if inPlace(k) && k != kwNot {
				childrenOf(&keywords[k], item, func(_ string, sub *syntax.Node) { c.collect(sub, known) })
			}
		}
	}
}

func (c *checker) matchesAny(patterns []string, name string) bool {
	for _, text := range patterns {
		p, err := c.pattern(text)
		if err != nil {
			return true
		}
		if ok, err := p.match(name); ok || err != nil {
			return true
		}
	}
	return false
}
