package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// properties are a node's anchor and tag.
type properties struct {
	anchor, tag string
	start, end  int
	tagAt       int
	nodes       int // made before the node
	repeated    int // bytes repeated before it
	any         bool
}

// properties reads an anchor and a tag before a node: those on lines before
// the node's into outer, those on its own into inner. fresh says whether a line
// has begun since the indicator.
func (p *parser) properties(indent int, fresh *bool, outer, inner *properties) bool {
	for !p.atEnd() && !(*fresh && p.column() <= indent) {
		c := p.s[p.pos]
		if c != '&' && c != '!' {
			break
		}
		start := p.pos
		verbatim := strings.HasPrefix(p.s[start:], "!<")
		for p.pos < len(p.s) && !p.follows(p.pos) && (verbatim || !isFlow(p.s[p.pos])) {
			p.pos++
		}
		if !p.follows(p.pos) && (p.flows == 0 || p.s[p.pos] == '{' || p.s[p.pos] == '[') {
			p.report(RuleSyntax, start, p.pos+1, "%q cannot stand in an anchor or tag; put a space before it", string(p.s[p.pos]))
			return false
		}
		one := properties{start: start, end: p.pos, nodes: p.nodes, repeated: p.repeated, any: true}
		if text := p.s[start:p.pos]; c == '!' {
			one.tag, one.tagAt = text, start
		} else {
			if one.anchor = text[1:]; one.anchor == "" {
				p.report(RuleSyntax, start, p.pos, "an anchor is & and a name; put the text in quotes if it begins with &")
				return false
			}
			p.anchors[one.anchor] = &anchor{}
		}
		if !p.join(inner, &one) {
			return false
		}
		line := p.lineStart
		p.space()
		if p.lineStart != line {
			*fresh = true
			if !p.join(outer, inner) {
				return false
			}
			*inner = properties{}
		}
	}
	return true
}

// join adds the properties of more to x, of which each may be there once.
func (p *parser) join(x, more *properties) bool {
	if !x.any {
		*x = *more
		return true
	}
	if x.anchor != "" && more.anchor != "" || x.tag != "" && more.tag != "" {
		p.report(RuleSyntax, more.start, more.end, "a value has one anchor and one tag at most; remove what is too much")
		return false
	}
	if more.anchor != "" {
		x.anchor = more.anchor
	}
	if more.tag != "" {
		x.tag, x.tagAt = more.tag, more.tagAt
	}
	x.end = more.end
	return true
}

// finish applies properties to a node that has been read, nil if it could not
// be.
func (p *parser) finish(n *Node, x properties) *Node {
	if !x.any {
		return n
	}
	if n != nil && n.Alias != nil {
		p.report(RuleSyntax, x.start, x.end, "an alias has no anchor or tag of its own; remove one of them")
		n = nil
	}
	if n != nil && x.tag != "" {
		p.applyTag(n, x)
	}
	if x.anchor != "" {
		a := p.anchors[x.anchor]
		if a == nil || a.node != nil {
			a = &anchor{} // the name was used again inside
			p.anchors[x.anchor] = a
		}
		if n == nil {
			a.lost = true
		} else {
			a.node, a.nodes, a.bytes = n, p.nodes-x.nodes, n.End-n.Start+p.repeated-x.repeated
		}
	}
	return n
}

const coreTags = "tag:yaml.org,2002:"

// applyTag makes of a node what its tag says, as far as JSON has such values.
func (p *parser) applyTag(n *Node, x properties) {
	end := x.tagAt + len(x.tag)
	tag := x.tag
	switch {
	case tag == "!":
		tag = coreTags + "str"
		if n.Kind == Mapping || n.Kind == Sequence {
			return
		}
	case strings.HasPrefix(tag, "!<"):
		tag = strings.TrimSuffix(tag[2:], ">")
	default:
		i := strings.IndexByte(tag[1:], '!') + 2 // the handle is up to there
		prefix, declared := p.handles[tag[:max(i, 1)]]
		if !declared {
			switch i {
			case 1: // a tag of the application's own
			case 2:
				prefix = coreTags
			default:
				p.report(RuleSyntax, x.tagAt, end, "the tag %s has the handle %s, which no %%TAG declares; declare it, or remove the tag", clip(tag), clip(tag[:i]))
				return
			}
		}
		tag = prefix + tag[max(i, 1):]
	}
	kind, value := n.Kind, n.Value
	if kind == String {
		kind, value = resolvePlain(n.Value)
	}
	fits := true
	switch strings.TrimPrefix(tag, coreTags) {
	case "str", "binary", "timestamp":
		if fits = kind != Mapping && kind != Sequence; fits {
			if n.Kind != String {
				n.Value = p.s[n.Start:n.End]
			}
			n.Kind = String
		}
		value = n.Value
		kind = n.Kind
	case "int":
		fits = kind == Number && strings.Trim(value, "-0123456789") == ""
	case "float":
		fits = kind == Number || kind == Invalid
	case "bool":
		fits = kind == Bool
	case "null":
		fits = kind == Null
	case "map", "set":
		fits = kind == Mapping
	case "seq", "omap", "pairs":
		fits = kind == Sequence
	default:
		p.note(RuleSyntax, diag.Warning, x.tagAt, end, "the tag %s means nothing here and is ignored; remove it", clip(x.tag))
		return
	}
	if !fits {
		p.report(RuleSyntax, x.tagAt, end, "the tag %s does not fit %q; remove the tag, or write a value that it fits", clip(x.tag), clip(p.s[n.Start:n.End]))
		return
	}
	n.Kind, n.Value = kind, value
}

