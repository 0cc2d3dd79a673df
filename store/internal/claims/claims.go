// Package claims is what a process is handling now, for the stores that keep
// elsewhere what has been handled.
package claims

import (
	"sync"

	"github.com/treaty-events/treaty/store"
)

const shards = 64

// Table is the claims of a process by the hash of their identity. It is safe
// for concurrent use; its zero value is empty.
type Table struct {
	shards [shards]struct {
		mu sync.Mutex
		m  map[[16]byte]store.Digest
		_  [64]byte // no lock is in a cache line of another's
	}
}

// Take claims an identity: Claimed, Busy or Collision.
func (t *Table) Take(hash [16]byte, digest store.Digest) store.State {
	s := &t.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.m[hash]
	switch {
	case !ok:
		if s.m == nil {
			s.m = map[[16]byte]store.Digest{}
		}
		s.m[hash] = digest
		return store.Claimed
	case held == digest:
		return store.Busy
	}
	return store.Collision
}

// Held is whether this event is claimed.
func (t *Table) Held(hash [16]byte, digest store.Digest) bool {
	s := &t.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.m[hash]
	return ok && held == digest
}

// Release ends the claim of this event, and says whether there was one.
func (t *Table) Release(hash [16]byte, digest store.Digest) bool {
	s := &t.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.m[hash]
	if !ok || held != digest {
		return false
	}
	delete(s.m, hash)
	return true
}

// End ends the claim of an identity, whatever the event.
func (t *Table) End(hash [16]byte) {
	s := &t.shards[hash[0]%shards]
	s.mu.Lock()
	delete(s.m, hash)
	s.mu.Unlock()
}

// Clear ends all claims, and returns the identities' hashes.
func (t *Table) Clear() [][16]byte {
	var all [][16]byte
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for h := range s.m {
			all = append(all, h)
		}
		s.m = nil
		s.mu.Unlock()
	}
	return all
}
