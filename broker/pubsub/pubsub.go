// Package pubsub is the adapter for Google Cloud Pub/Sub. A channel is a topic, a
// group is a subscription of it, and a key is an ordering key. It is a package
// that costs a program 16 MB, which is why nothing imports it but who needs it.
//
//	pubsub://project
//	pubsub://project?endpoint=127.0.0.1:8085   an emulator, without TLS and credentials
//
// Credentials are those that Google's libraries find (the environment's
// GOOGLE_APPLICATION_CREDENTIALS, the metadata server), or credentials=FILE;
// PUBSUB_EMULATOR_HOST is honoured.
//
// Settings of channels:
//
//	pubsub.topic         the topic's id; otherwise the address
//	pubsub.subscription  the subscription's id; otherwise GROUP.TOPIC
//	pubsub.retention     how long the topic keeps messages, 10m to 31 days as time.ParseDuration reads it
//	pubsub.ackDeadline   seconds until what a lost member had comes to another, 10 to 600; 60
//
// What a member has not settled when it ends goes back to the service before the
// connection is closed, and comes to another at once, unless the service sends it, or
// something behind it, on the stream that is just ending: then it comes, and with it
// what is behind it of its key, after pubsub.ackDeadline, as what a member had does
// that vanishes.
//
// A subscription begins when it is made: a start from the earliest or a time is
// refused. (Pub/Sub can seek where the topic has a retention; this adapter does
// not.)
package pubsub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens pubsub://.
var Adapter = broker.Adapter{Name: "pubsub", Schemes: []string{"pubsub"}, Params: []string{"endpoint", "credentials"}, Open: open}

// MaxBytes is the greatest message that Pub/Sub takes, with its attributes.
const MaxBytes = 10_000_000

// Broker is a client of a project.
type Broker struct {
	target  *broker.Target
	project string
	client  *pubsub.Client

	mu            sync.Mutex
	closed        bool
	publishers    map[string]*pubsub.Publisher
	subscriptions map[*subscription]bool
}

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	if len(t.Hosts) != 1 {
		return nil, t.Fail("open", "", broker.ErrUsage, errors.New("it names no project"), "write pubsub://project")
	}
	if err := t.NoPath("topics are the addresses of the contract's channels"); err != nil {
		return nil, err
	}
	b := &Broker{target: t, project: strings.TrimSuffix(t.Hosts[0], ":"), publishers: map[string]*pubsub.Publisher{}, subscriptions: map[*subscription]bool{}}
	var options []option.ClientOption
	endpoint := t.Params.Get("endpoint")
	if endpoint == "" {
		endpoint = os.Getenv("PUBSUB_EMULATOR_HOST")
	}
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	}
	if file := t.Params.Get("credentials"); file != "" {
		if _, err := os.Stat(file); err != nil {
			return nil, t.Fail("open", "", broker.ErrUsage, fmt.Errorf("credentials: %w", err), "")
		}
		options = append(options, option.WithAuthCredentialsFile(option.ServiceAccount, file))
	}
	var err error
	if b.client, err = pubsub.NewClient(context.WithoutCancel(ctx), b.project, options...); err != nil {
		return nil, t.Fail("open", "", broker.ErrDenied, err, "name the credentials with credentials=FILE or GOOGLE_APPLICATION_CREDENTIALS")
	}
	// Whoever may not list topics has been answered, too.
	topics := b.client.TopicAdminClient.ListTopics(ctx, &pubsubpb.ListTopicsRequest{Project: "projects/" + b.project, PageSize: 1})
	if _, err := topics.Next(); err != nil && !errors.Is(err, iterator.Done) && status.Code(err) != codes.PermissionDenied {
		b.client.Close()
		kind := broker.ErrUnreachable
		switch status.Code(err) {
		case codes.Unauthenticated:
			kind = broker.ErrDenied
		case codes.NotFound, codes.InvalidArgument:
			kind = broker.ErrUsage
		}
		if context.Cause(ctx) == context.Canceled {
			return nil, context.Canceled
		}
		return nil, t.Fail("open", "", kind, err, "")
	}
	return b, nil
}

