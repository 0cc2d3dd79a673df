package document

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// convertChannels builds channels in the place of n, and what their operations
// become.
func (u *upgrader) convertChannels(n *syntax.Node, plans []*channelPlan) (channels *syntax.Node, operations []*syntax.Node) {
	var items []*syntax.Node
	for _, c := range plans {
		if c.item == nil {
			at := c.entry.Get("$ref")
			u.note(at.Span(), "%q leads nowhere, so the channel has only its address; correct the reference", clipText(at.Str()))
		} else {
			u.copyFrom(c.item.File)
		}
		items = append(items, u.channel(c))
		for _, o := range c.actions {
			operations = append(operations, u.operation(c, o))
		}
	}
	return syntax.Synthetic(n, syntax.Mapping, items), operations
}

// channel builds a Channel Object from a Channel Item Object.
func (u *upgrader) channel(c *channelPlan) *syntax.Node {
	if !c.item.Is(syntax.Mapping) && c.item != nil {
		return named(c.id, c.item, c.entry)
	}
	var items []*syntax.Node
	if c.address {
		items = append(items, named("address", atKey(c.entry, syntax.SyntheticString(c.entry, c.entry.Key.Value)), c.entry))
	}
	if len(c.messages) > 0 {
		items = append(items, named("messages", u.messages(c), c.entry))
	}
	for _, item := range once(c.item) {
		switch item.Key.Value {
		case "publish", "subscribe": // operations stand on their own
		case "servers":
			items = append(items, u.serverNames(item))
		case "parameters":
			items = append(items, u.each(item, func(n *syntax.Node) *syntax.Node { return u.either(n, u.parameter) }))
		case "deprecated":
			u.note(item.KeySpan(), "\"deprecated\" is not a field of a channel of 3.x; it was left out, so mark the channel's messages instead")
		default:
			items = append(items, u.keepField(item))
		}
	}
	like := c.item
	if like == nil {
		like = c.entry
	}
	return named(c.id, syntax.Synthetic(like, syntax.Mapping, items), c.entry)
}

// atKey puts a synthetic node at the place of like's key.
func atKey(like, n *syntax.Node) *syntax.Node {
	if like.Key != nil {
		n.Start, n.End = like.Key.Start, like.Key.End
	}
	return n
}

// messages are the messages of a channel.
func (u *upgrader) messages(c *channelPlan) *syntax.Node {
	items := make([]*syntax.Node, len(c.messages))
	for i, m := range c.messages {
		place := c.place + "/messages/" + syntax.EscapePointer(m.key)
		items[i] = named(m.key, u.channelMessage(m.variant, place), m.at)
	}
	return syntax.Synthetic(c.entry, syntax.Mapping, items)
}

// channelMessage is a message of a channel: what was written in one of its
// operations, or a reference to where it is.
func (u *upgrader) channelMessage(m variant, place string) *syntax.Node {
	switch {
	case m.def == nil:
		return u.reference(m.at)
	case !u.own(m.def):
		u.copyFrom(m.def.File)
		return u.convertMessage(m.def)
	case m.at != m.def:
		return u.reference(m.at)
	case u.place[m.def] == place:
		return u.convertMessage(m.def)
	}
	return u.pointTo(m.at, "#"+u.place[m.def])
}

// componentMessages are the messages of components. One that stands for
// several makes way for them.
func (u *upgrader) componentMessages(n *syntax.Node) []*syntax.Node {
	var items []*syntax.Node
	for _, item := range once(n) {
		def := u.follow(item)
		if def.Get("oneOf") == nil {
			items = append(items, u.either(item, u.convertMessage))
			continue
		}
		u.note(item.KeySpan(), "%q stands for one of several messages (oneOf), which 3.x has not; the channels that had it list those messages themselves", clipText(item.Key.Value))
		for _, c := range u.variants(item) {
			if c.at != c.def || u.keys[c.def] == "" {
				continue
			}
			items = append(items, named(u.keys[c.def], u.convertMessage(c.def), item))
			delete(u.keys, c.def)
		}
	}
	return items
}

// convertMessage builds a Message Object of 3.x.
func (u *upgrader) convertMessage(def *syntax.Node) *syntax.Node {
	if !def.Is(syntax.Mapping) {
		return def
	}
	if done := u.message[def]; done != nil {
		return done
	}
	effective := u.effective(def)
	format := foreignFormat(effective)
	var items []*syntax.Node
	for _, item := range once(effective) {
		switch item.Key.Value {
		case "messageId", "schemaFormat":
		case "payload":
			kept := u.keep(item)
			if format != nil {
				kept = named("payload", syntax.Synthetic(item, syntax.Mapping, []*syntax.Node{
					format, named("schema", kept, item)}), item)
			}
			items = append(items, kept)
		default:
			items = append(items, u.keepField(item))
		}
	}
	done := syntax.Synthetic(def, syntax.Mapping, items)
	u.message[def] = done
	return done
}

