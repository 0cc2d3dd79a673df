// Package brokertest is the suite that every adapter has to pass, on its fake
// and on the real broker. What a broker cannot do, by its Features, is held to
// saying so.
package brokertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/event"
)

// Harness is a broker to be tested.
type Harness struct {
	// Adapter opens it.
	Adapter broker.Adapter
	// URL is where it is.
	URL string
	// Settings are those of the channels.
	Settings map[string]string
	// Refused is a URL with wrong credentials; "" where the broker lets everybody in.
	Refused string
	// Absent is a URL where nothing is; "" where there is no such thing.
	Absent string
	// Through makes the URL of the broker as it is seen through a proxy at that
	// address; nil where it cannot be.
	Through func(address string) string
	// Behind is the address that the proxy goes to.
	Behind string
	// Cut cuts all connections of the broker, where there is no way through a proxy;
	// nil where there is neither.
	Cut func()
	// Few is for a fake that takes a tenth of a second for each message of a key.
	Few bool
	// Ordered are settings beside Settings that ask for order among the members of a
	// group, where the broker wants to be asked.
	Ordered map[string]string
	// Disagree are settings that a channel made with Settings does not have, and one
	// word of each that the finding has to have.
	Disagree map[string]string
	// Reorders is why the broker, in this version, brings messages that it got back
	// behind later ones; "" where it does not.
	Reorders string
	// Declares says that channels are made when they are first used.
	Declares bool
	// AckWait is the shortest that the broker minds, 1 s where not said.
	AckWait time.Duration
}

// patience is how long something that has to come is waited for, and silence
// how long something that must not.
const (
	patience = 40 * time.Second
	silence  = 400 * time.Millisecond
)

var counter atomic.Int64

type suite struct {
	*testing.T
	h Harness
	b broker.Broker
	f broker.Features
}

// Main runs the tests of an adapter, many side by side: they wait most of the time.
func Main(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "8")
	}
	os.Exit(m.Run())
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	if h.AckWait == 0 {
		h.AckWait = time.Second
	}
	b := open(t, h.Adapter, h.URL) // closed by its cleanup, after the parallel tests
	f := b.Features()
	t.Logf("features: %+v", f)
	t.Run("Leaks", func(t *testing.T) { leaks(&suite{t, h, b, f}) }) // before the others begin
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"Messages", messages}, {"Modes", modes}, {"Order", order}, {"Groups", groups}, {"Members", members}, {"Reader", reader}, {"ReaderEnds", readerEnds},
		{"Start", start}, {"StartTime", startTime}, {"Nak", nak}, {"NakWithDelay", nakWithDelay}, {"NakHoldsNobody", nakHoldsNobody},
		{"Term", term}, {"Unsettled", unsettled}, {"AckWait", ackWait}, {"InFlight", inFlight}, {"Stop", stop}, {"SettledOnce", settledOnce},
		{"Concurrent", concurrent}, {"Joining", joining}, {"Dedupe", dedupe}, {"Expires", expires}, {"Large", large}, {"LongHeader", longHeader}, {"Missing", missing}, {"Unrouted", unrouted},
		{"Cancelled", cancelled}, {"Closed", closed}, {"Refused", refused}, {"Absent", absent}, {"Cut", cut}, {"Declare", declare},
		{"CutOrder", cutOrder}, {"GroupOrder", groupOrder}, {"Check", check},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&suite{t, h, b, f})
		})
	}
}

func open(t testing.TB, a broker.Adapter, url string) broker.Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := broker.Open(ctx, url, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func (s *suite) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// channel declares a channel of its own.
func (s *suite) channel() broker.Channel {
	s.Helper()
	return s.channelWith(s.h.Settings)
}

func (s *suite) channelWith(settings map[string]string) broker.Channel {
	s.Helper()
	c := broker.Channel{Address: fmt.Sprintf("suite.%d.%d", time.Now().UnixNano(), counter.Add(1)), Settings: settings}
	if a, ok := s.b.(broker.Admin); ok {
		if err := a.Declare(s.ctx(), c); err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = a.Remove(ctx, c)
		})
	}
	return c
}

// leaks opens and closes: nothing of it goes on running.
func leaks(s *suite) {
	c := s.channel()
	start := broker.Start{From: broker.Latest}
	once := func(stop bool) {
		b, err := broker.Open(s.ctx(), s.h.URL, s.h.Adapter)
		if err != nil {
			s.Fatal(err)
		}
		came := make(chan bool, 100)
		var all []broker.Subscription
		for _, group := range []string{"g", ""} {
			one, err := b.Subscribe(s.ctx(), c, broker.Options{Group: group, Start: start}, func(d broker.Delivery) {
				ack(d)
				came <- true
			})
			if err != nil {
				s.Fatal(err)
			}
			all = append(all, one)
		}
		if err := b.Publish(s.ctx(), c, message("x")); err != nil {
			s.Fatal(err)
		}
		select {
		case <-came:
		case <-time.After(patience):
			s.Fatal("nothing came")
		}
		for _, one := range all {
			if !stop {
				break
			}
			if err := one.Stop(s.ctx()); err != nil {
				s.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			s.Fatal(err)
		}
	}
	once(true)
	once(false)
	time.Sleep(silence)
	before := len(clients())
	for i := range 6 {
		once(i%2 == 0)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := clients()
		if len(now) <= before+3 {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%d goroutines before, and %d after:\n%s", before, len(now), strings.Join(now, "\n\n"))
		}
	}
}

// clients are the goroutines but for those of a server within the process, which
// keeps the consumer of a reader that did not stop for a while.
func clients() []string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return slices.DeleteFunc(strings.Split(string(stacks), "\n\n"), func(s string) bool { return strings.Contains(s, "nats-server/") })
}

func message(body string) broker.Message {
	return broker.Message{Message: event.Message{Body: []byte(body)}}
}

func numbered(from, to int) []broker.Message {
	var all []broker.Message
	for i := from; i < to; i++ {
		all = append(all, message(strconv.Itoa(i)))
	}
	return all
}

