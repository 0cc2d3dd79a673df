package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// dash reports whether a list item begins here.
func (p *parser) dash() bool {
	return p.pos < len(p.s) && p.s[p.pos] == '-' && p.follows(p.pos+1)
}

// block reads the node that comes next, after an indicator that ends at from.
// It has to stand further right than indent, unless it is on the indicator's
// line, or is a list that may stand in the column of its key (zero). Where
// inline, no block collection may begin on the indicator's line. A node that is
// not there is null.
func (p *parser) block(indent, from int, inline, zero bool) (*Node, bool) {
	var outer, inner properties
	line := p.lineStart
	p.space()
	fresh := p.lineStart != line
	tab := !fresh && strings.IndexByte(p.s[from:p.pos], '\t') >= 0
	ok := p.properties(indent, &fresh, &outer, &inner)
	var n *Node
	if ok {
		n, ok = p.content(indent, from, inline && !fresh, fresh, tab && !fresh, zero, &outer, &inner)
	}
	if inner.any {
		ok = p.join(&outer, &inner) && ok
	}
	return p.finite(p.finish(n, outer)), ok
}

// content is block after the properties: outer ones, on lines before, and
// inner ones, on the line where the content begins. Where that is a key, the
// inner ones are used up.
func (p *parser) content(indent, from int, inline, fresh, tab, zero bool, outer, inner *properties) (*Node, bool) {
	start, column := p.pos, p.column()
	if inner.any {
		column = inner.start - p.lineStart // a key begins with its properties
	}
	if p.atEnd() || fresh && column <= indent && !(zero && column == indent && p.dash()) {
		from = max(from, outer.end, inner.end)
		return p.node(Null, from, from), true
	}
	explicit := p.s[p.pos] == '?' && p.follows(p.pos+1)
	switch c := p.s[p.pos]; {
	case (p.dash() || explicit) && inner.any:
		p.report(RuleSyntax, start, start+1, "a list or an object cannot begin on the line of its anchor or tag; put the %c on the next line", c)
		return nil, false
	case (p.dash() || explicit) && inline:
		p.report(RuleSyntax, start, start+1, "a list or an object cannot begin on this line; put the %c on a line of its own", c)
		return nil, false
	case p.dash():
		if tab {
			p.report(RuleSyntax, from, start, "a tab stands before the dash; use spaces")
		}
		return p.blockSequence(column, zero && column == indent)
	case explicit:
		if tab {
			p.report(RuleSyntax, from, start, "a tab stands before the question mark; use spaces")
		}
		return p.blockMapping(column, nil)
	case c == '|' || c == '>':
		return p.blockScalar(indent)
	}
	line := p.lineStart
	if p.s[p.pos] == ':' && p.follows(p.pos+1) {
		p.noKeyAt(start)
		return nil, false
	}
	n, ok := p.atom(indent, false)
	if n == nil || !ok {
		return n, false
	}
	after := p.pos
	p.blanks()
	if p.pos < len(p.s) && p.s[p.pos] == ':' && (p.follows(p.pos+1) || line == p.lineStart && !inline && n.quoted()) {
		if line != p.lineStart {
			p.report(RuleSyntax, p.pos, p.pos+1, "a key has to stand on one line; what comes before this : began on an earlier one")
			return n, false
		}
		if inline {
			p.report(RuleSyntax, p.pos, p.pos+1, "a second key on one line; put it on a line of its own, or quote the text if the : belongs to it")
			return p.node(Invalid, start, after), false
		}
		if tab {
			p.report(RuleSyntax, from, start, "a tab stands before the key; use spaces")
		}
		if !p.follows(p.pos + 1) {
			p.noKey(start, p.pos)
		}
		p.finish(n, *inner)
		*inner = properties{}
		return p.blockMapping(column, n)
	}
	p.pos = after
	if !inline && n.Style == Plain && n.Alias == nil && p.keyBelow(column) {
		p.finish(nil, *inner)
		*inner = properties{}
		if colon := p.noKey(n.Start, -1); colon >= 0 {
			n.Kind, n.Value, n.End = String, p.s[n.Start:colon], colon
			p.pos, p.lineStart = colon, line
			return p.blockMapping(column, n)
		}
		return p.blockMapping(column, nil)
	}
	return n, true
}

// keyBelow reports whether the next line begins a key in the column, and if so
// goes there: what stands above it should have been a key too.
func (p *parser) keyBelow(column int) bool {
	at, line := p.pos, p.lineStart
	if p.pos < len(p.s) && isBreak(p.s[p.pos]) {
		p.space()
		if !p.atEnd() && p.lineStart != line && p.column() == column && p.looksLikeKey() {
			return true
		}
	}
	p.pos, p.lineStart = at, line
	return false
}

