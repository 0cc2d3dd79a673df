package check

import (
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Rules about runtime expressions that point at nothing.

func checkCorrelationLocation(p *Pass) {
	var l lookups
	for _, channel := range p.Contract.Channels {
		for _, m := range channel.Messages {
			if id := m.Field("correlationId"); id != nil {
				l.look(p, p.Doc.Resolve(id).Get("location"), m)
			}
		}
	}
	l.report(p)
}

func checkParameterLocation(p *Pass) {
	var l lookups
	for _, channel := range p.Contract.Channels {
		for _, parameter := range channel.Parameters {
			l.look(p, parameter.Field("location"), channel.Messages...)
		}
	}
	l.report(p)
}

func checkReplyLocation(p *Pass) {
	var l lookups
	for _, op := range p.Contract.Operations {
		if op.Reply != nil {
			l.look(p, p.Doc.Resolve(op.Reply.Field("address")).Get("location"), op.Messages...)
		}
	}
	l.report(p)
}

// misses are the messages in which a location points at nothing.
type misses struct {
	location *syntax.Node
	messages []*contract.Message
	why      string // of the first
}

// lookups collects misses by the node of the location, which many messages may
// share, in the order in which they are met.
type lookups struct {
	list []*misses
	by   map[*syntax.Node]*misses
	done map[lookup]bool
}

// maxLookups bounds the places that one rule looks up: each location in each of
// the messages that it is for. A large document has some thousands.
const maxLookups = 20_000

type lookup struct {
	location, message *syntax.Node
}

// look looks a location up in messages.
func (l *lookups) look(p *Pass, location *syntax.Node, messages ...*contract.Message) {
	if !location.Is(syntax.String) || len(l.done) >= maxLookups {
		return
	}
	e, fault := document.ParseExpression(location.Value)
	if fault != "" {
		return // reported as no expression
	}
	if l.done == nil {
		l.done, l.by = map[lookup]bool{}, map[*syntax.Node]*misses{}
	}
	for _, m := range messages {
		key := lookup{location, m.Node()}
		if l.done[key] {
			continue
		}
		if l.done[key] = true; len(l.done) > maxLookups {
			return
		}
		why := p.missing(m, e)
		if why == "" {
			continue
		}
		miss := l.by[location]
		if miss == nil {
			miss = &misses{location: location, why: why}
			l.by[location] = miss
			l.list = append(l.list, miss)
		}
		miss.messages = append(miss.messages, m)
	}
}

func (l *lookups) report(p *Pass) {
	for _, miss := range l.list {
		others := ""
		if n := len(miss.messages) - 1; n == 1 {
			others = " (and one other message)"
		} else if n > 1 {
			others = fmt.Sprintf(" (and %d other messages)", n)
		}
		d := p.ReportValue(miss.location, "%q points at nothing in %q%s: %s", miss.location.Value, miss.messages[0].Key, others, miss.why)
		for i, m := range miss.messages {
			if i == 3 {
				break
			}
			d.Related = append(d.Related, diag.Related{Span: m.Span(), Message: "the message"})
		}
	}
}

// missing looks a runtime expression up in the schemas of a message and says
// what is not there; "" where it is there, or where the schemas leave open
// whether it is.
func (p *Pass) missing(m *contract.Message, e document.Expression) string {
	s, what, has, is := m.Payload, "payload", "has", "is"
	if e.Header {
		s, what, has, is = m.Headers, "headers", "have", "are"
	}
	if s == nil || e.Fragment == "" {
		return ""
	}
	steps := strings.Split(e.Fragment[1:], "/")
	for i := range steps {
		steps[i] = unescaped(steps[i])
	}
	structured := m.Envelope.Mode == contract.Structured || m.Envelope.Mode == contract.Batch
	if !e.Header && structured && !m.Envelope.PayloadIsEnvelope {
		// The message carries an envelope of which the schema describes data.
		if steps[0] == "data" {
			steps = steps[1:]
		} else if m.Envelope.Attribute(steps[0]) != nil || isAttribute(steps[0]) {
			return ""
		}
	}
	at := []*syntax.Node{s.Node()}
	for i, step := range steps {
		f := p.fieldsOf(at, s.Dialect)
		next := f.named[step]
		if f.array && isIndex(step) {
			next = append(next, f.items...)
		}
		switch {
		case len(next) > 0:
			at = next
			continue
		case f.open:
			return ""
		}
		where := what
		if i > 0 {
			where += " at /" + strings.Join(steps[:i], "/")
		}
		if len(f.names) == 0 && f.array {
			return fmt.Sprintf("its %s %s a list, in which %q is no position", where, is, step)
		}
		if len(f.names) == 0 {
			return fmt.Sprintf("its %s %s no object, so there is no %q", where, is, step)
		}
		if near, ok := nearest(step, f.names); ok {
			return fmt.Sprintf("its %s %s no %q; did you mean %q?", where, has, step, near)
		}
		return fmt.Sprintf("its %s %s no %q, only %s", where, has, step, someOf(f.names))
	}
	return ""
}

// isAttribute reports whether CloudEvents defines an attribute of that name.
func isAttribute(name string) bool {
	switch name {
	case "id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", "data", "data_base64":
		return true
	}
	return false
}

func isIndex(step string) bool {
	return step == "-" || step != "" && strings.Trim(step, "0123456789") == ""
}

// fields are what a value may have according to some schemas, any of which may
// apply to it.
type fields struct {
	named map[string][]*syntax.Node
	names []string
	items []*syntax.Node
	array bool
	open  bool // it may have others, or the schemas do not say

	seen map[*syntax.Node]bool
}

func (f *fields) add(name string, n *syntax.Node) {
	if f.named[name] == nil {
		f.names = append(f.names, name)
	}
	f.named[name] = append(f.named[name], n)
}

func (p *Pass) fieldsOf(schemas []*syntax.Node, d schema.Dialect) *fields {
	f := &fields{named: map[string][]*syntax.Node{}, seen: map[*syntax.Node]bool{}}
	for _, n := range schemas {
		switch {
		case d == schema.Avro:
			f.avro(p.Doc, n)
		case d.IsJSONSchema():
			if !f.json(p.Doc, n) {
				f.open = true
			}
		default:
			f.open = true
		}
	}
	return f
}

// json adds what a JSON Schema says, and reports whether it says what its value
// is at all: an object by its properties, an array by its items, or a type that
// has neither.
func (f *fields) json(doc *document.Document, n *syntax.Node) (says bool) {
	n = doc.Resolve(n)
	if !n.Is(syntax.Mapping) {
		return false
	}
	if f.seen[n] {
		return true
	}
	f.seen[n] = true
	if properties := entries(n.Get("properties")); len(properties) > 0 {
		says = true
		for _, property := range properties {
			f.add(property.KeyName(), property)
		}
	}
	for _, keyword := range []string{"items", "prefixItems", "additionalItems"} {
		switch items := n.Get(keyword); {
		case items.Is(syntax.Mapping):
			says, f.array = true, true
			f.items = append(f.items, items)
		case items.Is(syntax.Sequence):
			says, f.array = true, true
			f.items = append(f.items, items.Items...)
		}
	}
	switch n.Get("type").Str() {
	case "string", "number", "integer", "boolean", "null":
		says = true
	}
	for _, keyword := range []string{"additionalProperties", "unevaluatedProperties"} {
		if rest := n.Get(keyword); rest.Is(syntax.Mapping) || rest.IsTrue() {
			f.open = true
		} else if rest.Is(syntax.Bool) {
			says = true
		}
	}
	if n.Get("patternProperties") != nil || n.Get("const") != nil || n.Get("enum") != nil && n.Get("type") == nil {
		f.open = true
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		for _, branch := range elements(n.Get(keyword)) {
			b := f.json(doc, branch)
			if !b && keyword != "allOf" {
				f.open = true // one of the alternatives allows anything
			}
			says = says || b
		}
	}
	for _, keyword := range []string{"if", "then", "else"} {
		if branch := n.Get(keyword); branch != nil {
			f.json(doc, branch)
		}
	}
	if n.Get("dependentSchemas") != nil || n.Get("dependencies") != nil || n.Get("$dynamicRef") != nil || n.Get("$recursiveRef") != nil {
		f.open = true
	}
	return says
}

// avro adds what an Avro schema says.
func (f *fields) avro(doc *document.Document, n *syntax.Node) {
	n = doc.Resolve(n)
	if n == nil || f.seen[n] {
		return
	}
	f.seen[n] = true
	switch n.Kind {
	case syntax.Sequence: // a union
		for _, one := range n.Items {
			f.avro(doc, one)
		}
	case syntax.String:
		switch n.Value {
		case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		default:
			f.open = true // a type that is named elsewhere
		}
	case syntax.Mapping:
		switch kind := n.Get("type"); {
		case kind.Str() == "record" || kind.Str() == "error":
			for _, field := range elements(n.Get("fields")) {
				if name := field.Get("name"); name.Is(syntax.String) && field.Get("type") != nil {
					f.add(name.Value, field.Get("type"))
				}
			}
		case kind.Str() == "array":
			if items := n.Get("items"); items != nil {
				f.array = true
				f.items = append(f.items, items)
			}
		case kind.Str() == "map":
			f.open = true
		case kind != nil:
			f.avro(doc, kind)
		}
	default:
		f.open = true
	}
}
