package topology

import (
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// TestIdentity: whatever makes two events a collision sets their identities
// apart, and what a broker is told the same way twice is the same.
func TestIdentity(t *testing.T) {
	base := func() *event.Event {
		return &event.Event{ID: "1", Source: "/s", Type: "t", Subject: "u", Data: []byte(`{"a":1}`)}
	}
	seen := map[string]string{}
	for what, change := range map[string]func(*event.Event){
		"nothing": func(*event.Event) {}, "id": func(e *event.Event) { e.ID = "2" }, "source": func(e *event.Event) { e.Source = "/t" },
		"type": func(e *event.Event) { e.Type = "v" }, "subject": func(e *event.Event) { e.Subject = "w" },
		"data": func(e *event.Event) { e.Data = []byte(`{"a":2}`) }, "no data": func(e *event.Event) { e.Data = nil },
		"what is the type's": func(e *event.Event) { e.Type, e.Subject = "tu", "" },
	} {
		e := base()
		change(e)
		id := Identity(e, "")
		if other, ok := seen[id]; ok {
			t.Errorf("with another %s and another %s it is %q", what, other, id)
		}
		seen[id] = what
		e.Extensions.Set("traceparent", event.TextValue("00-1"))
		if Identity(e, "") != id {
			t.Errorf("%s: an attribute that says nothing of what happened changes it", what)
		}
		if Identity(e, "group") == id {
			t.Errorf("%s: the group changes nothing", what)
		}
	}
}

// The broker knows an event where the contract does not say that consumers do.
func TestKnownBy(t *testing.T) {
	e := &event.Event{ID: "1", Source: "/s", Type: "t"}
	for where, known := range map[string]bool{"": true, "broker": true, "both": true, "consumer": false} {
		d := &contract.Delivery{Dedupe: &contract.Dedupe{Where: where}}
		if id := KnownBy(d, e, ""); (id == Identity(e, "")) != known || (id == "") == known {
			t.Errorf("where %q it is known by %q", where, id)
		}
	}
	// By what the contract says, and by nothing else of the envelope.
	d := &contract.Delivery{Dedupe: &contract.Dedupe{Where: "broker", By: []string{"source", "/data/order"}}}
	of := func(id, order string) string {
		return KnownBy(d, &event.Event{ID: id, Source: "/s", Type: "t", DataContentType: "application/json", Data: []byte(`{"order":"` + order + `"}`)}, "")
	}
	if of("1", "a") != of("2", "a") || of("1", "a") == of("1", "b") {
		t.Errorf("known by %q, %q, %q", of("1", "a"), of("2", "a"), of("1", "b"))
	}
	if KnownBy(nil, e, "g") != Identity(e, "g") || KnownBy(&contract.Delivery{}, e, "g") != Identity(e, "g") {
		t.Error("nothing is promised, and it is not known")
	}
}

func BenchmarkIdentity(b *testing.B) {
	e := &event.Event{ID: "01JZZZZZZZZZZZZZZZZZZZZZZZ", Source: "/orders", Type: "orders.paid.v1", Subject: "ord_1", Data: make([]byte, 500)}
	for b.Loop() {
		Identity(e, "")
	}
}
