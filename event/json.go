package event

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/treaty-events/treaty/internal/jsonscan"
)

// ContentTypes of the JSON format.
const (
	JSONContentType      = "application/cloudevents+json"
	JSONBatchContentType = "application/cloudevents-batch+json"
)

const jsonClause = "CloudEvents JSON format 1.0 §2.2"

// member is a member of a JSON event: where its name and value stand.
type member struct {
	nameAt, nameEnd   int32 // within the quotes
	valueAt, valueEnd int32
	name              attributeName
	plain             bool // of a text: without escapes
}

// attributeName is a member that the specification names.
type attributeName uint8

const (
	extensionName attributeName = iota
	dataName
	dataBase64Name
	specVersionName
	idName
	sourceName
	typeName
	subjectName
	timeName
	dataContentTypeName
	dataSchemaName
)

func nameOf(b []byte) attributeName {
	switch string(b) {
	case "data":
		return dataName
	case "data_base64":
		return dataBase64Name
	case "specversion":
		return specVersionName
	case "id":
		return idName
	case "source":
		return sourceName
	case "type":
		return typeName
	case "subject":
		return subjectName
	case "time":
		return timeName
	case "datacontenttype":
		return dataContentTypeName
	case "dataschema":
		return dataSchemaName
	}
	return extensionName
}

// maxMembers is how many members are read without a second allocation.
const maxMembers = 24

// DecodeJSON decodes an event in the JSON format. The data of the event shares
// memory with text.
func DecodeJSON(text []byte) (*Event, error) {
	e := &Event{}
	return e, e.UnmarshalEvent(text)
}

// UnmarshalEvent is DecodeJSON into an event, whatever it held.
func (e *Event) UnmarshalEvent(text []byte) error {
	*e = Event{}
	i, err := e.decode(text, jsonscan.Space(text, 0))
	if err != nil {
		return err
	}
	if i = jsonscan.Space(text, i); i != len(text) {
		return fault("", jsonClause, "there is something after the event, at byte %d", i)
	}
	return nil
}

// DecodeJSONBatch decodes a batch. An empty one has no events (§4.1).
func DecodeJSONBatch(text []byte) ([]Event, error) {
	const clause = "CloudEvents JSON format 1.0 §4"
	i := jsonscan.Space(text, 0)
	if i >= len(text) || text[i] != '[' {
		return nil, fault("", clause, "a batch is a list of events")
	}
	var all []Event
	if i = jsonscan.Space(text, i+1); i < len(text) && text[i] == ']' {
		i++
	} else {
		for {
			var e Event
			end, err := e.decode(text, i)
			if err != nil {
				return nil, fmt.Errorf("event %d of the batch: %w", len(all), err)
			}
			all = append(all, e)
			if i = jsonscan.Space(text, end); i >= len(text) {
				return nil, fault("", clause, "the batch ends early")
			}
			c := text[i]
			i = jsonscan.Space(text, i+1)
			if c == ']' {
				break
			}
			if c != ',' {
				return nil, fault("", clause, "there is no comma after event %d", len(all)-1)
			}
		}
	}
	if jsonscan.Space(text, i) != len(text) {
		return nil, fault("", clause, "there is something after the batch")
	}
	return all, nil
}

// decode reads the event at i.
func (e *Event) decode(text []byte, i int) (int, error) {
	malformed := func(i int) (int, error) {
		return 0, fault("", jsonClause, "the text is no JSON object, from byte %d on", max(i, 0))
	}
	broken := func(i int) (int, error) {
		at, why := jsonscan.Fault(text, i)
		switch why {
		case jsonscan.TooDeep:
			return 0, fault("", jsonClause, "the text is nested deeper than the %d levels that are read, at byte %d", jsonscan.MaxDepth, at)
		case jsonscan.HalfPair:
			return 0, fault("", "RFC 8259 §8.2", "a string has half a pair of surrogates, which is no character, at byte %d", at)
		case jsonscan.NotUTF8:
			return 0, fault("", "RFC 8259 §8.1", "a string is no valid UTF-8, at byte %d", at)
		}
		return malformed(at)
	}
	if i >= len(text) || text[i] != '{' {
		return malformed(i)
	}
	if len(text) > math.MaxInt32 {
		return 0, fault("", jsonClause, "the text has more than 2 GiB")
	}
	var few [maxMembers]member
	members := few[:0]
	extensions, size := 0, 0 // how many, and bytes of what has to be kept
	named := uint16(0)       // which of the specification's names were there
	var seen map[string]bool // the names of extensions, where they are many
	begin := i
	if i = jsonscan.Space(text, i+1); i < len(text) && text[i] == '}' {
		i++
	} else {
		for {
			if i >= len(text) || text[i] != '"' {
				return malformed(i)
			}
			end, plain := jsonscan.String(text, i)
			if end < 0 {
				return broken(i)
			}
			name := text[i+1 : end-1]
			if !plain {
				return 0, fault("", "CloudEvents 1.0 §3", "the name of a member has escapes, and no attribute's does: %s", clip(string(name)))
			}
			nameAt, nameEnd := i+1, end-1
			if i = jsonscan.Space(text, end); i >= len(text) || text[i] != ':' {
				return malformed(i)
			}
			from := jsonscan.Space(text, i+1)
			if plain = false; from < len(text) && text[from] == '"' {
				end, plain = jsonscan.String(text, from)
			} else {
				end = jsonscan.Value(text, from)
			}
			if end < 0 {
				return broken(from)
			}
			known := nameOf(name)
			switch known {
			case extensionName:
				extensions++
				size += len(name) + end - from
				if twice(text, members, name, &seen, extensions) {
					return 0, fault(clip(string(name)), "RFC 8259 §4", "is there twice")
				}
			default:
				if named&(1<<known) != 0 {
					return 0, fault(string(name), "RFC 8259 §4", "is there twice")
				}
				named |= 1 << known
				if known >= idName && known != timeName {
					size += end - from
				}
			}
			if len(members) == cap(members) {
				members = slices.Grow(members, len(members))
			}
			members = members[:len(members)+1]
			m := &members[len(members)-1] // written in place, for what is made and then copied waits for itself
			m.nameAt, m.nameEnd, m.valueAt, m.valueEnd = int32(nameAt), int32(nameEnd), int32(from), int32(end)
			m.name, m.plain = known, plain
			if i = jsonscan.Space(text, end); i >= len(text) {
				return malformed(begin)
			}
			c := text[i]
			i++
			if c == '}' {
				break
			}
			if c != ',' {
				return malformed(i - 1)
			}
			i = jsonscan.Space(text, i)
		}
	}
	if err := e.assign(text, members, extensions, size); err != nil {
		return 0, err
	}
	return i, nil
}

