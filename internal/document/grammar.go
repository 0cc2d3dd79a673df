package document

import (
	"github.com/treaty-events/treaty/internal/syntax"
)

// The grammar: tables that say which fields each object of a specification
// has. One walk (walk.go) reads them to check structure, to know what kind of
// object every node is, and to resolve references; nothing else interprets a
// document's structure. The tables are objects3.go, objects2.go, bindings.go
// and extensions.go.

// Object describes one kind of object. Two kinds are the same when their
// pointers are equal.
type Object struct {
	Name   string // as the specification calls it, such as "Server Object"
	Fields []Field
	// Entries, where set, is the type of every field not in Fields: the object
	// is a map. EntryName checks the names; "" means any.
	Entries   *Type
	EntryName NameRule
	// Closed objects refuse specification extensions (x-…).
	Closed bool
	// Select, where set, picks the object that a node really is, such as the
	// security scheme of its type; nil keeps this one. Kinds are still compared
	// by the object that selects.
	Select func(n *syntax.Node) *Object
	// Check, where set, looks at what a table cannot say. It may call
	// w.Report any number of times. It sees n only, never through references.
	Check func(w *Walk, n *syntax.Node)
}

// Field is one fixed field of an object.
type Field struct {
	Name     string
	Type     *Type
	Required bool
	// Since and Until bound the minor versions of the table's major version
	// that have the field; zero Until is no bound. For bindings, which have
	// one object a version, both stay zero.
	Since, Until int
}

// NameRule says which names the entries of a map may have.
type NameRule uint8

// The rules for names.
const (
	AnyName       NameRule = iota
	ComponentName          // ^[a-zA-Z0-9.\-_]+$: components, servers, channels' messages
	VariableName           // as ComponentName; parameters and server variables
)

type op uint8

const (
	opAnything op = iota
	opText
	opBool
	opInteger
	opNumber
	opNull
	opWord      // one of words
	opObject    // an object in place
	opReference // a Reference Object, nothing else
	opEither    // an object in place or a reference to one
	opList
	opMap
	opChoice  // first alternative whose JSON kind fits
	opSchema  // Schema Object of the document's own dialect, or boolean, or $ref
	opPayload // Multi Format Schema Object, or a schema as opSchema
	opRaw2    // 2.x payload: its dialect stands beside it in schemaFormat
	opBinding // the binding of the protocol that the entry is named after
	opPointer // a JSON Pointer as string, or a Reference Object, to an object
)

// Type is what a field's value may be. Types are immutable.
type Type struct {
	op     op
	object *Object
	elem   *Type
	alts   []*Type
	words  []string
	format Format
	level  Level
	min    int64 // for numbers, with bounded
	max    int64 // for numbers, with bounded; max < min is no upper bound
	bound  bool  // min and max count
	unique bool  // for lists
	some   bool  // for lists: at least one element
}

// Format checks the text of a string and returns what is wrong with it and
// what to do, or "".
type Format func(text string) string

func text() *Type              { return &Type{op: opText} }
func textAs(f Format) *Type    { return &Type{op: opText, format: f} }
func boolean() *Type           { return &Type{op: opBool} }
func integer() *Type           { return &Type{op: opInteger} }
func number() *Type            { return &Type{op: opNumber} }
func anything() *Type          { return &Type{op: opAnything} }
func null() *Type              { return &Type{op: opNull} }
func word(ws ...string) *Type  { return &Type{op: opWord, words: ws} }
func inPlace(o *Object) *Type  { return &Type{op: opObject, object: o} }
func refOnly(o *Object) *Type  { return &Type{op: opReference, object: o} }
func either(o *Object) *Type   { return &Type{op: opEither, object: o} }
func pointer(o *Object) *Type  { return &Type{op: opPointer, object: o} }
func list(t *Type) *Type       { return &Type{op: opList, elem: t} }
func uniqueList(t *Type) *Type { return &Type{op: opList, elem: t, unique: true} }
func someOf(t *Type) *Type     { return &Type{op: opList, elem: t, some: true, unique: true} }
func choice(ts ...*Type) *Type { return &Type{op: opChoice, alts: ts} }
func schemaHere() *Type        { return &Type{op: opSchema} }
func payload() *Type           { return &Type{op: opPayload} }
func payload2() *Type          { return &Type{op: opRaw2} }
func binding(l Level) *Type    { return &Type{op: opBinding, level: l} }

// bindings is a Bindings Object of a level, or a reference to one.
func bindings(l Level) *Type {
	switch l {
	case ServerLevel:
		return either(ServerBindings)
	case ChannelLevel:
		return either(ChannelBindings)
	case OperationLevel:
		return either(OperationBindings)
	}
	return either(MessageBindings)
}

// mapOf is a map written in place of an object with a table of its own.
func mapOf(t *Type, names NameRule) *Type {
	return &Type{op: opMap, elem: t, object: &Object{Entries: t, EntryName: names}}
}

// integerFrom is an integer of at least low.
func integerFrom(low int64) *Type {
	return &Type{op: opInteger, min: low, max: low - 1, bound: true}
}

// integerIn is an integer between low and high, both included.
func integerIn(low, high int64) *Type {
	return &Type{op: opInteger, min: low, max: high, bound: true}
}

// Level is where bindings stand.
type Level uint8

// The four levels of bindings.
const (
	ServerLevel Level = iota + 1
	ChannelLevel
	OperationLevel
	MessageLevel
)

// String is the level's word in the specification.
func (l Level) String() string {
	switch l {
	case ServerLevel:
		return "server"
	case ChannelLevel:
		return "channel"
	case OperationLevel:
		return "operation"
	case MessageLevel:
		return "message"
	}
	return ""
}

// Protocol describes the bindings of one protocol.
type Protocol struct {
	Name string // the key in a bindings object
	// Versions of the protocol's bindings, oldest first. The last is the
	// newest, meant by an omitted bindingVersion and by "latest".
	Versions []BindingVersion
}

// BindingVersion is one version of a protocol's bindings. A nil object means
// that the protocol defines nothing at that level: the binding must be empty.
type BindingVersion struct {
	Version                             string
	Also                                []string // other spellings accepted
	Server, Channel, Operation, Message *Object
}

func (v *BindingVersion) at(l Level) *Object {
	switch l {
	case ServerLevel:
		return v.Server
	case ChannelLevel:
		return v.Channel
	case OperationLevel:
		return v.Operation
	case MessageLevel:
		return v.Message
	}
	return nil
}
