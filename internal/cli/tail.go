package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/schema"
)

type tailFlags struct {
	brokerFlags
	from, group string
	types       []string
	count       int
	timeout     time.Duration
}

func tailCommand(a *app) *cobra.Command {
	var flags tailFlags
	cmd := &cobra.Command{
		Use:   "tail --broker URL CONTRACT",
		Short: "Watch events as they come, each held to the contract",
		Long: `Watch the channels of a contract on a broker: every event as it comes, valid or
why not. What is no event at all is shown with its bytes, in JSON with its headers.

Nothing is taken from anybody: without --group this reads beside the consumers, and
leaves no trace. With --group it is a member of that group, and what it shows is
acknowledged.

It ends after --count events, after --timeout, or when it is interrupted. The exit
code is 0 where every event was valid, 1 where one was not, and 2 where treaty could
not run, or --timeout was over before --count events had come.`,
		Example: `  treaty tail --broker embedded:./events orders.asyncapi.yaml --from earliest
  treaty tail --broker kafka://127.0.0.1:9092 orders.asyncapi.yaml --type orders.paid.v1 --format json
  treaty tail --broker nats://127.0.0.1 orders.asyncapi.yaml --from 2026-04-10T15:00:00Z --count 100 --timeout 10s`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.tail(cmd.Context(), args, flags) },
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.from, "from", "now", "`WHERE` to begin: earliest, now, or a time (RFC 3339, or such as 10m for ten minutes ago)")
	cmd.Flags().StringVar(&flags.group, "group", "", "be a member of this `GROUP`, instead of reading beside all")
	cmd.Flags().StringSliceVar(&flags.types, "type", nil, "show events of this `TYPE` alone, and what is no event")
	cmd.Flags().IntVar(&flags.count, "count", 0, "end after `N` events")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 0, "end after this `LONG`")
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json")
	return cmd
}

// tailed is a line of tail.
type tailed struct {
	Event    json.RawMessage `json:"event"`         // null where it is none
	Raw      string          `json:"raw,omitempty"` // in base64, where it is none
	Valid    bool            `json:"valid"`
	Problems []problem       `json:"problems"`
	Channel  string          `json:"channel"`
	Position string          `json:"position"`
	Headers  []header        `json:"headers,omitempty"` // where it is none: in binary mode they are half of it

	event *event.Event
	bytes []byte
	at    time.Time
}

// header is a field of a message that is no event, in the order in which they
// came. The protocol's own field of the content type is one of the name
// "content-type".
type header struct {
	Name  string `json:"name"`
	Value string `json:"value"`         // where it is no UTF-8, with U+FFFD for what is none
	Raw   string `json:"raw,omitempty"` // in base64, where it is no UTF-8
}

func headersOf(m *event.Message) []header {
	var all []header
	add := func(name, value string) {
		h := header{Name: name, Value: value}
		if !utf8.ValidString(value) {
			h.Raw = base64.StdEncoding.EncodeToString([]byte(value))
		}
		all = append(all, h)
	}
	if m.ContentType != "" {
		add("content-type", m.ContentType)
	}
	for i := range m.Headers {
		add(m.Headers[i].Name, m.Headers[i].Value.String())
	}
	return all
}

// start reads --from.
func (a *app) start(text string) (broker.Start, error) {
	switch text {
	case "earliest":
		return broker.Start{}, nil
	case "now", "latest":
		return broker.Start{From: broker.Latest}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return broker.Start{From: broker.At, Time: a.env.Now().Add(-d)}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return broker.Start{From: broker.At, Time: t}, nil
		}
	}
	return broker.Start{}, fmt.Errorf("--from %s is no place to begin; it is earliest, now, a time such as 2026-04-10T15:00:00Z, or a duration such as 10m", text)
}

