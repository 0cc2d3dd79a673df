package site

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Problem is one thing that is wrong with an event.
type Problem struct {
	Rule    string `json:"rule"`
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// Seen is an event that came, held to its contract.
type Seen struct {
	Time     time.Time
	Event    json.RawMessage // nil for what is no event
	Raw      string          // its bytes, in base64
	Type     string
	Subject  string
	Channel  string
	Position string
	Valid    bool
	Problems []Problem

	number int64 // on the stream
}

// Stream passes on the events that come to those who watch. Who watches gets a few
// batches a second, whatever comes: of more than a batch holds, the latest are shown
// and the others counted. The zero value is ready; it is safe for concurrent use.
type Stream struct {
	mu       sync.Mutex
	state    string
	down     bool
	watchers map[*watcher]bool
	last     []*Seen // the latest, for who comes later
	counts   map[string]*tally
	came     time.Time // when the last one did
	edition  string    // of the catalogue
	first    string    // tells this stream's numbers from those of another process
	number   int64     // of the latest
}

// tally is how often a type came.
type tally struct {
	count, invalid int64
	second         int64
	recent         [rateSeconds]int64 // by second
}

const (
	rateSeconds = 5
	perBatch    = 30 // events in a batch
	batchEvery  = 250 * time.Millisecond
	idleAfter   = 15 * time.Second // something is sent at least so often
	lastKept    = 40
	typesKept   = 2000 // that are counted by name
	countsSent  = 40
)

type filter struct {
	kind, subject string
	invalid       bool
}

func (f *filter) takes(e *Seen) bool {
	return matches(f.kind, e.Type) && matches(f.subject, e.Subject) && (!f.invalid || !e.Valid)
}

// matches compares with a word, in which * stands for anything.
func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

type watcher struct {
	filter  filter
	pending []*Seen
	skipped int
	changed bool
}

// Say sets what people read about the connection to the broker.
func (s *Stream) Say(state string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == state && s.down == down {
		return
	}
	s.state, s.down = state, down
	for w := range s.watchers {
		w.changed = true
	}
}

// Add passes on an event.
func (s *Stream) Add(e Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]*tally{}
	}
	if len(e.Event) > maxShown { // kept for who comes later, it would cost much
		e.Event, _ = json.Marshal(fmt.Sprintf("an event of %d bytes", len(e.Event)))
	}
	e.Raw = e.Raw[:min(len(e.Raw), maxShown)]
	for i := range e.Problems[:min(len(e.Problems), maxProblems)] {
		e.Problems[i].Message = clip(e.Problems[i].Message, maxMessage)
	}
	e.Problems = e.Problems[:min(len(e.Problems), maxProblems)]
	s.number++
	e.number = s.number
	kind := e.Type
	if s.counts[kind] == nil && len(s.counts) >= typesKept {
		kind = "other types"
	}
	t := s.counts[kind]
	if t == nil {
		t = &tally{}
		s.counts[kind] = t
	}
	t.count++
	if !e.Valid {
		t.invalid++
	}
	s.came = time.Now()
	t.at(s.came.Unix())
	t.recent[t.second%rateSeconds]++
	if s.last = append(s.last, &e); len(s.last) > 2*lastKept {
		s.last = append(s.last[:0], s.last[len(s.last)-lastKept:]...)
	}
	for w := range s.watchers {
		if !w.filter.takes(&e) {
			w.changed = true
			continue
		}
		if w.pending = append(w.pending, &e); len(w.pending) > 2*perBatch {
			n := len(w.pending) - perBatch
			w.skipped += n
			w.pending = append(w.pending[:0], w.pending[n:]...)
		}
	}
}

// at moves the seconds on.
func (t *tally) at(now int64) {
	for i := max(t.second, now-rateSeconds) + 1; i <= now; i++ {
		t.recent[i%rateSeconds] = 0
	}
	t.second = max(t.second, now)
}

func (t *tally) rate(now int64) float64 {
	t.at(now)
	sum := int64(0)
	for i, n := range t.recent {
		if int64(i) != now%rateSeconds { // it is not over
			sum += n
		}
	}
	return float64(sum) / (rateSeconds - 1)
}

type batchEvent struct {
	Time     string          `json:"time"`
	Event    json.RawMessage `json:"event,omitempty"`
	Raw      string          `json:"raw,omitempty"`
	Type     string          `json:"type"`
	Subject  string          `json:"subject,omitempty"`
	Channel  string          `json:"channel"`
	Position string          `json:"position,omitempty"`
	Valid    bool            `json:"valid"`
	Problems []Problem       `json:"problems,omitempty"`
}

type batchCount struct {
	Type    string  `json:"type"`
	Count   int64   `json:"count"`
	Invalid int64   `json:"invalid"`
	Rate    float64 `json:"rate"`
}

