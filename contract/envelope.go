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
	// Messages that share the schema share the slice.
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
	i, ok := slices.BinarySearchFunc(e.Attributes, name, func(a Attribute, name string) int { return strings.Compare(a.Name, name) })
	if !ok {
		return nil
	}
	return &e.Attributes[i]
}

// Prefixes of header names that carry attributes in binary mode, by protocol
// binding of CloudEvents: Kafka; HTTP, NATS and Pub/Sub; AMQP, twice. They are
// read in any case, as HTTP does.
var headerPrefixes = []string{"ce_", "ce-", "cloudevents_", "cloudevents:"}

// binaryPrefix finds the prefix under which headers carry attributes, as they
// write it; "" where they do not. One name alone, such as ce-id, may be
// anything.
func (ps *properties) binaryPrefix() string {
	if ps.prefix == nil {
		prefix := findPrefix(ps.list)
		ps.prefix = &prefix
	}
	return *ps.prefix
}

func findPrefix(headers []property) string {
	for _, prefix := range headerPrefixes {
		var id, source bool
		for _, h := range headers {
			if !hasPrefixFold(h.name, prefix) {
				continue
			}
			switch strings.ToLower(h.name[len(prefix):]) {
			case "type", "specversion":
				return h.name[:len(prefix)]
			case "id":
				id = true
			case "source":
				source = true
			}
			if id && source {
				return h.name[:len(prefix)]
			}
		}
	}
	return ""
}

