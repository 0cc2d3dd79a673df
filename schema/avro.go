package schema

import (
	"fmt"
	"math"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// avroKind is a type of Avro.
type avroKind uint8

const (
	avroUnknown avroKind = iota // not readable; every value conforms
	avroNull
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroRecord
	avroEnum
	avroArray
	avroMap
	avroFixed
	avroUnion
)

// avroType is a type of an Avro schema. A named type is one avroType wherever
// it is used, so that records may contain themselves.
type avroType struct {
	node     *syntax.Node
	kind     avroKind
	name     string // full name; of a primitive, its name
	fields   []avroField
	symbols  []string
	items    *avroType // of an array or map
	branches []*avroType
	size     int
	logical  avroLogical
}

// avroLogical is a logical type that annotates a type which can carry it.
type avroLogical struct {
	name             string // "" for none
	precision, scale int    // of decimal
}

func (l avroLogical) String() string {
	if l.name == "decimal" {
		return fmt.Sprintf("decimal(%d,%d)", l.precision, l.scale)
	}
	return l.name
}

type avroField struct {
	name  string
	node  *syntax.Node
	typ   *avroType
	byDef *syntax.Node // the default, nil where there is none
}

func primitive(name string) avroKind {
	switch name {
	case "null":
		return avroNull
	case "boolean":
		return avroBoolean
	case "int":
		return avroInt
	case "long":
		return avroLong
	case "float":
		return avroFloat
	case "double":
		return avroDouble
	case "bytes":
		return avroBytes
	case "string":
		return avroString
	}
	return avroUnknown
}

// avroReader reads a schema as the Avro specification has it ("Schema
// Declaration"): depth first, left to right, a name being known from where it
// is defined on.
type avroReader struct {
	report   func(diag.Diagnostic)
	names    map[string]*avroType
	list     []string // names in the order of their definition
	defaults []func() // checks of defaults, made when every name is known
}

func checkAvro(n *syntax.Node, report func(diag.Diagnostic)) {
	r := &avroReader{report: report, names: map[string]*avroType{}}
	t := r.read(n, "")
	for _, check := range r.defaults {
		check()
	}
	r.endless(t, map[*avroType]bool{})
}

func compileAvro(n *syntax.Node) (*avroType, error) {
	var first *diag.Diagnostic
	r := &avroReader{names: map[string]*avroType{}, report: func(d diag.Diagnostic) {
		if first == nil && d.Severity == diag.Error {
			first = &d
		}
	}}
	t := r.read(n, "")
	if first != nil {
		return nil, &CompileError{n, first.Message}
	}
	return t, nil
}

func (r *avroReader) fault(n *syntax.Node, format string, args ...any) {
	r.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer(), Message: fmt.Sprintf(format, args...)})
}

// read reads a schema: a name, a definition or a union.
func (r *avroReader) read(n *syntax.Node, namespace string) *avroType {
	switch n.Kind {
	case syntax.String:
		return r.named(n, namespace)
	case syntax.Sequence:
		return r.union(n, namespace)
	case syntax.Mapping:
		return r.definition(n, namespace)
	case syntax.Null:
		r.fault(n, `null is no Avro schema; for the type write "null" in quotes`)
	case syntax.Invalid:
	default:
		r.fault(n, "%s is no Avro schema; write the name of a type, an object with a type, or a list of types", kindOf(n))
	}
	return &avroType{node: n}
}

// named reads the name of a primitive, or of a type defined before.
func (r *avroReader) named(n *syntax.Node, namespace string) *avroType {
	name := n.Value
	if k := primitive(name); k != avroUnknown {
		return &avroType{node: n, kind: k, name: name}
	}
	if t := r.known(name, namespace); t != nil {
		return t
	}
	if complexAvro(name) {
		r.fault(n, "%s is written without its definition; write an object, such as {type: %s, …}", quote(name), name)
		return &avroType{node: n}
	}
	d := diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer()}
	candidates := append([]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}, r.list...)
	for _, full := range r.list {
		if i := strings.LastIndexByte(full, '.'); i >= 0 {
			candidates = append(candidates, full[i+1:])
		}
	}
	meant := ""
	switch name {
	case "integer", "int32", "short", "byte":
		meant = "int"
	case "int64", "bigint":
		meant = "long"
	case "number", "float64", "real":
		meant = "double"
	case "text", "str", "varchar":
		meant = "string"
	case "bool":
		meant = "boolean"
	default:
		meant, _ = diag.Nearest(name, candidates)
	}
	if meant != "" {
		d.Message = fmt.Sprintf("%s is no Avro type, and nothing before defines it; did you mean %q?", quote(name), meant)
		d.Fix = replaceText(n, meant, true)
	} else {
		d.Message = fmt.Sprintf("%s is no Avro type, and nothing before defines it; define it where it is used first", quote(name))
	}
	r.report(d)
	return &avroType{node: n}
}

