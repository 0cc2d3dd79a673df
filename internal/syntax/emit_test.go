package syntax

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// parseAs parses text that has no errors but duplicate keys.
func parseAs(t testing.TB, f Format, text string) *Node {
	t.Helper()
	n, found := Parse(diag.NewFile("test", text), f, Limits{})
	for _, d := range found {
		if d.Severity == diag.Error && d.Rule != RuleDuplicateKey {
			t.Fatalf("%s: %s in:\n%s", d.Span, d.Message, text)
		}
	}
	return n
}

func emitted(t testing.TB, n *Node, f Format, o EmitOptions) string {
	t.Helper()
	out, err := Emit(n, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// copied is what Emit writes at first; the test fails where it has to fall
// back on writing anew.
func copied(t testing.TB, n *Node) string {
	t.Helper()
	e := &emitter{intact: map[*Node]bool{}, written: map[comment]bool{}}
	if err := e.document(n); err != nil {
		t.Fatal(err)
	}
	if !reads(e.b.String(), n) {
		t.Errorf("not the same value:\n%s\nwritten for:\n%s", e.b.String(), n.File.Text)
	}
	return e.b.String()
}

// under wraps a node as the value of a new key in a new mapping.
func under(key string, n *Node) *Node {
	return Synthetic(nil, Mapping, []*Node{NewEntry(key, n)})
}

const layout = `# The orders service.

# Which version we write.
asyncapi: 3.0.0 # not 3.1 yet
info: # about us
  # shown in the catalogue
  title: 'Orders'   # short


  # long text
  description: >
    folded and
    long

    text
  contact: {name: "Ann", tags: [a, "b", 'c']} # us
# where things go
channels:
- "dashes": at the key's column
  text: |
      deeper than
        usual
  # no dash here
  plain: over
    two lines
-
  - nested
# the end of channels
components: &all
    # indented by four
    schemas:
        a: {type: string}

        # b is like a
        b:
# the very end

# and after
`

func TestEmitKeepsTheSource(t *testing.T) {
	text := strings.Replace(layout, " &all", "", 1)
	n := parseAs(t, YAML, text)
	if got := copied(t, n); got != text {
		t.Errorf("got:\n%s", got)
	}
	crlf := parseAs(t, YAML, "\ufeff"+strings.ReplaceAll(text, "\n", "\r\n"))
	if got := copied(t, crlf); got != text {
		t.Errorf("from CRLF:\n%q", got)
	}
}

func TestEmit(t *testing.T) {
	item := func(n *Node, path ...string) *Node { return n.At(path...) }
	for _, test := range []struct {
		name, source string
		rewrite      func(n *Node) *Node
		want         string
	}{
		{"moved deeper", "# about a\na: # here\n  # about b\n  b: [1,\n    2] # list\n  c: |\n    x\n     y\n",
			func(n *Node) *Node { return under("k", under("moved", item(n, "a"))) },
			"k:\n  # about a\n  moved: # here\n    # about b\n    b: [1,\n      2] # list\n    c: |\n      x\n       y\n"},
		{"moved out", "x:\n    # banner\n\n    # about a\n    a:\n        b: 1 # one\n\n        c: >-\n            x\n            y\n",
			func(n *Node) *Node { return under("a", item(n, "x", "a")) },
			"# about a\na:\n    b: 1 # one\n\n    c: >-\n        x\n        y\n"},
		{"out of a list", "- # x\n  a: 1 # one\n  b: 'two'\n-  c: 3\n",
			func(n *Node) *Node { return Synthetic(n, Sequence, []*Node{n.Items[1], n.Items[0]}) },
			"- c: 3\n- # x\n  a: 1 # one\n  b: 'two'\n"},
		{"one entry less", "# head\n\na: 1 # one\n# about b\nb: 2\n\n# about c\nc: {x: 'y'}\n# tail\n",
			func(n *Node) *Node { return Synthetic(n, Mapping, []*Node{n.Items[0], n.Items[2]}) },
			"# head\n\na: 1 # one\n\n# about c\nc: {x: 'y'}\n# tail\n"},
		{"a new value under an old key", "a: 1 # one\nb:\n  # about c\n  c: 'x' # see\n",
			func(n *Node) *Node {
				c := SyntheticString(item(n, "b", "c"), "on")
				b := Synthetic(item(n, "b"), Mapping, []*Node{c})
				return Synthetic(n, Mapping, []*Node{n.Items[0], b})
			},
			"a: 1 # one\nb:\n  # about c\n  c: 'on' # see\n"},
		{"each comment once", "# about a\na:\n  x: 1 # one\n",
			func(n *Node) *Node {
				a := item(n, "a")
				return Synthetic(n, Mapping, []*Node{WithKey(a, NewScalar(String, "p")), WithKey(Synthetic(a, Mapping, a.Items), NewScalar(String, "q"))})
			},
			"# about a\np:\n  x: 1 # one\nq:\n  x: 1\n"},
		{"a comment before the first entry of an item", "x:\n  # about a\n  a: 1\n",
			func(n *Node) *Node {
				return Synthetic(nil, Sequence, []*Node{Synthetic(nil, Mapping, []*Node{item(n, "x", "a")})})
			},
			"-\n  # about a\n  a: 1\n"},
		{"no comment inside a literal", "a: |\n  text\n  # not a comment\nb: 1\n",
			func(n *Node) *Node { return under("b", item(n, "b")) },
			"b: 1\n"},
		{"anchors, aliases, merges, tags", "a: &x # anchor\n  k: 'v' # kept\nb: *x\nc:\n  <<: *x\n  d: !!str 5\ne: &y f\n? g\n: h\n",
			func(n *Node) *Node { return n },
			"a: # anchor\n  k: 'v' # kept\nb:\n  k: v\nc:\n  k: v\n  d: '5'\ne: f\ng: h\n"},
		{"duplicate keys", "a: 1\na: 2\nb: &z 3\n", func(n *Node) *Node { return n }, "a: 1\nb: 3\n"},
		{"flow is broken up where it changed", "a: {b: 1, c: [x, 'y']} # f\n",
			func(n *Node) *Node {
				a := Synthetic(item(n, "a"), Mapping, []*Node{NewEntry("z", NewScalar(Number, "9")), item(n, "a", "c")})
				return Synthetic(n, Mapping, []*Node{a})
			},
			"a: # f\n  z: 9\n  c: [x, 'y']\n"},
		{"JSON source", `{"a": ["x", 1.50, null, true, {}, []], "b": {"yes": "no"}}`,
			func(n *Node) *Node { return n },
			"a:\n  - x\n  - 1.50\n  - null\n  - true\n  - {}\n  - []\nb:\n  'yes': 'no'\n"},
		{"a JSON file below a YAML key", `{"a": {"b": "c"}}`,
			func(n *Node) *Node { return under("k", item(n, "a")) },
			"k:\n  b: c\n"},
		{"literals made anew", "{}", func(*Node) *Node {
			return Synthetic(nil, Mapping, []*Node{
				NewEntry("a", NewScalar(String, "x\ny\n")), NewEntry("b", NewScalar(String, "x\n\n  y")),
				NewEntry("c", NewScalar(String, " x\ny\n")), NewEntry("d", NewScalar(String, "x\n\n\n")),
				NewEntry("e", NewScalar(String, "\n")), NewEntry("f", NewScalar(String, "a\tb\r\n")),
			})
		}, "a: |\n  x\n  y\nb: |-\n  x\n\n    y\nc: |2\n   x\n  y\nd: |+\n  x\n\n\ne: \"\\n\"\nf: \"a\\tb\\r\\n\"\n"},
		{"literals that keep blank lines", "a: |+\n  x\n\nb: >+ # folded\n  y\n", func(n *Node) *Node { return n },
			"a: |+\n  x\n\nb: |\n  y\n"},
		{"lone scalar", "# c\n'x'\n", func(n *Node) *Node { return n }, "x\n"},
		{"lone collection", "{}", func(n *Node) *Node { return n }, "{}\n"},
		{"long quotes moved", "a: \"x\n  y\n\n  z\"\nb: 'p\n q'\nc: [\n]\n",
			func(n *Node) *Node { return under("k", Synthetic(nil, Sequence, []*Node{n})) },
			"k:\n  - a: \"x\n      y\n\n      z\"\n    b: 'p\n     q'\n    c: [\n    ]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := test.rewrite(parseAs(t, YAML, test.source))
			if got := copied(t, n); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
			if again := parseAs(t, YAML, emitted(t, n, YAML, EmitOptions{})); !Equal(again, n) {
				t.Errorf("Emit changed the value of:\n%s", test.source)
			}
			if again := parseAs(t, YAML, emitted(t, n, YAML, EmitOptions{Fresh: true})); !Equal(again, n) {
				t.Errorf("Emit changed the value, written anew, of:\n%s", test.source)
			}
		})
	}
}

func TestEmitFreshHasNoComments(t *testing.T) {
	got := emitted(t, parseAs(t, YAML, "# c\na: 'b' # c\nc: {d: [1]}\n"), YAML, EmitOptions{Fresh: true})
	if got != "a: b\nc:\n  d:\n    - 1\n" {
		t.Errorf("got:\n%s", got)
	}
}

func TestEmitJSON(t *testing.T) {
	n := parseAs(t, YAML, "b: [1.50, +1, 0x1F, 1., .5, 007, -0, 12345678901234567890123, 1e400]\na: {'<&>': \"\\u2028\\x01\\\"\"}\nempty: [{}, []]\nn: ~\na: again\n")
	want := `{
  "b": [
    1.50,
    1,
    31,
    1,
    0.5,
    7,
    -0,
    12345678901234567890123,
    1e400
  ],
  "a": {
    "<&>": "\u2028\u0001\""
  },
  "empty": [
    {},
    []
  ],
  "n": null
}
`
	got := emitted(t, n, JSON, EmitOptions{})
	if got != want {
		t.Errorf("got:\n%s", got)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not JSON")
	}
}

func TestEmitRefuses(t *testing.T) {
	for _, f := range []Format{YAML, JSON} {
		if _, err := Emit(nil, f, EmitOptions{}); err == nil {
			t.Error("nil is written")
		}
		n, _ := Parse(diag.NewFile("bad.yaml", "a: .nan\n"), YAML, Limits{})
		if _, err := Emit(n, f, EmitOptions{}); err == nil || !strings.Contains(err.Error(), "bad.yaml:1:4") {
			t.Errorf("error %v", err)
		}
	}
	if _, err := Emit(NewScalar(Number, ".inf"), JSON, EmitOptions{}); err == nil {
		t.Error("infinity is written as JSON")
	}
}

// Every string survives, as value and key, in block and flow, and what other
// readers could take for something else is quoted.
func TestQuote(t *testing.T) {
	words := []string{"", " ", "a", "a b", " a", "a ", "a: b", "a:", ":a", "a #b", "#a", "a#b", "-", "- a", "-a", "--", "---", "--- a", "...", "?", "? a", "?a",
		"'", "''", "it's", `"`, `\`, "a\"b", "[a]", "a, b", "{", "a]", "}", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a",
		"null", "Null", "NULL", "~", "true", "FALSE", "yes", "No", "on", "OFF", "y", "N", "1", "-1", "+1", "1.0", ".5", "1e3", "0x1F", "0o17", "017", "1_000",
		"0b11", "12:30", "12:30:45", ".inf", "-.INF", ".NaN", "2024-01-01", "2024-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59", "=", "<<",
		"3.0.0", "127.0.0.1", "1.2.3-rc", "application/json", "http://x.org/a?b#c", "#/components/x", "$ref", "a\nb", "a\nb\n", "\n", "\n\n", "\na", "a\n\n", " a\nb", "\ta\nb",
		"a\tb", "\t", "\r", "a\r\nb", "\x00", "\x1b", "\x7f", "\u0085", "\u2028", "\ufeff", "\u202e", "日本語", "👍", "é", "e\u0301", "\u00a0", strings.Repeat("x", 2000)}
	plain := map[string]bool{"a": true, "a b": true, "-a": true, "a#b": true, "3.0.0": true, "127.0.0.1": true, "1.2.3-rc": true, "application/json": true,
		"http://x.org/a?b#c": true, "$ref": true, "日本語": true, "👍": true, "é": true}
	for w := range plain {
		if got := quote(w, false); got != w {
			t.Errorf("%q is quoted: %s", w, got)
		}
	}
	for _, w := range []string{"yes", "No", "on", "y", "017", "1_000", "0b11", "12:30", "2024-01-01", "2001-12-14 21:59", "=", "<<", "1.0", "null", "a, b]"} {
		if got := quote(w, true); got == w {
			t.Errorf("%q is not quoted", w)
		}
	}
	for _, w := range words {
		n := Synthetic(nil, Sequence, []*Node{NewScalar(String, w), under(w, NewScalar(String, w)), under("k", under("k", NewScalar(String, w)))})
		out := copied(t, n)
		for _, text := range []string{out, "[" + quote(w, true) + ", {" + quote(w, true) + ": " + quote(w, true) + "}, {k: {k: " + quoteAs(w, SingleQuoted, true) + "}}]"} {
			if again, found := Parse(diag.NewFile("", text), YAML, Limits{}); len(found) > 0 || !Equal(again, n) {
				t.Errorf("%.20q is not read back (%v):\n%.200s", w, found, text)
			}
		}
		var back string
		if err := json.Unmarshal([]byte(quoteDouble(w)), &back); err != nil || back != w {
			t.Errorf("%.20q as JSON is %q, %v", w, back, err)
		}
	}
}

// author writes random documents in every style that the grammar has.
type author struct {
	*rand.Rand
	b     strings.Builder
	plain bool // no anchors, tags, complex or duplicate keys
	count int
}

func (a *author) pick(words ...string) string { return words[a.IntN(len(words))] }

func (a *author) comment(indent int) {
	for a.IntN(4) == 0 {
		fmt.Fprintf(&a.b, "%s# comment %d: - [ {\n", strings.Repeat(" ", a.IntN(indent+1)), a.count)
		a.count++
	}
	if a.IntN(6) == 0 {
		a.b.WriteString("\n")
	}
}

func (a *author) lineEnd() {
	if a.IntN(5) == 0 {
		fmt.Fprintf(&a.b, " # behind %d", a.count)
		a.count++
	}
	a.b.WriteString("\n")
}

func (a *author) scalar(flow bool) string {
	words := []string{"x", "word", "'quoted: it''s'", `"double \n \u00e9"`, "12", "1.50", "true", "null", "~", "#no"[1:], "http://x.org/#a", "'#/a/b'", "0x1f", "'yes'", "-a", "日本"}
	if !flow {
		words = append(words, "a, b", "", "it's {here}")
	}
	return a.pick(words...)
}

func (a *author) key() string {
	a.count++
	return fmt.Sprintf(a.pick("k%d", "key %d", "'q%d'", `"d%d"`, "$%d", "x-%d", "é%d"), a.count)
}

func (a *author) flow(depth int) string {
	if depth > 2 || a.IntN(2) == 0 {
		return a.scalar(true)
	}
	var items []string
	mapping := a.IntN(2) == 0
	for range a.IntN(4) {
		item := a.flow(depth + 1)
		if mapping {
			item = a.key() + ": " + item
		}
		items = append(items, item)
	}
	text := strings.Join(items, a.pick(", ", ","))
	if len(items) > 0 && a.IntN(8) == 0 {
		text += ","
	}
	text = a.pick("", " ") + text + a.pick("", " ")
	if mapping {
		return "{" + text + "}"
	}
	return "[" + text + "]"
}

// block writes the entries of a collection whose first stands on the line.
func (a *author) block(indent, depth int) {
	list := a.IntN(3) == 0
	for i := range 1 + a.IntN(4) {
		if i > 0 {
			a.comment(indent)
			a.b.WriteString(strings.Repeat(" ", indent))
		}
		if list {
			a.b.WriteString("-")
		} else {
			a.b.WriteString(a.key() + ":")
		}
		if !a.plain && a.IntN(12) == 0 {
			a.b.WriteString(a.pick(fmt.Sprintf(" &a%d", a.count), " !!str"))
			a.b.WriteString(" " + a.pick("x", "'y'", "z z"))
			a.lineEnd()
			continue
		}
		switch kind := a.IntN(8); {
		case depth < 4 && kind < 3 && list && a.IntN(2) == 0:
			a.b.WriteString(" ")
			a.block(indent+2, depth+1)
		case depth < 4 && kind < 3:
			a.lineEnd()
			inner := indent + 1 + a.IntN(4)
			a.comment(inner)
			a.b.WriteString(strings.Repeat(" ", inner))
			a.block(inner, depth+1)
		case kind == 3:
			header := a.pick("|", "|-", ">", ">-")
			if !a.plain {
				header = a.pick("|+", "|", ">+", "|2-", "|2")
			}
			inner := indent + 2
			if !strings.Contains(header, "2") {
				inner = indent + 1 + a.IntN(3)
			}
			a.b.WriteString(" " + header + "\n")
			for i := range 1 + a.IntN(3) {
				if i > 0 {
					a.b.WriteString(a.pick("", "\n"))
				}
				a.b.WriteString(strings.Repeat(" ", inner) + a.pick("text", "# no comment", "k: v", "- x") + "\n")
			}
		case kind == 4:
			pad := strings.Repeat(" ", indent+1+a.IntN(3))
			a.b.WriteString(" " + a.pick("plain over\n"+pad+"lines", "\"double\n"+pad+"over lines\"", "'single\n\n"+pad+"over'", "[a,\n"+pad+"b]", "{p: q, # inner\n"+pad+"r: [s]}"))
			a.lineEnd()
		case kind == 5:
			a.b.WriteString(" " + a.flow(0))
			a.lineEnd()
		default:
			if s := a.scalar(false); s != "" {
				a.b.WriteString(a.pick(" ", "  ") + s)
			}
			a.lineEnd()
		}
	}
}

// document writes a random document.
func document(seed uint64, plain bool) string {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 7)), plain: plain}
	a.comment(0)
	a.block(0, 0)
	a.comment(0)
	text := a.b.String()
	switch a.IntN(6) {
	case 0:
		text = strings.ReplaceAll(text, "\n", "\r\n")
	case 1:
		text = "\ufeff" + text
	}
	return text
}

func commentsOf(text string) map[string]int {
	found := map[string]int{}
	for line := range strings.Lines(text) {
		for _, mark := range []string{"# comment", "# behind"} {
			if i := strings.Index(line, mark); i >= 0 {
				found[strings.TrimSpace(line[i:])]++
			}
		}
	}
	return found
}

// What is parsed and written is the same value, with every comment of plain
// documents there once.
func TestEmitRandomDocuments(t *testing.T) {
	for seed := range uint64(1500) {
		plain := seed%2 == 0
		text := document(seed, plain)
		n := parseAs(t, YAML, text)
		out := copied(t, n)
		if plain {
			before, after := commentsOf(text), commentsOf(out)
			for c, k := range before {
				if after[c] != k {
					t.Errorf("seed %d: %q is there %d times, was %d:\n%s\n-----\n%s", seed, c, after[c], k, text, out)
				}
			}
			if once := copied(t, parseAs(t, YAML, out)); once != out {
				t.Errorf("seed %d: written again it is different:\n%s\n-----\n%s", seed, out, once)
			}
		}
		for _, f := range []Format{YAML, JSON} {
			if again := parseAs(t, f, emitted(t, n, f, EmitOptions{Fresh: true})); !Equal(again, n) {
				t.Errorf("seed %d: another value, written anew as format %d:\n%s", seed, f, text)
			}
		}
		// The same below a new key, rebuilt from the ground, and moved.
		copied(t, under("k", n))
		copied(t, Synthetic(nil, Sequence, []*Node{rebuilt(n), n}))
		if t.Failed() {
			break
		}
	}
}

// rebuilt is a synthetic copy of all collections, at their places.
func rebuilt(n *Node) *Node {
	if n.Len() == 0 {
		return n
	}
	items := make([]*Node, len(n.Items))
	for i, item := range n.Items {
		items[i] = rebuilt(item)
	}
	return Synthetic(n, n.Kind, items)
}

// testdata is the folder of shared test data; the test is skipped without it.
func testdata(t testing.TB) string {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = "../../../shared/testdata"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared test data: %v", err)
	}
	return dir
}

func TestEmitSpecificationExamples(t *testing.T) {
	files := 0
	err := filepath.WalkDir(filepath.Join(testdata(t), "asyncapi-spec-examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "ml") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		n := parseAs(t, YAML, string(b))
		if got, want := squeeze(copied(t, n)), squeeze(string(b)); got != want {
			t.Errorf("%s is not written as it was", path)
		}
		copied(t, rebuilt(n))
		for _, f := range []Format{YAML, JSON} {
			if again := parseAs(t, f, emitted(t, n, f, EmitOptions{Fresh: true})); !Equal(again, n) {
				t.Errorf("%s: another value", path)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

// squeeze leaves out the space at the ends of lines and of the text.
func squeeze(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \r\n") + "\n")
	}
	return strings.Trim(b.String(), "\n")
}

func holds(n *Node, k Kind) bool {
	return n.Kind == k || slices.ContainsFunc(n.Items, func(item *Node) bool { return holds(item, k) })
}

func FuzzEmit(f *testing.F) {
	f.Add(layout)
	for seed := range uint64(20) {
		f.Add(document(seed, seed%2 == 0))
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, found := Parse(diag.NewFile("", text), YAML, Limits{})
		for _, d := range found {
			if d.Severity == diag.Error {
				return
			}
		}
		if holds(n, Invalid) {
			return // the finding of another fault on its line stands for it
		}
		out, err := Emit(n, YAML, EmitOptions{})
		if err != nil {
			t.Fatalf("%v for %q", err, text)
		}
		if again, _ := Parse(diag.NewFile("", string(out)), YAML, Limits{}); !Equal(again, n) {
			t.Errorf("%q became %q", text, out)
		}
		if out, err = Emit(n, JSON, EmitOptions{}); err != nil || !json.Valid(out) {
			t.Errorf("%q is no JSON: %v", out, err)
		}
	})
}
