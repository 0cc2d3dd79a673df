package check

import (
	"fmt"
	"strings"
	"testing"
)

// promise is a document of one channel with an x-delivery in flow style, a
// protocol, and what follows the channel.
type promise struct {
	protocol string
	delivery string // x-delivery of the channel
	bindings string // of the channel
	messages string // lines of messages, indented by six
	after    string // lines of further channels, indented by two, or of other fields
	receive  string // x-delivery of an operation that receives
	send     string // x-delivery of one that sends
	opBind   string // bindings of both
}

func (p promise) text() string {
	var b strings.Builder
	b.WriteString(title)
	if p.protocol != "" {
		b.WriteString("servers: {s: {host: example.com, protocol: " + p.protocol + "}}\n")
	}
	b.WriteString("channels:\n  orders:\n    address: orders.events\n")
	field := func(indent, name, value string) {
		if value != "" {
			b.WriteString(indent + name + ": {" + value + "}\n")
		}
	}
	field("    ", "x-delivery", p.delivery)
	field("    ", "bindings", p.bindings)
	if p.messages != "" {
		b.WriteString("    messages:\n" + p.messages)
	}
	b.WriteString(p.after)
	operation := func(name, action, delivery string) {
		b.WriteString("  " + name + ":\n    action: " + action + "\n    channel: {$ref: '#/channels/orders'}\n")
		field("    ", "x-delivery", delivery)
		field("    ", "bindings", p.opBind)
	}
	b.WriteString("operations:\n")
	operation("receiveOrders", "receive", p.receive)
	if p.send != "" {
		operation("sendOrders", "send", p.send)
	}
	return b.String()
}

func TestUnstated(t *testing.T) {
	holds(t, "delivery-unstated", promise{}.text()) // not sent on
	holds(t, "delivery-unstated", promise{send: "outbox: true"}.text(), "guarantee, ordering and retention")
	holds(t, "delivery-unstated", promise{send: "outbox: true", delivery: "guarantee: at-least-once, ordering: {key: id}"}.text(), "its ordering and retention")
	holds(t, "delivery-unstated", promise{send: "outbox: true", protocol: "wss"}.text(), "guarantee and ordering")
	holds(t, "delivery-unstated", promise{send: "outbox: true", delivery: "guarantee: at-least-once, ordering: {scope: none}, retention: {policy: none}"}.text())
}

func TestWindow(t *testing.T) {
	for delivery, want := range map[string]string{
		"dedupe: {by: [id], window: P1D}, retention: {time: P7D}":                           "make it P7D",
		"dedupe: {by: [id], window: PT168H}, retention: {time: P7D}":                        "",
		"dedupe: {by: [id], window: P1D}, retention: {policy: compact}":                     "",
		"dedupe: {by: [id], window: P7D}, retention: {time: P7D}, replay: {maxAge: P8D}":    "may be replayed",
		"dedupe: {by: [id]}, retention: {time: P7D}":                                        "add window: P7D",
		"dedupe: {by: [id], window: PT2M, where: broker}, retention: {time: P7D}":           "",
		"dedupe: {by: [id], window: PT2M, where: both}, retention: {time: P7D}":             "make it P7D",
		"dedupe: {by: [id], window: PT0S}, retention: {time: P7D}":                          "make it P7D",
		"dedupe: {by: [id], window: P1D}":                                                   "",
		"guarantee: exactly-once-effect, dedupe: {by: [id], window: P1D}, retention: {}":    "",
		"dedupe: {by: [id], window: P1D}, retention: {time: P1D}, replay: {from: [time]}":   "",
		"dedupe: {by: [id], window: P1DT1S}, retention: {time: P1D}, replay: {maxAge: P1D}": "",
	} {
		wantOne(t, "delivery-window", promise{delivery: delivery}, want)
	}
	wantOne(t, "delivery-exactly-once", promise{delivery: "guarantee: exactly-once-effect"}, "needs deduplication")
	wantOne(t, "delivery-exactly-once", promise{delivery: "guarantee: at-least-once"}, "")
	wantOne(t, "delivery-replay-retention", promise{delivery: "retention: {time: P7D}, replay: {maxAge: P8D}"}, "P7D at most")
	wantOne(t, "delivery-replay-retention", promise{delivery: "retention: {time: P7D}, replay: {maxAge: P7D}"}, "")
	wantOne(t, "delivery-replay-retention", promise{delivery: "retention: {policy: until-consumed}, replay: {from: [earliest]}"}, "nothing is left")
}

