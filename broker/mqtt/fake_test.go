package mqtt_test

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// fake is a broker of MQTT 5 as far as the adapter can tell: sessions that are
// kept and expire, shared subscriptions, QoS 0 to 2, receive maximum, message
// expiry, maximum packet size, a user and a password. Topics are matched as they
// are. (The embeddable broker of the dependencies takes a read lock twice and
// comes to a standstill when acknowledgements and messages meet.)
type fake struct {
	user, password string
	maxBytes       uint32
	refuse         atomic.Bool // to let anybody subscribe

	mu       sync.Mutex
	sessions []*session
	turn     int // of the members of shared subscriptions
}

type session struct {
	id     string
	conn   net.Conn // nil while it is away
	w      *bufio.Writer
	expiry uint32
	gone   *time.Timer
	max    int             // of what is not acknowledged
	subs   map[string]byte // filter to QoS
	queue  []*queued
	flying []*queued // sent and not acknowledged, in order
	nextID uint16
	second map[uint16]bool // messages of QoS 2 from the client
}

type queued struct {
	publish packets.Publish
	until   time.Time // zero is for ever
	shared  string    // the filter of the shared subscription that it came by
}

func serve(t *testing.T, user, password string) string {
	_, address := serveFake(t, user, password)
	return address
}

// cut cuts every connection.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sessions {
		if s.conn != nil {
			s.conn.Close()
		}
	}
}

func serveFake(t *testing.T, user, password string) (*fake, string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := &fake{user: user, password: password, maxBytes: 8 << 20}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.client(conn)
		}
	}()
	return f, l.Addr().String()
}

func (s *session) send(kind byte, fill func(*packets.ControlPacket)) {
	if s.conn == nil {
		return
	}
	p := packets.NewControlPacket(kind)
	fill(p)
	_ = s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, _ = p.WriteTo(s.w)
	_ = s.w.Flush()
}

func (f *fake) client(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	p, err := packets.ReadPacket(r)
	if err != nil {
		return
	}
	c, ok := p.Content.(*packets.Connect)
	if !ok {
		return
	}
	f.mu.Lock()
	s := f.connect(c, conn)
	f.mu.Unlock()
	for s != nil {
		p, err := packets.ReadPacket(r)
		f.mu.Lock()
		if err != nil || s.conn != conn || !f.handle(s, p) {
			f.away(s, conn)
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
	}
}

func (f *fake) connect(c *packets.Connect, conn net.Conn) *session {
	answer := func(s *session, code byte, present bool) {
		s.send(packets.CONNACK, func(p *packets.ControlPacket) {
			a := p.Content.(*packets.Connack)
			a.ReasonCode, a.SessionPresent = code, present
			a.Properties.MaximumPacketSize = &f.maxBytes
		})
	}
	if f.user != "" && (c.Username != f.user || string(c.Password) != f.password) {
		answer(&session{conn: conn, w: bufio.NewWriter(conn)}, 0x86, false)
		return nil
	}
	var s *session
	for _, old := range f.sessions {
		if old.id == c.ClientID {
			s = old
		}
	}
	if s != nil && s.conn != nil {
		s.send(packets.DISCONNECT, func(p *packets.ControlPacket) { p.Content.(*packets.Disconnect).ReasonCode = 0x8E })
		s.conn.Close()
		s.conn = nil
	}
	present := s != nil && !c.CleanStart
	if s != nil && c.CleanStart {
		f.end(s)
	}
	if !present {
		s = &session{id: c.ClientID, subs: map[string]byte{}, second: map[uint16]bool{}}
		f.sessions = append(f.sessions, s)
	}
	if s.gone != nil {
		s.gone.Stop()
	}
	s.conn, s.w, s.max, s.expiry = conn, bufio.NewWriter(conn), 1<<16-1, 0
	if c.Properties != nil {
		if c.Properties.ReceiveMaximum != nil {
			s.max = int(*c.Properties.ReceiveMaximum)
		}
		if c.Properties.SessionExpiryInterval != nil {
			s.expiry = *c.Properties.SessionExpiryInterval
		}
	}
	answer(s, 0, present)
	for _, q := range s.flying {
		q.publish.Duplicate = true
		s.publish(q)
	}
	s.pump()
	return s
}

// away is a connection that ended.
func (f *fake) away(s *session, conn net.Conn) {
	if s.conn != conn {
		return
	}
	s.conn = nil
	if s.expiry == 0 {
		f.end(s)
		return
	}
	s.gone = time.AfterFunc(time.Duration(s.expiry)*time.Second, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if s.conn == nil {
			f.end(s)
		}
	})
}

// end ends a session; what it had of a shared subscription goes to others.
func (f *fake) end(s *session) {
	f.sessions = slices.DeleteFunc(f.sessions, func(o *session) bool { return o == s })
	for _, q := range append(s.flying, s.queue...) {
		if q.shared != "" {
			f.share(q.shared, q)
		}
	}
	s.flying, s.queue = nil, nil
}

