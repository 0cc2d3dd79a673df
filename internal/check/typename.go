package check

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// typeName is an event type taken apart: orders.email_changed.v1 has the
// segments orders and email_changed and the version 1.
type typeName struct {
	text     string
	segments []string
	version  string // digits; "" where there is none
	house    bool   // the version is written as .vN at the end
	foreign  bool   // a URI, whose parts are not for us to rewrite
}

func parseType(text string) typeName {
	t := typeName{text: text, foreign: strings.Contains(text, "://") || strings.HasPrefix(text, "urn:")}
	base := text
	base, t.version, t.house = cutVersion(text)
	separator := "."
	for _, s := range []string{".", "/", ":"} {
		if strings.Contains(base, s) {
			separator = s
			break
		}
	}
	for _, s := range strings.Split(base, separator) {
		if s == "" {
			continue
		}
		if v, ok := versionWord(s); ok && t.version == "" {
			t.version = v
			continue
		}
		t.segments = append(t.segments, s)
	}
	return t
}

// versionWord reads a segment that is a version: v1, V2.
func versionWord(s string) (string, bool) {
	if len(s) > 1 && (s[0] == 'v' || s[0] == 'V') && isDigits(s[1:]) {
		return s[1:], true
	}
	return "", false
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// cutVersion cuts a version off the end of a type. house is true for .vN; other
// spellings that are read are /v1, -v1, _v1, :v1, .V1, .v1.0, PaidV1 and .1.
func cutVersion(text string) (base, version string, house bool) {
	start := len(strings.TrimRight(text, "0123456789."))
	number := text[start:]
	if number == "" || !isDigits(number[len(number)-1:]) {
		return text, "", false
	}
	if start == 0 {
		return text, "", false
	}
	if number[0] == '.' { // orders.paid.1, orders.paid.1.0
		number = number[1:]
		major, _, _ := strings.Cut(number, ".")
		return text[:start], major, false
	}
	major, _, minor := strings.Cut(number, ".")
	v := text[start-1]
	if v != 'v' && v != 'V' || start < 2 {
		return text, "", false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:start-1])
	switch {
	case strings.ContainsRune("./-_:@", before):
		return text[:start-2], major, before == '.' && v == 'v' && !minor
	case v == 'V' && (unicode.IsLower(before) || unicode.IsDigit(before)):
		return text[:start-1], major, false
	}
	return text, "", false
}

// words splits a name into lower-case words: at _, - and space, and where
// camelCase says that one begins.
func words(name string) []string {
	var out []string
	start := 0
	flush := func(end int) {
		if w := strings.Trim(name[start:end], "_- "); w != "" {
			out = append(out, strings.ToLower(w))
		}
		start = end
	}
	previous, at := rune(0), 0 // the rune before, and where it stands
	for i, r := range name {
		switch {
		case r == '_' || r == '-' || r == ' ':
			flush(i)
		case unicode.IsUpper(r) && (unicode.IsLower(previous) || unicode.IsDigit(previous)):
			flush(i)
		case unicode.IsLower(r) && unicode.IsUpper(previous) && at > start:
			flush(at) // HTTPFailed: the last capital begins the word
		}
		previous, at = r, i
	}
	flush(len(name))
	return out
}

// last is the segment that says what happened.
func (t typeName) last() string {
	if len(t.segments) == 0 {
		return ""
	}
	return t.segments[len(t.segments)-1]
}

// in writes the type in the style of the house, saying what the words say:
// orders.email_changed.v1. subjects are the first segments of the document's
// other types, so that Order becomes orders where those say so. It is "" where
// there is nothing to write.
func (t typeName) in(fact []string, subjects map[string]bool) string {
	if t.foreign || len(fact) == 0 {
		return ""
	}
	segments := append([]string{}, t.segments[:len(t.segments)-1]...)
	for i, s := range segments {
		segments[i] = snake(s)
	}
	switch {
	case len(segments) == 0 && len(fact) > 1:
		// Named as a class is: what happened is told of the first word.
		segments = []string{fact[0]}
		if !subjects[fact[0]] && subjects[plural(fact[0])] {
			segments[0] = plural(fact[0])
		}
		fact = fact[1:]
	case len(segments) > 0 && len(fact) > 1:
		above := segments[len(segments)-1]
		if fact[0] == above || plural(fact[0]) == above {
			fact = fact[1:] // orders.order_created says it twice
		}
	}
	separator := "_"
	if last := t.last(); strings.Contains(last, "-") && !strings.Contains(last, "_") {
		separator = "-"
	}
	version := t.version
	if version == "" {
		version = "1"
	}
	return strings.Join(append(segments, strings.Join(fact, separator)), ".") + ".v" + version
}

// snake writes a segment in lower case; one that is so already stays as it is.
func snake(s string) string {
	if strings.ToLower(s) == s && !strings.Contains(s, " ") {
		return s
	}
	return strings.Join(words(s), "_")
}

func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "y") && len(noun) > 1 && !isVowel(noun[len(noun)-2]):
		return noun[:len(noun)-1] + "ies"
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "ch"), strings.HasSuffix(noun, "sh"):
		return noun + "es"
	}
	return noun + "s"
}

// matchType reports whether an event type is one that a pattern means, in which
// a * stands for any text.
func matchType(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for i, part := range parts {
		if i == len(parts)-1 {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}
