package gen

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/schema"
)

// contractOf reads a contract from files in memory.
func contractOf(t testing.TB, files map[string]string, name string) *contract.Contract {
	t.Helper()
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, found, err := contract.Load(context.Background(), name, contract.Options{FS: all})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		if d.Severity == diag.Error {
			t.Fatalf("%s: %s", d.Span, d.Message)
		}
	}
	return c
}

// withPayload is a contract of one event with a payload schema, in JSON.
func withPayload(t testing.TB, schema string) *contract.Contract {
	t.Helper()
	return contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"T","version":"1.0.0"},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{"thingHappened":{"headers":{"type":"object","required":["type"],"properties":{"type":{"type":"string","const":"t.happened.v1"}}},
"payload":{"schemaFormat":"application/schema+json;version=draft-2020-12","schema":{"$ref":"thingHappenedData.json"}}}}}}}`,
		"thingHappenedData.json": schema}, "c.json") // a file of its own, in which # is the schema
}

// describe writes a shape on one line; what has been met is its name alone.
func describe(s *Shape, met map[*Shape]bool) string {
	null := ""
	if s.Nullable {
		null = "?"
	}
	if met[s] && s.Name != "" {
		return s.Name + null
	}
	met[s] = true
	list := func(all []*Shape) string {
		var texts []string
		for _, one := range all {
			texts = append(texts, describe(one, met))
		}
		return strings.Join(texts, ", ")
	}
	switch s.Kind {
	case Array:
		return "[" + describe(s.Item, met) + "]" + null
	case Tuple:
		rest := ""
		if s.Item != nil {
			rest = ", …" + describe(s.Item, met)
		}
		return "(" + list(s.Items) + rest + ")" + null
	case Map:
		return "map of " + describe(s.Item, met) + null
	case Object:
		var fields []string
		for _, f := range s.Fields {
			mark := "?"
			if f.Required {
				mark = ""
			}
			fields = append(fields, f.Name+mark+" "+describe(f.Shape, met))
		}
		if s.Item != nil {
			fields = append(fields, "* "+describe(s.Item, met))
		}
		return s.Name + "{" + strings.Join(fields, ", ") + "}" + null
	case Enum:
		var values []string
		for _, v := range s.Values {
			values = append(values, v.Value)
		}
		return s.Name + "(" + strings.Join(values, "|") + ")" + null
	case Union:
		var branches []string
		for _, b := range s.Branches {
			tags := ""
			if len(b.Tags) > 0 {
				tags = strings.Join(b.Tags, "/") + ": "
			}
			branches = append(branches, tags+describe(b.Shape, met))
		}
		return s.Name + "<" + s.Tag + " " + strings.Join(branches, " or ") + ">" + null
	}
	return fmt.Sprint([...]string{"any", "null", "boolean", "integer", "number", "string"}[s.Kind], null)
}

func TestShapes(t *testing.T) {
	for schema, want := range map[string]string{
		`true`:                              "any",
		`{}`:                                "any",
		`{"type":"string","format":"date"}`: "string",
		`{"type":["integer","null"]}`:       "integer?",
		`{"type":"null"}`:                   "null",
		`{"enum":["a","b",null]}`:           "ThingHappenedData(a|b)?",
		`{"enum":[1,2.5]}`:                  "ThingHappenedData(1|2.5)",
		`{"enum":[1,"a"]}`:                  "any",
		`{"const":"x"}`:                     "ThingHappenedData(x)",
		`{"type":"array"}`:                  "[any]",
		`{"items":{"type":"string"}}`:       "[string]",
		`{"type":"object"}`:                 "map of any",
		`{"additionalProperties":{"type":"integer"}}`:                                                                                                                     "map of integer",
		`{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`:                                                                             "(string, integer)",
		`{"type":"array","prefixItems":[{"type":"string"}]}`:                                                                                                              "(string, …any)",
		`{"properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{}}}},"required":["a"]}`:                                                             "ThingHappenedData{a string, b? ThingHappenedDataB{c? any}}",
		`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"string"}}`:                                                                                "ThingHappenedData{a? any, * string}",
		`{"type":"object","properties":{"a":{}},"patternProperties":{"^x":{"type":"integer"}}}`:                                                                           "ThingHappenedData{a? any, * any}",
		`{"type":"object","properties":{"a":{}},"patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false}`:                                              "ThingHappenedData{a? any, * integer}",
		`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"},"all":{"type":"array","items":{"$ref":"#/$defs/node"}}}}}}`: "ThingHappenedData{next? ThingHappenedData, all? [ThingHappenedData]}",
		`{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"integer"},"a":{}},"required":["b"]}]}`:             "ThingHappenedData{a string, b integer}",
		`{"allOf":[{"type":"number"},{"type":"integer","minimum":3}]}`:                                                                                                    "integer",
		`{"anyOf":[{"anyOf":[{"type":"null"}]}]}`:                                                                                                                         "null",
		`{"oneOf":[{"type":"null"},{"type":"string"}]}`:                                                                                                                   "string?",
		`{"anyOf":[{"type":"string"},{"type":"integer"}]}`:                                                                                                                "ThingHappenedData< string or integer>",
		`{"type":["string","integer","null"]}`:                                                                                                                            "ThingHappenedData< string or integer>?",
		`{"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`:                                                                  "ThingHappenedData{a? any, b? any}",
		`{"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}],"$defs":{"cat":{"type":"object","required":["kind"],"properties":{"kind":{"const":"cat"}}},"dog":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["dog","wolf"]}}}}}`: "ThingHappenedData<kind cat: Cat{kind CatKind(cat)} or dog/wolf: Dog{kind DogKind(dog|wolf)}>",
		`{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}`:                                             "ThingHappenedData< ThingHappenedDataOption1{a string, id string} or ThingHappenedDataOption2{b string, id string}>",
		`{"type":"array","items":{"$ref":"#"}}`: "[[any]]",
	} {
		m := ModelOf(withPayload(t, schema), Everything)
		if got := describe(m.Events[0].Payload, map[*Shape]bool{}); got != want {
			t.Errorf("%s\n  is %s\n and not %s", schema, got, want)
		}
	}
}

