package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/broker"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		url      string
		hosts    []string
		path     string
		user     string
		password string
	}{
		{url: "kafka://a,b:9093,[::1]", hosts: []string{"a:9092", "b:9093", "[::1]:9092"}},
		{url: "kafka://[::1]:5", hosts: []string{"[::1]:5"}},
		{url: "kafka://a/", hosts: []string{"a:9092"}, path: "/"},
		{url: "amqp://u:p%40%2F%3F%25@h/v%2Fhost", hosts: []string{"h:9092"}, path: "/v/host", user: "u", password: "p@/?%"},
		{url: "amqp://u:a@b#c@h:1", hosts: []string{"h:1"}, user: "u", password: "a@b#c"},
		{url: "nats://token@h", hosts: []string{"h:9092"}, user: "token"},
		{url: "embedded:///var/lib/x@1", path: "/var/lib/x@1"},
		{url: "embedded:data", path: "data"},
	} {
		got, err := broker.ParseTarget(c.url, "9092")
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if !reflect.DeepEqual(got.Hosts, c.hosts) || got.Path != c.path || got.User != c.user || got.Password != c.password {
			t.Errorf("%s: hosts %q, path %q, user %q, password %q", c.url, got.Hosts, got.Path, got.User, got.Password)
		}
		if got.Timeout != broker.DefaultTimeout || got.TLS != nil || len(got.Params) != 0 {
			t.Errorf("%s: timeout %s, TLS %v, parameters %v", c.url, got.Timeout, got.TLS, got.Params)
		}
	}
}

// TestPort: a scheme of TLS has a port of its own where its protocol does.
func TestPort(t *testing.T) {
	for url, want := range map[string]string{"mqtt://a": "a:1883", "mqtts://a": "a:8883", "mqtts://a:1": "a:1", "mqtt://a?tls=true": "a:1883"} {
		got := ""
		_, err := broker.Open(t.Context(), url, broker.Adapter{Schemes: []string{"mqtt", "mqtts"}, Port: "1883", TLSPort: "8883", Open: func(_ context.Context, t *broker.Target) (broker.Broker, error) {
			got = t.Hosts[0]
			return nil, nil
		}})
		if err != nil || got != want {
			t.Errorf("%s goes to %s: %v", url, got, err)
		}
	}
}

func TestParameters(t *testing.T) {
	got, err := broker.ParseTarget("kafka://a?timeout=3s&mechanism=plain&servername=b&replicas=1", "9092", "mechanism")
	if err != nil {
		t.Fatal(err)
	}
	if got.AtMost(3) != 1 || got.AtMost(1) != 1 {
		t.Errorf("at most %d of 3", got.AtMost(3))
	}
	if got.Timeout != 3*time.Second || got.Params.Get("mechanism") != "plain" || got.Params.Has("timeout") || got.TLS == nil || got.TLS.ServerName != "b" {
		t.Errorf("timeout %s, parameters %v, TLS %v", got.Timeout, got.Params, got.TLS)
	}
}

func TestParseTargetRefuses(t *testing.T) {
	const secret = "hunter2"
	for url, want := range map[string]string{
		"":                                   "it has no scheme",
		"localhost":                          "it has no scheme",
		"kafka:u:hunter2@h":                  "it has an @, and no // before",
		"//u:hunter2@h":                      "it has no scheme",
		"kafka://a,,b":                       "a host is empty",
		"kafka://a:b":                        `"b" is no port`,
		"kafka://a:70000":                    `"70000" is no port`,
		"kafka://a?tsl=true":                 `"tsl" is no parameter; known are tls,`,
		"kafka://a?timeout=soon":             `"soon" is no timeout; write a duration such as 5s`,
		"kafka://a?timeout=-1s":              `"-1s" is no timeout`,
		"kafka://a?replicas=0":               `"0" is no number of replicas; write a number such as 1`,
		"kafka://a?x=%zz":                    "its parameters are not escaped well",
		"kafka://a/%zz":                      "its path is not escaped well",
		"kafka://u:hunter2%zz@a":             "a percent sign in a password is written %25",
		"kafka://u:hunter2/x@a":              "/ is written %2F",
		"kafka://u:hunter2?x@a":              "? is written %3F",
		"kafka://u:12/hunter2@a":             "/ is written %2F",
		"kafka://u:hunter2@a?timeout=x":      "on kafka://a: wrong use",
		"kafka://u:hunter2@a?ca=/nowhere":    "ca: open /nowhere",
		"kafka://u:hunter2@a?cert=/nowhere":  "cert and key go together",
		"kafka://u:hunter2@a?key=x&cert=/no": "open /no",
		"kafka://a?tls=1":                    "tls=1 is neither true nor false",
		"kafka://a?insecure=yes":             "insecure=yes is neither true nor false",
		"kafka://a?ca=" + os.DevNull:         "has no certificate in PEM",
	} {
		_, err := broker.ParseTarget(url, "9092")
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, broker.ErrUsage) {
			t.Errorf("%s: %v, and not: %s", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is in the error: %v", url, err)
		}
	}
}

