package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// The grammar of JSON is that of RFC 8259, strictly. A value that is wrong is
// reported and passed, so that one run shows several faults.

func (p *parser) json() *Node {
	p.jsonSpace()
	if p.pos >= len(p.s) {
		p.report(RuleSyntax, p.pos, p.pos, "the file is empty; a JSON file holds one value")
		return p.node(Invalid, p.pos, p.pos)
	}
	n, _ := p.jsonValue()
	if n == nil {
		return p.node(Invalid, 0, 0)
	}
	p.jsonSpace()
	if p.pos < len(p.s) && len(p.found) == 0 {
		rule := RuleSyntax
		if c := p.s[p.pos]; c == '{' || c == '[' {
			rule = RuleMultiple
		}
		p.report(rule, p.pos, min(p.pos+20, len(p.s)), "%q stands after the end of the document; remove it", clip(p.s[p.pos:]))
	}
	return n
}

// jsonSpace passes white space; a comment is reported and passed.
func (p *parser) jsonSpace() {
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == ' ' || c == '\t':
			p.pos++
		case isBreak(c):
			p.newline()
		case c == '/' && strings.HasPrefix(p.s[p.pos:], "//"), c == '#':
			end := p.lineEnd(p.pos)
			p.report(RuleSyntax, p.pos, end, "JSON has no comments; remove it, or save the file as YAML")
			p.pos = end
		case c == '/' && strings.HasPrefix(p.s[p.pos:], "/*"):
			end := strings.Index(p.s[p.pos:], "*/")
			if end < 0 {
				end = len(p.s) - p.pos - 2
			}
			p.report(RuleSyntax, p.pos, p.pos+2, "JSON has no comments; remove it, or save the file as YAML")
			for to := p.pos + end + 2; p.pos < to; {
				if isBreak(p.s[p.pos]) {
					p.newline()
				} else {
					p.pos++
				}
			}
		default:
			return
		}
	}
}

func (p *parser) jsonValue() (*Node, bool) {
	if p.pos >= len(p.s) {
		return nil, false
	}
	start := p.pos
	switch c := p.s[p.pos]; {
	case c == '{' || c == '[':
		return p.jsonContainer()
	case c == '"':
		return p.jsonString()
	case c == '\'':
		p.report(RuleSyntax, start, start+1, "JSON has no single quotes; write \"")
		n, ok := p.singleQuoted(-1)
		return n, ok
	case c == '-' || c >= '0' && c <= '9' || c == '+' || c == '.':
		end := p.word()
		text := p.s[start:end]
		if !isJSONNumber(text) {
			p.report(RuleSyntax, start, end, "%q is no number in JSON; write it as -12, 0.5 or 1e9", clip(text))
			n := p.node(Invalid, start, end)
			p.pos = end
			return n, true
		}
		p.pos = end
		n := p.node(Number, start, end)
		n.Value = text
		return n, true
	}
	end := p.word()
	n := p.node(Invalid, start, max(end, start+1))
	switch text := p.s[start:end]; text {
	case "true", "false":
		n.Kind, n.Value = Bool, text
	case "null":
		n.Kind = Null
	case "":
		p.report(RuleSyntax, start, start+1, "%q stands where a value has to be", clip(p.s[start:start+1]))
		p.pos = start + 1
		return n, false
	default:
		d := p.report(RuleSyntax, start, end, "%q is no value in JSON; put a text in double quotes", clip(text))
		if near, ok := diag.Nearest(text, []string{"true", "false", "null"}); ok {
			d.Message += ", or did you mean " + near + "?"
		}
	}
	p.pos = end
	return n, true
}

// word is the end of the letters, digits and signs that begin here.
func (p *parser) word() int {
	i := p.pos
	for i < len(p.s) {
		c := p.s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == '_' || c == '$' || c >= 0x80 {
			i++
			continue
		}
		break
	}
	return i
}

