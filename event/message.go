package event

import (
	"strings"
	"unicode/utf8"
)

// Message is what a protocol carries: fields beside a body. The zero value has
// none. An event is read from one and written to one by a [Binding].
type Message struct {
	// ContentType is the protocol's own field of that name; where the protocol has
	// none (Kafka, NATS, Pub/Sub, HTTP) it is one of the Headers.
	ContentType string
	// Headers in the order in which they came.
	Headers []Header
	// Body is nil for none, which on Kafka is a tombstone.
	Body []byte

	scratch []byte // where Encode wrote a body of its own, to be used again
}

// Header is a field of a message.
type Header struct {
	Name string
	// Value is Text but on AMQP, whose fields have types.
	Value Value
}

// Get returns the first header of that name, in any case.
func (m *Message) Get(name string) (string, bool) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value.text, true
		}
	}
	return "", false
}

func (m *Message) add(name, value string) {
	m.Headers = append(m.Headers, Header{name, TextValue(value)})
}

// FromMap appends headers that a client holds as a map, as net/http and nats.go
// do, in no order.
func (m *Message) FromMap(headers map[string][]string) {
	for name, values := range headers {
		for _, v := range values {
			m.add(name, v)
		}
	}
}

// Binding is how a protocol carries events: which fields its attributes are.
// The bindings are the variables of this package; the zero value is none.
// Bindings are safe for concurrent use.
type Binding struct {
	name    string
	prefix  string // that attributes are written with
	also    string // that they are read with as well; "" for none
	content string // the header of the content type, "" where the message has a field
	percent bool   // values are percent-encoded
	batch   bool   // there is a batch mode
	named   bool   // datacontenttype is a field like the others, too
	typed   bool   // fields have types
}

// The bindings.
var (
	// HTTP is the HTTP protocol binding 1.0.2.
	HTTP = &Binding{name: "HTTP", prefix: "ce-", content: "Content-Type", percent: true, batch: true}
	// Kafka is the Kafka protocol binding 1.0.2. The key is the caller's, see
	// [PartitionKey].
	Kafka = &Binding{name: "Kafka", prefix: "ce_", content: "content-type"}
	// AMQP is the AMQP protocol binding 1.0.2, with the prefix that its later text
	// prefers; both are read. Numbers and booleans keep their type, timestamps are
	// texts: the timestamps of AMQP 0-9-1 have no fractions of a second.
	AMQP = &Binding{name: "AMQP", prefix: "cloudEvents_", also: "cloudEvents:", typed: true}
	// MQTT is the MQTT protocol binding 1.0.2 for MQTT 5: names as they are. Those
	// with the prefix ce-, which some SDKs write, are read.
	MQTT = &Binding{name: "MQTT", prefix: "", also: "ce-"}
	// NATS is the NATS protocol binding 1.0.3 with its headers.
	NATS = &Binding{name: "NATS", prefix: "ce-", content: "Content-Type", percent: true, named: true}
	// PubSub is the Google Pub/Sub protocol binding 1.0.
	PubSub = &Binding{name: "Pub/Sub", prefix: "ce-", content: "content-type"}
)

// String is the protocol's name.
func (b *Binding) String() string { return b.name }

func (b *Binding) fault(attribute, section, format string, args ...any) *Error {
	return fault(attribute, b.name+" binding "+section, format, args...)
}

// PartitionKey is the key of the Kafka record that the binding proposes for an
// event (§3.1): the extension partitionkey, where the event has it. An event is
// never changed for the sake of its key.
func PartitionKey(e *Event) (string, bool) {
	v, ok := e.Extensions.Get("partitionkey")
	return v.text, ok
}

// Mode tells in which mode a message carries its event, by its content type
// alone (§3 of each binding), and whether it has a type of CloudEvents at all.
func (b *Binding) Mode(m *Message) Mode {
	mode, _ := modeOf(b.contentType(m))
	return mode
}

