// Package mqtt is the adapter for MQTT 5. A channel is a topic; a group is a
// shared subscription ($share).
//
//	mqtt://user:password@host:1883
//	mqtts://host:8883?ca=FILE
//	mqtt://host?member=billing-1
//
// MQTT keeps messages for sessions and not for groups. Without member= a
// subscription is a session of its own that ends with it: members share, and what
// is published while a group has none is not kept for it. With member= every
// group has one session of that name, kept for keep= (a week) while nobody is
// there; a name is used by one process at a time. Whether a session outlives the
// broker is the broker's: Mosquitto 2.0 writes sessions down where it is told to, and
// forgets the shared subscriptions in them, so that a group is not kept what is
// published between its start and a member's return.
//
// Settings of channels:
//
//	mqtt.topic   the topic; otherwise the address
//	mqtt.qos     0, 1 (otherwise) or 2
//	mqtt.retain  true: the last message stays for whoever subscribes later
//	unrouted     drop: publishing what nobody subscribes to is no error
package mqtt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/internal/gate"
	"github.com/treaty-events/treaty/event"
)

// Adapter opens mqtt:// and, with TLS, mqtts://.
var Adapter = broker.Adapter{Name: "mqtt", Schemes: []string{"mqtt", "mqtts"}, Port: "1883", TLSPort: "8883", Params: []string{"member", "keep"}, Open: open}

// Broker is a connection to an MQTT broker, and one more for each subscription.
type Broker struct {
	target   *broker.Target
	publish  *connection
	member   string
	keep     time.Duration
	maxBytes atomic.Uint32 // as the broker says; 0 is no limit

	mu            sync.Mutex
	closed        bool
	subscriptions map[*subscription]bool
}

// lost is how long a session without a name outlives its connection.
const lost = time.Minute

// packetWait is how long an answer to a packet is waited for.
const packetWait = 10 * time.Second

func open(ctx context.Context, t *broker.Target) (broker.Broker, error) {
	if len(t.Hosts) == 0 {
		return nil, t.Fail("open", "", broker.ErrUsage, errors.New("it names no host"), "write mqtt://127.0.0.1:1883")
	}
	if err := t.NoPath("topics are the addresses of the contract's channels"); err != nil {
		return nil, err
	}
	b := &Broker{target: t, member: t.Params.Get("member"), keep: 7 * 24 * time.Hour, subscriptions: map[*subscription]bool{}}
	if s := t.Params.Get("keep"); s != "" {
		var err error
		if b.keep, err = time.ParseDuration(s); err != nil || b.keep <= 0 {
			return nil, t.Fail("open", "", broker.ErrUsage, fmt.Errorf("keep=%s is no duration", s), "write one such as 24h")
		}
	}
	c, err := b.connect(ctx, "treaty-"+rand.Text(), true, lost, 0, nil, nil)
	if err != nil {
		return nil, err
	}
	b.publish = c
	return b, nil
}

// connection is a connection that is made again when it breaks.
type connection struct {
	*autopaho.ConnectionManager
	cancel func()
}

