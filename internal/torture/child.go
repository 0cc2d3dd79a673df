package torture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/broker/mqtt"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/broker/pubsub"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
)

// environment is where a process finds what it is to be.
const environment = "TREATY_TORTURE_CHILD"

// job is what a process is to be.
type job struct {
	Config
	Role    string // broker, producer, service, consumer, replayer, joiner
	Name    string // of this process
	URL     string // of the broker, as this process sees it
	Address string // of the channel
	Late    *late  `json:",omitempty"`
}

// Child does the work of a process that Run has started, and does not return
// then. Whoever calls Run calls it first of all.
func Child() {
	text := os.Getenv(environment)
	if text == "" {
		return
	}
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		// Nobody is left behind when who started us is gone.
		ctx, cancel := context.WithCancel(context.Background())
		c := &child{job: j, plan: plan(&j.Config), stop: cancel}
		go c.listen()
		switch j.Role {
		case "broker":
			err = c.broker(ctx)
		case "producer":
			err = c.produce(ctx)
		case "service":
			err = c.serve(ctx)
		case "consumer":
			err = c.consume(ctx)
		case "replayer":
			err = c.replay(ctx)
		case "joiner":
			err = c.join(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ended with:", err)
		if errors.Is(err, errNotBegun) {
			os.Exit(notBegun)
		}
		os.Exit(3)
	}
	os.Exit(0)
}

// notBegun is how a process exits with errNotBegun.
const notBegun = 5

// child is a process that was started.
type child struct {
	job
	plan *Plan
	stop func()

	mu          sync.Mutex
	full        time.Time // until then the store is
	deadRefused time.Time // until then the dead letter does
}

// listen takes orders.
func (c *child) listen() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		order, rest, _ := strings.Cut(in.Text(), " ")
		d, _ := time.ParseDuration(rest)
		c.mu.Lock()
		switch order {
		case "stop":
			c.stop()
		case "full":
			c.full = time.Now().Add(d)
		case "refuse":
			c.deadRefused = time.Now().Add(d)
		}
		c.mu.Unlock()
	}
	os.Exit(4) // who gave them is gone
}

