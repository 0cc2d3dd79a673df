package schema

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/internal/syntax"
)

// suiteDir is the official test suite, which is data beside the repository.
func suiteDir(t testing.TB) string {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "testdata")
	}
	dir = filepath.Join(dir, "json-schema-test-suite")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the official test suite is not at %s; set TREATY_TESTDATA", dir)
	}
	return dir
}

type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

var suiteDrafts = []struct {
	dir     string
	dialect Dialect
}{{"draft4", Draft4}, {"draft6", Draft6}, {"draft7", Draft7}, {"draft2019-09", Draft2019}, {"draft2020-12", Draft2020}}

func suiteGroups(t testing.TB, file string) []suiteGroup {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []suiteGroup
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	return groups
}

// remotes serves the suite's remote documents, which it has at an address of
// the local machine.
func remotes(t testing.TB, dir string) func(string) *syntax.Node {
	cache := map[string]*syntax.Node{}
	return func(uri string) *syntax.Node {
		rest, ok := strings.CutPrefix(uri, "http://localhost:1234/")
		if !ok {
			return nil
		}
		if n, ok := cache[rest]; ok {
			return n
		}
		text, err := os.ReadFile(filepath.Join(dir, "remotes", filepath.FromSlash(rest)))
		if err != nil {
			return nil
		}
		cache[rest] = node(t, string(text))
		return cache[rest]
	}
}

var update = flag.Bool("update", false, "write golden files anew")

// TestOfficialSuite runs every case of the official suite, formats asserted
// where the suite is about formats. What is not passed stands in
// testdata/suite.txt with a reason, and nothing else may fail.
func TestOfficialSuite(t *testing.T) {
	dir := suiteDir(t)
	reasons := reasonsIn(t, "testdata/suite.txt")
	used := map[string]bool{}
	var score strings.Builder
	byTree := 0
	for _, draft := range suiteDrafts {
		documents := remotes(t, dir)
		passed, total := map[string]int{}, map[string]int{}
		for _, file := range suiteFiles(t, filepath.Join(dir, "tests", draft.dir)) {
			name, _ := filepath.Rel(filepath.Join(dir, "tests"), file)
			name = strings.TrimSuffix(filepath.ToSlash(name), ".json")
			part := "required"
			if strings.Contains(name, "/optional/format/") {
				part = "format"
			} else if strings.Contains(name, "/optional/") {
				part = "optional"
			}
			for _, g := range suiteGroups(t, file) {
				c := NewCompiler(nil, Documents(documents), FormatAssertion(part == "format" || strings.HasSuffix(name, "optional/content")))
				s, err := c.Compile(node(t, string(g.Schema)), draft.dialect)
				for _, test := range g.Tests {
					total[part]++
					id := fmt.Sprintf("%s: %s: %s", name, g.Description, test.Description)
					why := ""
					if err != nil {
						why = err.Error()
					} else if problems := s.Validate(node(t, string(test.Data))); (len(problems) == 0) != test.Valid {
						why = fmt.Sprintf("valid should be %v; problems %v", test.Valid, problems)
					} else if s.Valid(node(t, string(test.Data))) != test.Valid {
						why = "Valid and Validate disagree"
					} else if s.ValidJSON(test.Data) != test.Valid {
						why = fmt.Sprintf("ValidJSON says %v of %s", !test.Valid, test.Data)
					} else if s.program().byTree {
						byTree++
					}
					switch reason := reasonFor(reasons, id); {
					case why == "":
						passed[part]++
					case reason == "":
						t.Errorf("%s\n%s", id, why)
					default:
						used[reason] = true
					}
				}
			}
		}
		fmt.Fprintf(&score, "%s: required %d of %d, optional %d of %d, format %d of %d\n", draft.dialect, passed["required"], total["required"],
			passed["optional"], total["optional"], passed["format"], total["format"])
	}
	if byTree > 200 {
		t.Errorf("%d cases are left to trees", byTree)
	}
	t.Logf("%d cases are left to trees", byTree)
	holdScore(t, "testdata/suite.txt", score.String(), reasons, used)
}

// holdScore compares the score of a suite with the one in a file, and the
// reasons in it with what needed one.
func holdScore(t *testing.T, file, score string, reasons map[string]string, used map[string]bool) {
	for prefix := range reasons {
		if !used[prefix] {
			t.Errorf("%s excuses %q, which needs none", file, prefix)
		}
	}
	old, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(old), "\n\n")
	if want := score + "\n" + rest; want != string(old) {
		if !*update {
			t.Errorf("the score has changed; run with -update\n%s", score)
		} else if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func suiteFiles(t testing.TB, root string) []string {
	var files []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// reasonsIn reads why cases are not passed: below the score, a line each of the
// beginning of a case's name, a tab and the reason.
func reasonsIn(t testing.TB, file string) map[string]string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if prefix, reason, ok := strings.Cut(line, "\t"); ok {
			reasons[prefix] = reason
		}
	}
	return reasons
}

func reasonFor(reasons map[string]string, id string) string {
	for prefix := range reasons {
		if strings.HasPrefix(id, prefix) {
			return prefix
		}
	}
	return ""
}
