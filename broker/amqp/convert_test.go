package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
)

// TestNative: whoever consumes can read attributes of AMQP's own types as well as
// their texts (AMQP binding §3.1.3.2), and what is no attribute does no harm.
func TestNative(t *testing.T) {
	table := amqp091.Table{
		"cloudEvents:specversion": "1.0", "cloudEvents:id": "1", "cloudEvents:source": "/s", "cloudEvents:type": "t",
		"cloudEvents:time": time.Date(2018, 4, 5, 3, 56, 24, 0, time.FixedZone("", 7200)), "cloudEvents:raw": []byte{0xff, 0},
		"cloudEvents:flag": true, "cloudEvents:count": int64(-7), "cloudEvents:small": int8(5), "cloudEvents:ratio": 1.5,
		"cloudEvents:price": amqp091.Decimal{Scale: 2, Value: -1205}, "cloudEvents:huge": int64(1) << 40, "x-death": []any{amqp091.Table{"count": int64(1)}}, "nothing": nil,
	}
	m := event.Message{ContentType: "application/json", Headers: headers(table), Body: []byte("{}")}
	e, mode, err := event.AMQP.Decode(&m)
	if err != nil || mode != event.BinaryMode {
		t.Fatal(err, mode)
	}
	if !e.Time.Equal(time.Date(2018, 4, 5, 1, 56, 24, 0, time.UTC)) {
		t.Error(e.Time)
	}
	for name, want := range map[string]event.Value{
		"raw": event.BinaryValue([]byte{0xff, 0}), "flag": event.BooleanValue(true), "count": event.IntegerValue(-7), "small": event.IntegerValue(5),
		"ratio": event.TextValue("1.5"), "price": event.TextValue("-12.05"), "huge": event.TextValue("1099511627776"),
	} {
		if v, ok := e.Extensions.Get(name); !ok || v != want {
			t.Errorf("%s is %q of kind %d", name, v, v.Kind())
		}
	}
	if len(e.Extensions) != 7 {
		t.Error(e.Extensions)
	}
	// What goes out has AMQP's types: a whole number is a long.
	var out broker.Message
	if err := event.AMQP.Encode(&out.Message, e, event.BinaryMode); err != nil {
		t.Fatal(err)
	}
	p, err := publishing(&out)
	if err != nil || p.Headers["cloudEvents_count"] != int64(-7) || p.Headers["cloudEvents_flag"] != true || p.Headers["cloudEvents_raw"] != "/wA=" {
		t.Error(p.Headers, err)
	}
	if n := propertiesSize(&p); n < 200 || n > 1000 {
		t.Errorf("properties of %d bytes", n)
	}
}

// TestNested: an attribute that is a list or a table is none, and the event is not
// read as if it had not been there; what it was is kept with the message.
func TestNested(t *testing.T) {
	for name, v := range map[string]any{"cloudEvents:foo": amqp091.Table{"a": int64(1)}, "cloudEvents_foo": []any{"a"}, "cloudEvents:subject": []any{}, "cloudEvents:time": amqp091.Table{}} {
		table := amqp091.Table{"cloudEvents:specversion": "1.0", "cloudEvents:id": "1", "cloudEvents:source": "/s", "cloudEvents:type": "t", name: v}
		m := event.Message{ContentType: "application/json", Headers: headers(table), Body: []byte("{}")}
		_, _, err := event.AMQP.Decode(&m)
		var fault *event.Error
		if !errors.As(err, &fault) || !strings.HasSuffix(name, fault.Attribute) || !strings.Contains(fault.Reason, "is a list or a") {
			t.Errorf("%s: %v", name, err)
		}
		want := map[string]string{"cloudEvents:foo": `{"a":1}`, "cloudEvents_foo": `["a"]`, "cloudEvents:subject": "[]", "cloudEvents:time": "{}"}[name]
		if kept, ok := m.Get(name); !ok || kept != want {
			t.Errorf("%s is kept as %q", name, kept)
		}
	}
}

// TestTimeout: the URL says how long opening may take, not the dialer.
func TestTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // which takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	b := &Broker{target: &broker.Target{Scheme: "amqp", Hosts: []string{l.Addr().String()}, Timeout: 100 * time.Millisecond}}
	if conn, err := b.dial(t.Context()); err == nil {
		conn.Close()
		t.Fatal("something answered")
	}
	if took := time.Since(began); took < 100*time.Millisecond || took > broker.DefaultTimeout-time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestQueueReader: who reads without a group reads beside the consumers, and of a
