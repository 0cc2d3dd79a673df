package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

var eventRules = []*Rule{
	{ID: "event-type-tense", Title: "An event type is not named as something that has happened", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `An event is a fact: it tells whoever cares that something has happened, and expects nothing of them. A type that reads as a command (orders.pay.v1) or as a thing (orders.payment.v1) leaves open whether the payment was asked for, is under way or is done, so each consumer decides for itself, and two of them decide differently: one ships on it, the other waits for money. It also invites a producer to send the event before its own transaction has committed.

Name the type after what has happened, in the past tense, as its last part before the version: orders.paid.v1, users.email_changed.v1. Messages of an operation that has a reply are requests and answers, and are left alone. Types that somebody else named go under types.allow in treaty.yaml.`,
		Check: checkTypeTense},
	{ID: "event-type-version", Title: "An event type does not end in its version", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `One day the payload has to change in a way that existing consumers cannot read. With a version in the type, orders.paid.v2 is sent beside orders.paid.v1 on the same channel, each with a schema of its own, and consumers move over one by one. Without it the only choices are to break all of them on one day, or to open a second channel and lose the order of events between the two.

End the type in .v and a whole number, from the first version on: adding it later is itself a change of type that every consumer has to follow. The number counts breaking changes only.`,
		Check: checkTypeVersion},
	{ID: "event-type-schema", Title: "One event type has two schemas", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A consumer finds the schema of an event by its type; there is nothing else in the envelope to go by. Where two messages of a channel have one type and different payloads, a validator accepts what either allows or rejects half of what is sent. Where they are on two channels, whoever reads both, or an archive of both, has two shapes under one name, and code that is generated has one type to put them in: treaty generate refuses such a contract.

Give the second payload a type of its own, a new version of the first as a rule, or make one schema of the two.`,
		Check: checkTypeSchema},
	{ID: "event-type-missing", Title: "A CloudEvent's type is not stated", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `The type attribute is what consumers dispatch on, and it is nowhere in the document: neither as a constant of the type attribute's schema nor in x-cloudevents. treaty takes the message's name or key for it, but whoever writes a producer or a consumer from this document has to guess the same, and a type that was guessed wrongly is dropped by every consumer without a word.

State it, where the envelope is described: type: {const: orders.paid.v1}, or x-cloudevents: {type: orders.paid.v1}.`,
		Check: checkTypeMissing},
	{ID: "cloudevents-ambiguous", Title: "It cannot be told how a message is a CloudEvent", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `AsyncAPI has no field that says that a message is a CloudEvent, in which mode it travels, and whether its payload schema describes the whole event or its data alone. People say it by content types and header names, and this message says two different things. A validator that reads it the other way rejects every event, or accepts everything because it looks for the data in the wrong place.

State it with x-cloudevents: {mode: structured, payload: data}, on the message, its channel or the document. The fix offered writes down what treaty took it for; look whether that is what is sent.`,
		Check: checkAmbiguous},
	{ID: "envelope-mixed", Title: "A channel carries CloudEvents in several modes", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `In structured mode the attributes are in the body, in binary mode in the headers. A consumer of a channel that mixes them has to find out for each event, most are written for one of the two, and what arrives in the other looks to them like an event without a type. Filters of the broker, which see headers only, miss the structured ones.

Choose one mode for the channel: structured where events are stored and forwarded as they are, binary where the broker's own tools should see the attributes.`,
		Check: checkEnvelopeMixed},
	{ID: "envelope-missing", Title: "A message has no envelope while others have one", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A document keeps one envelope, so that every event can be identified, deduplicated, traced and routed in the same way. A message without one has no id to deduplicate by and no source, so a redelivery is handled twice, and generic consumers (audit, archive, dead letter tools) cannot tell what it is.

Describe the message's envelope as its siblings do.`,
		Check: checkEnvelopeMissing},
	{ID: "envelope-none", Title: "Nothing that is sent has an envelope", Family: Events, Severity: diag.Info, Since: "0.1.0",
		Reason: `Without an envelope each consumer learns from each producer anew where an event's identity, its type, its time and its origin are to be found, if they are there at all; at-least-once delivery then means that some of them charge a customer twice.

Choose an envelope once. CloudEvents is a good choice: id, source, type, specversion, and subject for the thing that the event is about. A contentType of application/cloudevents+json with a header schema that fixes the type is the shortest way to say so.`,
		Check: checkEnvelopeNone},
	{ID: "envelope-batch", Title: "Batch mode on a protocol that has none", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `CloudEvents defines batches for HTTP. Its bindings for Kafka, AMQP, MQTT and NATS have structured and binary mode only: their clients hand a batch to the handler as one message of an unknown type, offsets and acknowledgements count the batch and not its events, and one bad event sends all of them to the dead letter channel.

Send one event a message and let the client batch on the wire, which it does anyway.`,
		Check: checkBatch},
	{ID: "envelope-attributes", Title: "The envelope described is not one of CloudEvents", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `An attribute's name has lower-case letters and digits only, so that it survives every protocol: headers with capitals, underscores or hyphens are dropped or renamed on the way by some binding. id, source, specversion and type are required strings, specversion is "1.0", and an id that is constant makes every event a duplicate of the first. A schema that says otherwise rejects every valid event, or lets invalid ones pass.

Rename the attribute (correlationid for correlation_id), or correct its schema.`,
		Check: checkAttributes},
	{ID: "payload-missing", Title: "A message has no payload schema", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Without a schema the producer may send anything, and nothing can be checked, generated or compared: a field that is renamed is found out by the consumer that breaks. That events are internal is no reason: they cross a boundary between two deployments all the same.

Describe the payload. Where there really is none, say so: payload: {type: "null"}.`,
		Check: checkPayloadMissing},
	{ID: "payload-free", Title: "A payload schema accepts anything", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A schema without properties or any other constraint passes every check and promises nothing: each change of the payload is compatible with it, including the one that breaks every consumer.

Describe the properties that consumers may rely on, and which of them are required. If the payload is somebody else's business, such as in an archive or a dead letter, ignore this finding there and say why.`,
		Check: checkPayloadFree},
	{ID: "channel-per-consumer", Title: "Channels differ only by who reads them", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `The same events are sent to several channels, each named after a consumer. The producer then has to know its consumers, a new one needs a change and a release of the producer, two sends are not atomic, so consumers see different histories after a crash, and a correction has to be sent as many times as there are channels.

Send to one channel, named after what the events are about, and let each consumer read it in a group (queue, subscription) of its own.`,
		Check: checkChannelPerConsumer},
	{ID: "version-twice", Title: "Both the channel and the event types on it have a version", Family: Events, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A version in the type moves one event type; a version in the address moves everything at once and forces every consumer to change its subscription, drain the old channel and join the order of two channels. With both, nobody can say which number a breaking change raises, and orders.events.v2 ends up carrying orders.paid.v1.

Keep the version in the type. A new address is needed only where the meaning of the whole channel changes: its key, its partitions, its order.`,
		Check: checkVersionTwice},
	{ID: "event-format-foreign", Title: "A payload is in a language that treaty does not understand", Family: Events, Severity: diag.Info, Since: "0.1.0",
		Reason: `The schema is carried along and shown, but nothing in it is checked: neither whether it is well made, nor its examples, nor whether a change of it breaks somebody. JSON Schema, the Schema Objects of AsyncAPI and OpenAPI 3.0, and Avro are understood.

Keep its own tools in the pipeline beside treaty: for Protobuf, a lint and a check for breaking changes.`,
		Check: checkFormatForeign},
}

// defined reports whether the message's definition was found; where it was not,
// the reference has been reported and nothing more can be said.
func defined(p *Pass, m *contract.Message) bool {
	return p.Doc.Resolve(m.Entry.Node()).Is(syntax.Mapping)
}

// messages calls f for every message of every channel that is defined.
func messages(p *Pass, f func(m *contract.Message)) {
	for _, ch := range p.Contract.Channels {
		for _, m := range ch.Messages {
			if defined(p, m) {
				f(m)
			}
		}
	}
}

// called is a message as its author calls it: by the key of its definition.
func called(m *contract.Message) string {
	if key := m.Node().KeyName(); key != "" {
		return key
	}
	return m.Key
}

// isSentOn reports whether the described application sends to a channel.
func isSentOn(ch *contract.Channel) bool {
	return slices.ContainsFunc(ch.Operations, func(op *contract.Operation) bool { return op.Action == contract.Send })
}

func relate(d *diag.Diagnostic, n *syntax.Node, format string, args ...any) {
	d.Related = append(d.Related, diag.Related{Span: n.KeySpan(), Message: fmt.Sprintf(format, args...)})
}

// insertable is the message's definition as a node that edits may be made on;
// nil where it stands otherwise in the file than it is read.
func insertable(p *Pass, m *contract.Message) *syntax.Node {
	n := p.Doc.Resolve(m.Entry.Node())
	if p.Doc.Version.Major != 3 || !n.Is(syntax.Mapping) || n.Alias != nil {
		return nil
	}
	return n
}

// stateEnvelope is a fix that adds keys to x-cloudevents of a message; nil
// where the document cannot take it.
func stateEnvelope(p *Pass, m *contract.Message, title string, pairs ...string) *diag.Fix {
	n := insertable(p, m)
	if n == nil {
		return nil
	}
	var items []*syntax.Node
	for i := 0; i < len(pairs); i += 2 {
		items = append(items, syntax.NewEntry(pairs[i], syntax.NewScalar(syntax.String, pairs[i+1])))
	}
	fix := &diag.Fix{Title: title}
	if x := n.Get(document.ExtCloudEvents); x.Is(syntax.Mapping) && x.Len() > 0 {
		for _, item := range items {
			if x.Get(item.KeyName()) == nil {
				fix.Edits = append(fix.Edits, syntax.InsertKey(x, item.KeyName(), item))
			}
		}
		return fix
	}
	fix.Edits = []diag.Edit{syntax.InsertKey(n, document.ExtCloudEvents, syntax.Synthetic(nil, syntax.Mapping, items))}
	return fix
}

// requests are the messages of operations that have a reply, and the replies:
// they ask and answer, and are no facts.
func requests(c *contract.Contract) map[*contract.Message]bool {
	var set map[*contract.Message]bool
	seen := seenLists{}
	for _, op := range c.Operations {
		if op.Reply == nil {
			continue
		}
		if set == nil {
			set = map[*contract.Message]bool{}
		}
		for _, list := range [][]*contract.Message{op.Messages, op.Reply.Messages} {
			if seen.again(list) {
				continue
			}
			for _, m := range list {
				set[m] = true
			}
		}
	}
	return set
}

// seenLists remembers lists of messages. Operations that name none share their
// channel's list, of which one look is enough, however many they are.
type seenLists map[**contract.Message]bool

// again reports whether a list has been seen, and remembers it.
func (s seenLists) again(list []*contract.Message) bool {
	if len(list) == 0 {
		return true
	}
	seen := s[&list[0]]
	s[&list[0]] = true
	return seen
}

// subjects are what the document's events are about: the first parts of the
// types that it states and of its addresses.
func subjects(c *contract.Contract) map[string]bool {
	set := map[string]bool{}
	for _, ch := range c.Channels {
		if parts := addressParts(addressOf(ch)); len(parts) > 0 {
			set[parts[0]] = true
		}
	}
	for _, e := range c.EventTypes {
		if first, _, ok := strings.Cut(e.Type, "."); ok {
			set[first] = true
		}
	}
	return set
}

// suggested is the event type as it should be named, as far as that can be
// told; "" where it cannot.
func suggested(text string, subjects map[string]bool) string {
	t := parseType(text)
	if len(t.segments) == 0 {
		return ""
	}
	name := words(t.last())
	if n := english().readName(name); n.reading != fact {
		if n.better == nil {
			return ""
		}
		name = n.better
	}
	return t.in(name, subjects)
}

// rename is a fix that gives the messages whose type stands at one place
// another: there, and in their examples.
func rename(at *syntax.Node, messages []*contract.Message, to string) *diag.Fix {
	if !at.Is(syntax.String) {
		return nil // the key of a message, which other places refer to
	}
	fix := &diag.Fix{Title: "rename to " + to, Edits: []diag.Edit{syntax.SetValue(at, to)}}
	seen := map[*syntax.Node]bool{at: true}
	set := func(n *syntax.Node) {
		if n.Is(syntax.String) && n.Value == at.Value && !seen[n] {
			seen[n] = true
			fix.Edits = append(fix.Edits, syntax.SetValue(n, to))
		}
	}
	for _, m := range messages {
		spelling := "type"
		if a := m.Envelope.Attribute("type"); a != nil {
			spelling = a.Spelling
		}
		for _, x := range m.Examples {
			set(x.Headers.Get(spelling))
			if m.Envelope.PayloadIsEnvelope {
				set(x.Payload.Get("type"))
			}
		}
	}
	return fix
}

// isTyped reports whether a message has an event type by which it can be
// judged: one that is stated, or a name in the form of one (orders.paid).
func isTyped(m *contract.Message) bool {
	return m.Envelope.TypeStated || strings.Contains(m.Envelope.Type, ".")
}

// typeAt is an event type at one place that states it, with the messages that
// have it from there.
type typeAt struct {
	text     string
	at       *syntax.Node
	messages []*contract.Message
}

// statedTypes are the document's event types by the places that state them.
func statedTypes(p *Pass, skip map[*contract.Message]bool) []*typeAt {
	var out []*typeAt
	for _, e := range p.Contract.EventTypes {
		places := map[*syntax.Node]*typeAt{}
		for _, m := range e.Messages {
			if !isTyped(m) || skip[m] || !defined(p, m) {
				continue
			}
			at := m.Envelope.TypeAt.Node()
			t := places[at]
			if t == nil {
				t = &typeAt{text: e.Type, at: at}
				places[at] = t
				out = append(out, t)
			}
			t.messages = append(t.messages, m)
		}
	}
	return out
}

// reportType reports at the text of a type: a value, or the key of a message.
func reportType(p *Pass, at *syntax.Node, format string, args ...any) *diag.Diagnostic {
	if at.Is(syntax.String) {
		return p.ReportValue(at, format, args...)
	}
	return p.Report(at, format, args...)
}

func checkTypeTense(p *Pass) {
	var known map[string]bool
	for _, e := range statedTypes(p, requests(p.Contract)) {
		if slices.ContainsFunc(p.Options.AllowTypes, func(pattern string) bool { return matchType(pattern, e.text) }) {
			continue
		}
		t := parseType(e.text)
		n := english().readName(words(t.last()))
		if n.reading == fact {
			continue
		}
		if known == nil {
			known = subjects(p.Contract)
		}
		var why string
		switch n.reading {
		case command:
			why = fmt.Sprintf("reads as a command: %q tells somebody to do it", n.word)
		case either:
			why = fmt.Sprintf("names a thing, or a command (%q), not what has happened", n.word)
		case present:
			why = fmt.Sprintf("is in the present tense: %q says what is done as a rule", n.word)
		case progressive:
			why = fmt.Sprintf("says what is going on (%q), not what has happened", n.word)
		case filler:
			why = fmt.Sprintf("ends in %q, which every event type is", n.word)
		default:
			why = "does not say what has happened"
			if n.word != "" {
				why = fmt.Sprintf("names a thing (%q), not what has happened to it", n.word)
			}
		}
		better := suggested(e.text, known)
		if better == "" {
			reportType(p, e.at, "event type %q %s; name the fact, with a verb in the past tense before the version, such as orders.paid.v1", e.text, why)
			continue
		}
		reportType(p, e.at, "event type %q %s; name the fact: %q", e.text, why, better).Fix = rename(e.at, e.messages, better)
	}
}

func checkTypeVersion(p *Pass) {
	var known map[string]bool
	for _, e := range statedTypes(p, nil) {
		if _, _, house := cutVersion(e.text); house {
			continue
		}
		t := parseType(e.text)
		if known == nil {
			known = subjects(p.Contract)
		}
		better := suggested(e.text, known)
		if better == "" && !t.foreign && len(t.segments) > 0 {
			better = t.in(words(t.last()), known)
		}
		what := "has no version"
		switch {
		case t.version != "":
			what = fmt.Sprintf("does not end in its version as .v%s", t.version)
			if base, _, _ := cutVersion(e.text); base == e.text {
				what = fmt.Sprintf("has its version v%s before its end", t.version)
			}
		}
		if better == "" {
			reportType(p, e.at, "event type %q %s; end it in one, such as .v1", e.text, what)
			continue
		}
		reportType(p, e.at, "event type %q %s; name it %q", e.text, what, better).Fix = rename(e.at, e.messages, better)
	}
}

func checkTypeSchema(p *Pass) {
	for _, t := range p.Contract.EventTypes {
		var first *contract.Message
		for _, m := range t.Messages {
			if !m.Envelope.TypeStated || m.Payload == nil {
				continue
			}
			if first == nil {
				first = m
				continue
			}
			if m.Node() == first.Node() || m.Envelope.PayloadIsEnvelope != first.Envelope.PayloadIsEnvelope || p.Contract.SameSchema(first.Payload, m.Payload) {
				continue
			}
			where := fmt.Sprintf("on the same channel %q", m.Channel.Name)
			if m.Channel != first.Channel {
				where = fmt.Sprintf("on the channel %q", first.Channel.Name)
			}
			d := p.Report(m.Node(), "message %q has the event type %q, as %q has %s, but another payload schema; give it a type of its own, such as a new version, or one schema to both",
				called(m), m.Envelope.Type, called(first), where)
			relate(d, first.Node(), "the other message of this type")
		}
	}
}

func checkTypeMissing(p *Pass) {
	var known map[string]bool
	messages(p, func(m *contract.Message) {
		if m.Envelope.Mode == contract.NoEnvelope || m.Envelope.TypeStated {
			return
		}
		if known == nil {
			known = subjects(p.Contract)
		}
		better := suggested(m.Envelope.Type, known)
		if better == "" {
			p.Report(m.Node(), "message %q is a CloudEvent, but its type is stated nowhere; state it, with a constant for the type attribute or with x-cloudevents: {type: …}", called(m))
			return
		}
		d := p.Report(m.Node(), "message %q is a CloudEvent, but its type is stated nowhere; state it, with a constant for the type attribute or with x-cloudevents: {type: %s}", called(m), better)
		d.Fix = stateEnvelope(p, m, "state the type "+better, "type", better)
	})
}

func checkAmbiguous(p *Pass) {
	messages(p, func(m *contract.Message) {
		e := &m.Envelope
		if e.Ambiguous == "" {
			return
		}
		part := "data"
		if e.PayloadIsEnvelope {
			part = "envelope"
		}
		d := p.Report(m.Node(), "message %q may be read as a CloudEvent in more than one way: %s; state x-cloudevents: {mode: %s, payload: %s}, which is how it was read, or what is right",
			called(m), e.Ambiguous, e.Mode, part)
		d.Fix = stateEnvelope(p, m, "state how it was read", "mode", string(e.Mode), "payload", part)
	})
}

func checkEnvelopeMixed(p *Pass) {
	for _, ch := range p.Contract.Channels {
		var firsts []*contract.Message
		for _, m := range ch.Messages {
			mode := m.Envelope.Mode
			if mode != contract.NoEnvelope && !slices.ContainsFunc(firsts, func(o *contract.Message) bool { return o.Envelope.Mode == mode }) {
				firsts = append(firsts, m)
			}
		}
		if len(firsts) < 2 {
			continue
		}
		modes := make([]string, len(firsts))
		for i, m := range firsts {
			modes[i] = string(m.Envelope.Mode)
		}
		d := p.Report(ch.Node(), "channel %q carries CloudEvents in %s mode; choose one of them for the whole channel", ch.Name, strings.Join(modes, " and in "))
		for _, m := range firsts {
			relate(d, m.Entry.Node(), "%s mode: %s", m.Envelope.Mode, m.Envelope.Why)
		}
	}
}

func checkEnvelopeMissing(p *Pass) {
	var with *contract.Message
	var without []*contract.Message
	messages(p, func(m *contract.Message) {
		if m.Envelope.Mode == contract.NoEnvelope {
			without = append(without, m)
		} else if with == nil {
			with = m
		}
	})
	if with == nil {
		return
	}
	for _, m := range without {
		d := p.Report(m.Node(), "message %q has no envelope, but %q is a CloudEvent in %s mode; describe its envelope in the same way", called(m), called(with), with.Envelope.Mode)
		relate(d, with.Node(), "a message with an envelope: %s", with.Envelope.Why)
	}
}

func checkEnvelopeNone(p *Pass) {
	var sent *contract.Operation
	seen := seenLists{}
	for _, op := range p.Contract.Operations {
		if op.Action != contract.Send || op.Reply != nil || seen.again(op.Messages) {
			continue
		}
		for _, m := range op.Messages {
			if m.Envelope.Mode != contract.NoEnvelope || !defined(p, m) {
				return
			}
		}
		if sent == nil {
			sent = op
		}
	}
	if sent != nil {
		p.Report(sent.Node(), "operation %q sends messages without an envelope, and so does every other one here; choose one for all events, such as CloudEvents (contentType: application/cloudevents+json)", sent.Name)
	}
}

func checkBatch(p *Pass) {
	messages(p, func(m *contract.Message) {
		if m.Envelope.Mode != contract.Batch {
			return
		}
		for _, protocol := range m.Channel.Protocols() {
			switch protocol {
			case "kafka", "amqp", "mqtt", "nats":
				p.Report(m.Node(), "message %q is a batch of CloudEvents, but %s has no batch mode; send one event a message, in structured or binary mode", called(m), protocolName(protocol))
			}
		}
	})
}

// protocolName is a protocol's name in a sentence.
func protocolName(protocol string) string {
	switch protocol {
	case "kafka":
		return "Kafka"
	case "amqp":
		return "AMQP 0-9-1"
	case "mqtt", "nats", "sns", "sqs", "jms", "http":
		return strings.ToUpper(protocol)
	case "googlepubsub":
		return "Google Pub/Sub"
	case "ws":
		return "WebSocket"
	case "ibmmq":
		return "IBM MQ"
	case "anypointmq":
		return "Anypoint MQ"
	case "stomp":
		return "STOMP"
	}
	return protocol
}

func checkAttributes(p *Pass) {
	seen := map[*contract.Attribute]bool{}
	messages(p, func(m *contract.Message) {
		e := &m.Envelope
		if len(e.Attributes) == 0 || seen[&e.Attributes[0]] {
			return // of a schema that another message has as well
		}
		seen[&e.Attributes[0]] = true
		for i := range e.Attributes {
			a := &e.Attributes[i]
			// Without a prefix, headers in binary mode may be attributes or not.
			if e.Mode != contract.Binary || len(a.Spelling) > len(a.Name) {
				checkAttributeName(p, m, a)
			}
			switch a.Name {
			case "id", "source", "specversion", "type":
				checkCoreAttribute(p, m, a)
			}
		}
	})
}

func checkAttributeName(p *Pass, m *contract.Message, a *contract.Attribute) {
	name := a.Spelling
	if m.Envelope.Mode == contract.Binary {
		prefix := len(a.Spelling) - len(a.Name)
		if strings.EqualFold(a.Spelling[:prefix], "ce-") {
			return // header names of HTTP have no case
		}
		name = a.Spelling[prefix:]
	}
	var fit strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			fit.WriteRune(r)
		}
	}
	if fit.String() == name {
		return
	}
	d := p.Report(a.Node(), "%q cannot be the name of an attribute of the CloudEvent %q: attributes have lower-case letters and digits only; call it %q", name, called(m), fit.String())
	if key := a.Node(); key.Key != nil && key.Parent.Get(fit.String()) == nil && fit.Len() > 0 {
		d.Fix = &diag.Fix{Title: "rename to " + fit.String(), Edits: []diag.Edit{syntax.RenameKey(key, a.Spelling[:len(a.Spelling)-len(name)]+fit.String())}}
	}
}

// checkCoreAttribute looks at the schema of an attribute that every CloudEvent
// has (CloudEvents 1.0 "REQUIRED Attributes").
func checkCoreAttribute(p *Pass, m *contract.Message, a *contract.Attribute) {
	n := p.Doc.Resolve(a.Node())
	switch kind := n.Get("type"); {
	case n.Is(syntax.Bool) && !n.IsTrue():
		p.Report(a.Node(), "%q of the CloudEvent %q is forbidden by its schema, but every CloudEvent has it; describe it as a string", a.Spelling, called(m))
		return
	case kind.Is(syntax.String) && kind.Value != "string", kind.Is(syntax.Sequence) && !slices.ContainsFunc(kind.Items, func(t *syntax.Node) bool { return t.Str() == "string" }):
		p.ReportValue(kind, "%q of the CloudEvent %q is described as %s, but it is a string in every CloudEvent; write type: string", a.Spelling, called(m), kind.Span().Text())
		return
	}
	fixed := n.Get("const")
	values := n.Get("enum")
	switch {
	case a.Name == "specversion" && fixed != nil && fixed.Str() != "1.0":
		d := p.ReportValue(fixed, "specversion of the CloudEvent %q is %s, but the envelope that is described is CloudEvents \"1.0\"; write that", called(m), fixed.Span().Text())
		d.Fix = &diag.Fix{Title: `write "1.0"`, Edits: []diag.Edit{syntax.SetValue(fixed, "1.0")}}
	case a.Name == "specversion" && values.Is(syntax.Sequence) && !slices.ContainsFunc(values.Items, func(v *syntax.Node) bool { return v.Str() == "1.0" }):
		p.ReportValue(values, "specversion of the CloudEvent %q may not be \"1.0\", but the envelope that is described is CloudEvents 1.0; add it", called(m))
	case a.Name == "id" && (fixed != nil || values.Len() == 1):
		p.Report(a.Node(), "id of the CloudEvent %q is constant, so every event is a duplicate of the first; remove the constant", called(m))
	case fixed.Is(syntax.String) && fixed.Value == "":
		p.ReportValue(fixed, "%q of the CloudEvent %q is empty, but it must not be; write its value", a.Spelling, called(m))
	}
}

func checkPayloadMissing(p *Pass) {
	messages(p, func(m *contract.Message) {
		if m.Field("payload") == nil {
			p.Report(m.Node(), "message %q has no payload schema, so anything may be sent; describe what is sent under payload", called(m))
		}
	})
}

func checkPayloadFree(p *Pass) {
	messages(p, func(m *contract.Message) {
		if m.Payload == nil || !m.Payload.Dialect.IsJSONSchema() {
			return
		}
		n := m.Payload.Node()
		if m.Envelope.PayloadIsEnvelope {
			if s := newShape(p, m.Payload).property("data"); s.defined && len(s.nodes) > 0 && !slices.ContainsFunc(s.nodes, func(n *syntax.Node) bool { return !acceptsAnything(n) }) {
				p.Report(s.nodes[0], "data of the event %q is described by a schema that accepts anything; describe the properties that consumers may rely on", called(m))
			}
			return
		}
		if acceptsAnything(n) {
			p.Report(m.Payload.Use.Node(), "payload of message %q accepts anything; describe the properties that consumers may rely on, and which of them are required", called(m))
		}
	})
}

// acceptsAnything reports whether a schema is true, empty, or says no more than
// that there is an object.
func acceptsAnything(n *syntax.Node) bool {
	if n.Is(syntax.Bool) {
		return n.IsTrue()
	}
	if !n.Is(syntax.Mapping) {
		return false
	}
	for _, item := range n.Items {
		switch key := item.KeyName(); key {
		case "title", "description", "examples", "example", "default", "deprecated", "readOnly", "writeOnly", "externalDocs",
			"$schema", "$id", "id", "$comment", "$anchor", "definitions", "$defs", "nullable":
		case "type":
			if item.Str() != "object" && !item.Is(syntax.Sequence) {
				return false
			}
		case "properties", "patternProperties":
			if item.Len() > 0 {
				return false
			}
		case "required":
			if item.Len() > 0 {
				return false
			}
		case "additionalProperties", "unevaluatedProperties":
			if !acceptsAnything(item) {
				return false
			}
		default:
			if !strings.HasPrefix(key, "x-") {
				return false
			}
		}
	}
	return true
}

func checkFormatForeign(p *Pass) {
	messages(p, func(m *contract.Message) {
		for _, s := range []*contract.Schema{m.Headers, m.Payload} {
			if s == nil || s.Dialect != schema.Foreign {
				continue
			}
			at := p.Doc.Resolve(s.Use.Node()).Get("schemaFormat")
			if at == nil {
				at = s.Use.Node()
			}
			p.Report(at, "schemaFormat %q is not understood, so the schema is carried along unchecked; keep checking it with tools of its own", s.Format)
		}
	})
}