func (b *Binding) contentType(m *Message) string {
	if b.content == "" {
		return m.ContentType
	}
	s, _ := m.Get(b.content)
	return s
}

// modeOf reads application/cloudevents, in any case and with parameters, and
// the format behind its plus sign.
func modeOf(contentType string) (mode Mode, format string) {
	const prefix = "application/cloudevents"
	if contentType == JSONContentType {
		return StructuredMode, "json"
	}
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	if len(kind) < len(prefix) || !strings.EqualFold(kind[:len(prefix)], prefix) {
		return BinaryMode, ""
	}
	rest := kind[len(prefix):]
	mode = StructuredMode
	if len(rest) >= 6 && strings.EqualFold(rest[:6], "-batch") {
		mode, rest = BatchMode, rest[6:]
	}
	switch {
	case rest == "":
		return mode, "json"
	case rest[0] == '+':
		return mode, strings.ToLower(rest[1:])
	}
	return BinaryMode, "" // another type that begins alike
}

// Decode reads the event of a message, which keeps its bytes: the event shares
// memory with them. The mode is the one that the message says that it has.
func (b *Binding) Decode(m *Message) (*Event, Mode, error) {
	e := &Event{}
	mode, err := b.DecodeInto(e, m)
	if err != nil {
		return nil, mode, err
	}
	return e, mode, nil
}

// DecodeInto is Decode into an event, whatever it held. After an error the event
// holds what was read before it, for a message to a person and nothing else.
func (b *Binding) DecodeInto(e *Event, m *Message) (Mode, error) {
	contentType := b.contentType(m)
	mode, format := modeOf(contentType)
	switch mode {
	case BatchMode:
		if !b.batch {
			return mode, b.fault("", "§1.3", "a batch, which %s does not carry", b.name)
		}
		return mode, b.fault("", "§3.3", "a batch of events where one is expected")
	case StructuredMode:
		err := e.unmarshal(format, m.Body)
		if err != nil && b.any(m) && !utf8Object(m.Body) {
			return mode, b.fault("", "§3", "the content type says that the body is the whole event, and it is not; the headers have the attributes of binary mode: %v", err)
		}
		return mode, err
	}
	if b.any(m) {
		return BinaryMode, b.binary(e, m, contentType)
	}
	// A message without any field may still be structured: where a protocol or its
	// older version has no fields (MQTT 3.1.1, NATS before 2.2), and on Kafka, that
	// asks for a content type only "if present".
	if contentType == "" && utf8Object(m.Body) {
		if err := e.UnmarshalEvent(m.Body); err == nil {
			return StructuredMode, nil
		}
	}
	*e = Event{}
	return BinaryMode, b.fault("", "§3", "no CloudEvent: neither the content type application/cloudevents+json nor a header %sspecversion", b.prefix)
}

