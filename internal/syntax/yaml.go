package syntax

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// The grammar is that of YAML 1.2.2, read top-down by indentation. A method
// that finds a fault reports it and returns ok = false with the position where
// it was; the block collection around it goes on at the next line that belongs
// to it.

func (p *parser) yaml() *Node {
	p.anchors = map[string]*anchor{}
	inline := p.directives()
	n, ok := p.block(-1, p.pos, inline, false)
	if n == nil {
		n = p.node(Invalid, p.pos, p.pos)
	}
	if !ok {
		p.pos = p.lineEnd(p.pos)
	}
	p.space()
	if p.pos < len(p.s) && !p.atEnd() {
		end := p.lineEnd(p.pos)
		p.report(RuleSyntax, p.pos, end, "%q does not belong to what stands above it; check its indentation", clip(p.s[p.pos:end]))
		for p.pos < len(p.s) && !p.atEnd() {
			p.pos = p.lineEnd(p.pos)
			p.space()
		}
	}
	for p.marker("...") {
		p.pos += 3
		if !p.restOfLine() {
			p.report(RuleSyntax, p.pos, p.lineEnd(p.pos), "nothing may follow ... on its line")
			return n
		}
		p.space()
	}
	if p.pos < len(p.s) {
		p.report(RuleMultiple, p.pos, min(p.pos+3, p.lineEnd(p.pos)), "a second document begins here; a file holds one, so move it to a file of its own")
	}
	return n
}

// directives passes %YAML and %TAG lines and the --- after them. It reports
// whether there was one: what follows on its line is inline.
func (p *parser) directives() (inline bool) {
	p.space()
	for p.marker("...") { // ends a document that is not there
		p.pos += 3
		p.space()
	}
	directive, version := -1, false
	for p.pos < len(p.s) && p.s[p.pos] == '%' && p.pos == p.lineStart {
		directive = p.pos
		end := p.lineEnd(p.pos)
		words := strings.Fields(p.s[p.pos:end])
		if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
			words = words[:i]
		}
		switch words[0] {
		case "%YAML":
			if version || len(words) != 2 || !strings.HasPrefix(words[1], "1.") || strings.Trim(words[1], "0123456789.") != "" {
				p.report(RuleSyntax, p.pos, end, "the directive has to be %%YAML 1.2, once")
			}
			version = true
		case "%TAG":
			if len(words) != 3 || words[1][0] != '!' {
				p.report(RuleSyntax, p.pos, end, "the directive has to be %%TAG, a handle such as !e! and a prefix")
				break
			}
			if p.handles == nil {
				p.handles = map[string]string{}
			}
			p.handles[words[1]] = words[2]
		default:
			p.note(RuleSyntax, diag.Warning, p.pos, end, "the directive %s means nothing here and is ignored; remove it", clip(words[0]))
		}
		p.pos = end
		p.space()
	}
	if p.marker("---") {
		p.pos += 3
		return true
	}
	if directive >= 0 {
		p.report(RuleSyntax, directive, p.lineEnd(directive), "after directives, the document has to begin with ---")
	}
	return false
}

// marker reports whether a document marker stands here.
func (p *parser) marker(m string) bool {
	return p.pos == p.lineStart && strings.HasPrefix(p.s[p.pos:], m) && (p.pos+3 == len(p.s) || isBlank(p.s[p.pos+3]) || isBreak(p.s[p.pos+3]))
}

func (p *parser) atEnd() bool { return p.pos >= len(p.s) || p.marker("---") || p.marker("...") }

func (p *parser) lineEnd(at int) int {
	for at < len(p.s) && !isBreak(p.s[at]) {
		at++
	}
	return at
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isBreak(c byte) bool { return c == '\n' || c == '\r' }

func isFlow(c byte) bool {
	return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:38], "") + "…"
	}
	return s
}

func (p *parser) column() int { return p.pos - p.lineStart }

// margin is the indentation of the line: its spaces, since tabs do not indent.
func (p *parser) margin() int {
	i := p.lineStart
	for i < p.pos && p.s[i] == ' ' {
		i++
	}
	return i - p.lineStart
}

// newline passes one line break.
func (p *parser) newline() {
	if p.s[p.pos] == '\r' && p.pos+1 < len(p.s) && p.s[p.pos+1] == '\n' {
		p.pos++
	}
	p.pos++
	p.lineStart = p.pos
}

// space passes blanks, comments and line breaks, and reports a tab that
// indents something.
func (p *parser) space() {
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == ' ' || c == '\t':
			p.pos++
		case isBreak(c):
			p.newline()
		case c == '#' && (p.pos == p.lineStart || isBlank(p.s[p.pos-1])):
			p.pos = p.lineEnd(p.pos)
		default:
			if p.flows > 0 || !p.tabs() {
				return
			}
			p.pos = p.lineEnd(p.pos) // nobody can say where the line belongs
		}
	}
}

// tabs reports a tab that indents a token. After spaces, one may separate a
// scalar from them.
func (p *parser) tabs() bool {
	blank := p.s[p.lineStart:p.pos]
	tab := strings.IndexByte(blank, '\t')
	if tab < 0 || strings.TrimLeft(blank, " \t") != "" || isFlow(p.s[p.pos]) {
		return false
	}
	if tab > 0 && !(p.s[p.pos] == '-' && p.follows(p.pos+1)) && !p.looksLikeKey() {
		return false
	}
	p.report(RuleSyntax, p.lineStart+tab, p.lineStart+tab+1, "a tab indents this line; indent with spaces")
	return true
}

// blanks passes spaces and tabs on this line.
func (p *parser) blanks() {
	for p.pos < len(p.s) && isBlank(p.s[p.pos]) {
		p.pos++
	}
}

// pastBlanks is where the spaces and tabs end that stand at a place.
func (p *parser) pastBlanks(at int) int {
	for at < len(p.s) && isBlank(p.s[at]) {
		at++
	}
	return at
}

// restOfLine passes blanks and a comment, and reports anything else.
func (p *parser) restOfLine() bool {
	start := p.pos
	p.blanks()
	if p.pos >= len(p.s) || isBreak(p.s[p.pos]) {
		return true
	}
	if p.s[p.pos] == '#' {
		if p.pos == start {
			p.report(RuleSyntax, p.pos, p.pos+1, "a comment needs a space before its #")
		}
		p.pos = p.lineEnd(p.pos)
		return true
	}
	return false
}

// follows reports whether the byte at a place ends an indicator: blank, break
// or the end of the text.
func (p *parser) follows(at int) bool {
	return at >= len(p.s) || isBlank(p.s[at]) || isBreak(p.s[at])
}
