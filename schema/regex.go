package schema

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// pattern is a compiled regular expression of ECMA-262. Where Go's regexp can
// say the same it does the matching, since its time is linear in the text; the
// rest (look-around, back-references, Unicode properties under their long
// names) goes to a backtracking engine whose matches end after matchTimeout.
type pattern struct {
	text         string
	linear       *regexp.Regexp
	backtracking *regexp2.Regexp
	hurried      atomic.Pointer[regexp2.Regexp] // takes over once a match has run out of time
}

// matchTimeout is the time that one match by backtracking may take. A pattern
// that needs more would stop a consumer, so the value counts as not matching.
// From then on the pattern gets hurriedTimeout: many bad values must not add
// up, and one must not spoil the pattern for good ones, which take no time.
const (
	matchTimeout   = 100 * time.Millisecond
	hurriedTimeout = 5 * time.Millisecond
)

// The engine looks at a clock of its own, which by default ticks too seldom
// for these limits.
var tickFaster = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(hurriedTimeout / 2) })

var errMatchTimeout = errors.New("matching it takes too long; rewrite the pattern without nested repetition")

// match reports whether the expression matches anywhere in s.
func (p *pattern) match(s string) (bool, error) {
	if p.linear != nil {
		return p.linear.MatchString(s), nil
	}
	re := p.hurried.Load()
	if re == nil {
		re = p.backtracking
	}
	ok, err := re.MatchString(s)
	if err == nil {
		return ok, nil
	}
	if re == p.backtracking {
		if hurried, err := compileBacktracking(p.text); err == nil {
			hurried.MatchTimeout = hurriedTimeout
			p.hurried.Store(hurried)
		}
	}
	return false, errMatchTimeout
}

// compileBacktracking compiles for the engine that can do all of ECMA-262:
// with the u flag, or without it where only that accepts the expression.
func compileBacktracking(text string) (*regexp2.Regexp, error) {
	limit := regexp2.OptionMaxBacktrackingStackSize(1 << 20)
	re, err := regexp2.Compile(text, regexp2.ECMAScript|regexp2.Unicode, limit)
	if err == nil {
		return re, nil
	}
	lax, laxErr := regexp2.Compile(text, regexp2.ECMAScript, limit)
	if laxErr != nil {
		return nil, plainRegexError(laxErr)
	}
	if strings.Contains(text, `\p`) || strings.Contains(text, `\P`) {
		return nil, plainRegexError(err) // without the u flag \p means the letter p
	}
	return lax, nil
}

// compilePattern compiles an expression as JSON Schema uses them: unanchored,
// by ECMA-262 with the u flag, or without it where only that accepts it.
func compilePattern(text string) (*pattern, error) {
	s := regexScanner{text: text, linear: true}
	if err := s.scan(); err != nil {
		return nil, err
	}
	if s.linear {
		if re, err := regexp.Compile(s.out.String()); err == nil {
			return &pattern{text: text, linear: re}, nil
		}
	}
	re, err := compileBacktracking(text)
	if err != nil {
		return nil, err
	}
	tickFaster()
	re.MatchTimeout = matchTimeout
	return &pattern{text: text, backtracking: re}, nil
}

// validPattern says why an expression is none of ECMA-262. It is
// compilePattern for those who do not go on to match, which costs most.
func validPattern(text string) error {
	s := regexScanner{text: text, linear: true}
	if err := s.scan(); err != nil {
		return err
	}
	if s.linear {
		if _, err := syntax.Parse(s.out.String(), syntax.Perl); err == nil {
			return nil
		}
	}
	_, err := compilePattern(text)
	return err
}

// plainRegexError takes the engine's framing off its message.
func plainRegexError(err error) error {
	msg := err.Error()
	if _, after, ok := strings.Cut(msg, "error parsing regexp: "); ok {
		msg = after
	}
	if i := strings.LastIndex(msg, " in `"); i > 0 {
		msg = msg[:i]
	}
	return errors.New(msg)
}

// foreignConstruct is syntax of another engine, and what ECMA-262 has for it.
type foreignConstruct struct {
	at, end int // bytes in the pattern
	what    string
	instead string
}

