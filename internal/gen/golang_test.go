package gen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/race"
	"github.com/treaty-events/treaty/schema"
)

// goModule is a folder below testdata, where the module's packages can be imported
// and ./... does not look, with generated packages and a program of them.
type goModule struct {
	t    *testing.T
	dir  string
	path string // that it is imported by
}

func newGoModule(t *testing.T) *goModule {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles packages")
	}
	dir, err := os.MkdirTemp("testdata", "go-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &goModule{t, dir, "github.com/treaty-events/treaty/internal/gen/" + filepath.ToSlash(dir)}
}

func (m *goModule) write(name string, text []byte) {
	m.t.Helper()
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// generate makes the package of a contract, twice, which has to give the same bytes.
func (m *goModule) generate(name string, c *contract.Contract) *golang {
	m.t.Helper()
	in := &Input{Model: ModelOf(c, Everything), Version: "test", Package: name}
	files, err := goTarget.Generate(in)
	if err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
	again, err := goTarget.Generate(&Input{Model: ModelOf(c, Everything), Version: "test", Package: name})
	if err != nil || !reflect.DeepEqual(files, again) {
		m.t.Errorf("%s: two runs do not give the same bytes (%v)", name, err)
	}
	for _, f := range files {
		m.write(name+"/"+f.Path, f.Text)
	}
	g := &golang{Input: in, imports: map[string]bool{}, used: map[string]bool{}}
	if _, err := g.file(); err != nil {
		m.t.Fatal(err)
	}
	return g
}

// run vets the packages, compiles the program and runs it.
func (m *goModule) run(stdin []byte, packages ...string) []byte {
	m.t.Helper()
	vet := []string{"vet"}
	for _, name := range packages {
		vet = append(vet, "./"+filepath.ToSlash(m.dir)+"/"+name)
	}
	binary := filepath.Join(m.t.TempDir(), "program")
	for _, args := range [][]string{vet, {"build", "-o", binary, "./" + filepath.ToSlash(m.dir)}} {
		if text, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			if keep := os.Getenv("TREATY_KEEP"); keep != "" {
				_ = os.CopyFS(keep, os.DirFS(m.dir))
			}
			m.t.Fatalf("go %s: %v\n%s", args[0], err, text)
		}
	}
	var stdout, stderr bytes.Buffer
	run := exec.Command(binary)
	run.Stdin, run.Stdout, run.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := run.Run(); err != nil {
		m.t.Fatalf("%v\n%s", err, stderr.String())
	}
	return stdout.Bytes()
}

// goTypeElsewhere is a type of a generated package as another writes it.
func goTypeElsewhere(typ, pkg string, g *golang) string {
	for _, prefix := range []string{"*", "[]", "map[string]"} {
		if rest, ok := strings.CutPrefix(typ, prefix); ok {
			return prefix + goTypeElsewhere(rest, pkg, g)
		}
	}
	for _, name := range g.names {
		if name == typ {
			return pkg + "." + typ
		}
	}
	return typ
}

