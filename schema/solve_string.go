package schema

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/treaty-events/treaty/internal/regular"
	"github.com/treaty-events/treaty/internal/syntax"
)

func (s *solver) holdsString(f *form, n *syntax.Node) bool {
	switch f.op {
	case opMinLength:
		return utf8.RuneCountInString(n.Value) >= f.n
	case opMaxLength:
		return utf8.RuneCountInString(n.Value) <= f.n
	case opFormat:
		return f.says(n.Value) != f.neg
	}
	ok, err := f.pat.match(n.Value)
	return err == nil && ok != f.neg
}

// texts is what is asked of a string. Most of it are regular languages; what
// is none (look-around, most formats) is tried on words of the others.
type texts struct {
	regular.Query
	formats []*form
	odd     []*form // patterns that no automaton stands for
}

// maxWordTries bounds how many words of a language are tried on what is no
// regular language itself.
const maxWordTries = 300

func (s *solver) solveString(atoms []*form) *outcome {
	q := texts{Query: regular.Query{MaxLen: -1}}
	for _, f := range atoms {
		switch f.op {
		case opMinLength:
			q.MinLen = max(q.MinLen, f.n)
		case opMaxLength:
			if q.MaxLen < 0 || f.n < q.MaxLen {
				q.MaxLen = f.n
			}
		case opPattern:
			switch l := s.language(f.pat); {
			case l == nil:
				q.odd = append(q.odd, f)
			case f.neg:
				q.NotIn = append(q.NotIn, l)
			default:
				q.In = append(q.In, l)
			}
		case opFormat:
			q.formats = append(q.formats, f)
		case opConst:
			q.exclude(f.node)
		case opEnum:
			for _, n := range f.all {
				q.exclude(n)
			}
		}
	}
	if q.MaxLen >= 0 && q.MinLen > q.MaxLen {
		return impossible
	}
	fits := func(word string) bool {
		n := text(word)
		return !slices.ContainsFunc(atoms, func(f *form) bool { return f.op != opOpaque && !s.holds(f, n) })
	}
	if s.taste != nil {
		if word, ok := s.taste.word(&q, fits); ok {
			return &outcome{state: satisfied, value: text(word)}
		}
	}
	return s.word(&q, fits)
}

func (q *texts) exclude(n *syntax.Node) {
	if n.Kind == syntax.String {
		q.Not = append(q.Not, n.Value)
	}
}

func (s *solver) word(q *texts, fits func(string) bool) *outcome {
	if len(q.formats) == 0 && len(q.odd) == 0 {
		return s.regularWord(q, fits)
	}
	if s.formatsClash(q.formats) {
		return impossible
	}
	for _, f := range q.formats {
		for _, word := range formatExamples(f.name) {
			if fits(word) {
				return &outcome{state: satisfied, value: text(word)}
			}
		}
		for _, length := range []int{q.MinLen, q.MaxLen} {
			if word := formatOfLength(f.name, length); fits(word) {
				return &outcome{state: satisfied, value: text(word)}
			}
		}
	}
	// A format lies within a language that is simpler than itself; some are one.
	bounded, inexact := q.Query, len(q.odd) > 0
	for _, f := range q.formats {
		expression, exact := formatLanguage(f.name)
		if longest := formatLongest(f.name); !f.neg && longest > 0 && (bounded.MaxLen < 0 || bounded.MaxLen > longest) {
			bounded.MaxLen = longest
		}
		l := s.parsed(expression)
		switch {
		case l == nil:
			inexact = true
		case !f.neg:
			bounded.In = append(slices.Clip(bounded.In), l)
			inexact = inexact || !exact
		case exact:
			bounded.NotIn = append(slices.Clip(bounded.NotIn), l)
		default:
			inexact = true
			outside := q.Query // what is not even within it is not of the format
			outside.NotIn = append(slices.Clip(outside.NotIn), l)
			if o := s.firstWord(&outside, fits); o.state == satisfied {
				return o
			}
		}
	}
	if bounded.MaxLen >= 0 && bounded.MinLen > bounded.MaxLen {
		return impossible
	}
	o := s.firstWord(&bounded, fits)
	if o.state == unsatisfiable && inexact && !s.exhausted(&bounded) {
		reason := "format: no value was found, and none is ruled out"
		if len(q.odd) > 0 {
			reason = "pattern: " + quote(q.odd[0].pat.text) + " is no regular language, or too large a one"
		}
		return &outcome{reason: reason}
	}
	return o
}

