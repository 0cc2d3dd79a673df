package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// question is a containment that a law asks for: what is written by one side is
// read by the other.
type question struct {
	law    Law
	newest bool // the new side writes
	who    string
}

// questions are those that a message is under, in a direction.
func (x *comparer) questions(m *contract.Message, channel pairOf[contract.Channel], direction contract.Action) []question {
	policy := m.Compatibility // of the old contract: it judges
	forward := question{Live, true, "C"}
	backward := question{Replay, false, "C"}
	if direction == contract.Receive {
		backward = question{Live, false, "P"}
	}
	var all []question
	switch policy.Mode {
	case "none":
	case "forward":
		all = []question{forward}
	case "backward":
		all = []question{backward}
	case "full":
		all = []question{forward, backward}
	default:
		switch {
		case direction == contract.Receive:
			all = []question{backward}
		case direction == contract.Send:
			all = []question{forward}
			if kept(channel.old) || kept(channel.new) {
				all = append(all, backward)
			}
		default: // nobody says who sends
			all = []question{forward, {Live, false, "P"}}
		}
	}
	return all
}

// kept reports whether events of a channel are read again.
func kept(c *contract.Channel) bool {
	if c == nil || c.Delivery == nil {
		return false
	}
	d := c.Delivery
	return d.Replay != nil || d.Bootstrap != nil && d.Bootstrap.Mode != "none" ||
		d.Retention != nil && d.Retention.Policy != "none" && d.Retention.Policy != "until-consumed" && d.Retention.Policy != ""
}

// half is the payload or the headers of a message.
type half struct {
	name string
	of   func(m *contract.Message) *contract.Schema
}

var (
	payloadPart = half{"payload", func(m *contract.Message) *contract.Schema { return m.Payload }}
	headersPart = half{"headers", func(m *contract.Message) *contract.Schema { return m.Headers }}
)

// compareParts compares payloads or headers of all messages.
func compareParts(p half) func(x *comparer) {
	return func(x *comparer) {
		x.eachMessage(func(old, new *contract.Message, pair *messagePair) {
			if typeChanged(old, new) {
				return // it is another event; that is told by itself
			}
			for _, direction := range pair.directions() {
				x.comparePart(p, old, new, pair, direction)
			}
		})
	}
}

func typeChanged(old, new *contract.Message) bool {
	return old.Envelope.TypeStated && new.Envelope.TypeStated && old.Envelope.Type != new.Envelope.Type
}

func (x *comparer) comparePart(p half, old, new *contract.Message, pair *messagePair, direction contract.Action) {
	before, after := p.of(old), p.of(new)
	if before == nil && after == nil {
		return
	}
	var a, b *syntax.Node
	if before != nil {
		a = before.Node()
	}
	if after != nil {
		b = after.Node()
	}
	declared := x.consumersOf(new, direction)
	if a != nil && b != nil && before.Dialect.IsJSONSchema() != after.Dialect.IsJSONSchema() {
		return // in another language; that is told by itself
	}
	differs := a == nil || b == nil || before.Dialect != after.Dialect || !x.sameSchema(a, b, old.Compatibility.DefaultsApplied)
	if !differs {
		return
	}
	s := subject{message: new, direction: direction}
	what := p.name + " of " + new.Envelope.Type
	spots := x.spots(before, after)
	oldSchema, err := x.compile(x.old, before)
	newSchema, err2 := x.compile(x.new, after)
	if err != nil || err2 != nil || foreign(before) || foreign(after) {
		c := x.report("? C", s, or(a, old.Node()), or(b, new.Node()), "the %s changed, and cannot be compared", what)
		c.Compared, c.Reason, c.Spots = true, undecidable(before, after, err, err2), spots
		c.Advice = []string{"compare the two by hand, and accept the change in treaty.yaml under ignores if it breaks nobody"}
		return
	}
	profile := old.Compatibility.Profile()
	worst := Compatible
	for _, q := range x.questions(old, pair.channel, direction) {
		super, sub := oldSchema, newSchema
		writer, reader := new, old
		if !q.newest {
			super, sub = newSchema, oldSchema
			writer, reader = old, new
		}
		found := schema.Contains(super, sub, profile)
		var broken []string
		if q.newest && len(declared) > 0 {
			broken = x.brokenConsumers(p, declared, oldSchema, newSchema, profile)
		}
		if found.Verdict == schema.Contained && len(broken) == 0 {
			if q.newest && nothingLeft(oldSchema, newSchema) {
				c := x.report("E "+q.who, s, or(a, old.Node()), or(b, new.Node()), "the %s changed, and no event satisfies it any more: nothing can be sent", what)
				c.Law, c.Compared, c.Spots, c.Advice = q.law, true, spots, []string{"mend the schema; treaty check says what contradicts what"}
				worst = Breaking
			}
			continue
		}
		c := x.found(p, found, q, s, writer, reader, old, new, spots)
		if found.Verdict == schema.Contained { // only a declared consumer asks for more
			c.Weight = Breaking
			c.Message = fmt.Sprintf("the %s changed in a way that its contract allows, but a declared consumer does not", what)
		}
		c.Consumers = broken
		if q.newest && len(declared) > 0 && len(broken) == 0 && x.o.AllConsumers && c.Weight == Breaking {
			c.Weight = Risky
			c.Reason += "; none of the declared consumers breaks, and treaty.yaml says that there are no others"
		}
		worst = max(worst, c.Weight)
	}
	if worst == Compatible {
		c := x.report("i", s, or(a, old.Node()), or(b, new.Node()), "the %s changed: %s", what, listOfSpots(spots))
		c.Compared, c.Verdict, c.Spots, c.Advice = true, schema.Contained, spots, nil
		if old.Compatibility.Mode == "none" {
			c.Reason = "the policy of the old contract asks for no compatibility"
			c.Verdict = schema.Undecided
			c.Compared = false
		}
	}
}

