package treaty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/store"
)

// Replay hands the events that are kept, from a place on, to the handlers once
// more, and returns when it has come to what was there when it began. It reads
// beside the group, whose place stays where it is, and asks no store: each event
// has its effect again, with Replayed set; in a transaction where there is an Inbox.
// The contract has to allow it, with replay on the channel and, where there is one,
// replaySafe on the operation. A consumer that replays does not Run.
func (c *Consumer) Replay(ctx context.Context, from broker.Start) (err error) {
	if c.ran.Swap(true) {
		return usage("replaying %s: it has run; make another consumer", c.group)
	}
	if err := c.arrange(); err != nil {
		return err
	}
	for _, in := range c.inlets {
		if err := c.mayReplay(in, from); err != nil {
			return err
		}
	}
	finish, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish()) }()
	defer func() { err = errors.Join(err, c.end(nil)) }()
	for _, in := range c.inlets {
		if err := c.readThrough(ctx, in, from); err != nil {
			return err
		}
	}
	return nil
}

func (c *Consumer) mayReplay(in *inlet, from broker.Start) error {
	f := c.broker.Features()
	word := "earliest"
	if from.From == broker.At {
		word = "time"
	}
	switch {
	case from.From == broker.Latest:
		return usage("replaying %s: there is nothing behind the latest; begin at the earliest or at a time", in.Name)
	case !f.Replay || from.From == broker.At && !f.ReplayTime:
		return fmt.Errorf("replaying %s: %w: it does not keep what was handled, or cannot find a time", in.Name, broker.ErrUnsupported)
	}
	for _, op := range in.operations {
		if op.Delivery == nil || !op.Delivery.ReplaySafe {
			return usage("replaying %s: the operation %s does not say that its handlers may get an event again (x-delivery: replaySafe: true)", in.Name, op.Name)
		}
	}
	if d := in.Delivery; d != nil && d.Replay != nil {
		if len(d.Replay.From) > 0 && !slices.Contains(d.Replay.From, word) {
			return usage("replaying %s: the contract lets replay begin at %v, and not at: %s", in.Name, d.Replay.From, word)
		}
		if age := c.now().Sub(from.Time); from.From == broker.At && d.Replay.MaxAge > 0 && age > d.Replay.MaxAge {
			return usage("replaying %s: %s ago is before what the contract promises to replay, which is %s", in.Name, age.Round(time.Second), d.Replay.MaxAge)
		}
		return nil
	}
	return usage("replaying %s: the contract promises no replay (x-delivery: replay)", in.Name)
}