func (f *fake) handle(s *session, p *packets.ControlPacket) bool {
	switch c := p.Content.(type) {
	case *packets.Pingreq:
		s.send(packets.PINGRESP, func(*packets.ControlPacket) {})
	case *packets.Disconnect:
		if c.Properties != nil && c.Properties.SessionExpiryInterval != nil {
			s.expiry = *c.Properties.SessionExpiryInterval
		}
		return false
	case *packets.Subscribe:
		for _, o := range c.Subscriptions {
			s.subs[o.Topic] = o.QoS
		}
		s.send(packets.SUBACK, func(p *packets.ControlPacket) {
			a := p.Content.(*packets.Suback)
			a.PacketID, a.Reasons = c.PacketID, make([]byte, len(c.Subscriptions))
			for i, o := range c.Subscriptions {
				if a.Reasons[i] = o.QoS; f.refuse.Load() {
					a.Reasons[i] = 0x87
				}
			}
		})
	case *packets.Unsubscribe:
		for _, topic := range c.Topics {
			delete(s.subs, topic)
		}
		s.send(packets.UNSUBACK, func(p *packets.ControlPacket) {
			a := p.Content.(*packets.Unsuback)
			a.PacketID, a.Reasons = c.PacketID, make([]byte, len(c.Topics))
		})
	case *packets.Publish:
		switch c.QoS {
		case 0:
			f.route(c)
		case 1:
			code := f.route(c)
			s.send(packets.PUBACK, func(p *packets.ControlPacket) {
				a := p.Content.(*packets.Puback)
				a.PacketID, a.ReasonCode = c.PacketID, code
			})
		case 2:
			code := byte(0)
			if !s.second[c.PacketID] {
				s.second[c.PacketID] = true
				code = f.route(c)
			}
			s.send(packets.PUBREC, func(p *packets.ControlPacket) {
				a := p.Content.(*packets.Pubrec)
				a.PacketID, a.ReasonCode = c.PacketID, code
			})
		}
	case *packets.Pubrel:
		delete(s.second, c.PacketID)
		s.send(packets.PUBCOMP, func(p *packets.ControlPacket) { p.Content.(*packets.Pubcomp).PacketID = c.PacketID })
	case *packets.Puback:
		s.landed(c.PacketID)
	case *packets.Pubrec:
		s.send(packets.PUBREL, func(p *packets.ControlPacket) { p.Content.(*packets.Pubrel).PacketID = c.PacketID })
	case *packets.Pubcomp:
		s.landed(c.PacketID)
	}
	return true
}

func (s *session) landed(id uint16) {
	s.flying = slices.DeleteFunc(s.flying, func(q *queued) bool { return q.publish.PacketID == id })
	s.pump()
}

// route gives a message to all who subscribe, and to one of each group.
func (f *fake) route(p *packets.Publish) byte {
	q := queued{publish: *p}
	q.publish.PacketID = 0
	if p.Properties != nil && p.Properties.MessageExpiry != nil {
		q.until = time.Now().Add(time.Duration(*p.Properties.MessageExpiry) * time.Second)
	}
	code := byte(0x10)
	shared := map[string]bool{}
	for _, s := range f.sessions {
		for filter := range s.subs {
			if filter == p.Topic {
				one := q
				f.give(s, filter, &one)
				code = 0
			}
			if rest, ok := strings.CutPrefix(filter, "$share/"); ok {
				if _, topic, _ := strings.Cut(rest, "/"); topic == p.Topic {
					shared[filter] = true
				}
			}
		}
	}
	for filter := range shared {
		one := q
		one.shared = filter
		f.share(filter, &one)
		code = 0
	}
	return code
}

// share gives a message to a member, to one that is there if any is.
func (f *fake) share(filter string, q *queued) {
	var here, away []*session
	for _, s := range f.sessions {
		if _, ok := s.subs[filter]; ok {
			if s.conn != nil {
				here = append(here, s)
			} else {
				away = append(away, s)
			}
		}
	}
	if len(here) == 0 {
		here = away
	}
	if len(here) > 0 {
		f.turn++
		f.give(here[f.turn%len(here)], filter, q)
	}
}

func (f *fake) give(s *session, filter string, q *queued) {
	q.publish.QoS = min(q.publish.QoS, s.subs[filter])
	q.publish.Duplicate, q.publish.Retain = false, false
	s.queue = append(s.queue, q)
	s.pump()
}

func (s *session) pump() {
	for s.conn != nil && len(s.queue) > 0 && len(s.flying) < s.max {
		q := s.queue[0]
		s.queue = s.queue[1:]
		if !q.until.IsZero() && time.Now().After(q.until) {
			continue
		}
		if q.publish.QoS > 0 {
			s.nextID++
			for s.nextID == 0 || slices.ContainsFunc(s.flying, func(o *queued) bool { return o.publish.PacketID == s.nextID }) {
				s.nextID++
			}
			q.publish.PacketID = s.nextID
			s.flying = append(s.flying, q)
		}
		s.publish(q)
	}
}

func (s *session) publish(q *queued) {
	s.send(packets.PUBLISH, func(p *packets.ControlPacket) {
		*p.Content.(*packets.Publish) = q.publish
		flags := q.publish.QoS << 1
		if q.publish.Duplicate {
			flags |= 8
		}
		p.FixedHeader.Flags = flags
	})
}
