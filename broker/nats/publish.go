package nats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
)

// window is how many messages of a call wait for their acknowledgement at a
// time.
const window = 1024

// publishWait is how long nothing has to be acknowledged until what is open is
// sent again.
const publishWait = 5 * time.Second

// tries is how often a message is sent for which no stream answers: one that is
// choosing its leader is there a moment later.
const (
	tries    = 3
	tryAfter = 250 * time.Millisecond
)

// Publish sends messages and waits for the acknowledgement of the stream.
func (b *Broker) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	var failures broker.Failures
	err := ctx.Err()
	if err == nil {
		err = b.literal("publish", channel.Address)
	}
	if err == nil {
		err = b.declare(ctx, channel)
	}
	if err != nil {
		for i := range messages {
			failures.Add(i, err)
		}
		return failures.Err(len(messages))
	}
	for from := 0; from < len(messages); from += window {
		part := messages[from:min(from+window, len(messages))]
		for i, err := range b.send(ctx, channel.Address, part) {
			failures.Add(from+i, b.fail("publish", channel.Address, err))
		}
	}
	return failures.Err(len(messages))
}

// send sends messages, and sends again in their order what got lost on the way.
// nil is that all went well.
func (b *Broker) send(ctx context.Context, subject string, messages []broker.Message) []error {
	c := b.acks.begin(len(messages))
	defer b.acks.end(c)
	made := outgoing{Msg: nats.Msg{Subject: subject, Header: nats.Header{}}}
	var refused error // why there is no connection to send over
	var passing error // why nobody took it the last time
	ended := func() error {
		if refused != nil {
			return fmt.Errorf("%w; connecting: %w", ctx.Err(), refused)
		}
		return ctx.Err()
	}
	expire, known := true, true
	if slices.ContainsFunc(messages, func(m broker.Message) bool { return m.Expires > 0 }) {
		expire, known = b.mayExpire(subject)
	}
	asking := -1 // the message that asks whether messages may expire
	for n, unanswered := 0, 0; ; n++ {
		answered := false
		if err := c.lasts(); err != nil {
			if !expire { // it says so itself, in a header
				if unanswered++; unanswered == tries {
					return c.all(c.open(), err)
				}
			}
			answered, expire, known = true, false, true
			b.expiring.Store(subject, time.Now())
		} else if asking >= 0 && c.done[asking].Load() {
			answered, known = true, true
			if c.went(asking) {
				b.expiring.Store(subject, time.Time{})
			}
		}
		asking = -1
		open := c.open()
		if len(open) == 0 {
			return c.all(nil, nil)
		}
		again := time.Duration(0)
		switch {
		case n == 0, answered:
		case c.nobody(&passing):
			if unanswered++; unanswered == tries {
				return c.all(open, passing)
			}
			again = tryAfter
		default:
			again = broker.Backoff(min(n, 3)) / 2
		}
		if again > 0 {
			select {
			case <-time.After(again):
			case <-ctx.Done():
				return c.all(open, ended())
			}
		}
		out, err := b.outlet.get(ctx, b)
		switch {
		case err == nil:
			refused = nil
		case ctx.Err() != nil:
			return c.all(open, ended())
		case b.closed.Load(), stays(err):
			return c.all(open, err)
		default:
			refused = err // nobody answers just now
			continue
		}
		if !known {
			if at := slices.IndexFunc(open, func(i int) bool { return messages[i].Expires > 0 }); at >= 0 {
				asking, open = open[at], open[:at+1]
			}
		}
		c.expect(len(open))
		sent := 0
		for _, i := range open {
			err := made.fill(&messages[i], expire)
			if err == nil {
				made.Reply = c.reply(i)
				err = out.PublishMsg(&made.Msg)
			}
			if err != nil && !of(err) {
				out.Close()
				break // this and what is behind it goes over the next
			}
			if err != nil {
				c.settle(i, err)
			}
			sent++
		}
		c.expect(sent - len(open)) // of the others no answer comes
		if err := b.wait(ctx, c, out); err != nil {
			return c.all(c.open(), err)
		}
	}
}