// regularWord solves what automata decide.
func (s *solver) regularWord(q *texts, fits func(string) bool) *outcome {
	word, found := q.Solve()
	switch found {
	case regular.Found:
		if !fits(word) {
			return &outcome{reason: "pattern: the automaton and the regular expression differ on " + quote(word)}
		}
		return &outcome{state: satisfied, value: text(word)}
	case regular.Empty:
		return impossible
	}
	return &outcome{reason: "pattern: the expressions together make too large an automaton"}
}

// firstWord finds the first word of a language that fits.
func (s *solver) firstWord(q *regular.Query, fits func(string) bool) *outcome {
	o := impossible
	q.Each(maxWordTries, func(word string) bool {
		if fits(word) {
			o = &outcome{state: satisfied, value: text(word)}
			return false
		}
		return true
	})
	return o
}

// exhausted reports whether a language has no more words than are tried.
func (s *solver) exhausted(q *regular.Query) bool {
	if _, found := q.Solve(); found != regular.Found {
		return found == regular.Empty
	}
	n := 0
	q.Each(maxWordTries, func(string) bool { n++; return true })
	return n < maxWordTries
}

// language is the automaton of a pattern, nil where there is none.
func (s *solver) language(p *pattern) *regular.Lang {
	if p.linear == nil {
		return nil
	}
	return s.parsed(p.linear.String())
}

func (s *solver) parsed(expression string) *regular.Lang {
	if expression == "" {
		return nil
	}
	l, known := s.languages[expression]
	if !known {
		l, _ = regular.Parse(expression) // nil where it is too large
		s.languages[expression] = l
	}
	return l
}

// formatsClash reports whether formats exclude each other: one that is asked
// for is a case of one that is not allowed, or two have no value in common.
func (s *solver) formatsClash(formats []*form) bool {
	for _, f := range formats {
		for _, g := range formats {
			if !f.neg && g.neg && formatWithin(f.name, g.name) || !f.neg && !g.neg && formatsApart(f.name, g.name) {
				return true
			}
		}
	}
	return false
}

// formatWithin reports whether every value of one format is one of another.
func formatWithin(a, b string) bool {
	switch a {
	case "uri":
		return b == "uri-reference" || b == "iri" || b == "iri-reference"
	case "iri", "uri-reference":
		return b == "iri-reference"
	case "email":
		return b == "idn-email"
	case "ipv4":
		return b == "hostname of draft-06"
	}
	return a == b
}

// formatsApart reports whether no value is of both formats.
func formatsApart(a, b string) bool {
	shape := func(name string) int {
		switch name {
		case "date-time":
			return 1
		case "date":
			return 2
		case "time":
			return 3
		case "duration":
			return 4
		case "uuid":
			return 5
		case "ipv4":
			return 6
		case "ipv6":
			return 7
		}
		return 0
	}
	return shape(a) != shape(b) && shape(a) > 0 && shape(b) > 0
}

// formatLanguage is a regular expression, in Go's syntax, that every value of
// a format matches; exact where nothing else does. Those of which nothing
// short can be said have none.
func formatLanguage(name string) (expression string, exact bool) {
	switch name {
	case "date":
		return `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`, false
	case "time":
		return `^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`, false
	case "date-time":
		return `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[tT]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`, false
	case "duration":
		return `^P[0-9YMWDTHS]+$`, false
	case "uuid":
		return `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`, true
	case "ipv4":
		return `^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$`, true
	case "ipv6":
		return `^[0-9A-Fa-f:.]{2,45}$`, false
	case "email", "idn-email":
		return `(?s)^.+@.+$`, false
	case "hostname":
		return `^[A-Za-z0-9.-]{1,253}$`, false
	case "hostname of draft-06":
		return `^[A-Za-z0-9.-]{1,255}$`, false
	case "uri":
		return `^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$`, false
	case "uri-reference":
		return `^[!-~]*$`, false
	case "iri":
		return `(?s)^[A-Za-z][A-Za-z0-9+.-]*:.*$`, false
	case "json-pointer":
		return `^(/([^~/]|~[01])*)*$`, true
	case "relative-json-pointer":
		return `^(0|[1-9][0-9]*)(#|(/([^~/]|~[01])*)*)$`, true
	}
	return "", false
}