func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	n := digits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if strings.HasPrefix(s, ".") {
		if n = digits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n = digits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

func (p *parser) jsonString() (*Node, bool) {
	start := p.pos
	n := p.node(String, start, start)
	n.Style = DoubleQuoted
	p.pos++
	from := p.pos
	var b *strings.Builder
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == '"':
			if b == nil {
				n.Value = p.s[from:p.pos]
			} else {
				b.WriteString(p.s[from:p.pos])
				n.Value = b.String()
			}
			p.pos++
			n.End = p.pos
			return n, true
		case c == '\\':
			if b == nil {
				b = &strings.Builder{}
			}
			b.WriteString(p.s[from:p.pos])
			if p.pos+1 < len(p.s) && strings.IndexByte(`"\/bfnrtu`, p.s[p.pos+1]) < 0 {
				p.report(RuleSyntax, p.pos, p.pos+2, "%q is no escape in JSON; write \\\\ for a backslash", p.s[p.pos:p.pos+2])
				b.WriteByte('\\')
				p.pos++
			} else {
				p.escape(b)
			}
			from = p.pos
		case isBreak(c):
			p.report(RuleSyntax, start, start+1, "the quote \" is not closed on its line; close it, or write \\n for a line break")
			n.Value, n.End = p.s[from:p.pos], p.pos
			return n, true
		case c == '\t':
			p.report(RuleSyntax, p.pos, p.pos+1, "a tab stands in a string; write \\t")
			p.pos++
		default:
			p.pos++
		}
	}
	p.report(RuleSyntax, start, start+1, "the quote \" is never closed; close it where it ends")
	return n, false
}

func (p *parser) jsonContainer() (*Node, bool) {
	p.enter(p.pos)
	defer p.leave()
	open := p.pos
	kind, closer := Sequence, byte(']')
	if p.s[open] == '{' {
		kind, closer = Mapping, '}'
	}
	n := p.node(kind, open, open+1)
	n.Style = Flow
	var items chain
	p.pos++
	ok := false
	comma := -1
loop:
	for {
		p.jsonSpace()
		if p.pos >= len(p.s) {
			p.report(RuleSyntax, open, open+1, "the %q is never closed; write %q where it ends", string(p.s[open]), string(closer))
			break
		}
		switch c := p.s[p.pos]; {
		case c == closer:
			if comma >= 0 {
				p.report(RuleSyntax, comma, comma+1, "a comma stands before the %q; JSON does not allow it, so remove it", string(closer))
			}
			p.pos++
			ok = true
			break loop
		case c == ']' || c == '}':
			d := p.report(RuleSyntax, p.pos, p.pos+1, "%q does not close the %q that is open; write %q", string(c), string(p.s[open]), string(closer))
			d.Related = []diag.Related{{Span: diag.Span{File: p.file, Start: open, End: open + 1}, Message: "opened here"}}
			p.pos++
			break loop
		case c == ',':
			p.report(RuleSyntax, p.pos, p.pos+1, "nothing stands before this comma; remove it")
			p.pos++
			continue
		}
		if items.n > 0 && comma < 0 {
			p.report(RuleSyntax, p.pos, p.pos+1, "a comma has to stand between two entries; write one before this")
		}
		var key *Node
		if kind == Mapping {
			if key = p.jsonKey(); key == nil {
				break
			}
		}
		at := p.pos
		value, fine := p.jsonValue()
		if value == nil {
			p.report(RuleSyntax, open, open+1, "the %q is never closed; write %q where it ends", string(p.s[open]), string(closer))
			break
		}
		value.Key = key
		items.push(value)
		if !fine && p.pos == at {
			break
		}
		p.jsonSpace()
		comma = -1
		if p.pos < len(p.s) && p.s[p.pos] == ',' {
			comma = p.pos
			p.pos++
		}
	}
	n.End = p.pos
	p.close(n, items)
	return n, ok
}

// jsonKey reads a key and its colon.
func (p *parser) jsonKey() *Node {
	var key *Node
	if p.s[p.pos] == '"' {
		key, _ = p.jsonString()
	} else {
		end := p.word()
		if end == p.pos {
			p.report(RuleSyntax, p.pos, p.pos+1, "%q stands where a key in double quotes has to be", clip(p.s[p.pos:p.pos+1]))
			p.pos++
			return nil
		}
		p.report(RuleSyntax, p.pos, end, "the key %s needs double quotes: \"%s\"", clip(p.s[p.pos:end]), clip(p.s[p.pos:end]))
		key = p.node(String, p.pos, end)
		key.Value = p.s[p.pos:end]
		p.pos = end
	}
	p.jsonSpace()
	if p.pos >= len(p.s) || p.s[p.pos] != ':' {
		p.report(RuleSyntax, key.Start, key.End, "no colon follows the key %q; write one and the value", clip(key.Value))
		return key
	}
	p.pos++
	p.jsonSpace()
	return key
}
