// Package nats is the adapter for NATS with JetStream. A channel is a subject,
// and the stream that has it; a group is a durable consumer. Who publishes has a
// second connection for that, from the first time on.
//
//	nats://user:password@host:4222,host2:4222
//	nats://host?creds=FILE
//	nats://token@host     (better: TREATY_BROKER_TOKEN)
//	nats://host?token=…   (the same)
//
// Settings of channels:
//
//	nats.stream           the stream's name; otherwise made of the address
//	nats.replicas         copies of a stream that is declared, 1
//	nats.maxAge           how long it keeps messages, as time.ParseDuration reads it; for ever
//	nats.duplicateWindow  how long it knows an Identity, 2m
//	nats.storage          file or memory
//	nats.maxAckPending    unsettled deliveries of a whole group, 1000 or more
//	nats.singleActive     true: one member at a time gets the messages of a group, in order; the
//	                      others take over when it ends, or seconds after it was last heard of
//
// Messages expire on streams that let them (AllowMsgTTL, from 2.11 on), as those do
// that are declared. On another they are kept as long as the rest.
package nats

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

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
	conn   *nats.Conn // for all but publishing
	js     jetstream.JetStream
	outlet outlet
	// urls and options are those of every connection.
	urls    string
	options []nats.Option
	// AutoDeclare makes the stream of a channel that has none, when it is published
	// or subscribed to.
	AutoDeclare bool
	// OnClose is called when the connection has been closed.
	OnClose func() error
	closed  atomic.Bool
	dials   atomic.Uint64 // see countDials
	known   sync.Map      // addresses that AutoDeclare has seen to
	// expiring are subjects, by when their stream last refused a message that expires; by
	// the zero time where it took one. What is not here is not known.
	expiring sync.Map
	acks     acks
}