// goHooks is the part of the program that is the same for all packages: what became
// of each event is written, and of one that was handled its data, as they are
// written again and as a producer publishes them.
const goHooks = `package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"sync"

	"github.com/treaty-events/treaty"
	"github.com/treaty-events/treaty/broker"
	"github.com/treaty-events/treaty/broker/memory"
	"github.com/treaty-events/treaty/event"
)

type vector struct {
	ID, Package, Address, ContentType string
	Headers [][2]string
	Body []byte
	Written bool
}

type answer struct {
	ID, Result, Reason, Err string
	Again, Sent json.RawMessage
	SendErr string
}

type hooks struct {
	sync.Mutex
	left int
	done chan struct{}
	vectors map[string]vector
	answers map[string]*answer
	out *json.Encoder
}

func (h *hooks) of(id string) *answer {
	if h.answers[id] == nil { h.answers[id] = &answer{ID: id} }
	return h.answers[id]
}

func (h *hooks) Outcome(_ context.Context, o treaty.Outcome) {
	h.Lock()
	defer h.Unlock()
	id := ""
	if o.Delivered.Event != nil { id = o.Delivered.ID }
	a := h.of(id)
	a.Result, a.Reason = o.Result.String(), string(o.Reason)
	if o.Err != nil { a.Err = o.Err.Error() }
	if err := h.out.Encode(a); err != nil { log.Fatal(err) }
	if h.left--; h.left == 0 { close(h.done) }
}

func (h *hooks) keep(d *treaty.Delivered, data any, publish func(change func(*treaty.Event)) (*treaty.Event, error)) error {
	text, err := json.Marshal(data)
	if err != nil { return treaty.Reject(err) }
	h.Lock()
	defer h.Unlock()
	a := h.of(d.ID)
	a.Again = text
	if !h.vectors[d.ID].Written { return nil }
	sent, err := publish(func(e *treaty.Event) {
		data := e.Data
		kind := e.DataContentType
		*e = *d.Event
		e.Data, e.DataContentType = data, kind
	})
	if err != nil { a.SendErr = err.Error() } else { a.Sent = sent.Data }
	return nil
}

func (h *hooks) put(b *memory.Broker) {
	for _, v := range h.vectors {
		m := broker.Message{Message: event.Message{ContentType: v.ContentType, Body: v.Body}}
		for _, one := range v.Headers { m.Headers = append(m.Headers, event.Header{Name: one[0], Value: event.TextValue(one[1])}) }
		if err := b.Publish(context.Background(), broker.Channel{Address: v.Address}, m); err != nil { log.Fatal(err) }
		h.left++
	}
}

func (h *hooks) wait(c *treaty.Consumer) {
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
}

func main() {
	by := map[string]map[string]vector{}
	in := json.NewDecoder(os.Stdin)
	for {
		var v vector
		if err := in.Decode(&v); err == io.EOF { break } else if err != nil { log.Fatal(err) }
		if by[v.Package] == nil { by[v.Package] = map[string]vector{} }
		by[v.Package][v.ID] = v
	}
	out := bufio.NewWriter(os.Stdout)
	for name, vectors := range by {
		runs[name](&hooks{done: make(chan struct{}), vectors: vectors, answers: map[string]*answer{}, out: json.NewEncoder(out)})
	}
	if err := out.Flush(); err != nil { log.Fatal(err) }
}
`

// goRun is the part of the program for one package: a consumer of all its events.
func (m *goModule) goRun(name string, g *golang) {
	var b strings.Builder
	fmt.Fprintf(&b, "package main\n\nimport (\n\"context\"\n\"log\"\n\"log/slog\"\n\n\"github.com/treaty-events/treaty\"\n\"github.com/treaty-events/treaty/broker/memory\"\nmem \"github.com/treaty-events/treaty/store/memory\"\n\n%q\n", m.path+"/"+name)
	var handlers strings.Builder
	var channels []string
	for _, e := range g.Events {
		typ := goTypeElsewhere(g.dataType(e), name, g)
		parameter, data, argument := ", data "+typ, "data", "data, "
		if typ == "" {
			parameter, data, argument = "", "nil", ""
		}
		fmt.Fprintf(&handlers, "%s: func(ctx context.Context, d *treaty.Delivered%s) error {\nreturn h.keep(d, %s, func(change func(*treaty.Event)) (*treaty.Event, error) { return fakes[%q].Publish%s(ctx, d.Subject, %schange) })\n},\n", g.events[e], parameter, data, e.Message().Channel.Name, g.events[e], argument)
		channels = append(channels, e.Message().Channel.Name)
	}
	if strings.Contains(handlers.String(), "codec.") {
		b.WriteString("\"github.com/treaty-events/treaty/codec\"\n")
	}
	if strings.Contains(handlers.String(), "json.") {
		b.WriteString("\"encoding/json\"\n")
	}
	fmt.Fprintf(&b, `)

func run_%[1]s(h *hooks) {
	fakes := map[string]*%[1]s.Fake{}
	for _, channel := range %#[3]v {
		fake, err := %[1]s.NewFake(treaty.OnChannel(channel))
		if err != nil { log.Fatal(err) }
		fakes[channel] = fake
	}
	b := memory.New()
	c, err := %[1]s.NewConsumer(b, "corpus", %[1]s.Handlers{
%[2]s}, treaty.Hooks(h), treaty.Store(mem.New()), treaty.Logger(slog.New(slog.DiscardHandler)), treaty.MaxInFlight(4))
	if err != nil { log.Fatal(err) }
	h.put(b)
	h.wait(c)
}
`, name, handlers.String(), slices.Compact(slices.Sorted(slices.Values(channels))))
	m.write("run_"+name+".go", []byte(b.String()))
}