// nothingLeft reports whether a schema had values and has none now.
func nothingLeft(old, new *schema.Schema) bool {
	if _, err := new.Sample(1, 1); !errors.Is(err, schema.ErrUnsatisfiable) {
		return false
	}
	_, err := old.Sample(1, 1)
	return err == nil
}

func or(a, b *syntax.Node) *syntax.Node {
	if a != nil {
		return a
	}
	return b
}

func foreign(s *contract.Schema) bool {
	return s != nil && !s.Dialect.IsJSONSchema() && s.Dialect != schema.Avro
}

func undecidable(before, after *contract.Schema, err, err2 error) string {
	for _, s := range []*contract.Schema{before, after} {
		if foreign(s) {
			return "schemas of format " + quoted(s.Format) + " are not compared"
		}
	}
	if err != nil {
		return "the old schema cannot be read: " + err.Error()
	}
	return "the new schema cannot be read: " + err2.Error()
}

// found reports what a question of containment has found.
func (x *comparer) found(p half, found schema.Containment, q question, s subject, writer, reader, old, new *contract.Message, spots []Spot) *Change {
	effect := "E " + q.who
	var message string
	of := "the " + p.name + " of " + new.Envelope.Type
	switch {
	case found.Verdict == schema.Undecided:
		effect = "? " + q.who
		message = of + " changed, and whether that breaks somebody could not be decided"
	case q.newest && q.law == Live:
		message = of + ": producers may send now what consumers of the old contract refuse"
	case q.newest:
		message = of + ": what is sent by the new contract, readers of the old one refuse"
	case q.law == Live:
		message = of + ": what producers of the old contract send is refused now"
	default:
		message = of + ": events that were sent by the old contract, and are kept, new consumers refuse"
	}
	oldAt, newAt := or(nodeOf(p.of(old)), old.Node()), or(nodeOf(p.of(new)), new.Node())
	c := x.report(effect, s, oldAt, newAt, "%s", message)
	c.Law, c.Compared, c.Verdict, c.Reason, c.Spots = q.law, true, found.Verdict, found.Reason, spots
	if at := bestSpot(spots, found.Problem); at >= 0 {
		if span := spots[at].OldSpan; span.File != nil {
			c.Old = span
		}
		if span := spots[at].NewSpan; span.File != nil {
			c.New = span
		}
	}
	if found.Verdict == schema.NotContained {
		c.Witness, c.WitnessAt = x.event(writer, p, found.Witness, found.Problem.Instance)
		c.Reason = atEvent(c.WitnessAt, found)
	}
	c.Advice = x.adviceFor(p, q, found, spots, old, new)
	return c
}

func nodeOf(s *contract.Schema) *syntax.Node {
	if s == nil {
		return nil
	}
	return s.Node()
}

// atEvent is the reason of a refusal with its place in the whole event.
func atEvent(at string, found schema.Containment) string {
	// What the author of the event should do is not what this is about.
	message, _, _ := strings.Cut(found.Problem.Message, "; ")
	if at == "" {
		return message
	}
	return at + ": " + message
}

