package treaty_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	_ "modernc.org/sqlite"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	memorybroker "github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
	"github.com/treaty-events/treaty/store/memory"
	sqlstore "github.com/treaty-events/treaty/store/sql"
)

// two is a contract whose application receives on two channels, a few at a time
// on one of them.
const two = `
asyncapi: 3.1.0
info: {title: Two, version: 1.0.0}
defaultContentType: application/cloudevents+json
channels:
  few:
    address: few
    messages:
      done:
        headers: {type: object, required: [type, subject], properties: {type: {type: string, const: done.v1}, source: {type: string, const: /two}, subject: {type: string}}}
        payload: {type: object}
    x-delivery: {ordering: {scope: key, key: subject}}
  many:
    address: many
    messages:
      done:
        headers: {type: object, required: [type, subject], properties: {type: {type: string, const: done.v1}, source: {type: string, const: /two}, subject: {type: string}}}
        payload: {type: object}
    x-delivery: {ordering: {scope: key, key: subject}}
operations:
  few:
    action: receive
    channel: {$ref: '#/channels/few'}
    x-delivery: {maxInFlight: 2, retry: {maxAttempts: 3, delay: PT60S}}
  many:
    action: receive
    channel: {$ref: '#/channels/many'}
    x-delivery: {maxInFlight: 30}
`

func loadText(t testing.TB, text string) *contract.Contract {
	t.Helper()
	c, err := treaty.Load(t.Context(), fstest.MapFS{"c.yaml": {Data: []byte(text)}}, "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInFlightOfEachChannel(t *testing.T) {
	b, c := open(t), loadText(t, two)
	few, many := producer(t, c, b, treaty.AsPeer(), treaty.OnChannel("few")), producer(t, c, b, treaty.AsPeer(), treaty.OnChannel("many"))
	for i := range 40 {
		for _, p := range []*treaty.Producer{few, many} {
			if _, err := p.Publish(t.Context(), "done.v1", fmt.Sprint(i), map[string]any{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var now, most [2]atomic.Int64
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			i := 0
			if d.Channel == "many" {
				i = 1
			}
			n := now[i].Add(1)
			defer now[i].Add(-1)
			for {
				m := most[i].Load()
				if n <= m || most[i].CompareAndSwap(m, n) {
					break
				}
			}
			time.Sleep(5 * time.Millisecond)
			return nil
		})
	})
	r.until(treaty.Handled, 80)
	if most[0].Load() > 2 || most[1].Load() > 30 {
		t.Errorf("%d of few were handled at a time, and %d of many", most[0].Load(), most[1].Load())
	}
}

// A key that waits on one channel holds back nothing on another.
func TestKeysOfEachChannel(t *testing.T) {
	b, c := open(t), loadText(t, two)
	few, many := producer(t, c, b, treaty.AsPeer(), treaty.OnChannel("few")), producer(t, c, b, treaty.AsPeer(), treaty.OnChannel("many"))
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(_ context.Context, d *treaty.Delivered) error {
			if d.Channel == "few" {
				return errors.New("not now")
			}
			return nil
		})
	})
	if _, err := few.Publish(t.Context(), "done.v1", "s", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Retried, 1)
	if _, err := many.Publish(t.Context(), "done.v1", "s", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	r.until(treaty.Handled, 1)
}

// Handlers that take long are waited for: nothing that is there is left out.
func TestReplayOfSlowHandlers(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "replay: {from: [earliest]}", operation: "replaySafe: true, maxInFlight: 1"})
	p := producer(t, c, b)
	const n = 1100
	for i := range n {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	k.HandleAll(func(context.Context, *treaty.Delivered) error {
		if got++; got == 1 {
			time.Sleep(3 * time.Second)
		}
		return nil
	})
	if err := k.Replay(t.Context(), broker.Start{}); err != nil {
		t.Fatal(err)
	}
	if got != n {
		t.Errorf("%d of %d were replayed", got, n)
	}
}

