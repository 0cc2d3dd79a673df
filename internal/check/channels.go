package check

import (
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
)

// addressParts splits an address where its author joined words, and names the
// place of each part by what surrounds it.
func addressParts(address string) []string {
	return strings.FieldsFunc(address, func(r rune) bool { return strings.ContainsRune("./-_:#", r) })
}

// mostParts bounds the parts of an address that are compared.
const mostParts = 24

// checkChannelPerConsumer groups the channels that carry the same messages, and
// in each group those whose addresses are alike but for one part.
func checkChannelPerConsumer(p *Pass) {
	special := secondary(p.Contract)
	groups := map[string][]*contract.Channel{}
	var order []string
	for _, ch := range p.Contract.Channels {
		if len(ch.Messages) == 0 || !isSentOn(ch) || special[ch] {
			continue
		}
		key := carried(ch)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], ch)
	}
	for _, key := range order {
		alike := map[string][]*contract.Channel{}
		var masks []string
		for _, ch := range groups[key] {
			parts := addressParts(addressOf(ch))
			if len(parts) > mostParts {
				continue
			}
			for i, part := range parts {
				if !mayNameReader(part) {
					continue
				}
				mask := strings.Join(parts[:i], ".") + ".*." + strings.Join(parts[i+1:], ".")
				if alike[mask] == nil {
					masks = append(masks, mask)
				}
				alike[mask] = append(alike[mask], ch)
			}
		}
		reported := map[*contract.Channel]bool{}
		for _, mask := range masks {
			channels := alike[mask]
			first := channels[0]
			for _, ch := range channels[1:] {
				if reported[ch] || addressOf(ch) == addressOf(first) {
					continue
				}
				reported[ch] = true
				mine, theirs := difference(addressOf(ch), addressOf(first))
				d := p.Report(ch.Node(), "channel %q carries the same messages as %q and differs from it in %q for %q only, which looks like who reads it; send to one channel, and let each consumer read it in a group of its own",
					ch.Name, first.Name, mine, theirs)
				relate(d, first.Node(), "the channel with the same messages")
			}
		}
	}
}

func addressOf(ch *contract.Channel) string {
	if ch.HasAddress {
		return ch.Address
	}
	return ch.Name
}

// difference is the part in which two addresses of as many parts differ.
func difference(a, b string) (string, string) {
	x, y := addressParts(a), addressParts(b)
	for i := range x {
		if i < len(y) && x[i] != y[i] {
			return x[i], y[i]
		}
	}
	return a, b
}

// carried names the messages of a channel, in no order: by their definition.
func carried(ch *contract.Channel) string {
	names := make([]string, len(ch.Messages))
	for i, m := range ch.Messages {
		names[i] = m.Envelope.Type
		if !m.Envelope.TypeStated {
			names[i] = m.Node().Span().String() // the definition tells messages of one name apart
		}
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// secondary are the channels that carry another's messages for a reason: dead
// letters and snapshots.
func secondary(c *contract.Contract) map[*contract.Channel]bool {
	set := map[*contract.Channel]bool{}
	for _, ch := range c.Channels {
		if ch.Delivery != nil && ch.Delivery.Bootstrap != nil && ch.Delivery.Bootstrap.Channel != nil {
			set[ch.Delivery.Bootstrap.Channel] = true
		}
	}
	for _, op := range c.Operations {
		if op.Delivery != nil && op.Delivery.DeadLetter != nil && op.Delivery.DeadLetter.Channel != nil {
			set[op.Delivery.DeadLetter.Channel] = true
		}
	}
	return set
}

// mayNameReader reports whether a part of an address may be who reads it.
// Parts that say where, how, in which version or in which state are not.
func mayNameReader(part string) bool {
	part = strings.ToLower(part)
	if len(part) < 3 || strings.ContainsAny(part, "{}*>+") || strings.Trim(part, "v0123456789") == "" {
		return false // a country, a number, a version, a parameter
	}
	switch part {
	case "dev", "develop", "development", "test", "testing", "qa", "uat", "int", "stage", "staging", "sandbox", "preprod", "prod", "production", "live",
		"emea", "apac", "amer", "latam", "global", "local", "east", "west", "north", "south", "central",
		"dlq", "dlt", "dlx", "dead", "deadletter", "letter", "letters", "retry", "retries", "delayed", "parking", "poison",
		"snapshot", "snapshots", "compact", "compacted", "log", "archive", "backfill", "replay", "history", "changelog", "state",
		"high", "low", "normal", "medium", "urgent", "bulk", "batch", "priority", "fast", "slow",
		"json", "avro", "proto", "protobuf", "xml", "public", "private", "internal", "external",
		"events", "event", "commands", "command", "requests", "request", "replies", "reply", "responses", "response", "raw", "old", "new", "legacy":
		return false
	}
	return !english().isPast(part)
}

func checkVersionTwice(p *Pass) {
	for _, ch := range p.Contract.Channels {
		address := addressOf(ch)
		version := ""
		for _, part := range addressParts(address) {
			if v, ok := versionWord(part); ok {
				version = "v" + v
			}
		}
		if version == "" {
			continue
		}
		for _, m := range ch.Messages {
			if t := parseType(m.Envelope.Type); !m.Envelope.TypeStated || t.version == "" {
				continue
			}
			at := ch.Field("address")
			if !at.Is(syntax.String) {
				at = ch.Node()
			}
			d := p.Report(at, "channel %q has the version %s in its address, and the event types on it, such as %q, have one of their own; keep the version in the type and take it out of the address",
				address, version, m.Envelope.Type)
			relate(d, m.Envelope.TypeAt.Node(), "a type with a version")
			break
		}
	}
}