// bestSpot is the spot that a problem in a value is about: the property that is
// missing, else the deepest at or above it, else the first; -1 for none.
func bestSpot(spots []Spot, problem schema.Problem) int {
	best, depth, instance := -1, -1, problem.Instance
	for i, s := range spots {
		name := s.At[strings.LastIndexByte(s.At, '/')+1:]
		if (s.Keyword == "property" || s.Keyword == "required") && strings.HasPrefix(problem.Message, "property "+quoted(name)+" is required") {
			return i
		}
		if d := covers(s.At, instance); d > depth {
			best, depth = i, d
		}
	}
	if best < 0 && len(spots) > 0 {
		return 0
	}
	return best
}

// covers is how many steps of a pointer a spot goes along, -1 where it goes
// another way.
func covers(at, instance string) int {
	if at == "" {
		return 0
	}
	a, b := strings.Split(at[1:], "/"), strings.Split(strings.TrimPrefix(instance, "/"), "/")
	if len(a) > len(b)+1 {
		return -1
	}
	for i := range a {
		if i < len(b) && a[i] != "*" && a[i] != b[i] {
			return -1
		}
	}
	return len(a)
}

func listOfSpots(spots []Spot) string {
	var parts []string
	for i, s := range spots {
		if i == 4 {
			parts = append(parts, fmt.Sprintf("and %d more", len(spots)-4))
			break
		}
		parts = append(parts, s.String())
	}
	if len(parts) == 0 {
		return "it says the same in other words"
	}
	return strings.Join(parts, "; ")
}

// event makes a whole event of a witness of a part, and tells where in it the
// place is that was in the part.
func (x *comparer) event(m *contract.Message, p half, witness []byte, instance string) ([]byte, string) {
	side := x.new
	if !slices.Contains(x.messagesOf(x.new), m) {
		side = x.old
	}
	other := func(s *contract.Schema) json.RawMessage {
		compiled, err := x.compile(side, s)
		if err != nil || s == nil {
			return nil
		}
		if samples, err := compiled.Sample(1, 1); err == nil {
			return samples[0]
		}
		return nil
	}
	payload, headers := json.RawMessage(witness), json.RawMessage(nil)
	if p.name == "headers" {
		payload, headers = other(m.Payload), witness
	} else {
		headers = other(m.Headers)
	}
	e := m.Envelope
	if e.Mode == contract.NoEnvelope {
		if m.Headers == nil && p.name == "payload" {
			return payload, instance
		}
		w := &eventWriter{}
		w.member("headers", headers)
		w.member("payload", payload)
		return w.bytes(), "/" + p.name + instance
	}
	if e.PayloadIsEnvelope {
		if p.name == "payload" {
			return payload, instance
		}
		w := &eventWriter{}
		w.member("headers", headers)
		w.member("payload", payload)
		return w.bytes(), "/headers" + instance
	}
	// The envelope in the structured form, whatever the mode, since that can be
	// pasted anywhere.
	attributes := map[string]json.RawMessage{}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(headers, &members)
	spelled := map[string]string{}
	for _, a := range e.Attributes {
		if value, has := members[a.Spelling]; has {
			attributes[a.Name] = value
		}
		spelled[a.Spelling] = a.Name
	}
	w := &eventWriter{}
	for _, name := range []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"} {
		value, has := attributes[name]
		if !has {
			switch name {
			case "specversion":
				value = json.RawMessage(`"1.0"`)
			case "id":
				value = json.RawMessage(`"1"`)
			case "source":
				value = quotedJSON(or2(e.Source, "/"))
			case "type":
				value = quotedJSON(e.Type)
			case "datacontenttype":
				if strings.HasPrefix(m.ContentType, "application/cloudevents") || m.ContentType == "" {
					continue
				}
				value = quotedJSON(m.ContentType)
			default:
				continue
			}
			if p.name == "headers" && e.Attribute(name) != nil {
				continue // the witness lacks it, and that may be the point
			}
		}
		w.member(name, value)
		delete(attributes, name)
	}
	for _, a := range e.Attributes {
		if value, has := attributes[a.Name]; has {
			w.member(a.Name, value)
		}
	}
	if p.name == "headers" {
		w.member("data", payload)
		first, rest, more := strings.Cut(strings.TrimPrefix(instance, "/"), "/")
		if name := spelled[first]; name != "" {
			first = name
		}
		if more {
			rest = "/" + rest
		}
		if first != "" {
			first = "/" + first
		}
		return w.bytes(), first + rest
	}
	w.member("data", payload)
	return w.bytes(), "/data" + instance
}