// anyPrefix finds the prefix of headers of which it is known that they carry
// attributes: one name is enough, unless an attribute of the specification stands
// there without a prefix.
func (ps *properties) anyPrefix() string {
	found := ""
	for _, h := range ps.list {
		switch strings.ToLower(h.name) {
		case "id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema":
			return ""
		}
		for _, prefix := range headerPrefixes {
			if found == "" && hasPrefixFold(h.name, prefix) {
				found = h.name[:len(prefix)]
			}
		}
	}
	return found
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

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

// properties are the properties of a schema as composed. The zero value has
// none. What is worked out from them is kept, since messages share schemas.
type properties struct {
	list       []property
	at         map[string]int    // by name, into list; of many properties only
	prefix     *string           // see binaryPrefix
	attributes []attributesUnder // see attributes
}

// attributesUnder are the attributes under one prefix.
type attributesUnder struct {
	prefix string
	list   []Attribute
}

// manyProperties is the number from which names are looked up in an index.
const manyProperties = 16

// find is where a property stands in the list, -1 where there is none.
func (ps *properties) find(name string) int {
	if ps.at != nil {
		if i, ok := ps.at[name]; ok {
			return i
		}
		return -1
	}
	for i := range ps.list {
		if ps.list[i].name == name {
			return i
		}
	}
	return -1
}

// add describes a property, the more narrowly where it is described already.
func (ps *properties) add(r *reader, p *syntax.Node) {
	name := p.Key.Value
	if i := ps.find(name); i >= 0 {
		if constOf(r.doc.Resolve(ps.list[i].node)) == "" {
			ps.list[i].node = p
		}
		return
	}
	ps.list = append(ps.list, property{name: name, node: p})
	switch n := len(ps.list); {
	case n == manyProperties:
		ps.at = make(map[string]int, 2*n)
		for i := range ps.list {
			ps.at[ps.list[i].name] = i
		}
	case n > manyProperties:
		ps.at[name] = n - 1
	}
}

// composed collects the properties of a schema, which is no reference itself,
// through allOf and the references there, once for each schema, however many
// messages share it.
func (r *reader) composed(n *syntax.Node) *properties {
	if !n.Is(syntax.Mapping) {
		return &properties{}
	}
	if known, ok := r.compositions[n]; ok {
		return known
	}
	ps := &properties{}
	var required map[string]bool
	var seen map[*syntax.Node]bool // of the branches, which may lead back
	var visit func(n *syntax.Node)
	visit = func(n *syntax.Node) {
		for _, item := range entries(n) {
			switch item.Key.Value {
			case "properties":
				for _, p := range entries(item) {
					ps.add(r, p)
				}
			case "required":
				for _, name := range elements(item) {
					if required == nil {
						required = make(map[string]bool, item.Len())
					}
					required[name.Str()] = true
				}
			case "allOf":
				for _, branch := range elements(item) {
					branch = r.doc.Resolve(branch)
					if seen == nil {
						seen = map[*syntax.Node]bool{n: true}
					}
					if branch.Is(syntax.Mapping) && !seen[branch] {
						seen[branch] = true
						visit(branch)
					}
				}
			}
		}
	}
	visit(n)
	for i := range ps.list {
		ps.list[i].required = required[ps.list[i].name]
	}
	r.compositions[n] = ps
	return ps
}

// has reports whether properties of all the names are described.
func (ps *properties) has(names ...string) bool {
	for _, name := range names {
		if ps.find(name) < 0 {
			return false
		}
	}
	return true
}

// constant is the node of a schema's only value where that is text: its const,
// or the one value of its enum. It is nil for any other schema.
func constant(n *syntax.Node) *syntax.Node {
	if c := n.Get("const"); c.Is(syntax.String) {
		return c
	}
	if e := n.Get("enum"); e.Is(syntax.Sequence) && e.Len() == 1 && e.Items[0].Is(syntax.String) {
		return e.Items[0]
	}
	return nil
}

func constOf(n *syntax.Node) string { return constant(n).Str() }

// attributes are what properties say of envelope attributes: those whose names
// have the prefix, without it. The data of an event is none.
func (r *reader) attributes(props *properties, prefix string) []Attribute {
	for _, known := range props.attributes {
		if known.prefix == prefix {
			return known.list
		}
	}
	var out []Attribute
	for _, p := range props.list {
		if len(p.name) <= len(prefix) || !strings.EqualFold(p.name[:len(prefix)], prefix) {
			continue
		}
		name := p.name[len(prefix):]
		if prefix == "" && (name == "data" || name == "data_base64") {
			continue
		}
		n := r.doc.Resolve(p.node)
		if n == nil {
			continue
		}
		out = append(out, Attribute{Place: Place{p.node}, Name: strings.ToLower(name), Spelling: p.name, Required: p.required, Const: constOf(n)})
	}
	slices.SortStableFunc(out, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	props.attributes = append(props.attributes, attributesUnder{prefix, out})
	return out
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
	headers, payload := &properties{}, &properties{}
	if m.Headers != nil {
		headers = r.composed(m.Headers.node)
	}
	if m.Payload != nil {
		payload = r.composed(m.Payload.node)
	}
	prefix := headers.binaryPrefix()
	isCE, isBatch := IsCloudEventsType(m.ContentType)
	bare := headers.has("type")
	whole := payload.has("specversion", "type") || payload.has("id", "source", "type")

	var e Envelope
	mode, part := r.stated(m, "mode"), r.stated(m, "payload")
	said := mode != nil || part != nil || r.stated(m, "type") != nil
	onMQTT := slices.Contains(m.Channel.Protocols(), "mqtt")
	guess := "" // why the mode is one
	switch {
	case mode != nil:
		e.Mode, e.Why = Mode(mode.Value), "x-cloudevents states the mode"
		if e.Mode == Binary && prefix == "" {
			prefix = headers.anyPrefix()
		}
	case isBatch:
		e.Mode, e.Why = Batch, "contentType "+m.ContentType
	case isCE:
		e.Mode, e.Why = Structured, "contentType "+m.ContentType
		if prefix != "" {
			guess = "its contentType is that of structured mode, and its headers (" + prefix + "type …) are those of binary mode"
		}
	case prefix != "":
		e.Mode, e.Why = Binary, "headers named "+prefix+"…"
	case onMQTT && (headers.has("type", "specversion") || headers.has("type", "source", "id")):
		e.Mode, e.Why = Binary, "headers named as MQTT 5 carries attributes"
	case payload.has("specversion", "id", "source", "type"):
		e.Mode, e.Why = Structured, "the payload describes an envelope"
		if m.ContentType != "" {
			guess = "its payload describes a CloudEvents envelope, and its contentType is " + m.ContentType
		}
	case said:
		e.Mode, e.Why = Structured, "x-cloudevents"
		guess = "x-cloudevents says that it is an event and not in which mode it travels"
	}
	if e.Mode == Structured || e.Mode == Batch {
		switch {
		case part != nil:
			e.PayloadIsEnvelope = part.Value == "envelope"
		case whole && bare:
			e.PayloadIsEnvelope = true
			e.Ambiguous = "both its headers and its payload describe envelope attributes"
		case whole:
			e.PayloadIsEnvelope = true
			if !payload.has("specversion") && !payload.has("data") {
				e.Ambiguous = "its payload has id, source and type, but neither specversion nor data, so it may be the envelope or data that happens to have them"
			}
		case !bare && payload.has("data") && (payload.has("type") || payload.has("source")):
			e.Ambiguous = "its payload has data and some envelope attributes, but not enough of them to be the envelope"
		}
	}
	if guess != "" {
		e.Ambiguous = guess
	}
	switch {
	case e.Mode == NoEnvelope:
	case e.PayloadIsEnvelope:
		e.Attributes = r.attributes(payload, "")
	default:
		e.Attributes = r.attributes(headers, prefix)
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
		if n := constant(r.doc.Resolve(a.node)); n != nil {
			e.TypeAt = Place{n}
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
