package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// whole reports whether a text is one value.
func whole(b []byte) bool {
	end := Value(b, Space(b, 0))
	return end >= 0 && Space(b, end) == len(b)
}

func TestValue(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true, ` [1, 2.5e+3, -0, "a\u00e9", true, false, null, {"a":[]}] `: true, `"\ud83d\ude00"`: true, `"é"`: true,
		`{"a":1,}`: false, `[1,]`: false, `01`: false, `1.`: false, `-`: false, `1e`: false, `tru`: false, `"\ud83d"`: false, "\"\xff\"": false, "\"a\nb\"": false,
		`{"a"}`: false, `{a:1}`: false, `[`: false, `{`: false, `"`: false, `"\`: false, `"\u12`: false, ``: false, `1 2`: false, `[1}`: false,
		strings.Repeat("[", 500) + strings.Repeat("]", 500): true, strings.Repeat("[", 600) + strings.Repeat("]", 600): false,
	} {
		if got := whole([]byte(text)); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
}

// TestFault: what is wrong is said where it is, and in its own words.
func TestFault(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+2)
	for _, row := range []struct {
		text string
		at   int
		why  Why
	}{
		{``, 0, Malformed}, {`[1,}`, 3, Malformed}, {`{"a" 1}`, 5, Malformed}, {`{"a":tru}`, 5, Malformed}, {`[1 2]`, 3, Malformed}, {"[\"a\nb\"]", 3, Malformed}, {`"\x"`, 1, Malformed}, {`"a`, 2, Malformed}, {`{"a":"b`, 7, Malformed},
		{deep, MaxDepth + 1, TooDeep}, {`{"a":"\ud83d"}`, 6, HalfPair}, {`{"\udc00":1}`, 2, HalfPair}, {"[\"é\xff\"]", 4, NotUTF8},
	} {
		if Value([]byte(row.text), 0) >= 0 {
			t.Errorf("%.40q is a value", row.text)
		}
		if at, why := Fault([]byte(row.text), 0); at != row.at || why != row.why {
			t.Errorf("%.40q: %d at %d, want %d at %d", row.text, why, at, row.why, row.at)
		}
	}
}

// FuzzValue agrees with encoding/json on what is JSON, but for what is asked
// beyond: UTF-8, whole pairs of surrogates, a limit to nesting.
func FuzzValue(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5e+3,"\u00e9\ud83d\ude00",null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := whole(b)
		if end, _, _ := fault(b, Space(b, 0), 0); end != Value(b, Space(b, 0)) {
			t.Fatalf("%q ends at %d", b, end)
		}
		if got && !json.Valid(b) {
			t.Fatalf("%q is taken for JSON", b)
		}
		if !got && json.Valid(b) && utf8.Valid(b) && !strings.Contains(strings.ToLower(string(b)), `\ud`) && len(b) < MaxDepth {
			t.Fatalf("%q is refused", b)
		}
		if got && len(b) > 1 && b[0] == '"' && b[len(b)-1] == '"' {
			var s string
			if err := json.Unmarshal(b, &s); err == nil && string(Unescape(nil, b[1:len(b)-1])) != s {
				t.Fatalf("%q is %q", b, s)
			}
			if again := AppendString(nil, s); !json.Valid(again) {
				t.Fatalf("%q is written as %q", s, again)
			}
		}
	})
}
