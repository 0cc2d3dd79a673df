package schema

import (
	"slices"

	"github.com/treaty-events/treaty/internal/syntax"
)

// arranged is a value with the properties of its objects in the order in which
// the rules write them, which is the order that a person would write them in;
// what no rule names stays behind them. The value itself is left alone.
func arranged(n *syntax.Node, rules []*rule) *syntax.Node {
	if n.Kind != syntax.Mapping && n.Kind != syntax.Sequence {
		return n
	}
	var all []*rule // with what applies to the same value
	for _, r := range rules {
		all = together(all, r)
	}
	made := &syntax.Node{Kind: n.Kind}
	if n.Kind == syntax.Sequence {
		for i, item := range n.Items {
			var inner []*rule
			for _, r := range all {
				switch {
				case r.array == nil:
				case i < len(r.array.prefix):
					inner = append(inner, r.array.prefix[i])
				case r.array.rest != nil:
					inner = append(inner, r.array.rest)
				}
			}
			made.Items = append(made.Items, arranged(item, inner))
		}
		return made
	}
	places := map[string]int{}
	for _, r := range all {
		if r.object != nil {
			for _, name := range nameOrder(r) {
				if _, known := places[name]; !known {
					places[name] = len(places)
				}
			}
		}
	}
	for _, item := range n.Items {
		var inner []*rule
		for _, r := range all {
			switch {
			case r.object == nil:
			case r.object.properties[item.Key.Value] != nil:
				inner = append(inner, r.object.properties[item.Key.Value])
			case r.object.additional != nil:
				inner = append(inner, r.object.additional)
			}
		}
		made.Items = append(made.Items, syntax.WithKey(arranged(item, inner), item.Key))
	}
	place := func(item *syntax.Node) int {
		if at, known := places[item.Key.Value]; known {
			return at
		}
		return len(places)
	}
	slices.SortStableFunc(made.Items, func(a, b *syntax.Node) int { return place(a) - place(b) })
	return made
}

// together appends a rule and those that it applies to the same value.
func together(all []*rule, r *rule) []*rule {
	if r == nil || r.verdict != byKeywords || slices.Contains(all, r) {
		return all
	}
	all = append(all, r)
	all = together(all, r.ref)
	for _, list := range [][]*rule{r.allOf, r.anyOf, r.oneOf, {r.ifRule, r.thenRule, r.elseRule}} {
		for _, sub := range list {
			all = together(all, sub)
		}
	}
	return all
}
