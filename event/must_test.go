package event_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/event"
	"github.com/twmb/avro"
)

// must is one MUST of a document of the CloudEvents project: where it stands,
// what it asks in our own words, and a check of it.
type must struct {
	section string
	asks    string
	check   func(t *testing.T)
}

const specification = "https://github.com/cloudevents/spec/blob/main/cloudevents/"

func sample() *event.Event {
	e := &event.Event{
		ID: "1234-1234-1234", Source: "/mycontext/subcontext", Type: "com.example.someevent", Subject: "Euro € 😀",
		Time: time.Date(2018, 4, 5, 3, 56, 24, 0, time.UTC), DataContentType: "application/json", DataSchema: "https://example.com/schema",
		Data: []byte(`{"a":1}`),
	}
	e.Extensions.Set("zone", event.TextValue("a b"))
	e.Extensions.Set("flag", event.BooleanValue(true))
	e.Extensions.Set("count", event.IntegerValue(-7))
	e.Extensions.Set("raw", event.BinaryValue([]byte{0xff, 0}))
	return e
}

func encode(t *testing.T, b *event.Binding, e *event.Event, mode event.Mode) event.Message {
	t.Helper()
	var m event.Message
	if err := b.Encode(&m, e, mode); err != nil {
		t.Fatalf("%v, %v: %v", b, mode, err)
	}
	return m
}

func decode(t *testing.T, b *event.Binding, m event.Message) *event.Event {
	t.Helper()
	e, _, err := b.Decode(&m)
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	return e
}

func refused(t *testing.T, b *event.Binding, m event.Message, why string) {
	t.Helper()
	e, _, err := b.Decode(&m)
	if err == nil {
		t.Fatalf("%v: read %+v", b, e)
	}
	if !strings.Contains(err.Error(), why) {
		t.Fatalf("%v: %q is not said, but %q", b, why, err)
	}
}

// message makes one of pairs of names and values; "body" and "content type"
// are its fields.
func message(pairs ...string) event.Message {
	var m event.Message
	for i := 0; i < len(pairs); i += 2 {
		switch pairs[i] {
		case "body":
			m.Body = []byte(pairs[i+1])
		case "content type":
			m.ContentType = pairs[i+1]
		default:
			m.Headers = append(m.Headers, event.Header{Name: pairs[i], Value: event.TextValue(pairs[i+1])})
		}
	}
	return m
}

// least is the least event in binary mode, with a prefix before its names.
func least(prefix string, more ...string) event.Message {
	return message(append([]string{prefix + "specversion", "1.0", prefix + "id", "1", prefix + "source", "/s", prefix + "type", "t"}, more...)...)
}

