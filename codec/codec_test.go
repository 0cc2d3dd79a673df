package codec_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/codec"
)

// read makes of a text what encoding/json makes of it, by a Reader alone.
func read(r *codec.Reader) any {
	raw := strings.TrimSpace(string(r.Raw()))
	if raw == "" {
		return nil
	}
	r = codec.NewReader([]byte(raw))
	switch raw[0] {
	case '{':
		m := map[string]any{}
		r.Object(func(name []byte) { key := string(name); m[key] = read(r) })
		return m
	case '[':
		a := []any{}
		r.Array(func() { a = append(a, read(r)) })
		return a
	case '"':
		return r.String()
	case 't', 'f':
		return r.Bool()
	case 'n':
		return nil
	}
	return r.Float64()
}

func FuzzReader(f *testing.F) {
	for _, text := range []string{`{}`, `[]`, `{"a":1,"b":[true,false,null,"x\n\u00e9\ud83d\ude00"],"c":{"d":-1.5e3}}`, ` [ 1 , 2 ] `, `"`, `{"a"}`, `[1,]`, `{"a":1,}`, `tru`, `-`, `1e999`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := codec.NewReader([]byte(text))
		got := read(r)
		if r.End() != nil {
			return
		}
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			return // duplicates and the like are for who validates
		}
		if !reflect.DeepEqual(got, want) && !strings.Contains(text, "999") {
			t.Errorf("%q is %v, and not %v", text, got, want)
		}
	})
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		`5`:             "at byte 0 of the data is a number, and not an object",
		``:              "is the end, and not an object",
		`{"a" 1}`:       "and not a colon",
		`{"a":1 "b":2}`: "and not a comma or the end of the object",
		`{"a":1`:        "is the end, and not a comma",
		`{a:1}`:         `is 'a', and not a name`,
		`{} x`:          "and not the end",
	} {
		r := codec.NewReader([]byte(text))
		r.Object(func([]byte) {})
		if err := r.End(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, and not: %s", text, err, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{"5": 5, "-5": -5, "5.0": 5, "5e2": 500, "9223372036854775807": math.MaxInt64, "50e-1": 5} {
		r := codec.NewReader([]byte(text))
		if got := r.Int64(); got != want || r.End() != nil {
			t.Errorf("%s is %d, %v", text, got, r.Err())
		}
	}
	for _, text := range []string{"5.5", "9223372036854775808", "1e30", `"5"`, "-"} {
		r := codec.NewReader([]byte(text))
		if r.Int64(); r.Err() == nil {
			t.Errorf("%s is a whole number", text)
		}
	}
}

func TestDateTime(t *testing.T) {
	for _, text := range []string{"2026-04-10T15:19:58Z", "2026-04-10t15:19:58.500z", "2026-04-10T15:19:58.120000+02:00", "1998-12-31T23:59:60Z"} {
		var d codec.DateTime
		if err := json.Unmarshal([]byte(`"`+text+`"`), &d); err != nil {
			t.Error(err)
			continue
		}
		if again, err := json.Marshal(d); err != nil || string(again) != `"`+text+`"` {
			t.Errorf("%s is written %s, %v", text, again, err)
		}
		if d.Time().IsZero() {
			t.Errorf("%s is no time", text)
		}
	}
	now := time.Now()
	if !codec.At(now).Equal(codec.At(now.UTC())) || codec.At(now).String() != now.Format(time.RFC3339Nano) {
		t.Error("a time is not itself")
	}
	var d codec.DateTime
	if err := json.Unmarshal([]byte(`"yesterday"`), &d); err == nil {
		t.Error("yesterday was read")
	}
}

// What is next is looked at, and a number may be kept as it is written.
func TestPeek(t *testing.T) {
	r := codec.NewReader([]byte(` [{"a":1}, 18446744073709551616, 1.50e2, "x"]`))
	var got []string
	r.Array(func() {
		switch {
		case r.IsObject():
			r.Object(func(name []byte) { got = append(got, string(name)) })
		case len(got) < 3:
			got = append(got, r.Number().String())
		default:
			if r.Number() != "" || r.Err() == nil {
				t.Error("a text is a number")
			}
		}
	})
	if want := []string{"a", "18446744073709551616", "1.50e2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("read were %q, and not %q", got, want)
	}
}
