package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/growth"
)

var orderPaid = []byte(`{"specversion":"1.0","id":"01J9ZQ8Y7V2M4T3N5K6P7R8S9T","source":"/services/orders","type":"orders.paid.v1","subject":"order-4711","time":"2026-03-04T12:34:56.789Z","datacontenttype":"application/json","dataschema":"https://example.com/schemas/orders.paid.v1.json","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"order_id":"order-4711","amount":1999,"currency":"EUR","paid_at":"2026-03-04T12:34:56Z","customer":{"id":"c-12","email":"someone@example.com"},"lines":[{"sku":"A-1","quantity":2},{"sku":"B-7","quantity":1}]}}`)

func TestAllocations(t *testing.T) {
	var e event.Event
	if n := testing.AllocsPerRun(100, func() {
		if err := e.UnmarshalEvent(orderPaid); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("an event in JSON takes %v allocations", n)
	}
	m := encode(t, event.Kafka, &e, event.BinaryMode)
	var got event.Event
	if n := testing.AllocsPerRun(100, func() {
		if _, err := event.Kafka.DecodeInto(&got, &m); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("an event in binary mode takes %v allocations", n)
	}
	var again event.Message
	if n := testing.AllocsPerRun(100, func() {
		if err := event.Kafka.Encode(&again, &e, event.StructuredMode); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("writing an event in JSON takes %v allocations", n)
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(orderPaid)))
	var e event.Event
	for b.Loop() {
		if err := e.UnmarshalEvent(orderPaid); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	b.ReportAllocs()
	e, _ := event.DecodeJSON(orderPaid)
	var m event.Message
	if err := event.Kafka.Encode(&m, e, event.BinaryMode); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := event.Kafka.DecodeInto(e, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMalformed holds what is said of texts that are no events.
func TestMalformed(t *testing.T) {
	for text, why := range map[string]string{
		``:                     "no JSON object",
		`[]`:                   "no JSON object",
		`{`:                    "no JSON object",
		`{"specversion":"1.0"`: "no JSON object",
		`{}`:                   "specversion is required",
		`{"specversion":"0.3","id":"1","source":"s","type":"t"}`:                                    `specversion is "0.3"`,
		`{"specversion":1.0,"id":"1","source":"s","type":"t"}`:                                      "specversion is 1.0",
		`{"specversion":"1.0","id":"","source":"s","type":"t"}`:                                     "id is required",
		`{"specversion":"1.0","id":7,"source":"s","type":"t"}`:                                      "id is 7, and has to be a string",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","id":"2"}`:                           "id is there twice",
		`{"specversion":"1.0","id":"1","source":"a b","type":"t"}`:                                  "no URI-reference",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"yesterday"}`:                 "no timestamp",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","dataschema":"relative"}`:            "no URI",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","dataschema":"/schemas/a:b"}`:        "no URI",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","dataschema":":a"}`:                  "no URI",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"json"}`:           "no media type",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","Upper":"x"}`:                        "lower-case",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","with-dash":"x"}`:                    "lower-case",
		`{"specversion":"1.0","id":"1","source":"s","type":"t"} x`:                                  "after the event",
		"{\"specversion\":\"1.0\",\"id\":\"1\\n\",\"source\":\"s\",\"type\":\"t\"}":                 "control character U+000A",
		"{\"specversion\":\"1.0\",\"id\":\"\xff\",\"source\":\"s\",\"type\":\"t\"}":                 "a string is no valid UTF-8, at byte 27",
		`{"specversion":"1.0","id":"\ufffe","source":"s","type":"t"}`:                               "no character",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + strings.Repeat("[", 1e5):  "nested deeper than the 512 levels that are read, at byte 574",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"a":["\ud83d"]}}`:            "half a pair of surrogates, which is no character, at byte 68",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","\udc00":1}`:                         "half a pair of surrogates, which is no character, at byte 55",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":[1,}`:                         "no JSON object, from byte 64 on",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"0001-01-01T00:00:00Z"}`:      `time is "0001-01-01T00:00:00Z", which is a time that was never set; leave it out`,
		`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"0001-01-01T02:00:00+02:00"}`: "never set",
	} {
		e, err := event.DecodeJSON([]byte(text))
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.80s: %v %v", text, err, e)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, wanted := range map[string]string{
		"2018-04-05T03:56:24Z": "2018-04-05T03:56:24Z", "2018-04-05t03:56:24.5z": "2018-04-05T03:56:24.5Z",
		"2018-04-05T03:56:24.123456789+02:00": "2018-04-05T03:56:24.123456789+02:00", "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
	} {
		e, err := event.DecodeJSON([]byte(with(`"time":"` + text + `"`)))
		if err != nil {
			t.Error(text, err)
			continue
		}
		if got := object(t, e)["time"]; got != wanted {
			t.Errorf("%s became %s", text, got)
		}
	}
}

// TestNoTimes are texts that look like timestamps, and are none of RFC 3339.
func TestNoTimes(t *testing.T) {
	for _, text := range []string{
		"2018-04-05T03:60:24Z", "2018-04-05T03:56:24+02:60", "2018-04-05T03:56:24,5Z", "2018-04-05T3:56:24Z", "2018-04-05 03:56:24Z", "2018-04-05T03:56:24",
		"2018-04-05T03:56:61Z", "2018-04-05T03:56:24+24:00", "2018-02-30T03:56:24Z", "2018-04-05T03:56Z", "2018-04-05", "",
	} {
		if e, err := event.DecodeJSON([]byte(with(`"time":"` + text + `"`))); err == nil {
			t.Errorf("%s became %v", text, e.Time)
		}
	}
	e := sample()
	e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if b, err := e.AppendJSON(nil); err == nil {
		t.Errorf("the year 10000 was written: %s", b)
	}
}

// TestManyAttributes is what a hostile sender may send: a hundred thousand
// attributes cost no more than their text, and one of them twice is found.
func TestManyAttributes(t *testing.T) {
	var text strings.Builder // of the larger, which is made last
	var m event.Message
	growth.Linear(t, 10_000, func(many int) func() {
		text.Reset()
		one := least("ce_")
		text.WriteString(strings.TrimSuffix(whole, `,"data":{"a":1}}`))
		for i := many; i > 0; i-- { // in the order that costs most
			fmt.Fprintf(&text, `,"x%06d":1`, i)
			one.Headers = append(one.Headers, event.Header{Name: fmt.Sprintf("ce_x%06d", i), Value: event.TextValue("1")})
		}
		structured := text.String() + "}"
		m = one
		return func() {
			for _, e := range []*event.Event{parse(t, structured), decode(t, event.Kafka, one)} {
				if v, ok := e.Extensions.Get("x000777"); len(e.Extensions) != many || !ok || v.String() != "1" {
					t.Errorf("%d extensions, x000777 is %q", len(e.Extensions), v)
				}
			}
		}
	})
	for _, again := range []string{`,"x000777":null}`, `,"x080000":2}`} {
		if _, err := event.DecodeJSON([]byte(text.String() + again)); err == nil || !strings.Contains(err.Error(), "is there twice") {
			t.Errorf("%s: %v", again, err)
		}
	}
	m.Headers = append(m.Headers, event.Header{Name: "ce_x000777", Value: event.TextValue("2")})
	refused(t, event.Kafka, m, "is there twice")
}

// TestReused is a message and an event that serve several times: nothing of one
// shows in another.
func TestReused(t *testing.T) {
	var m event.Message
	first := sample()
	first.Data = []byte(`{"first":1}`)
	if err := event.Kafka.Encode(&m, first, event.BinaryMode); err != nil {
		t.Fatal(err)
	}
	second := sample()
	second.Extensions = nil
	if err := event.Kafka.Encode(&m, second, event.StructuredMode); err != nil {
		t.Fatal(err)
	}
	if string(first.Data) != `{"first":1}` || len(m.Headers) != 1 {
		t.Errorf("%s %v", first.Data, m.Headers)
	}
	if err := event.Kafka.Encode(&m, first, event.BinaryMode); err != nil {
		t.Fatal(err)
	}
	same(t, decode(t, event.Kafka, m), first, true)
	e := sample()
	if err := e.UnmarshalEvent([]byte(with(`"zone":"z"`))); err != nil || e.Data != nil || len(e.Extensions) != 1 {
		t.Error(e, err)
	}
}

func TestEncodingJSON(t *testing.T) {
	b, err := json.Marshal(map[string]*event.Event{"e": sample()})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]*event.Event
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	same(t, back["e"], withKind(sample(), "raw"), false)
	var batch []event.Event
	if err := json.Unmarshal([]byte("["+whole+"]"), &batch); err != nil || len(batch) != 1 {
		t.Error(err)
	}
}

var fuzzBindings = []*event.Binding{event.HTTP, event.Kafka, event.AMQP, event.MQTT, event.NATS, event.PubSub}

// FuzzBindings reads any message as every protocol; what is read is written
// and read again as the same.
func FuzzBindings(f *testing.F) {
	f.Add("content-type", "application/cloudevents+json", "ce-id", "%41", "1.0", []byte(whole))
	f.Add("ce_specversion", "1.0", "ce_type", "t", "text/plain", []byte("x"))
	f.Add("specversion", "1.0", "Ce-Subject", `"a\"b%20"`, "", []byte(nil))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2, contentType string, body []byte) {
		for _, b := range fuzzBindings {
			for _, prefix := range []string{"", "ce-", "ce_", "cloudEvents_"} {
				m := least(prefix, name1, value1, name2, value2)
				if len(name1)%2 == 0 {
					m = message(name1, value1, name2, value2)
				}
				m.ContentType, m.Body = contentType, body
				before := bytes.Clone(body)
				e, _, err := b.Decode(&m)
				if all, _, batchErr := b.DecodeBatch(&m); err == nil && (batchErr != nil || len(all) != 1 || all[0].ID != e.ID) {
					t.Fatalf("%v: read alone, and not as a batch: %v %v", b, all, batchErr)
				}
				if !bytes.Equal(body, before) {
					t.Fatalf("%v changed the bytes", b)
				}
				if err != nil {
					continue
				}
				for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
					var again event.Message
					if err := b.Encode(&again, e, mode); err != nil {
						if strings.Contains(err.Error(), "event within") {
							continue // whose datacontenttype is that of an event
						}
						t.Fatalf("%v %v: %v\n%+v", b, mode, err, e)
					}
					got, _, err := b.Decode(&again)
					if err != nil {
						t.Fatalf("%v %v: %v\n%+v\n%+v", b, mode, err, e, again)
					}
					wanted := *e
					if wanted.DataContentType == "" && mode == event.BinaryMode && wanted.Data != nil {
						wanted.DataContentType = "application/json"
					}
					if mode == event.StructuredMode && event.IsJSON(e.DataContentType) {
						wanted.Data = bytes.Trim(wanted.Data, " \t\r\n") // which is no part of the value
						got.Data = bytes.Trim(got.Data, " \t\r\n")
					}
					if len(wanted.Data) == 0 {
						wanted.Data, got.Data = nil, got.Data[:len(got.Data):len(got.Data)]
					}
					same(t, got, &wanted, true)
				}
			}
		}
	})
}

