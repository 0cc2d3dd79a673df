package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Target is a broker's URL, taken apart:
//
//	scheme://user:password@host:port,host:port/path?name=value
//
// User, password and token may be left to the environment: TREATY_BROKER_USER,
// TREATY_BROKER_PASSWORD, TREATY_BROKER_TOKEN. These parameters are known to
// every adapter, and each has more of its own:
//
//	tls=true         speak TLS, also by a scheme that ends in s (amqps, mqtts, …)
//	ca=FILE          trust the certificates of this file, and no others
//	cert=FILE        be known by this certificate …
//	key=FILE         … and its key
//	servername=NAME  expect the broker's certificate to be of this name
//	insecure=true    do not look at the broker's certificate
//	timeout=10s      how long opening may take
//	replicas=1       declare with no more copies than these, whatever a channel's settings ask: for a
//	                 broker that is alone, on a developer's machine
type Target struct {
	Scheme   string
	Hosts    []string // host:port, in the order written; empty where the URL has none
	Path     string   // with its slash; the folder of embedded, the virtual host of AMQP, and refused by the others
	User     string
	Password string
	Token    string
	TLS      *tls.Config   // nil without
	Timeout  time.Duration // of opening
	Replicas int           // at most, of what is declared; 0 is no limit
	Params   url.Values    // those of the adapter's own
}

// DefaultTimeout is how long opening a broker may take.
const DefaultTimeout = 10 * time.Second

var commonParams = []string{"tls", "ca", "cert", "key", "servername", "insecure", "timeout", "replicas"}

// String is the URL without what is secret.
func (t *Target) String() string {
	return t.Scheme + "://" + strings.Join(t.Hosts, ",") + t.Path
}

// Adapter opens brokers of some schemes.
type Adapter struct {
	Name    string
	Schemes []string
	Port    string   // where the URL names none
	TLSPort string   // the same, by a scheme that ends in s; "" is Port
	Params  []string // that the adapter knows beside the common ones
	Open    func(ctx context.Context, target *Target) (Broker, error)
}

// Open opens the broker of a URL with the adapter that knows its scheme. It
// returns when the broker has answered.
func Open(ctx context.Context, rawURL string, adapters ...Adapter) (Broker, error) {
	scheme, _, ok := strings.Cut(rawURL, ":")
	var schemes []string
	for _, a := range adapters {
		if ok && slices.Contains(a.Schemes, scheme) {
			port := a.Port
			if a.TLSPort != "" && isSecure(scheme) {
				port = a.TLSPort
			}
			t, err := ParseTarget(rawURL, port, a.Params...)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, t.Timeout)
			defer cancel()
			return a.Open(ctx, t)
		}
		schemes = append(schemes, a.Schemes...)
	}
	return nil, &Error{Op: "open", Kind: ErrUsage, Err: fmt.Errorf("%q is no URL of a broker", withoutUser(rawURL)),
		Advice: "one begins with " + strings.Join(schemes, ":// or ") + "://"}
}

// withoutUser takes a user and a password out of what may be no URL at all: all
// before the last @, since a password may hold what should have been escaped.
func withoutUser(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		scheme, _, ok := strings.Cut(s, "://")
		if s = s[i+1:]; ok && isScheme(scheme) {
			s = scheme + "://" + s
		}
	}
	s, _, _ = strings.Cut(s, "?")
	return s
}

