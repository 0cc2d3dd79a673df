package gen

import (
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Kind is what values of a shape are.
type Kind uint8

// The kinds. Any is every value: what no type can say is left to validation.
const (
	Any Kind = iota
	Null
	Boolean
	Integer
	Number
	String
	Array  // of Item
	Tuple  // of Items, then of Item where that is not nil
	Map    // from texts to Item
	Object // of Fields, and of Item under other names where that is not nil
	Enum   // one of Values, all of which are of the kind Base
	Union  // one of Branches
)

// Shape is a type, before any language has it. Shapes that refer to themselves
// are one pointer. Objects, enums and unions have names, each its own.
type Shape struct {
	Kind     Kind
	Name     string // words in camel case with a capital first: OrderPaidPayload
	Doc      string // title and description, as written
	Format   string // of a String or an Integer, as the schema names it
	Nullable bool   // null is a value, too
	Fields   []*Field
	Item     *Shape
	Closed   bool // of an Object: other names than those of Fields are refused
	Loose    bool // the schema states no type: values of other kinds conform, too
	Items    []*Shape
	Base     Kind           // of an Enum: String, Integer, Number or Boolean
	Values   []*syntax.Node // of an Enum
	Branches []*Branch
	Tag      string // of a Union: the property whose value tells the branches apart, "" for none
	// Deprecated is what deprecated: true says.
	Deprecated bool
	// At is the schema that the shape was made of.
	At *syntax.Node
	// Of is the shape that this one is with null besides, which has the name; nil where
	// this is a shape of its own.
	Of *Shape
	// Avro is set where the schema is one of Avro.
	Avro    bool
	Dialect schema.Dialect
}

// rest is the shape of the properties of other names, nil where they are not kept:
// readers leave out what is not declared. But an alternative of a union without a
// tag (branch) may have been taken for the properties of another, and a schema that
// says more of an object than its properties may be about any.
func rest(s *Shape, branch bool) *Shape {
	if s.Item != nil || s.Avro {
		return s.Item
	}
	if v := s.At.Get("additionalProperties"); v.Is(syntax.Bool) && !v.IsTrue() {
		return nil
	}
	keep := branch
	for _, keyword := range []string{"unevaluatedProperties", "dependentSchemas", "dependentRequired", "dependencies", "not", "if", "anyOf", "oneOf", "minProperties", "propertyNames"} {
		keep = keep || s.At.Get(keyword) != nil
	}
	if keep {
		return &Shape{Kind: Any}
	}
	return nil
}

// named is the shape that has the name.
func (s *Shape) named() *Shape {
	if s.Of != nil {
		return s.Of
	}
	return s
}

// Field is a property of an object.
type Field struct {
	Name     string // exactly as it travels
	Shape    *Shape
	Required bool
	Doc      string
	At       *syntax.Node
}

// wide is whether whole numbers of a shape may be ones that 64 bits with a sign do
// not hold, and the contract says so.
func wide(s *Shape) bool {
	for _, keyword := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const"} {
		if v := s.At.Get(keyword); v.Is(syntax.Number) {
			if _, err := strconv.ParseInt(v.Value, 10, 64); err != nil && len(strings.Trim(v.Value, "-+.0123456789")) == 0 && len(v.Value) > 18 {
				return true
			}
		}
	}
	return s.Format == "uint64" && s.At.Get("maximum") == nil && s.At.Get("exclusiveMaximum") == nil
}

// Branch is an alternative of a union.
type Branch struct {
	Shape *Shape
	Tags  []string // values of the union's Tag that are this one's
	// At is the schema of the branch; nil for one of the types that a schema lists,
	// and for Avro.
	At *syntax.Node
}

// Event is an event type of a contract.
type Event struct {
	Type     string
	Name     string // words in camel case, made of the message's key: OrderPaidV1
	Doc      string
	Messages []*contract.Message // that carry it in the directions that are wanted; mostly one a channel
	Payload  *Shape              // nil where nothing is said of the data
	Headers  *Shape              // nil where nothing is said; an Object
	Sent     bool                // by an operation of the contract
	Received bool
	// Deprecated is what the message says.
	Deprecated bool
}

// Message is the first that carries the event.
func (e *Event) Message() *contract.Message { return e.Messages[0] }

// Mode is the mode that the contract has for messages of the event; "" where it has
// none, or several.
func (e *Event) Mode() contract.Mode {
	mode := e.Message().Envelope.Mode
	for _, m := range e.Messages[1:] {
		if m.Envelope.Mode != mode {
			return contract.NoEnvelope
		}
	}
	return mode
}

