// Package nats is the adapter for NATS with JetStream. A channel is a subject,
// and the stream that has it; a group is a durable consumer.
//
//	nats://user:password@host:4222,host2:4222
//	nats://host?creds=FILE
//	nats://host?token=…   (better: TREATY_BROKER_TOKEN)
//
// Settings of channels:
//
//	nats.stream           the stream's name; otherwise made of the address
//	nats.replicas         copies of a stream that is declared, 1
//	nats.maxAge           how long it keeps messages, as time.ParseDuration reads it; for ever
//	nats.duplicateWindow  how long it knows an Identity, 2m
//	nats.storage          file or memory
//	nats.maxAckPending    unsettled deliveries of a whole group, 1000 or more
package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens nats:// and, with TLS, tls://.
var Adapter = broker.Adapter{Name: "nats", Schemes: []string{"nats", "tls"}, Port: "4222", Params: []string{"creds", "token"}, Open: open}

// Broker is a connection to a NATS server.
type Broker struct {
	target *broker.Target
	conn   *nats.Conn
	js     jetstream.JetStream
	// AutoDeclare makes the stream of a channel that has none, when it is published
	// or subscribed to.
	AutoDeclare bool
	// OnClose is called when the connection has been closed.
	OnClose func() error
	closed  atomic.Bool
	known   sync.Map // addresses that AutoDeclare has seen to
}

// publishWait is how long an acknowledgement is waited for until the message is
// sent again.
const publishWait = 5 * time.Second

// pullWait is how long a request for messages stands: what a lost one can cost.
const pullWait = 5 * time.Second

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	var options []nats.Option
	if t.User != "" || t.Password != "" {
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	if token := t.Params.Get("token"); token != "" {
		t.Token = token
	}
	if t.Token != "" {
		options = append(options, nats.Token(t.Token))
	}
	if file := t.Params.Get("creds"); file != "" {
		options = append(options, nats.UserCredentials(file))
	}
	if t.TLS != nil {
		options = append(options, nats.Secure(t.TLS))
	}
	if len(t.Hosts) == 0 {
		t.Hosts = []string{"127.0.0.1:4222"}
	}
	urls := make([]string, len(t.Hosts))
	for i, h := range t.Hosts {
		urls[i] = "nats://" + h
	}
	b, err := Connect(ctx, t, strings.Join(urls, ","), options...)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Connect makes a Broker of a connection that nats.go makes.
func Connect(ctx context.Context, t *broker.Target, urls string, options ...nats.Option) (*Broker, error) {
	b := &Broker{target: t}
	options = append(options, nats.Name("treaty"), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(broker.Backoff), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if until, ok := ctx.Deadline(); ok {
		options = append(options, nats.Timeout(time.Until(until)))
	}
	conn, err := nats.Connect(urls, options...)
	if err != nil {
		kind := broker.ErrUnreachable
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
			kind = broker.ErrDenied
		}
		return nil, t.Fail("open", "", kind, err, "")
	}
	b.conn = conn
	b.js, err = jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(maxPending*4), jetstream.WithPublishAsyncTimeout(publishWait))
	if err == nil {
		_, err = b.js.AccountInfo(ctx)
	}
	if err != nil {
		conn.Close()
		kind, advice := error(nil), ""
		switch {
		case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
			kind, advice = broker.ErrUnsupported, "treaty keeps events in JetStream: start nats-server with -js"
		case errors.Is(err, nats.ErrPermissionViolation):
			kind = broker.ErrDenied
		case broker.Ended(err):
			kind = broker.ErrUnreachable
		}
		return nil, t.Fail("open", "", kind, err, advice)
	}
	return b, nil
}

// Features is what JetStream can do.
func (b *Broker) Features() broker.Features {
	return broker.Features{Replay: true, ReplayTime: true, Share: true, Keep: true, Order: broker.ChannelOrder, Attempts: true, Dedupe: true, AckWait: true,
		Positions: true, Expires: b.perMessageTTL(), MaxBytes: int(b.conn.MaxPayload())}
}

