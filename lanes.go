package treaty

import (
	"sync"
	"time"
)

// lanes runs tasks: those of one key one at a time and in order, those of
// different keys side by side, no more than max at a time. A task that has to wait
// holds back its own lane alone. Workers are made as they are needed, and stay.
type lanes struct {
	run     func(*task) time.Duration // how long the task has to wait to run again; negative: never
	exited  func(*task) time.Duration // the same of a task that has ended the goroutine in which it ran
	abandon func(*task)               // gives back what will not run any more
	max     int                       // workers at a time

	mu       sync.Mutex
	byKey    map[string]*lane
	ready    *lane // those to be run, in their order
	last     *lane
	workers  int
	parked   int                   // workers that wait for work
	wake     sync.Cond             // what they wait for
	waiting  map[*lane]*time.Timer // held back
	draining bool
	idle     chan struct{} // closed when it is draining and no worker is left
	spare    *lane         // lanes to be used again
}

// lane is the tasks of one key. The first is the one that runs, or waits.
type lane struct {
	key         string
	keyed       bool
	first, last *task
	running     bool
	next        *lane // in ready, or in spare
}

// done is what run returns for a task that has not to run again.
const done = time.Duration(-1)

func newLanes(max int, run, exited func(*task) time.Duration, abandon func(*task)) *lanes {
	l := &lanes{run: run, exited: exited, abandon: abandon, max: max, byKey: map[string]*lane{}, waiting: map[*lane]*time.Timer{}, idle: make(chan struct{})}
	l.wake.L = &l.mu
	return l
}

// add adds a task behind those of its key; one that is not keyed has a lane of
// its own.
func (l *lanes) add(t *task) {
	l.mu.Lock()
	if l.draining {
		l.mu.Unlock()
		l.abandon(t)
		return
	}
	if t.keyed {
		if one := l.byKey[t.Key]; one != nil {
			one.last.next = t
			one.last = t
			l.mu.Unlock()
			return
		}
	}
	one := l.spare
	if one != nil {
		l.spare = one.next
		one.next = nil
	} else {
		one = &lane{}
	}
	one.key, one.keyed, one.first, one.last = t.Key, t.keyed, t, t
	if t.keyed {
		l.byKey[t.Key] = one
	}
	l.push(one)
	l.mu.Unlock()
}

// push makes a lane ready, and sees that somebody runs it. It is called locked.
func (l *lanes) push(one *lane) {
	if l.last != nil {
		l.last.next = one
	} else {
		l.ready = one
	}
	l.last = one
	switch {
	case l.parked > 0:
		l.parked--
		l.wake.Signal()
	case l.workers < l.max:
		l.workers++
		go l.worker()
	}
}

// worker runs tasks until there are to be no more.
func (l *lanes) worker() {
	l.mu.Lock()
	l.work()
}

// work is what a worker does. It is called locked.
func (l *lanes) work() {
	for {
		for !l.draining && l.ready == nil {
			l.parked++
			l.wake.Wait()
		}
		if l.draining {
			break
		}
		one := l.ready
		if l.ready = one.next; l.ready == nil {
			l.last = nil
		}
		one.next = nil
		one.running = true
		t := one.first
		l.mu.Unlock()
		wait := l.step(one, t)
		l.mu.Lock()
		l.ran(one, t, wait)
	}
	if l.workers--; l.workers == 0 && l.draining {
		close(l.idle)
	}
	l.mu.Unlock()
}

// step runs a task. Where that ends the goroutine, as runtime.Goexit does, and
// FailNow of a test, another worker goes on.
func (l *lanes) step(one *lane, t *task) (wait time.Duration) {
	over := false
	defer func() {
		if over {
			return
		}
		wait := l.exited(t)
		go func() {
			l.mu.Lock()
			l.ran(one, t, wait)
			l.work()
		}()
	}()
	wait = l.run(t)
	over = true
	return wait
}

// ran is what comes after the first task of a lane has run. It is called locked.
func (l *lanes) ran(one *lane, t *task, wait time.Duration) {
	one.running = false
	switch {
	case wait < 0:
		if one.first = t.next; one.first != nil {
			t.next = nil
			l.again(one)
			return
		}
		one.last = nil
		if one.keyed {
			delete(l.byKey, one.key)
		}
		one.key = ""
		one.next, l.spare = l.spare, one
	case l.draining:
		l.mu.Unlock()
		l.abandon(t)
		l.mu.Lock()
	default:
		l.waiting[one] = time.AfterFunc(wait, func() { l.over(one) })
	}
}

// again puts a lane behind the others, for the worker that has run its first
// task. It is called locked.
func (l *lanes) again(one *lane) {
	if l.last != nil {
		l.last.next = one
	} else {
		l.ready = one
	}
	l.last = one
}

// over ends the waiting of a lane.
func (l *lanes) over(one *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[one] == nil {
		return // given up meanwhile
	}
	delete(l.waiting, one)
	l.push(one)
}

// stop lets no further task begin, abandons those that have not, and returns
// when the last one that runs has ended.
func (l *lanes) stop() {
	l.mu.Lock()
	if !l.draining {
		l.draining = true
		l.wake.Broadcast()
		if l.workers == 0 {
			close(l.idle)
		}
	}
	var left []*task
	take := func(one *lane) {
		from := &one.first
		if one.running {
			from = &one.first.next // the first ends by itself
		}
		for t := *from; t != nil; t = t.next {
			left = append(left, t)
		}
		*from = nil
	}
	for one, timer := range l.waiting {
		timer.Stop()
		take(one)
	}
	for one := l.ready; one != nil; one = one.next {
		take(one)
	}
	for _, one := range l.byKey {
		take(one)
	}
	clear(l.waiting)
	l.ready, l.last = nil, nil
	l.mu.Unlock()
	for _, t := range left {
		l.abandon(t)
	}
	<-l.idle
}
