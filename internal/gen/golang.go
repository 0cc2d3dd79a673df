package gen

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/treaty-events/treaty/internal/syntax"
)

// goTarget makes a Go package: types, the contract itself, and a producer and a
// consumer on the runtime of this module, so that what is valid is decided by the
// contract and not by the types.
var goTarget = &Target{Name: "go", Title: "a Go package on this module's runtime", Override: goOverride, Generate: func(in *Input) ([]File, error) {
	g := &golang{Input: in, imports: map[string]bool{}, used: map[string]bool{}}
	text, err := g.file()
	if err != nil {
		return nil, err
	}
	return []File{{"treaty.gen.go", text}, {"contract.gen.json", in.Document()}}, nil
}}

const goOverride = "x-go-name"

type golang struct {
	*Input
	bytes.Buffer
	imports map[string]bool
	used    map[string]bool // names of the package
	names   map[*Shape]string
	events  map[*Event]string
	boxed   map[*Field]bool
}

func (g *golang) p(format string, args ...any) { fmt.Fprintf(g, format+"\n", args...) }

// initialisms that Go writes in capitals.
var initialisms = map[string]string{"Id": "ID", "Url": "URL", "Uri": "URI", "Uuid": "UUID", "Api": "API", "Http": "HTTP", "Https": "HTTPS", "Json": "JSON", "Xml": "XML", "Ip": "IP", "Sku": "SKU", "Html": "HTML", "Sql": "SQL", "Tls": "TLS", "Ttl": "TTL", "Vat": "VAT"}

// goName is a name as Go writes it.
func goName(s string) string {
	var b strings.Builder
	for _, w := range words(camel(s)) {
		if up, ok := initialisms[w]; ok {
			w = up
		}
		b.WriteString(w)
	}
	name := b.String()
	if name == "" || !unicode.IsUpper([]rune(name)[0]) {
		name = "X" + name
	}
	return name
}

// take makes a name that the package has not.
func (g *golang) take(want string) string {
	name := want
	for i := 2; g.used[name] || token.IsKeyword(name); i++ {
		name = want + strconv.Itoa(i)
	}
	g.used[name] = true
	return name
}

func (g *golang) file() ([]byte, error) {
	for _, name := range []string{"Contract", "Producer", "NewProducer", "Handlers", "NewConsumer", "Publisher", "Fake", "NewFake", "Envelope"} {
		g.used[name] = true
	}
	g.names, g.events = map[*Shape]string{}, map[*Event]string{}
	for _, s := range g.Shapes {
		g.names[s] = g.take(firstOf(override(s.At, goOverride), goName(s.Name)))
	}
	for _, e := range g.Events {
		g.events[e] = firstOf(override(e.Message().Node(), goOverride), goName(e.Name))
	}
	if g.Only != Types {
		g.runtime()
	}
	g.types()
	body := slices.Clone(g.Bytes())
	g.Reset()
	g.p("// %s\n", g.Stamp())
	name := firstOf(g.Package, goPackage(g.Contract.Title))
	g.comment("", "Package "+name+" has the events of "+oneLine(g.Contract.Title)+" "+oneLine(g.Contract.Version)+" as Go types"+map[bool]string{true: ".", false: ", with a producer and a consumer that hold to the contract."}[g.Only == Types])
	g.p("package %s\n", name)
	if len(g.imports) > 0 {
		var standard, other []string
		for path := range g.imports {
			if strings.Contains(strings.Split(path, "/")[0], ".") {
				other = append(other, path)
			} else {
				standard = append(standard, path)
			}
		}
		slices.Sort(standard)
		slices.Sort(other)
		g.p("import (")
		for _, path := range standard {
			if path == "embed" {
				g.p("\t_ %q", path)
				continue
			}
			g.p("\t%q", path)
		}
		if len(other) > 0 {
			g.p("")
		}
		for _, path := range other {
			g.p("\t%q", path)
		}
		g.p(")")
	}
	g.Write(body)
	text, err := format.Source(g.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the Go code that was made cannot be read, which is a fault of treaty: %w", err)
	}
	return text, nil
}

// goPackage is the name of a package for a contract: OrdersEvents is ordersevents.
func goPackage(title string) string {
	name := strings.ToLower(strings.Join(words(title), ""))
	name = strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, name)
	if name == "" || unicode.IsDigit(rune(name[0])) || token.IsKeyword(name) {
		name = "events" + name
	}
	return name
}

