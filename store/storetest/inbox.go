package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty/store"
)

// InboxHarness is a kind of inbox to be tested, with a place for the effects of
// handlers.
type InboxHarness struct {
	// Open opens the inbox that is kept at a place, and makes what Effect needs. The
	// suite closes it if it is an io.Closer.
	Open func(t testing.TB, place string, o Options) store.Inbox
	// Shared is whether a place can be open more than once.
	Shared bool
	// Effect has an effect, in the transaction of the handler's context.
	Effect func(ctx context.Context, place, effect string) error
	// Break has the database refuse a statement, in that transaction.
	Break func(ctx context.Context, place string) error
	// Effects is how often each effect is there.
	Effects func(t testing.TB, place string) map[string]int
}

type inboxSuite struct {
	testing.TB
	h     InboxHarness
	place string
	clock clock
}

// RunInbox runs the suite on a kind of inbox.
func RunInbox(t *testing.T, h InboxHarness) {
	for _, c := range []struct {
		name string
		run  func(*inboxSuite)
	}{
		{"Once", once}, {"Failing", failing}, {"Broken", broken}, {"Swallowed", swallowed}, {"Panic", panics}, {"Concurrent", inboxConcurrent},
		{"Neighbours", neighbours}, {"Ended", ended}, {"Window", inboxWindow}, {"Reopened", inboxReopened}, {"Processes", inboxProcesses},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&inboxSuite{TB: t, h: h, place: place()})
		})
	}
}

func (s *inboxSuite) open(window time.Duration) store.Inbox {
	s.Helper()
	in := s.h.Open(s, s.place, Options{Window: window, Lease: long, Now: s.clock.now})
	s.Cleanup(func() { closer(s, in) })
	return in
}

// effect is a handler that has one.
func (s *inboxSuite) effect(effect string) func(context.Context) error {
	return func(ctx context.Context) error { return s.h.Effect(ctx, s.place, effect) }
}

func (s *inboxSuite) once(in store.Inbox, id store.Identity, want store.State, handle func(context.Context) error) {
	s.Helper()
	called := false
	state, err := in.Once(context.Background(), id, func(ctx context.Context) error { called = true; return handle(ctx) })
	if state != want || err != nil || called != (want == store.Claimed) {
		s.Fatalf("Once(%q): %v, %v, called: %v; want %v", id.Key, state, err, called, want)
	}
}

func (s *inboxSuite) effects(want ...string) {
	s.Helper()
	got := s.h.Effects(s, s.place)
	if len(got) != len(want) {
		s.Fatalf("effects %v, want %v", got, want)
	}
	for _, e := range want {
		if got[e] != 1 {
			s.Fatalf("effects %v, want each of %v once", got, want)
		}
	}
}

func once(s *inboxSuite) {
	in := s.open(long)
	s.once(in, id(1, 0), store.Claimed, s.effect("a"))
	s.once(in, id(1, 0), store.Done, s.effect("b"))
	s.once(in, id(1, 1), store.Collision, s.effect("c"))
	other := id(1, 1)
	other.Group = "shipping"
	s.once(in, other, store.Claimed, s.effect("d"))
	s.once(in, store.Identity{Group: "\xff", Key: "a\x00\xfe"}, store.Claimed, s.effect("e"))
	s.once(in, store.Identity{Group: "\xff", Key: "a\x00\xfe"}, store.Done, s.effect("f"))
	s.effects("a", "d", "e")
}

var errHandler = errors.New("the handler has failed")

func failing(s *inboxSuite) {
	in := s.open(long)
	state, err := in.Once(context.Background(), id(1, 0), func(ctx context.Context) error {
		return errors.Join(s.effect("a")(ctx), errHandler)
	})
	if state != store.Claimed || !errors.Is(err, errHandler) {
		s.Fatalf("Once with a handler that fails: %v, %v", state, err)
	}
	s.effects()
	s.once(in, id(1, 1), store.Claimed, s.effect("b"))
	s.effects("b")
}

func broken(s *inboxSuite) {
	in := s.open(long)
	state, err := in.Once(context.Background(), id(1, 0), func(ctx context.Context) error {
		return errors.Join(s.effect("a")(ctx), s.h.Break(ctx, s.place))
	})
	if state != store.Claimed || err == nil {
		s.Fatalf("Once with a statement that fails: %v, %v", state, err)
	}
	s.effects()
	s.once(in, id(1, 0), store.Claimed, s.effect("b"))
	s.effects("b")
}

// swallowed has a handler that says nothing of a statement that failed. A
// database may take the rest of the transaction or not; what it says is to be
// true.
func swallowed(s *inboxSuite) {
	in := s.open(long)
	_, err := in.Once(context.Background(), id(1, 0), func(ctx context.Context) error {
		if err := s.effect("a")(ctx); err != nil {
			return err
		}
		if s.h.Break(ctx, s.place) == nil {
			s.Error("the statement does not fail")
		}
		return nil
	})
	if err == nil {
		s.effects("a")
		s.once(in, id(1, 0), store.Done, s.effect("b"))
		return
	}
	s.effects()
	s.once(in, id(1, 0), store.Claimed, s.effect("b"))
}

func panics(s *inboxSuite) {
	in := s.open(long)
	func() {
		defer func() {
			if r := recover(); r != "oh" {
				s.Errorf("recovered %v", r)
			}
		}()
		_, _ = in.Once(context.Background(), id(1, 0), func(ctx context.Context) error {
			if err := s.effect("a")(ctx); err != nil {
				s.Error(err)
			}
			panic("oh")
		})
		s.Error("the panic has not gone on")
	}()
	s.effects()
	s.once(in, id(1, 0), store.Claimed, s.effect("b"))
	s.effects("b")
}