func (s *suite) publish(c broker.Channel, messages ...broker.Message) {
	s.Helper()
	if err := s.b.Publish(s.ctx(), c, messages...); err != nil {
		s.Fatal(err)
	}
}

// inbox collects deliveries.
type inbox struct {
	s            *suite
	subscription broker.Subscription
	came         chan broker.Delivery
}

func (s *suite) subscribe(b broker.Broker, c broker.Channel, o broker.Options, handle func(broker.Delivery)) *inbox {
	s.Helper()
	box := &inbox{s: s, came: make(chan broker.Delivery, 1<<16)}
	if o.Start == (broker.Start{}) && !s.f.Replay {
		o.Start.From = broker.Latest
	}
	var err error
	box.subscription, err = b.Subscribe(s.ctx(), c, o, func(d broker.Delivery) {
		if handle != nil {
			handle(d)
		}
		box.came <- d
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = box.subscription.Stop(ctx)
	})
	return box
}

func ack(d broker.Delivery) { _ = d.Ack() }

func (box *inbox) stop() {
	box.s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := box.subscription.Stop(ctx); err != nil && !broker.Ended(err) {
		box.s.Fatal(err)
	}
}

// next is the next delivery.
func (box *inbox) next() broker.Delivery {
	box.s.Helper()
	select {
	case d := <-box.came:
		return d
	case <-box.subscription.Done():
		box.s.Fatalf("the subscription ended: %v", box.subscription.Err())
	case <-time.After(patience):
		box.s.Fatal("nothing came")
	}
	return nil
}

// bodies are the bodies of the next deliveries, in order.
func (box *inbox) bodies(n int) []string {
	box.s.Helper()
	var all []string
	for range n {
		all = append(all, string(box.next().Message().Body))
	}
	return all
}

// quiet holds that nothing more comes.
func (box *inbox) quiet() {
	box.s.Helper()
	select {
	case d := <-box.came:
		box.s.Fatalf("%q came, attempt %d", d.Message().Body, d.Attempt())
	case <-time.After(silence):
	}
}

func (s *suite) same(got, want []string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Fatalf("got %.300q\nwant %.300q", got, want)
	}
}

func span(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func messages(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	before := time.Now().Add(-time.Minute)
	for _, body := range []string{"text", "\xff\x00\xfe", "", "{\"a\":1}", strings.Repeat("x", 100_000)} {
		m := message(body)
		m.Key = "key"
		if body == "" {
			m.Body = nil
		}
		s.publish(c, m)
		d := box.next()
		if string(d.Message().Body) != body || d.Channel() != c.Address || d.Attempt() != 1 {
			s.Errorf("%.40q on %s, attempt %d", d.Message().Body, d.Channel(), d.Attempt())
		}
		if s.f.Positions != (d.Position() != "") {
			s.Errorf("position %q", d.Position())
		}
		if at := d.Time(); !at.IsZero() && (at.Before(before) || at.After(time.Now().Add(time.Minute))) {
			s.Errorf("stored at %v", at)
		}
		if k := d.Key(); k != "" && k != "key" {
			s.Errorf("key %q", k)
		}
	}
	if err := s.b.Publish(s.ctx(), c); err != nil {
		s.Errorf("no messages: %v", err)
	}
}

// modes sends events in every mode.
func modes(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	for _, mode := range []event.Mode{event.BinaryMode, event.StructuredMode} {
		e := &event.Event{ID: "1", Source: "/s", Type: "t.v1", Subject: "Euro € 😀 100%", Time: time.Date(2026, 1, 2, 3, 4, 5, 6e8, time.UTC),
			DataContentType: "application/json", Data: []byte(`{"a":1}`)}
		e.Extensions.Set("count", event.IntegerValue(-7))
		e.Extensions.Set("flag", event.BooleanValue(true))
		e.Extensions.Set("traceparent", event.TextValue("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
		var m broker.Message
		if err := s.b.Binding().Encode(&m.Message, e, mode); err != nil {
			s.Fatal(err)
		}
		s.publish(c, m)
		d := box.next()
		got, was, err := s.b.Binding().Decode(d.Message())
		if err != nil {
			s.Fatalf("%v: %v\n%+v", mode, err, d.Message())
		}
		if was != mode || got.ID != e.ID || got.Source != e.Source || got.Type != e.Type || got.Subject != e.Subject || !got.Time.Equal(e.Time) ||
			got.DataContentType != e.DataContentType || string(got.Data) != string(e.Data) || len(got.Extensions) != 3 {
			s.Errorf("%v came as %v: %+v", mode, was, got)
		}
		for _, x := range e.Extensions {
			if v, _ := got.Extensions.Get(x.Name); v.String() != x.Value.String() {
				s.Errorf("%s is %q", x.Name, v)
			}
		}
	}
}

func order(s *suite) {
	if s.f.Order == broker.Unordered {
		s.Skip("the broker keeps no order")
	}
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	const keys = 5
	each := s.many(200)
	var batch []broker.Message
	for i := range keys * each {
		m := message(fmt.Sprintf("%d %d", i%keys, i/keys))
		m.Key = "key" + strconv.Itoa(i%keys)
		batch = append(batch, m)
	}
	s.publish(c, batch[:len(batch)/2]...)
	s.publish(c, batch[len(batch)/2:]...)
	s.ordered(box, keys, len(batch))
}

// ordered takes so many messages, which say their key and their number of that key,
// and each key's in order.
func (s *suite) ordered(box *inbox, keys, of int) {
	s.Helper()
	next := make([]int, keys)
	for range of {
		var key, n int
		fmt.Sscan(string(box.next().Message().Body), &key, &n)
		if n != next[key] {
			s.Fatalf("of key %d number %d came where %d was due", key, n, next[key])
		}
		next[key]++
	}
	box.quiet()
}

// readerEnds: a reader with an end gets what is there, once it is asked, and what it
// gave back again, and is then done, whatever is published meanwhile and whatever
// other channels have.
func readerEnds(s *suite) {
	if !s.f.Replay {
		s.Skip("nothing is kept for readers")
	}
	c, other := s.channel(), s.channel()
	read := func(start broker.Start, handle func(broker.Delivery)) (got []string) {
		var mu sync.Mutex
		sub, err := s.b.Subscribe(s.ctx(), c, broker.Options{Start: start, End: true}, func(d broker.Delivery) {
			mu.Lock()
			got = append(got, string(d.Message().Body))
			mu.Unlock()
			handle(d)
		})
		if err != nil {
			s.Fatal(err)
		}
		select {
		case <-sub.Done():
		case <-time.After(patience):
			s.Fatalf("it does not end: %d came", len(got))
		}
		if sub.Err() != nil {
			s.Error(sub.Err())
		}
		if err := sub.Stop(s.ctx()); err != nil {
			s.Error(err)
		}
		return got
	}
	if got := read(broker.Start{}, ack); len(got) > 0 {
		s.Errorf("of nothing came %q", got)
	}
	const n = 40
	for i := range n { // keys, so that more than one partition has some
		m := numbered(i, i+1)
		m[0].Key = "key" + strconv.Itoa(i%7)
		s.publish(c, m...)
	}
	s.publish(other, numbered(500, 505)...)
	want := span(0, n)
	sorted := func(got []string) []string { slices.SortFunc(got, byNumber); return got }
	s.same(sorted(read(broker.Start{}, ack)), want)
	if got := read(broker.Start{From: broker.Latest}, ack); len(got) > 0 {
		s.Errorf("behind the latest came %q", got)
	}
	if s.f.ReplayTime {
		if got := read(broker.Start{From: broker.At, Time: time.Now().Add(time.Hour)}, ack); len(got) > 0 {
			s.Errorf("from a time to come on came %q", got)
		}
	}
	// It is not done before what is held is settled, nor without what was given back.
	var held []broker.Delivery
	var again atomic.Bool
	var settled atomic.Int64
	var mu sync.Mutex
	var once sync.Once
	got := read(broker.Start{}, func(d broker.Delivery) {
		if string(d.Message().Body) == want[n-1] && !again.Swap(true) {
			_ = d.NakWithDelay(300 * time.Millisecond)
			return
		}
		mu.Lock()
		held = append(held, d)
		all := len(held) >= n/2
		mu.Unlock()
		if all { // the half of them later
			once.Do(func() { s.publish(c, numbered(100, 103)...) })
			go func() {
				mu.Lock()
				defer mu.Unlock()
				for _, d := range held {
					settled.Add(1)
					_ = d.Ack()
				}
				held = held[:0]
			}()
		}
		time.AfterFunc(500*time.Millisecond, func() { settled.Add(1); _ = d.Ack() })
	})
	s.same(sorted(got), append(slices.Clone(want), want[n-1]))
	if settled.Load() < n {
		s.Errorf("it was done when %d of %d were settled", settled.Load(), n)
	}
	// Nor does it wait for a channel to be quiet.
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = s.b.Publish(context.Background(), c, numbered(1000, 1050)...)
			}
		}
	})
	got = read(broker.Start{}, ack)
	close(stop)
	busy.Wait()
	if got = slices.DeleteFunc(got, func(body string) bool { return len(body) > 2 }); !slices.Equal(sorted(got), want) {
		s.Errorf("of a busy channel came %q", got)
	}
}

