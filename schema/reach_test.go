package schema

import (
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// TestCheckReach holds what is said of schemas whose parts do not go together:
// each case is a schema and the rules, in order, with a part of each message.
func TestCheckReach(t *testing.T) {
	cases := []struct {
		schema string
		want   []string
	}{
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, nil},
		{`{"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},{"properties":{"a":{"type":"integer"}}}]}`,
			[]string{RuleContradiction + " no value satisfies"}},
		{`{"type":"object","required":["x"],"properties":{"x":{"allOf":[{"minimum":3},{"maximum":2}],"type":"number"}}}`,
			[]string{RuleContradiction + " no value satisfies"}}, // once, where it is
		{`{"not":{}}`, []string{RuleContradiction + " no value satisfies"}},
		{`{"not":false}`, []string{RuleAlwaysTrue + " not refuses nothing"}},
		{`{"anyOf":[{"type":"string"},{}]}`, []string{RuleAlwaysTrue + " anyOf refuses nothing"}},
		{`{"type":"string","anyOf":[{"type":"string"},{"type":"integer"}]}`, []string{RuleDeadBranch + " alternative 2 of anyOf", RuleAlwaysTrue + " anyOf"}},
		{`{"oneOf":[{"type":"number"},{"type":"integer"}]}`, []string{RuleDeadBranch + " alternative 2 of oneOf is never taken: every value that fits it, such as 0"}},
		{`{"oneOf":[{"minimum":5},{"maximum":5}],"type":"integer"}`, []string{RuleOverlap + " 5 fits both"}},
		{`{"oneOf":[{"type":"string"},{"type":"string"}]}`, []string{RuleDeadBranch + " alternative 1 of oneOf"}},
		{`{"oneOf":[{"const":"a"},{"const":"b"}]}`, nil},
		{`{"type":"integer","multipleOf":0.5}`, []string{RuleAlwaysTrue + " multipleOf"}},
		{`{"type":"number","multipleOf":0.5}`, nil},
		{`{"propertyNames":{"minLength":0}}`, []string{RuleAlwaysTrue + " propertyNames"}},
		{`{"properties":{"a":{"$ref":"#"}},"required":["a"],"allOf":[{"type":"object"}]}`, []string{RuleContradiction}},
		{`{"properties":{"a":{"$ref":"#"}},"allOf":[{"type":"object"}]}`, nil},
	}
	for _, c := range cases {
		var got []string
		n := node(t, c.schema)
		var found []diag.Diagnostic
		Check(n, Draft7, nil, func(d diag.Diagnostic) { found = append(found, d) })
		CheckReach(n, Draft7, NewCompiler(nil), found, func(d diag.Diagnostic) { got = append(got, d.Rule+" "+d.Message) })
		if len(got) != len(c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.schema, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s:\n got %q\nwant %q", c.schema, got[i], c.want[i])
			}
		}
	}
}
