package schema

import (
	"slices"
	"strconv"

	"github.com/treaty-events/treaty/internal/regular"
	"github.com/treaty-events/treaty/internal/syntax"
)

// solver looks for a value that makes forms true. It is complete where it says
// so: satisfied comes with a value, unsatisfiable is proved, and whatever a
// budget or a keyword put out of reach is unknown, with the reason.
//
// A set of forms about one value is a goal. For each JSON type the goal is
// expanded into forms about that type; those without alternatives are solved
// together by arithmetic, automata, or by choosing properties and items, each
// of which is a goal again; the value so found is tried on the alternatives,
// and only those that it fails are gone through one by one.
//
// A goal met again below itself fails there: the smallest value that satisfies
// it does not need another one inside. So recursive schemas end, and a failure
// that no such cut took part in holds for good.
type solver struct {
	yes, no    *form
	forms      map[formKey]*form
	negated    map[*form]*form
	nameSets   map[string]*nameSet
	expansions map[expansionKey]*form
	classes    map[*rule]*rule
	languages  map[string]*regular.Lang

	goals   map[int]known // by the id of the form
	trail   []int         // of goals: those that depend on a goal under way
	conjs   map[string]*outcome
	onStack map[int]int // depths of the goals under way
	lowest  int         // the outermost goal under way that a cut has reached since

	splitting int // calls of cases under way

	check validation
	steps int
	limit int
	taste *taste // nil: the least value
}

// known is the outcome of a goal. It holds for good, or as long as the goals
// under way from depth lowest on fail.
type known struct {
	*outcome
	lowest int
}

// state is what is known about a goal.
type state uint8

const (
	unknown state = iota
	unsatisfiable
	satisfied
)

type outcome struct {
	state  state
	value  *syntax.Node
	reason string // of unknown
}

var (
	impossible = &outcome{state: unsatisfiable}
	tooLong    = &outcome{reason: "the search took more steps than its limit"}
)

// solveSteps bounds the work for one question. It counts goals and
// combinations of forms tried, not time, so that answers do not depend on the
// machine.
const solveSteps = 60_000

func newSolver(roots ...*rule) *solver {
	s := &solver{
		forms:      map[formKey]*form{},
		negated:    map[*form]*form{},
		nameSets:   map[string]*nameSet{},
		expansions: map[expansionKey]*form{},
		languages:  map[string]*regular.Lang{},
		goals:      map[int]known{},
		conjs:      map[string]*outcome{},
		onStack:    map[int]int{},
		lowest:     maxInt,
		limit:      solveSteps,
	}
	s.yes = s.make(form{op: opTrue}, "")
	s.no = s.make(form{op: opFalse}, "")
	s.negated[s.yes], s.negated[s.no] = s.no, s.yes
	s.classify(roots)
	return s
}

const maxInt = int(^uint(0) >> 1)

// solve finds a value that has all of the forms.
func (s *solver) solve(fs ...*form) *outcome {
	goal := s.and(fs...)
	if goal == s.no {
		return impossible
	}
	if k, ok := s.goals[goal.id]; ok {
		s.lowest = min(s.lowest, k.lowest)
		return k.outcome
	}
	depth := len(s.onStack)
	if at, cut := s.onStack[goal.id]; cut {
		s.lowest = min(s.lowest, at)
		return impossible
	}
	if s.steps++; s.steps > s.limit || depth > maxGoals {
		return tooLong
	}
	outer, mark, taste := s.lowest, len(s.trail), s.taste
	s.lowest, s.taste = maxInt, nil // whether there is a value is no matter of taste
	s.onStack[goal.id] = depth
	o := s.solveTypes(goal)
	delete(s.onStack, goal.id)
	s.taste = taste
	switch {
	case o == tooLong:
		s.forget(mark)
	case o.state == satisfied:
		// What failed below may have failed because this goal was taken to.
		s.forget(mark)
		s.lowest = maxInt
		s.goals[goal.id] = known{o, maxInt}
	case s.lowest >= depth:
		for _, id := range s.trail[mark:] { // all of it holds for good
			s.goals[id] = known{s.goals[id].outcome, maxInt}
		}
		s.trail = s.trail[:mark]
		s.lowest = maxInt
		s.goals[goal.id] = known{o, maxInt}
	default:
		s.goals[goal.id] = known{o, s.lowest}
		s.trail = append(s.trail, goal.id)
	}
	s.lowest = min(s.lowest, outer)
	return o
}

// maxGoals bounds how deep goals are nested, which is how deep the values are.
const maxGoals = 400

func (s *solver) forget(mark int) {
	for _, id := range s.trail[mark:] {
		delete(s.goals, id)
	}
	s.trail = s.trail[:mark]
}

