package syntax

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// origin is the node at n's place as the parser made it, nil where n stands
// in no file. n itself may be that node, a copy of it under another key, or
// something new that took its place.
func origin(n *Node) *Node {
	switch {
	case n.File == nil:
		return nil
	case n.Parent != nil:
		if int(n.index) < len(n.Parent.Items) {
			if o := n.Parent.Items[n.index]; o.File == n.File && o.Start == n.Start && o.End == n.End {
				return o
			}
		}
		return nil
	case len(n.Items) > 0:
		return n.Items[0].Parent
	}
	return n
}

// source is the node whose text can be copied for n, nil where n has to be
// written anew.
func (e *emitter) source(n *Node) *Node {
	if e.fresh {
		return nil
	}
	o := origin(n)
	if o == nil || o.Kind != n.Kind || o.Value != n.Value || o.File != n.File || o.Start != n.Start || o.End != n.End ||
		len(o.Items) != len(n.Items) || len(o.Items) > 0 && &o.Items[0] != &n.Items[0] || n.Alias != nil {
		return nil
	}
	if !yamlSource(o) || !e.copies(o) {
		return nil
	}
	if o.Parent == nil && len(o.Items) == 0 && o.Span().Text() != o.Value {
		return nil // a lone scalar has no place in a parent to prove that it is the one written there
	}
	if o.Parent != nil && !plainGap(o.File.Text, entryStart(o), o.Start) {
		return nil // an anchor or a tag
	}
	return o
}

// yamlSource reports whether a node was written in YAML, as opposed to JSON or
// what looks like it.
func yamlSource(o *Node) bool { return o.Root().Style != Flow }

// entryStart is where the key of an entry ends, or where the gap before an
// item of a list begins.
func entryStart(o *Node) int {
	switch {
	case o.Key != nil:
		return o.Key.End
	case o.index > 0 && int(o.index) < len(o.Parent.Items):
		return o.Parent.Items[o.index-1].End
	}
	return o.Parent.Start
}

// copies reports whether the text of a node as parsed is the whole truth about
// it: nothing below it uses or sets an anchor, has a tag, or is merged in.
func (e *emitter) copies(o *Node) bool {
	if len(o.Items) == 0 {
		return copiesLeaf(o)
	}
	answer, known := e.intact[o]
	if !known {
		answer = e.copiesItems(o)
		e.intact[o] = answer
	}
	return answer
}

func copiesLeaf(o *Node) bool {
	text := o.Span().Text()
	if o.Alias != nil || o.Kind == Invalid || text != "" && strings.IndexByte("&!*", text[0]) >= 0 {
		return false
	}
	if o.Style == Literal || o.Style == Folded {
		// Anything else in the header depends on what stands around.
		header, _, _ := strings.Cut(text, "\n")
		switch strings.TrimRight(header, "\r") {
		case "|", "|-", ">", ">-":
		default:
			return false
		}
	}
	return true
}

func (e *emitter) copiesItems(o *Node) bool {
	at := o.Start
	for _, item := range o.Items {
		if item.Parent != o || item.File != o.File || item.Alias != nil || item.Start < at || item.End > o.End {
			return false
		}
		if item.Key != nil {
			if item.Key.Alias != nil || item.Key.File != o.File || !plainGap(o.File.Text, at, item.Key.Start) {
				return false
			}
			at = item.Key.End
		}
		if !plainGap(o.File.Text, at, item.Start) || !e.copies(item) {
			return false
		}
		at = item.End
	}
	return plainGap(o.File.Text, at, o.End)
}

// plainGap reports whether nothing but punctuation, space and comments stands
// between two places: no anchor, alias, tag, merge or complex key.
func plainGap(text string, from, to int) bool {
	if from > to {
		return false
	}
	for i := from; i < to; i++ {
		switch text[i] {
		case ' ', '\t', '\r', '\n', ':', '-', ',', '[', ']', '{', '}':
		case '#':
			for i+1 < to && text[i+1] != '\n' && text[i+1] != '\r' {
				i++
			}
		default:
			return false
		}
	}
	return true
}

