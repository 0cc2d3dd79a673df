package nats_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/brokertest"
	"github.com/treaty-events/treaty/broker/nats"
)

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
