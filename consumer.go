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
	operations []*contract.Operation // none where the contract does not receive
	at         broker.Channel
	ordered    bool
	inFlight   int
	dedupe     []string // attributes; nil is source and id
	handlers   map[string]*route
	policies   []*policy     // of the operations; the first is for what is of none
	from       *broker.Start // that a bootstrap found; nil
	strict     bool          // types that the contract does not know are dead-lettered
	lanes      *lanes        // its own, so that neither its keys nor its number in flight are others'
	held       chan struct{} // of what is acknowledged on receipt, places for what is not done; nil otherwise
}

// begins is whether an operation has a new group begin so.
func (in *inlet) begins(start string) bool {
	return slices.ContainsFunc(in.operations, func(op *contract.Operation) bool { return op.Delivery != nil && op.Delivery.Start == start })
}

// policy is what an operation has done with the events that it receives.
type policy struct {
	dead      broker.Channel
	onReceipt bool
	retry     retry
}

// route is what is done with the events of a type on a channel.
type route struct {
	messages []*hold.Message
	policy   *policy
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
	operations := map[*contract.Channel][]*contract.Operation{}
	dead := map[*contract.Channel]bool{}
	var channels []*contract.Channel
	consumes := func(ch *contract.Channel, op *contract.Operation) {
		if len(operations[ch]) == 0 {
			channels = append(channels, ch)
		}
		operations[ch] = append(operations[ch], op)
	}
	for _, op := range doc.Operations {
		if d := op.Delivery; d != nil && d.DeadLetter != nil && d.DeadLetter.Channel != nil {
			dead[d.DeadLetter.Channel] = true
		}
		if op.Action == action && op.Channel != nil {
			consumes(op.Channel, op)
		}
	}
	for _, op := range doc.Operations {
		// What answers to what is sent is consumed by who handles it.
		if r := op.Reply; op.Action != action && r != nil && r.Channel != nil && r.Channel.HasAddress && r.Channel.Address != "" && c.handles(r.Messages) {
			answers := *op
			answers.Messages, answers.Delivery = r.Messages, nil
			consumes(r.Channel, &answers)
		}
	}
	if len(channels) == 0 {
		for _, ch := range doc.Channels {
			if ch.HasAddress && ch.Address != "" && !dead[ch] && c.handles(ch.Messages) {
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
			if !slices.Contains(channels, ch) {
				channels = append(channels, ch)
			}
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
		for _, other := range c.inlets {
			if c.place(&in.at) == c.place(&other.at) && in.at.Settings["kafka.group"] == other.at.Settings["kafka.group"] {
				// A group gets a message once: each would pass over what the other handles.
				return usage("running %s: the channels %s and %s are both at %s, and a group gets what is there once; make them one channel, or name one with the option Channels", c.group, other.Name, in.Name, c.place(&in.at))
			}
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

// handles is whether one of the messages has a handler.
func (c *Consumer) handles(messages []*contract.Message) bool {
	return slices.ContainsFunc(messages, func(m *contract.Message) bool { return c.fallback != nil || c.handlers[m.Envelope.Type] != nil })
}

// place is where a channel is on the consumer's broker: its address, unless the
// setting of the broker's kind says otherwise.
func (c *Consumer) place(at *broker.Channel) string {
	for _, setting := range map[*event.Binding][]string{
		event.Kafka:  {"kafka.topic"},
		event.AMQP:   {"amqp.queue"},
		event.MQTT:   {"mqtt.topic"},
		event.PubSub: {"pubsub.subscription", "pubsub.topic"},
	}[c.broker.Binding()] {
		if there := at.Settings[setting]; there != "" {
			return there
		}
	}
	return at.Address
}

// inlet is a channel and how it is consumed, by what its operations promise
// together: as few at a time as the one that wants fewest, from as early on as the
// one that begins first.
func (c *Consumer) inlet(ch *contract.Channel, operations []*contract.Operation) (*inlet, error) {
	at, err := topology.Channel(ch, c.params)
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", c.group, err)
	}
	in := &inlet{Channel: ch, operations: operations, at: at, strict: ch.Compatibility.DispatchStrict, handlers: map[string]*route{}, inFlight: DefaultInFlight}
	if s := c.settings.start; s != nil && s.From != broker.Earliest {
		for _, start := range []string{"earliest", "bootstrap"} {
			if in.begins(start) {
				return nil, usage("running %s: the contract has a new group begin with start: %s on %s, and the option StartAt would leave events out; leave the option out, or let it be the earliest", c.group, start, ch.Name)
			}
		}
	}
	stated := 0
	of := map[string]*policy{} // by event type: of the operation that is for the fewest
	few := map[string]int{}
	for _, op := range operations {
		p, err := c.policy(in, op)
		if err != nil {
			return nil, err
		}
		in.policies = append(in.policies, p)
		for _, m := range op.Messages {
			if kind := m.Envelope.Type; of[kind] == nil || len(op.Messages) < few[kind] {
				of[kind], few[kind] = p, len(op.Messages)
			}
		}
		if d := op.Delivery; d != nil && d.MaxInFlight > 0 && (stated == 0 || d.MaxInFlight < stated) {
			stated = d.MaxInFlight
		}
	}
	if len(in.policies) == 0 {
		p, err := c.policy(in, nil)
		if err != nil {
			return nil, err
		}
		in.policies = append(in.policies, p)
	}
	if stated > 0 {
		in.inFlight = stated
	}
	if c.settings.inFlight > 0 {
		in.inFlight = min(in.inFlight, c.settings.inFlight)
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
		r := &route{messages: c.contract.Messages(ch, kind), policy: of[kind], handle: c.handlers[kind]}
		if r.policy == nil {
			r.policy = in.policies[0]
		}
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
	if slices.ContainsFunc(in.policies, func(p *policy) bool { return p.onReceipt }) {
		in.held = make(chan struct{}, in.inFlight+heldRoom)
	}
	c.lanes = append(c.lanes, in.lanes)
	return in, nil
}

// policy is what an operation promises, nil for none.
func (c *Consumer) policy(in *inlet, op *contract.Operation) (*policy, error) {
	p := &policy{dead: broker.Channel{Address: in.at.Address + ".dlq", Settings: map[string]string{}}, retry: retry{attempts: DefaultAttempts, delay: DefaultRetryDelay, most: DefaultRetryMost}}
	var promise contract.OperationDelivery
	if op != nil && op.Delivery != nil {
		promise = *op.Delivery
	}
	p.onReceipt = promise.Ack == "on-receipt" || promise.Ack == "" && in.Delivery != nil && in.Delivery.Guarantee == "at-most-once"
	if r := promise.Retry; r != nil {
		if r.MaxAttempts > 0 {
			p.retry.attempts = r.MaxAttempts
		}
		if r.Delay > 0 {
			p.retry.delay = r.Delay
		}
		if r.MaxDelay > 0 {
			p.retry.most = r.MaxDelay
		}
		p.retry.most = max(p.retry.most, p.retry.delay)
		p.retry.fixed = r.Strategy == "fixed"
	}
	p.retry.attempts = max(p.retry.attempts, c.attempts)
	if d := promise.DeadLetter; d != nil && d.Channel != nil {
		var err error
		if p.dead, err = topology.Channel(d.Channel, c.params); err != nil {
			return nil, fmt.Errorf("running %s: the dead letter of %s: %w", c.group, in.Name, err)
		}
		if c.place(&p.dead) == c.place(&in.at) {
			return nil, usage("running %s: the dead letter of %s is %s, which is the channel itself: what cannot be handled would come again and again; give it another channel", c.group, in.Name, d.Channel.Name)
		}
	}
	if p.dead.Settings["amqp.exchange"] == "" && p.dead.Settings["amqp.queue"] == "" {
		p.dead.Settings["amqp.queue"] = p.dead.Address // so that it keeps what nobody has asked for yet
	}
	return p, nil
}

// begin is where a group begins that is new.
func (c *Consumer) begin(in *inlet) broker.Start {
	if c.settings.start != nil {
		return *c.settings.start
	}
	if in.from != nil {
		return *in.from
	}
	latest := len(in.operations) > 0 && !slices.ContainsFunc(in.operations, func(op *contract.Operation) bool { return op.Delivery == nil || op.Delivery.Start != "latest" })
	if !c.broker.Features().Replay || latest {
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
		if err := c.prepareInlet(in); err != nil {
			return nil, errors.Join(err, c.close())
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

// prepareInlet prepares a channel, and where its dead letters go.
func (c *Consumer) prepareInlet(in *inlet) error {
	err := c.prepare(c.broker, in.at)
	for _, p := range in.policies {
		if err == nil {
			err = c.prepare(c.broker, p.dead)
		}
	}
	return err
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
		// What is given back while deliveries still come would be behind those of its key
		// that come after it.
		for _, s := range subscriptions {
			<-s.Done()
		}
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
	claimed  atomic.Bool
	keyed    bool
	replayed bool // read beside the group, which remembers nothing of it
	skip     bool // nobody handles it
	checked  bool
	holds    bool   // one of the places of its inlet
	handling bool   // its handler is being called
	result   Result // once it is to be acknowledged
	tries    int32  // how often its handler has failed
	stumbles int32  // over the store or the dead letter
	fault    *fault // why it goes to the dead letter
	took     time.Duration
	wait     time.Duration // until it is processed again, where a hook that is told so ends the goroutine

	next         *task
	before, then *task // in beats
}

// policy is what is done with the event, or what came instead of one.
func (t *task) policy() *policy {
	if t.route != nil {
		return t.route.policy
	}
	return t.inlet.policies[0]
}

// fault is why an event goes to the dead letter.
type fault struct {
	reason   Reason
	err      error
	attempts int // of its handler, 0 where it never had it
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
		t.fault = &fault{reason: Malformed, err: err}
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
		t.fault = &fault{reason: UnknownType, err: fmt.Errorf("the contract does not know events of type %q on %s, and dispatch is strict", t.event.Type, in.Name)}
	case t.route == nil || t.route.handle == nil || c.foreign(&t.event):
		if t.skip = true; len(c.outcomes) == 0 {
			c.acknowledge(t, Skipped)
		} else {
			in.lanes.add(t) // the broker's goroutine is no place for hooks
		}
		return
	}
	if t.fault == nil && !slices.ContainsFunc(t.route.messages, func(m *hold.Message) bool { return topology.WrongMode(m.Message, mode) == "" }) {
		t.fault = &fault{reason: WrongMode, err: errors.New(topology.WrongMode(t.route.messages[0].Message, mode))}
	}
	if in.ordered {
		key, err := topology.Key(in.Channel, &t.event)
		if err != nil && t.fault == nil {
			t.fault = &fault{reason: Invalid, err: err}
		}
		t.Key, t.keyed = key, err == nil
	}
	in.lanes.add(t)
}

// process does what comes next with a task, and says how long it then has to
// wait to be processed again; done where it is settled, or will be.
func (c *Consumer) process(t *task) time.Duration {
	if t.skip {
		c.acknowledge(t, Skipped)
		return done
	}
	if !t.checked && t.fault == nil {
		c.check(t)
	}
	if t.fault != nil {
		return c.bury(t)
	}
	if d := t.message.Delivery; d != nil && d.Expires > 0 && !t.event.Time.IsZero() && c.now().After(t.event.Time.Add(d.Expires)) {
		if t.tries > 0 { // somebody would look for it
			t.fault = &fault{Exhausted, fmt.Errorf("its handler failed, and the time within which it is worth handling (expires: %s) is over", d.Expires), int(t.tries)}
			return c.bury(t)
		}
		c.acknowledge(t, Expired)
		return done
	}
	if t.policy().onReceipt && t.tries == 0 {
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
	if d := t.inlet.Delivery; d != nil && d.MaxBytes > 0 && len(t.event.Data) > d.MaxBytes {
		t.fault = &fault{reason: Invalid, err: &InvalidError{t.event.Type, t.event.ID, t.inlet.Name, []Problem{tooLarge(len(t.event.Data), d.MaxBytes)}}}
		return
	}
	for _, m := range t.route.messages {
		if m.Valid(&t.event) {
			t.message = m
			if id, err := c.identity(t); err != nil {
				t.fault = &fault{reason: Invalid, err: err}
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
	t.fault = &fault{reason: Invalid, err: &InvalidError{t.event.Type, t.event.ID, t.inlet.Name, c.contract.Check(t.inlet.Channel, &t.event)}}
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
			v := topology.Value(e, name)
			if v == "" {
				return id, topology.KnownAgain(t.inlet.Channel, e)
			}
			values[i] = apart.Replace(v) // one of data may have a tab itself
		}
		id.Key = strings.Join(values, "\t")
	}
	id.Digest = c.digester.digest(e.Type, e.Subject, e.Data)
	return id, nil
}

// apart keeps what is joined with tabs apart.
var apart = strings.NewReplacer("\t", `\t`, `\`, `\\`)

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
		d.seeds = &seeds
	}
	return d
}

// seeds are the process's: its consumers may have one store after each other, or
// together.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

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
		t.fault = &fault{reason: Collided, err: fmt.Errorf("another event with this identity has been handled: %s; its content is not this one's", strings.ReplaceAll(t.id.Key, "\t", " "))}
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
			t.handling = false
			err = fmt.Errorf("the handler of %s panicked: %v", t.event.Type, r)
			c.log.Error("a handler panicked", "group", c.group, "type", t.event.Type, "id", t.event.ID, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	t.handling = true
	err = t.route.handle(ctx, &t.Delivered)
	t.handling = false
	return err
}

// exited is what is done when a handler, or a hook, ended the goroutine in which it
// was called.
func (c *Consumer) exited(t *task) time.Duration {
	if !t.handling {
		c.log.Error("a hook ended its goroutine: runtime.Goexit, or FailNow of a test, was called in it", "group", c.group, "channel", t.inlet.Name)
		return t.wait
	}
	t.handling = false
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
		t.fault = &fault{Rejected, err, attempt}
		return c.bury(t)
	case attempt >= t.policy().retry.attempts:
		t.fault = &fault{Exhausted, err, attempt}
		return c.bury(t)
	}
	// It waits here, ordered or not. Were it given back, only the broker could count
	// attempts, which takes for one what a process that died had not begun.
	t.wait = t.policy().retry.after(attempt)
	defer func() { t.tries++ }()
	c.outcome(t, Retried, "", err)
	return t.wait
}

// stumble is what is done when a store or the dead letter fails: the event waits,
// and whatever is behind it of its key, but it is not counted as an attempt.
func (c *Consumer) stumble(t *task, over string, err error) time.Duration {
	t.stumbles++
	c.log.Log(c.ctx, slog.LevelError, over+" fails; the event waits", "group", c.group, "channel", t.inlet.Name, "type", t.event.Type, "id", t.event.ID, "times", t.stumbles, "err", err)
	return broker.Backoff(int(t.stumbles) - 1)
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
	if r != Retried {
		t.wait = done
	}
	for _, h := range c.outcomes {
		if r != Returned {
			c.tell(h, o)
			continue
		}
		told := make(chan struct{}) // the goroutine gives back the rest, whatever a hook does
		go func() {
			defer close(told)
			c.tell(h, o)
		}()
		<-told
	}
}

// tell tells a hook. What is wrong with one does not stop the events.
func (c *Consumer) tell(h OutcomeHook, o Outcome) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("a hook panicked", "group", c.group, "hook", fmt.Sprintf("%T", h), "result", o.Result.String(), "panic", r, "stack", string(debug.Stack()))
		}
	}()
	h.Outcome(c.ctx, o)
}
