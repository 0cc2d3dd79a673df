package gen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/schema"
)

// corpus is one contract with an event for each schema of testdata/corpus, whose
// key is the file's name, and for random ones.
func corpus(t testing.TB) *contract.Contract {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.json"))
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d schemas, %v", len(paths), err)
	}
	files := map[string]string{}
	var names []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		files[name+".json"] = string(text)
		names = append(names, name)
	}
	for name, text := range randomSchemas(1, 40) {
		files[name+".json"] = text
		names = append(names, name)
	}
	slices.Sort(names)
	var messages []string
	for _, name := range names {
		messages = append(messages, fmt.Sprintf(`%q:{"headers":{"type":"object","required":["type"],"properties":{"type":{"type":"string","const":"corpus.%s.v1"}}},
"payload":{"schemaFormat":"application/schema+json;version=draft-2020-12","schema":{"$ref":"%s.json"}}}`, name, name, name))
	}
	files["c.json"] = `{"asyncapi":"3.1.0","info":{"title":"Corpus","version":"1.0.0"},"defaultContentType":"application/cloudevents+json","x-compatibility":{"producers":"open"},
"channels":{"c":{"address":"c","messages":{` + strings.Join(messages, ",\n") + `}}}}`
	return contractOf(t, files, "c.json")
}

// vector is a value for an event of the corpus, and whether it is one.
type vector struct {
	ID      string          `json:"id"`
	Event   string          `json:"event"` // its type
	Value   json.RawMessage `json:"value"`
	Valid   bool            `json:"valid"`
	Pointer string          `json:"pointer,omitempty"` // into the data, where a near miss is one
	Keyword string          `json:"keyword,omitempty"`
}

// vectors are samples and near misses of each event of a contract.
func vectors(t testing.TB, c *contract.Contract, samples, misses int) []vector {
	t.Helper()
	var all []vector
	compiler := schema.NewCompiler(c.Document().Schema)
	for _, e := range c.EventTypes {
		p := e.Messages[0].Payload
		if p == nil {
			continue
		}
		s, err := compiler.Compile(p.Node(), p.Dialect)
		if err != nil {
			t.Fatal(err)
		}
		good, err := s.Sample(1, samples)
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		for i, v := range good {
			all = append(all, vector{ID: fmt.Sprintf("%s-%d", e.Type, i), Event: e.Type, Value: v, Valid: true})
		}
		seen := map[string]bool{}
		for seed := uint64(1); seed <= 40 && len(seen) < misses; seed++ {
			near, err := s.Misses(seed, misses)
			if err != nil {
				break // nothing can be refused
			}
			for _, m := range near {
				if len(seen) < misses && !seen[string(m.Value)] {
					seen[string(m.Value)] = true
					all = append(all, vector{ID: fmt.Sprintf("%s-miss-%d", e.Type, len(seen)), Event: e.Type, Value: m.Value, Pointer: m.Problem.Instance, Keyword: m.Problem.Keyword})
				}
			}
		}
	}
	return all
}

// goProgram handles each event by the generated consumer, and writes what it was
// given once more.
const goProgram = `package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/event"
	mem "github.com/treaty-events/treaty/store/memory"

	generated %q
)

type hooks struct{ sync.Mutex; out *json.Encoder; left int; done chan struct{}; again map[string]json.RawMessage }

func (h *hooks) Outcome(_ context.Context, o treaty.Outcome) {
	h.Lock()
	defer h.Unlock()
	line := map[string]any{"id": o.Delivered.ID, "result": o.Result.String(), "reason": o.Reason}
	if v, ok := h.again[o.Delivered.ID]; ok { line["value"] = v }
	if o.Err != nil { line["err"] = o.Err.Error() }
	if err := h.out.Encode(line); err != nil { log.Fatal(err) }
	if h.left--; h.left == 0 { close(h.done) }
}

func (h *hooks) keep(d *treaty.Delivered, data any) error {
	text, err := json.Marshal(data)
	if err != nil { return treaty.Reject(err) }
	h.Lock()
	defer h.Unlock()
	h.again[d.ID] = text
	return nil
}

func main() {
	b := memory.New()
	out := bufio.NewWriter(os.Stdout)
	h := &hooks{out: json.NewEncoder(out), done: make(chan struct{}), again: map[string]json.RawMessage{}}
	in := json.NewDecoder(os.Stdin)
	for {
		var v struct{ ID, Event string; Value json.RawMessage }
		if err := in.Decode(&v); err == io.EOF { break } else if err != nil { log.Fatal(err) }
		e := event.Event{ID: v.ID, Source: "/corpus", Type: v.Event, DataContentType: "application/json", Data: v.Value}
		var m broker.Message
		if err := event.Kafka.Encode(&m.Message, &e, event.StructuredMode); err != nil { log.Fatal(err) }
		if err := b.Publish(context.Background(), broker.Channel{Address: "c"}, m); err != nil { log.Fatal(err) }
		h.left++
	}
	c, err := generated.NewConsumer(b, "corpus", generated.Handlers{
%s	}, treaty.Hooks(h), treaty.Store(mem.New()), treaty.Logger(slog.New(slog.DiscardHandler)), treaty.MaxInFlight(4))
	if err != nil { log.Fatal(err) }
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- c.Run(ctx) }()
	select {
	case <-h.done:
	case err := <-over:
		log.Fatal(err)
	}
	cancel()
	if err := <-over; err != nil { log.Fatal(err) }
	if err := out.Flush(); err != nil { log.Fatal(err) }
	fmt.Fprintln(os.Stderr, "ok")
}
`

