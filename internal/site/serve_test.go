package site

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"
)

func served(t *testing.T) (*Handler, *httptest.Server) {
	h := &Handler{Loopback: true}
	h.Show(NewSite(New(orders(t)), Options{Served: true, Live: true, Publish: true}))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, server
}

func get(t *testing.T, url string, change ...func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, _ := http.NewRequest("GET", url, nil)
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// TestServe holds that what is served is what is exported, under the policy, and
// that nothing else is.
func TestServe(t *testing.T) {
	h, server := served(t)
	for _, name := range h.Site().Paths() {
		code, header, text := get(t, server.URL+"/"+name)
		want, _ := h.Site().File(name)
		if code != 200 || text != string(want) || header.Get("Content-Type") != ContentType(name) {
			t.Errorf("%s: %d, %s, %d bytes", name, code, header.Get("Content-Type"), len(text))
		}
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s has the policy %q", name, csp)
		}
	}
	if code, _, text := get(t, server.URL+"/"); code != 200 || !strings.Contains(text, "orders.paid.v1") {
		t.Errorf("/ is %d", code)
	}
	for _, name := range []string{"/nothing", "/events/nothing.html", "/..%2f..%2fgo.mod", "/assets/..%2f..%2fsite.go", "/%2e%2e/%2e%2e/etc/passwd", "/templates/layout.html", "/assets/", "/live/nothing"} {
		code, _, text := get(t, server.URL+name, func(r *http.Request) { r.URL.Opaque = name })
		if code != 404 || !strings.Contains(text, "no such page") {
			t.Errorf("%s is %d", name, code)
		}
	}
	// A page of somebody else, whose name was made to mean this machine.
	if code, _, _ := get(t, server.URL+"/", func(r *http.Request) { r.Host = "evil.example" }); code != 403 {
		t.Errorf("another name is answered with %d", code)
	}
	if resp, err := http.Post(server.URL+"/index.html", "text/plain", nil); err != nil || resp.StatusCode != 405 {
		t.Error("a page takes POST")
	}
}

