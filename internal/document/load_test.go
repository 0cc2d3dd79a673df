package document

import (
	"bytes"
	"context"
	"errors"
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

// described writes what Load says, one line each: place, rule, message, and a
// fix as the text that it would write.
func described(found []diag.Diagnostic) string {
	var b strings.Builder
	for _, d := range found {
		fmt.Fprintf(&b, "%s: %s %s: %s\n", d.Span, d.Severity, d.Rule, d.Message)
		for _, r := range d.Related {
			fmt.Fprintf(&b, "    %s: %s\n", r.Span, r.Message)
		}
		if d.Fix != nil {
			for _, e := range d.Fix.Edits {
				fmt.Fprintf(&b, "    fix: %q -> %q (safe: %v)\n", e.Span.Text(), e.NewText, d.Fix.Safe)
			}
		}
	}
	return b.String()
}

// TestLoad reads asyncapi.yaml of each archive and compares the findings with
// its file "want". The comment of the archive says what it is about.
func TestLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			want := -1
			for i, f := range archive.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			_, found, err := Load(context.Background(), "asyncapi.yaml", Options{
				FS: fsys, Hosts: []string{"schemas.example.com"},
				Fetch: func(_ context.Context, url string) ([]byte, error) {
					if url == "https://schemas.example.com/order.json" {
						return []byte(`{"definitions": {"Order": {"type": "object"}}, "self": {"$ref": "other.json#/x"}}`), nil
					}
					return nil, errors.New("404 Not Found")
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := described(found)
			if *update {
				if want < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want"})
					want = len(archive.Files) - 1
				}
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatalf("no file want; run with -update, and read what it writes:\n%s", got)
			}
			if w := string(bytes.TrimLeft(archive.Files[want].Data, "\n")); w != got {
				t.Errorf("got:\n%s\nwant:\n%s", got, w)
			}
		})
	}
}

// TestRootIsAWall shows that neither a path nor a link leads out of the root.
func TestRootIsAWall(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	if err := os.MkdirAll(inside, 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.yaml", "secret: {type: string}\n")
	write("inside/asyncapi.yaml", `asyncapi: 3.1.0
info: {title: t, version: 1.0.0}
components:
  schemas:
    a: {$ref: '../secret.yaml#/secret'}
    b: {$ref: 'link.yaml#/secret'}
    c: {$ref: 'sub/../../secret.yaml#/secret'}
    d: {$ref: '%2e%2e/secret.yaml#/secret'}
`)
	if err := os.Symlink("../secret.yaml", filepath.Join(inside, "link.yaml")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, found, err := Load(context.Background(), "asyncapi.yaml", Options{FS: root.FS()})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 4 {
		t.Errorf("want 4 refusals, got:\n%s", described(found))
	}
	for _, d := range found {
		if d.Rule != RuleRefRefused {
			t.Errorf("%s: %s, want %s: %s", d.Span, d.Rule, RuleRefRefused, d.Message)
		}
		if strings.Contains(d.Message, dir) {
			t.Errorf("the message tells where the root lies: %s", d.Message)
		}
	}
}

// TestReferenceStorm holds that references cost no more than their number,
// whatever they look like: a chain over the limit, one circle of all, and all
// leading into one.
func TestReferenceStorm(t *testing.T) {
	const many = 30_000
	load := func(next func(i int) int) []diag.Diagnostic {
		var b strings.Builder
		b.WriteString("asyncapi: 3.1.0\ninfo: {title: t, version: 1.0.0}\ncomponents:\n  schemas:\n    s0: {type: string}\n")
		for i := 1; i <= many; i++ {
			fmt.Fprintf(&b, "    s%d: {$ref: '#/components/schemas/s%d'}\n", i, next(i))
		}
		_, found, err := Load(context.Background(), "a.yaml", Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(b.String())}}})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := load(func(i int) int { return i - 1 }); len(found) != 1 || found[0].Rule != syntax.RuleLimit {
		t.Errorf("chain: %d findings, want 1", len(found))
	}
	if found := load(func(i int) int { return i%many + 1 }); len(found) != many || found[0].Rule != RuleRefCycle {
		t.Errorf("circle: %d findings, want %d", len(found), many)
	}
	if found := load(func(i int) int { return max(1, i/2) }); len(found) != 1 {
		t.Errorf("tree into a circle of one: %d findings, want 1", len(found))
	}
}

func TestErrNotRead(t *testing.T) {
	_, _, err := Load(context.Background(), "missing.yaml", Options{FS: fstest.MapFS{}})
	if !errors.Is(err, ErrNotRead) {
		t.Errorf("err = %v, want ErrNotRead", err)
	}
	big := fstest.MapFS{"a.yaml": {Data: make([]byte, 100)}}
	_, _, err = Load(context.Background(), "a.yaml", Options{FS: big, Limits: syntax.Limits{InputBytes: 99}})
	if !errors.Is(err, ErrNotRead) || !strings.Contains(err.Error(), "input-bytes") {
		t.Errorf("err = %v, want one that names the limit", err)
	}
}

// FuzzLoad holds that any text that parses can be read, by the grammars of all
// versions and through the upgrade, and that every finding stands in a file.
func FuzzLoad(f *testing.F) {
	for _, glob := range []string{"testdata/*/*.txtar"} {
		files, _ := filepath.Glob(glob)
		for _, name := range files {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range archive.Files {
				if ext := filepath.Ext(file.Name); ext == ".yaml" || ext == ".json" {
					f.Add(string(file.Data))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			t.Skip()
		}
		d, found, err := Load(context.Background(), "a.yaml", Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			if x.Span.IsZero() || x.Span.Start < 0 || x.Span.End > len(x.Span.File.Text) || x.Span.Start > x.Span.End {
				t.Errorf("a finding out of place: %+v", x)
			}
		}
		for _, v := range d.Visits() {
			d.Effective(v.Node)
			d.Resolve(v.Node)
		}
	})
}
