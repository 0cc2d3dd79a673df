package site

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/gen"
	"github.com/treaty-events/treaty/internal/syntax"
)

// home is what the first page shows.
type home struct {
	Picture      template.HTML
	Domains      []Domain
	Broken       []*Service
	Deprecations []Gone
	Recent       []*Release
}

// Domain is event types whose names begin alike. Its Name is "" where it is all
// there are.
type Domain struct {
	Name   string
	Events []*Event
	More   int
}

// maxDomains and maxOfDomain bound the first page, and maxAlone what it has of types
// that are in no domain.
const maxDomains, maxOfDomain, maxAlone = 24, 8, 24

// parted are the parts of a name that events of a kind share, without what happened
// and the version: com, acme and orders of com.acme.orders.paid.v1.
func parted(name string) []string {
	stem, _ := versionOf(name)
	parts := strings.Split(stem, ".")
	return parts[:len(parts)-1]
}

// domains are the event types by how their names begin: by the first part, and where
// names begin with an organisation, as those of CloudEvents do, by the one after it.
func domains(all []*Event) []Domain {
	first := map[string][]*Event{}
	for _, e := range all {
		if parts := parted(e.Type); len(parts) > 0 {
			first[parts[0]] = append(first[parts[0]], e)
		}
	}
	deep := map[string]int{} // how many parts name a domain
	for name, events := range first {
		common, least := parted(events[0].Type), math.MaxInt
		for _, e := range events {
			parts := parted(e.Type)
			least = min(least, len(parts))
			n := 0
			for n < min(len(common), len(parts)) && common[n] == parts[n] {
				n++
			}
			common = common[:n]
		}
		deep[name] = 1
		if len(common) > 1 {
			deep[name] = len(common) + 1
		} else if least > 2 {
			deep[name] = 3
		}
	}
	var out []Domain
	index := map[string]int{}
	var rest []*Event
	for _, e := range all {
		parts := parted(e.Type)
		if len(parts) == 0 {
			rest = append(rest, e)
			continue
		}
		name := strings.Join(parts[:min(len(parts), deep[parts[0]])], ".")
		i, ok := index[name]
		if !ok {
			i = len(out)
			index[name] = i
			out = append(out, Domain{Name: name})
		}
		out[i].Events = append(out[i].Events, e)
	}
	// One alone is no domain, unless there is but one.
	alone := 0
	for _, d := range out {
		if len(d.Events) == 1 {
			alone++
		}
	}
	if alone+len(rest) > 1 {
		out = slices.DeleteFunc(out, func(d Domain) bool {
			if len(d.Events) > 1 {
				return false
			}
			rest = append(rest, d.Events...)
			return true
		})
	}
	if len(out) > maxDomains {
		for _, d := range out[maxDomains:] {
			rest = append(rest, d.Events...)
		}
		out = out[:maxDomains]
	}
	for i := range out {
		out[i].cut(maxOfDomain)
	}
	if len(rest) > 0 {
		slices.SortFunc(rest, func(a, b *Event) int { return strings.Compare(a.Type, b.Type) })
		d := Domain{Name: "others", Events: rest}
		if len(out) == 0 {
			d.Name = ""
		}
		d.cut(maxAlone)
		out = append(out, d)
	}
	return out
}

func (d *Domain) cut(n int) {
	if len(d.Events) > n {
		d.Events, d.More = d.Events[:n], len(d.Events)-n
	}
}

func homeData(v *view) any {
	h := &home{Deprecations: v.deprecations()}
	if len(h.Deprecations) > 5 {
		h.Deprecations = h.Deprecations[:5]
	}
	if p := v.overview(v.To); p != nil {
		h.Picture = p.SVG()
	}
	h.Domains = domains(v.Events)
	h.Broken = v.broken()
	h.Recent = v.releases()
	if len(h.Recent) > 4 {
		h.Recent = h.Recent[:4]
	}
	return h
}

// broken are the services whose documents have errors, the first of them.
func (v *view) broken() []*Service {
	var all []*Service
	for _, s := range v.Services {
		if s.Broken() && len(all) < 12 {
			all = append(all, s)
		}
	}
	return all
}

