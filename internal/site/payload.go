package site

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/gen"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Field is a row of a payload: a property, or what stands for the items of a list
// and the alternatives of a choice.
type Field struct {
	Name     string // "" for the payload itself and for an item
	Path     string // such as lines[].sku
	Type     string // in words: text, list of objects
	Required bool
	Words    []Words // what values have to be like
	Doc      string  // as written
	Default  string  // as JSON
	Example  string  // as JSON

	Deprecated bool
	Recursive  bool // it is described further up
	Fields     []*Field
	Tag        string // the property that tells the alternatives apart
	Tabs       []*Tab
}

// Words are a constraint: words, and a value that is shown as code.
type Words struct{ Before, Code, After string }

func (w Words) String() string {
	s := w.Before
	if w.Code != "" {
		s += "`" + w.Code + "`"
	}
	return s + w.After
}

// Tab is an alternative.
type Tab struct {
	Label  string
	Field  *Field
	Number int
}

// maxFields bounds the rows of one payload, so that no page is too large to be
// read.
const maxFields = 240

// tree makes the rows of payloads.
type tree struct {
	service *Service
	doing   []*gen.Shape
	rows    int
	docs    int  // bytes that are written about them
	cut     bool // there are more rows than are shown
}

// payload is the rows of a shape; nil where nothing is said of it. The second
// result says that there are more.
func (s *Service) payload(shape *gen.Shape) (*Field, bool) {
	if shape == nil {
		return nil, false
	}
	t := &tree{service: s}
	f := t.field("", "", shape, shape.At)
	return f, t.cut
}

// field is the row of a value. at is the schema where it is named, which may say
// more than what it refers to.
func (t *tree) field(name, at string, shape *gen.Shape, written *syntax.Node) *Field {
	t.rows++
	f := &Field{Name: name, Path: at, Deprecated: shape.Deprecated, Type: typeWords(shape)}
	if !shape.Avro {
		c := collect(t.service.Contract, written)
		if shape.At != written {
			c.add(t.service.Contract, shape.At, 0)
		}
		f.Words, f.Default, f.Example = c.words(shape), c.text("default"), c.example()
		f.Deprecated = f.Deprecated || c.has("deprecated") && c.of["deprecated"].IsTrue()
	} else if shape.Kind == gen.Enum {
		f.Words = []Words{listed(shape.Values)}
	}
	if slices.Contains(t.doing, shape) {
		f.Recursive = true
		return f
	}
	t.doing = append(t.doing, shape)
	defer func() { t.doing = t.doing[:len(t.doing)-1] }()
	t.inside(f, at, shape)
	return f
}

func (t *tree) inside(f *Field, at string, shape *gen.Shape) {
	if t.rows >= maxFields {
		t.cut = true
		return
	}
	join := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	switch shape.Kind {
	case gen.Object:
		for _, one := range shape.Fields {
			if t.rows >= maxFields {
				t.cut = true
				break
			}
			row := t.field(one.Name, join(one.Name), one.Shape, one.At)
			row.Required, row.Doc = one.Required, t.doc(one.Doc)
			f.Fields = append(f.Fields, row)
		}
		if shape.Item != nil && shape.Item.Kind != gen.Any {
			f.Fields = append(f.Fields, t.field("any other name", join("*"), shape.Item, shape.Item.At))
		}
	case gen.Map, gen.Array:
		if shape.Item == nil {
			break
		}
		end, join := "[]", func(end string) string { return at + end }
		if shape.Kind == gen.Map {
			end, join = "*", func(end string) string { return strings.TrimPrefix(at+"."+end, ".") }
		}
		if slices.Contains(t.doing, shape.Item) {
			f.Recursive = true
			break
		}
		inner := &Field{}
		t.doing = append(t.doing, shape.Item)
		t.inside(inner, join(end), shape.Item)
		t.doing = t.doing[:len(t.doing)-1]
		f.Fields, f.Tabs, f.Tag = inner.Fields, inner.Tabs, inner.Tag
		f.Recursive = f.Recursive || inner.Recursive
		if shape.Item.At != nil && !shape.Avro {
			for _, w := range collect(t.service.Contract, shape.Item.At).words(shape.Item) {
				w.Before = "each " + w.Before
				f.Words = append(f.Words, w)
			}
		}
	case gen.Tuple:
		for i, item := range shape.Items {
			row := t.field(fmt.Sprintf("%d.", i+1), fmt.Sprintf("%s[%d]", at, i), item, item.At)
			row.Doc = t.doc(item.Doc)
			f.Fields = append(f.Fields, row)
		}
	case gen.Union:
		f.Tag = shape.Tag
		for i, b := range shape.Branches {
			if t.rows >= maxFields {
				t.cut = true
				break
			}
			row := t.field("", at, b.Shape, b.Shape.At)
			row.Doc = t.doc(b.Shape.Doc)
			label := firstOf(strings.Join(b.Tags, ", "), t.called(b), row.Type)
			f.Tabs = append(f.Tabs, &Tab{Label: label, Field: row, Number: i + 1})
		}
		same := map[string]int{}
		for _, tab := range f.Tabs {
			same[tab.Label]++
		}
		for _, tab := range f.Tabs {
			if same[tab.Label] > 1 {
				tab.Label += " " + itoa(tab.Number)
			}
		}
	}
}

