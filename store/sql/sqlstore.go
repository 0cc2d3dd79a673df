// Package sqlstore remembers in a database what has been handled, and in the
// transaction that has the event's effect, if that is in the same database; and
// it sends events that were written in the transaction that they tell of. It
// works on PostgreSQL and SQLite through database/sql, with the driver that the
// program imports.
//
// A [Store] is a store.Store that the processes of a group share: claims have
// leases. It is a store.Inbox besides: [Store.Once] calls the handler in a
// transaction, [Tx] gives the handler that transaction, and the event's effect
// and the memory of it are there together or not at all.
//
// An [Outbox] is the other way: [Outbox.Add] writes events in the caller's
// transaction, and [Outbox.Relay] sends them when it has been committed.
//
// # SQLite
//
// Open the database with write-ahead logging and a busy timeout; with
// modernc.org/sqlite that is
//
//	sql.Open("sqlite", "file:orders.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
//
// SQLite has one writer at a time. What this package writes waits for its turn
// inside the process, and callers that wait share a transaction and its sync;
// handlers of Once do, each in a savepoint of its own. What a commit survives is
// SQLite's to say: with synchronous=NORMAL it is there after the process has been
// killed, with FULL after a loss of power too.
//
// # PostgreSQL
//
// Clocks of several machines do not matter, since the time is the server's.
// Through a pooler that gives out connections by transaction everything works but
// Relay, which holds a lock of its session.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/treaty-events/treaty/store"
)

// Dialect is the database's.
type Dialect uint8

// The dialects. The zero value is none of them.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	}
	return "unknown"
}

// ErrConflict is in an error that says no more than that another transaction
// was in the way: a serialization failure, a deadlock, a locked database. The
// same call may succeed when it is made again.
var ErrConflict = errors.New("another transaction was in the way; try again")

type config struct {
	prefix string
	window time.Duration
	lease  time.Duration
	now    func() time.Time
	level  sql.IsolationLevel
	batch  int
	poll   time.Duration
	first  time.Duration
	last   time.Duration
	log    *slog.Logger
}

// StoreOption is an option of [Open].
type StoreOption interface{ ofStore(*config) }

// OutboxOption is an option of [NewOutbox].
type OutboxOption interface{ ofOutbox(*config) }

// Option is one of both, and those that concern tables are of [Schema].
type Option interface {
	StoreOption
	OutboxOption
}

type storeOption func(*config)

func (o storeOption) ofStore(c *config) { o(c) }

type outboxOption func(*config)

func (o outboxOption) ofOutbox(c *config) { o(c) }

type bothOption func(*config)

func (o bothOption) ofStore(c *config)  { o(c) }
func (o bothOption) ofOutbox(c *config) { o(c) }

// Prefix sets what the names of the tables begin with, "treaty_" where it is
// not used. It is letters, digits and underscores.
func Prefix(prefix string) Option { return bothOption(func(c *config) { c.prefix = prefix }) }

// Lease sets how long what a process holds lasts when it has died: a claim of a
// store, and on SQLite the turn of a relay. 0 and less is store.DefaultLease.
func Lease(d time.Duration) Option {
	return bothOption(func(c *config) {
		if d > 0 {
			c.lease = d
		}
	})
}

// Clock sets what says the time, for tests. Without it that is the server of
// PostgreSQL, and this process on SQLite.
func Clock(now func() time.Time) Option { return bothOption(func(c *config) { c.now = now }) }

// Window sets how long identities are remembered, from when they are done. 0
// and less is store.DefaultWindow.
func Window(d time.Duration) StoreOption {
	return storeOption(func(c *config) {
		if d > 0 {
			c.window = d
		}
	})
}

// Isolation sets the level of the transactions of Once on PostgreSQL. Where it
// is not used that is the database's own default, mostly read committed.
func Isolation(level sql.IsolationLevel) StoreOption {
	return storeOption(func(c *config) { c.level = level })
}

func configure(d Dialect) *config {
	c := &config{prefix: "treaty_", window: store.DefaultWindow, lease: store.DefaultLease, batch: 100, poll: time.Second,
		first: 100 * time.Millisecond, last: 30 * time.Second}
	if d == SQLite {
		c.now = time.Now
	}
	return c
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,40}$`)

func (c *config) check(d Dialect) error {
	if d != PostgreSQL && d != SQLite {
		return fmt.Errorf("dialect %d is unknown; use sqlstore.PostgreSQL or sqlstore.SQLite", d)
	}
	if !identifier.MatchString(c.prefix) {
		return fmt.Errorf("prefix %q is none; use letters, digits and underscores, and no digit first", c.prefix)
	}
	return nil
}

// clock is the time for a query: milliseconds of Unix time, or nil for that of
// the server.
func (c *config) clock() any {
	if c.now == nil {
		return nil
	}
	return c.now().UnixMilli()
}

// version is that of the tables.
const version = 1

var tables = map[Dialect]string{
	PostgreSQL: `