// pullWait is how long a request for messages stands: what a lost one can cost. It is
// shorter than retire, so that none is left of a member whose lease ran out.
const pullWait = 4 * time.Second

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	if err := t.NoPath("subjects are the addresses of the contract's channels"); err != nil {
		return nil, err
	}
	var options []nats.Option
	if token := t.Params.Get("token"); token != "" {
		t.Token = token
	}
	switch {
	case t.User != "" && t.Password == "" && t.Token == "":
		t.Token = t.User // as in every URL of NATS
	case t.User != "" || t.Password != "":
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	if t.Token != "" {
		options = append(options, nats.Token(t.Token))
	}
	if file := t.Params.Get("creds"); file != "" {
		if _, err := os.Stat(file); err != nil {
			return nil, t.Fail("open", "", broker.ErrUsage, fmt.Errorf("creds: %w", err), "")
		}
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

// Connect makes a Broker of a connection that nats.go makes. The options have no
// dialer: it has its own.
func Connect(ctx context.Context, t *broker.Target, urls string, options ...nats.Option) (*Broker, error) {
	b := &Broker{target: t, urls: urls}
	b.options = append(options, nats.Name("treaty"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	options = append(slices.Clip(b.options), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.CustomReconnectDelay(broker.Backoff))
	if until, ok := ctx.Deadline(); ok {
		options = append(options, nats.Timeout(time.Until(until)))
	}
	options = append(options, b.countDials)
	conn, err := nats.Connect(urls, options...)
	if err != nil {
		kind := broker.ErrUnreachable
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
			kind = broker.ErrDenied
		}
		return nil, t.Fail("open", "", kind, err, "")
	}
	b.conn = conn
	b.acks = acks{prefix: conn.NewInbox() + ".", calls: map[uint64]*call{}}
	b.js, err = jetstream.New(conn)
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

// countDials counts what the client dials, before it does: what comes over another
// connection comes behind another number. The client's own count is behind a lock that
// it holds while it writes.
func (b *Broker) countDials(o *nats.Options) error {
	if o.InProcessServer != nil {
		o.InProcessServer = dialled{o.InProcessServer, &b.dials}
		return nil
	}
	// The client divides its timeout among the addresses of a name with this one alone.
	o.Dialer = &net.Dialer{Timeout: o.Timeout, Control: func(string, string, syscall.RawConn) error {
		b.dials.Add(1)
		return nil
	}}
	return nil
}

// dialled counts what is dialled within the process.
type dialled struct {
	nats.InProcessConnProvider
	dials *atomic.Uint64
}

func (d dialled) InProcessConn() (net.Conn, error) {
	d.dials.Add(1)
	return d.InProcessConnProvider.InProcessConn()
}

// Features is what JetStream can do.
func (b *Broker) Features() broker.Features {
	return broker.Features{Replay: true, ReplayTime: true, Share: true, Keep: true, Order: broker.ChannelOrder, GroupOrder: broker.ChannelOrder, Attempts: true, Dedupe: true, AckWait: true,
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
	b.outlet.close()
	b.conn.Close()
	if b.OnClose != nil {
		return b.OnClose()
	}
	return nil
}

func (b *Broker) fail(op, channel string, err error) error {
	var known *broker.Error
	if err == nil || broker.Ended(err) && !b.closed.Load() || errors.As(err, &known) {
		return err
	}
	var kind error
	advice := ""
	switch {
	case b.closed.Load(), errors.Is(err, nats.ErrConnectionClosed):
		kind = broker.ErrClosed
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
		kind, advice = broker.ErrNoChannel, "the consumer of the group was deleted, and its place with it: subscribe anew, and say where to start"
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		kind, advice = broker.ErrNoChannel, "no stream has this subject: declare the channel, or make a stream for it"
	case errors.Is(err, nats.ErrMaxPayload), exceeds(err):
		kind = broker.ErrTooLarge
	case isFull(err):
		kind, advice = broker.ErrDenied, "the stream is full and discards what is new (discard=new): consume or purge it, raise max_msgs, max_bytes or max_msgs_per_subject, or let it discard the old"
	case refusedAs(err, accountExceeded), refusedAs(err, insufficient), refusedAs(err, insufficientMemory), refusedAs(err, insufficientStorage):
		kind, advice = broker.ErrDenied, "the account or the server has no more room for streams: raise its limits, or purge some"
	case refusedAs(err, sealed):
		kind, advice = broker.ErrDenied, "the stream is sealed, and takes nothing for good: publish on another"
	case refusedAs(err, alone):
		kind, advice = broker.ErrUnsupported, "a server that is alone keeps one copy: write replicas=1 in its URL"
	case errors.Is(err, nats.ErrMaxConnectionsExceeded), errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		kind, advice = broker.ErrUnreachable, "who publishes has two connections: let the server take more"
	case errors.Is(err, nats.ErrPermissionViolation), stays(err):
		kind = broker.ErrDenied
	case isTemporary(err):
		kind, advice = broker.ErrUnreachable, "JetStream does not do this just now: try again, and look at the server where it stays so"
	}
	return b.target.Fail(op, channel, kind, err, advice)
}

// headerTooLarge is what a server answers to headers of more than 64 KiB.
const headerTooLarge jetstream.ErrorCode = 10097

// alone is what a server that has no others answers to more than one replica.
const alone jetstream.ErrorCode = 10074

func refusedAs(err error, code jetstream.ErrorCode) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.ErrorCode == code
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

// subject refuses an address that is no subject of NATS, whatever is done with it:
// the server, the client and its protocol each say so in another way, or not at all.
func (b *Broker) subject(op, address string) error {
	if strings.ContainsAny(address, " \t\r\n\f") || !utf8.ValidString(address) || address == "" {
		return b.target.Fail(op, address, broker.ErrUsage, fmt.Errorf("%q is no subject: one has UTF-8 without blanks and line breaks", address), "write the channel's address, and what fills in its parameters, without them")
	}
	return nil
}

// literal refuses what is no subject, and one that has a wildcard: nothing is sent
// to one, and a stream made for one would take what others are made for.
func (b *Broker) literal(op, address string) error {
	if err := b.subject(op, address); err != nil {
		return err
	}
	for token := range strings.SplitSeq(address, ".") {
		if token == "*" || token == ">" || token == "" {
			return b.target.Fail(op, address, broker.ErrUsage, errors.New("the subject has a wildcard or an empty part"), "name one subject")
		}
	}
	return nil
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
	if err := b.literal("declare", channel.Address); err != nil {
		return err
	}
	if _, err := b.js.StreamNameBySubject(ctx, channel.Address); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.fail("declare", channel.Address, err)
	}
	replicas, err := strconv.Atoi(channel.Setting("nats.replicas", "1"))
	if err != nil {
		return b.target.Fail("declare", channel.Address, broker.ErrUsage, err, "")
	}
	replicas = b.target.AtMost(replicas)
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

// answerWait is how long an answer may take until it is taken for lost.
const answerWait = 2 * time.Second

// ask asks the server something that changes nothing, and once more where the answer
// may have been lost with its connection, as long as ctx lets it.
func ask(ctx context.Context, question func(context.Context) error) error {
	for {
		asking, cancel := context.WithTimeout(ctx, answerWait)
		err := question(asking)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
}

// Check compares nats.replicas, nats.maxAge, nats.duplicateWindow and
// nats.storage, those that are set, with the stream that has the subject. A server
// that is embedded is alone, and has no replicas.
func (b *Broker) Check(ctx context.Context, channel broker.Channel) error {
	if err := b.subject("check", channel.Address); err != nil {
		return err
	}
	var have *jetstream.StreamInfo
	err := ask(ctx, func(ctx context.Context) error {
		stream, err := b.js.StreamNameBySubject(ctx, channel.Address)
		if err != nil {
			return err
		}
		s, err := b.js.Stream(ctx, stream)
		if err == nil {
			have = s.CachedInfo()
		}
		return err
	})
	if err != nil {
		return b.fail("check", channel.Address, err)
	}
	wrong := func(setting string, err error) error {
		return b.target.Fail("check", channel.Address, broker.ErrUsage, fmt.Errorf("%s: %w", setting, err), "")
	}
	var d broker.Disagree
	if s := channel.Setting("nats.stream", ""); s != "" {
		d.Add("nats.stream", s, have.Config.Name)
	}
	if s := channel.Setting("nats.replicas", ""); s != "" && !b.AutoDeclare {
		n, err := strconv.Atoi(s)
		if err != nil {
			return wrong("nats.replicas", err)
		}
		d.Add("nats.replicas", strconv.Itoa(b.target.AtMost(n)), strconv.Itoa(have.Config.Replicas))
	}
	for _, one := range []struct {
		setting string
		there   time.Duration
	}{{"nats.maxAge", have.Config.MaxAge}, {"nats.duplicateWindow", have.Config.Duplicates}} {
		if s := channel.Setting(one.setting, ""); s != "" {
			asked, err := time.ParseDuration(s)
			if err != nil {
				return wrong(one.setting, err)
			}
			there := one.there.String()
			if one.there == 0 && one.setting == "nats.maxAge" {
				there = "for ever"
				if asked == 0 {
					continue
				}
			}
			d.Add(one.setting, asked.String(), there)
		}
	}
	if s := channel.Setting("nats.storage", ""); s != "" {
		d.Add("nats.storage", s, strings.ToLower(have.Config.Storage.String()))
	}
	return d.Err(b.target, channel.Address)
}

// Remove deletes the stream of a channel.
func (b *Broker) Remove(ctx context.Context, channel broker.Channel) error {
	if err := b.subject("remove", channel.Address); err != nil {
		return err
	}
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

// Subscribe makes or finds the consumer of the group.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if err := b.subject("subscribe", channel.Address); err != nil {
		return nil, err
	}
	if err := b.declare(ctx, channel); err != nil {
		return nil, err
	}
	var stream string
	err := ask(ctx, func(ctx context.Context) (err error) {
		stream, err = b.js.StreamNameBySubject(ctx, channel.Address)
		return err
	})
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
		// It is the reader that knows what came, and what is to come again.
		c.AckPolicy, c.AckWait, c.MaxAckPending = jetstream.AckNonePolicy, 0, 0
		c.InactiveThreshold = 5 * time.Minute
		consumer, err = b.js.CreateConsumer(ctx, stream, c)
	} else {
		c.Durable = name(options.Group) + "-" + name(channel.Address)
		consumer, err = b.durable(ctx, stream, c)
	}
	if err != nil {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	s := &subscription{Gate: gate.New(inFlight, handle), broker: b, address: channel.Address, stream: stream, config: c, consumer: consumer, inFlight: inFlight}
	if options.Group == "" {
		s.reader = &reader{last: consumer.CachedInfo().Delivered.Stream, until: math.MaxUint64}
	}
	if options.End {
		if s.reader.until, err = b.lastOf(ctx, stream, channel.Address); err != nil {
			return nil, b.fail("subscribe", channel.Address, err)
		}
	}
	if options.Group != "" && channel.Setting("nats.singleActive", "") == "true" {
		return s, s.standBy(ctx, channel)
	}
	if err := s.consume(turn{}); err != nil {
		return nil, b.fail("subscribe", channel.Address, err)
	}
	if s.reader != nil {
		go s.attend()
	}
	return s, nil
}

// durable makes the consumer of a group, or finds it and raises what it asks for.
func (b *Broker) durable(ctx context.Context, stream string, c jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	var consumer jetstream.Consumer
	err := ask(ctx, func(ctx context.Context) (err error) {
		consumer, err = b.js.Consumer(ctx, stream, c.Durable)
		return err
	})
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = b.js.CreateConsumer(ctx, stream, c)
		if errors.Is(err, jetstream.ErrConsumerExists) { // another was quicker, and asked for something else
			consumer, err = b.js.Consumer(ctx, stream, c.Durable)
		}
	}
	if err != nil {
		return nil, err
	}
	have := consumer.CachedInfo().Config
	if err := b.sameChannel(c, have); err != nil {
		return nil, err
	}
	if have.MaxAckPending < c.MaxAckPending || c.AckWait != 0 && have.AckWait != c.AckWait {
		have.MaxAckPending = max(have.MaxAckPending, c.MaxAckPending)
		if c.AckWait != 0 {
			have.AckWait = c.AckWait
		}
		return b.js.UpdateConsumer(ctx, stream, have)
	}
	return consumer, nil
}

// sameChannel refuses a consumer that is another group's on another channel of the
// stream: "g" on "eu-x" and "g-eu" on "x" have one name. It cannot be made otherwise
// for those that are there, whose place would be lost with their name. One that has
// been made by hand, for all subjects or some, is left to who made it.
func (b *Broker) sameChannel(asked, have jetstream.ConsumerConfig) error {
	other := have.FilterSubject
	if other == "" && len(have.FilterSubjects) == 1 {
		other = have.FilterSubjects[0]
	}
	if other == "" || other == asked.FilterSubject || strings.ContainsAny(other, "*>") {
		return nil
	}
	group := func(channel string) string {
		encoded := strings.TrimSuffix(asked.Durable, "-"+name(channel))
		decoded, err := url.PathUnescape(strings.NewReplacer("~", ".", "=", "%").Replace(encoded))
		if err != nil || encoded == asked.Durable { // it was not we who named it
			return encoded
		}
		return decoded
	}
	return b.target.Fail("subscribe", asked.FilterSubject, broker.ErrUsage,
		fmt.Errorf("group %q of this channel and group %q of channel %q have the same consumer, %q, which is the latter's", group(asked.FilterSubject), group(other), other, asked.Durable),
		"name one of the groups otherwise, or give the channels streams of their own")
}

// chunk is how many deliveries are made at a time, unless they are of more than
// large bytes: who holds one of them holds all.
const (
	chunk = 32
	large = 4 << 10
)

type subscription struct {
	*gate.Gate
	broker   *Broker
	address  string
	stream   string
	config   jetstream.ConsumerConfig
	inFlight int
	looking  atomic.Bool // after a consumer that may be gone
	reader   *reader     // nil where there is a group

	mu        sync.Mutex
	consumer  jetstream.Consumer
	consuming jetstream.ConsumeContext // nil where nothing is
	turns     atomic.Uint64            // changed with mu held; what was consumed before is nobody's
	stopped   bool
	lead      *lead // nil where all members are active
}

// consume begins to consume. Where one member is active, it is what comes behind what
// was called back, over the connection with this number and as the first behind the
// last that the server had delivered: see lead.
func (s *subscription) consume(t turn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	var made []delivery // some at a time, by one callback after the other
	var headers []event.Header
	generation := 0
	if s.reader != nil {
		generation = s.reader.begin()
	}
	passed := false // what came, and so what comes behind it
	mine := s.turns.Add(1)
	still := func() bool {
		return s.turns.Load() == mine && s.lead.holds() && s.broker.dials.Load() == t.connection
	}
	consuming, err := s.consumer.Consume(func(m jetstream.Msg) {
		data := m.Data()
		var d *delivery
		if len(data) > large {
			d = &delivery{}
		} else {
			if len(made) == 0 {
				made = make([]delivery, chunk)
			}
			d = &made[0]
			made = made[1:]
		}
		d.subject, d.reply, d.s = m.Subject(), m.Reply(), s
		if h := m.Headers(); len(h) > 0 {
			from, n := len(headers), len(h)
			if cap(headers)-from < n {
				headers, from = make([]event.Header, 0, max(n, 2*chunk)), 0
			}
			d.message.Headers = headers[from : from : from+n]
			d.message.FromMap(h)
			headers = headers[:from+n]
		}
		if len(data) > 0 {
			d.message.Body = data
		}
		if s.reader != nil {
			s.read(d, generation)
			return
		}
		if s.lead == nil {
			if !s.Deliver(d) {
				_ = d.giveBack()
			}
			return
		}
		// What was delivered and did not come here went to somebody else, or nowhere.
		t.last++
		passed = passed || sequence(d.reply) != t.last
		if !passed && s.DeliverIf(d, still) {
			return
		}
		passed = true
		s.passOn(d, mine)
		select {
		case t.over <- struct{}{}:
		default:
		}
	}, jetstream.PullMaxMessages(max(2, s.inFlight)), jetstream.PullExpiry(pullWait), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		switch {
		case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrConnectionClosed):
			go s.end(err)
		case errors.Is(err, jetstream.ErrConsumerDeleted):
			go s.gone(err)
		case errors.Is(err, jetstream.ErrNoHeartbeat), errors.Is(err, nats.ErrNoResponders):
			go s.look()
		}
	}))
	if err != nil {
		return err
	}
	s.consuming = consuming
	return nil
}

// passOn returns what came to a member that is not active, so that whoever is sees by it
// that something went elsewhere. It comes a while later, since it would come here again
// until this is no more consumed. What the next, or this one at its next turn, calls back
// is left as it is.
func (s *subscription) passOn(d *delivery, turn uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.Done():
		return
	default:
	}
	if s.turns.Load() == turn {
		_ = d.say(fmt.Sprintf(`-NAK {"delay": %d}`, time.Second))
	}
}

