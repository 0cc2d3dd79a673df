package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/schema"
)

type publishFlags struct {
	brokerFlags
	kind, subject, source, id string
	data, event               string
	attributes                []string
	samples                   int
	seed                      uint64
	timeout                   time.Duration
}

func publishCommand(a *app) *cobra.Command {
	var flags publishFlags
	cmd := &cobra.Command{
		Use:   "publish --broker URL CONTRACT",
		Short: "Send an event that the contract allows",
		Long: `Send an event to a broker, held to the contract: what it does not allow is not sent.

The event is given whole (--event, as CloudEvents JSON: one, a batch or JSON lines),
as data (--data), whose envelope is filled in, or made up (--sample). It goes to the
channel that carries its type, in the mode that the contract says, with the key that
the channel is ordered by, and is acknowledged by the broker before this returns.

Credentials and TLS are parameters of the URL, or come from TREATY_BROKER_USER,
TREATY_BROKER_PASSWORD and TREATY_BROKER_TOKEN.

The exit code is 0 where everything was sent, 1 where something was rejected and
2 where treaty could not run, as when the broker cannot be reached, or the output
not be written: then the error says what was sent all the same.`,
		Example: `  treaty publish --broker embedded:./events orders.asyncapi.yaml --type orders.paid.v1 --subject ord_1 --data paid.json
  treaty publish --broker kafka://127.0.0.1:9092 orders.asyncapi.yaml --event event.json
  treaty publish --broker nats://127.0.0.1 orders.asyncapi.yaml --sample 10`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.publish(cmd.Context(), args, flags) },
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.kind, "type", "", "the event `TYPE`, such as orders.paid.v1; not needed where the contract has one")
	cmd.Flags().StringVar(&flags.subject, "subject", "", "the event's `SUBJECT`")
	cmd.Flags().StringVar(&flags.source, "source", "", "the event's `SOURCE`; otherwise what the contract says, or treaty")
	cmd.Flags().StringVar(&flags.id, "id", "", "the event's `ID`; otherwise a new one")
	cmd.Flags().StringArrayVar(&flags.attributes, "attribute", nil, "an extension attribute, as `NAME=VALUE`")
	cmd.Flags().StringVar(&flags.data, "data", "", "the `FILE` with the event's data (- for the standard input)")
	cmd.Flags().StringVar(&flags.event, "event", "", "the `FILE` with whole events (- for the standard input)")
	cmd.Flags().IntVar(&flags.samples, "sample", 0, "send `N` events that are made up from the schema")
	cmd.Flags().Uint64Var(&flags.seed, "seed", 0, "the `SEED` of --sample; the same makes the same data")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 30*time.Second, "how `LONG` publishing may take")
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json")
	return cmd
}

// published is an event that was sent.
type published struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Channel string `json:"channel"`
}

func (a *app) publish(ctx context.Context, args []string, flags publishFlags) error {
	given := 0
	for _, set := range []bool{flags.data != "", flags.event != "", flags.samples > 0} {
		if set {
			given++
		}
	}
	switch {
	case flags.timeout <= 0:
		return fmt.Errorf("--timeout %s is no time to publish in; leave it out, or write one such as 30s", flags.timeout)
	case flags.samples < 0:
		return fmt.Errorf("--sample %d is no number of events", flags.samples)
	case given != 1:
		return errors.New("say what to send: one of --data FILE, --event FILE and --sample N")
	case flags.event != "" && (flags.subject != "" || flags.source != "" || flags.id != "" || len(flags.attributes) > 0 || flags.kind != ""):
		return errors.New("a whole event is sent as given; leave out --type, --subject, --source, --id and --attribute")
	case flags.id != "" && flags.samples > 1:
		return errors.New("--id goes with one event; leave it out, or --sample 1")
	}
	if err := flags.kept(); err != nil {
		return err
	}
	params, err := flags.parameters()
	if err != nil {
		return err
	}
	c, err := a.contractOf(ctx, args)
	if err != nil {
		return err
	}
	p := &publishing{app: a, contract: c, flags: flags, params: params, checker: check.NewEventCheck([]*contract.Contract{c}, a.limits.Limits)}
	p.Published, p.Rejected = []published{}, []problem{}
	events, err := p.events()
	if err != nil {
		return err
	}
	if err := p.hold(events); err != nil {
		return err
	}
	if len(p.ready) > 0 {
		ctx, cancel := context.WithTimeout(ctx, flags.timeout)
		defer cancel()
		if err := p.send(ctx); err != nil {
			return errors.Join(err, p.print())
		}
	}
	if err := p.print(); err != nil {
		return err
	}
	if len(p.Rejected) > 0 {
		return findings{}
	}
	return nil
}

