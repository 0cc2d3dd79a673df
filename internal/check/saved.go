package check

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// The rules for saved events (treaty check --event).
var (
	eventEnvelope = &Rule{ID: "event-envelope", Title: "A saved event is no CloudEvent, or not of the envelope that the contract describes", Family: Events, Severity: diag.Error, Since: "0.1.0",
		Reason: `Consumers find their way by the envelope: they choose a handler by type, recognise duplicates by source and id, and keep order by subject. CloudEvents 1.0 says which attributes an event must have and what they may hold, and the contract may demand more. An event that breaks either is refused by whoever reads it strictly, and lost by whoever does not.`}
	eventTypeUnknown = &Rule{ID: "event-type-unknown", Title: "A saved event has a type that the contract does not know", Family: Events, Severity: diag.Error, Since: "0.1.0",
		Reason: `An event whose type is not in the contract has no schema and no promise: nobody can tell whether it is right. Either the type is misspelt, or the event is sent without having been agreed on. Correct it, or add the event type to the contract.`}
	eventData = &Rule{ID: "event-data", Title: "A saved event's data is not valid against the contract", Family: Events, Severity: diag.Error, Since: "0.1.0",
		Reason: `The payload schema is what the producer has promised and what consumers build against. Data that breaks it breaks them, at the field that is named. Mend the producer; or, if the data is right, the contract is not, and changing it is a change that consumers have to be asked about.

A schema of JSON describes data that are another text, such as text/plain, as a string: {type: string, maxLength: 80}.`}
)

var eventFileRules = []*Rule{eventEnvelope, eventTypeUnknown, eventData}

// SavedEvents holds the events of a file against contracts: one event in the
// JSON format of CloudEvents, a JSON array (its batch format), or JSON lines.
// Nothing is read but f. An event has to conform to every contract that knows
// its type; where a contract has several messages of the type, to one of them,
// since the event does not say which channel it was on.
func SavedEvents(contracts []*contract.Contract, f *diag.File, lim syntax.Limits) []diag.Diagnostic {
	return NewEventCheck(contracts, lim).Check(f, nil)
}

// EventCheck holds events against contracts, file after file. It is not safe for
// concurrent use.
type EventCheck struct{ eventCheck }

// NewEventCheck makes an EventCheck of contracts.
func NewEventCheck(contracts []*contract.Contract, lim syntax.Limits) *EventCheck {
	e := &EventCheck{eventCheck{contracts: contracts, limits: lim, compilers: map[*contract.Contract]*schema.Compiler{}, messages: map[string][]typeIn{}}}
	for _, c := range contracts {
		for _, t := range c.EventTypes {
			e.messages[t.Type] = append(e.messages[t.Type], typeIn{c, t.Messages})
			e.types = append(e.types, t.Type)
		}
	}
	return e
}

// Check holds the events of a file, see SavedEvents. Where the channel is known
// that they are on, an event has to be one that the channel carries.
func (e *EventCheck) Check(f *diag.File, on *contract.Channel) []diag.Diagnostic {
	e.found, e.on = nil, on
	for _, n := range e.parse(f) {
		e.event(n)
	}
	return diag.Sort(e.found)
}

type eventCheck struct {
	contracts []*contract.Contract
	limits    syntax.Limits
	compilers map[*contract.Contract]*schema.Compiler
	messages  map[string][]typeIn // by event type
	types     []string
	on        *contract.Channel // nil where it is not known
	found     []diag.Diagnostic
}

// carries is the message of a type on the channel, where that is known.
func (e *eventCheck) carries(all []*contract.Message) []*contract.Message {
	if e.on == nil {
		return all
	}
	var on []*contract.Message
	for _, m := range all {
		if m.Channel == e.on {
			on = append(on, m)
		}
	}
	return on
}

// typeIn is an event type in one contract.
type typeIn struct {
	contract *contract.Contract
	messages []*contract.Message
}

// parse reads the events of a file. Lines of JSON are recognised by what
// follows the first value.
func (e *eventCheck) parse(f *diag.File) []*syntax.Node {
	n, found := syntax.Parse(f, syntax.JSON, e.limits)
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Rule == syntax.RuleMultiple }) {
		lines, found := syntax.ParseLines(f, e.limits)
		e.found = append(e.found, found...)
		return lines
	}
	e.found = append(e.found, found...)
	switch {
	case len(found) > 0: // the rest of the event is missing, and would be missed
		return nil
	case n.Kind == syntax.Sequence:
		return n.Items
	}
	return []*syntax.Node{n}
}

