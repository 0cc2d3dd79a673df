package schema

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/treaty-events/treaty/internal/race"
	"github.com/treaty-events/treaty/internal/syntax"
)

var soundPairs = flag.Int("sound", 3000, "how many random pairs of schemas TestContainmentSound decides")

// smallValues is every value of a small world. A containment that does not
// hold shows in it more often than not.
func smallValues(t testing.TB) []*syntax.Node {
	atoms := []string{`null`, `true`, `false`, `0`, `1`, `2`, `3`, `0.5`, `1.0`, `-1`, `""`, `"a"`, `"b"`, `"ab"`, `"aa"`, `"é"`}
	few := []string{`null`, `1`, `2`, `"a"`, `{}`, `[]`, `{"a":1}`, `{"b":"a"}`, `[1]`, `["a"]`}
	all := append([]string{`[]`, `{}`}, atoms...)
	for i, a := range append(atoms, few[4:]...) {
		all = append(all, `[`+a+`]`)
		for _, name := range []string{"a", "b", "c", "ab"} {
			all = append(all, `{"`+name+`":`+a+`}`)
		}
		for _, b := range few {
			all = append(all, `[`+a+`,`+b+`]`, `{"a":`+a+`,"b":`+b+`}`, `{"b":`+a+`,"c":`+b+`}`)
			if i%3 == 0 {
				all = append(all, `[`+a+`,`+b+`,1]`, `{"a":`+a+`,"b":`+b+`,"c":2}`, `{"a":{"a":`+a+`,"b":`+b+`}}`, `{"b":[`+a+`,`+b+`]}`, `[`+a+`,`+a+`,`+b+`]`)
			}
		}
	}
	nodes := make([]*syntax.Node, len(all))
	for i, text := range all {
		nodes[i] = node(t, text)
	}
	return nodes
}

// smallSchema grows a schema about that world.
func smallSchema(rnd *rand.Rand, depth int) any {
	if depth == 0 || rnd.Intn(8) == 0 {
		return []any{
			map[string]any{"type": "string"}, map[string]any{"type": "integer"}, map[string]any{"type": "number"}, true, false,
			map[string]any{"const": 1}, map[string]any{"enum": []any{"a", "b"}}, map[string]any{"type": "null"}, map[string]any{"enum": []any{1, 2, "a"}},
			map[string]any{"minimum": 1}, map[string]any{"type": "object"}, map[string]any{"type": []any{"string", "null"}}, map[string]any{"const": map[string]any{"a": 1}},
		}[rnd.Intn(13)]
	}
	m := map[string]any{}
	sub := func() any { return smallSchema(rnd, depth-1) }
	subs := func() []any {
		all := []any{sub()}
		for range rnd.Intn(3) {
			all = append(all, sub())
		}
		return all
	}
	name := func() string { return string("abc"[rnd.Intn(3)]) }
	for range 1 + rnd.Intn(3) {
		switch rnd.Intn(34) {
		case 0, 1:
			m["type"] = []string{"object", "array", "string", "number", "integer", "boolean"}[rnd.Intn(6)]
		case 2:
			m["enum"] = []any{[]any{1, "a", nil}, []any{"a", "b"}, []any{1, 2, 3}, []any{map[string]any{}, []any{}}}[rnd.Intn(4)]
		case 3:
			m["minimum"] = rnd.Intn(3)
		case 4:
			m["maximum"] = rnd.Intn(3)
		case 5:
			m["exclusiveMinimum"] = rnd.Intn(3) - 1
		case 6:
			m["multipleOf"] = []any{1, 2, 0.5, 1.5}[rnd.Intn(4)]
		case 7:
			m["minLength"] = rnd.Intn(3)
		case 8:
			m["maxLength"] = rnd.Intn(3)
		case 9:
			m["pattern"] = []string{"a", "^a", "b$", "^[ab]*$", "^$", "^a|b$"}[rnd.Intn(6)]
		case 10, 11, 12:
			p := map[string]any{}
			for range 1 + rnd.Intn(2) {
				p[name()] = sub()
			}
			m["properties"] = p
		case 13, 14:
			m["required"] = []any{name()}
		case 15, 16:
			m["additionalProperties"] = sub()
		case 17:
			m["patternProperties"] = map[string]any{[]string{"^a", "b", "^[bc]$"}[rnd.Intn(3)]: sub()}
		case 18:
			m["propertyNames"] = map[string]any{[]string{"maxLength", "minLength"}[rnd.Intn(2)]: 1}
		case 19:
			m["minProperties"] = rnd.Intn(3)
		case 20:
			m["maxProperties"] = rnd.Intn(3)
		case 21:
			m["dependentRequired"] = map[string]any{name(): []any{name()}}
		case 22:
			m["dependentSchemas"] = map[string]any{name(): sub()}
		case 23:
			m["items"] = sub()
		case 24:
			m["prefixItems"] = subs()
		case 25:
			m["contains"] = sub()
			if rnd.Intn(2) == 0 {
				m["minContains"] = rnd.Intn(3)
			}
			if rnd.Intn(2) == 0 {
				m["maxContains"] = rnd.Intn(3)
			}
		case 26:
			m["uniqueItems"] = true
		case 27:
			m["minItems"] = rnd.Intn(3)
		case 28:
			m["maxItems"] = rnd.Intn(3)
		case 29:
			m["allOf"] = subs()
		case 30:
			m["anyOf"] = subs()
		case 31:
			m["oneOf"] = subs()
		case 32:
			m["not"] = sub()
		case 33:
			switch rnd.Intn(4) {
			case 0:
				m["if"], m["then"], m["else"] = sub(), sub(), sub()
			case 1:
				m["unevaluatedProperties"] = sub()
			case 2:
				m["unevaluatedItems"] = sub()
			case 3:
				m["$ref"] = "#"
			}
		}
	}
	return m
}

