package syntax

import (
	"github.com/treaty-events/treaty/diag"
)

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
	var items chain
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
		if ok = p.flowEntry(&items, indent, open, kind, closer); !ok {
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
	if !ok && items.n > 0 {
		n.End = max(n.End, items.last.End)
		if items.last.Key != nil {
			n.End = max(n.End, items.last.Key.End)
		}
	}
	p.close(n, items)
	return n, ok
}

// flowSpace passes space inside a flow collection and reports one that is
// never closed: at the end of the text, or where a line stands too far left to
// belong to it.
func (p *parser) flowSpace(indent, open int, closer byte) bool {
	line := p.lineStart
	p.space()
	if p.pos < len(p.s) && !p.marker("---") && !p.marker("...") &&
		(p.lineStart == line || p.margin() > indent || p.column() == indent && p.s[p.pos] == closer) {
		return true
	}
	d := p.report(RuleSyntax, open, open+1, "the %q is never closed; write %q where it ends", string(p.s[open]), string(closer))
	if p.pos < len(p.s) {
		d.Related = []diag.Related{{Span: diag.Span{File: p.file, Start: p.pos, End: p.lineEnd(p.pos)}, Message: "this line does not belong to it any more"}}
	}
	return false
}

func (p *parser) flowNode(indent int) (*Node, bool) {
	var outer, inner properties
	fresh := true
	at := p.pos
	ok := p.properties(indent, &fresh, &outer, &inner)
	if inner.any {
		ok = p.join(&outer, &inner) && ok
	}
	if !ok {
		return p.finish(nil, outer), false
	}
	if outer.any {
		at = outer.end
	}
	if p.pos >= len(p.s) || p.s[p.pos] == ',' || p.s[p.pos] == ']' || p.s[p.pos] == '}' || p.s[p.pos] == ':' && p.flowEnds(p.pos+1) {
		return p.finish(p.node(Null, at, at), outer), true
	}
	var n *Node
	switch p.s[p.pos] {
	case '"', '\'', '[', '{', '*':
		n, ok = p.atom(indent, false)
	case '@', '`', '%', '|', '>', '#':
		p.report(RuleSyntax, p.pos, p.pos+1, "a plain text cannot begin with %q; put it in quotes", string(p.s[p.pos]))
		ok = false
	default:
		n, ok = p.plain(indent, true, false)
	}
	return p.finish(n, outer), ok
}

func (p *parser) flowEnds(at int) bool { return p.follows(at) || isFlow(p.s[at]) }

// flowEntry reads an entry of a flow collection.
func (p *parser) flowEntry(items *chain, indent, open int, kind Kind, closer byte) bool {
	explicit := p.s[p.pos] == '?' && p.follows(p.pos+1)
	if explicit {
		p.pos++
		if !p.flowSpace(indent, open, closer) {
			return false
		}
	}
	start, line := p.pos, p.lineStart
	n, ok := p.flowNode(indent)
	if n == nil || !ok {
		return false
	}
	quoted := n.Style == DoubleQuoted || n.Style == SingleQuoted || n.Style == Flow && n.Alias == nil
	if !p.flowSpace(indent, open, closer) {
		if kind == Sequence && !explicit {
			items.push(p.finite(n))
		}
		return false
	}
	if p.s[p.pos] != ':' || !(quoted || p.flowEnds(p.pos+1)) {
		if kind == Mapping || explicit {
			key := p.scalarKey(n, start)
			value := p.node(Null, key.End, key.End)
			if kind == Mapping {
				items.entry(key, value)
			} else {
				items.push(p.pair(key, value))
			}
			return true
		}
		items.push(p.finite(n))
		return true
	}
	if kind == Sequence && !explicit && line != p.lineStart {
		p.report(RuleSyntax, p.pos, p.pos+1, "a key in a list has to stand on one line with its colon")
	}
	p.pos++
	if !p.flowSpace(indent, open, closer) {
		return false
	}
	value, ok := p.flowNode(indent)
	if value == nil || !ok {
		return false
	}
	key := p.scalarKey(n, start)
	if kind == Mapping {
		items.entry(key, p.finite(value))
	} else {
		items.push(p.pair(key, p.finite(value)))
	}
	return true
}

// pair is a mapping of one entry, as [a: b] has it.
func (p *parser) pair(key, value *Node) *Node {
	m := p.node(Mapping, key.Start, max(key.End, value.End))
	m.Style = Flow
	var items chain
	items.entry(key, value)
	p.close(m, items)
	return m
}
