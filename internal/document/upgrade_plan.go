package document

import (
	"path"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// channelPlan is a channel of the upgraded document.
type channelPlan struct {
	entry    *syntax.Node // under channels, with its key
	item     *syntax.Node // the Channel Item Object that entry is, or refers to; nil for nothing
	id       string
	place    string // its JSON Pointer
	address  bool   // whether the key in 2.x is the address: not in components
	actions  []*operationPlan
	messages []messagePlan
}

// operationPlan is an operation of a channel.
type operationPlan struct {
	node   *syntax.Node // the Operation Object under publish or subscribe
	action string
	id     string
	keys   []string // of its messages in the channel
	stated bool     // whether it has a message at all
}

// messagePlan is an entry of a channel's messages.
type messagePlan struct {
	key string
	variant
}

// variant is one of the messages that a Message Object stands for: itself, or
// each below its oneOf.
type variant struct {
	at  *syntax.Node // as written: a reference, or the definition itself
	def *syntax.Node // the definition, nil where a reference leads nowhere
}

// plan gives everything that moves its place.
func (u *upgrader) plan() {
	for _, field := range []string{"tags", "externalDocs"} {
		if n := u.root.Get(field); n != nil {
			u.place[n] = "/info/" + field
		}
	}
	u.planComponentMessages()

	entries := once(u.root.Get("channels"))
	ids := channelIDs(entries)
	for i, entry := range entries {
		c := &channelPlan{entry: entry, item: u.follow(entry), id: ids[i], address: true,
			place: "/channels/" + syntax.EscapePointer(ids[i])}
		u.channels = append(u.channels, c)
		u.place[entry] = c.place
		// References to what the entry refers to lead to the first that does.
		for hop := entry; IsRef(hop); {
			if hop = u.hop(hop); hop == nil || u.place[hop] != "" {
				break
			}
			u.place[hop] = c.place
		}
	}
	for _, entry := range once(u.root.At("components", "channels")) {
		if u.place[entry] != "" {
			continue
		}
		item := u.follow(entry)
		if item != entry && item != nil && u.place[item] != "" {
			u.place[entry] = u.place[item]
			continue
		}
		c := &channelPlan{entry: entry, item: item, id: entry.Key.Value,
			place: "/components/channels/" + syntax.EscapePointer(entry.Key.Value)}
		u.spare = append(u.spare, c)
	}
	u.planOperations()
	for _, c := range u.all() {
		u.planMessages(c)
	}
}

func (u *upgrader) all() []*channelPlan {
	return append(u.channels[:len(u.channels):len(u.channels)], u.spare...)
}

// channelIDs are the keys of channels: the address where it can be a name, and
// else one that is made from it. An address that is a name keeps it, whatever
// is made from the others. An x-channelId, which says what the key will be, is
// honoured.
func channelIDs(entries []*syntax.Node) []string {
	ids := make([]string, len(entries))
	taken := map[string]bool{}
	claim := func(i int, id string) {
		if id != "" && nameFault(ComponentName, id) == "" && !taken[id] {
			ids[i], taken[id] = id, true
		}
	}
	for i, entry := range entries {
		claim(i, entry.Get("x-channelId").Str())
	}
	for i, entry := range entries {
		if ids[i] == "" {
			claim(i, entry.Key.Value)
		}
	}
	for i, entry := range entries {
		if ids[i] == "" {
			ids[i] = unique(taken, nameFrom(entry.Key.Value, "channel"))
		}
	}
	return ids
}

// nameFrom makes a name of a text: what a name cannot have becomes a dot.
func nameFrom(text, otherwise string) string {
	var b strings.Builder
	gap := false
	for _, r := range text {
		if nameFault(ComponentName, string(r)) != "" || r == '.' {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('.')
			gap = false
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return otherwise
	}
	return b.String()
}

// unique returns name, with a number where it is taken, and takes it.
func unique(taken map[string]bool, name string) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

// planOperations names the operations: as operationId says, else after channel
// and action.
func (u *upgrader) planOperations() {
	for _, c := range u.all() {
		for _, item := range once(c.item) {
			action := map[string]string{"publish": "receive", "subscribe": "send"}[item.Key.Value]
			if action == "" || !item.Is(syntax.Mapping) {
				continue
			}
			c.actions = append(c.actions, &operationPlan{node: item, action: action})
		}
	}
	taken := map[string]bool{}
	for _, c := range u.all() {
		for _, o := range c.actions {
			id := u.effective(o.node).Get("operationId")
			if id.Str() == "" {
				continue
			}
			o.id = unique(taken, id.Value)
			if o.id != id.Value {
				u.note(id.Span(), "operationId: %q stands for a second operation, which was called %q; choose its name", clipText(id.Value), o.id)
			}
		}
	}
	for _, c := range u.all() {
		for _, o := range c.actions {
			if o.id == "" {
				o.id = unique(taken, nameFrom(c.id, "channel")+"."+o.action)
			}
			if u.own(o.node) && u.place[o.node] == "" {
				u.place[o.node] = c.operations() + "/" + syntax.EscapePointer(o.id)
			}
		}
	}
}

// operations is where the channel's operations stand.
func (c *channelPlan) operations() string {
	if c.address {
		return "/operations"
	}
	return "/components/operations"
}

// planComponentMessages finds the messages in components that stand for
// several, and gives each that is written inside them a component of its own.
func (u *upgrader) planComponentMessages() {
	messages := u.root.At("components", "messages")
	taken := map[string]bool{}
	for _, item := range once(messages) {
		taken[item.Key.Value] = true
	}
	for _, item := range once(messages) {
		at := "/components/messages/"
		if item.Get("oneOf") == nil {
			u.placePayload(item, at+syntax.EscapePointer(item.Key.Value))
			continue
		}
		for i, c := range u.variants(item) {
			if c.at != c.def || !u.own(c.def) || u.place[c.def] != "" {
				continue
			}
			key := u.messageName(c, item.Key.Value+"-"+strconv.Itoa(i+1))
			if nameFault(ComponentName, key) != "" {
				key = nameFrom(key, item.Key.Value)
			}
			key = unique(taken, key)
			u.keys[c.def] = key
			u.settle(c.def, at+syntax.EscapePointer(key))
		}
	}
}

// settle gives a message that moves its place.
func (u *upgrader) settle(def *syntax.Node, place string) {
	u.place[def] = place
	u.placePayload(def, place)
}

// placePayload gives the payload of a message at a place its own, where it
// moves below its format.
func (u *upgrader) placePayload(def *syntax.Node, place string) {
	if payload := def.Get("payload"); payload != nil && foreignFormat(u.effective(def)) != nil {
		u.place[payload] = place + "/payload/schema"
	}
}

// foreignFormat is the schemaFormat of a message where it is another than
// AsyncAPI's own.
func foreignFormat(message *syntax.Node) *syntax.Node {
	format := message.Get("schemaFormat")
	if !format.Is(syntax.String) || strings.HasPrefix(format.Value, "application/vnd.aai.asyncapi") {
		return nil
	}
	return format
}

// variants are the messages that a message stands for, each once.
func (u *upgrader) variants(message *syntax.Node) []variant {
	var found []variant
	seen := map[*syntax.Node]bool{}
	var collect func(n *syntax.Node)
	collect = func(n *syntax.Node) {
		def := u.follow(n)
		if def != nil {
			if seen[def] {
				return
			}
			seen[def] = true
			if several := def.Get("oneOf"); several != nil {
				if several.Is(syntax.Sequence) {
					for _, one := range several.Items {
						collect(one)
					}
				}
				return
			}
		}
		if n.Is(syntax.Mapping) {
			found = append(found, variant{n, def})
		}
	}
	collect(message)
	return found
}

// messageName is what a message is called: by its messageId, which stays as it
// is, by the name that a reference knows it under, by its name.
func (u *upgrader) messageName(c variant, otherwise string) string {
	effective := c.def
	if effective != nil {
		effective = u.effective(effective)
	}
	if id := effective.Get("messageId").Str(); id != "" {
		return id
	}
	if c.at != c.def {
		file, fragment, _ := strings.Cut(c.at.Get("$ref").Value, "#")
		base := unescape(path.Base(fragment))
		if strings.Trim(fragment, "/") == "" {
			base = path.Base(file)
			base = strings.TrimSuffix(base, path.Ext(base))
		}
		if base != "message" { // the field of an operation
			return nameFrom(base, otherwise)
		}
	}
	return nameFrom(effective.Get("name").Str(), otherwise)
}

// planMessages says which messages a channel has, and which of them each of
// its operations.
func (u *upgrader) planMessages(c *channelPlan) {
	taken := map[string]bool{}
	keys := map[*syntax.Node]string{}
	for _, o := range c.actions {
		message := u.effective(o.node).Get("message")
		if message == nil {
			continue
		}
		o.stated = true
		for _, m := range u.variants(message) {
			known := m.def
			if known == nil {
				known = m.at
			}
			key, ok := keys[known]
			if !ok {
				key = u.keys[m.def]
				if key == "" {
					key = u.messageName(m, "message")
				}
				key = unique(taken, key)
				keys[known] = key
				c.messages = append(c.messages, messagePlan{key, m})
				if m.at == m.def && u.own(m.def) && u.place[m.def] == "" {
					u.settle(m.def, c.place+"/messages/"+syntax.EscapePointer(key))
				}
			}
			o.keys = append(o.keys, key)
		}
	}
}
