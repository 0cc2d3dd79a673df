package diag

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
)

// checkSARIF holds a log against what the SARIF 2.1.0 schema demands of the
// objects that are written here: required properties, no others, types,
// minimums and enums.
func checkSARIF(t *testing.T, log []byte) {
	t.Helper()
	var root any
	if err := json.Unmarshal(log, &root); err != nil {
		t.Fatal(err)
	}
	for _, problem := range sarifLog.check("log", root) {
		t.Error(problem)
	}
}

// shape is the part of JSON Schema that the check needs.
type shape struct {
	required []string
	fields   map[string]*shape // an object
	others   *shape            // of an object: any other field
	items    *shape            // an array
	integer  bool
	min      float64
	enum     []string
	uri      bool
}

var (
	anyText  = &shape{}
	message  = &shape{required: []string{"text"}, fields: map[string]*shape{"text": anyText}}
	line     = &shape{integer: true, min: 1}
	level    = &shape{enum: []string{"none", "note", "warning", "error"}}
	artifact = &shape{fields: map[string]*shape{"uri": {uri: true}, "uriBaseId": {enum: []string{sarifRoot}}}}
	region   = &shape{fields: map[string]*shape{"startLine": line, "startColumn": line, "endLine": line, "endColumn": line}}
	location = &shape{fields: map[string]*shape{
		"id":      {integer: true, min: -1},
		"message": message,
		"physicalLocation": {required: []string{"artifactLocation"}, fields: map[string]*shape{
			"artifactLocation": artifact, "region": region,
		}},
		"logicalLocations": {items: &shape{fields: map[string]*shape{"fullyQualifiedName": anyText}}},
	}}
	sarifLog = &shape{required: []string{"version", "runs"}, fields: map[string]*shape{
		"$schema": {uri: true},
		"version": {enum: []string{"2.1.0"}},
		"runs": {items: &shape{required: []string{"tool"}, fields: map[string]*shape{
			"columnKind":         {enum: []string{"utf16CodeUnits", "unicodeCodePoints"}},
			"newlineSequences":   {items: anyText},
			"originalUriBaseIds": {others: &shape{fields: map[string]*shape{"description": message}}},
			"tool": {required: []string{"driver"}, fields: map[string]*shape{
				"driver": {required: []string{"name"}, fields: map[string]*shape{
					"name": anyText, "version": anyText, "informationUri": {uri: true},
					"rules": {items: &shape{required: []string{"id"}, fields: map[string]*shape{
						"id": anyText, "shortDescription": message, "fullDescription": message, "help": message, "helpUri": {uri: true},
						"defaultConfiguration": {fields: map[string]*shape{"level": level}},
					}}},
				}},
			}},
			"results": {items: &shape{required: []string{"message"}, fields: map[string]*shape{
				"ruleId": anyText, "ruleIndex": {integer: true, min: 0}, "level": level, "message": message,
				"locations": {items: location}, "relatedLocations": {items: location},
				"partialFingerprints": {others: anyText},
				"fixes": {items: &shape{required: []string{"artifactChanges"}, fields: map[string]*shape{
					"description": message,
					"artifactChanges": {items: &shape{required: []string{"artifactLocation", "replacements"}, fields: map[string]*shape{
						"artifactLocation": artifact,
						"replacements": {items: &shape{required: []string{"deletedRegion"}, fields: map[string]*shape{
							"deletedRegion": region, "insertedContent": {fields: map[string]*shape{"text": anyText}},
						}}},
					}}},
				}}},
			}}},
		}}},
	}}
)

func (s *shape) check(at string, v any) (problems []string) {
	fail := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	switch {
	case s.fields != nil || s.others != nil:
		object, ok := v.(map[string]any)
		if !ok {
			fail("%T is no object", v)
		}
		for _, name := range s.required {
			if _, ok := object[name]; !ok {
				fail("%s is missing", name)
			}
		}
		for name, value := range object {
			field := s.fields[name]
			if field == nil {
				field = s.others
			}
			if field == nil {
				fail("%s is not a property", name)
				continue
			}
			problems = append(problems, field.check(at+"."+name, value)...)
		}
	case s.items != nil:
		list, ok := v.([]any)
		if !ok {
			fail("%T is no array", v)
		}
		for i, value := range list {
			problems = append(problems, s.items.check(fmt.Sprintf("%s[%d]", at, i), value)...)
		}
	case s.integer:
		if n, ok := v.(float64); !ok || n != float64(int(n)) || n < s.min {
			fail("%v is no integer from %v", v, s.min)
		}
	default:
		text, ok := v.(string)
		if !ok {
			fail("%T is no string", v)
		}
		if s.uri {
			if _, err := url.Parse(text); err != nil {
				fail("%v", err)
			}
		}
		if s.enum != nil && !strings.Contains(" "+strings.Join(s.enum, " ")+" ", " "+text+" ") {
			fail("%q is not one of %v", text, s.enum)
		}
	}
	return problems
}

