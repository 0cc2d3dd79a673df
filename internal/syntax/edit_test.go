package syntax

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

// applied is the text after edits.
func applied(t testing.TB, f *diag.File, edits ...diag.Edit) string {
	t.Helper()
	changed, err := diag.Apply(edits)
	if err != nil {
		t.Fatal(err)
	}
	return changed[f]
}

func text(s string) *Node { return NewScalar(String, s) }

func object(entries ...*Node) *Node { return Synthetic(nil, Mapping, entries) }

func list(items ...*Node) *Node { return Synthetic(nil, Sequence, items) }

func TestEdits(t *testing.T) {
	nested := object(NewEntry("x", NewScalar(Number, "1")), NewEntry("w", list(text("p"), object(NewEntry("q", NewScalar(Null, ""))))))
	for _, test := range []struct {
		name, source string
		json         bool
		edit         func(n *Node) diag.Edit
		want         string
	}{
		// SetValue
		{"plain", "a: b # c\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "d") }, "a: d # c\n"},
		{"needs quotes", "a: b\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "1.0") }, "a: '1.0'\n"},
		{"single quotes stay", "a: 'b'\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "it's") }, "a: 'it''s'\n"},
		{"double quotes stay", "a: \"b\"\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "c\n") }, "a: \"c\\n\"\n"},
		{"single quotes cannot hold it", "a: 'b'\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "\t") }, "a: \"\\t\"\n"},
		{"a number becomes text", "a: 3.0\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "3.0.0") }, "a: 3.0.0\n"},
		{"in JSON", `{"a": 3.0}`, true, func(n *Node) diag.Edit { return SetValue(n.At("a"), "x") }, `{"a": "x"}`},
		{"in brackets", "a: {b: c}\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a", "b"), "x, y") }, "a: {b: 'x, y'}\n"},
		{"nothing there", "a:\nb: 1\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "x") }, "a: x\nb: 1\n"},
		{"nothing there but a comment", "a: # c\nb: 1\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "x") }, "a: x # c\nb: 1\n"},
		{"nothing after a dash", "-\n- b\n", false, func(n *Node) diag.Edit { return SetValue(n.At("0"), "x") }, "- x\n- b\n"},
		{"nothing in brackets", "{a, b: }", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "x") }, "{a: x, b: }"},
		{"a collection becomes text", "a:\n  b: 1\n  c: 2 # c\nd: 3\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "x") }, "a: x # c\nd: 3\n"},
		{"an alias", "a: &x 1\nb: *x\n", false, func(n *Node) diag.Edit { return SetValue(n.At("b"), "v") }, "a: &x 1\nb: v\n"},
		{"an anchor", "a: &x 1\nb: *x\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a"), "v") }, "a: &x v\nb: *x\n"},
		{"below an alias", "a: &x {k: v}\nb: *x\n", false, func(n *Node) diag.Edit { return SetValue(n.At("b", "k"), "v") }, "a: &x {k: v}\nb: *x\n"},
		{"a literal", "a:\n  b: |\n    x\n    y\n  c: 1\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a", "b"), "p\nq\n") }, "a:\n  b: |\n    p\n    q\n  c: 1\n"},
		{"a literal becomes short", "b: |\n  x\n  y\nc: 1\n", false, func(n *Node) diag.Edit { return SetValue(n.At("b"), "p") }, "b: p\nc: 1\n"},
		{"text of several lines in a list", "a:\r\n  - b\r\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a", "0"), "p\nq") }, "a:\r\n  - |-\r\n    p\r\n    q\r\n"},

		// RenameKey
		{"key", "adress: x # c\n", false, func(n *Node) diag.Edit { return RenameKey(n.At("adress"), "address") }, "address: x # c\n"},
		{"quoted key", "'a': x\n", false, func(n *Node) diag.Edit { return RenameKey(n.At("a"), "b") }, "'b': x\n"},
		{"key that needs quotes", "a: x\n", false, func(n *Node) diag.Edit { return RenameKey(n.At("a"), "on") }, "'on': x\n"},
		{"key in JSON", `{"a":1}`, true, func(n *Node) diag.Edit { return RenameKey(n.At("a"), "b\"") }, `{"b\"":1}`},
		{"key of nothing", "{a}", false, func(n *Node) diag.Edit { return RenameKey(n.At("a"), "b") }, "{b}"},

		// Replace
		{"scalar by collection", "a: 1 # c\nb: 2\n", false, func(n *Node) diag.Edit { return Replace(n.At("a"), nested) },
			"a:\n  x: 1\n  w:\n    - p\n    - q: null # c\nb: 2\n"},
		{"collection by collection", "a:\n    b: 1\n    c: 2\n# d\nd: 3\n", false, func(n *Node) diag.Edit { return Replace(n.At("a"), nested) },
			"a:\n    x: 1\n    w:\n      - p\n      - q: null\n# d\nd: 3\n"},
		{"item by collection", "-  1\n- 2\n", false, func(n *Node) diag.Edit {
			return Replace(n.At("0"), object(NewEntry("x", text("1")), NewEntry("w", text("z"))))
		},
			"-  x: '1'\n   w: z\n- 2\n"},
		{"in brackets by collection", "a: [1, 2]\n", false, func(n *Node) diag.Edit { return Replace(n.At("a", "1"), nested) }, "a: [1, {x: 1, w: [p, {q: null}]}]\n"},
		{"in JSON by collection", `{"a": 1}`, true, func(n *Node) diag.Edit { return Replace(n.At("a"), nested) }, `{"a": {"x": 1, "w": ["p", {"q": null}]}}`},
		{"what ends in an alias", "a: &b 1\nc:\n  d:\n    - *b # d\ne: 1\n", false, func(n *Node) diag.Edit { return Replace(n.At("c"), object(NewEntry("x", text("v")))) }, "a: &b 1\nc:\n  x: v # d\ne: 1\n"},
		{"a list at its key's column", "a:\n- b\nc: 1\n", false, func(n *Node) diag.Edit { return Replace(n.At("a"), object(NewEntry("x", text("v")))) }, "a:\n  x: v\nc: 1\n"},
		{"a list at its key's column, by text", "a: # c\n- b\nc: 1\n", false, func(n *Node) diag.Edit { return Replace(n.At("a"), text("v")) }, "a: # c\n  v\nc: 1\n"},
		{"text of two lines above an indented comment", "a:\n  b: 1\n\n    # c\nd: 1\n", false, func(n *Node) diag.Edit { return SetValue(n.At("a", "b"), "p\nq") }, "a:\n  b: \"p\\nq\"\n\n    # c\nd: 1\n"},
		{"the whole", "# c\na: 1\n", false, func(n *Node) diag.Edit { return Replace(n, list(text("x"))) }, "# c\n- x\n"},
		{"a collection with comments by a scalar", "a: # c\n  # d\n  b: 1\n", false, func(n *Node) diag.Edit { return Replace(n.At("a"), NewScalar(Bool, "true")) }, "a: # c\n  # d\n  true\n"},

		// InsertKey
		{"behind the last", "a:\n  b: 1 # one\n\n# c\nc: 2\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a:\n  b: 1 # one\n  x: v\n\n# c\nc: 2\n"},
		{"behind a deep last", "a:\n  b:\n    - c: |\n        d\n        e\nf: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", nested) },
			"a:\n  b:\n    - c: |\n        d\n        e\n  x:\n    x: 1\n    w:\n      - p\n      - q: null\nf: 1\n"},
		{"at the end of a file", "a: 1", false, func(n *Node) diag.Edit { return InsertKey(n, "x", text("v")) }, "a: 1\nx: v"},
		{"with CRLF", "a: 1\r\nb: 2\r\n", false, func(n *Node) diag.Edit { return InsertKey(n, "x", object(NewEntry("w", text("z")))) }, "a: 1\r\nb: 2\r\nx:\r\n  w: z\r\n"},
		{"in an item", "- a: 1\n- b\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("0"), "x", text("v")) }, "- a: 1\n  x: v\n- b\n"},
		{"behind a literal that keeps blank lines", "a:\n  b: |+\n    x\n\n\nc: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a:\n  b: |+\n    x\n\n\n  x: v\nc: 1\n"},
		{"behind nothing", "a:\n  b:\nc: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a:\n  b:\n  x: v\nc: 1\n"},
		{"into {}", "a: {} # c\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a:\n  x: v # c\n"},
		{"into nothing", "a:\nb: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a:\n  x: v\nb: 1\n"},
		{"into brackets", "a: {b: 1}\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a: {b: 1, x: v}\n"},
		{"before a last comma", "a: {b: 1,}\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a: {b: 1, x: v,}\n"},
		{"into brackets over lines", "a: {\n    b: 1, # b\n    c: 2 # c\n  }\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("a"), "x", text("v")) }, "a: {\n    b: 1, # b\n    c: 2,\n    x: v # c\n  }\n"},
		{"into JSON", `{"a": 1}`, true, func(n *Node) diag.Edit { return InsertKey(n, "x", text("v")) }, `{"a": 1, "x": "v"}`},
		{"into JSON over lines", "{\n\t\"a\": 1\n}\n", true, func(n *Node) diag.Edit { return InsertKey(n, "x", nested) },
			"{\n\t\"a\": 1,\n\t\"x\": {\n\t  \"x\": 1,\n\t  \"w\": [\n\t    \"p\",\n\t    {\n\t      \"q\": null\n\t    }\n\t  ]\n\t}\n}\n"},
		{"into empty JSON", "{ }", true, func(n *Node) diag.Edit { return InsertKey(n, "x", text("v")) }, `{"x": "v"}`},
		{"behind a merge", "a: &b {k: 1}\nc:\n  d: 1\n  <<: *b\ne: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("c"), "x", text("v")) }, "a: &b {k: 1}\nc:\n  d: 1\n  x: v\n  <<: *b\ne: 1\n"},
		{"with nothing but a merge", "a: &b {k: 1}\nc: # c\n  <<: *b\nd: {<<: *b}\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("c"), "x", text("v")) }, "a: &b {k: 1}\nc: # c\n  x: v\n  <<: *b\nd: {<<: *b}\n"},
		{"with nothing but a merge, in brackets", "a: &b {k: 1}\nd: {<<: *b}\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("d"), "x", text("v")) }, "a: &b {k: 1}\nd: {x: v, <<: *b}\n"},
		{"behind an alias", "a: &b 1\nc:\n  d: *b # c\ne: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n.At("c"), "x", text("v")) }, "a: &b 1\nc:\n  d: *b # c\n  x: v\ne: 1\n"},
		{"with a byte order mark", "\ufeffa: 1\n", false, func(n *Node) diag.Edit { return InsertKey(n, "x", text("v")) }, "\ufeffa: 1\nx: v\n"},
		{"behind the first", "a: 1 # one\n# b\nb: 2\n", false, func(n *Node) diag.Edit { return InsertKeyAfter(n.At("a"), "x", text("v")) }, "a: 1 # one\nx: v\n# b\nb: 2\n"},
		{"behind the first in JSON", `{"a": 1, "b": 2}`, true, func(n *Node) diag.Edit { return InsertKeyAfter(n.At("a"), "x", text("v")) }, `{"a": 1, "x": "v", "b": 2}`},

		// DeleteKey
		{"first", "# head\n\n# about a\na: 1 # one\n# about b\nb: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a")) }, "# head\n\n# about b\nb: 2\n"},
		{"the head of the file stays", "# head\na: 1\nb: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a")) }, "# head\nb: 2\n"},
		{"last", "a: 1\n# b\nb:\n  c: |\n    x\n\n# tail\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "a: 1\n\n# tail\n"},
		{"at the end of the file", "a: 1\nb: 2", false, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "a: 1\n"},
		{"only one", "a:\n  b: 1\nc: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "b")) }, "a: {}\nc: 2\n"},
		{"only one, in an item", "- a: 1\n- b\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("0", "a")) }, "- {}\n- b\n"},
		{"only one, in brackets", "a: {b: 1,}\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "b")) }, "a: {}\n"},
		{"only item", "a:\n- b\nc: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "0")) }, "a: []\nc: 2\n"},
		{"first behind a dash", "- a: 1 # one\n  b: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("0", "a")) }, "-\n  b: 2\n"},
		{"first behind a dash, bare", "- a: 1\n  b: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("0", "a")) }, "- b: 2\n"},
		{"an item", "a:\n  # x\n  - x\n  # y\n  - y: 1\n    z: 2\n  - z\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "1")) }, "a:\n  # x\n  - x\n  - z\n"},
		{"no line of a literal", "a: |\n  x\n  # no comment\nb: 1\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "a: |\n  x\n  # no comment\n"},
		{"a comment indented otherwise stays", "a:\n  b: 1\n  # about b\nc: 1\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("c")) }, "a:\n  b: 1\n  # about b\n"},
		{"in brackets", "a: {b: 1, c: 2, d: 3}\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "c")) }, "a: {b: 1, d: 3}\n"},
		{"last in brackets", "a: {b: 1, c: 2, }\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("a", "c")) }, "a: {b: 1, }\n"},
		{"last in JSON", "{\n  \"a\": 1,\n  \"b\": [2]\n}\n", true, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "{\n  \"a\": 1\n}\n"},
		{"first in JSON", "{\n  \"a\": 1,\n  \"b\": [2]\n}\n", true, func(n *Node) diag.Edit { return DeleteKey(n.At("a")) }, "{\n  \"b\": [2]\n}\n"},
		{"an alias goes", "a: &x 1\nb: *x # c\nc: 2\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "a: &x 1\nc: 2\n"},
		{"with CRLF goes", "a: 1\r\n# b\r\nb: 2\r\nc: 3\r\n", false, func(n *Node) diag.Edit { return DeleteKey(n.At("b")) }, "a: 1\r\nc: 3\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			format := YAML
			if test.json {
				format = JSON
			}
			n := parseAs(t, format, test.source)
			e := test.edit(n)
			got := applied(t, n.File, e)
			if got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
			parseAs(t, format, got)
		})
	}
}

// randomValue is a small tree to write.
func randomValue(r *rand.Rand, depth int) *Node {
	switch k := r.IntN(8); {
	case k == 0 && depth < 3:
		var items []*Node
		for range r.IntN(3) {
			items = append(items, randomValue(r, depth+1))
		}
		return list(items...)
	case k < 3 && depth < 3:
		var items []*Node
		for i := range r.IntN(3) {
			items = append(items, NewEntry("new"+string(rune('a'+i)), randomValue(r, depth+1)))
		}
		return object(items...)
	case k == 3:
		return NewScalar(Number, "42")
	case k == 4:
		return NewScalar(Null, "")
	}
	words := []string{"word", "yes", "1.0", "a, b", "it's: #1", "two\nlines", "two\nlines\n", "", "tab\t", "# no comment"}
	return text(words[r.IntN(len(words))])
}

// change makes the tree that an edit is meant to lead to: f gets every node
// of the way to at, in copies.
func change(n, at *Node, f func(*Node) *Node) *Node {
	if n == at {
		return f(n)
	}
	items := make([]*Node, 0, len(n.Items))
	for _, item := range n.Items {
		if c := change(item, at, f); c != nil {
			items = append(items, c)
		}
	}
	if n.Kind != Mapping && n.Kind != Sequence {
		return n
	}
	return Synthetic(n, n.Kind, items)
}

func all(n *Node) []*Node {
	nodes := []*Node{n}
	for _, item := range n.Items {
		nodes = append(nodes, all(item)...)
	}
	return nodes
}

// randomEdit makes an edit of a random place, and the tree that it is meant to
// lead to.
func randomEdit(r *rand.Rand, n *Node) (e diag.Edit, want *Node, kind string, at *Node) {
	nodes := all(n)
	at = nodes[r.IntN(len(nodes))]
	value := randomValue(r, 0)
	insert := func(old *Node) *Node {
		return Synthetic(old, Mapping, append(slices.Clone(old.Items), NewEntry("fresh", value)))
	}
	switch k := r.IntN(6); {
	case k == 0:
		s := []string{"plain", "1", "two\nlines\n", "a: b", ""}[r.IntN(5)]
		return SetValue(at, s), change(n, at, func(old *Node) *Node { return WithKey(text(s), old.Key) }), "set", at
	case k == 1 && at.Key != nil:
		return RenameKey(at, "yes: #"), change(n, at, func(old *Node) *Node { return WithKey(old, text("yes: #")) }), "rename", at
	case k == 2 && at.Parent != nil:
		return DeleteKey(at), change(n, at, func(*Node) *Node { return nil }), "delete", at
	case k == 3 && at.Kind == Mapping:
		return InsertKey(at, "fresh", value), change(n, at, insert), "insert", at
	case k == 4 && at.Key != nil:
		return InsertKeyAfter(at, "fresh", value), change(n, at.Parent, insert), "insert after", at
	}
	return Replace(at, value), change(n, at, func(old *Node) *Node { return WithKey(value, old.Key) }), "replace", at
}

// Each edit of a random place leads to the tree that was meant, and keeps all
// comments that do not stand within what it takes away.
func TestEditsOfRandomDocuments(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 11))
		source := document(seed, true)
		format := YAML
		if seed%7 == 0 {
			format = JSON
			source = emitted(t, parseAs(t, YAML, source), JSON, EmitOptions{})
			if seed%2 == 0 {
				source = strings.NewReplacer("\n", "", "  ", "").Replace(source)
			}
		}
		n := parseAs(t, format, source)
		e, want, kind, at := randomEdit(r, n)
		got := applied(t, n.File, e)
		again, found := Parse(diag.NewFile("", got), format, Limits{})
		if len(found) > 0 || !Equal(again, want) {
			t.Errorf("seed %d: %s %s: another tree (%v):\n%q becomes %q in\n%s\n-----\n%s", seed, kind, at.Pointer(), found, e.Span.Text(), e.NewText, source, got)
			break
		}
		before, taken, after := commentsOf(source), commentsOf(e.Span.Text()), commentsOf(got)
		for c := range before {
			if after[c]+taken[c] != 1 {
				t.Errorf("seed %d: %s %s: %q is lost:\n%s\n-----\n%s", seed, kind, at.Pointer(), c, source, got)
			}
		}
		if kind != "delete" && kind != "replace" && kind != "set" && len(taken) > 0 {
			t.Errorf("seed %d: %s takes comments away", seed, kind)
		}
		if t.Failed() {
			break
		}
	}
}

// Whatever the document, an edit is of a place in it; where it has nothing that
// stands for something else, no tab and no second document, the edit leads to the tree that was meant.
func FuzzEdits(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(document(seed, seed%2 == 0), seed)
	}
	f.Add(layout, uint64(1))
	f.Fuzz(func(t *testing.T, source string, seed uint64) {
		n, found := Parse(diag.NewFile("", source), YAML, Limits{})
		if len(found) > 0 || holds(n, Invalid) {
			return
		}
		e, want, kind, at := randomEdit(rand.New(rand.NewPCG(seed, 1)), n)
		got := applied(t, n.File, e)
		odd := func(n *Node) bool { // a key that is no text, or none at all
			if n.Key == nil || n.Key.Style != Plain {
				return false
			}
			text := n.Key.Span().Text()
			kind, _ := resolvePlain(text)
			return kind != String || strings.ContainsAny(text[:1], "|>%@`")
		}
		if strings.ContainsAny(source, "&*!?\t") || strings.Contains(source, "...") || slices.ContainsFunc(all(n), odd) {
			return
		}
		again, found := Parse(diag.NewFile("", got), YAML, Limits{})
		if len(found) > 0 && found[0].Rule != RuleDuplicateKey || !Equal(again, want) {
			t.Errorf("%s %q: another tree (%v):\n%q becomes %q in\n%q\n%q", kind, at.Pointer(), found, e.Span.Text(), e.NewText, source, got)
		}
	})
}
