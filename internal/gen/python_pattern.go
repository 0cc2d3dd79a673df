package gen

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// pythonPattern writes a regular expression of ECMA-262 (u flag), one that
// package schema has accepted, as one of Python's re with the flag ASCII. Classes
// are written out as ranges, so that what they have does not depend on Python's
// tables. What re cannot say is an error.
func pythonPattern(text string) (string, error) {
	p := &ecmaPattern{in: []rune(text), named: map[string]int{}, closed: map[int]bool{}}
	p.count()
	if err := p.translate(); err != nil {
		return "", err
	}
	return p.out.String(), nil
}

type ecmaPattern struct {
	in     []rune
	at     int
	out    strings.Builder
	named  map[string]int // numbers of the groups that have names
	closed map[int]bool   // groups that have been closed: \1 can mean their text
	groups int
	open   []ecmaGroup
	behind int // how many look-behinds we are in
}

type ecmaGroup struct {
	number int // 0 for one that captures nothing
	behind bool
}

// count numbers the groups that have names, since \k may come before its group.
func (p *ecmaPattern) count() {
	n, inClass := 0, false
	for i := 0; i < len(p.in); i++ {
		switch c := p.in[i]; {
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '(' && !p.looking(i, "(?"):
			n++
		case c == '(' && p.looking(i, "(?<") && !p.looking(i, "(?<=") && !p.looking(i, "(?<!"):
			n++
			if end := slices.Index(p.in[i:], '>'); end > 0 {
				p.named[string(p.in[i+3:i+end])] = n
			}
		}
	}
}

func (p *ecmaPattern) looking(at int, text string) bool {
	want := []rune(text)
	return at+len(want) <= len(p.in) && slices.Equal(p.in[at:at+len(want)], want)
}

var errBehind = errors.New("the expressions of Python look behind over texts of one length alone; rewrite the pattern without a quantifier or an alternative in (?<=…) and (?<!…)")

