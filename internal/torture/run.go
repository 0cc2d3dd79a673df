package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/treaty-events/treaty/broker"
)

// Report is what a run was.
type Report struct {
	Config
	Mode        string
	Known       string // who knows duplicates
	Took        time.Duration
	Faults      map[string]int // that happened, by kind
	Skipped     map[string]int // that were planned and could not happen, with the reason
	Published   int            // events acknowledged, or committed with their rows
	Undone      int            // events rolled back with them
	Effects     int            // and of these, repeated ones
	Repeated    int
	DeadLetters map[string]int // by reason
	Late        []string       // what those got who came late
	Started     map[string]int // processes, by role
	Violations  []string       // of what was promised, each with its whole history
}

// String is the report for a person.
func (r *Report) String() string {
	var b strings.Builder
	happened := 0
	for _, n := range r.Faults {
		happened += n
	}
	fmt.Fprintf(&b, "seed %d: %d events (%s mode, duplicates known by %s, store %s, %d member at a time, broker %s), %d faults, %s\n", r.Seed, r.Events, r.Mode, r.Known, r.Store, r.Members, shown(r.Broker), happened, r.Took.Round(time.Second/10))
	fmt.Fprintf(&b, "  acknowledged %d, rolled back %d, effects %d (%d of them repeated, as the store does), dead letters %v, processes %v\n", r.Published, r.Undone, r.Effects, r.Repeated, r.DeadLetters, r.Started)
	fmt.Fprintf(&b, "  faults: %v\n", r.Faults)
	for _, one := range r.Late {
		fmt.Fprintf(&b, "  %s\n", one)
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintf(&b, "  not possible here: %v\n", r.Skipped)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%s\n", v)
	}
	if len(r.Violations) > 0 {
		fmt.Fprintf(&b, "\nrun the seed again: %s\nrecords and logs: %s\n", r.Again, r.Dir)
	}
	return b.String()
}

func shown(brokerURL string) string {
	if brokerURL == "" {
		return "embedded"
	}
	scheme, _, _ := strings.Cut(brokerURL, ":")
	return scheme
}

// run is a run that goes on.
type run struct {
	Config
	plan    *Plan
	report  *Report
	address string // of the channel
	behind  string // host:port of the broker
	direct  string // the broker's URL, without a proxy
	proxies map[string]*proxy
	rec     *recorder
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	faults   map[string]int
	started  map[string]int
	children map[string]*process // by name, those that run
	slots    map[string]bool     // of consumers that are to go on
	stopping bool
	wrong    []string
	all      sync.WaitGroup
	fate     map[string]string // of a process: killed, or ended

	broker     *process
	features   broker.Features
	subscribed bool          // a consumer is
	auditor    broker.Broker // nil where the dead letter can be read at the end
	audited    []dead
	came       time.Time // when the last of them did

	done  map[int]bool // events that are accounted for
	sent  map[int]bool // and acknowledged
	moved time.Time    // when the last was
	begun time.Time    // when the first could be
	when  []time.Time  // events were acknowledged
	// landed is when events were acknowledged by the broker, in microseconds.
	landed map[int]int64
	late   []*late // under mu
	later  []due
	out    map[string]bool // who has published everything, or written it
}

// Run does what a plan has. The error is of what kept it from being done; what
// was promised and not kept is in the report.
func Run(ctx context.Context, c Config) (*Report, error) {
	c = c.filled()
	temporary, err := c.folder()
	if err != nil {
		return nil, err
	}
	r := &run{
		Config: c, plan: plan(&c), proxies: map[string]*proxy{}, faults: map[string]int{}, started: map[string]int{},
		children: map[string]*process{}, slots: map[string]bool{}, fate: map[string]string{}, done: map[int]bool{}, sent: map[int]bool{}, landed: map[int]int64{}, out: map[string]bool{}, moved: time.Now(),
	}
	r.report = &Report{Config: c, Mode: r.plan.Mode, Known: r.plan.Known, Skipped: map[string]int{}, DeadLetters: map[string]int{}}
	r.ctx, r.cancel = context.WithTimeout(ctx, c.Limit)
	defer r.cancel()
	if err := os.MkdirAll(filepath.Join(c.Dir, "once"), 0o700); err != nil {
		return nil, err
	}
	if r.rec, err = record(c.Dir, ofRun, "run"); err != nil {
		return nil, err
	}
	begin := time.Now()
	err = r.work()
	r.end()
	r.report.Took = time.Since(begin)
	if err != nil {
		return nil, fmt.Errorf("the run of seed %d: %w; records and logs: %s", c.Seed, err, c.Dir)
	}
	if temporary && len(r.report.Violations) == 0 {
		_ = os.RemoveAll(c.Dir)
	}
	return r.report, nil
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Log, format+"\n", args...)
}