// noKey reports a line that stands where a key has to be. Where it has a colon
// that only lacks its space, at the place given or found, it is returned and
// the key is as good as read; else -1.
func (p *parser) noKey(start, colon int) int {
	end := p.lineEnd(start)
	text := p.s[start:end]
	if colon < 0 && start < end && text[0] != '"' && text[0] != '\'' {
		if i := strings.IndexByte(text, ':'); i > 0 && !isBlank(text[i-1]) && !strings.HasPrefix(text[i:], "://") {
			colon = start + i
		}
	}
	if colon < 0 {
		p.report(RuleSyntax, start, end, "%q stands where a key has to be; write a colon and a space after the key", clip(text))
		return -1
	}
	d := p.report(RuleSyntax, colon, colon+1, "%q is no key, because no space follows its colon; write %q", clip(text), clip(p.s[start:colon]+": "+p.s[colon+1:end]))
	if d != &p.dropped {
		d.Fix = &diag.Fix{Title: "put a space after the colon",
			Edits: []diag.Edit{{Span: diag.Span{File: p.file, Start: colon + 1, End: colon + 1}, NewText: " "}}}
	}
	return colon
}

// noKeyAt reports an indicator that stands where a key has to be.
func (p *parser) noKeyAt(at int) {
	p.report(RuleSyntax, at, at+1, "%q stands where a key has to be; write the key before it, or put it in quotes", p.s[at:at+1])
}

// blockSequence reads entries whose - stands in a column. zero says that this
// is the column of the key above, whose siblings may follow.
func (p *parser) blockSequence(column int, zero bool) (*Node, bool) {
	p.enter(p.pos)
	defer p.leave()
	n := p.node(Sequence, p.pos, p.pos)
	n.Style = Block
	var items chain
	for more := true; more && p.dash(); {
		dash := p.pos
		p.pos++
		faults := p.faults + p.muffled
		item, ok := p.block(column, dash+1, false, false)
		item = p.salvage(item, faults, dash+1)
		n.End = max(item.place().End, dash+1)
		items.push(item)
		more = p.settle(dash, column, ok)
		for more && !zero && !p.dash() {
			end := p.lineEnd(p.pos)
			p.report(RuleSyntax, p.pos, end, "%q stands where the - of a list item has to be; write one before it, or indent it as what it belongs to", clip(p.s[p.pos:end]))
			more = p.settle(p.pos, column, false)
		}
	}
	p.close(n, items)
	return n, true
}

// salvage makes a node of what could not be read. Null is no more trusted where
// faults have been found since: what was meant may have been passed over.
func (p *parser) salvage(n *Node, faults, at int) *Node {
	if n == nil {
		return p.node(Invalid, at, at)
	}
	if n.Kind == Null && n.Start == n.End && p.faults+p.muffled > faults {
		n.Kind = Invalid
	}
	return n
}

// blockMapping reads entries whose keys stand in a column. first, where not
// nil, is the first key, read already: the : after it comes next.
func (p *parser) blockMapping(column int, first *Node) (*Node, bool) {
	p.enter(p.pos)
	defer p.leave()
	start := p.pos
	if first != nil {
		start = first.place().Start
		first = p.scalarKey(first, start)
	}
	n := p.node(Mapping, start, start)
	n.Style = Block
	var items chain
	for more := true; more; {
		from := p.pos
		faults := p.faults + p.muffled
		key, explicit, ok := first, false, true
		if first == nil {
			key, explicit, ok = p.blockKey(column)
		}
		first = nil
		if key != nil {
			var value *Node
			end := key.place().End
			if ok {
				value, ok = p.blockValue(column, key, explicit)
			}
			value = p.salvage(value, faults, end)
			n.End = max(value.place().End, end)
			items.entry(key, value)
		}
		more = p.settle(from, column, ok)
		for more && p.dash() {
			end := p.lineEnd(p.pos)
			p.report(RuleSyntax, p.pos, end, "%q is a list item where a key has to be; indent it as the list that it belongs to", clip(p.s[p.pos:end]))
			more = p.settle(p.pos, column, false)
		}
	}
	n.End = max(n.End, n.Start)
	p.close(n, items)
	return n, true
}

// entry adds an entry of a mapping.
func (c *chain) entry(key, value *Node) {
	value.Key = key
	c.push(value)
}

// settle ends an entry: the rest of its line has to be empty, and the next
// token decides whether there is another entry in the column. After a fault it
// passes what does not belong anywhere: at least the line that the entry began
// on.
func (p *parser) settle(from, column int, ok bool) bool {
	if ok && p.pos > p.lineStart && !p.restOfLine() && p.pos > 0 && !p.freshLine() {
		end := p.lineEnd(p.pos)
		p.report(RuleSyntax, p.pos, end, "%q cannot follow what stands before it on the line", clip(p.s[p.pos:end]))
		ok = false
	}
	if !ok && (p.pos <= from || !p.freshLine()) {
		p.pos = p.lineEnd(p.pos)
	}
	for {
		p.space()
		if p.atEnd() || p.column() <= column {
			break
		}
		if ok {
			end := p.lineEnd(p.pos)
			p.report(RuleSyntax, p.pos, end, "the line is indented by %d, more than the entries around it (%d); align it with them", p.column(), column)
			ok = false
		}
		p.pos = p.lineEnd(p.pos)
	}
	return !p.atEnd() && p.column() == column
}

