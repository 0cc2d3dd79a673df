package diag

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update rewrites it. got:\n%s", path, got)
	}
}

// in is the span of the n-th (from 0) occurrence of what in a file.
func in(f *File, what string, n int) Span {
	at := 0
	for ; ; n-- {
		i := strings.Index(f.Text[at:], what)
		if i < 0 {
			panic("no " + what + " in " + f.Name)
		}
		at += i
		if n == 0 {
			return Span{File: f, Start: at, End: at + len(what)}
		}
		at += len(what)
	}
}

func empty(s Span) Span { return Span{File: s.File, Start: s.Start, End: s.Start} }

func replace(s Span, text string) *Fix {
	return &Fix{Title: "write " + text, Safe: true, Edits: []Edit{{s, text}}}
}

// orders is a report as an ordinary document gets it.
func orders() Report {
	f := NewFile("docs/orders.yaml", `asyncapi: 3.0.0
info:
  title: Orders
channels:
  orders:
    adress: orders.v1
    messages:
      paid:
        payload:
          type: objekt
      paid:
        payload:
          type: object
          properties:
            id: {type: strin}
operations: {}
`)
	g := NewFile("docs/billing service.json", "{\n  \"asyncapi\": \"4.0.0\"\n}")
	return Report{
		Documents:   3,
		Files:       []string{"docs/billing service.json", "docs/orders.yaml", "docs/shipping.yaml"},
		ToolVersion: "1.2.3",
		Rules: func(id string) (RuleInfo, bool) {
			if id == "tag" {
				return RuleInfo{}, false
			}
			return RuleInfo{Title: "About " + id, Reason: "Because <b> & so on.", HelpURI: "https://example.com/rules/" + id, Severity: Warning}, true
		},
		Diagnostics: Sort([]Diagnostic{
			{Rule: "config", Severity: Warning, Message: "treaty.yaml names no document; add one"},
			{Rule: "field-unknown", Severity: Error, Message: `"adress" is not a field of a channel; did you mean "address"?`,
				Span: in(f, "adress", 0), Pointer: "/channels/orders/adress", Fix: replace(in(f, "adress", 0), "address")},
			{Rule: "duplicate-key", Severity: Error, Message: `"paid" is here twice; remove one`, Span: in(f, "paid", 1), Pointer: "/channels/orders/messages/paid",
				Related: []Related{{in(f, "paid", 0), "it is first written here"}, {Message: "the first is the one that counts"}}},
			{Rule: "schema", Severity: Warning, Message: "the schema of [paid](x) accepts nothing", Span: in(f, "payload:\n          type: object\n          properties:\n            id: {type: strin}", 0),
				Pointer: "/channels/orders/messages/paid/payload"},
			{Rule: "description", Severity: Info, Message: "the document has no description; add one under info", Span: in(f, "info", 0), Pointer: "/info",
				Fix: &Fix{Title: "add a description", Edits: []Edit{{empty(in(f, "channels:", 0)), "  description: TODO\n"}}}},
			{Rule: "unused", Severity: Info, Message: "there are no operations; remove the empty object", Span: in(f, "operations: {}", 0), Pointer: "/operations",
				Fix: &Fix{Title: "remove it", Safe: true, Edits: []Edit{{in(f, "operations: {}\n", 0), ""}}}},
			{Rule: "asyncapi-version", Severity: Error, Message: `version "4.0.0" is not known; write 3.1.0`, Span: in(g, `"4.0.0"`, 0), Pointer: "/asyncapi",
				Related: []Related{{in(f, "3.0.0", 0), "another document has"}},
				Fix:     &Fix{Title: "write the same version in both", Edits: []Edit{{in(g, `4.0.0`, 0), "3.0.0"}, {in(f, "3.0.0", 0), "3.0.0"}}}},
		}),
	}
}