// wantOne holds that a rule finds one fault whose message has the text, or none
// where the text is empty.
func wantOne(t *testing.T, rule string, p promise, want string) {
	t.Helper()
	if want == "" {
		holds(t, rule, p.text())
		return
	}
	holds(t, rule, p.text(), want)
}

func TestOrderingKey(t *testing.T) {
	const order = "ordering: {scope: key, key: %}"
	for _, c := range []struct{ about, key, message, want string }{
		{"structured, data: required header", "subject", "contentType: application/cloudevents+json, headers: {type: object, required: [subject], properties: {subject: {type: string}}}", ""},
		{"structured, data: optional header", "subject", "contentType: application/cloudevents+json, headers: {type: object, properties: {subject: {type: string}}}", "does not require the attribute subject"},
		{"structured, data: no header", "subject", "contentType: application/cloudevents+json", "describes no attribute subject"},
		{"structured, data: required through allOf", "subject", "contentType: application/cloudevents+json, headers: {allOf: [{$ref: '#/components/schemas/Subject'}, {required: [subject]}]}", ""},
		{"structured, envelope: required", "subject", "payload: {type: object, required: [subject], properties: {specversion: {}, id: {}, source: {}, type: {}, subject: {type: string}}}", ""},
		{"structured, envelope: optional", "subject", "payload: {type: object, properties: {specversion: {}, id: {}, source: {}, type: {}, subject: {type: string}}}", "does not require the attribute subject"},
		{"binary: required", "subject", "headers: {type: object, required: [ce_subject], properties: {ce_type: {}, ce_subject: {}}}", ""},
		{"binary: optional", "subject", "headers: {type: object, properties: {ce_type: {}, ce_subject: {}}}", "does not require"},
		{"stated by x-cloudevents", "subject", "contentType: application/cloudevents+json, x-cloudevents: {subject: the order's id}", ""},
		{"every event has a source", "source", "contentType: application/cloudevents+json", ""},
		{"no envelope, required header", "subject", "headers: {type: object, required: [subject], properties: {subject: {}}}", ""},
		{"no envelope, optional header", "subject", "headers: {type: object, properties: {subject: {}}}", "does not require the header subject"},
		{"no envelope", "subject", "payload: {type: string}", "neither an envelope nor a header subject"},
		{"pointer: required", "/data/id", "contentType: application/cloudevents+json, payload: {type: object, required: [id], properties: {id: {}}}", ""},
		{"pointer: optional", "/data/id", "contentType: application/cloudevents+json, payload: {type: object, properties: {id: {}}}", `does not require "id" in its payload`},
		{"pointer: not described", "/data/id", "contentType: application/cloudevents+json, payload: {type: object, properties: {ident: {}}}", `describes no "id"`},
		{"pointer: no payload", "/data/id", "contentType: application/cloudevents+json", "has no payload schema"},
		{"pointer: through references and allOf", "/data/order/id", "contentType: application/cloudevents+json, payload: {allOf: [{type: object, required: [order]}, {properties: {order: {$ref: '#/components/schemas/Order'}}}]}", ""},
		{"pointer: optional on the way", "/data/order/id", "contentType: application/cloudevents+json, payload: {properties: {order: {$ref: '#/components/schemas/Order'}}}", `does not require "order"`},
		{"pointer: all branches require it", "/data/id", "contentType: application/cloudevents+json, payload: {properties: {id: {}}, oneOf: [{required: [id, a]}, {required: [id, b]}]}", ""},
		{"pointer: one branch does not", "/data/id", "contentType: application/cloudevents+json, payload: {properties: {id: {}}, anyOf: [{required: [id, a]}, {required: [b]}]}", `does not require "id"`},
		{"pointer: into the envelope's data", "/data/id", "payload: {type: object, required: [data], properties: {specversion: {}, id: {}, source: {}, type: {}, data: {type: object, required: [id], properties: {id: {}}}}}", ""},
		{"pointer: data is optional", "/data/id", "payload: {type: object, properties: {specversion: {}, id: {}, source: {}, type: {}, data: {type: object, required: [id], properties: {id: {}}}}}", `does not require "data"`},
		{"pointer: an attribute", "/subject", "contentType: application/cloudevents+json", "describes no attribute subject"},
		{"pointer: below an attribute", "/subject/id", "contentType: application/cloudevents+json", "only /data has parts"},
		{"pointer: no envelope", "/data/id", "payload: {type: object, required: [id], properties: {id: {}}}", ""},
		{"pointer: no envelope, spelt without data", "/id", "payload: {type: object, required: [id], properties: {id: {}}}", ""},
		{"pointer: escaped", "/data/a~1b", "payload: {type: object, required: [a/b], properties: {a/b: {}}}", ""},
		{"pointer: recursive schema", "/data/next/next/id", "payload: {$ref: '#/components/schemas/Node'}", ""},
		{"pointer: references in a circle of allOf", "/data/id", "payload: {$ref: '#/components/schemas/Circle'}", `describes no "id"`},
		{"Avro: a field", "/data/id", "payload: {schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {type: record, name: O, fields: [{name: id, type: string}]}}", ""},
		{"Avro: nullable", "/data/id", "payload: {schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {type: record, name: O, fields: [{name: id, type: ['null', string]}]}}", "does not require"},
		{"Avro: no such field", "/data/id", "payload: {schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {type: record, name: O, fields: []}}", "describes no"},
		{"a language that is not understood", "/data/id", "payload: {schemaFormat: application/raml+yaml;version=1.0, schema: {}}", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			p := promise{delivery: strings.Replace(order, "%", "'"+c.key+"'", 1), messages: "      M: {" + c.message + "}\n"}
			text := strings.Replace(p.text(), "operations:\n", `components:
  schemas:
    Subject: {type: object, properties: {subject: {type: string}}}
    Order: {type: object, required: [id], properties: {id: {type: string}}}
    Node: {type: object, required: [id, next], properties: {id: {type: string}, next: {$ref: '#/components/schemas/Node'}}}
    Circle: {allOf: [{$ref: '#/components/schemas/Circle'}]}
operations:
`, 1)
			if c.want == "" {
				holds(t, "delivery-ordering-key", text)
			} else {
				holds(t, "delivery-ordering-key", text, c.want)
			}
		})
	}
	wantOne(t, "delivery-ordering-key", promise{delivery: "ordering: {scope: key}"}, "names none")
	wantOne(t, "delivery-ordering-key", promise{delivery: "ordering: {scope: channel, key: subject}"}, "means nothing")
	wantOne(t, "delivery-ordering-key", promise{delivery: "ordering: {scope: channel}"}, "")
}

