// Package syntax reads YAML 1.2 and JSON into one tree whose nodes know the
// bytes they were written in. It reports what is malformed; it knows nothing
// about what a document means.
package syntax

import (
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// Kind is what a node is, in JSON's terms (YAML 1.2 core schema).
type Kind uint8

// The kinds. Invalid stands where something could not be read: checks treat
// it as "anything", since the syntax error has been reported already.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Sequence
	Mapping
)

// String names the kind as a person would in a message.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Sequence:
		return "a list"
	case Mapping:
		return "an object"
	}
	return "unreadable"
}

// Style is how a node was written. It matters for edits, not for meaning.
type Style uint8

// The styles.
const (
	Plain Style = iota
	SingleQuoted
	DoubleQuoted
	Literal
	Folded
	Block
	Flow
)

// Node is a value in a document. After parsing there are no aliases: an alias
// has been replaced by a copy of what it names, whose spans are where that
// was written and whose Alias is where it was used. Nodes must not be changed
// once parsed; everything that rewrites makes new nodes (see Synthetic).
type Node struct {
	File       *diag.File
	Parent     *Node      // the container as written; nil at the root
	Key        *Node      // in a mapping, the scalar node of the key; else nil
	Value      string     // String: decoded text. Number: decimal source text. Bool: "true" or "false"
	Items      []*Node    // Sequence: elements. Mapping: values, each with its Key
	Start, End int        // bytes in File of the value, without its key; trailing space excluded
	Alias      *diag.Span // where an alias or merge key brought this node in, if one did
	Kind       Kind
	Style      Style

	index int32          // position in Parent.Items
	keys  map[string]int // of a large mapping
}

// indexAbove is the size from which Get builds a hash index.
const indexAbove = 12

// Span is the value's place, without its key.
func (n *Node) Span() diag.Span {
	if n == nil {
		return diag.Span{}
	}
	return diag.Span{File: n.File, Start: n.Start, End: n.End}
}

// KeySpan is the place of the node's key where it has one, else of its value.
// It is what most findings about an object point at.
func (n *Node) KeySpan() diag.Span {
	if n == nil {
		return diag.Span{}
	}
	if n.Key != nil {
		return n.Key.Span()
	}
	return n.Span()
}

// Get returns the value under a key of a mapping, nil where there is none or
// n is no mapping. The first of duplicate keys wins (the parser has reported
// the others).
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	if n.keys != nil {
		if i, ok := n.keys[key]; ok {
			return n.Items[i]
		}
		return nil
	}
	for _, item := range n.Items {
		if item.Key.Value == key {
			return item
		}
	}
	return nil
}

// At follows keys, and decimal indices for sequences, from n; nil where the
// way ends.
func (n *Node) At(path ...string) *Node {
	for _, step := range path {
		n = n.Step(step)
	}
	return n
}

// Step returns the child under one (unescaped) JSON Pointer token.
func (n *Node) Step(token string) *Node {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Mapping:
		return n.Get(token)
	case Sequence:
		if token == "0" || (token != "" && token[0] >= '1' && token[0] <= '9') {
			if i, err := strconv.Atoi(token); err == nil && i < len(n.Items) {
				return n.Items[i]
			}
		}
	}
	return nil
}

// KeyName is the text of the node's key, "" where it has none.
func (n *Node) KeyName() string {
	if n == nil || n.Key == nil {
		return ""
	}
	return n.Key.Value
}

// Str returns the text of a string node, "" for anything else.
func (n *Node) Str() string {
	if n == nil || n.Kind != String {
		return ""
	}
	return n.Value
}

// IsTrue reports whether n is the boolean true.
func (n *Node) IsTrue() bool { return n != nil && n.Kind == Bool && n.Value == "true" }

// Is reports whether n is there and of the kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.Kind == k }

// Len is the number of items; 0 for nil and scalars.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	return len(n.Items)
}