func (s *solver) solveTypes(goal *form) *outcome {
	worst := impossible
	possible := s.possible(goal)
	for _, t := range leastTypes {
		if t&possible == 0 {
			continue
		}
		o := s.solveType(goal, t)
		if o.state == satisfied {
			return o
		}
		if o.state == unknown {
			worst = o
		}
	}
	return worst
}

// leastTypes is the order in which types are tried for the least value.
var leastTypes = [...]typeSet{typeNull, typeBoolean, typeNumber, typeString, typeArray, typeObject}

// possible is the types that a goal leaves, at a glance.
func (s *solver) possible(f *form) typeSet {
	switch {
	case f.op == opConst && !f.neg:
		return kindType(f.node)
	case f.op == opRule && !f.neg && f.rule.types != 0:
		return f.rule.types
	case f.op == opAnd:
		types := everyType
		for _, sub := range f.subs {
			types &= s.possible(sub)
		}
		return types
	}
	return everyType
}

func (s *solver) solveType(goal *form, t typeSet) *outcome {
	c := &conjunction{of: t}
	if !s.assert(c, goal) {
		return impossible
	}
	return s.search(c)
}

// conjunction is what has been settled about a value of one type: atoms, which
// are without alternatives, and alternatives, of which each has to be
// satisfied.
type conjunction struct {
	of      typeSet
	atoms   []*form
	choices []*form
	met     []*form // rules and combinations that are expanded already
}

func (c *conjunction) clone() *conjunction {
	return &conjunction{c.of, slices.Clip(c.atoms), slices.Clone(c.choices), slices.Clip(c.met)}
}

// assert adds a form to a conjunction. The result is whether it can still hold.
func (s *solver) assert(c *conjunction, f *form) bool {
	switch f.op {
	case opTrue:
		return true
	case opFalse:
		return false
	case opAnd:
		for _, sub := range f.subs {
			if !s.assert(c, sub) {
				return false
			}
		}
		return true
	case opRule:
		if slices.Contains(c.met, f) {
			return true
		}
		if opposite := s.negated[f]; opposite != nil && slices.Contains(c.met, opposite) {
			return false
		}
		c.met = append(c.met, f)
		e := s.expand(f.rule, c.of)
		if f.neg {
			e = s.not(e)
		}
		return s.assert(c, e)
	case opOr:
		if !slices.Contains(c.choices, f) {
			c.choices = append(c.choices, f)
		}
		return true
	case opConst, opEnum:
		if f.neg && (c.of == typeArray || c.of == typeObject) {
			return s.assert(c, s.differs(f, c.of))
		}
	}
	if slices.Contains(c.atoms, f) {
		return true
	}
	if opposite := s.negated[f]; opposite != nil && slices.Contains(c.atoms, opposite) {
		return false
	}
	c.atoms = append(c.atoms, f)
	return true
}

// differs says by structure that a list or an object is none of some values.
func (s *solver) differs(f *form, t typeSet) *form {
	values := f.all
	if f.op == opConst {
		values = []*syntax.Node{f.node}
	}
	var fs []*form
	for _, v := range values {
		if kindType(v) == t {
			fs = append(fs, s.not(s.structure(v)))
		}
	}
	return s.and(fs...)
}

// structure says that a value is the list or object v.
func (s *solver) structure(v *syntax.Node) *form {
	var fs []*form
	if v.Kind == syntax.Sequence {
		fs = s.counts(fs, opMinItems, len(v.Items), len(v.Items))
		for i, item := range v.Items {
			fs = append(fs, s.remake(form{op: opAt, n: i, sub: s.ofConst(item)}))
		}
		return s.and(fs...)
	}
	names := make([]string, len(v.Items))
	for i, item := range v.Items {
		names[i] = item.Key.Value
		fs = append(fs, s.has(names[i], s.ofConst(item)))
	}
	slices.Sort(names)
	return s.and(append(fs, s.every(nameSet{except: names}, s.no))...)
}

func kindType(n *syntax.Node) typeSet {
	switch n.Kind {
	case syntax.Null:
		return typeNull
	case syntax.Bool:
		return typeBoolean
	case syntax.Number:
		return typeNumber
	case syntax.String:
		return typeString
	case syntax.Sequence:
		return typeArray
	}
	return typeObject
}

