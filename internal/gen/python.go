package gen

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// pythonTarget makes a Python package (3.11 and later) on Pydantic: models of the
// payloads and headers, a class for each event, and a validator that holds what is
// read and written to the contract's schemas, with every format that package schema
// checks.
var pythonTarget = &Target{Name: "python", Title: "a Python package of Pydantic models", Override: pythonOverride, Generate: func(in *Input) ([]File, error) {
	p := &python{Input: in, used: map[string]bool{}, texts: map[string]int{}}
	return p.files()
}}

const pythonOverride = "x-python-name"

//go:embed python_runtime.py
var pythonRuntime string

type python struct {
	*Input
	bytes.Buffer
	used    map[string]bool // names of the module
	names   map[*Shape]string
	events  map[*Event]string
	policy  map[*Shape]*shapePolicy
	tags    map[*Field]bool // fields by which pydantic tells the branches of a union apart
	tagged  map[*Shape]bool // unions that it tells apart by a field
	texts   map[string]int  // schemas by their text
	schemas []string
	imports map[string]bool
	err     error
}

// shapePolicy is what readers of a shape do, of any event that has it.
type shapePolicy struct {
	tolerant, openEnums, defaults bool
}

func (p *python) p(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// fail notes the first thing that cannot be expressed.
func (p *python) fail(at *syntax.Node, format string, args ...any) {
	if p.err != nil {
		return
	}
	place := ""
	if at != nil && at.File != nil {
		pos := at.Span().Position()
		place = fmt.Sprintf("%s:%d:%d: ", at.File.Name, pos.Line, pos.Column)
	}
	p.err = fmt.Errorf(place+format, args...)
}

func (p *python) files() ([]File, error) {
	for name := range strings.FieldsSeq("Annotated Any ClassVar Discriminator Enum EventType Field Final Literal Decimal StrEnum Tag TypeAlias TypeAliasType TYPE_CHECKING Union ConfigDict " +
		"AsInteger Boolean Choice CloudEvent ContractError Event Header Integer Iterable Loose Mapping Model Number Open Problem Protocol Rules Attribute Schema UnknownEventType") {
		p.used[name] = true
	}
	p.names, p.events, p.imports = map[*Shape]string{}, map[*Event]string{}, map[string]bool{}
	for _, s := range p.Shapes {
		want := override(s.At, pythonOverride)
		if want != "" && !unicode.IsUpper([]rune(want)[0]) {
			want = camel(want) // it names the property, and its type for want of another name
		}
		p.names[s] = p.class(firstOf(want, pythonClass(s.Name)), s.At)
	}
	for _, e := range p.Events {
		n := e.Message().Node()
		p.events[e] = p.class(firstOf(override(n, pythonOverride), pythonClass(e.Name)), n)
	}
	p.policies()
	p.discriminators()
	p.body()
	body := slices.Clone(p.Bytes())
	p.Reset()
	p.header()
	p.Write(body)
	events := spaced(p.Bytes())
	p.Reset()
	p.schemaFile()
	schemas := slices.Clone(p.Bytes())
	p.Reset()
	p.initFile()
	if p.err != nil {
		return nil, p.err
	}
	runtime := "# " + p.stamp() + "\n" + pythonRuntime
	return []File{{"__init__.py", p.Bytes()}, {"_schemas.py", schemas}, {"_treaty.py", []byte(runtime)}, {"events.py", events}, {"py.typed", nil}}, nil
}

func (p *python) stamp() string { return strings.Map(visible, p.Stamp()) }

// spaced gives a module the blank lines that Python's style has: two around
// classes and functions, and no more than one within.
func spaced(text []byte) []byte {
	var out []string
	blank, before := 0, ""
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		if line == "" {
			blank++
			continue
		}
		inside := strings.HasPrefix(line, " ")
		switch {
		case len(out) == 0:
		case strings.HasPrefix(line, "class "), strings.HasPrefix(line, "def "), !inside && strings.HasPrefix(before, " ") && line[0] != ')' && line[0] != ']' && line[0] != '}' && line[0] != '"' && line != "else:":
			out = append(out, "", "")
		case blank > 0:
			out = append(out, "")
		}
		out = append(out, line)
		blank, before = 0, line
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// --- names

var pythonKeywords = words2set("False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield")

// pythonTaken are names that fields cannot have: the methods of a pydantic model
// and of an event, and what annotations of fields are written with.
var pythonTaken = words2set("construct copy dict from_orm json model_computed_fields model_config model_construct model_copy model_dump model_dump_json model_extra model_fields model_fields_set " +
	"model_json_schema model_parametrized_name model_post_init model_rebuild model_validate model_validate_json model_validate_strings parse_file parse_obj parse_raw schema schema_json update_forward_refs validate " +
	"from_json from_members to_json members int str bool list float default new_id utc_now")

// pythonBuiltins are the builtins that look like classes.
var pythonBuiltins = words2set("ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError " +
	"ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError FileNotFoundError FloatingPointError " +
	"FutureWarning GeneratorExit IOError ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError " +
	"NotADirectoryError NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning " +
	"StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError " +
	"UnicodeWarning UserWarning ValueError Warning ZeroDivisionError")

func words2set(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}

// pythonLetters keeps the letters and digits that are the same after Python has
// normalised an identifier, and writes others as their number.
func pythonLetters(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z',
			r >= 0xc0 && r <= 0xff && r != 0xd7 && r != 0xf7, r >= 0x3b1 && r <= 0x3c9, r >= 0x391 && r <= 0x3a9 && r != 0x3a2, r >= 0x410 && r <= 0x44f,
			r >= 0x3041 && r <= 0x3096, r >= 0x30a1 && r <= 0x30fa, r >= 0x4e00 && r <= 0x9fa5, r >= 0xac00 && r <= 0xd7a3:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "u%04x", r)
		}
	}
	return b.String()
}

