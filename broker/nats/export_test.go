package nats

import (
	"time"

	"github.com/treaty-events/treaty/broker"
)

// LongAgo has a stream's refusal of messages that expire be long ago.
func LongAgo(b broker.Broker, subject string) {
	b.(*Broker).expiring.Store(subject, time.Now().Add(-askAgain))
}

// Lapse has the lease of a member run out.
func Lapse(s broker.Subscription) { s.(*subscription).lead.until.Store(0) }

// Mistake has a member be wrong about what it wrote last, as when it did not hear that
// it had.
func Mistake(s broker.Subscription) {
	l := s.(*subscription).lead
	l.mu.Lock()
	l.revision++
	l.mu.Unlock()
}

// Sequence is sequence.
var Sequence = sequence
