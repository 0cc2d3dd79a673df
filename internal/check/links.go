package check

import (
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Rules about where references may lead: operations to channels and messages,
// channels to servers. In 2.x these are names or objects in place, and what the
// upgrade makes of them leads to the right place by construction.

// isEntry reports whether n is an entry of a map, as opposed to what an entry
// refers to.
func isEntry(n, of *syntax.Node) bool {
	return n != nil && of.Is(syntax.Mapping) && of.Get(n.KeyName()) == n
}

// reference writes the reference to a node of the same file.
func reference(n *syntax.Node) string {
	return "#" + strings.ReplaceAll(n.Pointer(), "%", "%25")
}

// definitions finds the entry of a map that means the same object as another
// node. The index is made on first use, which in a sound document is never.
type definitions struct {
	p  *Pass
	of *syntax.Node

	byDefinition map[*syntax.Node]*syntax.Node
	byReference  map[written]*syntax.Node
}

// written is a reference by its text and the file that it stands in.
type written struct {
	file *diag.File
	text string
}

func (d *definitions) index() {
	if d.byDefinition != nil {
		return
	}
	d.byDefinition, d.byReference = make(map[*syntax.Node]*syntax.Node), make(map[written]*syntax.Node)
	for _, e := range entries(d.of) {
		if def := d.p.Doc.Resolve(e); def != nil && d.byDefinition[def] == nil {
			d.byDefinition[def] = e
		}
		if ref := e.Get("$ref"); ref.Is(syntax.String) && d.byReference[written{ref.File, ref.Value}] == nil {
			d.byReference[written{ref.File, ref.Value}] = e
		}
	}
}

// entry finds the one that leads to the same definition as n.
func (d *definitions) entry(n *syntax.Node) *syntax.Node {
	d.index()
	if def := d.p.Doc.Resolve(n); def != nil {
		return d.byDefinition[def]
	}
	return nil
}

// meant finds the one that a reference must mean which leads nowhere, or to
// something that leads nowhere: the one with the same reference, or the one of
// that name.
func (d *definitions) meant(text *syntax.Node, unresolved bool) *syntax.Node {
	d.index()
	if e := d.byReference[written{text.File, text.Value}]; e != nil || !unresolved {
		return e
	}
	file, pointer, _ := strings.Cut(text.Value, "#")
	if file != "" {
		return nil
	}
	return d.of.Get(unescaped(pointer[strings.LastIndexByte(pointer, '/')+1:]))
}

// unescaped is a token of a JSON Pointer (RFC 6901) as it reads.
func unescaped(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// rewrite offers to let a reference lead to an entry instead. It is safe where
// both mean the same definition.
func rewrite(d *diag.Diagnostic, text, entry *syntax.Node) {
	to := reference(entry)
	d.Message += fmt.Sprintf("; write %q", to)
	if text.File == entry.File {
		d.Fix = &diag.Fix{Title: "refer to " + to, Safe: true, Edits: []diag.Edit{syntax.SetValue(text, to)}}
	}
}

// kindOf returns a test for objects of a kind. A reference to an object of
// another kind has been reported as that.
func (p *Pass) kindOf(o *document.Object) func(*syntax.Node) bool {
	all := p.Doc.All(o)
	set := make(map[*syntax.Node]bool, len(all))
	for _, n := range all {
		set[n] = true
	}
	return func(n *syntax.Node) bool { return set[n] }
}

// rootReference holds a reference to what the specification demands of those
// written under the document's root: that they lead to an entry of a map there.
func (p *Pass) rootReference(ref *syntax.Node, among *definitions, is func(*syntax.Node) bool, what, where string) {
	if !document.IsRef(ref) {
		return
	}
	to := p.Doc.Target(ref)
	if to == nil || isEntry(to, among.of) {
		return
	}
	if !document.IsRef(to) && !is(to) {
		return
	}
	text := ref.Get("$ref")
	d := p.ReportValue(text, "%q leads past the document's own %s, and %s may refer to nothing else", text.Str(), where, what)
	if entry := among.entry(to); entry != nil {
		rewrite(d, text, entry)
	} else {
		d.Message += fmt.Sprintf("; add it to %s and refer to it there", where)
	}
	d.Related = append(d.Related, diag.Related{Span: to.KeySpan(), Message: "where it leads"})
}

func checkOperationChannel(p *Pass) {
	if p.Doc.Version.Major != 3 {
		return
	}
	channels := &definitions{p: p, of: p.Doc.Root.Get("channels")}
	is := p.kindOf(document.Channel)
	for _, op := range entries(p.Doc.Root.Get("operations")) {
		if !document.IsRef(op) { // an operation of components may lead anywhere
			p.rootReference(op.Get("channel"), channels, is, "an operation under operations", "channels")
		}
	}
}

func checkReplyChannel(p *Pass) {
	if p.Doc.Version.Major != 3 {
		return
	}
	channels := &definitions{p: p, of: p.Doc.Root.Get("channels")}
	is := p.kindOf(document.Channel)
	for _, op := range entries(p.Doc.Root.Get("operations")) {
		if reply := op.Get("reply"); !document.IsRef(op) && !document.IsRef(reply) {
			p.rootReference(reply.Get("channel"), channels, is, "the reply of an operation under operations", "channels")
		}
	}
}

func checkChannelServer(p *Pass) {
	if p.Doc.Version.Major != 3 {
		return
	}
	servers := &definitions{p: p, of: p.Doc.Root.Get("servers")}
	is := p.kindOf(document.Server)
	for _, channel := range entries(p.Doc.Root.Get("channels")) {
		if document.IsRef(channel) { // a channel of components may lead anywhere
			continue
		}
		for _, ref := range elements(channel.Get("servers")) {
			p.rootReference(ref, servers, is, "a channel under channels", "servers")
		}
	}
}

// channelMessages holds the messages that operations or replies list to those
// of their channels.
type channelMessages struct {
	*Pass
	is    func(*syntax.Node) bool
	what  string
	known map[*syntax.Node]*definitions // by channel
}

func (p *channelMessages) check(list, channelRef *syntax.Node) {
	channel := p.Doc.Resolve(channelRef)
	if !channel.Is(syntax.Mapping) || len(elements(list)) == 0 {
		return
	}
	messages := channel.Get("messages")
	known := p.known[channel]
	if known == nil {
		known = &definitions{p: p.Pass, of: messages}
		p.known[channel] = known
	}
	for _, ref := range elements(list) {
		text := ref.Get("$ref")
		to := p.Doc.Target(ref)
		if !text.Is(syntax.String) || isEntry(to, messages) {
			continue
		}
		if to != nil && !document.IsRef(to) && !p.is(to) {
			continue
		}
		entry := known.entry(to)
		if entry == nil {
			entry = known.meant(text, to == nil)
		}
		switch {
		case entry != nil:
			d := p.ReportValue(text, "%q is not an entry of the channel's messages, and %s may list nothing else", text.Value, p.what)
			rewrite(d, text, entry)
			d.Related = append(d.Related, diag.Related{Span: entry.KeySpan(), Message: "the channel's entry"})
		case to != nil:
			d := p.ReportValue(text, "%q is no message of the channel%s, and %s may list nothing else; add it to the channel's messages and refer to it there",
				text.Value, quotedKey(channel), p.what)
			at := messages
			if at == nil {
				at = channel
			}
			d.Related = append(d.Related, diag.Related{Span: at.KeySpan(), Message: "the channel"})
		}
	}
}

func quotedKey(n *syntax.Node) string {
	if n.KeyName() == "" {
		return ""
	}
	return fmt.Sprintf(" %q", n.KeyName())
}

func checkOperationMessage(p *Pass) {
	if p.Doc.Version.Major != 3 {
		return
	}
	c := &channelMessages{p, p.kindOf(document.Message), "an operation", map[*syntax.Node]*definitions{}}
	for _, op := range p.Doc.All(document.Operation) {
		c.check(op.Get("messages"), op.Get("channel"))
	}
}

func checkReplyMessage(p *Pass) {
	if p.Doc.Version.Major != 3 {
		return
	}
	c := &channelMessages{p, p.kindOf(document.Message), "a reply", map[*syntax.Node]*definitions{}}
	for _, reply := range p.Doc.All(document.Reply) {
		messages := reply.Get("messages")
		if len(elements(messages)) > 0 && reply.Get("channel") == nil {
			p.Report(messages, "the reply lists messages and names no channel that they could belong to; add channel: {$ref: '#/channels/…'}")
			continue
		}
		c.check(messages, reply.Get("channel"))
	}
}

func checkReplyAddress(p *Pass) {
	for _, reply := range p.Doc.All(document.Reply) {
		address := reply.Get("address")
		channel := p.Doc.Resolve(reply.Get("channel"))
		if address == nil || !channel.Get("address").Is(syntax.String) {
			continue
		}
		d := p.Report(address, "the reply takes its address from a message, but its channel%s has the address %q; remove the address here, or make the channel's null",
			quotedKey(channel), channel.Get("address").Value)
		d.Related = append(d.Related, diag.Related{Span: channel.Get("address").KeySpan(), Message: "the channel's address"})
	}
}

// checkMessageDuplicate looks for one message under two keys of a channel: every
// event that is valid against one is valid against the other, and the
// specification demands that it is valid against one only.
func checkMessageDuplicate(p *Pass) {
	for _, channel := range p.Doc.All(document.Channel) {
		messages := entries(channel.Get("messages"))
		if len(messages) < 2 {
			continue
		}
		first := make(map[*syntax.Node]*syntax.Node, len(messages))
		for _, entry := range messages {
			def := p.Doc.Resolve(entry)
			if def == nil {
				continue
			}
			if earlier := first[def]; earlier != nil {
				d := p.Report(entry, "%q is the same message as %q, so which of the two an event is cannot be told; remove one of them", entry.KeyName(), earlier.KeyName())
				d.Related = append(d.Related, diag.Related{Span: earlier.KeySpan(), Message: "the same message"})
			} else {
				first[def] = entry
			}
		}
	}
}

// superseded leaves one finding of the several that one fault of a reference
// makes. That it leads nowhere and that an operation may not list it is one
// fault, and the rule about operations knows what cures it; that it leads to
// the wrong kind of object says all that a rule about its place could.
func superseded(found []diag.Diagnostic) []diag.Diagnostic {
	listed, kind := map[diag.Span]bool{}, map[diag.Span]bool{}
	for _, d := range found {
		switch d.Rule {
		case ruleOperationMessage, ruleReplyMessage:
			listed[d.Span] = true
		case document.RuleRefKind:
			kind[d.Span] = true
		}
	}
	if len(listed) == 0 && len(kind) == 0 {
		return found
	}
	kept := found[:0]
	for _, d := range found {
		switch d.Rule {
		case document.RuleRefUnresolved:
			if listed[d.Span] {
				continue
			}
		case "operation-channel", "reply-channel", "channel-server", ruleOperationMessage, ruleReplyMessage:
			if kind[d.Span] {
				continue
			}
		}
		kept = append(kept, d)
	}
	return kept
}
