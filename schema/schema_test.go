package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/treaty-events/treaty/internal/syntax"
)

func TestDialectOf(t *testing.T) {
	cases := []struct {
		format string
		want   Dialect
		ok     bool
	}{
		{"application/vnd.aai.asyncapi;version=3.0.0", AsyncAPI, true},
		{"application/vnd.aai.asyncapi+json;version=2.6.0", AsyncAPI, true},
		{"application/vnd.aai.asyncapi+yaml; version=3.1.0", AsyncAPI, true},
		{"application/vnd.aai.asyncapi", AsyncAPI, true},
		{"application/vnd.aai.asyncapi;version=4.0.0", Foreign, true},
		{"application/schema+json;version=draft-07", Draft7, true},
		{"Application/Schema+YAML ; Version=Draft-07", Draft7, true},
		{"application/schema+json", Draft7, true},
		{"application/schema+json;version=draft-04", Draft4, true},
		{"application/schema+json;version=draft-06", Draft6, true},
		{"application/schema+json;version=2019-09", Draft2019, true},
		{"application/schema+json;version=draft/2019-09", Draft2019, true},
		{"application/schema+json;version=draft-2020-12", Draft2020, true},
		{"application/schema+yaml;version=2020-12", Draft2020, true},
		{`application/schema+json;version="draft/2020-12"`, Draft2020, true},
		{"application/schema+json;version=https://json-schema.org/draft/2020-12/schema", Draft2020, true},
		{"application/schema+json;version=draft-03", Foreign, true},
		{"application/vnd.apache.avro;version=1.9.0", Avro, true},
		{"application/vnd.apache.avro+json;version=1.12.0", Avro, true},
		{"application/vnd.apache.avro+yaml", Avro, true},
		{"application/vnd.oai.openapi;version=3.0.0", OpenAPI30, true},
		{"application/vnd.oai.openapi+json;version=3.0.3", OpenAPI30, true},
		{"application/vnd.oai.openapi;version=3.1.0", Foreign, true},
		{"application/raml+yaml;version=1.0", Foreign, true},
		{"application/vnd.google.protobuf;version=proto3", Foreign, true},
		{"application/xml", Foreign, true},
		{"avro", Unknown, false},
		{"", Unknown, false},
		{"application/", Unknown, false},
		{"application/schema+json;version", Unknown, false},
		{"application/json;", Foreign, true},
	}
	for _, c := range cases {
		if got, ok := DialectOf(c.format); got != c.want || ok != c.ok {
			t.Errorf("%q is %v, %v; want %v, %v", c.format, got, ok, c.want, c.ok)
		}
	}
}

func TestKeywordsAgree(t *testing.T) {
	for i := kwNone + 1; i < keywordCount; i++ {
		if got := lookup(keywords[i].name); got != i {
			t.Errorf("%q is keyword %d by lookup, %d in the table", keywords[i].name, got, i)
		}
	}
}

func TestChildren(t *testing.T) {
	n := node(t, `{"properties":{"a":{},"b":true},"items":[{},{}],"additionalItems":false,"allOf":[{}],"not":{},"dependencies":{"x":["y"],"z":{}},
		"prefixItems":[{}],"enum":[{}],"default":{"properties":{}},"$ref":"#","definitions":{"d":{}},"$defs":{"e":{}},"example":{}}`)
	cases := map[Dialect]string{
		AsyncAPI:  "properties properties items items additionalItems allOf not dependencies definitions",
		Draft2020: "properties properties items items allOf not dependencies prefixItems definitions $defs",
		OpenAPI30: "properties properties items items allOf not",
		Avro:      "", Foreign: "", Unknown: "",
	}
	for d, want := range cases {
		var got []string
		Children(n, d, func(keyword string, sub *syntax.Node) { got = append(got, keyword) })
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %v, want %s", d, got, want)
		}
	}
	Children(node(t, `true`), AsyncAPI, func(string, *syntax.Node) { t.Error("a boolean has no children") })
	Children(nil, AsyncAPI, func(string, *syntax.Node) { t.Error("nothing has no children") })
}