// perMessageTTL came with 2.11.
func (b *Broker) perMessageTTL() bool {
	major, minor, _ := strings.Cut(b.conn.ConnectedServerVersion(), ".")
	minor, _, _ = strings.Cut(minor, ".")
	i, _ := strconv.Atoi(major)
	j, _ := strconv.Atoi(minor)
	return i > 2 || i == 2 && j >= 11
}

// Binding is that of NATS.
func (b *Broker) Binding() *event.Binding { return event.NATS }

// Close closes the connection.
func (b *Broker) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	if b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(time.Second) // what was settled last
	}
	b.conn.Close()
	if b.OnClose != nil {
		return b.OnClose()
	}
	return nil
}

func (b *Broker) fail(op, channel string, err error) error {
	if err == nil || broker.Ended(err) && !b.closed.Load() {
		return err
	}
	var kind error
	advice := ""
	switch {
	case b.closed.Load(), errors.Is(err, nats.ErrConnectionClosed):
		kind = broker.ErrClosed
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		kind, advice = broker.ErrNoChannel, "no stream has this subject: declare the channel, or make a stream for it"
	case errors.Is(err, nats.ErrMaxPayload):
		kind = broker.ErrTooLarge
	case errors.Is(err, nats.ErrPermissionViolation), errors.Is(err, nats.ErrAuthorization):
		kind = broker.ErrDenied
	}
	return b.target.Fail(op, channel, kind, err, advice)
}

// maxPending is how many messages of a call wait for their acknowledgement at a
// time.
const maxPending = 1024

// Publish sends messages and waits for the acknowledgement of the stream.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	var failures broker.Failures
	if err := b.declare(ctx, channel); err != nil {
		for i := range messages {
			failures.Add(i, err)
		}
		return failures.Err(len(messages))
	}
	var futures [maxPending]jetstream.PubAckFuture
	for from := 0; from < len(messages); from += maxPending {
		part := messages[from:min(from+maxPending, len(messages))]
		for i := range part {
			futures[i] = nil
			var err error
			if futures[i], err = b.send(&channel, &part[i]); err != nil {
				failures.Add(from+i, b.fail("publish", channel.Address, err))
			}
		}
		for i := range part {
			if futures[i] != nil {
				failures.Add(from+i, b.fail("publish", channel.Address, b.acknowledged(ctx, &channel, &part[i], futures[i])))
			}
		}
	}
	return failures.Err(len(messages))
}

func (b *Broker) send(channel *broker.Channel, m *broker.Message) (jetstream.PubAckFuture, error) {
	if limit := b.conn.MaxPayload(); int64(len(m.Body)) > limit {
		return nil, nats.ErrMaxPayload
	}
	made := &nats.Msg{Subject: channel.Address, Data: m.Body}
	if len(m.Headers) > 0 || m.Identity != "" || m.Expires > 0 {
		made.Header = make(nats.Header, len(m.Headers)+2)
		values := make([]string, len(m.Headers)) // one allocation for all
		for i := range m.Headers {
			h := &m.Headers[i]
			if strings.ContainsAny(h.Name, ": \r\n") || strings.ContainsAny(h.Value.String(), "\r\n") {
				return nil, fmt.Errorf("%w: header %q has a line break, or a name that is none", broker.ErrUsage, h.Name)
			}
			values[i] = h.Value.String()
			if have, ok := made.Header[h.Name]; ok {
				made.Header[h.Name] = append(have, values[i])
				continue
			}
			made.Header[h.Name] = values[i : i+1 : i+1]
		}
		if m.Identity != "" {
			made.Header[jetstream.MsgIDHeader] = []string{m.Identity}
		}
		if m.Expires > 0 {
			made.Header[jetstream.MsgTTLHeader] = []string{max(m.Expires.Round(time.Second), time.Second).String()}
		}
	}
	return b.js.PublishMsgAsync(made)
}

