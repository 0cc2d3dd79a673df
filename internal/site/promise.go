package site

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
)

// Fact is one thing that a contract promises: what, and as written.
type Fact struct{ Name, Value, Note string }

// Promise is what a channel promises about delivery: sentences, and the facts that
// they are made of.
type Promise struct {
	Sentences []string // Markdown
	Facts     []Fact
}

// HTML is the promise as text and table.
func (p *Promise) HTML() template.HTML {
	esc := template.HTMLEscapeString
	var b strings.Builder
	b.WriteString(`<div class="prose">`)
	for _, s := range p.Sentences {
		b.WriteString("<p>" + string(inline(s)) + "</p>")
	}
	b.WriteString(`</div>` + "\n" + `<div class="scroll"><table class="plain"><caption class="away">The facts of delivery</caption><thead><tr><th scope="col">Promise</th><th scope="col">Value</th><th scope="col">Meaning</th></tr></thead><tbody>`)
	for _, f := range p.Facts {
		b.WriteString(`<tr><th scope="row">` + esc(f.Name) + `</th><td><code>` + esc(f.Value) + `</code></td><td class="note">` + esc(f.Note) + "</td></tr>\n")
	}
	b.WriteString(`</tbody></table></div>`)
	return template.HTML(b.String())
}

// Text is the sentences one after the other.
func (p *Promise) Text() template.HTML {
	all := make([]string, len(p.Sentences))
	for i, s := range p.Sentences {
		all[i] = string(inline(s))
	}
	return template.HTML(strings.Join(all, " "))
}

// longWords is a duration as people say it.
func longWords(d time.Duration) string {
	type unit struct {
		of   time.Duration
		name string
	}
	var parts []string
	for _, u := range []unit{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}, {time.Millisecond, "millisecond"}} {
		n := d / u.of
		if n == 0 || len(parts) == 2 {
			continue
		}
		d -= n * u.of
		name := u.name
		if n != 1 {
			name += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	if parts == nil {
		return "no time"
	}
	return strings.Join(parts, " and ")
}

func and(all []string) string {
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

func codes(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = code(s)
	}
	return out
}

// code is a text as code in Markdown.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if strings.Contains(s, "`") {
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}

