package gen

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// onDisk reads a contract from a folder.
func onDisk(t testing.TB, dir, name string) *contract.Contract {
	t.Helper()
	c, _, err := contract.Load(context.Background(), name, contract.Options{FS: os.DirFS(dir)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pythonOf(t testing.TB, c *contract.Contract, only Only) map[string]string {
	t.Helper()
	var files []File
	for range 2 {
		made, err := pythonTarget.Generate(&Input{Model: ModelOf(c, only), Only: only, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if files != nil && !reflect.DeepEqual(files, made) {
			t.Error("two runs do not give the same bytes")
		}
		files = made
	}
	texts := map[string]string{}
	for _, f := range files {
		texts[f.Path] = string(f.Text)
	}
	return texts
}

func ordersContract(t testing.TB) *contract.Contract {
	return onDisk(t, filepath.Join("..", "..", "examples", "orders"), "orders.asyncapi.yaml")
}

func hardContract(t testing.TB) *contract.Contract {
	return onDisk(t, filepath.Join("testdata", "hard"), "hard.yaml")
}

// The code of a small contract and of a hard one is what the golden files have.
func TestPythonGolden(t *testing.T) {
	for name, c := range map[string]*contract.Contract{"orders": ordersContract(t), "hard": hardContract(t)} {
		for path, text := range pythonOf(t, c, Everything) {
			if path == "_treaty.py" || path == "py.typed" {
				continue // the same in every package
			}
			golden := filepath.Join("testdata", "python", name, path+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != text {
				t.Errorf("%s is not what is generated; look at the difference, and run go test ./internal/gen -run PythonGolden -update", golden)
			}
		}
	}
}

// hostilePython is a contract whose texts would be code, were they not kept in
// their comments and literals; each of them would call evil.
func hostilePython(t testing.TB) *contract.Contract {
	return contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"X\n\"\"\"\nevil()\n","version":"1.0.0\nevil()\r\u2028evil()"},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{"a\nevil()":{"summary":"One\"\"\"\nevil()\n\\","headers":{"type":"object","required":["class","copy"],"properties":{
"type":{"type":"string","const":"a\"+evil()+\""},"class":{"type":"string"},"copy":{"type":"integer","description":"\"\"\"+evil()+\"\"\""},"source":{"const":"'+evil()+'"}}},
"payload":{"type":"object","title":"T\"\"\"\nevil()","description":"ends in \"","required":["from","\"\nevil()","json"],"properties":{
"\"\nevil()":{"type":"string","enum":["a\"\nevil()","b\\","","mro","None"],"description":"\\\"\"\"\nevil()\n\\"},
"__init__":{"type":"integer"},"class":{"type":"string"},"Class":{"type":"string"},"class_":{"type":"string"},"model_config":{"type":"boolean"},"from":{"const":"\"\"\"\nevil()"},
"str":{"type":"string"},"list":{"type":"array","items":{"type":"string","pattern":"^['\"\\\\]\nevil\\(\\)$"}},"Any":{},"json":{"type":"object","properties":{"a":{"type":"integer"}}},
"1st":{"type":"number"},"naïve":{"type":"string"},"ﬁeld":{"type":"string"},"":{"type":"string"},"x.y":{"type":"object","properties":{"ValueError":{"type":"object","title":"ValueError","properties":{"copy":{"type":"null"}}}}},
"Exception":{"type":"object","properties":{"self":{"type":"string"},"cls":{"type":"string"},"Field":{"type":"string"},"data":{"enum":[1,2]}}}}}}}}}}`}, "c.json")
}

// pythonCode is a module without its literals and comments.
func pythonCode(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case '"', '\'':
			end := text[i : i+1]
			if triple := strings.Repeat(end, 3); strings.HasPrefix(text[i:], triple) {
				end = triple
			}
			for i += len(end); i < len(text) && !strings.HasPrefix(text[i:], end); i++ {
				if text[i] == '\\' {
					i++
				}
				if text[i] == '\n' && len(end) == 1 {
					out.WriteString(" an open literal ")
					break
				}
			}
			i += len(end)
			out.WriteString("literal")
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}

func TestPythonHostile(t *testing.T) {
	for path, text := range pythonOf(t, hostilePython(t), Everything) {
		code := pythonCode(text)
		for _, bad := range []string{"evil(", "open literal", "\\"} {
			if i := strings.Index(code, bad); i >= 0 {
				t.Errorf("%s: a text of the contract is code: %s", path, code[max(i-80, 0):min(i+80, len(code))])
			}
		}
		for line := range strings.SplitSeq(text, "\n") {
			if strings.ContainsAny(line, "\u2028\u202e\r") {
				t.Errorf("%s: a line is not what it looks like: %q", path, line)
			}
		}
	}
}

func TestPythonPattern(t *testing.T) {
	for _, c := range []struct{ ecma, python string }{
		{`^[A-Z]{3}$`, `^[A-Z]{3}\Z`},
		{`\d+\.\d{02}`, `[0-9]+\.[0-9]{2}`},
		{`a.c`, `a[^\n\r\u2028\u2029]c`},
		{`[^\s-]`, `[^\x09-\x0d\x20\-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]`},
		{`[]|[^]`, `(?!)|[\x00-\U0010ffff]`},
		{`(?<year>[0-9]{4})-\k<year>`, `([0-9]{4})\-(?(1)\1|)`},
		{`\1(a)`, `(?:)(a)`},
		{`\u{1F600}|\uD83D\uDE00`, `\U0001f600|\U0001f600`},
		{`[\w-]`, `[\-0-9A-Z_a-z]`},
		{`[a\-z]`, `[\-az]`},
		{`x{,3}`, `x\{\,3\}`},
		{`\p{Nd}`, ""}, // ranges
		{`(?<=ab)c(?!d)`, `(?<=ab)c(?!d)`},
		{"é/\"'", `\xe9\/\"\'`},
		{`\cJ\0\x41`, `\x0a\x00A`},
	} {
		got, err := pythonPattern(c.ecma)
		if err != nil || got != c.python && c.python != "" {
			t.Errorf("%s: %s, %v; want %s", c.ecma, got, err, c.python)
		}
	}
	for _, bad := range []string{`(?<=a+)b`, `(?<!a|bc)d`, `\p{Script=Nowhere}`} {
		if got, err := pythonPattern(bad); err == nil {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

// What Python cannot express names its place in the contract.
func TestPythonErrors(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{type: string, pattern: '(?<=a+)b'}`, "c.yaml:12:"},
		{`{type: object, x-python-name: 'a b', properties: {a: {type: string}}}`, "cannot be"},
		{`{type: object, properties: {a: {type: string, x-python-name: import}}}`, "cannot be the name of a property"},
		{`{type: object, properties: {a: {type: string, x-python-name: copy}}}`, "cannot be the name of a property"},
	} {
		doc := contractOf(t, map[string]string{"c.yaml": "asyncapi: 3.1.0\ninfo: {title: X, version: 1.0.0}\nchannels:\n  c:\n    address: c\n    messages:\n      m:\n        contentType: application/cloudevents+json\n        headers:\n          type: object\n          properties: {type: {type: string, const: a.b.v1}}\n        payload: " + c.payload + "\n"}, "c.yaml")
		_, err := pythonTarget.Generate(&Input{Model: ModelOf(doc, Everything), Version: "v"})
		if err == nil || !strings.HasPrefix(err.Error(), "c.yaml:12:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.payload, err)
		}
	}
}

func TestPythonNames(t *testing.T) {
	c := withPayload(t, `{"type":"object","title":"Thing","required":["id"],"properties":{"id":{"type":"string"},"orderId":{"type":"string","x-python-name":"order"},"import":{"type":"string"},"a-b":{"type":"string"},"a_b":{"type":"string"},
"state":{"type":"string","enum":["a","A","1"],"x-python-name":"State"},"kind":{"type":"object","x-python-name":"the_kind","properties":{"x":{"type":"integer"}}}}}`)
	text := pythonOf(t, c, Everything)["events.py"]
	for _, want := range []string{
		"    id: str\n", `    order: str | None = Field(`, `    import_: str | None = Field(`, "    a_b: str | None = Field(", `    a_b_2: str | None = Field(`,
		"class State(StrEnum):", "    A = \"a\"\n    A_2 = \"A\"\n    N1 = \"1\"\n", "    state: State | None = None", "    the_kind: TheKind | None = Field(",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestPythonOnly(t *testing.T) {
	c := hardContract(t)
	types := pythonOf(t, c, Types)
	if strings.Contains(types["events.py"], "parse_event") || strings.Contains(types["__init__.py"], `"EventType"`) {
		t.Error("the types alone have events")
	}
	all, sent := pythonOf(t, c, Everything)["events.py"], pythonOf(t, c, Sends)["events.py"]
	if len(sent) >= len(all) {
		t.Error("what is sent is all there is")
	}
}

// pythonTool finds a Python that has Pydantic and mypy.
func pythonTool(t *testing.T) string {
	t.Helper()
	tool := os.Getenv("TREATY_PYTHON")
	if tool == "" {
		tool = "python3"
	}
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skip("there is no Python; set TREATY_PYTHON to one with pydantic and mypy")
	}
	if text, err := exec.Command(path, "-c", "import sys, pydantic, mypy.api; assert sys.version_info >= (3, 11); assert pydantic.VERSION >= '2'").CombinedOutput(); err != nil {
		t.Skipf("%s has no pydantic and mypy, or is older than 3.11; set TREATY_PYTHON to one that has: %s", path, lastLine(text))
	}
	return path
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// pythonCase is an event for a package, or a value for a schema, and what has to
// become of it.
type pythonCase struct {
	ID      string          `json:"id"`
	Package string          `json:"package,omitempty"`
	Event   json.RawMessage `json:"event,omitempty"`
	Message any             `json:"message,omitempty"` // in the place of Event, which is what comes of it
	Want    json.RawMessage `json:"-"`                 // what is written of it, nil for Event
	Schema  string          `json:"schema,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`

	valid   bool
	pointer string // into the event, or the value
	about   string
}

// pythonCases are samples and near misses of the events of a contract: of their
// data, of their attributes, and of the whole where the payload describes that.
// Samples are what the policy lets writers emit, near misses what it has readers
// refuse.
func pythonCases(t *testing.T, pkg string, c *contract.Contract, n int) []pythonCase {
	t.Helper()
	var all []pythonCase
	in := &Input{Model: ModelOf(c, Everything)}
	for _, e := range in.Events {
		writers, err := in.Rules(e, true)
		if err != nil {
			t.Fatal(err)
		}
		readers, err := in.Rules(e, false)
		if err != nil {
			t.Fatal(err)
		}
		parse := func(text []byte) *schema.Schema {
			s, err := schema.Parse(e.Type, text, schema.Draft2020)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		samples := func(text []byte, n int) [][]byte {
			made, err := parse(text).Sample(1, n)
			if errors.Is(err, schema.ErrUnsatisfiable) {
				t.Logf("%s: nothing may be sent as %s", pkg, e.Type)
				return nil
			}
			if err != nil {
				t.Fatalf("%s: %s: %v", pkg, e.Type, err)
			}
			return made
		}
		misses := func(text []byte, n int) []schema.Miss {
			var made []schema.Miss
			s := parse(text)
			seen := map[string]bool{}
			for seed := uint64(1); seed <= 40 && len(made) < n; seed++ {
				near, err := s.Misses(seed, n)
				if err != nil {
					break
				}
				for _, m := range near {
					if len(made) < n && !seen[string(m.Value)] {
						seen[string(m.Value)] = true
						made = append(made, m)
					}
				}
			}
			return made
		}
		add := func(event map[string]json.RawMessage, valid bool, pointer, about string) {
			text, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pythonCase{ID: fmt.Sprintf("%s %s %d", pkg, e.Type, len(all)), Package: pkg, Event: text, valid: valid, pointer: pointer, about: about})
		}
		if readers.Whole != nil {
			for _, v := range samples(writers.Whole, n) {
				all = append(all, pythonCase{ID: fmt.Sprintf("%s %s %d", pkg, e.Type, len(all)), Package: pkg, Event: v, valid: true})
			}
			for _, m := range misses(readers.Whole, n) {
				// An attribute that is null is one that is not there.
				null := m.Problem.Node != nil && m.Problem.Node.Is(syntax.Null) && strings.Count(m.Problem.Instance, "/") == 1
				if m.Problem.Instance != "" && m.Problem.Instance != "/type" && !null {
					all = append(all, pythonCase{ID: fmt.Sprintf("%s %s %d", pkg, e.Type, len(all)), Package: pkg, Event: m.Value, pointer: m.Problem.Instance, about: m.Problem.Keyword})
				}
			}
			continue
		}
		plain := func(i int) map[string]json.RawMessage {
			event := map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "id": fmt.Appendf(nil, "%q", fmt.Sprint(i)), "source": json.RawMessage(`"/test"`), "type": fmt.Appendf(nil, "%q", e.Type)}
			for _, a := range writers.Attributes {
				if a.Name != "specversion" && a.Name != "type" && (a.Required || a.Name == "source" || i%2 == 0) {
					event[a.Name] = samples(a.Schema, 1)[0]
				}
			}
			return event
		}
		if readers.Data == nil {
			add(plain(0), true, "", "")
			event := plain(1)
			event["data"] = json.RawMessage(`{"any":[1,2.50,null]}`)
			add(event, true, "", "")
			continue
		}
		base := samples(writers.Data, n)
		if base == nil {
			continue
		}
		for i, v := range base {
			event := plain(i)
			event["data"] = v
			add(event, true, "", "")
		}
		for i, m := range misses(readers.Data, n) {
			event := plain(i)
			event["data"] = m.Value
			add(event, false, "/data"+m.Problem.Instance, m.Problem.Keyword)
		}
		for _, a := range readers.Attributes {
			if a.Name == "specversion" || a.Name == "type" {
				continue
			}
			for i, m := range misses(a.Schema, 10) {
				event := plain(i)
				event["data"] = base[0]
				event[a.Name] = m.Value
				pointer := "/" + a.Name
				if string(m.Value) == "null" { // as if it were not there
					if !a.Required {
						continue
					}
					pointer = ""
				}
				add(event, false, pointer, m.Problem.Keyword)
			}
			if a.Required {
				event := plain(0)
				event["data"] = base[0]
				delete(event, a.Name)
				add(event, false, "", "required")
			}
		}
	}
	return all
}

// testdata is the folder of what is beside the repository, "" for none.
func pythonTestdata() string {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// pythonSuite is the official test suite of JSON Schema, every schema in its plain
// form, whose verdicts have to be those of package schema.
func pythonSuite(t *testing.T, dir string) []pythonCase {
	t.Helper()
	documents := func(uri string) *syntax.Node {
		rest, ok := strings.CutPrefix(uri, "http://localhost:1234/")
		if !ok {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, "remotes", filepath.FromSlash(rest)))
		if err != nil {
			return nil
		}
		n, _ := syntax.Parse(diag.NewFile(rest, string(text)), syntax.JSON, syntax.Limits{})
		return n
	}
	var all []pythonCase
	groups, left := 0, map[string]int{}
	for name, dialect := range map[string]schema.Dialect{"draft4": schema.Draft4, "draft6": schema.Draft6, "draft7": schema.Draft7, "draft2019-09": schema.Draft2019, "draft2020-12": schema.Draft2020} {
		err := filepath.WalkDir(filepath.Join(dir, "tests", name), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".json") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var cases []struct {
				Description string
				Schema      json.RawMessage
				Tests       []struct {
					Description string
					Data        json.RawMessage
				}
			}
			if err := json.Unmarshal(text, &cases); err != nil {
				return err
			}
			for _, g := range cases {
				n, _ := syntax.Parse(diag.NewFile("schema", string(g.Schema)), syntax.JSON, syntax.Limits{})
				s, err := schema.NewCompiler(nil, schema.Documents(documents), schema.FormatAssertion(strings.Contains(path, "format"))).Compile(n, dialect)
				if err != nil {
					left["schemas that cannot be compiled"]++
					continue
				}
				plain, err := s.Portable()
				if err != nil {
					left[err.Error()]++
					continue
				}
				// Draft 4 has another integer, drafts 4 and 6 another hostname: the plain
				// form is what is generated, and what counts.
				again, err := schema.Parse("plain", plain, schema.Draft2020)
				if err != nil {
					t.Fatal(err)
				}
				p := &python{texts: map[string]int{}}
				made := p.portableText(plain, n)
				if p.err != nil {
					left[p.err.Error()]++
					continue
				}
				groups++
				for _, test := range g.Tests {
					c := pythonCase{ID: fmt.Sprintf("suite %s %d", name, len(all)), Schema: made, Value: test.Data, valid: again.ValidJSON(test.Data), about: filepath.Base(path) + ": " + g.Description + ": " + test.Description}
					if !c.valid {
						c.pointer = again.ValidateJSON(test.Data)[0].Instance
					}
					all = append(all, c)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d schemas of the official suite with %d cases; left out: %v", groups, len(all), left)
	return all
}

// pythonSuiteContract is a contract with an event for each schema of the official
// suite that can stand in one: what the types have to take is any value that its
// schema takes, however little that says of types. The valid values become cases.
func pythonSuiteContract(t *testing.T, dir string, cases *[]pythonCase) *contract.Contract {
	t.Helper()
	document := func(messages []string) string {
		return `{"asyncapi":"3.1.0","info":{"title":"Suite","version":"1.0.0"},"defaultContentType":"application/cloudevents+json","x-compatibility":{"producers":"open"},
"channels":{"c":{"address":"c","messages":{` + strings.Join(messages, ",\n") + `}}}}`
	}
	load := func(files map[string]string) *contract.Contract {
		all := fstest.MapFS{}
		for name, text := range files {
			all[name] = &fstest.MapFile{Data: []byte(text)}
		}
		c, _, err := contract.Load(context.Background(), "c.json", contract.Options{FS: all}) // the suite's schemas are not what check praises
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	files := map[string]string{}
	var messages []string
	paths, err := filepath.Glob(filepath.Join(dir, "tests", "draft2020-12", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatal(err)
		}
		for i, g := range groups {
			name := strings.TrimSuffix(filepath.Base(path), ".json") + fmt.Sprint(i)
			message := fmt.Sprintf(`%q:{"headers":{"type":"object","properties":{"type":{"type":"string","const":"suite.%s"}}},"payload":{"schemaFormat":"application/schema+json;version=draft-2020-12","schema":{"$ref":"%s.json"}}}`, name, name, name)
			one := load(map[string]string{"c.json": document([]string{message}), name + ".json": string(g.Schema)})
			in := &Input{Model: ModelOf(one, Everything)}
			rules, err := in.Rules(in.Events[0], false)
			if err != nil || rules.Data == nil {
				continue // it needs documents that are elsewhere
			}
			s, err := schema.Parse(name, rules.Data, schema.Draft2020)
			if err != nil {
				t.Fatal(err)
			}
			files[name+".json"] = string(g.Schema)
			messages = append(messages, message)
			for j, test := range g.Tests {
				if s.ValidJSON(test.Data) {
					*cases = append(*cases, pythonCase{ID: fmt.Sprintf("suite typed %s %d", name, j), Package: "suite", Event: fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":"/suite","type":"suite.%s","data":%s}`, name, test.Data), valid: true, about: g.Description + ": " + string(g.Schema)})
				}
			}
		}
	}
	t.Logf("%d schemas of the official suite are payloads", len(messages))
	files["c.json"] = document(messages)
	return load(files)
}

// TestRealPython generates packages of the corpus, the example, the hard contract
// and the specification's examples, has mypy look at them at its strictest, and
// gives them samples and near misses: samples come back as they were, near misses
// are refused where they are wrong.
func TestRealPython(t *testing.T) {
	tool := pythonTool(t)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var check []string
	var cases []pythonCase
	generate := func(name string, c *contract.Contract, n int) {
		for path, text := range pythonOf(t, c, Everything) {
			write(name+"/"+path, string(eitherMode([]byte(text))))
		}
		check = append(check, name)
		cases = append(cases, pythonCases(t, name, c, n)...)
	}
	generate("corpus", corpus(t), 100)
	generate("orders", ordersContract(t), 100)
	generate("hard", hardContract(t), 100)
	generate("hostile", hostilePython(t), 20)
	for path, text := range pythonOf(t, hardContract(t), Types) {
		write("hard_types/"+path, text)
	}
	check = append(check, "hard_types")
	for path, text := range pythonOf(t, notes(t), Everything) {
		write("notes/"+path, text)
	}
	check = append(check, "notes")
	if data := pythonTestdata(); data == "" {
		t.Log("the specification's examples and the official suite are not there; set TREATY_TESTDATA")
	} else {
		paths, _ := filepath.Glob(filepath.Join(data, "asyncapi-spec-examples", "*.y*ml"))
		for _, path := range paths {
			name := filepath.Base(path)
			c := onDisk(t, filepath.Dir(path), name)
			if _, err := pythonTarget.Generate(&Input{Model: ModelOf(c, Everything), Version: "v"}); err != nil {
				t.Logf("left out: %v", err)
				continue
			}
			generate("spec_"+snake(name), c, 20)
		}
		suite := filepath.Join(data, "json-schema-test-suite")
		cases = append(cases, pythonSuite(t, suite)...)
		for path, text := range pythonOf(t, pythonSuiteContract(t, suite, &cases), Everything) {
			write("suite/"+path, text)
		}
		check = append(check, "suite")
	}
	for _, name := range []string{"judge.py", "use_orders.py"} {
		text, err := os.ReadFile(filepath.Join("testdata", "python", name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(text))
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "generate-python.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```python\n")
	shown, _, _ = strings.Cut(shown, "```")
	write("page.py", shown+`
text = pay("ord_1", "c_9", 4599, "2026-04-10T15:19:58Z")
assert handle(text) == "4599 came in for ord_1", handle(text)
assert handle(text.replace("orders.paid.v1", "orders.lost.v1")) == "a type that came later: ignored"
`)
	check = append(check, "use_orders.py", "page.py")
	run := func(stdin []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		cmd.Stdin = bytes.NewReader(stdin)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		cmd.Env = append(os.Environ(), "PYTHONWARNINGS=error", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1")
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("python %s: %v\n%s\n%s", strings.Join(args, " "), err, text, stderr.String())
		}
		return text
	}
	run(nil, append([]string{"-m", "mypy", "--strict", "--no-error-summary"}, check...)...)
	run(nil, "use_orders.py")
	run(nil, "page.py")
	run(nil, "-c", "import hard_types")
	cases = append(cases, pythonMessages(t, cases)...)
	for _, v := range textVectors(t) {
		one := pythonCase{ID: v.ID, Package: "notes", Event: json.RawMessage(v.Text), Want: json.RawMessage(v.Want), valid: v.Want != "", pointer: v.Pointer}
		if v.Message != nil {
			one.Message = v.Message
		}
		cases = append(cases, one)
	}
	var stdin bytes.Buffer
	enc := json.NewEncoder(&stdin)
	enc.SetEscapeHTML(false)
	for _, c := range cases {
		if err := enc.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	judgePython(t, cases, run(stdin.Bytes(), "judge.py"))
}

// pythonMessages are events of cases in binary mode, each as the binding of one
// protocol writes it.
func pythonMessages(t *testing.T, cases []pythonCase) (more []pythonCase) {
	bindings := map[string]*event.Binding{"amqp": event.AMQP, "http": event.HTTP, "kafka": event.Kafka, "mqtt": event.MQTT, "nats": event.NATS, "pubsub": event.PubSub}
	names := slices.Sorted(maps.Keys(bindings))
	for i, c := range cases {
		var e event.Event
		if i%3 != 0 || c.Event == nil || c.Package == "suite" || !c.valid && !strings.HasPrefix(c.pointer, "/data") || e.UnmarshalEvent(c.Event) != nil || len(e.Data) == 0 {
			continue
		}
		if e.DataContentType == "" {
			if c.valid && strings.Contains(c.ID, "shops.opened") {
				continue // of which the contract of the whole event says nothing
			}
			e.DataContentType = "application/json"
			var members map[string]json.RawMessage
			if err := json.Unmarshal(c.Event, &members); err != nil {
				t.Fatal(err)
			}
			members["datacontenttype"] = mustJSON(e.DataContentType)
			c.Event = mustJSON(members)
		}
		protocol := names[len(more)%len(names)]
		m := message(t, bindings[protocol], &e)
		m["protocol"] = protocol
		c.Message = m
		c.ID += " " + protocol
		more = append(more, c)
	}
	return more
}

// judgePython holds what Python said to what it had to say.
func judgePython(t *testing.T, cases []pythonCase, answers []byte) {
	t.Helper()
	type said struct {
		ID       string          `json:"id"`
		Error    string          `json:"error"` // anything but a ContractError
		Pointers []string        `json:"pointers"`
		Says     string          `json:"says"`
		Same     bool            `json:"same"`
		Value    json.RawMessage `json:"value"`
	}
	by := map[string]said{}
	d := json.NewDecoder(bytes.NewReader(answers))
	for d.More() {
		var a said
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		by[a.ID] = a
	}
	good, bad, wrong := 0, 0, 0
	for _, c := range cases {
		a, ok := by[c.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case a.Error != "":
			problem = a.Error
		case c.valid && a.Pointers != nil:
			problem = "it is valid, and was refused: " + a.Says
		case c.valid && c.Package != "" && !sameValue(t, cmp.Or(string(c.Want), string(c.Event)), a.Value):
			problem = fmt.Sprintf("it was written again as %s", a.Value)
		case c.valid && c.Package != "" && !a.Same:
			problem = "what was read of what was written is something else"
		case !c.valid && a.Pointers == nil:
			problem = fmt.Sprintf("it is invalid at %q (%s), and was taken", c.pointer, c.about)
		case !c.valid && !slices.Contains(a.Pointers, c.pointer):
			problem = fmt.Sprintf("it is wrong at %q (%s), and this was said: %s", c.pointer, c.about, a.Says)
		case c.valid:
			good++
		default:
			bad++
		}
		if problem != "" {
			if wrong++; wrong <= 30 {
				t.Errorf("%s: %s\n  %s%s %s\n  %s", c.ID, problem, c.Event, c.Value, c.about, c.Schema)
			}
		}
	}
	t.Logf("%d samples came back as they were, %d near misses were refused in their place, %d went wrong", good, bad, wrong)
}

// sameValue is whether two texts are one value of JSON, numbers exactly.
func sameValue(t *testing.T, a string, b []byte) bool {
	t.Helper()
	s, err := schema.Parse("", []byte(`{"const":`+a+`}`), schema.Draft2020)
	if err != nil {
		t.Fatal(err)
	}
	return s.ValidJSON(b)
}
