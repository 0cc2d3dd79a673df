package syntax

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// EmitOptions say how a tree is written. The zero value keeps what it can of
// the source.
type EmitOptions struct {
	// Fresh writes YAML anew, without comments and without regard for how the
	// source was written.
	Fresh bool
}

// Emit writes a tree as a document of a format.
//
// In YAML, what stands unchanged in a YAML source is copied from there, moved
// to its new indentation: quotes, flow collections and comments stay as they
// are. The comments above an entry and behind it, on its line, go with it,
// also where its value or key is new; each is written once. What was made by
// rewriting, or came in through an alias, anchor, tag or merge key or from
// JSON, is written plainly: block collections, strings quoted where some
// reader needs it, literal blocks for text of several lines. Line ends are \n.
//
// In JSON, indentation is two spaces, keys keep their order, and numbers are
// written digit by digit as they were.
//
// The output is read back before it is returned, so it is the same value as n.
// An error names the place of what the format cannot hold: something that
// could not be read, or in JSON a number that is infinite or none.
func Emit(n *Node, f Format, o EmitOptions) ([]byte, error) {
	if n == nil {
		return nil, errors.New("there is nothing to write: the document is empty")
	}
	if f == JSON {
		text, err := appendJSON(nil, n, "\n")
		if err != nil {
			return nil, err
		}
		return append(text, '\n'), nil
	}
	for _, fresh := range []bool{o.Fresh, true} {
		e := &emitter{fresh: fresh, intact: map[*Node]bool{}, written: map[comment]bool{}}
		if err := e.document(n); err != nil {
			return nil, err
		}
		if reads(e.b.String(), n) {
			return []byte(e.b.String()), nil
		}
	}
	return nil, fmt.Errorf("%s: the document cannot be written as YAML so that it reads the same; this is a fault of treaty, please report it with the document", n.Span())
}

// reads reports whether YAML text is read as the value of n.
func reads(text string, n *Node) bool {
	const all = math.MaxInt / 2
	again, found := Parse(diag.NewFile("", text), YAML, Limits{InputBytes: all, Nodes: all, Depth: all, AliasBytes: all})
	for i := range found {
		if found[i].Severity == diag.Error && found[i].Rule != RuleDuplicateKey {
			return false
		}
	}
	return Equal(again, n)
}

// indentStep is the indentation of a level.
const indentStep = 2

// emitter writes YAML. What it copies is found through origin; see there for
// when a node still is its source.
type emitter struct {
	b       strings.Builder
	fresh   bool
	oneLine bool             // no literals
	clip    bool             // other text follows, whose blank lines no literal may take in
	intact  map[*Node]bool   // answers of copies, for collections
	written map[comment]bool // comments and blank lines are written once, where they are met first
}

// comment is a comment in a source, by the byte that it or its line starts at.
type comment struct {
	file  *diag.File
	start int
}

func (e *emitter) document(n *Node) error {
	if n.Len() == 0 {
		if o := e.source(n); o != nil {
			e.b.WriteString(shift(o, 0))
		} else if err := e.inline(n); err != nil {
			return err
		}
		e.b.WriteByte('\n')
		return nil
	}
	if err := e.block(n, 0, false); err != nil {
		return err
	}
	e.tail(n)
	return nil
}

