package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/live"
	"github.com/treaty-events/treaty/internal/site"
	"github.com/treaty-events/treaty/internal/topology"
)

type serveFlags struct {
	catalogueFlags
	brokerFlags
	listen, from, token string
	write               bool
}

// defaultListen is where the catalogue is served.
const defaultListen = "127.0.0.1:8787"

func serveCommand(a *app) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve [PATH...]",
		Short: "Serve the catalogue, with the events as they come",
		Long: `Serve the catalogue that docs writes. Pages load anew when a document changes.

With --broker the events on it are shown as they come, each held to its contract, with
counts and rates; nothing is taken from anybody. With --write there is a form on the
page of each event type that sends one, held to the contract, too.

Without --write nothing is ever sent. With it the catalogue has to listen on this
machine alone, or a token has to be set: --token, or better TREATY_SERVE_TOKEN in the
environment.`,
		Example: `  treaty serve examples/orders
  treaty serve ../orders ../billing --listen 127.0.0.1:8080
  treaty serve --broker kafka://127.0.0.1:9092 --write`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.serve(cmd.Context(), args, flags) },
	}
	cmd.Flags().StringVar(&flags.listen, "listen", defaultListen, "the `ADDRESS` to listen on; with port 0 a free one")
	cmd.Flags().StringVar(&flags.broker, "broker", "", "the broker whose events are shown, by its `URL`: embedded:FOLDER, nats://, kafka://, amqp://, mqtt://, pubsub://")
	cmd.Flags().StringArrayVar(&flags.params, "param", nil, "a parameter of addresses, as `NAME=VALUE`")
	cmd.Flags().StringVar(&flags.from, "from", "now", "`WHERE` the stream begins: earliest, now, or a time")
	cmd.Flags().BoolVar(&flags.write, "write", false, "let people send events")
	cmd.Flags().StringVar(&flags.token, "token", "", "what who sends has to know, a `TOKEN`")
	flags.catalogueFlags.add(cmd)
	a.addReading(cmd)
	return cmd
}

func (a *app) serve(ctx context.Context, args []string, flags serveFlags) error {
	if flags.token == "" {
		flags.token = a.env.Getenv("TREATY_SERVE_TOKEN")
	}
	host, _, err := net.SplitHostPort(flags.listen)
	if err != nil {
		return fmt.Errorf("--listen %s is no address; write --listen 127.0.0.1:8787", flags.listen)
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case flags.write && flags.broker == "":
		return errors.New("--write sends to a broker, and none is named; give --broker")
	case flags.write && !local && flags.token == "":
		return fmt.Errorf("--write on %s would let everybody send who reaches it; listen on 127.0.0.1, or set TREATY_SERVE_TOKEN", flags.listen)
	case flags.broker != "":
		if err := flags.kept(); err != nil {
			return err
		}
	case slices.Contains(args, "-"):
		return errors.New("- cannot be served: it is read once, and documents are read when they change")
	}
	start, err := a.start(flags.from)
	if err != nil {
		return err
	}
	params, err := flags.parameters()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &catalogueServer{app: a, args: args, flags: flags.catalogueFlags, options: site.Options{Served: true, Live: flags.broker != "", Publish: flags.write},
		params: func(*contract.Contract) map[string]string { return params }}
	if flags.write {
		c.handler.Check, c.handler.Send = c.check, c.send
	}
	c.handler.Loopback, c.handler.Token, c.address = local, flags.token, addressOf(flags.broker)
	if u, err := url.Parse(flags.broker); err == nil && u.User != nil {
		c.secret, _ = u.User.Password()
	}
	if err := c.load(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; name another address", flags.listen, err)
	}
	if !a.quiet {
		fmt.Fprintf(a.env.Stdout, "the catalogue is at http://%s/; interrupt to end\n", listener.Addr())
	}
	var work sync.WaitGroup
	work.Go(func() { c.follow(ctx) })
	if flags.broker != "" {
		work.Go(func() {
			c.live(ctx, where(flags.broker), func(ctx context.Context) (broker.Broker, error) { return a.open(ctx, &flags.brokerFlags) }, start)
		})
	}
	err = c.serve(ctx, listener)
	stop()
	work.Wait()
	return err
}

// lent is a broker that somebody else closes.
type lent struct{ broker.Broker }

func (lent) Close() error { return nil }

