package document

import (
	"fmt"
	"strings"
	"time"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// treaty's own extensions: x-delivery, x-compatibility, x-cloudevents and
// x-treaty-ignore. Their fields are part of the grammar, so that a misspelt
// promise is an error like any other misspelt field.

// The names of the extensions.
const (
	ExtDelivery      = "x-delivery"
	ExtCompatibility = "x-compatibility"
	ExtCloudEvents   = "x-cloudevents"
	ExtIgnore        = "x-treaty-ignore"
)

// extensionFields are treaty's extensions of an object, where is one of
// document, channel, operation, message.
func extensionFields(where string) []Field {
	fields := []Field{{Name: ExtIgnore, Type: list(choice(text(), inPlace(ignoreObject)))}}
	switch where {
	case "document":
		return append(fields,
			Field{Name: ExtCompatibility, Type: inPlace(CompatibilityExt)},
			Field{Name: ExtCloudEvents, Type: inPlace(CloudEventsExt)})
	case "channel":
		return append(fields,
			Field{Name: ExtDelivery, Type: inPlace(ChannelDelivery)},
			Field{Name: ExtCompatibility, Type: inPlace(CompatibilityExt)},
			Field{Name: ExtCloudEvents, Type: inPlace(CloudEventsExt)})
	case "operation":
		return append(fields, Field{Name: ExtDelivery, Type: inPlace(OperationDelivery)})
	case "message":
		return append(fields,
			Field{Name: ExtDelivery, Type: inPlace(MessageDelivery)},
			Field{Name: ExtCompatibility, Type: inPlace(CompatibilityExt)},
			Field{Name: ExtCloudEvents, Type: inPlace(CloudEventsExt)})
	}
	return fields
}

// The extension objects. All their fields are optional.
var (
	ChannelDelivery = &Object{Name: "x-delivery of a channel", Fields: []Field{
		{Name: "guarantee", Type: word("at-most-once", "at-least-once", "exactly-once-effect")},
		{Name: "durability", Type: inPlace(&Object{Name: "durability", Closed: true, Fields: []Field{
			{Name: "replicas", Type: integerFrom(1)},
			{Name: "ackedBy", Type: word("quorum", "leader", "none")},
		}})},
		{Name: "ordering", Type: inPlace(&Object{Name: "ordering", Closed: true, Fields: []Field{
			{Name: "scope", Type: word("none", "key", "source", "channel")},
			{Name: "key", Type: textAs(KeyFault)},
		}})},
		{Name: "dedupe", Type: inPlace(&Object{Name: "dedupe", Closed: true, Fields: []Field{
			{Name: "by", Type: someOf(textAs(KeyFault))},
			{Name: "window", Type: textAs(duration)},
			{Name: "where", Type: word("broker", "consumer", "both")},
			{Name: "onCollision", Type: word("reject")},
		}})},
		{Name: "retention", Type: inPlace(&Object{Name: "retention", Closed: true, Fields: []Field{
			{Name: "policy", Type: word("delete", "compact", "compact+delete", "until-consumed", "none")},
			{Name: "time", Type: textAs(duration)},
		}})},
		{Name: "replay", Type: inPlace(&Object{Name: "replay", Closed: true, Fields: []Field{
			{Name: "from", Type: uniqueList(word("earliest", "time"))},
			{Name: "maxAge", Type: textAs(duration)},
		}})},
		{Name: "bootstrap", Type: inPlace(&Object{Name: "bootstrap", Closed: true, Fields: []Field{
			{Name: "mode", Type: word("none", "log", "compacted", "snapshot+log", "request")},
			{Name: "channel", Type: pointer(Channel)},
			{Name: "overlap", Type: textAs(duration)},
		}})},
		{Name: "limits", Type: inPlace(&Object{Name: "limits", Closed: true, Fields: []Field{
			{Name: "maxBytes", Type: integerFrom(1)},
		}})},
		{Name: "deprecated", Type: inPlace(deprecation)},
	}, Closed: true}

	OperationDelivery = &Object{Name: "x-delivery of an operation", Fields: []Field{
		{Name: "ack", Type: word("after-processing", "on-receipt")},
		{Name: "maxInFlight", Type: integerFrom(1)},
		{Name: "retry", Type: inPlace(&Object{Name: "retry", Closed: true, Fields: []Field{
			{Name: "maxAttempts", Type: integerFrom(1)},
			{Name: "strategy", Type: word("exponential", "fixed")},
			{Name: "delay", Type: textAs(duration)},
			{Name: "maxDelay", Type: textAs(duration)},
		}})},
		{Name: "deadLetter", Type: inPlace(&Object{Name: "deadLetter", Closed: true, Fields: []Field{
			{Name: "channel", Type: pointer(Channel)},
			{Name: "after", Type: word("retries")},
		}})},
		{Name: "start", Type: word("earliest", "latest", "bootstrap")},
		{Name: "replaySafe", Type: boolean()},
		{Name: "outbox", Type: boolean()},
		{Name: "confirm", Type: word("quorum", "leader", "none")},
	}, Closed: true}

	MessageDelivery = &Object{Name: "x-delivery of a message", Fields: []Field{
		{Name: "expires", Type: textAs(duration)},
		{Name: "deprecated", Type: inPlace(deprecation)},
	}, Closed: true}

	deprecation = &Object{Name: "deprecated", Closed: true, Fields: []Field{
		{Name: "since", Type: textAs(date)},
		{Name: "sunset", Type: textAs(date)},
		{Name: "replacedBy", Type: text()},
	}}

	CompatibilityExt = &Object{Name: "x-compatibility", Fields: []Field{
		{Name: "mode", Type: word("backward", "forward", "full", "none",
			"backward-transitive", "forward-transitive", "full-transitive")},
		{Name: "dispatch", Type: word("ignore", "strict")},
		{Name: "producers", Type: word("declared", "open")},
		{Name: "readers", Type: word("strict", "tolerant")},
		{Name: "enums", Type: word("closed", "open")},
		{Name: "defaults", Type: word("annotate", "applied")},
		{Name: "formats", Type: word("assert", "annotate")},
	}, Closed: true}

	CloudEventsExt = &Object{Name: "x-cloudevents", Fields: []Field{
		{Name: "mode", Type: word("structured", "binary", "batch")},
		{Name: "payload", Type: word("data", "envelope")},
		{Name: "type", Type: text()},
		{Name: "source", Type: text()},
		{Name: "subject", Type: text()},
	}, Closed: true}

	ignoreObject = &Object{Name: "x-treaty-ignore entry", Fields: []Field{
		{Name: "rule", Type: text(), Required: true},
		{Name: "reason", Type: text(), Required: true},
		{Name: "until", Type: textAs(date)},
	}, Closed: true}
)

// KeyFault says what is wrong with the name of what events are ordered or known again
// by, "" for nothing: it is an attribute's, or a JSON Pointer into the event.
func KeyFault(s string) string {
	switch {
	case s == "":
		return "is empty; name an attribute such as subject, or a JSON Pointer such as /data/order_id"
	case s[0] == '/':
		return pointerText(s)
	case s == "data":
		return "is no attribute; name a field of the data, such as /data/order_id"
	}
	letters := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
	if letters == s {
		return ""
	}
	why := "is neither an attribute name (lower-case letters and digits) nor a JSON Pointer such as /data/order_id"
	if near, ok := diag.Nearest(s, []string{letters}); ok {
		why += fmt.Sprintf("; did you mean %q?", near)
	}
	return why
}

// date checks a full date of RFC 3339, such as 2027-01-31.
func date(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "is not a date such as 2027-01-31"
	}
	return ""
}

// Fields of an operation's x-delivery that only one action has.
var deliveryOfAction = []struct{ field, action string }{
	{"ack", "receive"}, {"maxInFlight", "receive"}, {"retry", "receive"}, {"deadLetter", "receive"},
	{"start", "receive"}, {"replaySafe", "receive"}, {"outbox", "send"}, {"confirm", "send"},
}

func checkDeliveryOfAction(w *Walk, n *syntax.Node) {
	action, delivery := n.Get("action").Str(), n.Get(ExtDelivery)
	if action != "send" && action != "receive" {
		return
	}
	for _, f := range deliveryOfAction {
		if at := delivery.Get(f.field); at != nil && f.action != action {
			w.Report(RuleFieldUnknown, diag.Error, at.KeySpan(), at,
				"x-delivery.%s is a promise of a %s operation, but this one's action is %s; move it to the operation it belongs to",
				f.field, f.action, action)
		}
	}
}
