package contract

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty/internal/growth"
	"github.com/treaty-events/treaty/schema"
)

// names lists what things are called, on one line.
func names[T any](things []T, name func(T) string) string {
	var out []string
	for _, x := range things {
		out = append(out, name(x))
	}
	return strings.Join(out, " ")
}

func keyOf(m *Message) string           { return m.Key }
func serverName(s *Server) string       { return s.Name }
func operationName(o *Operation) string { return o.Name }

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

const orders = `asyncapi: 3.1.0
id: urn:example:orders
info: {title: Orders, version: 1.2.0, description: About orders.}
defaultContentType: application/json
servers:
  eu: {host: eu.example.com, protocol: kafka-secure, protocolVersion: '3.9', security: [{$ref: '#/components/securitySchemes/scram'}], bindings: {kafka: {schemaRegistryUrl: 'https://r.example.com'}}}
  us: {$ref: '#/components/servers/shared'}
  ap: {$ref: '#/components/servers/shared'}
channels:
  orders:
    address: orders.{region}.events
    title: Orders
    servers: [{$ref: '#/servers/ap'}]
    parameters: {region: {enum: [eu, us], default: eu, location: $message.payload#/region}}
    bindings: {$ref: '#/components/channelBindings/topic'}
    messages:
      Paid: {$ref: '#/components/messages/Paid'}
      Sent: {name: OrderSent, payload: {type: string}, deprecated: true}
  everywhere: {address: null}
  first: {$ref: '#/components/channels/shared'}
  second: {$ref: '#/components/channels/shared'}
operations:
  all: {action: send, channel: {$ref: '#/channels/orders'}}
  one: {action: send, channel: {$ref: '#/channels/orders'}, messages: [{$ref: '#/channels/orders/messages/Sent'}]}
  none: {action: receive, channel: {$ref: '#/channels/orders'}, messages: []}
  past: {action: receive, channel: {$ref: '#/channels/second'}, messages: [{$ref: '#/components/messages/Paid'}]}
  ask:
    action: send
    channel: {$ref: '#/channels/first'}
    traits: [{title: From the trait, summary: S}, {$ref: '#/components/operationTraits/quiet'}]
    title: Own
    reply: {address: {location: $message.header#/replyTo}, channel: {$ref: '#/channels/second'}}
components:
  servers: {shared: {host: shared.example.com, protocol: nats}}
  channels:
    shared: {address: shared, messages: {Paid: {$ref: '#/components/messages/Paid'}}}
  channelBindings: {topic: {kafka: {partitions: 3, topicConfiguration: {retention.ms: 1000}}, x-own: 1}}
  operationTraits: {quiet: {summary: Quiet, bindings: {kafka: {groupId: {type: string}}}}}
  securitySchemes: {scram: {type: scramSha512}}
  messages:
    Paid:
      traits: [{correlationId: {location: $message.header#/cid}, contentType: text/plain}]
      headers: {schemaFormat: 'application/schema+json;version=draft-04', schema: {$ref: '#/components/schemas/Headers'}}
      payload: {schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: record, name: P, fields: []}}
      examples: [{name: e, payload: {}, headers: {a: 1}}]
      bindings: {kafka: {key: {type: string}}}
  schemas: {Headers: {type: object, properties: {a: {type: integer}}}}
`