func (r *avroReader) known(name, namespace string) *avroType {
	if !strings.Contains(name, ".") && namespace != "" {
		if t := r.names[namespace+"."+name]; t != nil {
			return t
		}
	}
	return r.names[name]
}

func complexAvro(name string) bool {
	switch name {
	case "record", "error", "enum", "array", "map", "fixed":
		return true
	}
	return false
}

func (r *avroReader) union(n *syntax.Node, namespace string) *avroType {
	t := &avroType{node: n, kind: avroUnion}
	if len(n.Items) == 0 {
		r.fault(n, "the union is empty, so no value can be written; list at least one type")
	}
	seen := map[string]bool{}
	for _, item := range n.Items {
		if item.Kind == syntax.Sequence {
			r.fault(item, "a union stands directly in a union, which Avro does not allow; list its types in the outer one")
			continue
		}
		b := r.read(item, namespace)
		t.branches = append(t.branches, b)
		if b.kind == avroUnknown {
			continue
		}
		if seen[b.branchName()] {
			r.fault(item, "the union has %s twice, so a reader could not tell them apart; remove one, or give the two names", quote(b.branchName()))
		}
		seen[b.branchName()] = true
	}
	return t
}

// branchName is what a union's JSON encoding calls a type.
func (t *avroType) branchName() string {
	switch t.kind {
	case avroArray:
		return "array"
	case avroMap:
		return "map"
	}
	return t.name
}

func (r *avroReader) definition(n *syntax.Node, namespace string) *avroType {
	typ := n.Get("type")
	if typ == nil {
		if near, ok := nearKey(n, "type"); ok {
			r.fault(near.Key, "%s stands where Avro wants type; rename it", quote(near.Key.Value))
		} else {
			r.fault(n, "the schema has no type; add type: record, enum, array, map, fixed or the name of a type")
		}
		return &avroType{node: n}
	}
	if typ.Kind != syntax.String {
		return r.read(typ, namespace)
	}
	var t *avroType
	switch typ.Value {
	case "record", "error":
		t = r.record(n, namespace)
	case "enum":
		t = r.enum(n, namespace)
	case "fixed":
		t = r.fixed(n, namespace)
	case "array", "map":
		t = &avroType{node: n, kind: avroArray}
		of := "items"
		if typ.Value == "map" {
			t.kind, of = avroMap, "values"
		}
		if inner := r.must(n, of, "the type of what it holds"); inner != nil {
			t.items = r.read(inner, namespace)
		}
	default:
		t = r.named(typ, namespace)
	}
	r.logical(n, t)
	return t
}

// must returns a member that a definition cannot do without.
func (r *avroReader) must(n *syntax.Node, key, what string) *syntax.Node {
	v := n.Get(key)
	if v != nil {
		return v
	}
	if near, ok := nearKey(n, key); ok {
		r.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: near.Key.Span(), Pointer: near.Pointer(),
			Message: fmt.Sprintf("%s stands where an Avro %s has %q; rename it", quote(near.Key.Value), n.Get("type").Str(), key),
			Fix:     replaceText(near.Key, key, true)})
		return near
	}
	r.fault(n, "the %s has no %q; add %s", n.Get("type").Str(), key, what)
	return nil
}

// nearKey finds the member that was meant to be called key.
func nearKey(n *syntax.Node, key string) (*syntax.Node, bool) {
	var keys []string
	for _, item := range n.Items {
		switch item.Key.Value {
		case "type", "name", "namespace", "doc", "aliases", "fields", "symbols", "items", "values", "size", "default", "order", "logicalType", "precision", "scale":
		default:
			keys = append(keys, item.Key.Value)
		}
	}
	near, ok := diag.Nearest(key, keys)
	return n.Get(near), ok
}

