package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store/memory"
)

// document is the contract of the events that are carried: what they may be, that
// they are in order by subject, and that none is handled twice.
const document = `
asyncapi: 3.1.0
info: {title: Carried, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  carried:
    address: %q
    messages:
      paid:
        headers:
          type: object
          required: [type, subject]
          properties:
            type: {type: string, const: orders.paid.v1}
            source: {type: string, const: orders-service}
            subject: {type: string, minLength: 1}
        payload:
          type: object
          additionalProperties: false
          required: [orderId, amount, method]
          properties:
            orderId: {type: string, pattern: '^order-[0-9a-f]+$'}
            amount:
              type: object
              required: [value, currency]
              properties:
                value: {type: string, pattern: '^[0-9]+\.[0-9]{2}$'}
                currency: {type: string, pattern: '^[A-Z]{3}$'}
            method: {enum: [card, cash]}
            provider: {type: string}
            reference: {type: string, maxLength: 1000}
    x-delivery:
      guarantee: at-least-once
      ordering: {scope: key, key: subject}
      dedupe: {by: [source, id], window: P1D, where: consumer}
operations:
  send: {action: send, channel: {$ref: '#/channels/carried'}}
  receive: {action: receive, channel: {$ref: '#/channels/carried'}, x-delivery: {maxInFlight: 1024}}
`

// keepWay is the way over the runtime, which holds every event to a contract on
// both sides, knows duplicates and keeps the order of each subject.
func keepWay(b broker.Broker, channel broker.Channel, start broker.From) way {
	ctx := context.Background()
	quiet := treaty.Logger(slog.New(slog.DiscardHandler))
	load := func() *contract.Contract {
		c, err := treaty.Load(ctx, fstest.MapFS{"c.yaml": {Data: fmt.Appendf(nil, document, channel.Address)}}, "c.yaml")
		if err != nil {
			log.Fatal(err)
		}
		return c
	}
	p, err := treaty.NewProducer(load(), b, quiet)
	if err != nil {
		log.Fatal(err)
	}
	events := make([]*event.Event, batch)
	for i, text := range bodies {
		if events[i], err = event.DecodeJSON(text); err != nil {
			log.Fatal(err)
		}
		events[i].Subject = key(i)
	}
	group := 0
	var id atomic.Int64
	// newIDs gives events ids of their own, out of one text: the bare client sends what
	// it has, and what makes an application's ids is the application's.
	newIDs := func(events []*event.Event) {
		const begin, digits = "0195f2c4-7a31-7c5e-8000-", 12
		text := make([]byte, 0, len(events)*(len(begin)+digits))
		for range events {
			n := id.Add(1)
			text = append(text, begin+"000000000000"...)
			for i := len(text) - 1; n > 0; i-- {
				text[i] = byte('0' + n%10)
				n /= 10
			}
		}
		all := string(text)
		for i, e := range events {
			e.ID = all[i*(len(begin)+digits):][:len(begin)+digits]
		}
	}
	return way{
		publish: func(ctx context.Context, n int) error {
			mine := make([]*event.Event, batch)
			for i, e := range events {
				one := *e
				mine[i] = &one
			}
			for range n / batch {
				newIDs(mine)
				for i := range mine {
					if !writing {
						break
					}
					var err error
					if mine[i].Data, err = json.Marshal(&unwritten[i].Data); err != nil {
						return err
					}
				}
				if err := p.PublishEvents(ctx, mine...); err != nil {
					return err
				}
			}
			return nil
		},
		consume: func(ctx context.Context, n int) (time.Duration, error) {
			group++
			name := fmt.Sprintf("keep-%d", group)
			if start == broker.Latest {
				name = "queue"
			}
			k, err := treaty.NewConsumer(load(), b, name, quiet, treaty.Store(memory.New()))
			if err != nil {
				return 0, err
			}
			var begin time.Time
			var got atomic.Int64
			done := make(chan struct{})
			handle := func(_ context.Context, d *treaty.Delivered) error {
				if len(d.Data) == 0 || d.Type == "" {
					log.Fatal("an event came without what it has to have")
				}
				switch got.Add(1) {
				case 1:
					begin = time.Now()
				case int64(n):
					close(done)
				}
				return nil
			}
			k.Handle(paidType, handle)
			if reading {
				treaty.On(k, paidType, func(ctx context.Context, d *treaty.Delivered, data paid) error {
					if data.OrderID == "" {
						log.Fatal("an event came without its data")
					}
					return handle(ctx, d)
				})
			}
			running, cancel := context.WithCancel(ctx)
			defer cancel()
			over := make(chan error, 1)
			go func() { over <- k.Run(running) }()
			select {
			case <-done:
			case err := <-over:
				return 0, fmt.Errorf("%d of %d came: %w", got.Load(), n, err)
			case <-ctx.Done():
				return 0, fmt.Errorf("%d of %d came: %w; %v", got.Load(), n, ctx.Err(), k.Counts())
			}
			cancel()
			err = <-over
			return time.Since(begin), err
		},
	}
}