// alone is a contract without operations and whatever else says who sends what
// where: all its events are sent and received, each channel by a plain address.
func alone(t *testing.T, c *contract.Contract) *contract.Contract {
	t.Helper()
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader((&Input{Model: &Model{Contract: c}}).Document()))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "operations")
	delete(doc, "servers")
	n := 0
	plain := func(channels any) {
		all, _ := channels.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			ch, _ := all[name].(map[string]any)
			if ch == nil || ch["$ref"] != nil {
				continue
			}
			n++
			ch["address"] = fmt.Sprintf("c%d", n)
			for _, key := range []string{"parameters", "servers", "bindings", "x-delivery"} {
				delete(ch, key)
			}
		}
	}
	plain(doc["channels"])
	if components, ok := doc["components"].(map[string]any); ok {
		plain(components["channels"])
	}
	return contractOf(t, map[string]string{"c.json": string(mustJSON(doc))}, "c.json")
}

// goVector is a message, and what has to become of it.
type goVector struct {
	ID, Package, Address, ContentType string
	Headers                           [][2]string
	Body                              []byte
	Written                           bool // producers may emit it
	valid                             bool
	data                              json.RawMessage // of a valid one
	pointer, keyword                  string
}

type goAnswer struct {
	ID, Result, Reason, Err string
	Again, Sent             json.RawMessage
	SendErr                 string
}

