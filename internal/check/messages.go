package check

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

func checkHeadersObject(p *Pass) {
	for _, kind := range []*document.Object{document.Message, document.MessageTrait} {
		for _, message := range p.Doc.All(kind) {
			if headers := message.Get("headers"); headers != nil {
				n, d := p.schemaAt(headers)
				p.objectSchema(n, d, map[*syntax.Node]bool{})
			}
		}
	}
}

// schemaAt is the schema that stands at a node, through references and the
// Multi Format Schema Object; nil where there is none.
func (p *Pass) schemaAt(n *syntax.Node) (*syntax.Node, schema.Dialect) {
	to := p.Doc.Resolve(n)
	format := to.Get("schemaFormat")
	if format == nil {
		return to, schema.AsyncAPI
	}
	d, ok := schema.DialectOf(format.Str())
	if !ok {
		d = schema.Foreign
	}
	return p.Doc.Resolve(to.Get("schema")), d
}

// objectSchema reports a schema of headers that lets something else than an
// object through by its type.
func (p *Pass) objectSchema(n *syntax.Node, d schema.Dialect, seen map[*syntax.Node]bool) {
	const want = "headers are a map of names to values; write type: object"
	switch {
	case n == nil || seen[n]:
		return
	case d == schema.Avro:
		if kind := n.Get("type"); kind.Is(syntax.String) && kind.Value != "record" && kind.Value != "map" {
			p.ReportValue(kind, "the schema of the headers is of type %q, but headers are a map of names to values; write a record", kind.Value)
		} else if n.Is(syntax.String) {
			p.ReportValue(n, "the schema of the headers is of type %q, but headers are a map of names to values; write a record", n.Value)
		}
		return
	case !d.IsJSONSchema():
		return
	case n.Kind == syntax.Bool:
		p.ReportValue(n, "the schema of the headers is %s, but %s", n.Value, want)
		return
	}
	seen[n] = true
	switch kind := n.Get("type"); {
	case kind.Is(syntax.String) && kind.Value != "object":
		p.ReportValue(kind, "the schema of the headers is of type %q, but %s", kind.Value, want)
	case kind.Is(syntax.Sequence) && slices.ContainsFunc(kind.Items, func(t *syntax.Node) bool { return t.Str() != "object" }):
		p.ReportValue(kind, "the schema of the headers allows other types than object, but %s", want)
	}
	for _, branch := range elements(n.Get("allOf")) {
		p.objectSchema(p.Doc.Resolve(branch), d, seen)
	}
}

func checkContentType(p *Pass) {
	check := func(n *syntax.Node) {
		if n.Is(syntax.String) && strings.Contains(n.Value, "*") {
			p.ReportValue(n, "%s: %q is a range of media types, but a payload is encoded in one; write that one, such as application/json", n.KeyName(), n.Value)
		}
	}
	check(p.Doc.Root.Get("defaultContentType"))
	for _, kind := range []*document.Object{document.Message, document.MessageTrait} {
		for _, message := range p.Doc.All(kind) {
			check(message.Get("contentType"))
		}
	}
}

func checkTagDuplicate(p *Pass) {
	for _, kind := range []*document.Object{document.Info, document.Server, document.Channel, document.Operation,
		document.OperationTrait, document.Message, document.MessageTrait} {
		for _, n := range p.Doc.All(kind) {
			tags := elements(n.Get("tags"))
			if len(tags) < 2 {
				continue
			}
			first := make(map[string]*syntax.Node, len(tags))
			for _, tag := range tags {
				name := p.Doc.Resolve(tag).Get("name")
				if !name.Is(syntax.String) {
					continue
				}
				earlier := first[name.Value]
				switch {
				case earlier == nil:
					first[name.Value] = tag
				case document.IsRef(tag) && earlier.Get("$ref").Str() == tag.Get("$ref").Value:
					// a repeated entry, reported as such
				default:
					d := p.Report(tag, "the tag %q stands in the list twice; remove one of them", name.Value)
					d.Related = append(d.Related, diag.Related{Span: earlier.KeySpan(), Message: "the first of that name"})
				}
			}
		}
	}
}