// called is what an alternative is called by who wrote it, "" where nobody named it.
func (t *tree) called(b *gen.Branch) string {
	if b.Shape.Avro {
		return b.Shape.Name
	}
	if title := collect(t.service.Contract, b.Shape.At).of["title"].Str(); title != "" {
		return title
	}
	for _, n := range []*syntax.Node{b.At, b.Shape.At} {
		if ref := n.Get("$ref").Str(); ref != "" {
			return ref[strings.LastIndexByte(ref, '/')+1:]
		}
	}
	return ""
}

// typeWords names a type as people do.
func typeWords(s *gen.Shape) string {
	word := ""
	switch s.Kind {
	case gen.Any:
		word = "anything"
	case gen.Null:
		return "null"
	case gen.Boolean:
		word = "true or false"
	case gen.Integer:
		word = "whole number"
	case gen.Number:
		word = "number"
	case gen.String:
		word = "text"
	case gen.Enum:
		switch s.Base {
		case gen.String:
			word = "text"
		case gen.Boolean:
			word = "true or false"
		case gen.Integer:
			word = "whole number"
		default:
			word = "number"
		}
	case gen.Array:
		word = "list"
		if s.Item != nil && s.Item.Kind != gen.Any {
			word += " of " + plural(s.Item)
		}
	case gen.Tuple:
		word = "list by position"
	case gen.Map:
		word = "object by name"
		if s.Item != nil && s.Item.Kind != gen.Any {
			word = plural(s.Item) + " by name"
		}
	case gen.Object:
		word = "object"
	case gen.Union:
		word = fmt.Sprintf("one of %d", len(s.Branches))
	}
	if s.Nullable {
		word += " or null"
	}
	return word
}

func plural(s *gen.Shape) string {
	switch s.Kind {
	case gen.Integer:
		return "whole numbers"
	case gen.Number:
		return "numbers"
	case gen.Object:
		return "objects"
	case gen.String:
		return "texts"
	case gen.Enum:
		if s.Base == gen.String {
			return "texts"
		}
		return "values"
	case gen.Array, gen.Tuple:
		return "lists"
	case gen.Map:
		return "objects"
	}
	return "values"
}

// constraints are the keywords that hold for a value, of its schema and of all that
// it refers to and is composed of.
type constraints struct {
	of    map[string]*syntax.Node
	order []string
	seen  []*syntax.Node
	more  map[string]bool // keywords that no sentence is made of
}

func collect(c *contract.Contract, n *syntax.Node) *constraints {
	x := &constraints{of: map[string]*syntax.Node{}}
	x.add(c, n, 0)
	return x
}

func (x *constraints) has(keyword string) bool { return x.of[keyword] != nil }

// add takes the keywords of a schema; those that were there first stay.
func (x *constraints) add(c *contract.Contract, n *syntax.Node, depth int) {
	if !n.Is(syntax.Mapping) || depth > 32 || slices.Contains(x.seen, n) {
		return
	}
	x.seen = append(x.seen, n)
	for _, item := range n.Items {
		switch k := item.KeyName(); k {
		case "$ref":
			x.add(c, c.Document().Schema(n), depth+1)
		case "allOf":
			for _, sub := range item.Items {
				x.add(c, sub, depth+1)
			}
		case "not", "if", "dependentRequired", "dependentSchemas", "dependencies", "contains", "propertyNames", "patternProperties", "unevaluatedProperties":
			if x.more == nil {
				x.more = map[string]bool{}
			}
			x.more[k] = true
		default:
			if x.of[k] == nil {
				x.of[k] = item
				x.order = append(x.order, k)
			}
		}
	}
}

