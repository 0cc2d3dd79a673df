package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/hold"
	"github.com/treaty-events/treaty/internal/topology"
	"github.com/treaty-events/treaty/schema"
)

// source is what plays the events of one message of a contract.
type source struct {
	document *Document
	stead    bool // in the place of a sender who is not here
	message  *contract.Message
	at       broker.Channel
	producer *treaty.Producer
	reads    *hold.Contract // as consumers do

	subject  string // the field of the data that the subject is, "" for none
	subjects []string
	apart    string // the field of the data that the id is, "" for none
	extra    []extra
	samples  []sample
	misses   [][]byte // the producer refuses them
	invalid  [][]byte // and consumers as well

	published int64 // under the lock of Dev
}

// sample is data whose field that the subject is stands between the two parts.
type sample struct{ before, after []byte }

// extra is an attribute that the contract demands, and values of it.
type extra struct {
	name   string
	values []string
}

// Pools are made at the start, so that publishing is no work.
const (
	poolSamples  = 24
	poolMisses   = 12
	poolSubjects = 50
)

// parameters fills in what addresses leave open.
func parameters(c *contract.Contract, given map[string]string) map[string]string {
	all := map[string]string{}
	for _, ch := range c.Channels {
		for _, p := range ch.Parameters {
			switch {
			case given[p.Name] != "":
				all[p.Name] = given[p.Name]
			case p.Default != "":
			case len(p.Enum) > 0:
				all[p.Name] = p.Enum[0]
			default:
				all[p.Name] = slug(p.Name)
			}
		}
	}
	return all
}

// slug is a text as a name.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return ' '
	}, s)
	if s = strings.Join(strings.Fields(s), "-"); s == "" {
		return "consumer"
	}
	return s
}

// plan finds what a document sends; in the sender's place, what it receives and
// nobody sends.
func (d *Dev) plan(doc *Document, stead bool, sent map[string]bool) error {
	c := doc.Contract
	params := parameters(c, d.options.Params)
	var messages []*contract.Message
	action := contract.Send
	if stead {
		action = contract.Receive
	}
	for _, op := range c.Operations {
		if op.Action == action && op.Channel != nil {
			messages = append(messages, op.Messages...)
		}
	}
	if len(c.Operations) == 0 && !stead {
		for _, ch := range c.Channels {
			messages = append(messages, ch.Messages...)
		}
	}
	var sources []*source
	channels := map[string][]string{} // of each type
	mine := map[string]bool{}
	for _, m := range messages {
		kind, ch := m.Envelope.Type, m.Channel
		if slices.Contains(channels[kind], ch.Name) {
			continue
		}
		switch {
		case !ch.HasAddress || ch.Address == "":
			d.note("%s on %s: the channel has no address", kind, ch.Name)
			continue
		case m.Envelope.Mode == contract.NoEnvelope, m.Envelope.Mode == contract.Batch:
			d.note("%s: it is no CloudEvent by itself", kind)
			continue
		}
		at, err := topology.Channel(ch, params)
		if err != nil {
			return err
		}
		if stead && sent[at.Address] {
			continue
		}
		mine[at.Address] = true
		channels[kind] = append(channels[kind], ch.Name)
		sources = append(sources, &source{document: doc, stead: stead, message: m, at: at})
	}
	for address := range mine {
		sent[address] = true
	}
	if len(sources) == 0 {
		return nil
	}
	reads, err := hold.Of(c, hold.Reader)
	if err != nil {
		return err
	}
	producers := map[string]*treaty.Producer{} // by the channel's name, "" where that need not be said
	for _, s := range sources {
		name := ""
		if len(channels[s.message.Envelope.Type]) > 1 {
			name = s.message.Channel.Name
		}
		if producers[name] == nil {
			options := []treaty.ProducerOption{treaty.Params(params), treaty.Declare(), treaty.Logger(slog.New(complaints{d}))}
			if stead {
				options = append(options, treaty.AsPeer())
			}
			if name != "" {
				options = append(options, treaty.OnChannel(name))
			}
			if producers[name], err = treaty.NewProducer(c, d.broker, options...); err != nil {
				return err
			}
		}
		s.producer, s.reads = producers[name], reads
	}
	d.sources = append(d.sources, sources...)
	return nil
}

func (d *Dev) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...)+", so it is not played")
}