// beside serves the catalogue of what dev plays, with what comes on its broker. It
// returns the address, and how to end it. Where dev's own port is taken, it is
// another.
func (a *app) beside(ctx context.Context, args []string, b broker.Broker, flags *devFlags, params map[string]string) (string, func(), error) {
	if len(args) == 1 && a.config.Path != "" && filepath.Dir(a.config.Path) == a.absolute(args[0]) {
		args = nil // treaty.yaml of the folder says which documents are played
	}
	c := &catalogueServer{app: a, args: args, flags: catalogueFlags{history: defaultHistory}, options: site.Options{Served: true, Live: true, Publish: flags.write},
		params: func(of *contract.Contract) map[string]string { return live.Parameters(of, params) }}
	c.handler.Loopback = true
	if flags.write {
		c.handler.Check, c.handler.Send = c.check, c.send
	}
	listener, err := net.Listen("tcp", defaultListen)
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	name := "the broker of this process"
	if flags.shared {
		name = where(flags.broker)
	}
	var work sync.WaitGroup
	work.Go(func() {
		// Meanwhile events flow already, and pages that are asked for wait.
		if err := c.load(ctx); err != nil {
			fmt.Fprintf(a.env.Stderr, "treaty: the catalogue is not served: %v\n", err)
			stop()
			return
		}
		work.Go(func() { c.follow(ctx) })
		c.live(ctx, name, func(context.Context) (broker.Broker, error) { return lent{b}, nil }, broker.Start{From: broker.Latest})
	})
	work.Go(func() { _ = c.serve(ctx, listener) })
	return "http://" + listener.Addr().String() + "/", func() { stop(); work.Wait() }, nil
}

// where is a broker's address without what is secret in it.
func where(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		kind, _, _ := strings.Cut(address, ":")
		return kind
	}
	return u.Scheme + "://" + u.Host
}

// catalogueServer serves a catalogue, follows its documents, and watches a broker.
type catalogueServer struct {
	*app
	args    []string
	flags   catalogueFlags
	options site.Options
	params  func(*contract.Contract) map[string]string // of addresses
	address string                                     // of the broker, "" where it is not known
	secret  string                                     // in the broker's URL, which nobody is told
	handler site.Handler

	mu     sync.Mutex
	known  map[string]*readOnce // documents by their path
	stamp  string               // of all that was read
	broker broker.Broker        // nil while there is no connection
	judges map[*contract.Contract]*judge
	anew   chan struct{} // closed when the catalogue is another
}

// readOnce is a document as it was read, and of which files.
type readOnce struct {
	stamp  string
	files  []string
	source site.Source
}

// judge holds events to a contract, one at a time.
type judge struct {
	mu      sync.Mutex
	checker *check.EventCheck
	tailing *tailing
}

func stampOf(files []string) string {
	var b strings.Builder
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			fmt.Fprintf(&b, "%s gone\n", f)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", f, info.ModTime().UnixNano(), info.Size())
	}
	return b.String()
}

// load reads the documents that have changed, and shows the catalogue of all.
func (c *catalogueServer) load(ctx context.Context) error {
	documents, err := c.catalogueDocuments(c.args)
	if err != nil {
		return err
	}
	var stamps []string
	known := map[string]*readOnce{}
	var all []site.Source
	past := &pasts{repositories: map[string]*pastOf{}}
	defer past.close()
	for _, d := range documents {
		before := c.known[d.source.path]
		if before == nil || before.stamp != stampOf(before.files) {
			files := []string{d.source.path}
			if d.config.Path != "" {
				files = append(files, d.config.Path)
			}
			stamp := stampOf(files) // before it is read
			read := d.read(ctx, past, c.flags.history)
			if read.Contract != nil {
				root := d.rootOf(d.source.path)
				for _, name := range read.Contract.Document().Files() {
					if at := filepath.Join(root, filepath.FromSlash(name)); fs.ValidPath(name) && at != d.source.path {
						files = append(files, at)
						stamp += stampOf([]string{at})
					}
				}
			}
			if repo := past.at(ctx, filepath.Dir(d.source.path)).repo; repo != nil && c.flags.history > 0 {
				for _, tags := range []string{"refs/tags", "packed-refs"} { // a new tag is a new version
					at := filepath.Join(repo.Dir, ".git", tags)
					files = append(files, at)
					stamp += stampOf([]string{at})
				}
			}
			before = &readOnce{stamp, files, read}
		}
		known[d.source.path] = before
		stamps = append(stamps, before.stamp)
		all = append(all, before.source)
	}
	stamp := strings.Join(stamps, "\n")
	if c.anew != nil && stamp == c.stamp {
		return nil
	}
	s := c.site(all, c.flags, c.options)
	c.mu.Lock()
	c.known, c.stamp, c.judges = known, stamp, map[*contract.Contract]*judge{}
	if c.anew != nil {
		close(c.anew)
	}
	c.anew = make(chan struct{})
	c.mu.Unlock()
	c.handler.Show(s)
	return nil
}

