package document

import (
	"github.com/treaty-events/treaty/internal/syntax"
)

// traitDepth bounds how deep a trait is merged into its target: schemas in
// headers may be recursive through references.
const traitDepth = 64

// Effective is a message or operation with its traits applied, n itself where
// it has none. In 3.x later traits beat earlier ones and the object itself
// beats them all ("Traits Merge Mechanism"). What the result holds keeps the
// place where it was written.
func (d *Document) Effective(n *syntax.Node) *syntax.Node {
	if e, ok := d.effective[n]; ok {
		return e
	}
	return n
}

// applyTraits works out the effective form of every object that has traits.
func (d *Document) applyTraits() {
	d.effective = make(map[*syntax.Node]*syntax.Node)
	for _, kind := range []*Object{Operation, Message} {
		for _, n := range d.byKind[kind] {
			traits := n.Get("traits")
			if !traits.Is(syntax.Sequence) || len(traits.Items) == 0 {
				continue
			}
			var merged *syntax.Node
			for _, t := range traits.Items {
				if t = d.Resolve(t); t.Is(syntax.Mapping) {
					merged = d.merge(merged, t, 0)
				}
			}
			own := make([]*syntax.Node, 0, len(n.Items))
			for _, item := range n.Items {
				if item != traits {
					own = append(own, item)
				}
			}
			if merged == nil {
				continue
			}
			effective := d.merge(merged, syntax.Synthetic(n, syntax.Mapping, own), 0)
			d.effective[n] = syntax.Synthetic(n, syntax.Mapping, effective.Items)
		}
	}
}

// merge is JSON Merge Patch (RFC 7396) that looks through references where
// both sides have something to merge.
func (d *Document) merge(target, patch *syntax.Node, depth int) *syntax.Node {
	if target == nil || depth > traitDepth {
		return patch
	}
	if IsRef(patch) && !IsRef(target) {
		if to := d.Resolve(patch); to != nil {
			patch = syntax.WithKey(to, patch.Key)
		}
	}
	if !patch.Is(syntax.Mapping) || IsRef(patch) {
		return patch
	}
	if IsRef(target) {
		if to := d.Resolve(target); to != nil {
			target = to
		}
	}
	if !target.Is(syntax.Mapping) {
		return patch
	}
	items := make([]*syntax.Node, 0, len(target.Items)+len(patch.Items))
	for _, t := range target.Items {
		if patch.Get(t.Key.Value) == nil {
			items = append(items, t)
		}
	}
	for _, p := range patch.Items {
		if p.Kind == syntax.Null {
			continue
		}
		if t := target.Get(p.Key.Value); t != nil {
			m := d.merge(t, p, depth+1)
			items = append(items, syntax.WithKey(m, p.Key))
		} else {
			items = append(items, p)
		}
	}
	return syntax.Synthetic(target, syntax.Mapping, items)
}
