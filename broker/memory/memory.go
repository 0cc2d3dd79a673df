// Package memory is a broker inside the process that keeps nothing: for tests,
// where the embedded one would be more than is wanted. Channels are made when
// they are first used, and are gone when the broker is closed.
//
//	b := memory.New()
//
// It has no URL and no settings.
package memory

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens memory:, a new broker each time.
var Adapter = broker.Adapter{Name: "memory", Schemes: []string{"memory"}, Open: func(context.Context, *broker.Target) (broker.Broker, error) { return New(), nil }}

// Broker is a connection to a broker. Make the first with New.
type Broker struct {
	*space
	closed bool                   // under mu
	open   map[*subscription]bool // under mu
}

// space is what connections share.
type space struct {
	mu       sync.Mutex
	changed  sync.Cond
	channels map[string]*channel
}

// channel is what was published on one address.
type channel struct {
	log    []*stored
	groups map[string]*group
}

// stored is a message, and when it came.
type stored struct {
	message  broker.Message
	at       time.Time
	position int
}

// group is what the members of a group share: their place, and what is to be
// delivered again before it goes on.
type group struct {
	next  int
	again []*redelivery
}

type redelivery struct {
	message *stored
	attempt int
}

// New makes a broker that has nothing, and a connection to it.
func New() *Broker {
	sp := &space{channels: map[string]*channel{}}
	sp.changed.L = &sp.mu
	return &Broker{space: sp, open: map[*subscription]bool{}}
}

// Another is one more connection to the same broker, as another process would
// have.
func (b *Broker) Another() *Broker { return &Broker{space: b.space, open: map[*subscription]bool{}} }

// Features is all but duplicates and waiting for acknowledgements.
func (b *Broker) Features() broker.Features {
	return broker.Features{Replay: true, ReplayTime: true, Share: true, Keep: true, Order: broker.ChannelOrder, Attempts: true, Expires: true, Positions: true}
}

// Binding is that of Kafka, whose headers carry any text.
func (b *Broker) Binding() *event.Binding { return event.Kafka }

func (b *Broker) fail(op, address string, kind error) error {
	return &broker.Error{Op: op, Broker: "memory:", Channel: address, Kind: kind}
}

func (b *Broker) channel(address string) *channel {
	ch := b.channels[address]
	if ch == nil {
		ch = &channel{groups: map[string]*group{}}
		b.channels[address] = ch
	}
	return ch
}

// Publish keeps copies of the messages.
func (b *Broker) Publish(ctx context.Context, to broker.Channel, messages ...broker.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var failures broker.Failures
	for i, m := range messages {
		switch {
		case b.closed:
			failures.Add(i, b.fail("publish", to.Address, broker.ErrClosed))
			continue
		case ctx.Err() != nil:
			failures.Add(i, ctx.Err())
			continue
		}
		ch := b.channel(to.Address)
		kept := m
		kept.Body, kept.Headers = slices.Clone(m.Body), slices.Clone(m.Headers)
		ch.log = append(ch.log, &stored{kept, time.Now(), len(ch.log)})
	}
	b.changed.Broadcast()
	return failures.Err(len(messages))
}

// Messages is what was published on a channel, in order.
func (b *Broker) Messages(address string) []broker.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []broker.Message
	if ch := b.channels[address]; ch != nil {
		for _, s := range ch.log {
			all = append(all, s.message)
		}
	}
	return all
}

// Declare makes a channel.
func (b *Broker) Declare(ctx context.Context, c broker.Channel) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.fail("declare", c.Address, broker.ErrClosed)
	}
	b.channel(c.Address)
	return ctx.Err()
}

// Remove forgets a channel.
func (b *Broker) Remove(ctx context.Context, c broker.Channel) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.fail("remove", c.Address, broker.ErrClosed)
	}
	delete(b.channels, c.Address)
	return ctx.Err()
}

// Subscribe joins a group, or reads beside all.
func (b *Broker) Subscribe(ctx context.Context, c broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, b.fail("subscribe", c.Address, broker.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ch := b.channel(c.Address)
	g := ch.groups[options.Group]
	if g == nil || options.Group == "" {
		g = &group{}
		switch options.Start.From {
		case broker.Latest:
			g.next = len(ch.log)
		case broker.At:
			for g.next < len(ch.log) && ch.log[g.next].at.Before(options.Start.Time) {
				g.next++
			}
		}
		if options.Group != "" {
			ch.groups[options.Group] = g
		}
	}
	s := &subscription{Gate: gate.New(options.InFlight(), handle), broker: b, channel: ch, group: g, address: c.Address, end: math.MaxInt, unsettled: map[*delivery]bool{}}
	if options.End {
		s.end = len(ch.log)
	}
	b.open[s] = true
	go s.run()
	return s, nil
}

// Close ends all subscriptions.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	var open []*subscription
	for s := range b.open {
		open = append(open, s)
	}
	b.changed.Broadcast()
	b.mu.Unlock()
	for _, s := range open {
		s.Gate.Close(b.fail("subscribe", s.address, broker.ErrClosed))
		s.abandon()
	}
	return nil
}

