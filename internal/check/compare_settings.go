package check

import (
	"math/big"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// level is what a setting is one of.
type level uint8

const (
	ofServer level = iota
	ofChannel
	ofOperation
	ofMessage
)

// kind is how two values of a setting compare.
type kind uint8

const (
	anything kind = iota // equal, or changed
	number               // raised or lowered
	duration             // raised or lowered, as ISO 8601
	truth                // raised is from false to true
	rank                 // raised or lowered in a list
	texts                // raised where it has more entries, lowered where fewer
)

// setting is a row of the table of compatibility: a value at a place, and what
// it means to others when it changes. The effects are those of report; what is
// left out is that of changed, and for that "w".
type setting struct {
	of       level
	protocol string   // of a binding; "" for x-delivery
	path     []string // within the binding, or within x-delivery
	name     string   // as a message calls it
	kind     kind
	ranks    []string // of rank: the weakest first
	absent   string   // what a value that is not there means, "" where that is a value of its own

	changed, added, removed, raised, lowered string
}

// settings makes the function of a rule that compares settings.
func settings(rows ...setting) func(x *comparer) {
	listedSettings = append(listedSettings, rows...)
	return func(x *comparer) {
		for i := range rows {
			x.setting(&rows[i])
		}
	}
}

// roots calls f with the nodes that settings of a level stand in.
func (x *comparer) roots(of level, protocol string, f func(old, new *syntax.Node, s subject)) {
	bindings := func(old, new contract.Bindings, s subject) { f(old[protocol], new[protocol], s) }
	switch of {
	case ofServer:
		each(x.servers, func(old, new *contract.Server) { bindings(old.Bindings, new.Bindings, subject{}) })
	case ofChannel:
		each(x.channels, func(old, new *contract.Channel) {
			s := subject{channel: new, direction: directionOf(new)}
			if protocol != "" {
				bindings(old.Bindings, new.Bindings, s)
				return
			}
			f(deliveryNode(old.Delivery), deliveryNode(new.Delivery), s)
		})
	case ofOperation:
		each(x.operations, func(old, new *contract.Operation) {
			s := subject{operation: new}
			if protocol != "" {
				bindings(old.Bindings, new.Bindings, s)
				return
			}
			var a, b *syntax.Node
			if old.Delivery != nil {
				a = old.Delivery.Node()
			}
			if new.Delivery != nil {
				b = new.Delivery.Node()
			}
			f(a, b, s)
		})
	case ofMessage:
		seen := map[[2]*syntax.Node]bool{} // of a message on several channels
		x.eachMessage(func(old, new *contract.Message, p *messagePair) {
			if pair := [2]*syntax.Node{old.Node(), new.Node()}; seen[pair] {
				return
			} else {
				seen[pair] = true
			}
			s := subject{message: new}
			if dirs := p.directions(); len(dirs) == 1 {
				s.direction = dirs[0]
			}
			if protocol != "" {
				bindings(old.Bindings, new.Bindings, s)
				return
			}
			var a, b *syntax.Node
			if old.Delivery != nil {
				a = old.Delivery.Node()
			}
			if new.Delivery != nil {
				b = new.Delivery.Node()
			}
			f(a, b, s)
		})
	}
}

func deliveryNode(d *contract.Delivery) *syntax.Node {
	if d == nil {
		return nil
	}
	return d.Node()
}

// directionOf is what is done on a channel where that is one thing.
func directionOf(c *contract.Channel) contract.Action {
	var found contract.Action
	for _, o := range c.Operations {
		if found != "" && o.Action != found {
			return ""
		}
		found = o.Action
	}
	return found
}

// at goes down a path, references followed.
func (x *comparer) at(side *contract.Contract, n *syntax.Node, path []string) *syntax.Node {
	for _, key := range path {
		if n = x.resolve(side, n).Get(key); n == nil {
			return nil
		}
	}
	if channelAt(side, n) != nil {
		return n // it is the channel that is meant, not what it says
	}
	return x.resolve(side, n)
}

func (x *comparer) setting(row *setting) {
	x.roots(row.of, row.protocol, func(a, b *syntax.Node, s subject) {
		if a == nil && b == nil {
			return
		}
		old, new := x.at(x.old, a, row.path), x.at(x.new, b, row.path)
		change := row.compare(x, old, new)
		if change == "" {
			return
		}
		effect := map[string]string{"added": row.added, "removed": row.removed, "raised": row.raised, "lowered": row.lowered}[change]
		if effect == "" {
			effect = row.changed
		}
		if effect == "" {
			effect = "w"
		}
		if effect == "-" {
			return // another rule tells
		}
		where := "x-delivery"
		if row.protocol != "" {
			where = "the " + row.protocol + " binding"
		}
		was, is := shownValue(old, row.absent), shownValue(new, row.absent)
		message := row.name + " of " + where
		switch {
		case was == "":
			message += " is " + is + " now, and was not stated"
		case is == "":
			message += " was " + was + ", and is not stated any more"
		default:
			message += " changed from " + was + " to " + is
		}
		at := func(n, root *syntax.Node) *syntax.Node {
			if n == nil {
				return root
			}
			return n
		}
		x.report(effect, s, at(old, a), at(new, b), "%s", message)
	})
}

// compare names what happened to a setting, "" for nothing.
func (row *setting) compare(x *comparer, old, new *syntax.Node) string {
	if row.absent != "" {
		if old == nil {
			old = syntax.NewScalar(syntax.String, row.absent)
		}
		if new == nil {
			new = syntax.NewScalar(syntax.String, row.absent)
		}
	}
	switch {
	case old == nil && new == nil:
		return ""
	case old == nil:
		return "added"
	case new == nil:
		return "removed"
	}
	order := 0
	switch row.kind {
	case number:
		a, ok := decimalOf(old.Value)
		b, also := decimalOf(new.Value)
		if !ok || !also {
			break
		}
		if order = b.Cmp(a); order == 0 {
			return ""
		}
		if a.Sign() < 0 || b.Sign() < 0 { // -1 is without end
			order = -order
		}
	case duration:
		a, b := contract.DurationOf(old), contract.DurationOf(new)
		if a == b && a > 0 {
			return ""
		}
		if a > 0 && b > 0 {
			order = 1
			if b < a {
				order = -1
			}
		}
	case truth:
		if old.Value == new.Value {
			return ""
		}
		order = -1
		if new.Value == "true" {
			order = 1
		}
	case rank:
		if old.Value == new.Value {
			return ""
		}
		a, b := slices.Index(row.ranks, old.Value), slices.Index(row.ranks, new.Value)
		if a >= 0 && b >= 0 {
			order = b - a
		}
	case texts:
		more, fewer := notIn(new, old), notIn(old, new)
		switch {
		case len(more) == 0 && len(fewer) == 0:
			return ""
		case len(fewer) == 0:
			order = 1
		case len(more) == 0:
			order = -1
		}
	default:
		if x.equalValues(old, new) {
			return ""
		}
	}
	switch {
	case order > 0:
		return "raised"
	case order < 0:
		return "lowered"
	}
	if x.equalValues(old, new) {
		return ""
	}
	return "changed"
}

// decimalOf is a decimal number, which in protocol buffers' form of a duration has an
// s behind it.
func decimalOf(text string) (*big.Rat, bool) {
	text = strings.TrimSuffix(text, "s")
	if len(text) > 40 || strings.ContainsAny(text, "eE/") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// notIn is the texts in one list that are not in the other.
func notIn(a, b *syntax.Node) []string {
	have := map[string]bool{}
	for _, item := range listOf(b) {
		have[item.Value] = true
	}
	var out []string
	for _, item := range listOf(a) {
		if !have[item.Value] {
			out = append(out, item.Value)
		}
	}
	return out
}

// listOf is the items of a list, or what stands there instead of one.
func listOf(n *syntax.Node) []*syntax.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == syntax.Sequence:
		return n.Items
	}
	return []*syntax.Node{n}
}

