// Package storetest is the suite that every store and every inbox has to pass.
// It asks for what package store promises and for no more: a store may remember
// longer than its window, up to twice as long.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty/store"
)

// Options are how the suite wants a store to be opened.
type Options struct {
	// Window is how long identities are to be remembered.
	Window time.Duration
	// Lease is how long a claim lasts, where the store is a Renewer.
	Lease time.Duration
	// Now is the suite's clock.
	Now func() time.Time
}

// Harness is a kind of store to be tested.
type Harness struct {
	// Open opens the store that is kept at a place, a name of letters and digits
	// that is each test's own. What was done there before is found again, where the
	// store is durable. The suite closes it.
	Open func(t testing.TB, place string, o Options) store.Store
	// Shared is whether a place can be open more than once, as by several processes.
	Shared bool
	// Pass lets time pass at a place where the store does not ask Options.Now.
	Pass func(place string, d time.Duration)
	// Window and Lease are those of the tests that let time pass: an hour and a
	// minute where not said, and a few seconds where time has to pass in earnest.
	Window, Lease time.Duration
}

var counter atomic.Int64

// place is a name that no other test has, on this machine or on a server that
// others use.
func place() string {
	return fmt.Sprintf("t%x%x", time.Now().UnixNano(), counter.Add(1))
}

// clock is a clock that stands until it is told to go on.
type clock struct{ passed atomic.Int64 }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (c *clock) now() time.Time { return epoch.Add(time.Duration(c.passed.Load())) }

type suite struct {
	testing.TB
	h     Harness
	place string
	clock clock
	t     *testing.T
}

// Run runs the suite on a kind of store.
func Run(t *testing.T, h Harness) {
	if h.Window == 0 {
		h.Window = time.Hour
	}
	if h.Lease == 0 {
		h.Lease = time.Minute
	}
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"Life", life}, {"Collision", collision}, {"Groups", groups}, {"Unclaimed", unclaimed}, {"Many", many}, {"Repeated", repeated}, {"Keys", keys},
		{"OneOfMany", oneOfMany}, {"Concurrent", concurrent}, {"Cancelled", cancelled}, {"Closed", closed}, {"Reopened", reopened},
		{"Window", window}, {"Processes", processes}, {"Lease", lease}, {"Renewal", renewal}, {"Model", model},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&suite{TB: t, t: t, h: h, place: place()})
		})
	}
}

// long is a time that no test waits for, so that a slow machine ends no lease.
const long = 24 * time.Hour

// open opens the place for a test in which no time passes.
func (s *suite) open() store.Store {
	s.Helper()
	return s.openFor(long, long)
}

func (s *suite) openFor(window, lease time.Duration) store.Store {
	s.Helper()
	st := s.h.Open(s, s.place, Options{Window: window, Lease: lease, Now: s.clock.now})
	s.Cleanup(func() {
		if err := st.Close(); err != nil {
			s.Errorf("Close: %v", err)
		}
	})
	return st
}

func (s *suite) pass(d time.Duration) {
	if s.h.Pass != nil {
		s.h.Pass(s.place, d)
		return
	}
	s.clock.passed.Add(int64(d))
}

// id makes an identity: its key is number n, its content number content.
func id(n int, content byte) store.Identity {
	return store.Identity{Group: "billing", Key: fmt.Sprintf("/orders\t%d", n), Digest: store.Digest{content, 1, 2, 3, 15: content}}
}

func (s *suite) claim(st store.Store, id store.Identity, want store.State) {
	s.Helper()
	got, err := st.Claim(context.Background(), id)
	if err != nil || got != want {
		s.Fatalf("Claim(%.60q): %v, %v; want %v", id.Key, got, err, want)
	}
}

func (s *suite) done(st store.Store, ids ...store.Identity) {
	s.Helper()
	if err := st.Done(context.Background(), ids...); err != nil {
		s.Fatalf("Done: %v", err)
	}
}

func (s *suite) release(st store.Store, ids ...store.Identity) {
	s.Helper()
	if err := st.Release(context.Background(), ids...); err != nil {
		s.Fatalf("Release: %v", err)
	}
}

func life(s *suite) {
	st := s.open()
	s.claim(st, id(1, 0), store.Claimed)
	s.claim(st, id(1, 0), store.Busy)
	s.claim(st, id(2, 0), store.Claimed)
	s.release(st, id(1, 0))
	s.claim(st, id(2, 0), store.Busy)
	s.claim(st, id(1, 0), store.Claimed)
	s.done(st, id(1, 0))
	s.claim(st, id(1, 0), store.Done)
	s.release(st, id(1, 0))
	s.claim(st, id(1, 0), store.Done)
	s.claim(st, id(2, 0), store.Busy)
}

