// Package codec reads JSON for the types that treaty generates: property by
// property, by their exact names, without reflection. The text has been held to
// its schema before, or encoding/json has looked at it, so a Reader is lenient
// about what no type can say; what is no JSON, or no value of the type that is
// asked for, is an error.
package codec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/treaty-events/treaty/internal/jsonscan"
)

// Reader reads one JSON text. Make it with NewReader. After an error all methods
// return zero values, and Err says what the first one was. It is not for
// concurrent use.
type Reader struct {
	text []byte
	at   int
	err  error
}

// NewReader reads a text, which must not change as long as what was read of it is
// in use.
func NewReader(text []byte) *Reader { return &Reader{text: text} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// End is Err, or an error where something comes behind the value.
func (r *Reader) End() error {
	if r.err == nil {
		if r.at = jsonscan.Space(r.text, r.at); r.at < len(r.text) {
			r.fail("the end")
		}
	}
	return r.err
}

// Fail makes an error the first one, where there was none; nil is no error.
func (r *Reader) Fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
		r.at = len(r.text)
	}
}

func (r *Reader) fail(wanted string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d of the data is %s, and not %s", r.at, what(r.text[r.at:]), wanted)
		r.at = len(r.text)
	}
}

func what(text []byte) string {
	if len(text) == 0 {
		return "the end"
	}
	switch c := text[0]; c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a text"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return "a number"
		}
		return strconv.QuoteRune(rune(c))
	}
}

// next is the first byte of the next token, 0 at the end.
func (r *Reader) next() byte {
	r.at = jsonscan.Space(r.text, r.at)
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// Null reads null, where it is that, and reports whether it was.
func (r *Reader) Null() bool {
	if r.next() == 'n' && len(r.text)-r.at >= 4 && string(r.text[r.at:r.at+4]) == "null" {
		r.at += 4
		return true
	}
	return false
}

// IsObject reports whether what is read next is an object. Nothing is read.
func (r *Reader) IsObject() bool { return r.next() == '{' }

// Object reads an object: member is called for each property with its name, has
// to read the value, and may keep the name no longer than its call.
func (r *Reader) Object(member func(name []byte)) {
	if r.next() != '{' {
		r.fail("an object")
		return
	}
	r.at++
	var space [64]byte
	for first := true; ; first = false {
		c := r.next()
		if first && c == '}' {
			r.at++
			return
		}
		if !first {
			if c == '}' {
				r.at++
				return
			}
			if c != ',' {
				r.fail("a comma or the end of the object")
				return
			}
			r.at++
			c = r.next()
		}
		if c != '"' {
			r.fail("a name")
			return
		}
		name := r.raw(space[:0])
		if r.err != nil {
			return
		}
		if r.next() != ':' {
			r.fail("a colon")
			return
		}
		r.at++
		before := r.at
		member(name)
		if r.err != nil {
			return
		}
		if r.at == before { // nobody wanted it
			r.Skip()
		}
	}
}

// Array reads an array: item is called for each value, and has to read it.
func (r *Reader) Array(item func()) {
	if r.next() != '[' {
		r.fail("an array")
		return
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return
	}
	for {
		before := r.at
		item()
		if r.err != nil {
			return
		}
		if r.at == before {
			r.Skip()
		}
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return
		default:
			r.fail("a comma or the end of the array")
			return
		}
	}
}

// raw reads a text: a part of what is read where it has no escapes, else in dst.
func (r *Reader) raw(dst []byte) []byte {
	end, plain := jsonscan.String(r.text, r.at)
	if end < 0 {
		r.fail("a whole text")
		return nil
	}
	inner := r.text[r.at+1 : end-1]
	r.at = end
	if plain {
		return inner
	}
	return jsonscan.Unescape(dst, inner)
}

// String reads a text. It shares memory with what is read where it has no
// escapes.
func (r *Reader) String() string {
	if r.next() != '"' {
		r.fail("a text")
		return ""
	}
	b := r.raw(nil)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	r.next()
	rest := r.text[r.at:]
	switch {
	case len(rest) >= 4 && string(rest[:4]) == "true":
		r.at += 4
		return true
	case len(rest) >= 5 && string(rest[:5]) == "false":
		r.at += 5
		return false
	}
	r.fail("a boolean")
	return false
}

func (r *Reader) number() string {
	c := r.next()
	if c != '-' && (c < '0' || c > '9') {
		r.fail("a number")
		return ""
	}
	end := jsonscan.Number(r.text, r.at)
	if end < 0 {
		r.fail("a whole number")
		return ""
	}
	b := r.text[r.at:end]
	r.at = end
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Number reads a number as it is written.
func (r *Reader) Number() json.Number { return json.Number(r.number()) }

// Int64 reads a number that is whole, however it is written (5, 5.0, 5e0), and
// fits.
func (r *Reader) Int64() int64 {
	at := jsonscan.Space(r.text, r.at)
	s := r.number()
	if r.err != nil {
		return 0
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == float64(int64(f)) && f > -1<<53 && f < 1<<53 {
		return int64(f)
	}
	r.at = at
	r.err = fmt.Errorf("at byte %d of the data is %s, which no whole number of 64 bits is", at, s)
	return 0
}

// Float64 reads a number.
func (r *Reader) Float64() float64 {
	at := jsonscan.Space(r.text, r.at)
	s := r.number()
	if r.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		r.err = fmt.Errorf("at byte %d of the data is %s, which is too large for a number of 64 bits", at, s)
	}
	return f
}

// Raw reads any value as it stands. It shares memory with what is read.
func (r *Reader) Raw() json.RawMessage {
	r.next()
	end := jsonscan.Value(r.text, r.at)
	if end < 0 {
		r.fail("a value")
		return nil
	}
	b := r.text[r.at:end:end]
	r.at = end
	return b
}

// Skip reads any value, and forgets it.
func (r *Reader) Skip() { r.Raw() }

// Read has a type that reads itself do so, with the text of the next value.
func (r *Reader) Read(to json.Unmarshaler) {
	text := r.Raw()
	if r.err != nil {
		return
	}
	r.Fail(to.UnmarshalJSON(text))
}
