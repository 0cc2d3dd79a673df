// Package live is what runs beside a broker for somebody to look at. Dev is the
// whole of some contracts on one machine: it sends sample events, consumes them as
// the contracts say, plays faults on the way, and keeps account of every event.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/store"
)

// DevGroup is the group that handles everything that a document sends. Where
// several documents send, each has its own, with its title behind.
const DevGroup = "treaty-dev"

// Document is a contract and what it is called.
type Document struct {
	Name     string
	Contract *contract.Contract
}

// DevOptions say what Dev does.
type DevOptions struct {
	// Events is how many are published; 0 has it go on until the context ends.
	Events int
	// Rate is how many are published a second; 0 is as many as go.
	Rate float64
	// Faults is the share of events that are published twice, and that near misses
	// are offered beside; a fifth of it are invalid events past the producer.
	Faults float64
	// Failures is the share of events whose handler fails once.
	Failures float64
	// Seed decides about samples and faults.
	Seed uint64
	// Params fill in the parameters of addresses; what they leave open is made up.
	Params map[string]string
	// Store makes the store of a group's handled events, which are remembered for a
	// while. Dev closes it.
	Store func(group string, window time.Duration) (store.Store, error)
	// Shared is a broker on which others may be: the groups begin with what is
	// published from now on, and are named so that they take nothing from real ones.
	Shared bool
	// Stalled is how long nothing has to come until what is owed is taken for lost; 0
	// is 30 seconds.
	Stalled time.Duration
}

// Dev is some contracts at work. Make one with NewDev and Run it, once; Status may
// be asked meanwhile.
type Dev struct {
	options DevOptions
	broker  broker.Broker
	sources []*source
	groups  []*group
	notes   []string
	choose  *rand.Rand // of the one who publishes

	mu       sync.Mutex
	records  map[string]*record // by id
	number   int64              // of the event that was published last
	open     int                // outcomes that are owed
	moved    time.Time          // when one came
	problems []string
	sent     Sent
	began    time.Time
	took     time.Duration // once it is over
	fails    *rand.Rand    // of the handlers
}

// record is an event on its way. It is kept until each group has an outcome for
// each of its copies.
type record struct {
	source  *source
	number  int64
	left    []int  // outcomes that each group owes
	handled []bool // by each group
	invalid bool   // it went past the producer, behind its batch
}

// group is a consumer, and its account.
type group struct {
	GroupStatus
	index    int
	document *Document
	stead    bool // what it handles is sent in the place of somebody who is not here
	names    []string
	channels []broker.Channel
	dead     []broker.Channel
	params   map[string]string
	consumer *treaty.Consumer
	store    store.Store
	last     map[string]int64 // number of what was handled last, by channel and key
}

// Sent is the account of what was published.
type Sent struct {
	Published int64 // distinct events that the broker has acknowledged
	Twice     int64 // of them, those that were published a second time
	Rejected  int64 // near misses that the producer refused
	Invalid   int64 // invalid events that went past the producer
}

// GroupStatus is the account of a group.
type GroupStatus struct {
	Group, Document string
	All             bool // it handles everything that is sent by its document
	Delivered       int64
	Duplicates      int64
	Skipped         int64 // of types that it does not know, or expired
	Retried         int64
	DeadLettered    int64
	Refused         int64 // valid events that were dead-lettered; among DeadLettered
	Missed          int64 // events of its document that a group which handles all did not know; among Skipped
	Ordered         bool  // the contract promises an order
	OutOfOrder      int64 // events that came after a later one of their key
	Again           int64 // events that were handled more than once
	Lost            int64 // deliveries that did not come, known once Run is over
}

// TypeStatus is the account of an event type on a channel.
type TypeStatus struct {
	Type, Channel string
	Published     int64
}

// Status is how far Dev is.
type Status struct {
	Sent
	Types    []TypeStatus
	Groups   []GroupStatus
	Open     int // deliveries that wait for their outcome
	Elapsed  time.Duration
	Problems []string // the last ones, the latest at last
	Notes    []string // what is not played, and why
}

// Held is whether what was promised was kept, as far as it was seen: order held,
// nothing is lost, nothing was handled twice, and what is valid was handled.
func (s *Status) Held() bool {
	return !slices.ContainsFunc(s.Groups, func(g GroupStatus) bool {
		return g.OutOfOrder > 0 || g.Lost > 0 || g.Again > 0 || g.Refused > 0 || g.Missed > 0
	})
}

// Whole is the account of the groups that handle everything, together.
func (s *Status) Whole() GroupStatus {
	all := GroupStatus{Group: DevGroup, All: true}
	for _, g := range s.Groups {
		if g.All {
			all.Delivered += g.Delivered
			all.Duplicates += g.Duplicates
			all.Skipped += g.Skipped
			all.Retried += g.Retried
			all.DeadLettered += g.DeadLettered
			all.Refused += g.Refused
			all.Missed += g.Missed
			all.Ordered = all.Ordered || g.Ordered
			all.OutOfOrder += g.OutOfOrder
			all.Again += g.Again
			all.Lost += g.Lost
		}
	}
	return all
}