// The snapshots' type has a handler, and no operation receives them.
func TestBootstrapOfNamedHandlers(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots', overlap: PT1H}", operation: "start: bootstrap"})
	p := producer(t, c, b, treaty.Source("/orders"))
	for i := range 5 {
		if _, err := p.Publish(t.Context(), "orders.snapshot.v1", fmt.Sprint("s", i), map[string]any{"order": "a"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint("s", i), paid{Amount: i}); err != nil {
			t.Fatal(err)
		}
	}
	var snapshots, events atomic.Int64
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.snapshot.v1", func(context.Context, *treaty.Delivered) error { snapshots.Add(1); return nil })
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error { events.Add(1); return nil })
	})
	r.until(treaty.Handled, 10)
	if snapshots.Load() != 5 || events.Load() != 5 {
		t.Errorf("%d snapshots and %d events", snapshots.Load(), events.Load())
	}
}

// Two groups that ask for the same get it, each its own.
func TestBackfillOfTwoGroups(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: request, channel: '#/channels/requests'}", operation: "start: bootstrap"})
	p := producer(t, c, b)
	e, err := p.New("orders.paid.v1", "s", paid{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- p.ServeBackfills(ctx, "orders", func(_ context.Context, _ treaty.Backfill, send func(...*treaty.Event) error) error {
			return send(e)
		})
	}()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, group := range []string{"one", "other"} {
		k, err := treaty.NewConsumer(c, b, group, silent, treaty.Store(memory.New()))
		if err != nil {
			t.Fatal(err)
		}
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- k.Run(ctx) }()
		eventually(t, "events for "+group, func() bool { return k.Counts()[treaty.Handled] == 1 })
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

// A handler that works in the inbox's transaction has one whatever it is handed.
func TestReplayIntoInbox(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "replay: {from: [earliest]}", operation: "replaySafe: true"})
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE effect (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	inbox, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	p := producer(t, c, b)
	if _, err := p.Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
		t.Fatal(err)
	}
	handle := func(ctx context.Context, d *treaty.Delivered) error {
		tx, ok := sqlstore.Tx(ctx)
		if !ok {
			return errors.New("no transaction")
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO effect VALUES (?)", d.ID)
		return err
	}
	r := run(t, c, b, func(k *treaty.Consumer) { k.HandleAll(handle) }, treaty.Inbox(inbox))
	r.until(treaty.Handled, 1)
	r.stop()
	for range 2 {
		k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Inbox(inbox))
		if err != nil {
			t.Fatal(err)
		}
		k.HandleAll(handle)
		if err := k.Replay(t.Context(), broker.Start{}); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM effect").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d effects of one event that was replayed twice: %v", n, err)
	}
}

