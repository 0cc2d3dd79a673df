package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote writes a string as a YAML scalar on one line: plain where every reader
// takes that for the same string, else in single quotes, else in double
// quotes. In flow says that it stands within brackets.
func quote(s string, flow bool) string {
	switch {
	case plainIsString(s) && !(flow && strings.ContainsAny(s, ",[]{}")):
		return s
	case strings.Contains(s, "'") || !printable(s):
		return quoteDouble(s)
	}
	return quoteSingle(s)
}

// quoteAs writes a string in a style where that style can hold it.
func quoteAs(s string, style Style, flow bool) string {
	switch {
	case style == DoubleQuoted:
		return quoteDouble(s)
	case style == SingleQuoted && printable(s):
		return quoteSingle(s)
	}
	return quote(s, flow)
}

func quoteSingle(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// quoteDouble writes a JSON string, which every YAML reader takes as well.
// Bytes that are no UTF-8 become U+FFFD.
func quoteDouble(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || needsEscape(r) && r <= 0xffff:
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hex[r>>shift&0xf])
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// needsEscape reports whether a character beyond ASCII is a line break or a
// control to some reader, or unseen by people.
func needsEscape(r rune) bool {
	switch {
	case r < 0x7f:
		return false
	case r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	}
	return r != 0x200c && r != 0x200d && unicode.Is(unicode.Cf, r)
}

// printable reports whether s can stand in a scalar without escapes, on one
// line.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || needsEscape(r) {
			return false
		}
	}
	return true
}

// plainIsString reports whether s written plainly, outside of brackets, is
// read back as that very string by readers of YAML 1.2 and of YAML 1.1.
func plainIsString(s string) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' || s[len(s)-1] == ':' || !printable(s) {
		return false
	}
	switch s[0] {
	case '-':
		if len(s) == 1 || s[1] == ' ' || s[1] == '-' {
			return false
		}
	case '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '=', '<':
		return false
	case '.':
		if s == "..." || strings.HasPrefix(s, "... ") {
			return false
		}
	}
	return !strings.Contains(s, ": ") && !strings.Contains(s, " #") && !resolves(s)
}

// resolves reports whether a plain scalar is something other than a string in
// the core schema of YAML 1.2 or the types of YAML 1.1. It may say so of a
// string that only looks like it.
func resolves(s string) bool {
	if len(s) <= 5 {
		switch strings.ToLower(s) {
		case "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n",
			".nan", ".inf", "+.inf", "-.inf":
			return true
		}
	}
	rest := strings.TrimLeft(s, "+-")
	if len(s)-len(rest) > 1 || rest == "" {
		return false
	}
	switch {
	case rest[0] == '.' && len(rest) > 1 && isDigit(rest[1]):
	case !isDigit(rest[0]):
		return false
	}
	if rest[0] == '0' && len(rest) > 2 && strings.IndexByte("xXoObB", rest[1]) >= 0 {
		return strings.Trim(rest[2:], "0123456789abcdefABCDEF_") == ""
	}
	if isDate(rest) {
		return true
	}
	// A number, with the underscores and the base 60 of YAML 1.1. More than
	// one full stop makes a version or an address.
	return strings.Trim(rest, "0123456789_.:eE+-") == "" && strings.Count(rest, ".") <= 1
}

// isDate reports whether s begins with a date, as a timestamp does.
func isDate(s string) bool {
	if len(s) < 8 || s[4] != '-' {
		return false
	}
	for _, i := range [...]int{0, 1, 2, 3, 5} {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s[6] == '-' && isDigit(s[7]) || isDigit(s[6]) && s[7] == '-'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// literal returns the header and the lines of s as a literal block scalar;
// false where quotes serve better. A blank line is "".
func literal(s string) (header string, lines []string, ok bool) {
	body := strings.TrimRight(s, "\n")
	if strings.TrimSpace(body) == "" || !strings.Contains(s, "\n") || !utf8.ValidString(s) {
		return "", nil, false
	}
	for _, r := range body {
		if r != '\n' && (r < ' ' && r != '\t' || needsEscape(r)) {
			return "", nil, false
		}
	}
	header = "|"
	first := strings.TrimLeft(body, "\n")
	if first[0] == '\t' {
		return "", nil, false
	}
	if first[0] == ' ' {
		header += "2" // the first line does not show the indentation
	}
	lines = strings.Split(body, "\n")
	switch ends := len(s) - len(body); {
	case ends == 0:
		header += "-"
	case ends > 1:
		header += "+"
		lines = append(lines, make([]string, ends-1)...)
	}
	return header, lines, true
}
