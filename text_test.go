package treaty_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/contract"
)

// TestTextData: under text/plain a string of Go travels as its text, and is read as
// the string that it was.
func TestTextData(t *testing.T) {
	const text = `asyncapi: 3.1.0
info: {title: Notes, version: 1.0.0}
channels:
  notes:
    address: notes
    messages:
      Noted:
        contentType: text/plain
        x-cloudevents: {mode: binary, type: notes.noted.v1, source: /notes}
        payload: {type: string, maxLength: 8}
operations:
  send: {action: send, channel: {$ref: '#/channels/notes'}}
  receive: {action: receive, channel: {$ref: '#/channels/notes'}}
`
	c, _, err := contract.Load(t.Context(), "notes.yaml", contract.Options{FS: fstest.MapFS{"notes.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	got := make(chan string, 1)
	run(t, c, b, func(k *treaty.Consumer) {
		treaty.On(k, "notes.noted.v1", func(_ context.Context, d *treaty.Delivered, note string) error {
			got <- d.DataContentType + " " + string(d.Data) + " " + note
			return nil
		})
	})
	p := producer(t, c, b)
	if _, err := p.Publish(t.Context(), "notes.noted.v1", "s", "paid\n\"x\""); err != nil {
		t.Fatal(err)
	}
	select {
	case all := <-got:
		if want := "text/plain paid\n\"x\" paid\n\"x\""; all != want {
			t.Errorf("%q was read, and not %q", all, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	var invalid *treaty.InvalidError
	if _, err := p.Publish(t.Context(), "notes.noted.v1", "s", "paid at last"); !errors.As(err, &invalid) {
		t.Error(err)
	}
	if _, err := p.Publish(t.Context(), "notes.noted.v1", "s", 7); err == nil || !strings.Contains(err.Error(), "7 is no string, and data that are text/plain are a text") {
		t.Error(err)
	}
}
