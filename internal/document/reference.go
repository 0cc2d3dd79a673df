package document

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// refText returns the node that holds a reference's text: the $ref of a
// mapping, or a string that is a pointer itself.
func refText(ref *syntax.Node) *syntax.Node {
	if ref.Is(syntax.String) {
		return ref
	}
	if text := ref.Get("$ref"); text.Is(syntax.String) {
		return text
	}
	return nil
}

// IsRef reports whether n is a mapping with a $ref.
func IsRef(n *syntax.Node) bool { return n.Is(syntax.Mapping) && n.Get("$ref").Is(syntax.String) }

// Target is where a reference leads in one step: the node that it names, which
// may be a reference again; nil where it leads nowhere. ref is a mapping with
// $ref or a string that is a pointer.
func (d *Document) Target(ref *syntax.Node) *syntax.Node {
	if t, ok := d.targets[ref]; ok {
		return t.node
	}
	return d.find(ref).node
}

// Resolve follows references from n to the first node that is none; n itself
// where it is no reference, nil where the way ends.
func (d *Document) Resolve(n *syntax.Node) *syntax.Node {
	for i := 0; n != nil && IsRef(n); i++ {
		if i >= d.options.RefDepth {
			return nil
		}
		n = d.Target(n)
	}
	return n
}

// ResolvePointer is Resolve for a place where a pointer string may stand.
func (d *Document) ResolvePointer(n *syntax.Node) *syntax.Node {
	if n.Is(syntax.String) {
		n = d.Target(n)
	}
	return d.Resolve(n)
}

// Schema is the schema that a reference leads to, a schema.Resolver: a reference
// may name a Multi Format Schema Object, and means the schema in it.
func (d *Document) Schema(ref *syntax.Node) *syntax.Node {
	to := d.Target(ref)
	if IsRef(to) && d.Resolve(to) == nil {
		return nil // round in a circle, or nowhere
	}
	if to.Get("schemaFormat") != nil {
		if inner := to.Get("schema"); inner != nil {
			return inner
		}
	}
	return to
}

// At is the node of the document's own file that a JSON Pointer leads to; where
// there is none, why says what is there instead.
func (d *Document) At(pointer string) (n *syntax.Node, why string) {
	if pointer != "" && pointer[0] != '/' {
		return nil, "a JSON Pointer begins with /"
	}
	return d.descend(d.Written, pointer)
}

// step finds a reference's target, notes it, and reports what is wrong with
// it, going round in a circle included.
func (d *Document) step(ref *syntax.Node, report func(diag.Diagnostic)) *syntax.Node {
	t, ok := d.targets[ref]
	if !ok {
		t = d.find(ref)
		d.targets[ref] = t
	}
	if t.fault != nil {
		report(*t.fault)
		return nil
	}
	return d.circle(ref, t.node, report)
}

// circle reports references that lead to each other without ever reaching
// anything, and chains that are longer than the limit.
func (d *Document) circle(ref, to *syntax.Node, report func(diag.Diagnostic)) *syntax.Node {
	if to == nil || !IsRef(to) {
		return to
	}
	at := refText(ref)
	switch depth := d.chainLength(ref); {
	case depth == inCircle:
		report(diag.Diagnostic{Rule: RuleRefCycle, Severity: diag.Error, Span: at.Span(), Pointer: at.Pointer(),
			Message: fmt.Sprintf("%q leads back to itself, so it names nothing; let one of the references in the circle name a definition", at.Value)})
		return nil
	case depth == intoCircle: // reported at the members of the circle
		return nil
	case depth > d.options.RefDepth+1: // reported where the chain crosses the limit
		return nil
	case depth > d.options.RefDepth:
		report(diag.Diagnostic{Rule: syntax.RuleLimit, Severity: diag.Error, Span: at.Span(), Pointer: at.Pointer(),
			Message: fmt.Sprintf("%q leads through %d references, over the limit ref-depth of %d; shorten the chain or raise it with --limit ref-depth=%d", at.Value, depth, d.options.RefDepth, depth)})
		return nil
	}
	return to
}

// What chainLength says of references that never arrive.
const (
	inCircle   = -1
	intoCircle = -2
)

// chainLength counts the references from ref to something that is none. Each
// reference is followed once, however many chains share it.
func (d *Document) chainLength(ref *syntax.Node) int {
	var way []*syntax.Node
	place := make(map[*syntax.Node]int)
	length := 0
	n := ref
	for n != nil && (n == ref || IsRef(n)) {
		if known, ok := d.chains[n]; ok {
			length = known
			break
		}
		if start, again := place[n]; again {
			for _, member := range way[start:] {
				d.chains[member] = inCircle
			}
			way, length = way[:start], intoCircle
			break
		}
		place[n] = len(way)
		way = append(way, n)
		n = d.Target(n)
	}
	if length < 0 {
		length = intoCircle
	}
	for i := len(way) - 1; i >= 0; i-- {
		if length >= 0 {
			length++
		}
		d.chains[way[i]] = length
	}
	return d.chains[ref]
}

