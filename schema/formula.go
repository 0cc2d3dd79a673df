package schema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// A form is a formula about one value. Containment, satisfiability and samples
// are all the same question, whether some value makes a formula true, so
// schemas are first rewritten into these. There are two kinds: forms about a
// value of any type (a rule, a constant, and what is made of them with and, or
// and not) and, once the type is settled, forms about a value of that type: a
// bound, a pattern, a property. Forms are made by the solver alone, which keeps
// one for each meaning: equal forms are the same pointer.
type form struct {
	id   int
	op   op
	neg  bool // of opRule, opConst, opEnum, opMultiple, opPattern, opFormat, opUnique, opInteger, opOpaque
	n    int  // a count, a length or an index
	name string
	rule *rule
	node *syntax.Node // of opConst
	all  []*syntax.Node
	num  *decimal
	pat  *pattern
	says func(string) bool // of opFormat
	of   *nameSet
	sub  *form
	subs []*form
}

type op uint8

const (
	opTrue op = iota
	opFalse
	opAnd
	opOr
	opRule  // the value conforms to a rule
	opConst // the value equals node
	opEnum  // the value is one of all
	// numbers
	opInteger
	opMin   // at least num
	opAbove // more than num
	opMax   // at most num
	opBelow // less than num
	opMultiple
	// strings
	opMinLength
	opMaxLength
	opPattern
	opFormat
	// arrays
	opMinItems
	opMaxItems
	opEach     // every item from index n on has sub
	opSomeFrom // some item from index n on has sub
	opAt       // item n, where there is one, has sub
	opHasAt    // there is an item n, and it has sub
	opAtLeast  // at least n items have sub
	opAtMost   // at most n items have sub
	opUnique
	// objects
	opMinProperties
	opMaxProperties
	opProperty // property name, where there is one, has sub
	opHas      // there is a property name, and it has sub
	opEvery    // every property with a name in of has sub
	opSome     // some property with a name in of has sub
	opNames    // every name, taken as a string, has sub
	opSomeName // some name, taken as a string, has sub
	// anything that is known by trying alone
	opOpaque
)

// nameSet is a set of property names: all that match every pattern of in, none
// of out, and are not listed.
type nameSet struct {
	in, out []*pattern
	except  []string // sorted
}

func (ns *nameSet) has(name string) (bool, error) {
	if _, listed := slices.BinarySearch(ns.except, name); listed {
		return false, nil
	}
	for _, p := range ns.in {
		if ok, err := p.match(name); err != nil || !ok {
			return false, err
		}
	}
	for _, p := range ns.out {
		if ok, err := p.match(name); err != nil || ok {
			return false, err
		}
	}
	return true, nil
}

func (ns *nameSet) text() string {
	var b strings.Builder
	for _, p := range ns.in {
		b.WriteString("+" + strconv.Quote(p.text))
	}
	for _, p := range ns.out {
		b.WriteString("-" + strconv.Quote(p.text))
	}
	for _, name := range ns.except {
		b.WriteString(strconv.Quote(name))
	}
	return b.String()
}

// formKey is what tells one form from another.
type formKey struct {
	op   op
	neg  bool
	n    int
	sub  int
	rule *rule
	of   *nameSet
	text string
}

// make returns the one form with these parts.
func (s *solver) make(f form, text string) *form {
	k := formKey{op: f.op, neg: f.neg, n: f.n, rule: f.rule, of: f.of, text: text}
	if f.sub != nil {
		k.sub = f.sub.id + 1
	}
	if known := s.forms[k]; known != nil {
		return known
	}
	f.id = len(s.forms)
	made := &f
	s.forms[k] = made
	return made
}

func (s *solver) names(ns nameSet) *nameSet {
	text := ns.text()
	if known := s.nameSets[text]; known != nil {
		return known
	}
	s.nameSets[text] = &ns
	return &ns
}

// and and or flatten, sort and simplify, so that one meaning has one form more
// often.
func (s *solver) and(fs ...*form) *form { return s.join(opAnd, s.yes, s.no, fs) }
func (s *solver) or(fs ...*form) *form  { return s.join(opOr, s.no, s.yes, fs) }

