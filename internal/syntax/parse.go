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

// FormatOf tells a file's format from its name, else from how its text begins.
func FormatOf(name, text string) Format {
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

// maxFindings bounds the syntax findings of one file.
const maxFindings = 20

// Parse reads one document. The node is never nil: where nothing could be
// read it is of kind Invalid. What is malformed is in the findings, in the
// order of the text, and the node holds what could be read all the same.
func Parse(f *diag.File, format Format, lim Limits) (*Node, []diag.Diagnostic) {
	p := &parser{file: f, s: f.Text, lim: lim.withDefaults(len(f.Text))}
	if len(f.Text) > p.lim.InputBytes {
		p.limit("input-bytes", p.lim.InputBytes, 0)
		return &Node{File: f}, p.found
	}
	if !p.encoding() {
		return &Node{File: f}, p.found
	}
	n := p.document(format)
	if n == nil {
		n = &Node{File: f}
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
	lastFrom  int // the line of the last finding: one is enough
	lastTo    int
	dropped   diag.Diagnostic // what callers may add to a finding that was not needed
	flows     int             // flow collections that are open
	slab      []Node
	scratch   []*Node
	anchors   map[string]*Node
	merged    map[*Node]bool  // entries that << has brought
	open      map[string]bool // anchors whose node is still being read
}

// stop ends the parse at once: a limit has been reached.
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
	if format == JSON {
		return p.json()
	}
	return p.yaml()
}

// encoding refuses what is not UTF-8 text.
func (p *parser) encoding() bool {
	s := p.s
	if strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff") || strings.HasPrefix(s, "\x00\x00\xfe\xff") {
		p.report(RuleEncoding, 0, 2, "the file is in UTF-16 or UTF-32; save it as UTF-8")
		return false
	}
	if strings.HasPrefix(s, byteOrderMark) {
		p.pos, p.lineStart = 3, 3
	}
	for i := p.pos; i < len(s); {
		c := s[i]
		switch {
		case c < utf8.RuneSelf:
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
				p.report(RuleEncoding, i, i+1, "the control character U+%04X may not stand in a document; remove it, or write it as an escape in double quotes", c)
				if len(p.found) >= maxFindings || c == 0 {
					return false
				}
			}
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				p.report(RuleEncoding, i, i+1, "the byte 0x%02X is not UTF-8; save the file as UTF-8", s[i])
				return false
			}
			i += size
		}
	}
	return true
}

// report adds a finding, at most one for each line, and gives up after many.
func (p *parser) report(rule string, start, end int, format string, args ...any) *diag.Diagnostic {
	start = min(start, len(p.s))
	if rule == RuleSyntax && start >= p.lastFrom && start <= p.lastTo && len(p.found) > 0 {
		return &p.dropped
	}
	p.lastFrom = strings.LastIndexAny(p.s[:start], "\r\n") + 1
	p.lastTo = p.lineEnd(start)
	if len(p.found) == maxFindings {
		p.found = append(p.found, diag.Diagnostic{Rule: RuleSyntax, Severity: diag.Error, Span: diag.Span{File: p.file, Start: start, End: end},
			Message: fmt.Sprintf("more than %d faults of syntax; mend these first", maxFindings)})
		panic(stop{})
	}
	p.found = append(p.found, diag.Diagnostic{Rule: rule, Severity: diag.Error,
		Span: diag.Span{File: p.file, Start: start, End: min(max(end, start), len(p.s))}, Message: fmt.Sprintf(format, args...)})
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

// close gives a container its items, which stand on the scratch stack from
// mark on.
func (p *parser) close(n *Node, mark int) {
	items := p.scratch[mark:]
	if p.merged != nil && n.Kind == Mapping {
		items = p.settleMerges(items)
	}
	if len(items) > 0 {
		n.Items = append(make([]*Node, 0, len(items)), items...)
	}
	p.scratch = p.scratch[:mark]
	for i, item := range n.Items {
		item.Parent, item.index = n, int32(i)
	}
	if n.Kind == Mapping {
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
			d := p.report(RuleDuplicateKey, item.Key.Start, item.Key.End, "the key %q is there twice; only one can count, so remove or rename one", item.Key.Value)
			d.Related = []diag.Related{{Span: first.Key.Span(), Message: "the first one"}}
		}
	}
}
