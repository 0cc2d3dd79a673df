package document

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// The clouds' own: Google Cloud Pub/Sub, Amazon SNS and SQS.

// googlepubsubBindings: 0.1.0, 0.2.0. In 0.2.0 the channel's topic and the type
// of a message's schema are gone: the channel's address and the schemaFormat
// say them.
func googlepubsubBindings() *Protocol {
	name := Field{Name: "name", Type: text(), Required: true}
	channel := []Field{
		{Name: "labels", Type: openMap()},
		{Name: "messageRetentionDuration", Type: textAs(protobufDuration)},
		{Name: "messageStoragePolicy", Type: inPlace(&Object{Name: "googlepubsub Message Storage Policy Object", Closed: true, Fields: []Field{
			{Name: "allowedPersistenceRegions", Type: list(text())},
		}})},
		{Name: "schemaSettings", Required: true, Type: inPlace(&Object{Name: "googlepubsub Schema Settings Object", Fields: []Field{
			{Name: "encoding", Type: textAs(pubsubEncoding), Required: true},
			{Name: "firstRevisionId", Type: text()},
			{Name: "lastRevisionId", Type: text()},
			name,
		}})},
	}
	message := func(schema ...Field) *Object {
		return &Object{Name: "googlepubsub message binding", Fields: []Field{
			{Name: "attributes", Type: openMap()},
			{Name: "orderingKey", Type: text()},
			{Name: "schema", Type: inPlace(&Object{Name: "googlepubsub Schema Definition Object", Fields: schema})},
		}}
	}
	return &Protocol{Name: "googlepubsub", Versions: []BindingVersion{
		{Version: "0.1.0", Message: message(name, Field{Name: "type", Type: text(), Required: true}),
			Channel: &Object{Name: "googlepubsub channel binding",
				Fields: append(clip(channel), Field{Name: "topic", Type: text(), Required: true})}},
		{Version: "0.2.0", Message: message(name),
			Channel: &Object{Name: "googlepubsub channel binding", Fields: channel}},
	}}
}

// protobufDuration checks a google.protobuf.Duration as JSON has it: seconds
// with at most nine digits of fraction, then s. The schema has any string, the
// document this.
func protobufDuration(s string) string {
	const wrong = "is not a duration such as 86400s: seconds, with up to nine decimals, and an s"
	seconds, ok := strings.CutSuffix(s, "s")
	if !ok {
		return wrong
	}
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(seconds, "-"), ".")
	if !digits(whole) || dotted && (!digits(fraction) || len(fraction) > 9) {
		return wrong
	}
	return ""
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// pubsubEncoding checks the name of a Pub/Sub schema's encoding. The document
// refers to the API for the values and writes them in lower case.
func pubsubEncoding(s string) string {
	switch strings.ToUpper(s) {
	case "JSON", "BINARY", "ENCODING_UNSPECIFIED":
		return ""
	}
	return "is no encoding of Pub/Sub; write JSON or BINARY"
}

// statements is the list of permissions in a policy of SNS or SQS. The first
// versions have principals as text; in the later ones they are wrapped and a
// statement names resources and conditions. A condition is an object in the
// schema, an object or a list of them in the document.
func statements(protocol string, later bool) *Type {
	fields := []Field{
		{Name: "effect", Type: word("Allow", "Deny"), Required: true},
		{Name: "principal", Type: texts(), Required: true},
		{Name: "action", Type: texts(), Required: true},
	}
	if later {
		fields[1].Type = choice(text(), inPlace(&Object{Name: protocol + " principal", Closed: true, Fields: []Field{
			{Name: "AWS", Type: texts()},
			{Name: "Service", Type: texts()},
		}, Check: onePrincipal}))
		condition := mapOf(mapOf(texts(), AnyName), AnyName)
		fields = append(fields,
			Field{Name: "resource", Type: texts()},
			Field{Name: "condition", Type: choice(condition, list(condition))})
	}
	return list(inPlace(&Object{Name: protocol + " Statement", Fields: fields}))
}

func onePrincipal(w *Walk, n *syntax.Node) {
	switch {
	case n.Get("AWS") == nil && n.Get("Service") == nil:
		w.Report(RuleFieldMissing, diag.Error, n.KeySpan(), n, "%s has neither \"AWS\" nor \"Service\"; name who the statement is about under one of them", called(n))
	case n.Get("AWS") != nil:
		excluded(w, n, "Service", "\"AWS\"")
	}
}

// identifierOf names a queue or an endpoint by one of several means.
func identifierOf(protocol string, means ...string) *Type {
	fields := make([]Field, len(means))
	for i, name := range means {
		fields[i] = Field{Name: name, Type: text()}
	}
	return inPlace(&Object{Name: protocol + " identifier", Fields: fields})
}

func redrivePolicy(protocol string, identifier *Type) Field {
	return Field{Name: "redrivePolicy", Type: inPlace(&Object{Name: protocol + " Redrive Policy", Fields: []Field{
		{Name: "deadLetterQueue", Type: identifier, Required: true},
		{Name: "maxReceiveCount", Type: integer()},
	}})}
}

func policy(protocol string, later bool) Field {
	return Field{Name: "policy", Type: inPlace(&Object{Name: protocol + " Policy", Fields: []Field{
		{Name: "statements", Type: statements(protocol, later), Required: true},
	}})}
}

