package syntax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/treaty-events/treaty/diag"
)

// small keeps a fuzzing process from spending its time on one input.
var small = Limits{InputBytes: 1 << 16, Nodes: 20_000, Depth: 64, AliasBytes: 1 << 18}

func FuzzYAMLTree(f *testing.F) {
	for _, seed := range []string{
		"", "a: b\n", "- a\n- b: c\n  d: e\n", "a:\n- b\n-\n  - c\n", "? a\n: b\n? [c]\n: d\n", "a: &x {b: c}\nd: *x\n<<: *x\n",
		"[a, b: c, {d: e, f}, \"g\":h]", "a: |+2\n    x\n\n  y\n\nb: >-\n  folded\n   more\n  text\n", "a: \"x\\u00e9\\\n  y\n\n  z\"\nb: 'it''s\n  so'\n",
		"%YAML 1.2\n%TAG !e! tag:example.org,2000:\n--- !e!x\na: !!str 1\n...\n--- b\n", "a:\n\tb: c\n", "a: [1, 2\nb: c\n", "a: \"x\nb: c\n",
		"0x1F: 0o17\n+1: .5\n~: 1.\n-.inf: .nan\n", "a: b: c\n  d\n e: f\n", "\ufeffa: b\r\nc: d\re: f\n", "&a [*a]", "a: b #c\n#d\n\n  e\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, found := Parse(diag.NewFile("in.yaml", text), YAML, small)
		sound(t, n, found, len(text))
		if severest(found) == diag.Error {
			return
		}
		if differs(text) != "" {
			return
		}
		var other yaml.Node
		if err := quietly(func() error { return yaml.NewDecoder(strings.NewReader(text)).Decode(&other) }); err != nil {
			return
		}
		if got, want := outline(n), outlineOther(&other); got != want {
			t.Errorf("%q reads as\n%s\nand by the other reader as\n%s", text, got, want)
		}
	})
}

func FuzzJSONTree(f *testing.F) {
	for _, seed := range []string{
		"", "null", " [1, -0.5e+3, \"a\\u00e9\\ud83d\\ude00\"] ", `{"a": {"b": [true, false, null]}, "c": ""}`, `{"a": 1,}`, `[1 2]`, `{'a': 1}`,
		`{a: 1}`, `[01]`, `"\ud800"`, `// x`, `[NaN]`, `{"a":1,"a":2}`, "\"\t\"", `[[[[`, `{"a"`, `"\x"`, `[1]]`, "\ufeff{}", `{"a" 1}`, "\"\x7f\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, found := Parse(diag.NewFile("in.json", text), JSON, small)
		sound(t, n, found, len(text))
		want, err := readJSON(strings.TrimPrefix(text, "\ufeff"))
		valid := err == nil && utf8.ValidString(text)
		for _, x := range found {
			switch x.Rule {
			case RuleLimit, RuleDuplicateKey:
				return // what encoding/json has no opinion on
			}
		}
		if ours := severest(found) != diag.Error; ours != valid {
			if valid && strings.Contains(text, `\u`) {
				return // a lone surrogate, which encoding/json replaces
			}
			t.Fatalf("%q: read without error: %v (%v); by encoding/json: %v (%v)", text, ours, found, valid, err)
		}
		if valid {
			if got := plainly(n); got != loosely(want) {
				t.Errorf("%q reads as\n%s\nand by encoding/json as\n%s", text, got, loosely(want))
			}
		}
	})
}

