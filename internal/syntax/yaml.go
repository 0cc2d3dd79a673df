package syntax

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/treaty-events/treaty/diag"
)

// The grammar is that of YAML 1.2.2, read top-down by indentation. A method
// that finds a fault reports it and returns ok = false with the position where
// it was; the block collection around it goes on at the next line that belongs
// to it.

func (p *parser) yaml() *Node {
	p.anchors, p.open = map[string]*Node{}, map[string]bool{}
	p.directives()
	p.space()
	var n *Node
	switch {
	case p.atEnd():
		if p.pos >= len(p.s) || !p.marker("---") {
			n = p.node(Null, p.pos, p.pos)
		}
	default:
		var ok bool
		n, ok = p.block(-1, 0, false)
		if n == nil || !ok && n.Kind != Mapping && n.Kind != Sequence {
			n = p.node(Invalid, p.pos, p.pos)
		}
	}
	p.space()
	for p.marker("...") {
		p.pos += 3
		p.space()
	}
	if p.marker("---") {
		p.report(RuleMultiple, p.pos, p.pos+3, "a second document begins here; a file holds one, so move it to a file of its own")
	} else if p.pos < len(p.s) {
		p.report(RuleSyntax, p.pos, p.lineEnd(p.pos), "%q does not belong to what stands above it; check its indentation", clip(p.s[p.pos:p.lineEnd(p.pos)]))
	}
	return n
}

// directives passes %YAML and %TAG lines and the --- after them.
func (p *parser) directives() {
	p.space()
	directive, version := -1, false
	for p.pos < len(p.s) && p.s[p.pos] == '%' && p.pos == p.lineStart {
		directive = p.pos
		end := p.lineEnd(p.pos)
		words := strings.Fields(p.s[p.pos:end])
		if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
			words = words[:i]
		}
		if words[0] == "%YAML" {
			if version || len(words) != 2 || strings.Trim(words[1], "0123456789.") != "" {
				p.report(RuleSyntax, p.pos, end, "the directive has to be %%YAML 1.2, once")
			}
			version = true
		}
		p.pos = end
		p.space()
	}
	if p.marker("---") {
		p.pos += 3
	} else if directive >= 0 {
		p.report(RuleSyntax, directive, p.lineEnd(directive), "after directives, the document has to begin with ---")
	}
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

