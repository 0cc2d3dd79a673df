package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
)

// JetStream deals the messages of a group out to its members one by one, so that
// two of one key are handled side by side. With nats.singleActive one member at a
// time consumes: the one that holds a lease, a key in a bucket whose keys go away
// when they are not written again. The others wait for it.
//
// What a member before it left unsettled, and what was on its way when a
// connection was cut or the lease ran out, the server would bring again after
// AckWait, behind what is new. So whoever begins, and begins again on another
// connection or when something was delivered that did not come here, which the
// server's numbers show, first calls it back, see recall, and until then takes
// nothing.
//
// The key holds a subject that who has the lease listens to. Where the server says
// that nobody does, and says it again a while later, the one that had it is gone or
// cut off, and the lease need not run out.
const (
	leases = "treaty-leases" // the bucket
	lease  = 6 * time.Second // how long a key stays that is not written again
	renew  = lease / 4
	retire = lease - renew // since it was last written, nothing is delivered any more

	left = "free" // is in the key when the member that had it has ended
)

// lead is a member's part in the lease of its group.
type lead struct {
	s        *subscription
	replicas int                // of the bucket
	bucket   jetstream.KeyValue // run finds it anew when it is gone
	// connection is the one over which the key was written last, by its number; it is
	// run's alone.
	connection uint64
	key        string
	id         string // and subject
	listening  *nats.Subscription
	cancel     func()
	ended      chan struct{} // closed when it neither has the lease nor wants it

	until    atomic.Int64 // the lease is held, in nanoseconds since begin
	begin    time.Time
	mu       sync.Mutex
	revision uint64 // of the key as we wrote it; 0 without the lease
}

// standBy lets the subscription consume whenever it has the lease.
func (s *subscription) standBy(ctx context.Context, channel broker.Channel) error {
	replicas := 1
	if !s.broker.AutoDeclare {
		if _, err := fmt.Sscan(channel.Setting("nats.replicas", "1"), &replicas); err != nil {
			return s.broker.target.Fail("subscribe", s.address, broker.ErrUsage, fmt.Errorf("nats.replicas: %w", err), "")
		}
		replicas = s.broker.target.AtMost(replicas)
	}
	id := s.broker.conn.NewInbox()
	listening, err := s.broker.conn.Subscribe(id, func(m *nats.Msg) { _ = m.Respond(nil) })
	if err != nil {
		return s.broker.fail("subscribe", s.address, err)
	}
	running, cancel := context.WithCancel(context.Background())
	l := &lead{s: s, replicas: replicas, key: strings.ReplaceAll(s.stream+"/"+s.config.Durable, "~", "=7E"), id: id, listening: listening, cancel: cancel, ended: make(chan struct{}), begin: time.Now()}
	if err := l.open(ctx); err != nil {
		cancel()
		_ = listening.Unsubscribe()
		return s.broker.fail("subscribe", s.address, err)
	}
	s.lead = l
	go l.run(running)
	return nil
}

// open finds the bucket, or makes it: it is gone when the server was.
func (l *lead) open(ctx context.Context) error {
	js := l.s.broker.js
	bucket, err := js.KeyValue(ctx, leases)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		bucket, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: leases, Description: "which member of a group is active", TTL: lease, Replicas: l.replicas,
			Storage: jetstream.MemoryStorage}) // no member outlives a server that holds it
		if errors.Is(err, jetstream.ErrBucketExists) { // another was quicker
			bucket, err = js.KeyValue(ctx, leases)
		}
	}
	if err == nil {
		l.bucket = bucket
	}
	return err
}

// holds is whether the lease is held.
func (l *lead) holds() bool { return int64(time.Since(l.begin)) < l.until.Load() }

// held notes that the key was written, and when that was begun.
func (l *lead) held(revision uint64, since time.Time) {
	l.mu.Lock()
	l.revision = revision
	l.mu.Unlock()
	l.until.Store(int64(since.Sub(l.begin) + retire))
}

