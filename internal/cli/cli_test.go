package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// day is the day of the tests.
func day() time.Time { return time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC) }

// run runs a command in a folder.
func run(dir string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(context.Background(), Env{Args: args, Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Now: day})
	return code, out.String(), errs.String()
}

// folder makes a folder with files in it.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const faulty = `asyncapi: 3.1.0
info: {title: T, version: 1.0.0, descripton: d}
channels:
  a:
    address: a
    messages: {m: {$ref: '#/components/messages/m'}}
operations:
  o: {action: send, channel: {$ref: '#/channels/a'}, messages: [{$ref: '#/components/messages/m'}]}
components: {messages: {m: {payload: {type: string}}}}
`

// TestJSON holds the JSON of check to the keys that scripts rely on.
func TestJSON(t *testing.T) {
	_, stdout, _ := run(folder(t, map[string]string{"a.yaml": faulty}), "check", "--format", "json")
	var report map[string]any
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	keys := func(what string, v any, want ...string) map[string]any {
		t.Helper()
		object, _ := v.(map[string]any)
		got := []string{}
		for k := range object {
			got = append(got, k)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the keys %q, want %q", what, got, want)
		}
		return object
	}
	keys("the report", report, "diagnostics", "summary", "documents")
	keys("the summary", report["summary"], "errors", "warnings", "infos")
	related, fixed := false, false
	for _, d := range report["diagnostics"].([]any) {
		want := []string{"rule", "severity", "message", "file", "line", "column", "endLine", "endColumn", "pointer", "related"}
		one := d.(map[string]any)
		if fix := one["fix"]; fix != nil {
			want, fixed = append(want, "fix"), true
			edits := keys("a fix", fix, "title", "edits")["edits"].([]any)
			keys("an edit", edits[0], "file", "line", "column", "endLine", "endColumn", "newText")
		}
		keys("a finding", d, want...)
		for _, r := range one["related"].([]any) {
			related = true
			keys("a related place", r, "message", "file", "line", "column")
		}
	}
	if !related || !fixed {
		t.Errorf("the document shows no related place (%v) or no fix (%v)", related, fixed)
	}
}

// TestInternalFault holds that a panic, wherever it happens, is reported as a
// fault of treaty, without a stack unless one is asked for.
func TestInternalFault(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": faulty})
	for _, debug := range []string{"", "1"} {
		var out, errs bytes.Buffer
		broken := true // until the clock has been asked once
		env := Env{Args: []string{"check", "a.yaml"}, Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
			Getenv: func(name string) string { return map[string]string{"TREATY_DEBUG": debug}[name] },
			Now: func() time.Time {
				if broken {
					broken = false
					panic("no clock")
				}
				return day()
			}}
		if code := Run(context.Background(), env); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		text := errs.String()
		for _, want := range []string{"internal fault at a.yaml: no clock", "a bug in treaty", "report it", version()} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing from\n%s", want, text)
			}
		}
		if strings.Contains(text, "goroutine") != (debug == "1") {
			t.Errorf("TREATY_DEBUG=%s prints\n%s", debug, text)
		}
	}
	var errs bytes.Buffer
	env := Env{Args: []string{"version"}, Dir: dir, Stdout: panicking{}, Stderr: &errs, Getenv: func(string) string { return "" }, Now: day}
	if code := Run(context.Background(), env); code != exitFailed || !strings.Contains(errs.String(), "internal fault: no writer") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("no writer") }

// TestOutputFails holds that a reader who has gone is no error, and that a
// full disk is one.
func TestOutputFails(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": faulty})
	for _, args := range [][]string{{"check", "a.yaml"}, {"check", "a.yaml", "--show", "contract"}, {"rules"}, {"explain", "syntax"}, {"bundle", "a.yaml"}, {"version"}} {
		for _, fails := range []error{syscall.EPIPE, io.ErrClosedPipe, syscall.ENOSPC} {
			var errs bytes.Buffer
			env := Env{Args: args, Dir: dir, Stdin: strings.NewReader(""), Stdout: failing{fails}, Stderr: &errs, Getenv: func(string) string { return "" }, Now: day}
			code := Run(context.Background(), env)
			said := strings.Contains(errs.String(), "no space left")
			if code != exitFailed || said != errors.Is(fails, syscall.ENOSPC) {
				t.Errorf("%q: %v: exit code %d: %q", args, fails, code, &errs)
			}
		}
	}
}

// TestSentUnsaid holds that events that were sent are not taken for unsent where
// the output is lost, whoever lost it, and that no command is a success then.
func TestSentUnsaid(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": `{asyncapi: 3.1.0, info: {title: A, version: 1.0.0}, channels: {a: {address: a, messages: {A: {contentType: application/cloudevents+json, x-cloudevents: {mode: structured, payload: data, type: a.done.v1}, payload: {type: integer}}}}}}`})
	publish := []string{"publish", "--broker", "embedded:./events", "a.yaml", "--sample", "2"}
	for _, fails := range []error{syscall.EPIPE, syscall.ENOSPC} {
		for _, row := range []struct {
			args []string
			said string
		}{
			{publish, "2 events were published"}, {append(slices.Clone(publish), "--format", "json"), "2 events were published"}, {append(slices.Clone(publish), "-q"), ""},
			{[]string{"tail", "--broker", "embedded:./events", "a.yaml", "--from", "earliest", "--count", "1"}, "no space left"},
			{[]string{"-h"}, "the output could not be written"}, {[]string{"publish", "-h"}, "the output could not be written"},
		} {
			var errs bytes.Buffer
			env := Env{Args: row.args, Dir: dir, Stdin: strings.NewReader(""), Stdout: failing{fails}, Stderr: &errs, Getenv: func(string) string { return "" }, Now: day}
			want := exitFailed
			if row.said == "" {
				want = exitClean // nothing was to be written
			}
			told := row.said
			if fails == syscall.EPIPE && !strings.Contains(told, "published") {
				told = "" // nobody is there to be told, and nothing has to be
			}
			if code := Run(t.Context(), env); code != want || !strings.Contains(errs.String(), told) || told == "" && errs.Len() > 0 {
				t.Errorf("%q: %v: exit code %d: %q", row.args, fails, code, &errs)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "out", Err: f.err}
}

// TestOrder holds that the output does not depend on which document is done
// first.
func TestOrder(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("%02d.yaml", i)] = faulty + strings.Repeat("# more\n", (i*7919)%4000)
	}
	dir := folder(t, files)
	_, first, _ := run(dir, "check", "-q")
	for range 10 {
		if _, again, _ := run(dir, "check", "-q"); again != first {
			t.Fatal("two runs print different things")
		}
	}
	if !strings.HasPrefix(first, "00.yaml:") || strings.Index(first, "39.yaml:") < strings.Index(first, "38.yaml:") {
		t.Error("the findings are not in the order of the files")
	}
}

// TestFixKeepsMode holds that a file that is mended keeps its permissions, and
// that a link to it stays a link.
func TestFixKeepsMode(t *testing.T) {
	dir := folder(t, map[string]string{"real/a.yaml": faulty})
	path, link := filepath.Join(dir, "real", "a.yaml"), filepath.Join(dir, "a.yaml")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("real", "a.yaml"), link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if code, _, stderr := run(dir, "check", "a.yaml", "--fix", "--root", "."); code != exitClean {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has become %v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if !bytes.Contains(text, []byte("description: d")) {
		t.Errorf("not mended:\n%s", text)
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

// TestHosts reads references from a host that treaty.yaml lists, and from no
// other, whatever a redirect says.
func TestHosts(t *testing.T) {
	forbidden := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { forbidden++ }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/channels.yaml", say("a: {adress: a}\n"))
	mux.Handle("/away", http.RedirectHandler(other.URL+"/a.yaml", http.StatusFound))
	mux.Handle("/near", http.RedirectHandler("/channels.yaml", http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	mux.HandleFunc("/large.yaml", say(strings.Repeat("# large\n", 200)))
	server := httptest.NewServer(mux)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	doc := "asyncapi: 3.1.0\ninfo: {title: T, version: 1.0.0}\nchannels:\n"
	for i, ref := range []string{server.URL + "/channels.yaml#/a", server.URL + "/near#/a", server.URL + "/away", server.URL + "/round", server.URL + "/large.yaml", server.URL + "/none", other.URL + "/x.yaml"} {
		doc += fmt.Sprintf("  c%d: {$ref: '%s'}\n", i, ref)
	}
	dir := folder(t, map[string]string{"a.yaml": doc, "treaty.yaml": "version: 1\nhosts: ['" + host + "']\nlimits: {input-bytes: 1200}\n"})
	code, stdout, stderr := run(dir, "check", "-q", "a.yaml")
	if code != exitFindings || forbidden != 0 {
		t.Errorf("exit code %d, %d requests to another host: %s", code, forbidden, stderr)
	}
	for _, want := range []string{
		server.URL + `/channels.yaml:1:5: error\[field-unknown\].*"adress"`,
		`a.yaml:6:14: error\[ref-unresolved\].*could not be fetched: a redirect leads to the host`,
		`a.yaml:7:14: error\[ref-unresolved\].*more than 5 redirects`,
		`a.yaml:8:14: error\[ref-unresolved\].*more than 1200 bytes, the limit input-bytes`,
		`a.yaml:9:14: error\[ref-unresolved\].*404`,
		`a.yaml:10:14: error\[ref-refused\].*listed under hosts`,
	} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("nothing matches %s in\n%s", want, stdout)
		}
	}
	for _, line := range []string{"a.yaml:4:", "a.yaml:5:"} {
		if strings.Contains(stdout, line) {
			t.Errorf("something is said of a reference that may be followed:\n%s", stdout)
		}
	}
	// What was fetched cannot be mended here.
	if code, _, stderr := run(dir, "check", "a.yaml", "--fix"); code != exitFindings || !strings.Contains(stderr, "fixed nothing") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// shared finds a folder of data that is not part of the repository.
func shared(t *testing.T, name string) string {
	t.Helper()
	base := os.Getenv("TREATY_TESTDATA")
	if base == "" {
		base = "../../../shared/testdata"
	}
	dir, err := filepath.Abs(filepath.Join(base, name))
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Skipf("no %s: set TREATY_TESTDATA to the folder of the shared test data", dir)
	}
	return dir
}

// TestBriefEvent holds the event that treaty was asked to check first against
// its document: the document has its three errors, the event none.
func TestBriefEvent(t *testing.T) {
	dir := shared(t, "../brief")
	code, stdout, _ := run(dir, "check", "orders.asyncapi.yaml", "--event", "order-paid.event.json", "-q")
	if code != exitFindings || strings.Count(stdout, "error[") != 3 || strings.Contains(stdout, "order-paid.event.json") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
}

// TestOrdersEvent holds the event of the example against its contract.
func TestOrdersEvent(t *testing.T) {
	dir, err := filepath.Abs("../../examples/orders")
	if err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run(dir, "check", "--event", "order-paid.event.json", "--fail-on", "info"); code != exitClean {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
}

// TestStart holds the start of the binary: the packages' initialisation is paid by
// every command. It counts what is allocated and not the time, which is another
// machine's matter: a table that is built, or an expression that is compiled at the
// start, shows in either.
func TestStart(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary := filepath.Join(t.TempDir(), "treaty")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/treaty").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var ours, all int
	for _, m := range regexp.MustCompile(`(?m)^init (\S+) .* (\d+) allocs$`).FindAllStringSubmatch(trace.String(), -1) {
		n, _ := strconv.Atoi(m[2])
		all += n
		if strings.HasPrefix(m[1], "github.com/treaty-events/") {
			ours += n
		}
	}
	// It is about 200 of ours, and 10,000 in all.
	if ours == 0 || ours > 300 || all > 15_000 {
		t.Errorf("initialisation takes %d allocations of ours, and %d in all:\n%s", ours, all, &trace)
	}
}

// say answers with a text.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// TestProgress holds that work says how far it is on a terminal alone, and only
// where it takes its time; what it said is gone in the end.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	a := &app{env: Env{Stderr: &out, ErrTerminal: true}}
	p := a.progress(3)
	p.step()
	if out.Len() > 0 {
		t.Errorf("quick work says %q", &out)
	}
	p.start = p.start.Add(-2 * progressAfter)
	p.step()
	p.done()
	if want := "\r2 of 3 documents\r\x1b[K"; out.String() != want {
		t.Errorf("says %q, want %q", &out, want)
	}
	out.Reset()
	for _, silent := range []*app{{env: Env{Stderr: &out}}, {env: Env{Stderr: &out, ErrTerminal: true}, quiet: true}} {
		p := silent.progress(2)
		p.start = p.start.Add(-2 * progressAfter)
		p.step()
		p.done()
	}
	if out.Len() > 0 {
		t.Errorf("what should be silent says %q", &out)
	}
}

// TestHasKey looks for the field by which a document is known.
func TestHasKey(t *testing.T) {
	for text, want := range map[string]bool{
		"asyncapi: 3.1.0\n":                           true,
		"\ufeffasyncapi: 3.1.0\n":                     true,
		"# c\r\n'asyncapi' : 3.1.0\r\n":               true,
		"info: {}\n\"asyncapi\": 3.1.0\n":             true,
		`{"info": {"a": "}{"}, "asyncapi": "3"}`:      true,
		"{info: {}, asyncapi: 3.1.0}":                 true,
		"asyncapi:\n  enabled: true\n":                false,
		"  asyncapi: 3.1.0\n":                         false,
		"asyncapis: 3.1.0\n":                          false,
		`{"a": {"asyncapi": "3"}}`:                    false,
		`{"a": "\"asyncapi\": 3", "b": ["asyncapi"]}`: false,
		"[asyncapi: 3]":                               false,
		"":                                            false,
	} {
		if got := hasKey([]byte(text), "asyncapi"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestStream reads a document from a pipe, as a shell's <(…) passes one.
func TestStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skipf("no %s here", name)
	}
	if _, err := w.WriteString(faulty); err != nil {
		t.Fatal(err)
	}
	w.Close()
	code, stdout, stderr := run(t.TempDir(), "check", name, "-q")
	if code != exitFindings || !strings.Contains(stdout, name+":2:34: error[field-unknown]") {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
}