func (s *solver) join(o op, neutral, absorbing *form, fs []*form) *form {
	out := make([]*form, 0, len(fs))
	for _, f := range fs {
		switch {
		case f == absorbing:
			return absorbing
		case f == neutral:
		case f.op == o:
			out = append(out, f.subs...)
		default:
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *form) int { return a.id - b.id })
	out = slices.Compact(out)
	switch len(out) {
	case 0:
		return neutral
	case 1:
		return out[0]
	}
	for _, f := range out {
		if opposite := s.negated[f]; opposite != nil && opposite.id < f.id {
			if _, there := slices.BinarySearchFunc(out, opposite, func(a, b *form) int { return a.id - b.id }); there {
				return absorbing
			}
		}
	}
	return s.make(form{op: o, subs: out}, idText(out))
}

func idText(fs []*form) string {
	b := make([]byte, 0, 4*len(fs))
	for _, f := range fs {
		b = append(strconv.AppendInt(b, int64(f.id), 36), ' ')
	}
	return string(b)
}

// ofRule is the form "conforms to r".
func (s *solver) ofRule(r *rule) *form {
	switch r.verdict {
	case accepts:
		return s.yes
	case rejects:
		return s.no
	}
	return s.make(form{op: opRule, rule: s.class(r)}, "")
}

func (s *solver) ofRules(rs []*rule) []*form {
	fs := make([]*form, len(rs))
	for i, r := range rs {
		fs[i] = s.ofRule(r)
	}
	return fs
}

func (s *solver) ofConst(n *syntax.Node) *form {
	return s.make(form{op: opConst, node: n}, string(canonical(nil, n)))
}

// not negates. Every form has a negation that is a form again.
func (s *solver) not(f *form) *form {
	if known := s.negated[f]; known != nil {
		return known
	}
	g := s.negate(f)
	s.negated[f], s.negated[g] = g, f
	return g
}

func (s *solver) negate(f *form) *form {
	with := func(o op, n int) *form {
		g := *f
		g.op, g.n = o, n
		return s.remake(g)
	}
	within := func(o op) *form {
		g := *f
		g.op, g.sub = o, s.not(f.sub)
		return s.remake(g)
	}
	switch f.op {
	case opTrue:
		return s.no
	case opFalse:
		return s.yes
	case opAnd, opOr:
		subs := make([]*form, len(f.subs))
		for i, sub := range f.subs {
			subs[i] = s.not(sub)
		}
		if f.op == opAnd {
			return s.or(subs...)
		}
		return s.and(subs...)
	case opMin:
		return with(opBelow, 0)
	case opBelow:
		return with(opMin, 0)
	case opMax:
		return with(opAbove, 0)
	case opAbove:
		return with(opMax, 0)
	case opMinLength, opMinItems, opMinProperties:
		if f.n == 0 {
			return s.no
		}
		return with(f.op+1, f.n-1)
	case opMaxLength, opMaxItems, opMaxProperties:
		return with(f.op-1, f.n+1)
	case opEach, opAt, opProperty, opEvery, opNames:
		return within(f.op + 1)
	case opSomeFrom, opHasAt, opHas, opSome, opSomeName:
		return within(f.op - 1)
	case opAtLeast:
		if f.n == 0 {
			return s.no
		}
		return with(opAtMost, f.n-1)
	case opAtMost:
		return with(opAtLeast, f.n+1)
	}
	g := *f
	g.neg = !f.neg
	return s.remake(g)
}

// remake is make for a form that was changed from another.
func (s *solver) remake(f form) *form {
	switch {
	case (f.op == opEach || f.op == opAt || f.op == opProperty || f.op == opEvery || f.op == opNames) && f.sub == s.yes:
		return s.yes
	case (f.op == opSomeFrom || f.op == opHasAt || f.op == opHas || f.op == opSome || f.op == opSomeName) && f.sub == s.no:
		return s.no
	case f.op == opAtLeast && f.n > 0 && f.sub == s.no:
		return s.no
	case f.op == opAtLeast && f.n <= 0, f.op == opAtMost && f.sub == s.no:
		return s.yes
	}
	text := f.name
	switch {
	case f.op == opConst:
		text = string(canonical(nil, f.node))
	case f.op == opEnum:
		text = enumText(f.all)
	case f.num != nil:
		text = f.num.String()
	case f.pat != nil:
		text = f.pat.text
	}
	return s.make(f, text)
}

func enumText(all []*syntax.Node) string {
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = string(canonical(nil, n))
	}
	slices.Sort(texts)
	return strings.Join(texts, "\x00")
}

// expand writes what a rule asks of a value of one JSON type: opRule becomes
// forms about that type, whose parts about the values inside are rules again.
func (s *solver) expand(r *rule, t typeSet) *form {
	k := expansionKey{r, t}
	if f := s.expansions[k]; f != nil {
		return f
	}
	f := s.expandAnew(r, t)
	s.expansions[k] = f
	return f
}

