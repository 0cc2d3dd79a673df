package document

import (
	"fmt"
	"sort"
	"sync"
	"unicode/utf8"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// The bindings: per protocol and version, what may stand in a binding object
// at each of the four levels. Sources are the binding documents of the
// specification (asyncapi/bindings) and the JSON Schemas published for them;
// the tables are in the bindings_*.go files.
//
// Where the two disagree, what either allows is accepted, and a comment at the
// table says so. In three ways all the tables are stricter than the schemas,
// which leave these places open by omission: a nested object has only the
// fields that are defined for it, a level at which a protocol defines nothing
// is empty, and what a document demands in words (a length, a format, fields
// that exclude each other) is checked even where no schema does.
//
// bindingVersion is in no table, since every binding object has it.

// protocols is every protocol with bindings, sorted by name. A table is built
// when it is first asked for.
var protocols = [...]struct {
	name  string
	built func() *Protocol
}{
	{"amqp", sync.OnceValue(amqpBindings)},
	{"amqp1", sync.OnceValue(func() *Protocol { return reserved("amqp1") })},
	{"anypointmq", sync.OnceValue(anypointmqBindings)},
	{"googlepubsub", sync.OnceValue(googlepubsubBindings)},
	{"http", sync.OnceValue(httpBindings)},
	{"ibmmq", sync.OnceValue(ibmmqBindings)},
	{"jms", sync.OnceValue(jmsBindings)},
	{"kafka", sync.OnceValue(kafkaBindings)},
	{"mercure", sync.OnceValue(func() *Protocol { return reserved("mercure") })},
	{"mqtt", sync.OnceValue(mqttBindings)},
	{"mqtt5", sync.OnceValue(mqtt5Bindings)},
	{"nats", sync.OnceValue(natsBindings)},
	{"pulsar", sync.OnceValue(pulsarBindings)},
	{"redis", sync.OnceValue(func() *Protocol { return reserved("redis") })},
	{"ros2", sync.OnceValue(ros2Bindings)},
	{"sns", sync.OnceValue(snsBindings)},
	{"solace", sync.OnceValue(solaceBindings)},
	{"sqs", sync.OnceValue(sqsBindings)},
	{"stomp", sync.OnceValue(func() *Protocol { return reserved("stomp") })},
	{"ws", sync.OnceValue(wsBindings)},
}

// protocolNamed returns the bindings of a protocol, nil for one that treaty
// does not know.
func protocolNamed(name string) *Protocol {
	i := sort.Search(len(protocols), func(i int) bool { return protocols[i].name >= name })
	if i == len(protocols) || protocols[i].name != name {
		return nil
	}
	return protocols[i].built()
}

// protocolNames returns the names of all protocols with bindings, sorted.
func protocolNames() []string {
	names := make([]string, len(protocols))
	for i := range protocols {
		names[i] = protocols[i].name
	}
	return names
}

// reserved is a protocol whose binding objects the specification keeps for
// later: at every level they are empty.
func reserved(name string) *Protocol {
	return &Protocol{Name: name, Versions: []BindingVersion{{Version: "0.1.0"}}}
}

// What follows is shared by the tables.

// atMost limits a string to so many characters.
func atMost(limit int) Format {
	return func(s string) string {
		if n := utf8.RuneCountInString(s); n > limit {
			return fmt.Sprintf("has %d characters; shorten it to %d", n, limit)
		}
		return ""
	}
}

func notEmpty(s string) string {
	if s == "" {
		return "is empty; write a value or remove the field"
	}
	return ""
}

// texts is a string or a list of them.
func texts() *Type { return choice(text(), list(text())) }

// openMap is an object whose keys and values the specification leaves open.
func openMap() *Type { return mapOf(anything(), AnyName) }

// checks makes one check of several.
func checks(each ...func(*Walk, *syntax.Node)) func(*Walk, *syntax.Node) {
	return func(w *Walk, n *syntax.Node) {
		for _, check := range each {
			check(w, n)
		}
	}
}

// objectSchemas checks fields that hold a Schema Object of which the binding
// documents say that it "MUST be of type object and have a properties key".
// An absent type is let pass: examples in those documents leave it out.
func objectSchemas(fields ...string) func(*Walk, *syntax.Node) {
	return func(w *Walk, n *syntax.Node) {
		for _, field := range fields {
			s := n.Get(field)
			if !s.Is(syntax.Mapping) || s.Get("$ref") != nil {
				continue
			}
			if t := s.Get("type"); t.Is(syntax.String) && t.Value != "object" {
				w.Report(RuleFieldValue, diag.Error, t.Span(), t,
					"%q is a schema of type %q, but it describes a set of named values; write type: object and list them under properties", field, clipText(t.Value))
				continue
			}
			if s.Get("properties") == nil && s.Get("allOf") == nil && s.Get("anyOf") == nil && s.Get("oneOf") == nil {
				w.Report(RuleFieldMissing, diag.Warning, s.KeySpan(), s,
					"%q has no \"properties\", so it describes nothing; list there what it consists of", field)
			}
		}
	}
}

// needs reports that field is there without the one it depends on.
func needs(field, other string) func(*Walk, *syntax.Node) {
	return func(w *Walk, n *syntax.Node) {
		if at := n.Get(field); at != nil && n.Get(other) == nil {
			w.Report(RuleFieldMissing, diag.Error, at.KeySpan(), at, "%q stands without %q, which it is about; add %s or remove %s", field, other, other, field)
		}
	}
}

// excluded reports a field that must not be there for the reason given, which
// completes the sentence "… does not go with".
func excluded(w *Walk, n *syntax.Node, field, reason string) {
	if at := n.Get(field); at != nil {
		w.Report(RuleFieldValue, diag.Error, at.KeySpan(), at, "%q does not go with %s; remove one of them", field, reason)
	}
}

// lacking reports a field that has to be there for the reason given.
func lacking(w *Walk, n *syntax.Node, field, reason string) {
	if n.Get(field) == nil {
		w.Report(RuleFieldMissing, diag.Error, n.KeySpan(), n, "%s has no %q, which %s; add it", called(n), field, reason)
	}
}

// isMark reports whether a binding says nothing but which protocol is used:
// it is empty, save for its version and extensions.
func isMark(n *syntax.Node) bool {
	for _, item := range n.Items {
		if name := item.KeyName(); name != "bindingVersion" && !isExtension(name) {
			return false
		}
	}
	return true
}

// unlessMark checks a required field of a binding that may also be empty.
func unlessMark(field, reason string) func(*Walk, *syntax.Node) {
	return func(w *Walk, n *syntax.Node) {
		if !isMark(n) {
			lacking(w, n, field, reason)
		}
	}
}

// actionOf is what the operation that a binding is written in does, "" where
// it stands in no operation, as under components. The 2.x keywords say it from
// the other side: the application sends what others subscribe to.
func actionOf(binding *syntax.Node) string {
	if binding.Parent == nil || binding.Parent.Parent == nil {
		return ""
	}
	operation := binding.Parent.Parent
	if action := operation.Get("action").Str(); action != "" {
		return action
	}
	switch operation.KeyName() {
	case "subscribe":
		return "send"
	case "publish":
		return "receive"
	}
	return ""
}
