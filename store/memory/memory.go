// Package memory is a store inside the process. It is best effort: what it
// knows is gone when the process ends, and a duplicate that comes after that has
// its effect again.
//
// An event in the window takes 26 to 51 bytes, whatever the length of its key,
// since what is kept is a hash of 64 bits with a seed of the process. Should two
// events ever have the same one it is seen by their digests, and is a collision: with
// ten million events in the window that is to be expected once in 10^12 events.
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
	seed   maphash.Seed
	shards [shards]shard
}

// Callers meet at a lock only where their events' hashes begin alike.
const shards = 64

// hash is faster than Identity.Hash, which is made to be kept in files: four
// fifths of an answer would be the SHA-256.
func (s *Store) hash(id *store.Identity) uint64 {
	var scratch [256]byte
	b := binary.AppendUvarint(scratch[:0], uint64(len(id.Group)))
	b = append(b, id.Group...)
	b = append(b, id.Key...)
	return maphash.Bytes(s.seed, b)
}

// shard remembers in two tables: what was claimed and done in this window, and what
// in the last. When a window is over the older table goes as a whole, so that nothing
// is looked through.
type shard struct {
	mu          sync.Mutex
	of, earlier table
	claimed     int // how many entries are claims
	begun       time.Duration
	_           [64]byte // a shard's lock is in no cache line of another's
}

// New makes a store that knows of nothing.
func New(options ...Option) *Store {
	started := time.Now()
	s := &Store{window: store.DefaultWindow, since: func() time.Duration { return time.Since(started) }, seed: maphash.MakeSeed()}
	for _, o := range options {
		o(s)
	}
	begun := s.since()
	for i := range s.shards {
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

// turn begins a new window when one is over. Claims stay, however old.
func (s *Store) turn(sh *shard, now time.Duration) {
	if now-sh.begun < s.window {
		return
	}
	gone := []table{sh.earlier, sh.of}
	begun := now
	if sh.earlier = (table{}); now-sh.begun < 2*s.window && sh.of.n > 0 {
		// The window that is over ended when it was to, however late that is seen.
		sh.earlier, begun = sh.of, sh.begun+s.window
		gone = gone[:1]
	}
	sh.of, sh.begun = table{}, begun
	if sh.claimed == 0 {
		return
	}
	for i := range gone {
		for _, e := range gone[i].entries {
			if e.state() == claimed {
				*sh.of.add(e.hash) = e
			}
		}
	}
}

// find is what is known of an identity, nil for nothing, and whether the last
// window's table has it.
func (sh *shard) find(h uint64) (e *entry, old bool) {
	if e = sh.of.find(h); e == nil {
		e = sh.earlier.find(h)
		old = e != nil
	}
	return e, old
}

// Claim takes an identity for handling; see [store.Store].
func (s *Store) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	if err := s.check(ctx, "claim"); err != nil {
		return 0, err
	}
	h, now := s.hash(&id), s.since()
	sh := &s.shards[h%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.turn(sh, now)
	known, _ := sh.find(h)
	switch {
	case known == nil:
		sh.of.add(h).set(claimed, &id.Digest)
		sh.claimed++
		return store.Claimed, nil
	case !known.is(&id.Digest):
		return store.Collision, nil
	case known.state() == claimed:
		return store.Busy, nil
	}
	return store.Done, nil
}

// Done remembers that events have been handled, until the process ends.
func (s *Store) Done(ctx context.Context, ids ...store.Identity) error {
	if err := s.check(ctx, "remember what is done"); err != nil {
		return err
	}
	now := s.since()
	for i := range ids {
		h := s.hash(&ids[i])
		sh := &s.shards[h%shards]
		sh.mu.Lock()
		s.turn(sh, now)
		known, old := sh.find(h)
		if known != nil && known.state() == claimed {
			sh.claimed--
		}
		switch {
		case known == nil:
			sh.of.add(h).set(done, &ids[i].Digest)
		case known.state() == done:
		case old: // it is of this window, whenever it was claimed
			sh.earlier.remove(known)
			sh.of.add(h).set(done, &ids[i].Digest)
		default:
			known.set(done, &ids[i].Digest)
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
		sh := &s.shards[h%shards]
		sh.mu.Lock()
		if known, old := sh.find(h); known != nil && known.state() == claimed && known.is(&ids[i].Digest) {
			if old {
				sh.earlier.remove(known)
			} else {
				sh.of.remove(known)
			}
			sh.claimed--
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
		sh.of, sh.earlier, sh.claimed = table{}, table{}, 0
		sh.mu.Unlock()
	}
	return nil
}