// sequence is the consumer's own number of a delivery, which counts all of them, by the
// subject that answers go to. It ends with it, a time, how many are left and, where it
// begins with a domain and an account, a random word.
func sequence(reply string) uint64 {
	behind := 2
	if strings.Count(reply, ".") >= 11 {
		behind = 3
	}
	end := len(reply)
	for range behind {
		end = strings.LastIndexByte(reply[:max(end, 0)], '.')
	}
	if end < 0 {
		return 0
	}
	n, _ := strconv.ParseUint(reply[strings.LastIndexByte(reply[:end], '.')+1:end], 10, 64)
	return n
}

// look looks whether the consumer is still there, when nothing has been heard of
// it: it may have been taken away while the connection was.
func (s *subscription) look() {
	if s.looking.Swap(true) {
		return
	}
	defer s.looking.Store(false)
	s.mu.Lock()
	consumer := s.consumer
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), pullWait)
	defer cancel()
	if _, err := consumer.Info(ctx); errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		s.gone(err)
	}
}

// gone is for a consumer that is gone. A reader's is made again behind what came;
// that of a group was its place, and nobody can tell where to go on.
func (s *subscription) gone(err error) {
	if s.reader != nil {
		err = s.again()
	}
	if err != nil {
		s.end(err)
	}
}

