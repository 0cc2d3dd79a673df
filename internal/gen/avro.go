package gen

import (
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// avroShape is the type of an Avro schema. Values are those of Avro's JSON
// encoding (specification, "JSON Encoding"): a member of a union other than null
// is an object of one property, named for its type.
func (b *builder) avroShape(n *syntax.Node, namespace, hint string) *Shape {
	if n.Is(syntax.String) {
		if s := b.avro[fullName(n.Value, namespace)]; s != nil {
			return s
		}
		return avroPrimitive(n.Value, "", n)
	}
	if n.Is(syntax.Sequence) {
		return b.avroUnion(n, namespace, hint)
	}
	kind := n.Get("type")
	if !kind.Is(syntax.String) { // {"type": {"type": …}}
		return b.avroShape(kind, namespace, hint)
	}
	name := fullName(n.Get("name").Str(), firstOf(n.Get("namespace").Str(), namespace))
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		namespace = name[:i]
	}
	short := camel(name[strings.LastIndexByte(name, '.')+1:])
	switch kind.Value {
	case "record", "error":
		s := &Shape{Avro: true, Dialect: schema.Avro, Kind: Object, Name: b.name(short), Doc: n.Get("doc").Str(), At: n}
		b.avro[name] = s
		b.model.Shapes = append(b.model.Shapes, s)
		for _, f := range items(n.Get("fields")) {
			s.Fields = append(s.Fields, &Field{Name: f.Get("name").Str(), Doc: f.Get("doc").Str(), Required: true, At: f,
				Shape: b.avroShape(f.Get("type"), namespace, s.Name+camel(f.Get("name").Str()))})
		}
		return s
	case "enum":
		s := &Shape{Avro: true, Dialect: schema.Avro, Kind: Enum, Base: String, Name: b.name(short), Doc: n.Get("doc").Str(), Values: items(n.Get("symbols")), At: n}
		b.avro[name] = s
		b.model.Shapes = append(b.model.Shapes, s)
		return s
	case "fixed":
		s := &Shape{Avro: true, Dialect: schema.Avro, Kind: String, Doc: n.Get("doc").Str(), At: n}
		b.avro[name] = s
		return s
	case "array":
		return &Shape{Avro: true, Dialect: schema.Avro, Kind: Array, Item: b.avroShape(n.Get("items"), namespace, singular(hint)), At: n}
	case "map":
		return &Shape{Avro: true, Dialect: schema.Avro, Kind: Map, Item: b.avroShape(n.Get("values"), namespace, hint+"Value"), At: n}
	}
	if s := b.avro[fullName(kind.Value, namespace)]; s != nil {
		return s
	}
	return avroPrimitive(kind.Value, n.Get("logicalType").Str(), n)
}

func avroPrimitive(name, logical string, n *syntax.Node) *Shape {
	s := &Shape{Avro: true, Dialect: schema.Avro, At: n}
	switch name {
	case "null":
		s.Kind = Null
	case "boolean":
		s.Kind = Boolean
	case "int", "long":
		s.Kind = Integer
	case "float", "double":
		s.Kind = Number
	case "string", "bytes":
		s.Kind = String
		if logical == "uuid" {
			s.Format = "uuid"
		}
	}
	return s
}

func (b *builder) avroUnion(n *syntax.Node, namespace, hint string) *Shape {
	s := &Shape{Avro: true, Dialect: schema.Avro, Kind: Union, At: n}
	type member struct {
		name  string
		shape *Shape
	}
	var all []member
	for _, item := range n.Items {
		if item.Str() == "null" || item.Get("type").Str() == "null" {
			s.Nullable = true
			continue
		}
		shape := b.avroShape(item, namespace, hint)
		all = append(all, member{unionName(item, namespace), shape})
	}
	if len(all) == 0 {
		return &Shape{Avro: true, Dialect: schema.Avro, Kind: Null, At: n}
	}
	s.Name = b.name(camel(hint))
	b.model.Shapes = append(b.model.Shapes, s)
	for _, m := range all {
		wrapped := &Shape{Avro: true, Dialect: schema.Avro, Kind: Object, Name: b.name(s.Name + camel(m.name)), At: n, Fields: []*Field{{Name: m.name, Shape: m.shape, Required: true, At: n}}}
		b.model.Shapes = append(b.model.Shapes, wrapped)
		s.Branches = append(s.Branches, &Branch{Shape: wrapped})
	}
	return s
}

// unionName is what a member of a union is called in the JSON encoding.
func unionName(n *syntax.Node, namespace string) string {
	if n.Is(syntax.String) {
		switch n.Value {
		case "boolean", "int", "long", "float", "double", "string", "bytes":
			return n.Value
		}
		return fullName(n.Value, namespace)
	}
	switch kind := n.Get("type").Str(); kind {
	case "record", "error", "enum", "fixed":
		return fullName(n.Get("name").Str(), firstOf(n.Get("namespace").Str(), namespace))
	default:
		return kind
	}
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.ContainsRune(name, '.') {
		return name
	}
	return namespace + "." + name
}

func items(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Sequence) {
		return nil
	}
	return n.Items
}