func pythonClass(s string) string {
	name := pythonLetters(camel(s))
	if name == "" {
		return "Value"
	}
	return name
}

var pythonName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`) })

// class takes the name of a class.
func (p *python) class(want string, at *syntax.Node) string {
	if o := override(at, pythonOverride); o != "" && (!pythonName().MatchString(o) || pythonKeywords[o]) {
		p.fail(at.Get(pythonOverride), "%q cannot be a name in Python; %s takes letters, digits and _, and no keyword", o, pythonOverride)
	}
	if pythonBuiltins[want] || pythonKeywords[want] {
		want += "_"
	}
	name := want
	for i := 2; p.used[name] || pythonKeywords[name]; i++ {
		name = want + strconv.Itoa(i)
	}
	p.used[name] = true
	return name
}

// field is the name of a property, which no other of the same class has.
func (p *python) field(used map[string]bool, name string, at *syntax.Node) string {
	want := pythonLetters(snake(name))
	if o := override(at, pythonOverride); o != "" {
		want = o
		if pythonName().MatchString(o) && unicode.IsUpper(rune(o[0])) {
			want = pythonLetters(snake(o)) // it names the type of the property
		} else if !pythonName().MatchString(o) || pythonKeywords[o] || pythonTaken[o] {
			p.fail(at.Get(pythonOverride), "%q cannot be the name of a property in Python; %s takes letters, digits and _, and no keyword or method of a model", o, pythonOverride)
		}
	}
	switch {
	case want == "":
		want = "value"
	case want[0] >= '0' && want[0] <= '9':
		want = "n" + want
	}
	if pythonKeywords[want] || pythonTaken[want] {
		want += "_"
	}
	made := want
	for i := 2; used[made]; i++ {
		made = want + "_" + strconv.Itoa(i)
	}
	used[made] = true
	return made
}

// pythonQuoted is a text as a literal of Python: Go's escapes are Python's, too.
func pythonQuoted(s string) string {
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") {
		return pythonText(s)
	}
	return strconv.Quote(s)
}

// --- policies

// policies finds what readers do with each shape. Of a shape that several events
// have, what one of them demands holds: the validator knows each event's own.
func (p *python) policies() {
	p.policy = map[*Shape]*shapePolicy{}
	type visit struct {
		s *Shape
		p shapePolicy
	}
	met := map[visit]bool{}
	var walk func(s *Shape, c shapePolicy)
	walk = func(s *Shape, c shapePolicy) {
		if s == nil || met[visit{s, c}] {
			return
		}
		met[visit{s, c}] = true
		known := p.policy[s.named()]
		if known == nil {
			known = &shapePolicy{}
			p.policy[s.named()] = known
		}
		known.tolerant = known.tolerant || c.tolerant
		known.openEnums = known.openEnums || c.openEnums
		known.defaults = known.defaults || c.defaults
		walk(s.Item, c)
		for _, f := range s.Fields {
			walk(f.Shape, c)
		}
		for _, i := range s.Items {
			walk(i, c)
		}
		for _, b := range s.Branches {
			walk(b.Shape, c)
		}
	}
	for _, e := range p.Events {
		c := e.Message().Compatibility
		of := shapePolicy{c.ReadersTolerant, c.EnumsOpen, c.DefaultsApplied}
		if e.Payload != nil && e.Payload.Avro {
			walk(e.Payload, shapePolicy{}) // the policies say nothing of Avro
			walk(e.Headers, of)
			continue
		}
		walk(e.Payload, of)
		walk(e.Headers, of)
	}
}

func (p *python) policyOf(s *Shape) shapePolicy {
	if known := p.policy[s.named()]; known != nil {
		return *known
	}
	return shapePolicy{}
}

// discriminators finds the unions whose branches pydantic can tell apart by the
// value of a field: each branch a class of its own, the field a Literal in each.
func (p *python) discriminators() {
	p.tags, p.tagged = map[*Field]bool{}, map[*Shape]bool{}
	for _, s := range p.Shapes {
		if s.Kind != Union || s.Tag == "" || len(s.Branches) < 2 {
			continue
		}
		var fields []*Field
		names := map[string]bool{}
		seen := map[*Shape]bool{}
		for _, b := range s.Branches {
			if b.Shape.Kind != Object || b.Shape.Loose || seen[b.Shape] {
				fields = nil
				break
			}
			seen[b.Shape] = true
			used := map[string]bool{}
			for _, f := range b.Shape.Fields {
				name := p.field(used, f.Name, f.At)
				if f.Name != s.Tag {
					continue
				}
				t := f.Shape
				if t.Kind == Enum && t.Base == String && !t.Nullable && (len(t.Values) == 1 || !p.policyOf(t).openEnums) {
					fields = append(fields, f)
					names[name] = true
				}
			}
		}
		// Pydantic wants one name of the field in all branches.
		if len(fields) == len(s.Branches) && len(names) == 1 {
			p.tagged[s] = true
			for _, f := range fields {
				p.tags[f] = true
			}
		}
	}
}

// --- the module

func (p *python) header() {
	p.p("# %s", p.stamp())
	p.docstring("", "Events of "+oneLine(p.Contract.Title)+" "+oneLine(p.Contract.Version)+".")
	p.p("")
	p.p("from __future__ import annotations")
	p.p("")
	if p.imports["Mapping"] {
		p.p("from collections.abc import Iterable, Mapping")
	}
	if p.imports["StrEnum"] {
		p.p("from enum import StrEnum")
	}
	var typing []string
	for _, name := range []string{"TYPE_CHECKING", "Annotated", "Any", "ClassVar", "Final", "Literal", "TypeAlias", "Union", "cast"} {
		if p.imports[name] {
			typing = append(typing, name)
		}
	}
	if len(typing) > 0 {
		p.p("from typing import %s", strings.Join(typing, ", "))
	}
	var pydantic []string
	for _, name := range []string{"ConfigDict", "Discriminator", "Field", "Tag"} {
		if p.imports[name] {
			pydantic = append(pydantic, name)
		}
	}
	if p.imports["StrEnum"] || len(typing) > 0 {
		p.p("")
	}
	if len(pydantic) > 0 {
		p.p("from pydantic import %s", strings.Join(pydantic, ", "))
	}
	if p.imports["TypeAliasType"] {
		p.p("from typing_extensions import TypeAliasType")
	}
	if len(pydantic) > 0 || p.imports["TypeAliasType"] {
		p.p("")
	}
	if p.imports["_schemas"] {
		p.p("from . import _schemas")
	}
	var own []string
	for _, name := range []string{"AsInteger", "Attribute", "Boolean", "Choice", "CloudEvent", "Header", "Integer", "Loose", "Model", "Number", "Open", "Protocol", "Rules", "default", "new_id", "read_members", "read_message", "type_of", "utc_now"} {
		if p.imports[name] {
			own = append(own, name)
		}
	}
	if len(own) > 0 {
		line := "from ._treaty import " + strings.Join(own, ", ")
		if len(line) > 88 {
			p.list("from ._treaty import (", own, ")")
		} else {
			p.p("%s", line)
		}
	}
}

// use notes that a name is imported.
func (p *python) use(name string) string {
	p.imports[name] = true
	return name
}

// docstring writes a text as a docstring.
func (p *python) docstring(indent, text string) {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.TrimRight(strings.Map(visible, line), " \t")
		lines = append(lines, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line))
	}
	if len(lines) == 1 {
		p.p(`%s"""%s"""`, indent, unescapeQuotes(lines[0]))
		return
	}
	for i, line := range lines {
		line = unescapeQuotes(line)
		switch {
		case i == 0:
			p.p(`%s"""%s`, indent, line)
		case line == "":
			p.p("")
		default:
			p.p("%s%s", indent, line)
		}
	}
	p.p(`%s"""`, indent)
}

// unescapeQuotes takes the backslash from quotes that stand alone, and could end
// nothing.
func unescapeQuotes(line string) string {
	if strings.Contains(line, `\"\"`) || strings.HasSuffix(line, `\"`) || strings.HasPrefix(line, `\"`) || strings.Contains(line, `\\`) {
		return line
	}
	return strings.ReplaceAll(line, `\"`, `"`)
}

