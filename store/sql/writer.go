package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/store"
)

// busyTimeout is how long a statement waits for writers of other processes.
const busyTimeout = "PRAGMA busy_timeout = 10000"

// writer is the one writer of a SQLite database in this process. Callers take
// turns, and those that wait for theirs share a transaction: who has had a turn
// leaves it open if somebody waits, and else commits for all. A turn is taken in
// the caller's goroutine, so that a handler that panics does so where it belongs.
type writer struct {
	db      *sql.DB
	users   int           // stores and relays; guarded by writers.mu
	turn    chan struct{} // held by who has the turn
	waiting atomic.Int64
	points  savepoints

	shared *shared // the open transaction, or nil; for who has the turn
}

// savepoints are statements that every handler needs.
type savepoints struct{ set, release, back *sql.Stmt }

// shared is a transaction of several callers.
type shared struct {
	points  savepoints
	conn    *sql.Conn
	tx      *sql.Tx
	members int
	begun   time.Time
	lost    error // why it cannot be committed
	done    chan struct{}
	err     error // of the commit, when done
}

// A transaction that is shared is committed after so many members and so long,
// even if others wait.
const (
	maxMembers = 512
	maxShared  = 20 * time.Millisecond
)

var writers struct {
	mu sync.Mutex
	of map[*sql.DB]*writer
}

// useWriter is the writer of a database; every use is to be ended by release.
func useWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	writers.mu.Lock()
	defer writers.mu.Unlock()
	w := writers.of[db]
	if w == nil {
		if writers.of == nil {
			writers.of = map[*sql.DB]*writer{}
		}
		w = &writer{db: db, turn: make(chan struct{}, 1)}
		for _, q := range []struct {
			stmt  **sql.Stmt
			query string
		}{{&w.points.set, "SAVEPOINT treaty"}, {&w.points.release, "RELEASE treaty"}, {&w.points.back, "ROLLBACK TO treaty"}} {
			var err error
			if *q.stmt, err = db.PrepareContext(ctx, q.query); err != nil {
				w.points.close()
				return nil, err
			}
		}
		writers.of[db] = w
	}
	w.users++
	return w, nil
}

func (p *savepoints) close() {
	for _, stmt := range []*sql.Stmt{p.set, p.release, p.back} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

func (w *writer) release() {
	writers.mu.Lock()
	defer writers.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(writers.of, w.db)
		w.points.close()
	}
}

// lostError is what those get whose transaction was lost by another.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// do calls fn in a transaction and returns when that has been committed, or
// with the error of fn, which has changed nothing: either fn is one statement, or
// it uses savepoint. Where another's fault has lost the transaction fn is called
// once more, in one of its own.
func (w *writer) do(ctx context.Context, fn func(*shared) error) error {
	err := w.join(ctx, false, fn)
	if lost := (*lostError)(nil); errors.As(err, &lost) {
		err = w.join(ctx, true, fn)
		if errors.As(err, &lost) {
			err = lost.err
		}
	}
	return conflict(err)
}

// join takes a turn.
func (w *writer) join(ctx context.Context, alone bool, fn func(*shared) error) error {
	w.waiting.Add(1)
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		// Somebody may have left the transaction open for this caller.
		go func() {
			w.turn <- struct{}{}
			w.waiting.Add(-1)
			w.pass(false)
		}()
		return ctx.Err()
	}
	w.waiting.Add(-1)
	passed := false
	pass := func() {
		if !passed {
			passed = true
			w.pass(alone)
		}
	}
	defer pass()
	if err := ctx.Err(); err != nil {
		return err
	}
	if alone && w.shared != nil {
		w.commit()
	}
	if w.shared == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	s := w.shared
	s.members++
	if err := fn(s); err != nil {
		return err
	}
	pass()
	<-s.done
	if s.err != nil && s.members > 1 {
		return &lostError{s.err}
	}
	return s.err
}

// pass ends a turn.
func (w *writer) pass(alone bool) {
	s := w.shared
	if s != nil && (alone || s.lost != nil || w.waiting.Load() == 0 || s.members >= maxMembers || time.Since(s.begun) > maxShared) {
		w.commit()
	}
	<-w.turn
}

func (w *writer) begin() error {
	// No caller's context: where that ends it would end the others' too.
	ctx := context.Background()
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, busyTimeout); err != nil {
		return errors.Join(err, conn.Close())
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	w.shared = &shared{points: w.points, conn: conn, tx: tx, begun: time.Now(), done: make(chan struct{})}
	return nil
}

func (w *writer) commit() {
	s := w.shared
	w.shared = nil
	s.err = s.lost
	if s.err == nil {
		s.err = s.tx.Commit()
	} else {
		_ = s.tx.Rollback()
	}
	if s.err != nil {
		// A commit that fails, of a deferred constraint for instance, leaves SQLite's
		// transaction open, and nobody may find it on this connection.
		_, _ = s.conn.ExecContext(context.Background(), "ROLLBACK")
	}
	_ = s.conn.Close()
	close(s.done)
}

// exec executes a statement that the database has prepared.
func (s *shared) exec(stmt *sql.Stmt, args ...any) (int64, error) {
	ctx := context.Background() // a statement that is interrupted rolls back what all have done
	r, err := s.tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// savepoint calls fn, and takes back what it did where it fails or panics. A
// transaction that cannot be taken back to the savepoint is lost to all.
func (s *shared) savepoint(fn func() error) (err error) {
	if _, err := s.exec(s.points.set); err != nil {
		s.lost = err
		return err
	}
	finished := false
	defer func() {
		if finished && err == nil {
			if _, err = s.exec(s.points.release); err != nil {
				err = fmt.Errorf("%w: the transaction has ended in the middle of the handler: %w", store.ErrUncommittable, err)
				s.lost = err
			}
			return
		}
		_, back := s.exec(s.points.back)
		if back == nil {
			_, back = s.exec(s.points.release)
		}
		if back != nil {
			s.lost = fmt.Errorf("the transaction has ended in the middle of another handler: %w", back)
		}
	}()
	err = fn()
	finished = true
	return err
}