// FuzzDecodeJSON agrees with encoding/json on the members of what is read.
func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(orderPaid)
	f.Add([]byte(`{"specversion":"1.0","id":"\u00e9","source":"s","type":"t","data_base64":"AA==","x":true,"n":-1,"time":"2016-12-31T23:59:60Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = event.DecodeJSONBatch(text)
		e, err := event.DecodeJSON(text)
		if err != nil {
			return
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if members["id"] != e.ID || members["source"] != e.Source || members["type"] != e.Type {
			t.Fatalf("%v: %+v", members, e)
		}
		b, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatalf("%v: %+v", err, e)
		}
		again, err := event.DecodeJSON(b)
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		same(t, again, e, false)
	})
}

// FuzzDecodeAvro writes again what it reads.
func FuzzDecodeAvro(f *testing.F) {
	b, _ := sample().AppendAvro(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := event.DecodeAvro(b)
		if err != nil {
			return
		}
		text, err := e.AppendAvro(nil)
		if err != nil {
			t.Fatalf("%v: %+v", err, e)
		}
		again, err := event.DecodeAvro(text)
		if err != nil {
			t.Fatalf("%v: %+v", err, e)
		}
		if e.DataContentType == "" && e.Data != nil {
			e.DataContentType = "application/json"
		}
		same(t, again, e, false)
	})
}

// TestTimestampAgrees holds the reading of timestamps to package time: every day
// that there is, and those around the months' ends that there are not.
func TestTimestampAgrees(t *testing.T) {
	for _, year := range []int{0, 1, 4, 100, 400, 1600, 1900, 1999, 2000, 2023, 2024, 2100, 9999} {
		for month := range 14 {
			for day := range 33 {
				for _, rest := range []string{"00:00:00Z", "23:59:59.123456789012Z", "12:30:01.5+05:30", "12:30:01-23:59", "24:00:00Z", "12:60:00Z"} {
					text := fmt.Sprintf("%04d-%02d-%02dT%s", year, month, day, rest)
					want, err := time.Parse(time.RFC3339Nano, text)
					if err == nil && want.IsZero() {
						continue // which stands for no time, and is refused
					}
					e, mine := event.DecodeJSON([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"` + text + `"}`))
					if (err == nil) != (mine == nil) {
						t.Fatalf("%s: package time says %v, and we say %v", text, err, mine)
					}
					if err == nil && !e.Time.Equal(want) {
						t.Fatalf("%s is %s, and should be %s", text, e.Time, want)
					}
				}
			}
		}
	}
}
