package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/internal/claims"
	"github.com/treaty-events/treaty/store/internal/commit"
)

// Store is a store.Store, a store.Renewer and a store.Inbox in a database. The
// processes of a group share it.
type Store struct {
	*config
	db     *sql.DB
	owner  []byte // tells this store's claims from others'
	closed atomic.Bool
	claims claims.Table
	tables handledTable
	stop   context.CancelFunc
	pruned chan struct{}
}

// event is an identity as the table has it.
type event struct {
	hash   [16]byte
	digest store.Digest
}

func (a event) compare(b event) int { return bytes.Compare(a.hash[:], b.hash[:]) }

func eventsOf(ids []store.Identity) []event {
	all := make([]event, len(ids))
	for i := range ids {
		all[i] = event{ids[i].Hash(), ids[i].Digest}
	}
	return all
}

// handledTable is what a dialect makes of the table.
type handledTable interface {
	claim(ctx context.Context, e event) (store.State, error)
	done(ctx context.Context, all []event) error
	release(ctx context.Context, all []event) error
	renew(ctx context.Context, all []event) error
	once(ctx context.Context, e event, handle func(context.Context) error) (store.State, error)
	prune(ctx context.Context, limit int) (int64, error)
	close()
}

// Open opens a store in a database, and makes its tables where they are
// missing. The database is the caller's: Close leaves it open.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, options ...StoreOption) (*Store, error) {
	s := &Store{config: configure(dialect), db: db, owner: make([]byte, 16), pruned: make(chan struct{})}
	for _, o := range options {
		o.ofStore(s.config)
	}
	err := s.check(dialect)
	if err == nil {
		err = s.migrate(ctx, db, dialect)
	}
	if err == nil {
		_, _ = rand.Read(s.owner)
		if dialect == PostgreSQL {
			s.tables = newPostgres(s)
		} else {
			s.tables, err = newSQLite(ctx, s)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open a store on %v: %w", dialect, err)
	}
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.pruneAlways(running)
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

func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, conflict(err))
}

// Claim takes an identity for handling; see [store.Store]. What this process
// has claimed stays claimed here even if its lease is over.
func (s *Store) Claim(ctx context.Context, id store.Identity) (store.State, error) {
	const op = "claim"
	if err := s.ready(ctx, op); err != nil {
		return 0, err
	}
	e := event{id.Hash(), id.Digest}
	if state := s.claims.Take(e.hash, e.digest); state != store.Claimed {
		return state, nil
	}
	state, err := s.tables.claim(ctx, e)
	if err != nil || state != store.Claimed {
		s.claims.Release(e.hash, e.digest)
	}
	if err != nil {
		return 0, failed(op, err)
	}
	return state, nil
}

// Done remembers that events have been handled, and returns when the database
// has committed it.
func (s *Store) Done(ctx context.Context, ids ...store.Identity) error {
	const op = "remember what is done"
	if err := s.ready(ctx, op); err != nil || len(ids) == 0 {
		return err
	}
	all := eventsOf(ids)
	if err := s.tables.done(ctx, all); err != nil {
		return failed(op, err)
	}
	for _, e := range all {
		s.claims.End(e.hash)
	}
	return nil
}

// held are those of the events that this store has claimed, in order.
func (s *Store) held(ids []store.Identity) []event {
	all := slices.DeleteFunc(eventsOf(ids), func(e event) bool { return !s.claims.Held(e.hash, e.digest) })
	slices.SortFunc(all, event.compare)
	return slices.CompactFunc(all, func(a, b event) bool { return a.hash == b.hash })
}

