package gen

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/schema"
)

// notes is a contract of data that are texts and no JSON, most in binary mode.
func notes(t testing.TB) *contract.Contract {
	t.Helper()
	var messages strings.Builder
	for _, m := range []struct{ name, mode, payload string }{
		{"short", "binary", `{type: string, maxLength: 6}`},
		{"kind", "binary", `{type: string, enum: [paid, "1", ""]}`},
		{"nullable", "binary", `{type: [string, "null"]}`},
		{"any", "binary", `{}`},
		{"number", "binary", `{type: integer}`},
		{"thing", "binary", `{type: object}`},
		{"record", "binary", `{schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {type: record, name: Record, fields: [{name: a, type: string}]}}`},
		{"filed", "structured", `{type: string, maxLength: 6}`},
	} {
		fmt.Fprintf(&messages, "      %s: {contentType: text/plain, x-cloudevents: {mode: %s, type: notes.%s.v1}, payload: %s}\n", m.name, m.mode, m.name, m.payload)
	}
	return contractOf(t, map[string]string{"notes.yaml": "asyncapi: 3.1.0\ninfo: {title: Notes, version: 1.0.0}\nchannels:\n  notes:\n    address: notes\n    messages:\n" + messages.String()}, "notes.yaml")
}

// textVector is an event as a text, or a message that has it, and what the runtime
// makes of it, which every language has to make of it as well.
type textVector struct {
	ID, Type string
	Text     string         // in the JSON format, as it came or as the message has it
	Message  map[string]any // nil for a text alone
	Want     string         // the event as it is written again, "" for one that is refused
	Pointer  string         // of what is refused
}

// textVectors are held by the runtime's own judge.
func textVectors(t *testing.T) (all []textVector) {
	t.Helper()
	c := notes(t)
	of := map[string]*hold.Message{}
	for _, m := range c.Channels[0].Messages {
		h, err := hold.MessageOf(c, m, hold.Reader)
		if err != nil {
			t.Fatal(err)
		}
		of[m.Envelope.Type] = h
	}
	judged := func(e *event.Event, modes ...event.Mode) (want, pointer string) {
		m := of[e.Type]
		if problems := m.Problems(e); len(problems) > 0 {
			return "", problems[0].Pointer
		}
		if len(modes) > 0 && topology.WrongMode(m.Message, modes[0]) != "" {
			return "", ""
		}
		text, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), ""
	}
	add := func(v textVector) {
		v.ID = fmt.Sprintf("notes %s %d", v.Type, len(all))
		all = append(all, v)
	}
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		avro := of[kind].Payload.Dialect == schema.Avro
		for _, content := range []string{"", "application/json", "text/plain", "Text/Plain; charset=utf-8", "application/xml", "x/+json", "application/vnd.a+json"} {
			envelope := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/notes","type":%q`, kind)
			if content != "" {
				envelope += fmt.Sprintf(`,"datacontenttype":%q`, content)
			}
			for _, data := range []string{``, `,"data":"paid"`, `,"data":""`, `,"data":"1"`, `,"data":"p\"\n\u00e9\ud83d\ude00"`, `,"data":"paid at last"`, `,"data":null`,
				`,"data_base64":"cGFpZA=="`, `,"data_base64":""`, `,"data_base64":"MQ=="`, `,"data_base64":"/w=="`, `,"data_base64":null`} {
				e, err := event.DecodeJSON([]byte(envelope + data + "}"))
				if err != nil {
					t.Fatal(err)
				}
				v := textVector{Type: kind, Text: envelope + data + "}"}
				v.Want, v.Pointer = judged(e)
				if event.IsJSON(content) && strings.Contains(data, "base64") || avro && e.Data != nil {
					continue // which has its own tests, and Avro's binary encoding is not read
				}
				add(v)
			}
		}
		// What is no text, where one has to be: the runtime takes the letters of the number
		// for one, and has those that no reader of JSON keeps.
		pointer := "/data"
		if avro {
			pointer = "/datacontenttype"
		}
		for _, data := range []string{`1`, `{}`, `[null]`, `true`} {
			add(textVector{Type: kind, Text: fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/notes","type":%q,"datacontenttype":"text/plain","data":%s}`, kind, data), Pointer: pointer})
		}
		for name, b := range map[string]*event.Binding{"kafka": event.Kafka, "amqp": event.AMQP, "http": event.HTTP, "mqtt": event.MQTT} {
			for _, body := range []string{"paid", "", "1", `"1"`, "p\"\n\u00e9", "paid at last", "{}"} {
				for _, content := range []string{"text/plain", "application/json"} {
					e := &event.Event{ID: "1", Source: "/notes", Type: kind, DataContentType: content, Data: []byte(body)}
					if content == "application/json" && (body != `"1"` && body != "1" || avro) || avro && len(body) == 0 {
						continue
					}
					text, err := e.AppendJSON(nil)
					if err != nil {
						t.Fatal(err)
					}
					v := textVector{Type: kind, Text: string(text), Message: message(t, b, e)}
					v.Message["protocol"] = name
					if v.Want, v.Pointer = judged(e, event.BinaryMode); avro {
						v.Want, v.Pointer = "", "/datacontenttype"
					}
					add(v)
				}
			}
			e := &event.Event{ID: "1", Source: "/notes", Type: kind, DataContentType: "text/plain", Data: []byte("paid")}
			text, err := e.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			v := textVector{Type: kind, Text: string(text), Message: map[string]any{"protocol": name, "headers": map[string]any{"content-type": event.JSONContentType}, "contentType": event.JSONContentType, "body": string(text)}}
			if v.Want, v.Pointer = judged(e, event.StructuredMode); avro {
				v.Want, v.Pointer = "", "/datacontenttype"
			}
			add(v)
			// Where nothing says the mode, an object is the event.
			v.Message = map[string]any{"protocol": name, "headers": map[string]any{"x-other": "1"}, "body": " \n" + string(text)}
			add(v)
		}
	}
	good := 0
	for _, v := range all {
		if v.Want != "" {
			good++
		}
	}
	if good < 100 || len(all)-good < 100 {
		t.Fatalf("%d of %d are good", good, len(all))
	}
	return all
}

// eitherMode lets messages come in either mode, as those of the vectors do, so that
// one contract does for both; those of notes are held to the modes.
func eitherMode(text []byte) []byte { return modes.ReplaceAll(text, []byte("$1$2")) }

var modes = regexp.MustCompile(`(READERS\.put\([\w.]+, new Reader\(")[a-z]+(")|\n    mode: "[a-z]+",|\n    _mode: ClassVar\[str\] = "[a-z]+"`)
