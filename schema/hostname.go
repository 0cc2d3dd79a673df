package schema

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isHostname checks a host name of RFC 1123 §2.1; an A-label has to decode to
// a label that IDNA allows.
func isHostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if !isLabel(label) {
			return false
		}
		if encoded, ok := cutPrefixFold(label, "xn--"); ok {
			decoded, ok := decodePunycode(encoded)
			if !ok || !isULabel(decoded) || !isBidiLabel(decoded, isRightToLeft(decoded)) {
				return false
			}
		} else if len(label) > 3 && label[2:4] == "--" {
			return false
		}
	}
	return true
}

// isPlainHostname checks a host name as the drafts before IDNA did, to which
// no label is special.
func isPlainHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := 0; i < len(label); i++ {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// isIDNHostname checks a host name of RFC 5890: labels in ASCII or in Unicode,
// separated by any of the dots that IDNA maps.
func isIDNHostname(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	bidi := isRightToLeft(s)
	length := -1
	for s, more := s, true; more; {
		label := s
		if i := strings.IndexFunc(s, isLabelDot); i >= 0 {
			_, size := utf8.DecodeRuneInString(s[i:])
			label, s = s[:i], s[i+size:]
		} else {
			more = false
		}
		encoded := len(label)
		if isASCII(label) {
			if !isHostname(label) {
				return false
			}
		} else if encoded = len("xn--") + punycodeLength(label); !isULabel(label) || encoded > 63 {
			return false
		}
		if !isBidiLabel(label, bidi) {
			return false
		}
		length += encoded + 1
	}
	return length <= 253
}

func isLabelDot(r rune) bool { return r == '.' || r == '\u3002' || r == '\uff0e' || r == '\uff61' }

// isULabel checks a label by RFC 5892: letters, digits and marks, with the
// characters that need a context in it (appendix A).
func isULabel(s string) bool {
	runes := []rune(s)
	if len(runes) == 0 || runes[0] == '-' || runes[len(runes)-1] == '-' || unicode.Is(unicode.M, runes[0]) {
		return false
	}
	if len(runes) > 3 && runes[2] == '-' && runes[3] == '-' {
		return false
	}
	var arabic, extended, kana bool
	for _, r := range runes {
		arabic = arabic || r >= 0x0660 && r <= 0x0669
		extended = extended || r >= 0x06f0 && r <= 0x06f9
		kana = kana || unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) && r != 0x30fb
	}
	if arabic && extended {
		return false
	}
	for i, r := range runes {
		before, after := rune(-1), rune(-1)
		if i > 0 {
			before = runes[i-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		switch r {
		case 0x00b7: // middle dot, as in Catalan
			if before != 'l' || after != 'l' {
				return false
			}
		case 0x0375: // Greek keraia
			if after < 0 || !unicode.Is(unicode.Greek, after) {
				return false
			}
		case 0x05f3, 0x05f4: // Hebrew geresh, gershayim
			if before < 0 || !unicode.Is(unicode.Hebrew, before) {
				return false
			}
		case 0x30fb: // Katakana middle dot
			if !kana {
				return false
			}
		case 0x200d: // zero width joiner, after a virama
			if before < 0 || !isVirama(before) {
				return false
			}
		case 0x200c: // zero width non-joiner, there or between letters that would join
			if before < 0 || !isVirama(before) && !(joinsForward(before) && joinsBackward(after)) {
				return false
			}
		case 0x0640, 0x07fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b:
			return false
		case 0x00df, 0x03c2, 0x06fd, 0x06fe, 0x0f0b, 0x3007:
			// exceptions that are valid
		default:
			if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				continue
			}
			if unicode.IsUpper(r) || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
				return false
			}
		}
	}
	return true
}

func isVirama(r rune) bool {
	switch r {
	case 0x094d, 0x09cd, 0x0a4d, 0x0acd, 0x0b4d, 0x0bcd, 0x0c4d, 0x0ccd, 0x0d4d, 0x0dca, 0x0e3a, 0x0f84, 0x1039, 0x103a, 0x17d2, 0xa8c4, 0xa9c0:
		return true
	}
	return false
}

// joinsBackward and joinsForward are the joining types of Arabic, as far as
// host names use them: every letter joins the one before it but the hamza, and
// all but a few join the one after.
func joinsBackward(r rune) bool {
	return unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r) && r != 0x0621
}