// connect connects, and fails when the first connection does.
func (b *Broker) connect(ctx context.Context, id string, clean bool, expiry time.Duration, receive uint16, up func(*autopaho.ConnectionManager), received func(paho.PublishReceived)) (*connection, error) {
	t := b.target
	failed := make(chan error, len(t.Hosts)) // which are tried in turn
	var once sync.Once
	first := make(chan struct{}) // closed when there is a connection
	scheme := "mqtt"
	if t.TLS != nil {
		scheme = "tls"
	}
	config := autopaho.ClientConfig{
		KeepAlive: 20, CleanStartOnInitialConnection: clean, SessionExpiryInterval: uint32(min(expiry/time.Second, math.MaxUint32-1)),
		ReconnectBackoff: broker.Backoff, ConnectTimeout: max(packetWait, t.Timeout), TlsCfg: t.TLS,
		ConnectUsername: t.User, ConnectPassword: []byte(t.Password),
		OnConnectionUp: func(m *autopaho.ConnectionManager, ack *paho.Connack) {
			if ack.Properties != nil && ack.Properties.MaximumPacketSize != nil {
				b.maxBytes.Store(*ack.Properties.MaximumPacketSize)
			}
			once.Do(func() { close(first) })
			if up != nil {
				go up(m)
			}
		},
		OnConnectError: func(err error) {
			select {
			case failed <- err:
			default: // nobody asks any more
			}
		},
		ConnectPacketBuilder: func(c *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			if receive > 0 {
				if c.Properties == nil {
					c.Properties = &paho.ConnectProperties{}
				}
				c.Properties.ReceiveMaximum = &receive
			}
			return c, nil
		},
		DisconnectPacketBuilder: func() *paho.Disconnect {
			if clean {
				now := uint32(0)
				return &paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: &now}}
			}
			return &paho.Disconnect{}
		},
		ClientConfig: paho.ClientConfig{ClientID: id, PacketTimeout: packetWait, EnableManualAcknowledgment: received != nil, SendAcksInterval: 10 * time.Millisecond},
	}
	if received != nil {
		config.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			received(p)
			return true, nil
		}}
	}
	for _, host := range t.Hosts {
		config.ServerUrls = append(config.ServerUrls, &url.URL{Scheme: scheme, Host: host})
	}
	running, cancel := context.WithCancel(context.Background())
	m, err := autopaho.NewConnection(running, config)
	if err != nil {
		cancel()
		return nil, t.Fail("open", "", broker.ErrUsage, err, "")
	}
	for left := len(t.Hosts); left > 0; left-- {
		select {
		case <-first:
			return &connection{m, cancel}, nil
		case err = <-failed:
		case <-ctx.Done():
			err, left = ctx.Err(), 0
		}
	}
	cancel()
	kind, refusal := broker.ErrUnreachable, (*autopaho.ConnackError)(nil)
	if errors.As(err, &refusal) {
		switch refusal.ReasonCode {
		case 0x86, 0x87, 0x8A, 0x8C: // bad user or password, not authorized, banned, bad method
			kind = broker.ErrDenied
		}
	}
	if ctx.Err() == context.Canceled {
		return nil, ctx.Err()
	}
	return nil, t.Fail("open", "", kind, err, "")
}

// Features is what MQTT can do.
func (b *Broker) Features() broker.Features {
	return broker.Features{Share: b.member == "", Keep: b.member != "", Order: broker.KeyOrder, Expires: true, Unrouted: true, MaxBytes: int(b.maxBytes.Load())}
}

// Binding is that of MQTT.
func (b *Broker) Binding() *event.Binding { return event.MQTT }

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *Broker) fail(op, channel string, err error) error {
	if err == nil || broker.Ended(err) && !b.isClosed() {
		return err
	}
	if b.isClosed() {
		return b.target.Fail(op, channel, broker.ErrClosed, nil, "")
	}
	var known *broker.Error
	if errors.As(err, &known) {
		return err
	}
	return b.target.Fail(op, channel, nil, err, "")
}

// refusal is what a reason code of the broker means.
func (b *Broker) refusal(op, channel string, code byte, reason string) error {
	var kind error
	advice := ""
	switch code {
	case 0x10:
		kind, advice = broker.ErrUnrouted, "subscribe first, or set unrouted: drop"
	case 0x87:
		kind = broker.ErrDenied
	case 0x8F, 0x90:
		kind = broker.ErrNoChannel
	case 0x95:
		kind = broker.ErrTooLarge
	case 0x9E, 0xA2:
		kind = broker.ErrUnsupported
	}
	return b.target.Fail(op, channel, kind, fmt.Errorf("the broker answers %s", strings.TrimSpace(fmt.Sprintf("0x%02X %s", code, reason))), advice)
}

func topicOf(c *broker.Channel) string { return c.Setting("mqtt.topic", c.Address) }

// lanes is how many keys of a call are under way at a time.
const lanes = 16

