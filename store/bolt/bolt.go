// Package bolt is a store in a file, the default. What is done is synced to the
// disk before Done returns, and is there after the process has been killed and
// after a loss of power; claims are in the process, and end with it.
//
// One process at a time uses a file. Those of a group that share their events
// use store/sql or store/redis.
//
// Calls of Done share commits: one brings many events, or many callers one
// each. An event in the window takes about 70 bytes of the file; what is older
// is given back to the file a bit with every commit, so that the file stops
// growing after about one and a half windows. In memory are the last ten thousands
// of events, at most 10 MB.
package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/internal/claims"
	"github.com/treaty-events/treaty/store/internal/commit"
)

// Option changes what Open does.
type Option func(*Store)

// Window sets how long identities are remembered. 0 and less is
// store.DefaultWindow. It may be another at every opening.
func Window(d time.Duration) Option {
	return func(s *Store) {
		if d > 0 {
			s.window = d
		}
	}
}

// Unsynced lets Done return when the operating system has what is done: it is
// there after the process has been killed, and not after a loss of power, which
// may leave the file damaged besides.
func Unsynced() Option { return func(s *Store) { s.unsynced = true } }

// Clock sets what says the time, for tests.
func Clock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// Store is a store.Store in a file.
type Store struct {
	path     string
	window   time.Duration
	unsynced bool
	now      func() time.Time

	db     database
	closed atomic.Bool
	claims claims.Table
	group  *commit.Group[handled]

	// What follows is changed by commits alone, which come one after the other; the
	// lock is for those who read recent and frozen meanwhile.
	mu     sync.RWMutex
	recent map[[16]byte]value // what is in the log and is not moved yet
	frozen map[[16]byte]value // what is being moved
	// moving is frozen in the order of the hashes, from the next to move.
	moving [][16]byte
	// limit is how many are recent before they are moved.
	limit int
	// next is the log's next key; those up to moved are of no use any more, and
	// those up to frozenTo will not be when all has been moved.
	next, frozenTo, moved uint64
	// cursor is where the next commit looks for what is older than the window.
	cursor [16]byte
}

// database is what is used of a *bbolt.DB; tests put faults in between.
type database interface {
	Update(func(*bbolt.Tx) error) error
	View(func(*bbolt.Tx) error) error
	Close() error
}

type handled struct {
	hash [16]byte
	value
}

// value is when an event was handled, in seconds of Unix time, and the beginning
// of its digest: every byte is there a million times, and 64 bits tell two events
// apart that say to be one.
type value struct {
	at     uint32
	digest [8]byte
}

// seconds are those of Unix time, rounded up, so that nothing is forgotten early.
func seconds(t time.Time) uint32 { return uint32(t.Add(time.Second - 1).Unix()) }

// The file: bucket "treaty" says its format. Bucket "done" has for the hash of
// an identity the value. Hashes lie anywhere in it, so that a commit of a
// hundred events would write a hundred pages. Therefore a commit appends its
// events to bucket "log", one entry for all of them, and when many are there
// they are moved in the order of their hashes, some with every commit, when many
// go to one page. What is in the log and not moved is in memory besides.
var (
	metaBucket = []byte("treaty")
	doneBucket = []byte("done")
	logBucket  = []byte("log")
	formatKey  = []byte("format")
	format     = []byte("2")
)

const (
	valueLen = 4 + 8
	entryLen = 16 + valueLen
	maxBatch = 4096
	// maxRecent are 64 Ki events: 1.8 MB of the log, and twice 3 MB of memory.
	maxRecent = 1 << 16
)

func (v value) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, v.at), v.digest[:]...)
}

// read is the other way; false where the bytes are none of ours.
func read(b []byte) (value, bool) {
	if len(b) != valueLen {
		return value{}, false
	}
	return value{binary.BigEndian.Uint32(b), [8]byte(b[4:])}, true
}