// publishing is one run of publish.
type publishing struct {
	*app
	contract *contract.Contract
	flags    publishFlags
	params   map[string]string
	checker  *check.EventCheck
	ready    []outgoing
	held     map[*contract.Message]*hold.Message

	Published []published `json:"published"`
	Rejected  []problem   `json:"rejected"`
}

// outgoing is an event that the contract allows.
type outgoing struct {
	event   *event.Event
	message *contract.Message
	key     string
}

func (p *publishing) reject(rule, pointer, format string, args ...any) {
	p.Rejected = append(p.Rejected, problem{rule, pointer, fmt.Sprintf(format, args...)})
}

// candidate is an event to be held to the contract.
type candidate struct {
	event *event.Event // nil where it could not be read
	text  []byte       // as CloudEvents JSON
	name  string
}

// events makes or reads what is to be sent.
func (p *publishing) events() ([]candidate, error) {
	if p.flags.event != "" {
		return p.whole()
	}
	m, err := p.message()
	if err != nil {
		return nil, err
	}
	var data [][]byte
	var s *schema.Schema // of the samples
	if p.flags.samples > 0 {
		if m.Payload == nil {
			return nil, fmt.Errorf("%s has no payload schema to make samples from; give --data", m.Envelope.Type)
		}
		if s, err = schema.NewCompiler(p.contract.Document().Schema).Compile(m.Payload.Node(), m.Payload.Dialect); err != nil {
			return nil, fmt.Errorf("the schema of %s cannot be used: %w; treaty check says more", m.Envelope.Type, err)
		}
		if m.Envelope.PayloadIsEnvelope {
			return nil, fmt.Errorf("the schema of %s describes the whole event, of which no samples are made; give --event", m.Envelope.Type)
		}
		if data, err = s.Sample(p.flags.seed, p.flags.samples); err != nil {
			return nil, fmt.Errorf("no sample of %s: %w", m.Envelope.Type, err)
		}
		if len(data) == 0 {
			return nil, fmt.Errorf("no sample of %s could be made; give --data", m.Envelope.Type)
		}
		for i := 0; len(data) < p.flags.samples; i++ { // a schema with few values
			data = append(data, data[i])
		}
	} else {
		text, err := p.readFile(p.flags.data, "--data")
		if err != nil {
			return nil, err
		}
		data = [][]byte{text}
	}
	var all []candidate
	for i, d := range data {
		e, err := p.envelope(m, d, i)
		if err != nil {
			return nil, err
		}
		switch {
		case s == nil:
		case m.Payload.Dialect != schema.Avro:
			e.Data, err = hold.Data(e.DataContentType, d)
		case !event.IsJSON(e.DataContentType):
			e.Data, err = s.EncodeAvro(d)
		}
		if err != nil {
			return nil, fmt.Errorf("no sample of %s: %w", m.Envelope.Type, err)
		}
		text, err := e.AppendJSON(nil)
		name := "the event"
		if len(data) > 1 {
			name = fmt.Sprintf("sample %d", i+1)
		}
		if err != nil {
			p.reject(malformed, "", "%v", err)
			continue
		}
		all = append(all, candidate{e, text, name})
	}
	return all, nil
}

func (p *publishing) readFile(name, flag string) ([]byte, error) {
	if name == "-" {
		return p.readAll(p.env.Stdin, "the standard input")
	}
	if isStream(name) {
		return p.readStream(name, "the standard input")
	}
	text, err := os.ReadFile(p.absolute(name))
	if err != nil {
		return nil, unread(flag, name, p.absolute(name), err)
	}
	return text, nil
}