func TestSARIFStructure(t *testing.T) {
	for _, r := range []Report{orders(), hostile(), clean(), {}} {
		checkSARIF(t, []byte(printed(t, "sarif", r, Options{})))
	}
}

// sarifRun is what the tests look at.
type sarifRun struct {
	Tool struct {
		Driver struct{ Rules []struct{ ID string } }
	}
	Results []struct {
		RuleID              string
		RuleIndex           int
		PartialFingerprints map[string]string
		Locations           []struct {
			PhysicalLocation struct {
				ArtifactLocation struct{ URI string }
				Region           sarifRegion
			}
		}
	}
}

func sarifOf(t *testing.T, r Report) sarifRun {
	t.Helper()
	var log struct{ Runs []sarifRun }
	if err := json.Unmarshal([]byte(printed(t, "sarif", r, Options{})), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

func TestSARIFRules(t *testing.T) {
	run := sarifOf(t, orders())
	seen := map[string]bool{}
	for _, rule := range run.Tool.Driver.Rules {
		if seen[rule.ID] {
			t.Errorf("%s is described twice", rule.ID)
		}
		seen[rule.ID] = true
	}
	for _, result := range run.Results {
		if got := run.Tool.Driver.Rules[result.RuleIndex].ID; got != result.RuleID {
			t.Errorf("the index of %s leads to %s", result.RuleID, got)
		}
	}
}

// Columns agree with a decoder that knows UTF-16, in short and in long lines.
func TestSARIFColumns(t *testing.T) {
	for _, before := range []string{"", "a: ", "é👍日", "\t", strings.Repeat("é👍日x", 5000)} {
		for _, bom := range []string{"", "\ufeff"} {
			for _, lines := range []string{"", "first: 1\r\n"} {
				f := NewFile("f", bom+lines+before+"HERE👍")
				at := in(f, "HERE👍", 0)
				run := sarifOf(t, Report{Diagnostics: []Diagnostic{{Span: at}}})
				region := run.Results[0].Locations[0].PhysicalLocation.Region
				want := len(utf16.Encode([]rune(before))) + 1
				if region.StartColumn != want || region.EndColumn != want+6 {
					t.Errorf("%.10q (mark %v): columns %d to %d, want %d to %d", before, bom != "", region.StartColumn, region.EndColumn, want, want+6)
				}
			}
		}
	}
}

func TestSARIFNames(t *testing.T) {
	for name, want := range map[string]string{
		"docs/orders.yaml":      "docs/orders.yaml",
		"docs/my orders#1.yaml": "docs/my%20orders%231.yaml",
		"a:b.yaml":              "a%3Ab.yaml",
		"ünï.yaml":              "%C3%BCn%C3%AF.yaml",
		"\xff%.yaml":            "%FF%25.yaml",
		"/tmp/o.yaml":           "file:///tmp/o.yaml",
		"https://x.org/a?b#c":   "https://x.org/a?b#c",
	} {
		run := sarifOf(t, Report{Diagnostics: []Diagnostic{{Span: Span{File: NewFile(name, "x")}}}})
		if got := run.Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestFingerprintsOutliveMoves(t *testing.T) {
	prints := func(text string) []string {
		f := NewFile("f", text)
		run := sarifOf(t, Report{Diagnostics: []Diagnostic{
			{Rule: "a", Span: in(f, "x", 0), Pointer: "/x"},
			{Rule: "a", Span: in(f, "x", 0), Pointer: "/x", Message: "again"},
			{Rule: "b", Span: in(f, "x", 0), Pointer: "/x"},
			{Rule: "a", Span: in(f, "y", 0), Pointer: "/y"},
		}})
		var out []string
		for _, r := range run.Results {
			out = append(out, r.PartialFingerprints[sarifFingerprint])
		}
		return out
	}
	before, after := prints("x: 1\ny: 2\n"), prints("# new\n\nx: 1\n# more\ny: 2\n")
	seen := map[string]bool{}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("finding %d: %s became %s when lines moved", i, before[i], after[i])
		}
		if seen[before[i]] {
			t.Errorf("%s stands for two findings", before[i])
		}
		seen[before[i]] = true
	}
}