func (l *lead) run(ctx context.Context) {
	defer close(l.ended)
	defer func() { _ = l.listening.Unsubscribe() }()
	for ctx.Err() == nil {
		err := l.take(ctx)
		if err == nil {
			err = l.consume(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		var gone *goneError
		if l.s.broker.conn.IsClosed() || errors.As(err, &gone) {
			if err == nil {
				err = nats.ErrConnectionClosed
			}
			go l.s.end(err)
			return
		}
		l.rest(ctx, renew/2) // what went wrong may pass
		asking, cancel := context.WithTimeout(ctx, renew)
		_ = l.open(asking)
		cancel()
	}
}

// goneError: the consumer, which was the group's place, is there no more.
type goneError struct{ error }

func (e *goneError) Unwrap() error { return e.error }

func (l *lead) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// take waits until it has the lease. An error is of the connection.
func (l *lead) take(ctx context.Context) error {
	silent := uint64(0) // the revision of who did not answer
	for {
		begin, connection := time.Now(), l.s.broker.dials.Load()
		asking, cancel := context.WithTimeout(ctx, renew)
		now, err := l.bucket.Get(asking, l.key)
		var revision uint64
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			revision, err = l.bucket.Create(asking, l.key, []byte(l.id))
		case err != nil:
		case string(now.Value()) == left, string(now.Value()) == l.id: // it is ours, and we did not hear of it
			revision, err = l.bucket.Update(asking, l.key, []byte(l.id), now.Revision())
		default:
			_, gone := l.s.broker.conn.RequestWithContext(asking, string(now.Value()), nil)
			switch {
			case !errors.Is(gone, nats.ErrNoResponders):
				silent = 0
			case silent == now.Revision():
				revision, err = l.bucket.Update(asking, l.key, []byte(l.id), silent)
			default:
				silent = now.Revision()
			}
		}
		cancel()
		switch {
		case err == nil && revision > 0:
			l.connection = connection
			l.held(revision, begin)
			return nil
		case err != nil && !errors.Is(err, jetstream.ErrKeyExists) && !refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequence) && !refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
			return err
		}
		if l.rest(ctx, renew/2); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// turn is what a member begins to consume with, once what is unsettled has been called
// back.
type turn struct {
	connection uint64
	last       uint64        // what the server delivered last, by the consumer's own number
	over       chan struct{} // gets a word when it has to be called back again
}

// due is whether the key is to be written again.
func (l *lead) due() bool {
	return int64(time.Since(l.begin)) >= l.until.Load()-int64(retire-renew)
}

// consume consumes while the lease is held, and holds it while what came is
// settled after Stop.
func (l *lead) consume(ctx context.Context) error {
	var over chan struct{} // what is consumed is to be called back; nil where nothing is consumed
	defer func() {
		l.until.Store(0)
		if over != nil {
			ending, cancel := context.WithTimeout(context.Background(), pullWait)
			defer cancel()
			l.s.pause(ending)
		}
	}()
	for {
		connection := l.s.broker.dials.Load()
		if over != nil && connection != l.connection {
			l.s.stop()
			over = nil
		}
		err := l.keep(ctx)
		if err == nil && over == nil {
			var last uint64
			last, err = l.recall(ctx)
			if err == nil && connection == l.connection {
				from := turn{connection, last, make(chan struct{}, 1)}
				if err = l.s.consume(from); err == nil {
					over = from.over
				}
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (!l.holds() || !broker.Ended(err) && !errors.Is(err, nats.ErrDisconnected)):
			return err // another may have it
		}
		pause := renew
		if over == nil {
			pause = renew / 5
		}
		select {
		case <-time.After(pause):
		case <-over:
			l.s.stop()
			over = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keep writes the key again where that is due. Whether the lease is still ours is
// not known on another connection until it has been written there: the server may
// have forgotten it meanwhile.
func (l *lead) keep(ctx context.Context) error {
	connection := l.s.broker.dials.Load()
	if connection == l.connection && !l.due() {
		return nil
	}
	err := l.write(ctx)
	if err == nil {
		l.connection = connection
	}
	return err
}

// write writes the key again.
func (l *lead) write(ctx context.Context) error {
	begin := time.Now()
	l.mu.Lock()
	revision := l.revision
	l.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, renew)
	defer cancel()
	revision, err := l.bucket.Update(asking, l.key, []byte(l.id), revision)
	if err == nil {
		l.held(revision, begin)
	}
	return err
}

// recall has the server bring again what it holds for unsettled, in its order
// and before what is behind it. Who has been given a message may return it, and
// any member may say so: by the subject that answers go to, which has the message's
// number in the stream, and a number of the consumer's that is not too old. What is
// settled, or of another subject, the server passes over.
//
// What waits to be brought again already is in the order in which it was returned
// or taken for lost, so everything is first taken out of there, with a delay, and
// returned again then. While that is done the server may find that who asked for
// messages before is gone, and put the one that it had taken for them behind the
// others; when it is done a second time nobody is left to find.
//
// It may take longer than the lease lasts, which is kept meanwhile. last is what the
// server had delivered last, by the consumer's own number: what comes next is next.
func (l *lead) recall(ctx context.Context) (last uint64, err error) {
	l.s.mu.Lock()
	consumer := l.s.consumer
	l.s.mu.Unlock()
	for range 2 {
		info, err := l.info(ctx, consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			return 0, &goneError{err}
		}
		if err != nil {
			return 0, err
		}
		if last = info.Delivered.Consumer; info.NumAckPending == 0 {
			break
		}
		for _, say := range []string{fmt.Sprintf(`-NAK {"delay": %d}`, max(info.Config.AckWait, time.Second)), "-NAK"} {
			for n := info.AckFloor.Stream + 1; n <= info.Delivered.Stream; n += slice {
				if err := l.say(ctx, info, n, min(n+slice-1, info.Delivered.Stream), say); err != nil {
					return 0, err
				}
				if err := l.keep(ctx); err != nil {
					return 0, err
				}
			}
		}
	}
	return last, nil
}

// slice is how many messages are called back before the server is waited for.
const slice = 512

func (l *lead) info(ctx context.Context, consumer jetstream.Consumer) (*jetstream.ConsumerInfo, error) {
	asking, cancel := context.WithTimeout(ctx, renew)
	defer cancel()
	return consumer.Info(asking)
}

// say says something of messages, by their numbers in the stream, and waits until it
// has been dealt with. Answers are dealt with in their order: with the last, all have
// been.
func (l *lead) say(ctx context.Context, info *jetstream.ConsumerInfo, from, to uint64, what string) error {
	conn := l.s.broker.conn
	answer := func(n uint64) string {
		return fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.0.0", info.Stream, info.Name, n, info.Delivered.Consumer)
	}
	for n := from; n < to; n++ {
		if err := conn.Publish(answer(n), []byte(what)); err != nil {
			return err
		}
	}
	asking, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	_, err := conn.RequestWithContext(asking, answer(to), []byte(what))
	return err
}

// leave gives the lease to whoever comes.
func (l *lead) leave(ctx context.Context) {
	l.cancel()
	<-l.ended
	l.mu.Lock()
	revision := l.revision
	l.revision = 0
	l.mu.Unlock()
	if revision == 0 {
		return
	}
	_ = l.s.broker.conn.FlushTimeout(renew) // what was settled last goes before
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), renew)
	defer cancel()
	_, _ = l.bucket.Update(leaving, l.key, []byte(left), revision)
}
