package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/treaty-events/treaty/store"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

func temporary() (db *sql.DB, remove func()) {
	folder, err := os.MkdirTemp("", "treaty")
	if err != nil {
		panic(err)
	}
	db, err = sql.Open("sqlite", "file:"+filepath.Join(folder, "billing.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	return db, func() { db.Close(); os.RemoveAll(folder) }
}

// An invoice is written in the transaction that remembers the event, so that
// there is one, however often the event comes.
func ExampleStore_Once() {
	ctx := context.Background()
	db, remove := temporary()
	defer remove()
	_, _ = db.Exec("CREATE TABLE invoice (number TEXT)")

	inbox, err := sqlstore.Open(ctx, db, sqlstore.SQLite)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inbox.Close()
	id := store.Identity{Group: "billing", Key: "/orders\t4711"}
	for range 2 {
		state, err := inbox.Once(ctx, id, func(ctx context.Context) error {
			tx, _ := sqlstore.Tx(ctx)
			_, err := tx.ExecContext(ctx, "INSERT INTO invoice VALUES ('R-1')")
			return err
		})
		fmt.Println(state, err)
	}
	var invoices int
	_ = db.QueryRow("SELECT count(*) FROM invoice").Scan(&invoices)
	fmt.Println("invoices:", invoices)
	// Output:
	// claimed <nil>
	// done <nil>
	// invoices: 1
}

// An order and its event are committed together, and the event is sent after
// that.
func ExampleOutbox() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	db, remove := temporary()
	defer remove()
	_, _ = db.Exec("CREATE TABLE placed (number TEXT)")

	outbox, err := sqlstore.NewOutbox(ctx, db, sqlstore.SQLite)
	if err != nil {
		fmt.Println(err)
		return
	}
	tx, _ := db.BeginTx(ctx, nil)
	_, _ = tx.Exec("INSERT INTO placed VALUES ('4711')")
	_ = outbox.Add(ctx, tx, sqlstore.Entry{Channel: "orders", Key: "4711", Event: []byte(`{"specversion":"1.0","id":"1"}`)})
	if err := tx.Commit(); err != nil {
		fmt.Println(err)
		return
	}
	outbox.Wake()

	err = outbox.Relay(ctx, func(_ context.Context, entries []sqlstore.Entry) error {
		for _, e := range entries {
			fmt.Println(e.Channel, e.Key, string(e.Event))
		}
		cancel() // a service goes on
		return nil
	})
	fmt.Println(err)
	// Output:
	// orders 4711 {"specversion":"1.0","id":"1"}
	// context canceled
}
