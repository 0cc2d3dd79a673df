package check

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

// comparedBase has something of everything that the table of compatibility is
// about. SEND is the action of its operation.
const comparedBase = `asyncapi: 3.1.0
info:
  title: Orders
  version: 1.0.0
x-compatibility: {}
servers:
  production:
    host: '{region}.example.com:9092'
    pathname: /v1
    protocol: kafka
    protocolVersion: '3.5'
    variables:
      region: {enum: [eu, us], default: eu}
    security:
      - {$ref: '#/components/securitySchemes/login'}
  standby:
    host: second.example.com:9092
    protocol: kafka
channels:
  orders:
    address: 'orders.{kind}'
    servers: [{$ref: '#/servers/production'}, {$ref: '#/servers/standby'}]
    parameters:
      kind: {enum: [retail, trade], default: retail}
    x-delivery:
      guarantee: at-least-once
      durability: {replicas: 3, ackedBy: quorum}
      ordering: {scope: key, key: subject}
      dedupe: {by: [source, id], window: P7D, where: consumer}
      retention: {policy: delete, time: P7D}
      replay: {from: [earliest, time], maxAge: P7D}
      bootstrap: {mode: snapshot+log, channel: '#/channels/refunds'}
      limits: {maxBytes: 262144}
      deprecated: {since: 2026-01-01, sunset: 2027-01-01}
    bindings:
      kafka:
        topic: orders
        partitions: 12
        replicas: 3
        topicConfiguration: {cleanup.policy: [delete], retention.ms: 604800000, max.message.bytes: 1048588, segment.bytes: 1}
      amqp: {is: routingKey, exchange: {name: orders, type: topic, durable: true, autoDelete: false}}
      googlepubsub: {messageRetentionDuration: 604800s}
    messages:
      OrderPaid:
        name: OrderPaid
        contentType: application/cloudevents+json
        correlationId: {location: '$message.header#/requestId'}
        headers:
          type: object
          required: [type, source, subject]
          properties:
            type: {const: orders.paid.v1}
            source: {const: orders-service}
            subject: {type: string, pattern: '^ord_'}
            id: {type: string, format: uuid}
            specversion: {const: '1.0'}
            datacontenttype: {const: application/json}
            traceparent: {type: string}
        payload:
          type: object
          required: [order_id]
          properties:
            order_id: {type: string}
            currency: {enum: [EUR, USD]}
            count: {type: integer, minimum: 1}
        bindings:
          kafka: {key: {type: string}}
          googlepubsub: {orderingKey: order, attributes: {kind: order}}
      OrderShipped:
        contentType: application/cloudevents+json
        headers: {type: object, required: [type], properties: {type: {const: orders.shipped.v1}}}
        payload: {type: object}
  refunds:
    address: refunds
    messages:
      Refund: {name: refunds.made.v1, payload: {type: object}}
  answersChannel:
    address: answers
    messages:
      Answer: {name: answers.given.v1, payload: {type: object, properties: {ok: {type: boolean}}}}
operations:
  handleOrders:
    action: SEND
    channel: {$ref: '#/channels/orders'}
    x-delivery: {outbox: true}
    security:
      - {$ref: '#/components/securitySchemes/login'}
    bindings:
      kafka: {groupId: {enum: [billing]}}
      mqtt: {qos: 1, retain: true, messageExpiryInterval: 60}
      amqp: {deliveryMode: 2, ack: true}
      nats: {queue: billing}
    reply:
      channel: {$ref: '#/channels/answersChannel'}
      address: {location: '$message.header#/replyTo'}
  readRefunds:
    action: receive
    channel: {$ref: '#/channels/refunds'}
    x-delivery: {deadLetter: {channel: '#/channels/answersChannel'}, ack: after-processing}
components:
  securitySchemes:
    login: {type: oauth2, scopes: [read], flows: {clientCredentials: {tokenUrl: https://example.com/t, availableScopes: {read: '', write: ''}}}}
    key: {type: apiKey, in: user}
`

func comparedContract(t testing.TB, text string) (*contract.Contract, []diag.Diagnostic) {
	t.Helper()
	c, found, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, found
}

