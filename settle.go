package treaty

import (
	"sync"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/store"
)

// settler remembers what was handled, many events at a time as a store likes it,
// and then acknowledges it. Its goroutine is there only while there is something
// to settle. Lanes need not wait for it: what a handler has done is done, and were
// the process to end now, the events of a key would come again in their order.
type settler struct {
	consumer *Consumer
	mu       sync.Mutex
	handled  []*task
	spare    []*task
	running  bool
	idle     sync.Cond

	settling, remembered []*task // what run has in hand, and what of it is to be acknowledged
	ids                  []store.Identity
}

func (s *settler) add(t *task) {
	s.mu.Lock()
	s.handled = append(s.handled, t)
	if !s.running {
		s.running = true
		go s.run()
	}
	s.mu.Unlock()
}

// run settles what there is. Where a hook ends the goroutine, another goes on.
func (s *settler) run() {
	over := false
	defer func() {
		if !over {
			s.consumer.log.Error("a hook ended its goroutine: runtime.Goexit, or FailNow of a test, was called in it", "group", s.consumer.group)
			go s.run()
		}
	}()
	for {
		for len(s.remembered) > 0 {
			t := s.remembered[0]
			s.remembered = s.remembered[1:]
			s.ack(t)
		}
		s.mu.Lock()
		if s.settling != nil {
			clear(s.settling)
			s.spare = s.settling[:0]
		}
		batch := s.handled
		if len(batch) == 0 {
			over, s.settling, s.running = true, nil, false
			if s.idle.L != nil {
				s.idle.Broadcast()
			}
			s.mu.Unlock()
			return
		}
		s.handled, s.spare, s.settling = s.spare, nil, batch
		s.mu.Unlock()
		ids := s.ids[:0]
		for _, t := range batch {
			if t.claimed.Load() {
				ids = append(ids, t.id)
			}
		}
		if s.remember(ids) {
			s.remembered = batch
		}
		clear(ids)
		s.ids = ids
	}
}

// remember has the store remember, however long that takes. It reports false
// where the consumer ended before: the events then come again.
func (s *settler) remember(ids []store.Identity) bool {
	c := s.consumer
	for n := 0; len(ids) > 0; n++ {
		err := c.store.Done(c.ctx, ids...)
		if err == nil {
			break
		}
		c.log.Error("the store of handled events fails; they are not acknowledged until it does not", "group", c.group, "events", len(ids), "times", n+1, "err", err)
		select {
		case <-time.After(broker.Backoff(n)):
		case <-c.ctx.Done():
			return false
		}
	}
	return true
}

// ack acknowledges a task.
func (s *settler) ack(t *task) {
	c := s.consumer
	c.beats.remove(t)
	if err := t.delivery.Ack(); err != nil {
		// It comes again, and is then known.
		c.log.Debug("acknowledging", "group", c.group, "channel", t.inlet.Name, "id", t.event.ID, "err", err)
	}
	c.outcome(t, t.result, "", nil)
}

// wait waits until nothing is to be settled.
func (s *settler) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle.L = &s.mu
	for s.running {
		s.idle.Wait()
	}
}

// beats gives signs of life for the deliveries that are not settled: to a broker
// that would take them for lost, and to a store whose claims have a lease. A nil
// one does nothing.
type beats struct {
	consumer *Consumer
	renewer  store.Renewer
	mu       sync.Mutex
	first    task // ring of tasks
	quit     chan struct{}
	over     chan struct{}
}

func newBeats(c *Consumer, r store.Renewer) *beats {
	b := &beats{consumer: c, renewer: r, quit: make(chan struct{}), over: make(chan struct{})}
	b.first.before, b.first.then = &b.first, &b.first
	every := ackWait / 3
	if r != nil {
		every = min(every, r.Lease()/3)
	}
	go b.run(every)
	return b
}

func (b *beats) add(t *task) {
	b.mu.Lock()
	t.before, t.then = b.first.before, &b.first
	t.before.then, b.first.before = t, t
	b.mu.Unlock()
}

func (b *beats) remove(t *task) {
	if b == nil {
		return
	}
	b.mu.Lock()
	if t.then != nil {
		t.before.then, t.then.before = t.then, t.before
		t.before, t.then = nil, nil
	}
	b.mu.Unlock()
}

func (b *beats) run(every time.Duration) {
	defer close(b.over)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-b.quit:
			return
		}
		var all []*task
		var ids []store.Identity
		b.mu.Lock()
		for t := b.first.then; t != &b.first; t = t.then {
			all = append(all, t)
		}
		b.mu.Unlock()
		c := b.consumer
		for _, t := range all {
			if err := t.delivery.InProgress(); err != nil {
				c.log.Debug("a sign of life", "group", c.group, "err", err)
			}
			if t.claimed.Load() {
				ids = append(ids, t.id)
			}
		}
		if b.renewer != nil && len(ids) > 0 {
			if err := b.renewer.Renew(c.ctx, ids...); err != nil {
				c.log.Warn("renewing claims", "group", c.group, "err", err)
			}
		}
	}
}

func (b *beats) stop() {
	if b == nil {
		return
	}
	close(b.quit)
	<-b.over
}
