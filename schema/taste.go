package schema

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// taste makes the solver find values that a person would write, rather than
// the least ones: optional properties are there more often than not, texts and
// numbers suit the names that they stand under, examples of the schema are
// used. Whether there is a value at all is settled first and without it.
type taste struct {
	rng   *rand.Rand
	names []string // of the properties on the way to the value being made
	size  int      // values made so far
}

// From these on only the least values are made, so that recursive schemas end.
const (
	tasteDepth = 6
	tasteSize  = 400
)

// give is solve for a value that is going to be shown.
func (s *solver) give(goal *form) *outcome {
	plain := s.solve(goal)
	t := s.taste
	if t == nil || plain.state != satisfied {
		return plain
	}
	if t.size++; len(t.names) > tasteDepth || t.size > tasteSize {
		return plain
	}
	if n := t.example(s, goal); n != nil {
		return &outcome{state: satisfied, value: n}
	}
	possible := s.possible(goal)
	for _, typ := range t.types(possible) {
		c := &conjunction{of: typ}
		if possible&typ == 0 || !s.assert(c, goal) {
			continue
		}
		if o := s.relish(c); o.state == satisfied {
			return o
		}
	}
	return plain
}

// giveNamed is give for the value of a property.
func (s *solver) giveNamed(name string, goal *form) *outcome {
	if s.taste == nil {
		return s.solve(goal)
	}
	s.taste.names = append(s.taste.names, name)
	o := s.give(goal)
	s.taste.names = s.taste.names[:len(s.taste.names)-1]
	return o
}

// relish finds a value of a conjunction, alternatives taken at random: those
// that a schema offers before anything else, those that come from what it
// forbids only where the value at hand needs it.
func (s *solver) relish(c *conjunction) *outcome {
	for range maxRelish {
		i := slices.IndexFunc(c.choices, offers)
		if i < 0 {
			o := s.relishAtoms(c)
			if o.state != satisfied {
				return o
			}
			if i = slices.IndexFunc(c.choices, func(f *form) bool { return !s.holds(f, o.value) }); i < 0 {
				return o
			}
		}
		next := s.taken(c, c.choices[i])
		if next == nil {
			return impossible
		}
		c = next
	}
	return impossible
}

// maxRelish bounds how many alternatives one value is made from.
const maxRelish = 64

// offers reports whether an alternative is one of anyOf, oneOf or if.
func offers(f *form) bool {
	positive := func(g *form) bool { return g.op == opRule && !g.neg }
	return slices.ContainsFunc(f.subs, func(g *form) bool {
		return positive(g) || g.op == opAnd && slices.ContainsFunc(g.subs, positive)
	})
}

// taken settles a choice on one of its ways, at random among those that lead
// to a value.
func (s *solver) taken(c *conjunction, f *form) *conjunction {
	for _, i := range s.taste.rng.Perm(len(f.subs)) {
		next := c.clone()
		next.choices = without(next.choices, f)
		if s.assert(next, f.subs[i]) && s.plainly(next).state == satisfied {
			return next
		}
	}
	return nil
}

func (s *solver) plainly(c *conjunction) *outcome {
	t := s.taste
	s.taste = nil
	o := s.search(c.clone())
	s.taste = t
	return o
}

func (s *solver) relishAtoms(c *conjunction) *outcome {
	return s.solveConjunction(c.of, c.atoms)
}

// example takes a value that the schema gives as one, more often than not.
func (t *taste) example(s *solver, goal *form) *syntax.Node {
	forms := []*form{goal}
	if goal.op == opAnd {
		forms = goal.subs
	}
	if t.rng.IntN(4) == 0 {
		return nil
	}
	for _, f := range forms {
		if f.op != opRule || f.neg || f.rule.node == nil {
			continue
		}
		var given []*syntax.Node
		given = append(given, items(f.rule.node.Get("examples"))...)
		for _, k := range []string{"example", "default"} {
			if v := f.rule.node.Get(k); v != nil {
				given = append(given, v)
			}
		}
		for _, n := range t.shuffled(given) {
			if n.Kind != syntax.Invalid && s.holds(goal, n) {
				return syntax.WithKey(n, nil)
			}
		}
	}
	return nil
}

func (t *taste) shuffled(values []*syntax.Node) []*syntax.Node {
	values = slices.Clone(values)
	t.rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}

