package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// avroValidation holds a datum against a type: in Avro's JSON encoding, in
// which a union's value is tagged with its type, or as plain JSON, in which it
// is not. Examples are written both ways.
type avroValidation struct {
	defaults bool // the value is a default, in which unions are never tagged
	problems []Problem
	path     []string
	steps    int
}

func validateAvro(t *avroType, n *syntax.Node) []Problem {
	v := &avroValidation{}
	v.check(t, n)
	return v.problems
}

func (v *avroValidation) fault(t *avroType, n *syntax.Node, keyword, format string, args ...any) {
	span, pointer := keywordSpan(t.node, keyword)
	v.problems = append(v.problems, Problem{Instance: pathPointer(v.path), Node: n, Keyword: keyword, Schema: span, SchemaPointer: pointer, Message: fmt.Sprintf(format, args...)})
}

func (v *avroValidation) child(t *avroType, token string, n *syntax.Node) {
	v.path = append(v.path, token)
	v.check(t, n)
	v.path = v.path[:len(v.path)-1]
}

func (v *avroValidation) check(t *avroType, n *syntax.Node) {
	if n.Kind == syntax.Invalid {
		return
	}
	if v.steps++; v.steps > maxSteps {
		if v.steps == maxSteps+1 {
			v.fault(t, n, "", "%s", tooManySteps)
		}
		return
	}
	wrong := func(want string) {
		v.fault(t, n, "type", "%s", mismatch(n, want))
	}
	switch t.kind {
	case avroNull:
		if n.Kind != syntax.Null {
			wrong("null")
		}
	case avroBoolean:
		if n.Kind != syntax.Bool {
			wrong("true or false")
		}
	case avroInt, avroLong:
		v.integer(t, n, wrong)
	case avroFloat, avroDouble:
		switch {
		case n.Kind == syntax.Number:
		case n.Kind == syntax.String && (n.Value == "NaN" || n.Value == "Infinity" || n.Value == "-Infinity"):
		default:
			wrong("a number")
		}
	case avroString:
		if n.Kind != syntax.String {
			wrong("a string")
		} else if !t.holdsBytes([]byte(n.Value)) {
			v.fault(t, n, "logicalType", "%s is no %s", quote(n.Value), t.logical)
		}
	case avroBytes, avroFixed:
		v.binary(t, n, wrong)
	case avroEnum:
		v.symbol(t, n, wrong)
	case avroArray:
		if n.Kind != syntax.Sequence {
			wrong("a list")
			return
		}
		for i, item := range n.Items {
			if t.items != nil {
				v.child(t.items, strconv.Itoa(i), item)
			}
		}
	case avroMap:
		if n.Kind != syntax.Mapping {
			wrong("an object")
			return
		}
		for _, item := range n.Items {
			if t.items != nil {
				v.child(t.items, item.Key.Value, item)
			}
		}
	case avroRecord:
		v.record(t, n, wrong)
	case avroUnion:
		v.union(t, n)
	}
}

func (v *avroValidation) integer(t *avroType, n *syntax.Node, wrong func(string)) {
	d := parsed(n)
	if d == nil {
		wrong("a whole number (" + t.name + ")")
		return
	}
	bits := 32
	if t.kind == avroLong {
		bits = 64
	}
	least, _ := parseDecimal(strconv.FormatInt(-1<<(bits-1), 10))
	most, _ := parseDecimal(strconv.FormatInt(1<<(bits-1)-1, 10))
	switch {
	case !d.isInteger():
		wrong("a whole number (" + t.name + ")")
	case d.cmp(least) < 0 || d.cmp(most) > 0:
		v.fault(t, n, "type", "%s does not fit %s, which has %d bits", clip(n.Value), t.name, bits)
	default:
		if i, ok := d.int(); ok && !t.logical.holdsNumber(int64(i)) {
			v.fault(t, n, "logicalType", "%s is no %s, which counts within a day", clip(n.Value), t.logical)
		}
	}
}

