package treaty

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/store"
)

// Consumer hands the events of a contract to handlers, as a member of a group.
// Make one with NewConsumer, give it handlers, and Run it, once.
type Consumer struct {
	settings
	broker   broker.Broker
	contract *hold.Contract
	group    string
	handlers map[string]Handler
	fallback Handler

	inlets   []*inlet
	lanes    []*lanes // of all inlets, and of the snapshots of a bootstrap
	settler  settler
	digester *digester
	beats    *beats // nil where nobody waits for signs of life
	close    func() error
	ctx      context.Context // of handlers: ends when draining has taken too long
	ran      atomic.Bool
	run      string                 // tells what is replayed from what was before
	replays  atomic.Int64           // events that were replayed
	begun    []func(now bool) error // ends the bootstraps that have begun
	ready    chan struct{}
	counts   [Returned + 1]atomic.Int64
}

// DefaultInFlight is how many events are handled at a time where neither the
// contract nor an option says.
const DefaultInFlight = 64

// heldRoom is how many events wait behind those of their key, beside those that
// are handled, until no more are taken from the broker.
const heldRoom = 1024

// NewConsumer makes a consumer that is a member of a group. It consumes the
// channels of the operations that receive; where the contract has none, since it
// is the producer's, those that carry the event types that have handlers.
//
// Without [Store] or [Inbox], what has been handled is remembered in a file:
// GROUP.dedupe in the folder TREATY_STATE of the environment, else in the embedded
// broker's, else in treaty below the user's folder for state (XDG_STATE_HOME). One
// process at a time has it: the processes of a group that are several need a Store
// that they share.
func NewConsumer(c *contract.Contract, b broker.Broker, group string, options ...ConsumerOption) (*Consumer, error) {
	if group == "" {
		return nil, usage("making a consumer of %s: the group has no name; give it that of the service", c.Title)
	}
	k := &Consumer{settings: defaults(), broker: b, group: group, handlers: map[string]Handler{}, ready: make(chan struct{})}
	for _, o := range options {
		o.consumer(&k.settings)
	}
	var err error
	if k.contract, err = hold.Of(c, hold.Reader); err != nil {
		return nil, fmt.Errorf("making a consumer of %s: %w", c.Title, err)
	}
	for _, name := range k.channels {
		if _, err := channelNamed(c, name); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func channelNamed(c *contract.Contract, name string) (*contract.Channel, error) {
	var names []string
	for _, ch := range c.Channels {
		if ch.Name == name {
			return ch, nil
		}
		names = append(names, ch.Name)
	}
	return nil, usage("the contract has no channel %q; %s", name, near(name, names))
}

func near(name string, names []string) string {
	if n, ok := diag.Nearest(name, names); ok {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return "it has " + strings.Join(sorted(names), ", ")
}

// Handle handles the events of a type. A type has one handler; the last counts.
// It is not to be called once the consumer runs.
func (c *Consumer) Handle(eventType string, h Handler) { c.handlers[eventType] = h }

// HandleAll handles the events of all types of the contract that have no handler
// of their own; without it they are skipped.
func (c *Consumer) HandleAll(h Handler) { c.fallback = h }

// Counts are how many deliveries had which result since Run began.
func (c *Consumer) Counts() map[Result]int64 {
	all := map[Result]int64{}
	for r := Handled; r <= Returned; r++ {
		all[r] = c.counts[r].Load()
	}
	return all
}

// inlet is a channel that is consumed, and how.
type inlet struct {
	*contract.Channel
	operation *contract.Operation // nil where the contract does not receive
	at        broker.Channel
	dead      broker.Channel
	onReceipt bool
	ordered   bool
	retry     retry
	inFlight  int
	dedupe    []string // attributes; nil is source and id
	handlers  map[string]*route
	from      *broker.Start // that a bootstrap found; nil
	strict    bool          // types that the contract does not know are dead-lettered
	lanes     *lanes        // its own, so that neither its keys nor its number in flight are others'
	held      chan struct{} // of what is acknowledged on receipt, places for what is not done; nil otherwise
}

// route is what is done with the events of a type on a channel.
type route struct {
	messages []*hold.Message
	handle   Handler // nil skips them
}

// retry is how often and when a handler is called again.
type retry struct {
	attempts    int
	fixed       bool
	delay, most time.Duration
}

// Default retries, where the contract says nothing.
const (
	DefaultAttempts   = 5
	DefaultRetryDelay = time.Second
	DefaultRetryMost  = 5 * time.Minute
)

// after is the pause behind an attempt, from 1.
func (r retry) after(attempt int) time.Duration {
	d := r.delay
	if !r.fixed {
		for i := 1; i < attempt && d < r.most; i++ {
			d *= 2
		}
	}
	return min(d, r.most)
}

// arrange decides what is consumed and how, now that the handlers are known.
func (c *Consumer) arrange() error {
	action := contract.Receive
	if c.peer {
		action = contract.Send
	}
	doc := c.contract.Contract
	operations := map[*contract.Channel]*contract.Operation{}
	dead := map[*contract.Channel]bool{}
	var channels []*contract.Channel
	for _, op := range doc.Operations {
		if d := op.Delivery; d != nil && d.DeadLetter != nil && d.DeadLetter.Channel != nil {
			dead[d.DeadLetter.Channel] = true
		}
		if op.Action == action && op.Channel != nil && operations[op.Channel] == nil {
			operations[op.Channel] = op
			channels = append(channels, op.Channel)
		}
	}
	if len(channels) == 0 {
		for _, ch := range doc.Channels {
			if ch.HasAddress && ch.Address != "" && !dead[ch] && (c.fallback != nil || slices.ContainsFunc(ch.Messages, func(m *contract.Message) bool { return c.handlers[m.Envelope.Type] != nil })) {
				channels = append(channels, ch)
			}
		}
	}
	if len(c.channels) > 0 {
		channels = channels[:0]
		for _, name := range c.channels {
			ch, err := channelNamed(doc, name)
			if err != nil {
				return err
			}
			channels = append(channels, ch)
		}
	}
	c.inlets, c.lanes = nil, nil
	used := map[string]bool{}
	for _, ch := range channels {
		in, err := c.inlet(ch, operations[ch])
		if err != nil {
			return err
		}
		for kind, r := range in.handlers {
			used[kind] = used[kind] || r.handle != nil
		}
		for _, m := range in.snapshots() {
			used[m.Envelope.Type] = true
		}
		c.inlets = append(c.inlets, in)
	}
	for kind, h := range c.handlers {
		if h == nil {
			return usage("running %s: the handler of %q is nil; give a function, or none to have the type skipped", c.group, kind)
		}
		if !used[kind] {
			var types []string
			for _, ch := range channels {
				types = append(types, hold.Types(ch.Messages)...)
			}
			for _, t := range doc.EventTypes {
				if len(channels) == 0 {
					types = append(types, t.Type)
				}
			}
			return usage("running %s: no channel that is consumed carries %q, which has a handler; %s", c.group, kind, near(kind, types))
		}
	}
	if len(c.inlets) == 0 {
		return usage("running %s: there is nothing to consume; give a handler for an event type of the contract", c.group)
	}
	return nil
}

func (c *Consumer) inlet(ch *contract.Channel, op *contract.Operation) (*inlet, error) {
	at, err := topology.Channel(ch, c.params)
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", c.group, err)
	}
	in := &inlet{Channel: ch, operation: op, at: at, dead: broker.Channel{Address: at.Address + ".dlq", Settings: map[string]string{}}, strict: ch.Compatibility.DispatchStrict, handlers: map[string]*route{},
		retry: retry{attempts: DefaultAttempts, delay: DefaultRetryDelay, most: DefaultRetryMost}, inFlight: DefaultInFlight}
	var promise contract.OperationDelivery
	if op != nil && op.Delivery != nil {
		promise = *op.Delivery
	}
	in.onReceipt = promise.Ack == "on-receipt" || promise.Ack == "" && ch.Delivery != nil && ch.Delivery.Guarantee == "at-most-once"
	if s := c.settings.start; s != nil && s.From != broker.Earliest && (promise.Start == "earliest" || promise.Start == "bootstrap") {
		return nil, usage("running %s: the contract has a new group begin with start: %s on %s, and the option StartAt would leave events out; leave the option out, or let it be the earliest", c.group, promise.Start, ch.Name)
	}
	if promise.MaxInFlight > 0 {
		in.inFlight = promise.MaxInFlight
	}
	if c.settings.inFlight > 0 {
		in.inFlight = min(in.inFlight, c.settings.inFlight)
	}
	if r := promise.Retry; r != nil {
		if r.MaxAttempts > 0 {
			in.retry.attempts = r.MaxAttempts
		}
		if r.Delay > 0 {
			in.retry.delay = r.Delay
		}
		if r.MaxDelay > 0 {
			in.retry.most = r.MaxDelay
		}
		in.retry.most = max(in.retry.most, in.retry.delay)
		in.retry.fixed = r.Strategy == "fixed"
	}
	in.retry.attempts = max(in.retry.attempts, c.attempts)
	if d := promise.DeadLetter; d != nil && d.Channel != nil {
		if in.dead, err = topology.Channel(d.Channel, c.params); err != nil {
			return nil, fmt.Errorf("running %s: the dead letter of %s: %w", c.group, ch.Name, err)
		}
	}
	if in.dead.Settings["amqp.exchange"] == "" && in.dead.Settings["amqp.queue"] == "" {
		in.dead.Settings["amqp.queue"] = in.dead.Address // so that it keeps what nobody has asked for yet
	}
	if d := ch.Delivery; d != nil {
		in.ordered = d.Ordering != nil && d.Ordering.Scope != "none"
		if d.Dedupe != nil {
			in.dedupe = d.Dedupe.By
		}
		if d.Guarantee == "exactly-once-effect" && c.inbox == nil {
			return nil, usage("running %s: %s promises exactly-once effects, which need an inbox in the handler's own transaction; give one with the option Inbox (store/sql has it)", c.group, ch.Name)
		}
	}
	if slices.Equal(in.dedupe, []string{"source", "id"}) {
		in.dedupe = nil
	}
	if in.ordered && c.broker.Features().Order == broker.Unordered {
		return nil, fmt.Errorf("running %s: %s promises order, which this broker does not keep: %w", c.group, ch.Name, broker.ErrUnsupported)
	}
	if in.ordered && c.broker.Features().GroupOrder == broker.Unordered {
		c.log.Warn("this broker keeps order within one process of a group: run no second one", "group", c.group, "channel", ch.Name)
	}
	for _, m := range ch.Messages {
		kind := m.Envelope.Type
		r := &route{messages: c.contract.Messages(ch, kind), handle: c.handlers[kind]}
		if r.handle == nil {
			r.handle = c.fallback
		}
		if r.handle != nil {
			for _, m := range slices.Backward(c.middleware) {
				if m != nil {
					r.handle = m(r.handle)
				}
				if m == nil || r.handle == nil {
					return nil, usage("running %s: a middleware that was given with the option Use is nil, or makes a nil handler of one", c.group)
				}
			}
		}
		for _, m := range r.messages {
			if m.Unchecked != "" && r.handle != nil {
				c.log.Warn("events are not held to their schema", "type", kind, "why", m.Unchecked)
			}
		}
		in.handlers[kind] = r
	}
	in.lanes = newLanes(in.inFlight, c.process, c.exited, c.giveBack)
	if in.onReceipt {
		in.held = make(chan struct{}, in.inFlight+heldRoom)
	}
	c.lanes = append(c.lanes, in.lanes)
	return in, nil
}

// begin is where a group begins that is new.
func (c *Consumer) begin(in *inlet) broker.Start {
	if c.settings.start != nil {
		return *c.settings.start
	}
	if in.from != nil {
		return *in.from
	}
	if !c.broker.Features().Replay || in.operation != nil && in.operation.Delivery != nil && in.operation.Delivery.Start == "latest" {
		return broker.Start{From: broker.Latest}
	}
	return broker.Start{}
}

// Run consumes until ctx ends, and then lets the handlers that run finish, see
// [Drain], acknowledges what they did, gives back the rest, and returns nil. It
// returns an error where it could not begin, or a subscription broke for good.
func (c *Consumer) Run(ctx context.Context) (err error) {
	if c.ran.Swap(true) {
		return usage("running %s: it has run; make another consumer", c.group)
	}
	if err := c.arrange(); err != nil {
		return err
	}
	finish, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish()) }()
	subscriptions := make([]broker.Subscription, 0, len(c.inlets))
	defer func() { err = errors.Join(err, c.end(subscriptions)) }()
	defer func() { err = errors.Join(err, c.endBootstrap(false)) }()
	if err := c.bootstrap(ctx, false); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	broke := make(chan error, len(c.inlets))
	for _, in := range c.inlets {
		s, err := c.subscribe(ctx, in, c.group, c.begin(in), false)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		subscriptions = append(subscriptions, s)
		go func() {
			<-s.Done()
			broke <- s.Err()
		}()
	}
	if err = c.bootstrap(ctx, true); err == nil {
		err = c.endBootstrap(true)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	remembering, quit := context.WithCancel(ctx)
	if stay := c.stayBootstrapped(remembering); stay != nil {
		var over sync.WaitGroup
		over.Go(stay)
		defer over.Wait()
	}
	defer quit()
	close(c.ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-broke:
		return err
	}
}

// Ready is closed when Run has subscribed to everything, bootstrap included: what
// is published from then on comes. Before that, a broker that keeps messages for
// the groups that it knows alone keeps none for a new one.
func (c *Consumer) Ready() <-chan struct{} { return c.ready }

// open makes what all subscriptions share. What it returns frees it.
func (c *Consumer) open(ctx context.Context) (func() error, error) {
	c.close = func() error { return nil }
	if c.store == nil && c.inbox == nil {
		if err := c.openStore(); err != nil {
			return nil, err
		}
	}
	if err := c.remembersLongEnough(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	for _, in := range c.inlets {
		for _, at := range []broker.Channel{in.at, in.dead} {
			if err := c.prepare(c.broker, at); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
	}
	c.run = rand.Text()
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.ctx = handling
	c.settler.consumer = c
	c.digester = newDigester(c.inbox != nil || c.store.Durable())
	if r, ok := c.store.(store.Renewer); ok || c.broker.Features().AckWait {
		c.beats = newBeats(c, r)
	}
	return func() error {
		cancel()
		c.beats.stop()
		return c.close()
	}, nil
}

// ackWait is how long a delivery may be silent until the broker takes it for
// lost.
const ackWait = 30 * time.Second

// subscribe begins to take the deliveries of a channel: as a member of the
// group, or beside it.
func (c *Consumer) subscribe(ctx context.Context, in *inlet, group string, start broker.Start, replayed bool) (broker.Subscription, error) {
	o := broker.Options{Group: group, Start: start, MaxInFlight: in.inFlight + heldRoom}
	if c.broker.Features().AckWait {
		o.AckWait = ackWait
	}
	return c.broker.Subscribe(ctx, in.at, o, func(d broker.Delivery) { c.take(in, d, replayed) })
}

// end stops the subscriptions: handlers that run may finish, the rest is given
// back.
func (c *Consumer) end(subscriptions []broker.Subscription) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.drain)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(subscriptions))
	for i, s := range subscriptions {
		all.Go(func() { errs[i] = s.Stop(ctx) }) // takes no more, and waits for what is settled below
	}
	stopped := make(chan struct{})
	go func() {
		var lanes sync.WaitGroup
		for _, l := range c.lanes {
			lanes.Go(l.stop)
		}
		lanes.Wait()
		c.settler.wait()
		close(stopped)
	}()
	all.Wait()
	select {
	case <-stopped:
	case <-ctx.Done():
		select {
		case <-stopped: // in time; it is the broker that took long to let go
		default:
			return fmt.Errorf("ending %s: handlers, or what settles their events, have run on for %s (option Drain); those events come again", c.group, c.drain)
		}
	}
	return errors.Join(errs...)
}