func (e *eventCheck) report(r *Rule, span diag.Span, n *syntax.Node, related []diag.Related, format string, args ...any) {
	e.found = append(e.found, diag.Diagnostic{Rule: r.ID, Severity: r.Severity, Span: span, Pointer: n.Pointer(), Related: related, Message: fmt.Sprintf(format, args...)})
}

// event checks one event: its envelope, its type, the attributes and the data
// that the contract describes.
func (e *eventCheck) event(n *syntax.Node) {
	if n.Kind != syntax.Mapping {
		e.report(eventEnvelope, n.Span(), n, nil, "the event is %s, but a CloudEvent is an object with specversion, id, source and type", n.Kind)
		return
	}
	e.core(n)
	t := n.Get("type").Str()
	if t == "" {
		return // reported as missing or empty
	}
	known := e.messages[t]
	if len(known) == 0 {
		hint := "add it to the contract, or send what is agreed"
		if near, ok := diag.Nearest(t, e.types); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(e.types) > 0 && len(e.types) <= 8 {
			hint = "it knows " + strings.Join(e.types, ", ")
		}
		e.report(eventTypeUnknown, n.Get("type").Span(), n.Get("type"), nil, "the contract has no event of type %q; %s", t, hint)
		return
	}
	for _, d := range known {
		messages := e.carries(d.messages)
		if len(messages) == 0 {
			var types []string
			for _, m := range e.on.Messages {
				types = append(types, m.Envelope.Type)
			}
			e.report(eventTypeUnknown, n.Get("type").Span(), n.Get("type"), []diag.Related{{Span: e.on.Span(), Message: "the channel"}},
				"the channel %s does not carry %q; it carries %s", e.on.Name, t, strings.Join(types, ", "))
			continue
		}
		var least []diag.Diagnostic
		for i, m := range messages {
			one := &eventCheck{compilers: e.compilers}
			one.attributes(d.contract, m, n)
			one.data(d.contract, m, n)
			if i == 0 || len(one.found) < len(least) {
				least = one.found
			}
			if len(least) == 0 {
				break
			}
		}
		e.found = append(e.found, least...)
	}
}

// core checks what CloudEvents 1.0 says of every event (section "Context
// Attributes" and the JSON format).
func (e *eventCheck) core(n *syntax.Node) {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		v := n.Get(name)
		switch {
		case v == nil:
			keys := make([]string, 0, len(n.Items))
			for _, item := range n.Items {
				keys = append(keys, item.KeyName())
			}
			hint := ""
			if near, ok := diag.Nearest(name, keys); ok {
				hint = fmt.Sprintf("; did you mean it by %q?", near)
			}
			e.report(eventEnvelope, opening(n), n, nil, "the event has no %s, which every CloudEvent must have%s", name, hint)
		case v.Kind != syntax.String:
			e.report(eventEnvelope, v.Span(), v, nil, "%s is %s, but has to be a string", name, v.Kind)
		case v.Value == "":
			e.report(eventEnvelope, v.Span(), v, nil, "%s is empty; it has to say something", name)
		}
	}
	if v := n.Get("specversion"); v.Is(syntax.String) && v.Value != "" && v.Value != "1.0" {
		e.report(eventEnvelope, v.Span(), v, nil, "specversion is %q, but events of CloudEvents \"1.0\" are read", v.Value)
	}
	for _, item := range n.Items {
		e.attribute(item)
	}
	if data, b64 := n.Get("data"), n.Get("data_base64"); data != nil && b64 != nil {
		e.report(eventEnvelope, b64.KeySpan(), b64, []diag.Related{{Span: data.KeySpan(), Message: "data"}}, "data_base64 stands beside data, but an event has one of them; remove one")
	}
}

