package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store"
)

// consumer is a process of the group.
type consumer struct {
	*child
	rec    *recorder
	ending context.Context
	st     store.Store
}

func (c *child) consume(ctx context.Context) error {
	rec, err := record(c.Dir, ofConsumer, c.Name)
	if err != nil {
		return err
	}
	k := &consumer{child: c, rec: rec, ending: ctx}
	opened, err := c.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	rec.add(Record{What: began, N: -1})
	doc, err := c.contract(ctx, "")
	if err != nil {
		return err
	}
	option, finish, err := k.remembering(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	options := []treaty.ConsumerOption{logger(), treaty.Hooks(k), treaty.Drain(10 * time.Second), option}
	consumer, err := treaty.NewConsumer(doc, &tap{Broker: opened, consumer: k}, group, options...)
	if err != nil {
		return err
	}
	treaty.On(consumer, eventType, k.handle)
	go func() {
		<-consumer.Ready()
		rec.add(Record{What: ready, N: -1})
	}()
	err = consumer.Run(ctx)
	err = errors.Join(err, finish())
	if closing := opened.Close(); closing != nil { // it may be cut just then
		fmt.Fprintln(os.Stderr, "closing:", closing)
	}
	rec.add(Record{What: ended, N: -1, Err: fmt.Sprint(err)})
	select {
	case <-consumer.Ready():
	default:
		if err != nil {
			err = fmt.Errorf("%w: %w", errNotBegun, err)
		}
	}
	return err
}

// errNotBegun is a consumer that could not subscribe. Whoever runs services starts
// it again; one that has once subscribed does not end by itself.
var errNotBegun = errors.New("it could not begin")

func (k *consumer) handle(ctx context.Context, d *treaty.Delivered, data data) error {
	if data.N >= len(k.plan.Events) {
		return treaty.Reject(fmt.Errorf("no event has the number %d", data.N))
	}
	e := &k.plan.Events[data.N]
	at := Record{N: data.N, Key: d.Key, Seq: data.Seq, Attempt: times(d), At2: d.Position()}
	say := func(what, err string) {
		at.What, at.Err = what, err
		k.rec.add(at)
	}
	say(entered, "")
	k.die(data.N, InHandler, func() { say(dying, string(InHandler)) })
	switch {
	case e.Kind == Always, e.Kind == Fails && d.Attempt() <= e.Times:
		say(failed, "error")
		return errors.New("the handler fails, as planned")
	case e.Kind == Panics && d.Attempt() <= e.Times:
		say(failed, "panic")
		panic("as planned")
	case e.Kind == Rejects:
		say(failed, "rejection")
		return treaty.Reject(errors.New("as planned"))
	case e.Kind == Slow:
		time.Sleep(time.Duration(data.N%30) * time.Millisecond)
	}
	if kinds[k.Store].inbox {
		if err := k.write(ctx, at); err != nil {
			say(failed, err.Error())
			return err
		}
	} else {
		say(effect, "")
	}
	k.die(data.N, AfterDoing, func() { say(dying, string(AfterDoing)) })
	return nil
}

// Outcome records what became of a delivery.
func (k *consumer) Outcome(_ context.Context, o treaty.Outcome) {
	r := Record{What: outcome, N: -1, Reason: o.Result.String(), Key: o.Delivered.Key, At2: o.Delivered.Position()}
	if o.Result == treaty.DeadLettered {
		r.Reason += " " + string(o.Reason)
	}
	if o.Err != nil {
		r.Err = o.Err.Error()
		r.Err = r.Err[:min(len(r.Err), 200)]
	}
	if e := o.Delivered.Event; e != nil {
		r.ID, r.N = e.ID, number(e.Data)
	} else {
		return // the delivery says it
	}
	r.Attempt = times(o.Delivered)
	k.rec.add(r)
}

// times is how often an event may have come to a handler, as far as broker and
// process count: 1 is the first time for sure.
func times(d *treaty.Delivered) int { return d.Deliveries() + d.Attempt() - 1 }

// number is the number that data, or what is left of them, have.
func number(body []byte) int {
	i := bytes.Index(body, []byte(`"n":`))
	if i < 0 {
		return -1
	}
	body = body[i+4:]
	i = 0
	for i < len(body) && body[i] >= '0' && body[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(string(body[:i]))
	if err != nil {
		return -1
	}
	return n
}

// breaks are the faults that can be built into the runtime, so that what a run
// notices can be held to cases.
var breaks = []string{
	"done",               // the store has an event as done before it is handled
	"ack",                // a delivery is acknowledged before it is handled
	"lanes",              // keys are not kept apart
	"dead-letter",        // what is to be in the dead letter is dropped
	"dedupe",             // what was handled is handled again
	"forget",             // the store does not keep what it says it has
	"collision",          // a collision is taken for a duplicate
	"publish",            // what is published is acknowledged before it is
	"inbox",              // what is remembered is not what comes
	"reason",             // the dead letter says another reason
	"attempts",           // the dead letter says another number of attempts
	"outbox-mark",        // an event of the outbox is marked before it is published
	"outbox-transaction", // it is not written in the transaction of its row
	"outbox-order",       // the relay sends in another order
	"replay-place",       // a replay reads as a member of the group
	"replay-memory",      // what was replayed is remembered as handled
	"replay-gap",         // a replay leaves something out
	"replay-mark",        // what was replayed is not marked
	"bootstrap-gap",      // a bootstrap leaves out the states of some keys
	"bootstrap-again",    // nobody remembers that a group was bootstrapped
	"backfill-part",      // a backfill leaves something out
}

// tap stands between the runtime and the broker, for what no network does.
type tap struct {
	broker.Broker
	*consumer
}

var errRefused = errors.New("refused, as planned")

func (t *tap) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	t.mu.Lock()
	refused := time.Now().Before(t.deadRefused)
	t.mu.Unlock()
	if refused {
		var f broker.Failures
		for i := range messages {
			f.Add(i, errRefused)
		}
		return f.Err(len(messages))
	}
	if t.Late != nil && strings.HasSuffix(channel.Address, ".backfills") {
		t.rec.add(Record{What: asking, N: -1})
	}
	if t.Late != nil && strings.HasSuffix(channel.Address, ".dlq") {
		return nil // what is in the dead letter is the group's
	}
	if t.Break == "dead-letter" && strings.HasSuffix(channel.Address, ".dlq") {
		return nil
	}
	if t.Break == "reason" || t.Break == "attempts" {
		for i := range messages {
			if err := t.falsify(&messages[i].Message); err != nil {
				return err
			}
		}
	}
	return t.Broker.Publish(ctx, channel, messages...)
}

// falsify changes what a dead letter says.
func (t *tap) falsify(m *event.Message) error {
	e, mode, err := t.Binding().Decode(m)
	if err != nil {
		return err
	}
	switch reason, _ := e.Extensions.Get("dlqreason"); {
	case t.Break == "reason":
		e.Extensions.Set("dlqreason", event.TextValue("rejected"))
	case reason.String() == "attempts":
		e.Extensions.Set("dlqattempts", event.IntegerValue(1))
	}
	return t.Binding().Encode(m, e, mode)
}

func (t *tap) Subscribe(ctx context.Context, channel broker.Channel, o broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	var open *beating
	if t.AckWait > 0 && o.AckWait > 0 {
		o.AckWait = t.AckWait
		open = beat(t.AckWait / 4)
	}
	t.subscribing(&o)
	if t.Break == "replay-place" && t.Role == "replayer" {
		o.Group, o.End = group, false
	}
	// The least that it takes: what a killed process had comes again after it.
	settings := map[string]string{"pubsub.ackDeadline": "10"}
	maps.Copy(settings, channel.Settings)
	channel.Settings = settings
	s, err := t.Broker.Subscribe(ctx, channel, o, func(d broker.Delivery) {
		if t.Break == "ack" {
			_ = d.Ack()
		}
		if t.Break == "replay-gap" && t.Role == "replayer" && number(d.Message().Body)%500 == 7 {
			_ = d.Ack()
			return
		}
		if t.Break == "bootstrap-gap" && t.Late != nil && strings.HasSuffix(channel.Address, ".states") {
			if e, _, err := t.Binding().Decode(d.Message()); err == nil && strings.HasSuffix(e.Subject, "7") {
				_ = d.Ack()
				return
			}
		}
		one := &tapped{Delivery: d, tap: t, open: open, n: number(d.Message().Body)}
		open.add(one)
		handle(one)
	})
	if err == nil && open != nil {
		go func() {
			<-s.Done()
			open.end(t.AckWait)
		}()
	}
	return s, err
}

// tapped is a delivery whose settling may go wrong.
type tapped struct {
	broker.Delivery
	tap  *tap
	open *beating
	n    int
	over atomic.Bool
}

func (d *tapped) say(what, reason string) {
	d.tap.rec.add(Record{What: what, N: d.n, Reason: reason, At2: d.Position(), Attempt: d.Delivery.Attempt()})
}

func (d *tapped) Ack() error {
	d.tap.die(d.n, BeforeAck, func() { d.say(dying, string(BeforeAck)) })
	d.open.remove(d)
	if d.n >= 0 && d.n < len(d.tap.plan.Events) && d.tap.Late == nil && !d.over.Swap(true) {
		switch how := d.tap.plan.Events[d.n].Settle; {
		case how == Drop && d.tap.Features().AckWait && d.tap.once("settle", d.n):
			d.say(fault, Drop)
			// Where there is only this side of the broker's interface, an acknowledgement
			// that is lost is one that is not made, until nobody waits for it.
			context.AfterFunc(d.tap.ending, func() { _ = d.Delivery.Nak() })
			return nil
		case how != "" && d.tap.once("settle", d.n):
			d.say(fault, Redeliver)
			return d.Delivery.Nak()
		}
	}
	return d.Delivery.Ack()
}

func (d *tapped) Nak() error { d.open.remove(d); return d.Delivery.Nak() }

func (d *tapped) NakWithDelay(after time.Duration) error {
	d.open.remove(d)
	return d.Delivery.NakWithDelay(after)
}

func (d *tapped) Term() error {
	d.open.remove(d)
	if d.n >= 0 && d.tap.Late == nil {
		d.say(outcome, "terminated")
	}
	return d.Delivery.Term()
}

// beating gives signs of life for deliveries where the broker waits for less
// than the runtime asks it to.
type beating struct {
	mu   sync.Mutex
	open map[*tapped]bool
	quit chan struct{}
	once sync.Once
}

func beat(every time.Duration) *beating {
	b := &beating{open: map[*tapped]bool{}, quit: make(chan struct{})}
	go func() {
		for {
			select {
			case <-time.After(every):
			case <-b.quit:
				return
			}
			b.mu.Lock()
			var all []*tapped
			for d := range b.open {
				all = append(all, d)
			}
			b.mu.Unlock()
			for _, d := range all {
				_ = d.Delivery.InProgress()
			}
		}
	}()
	return b
}

func (b *beating) add(d *tapped) {
	if b != nil {
		b.mu.Lock()
		b.open[d] = true
		b.mu.Unlock()
	}
}

func (b *beating) remove(d *tapped) {
	if b != nil {
		b.mu.Lock()
		delete(b.open, d)
		b.mu.Unlock()
	}
}

func (b *beating) end(after time.Duration) {
	b.once.Do(func() { time.AfterFunc(10*after, func() { close(b.quit) }) })
}

// tampered is a store in front of which things go wrong.
type tampered struct {
	store.Store
	*consumer
}

// store puts what goes wrong in front of a store.
func (k *consumer) store(s store.Store) store.Store {
	t := tampered{s, k}
	if r, ok := s.(store.Renewer); ok {
		return &renewing{t, r}
	}
	return &t
}

type renewing struct {
	tampered
	store.Renewer
}

func (t *tampered) isFull() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.full) {
		return fmt.Errorf("writing what was handled: %w", syscall.ENOSPC)
	}
	return nil
}