// block reads the node that begins at the next token. It has to stand further
// right than indent, unless it begins on the line of its key (inline), where no
// block collection may begin.
func (p *parser) block(indent, _ int, inline bool) (*Node, bool) {
	p.enter(p.pos)
	defer p.leave()
	props, ok := p.properties(indent, &inline)
	if !ok {
		return nil, false
	}
	start, column := p.pos, p.column()
	sameLine := props.any && props.line == p.lineStart
	if sameLine {
		column = props.start - p.lineStart // a key begins with its properties
	}
	if p.atEnd() || !inline && column <= indent && !p.zeroIndented(indent, props, column) {
		return p.finish(p.node(Null, p.pos, p.pos), props), true
	}
	var n *Node
	switch c := p.s[p.pos]; {
	case c == '-' && p.follows(p.pos+1) && sameLine:
		p.report(RuleSyntax, start, start+1, "a list cannot begin on the line of its anchor or tag; put the - on the next line")
		return nil, false
	case c == '-' && p.follows(p.pos+1) && !inline:
		return p.framed(props, func() (*Node, bool) { return p.blockSequence(column) })
	case c == '-' && p.follows(p.pos+1):
		p.report(RuleSyntax, start, start+1, "a list cannot begin on the line of its key; put the - on a line of its own")
		return nil, false
	case (c == '?' && p.follows(p.pos+1) || props.any && (c == '&' || c == '!')) && !inline:
		return p.framed(props, func() (*Node, bool) { return p.blockMapping(column, nil) })
	case c == '|' || c == '>':
		n, ok = p.blockScalar(indent)
		return p.finish(n, props), ok
	}
	keyLine := p.lineStart
	n, ok = p.anchored(props, func() (*Node, bool) { return p.atom(indent, false) })
	if n == nil {
		return nil, false
	}
	after := p.pos
	p.blanks()
	if p.pos < len(p.s) && p.s[p.pos] == ':' && p.follows(p.pos+1) {
		if keyLine != p.lineStart {
			p.report(RuleSyntax, p.pos, p.pos+1, "a key has to stand on one line; what comes before this : began on an earlier one")
			return n, false
		}
		if inline {
			p.report(RuleSyntax, p.pos, p.pos+1, "a second key on one line; put it on a line of its own, or quote the text if the : belongs to it")
			return n, false
		}
		if sameLine { // the properties are the key's
			p.finish(n, props)
			props = properties{}
		}
		n = p.scalarKey(n, start)
		return p.framed(props, func() (*Node, bool) { return p.blockMapping(column, n) })
	}
	p.pos = after
	if !inline && n.Style == Plain && p.keyBelow(column) {
		p.noKey(n.Start)
		return p.framed(props, func() (*Node, bool) { return p.blockMapping(column, nil) })
	}
	return p.finish(n, props), ok
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

// noKey reports a line that stands where a key has to be.
func (p *parser) noKey(start int) {
	end := p.lineEnd(start)
	text := p.s[start:end]
	if i := strings.IndexByte(text, ':'); i > 0 && !strings.HasPrefix(text[i:], "://") {
		p.report(RuleSyntax, start+i, start+i+1, "%q is no key, because no space follows its colon; write %q", clip(text), clip(text[:i]+": "+text[i+1:]))
	} else {
		p.report(RuleSyntax, start, end, "%q stands where a key has to be; write a colon and a space after the key", clip(text))
	}
}

// properties are a node's anchor and tag.
type properties struct {
	anchor, tag string
	start       int // of the first on its line
	line        int // where the line of the last begins
	any         bool
}

// zeroIndented reports whether a list may stand in the column of its key: it
// may, where only its properties stand between them.
func (p *parser) zeroIndented(indent int, x properties, column int) bool {
	return x.any && column == indent && p.s[p.pos] == '-' && p.follows(p.pos+1)
}

// framed reads a collection and gives it its properties.
func (p *parser) framed(x properties, read func() (*Node, bool)) (*Node, bool) {
	n, ok := p.anchored(x, read)
	return p.finish(n, x), ok
}

// anchored reads a node while its anchor is open: an alias of it inside itself
// would never end.
func (p *parser) anchored(x properties, read func() (*Node, bool)) (*Node, bool) {
	if x.anchor == "" {
		return read()
	}
	p.open[x.anchor] = true
	n, ok := read()
	delete(p.open, x.anchor)
	return n, ok
}

// properties reads an anchor and a tag before a node.
func (p *parser) properties(indent int, inline *bool) (properties, bool) {
	var x properties
	for !p.atEnd() {
		c := p.s[p.pos]
		if c != '&' && c != '!' || !*inline && p.column() <= indent {
			break
		}
		if x.any && x.line != p.lineStart && (c == '&' && x.anchor != "" || c == '!' && x.tag != "") {
			break // these belong to the first key of the mapping
		}
		start := p.pos
		for p.pos < len(p.s) && !isBlank(p.s[p.pos]) && !isBreak(p.s[p.pos]) && !(isFlow(p.s[p.pos]) && c == '&') {
			if isFlow(p.s[p.pos]) && c == '!' && !strings.HasPrefix(p.s[start:], "!<") {
				break
			}
			p.pos++
		}
		if !p.follows(p.pos) && (p.flows == 0 || p.s[p.pos] == '{' || p.s[p.pos] == '[') {
			p.report(RuleSyntax, start, p.pos+1, "%q cannot stand in an anchor or tag", string(p.s[p.pos]))
			return x, false
		}
		text := p.s[start:p.pos]
		if !x.any || x.line != p.lineStart {
			x.start = start
		}
		x.any, x.line = true, p.lineStart
		if c == '&' {
			if len(text) == 1 || x.anchor != "" {
				p.report(RuleSyntax, start, p.pos, "an anchor is & and one name")
				return x, false
			}
			x.anchor = text[1:]
		} else {
			if x.tag != "" {
				p.report(RuleSyntax, start, p.pos, "a node has one tag at most")
				return x, false
			}
			x.tag = text
		}
		line := p.lineStart
		p.space()
		if p.lineStart != line {
			*inline = false
		}
	}
	return x, true
}

// finish applies properties to a node that has been read.
func (p *parser) finish(n *Node, x properties) *Node {
	if n == nil || !x.any {
		return n
	}
	if n.Alias != nil && n.Parent == nil && n.Alias.Start >= x.start {
		p.report(RuleSyntax, x.start, n.Alias.End, "an alias has no anchor or tag of its own; remove one of them")
		return n
	}
	if x.tag != "" {
		p.applyTag(n, x)
	}
	if x.anchor != "" {
		p.anchors[x.anchor] = n
	}
	return n
}

func (p *parser) applyTag(n *Node, x properties) {
	text := n.Value
	switch strings.TrimSuffix(strings.TrimPrefix(x.tag, "!<tag:yaml.org,2002:"), ">") {
	case "!!str", "str", "!":
		if n.Kind != Mapping && n.Kind != Sequence {
			if n.Style == Plain {
				text = strings.TrimSpace(p.s[n.Start:n.End])
			}
			n.Kind, n.Value = String, text
		}
	case "!!int", "int", "!!float", "float", "!!bool", "bool", "!!null", "null":
		if n.Kind == String {
			kind, value := resolvePlain(n.Value)
			if kind == String || kind == Invalid {
				p.report(RuleSyntax, n.Start, n.End, "%q is not what its tag %s says", clip(n.Value), x.tag)
				return
			}
			n.Kind, n.Value = kind, value
		}
	case "!!map", "map", "!!seq", "seq":
	default:
		d := p.report(RuleSyntax, x.start, x.start+1, "the tag %s means nothing here and is ignored; remove it", x.tag)
		d.Severity = diag.Warning
		p.lastTo = -1 // a warning does not stand for the faults of its line
	}
}

// blockSequence reads entries whose - stands in a column.
func (p *parser) blockSequence(column int) (*Node, bool) {
	n := p.node(Sequence, p.pos, p.pos)
	n.Style = Block
	mark := len(p.scratch)
	for !p.atEnd() && p.column() == column && p.s[p.pos] == '-' && p.follows(p.pos+1) {
		dash := p.pos
		p.pos++
		line := p.lineStart
		p.space()
		var item *Node
		ok := true
		if p.atEnd() || p.lineStart != line && p.column() <= column {
			item = p.node(Null, dash+1, dash+1)
		} else {
			if p.lineStart == line && strings.IndexByte(p.s[dash:p.pos], '\t') >= 0 && p.s[p.pos] == '-' && p.follows(p.pos+1) {
				p.report(RuleSyntax, dash+1, p.pos, "a tab stands between two dashes; use spaces")
			}
			item, ok = p.block(column, 0, false)
		}
		if item == nil {
			item = p.node(Invalid, p.pos, p.pos)
		}
		n.End = max(item.writtenEnd(), dash+1)
		p.scratch = append(p.scratch, item)
		if !p.settle(dash, column, ok) {
			break
		}
	}
	p.close(n, mark)
	return n, true
}

// blockMapping reads entries whose keys stand in a column. first, where not
// nil, is the first key, read already: the : after it comes next.
func (p *parser) blockMapping(column int, first *Node) (*Node, bool) {
	start := p.pos
	if first != nil {
		start = first.Start
	}
	n := p.node(Mapping, start, start)
	n.Style = Block
	mark := len(p.scratch)
	for {
		from := p.pos
		key, ok := first, true
		explicit := false
		if first == nil {
			key, explicit, ok = p.blockKey(column)
		}
		first = nil
		var value *Node
		if ok {
			value, ok = p.blockValue(column, key, explicit)
		}
		if key != nil {
			if value == nil {
				value = p.node(Invalid, p.pos, p.pos)
				value.Start, value.End = key.End, key.End
			}
			n.End = max(value.writtenEnd(), key.writtenEnd())
			p.entry(key, value)
		}
		if !p.settle(from, column, ok) || p.s[p.pos] == '-' && p.follows(p.pos+1) {
			break
		}
	}
	p.close(n, mark)
	return n, true
}

// writtenEnd is where a node ends in the text around it: for an alias, the
// alias.
func (n *Node) writtenEnd() int {
	if n.Alias != nil {
		return n.Alias.End
	}
	return n.End
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

// blockKey reads a key in a block mapping, up to its colon.
func (p *parser) blockKey(column int) (key *Node, explicit, ok bool) {
	if p.s[p.pos] == '?' && p.follows(p.pos+1) {
		start := p.pos
		p.pos++
		p.space()
		key, ok = p.block(column, 0, false)
		if key == nil || !ok {
			return key, true, false
		}
		p.space()
		return p.scalarKey(key, start), true, true
	}
	inline := true
	x, ok := p.properties(column-1, &inline)
	if !ok {
		return nil, false, false
	}
	line, start := p.lineStart, p.pos
	if p.atEnd() || isBreak(p.s[p.pos]) {
		return nil, false, false
	}
	if c := p.s[p.pos]; c == ':' && p.follows(p.pos+1) || c == '|' || c == '>' {
		p.report(RuleSyntax, p.pos, p.pos+1, "%q stands where a key has to be; write the key before it, or put it in quotes", string(c))
		return nil, false, false
	}
	if key, ok = p.atom(column, true); key == nil || !ok {
		return nil, false, false
	}
	p.finish(key, x)
	p.blanks()
	if p.pos >= len(p.s) || p.s[p.pos] != ':' || !p.follows(p.pos+1) || p.lineStart != line {
		p.noKey(start)
		return nil, false, false
	}
	return p.scalarKey(key, start), false, true
}

// scalarKey makes the text of a key of any scalar kind its value.
func (p *parser) scalarKey(key *Node, at int) *Node {
	switch key.Kind {
	case Mapping, Sequence:
		p.report(RuleSyntax, at, at+1, "a key is a list or an object; a key has to be text")
		k := *key
		k.Kind, k.Value, k.Items, k.keys = String, strings.TrimSpace(p.s[key.Start:key.End]), nil, nil
		return &k
	case Null, Bool, Number:
		k := *key
		k.Kind = String
		if k.Value == "" {
			k.Value = p.s[k.Start:k.End]
		}
		if k.Kind == String && key.Alias == nil {
			k.Value = p.s[k.Start:k.End]
		}
		return &k
	}
	return key
}

// blockValue reads the colon and the value after a key.
func (p *parser) blockValue(column int, key *Node, explicit bool) (*Node, bool) {
	if explicit {
		if p.atEnd() || p.column() != column || p.s[p.pos] != ':' || !p.follows(p.pos+1) {
			n := p.node(Null, key.End, key.End)
			return n, true
		}
	}
	p.pos++ // the colon
	end := p.pos
	line := p.lineStart
	p.space()
	if p.lineStart == line && !p.atEnd() {
		return p.block(column, 0, !explicit)
	}
	if !p.atEnd() && (p.column() > column || p.column() == column && p.s[p.pos] == '-' && p.follows(p.pos+1)) {
		if p.column() == column {
			return p.block(column-1, 0, false)
		}
		return p.block(column, 0, false)
	}
	return p.node(Null, end, end), true
}

// entry adds an entry of a mapping, or the entries that a merge key brings.
func (p *parser) entry(key, value *Node) {
	if key.Value == "<<" && key.Style == Plain && (value.Kind == Mapping || value.Kind == Sequence) {
		p.merge(key, value)
		return
	}
	value.Key = key
	p.scratch = append(p.scratch, value)
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
			if p.atEnd() || p.column() <= indent || p.s[p.pos] == '#' || breaks == 0 {
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
	if n.Kind == Invalid {
		p.report(RuleSyntax, start, end, "%s has no value in JSON; write a number, or put it in quotes", text)
	}
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
	if p.column() <= indent && indent >= 0 {
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
			if !p.escape(b, indent) {
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
func (p *parser) escape(b *strings.Builder, _ int) bool {
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