// fill makes the pools of all sources, and drops those that have nothing to
// play.
func (d *Dev) fill() error {
	raw := make([][][]byte, len(d.sources))
	errs := make([]error, len(d.sources))
	var all sync.WaitGroup
	room := make(chan bool, runtime.GOMAXPROCS(0))
	for i, s := range d.sources {
		all.Go(func() {
			room <- true
			defer func() { <-room }()
			raw[i], errs[i] = s.sample(d.options.Seed, d.options.Faults > 0)
		})
	}
	all.Wait()
	d.correlate(raw)
	var kept []*source
	for i, s := range d.sources {
		err := errs[i]
		if err == nil {
			err = s.fill(raw[i])
		}
		if err != nil {
			d.note("%s on %s: %v", s.message.Envelope.Type, s.message.Channel.Name, err)
			continue
		}
		kept = append(kept, s)
	}
	d.sources = kept
	return nil
}

// sample makes values of the payload, and near misses of it.
func (s *source) sample(seed uint64, faults bool) ([][]byte, error) {
	m := s.message
	compiler := schema.NewCompiler(s.document.Contract.Document().Schema)
	for _, a := range m.Envelope.Attributes {
		if !isExtension(a.Name) || !a.Required || a.Const != "" || m.Headers == nil || m.Envelope.PayloadIsEnvelope || m.Envelope.Mode != contract.Binary && a.Name != a.Spelling {
			continue
		}
		if of, err := compiler.Compile(a.Node(), m.Headers.Dialect); err == nil {
			values, err := of.Sample(seed, poolSamples)
			if err != nil {
				return nil, fmt.Errorf("no sample of its attribute %s can be made (%w)", a.Name, err)
			}
			e := extra{name: a.Name}
			for _, v := range values {
				e.values = append(e.values, text(v))
			}
			s.extra = append(s.extra, e)
		}
	}
	if m.Payload == nil {
		return [][]byte{[]byte("{}")}, nil
	}
	if !m.Payload.Dialect.IsJSONSchema() && m.Payload.Dialect != schema.Avro {
		return nil, fmt.Errorf("no samples are made of its schema (%s)", m.Payload.Format)
	}
	of, err := compiler.Compile(m.Payload.Node(), m.Payload.Dialect)
	if err != nil {
		return nil, err
	}
	values, err := of.Sample(seed, poolSamples)
	if err == nil && len(values) == 0 {
		err = errors.New("no sample of it was found")
	}
	if err != nil || !faults || m.Envelope.PayloadIsEnvelope {
		return values, err
	}
	misses, err := of.Misses(seed, poolMisses)
	if err == nil {
		for _, one := range misses {
			s.misses = append(s.misses, one.Value)
		}
	}
	return values, nil
}

// text is a JSON value as an attribute.
func text(v []byte) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// correlate finds, for the messages of each channel, the field of the data that
// the subject is, and subjects.
func (d *Dev) correlate(raw [][][]byte) {
	done := map[*contract.Channel]bool{}
	for _, first := range d.sources {
		ch := first.message.Channel
		if done[ch] {
			continue
		}
		done[ch] = true
		var samples [][]byte
		for i, s := range d.sources {
			if s.message.Channel == ch && !s.message.Envelope.PayloadIsEnvelope {
				samples = append(samples, raw[i]...)
			}
		}
		field := subjectField(ch, samples)
		var subjects []string
		for _, one := range samples {
			if from, to, ok := find(one, field); ok && len(subjects) < poolSubjects {
				if v := text(one[from:to]); v != "" && !slices.Contains(subjects, v) {
					subjects = append(subjects, v)
				}
			}
		}
		for i := 1; len(subjects) < poolSubjects && (field == "" || len(subjects) == 0); i++ {
			subjects = append(subjects, fmt.Sprintf("%s-%d", slug(ch.Name), i))
		}
		for i, s := range d.sources {
			if s.message.Channel == ch {
				d.sources[i].subject, d.sources[i].subjects = field, subjects
			}
		}
	}
}

