package schema

import (
	"math/big"
	"strconv"
	"strings"
)

// decimal is a number exactly as it was written: digits × 10^exponent. JSON
// numbers are compared by it, since a float64 would take 9007199254740993 for
// its neighbour and a big.Rat would let 1e1000000 fill the memory.
type decimal struct {
	negative bool
	digits   string // without zeros at either end; "" is zero
	exponent int
}

// maxExponent bounds exponents, so that sums of them cannot overflow. Numbers
// beyond it compare by their sign alone.
const maxExponent = 1 << 30

// parseDecimal reads a number of JSON or YAML, but not an infinity or NaN.
func parseDecimal(s string) (*decimal, bool) {
	d := &decimal{}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) > 2 && s[0] == '0' && strings.IndexByte("xXoO", s[1]) >= 0 {
		i, ok := new(big.Int).SetString(s, 0)
		if !ok {
			return nil, false
		}
		s = i.String()
	}
	mantissa, exp := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		e, err := strconv.Atoi(s[i+1:])
		if err != nil {
			if numErr, ok := err.(*strconv.NumError); !ok || numErr.Err != strconv.ErrRange {
				return nil, false
			}
			e = maxExponent
			if strings.HasPrefix(s[i+1:], "-") {
				e = -maxExponent
			}
		}
		exp = min(max(e, -maxExponent), maxExponent)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" {
		return nil, false
	}
	digits := whole
	if fraction != "" {
		digits += fraction
		exp -= len(fraction)
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return nil, false
		}
	}
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	exp += len(digits) - len(trimmed)
	if trimmed == "" {
		return &decimal{}, true
	}
	d.digits, d.exponent = trimmed, exp
	return d, true
}

func (d *decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// cmp compares two numbers: -1, 0 or +1.
func (d *decimal) cmp(o *decimal) int {
	if a, b := d.sign(), o.sign(); a != b || a == 0 {
		return compareInts(a, b)
	}
	c := compareInts(len(d.digits)+d.exponent, len(o.digits)+o.exponent)
	if c == 0 {
		c = strings.Compare(d.digits, o.digits)
	}
	if d.negative {
		return -c
	}
	return c
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d *decimal) isInteger() bool { return d.exponent >= 0 }

// int returns the number where it is an integer that an int holds.
func (d *decimal) int() (int, bool) {
	if d.digits == "" {
		return 0, true
	}
	if d.exponent < 0 || len(d.digits)+d.exponent > 19 {
		return 0, false
	}
	text := d.digits + strings.Repeat("0", d.exponent)
	if d.negative {
		text = "-" + text
	}
	i, err := strconv.Atoi(text)
	return i, err == nil
}

// isMultipleOf reports whether d is a whole number of times of. A power of ten
// is taken modulo the divisor rather than written out, so that the exponents
// cost nothing.
func (d *decimal) isMultipleOf(of *decimal) bool {
	if d.digits == "" {
		return true
	}
	if of.digits == "" {
		return false
	}
	a, _ := new(big.Int).SetString(d.digits, 10)
	b, _ := new(big.Int).SetString(of.digits, 10)
	shift := d.exponent - of.exponent
	if shift >= 0 {
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shift)), b)
		return power.Mul(power, a).Mod(power, b).Sign() == 0
	}
	if -shift > len(d.digits) {
		return false // the divisor is the larger of the two
	}
	b.Mul(b, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-shift)), nil))
	return a.Mod(a, b).Sign() == 0
}

// String writes the number plainly where that is short.
func (d *decimal) String() string {
	if d.digits == "" {
		return "0"
	}
	text := ""
	switch point := len(d.digits) + d.exponent; {
	case d.exponent >= 0 && point <= 21:
		text = d.digits + strings.Repeat("0", d.exponent)
	case d.exponent < 0 && point > 0:
		text = d.digits[:point] + "." + d.digits[point:]
	case d.exponent < 0 && point > -7:
		text = "0." + strings.Repeat("0", -point) + d.digits
	default:
		text = d.digits + "e" + strconv.Itoa(d.exponent)
	}
	if d.negative {
		return "-" + text
	}
	return text
}