// answer is what a program in some language says of a vector.
type answer struct {
	ID     string          `json:"id"`
	Result string          `json:"result"`
	Reason string          `json:"reason"`
	Value  json.RawMessage `json:"value"`
	Err    string          `json:"err"`
}

// TestGoCorpus generates a package of the whole corpus, compiles it, and sends it
// samples and near misses of every schema: samples are handled, and written again
// as they came; near misses are refused, where they are wrong.
func TestGoCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a package")
	}
	c := corpus(t)
	in := &Input{Model: ModelOf(c, Everything), Version: "test", Package: "generated"}
	files, err := goTarget.Generate(in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := goTarget.Generate(&Input{Model: ModelOf(corpus(t), Everything), Version: "test", Package: "generated"})
	if err != nil || !reflect.DeepEqual(files, again) {
		t.Error("two runs do not give the same bytes")
	}
	// Below testdata, where the module's packages can be imported and ./... does not look.
	dir, err := os.MkdirTemp("testdata", "go-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write := func(name string, text []byte) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		write("generated/"+f.Path, f.Text)
	}
	g := &golang{Input: in, imports: map[string]bool{}, used: map[string]bool{}}
	if _, err := g.file(); err != nil {
		t.Fatal(err)
	}
	var handlers strings.Builder
	for _, e := range in.Events {
		typ := g.dataType(e)
		typ = qualify(typ, g)
		fmt.Fprintf(&handlers, "\t\t%s: func(_ context.Context, d *treaty.Delivered, data %s) error { return h.keep(d, data) },\n", g.events[e], typ)
	}
	pkg := "github.com/treaty-events/treaty/internal/gen/" + filepath.ToSlash(dir) + "/generated"
	program := fmt.Sprintf(goProgram, pkg, handlers.String())
	if strings.Contains(program, "codec.") {
		program = strings.Replace(program, "import (", "import (\n\t\"github.com/treaty-events/treaty/codec\"", 1)
	}
	write("main.go", []byte(program))
	binary := filepath.Join(t.TempDir(), "corpus")
	for _, args := range [][]string{{"vet", "./" + dir + "/generated"}, {"build", "-o", binary, "./" + dir}} {
		if text, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, text)
		}
	}
	all := vectors(t, c, 100, 100)
	var stdin, stdout, stderr bytes.Buffer
	enc := json.NewEncoder(&stdin)
	for _, v := range all {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command(binary)
	run.Stdin, run.Stdout, run.Stderr = &stdin, &stdout, &stderr
	if err := run.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	judge(t, all, &stdout)
}

// qualify puts the package before the names that it has.
func qualify(typ string, g *golang) string {
	for _, prefix := range []string{"*", "[]", "map[string]"} {
		if rest, ok := strings.CutPrefix(typ, prefix); ok {
			return prefix + qualify(rest, g)
		}
	}
	for _, name := range g.names {
		if name == typ {
			return "generated." + typ
		}
	}
	return typ
}

// judge holds the answers of a program to the vectors.
func judge(t *testing.T, all []vector, answers *bytes.Buffer) {
	t.Helper()
	by := map[string]answer{}
	scan := bufio.NewScanner(answers)
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var a answer
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		by[a.ID] = a
	}
	good, bad, wrong := 0, 0, 0
	for _, v := range all {
		a, ok := by[v.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case v.Valid && a.Result != "handled":
			problem = fmt.Sprintf("it is valid, and was %s: %s", a.Result, a.Err)
		case v.Valid && !sameJSON(v.Value, a.Value):
			problem = fmt.Sprintf("it was written again as %s", a.Value)
		case !v.Valid && (a.Result != "dead-lettered" || a.Reason != "invalid"):
			problem = fmt.Sprintf("it is invalid at %s (%s), and was %s %s", v.Pointer, v.Keyword, a.Result, a.Reason)
		case !v.Valid && !strings.Contains(a.Err, "/data"+v.Pointer):
			problem = fmt.Sprintf("it is wrong at %s (%s), and this was said: %s", v.Pointer, v.Keyword, a.Err)
		case v.Valid:
			good++
		default:
			bad++
		}
		if problem != "" {
			if wrong++; wrong <= 20 {
				t.Errorf("%s: %s\n  %s", v.ID, v.Value, problem)
			}
		}
	}
	t.Logf("%d samples came back as they were, %d near misses were refused in their place, %d went wrong", good, bad, wrong)
}