// subjectField is the top field of the data that is the subject of the events of
// a channel, or what they are ordered by: the one that the contract names; else a
// text that all have, whose name is that of an id of what the channel is about; ""
// for none.
func subjectField(ch *contract.Channel, samples [][]byte) string {
	if d := ch.Delivery; d != nil && d.Ordering != nil && strings.HasPrefix(d.Ordering.Key, "/") {
		field, ok := strings.CutPrefix(d.Ordering.Key, "/data/")
		if !ok || strings.ContainsAny(field, "/~") {
			return ""
		}
		return field
	}
	about := strings.ToLower(ch.Name + " " + ch.Address)
	for _, m := range ch.Messages {
		about += " " + strings.ToLower(m.Envelope.Type)
	}
	var ids []string
	for i, one := range samples {
		var fields map[string]json.RawMessage
		if json.Unmarshal(one, &fields) != nil {
			return ""
		}
		var here []string
		for name, v := range fields {
			if stem, ok := idOf(name); ok && len(v) > 0 && v[0] == '"' && (stem == "" || strings.Contains(about, stem)) {
				here = append(here, name)
			}
		}
		if i == 0 {
			ids = here
		}
		ids = slices.DeleteFunc(ids, func(name string) bool { return !slices.Contains(here, name) })
	}
	slices.SortFunc(ids, func(a, b string) int { return len(a) - len(b) })
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// idOf is whether a name is that of an id, and of what.
func idOf(name string) (string, bool) {
	lower := strings.ToLower(name)
	for _, end := range []string{"_id", "-id", "id"} {
		if stem, ok := strings.CutSuffix(lower, end); ok && (end != "id" || stem == "" || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")) {
			return stem, true
		}
	}
	return "", false
}

// find is where the value of a top field stands in a JSON object.
func find(object []byte, field string) (from, to int, ok bool) {
	if field == "" {
		return 0, 0, false
	}
	in := json.NewDecoder(bytes.NewReader(object))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return 0, 0, false
	}
	for in.More() {
		name, err := in.Token()
		var value json.RawMessage
		if err != nil || in.Decode(&value) != nil {
			return 0, 0, false
		}
		if name == field {
			to := int(in.InputOffset())
			return to - len(value), to, true
		}
	}
	return 0, 0, false
}

// fill makes the pools of what the producer takes, and of what it refuses.
func (s *source) fill(raw [][]byte) error {
	r := rand.New(rand.NewPCG(1, 1))
	for _, field := range s.textsBy() {
		// Where the field may be any text it is the event's id, which sets events apart.
		s.apart = field
		if !slices.ContainsFunc(raw, func(one []byte) bool {
			e, err := s.event(r, sample{one, nil})
			return err == nil && bytes.Contains(e.Data, []byte(e.ID)) && s.producer.Check(e) == nil
		}) {
			s.apart = ""
			continue
		}
		break
	}
	var why error
	for _, one := range raw {
		parts := sample{one, nil}
		if from, to, ok := find(one, s.subject); ok && !s.message.Envelope.PayloadIsEnvelope {
			parts = sample{one[:from:from], one[to:]}
			if e, err := s.event(r, parts); err != nil || s.producer.Check(e) != nil {
				parts = sample{one, nil} // the subject is no value of the field
			}
		}
		e, err := s.event(r, parts)
		if err == nil {
			err = s.producer.Check(e)
		}
		if err != nil {
			why = err
			continue
		}
		s.samples = append(s.samples, parts)
	}
	if len(s.samples) == 0 {
		return fmt.Errorf("samples of it are not what the contract allows (%s)", reason(why))
	}
	if by := s.fewBy(); len(by) > 0 {
		return fmt.Errorf("events are known again by %s, of which samples have too few values", strings.Join(by, " and "))
	}
	refused := s.misses
	s.misses = nil
	for _, one := range refused {
		e, err := s.event(r, sample{one, nil})
		var invalid *treaty.InvalidError
		if err != nil || !errors.As(s.producer.Check(e), &invalid) {
			continue // the policy allows it
		}
		s.misses = append(s.misses, one)
		if len(s.reads.Check(s.message.Channel, e)) > 0 {
			s.invalid = append(s.invalid, one)
		}
	}
	return nil
}

// textsBy are the top fields of JSON data that the contract has events known again by.
func (s *source) textsBy() []string {
	m := s.message
	d := m.Channel.Delivery
	if d == nil || d.Dedupe == nil || m.Envelope.PayloadIsEnvelope || m.Payload == nil || !m.Payload.Dialect.IsJSONSchema() {
		return nil
	}
	var all []string
	for _, name := range d.Dedupe.By {
		if field, ok := strings.CutPrefix(name, "/data/"); ok && field != s.subject && !strings.ContainsAny(field, "/~") {
			all = append(all, field)
		}
	}
	return all
}

