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

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
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
	imports  map[string]bool
	used     map[string]bool // names of the package
	names    map[*Shape]string
	events   map[*Event]string
	depth    int             // of the values that are being read
	parses   bool            // parseSchemas is called
	branches map[*Shape]bool // alternatives of a union without a tag
	err      error           // the first that was
}

func (g *golang) fail(err error) {
	if g.err == nil {
		g.err = err
	}
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

// override is the name that x-go-name gives a place, "" for none.
func (g *golang) override(at *syntax.Node) string {
	name := override(at, goOverride)
	if name != "" && !token.IsExported(name) || strings.IndexFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) >= 0 {
		g.fail(fmt.Errorf("%s: %s is %q, which is no exported name in Go; write a capital letter, then letters, digits and _ alone", spot(at.Get(goOverride).Span()), goOverride, name))
		return ""
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
	for _, name := range []string{"Contract", "Producer", "NewProducer", "Handlers", "NewConsumer", "Publisher", "Fake", "NewFake", "loadContract", "contractText", "fakeHook", "parseSchemas"} {
		g.used[name] = true
	}
	g.names, g.events = map[*Shape]string{}, map[*Event]string{}
	for _, s := range g.Shapes {
		g.names[s] = g.take(firstOf(g.override(s.At), goName(s.Name)))
	}
	// What an event is called has no constant, method or handler of ours or of the
	// runtime's beside it.
	events := map[string]bool{"Other": true, "Events": true}
	for _, e := range g.Events {
		want := firstOf(g.override(e.Message().Node()), goName(e.Name))
		name := want
		for i := 2; events[name] || g.used[name+"Type"]; i++ {
			name = want + strconv.Itoa(i)
		}
		events[name], g.used[name+"Type"] = true, true
		g.events[e] = name
	}
	g.branches = map[*Shape]bool{}
	for _, s := range g.Shapes {
		for _, b := range s.Branches {
			g.branches[b.Shape.named()] = g.branches[b.Shape.named()] || s.Tag == ""
		}
	}
	if g.Only != Types {
		g.runtime()
	}
	g.types()
	g.parser()
	if g.err != nil {
		return nil, g.err
	}
	body := slices.Clone(g.Bytes())
	g.Reset()
	g.p("// %s\n", g.Stamp())
	name := firstOf(g.Package, goPackage(g.Contract.Title))
	if !token.IsIdentifier(name) || name == "_" {
		return nil, fmt.Errorf("%q is no name of a package of Go; write one such as events", name)
	}
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
	// Of main the go command wants a program, and documentation it leaves out.
	if name == "" || unicode.IsDigit(rune(name[0])) || token.IsKeyword(name) || name == "main" || name == "documentation" {
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
		switch goKind(s) {
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

// goKind is the kind of a shape. A list or a map whose schema states no type may be
// anything else besides, and so is kept as it came; an object has a field for that.
// So is an enum of numbers that no constant of Go can be.
func goKind(s *Shape) Kind {
	switch {
	case s.Loose && s.Kind != Object:
		return Any
	case s.Kind != Enum:
	case s.Base == Integer && slices.ContainsFunc(s.Values, func(v *syntax.Node) bool { _, err := strconv.ParseInt(v.Value, 10, 64); return err != nil }),
		s.Base == Number && slices.ContainsFunc(s.Values, func(v *syntax.Node) bool { _, err := strconv.ParseFloat(v.Value, 64); return err != nil }):
		return Any
	}
	return s.Kind
}

func isReference(t string) bool {
	return strings.HasPrefix(t, "[]") || strings.HasPrefix(t, "map[") || t == "any" || t == "json.RawMessage"
}

func (g *golang) plain(s *Shape) string {
	switch goKind(s) {
	case Boolean:
		return "bool"
	case Integer:
		if wide(s) {
			g.imports["encoding/json"] = true
			return "json.Number"
		}
		return "int64"
	case Number:
		return "float64"
	case String:
		if s.Format == "date-time" {
			g.imports["github.com/treaty-events/treaty/codec"] = true
			return dateTime
		}
		return "string"
	case Array:
		return "[]" + g.goType(s.Item)
	case Map:
		return "map[string]" + g.goType(s.Item)
	case Object, Enum, Union:
		return g.names[s.named()]
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
	rest := rest(s, g.branches[s])
	if rest != nil {
		used["Rest"] = true
	}
	if s.Loose {
		used["Other"] = true
	}
	type made struct {
		field *Field
		name  string
		typ   string
	}
	var fields []made
	for _, f := range s.Fields {
		want := firstOf(g.override(f.At), goName(f.Name))
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
		if !isTag(f.field.Name) {
			tag = "-"
		}
		g.p("\t%s %s `json:%s`", f.name, f.typ, strconv.Quote(tag))
	}
	if rest != nil {
		g.comment("\t", "Rest are the properties of other names.")
		g.p("\tRest map[string]%s `json:\"-\"`", g.goType(rest))
	}
	if s.Loose {
		g.imports["encoding/json"] = true
		g.comment("\t", "Other is what came in the place of the object, nil where that did: the contract states no type, and lets other values pass.")
		g.p("\tOther json.RawMessage `json:\"-\"`")
	}
	g.p("}")
	g.imports["github.com/treaty-events/treaty/codec"] = true
	g.p("")
	g.p("// UnmarshalJSON reads the object, its properties by their exact names.")
	g.p("func (o *%s) UnmarshalJSON(text []byte) error {", name)
	g.p("r := codec.NewReader(text)")
	g.p("o.read(r)")
	g.p("return r.End()")
	g.p("}")
	g.p("")
	g.p("func (o *%s) read(r *codec.Reader) {", name)
	g.p("*o = %s{}", name)
	if s.Loose {
		g.p("if !r.IsObject() {")
		g.p("o.Other = r.Raw()")
		g.p("return")
		g.p("}")
	}
	g.p("r.Object(func(name []byte) {")
	g.p("switch string(name) {")
	for _, f := range fields {
		g.p("case %s:", strconv.Quote(f.field.Name))
		g.readField("o."+f.name, f.typ, f.field)
	}
	if rest != nil {
		t := g.goType(rest)
		g.p("default:")
		g.p("key := string(name)")
		g.p("var value %s", t)
		g.read("value", t, rest)
		g.p("if o.Rest == nil { o.Rest = map[string]%s{} }", t)
		g.p("o.Rest[key] = value")
	}
	g.p("}")
	g.p("})")
	g.p("}")
	// encoding/json writes what has to be written, but for names that a tag cannot
	// have, properties of any name, and slices and maps that nobody made.
	special, filled := rest != nil, rest != nil && g.fills(rest)
	for _, f := range fields {
		special = special || !isTag(f.field.Name)
		filled = filled || g.fillsField(f.field)
	}
	if !special && !filled && !s.Loose {
		return
	}
	g.imports["encoding/json"] = true
	g.p("")
	switch {
	case special && filled:
		g.p("// MarshalJSON writes the object. A slice or a map that has to be there and is nil is")
		g.p("// written as an empty one.")
	case special || s.Loose && !filled:
		g.p("// MarshalJSON writes the object.")
	default:
		g.p("// MarshalJSON writes the object: a slice or a map that has to be there and is nil as an")
		g.p("// empty one.")
	}
	g.p("func (o %s) MarshalJSON() ([]byte, error) {", name)
	if s.Loose {
		g.p("if o.Other != nil { return o.Other, nil }")
	}
	for _, f := range fields {
		if g.fillsField(f.field) {
			g.fill("o."+f.name, f.field.Shape, f.field.Required)
		}
	}
	if !special {
		g.p("type plain %s", name)
		g.p("return json.Marshal(plain(o))")
		g.p("}")
		return
	}
	if rest != nil {
		g.p("members := make(map[string]any, len(o.Rest)+%d)", len(fields))
		if g.fills(rest) {
			g.p("for name, value := range o.Rest {")
			g.fill("value", rest, true)
			g.p("members[name] = value")
			g.p("}")
		} else {
			g.p("for name, value := range o.Rest { members[name] = value }")
		}
	} else {
		g.p("members := make(map[string]any, %d)", len(fields))
	}
	for _, f := range fields {
		key := strconv.Quote(f.field.Name)
		if f.field.Required {
			g.p("members[%s] = o.%s", key, f.name)
		} else {
			g.p("if o.%s != nil { members[%s] = o.%s }", f.name, key, f.name)
		}
	}
	g.p("return json.Marshal(members)")
	g.p("}")
}

// fills is whether a value may have a nil slice or map in it, that encoding/json
// would write as null where null is no value.
func (g *golang) fills(s *Shape) bool {
	kind := goKind(s)
	return (kind == Array || kind == Map) && (!s.Nullable || g.fills(s.Item))
}

// fillsField is that of a property. Of one that need not be there nil is absence.
func (g *golang) fillsField(f *Field) bool {
	switch {
	case f.Required:
		return g.fills(f.Shape)
	case f.Shape.Nullable: // behind a pointer
		return false
	}
	kind := goKind(f.Shape)
	return (kind == Array || kind == Map) && g.fills(f.Shape.Item)
}

// fill makes nil slices and maps empty ones, in a copy of those that hold them. Of
// one that does not have to be there nil stays nil.
func (g *golang) fill(to string, s *Shape, required bool) {
	if required && !s.Nullable {
		g.p("if %s == nil { %s = %s{} }", to, to, g.plain(s))
	}
	if !g.fills(s.Item) {
		return
	}
	if s.Kind == Array {
		at := g.inner("at")
		g.imports["slices"] = true
		g.p("%s = slices.Clone(%s)", to, to)
		g.p("for %s := range %s {", at, to)
		g.fill(to+"["+at+"]", s.Item, true)
		g.p("}")
	} else {
		name, value := g.inner("name"), g.inner("value")
		g.imports["maps"] = true
		g.p("%s = maps.Clone(%s)", to, to)
		g.p("for %s, %s := range %s {", name, value, to)
		g.fill(value, s.Item, true)
		g.p("%s[%s] = %s", to, name, value)
		g.p("}")
		g.depth--
	}
	g.depth--
}

// isTag is whether a struct tag of encoding/json can have a name.
func isTag(name string) bool {
	if name == "" || name == "-" {
		return false
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) {
			return false
		}
	}
	return true
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

// readField writes how a property is read into a field.
func (g *golang) readField(to, typ string, f *Field) {
	inner := g.goType(f.Shape)
	switch {
	case typ == inner:
		g.read(to, typ, f.Shape)
	case f.Shape.Nullable && typ == "*"+inner: // a pointer to what is nil for null
		g.p("%s = new(%s)", to, inner)
		g.read("*"+to, inner, f.Shape)
	default: // a pointer, so that it may be absent
		g.p("%s = new(%s)", to, inner)
		g.read("*"+to, inner, f.Shape)
	}
}

// read writes how the next value of the reader r is read.
func (g *golang) read(to, typ string, s *Shape) {
	if s.Nullable && (s.Kind != Union || s.Of != nil) { // a union reads its own null
		plain := g.plain(s)
		if plain == typ { // a slice, a map or a raw text, of which nil is null
			if plain == "json.RawMessage" {
				g.p("%s = r.Raw()", to)
				return
			}
			g.p("if !r.Null() {")
			g.readPlain(to, plain, s)
			g.p("}")
			return
		}
		g.p("if !r.Null() {")
		g.p("%s = new(%s)", to, plain)
		g.readPlain("*"+to, plain, s)
		g.p("}")
		return
	}
	g.readPlain(to, typ, s)
}

func (g *golang) readPlain(to, typ string, s *Shape) {
	switch goKind(s) {
	case Boolean:
		g.p("%s = r.Bool()", to)
	case Integer:
		if typ == "json.Number" {
			g.p("%s = r.Number()", to)
		} else {
			g.p("%s = r.Int64()", to)
		}
	case Number:
		g.p("%s = r.Float64()", to)
	case String:
		if typ == dateTime {
			g.p("%s = r.DateTime()", to)
		} else {
			g.p("%s = r.String()", to)
		}
	case Enum:
		g.p("%s = %s(r.%s())", to, typ, map[Kind]string{String: "String", Integer: "Int64", Number: "Float64", Boolean: "Bool"}[s.Base])
	case Array:
		item := g.inner("item")
		g.p("%s = %s{}", to, typ)
		g.p("r.Array(func() {")
		g.p("var %s %s", item, g.goType(s.Item))
		g.read(item, g.goType(s.Item), s.Item)
		g.p("%s = append(%s, %s)", to, to, item)
		g.p("})")
		g.depth--
	case Map:
		value := g.inner("value")
		g.p("%s = %s{}", to, typ)
		g.p("r.Object(func(name []byte) {")
		g.p("key := string(name)")
		g.p("var %s %s", value, g.goType(s.Item))
		g.read(value, g.goType(s.Item), s.Item)
		g.p("%s[key] = %s", parens(to), value)
		g.p("})")
		g.depth--
	case Object:
		if strings.HasPrefix(typ, "*") { // a struct that would hold itself
			g.p("%s = new(%s)", to, strings.TrimPrefix(typ, "*"))
		}
		g.p("%s.read(r)", parens(to))
	case Union:
		g.p("%s = read%s(r)", to, g.names[s.named()])
	default:
		g.p("%s = r.Raw()", to)
	}
}

// inner is a variable within those that are being read.
func (g *golang) inner(name string) string {
	g.depth++
	return name + strconv.Itoa(g.depth)
}

func parens(to string) string {
	if strings.HasPrefix(to, "*") {
		return "(" + to + ")"
	}
	return to
}

const dateTime = "codec.DateTime"

// union is a sealed interface, with a type for each branch that could not have a
// method of its own.
func (g *golang) union(name string, s *Shape) {
	method := "is" + name
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
		if kind := goKind(b.Shape); kind != Object && kind != Enum {
			one.typ = g.take(name + map[Kind]string{Boolean: "Boolean", Integer: "Integer", Number: "Number", String: "String", Array: "Array", Map: "Object", Union: g.names[b.Shape.named()], Tuple: "Tuple", Any: "Value", Null: "Null"}[goKind(b.Shape)])
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
		switch {
		case b.value == "json.RawMessage":
			g.p("type %s struct{ json.RawMessage }", b.typ)
		case b.Shape.Kind == Union || b.value == dateTime || b.value == "json.Number":
			g.imports["encoding/json"] = true
			g.p("type %s struct{ Value %s }", b.typ, b.value)
			g.p("")
			g.p("// MarshalJSON writes the value.")
			g.p("func (b %s) MarshalJSON() ([]byte, error) { return json.Marshal(b.Value) }", b.typ)
		default:
			g.p("type %s %s", b.typ, b.value)
			if kind := goKind(b.Shape); kind != Array && kind != Map {
				continue
			}
			g.imports["encoding/json"] = true
			g.p("")
			g.p("// MarshalJSON writes the value; nil is written as an empty one.")
			g.p("func (b %s) MarshalJSON() ([]byte, error) {", b.typ)
			g.p("value := %s(b)", b.value)
			g.fill("value", b.Shape, true)
			g.p("return json.Marshal(value)")
			g.p("}")
		}
	}
	g.p("")
	for _, b := range branches {
		g.p("func (%s) %s() {}", b.typ, method)
	}
	nullable := s.Nullable
	for _, b := range s.Branches {
		nullable = nullable || b.Shape.Nullable
	}
	g.imports["github.com/treaty-events/treaty/codec"] = true
	g.p("")
	g.p("func read%s(r *codec.Reader) %s {", name, name)
	g.p("text := r.Raw()")
	g.p("if r.Err() != nil { return nil }")
	g.p("value, err := decode%s(text)", name)
	g.p("r.Fail(err)")
	g.p("return value")
	g.p("}")
	g.p("")
	g.p("func decode%s(text []byte) (%s, error) {", name, name)
	if nullable {
		g.p("if codec.NewReader(text).Null() { return nil, nil }")
	}
	value := func(b branch) {
		g.p("r := codec.NewReader(text)")
		g.p("var value %s", b.value)
		g.readPlain("value", b.value, b.Shape)
		switch {
		case b.typ == b.value:
			g.p("return value, r.End()")
		case b.value == "json.RawMessage", b.Shape.Kind == Union, b.value == dateTime, b.value == "json.Number":
			g.p("return %s{value}, r.End()", b.typ)
		default:
			g.p("return %s(value), r.End()", b.typ)
		}
	}
	// Without a tag, or where readers let other tags pass, the branch is the first whose
	// schema the value satisfies, at first with no properties but those that each
	// declares: that is asked of the schemas, not guessed of the types.
	bySchema := s.Tag == ""
	if s.Tag != "" {
		g.p("tag := \"\"")
		g.p("r := codec.NewReader(text)")
		g.p("r.Object(func(name []byte) { if string(name) == %s { tag = r.String() } })", strconv.Quote(s.Tag))
		if slices.ContainsFunc(s.Branches, func(b *Branch) bool { return b.Shape.Loose }) {
			bySchema = true // it may be no object
			g.p("if err := r.End(); err != nil { tag = \"\" }")
		} else {
			g.p("if err := r.End(); err != nil { return nil, err }")
		}
		g.p("switch tag {")
		for _, b := range branches {
			var tags []string
			for _, t := range b.Tags {
				tags = append(tags, strconv.Quote(t))
			}
			g.p("case %s:", strings.Join(tags, ", "))
			value(b)
			for _, f := range b.Shape.Fields {
				bySchema = bySchema || f.Name == s.Tag && (f.Shape.Kind != Enum || len(f.Shape.Values) > 1 && g.openEnums())
			}
		}
		g.p("}")
	}
	if !bySchema {
		g.imports["fmt"] = true
		g.p("return nil, fmt.Errorf(%s, tag)", strconv.Quote(strings.ReplaceAll(s.Tag, "%", "%%")+" of "+name+" is %q, which is none of its branches"))
		g.p("}")
		return
	}
	var declared, accepted []string
	for _, b := range s.Branches {
		text, err := g.BranchRules(s, b)
		if err != nil {
			g.fail(err)
			return
		}
		accepted = append(accepted, string(text))
		if b.At != nil && !s.Avro {
			if text, err = g.portable(b.At, s.Dialect, schema.Profile{Declared: true}, true); err != nil {
				g.fail(err)
				return
			}
		}
		declared = append(declared, string(text))
	}
	if slices.Equal(declared, accepted) {
		declared = nil
	}
	g.imports["sync"] = true
	g.imports["errors"] = true
	g.imports["github.com/treaty-events/treaty/schema"] = true
	g.p("for i, branch := range branches%s() {", name)
	g.p("if !branch.ValidJSON(text) { continue }")
	if declared != nil {
		g.p("switch i %% %d {", len(accepted))
	} else {
		g.p("switch i {")
	}
	for i, b := range s.Branches {
		one := branches[slices.IndexFunc(branches, func(one branch) bool { return one.Branch == b || one.value == g.plain(b.Shape) })]
		one.Branch = b
		g.p("case %d:", i)
		value(one)
	}
	g.p("}")
	g.p("}")
	g.p("return nil, errors.New(\"the value is none of the branches of %s\")", name)
	g.p("}")
	g.p("")
	if declared != nil {
		g.p("// branches%s are the schemas of the branches, with no properties but those that each", name)
		g.p("// declares, and as they are.")
	} else {
		g.p("// branches%s are the schemas of the branches.", name)
	}
	g.p("var branches%s = sync.OnceValue(func() []*schema.Schema { return parseSchemas(", name)
	for _, text := range append(declared, accepted...) {
		g.p("%s,", goText(text))
	}
	g.p(") })")
	g.parses = true
}

// openEnums is whether some reader of the contract accepts values that an enum does
// not list.
func (g *golang) openEnums() bool {
	return slices.ContainsFunc(g.Events, func(e *Event) bool {
		return slices.ContainsFunc(e.Messages, func(m *contract.Message) bool { return m.Compatibility.EnumsOpen })
	})
}

// goText is a text as a literal, raw where that is readable.
func goText(s string) string {
	if strings.ContainsAny(s, "`\r") || !isPlain(s) {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}

func isPlain(s string) bool {
	for _, r := range s {
		if visible(r) != r {
			return false
		}
	}
	return true
}

// runtime writes what stands on the runtime of the module.
func (g *golang) runtime() {
	for _, path := range []string{"context", "embed", "sync", "github.com/treaty-events/treaty", "github.com/treaty-events/treaty/broker", "github.com/treaty-events/treaty/contract"} {
		g.imports[path] = true
	}
	g.imports["testing/fstest"] = true
	g.p("")
	g.p("//go:embed contract.gen.json")
	g.p("var contractText []byte")
	g.p("")
	g.p("var loadContract = sync.OnceValues(func() (*contract.Contract, error) {")
	g.p("return treaty.Load(context.Background(), fstest.MapFS{\"contract.gen.json\": {Data: contractText}}, \"contract.gen.json\")")
	g.p("})")
	g.p("")
	g.p("// Contract is the contract that this package was generated from: what is valid, and")
	g.p("// how it is delivered, is decided by it.")
	g.p("func Contract() (*contract.Contract, error) { return loadContract() }")
	if len(g.Events) > 0 {
		g.p("")
		g.p("// The event types.")
		g.p("const (")
		for _, e := range g.Events {
			if e.Doc != "" {
				g.comment("\t", e.Doc)
			}
			g.p("\t%sType = %s", g.events[e], strconv.Quote(e.Type))
		}
		g.p(")")
	}
	var sent, received []*Event
	for _, e := range g.Events {
		if e.Sent {
			sent = append(sent, e)
		}
		if e.Received {
			received = append(received, e)
		}
	}
	if received == nil {
		received = sent // the contract of a producer: whoever consumes it
	}
	if g.Only != Receives && len(sent) > 0 {
		g.producer(sent)
	}
	if g.Only != Sends && len(received) > 0 {
		g.consumer(received)
	}
}

// dataType is the Go type of an event's data; "" for none.
func (g *golang) dataType(e *Event) string {
	if e.Payload == nil {
		return ""
	}
	if s := g.dataShape(e); s != nil {
		return g.goType(s)
	}
	g.imports["encoding/json"] = true
	return "json.RawMessage"
}

// dataShape is what an event's data are; nil where nothing is said of them.
func (g *golang) dataShape(e *Event) *Shape {
	if e.Payload == nil || !e.Message().Envelope.PayloadIsEnvelope {
		return e.Payload
	}
	for _, f := range e.Payload.Fields {
		if f.Name == "data" {
			return f.Shape
		}
	}
	return nil
}

func (g *golang) producer(events []*Event) {
	g.p("")
	g.p("// Publisher sends the events of the contract. A Producer is one, and a Fake.")
	g.p("type Publisher interface {")
	for _, e := range events {
		g.p("Publish%s", g.signature(e))
	}
	g.p("}")
	g.p("")
	g.p("// Producer sends the events of the contract, each held to it. It is safe for")
	g.p("// concurrent use.")
	g.p("type Producer struct{ *treaty.Producer }")
	g.p("")
	g.p("// NewProducer makes a producer on a broker.")
	g.p("func NewProducer(b broker.Broker, options ...treaty.ProducerOption) (*Producer, error) {")
	g.p("c, err := Contract()")
	g.p("if err != nil { return nil, err }")
	g.p("p, err := treaty.NewProducer(c, b, options...)")
	g.p("if err != nil { return nil, err }")
	g.p("return &Producer{p}, nil")
	g.p("}")
	for _, e := range events {
		name := g.events[e]
		g.p("")
		g.p("// Publish%s publishes %s about a subject, and returns when it is acknowledged. change", name, oneLine(e.Type))
		g.p("// may add attributes before.")
		if e.Deprecated {
			g.comment("", "\nDeprecated: the contract says so.")
		}
		g.p("func (p *Producer) Publish%s {", g.signature(e))
		data := "data"
		if shape := g.dataShape(e); shape != nil && g.fills(shape) {
			g.fill(data, shape, true)
		}
		if g.dataType(e) == "" {
			data = "nil"
		} else if shape := g.dataShape(e); shape != nil && shape.Kind == Union {
			// As it is nil is no data at all.
			g.imports["encoding/json"] = true
			g.p("var value any = data")
			g.p("if data == nil { value = json.RawMessage(\"null\") }")
			data = "value"
		} else if e.Payload.Kind == Any || g.dataType(e) == "json.RawMessage" {
			data = "[]byte(data)"
		}
		g.p("e, err := p.New(%sType, subject, %s)", name, data)
		g.p("if err != nil { return nil, err }")
		for _, attribute := range undeclared(e) {
			if attribute == "time" {
				g.p("e.Time = time.Time{} // of which the contract says nothing, and it describes the whole event")
			} else {
				g.p("e.DataContentType = \"\" // of which the contract says nothing, and it describes the whole event")
			}
		}
		g.p("for _, c := range change { c(e) }")
		g.p("return e, p.PublishEvents(ctx, e)")
		g.p("}")
	}
	g.imports["github.com/treaty-events/treaty/broker/memory"] = true
	g.imports["github.com/treaty-events/treaty/event"] = true
	g.p("")
	g.p("// Fake is a Producer for tests, on a broker in memory that remembers what was")
	g.p("// published: events are held to the contract as ever.")
	g.p("type Fake struct {")
	g.p("*Producer")
	g.p("// Broker is where the events go; a consumer of the contract can be tested on it.")
	g.p("Broker *memory.Broker")
	g.p("mu sync.Mutex")
	g.p("published []*event.Event")
	g.p("}")
	g.p("")
	g.p("// NewFake makes a fake.")
	g.p("func NewFake(options ...treaty.ProducerOption) (*Fake, error) {")
	g.p("f := &Fake{Broker: memory.New()}")
	g.p("var err error")
	g.p("f.Producer, err = NewProducer(f.Broker, append(options[:len(options):len(options)], treaty.Hooks(fakeHook{f}))...)")
	g.p("return f, err")
	g.p("}")
	g.p("")
	g.p("// Published are the events that were published, in their order.")
	g.p("func (f *Fake) Published() []*event.Event {")
	g.p("f.mu.Lock()")
	g.p("defer f.mu.Unlock()")
	g.p("return append([]*event.Event(nil), f.published...)")
	g.p("}")
	g.p("")
	g.p("type fakeHook struct{ fake *Fake }")
	g.p("")
	g.p("func (h fakeHook) Published(_ context.Context, e *event.Event, _ time.Duration, err error) {")
	g.p("if err != nil { return }")
	g.p("h.fake.mu.Lock()")
	g.p("defer h.fake.mu.Unlock()")
	g.p("h.fake.published = append(h.fake.published, e)")
	g.p("}")
	g.imports["time"] = true
}

// undeclared are the attributes that are filled in for an event and that its
// contract, which describes it whole, does not let producers send.
func undeclared(e *Event) []string {
	m := e.Message()
	if !m.Envelope.PayloadIsEnvelope || e.Payload == nil || e.Payload.Kind != Object || e.Payload.Item != nil || m.Compatibility.ProducersOpen && !e.Payload.Closed {
		return nil
	}
	var all []string
	for _, name := range []string{"time", "datacontenttype"} {
		if !slices.ContainsFunc(e.Payload.Fields, func(f *Field) bool { return f.Name == name }) {
			all = append(all, name)
		}
	}
	return all
}

func (g *golang) signature(e *Event) string {
	data := ""
	if t := g.dataType(e); t != "" {
		data = ", data " + t
	}
	return g.events[e] + "(ctx context.Context, subject string" + data + ", change ...func(*treaty.Event)) (*treaty.Event, error)"
}

func (g *golang) consumer(events []*Event) {
	g.p("")
	g.p("// Handlers handle the events of the contract. Types without a handler go to Other,")
	g.p("// and are skipped where that is nil too.")
	g.p("type Handlers struct {")
	for _, e := range events {
		if e.Doc != "" {
			g.comment("\t", e.Doc)
		}
		g.p("\t%s func(ctx context.Context, d *treaty.Delivered%s) error", g.events[e], g.parameter(e))
	}
	g.p("Other treaty.Handler")
	g.p("}")
	g.p("")
	g.p("// NewConsumer makes a consumer that is a member of a group; Run it.")
	g.p("func NewConsumer(b broker.Broker, group string, h Handlers, options ...treaty.ConsumerOption) (*treaty.Consumer, error) {")
	g.p("contract, err := Contract()")
	g.p("if err != nil { return nil, err }")
	g.p("c, err := treaty.NewConsumer(contract, b, group, options...)")
	g.p("if err != nil { return nil, err }")
	g.p("h.Register(c)")
	g.p("return c, nil")
	g.p("}")
	g.p("")
	g.p("// Register gives a consumer the handlers.")
	g.p("func (h Handlers) Register(c *treaty.Consumer) {")
	for _, e := range events {
		g.p("if h.%s != nil {", g.events[e])
		switch t := g.dataType(e); {
		case t == "":
			g.p("c.Handle(%sType, h.%s)", g.events[e], g.events[e])
		case e.Payload.Kind == Union && !e.Message().Envelope.PayloadIsEnvelope:
			g.p("c.Handle(%sType, func(ctx context.Context, d *treaty.Delivered) error {", g.events[e])
			g.p("text, err := d.JSON()")
			g.p("if err != nil { return treaty.Reject(err) }")
			if e.Payload.Of != nil {
				g.imports["github.com/treaty-events/treaty/codec"] = true
				g.p("r := codec.NewReader(text)")
				g.p("var data %s", t)
				g.read("data", t, e.Payload)
				g.p("if err := r.End(); err != nil { return treaty.Reject(err) }")
			} else {
				g.p("data, err := decode%s(text)", g.names[e.Payload])
				g.p("if err != nil { return treaty.Reject(err) }")
			}
			g.p("return h.%s(ctx, d, data)", g.events[e])
			g.p("})")
		default:
			g.p("treaty.On(c, %sType, h.%s)", g.events[e], g.events[e])
		}
		g.p("}")
	}
	g.p("if h.Other != nil { c.HandleAll(h.Other) }")
	g.p("}")
}

func (g *golang) parameter(e *Event) string {
	if t := g.dataType(e); t != "" {
		return ", data " + t
	}
	return ""
}

// parser is written where schemas are parsed.
func (g *golang) parser() {
	if !g.parses {
		return
	}
	g.p("")
	g.p("// parseSchemas parses schemas that treaty has written.")
	g.p("func parseSchemas(texts ...string) []*schema.Schema {")
	g.p("all := make([]*schema.Schema, len(texts))")
	g.p("for i, text := range texts {")
	g.p("s, err := schema.Parse(\"branch\", []byte(text), schema.Draft2020)")
	g.p("if err != nil { panic(err) } // it was parsed when this was generated")
	g.p("all[i] = s")
	g.p("}")
	g.p("return all")
	g.p("}")
}
