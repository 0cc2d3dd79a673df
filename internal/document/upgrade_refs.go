package document

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// maxChain bounds the references that lead from one to the next.
const maxChain = DefaultRefDepth

// follow goes where a reference leads, through further references; nil where
// the way ends or goes round in a circle.
func (u *upgrader) follow(ref *syntax.Node) *syntax.Node {
	n := ref
	for i := 0; IsRef(n); i++ {
		if i == maxChain {
			return nil
		}
		n = u.hop(n)
	}
	return n
}

// hop takes one reference, and notes how the file that it leads to is reached
// from the document.
func (u *upgrader) hop(ref *syntax.Node) *syntax.Node {
	n := u.resolve(ref)
	if n == nil || n == ref {
		return nil
	}
	if _, known := u.base[n.File]; !known {
		if base, ok := u.base[ref.File]; ok {
			file, _, _ := strings.Cut(ref.Get("$ref").Value, "#")
			u.base[n.File] = rebase(base, file)
		}
		u.via[n.File] = ref
		if !u.own(ref) {
			u.via[n.File] = u.via[ref.File]
		}
	}
	return n
}

// rebase writes the file part of a reference that stands in the file base, so
// that it is right in the document itself.
func rebase(base, file string) string {
	switch {
	case file == "":
		return base
	case base == "" || isURL(file):
		return file
	case isURL(base):
		b, err := url.Parse(base)
		if err != nil {
			return file
		}
		r, err := b.Parse(file)
		if err != nil {
			return file
		}
		return r.String()
	}
	return path.Join(path.Dir(base), file)
}

// pointTo is a Reference Object at the place of like.
func (u *upgrader) pointTo(like *syntax.Node, text string) *syntax.Node {
	at := like
	if t := refText(like); t != nil {
		at = t
	}
	return syntax.Synthetic(like, syntax.Mapping, []*syntax.Node{named("$ref", u.text(at, text), at)})
}

// text is a string of the document at the place of like. One that stands for
// something in another file is put where that was brought in: a reference's
// file is the one that it starts from.
func (u *upgrader) text(like *syntax.Node, text string) *syntax.Node {
	if !u.own(like) {
		if like = u.via[like.File].Get("$ref"); like == nil {
			like = u.root
		}
	}
	return syntax.SyntheticString(like, text)
}

// reference is the Reference Object ref, leading to the new place of what it
// names. It is always a new node: what the old one leads to is the object of
// 2.x.
func (u *upgrader) reference(ref *syntax.Node) *syntax.Node {
	text, _ := u.relocated(ref.Get("$ref"))
	return u.pointTo(ref, text)
}

// relocated is the text of a reference with which it leads to the same thing
// in the upgraded document, and whether that is another one than before.
func (u *upgrader) relocated(t *syntax.Node) (string, bool) {
	file, fragment, has := strings.Cut(t.Value, "#")
	if u.own(t) && file == "" {
		if strings.HasPrefix(fragment, "/components/schemas/") {
			return t.Value, false // schemas do not move, and most references lead to them
		}
		to := u.translate(fragment)
		if to == fragment {
			return t.Value, false
		}
		return "#" + to, true
	}
	if IsRef(t.Parent) && t.Parent.Get("$ref") == t {
		if target := u.hop(t.Parent); target != nil && u.own(target) {
			return "#" + u.translate(target.Pointer()), true
		}
	}
	base, known := u.base[t.File]
	if u.own(t) || !known {
		return t.Value, false
	}
	text := rebase(base, file)
	if has {
		text += "#" + fragment
	}
	return text, true
}

// translate turns a JSON Pointer into the 2.x document, as references write
// it, into one into the upgraded document.
func (u *upgrader) translate(fragment string) string {
	if !strings.HasPrefix(fragment, "/") {
		return fragment
	}
	decoded, err := url.PathUnescape(fragment)
	if err != nil {
		return fragment
	}
	to, moved := "", false
	n := u.root
	for _, token := range strings.Split(decoded[1:], "/") {
		to += "/" + token
		if n = n.Step(unescape(token)); n == nil {
			continue
		}
		if place, ok := u.place[n]; ok {
			to, moved = place, true
		}
		if n.Parent != nil && strings.HasSuffix(n.Parent.KeyName(), "Traits") {
			u.needed[n] = true
		}
	}
	if !moved {
		return fragment
	}
	return strings.ReplaceAll(to, "%", "%25")
}

// keep returns a part of the document that is the same in 3.x: n itself, or
// where references in it lead to what has moved, a copy in which they are
// right.
func (u *upgrader) keep(n *syntax.Node) *syntax.Node {
	if n.Len() == 0 {
		return n
	}
	if u.merged[n] {
		return u.rewrite(n, u.keep)
	}
	if k, ok := u.kept[n]; ok {
		return k
	}
	k := u.rewriteAll(n)
	u.kept[n] = k
	return k
}

func (u *upgrader) rewriteAll(n *syntax.Node) *syntax.Node { return u.rewrite(n, u.rewriteAll) }

func (u *upgrader) rewrite(n *syntax.Node, below func(*syntax.Node) *syntax.Node) *syntax.Node {
	var items []*syntax.Node // set once something differs
	for i, item := range n.Items {
		now := item
		if len(item.Items) > 0 {
			now = below(item)
		} else if item.Kind == syntax.String && item.KeyName() == "$ref" {
			if text, changed := u.relocated(item); changed {
				now = syntax.WithKey(u.text(item, text), item.Key)
			}
		}
		if now != item {
			if items == nil {
				items = slices.Clone(n.Items)
			}
			items[i] = now
		}
	}
	if items == nil {
		return n
	}
	return syntax.Synthetic(n, n.Kind, items)
}

