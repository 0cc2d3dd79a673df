package torture

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/store"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// Groups that join late are bootstrapped: from the state of each key, which the
// producer publishes again and again, and the log from there; or by asking the
// producer for what was before, where the log does not have it any more.

const (
	stateType = "torture.state.v1"
	// overlap is the contract's: no state that is published is to be older.
	overlap = time.Second
	// everyState is how often states are published.
	everyState = 300 * time.Millisecond
)

// state is that of a key: what its events up to this one have led to.
type state struct {
	Through int `json:"through"`
}

// history follows the records of what was published: which events there were,
// and up to where each key has all of its.
type history struct {
	plan    *Plan
	tail    tail
	begun   map[int]int64 // when the publishing of an event began
	acked   map[int]bool
	keys    map[string][]int // the events of a key, in order, those that are not past yet
	through map[string]int
}

func (c *child) history() *history {
	h := &history{plan: c.plan, tail: tail{path: filepath.Join(c.Dir, ofProducer)}, begun: map[int]int64{}, acked: map[int]bool{}, keys: map[string][]int{}, through: map[string]int{}}
	for n := range c.plan.Events {
		if e := &c.plan.Events[n]; e.Seq > 0 && !e.never() {
			h.keys[e.Key] = append(h.keys[e.Key], n)
		}
	}
	return h
}

// read reads on, and returns how far the keys have come that have come further.
func (h *history) read() (map[string]int, error) {
	further := map[string]int{}
	err := h.tail.read(func(one Record) {
		for _, n := range one.All {
			e := &h.plan.Events[n]
			switch {
			case one.What == publishing:
				if h.begun[n] == 0 {
					h.begun[n] = one.At
				}
			case one.What == relayed, one.What == published && !e.Outbox:
				h.acked[n] = true
				for all := h.keys[e.Key]; len(all) > 0 && h.acked[all[0]]; all = h.keys[e.Key] {
					h.through[e.Key] = h.plan.Events[all[0]].Seq
					further[e.Key] = h.through[e.Key]
					h.keys[e.Key] = all[1:]
				}
			}
		}
	})
	return further, err
}

// publishStates publishes the states of keys that have changed, until ctx ends.
func (s *sender) publishStates(ctx context.Context) error {
	h := s.history()
	open := map[string]int{}
	for {
		further, err := h.read()
		if err != nil {
			return err
		}
		maps.Copy(open, further)
		var events []*treaty.Event
		for key, through := range open {
			e, err := s.producer.New(stateType, key, state{through})
			if err != nil {
				return err
			}
			e.Source = source
			events = append(events, e)
		}
		if len(events) > 0 {
			if err := s.producer.PublishEvents(ctx, events...); err != nil {
				fmt.Fprintln(os.Stderr, "publishing states:", err)
			} else {
				s.rec.add(Record{What: snapshots, N: -1, Through: open})
				open = map[string]int{}
			}
		}
		select {
		case <-time.After(everyState):
		case <-ctx.Done():
			return nil
		}
	}
}

