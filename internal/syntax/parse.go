package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/treaty-events/treaty/diag"
)

// Format is a way to write a tree.
type Format uint8

// The formats.
const (
	YAML Format = iota
	JSON
)

// FormatOf tells a file's format from its name, a path or a URL, else from how
// its text begins.
func FormatOf(name, text string) Format {
	if i := strings.IndexAny(name, "?#"); i >= 0 {
		name = name[:i]
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		switch strings.ToLower(name[i:]) {
		case ".json", ".avsc":
			return JSON
		case ".yaml", ".yml":
			return YAML
		}
	}
	text = strings.TrimLeft(strings.TrimPrefix(text, byteOrderMark), " \t\r\n")
	if text != "" && (text[0] == '{' || text[0] == '[') {
		return JSON
	}
	return YAML
}

// byteOrderMark is U+FEFF, which may begin a UTF-8 file.
const byteOrderMark = "\ufeff"

const (
	// maxFindings is how many faults of syntax are reported before the reading
	// stops, and how many other findings are listed.
	maxFindings = 20
	// maxMuffled ends the reading of a line that consists of nothing but
	// faults.
	maxMuffled = 1000
)

// Parse reads one document. The node is never nil: where nothing could be
// read, or a limit was reached, it is of kind Invalid. What is malformed is in
// the findings, and the node holds what could be read all the same. Where no
// finding is an error, the tree is all of the document. Parse may be called
// concurrently.
func Parse(f *diag.File, format Format, lim Limits) (*Node, []diag.Diagnostic) {
	p := &parser{file: f, s: f.Text, lim: lim.withDefaults(len(f.Text))}
	if len(f.Text) > p.lim.InputBytes {
		p.limit("input-bytes", p.lim.InputBytes, 0)
		return &Node{File: f}, p.found
	}
	n := p.document(format)
	if n == nil {
		n = &Node{File: f, End: len(f.Text)}
	}
	if p.unlisted > 0 {
		last := p.found[len(p.found)-1]
		last.Related, last.Message = nil, fmt.Sprintf("%d more findings like these are not listed; mend these first", p.unlisted)
		p.found = append(p.found, last)
	}
	return n, p.found
}

// parser is the state that both grammars share.
type parser struct {
	file      *diag.File
	s         string
	pos       int
	lineStart int
	lim       Limits
	nodes     int
	repeated  int // source bytes that aliases have repeated
	depth     int
	found     []diag.Diagnostic
	faults    int // of syntax, among found
	muffled   int // faults not reported because their line has one
	notes     int // other findings, among found
	unlisted  int // other findings not reported because there are too many
	lastFrom  int // the line of the last fault: one is enough
	lastTo    int
	dropped   diag.Diagnostic // what callers may add to a finding that was not needed
	flows     int             // flow collections that are open
	slab      []Node          // nodes and
	room      []*Node         // items of containers come from these: one allocation for many
	anchors   map[string]*anchor
	handles   map[string]string // of %TAG
}

// anchor is what a name stands for.
type anchor struct {
	node  *Node // nil while it is being read
	lost  bool  // it could not be read, which has been reported
	nodes int   // how many nodes a copy has
	bytes int   // how many source bytes a copy repeats, aliases in it included
}

// stop ends the parse at once: a limit has been reached, or there are too many
// faults.
type stop struct{}

func (p *parser) document(format Format) (n *Node) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stop); !ok {
				panic(r)
			}
			n = nil
		}
	}()
	switch {
	case !p.encoding(format):
		return nil
	case format == JSON:
		return p.json()
	}
	return p.yaml()
}

// encoding refuses what is not UTF-8 text.
func (p *parser) encoding(format Format) bool {
	s := p.s
	if wide(s) {
		p.report(RuleEncoding, 0, 2, "the file is in UTF-16 or UTF-32; save it as UTF-8")
		return false
	}
	if strings.HasPrefix(s, byteOrderMark) {
		p.pos, p.lineStart = 3, 3
	}
	for i := p.pos; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			p.report(RuleEncoding, i, i+1, "the byte 0x%02X is not UTF-8; save the file as UTF-8", c)
			return false
		case r == 0:
			p.report(RuleEncoding, i, i+1, "the control character U+0000 stands in the file, so it is no text; save it as UTF-8")
			return false
		case format == JSON && r >= ' ':
			// RFC 8259 allows it in strings, and nothing but itself elsewhere.
		case r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			p.report(RuleEncoding, i, i+size, "the control character U+%04X may not stand in a document; remove it, or write it as an escape in double quotes", r)
			if p.faults >= maxFindings {
				return false
			}
		}
		i += size
	}
	return true
}

// wide recognises UTF-16 and UTF-32 by the byte order mark, or by the zeros of
// a first character of ASCII (YAML 1.2.2, section 5.2).
func wide(s string) bool {
	switch {
	case strings.HasPrefix(s, "\xff\xfe"), strings.HasPrefix(s, "\xfe\xff"), strings.HasPrefix(s, "\x00\x00\xfe\xff"):
		return true
	case len(s) >= 4:
		return s[0] == 0 && s[2] == 0 && s[3] != 0 || s[0] != 0 && s[1] == 0 && s[3] == 0
	}
	return false
}

