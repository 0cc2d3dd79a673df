package nats_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/nats"
)

func TestMain(m *testing.M) { brokertest.Main(m) }

func TestConformance(t *testing.T) {
	s := alone(t, func(o *server.Options) { o.Username, o.Password, o.MaxPayload = "treaty", "secret", 1<<20 })
	brokertest.Run(t, harness(s.Addr().String(), "treaty:secret@"))
}

// TestReal is the suite on a NATS server that runs already.
func TestReal(t *testing.T) {
	address := os.Getenv("TREATY_NATS")
	if address == "" {
		t.Skip("TREATY_NATS is no address: make integration sets it")
	}
	h := harness(address, "")
	h.Refused = ""
	b, err := broker.Open(t.Context(), h.URL, nats.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	if !b.Features().Expires { // which came with 2.11
		h.Reorders = "a server before 2.11 counts its place back when a returned message finds no taker, and then brings it behind others"
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	brokertest.Run(t, h)
}

// TestCredentialsMissing: a file that is not there is a wrong URL, and nothing is
// the broker's fault.
func TestCredentialsMissing(t *testing.T) {
	if _, err := broker.Open(t.Context(), "nats://127.0.0.1:1?creds="+t.TempDir()+"/none", nats.Adapter); !errors.Is(err, broker.ErrUsage) {
		t.Error(err)
	}
}

// TestToken: a token is written where a user without a password would be, or is a
// parameter.
func TestToken(t *testing.T) {
	s := alone(t, func(o *server.Options) { o.Authorization = "secret" })
	address := s.Addr().String()
	for _, url := range []string{"nats://secret@" + address, "nats://" + address + "?token=secret"} {
		b, err := broker.Open(t.Context(), url, nats.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"nats://wrong@" + address, "nats://" + address} {
		if _, err := broker.Open(t.Context(), url, nats.Adapter); !errors.Is(err, broker.ErrDenied) || strings.Contains(err.Error(), "wrong@") {
			t.Error(err)
		}
	}
}

// TestWildcard: nothing is sent to a wildcard, and no stream is made for one, which
// would take what others are made for.
func TestWildcard(t *testing.T) {
	s := alone(t)
	b, err := broker.Open(t.Context(), "nats://"+s.Addr().String(), nats.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, address := range []string{"a.*", "a.>", "a..b", ">"} {
		if err := b.Publish(t.Context(), broker.Channel{Address: address}, broker.Message{}); !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%s: %v", address, err)
		}
		if err := b.(broker.Admin).Declare(t.Context(), broker.Channel{Address: address}); !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestSameConsumer: two groups on two channels of a stream whose consumers have the
// same name do not get each other's messages: the second is told which the first is.
func TestSameConsumer(t *testing.T) {
	url := "nats://" + alone(t).Addr().String()
	b, js := open(t, url), streams(t, url)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"x", "eu-x", "y.z", "eu-y.z"}}); err != nil {
		t.Fatal(err)
	}
	join := func(group, address string, inFlight int) (chan string, error) {
		came := make(chan string, 10)
		s, err := b.Subscribe(t.Context(), broker.Channel{Address: address}, broker.Options{Group: group, MaxInFlight: inFlight}, func(d broker.Delivery) {
			_ = d.Ack()
			came <- d.Channel() + " " + string(d.Message().Body)
		})
		if err == nil {
			t.Cleanup(func() { _ = s.Stop(context.Background()) })
		}
		return came, err
	}
	next := func(came chan string, want string) {
		t.Helper()
		select {
		case got := <-came:
			if got != want {
				t.Errorf("%s came, and not %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing came")
		}
	}
	for i, address := range []string{"x", "eu-x", "y.z", "eu-y.z"} {
		publish(t, b, broker.Channel{Address: address}, i, i+1)
	}
	for _, one := range []struct{ first, second [2]string }{
		{[2]string{"g", "eu-x"}, [2]string{"g-eu", "x"}},
		{[2]string{"a.ü-eu", "y.z"}, [2]string{"a.ü", "eu-y.z"}},
	} {
		came, err := join(one.first[0], one.first[1], 10)
		if err != nil {
			t.Fatal(err)
		}
		next(came, one.first[1]+map[string]string{"eu-x": " 1", "y.z": " 2"}[one.first[1]])
		_, err = join(one.second[0], one.second[1], 5000)
		if !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%v: %v", one.second, err)
			continue
		}
		for _, part := range []string{fmt.Sprintf("subscribe %q", one.second[1]), fmt.Sprintf("group %q of this channel", one.second[0]), fmt.Sprintf("group %q of channel %q", one.first[0], one.first[1]), "name one of the groups otherwise"} {
			if strings.Count(err.Error(), part) != 1 {
				t.Errorf("%v: %v lacks %s", one.second, err, part)
			}
		}
		came, err = join(one.second[0]+"2", one.second[1], 10)
		if err != nil {
			t.Fatal(err)
		}
		next(came, one.second[1]+map[string]string{"x": " 0", "eu-y.z": " 3"}[one.second[1]])
		if _, err = join(one.first[0], one.first[1], 5000); err != nil { // another member
			t.Error(err)
		}
	}
}

// TestConsumerByHand: a consumer that somebody made for a group, for all that its
// stream has or for a part of it that has the channel, is taken as it is.
func TestConsumerByHand(t *testing.T) {
	url := "nats://" + alone(t).Addr().String()
	b, js := open(t, url), streams(t, url)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"a.*"}}); err != nil {
		t.Fatal(err)
	}
	for group, filters := range map[string][]string{"all": nil, "part": {"a.*"}, "one": {"a.b"}, "two": {"a.b", "a.c"}} {
		c := jetstream.ConsumerConfig{Durable: group + "-a~b", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: filters}
		if _, err := js.CreateConsumer(t.Context(), "S", c); err != nil {
			t.Fatal(err)
		}
		s, err := b.Subscribe(t.Context(), broker.Channel{Address: "a.b"}, broker.Options{Group: group}, func(d broker.Delivery) { _ = d.Ack() })
		if err != nil {
			t.Errorf("%s: %v", group, err)
			continue
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	c := jetstream.ConsumerConfig{Durable: "other-a~b", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"a.c"}}
	if _, err := js.CreateConsumer(t.Context(), "S", c); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Subscribe(t.Context(), broker.Channel{Address: "a.b"}, broker.Options{Group: "other"}, func(broker.Delivery) {}); !errors.Is(err, broker.ErrUsage) {
		t.Error(err)
	}
}

