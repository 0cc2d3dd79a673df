package otel_test

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/embedded"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/otel"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/memory"
)

const document = `
asyncapi: 3.1.0
info: {title: Orders, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  orders:
    address: orders
    messages:
      paid:
        headers: {type: object, properties: {type: {type: string, const: orders.paid.v1}}}
        payload: {type: object}
    x-delivery: {ordering: {scope: key, key: subject}}
operations:
  send: {action: send, channel: {$ref: '#/channels/orders'}}
  receive: {action: receive, channel: {$ref: '#/channels/orders'}, x-delivery: {retry: {maxAttempts: 2, delay: PT0.001S}}}
`

// One trace goes through the event: from the caller over the sending to each
// handling; and what happened is counted.
func TestTelemetry(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracers := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	reader := metric.NewManualReader()
	telemetry, err := otel.New(otel.Tracers(tracers), otel.Meters(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	c, err := treaty.Load(t.Context(), fstest.MapFS{"c.yaml": {Data: []byte(document)}}, "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Open(t.Context(), "embedded:"+t.TempDir(), embedded.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p, err := treaty.NewProducer(c, b, treaty.Source("/orders"), treaty.Hooks(telemetry))
	if err != nil {
		t.Fatal(err)
	}
	k, err := treaty.NewConsumer(c, b, "billing", treaty.Store(memory.New()), treaty.Hooks(telemetry), treaty.Use(telemetry.Middleware))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error {
		if calls++; calls == 1 {
			return errors.New("not yet")
		}
		return nil
	})
	ctx, parent := tracers.Tracer("test").Start(t.Context(), "request")
	if _, err := p.Publish(ctx, "orders.paid.v1", "o", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	parent.End()
	if _, err := p.Publish(ctx, "orders.paid.v1", "o", 5); err == nil {
		t.Error("what is no object was published")
	}
	// What has a trace, and is sent by who has none, stays in its trace.
	relayed := treaty.Event{Type: "relayed"}
	telemetry.BeforePublish(ctx, &relayed)
	telemetry.Published(ctx, &relayed, 0, nil)
	telemetry.BeforePublish(t.Context(), &relayed)
	telemetry.Published(t.Context(), &relayed, 0, nil)
	running, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- k.Run(running) }()
	for end := time.Now().Add(20 * time.Second); k.Counts()[treaty.Handled] == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was never handled")
		}
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}

	byName := map[string][]trace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		byName[s.Name()] = append(byName[s.Name()], s)
		if s.SpanContext().TraceID() != parent.SpanContext().TraceID() {
			t.Errorf("%s is of another trace", s.Name())
		}
	}
	if relayed := byName["send relayed"]; len(relayed) != 2 || relayed[1].Parent().SpanID() != relayed[0].SpanContext().SpanID() {
		t.Error("what is relayed does not hang on what wrote it")
	}
	sent, handled := byName["send orders.paid.v1"], byName["process orders.paid.v1"]
	if len(sent) != 2 || len(handled) != 2 {
		t.Fatalf("there are %d and %d spans", len(sent), len(handled))
	}
	if sent[0].Parent().SpanID() != parent.SpanContext().SpanID() || handled[0].Parent().SpanID() != sent[0].SpanContext().SpanID() || handled[1].Parent().SpanID() != sent[0].SpanContext().SpanID() {
		t.Error("the spans do not hang together")
	}
	if sent[1].Status().Code != codes.Error || handled[0].Status().Code != codes.Error || handled[1].Status().Code == codes.Error {
		t.Error("the wrong spans are errors")
	}

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, point := range d.DataPoints {
				result, _ := point.Attributes.Value(attribute.Key("result"))
				counts[m.Name+" "+result.AsString()] += point.Value
			}
		case metricdata.Histogram[float64]:
			for _, point := range d.DataPoints {
				counts[m.Name] += int64(point.Count)
			}
		}
	}
	for name, want := range map[string]int64{"treaty.published ": 4, "treaty.publish.duration": 4, "treaty.outcomes handled": 1, "treaty.outcomes retried": 1, "treaty.handle.duration": 2} {
		if counts[name] != want {
			t.Errorf("%s is %d, and not %d (%v)", name, counts[name], want, counts)
		}
	}
}

// What goes through an outbox belongs to the trace of the request that wrote it, and
// not to that of the relay, which is linked.
func TestOutboxTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracers := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	telemetry, err := otel.New(otel.Tracers(tracers))
	if err != nil {
		t.Fatal(err)
	}
	c, err := treaty.Load(t.Context(), fstest.MapFS{"c.yaml": {Data: []byte(document)}}, "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := memorybroker.New()
	p, err := treaty.NewProducer(c, b, treaty.Source("/orders"), treaty.Hooks(telemetry))
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.New("orders.paid.v1", "o", map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, request := tracers.Tracer("test").Start(t.Context(), "request")
	entry, err := p.Entry(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	request.End()
	if _, err := p.Entry(ctx, &treaty.Event{Type: "orders.paid.v1"}); err == nil {
		t.Error("what is no event became an entry")
	}
	ctx, relay := tracers.Tracer("test").Start(t.Context(), "relay")
	if err := p.Relay(ctx, []store.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	relay.End()

	got, _, err := b.Binding().Decode(&b.Messages("orders")[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]trace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		if s.Status().Code == codes.Error {
			byName["failed"] = s
		} else {
			byName[s.Name()] = s
		}
	}
	created, sent := byName["create orders.paid.v1"], byName["send orders.paid.v1"]
	if created == nil || sent == nil || byName["failed"] == nil || byName["failed"].Name() != "create orders.paid.v1" {
		t.Fatalf("the spans are %v", byName)
	}
	if created.Parent().SpanID() != request.SpanContext().SpanID() || sent.Parent().SpanID() != created.SpanContext().SpanID() {
		t.Error("the spans do not hang together")
	}
	if links := sent.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != relay.SpanContext().SpanID() {
		t.Errorf("what is sent is linked to %v", links)
	}
	want := created.SpanContext()
	if parent, _ := got.Extensions.Get("traceparent"); parent.String() != "00-"+want.TraceID().String()+"-"+want.SpanID().String()+"-01" {
		t.Errorf("the event has the trace %s, and was written in %s", parent, want.TraceID())
	}
}
