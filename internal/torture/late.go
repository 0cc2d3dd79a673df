package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/store"
)

// Some read what was before they came, beside the group whose events these are.
// Each has a slot of its own, whose processes go on for each other when they are
// killed, and writes into late.jsonl.

// late is one of them.
type late struct {
	Slot  string
	Fault Fault     // that it is
	Since time.Time // from where it reads, where it reads from a time

	over bool // it has done what it came for

	// What is recorded of a group that joins.
	known, collided map[int]bool
	through         map[string]int
	from            int64 // its log begins, in microseconds; 0 where it begins with the channel
}

// replayer is a process that replays.
type replayer struct {
	*consumer
	calls atomic.Int64
}

// replay replays what the contract lets it, once.
func (c *child) replay(ctx context.Context) error {
	rec, err := record(c.Dir, ofLate, c.Name)
	if err != nil {
		return err
	}
	k := &replayer{consumer: &consumer{child: c, rec: rec, ending: ctx}}
	opened, err := c.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	doc, err := c.contract(ctx, "")
	if err != nil {
		return err
	}
	option, finish, err := k.remembering(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	consumer, err := treaty.NewConsumer(doc, &tap{Broker: opened, consumer: k.consumer}, group, logger(), treaty.Drain(10*time.Second), option)
	if err != nil {
		return err
	}
	treaty.On(consumer, eventType, k.handle)
	from := broker.Start{}
	if c.Late.Fault.Time {
		from = broker.Start{From: broker.At, Time: c.Late.Since}
	}
	rec.add(Record{What: replaying, N: -1})
	err = consumer.Replay(ctx, from)
	if err == nil {
		rec.add(Record{What: replayed, N: -1})
	}
	if closing := errors.Join(finish(), opened.Close()); closing != nil { // it may be cut just then
		fmt.Fprintln(os.Stderr, "closing:", closing)
	}
	if err != nil && ctx.Err() == nil {
		rec.add(Record{What: refused, N: -1, Err: err.Error()})
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	return nil
}

func (k *replayer) handle(ctx context.Context, d *treaty.Delivered, data data) error {
	if data.N >= len(k.plan.Events) {
		return treaty.Reject(fmt.Errorf("no event has the number %d", data.N))
	}
	if k.calls.Add(1) == int64(k.Late.Fault.Kill[0]) {
		k.dieOnce(k.Late.Slot, 0)
	}
	e := &k.plan.Events[data.N]
	if (e.Kind == Fails || e.Kind == Panics) && d.Attempt() == 1 {
		return errors.New("the handler fails, as planned")
	}
	one := Record{What: handed, N: data.N, Key: d.Key, Seq: data.Seq, Attempt: d.Deliveries(), At2: d.Position()}
	if d.Replayed && k.Break != "replay-mark" {
		one.Reason = marked
	}
	k.rec.add(one)
	if k.Break == "replay-memory" {
		return k.st.Done(ctx, k.identity(d))
	}
	return nil
}

// dieOnce kills a process, once in a run for what has this name and number.
func (c *child) dieOnce(what string, n int) {
	if !c.once(what, n) {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// comeLate lets somebody come.
func (r *run) comeLate(f Fault) {
	l := &late{Slot: fmt.Sprintf("late%d", len(r.late)+1), Fault: f, Since: time.Now(), known: map[int]bool{}, collided: map[int]bool{}, through: map[string]int{}}
	role := "joiner"
	if f.Action == Replaying {
		role = "replayer"
		if len(r.when) > 0 {
			l.Since = r.when[len(r.when)/2]
		}
	}
	r.mu.Lock()
	r.late = append(r.late, l)
	r.mu.Unlock()
	if f.Pause && r.Members == 1 {
		// What the group has not handled yet is replayed, too.
		for _, p := range r.of("consumer") {
			r.pause(p, 2*time.Second)
		}
	}
	if f.Then != "" {
		r.later = append(r.later, due{time.Now().Add(4 * f.For), Fault{Action: f.Then, Side: "reader", For: f.For}})
	}
	r.all.Go(func() {
		r.keep(role, l.Slot)
		r.mu.Lock()
		l.over = true
		r.mu.Unlock()
	})
}

// due is a fault that is to happen at a time.
type due struct {
	at    time.Time
	fault Fault
}

// slotOf is the slot of a process.
func slotOf(name string) string {
	slot, _, _ := strings.Cut(name, "-")
	return slot
}

// lateOf is who came late in a slot, nil for none.
func (r *run) lateOf(slot string) *late {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.late, func(l *late) bool { return l.Slot == slot }); i >= 0 {
		return r.late[i]
	}
	return nil
}

// busyLate is whether somebody who came late is at it.
func (r *run) busyLate() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.late, func(l *late) bool { return !l.over && (l.Fault.Action == Replaying || !r.caughtUp(l)) })
}

// accountLate notes what who came late has recorded.
func (r *run) accountLate(one Record) {
	r.moved = time.Now()
	l := r.lateOf(slotOf(one.By))
	if l != nil && one.What == subscribed {
		l.from = max(l.from, one.Since)
	}
	if one.What != known || l == nil {
		return
	}
	for key, through := range one.Through {
		l.through[key] = max(l.through[key], through)
	}
	if one.N >= 0 && one.N < len(r.plan.Events) {
		l.known[one.N] = true
		if e := &r.plan.Events[one.N]; e.Kind == Collision {
			l.collided[e.Of] = true
		}
	}
}

// presence is when an event was on the broker, in microseconds: not before begun,
// and at acked for sure; 0 for not known.
type presence struct {
	begun, acked int64
	last         int64 // when the last copy of it was acknowledged
}

// times are the times of all events.
func (r *run) times(e *evidence) []presence {
	all := make([]presence, len(r.plan.Events))
	for _, one := range e.producer {
		for _, n := range one.All {
			s := &all[n]
			switch {
			case one.What == publishing && s.begun == 0:
				s.begun = one.At
			case one.What == relayed || one.What == published && !r.plan.Events[n].Outbox:
				s.last = one.At
				if s.acked == 0 {
					s.acked = one.At
				}
			}
			if of := &r.plan.Events[n]; of.Kind == Duplicate {
				all[of.Of].last = max(all[of.Of].last, s.last)
			}
		}
	}
	return all
}

// readable is whether handlers may get an event.
func (e *Event) readable() bool {
	switch e.reason() {
	case "", "attempts", "rejected", "collision":
		return e.Kind != Duplicate && !e.never()
	}
	return false
}

// checkLate holds what who came late got against what there was.
func (r *run) checkLate(e *evidence, complain func(int, string, ...any)) {
	times := r.times(e)
	for _, l := range r.late {
		if l.Fault.Action == Replaying {
			r.checkReplay(e, l, times, complain)
		} else {
			r.checkJoin(e, l, e.joined[l.Slot], times, complain)
		}
	}
}

// checkReplay holds that each replay that came to its end handed over what was
// acknowledged before it began, in order and marked.
func (r *run) checkReplay(e *evidence, l *late, times []presence, complain func(int, string, ...any)) {
	var by string
	var begun int64
	var order []Record // handed over for the first time
	got := map[int]bool{}
	ended := false
	for _, one := range e.late {
		if slotOf(one.By) != l.Slot {
			continue
		}
		switch one.What {
		case replaying:
			by, begun, order, got = one.By, one.At, nil, map[int]bool{}
		case handed:
			if one.Reason != marked {
				complain(one.N, "event %d was replayed by %s and is not marked as replayed", one.N, one.By)
			}
			if !got[one.N] {
				got[one.N] = true
				order = append(order, one)
			}
		case replayed:
			ended = true
			left := 0
			for n := range times {
				t := &times[n]
				if r.plan.Events[n].readable() && t.acked > 0 && t.acked < begun && !got[n] && (!l.Fault.Time || t.begun > l.Since.UnixMicro()) {
					left++
					complain(n, "event %d was acknowledged before %s began to replay, and was not replayed", n, by)
				}
			}
			last := map[string]Record{}
			for _, now := range order {
				if r.plan.Events[now.N].Seq == 0 || now.Attempt > 1 || r.copied(e, now.N) || l.Fault.Time && times[now.N].begun < l.Since.UnixMicro() {
					continue // what was lost on its way comes behind others; the first copy may be from before that time
				}
				if before, ok := last[now.Key]; ok && before.N > now.N {
					complain(now.N, "of the key %s event %d was replayed by %s behind event %d, which was published after it", now.Key, now.N, by, before.N)
				}
				last[now.Key] = now
			}
			r.report.Late = append(r.report.Late, fmt.Sprintf("%s %s: %d events, %d left out", by, l.Fault.Action, len(got), left))
		}
	}
	if !ended {
		r.wrong = append(r.wrong, fmt.Sprintf("%s did not come to the end of its %s", l.Slot, l.Fault.Action))
	}
}

// identity is what the group's store knows an event by, but for the digest.
func (k *replayer) identity(d *treaty.Delivered) store.Identity {
	return store.Identity{Group: group, Key: d.Source + "\t" + d.ID}
}
