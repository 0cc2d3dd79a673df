package regular

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"
)

// expression grows a regular expression at random.
func expression(rng *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"a", "b", "c", "[ab]", "[^a]", ".", `\w`, `\d`, "é", "^", "$", `\b`, `\B`, "(?s:.)", `\s`, ""}[rng.IntN(16)]
	}
	e := func() string { return expression(rng, depth-1) }
	switch rng.IntN(8) {
	case 0, 1, 2:
		return e() + e()
	case 3:
		return "(?:" + e() + "|" + e() + ")"
	case 4:
		return "(?:" + e() + ")" + []string{"*", "+", "?", "{2}", "{1,3}", "{0}"}[rng.IntN(6)]
	case 5:
		return "^" + e() + "$"
	}
	return e()
}

func word(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(6) {
		b.WriteString([]string{"a", "b", "c", "1", "_", " ", "é", "\n", "-"}[rng.IntN(9)])
	}
	return b.String()
}

// TestMatch holds automata against the engine that they are made from.
func TestMatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		e := expression(rng, rng.IntN(4))
		l, err := Parse(e)
		if err != nil {
			t.Fatalf("%q: %v", e, err)
		}
		re := regexp.MustCompile(e)
		for range 20 {
			if w := word(rng); l.Match(w) != re.MatchString(w) {
				t.Fatalf("%q on %q: %v, the engine says %v", e, w, l.Match(w), re.MatchString(w))
			}
		}
	}
}

// small is every string of up to n of some characters, shorter ones first.
func small(n int) []string {
	all := []string{""}
	for last := all; n > 0; n-- {
		var next []string
		for _, w := range last {
			for _, c := range []string{"a", "b", "1", "-", "\n", "é"} {
				next = append(next, w+c)
			}
		}
		all = append(all, next...)
		last = next
	}
	return all
}

// TestSolve holds the answers of random questions against all short strings.
func TestSolve(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	words := small(4)
	results := map[Result]int{}
	for range 1500 {
		q := &Query{MaxLen: rng.IntN(7) - 1}
		var in, out []*regexp.Regexp
		var text []string
		for range rng.IntN(3) {
			e := expression(rng, 2)
			l, _ := Parse(e)
			q.In, in, text = append(q.In, l), append(in, regexp.MustCompile(e)), append(text, "+"+e)
		}
		for range rng.IntN(3) {
			e := expression(rng, 2)
			l, _ := Parse(e)
			q.NotIn, out, text = append(q.NotIn, l), append(out, regexp.MustCompile(e)), append(text, "-"+e)
		}
		if rng.IntN(2) == 0 {
			q.MinLen = rng.IntN(3)
		}
		for range rng.IntN(3) {
			q.Not = append(q.Not, word(rng))
		}
		fits := func(w string) bool {
			n := utf8.RuneCountInString(w)
			ok := n >= q.MinLen && (q.MaxLen < 0 || n <= q.MaxLen)
			for _, re := range in {
				ok = ok && re.MatchString(w)
			}
			for _, re := range out {
				ok = ok && !re.MatchString(w)
			}
			for _, x := range q.Not {
				ok = ok && w != x
			}
			return ok
		}
		got, result := q.Solve()
		results[result]++
		if result == Found && !fits(got) {
			t.Fatalf("%q: %q does not fit %+v", text, got, q)
		}
		for _, w := range words {
			if !fits(w) {
				continue
			}
			if result == Empty {
				t.Fatalf("%q: said to be empty, but has %q", text, w)
			}
			if result == Found && utf8.RuneCountInString(got) > utf8.RuneCountInString(w) {
				t.Fatalf("%q: %q is shorter than %q", text, w, got)
			}
			break
		}
		seen := map[string]bool{}
		q.Each(30, func(w string) bool {
			if !fits(w) || seen[w] {
				t.Fatalf("%q: %q is enumerated twice or does not fit", text, w)
			}
			seen[w] = true
			return true
		})
		if w, ok := q.Random(rng); ok && !fits(w) {
			t.Fatalf("%q: %q, taken at random, does not fit", text, w)
		}
	}
	if results[Found] < 100 || results[Empty] < 100 || results[TooLarge] > 15 {
		t.Errorf("of the answers, %d were found, %d empty, %d too large", results[Found], results[Empty], results[TooLarge])
	}
}

