package site

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// A picture is drawn here, not in the browser: services and channels in layers, the
// events flowing from left to right. What it shows stands beside it as a list, too.

type shape uint8

const (
	aService shape = iota
	aChannel
	anEvent
	someMore // what is not shown
)

type node struct {
	name, title, link string
	shape             shape
	self              bool // the page is about it
	layer             int
	order             float64
	x, y              float64
	out, in           []*edge
}

type edge struct {
	from, to *node
	dashed   bool // dead letters
	title    string
	back     bool // drawn against the flow
}

type picture struct {
	label string // what a screen reader says
	nodes []*node
	edges []*edge
	index map[string]*node

	laid          bool
	columns       bool // who sends, the channels, who reads
	width, height float64
	tall, gap     float64 // of a node, and below it
}

func newPicture(label string) *picture { return &picture{label: label, index: map[string]*node{}} }

// node adds a node, once for each key.
func (p *picture) node(key string, make func() *node) *node {
	n := p.index[key]
	if n == nil {
		n = make()
		p.index[key] = n
		p.nodes = append(p.nodes, n)
	}
	return n
}

func (p *picture) edge(from, to *node, title string, dashed bool) {
	for _, e := range from.out {
		if e.to == to && e.dashed == dashed {
			return
		}
	}
	e := &edge{from: from, to: to, title: title, dashed: dashed}
	from.out = append(from.out, e)
	to.in = append(to.in, e)
	p.edges = append(p.edges, e)
}

const (
	nodeWidth = 192.0
	layerGap  = 84.0
	margin    = 8.0
	// maxLayers is how many layers can be read side by side.
	maxLayers = 5
	// manyRows is from how many nodes one below the other on they are drawn closer.
	manyRows = 12
)

// layer gives every node its layer, in the direction that events flow.
func (p *picture) layer() [][]*node {
	// Cycles: what leads back to a node that is being walked is drawn against the
	// flow.
	state := map[*node]int{}
	var walk func(n *node)
	walk = func(n *node) {
		state[n] = 1
		for _, e := range n.out {
			switch state[e.to] {
			case 0:
				walk(e.to)
			case 1:
				e.back = true
			}
		}
		state[n] = 2
	}
	starts := slices.Clone(p.nodes)
	slices.SortStableFunc(starts, func(a, b *node) int { return len(a.in) - len(b.in) })
	for _, n := range starts {
		if state[n] == 0 {
			walk(n)
		}
	}
	// Layers: each node one beyond the farthest that leads to it.
	depth := map[*node]int{}
	var far func(n *node) int
	far = func(n *node) int {
		if d, ok := depth[n]; ok {
			return d
		}
		depth[n] = 0
		d := 0
		for _, e := range n.in {
			if !e.back {
				d = max(d, far(e.from)+1)
			}
		}
		depth[n] = d
		return d
	}
	var layers [][]*node
	for _, n := range p.nodes {
		n.layer = far(n)
	}
	// A node without anything before it stands beside what it leads to.
	for _, n := range p.nodes {
		if len(n.in) == 0 && len(n.out) > 0 {
			least := math.MaxInt
			for _, e := range n.out {
				least = min(least, e.to.layer)
			}
			n.layer = max(0, least-1)
		}
		for len(layers) <= n.layer {
			layers = append(layers, nil)
		}
	}
	for _, n := range p.nodes {
		n.order = float64(len(layers[n.layer]))
		layers[n.layer] = append(layers[n.layer], n)
	}
	return slices.DeleteFunc(layers, func(l []*node) bool { return len(l) == 0 })
}

// unroll makes three columns: who sends, the channels, who reads. A service that
// does both stands in both. Services that pass on to each other would make a layer
// each, and circles would lead back past all of them.
func (p *picture) unroll() [][]*node {
	p.columns = true
	for _, n := range slices.Clone(p.nodes) {
		if n.shape != aChannel && len(n.in) > 0 && len(n.out) > 0 {
			reader := &node{name: n.name, title: n.title, link: n.link, shape: n.shape, self: n.self, in: n.in}
			for _, e := range n.in {
				e.to = reader
			}
			n.in = nil
			p.nodes = append(p.nodes, reader)
		}
	}
	for _, e := range p.edges {
		e.back = false
	}
	layers := make([][]*node, 3)
	for _, n := range p.nodes {
		switch {
		case n.shape == aChannel:
			n.layer = 1
		case len(n.out) > 0:
			n.layer = 0
		default:
			n.layer = 2
		}
		n.order = float64(len(layers[n.layer]))
		layers[n.layer] = append(layers[n.layer], n)
	}
	return slices.DeleteFunc(layers, func(l []*node) bool { return len(l) == 0 })
}

