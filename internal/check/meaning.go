package check

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// meaningRules are about documents that are well-formed and say something that
// cannot be meant. Those about schemas are found by package schema, see
// reading.go.
var meaningRules = []*Rule{
	{ID: "component-unused", Title: "A component that nothing refers to", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkComponentUnused,
		Reason: `Components "have no effect on the API unless they are explicitly referenced from properties outside the components object". One that nothing refers to, directly or through others, is read, translated and kept up to date for nobody; or somebody believes that it is in force. Refer to it, or remove it. Operations are left out, since the specification offers components as a place for those that an application may or may not implement, and so are documents that have nothing but components, which others refer to.`},
	{ID: "channel-address-duplicate", Title: "Two channels have one address on one server", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkAddressDuplicate,
		Reason: `What travels on an address is what all channels of that address say together, but each of them claims to list everything. A consumer that believes one of the two meets messages that it does not know. Describe the address by one channel; operations can still differ in the messages that they send or receive.`},
	{ID: "operation-duplicate", Title: "Two operations say the same", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkOperationDuplicate,
		Reason: `Two operations with one action on one channel, with the same messages and nothing else that tells them apart (reply, bindings, delivery), describe one thing twice. Generated code gets two functions that do the same, and a change to one of them leaves the other behind.`},
	{ID: "correlation-location", Title: "A correlation id points at nothing in the message", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkCorrelationLocation,
		Reason: `The location of a correlation id is where tools read it from each message, to match replies with requests and to trace. A place that the headers or payload do not have is empty in every message, so nothing is ever matched. It is looked up through references and allOf; where the schema leaves open what a message has, nothing is said.`},
	{ID: "parameter-location", Title: "A parameter's location points at nothing in the message", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkParameterLocation,
		Reason: `The location of a parameter is where its value is found in the messages of the channel. A place that one of them does not have leaves the address unknown when that message is sent. Correct the location, or add the property to the message.`},
	{ID: "reply-address-location", Title: "A reply address points at nothing in the request", Family: Meaning, Severity: diag.Warning, Since: "0.1.0", Check: checkReplyLocation,
		Reason: `The location of a reply address is where the replier reads from the request whom to answer. A request that has no such place is never answered. Correct the location, or add the property to the request's headers or payload.`},
}

// usage finds the components that take effect: those that something outside of
// components leads to, directly or through others.
type usage struct {
	p          *Pass
	root       *syntax.Node // as written
	components *syntax.Node
	used       map[*syntax.Node]bool
	queue      []*syntax.Node
	elsewhere  map[*syntax.Node]bool // nodes of other files that have been walked
	heirs      map[*syntax.Node][]*syntax.Node
	family     map[*syntax.Node]bool // schemas told apart by a discriminator
}

func checkComponentUnused(p *Pass) {
	root := p.Doc.Written
	components := root.Get("components")
	if !components.Is(syntax.Mapping) || len(entries(root.Get("channels")))+len(entries(root.Get("operations"))) == 0 {
		return
	}
	u := &usage{p: p, root: root, components: components, used: map[*syntax.Node]bool{}, elsewhere: map[*syntax.Node]bool{}, family: map[*syntax.Node]bool{}}
	u.findHeirs()
	for _, item := range root.Items {
		if item != components {
			u.walk(item)
		}
	}
	for _, operation := range entries(components.Get("operations")) {
		u.use(operation)
	}
	for len(u.queue) > 0 {
		n := u.queue[len(u.queue)-1]
		u.queue = u.queue[:len(u.queue)-1]
		u.walk(n)
	}
	for _, group := range components.Items {
		if strings.HasPrefix(group.KeyName(), "x-") {
			continue
		}
		for _, entry := range entries(group) {
			if !u.used[entry] && !strings.HasPrefix(entry.KeyName(), "x-") {
				p.Report(entry, "%q of components.%s is used by nothing that takes effect; refer to it, or remove it", entry.KeyName(), group.KeyName())
			}
		}
	}
}

// findHeirs notes which schemas of components extend which. A schema with a
// discriminator stands for all that extend it, though nothing refers to them.
func (u *usage) findHeirs() {
	schemas := entries(u.components.Get("schemas"))
	if !slices.ContainsFunc(schemas, func(n *syntax.Node) bool { return n.Get("discriminator") != nil }) {
		return
	}
	u.heirs = map[*syntax.Node][]*syntax.Node{}
	for _, n := range schemas {
		u.family[n] = n.Get("discriminator") != nil
		for _, branch := range elements(n.Get("allOf")) {
			if base := u.entryOf(u.p.Doc.Target(branch)); base != nil {
				u.heirs[base] = append(u.heirs[base], n)
			}
		}
	}
}

// entryOf is the component that a node is, or lies in. It goes by names, since
// the upgrade from 2.x makes components anew in the place of those written.
func (u *usage) entryOf(n *syntax.Node) *syntax.Node {
	if n == nil || n.File != u.root.File {
		return nil
	}
	for ; n.Parent != nil && n.Parent.Parent != nil; n = n.Parent {
		if n.Parent.Parent == u.components {
			return u.components.Get(n.Parent.KeyName()).Get(n.KeyName())
		}
	}
	return nil
}

func (u *usage) use(entry *syntax.Node) {
	if u.used[entry] {
		return
	}
	u.used[entry] = true
	u.queue = append(u.queue, entry)
	if u.family[entry] {
		for _, heir := range u.heirs[entry] {
			u.family[heir] = true
			u.use(heir)
		}
	}
}

