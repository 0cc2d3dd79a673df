package site

import (
	"bytes"
	"errors"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// What people write is Markdown from strangers. It is parsed by goldmark, and the
// HTML is written here, element by element: what is not in writer.node cannot come
// out, HTML that somebody wrote least of all. Links lead to the web alone; a picture
// would tell a stranger who reads the page, so its words stand for it. (A sanitiser
// behind another renderer would cost every command 3 ms at its start; the tests
// have one look for what it would take away.)

var markdownParser = sync.OnceValue(func() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(parser.DefaultInlineParsers()...),
		parser.WithParagraphTransformers(append(parser.DefaultParagraphTransformers(), util.Prioritized(tables{}, 200))...))
})

// Tables, as many write them (GitHub Flavored Markdown §4.10).
var tableKind, rowKind, cellKind = ast.NewNodeKind("Table"), ast.NewNodeKind("Row"), ast.NewNodeKind("Cell")

type tableNode struct {
	ast.BaseBlock
	kind ast.NodeKind
	head bool
}

func (n *tableNode) Kind() ast.NodeKind         { return n.kind }
func (n *tableNode) Dump(source []byte, at int) { ast.DumpHelper(n, source, at, nil, nil) }

// tables makes a table of a paragraph whose second line is a row of dashes.
type tables struct{}

func (tables) Transform(p *ast.Paragraph, r text.Reader, _ parser.Context) {
	lines := p.Lines()
	if lines.Len() < 2 {
		return
	}
	second := lines.At(1)
	dashes := strings.TrimSpace(string(second.Value(r.Source())))
	if !strings.Contains(dashes, "-") || !strings.Contains(dashes, "|") || strings.Trim(dashes, "|:- \t") != "" {
		return
	}
	table := &tableNode{kind: tableKind}
	columns := 0
	for i := range lines.Len() {
		if i == 1 {
			continue
		}
		row := &tableNode{kind: rowKind, head: i == 0}
		cells := cellsOf(lines.At(i), r.Source())
		if i == 0 {
			columns = len(cells)
		}
		for len(cells) < columns {
			cells = append(cells, text.Segment{})
		}
		for _, c := range cells[:columns] {
			cell := &tableNode{kind: cellKind, head: i == 0}
			if c.Len() > 0 {
				cell.Lines().Append(c)
			}
			row.AppendChild(row, cell)
		}
		table.AppendChild(table, row)
	}
	if columns != strings.Count(strings.Trim(dashes, "| \t"), "|")+1 {
		return
	}
	p.Parent().InsertBefore(p.Parent(), p, table)
	p.Parent().RemoveChild(p.Parent(), p)
}

// cellsOf splits a row at its bars.
func cellsOf(line text.Segment, source []byte) []text.Segment {
	line = trimmed(line, source)
	s := line.Value(source)
	from, to := 0, len(s)
	if to > 0 && s[0] == '|' {
		from = 1
	}
	if to > from && s[to-1] == '|' && (to < 2 || s[to-2] != '\\') {
		to--
	}
	var all []text.Segment
	start, code := from, false
	for i := from; i <= to; i++ {
		switch {
		case i < to && s[i] == '`':
			code = !code
		case i < to && s[i] == '\\':
			i++
		case i == to || s[i] == '|' && !code:
			all = append(all, trimmed(text.NewSegment(line.Start+start, line.Start+min(i, to)), source))
			start = i + 1
		}
	}
	return all
}

func trimmed(s text.Segment, source []byte) text.Segment {
	s = s.TrimLeftSpace(source)
	return s.TrimRightSpace(source)
}

// writer writes the HTML of a parsed description.
type writer struct {
	bytes.Buffer
	source []byte
}

func (w *writer) escaped(s []byte) { template.HTMLEscape(w, s) }

func (w *writer) around(element string, n ast.Node) {
	w.WriteString("<" + element + ">")
	w.inside(n)
	w.WriteString("</" + element + ">")
}

func (w *writer) inside(n ast.Node) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		t, ok := c.(*ast.Text)
		if !ok {
			w.node(c)
			continue
		}
		// What could have been a mark and was none parts a text, and an address in it.
		words := t.Segment
		for !t.SoftLineBreak() && !t.HardLineBreak() {
			next, ok := t.NextSibling().(*ast.Text)
			if !ok || next.Segment.Start != words.Stop {
				break
			}
			words.Stop, t = next.Segment.Stop, next
		}
		_, inLink := n.(*ast.Link)
		w.words(string(words.Value(w.source)), !inLink)
		switch {
		case t.HardLineBreak():
			w.WriteString("<br>")
		case t.SoftLineBreak():
			w.WriteByte('\n')
		}
		c = t
	}
}

