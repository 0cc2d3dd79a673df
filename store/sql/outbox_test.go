package sqlstore_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// sink is where a relay of a test sends to.
type sink struct {
	mu   sync.Mutex
	sent []sqlstore.Entry
}

func (s *sink) send(_ context.Context, entries []sqlstore.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, entries...)
	return nil
}

func (s *sink) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.sent {
		all = append(all, string(e.Event))
	}
	return all
}

func outbox(t testing.TB, s server, db *sql.DB, place string, options ...sqlstore.OutboxOption) *sqlstore.Outbox {
	t.Helper()
	options = append([]sqlstore.OutboxOption{sqlstore.Prefix(place + "_"), sqlstore.Poll(20 * time.Millisecond), sqlstore.Backoff(time.Millisecond, 20*time.Millisecond),
		sqlstore.Logger(slog.New(slog.DiscardHandler))}, options...)
	o, err := sqlstore.NewOutbox(context.Background(), db, s.dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func relay(t testing.TB, o *sqlstore.Outbox, send func(context.Context, []sqlstore.Entry) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan error, 1)
	go func() { finished <- o.Relay(ctx, send) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-finished; !errors.Is(err, context.Canceled) {
				t.Errorf("Relay: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func add(t testing.TB, o *sqlstore.Outbox, db *sql.DB, entries ...sqlstore.Entry) {
	t.Helper()
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Add(ctx, tx, entries...); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	o.Wake()
}

func entry(key, event string) sqlstore.Entry {
	return sqlstore.Entry{Channel: "orders", Key: key, Event: []byte(event)}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal(what)
		}
	}
}

func drained(t testing.TB, o *sqlstore.Outbox) {
	t.Helper()
	eventually(t, "the outbox is not emptied", func() bool {
		n, err := o.Pending(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// each runs a test of the outbox on a database.
func eachOutbox(t *testing.T, s server) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, server)
	}{
		{"Sent", outboxSent}, {"RolledBack", outboxRolledBack}, {"Prompt", outboxPrompt}, {"WrongUse", outboxWrongUse}, {"Errors", outboxErrors},
		{"Refused", outboxRefused}, {"OneAtATime", outboxOneAtATime}, {"Order", outboxOrder}, {"Killed", outboxKilled}, {"Late", outboxLate},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t, s) })
	}
}

func TestOutbox(t *testing.T)     { eachOutbox(t, sqliteIn(t.TempDir())) }
func TestRealOutbox(t *testing.T) { eachOutbox(t, postgres(t)) }

func outboxSent(t *testing.T, s server) {
	p := place()
	db := s.open(t, p)
	o := outbox(t, s, db, p, sqlstore.Batch(7))
	var all []sqlstore.Entry
	var want []string
	for n := range 250 {
		all = append(all, entry([]string{"", "a", "b\x00\xff"}[n%3], strconv.Itoa(n)))
		want = append(want, strconv.Itoa(n))
	}
	add(t, o, db, all...)
	if n, err := o.Pending(context.Background()); n != 250 || err != nil {
		t.Errorf("Pending: %d, %v", n, err)
	}
	var to sink
	stop := relay(t, o, func(ctx context.Context, entries []sqlstore.Entry) error {
		if len(entries) == 0 || len(entries) > 7 {
			t.Errorf("a batch of %d", len(entries))
		}
		return to.send(ctx, entries)
	})
	drained(t, o)
	stop()
	if got := to.events(); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
	if e := to.sent[2]; e.Channel != "orders" || e.Key != "b\x00\xff" {
		t.Errorf("an entry has come as %+v", e)
	}
}