// acknowledged waits for an acknowledgement, and sends again what got lost on
// the way.
func (b *Broker) acknowledged(ctx context.Context, channel *broker.Channel, m *broker.Message, future jetstream.PubAckFuture) error {
	for n := 0; ; n++ {
		select {
		case <-future.Ok():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case err := <-future.Err():
			switch {
			case b.closed.Load():
				return err
			case errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, nats.ErrDisconnected):
				select {
				case <-time.After(broker.Backoff(n)):
				case <-ctx.Done():
					return ctx.Err()
				}
			default:
				return err
			}
			var sent error
			if future, sent = b.send(channel, m); sent != nil {
				return sent
			}
		}
	}
}

// name makes a name of a stream or consumer of an address or group: no dots,
// blanks or what a file's name cannot have.
func name(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			b.WriteByte('~')
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// declare declares a channel that has not been used yet, where AutoDeclare says
// so.
func (b *Broker) declare(ctx context.Context, channel broker.Channel) error {
	if !b.AutoDeclare {
		return nil
	}
	if _, ok := b.known.Load(channel.Address); ok {
		return nil
	}
	err := b.Declare(ctx, channel)
	if err == nil {
		b.known.Store(channel.Address, true)
	}
	return err
}

// Declare makes the stream of a channel, where no stream has its subject.
func (b *Broker) Declare(ctx context.Context, channel broker.Channel) error {
	if _, err := b.js.StreamNameBySubject(ctx, channel.Address); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.fail("declare", channel.Address, err)
	}
	replicas, err := strconv.Atoi(channel.Setting("nats.replicas", "1"))
	if err != nil {
		return b.target.Fail("declare", channel.Address, broker.ErrUsage, err, "")
	}
	if b.AutoDeclare {
		replicas = 1 // the server is alone
	}
	c := jetstream.StreamConfig{
		Name: channel.Setting("nats.stream", name(channel.Address)), Subjects: []string{channel.Address}, Replicas: replicas,
		AllowMsgTTL: b.perMessageTTL(),
	}
	if channel.Setting("nats.storage", "file") == "memory" {
		c.Storage = jetstream.MemoryStorage
	}
	for setting, at := range map[string]*time.Duration{"nats.maxAge": &c.MaxAge, "nats.duplicateWindow": &c.Duplicates} {
		if s := channel.Setting(setting, ""); s != "" {
			if *at, err = time.ParseDuration(s); err != nil {
				return b.target.Fail("declare", channel.Address, broker.ErrUsage, fmt.Errorf("%s: %w", setting, err), "")
			}
		}
	}
	_, err = b.js.CreateStream(ctx, c)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		if _, again := b.js.StreamNameBySubject(ctx, channel.Address); again == nil {
			return nil // another was quicker
		}
	}
	return b.fail("declare", channel.Address, err)
}