func collision(s *suite) {
	st := s.open()
	s.claim(st, id(1, 0), store.Claimed)
	s.claim(st, id(1, 1), store.Collision)
	s.claim(st, id(1, 0), store.Busy)
	s.release(st, id(1, 1)) // of another event: not this claim
	s.claim(st, id(1, 0), store.Busy)
	s.done(st, id(1, 0))
	s.claim(st, id(1, 1), store.Collision)
	s.claim(st, id(1, 0), store.Done)

	s.done(st, id(1, 1)) // what was done first stays
	s.claim(st, id(1, 0), store.Done)
	s.claim(st, id(1, 1), store.Collision)

	s.claim(st, id(2, 0), store.Claimed)
	s.release(st, id(2, 0))
	s.claim(st, id(2, 1), store.Claimed)
}

func groups(s *suite) {
	st := s.open()
	a, b := id(1, 0), id(1, 1)
	b.Group = "shipping"
	s.claim(st, a, store.Claimed)
	s.claim(st, b, store.Claimed)
	s.done(st, a)
	s.claim(st, b, store.Busy)
	s.release(st, b)
	s.claim(st, b, store.Claimed)
	s.claim(st, a, store.Done)

	// Neither of the two may run into the other.
	s.claim(st, store.Identity{Group: "a", Key: "bc"}, store.Claimed)
	s.claim(st, store.Identity{Group: "ab", Key: "c"}, store.Claimed)
	s.claim(st, store.Identity{Group: "", Key: "abc"}, store.Claimed)
}

func unclaimed(s *suite) {
	st := s.open()
	s.done(st, id(1, 0))
	s.claim(st, id(1, 0), store.Done)
	s.done(st, id(1, 0))
	s.claim(st, id(1, 0), store.Done)
	s.release(st, id(2, 0))
	s.claim(st, id(2, 0), store.Claimed)

	// What has been handled counts more than what has been claimed.
	s.done(st, id(2, 1))
	s.claim(st, id(2, 1), store.Done)
	s.claim(st, id(2, 0), store.Collision)
	s.release(st, id(2, 0))
	s.claim(st, id(2, 1), store.Done)

	s.done(st)
	s.release(st)
}

func many(s *suite) {
	st := s.open()
	var all []store.Identity
	for n := range 2500 {
		all = append(all, id(n, byte(n)))
	}
	for _, i := range all[:50] {
		s.claim(st, i, store.Claimed)
	}
	s.done(st, all...)
	for _, i := range all {
		s.claim(st, i, store.Done)
	}
	s.claim(st, id(2500, 0), store.Claimed)
	s.release(st, append(all, id(2500, 0))...)
	s.claim(st, id(2500, 0), store.Claimed)
	s.claim(st, all[0], store.Done)
}

func repeated(s *suite) {
	st := s.open()
	s.done(st, id(1, 0), id(2, 0), id(1, 0), id(1, 1))
	s.claim(st, id(1, 0), store.Done)
	s.claim(st, id(1, 1), store.Collision)
	s.claim(st, id(3, 0), store.Claimed)
	s.release(st, id(3, 0), id(3, 0))
	s.claim(st, id(3, 0), store.Claimed)
}

func keys(s *suite) {
	st := s.open()
	all := []string{
		"", "\t", "a", "a\t", "\ta", "a\tb", "a\x00b", "a\x00", "\xff\xfe\xfd", "%", "'; DROP TABLE x; --", "a:b", "{a}b", "ä", "a\u0308", "A", "a ",
		strings.Repeat("k", 40_000), strings.Repeat("k", 40_001), strings.Repeat("\x00", 70_000),
	}
	for i, k := range all {
		for _, group := range []string{"g", "\xff\x00"} {
			i := store.Identity{Group: group, Key: k, Digest: store.Digest{byte(i)}}
			s.claim(st, i, store.Claimed)
			s.done(st, i)
			s.claim(st, i, store.Done)
		}
	}
}