func (f *foreignConstruct) Error() string {
	return f.what + "; " + f.instead
}

// regexScanner goes through a pattern once: it finds constructs of other
// engines, which ECMA-262 would read as something else without complaint, and
// writes the same expression for Go's regexp as long as there is one.
type regexScanner struct {
	text   string
	at     int
	out    strings.Builder
	linear bool
}

const (
	ecmaSpace = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	ecmaDot   = `[^\n\r\x{2028}\x{2029}]`
)

func (s *regexScanner) foreign(start, end int, what, instead string) error {
	return &foreignConstruct{start, end, what, instead}
}

func (s *regexScanner) rest() string { return s.text[s.at:] }

func (s *regexScanner) scan() error {
	if !utf8.ValidString(s.text) {
		return errors.New("it is not valid UTF-8")
	}
	repeatable := false // whether a quantifier may follow
	quantified := false // whether one has just been there
	for s.at < len(s.text) {
		start := s.at
		c := s.text[s.at]
		switch c {
		case '\\':
			assertion, err := s.escape(false)
			if err != nil {
				return err
			}
			repeatable, quantified = !assertion, false
			continue
		case '[':
			if err := s.class(); err != nil {
				return err
			}
			repeatable, quantified = true, false
			continue
		case '(':
			if err := s.group(); err != nil {
				return err
			}
			repeatable, quantified = false, false
			continue
		case '*', '+', '?', '{':
			length := quantifierLength(s.rest())
			if length == 0 {
				if strings.HasPrefix(s.rest(), "{,") && isUpperBound(s.rest()) {
					return s.foreign(start, start+1, "{,n} means itself in ECMA-262", "write {0,n}")
				}
				s.out.WriteString(`\{`)
				s.at++
				repeatable, quantified = true, false
				continue
			}
			if quantified && c == '+' {
				return s.foreign(start, start+1, "possessive quantifiers such as ++ are Java's and PCRE's", "write a single quantifier, and a look-ahead where backtracking has to stop")
			}
			if quantified && c != '?' || !repeatable && !quantified {
				return fmt.Errorf("the quantifier %q has nothing to repeat; escape it as \\%c, or remove it", s.text[start:start+length], c)
			}
			s.out.WriteString(plainQuantifier(s.text[start : start+length]))
			s.at += length
			quantified, repeatable = !quantified, false
			continue
		case '.':
			s.out.WriteString(ecmaDot)
			s.at++
		case '^', '$', '|':
			s.out.WriteByte(c)
			s.at++
			repeatable, quantified = false, false
			continue
		case ')':
			s.out.WriteByte(c)
			s.at++
		case ']', '}':
			s.out.WriteByte('\\')
			s.out.WriteByte(c)
			s.at++
		default:
			_, size := utf8.DecodeRuneInString(s.rest())
			s.out.WriteString(s.text[s.at : s.at+size])
			s.at += size
		}
		repeatable, quantified = true, false
	}
	return nil
}

// quantifierLength is the length of the quantifier that s begins with.
func quantifierLength(s string) int {
	if s[0] != '{' {
		return 1
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return 0
	}
	low, high, ranged := strings.Cut(s[1:end], ",")
	if !digits(low) || ranged && high != "" && !digits(high) {
		return 0
	}
	return end + 1
}

// plainQuantifier writes {007} as {7}, since Go's regexp takes the former for
// plain text.
func plainQuantifier(q string) string {
	if q[0] != '{' || !strings.Contains(q, "{0") && !strings.Contains(q, ",0") {
		return q
	}
	low, high, ranged := strings.Cut(q[1:len(q)-1], ",")
	plain := func(n string) string {
		if t := strings.TrimLeft(n, "0"); t != "" || n == "" {
			return t
		}
		return "0"
	}
	if !ranged {
		return "{" + plain(low) + "}"
	}
	return "{" + plain(low) + "," + plain(high) + "}"
}

func isUpperBound(s string) bool {
	end := strings.IndexByte(s, '}')
	return end > 2 && digits(s[2:end])
}

