package check

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"context"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// member is a member of an object whose order is kept.
type member struct {
	key   string
	value any
}

// ordered is an object.
type ordered []member

func (o ordered) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// valueOf turns a tree into values that can be written again.
func valueOf(n *syntax.Node) any {
	switch n.Kind {
	case syntax.Mapping:
		o := ordered{}
		for _, item := range n.Items {
			o = append(o, member{item.KeyName(), valueOf(item)})
		}
		return o
	case syntax.Sequence:
		l := []any{}
		for _, item := range n.Items {
			l = append(l, valueOf(item))
		}
		return l
	case syntax.String:
		return n.Value
	}
	return json.RawMessage(n.Value)
}

func jsonText(v any) []byte {
	switch v := v.(type) {
	case ordered:
		b := []byte{'{'}
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			key, _ := json.Marshal(m.key)
			b = append(append(append(b, key...), ':'), jsonText(m.value)...)
		}
		return append(b, '}')
	case []any:
		b := []byte{'['}
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, jsonText(item)...)
		}
		return append(b, ']')
	case json.RawMessage:
		return v
	}
	b, _ := json.Marshal(v)
	return b
}

// rewriter says the same document in another way.
type rewriter struct {
	rnd   *rand.Rand
	root  any
	files map[string][]byte
}

// deref finds what a local reference leads to.
func (r *rewriter) deref(ref string) any {
	v := r.root
	for _, token := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		o, ok := v.(ordered)
		if !ok {
			return nil
		}
		v = o.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
	}
	return v
}

// again says a value in another way. Schemas are inlined or moved to files of
// their own, keys come in another order.
func (r *rewriter) again(v any, path []string, depth int) any {
	switch v := v.(type) {
	case ordered:
		if ref, ok := v.get("$ref").(string); ok && len(v) == 1 {
			if strings.HasPrefix(ref, "#/components/schemas/") && depth < 6 {
				switch to := r.deref(ref); {
				case to == nil:
				case r.rnd.Intn(3) == 0:
					return r.again(to, path, depth+1)
				case r.rnd.Intn(4) == 0 && !strings.Contains(string(jsonText(to)), `"$ref"`):
					name := fmt.Sprintf("schemas/s%d.json", len(r.files))
					r.files[name] = jsonText(to)
					return ordered{{"$ref", "./" + name}}
				}
			}
			return v
		}
		o := make(ordered, 0, len(v))
		for _, m := range v {
			o = append(o, member{m.key, r.again(m.value, append(path, m.key), depth)})
		}
		if !slices.Contains([]string{"example", "examples"}, last(path)) {
			r.rnd.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
		}
		return o
	case []any:
		l := make([]any, 0, len(v))
		for _, item := range v {
			l = append(l, r.again(item, append(path, "[]"), depth))
		}
		if key := last(path); key == "required" || key == "enum" || key == "anyOf" || key == "oneOf" || key == "allOf" {
			r.rnd.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
		}
		return l
	}
	return v
}

func last(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

// renamed gives the components other keys.
func renamed(rnd *rand.Rand, root any) string {
	components, _ := root.(ordered).get("components").(ordered)
	type change struct{ from, to string }
	var changes []change
	for _, group := range []string{"schemas", "messages", "messageTraits"} {
		named, _ := components.get(group).(ordered)
		for i := range named {
			if rnd.Intn(2) == 0 {
				to := fmt.Sprintf("%sX%d", named[i].key, rnd.Intn(100))
				at := `"#/components/` + group + "/"
				changes = append(changes, change{at + named[i].key + `"`, at + to + `"`}, change{at + named[i].key + "/", at + to + "/"})
				named[i].key = to
			}
		}
	}
	text := string(jsonText(root))
	for _, c := range changes {
		text = strings.ReplaceAll(text, c.from, c.to)
	}
	return text
}

// documentsAt are the documents that the properties are tried on.
func documentsAt(t *testing.T) map[string]string {
	out := map[string]string{"base": strings.ReplaceAll(comparedBase, "SEND", "send")}
	for _, name := range []string{"orders", "billing", "shipping"} {
		text, err := os.ReadFile("../../examples/orders/" + name + ".asyncapi.yaml")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = "../../../shared/testdata"
	}
	more, _ := filepath.Glob(filepath.Join(dir, "asyncapi-spec-examples", "*", "*.y*ml"))
	again, _ := filepath.Glob(filepath.Join(dir, "asyncapi-spec-examples", "*.y*ml"))
	for _, file := range append(more, again...) {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "asyncapi: 3") || strings.Contains(string(text), "asyncapi: '3") {
			out[filepath.Base(file)] = string(text)
		}
	}
	return out
}