// Release gives back claims that were not handled.
func (s *Store) Release(ctx context.Context, ids ...store.Identity) error {
	const op = "release claims"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	all := s.held(ids)
	if len(all) == 0 {
		return nil
	}
	if err := s.tables.release(ctx, all); err != nil {
		return failed(op, err)
	}
	for _, e := range all {
		s.claims.Release(e.hash, e.digest)
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
	all := s.held(ids)
	if len(all) == 0 {
		return nil
	}
	if err := s.tables.renew(ctx, all); err != nil {
		return failed(op, err)
	}
	// What was released in the meantime has been claimed again.
	over := slices.DeleteFunc(all, func(e event) bool { return s.claims.Held(e.hash, e.digest) })
	if len(over) == 0 {
		return nil
	}
	return failed(op, s.tables.release(ctx, over))
}

// Lease is how long a claim lasts that is not renewed.
func (s *Store) Lease() time.Duration { return s.lease }

// Window is how long identities are remembered, at least.
func (s *Store) Window() time.Duration { return s.window }

// Durable is true.
func (s *Store) Durable() bool { return true }

// Once calls handle in a transaction, which [Tx] finds in the context that
// handle gets, unless the event has been handled; see [store.Inbox]. What another
// is handling is Busy. handle uses the transaction in its own goroutine alone,
// and neither commits it nor rolls it back. If it panics the transaction is
// rolled back, and the panic goes on.
//
// On SQLite, handlers that are waiting for their turn share a transaction, each
// in a savepoint. Where one loses it for all, since its context ended in the
// middle of a statement for instance, the handlers of the others are called once
// more.
func (s *Store) Once(ctx context.Context, id store.Identity, handle func(ctx context.Context) error) (store.State, error) {
	if err := s.ready(ctx, "handle once"); err != nil {
		return 0, err
	}
	return s.tables.once(ctx, event{id.Hash(), id.Digest}, handle)
}

// Prune forgets what is older than the window, and returns how much that was.
// The store does it by itself, about every minute.
func (s *Store) Prune(ctx context.Context) (int, error) {
	const op, limit = "forget what is old", 1000
	total := 0
	for {
		if err := s.ready(ctx, op); err != nil {
			return total, err
		}
		n, err := s.tables.prune(ctx, limit)
		total += int(n)
		if err != nil || n < limit {
			return total, failed(op, err)
		}
	}
}

func (s *Store) pruneAlways(ctx context.Context) {
	defer close(s.pruned)
	tick := time.NewTicker(min(max(s.window/20, time.Second), time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = s.Prune(ctx) // the next time, then
		}
	}
}

// Close releases the claims. The database stays open.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.stop()
	<-s.pruned
	defer s.tables.close()
	var all []event
	for _, h := range s.claims.Clear() {
		all = append(all, event{hash: h})
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, event.compare)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.tables.release(ctx, all); err != nil {
		return fmt.Errorf("close: %w; claims that are not released end with their leases", err)
	}
	return nil
}

// state reads a row: digest, whether it is done.
func state(e event, digest []byte, done bool) store.State {
	switch {
	case !bytes.Equal(digest, e.digest[:]):
		return store.Collision
	case done:
		return store.Done
	}
	return store.Busy
}

// postgres has one statement for many events, whose identities are arrays that
// are written as text, since database/sql has no arrays.
type postgres struct {
	*Store
	claiming *commit.Group[*claim]
	doing    *commit.Group[event]
	q        postgresQueries
}

type postgresQueries struct{ claim, look, done, release, once, lookOne, prune string }

// claim is one that waits for its answer.
type claim struct {
	event
	state   store.State
	settled atomic.Int32 // 1: the answer is there; 2: nobody waits for it any more
}