// binary checks bytes, each of which JSON writes as the character of its
// number.
func (v *avroValidation) binary(t *avroType, n *syntax.Node, wrong func(string)) {
	if n.Kind != syntax.String {
		wrong("a string, each character a byte")
		return
	}
	size := 0
	var b []byte
	for _, c := range n.Value {
		if c > 0xff {
			v.fault(t, n, "type", "%s has the character %q, but stands for bytes; write characters up to U+00FF", quote(n.Value), c)
			return
		}
		size++
		b = append(b, byte(c))
	}
	if !t.holdsBytes(b) {
		v.fault(t, n, "logicalType", "%s has more digits than %s", quote(n.Value), t.logical)
	}
	if t.kind == avroFixed && size != t.size {
		v.fault(t, n, "size", "%s has %s, but %s has %d", quote(n.Value), plural(size, "byte"), t.name, t.size)
	}
}

func (v *avroValidation) symbol(t *avroType, n *syntax.Node, wrong func(string)) {
	if n.Kind != syntax.String {
		wrong("one of the symbols " + orList(t.symbols))
		return
	}
	for _, s := range t.symbols {
		if s == n.Value {
			return
		}
	}
	if near, ok := diag.Nearest(n.Value, t.symbols); ok {
		v.fault(t, n, "symbols", "%s is no symbol of %s; did you mean %q?", quote(n.Value), t.name, near)
		return
	}
	v.fault(t, n, "symbols", "%s is no symbol of %s; write %s", quote(n.Value), t.name, clip(orList(t.symbols)))
}

func (v *avroValidation) record(t *avroType, n *syntax.Node, wrong func(string)) {
	if n.Kind != syntax.Mapping {
		wrong("an object with the fields of " + t.name)
		return
	}
	known := map[string]bool{}
	var free []string
	for _, f := range t.fields {
		known[f.name] = true
		if value := n.Get(f.name); value != nil {
			v.child(f.typ, f.name, value)
		} else {
			free = append(free, f.name)
		}
	}
	strays := []string{}
	for _, item := range n.Items {
		name := item.Key.Value
		if known[name] {
			continue
		}
		strays = append(strays, name)
		v.path = append(v.path, name)
		if near, ok := diag.Nearest(name, free); ok {
			v.fault(t, item, "fields", "%s is no field of %s; did you mean %q?", quote(name), t.name, near)
		} else {
			v.fault(t, item, "fields", "%s is no field of %s; remove it", quote(name), t.name)
		}
		v.path = v.path[:len(v.path)-1]
	}
	for _, f := range t.fields {
		if n.Get(f.name) != nil || f.byDef != nil {
			continue
		}
		if near, ok := diag.Nearest(f.name, strays); ok {
			v.fault(t, n, "fields", "field %s of %s is missing and has no default; there is %q instead, so rename it", quote(f.name), t.name, near)
		} else {
			v.fault(t, n, "fields", "field %s of %s is missing and has no default; add it", quote(f.name), t.name)
		}
	}
}

func (v *avroValidation) union(t *avroType, n *syntax.Node) {
	if n.Kind == syntax.Mapping && len(n.Items) == 1 && !v.defaults {
		tag := n.Items[0].Key.Value
		for _, b := range t.branches {
			if name := b.branchName(); name != "" && (name == tag || strings.HasSuffix(name, "."+tag)) {
				v.child(b, tag, n.Items[0])
				return
			}
		}
	}
	var best []Problem
	for _, b := range t.branches {
		one := &avroValidation{defaults: v.defaults, path: v.path, steps: v.steps}
		one.check(b, n)
		v.steps = one.steps
		if len(one.problems) == 0 {
			return
		}
		// A branch of the right form explains better than one of another type.
		if closer(one.problems, best, len(v.path)) {
			best = one.problems
		}
	}
	if best == nil || wrongKind(best, pathPointer(v.path)) {
		v.fault(t, n, "", "%s", mismatch(n, t.describe()))
		return
	}
	v.problems = append(v.problems, best...)
}

func closer(a, b []Problem, depth int) bool {
	if b == nil {
		return true
	}
	rank := func(ps []Problem) int {
		c := len(ps)
		for _, p := range ps {
			if p.Keyword == "type" && strings.Count(p.Instance, "/") <= depth {
				c += 1000
			}
		}
		return c
	}
	return rank(a) < rank(b)
}
