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

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// typescriptTarget makes an ECMAScript module in TypeScript that imports nothing
// but its own files, for servers and browsers alike.
//
// The generated validator knows every format that package schema asserts: date-time,
// date, time, duration, email, idn-email, hostname, idn-hostname, ipv4, ipv6, uri,
// uri-reference, iri, iri-reference, uri-template, uuid, json-pointer,
// relative-json-pointer and regex. Numbers are checked as decimals, exactly as they
// came. Whole numbers that the contract lets be more than a number of JavaScript holds
// are bigint; an event with any other that it does not hold is refused, since passing
// it on would change it.
var typescriptTarget = &Target{Name: "typescript", Title: "a TypeScript module without dependencies", Override: tsOverride, Generate: func(in *Input) ([]File, error) {
	t := &typescript{Input: in, used: map[string]bool{}, names: map[string]string{}, events: map[*Event]string{}, needs: map[*Shape]bool{}, codecs: map[*Shape]string{}}
	if err := t.settle(); err != nil {
		return nil, err
	}
	if in.Only == Types {
		return []File{{"index.ts", t.index()}}, nil
	}
	schemas, err := t.schemas()
	if err != nil {
		return nil, err
	}
	runtime := append([]byte("// "+visibleLine(in.Stamp())+"\n\n"), typescriptRuntime...)
	return []File{{"index.ts", t.index()}, {"runtime.ts", runtime}, {"schemas.ts", schemas}}, nil
}}

const tsOverride = "x-ts-name"

// typescriptRuntime is what the generated code stands on: JSON, schemas, formats and
// the envelope. It is a file of TypeScript so that the compiler can look at it.
//
//go:embed typescript_runtime.ts
var typescriptRuntime []byte

type typescript struct {
	*Input
	bytes.Buffer
	used   map[string]bool   // names that the module exports
	names  map[string]string // of shapes, by their names in the model
	events map[*Event]string
	open   map[string]bool // enums whose readers accept other values, by name
	filled map[*Shape]bool // objects whose readers fill in defaults
	needs  map[*Shape]bool // shapes that are not written as they travel
	codecs map[*Shape]string
	queue  []*Shape // whose codecs are to be written
}