func (p *python) doc(indent, doc, otherwise string, deprecated bool) {
	if doc = strings.TrimSpace(doc); doc == "" {
		doc = otherwise
	}
	if deprecated {
		doc += "\n\nDeprecated: the contract says so."
	}
	if doc != "" {
		p.docstring(indent, doc)
	}
}

func (p *python) body() {
	for _, s := range p.Shapes {
		if s.Kind == Enum {
			p.enum(p.names[s], s)
		}
	}
	for _, s := range p.Shapes {
		if s.Kind == Object {
			p.object(p.names[s], s)
		}
	}
	made := map[*Shape]bool{}
	for _, s := range p.Shapes {
		if s.Kind == Union {
			p.union(s, made)
		}
	}
	if p.Only != Types && len(p.Events) > 0 {
		p.envelopes()
	}
}

// typ is the type of a shape in an annotation, which is read late.
func (p *python) typ(s *Shape) string {
	t := p.plain(s)
	if s.Loose {
		t = p.use("Loose") + "[" + t + "]"
	}
	if s.Nullable && t != "Any" && t != "None" {
		t += " | None"
	}
	return t
}

func (p *python) plain(s *Shape) string {
	switch s.Kind {
	case Null:
		return "None"
	case Boolean:
		return p.use("Boolean")
	case Integer:
		return p.use("Integer")
	case Number:
		return p.use("Number")
	case String:
		return "str"
	case Array:
		return "list[" + p.typ(s.Item) + "]"
	case Tuple:
		p.use("Any")
		return "list[Any]"
	case Map:
		return "dict[str, " + p.rest(s) + "]"
	case Enum:
		return p.enumType(s)
	case Object, Union:
		return p.names[s.named()]
	}
	return p.use("Any")
}

