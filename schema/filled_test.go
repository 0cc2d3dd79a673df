package schema

import (
	"strings"
	"testing"
)

// Defaults are put in where a property is not there, at every level and through
// every keyword that applies a schema.
func TestFilled(t *testing.T) {
	for _, c := range []struct{ name, schema, instance, want string }{
		{"nothing is missing", `{"properties":{"a":{"default":1}}}`, ` { "a": 2.50 } `, ` { "a": 2.50 } `},
		{"no default", `{"properties":{"a":{"type":"string"}}}`, `{"b":1}`, `{"b":1}`},
		{"in the order of the schema, behind what is there", `{"properties":{"z":{"default":"x\"y"},"a":{"default":null},"b":{}}}`, `{"b":12345678901234567890.10}`, `{"b":12345678901234567890.10,"z":"x\"y","a":null}`},
		{"required", `{"required":["a"],"properties":{"a":{"type":"integer","default":3}}}`, `{}`, `{"a":3}`},
		{"null is there", `{"properties":{"a":{"default":1}}}`, `{"a":null}`, `{"a":null}`},
		{"below", `{"properties":{"a":{"properties":{"b":{"default":1}}}}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{"within a default", `{"properties":{"a":{"default":{},"properties":{"b":{"default":[]}}}}}`, `{}`, `{"a":{"b":[]}}`},
		{"within itself", `{"properties":{"a":{"$ref":"#","default":{}}}}`, `{}`, `{"a":{"a":{}}}`},
		{"items", `{"prefixItems":[{"properties":{"a":{"default":1}}}],"items":{"properties":{"b":{"default":2}}}}`, `[{},{},3]`, `[{"a":1},{"b":2},3]`},
		{"a reference", `{"$ref":"#/$defs/x","$defs":{"x":{"properties":{"a":{"default":1}}}}}`, `{}`, `{"a":1}`},
		{"a dynamic reference", `{"$dynamicAnchor":"n","properties":{"a":{"default":1},"next":{"$dynamicRef":"#n"}}}`, `{"next":{}}`, `{"next":{"a":1},"a":1}`},
		{"allOf, the first counts", `{"allOf":[{"properties":{"a":{"default":1}}},{"properties":{"a":{"default":2},"b":{"default":3}}}]}`, `{}`, `{"a":1,"b":3}`},
		{"oneOf", `{"oneOf":[{"required":["k"],"properties":{"k":{"const":"x"},"a":{"default":1}}},{"required":["k"],"properties":{"k":{"const":"y"},"a":{"default":2}}}]}`, `{"k":"y"}`, `{"k":"y","a":2}`},
		{"anyOf", `{"anyOf":[{"required":["x"],"properties":{"a":{"default":1}}},{"required":["y"],"properties":{"b":{"default":2}}}]}`, `{"y":0}`, `{"y":0,"b":2}`},
		{"if and then", `{"if":{"required":["x"]},"then":{"properties":{"a":{"default":1}}},"else":{"properties":{"a":{"default":2}}}}`, `{"x":0}`, `{"x":0,"a":1}`},
		{"else", `{"if":{"required":["x"]},"then":{"properties":{"a":{"default":1}}},"else":{"properties":{"a":{"default":2}}}}`, `{}`, `{"a":2}`},
		{"not says nothing", `{"not":{"required":["a"],"properties":{"a":{"default":1}}}}`, `{}`, `{}`},
		{"patterns", `{"patternProperties":{"^x":{"properties":{"a":{"default":1}}}},"additionalProperties":{"properties":{"b":{"default":2}}}}`, `{"x1":{},"y":{}}`, `{"x1":{"a":1},"y":{"b":2}}`},
		{"dependent", `{"dependentSchemas":{"x":{"properties":{"a":{"default":1}}}}}`, `{"x":0}`, `{"x":0,"a":1}`},
		{"unevaluated", `{"properties":{"k":{}},"unevaluatedProperties":{"properties":{"a":{"default":1}}}}`, `{"k":{},"o":{}}`, `{"k":{},"o":{"a":1}}`},
		{"no JSON", `{"properties":{"a":{"default":1}}}`, `{`, `{`},
		{"a key twice", `{"properties":{"a":{"default":1}}}`, `{"b":1,"b":2}`, `{"b":1,"b":2}`},
	} {
		s, err := NewCompiler(nil).Compile(node(t, c.schema), Draft2020)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := string(s.Filled([]byte(c.instance))); got != c.want {
			t.Errorf("%s: %s is filled to\n%s, and not to\n%s", c.name, c.instance, got, c.want)
		}
		read := s.Read(Profile{DefaultsApply: true})
		if got := string(read.Filled([]byte(c.instance))); got != c.want {
			t.Errorf("%s: for a reader %s is filled to\n%s, and not to\n%s", c.name, c.instance, got, c.want)
		}
	}
}

// What is filled is still JSON, whatever the schema; and where no schema has a
// default it is what came.
func TestFilledSuite(t *testing.T) {
	all, err := NewCompiler(nil).Compile(node(t, "true"), Draft2020)
	if err != nil {
		t.Fatal(err)
	}
	everySchema(t, func(id string, s *Schema, _ bool) {
		samples, _ := s.Sample(7, 3)
		for _, v := range samples {
			filled := s.Filled(v)
			if !all.ValidJSON(filled) {
				t.Errorf("%s: %s is filled to %s, which is no JSON", id, v, filled)
			}
			if !strings.Contains(id, "default") && string(filled) != string(v) {
				t.Errorf("%s: %s is filled to %s", id, v, filled)
			}
		}
	})
}
