package contract

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Mode is how an event's envelope travels (CloudEvents 1.0 "Message").
type Mode string

// The modes. NoEnvelope is a message that is no CloudEvent.
const (
	NoEnvelope Mode = ""
	Structured Mode = "structured"
	Binary     Mode = "binary"
	Batch      Mode = "batch"
)

// Envelope is a message read as a CloudEvent. AsyncAPI has no single way to
// say that a message is one; this is what treaty understood, and why.
type Envelope struct {
	Mode Mode
	// PayloadIsEnvelope is true where the payload schema describes the whole
	// event, false where it describes data alone.
	PayloadIsEnvelope bool
	// Type is the event's type: the stated one, the constant of the type
	// attribute, the message's name, its key, in this order. It is never empty
	// for a message with a key, envelope or not.
	Type string
	// TypeAt is where the type was found.
	TypeAt Place
	// TypeStated is true where the type was stated or is a constant, false
	// where a name or key stands for it.
	TypeStated bool
	// Source and Subject are what x-cloudevents or a constant says of them.
	Source, Subject string
	// Attributes are the attributes that a schema describes, sorted by name.
	Attributes []Attribute
	// Why says what told treaty that this is an event and of which style.
	Why string
	// Ambiguous says why the reading is a guess; "" where it is none.
	Ambiguous string
}

// Attribute is an envelope attribute that a schema describes.
type Attribute struct {
	Place           // of its schema
	Name     string // such as subject
	Spelling string // as the document writes it, such as ce_subject
	Required bool
	Const    string // of const or of an enum with one value, "" where none
}

// Attribute returns the attribute of a name, nil where no schema describes it.
func (e *Envelope) Attribute(name string) *Attribute {
	for i := range e.Attributes {
		if e.Attributes[i].Name == name {
			return &e.Attributes[i]
		}
	}
	return nil
}

// Prefixes of header names that carry attributes in binary mode, by protocol
// binding of CloudEvents: Kafka; HTTP, NATS and Pub/Sub; AMQP, twice.
var headerPrefixes = []string{"ce_", "ce-", "cloudEvents_", "cloudEvents:"}

// IsCloudEventsType reports whether a content type is one of CloudEvents, and
// whether of its batch format.
func IsCloudEventsType(contentType string) (yes, batch bool) {
	base, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	base = strings.TrimSpace(base)
	rest, ok := strings.CutPrefix(base, "application/cloudevents")
	if !ok || (rest != "" && rest[0] != '+' && !strings.HasPrefix(rest, "-batch")) {
		return false, false
	}
	return true, strings.HasPrefix(rest, "-batch")
}

// property is a property of an object schema as composed: through references
// and allOf.
type property struct {
	name     string
	node     *syntax.Node
	required bool
}

// composed collects the properties of a schema through $ref and allOf.
func (r *reader) composed(n *syntax.Node) []property {
	var props []property
	var required []string
	seen := map[*syntax.Node]bool{}
	var visit func(n *syntax.Node)
	visit = func(n *syntax.Node) {
		n = r.doc.Resolve(n)
		if !n.Is(syntax.Mapping) || seen[n] {
			return
		}
		seen[n] = true
		for _, p := range entries(n.Get("properties")) {
			i := slices.IndexFunc(props, func(have property) bool { return have.name == p.KeyName() })
			switch {
			case i < 0:
				props = append(props, property{name: p.KeyName(), node: p})
			case constOf(r.doc.Resolve(props[i].node)) == "":
				props[i].node = p // the narrower description says more
			}
		}
		required = append(required, texts(n.Get("required"))...)
		for _, branch := range elements(n.Get("allOf")) {
			visit(branch)
		}
	}
	visit(n)
	for i := range props {
		props[i].required = slices.Contains(required, props[i].name)
	}
	return props
}

func constOf(n *syntax.Node) string {
	if c := n.Get("const"); c.Is(syntax.String) {
		return c.Value
	}
	if e := n.Get("enum"); e.Len() == 1 {
		return e.Items[0].Str()
	}
	return ""
}