// goVectors are samples of each event of a contract, and near misses, in the mode
// that it has.
func goVectors(t *testing.T, pkg string, m *Model, samples, misses int) (all []goVector) {
	t.Helper()
	compiler := schema.NewCompiler(m.Contract.Document().Schema)
	for _, e := range m.Events {
		of := e.Message()
		attributes := map[string]json.RawMessage{"specversion": mustJSON("1.0"), "source": mustJSON("/test"), "type": mustJSON(e.Type), "datacontenttype": mustJSON("application/json")}
		rules, err := (&Input{Model: m}).Rules(e, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range rules.Attributes {
			s, err := schema.Parse(a.Name, a.Schema, schema.Draft2020)
			if err != nil {
				t.Fatal(err)
			}
			if one, err := s.Sample(1, 1); err == nil && a.Name != "type" && (a.Required || attributes[a.Name] != nil) {
				attributes[a.Name] = one[0]
			}
		}
		n := 0
		holds := func([]byte) bool { return true }
		// add makes a message of data, or of a whole event; encoded are the data as they
		// travel, where that is not as JSON.
		add := func(v goVector, data json.RawMessage, encoded []byte) {
			n++
			v.ID, v.Package, v.Address, v.data = fmt.Sprintf("%s/%s/%d", pkg, e.Type, n), pkg, of.Channel.Address, data
			var made event.Event
			members := maps.Clone(attributes)
			if of.Envelope.PayloadIsEnvelope {
				members = map[string]json.RawMessage{}
				if json.Unmarshal(data, &members) != nil || members["id"] == nil {
					return
				}
				v.data = members["data"]
			} else if data != nil {
				members["data"] = data
			}
			members["id"] = mustJSON(v.ID)
			if made.UnmarshalEvent(mustJSON(members)) != nil {
				return // no event at all, which is not for the contract to say
			}
			if again, err := made.AppendJSON(nil); err == nil && of.Envelope.PayloadIsEnvelope && !v.valid && holds(again) {
				return // an attribute that is null is one that is not there
			}
			if encoded != nil {
				made.Data, made.DataContentType = encoded, "application/avro"
			}
			mode := event.StructuredMode
			if of.Envelope.Mode == contract.Binary {
				mode = event.BinaryMode
			}
			var wire event.Message
			if err := event.Kafka.Encode(&wire, &made, mode); err != nil {
				t.Fatalf("%s: %v", v.ID, err)
			}
			v.Written = v.Written && of.Envelope.Mode != contract.NoEnvelope // which no CloudEvents are
			v.ContentType, v.Body = wire.ContentType, slices.Clone(wire.Body)
			for _, h := range wire.Headers {
				v.Headers = append(v.Headers, [2]string{h.Name, h.Value.String()})
			}
			all = append(all, v)
		}
		if of.Payload == nil {
			add(goVector{valid: true, Written: true}, nil, nil)
			continue
		}
		s, err := compiler.Compile(of.Payload.Node(), of.Payload.Dialect)
		if err != nil {
			t.Fatal(err)
		}
		profile := of.Compatibility.Profile()
		reader, writer := s.Read(profile), s.Written(profile)
		holds = reader.ValidJSON
		good, err := reader.Sample(1, samples)
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		avro := of.Payload.Dialect == schema.Avro
		for _, data := range good {
			add(goVector{valid: true, Written: writer.ValidJSON(data)}, data, nil)
			if avro {
				encoded, err := s.EncodeAvro(data)
				if err != nil {
					t.Fatal(err)
				}
				add(goVector{valid: true}, data, encoded)
			}
		}
		if written, err := writer.Sample(2, samples/2); err == nil {
			for _, data := range written {
				if reader.ValidJSON(data) {
					add(goVector{valid: true, Written: true}, data, nil)
				}
			}
		}
		seen := map[string]bool{}
		for seed := uint64(1); seed <= 40 && len(seen) < misses; seed++ {
			near, err := reader.Misses(seed, misses)
			if err != nil {
				break // nothing can be refused
			}
			for _, miss := range near {
				if len(seen) >= misses || seen[string(miss.Value)] {
					continue
				}
				seen[string(miss.Value)] = true
				v := goVector{pointer: "/data" + miss.Problem.Instance, keyword: miss.Problem.Keyword}
				if of.Envelope.PayloadIsEnvelope {
					v.pointer = miss.Problem.Instance
					if v.pointer == "/id" || v.pointer == "" && miss.Problem.Keyword == "required" && bytes.Contains([]byte(miss.Problem.Message), []byte(`"id"`)) {
						continue // which each event here has of its own
					}
				}
				add(v, miss.Value, nil)
			}
		}
	}
	return all
}

// TestGoCorpus generates packages of the whole corpus, the hard contract, the
// examples and the specification's, compiles them, and sends each event's samples
// and near misses in the mode that the contract has: samples are handled, and come
// back as they were, written again and published again; near misses are refused,
// where they are wrong.
func TestGoCorpus(t *testing.T) {
	m := newGoModule(t)
	contracts := map[string]*contract.Contract{"corpus": corpus(t), "hard": fromDisk(t, filepath.Join("testdata", "hard"), "hard.yaml")}
	for _, name := range []string{"orders", "shipping", "billing"} {
		contracts[name] = fromDisk(t, filepath.Join("..", "..", "examples", "orders"), name+".asyncapi.yaml")
	}
	examples, err := filepath.Glob(filepath.Join(testData(), "asyncapi-spec-examples", "*.y*ml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) == 0 {
		t.Logf("the specification's examples are not at %s; set TREATY_TESTDATA", testData())
	}
	for _, path := range examples {
		name := "spec" + goPackage(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
		contracts[name] = fromDisk(t, filepath.Dir(path), filepath.Base(path))
	}
	var packages []string
	var table strings.Builder
	var all []goVector
	for _, name := range slices.Sorted(maps.Keys(contracts)) {
		c := contracts[name]
		if len(c.EventTypes) == 0 {
			continue
		}
		if slices.ContainsFunc(c.EventTypes, func(e *contract.EventType) bool {
			p := e.Messages[0].Payload
			return p != nil && !p.Dialect.IsJSONSchema() && p.Dialect != schema.Avro
		}) {
			m.generate("whole"+name, c)
			packages = append(packages, "whole"+name)
			t.Logf("%s has a payload in a language that treaty does not read", name)
			continue
		}
		m.generate("whole"+name, c) // as it is, with who sends what where
		g := m.generate(name, alone(t, c))
		packages = append(packages, "whole"+name, name)
		m.goRun(name, g)
		fmt.Fprintf(&table, "%q: run_%s,\n", name, name)
		n := 100
		if strings.HasPrefix(name, "spec") {
			n = 30
		}
		all = append(all, goVectors(t, name, g.Model, race.Rounds(n), race.Rounds(n))...)
	}
	m.write("main.go", []byte(goHooks+"\nvar runs = map[string]func(*hooks){\n"+table.String()+"}\n"))
	var stdin bytes.Buffer
	enc := json.NewEncoder(&stdin)
	for _, v := range all {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	judgeGo(t, all, m.run(stdin.Bytes(), packages...))
}

// judgeGo holds the answers of the program to the vectors.
func judgeGo(t *testing.T, all []goVector, answers []byte) {
	t.Helper()
	by := map[string]goAnswer{}
	scan := bufio.NewScanner(bytes.NewReader(answers))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var a goAnswer
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		by[a.ID] = a
	}
	type count struct{ good, sent, bad int }
	counts := map[string]*count{}
	wrong := 0
	for _, v := range all {
		n := counts[v.Package]
		if n == nil {
			n = &count{}
			counts[v.Package] = n
		}
		a, ok := by[v.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case v.valid && a.Result != "handled":
			problem = fmt.Sprintf("it is valid, and was %s: %s", a.Result, a.Err)
		case v.valid && v.data != nil && !exactly(t, filled(v), a.Again):
			problem = fmt.Sprintf("it was written again as %s", a.Again)
		case v.valid && v.Written && a.SendErr != "":
			problem = "it may be sent, and was not: " + a.SendErr
		case v.valid && v.Written && v.data != nil && !exactly(t, filled(v), a.Sent):
			problem = fmt.Sprintf("it was sent again as %s", a.Sent)
		case v.valid:
			if n.good++; v.Written {
				n.sent++
			}
		case a.Reason == "unknown-type" && v.pointer == "/type":
			n.bad++ // of a whole event: as another type it is none of the contract's
		case a.Result != "dead-lettered" || a.Reason != "invalid":
			problem = fmt.Sprintf("it is invalid at %s (%s), and was %s %s", v.pointer, v.keyword, a.Result, a.Reason)
		case !strings.Contains(a.Err, v.pointer):
			problem = fmt.Sprintf("it is wrong at %s (%s), and this was said: %s", v.pointer, v.keyword, a.Err)
		default:
			n.bad++
		}
		if problem != "" {
			if wrong++; wrong <= 20 {
				t.Errorf("%s: %s\n  %s", v.ID, v.data, problem)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		n := counts[name]
		t.Logf("%s: %d samples came back as they were, %d of them published again, %d near misses were refused in their place", name, n.good, n.sent, n.bad)
	}
	t.Logf("%d went wrong", wrong)
}

// exactly compares two texts as values, numbers digit by digit.
func exactly(t *testing.T, a, b json.RawMessage) bool {
	return len(b) > 0 && reflect.DeepEqual(exactJSON(t, a), exactJSON(t, b))
}

// filled are the data of a sample with the defaults that the hard contract has
// readers fill in.
func filled(v goVector) json.RawMessage {
	if !strings.HasPrefix(v.ID, "hard/sensors.reading.taken.v1/") {
		return v.data
	}
	var data map[string]json.RawMessage
	if json.Unmarshal(v.data, &data) != nil || data["unit"] != nil {
		return v.data
	}
	data["unit"] = mustJSON("SI")
	return mustJSON(data)
}

// TestGoNil writes values that nobody filled in: a slice or a map that has to be
// there is written as an empty one, wherever it stands, and the producer takes it.
func TestGoNil(t *testing.T) {
	m := newGoModule(t)
	list, table := `{"type":"array","items":{"type":"string"}}`, `{"type":"object","additionalProperties":{"type":"integer"}}`
	schemas := map[string]string{
		"Plain":  `{"type":"object","required":["list","table","rows","named","maybe"],"properties":{"list":` + list + `,"table":` + table + `,"rows":{"type":"array","items":` + list + `},"named":{"type":"object","additionalProperties":` + list + `},"maybe":{"type":["array","null"],"items":` + list + `},"absent":` + list + `,"none":{"type":["array","null"]},"later":{"type":"array","items":` + table + `}},"additionalProperties":false}`,
		"Rest":   `{"type":"object","required":["list"],"properties":{"list":` + list + `},"additionalProperties":` + list + `}`,
		"Odd":    `{"type":"object","required":["a,b","-"],"properties":{"a,b":` + list + `,"-":` + table + `,"c":{"type":"object","required":["list"],"properties":{"list":` + list + `}}}}`,
		"Branch": `{"type":"object","required":["one"],"properties":{"one":{"anyOf":[{"type":"string"},` + list + `]}}}`,
		"List":   `{"type":"array","items":{"type":"array","items":{"type":"integer"}}}`,
		"Table":  table,
		"Whole":  `{"type":"object","required":["specversion","id","source","type","data"],"properties":{"specversion":{"const":"1.0"},"id":{"type":"string"},"source":{"type":"string"},"type":{"const":"whole.v1"},"subject":{"type":"string"},"data":` + list + `}}`,
	}
	var messages []string
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		kind := strings.ToLower(name) + ".v1"
		headers := `"headers":{"type":"object","required":["type"],"properties":{"type":{"type":"string","const":"` + kind + `"}}},`
		if name == "Whole" {
			headers = ""
		}
		messages = append(messages, fmt.Sprintf(`%q:{%s"payload":%s}`, name, headers, schemas[name]))
	}
	c := contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"Nil","version":"1.0.0"},"defaultContentType":"application/cloudevents+json","channels":{"c":{"address":"c","messages":{` + strings.Join(messages, ",") + `}}}}`}, "c.json")
	m.generate("generated", c)
	m.write("main.go", []byte(`package main

import (
	"context"
	"fmt"
	"log"

	"github.com/treaty-events/treaty"

	"`+m.path+`/generated"
)

func main() {
	p, err := generated.NewFake(treaty.Source("/nil"))
	if err != nil { log.Fatal(err) }
	ctx := context.Background()
	say := func(e *treaty.Event, err error) {
		if err != nil { fmt.Println(err) } else { fmt.Println(string(e.Data)) }
	}
	say(p.PublishPlain(ctx, "s", generated.PlainData{}))
	given := generated.PlainData{Rows: [][]string{nil, {"x"}}, Named: map[string][]string{"k": nil}, Maybe: [][]string{nil}, Absent: []string{}, Later: []map[string]int64{nil}}
	before := fmt.Sprintf("%#v", given)
	say(p.PublishPlain(ctx, "s", given))
	if after := fmt.Sprintf("%#v", given); after != before { fmt.Println("what was given is", after) }
	say(p.PublishRest(ctx, "s", generated.RestData{Rest: map[string][]string{"other": nil}}))
	say(p.PublishOdd(ctx, "s", generated.OddData{C: &generated.OddDataC{}}))
	say(p.PublishBranch(ctx, "s", generated.BranchData{One: generated.BranchDataOneArray(nil)}))
	say(p.PublishList(ctx, "s", nil))
	say(p.PublishList(ctx, "s", [][]int64{nil}))
	say(p.PublishTable(ctx, "s", nil))
	say(p.PublishWhole(ctx, "s", nil))
}
`))
	got := strings.Split(strings.TrimSpace(string(m.run(nil, "generated"))), "\n")
	want := []string{
		`{"list":[],"table":{},"rows":[],"named":{},"maybe":null}`,
		`{"list":[],"table":{},"rows":[[],["x"]],"named":{"k":[]},"maybe":[[]],"absent":[],"later":[{}]}`,
		`{"list":[],"other":[]}`,
		`{"-":{},"a,b":[],"c":{"list":[]}}`,
		`{"one":[]}`,
		`[]`, `[[]]`, `{}`, `[]`,
	}
	if !slices.EqualFunc(got, want, func(a, b string) bool { return sameJSON([]byte(a), []byte(b)) }) {
		t.Errorf("what was sent is\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A name that is none in Go is an error that names its place; names that the package
// or the runtime has are left to them.
func TestGoNames(t *testing.T) {
	for _, bad := range []string{"a b", "order", "1a", "A-b", "type"} {
		_, err := goTarget.Generate(&Input{Model: ModelOf(withPayload(t, `{"type":"object","properties":{"a":{"type":"string","x-go-name":"`+bad+`"}}}`), Everything), Version: "v"})
		if err == nil || !strings.Contains(err.Error(), `thingHappenedData.json:1:`) || !strings.Contains(err.Error(), "which is no exported name in Go") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	var messages []string
	for _, name := range []string{"Events", "Other", "Producer", "Contract", "Order", "Fake", "Published"} {
		messages = append(messages, fmt.Sprintf(`%q:{"headers":{"type":"object","required":["type"],"properties":{"type":{"type":"string","const":"a.%s.v1"}}},"payload":{"type":"object","title":"Order type","required":["x"],"properties":{"x":{"enum":["a","type"],"x-go-name":"Kind"}}}}`, name, strings.ToLower(name)))
	}
	schemas := `"components":{"schemas":{"OrderType":{"type":"object","properties":{"kind":{"type":"string"}}}}}`
	messages = append(messages, `"typed":{"headers":{"type":"object","required":["type"],"properties":{"type":{"type":"string","const":"a.typed.v1"}}},"payload":{"$ref":"#/components/schemas/OrderType"}}`)
	m := newGoModule(t)
	m.generate("generated", contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"Names","version":"1.0.0"},"defaultContentType":"application/cloudevents+json","channels":{"c":{"address":"c","messages":{` + strings.Join(messages, ",") + `}}},` + schemas + `}`}, "c.json"))
	m.write("main.go", []byte(`package main

import (
	"context"
	"fmt"
	"log"

	"github.com/treaty-events/treaty"

	"`+m.path+`/generated"
)

func main() {
	p, err := generated.NewFake(treaty.Source("/names"))
	if err != nil { log.Fatal(err) }
	ctx := context.Background()
	_, err = p.PublishEvents2(ctx, "s", generated.EventsData{Kind: "type"})
	fmt.Println(err, generated.Order2Type, generated.OrderType{}.Kind == nil)
	fmt.Println(generated.Handlers{Other: nil, Other2: nil}.Other == nil, len(p.Published()))
}
`))
	if got, want := strings.TrimSpace(string(m.run(nil, "generated"))), "<nil> a.order.v1 true\ntrue 1"; got != want {
		t.Errorf("%s", got)
	}
}