// fewBy is what the contract has events known again by, where events that are played
// are not set apart by it: they would be collisions.
func (s *source) fewBy() []string {
	m := s.message
	d := m.Channel.Delivery
	if d == nil || d.Dedupe == nil {
		return nil
	}
	for _, name := range d.Dedupe.By {
		sampled := slices.ContainsFunc(s.extra, func(x extra) bool { return x.name == name })
		a := m.Envelope.Attribute(name)
		if name == "id" || name == "time" || s.apart != "" && name == "/data/"+s.apart || isExtension(name) && !sampled && !m.Envelope.PayloadIsEnvelope && (a == nil || a.Const == "") {
			return nil
		}
	}
	return d.Dedupe.By
}

// event makes an event of a sample.
func (s *source) event(r *rand.Rand, of sample) (*treaty.Event, error) {
	m := s.message
	subject := s.subjects[r.IntN(len(s.subjects))]
	data := of.before
	if of.after != nil {
		quoted, err := json.Marshal(subject)
		if err != nil {
			return nil, err
		}
		data = append(append(of.before, quoted...), of.after...) // before has no room behind: it is copied
	}
	e, err := s.producer.New(m.Envelope.Type, subject, data)
	if err != nil {
		return nil, err
	}
	if m.Envelope.PayloadIsEnvelope {
		whole, err := event.DecodeJSON(data)
		if err != nil {
			return nil, err
		}
		whole.ID, whole.Type, whole.Time = e.ID, e.Type, e.Time
		o := m.Channel.Delivery
		if whole.Subject != "" || o != nil && o.Ordering != nil && (o.Ordering.Key == "" || o.Ordering.Key == "subject") {
			whole.Subject = e.Subject
		}
		return whole, nil
	}
	if e.Source == "" {
		e.Source = "/treaty/dev"
	}
	if m.Payload != nil && m.Payload.Dialect.IsJSONSchema() {
		if e.Data, err = hold.Data(e.DataContentType, data); err != nil {
			return nil, err
		}
	}
	if m.Payload != nil && m.Payload.Dialect == schema.Avro && !event.IsJSON(e.DataContentType) {
		of, err := schema.NewCompiler(s.document.Contract.Document().Schema).Compile(m.Payload.Node(), m.Payload.Dialect)
		if err == nil {
			e.Data, err = of.EncodeAvro(data)
		}
		if err != nil {
			return nil, err
		}
	}
	if from, to, ok := find(e.Data, s.apart); ok && event.IsJSON(e.DataContentType) && e.Data[from] == '"' {
		quoted, err := json.Marshal(e.ID)
		if err != nil {
			return nil, err
		}
		e.Data = slices.Concat(e.Data[:from], quoted, e.Data[to:])
	}
	for _, x := range s.extra {
		e.Extensions.Set(x.name, event.TextValue(x.values[r.IntN(len(x.values))]))
	}
	if d := m.Channel.Delivery; d != nil {
		if d.Ordering != nil && d.Ordering.Scope == "key" && isExtension(d.Ordering.Key) {
			e.Extensions.Set(d.Ordering.Key, event.TextValue(subject))
		}
		if d.Dedupe != nil {
			for _, name := range d.Dedupe.By {
				if _, has := e.Extensions.Get(name); !has && isExtension(name) {
					e.Extensions.Set(name, event.TextValue(e.ID))
				}
			}
		}
	}
	return e, nil
}

// isExtension is whether what a contract names a key by is an attribute that
// CloudEvents does not have of itself.
func isExtension(name string) bool {
	switch name {
	case "", "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data":
		return false
	}
	return name[0] != '/'
}

// batch is how many events are published at a time, where nobody waits.
const batch = 500

// ahead is how many outcomes may be owed until no more is published.
const ahead = 100_000

// pace is how often events are published at a rate.
const pace = 50 * time.Millisecond

