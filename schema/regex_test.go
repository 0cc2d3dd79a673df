package schema

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// FuzzPattern holds the translation for Go's regexp against an engine that
// reads ECMA-262 itself: where both take a pattern they match the same texts.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{`^[A-Z]{3}$`, "EUR"}, {`^\d+(\.\d{1,2})?$`, "12.50"}, {`[\w.-]+@\w+`, "a@b"}, {`^(?:a|b)*?c`, "abc"}, {`\s\S\b\B`, "a b"}, {`[^\]\-a]`, "]-a"},
		{`^.{2,}$`, "é😀"}, {`\u{1F600}|\uD83D\uDE00|\x41`, "😀A"}, {`[]|[^]`, "x"}, {`a{2}|{|}`, "{"}, {`(?<n>a)\k<n>`, "aa"}, {`\p{L}+`, "é"}, {`[&&|~]`, "~"}, {`\cA[\b]\0`, "\x01\b\x00"},
		{`[a-\d]`, "-"}, {`[\s-z]`, "b"}, {`^*`, ""}, {`(?=a)*`, "a"}, {`[[a]`, "["}, {`\-\_\/`, "-_/"}, {`a$b|c^d`, "c"}, {`(((((a)))))`, "a"}, {`0{00}`, "0"}, {`\00`, "\x00"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 200 || !utf8.ValidString(text) {
			return
		}
		p, err := compilePattern(pattern)
		if valid := validPattern(pattern); (valid == nil) != (err == nil) {
			t.Errorf("%q: compilePattern says %v, validPattern %v", pattern, err, valid)
		}
		if err != nil || p.linear == nil {
			return
		}
		other, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode)
		if err != nil {
			if other, err = regexp2.Compile(pattern, regexp2.ECMAScript); err != nil {
				t.Errorf("%q is taken for %q, but ECMA-262 does not have it: %v", pattern, p.linear, err)
				return
			}
		}
		other.MatchTimeout = time.Second
		want, err := other.MatchString(text)
		if err != nil {
			return
		}
		if got, _ := p.match(text); got != want {
			t.Errorf("%q, taken for %q, matches %q: %v, by ECMA-262 %v", pattern, p.linear, strings.ToValidUTF8(text, "?"), got, want)
		}
	})
}
