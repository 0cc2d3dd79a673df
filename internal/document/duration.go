package document

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads an ISO 8601 duration as documents write them: P7D,
// PT1H30M, PT0.5S, P2W. A day is 24 hours; years and months have no fixed
// length and are refused. The error says what to write instead.
func ParseDuration(s string) (time.Duration, error) {
	bad := errors.New("is not an ISO 8601 duration; write P7D for seven days, PT1H30M for an hour and a half, PT0.5S for half a second")
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		if d, err := time.ParseDuration(s); err == nil && d >= 0 {
			return 0, errors.New("is Go's form of a duration; documents write ISO 8601: " + FormatDuration(d))
		}
		return 0, bad
	}
	var total float64
	inTime := false
	order := 0 // designators come in falling order, each once
	for rest != "" {
		if rest[0] == 'T' {
			if inTime || len(rest) == 1 {
				return 0, bad
			}
			inTime, rest = true, rest[1:]
			continue
		}
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.' || rest[i] == ',') {
			i++
		}
		if i == 0 || i == len(rest) {
			return 0, bad
		}
		value, ok := decimal(rest[:i])
		if !ok {
			return 0, bad
		}
		var unit time.Duration
		var rank int
		switch {
		case !inTime && (rest[i] == 'Y' || rest[i] == 'M'):
			return 0, errors.New("counts in years or months, which have no fixed length; write days, such as P30D")
		case !inTime && rest[i] == 'W':
			unit, rank = 7*24*time.Hour, 1
		case !inTime && rest[i] == 'D':
			unit, rank = 24*time.Hour, 2
		case inTime && rest[i] == 'H':
			unit, rank = time.Hour, 3
		case inTime && rest[i] == 'M':
			unit, rank = time.Minute, 4
		case inTime && rest[i] == 'S':
			unit, rank = time.Second, 5
		default:
			return 0, bad
		}
		if rank <= order {
			return 0, bad
		}
		order = rank
		total += value * float64(unit)
		rest = rest[i+1:]
	}
	if order == 0 {
		return 0, bad
	}
	if total > math.MaxInt64/2 {
		return 0, errors.New("is longer than 146 years; say what is meant, or leave it out for no limit")
	}
	return time.Duration(math.Round(total)), nil
}

// decimal reads digits with an optional fraction, '.' or ','.
func decimal(s string) (float64, bool) {
	var v, scale float64
	digits := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '.' || s[i] == ',' {
			if scale != 0 || digits == 0 {
				return 0, false
			}
			scale = 1
			continue
		}
		digits++
		v = v*10 + float64(s[i]-'0')
		scale *= 10
	}
	if scale == 1 {
		return 0, false
	}
	if scale > 1 {
		v /= scale
	}
	return v, true
}

// FormatDuration writes a duration in the ISO 8601 form that ParseDuration
// reads, in days, hours, minutes and seconds. Zero is PT0S.
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "PT0S"
	}
	var b strings.Builder
	b.WriteByte('P')
	part := func(unit time.Duration, letter byte) {
		if n := d / unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteByte(letter)
			d -= n * unit
		}
	}
	part(24*time.Hour, 'D')
	if d > 0 {
		b.WriteByte('T')
		part(time.Hour, 'H')
		part(time.Minute, 'M')
		if d > 0 {
			whole, frac := d/time.Second, d%time.Second
			b.WriteString(strconv.FormatInt(int64(whole), 10))
			if frac > 0 {
				nanos := strconv.FormatInt(int64(frac+time.Second), 10)[1:]
				b.WriteByte('.')
				b.WriteString(strings.TrimRight(nanos, "0"))
			}
			b.WriteByte('S')
		}
	}
	return b.String()
}