// sameJSON compares two texts as values; numbers as they are, not as written.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// Hostile texts of a contract do not get out of their comments and names.
func TestGoHostile(t *testing.T) {
	c := contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"X\n*/ func init() { panic(1) } //","version":"1.0.0\nfunc init() {}"},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{"a\nfunc init() {}":{"summary":"One\nfunc init() {}\u2028func init() {}","headers":{"type":"object","properties":{"type":{"type":"string","const":"a.b.v1\"\nfunc init() {}"}}},
"payload":{"type":"object","title":"T","description":"*/ \nfunc init() {}\r\nfunc init() {}","properties":{"x` + "`" + `\"\n":{"type":"string","enum":["a\"\n\tfunc","b` + "`" + `"]}}}}}}}}`}, "c.json")
	files, err := goTarget.Generate(&Input{Model: ModelOf(c, Everything), Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(files[0].Text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "func init()") {
			t.Errorf("a text of the contract is code: %s", line)
		}
	}
}

// What is not expressible names its place.
func TestUnknownLanguage(t *testing.T) {
	c := contractOf(t, map[string]string{"c.yaml": "asyncapi: 3.1.0\ninfo: {title: X, version: 1.0.0}\nchannels:\n  c:\n    address: c\n    messages:\n      m:\n        contentType: application/cloudevents+json\n        headers: {type: object, properties: {type: {type: string, const: a.b.v1}}}\n        payload:\n          schemaFormat: application/vnd.google.protobuf;version=3\n          schema: 'message X {}'\n"}, "c.yaml")
	m := ModelOf(c, Everything)
	_, err := (&Input{Model: m}).Rules(m.Events[0], false)
	if err == nil || !strings.Contains(err.Error(), "c.yaml:1") {
		t.Error(err)
	}
	if len(m.Untyped) != 1 {
		t.Errorf("%d places have no type", len(m.Untyped))
	}
}

// A folder is written, found fresh, found stale, and never written over what
// treaty did not make.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	in := func(schema string) *Input {
		return &Input{Model: ModelOf(withPayload(t, schema), Everything), Version: "v"}
	}
	plan := func(schema string) *Folder {
		t.Helper()
		f, err := Plan(goTarget, in(schema), dir)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	stale := func(f *Folder) []string {
		t.Helper()
		all, err := f.Stale()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	f := plan(`{"type":"object","properties":{"a":{"type":"string"}}}`)
	if got := stale(f); len(got) != 3 {
		t.Errorf("stale are %v", got)
	}
	written, _, err := f.Write()
	if err != nil || len(written) != 3 {
		t.Fatal(written, err)
	}
	f = plan(`{"type":"object","properties":{"a":{"type":"string"}}}`)
	if got := stale(f); len(got) != 0 {
		t.Errorf("stale are %v", got)
	}
	if written, _, err := f.Write(); err != nil || len(written) != 0 {
		t.Error(written, err)
	}
	f = plan(`{"type":"object","properties":{"b":{"type":"string"}}}`)
	if got := stale(f); !slices.Contains(got, "treaty.gen.go") {
		t.Errorf("stale are %v", got)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "treaty.gen.go"), []byte("package mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err = Plan(goTarget, in(`{"type":"string"}`), other)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Write(); err == nil || !strings.Contains(err.Error(), "treaty did not make it") {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(other, "treaty.gen.go")); string(text) != "package mine\n" {
		t.Error("what treaty did not make was written over")
	}
}

// Whole contracts compile: the hard one (parameters, a discriminator, Avro,
// request and reply, traits, another file), and the specification's examples.
func TestGoContracts(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles packages")
	}
	paths := []string{filepath.Join("testdata", "hard", "hard.yaml"), filepath.Join("..", "..", "examples", "orders", "shipping.asyncapi.yaml")}
	data := os.Getenv("TREATY_TESTDATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	examples, err := filepath.Glob(filepath.Join(data, "asyncapi-spec-examples", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) == 0 {
		t.Logf("the specification's examples are not at %s; set TREATY_TESTDATA", data)
	}
	dir, err := os.MkdirTemp("testdata", "go-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	args := []string{"vet"}
	for i, path := range append(paths, examples...) {
		c, _, err := contract.Load(t.Context(), filepath.Base(path), contract.Options{FS: os.DirFS(filepath.Dir(path))})
		if err != nil {
			t.Fatal(err)
		}
		in := &Input{Model: ModelOf(c, Everything), Version: "test", Package: "generated"}
		if len(in.Events) == 0 {
			continue
		}
		files, err := goTarget.Generate(in)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		to := filepath.Join(dir, fmt.Sprintf("p%d", i))
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(to, f.Path), f.Text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, "./"+filepath.ToSlash(to))
	}
	if text, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