// lead follows a reference.
func (u *usage) lead(ref *syntax.Node) {
	to := u.p.Doc.Target(ref)
	switch entry := u.entryOf(to); {
	case to == nil:
	case entry != nil:
		u.use(entry)
	case to.File != u.root.File:
		u.walk(to)
	case to == u.components || to == u.root:
		for _, group := range u.components.Items {
			u.useAll(group)
		}
	case to.Parent == u.components:
		u.useAll(to)
	}
}

func (u *usage) useAll(group *syntax.Node) {
	for _, entry := range entries(group) {
		u.use(entry)
	}
}

func (u *usage) walk(n *syntax.Node) {
	if n.File != u.root.File {
		if u.elsewhere[n] {
			return
		}
		u.elsewhere[n] = true
	}
	switch n.Kind {
	case syntax.String: // a pointer, such as that of x-delivery.deadLetter
		if strings.HasPrefix(n.Value, "#/components/") {
			u.lead(n)
		}
	case syntax.Mapping:
		if document.IsRef(n) {
			u.lead(n)
		}
		if u.p.Doc.Version.Major == 2 {
			u.requirements(n.Get("security"))
		}
		fallthrough
	case syntax.Sequence:
		for _, item := range n.Items {
			u.walk(item)
		}
	}
}

// requirements uses the security schemes that requirements of 2.x name.
func (u *usage) requirements(list *syntax.Node) {
	schemes := u.components.Get("securitySchemes")
	for _, requirement := range elements(list) {
		for _, item := range entries(requirement) {
			if scheme := schemes.Get(item.KeyName()); scheme != nil {
				u.use(scheme)
			}
		}
	}
}

func checkAddressDuplicate(p *Pass) {
	declared := entries(p.Doc.Root.Get("channels"))
	type place struct {
		address string
		server  *contract.Server
	}
	onServer := map[place]*syntax.Node{}  // the first channel of an address on a server
	onAll := map[string]*syntax.Node{}    // the first that is on every server
	anywhere := map[string]*syntax.Node{} // the first at all
	for i, channel := range p.Contract.Channels {
		if !channel.HasAddress || i >= len(declared) {
			continue
		}
		address, ok := addressPattern(channel)
		if !ok {
			continue
		}
		entry, earlier := declared[i], onAll[address]
		if len(elements(channel.Field("servers"))) == 0 {
			if earlier == nil {
				onAll[address], earlier = entry, anywhere[address]
			}
		} else {
			for _, server := range channel.Servers {
				at := place{address, server}
				if first := onServer[at]; first == nil {
					onServer[at] = entry
				} else if earlier == nil {
					earlier = first
				}
			}
		}
		if anywhere[address] == nil {
			anywhere[address] = entry
		}
		if earlier != nil {
			d := p.Report(entry, "the channel %q has the same address as %q (%q); describe it by one channel, with the messages of both", entry.KeyName(), earlier.KeyName(), channel.Address)
			d.Related = append(d.Related, diag.Related{Span: earlier.KeySpan(), Message: "the other channel"})
		}
	}
}

// addressPattern is an address without the names of its parameters, which do
// not matter for where it leads, and with what bindings say of the place; false
// where its braces are faulty.
func addressPattern(c *contract.Channel) (string, bool) {
	var b strings.Builder
	found, fault := expressions(c.Address)
	if fault != nil {
		return "", false
	}
	at := 0
	for _, e := range found {
		b.WriteString(c.Address[at:e.start])
		b.WriteString("{}")
		at = e.end
	}
	b.WriteString(c.Address[at:])
	for _, n := range []*syntax.Node{
		c.Bindings.Get("kafka", "topic"), c.Bindings.Get("amqp", "is"), c.Bindings.Get("amqp", "exchange", "name"),
		c.Bindings.Get("amqp", "queue", "name"), c.Bindings.Get("googlepubsub", "topic"), c.Bindings.Get("ws", "method"),
	} {
		b.WriteByte('\n')
		b.WriteString(n.Str())
	}
	return b.String(), true
}

func checkOperationDuplicate(p *Pass) {
	declared := entries(p.Doc.Root.Get("operations"))
	type same struct {
		action   contract.Action
		channel  *contract.Channel
		messages int
		rest     string
	}
	lists := map[string]int{} // lists of messages, numbered
	number := func(messages []*contract.Message) int {
		names := make([]string, len(messages))
		for i, m := range messages {
			names[i] = m.Key
		}
		slices.Sort(names)
		list := strings.Join(names, "\n")
		if _, known := lists[list]; !known {
			lists[list] = len(lists)
		}
		return lists[list]
	}
	all := map[*contract.Channel]int{} // what an operation without messages has
	first := map[same]*syntax.Node{}
	for i, op := range p.Contract.Operations {
		if op.Channel == nil || op.Action == "" || i >= len(declared) {
			continue
		}
		key := same{action: op.Action, channel: op.Channel}
		known := false
		if op.Field("messages") == nil {
			key.messages, known = all[op.Channel]
		}
		if !known {
			key.messages = number(op.Messages)
			if op.Field("messages") == nil {
				all[op.Channel] = key.messages
			}
		}
		for _, field := range []string{"reply", "bindings", "security", document.ExtDelivery} {
			key.rest += field + " " + op.Field(field).Span().Text() + "\n"
		}
		earlier := first[key]
		if earlier == nil {
			first[key] = declared[i]
			continue
		}
		d := p.Report(declared[i], "the operation %q says the same as %q: it %ss the same messages on the same channel; remove one of them, or say what sets them apart", declared[i].KeyName(), earlier.KeyName(), op.Action)
		d.Related = append(d.Related, diag.Related{Span: earlier.KeySpan(), Message: "the other operation"})
	}
}