func TestContract(t *testing.T) {
	c, _ := readAny(t, orders) // operation past names a component, which is a fault and meant all the same
	equal(t, "document", c.ID+"|"+c.Title+"|"+c.Version+"|"+c.Description+"|"+c.DefaultContentType, "urn:example:orders|Orders|1.2.0|About orders.|application/json")
	equal(t, "servers", names(c.Servers, serverName), "eu us ap")
	eu := c.Servers[0]
	equal(t, "server", eu.Host+" "+eu.Protocol+" "+eu.ProtocolVersion+" "+eu.Security[0].Type, "eu.example.com kafka-secure 3.9 scramSha512")
	equal(t, "server binding", eu.Bindings.Get("kafka", "schemaRegistryUrl").Str(), "https://r.example.com")

	ch := c.Channels[0]
	equal(t, "the server that is named, of two with one definition", names(ch.Servers, serverName), "ap")
	equal(t, "protocols", strings.Join(ch.Protocols(), " "), "nats")
	equal(t, "protocols of all servers", strings.Join(c.Channels[1].Protocols(), " "), "kafka nats")
	equal(t, "address", ch.Address, "orders.{region}.events")
	equal(t, "no address", c.Channels[1].HasAddress, false)
	p := ch.Parameters[0]
	equal(t, "parameter", p.Name+" "+strings.Join(p.Enum, ",")+" "+p.Default+" "+p.Location, "region eu,us eu $message.payload#/region")
	equal(t, "binding by reference", ch.Bindings.Get("kafka", "topicConfiguration", "retention.ms").Int(), 1000)
	equal(t, "an extension is no protocol", ch.Bindings["x-own"] == nil, true)
	equal(t, "messages", names(ch.Messages, keyOf), "Paid Sent")

	paid, sent := ch.Messages[0], ch.Messages[1]
	equal(t, "contentType of a trait", paid.ContentType, "text/plain")
	equal(t, "default contentType", sent.ContentType, "application/json")
	equal(t, "correlation of a trait", paid.Correlation, "$message.header#/cid")
	equal(t, "deprecated", sent.Deprecated, true)
	equal(t, "headers", paid.Headers.Dialect, schema.Draft4)
	equal(t, "headers by reference", paid.Headers.Pointer(), "/components/schemas/Headers")
	equal(t, "headers as used", paid.Headers.Use.Pointer(), "/components/messages/Paid/headers")
	equal(t, "payload", paid.Payload.Dialect, schema.Avro)
	equal(t, "format", paid.Payload.Format, "application/vnd.apache.avro;version=1.9.0")
	equal(t, "payload of the document's own language", sent.Payload.Dialect, schema.AsyncAPI)
	equal(t, "example", paid.Examples[0].Name+" "+paid.Examples[0].Headers.Get("a").Value, "e 1")
	equal(t, "where the message stands", paid.Pointer()+" "+paid.Entry.Pointer(), "/components/messages/Paid /channels/orders/messages/Paid")
	equal(t, "a definition on another channel is another message", c.Channels[2].Messages[0] == paid, false)

	op := func(name string) *Operation {
		return c.Operations[slices.IndexFunc(c.Operations, func(o *Operation) bool { return o.Name == name })]
	}
	equal(t, "operations of the channel", names(ch.Operations, operationName), "all one none")
	equal(t, "no messages means all", names(op("all").Messages, keyOf), "Paid Sent")
	equal(t, "one message", names(op("one").Messages, keyOf), "Sent")
	equal(t, "an empty list means none", len(op("none").Messages), 0)
	equal(t, "the entry that is named, of two with one definition", op("past").Channel.Name+" "+op("ask").Channel.Name, "second first")
	equal(t, "a message named past its channel", names(op("past").Messages, keyOf), "Paid")
	ask := op("ask")
	equal(t, "traits", ask.Title+" "+ask.Summary, "Own Quiet")
	equal(t, "binding of a trait", ask.Bindings.Get("kafka", "groupId", "type").Str(), "string")
	equal(t, "reply", ask.Reply.Location+" "+ask.Reply.Channel.Name+" "+names(ask.Reply.Messages, keyOf), "$message.header#/replyTo second Paid")
	equal(t, "event types", names(c.EventTypes, func(e *EventType) string { return e.Type }), "OrderSent Paid")
	equal(t, "messages of a type", len(c.EventTypes[1].Messages), 3)
}

