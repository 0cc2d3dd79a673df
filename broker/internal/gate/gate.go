// Package gate is what the adapters share: it calls a subscription's handler for
// one delivery at a time, lets no more than so many be unsettled, and brings
// back, after a while, what its client cannot.
package gate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/broker"
)

// Gate is the way to a handler. Make one with New.
type Gate struct {
	handle func(broker.Delivery)
	max    int64

	calling  sync.Mutex // held while the handler is called
	inFlight atomic.Int64
	stopped  atomic.Bool
	done     chan struct{} // closed when it is stopped

	// Who waits for room, or for there to be nothing in flight, says so before it
	// looks, so that settling need not lock for nobody.
	waiting atomic.Int32
	mu      sync.Mutex
	changed sync.Cond
	err     error
}

// New makes a gate that is open.
func New(max int, handle func(broker.Delivery)) *Gate {
	g := &Gate{handle: handle, max: int64(max), done: make(chan struct{})}
	g.changed.L = &g.mu
	return g
}

// Deliver calls the handler, when there is room for one more unsettled delivery.
// It reports false, without having called, once the gate is closed.
func (g *Gate) Deliver(d broker.Delivery) bool { return g.DeliverIf(d, nil) }

// DeliverIf is Deliver for what may be out of date by the time that there is room: it
// reports false, too, if still does then. nil is always.
func (g *Gate) DeliverIf(d broker.Delivery, still func() bool) bool {
	took := g.take()
	if !took {
		g.wait(func() bool {
			took = !g.stopped.Load() && g.take()
			return took || g.stopped.Load()
		})
	}
	if !took {
		return false
	}
	if !g.call(func() broker.Delivery {
		if still != nil && !still() {
			return nil
		}
		return d
	}) {
		g.Settled()
		return false
	}
	return true
}

// take takes room for a delivery, if there is any.
func (g *Gate) take() bool {
	for {
		n := g.inFlight.Load()
		if n >= g.max {
			return false
		}
		if g.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// wait waits until something is so that Settled or Close may have made so.
func (g *Gate) wait(until func() bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	for !until() {
		g.changed.Wait()
	}
}

// call calls the handler unless the gate is closed, or due has nothing.
func (g *Gate) call(due func() broker.Delivery) bool {
	g.calling.Lock()
	defer g.calling.Unlock()
	if g.stopped.Load() {
		return false
	}
	d := due()
	if d == nil {
		return false
	}
	g.handle(d)
	return true
}

// Again calls the handler, after a while, for a delivery that takes the room of
// one that was not settled. due makes it when the time has come; it may be nil.
// Then, and when the gate is closed before, lost is called instead, and the room
// is free.
func (g *Gate) Again(delay time.Duration, due func() broker.Delivery, lost func()) {
	go func() {
		if delay > 0 {
			t := time.NewTimer(delay)
			defer t.Stop()
			select {
			case <-t.C:
			case <-g.done:
			}
		}
		if !g.call(due) {
			lost()
			g.Settled()
		}
	}()
}

// Settled makes room for another delivery.
func (g *Gate) Settled() {
	g.inFlight.Add(-1)
	if g.waiting.Load() > 0 {
		g.wake()
	}
}

func (g *Gate) wake() {
	g.mu.Lock()
	g.changed.Broadcast()
	g.mu.Unlock()
}

// Close closes the gate: when it returns, the handler is not being called and
// will not be again. It is not to be called by the handler. err is why, nil for
// nothing wrong. Closed again it does nothing.
func (g *Gate) Close(err error) {
	g.mu.Lock()
	if !g.stopped.Load() {
		g.err = err
		g.stopped.Store(true)
		close(g.done)
		g.changed.Broadcast()
	}
	g.mu.Unlock()
	g.calling.Lock()
	g.calling.Unlock() //lint:ignore SA2001 waiting is all that is wanted
}

// Drain waits until nothing is unsettled, or ctx ends.
func (g *Gate) Drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, g.wake)
	defer stop()
	g.wait(func() bool { return g.inFlight.Load() == 0 || ctx.Err() != nil })
	if g.inFlight.Load() > 0 {
		return ctx.Err()
	}
	return nil
}

// Done is closed with the gate.
func (g *Gate) Done() <-chan struct{} { return g.done }

// Err is why the gate was closed.
func (g *Gate) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}