// A stream lets its messages expire one by one where it was made to (AllowMsgTTL, as
// Declare does), and otherwise refuses those that want to. They are sent without then,
// as they are to an older server, to Kafka and to Pub/Sub: the stream keeps them as
// long as all others, and who consumes sees by an event's time that it is not worth
// handling any more. To refuse them would make a contract that says when events expire
// one that this stream alone cannot carry, for nothing that anybody is spared.
//
// Which it is the first message tells that expires: what stands behind it in its call
// waits for its answer, since what is refused would otherwise be overtaken. That asks
// nothing of a server from which somebody may publish and no more, and costs one round
// for each subject. That one does not is believed for askAgain, as somebody may
// change it. Only a stream that is made anew, and otherwise, can have messages
// overtaken by those of their call that do not expire.
const askAgain = time.Minute

// expiryDisabled is what a stream answers that does not let messages expire.
const expiryDisabled jetstream.ErrorCode = 10166

// mayExpire is whether the stream of a subject lets messages expire, and whether that
// is known; until it is, they may.
func (b *Broker) mayExpire(subject string) (may, known bool) {
	v, known := b.expiring.Load(subject)
	if !known {
		return true, false
	}
	refused := v.(time.Time)
	switch {
	case refused.IsZero():
		return true, true
	case time.Since(refused) < askAgain:
		return false, true
	}
	return true, false
}

// of is whether an error of publishing is of the message, and not of the
// connection.
func of(err error) bool {
	return errors.Is(err, broker.ErrUsage) || errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) || errors.Is(err, nats.ErrBadHeaderMsg) || errors.Is(err, nats.ErrHeadersNotSupported)
}

// stays is whether a server refuses a connection for a reason that does not pass by
// itself.
func stays(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired) ||
		errors.Is(err, nats.ErrMaxConnectionsExceeded) || errors.Is(err, nats.ErrMaxAccountConnectionsExceeded)
}

