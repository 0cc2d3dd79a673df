package syntax

import (
	"math/big"
	"strings"
)

// number reads a number of YAML's core schema and writes it as JSON would,
// digit for digit; what is none is a string.
func number(s string) (Kind, string) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'o') {
		base := 16
		if s[1] == 'o' {
			base = 8
		}
		if s[2] == '-' || s[2] == '+' || strings.ContainsRune(s, '_') || len(s) > 1000 {
			return String, s
		}
		if i, ok := new(big.Int).SetString(s[2:], base); ok {
			return Number, i.String()
		}
		return String, s
	}
	sign, rest := "", s
	if s[0] == '-' || s[0] == '+' {
		if s[0] == '-' {
			sign = "-"
		}
		rest = s[1:]
	}
	whole := digits(rest)
	rest2 := rest[whole:]
	frac := ""
	dot := strings.HasPrefix(rest2, ".")
	if dot {
		n := digits(rest2[1:])
		frac, rest2 = rest2[1:1+n], rest2[1+n:]
	}
	if whole == 0 && frac == "" {
		return String, s
	}
	exp := ""
	if rest2 != "" && (rest2[0] == 'e' || rest2[0] == 'E') {
		body := rest2[1:]
		if body != "" && (body[0] == '-' || body[0] == '+') {
			body = body[1:]
		}
		if n := digits(body); n == 0 || n != len(body) {
			return String, s
		}
		exp, rest2 = rest2, ""
	}
	if rest2 != "" {
		return String, s
	}
	if s[0] != '+' && whole > 0 && (whole == 1 || rest[0] != '0') && (!dot || frac != "") {
		return Number, s
	}
	lead := strings.TrimLeft(rest[:whole], "0")
	if lead == "" {
		lead = "0"
	}
	out := sign + lead
	if frac != "" {
		out += "." + frac
	}
	return Number, out + exp
}