// checkMessageExample holds the examples of messages against the schemas of
// headers and payload. A message of several channels is looked at once.
func checkMessageExample(p *Pass) {
	seen := make(map[*syntax.Node]bool)
	for _, channel := range p.Contract.Channels {
		for _, m := range channel.Messages {
			if def := p.Doc.Resolve(m.Entry.Node()); def != nil && !seen[def] {
				seen[def] = true
				p.examples(m)
			}
		}
	}
	for _, def := range p.Doc.All(document.Message) { // those that no channel has
		if n := p.Doc.Effective(def); !seen[def] && len(elements(n.Get("examples"))) > 0 {
			for _, example := range elements(n.Get("examples")) {
				for _, part := range []string{"headers", "payload"} {
					p.hold(example.Get(part), n.Get(part), "")
				}
			}
		}
	}
}

func (p *Pass) examples(m *contract.Message) {
	for _, example := range m.Examples {
		if m.Headers != nil {
			p.hold(example.Headers, m.Headers.Use.Node(), "")
		}
		if m.Payload == nil || example.Payload == nil || isText(m, example.Payload) {
			continue
		}
		use := m.Payload.Use.Node()
		switch {
		case m.Envelope.Mode == contract.Batch && example.Payload.Is(syntax.Sequence) && !p.isValid(example.Payload, use):
			for _, event := range example.Payload.Items {
				p.holdEvent(m, event, use)
			}
		case m.Envelope.Mode == contract.Structured || m.Envelope.Mode == contract.Batch:
			p.holdEvent(m, example.Payload, use)
		default:
			p.hold(example.Payload, use, "")
		}
	}
}

// holdEvent holds an example of a structured event. Where the payload describes
// data alone, people write the data or the whole event; the whole one is
// recognised by its required attributes, of which specversion is seldom part of
// anything else.
func (p *Pass) holdEvent(m *contract.Message, example, use *syntax.Node) {
	if m.Envelope.PayloadIsEnvelope || !isEvent(example) || example.Get("specversion") == nil && p.isValid(example, use) {
		p.hold(example, use, "")
		return
	}
	if data := example.Get("data"); data != nil {
		p.hold(data, use, "/data")
	}
	for i := range m.Envelope.Attributes {
		a := &m.Envelope.Attributes[i]
		if v := example.Get(a.Name); v != nil {
			p.hold(v, a.Node(), "/"+a.Name)
		}
	}
}

// isEvent reports whether a value looks like a whole CloudEvent.
func isEvent(n *syntax.Node) bool {
	return n.Get("type") != nil && n.Get("source") != nil && n.Get("id") != nil && (n.Get("data") != nil || n.Get("data_base64") != nil || n.Get("specversion") != nil)
}

// isText reports whether an example is the text of a payload that is no JSON,
// such as XML, which a schema says nothing about. Plain text is a string, and is
// held to the schema as one, as it is on its way.
func isText(m *contract.Message, example *syntax.Node) bool {
	if !example.Is(syntax.String) || m.ContentType == "" {
		return false
	}
	base, _, _ := strings.Cut(strings.ToLower(m.ContentType), ";")
	base = strings.TrimSpace(base)
	return !isPlainText(base) && !strings.HasSuffix(base, "json") && !strings.HasSuffix(base, "yaml") && !strings.Contains(base, "avro")
}

// compiled is the schema at a node, nil where it cannot be used: it is in a
// language that is not understood, or not valid, which has been reported.
func (p *Pass) compiled(use *syntax.Node) *schema.Schema {
	n, d := p.schemaAt(use)
	if n == nil {
		return nil
	}
	s, err := p.compiler.Compile(n, d)
	if err != nil {
		return nil
	}
	return s
}

func (p *Pass) isValid(value, use *syntax.Node) bool {
	s := p.compiled(use)
	return s == nil || s.Valid(value)
}

// hold reports each way in which a value fails a schema, at the value. Of a part
// of a whole event, within is where in the event it is.
func (p *Pass) hold(value, use *syntax.Node, within string) {
	if value == nil || use == nil {
		return
	}
	s := p.compiled(use)
	if s == nil {
		return
	}
	for _, problem := range s.Validate(value) {
		at := problem.Node
		if at == nil || at.File == nil {
			at = value
		}
		span := at.Span()
		if at.Kind == syntax.Mapping || at.Kind == syntax.Sequence {
			span = at.KeySpan()
		}
		what, place := "the example", within+problem.Instance
		if within != "" {
			what = "the example, a whole event,"
		}
		if place != "" {
			place = " at " + place
		}
		d := p.ReportAt(span, at, "%s is not valid%s: %s", what, place, problem.Message)
		if !problem.Schema.IsZero() {
			d.Related = append(d.Related, diag.Related{Span: problem.Schema, Message: "what the schema demands"})
		}
	}
}
