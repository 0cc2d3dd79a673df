package schema

import (
	"encoding/binary"
	"slices"
	"sync"
	"unicode/utf8"
	"unsafe"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/jsonscan"
	"github.com/treaty-events/treaty/internal/syntax"
)

// ValidJSON reports whether the text of a JSON value conforms to the schema. It
// reads the bytes once and makes nothing of them: for a valid event there is no
// allocation. Text that is not JSON (RFC 8259) is not valid, nor is one with a
// key twice in an object, with invalid UTF-8, with half a surrogate pair, or
// nested deeper than 512; see Lax. It is safe for concurrent use.
func (s *Schema) ValidJSON(event []byte) bool {
	if s.avro != nil {
		return len(s.ValidateJSON(event)) == 0
	}
	p := s.program()
	d := scanners.Get().(*scanner)
	d.text, d.depth, d.work, d.lax = event, 0, 0, s.lax
	ok := d.document(p.root)
	gaveUp := d.work > workPerByte*len(event)+workFloor
	d.text, d.keys, d.bits = nil, d.keys[:0], d.bits[:0]
	scanners.Put(d)
	switch {
	case gaveUp:
		// Alternatives within alternatives multiplied the work; the evaluator of
		// trees remembers verdicts.
		return len(s.validateTree(event)) == 0
	case ok && p.byTree:
		return len(s.validateTree(event)) == 0
	}
	return ok
}

// Alternatives that nothing tells apart are tried one after the other, and each
// reads the value again. Past this many bytes read, the work is not linear in
// the event any more.
const (
	workPerByte = 40
	workFloor   = 4096
)

// maxWireDepth is the nesting that an event may have.
const maxWireDepth = 512

// Laxity says which faults of a JSON text are let pass.
type Laxity uint8

// What may be let pass. The zero Laxity lets nothing pass.
const (
	DuplicateKeys  Laxity = 1 << iota // a key twice in an object: the first one counts
	InvalidUTF8                       // bytes that are no UTF-8
	LoneSurrogates                    // \uD800 without its other half
)

// Lax makes a compiled schema let faults of a JSON text pass that strict
// readers refuse.
func Lax(l Laxity) Option { return func(c *Compiler) { c.lax = l } }

var scanners = sync.Pool{New: func() any { return &scanner{} }}

// scanner reads one event. Positions are offsets in text; -1 is a text that is
// not JSON or does not conform.
type scanner struct {
	text  []byte
	depth int
	work  int // bytes read more than once
	lax   Laxity
	keys  []wireKey // of the objects being read, those that their schema does not name
	bits  []uint64  // of objects with many properties, which are there
	buf   []byte    // a text without its escapes

	plainKey bool // the key that was read last is ASCII without escapes
}

// wireKey is a key that has been read.
type wireKey struct {
	hash       uint64
	start, end int // without the quotes
}

func (d *scanner) document(n *wireNode) bool {
	i := d.value(d.space(0), n)
	return i >= 0 && d.space(i) == len(d.text)
}