// whole reads whole events: one, a batch, or JSON lines.
func (p *publishing) whole() ([]candidate, error) {
	text, err := p.readFile(p.flags.event, "--event")
	if err != nil {
		return nil, err
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(text, &texts); err != nil {
		texts = nil
		d := json.NewDecoder(strings.NewReader(string(text)))
		for {
			var one json.RawMessage
			err := d.Decode(&one)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				name := p.flags.event
				if name == "-" {
					name = "the standard input"
				}
				p.reject(malformed, "", "%s is no JSON: %v", name, err)
				return nil, nil
			}
			texts = append(texts, one)
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("--event %s has no event", p.flags.event)
	}
	var all []candidate
	for i, t := range texts {
		name := "the event"
		if len(texts) > 1 {
			name = fmt.Sprintf("event %d", i+1)
		}
		e, err := event.DecodeJSON(t)
		if err != nil {
			e = nil
		}
		all = append(all, candidate{e, t, name})
		if err != nil && len(faults(p.checker, t, name, nil)) == 0 {
			p.reject(malformed, "", "%v", err)
		}
	}
	return all, nil
}

// message is the message that --type and --channel name.
func (p *publishing) message() (*contract.Message, error) {
	var types []string
	var found []*contract.Message
	for _, t := range p.contract.EventTypes {
		types = append(types, t.Type)
		if p.flags.kind != "" && t.Type != p.flags.kind {
			continue
		}
		found = append(found, t.Messages...)
	}
	if p.flags.on != "" {
		ch, err := channelNamed(p.contract, p.flags.on)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(m *contract.Message) bool { return m.Channel != ch })
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && p.flags.kind != "" && !slices.Contains(types, p.flags.kind):
		return nil, fmt.Errorf("--type %s: the contract has no such event type; %s", p.flags.kind, near(p.flags.kind, types))
	case len(found) == 0:
		return nil, fmt.Errorf("the channel %s does not carry %s; leave out --channel, or --type", p.flags.on, p.flags.kind)
	case p.flags.kind == "":
		return nil, fmt.Errorf("the contract has %d event types; name one with --type: %s", len(types), strings.Join(types, ", "))
	}
	var channels []string
	for _, m := range found {
		channels = append(channels, m.Channel.Name)
	}
	return nil, fmt.Errorf("%s is on %d channels; name one with --channel: %s", p.flags.kind, len(found), strings.Join(channels, ", "))
}

// envelope is the event around data: what the flags say, else what the contract
// does, else what has to be there.
func (p *publishing) envelope(m *contract.Message, data []byte, n int) (*event.Event, error) {
	e := &event.Event{ID: p.flags.id, Type: m.Envelope.Type, Source: p.flags.source, Subject: p.flags.subject, Time: p.env.Now().UTC(), DataContentType: "application/json", Data: data}
	if e.ID == "" {
		id, err := ulid.New(ulid.Timestamp(e.Time), rand.Reader)
		if err != nil {
			return nil, err
		}
		e.ID = id.String()
	}
	constant := map[string]event.Value{}
	for i := range m.Envelope.Attributes {
		a := &m.Envelope.Attributes[i]
		if v, ok := p.constantOf(a); ok && (m.Envelope.Mode == contract.Binary || a.Name == a.Spelling) {
			constant[a.Name] = v
		}
	}
	if t := m.Payload; t != nil && m.Envelope.Mode == contract.Binary && m.ContentType != "" {
		e.DataContentType = m.ContentType
	}
	if only := constant["datacontenttype"].String(); only != "" {
		e.DataContentType = only
	}
	if e.Source == "" {
		e.Source = m.Envelope.Source
	}
	if e.Source == "" {
		e.Source = constant["source"].String()
	}
	if e.Source == "" {
		e.Source = "treaty"
	}
	e.DataSchema = constant["dataschema"].String()
	if e.Subject == "" {
		e.Subject = constant["subject"].String()
	}
	if e.Subject == "" && p.flags.samples > 0 {
		e.Subject = fmt.Sprintf("sample-%d", n+1)
	}
	for name, v := range constant {
		switch name {
		case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data":
		default:
			e.Extensions.Set(name, v)
		}
	}
	for _, text := range p.flags.attributes {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--attribute %s has no value; write --attribute NAME=VALUE", text)
		}
		e.Extensions.Set(name, p.valueOf(m.Envelope.Attribute(name), value))
	}
	return e, nil
}