// An entry that can never be sent holds up no other.
func TestOutboxOfAnOlderContract(t *testing.T) {
	b, c := open(t), load(t, vary{})
	p := producer(t, c, b)
	e, _ := p.New("orders.paid.v1", "s", paid{})
	entry, err := p.Entry(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	entry.Channel = "renamed"
	if err := p.Relay(t.Context(), []store.Entry{entry}); !errors.Is(err, store.ErrRefused) {
		t.Errorf("of a channel that is not there any more: %v", err)
	}
	big, _ := p.New("orders.paid.v1", "s", paid{Order: strings.Repeat("x", 20<<20)})
	if entry, err = p.Entry(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	if err := p.Relay(t.Context(), []store.Entry{entry}); !errors.Is(err, store.ErrRefused) {
		t.Errorf("of more than the broker takes: %.200v", err)
	}
}

// A group that is not new does not begin with the snapshots again, however long it
// runs.
func TestBootstrapIsRemembered(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots', overlap: PT1H}", operation: "start: bootstrap"})
	p := producer(t, c, b, treaty.Source("/orders"))
	if _, err := p.Publish(t.Context(), "orders.snapshot.v1", "s", map[string]any{"order": "a"}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	clock := func() time.Time { return now }
	st, err := bolt.Open(filepath.Join(t.TempDir(), "x"), bolt.Clock(clock))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	n := 0
	for range 4 {
		r := run(t, c, b, func(k *treaty.Consumer) {
			k.HandleAll(func(_ context.Context, d *treaty.Delivered) error { n++; return nil })
		}, treaty.Store(st), treaty.Clock(clock))
		select {
		case <-r.Ready():
		case <-time.After(20 * time.Second):
			t.Fatal("not ready")
		}
		r.stop()
		now = now.Add(5 * 24 * time.Hour)
	}
	if n != 1 {
		t.Errorf("the snapshot was handled %d times", n)
	}
}

// Of the members of a group that begin together, one takes the snapshots.
func TestBootstrapOfTwoMembers(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots', overlap: PT1H}", operation: "start: bootstrap"})
	p := producer(t, c, b, treaty.Source("/orders"))
	if _, err := p.Publish(t.Context(), "orders.snapshot.v1", "s", map[string]any{"order": "a"}); err != nil {
		t.Fatal(err)
	}
	st := memory.New()
	var n atomic.Int64
	var members []*running
	for range 2 {
		members = append(members, run(t, c, b, func(k *treaty.Consumer) {
			k.HandleAll(func(context.Context, *treaty.Delivered) error { n.Add(1); return nil })
		}, treaty.Store(st)))
	}
	for _, r := range members {
		select {
		case <-r.Ready():
		case <-time.After(20 * time.Second):
			t.Fatal("not ready")
		}
	}
	if n.Load() != 1 {
		t.Errorf("the snapshot was handled %d times", n.Load())
	}
}

// Whatever comes ends somewhere: also an event within an event, which the mode of
// its dead letter cannot carry.
func TestAnythingComesToAnEnd(t *testing.T) {
	c := loadText(t, `
asyncapi: 3.1.0
info: {title: Binary, version: 1.0.0}
channels:
  binary:
    address: binary
    messages:
      done:
        contentType: application/json
        headers: {type: object, required: [ce_type, ce_subject], properties: {ce_type: {type: string, const: done.v1}, ce_subject: {type: string}}}
        payload: {type: object}
    x-delivery: {ordering: {scope: key, key: subject}}
operations:
  receive:
    action: receive
    channel: {$ref: '#/channels/binary'}
`)
	b := memorybroker.New()
	messages := []event.Message{
		structured(`{"specversion":"1.0","id":"1","source":"/s","type":"done.v1","subject":"s","datacontenttype":"application/cloudevents+json","data":{}}`),
		structured(`{"specversion":"1.0","id":"1","source":"/s","type":"done.v1","subject":"s","data":` + strings.Repeat("[", 20000)),
		{ContentType: "application/json", Body: []byte("\xff")},
		{},
	}
	chars := []string{"\x00", "\xff", "\u2028", "ce_", "ce_type", "ce_id", "ce_source", "ce_specversion", "1.0", "done.v1", "application/cloudevents", "+json", "-batch", "é", "ce_dlqreason", "ce_backfillfor", "ce_replayed", "ce_time", "", "ce_datacontenttype", "content-type"}
	random := rand.New(rand.NewPCG(1, 1))
	pick := func() (s string) {
		for range 1 + random.IntN(2) {
			s += chars[random.IntN(len(chars))]
		}
		return s
	}
	for range 500 {
		m := event.Message{ContentType: pick(), Body: []byte(pick())}
		if random.IntN(2) == 0 {
			for _, h := range [][2]string{{"ce_specversion", "1.0"}, {"ce_id", pick()}, {"ce_source", "/s"}, {"ce_type", "done.v1"}, {"ce_subject", pick()}} {
				m.Headers = append(m.Headers, event.Header{Name: h[0], Value: event.TextValue(h[1])})
			}
		}
		for range random.IntN(4) {
			m.Headers = append(m.Headers, event.Header{Name: pick(), Value: event.TextValue(pick())})
		}
		messages = append(messages, m)
	}
	raw(t, b, "binary", messages...)
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
	})
	eventually(t, "ends of all", func() bool {
		n := r.Counts()
		return n[treaty.Handled]+n[treaty.Duplicate]+n[treaty.Skipped]+n[treaty.DeadLettered] == int64(len(messages))
	})
	if letters := b.Messages("binary.dlq"); len(letters) != int(r.Counts()[treaty.DeadLettered]) {
		t.Errorf("%d dead letters, and %d that were written", r.Counts()[treaty.DeadLettered], len(letters))
	}
}

// What is nil is said to be, before anything happens.
func TestNil(t *testing.T) {
	b, c := open(t), load(t, vary{})
	good, _ := producer(t, c, b).New("orders.paid.v1", "s", paid{})
	if err := producer(t, c, b).PublishEvents(t.Context(), good, nil); !errors.Is(err, treaty.ErrUsage) {
		t.Errorf("publishing nil: %v", err)
	}
	handle := func(context.Context, *treaty.Delivered) error { return nil }
	for what, k := range map[string]struct {
		handler treaty.Handler
		use     func(treaty.Handler) treaty.Handler
	}{
		"a nil handler":                {nil, func(h treaty.Handler) treaty.Handler { return h }},
		"a nil middleware":             {handle, nil},
		"a middleware that makes none": {handle, func(treaty.Handler) treaty.Handler { return nil }},
	} {
		consumer, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(memory.New()), treaty.Use(k.use))
		if err != nil {
			t.Fatal(err)
		}
		consumer.Handle("orders.paid.v1", k.handler)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := consumer.Run(ctx); !errors.Is(err, treaty.ErrUsage) || !strings.Contains(err.Error(), "nil") {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
}

// An option that would leave out what the contract promises is refused.
func TestOptionsAreNotWeaker(t *testing.T) {
	b := open(t)
	for what, v := range map[string]struct {
		vary
		options []treaty.ConsumerOption
		refused bool
	}{
		"a start that leaves events out":      {vary{operation: "start: earliest"}, []treaty.ConsumerOption{treaty.StartAt(broker.Start{From: broker.Latest})}, true},
		"a start without the snapshots":       {vary{channel: "bootstrap: {mode: snapshot+log, channel: '#/channels/snapshots'}", operation: "start: bootstrap"}, []treaty.ConsumerOption{treaty.StartAt(broker.Start{From: broker.At, Time: time.Now()})}, true},
		"an earlier start":                    {vary{operation: "start: latest"}, []treaty.ConsumerOption{treaty.StartAt(broker.Start{})}, false},
		"a store that forgets too early":      {vary{channel: "dedupe: {by: [source, id], window: P30D}"}, []treaty.ConsumerOption{treaty.Store(memory.New())}, true},
		"a store that remembers long enough":  {vary{channel: "dedupe: {by: [source, id], window: P30D}"}, []treaty.ConsumerOption{treaty.Store(memory.New(memory.Window(30 * 24 * time.Hour)))}, false},
		"what the broker is to know, it does": {vary{channel: "dedupe: {by: [source, id], window: P30D, where: broker}"}, []treaty.ConsumerOption{treaty.Store(memory.New())}, false},
	} {
		k, err := treaty.NewConsumer(load(t, v.vary), b, "group", append([]treaty.ConsumerOption{silent, treaty.Store(memory.New())}, v.options...)...)
		if err != nil {
			t.Fatal(err)
		}
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- k.Run(ctx) }()
		select {
		case <-k.Ready():
			if cancel(); v.refused {
				t.Errorf("%s is not refused", what)
			}
			<-over
		case err := <-over:
			if !v.refused || !errors.Is(err, treaty.ErrUsage) {
				t.Errorf("%s: %v", what, err)
			}
		}
		cancel()
	}
}

// A handler that leaves what cannot be committed has failed, and is not called for
// ever.
func TestUncommittableIsAnAttempt(t *testing.T) {
	b, c := open(t), load(t, vary{})
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	inbox, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	if _, err := producer(t, c, b).Publish(t.Context(), "orders.paid.v1", "s", paid{}); err != nil {
		t.Fatal(err)
	}
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(ctx context.Context, _ *treaty.Delivered) error {
			tx, _ := sqlstore.Tx(ctx)
			return tx.Rollback()
		})
	}, treaty.Inbox(inbox))
	r.until(treaty.DeadLettered, 1)
	if letters := dead(t, b, "orders.dlq", 1); extension(letters[0], "dlqreason") != "attempts" || extension(letters[0], "dlqattempts") != "3" {
		t.Errorf("%+v", letters[0])
	}
}