// eventPage is what the page of an event type shows.
type eventPage struct {
	*Event
	Message     *contract.Message
	Service     *Service
	Channel     *Channel
	Version     int
	Gone        *Deprecation
	Over        bool // the sunset has passed
	Envelope    string
	Attributes  []contract.Attribute
	Payload     *Field
	Cut         bool
	Schema      string // the language of the payload
	Unread      bool   // which is not understood
	Examples    []*Example
	Snippets    []Snippet
	Promise     *Promise
	Handling    []handled
	Policy      string
	Picture     template.HTML
	Usage       *Usage
	Others      []Party // who receives other versions of the type
	Place       string  // file:line
	Also        []*Use  // other messages of the type that nobody sends or receives
	Expires     string
	Lead        string // in a line
	Description string // as written, what Lead does not say
}

// handled is what a service does with the events.
type handled struct {
	Service   *Service
	Operation *contract.Operation
	Promise   *Promise
}

func (v *view) event(e *Event) *eventPage {
	u := e.Home
	m := u.Message
	p := &eventPage{Event: e, Message: m, Service: u.Service, Channel: u.Channel, Gone: e.Deprecation(), Envelope: envelopeOf(m),
		Promise: promiseOf(m.Channel), Policy: policyOf(m.Compatibility), Place: placeOf(m.Place), Examples: u.examples()}
	_, p.Version = versionOf(e.Type)
	p.Over = p.Gone != nil && !p.Gone.Sunset.IsZero() && !v.Options.Now.IsZero() && v.Options.Now.After(p.Gone.Sunset)
	p.Attributes = m.Envelope.Attributes
	p.Lead, p.Description = strings.TrimSpace(m.Summary), strings.TrimSpace(m.Description)
	if p.Lead == "" && isPlain(p.Description) || p.Lead == p.Description {
		p.Lead, p.Description = p.Description, ""
	}
	var shape *gen.Shape
	if m.Payload != nil {
		p.Schema = m.Payload.Dialect.String()
		shape = shapeOf(u.Service, e.Type)
		p.Unread = !m.Payload.Dialect.IsJSONSchema() && shape != nil && shape.Kind == gen.Any
		p.Payload, p.Cut = u.Service.payload(shape)
	}
	e.learn(p.Payload)
	p.Usage = e.usage(p.Payload)
	if len(p.Examples) > 0 {
		p.Snippets = u.snippets(p.Examples[0])
	}
	if m.Delivery != nil && m.Delivery.Expires > 0 {
		p.Expires = longWords(m.Delivery.Expires)
	}
	seen := map[*contract.Operation]bool{}
	for _, use := range e.Uses {
		for _, op := range use.By {
			if h := handlingOf(op); h != nil && !seen[op] && len(h.Sentences) > 0 && len(p.Handling) < 12 {
				seen[op] = true
				p.Handling = append(p.Handling, handled{use.Service, op, h})
			}
		}
		if !use.Sends && !use.Receives && use != u {
			p.Also = append(p.Also, use)
		}
	}
	for _, other := range e.Family {
		if other != e {
			p.Others = append(p.Others, other.Receivers()...)
		}
	}
	if pic := e.picture(v.To); len(pic.edges) > 0 {
		p.Picture = pic.SVG()
	}
	return p
}

func placeOf(p contract.Place) string {
	span := p.Span()
	if span.File == nil {
		return ""
	}
	return span.File.Name + ":" + itoa(span.File.Position(span.Start).Line)
}

// channelPage is what the page of a channel shows.
type channelPage struct {
	*Channel
	In          In
	Description string
	Promise     *Promise
	Policy      string
	Picture     template.HTML
	Types       []*Event
	MoreTypes   int
	Bindings    []Binding
	Gone        *Deprecation
	Handling    []handled
	Place       string
	Parameters  []*contract.Parameter
}

// Binding is the settings of a protocol, as JSON.
type Binding struct{ Protocol, Text string }

func bindingsOf(all contract.Bindings) []Binding {
	var out []Binding
	for protocol, n := range all {
		if n.Is(syntax.Mapping) && n.Len() > 0 {
			out = append(out, Binding{protocol, clip(pretty(jsonOf(n)), 6000)})
		}
	}
	slices.SortFunc(out, func(a, b Binding) int { return strings.Compare(a.Protocol, b.Protocol) })
	return out
}

// HTML is the settings with their parts marked.
func (b Binding) HTML() template.HTML { return highlighted(b.Text) }

