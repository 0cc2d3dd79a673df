package hold_test

import (
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
)

const typedContract = `asyncapi: 3.1.0
info: {title: Typed, version: 1.0.0}
channels:
  typed:
    address: typed
    messages:
      Binary:
        contentType: application/json
        x-cloudevents: {mode: binary, type: binary.v1, source: /s}
        headers:
          type: object
          required: [ce_type, ce_retries]
          properties:
            ce_type: {const: binary.v1}
            ce_retries: {type: integer, minimum: 1}
            ce_urgent: {type: boolean}
            ce_zone: {enum: ["1", "2"]}
      Structured:
        contentType: application/cloudevents+json
        x-cloudevents: {mode: structured, payload: data, type: structured.v1, source: /s}
        headers:
          type: object
          properties: {retries: {type: integer}}
`

// TestTexts: what was a number or a boolean is a text once it has travelled in
// binary mode, and still what the contract asks for. In structured mode it keeps
// its type, and a text is none.
func TestTexts(t *testing.T) {
	c, _, err := contract.Load(t.Context(), "typed.yaml", contract.Options{FS: fstest.MapFS{"typed.yaml": {Data: []byte(typedContract)}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		kind, retries, urgent, zone string
		valid                       bool
	}{
		{"binary.v1", "3", "true", "1", true}, {"binary.v1", "3", "", "", true}, {"binary.v1", "0", "", "", false}, {"binary.v1", "03", "", "", false}, {"binary.v1", "x", "", "", false},
		{"binary.v1", "3", "yes", "", false}, {"binary.v1", "3", "1", "", false}, {"binary.v1", "3", "", "3", false}, {"binary.v1", "4294967296", "", "", false}, {"structured.v1", "3", "", "", false},
	} {
		e := &event.Event{ID: "1", Source: "/s", Type: row.kind}
		for name, text := range map[string]string{"retries": row.retries, "urgent": row.urgent, "zone": row.zone} {
			if text != "" {
				e.Extensions.Set(name, event.TextValue(text))
			}
		}
		for _, m := range c.Channels[0].Messages {
			if m.Envelope.Type != row.kind {
				continue
			}
			held, err := hold.MessageOf(c, m, hold.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if found := held.Problems(e); held.Valid(e) != row.valid || (len(found) == 0) != row.valid {
				t.Errorf("%+v: valid %t, %v", row, held.Valid(e), found)
			}
			held.Restore(e)
			v, _ := e.Extensions.Get("retries")
			if restored := v.Kind() == event.Integer; restored != (row.kind == "binary.v1" && (row.retries == "3")) {
				t.Errorf("%+v: restored as %v", row, v.Kind())
			}
			if v, ok := e.Extensions.Get("zone"); ok && v.Kind() != event.Text {
				t.Errorf("%+v: the zone is no text any more", row)
			}
		}
	}
}
