package document

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// The upgrade from 2.x to 3.1. It rests on four facts:
//
//   - The tree that comes out is made of the nodes that went in. Only
//     containers that change are made anew, each in the place of the one it
//     stands for, so that every finding about an upgraded document still names
//     a line of the 2.x file.
//   - 2.x speaks from the other side: "publish" is what a client may do, and so
//     the application receives. 3.x speaks of the application itself.
//   - A channel item of 2.x holds operations which hold messages. In 3.x the
//     channel holds messages, and operations stand on their own and refer to
//     both. Everything that moves is given its place first (upgrade_plan.go),
//     so that references can be written while the tree is built.
//   - What is written in other files is 2.x too. References to schemas,
//     bindings, correlation ids and server variables stay, since these are the
//     same in both versions; whatever else another file holds is brought in.

// Note says what an upgrade could not carry over exactly, at the place in the
// 2.x document that it is about.
type Note struct {
	Span    diag.Span
	Message string
}

// UpgradedTo is the version that 2.x documents are upgraded to.
const UpgradedTo = "3.1.0"

// upgrade turns a document of 2.x into one of 3.1. resolve says where a
// Reference Object leads in one step, nil where it leads nowhere. A document
// that is malformed is upgraded as far as it goes.
func upgrade(root *syntax.Node, resolve func(ref *syntax.Node) *syntax.Node) (*syntax.Node, []Note) {
	if !root.Is(syntax.Mapping) {
		return root, nil
	}
	u := &upgrader{root: root, resolve: resolve,
		base:    map[*diag.File]string{root.File: ""},
		via:     map[*diag.File]*syntax.Node{},
		copied:  map[*diag.File]bool{},
		place:   map[*syntax.Node]string{},
		patched: map[*syntax.Node]*syntax.Node{},
		merged:  map[*syntax.Node]bool{},
		kept:    map[*syntax.Node]*syntax.Node{},
		message: map[*syntax.Node]*syntax.Node{},
		applied: map[*syntax.Node]bool{},
		needed:  map[*syntax.Node]bool{},
		keys:    map[*syntax.Node]string{},
	}
	u.plan()
	upgraded := u.document()
	slices.SortStableFunc(u.notes, func(a, b Note) int {
		if a.Span.File != b.Span.File {
			return cmp.Compare(fileName(a.Span.File), fileName(b.Span.File))
		}
		return cmp.Compare(a.Span.Start, b.Span.Start)
	})
	return upgraded, u.notes
}

func fileName(f *diag.File) string {
	if f == nil {
		return ""
	}
	return f.Name
}

type upgrader struct {
	root    *syntax.Node
	resolve func(*syntax.Node) *syntax.Node
	notes   []Note

	// What the plan decided.
	channels []*channelPlan          // of the root
	spare    []*channelPlan          // of components, where no channel refers to them
	place    map[*syntax.Node]string // the new JSON Pointers of what moves
	keys     map[*syntax.Node]string // keys of the messages that were part of a oneOf in components

	// Of every file that is reached: the file part with which a reference in
	// the document reaches it, and the first reference in the document by which
	// it is reached.
	base map[*diag.File]string
	via  map[*diag.File]*syntax.Node

	patched map[*syntax.Node]*syntax.Node // objects with their traits applied
	merged  map[*syntax.Node]bool         // containers that applying traits has made
	kept    map[*syntax.Node]*syntax.Node // what keep returned
	message map[*syntax.Node]*syntax.Node // what convertMessage returned
	applied map[*syntax.Node]bool         // traits that have been applied to something
	needed  map[*syntax.Node]bool         // traits that a reference leads into all the same
	copied  map[*diag.File]bool           // files of which something was copied
}

func (u *upgrader) note(span diag.Span, format string, args ...any) {
	u.notes = append(u.notes, Note{span, fmt.Sprintf(format, args...)})
}

// own reports whether n was written in the document's own file.
func (u *upgrader) own(n *syntax.Node) bool { return n.File == u.root.File }

