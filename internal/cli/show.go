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
		Servers    []serverJSON    `json:"servers"`
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
		// StatedAt says where each key that is no default was stated.
		StatedAt map[string]placeJSON `json:"statedAt"`
	}
	serverJSON struct {
		Name     string    `json:"name"`
		Host     string    `json:"host"`
		Protocol string    `json:"protocol"`
		At       placeJSON `json:"at"`
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

// policyKeys are the keys of x-compatibility.
var policyKeys = []string{"mode", "dispatch", "producers", "readers", "enums", "defaults", "formats"}

func policyOf(c contract.Compatibility) policyJSON {
	stated := map[string]placeJSON{}
	for _, key := range policyKeys {
		if n := c.Stated(key); n != nil {
			stated[key] = placeOf(n.KeySpan())
		}
	}
	return policyJSON{StatedAt: stated, Mode: c.Mode, Transitive: c.Transitive, Stated: c.IsStated(),
		Dispatch: either(c.DispatchStrict, "strict", "ignore"), Producers: either(c.ProducersOpen, "open", "declared"),
		Readers: either(c.ReadersTolerant, "tolerant", "strict"), Enums: either(c.EnumsOpen, "open", "closed"),
		Defaults: either(c.DefaultsApplied, "applied", "annotate"), Formats: either(c.FormatsAnnotate, "annotate", "assert")}
}

func (p policyJSON) String() string {
	mode := p.Mode
	if mode == "" {
		mode = "unstated"
	} else if p.Transitive {
		mode += "-transitive"
	}
	values := map[string]string{"mode": mode, "dispatch": p.Dispatch, "producers": p.Producers, "readers": p.Readers,
		"enums": p.Enums, "defaults": p.Defaults, "formats": p.Formats}
	lines := make([]string, len(policyKeys))
	for i, key := range policyKeys {
		at := "default"
		if place, ok := p.StatedAt[key]; ok {
			at = place.String()
		}
		lines[i] = fmt.Sprintf("%-9s  %-15s  %s", key, values[key], at)
	}
	return strings.Join(lines, "\n")
}

func describeContract(c *contract.Contract) contractJSON {
	out := contractJSON{Title: c.Title, Version: c.Version, AsyncAPI: c.Document().Version.Text,
		EventTypes: []eventJSON{}, Servers: []serverJSON{}, Channels: []channelJSON{}, Operations: []operationJSON{}}
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
	for _, server := range c.Servers {
		out.Servers = append(out.Servers, serverJSON{server.Name, server.Host + server.Pathname, server.Protocol, placeOf(server.Span())})
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
		var parts []string
		if x.Replicas > 0 {
			parts = append(parts, count(x.Replicas, "replica"))
		}
		if x.AckedBy != "" {
			parts = append(parts, "acknowledged by "+x.AckedBy)
		}
		p.add("durability %s", strings.Join(parts, ", "))
	}
	if x := d.Ordering; x != nil {
		p.add("ordering %s", strings.TrimSpace(x.Scope+" "+x.Key))
	}
	if x := d.Dedupe; x != nil {
		by := x.By
		if len(by) == 0 {
			by = []string{"source", "id"}
		}
		text := "dedupe by " + strings.Join(by, "+")
		if x.Window > 0 {
			text += " for " + duration(x.Window)
		}
		if x.Where != "" {
			text += ", where: " + x.Where
		}
		p.add("%s", text)
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
		if x.Overlap > 0 {
			text += ", overlapping " + duration(x.Overlap)
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
		text := "retried"
		if x.MaxAttempts > 0 {
			text = count(x.MaxAttempts, "attempt")
		}
		if x.Strategy != "" {
			text += ", " + x.Strategy
		}
		if x.Delay > 0 {
			text += " from " + duration(x.Delay)
		}
		if x.MaxDelay > 0 {
			text += " to " + duration(x.MaxDelay)
		}
		p.add("%s", text)
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
	all := []contractJSON{}
	for _, r := range reviews {
		if r.contract != nil {
			all = append(all, describeContract(r.contract))
		}
	}
	if a.format == "json" {
		return writeJSON(a.env.Stdout, struct {
			Contracts []contractJSON `json:"contracts"`
		}{all})
	}
	var b strings.Builder
	for i, c := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeContract(&b, c)
	}
	_, err := io.WriteString(a.env.Stdout, b.String())
	return err
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
	if len(c.Servers) > 0 {
		fmt.Fprintf(w, "\nservers\n")
	}
	for _, server := range c.Servers {
		fmt.Fprintf(w, "  %s  %s at %s  %s\n", v(server.Name), v(server.Protocol), v(server.Host), server.At)
	}
	fmt.Fprintf(w, "\nchannels\n")
	for _, ch := range c.Channels {
		on := either(len(ch.Protocols) == 0, "no protocol stated", strings.Join(ch.Protocols, ", "))
		if len(ch.Servers) > 0 {
			on += " (" + strings.Join(ch.Servers, ", ") + ")"
		}
		fmt.Fprintf(w, "  %s  %s\n", v(ch.Name), ch.At)
		fmt.Fprintf(w, "    address %s on %s\n", v(either(ch.Address == "", "known at run time", ch.Address)), v(on))
		for _, p := range ch.Delivery {
			fmt.Fprintf(w, "    %s\n", v(p))
		}
	}
	fmt.Fprintf(w, "\noperations\n")
	for _, op := range c.Operations {
		fmt.Fprintf(w, "  %s  %s\n", v(op.Name), op.At)
		fmt.Fprintf(w, "    %s on %s: %s\n", either(op.Action == "", "no action", op.Action), v(op.Channel), v(strings.Join(op.Messages, ", ")))
		for _, p := range op.Delivery {
			fmt.Fprintf(w, "    %s\n", v(p))
		}
	}
	fmt.Fprintf(w, "\ncompatibility\n")
	for _, policy := range order {
		margin := "  "
		if len(order) > 1 {
			fmt.Fprintf(w, "  %s\n", v(strings.Join(policies[policy], ", ")))
			margin = "    "
		}
		for line := range strings.SplitSeq(policy, "\n") {
			fmt.Fprintf(w, "%s%s\n", margin, line)
		}
	}
}