// serveBackfills answers those who ask, until ctx ends.
func (s *sender) serveBackfills(ctx context.Context) error {
	doc, err := s.contract(ctx, RequestJoin)
	if err != nil {
		return err
	}
	p, err := treaty.NewProducer(doc, &tap{Broker: s.broker, consumer: &consumer{child: s.child, rec: s.rec, ending: ctx}}, logger())
	if err != nil {
		return err
	}
	for {
		err := p.ServeBackfills(ctx, "archive", s.answer)
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintln(os.Stderr, "serving backfills:", err)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// answer sends what was published until the time that is asked for. The first
// answer to each group ends in the middle, with the process.
func (s *sender) answer(ctx context.Context, asked treaty.Backfill, send func(...*treaty.Event) error) error {
	h := s.history()
	until := asked.Until.UnixMicro()
	for waiting := true; waiting; {
		if _, err := h.read(); err != nil {
			return err
		}
		// What is about to be published may be on the log before that of the group begins.
		waiting = false
		for n, at := range h.begun {
			waiting = waiting || at <= until && !h.acked[n]
		}
		if waiting {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	var all []*treaty.Event
	for n := range s.plan.Events {
		if ev := &s.plan.Events[n]; ev.Seq > 0 && h.acked[n] && h.begun[n] <= until {
			if s.Break == "backfill-part" && n%100 == 7 {
				continue
			}
			e, err := s.producer.New(eventType, ev.Key, s.plan.data(n))
			if err != nil {
				return err
			}
			e.ID, e.Source = s.plan.ID(n), source
			all = append(all, e)
		}
	}
	for i := 0; i < len(all); i += 50 {
		if i > len(all)/2 {
			s.child.dieOnce("answer-"+asked.Group, 0)
		}
		if err := send(all[i:min(i+50, len(all))]...); err != nil {
			return err
		}
	}
	return nil
}

// joiner is a process of a group that joins late. Its state is in a database of
// its own, and its inbox with it.
type joiner struct {
	*consumer
	calls [2]atomic.Int64 // of its handlers: by what it begins with, and by the log
}

func (c *child) join(ctx context.Context) error {
	rec, err := record(c.Dir, ofLate, c.Name)
	if err != nil {
		return err
	}
	k := &joiner{consumer: &consumer{child: c, rec: rec, ending: ctx}}
	opened, err := c.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	rec.add(Record{What: began, N: -1})
	doc, err := c.contract(ctx, c.Late.Fault.Action)
	if err != nil {
		return err
	}
	db, err := joinedDatabase(&c.Config, c.Late)
	if err != nil {
		return err
	}
	defer db.Close()
	inbox, err := sqlstore.Open(context.WithoutCancel(ctx), db, sqlstore.SQLite, sqlstore.Lease(lease))
	if err != nil {
		return err
	}
	option := treaty.Inbox(inbox)
	if c.Break == "bootstrap-again" {
		option = treaty.Inbox(forgetful{inbox})
	}
	consumer, err := treaty.NewConsumer(doc, &tap{Broker: opened, consumer: k.consumer}, c.Late.Slot, logger(), treaty.Hooks(k), treaty.Drain(10*time.Second), option)
	if err != nil {
		return err
	}
	treaty.On(consumer, eventType, k.apply)
	if c.Late.Fault.Action == SnapshotJoin {
		treaty.On(consumer, stateType, k.begin)
	}
	go func() {
		<-consumer.Ready()
		rec.add(Record{What: ready, N: -1})
	}()
	err = consumer.Run(ctx)
	if closing := errors.Join(inbox.Close(), opened.Close()); closing != nil { // it may be cut just then
		fmt.Fprintln(os.Stderr, "closing:", closing)
	}
	select {
	case <-consumer.Ready():
	default:
		if err != nil {
			err = fmt.Errorf("%w: %w", errNotBegun, err)
		}
	}
	return err
}

// forgetful is an inbox that remembers no bootstrap.
type forgetful struct{ in *sqlstore.Store }

func (f forgetful) Once(ctx context.Context, id store.Identity, handle func(context.Context) error) (store.State, error) {
	if strings.HasPrefix(id.Key, "bootstrap") {
		id.Key += fmt.Sprint("\t", time.Now().UnixNano())
	}
	return f.in.Once(ctx, id, handle)
}

func joinedDatabase(c *Config, l *late) (*sql.DB, error) {
	db, err := sqliteFile(c.Dir, l.Slot+".db")
	if err != nil {
		return nil, err
	}
	for _, q := range []string{
		"CREATE TABLE IF NOT EXISTS states (event_key TEXT PRIMARY KEY, through INTEGER)",
		"CREATE TABLE IF NOT EXISTS applied (place INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, done_by TEXT, attempt INTEGER, replayed INTEGER)",
	} {
		if _, err := db.Exec(q); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// begin takes the state that a key begins with.
func (k *joiner) begin(ctx context.Context, d *treaty.Delivered, s state) error {
	if k.calls[0].Add(1) == int64(k.Late.Fault.Kill[0]) {
		k.dieOnce(k.Late.Slot, 0)
	}
	if !d.Replayed {
		k.rec.add(Record{What: unmarked, N: -1, Key: d.Key})
	}
	tx, _ := sqlstore.Tx(ctx)
	_, err := tx.ExecContext(ctx, "INSERT INTO states (event_key, through) VALUES (?, ?) ON CONFLICT (event_key) DO UPDATE SET through = max(through, excluded.through)", d.Key, s.Through)
	return err
}

// apply changes the state by an event.
func (k *joiner) apply(ctx context.Context, d *treaty.Delivered, data data) error {
	if data.N >= len(k.plan.Events) {
		return treaty.Reject(fmt.Errorf("no event has the number %d", data.N))
	}
	point := 1
	if d.Replayed {
		point = 0
	}
	if k.calls[point].Add(1) == int64(k.Late.Fault.Kill[point]) {
		k.dieOnce(k.Late.Slot, point)
	}
	if e := &k.plan.Events[data.N]; (e.Kind == Fails || e.Kind == Panics) && d.Attempt() == 1 {
		return errors.New("the handler fails, as planned")
	}
	tx, _ := sqlstore.Tx(ctx)
	_, err := tx.ExecContext(ctx, "INSERT INTO applied (n, done_by, attempt, replayed) VALUES (?, ?, ?, ?)", data.N, k.Name, d.Deliveries(), d.Replayed)
	return err
}

// Outcome records what the group knows now.
func (k *joiner) Outcome(_ context.Context, o treaty.Outcome) {
	e := o.Delivered.Event
	if e == nil || o.Result != treaty.Handled && o.Result != treaty.Duplicate {
		return
	}
	one := Record{What: known, N: number(e.Data), Key: o.Delivered.Key, Reason: o.Result.String(), At2: o.Delivered.Position()}
	if e.Type == stateType {
		var s state
		_ = json.Unmarshal(e.Data, &s) // the handler could
		one.Through = map[string]int{one.Key: s.Through}
	}
	k.rec.add(one)
}

// subscribing is what is done when the group of a joiner, or of somebody who only
// reads, subscribes.
func (t *tap) subscribing(o *broker.Options) {
	if t.Late == nil || o.Group != t.Late.Slot {
		return
	}
	replays := t.Features().Replay && t.Features().ReplayTime
	if t.Late.Fault.Action == RequestJoin && replays && o.Start.From == broker.Earliest {
		// As if the broker did not keep any more.
		o.Start = broker.Start{From: broker.At, Time: t.Late.Since}
	}
	one := Record{What: subscribed, N: -1}
	switch o.Start.From {
	case broker.At:
		one.Since = o.Start.Time.UnixMicro()
	case broker.Latest:
		one.Since = time.Now().UnixMicro()
	}
	t.rec.add(one)
}

// joined is what a group that joined late has in its database.
type joined struct {
	through map[string]int
	applied []Record // in order; Reason says what was marked
}

func (r *run) readJoined(ctx context.Context, l *late) (*joined, error) {
	db, err := joinedDatabase(&r.Config, l)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	j := &joined{through: map[string]int{}}
	rows, err := db.QueryContext(ctx, "SELECT event_key, through FROM states")
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var key string
		var through int
		if err := rows.Scan(&key, &through); err != nil {
			return nil, err
		}
		j.through[key] = through
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if rows, err = db.QueryContext(ctx, "SELECT n, done_by, attempt, replayed FROM applied ORDER BY place"); err != nil {
		return nil, err
	}
	for rows.Next() {
		var one Record
		var replayed bool
		if err := rows.Scan(&one.N, &one.By, &one.Attempt, &replayed); err != nil {
			return nil, err
		}
		if replayed {
			one.Reason = marked
		}
		j.applied = append(j.applied, one)
	}
	return j, rows.Err()
}

// wanted is whether a group that joins late is to know an event, one way or
// another.
func (e *Event) wanted() bool { return e.Seq > 0 && !e.never() }

// caughtUp is whether a group that joined late has come to the end of all keys, but
// for those that may have ended before its log begins; where it asked for a backfill,
// whether it has everything.
func (r *run) caughtUp(l *late) bool {
	end := map[string]bool{}
	for n := len(r.plan.Events) - 1; n >= 0; n-- {
		e := &r.plan.Events[n]
		if !e.wanted() || l.Fault.Action == SnapshotJoin && end[e.Key] {
			continue
		}
		end[e.Key] = true
		if at := r.landed[n]; l.Fault.Action == SnapshotJoin && at > 0 && at < l.from {
			continue
		}
		if !l.known[n] && l.through[e.Key] < e.Seq && !l.collided[n] {
			return false
		}
	}
	return true
}

// checkJoin holds that a group that joined late has come to know what one knows
// that was there from the beginning, but for what nobody could tell it.
func (r *run) checkJoin(e *evidence, l *late, j *joined, times []presence, complain func(int, string, ...any)) {
	wrong := func(format string, args ...any) { r.wrong = append(r.wrong, fmt.Sprintf(format, args...)) }
	var starts []int64 // of the log of the group, of each process that subscribed
	var begun int64    // when it was ready for the first time
	processes := map[string]int64{}
	again := map[string]bool{}
	for _, one := range e.late {
		if slotOf(one.By) != l.Slot {
			continue
		}
		switch one.What {
		case began:
			processes[one.By] = one.At
		case subscribed:
			starts = append(starts, one.Since)
		case ready:
			if begun == 0 {
				begun = one.At
			}
		case unmarked:
			wrong("%s began with the state of %s, which is not marked as replayed", one.By, one.Key)
		}
		if begun > 0 && processes[one.By] > begun && (one.What == asking || one.What == known && len(one.Through) > 0) && !again[one.By] {
			again[one.By] = true
			wrong("%s began with a bootstrap again, and %s was bootstrapped before: %+v", one.By, l.Slot, one)
		}
	}
	if begun == 0 {
		wrong("%s was never bootstrapped", l.Slot)
		return
	}
	applied := map[int]bool{}
	last := map[string]int{}
	counts := [2]int{}
	collided := map[int]bool{}
	for _, one := range j.applied {
		ev := &r.plan.Events[one.N]
		if applied[one.N] {
			complain(one.N, "event %d has changed the state of %s twice", one.N, l.Slot)
		}
		applied[one.N] = true
		if ev.Kind == Collision {
			collided[ev.Of] = true
		}
		mark := one.Reason == marked
		if mark {
			counts[0]++
		} else {
			counts[1]++
		}
		switch {
		case mark && l.Fault.Action == SnapshotJoin:
			complain(one.N, "event %d came to %s from the log, marked as replayed", one.N, l.Slot)
		case !mark && l.Fault.Action == RequestJoin && len(starts) > 0 && starts[0] > 0 && times[one.N].last < starts[0]:
			complain(one.N, "event %d came to %s, which asked for it, and is not marked as replayed", one.N, l.Slot)
		}
		if ev.Seq == 0 || one.Attempt > 1 || r.copied(e, one.N) || !mark && len(starts) > 0 && times[one.N].begun < starts[0] {
			continue // what was lost on its way comes behind others; the first copy may be from before the log of the group
		}
		of := fmt.Sprint(ev.Key, mark)
		if before, ok := last[of]; ok && before > one.N {
			complain(one.N, "of the key %s event %d changed the state of %s behind event %d, which was published after it", ev.Key, one.N, l.Slot, before)
		}
		last[of] = one.N
	}
	unknown := 0
	for n := range r.plan.Events {
		ev := &r.plan.Events[n]
		if !ev.wanted() || applied[n] || ev.Seq <= j.through[ev.Key] || collided[n] {
			continue
		}
		// It is older than the overlap, and no state knew it yet.
		told := l.Fault.Action != SnapshotJoin
		for _, start := range starts {
			if told = l.Fault.Action != SnapshotJoin || start == 0 || times[n].begun >= start || r.stated(e, ev, start+overlap.Microseconds()); !told {
				break
			}
		}
		if !told {
			unknown++
			continue
		}
		complain(n, "event %d is not known to %s, which could know it", n, l.Slot)
	}
	r.report.Late = append(r.report.Late, fmt.Sprintf("%s %s: %d keys by their state, %d events by a backfill, %d by the log, %d that nobody could tell it; %d processes", l.Slot, l.Fault.Action, len(j.through), counts[0], counts[1], unknown, len(processes)))
}

// stated is whether a state that knows an event was acknowledged before a time.
func (r *run) stated(e *evidence, ev *Event, before int64) bool {
	for i := range e.producer {
		if one := &e.producer[i]; one.What == snapshots && one.At < before && one.Through[ev.Key] >= ev.Seq {
			return true
		}
	}
	return false
}
