package schema

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/treaty-events/treaty/internal/regular"
	"github.com/treaty-events/treaty/internal/syntax"
)

// A program is what a schema is turned into for reading events: nodes, each of
// which says for one value and each JSON type what it has to be. A node stands
// for a set of rules that all apply to the value: $ref and allOf are merged, the
// node of a property is that of everything that the set says of it, and
// alternatives are merged in where the type of the value, or a property with a
// constant, picks one. What is left of alternatives is tried on the bytes of the
// value again.
type program struct {
	root   *wireNode
	byTree bool // some keyword is left to the evaluator of trees, once the text is found to be JSON
}

// wireNode has a table for each type that the value may be of.
type wireNode struct {
	null, yes, no *wireScalar
	number        *wireNumber
	text          *wireText
	array         *wireArray
	object        *wireObject
}

type wireScalar struct{ choices []wireChoice }

type wireNumber struct {
	free        bool // nothing is asked
	whole, torn bool // an integer, or none
	draft4      bool // 1.0 is no integer
	bounds      []wireBound
	multiples   []wireDecimal
	values      []wireDecimal // nil: any
	choices     []wireChoice
}

// wireBound is a bound: sign is 1 for a lower, -1 for an upper one.
type wireBound struct {
	at     wireDecimal
	sign   int
	strict bool
}

type wireText struct {
	free                 bool
	minLength, maxLength int
	values               *textSet // nil: any
	checks               []func([]byte) bool
	choices              []wireChoice
}

// textSet is the texts of an enum.
type textSet struct {
	few  []string
	many map[string]struct{}
}

func (s *textSet) has(b []byte) bool {
	if s.many != nil {
		_, ok := s.many[string(b)]
		return ok
	}
	for _, text := range s.few {
		if string(b) == text {
			return true
		}
	}
	return false
}

type wireArray struct {
	prefix             []*wireNode
	rest               *wireNode
	minItems, maxItems int
	contains           []wireContains
	unique             bool
	noted              bool // the places of the items are kept for contains and uniqueItems
	values             []*syntax.Node
	choices            []wireChoice
}

type wireContains struct {
	node        *wireNode
	least, most int
}

type wireObject struct {
	names                        []wireName
	table                        []uint16 // by hash: the place of a name in names, plus 1
	mask                         uint64
	after                        []atomic.Uint32 // by the property before, plus 1: which came next the last time
	lessons                      atomic.Int32    // how often after may still change
	required                     uint64          // of the first 64 names
	moreRequired                 []int
	rest                         *wireNode // of properties that are not named
	patterns                     []func([]byte) bool
	byPattern                    []*wireNode // by which patterns a name matches
	keyNodes                     []*wireNode
	minProperties, maxProperties int
	needs                        []wireNeed
	values                       []*syntax.Node
	tag                          *wireTag
	choices                      []wireChoice
}

type wireName struct {
	text string
	node *wireNode

	// The first and the last eight bytes of the name in its quotes.
	head, mask, tail uint64
}

// nameOf prepares a name for comparing eight bytes at once.
func nameOf(text string) wireName {
	n := wireName{text: text, mask: ^uint64(0)}
	quoted := append(append([]byte{'"'}, text...), '"')
	if short := len(quoted); short < 8 {
		n.mask = 1<<(8*short) - 1
		quoted = append(quoted, make([]byte, 8-short)...)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' }) {
		n.mask, n.head = 0, 1 // it is never written as it stands
		return n
	}
	n.head, n.tail = binary.LittleEndian.Uint64(quoted), binary.LittleEndian.Uint64(quoted[len(quoted)-8:])
	return n
}

// end is where the name at i ends if it is this one, as it stands, and 0 else.
// Near the end of the text it does not look.
func (n *wireName) end(b []byte, i int) int {
	e := i + len(n.text) + 2
	if e+8 > len(b) || binary.LittleEndian.Uint64(b[i:])&n.mask != n.head {
		return 0
	}
	if e-i > 8 {
		if binary.LittleEndian.Uint64(b[e-8:]) != n.tail {
			return 0
		}
		if e-i > 16 && string(b[i+8:e-8]) != n.text[7:len(n.text)-7] {
			return 0
		}
	}
	return e
}

