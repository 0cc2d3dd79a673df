// Package otel gives a treaty producer and consumer traces and metrics by
// OpenTelemetry, and carries the trace from one to the other in the event itself
// (CloudEvents extension "distributed tracing": traceparent and tracestate).
//
//	telemetry, err := otel.New()
//	p, err := treaty.NewProducer(c, b, treaty.Hooks(telemetry))
//	k, err := treaty.NewConsumer(c, b, "billing", treaty.Hooks(telemetry), treaty.Use(telemetry.Middleware))
//
// Metrics: treaty.published (events, by type and error), treaty.publish.duration
// (seconds), treaty.outcomes (deliveries, by type, channel, group, result and
// reason), treaty.handle.duration (seconds). Spans: "create TYPE" of what is written
// to an outbox, "send TYPE" and "process TYPE", with the attributes of the semantic
// conventions for messaging.
//
// An event that has a trace keeps it: what an outbox's relay sends belongs to the
// trace of the request that wrote it, and so does what handles it.
package otel

import (
	"context"
	"sync"
	"time"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/event"
)

const name = "github.com/treaty-events/treaty/otel"

// Telemetry is hooks of producers and consumers, and middleware of consumers. It
// is safe for concurrent use, and one serves all. Make it with New.
type Telemetry struct {
	tracer    trace.Tracer
	spans     sync.Map // of *treaty.Event that are being published
	published metric.Int64Counter
	publish   metric.Float64Histogram
	outcomes  metric.Int64Counter
	handle    metric.Float64Histogram
}

// Option says where telemetry goes.
type Option func(*options)

type options struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// Tracers is the provider of tracers; otherwise it is the global one.
func Tracers(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// Meters is the provider of meters; otherwise it is the global one.
func Meters(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// New makes a Telemetry. The error is that of an instrument which the provider
// does not make.
func New(opts ...Option) (*Telemetry, error) {
	o := options{global.GetTracerProvider(), global.GetMeterProvider()}
	for _, set := range opts {
		set(&o)
	}
	t := &Telemetry{tracer: o.tracers.Tracer(name)}
	m := o.meters.Meter(name)
	var err error
	if t.published, err = m.Int64Counter("treaty.published", metric.WithUnit("{event}"), metric.WithDescription("Events that were published, or refused.")); err != nil {
		return nil, err
	}
	if t.publish, err = m.Float64Histogram("treaty.publish.duration", metric.WithUnit("s"), metric.WithDescription("From the call to the broker's acknowledgement.")); err != nil {
		return nil, err
	}
	if t.outcomes, err = m.Int64Counter("treaty.outcomes", metric.WithUnit("{delivery}"), metric.WithDescription("What became of deliveries.")); err != nil {
		return nil, err
	}
	t.handle, err = m.Float64Histogram("treaty.handle.duration", metric.WithUnit("s"), metric.WithDescription("How long handlers took."))
	return t, err
}

var propagator = propagation.TraceContext{}

// carrier lets the propagator read and write the extensions of an event.
type carrier struct{ e *event.Event }

func (c carrier) Get(key string) string {
	v, _ := c.e.Extensions.Get(key)
	return v.String()
}

func (c carrier) Set(key, value string) { c.e.Extensions.Set(key, event.TextValue(value)) }

func (c carrier) Keys() []string { return propagator.Fields() }

// BeforePublish begins the span of an event, and puts the trace into the event. One
// that came with a trace keeps it: that is the parent of the span, which is linked to
// the one of ctx, such as that of an outbox's relay.
func (t *Telemetry) BeforePublish(ctx context.Context, e *treaty.Event) context.Context {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.operation.type", "send"), attribute.String("messaging.message.id", e.ID),
		attribute.String("cloudevents.event_type", e.Type), attribute.String("cloudevents.event_source", e.Source), attribute.String("cloudevents.event_subject", e.Subject))}
	carried := trace.SpanContextFromContext(propagator.Extract(context.Background(), carrier{e}))
	if carried.IsValid() {
		if here := trace.SpanContextFromContext(ctx); here.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: here}))
		}
		ctx = trace.ContextWithRemoteSpanContext(ctx, carried)
	}
	ctx, span := t.tracer.Start(ctx, "send "+e.Type, options...)
	t.spans.Store(e, span)
	if !carried.IsValid() {
		propagator.Inject(ctx, carrier{e})
	}
	return ctx
}

// Entered ends the span of what was written to an outbox, and has yet to be sent.
func (t *Telemetry) Entered(_ context.Context, e *treaty.Event, err error) {
	if span, ok := t.spans.LoadAndDelete(e); ok {
		span := span.(trace.Span)
		span.SetName("create " + e.Type)
		span.SetAttributes(attribute.String("messaging.operation.type", "create"))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Published ends the span.
func (t *Telemetry) Published(ctx context.Context, e *treaty.Event, took time.Duration, err error) {
	if span, ok := t.spans.LoadAndDelete(e); ok {
		span := span.(trace.Span)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
	with := metric.WithAttributes(attribute.String("type", e.Type), attribute.Bool("error", err != nil))
	t.published.Add(ctx, 1, with)
	t.publish.Record(ctx, took.Seconds(), with)
}

// Outcome counts.
func (t *Telemetry) Outcome(ctx context.Context, o treaty.Outcome) {
	kind := ""
	if o.Delivered.Event != nil {
		kind = o.Delivered.Type
	}
	t.outcomes.Add(ctx, 1, metric.WithAttributes(attribute.String("type", kind), attribute.String("channel", o.Delivered.Channel), attribute.String("group", o.Delivered.Group),
		attribute.String("result", o.Result.String()), attribute.String("reason", string(o.Reason))))
}

// Middleware has each call of a handler be a span, whose parent is the one that
// the event came with.
func (t *Telemetry) Middleware(next treaty.Handler) treaty.Handler {
	return func(ctx context.Context, d *treaty.Delivered) error {
		ctx = propagator.Extract(ctx, carrier{d.Event})
		ctx, span := t.tracer.Start(ctx, "process "+d.Type, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("messaging.operation.type", "process"), attribute.String("messaging.destination.name", d.Address),
			attribute.String("messaging.consumer.group.name", d.Group), attribute.String("messaging.message.id", d.ID),
			attribute.String("cloudevents.event_type", d.Type), attribute.String("cloudevents.event_source", d.Source), attribute.String("cloudevents.event_subject", d.Subject),
			attribute.Int("treaty.attempt", d.Attempt())))
		defer span.End()
		begin := time.Now()
		err := next(ctx, d)
		t.handle.Record(ctx, time.Since(begin).Seconds(), metric.WithAttributes(attribute.String("type", d.Type), attribute.String("group", d.Group), attribute.Bool("error", err != nil)))
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		return err
	}
}
