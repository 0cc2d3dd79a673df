package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/treaty-events/treaty/internal/race"
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

// TestValidAllocates holds the promise that a valid event costs no allocation,
// and that many may be held against a schema at once.
func TestValidAllocates(t *testing.T) {
	for _, name := range benchSets {
		s, events := benchSet(t, name)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for _, e := range events {
					if !s.ValidJSON(e) {
						t.Errorf("%s: %.200s is refused", name, e)
					}
				}
			})
		}
		all.Wait()
		if race.Enabled {
			continue // which makes pools forget
		}
		if n := testing.AllocsPerRun(100, func() { s.ValidJSON(events[0]) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// wellFormed is whether encoding/json and what treaty asks beyond it take a
// text.
func wellFormed(text []byte) bool {
	return json.Valid(text) && utf8.Valid(text) && !keyTwice(json.NewDecoder(bytes.NewReader(text))) && !halfSurrogate(string(text))
}

func keyTwice(d *json.Decoder) bool {
	token, _ := d.Token()
	switch token {
	case json.Delim('{'):
		seen := map[any]bool{}
		for d.More() {
			key, _ := d.Token()
			if seen[key] || keyTwice(d) {
				return true
			}
			seen[key] = true
		}
		d.Token()
	case json.Delim('['):
		for d.More() {
			if keyTwice(d) {
				return true
			}
		}
		d.Token()
	}
	return false
}

// halfSurrogate looks for one half of a pair in a text that is JSON.
func halfSurrogate(text string) bool {
	text = strings.ReplaceAll(text, `\\\\`, "")
	for {
		_, rest, found := strings.Cut(text, `\u`)
		if !found {
			return false
		}
		var high, low rune
		fmt.Sscanf(rest[:4], "%x", &high)
		rest = rest[4:]
		if high >= 0xD800 && high < 0xE000 {
			if high >= 0xDC00 || len(rest) < 6 || rest[:2] != `\u` {
				return true
			}
			if fmt.Sscanf(rest[2:6], "%x", &low); low < 0xDC00 || low >= 0xE000 {
				return true
			}
			rest = rest[6:]
		}
		text = rest
	}
}

// spoil changes a text at a place or two.
func spoil(rnd *rand.Rand, text []byte) []byte {
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\t", `0`, `1`, `-`, `.`, `e`, `E+`, `true`, `null`, `fals`, "\x00", "\x1f", "\x7f", "\xff", "\xc3", "é",
		"\u2028", `\u0041`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `\n`, `\/`, `\x`, `\u12`, `"a":1,`, `"a":2`, `"\u0061":3,`, `"":0,`, `1e400`, `0123`, "\ufeff", `/**/`}
	text = slices.Clone(text)
	for range 1 + rnd.Intn(3) {
		at := rnd.Intn(len(text) + 1)
		switch rnd.Intn(4) {
		case 0:
			text = slices.Insert(text, at, []byte(pieces[rnd.Intn(len(pieces))])...)
		case 1:
			text = slices.Delete(text, at, min(len(text), at+1+rnd.Intn(3)))
		case 2:
			if at < len(text) {
				piece := pieces[rnd.Intn(len(pieces))]
				text = slices.Replace(text, at, at+1, []byte(piece)...)
			}
		case 3:
			end := min(len(text), at+rnd.Intn(20))
			text = slices.Insert(text, end, text[at:end]...)
		}
	}
	return text
}

// TestValidJSONRandom holds reading the bytes, the evaluator of trees and
// encoding/json against each other, on texts that are JSON and texts that are
// not.
func TestValidJSONRandom(t *testing.T) {
	rnd := rand.New(rand.NewSource(5))
	var values [][]byte
	for _, v := range smallValues(t) {
		values = append(values, AppendJSON(nil, v))
	}
	anything, err := Parse("", []byte(`true`), Draft2020)
	if err != nil {
		t.Fatal(err)
	}
	valid, wire, texts := 0, 0, 0
	for range race.Rounds(4000) {
		text, _ := json.Marshal(smallSchema(rnd, 3))
		s, err := NewCompiler(nil).Compile(node(t, string(text)), Draft2020)
		if err != nil {
			continue
		}
		for range 40 {
			event := values[rnd.Intn(len(values))]
			if rnd.Intn(3) == 0 {
				event = spoil(rnd, event)
			}
			texts++
			is := wellFormed(event)
			if got := anything.ValidJSON(event); got != is {
				t.Fatalf("%q is JSON: %v, want %v", event, got, is)
			}
			problems := s.ValidateJSON(event)
			got := s.ValidJSON(event)
			if got != (len(problems) == 0) || got && !is {
				t.Fatalf("%q conforms: %v, but the problems are %v\n%s", event, got, problems, text)
			}
			if tree := s.validateTree(event); got != (len(tree) == 0) {
				t.Fatalf("%q conforms: %v, but as a tree %v\n%s", event, got, tree, text)
			}
			if got {
				valid++
			}
		}
		if !s.program().byTree {
			wire++
		}
	}
	if valid < texts/10 {
		t.Errorf("only %d of %d texts conform", valid, texts)
	}
	t.Logf("%d of %d texts conform; %d schemas are read by bytes alone", valid, texts, wire)
}

// TestSpoilt spoils real events.
func TestSpoilt(t *testing.T) {
	rnd := rand.New(rand.NewSource(6))
	for _, name := range benchSets {
		s, events := benchSet(t, name)
		for range race.Rounds(3000) {
			event := spoil(rnd, events[rnd.Intn(len(events))])
			got := s.ValidJSON(event)
			if tree := s.validateTree(event); got != (len(tree) == 0) {
				t.Fatalf("%s: %q conforms: %v, but as a tree %v", name, event, got, tree)
			}
			if got && !wellFormed(event) {
				t.Fatalf("%s: %q is no JSON", name, event)
			}
		}
	}
}

func TestLax(t *testing.T) {
	for _, c := range []struct {
		text string
		let  Laxity
	}{
		{`{"a":1,"a":"x"}`, DuplicateKeys}, {`{"a":1,"\u0061":"x"}`, DuplicateKeys}, {`{"z":1,"z":2}`, DuplicateKeys},
		{"[\"\xff\"]", InvalidUTF8}, {"{\"\xff\":1}", InvalidUTF8},
		{`["\ud800"]`, LoneSurrogates}, {`["\udc00\ud800"]`, LoneSurrogates},
	} {
		for _, let := range []Laxity{0, DuplicateKeys, InvalidUTF8, LoneSurrogates, DuplicateKeys | InvalidUTF8 | LoneSurrogates} {
			s, err := Parse("", []byte(`{"properties":{"a":{"type":"integer"}}}`), Draft2020, Lax(let))
			if err != nil {
				t.Fatal(err)
			}
			want := let&c.let != 0
			// Of a key that is there twice the values are read both.
			if strings.Contains(c.text, `"x"`) {
				want = false
			}
			if got := s.ValidJSON([]byte(c.text)); got != want {
				t.Errorf("%q with %b let pass: %v, want %v", c.text, let, got, want)
			}
			if problems := s.ValidateJSON([]byte(c.text)); (len(problems) == 0) != want {
				t.Errorf("%q with %b let pass: %v", c.text, let, problems)
			}
		}
	}
}

// FuzzValidJSON asks the three of any schema and any text.
func FuzzValidJSON(f *testing.F) {
	f.Add(`{"properties":{"a":{"type":"integer"}},"required":["a"]}`, []byte(`{"a":1}`))
	f.Add(`{"oneOf":[{"properties":{"t":{"const":"x"}},"required":["t"]},{"properties":{"t":{"const":"y"}},"required":["t"]}]}`, []byte(`{"t":"x"}`))
	f.Add(`{"uniqueItems":true,"contains":{"multipleOf":0.1}}`, []byte(`[1,1.0,"\u0041",{"a":[]}]`))
	f.Add(`{"patternProperties":{"^a+$":{"enum":[1,"é"]}},"unevaluatedProperties":false}`, []byte(`{"aa":"é"}`))
	f.Fuzz(func(t *testing.T, schema string, event []byte) {
		late := time.AfterFunc(10*time.Second, func() { panic("it does not end") })
		defer late.Stop()
		s, err := Parse("", []byte(schema), Draft2020)
		if err != nil {
			return
		}
		got := s.ValidJSON(event)
		if tree := s.validateTree(event); got != (len(tree) == 0) {
			t.Fatalf("conforms: %v, but as a tree %v", got, tree)
		}
		if got && !wellFormed(event) {
			t.Fatal("that is no JSON")
		}
	})
}