func groups(s *suite) {
	c := s.channel()
	one := s.subscribe(s.b, c, broker.Options{Group: "one"}, ack)
	two := s.subscribe(s.b, c, broker.Options{Group: "two"}, ack)
	s.publish(c, numbered(0, 50)...)
	for _, box := range []*inbox{one, two} {
		got := box.bodies(50)
		slices.SortFunc(got, byNumber)
		s.same(got, span(0, 50))
		box.quiet()
	}
}

func byNumber(a, b string) int {
	i, _ := strconv.Atoi(a)
	j, _ := strconv.Atoi(b)
	return i - j
}

// members share a group: every message comes to one of them, and the place of
// the group is kept while it has none.
func members(s *suite) {
	if !s.f.Share {
		s.Skip("the members of a group share nothing")
	}
	c := s.channel()
	all := make(chan string, 1<<12)
	collect := func(d broker.Delivery) {
		_ = d.Ack()
		all <- string(d.Message().Body)
	}
	one := s.subscribe(s.b, c, broker.Options{Group: "g"}, collect)
	two := s.subscribe(open(s, s.h.Adapter, s.h.URL), c, broker.Options{Group: "g"}, collect)
	expect := func(from, to int) {
		s.Helper()
		seen := map[string]bool{}
		for len(seen) < to-from {
			select {
			case body := <-all:
				if n, _ := strconv.Atoi(body); n < from || n >= to {
					continue // redelivered when members came and went
				}
				seen[body] = true
			case <-time.After(patience):
				s.Fatalf("%d of %d came", len(seen), to-from)
			}
		}
	}
	for i := range 100 {
		m := message(strconv.Itoa(i))
		m.Key = strconv.Itoa(i)
		s.publish(c, m)
	}
	expect(0, 100)
	one.stop()
	two.stop()
	if !s.f.Keep {
		return
	}
	s.publish(c, numbered(100, 150)...)
	three := s.subscribe(s.b, c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}}, collect)
	expect(100, 150)
	three.stop()
}

// reader reads beside the groups, and nothing of it is kept.
func reader(s *suite) {
	c := s.channel()
	group := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	s.publish(c, numbered(0, 5)...)
	late := s.subscribe(s.b, c, broker.Options{Start: broker.Start{From: broker.Latest}}, ack)
	s.publish(c, numbered(5, 10)...)
	got := late.bodies(5)
	slices.SortFunc(got, byNumber)
	s.same(got, span(5, 10))
	late.quiet()
	if s.f.Replay {
		all := s.subscribe(s.b, c, broker.Options{}, ack)
		got := all.bodies(10)
		slices.SortFunc(got, byNumber)
		s.same(got, span(0, 10))
	}
	group.bodies(10)
	group.quiet()
}

