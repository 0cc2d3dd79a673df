// Package event is CloudEvents 1.0: the event, its JSON and Avro formats, and
// how it is carried by HTTP, Kafka, AMQP, MQTT, NATS and Pub/Sub. It knows
// nothing of contracts and of brokers.
//
// An event is decoded without making anything of its data, which stays as the
// bytes that came. What cannot be an event is an error that says which clause
// it breaks; the bytes are the caller's still.
package event

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// SpecVersion is the version of CloudEvents that is read and written.
const SpecVersion = "1.0"

// Event is one event (CloudEvents §2). The zero value has nothing that is
// required. Its strings and bytes may share memory with what it was decoded
// from, which therefore has to be left alone.
type Event struct {
	// Required attributes (§3.1). SpecVersion is always 1.0.
	ID     string
	Source string
	Type   string

	// Optional attributes; the zero value is none.
	DataContentType string // media type of Data; "" means JSON
	DataSchema      string // URI
	Subject         string
	// Time is none where it is zero, that is 0001-01-01T00:00:00Z. An event that came
	// with that very time is refused rather than read as one without: it is what a
	// field looks like that its producer forgot to set, and it would be lost when the
	// event is written again.
	Time time.Time

	// Extensions are the other attributes, sorted by name.
	Extensions Extensions

	// Data is as DataContentType says; nil for none. For JSON it is the text of a
	// value.
	Data []byte
}

// Extension is an attribute that the specification does not name.
type Extension struct {
	Name  string // lower-case letters and digits
	Value Value
}

// Extensions are attributes, sorted by name. The zero value is none.
type Extensions []Extension

// Get returns the value of an extension.
func (x Extensions) Get(name string) (Value, bool) {
	i, ok := slices.BinarySearchFunc(x, name, func(e Extension, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return Value{}, false
	}
	return x[i].Value, true
}

// Set sets an extension, in the place that its name has.
func (x *Extensions) Set(name string, v Value) {
	i, ok := slices.BinarySearchFunc(*x, name, func(e Extension, name string) int { return strings.Compare(e.Name, name) })
	if ok {
		(*x)[i].Value = v
		return
	}
	*x = slices.Insert(*x, i, Extension{name, v})
}

// Kind is the type of an attribute's value (§2, type system). URI, URI-reference
// and Timestamp travel as strings, and are Text here.
type Kind uint8

// The kinds. Where attributes travel as strings alone, all are Text.
const (
	Text Kind = iota
	Boolean
	Integer // of 32 bits
	Binary
	// Nested is a list or a table in a field of AMQP, which no attribute is: an event
	// that has one is malformed. Its text is JSON.
	Nested
)

// Value is the value of an attribute. The zero value is an empty text.
type Value struct {
	kind Kind
	text string // canonical: true, -12, base64
}

// TextValue is a text.
func TextValue(s string) Value { return Value{Text, s} }

// BooleanValue is true or false.
func BooleanValue(b bool) Value { return Value{Boolean, strconv.FormatBool(b)} }

// IntegerValue is a whole number of 32 bits.
func IntegerValue(i int32) Value { return Value{Integer, strconv.FormatInt(int64(i), 10)} }

// BinaryValue is bytes.
func BinaryValue(b []byte) Value { return Value{Binary, base64.StdEncoding.EncodeToString(b)} }

// NestedValue is a list or a table of AMQP, as its text in JSON.
func NestedValue(text string) Value { return Value{Nested, text} }

// Kind is the type of the value.
func (v Value) Kind() Kind { return v.kind }

// String is the canonical text of the value (§2), of every kind.
func (v Value) String() string { return v.text }

// Mode is how an event travels: in binary mode its attributes are headers and
// its data the body; in structured mode the body is the whole event; a batch is
// several of those.
type Mode uint8

// The modes (§4, "message").
const (
	BinaryMode Mode = iota
	StructuredMode
	BatchMode
)

func (m Mode) String() string { return [...]string{"binary", "structured", "batch"}[m] }

// Error is why something is no event, or none that may be sent.
type Error struct {
	Attribute string // the attribute at fault, "" for the whole
	Reason    string // what is wrong with it
	Clause    string // of the specification
}

func (e *Error) Error() string {
	if e.Attribute == "" {
		return e.Reason + " (" + e.Clause + ")"
	}
	return e.Attribute + " " + e.Reason + " (" + e.Clause + ")"
}

func fault(attribute, clause, format string, args ...any) *Error {
	return &Error{attribute, fmt.Sprintf(format, args...), clause}
}

// Validate reports the first thing that the specification forbids.
func (e *Event) Validate() error { return e.validate(false) }

// validate is Validate, which a decoder tells where all texts are known to be
// printable ASCII.
func (e *Event) validate(printable bool) error {
	switch {
	case e.ID == "":
		return fault("id", "CloudEvents 1.0 §3.1.1", "is required and may not be empty")
	case e.Source == "":
		return fault("source", "CloudEvents 1.0 §3.1.2", "is required and may not be empty")
	case e.Type == "":
		return fault("type", "CloudEvents 1.0 §3.1.4", "is required and may not be empty")
	case !isURIReference(e.Source):
		return fault("source", "CloudEvents 1.0 §3.1.2", "%q is no URI-reference", clip(e.Source))
	case e.DataSchema != "" && (!isURIReference(e.DataSchema) || !hasScheme(e.DataSchema)):
		return fault("dataschema", "CloudEvents 1.0 §3.2.2", "%q is no URI", clip(e.DataSchema))
	case !isMediaType(e.DataContentType):
		return fault("datacontenttype", "CloudEvents 1.0 §3.2.1", "%q is no media type", clip(e.DataContentType))
	case !e.Time.IsZero() && !hasYear(e.Time):
		return fault("time", "CloudEvents 1.0 §3.2.4", "is in the year %d, which RFC 3339 cannot write", e.Time.Year())
	}
	if !printable {
		for i, value := range [...]string{e.ID, e.Source, e.Type, e.Subject, e.DataSchema, e.DataContentType} {
			if plainEnd(value, 0) == len(value) {
				continue
			}
			name := [...]string{"id", "source", "type", "subject", "dataschema", "datacontenttype"}[i]
			if err := checkText(name, value); err != nil {
				return err
			}
		}
	}
	for i, x := range e.Extensions {
		if err := checkName(x.Name); err != nil {
			return err
		}
		if i > 0 && e.Extensions[i-1].Name >= x.Name {
			return fault(x.Name, "CloudEvents 1.0 §3.3", "is there twice, or extensions are not sorted by name; use Set")
		}
		if printable {
			continue
		}
		if x.Value.kind == Nested {
			return fault(x.Name, "CloudEvents 1.0 §2", "is a list or an object, which no attribute is")
		}
		if err := checkText(x.Name, x.Value.text); err != nil {
			return err
		}
	}
	return nil
}

// hasYear reports whether RFC 3339 can write the year of a time, which costs a
// calendar for those alone that are near its ends.
func hasYear(t time.Time) bool {
	const begin, end = -62135596800, 253370764800 // of the years 1 and 9999
	if s := t.Unix(); s > begin+86400 && s < end-86400 {
		return true
	}
	return t.Year() >= 0 && t.Year() <= 9999
}

// checkName holds the name of an extension to §3, naming.
func checkName(name string) error {
	if name == "" {
		return fault("an extension", "CloudEvents 1.0 §3", "has no name")
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fault(name, "CloudEvents 1.0 §3", "is no name of an attribute, which has lower-case letters and digits")
		}
	}
	switch name {
	case "data", "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema":
		return fault(name, "CloudEvents 1.0 §3", "is an attribute of the specification, and no extension")
	}
	return nil
}

