// Package topology is what a contract says of the broker's side: which topic,
// stream, exchange or queue a channel is, how it is set up, and by what its
// messages are ordered.
package topology

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Address is the address of a channel with its parameters filled in: by what is
// given, else by their defaults.
func Address(ch *contract.Channel, given map[string]string) (string, error) {
	if !ch.HasAddress || ch.Address == "" {
		return "", fmt.Errorf("the channel %s has no address: it is known only at run time", ch.Name)
	}
	var b strings.Builder
	rest := ch.Address
	for {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, after, ok := strings.Cut(after, "}")
		if !ok {
			return "", fmt.Errorf("the address %q of the channel %s has a brace that is not closed", ch.Address, ch.Name)
		}
		value, err := parameter(ch, name, given)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		rest = after
	}
}

func parameter(ch *contract.Channel, name string, given map[string]string) (string, error) {
	var p *contract.Parameter
	for _, one := range ch.Parameters {
		if one.Name == name {
			p = one
		}
	}
	value, ok := given[name]
	switch {
	case !ok && p != nil && p.Default != "":
		return p.Default, nil
	case !ok && p != nil && len(p.Enum) > 0:
		return "", fmt.Errorf("the channel %s needs the parameter %s, one of %s; give --param %s=%s, or in code the option Params", ch.Name, name, strings.Join(p.Enum, ", "), name, p.Enum[0])
	case !ok:
		return "", fmt.Errorf("the channel %s needs the parameter %s; give --param %s=VALUE, or in code the option Params", ch.Name, name, name)
	case value == "":
		return "", fmt.Errorf("the parameter %s is empty", name)
	case p != nil && len(p.Enum) > 0 && !slices.Contains(p.Enum, value):
		hint := "it is one of " + strings.Join(p.Enum, ", ")
		if near, ok := diag.Nearest(value, p.Enum); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return "", fmt.Errorf("the parameter %s may not be %q; %s", name, value, hint)
	}
	return value, nil
}

// Channel is a channel of a contract on a broker: its address, and what its
// bindings and its promise ask of the broker, as the settings that the adapters
// know.
func Channel(ch *contract.Channel, given map[string]string) (broker.Channel, error) {
	address, err := Address(ch, given)
	if err != nil {
		return broker.Channel{}, err
	}
	s := map[string]string{}
	delivery(s, ch.Delivery)
	by := ackedBy(ch)
	if acks := map[string]string{"quorum": "all", "leader": "leader", "none": "none"}[by]; acks != "" {
		s["kafka.acks"] = acks
	}
	for _, b := range bindings {
		if n := ch.Bindings[b.protocol]; n != nil {
			b.channel(s, n, address)
		}
		if b.operation != nil {
			for _, op := range ch.Operations {
				if n := op.Bindings[b.protocol]; n != nil {
					b.operation(s, n)
				}
			}
		}
	}
	if by == "quorum" {
		quorum(s)
	}
	return broker.Channel{Address: address, Settings: s}, nil
}

// ackedBy is who has to acknowledge an event: as the channel's durability says, or an
// operation that sends on it, where that is stricter. Unstated is the strictest that
// the broker has of itself, so that only a quorum adds to it.
func ackedBy(ch *contract.Channel) string {
	strict := []string{"none", "leader", "quorum"}
	by := ""
	if d := ch.Delivery; d != nil && d.Durability != nil {
		by = d.Durability.AckedBy
	}
	for _, op := range ch.Operations {
		if op.Action != contract.Send || op.Delivery == nil {
			continue
		}
		if c := op.Delivery.Confirm; c == "quorum" || by != "" && slices.Index(strict, c) > slices.Index(strict, by) {
			by = c
		}
	}
	return by
}

// quorum has a majority of the copies that there are to acknowledge: of itself Kafka
// is content with the leader when it is alone.
func quorum(s map[string]string) {
	const setting = "kafka.config.min.insync.replicas"
	if s[setting] != "" {
		return
	}
	if replicas, err := strconv.Atoi(s["kafka.replicas"]); err == nil && replicas > 1 {
		s[setting] = strconv.Itoa(replicas/2 + 1)
	}
}