type batch struct {
	Edition string       `json:"edition"`
	State   string       `json:"state"`
	Down    bool         `json:"down"`
	Skipped int          `json:"skipped,omitempty"`
	Events  []batchEvent `json:"events,omitempty"`
	Counts  []batchCount `json:"counts"`
}

// maxShown is how long an event is that is shown whole, maxProblems how much of what
// is wrong with it is said, and maxMessage how long of each.
const maxShown, maxProblems, maxMessage = 32 << 10, 20, 2000

// batch is what there is for a watcher, nil for nothing, and the number of the latest
// event, after which the watcher goes on when it comes again.
func (s *Stream) batch(w *watcher, always bool) (*batch, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(w.pending) == 0 && !w.changed && !always {
		return nil, ""
	}
	b := &batch{Edition: s.edition, State: s.state, Down: s.down, Skipped: w.skipped, Counts: []batchCount{}}
	if n := len(w.pending) - perBatch; n > 0 {
		b.Skipped += n
		w.pending = w.pending[n:]
	}
	for _, e := range w.pending {
		b.Events = append(b.Events, batchEvent{e.Time.Format("15:04:05.000"), e.Event, e.Raw, e.Type, e.Subject, e.Channel, e.Position, e.Valid, e.Problems})
	}
	w.pending, w.skipped, w.changed = nil, 0, false
	now := time.Now().Unix()
	for kind, t := range s.counts {
		if matches(w.filter.kind, kind) {
			b.Counts = append(b.Counts, batchCount{kind, t.count, t.invalid, t.rate(now)})
		}
	}
	slices.SortFunc(b.Counts, func(a, b batchCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Type, b.Type))
	})
	if len(b.Counts) > countsSent {
		b.Counts = b.Counts[:countsSent]
	}
	slices.SortFunc(b.Counts, func(a, b batchCount) int { return strings.Compare(a.Type, b.Type) }) // a table that stands still
	return b, fmt.Sprintf("%s-%d", s.first, s.number)
}

// watch begins with the latest events, of those after the one that the watcher saw
// last.
func (s *Stream) watch(f filter, after string) *watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == "" {
		s.first = strconv.FormatInt(time.Now().UnixMicro(), 36)
	}
	seen := int64(0)
	if n, ok := strings.CutPrefix(after, s.first+"-"); ok {
		seen, _ = strconv.ParseInt(n, 10, 64)
	}
	w := &watcher{filter: f, changed: true}
	for _, e := range s.last {
		if e.number > seen && f.takes(e) {
			w.pending = append(w.pending, e)
		}
	}
	if n := len(w.pending) - perBatch; n > 0 {
		w.pending = w.pending[n:]
	}
	if s.watchers == nil {
		s.watchers = map[*watcher]bool{}
	}
	s.watchers[w] = true
	return w
}