// readThrough hands over what a channel has from a place up to where it ends now, and
// returns when that is handled.
func (c *Consumer) readThrough(ctx context.Context, in *inlet, from broker.Start) error {
	o := broker.Options{Start: from, End: true, MaxInFlight: in.inFlight + heldRoom}
	if c.broker.Features().AckWait {
		o.AckWait = ackWait
	}
	s, err := c.broker.Subscribe(ctx, in.at, o, func(d broker.Delivery) { c.take(in, d, true) })
	if err != nil {
		return err
	}
	select {
	case <-s.Done():
		err = s.Err()
	case <-ctx.Done():
	}
	if stopped := s.Stop(ctx); err == nil && ctx.Err() == nil {
		err = stopped
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// snapshots are the messages that the group may begin with, beside those of its
// channel.
func (in *inlet) snapshots() []*contract.Message {
	d := in.Delivery
	if !in.begins("bootstrap") || d == nil || d.Bootstrap == nil || d.Bootstrap.Mode != "snapshot+log" || d.Bootstrap.Channel == nil {
		return nil
	}
	return d.Bootstrap.Channel.Messages
}

// bootstrap gives a group that is new the history that its contract promises,
// before it reads the log; what it asks the producer for it asks for once it is
// subscribed, since a broker may keep the answers for the groups that it knows
// alone. It says what nobody can give.
func (c *Consumer) bootstrap(ctx context.Context, subscribed bool) error {
	// In one order, so that no two members wait for each other.
	for _, in := range slices.SortedFunc(slices.Values(c.inlets), func(a, b *inlet) int { return strings.Compare(a.at.Address, b.at.Address) }) {
		if !in.begins("bootstrap") {
			continue
		}
		var b contract.Bootstrap
		if d := in.Delivery; d != nil && d.Bootstrap != nil {
			b = *d.Bootstrap
		}
		if (b.Mode == "request") != subscribed {
			continue
		}
		known, end, err := c.bootstrapped(ctx, in)
		switch {
		case err != nil:
			return fmt.Errorf("bootstrapping %s: %w", in.Name, err)
		case known:
			continue
		}
		switch b.Mode {
		case "snapshot+log":
			err = c.snapshot(ctx, in, &b)
		case "request":
			err = c.request(ctx, in, &b)
		}
		if err != nil {
			return fmt.Errorf("bootstrapping %s: %w", in.Name, errors.Join(err, end(false)))
		}
		// Not before the group is there: another member would begin it elsewhere.
		c.begun = append(c.begun, func(now bool) error {
			if err := end(now); err != nil {
				return fmt.Errorf("bootstrapping %s: %w", in.Name, err)
			}
			if now {
				c.log.Info("bootstrapped", "group", c.group, "channel", in.Name, "mode", b.Mode, "unknown", unknowable(in, &b))
			}
			return nil
		})
	}
	return nil
}

// endBootstrap remembers what has been bootstrapped; or lets another member do it.
func (c *Consumer) endBootstrap(now bool) (err error) {
	for _, end := range c.begun {
		err = errors.Join(err, end(now))
	}
	c.begun = nil
	return err
}

// unknowable is what a bootstrap cannot give.
func unknowable(in *inlet, b *contract.Bootstrap) string {
	kept := "what the broker keeps"
	if d := in.Delivery; d != nil && d.Retention != nil && d.Retention.Time > 0 {
		kept = "the last " + d.Retention.Time.String()
	}
	switch b.Mode {
	case "snapshot+log":
		return "the events before " + kept + ": the snapshot has the state that they led to, not the way there"
	case "compacted":
		return "all but the last event of each key"
	case "request":
		return "what the producer does not have any more"
	}
	return "the events before " + kept
}

// day is how often it is remembered anew that a group is bootstrapped. A store
// forgets, and a group that is at work is not to begin with old snapshots again.
const day = 24 * time.Hour

// marks are what says that a group is bootstrapped on a channel: one that is held
// while it is being, and one for each of the days that a store may remember.
func (c *Consumer) marks(in *inlet) (held store.Identity, days []store.Identity) {
	held = store.Identity{Group: c.group, Key: "bootstrap\t" + in.at.Address}
	window := max(store.DefaultWindow, in.window())
	for at := c.now().UTC(); window > -day; window -= day {
		days = append(days, store.Identity{Group: c.group, Key: held.Key + at.Format("\t2006-01-02")})
		at = at.Add(-day)
	}
	return held, days
}

// errNotYet rolls back an inbox that was only asked.
var errNotYet = errors.New("not yet")

// memory is the store that remembers bootstraps; nil where there is an inbox that
// is none.
func (c *Consumer) memory() store.Store {
	if c.inbox != nil {
		st, _ := c.inbox.(store.Store)
		return st
	}
	return c.store
}

// remember has it remembered that marks are set.
func (c *Consumer) remember(ctx context.Context, marks ...store.Identity) error {
	if st := c.memory(); st != nil {
		return st.Done(ctx, marks...)
	}
	for _, mark := range marks {
		if _, err := c.inbox.Once(ctx, mark, func(context.Context) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// bootstrapped is whether a channel was bootstrapped. Where it was not, no other
// member of the group begins with it until end is called, with whether it is now.
func (c *Consumer) bootstrapped(ctx context.Context, in *inlet) (known bool, end func(now bool) error, err error) {
	held, days := c.marks(in)
	st := c.memory()
	if st == nil {
		for _, mark := range append(days, held) {
			state, err := c.inbox.Once(ctx, mark, func(context.Context) error { return errNotYet })
			if err != nil && !errors.Is(err, errNotYet) || state == store.Done {
				return state == store.Done, nil, err
			}
		}
		return false, func(now bool) error {
			if !now {
				return nil
			}
			return c.remember(ctx, days[0])
		}, nil
	}
	for {
		for _, mark := range days {
			state, err := st.Claim(ctx, mark)
			if state == store.Claimed {
				err = st.Release(ctx, mark)
			}
			if err != nil || state == store.Done {
				return state == store.Done, nil, err
			}
		}
		switch state, err := st.Claim(ctx, held); {
		case err != nil || state == store.Done:
			return state == store.Done, nil, err
		case state == store.Claimed:
			alive := c.keepAlive(st, held)
			return false, func(now bool) error {
				alive()
				if now {
					return c.remember(ctx, held, days[0])
				}
				return st.Release(context.WithoutCancel(ctx), held)
			}, nil
		}
		select { // another member is at it
		case <-time.After(busyWait):
		case <-ctx.Done():
			return false, nil, ctx.Err()
		}
	}
}

// keepAlive renews a claim until it is told to stop.
func (c *Consumer) keepAlive(st store.Store, id store.Identity) (stop func()) {
	r, ok := st.(store.Renewer)
	if !ok {
		return func() {}
	}
	quit, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(r.Lease() / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := r.Renew(c.ctx, id); err != nil {
					c.log.Warn("renewing the claim of a bootstrap", "group", c.group, "err", err)
				}
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-over }
}

// stayBootstrapped remembers today that the group is, and returns what does so
// each hour until ctx ends; nil where nothing was to be bootstrapped.
func (c *Consumer) stayBootstrapped(ctx context.Context) func() {
	var all []*inlet
	for _, in := range c.inlets {
		if in.begins("bootstrap") {
			all = append(all, in)
		}
	}
	if len(all) == 0 {
		return nil
	}
	remember := func() {
		for _, in := range all {
			_, days := c.marks(in)
			if err := c.remember(ctx, days[0]); err != nil && ctx.Err() == nil {
				c.log.Warn("remembering that a group is bootstrapped", "group", c.group, "channel", in.Name, "err", err)
			}
		}
	}
	remember()
	return func() {
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				remember()
			case <-ctx.Done():
				return
			}
		}
	}
}

// snapshot reads the channel of snapshots, and has the log begin where the
// snapshot did, less the overlap.
func (c *Consumer) snapshot(ctx context.Context, in *inlet, b *contract.Bootstrap) error {
	f := c.broker.Features()
	switch {
	case b.Channel == nil:
		return usage("the contract has bootstrap: snapshot+log without the channel of the snapshots")
	case !f.Replay:
		c.log.Warn("this broker keeps no snapshots: the group begins with what comes from now on", "group", c.group, "channel", in.Name)
		return nil
	}
	snapshots, err := c.inlet(b.Channel, nil)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(b.Channel.Messages, func(m *contract.Message) bool { return snapshots.handlers[m.Envelope.Type].handle != nil }) {
		return usage("the snapshots on %s need a handler; give one for %v", b.Channel.Name, hold.Types(b.Channel.Messages))
	}
	if err := c.prepareInlet(snapshots); err != nil {
		return err
	}
	began := c.now()
	if err := c.readThrough(ctx, snapshots, broker.Start{}); err != nil {
		return err
	}
	if c.settings.start == nil && f.ReplayTime {
		in.from = &broker.Start{From: broker.At, Time: began.Add(-b.Overlap)}
	}
	return nil
}

// BackfillType is the type of the event that asks for a backfill, where the
// channel for it has no message of its own. Its data are a [Backfill].
const BackfillType = "treaty.backfill_requested.v1"

// Backfill is what a group asks of a producer: the events of a channel from a
// time on, the zero time being the first that there is, up to another.
type Backfill struct {
	Channel string    `json:"channel"` // the contract's name of it
	Group   string    `json:"group"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until"`
}

// extFor names the group that a backfilled event is for; others skip it.
const extFor = "backfillfor"

// backfilledFor is the group that an event was sent again for, "" for none.
func backfilledFor(e *Event) string {
	if len(e.Extensions) == 0 {
		return ""
	}
	v, _ := e.Extensions.Get(extFor)
	return v.String()
}

// foreign is whether an event was sent again for another group.
func (c *Consumer) foreign(e *Event) bool {
	group := backfilledFor(e)
	return group != "" && group != plain(c.group)
}

// request asks the producer for what was before. The answers come on the channel
// itself, marked, among the events of today.
func (c *Consumer) request(ctx context.Context, in *inlet, b *contract.Bootstrap) error {
	if b.Channel == nil {
		return usage("the contract has bootstrap: request without the channel to ask on")
	}
	at, err := topology.Channel(b.Channel, c.params)
	if err != nil {
		return err
	}
	if err := c.prepare(c.broker, at); err != nil {
		return err
	}
	data, err := json.Marshal(Backfill{Channel: in.Name, Group: c.group, Until: c.now().UTC()})
	if err != nil {
		return err
	}
	p := &Producer{settings: c.settings}
	e, err := p.New(BackfillType, in.Name, data)
	if err != nil {
		return err
	}
	e.Source = "urn:treaty:group"
	of := &contract.Message{Envelope: contract.Envelope{Mode: contract.Structured}}
	if len(b.Channel.Messages) == 1 {
		of = b.Channel.Messages[0]
		e.Type = of.Envelope.Type
		for _, a := range of.Envelope.Attributes {
			if a.Name == "source" && a.Const != "" {
				e.Source = a.Const
			}
		}
		if found := c.contract.Check(b.Channel, e); len(found) > 0 {
			return &InvalidError{e.Type, e.ID, b.Channel.Name, found}
		}
	}
	m := broker.Message{Key: c.group}
	if err := topology.Encode(c.broker.Binding(), &m.Message, e, of, false); err != nil {
		return err
	}
	return c.broker.Publish(ctx, at, m)
}

// BackfillSource finds the events that were asked for, and sends them with send,
// oldest first. An error has the request answered again later.
type BackfillSource func(ctx context.Context, asked Backfill, send func(events ...*Event) error) error

// ServeBackfills answers the backfills that are asked for on the channels that
// the contract names for it, until ctx ends: each event that the source finds is
// published on its channel again, as it was, marked as replayed and with the group
// that asked. group is that of the producer's processes, which share the work.
func (p *Producer) ServeBackfills(ctx context.Context, group string, source BackfillSource) error {
	asked := map[*contract.Channel][]*contract.Channel{} // by the channel of requests
	var order []*contract.Channel
	for _, ch := range p.contract.Channels {
		if d := ch.Delivery; d != nil && d.Bootstrap != nil && d.Bootstrap.Mode == "request" && d.Bootstrap.Channel != nil {
			on := d.Bootstrap.Channel
			if asked[on] == nil {
				order = append(order, on)
			}
			asked[on] = append(asked[on], ch)
		}
	}
	if len(order) == 0 {
		return usage("serving backfills: no channel of the contract has bootstrap: {mode: request, channel: …}")
	}
	var subscriptions []broker.Subscription
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.drain)
		defer cancel()
		for _, s := range subscriptions {
			if err := s.Stop(stopping); err != nil {
				p.log.Warn("ending backfills", "err", err)
			}
		}
	}()
	broke := make(chan error, len(order))
	for _, on := range order {
		at, err := topology.Channel(on, p.params)
		if err != nil {
			return err
		}
		if err := p.prepare(p.broker, at); err != nil {
			return err
		}
		start := broker.Start{}
		if !p.broker.Features().Replay {
			start.From = broker.Latest
		}
		o := broker.Options{Group: group, Start: start, MaxInFlight: 1}
		if p.broker.Features().AckWait {
			o.AckWait = ackWait // for which the signs of life of an answer are made
		}
		s, err := p.broker.Subscribe(ctx, at, o, func(d broker.Delivery) {
			go p.backfill(ctx, d, asked[on], source)
		})
		if err != nil {
			return err
		}
		subscriptions = append(subscriptions, s)
		go func() {
			<-s.Done()
			broke <- s.Err()
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-broke:
		return err
	}
}

// backfill answers one request.
func (p *Producer) backfill(ctx context.Context, d broker.Delivery, channels []*contract.Channel, source BackfillSource) {
	refuse := func(err error) {
		p.log.Error("a request for a backfill makes no sense", "channel", d.Channel(), "err", err)
		if err := d.Term(); err != nil {
			p.log.Debug("settling", "err", err)
		}
	}
	e, _, err := p.broker.Binding().Decode(d.Message())
	if err != nil {
		refuse(err)
		return
	}
	var asked Backfill
	if err := json.Unmarshal(e.Data, &asked); err != nil {
		refuse(err)
		return
	}
	if !slices.ContainsFunc(channels, func(ch *contract.Channel) bool { return ch.Name == asked.Channel }) || asked.Group == "" {
		refuse(fmt.Errorf("%q asks for %q, which cannot be asked for here", asked.Group, asked.Channel))
		return
	}
	alive, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		tick := time.NewTicker(ackWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := d.InProgress(); err != nil {
					p.log.Debug("a sign of life", "err", err)
				}
			case <-alive.Done():
				return
			}
		}
	}()
	sent := 0
	err = source(ctx, asked, func(events ...*Event) error {
		marked := make([]*Event, len(events))
		for i, e := range events {
			again := *e
			again.Extensions = slices.Clone(e.Extensions)
			again.Extensions.Set(extReplayed, event.BooleanValue(true))
			again.Extensions.Set(extFor, event.TextValue(plain(asked.Group)))
			marked[i] = &again
		}
		sent += len(events)
		return p.publish(ctx, slices.Repeat([]string{asked.Channel}, len(events)), marked)
	})
	if err != nil {
		p.log.Error("answering a backfill; it is tried again", "channel", asked.Channel, "group", asked.Group, "err", err)
		err = d.NakWithDelay(DefaultRetryDelay)
	} else {
		p.log.Info("answered a backfill", "channel", asked.Channel, "group", asked.Group, "events", sent)
		err = d.Ack()
	}
	if err != nil {
		p.log.Debug("settling", "err", err)
	}
}