// task is a delivery on its way through the consumer.
type task struct {
	Delivered
	delivery broker.Delivery
	inlet    *inlet
	route    *route
	message  *hold.Message
	event    event.Event
	id       store.Identity
	keyed    bool
	replayed bool // read beside the group, which remembers nothing of it
	checked  bool
	holds    bool // one of the places of its inlet
	claimed  atomic.Bool
	fault    *fault // why it goes to the dead letter
	tries    int    // how often its handler has failed
	stumbles int    // over the store or the dead letter
	result   Result // once it is to be acknowledged
	took     time.Duration

	next         *task
	before, then *task // in beats
}

// fault is why an event goes to the dead letter.
type fault struct {
	reason Reason
	err    error
}

// take takes a delivery from the broker: it is read, so that its lane is known,
// and left to a worker.
func (c *Consumer) take(in *inlet, d broker.Delivery, replayed bool) {
	t := &task{delivery: d, inlet: in, replayed: replayed}
	t.Delivered = Delivered{Channel: in.Name, Address: in.at.Address, Group: c.group, Replayed: replayed, task: t}
	if c.beats != nil {
		c.beats.add(t)
	}
	if in.held != nil {
		// The broker counts it as handled, and would bring any number more.
		select {
		case in.held <- struct{}{}:
			t.holds = true
		case <-c.ctx.Done():
		}
	}
	mode, err := c.broker.Binding().DecodeInto(&t.event, d.Message())
	if err != nil {
		t.fault = &fault{Malformed, err}
		in.lanes.add(t)
		return
	}
	t.Event = &t.event
	if len(t.event.Extensions) > 0 && !replayed {
		_, t.Replayed = t.event.Extensions.Get(extReplayed)
	}
	t.route = in.handlers[t.event.Type]
	switch {
	case t.route == nil && in.strict:
		t.fault = &fault{UnknownType, fmt.Errorf("the contract does not know events of type %q on %s, and dispatch is strict", t.event.Type, in.Name)}
	case t.route == nil || t.route.handle == nil || c.foreign(&t.event):
		c.acknowledge(t, Skipped)
		return
	}
	if t.fault == nil && !slices.ContainsFunc(t.route.messages, func(m *hold.Message) bool { return topology.WrongMode(m.Message, mode) == "" }) {
		t.fault = &fault{WrongMode, errors.New(topology.WrongMode(t.route.messages[0].Message, mode))}
	}
	if in.ordered {
		key, err := topology.Key(in.Channel, &t.event)
		if err != nil && t.fault == nil {
			t.fault = &fault{Invalid, err}
		}
		t.Key, t.keyed = key, err == nil
	}
	in.lanes.add(t)
}