// rest is the type of the values of other names. A reader that ignores what is not
// declared ignores what fits no pattern.
func (p *python) rest(s *Shape) string {
	if s.At.Is(syntax.Mapping) && s.At.Get("patternProperties") != nil && p.policyOf(s).tolerant {
		return p.use("Any")
	}
	return p.typ(s.Item)
}

// tooLarge is whether an enum has whole numbers that pydantic takes for no literals.
func tooLarge(s *Shape) bool {
	return s.Base == Integer && slices.ContainsFunc(s.Values, func(v *syntax.Node) bool {
		_, err := strconv.ParseInt(v.Value, 10, 64)
		return err != nil
	})
}

// enumType is the type of an enum where it is used. An open one takes others.
func (p *python) enumType(s *Shape) string {
	open := p.policyOf(s).openEnums && len(s.Values) > 1
	switch s.Base {
	case String:
		if len(distinctValues(s)) == 1 {
			return p.literal(s)
		}
		if open {
			return p.use("Open") + "[" + p.names[s.named()] + "]"
		}
		return p.names[s.named()]
	case Integer:
		if open || tooLarge(s) {
			return p.use("Integer")
		}
		if len(distinctValues(s)) == 1 {
			p.use("Annotated")
			p.use("AsInteger")
			return "Annotated[" + p.literal(s) + ", AsInteger]"
		}
		return p.names[s.named()]
	case Boolean:
		if len(distinctValues(s)) == 1 {
			return p.literal(s)
		}
		return p.use("Boolean")
	}
	return p.use("Number")
}

func distinctValues(s *Shape) []string {
	var all []string
	for _, v := range s.Values {
		if !slices.Contains(all, v.Value) {
			all = append(all, v.Value)
		}
	}
	return all
}

func (p *python) literal(s *Shape) string {
	var all []string
	for _, v := range distinctValues(s) {
		all = append(all, p.value(s.Base, v))
	}
	p.use("Literal")
	return "Literal[" + strings.Join(all, ", ") + "]"
}

// value is a value of an enum as Python writes it.
func (p *python) value(base Kind, v string) string {
	switch base {
	case String:
		return pythonQuoted(v)
	case Boolean:
		return map[bool]string{true: "True", false: "False"}[v == "true"]
	}
	if v == "-0" {
		return "0"
	}
	return v
}

func (p *python) enum(name string, s *Shape) {
	values := distinctValues(s)
	if len(values) < 2 || tooLarge(s) {
		return // a Literal where it is used
	}
	switch s.Base {
	case Integer:
		p.use("Annotated")
		p.use("AsInteger")
		p.use("TypeAlias")
		p.p("\n%s: TypeAlias = Annotated[%s, AsInteger]", name, p.literal(s))
		p.doc("", s.Doc, "One of the values of the contract.", s.Deprecated)
		return
	case String:
	default:
		return
	}
	p.use("StrEnum")
	p.p("\n\nclass %s(StrEnum):", name)
	p.doc("    ", s.Doc, "One of the values of the contract.", s.Deprecated)
	p.p("")
	used := map[string]bool{}
	for _, v := range values {
		p.p("    %s = %s", enumMember(used, v), pythonQuoted(v))
	}
}

func enumMember(used map[string]bool, v string) string {
	want := strings.ToUpper(pythonLetters(snake(v)))
	switch {
	case v == "":
		want = "EMPTY"
	case want == "":
		want = "VALUE"
	case want[0] >= '0' && want[0] <= '9':
		want = "N" + want
	}
	member := want
	for i := 2; used[member]; i++ {
		member = want + "_" + strconv.Itoa(i)
	}
	used[member] = true
	return member
}

func (p *python) object(name string, s *Shape) {
	p.use("Model")
	p.p("\n\nclass %s(Model):", name)
	p.doc("    ", s.Doc, "An object of the contract.", s.Deprecated)
	policy := p.policyOf(s)
	extra := "allow"
	switch {
	case s.Item != nil:
	case policy.tolerant:
		extra = "ignore"
	case s.Closed, s.Avro:
		extra = "forbid"
	}
	p.use("ConfigDict")
	p.p("\n    model_config = ConfigDict(extra=%q)\n", extra)
	used := map[string]bool{}
	var optional, nullable []string
	for _, f := range s.Fields {
		field := p.field(used, f.Name, f.At)
		p.property(field, f, policy)
		if !f.Required {
			optional = append(optional, pythonQuoted(field))
			if f.Shape.Nullable || f.Shape.Loose || f.Shape.Kind == Any || f.Shape.Kind == Null {
				nullable = append(nullable, pythonQuoted(field))
			}
		}
	}
	if s.Item != nil {
		if t := p.rest(s); t != "Any" {
			p.use("Field")
			p.p("    __pydantic_extra__: dict[str, %s] = Field(init=False)", t)
		}
	}
	for _, set := range []struct {
		name  string
		names []string
	}{{"_optional", optional}, {"_nullable", nullable}} {
		if len(set.names) > 0 {
			p.use("ClassVar")
			before := "    " + set.name + ": ClassVar[frozenset[str]] = frozenset("
			if line := before + "{" + strings.Join(set.names, ", ") + "})"; len(line) <= 88 {
				p.p("%s", line)
				continue
			}
			p.p("%s", before)
			p.p("        {")
			for _, name := range set.names {
				p.p("            %s,", name)
			}
			p.p("        }")
			p.p("    )")
		}
	}
}