// operation builds an Operation Object from the publish or subscribe of a
// channel item.
func (u *upgrader) operation(c *channelPlan, o *operationPlan) *syntax.Node {
	pointer := "#" + c.place
	items := []*syntax.Node{
		named("action", atKey(o.node, syntax.SyntheticString(o.node, o.action)), o.node),
		named("channel", atKey(c.entry, u.pointTo(c.entry, pointer)), c.entry),
	}
	effective := u.effective(o.node)
	for _, item := range once(effective) {
		switch item.Key.Value {
		case "operationId":
		case "message":
			items = append(items, u.messageRefs(c, o, item))
		case "security":
			items = append(items, u.security(item))
		default:
			items = append(items, u.keepField(item))
		}
	}
	if !o.stated && len(c.messages) > 0 {
		// Unstated means none in 2.x and all of the channel's in 3.x.
		items = append(items, named("messages", syntax.Synthetic(o.node, syntax.Sequence, nil), o.node))
	}
	like := o.node
	if id := effective.Get("operationId"); id.Is(syntax.String) {
		like = id
	}
	built := syntax.Synthetic(o.node, syntax.Mapping, items)
	if like == o.node {
		return named(o.id, built, o.node)
	}
	return syntax.WithKey(built, syntax.SyntheticString(like, o.id))
}

// messageRefs are the references from an operation to its messages.
func (u *upgrader) messageRefs(c *channelPlan, o *operationPlan, message *syntax.Node) *syntax.Node {
	byKey := make(map[string]*syntax.Node, len(c.messages))
	for _, m := range c.messages {
		byKey[m.key] = m.at
	}
	items := make([]*syntax.Node, len(o.keys))
	for i, key := range o.keys {
		pointer := "#" + c.place + "/messages/" + syntax.EscapePointer(key)
		items[i] = syntax.WithKey(u.pointTo(byKey[key], pointer), nil)
	}
	return named("messages", syntax.Synthetic(message, syntax.Sequence, items), message)
}

// serverNames turns the names of servers into references.
func (u *upgrader) serverNames(n *syntax.Node) *syntax.Node {
	if n.Kind != syntax.Sequence {
		return n
	}
	items := make([]*syntax.Node, len(n.Items))
	for i, item := range n.Items {
		items[i] = item
		if item.Kind == syntax.String {
			items[i] = u.pointTo(item, "#/servers/"+syntax.EscapePointer(item.Value))
		}
	}
	return syntax.Synthetic(n, syntax.Sequence, items)
}

// parameter builds a Parameter Object of 3.x, which is always a string and has
// of a schema only enum, default, description and examples.
func (u *upgrader) parameter(n *syntax.Node) *syntax.Node {
	return u.fields(n, func(item *syntax.Node) []*syntax.Node {
		if item.Key.Value != "schema" {
			return []*syntax.Node{u.keep(item)}
		}
		schema := u.follow(item)
		if schema == nil {
			u.note(item.Span(), "the schema of the parameter %q was not found, so it was left out; correct the reference", n.KeyName())
			return nil
		}
		return u.parameterFields(n, item, schema)
	})
}

func (u *upgrader) parameterFields(parameter, at, schema *syntax.Node) []*syntax.Node {
	var items []*syntax.Node
	var lost []string
	for _, item := range once(schema) {
		switch name := item.Key.Value; name {
		case "type":
			if item.Str() != "string" {
				lost = append(lost, name)
			}
		case "enum", "examples":
			items = append(items, u.strings(item))
		case "const":
			if schema.Get("enum") == nil {
				one := syntax.WithKey(item, nil)
				items = append(items, named("enum", u.strings(syntax.Synthetic(item, syntax.Sequence, []*syntax.Node{one})), item))
			}
		case "default":
			if item.Kind >= syntax.Bool && item.Kind <= syntax.String {
				items = append(items, u.asString(item))
			}
		case "description":
			if parameter.Get("description") == nil {
				items = append(items, item)
			}
		case "title", "$comment", "$id", "$schema":
		default:
			if !isExtension(name) {
				lost = append(lost, name)
			}
		}
	}
	if len(lost) > 0 {
		u.note(at.KeySpan(), "the parameter %q loses %s of its schema: in 3.x a parameter is a string with enum, default and examples; describe the rest in words or as an enum",
			parameter.KeyName(), strings.Join(lost, ", "))
	}
	return items
}

// strings is a list of scalars, each as a string.
func (u *upgrader) strings(n *syntax.Node) *syntax.Node {
	if n.Kind != syntax.Sequence {
		return n
	}
	var items []*syntax.Node
	for _, item := range n.Items {
		if item.Kind >= syntax.Bool && item.Kind <= syntax.String {
			items = append(items, u.asString(item))
		}
	}
	if slices.Equal(items, n.Items) {
		return n
	}
	return syntax.Synthetic(n, syntax.Sequence, items)
}

func (u *upgrader) asString(n *syntax.Node) *syntax.Node {
	if n.Kind == syntax.String {
		return n
	}
	return syntax.SyntheticString(n, n.Value)
}