// TestOrderingKeyOfMany: branches that share branches are not looked through
// over and over, and where that ends nothing is claimed.
func TestDedupeKey(t *testing.T) {
	const message = "contentType: application/cloudevents+json, headers: {type: object, required: [paymentid], properties: {paymentid: {type: string}, time: {type: string}}}, payload: {type: object, required: [id], properties: {id: {}, other: {}}}"
	for by, want := range map[string]string{
		"[source, id]": "", "[source, type, specversion]": "", "[paymentid]": "", "[/data/id]": "", "[/paymentid]": "",
		"[source, paymntid]": "describes no attribute paymntid (did you mean paymentid?)",
		"[sorce]":            "describes no attribute sorce (did you mean source?)",
		"[source, tenant]":   "describes no attribute tenant, but",
		"[time]":             "does not require the attribute time",
		"[/data/other]":      `does not require "other"`,
		"[/data/absent]":     `describes no "absent"`,
		"[/subject/id]":      "no event has anything at /subject/id",
		"[/]":                "no event has anything at /",
	} {
		p := promise{delivery: "dedupe: {by: " + by + "}", messages: "      M: {" + message + "}\n"}
		wantOne(t, "delivery-dedupe-key", p, want)
	}
	// What is no event is not known again.
	wantOne(t, "delivery-dedupe-key", promise{delivery: "dedupe: {by: [/subject/id]}", messages: "      M: {payload: {type: object}}\n"}, "")
}

