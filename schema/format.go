package schema

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// formatNamed returns the check of a format, nil for one that no draft of the
// dialect defines: unknown formats annotate only.
func formatNamed(name string, d Dialect) func(string) bool {
	switch name {
	case "date-time":
		return isDateTime
	case "email":
		return isEmail
	case "hostname":
		if d == Draft4 || d == Draft6 {
			return isPlainHostname
		}
		return isHostname
	case "ipv4":
		return isIPv4
	case "ipv6":
		return isIPv6
	case "uri":
		return isURI
	}
	if d == Draft4 {
		return nil
	}
	switch name {
	case "uri-reference":
		return isURIReference
	case "uri-template":
		return isURITemplate
	case "json-pointer":
		return isJSONPointer
	}
	if d == Draft6 {
		return nil
	}
	switch name {
	case "date":
		return isDate
	case "time":
		return isTime
	case "regex":
		return isRegex
	case "idn-email":
		return isIDNEmail
	case "idn-hostname":
		return isIDNHostname
	case "iri":
		return isIRI
	case "iri-reference":
		return isIRIReference
	case "relative-json-pointer":
		return isRelativeJSONPointer
	case "duration":
		return isDuration
	case "uuid":
		return isUUID
	}
	return nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func number(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// isDate checks full-date of RFC 3339.
func isDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' || !digits(s[:4]) || !digits(s[5:7]) || !digits(s[8:]) {
		return false
	}
	year, month, day := number(s[:4]), number(s[5:7]), number(s[8:])
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}

// isTime checks full-time of RFC 3339. A second 60 has to be a leap second:
// the last of a day in UTC.
func isTime(s string) bool {
	if len(s) < 9 || s[2] != ':' || s[5] != ':' || !digits(s[:2]) || !digits(s[3:5]) || !digits(s[6:8]) {
		return false
	}
	hour, minute, second := number(s[:2]), number(s[3:5]), number(s[6:8])
	if hour > 23 || minute > 59 || second > 60 {
		return false
	}
	rest := s[8:]
	if rest[0] == '.' {
		i := 1
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 1 {
			return false
		}
		rest = rest[i:]
	}
	offset := 0
	switch {
	case rest == "Z" || rest == "z":
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && digits(rest[1:3]) && digits(rest[4:]):
		h, m := number(rest[1:3]), number(rest[4:])
		if h > 23 || m > 59 {
			return false
		}
		offset = h*60 + m
		if rest[0] == '-' {
			offset = -offset
		}
	default:
		return false
	}
	if second < 60 {
		return true
	}
	const day = 24 * 60
	return ((hour*60+minute-offset)%day+day)%day == day-1
}

func isDateTime(s string) bool {
	return len(s) > 11 && (s[10] == 'T' || s[10] == 't') && isDate(s[:10]) && isTime(s[11:])
}

// isDuration checks the duration of RFC 3339 appendix A: units in order, weeks
// by themselves, no gaps, no fractions.
func isDuration(s string) bool {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok {
		return false
	}
	date, clock, hasClock := strings.Cut(rest, "T")
	if strings.HasSuffix(date, "W") {
		return !hasClock && digits(date[:len(date)-1])
	}
	if hasClock && clock == "" || !hasClock && date == "" {
		return false
	}
	return unitsInOrder(date, "YMD") && unitsInOrder(clock, "HMS")
}

func unitsInOrder(s, units string) bool {
	last := -1
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i == 0 || i == len(s) {
			return false
		}
		at := strings.IndexByte(units, s[i])
		if at <= last || last >= 0 && at != last+1 {
			return false
		}
		last = at
		s = s[i+1:]
	}
	return true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < 36; i++ {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !isHex(c):
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

// isEmail checks a Mailbox of RFC 5321 §4.1.2.
func isEmail(s string) bool { return isASCII(s) && isMailbox(s, isHostname) }

// isIDNEmail checks a mailbox of RFC 6531.
func isIDNEmail(s string) bool { return utf8.ValidString(s) && isMailbox(s, isIDNHostname) }

func isMailbox(s string, isHost func(string) bool) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 && isASCII(s) || len(s) > 254 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if local[0] == '"' {
		if !isQuotedLocal(local) {
			return false
		}
	} else {
		for _, atom := range strings.Split(local, ".") {
			if atom == "" {
				return false
			}
			for _, r := range atom {
				if r < 0x80 && !isAtomByte(byte(r)) {
					return false
				}
			}
		}
	}
	if inner, ok := strings.CutPrefix(domain, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if v6, isV6 := strings.CutPrefix(inner, "IPv6:"); isV6 {
			return ok && isIPv6(v6)
		}
		return ok && isIPv4(inner)
	}
	return isHost(domain)
}