func TestDelivery(t *testing.T) {
	c := read(t, `asyncapi: 3.1.0
info: {title: T, version: 1.0.0}
channels:
  orders:
    messages: {Paid: {payload: {type: string}, x-delivery: {expires: PT10M, deprecated: {since: 2026-01-01, sunset: 2027-01-01, replacedBy: b}}}}
    x-delivery:
      guarantee: exactly-once-effect
      durability: {replicas: 3, ackedBy: quorum}
      ordering: {scope: key, key: subject}
      dedupe: {by: [source, id], window: P7D, where: consumer, onCollision: reject}
      retention: {policy: delete, time: P7D}
      replay: {from: [earliest, time], maxAge: P1D}
      bootstrap: {mode: snapshot+log, channel: '#/channels/snapshot', overlap: PT1H}
      limits: {maxBytes: 262144}
  snapshot: {address: s}
operations:
  in:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-delivery:
      ack: after-processing
      maxInFlight: 32
      retry: {maxAttempts: 5, strategy: exponential, delay: PT1S, maxDelay: PT5M}
      deadLetter: {channel: {$ref: '#/channels/snapshot'}, after: retries}
      start: earliest
      replaySafe: true
  out: {action: send, channel: {$ref: '#/channels/snapshot'}, x-delivery: {outbox: true, confirm: quorum}}
`)
	const day = 24 * time.Hour
	d := c.Channels[0].Delivery
	equal(t, "guarantee", d.Guarantee, "exactly-once-effect")
	equal(t, "durability", d.Durability.Replicas, 3)
	equal(t, "acked", d.Durability.AckedBy, "quorum")
	equal(t, "ordering", d.Ordering.Scope+" "+d.Ordering.Key, "key subject")
	equal(t, "dedupe", strings.Join(d.Dedupe.By, ",")+" "+d.Dedupe.Where+" "+d.Dedupe.OnCollision, "source,id consumer reject")
	equal(t, "window", d.Dedupe.Window, 7*day)
	equal(t, "retention", d.Retention.Policy, "delete")
	equal(t, "time", d.Retention.Time, 7*day)
	equal(t, "replay", strings.Join(d.Replay.From, ","), "earliest,time")
	equal(t, "age", d.Replay.MaxAge, day)
	equal(t, "bootstrap", d.Bootstrap.Mode+" "+d.Bootstrap.Channel.Name, "snapshot+log snapshot")
	equal(t, "overlap", d.Bootstrap.Overlap, time.Hour)
	equal(t, "limits", d.MaxBytes, 262144)
	equal(t, "where it stands", d.Dedupe.Pointer(), "/channels/orders/x-delivery/dedupe")
	equal(t, "not stated", c.Channels[1].Delivery == nil, true)
	in := c.Operations[0].Delivery
	equal(t, "ack", in.Ack, "after-processing")
	equal(t, "in flight", in.MaxInFlight, 32)
	equal(t, "retry", in.Retry.MaxAttempts, 5)
	equal(t, "strategy", in.Retry.Strategy, "exponential")
	equal(t, "delays", in.Retry.Delay+in.Retry.MaxDelay, 5*time.Minute+time.Second)
	equal(t, "dead letter", in.DeadLetter.Channel.Name+" "+in.DeadLetter.After, "snapshot retries")
	equal(t, "start", in.Start, "earliest")
	equal(t, "replay safe", in.ReplaySafe, true)
	out := c.Operations[1].Delivery
	equal(t, "outbox", out.Outbox, true)
	equal(t, "confirm", out.Confirm, "quorum")
	m := c.Channels[0].Messages[0].Delivery
	equal(t, "expires", m.Expires, 10*time.Minute)
	equal(t, "sunset", m.Deprecation.Sunset.Format(time.DateOnly)+" "+m.Deprecation.ReplacedBy, "2027-01-01 b")
}

// TestCompatibility: the nearest statement wins, key by key.
func TestCompatibility(t *testing.T) {
	c := read(t, `asyncapi: 3.1.0
info: {title: T, version: 1.0.0}
x-compatibility: {mode: full-transitive, readers: tolerant, formats: annotate}
channels:
  a:
    x-compatibility: {readers: strict, dispatch: strict, defaults: applied}
    messages:
      M: {x-compatibility: {mode: none, enums: open, producers: open}}
      N: {payload: {type: string}}
`)
	m, n := c.Channels[0].Messages[0].Compatibility, c.Channels[0].Messages[1].Compatibility
	equal(t, "own mode", m.Mode, "none")
	equal(t, "own mode is not transitive", m.Transitive, false)
	equal(t, "mode of the document", n.Mode, "full")
	equal(t, "transitive", n.Transitive, true)
	equal(t, "the channel beats the document", n.ReadersTolerant, false)
	equal(t, "of the channel", n.DispatchStrict && n.DefaultsApplied, true)
	equal(t, "of the document", m.FormatsAnnotate, true)
	equal(t, "own", m.EnumsOpen && m.ProducersOpen, true)
	equal(t, "not those of a sibling", n.EnumsOpen || n.ProducersOpen, false)
	equal(t, "where it was stated", n.Stated("readers").Pointer(), "/channels/a/x-compatibility/readers")
	equal(t, "not stated", n.Stated("enums") == nil, true)
	equal(t, "the document's is as written", c.Compatibility.ReadersTolerant, true)
}

