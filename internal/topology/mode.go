package topology

import (
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// Encode makes the message of an event in the mode that its message of the
// contract has. With whole, data that say that they are JSON are known to be so, see
// event.Binding.EncodeJSON.
func Encode(b *event.Binding, m *event.Message, e *event.Event, of *contract.Message, whole bool) error {
	switch of.Envelope.Mode {
	case contract.Structured:
		if strings.Contains(strings.ToLower(of.ContentType), "+avro") {
			return b.EncodeAvro(m, e)
		}
		return b.EncodeJSON(m, e, whole)
	case contract.Batch:
		return fmt.Errorf("the contract has batches for %s, which %s does not carry; treaty check says more", of.Envelope.Type, b)
	case contract.NoEnvelope:
		return fmt.Errorf("%s has no CloudEvents envelope in the contract, and CloudEvents are what is sent", of.Envelope.Type)
	}
	return b.Encode(m, e, event.BinaryMode)
}

// WrongMode says what is wrong with the mode in which an event came, "" for
// nothing.
func WrongMode(of *contract.Message, mode event.Mode) string {
	if want := of.Envelope.Mode; want != contract.NoEnvelope && string(want) != mode.String() {
		return fmt.Sprintf("the event came in %s mode, and the contract has %s mode for %s", mode, want, of.Envelope.Type)
	}
	return ""
}
