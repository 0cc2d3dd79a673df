package regular

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"unicode/utf8"
)

// Query asks for a string that is in every language of In and none of NotIn,
// has at least MinLen and at most MaxLen code points, and is none of Not. The
// zero value has a MaxLen of 0, which only the empty string meets; a negative
// one is no bound.
type Query struct {
	In, NotIn      []*Lang
	MinLen, MaxLen int
	Not            []string
}

// Result is how a search ended.
type Result int

// The results. The zero value is TooLarge.
const (
	TooLarge Result = iota // the limits stopped it
	Found
	Empty // proved: there is no such string
)

// Solve finds the shortest string, and of these one that is readable: letters
// before digits before everything else. Equal queries have equal answers.
func (q *Query) Solve() (string, Result) {
	word, result := "", Empty
	complete := q.Each(1, func(w string) bool {
		word, result = w, Found
		return false
	})
	if result == Empty && !complete {
		result = TooLarge
	}
	return word, result
}

// Each visits up to limit strings, shorter ones first, until visit returns
// false. The result is whether those are all that there are, or as many as were
// asked for; it is false where the limits stopped the search.
func (q *Query) Each(limit int, visit func(word string) bool) bool {
	p, ok := q.product()
	if !ok {
		return false
	}
	return p.each(limit, visit)
}

// Random returns some string that the query asks for, rather a short and
// readable one; false where none was found.
func (q *Query) Random(rng *rand.Rand) (string, bool) {
	p, ok := q.product()
	if !ok || !p.live(p.start) {
		return "", false
	}
	for range 8 {
		if word, ok := p.random(rng); ok && !slices.Contains(q.Not, word) {
			return word, true
		}
	}
	return "", false
}

// product is several automata walked at once, as one.
type product struct {
	*Query
	symbols []symbol
	next    [][]int // by state, then symbol; negative: dead
	accept  []bool
	far     []int // code points to the nearest accepting state, negative: none
	start   int
	work    int
}

// symbol is a set of code points that no automaton of a query tells apart.
type symbol struct {
	runes   []rune // the most readable ones, best first
	classes []int  // in each automaton
	rank    int
}

func (q *Query) langs() []*Lang { return append(slices.Clone(q.In), q.NotIn...) }

// product walks the automata from their start. It fails where that is too
// much.
func (q *Query) product() (*product, bool) {
	p := &product{Query: q, symbols: q.symbols()}
	langs := q.langs()
	ids := map[string]int{}
	var states [][]int
	state := func(at []int) int {
		for i := range q.In {
			if at[i] < 0 {
				return -1
			}
		}
		key := make([]byte, 0, 4*len(at))
		for _, s := range at {
			key = binary.LittleEndian.AppendUint32(key, uint32(s))
		}
		id, known := ids[string(key)]
		if !known {
			id = len(states)
			ids[string(key)] = id
			states = append(states, at)
		}
		return id
	}
	start := make([]int, len(langs))
	for i, l := range langs {
		start[i] = l.start
	}
	p.start = state(start)
	for id := 0; id < len(states); id++ {
		if p.work += len(p.symbols) * (1 + len(langs)); id > maxProduct || p.work > maxWork {
			return nil, false
		}
		at := states[id]
		accepts := true
		for i, l := range langs {
			accepts = accepts && (at[i] >= 0 && l.accept[at[i]]) == (i < len(q.In))
		}
		p.accept = append(p.accept, accepts)
		next := make([]int, len(p.symbols))
		for c := range p.symbols {
			to := make([]int, len(langs))
			for i, l := range langs {
				to[i] = -1
				if at[i] >= 0 {
					to[i] = l.next[at[i]][p.symbols[c].classes[i]]
				}
			}
			next[c] = state(to)
		}
		p.next = append(p.next, next)
	}
	p.measure()
	return p, true
}

