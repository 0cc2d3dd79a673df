package codec

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/treaty-events/treaty/internal/jsonscan"
)

// DateTime is a time as RFC 3339 writes it (format date-time), which keeps its
// text: what was read is written again to the letter, fractions and offset
// included. The zero value is no time, and is written as the empty text.
type DateTime struct {
	time time.Time
	text string // "" where it was not read
}

// At is a time as a DateTime.
func At(t time.Time) DateTime { return DateTime{time: t} }

// Time is the time; for a text that RFC 3339 allows and package time does not have
// (a leap second) the second after it.
func (d DateTime) Time() time.Time { return d.time }

// String is the text.
func (d DateTime) String() string {
	if d.text != "" || d.time.IsZero() {
		return d.text
	}
	return d.time.Format(time.RFC3339Nano)
}

// Equal is whether two are the same instant.
func (d DateTime) Equal(o DateTime) bool { return d.time.Equal(o.time) }

// MarshalJSON writes the text.
func (d DateTime) MarshalJSON() ([]byte, error) { return jsonscan.AppendString(nil, d.String()), nil }

// UnmarshalJSON reads the text; one that is no time of RFC 3339 is an error.
func (d *DateTime) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return d.parse(text)
}

func (d *DateTime) parse(text string) error {
	*d = DateTime{text: text}
	upper := []byte(text)
	for i, c := range upper {
		if c == 't' || c == 'z' {
			upper[i] = c - 'a' + 'A'
		}
	}
	leap := len(upper) >= 19 && string(upper[17:19]) == "60"
	if leap {
		upper[17], upper[18] = '5', '9'
	}
	t, err := time.Parse(time.RFC3339Nano, string(upper))
	if err != nil {
		return fmt.Errorf("%q is no time of RFC 3339", text)
	}
	if leap {
		t = t.Add(time.Second)
	}
	d.time = t
	return nil
}

// DateTime reads a text that is a time.
func (r *Reader) DateTime() DateTime {
	text := r.String()
	var d DateTime
	if r.err == nil {
		if err := d.parse(text); err != nil {
			r.err = err
		}
	}
	return d
}