// comment writes a text as a comment.
func (g *golang) comment(indent, text string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		g.p("%s", strings.TrimRight(indent+"// "+strings.TrimSpace(strings.Map(visible, line)), " "))
	}
}

// visible leaves out what would hide text from a reader of the code.
func visible(r rune) rune {
	if r == '\t' || r >= ' ' && r != 0x7f && !(r >= 0x80 && r < 0xa0) && !unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Zl, r) && !unicode.Is(unicode.Zp, r) {
		return r
	}
	return ' '
}

func (g *golang) doc(name, doc, otherwise string, deprecated bool) {
	if doc = strings.TrimSpace(doc); doc == "" {
		doc = otherwise
	} else {
		doc = name + ": " + doc
	}
	g.comment("", doc)
	if deprecated {
		g.comment("", "\nDeprecated: the contract says so.")
	}
}

func (g *golang) types() {
	for _, s := range g.Shapes {
		name := g.names[s]
		switch s.Kind {
		case Object:
			g.object(name, s)
		case Enum:
			g.enum(name, s)
		case Union:
			g.union(name, s)
		}
	}
}

// goType is the Go type of a shape.
func (g *golang) goType(s *Shape) string {
	t := g.plain(s)
	if s.Nullable && !strings.HasPrefix(t, "*") && !isReference(t) && s.Kind != Union {
		return "*" + t
	}
	return t
}

func isReference(t string) bool {
	return strings.HasPrefix(t, "[]") || strings.HasPrefix(t, "map[") || t == "any" || t == "json.RawMessage"
}

func (g *golang) plain(s *Shape) string {
	switch s.Kind {
	case Boolean:
		return "bool"
	case Integer:
		return "int64"
	case Number:
		return "float64"
	case String:
		return "string"
	case Array:
		return "[]" + g.goType(s.Item)
	case Map:
		return "map[string]" + g.goType(s.Item)
	case Object, Enum, Union:
		return g.names[s]
	}
	g.imports["encoding/json"] = true
	return "json.RawMessage" // Any, Null and Tuple: as they came
}

func (g *golang) enum(name string, s *Shape) {
	base := map[Kind]string{String: "string", Integer: "int64", Number: "float64", Boolean: "bool"}[s.Base]
	g.p("")
	g.doc(name, s.Doc, name+" is one of the values of the contract.", s.Deprecated)
	g.p("type %s %s", name, base)
	g.p("")
	g.p("// The values of %s.", name)
	g.p("const (")
	for _, v := range s.Values {
		text := v.Value
		if s.Base == String {
			text = strconv.Quote(v.Value)
		}
		label := goName(v.Value)
		if label == "X" || s.Base != String {
			label = "Value" + strings.NewReplacer("-", "Minus", ".", "Point", "+", "", "e", "E").Replace(v.Value)
			if s.Base == String {
				label = "Empty"
			}
			if s.Base == Boolean {
				label = goName(v.Value)
			}
		}
		g.p("\t%s %s = %s", g.take(name+label), name, text)
	}
	g.p(")")
}

// optional is whether absence has to be told from the zero value, and is not by
// the type itself.
func optional(t string) bool { return !strings.HasPrefix(t, "*") && !isReference(t) }

