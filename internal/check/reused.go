package check

import (
	"slices"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// ReusedFieldID is the id of the rule of ReusedFields.
const ReusedFieldID = "reused-field"

// ReusedFields finds fields that a release had, that were dropped since, and
// that are there again as something else.
func ReusedFields(release, old, new *contract.Contract, o Comparing) []*Change {
	if o.Settings.off(ReusedFieldID) {
		return nil
	}
	x := &comparer{old: release, new: new, o: o, rule: reusedField, same: map[[2]*syntax.Node]bool{}, compiled: map[compiledKey]*schema.Schema{}}
	x.pair()
	between := map[string]*contract.Message{}
	for _, ch := range old.Channels {
		for _, m := range ch.Messages {
			between[nameOf(ch)+" "+m.Envelope.Type] = m
		}
	}
	x.eachMessage(func(was, is *contract.Message, p *messagePair) {
		middle := between[nameOf(is.Channel)+" "+is.Envelope.Type]
		if middle == nil || was.Payload == nil || is.Payload == nil || middle.Payload == nil || typeChanged(was, is) {
			return
		}
		had, has, then := fieldsOf(release, was.Payload), fieldsOf(new, is.Payload), fieldsOf(old, middle.Payload)
		var names []string
		for name := range had {
			if has[name] != nil && then[name] == nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if x.sameSchema(had[name], has[name], false) {
				continue
			}
			before, err := x.compile(release, &contract.Schema{Place: contract.At(had[name]), Dialect: was.Payload.Dialect})
			after, err2 := x.compile(new, &contract.Schema{Place: contract.At(has[name]), Dialect: is.Payload.Dialect})
			if err != nil || err2 != nil {
				continue
			}
			found := schema.Contains(before, after, was.Compatibility.Profile())
			if found.Verdict == schema.Contained {
				continue
			}
			s := subject{message: is}
			if dirs := p.directions(); len(dirs) == 1 {
				s.direction = dirs[0]
			}
			c := x.report("E C", s, had[name], has[name], "the field %s of %s was dropped, and is there again as something else", strings.TrimPrefix(name, "/"), is.Envelope.Type)
			c.Compared, c.Verdict, c.Reason = true, found.Verdict, found.Reason
		}
	})
	return x.changes
}

// maxFieldDepth bounds how deep fields are looked for.
const maxFieldDepth = 8

// fieldsOf are the declared properties of a schema, by their pointers in a value.
func fieldsOf(c *contract.Contract, s *contract.Schema) map[string]*syntax.Node {
	x := &comparer{new: c}
	out := map[string]*syntax.Node{}
	var walk func(n *syntax.Node, at string, depth int)
	walk = func(n *syntax.Node, at string, depth int) {
		n = x.schemaNode(c, n)
		if !n.Is(syntax.Mapping) || depth > maxFieldDepth {
			return
		}
		for _, key := range []string{"properties", "fields"} {
			_, byName := named(n.Get(key))
			for name, p := range byName {
				if out[at+"/"+name] == nil {
					if key == "fields" && p.Get("type") != nil {
						p = p.Get("type")
					}
					out[at+"/"+name] = p
					walk(p, at+"/"+name, depth+1)
				}
			}
		}
		for _, key := range []string{"allOf", "anyOf", "oneOf"} {
			for _, sub := range listOf(n.Get(key)) {
				walk(sub, at, depth+1)
			}
		}
		if items := n.Get("items"); items.Is(syntax.Mapping) {
			walk(items, at+"/*", depth+1)
		}
	}
	walk(s.Node(), "", 0)
	return out
}

// Keeps reports whether a channel still keeps events that were sent until a day.
// Without a stated time, it does.
func Keeps(c *contract.Contract, channel string, until, now time.Time) bool {
	if until.IsZero() {
		return true
	}
	for _, ch := range c.Channels {
		if nameOf(ch) != channel || ch.Delivery == nil {
			continue
		}
		d := ch.Delivery
		var keeps time.Duration
		if d.Retention != nil {
			if strings.Contains(d.Retention.Policy, "compact") || d.Retention.Time == 0 {
				return true
			}
			keeps = d.Retention.Time
		}
		if d.Replay != nil {
			if d.Replay.MaxAge == 0 && d.Retention == nil {
				return true
			}
			keeps = max(keeps, d.Replay.MaxAge)
		}
		if keeps > 0 {
			return until.Add(keeps).After(now)
		}
	}
	return true
}
