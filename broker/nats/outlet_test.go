package nats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/event"
)

// cutter is connections to a server that can be cut, and no more be had.
type cutter struct {
	mu    sync.Mutex
	away  bool
	conns []net.Conn
}

func (c *cutter) set(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
	if away {
		for _, x := range c.conns {
			x.Close()
		}
		c.conns = nil
	}
}

func cutting(t *testing.T, to string) (string, *cutter) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &cutter{}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			if c.away {
				in.Close()
				c.mu.Unlock()
				continue
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				c.mu.Unlock()
				continue
			}
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			go func() { io.Copy(in, out); in.Close() }()
			go func() { io.Copy(out, in); out.Close() }()
		}
	}()
	return l.Addr().String(), c
}

// TestNobodyThenAway: that nobody answered once is no channel missing, however long
// nobody is reached afterwards.
func TestNobodyThenAway(t *testing.T) {
	t.Parallel()
	s := alone(t)
	at, cut := cutting(t, s.Addr().String())
	b := open(t, "nats://"+at)
	c := declared(t, b, nil)
	publish(t, b, c, 0, 1) // the outlet is there
	direct := open(t, "nats://"+s.Addr().String())
	if err := direct.(broker.Admin).Remove(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(100 * time.Millisecond) // after the first answer that nobody is there
		cut.set(true)
		if err := direct.(broker.Admin).Declare(context.Background(), c); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		cut.set(false)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Publish(ctx, c, broker.Message{Message: event.Message{Body: []byte("x")}}); err != nil {
		t.Error(err)
	}
}

// TestClusterByName: the servers of a cluster that are known by what the first has
// told are addresses, and their certificates are for the name in the URL.
func TestClusterByName(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	var all []*server.Server
	var routes []*url.URL
	ports := []int{}
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := l.Addr().(*net.TCPAddr).Port
		l.Close()
		ports = append(ports, p)
		u, _ := url.Parse("nats://127.0.0.1:" + strconv.Itoa(p))
		routes = append(routes, u)
	}
	for i := range 3 {
		o := &server.Options{ServerName: "s" + strconv.Itoa(i), Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, TLSTimeout: 5,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[i]}, Routes: routes}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		all = append(all, s)
	}
	for _, s := range all {
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("not ready")
		}
	}
	at := "tls://localhost:" + strconv.Itoa(all[0].Addr().(*net.TCPAddr).Port) + "?timeout=2s&ca=" + ca
	c := broker.Channel{Address: "clustered", Settings: map[string]string{"nats.replicas": "3"}}
	var b broker.Broker
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) { // until they have a leader
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		var err error
		if b == nil {
			if b, err = broker.Open(ctx, at, nats.Adapter); err == nil {
				defer b.Close()
			}
		}
		if err == nil {
			err = b.(broker.Admin).Declare(ctx, c)
		}
		cancel()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	publish(t, b, c, 0, 1)
	all[0].Shutdown()
	all[0].WaitForShutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	if err := b.Publish(ctx, c, broker.Message{Message: event.Message{Body: []byte("x")}}); err != nil {
		t.Error(err)
	}
}

// TestStalled: a server that takes nothing holds up who publishes for no longer than
// the context asks, or a write may take.
func TestStalled(t *testing.T) {
	t.Parallel()
	s := alone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stalled := make(chan struct{})
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() {
				defer out.Close()
				some := make([]byte, 4096)
				for {
					n, err := in.Read(some)
					if err != nil {
						return
					}
					select {
					case <-stalled:
						<-over
						return
					default:
					}
					_, _ = out.Write(some[:n])
				}
			}()
		}
	}()
	b := open(t, "nats://"+l.Addr().String())
	c := declared(t, open(t, "nats://"+s.Addr().String()), nil)
	publish(t, b, c, 0, 1)
	close(stalled)
	large := make([]broker.Message, 100)
	for i := range large {
		large[i].Body = make([]byte, 900_000)
	}
	var all sync.WaitGroup
	began := time.Now()
	for range 2 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := b.Publish(ctx, c, large...); err == nil {
				t.Error("it was published")
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 30*time.Second { // a minute is what the client takes by itself
		t.Errorf("it took %v", took)
	}
}

// TestFull: a stream that takes no more is there all the same. What it refuses is told
// at once, with what to do, and what it has room for again goes.
func TestFull(t *testing.T) {
	url := "nats://" + alone(t).Addr().String()
	b, js := open(t, url), streams(t, url)
	for _, one := range []struct {
		config jetstream.StreamConfig
		words  string
	}{
		{jetstream.StreamConfig{Name: "messages", MaxMsgs: 2}, "maximum messages exceeded"},
		{jetstream.StreamConfig{Name: "bytes", MaxBytes: 100}, "maximum bytes exceeded"},
		{jetstream.StreamConfig{Name: "subject", MaxMsgsPerSubject: 2, DiscardNewPerSubject: true}, "maximum messages per subject exceeded"},
	} {
		one.config.Subjects, one.config.Discard = []string{one.config.Name}, jetstream.DiscardNew
		stream, err := js.CreateStream(t.Context(), one.config)
		if err != nil {
			t.Fatal(err)
		}
		c := broker.Channel{Address: one.config.Name}
		all := make([]broker.Message, 5)
		for i := range all {
			all[i].Body = make([]byte, 10)
		}
		err = b.Publish(t.Context(), c, all...)
		var some *broker.PublishError
		if !errors.As(err, &some) || len(some.Failed) != 3 || some.Failed[0].Index != 2 {
			t.Errorf("%s: %v", c.Address, err)
		}
		if !errors.Is(err, broker.ErrDenied) || errors.Is(err, broker.ErrNoChannel) || !strings.Contains(err.Error(), one.words) || !strings.Contains(err.Error(), "the stream is full") {
			t.Errorf("%s: %v", c.Address, err)
		}
		if err := stream.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, b, c, 0, 1)
	}
}