// promiseOf is what a channel promises; nil where it states nothing.
func promiseOf(ch *contract.Channel) *Promise {
	d := ch.Delivery
	if d == nil {
		return nil
	}
	p := &Promise{}
	say := func(format string, args ...any) { p.Sentences = append(p.Sentences, fmt.Sprintf(format, args...)) }
	fact := func(name, value, note string) {
		if value != "" {
			p.Facts = append(p.Facts, Fact{name, value, note})
		}
	}
	stored := ""
	if s := d.Durability; s != nil {
		switch {
		case s.AckedBy == "quorum" && s.Replicas > 1:
			stored = fmt.Sprintf(", after a quorum of %d replicas has stored it", s.Replicas)
		case s.AckedBy == "quorum":
			stored = ", after a quorum of the replicas has stored it"
		case s.AckedBy == "leader":
			stored = ", after one broker has stored it"
		}
		value := s.AckedBy
		if s.Replicas > 0 {
			value = strings.TrimPrefix(fmt.Sprintf("%s, %d replicas", value, s.Replicas), ", ")
		}
		fact("Durability", value, "who has stored an event before it counts as sent")
	}
	switch d.Guarantee {
	case "at-least-once":
		say("Every event is delivered **at least once**%s. It can come again, so consumers have to recognise repetitions.", stored)
	case "at-most-once":
		say("An event is delivered **at most once**: it may be lost, and it is not repeated.")
	case "exactly-once-effect":
		say("Every event takes effect **exactly once**%s: it may be delivered again, and is then recognised.", stored)
	}
	if d.Guarantee != "" {
		p.Facts = append([]Fact{{"Guarantee", d.Guarantee, "how often an event is delivered"}}, p.Facts...)
	}
	if x := d.Dedupe; x != nil {
		by := x.By
		if len(by) == 0 {
			by = []string{"source", "id"}
		}
		who := map[string]string{"broker": "The broker drops repetitions", "consumer": "Consumers remember what they have handled", "both": "The broker drops repetitions, and consumers remember what they have handled"}[x.Where]
		equal := "are equal"
		if len(by) == 1 {
			equal = "is equal"
		}
		s := fmt.Sprintf("Two events are the same when %s %s.", and(codes(by)), equal)
		if who != "" && x.Window > 0 {
			s += fmt.Sprintf(" %s for **%s**.", who, longWords(x.Window))
		} else if who != "" {
			s += " " + who + "."
		}
		if x.OnCollision == "reject" {
			s += " The same identity with other content is a collision: it is put aside, never dropped silently."
		}
		say("%s", s)
		value := strings.Join(by, " + ")
		if x.Window > 0 {
			value += " for " + longWords(x.Window)
		}
		if x.Where != "" {
			value += ", by the " + strings.ReplaceAll(x.Where, "both", "broker and the consumer")
		}
		fact("Deduplication", value, "by what repetitions are recognised, and for how long")
	}
	if o := d.Ordering; o != nil {
		switch o.Scope {
		case "key":
			say("Events with the same %s arrive **in order**. Nothing is said about events that differ in it. Handle those of one %s one at a time; if one fails, hold back the later ones of the same, and only those.", code(o.Key), code(o.Key))
		case "source":
			say("Events of one source arrive **in order**; nothing is said across sources.")
		case "channel":
			say("All events of the channel arrive **in order**, so they are handled one at a time.")
		case "none":
			say("Nothing is promised about the **order** of events.")
		}
		value := o.Scope
		if o.Scope == "key" {
			value = "by " + o.Key
		}
		fact("Order", value, "which events stay in order")
	}
	if r := d.Retention; r != nil {
		value := r.Policy
		switch r.Policy {
		case "delete":
			if r.Time > 0 {
				say("Events are kept for **%s**.", longWords(r.Time))
				value = longWords(r.Time)
			}
		case "compact":
			say("The latest event of each key is **kept for good**; earlier ones of the key go away.")
			value = "the latest of each key (compact)"
		case "compact+delete":
			say("The latest event of each key is kept, for **%s** at most.", longWords(r.Time))
			value = "the latest of each key, for " + longWords(r.Time)
		case "until-consumed":
			say("Events are kept until they are consumed, and then gone.")
			value = "until consumed"
		case "none":
			say("Events are not kept: who is not there when one is sent does not get it.")
			value = "none"
		}
		fact("Retention", value, "how long events are kept")
	}
	if r := d.Replay; r != nil {
		var from []string
		for _, f := range r.From {
			from = append(from, map[string]string{"earliest": "the beginning of what is kept", "time": "a point in time"}[f])
		}
		s := "Events may be **replayed**"
		if len(from) > 0 {
			s += " from " + strings.Join(from, " or ")
		}
		if r.MaxAge > 0 {
			s += fmt.Sprintf(", up to %s back", longWords(r.MaxAge))
		}
		say("%s. A replayed event is the original one, with its original identity.", s)
		value := strings.Join(r.From, ", ")
		if r.MaxAge > 0 {
			value = strings.TrimPrefix(value+", up to "+longWords(r.MaxAge), ", ")
		}
		fact("Replay", value, "from where events may be read again")
	}
	if b := d.Bootstrap; b != nil {
		on := ""
		if b.Channel != nil {
			on = firstOf(b.Channel.Address, b.Channel.Name)
		}
		switch b.Mode {
		case "snapshot+log":
			s := "A **new consumer** first reads the snapshot"
			if on != "" {
				s += " on " + code(on)
			}
			s += ", noting where this channel ended when it began; then it reads this channel"
			if b.Overlap > 0 {
				s += " from " + longWords(b.Overlap) + " before that point"
			} else {
				s += " from that point"
			}
			say("%s, and recognises what it has seen.", s)
		case "log":
			say("A **new consumer** reads the channel from its beginning, and sees what is still kept.")
		case "compacted":
			say("A **new consumer** reads the channel from its beginning: the latest event of every key is there.")
		case "request":
			s := "A **new consumer** asks the producer for the history"
			if on != "" {
				s += " on " + code(on)
			}
			say("%s; what comes then is marked as replayed.", s)
		case "none":
			say("A **new consumer** begins with what is sent from now on; there is no way to the history.")
		}
		fact("Bootstrap", b.Mode, "how a new consumer gets the history")
	}
	if d.MaxBytes > 0 {
		say("An event has at most **%s**.", bytesWords(d.MaxBytes))
		fact("Size", "at most "+bytesWords(d.MaxBytes), "of one event")
	}
	return p
}

