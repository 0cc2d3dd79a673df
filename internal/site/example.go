package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Example is an event as it travels, whole, that the contract allows.
type Example struct {
	Name       string // of the contract's example; "" where it was made up
	Data       string // JSON, over several lines; or the text that they are
	Structured string // the event as JSON; "" where the message is no event
	Binary     string // the event as a message in binary mode, "" where the protocol is not known
	Protocol   string // of Binary
	Subject    string
	Problems   []string // what is wrong with it, where the contract's own example is
}

// StructuredHTML is the event with its parts marked.
func (e *Example) StructuredHTML() template.HTML { return highlighted(e.Structured) }

// DataHTML is the data, with its parts marked where it is JSON.
func (e *Example) DataHTML() template.HTML {
	if !json.Valid([]byte(e.Data)) {
		return template.HTML(template.HTMLEscapeString(e.Data))
	}
	return highlighted(e.Data)
}

// exampleTime is when made-up events happened: every page is the same again.
var exampleTime = time.Date(2026, 4, 10, 15, 17, 31, 0, time.UTC)

// maxExample bounds the text of one example on a page.
const maxExample = 24 << 10

// examples are those of the contract that have a payload, else one that is made up.
func (u *Use) examples() []*Example {
	m := u.Message
	var out []*Example
	for _, x := range m.Examples {
		if x.Payload == nil || len(out) == 3 {
			continue
		}
		if e := u.example(schema.AppendJSON(nil, x.Payload), x); e != nil {
			e.Name = firstOf(x.Name, fmt.Sprintf("example %d", len(out)+1))
			out = append(out, e)
		}
	}
	if len(out) > 0 || m.Payload == nil || !m.Payload.Dialect.IsJSONSchema() && m.Payload.Dialect != schema.Avro {
		return out
	}
	s, err := u.Service.schema(m.Payload)
	if err != nil {
		return nil
	}
	samples, err := s.Sample(1, 1)
	if err != nil || len(samples) == 0 {
		return nil
	}
	if e := u.example(samples[0], nil); e != nil {
		return []*Example{e}
	}
	return nil
}

// pretty is JSON over several lines.
func pretty(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// example is the event around a payload.
func (u *Use) example(payload []byte, given *contract.Example) *Example {
	m := u.Message
	if len(payload) > maxExample {
		return nil
	}
	x := &Example{Data: pretty(payload)}
	if m.Envelope.Mode == contract.NoEnvelope {
		return x
	}
	var e *event.Event
	if m.Envelope.PayloadIsEnvelope {
		whole, err := event.DecodeJSON(payload)
		if err != nil {
			x.Problems = []string{err.Error()}
			return x
		}
		e = whole
		x.Data = pretty(e.Data)
		x.Structured = pretty(payload)
	} else {
		e = u.envelope(payload, given)
		if m.Payload == nil || m.Payload.Dialect != schema.Avro {
			if data, err := hold.Data(e.DataContentType, payload); err == nil { // else it is said below
				e.Data, x.Data = data, pretty(data)
			}
		}
		text, err := e.AppendJSON(nil)
		if err != nil {
			x.Problems = []string{err.Error()}
			return x
		}
		x.Structured = pretty(text)
		if given != nil && (m.Payload == nil || m.Payload.Dialect != schema.Avro) { // what is made up is right; the tests hold that
			x.Problems = u.Service.problems(text, m.Channel)
		}
	}
	x.Subject = e.Subject
	x.Binary, x.Protocol = u.binary(e)
	return x
}

// envelope is the event around data: what the example says, else what the contract
// does, else what has to be there.
func (u *Use) envelope(data []byte, given *contract.Example) *event.Event {
	m := u.Message
	e := &event.Event{ID: "01JRG2V5W8ZB4T6N3QK9XAM7YE", Type: m.Envelope.Type, Source: m.Envelope.Source, Subject: m.Envelope.Subject, Time: exampleTime, DataContentType: "application/json", Data: data}
	set := func(name, value string) {
		if value == "" {
			return
		}
		switch name {
		case "id":
			e.ID = value
		case "source":
			e.Source = value
		case "subject":
			e.Subject = value
		case "datacontenttype":
			e.DataContentType = value
		case "dataschema":
			e.DataSchema = value
		case "time":
			if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
				e.Time = t
			}
		case "type", "specversion", "data":
		default:
			e.Extensions.Set(name, event.TextValue(value))
		}
	}
	if m.Envelope.Mode == contract.Binary && m.ContentType != "" {
		e.DataContentType = m.ContentType
	}
	for i := range m.Envelope.Attributes {
		a := &m.Envelope.Attributes[i]
		value := a.Const
		if given != nil && given.Headers.Is(syntax.Mapping) {
			value = firstOf(given.Headers.Get(a.Spelling).Str(), value)
		}
		if value == "" && (a.Required || a.Name == "subject") {
			value = u.attributeSample(a)
		}
		set(a.Name, value)
	}
	if e.Source == "" {
		e.Source = "/" + u.Service.ID
	}
	required := false
	if a := m.Envelope.Attribute("subject"); a != nil {
		required = a.Required
	}
	if d := m.Channel.Delivery; d != nil && d.Ordering != nil && d.Ordering.Key == "subject" {
		required = true
	}
	if e.Subject == "" {
		e.Subject = identifier(data) // which is what it mostly is
	}
	if e.Subject == "" && required {
		e.Subject = "1"
	}
	return e
}

