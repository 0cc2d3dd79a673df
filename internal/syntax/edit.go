package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// The edits below change one thing of a document as parsed and leave every
// other byte: comments, order, quotes, line ends. They take nodes of the
// parser, not synthetic ones. Where an alias stands in place of a value, the
// alias is edited; what lies below it is edited where it was written, for all
// who use it. Several edits of one document go together where diag.Apply takes
// them, since all name places of the document as it was.

// NewScalar makes a scalar that stands in no file. text is as in Node.Value.
func NewScalar(kind Kind, text string) *Node {
	return &Node{Kind: kind, Value: text}
}

// NewEntry puts a value under a key, as an item of a mapping. With NewScalar
// and Synthetic it builds what InsertKey and Replace write.
func NewEntry(key string, value *Node) *Node {
	return WithKey(value, NewScalar(String, key))
}

// SetValue makes a node the string value, in the quotes that it has where
// they can hold it.
func SetValue(n *Node, value string) diag.Edit {
	if n.Kind == String && n.Alias == nil && (n.Style == SingleQuoted || n.Style == DoubleQuoted) {
		return replaceText(n, quoteAs(value, n.Style, inFlow(n)))
	}
	return Replace(n, NewScalar(String, value))
}

// RenameKey gives an entry of a mapping another key, in the quotes that the
// key has where they can hold it.
func RenameKey(n *Node, key string) diag.Edit {
	style := n.Key.Style
	if inJSON(n) {
		style = DoubleQuoted
	}
	return edit(n.Key.File, n.Key.Start, n.Key.End, quoteAs(key, style, inFlow(n)))
}

// Replace makes a node the value, written plainly in the style of the place.
// The key and the comments around the node stay; those within it go with it.
func Replace(n, value *Node) diag.Edit {
	if inFlow(n) {
		return replaceText(n, inline(n, value))
	}
	s := place(n)
	w := blockWriter{lf: newline(n.File), oneLine: takesIn(n.File.Text, s.End)}
	collection := n.Len() > 0 && n.Style != Flow && n.Alias == nil
	level, more := column(s.File, s.Start), ""
	if collection && n.Key != nil && level <= column(n.Key.File, n.Key.Start) && (value.Len() == 0 || value.Kind != Sequence) {
		// Only a list may stand as far left as its key.
		more = strings.Repeat(" ", indentStep)
		level += indentStep
	}
	switch {
	case value.Len() > 0 && n.Parent == nil && (!ownLine(s) || s.Start == s.End && level > 0): // behind --- or a comment
		return edit(s.File, s.Start, s.End, w.lf+w.collection(value, 0))
	case value.Len() > 0 && s.Start == s.End && n.Key == nil && n.Parent != nil:
		return replaceText(n, w.collection(value, column(s.File, dash(n))+indentStep))
	case value.Len() > 0 && (collection || n.Key == nil || s.Start < s.End && ownLine(s)):
		return edit(s.File, s.Start, s.End, more+w.collection(value, level))
	case value.Len() > 0:
		start := s.Start
		for start > n.Key.End && n.File.Text[start-1] == ' ' {
			start--
		}
		level := column(n.Key.File, n.Key.Start) + indentStep
		return edit(s.File, start, s.End, w.lf+strings.Repeat(" ", level)+w.collection(value, level))
	case n.Parent == nil:
		return replaceText(n, inline(n, value))
	}
	text := strings.TrimPrefix(w.entry(NewEntry("k", value), column(n.File, extent(n).Start)), "k: ")
	if collection && n.Key != nil {
		// Up to the line of the key, where no comment stands between.
		if gap := n.File.Text[n.Key.End:n.Start]; strings.Trim(gap, ": \r\n") == "" {
			return edit(s.File, n.Key.End+strings.IndexByte(gap, ':')+1, s.End, " "+text)
		}
	}
	return replaceText(n, more+text)
}