func (v *view) channel(ch *Channel) *channelPage {
	in := ch.Home()
	p := &channelPage{Channel: ch, In: in, Description: firstOf(in.Channel.Description, in.Channel.Summary), Promise: promiseOf(in.Channel), Policy: policyOf(in.Channel.Compatibility),
		Types: ch.Events(), Bindings: bindingsOf(in.Channel.Bindings), Gone: ch.Deprecation(), Place: placeOf(in.Channel.Place), Parameters: in.Channel.Parameters}
	if len(p.Types) > perPage {
		p.MoreTypes = len(p.Types) - perPage
		p.Types = p.Types[:perPage]
	}
	pic := newPicture("Who sends on " + ch.Address + ", and who receives")
	pic.flow(ch, v.To, ch)
	if len(pic.edges) > 0 {
		p.Picture = pic.SVG()
	}
	for _, one := range ch.In {
		for _, op := range one.Channel.Operations {
			if h := handlingOf(op); h != nil && len(h.Sentences) > 0 && len(p.Handling) < 20 {
				p.Handling = append(p.Handling, handled{one.Service, op, h})
			}
		}
	}
	return p
}

// servicePage is what the page of a service shows.
type servicePage struct {
	*Service
	Description    string
	Version        string
	Out, In        []*Use
	MoreOut        int
	MoreIn         int
	Undirected     []*Use // when nothing says who sends it
	Picture        template.HTML
	Findings       []Finding
	MoreFindings   int
	Policy         string
	Handling       []handled
	Specification  string
	PastPage       string
	Versions       int
	NotUnderstood  string // why it could not be read
	DeadLetters    []DeadLetters
	ChannelsOfThis []*Channel
}

// Finding is what is wrong with a document, with the line that it is about.
type Finding struct {
	diag.Diagnostic
	Where, Line string
}

const maxFindings, maxUses = 60, 250

func (v *view) service(s *Service) *servicePage {
	p := &servicePage{Service: s, Versions: len(s.Source.Versions)}
	if s.Source.Err != nil {
		p.NotUnderstood = s.Source.Err.Error()
	}
	found := slices.Clone(s.Source.Findings)
	found = slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return d.Severity < diag.Warning })
	slices.SortStableFunc(found, func(a, b diag.Diagnostic) int { return int(b.Severity) - int(a.Severity) })
	if len(found) > maxFindings {
		p.MoreFindings = len(found) - maxFindings
		found = found[:maxFindings]
	}
	for _, d := range found {
		f := Finding{Diagnostic: d}
		if d.Span.File != nil {
			at := d.Span.File.Position(d.Span.Start)
			f.Where = d.Span.File.Name + ":" + itoa(at.Line)
			f.Line = clip(strings.TrimSpace(d.Span.File.Line(at.Line)), 160)
		}
		p.Findings = append(p.Findings, f)
	}
	if s.hasPast() {
		p.PastPage = s.pastPage()
	}
	c := s.Contract
	if c == nil {
		return p
	}
	p.Description, p.Version, p.Policy = c.Description, c.Version, policyOf(c.Compatibility)
	p.Specification = c.Field("asyncapi").Str()
	p.Out, p.In = s.Sends(), s.Receives()
	if len(p.Out) > maxUses {
		p.MoreOut = len(p.Out) - maxUses
		p.Out = p.Out[:maxUses]
	}
	if len(p.In) > maxUses {
		p.MoreIn = len(p.In) - maxUses
		p.In = p.In[:maxUses]
	}
	p.Undirected = s.does(func(u *Use) bool { return !u.Sends && !u.Receives && len(c.Operations) == 0 })
	if len(p.Undirected) > maxUses {
		p.Undirected = p.Undirected[:maxUses]
	}
	p.ChannelsOfThis = s.channels(v.Catalogue)
	if pic := s.picture(p.ChannelsOfThis, v.To); len(pic.edges) > 0 {
		p.Picture = pic.SVG()
	}
	for _, op := range c.Operations {
		if h := handlingOf(op); h != nil && len(h.Sentences) > 0 && len(p.Handling) < 30 {
			p.Handling = append(p.Handling, handled{s, op, h})
		}
	}
	return p
}

// channels are those that the service sends on or receives from, and where its dead
// letters go.
func (s *Service) channels(*Catalogue) []*Channel {
	var all []*Channel
	seen := map[*Channel]bool{}
	for _, u := range s.Uses {
		if u.Channel == nil || seen[u.Channel] {
			continue
		}
		dead := slices.ContainsFunc(u.Channel.DeadLettersOf, func(d DeadLetters) bool { return d.Service == s })
		if u.Sends || u.Receives || dead {
			seen[u.Channel] = true
			all = append(all, u.Channel)
		}
	}
	return all
}

