package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// TestCheck runs the cases under testdata/check: a schema in a file whose name
// begins with its dialect, and behind it what is found in it. -update writes
// the findings anew.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob("testdata/check/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases under testdata/check", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out := &txtar.Archive{Comment: archive.Comment}
			for i, f := range archive.Files {
				name, isCase := strings.CutSuffix(f.Name, ".yaml")
				if !isCase {
					continue
				}
				out.Files = append(out.Files, f)
				found := findings(t, dialectOfCase(t, name), string(f.Data))
				out.Files = append(out.Files, txtar.File{Name: name + ".found", Data: []byte(found)})
				want := ""
				if i+1 < len(archive.Files) && archive.Files[i+1].Name == name+".found" {
					want = string(archive.Files[i+1].Data)
				}
				if found != want && !*update {
					t.Errorf("%s\n%sfound:\n%swant:\n%s", name, f.Data, found, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func dialectOfCase(t testing.TB, name string) Dialect {
	prefix, _, _ := strings.Cut(name, "-")
	for d := AsyncAPI; d <= Foreign; d++ {
		if map[Dialect]string{AsyncAPI: "asyncapi", Draft4: "draft4", Draft6: "draft6", Draft7: "draft7", Draft2019: "2019", Draft2020: "2020", OpenAPI30: "openapi", Avro: "avro"}[d] == prefix {
			return d
		}
	}
	t.Fatalf("the case %s does not begin with a dialect", name)
	return Unknown
}

// findings checks a schema and writes what is found, a line each.
func findings(t testing.TB, d Dialect, text string) string {
	n := node(t, text)
	resolve := localReferences(n)
	var found []diag.Diagnostic
	report := func(d diag.Diagnostic) { found = append(found, d) }
	Check(n, d, resolve, report)
	CheckValues(n, d, NewCompiler(resolve), report)
	var b strings.Builder
	for _, f := range diag.Sort(found) {
		from, to := f.Span.Position(), f.Span.EndPosition()
		fmt.Fprintf(&b, "%d:%d-%d %s %s at %q\n    %s\n", from.Line, from.Column, to.Column, f.Severity, f.Rule, f.Pointer, f.Message)
		if f.Fix != nil {
			for _, e := range f.Fix.Edits {
				fmt.Fprintf(&b, "    fix: %s -> %s\n", e.Span.Text(), e.NewText)
			}
		}
		if !f.Span.IsZero() && (f.Span.Start < 0 || f.Span.End > len(text)) {
			t.Errorf("the span of %q lies outside of the text", f.Message)
		}
	}
	return b.String()
}

// localReferences resolves references into a document.
func localReferences(root *syntax.Node) Resolver {
	return func(n *syntax.Node) *syntax.Node {
		fragment, ok := strings.CutPrefix(n.Get("$ref").Str(), "#")
		if !ok {
			return nil
		}
		return (&resource{node: root}).find(fragment)
	}
}