// alias reads *name and copies what it names.
func (p *parser) alias() (*Node, bool) {
	start := p.pos
	p.pos++
	for p.pos < len(p.s) && !isBlank(p.s[p.pos]) && !isBreak(p.s[p.pos]) && !isFlow(p.s[p.pos]) {
		p.pos++
	}
	name := p.s[start+1 : p.pos]
	a := p.anchors[name]
	switch {
	case name == "":
		p.report(RuleSyntax, start, start+1, "an alias is * and a name; put the text in quotes if it begins with *")
		return nil, false
	case a == nil:
		d := p.report(RuleSyntax, start, p.pos, "the alias *%s names no anchor before it; define &%s first", clip(name), clip(name))
		if d == &p.dropped {
			return nil, false
		}
		names := make([]string, 0, len(p.anchors))
		for known := range p.anchors {
			names = append(names, known)
		}
		if near, ok := diag.Nearest(name, names); ok {
			d.Message += ", or did you mean *" + near + "?"
		}
		return nil, false
	case a.lost:
		return p.node(Invalid, start, p.pos), true
	case a.node == nil:
		p.report(RuleSyntax, start, p.pos, "the alias *%s stands inside what it names, which would never end", clip(name))
		return nil, false
	}
	if p.repeated += a.bytes; p.repeated > p.lim.AliasBytes {
		p.limit("alias-bytes", p.lim.AliasBytes, start)
		panic(stop{})
	}
	if p.nodes+a.nodes > p.lim.Nodes {
		p.limit("nodes", p.lim.Nodes, start)
		panic(stop{})
	}
	n := p.copy(a.node, &diag.Span{File: p.file, Start: start, End: p.pos}, p.depth)
	return n, true
}

// copy makes the copy that stands for an alias. Its keys are those of the
// original: nothing in a key depends on where it is used.
func (p *parser) copy(n *Node, use *diag.Span, depth int) *Node {
	c := p.node(n.Kind, n.Start, n.End)
	c.Value, c.Style, c.keys, c.Alias = n.Value, n.Style, n.keys, use
	if len(n.Items) == 0 {
		return c
	}
	if depth >= p.lim.Depth {
		p.limit("depth", p.lim.Depth, use.Start)
		panic(stop{})
	}
	c.Items = p.array(len(n.Items))
	for i, item := range n.Items {
		child := p.copy(item, use, depth+1)
		child.Key, child.Parent, child.index = item.Key, c, int32(i)
		c.Items[i] = child
	}
	return c
}

const mergeKey = "<<"

// isMerge reports whether a key stands for entries of other mappings.
func (p *parser) isMerge(key *Node) bool {
	return key != nil && key.Value == mergeKey && key.Style == Plain && key.Alias == nil
}

// merge puts the entries that << brings in its place. The mapping's own
// entries win over them, and earlier ones over later (the merge type of YAML
// 1.1, which 1.2 leaves to the application).
func (p *parser) merge(n *Node) {
	taken := make(map[string]bool, len(n.Items))
	for _, item := range n.Items {
		if !p.isMerge(item.Key) {
			taken[item.Key.Value] = true
		}
	}
	var items []*Node
	for _, item := range n.Items {
		if !p.isMerge(item.Key) {
			items = append(items, item)
			continue
		}
		sources := []*Node{item}
		if item.Kind == Sequence {
			sources = item.Items
		}
		for _, source := range sources {
			use := source.Alias
			if use == nil {
				use = &diag.Span{File: p.file, Start: item.Key.Start, End: item.Key.End}
			}
			if source.Kind != Mapping {
				if source.Kind != Invalid {
					p.report(RuleSyntax, use.Start, use.End, "<< merges objects, and this is %s; put the key in quotes if it is an ordinary one", source.Kind)
				}
				continue
			}
			for _, entry := range source.Items {
				if taken[entry.Key.Value] {
					continue
				}
				taken[entry.Key.Value] = true
				key := p.node(String, entry.Key.Start, entry.Key.End)
				key.Value, key.Style, key.Alias = entry.Key.Value, entry.Key.Style, use
				entry.Key = key
				if entry.Alias == nil {
					entry.Alias = use
				}
				items = append(items, entry)
			}
		}
	}
	n.Items = items
	for i, item := range items {
		item.Parent, item.index = n, int32(i)
	}
}
