package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/treaty-events/treaty/store"
)

// ErrRefused is store.ErrRefused: it is in an error of the function that
// [Outbox.Relay] sends with when an entry can never be sent: it is put aside with
// the reason, and those after it are sent.
var ErrRefused = store.ErrRefused

// Entry is an event to be sent. A producer of the runtime makes it.
type Entry = store.Entry

// Refused is an entry that was put aside.
type Refused struct {
	Entry
	Reason string
	At     time.Time
}

// Outbox keeps events with the data that they tell of, until they are sent. It
// is safe for concurrent use.
type Outbox struct {
	*config
	db      *sql.DB
	dialect Dialect
	added   chan struct{}
}

// Batch sets how many entries are sent at once, at most: 100 where it is not
// used, or n is not positive.
func Batch(n int) OutboxOption {
	return outboxOption(func(c *config) {
		if n > 0 {
			c.batch = n
		}
	})
}

// Poll sets how often a relay looks for what other processes have added: every
// second where it is not used, or d is not positive.
func Poll(d time.Duration) OutboxOption {
	return outboxOption(func(c *config) {
		if d > 0 {
			c.poll = d
		}
	})
}

// Backoff sets how long a relay waits after an error, and how long at most when
// there are more of them: 100 ms and 30 s where it is not used.
func Backoff(first, last time.Duration) OutboxOption {
	return outboxOption(func(c *config) {
		if first > 0 && last >= first {
			c.first, c.last = first, last
		}
	})
}

// Logger sets where a relay tells of errors that it goes on after, and of what
// it puts aside: slog.Default where it is not used.
func Logger(l *slog.Logger) OutboxOption { return outboxOption(func(c *config) { c.log = l }) }

// NewOutbox makes an outbox in a database, and its tables where they are
// missing. There is nothing to close.
func NewOutbox(ctx context.Context, db *sql.DB, dialect Dialect, options ...OutboxOption) (*Outbox, error) {
	o := &Outbox{config: configure(dialect), db: db, dialect: dialect, added: make(chan struct{}, 1)}
	o.lease = 10 * time.Second
	for _, option := range options {
		option.ofOutbox(o.config)
	}
	if o.log == nil {
		o.log = slog.Default()
	}
	err := o.check(dialect)
	if err == nil {
		err = o.migrate(ctx, db, dialect)
	}
	if err != nil {
		return nil, fmt.Errorf("open an outbox on %v: %w", dialect, err)
	}
	return o, nil
}

// slots is how many advisory locks there are for the keys of PostgreSQL. A
// transaction holds no more than that, whatever it adds.
const slots = 1024

// Add writes entries in the caller's transaction: they are sent if it is
// committed. On PostgreSQL a transaction that adds entries of a key waits for
// others that have added some of it, since only so is the order of the entries
// that of the commits; one that adds many should add them in one call, which
// takes the keys in an order in which no two calls wait for each other.
func (o *Outbox) Add(ctx context.Context, tx *sql.Tx, entries ...Entry) error {
	const op = "add to the outbox"
	if tx == nil {
		return fmt.Errorf("%s: no transaction; begin one, and add to it what the events tell of", op)
	}
	for i := range entries {
		e := &entries[i]
		if e.Channel == "" || !utf8.ValidString(e.Channel) || strings.ContainsRune(e.Channel, 0) {
			return fmt.Errorf("%s: entry %d: channel %q is none; give the name that the contract has", op, i, e.Channel)
		}
		if len(e.Event) == 0 {
			return fmt.Errorf("%s: entry %d: no event; give its JSON", op, i)
		}
	}
	if o.dialect == PostgreSQL {
		if err := o.lock(ctx, tx, entries); err != nil {
			return failed(op, err)
		}
	}
	for some := range slices.Chunk(entries, 100) {
		var q strings.Builder
		q.WriteString(o.named("INSERT INTO treaty_outbox (channel, key, event) VALUES "))
		args := make([]any, 0, 3*len(some))
		for i := range some {
			if i > 0 {
				q.WriteByte(',')
			}
			fmt.Fprintf(&q, "(%s,%s,%s)", o.mark(len(args)+1), o.mark(len(args)+2), o.mark(len(args)+3))
			args = append(args, some[i].Channel, []byte(some[i].Key), some[i].Event)
		}
		if _, err := tx.ExecContext(ctx, q.String(), args...); err != nil {
			return failed(op, err)
		}
	}
	if len(entries) > 0 {
		o.Wake()
	}
	return nil
}

