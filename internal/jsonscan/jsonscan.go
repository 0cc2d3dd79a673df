// Package jsonscan walks over the bytes of JSON (RFC 8259) without making
// anything of them. Positions are offsets; -1 is a text that is no JSON.
package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

const (
	ones   = 0x0101010101010101
	high   = 0x8080808080808080
	quote  = ones * '"'
	slash  = ones * '\\'
	blanks = ones * ' '
)

// PlainEnd returns the first byte at or after i that is not simply part of a
// text: a quote, a backslash, a control character, or above ASCII. It looks at
// eight bytes at once.
func PlainEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// Escape reads the escape sequence at i, a pair of surrogates as one. One half
// of a pair is no text, unless half lets it be.
func Escape(b []byte, i int, half bool) int {
	if i+1 >= len(b) {
		return -1
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return -1
	}
	r := Hex(b, i+2)
	switch {
	case r < 0:
		return -1
	case r < 0xD800 || r >= 0xE000:
		return i + 6
	case r < 0xDC00 && i+7 < len(b) && b[i+6] == '\\' && b[i+7] == 'u':
		if low := Hex(b, i+8); low >= 0xDC00 && low < 0xE000 {
			return i + 12
		}
	}
	if half {
		return i + 6
	}
	return -1
}

// Hex reads four hexadecimal digits; -1 where there are none.
func Hex(b []byte, i int) rune {
	if i+4 > len(b) {
		return -1
	}
	r := rune(0)
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return r
}

// Unescape appends what stands between the quotes of a text, without its
// escapes. The text has been found to be well-formed; half a pair of surrogates
// becomes U+FFFD.
func Unescape(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = text[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := Hex(text, i+2)
			if r >= 0xD800 && r < 0xE000 {
				low := rune(-1)
				if r < 0xDC00 && i+12 <= len(text) && text[i+6] == '\\' && text[i+7] == 'u' {
					low = Hex(text, i+8)
				}
				if low >= 0xDC00 && low < 0xE000 {
					r = (r-0xD800)<<10 | (low - 0xDC00) + 0x10000
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// Space skips white space.
func Space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// special marks the bytes of w, in their highest bits, that are not simply part of
// a text. Those behind the first may be marked for nothing.
func special(w uint64) uint64 {
	q, s := w^quote, w^slash
	return ((q-ones)&^q | (s-ones)&^s | (w - blanks) | w) & high
}

// String reads the text at i, which begins with a quote. plain says that it has
// no escapes.
func String(b []byte, i int) (end int, plain bool) {
	// Most texts are ASCII without escapes, and end here.
	for i++; i+8 <= len(b); i += 8 {
		if found := special(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			if i += bits.TrailingZeros64(found) >> 3; b[i] == '"' {
				return i + 1, true
			}
			break
		}
	}
	return stringFrom(b, i)
}

// stringFrom reads on in a text of which what stands before i is ASCII without
// escapes.
func stringFrom(b []byte, i int) (end int, plain bool) {
	start := i
	plain = true
	ascii := true
	for {
		i = PlainEnd(b, i)
		if i >= len(b) {
			return -1, false
		}
		switch c := b[i]; {
		case c == '"':
			if !ascii && !utf8.Valid(b[start:i]) {
				return -1, false
			}
			return i + 1, plain
		case c == '\\':
			plain = false
			if i = Escape(b, i, false); i < 0 {
				return -1, false
			}
		case c < ' ':
			return -1, false
		default:
			ascii = false
			i++
		}
	}
}

// Number reads the number at i.
func Number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	i = digits(b, i)
	if i == first || i-first > 1 && b[first] == '0' {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// MaxDepth is the nesting that a value may have.
const MaxDepth = 512

// Value reads the value at i, whatever it is. Keys that are there twice are not
// looked for.
func Value(b []byte, i int) int { return value(b, i, 0) }

func value(b []byte, i, depth int) int {
	if i >= len(b) || depth > MaxDepth {
		return -1
	}
	switch b[i] {
	case '"':
		end, _ := String(b, i)
		return end
	case '{', '[':
		closing := b[i] + 2
		if i = Space(b, i+1); i < len(b) && b[i] == closing {
			return i + 1
		}
		for {
			if closing == '}' {
				if i >= len(b) || b[i] != '"' {
					return -1
				}
				if i, _ = String(b, i); i < 0 {
					return -1
				}
				if i = Space(b, i); i >= len(b) || b[i] != ':' {
					return -1
				}
				i = Space(b, i+1)
			}
			if i = value(b, i, depth+1); i < 0 {
				return -1
			}
			if i = Space(b, i); i >= len(b) {
				return -1
			}
			switch b[i] {
			case closing:
				return i + 1
			case ',':
				i = Space(b, i+1)
			default:
				return -1
			}
		}
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return Number(b, i)
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

// AppendString appends a text as JSON, without escaping more than is needed.
// Invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	// Most texts have nothing to be escaped, and go at once.
	plain := PlainEnd(unsafe.Slice(unsafe.StringData(s), len(s)), 0)
	dst = append(dst, s[:plain]...)
	for _, r := range s[plain:] {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r == 0x2028 || r == 0x2029: // which end a line in JavaScript, and for readers of lines
			dst = append(dst, '\\', 'u', '2', '0', '2', hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