// TestMessages shows what a person reads, one problem at a time.
func TestMessages(t *testing.T) {
	cases := []struct{ schema, instance, want string }{
		{`{type: string}`, `5`, `: 5 is a number, but has to be a string`},
		{`{type: [string, "null"]}`, `[]`, `: there is a list, but it has to be a string or null`},
		{`{properties: {amount: {}, currency: {}}, additionalProperties: false}`, `{amout: 1}`, `/amout: property "amout" is not allowed here; did you mean "amount"?`},
		{`{properties: {amount: {}}, required: [amount]}`, `{amout: 1}`, `: property "amount" is required; there is "amout" instead, so rename it`},
		{`{required: [a]}`, `{}`, `: property "a" is required; add it`},
		{`{minimum: 3}`, `2`, `: 2 has to be at least 3`},
		{`{exclusiveMaximum: 3}`, `3.0`, `: 3.0 has to be less than 3`},
		{`{multipleOf: 0.01}`, `1.005`, `: 1.005 has to be a multiple of 0.01`},
		{`{maximum: 9007199254740992}`, `9007199254740993`, `: 9007199254740993 has to be at most 9007199254740992`},
		{`{minLength: 2}`, `é`, `: "é" has 1 character, but needs at least 2`},
		{`{pattern: '^[A-Z]{3}$'}`, `eur`, `: "eur" does not match the pattern /^[A-Z]{3}$/`},
		{`{uniqueItems: true}`, `[1, 2, 1.0]`, `: items 0 and 2 are the same (1.0); remove one`},
		{`{items: [{}], additionalItems: false}`, `[1, 2]`, `: item 1 is one too many: the list ends after 1 item`},
		{`{properties: {a: false}}`, `{a: 1}`, `/a: property "a" is not allowed: its schema is false; leave it out`},
		{`{propertyNames: {pattern: '^[a-z]+$'}}`, `{A: 1}`, `/A: the property name "A" does not match the pattern /^[a-z]+$/`},
		{`{dependencies: {a: [b]}}`, `{a: 1}`, `: property "b" is required beside "a"; add it`},
		{`{enum: [red, green]}`, `gren`, `: "gren" is not one of the values allowed; did you mean "green"?`},
		{`{enum: [1, 2, null]}`, `x`, `: "x" has to be 1, 2 or null`},
		{`{const: {a: [1]}}`, `1`, `: 1 has to be {"a":[1]}`},
		{`{not: {type: string}}`, `x`, `: "x" is what the schema says it must not be`},
		{`{oneOf: [{type: number}, {type: integer}]}`, `5`, `: 5 fits both alternative 1 and alternative 2, but has to fit exactly one`},
		{`{contains: {type: string}}`, `[1]`, `: 0 items of the list fit what it has to contain, but at least 1 must`},
		{`{if: {required: [a]}, then: {required: [b]}}`, `{a: 1}`, `: property "b" is required; add it`},
		{`{format: date-time}`, `today`, `: "today" is not a date-time such as 2026-01-31T12:00:00Z (RFC 3339)`},
		{`{oneOf: [{properties: {kind: {const: a}, x: {type: string}}, required: [kind]}, {properties: {kind: {const: b}}, required: [kind]}]}`,
			`{kind: a, x: 5}`, `/x: 5 is a number, but has to be a string`},
		{`{discriminator: kind, oneOf: [{$ref: '#/definitions/Card'}, {$ref: '#/definitions/Cash'}], definitions: {Card: {required: [number]}, Cash: {required: [coins]}}}`,
			`{kind: Cash}`, `: property "coins" is required; add it`},
		{`{anyOf: [{required: [a, b]}, {required: [c]}]}`, `{x: 1}`, `: an object fits none of the 2 alternatives; closest is alternative 2, where property "c" is required; add it`},
	}
	for _, c := range cases {
		s, err := NewCompiler(nil).Compile(node(t, c.schema), AsyncAPI)
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		var got []string
		for _, p := range s.Validate(node(t, c.instance)) {
			got = append(got, p.Instance+": "+p.Message)
			if p.Node == nil || p.Schema.IsZero() {
				t.Errorf("%s: the problem %q has no place", c.schema, p.Message)
			}
		}
		if !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s on %s:\n got %q\nwant %q", c.schema, c.instance, got, c.want)
		}
	}
}

