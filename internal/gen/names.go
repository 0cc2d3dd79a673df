package gen

import (
	"strings"
	"unicode"
)

// words are the words of a name, however it is written: orders.paid_v1, OrderPaid,
// HTTPServer.
func words(s string) []string {
	var all []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			all = append(all, string(word))
			word = nil
		}
	}
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0:
			lowerBefore := unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1])
			lowerAfter := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if lowerBefore || unicode.IsUpper(runes[i-1]) && lowerAfter {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return all
}

// camel is a name in camel case with a capital first. One that would begin with a
// digit begins with N.
func camel(s string) string {
	var b strings.Builder
	shouted := strings.ToUpper(s) == s && len(words(s)) > 1
	for _, w := range words(s) {
		runes := []rune(w)
		b.WriteRune(unicode.ToUpper(runes[0]))
		if rest := string(runes[1:]); shouted {
			b.WriteString(strings.ToLower(rest)) // ORDER_PAID is OrderPaid
		} else {
			b.WriteString(rest)
		}
	}
	name := b.String()
	if name != "" && unicode.IsDigit([]rune(name)[0]) {
		name = "N" + name
	}
	return name
}

// snake is a name in lower case with underscores.
func snake(s string) string {
	all := words(s)
	for i, w := range all {
		all[i] = strings.ToLower(w)
	}
	return strings.Join(all, "_")
}

// lowerCamel is a name in camel case with a small letter first.
func lowerCamel(s string) string {
	name := []rune(camel(s))
	all := words(s)
	if len(all) == 0 {
		return ""
	}
	first := len([]rune(all[0]))
	for i := 0; i < first && i < len(name); i++ {
		name[i] = unicode.ToLower(name[i])
	}
	return string(name)
}

// singular is the name of one of several, as far as English is regular.
func singular(s string) string {
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "ses"), strings.HasSuffix(s, "xes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us") && len(s) > 3:
		return s[:len(s)-1]
	}
	return s + "Item"
}