func oneOfMany(s *suite) {
	stores := []store.Store{s.open()}
	if s.h.Shared {
		stores = append(stores, s.open())
	}
	const rounds, callers = 40, 32
	for n := range rounds {
		var claimed, busy, other atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for c := range callers {
			wg.Go(func() {
				<-start
				state, err := stores[c%len(stores)].Claim(context.Background(), id(n, 0))
				switch {
				case err == nil && state == store.Claimed:
					claimed.Add(1)
				case err == nil && state == store.Busy:
					busy.Add(1)
				default:
					other.Add(1)
					s.Errorf("Claim: %v, %v", state, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if claimed.Load() != 1 || busy.Load() != callers-1 {
			s.Fatalf("of %d callers %d have claimed it and %d found it busy", callers, claimed.Load(), busy.Load())
		}
	}
}

// concurrent lets many handle the same events, again and again, as after
// redeliveries: each has its effect once.
func concurrent(s *suite) {
	stores := []store.Store{s.open()}
	if s.h.Shared {
		stores = append(stores, s.open())
	}
	const events, callers = 60, 16
	var effects [events]atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		st := stores[c%len(stores)]
		wg.Go(func() {
			ctx := context.Background()
			for n := range events {
				for try := 0; ; try++ {
					state, err := st.Claim(ctx, id(n, 0))
					if err != nil {
						s.Errorf("Claim: %v", err)
						return
					}
					if state == store.Done {
						break
					}
					if state == store.Collision {
						s.Error("a collision of an event with itself")
						return
					}
					if state == store.Busy {
						time.Sleep(time.Millisecond)
						continue
					}
					if (c+n+try)%5 == 0 { // the handler fails
						if err := st.Release(ctx, id(n, 0)); err != nil {
							s.Errorf("Release: %v", err)
							return
						}
						continue
					}
					effects[n].Add(1)
					if err := st.Done(ctx, id(n, 0)); err != nil {
						s.Errorf("Done: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for n := range effects {
		if e := effects[n].Load(); e != 1 {
			s.Errorf("event %d had its effect %d times", n, e)
		}
	}
}

func cancelled(s *suite) {
	st := s.open()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.claim(st, id(3, 0), store.Claimed)
	if state, err := st.Claim(ctx, id(1, 0)); !errors.Is(err, context.Canceled) {
		s.Errorf("Claim with a context that has ended: %v, %v", state, err)
	}
	if err := st.Done(ctx, id(2, 0)); !errors.Is(err, context.Canceled) {
		s.Errorf("Done with a context that has ended: %v", err)
	}
	if err := st.Release(ctx, id(3, 0)); !errors.Is(err, context.Canceled) {
		s.Errorf("Release with a context that has ended: %v", err)
	}
	s.claim(st, id(1, 0), store.Claimed)
	s.claim(st, id(2, 0), store.Claimed)
	s.claim(st, id(3, 0), store.Busy)

	// Whenever it ends, an answer that was an error has left no claim behind.
	for n := 10; n < 60; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n%25)*20*time.Microsecond)
		state, err := st.Claim(ctx, id(n, 0))
		cancel()
		if err != nil {
			state, err = st.Claim(context.Background(), id(n, 0))
		}
		if err != nil || state != store.Claimed {
			s.Fatalf("Claim after a context that ended in the middle of it: %v, %v", state, err)
		}
	}
}

func closed(s *suite) {
	st := s.open()
	if err := st.Close(); err != nil {
		s.Fatal(err)
	}
	if err := st.Close(); err != nil {
		s.Errorf("Close again: %v", err)
	}
	ctx := context.Background()
	if state, err := st.Claim(ctx, id(1, 0)); !errors.Is(err, store.ErrClosed) {
		s.Errorf("Claim of a closed store: %v, %v", state, err)
	}
	if err := st.Done(ctx, id(1, 0)); !errors.Is(err, store.ErrClosed) {
		s.Errorf("Done of a closed store: %v", err)
	}
	if err := st.Release(ctx, id(1, 0)); !errors.Is(err, store.ErrClosed) {
		s.Errorf("Release of a closed store: %v", err)
	}
	if r, ok := st.(store.Renewer); ok {
		if err := r.Renew(ctx, id(1, 0)); !errors.Is(err, store.ErrClosed) {
			s.Errorf("Renew of a closed store: %v", err)
		}
	}
}

func reopened(s *suite) {
	st := s.open()
	s.claim(st, id(1, 0), store.Claimed)
	s.claim(st, id(2, 0), store.Claimed)
	s.done(st, id(2, 0), id(3, 0))
	durable := st.Durable()
	if err := st.Close(); err != nil {
		s.Fatal(err)
	}
	st = s.open()
	if st.Durable() != durable {
		s.Errorf("durable: %v, then %v", durable, st.Durable())
	}
	s.claim(st, id(1, 0), store.Claimed)
	if durable {
		s.claim(st, id(2, 0), store.Done)
		s.claim(st, id(3, 1), store.Collision)
	} else {
		s.claim(st, id(2, 0), store.Claimed)
		s.claim(st, id(3, 1), store.Claimed)
	}
}

func window(s *suite) {
	w := s.h.Window
	st := s.openFor(w, long)
	s.claim(st, id(1, 0), store.Claimed)
	s.done(st, id(1, 0))
	s.claim(st, id(2, 0), store.Claimed)
	s.pass(w / 2)
	s.claim(st, id(1, 0), store.Done)
	s.done(st, id(3, 0))
	s.pass(w / 4)
	s.claim(st, id(1, 0), store.Done)
	s.pass(2*w - 3*w/4 + w/100)
	s.claim(st, id(1, 0), store.Claimed)
	s.claim(st, id(2, 0), store.Busy) // what is being handled is not forgotten
	s.pass(w)
	s.claim(st, id(3, 1), store.Claimed)
	s.done(st, id(3, 1))
	s.claim(st, id(3, 1), store.Done)
	s.claim(st, id(3, 0), store.Collision)
	s.pass(2*w + w/100)

	// Handling without a claim begins the window anew.
	s.done(st, id(3, 0))
	s.claim(st, id(3, 0), store.Done)
}

func processes(s *suite) {
	if !s.h.Shared {
		s.Skip("one process at a time")
	}
	a, b := s.open(), s.open()
	s.claim(a, id(1, 0), store.Claimed)
	s.claim(b, id(1, 0), store.Busy)
	s.claim(b, id(1, 1), store.Collision)
	s.release(b, id(1, 0)) // not its own
	s.claim(b, id(1, 0), store.Busy)
	s.done(a, id(1, 0))
	s.claim(b, id(1, 0), store.Done)
	s.claim(b, id(1, 1), store.Collision)
	s.claim(a, id(2, 0), store.Claimed)
	s.claim(b, id(3, 0), store.Claimed)
	if err := a.Close(); err != nil {
		s.Fatal(err)
	}
	s.claim(b, id(2, 0), store.Claimed)
	s.claim(b, id(3, 0), store.Busy)
}

func (s *suite) renewer(st store.Store) store.Renewer {
	r, ok := st.(store.Renewer)
	if !ok {
		s.Skip("its claims have no lease")
	}
	if !s.h.Shared {
		s.Fatal("a lease in a store that is not shared")
	}
	return r
}

func lease(s *suite) {
	l := s.h.Lease
	a := s.openFor(long, l)
	if got := s.renewer(a).Lease(); got != l {
		s.Fatalf("Lease: %v, want %v", got, l)
	}
	b := s.openFor(long, l)
	s.claim(a, id(1, 0), store.Claimed)
	s.claim(a, id(2, 0), store.Claimed)
	s.claim(b, id(1, 0), store.Busy)
	s.pass(l + l/10)
	s.claim(b, id(1, 0), store.Claimed)
	s.claim(b, id(2, 1), store.Claimed) // what nobody handled collides with nothing
	s.release(a, id(1, 0))              // it is another's now
	c := s.openFor(long, l)
	s.claim(c, id(1, 0), store.Busy)
	s.claim(c, id(2, 0), store.Collision)
	s.done(b, id(1, 0))
	s.claim(c, id(1, 0), store.Done)
	s.done(a, id(2, 0)) // late, but handled
	s.claim(c, id(2, 0), store.Done)
}

func renewal(s *suite) {
	l := s.h.Lease
	a := s.openFor(long, l)
	r := s.renewer(a)
	b := s.openFor(long, l)
	renew := func(r store.Renewer, ids ...store.Identity) {
		s.Helper()
		if err := r.Renew(context.Background(), ids...); err != nil {
			s.Fatalf("Renew: %v", err)
		}
	}
	s.claim(a, id(1, 0), store.Claimed)
	s.claim(a, id(2, 0), store.Claimed)
	s.claim(a, id(3, 0), store.Claimed)
	s.done(a, id(3, 0))
	s.pass(l / 2)
	renew(r, id(1, 0), id(3, 0), id(4, 0))
	renew(b.(store.Renewer), id(2, 0)) // not its own
	renew(r)
	s.pass(l/2 + l/10)
	s.claim(b, id(1, 0), store.Busy)
	s.claim(b, id(2, 0), store.Claimed)
	s.claim(b, id(3, 0), store.Done)
	s.claim(b, id(4, 0), store.Claimed)
	renew(r, id(2, 0)) // taken over by b
	s.release(b, id(2, 0))
	s.claim(b, id(2, 0), store.Claimed)
}