// Status says how far it is.
func (d *Dev) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Sent: d.sent, Open: d.open, Elapsed: d.took, Problems: slices.Clone(d.problems), Notes: d.notes}
	if d.took == 0 && !d.began.IsZero() {
		s.Elapsed = time.Since(d.began)
	}
	for _, one := range d.sources {
		s.Types = append(s.Types, TypeStatus{one.message.Envelope.Type, one.message.Channel.Name, one.published})
	}
	for _, g := range d.groups {
		s.Groups = append(s.Groups, g.GroupStatus)
	}
	return s
}

// NewDev makes producers and consumers of documents. Nothing runs yet. What
// cannot be played is left out and noted; nothing at all to play is an error.
func NewDev(documents []Document, b broker.Broker, o DevOptions) (*Dev, error) {
	if o.Stalled == 0 {
		o.Stalled = stalled
	}
	d := &Dev{options: o, broker: b, records: map[string]*record{}, choose: rand.New(rand.NewPCG(o.Seed, 1)), fails: rand.New(rand.NewPCG(o.Seed, 2))}
	sent := map[string]bool{} // addresses that somebody sends on
	for _, stead := range []bool{false, true} {
		for i := range documents {
			if err := d.plan(&documents[i], stead, sent); err != nil {
				return nil, fmt.Errorf("%s: %w", documents[i].Name, err)
			}
		}
	}
	if err := d.fill(); err != nil {
		return nil, err
	}
	if len(d.sources) == 0 {
		return nil, errors.New(strings.Join(append([]string{"there is nothing to play: no document sends or receives an event that samples can be made of"}, d.notes...), "; "))
	}
	for i := range documents {
		if err := d.consumers(&documents[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", documents[i].Name, err)
		}
	}
	slices.SortStableFunc(d.groups, func(a, b *group) int { // those first that handle everything
		switch {
		case a.All == b.All:
			return 0
		case a.All:
			return -1
		}
		return 1
	})
	whole := len(d.groups)
	if i := slices.IndexFunc(d.groups, func(g *group) bool { return !g.All }); i >= 0 {
		whole = i
	}
	for i, g := range d.groups {
		g.index = i
		if g.All && whole > 1 {
			g.Group += "-" + slug(g.document.Contract.Title)
		}
		if err := d.consumer(g); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", g.Document, err), d.close())
		}
	}
	return d, nil
}

// consumers plans the groups of a document: one that handles all that it sends,
// one for what is sent in the place of others, and those as which it receives.
func (d *Dev) consumers(doc *Document) error {
	byName := map[string]*group{}
	add := func(name string, whole, stead bool, ch *contract.Channel) error {
		key := fmt.Sprint(name, whole, stead)
		g := byName[key]
		if g == nil {
			g = &group{GroupStatus: GroupStatus{Group: name, Document: doc.Name, All: whole}, document: doc, stead: stead, params: parameters(doc.Contract, d.options.Params), last: map[string]int64{}}
			byName[key] = g
			d.groups = append(d.groups, g)
		}
		if slices.Contains(g.names, ch.Name) {
			return nil
		}
		at, err := topology.Channel(ch, g.params)
		if err != nil {
			return err
		}
		dead := broker.Channel{Address: at.Address + ".dlq"}
		for _, op := range ch.Operations {
			if op.Action == contract.Receive && (!whole || stead) && op.Delivery != nil && op.Delivery.DeadLetter != nil && op.Delivery.DeadLetter.Channel != nil {
				if dead, err = topology.Channel(op.Delivery.DeadLetter.Channel, g.params); err != nil {
					return err
				}
			}
		}
		g.names, g.channels, g.dead = append(g.names, ch.Name), append(g.channels, at), append(g.dead, dead)
		g.Ordered = g.Ordered || ch.Delivery != nil && ch.Delivery.Ordering != nil && ch.Delivery.Ordering.Scope != "none"
		return nil
	}
	for _, s := range d.sources {
		if s.document == doc {
			if err := add(DevGroup, true, s.stead, s.message.Channel); err != nil {
				return err
			}
		}
	}
	for _, op := range doc.Contract.Operations {
		if op.Action != contract.Receive || op.Channel == nil || !op.Channel.HasAddress || op.Channel.Address == "" {
			continue
		}
		name := topology.Group(op)
		if name == "" {
			name = slug(doc.Contract.Title)
		}
		if d.options.Shared {
			name = DevGroup + "-" + name
		}
		if err := add(name, false, false, op.Channel); err != nil {
			return err
		}
	}
	return nil
}