// wait waits until all that was sent is answered, nothing has been for
// publishWait, or the connection is gone. One on which nobody was answered for so
// long is given up: its other end may be gone without a word.
func (b *Broker) wait(ctx context.Context, c *call, out *line) error {
	const look = 50 * time.Millisecond
	t := time.NewTicker(look)
	defer t.Stop()
	before, idle, heard := int64(-1), 0, uint64(0)
	for {
		select {
		case <-c.wake:
			if c.left.Load() <= 0 {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			left := c.left.Load()
			if left <= 0 || out.gone.Load() {
				return nil
			}
			if idle++; left != before {
				before, idle, heard = left, 0, b.acks.heard()
			}
			if time.Duration(idle)*look >= publishWait {
				if b.acks.heard() == heard {
					out.Close()
				}
				return nil
			}
		}
	}
}

// outlet is the connection that messages are sent over. It does not come back by
// itself as the other one does: what the client takes while it is away, or is
// just about to be, would go out over the next and arrive before what this one
// took along. So each round of sending has one connection, and a new one is made
// for the first round that finds it gone.
type outlet struct {
	mu      sync.Mutex
	line    *line
	opening *opening // nil where nobody opens one
}

// line is a connection to publish over. Whether it is gone is told without the
// client's lock, which is held while a write waits for a server that takes nothing.
type line struct {
	*nats.Conn
	gone atomic.Bool
}

// opening is an attempt to connect, which all wait for that publish.
type opening struct {
	done chan struct{}
	line *line
	err  error
}

func (o *outlet) get(ctx context.Context, b *Broker) (*line, error) {
	o.mu.Lock()
	if b.closed.Load() {
		o.mu.Unlock()
		return nil, nats.ErrConnectionClosed
	}
	if o.line != nil && !o.line.gone.Load() {
		defer o.mu.Unlock()
		return o.line, nil
	}
	at := o.opening
	if at == nil {
		at = &opening{done: make(chan struct{})}
		o.opening = at
		go func() {
			at.line, at.err = b.dial()
			o.mu.Lock()
			o.line, o.opening = at.line, nil
			closed := b.closed.Load()
			o.mu.Unlock()
			if closed && at.line != nil {
				at.line.Close()
			}
			close(at.done)
		}()
	}
	o.mu.Unlock()
	select {
	case <-at.done:
		return at.line, at.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dial makes a connection to publish over, and listens on it to the answers of
// streams. Where none of the servers that the URL names answers, those are tried that
// they have told of: by their addresses, so their certificates have to be for the
// name in the URL.
func (b *Broker) dial() (*line, error) {
	l := &line{}
	options := append(slices.Clip(b.options), nats.NoReconnect(), nats.Timeout(b.target.Timeout), nats.FlusherTimeout(publishWait),
		nats.ClosedHandler(func(*nats.Conn) { l.gone.Store(true) }))
	conn, err := nats.Connect(b.urls, options...)
	if told := b.conn.DiscoveredServers(); err != nil && len(told) > 0 {
		if secure := b.target.TLS; secure != nil && secure.ServerName == "" && len(b.target.Hosts) > 0 {
			secure = secure.Clone()
			secure.ServerName, _, _ = net.SplitHostPort(b.target.Hosts[0])
			options = append(options, nats.Secure(secure))
		}
		conn, err = nats.Connect(strings.Join(told, ","), options...)
	}
	if err != nil {
		return nil, err
	}
	s, err := conn.Subscribe(b.acks.prefix+">", b.acks.take)
	if err == nil {
		err = s.SetPendingLimits(-1, -1)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	l.Conn = conn
	return l, nil
}

// close closes the connection; what is about to be made closes itself.
func (o *outlet) close() {
	o.mu.Lock()
	l := o.line
	o.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

// outgoing is a message of NATS that serves for one after the other: the client
// keeps nothing of it.
type outgoing struct {
	nats.Msg
	values []string // of the headers
}

// fill puts a message in the place of the one before, with the time when it expires
// where it may.
func (o *outgoing) fill(m *broker.Message, expire bool) error {
	o.Data = m.Body
	clear(o.Header)
	o.values = o.values[:0]
	set := func(name, value string) {
		if have, ok := o.Header[name]; ok {
			o.Header[name] = append(slices.Clip(have), value)
			return
		}
		n := len(o.values)
		o.values = append(o.values, value)
		o.Header[name] = o.values[n : n+1 : n+1]
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		value := h.Value.String()
		if h.Name == "" || strings.ContainsAny(h.Name, ": \r\n") || strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
			return fmt.Errorf("%w: header %q has a line break, or a name that is none", broker.ErrUsage, h.Name)
		}
		set(h.Name, value)
	}
	if m.Identity != "" {
		set(jetstream.MsgIDHeader, m.Identity)
	}
	if m.Expires > 0 && expire {
		set(jetstream.MsgTTLHeader, max(m.Expires.Round(time.Second), time.Second).String())
	}
	return nil
}

// acks are the answers of streams: one inbox for all calls.
type acks struct {
	prefix string // of the subjects of answers
	mu     sync.Mutex
	calls  map[uint64]*call
	last   uint64
	came   uint64 // how many
}

func (a *acks) heard() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.came
}

func (a *acks) begin(n int) *call {
	c := &call{done: make([]atomic.Bool, n), wake: make(chan bool, 1)}
	a.mu.Lock()
	a.last++
	c.id = a.last
	a.calls[c.id] = c
	a.mu.Unlock()
	c.prefix = strconv.AppendUint([]byte(a.prefix), c.id, 36)
	c.prefix = append(c.prefix, '.')
	return c
}

func (a *acks) end(c *call) {
	a.mu.Lock()
	delete(a.calls, c.id)
	a.mu.Unlock()
}

// take takes an answer.
func (a *acks) take(m *nats.Msg) {
	id, index, _ := strings.Cut(m.Subject[len(a.prefix):], ".")
	n, err1 := strconv.ParseUint(id, 36, 64)
	i, err2 := strconv.ParseUint(index, 36, 32)
	if err1 != nil || err2 != nil {
		return
	}
	a.mu.Lock()
	c := a.calls[n]
	a.came++
	a.mu.Unlock()
	if c == nil || int(i) >= len(c.done) {
		return // who waited for it has gone
	}
	err := refusal(m)
	if errors.Is(err, nats.ErrNoResponders) || isTemporary(err) {
		c.unanswered(err)
		return
	}
	if refusedAs(err, expiryDisabled) {
		c.mayNotExpire(err)
		return
	}
	c.settle(int(i), err)
}

// refusal is why a stream did not take a message; nil where it did.
func refusal(m *nats.Msg) error {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return nats.ErrNoResponders
	}
	if !bytes.Contains(m.Data, []byte(`"error":`)) && bytes.Contains(m.Data, []byte(`"seq":`)) {
		return nil
	}
	var said struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &said); err != nil || said.Error == nil {
		return errors.New("what answered is no stream")
	}
	return said.Error
}

// isTemporary is whether JetStream says that it cannot just now. The same code has
// the store of a stream that takes no more, which does not pass while one waits.
func isTemporary(err error) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.Code == 503 && !isFull(err) && !exceeds(err)
}