func (o *Outbox) mark(n int) string {
	if o.dialect == PostgreSQL {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

func (o *Outbox) lock(ctx context.Context, tx *sql.Tx, entries []Entry) error {
	var all []int
	for i := range entries {
		if entries[i].Key != "" {
			h := store.Identity{Key: entries[i].Key}.Hash()
			all = append(all, 1+(int(h[0])<<8|int(h[1]))%slots) // 0 is the migration's
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	all = slices.Compact(all)
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint(all), "[]"), " ", ",")
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1::int, slot) FROM unnest($2::text::int[]) AS slot", o.class(), "{"+text+"}")
	return err
}

// relayLock is beyond the locks of keys.
const relayLock = slots + 1

// Wake tells a relay of this process that there may be entries. Add does it
// too; but then the transaction has not been committed, and the relay looks
// again and again for some time. Who calls Wake after the commit saves the wait.
func (o *Outbox) Wake() {
	select {
	case o.added <- struct{}{}:
	default:
	}
}

// Pending is how many entries are committed and not sent.
func (o *Outbox) Pending(ctx context.Context) (int, error) {
	var n int
	err := o.db.QueryRowContext(ctx, o.named("SELECT count(*) FROM treaty_outbox")).Scan(&n)
	return n, failed("count the outbox", err)
}

// Refused are the entries that were put aside, in their order, at most limit
// many. They are rows of the table treaty_refused: who has dealt with one
// deletes it.
func (o *Outbox) Refused(ctx context.Context, limit int) ([]Refused, error) {
	const op = "read what was refused"
	rows, err := o.db.QueryContext(ctx, o.named("SELECT channel, key, event, reason, refused FROM treaty_refused ORDER BY seq LIMIT "+strconv.Itoa(limit)))
	if err != nil {
		return nil, failed(op, err)
	}
	defer rows.Close()
	var all []Refused
	for rows.Next() {
		var r Refused
		var key []byte
		var at int64
		if err := rows.Scan(&r.Channel, &key, &r.Event, &r.Reason, &at); err != nil {
			return nil, failed(op, err)
		}
		r.Key, r.At = string(key), time.UnixMilli(at)
		all = append(all, r)
	}
	return all, failed(op, rows.Err())
}

// Relay sends what is in the outbox, until ctx ends; then it returns ctx's
// error. One relay sends at a time, whatever the number of processes that run
// one: the others wait for it to end, or its process to die.
//
// send gets entries in order, some at a time, and returns nil when all have been
// sent; they are deleted then. After an error they are all sent again, later and
// later, and so are they after a crash: an entry is sent at least once, and those
// of a key are in order when repetitions are left out. After an error with
// ErrRefused they are sent one by one, and those that are refused for good are
// put aside.
func (o *Outbox) Relay(ctx context.Context, send func(context.Context, []Entry) error) error {
	var w *writer
	if o.dialect == SQLite {
		var err error
		if w, err = useWriter(ctx, o.db); err != nil {
			return failed("relay the outbox", err)
		}
		defer w.release()
	}
	wait := time.Duration(0)
	for {
		r := &relay{Outbox: o, send: send, w: w}
		err := r.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.sent {
			wait = 0
		}
		wait = min(max(2*wait, o.first), o.last)
		o.log.WarnContext(ctx, "relay of the outbox", "error", err, "again", wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	_, err := sleepUntil(ctx, d, nil)
	return err
}

// sleepUntil sleeps until it is woken, for d at most.
func sleepUntil(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
		return false, nil
	case <-wake:
		return true, nil
	}
}

// relay is a relay while nothing goes wrong.
type relay struct {
	*Outbox
	send func(context.Context, []Entry) error
	sent bool

	conn *sql.Conn // PostgreSQL: the session that holds the lock

	w       *writer // SQLite
	owner   []byte
	renewed time.Time
}

type row struct {
	seq int64
	Entry
}

// run waits for its turn, and sends until something goes wrong.
func (r *relay) run(ctx context.Context) error {
	defer r.giveUp(ctx)
	for {
		mine, err := r.acquire(ctx)
		if err != nil {
			return err
		}
		if mine {
			break
		}
		if err := sleep(ctx, r.poll); err != nil {
			return err
		}
	}
	const soon = time.Millisecond
	wait := r.poll
	for {
		rows, err := r.read(ctx)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := r.sendAll(ctx, rows); err != nil {
				return err
			}
			wait = soon // a transaction may be about to be committed
			continue
		}
		select {
		case <-r.added:
			wait = soon
			continue
		default:
		}
		woken, err := sleepUntil(ctx, min(wait, r.lease/3), r.added)
		if err != nil {
			return err
		}
		if wait = min(2*wait, r.poll); woken {
			wait = soon
		}
	}
}

// acquire is whether it is this relay's turn.
func (r *relay) acquire(ctx context.Context) (mine bool, err error) {
	if r.dialect == PostgreSQL {
		if r.conn == nil {
			if r.conn, err = r.db.Conn(ctx); err != nil {
				return false, err
			}
		}
		err = r.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1::int, $2::int)", r.class(), relayLock).Scan(&mine)
		return mine, err
	}
	if r.owner == nil {
		r.owner = make([]byte, 16)
		_, _ = rand.Read(r.owner)
	}
	begun := time.Now()
	err = r.w.do(ctx, func(s *shared) error {
		now := r.now().UnixMilli()
		result, err := s.tx.ExecContext(context.Background(), r.named(`INSERT INTO treaty_relay (one, owner, expires) VALUES (1, ?, ?)
			ON CONFLICT (one) DO UPDATE SET owner = excluded.owner, expires = excluded.expires WHERE expires <= ? OR owner = excluded.owner`),
			r.owner, now+r.lease.Milliseconds(), now)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		mine = n == 1
		return err
	})
	if mine {
		r.renewed = begun
	}
	return mine, err
}

