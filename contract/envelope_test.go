package contract

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/diag"
)

// read loads a document that has to be free of errors.
func read(t *testing.T, text string) *Contract {
	t.Helper()
	c, found := readAny(t, text)
	for _, d := range found {
		if d.Severity == diag.Error {
			t.Errorf("%s: %s: %s", d.Span, d.Rule, d.Message)
		}
	}
	return c
}

func readAny(t *testing.T, text string) (*Contract, []diag.Diagnostic) {
	t.Helper()
	c, found, err := Load(t.Context(), "asyncapi.yaml", Options{FS: fstest.MapFS{"asyncapi.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, found
}

// described writes an envelope on one line.
func described(e Envelope) string {
	var b strings.Builder
	mode := string(e.Mode)
	if e.Mode == NoEnvelope {
		mode = "none"
	}
	b.WriteString(mode)
	if e.PayloadIsEnvelope {
		b.WriteString(", envelope")
	}
	b.WriteString("; " + e.Type)
	if !e.TypeStated {
		b.WriteString("?")
	}
	for _, a := range e.Attributes {
		fmt.Fprintf(&b, " %s", a.Spelling)
		if a.Required {
			b.WriteString("!")
		}
	}
	if e.Source != "" {
		b.WriteString("; source " + e.Source)
	}
	if e.Subject != "" {
		b.WriteString("; subject " + e.Subject)
	}
	if e.Ambiguous != "" {
		b.WriteString("; ambiguous: " + e.Ambiguous)
	}
	return b.String()
}

func TestEnvelope(t *testing.T) {
	const whole = "specversion: {const: '1.0'}, id: {type: string}, source: {type: string}, type: {const: a.b.v1}"
	for _, c := range []struct {
		about, protocol, message, want string
	}{
		{"the brief's style", "kafka", "contentType: application/cloudevents+json, headers: {type: object, required: [type], properties: {type: {const: a.b.v1}}}, payload: {type: object}",
			"structured; a.b.v1 type!"},
		{"in any case, with parameters", "kafka", "contentType: 'Application/CloudEvents+JSON; charset=utf-8', headers: {type: object, properties: {type: {enum: [a.b.v1]}}}",
			"structured; a.b.v1 type"},
		{"Avro events", "kafka", "contentType: application/cloudevents+avro", "structured; M?"},
		{"batch", "http", "contentType: application/cloudevents-batch+json, x-cloudevents: {type: a.b.v1}", "batch; a.b.v1"},
		{"another type that begins alike", "kafka", "contentType: application/cloudeventsx+json", "none; M?"},
		{"the whole envelope as payload", "kafka", "contentType: application/cloudevents+json, payload: {type: object, required: [id], properties: {" + whole + ", data: {}}}",
			"structured, envelope; a.b.v1 id! source specversion type"},
		{"the whole envelope, contentType not stated", "kafka", "payload: {allOf: [{$ref: '#/components/schemas/CloudEvent'}, {properties: {type: {const: a.b.v1}, data: {type: object}}}]}",
			"structured, envelope; a.b.v1 id! source! specversion! type!"},
		{"the whole envelope as JSON", "kafka", "contentType: application/json, payload: {type: object, properties: {" + whole + "}}",
			"structured, envelope; a.b.v1 id source specversion type; ambiguous: its payload describes a CloudEvents envelope, and its contentType is application/json"},
		{"the same, stated", "kafka", "contentType: application/json, x-cloudevents: {mode: structured, payload: envelope}, payload: {type: object, properties: {" + whole + "}}",
			"structured, envelope; a.b.v1 id source specversion type"},
		{"Kafka, binary", "kafka", "contentType: application/json, headers: {type: object, required: [ce_type], properties: {ce_type: {const: a.b.v1}, ce_subject: {type: string}, other: {type: string}}}",
			"binary; a.b.v1 ce_subject ce_type!"},
		{"HTTP, binary", "http", "headers: {type: object, properties: {ce-type: {const: a.b.v1}, ce-source: {const: /orders}}}", "binary; a.b.v1 ce-source ce-type; source /orders"},
		{"HTTP, binary, in capitals", "http", "headers: {type: object, properties: {Ce-Type: {const: a.b.v1}}}", "binary; a.b.v1 Ce-Type"},
		{"NATS, binary", "nats", "headers: {type: object, properties: {ce-type: {const: a.b.v1}}}", "binary; a.b.v1 ce-type"},
		{"AMQP, binary", "amqp", "headers: {type: object, properties: {cloudEvents_type: {const: a.b.v1}}}", "binary; a.b.v1 cloudEvents_type"},
		{"AMQP, binary, with colon", "amqp", "headers: {type: object, properties: {'cloudEvents:type': {const: a.b.v1}}}", "binary; a.b.v1 cloudEvents:type"},
		{"one header alone is none", "kafka", "headers: {type: object, properties: {ce_id: {type: string}}}", "none; M?"},
		{"the mode is stated, and one name is enough", "kafka", "x-cloudevents: {mode: binary, type: a.b.v1}, headers: {type: object, required: [ce_subject], properties: {ce_subject: {type: string}, other: {type: string}}}", "binary; a.b.v1 ce_subject!"},
		{"the mode is stated, and names stand bare", "kafka", "x-cloudevents: {mode: binary, type: a.b.v1}, headers: {type: object, properties: {subject: {type: string}, ce_zone: {type: string}}}", "binary; a.b.v1 ce_zone subject"},
		{"id and source are enough", "kafka", "headers: {type: object, properties: {ce_id: {type: string}, ce_source: {type: string}}}", "binary; M? ce_id ce_source"},
		{"MQTT, bare names", "mqtt", "headers: {type: object, properties: {type: {const: a.b.v1}, specversion: {const: '1.0'}}}", "binary; a.b.v1 specversion type"},
		{"secure MQTT, bare names", "secure-mqtt", "headers: {type: object, properties: {type: {const: a.b.v1}, id: {}, source: {}}}", "binary; a.b.v1 id source type"},
		{"MQTT, ce-", "mqtt", "headers: {type: object, properties: {ce-type: {const: a.b.v1}}}", "binary; a.b.v1 ce-type"},
		{"MQTT, bare names with a contentType", "mqtt", "contentType: application/cloudevents+json, headers: {type: object, properties: {type: {const: a.b.v1}, specversion: {const: '1.0'}}}", "structured; a.b.v1 specversion type"},
		{"bare names on Kafka mean nothing", "kafka", "headers: {type: object, properties: {type: {const: a.b.v1}, specversion: {const: '1.0'}}}", "none; M?"},
		{"structured and binary at once", "kafka", "contentType: application/cloudevents+json, headers: {type: object, properties: {ce_type: {const: a.b.v1}}}",
			"structured; a.b.v1 ce_type; ambiguous: its contentType is that of structured mode, and its headers (ce_type …) are those of binary mode"},
		{"headers and payload", "kafka", "contentType: application/cloudevents+json, headers: {type: object, properties: {type: {const: a.b.v1}}}, payload: {type: object, properties: {" + whole + "}}",
			"structured, envelope; a.b.v1 id source specversion type; ambiguous: both its headers and its payload describe envelope attributes"},
		{"the mode stated, the payload still a guess", "kafka", "contentType: application/cloudevents+json, x-cloudevents: {mode: structured}, headers: {type: object, properties: {type: {const: a.b.v1}}}, payload: {type: object, properties: {" + whole + "}}",
			"structured, envelope; a.b.v1 id source specversion type; ambiguous: both its headers and its payload describe envelope attributes"},
		{"both stated", "kafka", "contentType: application/cloudevents+json, x-cloudevents: {mode: structured, payload: data}, headers: {type: object, properties: {type: {const: a.b.v1}}}, payload: {type: object, properties: {" + whole + "}}",
			"structured; a.b.v1 type"},
		{"data that has some of an envelope's names", "kafka", "contentType: application/cloudevents+json, x-cloudevents: {type: a.b.v1}, payload: {type: object, properties: {id: {}, source: {}, type: {}}}",
			"structured, envelope; a.b.v1 id source type; ambiguous: its payload has id, source and type, but neither specversion nor data, so it may be the envelope or data that happens to have them"},
		{"some of an envelope and data", "kafka", "contentType: application/cloudevents+json, payload: {type: object, properties: {type: {}, data: {}}}",
			"structured; M?; ambiguous: its payload has data and some envelope attributes, but not enough of them to be the envelope"},
		{"only a type stated", "kafka", "x-cloudevents: {type: a.b.v1}", "structured; a.b.v1; ambiguous: x-cloudevents says that it is an event and not in which mode it travels"},
		{"stated, and nothing else", "kafka", "x-cloudevents: {mode: binary, payload: data, type: a.b.v1, source: /orders, subject: the order}", "binary; a.b.v1; source /orders; subject the order"},
		{"the stated type beats the constant", "kafka", "contentType: application/cloudevents+json, x-cloudevents: {type: x.y.v1}, headers: {type: object, properties: {type: {const: a.b.v1}}}", "structured; x.y.v1 type"},
		{"the name stands in for the type", "kafka", "contentType: application/cloudevents+json, name: OrderPaid", "structured; OrderPaid?"},
		{"the constant by reference", "kafka", "contentType: application/cloudevents+json, headers: {$ref: '#/components/schemas/Headers'}", "structured; a.b.v1 subject! type"},
		{"headers of a trait", "kafka", "traits: [{contentType: application/cloudevents+json, headers: {type: object, properties: {subject: {type: string}}}}], headers: {type: object, properties: {type: {const: a.b.v1}}}", "structured; a.b.v1 subject type"},
		{"no CloudEvent", "kafka", "contentType: application/json, payload: {type: object, properties: {id: {}}}", "none; M?"},
	} {
		t.Run(c.about, func(t *testing.T) {
			contract := read(t, `asyncapi: 3.0.0
info: {title: T, version: 1.0.0}
servers: {s: {host: example.com, protocol: `+c.protocol+`}}
channels:
  c:
    address: c
    messages:
      M: {`+c.message+`}
components:
  schemas:
    CloudEvent: {type: object, required: [id, source, specversion, type], properties: {id: {type: string}, source: {type: string}, specversion: {type: string}, type: {type: string}, data: {}}}
    Type: {type: string, const: a.b.v1}
    Headers: {allOf: [{type: object, properties: {type: {$ref: '#/components/schemas/Type'}}}, {required: [subject], properties: {subject: {type: string}}}]}
`)
			e := contract.Channels[0].Messages[0].Envelope
			if got := described(e); got != c.want {
				t.Errorf("read as\n%s\nwant\n%s", got, c.want)
			}
			if e.Mode != NoEnvelope && e.Why == "" {
				t.Error("it does not say why it is an event")
			}
			if e.TypeAt.Node() == nil || e.TypeStated && e.TypeAt.Node().Str() != e.Type {
				t.Errorf("the type is said to stand at %s", e.TypeAt.Span())
			}
		})
	}
}

// TestEnvelopeLevels: x-cloudevents of the message, the channel and the
// document, key by key.
func TestEnvelopeLevels(t *testing.T) {
	c := read(t, `asyncapi: 3.1.0
info: {title: T, version: 1.0.0}
defaultContentType: application/json
x-cloudevents: {mode: structured, payload: data, source: /document}
channels:
  a:
    messages:
      Plain: {payload: {type: string}}
      Own: {x-cloudevents: {payload: envelope, type: own.said.v1}}
  b:
    x-cloudevents: {mode: binary, source: /channel}
    messages:
      Plain: {payload: {type: string}}
      Own: {x-cloudevents: {source: /message}}
`)
	var got []string
	for _, ch := range c.Channels {
		for _, m := range ch.Messages {
			got = append(got, ch.Name+"."+m.Key+" "+described(m.Envelope))
		}
	}
	want := `a.Plain structured; Plain?; source /document
a.Own structured, envelope; own.said.v1; source /document
b.Plain binary; Plain?; source /channel
b.Own binary; Own?; source /message`
	if strings.Join(got, "\n") != want {
		t.Errorf("read as\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestIsCloudEventsType(t *testing.T) {
	for contentType, want := range map[string]string{
		"application/cloudevents": "event", "application/cloudevents+json": "event", "APPLICATION/CLOUDEVENTS+JSON;charset=utf-8": "event",
		"application/cloudevents-batch+json": "batch", " application/cloudevents+avro ; x=y": "event",
		"application/json": "", "application/cloudevents2": "", "": "", "text/cloudevents+json": "",
	} {
		yes, batch := IsCloudEventsType(contentType)
		got := map[[2]bool]string{{true, false}: "event", {true, true}: "batch"}[[2]bool{yes, batch}]
		if got != want {
			t.Errorf("IsCloudEventsType(%q) is %q, want %q", contentType, got, want)
		}
	}
}
