package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
	"github.com/treaty-events/treaty/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("TREATY_BOLT_CHILD"); path != "" {
		child(path)
		return
	}
	os.Exit(m.Run())
}

func TestStore(t *testing.T) {
	for name, recent := range map[string]int{"Log": 1 << 16, "Moving": 3} {
		t.Run(name, func(t *testing.T) { suite(t, recent) })
	}
}

func suite(t *testing.T, recent int) {
	folder := t.TempDir()
	storetest.Run(t, storetest.Harness{Open: func(t testing.TB, place string, o storetest.Options) store.Store {
		// Synced commits are for the other tests: here are some ten thousand.
		s, err := bolt.Open(filepath.Join(folder, place), bolt.Window(o.Window), bolt.Clock(o.Now), bolt.Unsynced(), bolt.Recent(recent))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}})
}

func open(t testing.TB, path string, options ...bolt.Option) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func identities(from, to int) []store.Identity {
	ids := make([]store.Identity, 0, to-from)
	for n := from; n < to; n++ {
		ids = append(ids, store.Identity{Group: "billing", Key: "/orders\t01J9ZK3M5N7P" + strconv.Itoa(n), Digest: store.Digest{byte(n), byte(n >> 8)}})
	}
	return ids
}

func claim(t testing.TB, s *bolt.Store, id store.Identity, want store.State) {
	t.Helper()
	if got, err := s.Claim(context.Background(), id); err != nil || got != want {
		t.Fatalf("Claim: %v, %v; want %v", got, err, want)
	}
}

// TestInUse opens a file that another process has open.
func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "store")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TREATY_BOLT_CHILD="+path, "TREATY_BOLT_DO=hold")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = bolt.Open(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "store/redis") || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// TestKilled kills a process that handles events, and holds the file to what
// the process was told.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	next := 0
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TREATY_BOLT_CHILD="+path, "TREATY_BOLT_DO=work", "TREATY_BOLT_FROM="+strconv.Itoa(next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		b := make([]byte, 4096)
		for bytes.Count(said.Bytes(), []byte("\n")) < 30+20*round {
			n, err := out.Read(b)
			said.Write(b[:n])
			if err != nil {
				t.Fatalf("the child has ended: %v", err)
			}
		}
		_ = cmd.Process.Kill()
		_, _ = said.ReadFrom(out)
		_ = cmd.Wait()
		lines := strings.Split(said.String(), "\n")
		whole := lines[:len(lines)-1] // each is the first of ten that are done
		s := open(t, path)
		for _, line := range whole {
			n, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range identities(n, n+10) {
				claim(t, s, id, store.Done)
			}
			next = max(next, n+10)
		}
		// The next ten may be in the file or not; the ones after them are not.
		claim(t, s, identities(next+10, next+11)[0], store.Claimed)
		next += 10
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// child is what the other processes of these tests do.
func child(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := bolt.Open(path)
	if err != nil {
		fail(err)
	}
	switch os.Getenv("TREATY_BOLT_DO") {
	case "hold":
		fmt.Println("held")
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "work":
		from, _ := strconv.Atoi(os.Getenv("TREATY_BOLT_FROM"))
		for n := from; ; n += 10 {
			if err := s.Done(context.Background(), identities(n, n+10)...); err != nil {
				fail(err)
			}
			fmt.Println(n)
		}
	case "full":
		if err := full(s, path); err != nil {
			fail(err)
		}
	}
	if err := s.Close(); err != nil {
		fail(err)
	}
}

func TestWrongFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(folder, "foreign")
	newer := filepath.Join(folder, "newer")
	for path, bucket := range map[string]string{foreign: "users", newer: "treaty"} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte(bucket))
			if err == nil && bucket == "treaty" {
				_, _ = tx.CreateBucket([]byte("done"))
				err = b.Put([]byte("format"), []byte("3"))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		write("text", []byte(strings.Repeat("this is no store\n", 2000))): "this is no store, or it is damaged",
		write("short", []byte("x")):                                       "choose another file",
		folder:                                                            "choose",
		filepath.Join(write("file", nil), "below"):                        "choose a folder",
		foreign: `bucket "users"`,
		newer:   `format is "3"`,
	} {
		if s, err := bolt.Open(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
			if err == nil {
				_ = s.Close()
			}
		}
	}
}