-- What has been handled (owner is null), and what is being handled. The id is a
-- hash of the group and the key. Times are milliseconds of Unix time.
CREATE TABLE IF NOT EXISTS treaty_handled (
	id bytea PRIMARY KEY,
	digest bytea NOT NULL,
	owner bytea,
	expires bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS treaty_handled_expires ON treaty_handled (expires);
-- Events to be sent.
CREATE TABLE IF NOT EXISTS treaty_outbox (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	channel text NOT NULL,
	key bytea NOT NULL,
	event bytea NOT NULL
);
-- Events that could not be sent, and never can.
CREATE TABLE IF NOT EXISTS treaty_refused (
	seq bigint PRIMARY KEY,
	channel text NOT NULL,
	key bytea NOT NULL,
	event bytea NOT NULL,
	reason text NOT NULL,
	refused bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS treaty_version (version integer NOT NULL);
INSERT INTO treaty_version SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM treaty_version);
`,
	SQLite: `
-- What has been handled (owner is null), and what is being handled. The id is a
-- hash of the group and the key. Times are milliseconds of Unix time.
CREATE TABLE IF NOT EXISTS treaty_handled (
	id BLOB PRIMARY KEY,
	digest BLOB NOT NULL,
	owner BLOB,
	expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS treaty_handled_expires ON treaty_handled (expires);
-- Events to be sent.
CREATE TABLE IF NOT EXISTS treaty_outbox (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	channel TEXT NOT NULL,
	key BLOB NOT NULL,
	event BLOB NOT NULL
);
-- Events that could not be sent, and never can.
CREATE TABLE IF NOT EXISTS treaty_refused (
	seq INTEGER PRIMARY KEY,
	channel TEXT NOT NULL,
	key BLOB NOT NULL,
	event BLOB NOT NULL,
	reason TEXT NOT NULL,
	refused INTEGER NOT NULL
);
-- Whose turn it is to send.
CREATE TABLE IF NOT EXISTS treaty_relay (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	owner BLOB NOT NULL,
	expires INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS treaty_version (version INTEGER NOT NULL);
INSERT INTO treaty_version SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM treaty_version);
`,
}

// Schema is the statements that Open and NewOutbox make their tables with, for
// those who do it themselves: where the tables are there, neither makes any, nor
// needs the right to. The options are those that change the tables: Prefix.
func Schema(d Dialect, options ...Option) string {
	c := configure(d)
	for _, o := range options {
		o.ofStore(c)
	}
	return c.named(tables[d])
}

// named puts the prefix into a statement.
func (c *config) named(query string) string { return strings.ReplaceAll(query, "treaty_", c.prefix) }

// migrate makes the tables where they are missing.
func (c *config) migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var found int
	if conn.QueryRowContext(ctx, c.named("SELECT version FROM treaty_version")).Scan(&found) != nil {
		if err := c.create(ctx, conn, d); err != nil {
			return fmt.Errorf("%w; let the user make tables, or make them with sqlstore.Schema", err)
		}
		if err := conn.QueryRowContext(ctx, c.named("SELECT version FROM treaty_version")).Scan(&found); err != nil {
			return err
		}
	}
	if found != version {
		return fmt.Errorf("the tables %s* are of version %d, and this program knows %d; use the program that made them, or another prefix", c.prefix, found, version)
	}
	return nil
}

func (c *config) create(ctx context.Context, conn *sql.Conn, d Dialect) (err error) {
	// One process at a time: two that make one table are in each other's way, IF NOT
	// EXISTS or not.
	begin := "BEGIN"
	if d == SQLite {
		begin = "BEGIN IMMEDIATE"
		if _, err := conn.ExecContext(ctx, busyTimeout); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if d == PostgreSQL {
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1, 0)", c.class()); err != nil {
			return err
		}
	}
	for statement := range strings.SplitSeq(c.named(tables[d]), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// class is the first number of the advisory locks of these tables.
func (c *config) class() int32 {
	h := store.Identity{Group: "treaty", Key: c.prefix}.Hash()
	return int32(uint32(h[0])<<24 | uint32(h[1])<<16 | uint32(h[2])<<8 | uint32(h[3]))
}

// uncommittable marks the error of a commit with ErrUncommittable where it is what
// the handler did, and not the database or the way to it, that is at fault.
func uncommittable(err error) error {
	var state interface{ SQLState() string }
	var code interface{ Code() int }
	found := false
	switch {
	case err == nil || errors.Is(err, store.ErrUncommittable):
	case errors.Is(err, sql.ErrTxDone): // by the handler
		found = true
	case errors.As(err, &state):
		switch text := state.SQLState(); text[:min(2, len(text))] {
		case "", "08", "40", "53", "54", "55", "57", "58", "F0", "XX": // connection, conflict, resources, limits, operators, system
		default:
			found = true
		}
	case errors.As(err, &code):
		found = code.Code()&0xff == 19 // SQLITE_CONSTRAINT
	default: // pgx, pq: a statement failed, and nobody minded
		found = strings.Contains(err.Error(), "commit unexpectedly resulted in rollback") || strings.Contains(err.Error(), "in a failed transaction")
	}
	if !found {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUncommittable, err)
}

type txKey struct{}

// Tx is the transaction of the handler that Once has called with this context.
// It is committed or rolled back by Once: the handler does neither.
func Tx(ctx context.Context) (*sql.Tx, bool) {
	tx, ok := ctx.Value(txKey{}).(*sql.Tx)
	return tx, ok
}

// conflict marks an error with ErrConflict if it is one that says so. Drivers
// are known by what their errors can do, since none is imported.
func conflict(err error) error {
	if err == nil || errors.Is(err, ErrConflict) {
		return err
	}
	var state interface{ SQLState() string }
	var code interface{ Code() int }
	found := false
	switch {
	case errors.As(err, &state): // pgx, pq
		switch state.SQLState() {
		case "40001", "40P01", "55P03":
			found = true
		}
	case errors.As(err, &code): // modernc.org/sqlite: SQLITE_BUSY, SQLITE_LOCKED and their extended codes
		found = code.Code()&0xff == 5 || code.Code()&0xff == 6
	default:
		found = strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
	}
	if !found {
		return err
	}
	return fmt.Errorf("%w: %w", ErrConflict, err)
}