func TestOrderingKeyOfMany(t *testing.T) {
	var b strings.Builder
	b.WriteString("components:\n  schemas:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "    S%d: {anyOf: [{$ref: '#/components/schemas/S%d'}, {$ref: '#/components/schemas/S%d'}]}\n", i, i+1, i+1)
	}
	b.WriteString("    S40: {required: [a], properties: {a: {type: string}}}\noperations:\n")
	p := promise{delivery: "ordering: {scope: key, key: /data/id}", messages: "      M: {payload: {$ref: '#/components/schemas/S0'}}\n"}
	holds(t, "delivery-ordering-key", strings.Replace(p.text(), "operations:\n", b.String(), 1))
}

func TestBootstrap(t *testing.T) {
	const start = "start: bootstrap"
	wantOne(t, "delivery-bootstrap", promise{receive: start, delivery: "retention: {time: P7D}"}, "states its retention and no bootstrap")
	wantOne(t, "delivery-bootstrap", promise{receive: start}, "does not say how")
	wantOne(t, "delivery-bootstrap", promise{receive: start, delivery: "bootstrap: {mode: none}"}, "offers none")
	wantOne(t, "delivery-bootstrap", promise{receive: start, delivery: "bootstrap: {mode: log}, retention: {time: P7D}"}, "")
	wantOne(t, "delivery-bootstrap", promise{receive: "start: earliest", delivery: "retention: {time: P7D}"}, "")
	wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: snapshot+log}"}, "where the snapshots are")
	wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: request}"}, "where a backfill is asked for")
	wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: compacted}, retention: {policy: delete}"}, "policy: compact")
	wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: compacted}, retention: {policy: compact+delete}"}, "")
	wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: log}, retention: {policy: until-consumed}"}, "needs a log")
	for _, to := range []string{"'#/channels/snapshot'", "{$ref: '#/channels/snapshot'}"} {
		wantOne(t, "delivery-bootstrap", promise{delivery: "bootstrap: {mode: snapshot+log, channel: " + to + "}", after: "  snapshot: {address: s}\n", receive: start}, "")
	}
}

func TestBrokers(t *testing.T) {
	const replay = "replay: {from: [earliest]}"
	for protocol, want := range map[string]string{"mqtt": "MQTT keeps no events", "mqtts": "MQTT keeps no events", "sqs": "SQS keeps no", "ws": "WebSocket",
		"amqp": "streams only", "kafka": "", "nats": "", "googlepubsub": "", "pulsar": "", "": "", "solace": ""} {
		wantOne(t, "delivery-replay-protocol", promise{protocol: protocol, delivery: replay}, want)
	}
	wantOne(t, "delivery-replay-protocol", promise{protocol: "amqp", delivery: replay, bindings: "amqp: {is: queue, queue: {x-queue-type: stream}}"}, "")
	for protocol, want := range map[string]string{"kafka": "Kafka recognises no", "amqps": "AMQP 0-9-1 recognises no", "mqtt": "MQTT recognises", "googlepubsub": "Google Pub/Sub recognises",
		"nats": "two minutes", "sqs": "five minutes", "pulsar": "", "": ""} {
		wantOne(t, "delivery-broker-dedupe", promise{protocol: protocol, delivery: "dedupe: {by: [id], where: broker, window: PT10M}"}, want)
	}
	wantOne(t, "delivery-broker-dedupe", promise{protocol: "nats", delivery: "dedupe: {by: [id], where: both, window: PT2M}"}, "")
	wantOne(t, "delivery-broker-dedupe", promise{protocol: "nats", delivery: "dedupe: {by: [id], where: broker, window: PT1H}", bindings: "nats: {x-duplicate-window: PT1H}"}, "")
	wantOne(t, "delivery-broker-dedupe", promise{protocol: "nats", delivery: "dedupe: {by: [id], where: broker, window: PT2H}", bindings: "nats: {x-duplicate-window: PT1H}"}, "duplicate window of PT1H")
	wantOne(t, "delivery-broker-dedupe", promise{protocol: "kafka", delivery: "dedupe: {by: [id], where: consumer, window: PT10M}"}, "")
	wantOne(t, "delivery-channel-order", promise{delivery: "ordering: {scope: channel}"}, "does not say how many")
	wantOne(t, "delivery-channel-order", promise{delivery: "ordering: {scope: channel}", receive: "maxInFlight: 2"}, "breaks the order")
	wantOne(t, "delivery-channel-order", promise{delivery: "ordering: {scope: channel}", receive: "maxInFlight: 1"}, "")
	wantOne(t, "delivery-channel-order", promise{delivery: "ordering: {scope: key, key: id}", receive: "maxInFlight: 2"}, "")
}