// utf8Object tells whether a text may be a JSON object.
func utf8Object(body []byte) bool {
	for _, c := range body {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{'
	}
	return false
}

// DecodeBatch reads the events of a message of any mode.
func (b *Binding) DecodeBatch(m *Message) ([]Event, Mode, error) {
	if mode, format := modeOf(b.contentType(m)); mode == BatchMode && b.batch {
		if format != "json" {
			return nil, mode, b.fault("", "§3.3", "a batch in the format %q, and json is what is read", clip(format))
		}
		events, err := DecodeJSONBatch(m.Body)
		return events, mode, err
	}
	e, mode, err := b.Decode(m)
	if err != nil {
		return nil, mode, err
	}
	return []Event{*e}, mode, nil
}

// unmarshal reads a whole event in a format.
func (e *Event) unmarshal(format string, body []byte) error {
	switch format {
	case "json":
		return e.UnmarshalEvent(body)
	case "avro":
		return e.UnmarshalAvro(body)
	}
	*e = Event{}
	return fault("", "CloudEvents 1.0 §1.4", "an event in the format %q, and json and avro are what is read", clip(format))
}

// attributeName is the attribute that a header is, if any.
func (b *Binding) attributeName(header string) (string, bool) {
	if name, ok := cutFold(header, b.prefix); ok && (b.prefix != "" || b.also == "" || !hasFold(header, b.also)) {
		return name, true
	}
	if b.also != "" {
		return cutFold(header, b.also)
	}
	return "", false
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func cutFold(s, prefix string) (string, bool) {
	if !hasFold(s, prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// any reports whether a message has an attribute that every event has.
func (b *Binding) any(m *Message) bool {
	for i := range m.Headers {
		if name, ok := b.attributeName(m.Headers[i].Name); ok {
			switch {
			case strings.EqualFold(name, "specversion"), b.prefix != "" && (strings.EqualFold(name, "id") || strings.EqualFold(name, "type") || strings.EqualFold(name, "source")):
				return true
			}
		}
	}
	return false
}

// binary reads an event in binary mode.
func (b *Binding) binary(e *Event, m *Message, contentType string) error {
	*e = Event{DataContentType: contentType, Data: m.Body}
	if err := checkText("datacontenttype", contentType); err != nil {
		return err
	}
	version := false
	seen := uint16(0)
	for i := range m.Headers {
		h := &m.Headers[i]
		name, ok := b.attributeName(h.Name)
		if !ok || b.content != "" && b.prefix == "" && strings.EqualFold(h.Name, b.content) {
			continue
		}
		name = lower(name)
		v := h.Value
		if b.percent {
			text, err := percentDecode(v.text)
			if err != "" {
				return b.fault(clip(name), "§3.1.3.2", "%s", err)
			}
			v = TextValue(text)
		}
		if b.prefix == "" && !isName(name) {
			continue // a user property that is no attribute
		}
		bit := uint16(0)
		switch name {
		case "specversion":
			bit, version = 1, true
		case "id":
			bit = 2
		case "source":
			bit = 4
		case "type":
			bit = 8
		case "subject":
			bit = 16
		case "time":
			bit = 32
		case "dataschema":
			bit = 64
		case "datacontenttype":
			bit = 128
			if contentType != "" {
				if seen&bit != 0 {
					return b.fault(name, "§3.1.3", "is there twice")
				}
				seen |= bit
				// Both are read; where they differ nobody can tell which is meant.
				if !sameMediaType(contentType, v.text) {
					return b.fault(name, "§3.1.1", "is %q, and the content type is %q", clip(v.text), clip(contentType))
				}
				continue
			}
		case "data", "data_base64":
			return b.fault(name, "§3.1.2", "is a header, and data is the body")
		default:
			if err := checkName(name); err != nil {
				return err
			}
			e.extend(name, v)
			continue
		}
		if seen&bit != 0 {
			return b.fault(name, "§3.1.3", "is there twice")
		}
		seen |= bit
		switch v.kind {
		case Binary:
			return b.fault(name, "§3.1.3.2", "is bytes, and has to be a text")
		case Nested:
			return b.fault(name, "§3.1.3.2", "is a list or a table, and has to be a text")
		}
		if err := e.attribute(name, v.text); err != nil {
			return err
		}
	}
	return e.complete(version, false)
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// lower is strings.ToLower for names, which are mostly lower already: net/http
// writes Ce-Id.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

func sameMediaType(a, b string) bool {
	clean := func(s string) string {
		return strings.ToLower(strings.Map(func(r rune) rune {
			if r == ' ' || r == '"' {
				return -1
			}
			return r
		}, s))
	}
	return a == b || clean(a) == clean(b)
}

// Encode makes the message that carries an event. Headers and memory of m are
// used again. An event that is not valid is an error and nothing is written.
func (b *Binding) Encode(m *Message, e *Event, mode Mode) error {
	switch mode {
	case StructuredMode:
		return b.EncodeJSON(m, e, false)
	case BatchMode:
		return b.EncodeBatch(m, []Event{*e})
	}
	if err := e.Validate(); err != nil {
		return err
	}
	contentType := e.DataContentType
	if contentType == "" && e.Data != nil {
		contentType = "application/json" // which it implies (JSON format §3.1.2)
	}
	if modeNow, _ := modeOf(contentType); modeNow != BinaryMode {
		return b.fault("datacontenttype", "§3", "is %q: an event within an event travels in structured mode alone", contentType)
	}
	b.begin(m, e.Data, contentType)
	text := func(name, value string) {
		if value == "" {
			return
		}
		if b.percent {
			value = percentEncode(value)
		}
		m.add(b.prefix+name, value)
	}
	text("specversion", SpecVersion)
	text("id", e.ID)
	text("source", e.Source)
	text("type", e.Type)
	text("subject", e.Subject)
	if !e.Time.IsZero() {
		text("time", formatTime(e.Time))
	}
	text("dataschema", e.DataSchema)
	if b.named {
		text("datacontenttype", contentType)
	}
	for i := range e.Extensions {
		x := &e.Extensions[i]
		if b.typed && (x.Value.kind == Boolean || x.Value.kind == Integer) {
			m.Headers = append(m.Headers, Header{b.prefix + x.Name, x.Value})
			continue
		}
		if x.Value.text == "" {
			m.add(b.prefix+x.Name, "")
			continue
		}
		text(x.Name, x.Value.text)
	}
	return nil
}

// EncodeJSON makes the message of an event in structured mode, in the JSON format,
// as Encode does. With held the caller has seen that Validate finds nothing, and that
// data whose type is one of JSON are one JSON value, as who holds them to a schema
// does: they are not read again, and there is no error.
func (b *Binding) EncodeJSON(m *Message, e *Event, held bool) error {
	body, err := e.appendJSON(m.scratch[:0], held)
	if err != nil {
		return err
	}
	m.scratch = body
	b.begin(m, body, JSONContentType)
	return nil
}

// EncodeAvro makes the message of an event in structured mode, in the Avro
// format.
func (b *Binding) EncodeAvro(m *Message, e *Event) error {
	body, err := e.AppendAvro(m.scratch[:0])
	if err != nil {
		return err
	}
	m.scratch = body
	b.begin(m, body, AvroContentType)
	return nil
}

// EncodeBatch makes the message of a batch, which HTTP alone has (§3.3).
func (b *Binding) EncodeBatch(m *Message, events []Event) error {
	if !b.batch {
		return b.fault("", "§1.3", "%s has no batch mode", b.name)
	}
	body, err := AppendJSONBatch(m.scratch[:0], events)
	if err != nil {
		return err
	}
	m.scratch = body
	b.begin(m, body, JSONBatchContentType)
	return nil
}

func (b *Binding) begin(m *Message, body []byte, contentType string) {
	m.ContentType, m.Headers, m.Body = "", m.Headers[:0], body
	switch {
	case contentType == "":
	case b.content == "":
		m.ContentType = contentType
	default:
		m.add(b.content, contentType)
	}
}

// percentEncode encodes what a header may not have (HTTP binding §3.1.3.2).
func percentEncode(s string) string {
	n := 0
	for i := range len(s) {
		if needsPercent(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; needsPercent(c) {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func needsPercent(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '%' }

// percentDecode takes quotes off (RFC 7230 §3.2.6) and decodes once; what is
// wrong is its second value. A percent sign that begins no code is one.
func percentDecode(s string) (string, string) {
	quoted := len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"'
	if !quoted && strings.IndexByte(s, '%') < 0 {
		return s, ""
	}
	if quoted {
		s = s[1 : len(s)-1]
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\' && i+1 < len(s):
			i++
			b = append(b, s[i])
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	if !utf8.Valid(b) {
		return "", "has percent codes that are no UTF-8"
	}
	return string(b), ""
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
