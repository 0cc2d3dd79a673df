// Package redis is a store in Redis, which the processes of a group share. What
// is claimed has a lease; what is done has the window as its time to live, so
// that Redis itself forgets it.
//
// How safe Redis keeps what is done is Redis's to say: it outlives this process,
// and with "appendonly yes" and "appendfsync always" a loss of power too. A
// replica that takes over may not have the last of it: the events concerned are
// handled again if they come again. Its maxmemory-policy is to be noeviction:
// with another it forgets what it pleases. An event in the window takes about
// 150 bytes of it.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/internal/claims"
	"github.com/treaty-events/treaty/store/internal/commit"
)

// Option changes what Open does.
type Option func(*Store)

// Window sets how long identities are remembered, from when they are done. 0
// and less is store.DefaultWindow.
func Window(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.window = d
		}
	}
}

// Lease sets how long a claim lasts that is not renewed. 0 and less is
// store.DefaultLease.
func Lease(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.lease = d
		}
	}
}

// Prefix sets what keys begin with, "treaty:" where it is not used.
func Prefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// Store is a store.Store and a store.Renewer in Redis.
type Store struct {
	client redis.UniversalClient
	prefix string
	window time.Duration
	lease  time.Duration
	owner  string // tells this store's claims from others'
	closed atomic.Bool
	claims claims.Table
	group  *commit.Group[*command]
}

// A key is the prefix and the hash of an identity. Its value is "d" and the
// digest where the event is done, and "c", the digest and the owner where it is
// claimed. The scripts see one key each, so that a cluster can run them.
var (
	// claimScript takes what nobody has, or what is this owner's already. What
	// follows is milliseconds: the lease.
	claimScript = redis.NewScript(`
local v = redis.call('GET', KEYS[1])
if not v or (string.sub(v, 1, 1) == 'c' and string.sub(v, 18) == ARGV[2]) then
	redis.call('SET', KEYS[1], 'c' .. ARGV[1] .. ARGV[2], 'PX', ARGV[3])
	return 1
end
if string.sub(v, 2, 17) ~= ARGV[1] then return 4 end
if string.sub(v, 1, 1) == 'd' then return 2 end
return 3`)
	// doneScript leaves alone what is done.
	doneScript = redis.NewScript(`
local v = redis.call('GET', KEYS[1])
if not v or string.sub(v, 1, 1) == 'c' then
	redis.call('SET', KEYS[1], 'd' .. ARGV[1], 'PX', ARGV[3])
end
return 2`)
	// releaseScript deletes a claim of this owner's.
	releaseScript = redis.NewScript(`
local v = redis.call('GET', KEYS[1])
if v and string.sub(v, 1, 1) == 'c' and string.sub(v, 18) == ARGV[2] then redis.call('DEL', KEYS[1]) end
return 0`)
)

// command is a script for one identity.
type command struct {
	script  *redis.Script
	hash    [16]byte
	digest  store.Digest
	expires time.Duration
	answer  int64
	settled atomic.Int32 // 1: the answer is there; 2: nobody waits for it any more
}

// maxBatch is how many commands go in one pipeline, and patience how long one
// may take.
const (
	maxBatch = 1000
	patience = time.Minute
)

// Open opens a store in the Redis of a client, which is the caller's: Close
// leaves it open. It fails where Redis does not answer.
func Open(ctx context.Context, client redis.UniversalClient, options ...Option) (*Store, error) {
	s := &Store{client: client, prefix: "treaty:", window: store.DefaultWindow, lease: store.DefaultLease, owner: rand.Text()}
	for _, o := range options {
		o(s)
	}
	if s.window < time.Millisecond || s.lease < time.Millisecond {
		return nil, fmt.Errorf("open a store on Redis: a window of %v and a lease of %v; neither can be less than a millisecond", s.window, s.lease)
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("open a store on Redis: %w; is it there, and does it let this user in?", err)
	}
	s.group = commit.New(maxBatch, s.run)
	return s, nil
}

func (s *Store) ready(ctx context.Context, op string) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %w; open another", op, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// run sends commands in one pipeline. It is called by the group alone, and once
// more for what nobody waits for.
func (s *Store) run(all []*command) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.send(ctx, all, (*redis.Script).EvalSha); err != nil {
		if !strings.HasPrefix(err.Error(), "NOSCRIPT") {
			return err
		}
		// Redis was started anew, or this is the first time. Commands that it has run
		// already give the same answer again: a claim is its owner's.
		if err := s.send(ctx, all, (*redis.Script).Eval); err != nil {
			return err
		}
	}
	var abandoned []*command
	for _, c := range all {
		if !c.settled.CompareAndSwap(0, 1) && c.script == claimScript && c.answer == int64(store.Claimed) {
			abandoned = append(abandoned, s.command(releaseScript, c.hash, c.digest, 0))
		}
	}
	if len(abandoned) > 0 {
		// Where this fails they are this process's until their leases are over, and it
		// can claim them again.
		_ = s.send(ctx, abandoned, (*redis.Script).Eval)
	}
	return nil
}

