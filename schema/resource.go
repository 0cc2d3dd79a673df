package schema

import (
	"net/url"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// vocabularies is how a meta-schema of somebody's own differs from the draft's
// in what the keywords mean; 0: not at all.
type vocabularies uint8

const (
	withoutValidation vocabularies = 1 << iota // only applicators
	assertingFormats                           // formats assert, whatever the options
)

func isValidation(k int) bool {
	return k >= kwType && k <= kwPattern && k != kwFormat ||
		k >= kwMinContains && k <= kwUniqueItems || k >= kwRequired && k <= kwMinProperties || k == kwDependentRequired
}

// resource is a schema resource: a schema with an address of its own, or the
// root of a document.
type resource struct {
	base      string
	node      *syntax.Node
	declared  Dialect // by $schema; Unknown where none is stated
	use       vocabularies
	anchors   map[string]*syntax.Node
	dynamic   map[string]*syntax.Node // of the anchors, those that $dynamicRef may land on
	recursive bool                    // $recursiveAnchor

	entered      bool
	rule         *rule            // of node, where recursive
	dynamicRules map[string]*rule // of dynamic
}

// resourceOf finds the resource that a node has been indexed in.
func (b *build) resourceOf(n *syntax.Node) *resource {
	if len(b.roots) == 0 {
		return nil
	}
	for ; n != nil; n = n.Parent {
		if res, ok := b.roots[n]; ok {
			return res
		}
	}
	return nil
}

// index notes the resources and anchors at and below a schema.
func (b *build) index(n *syntax.Node, d Dialect, base string, in *resource) *resource {
	res := in
	if in == nil {
		res = &resource{base: base, node: n}
		b.roots[n] = res
		if base != "" {
			b.resources[base] = res
		}
	}
	if n.Kind != syntax.Mapping {
		return res
	}
	declared, use := Unknown, vocabularies(0)
	if s := n.Get("$schema"); s.Is(syntax.String) {
		declared, use = b.declaredDialect(s.Value, d)
		// Below the root a $schema counts only where a resource begins.
		if declared != Unknown && (in == nil || n.Get(declared.idKeyword()).Is(syntax.String)) {
			d = declared
		}
	}
	if in == nil {
		res.declared, res.use = declared, use
	}
	refAlone := d.ignoresRefSiblings() && n.Get("$ref").Is(syntax.String)
	if id := n.Get(d.idKeyword()); id.Is(syntax.String) && !refAlone {
		address, fragment, _ := strings.Cut(id.Value, "#")
		if address != "" {
			address = join(res.base, address)
			if in != nil {
				res = &resource{node: n, declared: in.declared, use: in.use}
				if declared != Unknown {
					res.declared, res.use = declared, use
				}
				b.roots[n] = res
			}
			res.base = address
			if _, taken := b.resources[address]; !taken {
				b.resources[address] = res
			}
		}
		if fragment != "" && fragment[0] != '/' && d.ignoresRefSiblings() {
			res.anchor(fragment, n, false)
		}
	}
	if d == Draft2019 || d == Draft2020 {
		if a := n.Get("$anchor"); a.Is(syntax.String) {
			res.anchor(a.Value, n, false)
		}
		if a := n.Get("$dynamicAnchor"); a.Is(syntax.String) && d == Draft2020 {
			res.anchor(a.Value, n, true)
		}
		if res.node == n && d == Draft2019 && n.Get("$recursiveAnchor").IsTrue() {
			res.recursive = true
		}
	}
	Children(n, d, func(_ string, sub *syntax.Node) { b.index(sub, d, "", res) })
	return res
}

func (r *resource) anchor(name string, n *syntax.Node, dynamic bool) {
	if r.anchors == nil {
		r.anchors = map[string]*syntax.Node{}
	}
	if _, taken := r.anchors[name]; !taken {
		r.anchors[name] = n
	}
	if dynamic {
		if r.dynamic == nil {
			r.dynamic = map[string]*syntax.Node{}
		}
		r.dynamic[name] = n
	}
}

// declaredDialect reads $schema: a draft's own meta-schema, or one built on it
// that Documents knows.
func (b *build) declaredDialect(uri string, given Dialect) (Dialect, vocabularies) {
	if d, ok := metaSchemaDialect(uri); ok {
		if given == AsyncAPI && d == Draft7 {
			d = AsyncAPI
		}
		return d, 0
	}
	if b.documents == nil {
		return Unknown, 0
	}
	meta := b.documents(strings.TrimSuffix(uri, "#"))
	d, _ := metaSchemaDialect(meta.Get("$schema").Str())
	listed := meta.Get("$vocabulary")
	if !listed.Is(syntax.Mapping) {
		return d, 0
	}
	use := withoutValidation
	for _, item := range listed.Items {
		switch {
		case strings.HasSuffix(item.Key.Value, "/vocab/validation"):
			use &^= withoutValidation
		case strings.HasSuffix(item.Key.Value, "/vocab/format-assertion"):
			use |= assertingFormats
		}
	}
	return d, use
}

// reference finds what a $ref, $recursiveRef or $dynamicRef leads to at first.
func (b *build) reference(r *rule, ref *syntax.Node) *rule {
	if ref.Kind != syntax.String {
		b.fail(ref, "%s is no reference; write a URI such as #/$defs/name", describe(ref))
		return nil
	}
	if b.resolve != nil && ref.KeyName() == "$ref" {
		if target := b.resolve(r.node); target != nil {
			return b.across(r, target)
		}
	}
	address, fragment, _ := strings.Cut(ref.Value, "#")
	res := r.resource
	if address != "" {
		uri := join(res.base, address)
		known := b.resources[uri]
		if known == nil && b.documents != nil {
			if doc := b.documents(uri); doc != nil {
				known = b.index(doc, r.dialect, uri, nil)
				if b.resources[uri] == nil {
					b.resources[uri] = known
				}
			}
		}
		if known == nil {
			if d, ok := metaSchemaDialect(uri); ok && fragment == "" {
				return &rule{node: r.node, meta: d, resource: res}
			}
			b.fail(ref, "%s leads to nothing that is known here, and nothing is loaded; use a reference into this document", quote(ref.Value))
			return nil
		}
		res = known
	}
	target := res.find(fragment)
	if target == nil {
		b.fail(ref, "%s leads nowhere; correct it, or define what it names", quote(ref.Value))
		return nil
	}
	d := r.dialect
	if in := b.resourceOf(target); in != nil {
		res = in
	}
	if res.declared != Unknown {
		d = res.declared
	}
	return b.rule(target, d, res)
}

// across follows a reference that the caller's resolver knew, through Multi
// Format Schema Objects, whose schema may be in another dialect.
func (b *build) across(r *rule, target *syntax.Node) *rule {
	d := r.dialect
	for range maxReferences {
		format := target.Get("schemaFormat")
		inner := target.Get("schema")
		if !format.Is(syntax.String) || inner == nil {
			break
		}
		d, _ = DialectOf(format.Value)
		if !d.IsJSONSchema() {
			b.fail(r.node, "%s leads to a schema in %s, which cannot be part of a %s; move what both share into one language",
				quote(r.node.Get("$ref").Str()), format.Value, r.dialect)
			return nil
		}
		target = inner
		if inner.Get("$ref").Is(syntax.String) && b.resolve != nil {
			if next := b.resolve(inner); next != nil {
				target = next
			}
		}
	}
	return b.at(target, d)
}

// maxReferences bounds a chain of references that lead to nothing but another.
const maxReferences = 256

// find resolves a fragment: "", a JSON Pointer or a plain name.
func (r *resource) find(fragment string) *syntax.Node {
	if text, err := url.PathUnescape(fragment); err == nil {
		fragment = text
	}
	switch {
	case fragment == "":
		return r.node
	case fragment[0] != '/':
		return r.anchors[fragment]
	}
	at := r.node
	for _, token := range strings.Split(fragment[1:], "/") {
		at = at.Step(unescapePointer(token))
	}
	return at
}

func unescapePointer(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// join resolves a URI reference against a base (RFC 3986 §5). What does not
// parse stays as it is written, and then names nothing.
func join(base, ref string) string {
	if base == "" {
		return ref
	}
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	if b.Opaque != "" && !u.IsAbs() {
		return ref // nothing is relative to a URN
	}
	return b.ResolveReference(u).String()
}
