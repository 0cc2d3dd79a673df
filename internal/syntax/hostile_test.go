package syntax

import (
	"fmt"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// TestHostile holds texts that would be costly for a careless reader to what
// they may cost: nodes, findings and, where it was quadratic once, time that a
// test would notice.
func TestHostile(t *testing.T) {
	const size = 1 << 18
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var chain strings.Builder // aliases that nest what is no deeper than allowed by itself
	fmt.Fprintf(&chain, "k0: &x0 %s%s\n", strings.Repeat("[", 300), strings.Repeat("]", 300))
	fmt.Fprintf(&chain, "k1: &x1 %s*x0%s\n", strings.Repeat("[", 300), strings.Repeat("]", 300))
	for _, c := range []struct {
		name, in string
		findings int
		says     string
	}{
		{"one long line", "[" + strings.Repeat("1,", 300_000) + "]", 1, "nodes of 200000"},
		{"aliases nest too deeply", chain.String(), 1, "depth of 512"},
		{"compact lists", fill("- "), 1, "depth"},
		{"compact keys", fill("? "), 1, "depth"},
		{"braces", fill("{"), 1, "depth"},
		{"keys on a line", fill("a: "), 1, "second key"},
		{"quotes", fill("\""), 1, ""},
		{"commas", "[" + fill(","), 2, "comma"},
		{"escapes", "\"" + fill("\\q"), 2, "no escape"},
		{"unclosed lists", fill("a: [\n"), maxFindings + 1, "never closed"},
		{"tabs", "a:\n" + fill("\tb: c\n"), maxFindings + 1, "tab"},
		{"duplicates", fill("a: 1\n"), maxFindings + 1, "is there twice"},
		{"tags", "[" + fill("!x 1, ") + "]", maxFindings + 1, "ignored"},
		{"anchors", fill("&a "), 1, "one anchor"},
		{"blank lines of a literal", "a: |\n" + fill("\n"), 0, ""},
		{"lines of a literal", "a: |\n" + fill("  x\n"), 0, ""},
		{"lines of a plain text", "a: x\n" + fill("  x\n"), 0, ""},
		{"merges", "b: &b {x: 1}\nc:\n" + fill("  <<: *b\n"), 0, ""},
	} {
		n, found := Parse(diag.NewFile("f", c.in), YAML, Limits{Nodes: 200_000})
		if len(found) != c.findings {
			t.Errorf("%s: %d findings, want %d", c.name, len(found), c.findings)
		}
		if len(found) > 0 && !strings.Contains(found[0].Message, c.says) {
			t.Errorf("%s: %q does not say %q", c.name, found[0].Message, c.says)
		}
		sound(t, n, found, len(c.in))
	}
}

// An alias that is refused is refused before it is copied.
func TestAliasesAreCountedFirst(t *testing.T) {
	text := "a: &a [" + strings.Repeat("1,", 900) + "]\nb: *a\nc: *a\n"
	file := diag.NewFile("f", text)
	p := &parser{file: file, s: text, lim: Limits{Nodes: 1000}.withDefaults(len(text))}
	if n := p.document(YAML); n != nil || len(p.found) != 1 || p.nodes > 910 {
		t.Errorf("%d nodes were made, findings %v", p.nodes, p.found)
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"b: &b {x: 1, y: 2}\nc:\n  <<: *b\n  x: 9\n", `{"b":{"x":1,"y":2},"c":{"x":9,"y":2}}`},
		{"b: &b {x: 1}\nc:\n  x: 9\n  <<: *b\n", `{"b":{"x":1},"c":{"x":9}}`},
		{"c: {<<: {x: 1}, y: 2}\n", `{"c":{"x":1,"y":2}}`},
		{"a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n", `{"a":{"x":1},"b":{"x":1,"y":2},"c":{"x":1,"y":2}}`},
		{"c: {'<<': {x: 1}}\n", `{"c":{"\u003c\u003c":{"x":1}}}`},
	} {
		n, found := parse(c.in, YAML)
		if got := asJSON(t, value(n)); got != c.want || len(found) > 0 {
			t.Errorf("%q:\n got %s\nwant %s %v", c.in, got, c.want, found)
		}
		sound(t, n, found, len(c.in))
	}
	n, _ := parse("a: &a {x: 1}\nb:\n  <<: *a\n", YAML)
	if x := n.At("b", "x"); x == nil || x.Alias.Text() != "*a" || x.Key.Alias.Text() != "*a" || x.Pointer() != "/b/x" {
		t.Errorf("a merged entry does not know where it was brought in")
	}
	if _, found := parse("a: &a [1]\nb: {<<: *a}\n", YAML); faults(found) != "" && !strings.Contains(found[0].Message, "a number") {
		t.Errorf("%v", found)
	}
}

