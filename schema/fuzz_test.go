package schema

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/growth"
	"github.com/treaty-events/treaty/internal/syntax"
)

// FuzzCheck holds Check, CheckValues and Compile to their promises on any
// text: no panic, findings inside of the text, an end.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"type":"strng"}`, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#"}]}`, `{"properties":{"a":{"$ref":"#/properties/a"}},"default":{"a":{}}}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":["null","R"],"default":null}]}`,
		`{"minimum":1e999999999,"maximum":-1e999999999,"multipleOf":1e-400}`, `{"pattern":"(?<a>(a+)+)$","default":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}`,
		`{"$id":"http://a/b","$dynamicRef":"#x","$defs":{"x":{"$dynamicAnchor":"x"}},"examples":[1]}`, `{"enum":[1,1.0],"const":null,"required":["a","a"]}`,
		`{"if":true,"not":false,"items":[{}],"contains":{},"uniqueItems":true,"examples":[[1,1]]}`,
	} {
		f.Add(seed, uint8(AsyncAPI))
		f.Add(seed, uint8(Draft2020))
		f.Add(seed, uint8(Avro))
	}
	f.Fuzz(func(t *testing.T, text string, dialect uint8) {
		d := Dialect(dialect) % (Foreign + 1)
		n, _ := syntax.Parse(diag.NewFile("fuzz", text), syntax.FormatOf("", text), syntax.Limits{Nodes: 10_000, Depth: 100})
		checkAll(t, n, d, len(text))
	})
}

func checkAll(t *testing.T, n *syntax.Node, d Dialect, size int) {
	report := func(f diag.Diagnostic) {
		if f.Rule == "" || f.Severity == 0 || f.Message == "" {
			t.Errorf("a finding lacks something: %+v", f)
		}
		if f.Span.File != nil && (f.Span.Start < 0 || f.Span.End > size || f.Span.Start > f.Span.End) {
			t.Errorf("the span %d-%d of %q is outside of the text", f.Span.Start, f.Span.End, f.Message)
		}
	}
	Check(n, d, localReferences(n), report)
	Check(n, d, nil, report)
	c := NewCompiler(localReferences(n))
	CheckValues(n, d, c, report)
	if s, err := c.Compile(n, d); err == nil {
		if problems := s.Validate(n); (len(problems) == 0) != s.Valid(n) {
			t.Errorf("Valid and Validate disagree: %v", problems)
		}
	}
}

// TestCheckRandom is what FuzzCheck does, on schemas grown at random.
func TestCheckRandom(t *testing.T) {
	rnd := rand.New(rand.NewSource(3))
	for range 2000 {
		v := randomSchema(rnd, 4)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, node(t, string(text)), Dialect(1+rnd.Intn(int(Avro))), len(text))
	}
}

func randomSchema(rnd *rand.Rand, depth int) any {
	m := map[string]any{}
	for range rnd.Intn(5) {
		k := &keywords[1+rnd.Intn(keywordCount-1)]
		var value any = roundTrip([]byte(oddValues[rnd.Intn(len(oddValues))]))
		if depth > 0 && rnd.Intn(3) > 0 {
			sub := randomSchema(rnd, depth-1)
			switch k.shape {
			case aSchema, boolOrSchema, schemaOrList:
				value = sub
			case schemaList:
				value = []any{sub, randomSchema(rnd, depth-1)}
			case schemaMap, schemaOrNames:
				value = map[string]any{"a": sub, "b": randomSchema(rnd, depth-1)}
			}
		}
		if k.name == "$ref" {
			value = []any{"#", "#/properties/a", "#/allOf/0", "#/nowhere", "a#b"}[rnd.Intn(5)]
		}
		m[k.name] = value
	}
	return m
}

// TestLinear grows the shapes that cost most, and holds the cost to the size.
func TestLinear(t *testing.T) {
	lines := func(head, line string, n int) string { return head + strings.Repeat(line, n) }
	numbered := func(head, before, after string, n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(before + strings.Repeat("v", i%7) + string(rune('a'+i%26)) + itoa(i) + after)
		}
		return b.String()
	}
	shapes := map[string]func(n int) string{
		"branches that require": func(n int) string {
			return lines("properties: {a: {}}\noneOf:\n", "  - {required: [a, q], properties: {b: {}}}\n", n)
		},
		"names that are not defined": func(n int) string {
			return numbered("properties: \n", "  p", ": {}\n", n) + numbered("required:\n", "  - ", "\n", n)
		},
		"names that are forbidden": func(n int) string {
			return numbered("additionalProperties: false\nproperties: \n", "  p", ": {}\n", n) + numbered("required:\n", "  - ", "\n", n)
		},
		"strange keywords": func(n int) string { return numbered("", "requried", ": 1\n", n) },
		"a long enum":      func(n int) string { return numbered("enum:\n", "  - ", "\n", n) },
		"an example that has too much": func(n int) string {
			return numbered("additionalProperties: false\nproperties:\n", "  p", ": {}\n", n) + numbered("examples:\n  -\n", "    ", ": 1\n", n)
		},
		"an example of long enums": func(n int) string {
			return numbered("items:\n  enum:\n", "    - ", "\n", n) + numbered("examples:\n  -\n", "    - ", "\n", n)
		},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 1000, func(size int) func() {
				n := node(t, shape(size))
				return func() {
					Check(n, AsyncAPI, localReferences(n), func(diag.Diagnostic) {})
					CheckValues(n, AsyncAPI, NewCompiler(localReferences(n)), func(diag.Diagnostic) {})
				}
			})
		})
	}
}

func itoa(i int) string {
	text, _ := json.Marshal(i)
	return string(text)
}

// TestHostile: a schema that is made to be expensive comes to an end. Without the
// limits none of these would, or not before memory does.
func TestHostile(t *testing.T) {
	cases := map[string]string{
		"alternatives without end": `{"anyOf":[{"properties":{"x":{"$ref":"#"}},"required":["no"]},{"properties":{"x":{"$ref":"#"}},"required":["no"]}],"examples":[` +
			strings.Repeat(`{"x":`, 60) + `1` + strings.Repeat(`}`, 60) + `]}`,
		"a pattern that backtracks":  `{"pattern":"^(?=x|(a+)+$)b","examples":["` + strings.Repeat("a", 60) + `!"]}`,
		"a pattern that would":       `{"pattern":"^(a+)+$","examples":["` + strings.Repeat("a", 5000) + `!"]}`,
		"numbers of a million zeros": `{"multipleOf":7,"minimum":-1e1000000,"maximum":1e1000000,"examples":[1e1000000,1e-1000000,1e999999999999999999999]}`,
		"a circle of references":     `{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"examples":[1]}`,
		"a circle of allOf":          `{"allOf":[{"$ref":"#"}],"required":["a"],"properties":{"b":{}},"default":1}`,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			n := node(t, text)
			checkAll(t, n, AsyncAPI, len(text))
			checkAll(t, n, Draft2020, len(text))
		})
	}
}
