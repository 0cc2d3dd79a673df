// Package site is the catalogue: every event of some contracts, who sends it, who
// depends on it and what is promised. One renderer makes its pages, for files that
// are exported and for the server alike, and a Markdown twin of each.
//
// A Catalogue is what the contracts say together: what one document calls a
// channel and another too, by address and server, is one channel, and an event
// type of several documents is one event type, in the words of who sends it. A
// Site is the pages of a catalogue. Links are relative, so the pages work from any
// folder, and from no server at all.
package site

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/gen"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Source is a document of the catalogue.
type Source struct {
	Name     string             // of the file, as people know it
	Contract *contract.Contract // nil where the file could not be read
	Findings []diag.Diagnostic  // of reading it
	Err      error              // why it could not be read
	Versions []*Version         // that were released, the oldest first
	NoPast   string             // why there are no versions, "" where nobody asked
}

// Version is a document as it was released.
type Version struct {
	Name     string // the tag
	Commit   string
	Time     time.Time
	Contract *contract.Contract
	Findings []diag.Diagnostic
}

// Catalogue is what some contracts say together. It does not change once it is
// made, and is safe for concurrent use.
type Catalogue struct {
	Services []*Service // by name
	Events   []*Event   // by type
	Channels []*Channel // by address
	Servers  []*Server  // by address
}

// Service is a document: what one application sends and receives.
type Service struct {
	ID, Name string
	Source   Source
	Contract *contract.Contract // nil where the document could not be read
	Owner    Owner
	Uses     []*Use // its messages, in the order of the document
	Servers  []*Server
	Faults   int // errors among the findings

	recent   *recent
	making   sync.Mutex
	prepared atomic.Pointer[prepared]

	comparing sync.Mutex
	compared  map[[2]*contract.Contract]*Comparison // held by comparing
}

// Owner is whom to ask (info.contact). The zero value is nobody.
type Owner struct{ Name, URL, Email string }

// Who is the owner in a word, "" for nobody.
func (o Owner) Who() string { return firstOf(o.Name, o.Email, o.URL) }

// Use is what one service has to do with an event type on a channel.
type Use struct {
	Service  *Service
	Event    *Event
	Channel  *Channel
	Message  *contract.Message
	Sends    bool
	Receives bool
	// By are the operations that send or receive it.
	By []*contract.Operation
}

// Event is an event type, whoever describes it.
type Event struct {
	ID, Type string
	Uses     []*Use
	// Home is the use in whose words the type is shown: that of who sends it, where
	// somebody does.
	Home *Use
	// Family are the versions of the type, this one among them: orders.paid.v1 and
	// orders.paid.v2. It is nil where there is one alone.
	Family []*Event

	words atomic.Pointer[string] // that the search finds it by, once known
}

// Channel is a channel, whoever describes it: one address on one server.
type Channel struct {
	ID, Address string
	In          []In
	Servers     []*Server
	Uses        []*Use
	// DeadLettersOf are the operations whose failures end here.
	DeadLettersOf []DeadLetters
}

// In is a channel as one service describes it.
type In struct {
	Service *Service
	Channel *contract.Channel
}

// DeadLetters is an operation whose failures end in a channel.
type DeadLetters struct {
	Service   *Service
	Operation *contract.Operation
	From      *Channel
}

// Server is a server, whoever describes it.
type Server struct {
	ID, Address string // protocol://host/path
	In          []InServer
	Channels    []*Channel
}

// InServer is a server as one service describes it.
type InServer struct {
	Service *Service
	Server  *contract.Server
}

// New makes the catalogue of documents.
func New(sources []Source) *Catalogue {
	c := &Catalogue{}
	b := &joiner{c: c, events: map[string]*Event{}, servers: map[string]*Server{}, channels: map[string][]*Channel{}, of: map[*contract.Channel]*Channel{}}
	b.services(sources)
	for _, s := range c.Services {
		if s.Contract != nil {
			b.join(s)
		}
	}
	b.deadLetters()
	b.order()
	return c
}

// joiner puts together what documents say.
type joiner struct {
	c        *Catalogue
	events   map[string]*Event
	servers  map[string]*Server
	channels map[string][]*Channel // by address
	of       map[*contract.Channel]*Channel
}