// text is the value of a keyword as JSON, "" where it is not there.
func (x *constraints) text(keyword string) string {
	if n := x.of[keyword]; n != nil {
		return clip(string(schema.AppendJSON(nil, n)), 120)
	}
	return ""
}

func (x *constraints) example() string {
	if n := x.of["examples"]; n.Is(syntax.Sequence) && n.Len() > 0 {
		return clip(string(schema.AppendJSON(nil, n.Items[0])), 120)
	}
	return x.text("example")
}

// maxListed is how many values of an enumeration are shown.
const maxListed = 24

func listed(values []*syntax.Node) Words {
	if len(values) == 1 {
		return Words{Before: "always ", Code: clip(string(schema.AppendJSON(nil, values[0])), 120)}
	}
	var all []string
	for _, v := range values[:min(len(values), maxListed)] {
		all = append(all, clip(string(schema.AppendJSON(nil, v)), 80))
	}
	w := Words{Before: "one of ", Code: strings.Join(all, ", ")}
	if len(values) > maxListed {
		w.After = fmt.Sprintf(" and %d more", len(values)-maxListed)
	}
	return w
}

// words says what values have to be like.
func (x *constraints) words(shape *gen.Shape) []Words {
	var out []Words
	say := func(format string, args ...any) { out = append(out, Words{Before: fmt.Sprintf(format, args...)}) }
	if n := x.of["const"]; n != nil {
		out = append(out, Words{Before: "always ", Code: clip(string(schema.AppendJSON(nil, n)), 120)})
	} else if n := x.of["enum"]; n.Is(syntax.Sequence) && n.Len() > 0 {
		out = append(out, listed(n.Items))
	}
	if f := x.of["format"].Str(); f != "" {
		if words := formatWords[f]; words != "" {
			say("%s", words)
		} else {
			out = append(out, Words{Before: "of the format ", Code: f})
		}
	}
	number := func(k string) string {
		if n := x.of[k]; n.Is(syntax.Number) {
			return n.Value
		}
		return ""
	}
	span := func(least, most, one, many string) {
		lo, hi := number(least), number(most)
		if lo == "0" {
			lo = ""
		}
		unit := func(n string) string {
			if n == "1" {
				return one
			}
			return many
		}
		switch {
		case lo != "" && lo == hi:
			say("exactly %s %s", lo, unit(lo))
		case lo != "" && hi != "":
			say("%s to %s %s", lo, hi, many)
		case lo != "":
			say("at least %s %s", lo, unit(lo))
		case hi != "":
			say("at most %s %s", hi, unit(hi))
		}
	}
	span("minLength", "maxLength", "character", "characters")
	if p := x.of["pattern"].Str(); p != "" {
		out = append(out, Words{Before: "matches ", Code: clip(p, 160)})
	}
	lo, hi, over, under := number("minimum"), number("maximum"), number("exclusiveMinimum"), number("exclusiveMaximum")
	if x.of["exclusiveMinimum"].IsTrue() { // draft-04
		lo, over = "", lo
	}
	if x.of["exclusiveMaximum"].IsTrue() {
		hi, under = "", hi
	}
	switch {
	case lo != "" && hi != "":
		say("%s to %s", lo, hi)
	case lo != "":
		say("%s or more", lo)
	case hi != "":
		say("%s or less", hi)
	}
	if over != "" {
		say("more than %s", over)
	}
	if under != "" {
		say("less than %s", under)
	}
	if n := number("multipleOf"); n != "" {
		say("a multiple of %s", n)
	}
	span("minItems", "maxItems", "item", "items")
	if x.of["uniqueItems"].IsTrue() {
		say("no item twice")
	}
	span("minProperties", "maxProperties", "field", "fields")
	if shape.Kind == gen.Object && shape.Closed {
		say("no other fields")
	}
	if e := x.of["contentMediaType"].Str(); e != "" {
		out = append(out, Words{Before: "holds ", Code: e})
	}
	if e := x.of["contentEncoding"].Str(); e != "" {
		out = append(out, Words{Before: "encoded as ", Code: e})
	}
	if len(x.more) > 0 {
		var names []string
		for k := range x.more {
			names = append(names, k)
		}
		slices.Sort(names)
		out = append(out, Words{Before: "further conditions: ", Code: strings.Join(names, ", ")})
	}
	return out
}

