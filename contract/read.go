package contract

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// reader links what a document says into a Contract.
type reader struct {
	doc      *document.Document
	c        *Contract
	servers  map[*syntax.Node]*Server  // by entry, and by definition
	channels map[*syntax.Node]*Channel // by entry, and by definition
	docCE    *syntax.Node              // the document's x-cloudevents

	messages     map[messageOf]*Message       // by entry
	definitions  map[messageOf]*Message       // see defined
	compositions map[*syntax.Node]*properties // see composed
}

// Of reads what a document means.
func Of(doc *document.Document) *Contract {
	root := doc.Root
	c := &Contract{
		Place:              Place{root},
		doc:                doc,
		ID:                 root.Get("id").Str(),
		Title:              root.At("info", "title").Str(),
		Version:            root.At("info", "version").Str(),
		Description:        root.At("info", "description").Str(),
		DefaultContentType: root.Get("defaultContentType").Str(),
	}
	r := &reader{doc: doc, c: c, servers: map[*syntax.Node]*Server{}, channels: map[*syntax.Node]*Channel{},
		messages: map[messageOf]*Message{}, compositions: map[*syntax.Node]*properties{}, docCE: root.Get(document.ExtCloudEvents)}
	c.Compatibility = readCompatibility(Compatibility{}, root.Get(document.ExtCompatibility))
	for _, n := range entries(root.Get("servers")) {
		c.Servers = append(c.Servers, r.server(n))
	}
	for _, n := range entries(root.Get("channels")) {
		c.Channels = append(c.Channels, r.channel(n))
	}
	for _, ch := range c.Channels {
		r.channelLinks(ch)
	}
	for _, n := range entries(root.Get("operations")) {
		c.Operations = append(c.Operations, r.operation(n))
	}
	c.EventTypes = eventTypes(c.Channels)
	return c
}

func entries(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return n.Items
}

func elements(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Sequence) {
		return nil
	}
	return n.Items
}

// object follows references to a mapping; an empty one where the way ends, so
// that readers need not care.
func (r *reader) object(n *syntax.Node) *syntax.Node {
	if to := r.doc.Resolve(n); to.Is(syntax.Mapping) {
		return to
	}
	return syntax.Synthetic(n, syntax.Mapping, nil)
}

func texts(n *syntax.Node) []string {
	var out []string
	for _, item := range elements(n) {
		if item.Is(syntax.String) {
			out = append(out, item.Value)
		}
	}
	return out
}

func (r *reader) server(entry *syntax.Node) *Server {
	n := r.object(entry)
	s := &Server{
		Place: Place{n}, Name: entry.KeyName(),
		Host: n.Get("host").Str(), Pathname: n.Get("pathname").Str(),
		Protocol: n.Get("protocol").Str(), ProtocolVersion: n.Get("protocolVersion").Str(),
		Title: n.Get("title").Str(), Summary: n.Get("summary").Str(), Description: n.Get("description").Str(),
		Security: r.security(n.Get("security")), Bindings: r.bindings(n.Get("bindings")),
	}
	for _, e := range entries(n.Get("variables")) {
		v := r.object(e)
		s.Variables = append(s.Variables, &Variable{Place: Place{v}, Name: e.KeyName(),
			Enum: texts(v.Get("enum")), Default: v.Get("default").Str(), Examples: texts(v.Get("examples"))})
	}
	r.servers[entry] = s
	if _, known := r.servers[n]; !known {
		r.servers[n] = s
	}
	return s
}

func (r *reader) security(list *syntax.Node) []*SecurityScheme {
	var out []*SecurityScheme
	for _, item := range elements(list) {
		n := r.object(item)
		out = append(out, &SecurityScheme{Place: Place{n}, Type: n.Get("type").Str(), Scopes: texts(n.Get("scopes"))})
	}
	return out
}

func (r *reader) bindings(n *syntax.Node) Bindings {
	if n == nil {
		return nil
	}
	b := Bindings{}
	for _, item := range entries(r.object(n)) {
		if strings.HasPrefix(item.KeyName(), "x-") {
			continue
		}
		b[item.KeyName()] = item
	}
	return b
}