// process does what comes next with a task, and says how long it then has to
// wait to be processed again; done where it is settled, or will be.
func (c *Consumer) process(t *task) time.Duration {
	if !t.checked && t.fault == nil {
		c.check(t)
	}
	if t.fault != nil {
		return c.bury(t)
	}
	if d := t.message.Delivery; d != nil && d.Expires > 0 && !t.event.Time.IsZero() && c.now().After(t.event.Time.Add(d.Expires)) {
		c.acknowledge(t, Expired)
		return done
	}
	if t.inlet.onReceipt && t.tries == 0 {
		if err := t.delivery.Ack(); err != nil {
			c.log.Debug("acknowledging", "channel", t.inlet.Name, "err", err)
		}
	}
	var err error
	var begin time.Time
	if len(c.outcomes) > 0 { // the clock is not free
		begin = c.now()
	}
	switch {
	case t.replayed && c.inbox == nil:
		err = c.handle(c.ctx, t)
	case c.inbox != nil:
		var state store.State
		var failed error
		state, err = c.inbox.Once(c.ctx, t.id, func(ctx context.Context) error {
			failed = c.handle(ctx, t)
			return failed
		})
		switch {
		case err != nil && failed == nil && !errors.Is(err, store.ErrUncommittable): // such as a commit on a full disk, which is no attempt of the handler's
			return c.stumble(t, "the inbox", err)
		case err == nil && state != store.Claimed:
			return c.known(t, state)
		}
	default:
		if !t.claimed.Load() {
			state, err := c.store.Claim(c.ctx, t.id)
			switch {
			case err != nil:
				return c.stumble(t, "the store of handled events", err)
			case state != store.Claimed:
				return c.known(t, state)
			}
			t.claimed.Store(true)
			t.stumbles = 0
		}
		err = c.handle(c.ctx, t)
	}
	if len(c.outcomes) > 0 {
		t.took = c.now().Sub(begin)
	}
	if err == nil {
		t.result = Handled
		c.settler.add(t)
		return done
	}
	return c.failed(t, err)
}

