package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/amqp"
	"github.com/treaty-events/treaty/broker/embedded"
	"github.com/treaty-events/treaty/broker/kafka"
	"github.com/treaty-events/treaty/broker/nats"
	"github.com/treaty-events/treaty/broker/pubsub"
)

// The test binary is the service, where it is told to be: it is killed, which a
// goroutine cannot be.
func TestMain(m *testing.M) {
	if os.Getenv("SERVICE_RUN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestService is one story on every broker, by the URL alone: orders are placed,
// paid and refunded while Billing is killed and started again, and an event is
// published twice. Each payment and refund is booked exactly once.
func TestService(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		// One process has the folder, so the two are one, and are killed together.
		story(t, setting{orders: "embedded:" + t.TempDir() + "?listen=" + port, beside: "nats://" + port, together: true})
	})
	t.Run("embedded beside nats", func(t *testing.T) {
		t.Parallel()
		port := freePort(t)
		story(t, setting{orders: "embedded:" + t.TempDir() + "?listen=" + port, billing: "nats://" + port, beside: "nats://" + port})
	})
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		cluster, err := kfake.NewCluster()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		// A member that is killed is missed after Kafka's 45 seconds.
		story(t, setting{orders: "kafka://" + strings.Join(cluster.ListenAddrs(), ","), end: os.Interrupt})
	})
	t.Run("pstest", func(t *testing.T) {
		t.Parallel()
		server := pstest.NewServer()
		t.Cleanup(func() { server.Close() })
		// What a member had that is killed comes again after Pub/Sub's deadline, a minute.
		story(t, setting{orders: "pubsub://treaty?endpoint=" + server.Addr, end: os.Interrupt})
	})
	for name, scheme := range map[string]string{"NATS": "nats", "KAFKA": "kafka", "AMQP": "amqp"} {
		t.Run(strings.ToLower(name), func(t *testing.T) {
			at := os.Getenv("TREATY_" + name)
			if at == "" {
				t.Skipf("TREATY_%s is not set to the address of a broker", name)
			}
			t.Parallel()
			story(t, setting{orders: scheme + "://" + at, shared: true})
		})
	}
}

// An order that the contract does not allow is refused, and so is one whose total is no
// number that it has: nothing is stored of them.
func TestRefused(t *testing.T) {
	c, err := treaty.Load(t.Context(), os.DirFS(contracts(t, false)), "orders.asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Open(t.Context(), "embedded:"+t.TempDir(), embedded.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	mux := http.NewServeMux()
	o, err := newOrders(t.Context(), mux, c, b, filepath.Join(t.TempDir(), "orders.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer o.db.Close()
	for lines, want := range map[string]int{
		`{"sku":"MUG","quantity":1,"unit_minor":9223372036854775807}`:                                                              http.StatusOK,
		`{"sku":"MUG","quantity":4611686018427387904,"unit_minor":4}`:                                                              http.StatusUnprocessableEntity,
		`{"sku":"MUG","quantity":1,"unit_minor":9223372036854775807},{"sku":"MUG","quantity":1,"unit_minor":1}`:                    http.StatusUnprocessableEntity,
		`{"sku":"MUG","quantity":-4611686018427387904,"unit_minor":4}`:                                                             http.StatusUnprocessableEntity,
		`{"sku":"MUG","quantity":1,"unit_minor":-1}`:                                                                               http.StatusUnprocessableEntity,
		`{"sku":"MUG","quantity":0,"unit_minor":1}`:                                                                                http.StatusUnprocessableEntity,
		`{"sku":"MUG","quantity":-1,"unit_minor":9223372036854775807},{"sku":"MUG","quantity":2,"unit_minor":9223372036854775807}`: http.StatusUnprocessableEntity,
	} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "POST", "/orders", strings.NewReader(`{"customer_id":"c_9","currency":"USD","lines":[`+lines+`]}`)))
		if answer.Code != want {
			t.Errorf("%s: the answer is %d %s", lines, answer.Code, answer.Body)
		}
	}
	// What there is not is not found, and what is in another status is a conflict.
	var id string
	if err := o.db.QueryRow("SELECT id FROM orders").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/orders/none/pay": http.StatusNotFound, "/orders/" + id + "/refund": http.StatusConflict} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "POST", path, nil))
		if answer.Code != want {
			t.Errorf("%s: the answer is %d %s", path, answer.Code, answer.Body)
		}
	}
	var orders int
	if err := o.db.QueryRow("SELECT count(*) FROM orders").Scan(&orders); err != nil || orders != 1 {
		t.Errorf("%d orders are stored: %v", orders, err)
	}
}

