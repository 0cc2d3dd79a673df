package document

import (
	"path"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// Upgraded is the document in the form of UpgradedTo: what 2.x was upgraded
// to, or 3.0 with its version changed, since 3.1 only adds.
func Upgraded(d *Document) *syntax.Node {
	if d.Version.Major == 2 {
		return d.Root
	}
	items := make([]*syntax.Node, len(d.Root.Items))
	for i, item := range d.Root.Items {
		if item.KeyName() == "asyncapi" && d.Version.Minor < 1 {
			item = syntax.WithKey(syntax.SyntheticString(item, UpgradedTo), item.Key)
		}
		items[i] = item
	}
	return syntax.Synthetic(d.Root, syntax.Mapping, items)
}

// Bundle brings a document of 3.x and all that it refers to into one tree.
// What another file defines becomes a component, under a name made from the
// reference, or is written in place where components have no room for it.
func Bundle(d *Document) *syntax.Node {
	b := &bundler{doc: d, kinds: map[*syntax.Node]*Object{}, places: map[*syntax.Node]string{},
		taken: map[string]bool{}, added: map[string][]*syntax.Node{}, within: map[*syntax.Node]bool{}}
	for _, v := range d.visits {
		b.kinds[v.Node] = v.Object
	}
	for _, s := range d.schemas {
		if _, known := b.kinds[s.Node]; !known && s.Dialect.IsJSONSchema() {
			b.kinds[s.Node] = Schema
		}
	}
	for _, section := range entriesOf(d.Root.Get("components")) {
		for _, entry := range entriesOf(section) {
			b.taken[section.KeyName()+"/"+entry.KeyName()] = true
		}
	}
	// A channel, operation or server of the document that another file defines
	// is written at its entry: pointers lead through it.
	for _, name := range []string{"servers", "channels", "operations"} {
		for _, entry := range entriesOf(d.Root.Get(name)) {
			if to := d.Resolve(entry); to != nil && to != entry && to.File != d.Root.File {
				b.places[to] = "#/" + name + "/" + syntax.EscapePointer(entry.KeyName())
			}
		}
	}
	return b.root()
}

// entriesOf are the values of a mapping; none where n is no mapping.
func entriesOf(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return n.Items
}

type bundler struct {
	doc    *Document
	kinds  map[*syntax.Node]*Object
	places map[*syntax.Node]string   // where what other files define now is
	taken  map[string]bool           // section/name
	added  map[string][]*syntax.Node // components by section
	within map[*syntax.Node]bool     // what is being written in place
	order  []string                  // sections in the order of their first component
}

// root rewrites the document and adds the components that it needed.
func (b *bundler) root() *syntax.Node {
	root := b.doc.Root
	items := make([]*syntax.Node, 0, len(root.Items)+1)
	at := -1
	for _, item := range root.Items {
		name := item.KeyName()
		if name == "components" {
			at = len(items)
		}
		if name == "servers" || name == "channels" || name == "operations" {
			items = append(items, b.entries(item))
			continue
		}
		items = append(items, b.rewrite(item))
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
		to := b.doc.Resolve(entry)
		if IsRef(entry) && to != nil && to.File != b.doc.Root.File {
			items[i] = syntax.WithKey(b.rewrite(to), entry.Key)
		} else {
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
			text := ""
			if to.File == main {
				text = "#" + to.Pointer()
			} else if text = b.place(to, n); text == "" {
				if b.within[to] {
					return n // a circle that nothing can hold
				}
				b.within[to] = true
				defer delete(b.within, to)
				return syntax.WithKey(b.rewrite(to), n.Key)
			}
			return b.pointing(n, ref, text)
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

// pointing is a reference with another text.
func (b *bundler) pointing(n, ref *syntax.Node, text string) *syntax.Node {
	if n == ref {
		return syntax.WithKey(syntax.SyntheticString(n, text), n.Key)
	}
	items := make([]*syntax.Node, len(n.Items))
	for i, item := range n.Items {
		if item == ref {
			item = syntax.WithKey(syntax.SyntheticString(ref, text), ref.Key)
		}
		items[i] = item
	}
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
	b.places[to] = "#/components/" + section + "/" + syntax.EscapePointer(name)
	if _, ok := b.added[section]; !ok {
		b.order = append(b.order, section)
	}
	i := len(b.added[section])
	b.added[section] = append(b.added[section], nil)
	entry := b.rewrite(to)
	b.added[section][i] = syntax.NewEntry(name, entry)
	return b.places[to]
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
			kind = b.kinds[to]
		}
	}
	switch kind {
	case Schema, MultiFormat:
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
