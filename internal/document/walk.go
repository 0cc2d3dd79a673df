package document

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Ids of the rules that this package reports under.
const (
	RuleVersion        = "asyncapi-version" // asyncapi missing or of a version that is not read
	RuleFieldUnknown   = "field-unknown"
	RuleFieldMissing   = "field-missing"
	RuleFieldType      = "field-type"
	RuleFieldValue     = "field-value"
	RuleFieldVersion   = "field-version" // a field that another minor version has
	RuleName           = "name-invalid"  // the name of a component, server, parameter
	RuleRefSiblings    = "ref-siblings"
	RuleRefUnresolved  = "ref-unresolved"
	RuleRefKind        = "ref-kind"
	RuleRefCycle       = "ref-cycle"
	RuleRefRefused     = "ref-refused"
	RuleBindingUnknown = "binding-unknown"
	RuleBindingVersion = "binding-version"
	RuleSchemaFormat   = "schema-format"
)

// Walk goes through a document by the grammar: it checks structure, notes the
// kind of every object, and resolves references. Each node is walked once,
// whatever number of references lead to it.
type Walk struct {
	doc     *Document
	minor   int
	dialect schema.Dialect
	report  func(diag.Diagnostic) // nil: say nothing
	kinds   map[*syntax.Node]*Object
	wants   map[*syntax.Node]*Object // what a Reference Object has to lead to
	queue   []pending
}

// pending is a reference that has been seen and not yet followed.
type pending struct {
	ref     *syntax.Node
	want    *Object
	dialect schema.Dialect // where want is Schema
}

// Visit is an object of the document, found by the walk.
type Visit struct {
	Object *Object
	Node   *syntax.Node
}

// SchemaVisit is a schema that stands on its own: a payload, headers, a
// component, a binding's schema; not the sub-schemas below it.
type SchemaVisit struct {
	Node    *syntax.Node
	Dialect schema.Dialect
	// Partial schemas are a trait's: the messages that use it complete them.
	Partial bool
}

// Report adds a finding about node at span.
func (w *Walk) Report(rule string, sev diag.Severity, span diag.Span, node *syntax.Node, format string, args ...any) {
	w.finding(diag.Diagnostic{Rule: rule, Severity: sev, Span: span, Pointer: node.Pointer(), Message: fmt.Sprintf(format, args...)})
}

func (w *Walk) finding(d diag.Diagnostic) {
	if w.report != nil {
		w.report(d)
	}
}

// run walks root as o and then everything that references lead to.
func (w *Walk) run(root *syntax.Node, o *Object) {
	w.object(root, o)
	for len(w.queue) > 0 {
		p := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		w.follow(p)
	}
}

// called names a node the way its author would: by its key, or by its place in
// a list.
func called(n *syntax.Node) string {
	if n.Key != nil {
		return strconv.Quote(n.Key.Value)
	}
	if n.Parent == nil {
		return "the document"
	}
	p := n.Pointer()
	if i, err := strconv.Atoi(p[strings.LastIndexByte(p, '/')+1:]); err == nil {
		if n.Parent.Key != nil {
			return fmt.Sprintf("entry %d of %q", i+1, n.Parent.Key.Value)
		}
		return fmt.Sprintf("entry %d of the list", i+1)
	}
	return "the value"
}

// typeFault reports a value of the wrong JSON type.
func (w *Walk) typeFault(n *syntax.Node, want string) {
	w.Report(RuleFieldType, diag.Error, n.Span(), n, "%s is %s, but has to be %s", called(n), describe(n), want)
}

// describe says what a node is, with a scalar's text.
func describe(n *syntax.Node) string {
	switch n.Kind {
	case syntax.Number, syntax.Bool:
		return n.Kind.String() + " (" + clipText(n.Value) + ")"
	}
	return n.Kind.String()
}

func clipText(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "…"
	}
	return s
}

// object walks n, which has to be an o.
func (w *Walk) object(n *syntax.Node, o *Object) {
	if n.Kind == syntax.Invalid {
		return
	}
	if n.Kind != syntax.Mapping {
		w.typeFault(n, "an object ("+withArticle(o.Name)+")")
		return
	}
	if _, seen := w.kinds[n]; seen {
		return
	}
	w.kinds[n] = o
	w.doc.visits = append(w.doc.visits, Visit{o, n})
	if o.Select != nil {
		if s := o.Select(n); s != nil {
			o = s
		}
	}
	w.fields(n, o)
	if o.Check != nil {
		o.Check(w, n)
	}
}

