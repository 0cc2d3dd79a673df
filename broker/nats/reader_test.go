package nats_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/treaty-events/treaty/broker"
)

// TestReaderOfCutConnections: whatever is lost with connections that are cut, a reader
// gets all, once and in order, and comes to its end.
func TestReaderOfCutConnections(t *testing.T) {
	t.Parallel()
	url := "nats://" + alone(t).Addr().String()
	b := open(t, url)
	c := declared(t, b, nil)
	const n = 4000
	publish(t, b, c, 0, n)
	address, cut := cutting(t, url[len("nats://"):])
	for _, end := range []bool{true, false} {
		far := open(t, "nats://"+address)
		came := make(chan string, n)
		s, err := far.Subscribe(t.Context(), c, broker.Options{End: end, MaxInFlight: 50}, func(d broker.Delivery) {
			came <- string(d.Message().Body)
			go func() {
				time.Sleep(time.Millisecond)
				_ = d.Ack()
			}()
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			select {
			case got := <-came:
				if got != strconv.Itoa(i) {
					t.Fatalf("%s came where %d was due", got, i)
				}
			case <-s.Done():
				t.Fatalf("it ended before %d: %v", i, s.Err())
			case <-time.After(60 * time.Second):
				t.Fatalf("%d did not come", i)
			}
			if i%500 == 100 {
				cut.set(true)
				cut.set(false)
			}
		}
		if end {
			select {
			case <-s.Done():
				if s.Err() != nil {
					t.Error(s.Err())
				}
			case <-time.After(60 * time.Second):
				t.Error("it did not end")
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		select {
		case got := <-came:
			t.Errorf("%s came once more", got)
		default:
		}
	}
}

// TestAnswersLost: a question whose answer was lost with the connection is asked again,
// long before its context ends.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	url := "nats://" + alone(t).Addr().String()
	c := declared(t, open(t, url), nil)
	address, lossy := losing(t, url[len("nats://"):])
	b := open(t, "nats://"+address)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // more than the test may take
	defer cancel()
	lossy.Store(true)
	if err := b.(broker.Checker).Check(ctx, c); err != nil {
		t.Error(err)
	}
	lossy.Store(true)
	s, err := b.Subscribe(ctx, c, broker.Options{Group: "g"}, func(broker.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// losing is the address of a proxy to a server that loses what the server says next,
// and the connection, once it is told to.
func losing(t *testing.T, to string) (string, *atomic.Bool) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lossy := &atomic.Bool{}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }()
			go func() {
				defer in.Close()
				defer out.Close()
				some := make([]byte, 64<<10)
				for {
					n, err := out.Read(some)
					if err != nil || lossy.Swap(false) {
						return
					}
					_, _ = in.Write(some[:n])
				}
			}()
		}
	}()
	return l.Addr().String(), lossy
}

// TestHeld: a message that is being handled keeps itself, and not those that came
// behind it and have been settled.
func TestHeld(t *testing.T) {
	b := open(t, "nats://"+alone(t).Addr().String())
	c := declared(t, b, nil)
	const n = 2000
	var held broker.Delivery
	var bodies []weak.Pointer[byte]
	done := make(chan struct{})
	s, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g"}, func(d broker.Delivery) {
		if held == nil {
			held = d
			return
		}
		bodies = append(bodies, weak.Make(&d.Message().Body[0]))
		_ = d.Ack()
		if len(bodies) == n-1 {
			close(done)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, c, 1000, 1000+n)
	<-done
	runtime.GC()
	alive := 0
	for _, body := range bodies {
		if body.Value() != nil {
			alive++
		}
	}
	if alive > n/10 {
		t.Errorf("%d of %d are kept by one", alive, n-1)
	}
	if err := held.Ack(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
