package sdk_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/event/sdk"
)

func sample() *event.Event {
	e := &event.Event{
		ID: "1", Source: "/s", Type: "t.v1", Subject: "Euro € 😀", Time: time.Date(2018, 4, 5, 3, 56, 24, 5e8, time.UTC),
		DataContentType: "application/json", DataSchema: "https://example.com/s", Data: []byte(`{"a":1.0}`),
	}
	e.Extensions.Set("flag", event.BooleanValue(true))
	e.Extensions.Set("count", event.IntegerValue(-7))
	e.Extensions.Set("raw", event.BinaryValue([]byte{0xff, 0}))
	e.Extensions.Set("zone", event.TextValue("a b"))
	return e
}

func TestThereAndBack(t *testing.T) {
	for _, e := range []*event.Event{sample(), {ID: "1", Source: "s", Type: "t"}} {
		made, err := sdk.To(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := sdk.From(made)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, e) {
			t.Errorf("got  %+v\nwant %+v", back, e)
		}
	}
}

// TestJSON holds both ways of writing an event to each other: what the SDK
// writes is read here, and what is written here the SDK reads. Two departures of
// the SDK are left out: it takes data null for none, and writes data of a type
// ending in +json as a string (JSON format §3.1.1 on both).
func TestJSON(t *testing.T) {
	data := map[string]string{
		"application/json": `{"a":[1,2.50,"x"]}`, "": `"x"`, "application/xml": "<a>\n</a>", "text/plain": `say "hello"`,
		"application/octet-stream": "\xff\x00",
	}
	for kind, body := range data {
		e := sample()
		e.DataContentType, e.Data = kind, []byte(body)
		ours, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		var theirs cloudevents.Event
		if err := json.Unmarshal(ours, &theirs); err != nil {
			t.Fatalf("%s: the SDK does not read %s: %v", kind, ours, err)
		}
		read, err := sdk.From(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		if read.ID != e.ID || read.Subject != e.Subject || !read.Time.Equal(e.Time) || string(read.Data) != body || len(read.Extensions) != 4 {
			t.Errorf("%s: the SDK read %+v", kind, read)
		}
		made, err := sdk.To(e)
		if err != nil {
			t.Fatal(err)
		}
		// The SDK writes what is no JSON and no "text" as data_base64.
		text, err := json.Marshal(made)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		back, err := event.DecodeJSON(text)
		if err != nil {
			t.Fatalf("%s: %s: %v", kind, text, err)
		}
		if back.ID != e.ID || back.Subject != e.Subject || !back.Time.Equal(e.Time) || string(back.Data) != body || len(back.Extensions) != 4 {
			t.Errorf("%s: read %+v of %s", kind, back, text)
		}
	}
}

func TestInvalid(t *testing.T) {
	if made, err := sdk.To(&event.Event{ID: "1"}); err == nil {
		t.Error(made)
	}
	given := cloudevents.New()
	if e, err := sdk.From(&given); err == nil {
		t.Error(e)
	}
}