// hostile is a report over documents that are out to write to the terminal,
// the log or the page.
func hostile() Report {
	f := NewFile("a\x1b[2J:%,<&\"é.yaml", "\ufeffa: \x1b]0;owned\a\u202eevil\u2066 \xff\xfe ]]> <x/> \u009b2J\n"+
		"tab:\t\tvalue\twith\ttabs # 日本語 is wide\r\n"+
		"emoji: 👩‍👩‍👧 e\u0301 👍🏽 日本語 tail\r\n"+
		"::error::x %0A\rlone: carriage\n"+
		"nul: \x00\x7f\u200b\U000e0041\n"+
		"long: "+strings.Repeat("0123456789", 40)+"MARK"+strings.Repeat("abcdefghij", 40)+"\n"+
		"end: here")
	long := in(f, "MARK", 0)
	line := Span{File: f, Start: in(f, "long", 0).Start, End: in(f, "\nend", 0).Start}
	d := func(message string, s Span) Diagnostic {
		return Diagnostic{Rule: "hostile", Severity: Error, Message: message, Span: s, Pointer: "/\x1b\u2028~1"}
	}
	ds := []Diagnostic{
		d("message \x1b[31m\n::error::two\r\u2028\xff <&\">]]> [x](http://evil)", in(f, "evil", 0)),
		d("an escaped stretch", Span{File: f, Start: in(f, "\x1b", 0).Start, End: in(f, "\u2066", 0).End}),
		d("after tabs", in(f, "with", 0)),
		d("over a tab", in(f, "\tvalue\t", 0)),
		d("wide text", in(f, "日本語", 0)),
		d("behind emoji", in(f, "tail", 0)),
		d("a combining mark", in(f, "\u0301", 0)),
		d("inside of a character", Span{File: f, Start: in(f, "日", 1).Start + 1, End: in(f, "日", 1).Start + 2}),
		d("a line end of two bytes", in(f, "\r\n", 1)),
		d("between carriage return and line feed", empty(in(f, "\n", 1))),
		d("over a line end", in(f, "tail\r\n::err", 0)),
		d("a lone carriage return", in(f, "lone", 0)),
		d("what cannot be seen", in(f, "\x00\x7f\u200b\U000e0041", 0)),
		d("in the middle of a long line", long),
		d("of no length, in the long line", empty(long)),
		d("all of the long line", line),
		d("its end", Span{File: f, Start: line.End - 3, End: line.End}),
		d("the last byte", Span{File: f, Start: len(f.Text) - 1, End: len(f.Text)}),
		d("end of file", Span{File: f, Start: len(f.Text), End: len(f.Text)}),
		d("behind the end of file", Span{File: f, Start: len(f.Text) + 10, End: len(f.Text) + 20}),
		d("empty file", Span{File: NewFile("empty", "")}),
		d("last line empty", Span{File: NewFile("newline", "a\n"), Start: 2, End: 2}),
		d("the whole file", Span{File: NewFile("whole", "\n  a: 1\n  b: 2\n\n"), Start: 0, End: 17}),
	}
	ds[2].Fix = &Fix{Title: "fix \x1b[0m\n::error::", Edits: []Edit{{in(f, "value", 0), "日本\x1b"}, {in(f, "tabs", 0), "and\ttabs"}}}
	ds[5].Fix = &Fix{Title: "leave out", Edits: []Edit{{in(f, "tail", 0), ""}}}
	ds[13].Fix = &Fix{Title: "in a long line", Edits: []Edit{{long, "HERE"}}}
	ds[18].Fix = &Fix{Title: "add lines", Edits: []Edit{{ds[18].Span, "\nmore: 1\nthan: 2"}}}
	ds[22].Fix = &Fix{Title: "another text", Edits: []Edit{{in(ds[22].Span.File, "a: 1\n  b: 2", 0), "b: 3"}}}
	return Report{Diagnostics: ds, Documents: 1}
}

// clean is a report without findings.
func clean() Report { return Report{Documents: 1, Files: []string{"orders.yaml"}} }