func (s *Stream) leave(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// show tells the pages which catalogue is the latest: those of another load anew.
func (s *Stream) show(edition string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edition = edition
	for w := range s.watchers {
		w.changed = true
	}
}

// serve sends batches until the reader goes away.
func (s *Stream) serve(w http.ResponseWriter, r *http.Request) {
	flusher := http.NewResponseController(w)
	q := r.URL.Query()
	me := s.watch(filter{kind: q.Get("type"), subject: q.Get("subject"), invalid: q.Get("invalid") != ""}, firstOf(r.Header.Get("Last-Event-ID"), q.Get("after")))
	defer s.leave(me)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(batchEvery)
	defer tick.Stop()
	last := time.Time{}
	for {
		s.mu.Lock()
		since := time.Since(last)
		// Rates go down where nothing comes: that is said, and then it is quiet.
		due := since > idleAfter || since > time.Second && time.Since(s.came) < (rateSeconds+2)*time.Second
		s.mu.Unlock()
		if b, id := s.batch(me, due); b != nil {
			text, err := json.Marshal(b)
			if err != nil {
				return
			}
			_ = flusher.SetWriteDeadline(time.Now().Add(readWithin)) // who does not read is let go
			if _, err := fmt.Fprintf(w, "id: %s\nevent: batch\ndata: %s\n\n", id, text); err != nil {
				return
			}
			if err := flusher.Flush(); err != nil {
				return
			}
			last = time.Now()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// readWithin is how long somebody may take to read a batch.
var readWithin = 2 * idleAfter

// Draft is an event that somebody writes.
type Draft struct {
	Service string `json:"service"` // the id of a service of the catalogue
	Channel string `json:"channel"` // the name that the service has for it
	Event   string `json:"event"`   // as JSON
}

// Handler serves a catalogue over HTTP. Set its fields before it serves; it is safe
// for concurrent use then.
type Handler struct {
	// Stream are the events that come, and the news that the documents changed.
	Stream Stream
	// Check holds a draft to its contract; nil turns that off.
	Check func(*Site, Draft) ([]Problem, error)
	// Send sends a draft that Check found right; nil where nothing may be sent.
	Send func(context.Context, *Site, Draft) error
	// Token is what who sends has to know; "" for no token.
	Token string
	// Loopback says that only names of this machine are answered: a page elsewhere may
	// give its own name this machine's address.
	Loopback bool

	site atomic.Pointer[Site]
}

// Show has the handler serve a site from now on; pages that are open load anew.
func (h *Handler) Show(s *Site) {
	h.site.Store(s)
	h.Stream.show(s.edition)
}

// Site is the one that is served.
func (h *Handler) Site() *Site { return h.site.Load() }

// maxDraft is how long a draft may be.
const maxDraft = 1 << 20

// ServeHTTP serves a page, the stream, or takes a draft.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", Policy+"; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache")
	if h.Loopback && !isLoopback(r.Host) {
		http.Error(w, "this catalogue answers to the names of its own machine alone: localhost, 127.0.0.1", http.StatusForbidden)
		return
	}
	for h.site.Load() == nil { // it is about to be made
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch name {
	case "live/events":
		if r.Method != http.MethodGet {
			break
		}
		h.Stream.serve(w, r)
		return
	case "live/check", "live/publish":
		if r.Method != http.MethodPost {
			break
		}
		h.draft(w, r, name == "live/publish")
		return
	default:
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			break
		}
		h.page(w, r, name)
		return
	}
	http.Error(w, "this is not done here with "+r.Method, http.StatusMethodNotAllowed)
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, name string) {
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	s := h.site.Load()
	text, err := s.File(name)
	status := http.StatusOK
	if errors.Is(err, fs.ErrNotExist) {
		status = http.StatusNotFound
		if text, err = s.missing(strings.Count(name, "/")); err == nil {
			name = "404.html"
		}
	}
	if err != nil {
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", ContentType(name))
	if status == http.StatusOK {
		sum := fnv.New64a()
		_, _ = sum.Write(text)
		tag := fmt.Sprintf(`"%x"`, sum.Sum64())
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
}

// missing is the page that says that there is none, with links that lead from as
// many folders down.
func (s *Site) missing(depth int) ([]byte, error) {
	var b bytes.Buffer
	_, err := s.render(&page{path: strings.Repeat("x/", min(depth, 20)) + "404.html", kind: "missing", title: "Not found", data: func(v *view) any { return v.broken() }}, &b, false)
	return b.Bytes(), err
}

// isLoopback reports whether a name is one of this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

type answer struct {
	Valid    bool      `json:"valid"`
	Sent     bool      `json:"sent"`
	Token    bool      `json:"token,omitempty"` // one is needed to send
	Problems []Problem `json:"problems"`
	Error    string    `json:"error,omitempty"`
}

// draft checks an event that somebody writes, and sends it where that is wanted.
func (h *Handler) draft(w http.ResponseWriter, r *http.Request, send bool) {
	say := func(status int, a answer) {
		if a.Problems == nil {
			a.Problems = []Problem{}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(a)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch err := http.NewCrossOriginProtection().Check(r); {
	case err != nil:
		say(http.StatusForbidden, answer{Error: "another site may not do this"})
		return
	case kind != "application/json":
		say(http.StatusUnsupportedMediaType, answer{Error: "the draft has to come as application/json"})
		return
	case h.Check == nil || send && h.Send == nil:
		say(http.StatusForbidden, answer{Error: "nothing is sent from here: it was not started with --write"})
		return
	case send && h.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+h.Token)) != 1:
		say(http.StatusUnauthorized, answer{Token: true, Error: "the token is missing or wrong; it was set where the server was started"})
		return
	}
	var d Draft
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDraft)).Decode(&d); err != nil {
		say(http.StatusBadRequest, answer{Error: "the draft cannot be read: " + err.Error()})
		return
	}
	s := h.site.Load()
	problems, err := h.Check(s, d)
	a := answer{Valid: len(problems) == 0 && err == nil, Problems: problems, Token: h.Token != ""}
	if err != nil {
		a.Error = err.Error()
		say(http.StatusBadRequest, a)
		return
	}
	if send && a.Valid {
		ctx, cancel := context.WithTimeout(r.Context(), sendWithin)
		defer cancel()
		if err := h.Send(ctx, s, d); err != nil {
			a.Error = err.Error()
			say(http.StatusBadGateway, a)
			return
		}
		a.Sent = true
	}
	say(http.StatusOK, a)
}

// sendWithin is how long a broker may take to acknowledge.
const sendWithin = 10 * time.Second

// ServiceOf finds the service of a draft.
func (s *Site) ServiceOf(d Draft) (*Service, error) {
	i := slices.IndexFunc(s.Services, func(x *Service) bool { return x.ID == d.Service && x.Contract != nil })
	if i < 0 {
		return nil, fmt.Errorf("the catalogue has no service %q any more; load the page anew", path.Base(d.Service))
	}
	return s.Services[i], nil
}