// delivery is what x-delivery asks, before what bindings say outright.
func delivery(s map[string]string, d *contract.Delivery) {
	if d == nil {
		return
	}
	if d.Durability != nil && d.Durability.Replicas > 0 {
		s["kafka.replicas"] = strconv.Itoa(d.Durability.Replicas)
		s["nats.replicas"] = strconv.Itoa(d.Durability.Replicas)
	}
	if r := d.Retention; r != nil {
		if r.Time > 0 {
			s["kafka.config.retention.ms"] = strconv.FormatInt(r.Time.Milliseconds(), 10)
			s["nats.maxAge"] = r.Time.String()
			s["pubsub.retention"] = min(max(r.Time, 10*time.Minute), 31*24*time.Hour).String()
		}
		switch r.Policy {
		case "compact", "delete":
			s["kafka.config.cleanup.policy"] = r.Policy
		case "compact+delete":
			s["kafka.config.cleanup.policy"] = "compact,delete"
		}
	}
	if d.Dedupe != nil && d.Dedupe.Window > 0 && (d.Dedupe.Where == "broker" || d.Dedupe.Where == "both") {
		s["nats.duplicateWindow"] = d.Dedupe.Window.String()
	}
	if d.Guarantee == "at-most-once" {
		s["unrouted"] = "drop" // nobody is promised it
	}
	if d.MaxBytes > 0 {
		s["kafka.config.max.message.bytes"] = strconv.Itoa(d.MaxBytes)
	}
	if d.Ordering != nil && d.Ordering.Scope != "" && d.Ordering.Scope != "none" {
		// Neither a queue nor a consumer of JetStream has another order among members.
		s["amqp.singleActiveConsumer"] = "true"
		s["nats.singleActive"] = "true"
	}
}

// binding reads what the bindings of one protocol say.
type binding struct {
	protocol  string
	channel   func(s map[string]string, n *syntax.Node, address string)
	operation func(s map[string]string, n *syntax.Node) // nil where it says nothing of the channel
}

// set sets a setting where the binding says it.
func set(s map[string]string, name string, n *syntax.Node) {
	if n != nil && n.Value != "" {
		s[name] = n.Value
	}
}

var bindings = []binding{
	{protocol: "kafka", channel: func(s map[string]string, n *syntax.Node, _ string) {
		set(s, "kafka.topic", n.Get("topic"))
		set(s, "kafka.partitions", n.Get("partitions"))
		set(s, "kafka.replicas", n.Get("replicas"))
		if c := n.Get("topicConfiguration"); c.Is(syntax.Mapping) {
			for _, item := range c.Items {
				value := item.Value
				if item.Kind == syntax.Sequence {
					var all []string
					for _, one := range item.Items {
						all = append(all, one.Value)
					}
					value = strings.Join(all, ",")
				}
				s["kafka.config."+item.KeyName()] = value
			}
		}
	}},
	{protocol: "amqp", channel: func(s map[string]string, n *syntax.Node, address string) {
		if n.Get("is").Str() == "queue" {
			s["amqp.queue"] = address
			set(s, "amqp.queue", n.At("queue", "name"))
			return
		}
		if e := n.Get("exchange"); e != nil {
			set(s, "amqp.exchange", e.Get("name"))
			s["amqp.exchangeType"] = "topic"
			set(s, "amqp.exchangeType", e.Get("type"))
			s["amqp.routingKey"] = address
		}
	}},
	{protocol: "mqtt", channel: func(map[string]string, *syntax.Node, string) {}, operation: func(s map[string]string, n *syntax.Node) {
		set(s, "mqtt.qos", n.Get("qos"))
		set(s, "mqtt.retain", n.Get("retain"))
	}},
	{protocol: "googlepubsub", channel: func(s map[string]string, n *syntax.Node, _ string) {
		if topic := n.Get("topic").Str(); topic != "" {
			s["pubsub.topic"] = topic[strings.LastIndexByte(topic, '/')+1:]
		}
		set(s, "pubsub.retention", n.Get("messageRetentionDuration"))
	}},
}

// Group is the group of an operation as its bindings name it: the group id of
// Kafka, the queue group of NATS; "" where they name none.
func Group(op *contract.Operation) string {
	if id := op.Bindings.Get("kafka", "groupId", "const").Str(); id != "" {
		return id
	}
	if all := op.Bindings.Get("kafka", "groupId", "enum"); all.Is(syntax.Sequence) && len(all.Items) == 1 {
		return all.Items[0].Str()
	}
	return op.Bindings.Get("nats", "queue").Str()
}