func (t *typescript) p(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// Names that a module cannot declare, and those that the generated code uses.
var tsReserved = strings.Fields(`break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with implements interface let package private protected public static yield await async of any unknown never string number boolean object symbol bigint undefined arguments eval globalThis Omit treaty schemas contract eventTypes EventType AnyEvent SentEvent ReceivedEvent Event readEvent parseEvent serializeEvent stringifyEvent validateEvent ContractError Message Problem Reading readMessage parseMessage extension fields event text type`)

var tsIdentifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}_$][\p{L}\p{Nd}_$]*$`) })

// place names a place of the contract.
func place(n *syntax.Node) string { return spot(n.Span()) }

// overridden is the name that x-ts-name gives a place, "" for none.
func overridden(n *syntax.Node) (string, error) {
	name := override(n, tsOverride)
	if name != "" && !tsIdentifier().MatchString(name) {
		return "", fmt.Errorf("%s: %s is %q, which is no name in TypeScript; write letters, digits, _ and $ alone", place(n.Get(tsOverride)), tsOverride, name)
	}
	return name, nil
}

// export makes a name that the module has not: the wanted one, or with a number.
func (t *typescript) export(want string, also ...string) string {
	name := want
	taken := func() bool {
		if t.used[name] {
			return true
		}
		return slices.ContainsFunc(also, func(prefix string) bool { return t.used[prefix+name] })
	}
	for i := 2; taken(); i++ {
		name = want + strconv.Itoa(i)
	}
	t.used[name] = true
	for _, prefix := range also {
		t.used[prefix+name] = true
	}
	return name
}

// settle gives names, and finds out which shapes travel in another form.
func (t *typescript) settle() error {
	for _, name := range tsReserved {
		t.used[name] = true
	}
	// Names that the contract gives come first, so that none of ours pushes one aside.
	fixed := func(n *syntax.Node, taken ...string) (string, error) {
		name, err := overridden(n)
		if name == "" || err != nil {
			return "", err
		}
		for _, one := range append(taken, name) {
			if t.used[one] {
				return "", fmt.Errorf("%s: %s is %q, and the generated module has that name already; choose another", place(n.Get(tsOverride)), tsOverride, name)
			}
			t.used[one] = true
		}
		return name, nil
	}
	for _, e := range t.Events {
		name, err := fixed(e.Message().Node())
		if err != nil {
			return err
		}
		if name != "" {
			t.events[e] = name
			for _, prefix := range eventFunctions {
				t.used[prefix+name] = true
			}
		}
	}
	for _, s := range t.Shapes {
		if s.At == nil || s.Kind == Union && s.Avro {
			continue
		}
		name, err := overridden(s.At)
		if err != nil {
			return err
		}
		if name == "" || t.isProperty(s) {
			continue // of a property: what that is called, and not its type
		}
		if name, err = fixed(s.At); err != nil {
			return err
		}
		t.names[s.Name] = name
	}
	for _, e := range t.Events {
		if t.events[e] == "" {
			t.events[e] = t.export(e.Name, eventFunctions...)
		}
	}
	for _, s := range t.Shapes {
		if t.names[s.Name] == "" && !isLiteral(s) {
			t.names[s.Name] = t.export(s.Name)
		}
	}
	t.open, t.filled = map[string]bool{}, map[*Shape]bool{}
	for _, e := range t.Events {
		policy := e.Message().Compatibility
		for _, root := range []*Shape{e.Payload, e.Headers} {
			if root == nil {
				continue
			}
			if root.Avro {
				continue // of which policies say nothing
			}
			reach(root, map[*Shape]bool{}, func(s *Shape) {
				if s.Kind == Enum && policy.EnumsOpen && len(s.Values) > 1 {
					t.open[s.Name] = true
				}
				if s.Kind == Object && policy.DefaultsApplied {
					t.filled[s] = true
				}
			})
		}
	}
	for _, e := range t.Events {
		if e.Payload == nil {
			continue
		}
		if err := t.settleCodecs(e); err != nil {
			return err
		}
	}
	return nil
}

var eventFunctions = []string{"is", "create", "parse", "validate", "serialize"}

// isProperty is whether the schema of a shape stands right under the name of a
// property, where x-ts-name means the property.
func (t *typescript) isProperty(s *Shape) bool {
	return slices.ContainsFunc(t.Shapes, func(o *Shape) bool {
		return slices.ContainsFunc(o.Fields, func(f *Field) bool { return f.At == s.At })
	})
}

// isLiteral is whether a shape is written where it is used: one value needs no name.
func isLiteral(s *Shape) bool { return s.Kind == Enum && len(s.Values) == 1 }

// reach visits the shapes that values of a shape have in them, each once.
func reach(s *Shape, met map[*Shape]bool, visit func(*Shape)) {
	if s == nil || met[s] {
		return
	}
	met[s] = true
	visit(s)
	for _, sub := range parts(s) {
		reach(sub, met, visit)
	}
}

func parts(s *Shape) []*Shape {
	var all []*Shape
	for _, f := range s.Fields {
		all = append(all, f.Shape)
	}
	all = append(all, s.Items...)
	if s.Item != nil {
		all = append(all, s.Item)
	}
	for _, b := range s.Branches {
		all = append(all, b.Shape)
	}
	return all
}

// settleCodecs finds the shapes of an event's data that are not written in
// TypeScript as they travel: with properties that have other names there, with
// defaults to be filled in, or with large whole numbers.
func (t *typescript) settleCodecs(e *Event) error {
	var err error
	var all []*Shape
	reach(e.Payload, map[*Shape]bool{}, func(s *Shape) { all = append(all, s) })
	for _, s := range all {
		used := map[string]bool{}
		for _, f := range s.Fields {
			used[f.Name] = true
		}
		for _, f := range s.Fields {
			name, bad := overridden(f.At)
			switch {
			case bad != nil:
				err = firstError(err, bad)
			case name != "" && name != f.Name && used[name]:
				err = firstError(err, fmt.Errorf("%s: %s is %q, which another property of the object is called; choose another", place(f.At.Get(tsOverride)), tsOverride, name))
			case name != "" && name != f.Name && s == e.Payload && e.Message().Envelope.PayloadIsEnvelope:
				err = firstError(err, fmt.Errorf("%s: %s cannot rename an attribute of the envelope; remove it", place(f.At.Get(tsOverride)), tsOverride))
			}
			used[firstOf(name, f.Name)] = true
			if name != "" && name != f.Name || t.fill(s, f) != nil {
				t.needs[s] = true
			}
		}
		if isBig(s) {
			t.needs[s] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, s := range all {
			if !t.needs[s] && slices.ContainsFunc(parts(s), func(sub *Shape) bool { return t.needs[sub] }) {
				t.needs[s] = true
				changed = true
			}
		}
	}
	for _, s := range all {
		if t.needs[s] && s.Kind == Union {
			_, bad := t.mergedCodec(s)
			err = firstError(err, bad)
		}
	}
	return err
}

// isBig is whether whole numbers of a shape may be ones that a number of JavaScript
// does not hold, and the contract says so: by the format int64 or uint64, by a
// bound beyond, by a listed value, or as a long of Avro that is no time. They are
// bigint.
func isBig(s *Shape) bool {
	const safe = 1<<53 - 1
	beyond := func(n *syntax.Node) bool {
		if !n.Is(syntax.Number) {
			return false
		}
		f, err := strconv.ParseFloat(n.Value, 64)
		return err != nil || f > safe || f < -safe
	}
	within := func(keywords ...string) bool {
		return slices.ContainsFunc(keywords, func(keyword string) bool {
			n := s.At.Get(keyword)
			return n.Is(syntax.Number) && !beyond(n)
		})
	}
	switch {
	case s.Kind == Enum:
		return s.Base == Integer && slices.ContainsFunc(s.Values, beyond)
	case s.Kind != Integer:
		return false
	case s.Avro:
		logical := ""
		if s.At.Is(syntax.Mapping) {
			logical = s.At.Get("logicalType").Str()
		}
		return avroName(s.At) == "long" && !strings.Contains(logical, "time")
	case !s.At.Is(syntax.Mapping):
		return false
	}
	for _, keyword := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
		if beyond(s.At.Get(keyword)) {
			return true
		}
	}
	return (s.Format == "int64" || s.Format == "uint64") &&
		!(within("maximum", "exclusiveMaximum") && (s.Format == "uint64" || within("minimum", "exclusiveMinimum")))
}

func firstError(have, next error) error {
	if have != nil {
		return have
	}
	return next
}

// fill is the default that readers fill in for a property, nil for none.
func (t *typescript) fill(s *Shape, f *Field) *syntax.Node {
	if !t.filled[s] || !f.At.Is(syntax.Mapping) {
		return nil
	}
	return f.At.Get("default")
}

// property is what a property is called in TypeScript.
func property(f *Field) string {
	if name := override(f.At, tsOverride); name != "" {
		return name
	}
	return f.Name
}

// tsString writes a text as a literal. What a reader of the code would not see is
// escaped.
func tsString(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a text can be written
	}
	text := escapeHidden(strings.TrimSuffix(b.String(), "\n"))
	if strings.Count(s, `"`) > strings.Count(s, "'") {
		// In the other quotes there is less to escape.
		inner := strings.ReplaceAll(text[1:len(text)-1], "'", `\'`)
		return "'" + quotes().ReplaceAllStringFunc(inner, func(m string) string {
			if m == `\"` {
				return `"`
			}
			return m
		}) + "'"
	}
	return text
}

