package schema

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everySchema calls f with the schemas of the official suite, and whether a
// case of the suite is valid by it.
func everySchema(t *testing.T, f func(id string, s *Schema, satisfiable bool)) {
	dir := suiteDir(t)
	for _, draft := range suiteDrafts {
		documents := remotes(t, dir)
		for _, file := range suiteFiles(t, filepath.Join(dir, "tests", draft.dir)) {
			for _, g := range suiteGroups(t, file) {
				s, err := NewCompiler(nil, Documents(documents), FormatAssertion(strings.Contains(file, "/format/"))).Compile(node(t, string(g.Schema)), draft.dialect)
				if err != nil {
					continue
				}
				satisfiable := false
				for _, test := range g.Tests {
					satisfiable = satisfiable || test.Valid && s.ValidJSON(test.Data)
				}
				f(draft.dir+"/"+filepath.Base(file)+": "+g.Description, s, satisfiable)
			}
		}
	}
}

// TestSample holds samples against the schemas that they are of, for every
// schema of the official suite.
func TestSample(t *testing.T) {
	made, none, gaveUp := 0, 0, 0
	everySchema(t, func(id string, s *Schema, satisfiable bool) {
		samples, err := s.Sample(7, 3)
		again, _ := s.Sample(7, 3)
		switch {
		case err == nil:
			made++
		case errors.Is(err, ErrUnsatisfiable):
			none++
			if satisfiable {
				t.Errorf("%s has values, but: %v", id, err)
			}
		default:
			gaveUp++
			t.Logf("%s: %v", id, err)
		}
		for i, v := range samples {
			if !s.ValidJSON(v) {
				t.Errorf("%s: the sample %s is refused: %v", id, v, s.ValidateJSON(v))
			}
			if !bytes.Equal(v, again[i]) {
				t.Errorf("%s: one seed gives %s and %s", id, v, again[i])
			}
		}
	})
	t.Logf("%d schemas have samples, %d have no values, of %d none was found", made, none, gaveUp)
	if gaveUp > 10 {
		t.Errorf("of %d schemas no value was found", gaveUp)
	}
}

// TestMisses holds near misses to violating what they say, and nothing else.
func TestMisses(t *testing.T) {
	made := map[string]int{}
	everySchema(t, func(id string, s *Schema, _ bool) {
		misses, err := s.Misses(7, 20)
		if err != nil {
			return
		}
		for _, m := range misses {
			problems := s.ValidateJSON(m.Value)
			if strings.Contains(m.Problem.SchemaPointer, "/propertyNames/") {
				made["propertyNames"]++
			}
			if len(problems) != 1 || problems[0].Keyword != m.Problem.Keyword || problems[0].Instance != m.Problem.Instance {
				t.Errorf("%s: %s is said to violate %s at %q, but: %v", id, m.Value, m.Problem.Keyword, m.Problem.Instance, problems)
			}
			made[m.Problem.Keyword]++
		}
	})
	t.Logf("%v", made)
	for _, keyword := range []string{"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
		"maxItems", "minItems", "uniqueItems", "contains", "maxProperties", "minProperties", "required", "dependentRequired", "additionalProperties", "propertyNames", "format", "not"} {
		if made[keyword] == 0 {
			t.Errorf("%s is never missed", keyword)
		}
	}
}

// TestSampleReal makes samples of large schemas that people wrote.
func TestSampleReal(t *testing.T) {
	for _, name := range benchSets {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(suiteDir(t)), "validation-bench", name, "schema.json"))
		if err != nil {
			t.Skip(err)
		}
		s, err := Parse(name, text, Unknown)
		if err != nil {
			t.Fatal(err)
		}
		samples, err := s.Sample(1, 10)
		if err != nil {
			t.Fatal(name, err)
		}
		different := map[string]bool{}
		for _, v := range samples {
			different[string(v)] = true
			if problems := s.ValidateJSON(v); len(problems) > 0 {
				t.Errorf("%s: %s: %v", name, v, problems)
			}
		}
		if len(different) < 8 {
			t.Errorf("%s: of 10 samples only %d are different", name, len(different))
		}
		misses, err := s.Misses(1, 30)
		if err != nil || len(misses) < 10 {
			t.Errorf("%s: %d near misses, %v", name, len(misses), err)
		}
		for _, m := range misses {
			if problems := s.ValidateJSON(m.Value); len(problems) != 1 {
				t.Errorf("%s: %s: %v", name, m.Value, problems)
			}
		}
	}
}

func TestSampleUnsatisfiable(t *testing.T) {
	for _, text := range []string{
		`false`, `{"type":"string","minLength":2,"maxLength":1}`, `{"required":["a"],"properties":{"a":false},"type":"object"}`,
		`{"type":"object","required":["next"],"properties":{"next":{"$ref":"#"}}}`, `{"enum":["a"],"pattern":"^b"}`,
	} {
		s, err := Parse("", []byte(text), Draft2020)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.Sample(1, 1); !errors.Is(err, ErrUnsatisfiable) {
			t.Errorf("%s: %s, %v", text, v, err)
		}
	}
}