// Features is what Pub/Sub can do.
func (b *Broker) Features() broker.Features {
	return broker.Features{Share: true, Keep: true, Order: broker.KeyOrder, GroupOrder: broker.KeyOrder, Positions: true, MaxBytes: MaxBytes}
}

// Binding is that of Pub/Sub.
func (b *Broker) Binding() *event.Binding { return event.PubSub }

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *Broker) fail(op, channel string, err error) error {
	if err == nil {
		return nil
	}
	var known *broker.Error
	if errors.As(err, &known) {
		return err
	}
	var kind error
	advice := ""
	switch {
	case b.isClosed(), errors.Is(err, pubsub.ErrPublisherStopped):
		kind = broker.ErrClosed
	case broker.Ended(err):
		return err
	case errors.Is(err, pubsub.ErrOversizedMessage):
		kind = broker.ErrTooLarge
	default:
		switch status.Code(err) {
		case codes.Canceled:
			return errors.Join(context.Canceled, err)
		case codes.DeadlineExceeded:
			return errors.Join(context.DeadlineExceeded, err)
		case codes.NotFound:
			kind, advice = broker.ErrNoChannel, "make the topic, or declare the channel"
		case codes.PermissionDenied, codes.Unauthenticated:
			kind = broker.ErrDenied
		case codes.Unavailable:
			kind = broker.ErrUnreachable
		}
	}
	return b.target.Fail(op, channel, kind, err, advice)
}

// id makes an id of a topic or subscription of an address or group: it begins
// with a letter and has letters, digits and -_.~+%.
func id(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', i > 0 && c >= '0' && c <= '9', i > 0 && strings.IndexByte("-_.~+", c) >= 0:
			b.WriteByte(c)
		default:
			if i == 0 {
				b.WriteByte('x')
			}
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	for b.Len() < 3 {
		b.WriteByte('~')
	}
	return b.String()
}

func (b *Broker) topic(c *broker.Channel) string {
	return "projects/" + b.project + "/topics/" + c.Setting("pubsub.topic", id(c.Address))
}

// publisher publishes to one topic; its client batches.
func (b *Broker) publisher(topic string) (*pubsub.Publisher, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, broker.ErrClosed
	}
	p := b.publishers[topic]
	if p == nil {
		p = b.client.Publisher(topic)
		p.EnableMessageOrdering = true
		p.PublishSettings.DelayThreshold = time.Millisecond
		b.publishers[topic] = p
	}
	return p, nil
}

// Publish publishes messages and waits until the service has them.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	var failures broker.Failures
	p, err := b.publisher(b.topic(&channel))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		for i := range messages {
			failures.Add(i, b.fail("publish", channel.Address, err))
		}
		return failures.Err(len(messages))
	}
	results := make([]*pubsub.PublishResult, len(messages))
	for i := range messages {
		m := &messages[i]
		if len(m.Body) > MaxBytes {
			failures.Add(i, b.target.Fail("publish", channel.Address, broker.ErrTooLarge, fmt.Errorf("%d bytes, and Pub/Sub takes %d", len(m.Body), MaxBytes), ""))
			continue
		}
		made := &pubsub.Message{Data: m.Body, OrderingKey: m.Key}
		if len(m.Headers) > 0 {
			made.Attributes = make(map[string]string, len(m.Headers))
			for j := range m.Headers {
				made.Attributes[m.Headers[j].Name] = m.Headers[j].Value.String()
			}
		}
		if len(made.Data) == 0 && len(made.Attributes) == 0 {
			made.Attributes = map[string]string{"treaty-empty": "true"} // Pub/Sub takes no message of nothing
		}
		results[i] = p.Publish(ctx, made)
	}
	for i, r := range results {
		if r == nil {
			continue
		}
		_, err := r.Get(ctx)
		if err != nil && messages[i].Key != "" {
			p.ResumePublish(messages[i].Key) // which an error has paused
		}
		failures.Add(i, b.fail("publish", channel.Address, err))
	}
	return failures.Err(len(messages))
}

