package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Weight is how much a change matters to others.
type Weight uint8

// The weights, the least first. Unknown is a change that could not be decided.
const (
	Compatible Weight = iota
	Risky
	Unknown
	Breaking
)

func (w Weight) String() string { return [...]string{"compatible", "risky", "unknown", "breaking"}[w] }

// Severity is the weight as that of a finding.
func (w Weight) Severity() diag.Severity {
	switch w {
	case Breaking, Unknown:
		return diag.Error
	case Risky:
		return diag.Warning
	}
	return diag.Info
}

// Law says over which data a change was judged.
type Law string

// The laws: between producers and consumers that are alive at the same time,
// and over events that are read again.
const (
	Live   Law = "live"
	Replay Law = "replay"
)

// Change is one difference between two contracts.
type Change struct {
	Rule      string
	Weight    Weight
	Who       []string // consumer, producer, operator: who is affected
	Event     string   // the event type, "" where it is about none
	Channel   string   // its address, or its key where it has none
	Operation string
	Direction contract.Action // "" where it is the same for both
	Message   string
	Law       Law // "" for what is no matter of schemas

	// Old and New are where it was and is written; of what is there on one side
	// alone, the other is where it would stand.
	Old, New diag.Span
	Pointer  string // of New, or of Old where it was removed

	// Of schemas: the verdict, and the least event that shows it.
	Compared  bool
	Verdict   schema.Verdict
	Witness   []byte // a whole event, as JSON
	WitnessAt string // JSON Pointer to what is wrong in it
	Reason    string
	Spots     []Spot
	Consumers []string // the declared consumers that break

	Advice   []string
	Quiet    bool    // it is about words alone and demands no version
	Accepted *Ignore // why it is lived with, nil where nobody agreed to it
}

// Spot is a place where two schemas differ.
type Spot struct {
	At       string // where in a value, a JSON Pointer; * stands for any property or item
	Keyword  string
	Old, New string // what stood and stands there, "" for nothing
	OldSpan  diag.Span
	NewSpan  diag.Span
}

// Comparing is what two contracts are compared under.
type Comparing struct {
	// Consumers are the contracts of those who are known to consume.
	Consumers []Consumer
	// AllConsumers says that there are no others.
	AllConsumers bool
	// SchemasOnly compares schemas alone, as with a release before the last.
	SchemasOnly bool
	// OldFaults and NewFaults are what reading the documents found.
	OldFaults, NewFaults []diag.Diagnostic
	// Settings are the severities that a user has set.
	Settings Settings
}

// Consumer is a contract of somebody who consumes.
type Consumer struct {
	Name     string
	Contract *contract.Contract
}

// Compare tells what is different in two contracts, for whom it matters and how
// much. Either may be nil: the document was added, or removed. What only looks
// different, such as a schema that is inlined, a key that is renamed or a list
// in another order, is no change. The result is sorted by weight and place.
func Compare(old, new *contract.Contract, o Comparing) []*Change {
	x := &comparer{old: old, new: new, o: o, same: map[[2]*syntax.Node]bool{}, compiled: map[compiledKey]*schema.Schema{}}
	switch {
	case old == nil && new == nil:
		return nil
	case old == nil:
		x.rule = addedDocument
		c := x.report("i", subject{}, nil, new.Node(), "the document %s is new", quoted(new.Title))
		c.Event = ""
	case new == nil:
		x.rule = removedDocument
		x.report("E", subject{}, old.Node(), nil, "the document %s is gone, and with it %s", quoted(old.Title), listOfTypes(old))
	default:
		x.unreadable()
		x.pair()
		for _, r := range compatibilityRules() {
			if r.Compare != nil && !o.Settings.off(r.ID) && (!o.SchemasOnly || r == changedPayload || r == changedHeaders) {
				x.rule = r
				r.Compare(x)
			}
		}
	}
	var all []*Change
	for _, c := range x.changes {
		if s, set := o.Settings.Severity[c.Rule]; set {
			c.Weight = map[diag.Severity]Weight{diag.Error: Breaking, diag.Warning: Risky, diag.Info: Compatible}[s]
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b *Change) int {
		return cmp.Or(int(b.Weight)-int(a.Weight), strings.Compare(a.Channel, b.Channel), strings.Compare(a.Event, b.Event), a.New.Start-b.New.Start, strings.Compare(a.Rule, b.Rule))
	})
	return all
}

