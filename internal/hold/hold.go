// Package hold holds events to the messages of a contract: first a verdict, which
// costs little, and only where it is no, the reasons. It is for events on their
// way; package check does the same for events in files, with places to point at.
package hold

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/jsonscan"
	"github.com/treaty-events/treaty/schema"
)

// The rules that events break, by the ids that package check has for them.
const (
	RuleEnvelope = "event-envelope"
	RuleType     = "event-type-unknown"
	RuleData     = "event-data"
)

// Problem is one way in which an event breaks its contract.
type Problem struct {
	Rule    string // RuleEnvelope, RuleType or RuleData
	Pointer string // JSON Pointer into the event in its JSON format; "" for the whole
	Message string
}

func (p Problem) String() string {
	if p.Pointer == "" {
		return p.Message
	}
	return p.Pointer + ": " + p.Message
}

// Side is whose reading of the schemas counts (§3 of the semantics).
type Side uint8

// The sides.
const (
	Writer Side = iota // what the policy lets a producer emit
	Reader             // what the policy has a consumer accept
)

// Contract holds events to a contract. It is safe for concurrent use.
type Contract struct {
	*contract.Contract
	messages map[key][]*Message
}

type key struct {
	channel *contract.Channel
	kind    string
}

// ErrUsage is that of package treaty, which has this package say what cannot work.
var ErrUsage = errors.New("wrong use")

// keyError is an ErrUsage: a contract that orders or knows its events by what none
// can have.
type keyError string

func (e keyError) Error() string        { return string(e) }
func (e keyError) Is(target error) bool { return target == ErrUsage }

// keys is what is wrong with what a channel orders and knows its events by. A channel
// of other messages than events may name what is in those.
func keys(ch *contract.Channel) error {
	d := ch.Delivery
	if d == nil || !slices.ContainsFunc(ch.Messages, func(m *contract.Message) bool { return m.Envelope.Mode != contract.NoEnvelope }) {
		return nil
	}
	if o := d.Ordering; o != nil && (o.Scope == "key" || o.Scope == "") && o.Key != "" {
		if why := contract.KeyFault(o.Key); why != "" {
			return keyError(fmt.Sprintf("the channel %s cannot order its events by its key: %s", ch.Name, why))
		}
	}
	if d.Dedupe != nil {
		for _, name := range d.Dedupe.By {
			if why := contract.KeyFault(name); why != "" {
				return keyError(fmt.Sprintf("the channel %s cannot have its events known again by what dedupe says: %s", ch.Name, why))
			}
		}
	}
	return nil
}

// Of compiles what a contract says of its events. A schema that cannot be used is
// an error, and so is what no event can be ordered or known again by, an ErrUsage.
func Of(c *contract.Contract, side Side) (*Contract, error) {
	h := &Contract{c, map[key][]*Message{}}
	compiler := schema.NewCompiler(c.Document().Schema)
	for _, ch := range c.Channels {
		if err := keys(ch); err != nil {
			return nil, err
		}
		for _, m := range ch.Messages {
			made, err := compile(compiler, m, side)
			if err != nil {
				return nil, err
			}
			k := key{ch, m.Envelope.Type}
			h.messages[k] = append(h.messages[k], made)
		}
	}
	return h, nil
}

// Messages are those of an event type on a channel, mostly one.
func (h *Contract) Messages(ch *contract.Channel, kind string) []*Message {
	return h.messages[key{ch, kind}]
}

// Check is what is wrong with an event on a channel, nothing where it conforms
// to one of the messages of its type there.
func (h *Contract) Check(ch *contract.Channel, e *event.Event) []Problem {
	messages := h.Messages(ch, e.Type)
	if len(messages) == 0 {
		return []Problem{h.unknown(ch, e.Type)}
	}
	for _, m := range messages {
		if m.Valid(e) {
			return nil
		}
	}
	var least []Problem
	for i, m := range messages {
		if found := m.Problems(e); i == 0 || len(found) < len(least) {
			least = found
		}
	}
	return least
}

func (h *Contract) unknown(ch *contract.Channel, kind string) Problem {
	var types []string
	for _, m := range ch.Messages {
		types = append(types, m.Envelope.Type)
	}
	hint := "the channel carries " + strings.Join(types, ", ")
	if near, ok := diag.Nearest(kind, types); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return Problem{RuleType, "/type", fmt.Sprintf("the channel %s does not carry events of type %q; %s", ch.Name, kind, hint)}
}

// Message holds events to one message. It is safe for concurrent use.
type Message struct {
	*contract.Message
	// Unchecked is why the data cannot be held to the schema, "" where they are.
	Unchecked  string
	attributes []attribute
	payload    *schema.Schema // nil where nothing is said, or Unchecked
	fills      bool           // readers put in what the payload has defaults for
}

// attribute is what the contract says of an attribute beyond CloudEvents.
type attribute struct {
	name     string
	required bool
	constant string         // "" where it is not one
	min      int            // of its length, in characters
	max      int            // of its length; negative is none
	schema   *schema.Schema // nil where every text of that length does
	binary   bool           // it travels in binary mode, where most protocols have texts alone
}