// TestDraft holds who may send, and what.
func TestDraft(t *testing.T) {
	h, server := served(t)
	sent := 0
	checked := func(_ *Site, d Draft) ([]Problem, error) {
		switch {
		case d.Service != "orders-events":
			return nil, errors.New("no such service")
		case strings.Contains(d.Event, "bad"):
			return []Problem{{"event-data", "/data", "bad"}}, nil
		}
		return nil, nil
	}
	post := func(what, event string, change func(*http.Request)) (int, answer) {
		t.Helper()
		body, _ := json.Marshal(Draft{"orders-events", "c", event})
		r, _ := http.NewRequest("POST", server.URL+"/live/"+what, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(r)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a answer
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, a
	}
	if code, a := post("publish", "{}", nil); code != 403 || a.Sent {
		t.Errorf("without --write: %d %+v", code, a)
	}
	h.Check = checked
	h.Send = func(context.Context, *Site, Draft) error { sent++; return nil }
	if code, a := post("check", "bad", nil); code != 200 || a.Valid || len(a.Problems) != 1 {
		t.Errorf("%d %+v", code, a)
	}
	if code, a := post("publish", "bad", nil); code != 200 || a.Sent || sent != 0 {
		t.Errorf("what is not allowed was sent: %d %+v", code, a)
	}
	if code, a := post("publish", "{}", nil); code != 200 || !a.Sent || sent != 1 {
		t.Errorf("%d %+v", code, a)
	}
	for name, change := range map[string]func(*http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a form":         func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
	} {
		if code, a := post("publish", "{}", change); code < 400 || a.Sent || sent != 1 {
			t.Errorf("%s may send: %d", name, code)
		}
	}
	h.Token = "secret"
	for token, may := range map[string]bool{"": false, "Bearer wrong": false, "Bearer secret": true} {
		code, a := post("publish", "{}", func(r *http.Request) { r.Header.Set("Authorization", token) })
		if a.Sent != may || !may && code != 401 {
			t.Errorf("token %q: %d %+v", token, code, a)
		}
	}
	h.Send = func(context.Context, *Site, Draft) error { return errors.New("the broker is gone") }
	if code, a := post("publish", "{}", func(r *http.Request) { r.Header.Set("Authorization", "Bearer secret") }); code != 502 || a.Error != "the broker is gone" {
		t.Errorf("%d %+v", code, a)
	}
}

// TestStream holds what those who watch get: what they ask for, the counts of all,
// no more than fits, and that their page is old.
func TestStream(t *testing.T) {
	h, server := served(t)
	h.Stream.Say("Watching", false)
	h.Stream.Add(Seen{Type: "before", Channel: "c", Valid: true})
	watch := func(query string) func() (string, batch) {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/live/events?"+query, nil)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		return func() (string, batch) {
			kind := ""
			for lines.Scan() {
				if k, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					kind = k
				}
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					var b batch
					if err := json.Unmarshal([]byte(data), &b); err != nil {
						t.Fatal(err)
					}
					return kind, b
				}
			}
			t.Fatal("the stream has ended")
			return "", batch{}
		}
	}
	all := watch("")
	if _, b := all(); b.State != "Watching" || len(b.Events) != 1 || b.Events[0].Type != "before" {
		t.Fatalf("%+v", b)
	}
	some := watch("type=orders.*&subject=ord_7")
	invalid := watch("invalid=1")
	some()
	invalid()
	for i := range 1000 {
		h.Stream.Add(Seen{Time: time.Now(), Type: "orders.paid.v1", Subject: fmt.Sprintf("ord_%d", i), Channel: "c", Valid: i%100 != 0, Event: json.RawMessage(`{"id":"1"}`)})
	}
	seen, skipped := 0, 0
	for seen+skipped < 1000 {
		_, b := all()
		if len(b.Events) > perBatch {
			t.Fatalf("%d events in a batch", len(b.Events))
		}
		seen, skipped = seen+len(b.Events), skipped+b.Skipped
		if len(b.Counts) > 0 && b.Counts[0].Count == 1000 && b.Counts[0].Invalid != 10 {
			t.Fatalf("%+v", b.Counts)
		}
	}
	if seen+skipped != 1000 || seen == 0 {
		t.Errorf("%d shown, %d not", seen, skipped)
	}
	for {
		if _, b := some(); len(b.Events) > 0 {
			if len(b.Events) != 1 || b.Events[0].Subject != "ord_7" {
				t.Errorf("%+v", b.Events)
			}
			break
		}
	}
	for {
		if _, b := invalid(); len(b.Events) > 0 {
			if len(b.Events) != 10 || b.Events[0].Valid {
				t.Errorf("%+v", b.Events)
			}
			break
		}
	}
	h.Stream.Say("The broker is gone", true)
	for {
		if _, b := all(); b.Down {
			break
		}
	}
	next := NewSite(New(nil), Options{Served: true})
	if next.Edition() == "" || next.Edition() == h.Site().Edition() {
		t.Errorf("the editions are %q and %q", h.Site().Edition(), next.Edition())
	}
	h.Show(next)
	for {
		if _, b := all(); b.Edition == next.Edition() {
			break
		}
	}
	if _, _, text := get(t, server.URL+"/nowhere.html"); !strings.Contains(text, `data-live="`+next.Edition()+`"`) {
		t.Error("a page does not say of which edition it is")
	}
}

// TestStreamAgain holds that who comes again gets what came since, and not what was
// shown before; and that an id of another process is none of ours.
func TestStreamAgain(t *testing.T) {
	var s Stream
	add := func(n int) {
		for range n {
			s.Add(Seen{Type: "a", Valid: true})
		}
	}
	add(10)
	first := s.watch(filter{}, "")
	b, id := s.batch(first, false)
	if len(b.Events) != 10 {
		t.Fatalf("%d events at first", len(b.Events))
	}
	add(3)
	for after, want := range map[string]int{id: 3, "": 13, "other-13": 13, "nonsense": 13, id + "0": 0} {
		if b, _ := s.batch(s.watch(filter{}, after), true); len(b.Events) != want {
			t.Errorf("after %q: %d events, want %d", after, len(b.Events), want)
		}
	}
}

