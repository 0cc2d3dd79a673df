package nats

import (
	"time"

	"github.com/treaty-events/treaty/broker"
)

// LongAgo has a stream's refusal of messages that expire be long ago.
func LongAgo(b broker.Broker, subject string) {
	b.(*Broker).expiring.Store(subject, time.Now().Add(-askAgain))
}
