package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
)

// TestMalformedHeaders: of what is no event in binary mode tail shows the headers
// with the body, all of them and as they came.
func TestMalformedHeaders(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": `{asyncapi: 3.1.0, info: {title: A, version: 1.0.0}, channels: {a: {address: a, messages: {A: {contentType: application/json, x-cloudevents: {mode: binary, type: a.done.v1}, payload: {type: integer}}}}}}`})
	b, err := broker.Open(t.Context(), "embedded:"+filepath.Join(dir, "events"), adapters...)
	if err != nil {
		t.Fatal(err)
	}
	m := broker.Message{Message: event.Message{Headers: []event.Header{
		{Name: "ce-specversion", Value: event.TextValue("1.0")}, {Name: "ce-id", Value: event.TextValue("1")}, {Name: "ce-id", Value: event.TextValue("2")}, {Name: "ce-subject", Value: event.TextValue("\xff")},
	}, Body: []byte("7")}}
	if err := b.Publish(t.Context(), broker.Channel{Address: "a"}, m); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := Run(t.Context(), Env{Args: []string{"tail", "--broker", "embedded:./events", "a.yaml", "--from", "earliest", "--count", "1", "--timeout", "20s", "--format", "json"}, Dir: dir,
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Now: day})
	var line tailed
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || code != exitFindings {
		t.Fatalf("%d: %v: %s%s", code, err, &out, &errs)
	}
	got := map[string][]header{}
	for _, h := range line.Headers {
		got[h.Name] = append(got[h.Name], h)
	}
	want := map[string][]header{"ce-specversion": {{"ce-specversion", "1.0", ""}}, "ce-id": {{"ce-id", "1", ""}, {"ce-id", "2", ""}}, "ce-subject": {{"ce-subject", "\ufffd", "/w=="}}}
	if line.Raw != base64.StdEncoding.EncodeToString([]byte("7")) || !reflect.DeepEqual(got, want) {
		t.Errorf("%s", &out)
	}
}
