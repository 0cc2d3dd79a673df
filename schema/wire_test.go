package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// benchSet is a schema with events that conform to it.
func benchSet(t testing.TB, name string) (*Schema, [][]byte) {
	dir := filepath.Join(filepath.Dir(suiteDir(t)), "validation-bench", name)
	text, err := os.ReadFile(filepath.Join(dir, "schema-noformat.json"))
	if err != nil {
		t.Skip(err)
	}
	s, err := Parse("schema.json", text, Unknown)
	if err != nil {
		t.Fatal(err)
	}
	events, err := os.ReadFile(filepath.Join(dir, "instances.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return s, bytes.Split(bytes.TrimSpace(events), []byte("\n"))
}

var benchSets = []string{"orders", "helm-chart-lock", "pre-commit-hooks", "cmake-presets"}

func BenchmarkValid(b *testing.B) {
	for _, name := range benchSets {
		s, events := benchSet(b, name)
		size := 0
		for _, e := range events {
			if !s.ValidJSON(e) {
				b.Fatalf("%s: %.200s is refused: %v", name, e, s.validateTree(e))
			}
			size += len(e)
		}
		if s.program().byTree {
			b.Fatalf("%s is left to trees", name)
		}
		b.Run(name+"/treaty", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size / len(events)))
			for i := 0; b.Loop(); i++ {
				s.ValidJSON(events[i%len(events)])
			}
		})
		b.Run(name+"/json", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size / len(events)))
			for i := 0; b.Loop(); i++ {
				json.Valid(events[i%len(events)])
			}
		})
	}
}
