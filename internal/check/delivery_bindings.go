package check

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// checkDeliveryBindings holds what a channel promises against what the bindings
// set its broker up with, protocol by protocol.
func checkDeliveryBindings(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		c := &clash{p: p, ch: ch, d: d}
		c.kafka()
		c.amqp()
		c.mqtt()
		c.pubsub()
		c.amazon()
		c.pulsar()
		c.nats()
		c.solace()
	})
}

// clash is one channel whose promise is held against its bindings.
type clash struct {
	p  *Pass
	ch *contract.Channel
	d  *contract.Delivery
}

// found reports a setting of a binding and the promise that it contradicts.
func (c *clash) found(setting, promise *syntax.Node, format string, args ...any) *diag.Diagnostic {
	d := c.p.Report(setting, format, args...)
	relate(d, promise, "what x-delivery promises")
	return d
}

// safe reports whether events must not be lost.
func (c *clash) safe() bool {
	return c.d.Guarantee == "at-least-once" || c.d.Guarantee == "exactly-once-effect"
}

// guarantee is where it is stated.
func (c *clash) guarantee() *syntax.Node { return c.d.Field("guarantee") }

// scope is what events are ordered by, "" where that is not stated.
func (c *clash) scope() string {
	if c.d.Ordering == nil {
		return ""
	}
	return c.d.Ordering.Scope
}

// operations calls f for each operation on the channel with its binding of a
// protocol.
func (c *clash) operations(protocol string, f func(op *contract.Operation, binding *syntax.Node)) {
	for _, op := range c.ch.Operations {
		if b := op.Bindings.Get(protocol); b.Is(syntax.Mapping) {
			f(op, b)
		}
	}
}

// kept compares how long a broker keeps events with the promised retention.
// negative means without end.
func (c *clash) kept(setting *syntax.Node, keeps time.Duration, name string) {
	r := c.d.Retention
	if setting == nil || r == nil || r.Time == 0 || keeps == r.Time {
		return
	}
	promised := r.Field("time")
	switch {
	case keeps < 0:
		c.found(setting, promised, "%s %s keeps events of channel %q for ever, but x-delivery says %s; make them agree", name, setting.Value, c.ch.Name, promised.Str())
	case keeps < r.Time:
		c.found(setting, promised, "%s %s keeps events of channel %q for %s only, but x-delivery promises %s; make them agree", name, setting.Value, c.ch.Name, document.FormatDuration(keeps), promised.Str())
	default:
		c.found(setting, promised, "%s %s keeps events of channel %q for %s, but x-delivery says %s; make them agree", name, setting.Value, c.ch.Name, document.FormatDuration(keeps), promised.Str())
	}
}