// manyExtensions is from how many on names are looked up rather than looked
// through.
const manyExtensions = 64

// twice reports whether a name of an extension, which is the nth, was among the
// members before.
func twice(text []byte, members []member, name []byte, seen *map[string]bool, nth int) bool {
	if nth < manyExtensions {
		for k := range members {
			if o := &members[k]; o.name == extensionName && string(text[o.nameAt:o.nameEnd]) == string(name) {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = map[string]bool{}
		for k := range members {
			if o := &members[k]; o.name == extensionName {
				(*seen)[string(text[o.nameAt:o.nameEnd])] = true
			}
		}
	}
	if (*seen)[string(name)] {
		return true
	}
	(*seen)[string(name)] = true
	return false
}

// assign makes the attributes of members: one allocation for all strings.
func (e *Event) assign(text []byte, members []member, extensions, size int) error {
	buffer := make([]byte, 0, size)
	keep := func(b []byte, plain bool) string {
		from := len(buffer)
		if plain {
			buffer = append(buffer, b...)
		} else {
			buffer = jsonscan.Unescape(buffer, b) // which is never longer
		}
		kept := buffer[from:]
		return unsafe.String(unsafe.SliceData(kept), len(kept))
	}
	if extensions > 0 {
		e.Extensions = make(Extensions, 0, extensions)
	}
	version := false
	var data, encoded *member
	for k := range members {
		m := &members[k]
		raw := text[m.valueAt:m.valueEnd]
		switch m.name {
		case dataName:
			data = m
			continue
		case dataBase64Name:
			encoded = m
			continue
		}
		if string(raw) == "null" {
			continue // the same as not there (§2.2)
		}
		name := text[m.nameAt:m.nameEnd]
		inner, isText := raw, raw[0] == '"'
		if isText {
			inner = raw[1 : len(raw)-1]
		} else if m.name > specVersionName {
			return fault(string(name), jsonClause, "is %s, and has to be a string", clip(string(raw)))
		}
		switch m.name {
		case specVersionName:
			if !isText || string(inner) != SpecVersion {
				return fault("specversion", "CloudEvents 1.0 §3.1.3", "is %s, and %q is what is read", clip(string(raw)), SpecVersion)
			}
			version = true
		case idName:
			e.ID = keep(inner, m.plain)
		case sourceName:
			e.Source = keep(inner, m.plain)
		case typeName:
			e.Type = keep(inner, m.plain)
		case subjectName:
			e.Subject = keep(inner, m.plain)
		case dataContentTypeName:
			e.DataContentType = keep(inner, m.plain)
		case dataSchemaName:
			e.DataSchema = keep(inner, m.plain)
		case timeName:
			t, err := parseTime(unsafe.String(unsafe.SliceData(inner), len(inner)))
			if err != nil {
				return err
			}
			e.Time = t
		default:
			v := Value{}
			switch c := raw[0]; {
			case isText:
				v.text = keep(inner, m.plain)
			case c == 't' || c == 'f':
				v = BooleanValue(c == 't')
			case c == '-' || c >= '0' && c <= '9':
				n, ok := integer(raw)
				if !ok {
					return fault(clip(string(name)), jsonClause, "is %s, and numbers of attributes are whole and of 32 bits", clip(string(raw)))
				}
				v = IntegerValue(n)
			default:
				return fault(clip(string(name)), jsonClause, "is a list or an object, which no attribute is")
			}
			e.extend(keep(name, true), v)
		}
	}
	// Whatever the strings of the event are, they stand in the buffer, which is
	// looked through in one go.
	printable := plainEnd(unsafe.String(unsafe.SliceData(buffer), len(buffer)), 0) == len(buffer)
	if err := e.complete(version, printable); err != nil {
		return err
	}
	return e.jsonData(text, data, encoded)
}

// integer reads a whole number of 32 bits, without an exponent.
func integer(b []byte) (int32, bool) {
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' || n > 1<<32 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return int32(n), n == int64(int32(n))
}

// jsonData reads the data (§3.1.1).
func (e *Event) jsonData(text []byte, data, encoded *member) error {
	switch {
	case data != nil && encoded != nil:
		return fault("", "CloudEvents JSON format 1.0 §3.1.1", "there is data as well as data_base64")
	case encoded != nil:
		raw := text[encoded.valueAt:encoded.valueEnd]
		if string(raw) == "null" {
			return nil
		}
		if raw[0] != '"' {
			return fault("data_base64", "CloudEvents JSON format 1.0 §3.1.1", "is no string")
		}
		inner := raw[1 : len(raw)-1]
		if !encoded.plain {
			inner = jsonscan.Unescape(nil, inner)
		}
		decoded := make([]byte, base64.StdEncoding.DecodedLen(len(inner)))
		n, err := base64.StdEncoding.Strict().Decode(decoded, inner)
		if err != nil {
			return fault("data_base64", "CloudEvents JSON format 1.0 §3.1.1", "is no base64 (RFC 4648)")
		}
		e.Data = decoded[:n]
	case data != nil:
		raw := text[data.valueAt:data.valueEnd:data.valueEnd]
		if IsJSON(e.DataContentType) {
			e.Data = raw // null too, which is a value and not its absence
			return nil
		}
		switch {
		case raw[0] == '"' && data.plain:
			e.Data = raw[1 : len(raw)-1 : len(raw)-1]
		case raw[0] == '"':
			e.Data = jsonscan.Unescape(make([]byte, 0, len(raw)), raw[1:len(raw)-1])
		case string(raw) == "null":
		default:
			e.Data = raw // what another writer took for JSON all the same
		}
	}
	return nil
}

// AppendJSON appends the event in the JSON format. An event that is not valid is
// an error. Data that are not what datacontenttype says of JSON go as bytes, as
// all data do that are no text: what came malformed can be passed on.
func (e *Event) AppendJSON(dst []byte) ([]byte, error) { return e.appendJSON(dst, false) }

// appendJSON is AppendJSON. held is whether the event is known to be valid, and its
// data, where they are JSON, to be one value.
func (e *Event) appendJSON(dst []byte, held bool) ([]byte, error) {
	if !held {
		if err := e.Validate(); err != nil {
			return dst, err
		}
	}
	b := append(dst, `{"specversion":"1.0"`...)
	text := func(name, value string) {
		if value != "" {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = jsonscan.AppendString(b, value)
		}
	}
	text("id", e.ID)
	text("source", e.Source)
	text("type", e.Type)
	text("subject", e.Subject)
	if !e.Time.IsZero() {
		b = append(e.Time.AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano), '"')
	}
	text("datacontenttype", e.DataContentType)
	text("dataschema", e.DataSchema)
	for _, x := range e.Extensions {
		b = append(append(append(b, `,"`...), x.Name...), `":`...)
		if x.Value.kind == Boolean || x.Value.kind == Integer {
			b = append(b, x.Value.text...)
		} else {
			b = jsonscan.AppendString(b, x.Value.text)
		}
	}
	switch {
	case e.Data == nil:
	case IsJSON(e.DataContentType) && (held || isWhole(e.Data)):
		b = append(append(b, `,"data":`...), e.Data...)
	case IsJSON(e.DataContentType):
		b = appendBase64(b, e.Data)
	case utf8.Valid(e.Data):
		b = append(b, `,"data":`...)
		b = jsonscan.AppendString(b, unsafe.String(unsafe.SliceData(e.Data), len(e.Data)))
	default:
		b = appendBase64(b, e.Data)
	}
	return append(b, '}'), nil
}

func appendBase64(b, data []byte) []byte {
	b = append(b, `,"data_base64":"`...)
	return append(base64.StdEncoding.AppendEncode(b, data), '"')
}

func isWhole(text []byte) bool {
	end := jsonscan.Value(text, jsonscan.Space(text, 0))
	return end >= 0 && jsonscan.Space(text, end) == len(text)
}

// MarshalJSON is AppendJSON for encoding/json.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// UnmarshalJSON is DecodeJSON for encoding/json. It copies the text.
func (e *Event) UnmarshalJSON(text []byte) error {
	return e.UnmarshalEvent(append([]byte(nil), text...))
}

// AppendJSONBatch appends events as a batch (§4).
func AppendJSONBatch(dst []byte, events []Event) ([]byte, error) {
	b := append(dst, '[')
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = events[i].AppendJSON(b); err != nil {
			return dst, fmt.Errorf("event %d of the batch: %w", i, err)
		}
	}
	return append(b, ']'), nil
}