// comparedRows are the rows of the table of docs/compatibility.md, and so of the
// semantics: an edit of the base, and what is to be said of it, for what is sent
// and, where that differs, for what is received. - is nothing.
var comparedRows = []struct {
	name, from, to string
	sent, received string
}{
	// server
	{"host", "second.example.com", "third.example.com", "changed-server E all", ""},
	{"port", "second.example.com:9092", "second.example.com:9093", "changed-server E all", ""},
	{"pathname", "pathname: /v1", "pathname: /v2", "changed-server E all", ""},
	{"protocol", "host: second.example.com:9092\n    protocol: kafka", "host: second.example.com:9092\n    protocol: kafka-secure", "changed-server E all", ""},
	{"protocolVersion raised", "'3.5'", "'3.9'", "changed-server-version w all", ""},
	{"variable removed", "'{region}.example.com:9092'\n    pathname: /v1\n    protocol: kafka\n    protocolVersion: '3.5'\n    variables:\n      region: {enum: [eu, us], default: eu}", "'{region}.example.com:9092'\n    pathname: /v1\n    protocol: kafka\n    protocolVersion: '3.5'", "changed-server-variable E all", ""},
	{"variable value removed", "[eu, us]", "[eu]", "changed-server-variable E all", ""},
	{"variable value added", "[eu, us]", "[eu, us, ap]", "-", ""},
	{"variable default", "default: eu", "default: us", "changed-server-variable w all", ""},
	{"server removed", "  standby:\n    host: second.example.com:9092\n    protocol: kafka\n", "", "removed-server E all", ""},
	{"server key renamed", "standby", "spare", "-", ""},
	{"security added", "    protocol: kafka\nchannels", "    protocol: kafka\n    security: [{type: plain}]\nchannels", "changed-security E CP", ""},
	{"security changed", "    security:\n      - {$ref: '#/components/securitySchemes/login'}\n  standby", "    security:\n      - {$ref: '#/components/securitySchemes/key'}\n  standby", "changed-security E CP", ""},
	{"security removed", "    security:\n      - {$ref: '#/components/securitySchemes/login'}\n  standby", "  standby", "changed-security w O", ""},
	{"scope added", "scopes: [read]", "scopes: [read, write]", "changed-security E CP; changed-security E CP", ""},
	{"security of an operation removed", "    security:\n      - {$ref: '#/components/securitySchemes/login'}\n    bindings", "    bindings", "changed-security w O", ""},

	// channel
	{"channel removed", "  refunds:\n    address: refunds\n    messages:\n      Refund: {name: refunds.made.v1, payload: {type: object}}\n", "", "removed-channel E all", ""},
	{"channel key renamed", "answersChannel", "repliesChannel", "-", ""},
	{"address", "address: refunds", "address: refunds.v2", "changed-address E all", ""},
	{"address parameter", "'orders.{kind}'", "'orders.{kind}.{size}'", "changed-address E all", ""},
	{"parameter enum narrowed", "[retail, trade]", "[retail]", "changed-parameter E C", "changed-parameter E P"},
	{"parameter enum widened", "[retail, trade]", "[retail, trade, gift]", "changed-parameter w C", ""},
	{"parameter enum reordered", "[retail, trade]", "[trade, retail]", "-", ""},
	{"servers narrowed", "[{$ref: '#/servers/production'}, {$ref: '#/servers/standby'}]", "[{$ref: '#/servers/production'}]", "changed-channel-servers E all", ""},
	{"servers in another order", "[{$ref: '#/servers/production'}, {$ref: '#/servers/standby'}]", "[{$ref: '#/servers/standby'}, {$ref: '#/servers/production'}]", "-", ""},

	// message
	{"message removed", "      OrderShipped:\n        contentType: application/cloudevents+json\n        headers: {type: object, required: [type], properties: {type: {const: orders.shipped.v1}}}\n        payload: {type: object}\n", "", "removed-message E C", "removed-message E P"},
	{"message added", "      OrderShipped:", "      OrderLost:\n        contentType: application/cloudevents+json\n        headers: {type: object, properties: {type: {const: orders.lost.v1}}}\n      OrderShipped:", "added-message w C", "added-message i all"},
	{"message key renamed", "      OrderShipped:", "      Shipped:", "-", ""},
	{"message name renamed", "name: OrderPaid", "name: OrderWasPaid", "-", ""},
	{"contentType", "contentType: application/cloudevents+json\n        correlationId", "contentType: application/cloudevents+xml\n        correlationId", "changed-content-type E all", ""},
	{"schemaFormat", "payload: {type: object}\n  refunds", "payload: {schemaFormat: application/vnd.apache.avro+json;version=1.9.0, schema: {type: record, name: R, fields: []}}\n  refunds", "changed-schema-format E all", ""},
	{"correlationId moved", "#/requestId", "#/traceparent", "changed-correlation E CP", ""},
	{"correlationId removed", "        correlationId: {location: '$message.header#/requestId'}\n", "", "changed-correlation E CP", ""},
	{"required header dropped", "required: [type, source, subject]\n          properties:\n            type: {const: orders.paid.v1}\n            source: {const: orders-service}\n            subject: {type: string, pattern: '^ord_'}", "required: [type, source]\n          properties:\n            type: {const: orders.paid.v1}\n            source: {const: orders-service}\n            subject: {type: string, pattern: '^ord_'}", "changed-headers E C live", "changed-headers i all"},
	{"extension attribute made required", "required: [type, source, subject]", "required: [type, source, subject, traceparent]", "changed-headers E C replay", "changed-headers E P live"},

	// payload
	{"optional field added", "order_id: {type: string}", "order_id: {type: string}\n            note: {type: string}", "changed-payload i all", "changed-payload i all"},
	{"required field added", "required: [order_id]\n          properties:", "required: [order_id, note]\n          properties:\n            note: {type: string}", "changed-payload E C replay", "changed-payload E P live"},
	{"field no longer required", "          required: [order_id]\n", "", "changed-payload E C live", "changed-payload i all"},
	{"field dropped", "            count: {type: integer, minimum: 1}\n", "", "changed-payload i all", "changed-payload i all"},
	{"enum widened", "[EUR, USD]", "[EUR, USD, GBP]", "changed-payload E C live", "changed-payload i all"},
	{"enum narrowed", "[EUR, USD]", "[EUR]", "changed-payload E C replay", "changed-payload E P live"},
	{"type changed", "count: {type: integer, minimum: 1}", "count: {type: string}", "changed-payload E C live; changed-payload E C replay", "changed-payload E P live"},
	{"words only", "order_id: {type: string}", "order_id: {type: string, description: The order., examples: [ord_1]}", "-", ""},

	// CloudEvents
	{"type", "orders.paid.v1", "orders.paid.v2", "changed-event-type E C", "changed-event-type E P"},
	{"mode", "contentType: application/cloudevents+json\n        correlationId", "contentType: application/cloudevents-batch+json\n        correlationId", "changed-content-type E all; changed-envelope E C", ""},
	{"specversion", "const: '1.0'", "const: '0.3'", "changed-envelope E C; changed-headers E C live; changed-headers E C replay", "changed-envelope E C; changed-headers E P live"},
	{"subject", "pattern: '^ord_'", "pattern: '^cus_'", "changed-subject E C; changed-headers E C live; changed-headers E C replay", "changed-subject E C; changed-headers E P live"},
	{"source", "const: orders-service", "const: shop", "changed-identity E C; changed-headers E C live; changed-headers E C replay", "changed-identity E C; changed-headers E P live"},
	{"id", "format: uuid", "format: uri", "changed-identity E C; changed-headers E C live; changed-headers E C replay", "changed-identity E C; changed-headers E P live"},
	{"datacontenttype", "const: application/json", "const: application/avro", "changed-data-content-type E all; changed-headers E C live; changed-headers E C replay", "changed-data-content-type E all; changed-headers E P live"},

	// operation
	{"operation removed", "  readRefunds:\n    action: receive\n    channel: {$ref: '#/channels/refunds'}\n    x-delivery: {deadLetter: {channel: '#/channels/answersChannel'}, ack: after-processing}\n", "", "removed-operation E P", ""},
	{"operation key renamed", "  readRefunds:", "  bookRefunds:", "-", ""},
	{"action flipped", "    action: receive\n    channel: {$ref: '#/channels/refunds'}", "    action: send\n    channel: {$ref: '#/channels/refunds'}", "changed-action E all", ""},
	{"channel repointed", "    action: receive\n    channel: {$ref: '#/channels/refunds'}", "    action: receive\n    channel: {$ref: '#/channels/answersChannel'}", "changed-operation-channel E all", ""},
	{"reply address", "#/replyTo", "#/answerTo", "changed-reply E all", ""},
	{"reply channel", "      channel: {$ref: '#/channels/answersChannel'}\n      address", "      channel: {$ref: '#/channels/refunds'}\n      address", "changed-reply E all; changed-reply E P; changed-reply i all", "changed-reply E all; changed-reply E C; changed-reply w C"},
	{"reply payload", "ok: {type: boolean}", "ok: {type: [boolean, 'null']}", "changed-payload i all", "changed-payload E C live"},

	// kafka
	{"kafka topic", "topic: orders", "topic: shop", "changed-kafka-topic E all", ""},
	{"kafka partitions up", "partitions: 12", "partitions: 24", "changed-kafka-partitions E C", ""},
	{"kafka partitions down", "partitions: 12", "partitions: 6", "changed-kafka-partitions E O", ""},
	{"kafka retention down", "retention.ms: 604800000", "retention.ms: 1000", "changed-kafka-retention E C", ""},
	{"kafka retention up", "retention.ms: 604800000", "retention.ms: 904800000", "changed-kafka-retention i all", ""},
	{"kafka retention without end", "retention.ms: 604800000", "retention.ms: -1", "changed-kafka-retention i all", ""},
	{"kafka cleanup", "cleanup.policy: [delete]", "cleanup.policy: [compact]", "changed-kafka-cleanup E C", ""},
	{"kafka max bytes down", "max.message.bytes: 1048588", "max.message.bytes: 1000", "changed-kafka-max-bytes E P", ""},
	{"kafka max bytes up", "max.message.bytes: 1048588", "max.message.bytes: 2048588", "changed-kafka-max-bytes w C", ""},
	{"kafka key", "kafka: {key: {type: string}}", "kafka: {key: {type: integer}}", "changed-kafka-key E C", ""},
	{"kafka group", "enum: [billing]", "enum: [books]", "changed-kafka-group E C", ""},
	{"kafka replicas down", "        replicas: 3", "        replicas: 2", "changed-kafka-replicas w O", ""},
	{"kafka replicas up", "        replicas: 3", "        replicas: 5", "changed-kafka-replicas i all", ""},
	{"kafka, something else", "segment.bytes: 1", "segment.bytes: 2", "changed-binding w all", ""},
	// mqtt
	{"mqtt qos down", "qos: 1", "qos: 0", "changed-mqtt-qos E C", ""},
	{"mqtt qos up", "qos: 1", "qos: 2", "changed-mqtt-qos w all", ""},
	{"mqtt retain off", "retain: true", "retain: false", "changed-mqtt-retain E C", ""},
	{"mqtt expiry", "messageExpiryInterval: 60", "messageExpiryInterval: 30", "changed-mqtt-expiry w all", ""},
	// amqp
	{"amqp exchange name", "name: orders, type: topic", "name: shop, type: topic", "changed-amqp-exchange E all", ""},
	{"amqp exchange type", "name: orders, type: topic", "name: orders, type: direct", "changed-amqp-exchange E all", ""},
	{"amqp exchange vhost", "name: orders, type: topic", "name: orders, vhost: /shop, type: topic", "changed-amqp-exchange E all", ""},
	{"amqp kind", "is: routingKey", "is: queue", "changed-amqp-kind E all", ""},
	{"amqp durable off", "durable: true", "durable: false", "changed-amqp-durable E CO", ""},
	{"amqp deliveryMode down", "deliveryMode: 2", "deliveryMode: 1", "changed-amqp-delivery E C", ""},
	{"amqp ack", "ack: true", "ack: false", "changed-amqp-delivery E C", ""},
	{"amqp expiration", "ack: true", "ack: true, expiration: 1000", "changed-amqp-delivery E C", ""},
	{"amqp, something else", "autoDelete: false", "autoDelete: true", "changed-binding w all", ""},
	// nats, googlepubsub
	{"nats queue", "queue: billing", "queue: books", "changed-nats-queue E all", ""},
	{"pubsub ordering key", "orderingKey: order", "orderingKey: customer", "changed-pubsub-ordering E C", ""},
	{"pubsub attributes", "attributes: {kind: order}", "attributes: {kind: orders}", "changed-pubsub-ordering E C", ""},
	{"pubsub retention down", "604800s", "86400s", "changed-pubsub-retention E C", ""},
	{"pubsub retention up", "604800s", "704800s", "changed-pubsub-retention i all", ""},

	// x-delivery
	{"guarantee weakened", "guarantee: at-least-once", "guarantee: at-most-once", "weakened-guarantee E C", ""},
	{"guarantee stronger", "guarantee: at-least-once", "guarantee: exactly-once-effect", "weakened-guarantee i all", ""},
	{"ordering scope narrowed", "{scope: key, key: subject}", "{scope: none, key: subject}", "weakened-ordering E C", ""},
	{"ordering key", "{scope: key, key: subject}", "{scope: key, key: /data/order_id}", "weakened-ordering E C", ""},
	{"dedupe key", "by: [source, id]", "by: [source, id, subject]", "changed-dedupe E C", ""},
	{"dedupe window longer, consumer", "window: P7D, where: consumer", "window: P14D, where: consumer", "changed-dedupe-window E C", ""},
	{"dedupe window shorter, consumer", "window: P7D, where: consumer", "window: P1D, where: consumer", "changed-dedupe-window i all", ""},
	{"retention shortened", "{policy: delete, time: P7D}", "{policy: delete, time: P6D}", "shortened-retention E C", ""},
	{"retention longer", "{policy: delete, time: P7D}", "{policy: delete, time: P8D}", "shortened-retention i all", ""},
	{"retention in other words", "{policy: delete, time: P7D}", "{policy: delete, time: P1W}", "-", ""},
	{"compaction", "policy: delete", "policy: compact", "toggled-compaction E C", ""},
	{"replay withdrawn", "      replay: {from: [earliest, time], maxAge: P7D}\n", "", "withdrawn-replay E C; withdrawn-replay w C", ""},
	{"replay from less", "from: [earliest, time]", "from: [time]", "withdrawn-replay E C", ""},
	{"bootstrap", "mode: snapshot+log", "mode: log", "withdrawn-bootstrap E C", ""},
	{"max bytes up", "maxBytes: 262144", "maxBytes: 362144", "changed-max-bytes w C", ""},
	{"max bytes down", "maxBytes: 262144", "maxBytes: 162144", "changed-max-bytes E P", ""},
	{"dead letter removed", "deadLetter: {channel: '#/channels/answersChannel'}, ", "", "removed-dead-letter E O", ""},
	{"sunset earlier", "sunset: 2027-01-01", "sunset: 2026-08-01", "moved-sunset E all", ""},
	{"sunset later", "sunset: 2027-01-01", "sunset: 2028-01-01", "-", ""},
	{"durability weaker", "ackedBy: quorum", "ackedBy: leader", "weakened-durability w all", ""},
	{"delivery, something else", "outbox: true", "outbox: false", "changed-delivery w all", ""},

	// x-compatibility
	{"readers tolerant", "x-compatibility: {}", "x-compatibility: {readers: tolerant}", "weakened-policy i all", ""},
	{"dispatch strict", "x-compatibility: {}", "x-compatibility: {dispatch: strict}", "weakened-policy E C", ""},
	{"producers open", "x-compatibility: {}", "x-compatibility: {producers: open}", "weakened-policy E C", ""},
	{"formats annotate", "x-compatibility: {}", "x-compatibility: {formats: annotate}", "weakened-policy E C", ""},
	{"mode none", "x-compatibility: {}", "x-compatibility: {mode: none}", "weakened-policy E C", ""},
	{"mode full", "x-compatibility: {}", "x-compatibility: {mode: full}", "weakened-policy i all", ""},

	// info
	{"title", "title: Orders", "title: Order events", "changed-documentation i all", ""},
	{"version", "version: 1.0.0", "version: 1.0.1", "-", ""},
}