// look is how often documents are looked at.
const look = time.Second

// follow loads the catalogue anew when a document changes. What cannot be found for
// a while, as an editor saves, leaves the catalogue as it was.
func (c *catalogueServer) follow(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		text := ""
		if err := c.load(ctx); err != nil {
			text = err.Error()
		}
		if text != said && text != "" && ctx.Err() == nil && !c.quiet {
			fmt.Fprintf(c.env.Stderr, "treaty: the catalogue stays as it was: %s\n", text)
		}
		said = text
	}
}

// serve answers until the context ends.
func (c *catalogueServer) serve(ctx context.Context, listener net.Listener) error {
	streams, end := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: &c.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return streams },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		end()
		return err
	case <-ctx.Done():
	}
	end() // the streams would never be done
	closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return server.Close()
	}
	return nil
}

// again is how long to wait before the broker is tried again, at most.
const again = 15 * time.Second

// live watches the broker, and goes on where it is lost.
func (c *catalogueServer) live(ctx context.Context, name string, open func(context.Context) (broker.Broker, error), start broker.Start) {
	wait := time.Second
	for ctx.Err() == nil {
		c.handler.Stream.Say("Reaching "+name, true)
		slow := time.AfterFunc(3*time.Second, func() { c.handler.Stream.Say(name+" is slow to answer", true) })
		trying, cancel := context.WithTimeout(ctx, 30*time.Second)
		b, err := open(trying)
		slow.Stop()
		cancel()
		if err == nil {
			c.mu.Lock()
			c.broker = b
			c.mu.Unlock()
			began := time.Now()
			err = c.watch(ctx, name, b, start)
			c.mu.Lock()
			c.broker = nil
			c.mu.Unlock()
			b.Close()
			if time.Since(began) > time.Minute {
				wait = time.Second
			}
			start = broker.Start{From: broker.Latest}
		}
		if ctx.Err() != nil {
			return
		}
		why := err.Error()
		if c.secret != "" { // errors may have the whole address
			why = strings.ReplaceAll(why, c.secret, "…")
		}
		c.handler.Stream.Say(fmt.Sprintf("%s cannot be reached: %s. Trying again.", name, why), true)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, again)
	}
}

// watch shows what comes on a broker, as long as it goes.
func (c *catalogueServer) watch(ctx context.Context, name string, b broker.Broker, start broker.Start) error {
	for {
		w := &watching{c: c, name: name, broker: b, start: start, ended: make(chan error, 1)}
		c.mu.Lock()
		anew := c.anew
		c.mu.Unlock()
		for _, ch := range c.handler.Site().Channels {
			if of := ch.Home().Channel; of.HasAddress && of.Address != "" {
				w.open = append(w.open, unwatched{In: ch.Home()})
			}
		}
		changed, err := w.run(ctx, anew)
		for _, s := range w.subscriptions {
			stopping, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = s.Stop(stopping)
			cancel()
		}
		if !changed {
			return err
		}
		start = broker.Start{From: broker.Latest}
	}
}

// unwatched is a channel that is not watched yet, and why.
type unwatched struct {
	site.In
	why string
}

// watching is the channels of one catalogue on one connection.
type watching struct {
	c             *catalogueServer
	name          string
	broker        broker.Broker
	start         broker.Start
	open          []unwatched
	subscriptions []broker.Subscription
	ended         chan error
}

// run watches until the context ends, the connection does, or the catalogue is
// another.
func (w *watching) run(ctx context.Context, anew <-chan struct{}) (changed bool, err error) {
	w.subscribe(ctx)
	w.say()
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-anew:
			return true, nil
		case err := <-w.ended:
			if err == nil {
				err = errors.New("the broker has ended the subscription")
			}
			return false, err
		case <-probe.C:
			// Adapters make a lost connection again without a word.
			if !w.c.answers(ctx) {
				w.c.handler.Stream.Say(w.name+" does not answer", true)
				continue
			}
			if len(w.open) > 0 { // somebody may have made the channel
				w.subscribe(ctx)
			}
			w.say()
		}
	}
}

// say tells how it stands.
func (w *watching) say() {
	state := fmt.Sprintf("Watching %s on %s", count(len(w.subscriptions), "channel"), w.name)
	nothing := len(w.subscriptions) == 0 && len(w.open) > 0
	switch {
	case nothing:
		state = "Nothing can be watched on " + w.name + " yet: " + w.open[0].why
	case len(w.open) > 0:
		var why []string
		for _, u := range w.open[:min(3, len(w.open))] {
			why = append(why, u.why)
		}
		state += "; not yet watched: " + strings.Join(why, "; ")
	}
	w.c.handler.Stream.Say(state, nothing)
}