func newPostgres(s *Store) *postgres {
	p := &postgres{Store: s}
	const now = "coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
	const take = ` ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, owner = excluded.owner, expires = excluded.expires WHERE h.expires <= `
	p.q = postgresQueries{
		// An identity that another transaction is about to write is passed over, rather
		// than waited for: it is busy.
		claim: `INSERT INTO treaty_handled AS h (id, digest, owner, expires)
			SELECT e.id, e.digest, $5::bytea, t.now + $6::bigint
			FROM unnest($2::text::bytea[], $3::text::bytea[], $4::text::bigint[]) AS e (id, digest, lock), (SELECT ` + now + ` AS now) AS t
			WHERE pg_try_advisory_xact_lock(e.lock) ORDER BY e.id` + take + `excluded.expires - $6::bigint OR h.owner = excluded.owner RETURNING h.id`,
		look: `SELECT id, digest, owner IS NULL FROM treaty_handled WHERE id = ANY($2::text::bytea[]) AND expires > ` + now,
		done: `INSERT INTO treaty_handled AS h (id, digest, owner, expires)
			SELECT e.id, e.digest, NULL, t.now + $4::bigint FROM unnest($2::text::bytea[], $3::text::bytea[]) AS e (id, digest), (SELECT ` + now + ` AS now) AS t
			ORDER BY e.id` + take + `excluded.expires - $4::bigint OR h.owner IS NOT NULL`,
		release: `DELETE FROM treaty_handled WHERE id = ANY($1::text::bytea[]) AND owner = $2::bytea`,
		once: `INSERT INTO treaty_handled AS h (id, digest, owner, expires)
			SELECT $2::bytea, $3::bytea, NULL, t.now + $4::bigint FROM (SELECT ` + now + ` AS now) AS t
			WHERE pg_try_advisory_xact_lock($5::bigint)` + take + `excluded.expires - $4::bigint`,
		lookOne: `SELECT digest, owner IS NULL FROM treaty_handled WHERE id = $2::bytea AND expires > ` + now,
		prune: `DELETE FROM treaty_handled WHERE id IN
			(SELECT id FROM treaty_handled WHERE expires <= ` + now + ` ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	}
	for _, q := range []*string{&p.q.claim, &p.q.look, &p.q.done, &p.q.release, &p.q.once, &p.q.lookOne, &p.q.prune} {
		*q = s.named(*q)
	}
	p.claiming = commit.New(500, p.claimAll)
	p.doing = commit.New(2000, p.doneAll)
	return p
}

// arrays are the identities, the digests and the locks.
func (p *postgres) arrays(all []event) (ids, digests, locks string) {
	var i, d, l strings.Builder
	for n := range all {
		sep := ","
		if n == 0 {
			sep = "{"
		}
		i.WriteString(sep + `"\\x` + hex.EncodeToString(all[n].hash[:]) + `"`)
		d.WriteString(sep + `"\\x` + hex.EncodeToString(all[n].digest[:]) + `"`)
		l.WriteString(sep + strconv.FormatInt(p.lock(all[n]), 10))
	}
	return i.String() + "}", d.String() + "}", l.String() + "}"
}

// lock is the number of the advisory lock of an identity in these tables: such
// locks are the whole database's.
func (p *postgres) lock(e event) int64 {
	return int64(binary.BigEndian.Uint64(e.hash[:]) ^ uint64(p.class())<<32)
}

// patience is how long a statement may take that many wait for.
const patience = time.Minute

func (p *postgres) claim(ctx context.Context, e event) (store.State, error) {
	c := &claim{event: e}
	err := p.claiming.Do(ctx, c)
	if err != nil && (ctx.Err() == nil || c.settled.CompareAndSwap(0, 2)) {
		return 0, err
	}
	return c.state, nil
}

func (p *postgres) claimAll(all []*claim) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// One identity is there once: the table of claims has seen to that, but for
	// those that nobody waits for any more.
	slices.SortStableFunc(all, func(a, b *claim) int { return a.compare(b.event) })
	last := make([]*claim, 0, len(all))
	for i, c := range all {
		if i+1 < len(all) && all[i+1].hash == c.hash {
			continue
		}
		last = append(last, c)
	}
	events := make([]event, len(last))
	for i, c := range last {
		events[i] = c.event
	}
	ids, digests, locks := p.arrays(events)
	taken := map[[16]byte]store.State{}
	if err := p.query(ctx, func(scan func(...any) error) error {
		var id []byte
		if err := scan(&id); err != nil {
			return err
		}
		taken[[16]byte(id)] = store.Claimed
		return nil
	}, p.q.claim, p.clock(), ids, digests, locks, p.owner, p.lease.Milliseconds()); err != nil {
		return err
	}
	if len(taken) < len(last) {
		digest := map[[16]byte]event{}
		var rest []event
		for _, e := range events {
			if taken[e.hash] == 0 {
				digest[e.hash] = e
				rest = append(rest, e)
			}
		}
		ids, _, _ := p.arrays(rest)
		if err := p.query(ctx, func(scan func(...any) error) error {
			var id, d []byte
			var done bool
			if err := scan(&id, &d, &done); err != nil {
				return err
			}
			taken[[16]byte(id)] = state(digest[[16]byte(id)], d, done)
			return nil
		}, p.q.look, p.clock(), ids); err != nil {
			return err
		}
	}
	var abandoned []event
	for _, c := range last {
		c.state = taken[c.hash]
		if c.state == 0 { // another transaction is at it
			c.state = store.Busy
		}
		if !c.settled.CompareAndSwap(0, 1) && c.state == store.Claimed {
			abandoned = append(abandoned, c.event)
		}
	}
	if len(abandoned) > 0 {
		// Where this fails they are this process's until their leases are over, and it
		// can claim them again.
		_ = p.release(ctx, abandoned)
	}
	return nil
}

func (p *postgres) query(ctx context.Context, each func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := p.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (p *postgres) done(ctx context.Context, all []event) error { return p.doing.Do(ctx, all...) }

func (p *postgres) doneAll(all []event) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Always in one order, so that two processes do not wait for each other; and of
	// two of one key the first.
	slices.SortStableFunc(all, event.compare)
	all = slices.CompactFunc(all, func(a, b event) bool { return a.hash == b.hash })
	ids, digests, _ := p.arrays(all)
	_, err := p.db.ExecContext(ctx, p.q.done, p.clock(), ids, digests, p.window.Milliseconds())
	return err
}

func (p *postgres) release(ctx context.Context, all []event) error {
	ids, _, _ := p.arrays(all)
	_, err := p.db.ExecContext(ctx, p.q.release, ids, p.owner)
	return err
}

func (p *postgres) renew(ctx context.Context, all []event) error {
	ids, digests, locks := p.arrays(all)
	_, err := p.db.ExecContext(ctx, p.q.claim, p.clock(), ids, digests, locks, p.owner, p.lease.Milliseconds())
	return err
}

func (p *postgres) once(ctx context.Context, e event, handle func(context.Context) error) (store.State, error) {
	const op = "handle once"
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return 0, failed(op, err)
	}
	defer conn.Close()
	// Not with the caller's context: where that ends, database/sql rolls back in the
	// background, and the event would be busy for a while after this has returned.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: p.level})
	if err != nil {
		return 0, failed(op, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing after the commit
	r, err := tx.ExecContext(ctx, p.q.once, p.clock(), e.hash[:], e.digest[:], p.window.Milliseconds(), p.lock(e))
	if err != nil {
		return 0, failed(op, err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return 0, failed(op, err)
		}
		var digest []byte
		var done bool
		err = tx.QueryRowContext(ctx, p.q.lookOne, p.clock(), e.hash[:]).Scan(&digest, &done)
		if errors.Is(err, sql.ErrNoRows) {
			return store.Busy, nil
		}
		if err != nil {
			return 0, failed(op, err)
		}
		return state(e, digest, done), nil
	}
	if err := handle(context.WithValue(ctx, txKey{}, tx)); err != nil {
		return store.Claimed, conflict(err)
	}
	return store.Claimed, failed("commit", uncommittable(tx.Commit()))
}

func (p *postgres) prune(ctx context.Context, limit int) (int64, error) {
	r, err := p.db.ExecContext(ctx, p.q.prune, p.clock(), limit)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p *postgres) close() {
	p.claiming.Close()
	p.doing.Close()
}

// sqlite has its statements prepared, one event each.
type sqlite struct {
	*Store
	w *writer
	q struct{ claim, done, release, once, look, prune *sql.Stmt }
}

func newSQLite(ctx context.Context, s *Store) (*sqlite, error) {
	w, err := useWriter(ctx, s.db)
	if err != nil {
		return nil, err
	}
	l := &sqlite{Store: s, w: w}
	const insert = `INSERT INTO treaty_handled (id, digest, owner, expires) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, owner = excluded.owner, expires = excluded.expires WHERE expires <= ?`
	for _, q := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&l.q.claim, insert + " OR owner = excluded.owner"},
		{&l.q.done, insert + " OR owner IS NOT NULL"},
		{&l.q.once, insert},
		{&l.q.release, `DELETE FROM treaty_handled WHERE id = ? AND owner = ?`},
		{&l.q.look, `SELECT digest, owner IS NULL FROM treaty_handled WHERE id = ?`},
		{&l.q.prune, `DELETE FROM treaty_handled WHERE id IN (SELECT id FROM treaty_handled WHERE expires <= ? ORDER BY expires LIMIT ?)`},
	} {
		var err error
		if *q.stmt, err = s.db.PrepareContext(ctx, s.named(q.query)); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// look is the state of a row that could not be taken.
func (l *sqlite) look(s *shared, e event) (store.State, error) {
	var digest []byte
	var done bool
	ctx := context.Background()
	if err := s.tx.StmtContext(ctx, l.q.look).QueryRowContext(ctx, e.hash[:]).Scan(&digest, &done); err != nil {
		return 0, err
	}
	return state(e, digest, done), nil
}

func (l *sqlite) claim(ctx context.Context, e event) (found store.State, err error) {
	err = l.w.do(ctx, func(s *shared) error {
		now := l.now().UnixMilli()
		n, err := s.exec(l.q.claim, e.hash[:], e.digest[:], l.owner, now+l.lease.Milliseconds(), now)
		if err != nil {
			return err
		}
		found = store.Claimed
		if n == 0 {
			found, err = l.look(s, e)
		}
		return err
	})
	return found, err
}

// each executes a statement for many events, for all or for none.
func (l *sqlite) each(ctx context.Context, all []event, one func(s *shared, e event) error) error {
	return l.w.do(ctx, func(s *shared) error {
		if len(all) == 1 {
			return one(s, all[0])
		}
		return s.savepoint(func() error {
			for _, e := range all {
				if err := one(s, e); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (l *sqlite) done(ctx context.Context, all []event) error {
	now := l.now().UnixMilli()
	return l.each(ctx, all, func(s *shared, e event) error {
		_, err := s.exec(l.q.done, e.hash[:], e.digest[:], nil, now+l.window.Milliseconds(), now)
		return err
	})
}

func (l *sqlite) release(ctx context.Context, all []event) error {
	return l.each(ctx, all, func(s *shared, e event) error {
		_, err := s.exec(l.q.release, e.hash[:], l.owner)
		return err
	})
}

func (l *sqlite) renew(ctx context.Context, all []event) error {
	now := l.now().UnixMilli()
	return l.each(ctx, all, func(s *shared, e event) error {
		_, err := s.exec(l.q.claim, e.hash[:], e.digest[:], l.owner, now+l.lease.Milliseconds(), now)
		return err
	})
}

func (l *sqlite) once(ctx context.Context, e event, handle func(context.Context) error) (found store.State, err error) {
	var own error
	err = l.w.do(ctx, func(s *shared) error {
		found, own = 0, nil
		return s.savepoint(func() error {
			now := l.now().UnixMilli()
			n, err := s.exec(l.q.once, e.hash[:], e.digest[:], nil, now+l.window.Milliseconds(), now)
			if err != nil {
				return err
			}
			if n == 0 {
				found, err = l.look(s, e)
				return err
			}
			found = store.Claimed
			own = handle(context.WithValue(ctx, txKey{}, s.tx))
			return own
		})
	})
	switch {
	case err == nil:
		return found, nil
	case own != nil:
		return found, conflict(own)
	case found != store.Claimed:
		found = 0
	default:
		err = uncommittable(err)
	}
	return found, failed("handle once", err)
}

func (l *sqlite) prune(ctx context.Context, limit int) (n int64, err error) {
	err = l.w.do(ctx, func(s *shared) (err error) {
		n, err = s.exec(l.q.prune, l.now().UnixMilli(), limit)
		return err
	})
	return n, err
}

func (l *sqlite) close() {
	for _, stmt := range []*sql.Stmt{l.q.claim, l.q.done, l.q.release, l.q.once, l.q.look, l.q.prune} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
	l.w.release()
}