func (a *app) tail(ctx context.Context, args []string, flags tailFlags) error {
	if err := flags.kept(); err != nil {
		return err
	}
	if flags.count < 0 {
		return fmt.Errorf("--count %d is no number of events", flags.count)
	}
	if flags.timeout < 0 {
		return fmt.Errorf("--timeout %s is no time to wait; leave it out, or write one such as 10s", flags.timeout)
	}
	start, err := a.start(flags.from)
	if err != nil {
		return err
	}
	params, err := flags.parameters()
	if err != nil {
		return err
	}
	color, err := a.useColor()
	if err != nil {
		return err
	}
	c, err := a.contractOf(ctx, args)
	if err != nil {
		return err
	}
	t := &tailing{app: a, contract: c, flags: flags, color: color, checker: check.NewEventCheck([]*contract.Contract{c}, a.limits.Limits)}
	channels, err := t.channels()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := a.open(ctx, &flags.brokerFlags)
	if err != nil {
		return err
	}
	defer b.Close()
	t.binding = b.Binding()
	if flags.timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, flags.timeout)
		defer cancel()
	}

	lines := make(chan delivered) // one at a time: what comes waits at the broker
	ended := make(chan error, len(channels))
	watching, done := context.WithCancel(ctx)
	var subscriptions []broker.Subscription
	defer func() {
		done()
		for _, s := range subscriptions {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = s.Stop(ctx)
			cancel()
		}
	}()
	for _, ch := range channels {
		at, err := topology.Channel(ch, params)
		if err != nil {
			return err
		}
		s, err := b.Subscribe(ctx, at, broker.Options{Group: flags.group, Start: start}, func(d broker.Delivery) {
			select {
			case lines <- delivered{d, ch}:
			case <-watching.Done():
				_ = d.Nak()
			}
		})
		if err != nil {
			if errors.Is(err, broker.ErrUnsupported) && start.From != broker.Latest {
				return fmt.Errorf("%w; use --from now", err)
			}
			return err
		}
		subscriptions = append(subscriptions, s)
		go func() {
			<-s.Done()
			ended <- s.Err()
		}()
	}
	if !a.quiet && a.env.ErrTerminal {
		fmt.Fprintf(a.env.Stderr, "treaty: watching %s; interrupt to end\n", count(len(channels), "channel"))
	}
	return t.watch(ctx, lines, ended)
}

// delivered is what came, and on which channel.
type delivered struct {
	broker.Delivery
	on *contract.Channel
}

// tailing is one run of tail.
type tailing struct {
	*app
	contract *contract.Contract
	flags    tailFlags
	color    bool
	checker  *check.EventCheck
	binding  *event.Binding
	schemas  map[*contract.Message]*schema.Schema
	held     map[*contract.Message]*hold.Message
	invalid  int
}

// channels are those to watch: the named one, those that carry the types, or all
// that have an address.
func (t *tailing) channels() ([]*contract.Channel, error) {
	if t.flags.on != "" {
		ch, err := channelNamed(t.contract, t.flags.on)
		return []*contract.Channel{ch}, err
	}
	var types []string
	for _, one := range t.contract.EventTypes {
		types = append(types, one.Type)
	}
	for _, name := range t.flags.types {
		if !slices.Contains(types, name) {
			return nil, fmt.Errorf("--type %s: the contract has no such event type; %s", name, near(name, types))
		}
	}
	var all []*contract.Channel
	for _, ch := range t.contract.Channels {
		if !ch.HasAddress || ch.Address == "" {
			continue
		}
		if len(t.flags.types) == 0 || slices.ContainsFunc(ch.Messages, func(m *contract.Message) bool { return slices.Contains(t.flags.types, m.Envelope.Type) }) {
			all = append(all, ch)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the contract has no channel with an address, so there is nothing to watch")
	}
	return all, nil
}

func (t *tailing) watch(ctx context.Context, lines <-chan delivered, ended <-chan error) error {
	seen := 0
	for t.flags.count == 0 || seen < t.flags.count {
		select {
		case d := <-lines:
			line := t.read(d)
			if line != nil { // otherwise of another type
				seen++
				if !line.Valid {
					t.invalid++
				}
				if err := t.show(line); err != nil {
					_ = d.Nak() // nobody has seen it
					return err
				}
			}
			if err := d.Ack(); err != nil {
				return err
			}
		case err := <-ended:
			if err != nil {
				return err
			}
			return t.over()
		case <-ctx.Done():
			if t.flags.count > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s came within %s, and --count %d were asked for", count(seen, "event"), t.flags.timeout, t.flags.count)
			}
			return t.over()
		}
	}
	return t.over()
}

func (t *tailing) over() error {
	if t.invalid > 0 {
		return findings{}
	}
	return nil
}

// read holds what came to the contract; nil where it is of a type that is not
// asked for.
func (t *tailing) read(d delivered) *tailed {
	line := &tailed{Channel: d.Channel(), Position: d.Position(), Problems: []problem{}, at: d.Time()}
	e, mode, err := t.binding.Decode(d.Message())
	if err != nil {
		line.bytes = d.Message().Body
		line.Raw = base64.StdEncoding.EncodeToString(line.bytes)
		line.Headers = headersOf(d.Message())
		line.Problems = append(line.Problems, problem{malformed, "", err.Error()})
		return line
	}
	if len(t.flags.types) > 0 && !slices.Contains(t.flags.types, e.Type) {
		return nil
	}
	line.event = e
	if mode == event.BinaryMode {
		for _, m := range t.messages(d.on, e.Type) {
			m.Restore(e)
		}
	}
	came := *e
	if m := messageOf(d.on, e.Type); m != nil {
		if why := topology.WrongMode(m, mode); why != "" {
			line.Problems = append(line.Problems, problem{malformed, "", why})
		}
		if m.Payload != nil && m.Payload.Dialect == schema.Avro && !event.IsJSON(e.DataContentType) {
			line.Problems = append(line.Problems, t.avro(m, e)...)
		}
	}
	text, err := e.AppendJSON(nil)
	if err != nil {
		line.Problems = append(line.Problems, problem{malformed, "", err.Error()})
	}
	line.Event = text
	line.Problems = append(line.Problems, faults(t.checker, text, "event", d.on)...)
	if len(line.Problems) == 0 {
		line.Problems = append(line.Problems, t.refusals(d.on, &came)...)
	}
	line.Valid = len(line.Problems) == 0
	return line
}