// end ends a subscription that is broken for good.
func (s *subscription) end(err error) {
	s.Close(s.broker.fail("subscribe", s.address, err))
	if s.lead != nil {
		s.lead.cancel()
	}
}

// stop ends consuming; what was fetched is left as it is.
func (s *subscription) stop() {
	s.mu.Lock()
	consuming := s.consuming
	s.consuming = nil
	s.turns.Add(1)
	s.mu.Unlock()
	if consuming != nil {
		consuming.Stop()
	}
}

// pause ends consuming; what was fetched goes back.
func (s *subscription) pause(ctx context.Context) {
	s.mu.Lock()
	consuming := s.consuming
	s.consuming = nil
	s.mu.Unlock()
	if consuming == nil {
		return
	}
	if !s.broker.conn.IsConnected() { // nothing goes back, and the server has it still
		consuming.Stop()
		return
	}
	consuming.Drain()
	select {
	case <-consuming.Closed():
	case <-ctx.Done():
		consuming.Stop()
	}
	s.mu.Lock()
	s.turns.Add(1)
	s.mu.Unlock()
}

func (s *subscription) Stop(ctx context.Context) error {
	s.Close(nil)
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.pause(ctx)
	err := s.Drain(ctx)
	if s.lead != nil {
		s.lead.leave(ctx)
	}
	if s.reader != nil && s.broker.conn.IsConnected() { // otherwise the server forgets it by itself
		s.mu.Lock()
		consumer := s.consumer
		s.mu.Unlock()
		s.forget(consumer)
	}
	return err
}