// unreadable reports what a fault of syntax may hide on either side.
func (x *comparer) unreadable() {
	x.rule = unreadableDocument
	for _, side := range []struct {
		name          string
		faults, other []diag.Diagnostic
	}{{"old", x.o.OldFaults, x.o.NewFaults}, {"new", x.o.NewFaults, x.o.OldFaults}} {
		for _, d := range side.faults {
			if d.Severity != diag.Error || !hides(d.Rule) {
				continue
			}
			if isReference(d.Rule) && slices.ContainsFunc(side.other, func(o diag.Diagnostic) bool { return o.Rule == d.Rule && o.Message == d.Message }) {
				continue // it led nowhere before, too
			}
			c := x.report("?", subject{}, nil, nil, "the %s document has a fault that hides what it says: %s", side.name, d.Message)
			c.Old, c.New = d.Span, d.Span
			break // the first is enough to mend
		}
	}
}

// hides reports whether a fault keeps a part of a document from being read.
func hides(rule string) bool {
	switch rule {
	case syntax.RuleSyntax, syntax.RuleEncoding, syntax.RuleLimit, document.RuleVersion:
		return true
	}
	return isReference(rule)
}

func isReference(rule string) bool {
	return rule == document.RuleRefUnresolved || rule == document.RuleRefRefused || rule == document.RuleRefCycle
}

