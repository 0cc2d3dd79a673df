package schema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// resolution decides whether data written with one Avro schema can be read
// with another ("Schema Resolution" of the specification). Types that contain
// themselves are taken to resolve until something shows otherwise.
type resolution struct {
	least *leastData
	under map[[2]*avroType]bool
}

// unresolved is why a datum cannot be read, with the datum.
type unresolved struct {
	datum  []byte
	reason string
	at     string // in the datum, a JSON Pointer
}

func resolves(reader, writer *avroType) Containment {
	c := &resolution{least: newLeastData(writer), under: map[[2]*avroType]bool{}}
	if c.least.of(writer) == nil {
		return Containment{Verdict: Contained} // nothing can be written
	}
	u := c.fails(writer, reader, "")
	switch {
	case u == nil:
		return Containment{Verdict: Contained}
	case u.datum == nil:
		return Containment{Reason: u.reason}
	}
	n, faults := syntax.Parse(diag.NewFile("", string(u.datum)), syntax.JSON, syntax.Limits{})
	if len(faults) > 0 || len(validateAvro(writer, n)) > 0 || readable(writer, reader, n) {
		return Containment{Reason: "a datum was found that seems to be unreadable, but does not hold against the schemas: " + u.reason}
	}
	return Containment{Verdict: NotContained, Witness: u.datum, Reason: u.reason, Problem: Problem{Instance: u.at, Message: u.reason}}
}

// fails finds a datum of w that r cannot read, nil where there is none. path is
// where both stand, as a JSON Pointer.
func (c *resolution) fails(w, r *avroType, path string) *unresolved {
	if w.kind == avroUnknown || r.kind == avroUnknown {
		return &unresolved{reason: "a type could not be read"}
	}
	key := [2]*avroType{w, r}
	if c.under[key] || c.least.of(w) == nil {
		return nil
	}
	c.under[key] = true
	if w.kind == avroUnion {
		for _, b := range w.branches {
			if u := c.fails(b, r, path); u != nil {
				at := ""
				if b.kind != avroNull {
					at = "/" + b.branchName()
				}
				return u.wrap(at, func(datum []byte) []byte { return tagged(b, datum) })
			}
		}
		return nil
	}
	r, why := matching(w, r)
	if r == nil {
		if path != "" {
			why = path + ": " + why
		}
		return &unresolved{c.least.of(w), why, ""}
	}
	switch w.kind {
	case avroEnum:
		if r.kind == avroEnum && r.defaultSymbol() == "" {
			for _, s := range w.symbols {
				if !slices.Contains(r.symbols, s) {
					return &unresolved{AppendJSON(nil, text(s)), pathBefore(path) + "the reader's " + r.describe() + " has no symbol " + quote(s) + " and no default", ""}
				}
			}
		}
	case avroArray:
		return c.fails(w.items, r.items, path+"/0").wrap("/0", func(datum []byte) []byte { return slices.Concat([]byte("["), datum, []byte("]")) })
	case avroMap:
		return c.fails(w.items, r.items, path+"/key").wrap("/key", func(datum []byte) []byte { return slices.Concat([]byte(`{"key":`), datum, []byte("}")) })
	case avroRecord:
		for _, f := range r.fields {
			i := written(w, f)
			if i < 0 {
				if f.byDef == nil {
					return &unresolved{c.least.of(w), pathBefore(path) + "the reader's field " + quote(f.name) + " has no default and is not written", ""}
				}
				continue
			}
			if u := c.fails(w.fields[i].typ, f.typ, path+"/"+f.name); u != nil {
				return u.wrap("/"+w.fields[i].name, func(datum []byte) []byte { return c.least.record(w, i, datum) })
			}
		}
	}
	return nil
}