// freshLine reports whether only blanks stand before the position.
func (p *parser) freshLine() bool {
	return strings.TrimLeft(p.s[p.lineStart:p.pos], " \t") == ""
}

// blockKey reads a key in a block mapping, up to its colon. A key that is
// returned although it is not ok has an entry that could not be read.
func (p *parser) blockKey(column int) (key *Node, explicit, ok bool) {
	start := p.pos
	if p.s[p.pos] == '?' && p.follows(p.pos+1) {
		p.pos++
		key, ok = p.block(column, p.pos, false, true)
		if key == nil || !ok {
			return nil, true, false
		}
		if p.pos > p.lineStart && !p.freshLine() && !p.restOfLine() {
			return nil, true, true // settle reports it
		}
		p.space()
		return p.scalarKey(key, start), true, true
	}
	var outer, inner properties
	var fresh bool
	line := p.lineStart
	if !p.properties(column, &fresh, &outer, &inner) {
		return nil, false, false
	}
	if fresh || p.atEnd() {
		p.report(RuleSyntax, start, start+1, "an anchor or tag stands alone where a key has to be; put it on the line of its key")
		p.finish(nil, outer)
		return nil, false, false
	}
	start = p.pos
	if c := p.s[p.pos]; c == ':' && p.follows(p.pos+1) || c == '|' || c == '>' {
		p.noKeyAt(start)
		p.finish(nil, inner)
		return nil, false, false
	}
	if key, ok = p.atom(column, true); key == nil || !ok {
		p.finish(nil, inner)
		return nil, false, false
	}
	p.finish(key, inner)
	after := p.pos
	p.blanks()
	colon := p.pos < len(p.s) && p.s[p.pos] == ':' && p.lineStart == line
	switch {
	case colon && p.follows(p.pos+1):
	case colon && key.quoted():
		p.noKey(start, p.pos)
	case p.lineStart == line && key.Style == Plain && key.Alias == nil:
		at := p.noKey(start, -1)
		if at < 0 {
			return nil, false, false
		}
		key.Kind, key.Value, key.End = String, p.s[start:at], at
		p.pos = at
	default:
		end := p.lineEnd(after)
		p.report(RuleSyntax, after, end, "no colon follows the key %q; write one, and a space, after it", clip(p.s[start:after]))
		return nil, false, false
	}
	return p.scalarKey(key, start), false, true
}

// scalarKey makes the text of a key of any scalar kind its value.
func (p *parser) scalarKey(key *Node, at int) *Node {
	if key.Kind == String {
		return key
	}
	k := *key // an alias may name the value that it is as well
	switch key.Kind {
	case Mapping, Sequence:
		p.report(RuleSyntax, at, at+1, "a key is a list or an object; a key has to be text")
		k.Items, k.keys = nil, nil
		k.Value = strings.TrimSpace(p.s[key.Start:key.End])
	default:
		if key.Style == Plain {
			k.Value = p.s[key.Start:key.End]
		}
	}
	k.Kind = String
	return &k
}

// blockValue reads the colon and the value after a key.
func (p *parser) blockValue(column int, key *Node, explicit bool) (*Node, bool) {
	if explicit && (p.atEnd() || p.column() != column || p.s[p.pos] != ':' || !p.follows(p.pos+1)) {
		end := key.place().End
		return p.node(Null, end, end), true
	}
	p.pos++ // the colon
	return p.block(column, p.pos, !explicit, true)
}

// atom reads a scalar, a flow collection or an alias. As a key it stays on its
// line.
func (p *parser) atom(indent int, asKey bool) (*Node, bool) {
	switch c := p.s[p.pos]; c {
	case '"':
		return p.doubleQuoted(indent)
	case '\'':
		return p.singleQuoted(indent)
	case '[', '{':
		return p.flow(indent)
	case '*':
		return p.alias()
	case '@', '`':
		p.report(RuleSyntax, p.pos, p.pos+1, "a plain text cannot begin with %q; put it in quotes", string(c))
		return nil, false
	case '%':
		p.report(RuleSyntax, p.pos, p.pos+1, "a plain text cannot begin with %%; put it in quotes")
		return nil, false
	case ']', '}', ',':
		p.report(RuleSyntax, p.pos, p.pos+1, "%q closes nothing here; remove it, or put the text in quotes", string(c))
		return nil, false
	}
	return p.plain(indent, false, asKey)
}
