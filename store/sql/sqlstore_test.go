package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/treaty-events/treaty/store"
	sqlstore "github.com/treaty-events/treaty/store/sql"
	"github.com/treaty-events/treaty/store/storetest"
)

// server is a database for a test: its tables begin with a prefix, and are gone
// after it.
type server struct {
	dialect sqlstore.Dialect
	// open opens the database at a place, again and again.
	open func(t testing.TB, place string) *sql.DB
}

const wal = "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate"

func sqliteIn(folder string) server {
	return server{sqlstore.SQLite, connectTo("sqlite", func(place string) string { return "file:" + filepath.Join(folder, place) + wal })}
}

func connectTo(driver string, dsn func(place string) string) func(t testing.TB, place string) *sql.DB {
	return func(t testing.TB, place string) *sql.DB {
		t.Helper()
		return connect(t, driver, dsn(place))
	}
}

func connect(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func postgres(t testing.TB) server {
	dsn := os.Getenv("TREATY_POSTGRES")
	if dsn == "" {
		t.Skip("TREATY_POSTGRES is not set to the URL of a PostgreSQL server")
	}
	// The processes of a test share their connections, since a server has few.
	db := connect(t, "pgx", dsn)
	db.SetMaxOpenConns(30)
	db.SetMaxIdleConns(30)
	var mu sync.Mutex
	places := map[string]bool{}
	t.Cleanup(func() {
		for place := range places {
			for _, table := range []string{"handled", "outbox", "refused", "version", "effects"} {
				if _, err := db.Exec("DROP TABLE IF EXISTS " + place + "_" + table); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return server{sqlstore.PostgreSQL, func(t testing.TB, place string) *sql.DB {
		mu.Lock()
		places[place] = true
		mu.Unlock()
		return db
	}}
}

func harness(s server) storetest.Harness {
	return storetest.Harness{Shared: true, Open: func(t testing.TB, place string, o storetest.Options) store.Store {
		return open(t, s, s.open(t, place), place, sqlstore.Window(o.Window), sqlstore.Lease(o.Lease), sqlstore.Clock(o.Now))
	}}
}

func open(t testing.TB, s server, db *sql.DB, place string, options ...sqlstore.StoreOption) *sqlstore.Store {
	t.Helper()
	st, err := sqlstore.Open(context.Background(), db, s.dialect, append(options, sqlstore.Prefix(place+"_"))...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func inboxHarness(s server) storetest.InboxHarness {
	return storetest.InboxHarness{
		Shared: true,
		Open: func(t testing.TB, place string, o storetest.Options) store.Inbox {
			db := s.open(t, place)
			st := open(t, s, db, place, sqlstore.Window(o.Window), sqlstore.Lease(o.Lease), sqlstore.Clock(o.Now))
			if _, err := db.Exec("CREATE TABLE IF NOT EXISTS " + place + "_effects (effect text NOT NULL)"); err != nil {
				t.Fatal(err)
			}
			return st
		},
		Effect: func(ctx context.Context, place, effect string) error {
			tx, ok := sqlstore.Tx(ctx)
			if !ok {
				return errors.New("no transaction")
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO "+place+"_effects VALUES ('"+effect+"')")
			return err
		},
		Break: func(ctx context.Context, place string) error {
			tx, _ := sqlstore.Tx(ctx)
			_, err := tx.ExecContext(ctx, "INSERT INTO "+place+"_effects VALUES (NULL)")
			return err
		},
		Effects: func(t testing.TB, place string) map[string]int {
			rows, err := s.open(t, place).Query("SELECT effect, count(*) FROM " + place + "_effects GROUP BY effect")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			all := map[string]int{}
			for rows.Next() {
				var effect string
				var n int
				if err := rows.Scan(&effect, &n); err != nil {
					t.Fatal(err)
				}
				all[effect] = n
			}
			return all
		},
	}
}

func TestStore(t *testing.T)     { storetest.Run(t, harness(sqliteIn(t.TempDir()))) }
func TestInbox(t *testing.T)     { storetest.RunInbox(t, inboxHarness(sqliteIn(t.TempDir()))) }
func TestRealStore(t *testing.T) { storetest.Run(t, harness(postgres(t))) }
func TestRealInbox(t *testing.T) { storetest.RunInbox(t, inboxHarness(postgres(t))) }

var counter atomic.Int64

func place() string { return fmt.Sprintf("q%x%x", time.Now().UnixNano(), counter.Add(1)) }

func TestTables(t *testing.T)     { tables(t, sqliteIn(t.TempDir())) }
func TestRealTables(t *testing.T) { tables(t, postgres(t)) }

// tables makes them at once from several sides, by hand, and finds those of a
// version to come.
func tables(t *testing.T, s server) {
	ctx := context.Background()
	p := place()
	var wg sync.WaitGroup
	for range 6 {
		db := s.open(t, p)
		wg.Go(func() {
			st, err := sqlstore.Open(ctx, db, s.dialect, sqlstore.Prefix(p+"_"))
			if err != nil {
				t.Error(err)
				return
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := sqlstore.NewOutbox(ctx, db, s.dialect, sqlstore.Prefix(p+"_")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()

	p = place()
	db := s.open(t, p)
	if _, err := db.Exec(sqlstore.Schema(s.dialect, sqlstore.Prefix(p+"_"))); err != nil {
		t.Fatal(err)
	}
	st := open(t, s, db, p)
	if err := st.Done(ctx, store.Identity{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE " + p + "_version SET version = 2"); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlstore.Open(ctx, db, s.dialect, sqlstore.Prefix(p+"_")); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("tables of another version: %v", err)
	}
	if _, err := sqlstore.Open(ctx, db, s.dialect, sqlstore.Prefix("a b")); err == nil {
		t.Error("a prefix with a space is taken")
	}
	if _, err := sqlstore.Open(ctx, db, 0); err == nil {
		t.Error("no dialect is taken")
	}
	gone, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "gone"))
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlstore.Open(ctx, gone, s.dialect); err == nil {
		t.Error("a closed database is taken")
	}
}

func TestPrune(t *testing.T)     { prune(t, sqliteIn(t.TempDir())) }
func TestRealPrune(t *testing.T) { prune(t, postgres(t)) }

func prune(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	db := s.open(t, p)
	var now atomic.Int64
	st := open(t, s, db, p, sqlstore.Window(time.Hour), sqlstore.Lease(time.Hour), sqlstore.Clock(func() time.Time { return time.Unix(1e9+now.Load(), 0) }))
	defer st.Close()
	var ids []store.Identity
	for n := range 2500 {
		ids = append(ids, store.Identity{Key: strconv.Itoa(n)})
	}
	if err := st.Done(ctx, ids...); err != nil {
		t.Fatal(err)
	}
	now.Add(1800)
	if err := st.Done(ctx, store.Identity{Key: "later"}); err != nil {
		t.Fatal(err)
	}
	if n, err := st.Prune(ctx); n != 0 || err != nil {
		t.Errorf("Prune in the window: %d, %v", n, err)
	}
	now.Add(1801)
	if n, err := st.Prune(ctx); n != 2500 || err != nil {
		t.Errorf("Prune: %d, %v", n, err)
	}
	var left int
	if err := db.QueryRow("SELECT count(*) FROM " + p + "_handled").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are left, %v", left, err)
	}
}

// TestInboxOfClaims meets a claim of a store with its inbox.
func TestInboxOfClaims(t *testing.T)     { inboxOfClaims(t, sqliteIn(t.TempDir())) }
func TestRealInboxOfClaims(t *testing.T) { inboxOfClaims(t, postgres(t)) }

func inboxOfClaims(t *testing.T, s server) {
	ctx, p := context.Background(), place()
	st := open(t, s, s.open(t, p), p)
	defer st.Close()
	id := store.Identity{Group: "g", Key: "k"}
	if state, err := st.Claim(ctx, id); state != store.Claimed {
		t.Fatal(state, err)
	}
	handled := func(context.Context) error { return nil }
	if state, err := st.Once(ctx, id, handled); state != store.Busy || err != nil {
		t.Errorf("Once of what is claimed: %v, %v", state, err)
	}
	if err := st.Release(ctx, id); err != nil {
		t.Fatal(err)
	}
	if state, err := st.Once(ctx, id, handled); state != store.Claimed || err != nil {
		t.Errorf("Once of what was released: %v, %v", state, err)
	}
	if state, err := st.Claim(ctx, id); state != store.Done || err != nil {
		t.Errorf("Claim of what was handled once: %v, %v", state, err)
	}
}

// TestConflict has two serializable transactions in each other's way.
func TestRealConflict(t *testing.T) {
	s, ctx, p := postgres(t), context.Background(), place()
	db := s.open(t, p)
	st := open(t, s, db, p, sqlstore.Isolation(sql.LevelSerializable))
	defer st.Close()
	if _, err := db.Exec("CREATE TABLE " + p + "_effects (effect text)"); err != nil {
		t.Fatal(err)
	}
	var barrier, wg sync.WaitGroup
	barrier.Add(2)
	var conflicts atomic.Int64
	for n := range 2 {
		wg.Go(func() {
			first := true
			for {
				_, err := st.Once(ctx, store.Identity{Key: strconv.Itoa(n)}, func(ctx context.Context) error {
					tx, _ := sqlstore.Tx(ctx)
					var count int
					if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+p+"_effects").Scan(&count); err != nil {
						return err
					}
					if first {
						first = false
						barrier.Done()
						barrier.Wait()
					}
					_, err := tx.ExecContext(ctx, "INSERT INTO "+p+"_effects VALUES ($1)", strconv.Itoa(count))
					return err
				})
				if errors.Is(err, sqlstore.ErrConflict) {
					conflicts.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
		})
	}
	wg.Wait()
	var distinct int
	if err := db.QueryRow("SELECT count(DISTINCT effect) FROM " + p + "_effects").Scan(&distinct); err != nil || distinct != 2 || conflicts.Load() == 0 {
		t.Errorf("%d different counts after %d conflicts: %v", distinct, conflicts.Load(), err)
	}
}

// TestBusy has another connection hold SQLite's lock for a moment, and then for
// longer than this process waits.
func TestBusy(t *testing.T) {
	folder := t.TempDir()
	s, p, ctx := sqliteIn(folder), place(), context.Background()
	db := s.open(t, p)
	st := open(t, s, db, p)
	defer st.Close()
	other := connect(t, "sqlite", "file:"+filepath.Join(folder, p)+"?_txlock=immediate")
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	released := time.AfterFunc(300*time.Millisecond, func() { _ = tx.Rollback() })
	defer released.Stop()
	if err := st.Done(ctx, store.Identity{Key: "a"}); err != nil { // waits
		t.Error(err)
	}

	tx, err = other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	state, err := st.Once(ctx, store.Identity{Key: "b"}, func(context.Context) error { return nil })
	if err == nil {
		t.Fatalf("Once beside a writer that does not end: %v", state)
	}
	if !errors.Is(err, sqlstore.ErrConflict) {
		t.Errorf("SQLITE_BUSY is no conflict: %v", err)
	}
}

// TestMixed has everything that writes to a SQLite database do so at once, over
// one sql.DB and over two, with connections enough.
func TestMixed(t *testing.T) {
	s, p, ctx := sqliteIn(t.TempDir()), place(), context.Background()
	var wg sync.WaitGroup
	for range 2 {
		db := s.open(t, p)
		st := open(t, s, db, p)
		defer st.Close()
		for c := range 8 {
			wg.Go(func() {
				for n := range 40 {
					id := store.Identity{Group: fmt.Sprint(c), Key: strconv.Itoa(n)}
					switch c % 4 {
					case 0:
						if _, err := st.Claim(ctx, id); err != nil {
							t.Error(err)
						}
					case 1:
						if err := st.Done(ctx, id, store.Identity{Key: strconv.Itoa(n)}); err != nil {
							t.Error(err)
						}
					case 2:
						if _, err := st.Once(ctx, id, func(context.Context) error { return nil }); err != nil {
							t.Error(err)
						}
					case 3:
						if _, err := st.Prune(ctx); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
	wg.Wait()
}

// TestOneConnection has a database in memory, which is another for every
// connection.
func TestOneConnection(t *testing.T) {
	db := connect(t, "sqlite", ":memory:")
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s := server{dialect: sqlstore.SQLite}
	st := open(t, s, db, "m")
	o := outbox(t, s, db, "m")
	var to sink
	stop := relay(t, o, to.send)
	var wg sync.WaitGroup
	for n := range 20 {
		id := store.Identity{Key: strconv.Itoa(n)}
		wg.Go(func() {
			if state, err := st.Claim(ctx, id); state != store.Claimed {
				t.Error(state, err)
			}
			if err := st.Done(ctx, id); err != nil {
				t.Error(err)
			}
			id.Group = "once"
			state, err := st.Once(ctx, id, func(ctx context.Context) error {
				tx, _ := sqlstore.Tx(ctx)
				return o.Add(ctx, tx, entry("k", id.Key)) // handled, and told of, together
			})
			if state != store.Claimed || err != nil {
				t.Error(state, err)
			}
		})
	}
	wg.Wait()
	eventually(t, "not all is sent", func() bool { return len(first(to.events())) == 20 })
	stop()
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}
