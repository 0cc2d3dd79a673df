package gen

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
)

var updatePython = flag.Bool("update-python", false, "write the golden files of Python anew")

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
			if *updatePython {
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
				t.Errorf("%s is not what is generated; look at the difference, and run go test ./internal/gen -run PythonGolden -update-python", golden)
			}
		}
	}
}

// hostilePython is a contract whose texts would be code, were they not kept in
// their comments and literals; each of them would call evil.
func hostilePython(t testing.TB) *contract.Contract {
	return contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"X\n\"\"\"\nevil()\n","version":"1.0.0\nevil()\r\u2028evil()"},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{"a\nevil()":{"summary":"One\"\"\"\nevil()\n\\","headers":{"type":"object","required":["class","copy"],"properties":{
"type":{"type":"string","const":"a\"\nevil()\n"},"class":{"type":"string"},"copy":{"type":"integer","description":"\"\"\"+evil()+\"\"\""},"source":{"const":"'\"\\\nevil()"}}},
"payload":{"type":"object","title":"T\"\"\"\nevil()","description":"ends in \"","required":["from","\"\nevil()","json"],"properties":{
"\"\nevil()":{"type":"string","enum":["a\"\nevil()","b\\","","mro","None"],"description":"\\\"\"\"\nevil()\n\\"},
"__init__":{"type":"integer"},"class":{"type":"string"},"Class":{"type":"string"},"class_":{"type":"string"},"model_config":{"type":"boolean"},"from":{"const":"\"\"\"\nevil()"},
"str":{"type":"string"},"list":{"type":"array","items":{"type":"string","pattern":"^['\"\\\\]\nevil\\(\\)$"}},"Any":{},"json":{"type":"object","properties":{"a":{"type":"integer"}}},
"1st":{"type":"number"},"naïve":{"type":"string"},"ﬁeld":{"type":"string"},"":{"type":"string"},"x.y":{"type":"object","properties":{"ValueError":{"type":"object","title":"ValueError","properties":{"copy":{"type":"null"}}}}},
"Exception":{"type":"object","properties":{"self":{"type":"string"},"cls":{"type":"string"},"Field":{"type":"string"},"data":{"enum":[1,2]}}}}}}}}}}`}, "c.json")
}

func TestPythonHostile(t *testing.T) {
	for path, text := range pythonOf(t, hostilePython(t), Everything) {
		for line := range strings.SplitSeq(text, "\n") {
			// Within a docstring it may begin a line; the end of the docstring may not.
			if strings.Contains(line, "evil()") && !strings.HasPrefix(line, "#") && strings.Contains(line, `"""`) && !strings.HasSuffix(strings.TrimSpace(line), `"""`) && !strings.HasPrefix(strings.TrimSpace(line), `"""`) {
				t.Errorf("%s: a text of the contract ends its docstring: %s", path, line)
			}
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

// pythonVector is an event for a package, and what has to become of it.
type pythonVector struct {
	vector
	Package string          `json:"package"`
	Text    json.RawMessage `json:"event"`
}

// structured is an event in the JSON format around a value.
func structured(kind, id string, value []byte) json.RawMessage {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"/corpus","type":%q,"data":%s}`, id, kind, value)
}

// TestRealPython generates packages of the corpus, the example and the hard
// contract, has mypy look at them at its strictest, and gives them samples and near
// misses: samples come back as they were, near misses are refused where they are
// wrong.
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
	contracts := map[string]*contract.Contract{"corpus": corpus(t), "orders": ordersContract(t), "hard": hardContract(t), "hostile": hostilePython(t)}
	check := []string{}
	for name, c := range contracts {
		for path, text := range pythonOf(t, c, Everything) {
			write(name+"/"+path, text)
		}
		check = append(check, name)
	}
	for path, text := range pythonOf(t, contracts["hard"], Types) {
		write("hard_types/"+path, text)
	}
	check = append(check, "hard_types")
	for _, name := range []string{"judge.py", "use_orders.py"} {
		text, err := os.ReadFile(filepath.Join("testdata", "python", name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(text))
	}
	check = append(check, "use_orders.py")
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
	run(nil, "-c", "import hostile, hard_types; e = hostile.AEvil.model_fields['type'].default; assert e == 'a\"\\nevil()\\n', e")

	var all []vector
	var stdin bytes.Buffer
	enc := json.NewEncoder(&stdin)
	for _, v := range vectors(t, contracts["corpus"], 100, 100) {
		all = append(all, v)
		if err := enc.Encode(pythonVector{v, "corpus", structured(v.Event, v.ID, v.Value)}); err != nil {
			t.Fatal(err)
		}
	}
	answers := bytes.NewBuffer(run(stdin.Bytes(), "judge.py"))
	judge(t, all, unwrapped(t, answers))
}

// unwrapped takes the data out of the events of answers.
func unwrapped(t *testing.T, answers *bytes.Buffer) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	d := json.NewDecoder(answers)
	for d.More() {
		var a struct {
			ID     string          `json:"id"`
			Result string          `json:"result"`
			Reason string          `json:"reason"`
			Value  string          `json:"value"`
			Err    string          `json:"err"`
			Data   json.RawMessage `json:"-"`
		}
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		made := answer{ID: a.ID, Result: a.Result, Reason: a.Reason, Err: a.Err}
		if a.Value != "" {
			var event struct {
				Data json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal([]byte(a.Value), &event); err != nil {
				t.Fatal(err)
			}
			made.Value = event.Data
		}
		if err := json.NewEncoder(&out).Encode(made); err != nil {
			t.Fatal(err)
		}
	}
	return &out
}
