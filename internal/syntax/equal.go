package syntax

import (
	"math"
	"strconv"
	"strings"
)

// Equal reports whether two nodes are the same JSON value: numbers as exact
// decimals (1, 1.0 and 10e-1 are one number), objects in any order, the first
// of duplicate keys. How they are written does not matter. What could not be
// read equals nothing; nil equals only nil.
func Equal(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case Bool, String:
		return a.Value == b.Value
	case Number:
		return a.Value == b.Value || equalNumbers(a.Value, b.Value)
	case Sequence:
		if len(a.Items) != len(b.Items) {
			return false
		}
		for i := range a.Items {
			if !Equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	case Mapping:
		return containsAll(a, b, true) && containsAll(b, a, false)
	}
	return false
}

// containsAll reports whether every key of b is in a, with the same value
// where values is set.
func containsAll(a, b *Node, values bool) bool {
	for _, item := range b.Items {
		mine := a.Get(item.Key.Value)
		if mine == nil || values && b.Get(item.Key.Value) == item && !Equal(mine, item) {
			return false
		}
	}
	return true
}

// equalNumbers compares decimal texts exactly.
func equalNumbers(a, b string) bool {
	x, ok := parseDecimal(a)
	if !ok {
		return false
	}
	y, ok := parseDecimal(b)
	return ok && x == y
}

// decimal is a number as 0.digits × 10^exponent, with neither leading nor
// trailing zeros among the digits; zero has none. Each number has one form.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

// parseDecimal reads what YAML and JSON accept as a decimal number; false for
// anything else, infinities among them.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	switch {
	case strings.HasPrefix(s, "-"):
		d.negative = true
		s = s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.ParseInt(s[i+1:], 10, 64)
		if err != nil || n > math.MaxInt64/2 || n < math.MinInt64/2 {
			return decimal{}, false
		}
		d.exponent = n
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	d.digits = whole + fraction
	if d.digits == "" || strings.Trim(d.digits, "0123456789") != "" {
		return decimal{}, false
	}
	d.exponent += int64(len(whole))
	significant := strings.TrimLeft(d.digits, "0")
	d.exponent -= int64(len(d.digits) - len(significant))
	d.digits = strings.TrimRight(significant, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}