// Publish sends messages: those of one key one after the other, keys side by
// side, since MQTT acknowledges one by one.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	qos, err := strconv.ParseUint(channel.Setting("mqtt.qos", "1"), 10, 2)
	if err != nil || qos > 2 {
		err = b.target.Fail("publish", channel.Address, broker.ErrUsage, fmt.Errorf("mqtt.qos is %q, and has to be 0, 1 or 2", channel.Setting("mqtt.qos", "")), "")
	} else {
		err = ctx.Err()
	}
	var failures broker.Failures
	if err != nil {
		for i := range messages {
			failures.Add(i, err)
		}
		return failures.Err(len(messages))
	}
	one := func(i int) error {
		return b.fail("publish", channel.Address, b.send(ctx, &channel, byte(qos), &messages[i]))
	}
	byKey := map[string][]int{}
	for i := range messages {
		byKey[messages[i].Key] = append(byKey[messages[i].Key], i)
	}
	if len(byKey) == 1 {
		for i := range messages {
			failures.Add(i, one(i))
		}
		return failures.Err(len(messages))
	}
	errs := make([]error, len(messages))
	var wg sync.WaitGroup
	room := make(chan bool, lanes)
	for _, of := range byKey {
		room <- true
		wg.Go(func() {
			for _, i := range of {
				errs[i] = one(i)
			}
			<-room
		})
	}
	wg.Wait()
	for i, err := range errs {
		failures.Add(i, err)
	}
	return failures.Err(len(messages))
}

// maxText is how long a text of MQTT can be.
const maxText = 1<<16 - 1

func (b *Broker) tooLong(channel *broker.Channel, what, text string) error {
	return b.target.Fail("publish", channel.Address, broker.ErrTooLarge, fmt.Errorf("%s has %d bytes, and MQTT takes %d", what, len(text), maxText),
		"in structured mode the attributes of an event are no headers")
}

func (b *Broker) send(ctx context.Context, channel *broker.Channel, qos byte, m *broker.Message) error {
	if limit := b.maxBytes.Load(); limit > 0 && len(m.Body) > int(limit)-100 {
		return b.target.Fail("publish", channel.Address, broker.ErrTooLarge, fmt.Errorf("%d bytes, and the broker takes %d", len(m.Body), limit), "")
	}
	p := &paho.Publish{QoS: qos, Topic: topicOf(channel), Payload: m.Body, Retain: channel.Setting("mqtt.retain", "") == "true", Properties: &paho.PublishProperties{ContentType: m.ContentType}}
	if strings.ContainsAny(p.Topic, "+#") {
		return b.target.Fail("publish", channel.Address, broker.ErrUsage, fmt.Errorf("the topic %q has a wildcard, and nothing is sent to one", p.Topic), "")
	}
	if len(p.Topic) > maxText {
		return b.tooLong(channel, "the topic", p.Topic)
	}
	if !isText(p.Topic) || p.Topic == "" {
		return b.target.Fail("publish", channel.Address, broker.ErrUsage, fmt.Errorf("%q is no topic: one has UTF-8 without control characters", p.Topic), "")
	}
	if len(m.ContentType) > maxText {
		return b.tooLong(channel, "the content type", m.ContentType)
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		switch {
		case !utf8.ValidString(h.Value.String()), !utf8.ValidString(h.Name):
			return b.target.Fail("publish", channel.Address, broker.ErrUsage, fmt.Errorf("header %q is no UTF-8", h.Name), "")
		case len(h.Value.String()) > maxText:
			return b.tooLong(channel, fmt.Sprintf("header %q", h.Name), h.Value.String())
		case len(h.Name) > maxText:
			return b.tooLong(channel, "the name of a header", h.Name)
		}
		p.Properties.User = append(p.Properties.User, paho.UserProperty{Key: h.Name, Value: h.Value.String()})
	}
	if m.Expires > 0 {
		seconds := uint32(min(max(m.Expires/time.Second, 1), math.MaxUint32))
		p.Properties.MessageExpiry = &seconds
	}
	for n := 0; ; n++ {
		answer, err := b.publish.Publish(ctx, p)
		if err == nil || answer != nil && answer.ReasonCode != 0 {
			if answer != nil && answer.ReasonCode == 0x10 {
				if p.Retain || channel.Setting("unrouted", "") == "drop" {
					return nil
				}
			}
			if answer != nil && answer.ReasonCode != 0 {
				reason := ""
				if answer.Properties != nil {
					reason = answer.Properties.ReasonString
				}
				return b.refusal("publish", channel.Address, answer.ReasonCode, reason)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if b.isClosed() {
			return err
		}
		if errors.Is(err, paho.ErrInvalidArguments) { // another time is no better
			return b.target.Fail("publish", channel.Address, broker.ErrUnsupported, err, "")
		}
		// The connection broke, or is not there: once more when it is.
		select {
		case <-time.After(broker.Backoff(n) / 4):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := b.publish.AwaitConnection(ctx); err != nil {
			return err
		}
	}
}

// isText reports whether a name may be sent: who sends another loses the
// connection.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f })
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
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range all {
		s.Close(b.fail("subscribe", s.address, broker.ErrClosed))
		_ = s.Stop(ctx)
	}
	b.publish.end()
	return nil
}

func (c *connection) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Disconnect(ctx)
	c.cancel()
}

// part makes a part of a name of a group: without what $share does not take.
func part(s string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "+", "%2B", "#", "%23").Replace(s)
}

