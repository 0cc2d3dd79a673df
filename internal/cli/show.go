package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
)

// The contract as read, for machines. Fields may be added, never changed.
type (
	contractJSON struct {
		Title      string          `json:"title"`
		Version    string          `json:"version"`
		Document   string          `json:"document"`
		AsyncAPI   string          `json:"asyncapi"`
		EventTypes []eventJSON     `json:"eventTypes"`
		Channels   []channelJSON   `json:"channels"`
		Operations []operationJSON `json:"operations"`
	}
	placeJSON struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	}
	eventJSON struct {
		Type       string     `json:"type"`
		TypeStated bool       `json:"typeStated"`
		TypeAt     placeJSON  `json:"typeAt"`
		Channel    string     `json:"channel"`
		Message    string     `json:"message"`
		Mode       string     `json:"mode"`
		Payload    string     `json:"payload"`
		Why        string     `json:"why,omitempty"`
		Ambiguous  string     `json:"ambiguous,omitempty"`
		Source     string     `json:"source,omitempty"`
		Subject    string     `json:"subject,omitempty"`
		Dialect    string     `json:"dialect,omitempty"`
		Schema     *placeJSON `json:"schema,omitempty"`
		At         placeJSON  `json:"at"`
		Policy     policyJSON `json:"policy"`
	}
	policyJSON struct {
		Mode       string `json:"mode,omitempty"`
		Transitive bool   `json:"transitive"`
		Dispatch   string `json:"dispatch"`
		Producers  string `json:"producers"`
		Readers    string `json:"readers"`
		Enums      string `json:"enums"`
		Defaults   string `json:"defaults"`
		Formats    string `json:"formats"`
		Stated     bool   `json:"stated"`
	}
	channelJSON struct {
		Name      string    `json:"name"`
		Address   string    `json:"address"`
		Protocols []string  `json:"protocols"`
		Servers   []string  `json:"servers"`
		Delivery  []string  `json:"delivery"`
		At        placeJSON `json:"at"`
	}
	operationJSON struct {
		Name     string    `json:"name"`
		Action   string    `json:"action"`
		Channel  string    `json:"channel"`
		Messages []string  `json:"messages"`
		Delivery []string  `json:"delivery"`
		At       placeJSON `json:"at"`
	}
)

func placeOf(s diag.Span) placeJSON {
	if s.File == nil {
		return placeJSON{}
	}
	p := s.Position()
	return placeJSON{s.File.Name, p.Line, p.Column}
}

func (p placeJSON) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func policyOf(c contract.Compatibility) policyJSON {
	return policyJSON{Mode: c.Mode, Transitive: c.Transitive, Stated: c.IsStated(),
		Dispatch: either(c.DispatchStrict, "strict", "ignore"), Producers: either(c.ProducersOpen, "open", "declared"),
		Readers: either(c.ReadersTolerant, "tolerant", "strict"), Enums: either(c.EnumsOpen, "open", "closed"),
		Defaults: either(c.DefaultsApplied, "applied", "annotate"), Formats: either(c.FormatsAnnotate, "annotate", "assert")}
}

func (p policyJSON) String() string {
	mode := p.Mode
	if mode == "" {
		mode = "by the laws of direction"
	} else if p.Transitive {
		mode += "-transitive"
	}
	s := fmt.Sprintf("%s; dispatch %s, producers %s, readers %s, enums %s, defaults %s, formats %s",
		mode, p.Dispatch, p.Producers, p.Readers, p.Enums, p.Defaults, p.Formats)
	if !p.Stated {
		s += " (nothing stated: the defaults)"
	}
	return s
}

