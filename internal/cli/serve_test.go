package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// written is what a command that goes on has written so far.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// eventually waits for something to become true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: it did not come to that", what)
		}
	}
}

// served runs serve until the test is over, and returns where it is.
func served(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return goesOn(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
}

// goesOn runs a command until the test is over, and returns where its catalogue is.
func goesOn(t *testing.T, dir string, args ...string) (url string) {
	t.Helper()
	out, errs := &written{}, &written{}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, Env{Args: args, Dir: dir, Stdout: out, Stderr: errs, Getenv: func(string) string { return "" }, Now: time.Now})
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitClean {
			t.Errorf("exit code %d: %s", code, errs)
		}
	})
	at := regexp.MustCompile(`http://\S+/`)
	eventually(t, "serving", func() bool {
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("exit code %d: %s", code, errs)
		default:
		}
		url = at.FindString(out.String())
		return url != ""
	})
	return url
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestServe serves the example: what is published comes on the stream, what is not
// allowed is not sent, and pages follow the documents.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"orders.asyncapi.yaml", "billing.asyncapi.yaml", "shipping.asyncapi.yaml", "treaty.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../examples/orders", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	url := served(t, dir, "--broker", "embedded:./events", "--write")
	page := fetch(t, url+"events/orders.paid.v1.html")
	for _, want := range []string{"data-publish", "data-stream=", "Billing"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}

	resp, err := http.Get(url + "live/events?type=orders.paid.v1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	batches := make(chan map[string]any, 1000)
	go func() {
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var b map[string]any
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &b) == nil {
				batches <- b
			}
		}
	}()
	eventually(t, "watching", func() bool {
		select {
		case b := <-batches:
			state, _ := b["state"].(string)
			return strings.HasPrefix(state, "Watching ")
		default:
			return false
		}
	})

	on := "orders.events"
	send := func(what, text string) map[string]any {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"service": "orders-events", "channel": on, "event": text})
		resp, err := http.Post(url+"live/"+what, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	good := `{"specversion":"1.0","id":"e-1","source":"orders-service","type":"orders.paid.v1","subject":"ord_1","time":"2026-04-10T15:17:31Z","datacontenttype":"application/json","data":{"order_id":"ord_1","customer_id":"c_9","total_minor":4599,"currency":"USD","paid_at":"2026-04-10T15:19:58Z"}}`
	bad := strings.Replace(good, `"USD"`, `"dollars"`, 1)
	for text, valid := range map[string]bool{good: true, bad: false, "{": false, "": false, `"x"`: false, strings.Replace(good, "orders.paid.v1", "orders.lost.v1", 1): false} {
		if a := send("check", text); a["valid"] != valid || valid != (len(a["problems"].([]any)) == 0) {
			t.Errorf("%s: %v", text, a)
		}
	}
	on = "orders.gone" // a page that is old
	if a := send("publish", good); a["sent"] == true || !strings.HasPrefix(fmt.Sprint(a["error"]), "channel orders.gone: the contract has no such channel") {
		t.Errorf("a channel that is not there: %v", a)
	}
	on = "orders.events"
	if a := send("publish", bad); a["sent"] == true {
		t.Errorf("what the contract refuses was sent: %v", a)
	}
	if a := send("publish", good); a["sent"] != true {
		t.Fatal(a)
	}
	eventually(t, "the event", func() bool {
		select {
		case b := <-batches:
			events, _ := b["events"].([]any)
			if len(events) == 0 {
				return false
			}
			e := events[0].(map[string]any)
			if len(events) != 1 || e["valid"] != true || e["subject"] != "ord_1" || e["event"].(map[string]any)["id"] != "e-1" {
				t.Errorf("%v", events)
			}
			return true
		default:
			return false
		}
	})

	// Documents change: one field more, and then half a document.
	text, _ := os.ReadFile(filepath.Join(dir, "billing.asyncapi.yaml"))
	if err := os.WriteFile(filepath.Join(dir, "billing.asyncapi.yaml"), bytes.Replace(text, []byte("title: Billing\n"), []byte("title: Invoicing\n"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change", func() bool { return strings.Contains(fetch(t, url+"events/orders.paid.v1.html"), "Invoicing") })
	if err := os.WriteFile(filepath.Join(dir, "billing.asyncapi.yaml"), []byte("asyncapi: 3.1.0\ninfo: {title: Invoicing, version: 1.0.0}\nchannels: {a: {address: [}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fault", func() bool {
		return strings.Contains(fetch(t, url+"services/invoicing.html"), "What is wrong with the document")
	})
	if a := send("publish", good); a["sent"] != true {
		t.Errorf("after the change: %v", a)
	}
}

// TestServeFollows holds that what happens to the documents of a folder is shown, and
// takes the others down at no time: half of a file saved, one that is empty, taken
// away, renamed, all of them gone, and a version that is tagged.
func TestServeFollows(t *testing.T) {
	dir := t.TempDir()
	text := map[string]string{}
	for _, name := range []string{"orders.asyncapi.yaml", "billing.asyncapi.yaml"} {
		b, err := os.ReadFile(filepath.Join("../../examples/orders", name))
		if err != nil {
			t.Fatal(err)
		}
		text[name] = string(b)
	}
	save := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	orders, billing := text["orders.asyncapi.yaml"], text["billing.asyncapi.yaml"]
	save("orders.asyncapi.yaml", orders)
	save("billing.asyncapi.yaml", billing)
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "one")
	url := served(t, dir)
	shows := func(page, words string) func() bool {
		return func() bool {
			if !strings.Contains(fetch(t, url+"services/billing.html"), "<h1>Billing</h1>") {
				t.Error("the other document is not shown")
			}
			return strings.Contains(fetch(t, url+page), words)
		}
	}
	eventually(t, "the page at first", shows("events/orders.paid.v1.html", "<code>orders.paid.v1</code></h1>"))
	git("tag", "v1.0.0")
	eventually(t, "a tag", shows("changes.html", "v1.0.0"))
	save("orders.asyncapi.yaml", orders[:len(orders)/2])
	eventually(t, "half a file", shows("index.html", "Not everything could be understood."))
	save("orders.asyncapi.yaml", "")
	eventually(t, "an empty file", shows("services/orders.html", "What is wrong with the document"))
	save("orders.asyncapi.yaml", orders)
	eventually(t, "the file again", shows("services/orders-events.html", "<h1>Orders events</h1>"))
	if err := os.Rename(filepath.Join(dir, "orders.asyncapi.yaml"), filepath.Join(dir, "renamed.asyncapi.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new name", shows("services/orders-events.html", "renamed.asyncapi.yaml"))
	if err := os.Remove(filepath.Join(dir, "renamed.asyncapi.yaml")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file that is gone", shows("services/orders-events.html", "There is no such page"))
	if err := os.Remove(filepath.Join(dir, "billing.asyncapi.yaml")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * look)
	shows("index.html", "")()
}

// TestServeWithoutBroker holds that a catalogue is served whose broker is not there,
// and that it says so.
func TestServeWithoutBroker(t *testing.T) {
	dir, err := filepath.Abs("../../examples/orders")
	if err != nil {
		t.Fatal(err)
	}
	url := served(t, dir, "--broker", "nats://user:secret@127.0.0.1:1", "--write")
	resp, err := http.Get(url + "live/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "secret") {
			t.Fatal("the stream tells a secret")
		}
		if strings.Contains(lines.Text(), "cannot be reached") {
			break
		}
	}
	if !strings.Contains(fetch(t, url+"index.html"), "orders.paid.v1") {
		t.Error("the catalogue is not served")
	}
}

// TestServeRefuses holds what is not served.
func TestServeRefuses(t *testing.T) {
	dir, _ := filepath.Abs("../../examples/orders")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--write"}, "none is named"},
		{[]string{"--write", "--broker", "nats://127.0.0.1", "--listen", "0.0.0.0:0"}, "would let everybody send"},
		{[]string{"--listen", "nowhere"}, "is no address"},
		{[]string{"-"}, "cannot be served"},
		{[]string{"nothing.yaml"}, "nothing.yaml"},
		{[]string{"--broker", "embedded:"}, "names no folder"},
	} {
		if code, _, stderr := run(dir, append([]string{"serve"}, c.args...)...); code != exitFailed || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d: %s", c.args, code, stderr)
		}
	}
}
