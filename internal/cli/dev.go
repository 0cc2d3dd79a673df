package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/config"
	"github.com/treaty-events/treaty/internal/live"
	"github.com/treaty-events/treaty/store"
	"github.com/treaty-events/treaty/store/bolt"
	"github.com/treaty-events/treaty/store/memory"
)

type devFlags struct {
	brokerFlags
	once         bool
	events       int
	rate, faults float64
	seed         uint64
	state        string
	write        bool
	shared       bool // the broker is not this process's own
}

// What dev does where no flag says.
const (
	devRate   = 20   // events per second, live
	devEvents = 1000 // with --once
	devFaults = 0.01
)

func devCommand(a *app) *cobra.Command {
	var flags devFlags
	cmd := &cobra.Command{
		Use:   "dev [PATH]",
		Short: "See contracts at work: the whole thing on one machine",
		Long: `Play contracts on this machine: a broker inside this process, producers that send
samples of what the documents send, and consumers that handle them as the documents
say. PATH is a document, or a folder: its treaty.yaml says which documents are
played, otherwise all are.

A group treaty-dev handles everything that is sent, and each document that receives
is a group of its own. Whether the events of each key come in their order, and each
once, is looked at in the handlers.

Faults are played, so that the promises can be seen: of 100 events one is published
twice (consumers know it again), and beside one a near miss is offered (the producer
refuses it); of 500 one is put on the broker past the producer, though it is invalid
(consumers dead-letter it). Without --once, of 500 handlers one fails (the event is
tried again, and holds back its key). --faults 0 turns that off.

Without --once it goes on until it is interrupted, and the catalogue of the documents
is served beside it, with the events as they come. With --once it ends as soon as
every group is done with all events.

What was handled is remembered in memory: best effort, gone when this ends. With
--state it is in files of a folder, one for each group.

The exit code is 0 where order held, nothing was lost, nothing was handled twice and
no valid event was dead-lettered or skipped, 1 otherwise, and 2 where treaty could
not run.`,
		Example: `  treaty dev examples/orders
  treaty dev examples/orders --once --events 10000
  treaty dev orders.asyncapi.yaml --rate 500 --faults 0.05 --seed 7
  treaty dev --broker nats://127.0.0.1 --once --format json`,
		Args: atMost(1, "one document or folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.once = flags.once || cmd.Flags().Changed("events")
			if !flags.once && !cmd.Flags().Changed("rate") {
				flags.rate = devRate
			}
			return a.dev(cmd.Context(), args, flags)
		},
	}
	cmd.Flags().StringVar(&flags.broker, "broker", "", "another broker, by its `URL`, such as nats://127.0.0.1: one for development, since made-up events are published")
	cmd.Flags().StringArrayVar(&flags.params, "param", nil, "a parameter of addresses, as `NAME=VALUE`; otherwise it is made up")
	cmd.Flags().BoolVar(&flags.once, "once", false, "end when all events are published and handled")
	cmd.Flags().IntVar(&flags.events, "events", devEvents, "publish `N` events, and end")
	cmd.Flags().Float64Var(&flags.rate, "rate", 0, fmt.Sprintf("publish `N` events a second (default %d; with --once as many as go)", devRate))
	cmd.Flags().Float64Var(&flags.faults, "faults", devFaults, "the share of events that faults are played on, as a `RATE` from 0 to 1")
	cmd.Flags().Uint64Var(&flags.seed, "seed", 1, "the `SEED` of samples and faults")
	cmd.Flags().StringVar(&flags.state, "state", "", "remember what was handled in files of this `DIR`")
	cmd.Flags().BoolVar(&flags.write, "write", false, "let people send events from the pages of the catalogue")
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json")
	return cmd
}