func describeContract(c *contract.Contract) contractJSON {
	out := contractJSON{Title: c.Title, Version: c.Version, AsyncAPI: c.Document().Version.Text,
		EventTypes: []eventJSON{}, Channels: []channelJSON{}, Operations: []operationJSON{}}
	if root := c.Document().Written; root != nil {
		out.Document = root.File.Name
	}
	for _, t := range c.EventTypes {
		for _, m := range t.Messages {
			e := eventJSON{Type: t.Type, TypeStated: m.Envelope.TypeStated, TypeAt: placeOf(m.Envelope.TypeAt.Span()), Channel: m.Channel.Name, Message: m.Key,
				Mode: string(m.Envelope.Mode), Payload: either(m.Envelope.PayloadIsEnvelope, "envelope", "data"), Why: m.Envelope.Why,
				Ambiguous: m.Envelope.Ambiguous, Source: m.Envelope.Source, Subject: m.Envelope.Subject, At: placeOf(m.Span()), Policy: policyOf(m.Compatibility)}
			if e.Mode == "" {
				e.Mode = "none"
			}
			if m.Payload != nil {
				p := placeOf(m.Payload.Span())
				e.Dialect, e.Schema = m.Payload.Dialect.String(), &p
			}
			out.EventTypes = append(out.EventTypes, e)
		}
	}
	for _, ch := range c.Channels {
		j := channelJSON{Name: ch.Name, Address: ch.Address, Protocols: ch.Protocols(), Servers: []string{}, Delivery: channelPromises(ch.Delivery), At: placeOf(ch.Span())}
		if j.Protocols == nil {
			j.Protocols = []string{}
		}
		for _, s := range ch.Servers {
			j.Servers = append(j.Servers, s.Name)
		}
		out.Channels = append(out.Channels, j)
	}
	for _, op := range c.Operations {
		j := operationJSON{Name: op.Name, Action: string(op.Action), Messages: []string{}, Delivery: operationPromises(op.Delivery), At: placeOf(op.Span())}
		if op.Channel != nil {
			j.Channel = op.Channel.Name
		}
		for _, m := range op.Messages {
			j.Messages = append(j.Messages, m.Envelope.Type)
		}
		out.Operations = append(out.Operations, j)
	}
	return out
}

// promises collects what is stated, in words.
type promises []string

func (p *promises) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func duration(d time.Duration) string { return document.FormatDuration(d) }

func channelPromises(d *contract.Delivery) []string {
	p := promises{}
	if d == nil {
		return p
	}
	if d.Guarantee != "" {
		p.add("guarantee %s", d.Guarantee)
	}
	if x := d.Durability; x != nil {
		p.add("durability %d replicas, acknowledged by %s", x.Replicas, x.AckedBy)
	}
	if x := d.Ordering; x != nil {
		p.add("ordering %s", strings.TrimSpace(x.Scope+" "+x.Key))
	}
	if x := d.Dedupe; x != nil {
		p.add("dedupe by %s for %s at the %s", strings.Join(x.By, "+"), duration(x.Window), x.Where)
	}
	if x := d.Retention; x != nil {
		text := "retention " + x.Policy
		if x.Time > 0 {
			text += " after " + duration(x.Time)
		}
		p.add("%s", text)
	}
	if x := d.Replay; x != nil {
		text := "replay from " + strings.Join(x.From, " or ")
		if x.MaxAge > 0 {
			text += ", at most " + duration(x.MaxAge) + " old"
		}
		p.add("%s", text)
	}
	if x := d.Bootstrap; x != nil {
		text := "bootstrap " + x.Mode
		if x.Channel != nil {
			text += " through " + x.Channel.Name
		}
		p.add("%s", text)
	}
	if d.MaxBytes > 0 {
		p.add("at most %d bytes an event", d.MaxBytes)
	}
	if x := d.Deprecation; x != nil && !x.Sunset.IsZero() {
		p.add("goes away on %s", x.Sunset.Format(time.DateOnly))
	}
	return p
}