// block writes the entries of a collection that has some, each on lines of its
// own at an indentation. With open, the first goes on after what stands on the
// line already.
func (e *emitter) block(n *Node, indent int, open bool) error {
	for i, item := range n.Items {
		if n.Kind == Mapping && n.Get(item.Key.Value) != item {
			continue // a key that is there already
		}
		if !open || i > 0 {
			e.lines(e.comments(item, n), indent)
			e.indent(indent)
		}
		if n.Kind == Mapping {
			e.key(item)
			e.b.WriteByte(':')
		} else {
			e.b.WriteByte('-')
		}
		if err := e.value(item, indent); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) indent(n int) {
	for range n {
		e.b.WriteByte(' ')
	}
}

func (e *emitter) key(item *Node) {
	o, key := origin(item), item.Key
	if !e.fresh && o != nil && o.Key != nil && yamlSource(o) {
		if own := o.Key; own == key || own.File == key.File && own.Start == key.Start && own.End == key.End && own.Value == key.Value {
			if text := own.Span().Text(); text != "" && own.Alias == nil && !strings.ContainsAny(text[:1], "&!*") && !strings.ContainsAny(text, "\r\n") {
				e.b.WriteString(text)
				return
			}
		}
	}
	e.b.WriteString(quote(key.Value, false))
}

// value writes what follows a key or a dash at an indentation, and the line
// end.
func (e *emitter) value(n *Node, indent int) error {
	if n.Len() == 0 || n.Style == Flow && e.source(n) != nil {
		return e.short(n, indent)
	}
	o := e.source(n)
	behind := e.openComment(n)
	e.behind(behind)
	if n.Key == nil {
		// The first entry stands on the line of the dash, unless comments come
		// between them.
		level := indent + indentStep
		lead := e.comments(n.Items[0], n)
		if len(lead) == 0 && behind == "" {
			e.b.WriteByte(' ')
		} else {
			e.b.WriteByte('\n')
			e.lines(lead, level)
			e.indent(level)
		}
		return e.rest(n, o, level)
	}
	level := indent + e.step(n)
	e.b.WriteByte('\n')
	e.lines(e.comments(n.Items[0], n), level)
	e.indent(level)
	return e.rest(n, o, level)
}

// rest writes a collection from its first entry, before which the comments
// and the indentation stand already. o is what it can be copied from, if it
// can.
func (e *emitter) rest(n, o *Node, level int) error {
	if o == nil {
		return e.block(n, level, true)
	}
	e.b.WriteString(shift(o, level))
	e.behind(e.lineComment(o))
	e.b.WriteByte('\n')
	return nil
}

// step is how much further right than its key a collection stands: as far as
// where it was written.
func (e *emitter) step(n *Node) int {
	o := origin(n)
	if e.fresh || o == nil || o.Key == nil || o.Len() == 0 || o.Style == Flow || o.File != o.Key.File || !yamlSource(o) {
		return indentStep
	}
	step := column(o.File, o.Start) - column(o.File, o.Key.Start)
	if step < 0 || step > 8 || step == 0 && n.Kind != Sequence {
		return indentStep
	}
	return step
}

// short writes a value that begins on the line of its key or dash: a scalar,
// an empty collection, or one copied in flow style.
func (e *emitter) short(n *Node, indent int) error {
	if o := e.source(n); o != nil {
		if text := shift(o, indent); text != "" {
			e.b.WriteString(" " + text)
		}
		e.behind(e.lineComment(o))
		e.b.WriteByte('\n')
		return nil
	}
	e.b.WriteByte(' ')
	if n.Kind == String && !e.oneLine {
		if header, lines, ok := literal(n.Value); ok && !(e.clip && strings.HasSuffix(header, "+")) {
			e.b.WriteString(header)
			e.behind(e.lineComment(n))
			e.b.WriteByte('\n')
			e.lines(lines, indent+indentStep)
			return nil
		}
	}
	if err := e.inline(n); err != nil {
		return err
	}
	e.behind(e.lineComment(n))
	e.b.WriteByte('\n')
	return nil
}

// inline writes a scalar or an empty collection anew.
func (e *emitter) inline(n *Node) error {
	if n.Kind == String {
		e.b.WriteString(quote(n.Value, false))
		return nil
	}
	text, err := flowText(n, false)
	e.b.WriteString(text)
	return err
}

// lines writes lines at an indentation; an empty one stays empty.
func (e *emitter) lines(lines []string, indent int) {
	for _, line := range lines {
		if line != "" {
			e.indent(indent)
			e.b.WriteString(line)
		}
		e.b.WriteByte('\n')
	}
}

// flowText is a value on one line, anew; in a style that JSON is, too, where
// json is set.
func flowText(n *Node, json bool) (string, error) {
	switch n.Kind {
	case Null:
		return "null", nil
	case Bool, Number:
		if json && n.Kind == Number {
			return jsonNumber(n)
		}
		return n.Value, nil
	case String:
		if json {
			return quoteDouble(n.Value), nil
		}
		return quote(n.Value, true), nil
	case Sequence, Mapping:
		open, end := "[", "]"
		if n.Kind == Mapping {
			open, end = "{", "}"
		}
		var b strings.Builder
		b.WriteString(open)
		for i, item := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			if n.Kind == Mapping {
				if json {
					b.WriteString(quoteDouble(item.Key.Value))
				} else {
					b.WriteString(quote(item.Key.Value, true))
				}
				b.WriteString(": ")
			}
			text, err := flowText(item, json)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		}
		b.WriteString(end)
		return b.String(), nil
	}
	return "", unreadable(n)
}

func unreadable(n *Node) error {
	return fmt.Errorf("%s: what stands here could not be read, so it cannot be written; correct it first", n.Span())
}

// appendJSON writes n as JSON. newline is a line end with the indentation of
// the place.
func appendJSON(b []byte, n *Node, newline string) ([]byte, error) {
	if n.Len() == 0 {
		text, err := flowText(n, true)
		return append(b, text...), err
	}
	open, end := byte('['), byte(']')
	if n.Kind == Mapping {
		open, end = '{', '}'
	}
	b = append(b, open)
	inner := newline + "  "
	first := true
	for _, item := range n.Items {
		if n.Kind == Mapping && n.Get(item.Key.Value) != item {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, inner...)
		if n.Kind == Mapping {
			b = append(b, quoteDouble(item.Key.Value)...)
			b = append(b, ": "...)
		}
		var err error
		if b, err = appendJSON(b, item, inner); err != nil {
			return nil, err
		}
	}
	b = append(b, newline...)
	return append(b, end), nil
}

// jsonNumber is the text of a number as JSON spells it: YAML also allows a
// plus sign, leading zeros, and a full stop with digits on one side only.
func jsonNumber(n *Node) (string, error) {
	if _, ok := parseDecimal(n.Value); !ok {
		if strings.ContainsAny(n.Value, "nN") { // .inf, .nan
			return "", fmt.Errorf("%s: %s has no form in JSON; write a number, or the document as YAML", n.Span(), n.Value)
		}
		return n.Value, nil // an exponent too large to be looked at
	}
	sign, text := "", strings.TrimPrefix(n.Value, "+")
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	exponent := ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		text, exponent = text[:i], text[i:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction + exponent, nil
}