// violation notes what should not be, and is no matter of one event.
func (r *run) violation(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

func (r *run) happened(what string) {
	r.mu.Lock()
	r.faults[what]++
	r.mu.Unlock()
}

func (r *run) work() error {
	if err := r.begin(); err != nil {
		return err
	}
	for i := range r.Members {
		r.join(fmt.Sprintf("consumer%d", i+1))
	}
	consumed := tail{path: filepath.Join(r.Dir, ofConsumer)}
	// What a broker keeps for the groups alone that it knows is kept from now on.
	for !r.subscribed && r.features.Keep && !r.features.Replay {
		if err := consumed.read(r.account); err != nil {
			return err
		}
		if time.Sleep(20 * time.Millisecond); r.ctx.Err() != nil {
			return errors.New("no consumer has subscribed")
		}
	}
	r.begun = time.Now()
	r.moved = r.begun
	r.all.Go(func() { r.keep("producer", "producer") })
	for i := range services {
		r.all.Go(func() { r.keep("service", fmt.Sprintf("service%d", i+1)) })
	}
	produced, came := tail{path: filepath.Join(r.Dir, ofProducer)}, tail{path: filepath.Join(r.Dir, ofLate)}
	expected := 0
	for i := range r.plan.Events {
		if e := &r.plan.Events[i]; e.Kind != Duplicate && !e.never() {
			expected++
		}
	}
	system := slices.Clone(r.plan.System)
	var quiet time.Time
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-r.ctx.Done():
			r.violation("the run did not end within %s: %d of %d events are accounted for", r.Limit, len(r.done), expected)
			return r.judge()
		case <-tick.C:
		}
		if err := consumed.read(r.account); err != nil {
			return err
		}
		if err := produced.read(r.accountSent); err != nil {
			return err
		}
		if err := came.read(r.accountLate); err != nil {
			return err
		}
		r.later = slices.DeleteFunc(r.later, func(d due) bool {
			if time.Now().Before(d.at) {
				return false
			}
			r.happen(d.fault)
			return true
		})
		system = slices.DeleteFunc(system, func(f Fault) bool {
			reached := len(r.done)
			if f.Side == "producer" || f.Side == "service" {
				reached = len(r.sent)
			}
			// What waits for progress that does not come happens all the same.
			if reached < f.At && time.Since(r.moved) < r.patience()/3 {
				return false
			}
			r.happen(f)
			r.moved = time.Now()
			return true
		})
		switch {
		case len(system) > 0 || len(r.out) < 1+services || len(r.done) < expected || r.busyLate():
			quiet = time.Time{}
			if time.Since(r.moved) > r.patience() {
				// What was acknowledged by a process that was killed before it could say so
				// is missing here; the check knows better what is lost.
				r.say("nothing has moved for %s: %d of %d events are accounted for", r.patience(), len(r.done), expected)
				return r.judge()
			}
		case quiet.IsZero():
			quiet = time.Now()
		case time.Since(quiet) > r.calm():
			return r.judge()
		}
	}
}

// patience is how long nothing has to move until it is taken for stuck.
func (r *run) patience() time.Duration {
	if r.Patience > 0 {
		return r.Patience
	}
	return 20*time.Second + r.calm()
}

// calm is how long it is waited at the end for what comes late.
func (r *run) calm() time.Duration {
	switch {
	case !r.features.AckWait:
		return 5 * time.Second
	case r.AckWait > 0:
		return r.AckWait*3/2 + 500*time.Millisecond
	}
	return 35 * time.Second
}

// account notes what a consumer has recorded.
func (r *run) account(one Record) {
	switch {
	case one.What == ready:
		r.subscribed = true
	case one.What == fault:
		r.happened(one.Reason)
	case one.What == dying:
		r.happened("killed " + one.Reason + one.Err)
	case one.N < 0 || one.N >= len(r.plan.Events) || r.done[one.N]:
	case one.What == effect && !kinds[r.Store].inbox, // or else it may still be rolled back
		one.What == outcome && (one.Reason == "handled" || one.Reason == "duplicate" || one.Reason == "terminated"):
		r.done[one.N] = true
		r.moved = time.Now()
	}
}