// named puts value under a key; the key's place is that of like's key.
func named(name string, value, like *syntax.Node) *syntax.Node {
	if value.KeyName() == name && value.Key != nil {
		return value
	}
	at := like
	if like.Key != nil {
		at = like.Key
	}
	return syntax.WithKey(value, syntax.SyntheticString(at, name))
}

// once are the entries of a mapping without repeated keys, the first of which
// counts; none where n is no mapping.
func once(n *syntax.Node) []*syntax.Node {
	items := entries(n)
	for i, item := range items {
		if n.Get(item.Key.Value) != item {
			rest := slices.Clone(items[:i])
			for _, item := range items[i:] {
				if n.Get(item.Key.Value) == item {
					rest = append(rest, item)
				}
			}
			return rest
		}
	}
	return items
}

// each converts the entries of a map; what is no map stays.
func (u *upgrader) each(n *syntax.Node, convert func(*syntax.Node) *syntax.Node) *syntax.Node {
	if !n.Is(syntax.Mapping) {
		return n
	}
	items := slices.Clone(once(n))
	for i, item := range items {
		if isExtension(item.Key.Value) && item.Kind != syntax.Mapping {
			items[i] = u.keep(item)
			continue
		}
		items[i] = convert(item)
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

// either converts an object that may be a reference. One into the document
// itself stays a reference; one into another file becomes what it leads to,
// since that is written in 2.x as well.
func (u *upgrader) either(n *syntax.Node, convert func(*syntax.Node) *syntax.Node) *syntax.Node {
	if !IsRef(n) {
		return convert(n)
	}
	def := u.follow(n)
	if def == nil || u.own(def) {
		return u.reference(n)
	}
	u.copyFrom(def.File)
	return syntax.WithKey(convert(def), n.Key)
}

// copyFrom notes that something of another file is being brought in.
func (u *upgrader) copyFrom(f *diag.File) {
	if f == u.root.File || u.copied[f] {
		return
	}
	u.copied[f] = true
	at := u.via[f].Get("$ref")
	u.note(at.Span(), "%q leads to a file of 2.x, so what is used of that file was copied; upgrade it too and refer to it again to share it", clipText(at.Str()))
}

func (u *upgrader) document() *syntax.Node {
	tags, docs := u.root.Get("tags"), u.root.Get("externalDocs")
	var items []*syntax.Node
	hasInfo := false
	for _, item := range once(u.root) {
		switch item.Key.Value {
		case "asyncapi":
			items = append(items, syntax.SyntheticString(item, UpgradedTo))
		case "info":
			hasInfo = true
			items = append(items, u.info(item, tags, docs))
		case "tags", "externalDocs":
		case "servers":
			items = append(items, u.each(item, func(n *syntax.Node) *syntax.Node { return u.either(n, u.server) }))
		case "channels":
			if !item.Is(syntax.Mapping) {
				items = append(items, item)
				continue
			}
			channels, operations := u.convertChannels(item, u.channels)
			items = append(items, channels)
			if len(operations) > 0 {
				items = append(items, named("operations", syntax.Synthetic(item, syntax.Mapping, operations), item))
			}
		case "components":
			// Last, when it is known which traits have been applied.
			items = append(items, item)
		default:
			items = append(items, u.keep(item))
		}
	}
	for i, item := range items {
		if item.KeyName() == "components" {
			items[i] = u.components(item)
		}
	}
	if !hasInfo && (tags != nil || docs != nil) {
		like := tags
		if like == nil {
			like = docs
		}
		empty := named("info", syntax.Synthetic(like, syntax.Mapping, nil), like)
		items = append(items, u.info(empty, tags, docs))
	}
	return syntax.Synthetic(u.root, syntax.Mapping, items)
}

// info takes the root's tags and externalDocs in.
func (u *upgrader) info(n, tags, docs *syntax.Node) *syntax.Node {
	if !n.Is(syntax.Mapping) || tags == nil && docs == nil {
		return n
	}
	items := slices.Clone(n.Items)
	for _, moved := range []*syntax.Node{tags, docs} {
		if moved != nil && n.Get(moved.Key.Value) == nil {
			items = append(items, u.keep(moved))
		}
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

func (u *upgrader) components(n *syntax.Node) *syntax.Node {
	if !n.Is(syntax.Mapping) {
		return n
	}
	var items []*syntax.Node
	var traits []*syntax.Node
	for _, item := range once(n) {
		switch item.Key.Value {
		case "servers":
			items = append(items, u.each(item, func(n *syntax.Node) *syntax.Node { return u.either(n, u.server) }))
		case "securitySchemes":
			items = append(items, u.each(item, func(n *syntax.Node) *syntax.Node { return u.either(n, u.securityScheme) }))
		case "parameters":
			items = append(items, u.each(item, func(n *syntax.Node) *syntax.Node { return u.either(n, u.parameter) }))
		case "messages":
			if item.Is(syntax.Mapping) {
				items = append(items, syntax.Synthetic(item, syntax.Mapping, u.componentMessages(item)))
			}
		case "channels":
			channels, operations := u.convertChannels(item, u.spare)
			if channels.Len() > 0 {
				items = append(items, channels)
			}
			if len(operations) > 0 {
				items = append(items, named("operations", syntax.Synthetic(item, syntax.Mapping, operations), item))
			}
		case "operationTraits", "messageTraits":
			traits = append(traits, item)
		default:
			items = append(items, u.keep(item))
		}
	}
	for _, item := range traits {
		if left := u.traitsLeft(item); left.Len() > 0 {
			items = append(items, left)
		}
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

// traitsLeft are the traits of components that nothing has been given, and
// those that a reference leads into. The others have done their work.
func (u *upgrader) traitsLeft(n *syntax.Node) *syntax.Node {
	convert := u.messageTrait
	if n.KeyName() == "operationTraits" {
		convert = u.operationTrait
	}
	left := map[*syntax.Node]*syntax.Node{}
	for before := -1; before != len(left); { // one that is left may need another
		before = len(left)
		for _, item := range once(n) {
			if left[item] == nil && (u.needed[item] || !u.applied[item]) {
				left[item] = u.either(item, convert)
			}
		}
	}
	var items []*syntax.Node
	for _, item := range once(n) {
		if left[item] != nil {
			items = append(items, left[item])
		}
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

func (u *upgrader) operationTrait(n *syntax.Node) *syntax.Node {
	return u.fields(n, func(item *syntax.Node) []*syntax.Node {
		switch item.Key.Value {
		case "operationId":
			return nil
		case "security":
			return []*syntax.Node{u.security(item)}
		}
		return []*syntax.Node{u.keepField(item)}
	})
}

func (u *upgrader) messageTrait(n *syntax.Node) *syntax.Node {
	return u.fields(n, func(item *syntax.Node) []*syntax.Node {
		switch item.Key.Value {
		case "messageId", "schemaFormat":
			return nil
		}
		return []*syntax.Node{u.keepField(item)}
	})
}

// fields rebuilds an object field by field; what is no object stays.
func (u *upgrader) fields(n *syntax.Node, convert func(item *syntax.Node) []*syntax.Node) *syntax.Node {
	if !n.Is(syntax.Mapping) {
		return n
	}
	var items []*syntax.Node
	for _, item := range once(n) {
		items = append(items, convert(item)...)
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

// server splits the url into host and pathname.
func (u *upgrader) server(n *syntax.Node) *syntax.Node {
	return u.fields(n, func(item *syntax.Node) []*syntax.Node {
		switch item.Key.Value {
		case "url":
			return u.address(n, item)
		case "security":
			return []*syntax.Node{u.security(item)}
		}
		return []*syntax.Node{u.keepField(item)}
	})
}

// address are the fields that a server's url becomes: host, pathname where the
// url has a path, and protocol where the server states none.
func (u *upgrader) address(server, url *syntax.Node) []*syntax.Node {
	if url.Kind != syntax.String {
		return nil
	}
	scheme, host, pathname := splitURL(url.Value)
	items := []*syntax.Node{named("host", syntax.SyntheticString(url, host), url)}
	if pathname != "" {
		items = append(items, named("pathname", syntax.SyntheticString(url, pathname), url))
	}
	if host == "" {
		u.note(url.Span(), "url: %q names no host, which a server of 3.x must have; write the host by hand", clipText(url.Value))
	}
	protocol := server.Get("protocol")
	switch {
	case scheme == "":
	case protocol == nil:
		items = append(items, named("protocol", syntax.SyntheticString(url, scheme), url))
	case protocol.Is(syntax.String) && !strings.EqualFold(scheme, protocol.Value):
		u.note(url.Span(), "url: %q has the scheme %q, but protocol says %q, and 3.x knows only the protocol; check that it is the right one",
			clipText(url.Value), scheme, protocol.Value)
	}
	return items
}

// splitURL takes a server's url apart. It may be a template, or lack a scheme.
func splitURL(url string) (scheme, host, pathname string) {
	rest := url
	if before, after, ok := strings.Cut(url, "://"); ok && !strings.ContainsAny(before, "/?#") {
		scheme, rest = before, after
	} else {
		rest = strings.TrimPrefix(url, "//")
	}
	depth := 0 // inside {variable}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case depth == 0 && c == '/':
			return scheme, rest[:i], rest[i:]
		case depth == 0 && (c == '?' || c == '#'):
			return scheme, rest[:i], "/" + rest[i:]
		}
	}
	return scheme, rest, ""
}

// security turns requirements, which name schemes, into schemes. A scheme for
// which scopes are required is copied, since in 3.x a scheme itself says which.
func (u *upgrader) security(n *syntax.Node) *syntax.Node {
	if n.Kind != syntax.Sequence {
		return n
	}
	schemes := u.root.At("components", "securitySchemes")
	var items []*syntax.Node
	seen := map[string]bool{}
	for _, requirement := range n.Items {
		names := once(requirement)
		if len(names) == 0 && requirement.Kind == syntax.Mapping {
			u.note(requirement.Span(), "the requirement names no security scheme, and 3.x has no way to say \"none\"; it was left out, so describe in words that security is optional")
		}
		if len(names) > 1 {
			u.note(requirement.Span(), "the requirement asks for %s together, but in 3.x each entry of security is an alternative; describe in words that all are needed", quotedKeys(names))
		}
		for _, item := range names {
			scheme := u.scheme(item, schemes)
			if text := scheme.Get("$ref").Str(); text != "" {
				if seen[text] {
					continue
				}
				seen[text] = true
			}
			items = append(items, scheme)
		}
	}
	return syntax.Synthetic(n, syntax.Sequence, items)
}

// scheme is the security scheme that one entry of a requirement asks for.
func (u *upgrader) scheme(item, schemes *syntax.Node) *syntax.Node {
	def := u.follow(schemes.Get(item.Key.Value))
	if kind := def.Get("type").Str(); item.Is(syntax.Sequence) && len(item.Items) > 0 && (kind == "oauth2" || kind == "openIdConnect") {
		with := u.securityScheme(def)
		items := slices.DeleteFunc(slices.Clone(with.Items), func(n *syntax.Node) bool { return n.KeyName() == "scopes" })
		items = append(items, named("scopes", item, item))
		return syntax.WithKey(syntax.Synthetic(with, syntax.Mapping, items), nil)
	}
	pointer := "#/components/securitySchemes/" + syntax.EscapePointer(item.Key.Value)
	return syntax.WithKey(u.pointTo(item, pointer), nil)
}

func quotedKeys(items []*syntax.Node) string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = strconv.Quote(item.KeyName())
	}
	return strings.Join(names, " and ")
}

// securityScheme calls the scopes of OAuth flows what 3.x calls them.
func (u *upgrader) securityScheme(n *syntax.Node) *syntax.Node {
	flows := n.Get("flows")
	if !flows.Is(syntax.Mapping) {
		return u.keep(n)
	}
	return u.fields(n, func(item *syntax.Node) []*syntax.Node {
		if item != flows {
			return []*syntax.Node{u.keep(item)}
		}
		return []*syntax.Node{u.each(flows, func(flow *syntax.Node) *syntax.Node {
			return u.fields(flow, func(item *syntax.Node) []*syntax.Node {
				if item.Key.Value == "scopes" {
					return []*syntax.Node{named("availableScopes", item, item)}
				}
				return []*syntax.Node{u.keep(item)}
			})
		})}
	})
}
