package check

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

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
		Reason: `The payload schema is what the producer has promised and what consumers build against. Data that breaks it breaks them, at the field that is named. Mend the producer; or, if the data is right, the contract is not, and changing it is a change that consumers have to be asked about.`}
)

var eventFileRules = []*Rule{eventEnvelope, eventTypeUnknown, eventData}

// SavedEvents holds the events of a file against contracts: one event, a JSON array
// (the batch format of CloudEvents), or JSON lines. Nothing is read but f.
func SavedEvents(contracts []*contract.Contract, f *diag.File) []diag.Diagnostic {
	e := &eventCheck{contracts: contracts, compilers: map[*contract.Contract]*schema.Compiler{}}
	for _, n := range e.parse(f) {
		e.event(n)
	}
	return e.found
}

type eventCheck struct {
	contracts []*contract.Contract
	compilers map[*contract.Contract]*schema.Compiler
	found     []diag.Diagnostic
}

// parse reads the events of a file. Lines of JSON are recognised by what
// follows the first value.
func (e *eventCheck) parse(f *diag.File) []*syntax.Node {
	n, found := syntax.Parse(f, syntax.JSON, syntax.Limits{})
	if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Rule == syntax.RuleMultiple }) {
		lines, found := syntax.ParseLines(f, syntax.Limits{})
		e.found = append(e.found, found...)
		return lines
	}
	e.found = append(e.found, found...)
	switch n.Kind {
	case syntax.Sequence:
		return n.Items
	case syntax.Invalid:
		return nil
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
	c, m := e.message(t)
	if m == nil {
		var known []string
		for _, c := range e.contracts {
			for _, et := range c.EventTypes {
				known = append(known, et.Type)
			}
		}
		hint := "add it to the contract, or send what is agreed"
		if near, ok := diag.Nearest(t, known); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(known) > 0 && len(known) <= 8 {
			hint = "it knows " + strings.Join(known, ", ")
		}
		e.report(eventTypeUnknown, n.Get("type").Span(), n.Get("type"), nil, "the contract has no event of type %q; %s", t, hint)
		return
	}
	e.attributes(c, m, n)
	e.data(c, m, n)
}

// message finds the message of an event type, and the contract that has it.
func (e *eventCheck) message(t string) (*contract.Contract, *contract.Message) {
	for _, c := range e.contracts {
		for _, et := range c.EventTypes {
			if et.Type == t && len(et.Messages) > 0 {
				return c, et.Messages[0]
			}
		}
	}
	return nil, nil
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
			e.report(eventEnvelope, diag.Span{File: n.File, Start: n.Start, End: n.Start + 1}, n, nil, "the event has no %s, which every CloudEvent must have%s", name, hint)
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
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		e.report(eventEnvelope, item.Key.Span(), item, nil, "%q is no name of an attribute, which has lower-case letters and digits alone; put what belongs to the event itself into data", name)
		return
	}
	switch item.Kind {
	case syntax.Null:
		return // the same as absent
	case syntax.Mapping, syntax.Sequence:
		bad("is %s, but an attribute is a string, a number or a boolean; put it into data", item.Kind)
		return
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
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			bad("is %q, but has to be a timestamp of RFC 3339 such as 2026-04-10T15:20:00Z", v)
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

// attributes holds the envelope against what the message says of it.
func (e *eventCheck) attributes(c *contract.Contract, m *contract.Message, n *syntax.Node) {
	if m.Envelope.PayloadIsEnvelope {
		return // data does it: the payload schema is that of the whole
	}
	for _, a := range m.Envelope.Attributes {
		v := n.Get(a.Name)
		if v == nil || v.Kind == syntax.Null {
			if a.Required && !slices.Contains([]string{"specversion", "id", "source", "type"}, a.Name) {
				e.report(eventEnvelope, diag.Span{File: n.File, Start: n.Start, End: n.Start + 1}, n, []diag.Related{{Span: a.Span(), Message: "what the contract says of it"}},
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
	if m.Payload == nil || !m.Payload.Dialect.IsJSONSchema() && m.Payload.Dialect != schema.Avro {
		return
	}
	value := n
	if !m.Envelope.PayloadIsEnvelope {
		if value = n.Get("data"); value == nil {
			if n.Get("data_base64") != nil {
				return // bytes: their format is not JSON
			}
			e.report(eventData, diag.Span{File: n.File, Start: n.Start, End: n.Start + 1}, n, []diag.Related{{Span: m.Payload.Span(), Message: "the schema of its data"}},
				"the event has no data, and the contract describes some for %s", m.Envelope.Type)
			return
		}
	}
	s, err := e.compiler(c).Compile(m.Payload.Node(), m.Payload.Dialect)
	if err != nil {
		return // reported by check
	}
	for _, p := range s.Validate(value) {
		e.report(eventData, p.Span(), p.Node, []diag.Related{{Span: p.Schema, Message: "what the contract demands"}}, "%s", p.Message)
	}
}

func (e *eventCheck) compiler(c *contract.Contract) *schema.Compiler {
	if e.compilers[c] == nil {
		e.compilers[c] = newCompiler(c.Document())
	}
	return e.compilers[c]
}