func inboxConcurrent(s *inboxSuite) {
	inboxes := []store.Inbox{s.open(long)}
	if s.h.Shared {
		inboxes = append(inboxes, s.open(long))
	}
	const events, callers = 40, 16
	var want []string
	for n := range events {
		want = append(want, fmt.Sprint(n))
	}
	var wg sync.WaitGroup
	for c := range callers {
		in := inboxes[c%len(inboxes)]
		wg.Go(func() {
			for n := range events {
				for try := 0; ; try++ {
					failNow := (c+n+try)%4 == 0
					state, err := in.Once(context.Background(), id(n, 0), func(ctx context.Context) error {
						if err := s.effect(fmt.Sprint(n))(ctx); err != nil {
							return err
						}
						if failNow {
							return errHandler
						}
						return nil
					})
					if state == store.Done {
						break
					}
					if state == store.Collision {
						s.Error("a collision of an event with itself")
						return
					}
					if err != nil && !errors.Is(err, errHandler) {
						s.Errorf("Once: %v, %v", state, err)
						return
					}
					if state == store.Busy {
						time.Sleep(time.Millisecond)
					}
				}
			}
		})
	}
	wg.Wait()
	s.effects(want...)
}

// neighbours has handlers that fail in every way beside others, which do not
// notice.
func neighbours(s *inboxSuite) {
	in := s.open(long)
	const events = 240
	var want []string
	var wg sync.WaitGroup
	for n := range events {
		bad := n%6 == 0
		if !bad {
			want = append(want, fmt.Sprint(n))
		}
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			defer func() {
				if r := recover(); (r != nil) != (n%24 == 12) {
					s.Errorf("event %d: recovered %v", n, r)
				}
			}()
			state, err := in.Once(ctx, id(n, 0), func(ctx context.Context) error {
				if err := s.effect(fmt.Sprint(n))(ctx); err != nil {
					return err
				}
				switch n % 24 {
				case 0:
					return errHandler
				case 6:
					return s.h.Break(ctx, s.place)
				case 12:
					panic("oh")
				case 18:
					cancel()
					return errors.Join(s.effect("late")(ctx), ctx.Err())
				}
				return nil
			})
			if state != store.Claimed || (err != nil) != bad {
				s.Errorf("event %d: %v, %v", n, state, err)
			}
		})
	}
	wg.Wait()
	s.effects(want...)
}

func ended(s *inboxSuite) {
	in := s.open(long)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if state, err := in.Once(ctx, id(1, 0), s.effect("a")); !errors.Is(err, context.Canceled) || state == store.Done {
		s.Errorf("Once with a context that has ended: %v, %v", state, err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	state, err := in.Once(ctx, id(2, 0), func(ctx context.Context) error {
		err := s.effect("b")(ctx)
		cancel()
		return errors.Join(err, ctx.Err())
	})
	if state != store.Claimed || !errors.Is(err, context.Canceled) {
		s.Errorf("Once with a context that ends in the handler: %v, %v", state, err)
	}
	s.effects()
	s.once(in, id(1, 0), store.Claimed, s.effect("c"))
	s.once(in, id(2, 0), store.Claimed, s.effect("d"))
	s.effects("c", "d")
}

func inboxWindow(s *inboxSuite) {
	in := s.open(time.Hour)
	s.once(in, id(1, 0), store.Claimed, s.effect("a"))
	s.clock.passed.Add(int64(59 * time.Minute))
	s.once(in, id(1, 0), store.Done, s.effect("b"))
	s.clock.passed.Add(int64(62 * time.Minute))
	s.once(in, id(1, 1), store.Claimed, s.effect("c"))
	s.once(in, id(1, 0), store.Collision, s.effect("d"))
	s.effects("a", "c")
}

func inboxReopened(s *inboxSuite) {
	in := s.open(long)
	s.once(in, id(1, 0), store.Claimed, s.effect("a"))
	closer(s, in)
	in = s.open(long)
	s.once(in, id(1, 0), store.Done, s.effect("b"))
	s.effects("a")
}

// inboxProcesses has an event in another process's hands: it is busy, or waited
// for.
func inboxProcesses(s *inboxSuite) {
	if !s.h.Shared {
		s.Skip("one process at a time")
	}
	for _, fails := range []bool{true, false} {
		a, b := s.open(long), s.open(long)
		event := id(1, 0)
		var inHandler atomic.Bool
		begun, finish := make(chan struct{}, 2), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			state, err := a.Once(context.Background(), event, func(ctx context.Context) error {
				inHandler.Store(true)
				defer inHandler.Store(false)
				begun <- struct{}{}
				<-finish
				if fails {
					return errHandler
				}
				return s.effect("a")(ctx)
			})
			if state != store.Claimed || errors.Is(err, errHandler) != fails {
				s.Errorf("Once: %v, %v", state, err)
			}
			begun <- struct{}{} // if it was not called
		})
		<-begun
		wg.Go(func() {
			state, err := b.Once(context.Background(), event, func(ctx context.Context) error {
				if inHandler.Load() {
					s.Error("two handle one event at once")
				}
				return errHandler
			})
			if state == store.Claimed && errors.Is(err, errHandler) && fails || err == nil && (state == store.Busy || state == store.Done && !fails) {
				return
			}
			s.Errorf("Once of what another handles: %v, %v", state, err)
		})
		time.Sleep(50 * time.Millisecond)
		close(finish)
		wg.Wait()
		if !fails {
			s.once(b, event, store.Done, s.effect("b"))
			s.effects("a")
		}
	}
}

// closer closes what can be.
func closer(s testing.TB, v any) {
	if c, ok := v.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.Errorf("Close: %v", err)
		}
	}
}
