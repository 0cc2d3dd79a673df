// Package interop holds the bindings of package event to those of the
// CloudEvents SDK for Go, both ways, without a network. It is a module of its
// own: the SDK brings a client for every protocol.
//
// Where the SDK departs from the documents of the bindings, treaty writes by
// the documents and reads both; the rows of departures below say where.
package interop

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub"
	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	cenats "github.com/cloudevents/sdk-go/protocol/nats/v2"
	cepubsub "github.com/cloudevents/sdk-go/protocol/pubsub/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/nats-io/nats.go"

	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/event/sdk"
)

// protocol is one way there and back.
type protocol struct {
	binding *event.Binding
	// structuredOnly: the SDK has no binary mode there.
	structuredOnly bool
	// written by the SDK
	write func(context.Context, binding.Message) (event.Message, error)
	// notDecoded: the SDK leaves percent codes as they are (a departure from
	// §3.1.3.2 of the HTTP binding).
	notDecoded bool
	// to be read by the SDK
	read func(event.Message) binding.Message
}

var ctx = context.Background()

func one(headers []event.Header) map[string]string {
	all := map[string]string{}
	for _, h := range headers {
		all[h.Name] = h.Value.String()
	}
	return all
}

var protocols = []protocol{
	{
		binding:    event.HTTP,
		notDecoded: true,
		write: func(ctx context.Context, m binding.Message) (event.Message, error) {
			r, _ := http.NewRequest("POST", "http://127.0.0.1/", nil)
			if err := cehttp.WriteRequest(ctx, m, r); err != nil {
				return event.Message{}, err
			}
			var made event.Message
			made.FromMap(r.Header)
			if r.Body != nil {
				made.Body, _ = io.ReadAll(r.Body)
			}
			return made, nil
		},
		read: func(m event.Message) binding.Message {
			h := http.Header{}
			for name, v := range one(m.Headers) {
				h.Set(name, v)
			}
			return cehttp.NewMessage(h, io.NopCloser(bytes.NewReader(m.Body)))
		},
	},
	{
		binding: event.Kafka,
		write: func(ctx context.Context, m binding.Message) (event.Message, error) {
			var p sarama.ProducerMessage
			if err := kafka_sarama.WriteProducerMessage(ctx, m, &p); err != nil {
				return event.Message{}, err
			}
			var made event.Message
			for _, h := range p.Headers {
				made.Headers = append(made.Headers, event.Header{Name: string(h.Key), Value: event.TextValue(string(h.Value))})
			}
			if p.Value != nil {
				made.Body, _ = p.Value.Encode()
			}
			return made, nil
		},
		read: func(m event.Message) binding.Message {
			c := sarama.ConsumerMessage{Value: m.Body}
			for _, h := range m.Headers {
				c.Headers = append(c.Headers, &sarama.RecordHeader{Key: []byte(h.Name), Value: []byte(h.Value.String())})
			}
			return kafka_sarama.NewMessageFromConsumerMessage(&c)
		},
	},
	{
		binding: event.PubSub,
		write: func(ctx context.Context, m binding.Message) (event.Message, error) {
			p := pubsub.Message{Attributes: map[string]string{}}
			if err := cepubsub.WritePubSubMessage(ctx, m, &p); err != nil {
				return event.Message{}, err
			}
			made := event.Message{Body: p.Data}
			for name, v := range p.Attributes {
				made.Headers = append(made.Headers, event.Header{Name: name, Value: event.TextValue(v)})
			}
			return made, nil
		},
		read: func(m event.Message) binding.Message {
			attributes := one(m.Headers)
			// A departure: the SDK knows Content-Type, where the binding has
			// content-type. Both are read here.
			if v, ok := attributes["content-type"]; ok {
				attributes["Content-Type"] = v
			}
			return cepubsub.NewMessage(&pubsub.Message{Data: m.Body, Attributes: attributes})
		},
	},
	{
		binding:        event.NATS,
		structuredOnly: true, // a departure: the SDK follows the binding before headers
		write: func(ctx context.Context, m binding.Message) (event.Message, error) {
			var body natsBody
			err := cenats.WriteMsg(ctx, m, &body)
			return event.Message{Body: body.Bytes()}, err
		},
		read: func(m event.Message) binding.Message {
			return cenats.NewMessage(&nats.Msg{Data: m.Body})
		},
	},
}