// list writes a list in one line, or in one line for each where that is too long.
func (p *python) list(before string, all []string, after string) {
	if line := before + strings.Join(all, ", ") + after; len(line) <= 88 {
		p.p("%s", line)
		return
	}
	indent := before[:len(before)-len(strings.TrimLeft(before, " "))]
	p.p("%s", before)
	for _, one := range all {
		p.p("%s    %s,", indent, one)
	}
	p.p("%s%s", indent, after)
}

// assign writes a field with its default, in parentheses where that is long.
func (p *python) assign(name, t, initial string) {
	if line := "    " + name + ": " + t + " = " + initial; len(line) <= 88 {
		p.p("%s", line)
		return
	}
	p.p("    %s: %s = (", name, t)
	p.p("        %s", initial)
	p.p("    )")
}

func (p *python) property(name string, f *Field, policy shapePolicy) {
	t := ""
	if p.tags[f] {
		t = p.literal(f.Shape)
	} else {
		t = p.typ(f.Shape)
	}
	var args []string
	initial := ""
	fallback := f.At.Get("default")
	switch one := distinctValues(f.Shape); {
	case policy.defaults && fallback != nil && !f.Shape.Avro:
		p.use("default")
		args = append(args, "default_factory=lambda: default("+pythonQuoted(string(schema.AppendJSON(nil, fallback)))+")", "validate_default=True")
		if !f.Required && !strings.HasSuffix(t, "| None") && t != "Any" && t != "None" {
			t += " | None"
		}
	case !f.Required:
		if !strings.HasSuffix(t, "| None") && t != "Any" && t != "None" {
			t += " | None"
		}
		initial = "None"
	case f.Shape.Kind == Enum && len(one) == 1 && !f.Shape.Nullable && f.Shape.Base != Number:
		initial = p.value(f.Shape.Base, one[0])
	case f.Shape.Kind == Null:
		initial = "None"
	}
	if name != f.Name {
		if initial != "" {
			args = append(args, "default="+initial)
		}
		args = append(args, "validation_alias="+pythonQuoted(f.Name), "serialization_alias="+pythonQuoted(f.Name))
	}
	switch {
	case len(args) > 0:
		p.use("Field")
		p.list("    "+name+": "+t+" = Field(", args, ")")
	case initial != "":
		p.assign(name, t, initial)
	default:
		p.p("    %s: %s", name, t)
	}
	doc := f.Doc
	if doc == "" && f.Shape.Format != "" {
		doc = "In the format " + f.Shape.Format + "."
	}
	if doc != "" {
		p.docstring("    ", doc)
		p.p("")
	}
}

// leads is whether a union comes to another without an object between.
func leads(from, to *Shape, met map[*Shape]bool) bool {
	if from == nil || met[from] || from.Kind == Object {
		return false
	}
	met[from] = true
	for _, s := range append(slices.Clone(from.Items), from.Item) {
		if s != nil && (s.named() == to || leads(s.named(), to, met)) {
			return true
		}
	}
	for _, b := range from.Branches {
		if b.Shape.named() == to || leads(b.Shape.named(), to, met) {
			return true
		}
	}
	return false
}

func (p *python) union(s *Shape, made map[*Shape]bool) {
	if made[s] {
		return
	}
	made[s] = true
	// What it is made of comes first.
	var before func(s *Shape)
	before = func(s *Shape) {
		switch s.Kind {
		case Union:
			p.union(s.named(), made)
		case Array, Map:
			before(s.Item)
		}
	}
	var types []string
	for _, b := range s.Branches {
		before(b.Shape)
		if p.tagged[s] {
			types = append(types, p.names[b.Shape.named()])
			continue
		}
		types = append(types, p.typ(b.Shape))
	}
	name := p.names[s]
	if len(types) == 1 && types[0] != name {
		p.use("TypeAlias")
		p.p("\n%s: TypeAlias = %s", name, types[0])
		p.doc("", s.Doc, "The one type of a union.", s.Deprecated)
		return
	}
	p.use("Union")
	p.use("Annotated")
	circular := leads(s, s, map[*Shape]bool{})
	early := func(t string) string {
		if !circular {
			return t
		}
		return pythonQuoted(t)
	}
	p.p("")
	if circular {
		// Type checkers and pydantic differ in what a circle of aliases is.
		p.use("TYPE_CHECKING")
		p.use("TypeAlias")
		p.p("if TYPE_CHECKING:")
		p.list("    "+name+": TypeAlias = Union[", types, "]")
		p.p("else:")
	}
	var members []string
	how := ""
	if p.tagged[s] {
		used := map[string]bool{}
		field := ""
		for _, f := range s.Branches[0].Shape.Fields {
			if n := p.field(used, f.Name, f.At); f.Name == s.Tag {
				field = n
			}
		}
		members = types
		how = p.use("Field") + "(discriminator=" + pythonQuoted(field) + ")"
	} else {
		var schemas, tags []string
		hasTags := false
		for i, b := range s.Branches {
			members = append(members, fmt.Sprintf(`Annotated[%s, Tag("#%d")]`, early(types[i]), i))
			text, err := p.BranchRules(s, b)
			if err != nil {
				p.fail(nil, "%w", err)
				return
			}
			schemas = append(schemas, p.schema(text, firstNode(b.At, s.At)))
			var one []string
			for _, t := range b.Tags {
				one = append(one, pythonQuoted(t))
			}
			hasTags = hasTags || len(one) > 0
			tags = append(tags, "["+strings.Join(one, ", ")+"]")
		}
		p.use("Tag")
		p.use("Choice")
		how = p.use("Discriminator") + "(Choice([" + strings.Join(schemas, ", ") + "]"
		if s.Tag != "" && hasTags {
			how += ", " + pythonQuoted(s.Tag) + ", [" + strings.Join(tags, ", ") + "]"
		}
		how += ").branch)"
	}
	switch {
	case circular:
		p.use("TypeAliasType")
		p.p("    %s = TypeAliasType(", name)
		p.p("        %s,", pythonQuoted(name))
		p.p("        Annotated[")
		p.list("            Union[", members, "],")
		p.p("            %s,", how)
		p.p("        ],")
		p.p("    )")
	default:
		p.use("TypeAlias")
		p.p("%s: TypeAlias = Annotated[", name)
		p.list("    Union[", members, "],")
		p.p("    %s,", how)
		p.p("]")
	}
	p.doc("", s.Doc, "One of several types.", s.Deprecated)
}