func pathBefore(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func (u *unresolved) wrap(at string, f func([]byte) []byte) *unresolved {
	if u == nil || u.datum == nil {
		return u
	}
	return &unresolved{f(u.datum), u.reason, at + u.at}
}

// matching is the type that a reader reads data of w, no union, with: r, or the
// first type of a union that is the same, or else the first that w can be
// promoted to.
func matching(w, r *avroType) (*avroType, string) {
	if r.kind != avroUnion {
		if why := mismatchAvro(w, r); why != "" {
			return nil, why
		}
		return r, ""
	}
	for _, b := range r.branches {
		if b.kind == w.kind && mismatchAvro(w, b) == "" {
			return b, ""
		}
	}
	for _, b := range r.branches {
		if mismatchAvro(w, b) == "" {
			return b, ""
		}
	}
	return nil, "no type of the reader's union (" + r.describe() + ") reads " + w.describe()
}

// mismatchAvro is why two types, no unions, do not match, "" where they do.
func mismatchAvro(w, r *avroType) string {
	other := "the reader has " + r.describe() + " where " + w.describe() + " is written"
	if w.kind != r.kind {
		promoted := false
		switch r.kind {
		case avroLong:
			promoted = w.kind == avroInt
		case avroFloat:
			promoted = w.kind == avroInt || w.kind == avroLong
		case avroDouble:
			promoted = w.kind == avroInt || w.kind == avroLong || w.kind == avroFloat
		case avroString:
			promoted = w.kind == avroBytes
		case avroBytes:
			promoted = w.kind == avroString
		}
		if !promoted {
			return other
		}
	}
	switch w.kind {
	case avroRecord, avroEnum, avroFixed:
		if !sameName(w, r) {
			return other + "; an alias would let it be read"
		}
		if w.kind == avroFixed && w.size != r.size {
			return other
		}
	}
	// Where both say what the bytes mean, and not the same, reading would change
	// the value.
	if w.logical.name != "" && r.logical.name != "" && w.logical != r.logical {
		return "the reader takes for " + r.logical.String() + " what is written as " + w.logical.String()
	}
	return ""
}

// sameName compares the names of named types without their namespaces, and with
// the reader's aliases.
func sameName(w, r *avroType) bool {
	if lastName(w.name) == lastName(r.name) {
		return true
	}
	for _, a := range items(r.node.Get("aliases")) {
		alias := a.Str()
		if !strings.Contains(alias, ".") {
			if i := strings.LastIndexByte(r.name, '.'); i >= 0 {
				alias = r.name[:i+1] + alias
			}
		}
		if alias == w.name {
			return true
		}
	}
	return false
}

func lastName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// written is the place of the field of a written record that a reader's field
// reads, -1 where there is none.
func written(w *avroType, f avroField) int {
	named := func(name string) int {
		return slices.IndexFunc(w.fields, func(g avroField) bool { return g.name == name })
	}
	if i := named(f.name); i >= 0 {
		return i
	}
	for _, a := range items(f.node.Get("aliases")) {
		if i := named(a.Str()); i >= 0 {
			return i
		}
	}
	return -1
}

func (t *avroType) defaultSymbol() string { return t.node.Get("default").Str() }

// tagged is a datum of a branch of a union, in the JSON encoding.
func tagged(b *avroType, datum []byte) []byte {
	if b.kind == avroNull {
		return datum
	}
	return slices.Concat([]byte("{"), AppendJSON(nil, text(b.branchName())), []byte(":"), datum, []byte("}"))
}

// readable reports whether a datum, in the JSON encoding, can be read.
func readable(w, r *avroType, n *syntax.Node) bool {
	if w.kind == avroUnion {
		for _, b := range w.branches {
			if b.kind == avroNull && n.Kind == syntax.Null {
				return readable(b, r, n)
			}
			if n.Kind == syntax.Mapping && len(n.Items) == 1 && b.branchName() == n.Items[0].Key.Value {
				return readable(b, r, n.Items[0])
			}
		}
		return false
	}
	if r, _ = matching(w, r); r == nil {
		return false
	}
	switch w.kind {
	case avroEnum:
		return slices.Contains(r.symbols, n.Value) || r.defaultSymbol() != ""
	case avroArray, avroMap:
		return !slices.ContainsFunc(n.Items, func(item *syntax.Node) bool { return !readable(w.items, r.items, item) })
	case avroRecord:
		return !slices.ContainsFunc(r.fields, func(f avroField) bool {
			i := written(w, f)
			if i < 0 {
				return f.byDef == nil
			}
			value := n.Get(w.fields[i].name)
			return value == nil || !readable(w.fields[i].typ, f.typ, value)
		})
	}
	return true
}

// leastData knows the least datum of types, in the JSON encoding.
type leastData struct {
	data map[*avroType][]byte
}

// maxDatum bounds a datum that is made, in bytes.
const maxDatum = 1 << 20

// newLeastData makes the least data of a type and those in it. A type gets its
// datum once those that it needs have theirs, so a record that always contains
// itself gets none.
func newLeastData(root *avroType) *leastData {
	var all []*avroType
	seen := map[*avroType]bool{}
	var collect func(t *avroType)
	collect = func(t *avroType) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		for _, b := range t.branches {
			collect(b)
		}
		collect(t.items)
		for _, f := range t.fields {
			collect(f.typ)
		}
		all = append(all, t)
	}
	collect(root)
	l := &leastData{map[*avroType][]byte{}}
	for changed := true; changed; {
		changed = false
		for _, t := range all {
			if l.data[t] == nil {
				if datum := l.make(t); datum != nil && len(datum) <= maxDatum {
					l.data[t] = datum
					changed = true
				}
			}
		}
	}
	return l
}

func (l *leastData) of(t *avroType) []byte { return l.data[t] }

func (l *leastData) make(t *avroType) []byte {
	switch t.kind {
	case avroNull:
		return []byte("null")
	case avroBoolean:
		return []byte("false")
	case avroInt, avroLong, avroFloat, avroDouble:
		return []byte("0")
	case avroString:
		if t.logical.name == "uuid" {
			return []byte(`"00000000-0000-4000-8000-000000000000"`)
		}
		return []byte(`""`)
	case avroBytes:
		return []byte(`""`)
	case avroFixed:
		return []byte(`"` + strings.Repeat(`\u0000`, min(t.size, maxDatum)) + `"`)
	case avroEnum:
		if len(t.symbols) > 0 {
			return AppendJSON(nil, text(t.symbols[0]))
		}
	case avroArray:
		return []byte("[]")
	case avroMap:
		return []byte("{}")
	case avroUnion:
		for _, b := range t.branches {
			if datum := l.data[b]; datum != nil {
				return tagged(b, datum)
			}
		}
	case avroRecord:
		return l.record(t, -1, nil)
	}
	return nil
}

// record is a record with a datum as field i and the least in the others; nil
// where a field has none.
func (l *leastData) record(t *avroType, i int, datum []byte) []byte {
	b := []byte{'{'}
	for k, f := range t.fields {
		value := l.data[f.typ]
		if k == i {
			value = datum
		}
		if value == nil {
			return nil
		}
		if k > 0 {
			b = append(b, ',')
		}
		b = append(append(strconv.AppendQuote(b, f.name), ':'), value...)
	}
	return append(b, '}')
}
