// Package amqp is the adapter for AMQP 0-9-1, RabbitMQ's protocol. A channel is
// an exchange, and a group is a quorum queue that is bound to it; or a channel is
// a queue, which all groups share, and which nobody can read without a group: that
// would be taking from them.
//
//	amqp://user:password@host:5672/vhost
//	amqps://host:5671?ca=FILE
//
// Without a user it is guest, as everywhere with RabbitMQ.
//
// A quorum queue of RabbitMQ 4 and later takes a message for poison, and drops it,
// that was given back 20 times, unless a policy says otherwise: set its
// delivery-limit above how often members may end or die with one.
//
// Settings of channels:
//
//	amqp.exchange      the exchange; otherwise the address
//	amqp.exchangeType  fanout (otherwise), topic, direct, headers
//	amqp.routingKey    what messages are sent and queues are bound with; otherwise nothing
//	amqp.queue         the channel is this queue, and the default exchange leads to it
//	amqp.queueType     quorum (otherwise) or classic, of queues that are made
//	amqp.singleActiveConsumer  true: one member at a time gets the messages of a queue, in order
//	unrouted           drop: publishing what no queue is bound for is no error
package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens amqp:// and, with TLS, amqps://.
var Adapter = broker.Adapter{Name: "amqp", Schemes: []string{"amqp", "amqps"}, Port: "5672", TLSPort: "5671", Open: open}

// Broker is two connections to an AMQP broker: a broker that is short of room
// stops reading from those who publish, who must not take the acknowledgements of
// consumers with them.
type Broker struct {
	target *broker.Target

	publishing link
	consuming  link

	mu            sync.Mutex
	closed        bool
	publishers    map[string]*publisher
	subscriptions map[*subscription]bool
}

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	if len(t.Hosts) == 0 {
		return nil, t.Fail("open", "", broker.ErrUsage, errors.New("it names no host"), "write amqp://127.0.0.1:5672")
	}
	b := &Broker{target: t, publishers: map[string]*publisher{}, subscriptions: map[*subscription]bool{}}
	conn, err := b.dial(ctx)
	if err != nil {
		return nil, b.fail("open", "", err)
	}
	b.publishing.conn = conn
	return b, nil
}