func printed(t testing.TB, format string, r Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Print(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, report := range map[string]func() Report{"orders": orders, "hostile": hostile, "clean": clean} {
		for _, format := range Formats {
			golden(t, name+"."+format.Name, printed(t, format.Name, report(), Options{}))
		}
	}
	golden(t, "orders.color.text", printed(t, "text", orders(), Options{Color: true}))
	golden(t, "orders.quiet.text", printed(t, "text", orders(), Options{Quiet: true}))
	golden(t, "orders.quiet.github", printed(t, "github", orders(), Options{Quiet: true}))
	golden(t, "hostile.narrow.text", printed(t, "text", hostile(), Options{Width: 40}))
}

func TestEveryRepetitionIsShown(t *testing.T) {
	f := NewFile("f", strings.Repeat("x\n", 50))
	var r Report
	for i := range 50 {
		r.Diagnostics = append(r.Diagnostics, Diagnostic{Rule: "x", Severity: Error, Message: "x", Span: Span{File: f, Start: 2 * i, End: 2*i + 1}})
	}
	if n := strings.Count(printed(t, "text", r, Options{}), "error[x]: x"); n != 50 {
		t.Errorf("%d findings shown, want 50", n)
	}
}

func TestUnknownFormat(t *testing.T) {
	err := Print(io.Discard, "jsn", Report{}, Options{})
	if err == nil || !strings.Contains(err.Error(), `did you mean "json"?`) {
		t.Errorf("error %v", err)
	}
	err = Print(io.Discard, "html", Report{}, Options{})
	if err == nil || !strings.Contains(err.Error(), "text, json, sarif, github, junit") {
		t.Errorf("error %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterErrorIsReported(t *testing.T) {
	for _, format := range Formats {
		if err := Print(failing{}, format.Name, orders(), Options{}); err == nil || err.Error() != "disk full" {
			t.Errorf("%s: error %v", format.Name, err)
		}
	}
}

func TestJSONShape(t *testing.T) {
	var got struct {
		Diagnostics []map[string]any
		Summary     map[string]int
		Documents   int
	}
	out := printed(t, "json", orders(), Options{})
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Diagnostics) != 7 || got.Documents != 3 || got.Summary["errors"] != 3 || got.Summary["warnings"] != 2 || got.Summary["infos"] != 2 {
		t.Errorf("%d findings, %d documents, summary %v", len(got.Diagnostics), got.Documents, got.Summary)
	}
	for _, d := range got.Diagnostics {
		for _, field := range []string{"rule", "severity", "message", "file", "line", "column", "endLine", "endColumn", "pointer", "related"} {
			if _, ok := d[field]; !ok {
				t.Errorf("%v has no %s", d["rule"], field)
			}
		}
		if d["related"] == nil {
			t.Errorf("%v: related is null", d["rule"])
		}
	}
	if first := got.Diagnostics[0]; first["file"] != "" || first["line"] != 0.0 {
		t.Errorf("a finding with no place is at %v:%v", first["file"], first["line"])
	}
	if strings.Contains(out, `\u003c`) || !strings.HasSuffix(out, "}\n") || strings.ContainsAny(printed(t, "json", hostile(), Options{}), "\u2028\r") {
		t.Error("escaping or line end is not as promised")
	}
}

// terminalSafe fails for anything that a terminal obeys or that cannot be seen.
func terminalSafe(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("not UTF-8: %q", out)
	}
	for _, r := range out {
		if r != '\n' && r != 0x200c && r != 0x200d && !unicode.IsGraphic(r) {
			t.Errorf("%U in the output: %q", r, out)
		}
	}
}

func TestHostileTextIsHarmless(t *testing.T) {
	terminalSafe(t, printed(t, "text", hostile(), Options{}))
	terminalSafe(t, printed(t, "text", hostile(), Options{Quiet: true}))
	github := printed(t, "github", hostile(), Options{})
	r := hostile()
	if lines := strings.Count(github, "\n"); lines != len(r.Diagnostics)+1 {
		t.Errorf("%d lines for %d findings", lines, len(r.Diagnostics))
	}
	for line := range strings.Lines(github) {
		if regexp.MustCompile(`^.+::error::`).MatchString(strings.TrimPrefix(line, "::error ")) && !strings.Contains(line, "title=hostile::") {
			t.Errorf("a command that nobody meant: %q", line)
		}
	}
}

// The marks stand under the text of the span, in terminal cells.
func TestMarksStandUnderTheSpan(t *testing.T) {
	for _, test := range []struct{ line, span string }{
		{"key: value", "value"},
		{"\tkey:\tvalue", "value"},
		{"日本語: value", "value"},
		{"e\u0301e\u0301: value", "value"},
		{"\x1b\x1b: value", "value"},
		{"\xff: value", "value"},
		{"👍 \u200d: value", "value"},
		{strings.Repeat("日本語\t", 100) + "value" + strings.Repeat("日本語\t", 100), "value"},
		{strings.Repeat("x", 5000) + "value", "value"},
	} {
		f := NewFile("f", test.line)
		lines := strings.Split(printed(t, "text", Report{Diagnostics: []Diagnostic{{Span: in(f, test.span, 0)}}}, Options{Width: 80}), "\n")
		source, marks := lines[3], lines[4]
		from := strings.Index(marks, "^")
		before, _, found := strings.Cut(source, test.span)
		if !found {
			t.Errorf("%.30q: the span is not shown: %q", test.line, source)
			continue
		}
		if cells := cellsOf(before); cells != from || strings.TrimSpace(marks[from:]) != "^^^^^" {
			t.Errorf("%.30q: marks at %d, text at %d:\n%s\n%s", test.line, from, cells, source, marks)
		}
		if w := cellsOf(source); w > 80 {
			t.Errorf("%.30q: %d cells wide", test.line, w)
		}
	}
}

func cellsOf(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func TestJUnitIsXML(t *testing.T) {
	type testcase struct {
		Name    string `xml:"name,attr"`
		Failure *struct {
			Type string `xml:"type,attr"`
			Text string `xml:",chardata"`
		} `xml:"failure"`
		Skipped *struct{} `xml:"skipped"`
	}
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name  string     `xml:"name,attr"`
			Tests int        `xml:"tests,attr"`
			Cases []testcase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	for name, report := range map[string]Report{"orders": orders(), "hostile": hostile(), "clean": clean(), "nothing": {}} {
		got.Suites = nil
		if err := xml.Unmarshal([]byte(printed(t, "junit", report, Options{})), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tests, failures, skipped := 0, 0, 0
		for _, s := range got.Suites {
			if len(s.Cases) != s.Tests || len(s.Cases) == 0 {
				t.Errorf("%s: suite %q says %d tests and has %d", name, s.Name, s.Tests, len(s.Cases))
			}
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil {
					failures++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
		}
		if tests != got.Tests || failures != got.Failures || skipped != got.Skipped {
			t.Errorf("%s: says %d tests, %d failures, %d skipped; has %d, %d, %d", name, got.Tests, got.Failures, got.Skipped, tests, failures, skipped)
		}
	}
}

func FuzzPrint(f *testing.F) {
	f.Add("a: b\r\n\tc: 日本\n", "mess\x1bage", 3, 8, 5, "new\ntext", 40)
	f.Add("", "", 0, 0, 0, "", 0)
	f.Add("\r\r\n\n", "x", 1, 3, 2, "\r", 1)
	f.Fuzz(func(t *testing.T, source, message string, start, end, cut int, newText string, width int) {
		if start < 0 || end < start || end > len(source) {
			return
		}
		file := NewFile("f", source)
		s := Span{File: file, Start: start, End: end}
		cut = min(max(cut, start), end)
		r := Report{Documents: 1, Diagnostics: []Diagnostic{{
			Rule: "rule", Severity: Error, Message: message, Span: s, Pointer: message,
			Related: []Related{{Span{File: file, Start: start, End: cut}, newText}},
			Fix:     &Fix{Title: message, Edits: []Edit{{Span{File: file, Start: cut, End: end}, newText}}},
		}}}
		width = min(max(width, -1), 300)
		out := printed(t, "text", r, Options{Width: width})
		terminalSafe(t, out)
		limit := max(width, 16+8)
		if width <= 0 {
			limit = DefaultWidth
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, " | ") && !strings.HasPrefix(line, "error") && !strings.HasPrefix(line, "note") && !strings.HasPrefix(line, "help") {
				if w := cellsOf(strings.TrimSuffix(line, "\n")); w > limit {
					t.Errorf("a line of %d cells, width %d: %q", w, width, line)
				}
			}
		}
		if err := json.Unmarshal([]byte(printed(t, "json", r, Options{})), new(any)); err != nil {
			t.Error(err)
		}
		if err := xml.Unmarshal([]byte(printed(t, "junit", r, Options{})), new(struct{})); err != nil {
			t.Error(err)
		}
		if got := strings.Count(printed(t, "github", r, Options{}), "\n"); got != 2 {
			t.Errorf("%d lines", got)
		}
		checkSARIF(t, []byte(printed(t, "sarif", r, Options{})))
	})
}