// subscribe reads beside the consumers of every channel that is not watched yet.
func (w *watching) subscribe(ctx context.Context) {
	start := w.start
	if start.From != broker.Latest && !w.broker.Features().Replay {
		start = broker.Start{From: broker.Latest}
	}
	open := w.open
	w.open = nil
	for _, u := range open {
		in, of := u.In, u.Channel
		fail := func(err error) { w.open = append(w.open, unwatched{in, err.Error()}) }
		at, err := topology.Channel(of, w.c.params(in.Service.Contract))
		if err != nil {
			fail(err)
			continue
		}
		j := w.c.judge(in.Service.Contract, w.broker.Binding())
		s, err := w.broker.Subscribe(ctx, at, broker.Options{Start: start}, func(d broker.Delivery) {
			w.c.handler.Stream.Add(j.read(delivered{d, of}))
			_ = d.Ack()
		})
		if err != nil {
			fail(fmt.Errorf("%s: %w", at.Address, err))
			continue
		}
		w.subscriptions = append(w.subscriptions, s)
		go func() {
			<-s.Done()
			select {
			case w.ended <- s.Err():
			default:
			}
		}()
	}
}

// probeEvery is how often a broker is asked whether it is still there.
const probeEvery = 5 * time.Second

// answers reports whether something listens where the broker was; true where that
// is not known.
func (c *catalogueServer) answers(ctx context.Context) bool {
	if c.address == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, probeEvery/2)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
	}
	return conn.Close() == nil
}

// addressOf is where a broker listens, "" where that is not known.
func addressOf(broker string) string {
	u, err := url.Parse(broker)
	if err != nil || u.Host == "" || strings.Contains(u.Host, ",") || u.Scheme == "pubsub" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"kafka": "9092", "nats": "4222", "amqp": "5672", "amqps": "5671", "mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	}
	if port == "" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// judge is the one that holds events to a contract.
func (c *catalogueServer) judge(of *contract.Contract, binding *event.Binding) *judge {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.judges[of]
	if j == nil {
		checker := check.NewEventCheck([]*contract.Contract{of}, c.limits.Limits)
		j = &judge{checker: checker, tailing: &tailing{app: c.app, contract: of, checker: checker}}
		c.judges[of] = j
	}
	if binding != nil {
		j.mu.Lock()
		j.tailing.binding = binding
		j.mu.Unlock()
	}
	return j
}

func (j *judge) read(d delivered) site.Seen {
	j.mu.Lock()
	line := j.tailing.read(d)
	j.mu.Unlock()
	e := site.Seen{Time: line.at, Event: line.Event, Raw: line.Raw, Channel: line.Channel, Position: line.Position, Valid: line.Valid}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if line.event != nil {
		e.Type, e.Subject = line.event.Type, line.event.Subject
	}
	for _, p := range line.Problems {
		e.Problems = append(e.Problems, site.Problem(p))
	}
	return e
}

// drafted makes ready what somebody wrote; what is wrong with it is in Rejected.
func (c *catalogueServer) drafted(s *site.Site, d site.Draft) (*publishing, error) {
	of, err := s.ServiceOf(d)
	if err != nil {
		return nil, err
	}
	j := c.judge(of.Contract, nil)
	j.mu.Lock()
	defer j.mu.Unlock()
	p := &publishing{app: c.app, contract: of.Contract, params: c.params(of.Contract), checker: j.checker}
	p.flags.on = d.Channel
	one := candidate{text: []byte(d.Event), name: "the event"}
	if one.event, err = event.DecodeJSON(one.text); err != nil {
		if len(faults(j.checker, one.text, one.name, nil)) == 0 {
			p.reject(malformed, "", "%v", err)
			return p, nil
		}
	}
	if err := p.hold([]candidate{one}); err != nil {
		return p, errors.New(strings.TrimPrefix(err.Error(), "--")) // who reads a page has no flags
	}
	return p, nil
}

// check says what is wrong with a draft.
func (c *catalogueServer) check(s *site.Site, d site.Draft) ([]site.Problem, error) {
	p, err := c.drafted(s, d)
	if err != nil {
		return nil, err
	}
	var all []site.Problem
	for _, one := range p.Rejected {
		all = append(all, site.Problem(one))
	}
	return all, nil
}

// send sends a draft.
func (c *catalogueServer) send(ctx context.Context, s *site.Site, d site.Draft) error {
	p, err := c.drafted(s, d)
	if err != nil {
		return err
	}
	c.mu.Lock()
	b := c.broker
	c.mu.Unlock()
	if b == nil {
		return errors.New("the broker cannot be reached at the moment; nothing was sent")
	}
	return p.sendOn(ctx, b)
}
