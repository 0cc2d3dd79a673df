package check

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/treaty-events/treaty/contract"
)

// FuzzRun holds that every rule copes with any document that can be read, and
// that every finding stands in a file and is one of the table's.
func FuzzRun(f *testing.F) {
	for _, glob := range []string{"examples/*.txtar", "testdata/*/*.txtar", "../document/testdata/*/*.txtar"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, doc := range a.Files {
				if ext := filepath.Ext(doc.Name); ext == ".yaml" || ext == ".json" {
					f.Add(string(doc.Data))
				}
			}
		}
	}
	ids := map[string]bool{}
	for _, r := range Table() {
		ids[r.ID] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<15 {
			t.Skip()
		}
		name := "a.yaml"
		if strings.HasPrefix(text, "{") {
			name = "a.json"
		}
		c, reading, err := contract.Load(context.Background(), name, contract.Options{FS: fstest.MapFS{name: {Data: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range Run(c, reading, Options{Now: today}, Settings{}) {
			if d.Span.IsZero() || d.Span.Start < 0 || d.Span.Start > d.Span.End || d.Span.End > len(d.Span.File.Text) {
				t.Errorf("a finding out of place: %+v", d)
			}
			if !ids[d.Rule] {
				t.Errorf("reported under %q, which is not in the table", d.Rule)
			}
			if d.Message == "" {
				t.Errorf("%s: %s says nothing", d.Span, d.Rule)
			}
			if d.Fix != nil {
				for _, e := range d.Fix.Edits {
					if e.Span.IsZero() || e.Span.Start > e.Span.End || e.Span.End > len(e.Span.File.Text) {
						t.Errorf("%s: %s: an edit out of place: %+v", d.Span, d.Rule, e)
					}
				}
			}
		}
	})
}

// FuzzCompare compares any two documents: it ends, does not panic, and what it
// says of a document and itself is that nothing changed.
func FuzzCompare(f *testing.F) {
	base := strings.ReplaceAll(comparedBase, "SEND", "send")
	f.Add(base, base)
	for i, row := range comparedRows {
		if i%7 == 0 {
			f.Add(base, strings.ReplaceAll(base, row.from, row.to))
		}
	}
	f.Add("asyncapi: 2.6.0\nchannels: {a: {publish: {message: {payload: {type: string}}}}}", "asyncapi: 3.0.0\nchannels: {a: {address: a, messages: {m: {payload: {$ref: '#/channels/a'}}}}}\noperations: {o: {action: send, channel: {$ref: '#/channels/a'}, reply: {channel: {$ref: '#/channels/a'}}}}")
	f.Add("[]", "{")
	f.Fuzz(func(t *testing.T, before, after string) {
		if len(before)+len(after) > 64<<10 {
			return
		}
		late := time.AfterFunc(30*time.Second, func() { panic("it does not end") })
		defer late.Stop()
		old, faults := comparedContract(t, before)
		new, more := comparedContract(t, after)
		o := Comparing{OldFaults: faults, NewFaults: more}
		changes := CheckVersion(old, new, Compare(old, new, o), o.Settings)
		changes = append(changes, ReusedFields(old, old, new, o)...)
		for _, c := range changes {
			if d := c.Diagnostic(); d.Message == "" || d.Rule == "" {
				t.Errorf("a change says nothing: %+v", c)
			}
			if c.Witness != nil && !json.Valid(c.Witness) {
				t.Errorf("the witness is no JSON: %s", c.Witness)
			}
		}
		Verdict(changes)
		BumpFor(changes)
		for _, c := range Compare(old, old, Comparing{}) {
			t.Errorf("a document differs from itself: %s %s", c.Rule, c.Message)
		}
	})
}
