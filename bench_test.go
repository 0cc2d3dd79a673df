package treaty_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store/memory"
)

// nowhere is a broker that costs nothing: what is published is gone, and what is
// subscribed to is what feed makes.
type nowhere struct {
	broker.Broker
	feed func(handle func(broker.Delivery))
}

func (nowhere) Binding() *event.Binding { return event.Kafka }
func (nowhere) Features() broker.Features {
	return broker.Features{Replay: true, Order: broker.KeyOrder}
}
func (nowhere) Publish(context.Context, broker.Channel, ...broker.Message) error {
	return nil
}

func (n nowhere) Subscribe(_ context.Context, _ broker.Channel, _ broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	go n.feed(handle)
	return fed{make(chan struct{})}, nil
}

type fed struct{ done chan struct{} }

func (f fed) Stop(context.Context) error { close(f.done); return nil }
func (f fed) Done() <-chan struct{}      { return f.done }
func (f fed) Err() error                 { return nil }

type fedDelivery struct {
	broker.Delivery
	message event.Message
	settled *sync.WaitGroup
	room    chan struct{}
}

func (d *fedDelivery) Message() *event.Message { return &d.message }
func (d *fedDelivery) Attempt() int            { return 1 }
func (d *fedDelivery) Ack() error              { <-d.room; d.settled.Done(); return nil }

// What a producer adds to each event: it is held to the contract, keyed and
// encoded. 500 bytes, 100 a call.
func BenchmarkProducer(b *testing.B) {
	c := loadFor(b, vary{})
	p, err := treaty.NewProducer(c, nowhere{}, silent)
	if err != nil {
		b.Fatal(err)
	}
	events := make([]*treaty.Event, 100)
	for i := range events {
		if events[i], err = event.DecodeJSON(sized(i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.PublishEvents(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}

// sized is the text of an event of 500 bytes.
func sized(i int) []byte {
	text := fmt.Appendf(make([]byte, 0, 500), `{"specversion":"1.0","id":"0195f2c4-7a31-7c5e-8000-%012d","source":"/orders","type":"orders.paid.v1","subject":"order-%04d","time":"2026-03-14T09:26:53.589793Z","datacontenttype":"application/json","data":{"amount":%d,"method":"card","order":"`, i, i%1000, i)
	for len(text) < 497 {
		text = append(text, 'x')
	}
	return append(text, `"}}`...)
}

// What a consumer adds to each event: it is decoded, held to the contract, keyed,
// claimed, handed over, remembered and acknowledged.
func BenchmarkConsumer(b *testing.B) {
	c := loadFor(b, vary{operation: "maxInFlight: 256"})
	var settled sync.WaitGroup
	settled.Add(b.N)
	room := make(chan struct{}, 1024)
	deliveries := make([]fedDelivery, b.N) // made by the broker's client, which is not measured
	for i := range deliveries {
		deliveries[i] = fedDelivery{message: structured(string(sized(i))), settled: &settled, room: room}
	}
	start := make(chan struct{})
	br := nowhere{feed: func(handle func(broker.Delivery)) {
		<-start
		for i := range deliveries {
			room <- struct{}{}
			handle(&deliveries[i])
		}
	}}
	k, err := treaty.NewConsumer(c, br, "group", silent, treaty.Store(memory.New()))
	if err != nil {
		b.Fatal(err)
	}
	k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { return nil })
	ctx, cancel := context.WithCancel(b.Context())
	over := make(chan error, 1)
	go func() { over <- k.Run(ctx) }()
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	settled.Wait()
	b.StopTimer()
	cancel()
	if err := <-over; err != nil {
		b.Fatal(err)
	}
}