// group reads an opening parenthesis with what marks its kind.
func (s *regexScanner) group() error {
	start, rest := s.at, s.rest()
	opening := func(n int) {
		s.out.WriteString(rest[:n])
		s.at += n
	}
	if !strings.HasPrefix(rest, "(?") {
		opening(1)
		return nil
	}
	end := min(start+3, len(s.text))
	switch mark := rest[2:]; {
	case strings.HasPrefix(mark, ":"):
		opening(3)
	case strings.HasPrefix(mark, "="), strings.HasPrefix(mark, "!"), strings.HasPrefix(mark, "<="), strings.HasPrefix(mark, "<!"):
		s.linear = false
		s.at += 2 + strings.IndexAny(mark, "=!") + 1
	case strings.HasPrefix(mark, "<"):
		close := strings.IndexByte(rest, '>')
		if close < 0 {
			return errors.New("a group's name is not closed; write (?<name>…)")
		}
		if name := rest[3:close]; name == "" || name[0] >= '0' && name[0] <= '9' {
			return fmt.Errorf("%s is no name of a group; begin it with a letter, as in (?<name>…)", quote(name))
		}
		opening(close + 1)
	case strings.HasPrefix(mark, "P<"):
		return s.foreign(start, end+1, "(?P<name>…) is the named group of Python and Go", "in ECMA-262 write (?<name>…)")
	case strings.HasPrefix(mark, "P="):
		return s.foreign(start, end+1, "(?P=name) is Python's back-reference", `in ECMA-262 write \k<name>`)
	case strings.HasPrefix(mark, "P>"), strings.HasPrefix(mark, "&"), strings.HasPrefix(mark, "R"):
		return s.foreign(start, end, "recursion into a group is PCRE's", "ECMA-262 has none; write the group out as often as it may nest")
	case strings.HasPrefix(mark, ">"):
		return s.foreign(start, end, "the atomic group (?>…) is Perl's, Java's and .NET's", "in ECMA-262 write (?:…)")
	case strings.HasPrefix(mark, "#"):
		return s.foreign(start, end, "the comment (?#…) is Perl's", "ECMA-262 has none; use $comment")
	case strings.HasPrefix(mark, "|"):
		return s.foreign(start, end, "the branch reset (?|…) is Perl's", "in ECMA-262 write (?:…)")
	case strings.HasPrefix(mark, "("):
		return s.foreign(start, end, "the condition (?(…)…) is Perl's and .NET's", "in ECMA-262 use look-ahead and alternatives")
	case strings.HasPrefix(mark, "'"):
		return s.foreign(start, end, "(?'name'…) is .NET's named group", "in ECMA-262 write (?<name>…)")
	default:
		flags := 0
		for flags < len(mark) && strings.IndexByte("imsxnuULadD-^", mark[flags]) >= 0 {
			flags++
		}
		if flags > 0 && flags < len(mark) && (mark[flags] == ')' || mark[flags] == ':') {
			instead := "ECMA-262 sets flags outside of the pattern, and JSON Schema sets none"
			if strings.Contains(mark[:flags], "i") {
				instead += "; write both cases, such as [Aa]"
			}
			return s.foreign(start, start+2+flags+1, "the inline flags ("+rest[1:2+flags]+") are Perl's, Java's and Go's", instead)
		}
		return errors.New("(?" + clip(mark[:min(1, len(mark))]) + " begins no group; write (?:…), (?=…), (?!…), (?<=…), (?<!…) or (?<name>…)")
	}
	return nil
}