func readJSON(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

func severest(found []diag.Diagnostic) diag.Severity {
	var most diag.Severity
	for _, x := range found {
		most = max(most, x.Severity)
	}
	return most
}

// sound holds a tree to what every reader of it relies on.
func sound(t *testing.T, n *Node, found []diag.Diagnostic, size int) {
	t.Helper()
	if n == nil {
		t.Fatal("no node")
	}
	if n.Parent != nil || n.Key != nil {
		t.Errorf("the root has a parent or a key")
	}
	for _, x := range found {
		if x.Severity == 0 || x.Message == "" || x.Rule == "" || x.Span.File == nil {
			t.Errorf("incomplete finding %+v", x)
		}
		for _, s := range append([]diag.Related{{Span: x.Span}}, x.Related...) {
			if s.Span.Start < 0 || s.Span.End < s.Span.Start || s.Span.End > size {
				t.Errorf("finding %q at %d-%d of %d", x.Message, s.Span.Start, s.Span.End, size)
			}
		}
	}
	soundNode(t, n, size)
}

func soundNode(t *testing.T, n *Node, size int) {
	if n.Start < 0 || n.End < n.Start || n.End > size {
		t.Errorf("node %v at %d-%d of %d", n.Kind, n.Start, n.End, size)
	}
	at := n.Start
	for i, item := range n.Items {
		if item.Parent != n || int(item.index) != i {
			t.Errorf("item %d of the node at %d has another parent or index", i, n.Start)
		}
		if (n.Kind == Mapping) != (item.Key != nil) {
			t.Errorf("item %d of %v at %d: key %v", i, n.Kind, n.Start, item.Key)
		}
		if n.Kind != Mapping && n.Kind != Sequence {
			t.Errorf("%v at %d has items", n.Kind, n.Start)
		}
		for _, part := range []*Node{item.Key, item} {
			if part == nil || part.Alias != nil {
				continue
			}
			if n.Alias == nil && (part.Start < at || part.End > n.End) {
				t.Errorf("%v at %d-%d is outside of its parent's rest, %d-%d", part.Kind, part.Start, part.End, at, n.End)
			}
			at = part.End
		}
		if item.Key != nil {
			if item.Key.Kind != String || len(item.Key.Items) > 0 {
				t.Errorf("key at %d is %v", item.Key.Start, item.Key.Kind)
			}
			soundNode(t, item.Key, size)
		}
		soundNode(t, item, size)
	}
	if n.Kind == Number && !json.Valid([]byte(n.Value)) {
		t.Errorf("number %q is not JSON's", n.Value)
	}
	if n.Kind == Bool && n.Value != "true" && n.Value != "false" {
		t.Errorf("boolean %q", n.Value)
	}
}

// plainly writes a tree so that two readers can be compared: keys in order of
// the tree are sorted, numbers are brought to one form.
func plainly(n *Node) string { return loosely(value(n)) }

func loosely(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(loosen(v)); err != nil {
		return err.Error()
	}
	return b.String()
}

func loosen(v any) any {
	switch v := v.(type) {
	case json.Number:
		if len(v) > 40 || strings.ContainsAny(string(v), "eE") && exponent(string(v)) > 300 {
			return "a number beyond comparison"
		}
		r, ok := new(big.Rat).SetString(string(v))
		if !ok {
			return "no number: " + string(v)
		}
		f, _ := r.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = loosen(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = loosen(x)
		}
		return out
	}
	return v
}

func exponent(number string) int {
	_, text, _ := strings.Cut(strings.ToLower(number), "e")
	var e int
	if _, err := fmt.Sscan(strings.TrimLeft(text, "+-0"), &e); err != nil {
		return 0
	}
	return e
}

// outline writes the shape of a tree and the text of its scalars; what the
// core schema makes of them is held to tables of its own.
func outline(n *Node) string {
	var b strings.Builder
	var write func(n *Node)
	write = func(n *Node) {
		switch n.Kind {
		case Mapping:
			b.WriteByte('{')
			for _, item := range n.Items {
				write(item.Key)
				b.WriteByte(':')
				write(item)
				b.WriteByte(',')
			}
			b.WriteByte('}')
		case Sequence:
			b.WriteByte('[')
			for _, item := range n.Items {
				write(item)
				b.WriteByte(',')
			}
			b.WriteByte(']')
		case String:
			fmt.Fprintf(&b, "%q", n.Value)
		default:
			fmt.Fprintf(&b, "%q", n.Span().Text())
		}
	}
	write(n)
	return b.String()
}

func outlineOther(n *yaml.Node) string {
	var b strings.Builder
	var write func(n *yaml.Node)
	write = func(n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			b.WriteByte('{')
			for i := 0; i+1 < len(n.Content); i += 2 {
				write(n.Content[i])
				b.WriteByte(':')
				write(n.Content[i+1])
				b.WriteByte(',')
			}
			b.WriteByte('}')
		case yaml.SequenceNode:
			b.WriteByte('[')
			for _, item := range n.Content {
				write(item)
				b.WriteByte(',')
			}
			b.WriteByte(']')
		case yaml.AliasNode:
			write(n.Alias)
		case yaml.DocumentNode:
			for _, item := range n.Content {
				write(item)
			}
		default:
			fmt.Fprintf(&b, "%q", n.Value)
		}
	}
	write(n)
	return b.String()
}

// quietly turns a panic of the other reader into an error: it is not on trial.
func quietly(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return do()
}

// differs names why the two YAML readers may rightly disagree about a text:
// go.yaml.in/yaml/v4 keeps parts of YAML 1.1. "" where they have to agree.
func differs(text string) string {
	switch {
	case strings.ContainsAny(text, "\u0085\u2028\u2029"):
		return "1.1 breaks lines at NEL, LS and PS"
	case strings.Contains(text, "\ufeff"):
		return "a byte order mark inside the text"
	case strings.Contains(text, "<<"):
		return "merge keys are not merged in its nodes"
	case colonInName(text):
		return "a colon ends the name of an anchor there"
	case strings.Contains(text, "!"):
		return "a tag there changes or removes the text of an empty node"
	}
	return ""
}

func colonInName(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '&' && text[i] != '*' {
			continue
		}
		for i++; i < len(text) && text[i] > ' '; i++ {
			if text[i] == ':' {
				return true
			}
		}
	}
	return false
}