// accountSent notes what the producer has recorded.
func (r *run) accountSent(one Record) {
	switch one.What {
	case doneAll:
		r.out[slotOf(one.By)] = true
	case dying:
		r.happened("killed " + one.Reason)
	case published:
		for _, n := range one.All {
			if !r.sent[n] {
				r.sent[n] = true
				r.when = append(r.when, time.UnixMicro(one.At))
			}
			if !r.plan.Events[n].Outbox {
				r.landed[n] = one.At
			}
		}
		r.moved = time.Now()
	case relayed:
		for _, n := range one.All {
			r.landed[n] = one.At
		}
	}
}

// begin starts the broker, the proxies, and what the channel needs.
func (r *run) begin() error {
	r.address = fmt.Sprintf("torture-%d-%d", r.Seed, time.Now().UnixMilli())
	r.direct = r.Broker
	if r.Broker == "" {
		port, err := freePort()
		if err != nil {
			return err
		}
		r.behind = fmt.Sprintf("127.0.0.1:%d", port)
		r.direct = "nats://" + r.behind
		if err := r.startBroker(); err != nil {
			return err
		}
	} else {
		u, err := url.Parse(r.Broker)
		if err != nil {
			return err
		}
		r.behind = u.Host
		if e := u.Query().Get("endpoint"); e != "" {
			r.behind = e
		}
	}
	for _, side := range []string{"producer", "service", "consumer", "reader"} {
		p, err := newProxy(r.behind)
		if err != nil {
			return err
		}
		if strings.HasPrefix(r.direct, "kafka") {
			p.rewrite = throughKafka(p.address)
		}
		go p.accept()
		r.proxies[side] = p
	}
	b, err := broker.Open(r.ctx, as(r.direct, "auditor"), adapters...)
	if err != nil {
		return err
	}
	r.features = b.Features()
	if !r.features.Keep || r.features.Order == broker.Unordered {
		return fmt.Errorf("%s keeps nothing for a group without a member, or no order: there is nothing to be held to", shown(r.Broker))
	}
	for _, ch := range r.channels() {
		if admin, ok := b.(broker.Admin); ok {
			if err := admin.Declare(r.ctx, ch); err != nil {
				return err
			}
		}
	}
	if r.features.Replay {
		if err := b.Close(); err != nil {
			return err
		}
		return r.prepare()
	}
	// What nobody keeps is listened to from the beginning.
	r.auditor = b
	_, err = b.Subscribe(r.ctx, r.dead(), broker.Options{Group: "audit", Start: broker.Start{From: broker.Latest}, MaxInFlight: 1000}, func(d broker.Delivery) {
		one := deadLetter(b, d)
		r.mu.Lock()
		r.audited, r.came = append(r.audited, one), time.Now()
		r.mu.Unlock()
		_ = d.Ack()
	})
	if err != nil {
		return err
	}
	return r.prepare()
}

// as is the URL of a broker that asks for the names of its members with one.
func as(brokerURL, name string) string {
	if !strings.HasPrefix(brokerURL, "mqtt") {
		return brokerURL
	}
	sign := "?"
	if strings.Contains(brokerURL, "?") {
		sign = "&"
	}
	return brokerURL + sign + "member=" + name
}

func (r *run) channel() broker.Channel {
	return broker.Channel{Address: r.address, Settings: map[string]string{"kafka.partitions": "4"}}
}

// dead is the dead letter, as the runtime has it where the contract says nothing.
func (r *run) dead() broker.Channel {
	return broker.Channel{Address: r.address + ".dlq", Settings: map[string]string{"amqp.queue": r.address + ".dlq"}}
}