type expansionKey struct {
	rule *rule
	of   typeSet
}

func (s *solver) expandAnew(r *rule, t typeSet) *form {
	if r.meta != Unknown {
		return s.opaque(r, "$ref", "a reference to a meta-schema")
	}
	evaluates := t == typeObject && r.unevaluatedProperties != nil || t == typeArray && r.unevaluatedItems != nil
	if !evaluates {
		return s.and(append(s.inPlace(r, t), s.own(r, t))...)
	}
	cases, ok := s.cases(r, t)
	if !ok {
		return s.opaque(r, "unevaluated", "more alternatives than can be told apart")
	}
	rest := r.unevaluatedProperties
	if t == typeArray {
		rest = r.unevaluatedItems
	}
	all := make([]*form, len(cases))
	for i, c := range cases {
		all[i] = s.and(c.form, s.unseen(c, t, s.ofRule(rest)))
	}
	return s.or(all...)
}

func (s *solver) opaque(r *rule, keyword, why string) *form {
	return s.make(form{op: opOpaque, rule: r, name: keyword + ": " + why}, keyword)
}

// own is what the keywords of a rule ask by themselves, subschemas applied in
// place left aside.
func (s *solver) own(r *rule, t typeSet) *form {
	if r.types != 0 && r.types&t == 0 {
		return s.no
	}
	var fs []*form
	if t == typeNumber && r.types != 0 && r.types&typeNumber != typeNumber {
		draft := ""
		if r.dialect == Draft4 {
			draft = "4" // where 1.0 is no integer
		}
		fs = append(fs, s.make(form{op: opInteger, name: draft, neg: r.types&typeInteger == 0}, draft))
	}
	if r.constant != nil {
		fs = append(fs, s.ofConst(r.constant))
	}
	if r.enum != nil {
		fs = append(fs, s.make(form{op: opEnum, all: r.enum.Items}, enumText(r.enum.Items)))
	}
	switch {
	case t == typeNumber && r.number != nil:
		fs = s.ownNumber(fs, r.number)
	case t == typeString && r.text != nil:
		fs = s.ownText(fs, r)
	case t == typeArray && r.array != nil:
		fs = s.ownArray(fs, r.array)
	case t == typeObject && r.object != nil:
		fs = s.ownObject(fs, r.object)
	}
	return s.and(fs...)
}

func (s *solver) ownNumber(fs []*form, n *numberRules) []*form {
	for _, b := range []struct {
		op    op
		bound *decimal
	}{{opMin, n.minimum}, {opAbove, n.exclusiveMin}, {opMax, n.maximum}, {opBelow, n.exclusiveMax}, {opMultiple, n.multipleOf}} {
		if b.bound != nil {
			fs = append(fs, s.make(form{op: b.op, num: b.bound}, b.bound.String()))
		}
	}
	return fs
}

func (s *solver) ownText(fs []*form, r *rule) []*form {
	t := r.text
	fs = s.counts(fs, opMinLength, t.minLength, t.maxLength)
	if t.pattern != nil {
		fs = append(fs, s.make(form{op: opPattern, pat: t.pattern}, t.pattern.text))
	}
	if t.conforms != nil {
		fs = append(fs, s.make(form{op: opFormat, name: formatText(r), says: t.conforms}, formatText(r)))
	}
	if t.content != nil {
		fs = append(fs, s.make(form{op: opFormat, name: t.content.name(), says: t.content.holds}, t.content.name()))
	}
	return fs
}

// counts adds a lower and an upper bound; the operator of the upper one comes
// after that of the lower.
func (s *solver) counts(fs []*form, lower op, least, most int) []*form {
	if least > 0 {
		fs = append(fs, s.make(form{op: lower, n: least}, ""))
	}
	if most >= 0 {
		fs = append(fs, s.make(form{op: lower + 1, n: most}, ""))
	}
	return fs
}

func (s *solver) ownArray(fs []*form, a *arrayRules) []*form {
	fs = s.counts(fs, opMinItems, a.minItems, a.maxItems)
	for i, p := range a.prefix {
		fs = append(fs, s.remake(form{op: opAt, n: i, sub: s.ofRule(p)}))
	}
	if a.rest != nil {
		fs = append(fs, s.remake(form{op: opEach, n: len(a.prefix), sub: s.ofRule(a.rest)}))
	}
	if a.contains != nil {
		sub := s.ofRule(a.contains)
		if a.minContains > 0 {
			fs = append(fs, s.remake(form{op: opAtLeast, n: a.minContains, sub: sub}))
		}
		if a.maxContains >= 0 {
			fs = append(fs, s.remake(form{op: opAtMost, n: a.maxContains, sub: sub}))
		}
	}
	if a.unique {
		fs = append(fs, s.make(form{op: opUnique}, ""))
	}
	return fs
}

