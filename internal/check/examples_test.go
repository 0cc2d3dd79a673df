package check

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the findings that examples and cases expect")

// today is the day on which the examples are checked.
var today = time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)

// checked reads a document and runs every rule over it.
func checked(t testing.TB, fsys fs.FS, name string) []diag.Diagnostic {
	t.Helper()
	c, reading, err := contract.Load(context.Background(), name, contract.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	found := Run(c, reading, Options{Now: today}, Settings{})
	// A saved event stands beside the document that it is held against.
	event := path.Join(path.Dir(name), "event.json")
	if text, err := fs.ReadFile(fsys, event); err == nil {
		found = append(found, SavedEvents([]*contract.Contract{c}, diag.NewFile(event, string(text)), syntax.Limits{})...)
	}
	return found
}

// filesOf are the files of an archive, to load documents from.
func filesOf(a *txtar.Archive) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range a.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

// documentIn finds the file of an archive that one of its documents begins with.
func documentIn(fsys fstest.MapFS, name string) string {
	for _, file := range []string{name + ".yaml", name + ".json", name + "/asyncapi.yaml", name + "/asyncapi.json"} {
		if fsys[file] != nil {
			return file
		}
	}
	return ""
}

func wantOf(a *txtar.Archive) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == "want" {
			return &a.Files[i]
		}
	}
	a.Files = append(a.Files, txtar.File{Name: "want"})
	return &a.Files[len(a.Files)-1]
}

// compare holds what was found against the file want of an archive, or
// rewrites it.
func compare(t *testing.T, file string, a *txtar.Archive, got string) {
	t.Helper()
	want := wantOf(a)
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(want.Data) != got {
		t.Errorf("%s: found\n%s\nwant\n%s", file, got, want.Data)
	}
}

// TestExamples runs the example of every rule: it finds fault with the one
// document as stated, and the other has no error at all.
func TestExamples(t *testing.T) {
	for _, r := range Table() {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("examples", r.ID+".txtar")
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatalf("the rule %s has no example: %v", r.ID, err)
			}
			fsys := filesOf(a)
			if r.Family == Compatibility {
				compareExample(t, r, file, a, fsys)
				return
			}
			fail, pass := documentIn(fsys, "fail"), documentIn(fsys, "pass")
			if fail == "" || pass == "" {
				t.Fatal("the example lacks a document that fails, or one that passes")
			}
			var got strings.Builder
			for _, d := range checked(t, fsys, fail) {
				if d.Rule == r.ID {
					fmt.Fprintf(&got, "%s: %s\n", d.Span, d.Message)
				} else if d.Severity == diag.Error && !besides(r.ID, d.Rule) {
					t.Errorf("%s: the document that fails has another error: %s: %s", d.Span, d.Rule, d.Message)
				}
			}
			if got.Len() == 0 {
				t.Errorf("nothing is found in %s", fail)
			}
			compare(t, file, a, got.String())
			for _, d := range checked(t, fsys, pass) {
				if d.Rule == r.ID || d.Severity == diag.Error {
					t.Errorf("%s: %s in the document that passes: %s: %s", d.Span, d.Severity, d.Rule, d.Message)
				}
			}
		})
	}
}

// compareExample compares the old document of an example with the others.
func compareExample(t *testing.T, r *Rule, file string, a *txtar.Archive, fsys fstest.MapFS) {
	load := func(name string) (*contract.Contract, []diag.Diagnostic) {
		at := documentIn(fsys, name)
		if at == "" {
			return nil, nil
		}
		c, found, err := contract.Load(context.Background(), at, contract.Options{FS: fsys})
		if err != nil {
			t.Fatal(err)
		}
		return c, found
	}
	changes := func(name string) []*Change {
		old, before := load("old")
		new, after := load(name)
		o := Comparing{OldFaults: before, NewFaults: after}
		all := Compare(old, new, o)
		if release, _ := load("release"); release != nil {
			all = append(all, ReusedFields(release, old, new, o)...)
		}
		return CheckVersion(old, new, all, o.Settings)
	}
	var got strings.Builder
	for _, c := range changes("fail") {
		if c.Rule == r.ID {
			fmt.Fprintf(&got, "%s: %s: %s; affects %s\n", c.New, c.Weight, c.Message, c.Affected())
			if c.Witness != nil {
				fmt.Fprintf(&got, "  event: %s\n  refused: %s\n", c.Witness, c.Reason)
			}
			if c.Weight.Severity() > r.Severity {
				t.Errorf("the rule is said to be %s at most, and finds %s", r.Severity, c.Weight)
			}
		}
	}
	if got.Len() == 0 {
		t.Error("nothing is found")
	}
	compare(t, file, a, got.String())
	if documentIn(fsys, "old") == "" {
		return // nothing can be added twice
	}
	for _, c := range changes("pass") {
		if c.Rule == r.ID && (c.Weight > Compatible || r.Severity == diag.Info) || c.Weight > Risky {
			t.Errorf("in the document that passes: %s %s: %s %s", c.Weight, c.Rule, c.Message, c.Reason)
		}
	}
}

