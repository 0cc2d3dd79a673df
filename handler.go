package treaty

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Delivered is an event that came, and how. It may be kept after the handler has
// returned; its data may not be changed.
type Delivered struct {
	*Event          // nil where what came was none
	Channel  string // the contract's name of it
	Address  string // on the broker
	Group    string // that consumes it
	Key      string // that orders it, "" for none
	Replayed bool   // it is from the past: of a replay, a snapshot or a backfill

	task *task
}

// Attempt counts how often this delivery has been handed to its handler, this time
// included: on every broker alike, and whatever else had the broker deliver it
// again. What a process did that died is not counted.
func (d *Delivered) Attempt() int { return int(d.task.tries) + 1 }

// Deliveries counts how often the broker has delivered the event, this time
// included, as far as it counts: to processes that died or gave it back unhandled
// too.
func (d *Delivered) Deliveries() int { return max(d.task.delivery.Attempt(), 1) }

// Position is where the event stands on its channel, "" where the broker has no
// positions.
func (d *Delivered) Position() string { return d.task.delivery.Position() }

// Stored is when the broker stored the event; zero where it does not say.
func (d *Delivered) Stored() time.Time { return d.task.delivery.Time() }

// JSON is the data as JSON, as the contract has readers see them: whatever their
// encoding, those in Avro's binary one in its JSON one; with the defaults of the
// schema put in, where x-compatibility has them applied. What did not pass the
// contract, as a hook may be told of, has none, which is an error.
func (d *Delivered) JSON() ([]byte, error) {
	if d.task.message == nil {
		return nil, fmt.Errorf("reading the data of what came on %s as JSON: it was not found to be what the contract allows; its bytes are in Data, where it is an event", d.Channel)
	}
	return d.task.message.JSON(d.Event)
}

// Handler handles an event. Its error has the event tried again, as the contract
// says, and at last dead-lettered; [Reject] does so at once.
type Handler func(ctx context.Context, d *Delivered) error

// On handles the events of a type, their data decoded from JSON into T. Data that
// T cannot hold are rejected, see [Reject]. A T of json.RawMessage is the text as
// it came.
func On[T any](c *Consumer, eventType string, handle func(ctx context.Context, d *Delivered, data T) error) {
	c.Handle(eventType, func(ctx context.Context, d *Delivered) error {
		var data T
		text, err := d.JSON()
		if err != nil {
			return Reject(err)
		}
		switch to := any(&data).(type) {
		case *json.RawMessage:
			*to = text
		case json.Unmarshaler: // which reads itself: that it is JSON is known
			if len(text) > 0 {
				err = to.UnmarshalJSON(text)
			}
		default:
			if len(text) > 0 {
				err = json.Unmarshal(text, to)
			}
		}
		if err != nil {
			return Reject(fmt.Errorf("the data of %s do not fit %T: %w", d.Type, data, err))
		}
		return handle(ctx, d, data)
	})
}

// Result is what became of a delivery.
type Result uint8

// The results.
const (
	Handled      Result = iota + 1 // the handler returned nil, and it is acknowledged
	Duplicate                      // it had been handled before, and is acknowledged
	Skipped                        // nobody handles its type, and it is acknowledged
	Expired                        // it is not worth delivering any more, and is acknowledged
	Retried                        // the handler failed, and the event is tried again
	DeadLettered                   // it is in the dead letter, and settled for good
	Returned                       // the consumer ends, and gives it back unhandled
)

func (r Result) String() string {
	return [...]string{"", "handled", "duplicate", "skipped", "expired", "retried", "dead-lettered", "returned"}[r]
}

// Outcome is what became of a delivery, for an OutcomeHook.
type Outcome struct {
	Delivered *Delivered // Event is nil where none could be read
	Result    Result
	Reason    Reason        // of what was dead-lettered
	Err       error         // what was wrong; nil where nothing was
	Took      time.Duration // of the handler, zero where it was not called
}

// Reason is why an event was dead-lettered.
type Reason string

// The reasons, as they stand in the dead letter's extension dlqreason.
const (
	Malformed   Reason = "malformed"    // no CloudEvent
	WrongMode   Reason = "wrong-mode"   // in another mode than the contract's
	Invalid     Reason = "invalid"      // it breaks the contract
	UnknownType Reason = "unknown-type" // the contract does not know the type, and dispatch is strict
	Collided    Reason = "collision"    // another event with its identity was handled
	Exhausted   Reason = "attempts"     // its handler failed as often as the contract has it tried
	Rejected    Reason = "rejected"     // its handler said that no other attempt would help
)
