package site

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

func itoa(n int) string { return strconv.Itoa(n) }

func jsonOf(n *syntax.Node) []byte { return schema.AppendJSON(nil, n) }

// A twin says in Markdown what a page says, for tools and for language models.
type twin struct {
	strings.Builder
	v *view
}

func (t *twin) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// link is a link to another twin.
func (t *twin) link(name, page string) string {
	if page == "" || t.v == nil {
		return plain(name)
	}
	return "[" + plain(name) + "](" + t.v.To(twinOf(page)) + ")"
}

// plain is a text in which nothing is markup.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_[]<>|", r) && r != '_' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quoted is what somebody wrote, as a quotation: it cannot pass for ours.
func (t *twin) quoted(s string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return
	}
	for line := range strings.Lines(clip(s, maxMarkdown)) {
		t.line("> %s", tame(markup().ReplaceAllString(strings.TrimRight(line, "\r\n"), "&lt;$1")))
	}
	t.line("")
}

// markup is where HTML begins, which readers of Markdown may take for just that. It is
// not escaped with a backslash, which another one before it would undo.
var markup = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("<([A-Za-z/!?])") })

// tame breaks the links of a line that do not lead to the web.
func tame(line string) string {
	var b strings.Builder
	for {
		i := strings.Index(line, "](")
		j := strings.Index(line, "]:")
		if i < 0 || j >= 0 && j < i {
			i = j
		}
		if i < 0 {
			return b.String() + line
		}
		to := strings.ToLower(strings.TrimLeft(line[i+2:], " \t<"))
		b.WriteString(line[:i+1])
		if !strings.HasPrefix(to, "https://") && !strings.HasPrefix(to, "http://") && !strings.HasPrefix(to, "mailto:") {
			b.WriteByte('\\')
		}
		b.WriteByte(line[i+1])
		line = line[i+2:]
	}
}