func TestTags(t *testing.T) {
	for _, c := range []struct{ in, want, faults string }{
		{"%TAG !y! tag:yaml.org,2002:\n---\na: !y!str 1\n", `{"a":"1"}`, ""},
		{"a: !<tag:yaml.org,2002:str> 1\n", `{"a":"1"}`, ""},
		{"%TAG !! tag:example.org,2000:\n---\na: !!int 1-3\n", `{"a":"1-3"}`, "3:4 syntax"},
		{"a: !!str\nb: !!null ''\n", `{"a":"","b":null}`, ""},
		{"a: !!int x\n", `{"a":"x"}`, "1:4 syntax"},
		{"a: !!int 1.5\n", `{"a":1.5}`, "1:4 syntax"},
		{"a: !e!x 1\n", `{"a":1}`, "1:4 syntax"},
		{"a: !!map [1]\n", `{"a":[1]}`, "1:4 syntax"},
		{"a: !!str .inf\n.nan: b\n", `{".nan":"b","a":".inf"}`, ""},
		{"!!str 1: a\n", `{"1":"a"}`, ""},
		{"&a\n&b k: v\nl: *b\n", `{"k":"v","l":"k"}`, ""},
	} {
		n, found := parse(c.in, YAML)
		if got := asJSON(t, value(n)); got != c.want || faults(found) != c.faults {
			t.Errorf("%q:\n got %s %v\nwant %s %s", c.in, got, found, c.want, c.faults)
		}
	}
}

// TestReadsOn holds the reading after a fault: what is as good as read is kept,
// and what was passed over is nowhere taken for null.
func TestReadsOn(t *testing.T) {
	for _, c := range []struct{ in, want, faults string }{
		{"a:\n  title:x\n  version: 1\n", `{"a":{"title":"x","version":1}}`, "2:8 syntax"},
		{"a:\n  version: 1\n  title:x\n  z: 2\n", `{"a":{"title":"x","version":1,"z":2}}`, "3:8 syntax"},
		{"\"a\":b\nc: d\n", `{"a":"b","c":"d"}`, "1:4 syntax"},
		{"a:\n\tb: c\nd: e\n", `{"a":"\u003cinvalid\u003e","d":"e"}`, "2:1 syntax"},
		{"a: b: c\n  d\ne: f\n", `{"a":"\u003cinvalid\u003e","e":"f"}`, "1:5 syntax"},
		{"a: 1\n- b\nc: 2\n", `{"a":1,"c":2}`, "2:1 syntax"},
		{"- a\nb: c\n- d\n", `["a","d"]`, "2:1 syntax"},
		{"a: &x [1\nb: *x\nc: *x\n", `{"a":[1],"b":[1],"c":[1]}`, "1:7 syntax"},
		{"a: &x \"1\nb: *x\nc: d\n", `{"a":"\u003cinvalid\u003e","b":"\u003cinvalid\u003e","c":"d"}`, "1:7 syntax"},
		{"--- a: b\n", `"\u003cinvalid\u003e"`, "1:6 syntax"},
		{"a: 1\n...\nb: 2\n", `{"a":1}`, "3:1 multiple-documents"},
	} {
		n, found := parse(c.in, YAML)
		if got := asJSON(t, value(n)); got != c.want || faults(found) != c.faults {
			t.Errorf("%q:\n got %s %v\nwant %s %s", c.in, got, found, c.want, c.faults)
		}
		sound(t, n, found, len(c.in))
	}
}

// TestSpansAroundAliases holds containers to the text they were written in,
// whatever an alias in them names.
func TestSpansAroundAliases(t *testing.T) {
	const text = "a: &a {k: some longer text}\nb:\n  - *a\nc:\n  *a : x\n"
	n, _ := parse("a: &a k\nb:\n  - *a\nc:\n  *a : x\n", YAML)
	for path, want := range map[string]string{"b": "- *a", "c": "*a : x"} {
		if got := n.Get(path).Span().Text(); got != want {
			t.Errorf("%s spans %q, want %q", path, got, want)
		}
	}
	n, _ = parse(text, YAML)
	if got := n.Get("b").Span().Text(); got != "- *a" {
		t.Errorf("b spans %q", got)
	}
}

func TestFormatOf(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Format
	}{
		{"a.json", "a: b", JSON}, {"a.AVSC", "", JSON}, {"a.yaml", "{}", YAML}, {"a.yml", "[", YAML},
		{"https://example.org/a.json?v=1.yaml#/x", "", JSON}, {"a", " \n{", JSON}, {"a", "\ufeff[", JSON}, {"a.txt", "a: b", YAML}, {"", "", YAML},
	} {
		if got := FormatOf(c.name, c.text); got != c.want {
			t.Errorf("FormatOf(%q, %q) = %v, want %v", c.name, c.text, got, c.want)
		}
	}
}

func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		format Format
		text   string
		want   string
	}{
		{YAML, "a\x00:\x00 \x001\x00", "1:1 encoding"},
		{YAML, "\x00a\x00:\x00 \x001", "1:1 encoding"},
		{YAML, "\xfe\xff\x00a", "1:1 encoding"},
		{YAML, "\xff\xfe\x00\x00a\x00\x00\x00", "1:1 encoding"},
		{YAML, "\ufeffa: 1\n", ""},
		{YAML, "a: \u0081\nb: \x7f\n", "1:4 encoding, 2:4 encoding"},
		{YAML, "a: \u0085\u00a0\U0001F600\n", ""},
		{JSON, "\"\x7f\u0081\"", ""},
		{JSON, "\"\x01\"", "1:2 encoding"},
	} {
		if _, found := parse(c.text, c.format); faults(found) != c.want {
			t.Errorf("%q: %v, want %s", c.text, found, c.want)
		}
	}
}