func TestLoose(t *testing.T) {
	for schema, want := range map[string]bool{
		`{"properties":{"a":{}}}`:                                              true,
		`{"items":{"type":"string"}}`:                                          true,
		`{"type":"object","properties":{"a":{}}}`:                              false,
		`{"allOf":[{"properties":{"a":{}}},{"type":"object"}]}`:                false,
		`{"type":"object","oneOf":[{"properties":{"a":{}},"required":["a"]}]}`: false,
	} {
		if s := ModelOf(withPayload(t, schema), Everything).Events[0].Payload; s.Loose != want {
			t.Errorf("%s: loose is %v", schema, s.Loose)
		}
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"orders.paid_v1": "OrdersPaidV1", "OrderPaidV1": "OrderPaidV1", "HTTPServer": "HTTPServer", "order id": "OrderId", "ORDER_PAID": "OrderPaid", "3d": "N3d", "": "", "é-a": "ÉA", "..": "",
	} {
		if got := camel(in); got != want {
			t.Errorf("camel(%q) is %q, and not %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"orderId": "order_id", "HTTPServer": "http_server", "orders.paid.v1": "orders_paid_v1"} {
		if got := snake(in); got != want {
			t.Errorf("snake(%q) is %q, and not %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"order_id": "orderId", "HTTPServer": "httpServer", "OrderPaidV1": "orderPaidV1"} {
		if got := lowerCamel(in); got != want {
			t.Errorf("lowerCamel(%q) is %q, and not %q", in, got, want)
		}
	}
}

// The example's contract gives the types that its author would have named.
func TestOrders(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "orders", "orders.asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := ModelOf(contractOf(t, map[string]string{"o.yaml": string(text)}, "o.yaml"), Everything)
	var names []string
	for _, s := range m.Shapes {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); !strings.Contains(got, "OrderPaidPayload") || !strings.Contains(got, "OrderLine ") || !strings.Contains(got, "OrderPaidV1Headers") {
		t.Errorf("the shapes are %s", got)
	}
	for _, e := range m.Events {
		r, err := (&Input{Model: m}).Rules(e, false)
		if err != nil || r.Data == nil || len(r.Attributes) == 0 {
			t.Errorf("%s: %+v, %v", e.Type, r, err)
		}
		if !e.Sent || e.Received {
			t.Errorf("%s is sent: %v, received: %v", e.Type, e.Sent, e.Received)
		}
	}
}

// What is wrong within a member of a union of Avro is found in its place.
func TestAvroUnionRules(t *testing.T) {
	c := fromDisk(t, filepath.Join("testdata", "hard"), "hard.yaml")
	m := ModelOf(c, Everything)
	for _, e := range m.Events {
		if e.Type != "ledger.entry.booked.v1" {
			continue
		}
		rules, err := (&Input{Model: m}).Rules(e, false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := schema.Parse("entry", rules.Data, schema.Draft2020)
		if err != nil {
			t.Fatal(err)
		}
		for reference, want := range map[string]string{
			`null`: "", `{"string":"x"}`: "", `{"ledger.Document":{"number":1}}`: "",
			`{"ledger.Document":{"number":"1"}}`:            "/reference/ledger.Document/number",
			`{"string":null}`:                               "/reference/string",
			`{"int":1}`:                                     "/reference/int",
			`{"string":"x","ledger.Document":{"number":1}}`: "/reference",
			`{}`: "/reference", `"x"`: "/reference",
		} {
			got := ""
			for _, p := range s.ValidateJSON([]byte(`{"account":"a","minor":1,"side":"DEBIT","labels":{},"reverses":null,"reference":` + reference + `}`)) {
				got = p.Instance
			}
			if got != want {
				t.Errorf("%s is wrong at %q, not %q", reference, got, want)
			}
		}
		return
	}
	t.Error("there is no event of Avro")
}

// Two channels that give one event type different payloads are a fault that names
// both places; what only looks different is none, and neither is what is of the
// other direction.
func TestAgreed(t *testing.T) {
	two := func(one, other, more string) *contract.Contract {
		return contractOf(t, map[string]string{"c.yaml": `asyncapi: 3.1.0
info: {title: T, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  orders:
    address: orders
    messages:
      paid: {headers: {type: object, properties: {type: {const: paid.v1}}}, ` + one + `}
  archive:
    address: archive
    messages:
      kept: {headers: {type: object, properties: {type: {const: paid.v1}}}, ` + other + `}
` + more}, "c.yaml")
	}
	const number, whole = "payload: {type: object, properties: {n: {type: number}}}", "payload: {type: object, properties: {n: {type: integer}}}"
	plan := func(c *contract.Contract, only Only) error {
		for _, target := range Targets {
			_, err := Plan(target, &Input{Model: ModelOf(c, only), Only: only, Version: "test"}, t.TempDir())
			if err != nil {
				return fmt.Errorf("%s: %w", target.Name, err)
			}
		}
		return nil
	}
	const directions = "operations:\n  in: {action: receive, channel: {$ref: '#/channels/orders'}}\n  out: {action: send, channel: {$ref: '#/channels/archive'}}\n"
	for _, test := range []struct{ one, other, more, want string }{
		{number, whole, "", `go: c.yaml:12:7: the message "kept" of the channel "archive" has the event type "paid.v1", as "paid" of the channel "orders" at c.yaml:8:7 has, but another payload`},
		{number, whole, directions, "--only send and --only receive"},
		{number, "payload: {title: Paid, allOf: [{type: object}, {properties: {n: {description: How many., type: number}}}]}", "", ""},
		{number, "x-cloudevents: {mode: structured, payload: envelope, type: paid.v1}, " + number, "", "another payload"},
		{number, number + ", x-compatibility: {readers: tolerant}", "", `typescript: c.yaml:12:7: the message "kept"`},
		{number, "x-compatibility: {mode: full}, " + number, "", ""},
	} {
		err := plan(two(test.one, test.other, test.more), Everything)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s and %s: %v, and not %s", test.one, test.other, err, test.want)
		}
	}
	c := two(number, whole, directions)
	for only, want := range map[Only]Kind{Receives: Number, Sends: Integer} {
		if err := plan(c, only); err != nil {
			t.Errorf("%s: %v", only, err)
		}
		if got := ModelOf(c, only).Events[0].Payload.Fields[0].Shape.Kind; got != want {
			t.Errorf("%s has the payload of the other direction", only)
		}
	}
}