// formatWords are the formats of JSON Schema, in words.
var formatWords = map[string]string{
	"date-time": "a date and time (RFC 3339)", "date": "a date, such as 2026-04-10", "time": "a time of day",
	"duration": "a duration, such as P7D", "email": "an e-mail address", "idn-email": "an e-mail address",
	"hostname": "a host name", "ipv4": "an IPv4 address", "ipv6": "an IPv6 address",
	"uri": "a URI", "uri-reference": "a URI or a relative reference", "iri": "an IRI",
	"uuid": "a UUID", "json-pointer": "a JSON Pointer", "regex": "a regular expression",
	"int32": "of 32 bits", "int64": "of 64 bits", "float": "of single precision", "double": "of double precision",
	"byte": "in base64", "binary": "bytes",
}

// maxDoc is how much is shown of what is written about one field, and shortDoc how
// much once maxDocs have been written about those before it.
const maxDoc, shortDoc, maxDocs = 4000, 200, 64 << 10

// doc is what is shown of what is written about a field. The cut is where a word
// ends.
func (t *tree) doc(s string) string {
	most := maxDoc
	if t.docs > maxDocs {
		most = shortDoc
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
		if i := strings.LastIndexAny(s, " \n"); i > most/2 {
			s = s[:i]
		}
		s += " …"
	}
	t.docs += len(s)
	return s
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}

// flat are the rows of a payload by their path, in order; alternatives are told
// together.
func (f *Field) flat() []*Field {
	var all []*Field
	seen := map[string]bool{}
	var walk func(f *Field)
	walk = func(f *Field) {
		for _, one := range f.Fields {
			if one.Path != "" && !seen[one.Path] {
				seen[one.Path] = true
				all = append(all, one)
			}
			walk(one)
		}
		for _, tab := range f.Tabs {
			walk(tab.Field)
		}
	}
	if f != nil {
		walk(f)
	}
	return all
}

// Usage is which fields of an event type each of its readers declares.
type Usage struct {
	Readers []*Service
	Rows    []UsageRow
	More    int // rows that are not shown
	Unread  int // fields that no reader declares
}

// UsageRow is a field, and what each reader does with it: needs, reads or "".
type UsageRow struct {
	Path string
	By   []string
	Gone bool // the sender does not have it
}

const maxUsageRows, maxUsageReaders = 120, 10

// usage is which fields the readers of a type declare, of those that its sender
// does; nil where nobody else describes it.
func (e *Event) usage(mine *Field) *Usage {
	home := e.Home.Service
	if mine == nil {
		return nil
	}
	u := &Usage{}
	index := map[string]int{}
	for _, f := range mine.flat() {
		index[f.Path] = len(u.Rows)
		u.Rows = append(u.Rows, UsageRow{Path: f.Path})
	}
	for _, p := range e.Receivers() {
		if p.Service == home || len(u.Readers) == maxUsageReaders {
			continue
		}
		theirs, _ := p.Service.payload(shapeOf(p.Service, e.Type))
		if theirs == nil {
			continue
		}
		u.Readers = append(u.Readers, p.Service)
		n := len(u.Readers)
		for _, f := range theirs.flat() {
			i, ok := index[f.Path]
			if !ok {
				i = len(u.Rows)
				index[f.Path] = i
				u.Rows = append(u.Rows, UsageRow{Path: f.Path, Gone: true})
			}
			for len(u.Rows[i].By) < n {
				u.Rows[i].By = append(u.Rows[i].By, "")
			}
			u.Rows[i].By[n-1] = "reads"
			if f.Required {
				u.Rows[i].By[n-1] = "needs"
			}
		}
	}
	if len(u.Readers) == 0 {
		return nil
	}
	for i := range u.Rows {
		row := &u.Rows[i]
		for len(row.By) < len(u.Readers) {
			row.By = append(row.By, "")
		}
		if !slices.ContainsFunc(row.By, func(s string) bool { return s != "" }) {
			u.Unread++
		}
	}
	if len(u.Rows) > maxUsageRows {
		u.More = len(u.Rows) - maxUsageRows
		u.Rows = u.Rows[:maxUsageRows]
	}
	return u
}