// quotes are the escapes of a literal, so that a quote's is not taken out of another's.
var quotes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\.`) })

// escapeHidden escapes the characters of a literal that would hide or reorder text.
func escapeHidden(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return (r < ' ' || r > '~') && visible(r) != r }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case visible(r) == r:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func visibleLine(s string) string { return strings.Map(visible, s) }

// tsQuoted writes JSON as a literal in single quotes, in which its own stay as they are.
func tsQuoted(text []byte) string {
	return "'" + escapeHidden(strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(text))) + "'"
}

// key is a name as the key of a property of a type.
func key(name string) string {
	if tsIdentifier().MatchString(name) {
		return name
	}
	return tsString(name)
}

// valueKey is a name as the key of a property of a value, where __proto__ is more
// than a name.
func valueKey(name string) string {
	if name == "__proto__" {
		return `["__proto__"]`
	}
	return key(name)
}

// docLines are the lines of a comment that strangers wrote: they cannot end it, and
// have no tags that tools would follow.
func docLines(doc string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(doc), "\n") {
		line = strings.TrimSpace(strings.Map(visible, line))
		line = strings.ReplaceAll(line, "*/", "*\\/")
		line = strings.ReplaceAll(line, "{@", "{\\@")
		if strings.HasPrefix(strings.TrimLeft(line, "/* \t"), "@") {
			line = strings.Replace(line, "@", "\\@", 1)
		}
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func (t *typescript) doc(indent, doc string, deprecated bool) {
	lines := docLines(doc)
	if deprecated {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, "@deprecated The contract says so.")
	}
	switch {
	case len(lines) == 0:
	case len(lines) == 1 && !strings.HasPrefix(lines[0], "@") && !strings.HasSuffix(lines[0], "*"):
		t.p("%s/** %s */", indent, lines[0])
	default:
		t.p("%s/**", indent)
		for _, line := range lines {
			t.p("%s", strings.TrimRight(indent+" * "+line, " "))
		}
		t.p("%s */", indent)
	}
}

// literal is a value of an enum as a type, "" where there is no such literal.
func literal(v *syntax.Node, big bool) string {
	switch v.Kind {
	case syntax.String:
		return tsString(v.Value)
	case syntax.Bool:
		return strconv.FormatBool(v.IsTrue())
	}
	text := string(schema.AppendJSON(nil, v))
	if big {
		if strings.Trim(text, "-0123456789") != "" {
			return ""
		}
		return text + "n"
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	// Only where a number of JavaScript is exactly this one.
	if digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(strings.ToLower(text)), "0"); len(digits) > 15 || strings.Contains(digits, "e") {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// literals are the alternatives of an enum's type.
func (t *typescript) literals(s *Shape) []string {
	base := map[Kind]string{String: "string", Integer: "number", Number: "number", Boolean: "boolean"}[s.Base]
	if isBig(s) {
		base = "bigint"
	}
	var all []string
	for _, v := range s.Values {
		one := literal(v, isBig(s))
		if one == "" {
			return []string{base}
		}
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	if t.open[s.Name] {
		if s.Base == Boolean {
			return []string{base}
		}
		all = append(all, "("+base+" & {})") // any other, with the known ones still offered
	}
	return all
}

// typeOf is the type of a shape.
func (t *typescript) typeOf(s *Shape) string { return strings.Join(t.alternatives(s), " | ") }

// alternatives are those of the type of a shape.
func (t *typescript) alternatives(s *Shape) []string {
	all := []string{t.plain(s)}
	if s.Kind == Enum && t.names[s.Name] == "" {
		all = t.literals(s)
	}
	if s.Loose {
		// No type is stated: values of others conform, too.
		all = append(all, "string", "number", "boolean")
		if s.Kind == Array || s.Kind == Tuple {
			all = append(all, "{ [name: string]: unknown }")
		} else {
			all = append(all, "unknown[]")
		}
	}
	if (s.Nullable || s.Loose) && s.Kind != Any && s.Kind != Null {
		all = append(all, "null")
	}
	return all
}

func (t *typescript) plain(s *Shape) string {
	switch s.Kind {
	case Null:
		return "null"
	case Boolean:
		return "boolean"
	case Integer:
		if isBig(s) {
			return "bigint"
		}
		return "number"
	case Number:
		return "number"
	case String:
		return "string"
	case Array:
		return t.list(s.Item)
	case Map:
		return "{ [name: string]: " + t.typeOf(s.Item) + " }"
	case Tuple:
		return t.tuple(s)
	case Object, Union, Enum:
		return t.names[s.Name]
	}
	return "unknown"
}

func (t *typescript) list(item *Shape) string {
	if item == nil {
		return "unknown[]"
	}
	one := t.typeOf(item)
	if len(t.alternatives(item)) > 1 {
		one = "(" + one + ")"
	}
	return one + "[]"
}

// tuple is a list whose first items have types of their own. It may end before
// them, but for as many as there have to be.
func (t *typescript) tuple(s *Shape) string {
	least := 0
	if n := s.At.Get("minItems"); n != nil {
		least, _ = strconv.Atoi(n.Value)
	}
	var items []string
	for i, item := range s.Items {
		one := t.typeOf(item)
		if i >= least {
			if len(t.alternatives(item)) > 1 {
				one = "(" + one + ")"
			}
			one += "?"
		}
		items = append(items, one)
	}
	if s.Item != nil {
		items = append(items, "..."+t.list(s.Item))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// typeWidth is the length of a line from which on alternatives get lines of their own.
const typeWidth = 100

// declare writes a type's declaration.
func (t *typescript) declare(name string, alternatives []string) {
	line := "export type " + name + " = " + strings.Join(alternatives, " | ") + ";"
	if len(line) <= typeWidth {
		t.p("%s", line)
		return
	}
	t.p("export type %s =", name)
	if line := "  " + strings.Join(alternatives, " | ") + ";"; len(line) <= typeWidth {
		t.p("%s", line)
		return
	}
	if len(alternatives) == 1 {
		t.p("  %s;", alternatives[0])
		return
	}
	for i, one := range alternatives {
		end := ""
		if i == len(alternatives)-1 {
			end = ";"
		}
		t.p("  | %s%s", one, end)
	}
}

func (t *typescript) member(name string, optional bool, alternatives []string) {
	mark := ""
	if optional {
		mark = "?"
	}
	line := "  " + name + mark + ": " + strings.Join(alternatives, " | ") + ";"
	if len(line) <= typeWidth || len(alternatives) == 1 {
		t.p("%s", line)
		return
	}
	t.p("  %s%s:", name, mark)
	for i, one := range alternatives {
		end := ""
		if i == len(alternatives)-1 {
			end = ";"
		}
		t.p("    | %s%s", one, end)
	}
}

// index is the module that users import.
func (t *typescript) index() []byte {
	t.Reset()
	t.p("// %s", visibleLine(t.Stamp()))
	if t.Only != Types {
		t.p("")
		t.p(`import * as treaty from "./runtime.js";`)
		t.p(`import * as schemas from "./schemas.js";`)
		t.p("")
		t.p(`export { ContractError, extension } from "./runtime.js";`)
		t.p(`export type { Message, Problem, Reading } from "./runtime.js";`)
	}
	t.p("")
	t.doc("", "The event types of "+oneLine(t.Contract.Title)+" "+oneLine(t.Contract.Version)+".", false)
	t.p("export const eventTypes = {")
	for _, e := range t.Events {
		t.p("  %s: %s,", key(t.events[e]), tsString(e.Type))
	}
	t.p("} as const;")
	t.p("")
	t.p("/** One of the event types. */")
	t.p("export type EventType = (typeof eventTypes)[keyof typeof eventTypes];")
	t.p("")
	t.p("/** Any event of the contract; its type tells which. */")
	t.union("AnyEvent", func(*Event) bool { return true })
	if t.Only == Everything {
		t.p("")
		t.p("/** Any event that the contract's own service sends. */")
		t.union("SentEvent", func(e *Event) bool { return e.Sent })
		t.p("")
		t.p("/** Any event that the contract's own service receives. */")
		t.union("ReceivedEvent", func(e *Event) bool { return e.Received })
	}
	for _, e := range t.Events {
		t.event(e)
	}
	for _, s := range t.Shapes {
		if name := t.names[s.Name]; name != "" {
			t.shape(name, s)
		}
	}
	if t.Only != Types {
		t.functions()
	} else {
		for _, e := range t.Events {
			t.guard(e)
		}
	}
	return slices.Clone(t.Bytes())
}

func (t *typescript) union(name string, wanted func(*Event) bool) {
	var all []string
	for _, e := range t.Events {
		if wanted(e) {
			all = append(all, t.events[e])
		}
	}
	switch {
	case len(all) == 0:
		all = []string{"never"}
	case len(all) == len(t.Events) && name != "AnyEvent":
		all = []string{"AnyEvent"}
	}
	t.declare(name, all)
}

func (t *typescript) shape(name string, s *Shape) {
	t.p("")
	switch s.Kind {
	case Object:
		t.doc("", s.Doc, s.Deprecated)
		t.object(name, s)
	case Enum:
		all := t.literals(s)
		if s.Base == String {
			t.doc("", firstOf(s.Doc, "The values of "+name+"."), s.Deprecated)
			t.p("export const %s = {", name)
			used := map[string]bool{}
			for _, v := range s.Values {
				want := firstOf(camel(v.Value), "Empty")
				label := want
				for i := 2; used[label]; i++ {
					label = want + strconv.Itoa(i)
				}
				used[label] = true
				t.p("  %s: %s,", valueKey(label), tsString(v.Value))
			}
			t.p("} as const;")
			t.p("")
			all = append([]string{"(typeof " + name + ")[keyof typeof " + name + "]"}, all[len(s.Values):]...)
			if len(all) == 1 && t.open[s.Name] {
				all = append(all, "(string & {})")
			}
		}
		t.doc("", s.Doc, s.Deprecated)
		t.declare(name, all)
	case Union:
		t.doc("", s.Doc, s.Deprecated)
		t.declare(name, t.branches(s))
	}
}

// branches are the alternatives of a union. A union that leads back to itself
// through nothing but unions is written out, since a type cannot be its own
// alternative.
func (t *typescript) branches(s *Shape) []string {
	var all []string
	met := map[*Shape]bool{s: true}
	var add func(u *Shape)
	add = func(u *Shape) {
		for _, b := range u.Branches {
			if b.Shape.Kind == Union && leadsTo(b.Shape, s, map[*Shape]bool{}) {
				if !met[b.Shape] {
					met[b.Shape] = true
					add(b.Shape)
				}
				continue
			}
			for _, one := range t.alternatives(b.Shape) {
				if !slices.Contains(all, one) {
					all = append(all, one)
				}
			}
		}
	}
	add(s)
	if len(all) == 0 {
		all = []string{"unknown"}
	}
	return all
}

// leadsTo is whether a union has another among its alternatives, or theirs.
func leadsTo(from, to *Shape, met map[*Shape]bool) bool {
	if from == to || from.Name == to.Name {
		return true
	}
	if from.Kind != Union || met[from] {
		return false
	}
	met[from] = true
	return slices.ContainsFunc(from.Branches, func(b *Branch) bool { return leadsTo(b.Shape, to, met) })
}

func (t *typescript) object(name string, s *Shape) {
	t.p("export type %s = {", name)
	optional := false
	var types []string
	add := func(more []string) {
		for _, one := range more {
			if !slices.Contains(types, one) {
				types = append(types, one)
			}
		}
	}
	if s.Item != nil {
		add(t.alternatives(s.Item))
	}
	for _, f := range s.Fields {
		t.doc("  ", f.Doc, f.Shape.Deprecated)
		t.member(key(property(f)), !f.Required, t.alternatives(f.Shape))
		optional = optional || !f.Required
		add(t.alternatives(f.Shape))
	}
	if s.Item != nil {
		// What has a name of its own has to be among what any name may have.
		if optional {
			add([]string{"undefined"})
		}
		if slices.Contains(types, "unknown") {
			types = []string{"unknown"}
		}
		t.p("  /** Properties of other names. */")
		t.member("[name: string]", false, types)
	}
	t.p("};")
}

// attribute is a member of an event's envelope.
type tsAttribute struct {
	name     string
	doc      string
	required bool
	types    []string
	constant string // the literal, where it has but one value
}

// envelope are the attributes of an event.
func (t *typescript) envelope(e *Event) []tsAttribute {
	all := []tsAttribute{
		{name: "specversion", required: true, types: []string{`"1.0"`}, constant: `"1.0"`},
		{name: "id", required: true, types: []string{"string"}},
		{name: "source", required: true, types: []string{"string"}},
		{name: "type", required: true, types: []string{tsString(e.Type)}, constant: tsString(e.Type)},
		{name: "subject", types: []string{"string"}},
		{name: "time", doc: "A timestamp of RFC 3339.", types: []string{"string"}},
		{name: "datacontenttype", types: []string{"string"}},
		{name: "dataschema", types: []string{"string"}},
	}
	m := e.Message()
	if e.Headers == nil {
		return all
	}
	for _, a := range m.Envelope.Attributes {
		if strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || m.Envelope.Mode != contract.Binary && a.Name != a.Spelling {
			continue // a header beside the event
		}
		i := slices.IndexFunc(all, func(o tsAttribute) bool { return o.name == a.Name })
		if i < 0 {
			i = len(all)
			all = append(all, tsAttribute{name: a.Name, types: []string{"string | number | boolean"}})
		}
		one := &all[i]
		one.required = one.required || a.Required
		j := slices.IndexFunc(e.Headers.Fields, func(f *Field) bool { return f.Name == a.Spelling })
		if j < 0 {
			continue
		}
		f := e.Headers.Fields[j]
		one.doc = firstOf(f.Doc, one.doc)
		if one.constant != "" {
			continue
		}
		switch f.Shape.Kind {
		case String, Enum, Integer, Number, Boolean:
			shape := *f.Shape
			shape.Nullable = false // null is absence, which is undefined here
			one.types = t.alternatives(&shape)
			if isLiteral(f.Shape) {
				one.constant = one.types[0]
			}
		}
	}
	slices.SortStableFunc(all[8:], func(a, b tsAttribute) int { return strings.Compare(a.name, b.name) })
	return all
}

func (t *typescript) event(e *Event) {
	name, whole := t.events[e], e.Message().Envelope.PayloadIsEnvelope
	t.p("")
	t.doc("", firstOf(e.Doc, "The event "+oneLine(e.Type)+"."), e.Deprecated)
	t.p("export type %s = {", name)
	for _, a := range t.envelope(e) {
		if whole && !a.required {
			continue // the schema of the whole says
		}
		t.doc("  ", a.doc, false)
		t.member(a.name, !a.required, a.types)
	}
	switch {
	case whole && e.Payload != nil && e.Payload.Kind == Object:
		t.p("} & %s;", t.plain(e.Payload)) // an event is an object, whatever types are stated
		return
	case whole:
		t.p("  data?: unknown;")
		t.p("  data_base64?: string;")
	case e.Payload == nil:
		t.p("  data?: unknown;")
		t.p("  /** Data that are no JSON, in base64. */")
		t.p("  data_base64?: string;")
	default:
		t.member("data", false, t.alternatives(e.Payload))
	}
	t.p("};")
}

func (t *typescript) guard(e *Event) {
	name := t.events[e]
	t.p("")
	t.p("/** Whether an event is {@link %s}. */", name)
	t.p("export function is%s(event: AnyEvent): event is %s {", name, name)
	t.p("  return event.type === %s;", tsString(e.Type))
	t.p("}")
}

func (t *typescript) functions() {
	strict := len(t.Events) > 0
	for _, e := range t.Events {
		strict = strict && e.Message().Compatibility.DispatchStrict
	}
	t.p("")
	t.p("const contract = new treaty.Contract<AnyEvent>(schemas.all, %t);", strict)
	t.p("")
	t.p("/**")
	t.p(" * Reads an event in the JSON format of CloudEvents: the event, why it is none of the")
	if strict {
		t.p(" * contract's. An event type that the contract does not have is refused, as the contract says.")
	} else {
		t.p(" * contract's, or that its type is unknown, which the contract asks readers to ignore.")
	}
	t.p(" */")
	t.p("export function readEvent(text: string): treaty.Reading<AnyEvent> {")
	t.p("  return contract.read(text);")
	t.p("}")
	t.p("")
	t.p("/**")
	t.p(" * Reads a message of a broker or of HTTP, whose event is in structured mode, in JSON, or in binary")
	t.p(" * mode, its attributes in headers: the outcome is that of readEvent.")
	t.p(" */")
	t.p("export function readMessage(message: treaty.Message): treaty.Reading<AnyEvent> {")
	t.p("  return contract.readMessage(message);")
	t.p("}")
	t.p("")
	if strict {
		t.p("function event(reading: treaty.Reading<AnyEvent>): AnyEvent {")
		t.p(`  if (reading.outcome === "event") return reading.event;`)
		t.p(`  throw new treaty.ContractError(`)
		t.p(`    "cannot read the event",`)
		t.p(`    reading.outcome === "invalid" ? reading.problems : [],`)
		t.p("  );")
		t.p("}")
		t.p("")
		t.p("/** Reads an event. Throws {@link treaty.ContractError} where it is none of the contract's. */")
		t.p("export function parseEvent(text: string): AnyEvent {")
		t.p("  return event(contract.read(text));")
		t.p("}")
		t.p("")
		t.p("/** Reads a message. Throws {@link treaty.ContractError} where it has no event of the contract's. */")
		t.p("export function parseMessage(message: treaty.Message): AnyEvent {")
		t.p("  return event(contract.readMessage(message));")
	} else {
		t.p("function event(reading: treaty.Reading<AnyEvent>): AnyEvent | undefined {")
		t.p(`  if (reading.outcome === "invalid") {`)
		t.p(`    throw new treaty.ContractError("cannot read the event", reading.problems);`)
		t.p("  }")
		// Not as one expression: of thousands of events its type is too much for the compiler.
		t.p(`  if (reading.outcome === "event") return reading.event;`)
		t.p("  return undefined;")
		t.p("}")
		t.p("")
		t.p("/**")
		t.p(" * Reads an event; undefined for one whose type the contract does not have. Throws")
		t.p(" * {@link treaty.ContractError} for one that does not hold to the contract.")
		t.p(" */")
		t.p("export function parseEvent(text: string): AnyEvent | undefined {")
		t.p("  return event(contract.read(text));")
		t.p("}")
		t.p("")
		t.p("/** Reads a message, as readMessage does, with the outcome of parseEvent. */")
		t.p("export function parseMessage(message: treaty.Message): AnyEvent | undefined {")
		t.p("  return event(contract.readMessage(message));")
	}
	t.p("}")
	t.p("")
	t.p("/** What is wrong with an event that is to be sent; nothing where it holds to the contract. */")
	t.p("export function validateEvent(event: unknown): treaty.Problem[] {")
	t.p("  return contract.validate(event);")
	t.p("}")
	t.p("")
	t.p("/** Writes an event in the JSON format. Throws {@link treaty.ContractError} where it does not hold to the contract. */")
	t.p("export function serializeEvent(event: AnyEvent): string {")
	t.p("  return contract.serialize(event);")
	t.p("}")
	t.p("")
	t.p("/** Writes an event in the JSON format as it is, such as one that is passed on. */")
	t.p("export function stringifyEvent(event: AnyEvent): string {")
	t.p("  return contract.stringify(event);")
	t.p("}")
	for _, e := range t.Events {
		name := t.events[e]
		t.guard(e)
		if !e.Message().Envelope.PayloadIsEnvelope {
			var fixed, given []string
			for _, a := range t.envelope(e) {
				if a.constant != "" && a.required {
					fixed = append(fixed, tsString(a.name))
					given = append(given, a.name+": "+a.constant)
				}
			}
			t.p("")
			t.p("/** Makes {@link %s}: what the contract fixes is filled in. */", name)
			omit := fmt.Sprintf("fields: Omit<%s, %s>", name, strings.Join(fixed, " | "))
			if line := fmt.Sprintf("export function create%s(%s): %s {", name, omit, name); len(line) <= typeWidth {
				t.p("%s", line)
			} else {
				t.p("export function create%s(", name)
				t.p("  %s,", omit)
				t.p("): %s {", name)
			}
			if line := "  return { ...fields, " + strings.Join(given, ", ") + " };"; len(line) <= typeWidth {
				t.p("%s", line)
			} else {
				t.p("  return {")
				for _, one := range append([]string{"...fields"}, given...) {
					t.p("    %s,", one)
				}
				t.p("  };")
			}
			t.p("}")
		}
		t.p("")
		t.p("/** Reads {@link %s}. Throws {@link treaty.ContractError} for any other event. */", name)
		t.p("export function parse%s(text: string): %s {", name, name)
		t.p("  return contract.parse<%s>(text, %s);", name, tsString(e.Type))
		t.p("}")
		t.p("")
		t.p("/** What is wrong with {@link %s} that is to be sent. */", name)
		t.p("export function validate%s(event: unknown): treaty.Problem[] {", name)
		t.p("  return contract.validate(event, %s);", tsString(e.Type))
		t.p("}")
		t.p("")
		t.p("/** Writes {@link %s}. Throws {@link treaty.ContractError} where it does not hold to the contract. */", name)
		t.p("export function serialize%s(event: %s): string {", name, name)
		t.p("  return contract.serialize(event);")
		t.p("}")
	}
}

// schemas is the module with what events are held to.
func (t *typescript) schemas() ([]byte, error) {
	t.Reset()
	t.p("// %s", visibleLine(t.Stamp()))
	t.p("")
	var body bytes.Buffer
	for _, e := range t.Events {
		read, err := t.Rules(e, false)
		if err != nil {
			return nil, err
		}
		write, err := t.Rules(e, true)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&body, "  {\n    type: %s,\n", tsString(e.Type))
		if mode := e.Mode(); mode != contract.NoEnvelope {
			fmt.Fprintf(&body, "    mode: %q,\n", mode)
		}
		tsRules(&body, "read", read)
		if !sameRules(read, write) {
			tsRules(&body, "write", write)
		}
		switch whole := e.Message().Envelope.PayloadIsEnvelope; {
		case e.Payload == nil || !t.needs[e.Payload]:
		case whole:
			fmt.Fprintf(&body, "    codec: %s,\n", t.codec(e.Payload))
		default:
			fmt.Fprintf(&body, "    codec: () => ({ fields: { data: { name: \"data\", codec: %s } } }),\n", t.codec(e.Payload))
		}
		body.WriteString("  },\n")
	}
	if len(t.queue) > 0 {
		t.p(`import type { Codec, EventSchemas } from "./runtime.js";`)
	} else {
		t.p(`import type { EventSchemas } from "./runtime.js";`)
	}
	t.p("")
	t.p("/** What the contract says of each event type. */")
	t.p("export const all: readonly EventSchemas[] = [")
	t.Write(body.Bytes())
	t.p("];")
	for i := 0; i < len(t.queue); i++ { // writing one may ask for others
		if err := t.writeCodec(t.queue[i]); err != nil {
			return nil, err
		}
	}
	return slices.Clone(t.Bytes()), nil
}

// tsSchema is a schema as a literal. What language it is in stands in the comment of
// Schemas, once.
func tsSchema(text []byte) string {
	return tsQuoted(bytes.Replace(text, []byte(`"$schema":"https://json-schema.org/draft/2020-12/schema",`), nil, 1))
}

func tsRules(b *bytes.Buffer, name string, r *Rules) {
	if r.Data == nil && r.Whole == nil && len(r.Attributes) == 0 {
		fmt.Fprintf(b, "    %s: {},\n", name)
		return
	}
	fmt.Fprintf(b, "    %s: {\n", name)
	if r.Data != nil {
		fmt.Fprintf(b, "      data: %s,\n", tsSchema(r.Data))
		if r.Avro {
			b.WriteString("      avro: true,\n")
		}
	}
	if r.Whole != nil {
		text, gap := tsSchema(r.Whole), " "
		if len("      whole: ,")+len(text) > typeWidth {
			gap = "\n        "
		}
		fmt.Fprintf(b, "      whole:%s%s,\n", gap, text)
	}
	if len(r.Attributes) > 0 {
		b.WriteString("      attributes: [\n")
		for _, a := range r.Attributes {
			parts := []string{tsString(a.Name), strconv.FormatBool(a.Required), tsSchema(a.Schema)}
			if line := "        [" + strings.Join(parts, ", ") + "],"; len(line) <= typeWidth {
				b.WriteString(line + "\n")
			} else {
				b.WriteString("        [\n          " + strings.Join(parts, ",\n          ") + ",\n        ],\n")
			}
		}
		b.WriteString("      ],\n")
	}
	b.WriteString("    },\n")
}

func sameRules(a, b *Rules) bool {
	return bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Whole, b.Whole) && slices.EqualFunc(a.Attributes, b.Attributes, AttributeRule.equal)
}

// codec is the name of the function that gives the codec of a shape.
func (t *typescript) codec(s *Shape) string {
	name, ok := t.codecs[s]
	if !ok {
		name = "codec" + strconv.Itoa(len(t.queue)+1)
		t.codecs[s] = name
		t.queue = append(t.queue, s)
	}
	return name
}

// tsCodec is how the values of a shape are written otherwise.
type tsCodec struct {
	big    bool // whole numbers are bigint
	fields map[string]tsCodecField
	order  []string
	rest   *Shape
	prefix []*Shape
	items  *Shape
}

type tsCodecField struct {
	name  string
	shape *Shape // nil where it travels as it is written
	fill  string
}

func (t *typescript) codecOf(s *Shape) (*tsCodec, error) {
	needed := func(sub *Shape) *Shape {
		if sub == nil || !t.needs[sub] {
			return nil
		}
		return sub
	}
	c := &tsCodec{fields: map[string]tsCodecField{}, big: isBig(s)}
	switch s.Kind {
	case Object:
		for _, f := range s.Fields {
			field := tsCodecField{name: property(f), shape: needed(f.Shape)}
			if d := t.fill(s, f); d != nil {
				field.fill = string(schema.AppendJSON(nil, d))
			}
			c.fields[f.Name] = field
			c.order = append(c.order, f.Name)
		}
		c.rest = needed(s.Item)
	case Map:
		c.rest = needed(s.Item)
	case Array:
		c.items = needed(s.Item)
	case Tuple:
		for _, item := range s.Items {
			c.prefix = append(c.prefix, needed(item))
		}
		c.items = needed(s.Item)
	case Union:
		return t.mergedCodec(s)
	}
	return c, nil
}

// mergedCodec is that of a union: one that does for whichever alternative a value
// is of. Where alternatives would have a property called differently there is none.
func (t *typescript) mergedCodec(s *Shape) (*tsCodec, error) {
	var leaves []*Shape
	met := map[*Shape]bool{}
	var gather func(u *Shape)
	gather = func(u *Shape) {
		if met[u] {
			return
		}
		met[u] = true
		if u.Kind != Union {
			leaves = append(leaves, u)
			return
		}
		for _, b := range u.Branches {
			gather(b.Shape)
		}
	}
	gather(s)
	merged := &tsCodec{fields: map[string]tsCodecField{}}
	conflict := func(what string) error {
		return fmt.Errorf("%s: the alternatives have %s in different forms, by %s or by defaults that readers fill in; give them the same, or none", place(s.At), what, tsOverride)
	}
	objects, lists := 0, 0
	for _, leaf := range leaves {
		c, err := t.codecOf(leaf)
		if err != nil {
			return nil, err
		}
		merged.big = merged.big || c.big
		switch leaf.Kind {
		case Object, Map:
			if objects++; objects > 1 && merged.rest != c.rest {
				return nil, conflict("properties of other names")
			}
			merged.rest = c.rest
			for _, name := range c.order {
				f := c.fields[name]
				have, ok := merged.fields[name]
				if ok && have != f || f.fill != "" && len(leaves) > 1 {
					return nil, conflict("the property " + strconv.Quote(name))
				}
				if !ok {
					merged.fields[name] = f
					merged.order = append(merged.order, name)
				}
			}
		case Array, Tuple:
			if lists++; lists > 1 && (merged.items != c.items || !slices.Equal(merged.prefix, c.prefix)) {
				return nil, conflict("items")
			}
			merged.items, merged.prefix = c.items, c.prefix
		}
	}
	return merged, nil
}

func (t *typescript) writeCodec(s *Shape) error {
	c, err := t.codecOf(s)
	if err != nil {
		return err
	}
	t.p("")
	t.p("function %s(): Codec {", t.codec(s))
	t.p("  return {")
	if c.big {
		t.p("    big: true,")
	}
	if len(c.order) > 0 {
		t.p("    fields: {")
		for _, name := range c.order {
			f := c.fields[name]
			more := ""
			if f.shape != nil {
				more += ", codec: " + t.codec(f.shape)
			}
			if f.fill != "" {
				more += ", fill: " + tsQuoted([]byte(f.fill))
			}
			t.p("      %s: { name: %s%s },", valueKey(name), tsString(f.name), more)
		}
		t.p("    },")
	}
	if c.rest != nil {
		t.p("    rest: %s,", t.codec(c.rest))
	}
	if c.prefix != nil {
		var all []string
		for _, item := range c.prefix {
			if item == nil {
				all = append(all, "null")
			} else {
				all = append(all, t.codec(item))
			}
		}
		t.p("    prefix: [%s],", strings.Join(all, ", "))
	}
	if c.items != nil {
		t.p("    items: %s,", t.codec(c.items))
	}
	t.p("  };")
	t.p("}")
	return nil
}
