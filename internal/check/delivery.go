package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

var deliveryRules = []*Rule{
	{ID: "delivery-unstated", Title: "A channel that is sent on does not say what it promises", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `The shape of an event does not say whether it may come twice, in which order, or for how long it can be read again, and nobody can write a correct handler without knowing. What is not stated is taken from whatever the broker happens to do today: the first redelivery after an outage, or the first consumer added to a topic with a week of history, shows who guessed wrongly.

State it on the channel: x-delivery: {guarantee: at-least-once, ordering: {scope: key, key: subject}, retention: {policy: delete, time: P7D}}.`,
		Check: checkUnstated},
	{ID: "delivery-exactly-once", Title: "An effect exactly once is promised without deduplication", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `No broker delivers an event once and only once to a handler that may crash: it redelivers what was not acknowledged, and the effect happens twice. What can be had is at-least-once delivery with duplicates recognised and dropped, and that needs to be said: by what identity, for how long, and by whom.

State dedupe, such as {by: [source, id], window: P7D, where: consumer}, or promise at-least-once.`,
		Check: checkExactlyOnce},
	{ID: "delivery-window", Title: "Duplicates can come after they have been forgotten", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Identities are remembered for the window. An event that is still retained, or that may be replayed, after that time arrives as if it were new, and its effect happens again: a replay of the last week charges every customer of the week a second time.

Make the window at least as long as the retention and the replay, or shorten those.`,
		Check: checkWindow},
	{ID: "delivery-ordering-key", Title: "Events are ordered by a key that they need not have", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Order is kept among the events of one key. An event without the key has no place: the producer refuses it, or the broker spreads such events over all partitions, and a cancellation overtakes the order that it cancels.

Describe the key in every message of the channel and require it: for an attribute such as subject in the schema of the envelope (headers, or the payload where that is the envelope), for a pointer such as /data/order_id in the payload.`,
		Check: checkOrderingKey},
	{ID: "delivery-dedupe-key", Title: "Events are known again by what they need not have", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A duplicate is known by what dedupe names. An event that lacks some of it cannot be told from others that lack it: the producer refuses it, and a consumer that gets it all the same dead-letters it. Under a misspelt name that is each and every event.

Name source and id, which every event has, or describe what you name in every message of the channel and require it: an attribute in the schema of the envelope (headers, or the payload where that is the envelope), a pointer such as /data/payment_id in the payload.`,
		Check: checkDedupeKey},
	{ID: "delivery-bootstrap", Title: "A new consumer cannot get the history that it is to start with", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A consumer that is new on a channel with seven days of retention sees the last seven days of a longer story: orders that were shipped and never placed. Starting at bootstrap means to take the state from somewhere first, and then the events since; the channel has to say from where.

State bootstrap on the channel: {mode: snapshot+log, channel: '#/channels/orders.snapshot', overlap: PT1H}, or compacted, log or request as the case may be.`,
		Check: checkBootstrap},
	{ID: "delivery-replay-protocol", Title: "Replay is promised on a protocol that cannot replay", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `An event can be read again only where the broker keeps it after it has been acknowledged. Queues forget it, and so does MQTT, but for one retained message a topic; RabbitMQ keeps events in streams only. A consumer that counts on replay to repair a faulty handler finds out on the day that it needs it.

Take replay out of the promise, offer a backfill on request (bootstrap: {mode: request}), or carry the channel by a protocol with a log.`,
		Check: checkReplayProtocol},
	{ID: "delivery-broker-dedupe", Title: "The broker is to drop duplicates that it does not recognise", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Few brokers recognise an event by its id: NATS JetStream by the header Nats-Msg-Id, within two minutes unless the stream is configured otherwise, and the FIFO queues and topics of Amazon within five minutes. Kafka's idempotent producer recognises its own retries and nothing else; RabbitMQ, MQTT and Pub/Sub compare nothing. A consumer that believes the promise handles duplicates twice.

Let the consumer do it (where: consumer), or promise no more than the broker's window.`,
		Check: checkBrokerDedupe},
	{ID: "delivery-channel-order", Title: "The order of a channel is lost with several events in flight", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Order over a whole channel means one event at a time: with a second in flight, the first may fail and come again after it. The broker's default is to hand out many.

State maxInFlight: 1 on the operations that receive. If that is too slow, as it mostly is, order by key instead: events of different keys are then handled side by side.`,
		Check: checkChannelOrder},
	{ID: "delivery-retry", Title: "Retries that cannot happen as stated", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `What is acknowledged on receipt is gone from the broker: it cannot be delivered again, so neither retries nor a dead letter after them ever happen. A longest delay below the first one never lets the delay grow. A dead letter that goes back to the channel it comes from is received again, fails again, and keeps every consumer busy with one bad event.

Acknowledge after processing, let maxDelay be the larger, and give dead letters a channel of their own.`,
		Check: checkRetry},
	{ID: "delivery-ack", Title: "Acknowledgements do not hold what the channel promises", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `At-least-once is a chain: the broker has stored the event before the producer goes on, and the consumer has handled it before the broker forgets it. A producer that waits for no confirmation, or for a weaker one than the channel's durability asks for, loses events when a broker fails over; a consumer that acknowledges on receipt loses those it held when it crashed.

Use ack: after-processing and a confirm no weaker than durability.ackedBy, or promise at-most-once.`,
		Check: checkAck},
	{ID: "delivery-dead-letter", Title: "The dead letter channel does not carry what is sent to it", Family: Delivery, Severity: diag.Info, Since: "0.1.0",
		Reason: `Events that cannot be handled end on the dead letter channel, and somebody has to look at them, mend them and send them again. The tools that do so read this document like everybody else: what the channel does not list, they do not know.

List the same messages on the dead letter channel as on the one that is received from.`,
		Check: checkDeadLetter},
	{ID: "delivery-bindings", Title: "x-delivery and a binding contradict each other", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Bindings are what the broker is set up with, x-delivery is what consumers are told. Where they differ, the broker wins: a topic that keeps events for a day does not keep them for the week that was promised, a transient message does not survive a restart whatever the guarantee says, and two partitions have no common order.

Decide which of the two is meant and correct the other.`,
		Check: checkDeliveryBindings},
	{ID: "delivery-replay-retention", Title: "Replay is promised for longer than events are kept", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `What has been deleted cannot be read again. A consumer that plans its recovery by replay.maxAge finds the oldest part missing, without an error: the broker simply begins at the oldest event that it still has.

Make retention at least as long as replay.maxAge, or promise less.`,
		Check: checkReplayRetention},
	{ID: "policy-unpublished", Title: "The compatibility policy is not published", Family: Delivery, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Whether an added field breaks a consumer depends on whether that consumer tolerates fields it does not know, and whether a removed one does on who still reads old events. Without a stated policy each side assumes what suits it: producers that adding is always safe, consumers that validating strictly is.

State x-compatibility on the document, such as {mode: full, readers: tolerant}; a channel or a message may state its own. The gate (treaty breaking) then judges every change by it.`,
		Check: checkPolicyUnpublished},
	{ID: "deprecated-without-sunset", Title: "Something is deprecated without saying until when or what replaces it", Family: Delivery, Severity: diag.Info, Since: "0.1.0",
		Reason: `Deprecated means that it will go away. A consumer's owner has to know by when to have moved, and where to; without that nobody moves, and the event is sent for ever.

State x-delivery: {deprecated: {sunset: 2027-06-30, replacedBy: orders.paid.v2}} on the message or the channel.`,
		Check: checkSunset},
}

// promises calls f for every channel that states x-delivery.
func promises(p *Pass, f func(ch *contract.Channel, d *contract.Delivery)) {
	for _, ch := range p.Contract.Channels {
		if ch.Delivery != nil {
			f(ch, ch.Delivery)
		}
	}
}

// receivers calls f for every operation that receives from a channel.
func receivers(ch *contract.Channel, f func(op *contract.Operation)) {
	for _, op := range ch.Operations {
		if op.Action == contract.Receive {
			f(op)
		}
	}
}

// keepsEvents reports whether any of the channel's protocols has a broker that
// may keep events; retention means nothing for the others.
func keepsEvents(ch *contract.Channel) bool {
	protocols := ch.Protocols()
	return len(protocols) == 0 || slices.ContainsFunc(protocols, func(name string) bool {
		return name != "ws" && name != "http" && name != "stomp"
	})
}

func checkUnstated(p *Pass) {
	for _, ch := range p.Contract.Channels {
		if !isSentOn(ch) {
			continue
		}
		lacks := []string{}
		d := ch.Delivery
		if d == nil || d.Guarantee == "" {
			lacks = append(lacks, "guarantee")
		}
		if d == nil || d.Ordering == nil || d.Ordering.Scope == "" {
			lacks = append(lacks, "ordering")
		}
		if (d == nil || d.Retention == nil) && keepsEvents(ch) {
			lacks = append(lacks, "retention")
		}
		switch {
		case len(lacks) == 0:
		case d == nil:
			p.Report(ch.Node(), "channel %q is sent on, but states no delivery semantics; add x-delivery with its %s", ch.Name, enumerate(lacks))
		default:
			p.Report(d.Node(), "x-delivery of channel %q does not state its %s; add it, since consumers cannot know", ch.Name, enumerate(lacks))
		}
	}
}

// enumerate joins words as a sentence does.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func checkExactlyOnce(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Guarantee == "exactly-once-effect" && d.Dedupe == nil {
			p.ReportValue(d.Field("guarantee"), "guarantee exactly-once-effect of channel %q needs deduplication; state dedupe: {by: [source, id], window: …, where: consumer}, or promise at-least-once", ch.Name)
		}
	})
}

func checkWindow(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Dedupe == nil || d.Dedupe.Where == "broker" {
			return // the broker's window is about a producer's retries
		}
		var needed time.Duration
		var because *syntax.Node
		var what string
		if d.Retention != nil && d.Retention.Time > needed {
			needed, because, what = d.Retention.Time, d.Retention.Field("time"), "events are retained"
		}
		if d.Replay != nil && d.Replay.MaxAge > needed {
			needed, because, what = d.Replay.MaxAge, d.Replay.Field("maxAge"), "events may be replayed"
		}
		window := d.Dedupe.Field("window")
		if because == nil || d.Dedupe.Window >= needed {
			return
		}
		if window == nil {
			found := p.Report(d.Dedupe.Node(), "dedupe of channel %q does not say for how long identities are remembered; add window: %s, since %s for that long", ch.Name, because.Str(), what)
			relate(found, because, "%s for %s", what, because.Str())
			return
		}
		if d.Dedupe.Window == 0 && window.Str() != "PT0S" {
			return // malformed, and reported
		}
		found := p.ReportValue(window, "dedupe window %s of channel %q is shorter than the %s for which %s; make it %s at least", window.Str(), ch.Name, because.Str(), what, because.Str())
		relate(found, because, "%s for %s", what, because.Str())
		found.Fix = &diag.Fix{Title: "make the window " + because.Str(), Edits: []diag.Edit{syntax.SetValue(window, because.Str())}}
	})
}

func checkOrderingKey(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		o := d.Ordering
		if o == nil {
			return
		}
		key := o.Field("key")
		switch {
		case o.Scope == "key" && key == nil:
			p.Report(o.Node(), "ordering of channel %q is by key, but names none; add key: subject, or a pointer such as /data/order_id", ch.Name)
			return
		case o.Scope != "key":
			if key != nil && o.Scope != "" {
				p.Report(key, "key means nothing for ordering by %s; remove it, or write scope: key", o.Scope)
			}
			return
		}
		if o.Key == "" {
			return
		}
		known := map[described]string{} // messages may share their schemas
		for _, m := range ch.Messages {
			if !defined(p, m) {
				continue
			}
			as := describedBy(m)
			why, ok := known[as]
			if !ok {
				why = keyFault(p, m, o.Key)
				known[as] = why
			}
			if why != "" {
				d := p.Report(m.Node(), "message %q %s, but channel %q orders its events by %s; describe it and require it", called(m), why, ch.Name, o.Key)
				relate(d, key, "the ordering key")
			}
		}
	})
}

// longestKey is how many names of dedupe are looked at: nobody has so many, and a
// hostile file may have any number in any number of messages.
const longestKey = 32

func checkDedupeKey(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Dedupe == nil || !slices.ContainsFunc(ch.Messages, func(m *contract.Message) bool { return m.Envelope.Mode != contract.NoEnvelope }) {
			return // what is no event is not known again
		}
		by := d.Dedupe.Field("by")
		for i, name := range d.Dedupe.By[:min(len(d.Dedupe.By), longestKey)] {
			if document.KeyFault(name) != "" {
				continue // malformed, and reported
			}
			at := by
			if by.Is(syntax.Sequence) && i < len(by.Items) {
				at = by.Items[i]
			}
			if why := contract.KeyFault(name); why != "" {
				p.ReportValue(at, "dedupe of channel %q can know no event again: %s", ch.Name, why)
				continue
			}
			known := map[described]string{} // messages may share their schemas
			for _, m := range ch.Messages {
				if !defined(p, m) || m.Envelope.Mode == contract.NoEnvelope {
					continue
				}
				as := describedBy(m)
				why, ok := known[as]
				if !ok {
					why = keyFault(p, m, name)
					known[as] = why
				}
				if why != "" {
					found := p.Report(m.Node(), "message %q %s, but channel %q knows its events again by %s; describe it and require it, or name another", called(m), why, ch.Name, name)
					relate(found, at, "what events are known again by")
				}
			}
		}
	})
}

// described is what decides whether a message has an ordering key.
type described struct {
	headers, payload *syntax.Node
	mode             contract.Mode
	whole, subject   bool
}

func describedBy(m *contract.Message) described {
	e := &m.Envelope
	d := described{mode: e.Mode, whole: e.PayloadIsEnvelope, subject: e.Subject != ""}
	if m.Headers != nil {
		d.headers = m.Headers.Node()
	}
	if m.Payload != nil {
		d.payload = m.Payload.Node()
	}
	return d
}

// keyFault says why an event of the message need not have the ordering key; ""
// where it always has, or where that cannot be told.
func keyFault(p *Pass, m *contract.Message, key string) string {
	if key[0] != '/' {
		return attributeFault(p, m, key)
	}
	steps := strings.Split(key[1:], "/")
	for i, s := range steps {
		steps[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	e := &m.Envelope
	if e.Mode != contract.NoEnvelope && steps[0] != "data" {
		if len(steps) == 1 {
			return attributeFault(p, m, steps[0])
		}
		return fmt.Sprintf("has nothing at %s, since below the envelope only /data has parts", key)
	}
	at := newShape(p, m.Payload)
	if !at.defined {
		return "has no payload schema"
	}
	switch {
	case steps[0] != "data":
	case e.PayloadIsEnvelope, e.Mode == contract.NoEnvelope && at.property("data").defined:
	default:
		steps = steps[1:] // the payload is the data
	}
	for _, s := range steps {
		if at = at.property(s); at.unknown {
			return ""
		}
		if !at.defined && !at.required {
			return fmt.Sprintf("describes no %q in its payload", s)
		}
		if !at.required {
			return fmt.Sprintf("does not require %q in its payload", s)
		}
	}
	return ""
}

func attributeFault(p *Pass, m *contract.Message, name string) string {
	e := &m.Envelope
	if e.Mode != contract.NoEnvelope {
		switch name {
		case "id", "source", "specversion", "type":
			return "" // every CloudEvent has them
		case "subject":
			if e.Subject != "" {
				return ""
			}
		}
		if a := e.Attribute(name); a != nil {
			if a.Required {
				return ""
			}
			return fmt.Sprintf("does not require the attribute %s", name)
		}
	}
	at := newShape(p, m.Headers)
	if e.PayloadIsEnvelope {
		at = newShape(p, m.Payload)
	}
	if at = at.property(name); at.unknown || at.required && e.Mode == contract.NoEnvelope || at.required && e.PayloadIsEnvelope {
		return ""
	}
	switch {
	case e.Mode == contract.NoEnvelope && at.defined:
		return fmt.Sprintf("does not require the header %s", name)
	case e.Mode == contract.NoEnvelope:
		return fmt.Sprintf("has neither an envelope nor a header %s", name)
	}
	names := []string{"id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
	for _, a := range e.Attributes {
		names = append(names, a.Name)
	}
	if near, ok := diag.Nearest(name, names); ok {
		return fmt.Sprintf("describes no attribute %s (did you mean %s?)", name, near)
	}
	return fmt.Sprintf("describes no attribute %s", name)
}

func checkBootstrap(p *Pass) {
	for _, ch := range p.Contract.Channels {
		var d contract.Delivery
		if ch.Delivery != nil {
			d = *ch.Delivery
		}
		mode := ""
		if d.Bootstrap != nil {
			mode = d.Bootstrap.Mode
		}
		receivers(ch, func(op *contract.Operation) {
			if op.Delivery == nil || op.Delivery.Start != "bootstrap" || mode != "" && mode != "none" {
				return
			}
			start := op.Delivery.Field("start")
			switch {
			case mode == "none":
				found := p.ReportValue(start, "operation %q starts at bootstrap, but channel %q offers none; state a bootstrap mode there, or start at earliest", op.Name, ch.Name)
				relate(found, d.Bootstrap.Node(), "no bootstrap is offered")
			case d.Retention != nil:
				found := p.ReportValue(start, "operation %q starts at bootstrap, but channel %q states its retention and no bootstrap; say there how a new consumer gets the history", op.Name, ch.Name)
				relate(found, d.Retention.Node(), "what is retained")
			default:
				p.ReportValue(start, "operation %q starts at bootstrap, but channel %q does not say how; state bootstrap in its x-delivery", op.Name, ch.Name)
			}
		})
		if d.Bootstrap == nil {
			continue
		}
		at := d.Bootstrap.Field("mode")
		switch mode {
		case "snapshot+log", "request":
			if d.Bootstrap.Field("channel") == nil {
				p.ReportValue(at, "bootstrap mode %s of channel %q needs a channel; add channel: '#/channels/…', where %s", mode, ch.Name,
					map[string]string{"request": "a backfill is asked for", "snapshot+log": "the snapshots are"}[mode])
			}
		case "compacted":
			if r := d.Retention; r != nil && r.Policy != "" && !strings.Contains(r.Policy, "compact") {
				found := p.ReportValue(at, "bootstrap mode compacted of channel %q needs a channel that keeps the last event of each key, but its retention policy is %s; write policy: compact", ch.Name, r.Policy)
				relate(found, r.Field("policy"), "the policy")
			}
		case "log":
			if r := d.Retention; r != nil && (r.Policy == "none" || r.Policy == "until-consumed") {
				found := p.ReportValue(at, "bootstrap mode log of channel %q needs a log that is kept, but its retention policy is %s; change one of them", ch.Name, r.Policy)
				relate(found, r.Field("policy"), "the policy")
			}
		}
	}
}

func checkReplayProtocol(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Replay == nil {
			return
		}
		for _, protocol := range ch.Protocols() {
			switch protocol {
			case "mqtt", "sns", "sqs", "ws", "http", "stomp", "jms", "ibmmq", "anypointmq":
				p.Report(d.Replay.Node(), "replay is promised for channel %q, but %s keeps no events to replay; take it out, or offer a backfill with bootstrap: {mode: request}", ch.Name, protocolName(protocol))
			case "amqp":
				if !isStream(ch) {
					p.Report(d.Replay.Node(), "replay is promised for channel %q, but RabbitMQ replays from streams only; say in the amqp binding that the queue is one (queue: {x-queue-type: stream}), or take replay out", ch.Name)
				}
			}
		}
	})
}

// isStream reports whether a channel's AMQP binding says that its queue is a
// stream. The binding has no field for it, so the name that the broker has for
// the argument serves.
func isStream(ch *contract.Channel) bool {
	for _, path := range [][]string{{"x-queue-type"}, {"queue", "x-queue-type"}, {"queue", "x-arguments", "x-queue-type"}} {
		if ch.Bindings.Get("amqp", path...).Str() == "stream" {
			return true
		}
	}
	return false
}

// What brokers that recognise duplicates do so for.
const (
	natsWindow = 2 * time.Minute // JetStream's duplicate_window where not set
	fifoWindow = 5 * time.Minute // of Amazon's FIFO queues and topics, fixed
)

func checkBrokerDedupe(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Dedupe == nil || d.Dedupe.Where != "broker" && d.Dedupe.Where != "both" {
			return
		}
		where := d.Dedupe.Field("where")
		window := d.Dedupe.Field("window")
		for _, protocol := range ch.Protocols() {
			switch protocol {
			case "kafka", "amqp", "mqtt", "googlepubsub", "ws", "http", "stomp", "redis":
				p.ReportValue(where, "dedupe of channel %q is by the broker, but %s recognises no duplicates by their id; write where: consumer", ch.Name, protocolName(protocol))
			case "nats":
				set := ch.Bindings.Get("nats", "x-duplicate-window")
				if set != nil {
					if own, err := document.ParseDuration(set.Str()); err == nil && d.Dedupe.Window > own {
						found := p.ReportValue(window, "dedupe window %s of channel %q is longer than the stream's duplicate window of %s; raise that, or promise less", window.Str(), ch.Name, set.Str())
						relate(found, set, "the stream's window")
					}
				} else if d.Dedupe.Window > natsWindow {
					p.ReportValue(window, "dedupe window %s of channel %q is longer than the two minutes for which NATS JetStream recognises duplicates unless told otherwise; state the stream's in the nats binding (x-duplicate-window: %s), or let the consumer do it", window.Str(), ch.Name, window.Str())
				}
			case "sqs", "sns":
				if d.Dedupe.Window > fifoWindow {
					p.ReportValue(window, "dedupe window %s of channel %q is longer than the five minutes for which a FIFO of %s recognises duplicates; let the consumer do it", window.Str(), ch.Name, protocolName(protocol))
				}
			}
		}
	})
}

func checkChannelOrder(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Ordering == nil || d.Ordering.Scope != "channel" {
			return
		}
		receivers(ch, func(op *contract.Operation) {
			var found *diag.Diagnostic
			switch {
			case op.Delivery == nil || op.Delivery.Field("maxInFlight") == nil:
				found = p.Report(op.Node(), "operation %q does not say how many events it has in flight, but channel %q is ordered as a whole; add x-delivery: {maxInFlight: 1}", op.Name, ch.Name)
			case op.Delivery.MaxInFlight > 1:
				at := op.Delivery.Field("maxInFlight")
				found = p.ReportValue(at, "maxInFlight %s of operation %q breaks the order of channel %q, which is ordered as a whole; write 1, or order by key", at.Value, op.Name, ch.Name)
			default:
				return
			}
			relate(found, d.Ordering.Field("scope"), "the order that is promised")
		})
	})
}

func checkRetry(p *Pass) {
	for _, op := range p.Contract.Operations {
		d := op.Delivery
		if d == nil {
			continue
		}
		if r := d.Retry; r != nil {
			if r.MaxDelay > 0 && r.MaxDelay < r.Delay {
				at := r.Field("maxDelay")
				found := p.ReportValue(at, "maxDelay %s of operation %q is shorter than its delay of %s; make it the longer of the two", at.Str(), op.Name, r.Field("delay").Str())
				relate(found, r.Field("delay"), "the first delay")
			}
		}
		if ack := d.Field("ack"); d.Ack == "on-receipt" && (d.Retry != nil || d.DeadLetter != nil) {
			at, what := d.Field("retry"), "retries"
			if at == nil {
				at, what = d.Field("deadLetter"), "a dead letter"
			}
			found := p.Report(at, "operation %q states %s, but acknowledges on receipt, after which nothing comes again; write ack: after-processing", op.Name, what)
			relate(found, ack, "acknowledged here")
		}
		if x := d.DeadLetter; x != nil && x.Channel != nil && x.Channel == op.Channel {
			p.Report(x.Field("channel"), "dead letters of operation %q go back to channel %q, where they come from; give them a channel of their own", op.Name, op.Channel.Name)
		}
	}
}

// strength orders confirmations: none, leader, quorum.
func strength(confirm string) int { return slices.Index([]string{"none", "leader", "quorum"}, confirm) }

func checkAck(p *Pass) {
	for _, op := range p.Contract.Operations {
		if op.Channel == nil || op.Channel.Delivery == nil {
			continue
		}
		promise := op.Channel.Delivery
		safe := promise.Guarantee == "at-least-once" || promise.Guarantee == "exactly-once-effect"
		own := op.Delivery
		if own == nil {
			continue
		}
		if own.Ack == "on-receipt" && safe {
			at := own.Field("ack")
			found := p.ReportValue(at, "operation %q acknowledges on receipt, but channel %q promises %s; write ack: after-processing", op.Name, op.Channel.Name, promise.Guarantee)
			relate(found, promise.Field("guarantee"), "the promise")
		}
		if own.Confirm == "" {
			continue
		}
		at := own.Field("confirm")
		switch by := promise.Durability; {
		case by != nil && by.AckedBy != "" && strength(own.Confirm) < strength(by.AckedBy):
			found := p.ReportValue(at, "operation %q waits for confirm: %s, but channel %q promises that events are acknowledged by %s; write confirm: %s", op.Name, own.Confirm, op.Channel.Name, by.AckedBy, by.AckedBy)
			relate(found, by.Field("ackedBy"), "the promise")
		case own.Confirm == "none" && safe:
			found := p.ReportValue(at, "operation %q waits for no confirmation, but channel %q promises %s; write confirm: quorum", op.Name, op.Channel.Name, promise.Guarantee)
			relate(found, promise.Field("guarantee"), "the promise")
		}
	}
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if by := d.Durability; by != nil && by.AckedBy == "none" && (d.Guarantee == "at-least-once" || d.Guarantee == "exactly-once-effect") {
			found := p.ReportValue(by.Field("ackedBy"), "ackedBy none of channel %q means that events may be lost before they are stored, but it promises %s; write ackedBy: quorum", ch.Name, d.Guarantee)
			relate(found, d.Field("guarantee"), "the promise")
		}
	})
}

func checkDeadLetter(p *Pass) {
	type route struct {
		from **contract.Message // where the list of messages begins, which operations share
		to   *contract.Channel
	}
	carries := map[*contract.Channel]map[string]bool{}
	lacking := map[route][]string{}
	for _, op := range p.Contract.Operations {
		if op.Delivery == nil || op.Delivery.DeadLetter == nil {
			continue
		}
		to := op.Delivery.DeadLetter.Channel
		if to == nil || to == op.Channel {
			continue
		}
		at := op.Delivery.DeadLetter.Field("channel")
		if len(to.Messages) == 0 {
			found := p.Report(at, "dead letters of operation %q go to channel %q, which carries no messages; list there what this operation receives", op.Name, to.Name)
			relate(found, to.Node(), "the dead letter channel")
			continue
		}
		if carries[to] == nil {
			carries[to] = make(map[string]bool, len(to.Messages))
			for _, m := range to.Messages {
				carries[to][m.Envelope.Type] = true
			}
		}
		if len(op.Messages) == 0 {
			continue
		}
		way := route{&op.Messages[0], to}
		lacks, known := lacking[way]
		if !known {
			lacks = notAmong(p, op.Messages, carries[to])
			lacking[way] = lacks
		}
		if len(lacks) == 0 {
			continue
		}
		found := p.Report(at, "dead letters of operation %q go to channel %q, which does not carry %s; list there what this operation receives", op.Name, to.Name, enumerate(lacks))
		relate(found, to.Node(), "the dead letter channel")
	}
}

// notAmong names the first few types of messages that are not in a set.
func notAmong(p *Pass, list []*contract.Message, set map[string]bool) []string {
	var out []string
	for _, m := range list {
		if set[m.Envelope.Type] || !defined(p, m) {
			continue
		}
		if len(out) == 3 {
			return append(out, "others")
		}
		out = append(out, m.Envelope.Type)
	}
	return out
}

func checkReplayRetention(p *Pass) {
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Replay == nil || d.Retention == nil {
			return
		}
		age := d.Replay.Field("maxAge")
		switch {
		case d.Retention.Policy == "none" || d.Retention.Policy == "until-consumed":
			found := p.Report(d.Replay.Node(), "replay is promised for channel %q, but with its retention policy %s nothing is left to replay; change one of them", ch.Name, d.Retention.Policy)
			relate(found, d.Retention.Field("policy"), "the policy")
		case d.Retention.Time > 0 && d.Replay.MaxAge > d.Retention.Time:
			kept := d.Retention.Field("time")
			found := p.ReportValue(age, "replay of channel %q is promised for %s, but events are kept for %s; promise %s at most, or keep them longer", ch.Name, age.Str(), kept.Str(), kept.Str())
			relate(found, kept, "how long events are kept")
		}
	})
}

func checkPolicyUnpublished(p *Pass) {
	if p.Contract.Compatibility.IsStated() || !slices.ContainsFunc(p.Contract.Operations, func(op *contract.Operation) bool { return op.Action == contract.Send }) {
		return
	}
	for _, ch := range p.Contract.Channels {
		if ch.Compatibility.IsStated() || slices.ContainsFunc(ch.Messages, func(m *contract.Message) bool { return m.Compatibility.IsStated() }) {
			return
		}
	}
	at := p.Doc.Root.Get("asyncapi")
	if at == nil {
		return
	}
	p.Report(at, "the document sends events, but publishes no compatibility policy; add x-compatibility, such as {mode: full, readers: tolerant}, so that both sides know which changes to expect")
}

func checkSunset(p *Pass) {
	fault := func(x *contract.Deprecation, n *syntax.Node, what string) {
		switch {
		case x == nil || x.Sunset.IsZero() && x.ReplacedBy == "" && x.Field("sunset") == nil:
			p.Report(n, "%s is deprecated, but does not say until when it is sent, or what replaces it; add x-delivery: {deprecated: {sunset: …, replacedBy: …}}", what)
		case !x.Since.IsZero() && !x.Sunset.IsZero() && x.Sunset.Before(x.Since):
			found := p.ReportValue(x.Field("sunset"), "%s has its sunset on %s, before it is deprecated on %s; correct one of the dates", what, x.Sunset.Format(time.DateOnly), x.Since.Format(time.DateOnly))
			relate(found, x.Field("since"), "deprecated since")
		}
	}
	promises(p, func(ch *contract.Channel, d *contract.Delivery) {
		if d.Deprecation != nil {
			fault(d.Deprecation, d.Deprecation.Node(), fmt.Sprintf("channel %q", ch.Name))
		}
	})
	messages(p, func(m *contract.Message) {
		var x *contract.Deprecation
		if m.Delivery != nil {
			x = m.Delivery.Deprecation
		}
		if m.Deprecated || x != nil {
			at := m.Field("deprecated")
			if x != nil {
				at = x.Node()
			}
			fault(x, at, fmt.Sprintf("message %q", called(m)))
		}
	})
}