func firstNode(all ...*syntax.Node) *syntax.Node {
	for _, n := range all {
		if n != nil {
			return n
		}
	}
	return nil
}

// --- events

// attributeFields are what the contract says of the attributes of an event.
func attributeField(e *Event, a *contract.Attribute) *Field {
	from := e.Headers
	if e.Message().Envelope.PayloadIsEnvelope {
		from = e.Payload
	}
	if from == nil || from.Kind != Object {
		return nil
	}
	for _, f := range from.Fields {
		if f.Name == a.Spelling {
			return f
		}
	}
	return nil
}

func (p *python) envelopes() {
	p.use("CloudEvent")
	p.use("Rules")
	p.use("ClassVar")
	p.use("Literal")
	p.use("TypeAlias")
	p.use("_schemas")
	p.use("Final")
	p.p("\n\nclass EventType:")
	p.docstring("    ", "The types of the events of the contract.")
	p.p("")
	used := map[string]bool{}
	for _, e := range p.Events {
		p.p("    %s: Final = %s", enumMember(used, p.events[e]), pythonQuoted(e.Type))
	}
	for _, e := range p.Events {
		p.event(e)
	}
	var all []string
	for _, e := range p.Events {
		all = append(all, p.events[e])
	}
	p.p("\n")
	if len(all) == 1 {
		p.p("Event: TypeAlias = %s", all[0])
	} else {
		p.use("Annotated")
		p.use("Union")
		p.p("Event: TypeAlias = Annotated[")
		p.list("    Union[", all, "],")
		p.p("    %s(discriminator=\"type\"),", p.use("Field"))
		p.p("]")
	}
	p.docstring("", "Any event of the contract; match tells them apart by their class, or their type.")
	p.use("Final")
	p.p("\n_EVENTS: Final[dict[str, type[CloudEvent]]] = {")
	for _, e := range p.Events {
		p.p("    %s: %s,", pythonQuoted(e.Type), p.events[e])
	}
	p.p("}")
	strict := p.Contract.Compatibility.DispatchStrict
	result := "Event | None"
	if strict {
		result = "Event"
	}
	p.use("read_members")
	p.use("cast")
	p.p("\n\ndef parse_event(text: str | bytes) -> %s:", result)
	doc := "Reads an event in the JSON format of CloudEvents (structured mode), and holds it to\nthe contract. Raises ContractError where it breaks it. "
	if strict {
		doc += "An event of a type that the\ncontract does not know raises UnknownEventType."
	} else {
		doc += "An event of a type that the\ncontract does not know is None: skip it."
	}
	p.docstring("    ", doc)
	p.p("    event = read_members(text)")
	p.p("    known = _EVENTS.get(event[\"type\"])")
	p.p("    if known is None:")
	if strict {
		p.use("type_of")
		p.p("        type_of(event, _EVENTS)")
	} else {
		p.p("        return None")
	}
	p.p("    return cast(Event, known.from_members(event))")
	for _, name := range []string{"Header", "Protocol", "read_message"} {
		p.use(name)
	}
	p.use("Iterable")
	p.use("Mapping")
	p.p("\n\ndef parse_message(")
	p.p("    protocol: Protocol,")
	p.p("    headers: Mapping[str, Header] | Iterable[tuple[str, Header]],")
	p.p("    body: str | bytes,")
	p.p("    content_type: str | None = None,")
	p.p(") -> %s:", result)
	p.docstring("    ", "Reads the event of a message of a broker or of HTTP, in structured mode, in JSON, or\nin binary mode, its attributes in headers; all else is as parse_event has it.")
	p.p("    read = read_message(protocol, headers, body, content_type)")
	p.p("    known = _EVENTS.get(read[0][\"type\"])")
	p.p("    if known is None:")
	if strict {
		p.p("        type_of(read[0], _EVENTS)")
	} else {
		p.p("        return None")
	}
	p.p("    return cast(Event, known.from_message(read))")
}