func TestProblemPlaces(t *testing.T) {
	schema := node(t, "type: object\nproperties:\n  a: {type: array, items: {type: string, maxLength: 1}}\n")
	s, err := NewCompiler(nil).Compile(schema, Draft7)
	if err != nil {
		t.Fatal(err)
	}
	ps := s.ValidateJSON([]byte(`{"a": ["x", "long", 5]}`))
	if len(ps) != 2 {
		t.Fatalf("problems %v", ps)
	}
	p := ps[0]
	if p.Instance != "/a/1" || p.Keyword != "maxLength" || p.SchemaPointer != "/properties/a/items/maxLength" || p.Schema.Text() != "maxLength" || p.Node.Value != "long" {
		t.Errorf("the first problem is %+v", p)
	}
	if ps := s.ValidateJSON([]byte(`{"a": [`)); len(ps) == 0 || ps[0].Keyword != "" {
		t.Errorf("malformed JSON gives %v", ps)
	}
	if ps := s.ValidateJSON([]byte(`{"a": ["x"]}`)); ps != nil {
		t.Errorf("a valid value gives %v", ps)
	}
}

// The limits of a value are said without the flag that raises those of a file.
func TestValueOverLimit(t *testing.T) {
	s, err := NewCompiler(nil).Compile(node(t, "type: array"), Draft7)
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", maxWireDepth+1) + strings.Repeat("]", maxWireDepth+1)
	const want = "the value is over the limit depth of 512, within which alone it is looked at; make it smaller, or nest it less"
	if ps := s.ValidateJSON([]byte(deep)); len(ps) == 0 || ps[0].Message != want {
		t.Errorf("%v", ps)
	}
}

// TestAcrossDialects follows references into a schema of another dialect, in
// which a keyword means something else.
func TestAcrossDialects(t *testing.T) {
	root := node(t, `
payload:
  properties:
    old: {$ref: '#/old'}
    tuple: {$ref: '#/new'}
    again: {$ref: '#/payload'}
old:
  schemaFormat: application/schema+json;version=draft-04
  schema: {minimum: 3, exclusiveMinimum: true}
new:
  schemaFormat: application/schema+json;version=2020-12
  schema: {prefixItems: [{type: string}]}
avro:
  schemaFormat: application/vnd.apache.avro;version=1.9.0
  schema: string
bad: {$ref: '#/avro'}
nowhere: {$ref: '#/nothing'}
remote: {$ref: 'https://example.com/schema'}
`)
	c := NewCompiler(localReferences(root))
	s, err := c.Compile(root.Get("payload"), AsyncAPI)
	if err != nil {
		t.Fatal(err)
	}
	for instance, valid := range map[string]bool{`{old: 4}`: true, `{old: 3}`: false, `{tuple: [a]}`: true, `{tuple: [1]}`: false, `{again: {again: {old: 3}}}`: false} {
		if ps := s.Validate(node(t, instance)); (len(ps) == 0) != valid {
			t.Errorf("%s: %v", instance, ps)
		}
	}
	for _, key := range []string{"bad", "nowhere", "remote"} {
		_, err := c.Compile(root.Get(key), AsyncAPI)
		if _, ok := err.(*CompileError); !ok {
			t.Errorf("%s compiles, or fails without a place: %v", key, err)
		}
	}
	// What failed to compile leaves nothing behind that would pass later.
	if _, err := c.Compile(root.Get("nowhere"), AsyncAPI); err == nil {
		t.Error("the second attempt compiles")
	}
	if _, err := c.Compile(root.Get("payload"), Foreign); err == nil {
		t.Error("a schema of a foreign language compiles")
	}
	if _, err := c.Compile(nil, Draft7); err == nil {
		t.Error("no schema compiles")
	}
}

func TestConcurrentUse(t *testing.T) {
	root := node(t, manySchemas(20))
	c := NewCompiler(localReferences(root))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for _, n := range root.Get("schemas").Items {
				s, err := c.Compile(n, AsyncAPI)
				if err != nil {
					t.Error(err)
					return
				}
				if ps := s.Validate(n.Get("examples").Items[0]); ps != nil {
					t.Error(ps)
				}
			}
		})
	}
	wait.Wait()
}