// TestMembersAtOnce: members that begin a group at the same time, and ask for
// different things, all join it.
func TestMembersAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t, "nats://"+alone(t).Addr().String())
	c := declared(t, b, nil)
	for round := range 20 {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				s, err := b.Subscribe(t.Context(), c, broker.Options{Group: "g" + strconv.Itoa(round), MaxInFlight: 1000 * (i + 1)}, func(d broker.Delivery) { _ = d.Ack() })
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.Stop(t.Context())
			})
		}
		all.Wait()
	}
}

// TestNoSubject: an address that NATS has no subject for is a wrong one, whatever is
// done with it, and the error shows it.
func TestNoSubject(t *testing.T) {
	b := open(t, "nats://"+alone(t).Addr().String())
	for _, address := range []string{"a b", " a", "a.b ", "a\tb", "a\nb", "a\r", "a\fb", "a\xffb", ""} {
		c := broker.Channel{Address: address}
		_, subscribing := b.Subscribe(t.Context(), c, broker.Options{Group: "g"}, func(broker.Delivery) {})
		for what, err := range map[string]error{
			"publish": b.Publish(t.Context(), c, broker.Message{}), "subscribe": subscribing, "check": b.(broker.Checker).Check(t.Context(), c),
			"declare": b.(broker.Admin).Declare(t.Context(), c), "remove": b.(broker.Admin).Remove(t.Context(), c),
		} {
			if !errors.Is(err, broker.ErrUsage) || !strings.HasPrefix(err.Error(), what) || !strings.Contains(err.Error(), strconv.Quote(address)) {
				t.Errorf("%s %q: %v", what, address, err)
			}
		}
	}
	for _, address := range []string{"eu.Bestellungen-1", "größe", "a\u00a0b"} {
		c := broker.Channel{Address: address}
		if err := b.(broker.Admin).Declare(t.Context(), c); err != nil {
			t.Errorf("%q: %v", address, err)
		}
		publish(t, b, c, 0, 1)
	}
}

// alone is a server of a test's own.
func alone(t *testing.T, changes ...func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	for _, change := range changes {
		change(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not start")
	}
	return s
}

// TestStopAway: who stops reading while the server is away does not wait for it.
func TestStopAway(t *testing.T) {
	s := alone(t)
	b, err := broker.Open(t.Context(), "nats://"+s.Addr().String(), nats.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := broker.Channel{Address: "a"}
	if err := b.(broker.Admin).Declare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	reader, err := b.Subscribe(t.Context(), c, broker.Options{}, func(broker.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	_ = reader.Stop(t.Context())
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

func harness(address, user string) brokertest.Harness {
	return brokertest.Harness{
		Adapter: nats.Adapter,
		URL:     fmt.Sprintf("nats://%s%s", user, address),
		Refused: "nats://treaty:wrong-password@" + address,
		Absent:  "nats://127.0.0.1:1",
		Through: func(proxy string) string { return fmt.Sprintf("nats://%s%s", user, proxy) },
		Behind:  address,
		Ordered: map[string]string{"nats.singleActive": "true"},
		Disagree: map[string]string{
			"nats.replicas=3": "nats.replicas is 3 in the contract and 1 on the broker", "nats.maxAge=24h": "nats.maxAge is 24h0m0s in the contract and for ever on the broker",
			"nats.duplicateWindow=10m": "nats.duplicateWindow is 10m0s in the contract and 2m0s", "nats.storage=memory": "nats.storage is memory in the contract and file",
		},
	}
}