// Remove deletes the stream of a channel.
func (b *Broker) Remove(ctx context.Context, channel broker.Channel) error {
	b.known.Delete(channel.Address)
	stream, err := b.js.StreamNameBySubject(ctx, channel.Address)
	if err == nil {
		err = b.js.DeleteStream(ctx, stream)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return b.fail("remove", channel.Address, err)
}

// chunk is how many deliveries are made at a time.
const chunk = 32

// Subscribe makes or finds the consumer of the group.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if err := b.declare(ctx, channel); err != nil {
		return nil, err
	}
	stream, err := b.js.StreamNameBySubject(ctx, channel.Address)
	if err != nil {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	inFlight := options.InFlight()
	pending, err := strconv.Atoi(channel.Setting("nats.maxAckPending", strconv.Itoa(max(1000, inFlight))))
	if err != nil {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUsage, fmt.Errorf("nats.maxAckPending: %w", err), "")
	}
	c := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: options.AckWait, FilterSubject: channel.Address, MaxAckPending: pending}
	switch options.Start.From {
	case broker.Earliest:
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	case broker.Latest:
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	case broker.At:
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &options.Start.Time
	}
	var consumer jetstream.Consumer
	if options.Group == "" {
		c.InactiveThreshold = 5 * time.Minute
		consumer, err = b.js.CreateConsumer(ctx, stream, c)
	} else {
		c.Durable = name(options.Group) + "-" + name(channel.Address)
		consumer, err = b.js.Consumer(ctx, stream, c.Durable)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			consumer, err = b.js.CreateOrUpdateConsumer(ctx, stream, c)
		case err == nil:
			have := consumer.CachedInfo().Config
			if have.MaxAckPending < c.MaxAckPending || options.AckWait != 0 && have.AckWait != options.AckWait {
				have.MaxAckPending = max(have.MaxAckPending, c.MaxAckPending)
				if options.AckWait != 0 {
					have.AckWait = options.AckWait
				}
				consumer, err = b.js.UpdateConsumer(ctx, stream, have)
			}
		}
	}
	if err != nil {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	s := &subscription{Gate: gate.New(inFlight, handle)}
	var made []delivery // some at a time, by one callback after the other
	s.consuming, err = consumer.Consume(func(m jetstream.Msg) {
		if len(made) == 0 {
			made = make([]delivery, chunk)
		}
		d := &made[0]
		made = made[1:]
		d.msg, d.gate, d.broker = m, s.Gate, b
		if h := m.Headers(); len(h) > 0 {
			d.message.Headers = make([]event.Header, 0, len(h))
			d.message.FromMap(h)
		}
		if data := m.Data(); len(data) > 0 {
			d.message.Body = data
		}
		if !s.Deliver(d) {
			_ = m.Nak()
		}
	}, jetstream.PullMaxMessages(max(2, inFlight)), jetstream.PullExpiry(pullWait), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		if errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, nats.ErrConnectionClosed) {
			go s.Close(b.fail("subscribe", channel.Address, err))
		}
	}))
	if err != nil {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	if options.Group == "" {
		s.forget = func(ctx context.Context) { _ = b.js.DeleteConsumer(ctx, stream, consumer.CachedInfo().Name) }
	}
	go func() {
		<-s.consuming.Closed()
		s.Close(nil)
	}()
	return s, nil
}

type subscription struct {
	*gate.Gate
	consuming jetstream.ConsumeContext
	forget    func(context.Context) // nil where the consumer stays
}

func (s *subscription) Stop(ctx context.Context) error {
	s.Close(nil)
	s.consuming.Drain() // what was fetched goes back
	select {
	case <-s.consuming.Closed():
	case <-ctx.Done():
		s.consuming.Stop()
	}
	err := s.Drain(ctx)
	if s.forget != nil {
		s.forget(context.WithoutCancel(ctx))
	}
	return err
}

type delivery struct {
	message event.Message
	msg     jetstream.Msg
	gate    *gate.Gate
	broker  *Broker
	settled atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.msg.Subject() }
func (d *delivery) Key() string             { return "" }

func (d *delivery) meta() jetstream.MsgMetadata {
	if m, err := d.msg.Metadata(); err == nil {
		return *m
	}
	return jetstream.MsgMetadata{}
}

func (d *delivery) Position() string { return strconv.FormatUint(d.meta().Sequence.Stream, 10) }
func (d *delivery) Time() time.Time  { return d.meta().Timestamp }
func (d *delivery) Attempt() int     { return int(d.meta().NumDelivered) }

func (d *delivery) settle(by func() error) error {
	if d.settled.Swap(true) {
		return nil
	}
	err := by()
	d.gate.Settled()
	return d.broker.fail("settle", d.msg.Subject(), err)
}

func (d *delivery) Ack() error  { return d.settle(d.msg.Ack) }
func (d *delivery) Nak() error  { return d.settle(d.msg.Nak) }
func (d *delivery) Term() error { return d.settle(d.msg.Term) }
func (d *delivery) NakWithDelay(delay time.Duration) error {
	return d.settle(func() error { return d.msg.NakWithDelay(delay) })
}

func (d *delivery) InProgress() error {
	if d.settled.Load() {
		return nil
	}
	return d.broker.fail("settle", d.msg.Subject(), d.msg.InProgress())
}