func TestDecimal(t *testing.T) {
	order := []string{"-1e999999999999", "-1e5", "-10", "-1.5", "-1e-400", "0", "1e-400", "0.1", "1", "1.0000000000000000000001", "9007199254740992", "9007199254740993", "1e400", "1e999999999999"}
	for i, a := range order {
		for j, b := range order {
			x, ok := parseDecimal(a)
			y, also := parseDecimal(b)
			if !ok || !also || x.cmp(y) != compareInts(i, j) {
				t.Errorf("%s against %s is %d", a, b, x.cmp(y))
			}
		}
	}
	for _, same := range [][2]string{{"1", "1.0"}, {"100", "1e2"}, {"-0", "0.0"}, {"0x1F", "31"}, {"+5", "5"}, {".5", "0.5"}, {"1E+2", "100"}} {
		x, _ := parseDecimal(same[0])
		y, _ := parseDecimal(same[1])
		if x.cmp(y) != 0 || x.String() != y.String() {
			t.Errorf("%s is %s, and %s is %s", same[0], x, same[1], y)
		}
	}
	for _, bad := range []string{"", "-", ".", "abc", "1e", ".inf", ".nan", "1.2.3", "0x"} {
		if d, ok := parseDecimal(bad); ok {
			t.Errorf("%q is read as %v", bad, d)
		}
	}
	for _, c := range []struct {
		a, of string
		want  bool
	}{{"10", "5", true}, {"1.1", "0.1", true}, {"0.0075", "0.0001", true}, {"1e308", "0.123456789", false}, {"1e400", "7", false}, {"7e400", "7", true},
		{"0", "3", true}, {"-9", "3", true}, {"1e-400", "3", false}, {"12391239123", "1e-8", true}, {"4.5", "1.5", true}, {"4.51", "1.5", false}} {
		x, _ := parseDecimal(c.a)
		y, _ := parseDecimal(c.of)
		if x.isMultipleOf(y) != c.want {
			t.Errorf("whether %s is a multiple of %s: %v", c.a, c.of, !c.want)
		}
	}
}

func TestPatternsMatch(t *testing.T) {
	cases := []struct {
		pattern, text string
		want          bool
	}{
		{`^\d+$`, "12", true}, {`^\d+$`, "१२", false}, {`^\w$`, "é", false}, {`^\s$`, "\u00a0", true}, {`^\s$`, "\ufeff", true}, {`^[\s]$`, "\u2003", true},
		{`^.$`, "\u2028", false}, {`^.$`, "😀", true}, {`a$`, "a\n", false}, {`^[^]$`, "\n", true}, {`[]`, "a", false}, {`^\u{1F600}$`, "😀", true},
		{`^\uD83D\uDE00$`, "😀", true}, {`^(?<y>a)\k<y>$`, "aa", true}, {`^(?!a)b`, "b", true}, {`(?<=a)b`, "ab", true}, {`(?<=a)b`, "b", false},
		{`^\p{Lu}$`, "É", true}, {`^\p{Script=Greek}$`, "α", true}, {`^\P{L}$`, "1", true}, {`^\cJ$`, "\n", true}, {`^[\b]$`, "\b", true}, {`^\0$`, "\x00", true},
		{`^[\w.-]+$`, "a-b.c", true}, {`^[a\-z]$`, "-", true}, {`^[a\-z]$`, "b", false}, {`^[&&~]$`, "&", true}, {`^{"a"}$`, `{"a"}`, true}, {`^\/a\/$`, "/a/", true},
		{`^[^\S ]$`, "\t", true}, {`x*`, "", true}, {`^(a|b){2,3}?$`, "ab", true}, {`^a{1001}$`, strings.Repeat("a", 1001), true},
	}
	for _, c := range cases {
		p, err := compilePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got, err := p.match(c.text); got != c.want || err != nil {
			t.Errorf("whether %s matches %q: %v, %v", c.pattern, c.text, got, err)
		}
		if err := validPattern(c.pattern); err != nil {
			t.Errorf("%s compiles, but is said to be invalid: %v", c.pattern, err)
		}
	}
}