type natsBody struct{ bytes.Buffer }

func sample() *event.Event {
	e := &event.Event{
		ID: "1", Source: "/s?a=b", Type: "t.v1", Subject: "Euro € 😀 100% \"x\"", Time: time.Date(2018, 4, 5, 3, 56, 24, 5e8, time.UTC),
		DataContentType: "application/json", DataSchema: "https://example.com/s", Data: []byte(`{"a":1.0}`),
	}
	e.Extensions.Set("flag", event.BooleanValue(true))
	e.Extensions.Set("count", event.IntegerValue(-7))
	e.Extensions.Set("raw", event.BinaryValue([]byte{0xff, 0}))
	e.Extensions.Set("zone", event.TextValue("a b"))
	return e
}

func same(t *testing.T, got, want *event.Event) {
	t.Helper()
	if got.ID != want.ID || got.Source != want.Source || got.Type != want.Type || got.Subject != want.Subject || !got.Time.Equal(want.Time) ||
		got.DataContentType != want.DataContentType || got.DataSchema != want.DataSchema || !bytes.Equal(got.Data, want.Data) || len(got.Extensions) != len(want.Extensions) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, x := range want.Extensions {
		if v, ok := got.Extensions.Get(x.Name); !ok || v.String() != x.Value.String() {
			t.Errorf("extension %s is %q, not %q", x.Name, v, x.Value)
		}
	}
}

func TestBindings(t *testing.T) {
	plain := sample()
	plain.Data, plain.DataContentType = []byte("\xff\x00"), "application/octet-stream"
	none := sample()
	none.Data, none.DataContentType, none.Subject = nil, "", ""
	for _, p := range protocols {
		for i, e := range []*event.Event{sample(), plain, none} {
			for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
				if mode == event.BinaryMode && p.structuredOnly {
					continue
				}
				t.Run(p.binding.String()+" "+mode.String()+" "+string('0'+rune(i)), func(t *testing.T) {
					// The SDK writes, we read.
					theirs, err := sdk.To(e)
					if err != nil {
						t.Fatal(err)
					}
					c := binding.WithForceBinary(ctx)
					if mode == event.StructuredMode {
						c = binding.WithForceStructured(ctx)
					}
					written, err := p.write(c, (*binding.EventMessage)(theirs))
					if err != nil {
						t.Fatal(err)
					}
					read, got, err := p.binding.Decode(&written)
					if err != nil {
						t.Fatalf("%v\n%+v", err, written)
					}
					if got != mode {
						t.Errorf("read as %v", got)
					}
					same(t, read, e)
					// We write, the SDK reads.
					var m event.Message
					if err := p.binding.Encode(&m, e, mode); err != nil {
						t.Fatal(err)
					}
					back, err := binding.ToEvent(ctx, p.read(m))
					if err != nil {
						t.Fatalf("the SDK does not read %+v: %v", m, err)
					}
					ours, err := sdk.From(back)
					if err != nil {
						t.Fatal(err)
					}
					want := *e
					if mode == event.BinaryMode && p.notDecoded {
						want.Subject = strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", "€", "%E2%82%AC", "😀", "%F0%9F%98%80").Replace(want.Subject)
						want.Extensions = slices.Clone(want.Extensions)
						want.Extensions.Set("zone", event.TextValue("a%20b"))
					}
					// The SDK adds where on Kafka an event was.
					ours.Extensions = slices.DeleteFunc(ours.Extensions, func(x event.Extension) bool { return strings.HasPrefix(x.Name, "kafka") })
					same(t, ours, &want)
				})
			}
		}
	}
}
