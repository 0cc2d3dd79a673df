// Package commit lets many callers share one commit, since what a commit costs,
// a synced disk or a way over the network, it costs once.
package commit

import (
	"context"
	"sync"

	"github.com/treaty-events/treaty/store"
)

// Group commits what its callers bring. While a commit runs, what comes is
// gathered for the next one; nobody waits for more to come.
type Group[T any] struct {
	run func([]T) error
	max int

	mu      sync.Mutex
	pending []*batch[T]
	running bool
	closed  bool
	idle    chan struct{} // closed when nothing runs, after Close
}

type batch[T any] struct {
	items []T
	done  chan struct{}
	err   error
}

// New makes a group. run commits items, all or none; it is called by one
// goroutine at a time. Batches are of max items, or of one call's where that
// brings more.
func New[T any](max int, run func([]T) error) *Group[T] {
	return &Group[T]{run: run, max: max, idle: make(chan struct{})}
}

// Do returns when the items have been committed. Where the context ends before
// that its error is returned, and they may be committed all the same: what they
// point at is to be left alone.
func (g *Group[T]) Do(ctx context.Context, items ...T) error {
	if len(items) == 0 {
		return nil
	}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return store.ErrClosed
	}
	var b *batch[T]
	if n := len(g.pending); n > 0 && len(g.pending[n-1].items)+len(items) <= g.max {
		b = g.pending[n-1]
	} else {
		b = &batch[T]{done: make(chan struct{})}
		g.pending = append(g.pending, b)
	}
	b.items = append(b.items, items...)
	if !g.running {
		g.running = true
		go g.loop()
	}
	g.mu.Unlock()
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Group[T]) loop() {
	for {
		g.mu.Lock()
		if len(g.pending) == 0 {
			g.running = false
			if g.closed {
				close(g.idle)
			}
			g.mu.Unlock()
			return
		}
		b := g.pending[0]
		g.pending = g.pending[1:]
		g.mu.Unlock()
		b.err = g.run(b.items)
		close(b.done)
	}
}

// Close lets Do fail with store.ErrClosed, and waits for what has been brought.
func (g *Group[T]) Close() {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	g.closed = true
	running := g.running
	g.mu.Unlock()
	if running {
		<-g.idle
	}
}