func compile(c *schema.Compiler, m *contract.Message, side Side) (*Message, error) {
	h := &Message{Message: m}
	profile := m.Profile()
	sided := func(s *schema.Schema) *schema.Schema {
		if side == Writer {
			return s.Written(profile)
		}
		return s.Read(profile)
	}
	if t := m.Payload; t != nil {
		if t.Dialect.IsJSONSchema() || t.Dialect == schema.Avro {
			s, err := c.Compile(t.Node(), t.Dialect)
			if err != nil {
				return nil, fmt.Errorf("the payload schema of %s cannot be used: %w; treaty check says more", m.Envelope.Type, err)
			}
			h.payload = sided(s)
			h.fills = profile.DefaultsApply && side == Reader && t.Dialect.IsJSONSchema()
		} else {
			h.Unchecked = "its schema is " + t.Format + ", which treaty does not understand"
		}
	}
	if m.Envelope.PayloadIsEnvelope || m.Headers == nil {
		return h, nil
	}
	for _, a := range m.Envelope.Attributes {
		if strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || m.Envelope.Mode != contract.Binary && a.Name != a.Spelling {
			continue // no attribute: a header beside the event
		}
		made := attribute{name: a.Name, required: a.Required, constant: a.Const, max: -1, binary: m.Envelope.Mode == contract.Binary}
		if a.Name != "specversion" && !made.isText(&a) {
			s, err := c.Compile(a.Node(), m.Headers.Dialect)
			if err != nil {
				return nil, fmt.Errorf("the schema of %s of %s cannot be used: %w; treaty check says more", a.Name, m.Envelope.Type, err)
			}
			made.schema = s
			if profile.FormatsIgnore {
				made.schema = s.Read(schema.Profile{FormatsIgnore: true})
			}
		}
		h.attributes = append(h.attributes, made)
	}
	return h, nil
}

// isText reports whether the schema of an attribute says no more than that it is
// a text, how long it is, that it is a constant, or a time, which has been read.
// It takes the length from it.
func (h *attribute) isText(a *contract.Attribute) bool {
	n := a.Node()
	if n.Get("type").Str() != "string" {
		return false
	}
	for _, item := range n.Items {
		switch name := item.KeyName(); name {
		case "type", "title", "description", "examples", "$comment":
		case "const":
			if a.Const == "" {
				return false
			}
		case "format":
			if a.Name != "time" || item.Str() != "date-time" {
				return false
			}
		case "minLength", "maxLength":
			length, err := strconv.Atoi(item.Value)
			if err != nil {
				return false
			}
			if name == "minLength" {
				h.min = length
			} else {
				h.max = length
			}
		default:
			if !strings.HasPrefix(name, "x-") {
				return false
			}
		}
	}
	return true
}

// conforms reports whether a value is what the contract says.
func (h *attribute) conforms(v event.Value) bool {
	switch {
	case h.constant != "" && v.String() != h.constant:
		return false
	case h.schema != nil:
		var space [256]byte
		if h.schema.ValidJSON(appendValue(space[:0], v)) {
			return true
		}
		typed, ok := h.typed(v)
		return ok && h.schema.ValidJSON(appendValue(space[:0], typed))
	case h.min > len(v.String()):
		return false
	case h.min > 1 || h.max >= 0:
		n := utf8.RuneCountInString(v.String())
		return n >= h.min && (h.max < 0 || n <= h.max)
	}
	return true
}

// typed is a text of binary mode as the whole number or the boolean that it may
// have been, whose canonical text it is (CloudEvents §2).
func (h *attribute) typed(v event.Value) (event.Value, bool) {
	if !h.binary || v.Kind() != event.Text {
		return v, false
	}
	return Typed(v.String())
}

// value is an attribute of an event, and whether the event has it.
func value(e *event.Event, name string) (event.Value, bool) {
	text := ""
	switch name {
	case "id":
		text = e.ID
	case "source":
		text = e.Source
	case "type":
		text = e.Type
	case "subject":
		text = e.Subject
	case "datacontenttype":
		text = e.DataContentType
	case "dataschema":
		text = e.DataSchema
	case "specversion":
		text = event.SpecVersion
	case "time":
		if !e.Time.IsZero() {
			text = e.Time.Format(time.RFC3339Nano)
		}
	default:
		return e.Extensions.Get(name)
	}
	return event.TextValue(text), text != ""
}

// Valid reports whether an event conforms. It allocates nothing where the payload
// describes the data.
func (m *Message) Valid(e *event.Event) bool {
	for i := range m.attributes {
		a := &m.attributes[i]
		if a.name == "time" && a.schema == nil && a.constant == "" { // whose text would have to be made
			if a.required && e.Time.IsZero() {
				return false
			}
			continue
		}
		v, ok := value(e, a.name)
		if !ok && a.required || ok && !a.conforms(v) {
			return false
		}
	}
	return m.payload == nil || m.validData(e)
}

// ReadsJSON is whether Valid has read data that say that they are JSON, as one value.
func (m *Message) ReadsJSON() bool {
	return m.payload != nil && m.Payload.Dialect != schema.Avro && !m.Envelope.PayloadIsEnvelope
}