func (b *Broker) dial(ctx context.Context) (*amqp091.Connection, error) {
	user, password := b.target.User, b.target.Password
	if user == "" {
		user, password = "guest", "guest"
	}
	config := amqp091.Config{
		SASL: []amqp091.Authentication{&amqp091.PlainAuth{Username: user, Password: password}}, Vhost: "/", Heartbeat: 10 * time.Second,
		Properties: amqp091.Table{"product": "treaty", "connection_name": "treaty"},
		Dial: func(network, address string) (net.Conn, error) {
			wait := b.target.Timeout
			if wait <= 0 {
				wait = broker.DefaultTimeout
			}
			d := net.Dialer{Timeout: wait}
			conn, err := d.DialContext(ctx, network, address)
			if err == nil {
				// Until the handshake is over, which the client then takes off.
				until := time.Now().Add(wait)
				if end, ok := ctx.Deadline(); ok && end.Before(until) {
					until = end
				}
				err = conn.SetDeadline(until)
			}
			return conn, err
		},
	}
	if vhost := strings.TrimPrefix(b.target.Path, "/"); vhost != "" {
		config.Vhost = vhost
	}
	scheme := "amqp://"
	if b.target.TLS != nil {
		scheme = "amqps://"
	}
	var last error
	for _, host := range b.target.Hosts {
		if b.target.TLS != nil {
			config.TLSClientConfig = b.target.TLS.Clone() // the client notes in it whose certificate it expects
		}
		conn, err := amqp091.DialConfig(scheme+host, config)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// link is a connection that is made when it is first used, and again where it was
// lost.
type link struct {
	mu   sync.Mutex // held while it is made
	conn *amqp091.Connection
}

// connection is the connection of a link; where it has to be made, until ctx ends.
func (b *Broker) connection(ctx context.Context, l *link) (*amqp091.Connection, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := 0; ; n++ {
		if b.isClosed() {
			return nil, broker.ErrClosed
		}
		if l.conn != nil && !l.conn.IsClosed() {
			return l.conn, nil
		}
		conn, err := b.dial(ctx)
		if err == nil {
			l.conn = conn
			if b.isClosed() { // since: Close did not see it
				conn.Close()
			}
			continue
		}
		select {
		case <-time.After(broker.Backoff(n)):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// Features is what RabbitMQ can do with exchanges and quorum queues.
func (b *Broker) Features() broker.Features {
	return broker.Features{Share: true, Keep: true, Order: broker.ChannelOrder, GroupOrder: broker.ChannelOrder, Attempts: true, Expires: true, Unrouted: true}
}

// Binding is that of AMQP.
func (b *Broker) Binding() *event.Binding { return event.AMQP }

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
	if errors.Is(err, broker.ErrClosed) || b.isClosed() {
		return b.target.Fail(op, channel, broker.ErrClosed, nil, "")
	}
	if broker.Ended(err) && op != "open" {
		return err
	}
	var kind error
	advice := ""
	var said *amqp091.Error
	var dial *net.OpError
	var back errUnrouted
	switch {
	case errors.As(err, &back):
		kind, advice = broker.ErrUnrouted, "no queue is bound to the exchange, or there is no such queue: subscribe a group first, or set unrouted: drop"
	case errors.Is(err, amqp091.ErrCredentials), errors.Is(err, amqp091.ErrVhost), errors.Is(err, amqp091.ErrSASL):
		kind = broker.ErrDenied
	case errors.As(err, &said):
		switch {
		case said.Code == amqp091.NotFound:
			kind, advice = broker.ErrNoChannel, "declare the channel, or make its exchange"
		case said.Code == amqp091.AccessRefused, said.Code == amqp091.NotAllowed:
			kind = broker.ErrDenied
		case said.Code == amqp091.PreconditionFailed && strings.Contains(said.Reason, "inequivalent arg"):
			kind, advice = broker.ErrDisagrees, "change the contract, or delete what is there"
		case said.Code == amqp091.PreconditionFailed && strings.Contains(said.Reason, "larger than"):
			kind = broker.ErrTooLarge
		case op == "open": // whatever it was that did not answer as a broker
			kind = broker.ErrUnreachable
		}
	case errors.As(err, &dial), op == "open":
		kind = broker.ErrUnreachable
	}
	return b.target.Fail(op, channel, kind, err, advice)
}

// route is where a channel's messages go.
type route struct {
	exchange, kind, key string
	queue               string // the channel is a queue
}

func routeOf(c *broker.Channel) route {
	if q := c.Setting("amqp.queue", ""); q != "" {
		return route{key: q, queue: q}
	}
	return route{exchange: c.Setting("amqp.exchange", c.Address), kind: c.Setting("amqp.exchangeType", "fanout"), key: c.Setting("amqp.routingKey", "")}
}

// maxShort is how long a short string of AMQP can be, in bytes: what all names are,
// the content type and the message's id.
const maxShort = 255

// named refuses names that the protocol has no room for: who sends one loses the
// connection.
func (b *Broker) named(op string, c *broker.Channel, group string) error {
	r := routeOf(c)
	queue := ""
	if group != "" && r.queue == "" {
		queue = group + "." + c.Address
	}
	for _, one := range []struct{ what, name string }{{"the exchange", r.exchange}, {"the queue", r.queue}, {"the routing key", r.key}, {"the queue of the group", queue}} {
		if len(one.name) > maxShort {
			return b.target.Fail(op, c.Address, broker.ErrUsage, fmt.Errorf("the name of %s has %d bytes, and AMQP takes %d", one.what, len(one.name), maxShort), "")
		}
	}
	return nil
}

func queueArguments(c *broker.Channel) amqp091.Table {
	t := amqp091.Table{"x-queue-type": c.Setting("amqp.queueType", "quorum")}
	if c.Setting("amqp.singleActiveConsumer", "") == "true" {
		t["x-single-active-consumer"] = true
	}
	return t
}

// once runs f on a channel of the protocol that is used for nothing else: what
// is refused closes it.
func (b *Broker) once(ctx context.Context, op, address string, f func(*amqp091.Channel) error) error {
	conn, err := b.connection(ctx, &b.publishing)
	if err != nil {
		return b.fail(op, address, err)
	}
	ch, err := conn.Channel()
	if err != nil {
		return b.fail(op, address, err)
	}
	defer ch.Close()
	return b.fail(op, address, f(ch))
}

// Declare makes the exchange or the queue of a channel.
func (b *Broker) Declare(ctx context.Context, channel broker.Channel) error {
	if err := b.named("declare", &channel, ""); err != nil {
		return err
	}
	r := routeOf(&channel)
	there := b.once(ctx, "declare", channel.Address, func(ch *amqp091.Channel) error {
		if r.queue != "" {
			_, err := ch.QueueDeclarePassive(r.queue, true, false, false, false, nil)
			return err
		}
		return ch.ExchangeDeclarePassive(r.exchange, r.kind, true, false, false, false, nil)
	})
	if !errors.Is(there, broker.ErrNoChannel) {
		return there
	}
	return b.once(ctx, "declare", channel.Address, func(ch *amqp091.Channel) error {
		if r.queue != "" {
			_, err := ch.QueueDeclare(r.queue, true, false, false, false, queueArguments(&channel))
			return err
		}
		return ch.ExchangeDeclare(r.exchange, r.kind, true, false, false, false, nil)
	})
}

// Check asks whether the exchange, or the queue, is there, and whether it is of
// the type and has the arguments that the settings ask for: AMQP tells of neither,
// but refuses to declare what is there in another way.
func (b *Broker) Check(ctx context.Context, channel broker.Channel) error {
	r := routeOf(&channel)
	err := b.once(ctx, "check", channel.Address, func(ch *amqp091.Channel) error {
		if r.queue != "" {
			_, err := ch.QueueDeclarePassive(r.queue, true, false, false, false, nil)
			return err
		}
		return ch.ExchangeDeclarePassive(r.exchange, r.kind, true, false, false, false, nil)
	})
	if err != nil {
		return err
	}
	return b.once(ctx, "check", channel.Address, func(ch *amqp091.Channel) error {
		if r.queue != "" {
			_, err := ch.QueueDeclare(r.queue, true, false, false, false, queueArguments(&channel))
			return err
		}
		return ch.ExchangeDeclare(r.exchange, r.kind, true, false, false, false, nil)
	})
}

// Remove deletes the exchange or the queue. Queues of groups stay, unbound.
func (b *Broker) Remove(ctx context.Context, channel broker.Channel) error {
	r := routeOf(&channel)
	return b.once(ctx, "remove", channel.Address, func(ch *amqp091.Channel) error {
		if r.queue != "" {
			_, err := ch.QueueDelete(r.queue, false, false, false)
			return err
		}
		return ch.ExchangeDelete(r.exchange, false, false)
	})
}

// publisher publishes to one exchange: what is refused there closes the
// protocol's channel, and concerns no other.
type publisher struct {
	ch     *amqp091.Channel
	frame  int           // the greatest in bytes, 0 where there is no limit
	failed chan struct{} // closed when the channel has been
	why    error         // set before
	sync   chan chan bool

	mu       sync.Mutex
	returned map[string][]string // message ids to why nobody gets them, for each that came back
}

func (b *Broker) publisher(ctx context.Context, address string) (*publisher, error) {
	b.mu.Lock()
	p := b.publishers[address]
	b.mu.Unlock()
	if p != nil && !p.ch.IsClosed() {
		return p, nil
	}
	conn, err := b.connection(ctx, &b.publishing)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		ch.Close()
		return nil, err
	}
	p = &publisher{ch: ch, frame: conn.Config.FrameSize, failed: make(chan struct{}), sync: make(chan chan bool), returned: map[string][]string{}}
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	returns := ch.NotifyReturn(make(chan amqp091.Return))
	go func() {
		if err := <-closed; err != nil {
			p.why = err
		} else {
			p.why = amqp091.ErrClosed
		}
		close(p.failed)
	}()
	// What comes back comes before its confirmation, and is noted here; sync waits
	// until it has been.
	go func() {
		for {
			select {
			case r, ok := <-returns:
				if !ok {
					return
				}
				p.mu.Lock()
				p.returned[r.MessageId] = append(p.returned[r.MessageId], r.ReplyText)
				p.mu.Unlock()
			case answer := <-p.sync:
				answer <- true
			}
		}
	}()
	b.mu.Lock()
	b.publishers[address] = p
	b.mu.Unlock()
	return p, nil
}

// window is how many messages of a call wait for their confirmation at a time.
const window = 1024

var messageIDs atomic.Uint64

// Publish publishes messages and waits for the broker's confirmation.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	var failures broker.Failures
	if err := b.named("publish", &channel, ""); err != nil {
		for i := range messages {
			failures.Add(i, err)
		}
		return failures.Err(len(messages))
	}
	for from := 0; from < len(messages); from += window {
		part := messages[from:min(from+window, len(messages))]
		for i, err := range b.send(ctx, &channel, part) {
			failures.Add(from+i, b.fail("publish", channel.Address, err))
		}
	}
	return failures.Err(len(messages))
}

// tooLarge is for a message whose headers or properties the protocol has no room
// for.
func (b *Broker) tooLarge(channel *broker.Channel, err error) error {
	return b.target.Fail("publish", channel.Address, broker.ErrTooLarge, err, "in structured mode the attributes of an event are no headers")
}

// send publishes, and publishes again what the loss of a connection left open.
func (b *Broker) send(ctx context.Context, channel *broker.Channel, messages []broker.Message) []error {
	errs := make([]error, len(messages))
	made := make([]amqp091.Publishing, len(messages))
	open := make([]int, 0, len(messages))
	for i := range messages {
		var err error
		if made[i], err = publishing(&messages[i]); err != nil {
			errs[i] = b.tooLarge(channel, err)
			continue
		}
		open = append(open, i)
	}
	all := func(err error) []error {
		for _, i := range open {
			errs[i] = err
		}
		return errs
	}
	r, mandatory := routeOf(channel), channel.Setting("unrouted", "") != "drop"
	waiting := make([]*amqp091.DeferredConfirmation, len(messages))
	for n := 0; len(open) > 0; n++ {
		if err := ctx.Err(); err != nil {
			return all(err)
		}
		if n > 0 {
			select {
			case <-time.After(broker.Backoff(n - 1)):
			case <-ctx.Done():
				return all(ctx.Err())
			}
		}
		p, err := b.publisher(ctx, channel.Address)
		if err != nil {
			if b.isClosed() || ctx.Err() != nil || !lostConnection(err) {
				return all(err)
			}
			continue
		}
		fitting := open[:0]
		for _, i := range open {
			if n := propertiesSize(&made[i]); p.frame > 0 && n > p.frame {
				errs[i] = b.tooLarge(channel, fmt.Errorf("its headers have %d bytes, and the broker takes %d", n, p.frame))
				continue
			}
			fitting = append(fitting, i)
		}
		open = fitting
		for _, i := range open {
			waiting[i], err = p.ch.PublishWithDeferredConfirmWithContext(ctx, r.exchange, r.key, mandatory, false, made[i])
			if err != nil {
				waiting[i] = nil
			}
		}
		var again []int
		for _, i := range open {
			if waiting[i] == nil {
				again = append(again, i)
				continue
			}
			select {
			case <-waiting[i].Done():
				if !waiting[i].Acked() {
					again = append(again, i)
				}
			case <-ctx.Done():
				errs[i] = ctx.Err()
			}
		}
		if mandatory {
			p.settleReturns(made, open, errs)
		}
		open = open[:0]
		if len(again) == 0 {
			break
		}
		open = again
		select {
		case <-p.failed:
			if !lostConnection(p.why) {
				return p.blame(ctx, b, channel, messages, made, open, errs)
			}
		case <-time.After(time.Second):
			return all(errors.New("the broker did not take it (a full queue may be why)"))
		}
	}
	return errs
}

// blame finds who of several messages was refused: the protocol's channel is
// closed without a word about it, and those after it were not even looked at.
func (p *publisher) blame(ctx context.Context, b *Broker, channel *broker.Channel, messages []broker.Message, made []amqp091.Publishing, open []int, errs []error) []error {
	if len(open) == 1 || errorCode(p.why) == amqp091.NotFound || errorCode(p.why) == amqp091.AccessRefused {
		for _, i := range open {
			errs[i] = p.why
		}
		return errs
	}
	for _, i := range open {
		errs[i] = b.send(ctx, channel, messages[i:i+1])[0]
	}
	return errs
}

func errorCode(err error) int {
	var said *amqp091.Error
	if errors.As(err, &said) {
		return said.Code
	}
	return 0
}

// errUnrouted is what the broker says of a message that came back.
type errUnrouted string

func (e errUnrouted) Error() string { return string(e) }

// settleReturns notes what came back.
func (p *publisher) settleReturns(made []amqp091.Publishing, open []int, errs []error) {
	answer := make(chan bool, 1)
	select {
	case p.sync <- answer:
		<-answer
	case <-p.failed:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.returned) == 0 {
		return
	}
	for _, i := range open {
		// Two messages of one id are two that may have come back.
		if why := p.returned[made[i].MessageId]; len(why) > 0 && errs[i] == nil {
			errs[i] = errUnrouted(why[0])
			if p.returned[made[i].MessageId] = why[1:]; len(why) == 1 {
				delete(p.returned, made[i].MessageId)
			}
		}
	}
}

// lostConnection is whether an error is that of a connection rather than of what
// was done with it.
func lostConnection(err error) bool {
	switch code := errorCode(err); code {
	case amqp091.NotFound, amqp091.AccessRefused, amqp091.PreconditionFailed, amqp091.NotAllowed, amqp091.NotImplemented, amqp091.ResourceLocked:
		return false
	case 0:
		return !broker.Ended(err) && !errors.Is(err, amqp091.ErrCredentials)
	}
	return true
}

// publishing makes of a message what the client sends. It fails where the protocol
// has no room for a part of it.
func publishing(m *broker.Message) (amqp091.Publishing, error) {
	p := amqp091.Publishing{ContentType: m.ContentType, Body: m.Body, DeliveryMode: amqp091.Persistent, Timestamp: time.Now(), MessageId: m.Identity}
	if p.MessageId == "" || len(p.MessageId) > maxShort {
		p.MessageId = "treaty-" + strconv.FormatUint(messageIDs.Add(1), 36)
	}
	if m.Expires > 0 {
		p.Expiration = strconv.FormatInt(max(m.Expires.Milliseconds(), 1), 10)
	}
	if len(m.ContentType) > maxShort {
		return p, fmt.Errorf("the content type has %d bytes, and AMQP takes %d", len(m.ContentType), maxShort)
	}
	if len(m.Headers) > 0 {
		p.Headers = make(amqp091.Table, len(m.Headers))
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		if len(h.Name) > maxShort {
			return p, fmt.Errorf("the name of a header has %d bytes, and AMQP takes %d", len(h.Name), maxShort)
		}
		switch h.Value.Kind() {
		case event.Boolean:
			p.Headers[h.Name] = h.Value.String() == "true"
		case event.Integer:
			n, _ := strconv.ParseInt(h.Value.String(), 10, 32)
			p.Headers[h.Name] = n
		default:
			p.Headers[h.Name] = h.Value.String()
		}
	}
	return p, nil
}

// propertiesSize is the room that the headers and properties of a message take, or
// a little more: they have to go into one frame, and who sends a greater one loses
// the connection.
func propertiesSize(p *amqp091.Publishing) int {
	n := 64 + len(p.ContentType) + len(p.MessageId) + len(p.Expiration)
	for name, v := range p.Headers {
		n += len(name) + 16
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// headers reads a table. What is a list or a table in it, as the broker's own
// notes are, is no attribute, and is kept for the event to be refused with.
func headers(t amqp091.Table) []event.Header {
	all := make([]event.Header, 0, len(t))
	for name, v := range t {
		value := event.Value{}
		switch v := v.(type) {
		case string:
			value = event.TextValue(v)
		case bool:
			value = event.BooleanValue(v)
		case []byte:
			value = event.BinaryValue(v)
		case time.Time:
			value = event.TextValue(v.UTC().Format(time.RFC3339))
		case int8, int16, int32, int64, uint8, uint16, uint32, int:
			s := fmt.Sprint(v)
			if n, err := strconv.ParseInt(s, 10, 32); err == nil {
				value = event.IntegerValue(int32(n))
			} else {
				value = event.TextValue(s)
			}
		case float32, float64:
			value = event.TextValue(fmt.Sprint(v))
		case amqp091.Decimal:
			value = event.TextValue(new(big.Rat).SetFrac(big.NewInt(int64(v.Value)), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.Scale)), nil)).FloatString(int(v.Scale)))
		case nil:
			continue
		default:
			text, err := json.Marshal(v)
			if err != nil { // such as a number that is none
				text = []byte(fmt.Sprint(v))
			}
			value = event.NestedValue(string(text))
		}
		all = append(all, event.Header{Name: name, Value: value})
	}
	return all
}

// Close closes the connection.
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
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range all {
		s.Gate.Close(b.fail("subscribe", s.channel.Address, broker.ErrClosed))
		_ = s.Stop(ctx)
	}
	return errors.Join(b.hangUp(&b.consuming), b.hangUp(&b.publishing))
}

