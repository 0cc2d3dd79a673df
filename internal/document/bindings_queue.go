package document

import (
	"fmt"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Brokers of queues and exchanges: AMQP 0-9-1, Anypoint MQ, IBM MQ, JMS and
// Solace.

// amqpBindings: 0.2.0, 0.3.0.
func amqpBindings() *Protocol {
	fields := []Field{
		{Name: "is", Type: word("queue", "routingKey")},
		{Name: "exchange", Type: inPlace(&Object{Name: "amqp exchange", Fields: []Field{
			{Name: "name", Type: textAs(atMost(255))},
			{Name: "type", Type: word("topic", "direct", "fanout", "default", "headers")},
			{Name: "durable", Type: boolean()},
			{Name: "autoDelete", Type: boolean()},
			{Name: "vhost", Type: text()},
		}})},
		{Name: "queue", Type: inPlace(&Object{Name: "amqp queue", Fields: []Field{
			{Name: "name", Type: textAs(atMost(255))},
			{Name: "durable", Type: boolean()},
			{Name: "exclusive", Type: boolean()},
			{Name: "autoDelete", Type: boolean()},
			{Name: "vhost", Type: text()},
		}})},
	}
	operation := []Field{
		{Name: "expiration", Type: integerFrom(0)},
		{Name: "userId", Type: text()},
		{Name: "cc", Type: list(text())},
		{Name: "priority", Type: integer()},
		{Name: "deliveryMode", Type: integerIn(1, 2)},
		{Name: "mandatory", Type: boolean()},
		{Name: "bcc", Type: list(text())},
		{Name: "timestamp", Type: boolean()},
		{Name: "ack", Type: boolean()},
	}
	message := &Object{Name: "amqp message binding", Fields: []Field{
		{Name: "contentEncoding", Type: text()},
		{Name: "messageType", Type: text()},
	}}
	return &Protocol{Name: "amqp", Versions: []BindingVersion{
		{Version: "0.2.0", Message: message,
			Channel: &Object{Name: "amqp channel binding", Fields: fields, Check: amqpChannel(true)},
			Operation: &Object{Name: "amqp operation binding",
				Fields: append(clip(operation), Field{Name: "replyTo", Type: text()})}},
		{Version: "0.3.0", Message: message,
			Channel:   &Object{Name: "amqp channel binding", Fields: fields, Check: amqpChannel(false)},
			Operation: &Object{Name: "amqp operation binding", Fields: operation}},
	}}
}

// amqpChannel: a channel is a queue or an exchange with a routing key (the
// default), never both. The example in the document of 0.2.0 describes the
// queue beside the exchange, which the schema refuses: there it is accepted.
// The schemas demand the object that belongs to the type; the documents do
// not, and the specification has examples without: that is a warning.
func amqpChannel(both bool) func(*Walk, *syntax.Node) {
	return func(w *Walk, n *syntax.Node) {
		kind, belongs := n.Get("is").Str(), ""
		switch {
		case kind == "queue":
			belongs = "queue"
			excluded(w, n, "exchange", "is: queue")
		case kind == "routingKey":
			belongs = "exchange"
			if !both {
				excluded(w, n, "queue", "is: routingKey")
			}
		case n.Get("is") == nil && !both && n.Get("exchange") != nil:
			excluded(w, n, "queue", "\"exchange\"")
		}
		if belongs != "" && n.Get(belongs) == nil {
			is := n.Get("is")
			w.Report(RuleFieldMissing, diag.Warning, is.KeySpan(), is,
				"is: %s, but no %q is described, which some tools demand; add it, if only as {}", kind, belongs)
		}
	}
}

// anypointmqBindings: 0.0.1, which the document's own example calls 0.1.0. The
// schema describes a message's headers by a schema; the document once had two
// of them as fields.
func anypointmqBindings() *Protocol {
	return &Protocol{Name: "anypointmq", Versions: []BindingVersion{{Version: "0.0.1", Also: []string{"0.1.0"},
		Channel: &Object{Name: "anypointmq channel binding", Fields: []Field{
			{Name: "destination", Type: text()},
			{Name: "destinationType", Type: word("exchange", "queue", "fifo-queue")},
		}},
		Message: &Object{Name: "anypointmq message binding", Fields: []Field{
			{Name: "headers", Type: schemaHere()},
			{Name: "messageId", Type: text()},
			{Name: "messageGroupId", Type: textAs(atMost(128))},
		}, Check: objectSchemas("headers")},
	}}}
}

// ibmmqBindings: 0.1.0. What the document says about URI schemes is left out:
// a server of 3.x has no URI.
func ibmmqBindings() *Protocol {
	return &Protocol{Name: "ibmmq", Versions: []BindingVersion{{Version: "0.1.0",
		Server: &Object{Name: "ibmmq server binding", Fields: []Field{
			{Name: "groupId", Type: text()},
			{Name: "ccdtQueueManagerName", Type: text()},
			{Name: "cipherSpec", Type: text()},
			{Name: "multiEndpointServer", Type: boolean()},
			{Name: "heartBeatInterval", Type: integerIn(0, 999999)},
		}},
		Channel: &Object{Name: "ibmmq channel binding", Fields: []Field{
			{Name: "destinationType", Type: word("topic", "queue")},
			{Name: "queue", Type: inPlace(&Object{Name: "ibmmq queue", Fields: []Field{
				{Name: "objectName", Type: textAs(atMost(48)), Required: true},
				{Name: "isPartitioned", Type: boolean()},
				{Name: "exclusive", Type: boolean()},
			}})},
			{Name: "topic", Type: inPlace(&Object{Name: "ibmmq topic", Fields: []Field{
				{Name: "string", Type: textAs(atMost(10240))},
				{Name: "objectName", Type: textAs(atMost(48))},
				{Name: "durablePermitted", Type: boolean()},
				{Name: "lastMsgRetained", Type: boolean()},
			}})},
			{Name: "maxMsgLength", Type: integerIn(0, 104857600)},
		}, Check: ibmmqChannel},
		Message: &Object{Name: "ibmmq message binding", Fields: []Field{
			{Name: "type", Type: word("string", "jms", "binary")},
			{Name: "headers", Type: text()},
			{Name: "description", Type: text()},
			{Name: "expiry", Type: integerFrom(0)},
		}, Check: ibmmqMessage},
	}}}
}

// ibmmqChannel: an absent destinationType with a queue is a topic by the
// document's default and a queue by the schema; it is accepted.
func ibmmqChannel(w *Walk, n *syntax.Node) {
	switch n.Get("destinationType").Str() {
	case "queue":
		lacking(w, n, "queue", "destinationType: queue is about")
		excluded(w, n, "topic", "destinationType: queue")
	case "topic":
		excluded(w, n, "queue", "destinationType: topic")
	default:
		if n.Get("queue") != nil {
			excluded(w, n, "topic", "\"queue\"")
		}
	}
}

// ibmmqMessage: an absent type is refused by the schema without headers and
// accepted with them, and by the document the reverse; it is accepted.
func ibmmqMessage(w *Walk, n *syntax.Node) {
	if t := n.Get("type").Str(); t == "string" || t == "jms" {
		excluded(w, n, "headers", "type: "+t)
	}
}

// jmsBindings: 0.0.1. The properties of a server are a schema in the document
// and a list of names and values in its example and in the schema.
func jmsBindings() *Protocol {
	property := &Object{Name: "jms property", Fields: []Field{
		{Name: "name", Type: text(), Required: true},
		{Name: "value", Type: choice(text(), boolean(), number(), null()), Required: true},
	}}
	return &Protocol{Name: "jms", Versions: []BindingVersion{{Version: "0.0.1",
		Server: &Object{Name: "jms server binding", Fields: []Field{
			{Name: "jmsConnectionFactory", Type: text(), Required: true},
			{Name: "properties", Type: choice(list(inPlace(property)), schemaHere())},
			{Name: "clientID", Type: text()},
		}},
		Channel: &Object{Name: "jms channel binding", Fields: []Field{
			{Name: "destination", Type: text()},
			{Name: "destinationType", Type: word("queue", "fifo-queue")},
		}},
		Message: &Object{Name: "jms message binding", Fields: []Field{
			{Name: "headers", Type: schemaHere()},
		}, Check: objectSchemas("headers")},
	}}}
}

// solaceBindings: 0.2.0, 0.3.0, 0.4.0. Where names differ between document and
// schema both stand in the table: msgVpn (by a slip in the schema msvVpn in
// 0.2.0), maxMsgSpoolSize (in the schema maxMsgSpoolUsage), topicSubscriptions
// of a topic with a "topic" around it (the document's table) and without (the
// schema, and the document's example). The document has a bindingVersion in a
// destination too. The operation's schema allows no extensions, unlike every
// other.
func solaceBindings() *Protocol {
	subscriptions := Field{Name: "topicSubscriptions", Type: list(text())}
	queue2 := []Field{
		{Name: "name", Type: text()},
		subscriptions,
		{Name: "accessType", Type: word("exclusive", "nonexclusive")},
	}
	queue3 := append(clip(queue2),
		Field{Name: "maxTtl", Type: text()},
		Field{Name: "maxMsgSpoolSize", Type: text()},
		Field{Name: "maxMsgSpoolUsage", Type: text()})
	destinations := func(queue []Field) Field {
		return Field{Name: "destinations", Type: list(inPlace(&Object{Name: "solace Destination Object", Fields: []Field{
			{Name: "destinationType", Type: word("queue", "topic"), Required: true},
			{Name: "deliveryMode", Type: word("direct", "persistent")},
			{Name: "bindingVersion", Type: text()},
			{Name: "queue", Type: inPlace(&Object{Name: "solace queue", Fields: queue})},
			{Name: "topic", Type: inPlace(&Object{Name: "solace topic", Fields: []Field{subscriptions}})},
			subscriptions,
		}, Check: solaceDestination}))}
	}
	operation := func(fields ...Field) *Object {
		return &Object{Name: "solace operation binding", Closed: true, Fields: fields}
	}
	server := func(fields ...Field) *Object {
		return &Object{Name: "solace server binding", Fields: fields}
	}
	vpn := Field{Name: "msgVpn", Type: text()}
	return &Protocol{Name: "solace", Versions: []BindingVersion{
		{Version: "0.2.0", Operation: operation(destinations(queue2)),
			Server: server(vpn, Field{Name: "msvVpn", Type: text()})},
		{Version: "0.3.0", Operation: operation(destinations(queue3)), Server: server(vpn)},
		{Version: "0.4.0", Server: server(vpn, Field{Name: "clientName", Type: textAs(solaceClientName)}),
			// The schema has numbers only; in its descriptions and in the
			// document the first two may be schemas.
			Operation: operation(destinations(queue3),
				Field{Name: "timeToLive", Type: choice(integer(), schemaHere())},
				Field{Name: "priority", Type: choice(integerIn(0, 255), schemaHere())},
				Field{Name: "dmqEligible", Type: boolean()})},
	}}
}

func solaceClientName(s string) string {
	if len(s) > 160 {
		return fmt.Sprintf("has %d bytes; shorten it to 160", len(s))
	}
	return notEmpty(s)
}

// solaceDestination: fields for the other type of destination are, by the
// document, not applicable; the schema lets them pass.
func solaceDestination(w *Walk, n *syntax.Node) {
	kind := n.Get("destinationType").Str()
	idle := []string{"queue"}
	switch kind {
	case "queue":
		idle = []string{"topic", "topicSubscriptions"}
	case "topic":
	default:
		return
	}
	for _, field := range idle {
		if at := n.Get(field); at != nil {
			w.Report(RuleFieldValue, diag.Warning, at.KeySpan(), at,
				"%q means nothing for destinationType: %s; remove it or change destinationType", field, kind)
		}
	}
}