// channels are all that a run needs.
func (r *run) channels() []broker.Channel {
	return []broker.Channel{r.channel(), r.dead(), {Address: r.address + ".states"}, {Address: r.address + ".backfills"}}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// url is the broker's for a role, through the proxy of its side.
func (r *run) url(role string) string {
	side := role
	if r.proxies[side] == nil {
		side = "reader"
	}
	return strings.Replace(r.direct, r.behind, r.proxies[side].address, 1)
}

// process is one that was started.
type process struct {
	role, name string
	cmd        *exec.Cmd
	orders     io.WriteCloser
	ready      chan string // of a broker
	over       chan struct{}
	wanted     bool // it was asked to end, or killed from here
}

func (p *process) order(text string) { _, _ = io.WriteString(p.orders, text+"\n") }

// start starts a process.
func (r *run) start(role, name, brokerURL string) (*process, error) {
	text, err := json.Marshal(job{Config: r.Config, Role: role, Name: name, URL: brokerURL, Address: r.address, Late: r.lateOf(slotOf(name))})
	if err != nil {
		return nil, err
	}
	p := &process{role: role, name: name, ready: make(chan string, 1), over: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), environment+"="+string(text))
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(r.Dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stderr = log
	out := io.Reader(nil)
	if role == "broker" {
		if out, err = p.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
	} else {
		p.cmd.Stdout = log
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if out != nil {
		go func() {
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				if where, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
					p.ready <- where
				}
			}
		}()
	}
	r.mu.Lock()
	r.started[role]++
	r.children[name] = p
	r.mu.Unlock()
	r.rec.add(Record{What: began, N: -1, ID: name})
	go func() {
		err := p.cmd.Wait()
		r.mu.Lock()
		delete(r.children, name)
		fate := ended
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			fate = killed
		}
		r.fate[name] = fate
		r.mu.Unlock()
		r.rec.add(Record{What: fate, N: -1, ID: name, Err: fmt.Sprint(err)})
		close(p.over)
	}()
	return p, nil
}

// startBroker starts the embedded broker on its folder and port.
func (r *run) startBroker() error {
	var err error
	r.mu.Lock()
	name := fmt.Sprintf("broker-%d", r.started["broker"]+1)
	r.mu.Unlock()
	for try := 0; ; try++ {
		if r.broker, err = r.start("broker", name, "embedded:"+filepath.Join(r.Dir, "broker")+"?listen="+r.behind+"&timeout=30s"); err != nil {
			return err
		}
		select {
		case <-r.broker.ready:
			return nil
		case <-r.broker.over:
			text, _ := os.ReadFile(filepath.Join(r.Dir, name+".log"))
			return fmt.Errorf("the broker did not start: %s", text)
		case <-time.After(40 * time.Second):
			return errors.New("the broker did not start within 40s")
		}
	}
}

// join lets a member join the group, and keeps it there.
func (r *run) join(slot string) {
	r.mu.Lock()
	if r.slots[slot] {
		r.mu.Unlock()
		return
	}
	r.slots[slot] = true
	r.mu.Unlock()
	r.all.Go(func() { r.keep("consumer", slot) })
}

// keep keeps a process running, as what runs services does.
func (r *run) keep(role, slot string) {
	for n := 1; ; n++ {
		r.mu.Lock()
		over := r.stopping || role == "consumer" && !r.slots[slot]
		r.mu.Unlock()
		if over {
			return
		}
		p, err := r.start(role, fmt.Sprintf("%s-%d", slot, n), as(r.url(role), fmt.Sprintf("%s-%d", slot, r.Seed)))
		if err != nil {
			r.violation("a process cannot be started: %v", err)
			return
		}
		<-p.over
		r.mu.Lock()
		fate, wanted := r.fate[p.name], p.wanted
		r.mu.Unlock()
		switch {
		case fate == killed:
		case role == "replayer" && p.cmd.ProcessState.ExitCode() == 0:
			return
		case p.cmd.ProcessState.ExitCode() == notBegun:
			r.rec.add(Record{What: ended, N: -1, ID: p.name, Err: errNotBegun.Error()})
			time.Sleep(200 * time.Millisecond)
		case p.cmd.ProcessState.ExitCode() != 0:
			text, _ := os.ReadFile(filepath.Join(r.Dir, p.name+".log"))
			r.violation("%s ended by itself, with %v: %s", p.name, p.cmd.ProcessState, last(text, 3))
		case !wanted:
			r.violation("%s ended by itself, without an error", p.name)
		}
	}
}

// last are the last lines of a text.
func last(text []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte{'\n'})
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte{'\n'}))
}