// escape reads a backslash and what belongs to it. The result says whether it
// is an assertion, which nothing can repeat.
func (s *regexScanner) escape(inClass bool) (assertion bool, err error) {
	start, rest := s.at, s.rest()
	if len(rest) == 1 {
		return false, errors.New(`it ends in a lone \; write \\ for a backslash`)
	}
	c := rest[1]
	take := func(n int, out string) {
		s.at += n
		s.out.WriteString(out)
	}
	switch c {
	case 'd', 'D', 'w', 'W', 'n', 'r', 't', 'f', 'v':
		take(2, rest[:2])
	case 's':
		if inClass {
			take(2, ecmaSpace)
		} else {
			take(2, "["+ecmaSpace+"]")
		}
	case 'S':
		if inClass {
			s.linear = false
		}
		take(2, "[^"+ecmaSpace+"]")
	case 'b':
		if inClass {
			take(2, `\x08`)
			return false, nil
		}
		take(2, `\b`)
		return true, nil
	case 'B':
		take(2, `\B`)
		return true, nil
	case '0':
		if len(rest) > 2 && rest[2] >= '0' && rest[2] <= '9' {
			return false, s.foreign(start, start+3, `\0 and a digit is an octal escape of Perl and C`, `in ECMA-262 write \x and two hexadecimal digits`)
		}
		take(2, `\x00`)
	case 'c':
		if len(rest) > 2 && isLetter(rest[2]) {
			take(3, fmt.Sprintf(`\x%02x`, rest[2]&0x1f))
		} else {
			return false, errors.New(`\c needs a letter after it, such as \cA`)
		}
	case 'x':
		if strings.HasPrefix(rest, `\x{`) {
			return false, s.foreign(start, start+3, `\x{…} is Perl's and Go's`, `in ECMA-262 write \u{…} or \xhh`)
		}
		if len(rest) < 4 || !isHex(rest[2]) || !isHex(rest[3]) {
			return false, errors.New(`\x needs two hexadecimal digits, such as \x41`)
		}
		take(4, rest[:4])
	case 'u':
		return false, s.unicodeEscape(rest)
	case 'p', 'P':
		if !strings.HasPrefix(rest[2:], "{") {
			return false, s.foreign(start, start+2, `\`+rest[1:2]+` without braces is Perl's`, `in ECMA-262 write \`+rest[1:2]+`{L}`)
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return false, errors.New(`\` + rest[1:2] + `{ is not closed; write \` + rest[1:2] + `{L}`)
		}
		// Go's tables know the same short names of categories; what is longer
		// is left to the engine that knows ECMA-262's names.
		s.linear = s.linear && end <= 5 && !strings.Contains(rest[:end], "=")
		take(end+1, rest[:end+1])
	case 'k', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.linear = false
		s.at += 2
	case 'A':
		return false, s.foreign(start, start+2, `\A is the start of the text in Perl, Python and Go`, "in ECMA-262 write ^")
	case 'Z', 'z':
		return false, s.foreign(start, start+2, `\`+string(c)+` is the end of the text in Perl, Python and Go`, "in ECMA-262 write $")
	case 'G':
		return false, s.foreign(start, start+2, `\G is Perl's and .NET's`, "ECMA-262 has nothing like it; remove it")
	case 'Q', 'E':
		return false, s.foreign(start, start+2, `\Q…\E quotes text in Perl, Java and Go`, "in ECMA-262 escape each special character with a backslash")
	case 'a':
		return false, s.foreign(start, start+2, `\a is the bell in Perl and C`, `in ECMA-262 write \x07`)
	case 'e':
		return false, s.foreign(start, start+2, `\e is the escape character in Perl`, `in ECMA-262 write \x1B`)
	case 'h', 'H':
		return false, s.foreign(start, start+2, `\h is horizontal space in Perl and Java`, `in ECMA-262 write [ \t]`)
	case 'R':
		return false, s.foreign(start, start+2, `\R is a line break in Perl and Java`, `in ECMA-262 write (?:\r\n|\n|\r)`)
	case 'X', 'K', 'N', 'C':
		return false, s.foreign(start, start+2, `\`+string(c)+" is Perl's", "ECMA-262 has nothing like it; write what it stands for")
	default:
		if isLetter(c) {
			return false, s.foreign(start, start+2, `\`+string(c)+" is no escape of ECMA-262", "write "+string(c)+" for the letter itself")
		}
		r, size := utf8.DecodeRuneInString(rest[1:])
		take(1+size, regexp.QuoteMeta(string(r)))
		if inClass && (r == '-' || r == '&' || r == '~') {
			s.linear = s.linear && r == '-'
			if r == '-' {
				trimmed := strings.TrimSuffix(s.out.String(), "-")
				s.out.Reset()
				s.out.WriteString(trimmed + `\-`)
			}
		}
	}
	return false, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// unicodeEscape reads \uXXXX, a pair of surrogates written so, or \u{…}.
func (s *regexScanner) unicodeEscape(rest string) error {
	if strings.HasPrefix(rest, `\u{`) {
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return errors.New(`\u{ is not closed; write \u{1F600}`)
		}
		code, err := strconv.ParseUint(rest[3:end], 16, 32)
		if err != nil || code > utf8.MaxRune {
			return fmt.Errorf("%s is no code point; write hexadecimal digits up to 10FFFF", rest[:end+1])
		}
		s.at += end + 1
		s.out.WriteString(`\x{` + rest[3:end] + `}`)
		return nil
	}
	unit, ok := codeUnit(rest)
	if !ok {
		return errors.New(`\u needs four hexadecimal digits, such as \u00E9, or \u{…}`)
	}
	s.at += 6
	if unit >= 0xd800 && unit < 0xe000 {
		low, ok := codeUnit(rest[6:])
		if !ok || unit >= 0xdc00 || low < 0xdc00 || low >= 0xe000 {
			s.linear = false // a lone surrogate matches no text that is valid UTF-8
			return nil
		}
		s.at += 6
		unit = 0x10000 + (unit-0xd800)<<10 + (low - 0xdc00)
	}
	fmt.Fprintf(&s.out, `\x{%x}`, unit)
	return nil
}

func codeUnit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(s[2:6], 16, 32)
	return rune(u), err == nil
}

// class reads a bracket expression.
func (s *regexScanner) class() error {
	start := s.at
	s.at++
	negated := strings.HasPrefix(s.rest(), "^")
	if negated {
		s.at++
	}
	if strings.HasPrefix(s.rest(), "]") { // [] matches nothing and [^] everything
		s.at++
		if negated {
			s.out.WriteString(`[\x00-\x{10FFFF}]`)
		} else {
			s.out.WriteString(`[^\x00-\x{10FFFF}]`)
		}
		return nil
	}
	s.out.WriteByte('[')
	if negated {
		s.out.WriteByte('^')
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ']':
			s.at++
			s.out.WriteByte(']')
			return nil
		case '\\':
			if _, err := s.escape(true); err != nil {
				return err
			}
		case '[':
			if rest := s.rest(); len(rest) > 1 && (rest[1] == ':' || rest[1] == '.' || rest[1] == '=') {
				if end := strings.Index(rest[2:], rest[1:2]+"]"); end > 0 && allLetters(rest[2:2+end]) {
					name := rest[2 : 2+end]
					return s.foreign(s.at, s.at+end+4, "the class [:"+name+":] is POSIX", "in ECMA-262 write "+ecmaClassFor(name))
				}
			}
			s.out.WriteString(`\[`)
			s.at++
		case '&', '~', '|': // set operators in other engines, ordinary here
			s.out.WriteByte('\\')
			s.out.WriteByte(c)
			s.at++
		default:
			_, size := utf8.DecodeRuneInString(s.rest())
			s.out.WriteString(s.text[s.at : s.at+size])
			s.at += size
		}
	}
	return fmt.Errorf("the class %s is not closed; add ], or write \\[ for a bracket", quote(s.text[start:]))
}

func allLetters(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isLetter(s[i]) && s[i] != '^' {
			return false
		}
	}
	return s != ""
}

func ecmaClassFor(posix string) string {
	switch strings.TrimPrefix(posix, "^") {
	case "alpha":
		return "A-Za-z, or \\p{L}"
	case "digit":
		return "0-9"
	case "alnum":
		return "A-Za-z0-9"
	case "upper":
		return "A-Z"
	case "lower":
		return "a-z"
	case "space":
		return `\s`
	case "blank":
		return `[ \t]`
	case "punct":
		return `\p{P}`
	case "xdigit":
		return "0-9A-Fa-f"
	case "word":
		return `\w`
	}
	return "the characters themselves"
}
