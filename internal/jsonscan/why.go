package jsonscan

import "unicode/utf8"

// Why is why a text is no value.
type Why uint8

// The reasons.
const (
	Malformed Why = iota // it is no JSON
	TooDeep              // it is nested deeper than MaxDepth
	HalfPair             // a text in it has half a pair of surrogates
	NotUTF8              // a text in it is no UTF-8
)

// Fault is where and why the text at i, of which Value says that it is no value,
// is none. It is for saying so, and takes the way of Value once more.
func Fault(b []byte, i int) (at int, why Why) {
	_, at, why = fault(b, i, 0)
	return at, why
}

// fault is the end of the value at i, or -1 with what is wrong with it.
func fault(b []byte, i, depth int) (end, at int, why Why) {
	switch {
	case i >= len(b):
		return -1, len(b), Malformed
	case depth > MaxDepth:
		return -1, i, TooDeep
	}
	switch b[i] {
	case '"':
		return textFault(b, i)
	case '{', '[':
		closing := b[i] + 2
		if i = Space(b, i+1); i < len(b) && b[i] == closing {
			return i + 1, 0, 0
		}
		for {
			if closing == '}' {
				if i >= len(b) || b[i] != '"' {
					return -1, i, Malformed
				}
				if end, at, why = textFault(b, i); end < 0 {
					return end, at, why
				}
				if i = Space(b, end); i >= len(b) || b[i] != ':' {
					return -1, i, Malformed
				}
				i = Space(b, i+1)
			}
			if end, at, why = fault(b, i, depth+1); end < 0 {
				return end, at, why
			}
			if i = Space(b, end); i < len(b) && b[i] == closing {
				return i + 1, 0, 0
			}
			if i >= len(b) || b[i] != ',' {
				return -1, i, Malformed
			}
			i = Space(b, i+1)
		}
	}
	return value(b, i, depth), i, Malformed
}

func textFault(b []byte, i int) (end, at int, why Why) {
	start := i + 1
	for i = start; ; {
		if i = PlainEnd(b, i); i >= len(b) {
			return -1, len(b), Malformed
		}
		switch c := b[i]; {
		case c == '"':
			for k := start; k < i; {
				r, size := utf8.DecodeRune(b[k:i])
				if r == utf8.RuneError && size == 1 {
					return -1, k, NotUTF8
				}
				k += size
			}
			return i + 1, 0, 0
		case c == '\\':
			next := Escape(b, i, false)
			if next < 0 {
				if why = Malformed; Escape(b, i, true) >= 0 {
					why = HalfPair
				}
				return -1, i, why
			}
			i = next
		case c < ' ':
			return -1, i, Malformed
		default:
			i++
		}
	}
}