// units is a number of a unit as a duration; ok is false for what is none, or
// too long to be one. Negative numbers stay negative.
func units(n *syntax.Node, unit time.Duration) (d time.Duration, ok bool) {
	if !n.Is(syntax.Number) {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || v*float64(unit) > float64(1<<62) {
		return 0, false
	}
	if v < 0 {
		return -1, true
	}
	return time.Duration(v * float64(unit)), true
}

// expires compares the time after which a broker drops an operation's messages
// with what those messages say.
func (c *clash) expires(op *contract.Operation, setting *syntax.Node, unit time.Duration, name string) {
	after, ok := units(setting, unit)
	if !ok {
		return
	}
	for _, m := range op.Messages {
		if m.Delivery == nil || m.Delivery.Expires == 0 || m.Delivery.Expires == after {
			continue
		}
		stated := m.Delivery.Field("expires")
		c.found(setting, stated, "%s %s of operation %q drops message %q after %s, but its x-delivery says %s; make them agree",
			name, setting.Value, op.Name, called(m), document.FormatDuration(after), stated.Str())
		return
	}
	if r := c.d.Retention; r != nil && r.Time > after && after > 0 {
		c.found(setting, r.Field("time"), "%s %s of operation %q drops events after %s, but channel %q retains them for %s; make them agree",
			name, setting.Value, op.Name, document.FormatDuration(after), c.ch.Name, r.Field("time").Str())
	}
}

func (c *clash) kafka() {
	b := c.ch.Bindings.Get("kafka")
	conf := b.Get("topicConfiguration")
	if ms := conf.Get("retention.ms"); ms != nil {
		if keeps, ok := units(ms, time.Millisecond); ok && !compactsOnly(conf.Get("cleanup.policy")) {
			c.kept(ms, keeps, "retention.ms")
		}
	}
	if policy := conf.Get("cleanup.policy"); policy.Is(syntax.Sequence) && c.d.Retention != nil && c.d.Retention.Policy != "" {
		if is := cleanup(policy); is != "" && is != c.d.Retention.Policy {
			c.found(policy, c.d.Retention.Field("policy"), "cleanup.policy of channel %q is %s, but its x-delivery says %s; make them agree", c.ch.Name, is, c.d.Retention.Policy)
		}
	}
	if n := b.Get("partitions"); n.Int() > 1 && c.scope() == "channel" {
		c.found(n, c.d.Ordering.Field("scope"), "%s partitions of channel %q have no common order, but x-delivery orders the whole channel; use one partition, or order by key", n.Value, c.ch.Name)
	}
	if dur := c.d.Durability; dur != nil {
		replicas := b.Get("replicas")
		if replicas != nil && dur.Replicas > 0 && replicas.Int() != dur.Replicas {
			c.found(replicas, dur.Field("replicas"), "channel %q has %s replicas by its kafka binding, but x-delivery says %d; make them agree", c.ch.Name, replicas.Value, dur.Replicas)
		}
		count := max(replicas.Int(), dur.Replicas)
		if insync := conf.Get("min.insync.replicas"); insync != nil && dur.AckedBy == "quorum" && count > 1 && insync.Int() < count/2+1 {
			c.found(insync, dur.Field("ackedBy"), "min.insync.replicas %s of channel %q lets fewer than a majority of %d replicas acknowledge, but x-delivery says quorum; write %d", insync.Value, c.ch.Name, count, count/2+1)
		}
	}
	if size := conf.Get("max.message.bytes"); size.Is(syntax.Number) && c.d.MaxBytes > size.Int() {
		c.found(size, c.d.Field("limits", "maxBytes"), "max.message.bytes %s of channel %q refuses events that its x-delivery allows, of up to %d bytes; make them agree", size.Value, c.ch.Name, c.d.MaxBytes)
	}
}

// cleanup is Kafka's cleanup.policy in the words of x-delivery.
func cleanup(policy *syntax.Node) string {
	has := func(word string) bool {
		return slices.ContainsFunc(policy.Items, func(n *syntax.Node) bool { return n.Str() == word })
	}
	switch {
	case has("compact") && has("delete"):
		return "compact+delete"
	case has("compact"):
		return "compact"
	case has("delete"):
		return "delete"
	}
	return ""
}

func compactsOnly(policy *syntax.Node) bool {
	return policy.Is(syntax.Sequence) && cleanup(policy) == "compact"
}

func (c *clash) amqp() {
	b := c.ch.Bindings.Get("amqp")
	stored := c.safe() || c.d.Durability != nil && c.d.Durability.AckedBy != "" && c.d.Durability.AckedBy != "none"
	promise := c.guarantee()
	if !c.safe() && stored {
		promise = c.d.Durability.Field("ackedBy")
	}
	for _, part := range []string{"queue", "exchange"} {
		if n := b.At(part, "durable"); stored && n.Is(syntax.Bool) && !n.IsTrue() {
			c.found(n, promise, "the %s of channel %q is not durable, so its events are lost when the broker restarts, but x-delivery says %s; write durable: true", part, c.ch.Name, promise.Str())
		}
	}
	if n := b.At("queue", "autoDelete"); stored && n.IsTrue() {
		c.found(n, promise, "the queue of channel %q is deleted with its last consumer, and what it holds with it, but x-delivery says %s; write autoDelete: false", c.ch.Name, promise.Str())
	}
	c.operations("amqp", func(op *contract.Operation, b *syntax.Node) {
		if n := b.Get("deliveryMode"); stored && n.Is(syntax.Number) && n.Int() == 1 {
			c.found(n, promise, "deliveryMode 1 of operation %q is transient, so its events are lost when the broker restarts, but channel %q promises %s; write deliveryMode: 2", op.Name, c.ch.Name, promise.Str())
		}
		if ack := b.Get("ack"); op.Action == contract.Receive && ack.Is(syntax.Bool) && !ack.IsTrue() {
			switch {
			case op.Delivery != nil && op.Delivery.Ack == "after-processing":
				c.found(ack, op.Delivery.Field("ack"), "ack: false of operation %q never acknowledges, but its x-delivery says after-processing; write ack: true", op.Name)
			case c.safe():
				c.found(ack, c.guarantee(), "ack: false of operation %q lets the broker forget events before they are handled, but channel %q promises %s; write ack: true", op.Name, c.ch.Name, c.d.Guarantee)
			}
		}
		c.expires(op, b.Get("expiration"), time.Millisecond, "expiration")
	})
}

func (c *clash) mqtt() {
	c.operations("mqtt", func(op *contract.Operation, b *syntax.Node) {
		qos := b.Get("qos")
		switch {
		case !qos.Is(syntax.Number):
		case qos.Int() == 0 && c.safe():
			c.found(qos, c.guarantee(), "qos 0 of operation %q delivers at most once, but channel %q promises %s; write qos: 1", op.Name, c.ch.Name, c.d.Guarantee)
		case qos.Int() == 1 && c.d.Guarantee == "at-most-once":
			c.found(qos, c.guarantee(), "qos 1 of operation %q may deliver twice, but channel %q promises at-most-once; write qos: 0 or 2", op.Name, c.ch.Name)
		}
		if retain := b.Get("retain"); retain.Is(syntax.Bool) && c.d.Retention != nil {
			policy := c.d.Retention.Field("policy")
			switch {
			case retain.IsTrue() && c.d.Retention.Policy == "none":
				c.found(retain, policy, "retain: true of operation %q keeps the last event, but the retention policy of channel %q is none; make them agree", op.Name, c.ch.Name)
			case !retain.IsTrue() && c.d.Retention.Policy == "compact":
				c.found(retain, policy, "retain: false of operation %q keeps nothing, but the retention policy of channel %q is compact; write retain: true", op.Name, c.ch.Name)
			}
		}
		c.expires(op, b.Get("messageExpiryInterval"), time.Second, "messageExpiryInterval")
	})
}

func (c *clash) pubsub() {
	b := c.ch.Bindings.Get("googlepubsub")
	if n := b.Get("messageRetentionDuration"); n.Is(syntax.String) {
		if seconds, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "s"), 64); err == nil && seconds >= 0 && seconds < 1<<31 {
			c.kept(n, time.Duration(seconds*float64(time.Second)), "messageRetentionDuration")
		}
	}
	for _, m := range c.ch.Messages {
		key := m.Bindings.Get("googlepubsub", "orderingKey")
		if key.Str() != "" && c.scope() == "none" {
			c.found(key, c.d.Ordering.Field("scope"), "orderingKey of message %q asks for order, but channel %q promises none; make them agree", called(m), c.ch.Name)
		}
	}
}

