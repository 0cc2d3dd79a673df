package torture

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers of databases
	client "github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
	"github.com/treaty-events/treaty/store/memory"
	"github.com/treaty-events/treaty/store/redis"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// kind is a store that a run can have.
type kind struct {
	shared  bool // by the members of a group
	durable bool // outlives a process
	inbox   bool // commits with the effect
	needs   string
}

// kinds are the stores by their names.
var kinds = map[string]kind{
	"memory":         {},
	"bolt":           {durable: true},
	"sqlite":         {durable: true, shared: true},
	"inbox":          {durable: true, shared: true, inbox: true},
	"postgres":       {durable: true, shared: true, needs: "TREATY_POSTGRES"},
	"postgres-inbox": {durable: true, shared: true, inbox: true, needs: "TREATY_POSTGRES"},
	"redis":          {durable: true, shared: true, needs: "TREATY_REDIS"},
}

// lease is that of claims: what a killed process had claimed waits for its end.
const lease = 2 * time.Second

// remembering opens the store of a consumer, and returns what closes it.
func (k *consumer) remembering(ctx context.Context) (option treaty.ConsumerOption, finish func() error, err error) {
	var st store.Store
	free := func() error { return nil }
	switch name := k.Store; name {
	case "memory":
		st = memory.New()
	case "bolt":
		if k.Late != nil { // the file is the group's process's
			st = memory.New()
			break
		}
		st, err = bolt.Open(filepath.Join(k.Dir, "handled.bolt"))
	case "redis":
		c := client.NewClient(&client.Options{Addr: os.Getenv(kinds[name].needs)})
		free = c.Close
		st, err = redis.Open(ctx, c, redis.Lease(lease), redis.Prefix(k.Address+":"))
	default:
		db, dialect, err := database(&k.Config)
		if err != nil {
			return nil, nil, err
		}
		free = db.Close
		s, err := sqlstore.Open(ctx, db, dialect, sqlstore.Lease(lease), sqlstore.Prefix(tables(k.Address)))
		if err != nil {
			return nil, nil, err
		}
		if kinds[name].inbox {
			option = treaty.Inbox(&slot{s, k})
		}
		st = s
	}
	if err != nil {
		return nil, nil, err
	}
	if k.st = st; option == nil {
		option = treaty.Store(k.store(st))
	}
	return option, func() error {
		if err := st.Close(); err != nil {
			return err
		}
		return free()
	}, nil
}

// database is that of a run.
func database(c *Config) (*sql.DB, sqlstore.Dialect, error) {
	if strings.HasPrefix(c.Store, "postgres") {
		db, err := sql.Open("pgx", os.Getenv(kinds[c.Store].needs))
		return db, sqlstore.PostgreSQL, err
	}
	db, err := sqliteFile(c.Dir, "effects.db")
	return db, sqlstore.SQLite, err
}

func sqliteFile(dir, name string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.Join(dir, name)+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
}

// tables is what the names of a run's tables begin with.
func tables(address string) string { return strings.ReplaceAll(address, "-", "_") + "_" }

// prepare makes the table of effects.
func (r *run) prepare() error {
	k, ok := kinds[r.Store]
	switch {
	case !ok:
		return fmt.Errorf("no store is called %q", r.Store)
	case k.needs != "" && os.Getenv(k.needs) == "":
		return fmt.Errorf("the store %s needs an address in %s", r.Store, k.needs)
	case r.Members > 1 && !k.shared && k.durable:
		return fmt.Errorf("the store %s is that of one process at a time", r.Store)
	}
	if err := r.prepareService(); err != nil || !k.inbox {
		return err
	}
	db, dialect, err := database(&r.Config)
	if err != nil {
		return err
	}
	defer db.Close()
	place := "INTEGER PRIMARY KEY AUTOINCREMENT"
	if dialect == sqlstore.PostgreSQL {
		place = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	}
	_, err = db.ExecContext(r.ctx, "CREATE TABLE "+tables(r.address)+"effects (place "+place+", done_at BIGINT, done_by TEXT, n INTEGER, attempt INTEGER, seq INTEGER, event_key TEXT)")
	return err
}

// write writes an effect in the handler's transaction.
func (k *consumer) write(ctx context.Context, one Record) error {
	tx, ok := sqlstore.Tx(ctx)
	if !ok {
		return treaty.Reject(fmt.Errorf("the handler of %d has no transaction", one.N))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO "+tables(k.Address)+"effects (done_at, done_by, n, attempt, seq, event_key) VALUES ($1, $2, $3, $4, $5, $6)",
		time.Now().UnixMicro(), k.Name, one.N, one.Attempt, one.Seq, one.Key)
	return err
}

// written reads the effects that were committed, in their order, and drops the
// tables of a database that others use, too.
func (r *run) written(ctx context.Context) ([]Record, error) {
	db, dialect, err := database(&r.Config)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT done_at, done_by, n, attempt, seq, event_key FROM "+tables(r.address)+"effects ORDER BY place")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Record
	for rows.Next() {
		one := Record{What: effect}
		if err := rows.Scan(&one.At, &one.By, &one.N, &one.Attempt, &one.Seq, &one.Key); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil || dialect != sqlstore.PostgreSQL {
		return all, err
	}
	rows.Close()
	left, err := db.QueryContext(ctx, "SELECT tablename FROM pg_tables WHERE tablename LIKE $1", tables(r.address)+"%")
	if err != nil {
		return nil, err
	}
	var names []string
	for left.Next() {
		var name string
		if err := left.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if err := left.Err(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := db.ExecContext(ctx, `DROP TABLE "`+name+`" CASCADE`); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// slot is an inbox in front of which things go wrong.
type slot struct {
	store.Inbox
	*consumer
}

func (s *slot) Once(ctx context.Context, id store.Identity, handle func(context.Context) error) (store.State, error) {
	t := tampered{consumer: s.consumer}
	if err := t.isFull(); err != nil {
		return 0, err
	}
	if s.Break == "inbox" {
		// The effect is committed, and what is remembered of it is not.
		id.Key += fmt.Sprint("\t", time.Now().UnixNano())
	}
	return s.Inbox.Once(ctx, id, func(ctx context.Context) error {
		err := handle(ctx)
		if err == nil {
			t.dieFor(id)
			err = t.isFull() // as a commit says it
		}
		return err
	})
}
