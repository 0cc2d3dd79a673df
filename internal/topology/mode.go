package topology

import (
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// Encode makes the message of an event in the mode that its message of the
// contract has. With held, the event is known to be valid as event.Binding.EncodeJSON
// has it.
func Encode(b *event.Binding, m *event.Message, e *event.Event, of *contract.Message, held bool) error {
	switch of.Envelope.Mode {
	case contract.Structured:
		if !IsJSON(of) {
			return b.EncodeAvro(m, e)
		}
		return b.EncodeJSON(m, e, held)
	case contract.Batch:
		return fmt.Errorf("the contract has batches for %s, which %s does not carry; treaty check says more", of.Envelope.Type, b)
	case contract.NoEnvelope:
		return fmt.Errorf("%s has no CloudEvents envelope in the contract, and CloudEvents are what is sent", of.Envelope.Type)
	}
	return b.Encode(m, e, event.BinaryMode)
}

// IsJSON is whether the events of a message are sent in structured mode in the JSON
// format.
func IsJSON(of *contract.Message) bool {
	return of.Envelope.Mode == contract.Structured && !isAvro(of.ContentType)
}

// isAvro is whether a content type has the suffix of the Avro format; it is asked for
// each event.
func isAvro(contentType string) bool {
	const suffix = "+avro"
	for i := range len(contentType) - len(suffix) + 1 {
		if contentType[i] == suffix[0] && strings.EqualFold(contentType[i:i+len(suffix)], suffix) {
			return true
		}
	}
	return false
}

// WrongMode says what is wrong with the mode in which an event came, "" for
// nothing.
func WrongMode(of *contract.Message, mode event.Mode) string {
	if want := of.Envelope.Mode; want != contract.NoEnvelope && string(want) != mode.String() {
		return fmt.Sprintf("the event came in %s mode, and the contract has %s mode for %s", mode, want, of.Envelope.Type)
	}
	return ""
}
