// Package store is what a consumer remembers of the events that it has handled,
// so that a second delivery of one has no second effect (§4 and §5 of the
// semantics, "dedupe"). The stores are the packages beside this one:
//
//	store/memory  this process alone: best effort, gone when it ends
//	store/bolt    a file; the default
//	store/sql     PostgreSQL and SQLite: a store, an inbox that commits with the handler's own
//	              transaction, and an outbox that commits with the producer's
//	store/redis   shared by the processes of a group
//
// storetest is the suite that all of them pass.
package store

import (
	"context"
	"errors"
	"time"
)

// ErrUncommittable is in the error of an Inbox whose handler returned nil and left
// what can never be committed: a constraint broken that is looked at in the end, or
// a statement that failed and was passed over. It is the handler's error, and no
// fault of the inbox.
var ErrUncommittable = errors.New("what the handler did cannot be committed")

// DefaultWindow is how long identities are remembered where nobody says.
const DefaultWindow = 7 * 24 * time.Hour

// Identity is what an event is known again by, within a group of consumers.
type Identity struct {
	// Group is the group of consumers, each of which handles an event once.
	Group string
	// Key is the values of the attributes that tell events apart, source and id
	// unless the contract names others, with a tab between, which none of them can
	// have.
	Key string
	// Digest is of the type, the subject and the data. The same Key with another
	// Digest is a collision: two events that claim to be one.
	Digest Digest
}

// Digest is the first half of a SHA-256; for a store that is not Durable it may be
// another hash, which is the process's own.
type Digest [16]byte

// State is what is known of an identity.
type State uint8

// The states. The zero value is none of them.
const (
	// Claimed: nobody has handled it, and it is now the caller's to handle.
	Claimed State = iota + 1
	// Done: it has been handled.
	Done
	// Busy: another has claimed it, and neither handled nor released it.
	Busy
	// Collision: another event with this key was claimed or handled.
	Collision
)

func (s State) String() string {
	switch s {
	case Claimed:
		return "claimed"
	case Done:
		return "done"
	case Busy:
		return "busy"
	case Collision:
		return "collision"
	}
	return "unknown"
}

// Store remembers identities for a window of time. It is safe for concurrent
// use. An error of any method means that nothing is known to have changed; the
// caller tries again.
type Store interface {
	// Claim takes an identity for handling. Only the answer Claimed gives it to the
	// caller, who then calls Done or Release. A claim that is neither, since its
	// process has died, ends by itself: with the process where the store is in one,
	// else when its lease is over.
	Claim(ctx context.Context, id Identity) (State, error)
	// Done remembers that the events have been handled, and returns when that is as
	// safe as the store makes it. It may be called for what is done already and for
	// what was not claimed.
	Done(ctx context.Context, ids ...Identity) error
	// Release gives back claims that were not handled.
	Release(ctx context.Context, ids ...Identity) error
	// Durable is whether what is done outlives the process. A store that is not is
	// best effort: after a restart a duplicate has its effect again. It is this
	// process's alone: another's digests of the same events may be others.
	Durable() bool
	// Close frees what the store holds. Claims are released.
	Close() error
}

// Renewer is a store whose claims have a lease. Renew begins the leases of
// claims anew; what is not claimed by this process is passed over.
type Renewer interface {
	Renew(ctx context.Context, ids ...Identity) error
	// Lease is how long a claim lasts that is not renewed.
	Lease() time.Duration
}

// Windower is a store or an inbox that says how long it remembers what is done, at
// least.
type Windower interface {
	Window() time.Duration
}

// Inbox remembers within the handler's own transaction, so that an event's
// effect and the memory of it are there together or not at all: effects exactly
// once. It is safe for concurrent use.
type Inbox interface {
	// Once calls handle in a transaction, which the context that it gets carries,
	// unless the event has been handled; it commits where handle returns nil, and
	// rolls back otherwise. The state is Claimed where handle was called, and the
	// error is then that of handle or of the commit, with ErrUncommittable where that
	// would fail for ever.
	Once(ctx context.Context, id Identity, handle func(ctx context.Context) error) (State, error)
}
