package gen

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// javaTarget makes a package for Java 17: records with the annotations of Jackson,
// sealed interfaces for alternatives, a record for each event and a sealed
// interface over all of them. Every type reads and writes itself (fromJson,
// toJson), and Jackson is told so: what is optional, null or of another name comes
// back as it was, whatever the mapper is set to. The schemas go along as text and
// are compiled when an event of their type is met first; the validator is
// generated code too (java_runtime). Texts of any format stay texts, but for
// date-time, which has a type that keeps its text. All formats that this module
// asserts are asserted there.
var javaTarget = &Target{Name: "java", Title: "a package of Java 17, on jackson-databind", Override: javaOverride, Generate: func(in *Input) ([]File, error) {
	j := &java{Input: in, taken: map[string]bool{}, names: map[string]string{}, events: map[*Event]string{}, open: map[string]bool{}, filled: map[string]bool{}, whole: map[string]bool{}, unions: map[string][]string{}}
	return j.generate()
}}

const javaOverride = "x-java-name"

//go:embed java_runtime/*.java
var javaRuntime embed.FS

// maxJavaComponents is how many components a record can have: those of a method,
// of which a long takes two.
const maxJavaComponents = 250

// maxJavaConstants bounds the constants of an enum: their initialisation is one
// method, which has a limit.
const maxJavaConstants = 1000

type java struct {
	*Input
	pkg    string
	files  []File
	taken  map[string]bool     // names of types, in lower case: they are names of files
	names  map[string]string   // of shapes, by their own
	events map[*Event]string   //
	open   map[string]bool     // enums that readers take unknown values of
	filled map[string]bool     // objects whose readers fill in defaults
	whole  map[string]bool     // objects of which no property may be lost
	unions map[string][]string // interfaces that a type is a branch of
	reach  []*Shape            // named shapes that are used, in order
	// deprecated is whether anything of the contract is: then who uses it does so
	// knowingly.
	deprecated bool
}

// javaReserved are names of types that would hide those that the code uses.
const javaReserved = `Appendable AutoCloseable CharSequence Cloneable Comparable Iterable Readable Runnable Boolean Byte Character Class ClassLoader
ClassValue Compiler Double Enum Float InheritableThreadLocal Integer Long Math Module ModuleLayer Number Object Package Process ProcessBuilder
ProcessHandle Record Runtime RuntimePermission SecurityManager Short StackTraceElement StackWalker StrictMath String StringBuffer StringBuilder
System Thread ThreadGroup ThreadLocal Throwable Void Exception Error RuntimeException Deprecated FunctionalInterface Override SafeVarargs
SuppressWarnings JsonCreator JsonValue JsonNode ObjectNode BigDecimal BigInteger List Map Set Objects Optional UUID Function Collections
LinkedHashMap HashMap Instant Builder Problem ContractException Loose Maybe Message Protocol DateTime Json Schema Regex Formats Rules Event Events EventTypes UnknownEvent
NAMES TYPE`

// javaWords are what no identifier can be.
const javaWords = ` abstract assert boolean break byte case catch char class const continue default do double else enum extends false final finally
 float for goto if implements import instanceof int interface long native new null package private protected public return short static strictfp
 super switch synchronized this throw throws transient true try void volatile while _ var yield record sealed permits non `

// javaMembers are what no component of a record can be called here: methods of
// every object, and those that are generated.
const javaMembers = ` clone finalize getClass hashCode notify notifyAll toString wait equals toJson fromJson builder toBuilder check problems NAMES TYPE Reading Writing Builder `

func (j *java) take(want string) string {
	name := want
	for i := 2; j.taken[strings.ToLower(name)]; i++ {
		name = want + strconv.Itoa(i)
	}
	j.taken[strings.ToLower(name)] = true
	return name
}

// javaIdentifier leaves out what older tables of Unicode might not know.
func javaIdentifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' {
			return -1
		}
		return r
	}, s)
}

// named is a name that the contract gives for this target.
func (j *java) named(at *syntax.Node) (string, error) {
	name := override(at, javaOverride)
	if name == "" {
		return "", nil
	}
	if javaIdentifier(name) != name || unicode.IsDigit([]rune(name)[0]) || strings.Contains(javaWords, " "+name+" ") {
		return "", j.fault(at.Get(javaOverride), "%s is %q, which is no identifier of Java", javaOverride, name)
	}
	return name, nil
}

func (j *java) fault(at *syntax.Node, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if at == nil || at.File == nil {
		return fmt.Errorf("%s", text)
	}
	p := at.Span().Position()
	return fmt.Errorf("%s:%d:%d: %s", at.File.Name, p.Line, p.Column, text)
}

func javaUpper(s string) string {
	runes := []rune(s)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

func javaLower(s string) string {
	runes := []rune(s)
	runes[0] = unicode.ToLower(runes[0])
	return string(runes)
}

func (j *java) typeName(at *syntax.Node, own string) (string, error) {
	name, err := j.named(at)
	if err != nil {
		return "", err
	}
	if name = javaUpper(firstOf(name, javaIdentifier(own), "Value")); j.taken[strings.ToLower(name)] && slices.Contains(strings.Fields(javaReserved), name) {
		name += "Type"
	}
	return j.take(name), nil
}

// member is the name of a component of a record.
func (j *java) member(at *syntax.Node, own string, used map[string]bool) (string, error) {
	name, err := j.named(at)
	if err != nil {
		return "", err
	}
	if name = firstOf(name, javaIdentifier(lowerCamel(own))); name == "" {
		name = "value"
	}
	name = javaLower(name)
	if strings.Contains(javaWords, " "+name+" ") || strings.Contains(javaMembers, " "+name+" ") {
		name += "_"
	}
	want := name
	for i := 2; used[name]; i++ {
		name = want + strconv.Itoa(i)
	}
	used[name] = true
	return name, nil
}

func (j *java) generate() ([]File, error) {
	if err := j.findPackage(); err != nil {
		return nil, err
	}
	for _, name := range strings.Fields(javaReserved) {
		j.taken[strings.ToLower(name)] = true
	}
	for _, e := range j.Events {
		if j.Only != Types {
			name, err := j.typeName(e.Message().Node(), e.Name)
			if err != nil {
				return nil, err
			}
			j.events[e] = name
		}
		j.deprecated = j.deprecated || e.Deprecated
	}
	used := map[string]bool{}
	for _, e := range j.Events {
		j.roots(e, func(s *Shape) { j.walk(s, used, e.Message().Compatibility) })
	}
	for _, s := range j.Shapes {
		if !used[s.Name] {
			continue
		}
		name, err := j.typeName(s.At, s.Name)
		if err != nil {
			return nil, err
		}
		j.names[s.Name] = name
		j.reach = append(j.reach, s)
		j.deprecated = j.deprecated || s.Deprecated
	}
	for _, s := range j.reach {
		if s.Kind == Union {
			for _, b := range s.Branches {
				if b.Shape.Kind == Object || b.Shape.Kind == Enum {
					name := j.names[b.Shape.Name]
					j.whole[b.Shape.Name] = j.whole[b.Shape.Name] || s.Tag == ""
					if isLoose(b.Shape) {
						continue // in a record of the union's own
					}
					if !slices.Contains(j.unions[name], j.names[s.Name]) {
						j.unions[name] = append(j.unions[name], j.names[s.Name])
					}
				}
			}
		}
	}
	for _, s := range j.reach {
		var err error
		switch s.Kind {
		case Object:
			err = j.object(s)
		case Enum:
			err = j.enum(s)
		case Union:
			err = j.union(s)
		}
		if err != nil {
			return nil, err
		}
	}
	if j.Only != Types {
		for _, e := range j.Events {
			if err := j.event(e); err != nil {
				return nil, err
			}
		}
		j.dispatch()
	}
	if err := j.runtime(); err != nil {
		return nil, err
	}
	slices.SortFunc(j.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return j.files, nil
}

// findPackage is the package that is asked for, or one named after the contract.
func (j *java) findPackage() error {
	if j.pkg = j.Package; j.pkg != "" {
		for part := range strings.SplitSeq(j.pkg, ".") {
			if j.pkg == "java" || strings.HasPrefix(j.pkg, "java.") || part == "" || javaIdentifier(part) != part || unicode.IsDigit([]rune(part)[0]) || strings.Contains(javaWords, " "+part+" ") {
				return fmt.Errorf("%q is no name of a package of Java; write one such as com.example.orders", j.pkg)
			}
		}
		return nil
	}
	name := strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return -1
	}, j.Contract.Title)
	if name == "" || unicode.IsDigit(rune(name[0])) || strings.Contains(javaWords, " "+name+" ") || name == "java" {
		name = "events" + name
	}
	j.pkg = name
	return nil
}

