package document

import (
	"fmt"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// MQTT, NATS and ROS 2: protocols of light clients.

// maxUint32 is the largest number that a four byte integer of MQTT 5 holds.
const maxUint32 = 1<<32 - 1

// mqttBindings: 0.1.0, 0.2.0.
func mqttBindings() *Protocol {
	qos := integerIn(0, 2) // in 0.1.0 the schema leaves it open, the document does not
	server := []Field{
		{Name: "clientId", Type: text()},
		{Name: "cleanSession", Type: boolean()},
		{Name: "lastWill", Type: inPlace(&Object{Name: "mqtt lastWill", Fields: []Field{
			{Name: "topic", Type: text()},
			{Name: "qos", Type: qos},
			{Name: "message", Type: text()},
			{Name: "retain", Type: boolean()},
		}})},
		{Name: "keepAlive", Type: integer()},
	}
	operation := []Field{
		{Name: "qos", Type: qos},
		{Name: "retain", Type: boolean()},
	}
	return &Protocol{Name: "mqtt", Versions: []BindingVersion{
		{Version: "0.1.0",
			Server:    &Object{Name: "mqtt server binding", Fields: server},
			Operation: &Object{Name: "mqtt operation binding", Fields: operation}},
		{Version: "0.2.0",
			Server: &Object{Name: "mqtt server binding", Fields: append(clip(server),
				Field{Name: "sessionExpiryInterval", Type: choice(integerFrom(0), schemaHere())},
				Field{Name: "maximumPacketSize", Type: choice(integerIn(1, maxUint32), schemaHere())})},
			Operation: &Object{Name: "mqtt operation binding", Fields: append(clip(operation),
				Field{Name: "messageExpiryInterval", Type: choice(integerIn(0, maxUint32), schemaHere())})},
			Message: &Object{Name: "mqtt message binding", Fields: []Field{
				{Name: "payloadFormatIndicator", Type: integerIn(0, 1)},
				{Name: "correlationData", Type: schemaHere()},
				{Name: "contentType", Type: text()},
				{Name: "responseTopic", Type: choice(textAs(notEmpty), schemaHere())},
			}}},
	}}
}

// mqtt5Bindings: 0.2.0, deprecated in favour of mqtt, and without a schema.
func mqtt5Bindings() *Protocol {
	return &Protocol{Name: "mqtt5", Versions: []BindingVersion{{Version: "0.2.0",
		Server: &Object{Name: "mqtt5 server binding", Fields: []Field{
			{Name: "sessionExpiryInterval", Type: choice(integerFrom(0), schemaHere())},
		}},
	}}}
}

// natsBindings: 0.1.0.
func natsBindings() *Protocol {
	return &Protocol{Name: "nats", Versions: []BindingVersion{{Version: "0.1.0",
		Operation: &Object{Name: "nats operation binding", Fields: []Field{
			{Name: "queue", Type: textAs(atMost(255))},
		}},
	}}}
}

// ros2Bindings: 0.1.0.
func ros2Bindings() *Protocol {
	return &Protocol{Name: "ros2", Versions: []BindingVersion{{Version: "0.1.0",
		Server: &Object{Name: "ros2 server binding", Fields: []Field{
			{Name: "rmwImplementation", Type: text()},
			{Name: "domainId", Type: integerIn(0, 231)},
		}},
		Operation: &Object{Name: "ros2 operation binding", Fields: []Field{
			{Name: "role", Type: word("publisher", "action_client", "service_client", "subscriber", "action_server", "service_server"), Required: true},
			{Name: "node", Type: text(), Required: true},
			{Name: "qosPolicies", Type: inPlace(&Object{Name: "ros2 Quality of Service Policy Object", Fields: []Field{
				{Name: "reliability", Type: textAs(ros2Reliability)},
				{Name: "history", Type: word("keep_last", "keep_all", "unknown")},
				{Name: "durability", Type: word("transient_local", "volatile")},
				{Name: "lifespan", Type: integer()},
				{Name: "deadline", Type: integer()},
				{Name: "liveliness", Type: word("automatic", "manual")},
				{Name: "leaseDuration", Type: integer()},
			}})},
		}, Check: ros2Role},
	}}}
}

// ros2Reliability takes the document's "reliable" and what the schema has for
// it by a slip, "realiable"; nobody is told to write the latter.
func ros2Reliability(s string) string {
	switch s {
	case "best_effort", "reliable", "realiable":
		return ""
	}
	if near, ok := diag.Nearest(s, []string{"best_effort", "reliable"}); ok {
		return fmt.Sprintf("is no reliability of ROS 2; did you mean %q?", near)
	}
	return "is no reliability of ROS 2; write best_effort or reliable"
}

// ros2Role: the document has each role go with one action, though an example
// of its own has a publisher that receives, so this is no more than a warning.
func ros2Role(w *Walk, n *syntax.Node) {
	role := n.Get("role")
	var want string
	switch role.Str() {
	case "publisher", "action_client", "service_client":
		want = "send"
	case "subscriber", "action_server", "service_server":
		want = "receive"
	default:
		return
	}
	if action := actionOf(n); action != "" && action != want {
		w.Report(RuleFieldValue, diag.Warning, role.Span(), role,
			"role %q is one of an operation that is to %s, but this one's action is %s; change one of them", role.Value, want, action)
	}
}