// search finds a value of a conjunction.
func (s *solver) search(c *conjunction) *outcome {
	if s.steps++; s.steps > s.limit {
		return tooLong
	}
	base := s.solveAtoms(c)
	if base.state == unsatisfiable || base == tooLong {
		return base
	}
	var open []*form // choices that the value at hand does not settle
	for _, f := range c.choices {
		if base.state == unknown || !s.holds(f, base.value) {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		return base
	}
	// The choice with the fewest ways left comes first; one with none ends it.
	var ways []*conjunction
	var chosen *form
	worst := impossible
	for i, f := range open {
		if i >= maxLookahead && chosen != nil {
			break
		}
		var left []*conjunction
		for _, sub := range f.subs {
			next := c.clone()
			next.choices = without(next.choices, f)
			if !s.assert(next, sub) {
				continue
			}
			o := s.solveAtoms(next)
			if o == tooLong {
				return o
			}
			if o.state == unsatisfiable {
				continue
			}
			if o.state == satisfied && len(next.choices) == 0 {
				return o
			}
			left = append(left, next)
			if chosen != nil && len(left) >= len(ways) {
				break
			}
		}
		if len(left) == 0 {
			return impossible
		}
		if chosen == nil || len(left) < len(ways) {
			ways, chosen = left, f
		}
		if len(ways) == 1 {
			break
		}
	}
	for _, next := range ways {
		o := s.search(next)
		switch {
		case o.state == satisfied || o == tooLong:
			return o
		case o.state == unknown:
			worst = o
		}
	}
	return worst
}

// maxLookahead bounds how many choices are compared before one is taken.
const maxLookahead = 6

func without(fs []*form, f *form) []*form {
	return slices.DeleteFunc(fs, func(g *form) bool { return g == f })
}

// solveAtoms solves a conjunction without its choices.
func (s *solver) solveAtoms(c *conjunction) *outcome {
	atoms := slices.Clone(c.atoms)
	slices.SortFunc(atoms, func(a, b *form) int { return a.id - b.id })
	key := strconv.Itoa(int(c.of)) + ":" + idText(atoms)
	if known := s.conjs[key]; known != nil {
		return known
	}
	if s.steps++; s.steps > s.limit {
		return tooLong
	}
	outer, taste := s.lowest, s.taste
	s.lowest, s.taste = maxInt, nil
	o := s.solveConjunction(c.of, atoms)
	s.taste = taste
	if s.lowest == maxInt && o != tooLong || o.state == satisfied {
		s.conjs[key] = o // no goal under way had a part in it
	}
	s.lowest = min(s.lowest, outer)
	return o
}

func (s *solver) solveConjunction(t typeSet, atoms []*form) *outcome {
	// Where values are listed, trying them decides.
	for _, f := range atoms {
		if !f.neg && (f.op == opConst || f.op == opEnum) {
			return s.among(t, f, atoms)
		}
	}
	var o *outcome
	switch t {
	case typeNull:
		o = s.among(t, nil, atoms, syntax.NewScalar(syntax.Null, "null"))
	case typeBoolean:
		o = s.among(t, nil, atoms, syntax.NewScalar(syntax.Bool, "false"), syntax.NewScalar(syntax.Bool, "true"))
	case typeNumber:
		o = s.solveNumber(atoms)
	case typeString:
		o = s.solveString(atoms)
	case typeArray:
		o = s.solveArray(atoms)
	case typeObject:
		o = s.solveObject(atoms)
	}
	if o.state != satisfied {
		return o
	}
	for _, f := range atoms {
		if f.op == opOpaque && !s.holds(f, o.value) {
			return &outcome{reason: f.name}
		}
	}
	return o
}

// among tries listed values.
func (s *solver) among(t typeSet, f *form, atoms []*form, values ...*syntax.Node) *outcome {
	if f != nil {
		values = f.all
		if f.op == opConst {
			values = []*syntax.Node{f.node}
		}
	}
	if s.taste != nil {
		values = s.taste.shuffled(values)
	}
	for _, v := range values {
		if kindType(v) != t || v.Kind == syntax.Invalid {
			continue
		}
		if !slices.ContainsFunc(atoms, func(f *form) bool { return !s.holds(f, v) }) {
			return &outcome{state: satisfied, value: v}
		}
	}
	return impossible
}

// holds tries a form on a value.
func (s *solver) holds(f *form, n *syntax.Node) bool {
	switch f.op {
	case opTrue:
		return true
	case opFalse:
		return false
	case opAnd:
		return !slices.ContainsFunc(f.subs, func(sub *form) bool { return !s.holds(sub, n) })
	case opOr:
		return slices.ContainsFunc(f.subs, func(sub *form) bool { return s.holds(sub, n) })
	case opRule, opOpaque:
		s.check.steps = 0
		return s.check.check(f.rule, n, nil) != f.neg
	case opConst:
		return equal(n, f.node) != f.neg
	case opEnum:
		return among(n, f.all) != f.neg
	case opMin, opAbove, opMax, opBelow, opInteger, opMultiple:
		return s.holdsNumber(f, n)
	case opMinLength, opMaxLength, opPattern, opFormat:
		return s.holdsString(f, n)
	case opMinItems, opMaxItems, opEach, opSomeFrom, opAt, opHasAt, opAtLeast, opAtMost, opUnique:
		return s.holdsArray(f, n)
	}
	return s.holdsObject(f, n)
}