func shapeOf(s *Service, kind string) *gen.Shape {
	if g := s.generated(kind); g != nil {
		return g.Payload
	}
	return nil
}

// HTML is the rows of a payload. It is written here and not by a template, since it
// is most of most pages.
func (f *Field) HTML() template.HTML {
	var b strings.Builder
	f.inside(&b)
	return template.HTML(b.String())
}

// Bare is the row of a payload that is no object.
func (f *Field) Bare() template.HTML {
	var b strings.Builder
	b.WriteString(`<ul class="fields">`)
	f.row(&b)
	b.WriteString(`</ul>`)
	return template.HTML(b.String())
}

// Constraints is the words of a row.
func (f *Field) Constraints() template.HTML {
	var b strings.Builder
	f.words(&b)
	return template.HTML(b.String())
}

func (f *Field) words(b *strings.Builder) {
	esc := template.HTMLEscapeString
	for i, w := range f.Words {
		if i > 0 {
			b.WriteString(" · ")
		}
		b.WriteString(esc(w.Before))
		if w.Code != "" {
			b.WriteString("<code>" + esc(w.Code) + "</code>")
		}
		b.WriteString(esc(w.After))
	}
	if f.Default != "" {
		if len(f.Words) > 0 {
			b.WriteString(" · ")
		}
		b.WriteString("<code>" + esc(f.Default) + "</code> where it is missing")
	}
}

func (f *Field) row(b *strings.Builder) {
	esc := template.HTMLEscapeString
	b.WriteString(`<li class="field"><div class="line">`)
	if f.Name != "" {
		b.WriteString(`<code class="fname">` + esc(f.Name) + `</code>`)
	}
	b.WriteString(`<span class="type">` + esc(f.Type) + `</span>`)
	if f.Required {
		b.WriteString(`<span class="badge must">required</span>`)
	}
	if f.Deprecated {
		b.WriteString(`<span class="badge warn">deprecated</span>`)
	}
	b.WriteString(`</div>`)
	if len(f.Words) > 0 || f.Default != "" {
		b.WriteString(`<div class="words">`)
		f.words(b)
		b.WriteString(`</div>`)
	}
	if f.Doc != "" {
		b.WriteString(`<div class="doc">` + string(markdown(f.Doc)) + `</div>`)
	}
	if f.Recursive {
		b.WriteString(`<div class="words">like the one above that it is part of</div>`)
	}
	f.inside(b)
	b.WriteString("</li>\n")
}

func (f *Field) inside(b *strings.Builder) {
	esc := template.HTMLEscapeString
	if len(f.Fields) > 0 {
		b.WriteString(`<ul class="fields">`)
		for _, one := range f.Fields {
			one.row(b)
		}
		b.WriteString(`</ul>`)
	}
	if len(f.Tabs) == 0 {
		return
	}
	b.WriteString(`<div class="tabs" data-tabs="Alternatives">`)
	if f.Tag != "" {
		b.WriteString(`<p class="words">told apart by <code>` + esc(f.Tag) + `</code></p>`)
	}
	for _, tab := range f.Tabs {
		label := esc(tab.Label)
		b.WriteString(`<section data-tab="` + label + `"><h4 class="tabname">` + label + `</h4>`)
		if tab.Field.Doc != "" {
			b.WriteString(`<div class="doc">` + string(markdown(tab.Field.Doc)) + `</div>`)
		}
		if len(tab.Field.Fields) > 0 || len(tab.Field.Tabs) > 0 {
			if len(tab.Field.Words) > 0 {
				b.WriteString(`<p class="words">`)
				tab.Field.words(b)
				b.WriteString(`</p>`)
			}
			tab.Field.inside(b)
		} else {
			bare := *tab.Field
			bare.Doc = ""
			b.WriteString(`<ul class="fields">`)
			bare.row(b)
			b.WriteString(`</ul>`)
		}
		b.WriteString(`</section>`)
	}
	b.WriteString(`</div>`)
}
