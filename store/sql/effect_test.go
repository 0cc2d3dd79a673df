package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/treaty-events/treaty/store"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// What a handler has left that cannot be committed is the handler's, and no fault
// of the database: it would be the same for ever.
func TestUncommittable(t *testing.T) {
	folder := t.TempDir()
	uncommittable(t, server{sqlstore.SQLite, connectTo("sqlite", func(place string) string {
		return "file:" + filepath.Join(folder, place) + wal + "&_pragma=foreign_keys(1)"
	})})
}
func TestRealUncommittable(t *testing.T) { uncommittable(t, postgres(t)) }

func uncommittable(t *testing.T, s server) {
	p := place()
	db := s.open(t, p)
	st := open(t, s, db, p)
	tables := "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
	if s.dialect == sqlstore.PostgreSQL {
		tables = "CREATE TABLE " + p + "_effects (id INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)"
	}
	if _, err := db.Exec(tables); err != nil {
		t.Fatal(err)
	}
	for what, handle := range map[string]func(ctx context.Context, tx *sql.Tx) error{
		"a constraint that is looked at in the end": func(ctx context.Context, tx *sql.Tx) error {
			if s.dialect == sqlstore.PostgreSQL {
				_, err := tx.ExecContext(ctx, "INSERT INTO "+p+"_effects VALUES (1), (1)")
				return err
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO child VALUES (1)")
			return err
		},
		"an error that nobody looked at": func(ctx context.Context, tx *sql.Tx) error {
			_, _ = tx.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)")
			if s.dialect == sqlstore.SQLite { // which goes on after it
				_, _ = tx.ExecContext(ctx, "ROLLBACK")
			}
			return nil
		},
		"a transaction that the handler rolled back": func(_ context.Context, tx *sql.Tx) error { return tx.Rollback() },
	} {
		for range 2 {
			state, err := st.Once(t.Context(), store.Identity{Group: "g", Key: what}, func(ctx context.Context) error {
				tx, _ := sqlstore.Tx(ctx)
				return handle(ctx, tx)
			})
			if state != store.Claimed || !errors.Is(err, store.ErrUncommittable) {
				t.Errorf("%s: %v, %v", what, state, err)
			}
		}
	}
	if state, err := st.Once(t.Context(), store.Identity{Group: "g", Key: "good"}, func(context.Context) error { return nil }); state != store.Claimed || err != nil {
		t.Errorf("after all that: %v, %v", state, err)
	}
}
