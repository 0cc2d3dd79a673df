package schema

import "math/bits"

// wireDecimal is a number as it stands in an event: mantissa × 10^-scale where
// that fits, which it nearly always does, and the text for where it does not.
type wireDecimal struct {
	text     []byte
	mantissa uint64
	scale    int
	negative bool
	small    bool // mantissa and scale say it
	fraction bool // written with a point or an exponent
}

// maxSmallDigits is how many digits a mantissa holds.
const maxSmallDigits = 18

var powersOfTen = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// wireDecimalOf reads a number that is nothing else.
func wireDecimalOf(b []byte) (wireDecimal, bool) {
	n, end := readDecimal(b, 0)
	return n, end == len(b)
}

// readDecimal reads a number (RFC 8259 §6); end is -1 where there is none.
func readDecimal(b []byte, i int) (n wireDecimal, end int) {
	start := i
	if i < len(b) && b[i] == '-' {
		n.negative = true
		i++
	}
	first := i
	for i < len(b) && b[i]-'0' <= 9 {
		n.mantissa = n.mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return n, -1
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		n.fraction = true
		if b[i] == '.' {
			i++
			point := i
			for i < len(b) && b[i]-'0' <= 9 {
				n.mantissa = n.mantissa*10 + uint64(b[i]-'0')
				i++
			}
			n.scale = i - point
			digits += n.scale
			if n.scale == 0 {
				return n, -1
			}
		}
		if i < len(b) && b[i]|0x20 == 'e' {
			i++
			minus := false
			if i < len(b) && (b[i] == '-' || b[i] == '+') {
				minus = b[i] == '-'
				i++
			}
			from, exponent := i, 0
			for i < len(b) && b[i]-'0' <= 9 {
				exponent = min(exponent*10+int(b[i]-'0'), 1<<20)
				i++
			}
			if i == from {
				return n, -1
			}
			if minus {
				exponent = -exponent
			}
			n.scale -= exponent
		}
	}
	n.small = digits <= maxSmallDigits && n.scale <= maxSmallDigits && n.scale >= -maxSmallDigits
	n.text = b[start:i]
	return n, i
}

// exact is the number for arithmetic without bounds.
func (n *wireDecimal) exact() *decimal {
	d, ok := parseDecimal(string(n.text))
	if !ok {
		return &decimal{}
	}
	return d
}

// scaled is the mantissa at a scale that is no smaller than the number's own,
// in two words.
func (n *wireDecimal) scaled(scale int) (high, low uint64, ok bool) {
	if scale-n.scale > maxSmallDigits {
		return 0, 0, n.mantissa == 0
	}
	high, low = bits.Mul64(n.mantissa, powersOfTen[scale-n.scale])
	return high, low, true
}

// cmp compares two numbers: -1, 0 or +1.
func (n *wireDecimal) cmp(o *wireDecimal) int {
	if n.small && o.small {
		scale := max(n.scale, o.scale)
		ah, al, ok := n.scaled(scale)
		bh, bl, also := o.scaled(scale)
		if ok && also {
			c := 0
			switch {
			case ah != bh:
				c = compareWords(ah, bh)
			default:
				c = compareWords(al, bl)
			}
			switch {
			case n.mantissa == 0 && o.mantissa == 0:
				return 0
			case n.negative != o.negative && n.mantissa == 0:
				if o.negative {
					return 1
				}
				return -1
			case n.negative != o.negative && o.mantissa == 0, n.negative != o.negative:
				if n.negative {
					return -1
				}
				return 1
			case n.negative:
				return -c
			}
			return c
		}
	}
	return n.exact().cmp(o.exact())
}

func compareWords(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// isMultipleOf reports whether the number is a whole number of times o.
func (n *wireDecimal) isMultipleOf(o *wireDecimal) bool {
	if n.small && o.small && o.mantissa != 0 {
		scale := max(n.scale, o.scale)
		ah, al, ok := n.scaled(scale)
		bh, bl, also := o.scaled(scale)
		if ok && also && bh == 0 {
			return bits.Rem64(ah, al, bl) == 0
		}
	}
	return n.exact().isMultipleOf(o.exact())
}

// isInteger reports whether the value is a whole number, however written.
func (n *wireDecimal) isInteger() bool {
	switch {
	case !n.fraction:
		return true
	case n.small && n.scale <= 0:
		return true
	case n.small:
		return n.mantissa%powersOfTen[n.scale] == 0
	}
	return n.exact().isInteger()
}

func (d *scanner) number(i int, w *wireNumber) int {
	n, end := readDecimal(d.text, i)
	if end < 0 || w.free {
		return end
	}
	if w.whole && (n.fraction && w.draft4 || !n.isInteger()) || w.torn && (!n.fraction || !w.draft4 && n.isInteger()) {
		return -1
	}
	for k := range w.bounds {
		b := &w.bounds[k]
		c := n.cmp(&b.at)
		if c*b.sign < 0 || c == 0 && b.strict {
			return -1
		}
	}
	for k := range w.multiples {
		if !n.isMultipleOf(&w.multiples[k]) {
			return -1
		}
	}
	if w.values != nil {
		listed := false
		for k := range w.values {
			listed = listed || n.cmp(&w.values[k]) == 0
		}
		if !listed {
			return -1
		}
	}
	return d.settle(i, end, w.choices)
}