func start(s *suite) {
	c := s.channel()
	if !s.f.Replay {
		_, err := s.b.Subscribe(s.ctx(), c, broker.Options{Group: "g"}, ack)
		if !errors.Is(err, broker.ErrUnsupported) {
			s.Fatalf("a start from earliest is not refused: %v", err)
		}
		return
	}
	s.publish(c, numbered(0, 5)...)
	late := s.subscribe(s.b, c, broker.Options{Group: "late", Start: broker.Start{From: broker.Latest}}, ack)
	early := s.subscribe(s.b, c, broker.Options{Group: "early"}, ack)
	s.publish(c, numbered(5, 8)...)
	got := late.bodies(3)
	slices.SortFunc(got, byNumber)
	s.same(got, span(5, 8))
	got = early.bodies(8)
	slices.SortFunc(got, byNumber)
	s.same(got, span(0, 8))
}

func startTime(s *suite) {
	c := s.channel()
	if !s.f.ReplayTime {
		_, err := s.b.Subscribe(s.ctx(), c, broker.Options{Group: "g", Start: broker.Start{From: broker.At, Time: time.Now()}}, ack)
		if !errors.Is(err, broker.ErrUnsupported) {
			s.Fatalf("a start from a time is not refused: %v", err)
		}
		return
	}
	s.publish(c, numbered(0, 5)...)
	time.Sleep(50 * time.Millisecond)
	at := time.Now()
	time.Sleep(50 * time.Millisecond)
	s.publish(c, numbered(5, 8)...)
	for _, group := range []string{"g", ""} {
		box := s.subscribe(s.b, c, broker.Options{Group: group, Start: broker.Start{From: broker.At, Time: at}}, ack)
		got := box.bodies(3)
		slices.SortFunc(got, byNumber)
		s.same(got, span(5, 8))
		box.quiet()
	}
}

func nak(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
	s.publish(c, message("x"))
	for attempt := 1; attempt <= 4; attempt++ {
		d := box.next()
		if d.Attempt() != attempt {
			s.Errorf("attempt %d says that it is %d", attempt, d.Attempt())
		}
		settle := d.Nak
		if attempt == 4 {
			settle = d.Ack
		}
		if err := settle(); err != nil {
			s.Fatal(err)
		}
	}
	box.quiet()
	box.stop()
	if s.f.Keep {
		again := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
		again.quiet()
	}
}

func nakWithDelay(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
	s.publish(c, message("x"))
	d := box.next()
	const delay = 700 * time.Millisecond
	began := time.Now()
	if err := d.NakWithDelay(delay); err != nil {
		s.Fatal(err)
	}
	d = box.next()
	if waited := time.Since(began); waited < delay*9/10 || waited > delay+10*time.Second {
		s.Errorf("it came again after %v", waited)
	}
	if d.Attempt() != 2 {
		s.Errorf("attempt %d", d.Attempt())
	}
	if err := d.Ack(); err != nil {
		s.Fatal(err)
	}
	box.quiet()
}

// nakHoldsNobody: while one message waits others come.
func nakHoldsNobody(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
	first := message("bad")
	first.Key = "a"
	s.publish(c, first)
	if err := box.next().NakWithDelay(2 * time.Second); err != nil {
		s.Fatal(err)
	}
	began := time.Now()
	for i := range 5 {
		m := message(strconv.Itoa(i))
		m.Key = "b"
		s.publish(c, m)
		d := box.next()
		if string(d.Message().Body) != strconv.Itoa(i) {
			s.Fatalf("%q came after %v", d.Message().Body, time.Since(began))
		}
		ack(d)
	}
	d := box.next()
	if string(d.Message().Body) != "bad" || d.Attempt() != 2 {
		s.Fatalf("%q, attempt %d", d.Message().Body, d.Attempt())
	}
	ack(d)
	box.quiet()
}

func term(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
	s.publish(c, message("poison"), message("good"))
	for range 2 {
		d := box.next()
		settle := d.Ack
		if string(d.Message().Body) == "poison" {
			settle = d.Term
		}
		if err := settle(); err != nil {
			s.Fatal(err)
		}
	}
	box.quiet()
	box.stop()
	if s.f.Keep {
		again := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
		again.quiet()
		s.publish(c, message("after"))
		d := again.next()
		s.same([]string{string(d.Message().Body)}, []string{"after"})
		ack(d)
	}
}

// unsettled: what a member leaves unsettled comes to the next.
func unsettled(s *suite) {
	if !s.f.Keep {
		s.Skip("the broker keeps no place of a group without members")
	}
	c := s.channel()
	mine := open(s, s.h.Adapter, s.h.URL)
	box := s.subscribe(mine, c, broker.Options{Group: "g", AckWait: s.ackWait()}, nil)
	s.publish(c, numbered(0, 6)...)
	for range 6 {
		if d := box.next(); byNumber(string(d.Message().Body), "3") < 0 {
			ack(d)
		}
	}
	box.stop()
	if err := mine.Close(); err != nil {
		s.Fatal(err)
	}
	again := s.subscribe(s.b, c, broker.Options{Group: "g", AckWait: s.ackWait()}, ack)
	seen := map[string]bool{}
	for len(seen) < 3 {
		body := string(again.next().Message().Body)
		if byNumber(body, "3") < 0 {
			s.Logf("%s came again, though it was settled", body) // the acknowledgement was still on its way
			continue
		}
		seen[body] = true
	}
	again.quiet()
}

// many is a number of messages.
func (s *suite) many(n int) int {
	if s.h.Few {
		return n / 5
	}
	return n
}

func (s *suite) ackWait() time.Duration {
	if s.f.AckWait {
		return s.h.AckWait
	}
	return 0
}