// Model is what the targets are given: the types of a contract and its events.
type Model struct {
	Contract *contract.Contract
	Events   []*Event // by type
	Shapes   []*Shape // that have names, in the order in which they are met
	// Untyped are the places whose values no type could say; they are validated.
	Untyped []*syntax.Node
}

// Only says which events are wanted.
type Only string

// The parts of a contract.
const (
	Everything Only = ""
	Sends      Only = "send"
	Receives   Only = "receive"
	Types      Only = "types"
)

// ModelOf reads the types and events of a contract.
func ModelOf(c *contract.Contract, only Only) *Model {
	b := &builder{model: &Model{Contract: c}, made: map[*syntax.Node]*Shape{}, names: map[string]bool{}}
	sent, received := map[*contract.Message]bool{}, map[*contract.Message]bool{}
	for _, op := range c.Operations {
		of, back := sent, received
		if op.Action == contract.Receive {
			of, back = received, sent
		}
		for _, m := range op.Messages {
			of[m] = true
		}
		if op.Reply != nil {
			for _, m := range op.Reply.Messages {
				back[m] = true
			}
		}
	}
	var events []*Event
	for _, t := range c.EventTypes {
		e := &Event{Type: t.Type}
		for _, m := range t.Messages {
			out, in := sent[m] || len(c.Operations) == 0, received[m] || len(c.Operations) == 0
			e.Sent, e.Received = e.Sent || out, e.Received || in
			if only == Sends && !out || only == Receives && !in {
				continue // it is of the other direction
			}
			e.Messages = append(e.Messages, m)
		}
		if len(e.Messages) == 0 {
			continue
		}
		m := e.Message()
		e.Name = b.name(camel(m.Key))
		e.Deprecated = m.Deprecated
		e.Doc = joinDoc(m.Title, firstOf(m.Summary, m.Description))
		events = append(events, e)
	}
	// Payloads first: their names are the ones that people see.
	for _, e := range events {
		if p := e.Message().Payload; p != nil {
			e.Payload = b.schema(p, e.Name+"Data")
		}
	}
	for _, e := range events {
		if h := e.Message().Headers; h != nil && !e.Message().Envelope.PayloadIsEnvelope {
			e.Headers = b.schema(h, e.Name+"Headers")
		}
	}
	for _, again := range b.nulls { // that were made before the shape itself was
		of := again.Of
		*again = *of
		again.Nullable, again.Of = true, of
	}
	b.model.Events = events
	return b.model
}

type builder struct {
	model *Model
	made  map[*syntax.Node]*Shape
	names map[string]bool
	avro  map[string]*Shape // records, enums and fixed by full name
	doing []*syntax.Node
	nulls []*Shape // that have Of
}

// name makes a name that nothing has yet.
func (b *builder) name(want string) string {
	if want == "" {
		want = "Value"
	}
	name := want
	for i := 2; b.names[strings.ToLower(name)]; i++ {
		name = want + strconv.Itoa(i)
	}
	b.names[strings.ToLower(name)] = true
	return name
}

func (b *builder) schema(s *contract.Schema, hint string) *Shape {
	switch {
	case s.Dialect == schema.Avro:
		b.avro = map[string]*Shape{}
		return b.avroShape(s.Node(), "", hint)
	case s.Dialect.IsJSONSchema():
		// What a component is called says more than the message that uses it.
		if use := s.Use.Node(); use != nil && use != s.Node() {
			if ref := use.Get("$ref").Str(); ref != "" {
				hint = refName(ref, hint)
			}
		}
		return b.shape(s.Node(), s.Dialect, hint)
	}
	b.model.Untyped = append(b.model.Untyped, s.Node())
	return &Shape{Kind: Any, At: s.Node()}
}

// refName is the name that a reference suggests: its last part that is a word.
func refName(ref, otherwise string) string {
	if i := strings.LastIndexByte(ref, '/'); i >= 0 && strings.Contains(ref, "#") {
		return camel(unescape(ref[i+1:]))
	}
	file := ref[strings.LastIndexByte(ref, '/')+1:]
	file, _, _ = strings.Cut(file, "#")
	file, _, _ = strings.Cut(file, ".")
	if name := camel(file); name != "" {
		return name
	}
	return otherwise
}