// publish publishes events until the context ends, or there were as many as were
// asked for.
func (d *Dev) publish(ctx context.Context) error {
	// A round that has begun is finished: what is cut off in the middle has been
	// sent, and nobody knows how much of it.
	round, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(leave, cut) })()
	began, total := time.Now(), 0
	for ctx.Err() == nil && (d.options.Events == 0 || total < d.options.Events) {
		n := batch
		if d.options.Rate > 0 {
			due := int(time.Since(began).Seconds()*d.options.Rate) + 1
			n = min(n, due-total)
		}
		if d.options.Events > 0 {
			n = min(n, d.options.Events-total)
		}
		d.mu.Lock()
		full := d.open > ahead
		d.mu.Unlock()
		if n <= 0 || full {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pace):
			}
			continue
		}
		if err := d.round(round, n); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		total += n
	}
	return nil
}

// lot is what goes to one channel in a round.
type lot struct {
	at     broker.Channel
	events []*treaty.Event
	of     []*source
	past   []broker.Message // the producer: second copies, and invalid events
}

// round publishes n events, and what faults come with them.
func (d *Dev) round(ctx context.Context, n int) error {
	lots := map[*treaty.Producer]map[string]*lot{}
	var order []*lot
	lotOf := func(s *source) *lot {
		if lots[s.producer] == nil {
			lots[s.producer] = map[string]*lot{}
		}
		l := lots[s.producer][s.at.Address]
		if l == nil {
			l = &lot{at: s.at}
			lots[s.producer][s.at.Address] = l
			order = append(order, l)
		}
		return l
	}
	var refused int64
	for range n {
		s := d.sources[d.choose.IntN(len(d.sources))]
		e, err := s.event(d.choose, s.samples[d.choose.IntN(len(s.samples))])
		if err != nil {
			return err
		}
		l := lotOf(s)
		l.events, l.of = append(l.events, e), append(l.of, s)
		copies := 1
		if d.options.Faults > 0 {
			if d.choose.Float64() < d.options.Faults {
				copies = 2
				if err := d.past(l, s, e); err != nil {
					return err
				}
			}
			if d.choose.Float64() < d.options.Faults && len(s.misses) > 0 {
				miss, err := s.event(d.choose, sample{s.misses[d.choose.IntN(len(s.misses))], nil})
				if err != nil {
					return err
				}
				var invalid *treaty.InvalidError
				if err := s.producer.PublishEvents(ctx, miss); !errors.As(err, &invalid) {
					return fmt.Errorf("the producer did not refuse an invalid event: %v", err)
				}
				refused++
			}
		}
		d.register(s, e, copies, false)
		if d.options.Faults > 0 && d.choose.Float64() < d.options.Faults/5 && len(s.invalid) > 0 {
			wrong, err := s.event(d.choose, sample{s.invalid[d.choose.IntN(len(s.invalid))], nil})
			if err != nil {
				return err
			}
			if err := d.past(l, s, wrong); err != nil {
				return err
			}
			d.register(s, wrong, 1, true)
		}
	}
	d.mu.Lock()
	d.sent.Rejected += refused
	d.mu.Unlock()
	for _, l := range order {
		if err := l.of[0].producer.PublishEvents(ctx, l.events...); err != nil {
			return err
		}
		d.mu.Lock()
		d.sent.Published += int64(len(l.events))
		for _, s := range l.of {
			s.published++
		}
		d.mu.Unlock()
		if len(l.past) > 0 {
			if err := d.broker.Publish(ctx, l.at, l.past...); err != nil {
				return err
			}
		}
	}
	return nil
}

// past has an event published past the producer. It has no identity that the
// broker could know it by: consumers are to.
func (d *Dev) past(l *lot, s *source, e *treaty.Event) error {
	var m broker.Message
	if err := topology.Encode(d.broker.Binding(), &m.Message, e, s.message, false); err != nil {
		return err
	}
	m.Key, _ = topology.Key(s.message.Channel, e)
	l.past = append(l.past, m)
	return nil
}

// register notes an event before it is published.
func (d *Dev) register(s *source, e *treaty.Event, copies int, invalid bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number++
	r := &record{source: s, number: d.number, left: make([]int, len(d.groups)), handled: make([]bool, len(d.groups)), invalid: invalid}
	for i, g := range d.groups {
		if slices.ContainsFunc(g.channels, func(at broker.Channel) bool { return at.Address == s.at.Address }) {
			r.left[i] = copies
			d.open += copies
		}
	}
	d.records[e.ID] = r
	d.sent.Twice += int64(copies - 1)
	if invalid {
		d.sent.Invalid++
	}
}