// Subscribe makes a session that subscribes.
func (b *Broker) Subscribe(ctx context.Context, channel broker.Channel, options broker.Options, handle func(broker.Delivery)) (broker.Subscription, error) {
	if b.isClosed() {
		return nil, b.fail("subscribe", channel.Address, broker.ErrClosed)
	}
	topic := topicOf(&channel)
	id, filter, expiry, clean := "treaty-"+rand.Text(), topic, lost, true
	if options.Group != "" {
		filter = "$share/" + part(options.Group) + "/" + topic
		if b.member != "" {
			id, expiry, clean = "treaty/"+part(options.Group)+"/"+part(b.member)+"/"+topic, b.keep, false
		}
	}
	kept := !clean // and what was kept comes, whatever the start
	if options.Start.From != broker.Latest {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUnsupported, errors.New("MQTT has no messages from before a subscription"), "start from the latest")
	}
	qos, err := strconv.ParseUint(channel.Setting("mqtt.qos", "1"), 10, 2)
	if err != nil || qos > 2 {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUsage, fmt.Errorf("mqtt.qos is %q, and has to be 0, 1 or 2", channel.Setting("mqtt.qos", "")), "")
	}
	if !isText(filter) || len(filter) > maxText || topic == "" {
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrUsage, errors.New("the topic or the group is no name: one has UTF-8 without control characters, and no more than 65535 bytes"), "")
	}
	inFlight := options.InFlight()
	s := &subscription{Gate: gate.New(inFlight, handle), broker: b, topic: topic, filter: filter, address: channel.Address, kept: kept}
	subscribe := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: byte(qos), RetainHandling: 2}}}
	var first atomic.Bool
	s.connection, err = b.connect(ctx, id, clean, expiry, uint16(min(inFlight, math.MaxUint16)), func(m *autopaho.ConnectionManager) {
		if !first.Load() {
			return
		}
		s.again(m, subscribe)
	}, s.received)
	if err != nil {
		return nil, err
	}
	answer, err := s.connection.Subscribe(ctx, subscribe)
	if answer != nil && len(answer.Reasons) == 1 && answer.Reasons[0] >= 0x80 {
		err = b.refusal("subscribe", channel.Address, answer.Reasons[0], "")
	}
	if err != nil {
		s.connection.end()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, b.fail("subscribe", channel.Address, err)
	}
	first.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		s.connection.end()
		return nil, b.target.Fail("subscribe", channel.Address, broker.ErrClosed, nil, "")
	}
	b.subscriptions[s] = true
	return s, nil
}