// die kills this process, once for a point of an event.
func (c *child) die(n int, at Point, say func()) {
	if n < 0 || n >= len(c.plan.Events) || c.plan.Events[n].Kill != at || c.Late != nil || !c.once("kill", n) {
		return
	}
	say()
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// once is true one time in a run, whatever is killed.
func (c *child) once(what string, n int) bool {
	f, err := os.OpenFile(c.onceFile(what, n), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func (c *child) onceFile(what string, n int) string {
	return filepath.Join(c.Dir, "once", fmt.Sprintf("%s-%d", what, n))
}

var adapters = []broker.Adapter{embedded.Adapter, nats.Adapter, kafka.Adapter, amqp.Adapter, mqtt.Adapter, pubsub.Adapter}

// broker is the embedded broker, until it is told to stop or killed.
func (c *child) broker(ctx context.Context) error {
	b, err := broker.Open(ctx, c.URL, adapters...)
	if err != nil {
		return err
	}
	fmt.Println("ready", b.(*embedded.Broker).URL())
	<-ctx.Done()
	return b.Close()
}

// open opens the broker, however long nobody answers.
func (c *child) open(ctx context.Context) (broker.Broker, error) {
	for n := 0; ; n++ {
		b, err := broker.Open(ctx, c.URL, adapters...)
		if err == nil || ctx.Err() != nil || n == 60 || errors.Is(err, broker.ErrUsage) {
			return b, err
		}
		fmt.Fprintln(os.Stderr, "opening:", err)
		select {
		case <-time.After(min(broker.Backoff(n), time.Second)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// contract is what a process knows of the channel; how groups that join late
// are bootstrapped is in that of those whom it concerns.
func (c *child) contract(ctx context.Context, join Action) (*contract.Contract, error) {
	scope := "key"
	if c.Break == "lanes" && c.Role == "consumer" {
		scope = "none"
	}
	return treaty.Load(ctx, fstest.MapFS{"torture.yaml": {Data: []byte(document(c.plan.Mode, c.Address, scope, c.plan.Known, strings.HasPrefix(c.URL, "kafka"), join))}}, "torture.yaml")
}

func logger() treaty.Option {
	return treaty.Logger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// workers publish side by side, each all events of its keys.
const workers = 4

func (c *child) produce(ctx context.Context) error {
	rec, err := record(c.Dir, ofProducer, c.Name)
	if err != nil {
		return err
	}
	// What a killed one before had acknowledged is not published again.
	gone := make([]bool, len(c.plan.Events))
	already := 0
	earlier := tail{path: filepath.Join(c.Dir, ofProducer)}
	if err := earlier.read(func(r Record) {
		if r.What == published {
			for _, n := range r.All {
				if !gone[n] {
					gone[n] = true
					already++
				}
			}
		}
	}); err != nil {
		return err
	}
	b, err := c.open(ctx)
	if err != nil {
		return err
	}
	rec.add(Record{What: began, N: -1})
	through := b
	if c.Break == "publish" {
		through = newHasty(b)
	}
	doc, err := c.contract(ctx, "")
	if err != nil {
		return err
	}
	p, err := treaty.NewProducer(doc, through, logger())
	if err != nil {
		return err
	}
	s := &sender{child: c, rec: rec, producer: p, broker: through, pace: pace{rate: max(c.Pace*3/4, 1), begun: time.Now()}}
	var aside sync.WaitGroup
	defer aside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for action, do := range map[Action]func(context.Context) error{SnapshotJoin: s.publishStates, RequestJoin: s.serveBackfills} {
		if !c.plan.has(action) || action == SnapshotJoin && !b.Features().Replay {
			continue
		}
		aside.Go(func() {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "ended with:", err)
				os.Exit(3)
			}
		})
	}
	var all sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		all.Go(func() { errs[w] = s.work(ctx, w, gone) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	rec.add(Record{What: doneAll, N: -1})
	<-ctx.Done()
	aside.Wait()
	_ = b.Close() // it may be cut just then
	return nil
}

// pace lets so many events a second pass.
type pace struct {
	rate  int
	begun time.Time
	mu    sync.Mutex
	n     int
}

func (p *pace) wait(n int) {
	p.mu.Lock()
	p.n += n
	due := p.begun.Add(time.Duration(p.n) * time.Second / time.Duration(p.rate))
	p.mu.Unlock()
	time.Sleep(time.Until(due))
}

// sender publishes.
type sender struct {
	*child
	rec      *recorder
	producer *treaty.Producer
	broker   broker.Broker
	pace     pace
}

func (s *sender) work(ctx context.Context, w int, gone []bool) error {
	var batch []int
	flush := func() error {
		err := s.publish(ctx, batch)
		batch = batch[:0]
		return err
	}
	for n := range s.plan.Events {
		e := &s.plan.Events[n]
		if gone[n] || e.Outbox || workerOf(e.Key) != w {
			continue
		}
		if e.Raw {
			if err := flush(); err != nil {
				return err
			}
			if err := s.raw(ctx, n); err != nil {
				return err
			}
			continue
		}
		if e.Kind == Duplicate || e.Kind == Collision {
			if err := flush(); err != nil { // what it is like is acknowledged first
				return err
			}
		}
		// Batches have all sizes from 1.
		if batch = append(batch, n); len(batch) > n%17 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func workerOf(key string) int {
	h := 0
	for _, c := range key {
		h = h*31 + int(c)
	}
	return h % workers
}

// publish publishes events by the producer, until all are acknowledged.
func (s *sender) publish(ctx context.Context, all []int) error {
	if len(all) == 0 {
		return nil
	}
	s.pace.wait(len(all))
	open := append([]int(nil), all...)
	for try := 0; len(open) > 0; try++ {
		events := make([]*treaty.Event, len(open))
		for i, n := range open {
			e, err := s.producer.New(eventType, s.plan.Events[n].Key, s.plan.data(n))
			if err != nil {
				return err
			}
			e.ID, e.Source = s.plan.ID(n), source
			events[i] = e
		}
		s.rec.add(Record{What: publishing, N: -1, All: open})
		err := s.producer.PublishEvents(ctx, events...)
		if err == nil {
			s.rec.add(Record{What: published, N: -1, All: open})
			return nil
		}
		var failed *broker.PublishError
		if !errors.As(err, &failed) || ctx.Err() != nil {
			return fmt.Errorf("publishing %v: %w", open, err)
		}
		bad := map[int]bool{}
		for _, f := range failed.Failed {
			bad[f.Index] = true
			s.rec.add(Record{What: refused, N: open[f.Index], Err: f.Err.Error()})
		}
		var good, left []int
		for i, n := range open {
			if bad[i] {
				left = append(left, n)
			} else {
				good = append(good, n)
			}
		}
		if len(good) > 0 {
			s.rec.add(Record{What: published, N: -1, All: good})
		}
		open = left
		time.Sleep(min(broker.Backoff(try), time.Second))
	}
	return nil
}

// raw publishes past the producer what it would not send.
func (s *sender) raw(ctx context.Context, n int) error {
	s.pace.wait(1)
	m, err := s.plan.message(s.broker.Binding(), n)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		s.rec.add(Record{What: publishing, N: -1, All: []int{n}})
		err := s.broker.Publish(ctx, broker.Channel{Address: s.Address}, m)
		if err == nil {
			s.rec.add(Record{What: published, N: -1, All: []int{n}})
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		s.rec.add(Record{What: refused, N: n, Err: err.Error()})
		time.Sleep(min(broker.Backoff(try), time.Second))
	}
}

// message is what is published of event n past the producer. It has the number
// in its body as the data of all others do.
func (p *Plan) message(b *event.Binding, n int) (broker.Message, error) {
	e := &p.Events[n]
	d := p.data(n)
	ce := &event.Event{ID: p.ID(n), Source: source, Type: eventType, Subject: e.Key, Time: time.Now().UTC(), DataContentType: "application/json"}
	mode := event.StructuredMode
	other := event.BinaryMode
	if p.Mode == "binary" {
		mode, other = other, mode
	}
	if e.Kind == Large {
		d.Pad = strings.Repeat("x", 900_000)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return broker.Message{}, err
	}
	switch e.Kind {
	case WrongMode:
		mode = other
	case WrongType:
		ce.Type = "torture.other.v1"
	case Invalid:
		text = fmt.Appendf(nil, `{"n":%d,"seq":"one","pad":""}`, d.N)
	case Unkeyed:
		ce.Subject = ""
	}
	ce.Data = text
	m := broker.Message{Key: e.Key}
	if err := b.Encode(&m.Message, ce, mode); err != nil {
		return m, err
	}
	switch e.Kind {
	case Malformed:
		// Neither a content type nor an attribute says that it is an event.
		m.Message = event.Message{Body: append(text, 0, 0xff)}
	case Truncated:
		if mode == event.BinaryMode {
			var whole broker.Message
			if err := b.Encode(&whole.Message, ce, event.StructuredMode); err != nil {
				return m, err
			}
			m.Message = whole.Message
		}
		i := strings.Index(string(m.Body), `"n":`)
		m.Body = m.Body[:min(i+len(fmt.Sprintf(`"n":%d,`, d.N)), len(m.Body)-1)]
	}
	return m, nil
}