func TestRetry(t *testing.T) {
	wantOne(t, "delivery-retry", promise{receive: "retry: {delay: PT10S, maxDelay: PT1S}"}, "shorter than its delay")
	wantOne(t, "delivery-retry", promise{receive: "retry: {delay: PT1S, maxDelay: PT1S}"}, "")
	wantOne(t, "delivery-retry", promise{receive: "ack: on-receipt, retry: {maxAttempts: 3}"}, "states retries")
	wantOne(t, "delivery-retry", promise{receive: "ack: on-receipt, deadLetter: {after: retries}"}, "states a dead letter")
	wantOne(t, "delivery-retry", promise{receive: "deadLetter: {channel: '#/channels/orders'}"}, "go back to channel")
	wantOne(t, "delivery-ack", promise{delivery: "guarantee: at-least-once", receive: "ack: on-receipt"}, "acknowledges on receipt")
	wantOne(t, "delivery-ack", promise{delivery: "guarantee: at-most-once", receive: "ack: on-receipt"}, "")
	wantOne(t, "delivery-ack", promise{delivery: "durability: {ackedBy: quorum}", send: "confirm: leader"}, "write confirm: quorum")
	wantOne(t, "delivery-ack", promise{delivery: "durability: {ackedBy: leader}", send: "confirm: quorum"}, "")
	wantOne(t, "delivery-ack", promise{delivery: "guarantee: at-least-once", send: "confirm: none"}, "waits for no confirmation")
	wantOne(t, "delivery-ack", promise{delivery: "guarantee: at-least-once, durability: {ackedBy: none}"}, "ackedBy none")
	const a = "      A: {payload: {type: string}}\n      B: {payload: {type: integer}}\n"
	to := "deadLetter: {channel: '#/channels/dlq'}"
	wantOne(t, "delivery-dead-letter", promise{messages: a, receive: to, after: "  dlq: {address: dlq}\n"}, "carries no messages")
	wantOne(t, "delivery-dead-letter", promise{messages: a, receive: to, after: "  dlq: {address: dlq, messages: {A: {payload: {type: string}}}}\n"}, "does not carry B")
	wantOne(t, "delivery-dead-letter", promise{messages: a, receive: to, after: "  dlq: {address: dlq, messages: {A: {payload: {type: string}}, B: {payload: {type: string}}}}\n"}, "")
}