func withArticle(name string) string {
	if name == "" {
		return "a map"
	}
	if isExtension(name) {
		return name
	}
	if strings.ContainsRune("AEIOUaeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

func (w *Walk) fields(n *syntax.Node, o *Object) {
	var found uint64 // required fields that are there; no object has 64
	for _, item := range n.Items {
		name := item.Key.Value
		if i := fieldNamed(o, name); i >= 0 {
			f := &o.Fields[i]
			if !f.in(w.minor) {
				w.fieldVersion(item, f)
			}
			if i < 64 {
				found |= 1 << i
			}
			w.value(item, f.Type)
			continue
		}
		if isExtension(name) && !o.Closed {
			if w.report != nil {
				w.extension(item, o)
			}
			continue
		}
		if o.Entries == nil {
			w.unknownField(item, o)
			continue
		}
		if fault := nameFault(o.EntryName, name); fault != "" {
			w.Report(RuleName, diag.Error, item.Key.Span(), item, "the name %q %s", name, fault)
		}
		w.value(item, o.Entries)
	}
	for i := range o.Fields {
		f := &o.Fields[i]
		if f.Required && found&(1<<i) == 0 && f.in(w.minor) {
			at := n.KeySpan()
			if n.Parent == nil {
				at = diag.Span{File: n.File, Start: n.Start, End: n.Start}
			}
			w.Report(RuleFieldMissing, diag.Error, at, n, "%s has no %q, which %s must have; add it%s",
				called(n), f.Name, withArticle(o.Name), suggestValue(f.Type))
		}
	}
}

func suggestValue(t *Type) string {
	if t.op == opWord {
		return ": " + strings.Join(t.words, " or ")
	}
	return ""
}

// in reports whether the minor version has the field.
func (f *Field) in(minor int) bool {
	return minor >= f.Since && (f.Until == 0 || minor <= f.Until)
}

func fieldNamed(o *Object, name string) int {
	for i := range o.Fields {
		if o.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

func isExtension(name string) bool { return strings.HasPrefix(name, "x-") }

func fieldNames(o *Object) []string {
	names := make([]string, len(o.Fields))
	for i := range o.Fields {
		names[i] = o.Fields[i].Name
	}
	return names
}

func (w *Walk) fieldVersion(item *syntax.Node, f *Field) {
	major := w.doc.Version.Major
	when := fmt.Sprintf("came with %d.%d", major, f.Since)
	if f.Until != 0 && w.minor > f.Until {
		when = fmt.Sprintf("was last in %d.%d", major, f.Until)
	}
	w.Report(RuleFieldVersion, diag.Error, item.KeySpan(), item, "%q %s, but the document says asyncapi: %s; remove the field or change the version",
		f.Name, when, w.doc.Version.Text)
}

// extension looks at an extension that is not in the table: one of treaty's
// own, misspelt or in the wrong place.
func (w *Walk) extension(item *syntax.Node, o *Object) {
	name := item.Key.Value
	own := []string{ExtDelivery, ExtCompatibility, ExtCloudEvents, ExtIgnore}
	for _, x := range own {
		if x == name {
			w.Report(RuleFieldUnknown, diag.Error, item.KeySpan(), item, "%s means nothing on %s; it belongs on %s",
				name, withArticle(o.Name), extensionPlaces(name))
			return
		}
	}
	if near, ok := diag.Nearest(name, own); ok {
		w.finding(diag.Diagnostic{Rule: RuleFieldUnknown, Severity: diag.Warning, Span: item.KeySpan(), Pointer: item.Pointer(),
			Message: fmt.Sprintf("%q is no extension that treaty reads; did you mean %q?", name, near),
			Fix:     renameKey(item, near)})
	}
}

func extensionPlaces(name string) string {
	switch name {
	case ExtDelivery:
		return "a channel, an operation or a message"
	case ExtIgnore:
		return "the document, a channel, an operation or a message"
	}
	return "the document, a channel or a message"
}

func renameKey(item *syntax.Node, name string) *diag.Fix {
	if item.Key.Style != syntax.Plain {
		name = strconv.Quote(name)
	}
	return &diag.Fix{Title: fmt.Sprintf("rename to %s", name), Safe: false, Edits: []diag.Edit{{Span: item.Key.Span(), NewText: name}}}
}

func (w *Walk) unknownField(item *syntax.Node, o *Object) {
	if w.report == nil {
		return
	}
	name := item.Key.Value
	d := diag.Diagnostic{Rule: RuleFieldUnknown, Severity: diag.Error, Span: item.Key.Span(), Pointer: item.Pointer()}
	if near, ok := diag.Nearest(name, fieldNames(o)); ok {
		d.Message = fmt.Sprintf("%q is not a field of %s; did you mean %q?", name, withArticle(o.Name), near)
		if item.Parent.Get(near) == nil {
			d.Fix = renameKey(item, near)
			d.Fix.Safe = true
		}
	} else if len(o.Fields) == 0 && o.Entries == nil {
		d.Message = fmt.Sprintf("%q is not a field of %s, which has none; remove it, or start its name with x-", name, withArticle(o.Name))
	} else if o.Closed {
		d.Message = fmt.Sprintf("%q is not a field of %s; it has %s", name, withArticle(o.Name), strings.Join(fieldNames(o), ", "))
	} else {
		d.Message = fmt.Sprintf("%q is not a field of %s; remove it, or start its name with x- if it is your own", name, withArticle(o.Name))
	}
	w.finding(d)
}

// value walks n as a t.
func (w *Walk) value(n *syntax.Node, t *Type) {
	if n.Kind == syntax.Invalid {
		return
	}
	switch t.op {
	case opAnything:
	case opText:
		if n.Kind != syntax.String {
			w.textFault(n)
		} else if t.format != nil && w.report != nil {
			if fault := t.format(n.Value); fault != "" {
				w.Report(RuleFieldValue, diag.Error, n.Span(), n, "%s: %q %s", n.KeyName(), clipText(n.Value), fault)
			}
		}
	case opBool:
		if n.Kind != syntax.Bool {
			w.typeFault(n, "true or false")
		}
	case opNull:
		if n.Kind != syntax.Null {
			w.typeFault(n, "null")
		}
	case opInteger, opNumber:
		w.number(n, t)
	case opWord:
		w.word(n, t)
	case opObject:
		w.object(n, t.object)
	case opReference:
		switch {
		case n.Get("$ref") != nil:
			w.reference(n, t.object, schema.Unknown)
		case n.Kind == syntax.String:
			d := diag.Diagnostic{Rule: RuleFieldType, Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer(),
				Message: fmt.Sprintf("%s is a string, but has to be a reference to %s; write {$ref: '#/…'}", called(n), withArticle(t.object.Name))}
			if strings.HasPrefix(n.Value, "#/") {
				d.Message = fmt.Sprintf("%s is a string, but has to be a reference; write {$ref: %q}", called(n), n.Value)
				d.Fix = &diag.Fix{Title: "write it as a reference", Safe: true,
					Edits: []diag.Edit{{Span: n.Span(), NewText: fmt.Sprintf(`{"$ref": %q}`, n.Value)}}}
			}
			w.finding(d)
		case n.Kind == syntax.Mapping:
			w.Report(RuleFieldType, diag.Error, n.KeySpan(), n, "%s is written in place, but has to be a reference to %s; put it under its own key and write {$ref: '#/…'} here",
				called(n), withArticle(t.object.Name))
		default:
			w.typeFault(n, "a reference to "+withArticle(t.object.Name))
		}
	case opEither:
		if n.Get("$ref") != nil {
			w.reference(n, t.object, schema.Unknown)
		} else {
			w.object(n, t.object)
		}
	case opPointer:
		switch {
		case n.Get("$ref") != nil:
			w.reference(n, t.object, schema.Unknown)
		case n.Kind == syntax.String:
			w.queue = append(w.queue, pending{ref: n, want: t.object})
		default:
			w.typeFault(n, "a pointer such as '#/channels/…'")
		}
	case opList:
		w.list(n, t)
	case opMap:
		if n.Kind == syntax.Mapping {
			w.fields(n, t.object)
		} else {
			w.typeFault(n, "an object")
		}
	case opChoice:
		w.choice(n, t)
	case opSchema:
		w.schema(n, w.dialect)
	case opPayload:
		w.payload(n)
	case opRaw2:
		w.payload2(n)
	case opBinding:
		w.binding(n, t.level)
	}
}

// textFault is about a scalar where a string has to be: quotes are missing.
func (w *Walk) textFault(n *syntax.Node) {
	if n.Kind != syntax.Number && n.Kind != syntax.Bool {
		w.typeFault(n, "a string")
		return
	}
	quoted := strconv.Quote(n.Span().Text())
	d := diag.Diagnostic{Rule: RuleFieldType, Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer(),
		Message: fmt.Sprintf("%s is %s, but has to be a string; write %s", called(n), describe(n), quoted)}
	if n.Alias == nil && n.End > n.Start {
		d.Fix = &diag.Fix{Title: "quote it", Safe: true, Edits: []diag.Edit{{Span: n.Span(), NewText: quoted}}}
	}
	w.finding(d)
}

func (w *Walk) number(n *syntax.Node, t *Type) {
	want := "a number"
	if t.op == opInteger {
		want = "a whole number"
	}
	if n.Kind != syntax.Number || t.op == opInteger && !isInteger(n.Value) {
		w.typeFault(n, want)
		return
	}
	if !t.bound {
		return
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || v < float64(t.min) || t.max >= t.min && v > float64(t.max) {
		limit := fmt.Sprintf("at least %d", t.min)
		if t.max >= t.min {
			limit = fmt.Sprintf("between %d and %d", t.min, t.max)
		}
		w.Report(RuleFieldValue, diag.Error, n.Span(), n, "%s is %s, but has to be %s", called(n), clipText(n.Value), limit)
	}
}

// isInteger reports whether a number's text has no fraction: 3, 3.0, 3e2.
func isInteger(s string) bool {
	if !strings.ContainsAny(s, ".eE") {
		return true
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f == float64(int64(f))
}

func (w *Walk) word(n *syntax.Node, t *Type) {
	if n.Kind != syntax.String {
		w.typeFault(n, "one of "+strings.Join(t.words, ", "))
		return
	}
	for _, x := range t.words {
		if x == n.Value {
			return
		}
	}
	if w.report == nil {
		return
	}
	d := diag.Diagnostic{Rule: RuleFieldValue, Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer(),
		Message: fmt.Sprintf("%s is %q, but has to be %s", called(n), clipText(n.Value), oneOf(t.words))}
	if near, ok := diag.Nearest(n.Value, t.words); ok {
		d.Message += fmt.Sprintf("; did you mean %q?", near)
		text := near
		if n.Style != syntax.Plain {
			text = strconv.Quote(near)
		}
		d.Fix = &diag.Fix{Title: "write " + near, Safe: true, Edits: []diag.Edit{{Span: n.Span(), NewText: text}}}
	}
	w.finding(d)
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return strconv.Quote(words[0])
	}
	return "one of " + strings.Join(words, ", ")
}

func (w *Walk) list(n *syntax.Node, t *Type) {
	if n.Kind != syntax.Sequence {
		w.typeFault(n, "a list")
		return
	}
	if t.some && len(n.Items) == 0 {
		w.Report(RuleFieldValue, diag.Error, n.Span(), n, "%s is empty; name at least one", called(n))
	}
	for _, item := range n.Items {
		w.value(item, t.elem)
	}
	if !t.unique || len(n.Items) < 2 || w.report == nil {
		return
	}
	seen := make(map[string]*syntax.Node, len(n.Items))
	for _, item := range n.Items {
		text := item.Str()
		if ref := item.Get("$ref"); ref != nil {
			text = "$ref " + ref.Str()
		}
		if text == "" {
			continue
		}
		if first := seen[text]; first != nil {
			w.finding(diag.Diagnostic{Rule: RuleFieldValue, Severity: diag.Error, Span: item.Span(), Pointer: item.Pointer(),
				Message: fmt.Sprintf("%s repeats an earlier entry; every entry has to be different, so remove it", called(item)),
				Related: []diag.Related{{Span: first.Span(), Message: "the same entry"}}})
		} else {
			seen[text] = item
		}
	}
}

func (w *Walk) choice(n *syntax.Node, t *Type) {
	var wants []string
	for _, alt := range t.alts {
		if alt.fits(n) {
			w.value(n, alt)
			return
		}
		wants = append(wants, alt.noun())
	}
	w.typeFault(n, strings.Join(wants, " or "))
}

// fits reports whether the JSON kind of n is one that t takes.
func (t *Type) fits(n *syntax.Node) bool {
	switch t.op {
	case opText, opWord:
		return n.Kind == syntax.String
	case opBool:
		return n.Kind == syntax.Bool
	case opNull:
		return n.Kind == syntax.Null
	case opInteger, opNumber:
		return n.Kind == syntax.Number
	case opList:
		return n.Kind == syntax.Sequence
	case opSchema, opPayload, opRaw2:
		return n.Kind == syntax.Mapping || n.Kind == syntax.Bool
	case opPointer:
		return n.Kind == syntax.String || n.Get("$ref") != nil
	case opReference:
		return n.Get("$ref") != nil
	case opAnything:
		return true
	}
	return n.Kind == syntax.Mapping
}

func (t *Type) noun() string {
	switch t.op {
	case opText, opWord:
		return "a string"
	case opBool:
		return "true or false"
	case opNull:
		return "null"
	case opInteger:
		return "a whole number"
	case opNumber:
		return "a number"
	case opList:
		return "a list"
	case opSchema, opPayload, opRaw2:
		return "a schema"
	}
	return "an object"
}

// schema walks a schema for its references; what the keywords say is the
// business of package schema.
func (w *Walk) schema(n *syntax.Node, d schema.Dialect) {
	if n.Kind == syntax.Invalid {
		return
	}
	if _, seen := w.kinds[n]; seen {
		return
	}
	w.doc.schemas = append(w.doc.schemas, SchemaVisit{n, d, w.kinds[n.Parent] == MessageTrait})
	w.subschema(n, d)
}

func (w *Walk) subschema(n *syntax.Node, d schema.Dialect) {
	if n.Kind != syntax.Mapping {
		return
	}
	if _, seen := w.kinds[n]; seen {
		return
	}
	w.kinds[n] = Schema
	if n.Get("$ref").Is(syntax.String) {
		w.queue = append(w.queue, pending{ref: n, want: Schema, dialect: d})
		if d != schema.Draft2019 && d != schema.Draft2020 {
			return // older dialects ignore what stands beside $ref
		}
	}
	schema.Children(n, d, func(_ string, sub *syntax.Node) { w.subschema(sub, d) })
}

// payload walks a Multi Format Schema Object or a Schema Object.
func (w *Walk) payload(n *syntax.Node) {
	format := n.Get("schemaFormat")
	if format == nil {
		if n.Kind != syntax.Mapping && n.Kind != syntax.Bool {
			w.typeFault(n, "a schema")
			return
		}
		w.schema(n, w.dialect)
		return
	}
	w.object(n, MultiFormat)
	if inner := n.Get("schema"); inner != nil {
		w.formatted(inner, w.dialectOf(format))
	}
}

// payload2 walks a payload of 2.x, whose format is the message's.
func (w *Walk) payload2(n *syntax.Node) {
	d := w.dialect
	if format := n.Parent.Get("schemaFormat"); format != nil {
		d = w.dialectOf(format)
	}
	w.formatted(n, d)
}

// dialectOf reads a schemaFormat and reports one that nobody can know.
func (w *Walk) dialectOf(format *syntax.Node) schema.Dialect {
	if format.Kind != syntax.String {
		return schema.Foreign
	}
	d, ok := schema.DialectOf(format.Value)
	if !ok {
		w.Report(RuleSchemaFormat, diag.Error, format.Span(), format,
			"schemaFormat %q is not a media type such as application/schema+json;version=draft-07 or application/vnd.apache.avro;version=1.9.0", clipText(format.Value))
		return schema.Foreign
	}
	return d
}

func (w *Walk) formatted(n *syntax.Node, d schema.Dialect) {
	switch d {
	case schema.Avro:
		// Avro has no references of its own, so a lone $ref is AsyncAPI's.
		if n.Get("$ref").Is(syntax.String) {
			w.reference(n, Schema, d)
			return
		}
		w.doc.schemas = append(w.doc.schemas, SchemaVisit{n, d, w.kinds[n.Parent] == MessageTrait})
	case schema.Foreign, schema.Unknown:
		w.doc.schemas = append(w.doc.schemas, SchemaVisit{n, d, w.kinds[n.Parent] == MessageTrait})
	default:
		if n.Kind != syntax.Mapping && n.Kind != syntax.Bool {
			w.typeFault(n, "a schema")
			return
		}
		w.schema(n, d)
	}
}

// binding walks one protocol's binding at a level.
func (w *Walk) binding(n *syntax.Node, l Level) {
	name := n.Key.Value
	p := protocolNamed(name)
	if p == nil {
		if w.report == nil {
			return
		}
		d := diag.Diagnostic{Rule: RuleBindingUnknown, Severity: diag.Warning, Span: n.Key.Span(), Pointer: n.Pointer(),
			Message: fmt.Sprintf("%q is no protocol that has bindings in the specification, so nothing here is checked", name)}
		if near, ok := diag.Nearest(name, protocolNames()); ok {
			d.Message = fmt.Sprintf("%q is no protocol that has bindings in the specification; did you mean %q?", name, near)
			d.Fix = renameKey(n, near)
		}
		w.finding(d)
		return
	}
	if n.Kind != syntax.Mapping {
		w.typeFault(n, "an object")
		return
	}
	version := &p.Versions[len(p.Versions)-1]
	if v := n.Get("bindingVersion"); v != nil && v.Str() != "latest" {
		if v.Kind != syntax.String {
			w.textFault(v)
			return
		}
		version = p.version(v.Value)
		if version == nil {
			known := make([]string, len(p.Versions))
			for i := range p.Versions {
				known[i] = p.Versions[i].Version
			}
			w.Report(RuleBindingVersion, diag.Error, v.Span(), v, "bindingVersion %q of %s is not known; known are %s", v.Value, name, strings.Join(known, ", "))
			return
		}
	}
	o := version.at(l)
	if o == nil {
		o = &Object{Name: fmt.Sprintf("%s %s binding %s", name, l, version.Version)}
	}
	if _, seen := w.kinds[n]; seen {
		return
	}
	w.kinds[n] = o
	withVersion := *o
	withVersion.Fields = append(clip(o.Fields), Field{Name: "bindingVersion", Type: text()})
	w.fields(n, &withVersion)
	if o.Check != nil {
		o.Check(w, n)
	}
}

func (p *Protocol) version(text string) *BindingVersion {
	for i := range p.Versions {
		if p.Versions[i].Version == text {
			return &p.Versions[i]
		}
		for _, also := range p.Versions[i].Also {
			if also == text {
				return &p.Versions[i]
			}
		}
	}
	return nil
}

// reference takes note of a Reference Object, to be followed when the places
// that references may lead to have been seen.
func (w *Walk) reference(n *syntax.Node, want *Object, d schema.Dialect) {
	ref := n.Get("$ref")
	if ref.Kind != syntax.String {
		w.typeFault(ref, "a string such as '#/components/…'")
		return
	}
	w.kinds[n], w.wants[n] = referenceObject, want
	w.queue = append(w.queue, pending{ref: n, want: want, dialect: d})
	for _, item := range n.Items {
		if item != ref && !isExtension(item.Key.Value) {
			w.Report(RuleRefSiblings, diag.Warning, item.KeySpan(), item,
				"%q stands beside $ref and is ignored; move it into what $ref names, or remove it", item.Key.Value)
		}
	}
}

var referenceObject = &Object{Name: "Reference Object"}

// follow resolves one reference and walks what it leads to.
func (w *Walk) follow(p pending) {
	target := w.doc.step(p.ref, w.finding)
	if target == nil {
		return
	}
	kind, seen := w.kinds[target]
	switch {
	case seen && kind == referenceObject && w.wants[target].Name == p.want.Name, seen && kind == p.want:
	case seen && p.want == Schema && kind == MultiFormat:
	case seen && (kind.Name != p.want.Name || kind.Name == ""):
		at := refText(p.ref)
		if kind == referenceObject {
			kind = w.wants[target]
		}
		w.finding(diag.Diagnostic{Rule: RuleRefKind, Severity: diag.Error, Span: at.Span(), Pointer: at.Pointer(),
			Message: fmt.Sprintf("%q leads to %s, but %s has to be here", at.Str(), withArticle(kind.Name), withArticle(p.want.Name)),
			Related: []diag.Related{{Span: target.KeySpan(), Message: "what it leads to"}}})
	case seen:
	case p.want == Schema:
		if p.dialect == schema.Avro || target.Get("schemaFormat") == nil {
			w.formatted(target, p.dialect)
		} else {
			w.payload(target)
		}
	case target.Get("$ref") != nil:
		w.reference(target, p.want, schema.Unknown)
	default:
		w.object(target, p.want)
	}
}