// wireNeed is what a property brings with it.
type wireNeed struct {
	of   int
	all  []int
	node *wireNode // nil: none
}

// wireTag picks the table of an object by the value of a property.
type wireTag struct {
	name         string
	alternatives []wireAlternative
}

type wireAlternative struct {
	values []*syntax.Node
	object *wireObject
}

type choiceKind uint8

const (
	chooseAny  choiceKind = iota
	chooseOne             // exactly one
	chooseNone            // not nodes[0]
	chooseIf              // if nodes[0] then nodes[1] else nodes[2]
)

type wireChoice struct {
	kind  choiceKind
	nodes []*wireNode
}

// maxWireNodes bounds the program of one schema: sets of rules can be many more
// than rules. Past it, events are held against the schema as trees.
const maxWireNodes = 20_000

// program compiles the schema for reading, the first time that it is asked for.
func (s *Schema) program() *program {
	s.once.Do(func() {
		settled := s.settled()
		b := &programBuild{nodes: map[string]*wireNode{}, ids: map[*rule]int{}, objects: map[string]*wireObject{}}
		root := b.node([]*rule{settled.rule})
		for len(b.later) > 0 && !b.byTree {
			next := b.later[len(b.later)-1]
			b.later = b.later[:len(b.later)-1]
			next()
		}
		b.dropNames()
		if b.byTree || circular(settled.rule) != nil {
			any := &programBuild{nodes: map[string]*wireNode{}, ids: map[*rule]int{}, objects: map[string]*wireObject{}}
			root = any.node(nil)
			for len(any.later) > 0 {
				next := any.later[0]
				any.later = any.later[1:]
				next()
			}
			s.compiled = &program{root: root, byTree: true}
			return
		}
		s.compiled = &program{root: root}
	})
	return s.compiled
}

type programBuild struct {
	nodes   map[string]*wireNode
	objects map[string]*wireObject
	ids     map[*rule]int
	later   []func()
	byTree  bool
}

func (b *programBuild) id(r *rule) int {
	id, known := b.ids[r]
	if !known {
		id = len(b.ids)
		b.ids[r] = id
	}
	return id
}

