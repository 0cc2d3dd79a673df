package nats_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/event"
)

func open(t *testing.T, url string) broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), url, nats.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// bare is the server as its own client has it.
func bare(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := natsgo.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func declared(t *testing.T, b broker.Broker, settings map[string]string) broker.Channel {
	t.Helper()
	c := broker.Channel{Address: fmt.Sprintf("lost.%d", time.Now().UnixNano()), Settings: settings}
	if err := b.(broker.Admin).Declare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.(broker.Admin).Remove(context.Background(), c) })
	return c
}

func publish(t *testing.T, b broker.Broker, c broker.Channel, from, to int) {
	t.Helper()
	var all []broker.Message
	for i := from; i < to; i++ {
		all = append(all, broker.Message{Message: event.Message{Body: []byte(strconv.Itoa(i))}})
	}
	if err := b.Publish(t.Context(), c, all...); err != nil {
		t.Fatal(err)
	}
}

// TestConsumerGone: the server forgets a consumer, as it does with one that was
// not heard of for a while. A reader goes on behind what came; a group has lost
// its place and says so.
func TestConsumerGone(t *testing.T) {
	t.Parallel()
	url := "nats://" + alone(t).Addr().String()
	b := open(t, url)
	js := bare(t, url)
	c := declared(t, b, nil)
	stream := strings.ReplaceAll(c.Address, ".", "~")
	forget := func() {
		t.Helper()
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		for name := range s.ConsumerNames(t.Context()).Name() {
			if err := s.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(t, b, c, 0, 3) // before the reader, who starts from the latest
	for _, start := range []broker.From{broker.Latest, broker.Earliest} {
		came := make(chan string, 100)
		reader, err := b.Subscribe(t.Context(), c, broker.Options{Start: broker.Start{From: start}}, func(d broker.Delivery) {
			_ = d.Ack()
			came <- string(d.Message().Body)
		})
		if err != nil {
			t.Fatal(err)
		}
		next := func(want int) {
			t.Helper()
			select {
			case got := <-came:
				if got != strconv.Itoa(want) {
					t.Fatalf("%s came, and not %d", got, want)
				}
			case <-reader.Done():
				t.Fatal(reader.Err())
			case <-time.After(20 * time.Second):
				t.Fatalf("%d did not come", want)
			}
		}
		n := 3
		if start == broker.Earliest {
			for i := range 5 {
				next(i)
			}
			n = 5
		}
		forget()
		publish(t, b, c, n, n+1)
		next(n)
		forget()
		publish(t, b, c, n+1, n+2)
		next(n + 1)
		if err := reader.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	group, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g"}, func(d broker.Delivery) { _ = d.Ack() })
	if err != nil {
		t.Fatal(err)
	}
	forget()
	select {
	case <-group.Done():
		if !errors.Is(group.Err(), broker.ErrNoChannel) {
			t.Error(group.Err())
		}
	case <-time.After(20 * time.Second):
		t.Error("a group without a consumer waits for ever")
	}
	_ = group.Stop(t.Context())
}

// TestSingleActive: of the members of a group one is active; when it ends the next
// goes on behind it, and when it vanishes the next does what it left first.
func TestSingleActive(t *testing.T) {
	t.Parallel()
	singleActive(t, "nats://"+alone(t).Addr().String())
}

// TestRealSingleActive is the same on a server that runs already, an old one.
func TestRealSingleActive(t *testing.T) {
	address := os.Getenv("TREATY_NATS")
	if address == "" {
		t.Skip("TREATY_NATS is no address: make integration sets it")
	}
	singleActive(t, "nats://"+address)
}

func singleActive(t *testing.T, url string) {
	admin := open(t, url)
	c := declared(t, admin, map[string]string{"nats.singleActive": "true"})
	type came struct{ member, n int }
	var mu sync.Mutex
	var all []came
	arrived := func() []came {
		mu.Lock()
		defer mu.Unlock()
		return append([]came(nil), all...)
	}
	until := func(what string, ok func([]came) bool) {
		t.Helper()
		for end := time.Now().Add(40 * time.Second); !ok(arrived()); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %v", what, arrived())
			}
		}
	}
	options := broker.Options{Group: "g", AckWait: 2 * time.Second, MaxInFlight: 20}
	join := func(member int, holds func(n int) bool) (broker.Broker, broker.Subscription) {
		t.Helper()
		b := open(t, url)
		s, err := b.Subscribe(t.Context(), c, options, func(d broker.Delivery) {
			n, _ := strconv.Atoi(string(d.Message().Body))
			mu.Lock()
			all = append(all, came{member, n})
			mu.Unlock()
			if !holds(n) {
				_ = d.Ack()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return b, s
	}
	never := func(int) bool { return false }
	// The first is active, and ends in good order; the second goes on.
	_, first := join(1, never)
	until("nothing came to the first", func(all []came) bool { publish(t, admin, c, 0, 1); return len(all) > 0 })
	mu.Lock()
	all = nil
	mu.Unlock()
	vanishing, second := join(2, func(n int) bool { return n >= 150 })
	publish(t, admin, c, 1, 100)
	until("not all came to the first", func(all []came) bool { return len(all) >= 99 })
	for _, one := range arrived() {
		if one.member != 1 {
			t.Fatalf("%d came to the member that waits", one.n)
		}
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	publish(t, admin, c, 100, 200)
	until("the second did not take over", func(all []came) bool { return all[len(all)-1].n >= 150 })
	t.Logf("taken over after %v", time.Since(begin))
	// It holds what came from 150 on, and vanishes: the third begins with those.
	_, third := join(3, never)
	time.Sleep(200 * time.Millisecond)
	if err := vanishing.Close(); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	until("the third did not take over", func(all []came) bool { return all[len(all)-1] == came{3, 199} })
	t.Logf("taken over after %v from one that vanished", time.Since(begin))
	gone, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // it never settles what it holds
	defer cancel()
	_ = second.Stop(gone)
	if err := third.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	last := map[int]int{}
	next := 150
	for _, one := range arrived() {
		if one.n == 0 {
			continue
		}
		if one.n <= last[one.member] {
			t.Errorf("%d came to %d after %d", one.n, one.member, last[one.member])
		}
		last[one.member] = one.n
		if one.member == 3 {
			if one.n != next {
				t.Fatalf("%d came to the third, and not %d", one.n, next)
			}
			next++
		}
	}
}

// TestRecall: what a member leaves unsettled comes to the next in its order and
// before what is behind it, whatever was settled in between, in whatever order
// some was returned, and without waiting for AckWait.
func TestRecall(t *testing.T) {
	t.Parallel()
	recall(t, "nats://"+alone(t).Addr().String())
}

// TestRecallReal is the same on a server that runs already, an old one.
func TestRecallReal(t *testing.T) {
	address := os.Getenv("TREATY_NATS")
	if address == "" {
		t.Skip("TREATY_NATS is no address: make integration sets it")
	}
	// Older ones count back when they have nobody to give a returned message to, and
	// deliver again what they then take for new.
	if b := open(t, "nats://"+address); !b.Features().Expires {
		t.Skip("the server at TREATY_NATS is older than 2.11")
	}
	recall(t, "nats://"+address)
}

func recall(t *testing.T, url string) {
	admin := open(t, url)
	c := declared(t, admin, map[string]string{"nats.singleActive": "true"})
	options := broker.Options{Group: "g", AckWait: time.Minute, MaxInFlight: 60}
	came := make(chan broker.Delivery, 1000)
	join := func() (broker.Broker, broker.Subscription) {
		t.Helper()
		b := open(t, url)
		s, err := b.Subscribe(t.Context(), c, options, func(d broker.Delivery) { came <- d })
		if err != nil {
			t.Fatal(err)
		}
		return b, s
	}
	next := func() (broker.Delivery, int) {
		t.Helper()
		select {
		case d := <-came:
			n, _ := strconv.Atoi(string(d.Message().Body))
			return d, n
		case <-time.After(20 * time.Second):
			t.Fatal("nothing came any more")
		}
		return nil, 0
	}
	publish(t, admin, c, 0, 100)
	// The first settles every other of what it has, returns some the wrong way round
	// while it ends, and leaves the rest.
	_, first := join()
	held := map[int]broker.Delivery{}
	for range 60 {
		d, n := next()
		if held[n] = d; n%2 == 1 {
			if err := d.Ack(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for len(held) < 90 { // those for which there is room now
		d, n := next()
		held[n] = d
	}
	ending, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- first.Stop(ending) }()
	<-first.Done()
	returned := []int{80, 40, 20, 10, 75}
	for _, n := range returned {
		if err := held[n].Nak(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-over; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what is unsettled was not waited for: %v", err)
	}
	var want []int
	for n := range 100 {
		if n >= 60 || n%2 == 0 {
			want = append(want, n)
		}
	}
	// The second has them all from the first on, settles none, and vanishes. The
	// third has the same ones.
	for member := range 2 {
		b, s := join()
		for i, n := range want[:60] {
			d, got := next()
			if got != n {
				t.Fatalf("to member %d came %d, and not %d", member+2, got, n)
			}
			// What was returned may have been on its way once more to the one that ended.
			more := d.Attempt() - (member + 2)
			if n < 90 && more != 0 && !(more == 1 && slices.Contains(returned, n)) {
				t.Errorf("%d came to member %d as attempt %d", n, member+2, d.Attempt())
			}
			if member == 1 {
				if err := d.Ack(); err != nil {
					t.Fatal(i, err)
				}
			}
		}
		if member == 0 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_ = s.Stop(gone)
			cancel()
			for len(came) > 0 {
				<-came
			}
			continue
		}
		for _, n := range want[60:] {
			if d, got := next(); got != n {
				t.Fatalf("behind them came %d, and not %d", got, n)
			} else if err := d.Ack(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestSequence(t *testing.T) {
	for reply, want := range map[string]uint64{
		"$JS.ACK.orders.g-orders.2.41.57.1796134862000000000.3":                  57,
		"$JS.ACK.hub.Qx8sW.orders.g-orders.2.41.57.1796134862000000000.3":        57,
		"$JS.ACK.hub.Qx8sW.orders.g-orders.2.41.57.1796134862000000000.3.k4Zq9d": 57,
		"": 0, "_INBOX.a": 0,
	} {
		if got := nats.Sequence(reply); got != want {
			t.Errorf("%s: %d", reply, got)
		}
	}
}

// settled is what settles one delivery after the other, and knows in what order they
// came for the first time.
type settled struct {
	came     chan broker.Delivery
	all      chan bool // closed when that many have come
	mu       sync.Mutex
	order    []int
	seen     map[int]bool
	attempts int // the most
}

func settle(t *testing.T, events int) *settled {
	s := &settled{came: make(chan broker.Delivery, events), all: make(chan bool), seen: map[int]bool{}}
	over := make(chan bool)
	t.Cleanup(func() { close(over) })
	go func() {
		for {
			select {
			case d := <-s.came:
				time.Sleep(time.Millisecond)
				n, _ := strconv.Atoi(string(d.Message().Body))
				s.mu.Lock()
				if s.attempts = max(s.attempts, d.Attempt()); !s.seen[n] {
					s.seen[n] = true
					s.order = append(s.order, n)
					if len(s.order) == events {
						close(s.all)
					}
				}
				s.mu.Unlock()
				_ = d.Ack()
			case <-over:
				return
			}
		}
	}()
	return s
}

// check waits until all have come, and holds that it was in order.
func (s *settled) check(t *testing.T) {
	t.Helper()
	select {
	case <-s.all:
	case <-time.After(30 * time.Second):
		t.Error("not all came")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.IsSorted(s.order) {
		t.Errorf("not in order: %v", s.order)
	}
	if s.attempts < 2 {
		t.Error("nothing came again")
	}
}

// TestLapse: a lease runs out because its member is too slow to renew it, or seems to be
// another's, and is had again. What came meanwhile comes again, in its order and before
// what is behind it.
func TestLapse(t *testing.T) {
	t.Parallel()
	b := open(t, "nats://"+alone(t).Addr().String())
	c := declared(t, b, map[string]string{"nats.singleActive": "true"})
	const events = 800
	all := settle(t, events)
	var members []broker.Subscription
	for range 2 {
		s, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g", AckWait: time.Minute, MaxInFlight: 10}, func(d broker.Delivery) { all.came <- d })
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, s)
	}
	for n := 0; n < events; n += 20 {
		publish(t, b, c, n, n+20)
		time.Sleep(5 * time.Millisecond)
		for _, s := range members {
			switch n % 200 {
			case 100:
				nats.Lapse(s)
			case 180:
				nats.Mistake(s)
				nats.Lapse(s)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	all.check(t)
}

// TestElsewhere: somebody who is not to, as a member that was away and does not know
// that it is active no more, gets some of what comes. That it did not come here is seen,
// and it comes again before what is behind it.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	url := "nats://" + alone(t).Addr().String()
	b := open(t, url)
	c := declared(t, b, map[string]string{"nats.singleActive": "true"})
	const events = 800
	all := settle(t, events)
	if _, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g", AckWait: time.Minute, MaxInFlight: 10}, func(d broker.Delivery) { all.came <- d }); err != nil {
		t.Fatal(err)
	}
	js := bare(t, url)
	stream, err := js.Stream(t.Context(), strings.ReplaceAll(c.Address, ".", "~"))
	if err != nil {
		t.Fatal(err)
	}
	var other jetstream.Consumer
	for name := range stream.ConsumerNames(t.Context()).Name() {
		if other, err = stream.Consumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	took := 0
	for n := 0; n < events; n += 20 {
		publish(t, b, c, n, n+20)
		if n%100 == 40 {
			some, err := other.Fetch(3, jetstream.FetchMaxWait(20*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			for range some.Messages() {
				took++
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	all.check(t)
	if took == 0 {
		t.Error("the other got nothing")
	}
}