func (r *reader) channel(entry *syntax.Node) *Channel {
	n := r.object(entry)
	address := n.Get("address")
	ch := &Channel{
		Place: Place{n}, Name: entry.KeyName(), Address: address.Str(), HasAddress: address.Is(syntax.String),
		Title: n.Get("title").Str(), Summary: n.Get("summary").Str(), Description: n.Get("description").Str(),
		Bindings:      r.bindings(n.Get("bindings")),
		Compatibility: readCompatibility(r.c.Compatibility, n.Get(document.ExtCompatibility)),
	}
	for _, e := range entries(n.Get("parameters")) {
		p := r.object(e)
		ch.Parameters = append(ch.Parameters, &Parameter{Place: Place{p}, Name: e.KeyName(),
			Enum: texts(p.Get("enum")), Default: p.Get("default").Str(), Location: p.Get("location").Str()})
	}
	if list := n.Get("servers"); list.Is(syntax.Sequence) && len(list.Items) > 0 {
		for _, item := range list.Items {
			if s := linked(r, r.servers, item); s != nil {
				ch.Servers = append(ch.Servers, s)
			}
		}
	} else {
		ch.Servers = r.c.Servers
	}
	for _, e := range entries(n.Get("messages")) {
		ch.Messages = append(ch.Messages, r.message(e, ch))
	}
	r.channels[entry] = ch
	if _, known := r.channels[n]; !known {
		r.channels[n] = ch
	}
	return ch
}

// channelLinks reads what needs every channel to be there.
func (r *reader) channelLinks(ch *Channel) {
	if n := ch.node.Get(document.ExtDelivery); n.Is(syntax.Mapping) {
		ch.Delivery = r.delivery(n)
	}
}

// linked is what a reference, or a pointer string, leads to. Two entries may
// share one definition, so the first entry on the way is what is meant, the
// definition only where there is none.
func linked[T any](r *reader, known map[*syntax.Node]*T, n *syntax.Node) *T {
	if n == nil {
		return nil
	}
	final := r.doc.ResolvePointer(n)
	if final == nil {
		return nil // also what goes round in a circle
	}
	for at := r.doc.Target(n); at != nil && at != final; at = r.doc.Target(at) {
		if v := known[at]; v != nil {
			return v
		}
	}
	return known[final]
}

// channelAt is the channel that a reference or a pointer string leads to.
func (r *reader) channelAt(n *syntax.Node) *Channel { return linked(r, r.channels, n) }

func (r *reader) operation(entry *syntax.Node) *Operation {
	n := r.doc.Effective(r.object(entry))
	op := &Operation{
		Place: Place{n}, Name: entry.KeyName(), Channel: r.channelAt(n.Get("channel")),
		Title: n.Get("title").Str(), Summary: n.Get("summary").Str(), Description: n.Get("description").Str(),
		Security: r.security(n.Get("security")), Bindings: r.bindings(n.Get("bindings")),
	}
	switch a := Action(n.Get("action").Str()); a {
	case Send, Receive:
		op.Action = a
	}
	op.Messages = r.messagesOf(n, op.Channel)
	if reply := n.Get("reply"); reply != nil {
		rn := r.object(reply)
		op.Reply = &Reply{Place: Place{rn}, Channel: r.channelAt(rn.Get("channel"))}
		if a := rn.Get("address"); a != nil {
			op.Reply.Location = r.object(a).Get("location").Str()
		}
		op.Reply.Messages = r.messagesOf(rn, op.Reply.Channel)
	}
	if d := n.Get(document.ExtDelivery); d.Is(syntax.Mapping) {
		op.Delivery = r.operationDelivery(d)
	}
	if op.Channel != nil {
		op.Channel.Operations = append(op.Channel.Operations, op)
	}
	return op
}

