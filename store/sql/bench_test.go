package sqlstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treaty-events/treaty/store"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// each calls do for every event, from so many goroutines, and reports how many
// events that is in a second.
func each(b *testing.B, callers int, do func(n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func identity(n int) store.Identity {
	return store.Identity{Group: "billing", Key: "/orders\t01J9ZK3M5N7P" + strconv.Itoa(n), Digest: store.Digest{byte(n)}}
}

// servers are the databases of a benchmark.
func servers(b *testing.B, run func(b *testing.B, s server)) {
	for _, sync := range []string{"NORMAL", "FULL"} {
		folder := b.TempDir()
		b.Run("SQLite/"+sync, func(b *testing.B) {
			run(b, server{sqlstore.SQLite, connectTo("sqlite", func(place string) string {
				return "file:" + filepath.Join(folder, place) + wal + "&_pragma=synchronous(" + sync + ")"
			})})
		})
	}
	b.Run("PostgreSQL", func(b *testing.B) { run(b, postgres(b)) })
}

// BenchmarkOnce has a handler that inserts one row.
func BenchmarkOnce(b *testing.B) {
	servers(b, func(b *testing.B, s server) {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
				p, ctx := place(), context.Background()
				db := s.open(b, p)
				st := open(b, s, db, p)
				defer st.Close()
				if _, err := db.Exec("CREATE TABLE " + p + "_effects (n bigint NOT NULL, what text NOT NULL)"); err != nil {
					b.Fatal(err)
				}
				insert := "INSERT INTO " + p + "_effects VALUES ($1, $2)"
				each(b, callers, func(n int) error {
					state, err := st.Once(ctx, identity(n), func(ctx context.Context) error {
						tx, _ := sqlstore.Tx(ctx)
						_, err := tx.ExecContext(ctx, insert, n, "an invoice of an order")
						return err
					})
					if state != store.Claimed {
						return fmt.Errorf("%v: %w", state, err)
					}
					return err
				})
			})
		}
	})
}

// BenchmarkClaimDone claims and remembers, one event at a time.
func BenchmarkClaimDone(b *testing.B) {
	servers(b, func(b *testing.B, s server) {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
				p, ctx := place(), context.Background()
				st := open(b, s, s.open(b, p), p)
				defer st.Close()
				each(b, callers, func(n int) error {
					if state, err := st.Claim(ctx, identity(n)); state != store.Claimed {
						return fmt.Errorf("%v: %w", state, err)
					}
					return st.Done(ctx, identity(n))
				})
			})
		}
	})
}

// BenchmarkRelay sends what is in an outbox to nowhere.
func BenchmarkRelay(b *testing.B) {
	servers(b, func(b *testing.B, s server) {
		p, ctx := place(), context.Background()
		db := s.open(b, p)
		o := outbox(b, s, db, p)
		for from := 0; from < b.N; from += 1000 {
			var some []sqlstore.Entry
			for n := from; n < min(from+1000, b.N); n++ {
				some = append(some, entry(strconv.Itoa(n%100), fmt.Sprintf("%500d", n)))
			}
			add(b, o, db, some...)
		}
		ctx, cancel := context.WithCancel(ctx)
		left := b.N
		b.ResetTimer()
		_ = o.Relay(ctx, func(_ context.Context, entries []sqlstore.Entry) error {
			if left -= len(entries); left <= 0 {
				cancel()
			}
			return nil
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}
