package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// blockScalar reads a literal (|) or folded (>) scalar.
func (p *parser) blockScalar(indent int) (*Node, bool) {
	start := p.pos
	n := p.node(String, start, start)
	n.Style = Literal
	if p.s[p.pos] == '>' {
		n.Style = Folded
	}
	p.pos++
	chomp, explicit := byte(0), 0
	for p.pos < len(p.s) && !isBlank(p.s[p.pos]) && !isBreak(p.s[p.pos]) {
		switch c := p.s[p.pos]; {
		case (c == '+' || c == '-') && chomp == 0:
			chomp = c
		case c >= '1' && c <= '9' && explicit == 0:
			explicit = int(c - '0')
		default:
			p.report(RuleSyntax, p.pos, p.pos+1, "after %c may come - or + and a digit; put the text on the next line", p.s[start])
			return n, false
		}
		p.pos++
	}
	n.End = p.pos
	if !p.restOfLine() {
		p.report(RuleSyntax, p.pos, p.lineEnd(p.pos), "the text of a block begins on the next line")
		return n, false
	}
	if p.pos >= len(p.s) {
		return n, true
	}
	p.newline()
	// The first line that is not empty gives the indentation.
	width := max(indent, 0) + explicit
	if indent < 0 && explicit > 0 {
		width = explicit
	}
	widest, widestAt := 0, 0 // of the empty lines before the first that is not
	if explicit == 0 {
		at := p.pos
		for at < len(p.s) {
			begin := at
			for at < len(p.s) && p.s[at] == ' ' {
				at++
			}
			if at >= len(p.s) {
				break
			}
			if !isBreak(p.s[at]) {
				width = at - begin
				break
			}
			if at-begin > widest {
				widest, widestAt = at-begin, begin
			}
			for at < len(p.s) && isBreak(p.s[at]) {
				at++
			}
		}
		if width <= indent {
			width = indent + 1
		} else if widest > width {
			p.report(RuleSyntax, widestAt, widestAt+widest, "an empty line is indented more (%d) than the text that follows it (%d); remove its spaces", widest, width)
		}
	}
	out := blockLines{folded: n.Style == Folded}
	content := n.End
	for p.pos < len(p.s) && !p.marker("---") && !p.marker("...") {
		spaces := 0
		for p.pos+spaces < len(p.s) && spaces < width && p.s[p.pos+spaces] == ' ' {
			spaces++
		}
		end := p.lineEnd(p.pos)
		if spaces < width && p.pos+spaces < end {
			break // less indented: the scalar is over
		}
		text := p.s[min(p.pos+spaces, end):end]
		if content == n.End && strings.Trim(text, " ") == "" {
			text = ""
		}
		if strings.TrimRight(text, " \t") != "" {
			content = end
		}
		out.line(text)
		p.pos = end
		if end >= len(p.s) {
			break
		}
		p.newline()
	}
	n.End = content
	if content == len(p.s) {
		chomp = '-' // the text ends without the break that could be kept
	}
	n.Value = out.close(chomp)
	return n, true
}

// blockLines puts the lines of a block scalar together.
type blockLines struct {
	folded bool
	b      strings.Builder
	any    bool // a line that is not empty has been written
	more   bool // and the last such was indented more than the text
	empty  int  // empty lines since
}

// line adds a line. In a folded scalar one break is a space, unless the line
// before or after it is indented more; empty lines are breaks.
func (t *blockLines) line(text string) {
	if text == "" {
		t.empty++
		return
	}
	more := isBlank(text[0])
	breaks := t.empty
	switch {
	case !t.any:
	case !t.folded || t.more || more:
		breaks++
	case breaks == 0:
		t.b.WriteByte(' ')
	}
	for range breaks {
		t.b.WriteByte('\n')
	}
	t.b.WriteString(text)
	t.any, t.more, t.empty = true, more, 0
}

// close ends the text as its chomping indicator says: 0 keeps one break, -
// none, + all.
func (t *blockLines) close(chomp byte) string {
	if t.any && chomp != '-' {
		t.b.WriteByte('\n')
	}
	if chomp == '+' {
		t.b.WriteString(strings.Repeat("\n", t.empty))
	}
	return t.b.String()
}