func (g *golang) object(name string, s *Shape) {
	g.p("")
	g.doc(name, s.Doc, name+" is an object of the contract.", s.Deprecated)
	g.p("type %s struct {", name)
	used := map[string]bool{}
	if s.Item != nil {
		used["Rest"] = true
	}
	type made struct {
		field *Field
		name  string
		typ   string
	}
	var fields []made
	for _, f := range s.Fields {
		want := firstOf(override(f.At, goOverride), goName(f.Name))
		field := want
		for i := 2; used[field]; i++ {
			field = want + strconv.Itoa(i)
		}
		used[field] = true
		fields = append(fields, made{f, field, g.fieldType(f)})
	}
	for _, f := range fields {
		if f.field.Doc != "" {
			g.comment("\t", f.field.Doc)
		}
		tag := f.field.Name
		if !f.field.Required {
			tag += ",omitzero"
		}
		if strings.ContainsAny(f.field.Name, "\"`\\,") || f.field.Name == "" || f.field.Name == "-" {
			tag = "-"
		}
		g.p("\t%s %s `json:%s`", f.name, f.typ, strconv.Quote(tag))
	}
	if s.Item != nil {
		g.comment("\t", "Rest are the properties of other names.")
		g.p("\tRest map[string]%s `json:\"-\"`", g.goType(s.Item))
	}
	g.p("}")
	// encoding/json does what has to be done, but for names that a tag cannot have,
	// for properties of any name, and for unions, which are interfaces.
	special := s.Item != nil
	for _, f := range fields {
		if strings.ContainsAny(f.field.Name, "\"`\\,") || f.field.Name == "" || f.field.Name == "-" || g.hasUnion(f.field.Shape, 0) {
			special = true
		}
	}
	if !special {
		return
	}
	g.imports["encoding/json"] = true
	g.p("")
	g.p("// UnmarshalJSON reads the object.")
	g.p("func (o *%s) UnmarshalJSON(text []byte) error {", name)
	g.p("var members map[string]json.RawMessage")
	g.p("if err := json.Unmarshal(text, &members); err != nil { return err }")
	g.p("*o = %s{}", name)
	for _, f := range fields {
		g.p("if member, ok := members[%s]; ok {", strconv.Quote(f.field.Name))
		g.decode("o."+f.name, f.typ, f.field.Shape, "member", f.field.Required)
		g.p("delete(members, %s)", strconv.Quote(f.field.Name))
		g.p("}")
	}
	if s.Item != nil {
		t := g.goType(s.Item)
		g.p("if len(members) > 0 { o.Rest = make(map[string]%s, len(members)) }", t)
		g.p("for name, member := range members {")
		g.p("var value %s", t)
		g.decode("value", t, s.Item, "member", true)
		g.p("o.Rest[name] = value")
		g.p("}")
	}
	g.p("return nil")
	g.p("}")
	g.p("")
	g.p("// MarshalJSON writes the object.")
	g.p("func (o %s) MarshalJSON() ([]byte, error) {", name)
	if s.Item != nil {
		g.p("members := make(map[string]any, len(o.Rest)+%d)", len(fields))
		g.p("for name, value := range o.Rest { members[name] = value }")
	} else {
		g.p("members := make(map[string]any, %d)", len(fields))
	}
	for _, f := range fields {
		key := strconv.Quote(f.field.Name)
		switch {
		case f.field.Required:
			g.p("members[%s] = o.%s", key, f.name)
		case strings.HasPrefix(f.typ, "*") && f.field.Shape.Nullable && !strings.HasPrefix(f.typ, "**"):
			g.p("if o.%s != nil { members[%s] = o.%s }", f.name, key, f.name)
		default:
			g.p("if o.%s != nil { members[%s] = o.%s }", f.name, key, f.name)
		}
	}
	g.p("return json.Marshal(members)")
	g.p("}")
}

// fieldType is the type of a property: a pointer where it may be absent, and one
// to a pointer where it may be null besides.
func (g *golang) fieldType(f *Field) string {
	t := g.goType(f.Shape)
	switch {
	case f.Required:
		if f.Shape.Kind == Object && g.reaches(f.Shape, f.Shape, map[*Shape]bool{}) && !strings.HasPrefix(t, "*") {
			return "*" + t // a struct cannot hold itself
		}
		return t
	case f.Shape.Nullable && f.Shape.Kind != Union:
		return "*" + t // nil: absent; a pointer to nil: null
	case f.Shape.Kind == Union && f.Shape.Nullable:
		return "*" + t
	case isReference(t) && (strings.HasPrefix(t, "[]") || strings.HasPrefix(t, "map[")):
		return t // nil: absent; empty: there, and empty
	case optional(t) && f.Shape.Kind != Union:
		return "*" + t
	}
	return t
}

// reaches is whether a struct holds another by value.
func (g *golang) reaches(from, to *Shape, seen map[*Shape]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, f := range from.Fields {
		if f.Required && f.Shape.Kind == Object && !f.Shape.Nullable && (f.Shape == to || g.reaches(f.Shape, to, seen)) {
			return true
		}
	}
	return false
}