func (w *writer) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph:
		w.around("p", n)
	case *ast.TextBlock:
		w.inside(n)
	case *ast.Heading: // below those of the page
		w.around("h"+strconv.Itoa(min(n.Level+2, 6)), n)
	case *ast.Blockquote:
		w.around("blockquote", n)
	case *ast.List:
		if n.IsOrdered() {
			w.around("ol", n)
		} else {
			w.around("ul", n)
		}
	case *ast.ListItem:
		w.around("li", n)
	case *ast.ThematicBreak:
		w.WriteString("<hr>")
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		w.WriteString(`<pre tabindex="0"><code>`)
		for i := range n.Lines().Len() {
			line := n.Lines().At(i)
			w.escaped(line.Value(w.source))
		}
		w.WriteString("</code></pre>")
	case *ast.Emphasis:
		if n.Level == 2 {
			w.around("strong", n)
		} else {
			w.around("em", n)
		}
	case *ast.CodeSpan:
		w.WriteString("<code>")
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				w.escaped(bytes.ReplaceAll(t.Segment.Value(w.source), []byte("\n"), []byte(" ")))
			}
		}
		w.WriteString("</code>")
	case *ast.Link:
		w.link(string(n.Destination), func() { w.inside(n) })
	case *ast.AutoLink:
		to := string(n.URL(w.source))
		if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(to), "mailto:") {
			to = "mailto:" + to
		}
		w.link(to, func() { w.escaped(n.Label(w.source)) })
	case *ast.Image:
		w.inside(n)
	case *ast.String:
		w.escaped(n.Value)
	case *tableNode:
		switch {
		case n.kind == tableKind:
			w.WriteString(`<table tabindex="0">`) // it may be wider than there is room
			w.inside(n)
			w.WriteString("</table>")
		case n.kind == rowKind:
			w.around("tr", n)
		case n.head:
			w.around("th", n)
		default:
			w.around("td", n)
		}
	}
	// HTML of blocks and in lines is left out.
}

var errNoLink = errors.New("no link to the web")

// link writes a link where it leads to the web, and its words alone where not.
func (w *writer) link(to string, words func()) {
	u, err := url.Parse(strings.TrimSpace(to))
	if err == nil {
		switch u.Scheme {
		case "http", "https":
			if u.Host == "" {
				err = errNoLink
			}
		case "mailto":
		default:
			err = errNoLink
		}
	}
	if err != nil {
		words()
		return
	}
	w.WriteString(`<a href="`)
	w.escaped([]byte(u.String()))
	w.WriteString(`" rel="nofollow noreferrer">`)
	words()
	w.WriteString("</a>")
}

// words writes text, escapes and references of characters resolved; addresses in
// it become links.
func (w *writer) words(s string, links bool) {
	for links {
		i := strings.Index(s, "https://")
		if j := strings.Index(s, "http://"); i < 0 || j >= 0 && j < i {
			i = j
		}
		if i < 0 {
			break
		}
		end := i + strings.IndexFunc(s[i:]+" ", func(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"'`", r) })
		end = i + len(strings.TrimRight(s[i:end], ".,;:!?)*_"))
		w.plain(s[:i])
		address := s[i:end]
		w.link(address, func() { w.escaped([]byte(address)) })
		s = s[end:]
	}
	w.plain(s)
}

func (w *writer) plain(s string) {
	b := util.ResolveNumericReferences(util.ResolveEntityNames([]byte(s)))
	w.escaped(util.UnescapePunctuations(b))
}

// maxMarkdown is how much of one description is rendered.
const maxMarkdown = 64 << 10

// markdown renders what somebody wrote.
func markdown(s string) template.HTML {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if len(s) > maxMarkdown {
		s = strings.ToValidUTF8(s[:maxMarkdown], "") + "…"
	}
	if isPlain(s) {
		return template.HTML("<p>" + template.HTMLEscapeString(s) + "</p>")
	}
	source := []byte(s)
	w := &writer{source: source}
	w.inside(markdownParser().Parse(text.NewReader(source)))
	return template.HTML(w.String())
}