// playing are the documents that dev plays: PATH, or what its own treaty.yaml
// says.
func (a *app) playing(ctx context.Context, args []string) ([]live.Document, error) {
	if len(args) == 1 && a.configPath == "" {
		dir := a.absolute(args[0])
		if found := config.Find(dir); found != "" && filepath.Dir(found) == dir {
			a.configPath, args = found, nil
		}
	}
	if err := a.loadConfig(); err != nil {
		return nil, err
	}
	sources, err := a.documents(args)
	if err != nil {
		return nil, err
	}
	var all []live.Document
	for _, s := range sources {
		c, found, err := a.load(ctx, s)
		if err != nil {
			return nil, err
		}
		errs := 0
		for _, d := range found {
			if d.Severity == diag.Error {
				errs++
			}
		}
		if errs > 0 && !a.quiet {
			fmt.Fprintf(a.env.Stderr, "treaty: %s has %s; treaty check says which\n", a.shownSource(s), count(errs, "error"))
		}
		if len(c.Channels) > 0 {
			all = append(all, live.Document{Name: a.shownSource(s), Contract: c})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no document describes a channel, so there is nothing to play")
	}
	return all, nil
}

func (a *app) dev(ctx context.Context, args []string, flags devFlags) (err error) {
	switch {
	case flags.events < 1:
		return fmt.Errorf("--events %d is no number of events", flags.events)
	case !(flags.rate >= 0):
		return fmt.Errorf("--rate %v is no number of events a second", flags.rate)
	case !(flags.faults >= 0 && flags.faults <= 1):
		return fmt.Errorf("--faults %v is no share; it is from 0 to 1, such as 0.01", flags.faults)
	}
	params, err := flags.parameters()
	if err != nil {
		return err
	}
	color, err := a.useColor()
	if err != nil {
		return err
	}
	documents, err := a.playing(ctx, args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags.shared = flags.broker != ""
	o := live.DevOptions{Rate: flags.rate, Faults: flags.faults, Seed: flags.seed, Params: params, Shared: flags.shared,
		Store: func(_ string, window time.Duration) (store.Store, error) {
			return memory.New(memory.Window(window)), nil
		}}
	if flags.state != "" {
		o.Store = func(group string, window time.Duration) (store.Store, error) {
			return bolt.Open(filepath.Join(a.absolute(flags.state), url.PathEscape(group)+".dedupe"), bolt.Window(window))
		}
	}
	if flags.once {
		o.Events = flags.events
	} else {
		o.Failures = flags.faults / 5
	}
	var b broker.Broker
	if flags.shared {
		b, err = a.open(ctx, &flags.brokerFlags)
	} else {
		b, err = broker.Open(ctx, "embedded:", adapters...) // in a folder that goes with it
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	d, err := live.NewDev(documents, b, o)
	if err == nil && !flags.once {
		if address, end, err := a.beside(ctx, args, b, &flags, params); err != nil {
			fmt.Fprintf(a.env.Stderr, "treaty: the catalogue is not served: %v\n", err)
		} else {
			defer end()
			if a.format == "text" && !a.quiet {
				fmt.Fprintf(a.env.Stdout, "the catalogue is at %s\n", address)
			}
		}
	}
	if err == nil {
		err = a.play(ctx, d, &flags, documents, color)
	}
	return err
}

// play runs d, and shows how far it is.
func (a *app) play(ctx context.Context, d *live.Dev, flags *devFlags, documents []live.Document, color bool) error {
	s := screen{app: a, color: color, flags: flags}
	if a.format == "text" && !a.quiet {
		s.begin(documents, d.Status())
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	every := 2 * time.Second
	if a.env.Terminal {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			status := d.Status()
			if err != nil && status.Published == 0 {
				return err
			}
			if err = errors.Join(err, s.end(&status)); err == nil && !status.Held() {
				err = findings{}
			}
			return err
		case <-tick.C:
			if a.format != "text" || a.quiet || flags.once && !a.env.Terminal {
				continue
			}
			status := d.Status()
			if err := s.show(&status); err != nil {
				return err
			}
		}
	}
}

// screen shows the account of dev.
type screen struct {
	*app
	flags *devFlags
	color bool
	lines int // that stand on the terminal, to be written over
	last  live.Status
	over  bool
}

func (s *screen) paint(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// begin says what is played.
func (s *screen) begin(documents []live.Document, status live.Status) {
	where := "on a broker inside this process"
	if s.flags.shared {
		where = "on the broker"
	}
	memory := "what was handled is remembered in memory, best effort"
	if s.flags.state != "" {
		memory = "what was handled is remembered in " + s.flags.state
	}
	names := make([]string, len(documents))
	for i, d := range documents {
		names[i] = d.Name
	}
	end := ""
	if !s.flags.once {
		end = "; interrupt to end"
	}
	fmt.Fprintf(s.env.Stdout, "playing %s %s; %s%s\n", strings.Join(names, ", "), where, memory, end)
	for _, n := range status.Notes {
		fmt.Fprintln(s.env.Stdout, diag.Visible(n))
	}
	fmt.Fprintln(s.env.Stdout)
}

// show shows how far it is: the whole account in place on a terminal, a line
// elsewhere.
func (s *screen) show(now *live.Status) error {
	defer func() { s.last = *now }()
	if s.env.Terminal {
		lines := s.account(now)
		for _, p := range now.Problems {
			lines = append(lines, s.paint("2", "  "+diag.Visible(p)))
		}
		return s.draw(append(lines, "", s.paint("2", fmt.Sprintf("%s, %s waiting", now.Elapsed.Round(time.Second), count(now.Open, "delivery")))))
	}
	all := now.Whole()
	_, err := fmt.Fprintf(s.env.Stdout, "%s  published %d (%s)  delivered %d  duplicates %d  retried %d  rejected %d  dead-lettered %d  order %s\n",
		now.Elapsed.Round(time.Second), now.Published, rateOf(now.Published-s.last.Published, now, &s.last), all.Delivered, all.Duplicates, all.Retried, now.Rejected, all.DeadLettered, s.order(&all))
	return err
}

// rateOf is how much there was per second since the last time.
func rateOf(n int64, now, last *live.Status) string {
	seconds := (now.Elapsed - last.Elapsed).Seconds()
	if seconds <= 0 {
		return "0/s"
	}
	return fmt.Sprintf("%.0f/s", float64(n)/seconds)
}

// draw writes lines over those that were drawn before.
func (s *screen) draw(lines []string) error {
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.lines)
	}
	width := s.width()
	if width == 0 {
		width = 80
	}
	for _, line := range lines {
		if s.env.Terminal {
			line = clip(line, width)
		}
		b.WriteString(line + "\n")
	}
	s.lines = len(lines)
	_, err := fmt.Fprint(s.env.Stdout, b.String())
	return err
}

// clip is as much of a line as a terminal shows in one; colours take no room.
func clip(line string, width int) string {
	shown, colour, reset := 0, false, ""
	for i, r := range line {
		switch {
		case r == '\x1b':
			colour, reset = true, "\x1b[0m"
		case colour:
			colour = r != 'm'
		default:
			if shown++; shown > width {
				return line[:i] + reset
			}
		}
	}
	return line
}

// order says whether the events of each key came in their order.
func (s *screen) order(g *live.GroupStatus) string {
	switch {
	case g.OutOfOrder > 0:
		return s.paint("31", fmt.Sprintf("BROKEN %d times", g.OutOfOrder))
	case !g.Ordered:
		return "not promised"
	}
	return s.paint("32", "held")
}

// account is what was published, and what became of it.
func (s *screen) account(now *live.Status) []string {
	types, channels := len("event type"), len("channel")
	for _, t := range now.Types {
		types, channels = max(types, len(t.Type)), max(channels, len(t.Channel))
	}
	head := fmt.Sprintf("%-*s  %-*s  published", types, "event type", channels, "channel")
	if s.env.Terminal && !s.over {
		head += "  per second"
	}
	lines := []string{s.paint("1", head)}
	for i, t := range now.Types {
		line := fmt.Sprintf("%-*s  %-*s  %9d", types, diag.Visible(t.Type), channels, diag.Visible(t.Channel), t.Published)
		if s.env.Terminal && !s.over {
			before := int64(0)
			if len(s.last.Types) > i {
				before = s.last.Types[i].Published
			}
			line += fmt.Sprintf("  %10s", rateOf(t.Published-before, now, &s.last))
		}
		lines = append(lines, line)
	}
	groups := len("group")
	for _, g := range now.Groups {
		groups = max(groups, len(g.Group))
	}
	lines = append(lines, "", s.paint("1", fmt.Sprintf("%-*s  delivered  duplicates  skipped  retried  dead-lettered  order", groups, "group")))
	for i := range now.Groups {
		g := &now.Groups[i]
		lines = append(lines, fmt.Sprintf("%-*s  %9d  %10d  %7d  %7d  %13d  %s", groups, diag.Visible(g.Group), g.Delivered, g.Duplicates, g.Skipped, g.Retried, g.DeadLettered, s.order(g)))
	}
	return append(lines, "")
}

// devJSON is what dev says at last; scripts rely on it.
type devJSON struct {
	Published    int64         `json:"published"`
	Delivered    int64         `json:"delivered"`
	Duplicates   int64         `json:"duplicates"`
	Rejected     int64         `json:"rejected"`
	DeadLettered int64         `json:"deadLettered"`
	Ordered      bool          `json:"ordered"`
	Seconds      float64       `json:"seconds"`
	Lost         int64         `json:"lost"`
	Consumers    []devConsumer `json:"consumers"`
	Unhandled    int64         `json:"unhandled"`
}

type devConsumer struct {
	Group        string `json:"group"`
	Document     string `json:"document"`
	Delivered    int64  `json:"delivered"`
	Duplicates   int64  `json:"duplicates"`
	Skipped      int64  `json:"skipped"`
	Retried      int64  `json:"retried"`
	DeadLettered int64  `json:"deadLettered"`
	Ordered      bool   `json:"ordered"`
	Lost         int64  `json:"lost"`
	Unhandled    int64  `json:"unhandled"`
}

// end prints the account at last.
func (s *screen) end(now *live.Status) error {
	all := now.Whole()
	if s.format == "json" {
		out := devJSON{now.Published, all.Delivered, all.Duplicates, now.Rejected, all.DeadLettered, all.OutOfOrder == 0, now.Elapsed.Seconds(), 0, []devConsumer{}, 0}
		for _, g := range now.Groups {
			out.Lost += g.Lost
			out.Unhandled += g.Refused + g.Missed
			out.Consumers = append(out.Consumers, devConsumer{g.Group, g.Document, g.Delivered, g.Duplicates, g.Skipped, g.Retried, g.DeadLettered, g.OutOfOrder == 0, g.Lost, g.Refused + g.Missed})
		}
		return json.NewEncoder(s.env.Stdout).Encode(out)
	}
	s.over = true
	var lines []string
	if !s.quiet {
		lines = s.account(now)
	}
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	twice := ""
	if now.Twice > 0 {
		twice = fmt.Sprintf(", %d of them twice", now.Twice)
	}
	say("published      %d%s, in %.1f s", now.Published, twice, now.Elapsed.Seconds())
	say("delivered      %d, each once: %s", all.Delivered, plural(all.Duplicates, "duplicate was", "duplicates were")+" known again")
	if all.Again > 0 {
		lines[len(lines)-1] = s.paint("31", fmt.Sprintf("delivered      %d, and %d MORE THAN ONCE", all.Delivered, all.Again))
	}
	say("rejected       %d by the producer, before they were sent", now.Rejected)
	say("dead-lettered  %d of %s past the producer", all.DeadLettered-all.Refused, plural(now.Invalid, "invalid event", "invalid events"))
	say("order          %s", s.order(&all))
	lost, unhandled, late := int64(0), int64(0), now.Open
	for _, g := range now.Groups {
		lost += g.Lost
		unhandled += g.Refused + g.Missed
	}
	if unhandled > 0 {
		say("%s", s.paint("31", fmt.Sprintf("NOT HANDLED    %s of valid events: dead-lettered or skipped", plural(unhandled, "delivery", "deliveries"))))
	}
	if lost > 0 {
		say("%s", s.paint("31", fmt.Sprintf("LOST           %s", plural(lost, "delivery", "deliveries"))))
		late = 0
	} else if late > 0 {
		say("not yet there  %s when it was interrupted", plural(int64(late), "delivery", "deliveries"))
	}
	if !now.Held() || late > 0 {
		lines = append(lines, "")
		for _, p := range now.Problems {
			lines = append(lines, "  "+diag.Visible(p))
		}
	}
	return s.draw(lines)
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
