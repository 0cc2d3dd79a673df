package gate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
)

type delivery struct {
	broker.Delivery
	n int
}

func TestNoMoreThanMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got atomic.Int64
		g := gate.New(3, func(broker.Delivery) { got.Add(1) })
		go func() {
			for i := range 10 {
				g.Deliver(&delivery{n: i})
			}
		}()
		for want := int64(3); want <= 10; want++ {
			synctest.Wait()
			if n := got.Load(); n != want {
				t.Fatalf("%d were delivered, and not %d", n, want)
			}
			g.Settled()
		}
	})
}

func TestOneAtATime(t *testing.T) {
	var busy atomic.Bool
	var g *gate.Gate
	g = gate.New(100, func(broker.Delivery) {
		if busy.Swap(true) {
			t.Error("the handler is called twice at a time")
		}
		busy.Store(false)
		g.Settled()
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				g.Deliver(&delivery{})
			}
		})
	}
	all.Wait()
	if err := g.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}

// A bubble's clock stands still while someone waits for a mutex, as Close does:
// this test takes the world's.
func TestClose(t *testing.T) {
	enter, leave := make(chan bool), make(chan bool)
	g := gate.New(1, func(broker.Delivery) { enter <- true; <-leave })
	first, second := make(chan bool, 1), make(chan bool, 1)
	go func() { first <- g.Deliver(&delivery{}) }()
	<-enter
	go func() { second <- g.Deliver(&delivery{}) }() // has no room
	why := errors.New("gone")
	closed := make(chan bool)
	go func() { g.Close(why); close(closed) }()
	<-g.Done()
	select {
	case <-closed:
		t.Fatal("closed while the handler is called")
	case <-time.After(20 * time.Millisecond):
	}
	leave <- true
	<-closed
	if !<-first || <-second {
		t.Error("the first was to be delivered, and the second was not")
	}
	g.Close(errors.New("another"))
	if g.Err() != why {
		t.Errorf("it was closed by %v", g.Err())
	}
	if g.Deliver(&delivery{}) {
		t.Error("something came through the closed gate")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := g.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one is unsettled: %v", err)
	}
	g.Settled()
	if err := g.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var count, last, lost atomic.Int64
		g := gate.New(1, func(d broker.Delivery) { count.Add(1); last.Store(int64(d.(*delivery).n)) })
		g.Deliver(&delivery{n: 1})
		start := time.Now()
		g.Again(time.Minute, func() broker.Delivery { return &delivery{n: 2} }, func() { t.Error("it was lost") })
		synctest.Wait()
		if count.Load() != 1 {
			t.Fatal("it came at once")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if count.Load() != 2 || last.Load() != 2 || time.Since(start) != time.Minute {
			t.Fatalf("%d, the last %d, after %s", count.Load(), last.Load(), time.Since(start))
		}

		// What nobody has any more leaves its room.
		g.Again(time.Second, func() broker.Delivery { return nil }, func() { lost.Add(1) })
		time.Sleep(time.Second)
		synctest.Wait()
		if lost.Load() != 1 || g.Drain(t.Context()) != nil {
			t.Errorf("lost %d", lost.Load())
		}

		// A gate that closes does not wait for its hour.
		g.Deliver(&delivery{n: 3})
		g.Again(time.Hour, func() broker.Delivery { return &delivery{n: 4} }, func() { lost.Add(1) })
		g.Close(nil)
		if err := g.Drain(t.Context()); err != nil || lost.Load() != 2 || count.Load() != 3 {
			t.Errorf("%v, lost %d, got %d", err, lost.Load(), count.Load())
		}
	})
}