type subscription struct {
	*gate.Gate
	broker    *Broker
	channel   *channel
	group     *group
	address   string
	end       int                // what is stored from there on does not come
	unsettled map[*delivery]bool // under the broker's lock
	returned  int                // given back, and not yet there again; under the broker's lock
	stopped   bool               // under the broker's lock
}

// take waits for the next message of the group; nil where the subscription ends, or
// all of what it was to bring is settled.
func (s *subscription) take() *delivery {
	b := s.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if s.stopped || b.closed {
			return nil
		}
		var one redelivery
		switch g := s.group; {
		case len(g.again) > 0:
			one = *g.again[0]
			g.again = g.again[1:]
		case g.next >= s.end:
			if len(s.unsettled) == 0 && s.returned == 0 {
				go s.Gate.Close(nil)
				return nil
			}
			b.changed.Wait()
			continue
		case g.next < len(s.channel.log):
			one = redelivery{s.channel.log[g.next], 1}
			g.next++
			if d := one.message.message.Expires; d > 0 && time.Since(one.message.at) > d {
				continue
			}
		default:
			b.changed.Wait()
			continue
		}
		d := &delivery{s: s, stored: one.message, attempt: one.attempt}
		s.unsettled[d] = true
		return d
	}
}

func (s *subscription) run() {
	for d := s.take(); d != nil; d = s.take() {
		if !s.Deliver(d) {
			d.giveBack(0)
			return
		}
	}
}

// Stop ends the deliveries; what stays unsettled goes to another member.
func (s *subscription) Stop(ctx context.Context) error {
	s.leave()
	s.Gate.Close(nil)
	err := s.Drain(ctx)
	s.abandon()
	return err
}

// abandon gives back what is unsettled.
func (s *subscription) abandon() {
	b := s.broker
	b.mu.Lock()
	var left []*delivery
	for d := range s.unsettled {
		left = append(left, d)
	}
	delete(b.open, s)
	b.mu.Unlock()
	for _, d := range left {
		d.giveBack(1)
	}
}

func (s *subscription) leave() {
	s.broker.mu.Lock()
	s.stopped = true
	s.broker.changed.Broadcast()
	s.broker.mu.Unlock()
}

type delivery struct {
	s       *subscription
	stored  *stored
	attempt int
	settled atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.stored.message.Message }
func (d *delivery) Channel() string         { return d.s.address }
func (d *delivery) Key() string             { return d.stored.message.Key }
func (d *delivery) Position() string        { return strconv.Itoa(d.stored.position) }
func (d *delivery) Time() time.Time         { return d.stored.at }
func (d *delivery) Attempt() int            { return d.attempt }
func (d *delivery) InProgress() error       { return nil }

// finish settles the delivery, once; it reports whether this did. One that goes back
// is to be there again.
func (d *delivery) finish(back bool) bool {
	if d.settled.Swap(true) {
		return false
	}
	d.s.broker.mu.Lock()
	delete(d.s.unsettled, d)
	if back {
		d.s.returned++
	} else if d.s.end != math.MaxInt {
		d.s.broker.changed.Broadcast()
	}
	d.s.broker.mu.Unlock()
	return true
}

// giveBack puts the message before those that come next, counted as delivered so
// many times more.
func (d *delivery) giveBack(counted int) {
	if !d.finish(true) {
		return
	}
	d.again(counted)
	if counted > 0 {
		d.s.Settled()
	}
}

func (d *delivery) again(counted int) {
	b := d.s.broker
	b.mu.Lock()
	d.s.returned--
	// In the order in which they were published, whatever the order in which they
	// come back.
	g := d.s.group
	i, _ := slices.BinarySearchFunc(g.again, d.stored.position, func(r *redelivery, at int) int { return r.message.position - at })
	g.again = slices.Insert(g.again, i, &redelivery{d.stored, d.attempt + counted})
	b.changed.Broadcast()
	b.mu.Unlock()
}

var errClosed = errors.New("the broker was closed before it was settled")

func (d *delivery) closed() error {
	b := d.s.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return &broker.Error{Op: "settle", Broker: "memory:", Channel: d.s.address, Kind: broker.ErrClosed, Err: errClosed}
	}
	return nil
}

func (d *delivery) Ack() error {
	if err := d.closed(); err != nil {
		return err
	}
	if d.finish(false) {
		d.s.Settled()
	}
	return nil
}

func (d *delivery) Term() error { return d.Ack() }

func (d *delivery) Nak() error {
	if err := d.closed(); err != nil {
		return err
	}
	d.giveBack(1)
	return nil
}

func (d *delivery) NakWithDelay(wait time.Duration) error {
	if wait <= 0 {
		return d.Nak()
	}
	if err := d.closed(); err != nil {
		return err
	}
	if d.finish(true) {
		d.s.Settled()
		time.AfterFunc(wait, func() { d.again(1) })
	}
	return nil
}
