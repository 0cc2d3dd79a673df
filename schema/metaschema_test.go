package schema

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/treaty-events/treaty/diag"
)

// deep multiplies the random cases; a nightly run may afford 50.
var deep = flag.Int("deep", 1, "multiply the cases made at random")

// metaSchemas compiles the meta-schemas with another implementation, formats
// switched off.
func metaSchemas(t testing.TB) map[Dialect]*jsonschema.Schema {
	urls := map[Dialect]string{
		Draft4: "http://json-schema.org/draft-04/schema", Draft6: "http://json-schema.org/draft-06/schema", Draft7: "http://json-schema.org/draft-07/schema",
		Draft2019: "https://json-schema.org/draft/2019-09/schema", Draft2020: "https://json-schema.org/draft/2020-12/schema",
	}
	compiled := map[Dialect]*jsonschema.Schema{}
	for d, url := range urls {
		c := jsonschema.NewCompiler()
		for _, name := range []string{"uri", "uri-reference"} {
			c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
		}
		s, err := c.Compile(url)
		if err != nil {
			t.Fatal(err)
		}
		forgetRegexFormat(s, map[*jsonschema.Schema]bool{})
		compiled[d] = s
	}
	return compiled
}

// forgetRegexFormat takes format: regex out of a compiled schema.
func forgetRegexFormat(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	if s.Format != nil && s.Format.Name == "regex" {
		s.Format = nil
	}
	lists := append(append(append([]*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.Items2020, s.RecursiveRef}, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, sub := range lists {
		forgetRegexFormat(sub, seen)
	}
	for _, sub := range s.Properties {
		forgetRegexFormat(sub, seen)
	}
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		forgetRegexFormat(sub, seen)
	}
	if sub, ok := s.Items.(*jsonschema.Schema); ok {
		forgetRegexFormat(sub, seen)
	}
	if s.DynamicRef != nil {
		forgetRegexFormat(s.DynamicRef.Ref, seen)
	}
}

// TestAgreesWithMetaSchemas holds our keyword tables against the meta-schemas:
// a schema is of wrong form here exactly where its meta-schema rejects it. It
// runs over every schema of the official suite and mutations of it.
//
// Left aside are formats (uri, uri-reference, regex), which meta-schemas only
// annotate from 2019-09 on and which have rules of their own here. What Check
// adds to the meta-schema, and this comparison leaves out: $schema against the
// dialect of use, values of enum that repeat from 2019-09 on, URIs.
func TestAgreesWithMetaSchemas(t *testing.T) {
	dir := suiteDir(t)
	metas := metaSchemas(t)
	mutations := 2 * *deep
	for _, draft := range suiteDrafts {
		t.Run(draft.dir, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewSource(1))
			compared, rejected := 0, 0
			compare := func(v any) {
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				theirs := metas[draft.dialect].Validate(roundTrip(text))
				var ours []string
				n := node(t, string(text))
				c := &checker{root: n, formOnly: true, report: func(d diag.Diagnostic) { ours = append(ours, d.Message) }}
				c.schema(n, draft.dialect, nil)
				compared++
				if theirs != nil {
					rejected++
				}
				if (theirs == nil) != (len(ours) == 0) && deviation(draft.dialect, string(text)) == "" {
					t.Errorf("%s\nmeta-schema: %v\nhere: %v", text, theirs, ours)
				}
			}
			for _, file := range suiteFiles(t, filepath.Join(dir, "tests", draft.dir)) {
				for _, g := range suiteGroups(t, file) {
					compare(roundTrip(g.Schema))
					for range mutations {
						compare(mutate(rnd, roundTrip(g.Schema)))
					}
					if t.Failed() {
						return
					}
				}
			}
			t.Logf("%d schemas compared, %d of them of wrong form", compared, rejected)
			if rejected < compared/20 {
				t.Errorf("only %d of %d schemas were of wrong form, too few to say that the two agree", rejected, compared)
			}
		})
	}
}

// deviation says why the two may disagree about a schema, or "".
func deviation(d Dialect, text string) string {
	switch {
	case d == Draft6 && strings.Contains(text, `"examples"`):
		return "the other implementation's copy of the draft-06 meta-schema lacks examples, which draft-06 defines as a list"
	case d == Draft2020 && strings.Contains(text, `"$recursive`):
		return "the 2020-12 meta-schema still looks at $recursiveRef and $recursiveAnchor, which mean nothing there; here they are keywords of another dialect"
	case d == Draft4 && (strings.Contains(text, "2.0") || strings.Contains(text, "1e2")):
		return "to draft-04 the number 2.0 is no integer, which the optional part of the suite tests; the other implementation goes by the value"
	}
	return ""
}

func roundTrip(text []byte) any {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		panic(err)
	}
	return v
}

// mutate changes one place of a JSON value: another value, another key, an
// element twice.
func mutate(rnd *rand.Rand, v any) any {
	places := countPlaces(v)
	at := rnd.Intn(places)
	return mutateAt(rnd, v, &at)
}

func countPlaces(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += countPlaces(item)
		}
	case map[string]any:
		for _, item := range v {
			n += countPlaces(item)
		}
	}
	return n
}