func (b *Broker) hangUp(l *link) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	if err := l.conn.Close(); err != nil && !errors.Is(err, amqp091.ErrClosed) {
		return b.target.Fail("close", "", nil, err, "")
	}
	return nil
}

// Subscribe makes or finds the queue of the group, and consumes it.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if options.Start.From != broker.Latest {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUnsupported, errors.New("a queue has no messages from before it was bound"), "start from the latest: a queue that is there goes on where it was")
	}
	if options.Group == "" && routeOf(&channel).queue != "" {
		// What it would read, the consumers of the queue would never see.
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUnsupported, errors.New("the channel is a queue, of which nobody reads without taking from others"), "name a group, to be one of those who share it; or carry the channel by an exchange")
	}
	if err := b.named("subscribe", &channel, options.Group); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	s := &subscription{Gate: gate.New(options.InFlight(), handle), broker: b, channel: channel, group: options.Group, prefetch: options.InFlight(), cancel: cancel, ended: make(chan struct{})}
	deliveries, of, err := s.consume(ctx)
	if err != nil {
		cancel()
		return nil, b.fail("subscribe", channel.Address, err)
	}
	b.mu.Lock()
	b.subscriptions[s] = true
	b.mu.Unlock()
	go s.run(running, deliveries, of)
	return s, nil
}