// define reads the name of a record, enum or fixed, and makes it known.
func (r *avroReader) define(n *syntax.Node, namespace string, kind avroKind) (*avroType, string) {
	t := &avroType{node: n, kind: kind}
	if ns := n.Get("namespace"); ns != nil {
		switch {
		case ns.Kind != syntax.String:
			r.fault(ns, "namespace is %s, but has to be a string such as com.example.orders", kindOf(ns))
		case ns.Value != "" && !isAvroFullName(ns.Value):
			r.fault(ns, "namespace %s is not made of names separated by dots; use letters, digits and _, and begin no part with a digit", quote(ns.Value))
		default:
			namespace = ns.Value
		}
	}
	r.aliases(n)
	name := r.must(n, "name", "the name of the type")
	switch {
	case name == nil:
		return t, namespace
	case name.Kind != syntax.String:
		r.fault(name, "name is %s, but has to be a string", kindOf(name))
		return t, namespace
	case !isAvroFullName(name.Value):
		r.fault(name, "%s is no Avro name; use letters, digits and _, and do not begin with a digit", quote(name.Value))
		return t, namespace
	case primitive(name.Value) != avroUnknown || complexAvro(name.Value):
		r.fault(name, "%s is the name of a type of Avro itself; choose another", quote(name.Value))
	}
	t.name = name.Value
	if i := strings.LastIndexByte(name.Value, '.'); i >= 0 {
		namespace = name.Value[:i]
	} else if namespace != "" {
		t.name = namespace + "." + name.Value
	}
	if first := r.names[t.name]; first != nil {
		r.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: name.Span(), Pointer: name.Pointer(),
			Message: fmt.Sprintf("%s is defined twice; where it is used again, write only its name", quote(t.name)),
			Related: []diag.Related{{Span: first.node.Get("name").Span(), Message: "defined here first"}}})
		return t, namespace
	}
	r.names[t.name] = t
	r.list = append(r.list, t.name)
	return t, namespace
}

func isAvroName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isLetter(c) && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func isAvroFullName(s string) bool {
	for _, part := range strings.Split(s, ".") {
		if !isAvroName(part) {
			return false
		}
	}
	return true
}

// aliases checks the other names of a type or field.
func (r *avroReader) aliases(n *syntax.Node) {
	aliases := n.Get("aliases")
	if aliases == nil {
		return
	}
	if aliases.Kind != syntax.Sequence {
		r.fault(aliases, "aliases is %s, but has to be a list of names", kindOf(aliases))
		return
	}
	for _, a := range aliases.Items {
		if a.Kind != syntax.String || !isAvroFullName(a.Value) {
			r.fault(a, "%s is no Avro name; use letters, digits and _, and do not begin with a digit", describe(a))
		}
	}
}

func (r *avroReader) record(n *syntax.Node, namespace string) *avroType {
	t, namespace := r.define(n, namespace, avroRecord)
	fields := r.must(n, "fields", "a list of fields, each with a name and a type")
	if fields == nil {
		return t
	}
	if fields.Kind != syntax.Sequence {
		r.fault(fields, "fields is %s, but has to be a list of objects, each with a name and a type", kindOf(fields))
		return t
	}
	seen := map[string]*syntax.Node{}
	for _, item := range fields.Items {
		if item.Kind != syntax.Mapping {
			if item.Kind != syntax.Invalid {
				r.fault(item, "%s is no field; write an object with a name and a type", describe(item))
			}
			continue
		}
		r.aliases(item)
		f := avroField{node: item, byDef: item.Get("default")}
		if name := item.Get("name"); name == nil {
			if near, ok := nearKey(item, "name"); ok {
				r.fault(near.Key, "%s stands where a field has its name; rename it", quote(near.Key.Value))
			} else {
				r.fault(item, "the field has no name; add one")
			}
		} else if name.Kind != syntax.String || !isAvroName(name.Value) {
			r.fault(name, "%s is no name of a field; use letters, digits and _, and do not begin with a digit", describe(name))
		} else {
			f.name = name.Value
			if first := seen[f.name]; first != nil {
				r.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: name.Span(), Pointer: name.Pointer(),
					Message: fmt.Sprintf("the record has two fields named %s; rename one", quote(f.name)),
					Related: relatedTo(first, "the other field")})
			}
			seen[f.name] = name
		}
		if order := item.Get("order"); order != nil {
			switch order.Str() {
			case "ascending", "descending", "ignore":
			default:
				r.fault(order, "order %s is none of ascending, descending and ignore", describe(order))
			}
		}
		if typ := item.Get("type"); typ == nil {
			if near, ok := nearKey(item, "type"); ok {
				r.fault(near.Key, "%s stands where a field has its type; rename it", quote(near.Key.Value))
			} else {
				r.fault(item, "the field %s has no type; add one", quote(f.name))
			}
			f.typ = &avroType{node: item}
		} else {
			f.typ = r.fieldType(item, typ, namespace)
		}
		if f.byDef != nil {
			r.defaults = append(r.defaults, func() { r.defaultOf(f) })
		}
		t.fields = append(t.fields, f)
	}
	return t
}

