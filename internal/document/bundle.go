package document

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Upgraded is the document in the form of UpgradedTo: what 2.x was upgraded
// to, or 3.0 with its version changed, since 3.1 only adds.
func Upgraded(d *Document) *syntax.Node {
	if d.Version.Major == 2 || IsCurrent(d) {
		return d.Root
	}
	items := make([]*syntax.Node, len(d.Root.Items))
	for i, item := range d.Root.Items {
		if item.KeyName() == "asyncapi" {
			item = syntax.WithKey(syntax.SyntheticString(item, UpgradedTo), item.Key)
		}
		items[i] = item
	}
	return syntax.Synthetic(d.Root, syntax.Mapping, items)
}

// IsCurrent reports whether a document is of the version that Upgraded leads
// to, or a later one.
func IsCurrent(d *Document) bool { return d.Version.Major == 3 && d.Version.Minor >= 1 }

// Bundle brings a document of 3.x and all that it refers to into one tree.
// What another file defines becomes a component, under a name made from the
// reference, or is written in place where components have no room for it.
func Bundle(d *Document) *syntax.Node {
	b := &bundler{doc: d, kinds: map[*syntax.Node]*Object{}, dialects: map[*syntax.Node]schema.Dialect{}, places: map[*syntax.Node]string{},
		taken: map[string]bool{}, added: map[string][]*syntax.Node{}, within: map[*syntax.Node]bool{}}
	for _, v := range d.visits {
		b.kinds[v.Node] = v.Object
	}
	for _, s := range d.schemas {
		b.dialects[s.Node] = s.Dialect
	}
	// What an entry of the document's own maps stands for is written at the
	// entry: pointers lead through it, and it has a name already.
	for _, name := range []string{"servers", "channels", "operations"} {
		for _, entry := range entriesOf(d.Root.Get(name)) {
			b.settle(entry, d.Resolve(entry))
		}
	}
	for _, section := range entriesOf(d.Root.Get("components")) {
		for _, entry := range entriesOf(section) {
			b.taken[section.KeyName()+"/"+entry.KeyName()] = true
			if to := d.Target(entry); IsRef(entry) && to != nil && b.section(to) == section.KeyName() && b.wrapper(to) == "" {
				b.settle(entry, to)
			}
		}
	}
	return b.root()
}

// settle gives what an entry of the document refers to its place at the entry,
// where another file defines it.
func (b *bundler) settle(entry, to *syntax.Node) {
	if IsRef(entry) && to != nil && to.File != b.doc.Root.File && b.places[to] == "" {
		b.places[to] = entry.Pointer()
	}
}

// entriesOf are the values of a mapping; none where n is no mapping.
func entriesOf(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return n.Items
}

type bundler struct {
	doc      *Document
	kinds    map[*syntax.Node]*Object
	dialects map[*syntax.Node]schema.Dialect // of the schemas that stand on their own
	places   map[*syntax.Node]string         // pointers to where what other files define now is
	taken    map[string]bool                 // section/name
	added    map[string][]*syntax.Node       // components by section
	within   map[*syntax.Node]bool           // what is being written in place
	order    []string                        // sections in the order of their first component
}

// root rewrites the document and adds the components that it needed.
func (b *bundler) root() *syntax.Node {
	root := b.doc.Root
	items := make([]*syntax.Node, 0, len(root.Items)+1)
	at := -1
	for _, item := range root.Items {
		name := item.KeyName()
		switch name {
		case "components":
			at = len(items)
			sections := make([]*syntax.Node, len(item.Items))
			for i, section := range item.Items {
				sections[i] = b.entries(section)
			}
			item = b.same(item, sections)
		case "servers", "channels", "operations":
			item = b.entries(item)
		default:
			item = b.rewrite(item)
		}
		items = append(items, item)
	}
	if len(b.order) == 0 {
		return b.same(root, items)
	}
	var components []*syntax.Node
	if at >= 0 {
		components = append(components, items[at].Items...)
	}
	for _, section := range b.order {
		i := indexOfKey(components, section)
		if i < 0 {
			components = append(components, syntax.NewEntry(section, syntax.Synthetic(nil, syntax.Mapping, b.added[section])))
			continue
		}
		all := append(append([]*syntax.Node(nil), components[i].Items...), b.added[section]...)
		components[i] = syntax.Synthetic(components[i], syntax.Mapping, all)
	}
	if at < 0 {
		items = append(items, syntax.NewEntry("components", syntax.Synthetic(nil, syntax.Mapping, components)))
	} else {
		items[at] = syntax.Synthetic(items[at], syntax.Mapping, components)
	}
	return syntax.Synthetic(root, syntax.Mapping, items)
}