// flow reads a flow collection.
func (p *parser) flow(indent int) (*Node, bool) {
	p.enter(p.pos)
	defer p.leave()
	p.flows++
	defer func() { p.flows-- }()
	open := p.pos
	kind, closer := Sequence, byte(']')
	if p.s[open] == '{' {
		kind, closer = Mapping, '}'
	}
	n := p.node(kind, open, open+1)
	n.Style = Flow
	mark := len(p.scratch)
	p.pos++
	ok := true
	for {
		if !p.flowSpace(indent, open, closer) {
			ok = false
			break
		}
		c := p.s[p.pos]
		if c == closer {
			p.pos++
			n.End = p.pos
			break
		}
		if c == ']' || c == '}' {
			d := p.report(RuleSyntax, p.pos, p.pos+1, "%q does not close the %q that is open; write %q", string(c), string(p.s[open]), string(closer))
			d.Related = []diag.Related{{Span: diag.Span{File: p.file, Start: open, End: open + 1}, Message: "opened here"}}
			p.pos++
			n.End = p.pos
			break
		}
		if c == ',' {
			p.report(RuleSyntax, p.pos, p.pos+1, "nothing stands before this comma; remove it")
			p.pos++
			continue
		}
		if ok = p.flowEntry(indent, open, kind, closer); !ok {
			break
		}
		if ok = p.flowSpace(indent, open, closer); !ok {
			break
		}
		switch c := p.s[p.pos]; {
		case c == ',':
			p.pos++
		case c == closer:
		case c == ']' || c == '}':
		default:
			p.report(RuleSyntax, p.pos, p.pos+1, "a comma has to stand between two entries; write one before this")
		}
	}
	p.close(n, mark)
	return n, ok
}

// flowSpace passes space inside a flow collection and reports one that is
// never closed: at the end of the text, or where a line stands too far left to
// belong to it.
func (p *parser) flowSpace(indent, open int, closer byte) bool {
	line := p.lineStart
	p.space()
	if p.pos < len(p.s) && !p.marker("---") && !p.marker("...") &&
		(p.lineStart == line || p.column() > indent || isFlow(p.s[p.pos])) {
		return true
	}
	d := p.report(RuleSyntax, open, open+1, "the %q is never closed; write %q where it ends", string(p.s[open]), string(closer))
	if p.pos < len(p.s) {
		d.Related = []diag.Related{{Span: diag.Span{File: p.file, Start: p.pos, End: p.lineEnd(p.pos)}, Message: "this line does not belong to it any more"}}
	}
	return false
}

func (p *parser) flowNode(indent, open int, closer byte) (*Node, bool) {
	inline := true
	x, ok := p.properties(indent, &inline)
	if !ok {
		return nil, false
	}
	if p.pos >= len(p.s) || p.s[p.pos] == ',' || p.s[p.pos] == ']' || p.s[p.pos] == '}' || p.s[p.pos] == ':' && p.flowEnds(p.pos+1) {
		return p.finish(p.node(Null, p.pos, p.pos), x), true
	}
	var n *Node
	switch p.s[p.pos] {
	case '"', '\'', '[', '{', '*':
		n, ok = p.anchored(x, func() (*Node, bool) { return p.atom(indent, false) })
	case '@', '`', '%', '|', '>', '#':
		p.report(RuleSyntax, p.pos, p.pos+1, "a plain text cannot begin with %q; put it in quotes", string(p.s[p.pos]))
		return nil, false
	default:
		n, ok = p.plain(indent, true, false)
	}
	return p.finish(n, x), ok
}

func (p *parser) flowEnds(at int) bool { return p.follows(at) || isFlow(p.s[at]) }

// flowEntry reads an entry of a flow collection.
func (p *parser) flowEntry(indent, open int, kind Kind, closer byte) bool {
	explicit := p.s[p.pos] == '?' && p.follows(p.pos+1)
	if explicit {
		p.pos++
		if !p.flowSpace(indent, open, closer) {
			return false
		}
	}
	start, line := p.pos, p.lineStart
	n, ok := p.flowNode(indent, open, closer)
	if n == nil || !ok {
		return false
	}
	quoted := n.Style == DoubleQuoted || n.Style == SingleQuoted || n.Style == Flow && n.Alias == nil
	if !p.flowSpace(indent, open, closer) {
		return false
	}
	if p.s[p.pos] != ':' || !(quoted || p.flowEnds(p.pos+1)) {
		if kind == Mapping || explicit {
			key := p.scalarKey(n, start)
			value := p.node(Null, n.End, n.End)
			if kind == Mapping {
				p.entry(key, value)
				return true
			}
			p.pair(key, value)
			return true
		}
		p.scratch = append(p.scratch, n)
		return true
	}
	if kind == Sequence && !explicit && line != p.lineStart {
		p.report(RuleSyntax, p.pos, p.pos+1, "a key in a list has to stand on one line with its colon")
	}
	p.pos++
	if !p.flowSpace(indent, open, closer) {
		return false
	}
	value, ok := p.flowNode(indent, open, closer)
	if value == nil || !ok {
		return false
	}
	key := p.scalarKey(n, start)
	if kind == Mapping {
		p.entry(key, value)
	} else {
		p.pair(key, value)
	}
	return true
}

