package cli

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// FuzzCheck runs the whole of check on mutated documents: it does not panic,
// exits with 0 or 1, and every place that it names is in the file. What --fix
// then writes can be read as well as what was there.
func FuzzCheck(f *testing.F) {
	folders := corpus(f)
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		for _, file := range slices.Sorted(maps.Keys(folders[name])) {
			if text := folders[name][file]; hasKey([]byte(text), "asyncapi") && len(text) < 4000 {
				f.Add(text)
			}
		}
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "a.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		for _, args := range [][]string{{"check", "a.yaml", "--root", ".", "--format", "json"}, {"check", "a.yaml", "--root", ".", "--fix", "-q", "--format", "json"}} {
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := run(dir, args...)
			if code != exitClean && code != exitFindings {
				t.Fatalf("%q: exit code %d: %s", args, code, stderr)
			}
			var report struct {
				Diagnostics []struct {
					Rule, Severity, Message, File    string
					Line, Column, EndLine, EndColumn int
				}
			}
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatalf("%v: %s", err, stdout)
			}
			now, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source := diag.NewFile("a.yaml", string(now))
			last := source.Position(len(now))
			for _, d := range report.Diagnostics {
				if d.File != "a.yaml" {
					continue // known without a network, such as the schema of CloudEvents
				}
				if d.Line < 1 || d.Column < 1 || d.EndLine > last.Line || d.Line > d.EndLine || d.Line == d.EndLine && d.Column > d.EndColumn ||
					d.EndColumn > len(source.Line(d.EndLine))+3 || d.Message == "" || d.Rule == "" {
					t.Errorf("%s at %d:%d to %d:%d of %d lines: %s", d.Rule, d.Line, d.Column, d.EndLine, d.EndColumn, last.Line, d.Message)
				}
				if (d.Severity == "error") && code == exitClean {
					t.Errorf("exit code 0 with an error: %s", d.Message)
				}
			}
		}
		for _, args := range [][]string{{"bundle", "a.yaml"}, {"upgrade", "a.yaml"}, {"check", "a.yaml", "--show", "contract"}} {
			if _, _, stderr := run(dir, args...); strings.Contains(stderr, "internal fault") || strings.Contains(stderr, "fault of treaty") {
				t.Errorf("%q: %s", args, stderr)
			}
		}
	})
}

// FuzzEvent holds mutated files of events against contracts of every style.
func FuzzEvent(f *testing.F) {
	files := corpus(f)["script/event.txtar"]
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if ext := filepath.Ext(name); ext == ".json" || ext == ".jsonl" {
			f.Add(files[name])
		}
	}
	dir := folder(f, map[string]string{"contract.yaml": files["contract.yaml"], "styles.yaml": files["styles.yaml"]})
	path := filepath.Join(dir, "event.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := run(dir, "check", "contract.yaml", "styles.yaml", "--event", "event.json", "--format", "json")
		if code == exitFailed {
			t.Fatal(stderr)
		}
		var report struct {
			Diagnostics []struct {
				Rule, File, Message              string
				Line, Column, EndLine, EndColumn int
			}
		}
		if err := json.Unmarshal([]byte(stdout), &report); err != nil {
			t.Fatal(err)
		}
		source := diag.NewFile("event.json", text)
		last := source.Position(len(text))
		for _, d := range report.Diagnostics {
			if d.File == "event.json" && (d.Line < 1 || d.Column < 1 || d.EndLine > last.Line || d.EndLine < d.Line || d.EndColumn > len(source.Line(d.EndLine))+3 || d.Message == "") {
				t.Errorf("%s at %d:%d to %d:%d of %d lines: %s", d.Rule, d.Line, d.Column, d.EndLine, d.EndColumn, last.Line, d.Message)
			}
		}
	})
}
