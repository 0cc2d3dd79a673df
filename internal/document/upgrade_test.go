package document

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive holds a document of 2.x, in.yaml, and the files that it refers
// to; want is the document that it is upgraded to, notes what the upgrade has
// to say. A comment that begins with "malformed" lets the documents have
// findings; else there may be none, neither in what goes in nor in what comes
// out, read again as a document of its own.
func TestUpgrade(t *testing.T) {
	archives, err := filepath.Glob("testdata/upgrade/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			malformed := strings.HasPrefix(string(archive.Comment), "malformed")
			files := fstest.MapFS{}
			golden := map[string]string{}
			for _, f := range archive.Files {
				switch f.Name {
				case "want", "notes":
					golden[f.Name] = string(f.Data)
				default:
					files[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			d := loadWell(t, files, "in.yaml", malformed)
			checkProvenance(t, d)

			got := map[string]string{"want": dump(d.Root), "notes": notesText(d.Notes)}
			files["out.yaml"] = &fstest.MapFile{Data: []byte(got["want"])}
			loadWell(t, files, "out.yaml", malformed)

			if *update {
				rest := archive.Files[:0]
				for _, f := range archive.Files {
					if f.Name != "want" && f.Name != "notes" {
						rest = append(rest, f)
					}
				}
				archive.Files = append(rest, txtar.File{Name: "want", Data: []byte(got["want"])})
				if got["notes"] != "" {
					archive.Files = append(archive.Files, txtar.File{Name: "notes", Data: []byte(got["notes"])})
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, part := range []string{"want", "notes"} {
				if got[part] != golden[part] {
					t.Errorf("%s differs (-update rewrites it); got:\n%s\nwant:\n%s", part, got[part], golden[part])
				}
			}
		})
	}
}

func loadWell(t *testing.T, files fstest.MapFS, name string, malformed bool) *Document {
	t.Helper()
	d, found, err := Load(context.Background(), name, Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	if !malformed {
		for _, x := range found {
			t.Errorf("%s: %s: %s", x.Span, x.Rule, x.Message)
		}
	}
	return d
}

func notesText(notes []Note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "%s %s\n", n.Span, n.Message)
	}
	return b.String()
}

// checkProvenance holds an upgraded tree to its promise: every node has a
// place in a file that was read.
func checkProvenance(t *testing.T, d *Document) {
	t.Helper()
	var walk func(n *syntax.Node, path string)
	walk = func(n *syntax.Node, path string) {
		for _, at := range []diag.Span{n.Span(), n.KeySpan()} {
			if at.File == nil || d.nodes[at.File] == nil || at.Start > at.End || at.End > len(at.File.Text) {
				t.Errorf("%s has no place in a file: %v", path, at)
			}
		}
		for i, item := range n.Items {
			if n.Kind == syntax.Mapping {
				walk(item, path+"/"+item.Key.Value)
			} else {
				walk(item, fmt.Sprint(path, "/", i))
			}
		}
	}
	walk(d.Root, "")
}

// dump writes a tree as YAML, plainly.
func dump(n *syntax.Node) string {
	var b strings.Builder
	var write func(n *syntax.Node, indent string)
	write = func(n *syntax.Node, indent string) {
		switch {
		case n.Kind == syntax.Mapping && len(n.Items) > 0:
			for _, item := range n.Items {
				fmt.Fprintf(&b, "\n%s%s:", indent, scalar(item.Key.Value))
				write(item, indent+"  ")
			}
		case n.Kind == syntax.Sequence && len(n.Items) > 0:
			for _, item := range n.Items {
				fmt.Fprintf(&b, "\n%s-", indent)
				write(item, indent+"  ")
			}
		case n.Kind == syntax.Mapping:
			b.WriteString(" {}")
		case n.Kind == syntax.Sequence:
			b.WriteString(" []")
		case n.Kind == syntax.String:
			b.WriteString(" " + scalar(n.Value))
		case n.Kind == syntax.Null:
			b.WriteString(" null")
		case n.Kind == syntax.Invalid:
			b.WriteString(" '?'")
		default:
			b.WriteString(" " + n.Value)
		}
	}
	write(n, "")
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// scalar quotes a string unless it reads as one anyway.
func scalar(s string) string {
	plain := s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '$')
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("$ ._-/()", r)) {
			plain = false
		}
	}
	switch s {
	case "true", "false", "null", "True", "False", "Null", "NULL", "TRUE", "FALSE":
		plain = false
	}
	if plain && strings.TrimSpace(s) == s {
		return s
	}
	quoted, _ := json.Marshal(s)
	return string(quoted)
}