// report adds a finding. Of the faults of syntax it takes one for each line,
// since the next is most often a consequence, and gives up after many.
func (p *parser) report(rule string, start, end int, format string, args ...any) *diag.Diagnostic {
	start = min(start, len(p.s))
	if start >= p.lastFrom && start <= p.lastTo && p.faults > 0 {
		if p.muffled++; p.muffled == maxMuffled {
			p.limitless(rule, start, end)
		}
		return &p.dropped
	}
	if p.faults == maxFindings {
		p.limitless(rule, start, end)
	}
	p.faults++
	p.lastFrom = strings.LastIndexAny(p.s[:start], "\r\n") + 1
	p.lastTo = p.lineEnd(start)
	return p.add(rule, diag.Error, start, end, format, args...)
}

// limitless ends the reading of what seems to have no end of faults.
func (p *parser) limitless(rule string, start, end int) {
	p.add(rule, diag.Error, start, end, "reading stopped here, after %d faults of syntax; mend these first", p.faults)
	panic(stop{})
}

// note adds a finding that is no fault of syntax: it leaves the line in good
// standing and does not end the reading.
func (p *parser) note(rule string, severity diag.Severity, start, end int, format string, args ...any) *diag.Diagnostic {
	if p.notes == maxFindings {
		p.unlisted++
		return &p.dropped
	}
	p.notes++
	return p.add(rule, severity, start, end, format, args...)
}

func (p *parser) add(rule string, severity diag.Severity, start, end int, format string, args ...any) *diag.Diagnostic {
	start = min(start, len(p.s))
	p.found = append(p.found, diag.Diagnostic{Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...),
		Span: diag.Span{File: p.file, Start: start, End: min(max(end, start), len(p.s))}})
	return &p.found[len(p.found)-1]
}

func (p *parser) limit(name string, value, at int) {
	p.found = append(p.found, diag.Diagnostic{Rule: RuleLimit, Severity: diag.Error, Span: diag.Span{File: p.file, Start: at, End: at},
		Message: fmt.Sprintf("the file is over the limit %s of %d; make it smaller, or raise the limit with --limit %s=N", name, value, name)})
}

// node makes a node, within the limit.
func (p *parser) node(k Kind, start, end int) *Node {
	if p.nodes++; p.nodes > p.lim.Nodes {
		p.limit("nodes", p.lim.Nodes, start)
		panic(stop{})
	}
	if len(p.slab) == 0 {
		p.slab = make([]Node, 256)
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.File, n.Kind, n.Start, n.End = p.file, k, start, end
	return n
}

func (p *parser) enter(at int) {
	if p.depth++; p.depth > p.lim.Depth {
		p.limit("depth", p.lim.Depth, at)
		panic(stop{})
	}
}

func (p *parser) leave() { p.depth-- }

// chain collects the items of a container that is being read. They are linked
// through Parent, which is set for good only at the end: so a container of a
// million items needs no array that grows.
type chain struct {
	last *Node
	n    int
}

func (c *chain) push(n *Node) {
	n.Parent = c.last
	c.last = n
	c.n++
}

// array returns room for n nodes, which small containers share.
func (p *parser) array(n int) []*Node {
	switch {
	case n == 0:
		return nil
	case n > len(p.room)/4 && n > 64:
		return make([]*Node, n)
	case n > len(p.room):
		p.room = make([]*Node, 512)
	}
	items := p.room[:n:n]
	p.room = p.room[n:]
	return items
}

// close gives a container its items.
func (p *parser) close(n *Node, items chain) {
	n.Items = p.array(items.n)
	at, merges := items.last, false
	for i := items.n - 1; i >= 0; i-- {
		before := at.Parent
		n.Items[i] = at
		at.Parent, at.index = n, int32(i)
		merges = merges || p.isMerge(at.Key)
		at = before
	}
	if n.Kind == Mapping {
		if merges {
			p.merge(n)
		}
		p.finishMapping(n)
	}
}

// finishMapping reports duplicate keys and builds the index of a large one.
func (p *parser) finishMapping(n *Node) {
	n.buildIndex()
	for i, item := range n.Items {
		var first *Node
		if n.keys != nil {
			if at := n.keys[item.Key.Value]; at != i {
				first = n.Items[at]
			}
		} else {
			for _, before := range n.Items[:i] {
				if before.Key.Value == item.Key.Value {
					first = before
					break
				}
			}
		}
		if first != nil {
			place := item.Key.Span()
			if item.Key.Alias != nil {
				place = *item.Key.Alias
			}
			d := p.note(RuleDuplicateKey, diag.Error, place.Start, place.End, "the key %q is there twice; only one can count, so remove or rename one", clip(item.Key.Value))
			d.Related = []diag.Related{{Span: first.Key.Span(), Message: "the first one"}}
		}
	}
}