func (b *joiner) services(sources []Source) {
	names := map[string][]string{} // the files by title
	for _, src := range sources {
		names[titleOf(src)] = append(names[titleOf(src)], src.Name)
	}
	for _, src := range sources {
		s := &Service{Name: titleOf(src), Source: src, Contract: src.Contract}
		if all := names[s.Name]; len(all) > 1 {
			s.Name += " (" + shortest(src.Name, all) + ")"
		}
		for _, d := range src.Findings {
			if d.Severity == diag.Error {
				s.Faults++
			}
		}
		if src.Contract == nil && s.Faults == 0 {
			s.Faults = 1
		}
		if c := src.Contract; c != nil {
			s.Owner = Owner{c.Field("info", "contact", "name").Str(), c.Field("info", "contact", "url").Str(), c.Field("info", "contact", "email").Str()}
			if u := strings.ToLower(s.Owner.URL); !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
				s.Owner.URL = "" // it would lead anywhere
			}
		}
		b.c.Services = append(b.c.Services, s)
	}
	slices.SortStableFunc(b.c.Services, func(a, b *Service) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Source.Name, b.Source.Name))
	})
	ids := ids{}
	last := &recent{}
	for _, s := range b.c.Services {
		s.ID = ids.of(s.Name, s.Source.Name)
		s.recent = last
	}
}

// shortest is as much of the end of a path as tells it from the others, without the
// kind of file where that needs not be told.
func shortest(name string, all []string) string {
	for _, of := range []func(string) string{unnamed, func(s string) string { return s }} {
		name := "/" + of(name)
		for i := strings.LastIndexByte(name, '/'); i >= 0; i = strings.LastIndexByte(name[:i], '/') {
			same := 0
			for _, other := range all {
				if strings.HasSuffix("/"+of(other), name[i:]) {
					same++
				}
			}
			if same == 1 {
				return name[i+1:]
			}
		}
	}
	return name
}

func titleOf(s Source) string {
	if s.Contract != nil && strings.TrimSpace(s.Contract.Title) != "" {
		return strings.TrimSpace(s.Contract.Title)
	}
	return unnamed(path.Base(s.Name))
}

