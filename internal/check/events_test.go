package check

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

// findings are what one rule finds in a document: its messages, with the line
// before each.
func findings(t *testing.T, rule, text string, o Options) []string {
	t.Helper()
	if Named(rule) == nil {
		t.Fatalf("there is no rule %q", rule)
	}
	c, reading, err := contract.Load(t.Context(), "asyncapi.yaml", contract.Options{FS: fstest.MapFS{"asyncapi.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	o.Now = today
	var out []string
	for _, d := range Run(c, reading, o, Settings{}) {
		switch {
		case d.Rule == rule:
			if d.Span.File == nil || d.Span.Start >= d.Span.End {
				t.Errorf("%s stands nowhere: %s", rule, d.Message)
			}
			out = append(out, d.Span.File.Line(d.Span.Position().Line)+" | "+d.Message)
		case d.Severity == diag.Error:
			t.Errorf("the document is not valid: %s: %s: %s", d.Span, d.Rule, d.Message)
		}
	}
	return out
}

// holds checks that a rule finds one fault for each of the texts, in order, and
// that the texts are part of the messages, or of their lines.
func holds(t *testing.T, rule, text string, want ...string) {
	t.Helper()
	got := findings(t, rule, text, Options{})
	if len(got) != len(want) {
		t.Fatalf("%s finds %d faults, want %d:\n%s", rule, len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s says %q, want %q in it", rule, got[i], want[i])
		}
	}
}

const title = "asyncapi: 3.1.0\ninfo: {title: Orders, version: 1.0.0}\n"

// typed is a document whose messages have the event types.
func typed(types ...string) string {
	var b strings.Builder
	b.WriteString(title + "channels:\n  orders:\n    address: orders.events\n    messages:\n")
	for i, name := range types {
		b.WriteString("      M" + string(rune('a'+i)) + ":\n        contentType: application/cloudevents+json\n        headers: {type: object, properties: {type: {const: '" +
			name + "'}}}\n        payload: {type: object, properties: {n: {type: integer, const: " + string(rune('0'+i)) + "}}}\n")
	}
	return b.String()
}

func TestTypeTense(t *testing.T) {
	for name, want := range map[string]string{
		"orders.pay.v1": `"orders.paid.v1"`, "orders.create_order.v1": `"orders.created.v1"`, "OrderCancel": `"orders.cancelled.v1"`,
		"orders.paying.v1": "what is going on", "orders.pays.v1": "present tense", "orders.payment.v1": "names a thing",
		"orders.order_paid_event.v1": "every event type is", "orders.customer.v1": "in the past tense before the version",
		"orders.paid.v1": "", "com.example.orders.email_changed.v3": "", "OrderPaid": "", "orders.v1.paid": "",
		"vendor.push.v1": "", "v1": "does not say",
	} {
		got := findings(t, "event-type-tense", typed(name), Options{AllowTypes: []string{"vendor.*"}})
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// Requests and replies are no events.
	holds(t, "event-type-tense", typed("orders.pay.v1")+`  answers:
    address: orders.answers
    messages:
      Answer:
        contentType: application/cloudevents+json
        headers: {type: object, properties: {type: {const: orders.answer.v1}}}
        payload: {type: object, properties: {n: {type: integer}}}
operations:
  pay:
    action: send
    channel: {$ref: '#/channels/orders'}
    reply:
      channel: {$ref: '#/channels/answers'}
`)
	// A name in the form of a type is judged, a plain name is not.
	holds(t, "event-type-tense", title+`channels:
  orders:
    messages:
      a: {name: orders.pay.v1, payload: {type: string}}
      orders.send.v1: {payload: {type: string}}
      PayOrder: {payload: {type: string}}
`, `"orders.paid.v1"`, `"orders.sent.v1"`)
}

func TestTypeVersion(t *testing.T) {
	for name, want := range map[string]string{
		"orders.paid": `name it "orders.paid.v1"`, "orders.paid/v2": `name it "orders.paid.v2"`, "orders.v3.paid": "before its end",
		"OrderPaidV2": `name it "orders.paid.v2"`, "orders.paid.v1.2": `name it "orders.paid.v1"`, "https://example.com/paid": "end it in one",
		"orders.paid.v1": "", "orders.paid.v10": "", "orders.pay": `name it "orders.paid.v1"`,
	} {
		got := findings(t, "event-type-version", typed(name), Options{})
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTypeSchema(t *testing.T) {
	holds(t, "event-type-schema", typed("orders.paid.v1", "orders.paid.v1", "orders.cancelled.v1"), `message "Mb"`)
	// Schemas that say the same are one.
	holds(t, "event-type-schema", title+`channels:
  orders:
    messages:
      a: {$ref: '#/components/messages/Paid'}
      b:
        x-cloudevents: {mode: structured, type: orders.paid.v1}
        payload: {properties: {n: {type: integer}}, type: object}
components:
  messages:
    Paid:
      x-cloudevents: {mode: structured, type: orders.paid.v1}
      payload: {type: object, properties: {n: {type: integer}}}
`)
	// On two channels as on one; what is written otherwise and says the same is the same.
	holds(t, "event-type-schema", title+`channels:
  orders:
    messages:
      a: {x-cloudevents: {mode: structured, type: orders.paid.v1}, payload: {type: object, properties: {n: {type: integer}}}}
  archive:
    messages:
      b: {x-cloudevents: {mode: structured, type: orders.paid.v1}, payload: {description: As it was., allOf: [{$ref: '#/components/schemas/Paid'}]}}
      c: {x-cloudevents: {mode: structured, type: orders.paid.v1}, payload: {$ref: '#/components/schemas/Paid'}}
      d: {x-cloudevents: {mode: structured, type: orders.paid.v1}, payload: {type: object, properties: {n: {type: number}}}}
components:
  schemas:
    Paid: {title: Paid, type: object, properties: {n: {type: integer, description: How many.}}}
`, `message "d" has the event type "orders.paid.v1", as "a" has on the channel "orders"`)
}

func TestEnvelopes(t *testing.T) {
	const payload = ", payload: {type: object, properties: {n: {type: integer}}}}\n"
	on := func(protocol string, messages ...string) string {
		return title + "servers: {s: {host: example.com, protocol: " + protocol + "}}\nchannels:\n  c:\n    address: orders.events\n    messages:\n" +
			strings.Join(messages, "")
	}
	batch := "      A: {contentType: application/cloudevents-batch+json, x-cloudevents: {type: a.b.v1}" + payload
	structured := "      B: {contentType: application/cloudevents+json, x-cloudevents: {type: b.c.v1}" + payload
	binary := "      C: {headers: {type: object, properties: {ce_type: {const: c.d.v1}}}" + payload
	plain := "      D: {contentType: application/json" + payload
	for _, protocol := range []string{"kafka", "kafka-secure", "amqp", "amqps", "mqtt", "secure-mqtt", "nats"} {
		holds(t, "envelope-batch", on(protocol, batch), "no batch mode")
	}
	holds(t, "envelope-batch", on("http", batch))
	holds(t, "envelope-batch", on("kafka", structured))
	holds(t, "envelope-mixed", on("kafka", structured, binary, plain), "structured and in binary mode")
	holds(t, "envelope-mixed", on("kafka", structured, plain))
	holds(t, "envelope-missing", on("kafka", structured, binary, plain), `message "D"`)
	holds(t, "envelope-missing", on("kafka", plain))
	holds(t, "event-type-missing", on("kafka", "      OrderPaid: {contentType: application/cloudevents+json"+payload), "orders.paid.v1")
	holds(t, "event-type-missing", on("kafka", "      Customer: {contentType: application/cloudevents+json"+payload), "{type: …}")
	holds(t, "event-type-missing", on("kafka", structured, binary, plain))
	holds(t, "cloudevents-ambiguous", on("kafka", "      E: {x-cloudevents: {type: e.f.v1}"+payload), "not in which mode")
	holds(t, "cloudevents-ambiguous", on("kafka", structured, binary, plain))
	// What is not defined has been reported, and nothing more is said.
	c, reading, err := contract.Load(t.Context(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(on("kafka", structured, "      X: {$ref: '#/components/messages/X'}\n"))}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Run(c, reading, Options{Now: today}, Settings{}) {
		if f := Named(d.Rule).Family; strings.Contains(d.Message, `"X"`) && f != Specification {
			t.Errorf("%s: %s", d.Rule, d.Message)
		}
	}
}

func TestAttributes(t *testing.T) {
	in := func(headers string) string {
		return title + "channels:\n  c:\n    messages:\n      M:\n        contentType: application/cloudevents+json\n        payload: {type: string}\n        headers: {type: object, properties: {type: {const: a.b.v1}, " + headers + "}}\n"
	}
	holds(t, "envelope-attributes", in("subject: {type: string}, traceparent: {type: string}, specversion: {const: '1.0'}, id: {type: string}"))
	holds(t, "envelope-attributes", in("correlationId: {type: string}"), `call it "correlationid"`)
	holds(t, "envelope-attributes", in("x-request-id: {type: string}"), `call it "xrequestid"`)
	holds(t, "envelope-attributes", in("id: {const: evt_1}"), "duplicate of the first")
	holds(t, "envelope-attributes", in("id: {type: integer}"), "it is a string")
	holds(t, "envelope-attributes", in("source: {const: ''}"), "must not be")
	holds(t, "envelope-attributes", in("specversion: {enum: ['0.3', '0.2']}"), "add it")
	holds(t, "envelope-attributes", in("source: false"), "forbidden")
	// Header names of HTTP have no case, those of Kafka have.
	binary := func(prefix string) string {
		return title + "channels:\n  c:\n    messages:\n      M:\n        payload: {type: string}\n        headers: {type: object, properties: {" + prefix + "type: {const: a.b.v1}, " + prefix + "Subject: {type: string}, Other_Header: {type: string}}}\n"
	}
	holds(t, "envelope-attributes", binary("ce-"))
	holds(t, "envelope-attributes", binary("ce_"), `"Subject" cannot be`)
}

func TestPayloads(t *testing.T) {
	in := func(message string) string {
		return title + "channels:\n  c:\n    messages:\n      M:\n" + message
	}
	for _, free := range []string{"true", "{}", "{type: object}", "{type: object, description: x, additionalProperties: true}", "{type: object, properties: {}}",
		"{$ref: '#/components/schemas/S'}", "{schemaFormat: 'application/schema+json;version=draft-07', schema: {title: x}}"} {
		text := in("        payload: " + free + "\n")
		if strings.Contains(free, "$ref") {
			text += "components: {schemas: {S: {type: object}}}\n"
		}
		holds(t, "payload-free", text, "accepts anything")
	}
	for _, bound := range []string{"{type: string}", "{type: object, properties: {a: {}}}", "{required: [a]}", "{type: object, additionalProperties: {type: string}}",
		"{allOf: [{type: string}]}", "{enum: [1]}", "{type: object, additionalProperties: false}", "{schemaFormat: application/vnd.apache.avro, schema: {type: record, name: R, fields: []}}"} {
		holds(t, "payload-free", in("        payload: "+bound+"\n"))
	}
	envelope := func(data string) string {
		return in("        contentType: application/cloudevents+json\n        payload: {type: object, properties: {specversion: {type: string}, id: {type: string}, source: {type: string}, type: {const: a.b.v1}, data: " + data + "}}\n")
	}
	holds(t, "payload-free", envelope("{type: object}"), "data of the event")
	holds(t, "payload-free", envelope("{type: object, properties: {a: {}}}"))
	holds(t, "payload-missing", in("        headers: {type: object}\n"), `"M"`)
	holds(t, "payload-missing", in("        traits: [{contentType: text/plain}]\n        payload: {type: string}\n"))
	holds(t, "event-format-foreign", in("        payload: {schemaFormat: application/raml+yaml;version=1.0, schema: {}}\n"), "application/raml+yaml")
}

func TestChannelPerConsumer(t *testing.T) {
	in := func(action string, addresses ...string) string {
		var channels, operations strings.Builder
		for i, a := range addresses {
			name := "c" + string(rune('0'+i))
			channels.WriteString("  " + name + ": {address: '" + a + "', messages: {M: {$ref: '#/components/messages/M'}}}\n")
			operations.WriteString("  o" + name + ": {action: " + action + ", channel: {$ref: '#/channels/" + name + "'}}\n")
		}
		return title + "channels:\n" + channels.String() + "operations:\n" + operations.String() + "components: {messages: {M: {payload: {type: string}}}}\n"
	}
	holds(t, "channel-per-consumer", in("send", "orders.events.billing", "orders.events.shipping", "orders.events.crm"), `"c1"`, `"c2"`)
	holds(t, "channel-per-consumer", in("send", "billing-orders", "shipping-orders"), `"shipping" for "billing"`)
	holds(t, "channel-per-consumer", in("receive", "orders.events.billing", "orders.events.shipping"))
	for _, pair := range [][2]string{{"orders.eu.events", "orders.us.events"}, {"orders.events", "orders.events.dlq"}, {"orders.events.v1", "orders.events.v2"},
		{"prod.orders", "staging.orders"}, {"orders.1", "orders.2"}, {"orders.high", "orders.low"}, {"orders.billing.events", "stock.shipping.events"},
		{"orders.snapshot", "orders.log"}, {"orders.paid", "orders.cancelled"}} {
		holds(t, "channel-per-consumer", in("send", pair[0], pair[1]))
	}
	more := strings.Replace(in("send", "orders.billing", "orders.shipping"), "messages: {", "messages: {N: {payload: {type: integer}}, ", 1)
	holds(t, "channel-per-consumer", more)
}

func TestVersionTwice(t *testing.T) {
	text := typed("orders.paid.v1")
	holds(t, "version-twice", text)
	for _, address := range []string{"orders.events.v2", "orders/v2/events", "orders-events-v2", "v2.orders"} {
		holds(t, "version-twice", strings.Replace(text, "orders.events", address, 1), "has the version v2")
	}
	holds(t, "version-twice", strings.Replace(typed("orders.paid"), "orders.events", "orders.v2", 1))
}

// TestFixesOffered applies each fix that the examples of these families offer:
// the finding is gone, and nothing has broken.
func TestFixesOffered(t *testing.T) {
	cured := map[string]bool{}
	for _, r := range Table() {
		if r.Family != Events && r.Family != Delivery && r.Family != Documentation {
			continue
		}
		a, err := txtar.ParseFile(filepath.Join("examples", r.ID+".txtar"))
		if err != nil {
			continue // TestExamples says so
		}
		fsys := filesOf(a)
		name := documentIn(fsys, "fail")
		before := checked(t, fsys, name)
		for _, d := range before {
			if d.Rule != r.ID || d.Fix == nil {
				continue
			}
			changed, err := diag.Apply(d.Fix.Edits)
			if err != nil {
				t.Errorf("%s: %v", r.ID, err)
				continue
			}
			for f, text := range changed {
				after := checked(t, fstest.MapFS{f.Name: {Data: []byte(text)}}, f.Name)
				if slices.ContainsFunc(after, func(x diag.Diagnostic) bool { return x.Message == d.Message }) || count(after, diag.Error) > 0 {
					t.Errorf("%s: the fix %q does not cure it:\n%s", r.ID, d.Fix.Title, text)
				}
				cured[r.ID] = true
			}
		}
	}
	for _, id := range []string{"event-type-tense", "event-type-version", "event-type-missing", "cloudevents-ambiguous", "envelope-attributes", "delivery-window"} {
		if !cured[id] {
			t.Errorf("%s offers no fix in its example", id)
		}
	}
}