func (x *comparer) messagesOf(c *contract.Contract) []*contract.Message {
	var all []*contract.Message
	for _, ch := range c.Channels {
		all = append(all, ch.Messages...)
	}
	return all
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func quotedJSON(s string) json.RawMessage {
	return schema.AppendJSON(nil, syntax.NewScalar(syntax.String, s))
}

// eventWriter writes an object with its members in the order in which they come.
type eventWriter struct{ b []byte }

func (w *eventWriter) member(name string, value json.RawMessage) {
	if value == nil {
		return
	}
	if len(w.b) == 0 {
		w.b = append(w.b, '{')
	} else {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, quotedJSON(name)...), ':'), value...)
}

func (w *eventWriter) bytes() []byte {
	if len(w.b) == 0 {
		return []byte("{}")
	}
	return append(w.b, '}')
}

// declaredConsumer is a message as a declared consumer reads it.
type declaredConsumer struct {
	name    string
	side    *contract.Contract
	message *contract.Message
}

// consumersOf finds who is known to consume a message that is sent.
func (x *comparer) consumersOf(m *contract.Message, direction contract.Action) []declaredConsumer {
	if direction == contract.Receive {
		return nil
	}
	var all []declaredConsumer
	for _, c := range x.o.Consumers {
		for _, ch := range c.Contract.Channels {
			if nameOf(ch) != nameOf(m.Channel) {
				continue
			}
			for _, other := range ch.Messages {
				if other.Envelope.Type == m.Envelope.Type && slices.Contains(doing(c.Contract, other), contract.Receive) {
					all = append(all, declaredConsumer{c.Name, c.Contract, other})
				}
			}
		}
	}
	return all
}

// brokenConsumers are those that read all that was sent, and do not read all
// that is sent now.
func (x *comparer) brokenConsumers(p half, declared []declaredConsumer, old, new *schema.Schema, profile schema.Profile) []string {
	var names []string
	for _, c := range declared {
		reader, err := x.compile(c.side, p.of(c.message))
		if err != nil {
			continue // check says so where that document is reviewed
		}
		own := profile
		if c.message.Compatibility.IsStated() {
			own = c.message.Compatibility.Profile()
			own.Declared, own.FormatsIgnore = profile.Declared, profile.FormatsIgnore
		}
		if schema.Contains(reader, new, own).Verdict != schema.Contained && schema.Contains(reader, old, own).Verdict == schema.Contained {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// adviceFor is what would make a change of a schema safe.
func (x *comparer) adviceFor(p half, q question, found schema.Containment, spots []Spot, old, new *contract.Message) []string {
	var advice []string
	if found.Verdict == schema.Undecided {
		return []string{"compare the two by hand at the place named, or write the schema in a simpler way"}
	}
	at := bestSpot(spots, found.Problem)
	var spot Spot
	if at >= 0 {
		spot = spots[at]
	}
	field := strings.TrimPrefix(spot.At, "/")
	switch {
	case spot.Keyword == "property" && spot.Old == "" && !q.newest && spot.New == "required":
		advice = append(advice, "make "+field+" optional")
	case spot.Keyword == "property" && spot.Old == "" && q.newest:
		if !old.Compatibility.ReadersTolerant {
			advice = append(advice, "publish the reader policy x-compatibility: {readers: tolerant} first, and add "+field+" once every consumer keeps it")
		}
	case spot.Keyword == "property" && spot.New == "" && q.newest:
		advice = append(advice, "keep "+field+", mark it deprecated, and drop it with the next event type")
	case spot.Keyword == "required" && spot.New == "optional" && q.newest:
		advice = append(advice, "keep sending "+field+" always, and leave it required")
	case spot.Keyword == "required" && spot.New == "required" && !q.newest:
		advice = append(advice, "leave "+field+" optional, since events without it exist")
	case spot.Keyword == "enum" && spot.New != "" && q.newest && !old.Compatibility.EnumsOpen:
		advice = append(advice, "publish the reader policy x-compatibility: {enums: open} first, and send the new value once every consumer keeps it")
	}
	if next := nextType(old.Envelope.Type); next != "" && old.Envelope.TypeStated {
		advice = append(advice, fmt.Sprintf("add %s beside %s on the same channel, and send both until nobody reads the old one", next, old.Envelope.Type))
	} else if len(advice) == 0 {
		advice = append(advice, "add a message of a new type beside this one on the same channel, and send both until nobody reads the old one")
	}
	return advice
}

// nextType is an event type of the next version, "" where the type has none.
func nextType(name string) string {
	i := strings.LastIndex(name, ".v")
	if i < 0 {
		return ""
	}
	n := 0
	if _, err := fmt.Sscanf(name[i+2:], "%d", &n); err != nil || fmt.Sprint(n) != name[i+2:] {
		return ""
	}
	return fmt.Sprintf("%s.v%d", name[:i], n+1)
}