// lay gives every node its place, once.
func (p *picture) lay() {
	if p.laid {
		return
	}
	p.laid = true
	layers := p.layer()
	if len(layers) > maxLayers {
		layers = p.unroll()
	}
	// Order within a layer: near the middle of what a node is connected to.
	middle := func(edges []*edge, other func(*edge) *node) float64 {
		if len(edges) == 0 {
			return -1
		}
		sum := 0.0
		for _, e := range edges {
			sum += other(e).order
		}
		return sum / float64(len(edges))
	}
	for sweep := range 8 {
		for i := range layers {
			l := layers[i]
			if sweep%2 == 1 {
				l = layers[len(layers)-1-i]
			}
			want := map[*node]float64{}
			for _, n := range l {
				m := -1.0
				if sweep%2 == 0 {
					m = middle(n.in, func(e *edge) *node { return e.from })
				} else {
					m = middle(n.out, func(e *edge) *node { return e.to })
				}
				if m < 0 {
					m = n.order
				}
				want[n] = m
			}
			slices.SortStableFunc(l, func(a, b *node) int { return cmp.Compare(want[a], want[b]) })
			for j, n := range l {
				n.order = float64(j)
			}
		}
	}
	most := 0
	for _, l := range layers {
		most = max(most, len(l))
	}
	p.tall, p.gap = 40, 18
	if most > manyRows {
		p.tall, p.gap = 32, 10
	}
	p.height = 2*margin + float64(most)*(p.tall+p.gap) - p.gap
	p.width = 2*margin + float64(len(layers))*(nodeWidth+layerGap) - layerGap
	for i, l := range layers {
		tall := float64(len(l))*(p.tall+p.gap) - p.gap
		y := (p.height - tall) / 2
		if most > manyRows && 3*len(l) < most {
			y = margin // few beside many are seen at once
		}
		for _, n := range l {
			n.x, n.y = margin+float64(i)*(nodeWidth+layerGap), y
			y += p.tall + p.gap
		}
	}
	for _, e := range p.edges {
		if e.back || e.to.x <= e.from.x { // a line below all
			e.back = true
			p.height = max(p.height, max(e.from.y, e.to.y)+p.tall+34)
		}
	}
}

// Columns reports whether who sends stands on the left, and who reads on the right,
// whoever else they are.
func (p *picture) Columns() bool {
	p.lay()
	return p.columns
}

func num(f float64) string {
	s := fmt.Sprintf("%.1f", f)
	return strings.TrimSuffix(s, ".0")
}