// Key is what orders an event on its channel, as x-delivery says (§4 of the
// semantics): "" where nothing does. An event without what it is ordered by is
// an error: nobody could keep it in order.
func Key(ch *contract.Channel, e *event.Event) (string, error) {
	if ch.Delivery == nil || ch.Delivery.Ordering == nil {
		key, _ := event.PartitionKey(e)
		return key, nil
	}
	o := ch.Delivery.Ordering
	switch o.Scope {
	case "source":
		return e.Source, nil
	case "channel":
		return ch.Name, nil
	case "none":
		key, _ := event.PartitionKey(e)
		return key, nil
	}
	name := o.Key
	if name == "" {
		name = "subject"
	}
	value, err := valueOf(e, name)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w, and the channel %s orders its events by %s", err, ch.Name, name)
	case value == "":
		return "", fmt.Errorf("the event has no %s, which the channel %s orders its events by", strings.TrimPrefix(name, "/data/"), ch.Name)
	}
	return value, nil
}

// KnownAgain is whether an event has all that its channel has events known again by
// (x-delivery, dedupe): one without some of it could not be told from others without
// it, and consumers dead-letter it.
func KnownAgain(ch *contract.Channel, e *event.Event) error {
	if ch.Delivery == nil || ch.Delivery.Dedupe == nil {
		return nil
	}
	for _, name := range ch.Delivery.Dedupe.By {
		value, err := valueOf(e, name)
		switch {
		case err != nil:
			return fmt.Errorf("%w, and the contract has events of %s known again by %s", err, ch.Name, name)
		case value == "":
			return fmt.Errorf("the event has no %s, by which the contract has events of %s known again; give it one", name, ch.Name)
		}
	}
	return nil
}

// Value is what a contract names an event's key by: the text of an attribute, or what
// is at a JSON Pointer into the event; "" where the event has none.
func Value(e *event.Event, name string) string {
	v, _ := valueOf(e, name)
	return v
}

// valueOf is Value, and why there is none where that is not for the event's lack of it.
func valueOf(e *event.Event, name string) (string, error) {
	pointer, isPointer := strings.CutPrefix(name, "/")
	if !isPointer {
		return attribute(e, name), nil
	}
	first, rest, below := strings.Cut(pointer, "/")
	switch {
	case first == "data":
		return at(e, rest, name)
	case below: // an attribute has no parts
		return "", nil
	}
	return attribute(e, first), nil
}

// attribute is the text of an attribute, "" where the event has none of the name. One
// moment has one text, whatever the offset that it was written with.
func attribute(e *event.Event, name string) string {
	switch name {
	case "specversion":
		return event.SpecVersion
	case "subject":
		return e.Subject
	case "source":
		return e.Source
	case "type":
		return e.Type
	case "id":
		return e.ID
	case "time":
		if e.Time.IsZero() {
			return ""
		}
		return e.Time.UTC().Format(time.RFC3339Nano)
	case "datacontenttype":
		return e.DataContentType
	case "dataschema":
		return e.DataSchema
	}
	v, _ := e.Extensions.Get(name)
	return v.String()
}

// at is the value at a JSON Pointer into the data, which is named as a whole.
func at(e *event.Event, pointer, name string) (string, error) {
	if len(e.Data) == 0 {
		return "", nil
	}
	n, found := syntax.Parse(diag.NewFile("data", string(e.Data)), syntax.JSON, syntax.Limits{})
	for _, f := range found {
		if f.Rule == syntax.RuleLimit { // whose text is of a file, with a flag to raise it
			over, _, _ := strings.Cut(f.Message, ";")
			return "", fmt.Errorf("%s (make it smaller, or name an attribute instead of %s)", strings.Replace(over, "the file", "the data", 1), name)
		}
	}
	if len(found) > 0 {
		return "", errors.New("the data is no JSON")
	}
	if pointer != "" {
		for _, token := range strings.Split(pointer, "/") {
			n = n.Step(strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
		}
	}
	switch {
	case n == nil, n.Is(syntax.Null):
		return "", nil
	case n.Is(syntax.Mapping), n.Is(syntax.Sequence):
		return "", fmt.Errorf("%s is %s and neither a text nor a number", name, n.Kind)
	}
	return n.Value, nil
}