// TestCompareRewritten says documents in other words that mean the same: no
// change is found but in words.
func TestCompareRewritten(t *testing.T) {
	rnd := rand.New(rand.NewSource(4))
	documents := documentsAt(t)
	tried := 0
	for name, text := range documents {
		old, _ := comparedContract(t, text)
		root := valueOf(old.Document().Written)
		for range 30 {
			r := &rewriter{rnd: rnd, root: root, files: map[string][]byte{}}
			again := renamed(rnd, r.again(root, nil, 0))
			fsys := fstest.MapFS{"a.json": {Data: []byte(again)}}
			for file, text := range r.files {
				fsys[file] = &fstest.MapFile{Data: text}
			}
			new, found, err := contract.Load(context.Background(), "a.json", contract.Options{FS: fsys})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found {
				if d.Rule == "ref-unresolved" && !strings.Contains(again, "unresolvable") {
					t.Logf("%s: %s", name, d.Message)
				}
			}
			tried++
			for _, changes := range [][]*Change{Compare(old, new, Comparing{}), Compare(new, old, Comparing{})} {
				for _, c := range changes {
					if !c.Quiet {
						t.Fatalf("%s: %v %s: %s %s\n%s", name, c.Weight, c.Rule, c.Message, c.Reason, again)
					}
				}
			}
		}
	}
	t.Logf("%d rewritten documents of %d", tried, len(documents))
}

var mutatedPayloads = flag.Int("mutated", 150, "how many payloads TestCompareMutated changes")

// TestCompareMutated changes the schemas of a document at random. Where a value
// is found by chance that the one side may send and the other refuses, the gate
// has to say so.
func TestCompareMutated(t *testing.T) {
	rnd := rand.New(rand.NewSource(8))
	broken, silent := 0, 0
	for range *mutatedPayloads {
		a, b := randomPayload(rnd, 3), any(nil)
		b = mutatedPayload(rnd, a)
		texts := [2][]byte{}
		texts[0], _ = json.Marshal(a)
		texts[1], _ = json.Marshal(b)
		document := func(i int) string {
			return `{"asyncapi":"3.0.0","info":{"title":"t","version":"1.0.0"},"x-compatibility":{"producers":"open"},"channels":{"c":{"address":"c","messages":{"m":{"name":"m.made.v1","payload":` +
				string(texts[i]) + `}}}},"operations":{"o":{"action":"send","channel":{"$ref":"#/channels/c"}}}}`
		}
		old, _ := comparedContract(t, document(0))
		new, _ := comparedContract(t, document(1))
		changes := Compare(old, new, Comparing{})
		oldSchema, err := schema.Parse("", texts[0], schema.AsyncAPI)
		newSchema, err2 := schema.Parse("", texts[1], schema.AsyncAPI)
		if err != nil || err2 != nil {
			continue
		}
		told := slices.ContainsFunc(changes, func(c *Change) bool { return c.Weight >= Unknown })
		var witness []byte
		for seed := range 3 {
			samples, _ := newSchema.Sample(uint64(seed), 4)
			misses, _ := oldSchema.Misses(uint64(seed), 10)
			for _, m := range misses {
				samples = append(samples, m.Value)
			}
			for _, v := range samples {
				if newSchema.ValidJSON(v) && !oldSchema.ValidJSON(v) {
					witness = v
				}
			}
		}
		switch {
		case witness != nil && !told:
			t.Fatalf("%s breaks, and nobody says so\nold %s\nnew %s\n%+v", witness, texts[0], texts[1], changes)
		case witness != nil:
			broken++
		case told:
			silent++
		}
		for _, c := range changes {
			if c.Verdict == schema.NotContained && (!newSchema.ValidJSON(c.Witness) || oldSchema.ValidJSON(c.Witness)) {
				t.Fatalf("the witness %s is none\nold %s\nnew %s", c.Witness, texts[0], texts[1])
			}
		}
	}
	t.Logf("%d breaks were found by chance and told, %d more were told", broken, silent)
	if broken < *mutatedPayloads/5 {
		t.Error("too few of the mutations break")
	}
}