// consumer makes the consumer of a group.
func (d *Dev) consumer(g *group) (err error) {
	window := store.DefaultWindow
	for _, ch := range g.document.Contract.Channels {
		if slices.Contains(g.names, ch.Name) && ch.Delivery != nil && ch.Delivery.Dedupe != nil {
			window = max(window, ch.Delivery.Dedupe.Window)
		}
	}
	if g.store, err = d.options.Store(g.Group, window); err != nil {
		return err
	}
	options := []treaty.ConsumerOption{
		treaty.Params(g.params), treaty.Declare(), treaty.Channels(g.names...), treaty.Store(g.store),
		treaty.Hooks(watch{d, g}), treaty.Logger(slog.New(complaints{d})),
	}
	if g.All && !g.stead && len(g.document.Contract.Operations) > 0 {
		options = append(options, treaty.AsPeer())
	}
	of := g.document.Contract
	if d.options.Shared {
		of = fromNowOn(of)
	}
	switch f := d.broker.Features(); {
	case !d.options.Shared:
		options = append(options, treaty.StartAt(broker.Start{})) // the folder is new: nothing was before
	case f.ReplayTime:
		options = append(options, treaty.StartAt(broker.Start{From: broker.At, Time: time.Now().Add(-time.Second)}))
	default:
		options = append(options, treaty.StartAt(broker.Start{From: broker.Latest}))
	}
	if g.consumer, err = treaty.NewConsumer(of, d.broker, g.Group, options...); err == nil {
		g.consumer.HandleAll(d.handler(g))
	}
	return err
}

// fromNowOn is a contract whose operations do not say where a new group begins.
// Real ones begin with what was before, and what is played is not about that.
func fromNowOn(c *contract.Contract) *contract.Contract {
	again := *c
	again.Operations = slices.Clone(c.Operations)
	for i, op := range c.Operations {
		if op.Delivery != nil {
			other, promise := *op, *op.Delivery
			promise.Start = ""
			other.Delivery = &promise
			again.Operations[i] = &other
		}
	}
	return &again
}

// takeDead takes the dead letters on a broker that keeps them only for whoever
// asks for them: nobody else may, and then consumers cannot write them.
func (d *Dev) takeDead(ctx context.Context) (stop func(), err error) {
	var all []broker.Subscription
	stop = func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), leave)
		defer cancel()
		for _, s := range all {
			_ = s.Stop(ending)
		}
	}
	if d.broker.Features().Replay || d.broker.Binding() == event.AMQP { // there the dead letter is a queue, which keeps them
		return stop, nil
	}
	taken := map[string]bool{}
	for _, g := range d.groups {
		for _, at := range g.dead {
			if taken[at.Address] {
				continue
			}
			taken[at.Address] = true
			if admin, ok := d.broker.(broker.Admin); ok {
				if err := admin.Declare(ctx, at); err != nil {
					return stop, err
				}
			}
			s, err := d.broker.Subscribe(ctx, at, broker.Options{Group: DevGroup + "-dead", Start: broker.Start{From: broker.Latest}}, func(m broker.Delivery) { _ = m.Ack() })
			if err != nil {
				return stop, err
			}
			all = append(all, s)
		}
	}
	return stop, nil
}

// errFailure is what a handler returns whose failure is played.
var errFailure = errors.New("played: this handler fails once")

// handler is that of a group: it sees whether the events of a key come in the
// order in which they were published, and each once.
func (d *Dev) handler(g *group) treaty.Handler {
	return func(_ context.Context, m *treaty.Delivered) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		r := d.records[m.ID]
		if r == nil || m.Replayed {
			return nil
		}
		if d.options.Failures > 0 && m.Attempt() == 1 && d.fails.Float64() < d.options.Failures {
			return errFailure
		}
		if r.handled[g.index] {
			g.Again++
			d.complain("%s: %s %s was handled twice", g.Group, m.Type, m.ID)
		}
		r.handled[g.index] = true
		if m.Key != "" && !r.invalid {
			key := m.Address + "\n" + m.Key
			if g.last[key] > r.number {
				g.OutOfOrder++
				d.complain("%s: %s of %s came after a later one", g.Group, m.Type, m.Key)
			}
			g.last[key] = max(g.last[key], r.number)
		}
		return nil
	}
}

// watch keeps the account of a group.
type watch struct {
	*Dev
	of *group
}