// Declare makes the topic of a channel.
func (b *Broker) Declare(ctx context.Context, channel broker.Channel) error {
	topic := &pubsubpb.Topic{Name: b.topic(&channel)}
	if s := channel.Setting("pubsub.retention", ""); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return b.target.Fail("declare", channel.Address, broker.ErrUsage, fmt.Errorf("pubsub.retention: %w", err), "")
		}
		topic.MessageRetentionDuration = durationpb.New(d)
	}
	_, err := b.client.TopicAdminClient.CreateTopic(ctx, topic)
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	return b.fail("declare", channel.Address, err)
}

// Remove deletes the topic of a channel. Its subscriptions stay, without one.
func (b *Broker) Remove(ctx context.Context, channel broker.Channel) error {
	err := b.client.TopicAdminClient.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: b.topic(&channel)})
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return b.fail("remove", channel.Address, err)
}

// Close ends the subscriptions and the connection.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var all []*subscription
	for s := range b.subscriptions {
		all = append(all, s)
	}
	publishers := b.publishers
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range all {
		s.Close(b.fail("subscribe", s.address, broker.ErrClosed))
		_ = s.Stop(ctx)
	}
	for _, p := range publishers {
		p.Stop()
	}
	return b.client.Close()
}

var readers atomic.Uint64

// Subscribe makes or finds the subscription of the group.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if b.isClosed() {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrClosed, nil, "")
	}
	if options.Start.From != broker.Latest {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUnsupported, errors.New("a subscription has no messages from before it was made"), "start from the latest")
	}
	deadline, err := strconv.Atoi(channel.Setting("pubsub.ackDeadline", "60"))
	if err != nil || deadline < 10 || deadline > 600 {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUsage, fmt.Errorf("pubsub.ackDeadline is %q, and has to be from 10 to 600", channel.Setting("pubsub.ackDeadline", "")), "")
	}
	topic := b.topic(&channel)
	name := id(options.Group + "." + topic[strings.LastIndexByte(topic, '/')+1:])
	made := &pubsubpb.Subscription{Topic: topic, AckDeadlineSeconds: int32(deadline), EnableMessageOrdering: true}
	if options.Group == "" {
		host, _ := os.Hostname()
		name = id(fmt.Sprintf("reader-%s-%d-%d-%d", host, os.Getpid(), time.Now().UnixNano(), readers.Add(1)))
		made.ExpirationPolicy = &pubsubpb.ExpirationPolicy{Ttl: durationpb.New(24 * time.Hour)} // should this process not come to delete it
	} else {
		name = channel.Setting("pubsub.subscription", name)
	}
	made.Name = "projects/" + b.project + "/subscriptions/" + name
	if _, err := b.client.SubscriptionAdminClient.CreateSubscription(ctx, made); err != nil && status.Code(err) != codes.AlreadyExists {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	subscriber := b.client.Subscriber(made.Name)
	inFlight := options.InFlight()
	subscriber.ReceiveSettings.MaxOutstandingMessages = inFlight
	subscriber.ReceiveSettings.NumGoroutines = 1
	subscriber.ReceiveSettings.MinDurationPerAckExtension = time.Duration(deadline) * time.Second
	subscriber.ReceiveSettings.MaxDurationPerAckExtension = time.Duration(deadline) * time.Second // otherwise the stream asks for 60 s
	subscriber.ReceiveSettings.MaxExtension = 24 * time.Hour
	running, cancel := context.WithCancel(context.Background())
	s := &subscription{Gate: gate.New(inFlight, handle), broker: b, address: channel.Address, cancel: cancel, ended: make(chan struct{}), held: map[*pubsub.Message]bool{}}
	if options.Group == "" {
		s.forget = func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = b.client.SubscriptionAdminClient.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: made.Name})
		}
	}
	b.mu.Lock()
	if b.closed { // since: Close did not see it
		b.mu.Unlock()
		cancel()
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrClosed, nil, "")
	}
	b.subscriptions[s] = true
	b.mu.Unlock()
	go func() {
		defer close(s.ended)
		err := subscriber.Receive(running, func(_ context.Context, m *pubsub.Message) {
			d := &delivery{s: s, m: m, attempt: 1}
			if m.DeliveryAttempt != nil {
				d.attempt = *m.DeliveryAttempt
			}
			if len(m.Data) > 0 {
				d.message.Body = m.Data
			}
			d.message.Headers = make([]event.Header, 0, len(m.Attributes))
			for name, v := range m.Attributes {
				if name != "treaty-empty" {
					d.message.Headers = append(d.message.Headers, event.Header{Name: name, Value: event.TextValue(v)})
				}
			}
			s.hold(m)
			if !s.Deliver(d) {
				s.giveBack(m)
			}
		})
		s.Gate.Close(b.fail("subscribe", channel.Address, err))
	}()
	return s, nil
}