func (p *python) event(e *Event) {
	m := e.Message()
	p.p("\n\nclass %s(CloudEvent):", p.events[e])
	p.doc("    ", e.Doc, "The event "+e.Type+".", e.Deprecated)
	p.p("")
	p.assign("type", "Literal["+pythonQuoted(e.Type)+"]", pythonQuoted(e.Type))
	used := map[string]bool{"type": true, "data": true, "data_base64": true, "specversion": true}
	for i := range m.Envelope.Attributes {
		a := &m.Envelope.Attributes[i]
		if strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || m.Envelope.Mode != contract.Binary && a.Name != a.Spelling {
			continue // no attribute: a header beside the event
		}
		p.attribute(e, a, used)
	}
	if m.Envelope.Source != "" && m.Envelope.Attribute("source") == nil {
		p.p("    source: str = %s", pythonQuoted(m.Envelope.Source))
	}
	p.data(e)
	readers := p.rules(e, false)
	writers := p.rules(e, true)
	p.p("")
	if mode := e.Mode(); mode != contract.NoEnvelope {
		p.p("    _mode: ClassVar[str] = %q", mode)
	}
	p.p("    _readers: ClassVar[Rules] = %s", readers)
	if writers == readers {
		p.p("    _writers: ClassVar[Rules] = _readers")
	} else {
		p.p("    _writers: ClassVar[Rules] = %s", writers)
	}
}

// attribute writes what the contract says of an attribute beyond CloudEvents.
func (p *python) attribute(e *Event, a *contract.Attribute, used map[string]bool) {
	switch a.Name {
	case "type", "specversion", "data":
		return
	}
	named := slices.Contains([]string{"id", "source", "subject", "time", "datacontenttype", "dataschema"}, a.Name)
	t, doc, constant := "", "", ""
	f := attributeField(e, a)
	if f != nil {
		doc = f.Doc
		switch s := f.Shape; {
		case s.Kind == String:
			t = "str"
		case s.Kind == Enum && s.Base == String:
			t = p.plain(s)
			if one := distinctValues(s); len(one) == 1 {
				constant = pythonQuoted(one[0])
			}
		case s.Kind == Integer, s.Kind == Boolean, s.Kind == Number, s.Kind == Enum:
			t = p.plain(s)
			if one := distinctValues(s); s.Kind == Enum && len(one) == 1 && s.Base != Number {
				constant = p.value(s.Base, one[0])
			}
		}
	}
	switch {
	case t == "" && named, named && f.Shape.Kind != String && (f.Shape.Kind != Enum || f.Shape.Base != String):
		t = "str"
		constant = ""
	case t == "":
		t = p.use("Any")
	}
	name := p.field(used, a.Name, nil)
	var args []string
	initial := ""
	switch {
	case a.Required && constant != "":
		initial = constant
	case a.Required && a.Name == "id":
		args = append(args, "default_factory=lambda: "+p.use("new_id")+"()")
	case a.Required && a.Name == "time":
		args = append(args, "default_factory=lambda: "+p.use("utc_now")+"()")
	case a.Required:
	case a.Name == "id" && constant == "":
		return // as CloudEvent has it
	case a.Name == "source":
		initial = constant
	default:
		initial = "None"
		if t != "Any" {
			t += " | None"
		}
	}
	if a.Name == "id" || a.Name == "time" {
		if strings.HasPrefix(t, "Literal[") || !strings.HasPrefix(t, "str") {
			args = nil // not any id, or time
		}
	}
	if name != a.Name {
		if initial != "" {
			args = append(args, "default="+initial)
		}
		args = append(args, "validation_alias="+pythonQuoted(a.Name), "serialization_alias="+pythonQuoted(a.Name))
	}
	switch {
	case len(args) > 0:
		p.use("Field")
		p.list("    "+name+": "+t+" = Field(", args, ")")
	case initial != "":
		p.assign(name, t, initial)
	default:
		p.p("    %s: %s", name, t)
	}
	if doc != "" {
		p.docstring("    ", doc)
		p.p("")
	}
}

// data writes the field of the data.
func (p *python) data(e *Event) {
	payload := e.Payload
	if e.Message().Envelope.PayloadIsEnvelope {
		required := false
		payload = nil
		if e.Payload != nil && e.Payload.Kind == Object {
			for _, f := range e.Payload.Fields {
				if f.Name == "data" {
					payload, required = f.Shape, f.Required
				}
			}
		}
		if payload != nil && !required {
			t := p.typ(payload)
			if t != "Any" && t != "None" && !strings.HasSuffix(t, "| None") {
				t += " | None"
			}
			p.p("    data: %s = None", t)
			p.p("    _free: ClassVar[bool] = True")
			return
		}
	}
	if payload == nil {
		p.use("Any")
		p.p("    data: Any = None")
		p.p("    data_base64: str | None = None")
		p.p("    _free: ClassVar[bool] = True")
		return
	}
	p.p("    data: %s", p.typ(payload))
}

// rules writes what readers, or writers, hold an event to.
func (p *python) rules(e *Event, writer bool) string {
	r, err := p.Rules(e, writer)
	if err != nil {
		p.fail(nil, "%w", err)
		return ""
	}
	m := e.Message()
	var args []string
	if r.Data != nil {
		args = append(args, "data="+p.schema(r.Data, m.Payload.Node()))
	}
	if r.Whole != nil {
		args = append(args, "whole="+p.schema(r.Whole, m.Payload.Node()))
	}
	if len(r.Attributes) > 0 {
		p.use("Attribute")
		var all []string
		for _, a := range r.Attributes {
			if a.Name == "specversion" {
				continue
			}
			required := map[bool]string{true: "True", false: "False"}[a.Required]
			all = append(all, fmt.Sprintf("Attribute(%s, %s, %s),", pythonQuoted(a.Name), required, p.schema(a.Schema, m.Headers.Node())))
		}
		switch {
		case len(all) == 1 && len(all[0]) < 66:
			args = append(args, "attributes=("+all[0]+")")
		case len(all) > 0:
			args = append(args, "attributes=(\n            "+strings.Join(all, "\n            ")+"\n        )")
		}
	}
	if r.Avro {
		args = append(args, "avro=True")
	}
	if len(args) == 0 {
		return "Rules()"
	}
	return "Rules(\n        " + strings.Join(args, ",\n        ") + ",\n    )"
}

