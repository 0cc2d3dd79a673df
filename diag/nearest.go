package diag

import (
	"unicode"
	"unicode/utf8"
)

// longestCompared is the number of letters from which words are no longer
// compared letter by letter: nobody mistypes one name of that length for
// another, and a hostile file has many of them.
const longestCompared = 96

// Nearest returns the candidate that the writer of word most likely meant, for
// "did you mean"; false where none is near enough. The word itself is never an
// answer. Words that differ only in case or in - and _ (also space and .) are
// nearest of all; otherwise the optimal string alignment distance counts, in
// which swapped neighbours are one mistake, and one mistake is allowed for
// every three letters of the longer word, up to four. Equals are decided by the
// longer common beginning, then in alphabetical order, so that the order of
// the candidates does not matter.
func Nearest(word string, candidates []string) (string, bool) {
	var buffer, other [longestCompared]rune
	letters, comparable := fold(buffer[:0], word)
	best, bestCost, bestCommon := "", 0, 0
	for _, candidate := range candidates {
		if candidate == word || candidate == "" {
			continue
		}
		cost, common := 0, 0
		if !sameBarSeparators(word, candidate) {
			if !comparable || len(candidate) > utf8.UTFMax*longestCompared {
				continue
			}
			theirs, ok := fold(other[:0], candidate)
			if !ok {
				continue
			}
			allowed := min(max(len(letters), len(theirs))/3, 4)
			if best != "" {
				allowed = min(allowed, bestCost)
			}
			if cost = distance(letters, theirs, allowed); cost > allowed {
				continue
			}
			common = commonPrefix(letters, theirs)
		}
		if best == "" || cost < bestCost || cost == bestCost &&
			(common > bestCommon || common == bestCommon && candidate < best) {
			best, bestCost, bestCommon = candidate, cost, common
		}
	}
	return best, best != ""
}

// fold appends the lower-case letters of s to buf as long as they fit.
func fold(buf []rune, s string) ([]rune, bool) {
	for _, r := range s {
		if len(buf) == cap(buf) {
			return buf, false
		}
		buf = append(buf, lower(r))
	}
	return buf, true
}

func lower(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

// sameBarSeparators reports whether a and b are the same letters but for case
// and the characters that join words.
func sameBarSeparators(a, b string) bool {
	for {
		var x, y rune
		x, a = nextLetter(a)
		y, b = nextLetter(b)
		if x != y {
			return false
		}
		if x < 0 {
			return true
		}
	}
}

// nextLetter cuts the first letter off s; -1 at the end.
func nextLetter(s string) (rune, string) {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch r {
		case '-', '_', ' ', '.':
		default:
			return lower(r), s
		}
	}
	return -1, ""
}

func commonPrefix(a, b []rune) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// distance counts insertions, deletions, substitutions and swaps of neighbours
// that turn a into b, each letter touched once (optimal string alignment). Any
// answer above limit only says "more than limit": just the diagonal band that
// can stay within it is filled in.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var rows [3][longestCompared + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, twoAbove := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		from, to := max(1, i-limit), min(len(b), i+limit)
		row[from-1] = limit + 1
		if from == 1 {
			row[0] = i
		}
		least := row[from-1]
		for j := from; j <= to; j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := above[j-1] + cost
			if j < i+limit { // above[j] is inside the band of the row above
				d = min(d, above[j]+1)
			}
			d = min(d, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, twoAbove[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
	}
	return min(rows[len(a)%3][len(b)], limit+1)
}
