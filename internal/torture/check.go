package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
)

// dead is an event in the dead letter.
type dead struct {
	n        int
	id       string
	reason   string
	detail   string
	attempts int
}

// evidence is all that is known at the end.
type evidence struct {
	producer, consumer, run []Record
	late                    []Record
	joined                  map[string]*joined // by slot
	effects                 []Record
	dead                    []dead
	rows                    map[int]bool // of the services, that are committed
	log                     map[int]int  // how often what carries a number is on the log; nil where it cannot be read
	backfilled              map[int]bool // what was published once more, for a group that asked
	features                broker.Features
}

// judge ends the consumers and the producer, reads what is on the broker, and
// checks everything.
func (r *run) judge() error {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	for _, p := range slices.Concat(r.of("consumer"), r.of("replayer"), r.of("joiner"), r.of("service"), r.of("producer")) {
		r.retire(p)
		select {
		case <-p.over:
		case <-time.After(30 * time.Second):
			r.violation("%s did not end within 30s", p.name)
			r.kill(p)
			<-p.over
		}
	}
	r.all.Wait()
	var e evidence
	for name, to := range map[string]*[]Record{ofProducer: &e.producer, ofConsumer: &e.consumer, ofLate: &e.late, ofRun: &e.run} {
		t := tail{path: filepath.Join(r.Dir, name)}
		if err := t.read(func(one Record) { *to = append(*to, one) }); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.readService(ctx, &e); err != nil {
		return fmt.Errorf("reading the rows: %w", err)
	}
	e.joined = map[string]*joined{}
	for _, l := range r.late {
		if l.Fault.Action == Replaying {
			continue
		}
		j, err := r.readJoined(ctx, l)
		if err != nil {
			return fmt.Errorf("reading what %s knows: %w", l.Slot, err)
		}
		e.joined[l.Slot] = j
	}
	if kinds[r.Store].inbox {
		var err error
		if e.effects, err = r.written(ctx); err != nil {
			return fmt.Errorf("reading the effects: %w", err)
		}
	} else {
		for _, one := range e.consumer {
			if one.What == effect {
				e.effects = append(e.effects, one)
			}
		}
	}
	if err := r.readBroker(ctx, &e); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(r.Dir, "*.log"))
	if err != nil {
		return err
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, bad := range []string{"WARNING: DATA RACE", "fatal error:", "goroutine 1 [running]"} {
			if i := strings.Index(string(text), bad); i >= 0 {
				r.violation("%s says:\n%s", filepath.Base(name), text[i:min(len(text), i+4000)])
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Violations = append(r.wrong, r.check(&e)...)
	r.report.Faults = r.faults
	for what, n := range r.plan.Faults() {
		if r.faults[what] == 0 && r.report.Faults[what] == 0 && !isSystem(what) {
			r.report.Faults[what] = n
		}
	}
	r.report.Started = r.started
	return nil
}

// readBroker reads what is on the log, where there is one, and in the dead
// letter.
func (r *run) readBroker(ctx context.Context, e *evidence) error {
	e.features = r.features
	if r.auditor != nil {
		for {
			r.mu.Lock()
			idle := time.Since(r.came)
			r.mu.Unlock()
			if idle > 3*time.Second {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		r.mu.Lock()
		e.dead = r.audited
		r.mu.Unlock()
		return nil
	}
	b, err := broker.Open(ctx, r.direct, adapters...)
	if err != nil {
		return err
	}
	defer b.Close()
	e.log, e.backfilled = map[int]int{}, map[int]bool{}
	if err := r.read(ctx, b, r.channel(), func(d broker.Delivery) {
		n := number(d.Message().Body)
		m, _, err := b.Binding().Decode(d.Message())
		if err == nil && n >= 0 && n < len(r.plan.Events) && m.ID != r.plan.ID(n) {
			r.violation("event %d is on the log as %s, and was published as %s", n, m.ID, r.plan.ID(n))
		}
		if err == nil {
			if _, ok := m.Extensions.Get("backfillfor"); ok {
				e.backfilled[n] = true
				return
			}
		}
		e.log[n]++
	}); err != nil {
		return err
	}
	if err := r.read(ctx, b, r.dead(), func(d broker.Delivery) { e.dead = append(e.dead, deadLetter(b, d)) }); err != nil {
		return err
	}
	if admin, ok := b.(broker.Admin); ok && r.Broker != "" {
		for _, ch := range r.channels() {
			_ = admin.Remove(ctx, ch)
		}
	}
	return nil
}

// isSystem is whether what happens is counted when it does.
func isSystem(what string) bool {
	if strings.HasPrefix(what, "killed ") || what == Drop || what == Redeliver {
		return true
	}
	for _, w := range mixture {
		if w.action != "" && what == string(w.action) {
			return true
		}
	}
	return what == string(Joined)
}

// read reads all that is on a channel: until what it publishes itself at the end
// comes, or where a channel has no single order, nothing for a while.
func (r *run) read(ctx context.Context, b broker.Broker, ch broker.Channel, each func(broker.Delivery)) error {
	const mark = "the end of what was to be read"
	end := broker.Message{}
	end.Body = []byte(mark)
	var mu sync.Mutex
	came := time.Now()
	over := make(chan struct{})
	s, err := b.Subscribe(ctx, ch, broker.Options{MaxInFlight: 1000}, func(d broker.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		came = time.Now()
		if string(d.Message().Body) == mark {
			if b.Features().Order == broker.ChannelOrder {
				close(over)
			}
		} else {
			each(d)
		}
		_ = d.Ack()
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", ch.Address, err)
	}
	defer func() { _ = s.Stop(ctx) }()
	if err := b.Publish(ctx, ch, end); err != nil {
		return fmt.Errorf("reading %s: %w", ch.Address, err)
	}
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("reading %s: %w", ch.Address, ctx.Err())
		case <-time.After(100 * time.Millisecond):
			mu.Lock()
			idle := time.Since(came)
			mu.Unlock()
			if b.Features().Order != broker.ChannelOrder && idle > 4*time.Second {
				return nil
			}
		}
	}
}

func deadLetter(b broker.Broker, d broker.Delivery) dead {
	e, _, err := b.Binding().Decode(d.Message())
	if err != nil {
		return dead{n: -1, detail: "what is in the dead letter is no event: " + err.Error()}
	}
	value := func(name string) string {
		v, _ := e.Extensions.Get(name)
		return v.String()
	}
	one := dead{id: e.ID, reason: value("dlqreason"), detail: value("dlqdetail")}
	one.attempts, _ = strconv.Atoi(value("dlqattempts"))
	one.n = number(e.Data)
	if e.Type == treaty.MalformedType {
		var m treaty.MalformedData
		if err := json.Unmarshal(e.Data, &m); err != nil {
			return dead{n: -1, detail: "a malformed event's data: " + err.Error()}
		}
		one.n = number(m.Body)
	}
	return one
}

// life is what happened to one event.
type life struct {
	published, acknowledged bool
	entered, effects        []Record
	dead                    []dead
	settled                 map[string]bool // processes that recorded it as handled
	redelivered             bool
}

// check holds what is known against what was promised, and returns what does not
// hold.
func (r *run) check(e *evidence) []string {
	lives := make([]life, len(r.plan.Events))
	var wrong []string
	alike := map[string]int{}
	complain := func(n int, format string, args ...any) {
		// A few of each sort tell the story.
		switch alike[format]++; {
		case alike[format] <= 3:
			wrong = append(wrong, fmt.Sprintf(format, args...)+"\n"+r.history(e, n))
		default:
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	for _, one := range e.producer {
		for _, n := range one.All {
			lives[n].published = lives[n].published || one.What == publishing
			if one.What == published {
				lives[n].acknowledged = true
			}
		}
	}
	for n := range e.rows {
		lives[n].acknowledged = true // as the database says, whoever came to record it
	}
	for n := range lives {
		if lives[n].acknowledged {
			r.report.Published++
		}
	}
	for _, one := range e.effects {
		if one.N < 0 || one.N >= len(lives) {
			wrong = append(wrong, fmt.Sprintf("an effect is of what nobody has published: %+v", one))
			continue
		}
		lives[one.N].effects = append(lives[one.N].effects, one)
	}
	for _, one := range e.consumer {
		if one.N < 0 || one.N >= len(lives) {
			if one.N >= len(lives) || one.What == entered {
				wrong = append(wrong, fmt.Sprintf("a handler had what nobody has published: %+v", one))
			}
			continue
		}
		l := &lives[one.N]
		switch one.What {
		case entered:
			l.entered = append(l.entered, one)
			l.redelivered = l.redelivered || one.Attempt != len(l.entered) || one.By != l.entered[0].By
		case outcome:
			if one.Reason == "handled" {
				if l.settled == nil {
					l.settled = map[string]bool{}
				}
				l.settled[one.By] = true
			}
		}
	}
	for _, d := range e.dead {
		r.report.DeadLetters[d.reason]++
		if d.n < 0 || d.n >= len(lives) {
			wrong = append(wrong, fmt.Sprintf("the dead letter has what nobody has published: %+v", d))
			continue
		}
		lives[d.n].dead = append(lives[d.n].dead, d)
	}
	for n := range lives {
		r.checkOne(e, n, &lives[n], complain)
	}
	r.checkLate(e, complain)
	if r.Members == 1 || e.features.GroupOrder != broker.Unordered {
		// An adapter says what its broker does while nothing is delivered again. One
		// member at a time has more from all of them but from RabbitMQ, whose queues put
		// what was returned several times behind what was returned once, and from a NATS
		// server that is older than 2.11, which loses count of what was returned.
		strict := r.Members == 1 && shown(r.Broker) != "amqp" && (shown(r.Broker) != "nats" || e.features.Expires)
		if !strict {
			r.report.Skipped["order of what was delivered again: the broker does not keep it here"]++
		}
		r.checkOrder(e, lives, strict, complain)
	}
	return wrong
}

func (r *run) checkOne(e *evidence, n int, l *life, complain func(int, string, ...any)) {
	ev := &r.plan.Events[n]
	if ev.Outbox {
		r.checkOutbox(e, n, l, complain)
	}
	if ev.never() {
		r.report.Undone++
		return
	}
	if !l.acknowledged {
		complain(n, "event %d was not acknowledged, however often it was published", n)
		return
	}
	if ev.Kind == Duplicate {
		return // it is what it is of
	}
	if e.log != nil && e.log[n] == 0 {
		complain(n, "event %d was acknowledged and is not on the log", n)
		return
	}
	r.report.Effects += len(l.effects)
	r.report.Repeated += max(0, len(l.effects)-1)
	reason := ev.reason()
	if ev.Kind == Collision && len(l.effects) > 0 && !kinds[r.Store].durable && r.forgot(e, l.effects[0].By) {
		return // who knew the other event is gone
	}
	switch {
	case len(l.effects) == 0 && len(l.dead) == 0:
		complain(n, "event %d was acknowledged and is lost: it has had no effect, and is in no dead letter", n)
	case reason == "" && len(l.effects) == 0:
		complain(n, "event %d is in the dead letter (%s: %s) and should have had its effect", n, l.dead[0].reason, l.dead[0].detail)
	case reason == "" && len(l.dead) > 0:
		complain(n, "event %d has had its effect and is in the dead letter, too (%s: %s)", n, l.dead[0].reason, l.dead[0].detail)
	case reason != "" && len(l.effects) > 0:
		complain(n, "event %d has had an effect and should be in the dead letter for %s", n, reason)
	case reason != "" && len(l.dead) == 0:
		complain(n, "event %d should be in the dead letter for %s, and is not there", n, reason)
	}
	for _, d := range l.dead {
		if reason != "" && d.reason != reason {
			complain(n, "event %d is in the dead letter for %s (%s), and not for %s", n, d.reason, d.detail, reason)
		}
		var want int
		switch reason {
		case "attempts":
			want = attempts
			if len(l.entered) < attempts || !l.redelivered && len(l.entered) > attempts {
				complain(n, "event %d was handled %d times, and the dead letter says %d of %d", n, len(l.entered), d.attempts, attempts)
			}
		case "rejected":
			want = 1
		default:
			want = 0
		}
		if d.attempts != want {
			complain(n, "event %d is in the dead letter after %d attempts, and not after %d", n, d.attempts, want)
		}
	}
	if (reason != "" && reason != "attempts" && reason != "rejected") && len(l.entered) > 0 {
		complain(n, "event %d should never have been handled: %s", n, reason)
	}
	// A second effect is explained where the process of the one before was killed
	// before it had recorded that all was done, or where the store is one that
	// forgets with its process.
	for i := 1; i < len(l.effects); i++ {
		before, now := l.effects[i-1].By, l.effects[i].By
		switch {
		case kinds[r.Store].inbox:
			complain(n, "event %d has had its effect twice, and the inbox is there for exactly one", n)
		case before == now:
			complain(n, "event %d has had its effect twice in one process", n)
		case !kinds[r.Store].durable:
		case r.fate[before] != killed || l.settled[before]:
			complain(n, "event %d has had its effect again, and nothing explains it", n)
		}
	}
}

// forgot is whether a process began with a store that knew nothing, and was not
// the first.
func (r *run) forgot(e *evidence, by string) bool {
	for _, one := range e.consumer {
		if one.What == began {
			return one.By != by
		}
	}
	return false
}

// checkOrder holds that no event of a key had its first effect, or was given
// up, behind a later one's; unless strict, of those alone that had it when they
// were delivered for the first time.
func (r *run) checkOrder(e *evidence, lives []life, strict bool, complain func(int, string, ...any)) {
	type step struct {
		n  int
		at int64
	}
	byKey := map[string][]step{}
	for n := range lives {
		ev, l := &r.plan.Events[n], &lives[n]
		if ev.Seq == 0 {
			continue
		}
		var first Record
		switch {
		case len(l.effects) > 0:
			first = l.effects[0]
		case len(l.entered) > 0 && len(l.dead) > 0:
			first = l.entered[0]
		}
		if first.At > 0 && (strict || first.Attempt == 1 && !r.copied(e, n)) {
			byKey[ev.Key] = append(byKey[ev.Key], step{n, first.At})
		}
	}
	keys := make([]string, 0, len(byKey))
	for key := range byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		steps := byKey[key] // in the order of their publication
		for i := 1; i < len(steps); i++ {
			if a, b := steps[i-1], steps[i]; a.at > b.at {
				complain(a.n, "of the key %s event %d had its effect behind event %d, which was published after it", key, a.n, b.n)
			}
		}
	}
}

// copied is whether there is more than one of an event, so that it may come for
// the first time behind those that came between the two.
func (r *run) copied(e *evidence, n int) bool { return e.log[n] > 1 || r.plan.Duplicated[n] }

// history is all that the records have of an event.
func (r *run) history(e *evidence, n int) string {
	type line struct {
		at   int64
		text string
	}
	ev := r.plan.Events[n]
	var lines []line
	begin := int64(0)
	if len(e.run) > 0 {
		begin = e.run[0].At
	}
	add := func(one *Record) {
		text, _ := json.Marshal(one)
		lines = append(lines, line{one.At, string(text)})
	}
	involved := map[string]bool{}
	for i := range e.producer {
		if one := &e.producer[i]; one.N == n || slices.Contains(one.All, n) {
			short := *one
			if len(short.All) > 1 {
				short.All = []int{n}
				short.Err = strings.TrimSpace(fmt.Sprintf("%s (of a call with %d)", short.Err, len(one.All)))
			}
			add(&short)
			involved[one.By] = true
		}
	}
	for i := range e.consumer {
		if one := &e.consumer[i]; one.N == n {
			add(one)
			involved[one.By] = true
		}
	}
	if kinds[r.Store].inbox {
		for i := range e.effects {
			if e.effects[i].N == n {
				add(&e.effects[i])
			}
		}
	}
	first, final := int64(1)<<62, int64(0)
	for _, l := range lines {
		first, final = min(first, l.at), max(final, l.at)
	}
	for i := range e.late {
		if one := &e.late[i]; one.N == n || one.N < 0 && one.What != known || one.Through[ev.Key] > 0 {
			add(one)
		}
	}
	for i := range e.run {
		one := &e.run[i]
		if one.What == fault && one.At > first-1e6 && one.At < final+1e6 || (one.What == killed || one.What == ended) && involved[one.ID] {
			add(one)
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.at - b.at) })
	var b strings.Builder
	ev.Pad = 0
	plan, _ := json.Marshal(ev)
	fmt.Fprintf(&b, "  event %d, %s, of the plan: %s\n", n, r.plan.ID(n), plan)
	for _, l := range lines {
		fmt.Fprintf(&b, "  %9.3fs %s\n", float64(l.at-begin)/1e6, l.text)
	}
	if e.log != nil {
		fmt.Fprintf(&b, "  on the log: %d times\n", e.log[n])
	}
	for _, d := range e.dead {
		if d.n == n {
			fmt.Fprintf(&b, "  in the dead letter: %+v\n", d)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