func (t *twin) fenced(language, text string) {
	if text == "" {
		return
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	t.line("%s%s\n%s\n%s\n", fence, language, strings.TrimRight(text, "\n"), fence)
}

func (t *twin) facts(p *Promise) {
	if p == nil {
		return
	}
	for _, s := range p.Sentences {
		t.line("%s", s)
	}
	t.line("")
	if len(p.Facts) > 0 {
		t.line("| promise | value |\n|---|---|")
		for _, f := range p.Facts {
			t.line("| %s | %s |", plain(f.Name), plain(f.Value))
		}
		t.line("")
	}
}

func (t *twin) owner(o Owner) string {
	s := plain(o.Name)
	for _, x := range []string{o.Email, o.URL} {
		if x != "" {
			s = strings.TrimPrefix(s+", "+plain(x), ", ")
		}
	}
	return s
}

func (t *twin) services(all []*Service) string {
	var names []string
	for _, s := range all {
		names = append(names, t.link(s.Name, s.page()))
	}
	return firstOf(strings.Join(names, ", "), "nobody that is known")
}

func (t *twin) parties(all []Party) string {
	var services []*Service
	for _, p := range all {
		services = append(services, p.Service)
	}
	return t.services(services)
}

func (t *twin) events(all []*Event) {
	for _, e := range all {
		note := firstOf(e.Summary(), e.Title())
		if note != "" {
			note = ": " + plain(note)
		}
		t.line("- %s%s", t.link(e.Type, e.page()), note)
	}
	t.line("")
}

func gone(d *Deprecation) string {
	if d == nil {
		return ""
	}
	s := "Deprecated"
	if !d.Since.IsZero() {
		s += " since " + date(d.Since)
	}
	if !d.Sunset.IsZero() {
		s += ", goes away on " + date(d.Sunset)
	}
	if d.ReplacedBy != "" {
		s += ", replaced by " + d.ReplacedBy
	}
	return s + "."
}

// Words says it in a sentence.
func (d *Deprecation) Words() string { return gone(d) }

func (t *twin) fields(f *Field, depth int) {
	in := strings.Repeat("  ", depth)
	row := func(f *Field) {
		s := in + "- "
		if f.Name != "" {
			s += code(f.Name) + " "
		}
		s += "(" + f.Type
		if f.Required {
			s += ", required"
		}
		if f.Deprecated {
			s += ", deprecated"
		}
		s += ")"
		var words []string
		for _, w := range f.Words {
			words = append(words, w.String())
		}
		if len(words) > 0 {
			s += ": " + strings.Join(words, "; ")
		}
		if f.Default != "" {
			s += "; " + code(f.Default) + " where it is missing"
		}
		if doc := clip(firstWords(f.Doc), 400); doc != "" {
			s += ". " + plain(doc)
		}
		if f.Recursive {
			s += " (as above)"
		}
		t.line("%s", s)
	}
	for _, one := range f.Fields {
		row(one)
		t.fields(one, depth+1)
	}
	for _, tab := range f.Tabs {
		t.line("%s- either %s:", in, code(tab.Label))
		if len(tab.Field.Fields) == 0 && len(tab.Field.Tabs) == 0 {
			in += "  "
			row(tab.Field)
			in = in[2:]
		}
		t.fields(tab.Field, depth+1)
	}
}

func homeTwin(v *view, d any) string {
	h := d.(*home)
	t := &twin{v: v}
	t.line("# %s\n", plain(v.Options.Title))
	t.line("%s, %s, %s, %s. Every page of this catalogue has a Markdown twin: its path with .md for .html.\n", count(len(v.Events), "event type"), count(len(v.Channels), "channel"), count(len(v.Services), "service"), count(len(v.Servers), "server"))
	t.line("- %s\n- %s\n- %s\n- %s\n- %s\n- %s\n", t.link("Event types", "events/index.html"), t.link("Channels", "channels/index.html"), t.link("Services", "services/index.html"), t.link("Servers", "servers/index.html"), t.link("Changes", "changes.html"), t.link("What goes away", "deprecations.html"))
	for _, dom := range h.Domains {
		t.line("## %s\n", plain(firstOf(dom.Name, "Event types")))
		t.events(dom.Events)
		if dom.More > 0 {
			t.line("and %d more in %s\n", dom.More, t.link("the list", "events/index.html"))
		}
	}
	return t.String()
}

func listTwin[T any](v *view, d any) string {
	l := d.(*listing[T])
	t := &twin{v: v}
	t.line("# %s\n", l.Title)
	for _, item := range l.Items {
		switch x := any(item).(type) {
		case *Event:
			note := firstOf(x.Summary(), x.Title())
			if note != "" {
				note = ": " + plain(note)
			}
			t.line("- %s%s", t.link(x.Type, x.page()), note)
		case *Channel:
			t.line("- %s: %s", t.link(x.Address, x.page()), count(len(x.Events()), "event type"))
		case *Service:
			t.line("- %s: sends %d, receives %d", t.link(x.Name, x.page()), len(x.Sends()), len(x.Receives()))
		case *Server:
			t.line("- %s: %s", t.link(x.Address, x.page()), count(len(x.Channels), "channel"))
		}
	}
	for _, p := range l.Pages {
		if !p.This {
			t.line("- %s", t.link("from "+p.Label, p.Path))
		}
	}
	return t.String()
}

func eventTwin(v *view, d any) string {
	p := d.(*eventPage)
	t := &twin{v: v}
	t.event(p, 1)
	return t.String()
}

// event writes an event type under a heading of a level.
func (t *twin) event(p *eventPage, level int) {
	h := strings.Repeat("#", level)
	t.line("%s %s\n", h, plain(p.Type))
	if title := p.Title(); title != "" {
		t.line("**%s** %s\n", plain(title), plain(p.Lead))
	} else if p.Lead != "" {
		t.line("%s\n", plain(p.Lead))
	}
	if p.Gone != nil {
		t.line("**%s**\n", gone(p.Gone))
	}
	t.line("| | |\n|---|---|")
	t.line("| service | %s |", t.link(p.Service.Name, p.Service.page()))
	if o := t.owner(p.Service.Owner); o != "" {
		t.line("| owner | %s |", o)
	}
	for _, ch := range p.Channels() {
		t.line("| channel | %s |", t.link(ch.Address, ch.page()))
	}
	t.line("| envelope | %s |", plain(p.Envelope))
	t.line("| sent by | %s |", t.parties(p.Senders()))
	t.line("| received by | %s |", t.parties(p.Receivers()))
	if p.Expires != "" {
		t.line("| expires | after %s |", p.Expires)
	}
	if p.Place != "" {
		t.line("| written in | %s |", plain(p.Place))
	}
	t.line("")
	t.quoted(p.Description)
	if p.Payload != nil && (len(p.Payload.Fields) > 0 || len(p.Payload.Tabs) > 0) {
		t.line("%s# Payload\n", h)
		t.fields(p.Payload, 0)
		t.line("")
	}
	if p.Promise != nil {
		t.line("%s# Delivery\n", h)
		t.facts(p.Promise)
	}
	for _, x := range p.Handling {
		t.line("- %s, %s: %s", t.link(x.Service.Name, x.Service.page()), plain(x.Operation.Name), strings.Join(x.Promise.Sentences, " "))
	}
	if len(p.Handling) > 0 {
		t.line("")
	}
	t.line("%s# Changes\n\n%s\n", h, p.Policy)
	for _, x := range p.Examples {
		t.line("%s# Example%s\n", h, plain(strings.TrimSuffix(": "+x.Name, ": ")))
		t.fenced("json", firstOf(x.Structured, x.Data))
	}
}

func channelTwin(v *view, d any) string {
	p := d.(*channelPage)
	t := &twin{v: v}
	t.line("# Channel %s\n", plain(p.Address))
	t.quoted(p.Description)
	if p.Gone != nil {
		t.line("**%s**\n", gone(p.Gone))
	}
	t.line("- sent on by %s\n- received from by %s", t.services(p.Senders()), t.services(p.Receivers()))
	for _, s := range p.Servers {
		t.line("- on %s", t.link(s.Address, s.page()))
	}
	t.line("")
	t.facts(p.Promise)
	t.line("## Event types\n")
	t.events(p.Types)
	return t.String()
}

func serviceTwin(v *view, d any) string {
	p := d.(*servicePage)
	t := &twin{v: v}
	t.line("# Service %s\n", plain(p.Name))
	t.quoted(p.Description)
	if o := t.owner(p.Owner); o != "" {
		t.line("Owner: %s\n", o)
	}
	if p.NotUnderstood != "" {
		t.line("The document could not be read: %s\n", plain(p.NotUnderstood))
	}
	for _, f := range p.Findings {
		t.line("- %s %s: %s (%s)", f.Severity, plain(f.Where), plain(f.Message), f.Rule)
	}
	uses := func(title string, all []*Use) {
		if len(all) == 0 {
			return
		}
		t.line("\n## %s\n", title)
		for _, u := range all {
			on := ""
			if u.Channel != nil {
				on = " on " + t.link(u.Channel.Address, u.Channel.page())
			}
			t.line("- %s%s", t.link(u.Event.Type, u.Event.page()), on)
		}
	}
	uses("Sends", p.Out)
	uses("Receives", p.In)
	uses("Describes", p.Undirected)
	if p.Policy != "" {
		t.line("\n## Changes\n\n%s", p.Policy)
	}
	return t.String()
}

func serverTwin(v *view, d any) string {
	p := d.(*serverPage)
	t := &twin{v: v}
	t.line("# Server %s\n", plain(p.Address))
	t.quoted(p.First.Description)
	for _, s := range p.Security {
		t.line("- authenticates by %s %s", plain(s.Type), plain(s.Description))
	}
	for _, x := range p.Variables {
		t.line("- variable %s: default %s, one of %s", plain(x.Name), plain(x.Default), plain(strings.Join(x.Enum, ", ")))
	}
	t.line("\n## Channels\n")
	for _, ch := range p.Shown {
		t.line("- %s", t.link(ch.Address, ch.page()))
	}
	return t.String()
}

func mapTwin(v *view, _ any) string {
	t := &twin{v: v}
	t.line("# Map\n")
	for _, s := range v.Services {
		var to, from []string
		for _, ch := range s.channels(v.Catalogue) {
			for _, u := range ch.Uses {
				if u.Service == s && u.Sends {
					to = append(to, t.link(ch.Address, ch.page()))
					break
				}
			}
			for _, u := range ch.Uses {
				if u.Service == s && u.Receives {
					from = append(from, t.link(ch.Address, ch.page()))
					break
				}
			}
		}
		if len(to)+len(from) > 0 {
			t.line("- %s: sends on %s; receives from %s", t.link(s.Name, s.page()), firstOf(strings.Join(to, ", "), "nothing"), firstOf(strings.Join(from, ", "), "nothing"))
		}
	}
	return t.String()
}

func deprecationsTwin(v *view, d any) string {
	t := &twin{v: v}
	t.line("# What goes away\n")
	all := d.([]Gone)
	for _, g := range all {
		t.line("- %s %s. %s Received by %s.", g.Kind, t.link(g.Name, g.Page), gone(g.Deprecation), t.services(g.Receivers))
	}
	if len(all) == 0 {
		t.line("Nothing is deprecated.")
	}
	return t.String()
}

func changesTwin(v *view, d any) string {
	t := &twin{v: v}
	t.line("# Changes\n")
	all := d.([]*Release)
	for _, r := range all {
		if r.First {
			t.line("- %s %s (%s): first release", t.link(r.Service.Name, r.Service.pastPage()), plain(r.Name()), date(r.Time))
			continue
		}
		t.line("- %s (%s): %s, %s", t.link(r.Service.Name+" "+r.Name(), r.Comparison.Page), firstOf(date(r.Time), "not released"), r.Verdict, r.Summary())
	}
	if len(all) == 0 {
		t.line("No versions are known.")
	}
	return t.String()
}

func pastTwin(v *view, d any) string {
	p := d.(*past)
	t := &twin{v: v}
	t.line("# Versions of %s\n", plain(p.Name))
	for _, x := range p.Versions {
		t.line("- %s %s", plain(x.Name), date(x.Time))
	}
	t.line("")
	for _, row := range p.Rows {
		for _, c := range row.Cells {
			if !c.Blank {
				t.line("- %s %s", t.link(c.Label, c.Page), c.Verdict)
			}
		}
	}
	return t.String()
}

func compareTwin(v *view, d any) string {
	c := d.(*Comparison)
	t := &twin{v: v}
	t.line("# %s: %s to %s\n", plain(c.Service.Name), plain(c.Old.Name), plain(c.New.Name))
	t.line("**%s**: %s. Suggested version: %s.\n", c.Verdict, c.Summary(), c.Bump)
	for _, ch := range c.Chapters {
		t.line("## %s\n", t.link(ch.Title, ch.Page))
		for _, x := range ch.Changes {
			s := fmt.Sprintf("- **%s** %s", x.Weight(), plain(x.Message))
			if x.Breaks() {
				s += " (" + plain(x.Affected()) + ")"
			}
			t.line("%s", s)
			for _, spot := range x.Spots {
				t.line("  - %s", plain(spot.String()))
			}
			if w := x.Witness(); w != "" {
				t.line("")
				t.fenced("json", w)
			}
		}
		t.line("")
	}
	return t.String()
}

// Markdown is the event types of the catalogue in one file, each with what is
// promised: to keep beside the documents.
func (s *Site) Markdown() string {
	v := &view{Site: s, Page: &page{path: "index.html"}}
	t := &twin{} // without links: there is nothing that they would lead to
	t.line("# %s\n", plain(s.Options.Title))
	for _, x := range s.Services {
		if len(s.Services) > 1 {
			t.line("## %s\n", plain(x.Name))
		}
		p := v.service(x)
		if p.NotUnderstood != "" {
			t.line("The document could not be read: %s\n", plain(p.NotUnderstood))
			continue
		}
		t.quoted(p.Description)
		o := ""
		if o = t.owner(x.Owner); o != "" {
			o = " Owner: " + o + "."
		}
		t.line("Version %s, from %s.%s\n", plain(firstOf(p.Version, "unknown")), code(x.Source.Name), o)
		if x.Faults > 0 {
			t.line("**The document has %s**; what could not be understood is left out.\n", count(x.Faults, "error"))
		}
		t.line("%s\n", p.Policy)
		done := map[*Event]bool{}
		for _, u := range x.Uses {
			if done[u.Event] {
				continue
			}
			done[u.Event] = true
			e := v.event(&Event{Type: u.Event.Type, Uses: u.Event.Uses, Home: u, Family: u.Event.Family})
			level := 2
			if len(s.Services) > 1 {
				level = 3
			}
			t.event(e, level)
		}
	}
	return t.String()
}