// TestNoPath: what a URL says in vain is refused, with what to write.
func TestNoPath(t *testing.T) {
	for url, want := range map[string]string{
		"kafka://h": "", "kafka://h/": "",
		"kafka://u:p@h:1/orders?tls=true": `open on kafka://h:1/orders: wrong use: the path "/orders" says nothing to this broker; topics are the channels' addresses; write kafka://h:1`,
	} {
		target, err := broker.ParseTarget(url, "9092")
		if err != nil {
			t.Fatal(err)
		}
		err = target.NoPath("topics are the channels' addresses")
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && (got != want || !errors.Is(err, broker.ErrUsage)) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("TREATY_BROKER_USER", "u")
	t.Setenv("TREATY_BROKER_PASSWORD", "p")
	t.Setenv("TREATY_BROKER_TOKEN", "t")
	got, err := broker.ParseTarget("nats://h", "4222")
	if err != nil || got.User != "u" || got.Password != "p" || got.Token != "t" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, _ := broker.ParseTarget("nats://a:b@h", "4222"); got.User != "a" || got.Password != "b" {
		t.Errorf("what the URL says does not come first: %+v", got)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{"amqps://h", "mqtts://h", "kafka://h?tls=true", "kafka://h?insecure=true", "kafka://h?ca=" + cert, "kafka://h?cert=" + cert + "&key=" + keyFile} {
		got, err := broker.ParseTarget(url, "1")
		if err != nil || got.TLS == nil {
			t.Errorf("%s: %v, and no TLS", url, err)
			continue
		}
		if got.TLS.InsecureSkipVerify != strings.Contains(url, "insecure") || (got.TLS.RootCAs != nil) != strings.Contains(url, "ca=") || (len(got.TLS.Certificates) > 0) != strings.Contains(url, "cert=") {
			t.Errorf("%s: %+v", url, got.TLS)
		}
	}
	if got, err := broker.ParseTarget("kafka://h?tls=false", "1"); err != nil || got.TLS != nil {
		t.Errorf("tls=false: %v, %v", got, err)
	}
}

func TestOpenUnknown(t *testing.T) {
	a := broker.Adapter{Name: "a", Schemes: []string{"aa", "ab"}}
	_, err := broker.Open(context.Background(), "amqq://u:hunter2@h?x=hunter2", a)
	if !errors.Is(err, broker.ErrUsage) || err.Error() != `open: wrong use: "amqq://h" is no URL of a broker; one begins with aa:// or ab://` {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	for n := range 80 {
		whole := min(100*time.Millisecond<<min(n, 20), 10*time.Second)
		for range 20 {
			if d := broker.Backoff(n); d <= whole/2 || d > whole {
				t.Fatalf("the pause %d is %s, and not between %s and %s", n, d, whole/2, whole)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	client := errors.New("said the client")
	err := error(&broker.Error{Op: "publish", Broker: "kafka://h:1", Channel: "orders", Kind: broker.ErrTooLarge, Err: client, Advice: "send less"})
	if want := `publish "orders" on kafka://h:1: message too large for the broker: said the client; send less`; err.Error() != want {
		t.Errorf("%s, and not: %s", err, want)
	}
	if !errors.Is(err, broker.ErrTooLarge) || !errors.Is(err, client) {
		t.Error("neither its kind nor its cause is found")
	}
	var f broker.Failures
	if f.Add(0, nil); f.Err(1) != nil {
		t.Error("nothing is an error")
	}
	f.Add(2, err)
	var failed *broker.PublishError
	if all := f.Err(4); !errors.As(all, &failed) || failed.Failed[0].Index != 2 || !errors.Is(all, client) || !strings.HasPrefix(all.Error(), "1 of 4 messages were not published; the first is number 3: ") {
		t.Error(all)
	}
	if one := f.Err(1); one.Error() != err.Error() {
		t.Error(one)
	}
}

// FuzzParseTarget holds that nothing of a password is ever shown, whatever is in
// it, and that reading a URL never panics.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"", "x", "/", "?", "@", "#", "%", "%zz", ":", ",", "//", "@h/?a=b", "[", "a\x00b", "é"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		_, _ = broker.ParseTarget(before+after, "1")
		if strings.Contains(before, "@") {
			return // then what follows is no password
		}
		const secret = "hunter2"
		rawURL := "kafka://u:" + before + secret + after + "@h"
		for _, rawURL := range []string{rawURL, rawURL + "?timeout=x", strings.TrimPrefix(rawURL, "kafka:"), "kafka:" + strings.TrimPrefix(rawURL, "kafka://")} {
			target, err := broker.ParseTarget(rawURL, "1", "p")
			shown := fmt.Sprint(err)
			if err == nil {
				shown = target.String()
			}
			_, err = broker.Open(context.Background(), rawURL)
			if shown += fmt.Sprint(err); strings.Contains(shown, secret) {
				t.Fatalf("%q shows its password: %s", rawURL, shown)
			}
		}
	})
}
