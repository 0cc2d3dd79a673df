package torture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// services is how many processes have one database, and with it one outbox,
// whose relays take turns.
const services = 2

// service is a process that changes rows of a database, and writes the event of
// a change in the transaction of the change.
type service struct {
	*child
	rec      *recorder
	producer *treaty.Producer
	outbox   *sqlstore.Outbox
	db       *sql.DB
	pace     pace
}

// serviceDatabase is that of the rows and the outbox: a file of its own, or a
// server where the run has one.
func serviceDatabase(c *Config) (*sql.DB, sqlstore.Dialect, error) {
	if strings.HasPrefix(c.Store, "postgres") {
		return database(c)
	}
	db, err := sqliteFile(c.Dir, "service.db")
	return db, sqlstore.SQLite, err
}

func rowsTable(address string) string { return tables(address) + "rows" }

// serve writes the rows of the plan that are this process's, and relays.
func (c *child) serve(ctx context.Context) error {
	rec, err := record(c.Dir, ofProducer, c.Name)
	if err != nil {
		return err
	}
	b, err := c.open(ctx)
	if err != nil {
		return err
	}
	doc, err := c.contract(ctx, "")
	if err != nil {
		return err
	}
	s := &service{child: c, rec: rec, pace: pace{rate: max(c.Pace/4/services, 1), begun: time.Now()}}
	through := b
	if c.Break == "outbox-mark" {
		through = newHasty(b)
	}
	if s.producer, err = treaty.NewProducer(doc, through, logger()); err != nil {
		return err
	}
	var dialect sqlstore.Dialect
	if s.db, dialect, err = serviceDatabase(&c.Config); err != nil {
		return err
	}
	defer s.db.Close()
	s.outbox, err = sqlstore.NewOutbox(ctx, s.db, dialect, sqlstore.Prefix(tables(c.Address)+"out_"), sqlstore.Lease(lease), sqlstore.Poll(50*time.Millisecond),
		sqlstore.Backoff(20*time.Millisecond, time.Second), sqlstore.Logger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	// What a killed one had committed is there, whether it came to say so or not.
	there, err := s.rows(ctx)
	if err != nil {
		return err
	}
	said := map[int]bool{}
	earlier := tail{path: filepath.Join(c.Dir, ofProducer)}
	if err := earlier.read(func(r Record) {
		if r.What == published {
			for _, n := range r.All {
				said[n] = true
			}
		}
	}); err != nil {
		return err
	}
	var unsaid []int
	for n := range there {
		if !said[n] {
			unsaid = append(unsaid, n)
		}
	}
	rec.add(Record{What: began, N: -1})
	if len(unsaid) > 0 {
		rec.add(Record{What: published, N: -1, All: unsaid})
	}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all.Go(func() {
		if err := s.outbox.Relay(ctx, s.relay); ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "ended with: the relay:", err)
			os.Exit(3)
		}
	})
	var mine int
	if _, err := fmt.Sscanf(c.Name, "service%d-", &mine); err != nil {
		return err
	}
	var writers sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		if w%services == mine-1 {
			writers.Go(func() { errs[w] = s.write(ctx, w, there) })
		}
	}
	writers.Wait()
	if err := errors.Join(errs...); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	rec.add(Record{What: doneAll, N: -1})
	<-ctx.Done()
	all.Wait()
	_ = b.Close() // it may be cut just then
	return nil
}

// rows are the rows that were committed.
func (s *service) rows(ctx context.Context) (map[int]bool, error) {
	return committed(ctx, s.db, s.Address)
}

func committed(ctx context.Context, db *sql.DB, address string) (map[int]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT n FROM "+rowsTable(address))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[int]bool{}
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		all[n] = true
	}
	return all, rows.Err()
}