// TestFault makes commits fail, before they are written and after: what Done
// did not remember is not believed to be done, in this process and in the next.
func TestFault(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%v", after), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store")
			s := open(t, path)
			var broken atomic.Bool
			fault := func(on bool) func() error {
				return func() error {
					if on && broken.Load() {
						return &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
					}
					return nil
				}
			}
			s.Fault(fault(!after), fault(after))
			ctx, ids := context.Background(), identities(0, 6)
			if err := s.Done(ctx, ids[0]); err != nil {
				t.Fatal(err)
			}
			claim(t, s, ids[1], store.Claimed)
			broken.Store(true)
			for range 2 {
				err := s.Done(ctx, ids[:4]...)
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
					t.Fatalf("Done on a full disk: %v", err)
				}
			}
			claim(t, s, ids[0], store.Done) // before the fault
			claim(t, s, ids[1], store.Busy) // claimed still
			claim(t, s, ids[2], store.Claimed)
			if err := s.Release(ctx, ids[1]); err != nil {
				t.Fatal(err)
			}
			claim(t, s, ids[1], store.Claimed)
			broken.Store(false)
			if err := s.Done(ctx, ids[1], ids[5]); err != nil {
				t.Fatalf("when there is room again: %v", err)
			}
			claim(t, s, ids[1], store.Done)
			claim(t, s, ids[2], store.Busy)
			claim(t, s, ids[3], store.Claimed)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			for n, want := range []store.State{store.Done, store.Done, store.Claimed, store.Claimed, store.Claimed, store.Done} {
				claim(t, s, ids[n], want)
			}
		})
	}
}

// TestMoved follows events from the log to where they stay, with the file
// closed and opened in between.
func TestMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	ids := identities(0, 2000)
	for from := 0; from < len(ids); from += 100 {
		s := open(t, path, bolt.Unsynced(), bolt.Recent(150))
		for i := range 20 {
			if err := s.Done(context.Background(), ids[from+5*i:from+5*i+5]...); err != nil {
				t.Fatal(err)
			}
			for n := 0; n < from+5*i+5; n += 7 {
				claim(t, s, ids[n], store.Done)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path)
	for _, id := range ids {
		claim(t, s, id, store.Done)
	}
	if done, log, err := s.Entries(); err != nil || done < 1500 || log > 150 {
		t.Errorf("%d entries where they stay and %d of the log: %v", done, log, err)
	}
}

// TestPruned writes for ten windows, and looks at what the file keeps.
func TestPruned(t *testing.T) {
	var now atomic.Int64
	path := filepath.Join(t.TempDir(), "store")
	options := []bolt.Option{bolt.Recent(500), bolt.Window(time.Hour), bolt.Unsynced(), bolt.Clock(func() time.Time { return time.Unix(1e9+now.Load(), 0) })}
	s := open(t, path, options...)
	const perWindow = 6000
	most, longest := 0, 0
	for n := range 10 * perWindow / 60 {
		if err := s.Done(context.Background(), identities(n*60, n*60+60)...); err != nil {
			t.Fatal(err)
		}
		now.Add(36)
		if n%100 == 50 { // the cursor begins elsewhere after that
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path, options...)
		}
		entries, log, err := s.Entries()
		if err != nil {
			t.Fatal(err)
		}
		most, longest = max(most, entries), max(longest, log)
	}
	t.Logf("at most %d entries of %d in a window, and %d of the log", most, perWindow, longest)
	if longest > 40 {
		t.Errorf("the log has had %d entries", longest)
	}
	if most > 2*perWindow || most < perWindow {
		t.Errorf("the file has had %d entries, of %d in a window", most, perWindow)
	}
}

func Example() {
	folder, _ := os.MkdirTemp("", "store")
	defer os.RemoveAll(folder)
	ctx := context.Background()
	id := store.Identity{Group: "billing", Key: "/orders\t4711"}

	s, err := bolt.Open(filepath.Join(folder, "billing"), bolt.Window(24*time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	state, _ := s.Claim(ctx, id)
	fmt.Println(state)
	_ = s.Done(ctx, id)
	_ = s.Close()

	s, _ = bolt.Open(filepath.Join(folder, "billing"))
	state, _ = s.Claim(ctx, id)
	fmt.Println(state)
	_ = s.Close()
	// Output:
	// claimed
	// done
}

// BenchmarkDone claims events and remembers them, synced. A figure is of the
// events of a second.
func BenchmarkDone(b *testing.B) {
	perSecond := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s") }
	for _, batch := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, ctx := open(b, filepath.Join(b.TempDir(), "store")), context.Background()
			ids := identities(0, b.N)
			b.ResetTimer()
			for from := 0; from < b.N; from += batch {
				some := ids[from:min(from+batch, b.N)]
				for _, id := range some {
					if state, err := s.Claim(ctx, id); state != store.Claimed {
						b.Fatal(state, err)
					}
				}
				if err := s.Done(ctx, some...); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b)
		})
	}
	b.Run("callers=64", func(b *testing.B) {
		s, ctx := open(b, filepath.Join(b.TempDir(), "store")), context.Background()
		ids := identities(0, b.N)
		var next atomic.Int64
		var wg sync.WaitGroup
		b.ResetTimer()
		for range 64 {
			wg.Go(func() {
				for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
					if state, err := s.Claim(ctx, ids[n]); state != store.Claimed {
						b.Error(state, err)
					}
					if err := s.Done(ctx, ids[n]); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		perSecond(b)
	})
}
