package schema

import "testing"

// TestContainsKeywords narrows every keyword: what is narrower is contained in
// what is wider, and not the other way round.
func TestContainsKeywords(t *testing.T) {
	for _, row := range []struct {
		keyword, narrow, wide string
		dialect               Dialect
	}{
		{"type", `{"type":"string"}`, `{"type":["string","null"]}`, Draft2020},
		{"type", `{"type":"integer"}`, `{"type":"number"}`, Draft2020},
		{"type", `{"type":"integer"}`, `{"type":"number"}`, Draft4},
		{"const", `{"const":1.0}`, `{"type":"integer"}`, Draft2020},
		{"enum", `{"enum":["a","b"]}`, `{"enum":["b","c","a"]}`, Draft2020},
		{"multipleOf", `{"type":"number","multipleOf":0.06}`, `{"type":"number","multipleOf":0.02}`, Draft2020},
		{"minimum", `{"minimum":2}`, `{"minimum":1}`, Draft2020},
		{"minimum", `{"type":"integer","minimum":1.5}`, `{"type":"integer","minimum":2}`, Unknown}, // both ways
		{"exclusiveMinimum", `{"exclusiveMinimum":1}`, `{"minimum":1}`, Draft2020},
		{"exclusiveMinimum", `{"minimum":1,"exclusiveMinimum":true}`, `{"minimum":1}`, Draft4},
		{"maximum", `{"maximum":1}`, `{"maximum":1.0001}`, Draft2020},
		{"exclusiveMaximum", `{"exclusiveMaximum":1}`, `{"maximum":1}`, Draft2020},
		{"minLength", `{"type":"string","minLength":3}`, `{"type":"string","minLength":2}`, Draft2020},
		{"maxLength", `{"type":"string","maxLength":2}`, `{"type":"string","maxLength":3}`, Draft2020},
		{"pattern", `{"type":"string","pattern":"^(USD|EUR)$"}`, `{"type":"string","pattern":"^[A-Z]{3}$"}`, Draft2020},
		{"pattern", `{"type":"string","pattern":"^\\d{4}$"}`, `{"type":"string","minLength":4,"maxLength":4}`, Draft2020},
		{"format", `{"type":"string","format":"uuid"}`, `{"type":"string"}`, Draft2020},
		{"format", `{"type":"string","format":"ipv4"}`, `{"type":"string","maxLength":15}`, Draft2020},
		{"properties", `{"properties":{"a":{"type":"integer"}}}`, `{"properties":{"a":{"type":"number"}}}`, Draft2020},
		{"patternProperties", `{"patternProperties":{"^x-":{"type":"string"}}}`, `{"patternProperties":{"^x-a":{"type":"string"}}}`, Draft2020},
		{"additionalProperties", `{"properties":{"a":{}},"additionalProperties":false}`, `{"properties":{"a":{},"b":{}},"additionalProperties":false}`, Draft2020},
		{"required", `{"required":["a","b"]}`, `{"required":["b"]}`, Draft2020},
		{"minProperties", `{"minProperties":2}`, `{"minProperties":1}`, Draft2020},
		{"maxProperties", `{"maxProperties":1}`, `{"maxProperties":2}`, Draft2020},
		{"propertyNames", `{"propertyNames":{"maxLength":2}}`, `{"propertyNames":{"maxLength":3}}`, Draft2020},
		{"dependentRequired", `{"dependentRequired":{"a":["b","c"]}}`, `{"dependentRequired":{"a":["b"]}}`, Draft2020},
		{"dependentSchemas", `{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"dependentSchemas":{"a":{"minProperties":2}}}`, Draft2020},
		{"dependencies", `{"dependencies":{"a":["b"]}}`, `{"dependencies":{"a":["a"]}}`, Draft7},
		{"items", `{"items":{"type":"integer"}}`, `{"items":{"type":"number"}}`, Draft2020},
		{"items", `{"items":[{"type":"integer"}],"additionalItems":false}`, `{"items":[{"type":"number"}]}`, Draft7},
		{"prefixItems", `{"prefixItems":[{"type":"integer"},true]}`, `{"prefixItems":[{"type":"number"}]}`, Draft2020},
		{"minItems", `{"minItems":2}`, `{"minItems":1}`, Draft2020},
		{"maxItems", `{"maxItems":1}`, `{"maxItems":2}`, Draft2020},
		{"uniqueItems", `{"uniqueItems":true}`, `{}`, Draft2020},
		{"uniqueItems", `{"type":"array","items":{"enum":[1,2]},"uniqueItems":true}`, `{"type":"array","maxItems":2}`, Draft2020},
		{"contains", `{"contains":{"const":1}}`, `{"contains":{"type":"integer"}}`, Draft2020},
		{"minContains", `{"contains":{"const":1},"minContains":2}`, `{"contains":{"const":1}}`, Draft2020},
		{"maxContains", `{"contains":{"const":1},"maxContains":1}`, `{"contains":{"const":1},"maxContains":2}`, Draft2020},
		{"allOf", `{"allOf":[{"minimum":1},{"maximum":2}]}`, `{"minimum":1}`, Draft2020},
		{"anyOf", `{"anyOf":[{"type":"string"},{"type":"integer"}]}`, `{"type":["string","number"]}`, Draft2020},
		{"oneOf", `{"oneOf":[{"type":"number"},{"type":"integer"}]}`, `{"type":"number"}`, Draft2020}, // the registries have it the other way round
		{"oneOf", `{"oneOf":[{"const":1},{"const":2}]}`, `{"enum":[1,2,3]}`, Draft2020},
		{"not", `{"not":{"type":["string","null"]}}`, `{"not":{"type":"string"}}`, Draft2020},
		{"if", `{"if":{"required":["a"]},"then":{"required":["b","c"]}}`, `{"if":{"required":["a"]},"then":{"required":["b"]}}`, Draft2020},
		{"$ref", `{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"integer"}}}}}`, `{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"number"}}}}}`, Draft2020},
		{"unevaluatedProperties", `{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, `{"properties":{"a":{},"b":{}},"additionalProperties":false}`, Draft2020},
		{"unevaluatedItems", `{"prefixItems":[true],"unevaluatedItems":false}`, `{"maxItems":2}`, Draft2020},
		{"nullable", `{"type":"string"}`, `{"type":"string","nullable":true}`, OpenAPI30},
	} {
		dialect := row.dialect
		if dialect == Unknown {
			dialect = Draft2020
		}
		if c := contains(t, dialect, row.wide, row.narrow, Profile{}); c.Verdict != Contained {
			t.Errorf("%s: %s in %s: %v %s %s", row.keyword, row.narrow, row.wide, c.Verdict, c.Witness, c.Reason)
		}
		want := NotContained
		if row.dialect == Unknown {
			want = Contained
		}
		if c := contains(t, dialect, row.narrow, row.wide, Profile{}); c.Verdict != want {
			t.Errorf("%s: %s in %s: %v %s", row.keyword, row.wide, row.narrow, c.Verdict, c.Reason)
		}
	}
}

func contains(t *testing.T, d Dialect, super, sub string, p Profile) Containment {
	t.Helper()
	var compiled [2]*Schema
	for i, text := range []string{super, sub} {
		s, err := NewCompiler(nil, FormatAssertion(true)).Compile(node(t, text), d)
		if err != nil {
			t.Fatal(err)
		}
		compiled[i] = s
	}
	return Contains(compiled[0], compiled[1], p)
}

// TestContainsProfiles asks each question of a policy with and without it.
func TestContainsProfiles(t *testing.T) {
	const closed = `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`
	const one = `{"type":"object","properties":{"a":{"type":"string"}}}`
	const two = `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`
	const asText = `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}`
	for _, row := range []struct {
		name       string
		super, sub string
		profile    Profile
		want       Verdict
		witness    string
	}{
		{"a new property, strict and closed reader", closed, two, Profile{Declared: true}, NotContained, `{"b":0}`},
		{"a new property, tolerant and closed reader", closed, two, Profile{Declared: true, Tolerant: true}, Contained, ""},
		{"a new property, open reader", one, two, Profile{Declared: true}, Contained, ""},
		{"an open producer may emit what the reader has declared since", two, one, Profile{}, NotContained, `{"b":null}`},
		{"a declared producer does not", two, one, Profile{Declared: true}, Contained, ""},
		{"nor a declared one whose object has branches", `{"allOf":[` + two + `]}`, `{"allOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"c":{}}}]}`, Profile{Declared: true}, NotContained, ``},
		{"what is required is declared", `{"properties":{"a":{"type":"string"}}}`, `{"required":["a"],"properties":{"b":{}}}`, Profile{Declared: true}, NotContained, `{"a":null}`},
		{"a free object stays free", two, `{"type":"object"}`, Profile{Declared: true}, NotContained, `{"a":null}`},
		{"explicitly open stays open", two, `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true}`, Profile{Declared: true}, NotContained, `{"b":null}`},
		{"what the reader declares it looks at", two, asText, Profile{Declared: true, Tolerant: true}, NotContained, `{"b":""}`},
		{"tolerance does not reach required", `{"type":"object","required":["a"],"properties":{"a":{}}}`, one, Profile{Declared: true, Tolerant: true}, NotContained, `{}`},
		{"tolerance within", `{"properties":{"x":` + closed + `}}`, `{"properties":{"x":` + two + `}}`, Profile{Declared: true, Tolerant: true}, Contained, ""},
		{"a new value, closed enums", `{"enum":["a"]}`, `{"enum":["a","b"]}`, Profile{}, NotContained, `"b"`},
		{"a new value, open enums", `{"enum":["a","b"]}`, `{"enum":["a","c"]}`, Profile{OpenEnums: true}, Contained, ""},
		{"an enum of one is a const", `{"enum":["a"]}`, `{"enum":["a","c"]}`, Profile{OpenEnums: true}, NotContained, `"c"`},
		{"open enums keep the type", `{"enum":["a","b"]}`, `{"enum":["a",1]}`, Profile{OpenEnums: true}, NotContained, `1`},
		{"open enums keep the type that is stated", `{"type":"string","enum":["a","b"]}`, `{"enum":["a",null]}`, Profile{OpenEnums: true}, NotContained, `null`},
		{"required with a default", `{"required":["a"],"properties":{"a":{"default":1}}}`, `{"properties":{"a":{}}}`, Profile{}, NotContained, `{}`},
		{"required with a default that is applied", `{"required":["a"],"properties":{"a":{"default":1}}}`, `{"properties":{"a":{}}}`, Profile{DefaultsApply: true}, Contained, ""},
		{"formats asserted", `{"type":"string","format":"date"}`, `{"type":"string","maxLength":3}`, Profile{}, NotContained, `""`},
		{"formats ignored", `{"type":"string","format":"date"}`, `{"type":"string","maxLength":3}`, Profile{FormatsIgnore: true}, Contained, ""},
		{"not is no place for tolerance", `{"not":` + closed + `}`, `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`, Profile{Declared: true, Tolerant: true}, Undecided, ""},
		{"oneOf with a tag is", `{"oneOf":[{"properties":{"k":{"const":1},"v":{"type":"string"}},"required":["k"],"additionalProperties":false},{"properties":{"k":{"const":2}},"required":["k"],"additionalProperties":false}]}`,
			`{"properties":{"k":{"const":2},"extra":{"type":"string"}},"required":["k"],"type":"object"}`, Profile{Declared: true, Tolerant: true}, Contained, ""},
	} {
		c := contains(t, Draft2020, row.super, row.sub, row.profile)
		if c.Verdict != row.want || row.witness != "" && string(c.Witness) != row.witness {
			t.Errorf("%s: %v %s %s, want %v %s", row.name, c.Verdict, c.Witness, c.Reason, row.want, row.witness)
		}
		if c.Verdict == Undecided && c.Reason == "" {
			t.Errorf("%s: undecided without a reason", row.name)
		}
		again := contains(t, Draft2020, row.super, row.sub, row.profile)
		if string(again.Witness) != string(c.Witness) || again.Reason != c.Reason {
			t.Errorf("%s: asked again, %s %s", row.name, again.Witness, again.Reason)
		}
	}
}
