// Package broker is what moves messages: one small interface, and what a broker
// can and cannot do said in a value. The adapters are the packages beside this
// one: embedded, nats, kafka, amqp, mqtt, pubsub. They move messages and nothing
// else: contracts, events, retries and dead letters are above them.
//
// A broker is opened by its URL, with the adapters that a program wants to
// link:
//
//	b, err := broker.Open(ctx, "kafka://127.0.0.1:9092", kafka.Adapter, nats.Adapter)
//
// Credentials and TLS come with the URL's parameters or from the environment,
// see [Target], and are in no error and no log.
package broker

import (
	"context"
	"time"

	"github.com/treaty-events/treaty/event"
)

// Broker is a connection to a broker. It is safe for concurrent use. A
// connection that is lost is made again, with growing pauses, until Close.
type Broker interface {
	// Publish sends messages to a channel and returns when the broker has
	// acknowledged all of them, as safely as the channel's settings ask, or one of
	// them could not be sent: then the error is a *PublishError. Messages of one
	// call and one key arrive in their order. One that was not acknowledged when ctx
	// ended may arrive all the same, and later: its bytes are not to be changed.
	Publish(ctx context.Context, channel Channel, messages ...Message) error

	// Subscribe delivers the messages of a channel to handle until the subscription
	// is stopped. handle is called for one delivery at a time (for one of each
	// partition, where a channel has those) and may return before the delivery is
	// settled; with Options.MaxInFlight of them unsettled it is not called. ctx is for
	// setting up alone.
	Subscribe(ctx context.Context, channel Channel, options Options, handle func(Delivery)) (Subscription, error)

	// Features is what the broker can do.
	Features() Features

	// Binding is how events are carried.
	Binding() *event.Binding

	// Close stops what is running and closes the connection. Deliveries that are not
	// settled come again to another.
	Close() error
}

// Admin is a broker that can make and take away what carries a channel.
type Admin interface {
	// Declare makes what carries a channel where it is missing, and leaves alone
	// what is there.
	Declare(ctx context.Context, channel Channel) error
	// Remove takes it away with all messages. What is not there is no error.
	Remove(ctx context.Context, channel Channel) error
}

// Checker is a broker that can compare what carries a channel with what the
// channel's settings ask for.
type Checker interface {
	// Check is nil where they agree as far as the broker tells, an ErrDisagrees that
	// names the setting and both values where they do not, and an ErrNoChannel where
	// there is nothing. What no setting speaks of is not looked at. It changes nothing.
	Check(ctx context.Context, channel Channel) error
}

// Channel is a channel on a broker.
type Channel struct {
	// Address is the channel's, with its parameters filled in.
	Address string
	// Settings are the broker's own, by the names that its adapter documents; an
	// unknown name is no error, since the settings of all brokers stand side by side.
	Settings map[string]string
}

// Setting returns a setting, or otherwise where it is not there.
func (c *Channel) Setting(name, otherwise string) string {
	if v, ok := c.Settings[name]; ok {
		return v
	}
	return otherwise
}

// Message is what is published.
type Message struct {
	event.Message
	// Key orders: messages with the same key arrive in the order in which they were
	// published, where Features.Order says so. "" is none.
	Key string
	// Identity is what the broker may know a duplicate by, where Features.Dedupe says
	// that it does. "" is none.
	Identity string
	// Expires is how long the message is worth delivering; 0 is for ever.
	Expires time.Duration
}

// Options say how a channel is subscribed to.
type Options struct {
	// Group shares the messages among its members, and its place in the channel is
	// kept while it has none. "" is a reader of its own, of which nothing is kept.
	Group string
	// Start is where a group begins that is new, and where a reader does.
	Start Start
	// End has a reader end: it brings what the channel has when it begins and nothing
	// that comes later, and once all of that is settled the subscription is Done, with
	// no Err. It is for readers, without a Group, of brokers with Features.Replay.
	End bool
	// MaxInFlight is how many deliveries may be unsettled at a time; 0 is
	// DefaultInFlight.
	MaxInFlight int
	// AckWait is how long a delivery may stay unsettled until it is taken for lost,
	// where Features.AckWait says that the broker minds; 0 is the broker's default.
	// InProgress begins it anew.
	AckWait time.Duration
}

// DefaultInFlight is the number of deliveries that may be unsettled where
// Options do not say.
const DefaultInFlight = 256