type delivery struct {
	message event.Message
	// The client's message is not kept: it leads to those that came behind it, which
	// would all stay in memory for as long as one is being handled.
	subject, reply string
	s              *subscription
	attempt        int // of a reader's that came again
	settled        atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.subject }
func (d *delivery) Key() string             { return "" }

// unbound is of messages that are looked at alone.
var unbound nats.Subscription

func (d *delivery) meta() nats.MsgMetadata {
	if m, err := (&nats.Msg{Reply: d.reply, Sub: &unbound}).Metadata(); err == nil {
		return *m
	}
	return nats.MsgMetadata{}
}

// say answers the server.
func (d *delivery) say(what string) error { return d.s.broker.conn.Publish(d.reply, []byte(what)) }

func (d *delivery) Position() string { return strconv.FormatUint(d.meta().Sequence.Stream, 10) }
func (d *delivery) Time() time.Time  { return d.meta().Timestamp }

func (d *delivery) Attempt() int {
	if d.s.reader != nil {
		return max(d.attempt, 1)
	}
	return int(d.meta().NumDelivered)
}

func (d *delivery) settle(by func() error) error {
	if d.settled.Swap(true) {
		return nil
	}
	var err error
	if d.s.reader == nil { // whose server keeps no account
		err = by()
	}
	d.s.Settled()
	return d.s.broker.fail("settle", d.subject, err)
}