// SVG is the picture. Every node is a link, and says what it is.
func (p *picture) SVG() template.HTML {
	if p == nil || len(p.nodes) == 0 {
		return ""
	}
	p.lay()
	w, h := p.width, p.height
	var b strings.Builder
	esc := template.HTMLEscapeString
	class := "picture"
	if w > 1500 { // made smaller it could not be read
		class += " wide"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %s %s" width="%s" height="%s" role="group" aria-label="%s">`, class, num(w), num(h), num(w), num(h), esc(p.label))
	b.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs><g aria-hidden="true">`)
	for _, e := range p.edges {
		class := "edge"
		if e.dashed {
			class += " dead"
		}
		x1, y1, x2, y2 := e.from.x+nodeWidth, e.from.y+p.tall/2, e.to.x-3, e.to.y+p.tall/2
		var d string
		if e.back {
			low := max(e.from.y, e.to.y) + p.tall + 22
			d = fmt.Sprintf("M%s %sC%s %s %s %s %s %sS%s %s %s %s", num(x1), num(y1), num(x1+50), num(y1), num(x1+50), num(low), num((x1+x2)/2), num(low), num(x2-50), num(y2), num(x2), num(y2))
		} else {
			bend := max(30, (x2-x1)/2)
			d = fmt.Sprintf("M%s %sC%s %s %s %s %s %s", num(x1), num(y1), num(x1+bend), num(y1), num(x2-bend), num(y2), num(x2), num(y2))
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s" marker-end="url(#arrow)"/>`, class, d)
	}
	b.WriteString(`</g>`)
	for _, n := range p.nodes {
		class, radius := "node service", "6"
		kind := "service"
		switch n.shape {
		case aChannel:
			class, radius, kind = "node channel", num(p.tall/2), "channel"
		case anEvent:
			class, radius, kind = "node event", "2", "event type"
		case someMore:
			class, kind = "node more", ""
		}
		if n.self {
			class += " self"
		}
		open, end := "<g>", "</g>"
		if n.link != "" && !n.self {
			open, end = fmt.Sprintf(`<a href="%s">`, esc(n.link)), "</a>"
		}
		fmt.Fprintf(&b, `%s<title>%s</title><rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"/><text x="%s" y="%s" text-anchor="middle">%s</text>%s`,
			open, esc(strings.TrimSpace(kind+" "+firstOf(n.title, n.name))), class, // the title is its name for screen readers
			num(n.x), num(n.y), num(nodeWidth), num(p.tall), radius,
			num(n.x+nodeWidth/2), num(n.y+p.tall/2+4.5), esc(fitted(n.name, 22)), end)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// shortened keeps the beginning and the end of a name that is too long: both tell.
func shortened(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) * 3 / 5
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// fitted is shortened to a width of so many letters: those of some scripts, and
// emoji, are as wide as two.
func fitted(s string, n int) string {
	for at := n; at > 4; at-- {
		short, wide := shortened(s, at), 0
		for _, r := range short {
			if wide++; r >= 0x1100 && r != '…' {
				wide++
			}
		}
		if wide <= n {
			return short
		}
	}
	return shortened(s, 4)
}

// maxPicture is how many nodes a picture has at most; beyond it the neighbourhood is
// shown, of as many as fit.
const maxPicture = 50

func (p *picture) service(s *Service, link func(string) string, self bool) *node {
	return p.node("s"+s.ID, func() *node {
		return &node{name: s.Name, title: s.Name, link: link(s.page()), shape: aService, self: self}
	})
}

func (p *picture) channel(ch *Channel, link func(string) string, self bool) *node {
	return p.node("c"+ch.ID, func() *node {
		n := len(ch.Events())
		return &node{name: ch.Address, title: fmt.Sprintf("%s: %s", ch.Address, count(n, "event type")), link: link(ch.page()), shape: aChannel, self: self}
	})
}

// flow adds a channel with all that send on it and receive from it, as far as there
// is room.
func (p *picture) flow(ch *Channel, link func(string) string, self any) {
	at := p.channel(ch, link, self == any(ch))
	skipped := map[bool]int{}
	add := func(all []*Service, sends bool) {
		for _, s := range all {
			if len(p.nodes) >= maxPicture && p.index["s"+s.ID] == nil {
				skipped[sends]++
				continue
			}
			n := p.service(s, link, self == any(s))
			if sends {
				p.edge(n, at, "", false)
			} else {
				p.edge(at, n, "", false)
			}
		}
	}
	add(ch.Senders(), true)
	add(ch.Receivers(), false)
	for _, d := range ch.DeadLettersOf {
		if len(p.nodes) < maxPicture || p.index["s"+d.Service.ID] != nil {
			p.edge(p.service(d.Service, link, self == any(d.Service)), at, "", true)
		}
	}
	for _, sends := range []bool{true, false} {
		if n := skipped[sends]; n > 0 {
			more := p.node(fmt.Sprint("more", ch.ID, sends), func() *node {
				return &node{name: fmt.Sprintf("and %d more", n), shape: someMore}
			})
			if sends {
				p.edge(more, at, "", false)
			} else {
				p.edge(at, more, "", false)
			}
		}
	}
}

// overview is the picture of all; nil where it has too many nodes to be read.
func (c *Catalogue) overview(link func(string) string) *picture {
	p := newPicture("Services and the channels between them")
	n := 0
	for _, ch := range c.Channels {
		if len(ch.Senders())+len(ch.Receivers())+len(ch.DeadLettersOf) > 0 {
			n++
		}
	}
	for _, s := range c.Services {
		if len(s.Uses) > 0 {
			n++
		}
	}
	if n > maxPicture {
		return nil
	}
	for _, ch := range c.Channels {
		if len(ch.Senders())+len(ch.Receivers())+len(ch.DeadLettersOf) > 0 {
			p.flow(ch, link, nil)
		}
	}
	if len(p.nodes) == 0 {
		return nil
	}
	return p
}

func (e *Event) picture(link func(string) string) *picture {
	p := newPicture("Who sends " + e.Type + ", and who receives it")
	for _, ch := range e.Channels() {
		at := p.channel(ch, link, false)
		add := func(parties []Party, sends bool) {
			rest := 0
			for _, party := range parties {
				if !slices.ContainsFunc(party.Uses, func(u *Use) bool { return u.Channel == ch }) {
					continue
				}
				if len(p.nodes) >= maxPicture && p.index["s"+party.Service.ID] == nil {
					rest++
					continue
				}
				n := p.service(party.Service, link, false)
				if sends {
					p.edge(n, at, "", false)
				} else {
					p.edge(at, n, "", false)
				}
			}
			if rest > 0 {
				more := p.node(fmt.Sprint("more", ch.ID, sends), func() *node { return &node{name: fmt.Sprintf("and %d more", rest), shape: someMore} })
				if sends {
					p.edge(more, at, "", false)
				} else {
					p.edge(at, more, "", false)
				}
			}
		}
		add(e.Senders(), true)
		add(e.Receivers(), false)
		if len(p.nodes) >= maxPicture {
			break
		}
	}
	return p
}

func (s *Service) picture(channels []*Channel, link func(string) string) *picture {
	p := newPicture("What " + s.Name + " sends and receives, and with whom")
	p.service(s, link, true)
	for _, ch := range channels {
		if len(p.nodes) >= maxPicture-2 {
			break
		}
		p.flow(ch, link, s)
	}
	return p
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
