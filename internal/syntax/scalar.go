package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// quoted reports whether a node is a scalar in quotes of its own.
func (n *Node) quoted() bool {
	return (n.Style == DoubleQuoted || n.Style == SingleQuoted) && n.Alias == nil
}

// place is where a node was written or, if an alias brought it in, used.
func (n *Node) place() diag.Span {
	if n.Alias != nil {
		return *n.Alias
	}
	return n.Span()
}

// finite reports a number that JSON has no text for; resolvePlain has left its
// text in the node. As a key it would have been an ordinary one.
func (p *parser) finite(n *Node) *Node {
	if n.Is(Invalid) && n.Value != "" {
		p.report(RuleSyntax, n.Start, n.End, "%s has no value in JSON; write a number, or put it in quotes", n.Value)
		n.Value = ""
	}
	return n
}

// plain reads a plain scalar, over several lines where they are indented.
func (p *parser) plain(indent int, inFlow, oneLine bool) (*Node, bool) {
	start := p.pos
	end := p.plainLine(inFlow, true)
	if end == start {
		p.report(RuleSyntax, p.pos, p.pos+1, "%q cannot begin a text; put it in quotes", string(p.s[p.pos]))
		return nil, false
	}
	text := p.s[start:end]
	n := p.node(String, start, end)
	if !oneLine && (p.pos >= len(p.s) || isBreak(p.s[p.pos])) {
		var b *strings.Builder
		for {
			line, at, breaks := p.lineStart, p.pos, 0
			for p.pos < len(p.s) && (isBreak(p.s[p.pos]) || isBlank(p.s[p.pos])) {
				if isBreak(p.s[p.pos]) {
					breaks++
					p.newline()
				} else {
					p.pos++
				}
			}
			back := func() { p.pos, p.lineStart = at, line }
			if p.atEnd() || p.margin() <= indent || p.s[p.pos] == '#' || breaks == 0 {
				back()
				break
			}
			if inFlow && isFlow(p.s[p.pos]) || p.s[p.pos] == ':' && (p.follows(p.pos+1) || inFlow && isFlow(p.s[p.pos+1])) {
				back()
				break
			}
			if !inFlow && p.looksLikeKey() {
				back()
				break
			}
			from := p.pos
			to := p.plainLine(inFlow, false)
			if to == from {
				back()
				break
			}
			if b == nil {
				b = &strings.Builder{}
				b.WriteString(text)
			}
			if breaks == 1 {
				b.WriteByte(' ')
			} else {
				b.WriteString(strings.Repeat("\n", breaks-1))
			}
			b.WriteString(p.s[from:to])
			n.End = to
			if p.pos < len(p.s) && !isBreak(p.s[p.pos]) {
				break
			}
		}
		if b != nil {
			n.Value = b.String()
			return n, true
		}
	}
	n.Kind, n.Value = resolvePlain(text)
	return n, true
}

// looksLikeKey reports whether a line that could continue a plain text is
// rather a key that is indented too far: text, colon, blank.
func (p *parser) looksLikeKey() bool {
	save := p.pos
	p.plainLine(false, false)
	is := p.pos < len(p.s) && p.s[p.pos] == ':'
	p.pos = save
	return is
}

// plainLine passes the plain characters of a line and returns where they end,
// without trailing blanks. The position is left there as well, or at what
// stopped it. On the first line, an indicator is no plain character.
func (p *parser) plainLine(inFlow, first bool) int {
	s, i := p.s, p.pos
	if c := s[i]; first && (c == '-' || c == '?' || c == ':') && (i+1 >= len(s) || p.follows(i+1) || inFlow && isFlow(s[i+1])) {
		return i
	}
	end := i
	for i < len(s) {
		c := s[i]
		if isBreak(c) {
			break
		}
		if c == ':' && (p.follows(i+1) || inFlow && isFlow(s[i+1])) {
			break
		}
		if c == '#' && i > p.pos && isBlank(s[i-1]) {
			break
		}
		if inFlow && isFlow(c) {
			break
		}
		i++
		if !isBlank(c) {
			end = i
		}
	}
	p.pos = end
	// Stop at what ended the line's text, so that callers see it.
	for p.pos < i && isBlank(s[p.pos]) {
		p.pos++
	}
	if p.pos < len(s) && s[p.pos] == '#' {
		p.pos = end
	}
	return end
}

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
			if p.s[at] == '\t' && at-begin <= indent && p.follows(p.pastBlanks(at)) {
				p.report(RuleSyntax, at, at+1, "a tab stands in an empty line where the indentation would be; remove it")
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
		if explicit == 0 && content == n.End && strings.Trim(text, " ") == "" {
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
		return Invalid, s
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