func joinsForward(r rune) bool {
	switch r {
	case 0x0622, 0x0623, 0x0624, 0x0625, 0x0627, 0x0629, 0x062f, 0x0630, 0x0631, 0x0632, 0x0648, 0x0671, 0x0672, 0x0673, 0x0675,
		0x0676, 0x0677, 0x0688, 0x0689, 0x0691, 0x0698, 0x06c0, 0x06cb, 0x06cd, 0x06cf, 0x06d2, 0x06d3, 0x06d5:
		return false
	}
	return joinsBackward(r)
}

// isRightToLeft reports whether a letter or number written from right to left
// is in s, which makes the domain name one that the Bidi rule is about.
func isRightToLeft(s string) bool { return strings.ContainsFunc(s, rightToLeft) }

func rightToLeft(r rune) bool {
	return r >= 0x0590 && unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko) && !unicode.Is(unicode.M, r) &&
		(r < 0x06f0 || r > 0x06f9) || r >= 0x0660 && r <= 0x0669
}

// isBidiLabel checks the Bidi rule of RFC 5893 §2 on one label of a domain
// name that has letters from right to left.
func isBidiLabel(label string, bidi bool) bool {
	if !bidi {
		return true
	}
	runes := []rune(label)
	last := len(runes) - 1
	for last > 0 && unicode.Is(unicode.M, runes[last]) {
		last--
	}
	if last < 0 || unicode.IsDigit(runes[0]) {
		return false
	}
	fromRight := rightToLeft(runes[0])
	european, arabic := false, false
	for _, r := range runes {
		switch {
		case r >= '0' && r <= '9' || r >= 0x06f0 && r <= 0x06f9:
			european = true
		case r >= 0x0660 && r <= 0x0669:
			if arabic = true; !fromRight {
				return false
			}
		case unicode.IsLetter(r):
			if rightToLeft(r) != fromRight {
				return false
			}
		}
	}
	return !(european && arabic) && (unicode.IsLetter(runes[last]) || unicode.IsDigit(runes[last]) || rightToLeft(runes[last]))
}

// decodePunycode decodes an A-label without its prefix (RFC 3492 §6.2).
func decodePunycode(s string) (string, bool) {
	var out []rune
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		out = []rune(s[:i])
		s = s[i+1:]
	}
	n, i, bias := rune(128), 0, 72
	for s != "" {
		old, weight := i, 1
		for k := 36; ; k += 36 {
			if s == "" {
				return "", false
			}
			digit := punycodeDigit(s[0])
			s = s[1:]
			if digit < 0 || i > 1<<24 || weight > 1<<24 {
				return "", false
			}
			i += digit * weight
			t := min(max(k-bias, 1), 26)
			if digit < t {
				break
			}
			weight *= 36 - t
		}
		size := len(out) + 1
		bias = punycodeBias(i-old, size, old == 0)
		n += rune(i / size)
		i %= size
		if n > unicode.MaxRune {
			return "", false
		}
		out = append(out, 0)
		copy(out[i+1:], out[i:])
		out[i] = n
		i++
	}
	return string(out), len(out) > 0
}

func punycodeDigit(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a')
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= '0' && c <= '9':
		return int(c-'0') + 26
	}
	return -1
}

func punycodeBias(delta, size int, first bool) int {
	if first {
		delta /= 700
	} else {
		delta /= 2
	}
	delta += delta / size
	k := 0
	for delta > 455 {
		delta /= 35
		k += 36
	}
	return k + 36*delta/(delta+38)
}

// punycodeLength is the length of a label once encoded (RFC 3492 §6.3).
func punycodeLength(label string) int {
	runes := []rune(label)
	length, handled := 0, 0
	for _, r := range runes {
		if r < 0x80 {
			length++
			handled++
		}
	}
	if handled > 0 {
		length++
	}
	n, delta, bias, basic := rune(128), 0, 72, handled
	for handled < len(runes) {
		next := rune(unicode.MaxRune)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		delta += int(next-n) * (handled + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := 36; ; k += 36 {
				length++
				t := min(max(k-bias, 1), 26)
				if q < t {
					break
				}
				q = (q - t) / (36 - t)
			}
			bias = punycodeBias(delta, handled+1, handled == basic)
			delta = 0
			handled++
		}
		delta++
		n++
	}
	return length
}