// formatLongest is how many characters a value of a format has at most, 0 where
// there is no bound.
func formatLongest(name string) int {
	switch name {
	case "email", "idn-email":
		return 254
	case "hostname", "idn-hostname":
		return 253
	case "hostname of draft-06":
		return 255
	}
	return 0
}

// formatOfLength is a value of a format with so many characters, where the
// format has such; any text where not.
func formatOfLength(name string, n int) string {
	if n < 1 || n > maxStretch {
		return ""
	}
	fill := func(before, with, after string) string {
		return before + strings.Repeat(with, max(0, n-len(before)-len(after))) + after
	}
	labels := func(n int) string {
		b := []byte(strings.Repeat("a", max(n, 1)))
		for i := 62; i < len(b)-1; i += 62 {
			b[i] = '.'
		}
		return string(b)
	}
	switch name {
	case "date-time":
		return fill("2026-01-31T12:00:00.", "1", "Z")
	case "time":
		return fill("12:00:00.", "1", "Z")
	case "duration":
		return fill("P", "1", "D")
	case "email", "idn-email":
		return "a@" + labels(n-2)
	case "hostname", "idn-hostname", "hostname of draft-06":
		return labels(n)
	case "uri", "iri":
		return fill("https://example.com/", "a", "")
	case "uri-reference", "iri-reference", "json-pointer", "uri-template":
		return fill("/", "a", "")
	case "relative-json-pointer":
		return fill("0/", "a", "")
	case "regex":
		return fill("", "a", "")
	}
	return ""
}

// maxStretch bounds the texts that are made up to reach a length.
const maxStretch = 100_000

// formatExamples are values of a format, and some that are nearly one.
func formatExamples(name string) []string {
	switch name {
	case "date-time":
		return []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+01:00", "2026-01-31t12:00:00z", "2026-02-30T12:00:00Z", "2026-01-31T12:00:00", "2016-12-31T23:59:60Z"}
	case "date":
		return []string{"2026-01-31", "2024-02-29", "0000-01-01", "2026-02-30"}
	case "time":
		return []string{"12:00:00Z", "12:00:00.5+01:00", "23:59:60Z", "12:00:00z", "12:00:00"}
	case "duration":
		return []string{"P1D", "PT1H", "P1W", "P1Y2M3DT4H5M6S", "P", "PT"}
	case "email", "idn-email":
		return []string{"a@example.com", "ana.lima@example.com", "a@b", `"a b"@example.com`, "ü@example.com", "a@[127.0.0.1]"}
	case "hostname", "idn-hostname", "hostname of draft-06":
		return []string{"example.com", "a", "xn--ls8h.example", "例え.jp", "-a", strings.Repeat("a", 63), strings.Repeat("a", 64)}
	case "ipv4":
		return []string{"192.0.2.1", "0.0.0.0", "256.0.0.1"}
	case "ipv6":
		return []string{"2001:db8::1", "::", "::ffff:192.0.2.1", ":::"}
	case "uri", "iri":
		return []string{"https://example.com/a", "urn:a", "a:", "https://example.com/é", "a"}
	case "uri-reference", "iri-reference":
		return []string{"/a", "", "https://example.com/a", "é", `\`}
	case "uri-template":
		return []string{"/a/{b}", "", "a", "{"}
	case "uuid":
		return []string{"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"}
	case "json-pointer":
		return []string{"/a", "", "/a~1b/0", "a"}
	case "relative-json-pointer":
		return []string{"1/a", "0#", "0", "-1"}
	case "regex":
		return []string{"^a$", "", "("}
	case (&content{json: true}).name():
		return []string{"{}", "0", "{"}
	case (&content{base64: true}).name():
		return []string{"YQ==", "", "%"}
	case (&content{base64: true, json: true}).name():
		return []string{"e30=", "MA==", "{}"}
	}
	return nil
}