// firstWords is the first paragraph of what somebody wrote, without marks: for lists,
// where it stands in one line.
func firstWords(s string) string {
	first := firstParagraph(s)
	if isPlain(first) {
		return first
	}
	source := []byte(strings.ToValidUTF8(s[:min(len(s), maxFirst)], ""))
	for n := markdownParser().Parse(text.NewReader(source)).FirstChild(); n != nil; n = n.NextSibling() {
		if _, ok := n.(*ast.Heading); ok && n.NextSibling() != nil {
			continue // what it is about comes below
		}
		var b strings.Builder
		bare(&b, n, source)
		if words := strings.Join(strings.Fields(b.String()), " "); words != "" {
			return words
		}
	}
	return ""
}

// maxFirst is how much of a description its first paragraph is looked for in.
const maxFirst = 8 << 10

// bare writes the words of a part of a description.
func bare(b *strings.Builder, n ast.Node, source []byte) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			s := c.Segment.Value(source)
			if _, ok := n.(*ast.CodeSpan); !ok {
				s = util.UnescapePunctuations(util.ResolveNumericReferences(util.ResolveEntityNames(s)))
			}
			b.Write(s)
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.AutoLink:
			b.Write(c.Label(source))
		default:
			bare(b, c, source)
			if c.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
		}
	}
}

// isPlain reports whether a text is one line of plain words, which Markdown makes
// nothing of. Most descriptions of fields are.
func isPlain(s string) bool {
	dot := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == ' ', c == ',', c == ';', c == '\'', c == '(', c == ')', c == '"', c == '?', c == '/', c >= 0x80:
			dot = false
		case c == '-' && i > 0:
			dot = false
		case c >= '0' && c <= '9' && i > 0:
			dot = false
		case c == '.' || c == ':': // www., http://
			dot = true
		default:
			return false
		}
		if dot && i+1 < len(s) && s[i+1] != ' ' {
			return false
		}
	}
	return !strings.Contains(s, "  ") && !strings.Contains(s, "//") && !strings.Contains(s, "@")
}

// inline is a sentence of ours with **strong** and `code`, which goldmark is too
// much for.
func inline(s string) template.HTML {
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "*`")
		if i < 0 {
			break
		}
		mark, tag := s[i:i+1], "code"
		if strings.HasPrefix(s[i:], "**") {
			mark, tag = "**", "strong"
		} else if strings.HasPrefix(s[i:], "`` ") {
			mark = "``"
		} else if mark == "*" {
			b.WriteString(template.HTMLEscapeString(s[:i+1]))
			s = s[i+1:]
			continue
		}
		end := strings.Index(s[i+len(mark):], mark)
		if end < 0 {
			break
		}
		b.WriteString(template.HTMLEscapeString(s[:i]))
		b.WriteString("<" + tag + ">" + template.HTMLEscapeString(strings.TrimSpace(s[i+len(mark):i+len(mark)+end])) + "</" + tag + ">")
		s = s[i+2*len(mark)+end:]
	}
	b.WriteString(template.HTMLEscapeString(s))
	return template.HTML(b.String())
}

// highlighted is the text of a JSON value with its names, texts and other values
// marked.
func highlighted(s string) template.HTML {
	var b strings.Builder
	b.Grow(2 * len(s))
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			j := i + 1
			for j < len(s) && s[j] != '"' {
				if s[j] == '\\' {
					j++
				}
				j++
			}
			j = min(j+1, len(s))
			k := j
			for k < len(s) && (s[k] == ' ' || s[k] == '\t') {
				k++
			}
			class := "s"
			if k < len(s) && s[k] == ':' {
				class = "k"
			}
			b.WriteString(`<span class="` + class + `">` + template.HTMLEscapeString(s[i:j]) + `</span>`)
			i = j
		case c >= '0' && c <= '9' || c == '-' || c >= 'a' && c <= 'z':
			j := i
			for j < len(s) && strings.IndexByte("0123456789+-.eEabcdefghijklmnopqrstuvwxyz", s[j]) >= 0 {
				j++
			}
			b.WriteString(`<span class="n">` + s[i:j] + `</span>`)
			i = j
		default:
			b.WriteString(template.HTMLEscapeString(s[i : i+1]))
			i++
		}
	}
	return template.HTML(b.String())
}