func (p *ecmaPattern) translate() error {
	for p.at < len(p.in) {
		switch c := p.in[p.at]; c {
		case '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case '[':
			set, negated, err := p.class()
			if err != nil {
				return err
			}
			p.set(set, negated)
		case '(':
			p.group()
		case ')':
			p.at++
			p.out.WriteByte(')')
			if n := len(p.open); n > 0 {
				if p.open[n-1].behind {
					p.behind--
				}
				p.closed[p.open[n-1].number] = true
				p.open = p.open[:n-1]
			}
		case '*', '+', '?', '{':
			q, fixed := p.quantifier()
			if q == "" {
				p.literal(c)
				p.at++
				continue
			}
			if p.behind > 0 && !fixed {
				return errBehind
			}
			p.out.WriteString(q)
		case '.':
			p.out.WriteString(`[^\n\r\u2028\u2029]`)
			p.at++
		case '^':
			p.out.WriteByte('^')
			p.at++
		case '$':
			p.out.WriteString(`\Z`)
			p.at++
		case '|':
			if p.behind > 0 {
				return errBehind
			}
			p.out.WriteByte('|')
			p.at++
		default:
			p.literal(c)
			p.at++
		}
	}
	return nil
}

// quantifier reads a quantifier, "" where { begins none, and whether it is of one
// number of times.
func (p *ecmaPattern) quantifier() (q string, fixed bool) {
	switch c := p.in[p.at]; c {
	case '*', '+', '?':
		q = string(c)
		p.at++
	default:
		end := slices.Index(p.in[p.at:], '}')
		if end < 0 {
			return "", false
		}
		low, high, ranged := strings.Cut(string(p.in[p.at+1:p.at+end]), ",")
		if !onlyDigits(low) || ranged && high != "" && !onlyDigits(high) {
			return "", false
		}
		q = "{" + plainNumber(low)
		if ranged {
			q += "," + plainNumber(high)
		}
		q += "}"
		fixed = !ranged || low == high
		p.at += end + 1
	}
	if p.at < len(p.in) && p.in[p.at] == '?' {
		q += "?"
		p.at++
	}
	return q, fixed
}

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// plainNumber is a number without zeros before it. One that re cannot count to is
// more than any text has.
func plainNumber(s string) string {
	if s == "" {
		return ""
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	if len(s) > 9 {
		return "1000000000"
	}
	return s
}

func (p *ecmaPattern) group() {
	g := ecmaGroup{}
	for _, mark := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!"} {
		if p.looking(p.at, mark) {
			p.out.WriteString(mark)
			p.at += len(mark)
			if g.behind = strings.HasPrefix(mark, "(?<"); g.behind {
				p.behind++
			}
			p.open = append(p.open, g)
			return
		}
	}
	p.groups++
	g.number = p.groups
	p.out.WriteByte('(')
	if p.looking(p.at, "(?<") {
		p.at += slices.Index(p.in[p.at:], '>')
	}
	p.at++
	p.open = append(p.open, g)
}

// literal writes a character that means itself.
func (p *ecmaPattern) literal(c rune) { p.out.WriteString(pythonRune(c)) }

func pythonRune(c rune) string {
	switch {
	case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
		return string(c)
	case c > ' ' && c < 0x7f:
		return `\` + string(c)
	case c < 0x100:
		return fmt.Sprintf(`\x%02x`, c)
	case c < 0x10000:
		return fmt.Sprintf(`\u%04x`, c)
	}
	return fmt.Sprintf(`\U%08x`, c)
}

// runes is a set of characters: ranges, in any order.
type runes [][2]rune

var (
	ecmaDigits = runes{{'0', '9'}}
	ecmaWord   = runes{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
	ecmaSpaces = runes{{0x9, 0xd}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}}
)

// merged is the set in order, with nothing twice.
func (s runes) merged() runes {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var out runes
	for _, r := range s {
		if n := len(out); n > 0 && r[0] <= out[n-1][1]+1 {
			out[n-1][1] = max(out[n-1][1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}

// inverted is all other characters.
func (s runes) inverted() runes {
	var out runes
	next := rune(0)
	for _, r := range s.merged() {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, [2]rune{next, unicode.MaxRune})
	}
	return out
}

func (p *ecmaPattern) set(s runes, negated bool) {
	s = s.merged()
	switch {
	case len(s) == 0 && negated:
		p.out.WriteString(`[\x00-\U0010ffff]`)
		return
	case len(s) == 0:
		p.out.WriteString("(?!)")
		return
	}
	p.out.WriteByte('[')
	if negated {
		p.out.WriteByte('^')
	}
	for _, r := range s {
		p.out.WriteString(pythonRune(r[0]))
		if r[1] > r[0] {
			if r[1] > r[0]+1 {
				p.out.WriteByte('-')
			}
			p.out.WriteString(pythonRune(r[1]))
		}
	}
	p.out.WriteByte(']')
}

// class reads a bracket expression.
func (p *ecmaPattern) class() (set runes, negated bool, err error) {
	p.at++
	if negated = p.at < len(p.in) && p.in[p.at] == '^'; negated {
		p.at++
	}
	low, ranged := rune(-1), false // what a range may begin with; whether - has been read
	for p.at < len(p.in) && p.in[p.at] != ']' {
		if p.in[p.at] == '-' && low >= 0 && !ranged && p.at+1 < len(p.in) && p.in[p.at+1] != ']' {
			ranged = true
			p.at++
			continue
		}
		var one runes
		if p.in[p.at] == '\\' {
			if one, err = p.classEscape(); err != nil {
				return nil, false, err
			}
		} else {
			one = runes{{p.in[p.at], p.in[p.at]}}
			p.at++
		}
		single := len(one) == 1 && one[0][0] == one[0][1]
		switch {
		case ranged && single && one[0][0] >= low:
			set = append(set, [2]rune{low, one[0][0]})
			low = -1
		case ranged:
			set = append(append(set, [2]rune{'-', '-'}), one...)
			low = -1
		default:
			set = append(set, one...)
			if low = -1; single {
				low = one[0][0]
			}
		}
		ranged = false
	}
	p.at++
	return set, negated, nil
}

// classEscape reads an escape as the characters that it stands for.
func (p *ecmaPattern) classEscape() (runes, error) {
	c := rune(0)
	if p.at+1 < len(p.in) {
		c = p.in[p.at+1]
	}
	p.at += 2
	one := func(r rune) (runes, error) { return runes{{r, r}}, nil }
	switch c {
	case 'd':
		return ecmaDigits, nil
	case 'D':
		return ecmaDigits.inverted(), nil
	case 'w':
		return ecmaWord, nil
	case 'W':
		return ecmaWord.inverted(), nil
	case 's':
		return ecmaSpaces, nil
	case 'S':
		return ecmaSpaces.inverted(), nil
	case 'n':
		return one('\n')
	case 'r':
		return one('\r')
	case 't':
		return one('\t')
	case 'f':
		return one('\f')
	case 'v':
		return one('\v')
	case 'b':
		return one('\b')
	case '0':
		return one(0)
	case 'c':
		r := p.in[p.at] & 0x1f
		p.at++
		return one(r)
	case 'x':
		n, _ := strconv.ParseInt(string(p.in[p.at:p.at+2]), 16, 32)
		p.at += 2
		return one(rune(n))
	case 'u':
		r, ok := p.codePoint()
		if !ok {
			return nil, nil // half of a pair, which is in no text
		}
		return one(r)
	case 'p', 'P':
		end := slices.Index(p.in[p.at:], '}')
		if end < 1 {
			return nil, errors.New(`\p without a name`)
		}
		name := string(p.in[p.at+1 : p.at+end])
		p.at += end + 1
		set, err := unicodeProperty(name)
		if err == nil && c == 'P' {
			set = set.inverted()
		}
		return set, err
	}
	return one(c)
}

// codePoint reads what follows \u; not ok for half of a pair of surrogates.
func (p *ecmaPattern) codePoint() (rune, bool) {
	if p.at < len(p.in) && p.in[p.at] == '{' {
		end := slices.Index(p.in[p.at:], '}')
		n, _ := strconv.ParseInt(string(p.in[p.at+1:p.at+end]), 16, 32)
		p.at += end + 1
		return rune(n), n < 0xd800 || n >= 0xe000
	}
	unit := func() rune {
		n, _ := strconv.ParseInt(string(p.in[p.at:min(p.at+4, len(p.in))]), 16, 32)
		p.at += 4
		return rune(n)
	}
	high := unit()
	if high < 0xd800 || high >= 0xe000 {
		return high, true
	}
	if high < 0xdc00 && p.looking(p.at, `\u`) && !p.looking(p.at, `\u{`) {
		before := p.at
		p.at += 2
		if low := unit(); low >= 0xdc00 && low < 0xe000 {
			return 0x10000 + (high-0xd800)<<10 + (low - 0xdc00), true
		}
		p.at = before
	}
	return 0, false
}

// escape reads a backslash and what belongs to it, outside of brackets.
func (p *ecmaPattern) escape() error {
	c := rune(0)
	if p.at+1 < len(p.in) {
		c = p.in[p.at+1]
	}
	switch {
	case c == 'b' || c == 'B':
		p.out.WriteString(`\` + string(c))
		p.at += 2
		return nil
	case c >= '1' && c <= '9':
		end := p.at + 1
		for end < len(p.in) && p.in[end] >= '0' && p.in[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(string(p.in[p.at+1 : end]))
		if err != nil {
			return err
		}
		p.at = end
		p.reference(n)
		return nil
	case c == 'k':
		end := slices.Index(p.in[p.at:], '>')
		if end < 3 {
			return errors.New(`\k without a name`)
		}
		n := p.named[string(p.in[p.at+3:p.at+end])]
		p.at += end + 1
		p.reference(n)
		return nil
	}
	set, err := p.classEscape()
	if err != nil {
		return err
	}
	if len(set) == 1 && set[0][0] == set[0][1] {
		p.literal(set[0][0])
		return nil
	}
	p.set(set, false)
	return nil
}

// reference writes a back-reference. In ECMA-262 one to a group that has matched
// nothing matches the empty text.
func (p *ecmaPattern) reference(n int) {
	if p.closed[n] && n > 0 {
		fmt.Fprintf(&p.out, `(?(%d)\%d|)`, n, n)
	} else {
		p.out.WriteString("(?:)")
	}
}

// unicodeProperty is the set of a property of Unicode, by the names that ECMA-262
// has for it.
func unicodeProperty(name string) (runes, error) {
	key, value, ok := strings.Cut(name, "=")
	var table *unicode.RangeTable
	switch {
	case ok && (key == "Script" || key == "sc" || key == "Script_Extensions" || key == "scx"):
		table = unicode.Scripts[value]
	case ok && (key == "General_Category" || key == "gc"):
		table = category(value)
	case ok:
	case name == "Any":
		return runes{{0, unicode.MaxRune}}, nil
	case name == "ASCII":
		return runes{{0, 0x7f}}, nil
	case name == "Alphabetic" || name == "Alpha":
		return append(rangesOf(unicode.L), append(rangesOf(unicode.Nl), rangesOf(unicode.Other_Alphabetic)...)...), nil
	case name == "Lowercase" || name == "Lower":
		return append(rangesOf(unicode.Ll), rangesOf(unicode.Other_Lowercase)...), nil
	case name == "Uppercase" || name == "Upper":
		return append(rangesOf(unicode.Lu), rangesOf(unicode.Other_Uppercase)...), nil
	default:
		if table = category(name); table == nil {
			table = unicode.Properties[name]
		}
	}
	if table == nil {
		return nil, fmt.Errorf(`\p{%s} is a property of Unicode whose characters treaty does not know; write the ranges of characters instead`, name)
	}
	return rangesOf(table), nil
}

func category(name string) *unicode.RangeTable {
	if short, ok := unicode.CategoryAliases[name]; ok {
		name = short
	}
	return unicode.Categories[name]
}

func rangesOf(t *unicode.RangeTable) runes {
	var out runes
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			out = append(out, [2]rune{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			out = append(out, [2]rune{r, r})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return out
}
