package hold

import (
	"strconv"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
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