func (m *Message) validData(e *event.Event) bool {
	avro := m.Payload.Dialect == schema.Avro
	switch {
	case m.Envelope.PayloadIsEnvelope:
		text, err := e.AppendJSON(nil)
		return err == nil && m.payload.ValidJSON(text)
	case e.Data == nil:
		return false
	case event.IsJSON(e.DataContentType):
		return m.payload.ValidJSON(e.Data)
	case avro:
		return m.payload.ValidAvro(e.Data)
	}
	var space [256]byte
	text, ok := appendText(space[:0], e.Data)
	return ok && m.payload.ValidJSON(text)
}

func appendValue(b []byte, v event.Value) []byte {
	if v.Kind() == event.Boolean || v.Kind() == event.Integer {
		return append(b, v.String()...)
	}
	return jsonscan.AppendString(b, v.String())
}

// Problems is what is wrong with an event, nothing where Valid says yes.
func (m *Message) Problems(e *event.Event) []Problem {
	var found []Problem
	report := func(rule, pointer, format string, args ...any) {
		found = append(found, Problem{rule, pointer, fmt.Sprintf(format, args...)})
	}
	for i := range m.attributes {
		a := &m.attributes[i]
		v, ok := value(e, a.name)
		switch {
		case !ok && a.required:
			report(RuleEnvelope, "", "the event has no %s, which the contract demands of %s", a.name, m.Envelope.Type)
		case !ok:
		case a.constant != "" && v.String() != a.constant:
			report(RuleEnvelope, "/"+a.name, "%s is %q, and the contract has %q", a.name, clip(v.String()), a.constant)
		case a.conforms(v):
		case a.schema != nil:
			for _, p := range a.schema.ValidateJSON(appendValue(nil, v)) {
				report(RuleEnvelope, "/"+a.name, "%s: %s", a.name, p.Message)
			}
		default:
			report(RuleEnvelope, "/"+a.name, "%s is %q, which is too short or too long; the contract has at least %d characters%s", a.name, clip(v.String()), a.min, atMost(a.max))
		}
	}
	if m.payload == nil {
		return found
	}
	add := func(prefix string, all []schema.Problem) {
		for _, p := range all {
			pointer := prefix + p.Instance
			rule := RuleData
			if pointer != "/data" && !strings.HasPrefix(pointer, "/data/") {
				rule = RuleEnvelope
			}
			report(rule, pointer, "%s", p.Message)
		}
	}
	switch {
	case m.Envelope.PayloadIsEnvelope:
		text, err := e.AppendJSON(nil)
		if err != nil {
			report(RuleEnvelope, "", "%v", err)
			break
		}
		add("", m.payload.ValidateJSON(text))
	case e.Data == nil:
		report(RuleData, "", "the event has no data, and the contract describes some for %s", m.Envelope.Type)
	case event.IsJSON(e.DataContentType):
		add("/data", m.payload.ValidateJSON(e.Data))
	case m.Payload.Dialect == schema.Avro:
		add("/data", m.payload.ValidateAvro(e.Data))
	default:
		text, ok := appendText(nil, e.Data)
		if !ok {
			report(RuleData, "/datacontenttype", "the data are %s and no text, and the contract describes JSON for %s", e.DataContentType, m.Envelope.Type)
			break
		}
		for _, p := range m.payload.ValidateJSON(text) {
			report(RuleData, "/data", "the data are %s, and so a string to the contract: %s", e.DataContentType, p.Message)
		}
	}
	return found
}

// Types are the event types of messages, each once, sorted.
func Types(messages []*contract.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Envelope.Type)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func atMost(n int) string {
	if n < 0 {
		return ""
	}
	return fmt.Sprintf(" and at most %d", n)
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:60] + "…"
	}
	return s
}

// JSON is the data of an event as JSON, as its reader is to see them: those in
// Avro's binary encoding in its JSON one, texts that are no JSON as strings, and
// with the defaults of the contract where it has them applied.
func (m *Message) JSON(e *event.Event) ([]byte, error) {
	switch {
	case m.payload != nil && m.Payload.Dialect == schema.Avro && e.Data != nil && !event.IsJSON(e.DataContentType):
		return m.payload.DecodeAvro(e.Data)
	case m.payload != nil && m.Payload.Dialect.IsJSONSchema() && !m.Envelope.PayloadIsEnvelope && e.Data != nil && !event.IsJSON(e.DataContentType):
		if text, ok := appendText(nil, e.Data); ok {
			return text, nil
		}
	case m.fills && m.Envelope.PayloadIsEnvelope:
		text, err := e.AppendJSON(nil)
		if err != nil {
			return nil, err
		}
		whole, err := event.DecodeJSON(m.payload.Filled(text))
		if err != nil { // such as a default that no attribute may have
			return e.Data, nil
		}
		return whole.Data, nil
	case m.fills && e.Data != nil && event.IsJSON(e.DataContentType):
		return m.payload.Filled(e.Data), nil
	}
	return e.Data, nil
}