func unescape(token string) string {
	return strings.NewReplacer("~1", "/", "~0", "~", "%20", " ").Replace(token)
}

// shape is the type of a schema of JSON Schema. hint names it where nothing else
// does.
func (b *builder) shape(n *syntax.Node, d schema.Dialect, hint string) *Shape {
	if made := b.made[n]; made != nil {
		return made
	}
	if !n.Is(syntax.Mapping) || slices.Contains(b.doing, n) {
		// true, false, or an array of itself: every value, for a type.
		return &Shape{Kind: Any, At: n}
	}
	b.doing = append(b.doing, n)
	defer func() { b.doing = b.doing[:len(b.doing)-1] }()
	s := b.compose(b.flatten(n, d, hint, 0), hint)
	if s.At == nil {
		s.At = n
	}
	if b.made[n] == nil {
		b.made[n] = s
	}
	if s.Kind == Any && n.Len() > 0 {
		b.model.Untyped = append(b.model.Untyped, n)
	}
	return s
}

// facts is what a schema says of its type, references and allOf followed.
type facts struct {
	at         *syntax.Node
	dialect    schema.Dialect
	hint       string
	doc        string
	deprecated bool
	types      []string // nil: not said
	nullable   bool
	format     string
	values     []*syntax.Node // of enum or const
	fields     []*Field
	required   []string
	rest       *syntax.Node // additionalProperties that is a schema, or a pattern's
	closed     bool
	item       *syntax.Node
	prefix     []*syntax.Node
	unions     [][]*syntax.Node // oneOf, anyOf
	tag        string
}

// maxDepth bounds references that lead from one to the next.
const maxDepth = 64

func (b *builder) flatten(n *syntax.Node, d schema.Dialect, hint string, depth int) *facts {
	f := &facts{at: n, dialect: d, hint: hint}
	if !n.Is(syntax.Mapping) || depth > maxDepth {
		return f
	}
	f.doc = joinDoc(n.Get("title").Str(), n.Get("description").Str())
	f.deprecated = n.Get("deprecated").IsTrue()
	if ref := n.Get("$ref"); ref.Is(syntax.String) {
		to := b.model.Contract.Document().Schema(n)
		if to == nil {
			to = local(n, ref.Value)
		}
		name := refName(ref.Value, hint)
		inner := b.flatten(to, d, name, depth+1)
		if n.Len() == 1 || d == schema.Draft4 || d == schema.Draft6 || d == schema.Draft7 || d == schema.AsyncAPI {
			if f.doc != "" && n.Len() > 1 {
				inner.doc = f.doc
			}
			return inner
		}
		f.merge(inner)
	}
	switch t := n.Get("type"); {
	case t.Is(syntax.String):
		f.types = []string{t.Value}
	case t.Is(syntax.Sequence):
		for _, item := range t.Items {
			f.types = append(f.types, item.Value)
		}
	}
	if n.Get("nullable").IsTrue() {
		f.nullable = true
	}
	f.format = firstOf(n.Get("format").Str(), f.format)
	if e := n.Get("enum"); e.Is(syntax.Sequence) {
		f.values = e.Items
	}
	if c := n.Get("const"); c != nil {
		f.values = []*syntax.Node{c}
	}
	required := map[string]bool{}
	if r := n.Get("required"); r.Is(syntax.Sequence) {
		for _, item := range r.Items {
			f.required = append(f.required, item.Value)
			required[item.Value] = true
		}
	}
	if p := n.Get("properties"); p.Is(syntax.Mapping) {
		for _, item := range p.Items {
			f.add(&Field{Name: item.KeyName(), At: item})
		}
	}
	if p := n.Get("patternProperties"); p.Is(syntax.Mapping) && len(p.Items) > 0 {
		f.rest = p.Items[0]
		if a := n.Get("additionalProperties"); len(p.Items) > 1 || !a.Is(syntax.Bool) || a.IsTrue() {
			f.rest = anything // names that fit no pattern have other values
		}
	} else if a := n.Get("additionalProperties"); a.Is(syntax.Mapping) {
		f.rest = a
	} else if a.IsTrue() {
		f.rest = anything
	} else if a.Is(syntax.Bool) {
		f.closed = true
	}
	if items := n.Get("prefixItems"); items.Is(syntax.Sequence) {
		f.prefix = items.Items
		f.item = n.Get("items")
	} else if items := n.Get("items"); items.Is(syntax.Sequence) {
		f.prefix = items.Items
		f.item = n.Get("additionalItems")
	} else if items != nil {
		f.item = items
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if all := n.Get(keyword); all.Is(syntax.Sequence) && len(all.Items) > 0 {
			f.unions = append(f.unions, all.Items)
		}
	}
	switch tag := n.Get("discriminator"); {
	case tag.Is(syntax.String): // AsyncAPI
		f.tag = tag.Value
	case tag.Is(syntax.Mapping): // OpenAPI
		f.tag = tag.Get("propertyName").Str()
	}
	if all := n.Get("allOf"); all.Is(syntax.Sequence) {
		for _, sub := range all.Items {
			f.merge(b.flatten(sub, d, hint, depth+1))
		}
	}
	return f
}