// unnamed is the name of a file without what says that it is a document.
func unnamed(name string) string {
	for _, end := range []string{".yaml", ".yml", ".json", ".asyncapi"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

func serverAddress(s *contract.Server) string {
	a := s.Host
	if s.Protocol != "" {
		a = s.Protocol + "://" + a
	}
	if s.Pathname != "" {
		a += "/" + strings.TrimPrefix(s.Pathname, "/")
	}
	return a
}

func (b *joiner) join(s *Service) {
	known := map[*contract.Server]*Server{}
	for _, one := range s.Contract.Servers {
		address := serverAddress(one)
		at := b.servers[address]
		if at == nil {
			at = &Server{Address: address}
			b.servers[address] = at
			b.c.Servers = append(b.c.Servers, at)
		}
		at.In = append(at.In, InServer{s, one})
		known[one] = at
		if !slices.Contains(s.Servers, at) {
			s.Servers = append(s.Servers, at)
		}
	}
	for _, ch := range s.Contract.Channels {
		b.channel(s, ch, known)
	}
	uses := map[*contract.Message]*Use{}
	for _, t := range s.Contract.EventTypes {
		e := b.events[t.Type]
		if e == nil {
			e = &Event{Type: t.Type}
			b.events[t.Type] = e
			b.c.Events = append(b.c.Events, e)
		}
		for _, m := range t.Messages {
			u := &Use{Service: s, Event: e, Message: m, Channel: b.of[m.Channel]}
			uses[m] = u
			e.Uses = append(e.Uses, u)
			s.Uses = append(s.Uses, u)
			if u.Channel != nil {
				u.Channel.Uses = append(u.Channel.Uses, u)
			}
		}
	}
	for _, op := range s.Contract.Operations {
		does := func(m *contract.Message, sends bool) {
			u := uses[m]
			if u == nil {
				return
			}
			if sends {
				u.Sends = true
			} else {
				u.Receives = true
			}
			if !slices.Contains(u.By, op) {
				u.By = append(u.By, op)
			}
		}
		for _, m := range op.Messages {
			does(m, op.Action == contract.Send)
		}
		if op.Reply != nil { // the other way
			for _, m := range op.Reply.Messages {
				does(m, op.Action == contract.Receive)
			}
		}
	}
}

// channel finds the channel that others describe too: the same address, on a
// server that both name, or on none that is named.
func (b *joiner) channel(s *Service, ch *contract.Channel, known map[*contract.Server]*Server) {
	address := ch.Address
	if address == "" {
		address = s.Name + ": " + ch.Name // nobody else can mean it
	}
	var servers []*Server
	for _, one := range ch.Servers {
		if at := known[one]; at != nil && !slices.Contains(servers, at) {
			servers = append(servers, at)
		}
	}
	var to *Channel
	for _, have := range b.channels[address] {
		if len(have.Servers) == 0 || len(servers) == 0 || slices.ContainsFunc(servers, func(s *Server) bool { return slices.Contains(have.Servers, s) }) {
			to = have
			break
		}
	}
	if to == nil {
		to = &Channel{Address: address}
		b.channels[address] = append(b.channels[address], to)
		b.c.Channels = append(b.c.Channels, to)
	}
	to.In = append(to.In, In{s, ch})
	b.of[ch] = to
	for _, at := range servers {
		if !slices.Contains(to.Servers, at) {
			to.Servers = append(to.Servers, at)
			at.Channels = append(at.Channels, to)
		}
	}
}

func (b *joiner) deadLetters() {
	for _, s := range b.c.Services {
		if s.Contract == nil {
			continue
		}
		for _, op := range s.Contract.Operations {
			if op.Delivery == nil || op.Delivery.DeadLetter == nil {
				continue
			}
			if to := b.of[op.Delivery.DeadLetter.Channel]; to != nil {
				to.DeadLettersOf = append(to.DeadLettersOf, DeadLetters{s, op, b.of[op.Channel]})
			}
		}
	}
}

// order sorts everything, names it and finds what belongs together.
func (b *joiner) order() {
	c := b.c
	slices.SortFunc(c.Events, func(a, b *Event) int { return strings.Compare(a.Type, b.Type) })
	slices.SortStableFunc(c.Channels, func(a, b *Channel) int { return strings.Compare(a.Address, b.Address) })
	slices.SortFunc(c.Servers, func(a, b *Server) int { return strings.Compare(a.Address, b.Address) })
	events, channels, servers := ids{}, ids{}, ids{}
	families := map[string][]*Event{}
	for _, e := range c.Events {
		e.ID = events.of(e.Type, "")
		e.Home = e.Uses[0]
		if i := slices.IndexFunc(e.Uses, func(u *Use) bool { return u.Sends }); i >= 0 {
			e.Home = e.Uses[i]
		}
		stem, _ := versionOf(e.Type)
		families[stem] = append(families[stem], e)
	}
	for _, all := range families {
		if len(all) < 2 {
			continue
		}
		slices.SortStableFunc(all, func(a, b *Event) int {
			_, x := versionOf(a.Type)
			_, y := versionOf(b.Type)
			return x - y
		})
		for _, e := range all {
			e.Family = all
		}
	}
	for _, ch := range c.Channels {
		on := ""
		if len(ch.Servers) > 0 {
			on = ch.Servers[0].Address
		}
		ch.ID = channels.of(ch.Address, on)
	}
	for _, s := range c.Servers {
		s.ID = servers.of(s.Address, "")
	}
}

var versionSuffix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+)[.\-_/]v(\d{1,6})$`) })

// versionOf takes the version off an event type: orders.paid and 2 of
// orders.paid.v2. The version is 0 where there is none.
func versionOf(name string) (stem string, version int) {
	m := versionSuffix().FindStringSubmatch(name)
	if m == nil {
		return name, 0
	}
	version, _ = strconv.Atoi(m[2])
	return m[1], version
}

// devices are what Windows lets no file be called, whatever comes after a dot.
var devices = []string{"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"}

// ids are the names of pages, each given once. They are lower case, since there are
// file systems that do not tell cases apart.
type ids map[string]bool

// of is the name of a page about something; beside tells apart what has the same
// name.
func (x ids) of(name, beside string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r + 'a' - 'A')
		default:
			b.WriteByte('-')
		}
	}
	plain := strings.Trim(b.String(), ".-")
	for strings.Contains(plain, "--") {
		plain = strings.ReplaceAll(plain, "--", "-")
	}
	if len(plain) > 96 {
		plain = plain[:96]
	}
	sum := func(n int) string {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s\x00%s\x00%d", name, beside, n)
		return fmt.Sprintf("%08x", h.Sum32())
	}
	if stem, _, _ := strings.Cut(plain, "."); slices.Contains(devices, stem) {
		plain = "_" + plain
	}
	id := plain
	if id == "" || id == "index" || strings.HasPrefix(id, "page-") || x[id] {
		id = strings.TrimPrefix(plain+"-"+sum(0), "-")
	}
	for n := 1; x[id]; n++ {
		id = plain + "-" + sum(n)
	}
	x[id] = true
	return id
}

// Party is a service that sends or receives an event type.
type Party struct {
	Service *Service
	Uses    []*Use
	// Event is the version of the type that it has to do with.
	Event *Event
}

// Senders are the services that send the type, and Receivers those that receive
// it.
func (e *Event) Senders() []Party { return e.parties(func(u *Use) bool { return u.Sends }) }

// Receivers are the services that receive the type.
func (e *Event) Receivers() []Party { return e.parties(func(u *Use) bool { return u.Receives }) }

func (e *Event) parties(does func(*Use) bool) []Party {
	var all []Party
	for _, u := range e.Uses {
		if !does(u) {
			continue
		}
		i := slices.IndexFunc(all, func(p Party) bool { return p.Service == u.Service })
		if i < 0 {
			i = len(all)
			all = append(all, Party{Service: u.Service, Event: e})
		}
		all[i].Uses = append(all[i].Uses, u)
	}
	return all
}

// Channels are those that carry the type, that of its home first.
func (e *Event) Channels() []*Channel {
	var all []*Channel
	add := func(ch *Channel) {
		if ch != nil && !slices.Contains(all, ch) {
			all = append(all, ch)
		}
	}
	add(e.Home.Channel)
	for _, u := range e.Uses {
		if u.Sends || u.Receives {
			add(u.Channel)
		}
	}
	return all
}

// Deprecation is that something goes away; nil for nothing.
type Deprecation struct {
	Since, Sunset time.Time // zero where nobody says
	ReplacedBy    string
}

func deprecationOf(flag bool, ds ...*contract.Deprecation) *Deprecation {
	for _, d := range ds {
		if d != nil {
			return &Deprecation{d.Since, d.Sunset, d.ReplacedBy}
		}
	}
	if flag {
		return &Deprecation{}
	}
	return nil
}

// Deprecation says that the type goes away, as who sends it has it.
func (e *Event) Deprecation() *Deprecation {
	m := e.Home.Message
	var own, channel *contract.Deprecation
	if m.Delivery != nil {
		own = m.Delivery.Deprecation
	}
	if m.Channel.Delivery != nil {
		channel = m.Channel.Delivery.Deprecation
	}
	return deprecationOf(m.Deprecated, own, channel)
}

// Title is what the event is called, "" where nobody says.
func (e *Event) Title() string { return strings.TrimSpace(e.Home.Message.Title) }

// Summary is what it means, in a line or two, "" where nobody says.
func (e *Event) Summary() string {
	return firstOf(strings.TrimSpace(e.Home.Message.Summary), firstWords(e.Home.Message.Description))
}

// Home is the channel as the service describes it that sends on it, else as the
// first does.
func (ch *Channel) Home() In {
	for _, u := range ch.Uses {
		if u.Sends {
			for _, in := range ch.In {
				if in.Service == u.Service {
					return in
				}
			}
		}
	}
	return ch.In[0]
}

// Title is what the channel is called, "" where nobody says.
func (ch *Channel) Title() string { return strings.TrimSpace(ch.Home().Channel.Title) }

// Protocols are those of the servers that carry the channel.
func (ch *Channel) Protocols() []string {
	var all []string
	for _, in := range ch.In {
		for _, p := range in.Channel.Protocols() {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// Deprecation says that the channel goes away.
func (ch *Channel) Deprecation() *Deprecation {
	if d := ch.Home().Channel.Delivery; d != nil {
		return deprecationOf(false, d.Deprecation)
	}
	return nil
}

// Senders are the services that send on the channel.
func (ch *Channel) Senders() []*Service {
	return ch.services(func(u *Use) bool { return u.Sends })
}

// Receivers are the services that receive from the channel.
func (ch *Channel) Receivers() []*Service {
	return ch.services(func(u *Use) bool { return u.Receives })
}

func (ch *Channel) services(does func(*Use) bool) []*Service {
	var all []*Service
	for _, u := range ch.Uses {
		if does(u) && !slices.Contains(all, u.Service) {
			all = append(all, u.Service)
		}
	}
	return all
}

// Events are the types that the channel carries.
func (ch *Channel) Events() []*Event {
	var all []*Event
	seen := map[*Event]bool{}
	for _, u := range ch.Uses {
		if !seen[u.Event] {
			seen[u.Event] = true
			all = append(all, u.Event)
		}
	}
	slices.SortFunc(all, func(a, b *Event) int { return strings.Compare(a.Type, b.Type) })
	return all
}

// Sends are the uses by which the service sends, and Receives those by which it
// receives.
func (s *Service) Sends() []*Use { return s.does(func(u *Use) bool { return u.Sends }) }

// Receives are the uses by which the service receives.
func (s *Service) Receives() []*Use { return s.does(func(u *Use) bool { return u.Receives }) }

func (s *Service) does(what func(*Use) bool) []*Use {
	var all []*Use
	for _, u := range s.Uses {
		if what(u) {
			all = append(all, u)
		}
	}
	return all
}

// Broken is that the document has errors.
func (s *Service) Broken() bool { return s.Faults > 0 }

// prepared is what pages about a service's payloads need. It is as large as the
// contract, so only that of the services whose pages were made last is kept.
type prepared struct {
	model  *gen.Model
	events map[string]*gen.Event // of the model, by type

	mu       sync.Mutex
	compiler *schema.Compiler
	checker  *check.EventCheck
	compiled int // schemas that the compiler and the checker keep
}

// maxPrepared is how many messages are prepared at a time, about, and maxCompiled
// how many schemas a compiler keeps.
const maxPrepared, maxCompiled = 600, 200

// recent are the services that are prepared, the latest last.
type recent struct {
	mu       sync.Mutex
	services []*Service
	messages int
}

// prepare makes what pages about the service's payloads need.
func (s *Service) prepare() *prepared {
	if p := s.prepared.Load(); p != nil {
		return p
	}
	s.making.Lock()
	defer s.making.Unlock()
	if p := s.prepared.Load(); p != nil {
		return p
	}
	p := &prepared{model: gen.ModelOf(s.Contract, gen.Everything)}
	p.events = make(map[string]*gen.Event, len(p.model.Events))
	for _, e := range p.model.Events {
		p.events[e.Type] = e
	}
	s.prepared.Store(p)
	s.recent.mu.Lock()
	defer s.recent.mu.Unlock()
	s.recent.services = append(s.recent.services, s)
	s.recent.messages += len(s.Uses)
	for s.recent.messages > maxPrepared && len(s.recent.services) > 4 {
		first := s.recent.services[0]
		first.prepared.Store(nil) // who uses it still has it
		s.recent.services = s.recent.services[1:]
		s.recent.messages -= len(first.Uses)
	}
	return p
}

// schema compiles a schema of the contract.
func (s *Service) schema(at *contract.Schema) (*schema.Schema, error) {
	return s.compiled(at.Node(), at.Dialect)
}

func (s *Service) compiled(n *syntax.Node, d schema.Dialect) (*schema.Schema, error) {
	p := s.prepare()
	p.mu.Lock()
	if p.compiler == nil || p.compiled >= maxCompiled {
		p.compiler, p.checker, p.compiled = schema.NewCompiler(s.Contract.Document().Schema), nil, 0
	}
	p.compiled++
	c := p.compiler
	p.mu.Unlock()
	return c.Compile(n, d)
}

// problems is what is wrong with an event.
func (s *Service) problems(text []byte, on *contract.Channel) []string {
	p := s.prepare()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checker == nil {
		p.checker = check.NewEventCheck([]*contract.Contract{s.Contract}, syntax.Limits{})
	}
	var all []string
	for _, d := range p.checker.Check(diag.NewFile("example", string(text)), on) {
		if d.Severity > diag.Info {
			all = append(all, d.Message)
		}
	}
	return all
}

// generated is the event type as the code targets have it.
func (s *Service) generated(kind string) *gen.Event { return s.prepare().events[kind] }

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func firstParagraph(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	p, _, _ := strings.Cut(s, "\n\n")
	return strings.Join(strings.Fields(p), " ")
}