type setting struct {
	orders, billing string // URLs; billing is that of orders where it is none
	beside          string // where the test joins; that of orders where it is none
	together        bool
	shared          bool      // others use the broker, which is a single one
	end             os.Signal // instead of killing Billing
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// contracts is a folder of the contracts: where the broker is shared with names
// of the test's own, and without replicas, since it is a single one.
func contracts(t *testing.T, shared bool) string {
	t.Helper()
	dir := t.TempDir()
	change := strings.NewReplacer()
	if shared {
		own := fmt.Sprintf("service%d.", time.Now().UnixNano())
		change = strings.NewReplacer("address: ", "address: "+own, "topic: ", "topic: "+own, "replicas: 3", "replicas: 1")
	}
	for _, name := range []string{"orders.asyncapi.yaml", "billing.asyncapi.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(change.Replace(string(text))), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// process is the service as a process of its own.
type process struct {
	t    *testing.T
	args []string
	url  string
	cmd  *exec.Cmd
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), "SERVICE_RUN=1")
	var errs bytes.Buffer
	p.cmd.Stderr = &errs
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		p.kill()
		p.t.Fatalf("service %s did not start: %s%s", strings.Join(p.args, " "), line, &errs)
	}
	go io.Copy(io.Discard, out)
	p.url = url
	p.t.Cleanup(func() {
		p.kill()
		if p.t.Failed() {
			p.t.Logf("service %s said\n%s", p.args[0], &errs)
		}
	})
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

func call[T any](t *testing.T, method, url, body string) (v T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s: %v: %s", method, url, response.Status, err, text)
	}
	return v
}

type answer struct {
	Status string
	Placed struct {
		ID    string `json:"order_id"`
		Total int64  `json:"total_minor"`
	}
}

func story(t *testing.T, s setting) {
	if s.billing == "" {
		s.billing = s.orders
	}
	if s.beside == "" {
		s.beside = s.orders
	}
	dir := contracts(t, s.shared)
	data := t.TempDir()
	part := func(name, url string) *process {
		return &process{t: t, args: []string{name, "--broker", url, "--contract", dir, "--data", data, "--listen", "127.0.0.1:0"}}
	}
	shop, billing := part("orders", s.orders), part("billing", s.billing)
	if s.together {
		shop = part("all", s.orders)
		billing = shop
		shop.start()
	} else {
		shop.start() // its contract says how the channel is made
		billing.start()
	}
	call[string](t, "GET", billing.url+"/ready", "")
	const unit = 1200
	want := Balance{}
	sell := func(n int) {
		t.Helper()
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				o := call[answer](t, "POST", shop.url+"/orders", `{"customer_id":"c_9","currency":"USD","lines":[{"sku":"MUG","quantity":2,"unit_minor":1200}]}`)
				if paid := call[answer](t, "POST", shop.url+"/orders/"+o.Placed.ID+"/pay", ""); paid.Status != "paid" || paid.Placed.Total != 2*unit {
					t.Errorf("%+v", paid)
				}
			})
		}
		all.Wait()
		want.Bookings += n
		want.Minor += int64(n) * 2 * unit
	}
	booked := func() Balance {
		t.Helper()
		return call[Balance](t, "GET", billing.url+"/balance/USD", "")
	}
	until := func(what string, is func(Balance) bool) {
		t.Helper()
		end := time.Now().Add(2 * time.Minute)
		for got := booked(); !is(got); got = booked() {
			if time.Now().After(end) {
				t.Fatalf("there was never %s: %+v is booked, and %+v was paid and refunded", what, got, want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	all := func(got Balance) bool { return got == want }

	// Orders are paid, and one is paid and refunded.
	sell(10)
	o := call[answer](t, "POST", shop.url+"/orders", `{"customer_id":"c_9","currency":"USD","lines":[{"sku":"MUG","quantity":1,"unit_minor":1200}]}`)
	call[answer](t, "POST", shop.url+"/orders/"+o.Placed.ID+"/pay", "")
	if got := call[answer](t, "POST", shop.url+"/orders/"+o.Placed.ID+"/refund", ""); got.Status != "refunded" {
		t.Errorf("%+v", got)
	}
	want.Bookings += 2
	until("everything", all)
	began := time.Now()

	// Billing is killed while it works, and started again.
	sell(20)
	until("some of it", func(got Balance) bool { return got.Bookings > 15 })
	if s.end != nil {
		_ = billing.cmd.Process.Signal(s.end)
		_ = billing.cmd.Wait()
	}
	billing.kill()
	if !s.together {
		sell(10)
	}
	billing.start()
	sell(10)
	until("everything, after Billing was killed", all)
	t.Logf("killed and restarted in %s", time.Since(began))

	// An event comes twice, and twice again.
	twice(t, s.beside, dir)
	want.Bookings++
	want.Minor += 700
	sell(1)
	until("everything, with an event that came four times", all)
	time.Sleep(200 * time.Millisecond)
	if got := booked(); got != want {
		t.Errorf("%+v is booked, and %+v was paid and refunded", got, want)
	}
}

// twice publishes an event four times, as the producer's library would not.
func twice(t *testing.T, url, dir string) {
	t.Helper()
	c, err := treaty.Load(t.Context(), os.DirFS(dir), "orders.asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Open(t.Context(), url, kafka.Adapter, nats.Adapter, amqp.Adapter, pubsub.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p, err := treaty.NewProducer(c, forgetful{b})
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.New("orders.paid.v1", "ord_twice", json.RawMessage(`{"order_id":"ord_twice","customer_id":"c_9","total_minor":700,"currency":"USD","paid_at":"2026-04-10T15:19:58Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.PublishEvents(t.Context(), e, e); err != nil {
			t.Fatal(err)
		}
	}
}

// forgetful is a broker that does not know events again.
type forgetful struct{ broker.Broker }

func (b forgetful) Publish(ctx context.Context, channel broker.Channel, messages ...broker.Message) error {
	for i := range messages {
		messages[i].Identity = ""
	}
	return b.Broker.Publish(ctx, channel, messages...)
}
