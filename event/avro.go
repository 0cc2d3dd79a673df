package event

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/treaty-events/treaty/internal/jsonscan"
)

// AvroContentType is the content type of the Avro format.
const AvroContentType = "application/cloudevents+avro"

// AvroSchema is the schema of the Avro format (Avro format 1.0 §2.4).
const AvroSchema = `{"namespace":"io.cloudevents","type":"record","name":"CloudEvent","version":"1.0","fields":[` +
	`{"name":"attribute","type":{"type":"map","values":["null","boolean","int","string","bytes"]}},` +
	`{"name":"data","type":["bytes","null","boolean",{"type":"map","values":["null","boolean",` +
	`{"type":"record","name":"CloudEventData","fields":[{"name":"value","type":{"type":"map","values":["null","boolean",` +
	`{"type":"map","values":"CloudEventData"},{"type":"array","items":"CloudEventData"},"double","string"]}}]},` +
	`"double","string"]},{"type":"array","items":"CloudEventData"},"double","string"]}]}`

const avroClause = "CloudEvents Avro format 1.0 §2"

// The branches of the unions of the schema.
const (
	avroNull, avroBoolean, avroInt, avroString, avroBytes = 0, 1, 2, 3, 4 // attribute

	dataBytes, dataNull, dataBoolean, dataMap, dataArray, dataDouble, dataString = 0, 1, 2, 3, 4, 5, 6

	memberNull, memberBoolean, memberRecord, memberDouble, memberString = 0, 1, 2, 3, 4 // of the map

	valueNull, valueBoolean, valueMap, valueArray, valueDouble, valueString = 0, 1, 2, 3, 4, 5 // of CloudEventData
)

// maxAvroDepth is the nesting of CloudEventData that is read.
const maxAvroDepth = 256

// DecodeAvro decodes an event in the Avro format. Data that is bytes shares
// memory with b.
func DecodeAvro(b []byte) (*Event, error) {
	e := &Event{}
	return e, e.UnmarshalAvro(b)
}

// UnmarshalAvro is DecodeAvro into an event, whatever it held.
func (e *Event) UnmarshalAvro(b []byte) error {
	*e = Event{}
	r := avroReader{b: b}
	version := false
	r.blocks(func() {
		name := string(r.bytes())
		var v Value
		switch branch := r.long(); branch {
		case avroNull:
			return
		case avroBoolean:
			v = BooleanValue(r.boolean())
		case avroInt:
			n := r.long()
			if n != int64(int32(n)) {
				r.fail("%s is %d, and has to be an int of 32 bits", clip(name), n)
			}
			v = IntegerValue(int32(n))
		case avroString:
			v = TextValue(string(r.bytes()))
		case avroBytes:
			v = BinaryValue(r.bytes())
		default:
			r.fail("attribute %s has branch %d of its union", clip(name), branch)
		}
		if r.err != nil {
			return
		}
		switch name {
		case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema":
			if v.kind != Text {
				r.err = fault(name, avroClause+".1", "is no string")
				return
			}
			if e.has(name) || version && name == "specversion" {
				r.err = fault(name, avroClause, "is there twice")
				return
			}
			version = version || name == "specversion"
			r.err = e.attribute(name, v.text)
		default:
			if r.err = checkName(name); r.err == nil {
				e.extend(name, v)
			}
		}
	})
	if r.err == nil {
		e.Data = r.data(e)
	}
	if r.err != nil {
		return r.err
	}
	if len(r.b) != 0 {
		return fault("", avroClause, "there are %d bytes after the event", len(r.b))
	}
	return e.complete(version, false)
}

// has reports whether a named attribute has been set.
func (e *Event) has(name string) bool {
	switch name {
	case "id":
		return e.ID != ""
	case "source":
		return e.Source != ""
	case "type":
		return e.Type != ""
	case "subject":
		return e.Subject != ""
	case "datacontenttype":
		return e.DataContentType != ""
	case "dataschema":
		return e.DataSchema != ""
	case "time":
		return !e.Time.IsZero()
	}
	return false
}

type avroReader struct {
	b   []byte
	err error
}

func (r *avroReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fault("", avroClause, format, args...)
	}
	r.b = nil
}

func (r *avroReader) long() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail("the event ends early, or has a number of more than 64 bits")
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *avroReader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.fail("the event ends early: %d bytes are announced, and there are %d", n, len(r.b))
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *avroReader) bytes() []byte { return r.take(r.long()) }

func (r *avroReader) boolean() bool {
	b := r.take(1)
	if len(b) == 1 && b[0] > 1 {
		r.fail("a boolean is %d", b[0])
	}
	return len(b) == 1 && b[0] == 1
}

// blocks reads the blocks of a map or an array, item by item. An item takes at
// least a byte, so no count makes it run for longer than there is text.
func (r *avroReader) blocks(item func()) {
	for r.err == nil {
		n := r.long()
		if n < 0 {
			if n == math.MinInt64 {
				r.fail("a block of %d items", n)
				return
			}
			n = -n
			r.long() // the size of the block in bytes
		}
		if n == 0 {
			return
		}
		for ; n > 0 && r.err == nil; n-- {
			before := len(r.b)
			item()
			if r.err == nil && len(r.b) == before {
				r.fail("an item of no bytes")
			}
		}
	}
}