// amazon looks at SQS and SNS, where only FIFO queues and topics have an order.
func (c *clash) amazon() {
	ordered := c.scope() != "" && c.scope() != "none"
	queue := c.ch.Bindings.Get("sqs", "queue")
	if fifo := queue.Get("fifoQueue"); ordered && fifo.Is(syntax.Bool) && !fifo.IsTrue() {
		c.found(fifo, c.d.Ordering.Field("scope"), "fifoQueue: false of channel %q keeps no order, but x-delivery orders by %s; write fifoQueue: true", c.ch.Name, c.scope())
	}
	if n := queue.Get("messageRetentionPeriod"); n != nil {
		if keeps, ok := units(n, time.Second); ok {
			c.kept(n, keeps, "messageRetentionPeriod")
		}
	}
	if kind := c.ch.Bindings.Get("sns", "ordering", "type"); ordered && kind.Str() == "standard" {
		c.found(kind, c.d.Ordering.Field("scope"), "a standard topic keeps no order, but x-delivery of channel %q orders by %s; write type: FIFO", c.ch.Name, c.scope())
	}
}

func (c *clash) pulsar() {
	b := c.ch.Bindings.Get("pulsar")
	if n := b.Get("persistence"); n.Str() == "non-persistent" && c.safe() {
		c.found(n, c.guarantee(), "a non-persistent topic loses events, but channel %q promises %s; write persistent", c.ch.Name, c.d.Guarantee)
	}
	if n := b.At("retention", "time"); n != nil {
		if keeps, ok := units(n, time.Minute); ok {
			c.kept(n, keeps, "retention time (in minutes)")
		}
	}
}

func (c *clash) nats() {
	c.operations("nats", func(op *contract.Operation, b *syntax.Node) {
		if queue := b.Get("queue"); op.Action == contract.Receive && queue.Str() != "" && c.scope() == "channel" {
			c.found(queue, c.d.Ordering.Field("scope"), "queue group %q of operation %q shares the events among its members, which breaks the order of channel %q as a whole; remove it, or order by key", queue.Str(), op.Name, c.ch.Name)
		}
	})
}

func (c *clash) solace() {
	c.operations("solace", func(op *contract.Operation, b *syntax.Node) {
		for _, destination := range list(b.Get("destinations")) {
			if mode := destination.Get("deliveryMode"); mode.Str() == "direct" && c.safe() {
				c.found(mode, c.guarantee(), "deliveryMode direct of operation %q may lose events, but channel %q promises %s; write persistent", op.Name, c.ch.Name, c.d.Guarantee)
			}
			if access := destination.At("queue", "accessType"); access.Str() == "nonexclusive" && c.scope() == "channel" {
				c.found(access, c.d.Ordering.Field("scope"), "accessType nonexclusive of operation %q shares the events among consumers, which breaks the order of channel %q as a whole; write exclusive, or order by key", op.Name, c.ch.Name)
			}
		}
		if ttl := b.Get("timeToLive"); ttl.Is(syntax.Number) {
			c.expires(op, ttl, time.Millisecond, "timeToLive")
		}
	})
}