func (r *reader) attributes(props []property, prefix string) []Attribute {
	var out []Attribute
	for _, p := range props {
		name, ok := strings.CutPrefix(p.name, prefix)
		if !ok || name == "" {
			continue
		}
		n := r.doc.Resolve(p.node)
		if n == nil {
			continue
		}
		out = append(out, Attribute{Place: Place{p.node}, Name: strings.ToLower(name), Spelling: p.name, Required: p.required, Const: constOf(n)})
	}
	slices.SortFunc(out, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func has(props []property, names ...string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(props, func(p property) bool { return p.name == name }) {
			return false
		}
	}
	return true
}

// stated reads a key of x-cloudevents: of the message, else of its channel,
// else of the document.
func (r *reader) stated(m *Message, key string) *syntax.Node {
	for _, at := range []*syntax.Node{m.node.Get(document.ExtCloudEvents), m.Channel.node.Get(document.ExtCloudEvents), r.docCE} {
		if v := at.Get(key); v.Is(syntax.String) {
			return v
		}
	}
	return nil
}

// envelope reads a message as a CloudEvent.
func (r *reader) envelope(m *Message) Envelope {
	var headers, payload []property
	if m.Headers != nil {
		headers = r.composed(m.Headers.node)
	}
	if m.Payload != nil {
		payload = r.composed(m.Payload.node)
	}
	prefix := ""
	for _, p := range headerPrefixes {
		if has(headers, p+"type") || has(headers, p+"specversion") || has(headers, p+"id", p+"source") {
			prefix = p
			break
		}
	}
	isCE, isBatch := IsCloudEventsType(m.ContentType)
	bare := has(headers, "type")
	whole := has(payload, "specversion", "type") || has(payload, "id", "source", "type")

	var e Envelope
	mode, part := r.stated(m, "mode"), r.stated(m, "payload")
	said := mode != nil || part != nil || r.stated(m, "type") != nil
	switch {
	case mode != nil:
		e.Mode, e.Why = Mode(mode.Value), "x-cloudevents states the mode"
	case isBatch:
		e.Mode, e.Why = Batch, "contentType "+m.ContentType
	case isCE:
		e.Mode, e.Why = Structured, "contentType "+m.ContentType
		if prefix != "" {
			e.Ambiguous = "its contentType is that of structured mode, and its headers (" + prefix + "type …) are those of binary mode"
		}
	case prefix != "":
		e.Mode, e.Why = Binary, "headers named "+prefix+"…"
	case slices.Contains(m.Channel.Protocols(), "mqtt") && has(headers, "type", "specversion"), slices.Contains(m.Channel.Protocols(), "mqtt") && has(headers, "type", "source", "id"):
		e.Mode, e.Why = Binary, "headers named as MQTT 5 carries attributes"
	case whole && has(payload, "specversion", "id", "source", "type"):
		e.Mode, e.Why = Structured, "the payload describes an envelope"
		if m.ContentType != "" {
			e.Ambiguous = "its payload describes a CloudEvents envelope, and its contentType is " + m.ContentType
		}
	case said:
		e.Mode, e.Why = Structured, "x-cloudevents"
	}
	switch e.Mode {
	case Structured, Batch:
		switch {
		case part != nil:
			e.PayloadIsEnvelope = part.Value == "envelope"
		default:
			e.PayloadIsEnvelope = whole
			if whole && bare && e.Ambiguous == "" {
				e.Ambiguous = "both its headers and its payload describe envelope attributes"
			} else if !whole && !bare && has(payload, "data") && (has(payload, "type") || has(payload, "source")) {
				e.Ambiguous = "its payload has data and some envelope attributes, but not enough of them to be the envelope"
			}
		}
	}
	switch {
	case e.Mode == Binary && prefix != "":
		e.Attributes = r.attributes(headers, prefix)
	case e.Mode == Binary:
		e.Attributes = r.attributes(headers, "")
	case e.PayloadIsEnvelope:
		e.Attributes = slices.DeleteFunc(r.attributes(payload, ""), func(a Attribute) bool { return a.Name == "data" || a.Name == "data_base64" })
	case e.Mode != NoEnvelope:
		e.Attributes = r.attributes(headers, "")
	}
	if mode != nil || said && part != nil {
		e.Ambiguous = ""
	}
	r.name(&e, m)
	return e
}

// name finds the event's type, source and subject.
func (r *reader) name(e *Envelope, m *Message) {
	if v := r.stated(m, "source"); v != nil {
		e.Source = v.Value
	} else if a := e.Attribute("source"); a != nil {
		e.Source = a.Const
	}
	if v := r.stated(m, "subject"); v != nil {
		e.Subject = v.Value
	} else if a := e.Attribute("subject"); a != nil {
		e.Subject = a.Const
	}
	// A type stated for a channel or document would give all its messages one
	// type, so the message's own comes first and only.
	if v := m.node.At(document.ExtCloudEvents, "type"); v.Is(syntax.String) {
		e.Type, e.TypeAt, e.TypeStated = v.Value, Place{v}, true
		return
	}
	if a := e.Attribute("type"); a != nil && a.Const != "" {
		e.Type, e.TypeAt, e.TypeStated = a.Const, a.Place, true
		if n := r.doc.Resolve(a.node); n.Get("const") != nil {
			e.TypeAt = Place{n.Get("const")}
		}
		return
	}
	if v := r.stated(m, "type"); v != nil {
		e.Type, e.TypeAt, e.TypeStated = v.Value, Place{v}, true
		return
	}
	if v := m.node.Get("name"); v.Is(syntax.String) {
		e.Type, e.TypeAt = v.Value, Place{v}
		return
	}
	e.Type, e.TypeAt = m.Key, m.Entry
}