// checkText holds a String to §2, type system: no control characters, no code
// points that are none, UTF-8.
func checkText(name, s string) error {
	for i := 0; ; {
		if i = plainEnd(s, i); i == len(s) {
			return nil
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return fault(name, "CloudEvents 1.0 §2", "is no valid UTF-8")
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return fault(name, "CloudEvents 1.0 §2", "has the control character U+%04X", r)
		case r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef:
			return fault(name, "CloudEvents 1.0 §2", "has U+%04X, which is no character", r)
		}
		i += size
	}
}

// plainEnd returns the first byte at or after i that is not printable ASCII. It
// looks at eight at once.
func plainEnd(s string, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ 0x7f*ones
		if (w|(w-' '*ones)&^w|(del-ones)&^del)&highs != 0 {
			break
		}
	}
	for ; i < len(b) && b[i] >= ' ' && b[i] < 0x7f; i++ {
	}
	return i
}

// isURIReference looks for what no URI-reference (RFC 3986 §4.1) has.
func isURIReference(s string) bool {
	any := uint8(0)
	for i := range len(s) {
		any |= uriBytes[s[i]]
	}
	if any == 0 {
		return true // as most are
	}
	fragments := 0
	for i := 0; i < len(s); i++ {
		switch uriBytes[s[i]] {
		case uriNever:
			return false
		case uriPercent:
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case uriHash:
			if fragments++; fragments > 1 {
				return false
			}
		}
	}
	return true
}

// hasScheme looks at what makes a URI of a URI-reference (RFC 3986 §3.1).
func hasScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			return i > 0
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return false
}

const (
	uriNever = iota + 1
	uriPercent
	uriHash
)