// InFlight is MaxInFlight, or its default.
func (o *Options) InFlight() int {
	if o.MaxInFlight <= 0 {
		return DefaultInFlight
	}
	return o.MaxInFlight
}

// Start is a place in a channel. The zero value is Earliest.
type Start struct {
	// From is Earliest, Latest or At.
	From From
	// Time is the place of At: the first message that the broker stored at that time
	// or later.
	Time time.Time
}

// From says from where.
type From uint8

// The places to start from.
const (
	Earliest From = iota // the first message that the broker still has
	Latest               // what is published from now on
	At                   // Start.Time
)

// Subscription is deliveries that are going on.
type Subscription interface {
	// Stop ends the deliveries: when it returns, handle is not being called and will
	// not be again. What is unsettled may still be settled until the Broker is closed
	// or ctx ends, which Stop waits for.
	Stop(ctx context.Context) error
	// Done is closed when the subscription has ended: stopped, broken for good, or a
	// reader's that came to its end.
	Done() <-chan struct{}
	// Err is why it broke, ErrClosed where the Broker was closed; nil while it runs,
	// when it was stopped, and at the end of a reader.
	Err() error
}

// Delivery is a message that came. It is settled by the first of Ack, Nak,
// NakWithDelay and Term; those after it do nothing. Methods are safe for
// concurrent use.
type Delivery interface {
	// Message is what came: fields and body as they were sent. It may not be
	// changed.
	Message() *event.Message
	// Channel is the address that it was sent to.
	Channel() string
	// Key is the message's, "" where the broker carries none.
	Key() string
	// Position is where in the channel the message stands, as the broker says it; ""
	// where it has no positions.
	Position() string
	// Time is when the broker stored the message; zero where it does not say.
	Time() time.Time
	// Attempt counts the deliveries of this message from 1, as far as the broker
	// does, see Features.Attempts.
	Attempt() int

	// Ack settles: it has been handled and does not come again.
	Ack() error
	// Nak settles: it has not been handled and comes again at once.
	Nak() error
	// NakWithDelay is Nak that comes again after a while. Deliveries of other messages
	// go on meanwhile.
	NakWithDelay(d time.Duration) error
	// Term settles: it will never be handled, and does not come again.
	Term() error
	// InProgress says that the handling goes on, and settles nothing.
	InProgress() error
}

// Features is what a broker can do, so that what stands above it need not know
// which it is. The zero value can do nothing.
type Features struct {
	// Replay: messages stay after they were handled, and a new group gets those from
	// before it was there. Without it a message is kept for the groups that there
	// are, and Start can be Latest alone.
	Replay bool
	// ReplayTime: Start can be a time.
	ReplayTime bool
	// Share: the members of a group share its messages.
	Share bool
	// Keep: the place of a group is kept while it has no member, and what a member
	// left unsettled comes to the next.
	Keep bool
	// Order is the scope in which messages arrive in the order of their publication
	// while none is redelivered.
	Order Order
	// GroupOrder is the scope in which order holds among several members of a group:
	// no message is delivered to one of them while an earlier one of its scope is
	// unsettled at another that is there. On RabbitMQ and NATS it takes a channel whose
	// settings ask for it (amqp.singleActiveConsumer, nats.singleActive); on others the
	// members get messages of one key in turn, and order is lost between them.
	GroupOrder Order
	// Attempts: the broker counts deliveries, over all members and after a restart.
	// Otherwise they are counted since the subscription began.
	Attempts bool
	// Dedupe: a second message with an Identity that the broker still remembers is
	// not stored.
	Dedupe bool
	// AckWait: what stays unsettled for Options.AckWait comes again.
	AckWait bool
	// Expires: messages that have expired are not delivered.
	Expires bool
	// Positions: a Delivery has a Position.
	Positions bool
	// Unrouted: publishing what nobody would ever get is an ErrUnrouted.
	Unrouted bool
	// MaxBytes is the greatest message that is taken, in bytes; 0 is not known.
	MaxBytes int
}

// Order is a scope of order.
type Order uint8

// The scopes.
const (
	Unordered    Order = iota
	KeyOrder           // among the messages of one key
	ChannelOrder       // among all messages of a channel
)

func (o Order) String() string { return [...]string{"none", "key", "channel"}[o] }