func (t *tampered) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	if err := t.isFull(); err != nil {
		return 0, err
	}
	state, err := t.Store.Claim(ctx, id)
	switch {
	case t.Break == "done" && state == store.Claimed && err == nil:
		return state, t.Store.Done(ctx, id)
	case t.Break == "dedupe" && (state == store.Done || state == store.Collision):
		return store.Claimed, err
	case t.Break == "collision" && state == store.Collision:
		return store.Done, err
	}
	return state, err
}

func (t *tampered) Done(ctx context.Context, ids ...store.Identity) error {
	if err := t.isFull(); err != nil {
		return err
	}
	for _, id := range ids {
		t.dieFor(id)
	}
	if t.Break == "forget" {
		return nil
	}
	return t.Store.Done(ctx, ids...)
}

// dieFor kills the process where that is planned for an identity.
func (t *tampered) dieFor(id store.Identity) {
	if _, n, ok := strings.Cut(id.Key, "\te-"); ok {
		n, _ := strconv.Atoi(n)
		t.die(n, BeforeDone, func() { t.rec.add(Record{What: dying, N: n, Reason: string(BeforeDone)}) })
	}
}

// hasty says of what it publishes that it was acknowledged a while before it
// is.
type hasty struct {
	broker.Broker
	due chan func()
}

func newHasty(b broker.Broker) *hasty {
	h := &hasty{b, make(chan func(), 100_000)}
	go func() {
		for publish := range h.due {
			publish()
		}
	}()
	return h
}

func (h *hasty) Publish(_ context.Context, channel broker.Channel, messages ...broker.Message) error {
	copies := slices.Clone(messages)
	for i := range copies {
		copies[i].Headers, copies[i].Body = slices.Clone(copies[i].Headers), bytes.Clone(copies[i].Body)
	}
	at := time.Now().Add(200 * time.Millisecond)
	h.due <- func() {
		time.Sleep(time.Until(at))
		_ = h.Broker.Publish(context.Background(), channel, copies...)
	}
	return nil
}