func mutateAt(rnd *rand.Rand, v any, at *int) any {
	*at--
	if *at < 0 {
		*at = 1 << 30
		return changed(rnd, v)
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = mutateAt(rnd, v[i], at)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			v[k] = mutateAt(rnd, v[k], at)
		}
	}
	return v
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var oddValues = []string{`null`, `true`, `false`, `0`, `-1`, `1.5`, `2.0`, `1e2`, `""`, `"x"`, `"string"`, `"null"`, `"a#b"`, `"9"`, `[]`, `[""]`, `["a","a"]`, `["a","b"]`, `["string"]`,
	`["string","string"]`, `{}`, `[{}]`, `[true]`, `{"a":1}`, `{"a":{}}`, `{"a":["b"]}`, `{"a":["b","b"]}`, `{"a":[]}`, `{"a":true}`, `[1]`, `[1,1.0]`, `{"type":"strng"}`, `{"minLength":-1}`}

func changed(rnd *rand.Rand, v any) any {
	if m, ok := v.(map[string]any); ok && rnd.Intn(2) == 0 {
		// a keyword more, with an odd value
		m[keywords[1+rnd.Intn(keywordCount-1)].name] = roundTrip([]byte(oddValues[rnd.Intn(len(oddValues))]))
		return m
	}
	if list, ok := v.([]any); ok && len(list) > 0 && rnd.Intn(2) == 0 {
		return append(list, list[rnd.Intn(len(list))])
	}
	return roundTrip([]byte(oddValues[rnd.Intn(len(oddValues))]))
}

// TestAgreesOnInstances validates mutated instances of the official suite with
// another implementation as well. The suite's own cases are few for each
// keyword; mutations of schema and instance reach what they do not.
func TestAgreesOnInstances(t *testing.T) {
	dir := suiteDir(t)
	rounds := *deep
	drafts := map[Dialect]*jsonschema.Draft{Draft4: jsonschema.Draft4, Draft6: jsonschema.Draft6, Draft7: jsonschema.Draft7,
		Draft2019: jsonschema.Draft2019, Draft2020: jsonschema.Draft2020}
	for _, draft := range suiteDrafts {
		t.Run(draft.dir, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewSource(2))
			compared, invalid := 0, 0
			for _, file := range suiteFiles(t, filepath.Join(dir, "tests", draft.dir)) {
				if strings.Contains(file, "optional") || strings.Contains(file, "refRemote") || strings.Contains(file, "vocabulary") {
					continue // formats and remote documents differ in ways that the suite itself settles
				}
				for _, g := range suiteGroups(t, file) {
					for range rounds {
						value := roundTrip(g.Schema)
						if rnd.Intn(2) == 0 {
							value = mutate(rnd, value)
						}
						text, _ := json.Marshal(value)
						theirs := compileOther(text, drafts[draft.dialect])
						ours, err := NewCompiler(nil, FormatAssertion(false)).Compile(node(t, string(text)), draft.dialect)
						if theirs == nil || err != nil || draft.dialect.ignoresRefSiblings() && hasRefSiblings(value) {
							continue // whether it is a schema at all is the other test's question
						}
						for _, test := range g.Tests {
							instance, _ := json.Marshal(mutate(rnd, roundTrip(test.Data)))
							want := theirs.Validate(roundTrip(instance))
							if isOtherFault(want) || deviation(draft.dialect, string(text)+string(instance)) != "" {
								continue
							}
							got := ours.Validate(node(t, string(instance)))
							compared++
							if want != nil {
								invalid++
							}
							if (want == nil) != (len(got) == 0) {
								t.Fatalf("%s: schema %s\ninstance %s\nthe other: %v\nhere: %v", file, text, instance, want, got)
							}
						}
					}
				}
			}
			t.Logf("%d instances compared, %d of them invalid", compared, invalid)
			if compared < 200 {
				t.Errorf("only %d instances were compared", compared)
			}
		})
	}
}

// hasRefSiblings finds a $ref with other keywords beside it. Until 2019-09
// they are ignored, but the other implementation still applies those that
// draft-06 and draft-07 added.
func hasRefSiblings(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, hasRefSiblings)
	case map[string]any:
		if _, ok := v["$ref"]; ok && len(v) > 1 {
			return true
		}
		for _, item := range v {
			if hasRefSiblings(item) {
				return true
			}
		}
	}
	return false
}

func compileOther(schema []byte, d *jsonschema.Draft) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(d)
	for _, f := range []string{"date-time", "date", "time", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template",
		"json-pointer", "relative-json-pointer", "idn-email", "idn-hostname", "uuid", "duration", "period", "semver"} {
		c.RegisterFormat(&jsonschema.Format{Name: f, Validate: func(any) error { return nil }})
	}
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		p, err := compilePattern(s)
		return otherRegexp{p, s}, err
	})
	if c.AddResource("test:schema", roundTrip(schema)) != nil {
		return nil
	}
	s, err := c.Compile("test:schema")
	if err != nil {
		return nil
	}
	return s
}

type otherRegexp struct {
	*pattern
	text string
}

func (r otherRegexp) String() string { return r.text }

func (r otherRegexp) MatchString(s string) bool {
	ok, _ := r.match(s)
	return ok
}

// isOtherFault recognises answers of the other implementation that are about
// itself.
func isOtherFault(err error) bool {
	return err != nil && strings.Contains(fmt.Sprint(err), "reference cycle")
}