// write writes what the plan has for the keys of a worker, some in a transaction.
func (s *service) write(ctx context.Context, w int, there map[int]bool) error {
	var batch []int
	flush := func() error {
		err := s.commit(ctx, batch)
		batch = batch[:0]
		return err
	}
	for n := range s.plan.Events {
		e := &s.plan.Events[n]
		switch {
		case !e.Outbox || workerOf(e.Key) != w || there[n]:
			continue
		case e.Kill == BeforeCommit:
			if _, err := os.Stat(s.onceFile("kill", n)); err == nil {
				continue // whoever began it is gone, and with it what it wanted
			}
		case e.Kind == Undone:
			s.pace.wait(1)
			if err := s.transaction(ctx, []int{n}); !errors.Is(err, errUndone) {
				return fmt.Errorf("what was to be rolled back ended with %w", err)
			}
			s.rec.add(Record{What: refused, N: n, Err: errUndone.Error()})
			continue
		}
		if batch = append(batch, n); len(batch) > n%11 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// commit commits rows and their events, however often that fails.
func (s *service) commit(ctx context.Context, all []int) error {
	if len(all) == 0 {
		return nil
	}
	s.pace.wait(len(all))
	for try := 0; ; try++ {
		s.rec.add(Record{What: writing, N: -1, All: all})
		err := s.transaction(ctx, all)
		if err == nil {
			for _, n := range all {
				s.die(n, AfterCommit, func() { s.rec.add(Record{What: dying, N: n, Reason: string(AfterCommit)}) })
			}
			s.rec.add(Record{What: published, N: -1, All: all})
			s.outbox.Wake()
			return nil
		}
		s.rec.add(Record{What: refused, N: all[0], Err: err.Error()})
		if ctx.Err() != nil || try == 100 {
			return fmt.Errorf("writing %v: %w", all, err)
		}
		there, err := s.rows(ctx) // the answer of a commit may be lost
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(slices.Clone(all), func(n int) bool { return there[n] })
		time.Sleep(min(broker.Backoff(try), time.Second))
	}
}

var errUndone = errors.New("rolled back, as planned")

// transaction writes rows and events, and commits them, or not.
func (s *service) transaction(ctx context.Context, all []int) error {
	var entries []sqlstore.Entry
	for _, n := range all {
		e, err := s.producer.New(eventType, s.plan.Events[n].Key, s.plan.data(n))
		if err != nil {
			return err
		}
		e.ID, e.Source = s.plan.ID(n), source
		entry, err := s.producer.Entry(ctx, e)
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	add := func(tx *sql.Tx) error { return s.outbox.Add(ctx, tx, entries...) }
	if s.Break == "outbox-transaction" {
		// The event is written in a transaction of its own, before the row's.
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := errors.Join(add(tx), tx.Commit()); err != nil {
			return err
		}
		add = func(*sql.Tx) error { return nil }
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after the commit
	for i, n := range all {
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+rowsTable(s.Address)+" (n, done_at, done_by) VALUES ($1, $2, $3)", n, time.Now().UnixMicro(), s.Name); err != nil {
			return err
		}
		if i == len(all)/2 { // the order of row and event is the caller's
			if err := add(tx); err != nil {
				return err
			}
		}
	}
	for _, n := range all {
		if s.plan.Events[n].Kind == Undone {
			return errUndone
		}
		s.die(n, BeforeCommit, func() { s.rec.add(Record{What: dying, N: n, Reason: string(BeforeCommit)}) })
	}
	return tx.Commit()
}

// relay sends entries, and may not come to say that it has.
func (s *service) relay(ctx context.Context, entries []sqlstore.Entry) error {
	if s.Break == "outbox-order" {
		entries = slices.Clone(entries)
		slices.Reverse(entries)
	}
	all := make([]int, len(entries))
	for i := range entries {
		all[i] = number(entries[i].Event)
	}
	s.rec.add(Record{What: publishing, N: -1, All: all})
	if err := s.producer.Relay(ctx, entries); err != nil {
		s.rec.add(Record{What: refused, N: all[0], Err: err.Error()})
		return err
	}
	s.rec.add(Record{What: relayed, N: -1, All: all})
	for _, n := range all {
		s.die(n, BeforeMark, func() { s.rec.add(Record{What: dying, N: n, Reason: string(BeforeMark)}) })
	}
	return nil
}

// prepareService makes the table of rows.
func (r *run) prepareService() error {
	db, _, err := serviceDatabase(&r.Config)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(r.ctx, "CREATE TABLE "+rowsTable(r.address)+" (n INTEGER PRIMARY KEY, done_at BIGINT, done_by TEXT)")
	return err
}

// readService reads what the services have left: their rows, and what is still
// in the outbox.
func (r *run) readService(ctx context.Context, e *evidence) error {
	db, dialect, err := serviceDatabase(&r.Config)
	if err != nil {
		return err
	}
	defer db.Close()
	if e.rows, err = committed(ctx, db, r.address); err != nil {
		return err
	}
	o, err := sqlstore.NewOutbox(ctx, db, dialect, sqlstore.Prefix(tables(r.address)+"out_"))
	if err != nil {
		return err
	}
	pending, err := o.Pending(ctx)
	if err != nil {
		return err
	}
	if pending > 0 {
		r.violation("%d events are in the outbox that nobody has sent", pending)
	}
	put, err := o.Refused(ctx, 10)
	for _, one := range put {
		r.violation("the outbox has put aside what the contract allows: %+v", one)
	}
	return err
}

// checkOutbox holds that an event was published if its row was committed, and
// that no other was.
func (r *run) checkOutbox(e *evidence, n int, l *life, complain func(int, string, ...any)) {
	ev := &r.plan.Events[n]
	switch {
	case !ev.never() && !e.rows[n]:
		complain(n, "event %d was written, and its row is not there", n)
	case ev.never() && e.rows[n]:
		complain(n, "event %d was rolled back, and its row is there", n)
	case ev.never() && (e.log[n] > 0 || e.backfilled[n] || len(l.entered) > 0 || len(l.effects) > 0 || len(l.dead) > 0):
		complain(n, "event %d was rolled back, and was published", n)
	}
}