func (s *solver) ownObject(fs []*form, o *objectRules) []*form {
	fs = s.counts(fs, opMinProperties, o.minProperties, o.maxProperties)
	for _, name := range o.required {
		fs = append(fs, s.has(name.Value, s.yes))
	}
	names := sortedNames(o)
	for _, name := range names {
		fs = append(fs, s.property(name, s.ofRule(o.properties[name])))
	}
	var patterns []*pattern
	for _, p := range o.patterns {
		patterns = append(patterns, p.pattern)
		fs = append(fs, s.every(nameSet{in: []*pattern{p.pattern}}, s.ofRule(p.rule)))
	}
	if o.additional != nil {
		fs = append(fs, s.every(nameSet{out: patterns, except: names}, s.ofRule(o.additional)))
	}
	if o.names != nil {
		fs = append(fs, s.remake(form{op: opNames, sub: s.ofRule(o.names)}))
	}
	for _, d := range o.dependencies {
		if d.rule == nil {
			needed := make([]*form, len(d.names))
			for i, name := range d.names {
				needed[i] = s.has(name.Value, s.yes)
			}
			fs = append(fs, s.or(s.property(d.of, s.no), s.and(needed...)))
		}
	}
	return fs
}

func sortedNames(o *objectRules) []string {
	names := make([]string, 0, len(o.properties))
	for name := range o.properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *solver) has(name string, sub *form) *form {
	return s.remake(form{op: opHas, name: name, sub: sub})
}

func (s *solver) property(name string, sub *form) *form {
	return s.remake(form{op: opProperty, name: name, sub: sub})
}

func (s *solver) every(ns nameSet, sub *form) *form {
	return s.remake(form{op: opEvery, of: s.names(ns), sub: sub})
}

// inPlace is what the subschemas that apply to the same value ask.
func (s *solver) inPlace(r *rule, t typeSet) []*form {
	var fs []*form
	if r.ref != nil {
		fs = append(fs, s.ofRule(r.ref))
	}
	fs = append(fs, s.ofRules(r.allOf)...)
	if r.anyOf != nil {
		fs = append(fs, s.or(s.ofRules(r.anyOf)...))
	}
	if r.oneOf != nil {
		fs = append(fs, s.exactlyOne(s.ofRules(r.oneOf)))
	}
	if r.not != nil {
		fs = append(fs, s.not(s.ofRule(r.not)))
	}
	if r.ifRule != nil {
		condition, then, otherwise := s.ofRule(r.ifRule), s.yes, s.yes
		if r.thenRule != nil {
			then = s.ofRule(r.thenRule)
		}
		if r.elseRule != nil {
			otherwise = s.ofRule(r.elseRule)
		}
		fs = append(fs, s.or(s.and(condition, then), s.and(s.not(condition), otherwise)))
	}
	if t == typeObject && r.object != nil {
		for _, d := range r.object.dependencies {
			if d.rule != nil {
				fs = append(fs, s.or(s.property(d.of, s.no), s.ofRule(d.rule)))
			}
		}
	}
	return fs
}

func (s *solver) exactlyOne(branches []*form) *form {
	if len(branches) == 1 {
		return branches[0]
	}
	all := make([]*form, len(branches))
	for i := range branches {
		parts := make([]*form, len(branches))
		for j, other := range branches {
			parts[j] = s.not(other)
		}
		parts[i] = branches[i]
		all[i] = s.and(parts...)
	}
	exactly := s.or(all...)
	if s.negated[exactly] == nil && exactly.op == opOr {
		// Negating the alternatives one by one would multiply them; two at once
		// or none is the same and short.
		none := make([]*form, len(branches))
		more := []*form{}
		for i, b := range branches {
			none[i] = s.not(b)
			for _, other := range branches[i+1:] {
				more = append(more, s.and(b, other))
			}
		}
		g := s.or(append(more, s.and(none...))...)
		s.negated[exactly] = g
		if s.negated[g] == nil {
			s.negated[g] = exactly
		}
	}
	return exactly
}