// anything is a schema that says nothing.
var anything = syntax.NewScalar(syntax.Bool, "true")

// local follows a reference within the schema that it stands in.
func local(n *syntax.Node, ref string) *syntax.Node {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	to := n.Root()
	if pointer == "" {
		return to
	}
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if to = to.Step(unescape(token)); to == nil {
			return nil
		}
	}
	return to
}

func (f *facts) add(field *Field) {
	for i, have := range f.fields {
		if have.Name == field.Name {
			if have.At.Len() == 0 || !have.At.Is(syntax.Mapping) { // says nothing
				f.fields[i] = field
			}
			return
		}
	}
	f.fields = append(f.fields, field)
}

// merge adds what another schema says of the same value.
func (f *facts) merge(o *facts) {
	if f.doc == "" {
		f.doc = o.doc
	}
	f.deprecated = f.deprecated || o.deprecated
	switch {
	case f.types == nil:
		f.types = o.types
	case o.types != nil:
		both := slices.DeleteFunc(slices.Clone(f.types), func(t string) bool {
			return !slices.Contains(o.types, t) && !(t == "integer" && slices.Contains(o.types, "number"))
		})
		if slices.Contains(o.types, "integer") && slices.Contains(f.types, "number") {
			both = append(both, "integer")
		}
		if len(both) > 0 {
			f.types = both
		}
	}
	f.nullable = f.nullable || o.nullable
	f.format = firstOf(f.format, o.format)
	if f.values == nil {
		f.values = o.values
	}
	for _, field := range o.fields {
		f.add(field)
	}
	f.required = append(f.required, o.required...)
	if f.rest == nil {
		f.rest = o.rest
	}
	f.closed = f.closed || o.closed
	if f.item == nil {
		f.item = o.item
	}
	if f.prefix == nil {
		f.prefix = o.prefix
	}
	f.unions = append(f.unions, o.unions...)
	f.tag = firstOf(f.tag, o.tag)
}

// isObject is whether what is said is of objects.
func (f *facts) isObject() bool {
	if f.types != nil {
		return slices.Contains(f.types, "object")
	}
	return len(f.fields) > 0
}

// compose makes the shape of facts.
func (b *builder) compose(f *facts, hint string) *Shape {
	if f.hint != "" {
		hint = f.hint
	}
	s := &Shape{Doc: f.doc, Deprecated: f.deprecated, At: f.at, Nullable: f.nullable, Dialect: f.dialect}
	if made := b.made[f.at]; made != nil {
		return made
	}
	types := slices.DeleteFunc(slices.Clone(f.types), func(t string) bool { return t == "null" })
	if len(types) < len(f.types) {
		s.Nullable = true
	}
	if f.values != nil {
		return b.enum(s, f, hint)
	}
	if len(f.unions) > 0 {
		if made := b.union(s, f, hint); made != nil {
			return made
		}
	}
	switch {
	case f.types == nil && len(f.fields) == 0 && f.rest == nil && f.item == nil && f.prefix == nil:
		return s // Any
	case f.types != nil && len(types) == 0:
		s.Kind = Null
		s.Nullable = false
		return s
	case len(types) > 1:
		return b.several(s, f, types, hint)
	}
	kind := ""
	switch {
	case len(types) == 1:
		kind = types[0]
	case len(f.fields) > 0 || f.rest != nil:
		kind, s.Loose = "object", true
	default:
		kind, s.Loose = "array", true
	}
	switch kind {
	case "boolean":
		s.Kind = Boolean
	case "integer":
		s.Kind, s.Format = Integer, f.format
	case "number":
		s.Kind = Number
	case "string":
		s.Kind, s.Format = String, f.format
	case "array":
		b.array(s, f, hint)
	case "object":
		b.object(s, f, hint)
	}
	return s
}