func (e *eventCheck) attribute(item *syntax.Node) {
	name := item.KeyName()
	bad := func(format string, args ...any) {
		e.report(eventEnvelope, item.Span(), item, nil, "%s", name+" "+fmt.Sprintf(format, args...))
	}
	switch name {
	case "data", "specversion", "id", "type":
		return
	case "data_base64":
		if item.Kind != syntax.String {
			bad("is %s, but has to be the data in Base64", item.Kind)
		} else if _, err := base64.StdEncoding.DecodeString(item.Value); err != nil {
			bad("is not Base64 (RFC 4648)")
		}
		return
	}
	if !isAttributeName(name) {
		hint := "put what belongs to the event itself into data"
		if near, ok := diag.Nearest(name, []string{"specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time", "data", "data_base64"}); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		e.report(eventEnvelope, item.Key.Span(), item, nil, "%q is no name of an attribute, which has lower-case letters and digits alone; %s", name, hint)
		return
	}
	switch item.Kind {
	case syntax.Null:
		return // the same as absent
	case syntax.Mapping, syntax.Sequence:
		bad("is %s, but an attribute is a string, a number or a boolean; put it into data", item.Kind)
		return
	case syntax.Number:
		if _, err := strconv.ParseInt(item.Value, 10, 32); err != nil {
			bad("is %s, but a number in the envelope is a whole one of 32 bits; write a string", item.Value)
			return
		}
	}
	switch name {
	case "time", "subject", "datacontenttype", "dataschema", "source":
		if item.Kind != syntax.String {
			if name != "source" {
				bad("is %s, but has to be a string", item.Kind)
			}
			return
		}
	default:
		return
	}
	switch v := item.Value; {
	case name == "time":
		if t, err := time.Parse(time.RFC3339Nano, v); err != nil {
			bad("is %q, but has to be a timestamp of RFC 3339 such as 2026-04-10T15:20:00Z", v)
		} else if t.IsZero() {
			bad("is %q, which is a time that was never set; leave it out", v)
		}
	case name == "source":
		if _, err := url.Parse(v); err != nil || strings.ContainsAny(v, " <>\"{}|\\^`") {
			bad("is %q, which is no URI reference", v)
		}
	case name == "dataschema":
		if u, err := url.Parse(v); err != nil || u.Scheme == "" {
			bad("is %q, but has to be an absolute URI", v)
		}
	case name == "datacontenttype":
		if main, sub, ok := strings.Cut(v, "/"); !ok || main == "" || sub == "" {
			bad("is %q, but has to be a media type such as application/json", v)
		}
	case v == "":
		bad("is empty; leave it out, or let it say something")
	}
}

// isAttributeName reports whether an attribute may be called so.
func isAttributeName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// opening is where to point at for what an object lacks.
func opening(n *syntax.Node) diag.Span {
	return diag.Span{File: n.File, Start: n.Start, End: min(n.Start+1, n.End)}
}

// attributes holds the envelope against what the message says of it. Headers
// that are no attributes travel beside the event, and are not saved with it.
func (e *eventCheck) attributes(c *contract.Contract, m *contract.Message, n *syntax.Node) {
	if m.Envelope.PayloadIsEnvelope || m.Headers == nil {
		return // data does it: the payload schema is that of the whole
	}
	for _, a := range m.Envelope.Attributes {
		if !isAttributeName(a.Name) || m.Envelope.Mode != contract.Binary && a.Name != a.Spelling {
			continue
		}
		v := n.Get(a.Name)
		if v == nil || v.Kind == syntax.Null {
			if a.Required && !slices.Contains([]string{"specversion", "id", "source", "type"}, a.Name) {
				e.report(eventEnvelope, opening(n), n, []diag.Related{{Span: a.Span(), Message: "what the contract says of it"}},
					"the event has no %s, which the contract demands of %s", a.Name, m.Envelope.Type)
			}
			continue
		}
		s, err := e.compiler(c).Compile(a.Node(), m.Headers.Dialect)
		if err != nil {
			continue // reported by check
		}
		for _, p := range s.Validate(v) {
			e.report(eventEnvelope, p.Span(), p.Node, []diag.Related{{Span: p.Schema, Message: "what the contract demands"}}, "%s: %s", a.Name, p.Message)
		}
	}
}