// InsertKey adds an entry to a mapping, behind its last. Where n is none, or
// an empty one, it becomes a mapping of that entry.
func InsertKey(n *Node, key string, value *Node) diag.Edit {
	entry := NewEntry(key, value)
	if n.Kind != Mapping || n.Len() == 0 {
		return Replace(n, Synthetic(nil, Mapping, []*Node{entry}))
	}
	var last *Node
	for _, item := range n.Items {
		if within(item, n) && (last == nil || extent(item).End > extent(last).End) {
			last = item
		}
	}
	if last != nil {
		return insertAfter(n, last, entry)
	}
	// All that it has, a merge key brings.
	if n.Style == Flow {
		return edit(n.File, n.Start+1, n.Start+1, flowEntry(n, entry)+", ")
	}
	w, indent := blockWriter{lf: newline(n.File)}, column(n.File, n.Start)
	return edit(n.File, n.Start, n.Start, w.entry(entry, indent)+w.lf+strings.Repeat(" ", indent))
}

// InsertKeyAfter adds an entry to the mapping of another entry, behind that.
func InsertKeyAfter(after *Node, key string, value *Node) diag.Edit {
	return insertAfter(after.Parent, after, NewEntry(key, value))
}

func insertAfter(n, last, entry *Node) diag.Edit {
	text, w := n.File.Text, blockWriter{lf: newline(n.File)}
	end := extent(last).End
	if n.Style == Flow {
		indent, first := firstOnLine(n.File, extent(last).Start)
		if !first {
			return edit(n.File, end, end, ", "+flowEntry(n, entry))
		}
		return edit(n.File, end, end, ","+w.lf+indent+strings.ReplaceAll(flowEntry(n, entry), "\n", w.lf+indent))
	}
	end += len(restOfLine(text[end:]))
	w.oneLine = takesIn(text, end)
	indent := column(n.File, last.Key.Start)
	line := strings.Repeat(" ", indent) + w.entry(entry, indent)
	if keepsBlankLines(last) {
		if end = afterBlankLines(text, end); strings.HasSuffix(text[:end], "\n") {
			return edit(n.File, end, end, line+w.lf)
		}
	}
	return edit(n.File, end, end, w.lf+line)
}

// DeleteKey takes an entry out of its mapping, or an item out of its list. In
// block style whole lines go, with the comment lines directly above that are
// indented alike, unless those are the head of the file. A collection that
// loses its last entry is left as {} or [].
func DeleteKey(n *Node) diag.Edit {
	p, f := n.Parent, n.File
	s := extent(n)
	if len(p.Items) == 1 && within(n, p) {
		return Replace(p, Synthetic(nil, p.Kind, nil))
	}
	var next *Node
	if int(n.index)+1 < len(p.Items) && within(p.Items[n.index+1], p) {
		next = p.Items[n.index+1]
	}
	if p.Style == Flow {
		if next != nil {
			return edit(f, s.Start, extent(next).Start, "")
		}
		return edit(f, extent(p.Items[n.index-1]).End, s.End, "")
	}
	text := f.Text
	end := s.End + len(restOfLine(text[s.End:]))
	if _, first := firstOnLine(f, s.Start); !first && next != nil {
		// Behind a dash. Its place is for the next entry, unless a comment
		// comes before that.
		if start := extent(next).Start; strings.TrimSpace(text[s.End:start]) == "" {
			return edit(f, s.Start, start, "")
		}
		return edit(f, len(strings.TrimRight(text[:s.Start], " ")), end, "")
	}
	if keepsBlankLines(n) {
		end = afterBlankLines(text, end)
	} else {
		end += lineEndSize(text[end:])
	}
	return edit(f, aboveWithComments(n, s.Start), end, "")
}