// fieldType reads the type of a field. People often write a definition into
// the field itself ({name: tags, type: array, items: string}), which Avro
// reads as the bare name of the type.
func (r *avroReader) fieldType(field, typ *syntax.Node, namespace string) *avroType {
	if typ.Kind == syntax.String && complexAvro(typ.Value) {
		r.fault(typ, "%s is the kind of a definition, not a type of a field; nest it: type: {type: %s, …}", quote(typ.Value), typ.Value)
		return &avroType{node: typ}
	}
	return r.read(typ, namespace)
}

func (r *avroReader) enum(n *syntax.Node, namespace string) *avroType {
	t, _ := r.define(n, namespace, avroEnum)
	symbols := r.must(n, "symbols", "the list of its values")
	if symbols == nil {
		return t
	}
	if symbols.Kind != syntax.Sequence {
		r.fault(symbols, "symbols is %s, but has to be a list of names", kindOf(symbols))
		return t
	}
	if len(symbols.Items) == 0 {
		r.fault(symbols, "symbols is empty, so the enum has no value; list at least one")
	}
	seen := map[string]bool{}
	for _, s := range symbols.Items {
		switch {
		case s.Kind == syntax.Invalid:
		case s.Kind != syntax.String || !isAvroName(s.Value):
			r.fault(s, "%s is no symbol of an enum; use letters, digits and _, and do not begin with a digit", describe(s))
		case seen[s.Value]:
			r.fault(s, "symbol %s stands twice; remove one", quote(s.Value))
		default:
			seen[s.Value] = true
			t.symbols = append(t.symbols, s.Value)
		}
	}
	if d := n.Get("default"); d != nil && !seen[d.Str()] {
		if near, ok := diag.Nearest(d.Str(), t.symbols); ok {
			r.fault(d, "default %s is not among the symbols; did you mean %q?", describe(d), near)
		} else {
			r.fault(d, "default %s is not among the symbols; name one of them", describe(d))
		}
	}
	return t
}

func (r *avroReader) fixed(n *syntax.Node, namespace string) *avroType {
	t, _ := r.define(n, namespace, avroFixed)
	size := r.must(n, "size", "its number of bytes")
	if size == nil {
		return t
	}
	d := parsed(size)
	if d == nil || !d.isInteger() || d.sign() < 0 {
		r.fault(size, "size is %s, but has to be a whole number of bytes", kindOf(size))
		return t
	}
	t.size = count(size)
	return t
}

// logical checks that a logical type annotates a type that can carry it. The
// specification has readers ignore one that does not, which is never what its
// author wanted.
func (r *avroReader) logical(n *syntax.Node, t *avroType) {
	l := n.Get("logicalType")
	if l == nil || t.kind == avroUnknown {
		return
	}
	if l.Kind != syntax.String {
		r.fault(l, "logicalType is %s, but has to be a string such as timestamp-millis", kindOf(l))
		return
	}
	wants := ""
	switch l.Value {
	case "decimal":
		if t.kind != avroBytes && t.kind != avroFixed {
			wants = "bytes or fixed"
		} else {
			r.decimal(n, t)
		}
	case "big-decimal":
		if t.kind != avroBytes {
			wants = "bytes"
		}
	case "uuid":
		if t.kind != avroString && (t.kind != avroFixed || t.size != 16) {
			wants = "string, or fixed of size 16"
		}
	case "date", "time-millis":
		if t.kind != avroInt {
			wants = "int"
		}
	case "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
		"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		if t.kind != avroLong {
			wants = "long"
		}
	case "duration":
		if t.kind != avroFixed || t.size != 12 {
			wants = "fixed of size 12"
		}
	default:
		known := []string{"decimal", "big-decimal", "uuid", "date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
			"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos", "duration"}
		if near, ok := diag.Nearest(l.Value, known); ok {
			r.report(diag.Diagnostic{Rule: RuleKeyword, Severity: diag.Warning, Span: l.Span(), Pointer: l.Pointer(),
				Message: fmt.Sprintf("logicalType %s is none of Avro's, and is ignored; did you mean %q?", quote(l.Value), near),
				Fix:     replaceText(l, near, false)})
		}
		return
	}
	if wants == "" && t.node != nil {
		t.logical = avroLogical{name: l.Value}
		if l.Value == "decimal" {
			if p := n.Get("precision"); p != nil {
				t.logical.precision = count(p)
			}
			if scale := n.Get("scale"); scale != nil {
				t.logical.scale = count(scale)
			}
		}
	}
	if wants != "" {
		r.fault(l, "logicalType %s annotates %s only, and is ignored on %s; change the type", l.Value, wants, t.describe())
	}
}