// Open opens the file, and makes it and its folder where they are missing. It
// fails after about a second where another process has the file open.
func Open(path string, options ...Option) (*Store, error) {
	s := &Store{path: path, window: store.DefaultWindow, now: time.Now, limit: maxRecent, recent: map[[16]byte]value{}}
	for _, o := range options {
		o(s)
	}
	fail := func(err error, advice string) (*Store, error) {
		return nil, fmt.Errorf("open the store %s: %w; %s", path, err, advice)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fail(err, "choose a folder that can be made")
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoSync: s.unsynced})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fail(errors.New("it is in use, by another process or by another store of this one"),
			"give each its own file, or let them share store/sql or store/redis")
	case errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch):
		return fail(err, "this is no store, or it is damaged: choose another file, or move this one away and begin with an empty memory")
	case err != nil:
		return fail(err, "choose a file that can be read and written")
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(metaBucket); b != nil {
			if f := b.Get(formatKey); !bytes.Equal(f, format) {
				return fmt.Errorf("its format is %q, and this version knows %q", f, format)
			}
			log := tx.Bucket(logBucket)
			if log == nil || tx.Bucket(doneBucket) == nil {
				return errors.New("it is damaged")
			}
			return s.load(log)
		}
		if k, _ := tx.Cursor().First(); k != nil {
			return fmt.Errorf("it has a bucket %q, and is something else's file", k)
		}
		return errEmpty
	})
	if errors.Is(err, errEmpty) {
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket(metaBucket)
			if err == nil {
				err = b.Put(formatKey, format)
			}
			if err == nil {
				_, err = tx.CreateBucket(doneBucket)
			}
			if err == nil {
				_, err = tx.CreateBucket(logBucket)
			}
			return err
		})
	}
	if err != nil {
		_ = db.Close()
		return fail(err, "choose another file")
	}
	binary.BigEndian.PutUint64(s.cursor[:], rand.Uint64()) // so that one who begins often looks everywhere too
	s.db = db
	s.group = commit.New(maxBatch, s.commit)
	return s, nil
}

var errEmpty = errors.New("a new file")

// load reads the log.
func (s *Store) load(b *bbolt.Bucket) error {
	c := b.Cursor()
	for k, entries := c.First(); k != nil; k, entries = c.Next() {
		if len(k) != 8 || len(entries)%entryLen != 0 {
			return errors.New("its log is damaged")
		}
		for ; len(entries) > 0; entries = entries[entryLen:] {
			if v, ok := read(entries[16:entryLen]); ok {
				s.recent[[16]byte(entries)] = v
			}
		}
		s.next = binary.BigEndian.Uint64(k) + 1
	}
	return nil
}

func (s *Store) check(ctx context.Context, op string) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %s: %w; open it again", op, s.path, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// failed says what could not be done, and what to do about it.
func (s *Store) failed(op string, err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		err = store.ErrClosed
	}
	advice := ""
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		// bbolt does not wrap what a resize failed with.
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			advice = "; make room, and it goes on by itself"
		}
	}
	return fmt.Errorf("%s: %s: %w%s", op, s.path, err, advice)
}

// Claim takes an identity for handling; see [store.Store].
func (s *Store) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	const op = "claim"
	if err := s.check(ctx, op); err != nil {
		return 0, err
	}
	h := id.Hash()
	// The claim comes first. Done ends it after the commit, so that at any time an
	// identity is seen in the table or in the file.
	if state := s.claims.Take(h, id.Digest); state != store.Claimed {
		return state, nil
	}
	v, done, err := s.known(h)
	if err != nil {
		s.claims.Release(h, id.Digest)
		return 0, s.failed(op, err)
	}
	if !done {
		return store.Claimed, nil
	}
	s.claims.Release(h, id.Digest)
	if v.digest != [8]byte(id.Digest[:]) {
		return store.Collision, nil
	}
	return store.Done, nil
}

// known is what is remembered of an identity.
func (s *Store) known(h [16]byte) (v value, done bool, err error) {
	now := s.now()
	// What is moved is in the file before it leaves memory: in this order it is seen.
	if v, done = s.inMemory(h, now); done {
		return v, done, nil
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		v, done = s.inFile(tx.Bucket(doneBucket), h, now)
		return nil
	})
	return v, done, err
}

func (s *Store) inMemory(h [16]byte, now time.Time) (value, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.recent[h]
	if !ok {
		v, ok = s.frozen[h]
	}
	return v, ok && !s.expired(v, now)
}

func (s *Store) inFile(b *bbolt.Bucket, h [16]byte, now time.Time) (value, bool) {
	v, ok := read(b.Get(h[:]))
	return v, ok && !s.expired(v, now)
}

func (s *Store) expired(v value, now time.Time) bool {
	return now.Sub(time.Unix(int64(v.at), 0)) >= s.window
}

// Done remembers that events have been handled, and returns when the disk has
// it. Where it fails, none of them is remembered.
func (s *Store) Done(ctx context.Context, ids ...store.Identity) error {
	const op = "remember what is done"
	if err := s.check(ctx, op); err != nil {
		return err
	}
	items := make([]handled, len(ids))
	for i := range ids {
		items[i] = handled{ids[i].Hash(), value{digest: [8]byte(ids[i].Digest[:])}}
	}
	if err := s.group.Do(ctx, items...); err != nil {
		return s.failed(op, err)
	}
	return nil
}

