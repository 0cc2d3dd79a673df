package syntax

import (
	"strings"
	"unicode/utf8"
)

// singleQuoted reads a scalar in single quotes.
func (p *parser) singleQuoted(indent int) (*Node, bool) {
	start := p.pos
	n := p.node(String, start, start)
	n.Style = SingleQuoted
	p.pos++
	var b *strings.Builder
	from := p.pos
	add := func(to int) {
		if b == nil {
			b = &strings.Builder{}
		}
		b.WriteString(p.s[from:to])
	}
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == '\'' && p.pos+1 < len(p.s) && p.s[p.pos+1] == '\'':
			add(p.pos + 1)
			p.pos += 2
			from = p.pos
		case c == '\'':
			if b == nil {
				n.Value = p.s[from:p.pos]
			} else {
				add(p.pos)
				n.Value = b.String()
			}
			p.pos++
			n.End = p.pos
			return n, true
		case isBreak(c):
			add(len(strings.TrimRight(p.s[:p.pos], " \t")))
			if !p.fold(b, indent, start) {
				return nil, false
			}
			from = p.pos
		default:
			p.pos++
		}
	}
	p.unclosed(start, "the quote ' is never closed")
	return nil, false
}

// fold passes line breaks inside a quoted scalar and writes what they mean.
func (p *parser) fold(b *strings.Builder, indent, start int) bool {
	breaks := 0
	for p.pos < len(p.s) && (isBreak(p.s[p.pos]) || isBlank(p.s[p.pos])) {
		if isBreak(p.s[p.pos]) {
			breaks++
			p.newline()
		} else {
			p.pos++
		}
	}
	if p.pos >= len(p.s) || p.marker("---") || p.marker("...") {
		p.unclosed(start, "the quote %c is never closed", p.s[start])
		return false
	}
	if p.margin() <= indent {
		p.unclosed(start, "the quote %c is not closed before the indentation ends", p.s[start])
		return false
	}
	if breaks == 1 {
		b.WriteByte(' ')
	} else {
		b.WriteString(strings.Repeat("\n", breaks-1))
	}
	return true
}

// unclosed reports an opening that nothing closes, and goes back to the end of
// its line, so that what follows is read on its own.
func (p *parser) unclosed(start int, format string, args ...any) {
	p.report(RuleSyntax, start, start+1, format+"; close it where it ends", args...)
	p.lineStart = strings.LastIndexAny(p.s[:start], "\r\n") + 1
	p.pos = p.lineEnd(start)
}

// doubleQuoted reads a scalar in double quotes.
func (p *parser) doubleQuoted(indent int) (*Node, bool) {
	start := p.pos
	n := p.node(String, start, start)
	n.Style = DoubleQuoted
	p.pos++
	var b *strings.Builder
	from := p.pos
	add := func(to int) {
		if b == nil {
			b = &strings.Builder{}
		}
		if to > from {
			b.WriteString(p.s[from:to])
		}
	}
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == '"':
			if b == nil {
				n.Value = p.s[from:p.pos]
			} else {
				add(p.pos)
				n.Value = b.String()
			}
			p.pos++
			n.End = p.pos
			return n, true
		case c == '\\':
			add(p.pos)
			if !p.escape(b) {
				return nil, false
			}
			from = p.pos
		case isBreak(c):
			add(max(from, len(strings.TrimRight(p.s[:p.pos], " \t"))))
			if !p.fold(b, indent, start) {
				return nil, false
			}
			from = p.pos
		default:
			p.pos++
		}
	}
	p.unclosed(start, "the quote \" is never closed")
	return nil, false
}

// escape reads an escape of a double-quoted scalar.
func (p *parser) escape(b *strings.Builder) bool {
	at := p.pos
	p.pos++
	if p.pos >= len(p.s) {
		return true
	}
	c := p.s[p.pos]
	p.pos++
	const from, to = "0abtnvfre \"/\\N_LP\t", "\x00\a\b\t\n\v\f\r\x1b \"/\\"
	switch c {
	case 'x', 'u', 'U':
		size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		r, ok := hex(p.s, p.pos, size)
		if !ok {
			p.report(RuleSyntax, at, min(at+2+size, len(p.s)), "the escape \\%c needs %d hexadecimal digits after it", c, size)
			b.WriteRune(utf8.RuneError)
			return true
		}
		p.pos += size
		if c == 'u' && r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.s[p.pos:], `\u`) {
			if low, ok := hex(p.s, p.pos+2, 4); ok && low >= 0xdc00 && low < 0xe000 {
				p.pos += 6
				r = 0x10000 + (r-0xd800)<<10 + low - 0xdc00
			}
		}
		if r >= 0xd800 && r < 0xe000 || r > 0x10ffff {
			p.report(RuleSyntax, at, p.pos, "%s is no character", p.s[at:p.pos])
			r = utf8.RuneError
		}
		b.WriteRune(r)
	case 'N':
		b.WriteRune(0x85)
	case '_':
		b.WriteRune(0xa0)
	case 'L':
		b.WriteRune(0x2028)
	case 'P':
		b.WriteRune(0x2029)
	case '\t':
		b.WriteByte('\t')
	case '\n', '\r':
		p.pos--
		p.newline()
		for p.pos < len(p.s) && (isBlank(p.s[p.pos]) || isBreak(p.s[p.pos])) {
			if isBreak(p.s[p.pos]) {
				b.WriteByte('\n')
				p.newline()
			} else {
				p.pos++
			}
		}
	default:
		if i := strings.IndexByte(from, c); i >= 0 && i < len(to) {
			b.WriteByte(to[i])
			return true
		}
		p.report(RuleSyntax, at, p.pos, "%q is no escape; write \\\\ for a backslash, or use single quotes", p.s[at:p.pos])
		b.WriteString(p.s[at:p.pos])
	}
	return true
}

func hex(s string, at, size int) (rune, bool) {
	if at+size > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[at : at+size]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