type subscription struct {
	*gate.Gate
	broker  *Broker
	address string
	cancel  func()
	forget  func() // nil where the subscription stays
	ended   chan struct{}
	once    sync.Once

	mu   sync.Mutex
	held map[*pubsub.Message]bool // neither acknowledged nor given back
	left bool                     // nothing is held any more
}

// hold notes that a message has come.
func (s *subscription) hold(m *pubsub.Message) {
	s.mu.Lock()
	s.held[m] = true
	s.mu.Unlock()
}

// release reports whether a message is still to be settled, which is then up to who
// asked.
func (s *subscription) release(m *pubsub.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[m]
	delete(s.held, m)
	return held
}

// giveBack is for a message that came while the subscription ends, or waited to come
// again. It goes back to the service with all others: what is given back before comes
// here again as long as the stream is there, and goes down with it, and the client may
// still extend it a moment after, both of which have it wait for its deadline.
func (s *subscription) giveBack(m *pubsub.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left && s.held[m] {
		delete(s.held, m)
		m.Nack()
	}
}

// leave gives back all that is held, and whatever comes from now on.
func (s *subscription) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	for m := range s.held {
		m.Nack()
	}
	clear(s.held)
}

// letGo is how long Stop waits until the service has been told what was settled, and
// what goes back to it: the client has done so when Receive returns, as long as it is
// asked for no end by a time, after which it goes on in the background.
const letGo = 2 * time.Second

func (s *subscription) Stop(ctx context.Context) error {
	s.Close(nil)
	err := s.Drain(ctx)
	s.once.Do(func() {
		s.cancel()
		s.leave()
		select {
		case <-s.ended:
		case <-time.After(letGo):
		}
		if s.forget != nil {
			s.forget()
		}
		s.broker.mu.Lock()
		delete(s.broker.subscriptions, s)
		s.broker.mu.Unlock()
	})
	return err
}

type delivery struct {
	s       *subscription
	m       *pubsub.Message
	message event.Message
	attempt int
	settled atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.s.address }
func (d *delivery) Key() string             { return d.m.OrderingKey }
func (d *delivery) Position() string        { return d.m.ID }
func (d *delivery) Time() time.Time         { return d.m.PublishTime }
func (d *delivery) Attempt() int            { return d.attempt }

// InProgress does nothing: the client keeps the message until it is settled.
func (d *delivery) InProgress() error { return nil }

func (d *delivery) Ack() error {
	if d.settled.Swap(true) {
		return nil
	}
	if d.s.release(d.m) { // and has not been given back
		d.m.Ack()
	}
	d.s.Settled()
	return nil
}

// Term is Ack: Pub/Sub knows no other way past a message.
func (d *delivery) Term() error { return d.Ack() }
func (d *delivery) Nak() error  { return d.NakWithDelay(0) }

// NakWithDelay brings the message back from memory, while the client keeps it.
// Given back to the service, it would take all later messages of its key along.
func (d *delivery) NakWithDelay(delay time.Duration) error {
	if d.settled.Swap(true) {
		return nil
	}
	next := &delivery{s: d.s, m: d.m, message: d.message, attempt: d.attempt + 1}
	d.s.Again(delay, func() broker.Delivery { return next }, func() { d.s.giveBack(d.m) })
	return nil
}
