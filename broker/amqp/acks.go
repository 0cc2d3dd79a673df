package amqp

import (
	"cmp"
	"slices"
	"sync"

	"github.com/rabbitmq/amqp091-go"
)

// acks acknowledges the messages of one channel of the protocol: those that are
// settled while others are being acknowledged go together, and up to the first
// that is not settled in one frame. The broker takes that for much less work than
// a frame for each.
type acks struct {
	s  *subscription
	ch *amqp091.Channel

	mu      sync.Mutex
	settled []uint64 // delivery tags to be acknowledged
	spare   []uint64
	sending bool
	idle    sync.Cond // not sending

	// All tags up to low are settled, and those of beyond, which are in order. There
	// are no more of them than tags that are not.
	low    uint64
	beyond []tags
}

// tags are delivery tags from one to another.
type tags struct{ from, to uint64 }

func newAcks(s *subscription, ch *amqp091.Channel) *acks {
	a := &acks{s: s, ch: ch}
	a.idle.L = &a.mu
	return a
}

// add has a message acknowledged. Where the connection has been lost since, the
// message comes again, and nothing can be done about it.
func (a *acks) add(tag uint64) {
	a.mu.Lock()
	a.settled = append(a.settled, tag)
	if !a.sending {
		a.sending = true
		go a.send()
	}
	a.mu.Unlock()
}

func (a *acks) send() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.settled) > 0 {
		batch := a.settled
		a.settled = a.spare[:0]
		upTo, single := a.pass(batch)
		a.mu.Unlock()
		a.s.mu.RLock()
		if upTo > 0 {
			_ = a.ch.Ack(upTo, true)
		}
		for _, tag := range single {
			_ = a.ch.Ack(tag, false)
		}
		a.s.mu.RUnlock()
		a.mu.Lock()
		a.spare = batch
	}
	a.sending = false
	a.idle.Broadcast()
}

// pass notes that tags are settled. It returns the last of them with none before
// it that is not, 0 for none, and those behind, which are acknowledged one by one.
// It is called locked.
func (a *acks) pass(batch []uint64) (upTo uint64, single []uint64) {
	slices.Sort(batch)
	for _, tag := range batch {
		a.note(tag)
	}
	n, _ := slices.BinarySearch(batch, a.low+1)
	if n > 0 {
		upTo = batch[n-1]
	}
	return upTo, batch[n:]
}

// note notes that a tag is settled. It is called locked.
func (a *acks) note(tag uint64) {
	if tag == a.low+1 {
		a.low = tag
		if len(a.beyond) > 0 && a.beyond[0].from == tag+1 {
			a.low = a.beyond[0].to
			a.beyond = slices.Delete(a.beyond, 0, 1)
		}
		return
	}
	i, _ := slices.BinarySearchFunc(a.beyond, tag, func(t tags, tag uint64) int { return cmp.Compare(t.from, tag) })
	before, behind := i > 0 && a.beyond[i-1].to == tag-1, i < len(a.beyond) && a.beyond[i].from == tag+1
	switch {
	case before && behind:
		a.beyond[i-1].to = a.beyond[i].to
		a.beyond = slices.Delete(a.beyond, i, i+1)
	case before:
		a.beyond[i-1].to = tag
	case behind:
		a.beyond[i].from = tag
	default:
		a.beyond = slices.Insert(a.beyond, i, tags{tag, tag})
	}
}

// giveBack puts a message back into the queue. It is counted in when the broker has
// been told: an acknowledgement of all up to a later one would else take it along.
func (a *acks) giveBack(tag uint64) error {
	a.s.mu.RLock()
	err := a.ch.Nack(tag, false, true)
	a.s.mu.RUnlock()
	if err == nil {
		a.mu.Lock()
		a.note(tag)
		a.mu.Unlock()
	}
	return err
}

// wait waits until nothing is to be acknowledged.
func (a *acks) wait() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.sending {
		a.idle.Wait()
	}
}
