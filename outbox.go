package treaty

import (
	"context"
	"errors"
	"fmt"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store"
)

// Entry makes of an event what an outbox takes: the event as JSON, its channel,
// and the key that orders it. The event is prepared by the hooks that a publication is
// ([BeforePublisher]), with ctx, that of the request which it comes from; and it is
// held to the contract, so that what breaks it fails where it is written, and not
// where it is sent:
//
//	e, err := producer.New("orders.paid.v1", order.ID, paid)
//	entry, err := producer.Entry(ctx, e)
//	err = outbox.Add(ctx, tx, entry)
//
// The error is that of Check.
func (p *Producer) Entry(ctx context.Context, e *Event) (entry store.Entry, err error) {
	if e == nil {
		return store.Entry{}, usage("making an entry of an outbox: the event is nil")
	}
	for _, h := range p.preparing {
		ctx = h.BeforePublish(ctx, e)
	}
	if len(p.entering) > 0 {
		defer func() {
			for _, h := range p.entering {
				h.Entered(ctx, e, err)
			}
		}()
	}
	o, key, err := p.check(e)
	if err != nil {
		return store.Entry{}, err
	}
	text, err := e.AppendJSON(nil)
	if err != nil {
		return store.Entry{}, fmt.Errorf("writing the event %s %s: %w", e.Type, e.ID, err)
	}
	return store.Entry{Channel: o.Name, Key: key, Event: text}, nil
}

// Relay publishes entries of an outbox, in their order:
//
//	err = outbox.Relay(ctx, producer.Relay)
//
// An entry that is no event, or that the contract does not allow any more, or that
// is more than the broker takes, can never be sent: the error has store.ErrRefused
// then. Others of the entries may have been sent, and may be sent again. Where the
// producer was not given a parameter of an address, entries wait until one is that
// was. Hooks are called as they are for every publication.
func (p *Producer) Relay(ctx context.Context, entries []store.Entry) error {
	events, channels := make([]*Event, len(entries)), make([]string, len(entries))
	for i := range entries {
		e, err := event.DecodeJSON(entries[i].Event)
		if err != nil {
			return fmt.Errorf("reading an event of the outbox, for %s: %w: %w", entries[i].Channel, store.ErrRefused, err)
		}
		events[i], channels[i] = e, entries[i].Channel
	}
	err := p.publish(ctx, channels, events)
	var invalid *InvalidError
	var nowhere *addressError
	if errors.As(err, &invalid) || errors.Is(err, ErrUsage) || errors.Is(err, broker.ErrTooLarge) {
		return fmt.Errorf("%w: %w", store.ErrRefused, err)
	}
	if errors.As(err, &nowhere) {
		return fmt.Errorf("relaying an outbox with a producer that lacks an address: no entry is refused, and all wait in the outbox for a producer that has it: %w", err)
	}
	return err
}