// TestCompareRows makes every change of the table, for what is sent and for
// what is received.
func TestCompareRows(t *testing.T) {
	for _, action := range []string{"send", "receive"} {
		base := strings.ReplaceAll(comparedBase, "SEND", action)
		old, _ := comparedContract(t, base)
		if changes := Compare(old, old, Comparing{}); len(changes) > 0 {
			t.Fatalf("%s: compared with itself: %+v", action, changes[0])
		}
		for _, row := range comparedRows {
			text := strings.ReplaceAll(base, row.from, row.to)
			if text == base {
				t.Errorf("%s: the edit changes nothing", row.name)
				continue
			}
			new, _ := comparedContract(t, text)
			want := row.sent
			if action == "receive" && row.received != "" {
				want = row.received
			}
			var got []string
			for _, c := range Compare(old, new, Comparing{}) {
				got = append(got, asRow(c))
				if c.Old.File == nil || c.New.File == nil || c.Message == "" {
					t.Errorf("%s: %s lacks a place or a message: %+v", row.name, c.Rule, c)
				}
				if c.Weight >= Breaking && len(c.Advice) == 0 {
					t.Errorf("%s: %s says nothing that helps", row.name, c.Rule)
				}
			}
			if !sameWords(got, want) {
				t.Errorf("%s, %s: got %q, want %q", row.name, action, strings.Join(got, "; "), want)
			}
		}
	}
}

// asRow is a change as a row of the table has it.
func asRow(c *Change) string {
	weight := map[Weight]string{Compatible: "i", Risky: "w", Unknown: "?", Breaking: "E"}[c.Weight]
	who := "all"
	if len(c.Who) < 3 {
		who = ""
		for _, w := range c.Who {
			who += strings.ToUpper(w[:1])
		}
	}
	s := fmt.Sprintf("%s %s %s", c.Rule, weight, who)
	if c.Law != "" {
		s += " " + string(c.Law)
	}
	return s
}

// sameWords compares what was found with a list, whatever the order.
func sameWords(got []string, want string) bool {
	if want == "-" {
		return len(got) == 0
	}
	left := map[string]int{}
	for _, w := range strings.Split(want, "; ") {
		left[w]++
	}
	for _, g := range got {
		if left[g]--; left[g] < 0 {
			return false
		}
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}
