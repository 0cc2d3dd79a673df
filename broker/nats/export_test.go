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