// messagesOf reads the messages of an operation or reply: those it names, all
// of its channel where it names none.
func (r *reader) messagesOf(n *syntax.Node, ch *Channel) []*Message {
	if ch == nil {
		return nil
	}
	list := n.Get("messages")
	if list == nil {
		return ch.Messages
	}
	var out []*Message
	seen := make(map[*Message]bool, list.Len())
	for _, item := range elements(list) {
		m := r.messages[messageOf{ch, r.doc.Target(item)}]
		if m == nil { // not the channel's own entry, as it should be: meant all the same
			m = r.defined(ch, r.doc.Resolve(item))
		}
		if m != nil && !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	return out
}

// messageOf names a message of a channel by its entry, or by its definition.
type messageOf struct {
	channel *Channel
	node    *syntax.Node
}

// defined is the channel's first message with a definition, nil where it has
// none.
func (r *reader) defined(ch *Channel, definition *syntax.Node) *Message {
	if r.definitions == nil {
		r.definitions = map[messageOf]*Message{}
	}
	if looked := (messageOf{channel: ch}); r.definitions[looked] == nil && len(ch.Messages) > 0 {
		r.definitions[looked] = ch.Messages[0] // a mark that the channel's are there
		for _, m := range ch.Messages {
			key := messageOf{ch, r.doc.Resolve(m.Entry.node)}
			if key.node != nil && r.definitions[key] == nil {
				r.definitions[key] = m
			}
		}
	}
	if definition == nil {
		return nil
	}
	return r.definitions[messageOf{ch, definition}]
}

func (r *reader) message(entry *syntax.Node, ch *Channel) *Message {
	n := r.doc.Effective(r.object(entry))
	m := &Message{
		Place: Place{n}, Entry: Place{entry}, Key: entry.KeyName(), Channel: ch,
		Name: n.Get("name").Str(), Title: n.Get("title").Str(), Summary: n.Get("summary").Str(), Description: n.Get("description").Str(),
		ContentType: n.Get("contentType").Str(), Deprecated: n.Get("deprecated").IsTrue(),
		Headers: r.schema(n.Get("headers")), Payload: r.schema(n.Get("payload")),
		Bindings:      r.bindings(n.Get("bindings")),
		Compatibility: readCompatibility(ch.Compatibility, n.Get(document.ExtCompatibility)),
	}
	if m.ContentType == "" {
		m.ContentType = r.c.DefaultContentType
	}
	if id := n.Get("correlationId"); id != nil {
		m.Correlation = r.object(id).Get("location").Str()
	}
	for _, e := range elements(n.Get("examples")) {
		m.Examples = append(m.Examples, &Example{Place: Place{e}, Name: e.Get("name").Str(), Headers: e.Get("headers"), Payload: e.Get("payload")})
	}
	if d := n.Get(document.ExtDelivery); d.Is(syntax.Mapping) {
		m.Delivery = &MessageDelivery{Place: Place{d}, Expires: DurationOf(d.Get("expires")), Deprecation: readDeprecation(d.Get("deprecated"))}
	}
	m.Envelope = r.envelope(m)
	r.messages[messageOf{ch, entry}] = m
	return m
}

// schema reads a Multi Format Schema Object or a Schema Object.
func (r *reader) schema(n *syntax.Node) *Schema {
	if n == nil {
		return nil
	}
	s := &Schema{Use: Place{n}, Dialect: schema.AsyncAPI}
	// A reference may lead to a multi-format object, and its schema be a
	// reference again.
	to := r.doc.Resolve(n)
	if format := to.Get("schemaFormat"); format != nil {
		s.Format = format.Str()
		if d, ok := schema.DialectOf(s.Format); ok {
			s.Dialect = d
		} else {
			s.Dialect = schema.Foreign
		}
		to = r.doc.Resolve(to.Get("schema"))
	}
	if to == nil {
		return nil
	}
	s.Place = Place{to}
	return s
}

func eventTypes(channels []*Channel) []*EventType {
	byType := map[string]*EventType{}
	var out []*EventType
	for _, ch := range channels {
		for _, m := range ch.Messages {
			t := m.Envelope.Type
			e := byType[t]
			if e == nil {
				e = &EventType{Type: t}
				byType[t] = e
				out = append(out, e)
			}
			e.Messages = append(e.Messages, m)
		}
	}
	slices.SortStableFunc(out, func(a, b *EventType) int { return strings.Compare(a.Type, b.Type) })
	return out
}