func outboxRolledBack(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p)
	var to sink
	stop := relay(t, o, to.send)
	for n := range 20 {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Add(ctx, tx, entry("k", strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	drained(t, o)
	stop()
	if got := strings.Join(to.events(), " "); got != "1 3 5 7 9 11 13 15 17 19" {
		t.Errorf("sent %s", got)
	}
}

// outboxPrompt has a relay that polls once an hour.
func outboxPrompt(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p, sqlstore.Poll(time.Hour))
	var to sink
	relay(t, o, to.send)
	add(t, o, db, entry("k", "0"))
	drained(t, o)
	for n := 1; n < 5; n++ { // without Wake after the commit
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Add(ctx, tx, entry("k", strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n) * 10 * time.Millisecond)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		drained(t, o)
	}
	if got := strings.Join(to.events(), " "); got != "0 1 2 3 4" {
		t.Errorf("sent %s", got)
	}
}

func outboxWrongUse(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p)
	if err := o.Add(ctx, nil, entry("k", "1")); err == nil || !strings.Contains(err.Error(), "no transaction") {
		t.Errorf("Add without a transaction: %v", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, e := range []sqlstore.Entry{{Event: []byte("1")}, {Channel: "a\x00", Event: []byte("1")}, {Channel: "\xff", Event: []byte("1")}, {Channel: "orders"}} {
		if err := o.Add(ctx, tx, e); err == nil {
			t.Errorf("Add(%+v): no error", e)
		}
	}
	if err := o.Add(ctx, tx); err != nil {
		t.Errorf("Add of nothing: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := o.Relay(ended, func(context.Context, []sqlstore.Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Relay with a context that has ended: %v", err)
	}
}

// outboxErrors has a send that fails most of the time.
func outboxErrors(t *testing.T, s server) {
	p := place()
	db := s.open(t, p)
	o := outbox(t, s, db, p, sqlstore.Batch(10))
	var want []string
	for n := range 60 {
		add(t, o, db, entry("k", strconv.Itoa(n)))
		want = append(want, strconv.Itoa(n))
	}
	var to sink
	calls := 0
	stop := relay(t, o, func(ctx context.Context, entries []sqlstore.Entry) error {
		if calls++; calls%3 != 0 {
			_ = to.send(ctx, entries[:len(entries)*calls%3/2]) // some have been sent
			return errors.New("the broker is not there")
		}
		return to.send(ctx, entries)
	})
	drained(t, o)
	stop()
	if got := first(to.events()); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
}

// first leaves repetitions out.
func first(events []string) []string {
	seen := map[string]bool{}
	var all []string
	for _, e := range events {
		if !seen[e] {
			all = append(all, e)
		}
		seen[e] = true
	}
	return all
}

func outboxRefused(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p)
	var want []string
	for n := range 40 {
		event := strconv.Itoa(n)
		if n%10 == 3 {
			event = "bad" + event
		} else {
			want = append(want, event)
		}
		add(t, o, db, entry([]string{"a", "b", "c"}[n%3], event))
	}
	var to sink
	stop := relay(t, o, func(ctx context.Context, entries []sqlstore.Entry) error {
		for _, e := range entries {
			if strings.HasPrefix(string(e.Event), "bad") {
				return fmt.Errorf("%w: no such type \x00\xff", sqlstore.ErrRefused)
			}
			_ = to.send(ctx, []sqlstore.Entry{e})
		}
		return nil
	})
	drained(t, o)
	stop()
	if got := first(to.events()); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
	refused, err := o.Refused(ctx, 10)
	if err != nil || len(refused) != 4 {
		t.Fatalf("Refused: %v, %v", refused, err)
	}
	r := refused[1]
	if string(r.Event) != "bad13" || r.Key != "b" || r.Channel != "orders" || !strings.Contains(r.Reason, "no such type") || time.Since(r.At) > time.Hour {
		t.Errorf("refused: %+v", r)
	}
}

// outboxOneAtATime has several relays, which end one after the other.
func outboxOneAtATime(t *testing.T, s server) {
	p := place()
	db := s.open(t, p)
	var to sink
	var sending atomic.Int64
	var by [3]atomic.Int64
	var stops []func()
	var o *sqlstore.Outbox
	for n := range by {
		o = outbox(t, s, s.open(t, p), p, sqlstore.Batch(5))
		stops = append(stops, relay(t, o, func(ctx context.Context, entries []sqlstore.Entry) error {
			if sending.Add(1) != 1 {
				t.Error("two relays send at once")
			}
			defer sending.Add(-1)
			by[n].Add(1)
			time.Sleep(time.Millisecond)
			return to.send(ctx, entries)
		}))
	}
	var want []string
	for round := range by {
		for n := range 30 {
			event := fmt.Sprint(round, "-", n)
			want = append(want, event)
			add(t, o, db, entry("k", event))
		}
		drained(t, o)
		for n := range by { // stop the one that sends
			if by[n].Load() > 0 && stops[n] != nil {
				stops[n]()
				stops[n] = nil
				break
			}
		}
	}
	for n := range by {
		if by[n].Load() == 0 {
			t.Errorf("relay %d never had its turn", n)
		}
	}
	if got := to.events(); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
}

// outboxOrder has many write at once, transactions that take their time to
// commit and some that do not, while a relay is cut off again and again. What
// was committed is sent, in the order of the commits of its key: a counter that
// the transaction reads and writes says which that is.
func outboxOrder(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p, sqlstore.Batch(9))
	if _, err := db.Exec("CREATE TABLE " + p + "_effects (k integer PRIMARY KEY, n integer NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	const keys, writers, each = 4, 8, 25
	for k := range keys {
		if _, err := db.Exec(fmt.Sprintf("INSERT INTO %s_effects VALUES (%d, 0)", p, k)); err != nil {
			t.Fatal(err)
		}
	}
	var to sink
	var crash atomic.Int64
	send := func(ctx context.Context, entries []sqlstore.Entry) error {
		if crash.Add(1)%4 == 0 {
			_ = to.send(ctx, entries[:rand.IntN(len(entries)+1)])
			return errors.New("cut off")
		}
		return to.send(ctx, entries)
	}
	stopping := make(chan struct{})
	var relays sync.WaitGroup
	relays.Go(func() {
		for {
			run, cancel := context.WithTimeout(ctx, 60*time.Millisecond)
			_ = o.Relay(run, send)
			cancel()
			select {
			case <-stopping:
				return
			default:
			}
		}
	})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				for {
					err := func() error {
						tx, err := db.BeginTx(ctx, nil)
						if err != nil {
							return err
						}
						defer func() { _ = tx.Rollback() }()
						k := (w + n) % keys
						key := fmt.Sprint("key", k)
						// The entry is written before anything has said who comes first.
						if err := o.Add(ctx, tx, entry(key, fmt.Sprintf("%d-%d-%d", k, w, n)), entry("", fmt.Sprintf("free-%d-%d", w, n))); err != nil {
							return err
						}
						time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
						if _, err := tx.Exec(fmt.Sprintf("UPDATE %s_effects SET n = n + 1 WHERE k = %d", p, k)); err != nil {
							return err
						}
						var count int
						if err := tx.QueryRow(fmt.Sprintf("SELECT n FROM %s_effects WHERE k = %d", p, k)).Scan(&count); err != nil {
							return err
						}
						if err := o.Add(ctx, tx, entry(key, fmt.Sprintf("%d:%d", k, count))); err != nil {
							return err
						}
						if rand.IntN(5) == 0 {
							return errRolledBack
						}
						return tx.Commit()
					}()
					if err == nil {
						break
					}
					if !errors.Is(err, errRolledBack) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	drained(t, o)
	close(stopping)
	relays.Wait()

	got := first(to.events())
	if len(got) != 3*writers*each {
		t.Errorf("%d events are sent, of %d", len(got), 3*writers*each)
	}
	var counts [keys]int
	before := map[int]string{}
	for _, e := range got {
		if k, n, ok := strings.Cut(e, ":"); ok {
			k, _ := strconv.Atoi(k)
			n, _ := strconv.Atoi(n)
			if n != counts[k]+1 {
				t.Errorf("key %d: %d after %d", k, n, counts[k])
			}
			counts[k] = n
			if before[k] == "" {
				t.Errorf("key %d: %d without the one before it", k, n)
			}
			before[k] = ""
		} else if !strings.HasPrefix(e, "free") {
			k := int(e[0] - '0')
			if before[k] != "" {
				t.Errorf("key %d: %s and %s, of two transactions, mixed", k, before[k], e)
			}
			before[k] = e
		}
	}
}

var errRolledBack = errors.New("rolled back")

// outboxLate commits a transaction that began, and took its number, before
// others that have been sent and deleted since.
func outboxLate(t *testing.T, s server) {
	if s.dialect == sqlstore.SQLite {
		t.Skip("SQLite has one writer at a time")
	}
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	o := outbox(t, s, db, p)
	var to sink
	relay(t, o, to.send)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Add(ctx, tx, entry("a", "late")); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		add(t, o, db, entry("b", strconv.Itoa(n)))
	}
	drained(t, o)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the late one is not sent", func() bool { return slices.Contains(to.events(), "late") })
}

// TestMain is another process where a test wants one: a relay that writes what
// it sends to its output, until it is killed.
func TestMain(m *testing.M) {
	dsn := os.Getenv("TREATY_RELAY_DSN")
	if dsn == "" {
		os.Exit(m.Run())
	}
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	driver, dialect := "pgx", sqlstore.PostgreSQL
	if strings.HasPrefix(dsn, "file:") {
		driver, dialect = "sqlite", sqlstore.SQLite
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		fail(err)
	}
	o, err := sqlstore.NewOutbox(context.Background(), db, dialect, sqlstore.Prefix(os.Getenv("TREATY_RELAY_PREFIX")), sqlstore.Batch(8),
		sqlstore.Lease(time.Second), sqlstore.Poll(10*time.Millisecond))
	if err != nil {
		fail(err)
	}
	fail(o.Relay(context.Background(), func(_ context.Context, entries []sqlstore.Entry) error {
		for _, e := range entries {
			fmt.Printf("%s\n", e.Event)
			time.Sleep(time.Millisecond)
		}
		return nil
	}))
}

// outboxKilled kills processes that relay, in the middle of it.
func outboxKilled(t *testing.T, s server) {
	p := place()
	db := s.open(t, p)
	dsn := os.Getenv("TREATY_POSTGRES")
	if s.dialect == sqlstore.SQLite {
		var file string
		if err := db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
			t.Fatal(err)
		}
		dsn = "file:" + filepath.ToSlash(file) + wal
	}
	o := outbox(t, s, db, p)
	const events = 120
	var all []sqlstore.Entry
	for n := range events {
		all = append(all, entry(fmt.Sprint("k", n%5), strconv.Itoa(n)))
	}
	add(t, o, db, all...)
	var sent []string
	for round := 0; ; round++ {
		if n, err := o.Pending(context.Background()); err != nil || n == 0 {
			if err != nil || round < 3 {
				t.Fatalf("after %d kills: %d pending, %v", round, n, err)
			}
			break
		}
		if round > 50 {
			t.Fatal("the relays get nowhere")
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TREATY_RELAY_DSN="+dsn, "TREATY_RELAY_PREFIX="+p+"_")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		left := 13 + 7*round
		stalled := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() }) // nothing is left to be sent
		for left > 0 && lines.Scan() {
			sent = append(sent, lines.Text())
			left--
		}
		_ = cmd.Process.Kill()
		stalled.Stop()
		for lines.Scan() {
			sent = append(sent, lines.Text())
		}
		_ = cmd.Wait()
	}
	var want []string
	for n := range events {
		want = append(want, strconv.Itoa(n))
	}
	if got := first(sent); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
	if len(sent) == events {
		t.Log("no kill was in the middle of a batch")
	}
}