func randomPayload(rnd *rand.Rand, depth int) any {
	leaves := []any{
		map[string]any{"type": "string"}, map[string]any{"type": "string", "minLength": 2}, map[string]any{"type": "string", "pattern": "^[A-Z]{3}$"}, map[string]any{"type": "integer", "minimum": 1},
		map[string]any{"type": "number"}, map[string]any{"enum": []any{"a", "b"}}, map[string]any{"type": "boolean"}, map[string]any{"type": []any{"string", "null"}}, map[string]any{"type": "string", "format": "date"},
	}
	if depth == 0 {
		return leaves[rnd.Intn(len(leaves))]
	}
	switch rnd.Intn(5) {
	case 0:
		return leaves[rnd.Intn(len(leaves))]
	case 1:
		return map[string]any{"type": "array", "items": randomPayload(rnd, depth-1), "maxItems": 1 + rnd.Intn(3)}
	case 2:
		return map[string]any{"oneOf": []any{
			map[string]any{"type": "object", "required": []any{"k"}, "properties": map[string]any{"k": map[string]any{"const": "x"}, "v": randomPayload(rnd, depth-1)}},
			map[string]any{"type": "object", "required": []any{"k"}, "properties": map[string]any{"k": map[string]any{"const": "y"}, "w": randomPayload(rnd, depth-1)}},
		}}
	}
	properties, required := map[string]any{}, []any{}
	for _, name := range []string{"a", "b", "c"}[:1+rnd.Intn(3)] {
		properties[name] = randomPayload(rnd, depth-1)
		if rnd.Intn(2) == 0 {
			required = append(required, name)
		}
	}
	o := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if rnd.Intn(3) == 0 {
		o["additionalProperties"] = false
	}
	return o
}

// mutatedPayload changes one thing.
func mutatedPayload(rnd *rand.Rand, v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return v
	}
	c := map[string]any{}
	for k, x := range o {
		c[k] = x
	}
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	switch k := keys[rnd.Intn(len(keys))]; k {
	case "properties":
		p := map[string]any{}
		var names []string
		for name, x := range c[k].(map[string]any) {
			p[name] = x
			names = append(names, name)
		}
		slices.Sort(names)
		name := names[rnd.Intn(len(names))]
		switch rnd.Intn(4) {
		case 0:
			delete(p, name)
		case 1:
			p["new"] = randomPayload(rnd, 0)
		default:
			p[name] = mutatedPayload(rnd, p[name])
		}
		c[k] = p
	case "items":
		c[k] = mutatedPayload(rnd, c[k])
	case "oneOf":
		list := slices.Clone(c[k].([]any))
		i := rnd.Intn(len(list))
		list[i] = mutatedPayload(rnd, list[i])
		c[k] = list
	case "required":
		if list := c[k].([]any); len(list) > 1 || rnd.Intn(2) == 0 {
			c[k] = list[1:]
		}
	case "minLength", "minimum":
		c[k] = rnd.Intn(4)
	case "maxItems":
		c[k] = rnd.Intn(5)
	case "pattern":
		c[k] = []string{"^[A-Z]{3,4}$", "^(EUR|USD)$", "^[A-Za-z]{3}$"}[rnd.Intn(3)]
	case "enum":
		c[k] = []any{"a", "c"}[:1+rnd.Intn(2)]
	case "type":
		switch rnd.Intn(3) {
		case 0:
			return randomPayload(rnd, 0)
		case 1:
			delete(c, k)
		}
	default:
		delete(c, k)
	}
	return c
}