// schema is the name of a schema in the file of schemas.
func (p *python) schema(text []byte, at *syntax.Node) string {
	n, ok := p.texts[string(text)]
	if !ok {
		n = len(p.schemas)
		p.texts[string(text)] = n
		p.schemas = append(p.schemas, p.portableText(text, at))
	}
	return p.use("_schemas") + ".S" + strconv.Itoa(n)
}

func (p *python) schemaFile() {
	p.p("# %s", p.stamp())
	p.p("# ruff: noqa: E501")
	p.docstring("", "The schemas of the contract, in the form that _treaty reads.")
	p.p("")
	p.p("from typing import Final")
	p.p("")
	p.p("from ._treaty import Schema")
	p.p("")
	p.p("# fmt: off")
	for i, text := range p.schemas {
		p.p("S%d: Final = Schema(%s)", i, pythonText(text))
	}
}

// pythonText is JSON as a literal in single quotes, in which its own stay as they
// are.
func pythonText(text string) string {
	quoted := strconv.Quote(text)
	quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return "'" + strings.ReplaceAll(quoted, "'", `\'`) + "'"
}

func (p *python) initFile() {
	p.p("# %s", p.stamp())
	p.docstring("", "Events of "+oneLine(p.Contract.Title)+" "+oneLine(p.Contract.Version)+": models, and what reads and writes them.")
	p.p("")
	own := []string{"CloudEvent", "ContractError", "Problem", "UnknownEventType"}
	p.p("from ._treaty import %s", strings.Join(own, ", "))
	var names []string
	for _, s := range p.Shapes {
		if s.Kind == Enum && (s.Base != String && s.Base != Integer || len(distinctValues(s)) < 2 || tooLarge(s)) {
			continue
		}
		names = append(names, p.names[s])
	}
	if p.Only != Types && len(p.Events) > 0 {
		for _, e := range p.Events {
			names = append(names, p.events[e])
		}
		names = append(names, "Event", "EventType", "parse_event", "parse_message")
	}
	slices.Sort(names)
	if len(names) > 0 {
		p.p("from .events import (")
		for _, name := range names {
			p.p("    %s,", name)
		}
		p.p(")")
	}
	names = append(names, own...)
	slices.Sort(names)
	p.p("")
	p.p("__all__ = [")
	for _, name := range names {
		p.p("    %s,", pythonQuoted(name))
	}
	p.p("]")
}

// portableText is a schema with the patterns of Python, and those of
// patternProperties as pairs, since two may be the same in Python.
func (p *python) portableText(text []byte, at *syntax.Node) string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		p.fail(at, "the schema cannot be read again, which is a fault of treaty: %w", err)
		return ""
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(p.translated(v, at)); err != nil {
		p.fail(at, "%w", err)
	}
	return strings.TrimSpace(out.String())
}

func (p *python) translated(v any, at *syntax.Node) any {
	s, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for key, value := range s {
		switch key {
		case "$schema":
			delete(s, key)
		case "pattern":
			s[key] = p.pattern(value.(string), at)
		case "patternProperties":
			delete(s, key)
			members := value.(map[string]any)
			var pairs []any
			for _, text := range sortedKeys(members) {
				pairs = append(pairs, []any{p.pattern(text, at), p.translated(members[text], at)})
			}
			s["patterns"] = pairs
		case "properties", "dependentSchemas", "$defs":
			for name, sub := range value.(map[string]any) {
				value.(map[string]any)[name] = p.translated(sub, at)
			}
		case "prefixItems", "allOf", "anyOf", "oneOf":
			for i, sub := range value.([]any) {
				value.([]any)[i] = p.translated(sub, at)
			}
		case "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties":
			s[key] = p.translated(value, at)
		}
	}
	return s
}

func sortedKeys(m map[string]any) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// pattern is an expression as Python's re has it.
func (p *python) pattern(text string, at *syntax.Node) string {
	out, err := pythonPattern(text)
	if err != nil {
		p.fail(patternNode(at.Root(), text, at), "the pattern %q: %w", text, err)
	}
	return out
}

// patternNode finds where an expression is written, for the message.
func patternNode(n *syntax.Node, text string, otherwise *syntax.Node) *syntax.Node {
	found := otherwise
	var walk func(n *syntax.Node) bool
	walk = func(n *syntax.Node) bool {
		if n == nil {
			return false
		}
		for _, item := range n.Items {
			if n.Is(syntax.Mapping) && (item.KeyName() == "pattern" && item.Str() == text || item.KeyName() == text) {
				found = item
				return true
			}
			if walk(item) {
				return true
			}
		}
		return false
	}
	walk(n)
	return found
}