// again subscribes on a new connection, since the session may be gone with the
// old one. What is refused will be again, and ends the subscription; otherwise it
// is tried until there is an answer or another connection.
func (s *subscription) again(m *autopaho.ConnectionManager, subscribe *paho.Subscribe) {
	turn := s.turn.Add(1)
	for n := 0; s.turn.Load() == turn; n++ {
		asking, cancel := context.WithTimeout(context.Background(), packetWait)
		answer, err := m.Subscribe(asking, subscribe)
		cancel()
		if answer != nil && len(answer.Reasons) == 1 && answer.Reasons[0] >= 0x80 {
			s.Close(s.broker.refusal("subscribe", s.address, answer.Reasons[0], ""))
			return
		}
		if err == nil {
			return
		}
		select {
		case <-s.Done():
			return
		case <-time.After(broker.Backoff(n)):
		}
	}
}

type subscription struct {
	*gate.Gate
	turn                   atomic.Int64 // of the connections
	broker                 *Broker
	connection             *connection
	topic, filter, address string
	kept                   bool // the session stays
	came                   atomic.Int64
	once                   sync.Once
}

func (s *subscription) received(p paho.PublishReceived) {
	d := &delivery{s: s, client: p.Client, packet: p.Packet, attempt: 1}
	d.message.Body = p.Packet.Payload
	if properties := p.Packet.Properties; properties != nil {
		d.message.ContentType = properties.ContentType
		if len(properties.User) > 0 {
			d.message.Headers = make([]event.Header, len(properties.User))
			for i, u := range properties.User {
				d.message.Headers[i] = event.Header{Name: u.Key, Value: event.TextValue(u.Value)}
			}
		}
	}
	if len(d.message.Body) == 0 {
		d.message.Body = nil
	}
	s.came.Add(1)
	s.Deliver(d)
}

// unsubscribed is how long nothing has to come until nothing is taken to come
// any more.
const unsubscribed = 100 * time.Millisecond

// Stop unsubscribes, where the session ends: what has come for it would go to
// nobody, so it is still handled while ctx lasts, or lost.
func (s *subscription) Stop(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		if !s.kept && !s.broker.isClosed() {
			_, _ = s.connection.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{s.filter}})
			for last := int64(-1); s.came.Load() != last && ctx.Err() == nil; {
				last = s.came.Load()
				_ = s.Drain(ctx)
				select {
				case <-time.After(unsubscribed):
				case <-ctx.Done():
				}
			}
		}
		s.Close(nil)
		err = s.Drain(ctx)
		time.Sleep(20 * time.Millisecond) // acknowledgements are sent every 10 ms
		s.connection.end()
		s.broker.mu.Lock()
		delete(s.broker.subscriptions, s)
		s.broker.mu.Unlock()
	})
	return err
}

type delivery struct {
	s       *subscription
	client  *paho.Client
	packet  *paho.Publish
	message event.Message
	attempt int
	settled atomic.Bool
}

func (d *delivery) Message() *event.Message { return &d.message }
func (d *delivery) Channel() string         { return d.s.address }
func (d *delivery) Key() string             { return "" }
func (d *delivery) Position() string        { return "" }
func (d *delivery) Time() time.Time         { return time.Time{} }
func (d *delivery) Attempt() int            { return d.attempt }
func (d *delivery) InProgress() error       { return nil }

// Ack acknowledges; MQTT takes acknowledgements in the order of arrival, so it
// is sent when those before are. After a reconnect the message comes again, and
// this acknowledgement is nobody's.
func (d *delivery) Ack() error {
	if d.settled.Swap(true) {
		return nil
	}
	_ = d.client.Ack(d.packet)
	d.s.Settled()
	return nil
}

// Term is Ack: MQTT knows no other way past a message.
func (d *delivery) Term() error { return d.Ack() }
func (d *delivery) Nak() error  { return d.NakWithDelay(0) }

// NakWithDelay brings the message back from memory.
func (d *delivery) NakWithDelay(delay time.Duration) error {
	if d.settled.Swap(true) {
		return nil
	}
	next := &delivery{s: d.s, client: d.client, packet: d.packet, message: d.message, attempt: d.attempt + 1}
	d.s.Again(delay, func() broker.Delivery { return next }, func() {})
	return nil
}