type eval = func(script *redis.Script, ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd

func (s *Store) send(ctx context.Context, all []*command, eval eval) error {
	pipe := s.client.Pipeline()
	answers := make([]*redis.Cmd, len(all))
	for i, c := range all {
		answers[i] = eval(c.script, ctx, pipe, []string{s.prefix + string(c.hash[:])}, string(c.digest[:]), s.owner, c.expires.Milliseconds())
	}
	_, err := pipe.Exec(ctx)
	for i, a := range answers {
		// NOSCRIPT of any of them is said rather than what else there is.
		n, each := a.Int64()
		if each != nil {
			if err == nil || strings.HasPrefix(each.Error(), "NOSCRIPT") {
				err = each
			}
			continue
		}
		all[i].answer = n
	}
	return err
}

func (s *Store) command(script *redis.Script, hash [16]byte, digest store.Digest, expires time.Duration) *command {
	return &command{script: script, hash: hash, digest: digest, expires: expires}
}

// do runs a script for many identities.
func (s *Store) do(ctx context.Context, op string, script *redis.Script, ids []store.Identity, expires time.Duration) error {
	all := make([]*command, len(ids))
	for i := range ids {
		all[i] = s.command(script, ids[i].Hash(), ids[i].Digest, expires)
	}
	for some := range slices.Chunk(all, maxBatch) {
		if err := s.group.Do(ctx, some...); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return nil
}

// Claim takes an identity for handling; see [store.Store]. What this process
// has claimed stays claimed here even if its lease is over.
func (s *Store) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	const op = "claim"
	if err := s.ready(ctx, op); err != nil {
		return 0, err
	}
	h := id.Hash()
	if state := s.claims.Take(h, id.Digest); state != store.Claimed {
		return state, nil
	}
	c := s.command(claimScript, h, id.Digest, s.lease)
	err := s.group.Do(ctx, c)
	if err != nil && (ctx.Err() == nil || c.settled.CompareAndSwap(0, 2)) {
		s.claims.Release(h, id.Digest)
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	state := store.State(c.answer)
	if state != store.Claimed {
		s.claims.Release(h, id.Digest)
	}
	return state, nil
}

// Done remembers that events have been handled, and returns when Redis says
// that it has it. Where it fails, some may be remembered and others not.
func (s *Store) Done(ctx context.Context, ids ...store.Identity) error {
	const op = "remember what is done"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	if err := s.do(ctx, op, doneScript, ids, s.window); err != nil {
		return err
	}
	for i := range ids {
		s.claims.End(ids[i].Hash())
	}
	return nil
}

// held are those that this store has claimed.
func (s *Store) held(ids []store.Identity) []store.Identity {
	return slices.DeleteFunc(slices.Clone(ids), func(id store.Identity) bool { return !s.claims.Held(id.Hash(), id.Digest) })
}

// Release gives back claims that were not handled.
func (s *Store) Release(ctx context.Context, ids ...store.Identity) error {
	const op = "release claims"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	ids = s.held(ids)
	if err := s.do(ctx, op, releaseScript, ids, 0); err != nil {
		return err
	}
	for i := range ids {
		s.claims.Release(ids[i].Hash(), ids[i].Digest)
	}
	return nil
}

// Renew begins the leases of claims anew, also of those that are over if nobody
// else has taken them since.
func (s *Store) Renew(ctx context.Context, ids ...store.Identity) error {
	const op = "renew claims"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	ids = s.held(ids)
	if err := s.do(ctx, op, claimScript, ids, s.lease); err != nil {
		return err
	}
	// What was released in the meantime has been claimed again.
	over := slices.DeleteFunc(ids, func(id store.Identity) bool { return s.claims.Held(id.Hash(), id.Digest) })
	return s.do(ctx, op, releaseScript, over, 0)
}

// Lease is how long a claim lasts that is not renewed.
func (s *Store) Lease() time.Duration { return s.lease }

// Window is how long identities are remembered, at least.
func (s *Store) Window() time.Duration { return s.window }

// Durable is true: what is done outlives this process.
func (s *Store) Durable() bool { return true }

// Close releases the claims. The client stays open.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.group.Close()
	var all []*command
	for _, h := range s.claims.Clear() {
		all = append(all, s.command(releaseScript, h, store.Digest{}, 0))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var failed error
	for some := range slices.Chunk(all, maxBatch) {
		failed = errors.Join(failed, s.send(ctx, some, (*redis.Script).Eval))
	}
	if failed != nil {
		return fmt.Errorf("close: %w; claims that are not released end with their leases", failed)
	}
	return nil
}