// several is the union of types that a schema lists.
func (b *builder) several(s *Shape, f *facts, types []string, hint string) *Shape {
	s.Kind = Union
	s.Name = b.name(camel(hint))
	b.made[f.at] = s
	b.model.Shapes = append(b.model.Shapes, s)
	for _, t := range types {
		one := *f
		one.types, one.at, one.unions, one.nullable, one.doc = []string{t}, nil, nil, false, ""
		one.hint = s.Name + camel(t)
		s.Branches = append(s.Branches, &Branch{Shape: b.compose(&one, "")})
	}
	return s
}

func (b *builder) array(s *Shape, f *facts, hint string) {
	s.Kind = Array
	if f.prefix != nil {
		s.Kind = Tuple
		for i, item := range f.prefix {
			s.Items = append(s.Items, b.shape(item, f.dialect, hint+strconv.Itoa(i+1)))
		}
		if f.item.Is(syntax.Bool) && !f.item.IsTrue() {
			return // no further ones
		}
	}
	s.Item = &Shape{Kind: Any}
	if f.item != nil {
		s.Item = b.shape(f.item, f.dialect, singular(hint))
	}
}

func (b *builder) object(s *Shape, f *facts, hint string) {
	if len(f.fields) == 0 {
		s.Kind = Map
		s.Item = &Shape{Kind: Any}
		if f.rest.Is(syntax.Mapping) {
			s.Item = b.shape(f.rest, f.dialect, hint+"Value")
		}
		return
	}
	s.Kind = Object
	s.Name = b.name(camel(firstOf(hint, f.at.Get("title").Str())))
	if f.at != nil {
		b.made[f.at] = s
	}
	b.model.Shapes = append(b.model.Shapes, s)
	for _, field := range f.fields {
		made := &Field{Name: field.Name, At: field.At, Required: slices.Contains(f.required, field.Name)}
		made.Shape = b.shape(field.At, f.dialect, s.Name+camel(field.Name))
		if field.At.Is(syntax.Mapping) {
			made.Doc = joinDoc(field.At.Get("title").Str(), field.At.Get("description").Str())
		}
		made.Doc = firstOf(made.Doc, made.Shape.Doc)
		s.Fields = append(s.Fields, made)
	}
	s.Closed = f.closed && f.rest == nil
	if f.rest != nil {
		s.Item = &Shape{Kind: Any}
		if f.rest.Is(syntax.Mapping) {
			s.Item = b.shape(f.rest, f.dialect, s.Name+"Value")
		}
	}
}

func (b *builder) enum(s *Shape, f *facts, hint string) *Shape {
	kinds := map[Kind]bool{}
	var values []*syntax.Node
	for _, v := range f.values {
		switch v.Kind {
		case syntax.Null:
			s.Nullable = true
			continue
		case syntax.String:
			kinds[String] = true
		case syntax.Bool:
			kinds[Boolean] = true
		case syntax.Number:
			if strings.ContainsAny(v.Value, ".eE") {
				kinds[Number] = true
			} else {
				kinds[Integer] = true
			}
		default:
			kinds[Any] = true
		}
		values = append(values, v)
	}
	if kinds[Number] && kinds[Integer] {
		delete(kinds, Integer)
	}
	switch {
	case len(values) == 0:
		s.Kind, s.Nullable = Null, false
		return s
	case len(kinds) != 1 || kinds[Any]:
		return s // Any, validated
	}
	for s.Base = range kinds {
	}
	s.Kind, s.Values = Enum, values
	s.Name = b.name(camel(hint))
	if f.at != nil {
		b.made[f.at] = s
	}
	b.model.Shapes = append(b.model.Shapes, s)
	return s
}