// check holds the event of a task to its contract, and finds its identity.
func (c *Consumer) check(t *task) {
	t.checked = true
	for _, m := range t.route.messages {
		if m.Valid(&t.event) {
			t.message = m
			if id, err := c.identity(t); err != nil {
				t.fault = &fault{Invalid, err}
			} else {
				t.id = id
			}
			if t.replayed {
				// It has its effect again, in a transaction all the same.
				t.id.Key = fmt.Sprint("replay\t", c.run, "\t", c.replays.Add(1))
			}
			return
		}
	}
	t.fault = &fault{Invalid, &InvalidError{t.event.Type, t.event.ID, t.inlet.Name, c.contract.Check(t.inlet.Channel, &t.event)}}
}

// identity is what the event of a task is known again by. One without an attribute
// that the contract names for it cannot be told from others without it.
func (c *Consumer) identity(t *task) (store.Identity, error) {
	e := &t.event
	id := store.Identity{Group: c.group}
	if t.inlet.dedupe == nil {
		id.Key = e.Source + "\t" + e.ID
	} else {
		values := make([]string, len(t.inlet.dedupe))
		for i, name := range t.inlet.dedupe {
			if values[i] = topology.Value(e, name); values[i] == "" {
				return id, fmt.Errorf("the event has no %s, by which the contract has events of %s known again", name, t.inlet.Name)
			}
		}
		id.Key = strings.Join(values, "\t")
	}
	id.Digest = c.digester.digest(e.Type, e.Subject, e.Data)
	return id, nil
}