// shownValue is a value in a message.
func shownValue(n *syntax.Node, absent string) string {
	switch {
	case n == nil:
		return absent
	case n.Kind == syntax.String:
		return quoted(n.Value)
	case n.Kind == syntax.Mapping, n.Kind == syntax.Sequence:
		text := string(appendFlow(nil, n))
		if len(text) > 80 {
			text = text[:77] + "…"
		}
		return text
	}
	return n.Value
}

// appendFlow writes a value on one line, as YAML has it.
func appendFlow(b []byte, n *syntax.Node) []byte {
	switch n.Kind {
	case syntax.Mapping:
		b = append(b, '{')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(append(b, item.KeyName()...), ": "...)
			b = appendFlow(b, item)
		}
		return append(b, '}')
	case syntax.Sequence:
		b = append(b, '[')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendFlow(b, item)
		}
		return append(b, ']')
	}
	return append(b, n.Value...)
}

// equalValues compares two values, references followed and the order of keys
// aside.
func (x *comparer) equalValues(a, b *syntax.Node) bool {
	if was, is := channelAt(x.old, a), channelAt(x.new, b); was != nil && is != nil {
		return x.newChannel(was) == is
	}
	a, b = x.resolve(x.old, a), x.resolve(x.new, b)
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case syntax.Mapping:
		mine := members(a)
		if len(mine) != len(members(b)) {
			return false
		}
		for _, item := range mine {
			other := b.Get(item.KeyName())
			if other == nil || !x.equalValues(item, other) {
				return false
			}
		}
		return true
	case syntax.Sequence:
		return slices.EqualFunc(a.Items, b.Items, x.equalValues)
	case syntax.Number:
		m, ok := decimalOf(a.Value)
		n, also := decimalOf(b.Value)
		if ok && also {
			return m.Cmp(n) == 0
		}
	}
	return a.Value == b.Value
}