const whole = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"in the body","data":{"a":1}}`

func value(m event.Message, name string) (string, int) {
	found, n := "", 0
	for _, h := range m.Headers {
		if h.Name == name {
			found, n = h.Value.String(), n+1
		}
	}
	return found, n
}

func want(t *testing.T, m event.Message, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got, n := value(m, pairs[i]); got != pairs[i+1] || n != 1 {
			t.Errorf("%s is %q, %d times, and %q is wanted", pairs[i], got, n, pairs[i+1])
		}
	}
}

// same holds an event to another; texts is whether kinds became texts.
func same(t *testing.T, got, wanted *event.Event, texts bool) {
	t.Helper()
	if got.ID != wanted.ID || got.Source != wanted.Source || got.Type != wanted.Type || got.Subject != wanted.Subject ||
		got.DataContentType != wanted.DataContentType || got.DataSchema != wanted.DataSchema || !got.Time.Equal(wanted.Time) || !bytes.Equal(got.Data, wanted.Data) {
		t.Errorf("got  %+v\nwant %+v", got, wanted)
	}
	if !slices.EqualFunc(got.Extensions, wanted.Extensions, func(a, b event.Extension) bool {
		return a.Name == b.Name && a.Value.String() == b.Value.String() && (texts || a.Value.Kind() == b.Value.Kind())
	}) {
		t.Errorf("extensions: got %v, want %v", got.Extensions, wanted.Extensions)
	}
}

// The rows of every binding that says the same of both of its modes.
func commonRows(b *event.Binding, prefix, contentTypeHeader, structured, readers string) []must {
	contentType := func(m event.Message) string {
		if contentTypeHeader == "" {
			return m.ContentType
		}
		s, _ := value(m, contentTypeHeader)
		return s
	}
	typed := func(contentType string, body string) event.Message {
		if contentTypeHeader == "" {
			return message("content type", contentType, "body", body)
		}
		return message(contentTypeHeader, contentType, "body", body)
	}
	return []must{
		{"§1.4", "whoever has structured mode has the JSON format", func(t *testing.T) {
			e := sample()
			m := encode(t, b, e, event.StructuredMode)
			if !json.Valid(m.Body) {
				t.Errorf("%s", m.Body)
			}
			got := decode(t, b, m)
			same(t, got, withKind(e, "raw"), false)
		}},
		{structured, "the content type of structured mode is that of a format", func(t *testing.T) {
			if got := contentType(encode(t, b, sample(), event.StructuredMode)); got != "application/cloudevents+json" {
				t.Error(got)
			}
			var m event.Message
			if err := b.EncodeAvro(&m, sample()); err != nil || contentType(m) != "application/cloudevents+avro" {
				t.Error(err, contentType(m))
			}
			same(t, decode(t, b, m), sample(), false)
		}},
		{readers, "a content type that begins with application/cloudevents is structured mode, in any case and with parameters", func(t *testing.T) {
			for _, s := range []string{"application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8", "application/cloudevents"} {
				if e := decode(t, b, typed(s, whole)); e.Subject != "in the body" {
					t.Error(s, e)
				}
			}
			refused(t, b, typed("application/cloudevents+protobuf", "x"), `format "protobuf"`)
		}},
		{readers, "any other content type is binary mode", func(t *testing.T) {
			m := least(prefix, "body", `{"specversion":"1.0"}`)
			if _, mode, err := b.Decode(&m); mode != event.BinaryMode || err != nil {
				t.Error(mode, err)
			}
		}},
		{structured + " (metadata)", "attributes repeated as fields beside a whole event change nothing: all of them are in the body", func(t *testing.T) {
			m := typed("application/cloudevents+json", whole)
			m.Headers = append(m.Headers, least(prefix, prefix+"subject", "beside").Headers...)
			if e := decode(t, b, m); e.Subject != "in the body" {
				t.Error(e)
			}
		}},
		{"binary, data", "the data is the body, byte for byte", func(t *testing.T) {
			for _, data := range []string{"{ \"a\": 1.0 }\n", "\xff\x00", ""} {
				e := sample()
				e.Data, e.DataContentType = []byte(data), "application/octet-stream"
				m := encode(t, b, e, event.BinaryMode)
				if string(m.Body) != data || string(decode(t, b, m).Data) != data {
					t.Errorf("%q became %q", data, m.Body)
				}
			}
		}},
		{"binary, metadata", "every attribute, extensions too, is a field of its own, to and fro", func(t *testing.T) {
			e := sample()
			m := encode(t, b, e, event.BinaryMode)
			for _, name := range []string{"specversion", "id", "source", "type", "subject", "time", "dataschema", "zone", "flag", "count", "raw"} {
				if _, n := value(m, prefix+name); n != 1 {
					t.Errorf("%s%s is there %d times", prefix, name, n)
				}
			}
			same(t, decode(t, b, m), e, true)
		}},
		{"binary, values", "a value is the canonical text of its type", func(t *testing.T) {
			want(t, encode(t, b, sample(), event.BinaryMode), prefix+"flag", "true", prefix+"count", "-7", prefix+"raw", "/wA=", prefix+"time", "2018-04-05T03:56:24Z")
		}},
		{"CloudEvents §3.1", "an event without a required attribute is none, read or written", func(t *testing.T) {
			for _, name := range []string{"specversion", "id", "source", "type"} {
				m := least(prefix)
				m.Headers = slices.DeleteFunc(m.Headers, func(h event.Header) bool { return h.Name == prefix+name })
				if _, _, err := b.Decode(&m); err == nil {
					t.Errorf("without %s an event was read", name)
				}
				text := strings.Replace(whole, `"`+name+`"`, `"x`+name+`"`, 1)
				if _, _, err := b.Decode(new(typed("application/cloudevents+json", text))); err == nil {
					t.Errorf("without %s an event was read, structured", name)
				}
			}
			for _, spoil := range []func(*event.Event){func(e *event.Event) { e.ID = "" }, func(e *event.Event) { e.Source = "" }, func(e *event.Event) { e.Type = "" }} {
				e := sample()
				spoil(e)
				for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
					if err := b.Encode(new(event.Message), e, mode); err == nil {
						t.Errorf("%v wrote %+v", mode, e)
					}
				}
			}
		}},
	}
}

// withKind is an event whose extension became a text, as in JSON.
func withKind(e *event.Event, name string) *event.Event {
	v, _ := e.Extensions.Get(name)
	e.Extensions.Set(name, event.TextValue(v.String()))
	return e
}

func noBatch(b *event.Binding, section string) must {
	return must{section, "there is no batch mode", func(t *testing.T) {
		if err := b.Encode(new(event.Message), sample(), event.BatchMode); err == nil {
			t.Error("a batch was written")
		}
		m := message("Content-Type", "application/cloudevents-batch+json", "body", "["+whole+"]")
		m.ContentType = "application/cloudevents-batch+json"
		refused(t, b, m, "batch")
	}}
}

// percentRows are the rows of the bindings whose values are percent-encoded.
func percentRows(b *event.Binding, prefix string) []must {
	read := func(t *testing.T, value string) string {
		return decode(t, b, least(prefix, prefix+"subject", value)).Subject
	}
	return []must{
		{"§3.1.3.2", "space, double quote, percent sign and what is not printable ASCII are percent-encoded; one character of two surrogates is one", func(t *testing.T) {
			e := sample()
			want(t, encode(t, b, e, event.BinaryMode), prefix+"subject", "Euro%20%E2%82%AC%20%F0%9F%98%80", prefix+"zone", "a%20b")
			e.Subject = `"50%"~!`
			want(t, encode(t, b, e, event.BinaryMode), prefix+"subject", "%2250%25%22~!")
		}},
		{"§3.1.3.2", "quotes are taken off before percent codes are decoded, once", func(t *testing.T) {
			for given, wanted := range map[string]string{`"a b"`: "a b", `"a \"b\" \\ c"`: `a "b" \ c`, `"a%20b"`: "a b", "%2541": "%41", "Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀"} {
				if got := read(t, given); got != wanted {
					t.Errorf("%s: %q, not %q", given, got, wanted)
				}
			}
		}},
		{"§3.1.3.2", "codes in lower case, and of what needs none, are decoded", func(t *testing.T) {
			if got := read(t, "%41%e2%82%ac"); got != "A€" {
				t.Error(got)
			}
		}},
		{"§3.1.3.2", "codes that are no UTF-8 are refused", func(t *testing.T) {
			for _, s := range []string{"%C0%A0", "%ff", "a%E2%82"} {
				refused(t, b, least(prefix, prefix+"subject", s), "UTF-8")
			}
		}},
	}
}

func TestMusts(t *testing.T) {
	for _, doc := range []struct {
		name, link string
		rows       []must
	}{
		{"http", specification + "bindings/http-protocol-binding.md", append(append(commonRows(event.HTTP, "ce-", "Content-Type", "§3.2.1", "§3"), percentRows(event.HTTP, "ce-")...), []must{
			{"§3.1.1", "Content-Type is datacontenttype, and ce-datacontenttype is not there as well", func(t *testing.T) {
				m := encode(t, event.HTTP, sample(), event.BinaryMode)
				want(t, m, "Content-Type", "application/json")
				if _, n := value(m, "ce-datacontenttype"); n != 0 {
					t.Error("ce-datacontenttype is there")
				}
				if e := decode(t, event.HTTP, least("ce-", "content-type", "text/xml", "body", "<a/>")); e.DataContentType != "text/xml" {
					t.Error(e)
				}
			}},
			{"§3.1.3.1", "a header is the name of the attribute behind ce-, in any case", func(t *testing.T) {
				if e := decode(t, event.HTTP, least("Ce-", "CE-SUBJECT", "s")); e.Subject != "s" {
					t.Error(e)
				}
			}},
			{"§3", "batches are not sent unless asked for: an event goes alone", func(t *testing.T) {
				for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
					if m := encode(t, event.HTTP, sample(), mode); event.HTTP.Mode(&m) != mode {
						t.Error(mode)
					}
				}
			}},
			{"§3.3", "the format of a batch says how it is written; JSON is there", func(t *testing.T) {
				var m event.Message
				if err := event.HTTP.EncodeBatch(&m, []event.Event{*sample(), *sample()}); err != nil {
					t.Fatal(err)
				}
				want(t, m, "Content-Type", "application/cloudevents-batch+json")
				got, mode, err := event.HTTP.DecodeBatch(&m)
				if err != nil || len(got) != 2 || mode != event.BatchMode {
					t.Fatal(got, mode, err)
				}
				same(t, &got[1], withKind(sample(), "raw"), false)
				if got, _, err := event.HTTP.DecodeBatch(new(message("Content-Type", event.JSONBatchContentType, "body", " [ ] "))); err != nil || len(got) != 0 {
					t.Error(got, err)
				}
			}},
			{"§3.3.2", "all events of a batch have the same specversion", func(t *testing.T) {
				text := "[" + whole + "," + strings.Replace(whole, "1.0", "0.3", 1) + "]"
				if got, _, err := event.HTTP.DecodeBatch(new(message("Content-Type", event.JSONBatchContentType, "body", text))); err == nil {
					t.Error(got)
				}
			}},
		}...)},
		{"kafka", specification + "bindings/kafka-protocol-binding.md", append(commonRows(event.Kafka, "ce_", "content-type", "§3.3.1", "§3"), []must{
			noBatch(event.Kafka, "§1.3"),
			{"§1.3, §3.2.1", "the header content-type is datacontenttype", func(t *testing.T) {
				want(t, encode(t, event.Kafka, sample(), event.BinaryMode), "content-type", "application/json")
				if e := decode(t, event.Kafka, least("ce_", "content-type", "text/xml")); e.DataContentType != "text/xml" {
					t.Error(e)
				}
			}},
			{"§3.1", "the key is the user's; a key of the event's does not change the event", func(t *testing.T) {
				e := sample()
				if _, ok := event.PartitionKey(e); ok {
					t.Error("a key out of nothing")
				}
				e.Extensions.Set("partitionkey", event.TextValue("k"))
				key, ok := event.PartitionKey(e)
				if m := encode(t, event.Kafka, e, event.BinaryMode); key != "k" || !ok {
					t.Error(key)
				} else {
					want(t, m, "ce_partitionkey", "k")
				}
			}},
			{"§3.2.2", "an event without data is a message without a value, a tombstone; structured it is not", func(t *testing.T) {
				e := sample()
				e.Data = nil
				if m := encode(t, event.Kafka, e, event.BinaryMode); m.Body != nil {
					t.Errorf("%q", m.Body)
				}
				if m := encode(t, event.Kafka, e, event.StructuredMode); m.Body == nil {
					t.Error("a tombstone")
				}
				if e := decode(t, event.Kafka, least("ce_")); e.Data != nil {
					t.Errorf("%q", e.Data)
				}
			}},
			{"§3.2.3", "keys and values of headers are UTF-8", func(t *testing.T) {
				want(t, encode(t, event.Kafka, sample(), event.BinaryMode), "ce_subject", "Euro € 😀")
				refused(t, event.Kafka, least("ce_", "ce_subject", "\xff\xfe"), "UTF-8")
				e := sample()
				e.Subject = "\xff"
				if err := event.Kafka.Encode(new(event.Message), e, event.BinaryMode); err == nil {
					t.Error("a subject that is no UTF-8 was written")
				}
			}},
			{"§3.3.1", "a content type need not be there in structured mode", func(t *testing.T) {
				if e := decode(t, event.Kafka, message("body", whole)); e.Subject != "in the body" {
					t.Error(e)
				}
			}},
		}...)},
		{"amqp", specification + "bindings/amqp-protocol-binding.md", append(commonRows(event.AMQP, "cloudEvents_", "", "§3.2.1", "§3"), []must{
			noBatch(event.AMQP, "§1.3"),
			{"§3.1.1", "the property content-type is datacontenttype", func(t *testing.T) {
				if m := encode(t, event.AMQP, sample(), event.BinaryMode); m.ContentType != "application/json" {
					t.Error(m.ContentType)
				}
			}},
			{"§3.1.3.1", "both prefixes are read", func(t *testing.T) {
				if e := decode(t, event.AMQP, least("cloudEvents:", "cloudEvents:subject", "s")); e.Subject != "s" {
					t.Error(e)
				}
			}},
			{"§3.1.3.2", "what CloudEvents has as a text is no bytes", func(t *testing.T) {
				for _, name := range []string{"id", "type", "subject", "time"} {
					m := least("cloudEvents:")
					m.Headers = slices.DeleteFunc(m.Headers, func(h event.Header) bool { return h.Name == "cloudEvents:"+name })
					m.Headers = append(m.Headers, event.Header{Name: "cloudEvents:" + name, Value: event.BinaryValue([]byte("2018-04-05T03:56:24Z"))})
					refused(t, event.AMQP, m, name+" is bytes")
				}
			}},
			{"§3.1.3.2", "types are those of AMQP or canonical texts; both are read", func(t *testing.T) {
				m := encode(t, event.AMQP, sample(), event.BinaryMode)
				same(t, decode(t, event.AMQP, m), withKind(sample(), "raw"), false)
				for i := range m.Headers {
					m.Headers[i].Value = event.TextValue(m.Headers[i].Value.String())
				}
				same(t, decode(t, event.AMQP, m), sample(), true)
			}},
		}...)},
		{"mqtt", specification + "bindings/mqtt-protocol-binding.md", append(commonRows(event.MQTT, "", "", "§3.2.1", "§3"), []must{
			noBatch(event.MQTT, "§1.3"),
			{"§3.1.1", "the Content Type is datacontenttype", func(t *testing.T) {
				if m := encode(t, event.MQTT, sample(), event.BinaryMode); m.ContentType != "application/json" {
					t.Error(m.ContentType)
				}
				if e := decode(t, event.MQTT, least("", "content type", "text/xml")); e.DataContentType != "text/xml" {
					t.Error(e)
				}
				// The example of §3.1.4 has datacontenttype as a property, too.
				if e := decode(t, event.MQTT, least("", "content type", "application/json; charset=utf-8", "datacontenttype", "application/json; charset=utf-8")); e.DataContentType != "application/json; charset=utf-8" {
					t.Error(e)
				}
				refused(t, event.MQTT, least("", "content type", "text/xml", "datacontenttype", "application/json"), "datacontenttype")
			}},
			{"§3.1.3.1", "names are used as they are; ce-, which some SDKs write, is read", func(t *testing.T) {
				if e := decode(t, event.MQTT, least("ce-", "ce-subject", "s", "trace-id", "no attribute")); e.Subject != "s" || len(e.Extensions) != 0 {
					t.Error(e)
				}
			}},
			{"§3 (MQTT 3.1.1)", "without properties the message is structured, in JSON", func(t *testing.T) {
				if e := decode(t, event.MQTT, message("body", whole)); e.Subject != "in the body" {
					t.Error(e)
				}
			}},
		}...)},
		{"nats", specification + "bindings/nats-protocol-binding.md", append(append(commonRows(event.NATS, "ce-", "Content-Type", "§3", "§3"), percentRows(event.NATS, "ce-")...), []must{
			noBatch(event.NATS, "§1.3"),
			{"§3.1.3.1", "names stand behind ce-, datacontenttype as well; in any case", func(t *testing.T) {
				want(t, encode(t, event.NATS, sample(), event.BinaryMode), "ce-datacontenttype", "application/json", "Content-Type", "application/json")
				for _, m := range []event.Message{least("Ce-", "Ce-Datacontenttype", "text/xml"), least("ce-", "content-type", "text/xml"), least("ce-", "Content-Type", "text/xml", "ce-datacontenttype", "text/xml")} {
					if e := decode(t, event.NATS, m); e.DataContentType != "text/xml" {
						t.Error(e)
					}
				}
			}},
			{"§3 (before 2.2)", "without headers the message is structured, in JSON", func(t *testing.T) {
				if e := decode(t, event.NATS, message("body", whole)); e.Subject != "in the body" {
					t.Error(e)
				}
			}},
		}...)},
		{"pubsub", "https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md", append(commonRows(event.PubSub, "ce-", "content-type", "§3.2.1", "§3"), []must{
			noBatch(event.PubSub, "§1.3"),
			{"§3.1.1", "the attribute content-type is datacontenttype; ce-datacontenttype of the examples, and Content-Type of the SDKs, are read", func(t *testing.T) {
				want(t, encode(t, event.PubSub, sample(), event.BinaryMode), "content-type", "application/json")
				for _, name := range []string{"content-type", "Content-Type", "ce-datacontenttype"} {
					if e := decode(t, event.PubSub, least("ce-", name, "text/xml")); e.DataContentType != "text/xml" {
						t.Error(name, e)
					}
				}
			}},
			{"§3.1.3.1", "names stand behind ce-", func(t *testing.T) {
				want(t, encode(t, event.PubSub, sample(), event.BinaryMode), "ce-type", "com.example.someevent")
			}},
		}...)},
		{"json", specification + "formats/json-format.md", jsonMusts},
		{"avro", specification + "formats/avro-format.md", avroMusts},
	} {
		t.Run(doc.name, func(t *testing.T) {
			for _, row := range doc.rows {
				t.Run(row.section+" "+row.asks, row.check)
			}
		})
	}
}

func parse(t *testing.T, text string) *event.Event {
	t.Helper()
	e, err := event.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func object(t *testing.T, e *event.Event) map[string]any {
	t.Helper()
	b, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return m
}

func with(member string) string {
	return strings.TrimSuffix(whole, `,"data":{"a":1}}`) + "," + member + "}"
}

var jsonMusts = []must{
	{"§2", "extensions are members of the object itself", func(t *testing.T) {
		if m := object(t, sample()); m["zone"] != "a b" {
			t.Error(m)
		}
	}},
	{"§2.2", "types are those of JSON: booleans, whole numbers, texts", func(t *testing.T) {
		m := object(t, sample())
		if m["flag"] != true || m["count"] != -7.0 || m["raw"] != "/wA=" || m["time"] != "2018-04-05T03:56:24Z" || m["source"] != "/mycontext/subcontext" {
			t.Error(m)
		}
		for _, member := range []string{`"count":1.5`, `"count":1e3`, `"count":2147483648`, `"x":{}`, `"x":[1]`} {
			if e, err := event.DecodeJSON([]byte(with(member))); err == nil {
				t.Error(member, e)
			}
		}
	}},
	{"§2.2", "null is the same as not there", func(t *testing.T) {
		if e := parse(t, `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":null,"time":null,"zone":null,"data_base64":null}`); e.Subject != "" || len(e.Extensions) != 0 || e.Data != nil {
			t.Error(e)
		}
	}},
	{"§3", "the media type is application/cloudevents+json", func(t *testing.T) {
		m := encode(t, event.AMQP, sample(), event.StructuredMode)
		if m.ContentType != "application/cloudevents+json" {
			t.Error(m.ContentType)
		}
	}},
	{"§3", "every attribute that is there is a member of its name", func(t *testing.T) {
		m := object(t, sample())
		for _, name := range []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "zone", "flag", "count", "raw", "data"} {
			if _, ok := m[name]; !ok {
				t.Errorf("no %s in %v", name, m)
			}
		}
		if len(m) != 13 {
			t.Error(m)
		}
	}},
	{"§3.1.1", "binary data is data_base64", func(t *testing.T) {
		e := sample()
		e.Data, e.DataContentType = []byte{0xff, 0xfe}, "application/octet-stream"
		if m := object(t, e); m["data_base64"] != "//4=" || m["data"] != nil {
			t.Error(m)
		}
	}},
	{"§3.1.1", "data of JSON is the value itself and no text of it; what is no JSON goes as bytes", func(t *testing.T) {
		for _, kind := range []string{"", "application/json", "text/json", "application/vnd.x+json; a=b", "Application/JSON"} {
			e := sample()
			e.DataContentType = kind
			if m, ok := object(t, e)["data"].(map[string]any); !ok || m["a"] != 1.0 {
				t.Error(kind, m)
			}
			e.Data = []byte(`{"a":`)
			if m := object(t, e); m["data_base64"] != "eyJhIjo=" || m["data"] != nil {
				t.Error(m)
			}
		}
	}},
	{"§3.1.1", "text that is not JSON is a string", func(t *testing.T) {
		e := sample()
		e.Data, e.DataContentType = []byte(`<a b="c"/>`), "application/xml"
		if m := object(t, e); m["data"] != `<a b="c"/>` {
			t.Error(m)
		}
	}},
	{"§3.1.1", "data and data_base64 exclude each other", func(t *testing.T) {
		if e, err := event.DecodeJSON([]byte(with(`"data":1,"data_base64":"AA=="`))); err == nil {
			t.Error(e)
		}
	}},
	{"§3.1.1", "data null is a value, and not its absence", func(t *testing.T) {
		if e := parse(t, with(`"data":null`)); string(e.Data) != "null" {
			t.Errorf("%q", e.Data)
		}
		if e := parse(t, with(`"zone":"a"`)); e.Data != nil {
			t.Errorf("%q", e.Data)
		}
	}},
	{"§3.1.2", "data_base64 is decoded", func(t *testing.T) {
		if e := parse(t, with(`"datacontenttype":"image/png","data_base64":"\/\/4="`)); string(e.Data) != "\xff\xfe" {
			t.Errorf("%q", e.Data)
		}
		if e, err := event.DecodeJSON([]byte(with(`"data_base64":"**"`))); err == nil {
			t.Error(e)
		}
	}},
	{"§3.1.2", "data of JSON is a JSON value, and a string in it stays a string", func(t *testing.T) {
		for member, wanted := range map[string]string{
			`"data":"{\"a\":1}"`: `"{\"a\":1}"`, `"datacontenttype":"application/json","data":"x"`: `"x"`, `"data": [1, 2.50]`: `[1, 2.50]`,
			`"datacontenttype":"text/xml","data":"<a>\n</a>"`: "<a>\n</a>",
		} {
			if e := parse(t, with(member)); string(e.Data) != wanted {
				t.Errorf("%s: %s", member, e.Data)
			}
		}
	}},
	{"§3.1.2", "the type that is implied is said where the event goes on another way", func(t *testing.T) {
		want(t, encode(t, event.Kafka, parse(t, whole), event.BinaryMode), "content-type", "application/json")
	}},
	{"§4", "a batch is not used where the format alone is indicated", func(t *testing.T) {
		if e, err := event.DecodeJSON([]byte("[" + whole + "]")); err == nil {
			t.Error(e)
		}
	}},
	{"§4.2", "a batch has the media type application/cloudevents-batch+json", func(t *testing.T) {
		var m event.Message
		if err := event.HTTP.EncodeBatch(&m, nil); err != nil || string(m.Body) != "[]" {
			t.Fatal(err)
		}
		want(t, m, "Content-Type", "application/cloudevents-batch+json")
	}},
}