// space skips white space.
func (d *scanner) space(i int) int {
	for i < len(d.text) {
		switch d.text[i] {
		case ' ', '\n', '\t', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads the value at i against a node. The result is where it ends.
func (d *scanner) value(i int, n *wireNode) int {
	if i >= len(d.text) {
		return -1
	}
	switch d.text[i] {
	case '"':
		if n.text == nil {
			return -1
		}
		return d.string(i, n.text)
	case '{':
		if n.object == nil {
			return -1
		}
		return d.object(i, n.object)
	case '[':
		if n.array == nil {
			return -1
		}
		return d.array(i, n.array)
	case 't':
		if n.yes == nil || !d.literal(i, "true") {
			return -1
		}
		return d.settle(i, i+4, n.yes.choices)
	case 'f':
		if n.no == nil || !d.literal(i, "false") {
			return -1
		}
		return d.settle(i, i+5, n.no.choices)
	case 'n':
		if n.null == nil || !d.literal(i, "null") {
			return -1
		}
		return d.settle(i, i+4, n.null.choices)
	}
	if n.number == nil {
		return -1
	}
	return d.number(i, n.number)
}

func (d *scanner) literal(i int, word string) bool {
	return len(d.text)-i >= len(word) && string(d.text[i:i+len(word)]) == word
}

// settle holds the value between i and end against the alternatives that are
// left. The result is end.
func (d *scanner) settle(i, end int, choices []wireChoice) int {
	for c := range choices {
		if !d.choose(i, end, &choices[c]) {
			return -1
		}
	}
	return end
}

func (d *scanner) again(i, end int, n *wireNode) bool {
	d.work += end - i
	if d.work > workPerByte*len(d.text)+workFloor {
		return false
	}
	keys, bits, depth := len(d.keys), len(d.bits), d.depth
	ok := d.value(i, n) == end
	d.keys, d.bits, d.depth = d.keys[:keys], d.bits[:bits], depth
	return ok
}

func (d *scanner) choose(i, end int, c *wireChoice) bool {
	switch c.kind {
	case chooseAny:
		for _, n := range c.nodes {
			if d.again(i, end, n) {
				return true
			}
		}
		return false
	case chooseOne:
		taken := 0
		for _, n := range c.nodes {
			if d.again(i, end, n) {
				if taken++; taken > 1 {
					return false
				}
			}
		}
		return taken == 1
	case chooseNone:
		return !d.again(i, end, c.nodes[0])
	}
	if d.again(i, end, c.nodes[0]) {
		return c.nodes[1] == nil || d.again(i, end, c.nodes[1])
	}
	return c.nodes[2] == nil || d.again(i, end, c.nodes[2])
}

// wireString is a text as it stands.
type wireString struct {
	start, end int  // without the quotes
	escaped    bool // has escapes
	ascii      bool
}

// quoted reads a text; after is where it ends.
func (d *scanner) quoted(i int) (s wireString, after int) {
	s = wireString{start: i + 1, ascii: true}
	i++
	for {
		i = jsonscan.PlainEnd(d.text, i)
		if i >= len(d.text) {
			return s, -1
		}
		switch c := d.text[i]; {
		case c == '"':
			s.end = i
			if !s.ascii && d.lax&InvalidUTF8 == 0 && !utf8.Valid(d.text[s.start:s.end]) {
				return s, -1
			}
			return s, i + 1
		case c == '\\':
			s.escaped = true
			if i = jsonscan.Escape(d.text, i, d.lax&LoneSurrogates != 0); i < 0 {
				return s, -1
			}
		case c < ' ':
			return s, -1
		default:
			s.ascii = false
			i++
		}
	}
}

// plain is a text without its escapes. It is good until the next call.
func (d *scanner) plain(s wireString) []byte {
	if !s.escaped {
		return d.text[s.start:s.end]
	}
	d.buf = jsonscan.Unescape(d.buf[:0], d.text[s.start:s.end])
	return d.buf
}

// asString is b as a string for as long as b is left alone, which saves a copy
// for each text that is checked.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (d *scanner) string(i int, t *wireText) int {
	// Nearly all texts are ASCII and have no escapes.
	if e := jsonscan.PlainEnd(d.text, i+1); e < len(d.text) && d.text[e] == '"' {
		if t.free {
			return e + 1
		}
		if !t.fits(d.text[i+1 : e]) {
			return -1
		}
		return d.settle(i, e+1, t.choices)
	}
	s, end := d.quoted(i)
	if end < 0 || t.free {
		return end
	}
	text := d.plain(s)
	if t.minLength > 0 || t.maxLength >= 0 {
		n := len(text)
		if n < t.minLength {
			return -1 // there are no more characters than bytes
		}
		if n = utf8.RuneCount(text); n < t.minLength || t.maxLength >= 0 && n > t.maxLength {
			return -1
		}
	}
	if !t.holds(text) {
		return -1
	}
	return d.settle(i, end, t.choices)
}

// fits is what is asked of a text of ASCII, but for alternatives.
func (t *wireText) fits(text []byte) bool {
	return len(text) >= t.minLength && (t.maxLength < 0 || len(text) <= t.maxLength) && t.holds(text)
}

// holds is what is asked of a text apart from its length.
func (t *wireText) holds(text []byte) bool {
	if t.values != nil && !t.values.has(text) {
		return false
	}
	for _, check := range t.checks {
		if !check(text) {
			return false
		}
	}
	return true
}

func (d *scanner) array(i int, a *wireArray) int {
	start := i
	if d.depth++; d.depth > maxWireDepth {
		return -1
	}
	count, items := 0, len(d.bits)
	i = d.space(i + 1)
	if i < len(d.text) && d.text[i] == ']' {
		i++
	} else {
		for {
			n := a.rest
			if count < len(a.prefix) {
				n = a.prefix[count]
			}
			end := d.value(i, n)
			if end < 0 {
				return -1
			}
			count++
			if a.noted {
				d.bits = append(d.bits, uint64(i), uint64(end))
			}
			if i = d.space(end); i >= len(d.text) {
				return -1
			}
			c := d.text[i]
			i++
			if c == ']' {
				break
			}
			if c != ',' {
				return -1
			}
			i = d.space(i)
		}
	}
	d.depth--
	if count < a.minItems || a.maxItems >= 0 && count > a.maxItems {
		return -1
	}
	if a.noted {
		ok := d.items(d.bits[items:len(d.bits):len(d.bits)], a)
		d.bits = d.bits[:items]
		if !ok {
			return -1
		}
	}
	if len(a.values) > 0 && !d.among(start, i, a.values) {
		return -1
	}
	return d.settle(start, i, a.choices)
}

// items holds the items of a list, by their places, to contains and
// uniqueItems.
func (d *scanner) items(places []uint64, a *wireArray) bool {
	for k := range a.contains {
		c := &a.contains[k]
		found := 0
		for j := 0; j < len(places); j += 2 {
			if d.again(int(places[j]), int(places[j+1]), c.node) {
				found++
			}
		}
		if found < c.least || c.most >= 0 && found > c.most {
			return false
		}
	}
	return !a.unique || d.unique(places)
}

// maxPairs is how many items are compared each with each.
const maxPairs = 24

func (d *scanner) unique(places []uint64) bool {
	if len(places) > 2*maxPairs {
		return d.uniqueByTree(places)
	}
	for j := 2; j < len(places); j += 2 {
		b := d.text[places[j]:places[j+1]]
		for k := 0; k < j; k += 2 {
			if d.same(d.text[places[k]:places[k+1]], b) {
				return false
			}
		}
	}
	return true
}

// same reports whether two values are equal. Texts without escapes are
// compared as they stand; what may be written in several ways is read.
func (d *scanner) same(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	if kind := a[0]; kind == '"' || b[0] == '"' || kind == 't' || kind == 'f' || kind == 'n' {
		if kind != b[0] || kind != '"' || slices.Index(a, '\\') < 0 && slices.Index(b, '\\') < 0 {
			return false
		}
	}
	if isContainer(a[0]) != isContainer(b[0]) || isContainer(a[0]) && a[0] != b[0] {
		return false
	}
	if !isContainer(a[0]) && a[0] != '"' {
		x, ok := wireDecimalOf(a)
		y, also := wireDecimalOf(b)
		if ok && also {
			return x.cmp(&y) == 0
		}
	}
	return equal(readTree(a), readTree(b))
}

func isContainer(c byte) bool { return c == '{' || c == '[' }

func (d *scanner) uniqueByTree(places []uint64) bool {
	items := make([]*syntax.Node, 0, len(places)/2)
	for j := 0; j < len(places); j += 2 {
		items = append(items, readTree(d.text[places[j]:places[j+1]]))
	}
	_, _, twice := firstRepeated(items)
	return !twice
}

// among reports whether a list or an object is one of some values.
func (d *scanner) among(start, end int, values []*syntax.Node) bool {
	return among(readTree(d.text[start:end]), values)
}

// readTree reads text that has been found to be JSON.
func readTree(text []byte) *syntax.Node {
	n, _ := syntax.Parse(diag.NewFile("", string(text)), syntax.JSON, syntax.Limits{})
	return n
}

func (d *scanner) object(i int, o *wireObject) int {
	if o.tag != nil {
		if o = d.tagged(i, o); o == nil {
			return -1
		}
	}
	start := i
	if d.depth++; d.depth > maxWireDepth {
		return -1
	}
	keys, words := len(d.keys), len(d.bits)
	var there uint64 // of the first 64 properties that the schema names
	if len(o.names) > 64 {
		for range (len(o.names) - 1) / 64 {
			d.bits = append(d.bits, 0)
		}
	}
	count, expected := 0, 0
	i = d.space(i + 1)
	if i < len(d.text) && d.text[i] == '}' {
		i++
	} else {
		for {
			// The property that came next the last time is compared first.
			at, after := -1, 0
			if len(o.names) > 0 {
				next := int(o.after[expected].Load())
				if end := o.names[next].end(d.text, i); end > 0 {
					at, after = next, end
				}
			}
			n := o.rest
			if at < 0 {
				if at, after = d.key(i, o); after < 0 {
					return -1
				}
			}
			if at >= 0 {
				n = o.names[at].node
				if at < 64 {
					if there&(1<<at) != 0 && d.lax&DuplicateKeys == 0 {
						return -1
					}
					there |= 1 << at
				} else {
					w := &d.bits[words+at/64-1]
					if *w&(1<<(at&63)) != 0 && d.lax&DuplicateKeys == 0 {
						return -1
					}
					*w |= 1 << (at & 63)
				}
				if o.after[expected].Load() != uint32(at) {
					o.learn(expected, at)
				}
				expected = at + 1
			} else {
				if len(o.patterns) > 0 {
					n = o.byPattern[d.matching(i, o)]
				}
				for _, k := range o.keyNodes {
					if !d.keyFits(i, after, k) {
						return -1
					}
				}
			}
			i = after
			if i < len(d.text) && d.text[i] != ':' {
				i = d.space(i)
			}
			if i >= len(d.text) || d.text[i] != ':' {
				return -1
			}
			i++
			if i < len(d.text) && d.text[i] <= ' ' {
				i = d.space(i)
			}
			if i = d.value(i, n); i < 0 {
				return -1
			}
			count++
			if i < len(d.text) && d.text[i] <= ' ' {
				i = d.space(i)
			}
			if i >= len(d.text) {
				return -1
			}
			c := d.text[i]
			i++
			if c == '}' {
				break
			}
			if c != ',' {
				return -1
			}
			if i < len(d.text) && d.text[i] <= ' ' {
				i = d.space(i)
			}
			if i >= len(d.text) || d.text[i] != '"' {
				return -1
			}
		}
	}
	d.depth--
	ok := there&o.required == o.required && count >= o.minProperties && (o.maxProperties < 0 || count <= o.maxProperties)
	if ok && len(d.keys)-keys > 1 && d.lax&DuplicateKeys == 0 {
		ok = d.distinct(d.keys[keys:])
	}
	if ok && (len(o.moreRequired) > 0 || len(o.needs) > 0) {
		ok = d.needed(start, i, there, words, o)
	}
	d.keys, d.bits = d.keys[:keys], d.bits[:words]
	if !ok || len(o.values) > 0 && !d.among(start, i, o.values) {
		return -1
	}
	return d.settle(start, i, o.choices)
}

// needed holds the object between start and end to the properties that it
// requires beyond the first 64, and to what others need.
func (d *scanner) needed(start, end int, there uint64, words int, o *wireObject) bool {
	has := func(at int) bool {
		if at < 64 {
			return there&(1<<at) != 0
		}
		return d.bits[words+at/64-1]&(1<<(at&63)) != 0
	}
	for _, at := range o.moreRequired {
		if !has(at) {
			return false
		}
	}
	for _, need := range o.needs {
		if has(need.of) {
			for _, at := range need.all {
				if !has(at) {
					return false
				}
			}
			if need.node != nil && !d.again(start, end, need.node) {
				return false
			}
		}
	}
	return true
}

// key reads the key at i. The property is -1 where the schema does not name it.
func (d *scanner) key(i int, o *wireObject) (at, after int) {
	if i >= len(d.text) || d.text[i] != '"' {
		return -1, -1
	}
	var name []byte
	if e := jsonscan.PlainEnd(d.text, i+1); e < len(d.text) && d.text[e] == '"' {
		name, after = d.text[i+1:e], e+1
		d.plainKey = true
	} else {
		d.plainKey = false
		s, end := d.quoted(i)
		if end < 0 {
			return -1, -1
		}
		name, after = d.plain(s), end
	}
	h := hashOf(name)
	if len(o.names) > 0 {
		for slot := h & o.mask; ; slot = (slot + 1) & o.mask {
			e := o.table[slot]
			if e == 0 {
				break
			}
			if o.names[e-1].text == string(name) {
				return int(e - 1), after
			}
		}
	}
	d.keys = append(d.keys, wireKey{h, i + 1, after - 1})
	return -1, after
}

// keyFits holds the key that was read last to a node.
func (d *scanner) keyFits(i, after int, n *wireNode) bool {
	if n.text == nil || !d.plainKey || len(n.text.choices) > 0 {
		return d.value(i, n) == after
	}
	return n.text.fits(d.text[i+1 : after-1])
}

// hashOf is a hash of a key: its length and its first and last eight bytes.
func hashOf(b []byte) uint64 {
	h := uint64(len(b)) * 0x9E3779B97F4A7C15
	switch n := len(b); {
	case n >= 8:
		h ^= binary.LittleEndian.Uint64(b)
		h *= 0xFF51AFD7ED558CCD
		h ^= h >> 29
		h ^= binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		h ^= uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	h *= 0xC4CEB9FE1A85EC53
	return h ^ h>>32
}

// distinct reports whether no two keys are the same.
func (d *scanner) distinct(keys []wireKey) bool {
	if len(keys) > 12 {
		slices.SortFunc(keys, func(a, b wireKey) int {
			switch {
			case a.hash < b.hash:
				return -1
			case a.hash > b.hash:
				return 1
			}
			return 0
		})
	}
	for j := 1; j < len(keys); j++ {
		from := 0
		if len(keys) > 12 {
			for from = j; from > 0 && keys[from-1].hash == keys[j].hash; from-- {
			}
		}
		for k := from; k < j; k++ {
			if keys[k].hash == keys[j].hash && d.sameKey(keys[k], keys[j]) {
				return false
			}
		}
	}
	return true
}

func (d *scanner) sameKey(a, b wireKey) bool {
	first := string(d.plain(wireString{start: a.start, end: a.end, escaped: true}))
	return first == string(d.plain(wireString{start: b.start, end: b.end, escaped: true}))
}

// matching is which patterns the key at i matches, a bit each.
func (d *scanner) matching(i int, o *wireObject) int {
	s, _ := d.quoted(i)
	name := d.plain(s)
	which := 0
	for k, p := range o.patterns {
		if p(name) {
			which |= 1 << k
		}
	}
	return which
}

// tagged picks the alternative of an object by the property that tells them
// apart. It is the first property more often than not.
func (d *scanner) tagged(i int, o *wireObject) *wireObject {
	at, end := d.find(i, o.tag.name)
	if at < 0 {
		return nil
	}
	d.work += at - i
	for k := range o.tag.alternatives {
		a := &o.tag.alternatives[k]
		for _, v := range a.values {
			if d.isValue(at, end, v) {
				return a.object
			}
		}
	}
	return nil
}

// isValue reports whether the scalar between at and end is one that a tag has.
func (d *scanner) isValue(at, end int, v *syntax.Node) bool {
	switch c := d.text[at]; {
	case c == '"':
		if v.Kind != syntax.String {
			return false
		}
		s, after := d.quoted(at)
		return after == end && string(d.plain(s)) == v.Value
	case v.Kind == syntax.Number:
		x, ok := wireDecimalOf(d.text[at:end])
		y, also := wireDecimalOf([]byte(v.Value))
		return ok && also && x.cmp(&y) == 0
	case isContainer(c) || v.Kind == syntax.String:
		return false
	}
	return string(d.text[at:end]) == v.Value
}

// find looks for a property of the object at i, and returns where its value
// stands; -1 where there is none or the text is no JSON.
func (d *scanner) find(i int, name string) (at, end int) {
	for i = d.space(i + 1); i < len(d.text) && d.text[i] == '"'; {
		s, after := d.quoted(i)
		if after < 0 {
			return -1, 0
		}
		found := string(d.plain(s)) == name
		i = d.space(after)
		if i >= len(d.text) || d.text[i] != ':' {
			return -1, 0
		}
		i = d.space(i + 1)
		if end = d.skip(i); end < 0 {
			return -1, 0
		}
		if found {
			return i, end
		}
		if i = d.space(end); i >= len(d.text) || d.text[i] != ',' {
			return -1, 0
		}
		i = d.space(i + 1)
	}
	return -1, 0
}

// skip passes over a value without looking whether it is well-formed, which is
// done when it is read.
func (d *scanner) skip(i int) int {
	depth := 0
	for i < len(d.text) {
		switch d.text[i] {
		case '"':
			_, after := d.quoted(i)
			if after < 0 {
				return -1
			}
			i = after
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			if depth == 0 {
				return -1
			}
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return -1
			}
			i++
			continue
		default:
			for i < len(d.text) && isBare(d.text[i]) {
				i++
			}
			if i < len(d.text) && !isEnd(d.text[i]) {
				return -1
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

func isBare(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func isEnd(c byte) bool {
	switch c {
	case ',', ':', ' ', '\n', '\r', '\t', '}', ']':
		return true
	}
	return false
}