// constantOf is the only value that the contract has for an attribute, if it has
// one.
func (p *publishing) constantOf(a *contract.Attribute) (event.Value, bool) {
	n := p.contract.Document().Resolve(a.Node())
	only := n.Get("const")
	if all := n.Get("enum"); only == nil && all.Is(syntax.Sequence) && all.Len() == 1 {
		only = all.Items[0]
	}
	switch {
	case only.Is(syntax.String) && only.Value != "":
		return event.TextValue(only.Value), true
	case only.Is(syntax.Bool):
		return event.BooleanValue(only.IsTrue()), true
	case only.Is(syntax.Number):
		i, err := strconv.ParseInt(only.Value, 10, 32)
		return event.IntegerValue(int32(i)), err == nil
	}
	return event.Value{}, false
}

// valueOf reads a value of an attribute as what the contract says that it is; nil
// is nothing, and what it cannot be is a text, for the contract to reject.
func (p *publishing) valueOf(a *contract.Attribute, text string) event.Value {
	if a != nil {
		n := p.contract.Document().Resolve(a.Node())
		kind := n.Get("type").Str()
		if only, ok := p.constantOf(a); ok && only.String() == text {
			return only
		}
		if i, err := strconv.ParseInt(text, 10, 32); kind == "integer" && err == nil {
			return event.IntegerValue(int32(i))
		}
		if kind == "boolean" && (text == "true" || text == "false") {
			return event.BooleanValue(text == "true")
		}
	}
	return event.TextValue(text)
}

// hold keeps what the contract allows, and notes what it does not.
func (p *publishing) hold(events []candidate) error {
	var on *contract.Channel
	if p.flags.on != "" {
		var err error
		if on, err = channelNamed(p.contract, p.flags.on); err != nil {
			return err
		}
	}
	for _, c := range events {
		found := faults(p.checker, c.text, c.name, on)
		if len(found) > 0 || c.event == nil {
			if len(events) > 1 {
				for i := range found {
					found[i].Message = c.name + ": " + found[i].Message
				}
			}
			p.Rejected = append(p.Rejected, found...)
			continue
		}
		m, err := p.route(c.event, on)
		if err != nil {
			return err
		}
		// What a producer of this contract may send is less than what its schemas take.
		held, err := p.messageOf(m)
		if err != nil {
			return err
		}
		if found := held.Problems(c.event); len(found) > 0 {
			for _, one := range found {
				if len(events) > 1 {
					one.Message = c.name + ": " + one.Message
				}
				p.Rejected = append(p.Rejected, problem(one))
			}
			continue
		}
		key, err := topology.Key(m.Channel, c.event)
		if err == nil {
			err = topology.KnownAgain(m.Channel, c.event)
		}
		if err != nil {
			p.reject(malformed, "", "%s: %v", c.name, err)
			continue
		}
		if d := m.Channel.Delivery; d != nil && d.MaxBytes > 0 && len(c.event.Data) > d.MaxBytes {
			p.reject("event-data", "/data", "%s has %d bytes of data, and the channel %s takes %d", c.name, len(c.event.Data), m.Channel.Name, d.MaxBytes)
			continue
		}
		p.ready = append(p.ready, outgoing{c.event, m, key})
	}
	return nil
}