// snsBindings: 0.1.0, and 0.2.0, which the document for AsyncAPI 3 calls 1.0.0.
// The schemas demand a topic's name and an
// operation's consumers; the document does too, and then allows an empty
// binding to mark a channel or operation as SNS, and a producer without
// consumers.
func snsBindings() *Protocol {
	const name = "sns"
	identifier := identifierOf(name, "url", "email", "phone", "arn", "name")
	delivery := Field{Name: "deliveryPolicy", Type: inPlace(&Object{Name: "sns Delivery Policy", Fields: []Field{
		{Name: "minDelayTarget", Type: integer()},
		{Name: "maxDelayTarget", Type: integer()},
		{Name: "numRetries", Type: integer()},
		{Name: "numNoDelayRetries", Type: integer()},
		{Name: "numMinDelayRetries", Type: integer()},
		{Name: "numMaxDelayRetries", Type: integer()},
		{Name: "backoffFunction", Type: word("arithmetic", "exponential", "geometric", "linear")},
		{Name: "maxReceivesPerSecond", Type: integer()},
	}})}
	consumer := &Object{Name: "sns Consumer", Fields: []Field{
		{Name: "protocol", Required: true,
			Type: word("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")},
		{Name: "endpoint", Type: identifier, Required: true},
		// The schema has lists of strings only; its own example, and the
		// service, have objects and numbers in them.
		{Name: "filterPolicy", Type: mapOf(choice(list(anything()), text(), openMap()), AnyName)},
		{Name: "filterPolicyScope", Type: word("MessageAttributes", "MessageBody")},
		{Name: "rawMessageDelivery", Type: boolean(), Required: true},
		redrivePolicy(name, identifier),
		delivery,
		{Name: "displayName", Type: text()},
	}}
	operation := &Object{Name: "sns operation binding", Fields: []Field{
		{Name: "topic", Type: identifier},
		{Name: "consumers", Type: list(inPlace(consumer))},
		delivery,
	}, Check: snsConsumers}
	channel := func(later bool) *Object {
		return &Object{Name: "sns channel binding", Fields: []Field{
			{Name: "name", Type: text()},
			{Name: "ordering", Type: inPlace(&Object{Name: "sns ordering", Fields: []Field{
				{Name: "type", Type: word("standard", "FIFO"), Required: true},
				{Name: "contentBasedDeduplication", Type: boolean()},
			}})},
			policy(name, later),
			{Name: "tags", Type: openMap()},
		}, Check: unlessMark("name", "names the topic")}
	}
	return &Protocol{Name: name, Versions: []BindingVersion{
		{Version: "0.1.0", Channel: channel(false), Operation: operation},
		{Version: "0.2.0", Also: []string{"1.0.0"}, Channel: channel(true), Operation: operation},
	}}
}

func snsConsumers(w *Walk, n *syntax.Node) {
	consumers := n.Get("consumers")
	if consumers.Is(syntax.Sequence) && consumers.Len() == 0 {
		w.Report(RuleFieldValue, diag.Error, consumers.Span(), consumers, "\"consumers\" is empty; name at least one")
	}
	if !isMark(n) && actionOf(n) != "send" {
		lacking(w, n, "consumers", "says who listens to the topic")
	}
}

// sqsBindings: 0.2.0, 0.3.0. The schemas demand a channel's queue and an
// operation's queues; the document does too, and then has empty bindings that
// only mark the protocol.
func sqsBindings() *Protocol {
	const name = "sqs"
	queue := func(later bool) []Field {
		return []Field{
			{Name: "name", Type: text(), Required: true},
			{Name: "fifoQueue", Type: boolean(), Required: true},
			{Name: "deduplicationScope", Type: word("queue", "messageGroup")},
			{Name: "fifoThroughputLimit", Type: word("perQueue", "perMessageGroupId")},
			{Name: "deliveryDelay", Type: integerIn(0, 900)},
			{Name: "visibilityTimeout", Type: integerIn(0, 43200)},
			{Name: "receiveMessageWaitTime", Type: integer()},
			{Name: "messageRetentionPeriod", Type: integerIn(60, 1209600)},
			redrivePolicy(name, identifierOf(name, "arn", "name")),
			policy(name, later),
			{Name: "tags", Type: openMap()},
		}
	}
	version := func(number string, later bool, also ...string) BindingVersion {
		channel := inPlace(&Object{Name: "sqs Queue", Fields: queue(later), Check: sqsThroughput})
		// A queue that an operation names, which may be defined elsewhere,
		// need not say whether it is FIFO; nor does the dead letter queue in
		// the schema's own example.
		fields := queue(later)
		fields[1].Required = false
		other := &Object{Name: "sqs Queue", Fields: fields, Check: sqsThroughput}
		return BindingVersion{Version: number, Also: also,
			Channel: &Object{Name: "sqs channel binding", Fields: []Field{
				{Name: "queue", Type: channel},
				{Name: "deadLetterQueue", Type: inPlace(other)},
			}, Check: unlessMark("queue", "describes the queue that the channel is")},
			Operation: &Object{Name: "sqs operation binding", Fields: []Field{
				{Name: "queues", Type: list(either(other))},
			}, Check: unlessMark("queues", "describes the queues that receive")},
		}
	}
	return &Protocol{Name: name, Versions: []BindingVersion{
		version("0.2.0", false, "0.1.0"), // its schemas take 0.1.0 as well
		version("0.3.0", true),
	}}
}

// sqsThroughput: a limit by message group is allowed only where deduplication
// is by message group too.
func sqsThroughput(w *Walk, n *syntax.Node) {
	limit, scope := n.Get("fifoThroughputLimit"), n.Get("deduplicationScope")
	if limit.Str() == "perMessageGroupId" && scope.Str() != "messageGroup" {
		w.Report(RuleFieldValue, diag.Error, limit.Span(), limit,
			"fifoThroughputLimit perMessageGroupId needs deduplicationScope: messageGroup; write that, or perQueue here")
	}
}
