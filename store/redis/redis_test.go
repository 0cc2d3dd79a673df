package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/redis"
	"github.com/treaty-events/treaty/store/storetest"
)

func client(t testing.TB, address string) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: address, MaxRetries: 1, DialerRetries: 1})
	t.Cleanup(func() { c.Close() })
	return c
}

// harness opens stores on the server that a place is on.
func harness(at func(place string) *goredis.Client) storetest.Harness {
	return storetest.Harness{Shared: true, Open: func(t testing.TB, place string, o storetest.Options) store.Store {
		s, err := redis.Open(context.Background(), at(place), redis.Prefix(place+":"), redis.Window(o.Window), redis.Lease(o.Lease))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}}
}

func TestStore(t *testing.T) {
	// Each place has a server, since each has a time of its own.
	var mu sync.Mutex
	servers, clients := map[string]*miniredis.Miniredis{}, map[string]*goredis.Client{}
	h := harness(func(place string) *goredis.Client {
		mu.Lock()
		defer mu.Unlock()
		if clients[place] == nil {
			servers[place] = miniredis.RunT(t)
			clients[place] = client(t, servers[place].Addr())
		}
		return clients[place]
	})
	h.Pass = func(place string, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		servers[place].FastForward(d)
	}
	storetest.Run(t, h)
}

func real(t testing.TB) *goredis.Client {
	address := os.Getenv("TREATY_REDIS")
	if address == "" {
		t.Skip("TREATY_REDIS is not set to the address of a Redis server")
	}
	return client(t, address)
}

func TestRealStore(t *testing.T) {
	c := real(t)
	h := harness(func(string) *goredis.Client { return c })
	h.Pass = func(_ string, d time.Duration) { time.Sleep(d) }
	h.Window, h.Lease = 3*time.Second, 4*time.Second
	storetest.Run(t, h)
}

func TestForgets(t *testing.T)     { forgets(t, client(t, miniredis.RunT(t).Addr())) }
func TestRealForgets(t *testing.T) { forgets(t, real(t)) }

// forgets has Redis forget the scripts, as it does when it is started anew.
func forgets(t *testing.T, c *goredis.Client) {
	ctx := context.Background()
	s := open(t, c)
	for n := range 5 {
		if err := c.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []store.State{store.Claimed, store.Busy} {
			if state, err := s.Claim(ctx, identity(n)); state != want || err != nil {
				t.Errorf("Claim: %v, %v", state, err)
			}
		}
		if err := c.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Done(ctx, identity(n), identity(100+n)); err != nil {
			t.Error(err)
		}
		for _, n := range []int{n, 100 + n} {
			if state, err := s.Claim(ctx, identity(n)); state != store.Done || err != nil {
				t.Errorf("Claim: %v, %v", state, err)
			}
		}
	}
}

// TestLives holds what is kept to its time.
func TestLives(t *testing.T)     { lives(t, client(t, miniredis.RunT(t).Addr())) }
func TestRealLives(t *testing.T) { lives(t, real(t)) }

func lives(t *testing.T, c *goredis.Client) {
	ctx, prefix := context.Background(), fmt.Sprintf("l%d:", time.Now().UnixNano())
	s := open(t, c, redis.Prefix(prefix), redis.Window(time.Hour), redis.Lease(time.Minute))
	if _, err := s.Claim(ctx, identity(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(ctx, identity(2)); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]time.Duration{1: time.Minute, 2: time.Hour} {
		h := identity(n).Hash()
		if ttl := c.PTTL(ctx, prefix+string(h[:])).Val(); ttl > want || ttl < want-50*time.Second {
			t.Errorf("event %d lives for %v, want %v", n, ttl, want)
		}
	}
}

// TestGone has Redis go away and come again.
func TestGone(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, client(t, server.Addr()))
	ctx := context.Background()
	if state, err := s.Claim(ctx, identity(1)); state != store.Claimed {
		t.Fatal(state, err)
	}
	server.Close()
	if state, err := s.Claim(ctx, identity(2)); err == nil || state != 0 {
		t.Errorf("Claim without Redis: %v, %v", state, err)
	}
	if err := s.Done(ctx, identity(1)); err == nil {
		t.Error("Done without Redis: no error")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if state, err := s.Claim(ctx, identity(1)); state != store.Busy {
		t.Error(state, err)
	}
	if state, err := s.Claim(ctx, identity(2)); state != store.Claimed {
		t.Error(state, err)
	}
	if err := s.Done(ctx, identity(1)); err != nil {
		t.Error(err)
	}
}

func TestAbsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if _, err := redis.Open(context.Background(), client(t, address)); err == nil || !strings.Contains(err.Error(), "open a store on Redis") {
		t.Errorf("Open where nothing is: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := redis.Open(ctx, client(t, miniredis.RunT(t).Addr())); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a context that has ended: %v", err)
	}
	if _, err := redis.Open(context.Background(), client(t, address), redis.Lease(time.Microsecond)); err == nil {
		t.Error("a lease of a microsecond is taken")
	}
}

var counter atomic.Int64

func open(t testing.TB, c *goredis.Client, options ...redis.Option) *redis.Store {
	t.Helper()
	prefix := redis.Prefix(fmt.Sprintf("t%d.%d:", time.Now().UnixNano(), counter.Add(1)))
	s, err := redis.Open(context.Background(), c, append([]redis.Option{prefix, redis.Window(time.Hour)}, options...)...)
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

func identity(n int) store.Identity {
	return store.Identity{Group: "billing", Key: "/orders\t01J9ZK3M5N7P" + strconv.Itoa(n), Digest: store.Digest{byte(n)}}
}

func BenchmarkClaimDone(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, ctx := open(b, real(b)), context.Background()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
						if state, err := s.Claim(ctx, identity(n)); state != store.Claimed {
							b.Error(state, err)
						}
						if err := s.Done(ctx, identity(n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
