package site

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	h.Show(NewSite(New(nil), Options{}))
	for {
		if kind, _ := all(); kind == "reload" {
			break
		}
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