// giveUp lets the next relay have its turn.
func (r *relay) giveUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if r.conn != nil {
		if _, err := r.conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1::int, $2::int)", r.class(), relayLock); err != nil {
			_ = r.conn.Raw(func(any) error { return driver.ErrBadConn }) // the lock goes with the connection
		}
		_ = r.conn.Close()
	}
	if r.owner != nil {
		_ = r.w.do(ctx, func(s *shared) error {
			_, err := s.tx.ExecContext(context.Background(), r.named("DELETE FROM treaty_relay WHERE owner = ?"), r.owner)
			return err
		})
	}
}

var errTurn = errors.New("another relay has taken over, since this one's lease was over")

// keep holds on to the turn.
func (r *relay) keep(ctx context.Context) error {
	if r.dialect == PostgreSQL || time.Since(r.renewed) < r.lease/3 {
		return nil
	}
	mine, err := r.acquire(ctx)
	if err == nil && !mine {
		err = errTurn
	}
	return err
}

// read reads the first entries. What has been sent is deleted, and nothing else
// says how far a relay has come: a transaction that began early and is committed
// late is not overlooked.
func (r *relay) read(ctx context.Context) ([]row, error) {
	if err := r.keep(ctx); err != nil {
		return nil, err
	}
	query := r.named("SELECT seq, channel, key, event FROM treaty_outbox ORDER BY seq LIMIT " + strconv.Itoa(r.batch))
	var rows *sql.Rows
	var err error
	if r.conn != nil {
		rows, err = r.conn.QueryContext(ctx, query)
	} else {
		rows, err = r.db.QueryContext(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []row
	for rows.Next() {
		var one row
		var key []byte
		if err := rows.Scan(&one.seq, &one.Channel, &key, &one.Event); err != nil {
			return nil, err
		}
		one.Key = string(key)
		all = append(all, one)
	}
	return all, rows.Err()
}

func (r *relay) sendAll(ctx context.Context, rows []row) error {
	err := r.sendSome(ctx, rows)
	if err == nil {
		return r.remove(ctx, rows)
	}
	if !errors.Is(err, ErrRefused) {
		return err
	}
	if len(rows) > 1 {
		for i := range rows {
			if err := r.keep(ctx); err != nil {
				return err
			}
			if err := r.sendAll(ctx, rows[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	r.log.ErrorContext(ctx, "an event of the outbox is refused, and put aside", "channel", rows[0].Channel, "key", rows[0].Key, "error", err)
	return r.putAside(ctx, rows[0], err)
}

// sendSome calls send. On SQLite it renews the lease meanwhile, and stops send
// when that fails.
func (r *relay) sendSome(ctx context.Context, rows []row) error {
	entries := make([]Entry, len(rows))
	for i := range rows {
		entries[i] = rows[i].Entry
	}
	if r.dialect == PostgreSQL {
		return r.send(ctx, entries)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for sleep(ctx, r.lease/3) == nil {
			if err := r.keep(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		}
	}()
	err := r.send(ctx, entries)
	cause := context.Cause(ctx)
	cancel(nil)
	<-finished
	if err != nil && cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// inTx executes statements, all or none.
func (r *relay) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	r.sent = true
	if r.w != nil {
		return r.w.do(ctx, func(s *shared) error { return s.savepoint(func() error { return do(s.tx) }) })
	}
	tx, err := r.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// remove deletes what was sent, each entry by its number: one between them may
// have been committed just now.
func (r *relay) remove(ctx context.Context, rows []row) error {
	// What was sent is sent, even if ctx has ended since.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var list strings.Builder
	for i := range rows {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strconv.FormatInt(rows[i].seq, 10))
	}
	if r.dialect == PostgreSQL {
		return r.inTx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, r.named("DELETE FROM treaty_outbox WHERE seq = ANY($1::text::bigint[])"), "{"+list.String()+"}")
			return err
		})
	}
	return r.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), r.named("DELETE FROM treaty_outbox WHERE seq IN ("+list.String()+")"))
		return err
	})
}

func (r *relay) putAside(ctx context.Context, one row, reason error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	text := strings.ReplaceAll(strings.ToValidUTF8(reason.Error(), "\uFFFD"), "\x00", "\uFFFD")
	return r.inTx(ctx, func(tx *sql.Tx) error {
		insert := fmt.Sprintf("INSERT INTO treaty_refused (seq, channel, key, event, reason, refused) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (seq) DO NOTHING",
			r.mark(1), r.mark(2), r.mark(3), r.mark(4), r.mark(5), r.mark(6))
		if _, err := tx.ExecContext(ctx, r.named(insert), one.seq, one.Channel, []byte(one.Key), one.Event, text, time.Now().UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, r.named("DELETE FROM treaty_outbox WHERE seq = "+strconv.FormatInt(one.seq, 10)))
		return err
	})
}