// digester tells events apart that claim to be one. For a store that keeps what it
// knows it is a SHA-256, which is the same in every process and version. The memory
// of one that does not is gone with the process, and so may be the seeds of a hash
// that costs a tenth.
type digester struct {
	seeds  *[2]maphash.Seed // nil where digests are kept
	states sync.Pool        // of *digestState
}

// digestState is what a digest is made with.
type digestState struct {
	hash  hash.Hash
	space [sha256.Size]byte
	text  []byte
}

func newDigester(kept bool) *digester {
	d := &digester{states: sync.Pool{New: func() any { return &digestState{hash: sha256.New()} }}}
	if !kept {
		d.seeds = &[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	return d
}

func (d *digester) digest(kind, subject string, data []byte) (sum store.Digest) {
	s := d.states.Get().(*digestState)
	s.text = append(append(append(append(s.text[:0], kind...), 0), subject...), 0)
	if d.seeds != nil {
		s.text = append(s.text, data...)
		binary.NativeEndian.PutUint64(sum[:8], maphash.Bytes(d.seeds[0], s.text))
		binary.NativeEndian.PutUint64(sum[8:], maphash.Bytes(d.seeds[1], s.text))
		if cap(s.text) > 64<<10 {
			s.text = nil // one large event does not keep as much for ever
		}
	} else {
		s.hash.Reset()
		s.hash.Write(s.text)
		s.hash.Write(data)
		copy(sum[:], s.hash.Sum(s.space[:0]))
	}
	d.states.Put(s)
	return sum
}

// known is what is done with an event whose identity is taken.
func (c *Consumer) known(t *task, state store.State) time.Duration {
	switch state {
	case store.Done:
		c.acknowledge(t, Duplicate)
		return done
	case store.Collision:
		t.fault = &fault{Collided, fmt.Errorf("another event with this identity has been handled: %s; its content is not this one's", strings.ReplaceAll(t.id.Key, "\t", " "))}
		return c.bury(t)
	}
	return busyWait
}

// busyWait is how long an event waits whose duplicate is being handled.
const busyWait = 20 * time.Millisecond

// handle calls the handler.
func (c *Consumer) handle(ctx context.Context, t *task) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the handler of %s panicked: %v", t.event.Type, r)
			c.log.Error("a handler panicked", "group", c.group, "type", t.event.Type, "id", t.event.ID, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	return t.route.handle(ctx, &t.Delivered)
}

// exited is what is done when a handler ended the goroutine in which it was called.
func (c *Consumer) exited(t *task) time.Duration {
	return c.failed(t, fmt.Errorf("the handler of %s ended its goroutine: runtime.Goexit, or FailNow of a test, was called in it", t.event.Type))
}

// failed is what is done when a handler returned an error.
func (c *Consumer) failed(t *task, err error) time.Duration {
	attempt := t.Attempt()
	if t.claimed.Load() {
		if err := c.store.Release(c.ctx, t.id); err != nil {
			c.log.Warn("releasing a claim", "group", c.group, "err", err)
		} else {
			t.claimed.Store(false)
		}
	}
	var rejected *rejection
	switch {
	case errors.As(err, &rejected):
		t.fault = &fault{Rejected, err}
		return c.bury(t)
	case attempt >= t.inlet.retry.attempts:
		t.fault = &fault{Exhausted, err}
		return c.bury(t)
	}
	// It waits here, ordered or not. Were it given back, only the broker could count
	// attempts, which takes for one what a process that died had not begun.
	c.outcome(t, Retried, "", err)
	t.tries++
	return t.inlet.retry.after(attempt)
}

// stumble is what is done when a store or the dead letter fails: the event waits,
// and whatever is behind it of its key, but it is not counted as an attempt.
func (c *Consumer) stumble(t *task, over string, err error) time.Duration {
	t.stumbles++
	c.log.Log(c.ctx, slog.LevelError, over+" fails; the event waits", "group", c.group, "channel", t.inlet.Name, "type", t.event.Type, "id", t.event.ID, "times", t.stumbles, "err", err)
	return broker.Backoff(t.stumbles - 1)
}

// acknowledge settles what needs no remembering.
func (c *Consumer) acknowledge(t *task, r Result) {
	t.result = r
	c.settler.ack(t)
}

// giveBack settles a task that will not run: it comes again.
func (c *Consumer) giveBack(t *task) {
	if t.claimed.Load() {
		if err := c.store.Release(context.WithoutCancel(c.ctx), t.id); err != nil {
			c.log.Warn("releasing a claim", "group", c.group, "err", err)
		}
	}
	c.beats.remove(t)
	if err := t.delivery.Nak(); err != nil {
		c.log.Debug("giving an event back", "group", c.group, "err", err)
	}
	c.outcome(t, Returned, "", nil)
}

func (c *Consumer) outcome(t *task, r Result, reason Reason, err error) {
	c.counts[r].Add(1)
	if t.holds && r != Retried {
		t.holds = false
		<-t.inlet.held
	}
	if len(c.outcomes) == 0 {
		return
	}
	o := Outcome{Delivered: &t.Delivered, Result: r, Reason: reason, Err: err, Took: t.took}
	for _, h := range c.outcomes {
		h.Outcome(c.ctx, o)
	}
}