type subscription struct {
	*gate.Gate
	broker   *Broker
	channel  broker.Channel
	group    string
	prefetch int
	cancel   func()
	ended    chan struct{} // closed when run has returned

	mu      sync.RWMutex // read: something is sent on ch; write: ch is closed or replaced
	ch      *amqp091.Channel
	acks    *acks // of ch
	stopped bool  // ch is not replaced any more
}

// consume opens a channel of the protocol, with the queue where it is missing.
func (s *subscription) consume(ctx context.Context) (<-chan amqp091.Delivery, *acks, error) {
	conn, err := s.broker.connection(ctx, &s.broker.consuming)
	if err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	deliveries, err := s.consumeOn(ch)
	if err != nil {
		ch.Close()
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		ch.Close()
		return nil, nil, broker.ErrClosed
	}
	s.ch, s.acks = ch, newAcks(s, ch)
	return deliveries, s.acks, nil
}

func (s *subscription) consumeOn(ch *amqp091.Channel) (<-chan amqp091.Delivery, error) {
	r := routeOf(&s.channel)
	queue := r.queue
	if err := ch.Qos(s.prefetch, 0, false); err != nil {
		return nil, err
	}
	if queue == "" {
		var made amqp091.Queue
		var err error
		if s.group == "" {
			made, err = ch.QueueDeclare("", false, true, true, false, nil)
		} else {
			made, err = ch.QueueDeclare(s.group+"."+s.channel.Address, true, false, false, false, queueArguments(&s.channel))
		}
		if err != nil {
			return nil, err
		}
		queue = made.Name
		if err := ch.QueueBind(queue, r.key, r.exchange, false, nil); err != nil {
			return nil, err
		}
	}
	return ch.Consume(queue, "", false, false, false, false, nil)
}