// TestPatternEnds: a match by backtracking that would not end is given up.
func TestPatternEnds(t *testing.T) {
	p, err := compilePattern(`^(([a-z])+.)+[A-Z](?!x)`)
	if err != nil {
		t.Fatal(err)
	}
	if p.linear != nil {
		t.Fatal("the pattern has look-ahead and is matched by an engine without")
	}
	text := strings.Repeat("a", 40) + "!"
	for range 10 {
		if _, err := p.match(text); err == nil {
			t.Fatal("the engine decides it without backtracking, so the test shows nothing")
		}
	}
	if ok, err := p.match("abcA"); !ok || err != nil {
		t.Errorf("a value that matches is refused after one that did not end: %v", err)
	}
}

func TestAvroValues(t *testing.T) {
	s, err := NewCompiler(nil).Compile(node(t, `
type: record
name: Order
namespace: com.example
fields:
  - {name: id, type: string}
  - {name: count, type: int, default: 1}
  - {name: note, type: ["null", string]}
  - {name: kind, type: {type: enum, name: Kind, symbols: [CARD, CASH]}}
  - {name: hash, type: {type: fixed, name: Hash, size: 2}, default: "ab"}
  - {name: lines, type: {type: array, items: {type: record, name: Line, fields: [{name: sku, type: string}, {name: price, type: double}]}}, default: []}
  - {name: labels, type: {type: map, values: long}, default: {}}
  - {name: parent, type: ["null", Order], default: null}
`), Avro)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		`{id: a, note: null, kind: CARD}`:                                                               "",
		`{id: a, note: hello, kind: CARD}`:                                                              "",
		`{id: a, note: {string: hello}, kind: CARD, count: 5}`:                                          "",
		`{id: a, note: {string: 5}, kind: CARD}`:                                                        `/note/string: 5 is a number, but has to be a string`,
		`{id: a, note: 5, kind: CARD}`:                                                                  `/note: 5 is a number, but has to be null or string`,
		`{id: a, note: null, kind: CRAD}`:                                                               `/kind: "CRAD" is no symbol of com.example.Kind; did you mean "CARD"?`,
		`{id: a, note: null, kind: CASH, hash: abc}`:                                                    `/hash: "abc" has 3 bytes, but com.example.Hash has 2`,
		`{id: a, note: null, kind: CASH, count: 3000000000}`:                                            `/count: 3000000000 does not fit int, which has 32 bits`,
		`{id: a, note: null, kind: CASH, count: 1.5}`:                                                   `/count: 1.5 is a number, but has to be a whole number (int)`,
		`{id: a, note: null, kind: CASH, lines: [{sku: x, price: 1.5}, {sku: x}]}`:                      `/lines/1: field "price" of com.example.Line is missing and has no default; add it`,
		`{id: a, note: null, kind: CASH, labels: {a: 1, b: x}}`:                                         `/labels/b: "x" is a string, but has to be a whole number (long)`,
		`{id: a, notes: null, kind: CASH}`:                                                              `/notes: "notes" is no field of com.example.Order; did you mean "note"?` + "\n" + `: field "note" of com.example.Order is missing and has no default; there is "notes" instead, so rename it`,
		`{id: a, note: null, kind: CASH, parent: {id: b, note: null, kind: X}}`:                         `/parent/kind: "X" is no symbol of com.example.Kind; write CARD or CASH`,
		`{id: a, note: null, kind: CASH, parent: {com.example.Order: {id: b, note: null, kind: CASH}}}`: "",
		`[]`: `: there is a list, but it has to be an object with the fields of com.example.Order`,
	}
	for instance, want := range cases {
		var got []string
		for _, p := range s.Validate(node(t, instance)) {
			got = append(got, fmt.Sprintf("%s: %s", p.Instance, p.Message))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s\n got %s\nwant %s", instance, strings.Join(got, "\n"), want)
		}
	}
	if _, err := NewCompiler(nil).Compile(node(t, `{type: record, name: R, fields: [{name: a, type: nope}]}`), Avro); err == nil {
		t.Error("a schema with an unknown type compiles")
	}
}