// pair adds a mapping of one entry, as [a: b] has it.
func (p *parser) pair(key, value *Node) {
	m := p.node(Mapping, key.Start, max(key.End, value.End))
	m.Style = Flow
	mark := len(p.scratch)
	p.entry(key, value)
	p.close(m, mark)
	p.scratch = append(p.scratch, m)
}

// alias reads *name and copies what it names.
func (p *parser) alias() (*Node, bool) {
	start := p.pos
	p.pos++
	for p.pos < len(p.s) && !isBlank(p.s[p.pos]) && !isBreak(p.s[p.pos]) && !isFlow(p.s[p.pos]) {
		p.pos++
	}
	name := p.s[start+1 : p.pos]
	use := diag.Span{File: p.file, Start: start, End: p.pos}
	n := p.anchors[name]
	switch {
	case name == "":
		p.report(RuleSyntax, start, start+1, "an alias is * and a name; put the text in quotes if it begins with *")
		return nil, false
	case n == nil && p.open[name], n != nil && p.open[name]:
		p.report(RuleSyntax, start, p.pos, "the alias *%s stands inside what it names, which would never end", name)
		return nil, false
	case n == nil:
		d := p.report(RuleSyntax, start, p.pos, "the alias *%s names no anchor before it; define &%s first", name, name)
		names := make([]string, 0, len(p.anchors))
		for a := range p.anchors {
			names = append(names, a)
		}
		if near, ok := diag.Nearest(name, names); ok {
			d.Message += ", or did you mean *" + near + "?"
		}
		return nil, false
	}
	return p.copy(n, &use), true
}

// copy makes the copy that stands for an alias, within the limit.
func (p *parser) copy(n *Node, use *diag.Span) *Node {
	size := 1
	if len(n.Items) == 0 {
		size = n.End - n.Start
	}
	if p.repeated += size; p.repeated > p.lim.AliasBytes {
		p.limit("alias-bytes", p.lim.AliasBytes, use.Start)
		panic(stop{})
	}
	c := p.node(n.Kind, n.Start, n.End)
	*c = *n
	c.Parent, c.Key, c.index, c.Alias = nil, nil, 0, use
	if len(n.Items) == 0 {
		return c
	}
	c.Items = make([]*Node, len(n.Items))
	for i, item := range n.Items {
		child := p.copy(item, use)
		child.Key, child.Parent, child.index = item.Key, c, int32(i)
		c.Items[i] = child
	}
	return c
}

// merge adds the entries that << brings. settleMerges decides which of them
// count.
func (p *parser) merge(key, value *Node) {
	sources := []*Node{value}
	if value.Kind == Sequence {
		sources = value.Items
	}
	for _, m := range sources {
		if m.Kind != Mapping {
			p.report(RuleSyntax, m.Start, m.End, "<< merges objects, and this is %s", m.Kind)
			continue
		}
		for _, item := range m.Items {
			if p.merged == nil {
				p.merged = make(map[*Node]bool)
			}
			p.merged[item] = true
			p.scratch = append(p.scratch, item)
		}
	}
}

// settleMerges drops the entries that << brought and that do not count: a
// mapping's own beat them, and earlier ones beat later ones.
func (p *parser) settleMerges(items []*Node) []*Node {
	own := make(map[string]bool, len(items))
	for _, item := range items {
		if !p.merged[item] {
			own[item.Key.Value] = true
		}
	}
	kept := items[:0]
	for _, item := range items {
		if p.merged[item] {
			if own[item.Key.Value] {
				continue
			}
			own[item.Key.Value] = true
		}
		kept = append(kept, item)
	}
	return kept
}

// resolvePlain gives a plain scalar its kind (YAML 1.2, core schema) and JSON
// text. Invalid stands for .inf and .nan, which JSON has not.
func resolvePlain(s string) (Kind, string) {
	if s == "" {
		return Null, ""
	}
	switch s {
	case "~", "null", "Null", "NULL":
		return Null, ""
	case "true", "True", "TRUE":
		return Bool, "true"
	case "false", "False", "FALSE":
		return Bool, "false"
	}
	c := s[0]
	if c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return String, s
	}
	switch strings.TrimLeft(s, "+-") {
	case ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN":
		return Invalid, ""
	}
	return number(s)
}

func digits(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}