// keepField is keep for a field of an object that may have treaty's extensions.
func (u *upgrader) keepField(item *syntax.Node) *syntax.Node {
	if item.KeyName() != ExtDelivery || item.Kind != syntax.Mapping {
		return u.keep(item)
	}
	// bootstrap and deadLetter name channels.
	items := slices.Clone(item.Items)
	for i, promise := range items {
		channel := promise.Get("channel")
		if channel == nil {
			continue
		}
		parts := slices.Clone(promise.Items)
		at := slices.Index(parts, channel)
		switch {
		case IsRef(channel):
			parts[at] = u.reference(channel)
		case channel.Kind == syntax.String:
			text, _ := u.relocated(channel)
			parts[at] = syntax.WithKey(u.text(channel, text), channel.Key)
		}
		items[i] = syntax.Synthetic(promise, syntax.Mapping, parts)
	}
	return syntax.Synthetic(item, syntax.Mapping, items)
}

// effective is an operation or message with its traits applied: in 2.x each
// trait is a JSON Merge Patch (RFC 7396) of the object, and so it wins.
func (u *upgrader) effective(n *syntax.Node) *syntax.Node {
	traits := n.Get("traits")
	if traits == nil {
		return n
	}
	if done, ok := u.patched[n]; ok {
		return done
	}
	result := u.without(n, "traits")
	p := patcher{upgrader: u, references: maxPatched, within: map[[2]*syntax.Node]bool{}}
	count := 0
	if traits.Is(syntax.Sequence) {
		for _, ref := range traits.Items {
			for hop := ref; IsRef(hop); hop = u.hop(hop) { // those on the way have done their work too
				if u.applied[hop] {
					break
				}
				u.applied[hop] = true
			}
			trait := u.follow(ref)
			if !trait.Is(syntax.Mapping) {
				u.note(ref.Span(), "the trait was not found, so it was left out; correct the reference")
				continue
			}
			u.applied[trait] = true
			result = p.apply(result, u.without(trait, "traits"))
			count++
		}
	}
	if count > 0 {
		u.note(traits.KeySpan(), "traits: they were merged into what lists them, since a trait of 2.x overrides it and one of 3.x does not; list again as traits those that overlap with nothing")
	}
	u.patched[n] = result
	return result
}

// without is a mapping less one field.
func (u *upgrader) without(n *syntax.Node, field string) *syntax.Node {
	if n.Get(field) == nil {
		return n
	}
	items := slices.DeleteFunc(slices.Clone(n.Items), func(item *syntax.Node) bool { return item.KeyName() == field })
	return u.made(syntax.Synthetic(n, syntax.Mapping, items))
}

func (u *upgrader) made(n *syntax.Node) *syntax.Node {
	u.merged[n] = true
	return n
}

// maxPatched bounds the references that applying the traits of one object
// follows: schemas that refer to each other many times over would otherwise be
// unfolded without end.
const maxPatched = 200

// patcher applies JSON Merge Patches to one object.
type patcher struct {
	*upgrader
	references int                      // that may still be followed
	within     map[[2]*syntax.Node]bool // pairs being patched: schemas refer to themselves
}

// apply patches target with by. References are followed where both sides are
// objects: the patch is of what they lead to, not of their text.
func (p *patcher) apply(target, by *syntax.Node) *syntax.Node {
	if !target.Is(syntax.Mapping) || !by.Is(syntax.Mapping) {
		return p.patchOf(by)
	}
	target, by = p.definition(target), p.definition(by)
	pair := [2]*syntax.Node{target, by}
	if target == by || p.within[pair] {
		return by
	}
	p.within[pair] = true
	defer delete(p.within, pair)

	items := slices.Clone(once(target))
	at := make(map[string]int, len(items))
	for i, item := range items {
		at[item.Key.Value] = i
	}
	for _, item := range once(by) {
		i, known := at[item.Key.Value]
		switch {
		case item.Kind == syntax.Null && known:
			items[i] = nil
		case item.Kind == syntax.Null:
		case known:
			now := p.apply(items[i], item)
			items[i] = named(item.Key.Value, now, item)
			if p.merged[now] {
				p.made(items[i])
			}
		default:
			items = append(items, p.patchOf(item))
		}
	}
	items = slices.DeleteFunc(items, func(n *syntax.Node) bool { return n == nil })
	return p.made(syntax.Synthetic(target, syntax.Mapping, items))
}

// definition is the object that n refers to, or n.
func (p *patcher) definition(n *syntax.Node) *syntax.Node {
	if !IsRef(n) || p.references == 0 {
		return n
	}
	p.references--
	if to := p.follow(n); to.Is(syntax.Mapping) {
		return to
	}
	return n
}

// patchOf is what a patch makes where there was nothing: itself, less the
// fields that are null.
func (u *upgrader) patchOf(n *syntax.Node) *syntax.Node {
	if n.Kind != syntax.Mapping {
		return n
	}
	items := n.Items
	changed := false
	for i, item := range n.Items {
		now := item
		if item.Kind == syntax.Null {
			now = nil
		} else {
			now = u.patchOf(item)
		}
		if now != item {
			if !changed {
				items, changed = slices.Clone(n.Items), true
			}
			items[i] = now
		}
	}
	if !changed {
		return n
	}
	items = slices.DeleteFunc(items, func(n *syntax.Node) bool { return n == nil })
	return u.made(syntax.Synthetic(n, syntax.Mapping, items))
}