// Root is the top of the tree that n was written in.
func (n *Node) Root() *Node {
	for n != nil && n.Parent != nil {
		n = n.Parent
	}
	return n
}

// Pointer is the JSON Pointer (RFC 6901) of n in its own file, as written.
func (n *Node) Pointer() string {
	if n == nil || n.Parent == nil {
		return ""
	}
	var steps []string
	for at := n; at.Parent != nil; at = at.Parent {
		if key := at.Key; key != nil {
			if i := int(at.index); i < len(at.Parent.Items) && at.Parent.Items[i].Key != nil {
				key = at.Parent.Items[i].Key // as written, whatever a rewrite calls it
			}
			steps = append(steps, EscapePointer(key.Value))
		} else {
			steps = append(steps, strconv.Itoa(int(at.index)))
		}
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(steps[i])
	}
	return b.String()
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// EscapePointer escapes one JSON Pointer token.
func EscapePointer(token string) string {
	if !strings.ContainsAny(token, "~/") {
		return token
	}
	return pointerEscaper.Replace(token)
}

// Synthetic makes a container that stands in no file: the result of a merge or
// a rewrite. It takes the place (file, span, parent, key) of like, and its
// items keep the parents that they were written under, so that a finding about
// any of them still names the text somebody wrote.
func Synthetic(like *Node, kind Kind, items []*Node) *Node {
	n := &Node{Kind: kind, Items: items, Style: Flow}
	if like != nil {
		n.File, n.Parent, n.Key, n.index = like.File, like.Parent, like.Key, like.index
		n.Start, n.End, n.Alias, n.Style = like.Start, like.End, like.Alias, like.Style
	}
	n.buildIndex()
	return n
}

// SyntheticString makes a string that stands in no file, at the place of like.
func SyntheticString(like *Node, value string) *Node {
	n := Synthetic(like, String, nil)
	n.Value, n.Style = value, Plain
	return n
}

// WithKey returns a copy of n under another key; the copy shares n's items.
func WithKey(n, key *Node) *Node {
	c := *n
	c.Key = key
	return &c
}

func (n *Node) buildIndex() {
	if n.Kind != Mapping || len(n.Items) <= indexAbove {
		return
	}
	n.keys = make(map[string]int, len(n.Items))
	for i, item := range n.Items {
		if _, dup := n.keys[item.Key.Value]; !dup {
			n.keys[item.Key.Value] = i
		}
	}
}

// Merge applies patch to target as JSON Merge Patch (RFC 7396) and returns the
// result; neither is changed. Spans and pointers of what is kept stay.
func Merge(target, patch *Node) *Node {
	if patch == nil {
		return target
	}
	if patch.Kind != Mapping {
		return patch
	}
	var items []*Node
	if target.Is(Mapping) {
		items = append(items, target.Items...)
	} else {
		target = nil
	}
	at := make(map[string]int, len(items))
	for i, item := range items {
		at[item.Key.Value] = i
	}
	drop := false
	for _, p := range patch.Items {
		i, known := at[p.Key.Value]
		switch {
		case p.Kind == Null && known:
			items[i] = nil
			drop = true
		case p.Kind == Null:
		case known && items[i] != nil:
			items[i] = Merge(items[i], p)
			if items[i].Key == nil || items[i].Key.Value != p.Key.Value {
				items[i] = WithKey(items[i], p.Key)
			}
		default:
			at[p.Key.Value] = len(items)
			items = append(items, WithKey(Merge(nil, p), p.Key))
		}
	}
	if drop {
		kept := items[:0]
		for _, item := range items {
			if item != nil {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	like := target
	if like == nil {
		like = patch
	}
	return Synthetic(like, Mapping, items)
}

// Int returns the value of an integer node that fits an int, 0 for anything
// else.
func (n *Node) Int() int {
	if n == nil || n.Kind != Number {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && f == float64(int(f)) {
			return int(f)
		}
		return 0
	}
	return i
}