// ackWait: what stays unsettled comes again, and InProgress prevents it.
func ackWait(s *suite) {
	if !s.f.AckWait {
		s.Skip("the broker does not mind how long a delivery stays unsettled")
	}
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g", AckWait: s.h.AckWait}, nil)
	s.publish(c, message("x"))
	d := box.next()
	for range 5 {
		time.Sleep(s.h.AckWait / 2)
		if err := d.InProgress(); err != nil {
			s.Fatal(err)
		}
	}
	select {
	case <-box.came:
		s.Fatal("it came again, though it was in progress")
	default:
	}
	again := box.next()
	if string(again.Message().Body) != "x" {
		s.Fatalf("%q", again.Message().Body)
	}
	ack(again)
	ack(d)
	box.quiet()
}

func inFlight(s *suite) {
	c := s.channel()
	const limit = 3
	box := s.subscribe(s.b, c, broker.Options{Group: "g", MaxInFlight: limit}, nil)
	s.publish(c, numbered(0, 20)...)
	var held []broker.Delivery
	for range limit {
		held = append(held, box.next())
	}
	box.quiet()
	got := 0
	for len(held) > 0 {
		ack(held[0])
		held = held[1:]
		if got++; got+limit <= 20 {
			held = append(held, box.next())
		}
	}
	box.quiet()
}

// stop: after Stop nothing is called, and nothing is lost.
func stop(s *suite) {
	c := s.channel()
	var stopped atomic.Bool
	var late atomic.Int64
	var mu sync.Mutex
	seen := map[string]bool{}
	note := func(d broker.Delivery) {
		if stopped.Load() {
			late.Add(1)
		}
		mu.Lock()
		seen[string(d.Message().Body)] = true
		mu.Unlock()
		_ = d.Ack()
	}
	box := s.subscribe(s.b, c, broker.Options{Group: "g", MaxInFlight: 10}, note)
	go func() {
		_ = s.b.Publish(context.Background(), c, numbered(0, 300)...)
	}()
	box.next()
	box.stop()
	stopped.Store(true)
	time.Sleep(silence)
	if n := late.Load(); n != 0 {
		s.Errorf("%d deliveries after Stop", n)
	}
	select {
	case <-box.subscription.Done():
	default:
		s.Error("Done is not closed")
	}
	if err := box.subscription.Err(); err != nil {
		s.Error(err)
	}
	if !s.f.Keep {
		return
	}
	stopped.Store(false)
	again := s.subscribe(s.b, c, broker.Options{Group: "g"}, note)
	for {
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		if n == 300 {
			break
		}
		select {
		case <-again.came:
		case <-time.After(patience):
			s.Fatalf("%d of 300 came", n)
		}
	}
}

func settledOnce(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, nil)
	s.publish(c, message("x"))
	d := box.next()
	for _, f := range []func() error{d.Ack, d.Nak, d.Term, d.Ack, d.InProgress, func() error { return d.NakWithDelay(time.Millisecond) }} {
		if err := f(); err != nil {
			s.Error(err)
		}
	}
	box.quiet()
}

