package schema

import (
	"math/big"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// numbers is what is asked of a number: an interval, what it is a multiple of
// and what not, and values that it is not. All of it is brought to whole
// numbers of one power of ten, so that the arithmetic is exact.
type numbers struct {
	low, high           *decimal
	above, below        bool // the bound itself is excluded
	multiples, avoid    []*decimal
	whole, draft4, torn bool // an integer; by draft-04; written with a fraction though
	not                 []*decimal
}

// maxNumberDigits bounds the numbers that arithmetic is done with.
const maxNumberDigits = 700

// maxNumberTries bounds how many multiples are tried one by one.
const maxNumberTries = 4096

func (s *solver) holdsNumber(f *form, n *syntax.Node) bool {
	d, ok := parseDecimal(n.Value)
	if !ok {
		return false
	}
	switch f.op {
	case opMin:
		return d.cmp(f.num) >= 0
	case opAbove:
		return d.cmp(f.num) > 0
	case opMax:
		return d.cmp(f.num) <= 0
	case opBelow:
		return d.cmp(f.num) < 0
	case opMultiple:
		return d.isMultipleOf(f.num) != f.neg
	}
	dialect := Draft7
	if f.name != "" {
		dialect = Draft4
	}
	return (typeOf(n, dialect) == typeInteger) != f.neg
}

func (s *solver) solveNumber(atoms []*form) *outcome {
	var q numbers
	for _, f := range atoms {
		q.add(f)
	}
	if s.taste != nil {
		if o := s.taste.number(s, atoms); o != nil {
			return o
		}
	}
	value, state := q.solve()
	switch state {
	case satisfied:
		n := syntax.NewScalar(syntax.Number, value)
		if slices.ContainsFunc(atoms, func(f *form) bool { return f.op != opOpaque && !s.holds(f, n) }) {
			return &outcome{reason: "the bounds of a number are more than the arithmetic is made for"}
		}
		return &outcome{state: satisfied, value: n}
	case unsatisfiable:
		return impossible
	}
	return &outcome{reason: "multipleOf: no number was found within its limit of tries"}
}

func (q *numbers) add(f *form) {
	switch f.op {
	case opMin, opAbove:
		strict := f.op == opAbove
		if q.low == nil || f.num.cmp(q.low) > 0 || f.num.cmp(q.low) == 0 && strict {
			q.low, q.above = f.num, strict
		}
	case opMax, opBelow:
		strict := f.op == opBelow
		if q.high == nil || f.num.cmp(q.high) < 0 || f.num.cmp(q.high) == 0 && strict {
			q.high, q.below = f.num, strict
		}
	case opMultiple:
		if f.neg {
			q.avoid = append(q.avoid, f.num)
		} else {
			q.multiples = append(q.multiples, f.num)
		}
	case opInteger:
		switch {
		case !f.neg:
			q.whole, q.draft4 = true, q.draft4 || f.name != ""
		case f.name != "":
			q.torn = true
		default:
			q.avoid = append(q.avoid, one)
		}
	case opConst:
		q.exclude(f.node)
	case opEnum:
		for _, n := range f.all {
			q.exclude(n)
		}
	}
}

var one = &decimal{digits: "1"}

func (q *numbers) exclude(n *syntax.Node) {
	if n.Kind != syntax.Number {
		return
	}
	if d, ok := parseDecimal(n.Value); ok {
		q.not = append(q.not, d)
	}
}

// solve returns the number nearest to zero, integers before fractions.
func (q *numbers) solve() (string, state) {
	if q.draft4 && q.torn {
		return "", unsatisfiable
	}
	scale := 0
	for _, list := range [][]*decimal{{q.low, q.high}, q.multiples, q.avoid, q.not} {
		for _, d := range list {
			if d == nil {
				continue
			}
			if d.exponent > maxNumberDigits || d.exponent < -maxNumberDigits || len(d.digits) > maxNumberDigits {
				return "", unknown
			}
			scale = max(scale, -d.exponent)
		}
	}
	if q.low != nil && q.high != nil {
		if c := q.low.cmp(q.high); c > 0 || c == 0 && (q.above || q.below) {
			return "", unsatisfiable
		}
	}
	if q.whole || len(q.multiples) > 0 {
		return q.stepping(scale)
	}
	for _, extra := range []int{-scale, 0, 1, 2, 3, 8} { // whole numbers, then finer ones
		step := &numbers{low: q.low, high: q.high, above: q.above, below: q.below, avoid: q.avoid, not: q.not, torn: q.torn,
			multiples: []*decimal{{digits: "1", exponent: -(scale + extra)}}}
		if value, state := step.stepping(scale + max(extra, 0)); state == satisfied {
			return value, satisfied
		}
	}
	if q.low != nil && q.high != nil && q.low.cmp(q.high) == 0 {
		return "", unsatisfiable // one number, which was tried
	}
	return "", unknown
}

// stepping goes through the multiples of all that the number has to be a
// multiple of.
func (q *numbers) stepping(scale int) (string, state) {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	scaled := func(d *decimal) *big.Int {
		n, _ := new(big.Int).SetString("0"+d.digits, 10)
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exponent+scale)), nil))
		if d.negative {
			n.Neg(n)
		}
		return n
	}
	step := big.NewInt(1)
	if q.whole {
		step.Set(unit)
	}
	for i, m := range q.multiples {
		v := scaled(m)
		if i == 0 && !q.whole {
			step.Set(v)
			continue
		}
		gcd := new(big.Int).GCD(nil, nil, step, v)
		step.Div(step.Mul(step, v), gcd)
	}
	avoid := make([]*big.Int, len(q.avoid))
	for i, m := range q.avoid {
		avoid[i] = scaled(m)
		if new(big.Int).Mod(step, avoid[i]).Sign() == 0 {
			return "", unsatisfiable
		}
	}
	not := make(map[string]bool, len(q.not))
	for _, d := range q.not {
		not[scaled(d).String()] = true
	}
	var low, high *big.Int // of the factors of step
	if q.low != nil {
		var rest big.Int
		low, _ = new(big.Int).DivMod(scaled(q.low), step, &rest)
		if rest.Sign() != 0 || q.above {
			low.Add(low, big.NewInt(1))
		}
	}
	if q.high != nil {
		var rest big.Int
		high, _ = new(big.Int).DivMod(scaled(q.high), step, &rest)
		if rest.Sign() == 0 && q.below {
			high.Sub(high, big.NewInt(1))
		}
	}
	if low != nil && high != nil && low.Cmp(high) > 0 {
		return "", unsatisfiable
	}
	fits := func(k *big.Int) (string, bool) {
		v := new(big.Int).Mul(k, step)
		if not[v.String()] {
			return "", false
		}
		for _, m := range avoid {
			if new(big.Int).Mod(v, m).Sign() == 0 {
				return "", false
			}
		}
		return plainNumber(v, scale, q.torn), true
	}
	// From the factor nearest to zero outwards, in the directions there are.
	start := new(big.Int)
	if low != nil && low.Sign() > 0 {
		start.Set(low)
	} else if high != nil && high.Sign() < 0 {
		start.Set(high)
	}
	for i := int64(0); i < maxNumberTries; i++ {
		up := new(big.Int).Add(start, big.NewInt(i))
		down := new(big.Int).Sub(start, big.NewInt(i))
		upIn, downIn := high == nil || up.Cmp(high) <= 0, low == nil || down.Cmp(low) >= 0
		if !upIn && !downIn {
			return "", unsatisfiable // all were tried
		}
		if text, ok := fits(up); ok && upIn {
			return text, satisfied
		}
		if text, ok := fits(down); ok && downIn && i > 0 {
			return text, satisfied
		}
	}
	// A factor that is 1 more than a multiple of every period meets none of them.
	period := big.NewInt(1)
	for _, m := range avoid {
		period.Mul(period, new(big.Int).Div(m, new(big.Int).GCD(nil, nil, m, step)))
	}
	k := new(big.Int).Mod(start, period)
	k.Sub(start, k).Add(k, big.NewInt(1))
	for range len(q.not) + 2 {
		inside := (low == nil || k.Cmp(low) >= 0) && (high == nil || k.Cmp(high) <= 0)
		if text, ok := fits(k); ok && inside {
			return text, satisfied
		}
		k.Add(k, period)
	}
	return "", unknown
}

// plainNumber writes v × 10^-scale. torn asks for a fraction, of zero if need
// be.
func plainNumber(v *big.Int, scale int, torn bool) string {
	text := new(big.Int).Abs(v).String()
	if scale > 0 {
		if len(text) <= scale {
			text = strings.Repeat("0", scale-len(text)+1) + text
		}
		point := len(text) - scale
		text = strings.TrimRight(text[:point]+"."+text[point:], "0")
		text = strings.TrimSuffix(text, ".")
	}
	if torn && !strings.Contains(text, ".") {
		text += ".0"
	}
	if v.Sign() < 0 {
		text = "-" + text
	}
	return text
}
