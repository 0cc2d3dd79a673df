package regular

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// Lang is a regular language over Unicode scalar values. It is immutable and
// safe for concurrent use. The zero value is not usable; see Parse.
type Lang struct {
	bounds []rune  // ascending, from 0: where one interval of code points ends and the next begins
	class  []uint8 // of each interval
	size   int     // how many classes there are
	next   [][]int // by state, then class; a negative state is dead
	accept []bool
	start  int

	flat []int16 // by state, then byte of ASCII: the next state or matched; nil where there are many
	idle []bool  // by state: where printable ASCII leads back to it
	all  bool    // everything matches
}

// Parse returns the language of the strings in which an expression, in the
// syntax of Go's regexp, matches somewhere. The error is ErrTooLarge, or that
// of the parser of Go.
func Parse(expression string) (*Lang, error) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	d := &determiniser{prog: prog, ids: map[string]int{}}
	if !d.classes() {
		return nil, ErrTooLarge
	}
	return d.lang()
}

// classOf is the class of a code point.
func (l *Lang) classOf(r rune) int {
	i, exact := slices.BinarySearch(l.bounds, r)
	if !exact {
		i--
	}
	return int(l.class[i])
}

// Match reports whether a string, valid UTF-8, is in the language.
func (l *Lang) Match(s string) bool {
	at := l.start
	for _, r := range s {
		if at = l.next[at][l.classOf(r)]; at < 0 {
			return false
		}
	}
	return l.accept[at]
}

// determiniser makes an automaton of a program of Go's regexp. A state is the
// set of instructions that wait for the next code point, and what the previous
// one was, which assertions look at. A match is for good: whatever follows, the
// string has one.
type determiniser struct {
	prog *syntax.Prog
	l    Lang
	ids  map[string]int
	sets []set

	seen  []int // by instruction: the round in which closure came to it
	round int
}

type set struct {
	waiting []uint32
	before  before
}

// before is what stands before the place between two code points.
type before uint8

const (
	nothing before = iota
	wordBefore
	otherBefore
)

const endOfText rune = -1

// classes finds the intervals of code points that the program tells apart, and
// puts those that it treats alike into one class.
func (d *determiniser) classes() bool {
	marks := map[rune]bool{0: true, '\n': true, '\n' + 1: true, utf8.MaxRune + 1: true, 0xD800: true, 0xE000: true}
	words := false
	for i := range d.prog.Inst {
		inst := &d.prog.Inst[i]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1:
			for j := 0; j < len(inst.Rune); j += 2 {
				low, high := inst.Rune[j], inst.Rune[j]
				if j+1 < len(inst.Rune) {
					high = inst.Rune[j+1]
				}
				marks[low], marks[high+1] = true, true
			}
			if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
				return false // the expressions of JSON Schema have no such flag
			}
		case syntax.InstEmptyWidth:
			words = words || syntax.EmptyOp(inst.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
		}
	}
	if words {
		for _, r := range []rune{'0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1} {
			marks[r] = true
		}
	}
	for r := range marks {
		if r <= utf8.MaxRune {
			d.l.bounds = append(d.l.bounds, r)
		}
	}
	slices.Sort(d.l.bounds)
	alike := map[string]uint8{}
	var tests []int
	for i := range d.prog.Inst {
		switch d.prog.Inst[i].Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			tests = append(tests, i)
		}
	}
	tests = distinctTests(d.prog, tests)
	sign := make([]byte, len(tests)+2)
	for _, r := range d.l.bounds {
		for j, i := range tests {
			sign[j] = 0
			if d.prog.Inst[i].MatchRune(r) {
				sign[j] = 1
			}
		}
		sign[len(tests)], sign[len(tests)+1] = 0, 0
		if words && syntax.IsWordChar(r) {
			sign[len(tests)] = 1
		}
		if r >= 0xD800 && r < 0xE000 {
			sign[len(tests)+1] = 1 // no scalar values
		}
		c, known := alike[string(sign)]
		if !known {
			if len(alike) == 250 {
				return false
			}
			c = uint8(len(alike))
			alike[string(sign)] = c
		}
		d.l.class = append(d.l.class, c)
	}
	d.l.size = len(alike)
	return true
}

// distinctTests leaves out tests of code points that say the same as another.
func distinctTests(prog *syntax.Prog, tests []int) []int {
	seen := map[string]bool{}
	return slices.DeleteFunc(tests, func(i int) bool {
		inst := &prog.Inst[i]
		b := []byte{byte(inst.Op)}
		for _, r := range inst.Rune {
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
		}
		if seen[string(b)] {
			return true
		}
		seen[string(b)] = true
		return false
	})
}

// sample is a code point of each class, -1 for that of surrogates.
func (d *determiniser) samples() []rune {
	all := make([]rune, d.l.size)
	for i := len(d.l.bounds) - 1; i >= 0; i-- {
		r := d.l.bounds[i]
		if r >= 0xD800 && r < 0xE000 {
			r = -1
		}
		all[d.l.class[i]] = r
	}
	return all
}