// messageOf is what holds events to a message, as producers do.
func (p *publishing) messageOf(m *contract.Message) (*hold.Message, error) {
	if have := p.held[m]; have != nil {
		return have, nil
	}
	made, err := hold.MessageOf(p.contract, m, hold.Writer)
	if err != nil {
		return nil, err
	}
	if p.held == nil {
		p.held = map[*contract.Message]*hold.Message{}
	}
	p.held[m] = made
	return made, nil
}

// route finds the message of an event that has been found good.
func (p *publishing) route(e *event.Event, on *contract.Channel) (*contract.Message, error) {
	var found []*contract.Message
	for _, t := range p.contract.EventTypes {
		if t.Type == e.Type {
			for _, m := range t.Messages {
				if on == nil || m.Channel == on {
					found = append(found, m)
				}
			}
		}
	}
	if len(found) > 1 {
		var channels []string
		for _, m := range found {
			channels = append(channels, m.Channel.Name)
		}
		return nil, fmt.Errorf("%s is on %d channels; name one with --channel: %s", e.Type, len(found), strings.Join(channels, ", "))
	}
	return found[0], nil
}

// send opens the broker and sends what is ready.
func (p *publishing) send(ctx context.Context) error {
	b, err := p.open(ctx, &p.flags.brokerFlags)
	if err != nil {
		return err
	}
	defer b.Close()
	return p.sendOn(ctx, b)
}

// sendOn sends what is ready, channel by channel in the order given.
func (p *publishing) sendOn(ctx context.Context, b broker.Broker) error {
	channels := map[*contract.Channel]broker.Channel{}
	for _, o := range p.ready {
		if _, ok := channels[o.message.Channel]; ok {
			continue
		}
		ch, err := topology.Channel(o.message.Channel, p.params)
		if err != nil {
			return err
		}
		channels[o.message.Channel] = ch
	}
	for from := 0; from < len(p.ready); {
		to := from
		var messages []broker.Message
		for ; to < len(p.ready) && p.ready[to].message.Channel == p.ready[from].message.Channel; to++ {
			o := p.ready[to]
			m := broker.Message{Key: o.key, Identity: topology.KnownBy(o.message.Channel.Delivery, o.event, "")}
			if err := topology.Encode(b.Binding(), &m.Message, o.event, o.message, false); err != nil {
				return err
			}
			if d := o.message.Delivery; d != nil {
				m.Expires = d.Expires
			}
			messages = append(messages, m)
		}
		ch := channels[p.ready[from].message.Channel]
		err := b.Publish(ctx, ch, messages...)
		var failed *broker.PublishError
		errors.As(err, &failed)
		for i := range messages {
			if err != nil && failed == nil || failed != nil && slices.ContainsFunc(failed.Failed, func(f broker.Failure) bool { return f.Index == i }) {
				continue
			}
			o := p.ready[from+i]
			p.Published = append(p.Published, published{o.event.ID, o.event.Type, ch.Address})
		}
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("the broker did not acknowledge within %s (--timeout): %w", p.flags.timeout, err)
			}
			return err
		}
		from = to
	}
	return nil
}

// print says what was sent and what was not. Where that cannot be written, the
// error says that events were sent all the same, so that nobody sends them again;
// it is no longer one of a reader who has gone, who would not be told.
func (p *publishing) print() error {
	err := p.write()
	if err != nil && len(p.Published) > 0 {
		return fmt.Errorf("%s published, and the broker has acknowledged that, but the output could not be written: %v; do not send them again", are(len(p.Published), "event"), err)
	}
	return err
}

// are is a number of things that were something.
func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return count(n, what) + " were"
}

func (p *publishing) write() error {
	if p.format == "json" {
		return json.NewEncoder(p.env.Stdout).Encode(p)
	}
	var b strings.Builder
	for _, e := range p.Published {
		if p.quiet {
			break
		}
		fmt.Fprintf(&b, "published %s %s on %s\n", e.Type, e.ID, e.Channel)
	}
	for _, r := range p.Rejected {
		where := ""
		if r.Pointer != "" {
			where = " at " + r.Pointer
		}
		fmt.Fprintf(&b, "rejected%s: %s [%s]\n", where, r.Message, r.Rule)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(p.env.Stdout, b.String())
	return err
}