// What a server answers that has no room for a message.
const (
	storeFailed         jetstream.ErrorCode = 10077 // and says in words what it is
	accountExceeded     jetstream.ErrorCode = 10002
	insufficient        jetstream.ErrorCode = 10023
	insufficientMemory  jetstream.ErrorCode = 10028
	insufficientStorage jetstream.ErrorCode = 10047
	sealed              jetstream.ErrorCode = 10109
)

// isFull is whether a stream has as much as it may (maximum messages, bytes or
// messages per subject exceeded), and does not discard the old.
func isFull(err error) bool { return failedWith(err, "maximum ") }

// exceeds is whether a message is more than a stream takes in one piece.
func exceeds(err error) bool {
	return refusedAs(err, jetstream.JSErrCodeStreamMessageExceedsMaximum) || refusedAs(err, headerTooLarge) || failedWith(err, "message too large")
}

func failedWith(err error, words string) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.ErrorCode == storeFailed && strings.HasPrefix(said.Description, words)
}

// call is a window of messages that wait for their answers.
type call struct {
	id     uint64
	prefix []byte // of the subjects of its answers
	done   []atomic.Bool
	left   atomic.Int64 // answers that are to come of what was sent
	wake   chan bool    // something has changed

	mu      sync.Mutex
	errs    []error // nil where there is none
	passing error   // why nobody took what was sent
	lasting error   // that the stream does not let messages expire
}

func (c *call) reply(i int) string {
	var room [96]byte
	return string(strconv.AppendUint(append(room[:0], c.prefix...), uint64(i), 36))
}

// open are the messages that have not been answered, in their order.
func (c *call) open() []int {
	var all []int
	for i := range c.done {
		if !c.done[i].Load() {
			if all == nil {
				all = make([]int, 0, len(c.done)-i)
			}
			all = append(all, i)
		}
	}
	return all
}

// expect says that so many more answers are to come.
func (c *call) expect(n int) {
	if n > 0 { // a round begins, whatever the last left open
		c.left.Store(int64(n))
		return
	}
	c.arrived(int64(-n))
}

func (c *call) arrived(n int64) {
	if c.left.Add(-n) <= 0 {
		select {
		case c.wake <- true:
		default:
		}
	}
}

// settle is the answer of one message.
func (c *call) settle(i int, err error) {
	c.mu.Lock()
	twice := c.done[i].Load()
	if !twice {
		if err != nil {
			if c.errs == nil {
				c.errs = make([]error, len(c.done))
			}
			c.errs[i] = err
		}
		c.done[i].Store(true) // and whoever sees it has the error
	}
	c.mu.Unlock()
	if !twice {
		c.arrived(1)
	}
}

// nobody is whether nobody took what was sent in the round before, and why. It is
// told once.
func (c *call) nobody(why *error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passing == nil {
		return false
	}
	*why, c.passing = c.passing, nil
	return true
}

// unanswered is the answer that nobody is there, or can take it just now.
func (c *call) unanswered(err error) {
	c.mu.Lock()
	c.passing = err
	c.mu.Unlock()
	c.arrived(1)
}

// mayNotExpire is the answer that the stream does not let messages expire. The message
// is still to be sent.
func (c *call) mayNotExpire(err error) {
	c.mu.Lock()
	c.lasting = err
	c.mu.Unlock()
	c.arrived(1)
}

// lasts is that answer, where there was one since it was last told.
func (c *call) lasts() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.lasting
	c.lasting = nil
	return err
}

// went is whether a message that was answered was taken.
func (c *call) went(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs == nil || c.errs[i] == nil
}

// all settles what is open with an error, and returns what became of all.
func (c *call) all(open []int, err error) []error {
	for _, i := range open {
		c.settle(i, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs
}