var avroMusts = []must{
	{"§2.1", "types are those of Avro", func(t *testing.T) {
		attributes := avroAttributes(t, sample())
		raw, ok := attributes["raw"].([]byte)
		if attributes["flag"] != true || attributes["count"] != int32(-7) || attributes["zone"] != "a b" || !ok || !bytes.Equal(raw, []byte{0xff, 0}) || attributes["time"] != "2018-04-05T03:56:24Z" {
			t.Error(attributes)
		}
	}},
	{"§2.3", "what is optional is a union with null", func(t *testing.T) {
		b, err := avro.MustParse(event.AvroSchema).Encode(map[string]any{
			"attribute": map[string]any{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": nil}, "data": nil,
		})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := event.DecodeAvro(b); err != nil || e.Subject != "" || e.Data != nil {
			t.Error(e, err)
		}
	}},
	{"§2.4", "the encoding is that of the schema of the document", func(t *testing.T) {
		b, err := sample().AppendAvro(nil)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if rest, err := avro.MustParse(event.AvroSchema).Decode(b, &all); err != nil || len(rest) != 0 {
			t.Fatal(err, rest)
		}
		e, err := event.DecodeAvro(b)
		if err != nil {
			t.Fatal(err)
		}
		same(t, e, sample(), false)
	}},
	{"§3", "binary data is bytes", func(t *testing.T) {
		e := sample()
		e.Data, e.DataContentType = []byte{0xff, 0xfe}, "application/octet-stream"
		b, _ := e.AppendAvro(nil)
		var all map[string]any
		if _, err := avro.MustParse(event.AvroSchema).Decode(b, &all); err != nil {
			t.Fatal(err)
		}
		if got, ok := all["data"].([]byte); !ok || !bytes.Equal(got, e.Data) {
			t.Error(all)
		}
	}},
	{"§3", "a JSON value without datacontenttype becomes the union's branches: such data are read; written, they are bytes whose type is said", func(t *testing.T) {
		for wanted, data := range map[string]any{
			"true": true, "1.5": 1.5, "12": 12.0, `"x"`: "x",
			`{"a":{"b":[{"c":null}]}}`: map[string]any{"a": map[string]any{"value": map[string]any{"b": []any{map[string]any{"value": map[string]any{"c": nil}}}}}},
		} {
			b, err := avro.MustParse(event.AvroSchema).Encode(map[string]any{
				"attribute": map[string]any{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}, "data": data,
			})
			if err != nil {
				t.Fatal(wanted, err)
			}
			if e, err := event.DecodeAvro(b); err != nil || string(e.Data) != wanted {
				t.Errorf("%s: %v %v", wanted, e, err)
			}
		}
		e := parse(t, whole)
		if got := avroAttributes(t, e)["datacontenttype"]; got != "application/json" {
			t.Error(got)
		}
	}},
	{"§4", "the content type is application/cloudevents+avro", func(t *testing.T) {
		var m event.Message
		if err := event.MQTT.EncodeAvro(&m, sample()); err != nil || m.ContentType != "application/cloudevents+avro" {
			t.Error(err, m.ContentType)
		}
	}},
}

func avroAttributes(t *testing.T, e *event.Event) map[string]any {
	t.Helper()
	b, err := e.AppendAvro(nil)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if _, err := avro.MustParse(event.AvroSchema).Decode(b, &all); err != nil {
		t.Fatal(err)
	}
	return all["attribute"].(map[string]any)
}