// setKey is a text for a set of rules.
func (b *programBuild) setKey(rules []*rule) string {
	ids := make([]int, len(rules))
	for i, r := range rules {
		ids[i] = b.id(r)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	key := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	return string(key)
}

// noValue is the node that refuses everything.
var noValue = &wireNode{}

// node is the node of a set of rules. What it is made of is filled in later, so
// that recursive schemas end.
func (b *programBuild) node(rules []*rule) *wireNode {
	var set []*rule
	for _, r := range rules {
		switch r.verdict {
		case rejects:
			return noValue
		case byKeywords:
			set = append(set, r)
		}
	}
	key := b.setKey(set)
	if n, known := b.nodes[key]; known {
		return n
	}
	n := &wireNode{}
	b.nodes[key] = n
	if len(b.nodes) > maxWireNodes {
		b.byTree = true
	}
	b.later = append(b.later, func() { b.fill(n, set) })
	return n
}

// all is a set of rules that hold for a value of one type, taken apart.
type allRules struct {
	of      typeSet
	rules   []*rule        // $ref and allOf followed
	values  []*syntax.Node // const and enum leave these
	listed  bool           // values says something
	choices []openChoice
	settled []*rule // whose alternatives have been chosen by a tag
	taken   []taken // which alternatives the type has left

	leftovers []leftover
}

// openChoice is alternatives of a rule that are not decided by the type.
type openChoice struct {
	kind  choiceKind
	rules []*rule // for chooseIf: condition, then, else, the last two may be nil
	owner *rule
}

// add takes a rule apart. The result is whether a value of the type is still
// possible.
func (b *programBuild) add(a *allRules, r *rule) bool {
	switch {
	case r.verdict == accepts || slices.Contains(a.rules, r):
		return true
	case r.verdict == rejects:
		return false
	case r.meta != Unknown || r.dynamic != nil:
		b.byTree = true
		return true
	}
	if a.of == typeNumber && r.types != 0 && r.types&typeNumber == 0 || a.of != typeNumber && r.types != 0 && r.types&a.of == 0 {
		return false
	}
	a.rules = append(a.rules, r)
	if r.constant != nil && !a.among([]*syntax.Node{r.constant}) || r.enum != nil && !a.among(r.enum.Items) {
		return false
	}
	if r.ref != nil && !b.add(a, r.ref) {
		return false
	}
	for _, sub := range r.allOf {
		if !b.add(a, sub) {
			return false
		}
	}
	if r.anyOf != nil {
		a.choices = append(a.choices, openChoice{chooseAny, r.anyOf, r})
	}
	if r.oneOf != nil && !slices.Contains(a.settled, r) {
		a.choices = append(a.choices, openChoice{chooseOne, r.oneOf, r})
	}
	if r.not != nil {
		a.choices = append(a.choices, openChoice{chooseNone, []*rule{r.not}, r})
	}
	if r.ifRule != nil && (r.thenRule != nil || r.elseRule != nil) {
		a.choices = append(a.choices, openChoice{chooseIf, []*rule{r.ifRule, r.thenRule, r.elseRule}, r})
	}
	return true
}

// among keeps of the values that are possible those that are listed too.
func (a *allRules) among(values []*syntax.Node) bool {
	var kept []*syntax.Node
	for _, v := range values {
		if kindType(v) == a.of && (!a.listed || among(v, a.values)) {
			kept = append(kept, v)
		}
	}
	a.values, a.listed = kept, true
	return len(kept) > 0
}

// possible reports whether a rule leaves a value of a type possible, as far as
// its keywords by themselves say.
func (b *programBuild) possible(r *rule, t typeSet) bool {
	a := &allRules{of: t}
	return b.add(a, r)
}

// takenApart is the set of rules for one type, with the alternatives that the
// type decides merged in; nil where no value is possible.
func (b *programBuild) takenApart(rules, settled []*rule, t typeSet) *allRules {
	a := &allRules{of: t, settled: settled}
	for _, r := range rules {
		if !b.add(a, r) {
			return nil
		}
	}
	for i := 0; i < len(a.choices); {
		decided, ok := b.decide(a, &a.choices[i])
		if !ok {
			return nil
		}
		if decided {
			a.choices = slices.Delete(a.choices, i, i+1)
			i = 0 // what was merged in may have brought others
			continue
		}
		i++
	}
	if !b.leftovers(a) {
		b.byTree = true
	}
	return a
}

// decide merges in an alternative where the type leaves one only.
func (b *programBuild) decide(a *allRules, c *openChoice) (decided, ok bool) {
	switch c.kind {
	case chooseNone:
		switch {
		case !b.possible(c.rules[0], a.of):
			return true, true
		case c.rules[0].verdict == accepts:
			return true, false
		}
		return false, true
	case chooseIf:
		way := -1
		if c.rules[0].verdict == accepts {
			way = 1
		} else if !b.possible(c.rules[0], a.of) {
			way = 2
		}
		if way < 0 {
			return false, true
		}
		a.take(c, c.rules[way])
		return true, c.rules[way] == nil || b.add(a, c.rules[way])
	}
	var left []*rule
	for _, r := range c.rules {
		if b.possible(r, a.of) {
			left = append(left, r)
		}
	}
	switch {
	case len(left) == 0:
		return true, false
	case len(left) == 1:
		a.take(c, left[0])
		return true, b.add(a, left[0])
	case c.kind == chooseAny && slices.ContainsFunc(left, func(r *rule) bool { return r.verdict == accepts || saysNothing(r, a.of) }):
		return true, true
	}
	c.rules = left
	return false, true
}

func (a *allRules) take(c *openChoice, r *rule) {
	a.taken = append(a.taken, taken{c.owner, c.kind, r})
}

// saysNothing reports whether a rule is about its type alone, which is the one
// at hand.
func saysNothing(r *rule, t typeSet) bool {
	if r.types == 0 || r.types&t != t {
		return false
	}
	bare := *r
	bare.types, bare.node, bare.dialect, bare.resource = 0, nil, 0, nil
	return bare.constant == nil && bare.enum == nil && bare.ref == nil && bare.number == nil && bare.text == nil && bare.array == nil &&
		bare.object == nil && bare.allOf == nil && bare.anyOf == nil && bare.oneOf == nil && bare.not == nil && bare.ifRule == nil &&
		bare.unevaluatedItems == nil && bare.unevaluatedProperties == nil && bare.dynamic == nil && bare.meta == Unknown
}

func (b *programBuild) fill(n *wireNode, set []*rule) {
	if a := b.takenApart(set, nil, typeNull); a != nil {
		n.null = &wireScalar{b.choices(a)}
	}
	if a := b.takenApart(set, nil, typeBoolean); a != nil {
		scalar := &wireScalar{b.choices(a)}
		allowed := func(word string) bool {
			return !a.listed || slices.ContainsFunc(a.values, func(v *syntax.Node) bool { return v.Value == word })
		}
		if allowed("true") {
			n.yes = scalar
		}
		if allowed("false") {
			n.no = scalar
		}
	}
	if a := b.takenApart(set, nil, typeNumber); a != nil {
		n.number = b.number(a)
	}
	if a := b.takenApart(set, nil, typeString); a != nil {
		n.text = b.text(a)
	}
	if a := b.takenApart(set, nil, typeArray); a != nil {
		n.array = b.array(a)
	}
	n.object = b.object(set, nil)
}

// choices turns what is left of alternatives into nodes.
func (b *programBuild) choices(a *allRules) []wireChoice {
	var all []wireChoice
	for _, c := range a.choices {
		w := wireChoice{kind: c.kind}
		for _, r := range c.rules {
			var n *wireNode
			if r != nil {
				n = b.node([]*rule{r})
			}
			w.nodes = append(w.nodes, n)
		}
		all = append(all, w)
	}
	return all
}

func (b *programBuild) number(a *allRules) *wireNumber {
	w := &wireNumber{choices: b.choices(a)}
	for _, r := range a.rules {
		if r.types != 0 {
			w.whole = w.whole || r.types&typeFraction == 0
			w.torn = w.torn || r.types&typeInteger == 0
			w.draft4 = w.draft4 || r.dialect == Draft4
		}
		if r.number == nil {
			continue
		}
		for _, bound := range []struct {
			at     *decimal
			sign   int
			strict bool
		}{{r.number.minimum, 1, false}, {r.number.exclusiveMin, 1, true}, {r.number.maximum, -1, false}, {r.number.exclusiveMax, -1, true}} {
			if bound.at != nil {
				w.bounds = append(w.bounds, wireBound{wireDecimalFrom(bound.at.String()), bound.sign, bound.strict})
			}
		}
		if m := r.number.multipleOf; m != nil {
			w.multiples = append(w.multiples, wireDecimalFrom(m.String()))
		}
	}
	if a.listed {
		for _, v := range a.values {
			if d, ok := parseDecimal(v.Value); ok {
				w.values = append(w.values, wireDecimalFrom(d.String()))
			}
		}
		if w.values == nil {
			return nil
		}
	}
	w.free = !w.whole && !w.torn && w.bounds == nil && w.multiples == nil && w.values == nil && w.choices == nil
	return w
}

func wireDecimalFrom(text string) wireDecimal {
	d, ok := wireDecimalOf([]byte(text))
	if !ok {
		d = wireDecimal{text: []byte(text)}
	}
	return d
}

func (b *programBuild) text(a *allRules) *wireText {
	w := &wireText{maxLength: -1, choices: b.choices(a)}
	if a.listed {
		w.values = &textSet{}
		for _, v := range a.values {
			w.values.few = append(w.values.few, v.Value)
		}
		if len(a.values) > 8 {
			w.values.many = make(map[string]struct{}, len(a.values))
			for _, v := range a.values {
				w.values.many[v.Value] = struct{}{}
			}
		}
	}
	for _, r := range a.rules {
		t := r.text
		if t == nil {
			continue
		}
		w.minLength = max(w.minLength, t.minLength)
		if t.maxLength >= 0 && (w.maxLength < 0 || t.maxLength < w.maxLength) {
			w.maxLength = t.maxLength
		}
		if t.conforms != nil {
			w.checks = append(w.checks, formatCheck(t.format, t.conforms))
		}
		if t.pattern != nil {
			w.checks = append(w.checks, t.pattern.onBytes())
		}
		if t.content != nil {
			w.checks = append(w.checks, func(text []byte) bool { return t.content.holds(string(text)) })
		}
	}
	w.free = w.minLength == 0 && w.maxLength < 0 && w.values == nil && w.checks == nil && w.choices == nil
	return w
}

func (b *programBuild) array(a *allRules) *wireArray {
	w := &wireArray{maxItems: -1, choices: b.choices(a)}
	if a.listed {
		w.values = a.values
	}
	longest := 0
	for _, r := range a.rules {
		if r.array == nil {
			continue
		}
		longest = max(longest, len(r.array.prefix))
		w.minItems = max(w.minItems, r.array.minItems)
		if m := r.array.maxItems; m >= 0 && (w.maxItems < 0 || m < w.maxItems) {
			w.maxItems = m
		}
		w.unique = w.unique || r.array.unique
		if c := r.array.contains; c != nil {
			w.contains = append(w.contains, wireContains{b.node([]*rule{c}), r.array.minContains, r.array.maxContains})
		}
	}
	at := func(i int) *wireNode {
		var set []*rule
		for _, r := range a.rules {
			switch {
			case r.array == nil:
			case i < len(r.array.prefix):
				set = append(set, r.array.prefix[i])
			case r.array.rest != nil:
				set = append(set, r.array.rest)
			}
		}
		return b.node(append(set, a.ofItem(i)...))
	}
	for i := range longest {
		w.prefix = append(w.prefix, at(i))
	}
	w.rest = at(longest)
	w.noted = w.unique || w.contains != nil
	return w
}

// maxWirePatterns bounds how many patterns of names are told apart by the
// combinations that a name can match.
const maxWirePatterns = 6

// object is the table of a set of rules for objects, nil where none is
// possible. settled are the rules whose oneOf has been decided by a tag.
func (b *programBuild) object(set, settled []*rule) *wireObject {
	key := b.setKey(set) + "|" + b.setKey(settled)
	if o, known := b.objects[key]; known {
		return o
	}
	a := b.takenApart(set, settled, typeObject)
	if a == nil {
		b.objects[key] = nil
		return nil
	}
	o := &wireObject{}
	b.objects[key] = o
	if tag := b.tag(a, set, settled); tag != nil {
		o.tag = tag
		return o
	}
	o.maxProperties = -1
	o.choices = b.choices(a)
	if a.listed {
		o.values = a.values
	}
	var patterns []*pattern
	places := map[string]int{}
	place := func(name string) int {
		at, known := places[name]
		if !known {
			at = len(o.names)
			places[name] = at
			o.names = append(o.names, nameOf(name))
		}
		return at
	}
	for _, r := range a.rules {
		if r.object == nil {
			continue
		}
		for _, name := range nameOrder(r) {
			place(name)
		}
		for _, p := range r.object.patterns {
			if !slices.Contains(patterns, p.pattern) {
				patterns = append(patterns, p.pattern)
			}
		}
		o.minProperties = max(o.minProperties, r.object.minProperties)
		if m := r.object.maxProperties; m >= 0 && (o.maxProperties < 0 || m < o.maxProperties) {
			o.maxProperties = m
		}
		if r.object.names != nil {
			o.keyNodes = append(o.keyNodes, b.node([]*rule{r.object.names}))
		}
	}
	for _, r := range a.rules {
		if r.object == nil {
			continue
		}
		for _, name := range r.object.required {
			if at := place(name.Value); at < 64 {
				o.required |= 1 << at
			} else if !slices.Contains(o.moreRequired, at) {
				o.moreRequired = append(o.moreRequired, at)
			}
		}
		for _, d := range r.object.dependencies {
			need := wireNeed{of: place(d.of)}
			for _, name := range d.names {
				need.all = append(need.all, place(name.Value))
			}
			if d.rule != nil {
				need.node = b.node([]*rule{d.rule})
			}
			o.needs = append(o.needs, need)
		}
	}
	if len(patterns) > maxWirePatterns || len(o.names) > 60_000 {
		b.byTree = true
		return o
	}
	for i := range o.names {
		o.names[i].node = b.property(a, o.names[i].text)
	}
	o.rest = b.stray(a, patterns, 0)
	if len(patterns) > 0 {
		for which := range 1 << len(patterns) {
			o.byPattern = append(o.byPattern, b.stray(a, patterns, which))
		}
		for _, p := range patterns {
			o.patterns = append(o.patterns, p.onBytes())
		}
	}
	o.index()
	return o
}

// dropNames lets no property be there whose name propertyNames refuses, so that
// only names that are not known beforehand are held to it.
func (b *programBuild) dropNames() {
	d := &scanner{}
	for _, o := range b.objects {
		if o == nil || b.byTree {
			continue
		}
		for i := range o.names {
			d.text = AppendJSON(nil, text(o.names[i].text))
			for _, k := range o.keyNodes {
				if !d.document(k) {
					o.names[i].node = noValue
				}
			}
		}
	}
}

// nameOrder is the properties of a rule in the order in which they are written,
// which events follow more often than not.
func nameOrder(r *rule) []string {
	var names []string
	for _, item := range items(r.node.Get("properties")) {
		if _, has := r.object.properties[item.Key.Value]; has && !slices.Contains(names, item.Key.Value) {
			names = append(names, item.Key.Value)
		}
	}
	if len(names) != len(r.object.properties) {
		for _, name := range sortedNames(r.object) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// property is the node of a property that is named somewhere.
func (b *programBuild) property(a *allRules, name string) *wireNode {
	var set []*rule
	for _, r := range a.rules {
		o := r.object
		if o == nil {
			continue
		}
		known := false
		if p, has := o.properties[name]; has {
			set, known = append(set, p), true
		}
		for _, p := range o.patterns {
			matched, err := p.pattern.match(name)
			if err != nil {
				b.byTree = true
			}
			if matched {
				set, known = append(set, p.rule), true
			}
		}
		if !known && o.additional != nil {
			set = append(set, o.additional)
		}
	}
	return b.node(append(set, a.ofNames(func(o *objectRules) bool {
		return o.properties[name] != nil || slices.ContainsFunc(o.patterns, func(p patternRule) bool {
			matched, err := p.pattern.match(name)
			return matched && err == nil
		})
	})...))
}

// stray is the node of properties that are named nowhere and match some of the
// patterns.
func (b *programBuild) stray(a *allRules, patterns []*pattern, which int) *wireNode {
	var set []*rule
	for _, r := range a.rules {
		o := r.object
		if o == nil {
			continue
		}
		known := false
		for _, p := range o.patterns {
			if which&(1<<slices.Index(patterns, p.pattern)) != 0 {
				set, known = append(set, p.rule), true
			}
		}
		if !known && o.additional != nil {
			set = append(set, o.additional)
		}
	}
	return b.node(append(set, a.ofNames(func(o *objectRules) bool {
		return slices.ContainsFunc(o.patterns, func(p patternRule) bool { return which&(1<<slices.Index(patterns, p.pattern)) != 0 })
	})...))
}

// index makes the table of names, and the guess that they come in order.
func (o *wireObject) index() {
	size := 1 << bits.Len(uint(2*len(o.names)))
	o.table, o.mask = make([]uint16, size), uint64(size-1)
	for i, name := range o.names {
		slot := hashOf([]byte(name.text)) & o.mask
		for o.table[slot] != 0 {
			slot = (slot + 1) & o.mask
		}
		o.table[slot] = uint16(i + 1)
	}
	o.after = make([]atomic.Uint32, len(o.names)+1)
	for i := range o.after {
		o.after[i].Store(uint32(min(i, len(o.names)-1)))
	}
	o.lessons.Store(maxLessons)
}

// maxLessons is how often an object changes its guess of what comes next.
// Where events have no order of their own, guessing is given up, so that
// readers do not go on to write to what all of them read.
const maxLessons = 4096

func (o *wireObject) learn(expected, at int) {
	if o.lessons.Load() > 0 {
		o.lessons.Add(-1)
		o.after[expected].Store(uint32(at))
	}
}

// tag finds a property that every alternative of a oneOf or anyOf limits to
// constants of its own, and that is required. Then its value picks the
// alternative before anything is read.
func (b *programBuild) tag(a *allRules, set, settled []*rule) *wireTag {
	for _, c := range a.choices {
		if c.kind != chooseOne || len(c.rules) < 2 {
			continue
		}
		for _, name := range b.tagNames(c.rules[0]) {
			tag := &wireTag{name: name}
			seen := map[string]bool{}
			apart := true
			for _, r := range c.rules {
				values := b.tagValues(a, r, name)
				apart = apart && len(values) > 0
				for _, v := range values {
					text := string(canonical(nil, v))
					apart = apart && !seen[text] && !isContainerNode(v)
					seen[text] = true
				}
				tag.alternatives = append(tag.alternatives, wireAlternative{values: values})
			}
			if !apart {
				continue
			}
			for i, r := range c.rules {
				tag.alternatives[i].object = b.object(append(slices.Clip(set), r), append(slices.Clip(settled), c.owner))
			}
			tag.alternatives = slices.DeleteFunc(tag.alternatives, func(a wireAlternative) bool { return a.object == nil })
			return tag
		}
	}
	return nil
}

func isContainerNode(n *syntax.Node) bool {
	return n.Kind == syntax.Sequence || n.Kind == syntax.Mapping
}

// tagNames are the properties of an alternative that might tell it apart.
func (b *programBuild) tagNames(r *rule) []string {
	a := &allRules{of: typeObject}
	if !b.add(a, r) {
		return nil
	}
	var names []string
	for _, r := range a.rules {
		if r.object != nil {
			names = append(names, sortedNames(r.object)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// tagValues is what an alternative limits a property to that has to be there.
func (b *programBuild) tagValues(outer *allRules, r *rule, name string) []*syntax.Node {
	inner := &allRules{of: typeObject}
	if !b.add(inner, r) {
		return nil
	}
	required := false
	v := &allRules{}
	for _, from := range [][]*rule{outer.rules, inner.rules} {
		for _, r := range from {
			if r.object == nil {
				continue
			}
			required = required || slices.ContainsFunc(r.object.required, func(n *syntax.Node) bool { return n.Value == name })
		}
	}
	for _, r := range inner.rules {
		if r.object == nil || r.object.properties[name] == nil {
			continue
		}
		p := r.object.properties[name]
		for range maxReferences {
			if p.ref == nil || p.constant != nil || p.enum != nil {
				break
			}
			p = p.ref
		}
		switch {
		case p.constant != nil:
			v.values = []*syntax.Node{p.constant}
		case p.enum != nil:
			v.values = p.enum.Items
		}
	}
	if !required {
		return nil
	}
	return v.values
}

// onBytes is the pattern as a check of bytes: by an automaton where there is
// one, which is the case for nearly all.
func (p *pattern) onBytes() func([]byte) bool {
	if p.linear == nil {
		return func(text []byte) bool {
			ok, err := p.match(asString(text))
			return ok && err == nil
		}
	}
	if l, err := regular.Parse(p.linear.String()); err == nil {
		return l.MatchBytes
	}
	return p.linear.Match
}

// formatCheck is a format as a check of bytes.
func formatCheck(name string, conforms func(string) bool) func([]byte) bool {
	return func(text []byte) bool { return conforms(asString(text)) }
}