// channelAt is the channel that a reference, or a pointer, leads to; nil for
// anything else.
func channelAt(c *contract.Contract, n *syntax.Node) *contract.Channel {
	if !document.IsRef(n) && !(n.Is(syntax.String) && strings.Contains(n.Value, "#/")) {
		return nil
	}
	to := c.Document().ResolvePointer(n)
	if to == nil {
		return nil
	}
	for _, ch := range c.Channels {
		if ch.Node() == to {
			return ch
		}
	}
	return nil
}

// unlisted compares what no row of the table is about, leaf by leaf.
func (x *comparer) unlisted(of level, protocol string, old, new *syntax.Node, path []string, f func(path []string, old, new *syntax.Node)) {
	old, new = x.resolve(x.old, old), x.resolve(x.new, new)
	if old == nil && new == nil || listed(of, protocol, path) {
		return
	}
	if (old == nil || old.Kind == syntax.Mapping) && (new == nil || new.Kind == syntax.Mapping) {
		seen := map[string]bool{}
		for _, n := range []*syntax.Node{old, new} {
			if n == nil {
				continue
			}
			for _, item := range n.Items {
				key := item.KeyName()
				if seen[key] || len(path) == 0 && key == "bindingVersion" || strings.HasPrefix(key, "x-") && key != document.ExtDelivery {
					continue
				}
				seen[key] = true
				x.unlisted(of, protocol, old.Get(key), new.Get(key), append(slices.Clip(path), key), f)
			}
		}
		if len(seen) > 0 {
			return
		}
	}
	if old == nil || new == nil || !x.equalValues(old, new) {
		f(path, old, new)
	}
}

// listedSettings are the places that rules are about, by rows of the table or by
// functions of their own.
var listedSettings = []setting{
	{of: ofMessage, protocol: "kafka", path: []string{"key"}},
	{of: ofChannel, path: []string{"dedupe"}},
	{of: ofChannel, path: []string{"deprecated"}},
	{of: ofMessage, path: []string{"deprecated"}},
}

// listed reports whether a row of the table is about a place.
func listed(of level, protocol string, path []string) bool {
	for _, row := range listedSettings {
		if row.of == of && row.protocol == protocol && len(row.path) <= len(path) && slices.Equal(row.path, path[:len(row.path)]) {
			return true
		}
	}
	return false
}