// queue that cannot be had. It is refused before anything is asked of the broker.
func TestQueueReader(t *testing.T) {
	b := &Broker{target: &broker.Target{Scheme: "amqp", Hosts: []string{"127.0.0.1:1"}}}
	c := broker.Channel{Address: "a", Settings: map[string]string{"amqp.queue": "a"}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := b.Subscribe(ctx, c, broker.Options{Start: broker.Start{From: broker.Latest}}, func(broker.Delivery) {})
	if !errors.Is(err, broker.ErrUnsupported) || !strings.Contains(err.Error(), "name a group") {
		t.Error(err)
	}
}

// TestNames: names that the protocol has no room for are refused before anything
// is asked of the broker, which would hang up.
func TestNames(t *testing.T) {
	b := &Broker{target: &broker.Target{Scheme: "amqp", Hosts: []string{"127.0.0.1:1"}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	long, latest := strings.Repeat("x", 256), broker.Start{From: broker.Latest}
	for _, c := range []broker.Channel{{Address: long}, {Address: "a", Settings: map[string]string{"amqp.queue": long}}, {Address: "a", Settings: map[string]string{"amqp.routingKey": long}}} {
		if err := b.Publish(ctx, c, broker.Message{}); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
		if err := b.Declare(ctx, c); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
		if _, err := b.Subscribe(ctx, c, broker.Options{Group: "g", Start: latest}, nil); !errors.Is(err, broker.ErrUsage) {
			t.Error(err)
		}
	}
	if _, err := b.Subscribe(ctx, broker.Channel{Address: long[:250]}, broker.Options{Group: "billing", Start: latest}, nil); !errors.Is(err, broker.ErrUsage) {
		t.Error(err)
	}
}

// TestTooLong: a content type or the name of a header that the protocol has no room
// for makes that message too large, as any other size does, and nothing is asked of
// the broker, which would hang up. What just fits is no fault.
func TestTooLong(t *testing.T) {
	b := &Broker{target: &broker.Target{Scheme: "amqp", Hosts: []string{"127.0.0.1:1"}}}
	c := broker.Channel{Address: "a"}
	of := func(contentType, name string) broker.Message {
		return broker.Message{Message: event.Message{ContentType: contentType, Headers: []event.Header{{Name: name, Value: event.TextValue("x")}}}}
	}
	long := strings.Repeat("x", 256)
	for _, m := range []broker.Message{of(long, "x"), of("x", long)} {
		err := b.Publish(t.Context(), c, m)
		if !errors.Is(err, broker.ErrTooLarge) || errors.Is(err, broker.ErrUsage) || !strings.Contains(err.Error(), `publish "a"`) || !strings.Contains(err.Error(), "has 256 bytes") {
			t.Error(err)
		}
	}
	fits := of(long[1:], long[1:])
	if _, err := publishing(&fits); err != nil {
		t.Error(err)
	}
}

// TestServerName: the name of one host is not expected of the next.
func TestServerName(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	b := &Broker{target: &broker.Target{Scheme: "amqps", Hosts: []string{l.Addr().String()}, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}}
	if conn, err := b.dial(t.Context()); err == nil {
		conn.Close()
		t.Fatal("something answered")
	}
	if name := b.target.TLS.ServerName; name != "" {
		t.Errorf("%q is expected of every host", name)
	}
}

// FuzzHeaders holds whatever comes in a table to the event's reading of it: no
// text makes it fail, and what is no UTF-8 is no event.
func FuzzHeaders(f *testing.F) {
	f.Add("cloudEvents:id", "1", []byte{0xff}, int64(1), 1.5)
	f.Add("cloudEvents_time", "\xff", []byte("2018-04-05T03:56:24Z"), int64(-1)<<40, -0.5)
	f.Fuzz(func(t *testing.T, name, text string, raw []byte, n int64, x float64) {
		table := amqp091.Table{"cloudEvents:specversion": "1.0", "cloudEvents:id": "1", "cloudEvents:source": "/s", "cloudEvents:type": "t", name: text,
			"cloudEvents:raw": raw, "cloudEvents:n": n, "cloudEvents:x": x, "cloudEvents:at": time.Unix(n, 0)}
		m := event.Message{Headers: headers(table)}
		e, _, err := event.AMQP.Decode(&m)
		if err == nil && strings.HasPrefix(name, "cloudEvents") && strings.ToValidUTF8(text, "") != text && e.ID == "1" && strings.HasSuffix(name, ":id") {
			t.Errorf("%q was read as %+v", text, e)
		}
		if err == nil {
			if err := e.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