// ParseTarget takes a URL apart. port is that of hosts which have none.
func ParseTarget(rawURL, port string, params ...string) (*Target, error) {
	wrong := func(advice, format string, args ...any) error {
		return &Error{Op: "open", Broker: withoutUser(rawURL), Kind: ErrUsage, Err: fmt.Errorf(format, args...), Advice: advice}
	}
	scheme, rest, ok := strings.Cut(rawURL, ":")
	if !ok || !isScheme(scheme) {
		return nil, wrong("write scheme://host:port", "it has no scheme")
	}
	t := &Target{Scheme: scheme, Timeout: DefaultTimeout, Params: url.Values{}}
	rest, query, _ := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, path, slash := strings.Cut(after, "/")
		if slash {
			path = "/" + path
		}
		var err error
		if t.Path, err = url.PathUnescape(path); err != nil {
			return nil, wrong("", "its path is not escaped well")
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			user, password, _ := strings.Cut(authority[:i], ":")
			var err1, err2 error
			t.User, err1 = url.PathUnescape(user)
			t.Password, err2 = url.PathUnescape(password)
			if err1 != nil || err2 != nil {
				return nil, wrong("a percent sign in a password is written %25", "its user or password is not escaped well")
			}
			authority = authority[i+1:]
		} else if authority != "" && strings.ContainsRune(after+query, '@') {
			return nil, wrong("in a user or a password, / is written %2F and ? is written %3F; an @ after the host is %40", "it has an @ after a / or a ?")
		}
		if authority != "" {
			for _, host := range strings.Split(authority, ",") {
				if host == "" {
					return nil, wrong("", "a host is empty")
				}
				if _, p, err := net.SplitHostPort(host); err != nil || p == "" {
					host = net.JoinHostPort(strings.Trim(strings.TrimSuffix(host, ":"), "[]"), port)
				} else if _, err := strconv.ParseUint(p, 10, 16); err != nil {
					return nil, wrong("", "%q is no port", p)
				}
				if port == "" {
					host = strings.TrimSuffix(host, ":")
				}
				t.Hosts = append(t.Hosts, host)
			}
		}
	} else {
		if strings.ContainsRune(rest+query, '@') {
			return nil, wrong("a user is written after //, and an @ in a path is %40", "it has an @, and no // before")
		}
		var err error
		if t.Path, err = url.PathUnescape(rest); err != nil {
			return nil, wrong("", "its path is not escaped well")
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, wrong("", "its parameters are not escaped well")
	}
	known := append(slices.Clone(commonParams), params...)
	for name := range values {
		if !slices.Contains(known, name) {
			return nil, wrong("known are "+strings.Join(known, ", "), "%q is no parameter", name)
		}
		if !slices.Contains(commonParams, name) {
			t.Params[name] = values[name]
		}
	}
	if t.User == "" {
		t.User = os.Getenv("TREATY_BROKER_USER")
	}
	if t.Password == "" {
		t.Password = os.Getenv("TREATY_BROKER_PASSWORD")
	}
	t.Token = os.Getenv("TREATY_BROKER_TOKEN")
	if s := values.Get("timeout"); s != "" {
		if t.Timeout, err = time.ParseDuration(s); err != nil || t.Timeout <= 0 {
			return nil, wrong("write a duration such as 5s", "%q is no timeout", s)
		}
	}
	if s := values.Get("replicas"); s != "" {
		if t.Replicas, err = strconv.Atoi(s); err != nil || t.Replicas < 1 {
			return nil, wrong("write a number such as 1", "%q is no number of replicas", s)
		}
	}
	if t.TLS, err = tlsOf(scheme, values); err != nil {
		return nil, wrong("", "%w", err)
	}
	return t, nil
}

func isScheme(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("+-.", r))
	})
}

// isSecure is whether a scheme is one of TLS.
func isSecure(scheme string) bool {
	return scheme == "amqps" || scheme == "mqtts" || scheme == "tls" || scheme == "kafkas"
}

func tlsOf(scheme string, v url.Values) (*tls.Config, error) {
	for _, name := range []string{"tls", "insecure"} {
		if s := v.Get(name); v.Has(name) && s != "true" && s != "false" {
			return nil, fmt.Errorf("%s=%s is neither true nor false", name, s)
		}
	}
	asked := v.Get("tls") == "true" || isSecure(scheme)
	for _, name := range []string{"ca", "cert", "key", "servername", "insecure"} {
		asked = asked || v.Has(name)
	}
	if !asked {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: v.Get("servername"), InsecureSkipVerify: v.Get("insecure") == "true"}
	if file := v.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s has no certificate in PEM", file)
		}
	}
	if v.Has("cert") != v.Has("key") {
		return nil, fmt.Errorf("cert and key go together")
	}
	if v.Has("cert") {
		pair, err := tls.LoadX509KeyPair(v.Get("cert"), v.Get("key"))
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// NoPath is an error where the URL has a path, which says nothing to an adapter
// that calls this; why is what the path may have been meant to say.
func (t *Target) NoPath(why string) error {
	if strings.Trim(t.Path, "/") == "" {
		return nil
	}
	bare := *t
	bare.Path = ""
	return t.Fail("open", "", ErrUsage, fmt.Errorf("the path %q says nothing to this broker", t.Path), why+"; write "+bare.String())
}

// Fail makes an error of what a client said while opening.
func (t *Target) Fail(op, channel string, kind, err error, advice string) error {
	return &Error{Op: op, Broker: t.String(), Channel: channel, Kind: kind, Err: err, Advice: advice}
}

// AtMost is a number of replicas, or the most that the URL allows.
func (t *Target) AtMost(replicas int) int {
	if t.Replicas > 0 {
		return min(replicas, t.Replicas)
	}
	return replicas
}

// Backoff is the pause before a connection is tried for the nth time, from 0:
// from 100 ms doubling up to 10 s, less up to half by chance.
func Backoff(n int) time.Duration {
	d := 10 * time.Second
	if n < 7 {
		d = 100 * time.Millisecond << n
	}
	return d - rand.N(d/2)
}