func indexOfKey(items []*syntax.Node, key string) int {
	for i, item := range items {
		if item.KeyName() == key {
			return i
		}
	}
	return -1
}

// entries rewrites a map of the document whose entries may be defined
// elsewhere; those are written in place.
func (b *bundler) entries(n *syntax.Node) *syntax.Node {
	items := make([]*syntax.Node, len(n.Items))
	for i, entry := range n.Items {
		items[i] = nil
		if IsRef(entry) {
			for to := b.doc.Target(entry); to != nil; to = b.doc.Target(to) {
				if b.places[to] == entry.Pointer() {
					items[i] = syntax.WithKey(b.content(to), entry.Key)
					break
				}
				if !IsRef(to) {
					break
				}
			}
		}
		if items[i] == nil {
			items[i] = b.rewrite(entry)
		}
	}
	return b.same(n, items)
}

// same is n itself where its items are unchanged, so that its source text is
// kept, else a copy with the new ones.
func (b *bundler) same(n *syntax.Node, items []*syntax.Node) *syntax.Node {
	for i := range items {
		if items[i] != n.Items[i] {
			return syntax.Synthetic(n, n.Kind, items)
		}
	}
	return n
}

// rewrite returns n with every reference leading into the bundle.
func (b *bundler) rewrite(n *syntax.Node) *syntax.Node {
	main := b.doc.Root.File
	if ref := refText(n); ref != nil {
		if _, isRef := b.doc.targets[n]; isRef {
			to := b.doc.Target(n)
			if to == nil || to.File == main && n.File == main {
				return n
			}
			at := ""
			if to.File == main {
				at = to.Pointer()
			} else if at = b.place(to, n); at == "" {
				if b.within[to] {
					return n // a circle that nothing can hold
				}
				b.within[to] = true
				defer delete(b.within, to)
				return syntax.WithKey(b.rewrite(to), n.Key)
			}
			return b.pointing(n, ref, (&url.URL{Fragment: at}).String())
		}
	}
	if len(n.Items) == 0 {
		return n
	}
	items := make([]*syntax.Node, len(n.Items))
	for i, item := range n.Items {
		items[i] = b.rewrite(item)
	}
	return b.same(n, items)
}

// pointing is a reference with another text. Later drafts of JSON Schema have
// more beside it.
func (b *bundler) pointing(n, ref *syntax.Node, text string) *syntax.Node {
	if n == ref {
		return syntax.WithKey(syntax.SyntheticString(n, text), n.Key)
	}
	items := make([]*syntax.Node, len(n.Items))
	for i, item := range n.Items {
		if item == ref {
			items[i] = syntax.WithKey(syntax.SyntheticString(ref, text), ref.Key)
		} else {
			items[i] = b.rewrite(item)
		}
	}
	return syntax.Synthetic(n, syntax.Mapping, items)
}

// content is what another file defines, as it is written in the bundle. A
// schema loses its $id: references in it are about the bundle now.
func (b *bundler) content(to *syntax.Node) *syntax.Node {
	n := b.rewrite(to)
	if b.section(to) != "schemas" || !strings.Contains(to.Get("$id").Str(), ":") {
		return n
	}
	items := slices.DeleteFunc(slices.Clone(n.Items), func(item *syntax.Node) bool { return item.KeyName() == "$id" })
	return syntax.Synthetic(n, syntax.Mapping, items)
}

