// Package memory is a store inside the process. It is best effort: what it
// knows is gone when the process ends, and a duplicate that comes after that has
// its effect again.
//
// An event in the window takes about 50 bytes, whatever the length of its key,
// since what is kept is a hash of 128 bits with seeds of the process. Should two
// events ever have the same one it is seen by their digests, and is a collision.
package memory

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/store"
)

// Option changes what New does.
type Option func(*Store)

// Window sets how long identities are remembered, at least; up to twice as long
// they may be. 0 and less is store.DefaultWindow.
func Window(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.window = d
		}
	}
}

// Clock sets what says the time, for tests.
func Clock(now func() time.Time) Option {
	return func(s *Store) {
		s.since = func() time.Duration { return time.Duration(now().UnixNano()) }
	}
}

// Store is a store.Store inside the process.
type Store struct {
	window time.Duration
	since  func() time.Duration // time passed, of a beginning that does not matter
	closed atomic.Bool
	seeds  [2]maphash.Seed
	shards [shards]shard
}

// Callers meet at a lock only where their events' hashes begin alike.
const shards = 64

type hash [2]uint64

// hash is faster than Identity.Hash, which is made to be kept in files: four
// fifths of an answer would be the SHA-256.
func (s *Store) hash(id *store.Identity) hash {
	var scratch [256]byte
	b := binary.AppendUvarint(scratch[:0], uint64(len(id.Group)))
	b = append(b, id.Group...)
	b = append(b, id.Key...)
	return hash{maphash.Bytes(s.seeds[0], b), maphash.Bytes(s.seeds[1], b)}
}

// shard remembers in two maps: what was done in this window, and what in the
// last. When a window is over the older map goes as a whole, so that nothing is
// looked through, and no memory stays behind as it does in a map whose entries
// are deleted one by one.
type shard struct {
	mu            sync.Mutex
	claims        map[hash]store.Digest
	done, earlier map[hash]store.Digest
	begun         time.Duration
	_             [64]byte // a shard's lock is in no cache line of another's
}

// New makes a store that knows of nothing.
func New(options ...Option) *Store {
	started := time.Now()
	s := &Store{window: store.DefaultWindow, since: func() time.Duration { return time.Since(started) }, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for _, o := range options {
		o(s)
	}
	begun := s.since()
	for i := range s.shards {
		s.shards[i].claims = map[hash]store.Digest{}
		s.shards[i].done = map[hash]store.Digest{}
		s.shards[i].begun = begun
	}
	return s
}

func (s *Store) check(ctx context.Context, op string) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %w; open another", op, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// turn begins a new window when one is over.
func (s *Store) turn(sh *shard) {
	now := s.since()
	if now-sh.begun < s.window {
		return
	}
	begun := now
	if sh.earlier = nil; now-sh.begun < 2*s.window && len(sh.done) > 0 {
		// The window that is over ended when it was to, however late that is seen.
		sh.earlier, begun = sh.done, sh.begun+s.window
	}
	sh.done, sh.begun = map[hash]store.Digest{}, begun
}

func (sh *shard) known(h hash) (store.Digest, bool) {
	d, ok := sh.done[h]
	if !ok {
		d, ok = sh.earlier[h]
	}
	return d, ok
}

// Claim takes an identity for handling; see [store.Store].
func (s *Store) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	if err := s.check(ctx, "claim"); err != nil {
		return 0, err
	}
	h := s.hash(&id)
	sh := &s.shards[h[0]%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.turn(sh)
	held, busy := sh.claims[h]
	if !busy {
		var done bool
		if held, done = sh.known(h); !done {
			sh.claims[h] = id.Digest
			return store.Claimed, nil
		}
	}
	switch {
	case held != id.Digest:
		return store.Collision, nil
	case busy:
		return store.Busy, nil
	}
	return store.Done, nil
}

// Done remembers that events have been handled, until the process ends.
func (s *Store) Done(ctx context.Context, ids ...store.Identity) error {
	if err := s.check(ctx, "remember what is done"); err != nil {
		return err
	}
	for i := range ids {
		h := s.hash(&ids[i])
		sh := &s.shards[h[0]%shards]
		sh.mu.Lock()
		s.turn(sh)
		if _, claimed := sh.claims[h]; claimed { // then it is not done
			delete(sh.claims, h)
			sh.done[h] = ids[i].Digest
		} else if _, done := sh.known(h); !done {
			sh.done[h] = ids[i].Digest
		}
		sh.mu.Unlock()
	}
	return nil
}

// Release gives back claims that were not handled.
func (s *Store) Release(ctx context.Context, ids ...store.Identity) error {
	if err := s.check(ctx, "release claims"); err != nil {
		return err
	}
	for i := range ids {
		h := s.hash(&ids[i])
		sh := &s.shards[h[0]%shards]
		sh.mu.Lock()
		if d, ok := sh.claims[h]; ok && d == ids[i].Digest {
			delete(sh.claims, h)
		}
		sh.mu.Unlock()
	}
	return nil
}

// Window is how long identities are remembered, at least.
func (s *Store) Window() time.Duration { return s.window }

// Durable is false.
func (s *Store) Durable() bool { return false }

// Close forgets everything.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.claims, sh.done, sh.earlier = map[hash]store.Digest{}, map[hash]store.Digest{}, nil
		sh.mu.Unlock()
	}
	return nil
}