// serverPage is what the page of a server shows.
type serverPage struct {
	*Server
	First        *contract.Server
	Security     []Security
	Variables    []*contract.Variable
	Bindings     []Binding
	Shown        []*Channel
	MoreChannels int
}

// Security is a way to authenticate.
type Security struct {
	Type, Description string
	Scopes            []string
}

var securityWords = map[string]string{
	"userPassword": "user and password", "apiKey": "an API key", "X509": "a client certificate (X.509)", "symmetricEncryption": "symmetric encryption",
	"asymmetricEncryption": "asymmetric encryption", "httpApiKey": "an API key in HTTP", "http": "HTTP authentication", "oauth2": "OAuth 2",
	"openIdConnect": "OpenID Connect", "plain": "SASL PLAIN", "scramSha256": "SASL SCRAM-SHA-256", "scramSha512": "SASL SCRAM-SHA-512", "gssapi": "SASL GSSAPI (Kerberos)",
}

func (v *view) server(s *Server) *serverPage {
	p := &serverPage{Server: s, First: s.In[0].Server, Shown: s.Channels}
	for _, in := range s.In {
		for _, x := range in.Server.Security {
			one := Security{firstOf(securityWords[x.Type], x.Type), x.Field("description").Str(), x.Scopes}
			if !slices.ContainsFunc(p.Security, func(o Security) bool { return o.Type == one.Type && slices.Equal(o.Scopes, one.Scopes) }) {
				p.Security = append(p.Security, one)
			}
		}
	}
	p.Variables, p.Bindings = p.First.Variables, bindingsOf(p.First.Bindings)
	if len(p.Shown) > perPage {
		p.MoreChannels = len(p.Shown) - perPage
		p.Shown = p.Shown[:perPage]
	}
	return p
}

// Gone is something that goes away.
type Gone struct {
	*Deprecation
	Kind, Name, Page string
	Receivers        []*Service
	Over             bool
}

// maxGone bounds the page of deprecations.
const maxGone = 400

// deprecations are what goes away, the next first; what has no date comes last.
func (v *view) deprecations() []Gone {
	var all []Gone
	over := func(d *Deprecation) bool {
		return !d.Sunset.IsZero() && !v.Options.Now.IsZero() && v.Options.Now.After(d.Sunset)
	}
	for _, e := range v.Events {
		if d := e.Deprecation(); d != nil {
			g := Gone{Deprecation: d, Kind: "event type", Name: e.Type, Page: e.page(), Over: over(d)}
			for _, p := range e.Receivers() {
				g.Receivers = append(g.Receivers, p.Service)
			}
			all = append(all, g)
		}
	}
	for _, ch := range v.Channels {
		if d := ch.Deprecation(); d != nil {
			all = append(all, Gone{Deprecation: d, Kind: "channel", Name: ch.Address, Page: ch.page(), Receivers: ch.Receivers(), Over: over(d)})
		}
	}
	slices.SortStableFunc(all, func(a, b Gone) int {
		none := func(t time.Time) int {
			if t.IsZero() {
				return 1
			}
			return 0
		}
		return cmp.Or(none(a.Sunset)-none(b.Sunset), a.Sunset.Compare(b.Sunset), strings.Compare(a.Name, b.Name))
	})
	if len(all) > maxGone {
		all = all[:maxGone]
	}
	return all
}

// Flow is the channels of a service.
type Flow struct {
	Service *Service
	Out, In []*Channel
}

// maxFlows bounds the list beside the map.
const maxFlows = 300

// Flows are the channels of every service.
func (v *view) Flows() []Flow {
	var all []Flow
	for _, s := range v.Services {
		f := Flow{Service: s}
		for _, ch := range s.channels(v.Catalogue) {
			if slices.Contains(ch.Senders(), s) && len(f.Out) < 20 {
				f.Out = append(f.Out, ch)
			}
			if slices.Contains(ch.Receivers(), s) && len(f.In) < 20 {
				f.In = append(f.In, ch)
			}
		}
		if len(f.Out)+len(f.In) > 0 && len(all) < maxFlows {
			all = append(all, f)
		}
	}
	return all
}