// hasUnion is whether a union has to be decoded within a value.
func (g *golang) hasUnion(s *Shape, depth int) bool {
	switch s.Kind {
	case Union:
		return true
	case Array, Map:
		return depth < maxDepth && g.hasUnion(s.Item, depth+1)
	}
	return false
}

// decode writes how a value is read from the text in from.
func (g *golang) decode(to, typ string, s *Shape, from string, required bool) {
	if !g.hasUnion(s, 0) {
		g.p("if err := json.Unmarshal(%s, &%s); err != nil { return err }", from, to)
		if !required && strings.HasPrefix(typ, "**") {
			// null has come: a pointer to nil.
			g.p("if %s == nil { %s = new(%s) }", to, to, strings.TrimPrefix(typ, "*"))
		} else if !required && strings.HasPrefix(typ, "*") && isReference(strings.TrimPrefix(typ, "*")) {
			g.p("if %s == nil { %s = new(%s) }", to, to, strings.TrimPrefix(typ, "*"))
		}
		return
	}
	g.imports["fmt"] = true
	switch s.Kind {
	case Union:
		if strings.HasPrefix(typ, "*") {
			g.p("%s = new(%s)", to, strings.TrimPrefix(typ, "*"))
			g.decode("*"+to, strings.TrimPrefix(typ, "*"), s, from, true)
			return
		}
		g.p("{")
		g.p("value, err := decode%s(%s)", g.names[s], from)
		g.p("if err != nil { return err }")
		g.p("%s = value", to)
		g.p("}")
	case Array:
		if strings.HasPrefix(typ, "*") {
			g.p("%s = new(%s)", to, strings.TrimPrefix(typ, "*"))
			g.decode("*"+to, strings.TrimPrefix(typ, "*"), s, from, true)
			return
		}
		n := g.fresh()
		g.p("var items%d []json.RawMessage", n)
		g.p("if err := json.Unmarshal(%s, &items%d); err != nil { return err }", from, n)
		g.p("if items%d != nil { %s = make(%s, len(items%d)) }", n, parens(to), typ, n)
		g.p("for i%d, item%d := range items%d {", n, n, n)
		g.decode(fmt.Sprintf("%s[i%d]", parens(to), n), g.goType(s.Item), s.Item, fmt.Sprintf("item%d", n), true)
		g.p("}")
	case Map:
		if strings.HasPrefix(typ, "*") {
			g.p("%s = new(%s)", to, strings.TrimPrefix(typ, "*"))
			g.decode("*"+to, strings.TrimPrefix(typ, "*"), s, from, true)
			return
		}
		n := g.fresh()
		g.p("var items%d map[string]json.RawMessage", n)
		g.p("if err := json.Unmarshal(%s, &items%d); err != nil { return err }", from, n)
		g.p("if items%d != nil { %s = make(%s, len(items%d)) }", n, parens(to), typ, n)
		g.p("for key%d, item%d := range items%d {", n, n, n)
		g.p("var value%d %s", n, g.goType(s.Item))
		g.decode(fmt.Sprintf("value%d", n), g.goType(s.Item), s.Item, fmt.Sprintf("item%d", n), true)
		g.p("%s[key%d] = value%d", parens(to), n, n)
		g.p("}")
	}
}

func parens(to string) string {
	if strings.HasPrefix(to, "*") {
		return "(" + to + ")"
	}
	return to
}

var freshKey = "\x00fresh"

// fresh is a number that names made for this file have not had.
func (g *golang) fresh() int {
	n := 1
	for g.used[freshKey+strconv.Itoa(n)] {
		n++
	}
	g.used[freshKey+strconv.Itoa(n)] = true
	return n
}