// of are the processes of a role that run now.
func (r *run) of(role string) []*process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*process
	for _, p := range r.children {
		if p.role == role {
			all = append(all, p)
		}
	}
	return all
}

func (r *run) kill(p *process) {
	_ = p.cmd.Process.Kill()
}

// pause has a process do nothing for a while, as a machine does that is moved.
func (r *run) pause(p *process, d time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	time.AfterFunc(d, func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) })
}

func (r *run) retire(p *process) {
	r.mu.Lock()
	p.wanted = true
	r.mu.Unlock()
	p.order("stop")
}

// happen lets a fault happen.
func (r *run) happen(f Fault) {
	p := r.proxies[f.Side]
	what := string(f.Action)
	switch f.Action {
	case Cut:
		p.cut()
	case SlowDown:
		p.slow(f.For)
	case Stall:
		p.stall(f.For)
	case HalfOpen:
		p.halfOpen(f.For * 4)
	case Deaf:
		p.lose(toClient, f.For)
	case Mute:
		p.lose(toBroker, f.For)
	case BrokerKilled:
		switch {
		case r.broker != nil:
			r.kill(r.broker)
			<-r.broker.over
			if err := r.startBroker(); err != nil {
				r.violation("%v", err)
			}
		case len(r.Restart) > 0:
			ctx, cancel := context.WithTimeout(r.ctx, 2*time.Minute)
			said, err := exec.CommandContext(ctx, r.Restart[0], r.Restart[1:]...).CombinedOutput()
			cancel()
			if err != nil {
				r.violation("the broker was killed, and did not start again: %v: %s", err, said)
			}
		default:
			r.report.Skipped[what+": it was not started by the run"]++
			return
		}
	case ProducerKilled, ServiceKilled, ConsumerKilled:
		all := r.of(map[Action]string{ProducerKilled: "producer", ServiceKilled: "service", ConsumerKilled: "consumer"}[f.Action])
		if len(all) == 0 {
			break // it has just been
		}
		r.kill(all[0])
	case ServicePaused:
		for i, p := range r.of("service") {
			if i == 0 {
				r.pause(p, f.For)
			}
		}
	case Replaced:
		for i, p := range r.of("consumer") {
			if i == 0 {
				r.retire(p)
			}
		}
	case Joined:
		slot := fmt.Sprintf("guest%d", f.At)
		r.join(slot)
		time.AfterFunc(f.For, func() {
			r.mu.Lock()
			delete(r.slots, slot)
			r.mu.Unlock()
			for _, p := range r.of("consumer") {
				if strings.HasPrefix(p.name, slot+"-") {
					r.retire(p)
				}
			}
		})
	case Replaying:
		if !r.features.Replay || !r.features.ReplayTime {
			r.report.Skipped[what+": the broker keeps nothing to replay"]++
			return
		}
		r.comeLate(f)
	case SnapshotJoin, RequestJoin:
		if f.Action == SnapshotJoin && (!r.features.Replay || !r.features.ReplayTime) {
			r.report.Skipped[what+": the broker keeps no snapshots"]++
			return
		}
		r.comeLate(f)
	case StoreFull, DeadRefused:
		order := map[Action]string{StoreFull: "full ", DeadRefused: "refuse "}[f.Action]
		for _, p := range r.of("consumer") {
			p.order(order + f.For.String())
		}
	}
	if f.Side != "" && p != nil {
		switch f.Action {
		case Cut, SlowDown, Stall, HalfOpen, Deaf, Mute:
			what += " (" + f.Side + ")"
		}
	}
	r.happened(what)
	r.rec.add(Record{What: fault, N: len(r.done), Reason: what, Err: f.For.String()})
	r.say("%6d published, %6d accounted for, of %d: %s, %s", len(r.sent), len(r.done), r.Events, what, f.For)
}

// end stops what runs.
func (r *run) end() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	for _, role := range []string{"consumer", "joiner", "replayer", "service", "producer", "broker"} {
		all := r.of(role)
		for _, p := range all {
			r.retire(p)
		}
		for _, p := range all {
			select {
			case <-p.over:
			case <-time.After(30 * time.Second):
				r.violation("%s did not end within 30s", p.name)
				r.kill(p)
				<-p.over
			}
		}
	}
	r.all.Wait()
	for _, p := range r.proxies {
		p.close()
	}
	if r.auditor != nil {
		r.auditor.Close()
	}
}