// types orders the types to try: what is rather there than null, and of a value
// that may be anything something plain.
func (t *taste) types(possible typeSet) []typeSet {
	order := []typeSet{typeObject, typeString, typeNumber, typeArray, typeBoolean}
	if possible&^(typeObject|typeArray) != 0 && possible&typeObject != 0 && possible&typeString != 0 {
		order = []typeSet{typeString, typeNumber, typeBoolean, typeObject, typeArray}
	}
	if t.rng.IntN(3) == 0 {
		i, j := t.rng.IntN(len(order)), t.rng.IntN(len(order))
		order[i], order[j] = order[j], order[i]
	}
	if t.rng.IntN(5) == 0 {
		return append([]typeSet{typeNull}, order...)
	}
	return append(order, typeNull)
}

// name is the name that the value stands under, "" at the root.
func (t *taste) name() string {
	if len(t.names) == 0 {
		return ""
	}
	return t.names[len(t.names)-1]
}

// number makes a number that suits its name, where the bounds allow one.
func (t *taste) number(s *solver, atoms []*form) *outcome {
	fits := func(text string) *outcome {
		n := syntax.NewScalar(syntax.Number, text)
		if slices.ContainsFunc(atoms, func(f *form) bool { return !s.holds(f, n) }) {
			return nil
		}
		return &outcome{state: satisfied, value: n}
	}
	var q numbers
	for _, f := range atoms {
		q.add(f)
	}
	for range 8 {
		if o := fits(naturalNumber(t.name(), q.whole, t.rng)); o != nil {
			return o
		}
	}
	// Any number between the bounds, a multiple of what it has to be one of.
	step := "1"
	if len(q.multiples) > 0 {
		step = q.multiples[0].String()
	}
	unit, ok := new(big.Rat).SetString(step)
	if !ok {
		return nil
	}
	low, high := big.NewRat(0, 1), big.NewRat(100, 1)
	if q.low != nil {
		low.SetString(q.low.String())
		high.Add(low, new(big.Rat).Mul(unit, big.NewRat(100, 1)))
	}
	if q.high != nil {
		high.SetString(q.high.String())
		if q.low == nil {
			low.Sub(high, new(big.Rat).Mul(unit, big.NewRat(100, 1)))
		}
	}
	width := new(big.Rat).Quo(new(big.Rat).Sub(high, low), unit)
	steps := new(big.Int).Quo(width.Num(), width.Denom())
	for range 8 {
		k := int64(0)
		if steps.IsInt64() && steps.Int64() > 0 {
			k = t.rng.Int64N(steps.Int64() + 1)
		}
		first := new(big.Rat).Quo(low, unit)
		whole := new(big.Int).Quo(first.Num(), first.Denom())
		v := new(big.Rat).SetInt(whole.Add(whole, big.NewInt(k)))
		v.Mul(v, unit)
		text := strings.TrimSuffix(strings.TrimRight(v.FloatString(12), "0"), ".")
		if o := fits(text); o != nil {
			return o
		}
	}
	return nil
}

// word makes a text that suits its name and format, where the schema allows
// one.
func (t *taste) word(q *texts, fits func(string) bool) (string, bool) {
	for _, f := range q.formats {
		if f.neg {
			continue
		}
		for range 4 {
			if word := naturalFormat(f.name, t.name(), t.rng); fits(word) {
				return word, true
			}
		}
	}
	for range 6 {
		if word := naturalText(t.name(), t.rng); fits(word) {
			return word, true
		}
	}
	for range 4 {
		if word, ok := q.Random(t.rng); ok && fits(word) {
			return word, true
		}
	}
	return "", false
}

// lengths is the order in which lengths of a list are tried.
func (t *taste) lengths(l *list, enough int) []int {
	if t != nil {
		most := l.least + 3
		if l.most >= 0 {
			most = min(most, l.most)
		}
		enough = max(enough, most)
	}
	var all []int
	for n := l.least; n <= enough; n++ {
		all = append(all, n)
	}
	if t != nil && len(all) > 1 && len(t.names) <= tasteDepth {
		i := 1 + t.rng.IntN(len(all)-1)
		all[0], all[i] = all[i], all[0]
	}
	return all
}

// optional reports whether a property that need not be there is to be.
func (t *taste) optional() bool {
	return t != nil && len(t.names) <= tasteDepth && t.rng.IntN(10) > len(t.names)
}
