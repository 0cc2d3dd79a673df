package hold

import (
	"fmt"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/jsonscan"
	"github.com/treaty-events/treaty/schema"
)

// MessageOf is Of for one message alone, whatever the schemas of the others are.
func MessageOf(c *contract.Contract, m *contract.Message, side Side) (*Message, error) {
	return compile(schema.NewCompiler(c.Document().Schema), m, side)
}

// Typed is the boolean or the whole number of 32 bits that a text is the canonical
// text of; false where it is neither.
func Typed(text string) (event.Value, bool) {
	if text == "true" || text == "false" {
		return event.BooleanValue(text == "true"), true
	}
	if len(text) == 0 || len(text) > len("-2147483648") {
		return event.Value{}, false
	}
	i, err := strconv.ParseInt(text, 10, 32)
	v := event.IntegerValue(int32(i))
	return v, err == nil && v.String() == text
}

// appendText appends data that are no JSON as the string of JSON that they are to a
// contract, as they are in the JSON format of CloudEvents (§3.1): a schema such as
// {type: string} describes text/plain, and one that takes no string describes none
// that are text. Data that are no UTF-8 are no string.
func appendText(dst, data []byte) ([]byte, bool) {
	if !utf8.Valid(data) {
		return dst, false
	}
	return jsonscan.AppendString(dst, unsafe.String(unsafe.SliceData(data), len(data))), true
}

// Data is what travels under a content type for a value of the contract, which is
// JSON: itself, or under a type that is no JSON the text of a string. Another value
// has no form there.
func Data(contentType string, value []byte) ([]byte, error) {
	if event.IsJSON(contentType) {
		return value, nil
	}
	at := jsonscan.Space(value, 0)
	if at < len(value) && value[at] == '"' {
		if end, _ := jsonscan.String(value, at); end >= 0 && jsonscan.Space(value, end) == len(value) {
			return jsonscan.Unescape(make([]byte, 0, end-at), value[at+1:end-1]), nil
		}
	}
	return nil, fmt.Errorf("%s is no string, and data that are %s are a text; let the schema take strings, or say another content type", clip(string(value)), contentType)
}

// Restore gives the attributes of an event that came in binary mode the types that
// the contract has for them, which most protocols leave behind.
func (m *Message) Restore(e *event.Event) {
	for i := range m.attributes {
		a := &m.attributes[i]
		v, ok := e.Extensions.Get(a.name)
		if !ok || a.schema == nil || a.schema.ValidJSON(appendValue(nil, v)) {
			continue
		}
		if typed, ok := a.typed(v); ok && a.schema.ValidJSON(appendValue(nil, typed)) {
			e.Extensions.Set(a.name, typed)
		}
	}
}