// find works out where a reference leads.
func (d *Document) find(ref *syntax.Node) target {
	text := refText(ref)
	if text == nil {
		return target{}
	}
	fault := func(rule, format string, args ...any) target {
		return target{fault: &diag.Diagnostic{Rule: rule, Severity: diag.Error, Span: text.Span(), Pointer: text.Pointer(),
			Message: fmt.Sprintf(format, args...)}}
	}
	at := d.nodes[text.File]
	if at == nil {
		return target{}
	}
	filePart, fragment, _ := strings.Cut(text.Value, "#")
	f := at
	if filePart != "" {
		uri, refused := d.resolveURI(at.uri, filePart)
		if refused != "" {
			return fault(RuleRefRefused, "the reference %q %s", clipText(text.Value), refused)
		}
		opened, why := d.open(uri)
		if why != "" {
			rule, why, _ := strings.Cut(why, " ")
			return fault(rule, "the reference %q leads to %s, which %s", clipText(text.Value), clipText(uri), why)
		}
		f = opened
	}
	if text.Value == "" {
		return fault(RuleRefUnresolved, "the reference is empty; write where it leads, such as '#/components/schemas/Name'")
	}
	decoded, err := url.PathUnescape(fragment)
	if err != nil {
		return fault(RuleRefUnresolved, "the reference %q has a %% that starts no %%xx escape; write %%25 for %%", clipText(text.Value))
	}
	if decoded != "" && decoded[0] != '/' {
		if n := f.anchor(decoded); n != nil {
			return target{node: n}
		}
		if f.root.At(strings.Split(decoded, "/")...) != nil {
			return fault(RuleRefUnresolved, "the reference %q lacks a slash; write %q", clipText(text.Value), filePart+"#/"+fragment)
		}
		return fault(RuleRefUnresolved, "the reference %q names no $anchor of %s; write a pointer such as #/components/schemas/Name", clipText(text.Value), f.source.Name)
	}
	if why := pointerText(decoded); why != "" {
		return fault(RuleRefUnresolved, "the reference %q %s", clipText(text.Value), why)
	}
	n, why := d.lookup(f, decoded)
	if n == nil {
		return fault(RuleRefUnresolved, "the reference %q leads nowhere: %s", clipText(text.Value), why)
	}
	return target{node: n}
}

// lookup follows a JSON Pointer in a file. In the document's own file the
// upgraded tree comes first, so that what moved in the upgrade is found at its
// new place, and the written one after it.
func (d *Document) lookup(f *file, pointer string) (*syntax.Node, string) {
	if f.root == d.Written && d.Root != d.Written {
		if n, _ := d.descend(d.Root, pointer); n != nil {
			return n, ""
		}
	}
	return d.descend(f.root, pointer)
}

// descend follows a pointer and, where it ends early, says at which step and
// what is near.
func (d *Document) descend(n *syntax.Node, pointer string) (*syntax.Node, string) {
	if pointer == "" {
		return n, ""
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		token = unescape(token)
		next := n.Step(token)
		if next == nil {
			return nil, d.noStep(n, token)
		}
		n = next
	}
	return n, ""
}

func (d *Document) noStep(n *syntax.Node, token string) string {
	where := "the document"
	if p := n.Pointer(); p != "" {
		where = "#" + p
	}
	switch n.Kind {
	case syntax.Mapping:
		return fmt.Sprintf("%s has no %q%s", where, token, d.hint(n, token))
	case syntax.Sequence:
		return fmt.Sprintf("%s is a list of %d, which has no entry %q", where, len(n.Items), token)
	}
	return fmt.Sprintf("%s is %s, which has nothing below it", where, n.Kind)
}

// hint says what a key that a mapping has not may stand for. Only Load asks
// for hints: later, nobody reads them.
func (d *Document) hint(n *syntax.Node, token string) string {
	if d.late != nil && d.hints+len(n.Items) <= maxHints {
		d.hints += len(n.Items)
		keys := make([]string, 0, len(n.Items))
		for _, item := range n.Items {
			keys = append(keys, item.Key.Value)
		}
		if near, ok := diag.Nearest(token, keys); ok {
			return fmt.Sprintf("; did you mean %q?", near)
		}
		if len(keys) > 0 && len(keys) <= 6 {
			return ", only " + strings.Join(keys, ", ")
		}
	}
	return "; define it there or correct the reference"
}

// maxHints bounds the keys that near misses are looked for among, since each
// of many references may miss among many keys.
const maxHints = 1_000_000

func unescape(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// anchor finds a schema by its $anchor, or by an $id of "#name" as older
// drafts have it.
func (f *file) anchor(name string) *syntax.Node {
	if f.anchors == nil {
		f.anchors = make(map[string]*syntax.Node)
		collectAnchors(f.root, f.anchors)
	}
	return f.anchors[name]
}

func collectAnchors(n *syntax.Node, into map[string]*syntax.Node) {
	if n.Kind == syntax.Mapping {
		for _, key := range []string{"$anchor", "$dynamicAnchor", "$id", "id"} {
			name := n.Get(key).Str()
			if key == "$id" || key == "id" {
				var ok bool
				if name, ok = strings.CutPrefix(name, "#"); !ok {
					continue
				}
			}
			if _, dup := into[name]; name != "" && !dup {
				into[name] = n
			}
		}
	}
	for _, item := range n.Items {
		collectAnchors(item, into)
	}
}