// column counts the bytes before an offset on its line, from 0. A byte order
// mark is no part of the line.
func column(f *diag.File, offset int) int {
	c := f.Position(offset).Column - 1
	if offset-c == 0 && strings.HasPrefix(f.Text, "\ufeff") {
		c -= len("\ufeff")
	}
	return c
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// shift is the text of a node as parsed, for a place of another indentation.
// For a block collection that is the column of its entries, otherwise the
// indentation of the entry that it is the value of.
func shift(o *Node, indent int) string {
	text := o.Span().Text()
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	lines := strings.Split(lineEnds.Replace(text), "\n")
	least, delta := 0, 0
	switch {
	case o.Style == Literal || o.Style == Folded:
		for len(lines) > 1 && strings.Trim(lines[len(lines)-1], " ") == "" {
			lines = lines[:len(lines)-1]
		}
		for _, line := range lines[1:] {
			if strings.Trim(line, " ") != "" {
				delta = indent + indentStep - leading(line)
				break
			}
		}
	case len(o.Items) > 0 && o.Style != Flow:
		delta = indent - column(o.File, o.Start)
	default:
		// Continued text and flow collections may be indented at will, beyond
		// their parent.
		delta = indent - leading(o.File.Line(o.File.Position(o.Start).Line))
		least = indent + 1
	}
	for i, line := range lines[1:] {
		have := leading(line)
		if rest := line[have:]; rest == "" && (have == 0 || least > 0) {
			lines[i+1] = ""
		} else {
			lines[i+1] = strings.Repeat(" ", max(have+delta, least, 0)) + rest
		}
	}
	return strings.Join(lines, "\n")
}

// leading is the number of spaces that a line begins with.
func leading(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// comments are the comment lines above an entry of a collection. Where it
// still is in the collection that it was written in, that is everything down
// from what stands before it, blank lines as "", otherwise what stands
// directly above.
func (e *emitter) comments(item, in *Node) []string {
	if e.fresh {
		return nil
	}
	o := origin(item)
	if o == nil || o.Parent == nil || o.Alias != nil || !yamlSource(o) {
		return nil
	}
	text := o.File.Text
	at := extent(o).Start
	if _, first := firstOnLine(o.File, at); !first {
		return nil
	}
	line := at - column(o.File, at)
	stays := in.File == o.Parent.File && in.Start == o.Parent.Start && in.End == o.Parent.End
	var lines []string // from the last
	for bound := contentBefore(o); line > bound; {
		above := previousLine(text, line)
		if above < bound {
			break // other content on this line
		}
		s := strings.Trim(text[above:line], " \t\r\n")
		if above == 0 {
			s = strings.TrimPrefix(s, "\ufeff")
		}
		switch {
		case s == "" && !stays, s != "" && s[0] != '#':
			above = -1
		case e.written[comment{o.File, above}]:
		default:
			e.written[comment{o.File, above}] = true
			if n := len(lines); s != "" || n == 0 || lines[n-1] != "" {
				lines = append(lines, s)
			}
		}
		if above < 0 {
			break
		}
		line = above
	}
	slices.Reverse(lines)
	if written := e.b.String(); written == "" || strings.HasSuffix(written, "\n\n") {
		// Another blank line would belong to a literal that keeps them.
		for len(lines) > 0 && lines[0] == "" {
			lines = lines[1:]
		}
	}
	return lines
}

// contentBefore is where the content before an entry ends, comments not
// counted.
func contentBefore(o *Node) int {
	p := o.Parent
	for i := o.index - 1; i >= 0; i-- {
		before := p.Items[i]
		switch {
		case before.Alias != nil && before.Alias.File == o.File && before.Alias.End <= o.Start:
			return before.Alias.End
		case before.Alias == nil && before.File == o.File && before.End <= o.Start:
			if keepsBlankLines(before) {
				return afterBlankLines(o.File.Text, before.End)
			}
			return before.End
		}
	}
	switch {
	case p.Key != nil && p.Key.File == o.File && p.Key.End <= o.Start:
		return p.Key.End
	case p.Key != nil || inFlow(p):
		return p.Start
	case p.Parent != nil:
		return dash(p) + 1
	}
	return 0
}

// previousLine is where the line before the one at an offset begins.
func previousLine(text string, offset int) int {
	i := offset - 1 // the line end
	if i > 0 && text[i] == '\n' && text[i-1] == '\r' {
		i--
	}
	return strings.LastIndexAny(text[:max(i, 0)], "\r\n") + 1
}

// behind writes a comment that stands behind something on its line.
func (e *emitter) behind(comment string) {
	if comment != "" {
		e.b.WriteString(" " + comment)
	}
}

// lineComment is the comment behind a value of block style on its last line.
func (e *emitter) lineComment(n *Node) string {
	o := origin(n)
	if e.fresh || o == nil || o.Alias != nil || !yamlSource(o) || o.Parent != nil && o.Parent.Style == Flow {
		return ""
	}
	if o.Style == Literal || o.Style == Folded {
		return ""
	}
	return e.commentAt(o.File, o.End)
}

// openComment is the comment behind the key or dash of a block collection, or
// behind what stood there before it was one.
func (e *emitter) openComment(n *Node) string {
	o := origin(n)
	if o != nil && (o.Len() == 0 || o.Style == Flow) {
		return e.lineComment(n)
	}
	if e.fresh || o == nil || o.Parent == nil || o.Alias != nil || !yamlSource(o) || o.Parent.Style == Flow {
		return ""
	}
	text, at := o.File.Text, 0
	if o.Key != nil {
		at = o.Key.End + strings.IndexByte(restOfLine(text[o.Key.End:o.Start]), ':') + 1
	} else {
		at = dash(o) + 1
	}
	// An anchor and a tag may come first.
	for rest := restOfLine(text[at:o.Start]); ; rest = restOfLine(text[at:o.Start]) {
		word := strings.TrimLeft(rest, " \t")
		if word == "" || word[0] != '&' && word[0] != '!' {
			break
		}
		end := strings.IndexAny(word, " \t")
		if end < 0 {
			break
		}
		at += len(rest) - len(word) + end
	}
	return e.commentAt(o.File, at)
}

// commentAt is the comment that follows a place after nothing but space, with
// its mark, where it was not written yet.
func (e *emitter) commentAt(f *diag.File, at int) string {
	rest := f.Text[min(at, len(f.Text)):]
	if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
		rest = rest[:i]
	}
	s := strings.TrimLeft(rest, " \t")
	if s == rest || s == "" || s[0] != '#' {
		return ""
	}
	here := comment{f, at + len(rest) - len(s)}
	if e.written[here] {
		return ""
	}
	e.written[here] = true
	return strings.TrimRight(s, " \t")
}

// tail writes the comments behind the last entry of a document.
func (e *emitter) tail(n *Node) {
	o := origin(n)
	if e.fresh || o == nil || o.Parent != nil || !yamlSource(o) {
		return
	}
	rest := lineEnds.Replace(o.File.Text[min(o.End, len(o.File.Text)):])
	if !strings.HasSuffix(o.Span().Text(), "\n") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	var blank bool
	for line := range strings.Lines(rest) {
		s := strings.TrimSpace(line)
		switch {
		case s == "":
			blank = true
		case s[0] != '#':
			return
		default:
			if blank {
				e.b.WriteByte('\n')
				blank = false
			}
			e.b.WriteString(s + "\n")
		}
	}
}