// commit writes what has been handled. It is called by the group alone. What it
// knows it changes after the transaction, so that one that fails has changed
// nothing; if the file has it for all that, since the disk failed after the last
// write, the next commit writes over it.
func (s *Store) commit(items []handled) error {
	if len(s.moving) == 0 && len(s.recent) >= s.limit {
		s.freeze()
	}
	now := s.now()
	at := seconds(now)
	var fresh []handled
	var entries []byte
	cursor := s.cursor
	move := min(len(s.moving), len(items)*5/4+16) // so that all is moved before as many are recent again
	err := s.db.Update(func(tx *bbolt.Tx) error {
		done, log := tx.Bucket(doneBucket), tx.Bucket(logBucket)
		log.FillPercent = 1 // it is only appended to
		seen := make(map[[16]byte]struct{}, len(items))
		for _, it := range items {
			if _, ok := seen[it.hash]; ok {
				continue
			}
			seen[it.hash] = struct{}{}
			if _, ok := s.inMemory(it.hash, now); ok {
				continue
			}
			if _, ok := s.inFile(done, it.hash, now); ok {
				continue
			}
			it.at = at
			fresh = append(fresh, it)
			entries = it.append(append(entries, it.hash[:]...))
		}
		if err := log.Put(binary.BigEndian.AppendUint64(nil, s.next), entries); err != nil {
			return err
		}
		for _, h := range s.moving[:move] {
			if v := s.frozen[h]; !s.expired(v, now) {
				if err := done.Put(bytes.Clone(h[:]), v.append(nil)); err != nil {
					return err
				}
			}
		}
		if err := s.forget(log, 4*len(items)+16); err != nil {
			return err
		}
		return s.prune(done, &cursor, 2*len(items)+16, now)
	})
	if err != nil {
		return err
	}
	s.cursor = cursor
	s.moving = s.moving[move:]
	s.next++
	s.mu.Lock()
	for _, it := range fresh {
		s.recent[it.hash] = it.value
	}
	if len(s.moving) == 0 && s.frozen != nil {
		s.frozen, s.moved = nil, s.frozenTo
	}
	s.mu.Unlock()
	for i := range items {
		s.claims.End(items[i].hash)
	}
	return nil
}

// freeze begins to move what is recent.
func (s *Store) freeze() {
	moving := slices.SortedFunc(maps.Keys(s.recent), func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	s.mu.Lock()
	s.frozen, s.recent = s.recent, map[[16]byte]value{}
	s.mu.Unlock()
	s.moving, s.frozenTo = moving, s.next
}

// forget deletes some of the log that has been moved.
func (s *Store) forget(log *bbolt.Bucket, entries int) error {
	var old [][]byte
	c := log.Cursor()
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) < s.moved && len(old) < entries; k, _ = c.Next() {
		old = append(old, bytes.Clone(k))
	}
	return remove(log, old)
}

// prune looks at the next entries, and deletes those that are older than the
// window. Two are looked at for each that is written, so that all are while
// half as many are written again.
func (s *Store) prune(done *bbolt.Bucket, cursor *[16]byte, visits int, now time.Time) error {
	var old [][]byte
	c := done.Cursor()
	k, b := c.Seek(cursor[:])
	for ; k != nil && visits > 0; k, b = c.Next() {
		visits--
		if v, ok := read(b); !ok || s.expired(v, now) {
			old = append(old, bytes.Clone(k))
		}
	}
	*cursor = [16]byte{} // at the end: begin again
	copy(cursor[:], k)
	return remove(done, old)
}

func remove(b *bbolt.Bucket, keys [][]byte) error {
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Release gives back claims that were not handled.
func (s *Store) Release(ctx context.Context, ids ...store.Identity) error {
	if err := s.check(ctx, "release claims"); err != nil {
		return err
	}
	for i := range ids {
		s.claims.Release(ids[i].Hash(), ids[i].Digest)
	}
	return nil
}

// Window is how long identities are remembered, at least.
func (s *Store) Window() time.Duration { return s.window }

// Durable is true.
func (s *Store) Durable() bool { return true }

// Close waits for what is being committed and closes the file.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.group.Close()
	s.claims.Clear()
	if err := s.db.Close(); err != nil {
		return s.failed("close", err)
	}
	return nil
}