func TestDeliveryBindings(t *testing.T) {
	const week = "retention: {policy: delete, time: P7D}"
	topic := func(settings string) string { return "kafka: {topicConfiguration: {" + settings + "}}" }
	for _, c := range []struct {
		about string
		p     promise
		want  string
	}{
		{"kafka: shorter", promise{delivery: week, bindings: topic("retention.ms: 3600000")}, "for PT1H only"},
		{"kafka: longer", promise{delivery: week, bindings: topic("retention.ms: 1209600000")}, "for P14D, but"},
		{"kafka: for ever", promise{delivery: week, bindings: topic("retention.ms: -1")}, "for ever"},
		{"kafka: the same", promise{delivery: week, bindings: topic("retention.ms: 604800000, cleanup.policy: [delete]")}, ""},
		{"kafka: compaction alone has no time", promise{delivery: "retention: {policy: compact, time: P7D}", bindings: topic("retention.ms: 1, cleanup.policy: [compact]")}, ""},
		{"kafka: cleanup", promise{delivery: week, bindings: topic("cleanup.policy: [compact, delete]")}, "is compact+delete"},
		{"kafka: partitions", promise{delivery: "ordering: {scope: channel}", bindings: "kafka: {partitions: 3}"}, "3 partitions"},
		{"kafka: partitions and a key", promise{delivery: "ordering: {scope: key, key: id}", bindings: "kafka: {partitions: 3}"}, ""},
		{"kafka: replicas", promise{delivery: "durability: {replicas: 3}", bindings: "kafka: {replicas: 2}"}, "has 2 replicas"},
		{"kafka: in-sync replicas", promise{delivery: "durability: {replicas: 3, ackedBy: quorum}", bindings: topic("min.insync.replicas: 1")}, "write 2"},
		{"kafka: size", promise{delivery: "limits: {maxBytes: 2000000}", bindings: topic("max.message.bytes: 1048588")}, "refuses events"},
		{"kafka: size with room", promise{delivery: "limits: {maxBytes: 1000}", bindings: topic("max.message.bytes: 1048588")}, ""},
		{"amqp: queue", promise{delivery: "guarantee: at-least-once", bindings: "amqp: {is: queue, queue: {durable: false}}"}, "durable: true"},
		{"amqp: exchange", promise{delivery: "durability: {ackedBy: quorum}", bindings: "amqp: {is: routingKey, exchange: {durable: false}}"}, "says quorum"},
		{"amqp: auto delete", promise{delivery: "guarantee: at-least-once", bindings: "amqp: {is: queue, queue: {autoDelete: true}}"}, "last consumer"},
		{"amqp: at most once", promise{delivery: "guarantee: at-most-once", bindings: "amqp: {is: queue, queue: {durable: false, autoDelete: true}}"}, ""},
		{"amqp: transient", promise{delivery: "guarantee: at-least-once", opBind: "amqp: {deliveryMode: 1}"}, "is transient"},
		{"amqp: never acknowledged", promise{delivery: "limits: {maxBytes: 1}", receive: "ack: after-processing", opBind: "amqp: {ack: false}"}, "never acknowledges"},
		{"amqp: not acknowledged", promise{delivery: "guarantee: at-least-once", opBind: "amqp: {ack: false}"}, "before they are handled"},
		{"amqp: expiration", promise{delivery: week, opBind: "amqp: {expiration: 60000}"}, "after PT1M"},
		{"amqp: expires", promise{delivery: "guarantee: at-most-once", opBind: "amqp: {expiration: 60000}", messages: "      M: {x-delivery: {expires: PT10M}}\n"}, "says PT10M"},
		{"mqtt: qos 0", promise{delivery: "guarantee: at-least-once", opBind: "mqtt: {qos: 0}"}, "write qos: 1"},
		{"mqtt: qos 1", promise{delivery: "guarantee: at-least-once", opBind: "mqtt: {qos: 1}"}, ""},
		{"mqtt: qos 1 at most once", promise{delivery: "guarantee: at-most-once", opBind: "mqtt: {qos: 1}"}, "may deliver twice"},
		{"mqtt: retain", promise{delivery: "retention: {policy: none}", opBind: "mqtt: {retain: true}"}, "keeps the last event"},
		{"mqtt: no retain", promise{delivery: "retention: {policy: compact}", opBind: "mqtt: {retain: false}"}, "keeps nothing"},
		{"mqtt: expiry", promise{delivery: "guarantee: at-most-once", opBind: "mqtt: {messageExpiryInterval: 60}", messages: "      M: {x-delivery: {expires: PT10M}}\n"}, "after PT1M"},
		{"mqtt: the same expiry", promise{delivery: "guarantee: at-most-once", opBind: "mqtt: {messageExpiryInterval: 600}", messages: "      M: {x-delivery: {expires: PT10M}}\n"}, ""},
		{"pubsub: retention", promise{delivery: week, bindings: "googlepubsub: {messageRetentionDuration: 86400s, schemaSettings: {encoding: json, name: s}}"}, "for P1D only"},
		{"pubsub: ordering key", promise{delivery: "ordering: {scope: none}", messages: "      M: {bindings: {googlepubsub: {orderingKey: k}}}\n"}, "promises none"},
		{"sqs: standard queue", promise{delivery: "ordering: {scope: key, key: id}", bindings: "sqs: {queue: {name: q, fifoQueue: false}}"}, "fifoQueue: true"},
		{"sqs: retention", promise{delivery: week, bindings: "sqs: {queue: {name: q, fifoQueue: true, messageRetentionPeriod: 86400}}"}, "for P1D only"},
		{"sns: standard topic", promise{delivery: "ordering: {scope: source}", bindings: "sns: {name: n, ordering: {type: standard}}"}, "type: FIFO"},
		{"pulsar: not persistent", promise{delivery: "guarantee: at-least-once", bindings: "pulsar: {namespace: n, persistence: non-persistent}"}, "write persistent"},
		{"pulsar: retention", promise{delivery: week, bindings: "pulsar: {namespace: n, persistence: persistent, retention: {time: 60}}"}, "for PT1H only"},
		{"nats: queue group", promise{delivery: "ordering: {scope: channel}", opBind: "nats: {queue: workers}"}, "among its members"},
		{"solace: direct", promise{delivery: "guarantee: at-least-once", opBind: "solace: {destinations: [{destinationType: queue, deliveryMode: direct, queue: {name: q}}]}"}, "may lose events"},
		{"solace: shared", promise{delivery: "ordering: {scope: channel}", opBind: "solace: {destinations: [{destinationType: queue, queue: {name: q, accessType: nonexclusive}}]}"}, "write exclusive"},
	} {
		t.Run(c.about, func(t *testing.T) { wantOne(t, "delivery-bindings", c.p, c.want) })
	}
}

