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
	"github.com/nats-io/nuid"

	"github.com/treaty-events/treaty/broker"
)

// JetStream deals the messages of a group out to its members one by one, so that
// two of one key are handled side by side. With nats.singleActive one member at a
// time consumes: the one that holds a lease, a key in a bucket whose keys go away
// when they are not written again. The others wait for it.
//
// A member that ends writes into the key how it left. Whoever comes after one
// that left nothing unsettled begins at once. Whoever comes after one that did, or
// that was not heard of, first lets the time pass after which the server takes
// what is unsettled for lost: then it comes again before what is behind it.
const (
	leases = "treaty-leases" // the bucket
	lease  = 6 * time.Second // how long a key stays that is not written again
	renew  = lease / 4
	retire = lease - renew // since it was last written, nothing is delivered any more

	leftNothing   = "free"
	leftUnsettled = "left"
)

// lead is a member's part in the lease of its group.
type lead struct {
	s      *subscription
	bucket jetstream.KeyValue
	key    string
	id     string
	cancel func()
	ended  chan struct{} // closed when it neither has the lease nor wants it

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
	}
	bucket, err := s.broker.js.KeyValue(ctx, leases)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		bucket, err = s.broker.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: leases, Description: "which member of a group is active", TTL: lease, Replicas: replicas,
			Storage: jetstream.MemoryStorage}) // no member outlives a server that holds it
		if errors.Is(err, jetstream.ErrBucketExists) { // another was quicker
			bucket, err = s.broker.js.KeyValue(ctx, leases)
		}
	}
	if err != nil {
		return s.broker.fail("subscribe", s.address, err)
	}
	running, cancel := context.WithCancel(context.Background())
	l := &lead{s: s, bucket: bucket, key: strings.ReplaceAll(s.stream+"/"+s.config.Durable, "~", "=7E"), id: nuid.Next(), cancel: cancel, ended: make(chan struct{}), begin: time.Now()}
	s.lead = l
	go l.run(running)
	return nil
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
	for ctx.Err() == nil {
		settled, err := l.take(ctx)
		if err == nil {
			err = l.consume(ctx, settled)
		}
		if ctx.Err() != nil {
			return
		}
		if l.s.broker.conn.IsClosed() || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
			if err == nil {
				err = nats.ErrConnectionClosed
			}
			go l.s.end(err)
			return
		}
		l.rest(ctx, renew/2) // what went wrong may pass
	}
}

func (l *lead) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// take waits until it has the lease, and reports whether whoever had it left
// nothing unsettled. An error is of the connection.
func (l *lead) take(ctx context.Context) (settled bool, err error) {
	for {
		begin := time.Now()
		asking, cancel := context.WithTimeout(ctx, renew)
		now, err := l.bucket.Get(asking, l.key)
		var revision uint64
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			settled = false
			revision, err = l.bucket.Create(asking, l.key, []byte(l.id))
		case err != nil:
		case string(now.Value()) == leftNothing, string(now.Value()) == leftUnsettled:
			settled = string(now.Value()) == leftNothing
			revision, err = l.bucket.Update(asking, l.key, []byte(l.id), now.Revision())
		}
		cancel()
		switch {
		case err == nil && revision > 0:
			l.held(revision, begin)
			return settled, nil
		case err != nil && !errors.Is(err, jetstream.ErrKeyExists) && !refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequence) && !refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
			return false, err
		}
		if l.rest(ctx, renew/2); ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
}

// consume consumes while the lease is held, and holds it while what came is
// settled after Stop.
func (l *lead) consume(ctx context.Context, settled bool) error {
	begin := time.Now()
	consuming := false
	defer func() {
		l.until.Store(0)
		if consuming {
			ending, cancel := context.WithTimeout(context.Background(), pullWait)
			defer cancel()
			l.s.pause(ending)
		}
	}()
	for renewed := begin; ; {
		if !consuming {
			ready, err := l.ready(ctx, settled, begin)
			if err == nil && ready {
				consuming = true
				err = l.s.consume()
			}
			if err != nil && !broker.Ended(err) {
				return err
			}
		}
		pause := renew
		if !consuming {
			pause = renew / 5
		}
		l.rest(ctx, pause)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(renewed) < renew {
			continue
		}
		now := time.Now()
		l.mu.Lock()
		revision := l.revision
		l.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, renew)
		revision, err := l.bucket.Update(asking, l.key, []byte(l.id), revision)
		cancel()
		switch {
		case err == nil:
			l.held(revision, now)
			renewed = now
		case ctx.Err() != nil:
			return ctx.Err()
		case !l.holds(), refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequence), refusedAs(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
			return err // another may have it
		}
	}
}

// ready is whether what the member before left unsettled comes first.
func (l *lead) ready(ctx context.Context, settled bool, since time.Time) (bool, error) {
	if settled {
		return true, nil
	}
	asking, cancel := context.WithTimeout(ctx, renew)
	defer cancel()
	l.s.mu.Lock()
	consumer := l.s.consumer
	l.s.mu.Unlock()
	info, err := consumer.Info(asking)
	if err != nil {
		return false, err
	}
	return info.NumAckPending == 0 || time.Since(since) > info.Config.AckWait, nil
}

// leave gives the lease to whoever comes; settled is whether nothing is left
// unsettled.
func (l *lead) leave(ctx context.Context, settled bool) {
	l.cancel()
	<-l.ended
	l.mu.Lock()
	revision := l.revision
	l.revision = 0
	l.mu.Unlock()
	if revision == 0 {
		return
	}
	how := leftUnsettled
	if settled {
		how = leftNothing
	}
	_ = l.s.broker.conn.FlushTimeout(renew) // what was settled last goes before
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), renew)
	defer cancel()
	_, _ = l.bucket.Update(leaving, l.key, []byte(how), revision)
}