func (d *delivery) Ack() error  { return d.settle(func() error { return d.say("+ACK") }) }
func (d *delivery) Nak() error  { return d.NakWithDelay(0) }
func (d *delivery) Term() error { return d.settle(func() error { return d.say("+TERM") }) }

// giveBack returns a message. One of a member that ends, where one at a time is
// active, is left as it is: the next member calls back all that is unsettled, in
// order, and what is returned while nobody asks for messages an old server brings
// behind others.
func (d *delivery) giveBack() error {
	if d.s.lead != nil {
		select {
		case <-d.s.Done():
			return nil
		default:
		}
	}
	return d.say("-NAK")
}

func (d *delivery) NakWithDelay(delay time.Duration) error {
	if d.s.reader != nil {
		if !d.settled.Swap(true) {
			next := &delivery{message: d.message, subject: d.subject, reply: d.reply, s: d.s, attempt: d.Attempt() + 1}
			d.s.Again(delay, func() broker.Delivery { return next }, func() {})
		}
		return nil
	}
	if delay <= 0 {
		return d.settle(d.giveBack)
	}
	return d.settle(func() error { return d.say(fmt.Sprintf(`-NAK {"delay": %d}`, delay)) })
}

func (d *delivery) InProgress() error {
	if d.settled.Load() || d.s.reader != nil {
		return nil
	}
	return d.s.broker.fail("settle", d.subject, d.say("+WPI"))
}