// roots are the shapes that an event needs.
func (j *java) roots(e *Event, visit func(s *Shape)) {
	if e.Message().Envelope.PayloadIsEnvelope && e.Payload != nil && e.Payload.Kind == Object && j.Only != Types {
		for _, f := range e.Payload.Fields {
			if f.Name != "type" && f.Name != "specversion" && f.Name != "id" && f.Name != "source" && !isFixed(f.Shape) {
				visit(f.Shape)
			}
		}
		return
	}
	if e.Payload != nil {
		visit(e.Payload)
	}
	if e.Headers == nil {
		return
	}
	if e.Headers.Kind != Object {
		return
	}
	beside := false
	for _, f := range e.Headers.Fields {
		if a := attributeOf(e, f); a == "" {
			beside = true
		} else if a != "type" && a != "specversion" && a != "id" && a != "source" && !isFixed(f.Shape) {
			visit(f.Shape)
		}
	}
	if beside || j.Only == Types {
		visit(e.Headers)
	}
}

// attributeOf is the attribute that a header carries, "" for none.
func attributeOf(e *Event, f *Field) string {
	m := e.Message()
	for _, a := range m.Envelope.Attributes {
		if a.Spelling == f.Name && strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && (m.Envelope.Mode == contract.Binary || a.Name == a.Spelling) {
			return a.Name
		}
	}
	return ""
}

// isFixed is whether a shape is a text that is always the same.
func isFixed(s *Shape) bool { return s.Kind == Enum && s.Base == String && len(s.Values) == 1 }

// walk marks the named shapes that are used, and what a policy says of them.
func (j *java) walk(s *Shape, used map[string]bool, policy contract.Compatibility) {
	if s == nil {
		return
	}
	if s.Name != "" {
		open, filled := policy.EnumsOpen, policy.DefaultsApplied && !s.Avro
		key := fmt.Sprint(s.Name, " ", open, filled)
		if used[key] {
			return
		}
		used[key], used[s.Name] = true, true
		if open && s.Kind == Enum && len(s.Values) > 1 || s.Kind == Enum && len(s.Values) > maxJavaConstants {
			j.open[s.Name] = true
		}
		j.filled[s.Name] = j.filled[s.Name] || filled
	}
	for _, f := range s.Fields {
		j.walk(f.Shape, used, policy)
	}
	if s.Kind == Object || s.Kind == Array || s.Kind == Map {
		j.walk(s.Item, used, policy)
	}
	for _, b := range s.Branches {
		j.walk(b.Shape, used, policy)
	}
}

func (j *java) runtime() error {
	return fs.WalkDir(javaRuntime, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if j.Only == Types && slices.Contains([]string{"Rules.java", "Message.java", "Protocol.java"}, d.Name()) {
			return nil
		}
		text, err := javaRuntime.ReadFile(path)
		if err != nil {
			return err
		}
		body, ok := strings.CutPrefix(string(text), "package treaty;\n")
		if !ok {
			return fmt.Errorf("%s does not begin with its package, which is a fault of treaty", path)
		}
		j.add(strings.TrimSuffix(d.Name(), ".java"), "package "+j.pkg+";\n"+body)
		return nil
	})
}