// data holds the data, or the whole event, against the payload schema.
func (e *eventCheck) data(c *contract.Contract, m *contract.Message, n *syntax.Node) {
	if m.Payload == nil {
		return
	}
	if d := m.Payload.Dialect; !d.IsJSONSchema() && d != schema.Avro {
		e.unchecked(n, m, "its schema is "+m.Payload.Format+", which treaty does not understand")
		return
	}
	s, err := e.compiler(c).Compile(m.Payload.Node(), m.Payload.Dialect)
	if err != nil {
		return // reported by check
	}
	data, encoded := n.Get("data"), n.Get("data_base64")
	switch {
	case m.Envelope.PayloadIsEnvelope:
		e.whole(s.Validate(withoutNulls(n)))
	case data != nil && !isJSON(n.Get("datacontenttype")):
		// A text is a string to the contract (JSON format §3.1), where it describes
		// strings; what a schema says of another language than text it does not say of it.
		kind := n.Get("datacontenttype").Value
		if m.Payload.Dialect.IsJSONSchema() && data.Is(syntax.String) && (isPlainText(kind) || s.Valid(data)) {
			e.problems(s.Validate(data), nil)
			return
		}
		e.unchecked(n, m, "its datacontenttype "+kind+" is not JSON")
	case data != nil:
		e.problems(s.Validate(data), nil)
	case encoded == nil:
		e.report(eventData, opening(n), n, []diag.Related{{Span: m.Payload.Span(), Message: "the schema of its data"}},
			"the event has no data, and the contract describes some for %s", m.Envelope.Type)
	case !isJSON(n.Get("datacontenttype")) || m.Payload.Dialect == schema.Avro:
		bytes, err := base64.StdEncoding.DecodeString(encoded.Str())
		if m.Payload.Dialect.IsJSONSchema() && err == nil && utf8.Valid(bytes) {
			text, _ := json.Marshal(string(bytes))
			if found := s.ValidateJSON(text); len(found) == 0 || isPlainText(n.Get("datacontenttype").Value) {
				e.problems(found, encoded)
				return
			}
		}
		e.unchecked(n, m, "data_base64 holds bytes that are not JSON")
	default:
		if text, err := base64.StdEncoding.DecodeString(encoded.Str()); err == nil {
			e.problems(s.ValidateJSON(text), encoded)
		}
	}
}

// problems reports what a schema says of an event or of its data. What is said
// of bytes that stand encoded in the event is said there.
func (e *eventCheck) problems(ps []schema.Problem, encoded *syntax.Node) {
	for _, p := range ps {
		span, node, prefix := p.Span(), p.Node, ""
		if encoded != nil {
			span, node = encoded.Span(), encoded
			if p.Instance != "" {
				prefix = p.Instance + ": "
			}
		}
		e.report(eventData, span, node, []diag.Related{{Span: p.Schema, Message: "what the contract demands"}}, "%s%s", prefix, p.Message)
	}
}

// whole reports what a schema of a whole event says of one.
func (e *eventCheck) whole(ps []schema.Problem) {
	for _, p := range ps {
		rule := eventEnvelope
		if p.Instance == "/data" || strings.HasPrefix(p.Instance, "/data/") {
			rule = eventData
		}
		e.report(rule, p.Span(), p.Node, []diag.Related{{Span: p.Schema, Message: "what the contract demands"}}, "%s", p.Message)
	}
}

// unchecked says that nothing can be said of an event's data.
func (e *eventCheck) unchecked(n *syntax.Node, m *contract.Message, why string) {
	at := n.Get("data")
	if at == nil {
		at = n.Get("data_base64")
	}
	if at == nil {
		return
	}
	e.report(eventData, at.KeySpan(), at, []diag.Related{{Span: m.Payload.Span(), Message: "the schema of its data"}},
		"the data was not checked: %s", why)
	e.found[len(e.found)-1].Severity = diag.Info
}

// isPlainText reports whether a media type is that of text in no language with a
// structure of its own, which a schema could be meant to describe.
func isPlainText(kind string) bool {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "text/plain", "text/csv", "text/markdown", "text/html":
		return true
	}
	return false
}

// isJSON reports whether a datacontenttype is that of JSON, which none is, too.
func isJSON(n *syntax.Node) bool {
	if n == nil || n.Kind != syntax.String {
		return true
	}
	media, _, _ := strings.Cut(strings.ToLower(n.Value), ";")
	media = strings.TrimSpace(media)
	return strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
}

// withoutNulls is an event without the attributes that are null, which is how
// the JSON format may write those that are absent.
func withoutNulls(n *syntax.Node) *syntax.Node {
	null := func(item *syntax.Node) bool { return item.Kind == syntax.Null && item.KeyName() != "data" }
	if !slices.ContainsFunc(n.Items, null) {
		return n
	}
	return syntax.Synthetic(n, syntax.Mapping, slices.DeleteFunc(slices.Clone(n.Items), null))
}

func (e *eventCheck) compiler(c *contract.Contract) *schema.Compiler {
	if e.compilers[c] == nil {
		e.compilers[c] = schema.NewCompiler(c.Document().Schema)
	}
	return e.compilers[c]
}
