package hold_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
)

// only is the one message of a contract with the given text for it, as a side
// holds events to it.
func only(t *testing.T, side hold.Side, message string) *hold.Message {
	t.Helper()
	text := "asyncapi: 3.1.0\ninfo: {title: One, version: 1.0.0}\nchannels:\n  one:\n    address: one\n    messages:\n      One: " + message + "\n"
	c, _, err := contract.Load(t.Context(), "one.yaml", contract.Options{FS: fstest.MapFS{"one.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := hold.MessageOf(c, c.Channels[0].Messages[0], side)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// held is what is wrong with an event, of which Valid and Problems agree.
func held(t *testing.T, m *hold.Message, e *event.Event) string {
	t.Helper()
	var all []string
	for _, p := range m.Problems(e) {
		all = append(all, p.String())
	}
	if m.Valid(e) != (len(all) == 0) {
		t.Errorf("Valid is %v, and the problems are %q", m.Valid(e), all)
	}
	return strings.Join(all, "; ")
}

// TestEnvelopeAttributes: a schema of a whole event need not declare the attributes
// that CloudEvents demands, nor the extensions that a tracer adds: declaring is
// for the data. What the schema says itself stays said.
func TestEnvelopeAttributes(t *testing.T) {
	for _, row := range []struct{ schema, traceparent, data, want string }{
		{`{properties: {id: {}, type: {const: env.v1}, data: {}}}`, "00-1", `1`, ""},
		{`{allOf: [{properties: {id: {}, type: {const: env.v1}}}, {required: [data]}]}`, "", `{"a":1}`, ""},
		{`{oneOf: [{properties: {data: {type: integer}}}, {properties: {data: {type: string}}}], properties: {type: {const: env.v1}}}`, "00-1", `1`, ""},
		{`{properties: {type: {const: env.v1}, data: {properties: {a: {}}}}}`, "00-1", `{"a":1}`, ""},
		{`{properties: {type: {const: env.v1}, data: {properties: {a: {}}}}}`, "", `{"subject":1}`, `/data/subject: property "subject" is not allowed here`},
		{`{properties: {type: {const: env.v1}, data: {$ref: '#/channels/one/messages/One/payload'}}}`, "", `{"type":"env.v1","id":"1"}`, `/data/id: property "id" is not allowed here`},
		{`{properties: {type: {const: env.v1}}}`, "", `1`, `/data: property "data" is not allowed here`},
		{`{properties: {type: {const: env.v1}, data: {}}}`, "", "\xff", `/data_base64: property "data_base64" is not allowed here`},
		{`{properties: {type: {const: env.v1}, subject: {minLength: 9}, data: {}}}`, "", `1`, `/subject: `},
		{`{properties: {type: {const: env.v1}, specversion: {}, id: {}, source: {}, subject: {}, datacontenttype: {}, data: {}}, additionalProperties: false}`, "00-1", `1`, `/traceparent: property "traceparent" is not allowed here`},
	} {
		m := only(t, hold.Writer, `{contentType: application/cloudevents+json, x-cloudevents: {mode: structured, payload: envelope, type: env.v1}, payload: `+row.schema+`}`)
		e := &event.Event{ID: "1", Source: "/s", Type: "env.v1", Subject: "a", DataContentType: "application/json", Data: []byte(row.data)}
		if row.traceparent != "" {
			e.Extensions.Set("traceparent", event.TextValue(row.traceparent))
		}
		switch got := held(t, m, e); {
		case row.want == "" && got != "", !strings.HasPrefix(got, row.want):
			t.Errorf("%s: %s", row.schema, got)
		}
	}
	// Names of four letters are told from that of the data one by one.
	m := only(t, hold.Writer, `{contentType: application/cloudevents+json, x-cloudevents: {mode: structured, payload: envelope, type: env.v1}, payload: {properties: {type: {}}}}`)
	for _, name := range []string{"a", "dat", "dato", "dbta", "daba", "xata", "data1", "d4ta", "dat4"} {
		e := &event.Event{ID: "1", Source: "/s", Type: "env.v1"}
		e.Extensions.Set(name, event.IntegerValue(1))
		if got := held(t, m, e); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestText: data that are a text and no JSON are a string to the contract, to
// whoever sends and whoever reads; a schema that takes no string takes none.
func TestText(t *testing.T) {
	for _, row := range []struct{ schema, kind, data, want, json string }{
		{`{type: string, maxLength: 6}`, "text/plain", "paid \"1", "/data: the data are text/plain, and so a string to the contract: ", `"paid \"1"`},
		{`{type: string, maxLength: 7}`, "text/plain; charset=utf-8", "paid \"1", "", `"paid \"1"`},
		{`{type: string}`, "text/plain", "", "", `""`},
		{`{type: string}`, "application/xml", "<a/>", "", `"<a/>"`},
		{`{type: object}`, "application/xml", "<a/>", "/data: the data are application/xml, and so a string to the contract: ", `"<a/>"`},
		{`{}`, "text/plain", "1", "", `"1"`},
		{`{type: integer}`, "text/plain", "1", "/data: the data are text/plain", `"1"`},
		{`{type: string}`, "image/png", "\xff", "/datacontenttype: the data are image/png and no text, and the contract describes JSON", "\xff"},
		{`{type: string}`, "application/json", `"a"`, "", `"a"`},
		{`{type: string}`, "application/json", `a`, "/data", "a"},
	} {
		for _, side := range []hold.Side{hold.Writer, hold.Reader} {
			m := only(t, side, `{contentType: text/plain, x-cloudevents: {mode: binary, type: text.v1}, payload: `+row.schema+`}`)
			e := &event.Event{ID: "1", Source: "/s", Type: "text.v1", DataContentType: row.kind, Data: []byte(row.data)}
			if got := held(t, m, e); row.want == "" && got != "" || !strings.HasPrefix(got, row.want) {
				t.Errorf("%s of %s: %s", row.kind, row.schema, got)
			}
			if text, err := m.JSON(e); err != nil || string(text) != row.json {
				t.Errorf("%s of %s is read as %s: %v", row.kind, row.schema, text, err)
			}
		}
	}
	for _, row := range []struct{ kind, value, want string }{
		{"application/json", ` "a"`, ` "a"`}, {"", `1`, `1`}, {"text/plain", ` "a\nb" `, "a\nb"}, {"text/plain", `1`, ""}, {"text/plain", `"a" 1`, ""}, {"text/plain", `"a`, ""}, {"text/plain", ``, ""},
	} {
		if got, err := hold.Data(row.kind, []byte(row.value)); string(got) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s under %q travels as %q: %v", row.value, row.kind, got, err)
		}
	}
}
