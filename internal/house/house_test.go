// Package house holds the test that keeps the house as ARCHITECTURE.md draws
// it.
package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/treaty-events/treaty"

// room is a line of the table: what a package may import, and what its tests
// may besides.
type room struct{ imports, tests []string }

// readTable reads the fenced block "house" of ARCHITECTURE.md.
func readTable(t *testing.T) map[string]room {
	t.Helper()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```house\n")
	if !ok {
		t.Fatal("ARCHITECTURE.md has no block ```house")
	}
	block, _, _ = strings.Cut(block, "```")
	rooms := map[string]room{}
	for line := range strings.Lines(block) {
		name, rest, ok := strings.Cut(line, "<-")
		if !ok {
			t.Fatalf("line of the table without <-: %q", line)
		}
		imports, tests, _ := strings.Cut(rest, "tests:")
		rooms[strings.TrimSpace(name)] = room{strings.Fields(imports), strings.Fields(tests)}
	}
	return rooms
}

// TestImports parses every Go file of the module and compares its imports with
// the table. A package that has no line fails too: drawing it into the house
// comes before building it.
func TestImports(t *testing.T) {
	rooms := readTable(t)
	seen := map[string]bool{}
	root := "../.."
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, file)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			_, statErr := os.Stat(filepath.Join(file, "go.mod"))
			if rel != "." && (statErr == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" {
			return nil
		}
		pkg := path.Dir(rel)
		r, ok := rooms[pkg]
		if !ok {
			if !seen[pkg] {
				t.Errorf("package %s has no line in ARCHITECTURE.md; draw it into the house first", pkg)
			}
			seen[pkg] = true
			return nil
		}
		seen[pkg] = true
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			allowed := r.imports
			if strings.HasSuffix(rel, "_test.go") {
				allowed = append(slices.Clone(allowed), r.tests...)
				allowed = append(allowed, pkg)
			}
			if !isAllowed(name, allowed) {
				t.Errorf("%s imports %s, which ARCHITECTURE.md does not allow to %s", rel, name, pkg)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range rooms {
		if !seen[pkg] {
			t.Errorf("ARCHITECTURE.md has a line for %s, and there is no such package", pkg)
		}
	}
}

func isAllowed(name string, allowed []string) bool {
	own, isOwn := strings.CutPrefix(name, module+"/")
	if !isOwn && !strings.Contains(strings.Split(name, "/")[0], ".") {
		return true // the standard library
	}
	for _, a := range allowed {
		if isOwn && own == a || !isOwn && (name == a || strings.HasPrefix(name, a+"/")) {
			return true
		}
	}
	return false
}

// TestNoCycleOfRooms holds the floors: a room may only name rooms that are
// drawn above it in the table, so that the table reads bottom-up.
func TestNoCycleOfRooms(t *testing.T) {
	text, _ := os.ReadFile("../../ARCHITECTURE.md")
	_, block, _ := strings.Cut(string(text), "```house\n")
	block, _, _ = strings.Cut(block, "```")
	rooms := readTable(t)
	var above []string
	for line := range strings.Lines(block) {
		name, _, _ := strings.Cut(line, "<-")
		name = strings.TrimSpace(name)
		for _, i := range rooms[name].imports {
			if _, isRoom := rooms[i]; isRoom && !slices.Contains(above, i) {
				t.Errorf("%s imports %s, which is not on a floor below it", name, i)
			}
		}
		above = append(above, name)
	}
}