func (s *subscription) run(ctx context.Context, deliveries <-chan amqp091.Delivery, of *acks) {
	defer close(s.ended)
	for {
		for m := range deliveries {
			d := &delivery{s: s, acks: of, m: m}
			d.message = event.Message{ContentType: m.ContentType, Headers: headers(m.Headers)}
			if len(m.Body) > 0 {
				d.message.Body = m.Body
			}
			if !s.Deliver(d) {
				_ = d.giveBack()
			}
		}
		// The connection, or the queue, is gone.
		for n := 0; ; n++ {
			select {
			case <-s.Done():
				return
			case <-ctx.Done():
				return
			case <-time.After(broker.Backoff(n) / 2):
			}
			var err error
			if deliveries, of, err = s.consume(ctx); err == nil {
				break
			}
			if !lostConnection(err) && !broker.Ended(err) {
				go s.Gate.Close(s.broker.fail("subscribe", s.channel.Address, err))
				return
			}
		}
	}
}

func (s *subscription) Stop(ctx context.Context) error {
	s.Close(nil)
	err := s.Drain(ctx)
	s.cancel()
	s.mu.RLock()
	last := s.acks
	s.mu.RUnlock()
	last.wait()
	// What is unsettled goes back to the queue. Whatever reached the broker after
	// the closing of a channel would end the whole connection.
	s.mu.Lock()
	s.stopped = true
	_ = s.ch.Close()
	s.mu.Unlock()
	<-s.ended
	s.broker.mu.Lock()
	delete(s.broker.subscriptions, s)
	s.broker.mu.Unlock()
	return err
}