// besides reports whether a fault cannot be shown without another.
func besides(rule, other string) bool {
	switch rule {
	case "ignore-expired": // the finding counts again, that is the point
		return true
	case "encoding": // what is no text is no document either
		return other == "asyncapi-version" || other == "syntax"
	}
	return false
}

// TestFixes applies the safe fixes that are offered in the examples: what they
// cure is not found again, and nothing else has broken.
func TestFixes(t *testing.T) {
	fixes := 0
	for _, r := range Table() {
		a, err := txtar.ParseFile(filepath.Join("examples", r.ID+".txtar"))
		if err != nil {
			continue // TestExamples says so
		}
		fsys := filesOf(a)
		fail := documentIn(fsys, "fail")
		if fail == "" {
			continue
		}
		before := checked(t, fsys, fail)
		changed, applied, _ := diag.ApplyFixes(before)
		fixes += applied
		for f, text := range changed {
			fsys[f.Name] = &fstest.MapFile{Data: []byte(text)}
		}
		after := checked(t, fsys, fail)
		if left := count(after, diag.Error); left > count(before, diag.Error)-min(applied, count(before, diag.Error)) {
			for _, d := range after {
				t.Logf("%s: %s: %s", d.Span, d.Rule, d.Message)
			}
			t.Errorf("%s: %d fixes leave %d errors of %d", r.ID, applied, left, count(before, diag.Error))
		}
	}
	if fixes == 0 {
		t.Error("no example has a safe fix")
	}
}

func count(ds []diag.Diagnostic, s diag.Severity) int {
	n := 0
	for _, d := range ds {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// TestTable holds the table to its form: what treaty rules and treaty explain
// print, and what people write into treaty.yaml.
func TestTable(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	version := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	seen := map[string]bool{}
	for _, r := range Table() {
		switch {
		case !kebab.MatchString(r.ID):
			t.Errorf("%q is no id in kebab-case", r.ID)
		case seen[r.ID]:
			t.Errorf("%s is in the table twice", r.ID)
		case r.Title == "" || strings.HasSuffix(r.Title, "."):
			t.Errorf("%s: the title %q is empty, or a sentence with a full stop", r.ID, r.Title)
		case len(r.Reason) < 80 || !strings.HasSuffix(r.Reason, "."):
			t.Errorf("%s: the reason does not say why, or does not end: %q", r.ID, r.Reason)
		case r.Severity < diag.Info || r.Severity > diag.Error:
			t.Errorf("%s has no severity", r.ID)
		case !version.MatchString(r.Since):
			t.Errorf("%s: since %q is no version", r.ID, r.Since)
		}
		seen[r.ID] = true
		if Named(r.ID) != r {
			t.Errorf("Named(%q) is another rule", r.ID)
		}
	}
	files, err := filepath.Glob("examples/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if id := strings.TrimSuffix(filepath.Base(file), ".txtar"); !seen[id] {
			t.Errorf("%s is the example of no rule", file)
		}
	}
}

// TestExample holds what treaty explain prints to the archives.
func TestExample(t *testing.T) {
	for _, r := range Table() {
		e := Example(r.ID)
		if e.Finds == "" || e.Fails == "" && r != removedDocument || e.Passes == "" || (e.Before != "") != (r.Family == Compatibility && r != addedDocument) {
			t.Errorf("Example(%q) lacks a part: %+v", r.ID, e)
		}
	}
	fail := Example("ref-unresolved").Fails
	if !strings.HasPrefix(fail, "-- asyncapi.yaml --\n") || !strings.Contains(fail, "\n-- ") {
		t.Errorf("a document of several files is printed as\n%s", fail)
	}
	if (Example("no-such-rule") != Examples{}) {
		t.Error("a rule that does not exist has an example")
	}
}

// TestEveryFindingHasARule collects the ids under which anything is reported,
// over all documents at hand, and looks them up in the table.
func TestEveryFindingHasARule(t *testing.T) {
	seen := map[string]bool{}
	look := func(fsys fs.FS, name string) {
		for _, d := range checked(t, fsys, name) {
			if seen[d.Rule] {
				continue
			}
			seen[d.Rule] = true
			if Named(d.Rule) == nil {
				t.Errorf("%s: reported under %q, which is not in the table: %s", d.Span, d.Rule, d.Message)
			}
		}
	}
	for _, glob := range []string{"examples/*.txtar", "testdata/*/*.txtar", "../document/testdata/*/*.txtar", "../../schema/testdata/*/*.txtar"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := filesOf(a)
			for name := range fsys {
				if ext := path.Ext(name); ext == ".yaml" || ext == ".json" {
					look(fsys, name)
				}
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d rules were reported under; were there documents?", len(seen))
	}
}

// TestFaults holds that faults are found (in faults/ those that other tools let
// pass, in cases/ those at the edges of the rules), each at
// its line and with nothing said that is not so: the file want names every
// error and warning of the families specification and meaning.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/[fc]a*/*.txtar")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := filesOf(a)
			var got strings.Builder
			lines := map[int]bool{}
			for _, d := range checked(t, fsys, "asyncapi.yaml") {
				if family := Named(d.Rule).Family; family == Specification || family == Meaning {
					fmt.Fprintf(&got, "%s: %s: %s: %s\n", d.Span, d.Severity, d.Rule, d.Message)
					lines[d.Span.Position().Line] = true
				}
			}
			compare(t, file, a, got.String())
			// The golden alone would take whatever is found: the fault is where
			// the document says so.
			for i, line := range bytes.Split(fsys["asyncapi.yaml"].Data, []byte("\n")) {
				if marked := bytes.Contains(line, []byte("# fault")); marked != lines[i+1] {
					t.Errorf("line %d: marked as a fault: %v, found: %v", i+1, marked, lines[i+1])
				}
			}
		})
	}
}