// varied changes a schema at one place at random, so that pairs are near to
// each other.
func varied(rnd *rand.Rand, schema any) any {
	if all := mutants(schema); len(all) > 0 && rnd.Intn(4) > 0 {
		return all[rnd.Intn(len(all))].schema
	}
	return smallSchema(rnd, 2)
}

// TestContainmentSound decides pairs of random schemas and attacks each answer:
// what is said to be contained with every value of a small world, what is said
// not to be with another validator.
func TestContainmentSound(t *testing.T) {
	rnd := rand.New(rand.NewSource(11))
	values := smallValues(t)
	counts := map[Verdict]int{}
	missed := 0
	for range race.Rounds(*soundPairs) {
		a := smallSchema(rnd, 3)
		b := varied(rnd, a)
		if rnd.Intn(2) == 0 {
			a, b = b, a
		}
		subText, _ := json.Marshal(a)
		superText, _ := json.Marshal(b)
		sub, err := NewCompiler(nil).Compile(node(t, string(subText)), Draft2020)
		super, err2 := NewCompiler(nil).Compile(node(t, string(superText)), Draft2020)
		if err != nil || err2 != nil {
			continue
		}
		got := Contains(super, sub, Profile{})
		counts[got.Verdict]++
		switch got.Verdict {
		case NotContained:
			if why := confirmed(Draft2020, true, string(superText), string(subText), got.Witness); why != "" {
				t.Errorf("the witness %s is none for another validator: %s\nsub   %s\nsuper %s", got.Witness, why, subText, superText)
			}
		case Undecided:
			if testing.Verbose() {
				t.Logf("undecided: %s\nsub   %s\nsuper %s", got.Reason, subText, superText)
			}
		}
		for _, v := range values {
			if got.Verdict != NotContained && sub.Valid(v) && !super.Valid(v) {
				if got.Verdict == Undecided {
					missed++
				} else {
					t.Errorf("said to be contained, but %s shows otherwise\nsub   %s\nsuper %s", AppendJSON(nil, v), subText, superText)
				}
				break
			}
		}
	}
	t.Logf("contained %d, not contained %d, undecided %d, of which %d have a small witness", counts[Contained], counts[NotContained], counts[Undecided], missed)
}

// confirmed holds a witness against both schemas with another validator.
func confirmed(d Dialect, formats bool, super, sub string, witness []byte) string {
	valid := func(text string) (bool, error) {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(map[Dialect]*jsonschema.Draft{Draft4: jsonschema.Draft4, Draft6: jsonschema.Draft6, Draft7: jsonschema.Draft7, Draft2019: jsonschema.Draft2019, Draft2020: jsonschema.Draft2020}[d])
		if formats {
			c.AssertFormat()
		}
		if d == Draft7 {
			c.AssertContent()
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return false, err
		}
		if err := c.AddResource("schema.json", doc); err != nil {
			return false, err
		}
		s, err := c.Compile("schema.json")
		if err != nil {
			return false, err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(witness)))
		if err != nil {
			return false, err
		}
		return s.Validate(value) == nil, nil
	}
	inSub, err := valid(sub)
	if err != nil {
		return ""
	}
	inSuper, err := valid(super)
	if err != nil {
		return ""
	}
	if !inSub || inSuper {
		return fmt.Sprintf("valid by sub %v, by super %v", inSub, inSuper)
	}
	return ""
}

// FuzzContains holds the answers for any two schemas to what they promise: an
// end, a witness that is one, and no sample that says otherwise.
func FuzzContains(f *testing.F) {
	f.Add(`{"type":"integer"}`, `{"type":"number"}`, uint8(0))
	f.Add(`{"oneOf":[{"type":"number"},{"type":"integer"}]}`, `{"not":{"multipleOf":0.3}}`, uint8(0))
	f.Add(`{"properties":{"a":{"$ref":"#"}},"required":["a"]}`, `{"patternProperties":{"^a+$":false}}`, uint8(3))
	f.Add(`{"items":{"enum":["a","b"]},"uniqueItems":true}`, `{"maxItems":2,"contains":{"pattern":"^[ab]$"}}`, uint8(31))
	f.Add(`{"unevaluatedProperties":false,"anyOf":[{"properties":{"a":true}},{"properties":{"b":true}}]}`, `{"maxProperties":2}`, uint8(0))
	f.Fuzz(func(t *testing.T, super, sub string, profile uint8) {
		late := time.AfterFunc(20*time.Second, func() { panic("it does not end") })
		defer late.Stop()
		a, err := Parse("", []byte(super), Draft2020)
		if err != nil {
			return
		}
		b, err := Parse("", []byte(sub), Draft2020)
		if err != nil {
			return
		}
		p := Profile{Declared: profile&1 != 0, Tolerant: profile&2 != 0, OpenEnums: profile&4 != 0, DefaultsApply: profile&8 != 0, FormatsIgnore: profile&16 != 0}
		c := Contains(a, b, p)
		switch {
		case c.Verdict == NotContained && !b.ValidJSON(c.Witness) && !p.FormatsIgnore:
			t.Errorf("the witness %s is no value of sub", c.Witness)
		case c.Verdict == NotContained && a.ValidJSON(c.Witness) && !p.FormatsIgnore:
			t.Errorf("the witness %s is a value of super", c.Witness)
		case c.Verdict == Contained && p == Profile{}:
			samples, _ := b.Sample(1, 3)
			for _, v := range samples {
				if !a.ValidJSON(v) {
					t.Errorf("contained, but %s shows otherwise", v)
				}
			}
		}
	})
}