// data reads the data: bytes as they are, and of any other branch the text of
// the JSON value.
func (r *avroReader) data(e *Event) []byte {
	branch := r.long()
	if r.err != nil {
		return nil
	}
	switch branch {
	case dataBytes:
		return r.bytes()
	case dataNull:
		return nil
	case dataString:
		s := r.bytes()
		if !IsJSON(e.DataContentType) {
			return s // the text itself, as in the JSON format
		}
		return jsonText(nil, s, r)
	case dataBoolean:
		return strconv.AppendBool(nil, r.boolean())
	case dataDouble:
		return r.double(nil)
	case dataMap:
		return r.object(nil, func(dst []byte) []byte {
			switch branch := r.long(); branch {
			case memberNull:
				return append(dst, "null"...)
			case memberBoolean:
				return strconv.AppendBool(dst, r.boolean())
			case memberRecord:
				return r.record(dst, 0)
			case memberDouble:
				return r.double(dst)
			case memberString:
				return jsonText(dst, r.bytes(), r)
			default:
				r.fail("a member of data has branch %d of its union", branch)
				return dst
			}
		})
	case dataArray:
		return r.array(nil, 0)
	}
	r.fail("data has branch %d of its union", branch)
	return nil
}

func jsonText(dst, s []byte, r *avroReader) []byte {
	if !utf8.Valid(s) {
		r.fail("a string is no UTF-8")
	}
	return jsonscan.AppendString(dst, string(s))
}

func (r *avroReader) double(dst []byte) []byte {
	b := r.take(8)
	if len(b) < 8 {
		return dst
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(b))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.fail("data has a double that JSON has no number for")
		return dst
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func (r *avroReader) object(dst []byte, member func(dst []byte) []byte) []byte {
	dst = append(dst, '{')
	first := true
	r.blocks(func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(jsonText(dst, r.bytes(), r), ':')
		if r.err == nil {
			dst = member(dst)
		}
	})
	return append(dst, '}')
}

func (r *avroReader) array(dst []byte, depth int) []byte {
	dst = append(dst, '[')
	first := true
	r.blocks(func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = r.record(dst, depth)
	})
	return append(dst, ']')
}

// record reads a CloudEventData, which is an object.
func (r *avroReader) record(dst []byte, depth int) []byte {
	if depth++; depth > maxAvroDepth {
		r.fail("data is nested more than %d deep", maxAvroDepth)
		return dst
	}
	return r.object(dst, func(dst []byte) []byte {
		switch branch := r.long(); branch {
		case valueNull:
			return append(dst, "null"...)
		case valueBoolean:
			return strconv.AppendBool(dst, r.boolean())
		case valueMap:
			return r.object(dst, func(dst []byte) []byte { return r.record(dst, depth) })
		case valueArray:
			return r.array(dst, depth)
		case valueDouble:
			return r.double(dst)
		case valueString:
			return jsonText(dst, r.bytes(), r)
		default:
			r.fail("a value of data has branch %d of its union", branch)
			return dst
		}
	})
}

// AppendAvro appends the event in the Avro format. Data goes as bytes, which
// keeps every number and key as written; what an event without datacontenttype
// then implies, JSON, is said.
func (e *Event) AppendAvro(dst []byte) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return dst, err
	}
	b := dst
	type attribute struct{ name, value string }
	contentType := e.DataContentType
	if contentType == "" && e.Data != nil {
		contentType = "application/json"
	}
	moment := ""
	if !e.Time.IsZero() {
		moment = formatTime(e.Time)
	}
	all := [...]attribute{{"specversion", SpecVersion}, {"id", e.ID}, {"source", e.Source}, {"type", e.Type},
		{"subject", e.Subject}, {"time", moment}, {"datacontenttype", contentType}, {"dataschema", e.DataSchema}}
	n := len(e.Extensions)
	for _, a := range all {
		if a.value != "" {
			n++
		}
	}
	text := func(s string) {
		b = append(binary.AppendVarint(b, int64(len(s))), s...)
	}
	b = binary.AppendVarint(b, int64(n))
	for _, a := range all {
		if a.value != "" {
			text(a.name)
			b = binary.AppendVarint(b, avroString)
			text(a.value)
		}
	}
	for _, x := range e.Extensions {
		text(x.Name)
		switch x.Value.kind {
		case Boolean:
			b = binary.AppendVarint(b, avroBoolean)
			if x.Value.text == "true" {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		case Integer:
			i, _ := strconv.ParseInt(x.Value.text, 10, 32)
			b = binary.AppendVarint(binary.AppendVarint(b, avroInt), i)
		case Binary:
			raw, _ := base64.StdEncoding.DecodeString(x.Value.text)
			b = binary.AppendVarint(b, avroBytes)
			b = append(binary.AppendVarint(b, int64(len(raw))), raw...)
		default:
			b = binary.AppendVarint(b, avroString)
			text(x.Value.text)
		}
	}
	b = binary.AppendVarint(b, 0)
	if e.Data == nil {
		return binary.AppendVarint(b, dataNull), nil
	}
	b = binary.AppendVarint(b, dataBytes)
	return append(binary.AppendVarint(b, int64(len(e.Data))), e.Data...), nil
}