// measure finds how far each state is from an accepting one.
func (p *product) measure() {
	back := make([][]int, len(p.next))
	for at, next := range p.next {
		for _, to := range next {
			if to >= 0 && (len(back[to]) == 0 || back[to][len(back[to])-1] != at) {
				back[to] = append(back[to], at)
			}
		}
	}
	p.far = make([]int, len(p.next))
	var queue []int
	for at := range p.far {
		p.far[at] = -1
		if p.accept[at] {
			p.far[at] = 0
			queue = append(queue, at)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, from := range back[at] {
			if p.far[from] < 0 {
				p.far[from] = p.far[at] + 1
				queue = append(queue, from)
			}
		}
	}
}

func (p *product) live(at int) bool { return at >= 0 && p.far[at] >= 0 }

// maxRunes bounds how many code points stand for a class when strings are
// enumerated.
const maxRunes = 64

// symbols splits the code points into sets that no automaton tells apart, the
// most readable first.
func (q *Query) symbols() []symbol {
	langs := q.langs()
	if len(langs) == 0 {
		s := symbol{}
		for r := rune('a'); r <= 'z'; r++ {
			s.runes = append(s.runes, r)
		}
		for r := rune(0x4E00); len(s.runes) < maxRunes; r++ {
			s.runes = append(s.runes, r)
		}
		return []symbol{s}
	}
	var bounds []rune
	for _, l := range langs {
		bounds = append(bounds, l.bounds...)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	at := make([]int, len(langs)) // the interval of each automaton
	index := map[string]int{}
	var all []symbol
	var spans [][][2]rune
	key := make([]byte, len(langs))
	for i, low := range bounds {
		high := rune(utf8.MaxRune)
		if i+1 < len(bounds) {
			high = bounds[i+1] - 1
		}
		classes := make([]int, len(langs))
		for j, l := range langs {
			for at[j]+1 < len(l.bounds) && l.bounds[at[j]+1] <= low {
				at[j]++
			}
			classes[j] = int(l.class[at[j]])
			key[j] = l.class[at[j]]
		}
		if low >= 0xD800 && low < 0xE000 {
			continue
		}
		n, known := index[string(key)]
		if !known {
			n = len(all)
			index[string(key)] = n
			all = append(all, symbol{classes: classes})
			spans = append(spans, nil)
		}
		spans[n] = append(spans[n], [2]rune{low, high})
	}
	for i := range all {
		all[i].runes = readable(spans[i])
		all[i].rank = rank(all[i].runes[0])
	}
	slices.SortStableFunc(all, func(a, b symbol) int { return a.rank - b.rank })
	return all
}

// preferred are the intervals of code points in the order in which people like
// to read them.
var preferred = [...][2]rune{{'a', 'z'}, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'-', '-'}, {'.', '.'}, {'!', '~'}, {' ', ' '}, {0xC0, 0x24F}, {0x391, 0x3C9}, {0x4E00, 0x9FA5}}

func rank(r rune) int {
	for i, p := range preferred {
		if r >= p[0] && r <= p[1] {
			return i
		}
	}
	return len(preferred)
}

// readable picks code points of a set, best first.
func readable(spans [][2]rune) []rune {
	var all []rune
	add := func(low, high rune) {
		for r := low; r <= high && len(all) < maxRunes; r++ {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	for _, p := range preferred {
		for _, s := range spans {
			add(max(p[0], s[0]), min(p[1], s[1]))
		}
	}
	for _, s := range spans {
		if len(all) < maxRunes {
			add(s[0], s[1])
		}
	}
	return all
}

// each visits strings length by length. For each length the states that lead
// to an accepting one in just so many steps are found first, so that no way is
// followed in vain.
func (p *product) each(limit int, visit func(string) bool) bool {
	if !p.live(p.start) {
		return true
	}
	found, quiet := 0, 0
	excluded := make(map[string]bool, len(p.Not))
	for _, w := range p.Not {
		excluded[w] = true
	}
	shortest := max(p.MinLen, p.far[p.start])
	reach := p.reaches()
	for length := shortest; p.MaxLen < 0 || length <= p.MaxLen; length++ {
		before := found
		any := false
		stop := false
		ok := p.words(reach, length, func(word string) bool {
			any = true
			if excluded[word] {
				return true
			}
			found++
			stop = !visit(word) || found >= limit
			return !stop
		})
		if stop {
			return true
		}
		if !ok {
			return false
		}
		// With no string of so many lengths in a row there are no longer ones: a
		// longer one would repeat a state, and be one without what lies between.
		if quiet++; any || found > before {
			quiet = 0
		}
		if quiet > len(p.next) {
			return true
		}
	}
	return true
}

// reaches returns whether an accepting state is so many steps away, filled in
// as it is asked for: row n holds the states n steps away.
func (p *product) reaches() func(n int) []bool {
	rows := [][]bool{p.accept}
	return func(n int) []bool {
		for len(rows) <= n {
			last := rows[len(rows)-1]
			row := make([]bool, len(p.next))
			for at, next := range p.next {
				for _, to := range next {
					if to >= 0 && last[to] {
						row[at] = true
						break
					}
				}
			}
			p.work += len(row) * len(p.symbols)
			rows = append(rows, row)
		}
		return rows[n]
	}
}

// words visits the strings of one length. The result is false where the work
// went over its limit.
func (p *product) words(reach func(int) []bool, length int, visit func(string) bool) bool {
	word := make([]rune, 0, length)
	going := true
	var walk func(at, left int)
	walk = func(at, left int) {
		if p.work++; p.work > maxWork {
			going = false
			return
		}
		if left == 0 {
			going = visit(string(word))
			return
		}
		closer := reach(left - 1)
		for c, to := range p.next[at] {
			if to < 0 || !closer[to] {
				continue
			}
			for _, r := range p.symbols[c].runes {
				word = append(word, r)
				walk(to, left-1)
				word = word[:len(word)-1]
				if !going {
					return
				}
			}
		}
	}
	if p.work += length; p.work > maxWork {
		return false
	}
	if reach(length)[p.start] {
		walk(p.start, length)
	}
	return p.work <= maxWork
}

// random walks from the start, and after a while the shortest way to an end.
func (p *product) random(rng *rand.Rand) (string, bool) {
	var word []rune
	wanted := p.MinLen + rng.IntN(8)
	if p.MaxLen >= 0 {
		wanted = min(wanted, p.MaxLen)
	}
	for at := p.start; ; {
		if p.accept[at] && len(word) >= p.MinLen && (len(word) >= wanted || rng.IntN(12) == 0) {
			return string(word), true
		}
		if len(word) > 4096 || p.MaxLen >= 0 && len(word) >= p.MaxLen {
			return "", false
		}
		var ways []int
		for c, to := range p.next[at] {
			if !p.live(to) || len(word) >= wanted && p.far[at] > 0 && p.far[to] >= p.far[at] {
				continue
			}
			// Readable classes come first, and mostly are taken.
			if len(ways) > 0 && p.symbols[c].rank > 6 && p.symbols[ways[0]].rank <= 6 {
				break
			}
			ways = append(ways, c)
		}
		if len(ways) == 0 {
			if p.accept[at] && len(word) >= p.MinLen {
				return string(word), true
			}
			return "", false
		}
		c := ways[rng.IntN(len(ways))]
		runes := p.symbols[c].runes
		n := len(runes)
		for n > 1 && rank(runes[n-1]) > max(rank(runes[0]), 1) {
			n--
		}
		word = append(word, runes[rng.IntN(n)])
		at = p.next[at][c]
	}
}
