package treaty

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
)

// Producer sends the events that its contract lets it send. It is safe for
// concurrent use.
type Producer struct {
	settings
	broker   broker.Broker
	features broker.Features
	contract *hold.Contract
	routes   map[string][]*outlet // by event type
	outboxes bool                 // some outlets have event types of an outbox
	calls    sync.Pool            // of *call
}

// outlet is a channel that carries an event type.
type outlet struct {
	*contract.Channel
	at     broker.Channel
	err    error           // why it has no address
	outbox map[string]bool // event types that every operation which sends them sends from an outbox
	beside sync.Once       // says that one was published directly
}

// addressError is a channel without an address, for the want of a parameter: what the
// producer was given lacks something, and nothing is wrong with the event.
type addressError struct{ error }

func (e *addressError) Unwrap() error { return e.error }

// NewProducer makes a producer of the events that the contract's operations send;
// where it has no operation at all, of those that its channels carry. Nothing is
// sent yet; with [Declare] the channels are made where they are missing.
func NewProducer(c *contract.Contract, b broker.Broker, options ...ProducerOption) (*Producer, error) {
	p := &Producer{settings: defaults(), broker: b, features: b.Features(), routes: map[string][]*outlet{}}
	for _, o := range options {
		o.producer(&p.settings)
	}
	var err error
	if p.contract, err = hold.Of(c, hold.Writer); err != nil {
		return nil, fmt.Errorf("making a producer of %s: %w", c.Title, err)
	}
	outlets := map[*contract.Channel]*outlet{}
	for _, m := range p.sent(c) {
		o := outlets[m.Channel]
		if o == nil {
			o = &outlet{Channel: m.Channel}
			if o.at, err = topology.Channel(m.Channel, p.params); err != nil {
				o.err = &addressError{err}
			}
			outlets[m.Channel] = o
		}
		kind := m.Envelope.Type
		if last := p.routes[kind]; len(last) == 0 || last[len(last)-1] != o {
			p.routes[kind] = append(last, o)
		}
	}
	if !p.peer {
		p.outboxes = ofOutbox(c, outlets)
	}
	if len(p.routes) == 0 {
		return nil, usage("making a producer: the contract %q sends nothing; it is that of a consumer, or an operation with action: send is missing (AsPeer sends what it receives)", c.Title)
	}
	for _, o := range outlets {
		if o.err != nil {
			continue // said to who publishes on it
		}
		if err := p.prepare(b, o.at); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// ofOutbox notes which event types are sent from an outbox, and is whether any is. One
// that another operation sends without may be published directly.
func ofOutbox(c *contract.Contract, outlets map[*contract.Channel]*outlet) (some bool) {
	for _, op := range c.Operations {
		o := outlets[op.Channel]
		if o == nil || op.Action != contract.Send {
			continue
		}
		outbox := op.Delivery != nil && op.Delivery.Outbox
		for _, m := range op.Messages {
			if o.outbox == nil {
				o.outbox = map[string]bool{}
			}
			before, other := o.outbox[m.Envelope.Type]
			o.outbox[m.Envelope.Type] = outbox && (before || !other)
		}
		some = some || outbox
	}
	return some
}

// warnBeside says, once for each channel, that events do not come from the outbox that
// the contract has for them.
func (p *Producer) warnBeside(ctx context.Context, c *call, events []*Event) {
	for i, e := range events {
		if o := c.outlets[i]; o.outbox[e.Type] {
			o.beside.Do(func() {
				p.log.WarnContext(ctx, "the contract has events written to an outbox in the transaction that they tell of, and this one is published directly: a crash beside it may leave one without the other; use Producer.Entry, and relay with Producer.Relay",
					"channel", o.Name, "type", e.Type, "id", e.ID)
			})
		}
	}
}

// sent is the messages that may be sent.
func (p *Producer) sent(c *contract.Contract) []*contract.Message {
	action := contract.Send
	if p.peer {
		action = contract.Receive
	}
	var all []*contract.Message
	for _, op := range c.Operations {
		if op.Action == action && op.Channel != nil {
			all = append(all, op.Messages...)
		}
		if r := op.Reply; r != nil && op.Action != action && r.Channel != nil {
			all = append(all, r.Messages...)
		}
	}
	if len(c.Operations) == 0 {
		for _, ch := range c.Channels {
			all = append(all, ch.Messages...)
		}
	}
	return all
}

// New makes an event of data: id, source, time and whatever attribute the
// contract has a constant for are filled in. Data are []byte and
// json.RawMessage, taken as they are, or anything that encoding/json writes, which
// under a content type that is no JSON is the text of a string; nil is none.
// Nothing is checked yet: extensions may be added.
func (p *Producer) New(kind, subject string, data any) (*Event, error) {
	e := &Event{Type: kind, Subject: subject, Source: p.source, Time: p.now().UTC()}
	id, err := ulid.New(ulid.Timestamp(e.Time), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an id for %s: %w", kind, err)
	}
	e.ID = id.String()
	var m *contract.Message
	if outlets := p.routes[kind]; len(outlets) > 0 {
		m = p.contract.Messages(outlets[0].Channel, kind)[0].Message
		if e.Source == "" {
			e.Source = m.Envelope.Source
		}
		for _, a := range m.Envelope.Attributes {
			if a.Const == "" {
				continue
			}
			switch a.Name {
			case "source":
				if e.Source == "" {
					e.Source = a.Const
				}
			case "datacontenttype":
				e.DataContentType = a.Const
			case "dataschema":
				e.DataSchema = a.Const
			case "subject":
				if e.Subject == "" {
					e.Subject = a.Const
				}
			case "specversion", "id", "type", "time", "data":
			default:
				if a.Name == a.Spelling || m.Envelope.Mode == contract.Binary {
					e.Extensions.Set(a.Name, event.TextValue(a.Const))
				}
			}
		}
	}
	written := false
	switch d := data.(type) {
	case nil:
		return e, nil
	case []byte:
		e.Data = d
	case json.RawMessage:
		e.Data = d
	default:
		if e.Data, err = json.Marshal(d); err != nil {
			return nil, fmt.Errorf("writing the data of %s: %w", kind, err)
		}
		written = true
	}
	if e.DataContentType == "" {
		e.DataContentType = "application/json"
		if m != nil && m.Envelope.Mode == contract.Binary && m.ContentType != "" {
			e.DataContentType = m.ContentType
		}
	}
	if written && m != nil && m.Payload != nil && m.Payload.Dialect.IsJSONSchema() {
		if e.Data, err = hold.Data(e.DataContentType, e.Data); err != nil {
			return nil, fmt.Errorf("writing the data of %s: %w", kind, err)
		}
	}
	return e, nil
}

// Publish makes an event of data, see [Producer.New], and publishes it, see
// [Producer.PublishEvents]. It returns the event that was sent.
func (p *Producer) Publish(ctx context.Context, kind, subject string, data any) (*Event, error) {
	e, err := p.New(kind, subject, data)
	if err != nil {
		return nil, err
	}
	if err := p.PublishEvents(ctx, e); err != nil {
		return nil, err
	}
	return e, nil
}

// call is what one call of PublishEvents needs, used again.
type call struct {
	messages []broker.Message
	outlets  []*outlet
}

// PublishEvents publishes whole events as they are. All are held to the contract
// first: where one breaks it, the error is an *[InvalidError] (joined, for
// several) and nothing is sent. It returns when the broker has acknowledged all of
// them as safely as the contract's durability asks. Otherwise the error has a
// *[broker.PublishError], which says by index which were not acknowledged; an
// event that is sent again with its id is a duplicate at most. Events of one key
// arrive in the order in which they are given. One that was not acknowledged when ctx
// ended may arrive later all the same: its data are not to be written over.
func (p *Producer) PublishEvents(ctx context.Context, events ...*Event) error {
	return p.publish(ctx, nil, events)
}

// publish publishes events, each on the channel of that name, where names are
// given.
func (p *Producer) publish(ctx context.Context, channels []string, events []*Event) error {
	if i := slices.Index(events, nil); i >= 0 {
		return usage("publishing %d events: number %d is nil", len(events), i)
	}
	begin := p.now()
	var last context.Context
	for _, e := range events {
		last = ctx
		for _, h := range p.preparing {
			last = h.BeforePublish(last, e)
		}
	}
	if len(events) == 1 && last != nil {
		ctx = last
	}
	c, _ := p.calls.Get().(*call)
	if c == nil {
		c = &call{}
	}
	err := p.encode(c, channels, events)
	if err == nil && p.outboxes && channels == nil {
		p.warnBeside(ctx, c, events)
	}
	if err == nil {
		if err = p.send(ctx, c, len(events)); err == nil {
			p.calls.Put(c) // what the broker may still have in hand is not used again
		}
	}
	if len(p.publishing) > 0 {
		took := p.now().Sub(begin)
		var failed *broker.PublishError
		errors.As(err, &failed)
		for i, e := range events {
			one := err
			if failed != nil {
				one = nil
				for _, f := range failed.Failed {
					if f.Index == i {
						one = f.Err
					}
				}
			}
			for _, h := range p.publishing {
				h.Published(ctx, e, took, one)
			}
		}
	}
	return err
}

// share is how many events of a call one core makes messages of, at least: the
// broker has nothing to do until all events have been held to the contract.
const share = 64

// encode holds events to the contract and makes their messages. Those of a large
// call are shared among the cores.
func (p *Producer) encode(c *call, channels []string, events []*Event) error {
	c.messages = slices.Grow(c.messages[:0], len(events))[:len(events)]
	c.outlets = slices.Grow(c.outlets[:0], len(events))[:len(events)]
	var wrong []error
	if parts := min(runtime.GOMAXPROCS(0), len(events)/share); parts < 2 {
		wrong = p.encodePart(c, channels, events, 0, len(events))
	} else {
		of := make([][]error, parts)
		var all sync.WaitGroup
		for i := range parts {
			from, to := i*len(events)/parts, (i+1)*len(events)/parts
			all.Go(func() { of[i] = p.encodePart(c, channels, events, from, to) })
		}
		all.Wait()
		wrong = slices.Concat(of...)
	}
	if len(wrong) == 1 {
		return wrong[0]
	}
	return errors.Join(wrong...)
}

// encodePart encodes some of the events of a call, and returns what is wrong with
// them.
func (p *Producer) encodePart(c *call, channels []string, events []*Event, from, to int) (wrong []error) {
	for i := from; i < to; i++ {
		e, on := events[i], p.channel
		if channels != nil {
			on = channels[i]
		}
		o, m, err := p.route(e, on)
		if err == nil {
			to := &c.messages[i]
			held := m.ReadsJSON() && topology.IsJSON(m.Message)
			if held {
				err = e.Validate()
			}
			if err == nil {
				err = topology.Encode(p.broker.Binding(), &to.Message, e, m.Message, held)
			}
			if err == nil {
				to.Key, err = keyed(o, e)
			}
			if err != nil {
				err = &InvalidError{e.Type, e.ID, o.Name, []Problem{{Rule: hold.RuleEnvelope, Message: err.Error()}}}
			}
			to.Identity, to.Expires = "", 0
			if p.features.Dedupe {
				to.Identity = topology.KnownBy(o.Delivery, e, backfilledFor(e))
			}
			if d := m.Delivery; d != nil {
				to.Expires = d.Expires
			}
			c.outlets[i] = o
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// keyed is the key of an event on a channel. One that cannot be kept in order there, or
// not be known again, is an error.
func keyed(o *outlet, e *Event) (string, error) {
	if err := topology.KnownAgain(o.Channel, e); err != nil {
		return "", err
	}
	return topology.Key(o.Channel, e)
}

// route finds the channel and the message of an event, and holds the event to
// it. on names the channel; "" is the only one.
func (p *Producer) route(e *Event, on string) (*outlet, *hold.Message, error) {
	outlets := p.routes[e.Type]
	if len(outlets) == 0 {
		return nil, nil, &InvalidError{e.Type, e.ID, "", []Problem{p.unknown(e.Type)}}
	}
	var o *outlet
	for _, one := range outlets {
		if on == "" || one.Name == on {
			if o != nil {
				return nil, nil, usage("publishing %s: the contract sends it on %s and %s; name one with the option OnChannel", e.Type, o.Name, one.Name)
			}
			o = one
		}
	}
	if o == nil {
		return nil, nil, usage("publishing %s: the contract does not send it on %s", e.Type, on)
	}
	if o.err != nil {
		return nil, nil, fmt.Errorf("publishing %s: %w", e.Type, o.err)
	}
	if d := o.Delivery; d != nil && d.MaxBytes > 0 && len(e.Data) > d.MaxBytes {
		return nil, nil, &InvalidError{e.Type, e.ID, o.Name, []Problem{tooLarge(len(e.Data), d.MaxBytes)}}
	}
	if e.Source == "" {
		return nil, nil, &InvalidError{e.Type, e.ID, o.Name, []Problem{{Rule: hold.RuleEnvelope, Pointer: "/source", Message: "it has no source; one that New makes has the contract's, and where that has none the producer's: give it the option Source"}}}
	}
	messages := p.contract.Messages(o.Channel, e.Type)
	for _, m := range messages {
		if m.Valid(e) {
			return o, m, nil
		}
	}
	return nil, nil, &InvalidError{e.Type, e.ID, o.Name, p.contract.Check(o.Channel, e)}
}

func (p *Producer) unknown(kind string) Problem {
	var types []string
	for t := range p.routes {
		types = append(types, t)
	}
	hint := "it sends " + strings.Join(sorted(types), ", ")
	if near, ok := diag.Nearest(kind, types); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return Problem{Rule: hold.RuleType, Pointer: "/type", Message: fmt.Sprintf("the contract sends no event of type %q; %s", kind, hint)}
}

// send sends messages, those of each channel in one go.
func (p *Producer) send(ctx context.Context, c *call, n int) error {
	var failures broker.Failures
	var sent []bool // nil as long as all are of one channel
	for first := 0; first < n; first++ {
		if sent != nil && sent[first] {
			continue
		}
		o := c.outlets[first]
		messages, at := c.messages[first:n], []int(nil)
		if sent != nil || slices.ContainsFunc(c.outlets[first:n], func(other *outlet) bool { return other != o }) {
			if sent == nil {
				sent = make([]bool, n)
			}
			messages = nil
			for i := first; i < n; i++ {
				if c.outlets[i] == o {
					messages, at, sent[i] = append(messages, c.messages[i]), append(at, i), true
				}
			}
		}
		index := func(i int) int {
			if at == nil {
				return first + i
			}
			return at[i]
		}
		err := p.broker.Publish(ctx, o.at, messages...)
		var failed *broker.PublishError
		switch {
		case err == nil:
		case errors.As(err, &failed):
			for _, f := range failed.Failed {
				failures.Add(index(f.Index), f.Err)
			}
		default:
			for i := range messages {
				failures.Add(index(i), err)
			}
		}
		if at == nil {
			break
		}
	}
	return failures.Err(n)
}

// Check holds an event to the contract without sending it: nil, or what
// PublishEvents would return before it sends. It calls no hooks.
func (p *Producer) Check(e *Event) error {
	_, _, err := p.check(e)
	return err
}

// check is Check, and the channel and the key of the event.
func (p *Producer) check(e *Event) (*outlet, string, error) {
	o, m, err := p.route(e, p.channel)
	if err != nil {
		return nil, "", err
	}
	var scratch event.Message
	key := ""
	if err = topology.Encode(p.broker.Binding(), &scratch, e, m.Message, false); err == nil {
		key, err = keyed(o, e)
	}
	if err != nil {
		return nil, "", &InvalidError{e.Type, e.ID, o.Name, []Problem{{Rule: hold.RuleEnvelope, Message: err.Error()}}}
	}
	return o, key, nil
}

// Key is what orders an event: the value of the ordering key of its channel.
func (p *Producer) Key(e *Event) (string, error) {
	o, _, err := p.route(e, p.channel)
	if err != nil {
		return "", err
	}
	return topology.Key(o.Channel, e)
}

// prepareTimeout bounds the making of a channel, and the look at it.
const prepareTimeout = 30 * time.Second

// prepare makes what carries a channel, where that was asked for, and compares
// with the broker what order rests on.
func (s *settings) prepare(b broker.Broker, at broker.Channel) error {
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	if admin, ok := b.(broker.Admin); s.declare && ok {
		if err := admin.Declare(ctx, at); err != nil {
			return err
		}
	}
	partitions, stated := at.Settings["kafka.partitions"]
	checker, ok := b.(broker.Checker)
	if !stated || !ok {
		return nil
	}
	// With another number of partitions a key is on another one than the contract's
	// readers think, and two that disagree break the order between them.
	look := broker.Channel{Address: at.Address, Settings: map[string]string{"kafka.partitions": partitions}}
	if topic, ok := at.Settings["kafka.topic"]; ok {
		look.Settings["kafka.topic"] = topic
	}
	if err := checker.Check(ctx, look); errors.Is(err, broker.ErrDisagrees) {
		return err
	}
	return nil // what else there is, publishing and subscribing will say
}
