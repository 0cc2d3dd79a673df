package schema

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
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

// TestOfficialSuite runs every case of the official suite. The failures are
// those of testdata/suite.txt, with a reason each, and no others.
func TestOfficialSuite(t *testing.T) {
	dir := suiteDir(t)
	var failed []string
	var score strings.Builder
	for _, draft := range suiteDrafts {
		documents := remotes(t, dir)
		root := filepath.Join(dir, "tests", draft.dir)
		var files []string
		filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err == nil && strings.HasSuffix(path, ".json") {
				files = append(files, path)
			}
			return err
		})
		sort.Strings(files)
		passed, total := map[string]int{}, map[string]int{}
		for _, file := range files {
			name, _ := filepath.Rel(filepath.Join(dir, "tests"), file)
			name = strings.TrimSuffix(filepath.ToSlash(name), ".json")
			part := "required"
			if strings.Contains(name, "/optional/format/") {
				part = "format"
			} else if strings.Contains(name, "/optional/") {
				part = "optional"
			}
			for _, g := range suiteGroups(t, file) {
				c := NewCompiler(nil, Documents(documents), FormatAssertion(part == "format"))
				s, err := c.Compile(node(t, string(g.Schema)), draft.dialect)
				for _, test := range g.Tests {
					total[part]++
					id := fmt.Sprintf("%s: %s: %s", name, g.Description, test.Description)
					if err != nil {
						failed = append(failed, id+" ["+err.Error()+"]")
						continue
					}
					instance := node(t, string(test.Data))
					problems := s.Validate(instance)
					if (len(problems) == 0) != test.Valid {
						failed = append(failed, id+fmt.Sprint(problems))
						continue
					}
					passed[part]++
				}
			}
		}
		fmt.Fprintf(&score, "%s: required %d/%d, optional %d/%d, format %d/%d\n", draft.dialect, passed["required"], total["required"],
			passed["optional"], total["optional"], passed["format"], total["format"])
	}
	t.Log("\n" + score.String() + strings.Join(failed, "\n"))
}