// attributeSample is a value of an attribute that has to be there; the subject is
// found in the data, see envelope.
func (u *Use) attributeSample(a *contract.Attribute) string {
	if a.Name == "id" || a.Name == "time" || a.Name == "subject" || a.Node() == nil || u.Message.Headers == nil {
		return ""
	}
	s, err := u.Service.compiled(a.Node(), u.Message.Headers.Dialect)
	if err != nil {
		return ""
	}
	samples, err := s.Sample(1, 1)
	if err != nil || len(samples) == 0 {
		return ""
	}
	var text string
	if json.Unmarshal(samples[0], &text) != nil {
		text = string(samples[0])
	}
	return text
}

// identifier is the first member of an object that names something: order_id.
func identifier(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string)
		if err != nil {
			return ""
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return ""
		}
		lower := strings.ToLower(name)
		if lower == "id" || strings.HasSuffix(lower, "_id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID") {
			var s string
			if json.Unmarshal(raw, &s) == nil && s != "" {
				return s
			}
		}
	}
	return ""
}

// bindings are how protocols carry events, by the names that AsyncAPI has for
// them.
var bindings = map[string]*event.Binding{
	"kafka": event.Kafka, "kafka-secure": event.Kafka, "http": event.HTTP, "https": event.HTTP,
	"amqp": event.AMQP, "amqps": event.AMQP, "mqtt": event.MQTT, "mqtt5": event.MQTT, "mqtts": event.MQTT, "secure-mqtt": event.MQTT,
	"nats": event.NATS, "googlepubsub": event.PubSub,
}

// binary is an event as a message in binary mode, in the protocol of the channel.
func (u *Use) binary(e *event.Event) (text, protocol string) {
	protocol = "http"
	for _, p := range u.Message.Channel.Protocols() {
		if bindings[p] != nil {
			protocol = p
			break
		}
	}
	b := bindings[protocol]
	var m event.Message
	if err := b.Encode(&m, e, event.BinaryMode); err != nil {
		return "", ""
	}
	var w strings.Builder
	if m.ContentType != "" {
		fmt.Fprintf(&w, "content-type: %s\n", m.ContentType)
	}
	for _, h := range m.Headers {
		fmt.Fprintf(&w, "%s: %s\n", h.Name, h.Value)
	}
	fmt.Fprintf(&w, "\n%s\n", pretty(m.Body))
	return w.String(), b.String()
}