// TestNotJustNow: where JetStream says that it cannot just now, it is asked again, and
// what it says is told where it goes on saying it. So is that a stream has no room for
// a message, which is not asked again.
func TestNotJustNow(t *testing.T) {
	t.Parallel()
	url := "nats://" + alone(t).Addr().String()
	b := open(t, url)
	conn, err := natsgo.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, one := range []struct {
		says  string
		times int // until it takes the message
		kind  error
		asked int
	}{
		{`"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"`, 2, nil, 3},
		{`"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"`, 9, broker.ErrUnreachable, 3},
		{`"code":503,"err_code":10077,"description":"store is closed"`, 9, broker.ErrUnreachable, 3},
		{`"code":503,"err_code":10077,"description":"maximum messages exceeded"`, 9, broker.ErrDenied, 1},
		{`"code":503,"err_code":10077,"description":"message too large"`, 9, broker.ErrTooLarge, 1},
		{`"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"`, 9, broker.ErrTooLarge, 1},
		{`"code":400,"err_code":10109,"description":"invalid operation on sealed stream"`, 9, broker.ErrDenied, 1},
		{`"code":503,"err_code":10023,"description":"insufficient resources"`, 9, broker.ErrDenied, 3},
	} {
		var asked atomic.Int64
		s, err := conn.Subscribe("a", func(m *natsgo.Msg) {
			answer := `{"stream":"S","seq":1}`
			if int(asked.Add(1)) <= one.times {
				answer = `{"error":{` + one.says + `},"stream":"S","seq":0}`
			}
			_ = m.Respond([]byte(answer))
		})
		if err == nil {
			err = conn.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		err = b.Publish(t.Context(), broker.Channel{Address: "a"}, broker.Message{})
		if one.kind == nil && err != nil || !errors.Is(err, one.kind) || errors.Is(err, broker.ErrNoChannel) || int(asked.Load()) != one.asked {
			t.Errorf("%s, asked %d times: %v", one.says, asked.Load(), err)
		}
		if _, words, _ := strings.Cut(one.says, `"description":`); err != nil && !strings.Contains(err.Error(), strings.Trim(words, `"`)) {
			t.Errorf("%s: %v", one.says, err)
		}
		if err := s.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMayNotExpire: a stream that does not let its messages expire gets them without,
// in their order and once, and so does one that was made anew; one that lets them gets
// them with.
func TestMayNotExpire(t *testing.T) {
	url := "nats://" + alone(t).Addr().String()
	b, js := open(t, url), streams(t, url)
	c := broker.Channel{Address: "a"}
	send := func(n int) {
		t.Helper()
		var all []broker.Message
		for i := range n {
			m := broker.Message{Message: event.Message{Body: []byte(strconv.Itoa(i))}, Identity: "/s " + strconv.Itoa(i)}
			if i%3 == 1 {
				m.Expires = time.Hour
			}
			all = append(all, m)
		}
		if err := b.Publish(t.Context(), c, all...); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(stream jetstream.Stream, n int, expire, ordered bool) {
		t.Helper()
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Msgs != uint64(n) {
			t.Fatalf("the stream has %d messages, and not %d", info.State.Msgs, n)
		}
		for i := range n {
			m, err := stream.GetMsg(t.Context(), uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			at, _ := strconv.Atoi(string(m.Data))
			if ordered && at != i {
				t.Fatalf("%d stands where %d was sent", at, i)
			}
			want := ""
			if expire && at%3 == 1 {
				want = "1h0m0s"
			}
			if have := m.Header.Get(jetstream.MsgTTLHeader); have != want {
				t.Errorf("message %d expires after %q, and not %q", at, have, want)
			}
		}
	}
	for _, one := range []struct {
		name         string
		may, ordered bool
		before       func()
	}{
		{"does not", false, true, func() {}},
		{"has been changed since", true, true, func() { nats.LongAgo(b, "a") }},
		{"lets them", true, true, func() { b = open(t, url) }},
		{"is made anew, and does not", false, false, func() {}},
		{"still does not", false, true, func() {}},
	} {
		one.before()
		// In memory: the files of a stream that was deleted are there for a moment longer.
		stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, AllowMsgTTL: one.may, Storage: jetstream.MemoryStorage})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is all duplicates
			send(20)
		}
		t.Log(one.name)
		holds(stream, 20, one.may, one.ordered)
		if err := js.DeleteStream(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
	}
}

// streams is what others make streams with.
func streams(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := natsgo.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