// messages are what consumers hold events of a type to; a schema that cannot be
// used is for check to say.
func (t *tailing) messages(on *contract.Channel, kind string) []*hold.Message {
	var all []*hold.Message
	for _, m := range on.Messages {
		if m.Envelope.Type != kind {
			continue
		}
		held, ok := t.held[m]
		if !ok {
			held, _ = hold.MessageOf(t.contract, m, hold.Reader)
			if t.held == nil {
				t.held = map[*contract.Message]*hold.Message{}
			}
			t.held[m] = held
		}
		if held != nil {
			all = append(all, held)
		}
	}
	return all
}

// refusals are what a consumer of this contract would refuse an event for; none
// where one of the messages of its type takes it.
func (t *tailing) refusals(on *contract.Channel, e *event.Event) []problem {
	var least []problem
	for _, m := range t.messages(on, e.Type) {
		found := m.Problems(e)
		if len(found) == 0 {
			return nil
		}
		if least == nil || len(found) < len(least) {
			least = nil
			for _, one := range found {
				least = append(least, problem(one))
			}
		}
	}
	return least
}

// avro holds data in Avro's binary encoding to its schema, and makes JSON of it.
func (t *tailing) avro(m *contract.Message, e *event.Event) []problem {
	s := t.schemas[m]
	if s == nil {
		var err error
		if s, err = schema.NewCompiler(t.contract.Document().Schema).Compile(m.Payload.Node(), m.Payload.Dialect); err != nil {
			return nil // check says so
		}
		if t.schemas == nil {
			t.schemas = map[*contract.Message]*schema.Schema{}
		}
		t.schemas[m] = s
	}
	text, err := s.DecodeAvro(e.Data)
	if err != nil {
		return []problem{{"event-data", "/data", err.Error()}}
	}
	e.Data, e.DataContentType = text, "application/json"
	return nil
}

func messageOf(ch *contract.Channel, kind string) *contract.Message {
	for _, m := range ch.Messages {
		if m.Envelope.Type == kind {
			return m
		}
	}
	return nil
}

// maxShown is how many bytes of what is no event are shown to a person.
const maxShown = 200

func (t *tailing) show(line *tailed) error {
	if t.format == "json" {
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.env.Stdout, "%s\n", b)
		return err
	}
	paint := func(code, s string) string {
		if s = diag.Visible(s); !t.color { // what came may be hostile
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	var b strings.Builder
	at := line.at
	if at.IsZero() {
		at = t.env.Now()
	}
	b.WriteString(paint("2", at.Local().Format("15:04:05.000")) + " ")
	mark := paint("32", "valid")
	if !line.Valid {
		mark = paint("31", "INVALID")
	}
	if e := line.event; e != nil {
		b.WriteString(mark + " " + paint("1", e.Type))
		if e.Subject != "" {
			b.WriteString(" " + diag.Visible(e.Subject))
		}
		b.WriteString(" " + paint("2", e.ID+" from "+e.Source+" on "+line.Channel))
		if !t.quiet && len(e.Data) > 0 {
			b.WriteString("\n  " + shown(e.Data))
		}
	} else {
		b.WriteString(mark + " no event on " + diag.Visible(line.Channel))
		if !t.quiet {
			b.WriteString("\n  " + shown(line.bytes))
		}
	}
	for _, p := range line.Problems {
		where := ""
		if p.Pointer != "" {
			where = p.Pointer + ": "
		}
		b.WriteString("\n  " + paint("31", where+p.Message) + " [" + p.Rule + "]")
	}
	_, err := fmt.Fprintln(t.env.Stdout, b.String())
	return err
}

// shown is data for a person.
func shown(data []byte) string {
	if !utf8.Valid(data) {
		return fmt.Sprintf("%d bytes that are no text: %x", len(data), data[:min(len(data), 32)])
	}
	s := strings.Join(strings.Fields(diag.Visible(string(data))), " ")
	if len(s) > maxShown {
		cut := maxShown
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}