// union is a sealed interface, with a type for each branch that could not have a
// method of its own.
func (g *golang) union(name string, s *Shape) {
	method := "is" + name
	g.imports["encoding/json"] = true
	g.imports["fmt"] = true
	type branch struct {
		*Branch
		typ, value string // the type in the interface, and the one that is decoded
	}
	var branches []branch
	var wrappers []branch
	seen := map[string]bool{}
	for _, b := range s.Branches {
		t := g.plain(b.Shape)
		one := branch{b, t, t}
		if b.Shape.Kind != Object && b.Shape.Kind != Enum {
			one.typ = g.take(name + map[Kind]string{Boolean: "Boolean", Integer: "Integer", Number: "Number", String: "String", Array: "Array", Map: "Object", Union: g.names[b.Shape], Tuple: "Tuple", Any: "Value", Null: "Null"}[b.Shape.Kind])
			wrappers = append(wrappers, one)
		}
		if seen[one.typ] {
			continue
		}
		seen[one.typ] = true
		branches = append(branches, one)
	}
	var list []string
	for _, b := range branches {
		list = append(list, b.typ)
	}
	g.p("")
	g.doc(name, s.Doc, name+" is one of several types.", s.Deprecated)
	g.comment("", "\nIt is one of: "+strings.Join(list, ", ")+map[bool]string{true: "; or nil, which is null.", false: "."}[s.Nullable])
	g.p("type %s interface{ %s() }", name, method)
	for _, b := range wrappers {
		g.p("")
		g.p("// %s is a branch of %s.", b.typ, name)
		if b.Shape.Kind == Union {
			g.p("type %s struct{ Value %s }", b.typ, b.value)
			g.p("")
			g.p("// MarshalJSON writes the value.")
			g.p("func (b %s) MarshalJSON() ([]byte, error) { return json.Marshal(b.Value) }", b.typ)
			g.p("")
			g.p("// UnmarshalJSON reads the value.")
			g.p("func (b *%s) UnmarshalJSON(text []byte) (err error) {", b.typ)
			g.p("b.Value, err = decode%s(text)", b.value)
			g.p("return err")
			g.p("}")
			continue
		}
		if b.value == "json.RawMessage" {
			g.p("type %s struct{ json.RawMessage }", b.typ)
			continue
		}
		g.p("type %s %s", b.typ, b.value)
		if g.hasUnion(b.Shape, 0) {
			g.p("")
			g.p("// UnmarshalJSON reads the value.")
			g.p("func (b *%s) UnmarshalJSON(text []byte) error {", b.typ)
			g.p("var value %s", b.value)
			g.decode("value", b.value, b.Shape, "text", true)
			g.p("*b = value")
			g.p("return nil")
			g.p("}")
		}
	}
	g.p("")
	for _, b := range branches {
		g.p("func (%s) %s() {}", b.typ, method)
	}
	g.p("")
	g.p("func decode%s(text []byte) (%s, error) {", name, name)
	if s.Nullable {
		g.p("if string(text) == \"null\" { return nil, nil }")
	}
	if s.Tag != "" {
		g.p("var tag struct { Value string `json:%s` }", strconv.Quote(s.Tag))
		g.p("if err := json.Unmarshal(text, &tag); err != nil { return nil, err }")
		g.p("switch tag.Value {")
		for _, b := range branches {
			var tags []string
			for _, t := range b.Tags {
				tags = append(tags, strconv.Quote(t))
			}
			g.p("case %s:", strings.Join(tags, ", "))
			g.p("var value %s", b.typ)
			g.p("err := json.Unmarshal(text, &value)")
			g.p("return value, err")
		}
		g.p("}")
		g.p("return nil, fmt.Errorf(\"%s of %s is %%q, which is none of its branches\", tag.Value)", strings.ReplaceAll(s.Tag, "%", "%%"), name)
		g.p("}")
		return
	}
	// Without a tag the branch is the one whose schema the value satisfies: that is
	// asked of the schemas, not guessed of the types.
	g.p("branch, err := union%s().branch(text)", name)
	g.p("if err != nil { return nil, err }")
	g.p("switch branch {")
	seen = map[string]bool{}
	for i, b := range s.Branches {
		typ := ""
		for _, one := range branches {
			if one.Shape == b.Shape {
				typ = one.typ
			}
		}
		if typ == "" {
			continue
		}
		g.p("case %d:", i)
		g.p("var value %s", typ)
		g.p("err := json.Unmarshal(text, &value)")
		g.p("return value, err")
	}
	g.p("}")
	g.p("return nil, fmt.Errorf(\"the value is none of the branches of %s\")", name)
	g.p("}")
}

func (g *golang) runtime() {
	for _, path := range []string{"context", "embed", "testing/fstest", "sync", "github.com/treaty-events/treaty", "github.com/treaty-events/treaty/broker", "github.com/treaty-events/treaty/contract"} {
		g.imports[path] = true
	}
}

var _ = syntax.String