// TestUpgraded: a document of 2.x means what its upgrade means, and stands
// where it was written.
func TestUpgraded(t *testing.T) {
	c := read(t, `asyncapi: 2.6.0
info: {title: T, version: 1.0.0}
defaultContentType: application/json
servers:
  production: {url: 'kafka.example.com:9092', protocol: kafka}
channels:
  orders.events:
    x-delivery: {guarantee: at-least-once}
    subscribe:
      operationId: sendOrders
      message:
        oneOf:
          - {messageId: OrderPaid, name: orders.paid.v1, payload: {type: object}}
          - $ref: '#/components/messages/Cancelled'
    publish:
      operationId: receiveOrders
      message: {$ref: '#/components/messages/Cancelled'}
components:
  messages:
    Cancelled:
      schemaFormat: application/vnd.apache.avro;version=1.9.0
      payload: {type: record, name: C, fields: []}
      traits: [{contentType: avro/binary}]
`)
	if len(c.Channels) != 1 || len(c.Operations) != 2 {
		t.Fatalf("%d channels, %d operations", len(c.Channels), len(c.Operations))
	}
	ch := c.Channels[0]
	equal(t, "address", ch.Address, "orders.events")
	equal(t, "server", ch.Servers[0].Host, "kafka.example.com:9092")
	equal(t, "delivery", ch.Delivery.Guarantee, "at-least-once")
	byAction := map[Action]*Operation{}
	for _, op := range c.Operations {
		byAction[op.Action] = op
	}
	equal(t, "subscribe is what the application sends", byAction[Send].Name, "sendOrders")
	equal(t, "both", len(byAction[Send].Messages), 2)
	equal(t, "publish is what it receives", len(byAction[Receive].Messages), 1)
	cancelled := byAction[Receive].Messages[0]
	equal(t, "payload", cancelled.Payload.Dialect, schema.Avro)
	equal(t, "trait", cancelled.ContentType, "avro/binary")
	equal(t, "where it stands", cancelled.Span().Position().Line, 20)
	equal(t, "type by name", byAction[Send].Messages[0].Envelope.Type, "orders.paid.v1")
}

// TestBroken: what leads nowhere or is malformed is left out, and everything
// else is read.
func TestBroken(t *testing.T) {
	for _, text := range []string{
		"", "[]", "asyncapi: 3.0.0", "asyncapi: 3.0.0\nchannels: []\noperations: 7\nservers: x\ncomponents: null",
		"asyncapi: 3.0.0\nchannels: {a: {$ref: '#/channels/b'}, b: {$ref: '#/channels/a'}}\noperations: {o: {channel: {$ref: '#/channels/a'}, action: fly}}",
		"asyncapi: 3.0.0\nchannels: {a: {messages: {M: {$ref: '#/nowhere'}, N: 3, O: {payload: {$ref: '#/nowhere'}, traits: 4, headers: {schemaFormat: 3, schema: 4}}}, servers: [3, {$ref: '#/servers/x'}], x-delivery: 3}}",
		"asyncapi: 3.0.0\nchannels: {a: {x-delivery: {bootstrap: {channel: '#/nowhere'}, dedupe: 3, retention: {time: never}}}}\noperations: {o: {channel: 3, reply: 4, x-delivery: {deadLetter: {channel: {$ref: 7}}}}}",
		"asyncapi: 3.0.0\nchannels: {a: {messages: {M: {headers: {allOf: [{$ref: '#/channels/a/messages/M/headers'}, 3]}, payload: {properties: 3, required: {}}}}}}",
		"asyncapi: 2.6.0\nchannels: {a: {subscribe: {message: {oneOf: 3}}, publish: 4}}",
	} {
		c, _ := readAny(t, text)
		for _, ch := range c.Channels {
			ch.Protocols()
			for _, m := range ch.Messages {
				if m.Channel != ch {
					t.Errorf("message %q does not know its channel", m.Key)
				}
				m.Envelope.Attribute("subject")
			}
		}
		for _, op := range c.Operations {
			if op.Name == "o" && op.Channel != nil {
				t.Errorf("operation %q has a channel though its reference leads nowhere", op.Name)
			}
		}
	}
	if _, _, err := Load(t.Context(), "a.yaml", Options{FS: fstest.MapFS{}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestManyMessages: messages that share a large schema cost no more than the
// schema and the messages.
func TestManyMessages(t *testing.T) {
	growth.Linear(t, 500, func(n int) func() {
		var b strings.Builder
		b.WriteString("asyncapi: 3.0.0\ninfo: {title: T, version: 1.0.0}\nchannels:\n  a:\n    messages:\n")
		for i := range n {
			fmt.Fprintf(&b, "      M%d: {contentType: application/cloudevents+json, headers: {$ref: '#/components/schemas/S'}}\n", i)
		}
		b.WriteString("components:\n  schemas:\n    S:\n      properties:\n")
		for i := range 5 * n {
			fmt.Fprintf(&b, "        p%d: {}\n", i)
		}
		return func() {
			c, _ := readAny(t, b.String())
			equal(t, "messages", len(c.Channels[0].Messages), n)
			equal(t, "attributes", len(c.Channels[0].Messages[n-1].Envelope.Attributes), 5*n)
		}
	})
}