func TestPolicy(t *testing.T) {
	wantOne(t, "policy-unpublished", promise{send: "outbox: true"}, "publishes no compatibility policy")
	wantOne(t, "policy-unpublished", promise{}, "")
	holds(t, "policy-unpublished", promise{send: "outbox: true"}.text()+"x-compatibility: {mode: full}\n")
	wantOne(t, "policy-unpublished", promise{send: "outbox: true", messages: "      M: {x-compatibility: {readers: tolerant}}\n"}, "")
}

func TestSunset(t *testing.T) {
	message := func(fields string) promise {
		return promise{messages: "      M: {payload: {type: string}, " + fields + "}\n"}
	}
	wantOne(t, "deprecated-without-sunset", message("deprecated: true"), `message "M"`)
	wantOne(t, "deprecated-without-sunset", message("deprecated: false"), "")
	wantOne(t, "deprecated-without-sunset", message("deprecated: true, x-delivery: {deprecated: {sunset: 2027-01-01}}"), "")
	wantOne(t, "deprecated-without-sunset", message("x-delivery: {deprecated: {replacedBy: orders.paid.v2}}"), "")
	wantOne(t, "deprecated-without-sunset", message("x-delivery: {deprecated: {since: 2026-01-01}}"), "does not say until when")
	wantOne(t, "deprecated-without-sunset", message("x-delivery: {deprecated: {since: 2026-01-01, sunset: 2025-01-01}}"), "correct one of the dates")
	wantOne(t, "deprecated-without-sunset", promise{delivery: "deprecated: {since: 2026-01-01}"}, `channel "orders"`)
}

func TestDocumentation(t *testing.T) {
	const contact = "asyncapi: 3.1.0\ninfo: {title: T, version: 1.0.0, contact: {name: N%}}\n"
	holds(t, "document-contact", strings.Replace(contact, "%", "", 1), "nobody can be reached")
	holds(t, "document-contact", strings.Replace(contact, "%", ", url: 'https://example.com'", 1))
	message := func(fields string) string {
		return promise{messages: "      M: {payload: {type: string" + fields + "}\n"}.text()
	}
	holds(t, "message-example-missing", message("}"), `"M"`)
	holds(t, "message-example-missing", message(", examples: [x]}"))
	holds(t, "message-example-missing", message("}, examples: [{payload: x}]"))
	holds(t, "message-summary", message("}, title: T"), `"M"`)
	holds(t, "message-summary", message("}, traits: [{description: From a trait.}]"))
	holds(t, "operation-summary", promise{}.text(), `"receiveOrders"`)
	holds(t, "channel-description", promise{}.text(), `"orders"`)
}
