package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/memory"
	"github.com/treaty-events/treaty/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{Open: func(t testing.TB, _ string, o storetest.Options) store.Store {
		return memory.New(memory.Window(o.Window), memory.Clock(o.Now))
	}})
}

func identities(from, to int) []store.Identity {
	ids := make([]store.Identity, 0, to-from)
	for n := from; n < to; n++ {
		ids = append(ids, store.Identity{Group: "billing", Key: "/orders\t01J9ZK3M5N7P" + strconv.Itoa(n), Digest: store.Digest{byte(n)}})
	}
	return ids
}

// TestMemory holds what is remembered to its size, and to being let go.
func TestMemory(t *testing.T) {
	var now atomic.Int64
	s := memory.New(memory.Window(time.Hour), memory.Clock(func() time.Time { return time.Unix(now.Load(), 0) }))
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const events = 400_000
	ctx, before := context.Background(), heap()
	for from := 0; from < events; from += 1000 {
		if err := s.Done(ctx, identities(from, from+1000)...); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / events
	t.Logf("%d bytes an event", each)
	if each > 100 {
		t.Errorf("an event takes %d bytes", each)
	}
	for range 2 {
		now.Add(3601)
		for _, id := range identities(0, 2000) { // every shard is looked at
			if _, err := s.Claim(ctx, id); err != nil {
				t.Fatal(err)
			}
			if err := s.Release(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if left := heap() - before; left > 4<<20 {
		t.Errorf("%d bytes are kept after the window", left)
	}
	runtime.KeepAlive(s)
}

func Example() {
	ctx := context.Background()
	s := memory.New(memory.Window(24 * time.Hour))
	defer s.Close()

	id := store.Identity{Group: "billing", Key: "/orders\t4711"}
	state, _ := s.Claim(ctx, id)
	fmt.Println(state)
	_ = s.Done(ctx, id)
	state, _ = s.Claim(ctx, id)
	fmt.Println(state)
	// Output:
	// claimed
	// done
}

func BenchmarkClaimDone(b *testing.B) {
	ids := identities(0, 1_000_000)
	for _, parallel := range []bool{false, true} {
		b.Run(fmt.Sprintf("parallel=%v", parallel), func(b *testing.B) {
			s, ctx := memory.New(), context.Background()
			b.ReportAllocs()
			if !parallel {
				for n := 0; b.Loop(); n++ {
					id := ids[n%len(ids)]
					id.Digest[1] = byte(n / len(ids))
					_, _ = s.Claim(ctx, id)
					_ = s.Done(ctx, id)
				}
				return
			}
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := ids[next.Add(1)%int64(len(ids))]
					_, _ = s.Claim(ctx, id)
					_ = s.Done(ctx, id)
				}
			})
		})
	}
}

// TestLateTurn has nobody look until a window is over for a while: what was done in
// it is known for twice as long at most all the same.
func TestLateTurn(t *testing.T) {
	var now atomic.Int64
	s := memory.New(memory.Window(100*time.Second), memory.Clock(func() time.Time { return time.Unix(now.Load(), 0) }))
	id := store.Identity{Group: "g", Key: "k"}
	if err := s.Done(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   int64
		want store.State
	}{{99, store.Done}, {190, store.Done}, {200, store.Claimed}} {
		now.Store(step.at)
		if state, err := s.Claim(t.Context(), id); state != step.want || err != nil {
			t.Errorf("after %d s of a window of 100: %v, %v; want %v", step.at, state, err, step.want)
		}
	}
}

// A claim lasts as long as it is not given back, whatever windows end meanwhile,
// and what is done is remembered for a window from then on.
func TestLongClaim(t *testing.T) {
	var now atomic.Int64
	s := memory.New(memory.Window(time.Hour), memory.Clock(func() time.Time { return time.Unix(now.Load(), 0) }))
	id, other := identities(0, 2)[0], identities(0, 2)[0]
	other.Digest[3]++
	claim := func(id store.Identity, want store.State) {
		t.Helper()
		if got, err := s.Claim(t.Context(), id); err != nil || got != want {
			t.Errorf("at %d it is %v (%v), and not %v", now.Load(), got, err, want)
		}
	}
	claim(id, store.Claimed)
	for range 5 {
		now.Add(3000)
		claim(id, store.Busy)
		claim(other, store.Collision)
	}
	now.Add(3 * 3600)
	claim(id, store.Busy)
	now.Add(3599)
	if err := s.Done(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	now.Add(3599)
	claim(id, store.Done)
	claim(other, store.Collision)
	now.Add(2 * 3600)
	claim(id, store.Claimed)
	if err := s.Release(t.Context(), other, id); err != nil {
		t.Fatal(err)
	}
	claim(other, store.Claimed)
}