func operationPromises(d *contract.OperationDelivery) []string {
	p := promises{}
	if d == nil {
		return p
	}
	if d.Ack != "" {
		p.add("acknowledged %s", d.Ack)
	}
	if d.MaxInFlight > 0 {
		p.add("%d in flight", d.MaxInFlight)
	}
	if x := d.Retry; x != nil {
		p.add("%d attempts, %s from %s to %s", x.MaxAttempts, x.Strategy, duration(x.Delay), duration(x.MaxDelay))
	}
	if x := d.DeadLetter; x != nil && x.Channel != nil {
		p.add("dead letters to %s", x.Channel.Name)
	}
	if d.Start != "" {
		p.add("starts at %s", d.Start)
	}
	if d.ReplaySafe {
		p.add("safe to replay")
	}
	if d.Outbox {
		p.add("sent through an outbox")
	}
	if d.Confirm != "" {
		p.add("confirmed by %s", d.Confirm)
	}
	return p
}

// showContracts prints contracts as read.
func (a *app) showContracts(reviews []*review) error {
	all := make([]contractJSON, len(reviews))
	for i, r := range reviews {
		all[i] = describeContract(r.contract)
	}
	switch a.format {
	case "json":
		return writeJSON(a.env.Stdout, struct {
			Contracts []contractJSON `json:"contracts"`
		}{all})
	case "text":
		for i, c := range all {
			if i > 0 {
				fmt.Fprintln(a.env.Stdout)
			}
			writeContract(a.env.Stdout, c)
		}
		return nil
	}
	return fmt.Errorf("--show contract prints text or json, not %s", a.format)
}

func writeContract(w io.Writer, c contractJSON) {
	v := diag.Visible
	fmt.Fprintf(w, "%s %s (AsyncAPI %s, %s)\n", v(c.Title), v(c.Version), v(c.AsyncAPI), c.Document)
	fmt.Fprintf(w, "\nevent types\n")
	policies := map[string][]string{}
	var order []string
	for _, e := range c.EventTypes {
		fmt.Fprintf(w, "  %s  on %s\n", v(e.Type), v(e.Channel))
		envelope := "no envelope"
		if e.Mode != "none" {
			envelope = fmt.Sprintf("CloudEvents %s, payload describes the %s (%s)", e.Mode, e.Payload, v(e.Why))
		}
		fmt.Fprintf(w, "    envelope  %s\n", envelope)
		if e.Ambiguous != "" {
			fmt.Fprintf(w, "              a guess: %s\n", v(e.Ambiguous))
		}
		if !e.TypeStated {
			fmt.Fprintf(w, "    type      not stated; taken from %s\n", e.TypeAt)
		} else {
			fmt.Fprintf(w, "    type      %s\n", e.TypeAt)
		}
		if e.Schema != nil {
			fmt.Fprintf(w, "    schema    %s, %s\n", e.Dialect, *e.Schema)
		} else {
			fmt.Fprintf(w, "    schema    none\n")
		}
		policy := e.Policy.String()
		if policies[policy] == nil {
			order = append(order, policy)
		}
		policies[policy] = append(policies[policy], e.Type)
	}
	fmt.Fprintf(w, "\nchannels\n")
	for _, ch := range c.Channels {
		fmt.Fprintf(w, "  %s  %s  %s\n", v(ch.Name), v(either(ch.Address == "", "(address known at run time)", ch.Address)), v(strings.Join(ch.Protocols, ", ")))
		for _, p := range ch.Delivery {
			fmt.Fprintf(w, "    %s\n", v(p))
		}
	}
	fmt.Fprintf(w, "\noperations\n")
	for _, op := range c.Operations {
		fmt.Fprintf(w, "  %s  %s on %s: %s\n", v(op.Name), op.Action, v(op.Channel), v(strings.Join(op.Messages, ", ")))
		for _, p := range op.Delivery {
			fmt.Fprintf(w, "    %s\n", v(p))
		}
	}
	fmt.Fprintf(w, "\ncompatibility\n")
	for _, policy := range order {
		if len(order) == 1 {
			fmt.Fprintf(w, "  %s\n", policy)
		} else {
			fmt.Fprintf(w, "  %s: %s\n", v(strings.Join(policies[policy], ", ")), policy)
		}
	}
}