// union makes the type of oneOf and anyOf; nil where the alternatives only add
// conditions to what the schema says itself.
func (b *builder) union(s *Shape, f *facts, hint string) *Shape {
	if len(f.unions) > 1 {
		if f.isObject() || f.types != nil {
			return nil // conditions among themselves: the type is what is said beside them
		}
		return s
	}
	var branches []*facts
	conditions := true
	for _, n := range f.unions[0] {
		one := b.flatten(n, f.dialect, "", 0)
		if isNull(one) {
			s.Nullable = true
			continue
		}
		if one.types != nil || len(one.fields) > 0 || one.values != nil || one.item != nil || one.prefix != nil || len(one.unions) > 0 || one.rest != nil {
			conditions = false
		}
		branches = append(branches, one)
	}
	if len(branches) == 0 { // null alone
		if f.types != nil || len(f.fields) > 0 {
			return nil
		}
		s.Kind, s.Nullable = Null, false
		return s
	}
	if conditions {
		if f.types == nil && len(f.fields) == 0 {
			return s // Any
		}
		return nil
	}
	base := *f
	base.unions = nil
	base.doc = ""
	plain := base.types == nil && len(base.fields) == 0 && base.rest == nil && base.item == nil
	if len(branches) == 1 {
		one := branches[0]
		if plain {
			made := b.shape(nodeOf(f.unions[0], one), f.dialect, firstOf(one.hint, hint))
			if !s.Nullable || made.Nullable {
				return made
			}
			again := *made // the same type, and null
			again.Nullable, again.Of = true, made
			b.nulls = append(b.nulls, &again)
			return &again
		}
	}
	s.Kind = Union
	s.Name = b.name(camel(hint))
	s.Tag = f.tag
	if f.at != nil {
		b.made[f.at] = s
	}
	b.model.Shapes = append(b.model.Shapes, s)
	i := 0
	for _, n := range f.unions[0] {
		one := b.flatten(n, f.dialect, "", 0)
		if isNull(one) {
			continue
		}
		i++
		name := firstOf(one.hint, camel(n.Get("title").Str()), s.Name+"Option"+strconv.Itoa(i))
		var shape *Shape
		if plain {
			shape = b.shape(n, f.dialect, name)
		} else {
			// What stands beside the alternatives holds for each of them.
			merged := *one
			merged.fields = slices.Clone(one.fields)
			merged.merge(&base)
			merged.at = nil
			if one.hint != "" {
				name = s.Name + one.hint
			}
			merged.hint = name
			shape = b.compose(&merged, name)
			shape.At = n
		}
		s.Branches = append(s.Branches, &Branch{Shape: shape, At: n})
	}
	b.tag(s)
	return s
}

// nodeOf is the alternative that facts were made of.
func nodeOf(all []*syntax.Node, f *facts) *syntax.Node {
	for _, n := range all {
		if n.Get("type").Str() != "null" {
			return n
		}
	}
	return f.at
}

func isNull(f *facts) bool {
	return len(f.types) == 1 && f.types[0] == "null" || len(f.values) == 1 && f.values[0].Kind == syntax.Null
}

// tag finds the property that tells the branches of a union apart: required in
// each, with values that are nobody else's. The one that the contract names as the
// discriminator counts first.
func (b *builder) tag(s *Shape) {
	for _, branch := range s.Branches {
		if branch.Shape.Kind != Object || branch.Shape.Nullable {
			s.Tag = ""
			return
		}
	}
	candidates := []string{}
	if s.Tag != "" {
		candidates = append(candidates, s.Tag)
	}
	for _, f := range s.Branches[0].Shape.Fields {
		candidates = append(candidates, f.Name)
	}
	named := s.Tag
	s.Tag = ""
	for _, name := range candidates {
		taken := map[string]bool{}
		tags := make([][]string, len(s.Branches))
		good := true
		for i, branch := range s.Branches {
			j := slices.IndexFunc(branch.Shape.Fields, func(f *Field) bool { return f.Name == name })
			if j < 0 {
				good = false
				break
			}
			f := branch.Shape.Fields[j]
			if f.Shape.Kind == Enum && f.Shape.Base == String && !f.Shape.Nullable {
				for _, v := range f.Shape.Values {
					tags[i] = append(tags[i], v.Value)
				}
			} else if name == named && f.Shape.Kind == String {
				tags[i] = []string{branch.Shape.Name} // the name of the schema, as OpenAPI and AsyncAPI have it
			}
			if !f.Required || len(tags[i]) == 0 {
				good = false
				break
			}
			for _, t := range tags[i] {
				good = good && !taken[t]
				taken[t] = true
			}
		}
		if good {
			s.Tag = name
			for i := range s.Branches {
				s.Branches[i].Tags = tags[i]
			}
			return
		}
	}
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func joinDoc(title, description string) string {
	title, description = strings.TrimSpace(title), strings.TrimSpace(description)
	switch {
	case title == "" || description == "":
		return title + description
	case strings.HasSuffix(title, "."):
		return title + "\n\n" + description
	}
	return title + ".\n\n" + description
}