// add adds a file of a type.
func (j *java) add(name, text string) {
	j.files = append(j.files, File{strings.ReplaceAll(j.pkg, ".", "/") + "/" + name + ".java", []byte("// " + strings.Map(visible, strings.ReplaceAll(j.Stamp(), `\`, "/")) + "\n" + text)})
}

// unit is a file that is being written.
type javaUnit struct {
	strings.Builder
	imports map[string]bool
}

func (u *javaUnit) p(format string, args ...any) { fmt.Fprintf(u, format+"\n", args...) }

// use is the short name of a class, which is imported.
func (u *javaUnit) use(class string) string {
	u.imports[class] = true
	return class[strings.LastIndexByte(class, '.')+1:]
}

func (j *java) unit() *javaUnit { return &javaUnit{imports: map[string]bool{}} }

func (j *java) finish(name string, u *javaUnit) {
	var b strings.Builder
	b.WriteString("package " + j.pkg + ";\n\n")
	var imports []string
	for class := range u.imports {
		imports = append(imports, class)
	}
	slices.Sort(imports)
	for _, class := range imports {
		b.WriteString("import " + class + ";\n")
	}
	if len(imports) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(u.String())
	j.add(name, b.String())
}

const (
	javaCreator    = "com.fasterxml.jackson.annotation.JsonCreator"
	javaValue      = "com.fasterxml.jackson.annotation.JsonValue"
	javaNode       = "com.fasterxml.jackson.databind.JsonNode"
	javaObjectNode = "com.fasterxml.jackson.databind.node.ObjectNode"
)

// javaDoc makes a text of the contract one for a comment: nothing in it ends the
// comment, begins a tag or is read as an escape.
func javaDoc(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return visible(r)
	}, strings.ReplaceAll(s, "\r", "\n"))
	return javaEntities.Replace(s)
}

var javaEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", `\`, "&#92;", "*/", "*&#47;", "/*", "/&#42;")

// doc writes a comment: what the contract says, or otherwise; params are lines of
// name and text.
func (u *javaUnit) doc(indent, text string, params [][2]string, deprecated bool) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 1 && len(params) == 0 && !deprecated {
		u.p("%s/** %s */", indent, lines[0])
		return
	}
	u.p("%s/**", indent)
	blank := false
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			blank = i > 0
			continue
		}
		if blank {
			u.p("%s *", indent)
			line = "<p>" + line
			blank = false
		}
		u.p("%s * %s", indent, line)
	}
	if len(params) > 0 || deprecated {
		u.p("%s *", indent)
	}
	for _, p := range params {
		u.p("%s * @%s %s", indent, p[0], strings.Join(strings.Fields(p[1]), " "))
	}
	if deprecated {
		u.p("%s * @deprecated the contract says so", indent)
	}
	u.p("%s */", indent)
}

func (j *java) annotations(u *javaUnit, deprecated bool) {
	if deprecated {
		u.p("@Deprecated")
	}
	if j.deprecated {
		u.p("@SuppressWarnings(\"deprecation\") // the contract still has it")
	}
}

// javaText is a text as a literal, in ASCII.
func javaText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	javaEscape(&b, s)
	b.WriteByte('"')
	return b.String()
}

func javaEscape(b *strings.Builder, s string) {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\%03o`, r)
		case r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
}

// maxJavaLiteral is how many bytes one literal may have, with some to spare.
const maxJavaLiteral = 48_000

// javaJSON is a text of JSON as the arguments of a call: text blocks, broken where
// JSON may have space.
func javaJSON(text []byte, indent string) string {
	var all, b strings.Builder
	open := func() { b.WriteString("\"\"\"\n" + indent) }
	size, column, quoted := 0, 0, false
	open()
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			b.WriteString(`\\`)
			i++
			c = text[i]
			if c == '\\' {
				b.WriteByte('\\')
			}
		}
		if c < 0x80 {
			b.WriteByte(c)
			size, column = size+1, column+1
		} else {
			n := i + 1
			for n < len(text) && text[n]&0xc0 == 0x80 {
				n++
			}
			javaEscape(&b, string(text[i:n]))
			size, column = size+n-i, column+6
			i = n - 1
		}
		if quoted || c != ',' && c != '{' && c != '[' {
			continue
		}
		if size > maxJavaLiteral {
			all.WriteString(b.String() + "\\\n" + indent + "\"\"\", ")
			b.Reset()
			open()
			size, column = 0, 0
		} else if column > 90 {
			b.WriteString("\n" + indent)
			column = 0
		}
	}
	return all.String() + b.String() + "\"\"\""
}

// Types.

func javaNullable(s *Shape) bool {
	switch s.Kind {
	case Any, Null, Tuple:
		return false // which hold null themselves
	case Union:
		for _, b := range s.Branches {
			if javaNullable(b.Shape) {
				return true
			}
		}
	}
	return s.Nullable
}

// boxed is the class of a shape's values.
func (j *java) boxed(u *javaUnit, s *Shape) string {
	t := j.plain(u, s)
	if javaNullable(s) {
		return u.use("java.util.Optional") + "<" + t + ">"
	}
	return t
}

// plain is the class of a value that is not null.
func (j *java) plain(u *javaUnit, s *Shape) string {
	if isLoose(s) {
		return "Loose<" + j.stated(u, s) + ">"
	}
	return j.stated(u, s)
}

// isLoose is whether a type has a class and values of other types conform, too.
func isLoose(s *Shape) bool {
	return s.Loose && (s.Kind == Object || s.Kind == Array || s.Kind == Map)
}

// stated is the class of a value of the type that the schema means.
func (j *java) stated(u *javaUnit, s *Shape) string {
	switch s.Kind {
	case Boolean:
		return "Boolean"
	case Integer:
		if wide(s) {
			return u.use("java.math.BigInteger")
		}
		return "Long"
	case Number:
		return u.use("java.math.BigDecimal")
	case String:
		if s.Format == "date-time" {
			return "DateTime"
		}
		return "String"
	case Array:
		return u.use("java.util.List") + "<" + j.boxed(u, s.Item) + ">"
	case Map:
		return u.use("java.util.Map") + "<String, " + j.boxed(u, s.Item) + ">"
	case Object, Enum, Union:
		return j.names[s.Name]
	}
	return u.use(javaNode)
}

func javaPrimitive(t string) string {
	switch t {
	case "Long":
		return "long"
	case "Boolean":
		return "boolean"
	}
	return t
}

// reader is a function that reads a value.
func (j *java) reader(s *Shape) string {
	r := j.plainReader(s)
	if javaNullable(s) {
		return "Json.orNull(" + r + ")"
	}
	return r
}

func (j *java) plainReader(s *Shape) string {
	switch {
	case isLoose(s) && s.Kind == Array:
		return "Loose.list(" + j.statedReader(s) + ")"
	case isLoose(s):
		return "Loose.object(" + j.statedReader(s) + ")"
	}
	return j.statedReader(s)
}

func (j *java) statedReader(s *Shape) string {
	switch s.Kind {
	case Boolean:
		return "Json::bool"
	case Integer:
		if wide(s) {
			return "Json::bigInteger"
		}
		return "Json::integer"
	case Number:
		return "Json::number"
	case String:
		if s.Format == "date-time" {
			return "DateTime::fromJson"
		}
		return "Json::text"
	case Array:
		return "Json.list(" + j.reader(s.Item) + ")"
	case Map:
		return "Json.map(" + j.reader(s.Item) + ")"
	case Object, Enum, Union:
		return j.names[s.Name] + "::fromJson"
	}
	return "Json::any"
}

// call is how a reader is applied.
func javaCall(reader, to string) string {
	if class, method, ok := strings.Cut(reader, "::"); ok && !strings.Contains(reader, "(") {
		return class + "." + method + "(" + to + ")"
	}
	return reader + ".apply(" + to + ")"
}

// javaComponent is a component of a record.
type javaComponent struct {
	wire     string
	name     string
	boxed    string // the class of the value itself
	typ      string // of the component
	how      string // required, nullable, optional, maybe, or rest
	read     string // an expression over json
	copy     string // "", List or Map
	doc      string
	fallback string // what a builder begins with, "" for nothing
}

func (j *java) component(u *javaUnit, s *Shape, wire, name string, required bool, doc string) javaComponent {
	c := javaComponent{wire: wire, name: name, boxed: j.plain(u, s), doc: doc}
	key := javaText(wire)
	switch null := javaNullable(s); {
	case required && !null:
		c.how, c.typ = "required", javaPrimitive(c.boxed)
		c.read = "Json.required(json, " + key + ", " + j.plainReader(s) + ")"
		switch {
		case isLoose(s):
		case s.Kind == Array:
			c.copy = "List"
		case s.Kind == Map:
			c.copy = "Map"
		case s.Kind == Enum:
			if len(s.Values) == 1 && !j.open[s.Name] {
				c.fallback = j.names[s.Name] + "." + j.constants(s)[0]
			}
		}
	case required:
		c.how, c.typ = "nullable", u.use("java.util.Optional")+"<"+c.boxed+">"
		c.read = "Json.required(json, " + key + ", " + j.reader(s) + ")"
	case !null:
		c.how, c.typ = "optional", u.use("java.util.Optional")+"<"+c.boxed+">"
		c.read = "Json.optional(json, " + key + ", " + j.plainReader(s) + ")"
	default:
		c.how, c.typ = "maybe", "Maybe<"+c.boxed+">"
		c.read = "Json.maybe(json, " + key + ", " + j.plainReader(s) + ")"
	}
	return c
}

// params are the components for the comment of a record.
func javaParams(all []javaComponent) [][2]string {
	var params [][2]string
	for _, c := range all {
		doc := javaDoc(c.doc)
		if doc == "" {
			doc = "the property " + javaDoc(c.wire)
			if c.how == "rest" {
				doc = "the properties of other names"
			}
		}
		switch c.how {
		case "optional":
			doc += "; empty where it is left out"
		case "nullable":
			doc += "; empty where it is null"
		case "maybe":
			doc += "; may be left out, and may be null"
		}
		params = append(params, [2]string{"param " + c.name, doc})
	}
	return params
}

// head writes the beginning of a record, up to its canonical constructor.
func (j *java) head(u *javaUnit, name string, all []javaComponent, implements []string) {
	u.p("public record %s(", name)
	for i, c := range all {
		end := ","
		if i == len(all)-1 {
			end = ")"
		}
		u.p("        %s %s%s", c.typ, c.name, end)
	}
	u.p("        implements %s {", strings.Join(implements, ", "))
}

func (j *java) constructor(u *javaUnit, name string, all []javaComponent) {
	u.p("")
	u.p("    /** Checks that nothing is null, and keeps copies of lists and maps. */")
	u.p("    public %s {", name)
	for _, c := range all {
		switch {
		case c.copy == "List":
			u.p("        %s = %s.copyOf(%s);", c.name, u.use("java.util.List"), c.name)
		case c.copy == "Map":
			u.p("        %s = Json.copy(%s);", c.name, c.name)
		case c.typ != "long" && c.typ != "boolean":
			u.p("        %s.requireNonNull(%s, %s);", u.use("java.util.Objects"), c.name, javaText(c.name))
		}
	}
	u.p("    }")
}

func (j *java) puts(u *javaUnit, all []javaComponent) {
	for _, c := range all {
		method := map[string]string{"required": "put", "nullable": "put", "optional": "putOptional", "maybe": "putMaybe"}[c.how]
		if c.how == "rest" {
			u.p("        Json.put(json, this.%s);", c.name)
		} else {
			u.p("        Json.%s(json, %s, this.%s);", method, javaText(c.wire), c.name)
		}
	}
}

func (j *java) builder(u *javaUnit, name string, all []javaComponent) {
	u.p("")
	u.p("    /**")
	u.p("     * Begins an object whose properties are set one by one.")
	u.p("     *")
	u.p("     * @return a builder with nothing set")
	u.p("     */")
	u.p("    public static Builder builder() {")
	u.p("        return new Builder();")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Begins an object that differs from this one.")
	u.p("     *")
	u.p("     * @return a builder with everything set as it is here")
	u.p("     */")
	u.p("    public Builder toBuilder() {")
	u.p("        Builder b = new Builder();")
	for _, c := range all {
		u.p("        b.%s = this.%s;", c.name, c.name)
	}
	u.p("        return b;")
	u.p("    }")
	u.p("")
	u.p("    /** Sets the properties one by one. What is not set is left out. */")
	u.p("    public static final class Builder {")
	for _, c := range all {
		switch c.how {
		case "required":
			begin := ""
			if c.fallback != "" {
				begin = " = " + c.fallback
			}
			u.p("        private %s %s%s;", c.boxed, c.name, begin)
		case "nullable":
			u.p("        private %s %s;", c.typ, c.name)
		case "optional":
			u.p("        private %s %s = Optional.empty();", c.typ, c.name)
		case "maybe":
			u.p("        private %s %s = Maybe.absent();", c.typ, c.name)
		case "rest":
			u.p("        private %s %s = Map.of();", c.typ, c.name)
		}
	}
	u.p("")
	u.p("        private Builder() {}")
	for _, c := range all {
		param, value, may := c.boxed, c.name, ""
		switch c.how {
		case "required", "rest":
			if param = c.typ; c.how == "rest" {
				param = c.typ
			}
		case "nullable":
			value, may = "Optional.ofNullable("+c.name+")", "; null is null"
		case "optional":
			value, may = "Optional.ofNullable("+c.name+")", "; null leaves it out"
		case "maybe":
			value, may = c.name+" == null ? Maybe.ofNull() : Maybe.of("+c.name+")", "; null is null"
		}
		doc := javaDoc(c.doc)
		if doc == "" {
			doc = "the value"
		}
		u.p("")
		u.p("        /**")
		u.p("         * Sets %s.", c.name)
		u.p("         *")
		u.p("         * @param %s %s%s", c.name, strings.Join(strings.Fields(doc), " "), may)
		u.p("         * @return this builder")
		u.p("         */")
		u.p("        public Builder %s(%s %s) {", c.name, param, c.name)
		u.p("            this.%s = %s;", c.name, value)
		u.p("            return this;")
		u.p("        }")
	}
	u.p("")
	u.p("        /**")
	u.p("         * Makes the object.")
	u.p("         *")
	u.p("         * @return the object")
	u.p("         * @throws NullPointerException where something that is required was not set; its message names it")
	u.p("         */")
	u.p("        public %s build() {", name)
	u.p("            return new %s(", name)
	for i, c := range all {
		value, end := "this."+c.name, ","
		if c.typ == "long" || c.typ == "boolean" || c.copy != "" {
			value = u.use("java.util.Objects") + ".requireNonNull(" + value + ", " + javaText(c.name) + ")"
		}
		if i == len(all)-1 {
			end = ");"
		}
		u.p("                    %s%s", value, end)
	}
	u.p("        }")
	u.p("    }")
}

// maxJavaPlain is how many components a record may have before it gets a builder.
const maxJavaPlain = 5

func (j *java) object(s *Shape) error {
	u, name := j.unit(), j.names[s.Name]
	used := map[string]bool{"json": false}
	var all []javaComponent
	var keys []string
	for _, f := range s.Fields {
		member, err := j.member(f.At, f.Name, used)
		if err != nil {
			return err
		}
		c := j.component(u, f.Shape, f.Name, member, f.Required, f.Doc)
		if text := defaultOf(f); text != nil && j.filled[s.Name] {
			c.read = strings.Replace(c.read, "(json,", "(Json.filled(json, "+javaText(f.Name)+", "+javaText(string(text))+"),", 1)
			c.doc = strings.TrimSuffix(firstOf(c.doc, "the property "+f.Name), ".") + "; " + string(text) + " is read where it is left out"
		}
		all = append(all, c)
		keys = append(keys, javaText(f.Name))
	}
	rest := rest(s, j.whole[s.Name])
	if rest != nil {
		member, err := j.member(nil, "rest", used)
		if err != nil {
			return err
		}
		all = append(all, javaComponent{name: member, how: "rest", typ: u.use("java.util.Map") + "<String, " + j.boxed(u, rest) + ">", copy: "Map",
			read: "Json.rest(json, NAMES, " + j.reader(rest) + ")"})
	}
	if len(all) > maxJavaComponents {
		return j.fault(s.At, "%s has %d properties, and a record of Java can have %d; put some of them into an object of their own", s.Name, len(all), maxJavaComponents)
	}
	u.doc("", firstOf(javaDoc(s.Doc), "An object of the contract."), javaParams(all), s.Deprecated)
	j.annotations(u, s.Deprecated)
	j.head(u, name, all, append(slices.Clone(j.unions[name]), "Json.Value"))
	if rest != nil {
		u.p("    private static final %s<String> NAMES = Schema.names(%s);", u.use("java.util.Set"), strings.Join(keys, ", "))
	}
	j.constructor(u, name, all)
	node, creator, value := u.use(javaNode), u.use(javaCreator), u.use(javaValue)
	u.p("")
	u.p("    /**")
	u.p("     * Reads an object. Its schema is not asked; whoever reads an event has done so.")
	u.p("     *")
	u.p("     * @param json the object")
	u.p("     * @return what it says")
	u.p("     * @throws ContractException where a property is missing or of another type")
	u.p("     */")
	u.p("    @%s(mode = JsonCreator.Mode.DELEGATING)", creator)
	u.p("    public static %s fromJson(%s json) {", name, node)
	u.p("        return new %s(", name)
	for i, c := range all {
		end := ","
		if i == len(all)-1 {
			end = ");"
		}
		u.p("                %s%s", c.read, end)
	}
	u.p("    }")
	u.p("")
	u.p("    @Override")
	u.p("    @%s", value)
	u.p("    public %s toJson() {", u.use(javaObjectNode))
	u.p("        ObjectNode json = Json.object();")
	j.puts(u, all)
	u.p("        return json;")
	u.p("    }")
	if len(all) > maxJavaPlain {
		j.builder(u, name, all)
	}
	u.p("}")
	j.finish(name, u)
	return nil
}

// defaultOf is what a property is where it is left out, as JSON; nil for nothing.
func defaultOf(f *Field) []byte {
	for _, at := range []*syntax.Node{f.At, f.Shape.At} {
		if v := at.Get("default"); v != nil {
			return schema.AppendJSON(nil, v)
		}
	}
	return nil
}

// constants are the names of an enum's values.
func (j *java) constants(s *Shape) []string {
	used := map[string]bool{}
	var all []string
	for _, v := range s.Values {
		name := ""
		if s.Base == String {
			name = javaIdentifier(strings.ToUpper(snake(v.Value)))
			if v.Value == "" {
				name = "EMPTY"
			}
		} else {
			name = strings.ToUpper(snake(strings.NewReplacer("-", " minus ", ".", " point ", "+", "", "e", " e ", "E", " e ").Replace(v.Value)))
			if s.Base == Boolean {
				name = strings.ToUpper(v.Value)
			}
		}
		if name == "" || unicode.IsDigit([]rune(name)[0]) || s.Base != String && s.Base != Boolean {
			name = strings.TrimSuffix("VALUE_"+name, "_")
		}
		if strings.Contains(javaMembers+javaWords, " "+name+" ") {
			name += "_"
		}
		want := name
		for i := 2; used[name]; i++ {
			name = want + "_" + strconv.Itoa(i)
		}
		used[name] = true
		all = append(all, name)
	}
	return all
}

func (j *java) enum(s *Shape) error {
	u, name := j.unit(), j.names[s.Name]
	typ, read, same := "String", "Json.text(json)", "one.value.equals(value)"
	switch s.Base {
	case Boolean:
		typ, read, same = "boolean", "Json.bool(json)", "one.value == value"
	case Integer:
		typ, read, same = "long", "Json.integer(json)", "one.value == value"
		for _, v := range s.Values {
			if _, err := strconv.ParseInt(v.Value, 10, 64); err != nil {
				typ = "BigDecimal"
			}
		}
	case Number:
		typ = "BigDecimal"
	}
	if typ == "BigDecimal" {
		read, same = "Json.number(json)", "one.value.compareTo(value) == 0"
		u.use("java.math.BigDecimal")
	}
	literal := func(v *syntax.Node) string {
		switch typ {
		case "String":
			return javaText(v.Value)
		case "long":
			n, _ := strconv.ParseInt(v.Value, 10, 64)
			if n < -1<<31 || n > 1<<31-1 {
				return strconv.FormatInt(n, 10) + "L"
			}
			return strconv.FormatInt(n, 10)
		case "BigDecimal":
			return "new BigDecimal(" + javaText(v.Value) + ")"
		}
		return v.Value
	}
	constants := j.constants(s)
	node, creator, value := u.use(javaNode), u.use(javaCreator), u.use(javaValue)
	implements := strings.Join(append(slices.Clone(j.unions[name]), "Json.Value"), ", ")
	open := j.open[s.Name]
	if open {
		doc := firstOf(javaDoc(s.Doc), "A value of the contract.") + "\n\nValues that are not listed here may come, too: the contract's enums are open, or it has very many."
		u.doc("", doc, [][2]string{{"param value", "the value as it travels"}}, s.Deprecated)
		j.annotations(u, s.Deprecated)
		u.p("public record %s(%s value) implements %s {", name, typ, implements)
		if len(s.Values) <= maxJavaConstants {
			for i, v := range s.Values {
				u.p("    /** The value %s. */", javaDoc(strconv.Quote(v.Value)))
				u.p("    public static final %s %s = new %s(%s);", name, constants[i], name, literal(v))
				u.p("")
			}
			u.p("    private static final %s<%s> KNOWN =", u.use("java.util.Set"), name)
			u.p("            new java.util.HashSet<>(%s.of(%s));", u.use("java.util.List"), strings.Join(constants, ", "))
			u.p("")
		}
		u.p("    /** Checks that there is a value. */")
		u.p("    public %s {", name)
		switch typ {
		case "String":
			u.p("        %s.requireNonNull(value, \"value\");", u.use("java.util.Objects"))
		case "BigDecimal":
			u.p("        value = value.stripTrailingZeros();")
		}
		u.p("    }")
		if len(s.Values) <= maxJavaConstants {
			u.p("")
			u.p("    /**")
			u.p("     * Whether the contract lists the value.")
			u.p("     *")
			u.p("     * @return false for one that came later")
			u.p("     */")
			u.p("    public boolean isKnown() {")
			u.p("        return KNOWN.contains(this);")
			u.p("    }")
		}
	} else {
		u.doc("", firstOf(javaDoc(s.Doc), "One of the values of the contract."), nil, s.Deprecated)
		j.annotations(u, s.Deprecated)
		u.p("public enum %s implements %s {", name, implements)
		for i, v := range s.Values {
			end := ","
			if i == len(s.Values)-1 {
				end = ";"
			}
			u.p("    /** The value %s. */", javaDoc(strconv.Quote(v.Value)))
			u.p("    %s(%s)%s", constants[i], literal(v), end)
		}
		u.p("")
		u.p("    private final %s value;", typ)
		u.p("")
		u.p("    %s(%s value) {", name, typ)
		u.p("        this.value = value;")
		u.p("    }")
		u.p("")
		u.p("    /**")
		u.p("     * The value as it travels.")
		u.p("     *")
		u.p("     * @return the value")
		u.p("     */")
		u.p("    public %s value() {", typ)
		u.p("        return value;")
		u.p("    }")
	}
	u.p("")
	u.p("    /**")
	u.p("     * Reads a value.")
	u.p("     *")
	u.p("     * @param json the value")
	u.p("     * @return what it says")
	u.p("     * @throws ContractException where it is none")
	u.p("     */")
	u.p("    @%s(mode = JsonCreator.Mode.DELEGATING)", creator)
	u.p("    public static %s fromJson(%s json) {", name, node)
	if open {
		u.p("        return new %s(%s);", name, read)
	} else {
		u.p("        %s value = %s;", typ, read)
		u.p("        for (%s one : values()) {", name)
		u.p("            if (%s) {", same)
		u.p("                return one;")
		u.p("            }")
		u.p("        }")
		u.p("        throw ContractException.of(\"enum\", json + \" is none of the values of %s\");", name)
	}
	u.p("    }")
	u.p("")
	u.p("    @Override")
	u.p("    @%s", value)
	u.p("    public JsonNode toJson() {")
	u.p("        return Json.of(value);")
	u.p("    }")
	u.p("}")
	j.finish(name, u)
	return nil
}

func (j *java) union(s *Shape) error {
	u, name := j.unit(), j.names[s.Name]
	type wrapper struct{ name, typ string }
	var permits, reads []string
	var wrappers []wrapper
	taken := map[string]bool{}
	for _, b := range s.Branches {
		if (b.Shape.Kind == Object || b.Shape.Kind == Enum) && !isLoose(b.Shape) {
			one := j.names[b.Shape.Name]
			if !slices.Contains(permits, one) {
				permits = append(permits, one)
			}
			reads = append(reads, one+".fromJson(json)")
			continue
		}
		want := "Of" + map[Kind]string{Boolean: "Boolean", Integer: "Integer", Number: "Number", String: "String", Array: "List", Map: "Map", Tuple: "Tuple", Any: "Value", Null: "Null"}[b.Shape.Kind]
		if b.Shape.Kind == Union || b.Shape.Kind == Object {
			want = "Of" + j.names[b.Shape.Name]
		}
		one := want
		for i := 2; taken[one]; i++ {
			one = want + strconv.Itoa(i)
		}
		taken[one] = true
		permits = append(permits, name+"."+one)
		wrappers = append(wrappers, wrapper{one, javaPrimitive(j.plain(u, b.Shape))})
		reads = append(reads, "new "+one+"("+javaCall(j.plainReader(b.Shape), "json")+")")
	}
	node, creator, value := u.use(javaNode), u.use(javaCreator), u.use(javaValue)
	u.doc("", firstOf(javaDoc(s.Doc), "One of several types."), nil, s.Deprecated)
	j.annotations(u, s.Deprecated)
	u.p("public sealed interface %s extends Json.Value", name)
	u.p("        permits %s {", strings.Join(permits, ", "))
	for _, w := range wrappers {
		u.p("    /**")
		u.p("     * A value that is no object of its own.")
		u.p("     *")
		u.p("     * @param value the value")
		u.p("     */")
		u.p("    record %s(%s value) implements %s {", w.name, w.typ, name)
		if w.typ != "long" && w.typ != "boolean" {
			u.p("        /** Checks that there is a value. */")
			u.p("        public %s {", w.name)
			u.p("            %s.requireNonNull(value, \"value\");", u.use("java.util.Objects"))
			u.p("        }")
			u.p("")
		}
		u.p("        @Override")
		u.p("        @%s", value)
		u.p("        public JsonNode toJson() {")
		u.p("            return Json.of(value);")
		u.p("        }")
		u.p("    }")
		u.p("")
	}
	u.p("    /**")
	u.p("     * Writes the value.")
	u.p("     *")
	u.p("     * @return the value as JSON")
	u.p("     */")
	u.p("    @Override")
	u.p("    @%s", value)
	u.p("    JsonNode toJson();")
	u.p("")
	u.p("    /**")
	u.p("     * Reads a value: of the type that its tag names, or else of the first whose schema it satisfies.")
	u.p("     *")
	u.p("     * @param json the value")
	u.p("     * @return what it says")
	u.p("     * @throws ContractException where it is none of the types")
	u.p("     */")
	u.p("    @%s(mode = JsonCreator.Mode.DELEGATING)", creator)
	u.p("    static %s fromJson(%s json) {", name, node)
	bySchema := s.Tag == ""
	if s.Tag != "" {
		u.p("        switch (json.path(%s).asText()) {", javaText(s.Tag))
		for i, b := range s.Branches {
			var tags []string
			for _, t := range b.Tags {
				tags = append(tags, javaText(t))
			}
			u.p("            case %s:", strings.Join(tags, ", "))
			u.p("                return %s;", reads[i])
			bySchema = bySchema || b.Shape.Loose // and then it may have no tag
			for _, f := range b.Shape.Fields {
				if f.Name == s.Tag && (f.Shape.Kind != Enum || j.open[f.Shape.Name]) {
					bySchema = true
				}
			}
		}
		u.p("            default:")
		u.p("                break;")
		u.p("        }")
	}
	branches := ""
	var declared, accepted [][]byte
	if bySchema {
		for _, b := range s.Branches {
			text, err := j.BranchRules(s, b)
			if err != nil {
				return err
			}
			accepted = append(accepted, text)
			if b.At != nil && !s.Avro {
				if text, err = j.portable(b.At, s.Dialect, schema.Profile{Declared: true}, true); err != nil {
					return err
				}
			}
			declared = append(declared, text)
		}
		if slices.EqualFunc(declared, accepted, bytes.Equal) {
			declared = nil
		}
		branches = j.take(name + "Branches")
		if declared != nil {
			u.p("        switch (Json.branch(json, %s.DECLARED, %s.ALL)) {", branches, branches)
		} else {
			u.p("        switch (Json.branch(json, %s.ALL)) {", branches)
		}
		for i := range s.Branches {
			u.p("            case %d:", i)
			u.p("                return %s;", reads[i])
		}
		u.p("            default:")
		u.p("                break;")
		u.p("        }")
	}
	u.p("        throw ContractException.of(\"oneOf\", \"the value is none of the types of %s\");", name)
	u.p("    }")
	u.p("}")
	if bySchema {
		u.p("")
		u.p("/** The schemas of the types, in their order. */")
		u.p("final class %s {", branches)
		list := func(label string, texts [][]byte) {
			u.p("    static final %s<Schema> %s =", u.use("java.util.List"), label)
			u.p("            List.of(")
			for i, text := range texts {
				end := ","
				if i == len(texts)-1 {
					end = ");"
				}
				u.p("                    Schema.parse(%s)%s", javaJSON(text, "                            "), end)
			}
			u.p("")
		}
		if declared != nil {
			u.p("    /** With no properties but those that each declares: a value is meant for the first that it fits. */")
			list("DECLARED", declared)
		}
		list("ALL", accepted)
		u.p("    private %s() {}", branches)
		u.p("}")
	}
	j.finish(name, u)
	return nil
}

// Events.

// rules is what an event is held to, as one text of JSON.
func javaRules(r *Rules) []byte {
	b := []byte("{")
	part := func(name string, text []byte) {
		if text == nil {
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(strconv.AppendQuote(b, name), ':'), text...)
	}
	part("data", r.Data)
	if r.Avro {
		part("avro", []byte("true"))
	}
	part("whole", r.Whole)
	if len(r.Attributes) > 0 {
		list := []byte("{")
		for i, a := range r.Attributes {
			if i > 0 {
				list = append(list, ',')
			}
			list = fmt.Appendf(list, `%q:{"required":%t,"schema":%s}`, a.Name, a.Required, a.Schema)
		}
		part("attributes", append(list, '}'))
	}
	return append(b, '}')
}

// attributes are the components of an event but for its data.
func (j *java) attributes(u *javaUnit, e *Event, used map[string]bool) ([]javaComponent, error) {
	fields := map[string]*Field{}
	required := map[string]bool{"id": true, "source": true}
	names := []string{"id", "source", "subject", "time", "datacontenttype", "dataschema"}
	add := func(name string, f *Field, must bool) {
		if name == "type" || name == "specversion" || name == "data" || name == "data_base64" {
			return
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		fields[name] = f
		required[name] = required[name] || must
	}
	whole := e.Message().Envelope.PayloadIsEnvelope
	switch {
	case whole && e.Payload != nil && e.Payload.Kind == Object:
		for _, f := range e.Payload.Fields {
			add(f.Name, f, f.Required)
		}
	case !whole && e.Headers != nil && e.Headers.Kind == Object:
		for _, f := range e.Headers.Fields {
			if a := attributeOf(e, f); a != "" {
				add(a, f, f.Required)
			}
		}
	}
	var all []javaComponent
	docs := map[string]string{
		"id":              "the identifier of the event; with the source it is its identity",
		"source":          "where the event comes from",
		"subject":         "what of the source the event is about",
		"time":            "when it happened",
		"datacontenttype": "the content type of the data",
		"dataschema":      "where the schema of the data is",
	}
	core := []string{"id", "source", "subject", "time", "datacontenttype", "dataschema"}
	for _, name := range names {
		f := fields[name]
		shape := &Shape{Kind: String}
		doc := docs[name]
		var at *syntax.Node
		fixed := ""
		if f != nil {
			at, doc = f.At, firstOf(f.Doc, doc)
			switch {
			case isFixed(f.Shape):
				fixed = f.Shape.Values[0].Value
			case name == "id" || name == "source": // which all events have as a text
			case !slices.Contains(core, name) || f.Shape.Kind == Enum && f.Shape.Base == String:
				shape = f.Shape
			}
		}
		if name == "time" {
			shape = &Shape{Kind: String, Format: "date-time"}
		}
		if shape.Nullable { // null is what is left out
			plain := *shape
			plain.Nullable = false
			shape = &plain
		}
		if name == "id" || name == "source" {
			at = nil // they have no other name, since the interface of all events has them
		}
		member, err := j.member(at, name, used)
		if err != nil {
			return nil, err
		}
		c := j.component(u, shape, name, member, required[name], doc)
		if c.how == "optional" {
			c.read = strings.Replace(c.read, "Json.optional(", "Json.attribute(", 1)
		}
		if c.how == "required" && fixed != "" {
			c.fallback = javaText(fixed)
		}
		if c.how == "required" && fixed == "" {
			switch name {
			case "id":
				c.fallback = u.use("java.util.UUID") + ".randomUUID().toString()"
				c.doc = doc + "; a builder makes one up where none is set"
			case "time":
				c.fallback = "DateTime.of(" + u.use("java.time.Instant") + ".now())"
				c.doc = doc + "; a builder begins with now"
			}
		}
		all = append(all, c)
	}
	return all, nil
}

func (j *java) event(e *Event) error {
	u, name := j.unit(), j.events[e]
	used := map[string]bool{"data": true, "extensions": true, "type": true}
	all, err := j.attributes(u, e, used)
	if err != nil {
		return err
	}
	m := e.Message()
	shape, required := e.Payload, true
	if m.Envelope.PayloadIsEnvelope {
		shape = nil
		if e.Payload != nil && e.Payload.Kind == Object {
			for _, f := range e.Payload.Fields {
				if f.Name == "data" {
					shape, required = f.Shape, f.Required
				}
			}
		}
	}
	if shape == nil {
		shape, required = &Shape{Kind: Any}, false
	}
	data := j.component(u, shape, "data", "data", required, "the data")
	var keys []string
	for _, c := range append(slices.Clone(all), data) {
		keys = append(keys, javaText(c.wire))
	}
	all = append(all, javaComponent{name: "extensions", how: "rest", typ: u.use("java.util.Map") + "<String, " + u.use(javaNode) + ">", copy: "Map", doc: "attributes that the contract does not describe", read: "Json.rest(json, NAMES, Json::any)"}, data)
	if len(all) > maxJavaComponents {
		return j.fault(m.Node(), "%s has %d attributes, and a record of Java can have %d", e.Type, len(all), maxJavaComponents)
	}
	for i := range all {
		all[i].doc = firstOf(all[i].doc, "the attribute "+all[i].wire)
	}
	read, err := j.Rules(e, false)
	if err != nil {
		return err
	}
	written, err := j.Rules(e, true)
	if err != nil {
		return err
	}
	for _, r := range []*Rules{read, written} {
		texts := [][]byte{r.Data, r.Whole}
		for _, a := range r.Attributes {
			texts = append(texts, a.Schema)
		}
		for _, text := range texts {
			if pattern, why := javaCannot(text); why != "" {
				at := m.Node()
				if m.Payload != nil {
					at = m.Payload.Node()
				}
				return j.fault(at, "the pattern %q of %s %s; write it otherwise", pattern, e.Type, why)
			}
		}
	}
	reading, writing := javaRules(read), javaRules(written)
	u.doc("", firstOf(javaDoc(e.Doc), "An event of the contract."), javaParams(all), e.Deprecated)
	j.annotations(u, e.Deprecated)
	j.head(u, name, all, []string{"Event"})
	u.p("    /** The event type. */")
	u.p("    public static final String TYPE = %s;", javaText(e.Type))
	u.p("")
	u.p("    private static final %s<String> NAMES = Schema.names(\"specversion\", \"type\", %s);", u.use("java.util.Set"), strings.Join(keys, ", "))
	j.constructor(u, name, all)
	u.p("")
	u.p("    @Override")
	u.p("    public String type() {")
	u.p("        return TYPE;")
	u.p("    }")
	for _, c := range all {
		if c.wire == "id" && c.name != "id" || c.wire == "source" && c.name != "source" {
			u.p("")
			u.p("    @Override")
			u.p("    public String %s() {", c.wire)
			u.p("        return %s;", c.name)
			u.p("    }")
		}
	}
	u.p("")
	u.p("    /**")
	u.p("     * What is wrong with an event of this type, as the contract has its readers judge.")
	u.p("     *")
	u.p("     * @param json the event in the JSON format of CloudEvents")
	u.p("     * @return nothing where it conforms")
	u.p("     */")
	u.p("    public static %s<Problem> check(JsonNode json) {", u.use("java.util.List"))
	u.p("        return Reading.RULES.check(Reading.RULES.plain(json));")
	u.p("    }")
	u.p("")
	u.p("    static void restore(%s json) {", u.use(javaObjectNode))
	u.p("        Reading.RULES.restore(json);")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads an event of this type.")
	u.p("     *")
	u.p("     * @param event the event in the JSON format of CloudEvents")
	u.p("     * @return the event")
	u.p("     * @throws ContractException where it does not conform to the contract")
	u.p("     */")
	u.p("    @%s(mode = JsonCreator.Mode.DELEGATING)", u.use(javaCreator))
	u.p("    public static %s fromJson(JsonNode event) {", name)
	u.p("        JsonNode json = Reading.RULES.plain(event);")
	u.p("        Json.accept(Reading.RULES.check(json));")
	u.p("        return new %s(", name)
	for i, c := range all {
		end := ","
		if i == len(all)-1 {
			end = ");"
		}
		u.p("                %s%s", c.read, end)
	}
	u.p("    }")
	u.p("")
	u.p("    @Override")
	u.p("    public List<Problem> problems() {")
	u.p("        return Writing.RULES.check(toJson());")
	u.p("    }")
	u.p("")
	u.p("    @Override")
	u.p("    @%s", u.use(javaValue))
	u.p("    public %s toJson() {", u.use(javaObjectNode))
	u.p("        ObjectNode json = Json.object();")
	u.p("        Json.put(json, \"specversion\", \"1.0\");")
	u.p("        Json.put(json, \"type\", TYPE);")
	j.puts(u, all)
	u.p("        return json;")
	u.p("    }")
	j.builder(u, name, all)
	u.p("")
	u.p("    /** What the contract has readers accept. */")
	u.p("    private static final class Reading {")
	u.p("        static final Rules RULES =")
	u.p("                Rules.of(TYPE, %s);", javaJSON(reading, "                        "))
	u.p("    }")
	u.p("")
	u.p("    /** What the contract has producers emit. */")
	u.p("    private static final class Writing {")
	if string(reading) == string(writing) {
		u.p("        static final Rules RULES = Reading.RULES;")
	} else {
		u.p("        static final Rules RULES =")
		u.p("                Rules.of(TYPE, %s);", javaJSON(writing, "                        "))
	}
	u.p("    }")
	u.p("}")
	j.finish(name, u)
	return nil
}

// javaChunk is how many entries one method fills in: it has a limit.
const javaChunk = 500

func (j *java) dispatch() {
	title := javaDoc(oneLine(j.Contract.Title) + " " + oneLine(j.Contract.Version))
	var names []string
	for _, e := range j.Events {
		names = append(names, j.events[e])
	}
	u := j.unit()
	u.p("/** An event of %s, or one of a type that it does not have. */", title)
	j.annotations(u, false)
	u.p("public sealed interface Event extends Json.Value")
	u.p("        permits %s {", strings.Join(append(slices.Clone(names), "UnknownEvent"), ",\n                "))
	for _, one := range [][2]string{{"type", "The event type"}, {"id", "The identifier; with the source it is the identity of the event"}, {"source", "Where the event comes from"}} {
		u.p("    /**")
		u.p("     * %s.", one[1])
		u.p("     *")
		u.p("     * @return the attribute")
		u.p("     */")
		u.p("    String %s();", one[0])
		u.p("")
	}
	u.p("    /**")
	u.p("     * What is wrong with the event, as the contract has producers emit it.")
	u.p("     *")
	u.p("     * @return nothing where it conforms")
	u.p("     */")
	u.p("    %s<Problem> problems();", u.use("java.util.List"))
	u.p("")
	u.p("    /**")
	u.p("     * Writes the event in the JSON format of CloudEvents. Nothing is checked; see {@link Events#write}.")
	u.p("     *")
	u.p("     * @return the event as JSON")
	u.p("     */")
	u.p("    @Override")
	u.p("    @%s", u.use(javaValue))
	u.p("    %s toJson();", u.use(javaObjectNode))
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads an event of any type, see {@link Events#fromJson}.")
	u.p("     *")
	u.p("     * @param json the event in the JSON format of CloudEvents")
	u.p("     * @return the event")
	u.p("     * @throws ContractException where it does not conform to the contract")
	u.p("     */")
	u.p("    @%s(mode = JsonCreator.Mode.DELEGATING)", u.use(javaCreator))
	u.p("    static Event fromJson(%s json) {", u.use(javaNode))
	u.p("        return Events.fromJson(json);")
	u.p("    }")
	u.p("}")
	j.finish("Event", u)

	u = j.unit()
	u.p("/**")
	u.p(" * An event of a type that the contract does not have.")
	u.p(" *")
	u.p(" * @param json the event as it came")
	u.p(" */")
	u.p("public record UnknownEvent(%s json) implements Event {", u.use(javaObjectNode))
	for _, name := range []string{"type", "id", "source"} {
		u.p("    @Override")
		u.p("    public String %s() {", name)
		u.p("        return json.path(%q).asText();", name)
		u.p("    }")
		u.p("")
	}
	u.p("    @Override")
	u.p("    public %s<Problem> problems() {", u.use("java.util.List"))
	u.p("        return List.of(Events.unknown(json));")
	u.p("    }")
	u.p("")
	u.p("    @Override")
	u.p("    @%s", u.use(javaValue))
	u.p("    public ObjectNode toJson() {")
	u.p("        return json;")
	u.p("    }")
	u.p("}")
	j.finish("UnknownEvent", u)

	u = j.unit()
	u.p("/** The event types of %s. */", title)
	u.p("public final class EventTypes {")
	constants := map[string]bool{}
	for _, e := range j.Events {
		want := javaIdentifier(strings.ToUpper(snake(j.events[e])))
		name := want
		for i := 2; constants[name]; i++ {
			name = want + "_" + strconv.Itoa(i)
		}
		constants[name] = true
		u.p("    /** %s */", firstOf(javaDoc(oneLine(strings.SplitN(e.Doc, "\n", 2)[0])), "An event type."))
		u.p("    public static final String %s = %s;", name, javaText(e.Type))
		u.p("")
	}
	u.p("    private EventTypes() {}")
	u.p("}")
	j.finish("EventTypes", u)

	u = j.unit()
	node, list, function := u.use(javaNode), u.use("java.util.List"), u.use("java.util.function.Function")
	object := ""
	if !j.Contract.Compatibility.DispatchStrict {
		object = u.use(javaObjectNode)
	}
	u.p("/** Reads and writes the events of %s. */", title)
	j.annotations(u, false)
	u.p("public final class Events {")
	u.p("    private record Reader(")
	u.p("            String mode,")
	u.p("            %s<%s, %s<Problem>> check,", function, node, list)
	u.p("            Function<JsonNode, Event> read,")
	u.p("            %s<%s> restore) {}", u.use("java.util.function.Consumer"), u.use(javaObjectNode))
	u.p("")
	u.p("    private static final %s<String, Reader> READERS = new %s<>();", u.use("java.util.Map"), u.use("java.util.HashMap"))
	u.p("")
	u.p("    static {")
	for i := 0; i*javaChunk < len(names); i++ {
		u.p("        readers%d();", i)
	}
	u.p("    }")
	u.p("")
	u.p("    private Events() {}")
	for i := 0; i*javaChunk < len(names); i++ {
		u.p("")
		u.p("    private static void readers%d() {", i)
		for k := i * javaChunk; k < min(len(names), (i+1)*javaChunk); k++ {
			name := names[k]
			u.p("        READERS.put(%s.TYPE, new Reader(%q, %s::check, %s::fromJson, %s::restore));", name, j.Events[k].Mode(), name, name, name)
		}
		u.p("    }")
	}
	unknown, what := "UnknownEvent: the contract has consumers skip what they do not know", "an {@link UnknownEvent} where the contract has no such type"
	if j.Contract.Compatibility.DispatchStrict {
		unknown, what = "the contract has consumers refuse what they do not know", "the event"
	}
	throws := "     * @throws ContractException where it does not conform to the contract"
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads an event.")
	u.p("     *")
	u.p("     * @param text the event in the JSON format of CloudEvents")
	u.p("     * @return %s", strings.Replace(what, "an {@link", "the event; an {@link", 1))
	u.p("%s", throws)
	u.p("     */")
	u.p("    public static Event parse(String text) {")
	u.p("        return fromJson(Json.parse(text));")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads an event.")
	u.p("     *")
	u.p("     * @param text the event in the JSON format of CloudEvents, in UTF-8")
	u.p("     * @return %s", strings.Replace(what, "an {@link", "the event; an {@link", 1))
	u.p("%s", throws)
	u.p("     */")
	u.p("    public static Event parse(byte[] text) {")
	u.p("        return fromJson(Json.parse(text));")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads the event of a message of a broker or of HTTP: in structured mode, in JSON, or in")
	u.p("     * binary mode, its attributes in headers.")
	u.p("     *")
	u.p("     * @param protocol whose binding of CloudEvents the message follows")
	u.p("     * @param headers the headers, properties or attributes: texts, or bytes that are texts in UTF-8")
	u.p("     * @param contentType the content type where the protocol has a field for it (AMQP, MQTT); null")
	u.p("     *     where it is one of the headers")
	u.p("     * @param body the body; null for none")
	u.p("     * @return %s", strings.Replace(what, "an {@link", "the event; an {@link", 1))
	u.p("%s", throws)
	u.p("     */")
	u.p("    public static Event parse(Protocol protocol, Map<String, ?> headers, String contentType, byte[] body) {")
	u.p("        Message.Read read = Message.read(protocol, headers, contentType, body);")
	u.p("        Reader reader = READERS.get(read.event().path(\"type\").asText());")
	u.p("        if (reader != null && read.binary() && read.event() instanceof ObjectNode event) {")
	u.p("            reader.restore.accept(event);")
	u.p("        }")
	u.p("        Event event = fromJson(read.event());")
	u.p("        if (reader != null) {")
	u.p("            read.in(reader.mode, event.type());")
	u.p("        }")
	u.p("        return event;")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Checks and reads an event.")
	u.p("     *")
	u.p("     * @param json the event in the JSON format of CloudEvents")
	u.p("     * @return %s", strings.Replace(what, "an {@link", "the event; an {@link", 1))
	u.p("%s", throws)
	u.p("     */")
	u.p("    public static Event fromJson(JsonNode json) {")
	u.p("        Reader reader = READERS.get(json.path(\"type\").asText());")
	u.p("        if (reader != null) {")
	u.p("            return reader.read.apply(json);")
	u.p("        }")
	u.p("        // %s.", unknown)
	if j.Contract.Compatibility.DispatchStrict {
		u.p("        throw new ContractException(check(json));")
	} else {
		u.p("        Json.accept(check(json));")
		u.p("        return new UnknownEvent((%s) json);", object)
	}
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * What is wrong with an event, as the contract has its readers judge.")
	u.p("     *")
	u.p("     * @param json the event in the JSON format of CloudEvents")
	u.p("     * @return nothing where it conforms")
	u.p("     */")
	u.p("    public static List<Problem> check(JsonNode json) {")
	u.p("        Reader reader = READERS.get(json.path(\"type\").asText());")
	u.p("        if (reader != null) {")
	u.p("            return reader.check.apply(json);")
	u.p("        }")
	if j.Contract.Compatibility.DispatchStrict {
		u.p("        return List.of(unknown(json));")
	} else {
		u.p("        return json.path(\"type\").isTextual() && json instanceof %s ? List.of() : List.of(unknown(json));", object)
	}
	u.p("    }")
	u.p("")
	u.p("    static Problem unknown(JsonNode json) {")
	u.p("        if (!json.path(\"type\").isTextual()) {")
	u.p("            return new Problem(\"\", \"required\", \"the value is no event of CloudEvents: it has no type\");")
	u.p("        }")
	u.p("        return new Problem(\"/type\", \"\", \"the contract has no event of type \" + json.get(\"type\"));")
	u.p("    }")
	u.p("")
	u.p("    /**")
	u.p("     * Checks an event, as the contract has producers emit it, and writes it.")
	u.p("     *")
	u.p("     * @param event an event of the contract")
	u.p("     * @return the event in the JSON format of CloudEvents")
	u.p("%s", throws)
	u.p("     */")
	u.p("    public static String write(Event event) {")
	u.p("        Json.accept(event.problems());")
	u.p("        return Json.write(event.toJson());")
	u.p("    }")
	u.p("}")
	j.finish("Events", u)
}

// javaCannot finds a pattern that java.util.regex cannot match, and says why.
func javaCannot(text []byte) (pattern, why string) {
	if !bytes.Contains(text, []byte("(?<")) && !bytes.Contains(text, []byte(`p{`)) && !bytes.Contains(text, []byte(`P{`)) {
		return "", ""
	}
	var walk func(v any)
	try := func(p string) {
		if w := javaRefuses(p); w != "" && why == "" {
			pattern, why = p, w
		}
	}
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				switch inner := v[name].(type) {
				case string:
					if name == "pattern" {
						try(inner)
					}
				case map[string]any:
					if name == "patternProperties" {
						for _, p := range slices.Sorted(maps.Keys(inner)) {
							try(p)
						}
					}
					walk(inner)
				default:
					walk(inner)
				}
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	var v any
	if json.Unmarshal(text, &v) == nil {
		walk(v)
	}
	return pattern, why
}

// javaRefuses is why Java cannot match an expression of ECMA-262: it looks behind
// for texts of bounded length alone, and knows fewer properties of characters.
func javaRefuses(p string) string {
	behind := 0 // open groups, from the outermost that looks behind
	inClass := false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			if i++; i+1 < len(p) && (p[i] == 'p' || p[i] == 'P') && p[i+1] == '{' {
				name, _, _ := strings.Cut(p[i+2:], "}")
				if strings.HasPrefix(name, "Script_Extensions=") || strings.HasPrefix(name, "scx=") || strings.HasPrefix(name, "Emoji") {
					return "asks for the property " + name + " of characters, which Java 17 does not know"
				}
			}
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
		case c == '(':
			if behind > 0 || strings.HasPrefix(p[i:], "(?<=") || strings.HasPrefix(p[i:], "(?<!") {
				behind++
			}
		case c == ')':
			behind = max(0, behind-1)
		case behind > 0 && (c == '*' || c == '+' || c == '{' && unbounded(p[i:])):
			return "looks behind for a text of any length, which Java cannot do"
		}
	}
	return ""
}

func unbounded(p string) bool {
	low, _, ok := strings.Cut(p[1:], ",}")
	return ok && low != "" && strings.Trim(low, "0123456789") == ""
}