// place gives what another file defines a place in the bundle and returns a
// pointer to it; "" where there is no room for its kind.
func (b *bundler) place(to, ref *syntax.Node) string {
	for at := to; at != nil; at = at.Parent {
		if p := b.places[at]; p != "" {
			return p + strings.TrimPrefix(to.Pointer(), at.Pointer())
		}
	}
	section := b.section(to)
	if section == "" {
		return ""
	}
	name := b.name(section, to, refText(ref).Value)
	format := b.wrapper(to)
	b.places[to] = "/components/" + section + "/" + syntax.EscapePointer(name)
	if format != "" {
		b.places[to] += "/schema"
	}
	if _, ok := b.added[section]; !ok {
		b.order = append(b.order, section)
	}
	i := len(b.added[section])
	b.added[section] = append(b.added[section], nil)
	entry := b.content(to)
	if format != "" {
		entry = syntax.Synthetic(nil, syntax.Mapping, []*syntax.Node{
			syntax.NewEntry("schemaFormat", syntax.NewScalar(syntax.String, format)), syntax.NewEntry("schema", entry)})
	}
	b.added[section][i] = syntax.NewEntry(name, entry)
	return b.places[to]
}

// wrapper is the schemaFormat that a schema needs among the components, where
// it is not in the document's own dialect; "" for what needs none.
func (b *bundler) wrapper(to *syntax.Node) string {
	if b.kinds[to] != nil {
		return ""
	}
	switch b.dialect(to) {
	case schema.Draft4:
		return "application/schema+json;version=draft-04"
	case schema.Draft6:
		return "application/schema+json;version=draft-06"
	case schema.Draft7:
		return "application/schema+json;version=draft-07"
	case schema.Draft2019:
		return "application/schema+json;version=2019-09"
	case schema.Draft2020:
		return "application/schema+json;version=2020-12"
	case schema.OpenAPI30:
		return "application/vnd.oai.openapi;version=3.0.0"
	}
	return ""
}

// dialect is that of a schema: its own, or of the schema that it is part of.
func (b *bundler) dialect(n *syntax.Node) schema.Dialect {
	for at := n; at != nil; at = at.Parent {
		if d, ok := b.dialects[at]; ok {
			return d
		}
	}
	return schema.AsyncAPI
}

// name makes a name for a component that is free in its section.
func (b *bundler) name(section string, to *syntax.Node, ref string) string {
	name := to.KeyName()
	if name == "" {
		file, _, _ := strings.Cut(ref, "#")
		name = strings.TrimSuffix(path.Base(file), path.Ext(file))
	}
	clean := strings.Map(func(r rune) rune {
		if nameFault(ComponentName, string(r)) != "" {
			return '-'
		}
		return r
	}, name)
	if clean == "" {
		clean = "component"
	}
	free := clean
	for i := 2; b.taken[section+"/"+free]; i++ {
		free = clean + "-" + strconv.Itoa(i)
	}
	b.taken[section+"/"+free] = true
	return free
}

// section is where components of the kind of a node stand; "" where there is
// no such section.
func (b *bundler) section(n *syntax.Node) string {
	kind := b.kinds[n]
	if kind == nil && IsRef(n) {
		if to := b.doc.Resolve(n); to != nil {
			return b.section(to)
		}
	}
	switch kind {
	case nil: // schemas alone are not objects of their own
		if d := b.dialect(n); !d.IsJSONSchema() {
			return ""
		}
		return "schemas"
	case MultiFormat:
		return "schemas"
	case Server:
		return "servers"
	case Channel:
		return "channels"
	case Operation:
		return "operations"
	case Message:
		return "messages"
	case SecurityScheme:
		return "securitySchemes"
	case ServerVariable:
		return "serverVariables"
	case Parameter:
		return "parameters"
	case CorrelationID:
		return "correlationIds"
	case Reply:
		return "replies"
	case ReplyAddress:
		return "replyAddresses"
	case ExternalDocs:
		return "externalDocs"
	case Tag:
		return "tags"
	case OperationTrait:
		return "operationTraits"
	case MessageTrait:
		return "messageTraits"
	case ServerBindings:
		return "serverBindings"
	case ChannelBindings:
		return "channelBindings"
	case OperationBindings:
		return "operationBindings"
	case MessageBindings:
		return "messageBindings"
	}
	return ""
}