// TestPointers holds that the pointer of a finding names the place that its span
// shows, in the file as written, also where that is in 2.x.
func TestPointers(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, reading, err := contract.Load(context.Background(), "asyncapi.yaml", contract.Options{FS: filesOf(a)})
		if err != nil {
			t.Fatal(err)
		}
		root := c.Document().Written
		for _, d := range Run(c, reading, Options{Now: today}, Settings{}) {
			if d.Span.File != root.File {
				continue
			}
			n := root
			for _, token := range strings.Split(d.Pointer, "/")[1:] {
				n = n.Step(unescaped(token))
			}
			if n == nil {
				t.Errorf("%s: %s: %s: the pointer %q names nothing in %s", file, d.Span, d.Rule, d.Pointer, d.Span.File.Name)
			} else if d.Span.Start > n.End || d.Span.End < n.KeySpan().Start {
				t.Errorf("%s: %s: %s: the pointer %q is of another place, %s", file, d.Span, d.Rule, d.Pointer, n.KeySpan())
			}
		}
	}
}

// brief checks a document with the three faults of the brief's: a message that
// is not defined, and two references past the channel.
func brief(t *testing.T, fsys fs.FS, name string, unresolved int, past ...int) {
	t.Helper()
	var found []diag.Diagnostic
	for _, d := range checked(t, fsys, name) {
		if d.Severity == diag.Error {
			found = append(found, d)
		}
	}
	for _, d := range found {
		t.Logf("%s: %s: %s", d.Span, d.Rule, d.Message)
	}
	if len(found) != 1+len(past) {
		t.Fatalf("%d errors, want %d", len(found), 1+len(past))
	}
	if line := found[0].Span.Position().Line; line != unresolved || found[0].Rule != "ref-unresolved" {
		t.Errorf("the first is %s at line %d, want ref-unresolved at %d", found[0].Rule, line, unresolved)
	}
	for i, line := range past {
		d := found[1+i]
		if d.Span.Position().Line != line || d.Rule != "operation-message" {
			t.Errorf("%s at %s, want operation-message at line %d", d.Rule, d.Span, line)
		}
		if d.Fix == nil || !d.Fix.Safe {
			t.Errorf("%s: no safe fix is offered", d.Span)
		}
	}
	changed, applied, skipped := diag.ApplyFixes(found)
	if applied != len(past) || skipped != 0 {
		t.Errorf("%d fixes applied and %d skipped, want %d and 0", applied, skipped, len(past))
	}
	for f, text := range changed {
		left := 0
		for _, d := range checked(t, fstest.MapFS{f.Name: {Data: []byte(text)}}, f.Name) {
			if d.Severity == diag.Error {
				left++
				if d.Rule != "ref-unresolved" {
					t.Errorf("after the fix: %s: %s: %s", d.Span, d.Rule, d.Message)
				}
			}
		}
		if left != 1 {
			t.Errorf("after the fix %d errors are left, want the message that is not defined", left)
		}
	}
}

func TestBrief(t *testing.T) {
	brief(t, os.DirFS("testdata/brief"), "orders.asyncapi.yaml", 11, 18, 19)
}

// shared finds a folder of data that is not part of the repository.
func shared(t *testing.T, name string) string {
	t.Helper()
	base := os.Getenv("TREATY_TESTDATA")
	if base == "" {
		base = "../../../shared/testdata"
	}
	dir := filepath.Join(base, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no %s: set TREATY_TESTDATA to the folder of the shared test data", dir)
	}
	return dir
}

// TestBriefAsWritten checks the document that treaty was asked to read first.
func TestBriefAsWritten(t *testing.T) {
	brief(t, os.DirFS(shared(t, "../brief")), "orders.asyncapi.yaml", 18, 25, 26)
}

// TestSpecificationExamples holds that the specification's own examples have no
// error.
func TestSpecificationExamples(t *testing.T) {
	fsys := os.DirFS(shared(t, "asyncapi-spec-examples"))
	documents := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path.Base(name), "asyncapi.") {
			return err
		}
		documents++
		for _, d := range checked(t, fsys, name) {
			switch {
			case d.Severity == diag.Error:
				t.Errorf("%s: %s: %s", d.Span, d.Rule, d.Message)
			case testing.Verbose():
				t.Logf("%s: %s: %s: %s", d.Span, d.Severity, d.Rule, d.Message)
			}
		}
		return nil
	})
	if err != nil || documents < 15 {
		t.Errorf("%d documents, %v", documents, err)
	}
}