// concurrent publishes and settles from many goroutines.
func concurrent(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, func(d broker.Delivery) { go ack(d) })
	const writers = 8
	each := s.many(250)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; i < each; i += 50 {
				var batch []broker.Message
				for j := range 50 {
					m := message(fmt.Sprintf("%d", w*each+i+j))
					m.Key = strconv.Itoa(w)
					batch = append(batch, m)
				}
				if err := s.b.Publish(s.ctx(), c, batch...); err != nil {
					s.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := box.bodies(writers * each)
	slices.SortFunc(got, byNumber)
	s.same(got, span(0, writers*each))
	box.quiet()
}

// joining: members come and go while messages flow, and none is lost.
func joining(s *suite) {
	if !s.f.Share {
		s.Skip("the members of a group share nothing")
	}
	c := s.channel()
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(d broker.Delivery) {
		time.Sleep(time.Millisecond)
		mu.Lock()
		seen[string(d.Message().Body)]++
		mu.Unlock()
		_ = d.Ack()
	}
	total := s.many(1500)
	first := s.subscribe(s.b, c, broker.Options{Group: "g", MaxInFlight: 20, AckWait: s.h.AckWait}, note)
	published := make(chan error, 1)
	go func() {
		for i := 0; i < total; i += 50 {
			batch := numbered(i, i+50)
			for j := range batch {
				batch[j].Key = strconv.Itoa((i + j) % 7)
			}
			if err := s.b.Publish(context.Background(), c, batch...); err != nil {
				published <- err
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		published <- nil
	}()
	for i := range 2 {
		time.Sleep(200 * time.Millisecond)
		other := s.subscribe(open(s, s.h.Adapter, s.h.URL), c, broker.Options{Group: "g", MaxInFlight: 20, AckWait: s.h.AckWait}, note)
		if i == 0 {
			time.Sleep(200 * time.Millisecond)
			if s.f.Keep {
				first.stop()
			} else if err := first.subscription.Stop(s.ctx()); err != nil { // handles what has come for it
				s.Fatal(err)
			}
		}
		_ = other
	}
	if err := <-published; err != nil {
		s.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for {
		mu.Lock()
		n := len(seen)
		twice := 0
		for _, times := range seen {
			if times > 1 {
				twice++
			}
		}
		mu.Unlock()
		if n == total {
			s.Logf("%d of %d came more than once", twice, total)
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%d of %d came", n, total)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func dedupe(s *suite) {
	if !s.f.Dedupe {
		s.Skip("the broker does not know duplicates")
	}
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	for range 3 {
		m := message("x")
		m.Identity = "/source 1"
		s.publish(c, m)
	}
	m := message("y")
	m.Identity = "/source 2"
	s.publish(c, m)
	s.same(box.bodies(2), []string{"x", "y"})
	box.quiet()
}

func expires(s *suite) {
	if !s.f.Expires {
		s.Skip("messages do not expire on the broker")
	}
	if !s.f.Keep {
		s.Skip("the broker keeps no messages for a group without members")
	}
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	box.stop()
	time.Sleep(100 * time.Millisecond) // until the broker has noticed
	short, long := message("short"), message("long")
	short.Expires, long.Expires = time.Second, time.Hour
	s.publish(c, short, long)
	time.Sleep(2500 * time.Millisecond)
	again := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	s.same(again.bodies(1), []string{"long"})
	again.quiet()
}

// large: what is too large is refused with a typed error, and what follows goes.
func large(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	size := 10 << 20
	if s.f.MaxBytes > 0 {
		size = max(size, s.f.MaxBytes+1)
	}
	if s.f.MaxBytes == 0 || s.f.MaxBytes > 64<<20 {
		s.publish(c, message(strings.Repeat("x", 10<<20)))
		if n := len(box.next().Message().Body); n != 10<<20 {
			s.Errorf("%d bytes came", n)
		}
	} else {
		three := []broker.Message{message("before"), message(strings.Repeat("x", size)), message("after")}
		for i := range three {
			three[i].Key = "key"
		}
		err := s.b.Publish(s.ctx(), c, three...)
		if !errors.Is(err, broker.ErrTooLarge) {
			s.Fatalf("a message of %d bytes: %v", size, err)
		}
		var p *broker.PublishError
		if !errors.As(err, &p) || len(p.Failed) == 0 || p.Failed[0].Index != 1 || p.Of != 3 {
			s.Errorf("%#v", err)
		}
		s.same(box.bodies(1), []string{"before"})
		if len(p.Failed) == 1 {
			s.same(box.bodies(1), []string{"after"})
		}
	}
	s.publish(c, message("small"))
	s.same(box.bodies(1), []string{"small"})
}

// longHeader: what a protocol has no room for in a header, its name or the content
// type is refused at once, and what follows goes.
func longHeader(s *suite) {
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	try := func(what string, short bool, m broker.Message, came func(*event.Message) bool) {
		m.Body = []byte(what)
		ctx, cancel := context.WithTimeout(context.Background(), patience/4)
		err := s.b.Publish(ctx, c, m)
		cancel()
		switch {
		case err == nil:
			if got := box.next().Message(); string(got.Body) != what || !came(got) {
				s.Errorf("%s: %q came, and not as it was sent", what, got.Body)
			}
		case short || !errors.Is(err, broker.ErrTooLarge):
			s.Errorf("%s: %v", what, err)
		}
		s.publish(c, message("after"))
		s.same(box.bodies(1), []string{"after"})
	}
	for _, size := range []int{900, 60_000, 100_000, 300_000} {
		m := broker.Message{Message: event.Message{Headers: []event.Header{{Name: "subject", Value: event.TextValue(strings.Repeat("x", size))}}}}
		try(fmt.Sprintf("a header of %d bytes", size), size < 1000, m, func(got *event.Message) bool {
			value, _ := got.Get("subject")
			return len(value) == size
		})
	}
	for _, size := range []int{200, 300, 70_000} {
		long := strings.Repeat("x", size)
		m := broker.Message{Message: event.Message{Headers: []event.Header{{Name: long, Value: event.TextValue("value")}}}}
		try(fmt.Sprintf("the name of a header, of %d bytes", size), size < 255, m, func(got *event.Message) bool {
			value, _ := got.Get(long)
			return value == "value"
		})
		m = broker.Message{Message: event.Message{ContentType: long}}
		try(fmt.Sprintf("a content type of %d bytes", size), size < 255, m, func(got *event.Message) bool {
			placeless := s.b.Binding() != event.AMQP && s.b.Binding() != event.MQTT // it is a header there
			return got.ContentType == long || placeless && got.ContentType == ""
		})
	}
}

func missing(s *suite) {
	c := broker.Channel{Address: "suite.missing." + strconv.FormatInt(counter.Add(1), 10)}
	err := s.b.Publish(s.ctx(), c, message("x"))
	_, subErr := s.b.Subscribe(s.ctx(), c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}}, ack)
	if _, ok := s.b.(interface{ Folder() string }); ok || s.h.Declares || s.b.Binding() == event.MQTT {
		s.Skip("channels are made when they are first used")
	}
	if !errors.Is(err, broker.ErrNoChannel) {
		s.Errorf("publish: %v", err)
	}
	if !errors.Is(subErr, broker.ErrNoChannel) {
		s.Errorf("subscribe: %v", subErr)
	}
	if err != nil && !strings.Contains(err.Error(), c.Address) {
		s.Errorf("the channel is not named: %v", err)
	}
	// The connection is as good as before.
	messages(s)
}

func unrouted(s *suite) {
	c := s.channel()
	err := s.b.Publish(s.ctx(), c, message("x"))
	if s.f.Unrouted && !errors.Is(err, broker.ErrUnrouted) || !s.f.Unrouted && err != nil {
		s.Errorf("%v", err)
	}
	if !s.f.Unrouted {
		return
	}
	if !strings.Contains(err.Error(), c.Address) {
		s.Errorf("the channel is not named: %v", err)
	}
	twins := []broker.Message{message("x"), message("y")}
	twins[0].Identity, twins[1].Identity = "twin", "twin"
	var p *broker.PublishError
	if err := s.b.Publish(s.ctx(), c, twins...); !errors.As(err, &p) || len(p.Failed) != 2 {
		s.Errorf("two of one identity: %v", err)
	}
}

func cancelled(s *suite) {
	c := s.channel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.b.Publish(ctx, c, message("x")); !errors.Is(err, context.Canceled) {
		s.Errorf("publish: %v", err)
	}
	if sub, err := s.b.Subscribe(ctx, c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}}, ack); err == nil {
		_ = sub.Stop(context.Background())
	} else if !errors.Is(err, context.Canceled) {
		s.Errorf("subscribe: %v", err)
	}
	messages(s)
}

// closed: when a broker is closed, what is subscribed ends and says that this is why,
// whether a group or a reader, busy or idle, while what was stopped before has ended
// well.
func closed(s *suite) {
	c, idle := s.channel(), s.channel()
	mine := open(s, s.h.Adapter, s.h.URL)
	box := s.subscribe(mine, c, broker.Options{Group: "g"}, nil)
	open := []*inbox{box, s.subscribe(mine, idle, broker.Options{Group: "g"}, nil), s.subscribe(mine, idle, broker.Options{}, nil)}
	if s.h.Ordered != nil {
		settings := maps.Clone(s.h.Ordered)
		maps.Copy(settings, s.h.Settings)
		open = append(open, s.subscribe(mine, s.channelWith(settings), broker.Options{Group: "g"}, nil))
	}
	stopped := s.subscribe(mine, idle, broker.Options{}, nil)
	stopped.stop()
	s.publish(c, message("x"))
	d := box.next()
	if err := mine.Close(); err != nil {
		s.Fatal(err)
	}
	if err := mine.Close(); err != nil {
		s.Errorf("closed twice: %v", err)
	}
	for i, one := range open {
		select {
		case <-one.subscription.Done():
			if err := one.subscription.Err(); !errors.Is(err, broker.ErrClosed) {
				s.Errorf("subscription %d ends with %v", i, err)
			}
		case <-time.After(patience):
			s.Errorf("subscription %d goes on", i)
		}
	}
	if err := stopped.subscription.Err(); err != nil {
		s.Errorf("what was stopped before ended with %v", err)
	}
	if err := mine.Publish(s.ctx(), c, message("y")); !errors.Is(err, broker.ErrClosed) {
		s.Errorf("publish: %v", err)
	}
	if _, err := mine.Subscribe(s.ctx(), c, broker.Options{Group: "g", Start: broker.Start{From: broker.Latest}}, nil); !errors.Is(err, broker.ErrClosed) {
		s.Errorf("subscribe: %v", err)
	}
	_ = d.Ack() // may fail, may not panic
}

func refused(s *suite) {
	if s.h.Refused == "" {
		s.Skip("the broker lets everybody in")
	}
	b, err := broker.Open(s.ctx(), s.h.Refused, s.h.Adapter)
	if err == nil {
		b.Close()
		s.Fatal("it was opened")
	}
	if !errors.Is(err, broker.ErrDenied) {
		s.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "wrong-password") {
		s.Errorf("the password is in the error: %v", err)
	}
}

func absent(s *suite) {
	if s.h.Absent == "" {
		s.Skip("there is always one")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	b, err := broker.Open(ctx, s.h.Absent, s.h.Adapter)
	if err == nil {
		b.Close()
		s.Fatal("it was opened")
	}
	if !errors.Is(err, broker.ErrUnreachable) {
		s.Errorf("%v", err)
	}
	if s.h.Through == nil {
		return
	}
	// What listens there may be something else.
	for name, says := range map[string]string{"silence": "", "another protocol": "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				s.Cleanup(func() { c.Close() })
				if says != "" {
					_, _ = io.WriteString(c, says)
					c.Close()
				}
			}
		}()
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		b, err := broker.Open(ctx, s.h.Through(l.Addr().String()), s.h.Adapter)
		cancel()
		if err == nil {
			b.Close()
			s.Fatalf("%s was opened", name)
		}
		if !errors.Is(err, broker.ErrUnreachable) || time.Since(begin) > 8*time.Second {
			s.Errorf("%s: %v, after %v", name, err, time.Since(begin))
		}
	}
}

// cut cuts every connection while messages flow: it goes on by itself, and
// nothing that was acknowledged is lost.
func cut(s *suite) {
	url, cutAll := s.h.URL, s.h.Cut
	switch {
	case s.h.Through != nil:
		p := newProxy(s, s.h.Behind)
		url, cutAll = s.h.Through(p.address), p.cut
	case cutAll == nil:
		s.Skip("the connections cannot be cut")
	}
	mine := open(s, s.h.Adapter, url)
	c := s.channel()
	var mu sync.Mutex
	seen := map[string]bool{}
	box := s.subscribe(mine, c, broker.Options{Group: "g", AckWait: s.ackWait()}, func(d broker.Delivery) {
		mu.Lock()
		seen[string(d.Message().Body)] = true
		mu.Unlock()
		_ = d.Ack()
	})
	const total = 60
	for i := range total {
		if i%20 == 10 {
			cutAll()
		}
		for tries := 0; ; tries++ {
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
			err := mine.Publish(ctx, c, message(strconv.Itoa(i)))
			cancel()
			if err == nil {
				break
			}
			if tries == 5 {
				s.Fatal(err)
			}
			s.Logf("message %d: %v", i, err)
			time.Sleep(100 * time.Millisecond)
		}
	}
	deadline := time.Now().Add(patience)
	for {
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		if n == total {
			break
		}
		select {
		case <-box.subscription.Done():
			s.Fatalf("the subscription ended: %v", box.subscription.Err())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Fatalf("%d of %d came", n, total)
		}
	}
}

// cutOrder cuts every connection while calls of many messages are under way, some
// side by side: what is sent again may come twice, but of one key no message comes
// for the first time behind a later one.
func cutOrder(s *suite) {
	if s.h.Reorders != "" {
		s.Skip(s.h.Reorders)
	}
	if s.f.Order == broker.Unordered {
		s.Skip("the broker keeps no order")
	}
	url, cutAll := s.h.URL, s.h.Cut
	switch {
	case s.h.Through != nil:
		p := newProxy(s, s.h.Behind)
		url, cutAll = s.h.Through(p.address), p.cut
	case cutAll == nil:
		s.Skip("the connections cannot be cut")
	}
	c := s.channel()
	box := s.subscribe(s.b, c, broker.Options{Group: "g", AckWait: s.ackWait()}, ack)
	mine := open(s, s.h.Adapter, url)
	keys, calls, each := 4, 4, 500
	if s.h.Few {
		keys, calls, each = 2, 3, 15
	}
	stop := make(chan bool)
	cutting := make(chan bool)
	go func() {
		defer close(cutting)
		for i := range 6 {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(10+20*i) * time.Millisecond):
				cutAll()
			}
		}
	}()
	type sent struct {
		key string
		n   int // among those of the key
	}
	var mu sync.Mutex
	failed := map[sent]bool{} // which were not acknowledged: none of them need have come
	var callers sync.WaitGroup
	for k := range keys {
		key := fmt.Sprintf("key%d", k)
		callers.Go(func() {
			for call := range calls {
				var batch []broker.Message
				for i := range each {
					m := message(fmt.Sprintf("%s %d", key, call*each+i))
					m.Key = key
					batch = append(batch, m)
				}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				err := mine.Publish(ctx, c, batch...)
				cancel()
				var p *broker.PublishError
				if errors.As(err, &p) {
					mu.Lock()
					for _, f := range p.Failed {
						failed[sent{key, call*each + f.Index}] = true
					}
					mu.Unlock()
					s.Logf("%d of %d were not acknowledged, the first: %v", len(p.Failed), p.Of, p.Failed[0].Err)
				} else if err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	<-cutting
	if s.Failed() {
		return
	}
	seen, last := map[sent]bool{}, map[string]int{}
	for due := keys*calls*each - len(failed); due > 0; {
		var m sent
		if _, err := fmt.Sscan(string(box.next().Message().Body), &m.key, &m.n); err != nil {
			s.Fatal(err)
		}
		if seen[m] {
			continue
		}
		seen[m] = true
		if !failed[m] {
			due--
		}
		if m.n < last[m.key] {
			s.Fatalf("number %d of %s came for the first time behind number %d", m.n, m.key, last[m.key])
		}
		last[m.key] = m.n
	}
}

// groupOrder: a member ends and another goes on, while messages flow; of one key
// none comes for the first time behind a later one, whoever gets it.
func groupOrder(s *suite) {
	if s.f.GroupOrder == broker.Unordered || !s.f.Share {
		s.Skip("there is no order among members")
	}
	settings := maps.Clone(s.h.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.Copy(settings, s.h.Ordered)
	c := s.channelWith(settings)
	const keys = 5
	const size = 50 // of a batch
	total := s.many(600) / size * size
	var mu sync.Mutex
	var last [keys]int
	seen := map[string]bool{}
	note := func(d broker.Delivery) {
		body := string(d.Message().Body)
		var key, n int
		fmt.Sscan(body, &key, &n)
		mu.Lock()
		if !seen[body] {
			seen[body] = true
			if n < last[key] {
				s.Errorf("of key %d number %d came for the first time behind number %d", key, n, last[key])
			}
			last[key] = n
		}
		mu.Unlock()
		_ = d.Ack()
	}
	options := broker.Options{Group: "g", MaxInFlight: 20, AckWait: s.ackWait()}
	first := s.subscribe(open(s, s.h.Adapter, s.h.URL), c, options, note)
	s.subscribe(open(s, s.h.Adapter, s.h.URL), c, options, note)
	for i := 0; i < total; i += size {
		var batch []broker.Message
		for j := i; j < i+size; j++ {
			m := message(fmt.Sprintf("%d %d", j%keys, j/keys))
			m.Key = "key" + strconv.Itoa(j%keys)
			batch = append(batch, m)
		}
		s.publish(c, batch...)
		if i == total/2/size*size {
			first.stop()
		}
		time.Sleep(10 * time.Millisecond)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		n := len(seen)
		mu.Unlock()
		if n == total {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%d of %d came", n, total)
		}
	}
}

// check compares channels with what is there.
func check(s *suite) {
	a, ok := s.b.(broker.Checker)
	if !ok {
		s.Skip("the adapter compares nothing")
	}
	c := s.channel()
	if err := a.Check(s.ctx(), c); err != nil {
		s.Errorf("what was declared disagrees: %v", err)
	}
	missing := c
	missing.Address += ".missing"
	if err := a.Check(s.ctx(), missing); !errors.Is(err, broker.ErrNoChannel) {
		s.Errorf("a channel that is missing: %v", err)
	}
	if len(s.h.Disagree) == 0 {
		s.Fatal("the harness says nothing that would disagree")
	}
	for setting, word := range s.h.Disagree {
		other := c
		other.Settings = maps.Clone(s.h.Settings)
		if other.Settings == nil {
			other.Settings = map[string]string{}
		}
		name, value, _ := strings.Cut(setting, "=")
		other.Settings[name] = value
		err := a.Check(s.ctx(), other)
		if !errors.Is(err, broker.ErrDisagrees) {
			s.Errorf("%s: %v", setting, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.Address) || !strings.Contains(text, word) {
			s.Errorf("%s: %v", setting, err)
		}
	}
	if err := a.Check(s.ctx(), c); err != nil {
		s.Errorf("comparing changed something: %v", err)
	}
}

// proxy is connections that can be cut.
type proxy struct {
	address string
	mu      sync.Mutex
	open    map[net.Conn]bool
}

func newProxy(s *suite, behind string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	p := &proxy{address: l.Addr().String(), open: map[net.Conn]bool{}}
	s.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", behind)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.open[in], p.open[out] = true, true
			p.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1])
					in.Close()
					out.Close()
					p.mu.Lock()
					delete(p.open, in)
					delete(p.open, out)
					p.mu.Unlock()
				}()
			}
		}
	}()
	return p
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

func declare(s *suite) {
	a, ok := s.b.(broker.Admin)
	if !ok {
		s.Skip("the adapter declares nothing")
	}
	c := s.channel()
	if err := a.Declare(s.ctx(), c); err != nil {
		s.Errorf("declared twice: %v", err)
	}
	box := s.subscribe(s.b, c, broker.Options{Group: "g"}, ack)
	s.publish(c, message("x"))
	box.next()
	if err := a.Declare(s.ctx(), c); err != nil {
		s.Errorf("declared while in use: %v", err)
	}
	box.stop()
	if err := a.Remove(s.ctx(), c); err != nil {
		s.Error(err)
	}
	if err := a.Remove(s.ctx(), c); err != nil {
		s.Errorf("removed twice: %v", err)
	}
}