func bytesWords(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// handlingOf is what a service does with what it receives, or how it sends.
func handlingOf(op *contract.Operation) *Promise {
	d := op.Delivery
	if d == nil {
		return nil
	}
	p := &Promise{}
	say := func(format string, args ...any) { p.Sentences = append(p.Sentences, fmt.Sprintf(format, args...)) }
	fact := func(name, value, note string) {
		if value != "" {
			p.Facts = append(p.Facts, Fact{name, value, note})
		}
	}
	if op.Action == contract.Send {
		if d.Outbox {
			say("Events are written to an **outbox** in the transaction that they tell of, and sent from there: there is never one without the other.")
			fact("Outbox", "yes", "")
		}
		if d.Confirm != "" {
			say("The service waits until the broker has confirmed an event (%s).", code(d.Confirm))
			fact("Confirm", d.Confirm, "what counts as sent")
		}
		return p
	}
	switch d.Ack {
	case "after-processing":
		say("An event is acknowledged **after** it has been handled: a crash in between brings it again.")
	case "on-receipt":
		say("An event is acknowledged **on receipt**: a crash while it is handled loses it.")
	}
	fact("Acknowledges", d.Ack, "")
	if d.MaxInFlight == 1 {
		say("They are handled one at a time.")
	} else if d.MaxInFlight > 0 {
		say("At most %d are handled at a time.", d.MaxInFlight)
	}
	if d.MaxInFlight > 0 {
		fact("In flight", fmt.Sprint(d.MaxInFlight), "at most, at a time")
	}
	if r := d.Retry; r != nil && r.MaxAttempts > 0 {
		s := fmt.Sprintf("What fails is tried **%d times**", r.MaxAttempts)
		if r.Delay > 0 {
			s += ", after " + longWords(r.Delay)
			if r.Strategy == "exponential" {
				s += " at first, then later and later"
			}
			if r.MaxDelay > 0 {
				s += ", up to " + longWords(r.MaxDelay)
			}
		}
		say("%s.", s)
		fact("Attempts", fmt.Sprint(r.MaxAttempts), r.Strategy)
	}
	if x := d.DeadLetter; x != nil && x.Channel != nil {
		to := firstOf(x.Channel.Address, x.Channel.Name)
		say("What cannot be handled ends on %s, with the reason.", code(to))
		fact("Dead letters", to, "")
	}
	switch d.Start {
	case "earliest":
		say("A new group begins with the earliest event that is kept.")
	case "latest":
		say("A new group begins with what is sent from then on.")
	case "bootstrap":
		say("A new group begins with the bootstrap of the channel.")
	}
	fact("Begins", d.Start, "")
	if d.ReplaySafe {
		say("It may be given replayed events.")
		fact("Replay safe", "yes", "")
	}
	return p
}

// policyOf says in a sentence what a change may do.
func policyOf(c contract.Compatibility) string {
	var s string
	switch c.Mode {
	case "full":
		s = "A change has to be compatible both ways (**full**): new readers understand old events, and old readers new ones"
	case "backward":
		s = "A change has to be **backward** compatible: new readers understand old events"
	case "forward":
		s = "A change has to be **forward** compatible: old readers understand new events"
	case "none":
		s = "Changes are **not** held to anything (none)"
	default:
		s = "A change may not break anybody who sends or receives the events, live or replayed"
	}
	if c.Transitive {
		s += ", of every released version"
	}
	s += "."
	producers := "Producers send only fields that are declared"
	if c.ProducersOpen {
		producers = "Producers may send fields that are not declared"
	}
	readers := []string{"refuse what does not fit the schema as written"}
	if c.ReadersTolerant {
		readers[0] = "ignore fields that they do not declare"
	}
	if c.EnumsOpen {
		readers = append(readers, "accept values of enumerations that they do not know")
	}
	if c.DispatchStrict {
		readers = append(readers, "refuse event types that they do not know")
	} else {
		readers = append(readers, "skip event types that they do not know")
	}
	s += fmt.Sprintf(" %s; readers %s.", producers, and(readers))
	if c.DefaultsApplied {
		s += " Defaults are filled in by readers."
	}
	if c.FormatsAnnotate {
		s += " Formats say something and decide nothing."
	}
	return s
}

// envelopeOf says in a sentence how an event travels.
func envelopeOf(m *contract.Message) string {
	e := &m.Envelope
	what := "the payload describes the data"
	if e.PayloadIsEnvelope {
		what = "the payload describes the whole event"
	}
	var s string
	switch e.Mode {
	case contract.Structured:
		s = "CloudEvents, structured: envelope and data are one JSON document; " + what + "."
	case contract.Binary:
		s = "CloudEvents, binary: the envelope is in the headers of the message, the data is its body."
	case contract.Batch:
		s = "CloudEvents, in batches; " + what + "."
	default:
		return "No CloudEvents envelope: the message is the payload."
	}
	if e.Ambiguous != "" {
		s += " That is a guess: " + e.Ambiguous + "."
	}
	return s
}