// Outcome is called by the runtime for each outcome of a delivery.
func (w watch) Outcome(_ context.Context, o treaty.Outcome) {
	m, g := o.Delivered, w.of
	if m.Event == nil || m.Replayed {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records[m.ID]
	if r == nil {
		return // it was here before, or is settled more often than it was sent
	}
	switch o.Result {
	case treaty.Retried:
		g.Retried++
		return
	case treaty.Returned:
		return
	case treaty.Handled:
		if !g.All || r.source.document == g.document {
			g.Delivered++
		}
	case treaty.Duplicate:
		g.Duplicates++
	case treaty.Skipped:
		g.Skipped++
		if g.All && r.source.document == g.document && !r.invalid {
			g.Missed++
			w.complain("%s: %s of %s was skipped", g.Group, m.Type, m.Subject)
		}
	case treaty.Expired:
		g.Skipped++
	case treaty.DeadLettered:
		g.DeadLettered++
		if !r.invalid && !errors.Is(o.Err, errFailure) { // a played failure may be the last attempt that there is
			g.Refused++
		}
		w.complain("%s: dead-lettered %s of %s (%s): %s", g.Group, m.Type, m.Subject, o.Reason, reason(o.Err))
	}
	w.moved = time.Now()
	if r.left[g.index] > 0 {
		r.left[g.index]--
		w.open--
	}
	if !slices.ContainsFunc(r.left, func(n int) bool { return n > 0 }) {
		delete(w.records, m.ID)
	}
}

// reason is what is wrong with an event, without saying again which it is.
func reason(err error) string {
	var invalid *treaty.InvalidError
	if errors.As(err, &invalid) && len(invalid.Problems) > 0 {
		return invalid.Problems[0].String()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// complain keeps a problem. It is called locked.
func (d *Dev) complain(format string, args ...any) {
	if len(d.problems) == maxProblems {
		d.problems = slices.Delete(d.problems, 0, 1)
	}
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// maxProblems is how many problems are kept.
const maxProblems = 5

// complaints takes what the runtime logs: what outcomes do not say is kept as a
// problem.
type complaints struct{ *Dev }

func (complaints) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (c complaints) WithAttrs([]slog.Attr) slog.Handler         { return c }
func (c complaints) WithGroup(string) slog.Handler              { return c }
func (c complaints) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "group" || a.Key == "err" {
			text += ": " + a.Value.String()
		}
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complain("%s", text)
	return nil
}

// stalled is how long nothing has to come, while outcomes are owed, until they
// are taken for lost, where the options do not say.
const stalled = 30 * time.Second

// leave is how long Run waits for what is open once its context has ended.
const leave = 5 * time.Second

// Run publishes and consumes until the context ends, or until as many events as
// were asked for are published and every group is done with them. The error is
// that it could not go on; what was not kept is in the Status.
func (d *Dev) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, d.close()) }()
	stopDead, err := d.takeDead(ctx)
	defer stopDead()
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.began = time.Now()
	d.moved = d.began
	d.mu.Unlock()
	consuming, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, len(d.groups))
	for _, g := range d.groups {
		go func() {
			err := g.consumer.Run(consuming)
			if err != nil {
				err = fmt.Errorf("the group %s: %w", g.Group, err)
			}
			ended <- err
		}()
	}
	publishing, halt := context.WithCancel(ctx)
	defer halt()
	published := make(chan error, 1)
	go func() {
		if d.options.Shared || !d.broker.Features().Replay {
			for _, g := range d.groups { // what is published before a new group is there does not come to it
				select {
				case <-g.consumer.Ready():
				case <-publishing.Done():
				}
			}
		}
		published <- d.publish(publishing)
	}()

	running, over := len(d.groups), false
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !over {
		select {
		case e := <-ended: // before it was told to
			running--
			halt()
			err, over = errors.Join(err, e), true
		case e := <-published:
			published = nil
			err = errors.Join(err, e)
			over = e != nil
		case now := <-tick.C:
			if published != nil {
				continue
			}
			d.mu.Lock()
			wait := d.options.Stalled
			if ctx.Err() != nil {
				wait = leave
			}
			over = d.open == 0 || now.Sub(d.moved) > wait
			d.mu.Unlock()
		}
	}
	d.mu.Lock()
	d.took = time.Since(d.began)
	if err == nil {
		d.lose(ctx.Err() != nil)
	}
	d.mu.Unlock()
	stop()
	for ; running > 0; running-- {
		err = errors.Join(err, <-ended)
	}
	if published != nil {
		err = errors.Join(err, <-published)
	}
	return err
}

// lose notes what has not come. What is still open when somebody interrupts is
// not lost: it would have come. It is called locked.
func (d *Dev) lose(interrupted bool) {
	if interrupted {
		return
	}
	for id, r := range d.records {
		for i, n := range r.left {
			if n > 0 {
				d.groups[i].Lost += int64(n)
				d.complain("%s: %s %s did not come", d.groups[i].Group, r.source.message.Envelope.Type, id)
			}
		}
	}
}

func (d *Dev) close() error {
	var errs []error
	for _, g := range d.groups {
		if g.store != nil {
			errs = append(errs, g.store.Close())
			g.store = nil
		}
	}
	return errors.Join(errs...)
}