// decimal checks precision and scale.
func (r *avroReader) decimal(n *syntax.Node, t *avroType) {
	precision, scale := n.Get("precision"), n.Get("scale")
	if precision == nil {
		r.fault(n, "logicalType decimal has no precision; add the greatest number of digits")
		return
	}
	p := parsed(precision)
	if p == nil || !p.isInteger() || p.sign() <= 0 {
		r.fault(precision, "precision is %s, but has to be a whole number above zero", kindOf(precision))
		return
	}
	if scale != nil {
		s := parsed(scale)
		switch {
		case s == nil || !s.isInteger() || s.sign() < 0:
			r.fault(scale, "scale is %s, but has to be a whole number, zero or more", kindOf(scale))
		case s.cmp(p) > 0:
			r.fault(scale, "scale (%s) is above precision (%s); lower it", scale.Value, precision.Value)
		}
	}
	if t.kind == avroFixed && t.size > 0 && t.size < 1<<20 {
		if most := int(math.Floor(math.Log10(2) * float64(8*t.size-1))); count(precision) > most {
			r.fault(precision, "precision %s does not fit %s, which hold at most %d digits; lower it, or raise size", precision.Value, plural(t.size, "byte"), most)
		}
	}
}

// describe names a type in a message.
func (t *avroType) describe() string {
	switch t.kind {
	case avroRecord:
		return "the record " + t.name
	case avroEnum:
		return "the enum " + t.name
	case avroFixed:
		return "the fixed " + t.name + " of " + plural(t.size, "byte")
	case avroArray:
		return "an array"
	case avroMap:
		return "a map"
	case avroUnion:
		var names []string
		for _, b := range t.branches {
			names = append(names, b.branchName())
		}
		return orList(names)
	}
	return t.name
}

// defaultOf checks the default of a field. Until 1.11 a union's default was of
// its first type; 1.12 allows any.
func (r *avroReader) defaultOf(f avroField) {
	if f.byDef.Str() == "null" && f.typ.kind == avroUnion && len(f.typ.branches) > 0 && f.typ.branches[0].kind == avroNull {
		r.report(diag.Diagnostic{Rule: RuleInvalid, Severity: diag.Error, Span: f.byDef.Span(), Pointer: f.byDef.Pointer(),
			Message: fmt.Sprintf("the default of %s is the text %s, not null; write null without quotes", quote(f.name), quote("null")),
			Fix:     &diag.Fix{Title: "write null without quotes", Edits: []diag.Edit{{Span: f.byDef.Span(), NewText: "null"}}}})
		return
	}
	v := &avroValidation{defaults: true}
	v.check(f.typ, f.byDef)
	if len(v.problems) > 0 {
		r.fault(f.byDef, "the default of %s is not of its type: %s", quote(f.name), v.problems[0].Message)
	}
}

// endless finds records that contain themselves in every value, so that there
// is no value.
func (r *avroReader) endless(t *avroType, done map[*avroType]bool) {
	if t == nil || done[t] {
		return
	}
	done[t] = true
	for _, f := range t.fields {
		if t.kind == avroRecord && reaches(f.typ, t, map[*avroType]bool{}) {
			at := f.node.Get("type")
			r.report(diag.Diagnostic{Rule: RuleContradiction, Severity: diag.Warning, Span: at.Span(), Pointer: at.Pointer(),
				Message: fmt.Sprintf("every %s contains another by the field %s, so none can be written; make it a union with null, or an array", t.name, quote(f.name))})
		}
		r.endless(f.typ, done)
	}
	r.endless(t.items, done)
	for _, b := range t.branches {
		r.endless(b, done)
	}
}

// reaches reports whether every value of from has one of to within it.
func reaches(from, to *avroType, seen map[*avroType]bool) bool {
	if from == to {
		return true
	}
	if from == nil || seen[from] {
		return false
	}
	seen[from] = true
	switch from.kind {
	case avroRecord:
		for _, f := range from.fields {
			if reaches(f.typ, to, seen) {
				return true
			}
		}
	case avroUnion:
		for _, b := range from.branches {
			if !reaches(b, to, seen) {
				return false
			}
		}
		return len(from.branches) > 0
	}
	return false
}