func listOfTypes(c *contract.Contract) string {
	var names []string
	for _, e := range c.EventTypes {
		names = append(names, e.Type)
	}
	switch {
	case len(names) == 0:
		return "all that it promised"
	case len(names) > 5:
		return fmt.Sprintf("%s and %d more event types", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

// comparer is one comparison.
type comparer struct {
	old, new *contract.Contract
	o        Comparing
	rule     *Rule // that is looking
	changes  []*Change

	servers    []pairOf[contract.Server]
	channels   []pairOf[contract.Channel]
	operations []pairOf[contract.Operation]
	messages   []messagePair

	same     map[[2]*syntax.Node]bool
	compiled map[compiledKey]*schema.Schema
}

// pairOf is something in both contracts; one side is nil where it was added or
// removed.
type pairOf[T any] struct{ old, new *T }

// messagePair is a message on a channel, and what is done with it.
type messagePair struct {
	old, new *contract.Message
	channel  pairOf[contract.Channel]
	actions  []contract.Action // with both; or of the side that is there
	gained   []contract.Action // in the new one alone
	lost     []contract.Action
}

// subject is what a change is about.
type subject struct {
	channel   *contract.Channel
	operation *contract.Operation
	message   *contract.Message
	direction contract.Action
}

// report adds a change. An effect is a weight and those whom it concerns, as in
// the table of docs/compatibility.md: E breaks, w is risky, i is compatible; P
// are producers, C consumers, O operators, no letter all of them. "E C | E P" is
// the effect for what is sent and for what is received.
func (x *comparer) report(effect string, s subject, old, new *syntax.Node, format string, args ...any) *Change {
	if s.direction == "" && s.operation != nil {
		s.direction = s.operation.Action
	}
	if sent, received, differs := strings.Cut(effect, "|"); differs {
		switch s.direction {
		case contract.Receive:
			effect = received
		case contract.Send:
			effect = sent
		default: // nobody says which, so it is the heavier for all
			effect = strings.Fields(sent)[0]
			if heavier(strings.Fields(received)[0], effect) {
				effect = strings.Fields(received)[0]
			}
		}
	}
	c := &Change{Rule: x.rule.ID, Message: fmt.Sprintf(format, args...), Direction: s.direction}
	fields := strings.Fields(effect)
	c.Weight = map[string]Weight{"E": Breaking, "w": Risky, "i": Compatible, "?": Unknown}[fields[0]]
	letters := "CPO"
	if len(fields) > 1 {
		letters = fields[1]
	}
	for _, who := range []struct{ letter, name string }{{"C", "consumer"}, {"P", "producer"}, {"O", "operator"}} {
		if strings.Contains(letters, who.letter) {
			c.Who = append(c.Who, who.name)
		}
	}
	if s.message != nil {
		c.Event = s.message.Envelope.Type
		if s.channel == nil {
			s.channel = s.message.Channel
		}
	}
	if s.operation != nil {
		c.Operation = s.operation.Name
		if s.channel == nil {
			s.channel = s.operation.Channel
		}
	}
	if s.channel != nil {
		c.Channel = nameOf(s.channel)
	}
	c.Old, c.New = place(old, x.old), place(new, x.new)
	if new != nil {
		c.Pointer = new.Pointer()
	} else if old != nil {
		c.Pointer = old.Pointer()
	}
	c.Advice = append(c.Advice, x.rule.Advice...)
	x.changes = append(x.changes, c)
	return c
}

func heavier(a, b string) bool { return strings.Index("iwE", a) > strings.Index("iwE", b) }

// place is where a node is written, or the top of its document where it is
// missing.
func place(n *syntax.Node, c *contract.Contract) diag.Span {
	if n == nil {
		if c == nil {
			return diag.Span{}
		}
		n = c.Document().Written.Get("info")
		if n == nil {
			n = c.Document().Written
		}
	}
	return n.KeySpan()
}

// nameOf is how people call a channel: by its address.
func nameOf(c *contract.Channel) string {
	if c.Address != "" {
		return c.Address
	}
	return c.Name
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// pair finds out what of the one contract is what of the other: servers by
// where they are, channels by their address, operations by what they do, messages
// by their event type; what is left by name.
func (x *comparer) pair() {
	x.servers = pairs(x.old.Servers, x.new.Servers,
		func(s *contract.Server) string { return s.Protocol + " " + s.Host + " " + s.Pathname + " " + s.Name },
		func(s *contract.Server) string { return s.Protocol + " " + s.Host + " " + s.Pathname },
		func(s *contract.Server) string { return "name " + s.Name })
	x.channels = pairs(x.old.Channels, x.new.Channels,
		func(c *contract.Channel) string { return c.Address + " " + c.Name },
		func(c *contract.Channel) string { return c.Address },
		func(c *contract.Channel) string { return "key " + c.Name })
	channelOf := map[*contract.Channel]*contract.Channel{} // new to old
	for _, p := range x.channels {
		if p.old != nil && p.new != nil {
			channelOf[p.new] = p.old
		}
	}
	does := func(o *contract.Operation) string {
		if o.Channel == nil {
			return ""
		}
		at := o.Channel
		if old := channelOf[at]; old != nil {
			at = old
		}
		return fmt.Sprintf("%s %p", o.Action, at)
	}
	x.operations = pairs(x.old.Operations, x.new.Operations,
		func(o *contract.Operation) string { return o.Name + " " + does(o) },
		does,
		func(o *contract.Operation) string { return "key " + o.Name })
	for _, p := range x.channels {
		x.pairMessages(p)
	}
}

// pairs matches what has an equal key, by one key after the other. An empty key
// matches nothing; of several with one key the first is matched with the first.
func pairs[T any](old, new []*T, keys ...func(*T) string) []pairOf[T] {
	taken, found := map[*T]bool{}, map[*T]*T{}
	for _, key := range keys {
		byKey := map[string][]*T{}
		for _, o := range old {
			if k := key(o); !taken[o] && strings.TrimSpace(k) != "" {
				byKey[k] = append(byKey[k], o)
			}
		}
		for _, n := range new {
			if found[n] != nil {
				continue
			}
			if list := byKey[key(n)]; len(list) > 0 {
				found[n], taken[list[0]] = list[0], true
				byKey[key(n)] = list[1:]
			}
		}
	}
	var all []pairOf[T]
	for _, o := range old {
		if !taken[o] {
			all = append(all, pairOf[T]{o, nil})
		}
	}
	for _, n := range new {
		all = append(all, pairOf[T]{found[n], n})
	}
	return all
}

// doing is what the operations of a contract do with a message of a channel. A
// reply goes the other way.
func doing(c *contract.Contract, m *contract.Message) []contract.Action {
	var sent, received bool
	note := func(a contract.Action) {
		sent, received = sent || a == contract.Send, received || a == contract.Receive
	}
	for _, o := range m.Channel.Operations {
		if slices.Contains(o.Messages, m) {
			note(o.Action)
		}
	}
	for _, o := range c.Operations {
		if o.Reply != nil && slices.Contains(o.Reply.Messages, m) {
			switch o.Action {
			case contract.Send:
				note(contract.Receive)
			case contract.Receive:
				note(contract.Send)
			}
		}
	}
	var actions []contract.Action
	if sent {
		actions = append(actions, contract.Send)
	}
	if received {
		actions = append(actions, contract.Receive)
	}
	return actions
}

func (x *comparer) pairMessages(channel pairOf[contract.Channel]) {
	var old, new []*contract.Message
	if channel.old != nil {
		old = channel.old.Messages
	}
	if channel.new != nil {
		new = channel.new.Messages
	}
	for _, p := range pairs(old, new,
		func(m *contract.Message) string { return m.Envelope.Type + " " + m.Key },
		func(m *contract.Message) string {
			if m.Envelope.TypeStated {
				return m.Envelope.Type
			}
			return ""
		},
		func(m *contract.Message) string { return "key " + m.Key },
		func(m *contract.Message) string { return m.Name }) {
		// Another event type under the key that an old one had is the old one
		// changed, unless both are there.
		pair := messagePair{old: p.old, new: p.new, channel: channel}
		var before, after []contract.Action
		if p.old != nil {
			before = doing(x.old, p.old)
		}
		if p.new != nil {
			after = doing(x.new, p.new)
		}
		for _, a := range []contract.Action{contract.Send, contract.Receive} {
			switch was, is := slices.Contains(before, a), slices.Contains(after, a); {
			case was && is:
				pair.actions = append(pair.actions, a)
			case is:
				pair.gained = append(pair.gained, a)
			case was:
				pair.lost = append(pair.lost, a)
			}
		}
		x.messages = append(x.messages, pair)
	}
}

// each calls f with what both contracts have.
func each[T any](all []pairOf[T], f func(old, new *T)) {
	for _, p := range all {
		if p.old != nil && p.new != nil {
			f(p.old, p.new)
		}
	}
}

func (x *comparer) eachMessage(f func(old, new *contract.Message, p *messagePair)) {
	for i := range x.messages {
		if p := &x.messages[i]; p.old != nil && p.new != nil {
			f(p.old, p.new, p)
		}
	}
}

// directions are those that a change of a message is judged in: what is done
// with it in both contracts, and one without a name where no operation says.
func (p *messagePair) directions() []contract.Action {
	if len(p.actions) == 0 && len(p.gained) == 0 && len(p.lost) == 0 {
		return []contract.Action{""}
	}
	return p.actions
}

// resolve follows references of the old or the new document.
func (x *comparer) resolve(side *contract.Contract, n *syntax.Node) *syntax.Node {
	if document.IsRef(n) {
		return side.Document().Resolve(n)
	}
	return n
}