// A request for a backfill is held to the message that the contract has for it.
func TestBackfillRequestOfTheContract(t *testing.T) {
	b, c := open(t), load(t, vary{channel: "bootstrap: {mode: request, channel: '#/channels/requests'}", operation: "start: bootstrap", edit: []string{"    address: requests\n", `    address: requests
    messages:
      asked:
        headers: {type: object, required: [type, source], properties: {type: {type: string, const: backfill.asked.v1}, source: {type: string, const: /billing}}}
        payload: {type: object, required: [channel, group, until]}
`}})
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.HandleAll(func(context.Context, *treaty.Delivered) error { return nil })
	})
	select {
	case <-r.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("it was not asked")
	}
	if asked := dead(t, b, "requests", 1); asked[0].Source != "/billing" || asked[0].Type != "backfill.asked.v1" {
		t.Errorf("%+v", asked[0])
	}
}

// What is acknowledged on receipt is not taken without end when its handler fails.
func TestReceiptHoldsBack(t *testing.T) {
	b, c := open(t), load(t, vary{operation: "ack: on-receipt, maxInFlight: 4", edit: []string{"delay: PT0.01S, maxDelay: PT0.02S", "delay: PT1M"}})
	const sent, most = 3000, 4 + 1024
	events := make([]*treaty.Event, sent)
	p := producer(t, c, b)
	var err error
	for i := range events {
		if events[i], err = p.New("orders.paid.v1", fmt.Sprint(i), paid{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.PublishEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	r := run(t, c, b, func(k *treaty.Consumer) {
		k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error {
			calls.Add(1)
			return errors.New("not now")
		})
	})
	r.until(treaty.Retried, most)
	time.Sleep(200 * time.Millisecond)
	if n := calls.Load(); n != most {
		t.Errorf("%d events are held, and there are places for %d", n, most)
	}
	r.stop()
	if n := r.Counts()[treaty.Returned]; n < most {
		t.Errorf("%d were given up, and %d were held", n, most)
	}
}

// stalling is a broker that is away for a while in the middle of a channel.
type stalling struct {
	broker.Broker
	away atomic.Bool
}

func (s *stalling) Check(context.Context, broker.Channel) error {
	if s.away.Load() {
		return broker.ErrUnreachable
	}
	return nil
}

func (s *stalling) Subscribe(ctx context.Context, at broker.Channel, o broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	n := 0
	return s.Broker.Subscribe(ctx, at, o, func(d broker.Delivery) {
		if n++; n == 5 {
			s.away.Store(true)
			time.Sleep(4 * time.Second)
			s.away.Store(false)
		}
		handle(d)
	})
}

// A broker that is away while a channel is read through has not come to its end.
func TestReplayThroughAnOutage(t *testing.T) {
	b, c := &stalling{Broker: open(t)}, load(t, vary{channel: "replay: {from: [earliest, time]}", operation: "replaySafe: true"})
	p := producer(t, c, b)
	const sent = 10
	for i := range sent {
		if _, err := p.Publish(t.Context(), "orders.paid.v1", fmt.Sprint(i), paid{}); err != nil {
			t.Fatal(err)
		}
	}
	k, err := treaty.NewConsumer(c, b, "group", silent, treaty.Store(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	k.Handle("orders.paid.v1", func(context.Context, *treaty.Delivered) error {
		calls.Add(1)
		return nil
	})
	if err := k.Replay(t.Context(), broker.Start{}); err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != sent {
		t.Errorf("%d of %d events were handled", n, sent)
	}
}

// Whoever looks at a dead letter finds each of its extensions in the documentation.
func TestDeadLetterDocumented(t *testing.T) {
	code, err := os.ReadFile("deadletter.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"dlq[a-z]+"`).FindAllString(string(code), -1)
	if len(names) < 8 {
		t.Fatalf("dead letters have %q alone", names)
	}
	for _, name := range names {
		if row := regexp.MustCompile("(?m)^\\|[^|]*`" + strings.Trim(name, `"`) + "`"); !row.Match(page) {
			t.Errorf("docs/delivery.md does not say what %s is", name)
		}
	}
}