func (d *determiniser) lang() (*Lang, error) {
	samples := d.samples()
	d.l.start = d.state(set{[]uint32{uint32(d.prog.Start)}, nothing})
	for at := 0; at < len(d.sets); at++ {
		if len(d.sets) > maxStates {
			return nil, ErrTooLarge
		}
		from := d.sets[at]
		d.l.next = append(d.l.next, make([]int, d.l.size))
		if from.waiting == nil { // matched
			d.l.accept = append(d.l.accept, true)
			for c := range d.l.next[at] {
				d.l.next[at][c] = at
			}
		} else {
			_, matched := d.closure(from, endOfText)
			d.l.accept = append(d.l.accept, matched)
			for c, r := range samples {
				d.l.next[at][c] = -1
				if r >= 0 {
					d.l.next[at][c] = d.step(from, r)
				}
			}
		}
		for c, r := range samples {
			if r < 0 {
				d.l.next[at][c] = -1
			}
		}
	}
	l := d.l
	l.trim()
	l.flatten()
	return &l, nil
}

// flatten prepares for MatchBytes.
func (l *Lang) flatten() {
	final := make([]bool, len(l.next)) // nothing that follows matters
	surrogates := l.classOf(0xD800)
	for at, next := range l.next {
		stays := l.accept[at]
		for c, to := range next {
			stays = stays && (to == at || c == surrogates)
		}
		final[at] = stays
	}
	if l.all = final[l.start]; l.all || len(l.next) > maxFlat {
		return
	}
	l.idle = make([]bool, len(l.next))
	for at, next := range l.next {
		l.idle[at] = true
		for r := range utf8.RuneSelf {
			to := next[l.classOf(rune(r))]
			if to >= 0 && final[to] {
				to = matched
			}
			l.flat = append(l.flat, int16(to))
			l.idle[at] = l.idle[at] && (to == at || !isPrintable(byte(r)))
		}
	}
}

// maxFlat is the number of states up to which there is a table by bytes, a
// quarter of a kilobyte each.
const maxFlat = 512

// matched stands in the table by bytes for a state after which nothing matters.
const matched = -2

// MatchBytes is Match on bytes, valid UTF-8. It does not allocate.
func (l *Lang) MatchBytes(b []byte) bool {
	switch {
	case l.all:
		return true
	case l.flat == nil:
		return l.Match(unsafe.String(unsafe.SliceData(b), len(b)))
	}
	at := l.start
	for i := 0; i < len(b); i++ {
		was := at
		if c := b[i]; c < utf8.RuneSelf {
			at = int(l.flat[at<<7|int(c)])
		} else {
			r, n := utf8.DecodeRune(b[i:])
			at = l.next[at][l.classOf(r)]
			i += n - 1
		}
		if at < 0 {
			return at == matched
		}
		if at == was && l.idle[at] {
			i = printable(b, i+1) - 1
		}
	}
	return l.accept[at]
}

func isPrintable(c byte) bool { return c >= ' ' && c < 0x80 }

// printable is the first byte from i that is a control character or above
// ASCII, eight at once.
func printable(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if w := binary.LittleEndian.Uint64(b[i:]); (w|(w-0x2020202020202020))&0x8080808080808080 != 0 {
			break
		}
	}
	for i < len(b) && isPrintable(b[i]) {
		i++
	}
	return i
}

// trim makes the states dead that no match can be reached from.
func (l *Lang) trim() {
	live := slices.Clone(l.accept)
	for changed := true; changed; {
		changed = false
		for at := len(l.next) - 1; at >= 0; at-- {
			if live[at] {
				continue
			}
			for _, to := range l.next[at] {
				if to >= 0 && live[to] {
					live[at], changed = true, true
					break
				}
			}
		}
	}
	for at := range l.next {
		for c, to := range l.next[at] {
			if to >= 0 && !live[to] {
				l.next[at][c] = -1
			}
		}
	}
}

func (d *determiniser) state(s set) int {
	key := make([]byte, 0, 4*len(s.waiting)+1)
	key = append(key, byte(s.before))
	for _, pc := range s.waiting {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	id, known := d.ids[string(key)]
	if !known {
		id = len(d.sets)
		d.ids[string(key)] = id
		d.sets = append(d.sets, s)
	}
	return id
}

// step is the state after a code point. The expression may begin to match at
// every place, so the start is always among those that wait.
func (d *determiniser) step(from set, r rune) int {
	reached, matched := d.closure(from, r)
	if matched {
		return d.state(set{nil, nothing})
	}
	to := set{before: otherBefore}
	if syntax.IsWordChar(r) {
		to.before = wordBefore
	}
	for _, pc := range reached {
		inst := &d.prog.Inst[pc]
		if inst.MatchRune(r) {
			to.waiting = append(to.waiting, inst.Out)
		}
	}
	to.waiting = append(to.waiting, uint32(d.prog.Start))
	slices.Sort(to.waiting)
	to.waiting = slices.Compact(to.waiting)
	return d.state(to)
}

// closure follows the instructions that wait for nothing, given what comes
// next. It returns those that wait for a code point, and whether one matched.
func (d *determiniser) closure(from set, next rune) ([]uint32, bool) {
	holds := conditions(from.before, next)
	if d.seen == nil {
		d.seen = make([]int, len(d.prog.Inst))
	}
	d.round++
	stack := slices.Clone(from.waiting)
	var reached []uint32
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if d.seen[pc] == d.round {
			continue
		}
		d.seen[pc] = d.round
		inst := &d.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^holds == 0 {
				stack = append(stack, inst.Out)
			}
		case syntax.InstFail:
		default:
			reached = append(reached, pc)
		}
	}
	return reached, false
}

// conditions are the assertions that hold between what is before and what is
// next.
func conditions(b before, next rune) syntax.EmptyOp {
	previous := rune(-1)
	switch b {
	case wordBefore:
		previous = 'a'
	case otherBefore:
		previous = ' '
	}
	return syntax.EmptyOpContext(previous, next)
}