// TestEnd holds that enumerations of finite languages end, and which words are
// taken first.
func TestEnd(t *testing.T) {
	cases := []struct {
		in, out  []string
		min, max int
		not      []string
		want     string // the first words
	}{
		{in: []string{`^[A-Z]{3}$`}, max: -1, want: "AAA AAB AAC"},
		{in: []string{`^(EUR|USD)$`}, max: -1, want: "EUR USD."},
		{in: []string{`^(EUR|USD)$`}, max: -1, not: []string{"EUR"}, want: "USD."},
		{in: []string{`^[A-Z]{3}$`}, out: []string{`^(EUR|USD)$`}, max: -1, want: "AAA AAB AAC"},
		{in: []string{`^(EUR|USD)$`}, out: []string{`^[A-Z]{3}$`}, max: -1, want: "."},
		{in: []string{`^x-`}, max: -1, want: "x- x-a x-b"},
		{in: []string{`^a*$`}, out: []string{`^a*$`}, max: -1, want: "."},
		{in: []string{`^a*$`}, min: 2, max: 3, want: "aa aaa."},
		{in: []string{`^(aa)*$`}, min: 1, max: 1, want: "."},
		{max: 0, want: "."},
		{max: -1, min: 1, want: "a b c"},
		{in: []string{`^.$`}, out: []string{`[ -~]`}, max: -1, want: "À Á Â"},
		{in: []string{`^\d{4}-\d{2}$`}, max: -1, want: "0000-00 0000-01 0000-02"},
	}
	for _, c := range cases {
		q := &Query{MinLen: c.min, MaxLen: c.max, Not: c.not}
		for _, e := range c.in {
			q.In = append(q.In, parsed(t, e))
		}
		for _, e := range c.out {
			q.NotIn = append(q.NotIn, parsed(t, e))
		}
		var got []string
		n := 0
		q.Each(4, func(w string) bool {
			if n++; n <= 3 {
				got = append(got, w)
			}
			return true
		})
		text := strings.Join(got, " ")
		if n < 4 {
			text += "."
		}
		if text != c.want && !(c.max == 0 && len(c.in) == 0) {
			t.Errorf("%v without %v is %q, want %q", c.in, c.out, text, c.want)
		}
	}
}

func parsed(t *testing.T, e string) *Lang {
	l, err := Parse(e)
	if err != nil {
		t.Fatalf("%q: %v", e, err)
	}
	return l
}

// TestBounds: large bounds are decided, and large automata refused.
func TestBounds(t *testing.T) {
	long := parsed(t, `^[a-z]+$`)
	q := &Query{In: []*Lang{long}, MinLen: 4097, MaxLen: 8192}
	if w, r := q.Solve(); r != Found || len(w) != 4097 {
		t.Errorf("%d characters, %v", len(w), r)
	}
	q = &Query{In: []*Lang{parsed(t, `^.{3}$`)}, MinLen: 4, MaxLen: -1}
	if _, r := q.Solve(); r != Empty {
		t.Errorf("%v", r)
	}
	if _, err := Parse(`(a|b)*a(a|b){20}$`); err != ErrTooLarge {
		t.Errorf("an exponential automaton: %v", err)
	}
	if _, err := Parse(strings.Repeat(`[a-z]{900}`, 40)); err == nil {
		t.Errorf("an automaton of 36,000 states was made")
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range []string{`^[A-Z]{3}$`, `a|^b$|(^x|y)z`, `\bfoo\b`, `(?:^a|b)*$`, `\p{Greek}+`, `[^\w\s]`, `(a+)+$`, `^$`, `x{0,3}`} {
		f.Add(e, "foo")
	}
	f.Fuzz(func(t *testing.T, e, w string) {
		re, err := syntax.Parse(e, syntax.Perl)
		if err != nil || strings.Contains(re.String(), "(?i") || !utf8.ValidString(w) || len(e) > 100 {
			return
		}
		l, err := Parse(e)
		if err != nil {
			return
		}
		if want := regexp.MustCompile(e).MatchString(w); l.Match(w) != want {
			t.Errorf("%q on %q: %v, the engine says %v", e, w, !want, want)
		}
		q := &Query{In: []*Lang{l}, MaxLen: -1}
		if w, r := q.Solve(); r == Found && !l.Match(w) {
			t.Errorf("%q does not match %q", w, e)
		}
	})
}