// aboveWithComments is where the lines begin that belong to the entry of block
// style that starts a line at an offset.
func aboveWithComments(n *Node, offset int) int {
	f := n.File
	indent := column(f, offset)
	line := offset - indent
	start, bound := line, contentBefore(n)
	for start > bound && start > 0 {
		above := previousLine(f.Text, start)
		content := f.Text[above:start]
		if above < bound || leading(content) != indent || !strings.HasPrefix(content[indent:], "#") {
			return start
		}
		start = above
	}
	if start == 0 {
		return line // the head of the file
	}
	return start
}

func edit(f *diag.File, start, end int, text string) diag.Edit {
	return diag.Edit{Span: diag.Span{File: f, Start: start, End: end}, NewText: text}
}

// ownLine reports whether nothing stands before a span on its line.
func ownLine(s diag.Span) bool {
	_, first := firstOnLine(s.File, s.Start)
	return first
}

// place is the text that stands for a node: its own, or the alias in its
// place. A line end that a block scalar ends with is not part of it.
func place(n *Node) diag.Span {
	s := n.Span()
	if a := n.Alias; a != nil && n.Parent != nil && n.Parent.Alias == nil && a.File == n.File {
		if n.Key == nil && n.Parent.Start <= a.Start && a.End <= n.Parent.End ||
			n.Key != nil && n.Key.File == n.File && plainGap(n.File.Text, n.Key.End, a.Start) {
			return *a
		}
	}
	if n.Len() > 0 && n.Style != Flow {
		// An alias in the last place has its end where it was used.
		if last := n.Items[n.Len()-1]; last.Alias != nil && last.Alias.File == n.File && last.Alias.Start >= n.Start && n.Alias == nil {
			s.End = max(s.End, last.Alias.End)
		} else if last.Alias == nil && last.File == n.File {
			s.End = max(s.End, place(last).End)
		}
	}
	for s.End > s.Start && (n.File.Text[s.End-1] == '\n' || n.File.Text[s.End-1] == '\r') {
		s.End--
	}
	return s
}

// extent is the text of a whole entry: from its key or dash to the end of its
// value; in a flow list, that of the item.
func extent(n *Node) diag.Span {
	s := place(n)
	switch {
	case n.Key != nil:
		s.Start = n.Key.Start
	case !inFlow(n):
		s.Start = dash(n)
	}
	return s
}

// within reports whether an entry stands in the text of its collection, not
// where a merge key found it.
func within(item, n *Node) bool {
	s := extent(item)
	return (item.Key == nil || item.Key.Alias == nil) && s.File == n.File && n.Start <= s.Start && s.Start <= n.End
}

// dash is where the dash of an item of a block list stands.
func dash(n *Node) int {
	text, at := n.File.Text, n.Parent.Start
	if n.index > 0 {
		at = place(n.Parent.Items[n.index-1]).End
	}
	for at < len(text) && text[at] != '-' {
		if text[at] == '#' {
			at += len(restOfLine(text[at:]))
		} else {
			at++
		}
	}
	return at
}

func inFlow(n *Node) bool {
	return n.Parent != nil && n.Parent.Style == Flow || n.Parent == nil && inJSON(n)
}

// inJSON reports whether a node stands in a document that is JSON, by the
// look of it: one flow collection, with double quotes where the keys are.
func inJSON(n *Node) bool {
	root := n.Root()
	return root.Style == Flow && (root.Kind != Mapping || root.Len() == 0 || root.Items[0].Key.Style == DoubleQuoted)
}

// replaceText replaces the text of a node by another that can stand on its
// line, with the space and colon that a node without text has not.
func replaceText(n *Node, text string) diag.Edit {
	s := place(n)
	if s.Start == s.End {
		source := n.File.Text
		switch {
		case n.Parent == nil && column(s.File, s.Start) > 0:
			text = newline(n.File) + text
		case n.Key != nil && !strings.Contains(source[n.Key.End:s.Start], ":"):
			text = ": " + text
		case s.Start > 0 && (source[s.Start-1] == ':' || source[s.Start-1] == '-'):
			text = " " + text
		}
		if s.End < len(source) && source[s.End] == '#' {
			text += " "
		}
	}
	return edit(s.File, s.Start, s.End, text)
}

