package treaty

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/store"
)

// settings are what options set, of both sides.
type settings struct {
	now     func() time.Time
	log     *slog.Logger
	params  map[string]string
	declare bool
	peer    bool

	// of a producer
	source     string
	channel    string
	preparing  []BeforePublisher
	publishing []PublishHook
	entering   []EntryHook

	// of a consumer
	store      store.Store
	inbox      store.Inbox
	channels   []string
	start      *broker.Start
	inFlight   int
	attempts   int
	drain      time.Duration
	middleware []func(Handler) Handler
	outcomes   []OutcomeHook
}

func defaults() settings {
	return settings{now: time.Now, log: slog.Default(), drain: DefaultDrain}
}

// ProducerOption makes a producer other than its contract alone does.
type ProducerOption interface{ producer(*settings) }

// ConsumerOption makes a consumer other than its contract alone does.
type ConsumerOption interface{ consumer(*settings) }

// Option is for both.
type Option interface {
	ProducerOption
	ConsumerOption
}

type option func(*settings)

func (o option) producer(s *settings) { o(s) }
func (o option) consumer(s *settings) { o(s) }

type producerOption func(*settings)

func (o producerOption) producer(s *settings) { o(s) }

type consumerOption func(*settings)

func (o consumerOption) consumer(s *settings) { o(s) }

// Params fill in the parameters of channels' addresses.
func Params(values map[string]string) Option { return option(func(s *settings) { s.params = values }) }

// Declare makes what carries the channels on the broker, where it is missing,
// dead letters included. What is there is left as it is.
func Declare() Option { return option(func(s *settings) { s.declare = true }) }

// AsPeer takes the other side of the contract: what its application receives is
// sent, and what it sends is received. It is for a document that describes the
// other one. A consumer of a document that only sends needs no AsPeer.
func AsPeer() Option { return option(func(s *settings) { s.peer = true }) }

// Logger is where goes what nobody is told by an error; slog.Default otherwise.
func Logger(l *slog.Logger) Option { return option(func(s *settings) { s.log = l }) }

// Clock tells the time instead of time.Now.
func Clock(now func() time.Time) Option { return option(func(s *settings) { s.now = now }) }

// Hooks are told what happens: each is a [BeforePublisher], a [PublishHook], an
// [EntryHook] or an [OutcomeHook], or several of them. They are called on the way, so they have to
// be quick, and from several goroutines.
func Hooks(hooks ...any) Option {
	return option(func(s *settings) {
		for _, h := range hooks {
			if h, ok := h.(BeforePublisher); ok {
				s.preparing = append(s.preparing, h)
			}
			if h, ok := h.(PublishHook); ok {
				s.publishing = append(s.publishing, h)
			}
			if h, ok := h.(EntryHook); ok {
				s.entering = append(s.entering, h)
			}
			if h, ok := h.(OutcomeHook); ok {
				s.outcomes = append(s.outcomes, h)
			}
		}
	})
}

// BeforePublisher is called before an event is held to the contract and
// published; it may add extensions. For a single event the context that it
// returns goes on. An event of an outbox comes twice: to [Producer.Entry] with the
// context of who writes it, and to [Producer.Relay] with that of who relays, where
// the extensions that it has are to be left as they are.
type BeforePublisher interface {
	BeforePublish(ctx context.Context, e *Event) context.Context
}

// PublishHook is told of each event that was published, or was not. One that was
// written to an outbox has not been published until it is relayed.
type PublishHook interface {
	Published(ctx context.Context, e *Event, took time.Duration, err error)
}

// EntryHook is told of each event that [Producer.Entry] has prepared for an outbox,
// and that became an entry, or did not.
type EntryHook interface {
	Entered(ctx context.Context, e *Event, err error)
}

// OutcomeHook is told what became of each delivery. One that panics, or ends its
// goroutine, is said in the log, and stops no event.
type OutcomeHook interface {
	Outcome(ctx context.Context, o Outcome)
}

// Source is the source of events that are made of data. Otherwise it is what the
// contract says.
func Source(source string) ProducerOption {
	return producerOption(func(s *settings) { s.source = source })
}

// OnChannel publishes on the channel of this name, where the contract sends an
// event type on several.
func OnChannel(name string) ProducerOption {
	return producerOption(func(s *settings) { s.channel = name })
}

// Store is where handled events are remembered, for as long as the contract's
// window at least. Otherwise it is a file, see [NewConsumer]. The consumer does not
// close it.
func Store(st store.Store) ConsumerOption { return consumerOption(func(s *settings) { s.store = st }) }

// Inbox is where handled events are remembered in the handler's own transaction:
// effects exactly once.
func Inbox(in store.Inbox) ConsumerOption { return consumerOption(func(s *settings) { s.inbox = in }) }

// Channels are the names of those channels alone that are consumed.
func Channels(names ...string) ConsumerOption {
	return consumerOption(func(s *settings) { s.channels = names })
}

// StartAt is where a group begins that is new. Where the contract says that it
// begins at the earliest, or with a bootstrap, it can be no later.
func StartAt(start broker.Start) ConsumerOption {
	return consumerOption(func(s *settings) { s.start = &start })
}

// MaxInFlight is how many events of each channel are handled at a time, where that
// is fewer than the contract's.
func MaxInFlight(n int) ConsumerOption { return consumerOption(func(s *settings) { s.inFlight = n }) }

// MaxAttempts is how often an event is tried, where that is more often than the
// contract says.
func MaxAttempts(n int) ConsumerOption { return consumerOption(func(s *settings) { s.attempts = n }) }

// DefaultDrain is how long handlers that run may go on once a consumer is to end.
const DefaultDrain = 30 * time.Second

// Drain is how long handlers that run may go on once the consumer is to end.
func Drain(d time.Duration) ConsumerOption { return consumerOption(func(s *settings) { s.drain = d }) }

// Use puts middleware around the handlers, the first outermost.
func Use(middleware ...func(Handler) Handler) ConsumerOption {
	return consumerOption(func(s *settings) { s.middleware = append(s.middleware, middleware...) })
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