// uriBytes says of a byte whether it is more than itself in a URI. What is not
// ASCII is let be: IRIs are met in the wild, and break nobody.
var uriBytes = [256]byte{
	0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1,
	16: 1, 17: 1, 18: 1, 19: 1, 20: 1, 21: 1, 22: 1, 23: 1, 24: 1, 25: 1, 26: 1, 27: 1, 28: 1, 29: 1, 30: 1, 31: 1,
	' ': uriNever, '"': uriNever, '<': uriNever, '>': uriNever, '\\': uriNever, '^': uriNever, '`': uriNever, '{': uriNever, '|': uriNever, '}': uriNever,
	'%': uriPercent, '#': uriHash,
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isMediaType looks at type/subtype (RFC 2046), or none; parameters are not
// looked at.
func isMediaType(s string) bool {
	if s == "application/json" || s == "" {
		return true
	}
	kind, _, _ := strings.Cut(s, ";")
	main, sub, ok := strings.Cut(strings.TrimSpace(kind), "/")
	return ok && isToken(main) && isToken(sub)
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// IsJSON reports whether a content type is that of JSON: application/json,
// text/json, anything +json, and none at all.
func IsJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	if kind == "" {
		return true
	}
	_, sub, _ := strings.Cut(kind, "/")
	return strings.EqualFold(sub, "json") || len(sub) > 5 && strings.EqualFold(sub[len(sub)-5:], "+json")
}

// parseTime reads a timestamp (RFC 3339 §5.6), and is strict about the ranges of
// its numbers (§5.7). A leap second is the second after it; digits beyond the
// ninth of a second are cut off. time.Parse is no judge of the form: it takes a
// comma for a point, hours of one digit, and zones that there are not.
func parseTime(s string) (time.Time, error) {
	t, ok := timestamp(s)
	switch {
	case !ok:
		return t, fault("time", "CloudEvents 1.0 §3.2.4", "%q is no timestamp of RFC 3339", clip(s))
	case t.IsZero():
		return t, fault("time", "CloudEvents 1.0 §3.2.4", "is %q, which is a time that was never set; leave it out", clip(s))
	}
	return t, nil
}

func timestamp(s string) (t time.Time, ok bool) {
	if len(s) < len("0000-00-00T00:00:00Z") || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return t, false
	}
	century, year, month, day, hour, minute, second := two(s[0:]), two(s[2:]), two(s[5:]), two(s[8:]), two(s[11:]), two(s[14:]), two(s[17:])
	if century > 99 || year > 99 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60 {
		return t, false
	}
	year += century * 100
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		if last = 28; year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	if day < 1 || day > last {
		return t, false
	}
	nano, rest := 0, s[len("0000-00-00T00:00:00"):]
	if rest[0] == '.' {
		i := 1
		for unit := 100_000_000; i < len(rest) && rest[i]-'0' <= 9; i++ {
			nano += int(rest[i]-'0') * unit
			unit /= 10
		}
		if i == 1 {
			return t, false
		}
		rest = rest[i:]
	}
	zone := time.UTC
	if rest != "Z" && rest != "z" {
		if len(rest) != 6 || rest[0] != '+' && rest[0] != '-' || rest[3] != ':' {
			return t, false
		}
		h, m := two(rest[1:]), two(rest[4:])
		if h > 23 || m > 59 {
			return t, false
		}
		if offset := (h*60 + m) * 60; offset != 0 {
			if rest[0] == '-' {
				offset = -offset
			}
			zone = time.FixedZone("", offset)
		}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nano, zone), true
}

// two is the number that two digits make; what are none make more than a hundred.
func two(s string) int {
	tens, ones := s[0]-'0', s[1]-'0'
	if tens > 9 || ones > 9 {
		return 1000
	}
	return int(tens)*10 + int(ones)
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:61] + "…"
	}
	return s
}

// formatTime writes a timestamp.
func formatTime(t time.Time) string { return t.Format(time.RFC3339Nano) }

// attribute sets an attribute that came as a text.
func (e *Event) attribute(name, value string) error {
	switch name {
	case "specversion":
		if value != SpecVersion {
			return fault(name, "CloudEvents 1.0 §3.1.3", "is %q, and %s is what is read", clip(value), SpecVersion)
		}
	case "id":
		e.ID = value
	case "source":
		e.Source = value
	case "type":
		e.Type = value
	case "subject":
		e.Subject = value
	case "datacontenttype":
		e.DataContentType = value
	case "dataschema":
		e.DataSchema = value
	case "time":
		if value == "" {
			return nil
		}
		t, err := parseTime(value)
		if err != nil {
			return err
		}
		e.Time = t
	default:
		e.extend(name, TextValue(value))
	}
	return nil
}

// extend adds an extension. Their order, and whether one is there twice, is for
// complete: whatever sends thousands of them is not to cost thousands for each.
func (e *Event) extend(name string, v Value) {
	e.Extensions = append(e.Extensions, Extension{name, v})
}

// complete checks what has to be there after decoding, and sorts.
func (e *Event) complete(version, printable bool) error {
	if !version {
		return fault("specversion", "CloudEvents 1.0 §3.1.3", "is required, and is not there")
	}
	x := e.Extensions
	for i := 1; i < len(x); i++ {
		if x[i-1].Name >= x[i].Name {
			slices.SortStableFunc(x, func(a, b Extension) int { return strings.Compare(a.Name, b.Name) })
			break
		}
	}
	for i := 1; i < len(x); i++ {
		if x[i-1].Name == x[i].Name {
			return fault(clip(x[i].Name), "CloudEvents 1.0 §3.3", "is there twice")
		}
	}
	return e.validate(printable)
}