func isQuotedLocal(s string) bool {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return false
	}
	inner := s[1 : len(s)-1]
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '\\':
			i++
			if i == len(inner) {
				return false
			}
		case c == '"' || c < ' ' || c == 0x7f:
			return false
		}
	}
	return true
}

func isAtomByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isURI checks an absolute URI of RFC 3986.
func isURI(s string) bool { return isASCII(s) && isIRI(s) }

// isURIReference checks a URI or a relative reference of RFC 3986.
func isURIReference(s string) bool { return isASCII(s) && isIRIReference(s) }

// isIRI checks an absolute IRI of RFC 3987.
func isIRI(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && isScheme(scheme) && isIRIReference(s)
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// isIRIReference checks an IRI or a relative reference of RFC 3987.
func isIRIReference(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	rest, fragment, _ := strings.Cut(s, "#")
	if !uriCharacters(rest) || !uriCharacters(fragment) {
		return false
	}
	scheme, after, hasScheme := strings.Cut(rest, ":")
	if hasScheme && !strings.ContainsAny(scheme, "/?") {
		if !isScheme(scheme) {
			return false // a colon in the first segment of a relative reference
		}
		rest = after
	}
	rest, _, _ = strings.Cut(rest, "?")
	authority, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return !strings.ContainsAny(rest, "[]")
	}
	authority, path, _ := strings.Cut(authority, "/")
	if strings.ContainsAny(path, "[]") {
		return false
	}
	return isAuthority(authority)
}

func uriCharacters(s string) bool {
	for i, r := range s {
		switch {
		case r == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}#", r):
			return false
		case r >= 0x80 && r < 0xa0 || r >= 0xe000 && r <= 0xf8ff || r&0xfffe == 0xfffe:
			return false
		}
	}
	return true
}

func isAuthority(s string) bool {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		if strings.ContainsAny(s[:i], "[]@") {
			return false
		}
		s = s[i+1:]
	}
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		literal := s[1:end]
		if !isIPv6(literal) && !isFutureAddress(literal) {
			return false
		}
		host = ""
		switch rest := s[end+1:]; {
		case rest == "":
		case rest[0] == ':':
			port = rest[1:]
		default:
			return false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	return !strings.ContainsAny(host, "[]") && (port == "" || digits(port))
}

// isFutureAddress checks IPvFuture of RFC 3986 §3.2.2.
func isFutureAddress(s string) bool {
	if len(s) < 4 || s[0] != 'v' && s[0] != 'V' {
		return false
	}
	version, address, ok := strings.Cut(s[1:], ".")
	if !ok || version == "" || address == "" {
		return false
	}
	for i := 0; i < len(version); i++ {
		if !isHex(version[i]) {
			return false
		}
	}
	return true
}

// isURITemplate checks a template of RFC 6570.
func isURITemplate(s string) bool {
	for s != "" {
		literal, rest, open := strings.Cut(s, "{")
		if strings.ContainsFunc(literal, func(r rune) bool {
			return r <= ' ' || r == 0x7f || strings.ContainsRune("}\"<>\\^`|", r)
		}) {
			return false
		}
		if !open {
			return percentEncoded(literal)
		}
		expression, after, closed := strings.Cut(rest, "}")
		if !closed || !isTemplateExpression(expression) || !percentEncoded(literal) {
			return false
		}
		s = after
	}
	return true
}

func percentEncoded(s string) bool {
	_, err := url.PathUnescape(s)
	return err == nil
}

func isTemplateExpression(s string) bool {
	if s != "" && strings.IndexByte("+#./;?&=,!@|", s[0]) >= 0 {
		s = s[1:]
	}
	for _, spec := range strings.Split(s, ",") {
		spec = strings.TrimSuffix(spec, "*")
		name, length, prefixed := strings.Cut(spec, ":")
		if prefixed && (!digits(length) || len(length) > 4 || length[0] == '0') {
			return false
		}
		for i, part := range strings.Split(name, ".") {
			if part == "" && (i > 0 || name == "") {
				return false
			}
			if !percentEncoded(part) || strings.ContainsFunc(part, func(r rune) bool {
				return r != '_' && r != '%' && (r >= 0x80 || !isAlphanumeric(byte(r)))
			}) {
				return false
			}
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isJSONPointer checks the string form of RFC 6901.
func isJSONPointer(s string) bool {
	if s != "" && s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return true
}

func isRelativeJSONPointer(s string) bool {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 || i > 1 && s[0] == '0' {
		return false
	}
	return s[i:] == "#" || isJSONPointer(s[i:])
}

func isRegex(s string) bool {
	return validPattern(s) == nil
}
