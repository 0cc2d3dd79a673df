package nats

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
)

// reader is what a subscription without a group knows of what came to it. Its
// consumer expects no acknowledgements: what is lost on the way is seen by its
// number being missing, and the consumer made again behind what came before, so that
// all comes, and in order.
type reader struct {
	remaking atomic.Bool
	until    uint64 // the last of the stream that is to come

	mu         sync.Mutex // held while something is delivered
	last       uint64     // of the stream, that came
	came       uint64     // how many came from the consumer
	generation int        // of the consumer
}

// begin is for a new consumer: what comes of others is not taken any more.
func (r *reader) begin() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = 0
	r.generation++
	return r.generation
}

// read delivers what came, if it is what is due.
func (s *subscription) read(d *delivery, generation int) {
	r := s.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation != generation {
		return
	}
	at := d.meta().Sequence
	if at.Consumer != r.came+1 {
		r.generation++ // nothing more is taken of this one
		go s.gone(nil)
		return
	}
	r.came, r.last = at.Consumer, at.Stream
	if at.Stream <= r.until {
		s.Deliver(d)
	}
}

// again makes the consumer of a reader again, behind what came.
func (s *subscription) again() error {
	r := s.reader
	if r.remaking.Swap(true) {
		return nil
	}
	defer r.remaking.Store(false)
	s.stop()
	s.mu.Lock()
	before := s.consumer
	s.mu.Unlock()
	r.mu.Lock()
	r.generation++
	c := s.config
	c.DeliverPolicy, c.OptStartSeq, c.OptStartTime = jetstream.DeliverByStartSequencePolicy, r.last+1, nil
	r.mu.Unlock()
	for n := 0; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), pullWait)
		consumer, err := s.broker.js.CreateConsumer(ctx, s.stream, c)
		cancel()
		if err == nil {
			s.mu.Lock()
			s.consumer = consumer
			s.mu.Unlock()
			go s.forget(before)
			return s.consume(turn{})
		}
		if errors.Is(err, jetstream.ErrStreamNotFound) || s.broker.conn.IsClosed() {
			return err
		}
		select {
		case <-time.After(broker.Backoff(n)):
		case <-s.Done():
			return nil
		}
	}
}

// forget has the server forget a reader's consumer, if it can: otherwise it does by
// itself, after a while.
func (s *subscription) forget(consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.broker.js.DeleteConsumer(ctx, s.stream, consumer.CachedInfo().Name)
}

// lastOf is the last message that a channel has, by its sequence; 0 for none.
func (b *Broker) lastOf(ctx context.Context, stream, subject string) (uint64, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return 0, err
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.Sequence, nil
}

// lookAgain is how often a reader looks whether its connection was another before,
// and one with an end whether it has come to it; patient is how often that finds that
// something is on the way until that is lost.
const (
	lookAgain = 100 * time.Millisecond
	patient   = 10
)

// attend looks after a reader. Over a new connection its consumer is made again: what
// was on the way over the other is lost, and nothing may come that would show it. One
// with an end is closed there.
func (s *subscription) attend() {
	connection := s.broker.conn.Stats().Reconnects
	missing := 0
	for {
		select {
		case <-time.After(lookAgain):
		case <-s.Done():
			return
		}
		if now := s.broker.conn.Stats().Reconnects; now != connection {
			connection = now
			s.gone(nil)
		}
		if s.reader.until == math.MaxUint64 {
			continue
		}
		switch over, lost := s.atEnd(); {
		case over:
			s.Close(nil)
			return
		case !lost:
			missing = 0
		default:
			if missing++; missing == patient {
				missing = 0
				s.gone(nil)
			}
		}
	}
}

// atEnd is whether all that is to come has come and is settled, or the server has sent
// more than came. The last that is to come may be kept no longer; then nothing is to
// come that has not.
func (s *subscription) atEnd() (over, lost bool) {
	r := s.reader
	s.mu.Lock()
	consumer := s.consumer
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), pullWait)
	defer cancel()
	info, err := consumer.Info(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		s.look()
	}
	if err != nil || !r.mu.TryLock() { // something is being delivered
		return false, false
	}
	defer r.mu.Unlock()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if s.Drain(now) != nil { // something is in hand
		return false, false
	}
	sent := info.Delivered.Consumer
	return r.last >= r.until || info.NumPending == 0 && sent == r.came, sent > r.came
}