type delivery struct {
	s       *subscription
	acks    *acks
	m       amqp091.Delivery
	message event.Message
	settled atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.s.channel.Address }
func (d *delivery) Key() string             { return "" }
func (d *delivery) Position() string        { return "" }
func (d *delivery) Time() time.Time         { return d.m.Timestamp }
func (d *delivery) InProgress() error       { return nil }

// Attempt is what a quorum queue counts; of another it is known whether it is
// the first.
func (d *delivery) Attempt() int {
	switch n := d.m.Headers["x-delivery-count"].(type) {
	case int64:
		return int(n) + 1
	case int32:
		return int(n) + 1
	}
	if d.m.Redelivered {
		return 2
	}
	return 1
}

// settle settles. Where the connection has been lost since, the message comes
// again, and nothing can be done about it: that is no error.
func (d *delivery) settle(by func() error) error {
	if d.settled.Swap(true) {
		return nil
	}
	err := by()
	d.s.Settled()
	if errors.Is(err, amqp091.ErrClosed) || err != nil && lostConnection(err) {
		return nil
	}
	return d.s.broker.fail("settle", d.Channel(), err)
}

func (d *delivery) Ack() error  { return d.settle(d.ack) }
func (d *delivery) Nak() error  { return d.settle(d.giveBack) }
func (d *delivery) Term() error { return d.settle(d.ack) }

func (d *delivery) ack() error {
	d.acks.add(d.m.DeliveryTag)
	return nil
}

// giveBack puts a message that was not settled back into the queue. One that is
// given back while the subscription ends goes there with the closing of the
// channel, with all others and in their order: given back alone it would come here
// again at once, to be given back again, and would stand behind those that were
// given back before it.
func (d *delivery) giveBack() error {
	select {
	case <-d.s.Done():
		return nil
	default:
	}
	return d.acks.giveBack(d.m.DeliveryTag)
}

// NakWithDelay holds the message back before it gives it back: AMQP knows no
// delay. It takes room among those in flight meanwhile.
func (d *delivery) NakWithDelay(delay time.Duration) error {
	if delay <= 0 {
		return d.Nak()
	}
	if d.settled.Swap(true) {
		return nil
	}
	d.s.Again(delay, func() broker.Delivery { return nil }, func() { _ = d.giveBack() })
	return nil
}