// TestStreamKeepsLittle holds that events that are not shown whole are not kept
// whole either.
func TestStreamKeepsLittle(t *testing.T) {
	var s Stream
	huge := json.RawMessage(`"` + strings.Repeat("x", 4<<20) + `"`)
	problems := make([]Problem, 1000)
	for i := range problems {
		problems[i].Message = strings.Repeat("y", 10000)
	}
	s.Add(Seen{Type: "a", Event: huge, Raw: strings.Repeat("z", 4<<20), Problems: problems})
	kept := s.last[0]
	if len(kept.Event) > 100 || len(kept.Raw) > maxShown || len(kept.Problems) > maxProblems || len(kept.Problems[0].Message) > maxMessage+3 {
		t.Errorf("%d, %d bytes and %d problems are kept", len(kept.Event), len(kept.Raw), len(kept.Problems))
	}
}

// TestStreamLetsGo holds that who does not read is let go, from the first batch on.
func TestStreamLetsGo(t *testing.T) {
	before := readWithin
	readWithin = 200 * time.Millisecond
	t.Cleanup(func() { readWithin = before })
	h, server := served(t)
	for i := range lastKept { // more than the buffers of a connection hold
		h.Stream.Add(Seen{Type: fmt.Sprint("a", i), Event: json.RawMessage(`"` + strings.Repeat("x", maxShown-100) + `"`)})
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(conn, "GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	watching := func() int {
		h.Stream.mu.Lock()
		defer h.Stream.mu.Unlock()
		return len(h.Stream.watchers)
	}
	for deadline := time.Now().Add(20 * time.Second); watching() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody watches")
		}
	}
	for deadline := time.Now().Add(20 * time.Second); watching() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("who does not read still watches")
		}
		for i := range perBatch { // and more comes
			h.Stream.Add(Seen{Type: fmt.Sprint("b", i), Event: json.RawMessage(`"` + strings.Repeat("x", maxShown-100) + `"`)})
		}
	}
}

// TestAgain holds that a file that a browser has is not sent to it again.
func TestAgain(t *testing.T) {
	h, server := served(t)
	for _, name := range []string{"/", "/assets/site.css", "/search-index.js"} {
		_, header, _ := get(t, server.URL+name)
		tag := header.Get("ETag")
		if tag == "" {
			t.Fatalf("%s has no tag", name)
		}
		if code, _, text := get(t, server.URL+name, func(r *http.Request) { r.Header.Set("If-None-Match", tag) }); code != http.StatusNotModified || text != "" {
			t.Errorf("%s is sent again: %d, %d bytes", name, code, len(text))
		}
	}
	_, header, _ := get(t, server.URL+"/")
	h.Show(NewSite(New(nil), Options{Served: true}))
	if code, _, _ := get(t, server.URL+"/", func(r *http.Request) { r.Header.Set("If-None-Match", header.Get("ETag")) }); code != http.StatusOK {
		t.Errorf("another page is said to be the same: %d", code)
	}
}

// TestMatches holds the filter of types.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{{"", "x", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"a*c", "abc", true}, {"a*bc", "abc", true}, {"ab*b", "ab", false}, {"*", "", true}, {"a*b*c", "a1b2c", true}, {"a*b*c", "acb", false}} {
		if got := matches(c.pattern, c.s); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.s, got)
		}
	}
}

// TestMissingPage holds that the page that says that there is none works from where
// it was asked for.
func TestMissingPage(t *testing.T) {
	_, server := served(t)
	_, _, text := get(t, server.URL+"/a/b/c.html")
	for _, m := range linkRE.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], "#") {
			continue
		}
		if to := path.Join("/a/b", m[1]); !strings.HasPrefix(to, "/assets/") && !strings.HasSuffix(to, ".html") {
			t.Errorf("%s leads to %s", m[1], to)
		} else if code, _, _ := get(t, server.URL+to); code != 200 {
			t.Errorf("%s is %d", to, code)
		}
	}
}
