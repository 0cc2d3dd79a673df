package nats_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/treaty-events/treaty/broker"
)

// TestReaderOfCutConnections: whatever is lost with connections that are cut, a reader
// gets all, once and in order, and comes to its end.
func TestReaderOfCutConnections(t *testing.T) {
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
