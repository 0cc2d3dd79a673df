// Package contract reads an AsyncAPI document as meant: event types, each with
// its envelope, payload schema, channel, operations, delivery promise and
// compatibility policy, linked to each other, each able to say where it was
// written. Package internal/document reads the document as written.
//
// A Contract is made from any document that can be read, faults
// notwithstanding: what is missing or malformed is left at its zero value, and
// the findings of Load say so.
package contract

import (
	"context"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Options say where documents may come from; only FS is required.
type Options = document.Options

// Place says where something was written. The zero value is no place.
type Place struct {
	node *syntax.Node
}

// Node is the node that was read; nil for the zero Place.
func (p Place) Node() *syntax.Node { return p.node }

// Span is where it stands: at its key where it has one.
func (p Place) Span() diag.Span { return p.node.KeySpan() }

// Pointer is the JSON Pointer of the place in the document as written.
func (p Place) Pointer() string { return p.node.Pointer() }

// Field returns the node under a key, nil where there is none.
func (p Place) Field(path ...string) *syntax.Node { return p.node.At(path...) }

// Contract is what an AsyncAPI document means. It is immutable and safe for
// concurrent use once read.
type Contract struct {
	Place              // of the document
	ID                 string
	Title              string
	Version            string // info.version
	Description        string
	DefaultContentType string // "" where not stated
	Servers            []*Server
	Channels           []*Channel
	Operations         []*Operation
	EventTypes         []*EventType // sorted by type
	Compatibility      Compatibility

	doc *document.Document
}

// Document is the document as written.
func (c *Contract) Document() *document.Document { return c.doc }

// Server is where brokers are reached (Server Object).
type Server struct {
	Place
	Name            string // key under servers
	Host            string
	Pathname        string
	Protocol        string
	ProtocolVersion string
	Title, Summary  string
	Description     string
	Variables       []*Variable
	Security        []*SecurityScheme
	Bindings        Bindings
}

// Variable is a server variable (Server Variable Object).
type Variable struct {
	Place
	Name     string
	Enum     []string
	Default  string
	Examples []string
}

// SecurityScheme is one way to authenticate (Security Scheme Object).
type SecurityScheme struct {
	Place
	Type   string
	Scopes []string // that are needed, of oauth2 and openIdConnect
}

// Bindings are the protocol-specific settings at a level, by protocol: the
// nodes of the bindings as written.
type Bindings map[string]*syntax.Node

// Get returns a setting of a protocol's binding, nil where not stated.
func (b Bindings) Get(protocol string, path ...string) *syntax.Node {
	return b[protocol].At(path...)
}

// Channel is where messages go (Channel Object).
type Channel struct {
	Place
	Name           string // key under channels
	Address        string // "" where the address is null or not stated
	HasAddress     bool   // false where the address is null: known only at run time
	Title, Summary string
	Description    string
	Servers        []*Server // those that carry the channel: all where none is named
	Parameters     []*Parameter
	Messages       []*Message
	Operations     []*Operation
	Bindings       Bindings
	Delivery       *Delivery // nil where the channel states nothing
	Compatibility  Compatibility
}

// Protocols are the protocols of the servers that carry the channel, each
// once, in order; with no server, those of the bindings.
func (c *Channel) Protocols() []string {
	var out []string
	add := func(p string) {
		for _, have := range out {
			if have == p {
				return
			}
		}
		if p != "" {
			out = append(out, p)
		}
	}
	for _, s := range c.Servers {
		add(protocolFamily(s.Protocol))
	}
	if len(out) == 0 && c.node.Get("bindings").Is(syntax.Mapping) {
		for _, item := range c.node.Get("bindings").Items {
			add(protocolFamily(item.KeyName()))
		}
	}
	return out
}

// protocolFamily drops what a protocol's spelling says of its transport: the
// secure form means the same broker.
func protocolFamily(p string) string {
	switch p {
	case "kafka-secure":
		return "kafka"
	case "amqps":
		return "amqp"
	case "mqtts", "secure-mqtt", "mqtt5":
		return "mqtt"
	case "wss":
		return "ws"
	case "https":
		return "http"
	}
	return p
}

// Parameter is a variable part of an address (Parameter Object).
type Parameter struct {
	Place
	Name     string
	Enum     []string
	Default  string
	Location string // runtime expression, "" where not stated
}

// Action is what the described application does.
type Action string

// The two actions. An operation whose action is missing or misspelt has "".
const (
	Send    Action = "send"
	Receive Action = "receive"
)

// Operation is what the described application does with a channel (Operation
// Object), traits applied.
type Operation struct {
	Place
	Name           string // key under operations
	Action         Action
	Channel        *Channel // nil where the reference leads nowhere
	Messages       []*Message
	Title, Summary string
	Description    string
	Reply          *Reply
	Security       []*SecurityScheme
	Bindings       Bindings
	Delivery       *OperationDelivery // nil where the operation states nothing
}

// Reply is what comes back (Operation Reply Object).
type Reply struct {
	Place
	Location string   // runtime expression of the reply address, "" where not stated
	Channel  *Channel // nil where not stated
	Messages []*Message
}

// Message is one message of one channel (Message Object), traits applied. A
// message defined once and used by two channels is two messages, since what a
// channel promises is part of what the message means.
type Message struct {
	Place                 // of the definition, effective node: traits applied
	Entry          Place  // of the entry under the channel's messages
	Key            string // in the channel's messages
	Name           string
	Title, Summary string
	Description    string
	Channel        *Channel
	ContentType    string // effective: defaultContentType where the message has none
	Headers        *Schema
	Payload        *Schema
	Correlation    string // runtime expression, "" where not stated
	Examples       []*Example
	Bindings       Bindings
	Deprecated     bool
	Envelope       Envelope
	Compatibility  Compatibility
	Delivery       *MessageDelivery // nil where the message states nothing
}

// Schema is the schema of a payload or of headers.
type Schema struct {
	Place          // of the schema itself, references followed
	Use     Place  // where the message names it: a reference, or the schema
	Format  string // schemaFormat as written, "" for the document's own
	Dialect schema.Dialect
}

// Example is an example of a message (Message Example Object).
type Example struct {
	Place
	Name             string
	Headers, Payload *syntax.Node // nil where not given
}

// EventType is one type of event: the CloudEvents type, such as
// orders.paid.v1, and the messages that carry it.
type EventType struct {
	Type     string
	Messages []*Message
}

// Load reads a document and what it means. The error says only that the
// document's file could not be read, and then there is no contract.
func Load(ctx context.Context, name string, o Options) (*Contract, []diag.Diagnostic, error) {
	doc, found, err := document.Load(ctx, name, o)
	if err != nil {
		return nil, nil, err
	}
	return Of(doc), found, nil
}

// At is the place of a node.
func At(n *syntax.Node) Place { return Place{n} }
