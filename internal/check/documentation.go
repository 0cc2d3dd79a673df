package check

import (
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

var documentationRules = []*Rule{
	{ID: "document-description", Title: "The document does not say what it is about", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `Somebody who finds this contract in a catalogue of hundreds has to see in a sentence or two whether it is the one: which part of the business the events are about, who sends them, what they are not meant for.

Write info.description. Markdown is understood.`,
		Check: checkDocumentDescription},
	{ID: "document-contact", Title: "The document names nobody to ask", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `When an event is malformed at three in the morning, or a field has to be added, the consumer has nothing but this document to find the producer's team by. Who wrote a file three years ago is no answer.

Write info.contact with a name and an address that outlives its members: a team's mailbox, channel or page.`,
		Check: checkDocumentContact},
	{ID: "channel-description", Title: "A channel does not say what it is for", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `The address says where events go; what they have in common, which events a consumer may rely on finding here, and which belong elsewhere, it does not say.

Write a description, or a summary where one line is enough.`,
		Check: checkChannelDescription},
	{ID: "operation-summary", Title: "An operation does not say when it happens", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `That an application sends on a channel does not say when: for each change, once a day, only for orders above a limit. Consumers read it out of the events they happen to see.

Write a summary, and a description where there is more to say.`,
		Check: checkOperationSummary},
	{ID: "message-summary", Title: "A message does not say what it tells", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `orders.paid.v1 may mean that the money was authorised, captured or has arrived. The payload does not say, and each consumer decides for itself.

Write a summary of one sentence: what has happened when this event is sent, and what has not yet.`,
		Check: checkMessageSummary},
	{ID: "message-example-missing", Title: "A message has no example", Family: Documentation, Severity: diag.Info, Since: "0.1.0",
		Reason: `An example is the part of a contract that everybody reads first. It is also a test: it is held against the schema with every check, so a schema that rejects what is really sent is found here and not in production, and mocks and tests of consumers have something to start from.

Add one under examples, with its payload and, in binary mode, its headers.`,
		Check: checkExampleMissing},
}

func checkDocumentDescription(p *Pass) {
	if info := p.Doc.Root.Get("info"); info.Is(syntax.Mapping) && info.Get("description") == nil {
		p.Report(info, "info has no description; say what the events are about and who sends them")
	}
}

func checkDocumentContact(p *Pass) {
	info := p.Doc.Root.Get("info")
	if !info.Is(syntax.Mapping) {
		return
	}
	contact := info.Get("contact")
	switch {
	case contact == nil:
		p.Report(info, "info has no contact; name the team to ask, with an address that lasts")
	case contact.Is(syntax.Mapping) && contact.Get("email") == nil && contact.Get("url") == nil:
		p.Report(contact, "contact has neither an email nor a url, so nobody can be reached; add one of them")
	}
}

func checkChannelDescription(p *Pass) {
	for _, ch := range p.Contract.Channels {
		if n := p.Doc.Resolve(p.Doc.Root.Get("channels").Get(ch.Name)); n.Is(syntax.Mapping) && ch.Description == "" && ch.Summary == "" {
			p.Report(ch.Node(), "channel %q has neither a description nor a summary; say what it is for", ch.Name)
		}
	}
}

func checkOperationSummary(p *Pass) {
	for _, op := range p.Contract.Operations {
		if op.Description == "" && op.Summary == "" {
			p.Report(op.Node(), "operation %q has neither a summary nor a description; say when it happens", op.Name)
		}
	}
}

func checkMessageSummary(p *Pass) {
	messages(p, func(m *contract.Message) {
		if m.Summary == "" && m.Description == "" {
			p.Report(m.Node(), "message %q has neither a summary nor a description; say in a sentence what has happened when it is sent", called(m))
		}
	})
}

func checkExampleMissing(p *Pass) {
	messages(p, func(m *contract.Message) {
		if len(m.Examples) > 0 || m.Field("payload") == nil && m.Field("headers") == nil {
			return
		}
		if m.Payload != nil && (m.Payload.Field("examples").Len() > 0 || m.Payload.Field("example") != nil) {
			return
		}
		p.Report(m.Node(), "message %q has no example; add one under examples, since it is read first and checked against the schema", called(m))
	})
}