// inline is a value on one line, for the brackets that n stands in.
func inline(n, value *Node) string {
	text, err := flowText(value, inJSON(n))
	if err != nil {
		return "null" // what could not be read says nothing
	}
	return text
}

// flowEntry is an entry for the brackets of n; in JSON of several lines it has
// several lines itself.
func flowEntry(n, entry *Node) string {
	key := quoteAs(entry.Key.Value, n.Items[0].Key.Style, true)
	if !inJSON(n) {
		return key + ": " + inline(n.Items[0], entry)
	}
	value, err := appendJSON(nil, entry, "\n")
	if _, first := firstOnLine(n.File, extent(n.Items[0]).Start); err != nil || !first {
		value = []byte(inline(n.Items[0], entry))
	}
	return key + ": " + string(value)
}

// blockWriter writes values in block style to go between other lines.
type blockWriter struct {
	lf      string // the line end of the file
	oneLine bool   // scalars keep to one line
}

// collection is a collection that is not empty, the first entry without its
// indentation, the last without its line end.
func (w blockWriter) collection(value *Node, indent int) string {
	e := emitter{fresh: true, clip: true, oneLine: w.oneLine}
	if e.block(value, indent, true) != nil {
		return "null" // what could not be read says nothing
	}
	return strings.ReplaceAll(strings.TrimSuffix(e.b.String(), "\n"), "\n", w.lf)
}

// entry is an entry without its indentation and line end.
func (w blockWriter) entry(entry *Node, indent int) string {
	return w.collection(Synthetic(nil, Mapping, []*Node{entry}), indent)
}

// takesIn reports whether a literal that ends at a place might take in what
// follows: a comment on its line, or an indented line of a comment or of
// nothing but space.
func takesIn(text string, end int) bool {
	if restOfLine(text[end:]) != "" {
		return true
	}
	for size := lineEndSize(text[end:]); size > 0; size = lineEndSize(text[end:]) {
		end += size
		if line := restOfLine(text[end:]); line != "" {
			content := strings.TrimLeft(line, " \t")
			return content != line && (content == "" || content[0] == '#')
		}
	}
	return false
}

// newline is the line end that a file uses.
func newline(f *diag.File) string {
	if i := strings.IndexByte(f.Text, '\n'); i > 0 && f.Text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// restOfLine is what s holds before its first line end.
func restOfLine(s string) string {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return s[:i]
	}
	return s
}

// lineEndSize is the size of the line end that s begins with, 0 for none.
func lineEndSize(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case s != "" && (s[0] == '\n' || s[0] == '\r'):
		return 1
	}
	return 0
}

// afterBlankLines goes from the end of a line to where the next line that is
// not blank begins.
func afterBlankLines(text string, end int) int {
	for {
		size := lineEndSize(text[end:])
		if size == 0 {
			return end
		}
		end += size
		line := restOfLine(text[end:])
		if line == "" && end < len(text) {
			continue
		}
		if strings.Trim(line, " ") != "" || end == len(text) {
			return end
		}
		end += len(line)
	}
}

// keepsBlankLines reports whether a value ends in a block scalar to which the
// blank lines below it belong.
func keepsBlankLines(n *Node) bool {
	for n.Len() > 0 && n.Style != Flow {
		n = n.Items[len(n.Items)-1]
	}
	if n.Style != Literal && n.Style != Folded {
		return false
	}
	return strings.Contains(restOfLine(n.Span().Text()), "+")
}

// firstOnLine returns the space that stands before an offset on its line, and
// whether there is nothing else.
func firstOnLine(f *diag.File, offset int) (string, bool) {
	before := f.Text[offset-column(f, offset) : offset]
	return before, strings.Trim(before, " \t") == ""
}
