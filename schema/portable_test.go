package schema

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// differs are the cases in which an old draft means something else by a word that
// 2020-12 has too.
var differs = map[string]bool{
	"hostname with consecutive hyphens (RFC1123)":            true, // drafts 4 and 6 name RFC 1123 for it, later ones RFC 5890
	"a float is not an integer even without fractional part": true, // draft 4 looks at how a number is written
}

// TestPortableSuite writes every schema of the official suite in its portable
// form, whatever its draft, and has that judge the suite's values: it has to say
// what the schema says.
func TestPortableSuite(t *testing.T) {
	dir := suiteDir(t)
	refused := map[string]int{}
	compared := 0
	for _, draft := range suiteDrafts {
		documents := remotes(t, dir)
		for _, file := range suiteFiles(t, filepath.Join(dir, "tests", draft.dir)) {
			for _, g := range suiteGroups(t, file) {
				s, err := NewCompiler(nil, Documents(documents), FormatAssertion(strings.Contains(file, "format"))).Compile(node(t, string(g.Schema)), draft.dialect)
				if err != nil {
					continue // TestOfficialSuite says why
				}
				text, err := s.Portable()
				if err != nil {
					refused[err.Error()]++
					continue
				}
				if !json.Valid(text) {
					t.Fatalf("%s: %s: no JSON: %s", file, g.Description, text)
				}
				again, err := Parse("portable", text, Draft2020)
				if err != nil {
					t.Errorf("%s: %s: %v\n%s", file, g.Description, err, text)
					continue
				}
				for _, test := range g.Tests {
					if differs[test.Description] {
						continue
					}
					compared++
					if want, got := s.ValidJSON(test.Data), again.ValidJSON(test.Data); want != got {
						t.Errorf("%s: %s: %s: %v, and portable %v\n%s\n%s", file, g.Description, test.Description, want, got, g.Schema, text)
					}
				}
			}
		}
	}
	t.Logf("%d cases; refused: %v", compared, refused)
	if compared < 5000 {
		t.Errorf("only %d cases were compared", compared)
	}
}
