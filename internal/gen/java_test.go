package gen

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
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
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// javaContract reads a contract from a folder.
func javaContract(t testing.TB, dir, name string) *contract.Contract {
	t.Helper()
	c, _, err := contract.Load(context.Background(), name, contract.Options{FS: os.DirFS(dir)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// javaOf generates a package twice, which has to give the same bytes.
func javaOf(t testing.TB, c *contract.Contract, pkg string, only Only) []File {
	t.Helper()
	var files []File
	for range 2 {
		made, err := javaTarget.Generate(&Input{Model: ModelOf(c, only), Only: only, Package: pkg, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if files != nil && !reflect.DeepEqual(files, made) {
			t.Error("two runs do not give the same bytes")
		}
		files = made
	}
	return files
}

func isJavaRuntime(path string) bool {
	_, err := os.Stat(filepath.Join("java_runtime", filepath.Base(path)))
	return err == nil
}

// The code of a small contract and of a hard one is what the golden files have.
func TestJavaGolden(t *testing.T) {
	for name, c := range map[string]*contract.Contract{
		"orders": javaContract(t, filepath.Join("..", "..", "examples", "orders"), "orders.asyncapi.yaml"),
		"hard":   javaContract(t, filepath.Join("testdata", "hard"), "hard.yaml"),
	} {
		dir := filepath.Join("testdata", "java", name)
		if *update {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		made := map[string]bool{}
		for _, f := range javaOf(t, c, "", Everything) {
			if isJavaRuntime(f.Path) {
				continue // it is the same in every package, and a file of its own here
			}
			golden := filepath.Join(dir, filepath.Base(f.Path))
			made[filepath.Base(f.Path)] = true
			if *update {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, f.Text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || string(want) != string(f.Text) {
				t.Errorf("%s is not what is made (%v); go test -update writes it anew", golden, err)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !made[e.Name()] {
				t.Errorf("%s is not made any more", filepath.Join(dir, e.Name()))
			}
		}
	}
}

// The names of a type, a property and an event may be given, and have to be names.
func TestJavaOverride(t *testing.T) {
	text := `{"type":"object","x-java-name":"Renamed","required":["a"],"properties":{"a":{"type":"string","x-java-name":%q},"class":{"type":"string"},"to_string":{"type":"string"},"Class":{"type":"string"}}}`
	files := javaOf(t, withPayload(t, fmt.Sprintf(text, "first")), "p", Everything)
	i := slices.IndexFunc(files, func(f File) bool { return f.Path == "p/Renamed.java" })
	if i < 0 {
		t.Fatal("there is no Renamed.java")
	}
	for _, want := range []string{"String first,", "Optional<String> class_,", "Optional<String> toString_,", "Optional<String> class_2)"} {
		if !strings.Contains(string(files[i].Text), want) {
			t.Errorf("there is no %s in\n%s", want, files[i].Text)
		}
	}
	for _, bad := range []string{"a b", "1a", "class", "a;"} {
		_, err := javaTarget.Generate(&Input{Model: ModelOf(withPayload(t, fmt.Sprintf(text, bad)), Everything), Version: "v"})
		if err == nil || !strings.Contains(err.Error(), "thingHappenedData.json:1:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"a..b", "com.class", "1", "a b"} {
		if _, err := javaTarget.Generate(&Input{Model: ModelOf(withPayload(t, "true"), Everything), Package: bad}); err == nil {
			t.Errorf("%q is a package", bad)
		}
	}
}

// What Java cannot have is an error that names its place.
func TestJavaTooWide(t *testing.T) {
	var properties []string
	for i := range 300 {
		properties = append(properties, fmt.Sprintf(`"p%d":{"type":"integer"}`, i))
	}
	c := withPayload(t, `{"type":"object","properties":{`+strings.Join(properties, ",")+`}}`)
	_, err := javaTarget.Generate(&Input{Model: ModelOf(c, Everything)})
	if err == nil || !strings.Contains(err.Error(), "thingHappenedData.json:1:1: ") {
		t.Error(err)
	}
}

// javaHostile is a contract whose every text tries to get out of where it is put.
func javaHostile(t *testing.T) *contract.Contract {
	evil := `*/ static { System.exit(3); } /* \u002a/ static { System.exit(4); } \u0022; //\n static { System.exit(5); } @deprecated {@link x} """ \"\"\" <script> \\`
	q := func(s string) string { return string(schema.AppendJSON(nil, syntax.NewScalar(syntax.String, s))) }
	e := q(evil)
	return contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":` + e + `,"version":` + e + `},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{
` + e + `:{"title":` + e + `,"summary":` + e + `,"headers":{"type":"object","required":["type","source"],"properties":{"type":{"type":"string","const":` + q(evil) + `},"source":{"type":"string","const":"/s"},"class":{"type":"string","description":` + e + `}}},
"payload":{"type":"object","title":` + e + `,"description":` + e + `,"required":["kind"],"properties":{` + e + `:{"type":"string","description":` + e + `,"enum":[` + e + `,"","class","1",` + q("\u2028\U0001f600\x00\"") + `]},
"kind":{"type":"string","enum":[` + e + `]},"int":{"type":["integer","null"]},"":{"type":"integer","default":1},"json":{"type":"object","properties":{"json":{"type":"string"},"value":{"type":"boolean"},"TYPE":{"type":"string"}},"additionalProperties":{"type":"string","pattern":` + q(`^["\\]+$`) + `}},
"list":{"type":"array","items":{"type":"array","items":{"oneOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/components/schemas/String"}}]}}}}}},
"Event":{"name":"o","headers":{"type":"object","properties":{"type":{"const":"o.v1"}}},"payload":{"$ref":"#/components/schemas/String"}},
"event":{"headers":{"type":"object","properties":{"type":{"const":"p.v1"}}},"payload":{"$ref":"#/components/schemas/Problem"}}}}},
"components":{"schemas":{"String":{"type":"object","properties":{"Object":{"$ref":"#/components/schemas/Problem"},"Optional":{"type":"string"}}},"Problem":{"type":"object","required":["x"],"properties":{"x":{"$ref":"#/components/schemas/String"},"Problem":{"type":"boolean"}}}}}}`}, "c.json")
}

func TestJavaHostile(t *testing.T) {
	for _, f := range javaOf(t, javaHostile(t), "hostile", Everything) {
		if isJavaRuntime(f.Path) {
			continue
		}
		for line := range strings.SplitSeq(string(f.Text), "\n") {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "static {") && line != "static {" || strings.HasPrefix(line, "static { System") {
				t.Errorf("%s: a text of the contract is code: %s", f.Path, line)
			}
		}
	}
}

// jdk finds the compiler, and the jars of Jackson in the folder that
// TREATY_JACKSON names.
func jdk(t *testing.T) (javac, classpath string) {
	t.Helper()
	jackson := os.Getenv("TREATY_JACKSON")
	if jackson == "" {
		t.Skip("TREATY_JACKSON names no folder with the jars of jackson-databind; make integration sets it")
	}
	for _, name := range []string{"core", "annotations", "databind"} {
		jars, _ := filepath.Glob(filepath.Join(jackson, "jackson-"+name+"-*.jar"))
		if len(jars) != 1 {
			t.Fatalf("%s has %d jars of jackson-%s", jackson, len(jars), name)
		}
		classpath += string(os.PathListSeparator) + jars[0]
	}
	javac, err := exec.LookPath("javac")
	if err != nil {
		t.Skip("there is no javac on the PATH")
	}
	return javac, classpath[1:]
}

// javaCompile compiles generated files, and the program that reads events with
// them, as strictly as javac can.
func javaCompile(t *testing.T, files []File) (run func(stdin []byte) []byte) {
	t.Helper()
	javac, classpath := jdk(t)
	dir := t.TempDir()
	program, err := os.ReadFile(filepath.Join("testdata", "java", "Corpus.java"))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, f := range append(slices.Clip(files), File{"corpus/Corpus.java", program}) {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%q\n", path)
	}
	args := filepath.Join(dir, "files")
	if err := os.WriteFile(args, []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "classes")
	cmd := exec.Command(javac, "-Xlint:all", "-Werror", "-encoding", "UTF-8", "--release", "17", "-cp", classpath, "-d", out, "@"+args)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, text)
	}
	return func(stdin []byte) []byte {
		cmd := exec.Command("java", "-cp", out+string(os.PathListSeparator)+classpath, "corpus.Corpus")
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("java: %v\n%s", err, stderr.String())
		}
		return text
	}
}

// javaVector is an event for a package, and what is to be made of it.
type javaVector struct {
	ID      string `json:"id"`
	Package string `json:"package"`
	Text    string `json:"text"`
	Message any    `json:"message,omitempty"` // in which the event of Text comes
	Want    string `json:"-"`                 // what is written of it, "" for Text

	valid   bool
	near    bool // the place may be one above or below the one that was wrong
	anew    bool // defaults are filled in: what is written may say more
	loose   bool // see javaLoose
	pointer string
	keyword string
}

// javaAnswer is what the program says of it.
type javaAnswer struct {
	ID       string
	Again    string
	Class    string
	Failed   string
	Refused  string // as a producer's
	Problems []struct{ Pointer, Keyword, Message string }
}

// javaNode reads a text of JSON.
func javaTree(t *testing.T, text string) *syntax.Node {
	t.Helper()
	n, found := syntax.Parse(diag.NewFile("", text), syntax.JSON, syntax.Limits{})
	if len(found) > 0 {
		t.Fatalf("%s: %s", text, found[0].Message)
	}
	return n
}

// javaVectors are events of a contract: samples and near misses of the data, in
// envelopes whose attributes are samples too.
func javaVectors(t *testing.T, c *contract.Contract, pkg string, samples, misses int) []javaVector {
	t.Helper()
	var all []javaVector
	compiler := schema.NewCompiler(c.Document().Schema)
	model := ModelOf(c, Everything)
	in := &Input{Model: model}
	for _, e := range model.Events {
		m := e.Message()
		if m.Payload == nil {
			continue
		}
		rules, err := in.Rules(e, false)
		if err != nil {
			t.Fatal(err)
		}
		// Samples are made of the schema as it is written; an Avro schema has its own.
		p := m.Compatibility
		compiled, err := compiler.Compile(m.Payload.Node(), m.Payload.Dialect)
		if err != nil {
			t.Fatal(err)
		}
		compiled = compiled.Read(schema.Profile{Tolerant: p.ReadersTolerant, OpenEnums: p.EnumsOpen, DefaultsApply: p.DefaultsApplied, FormatsIgnore: p.FormatsAnnotate})
		attributes := map[string][]byte{}
		for _, a := range rules.Attributes {
			s, err := schema.Parse("attribute", a.Schema, schema.Draft2020)
			if err != nil {
				t.Fatal(err)
			}
			value, err := s.Sample(1, 1)
			if err != nil {
				t.Fatal(err)
			}
			if a.Name != "type" && a.Name != "specversion" && a.Name != "time" {
				attributes[a.Name] = value[0]
			}
		}
		if attributes["id"] == nil {
			attributes["id"] = []byte(`"1"`)
		}
		if attributes["source"] == nil {
			attributes["source"] = []byte(`"/corpus"`)
		}
		event := func(data []byte, without string) string {
			if rules.Whole != nil {
				return string(data)
			}
			text := `{"specversion":"1.0","time":"2026-04-10T15:19:58.120+02:00","type":` + string(schema.AppendJSON(nil, syntax.NewScalar(syntax.String, e.Type)))
			for _, name := range []string{"id", "source"} {
				if name != without {
					text += fmt.Sprintf(",%q:%s", name, attributes[name])
				}
			}
			for _, a := range rules.Attributes {
				if v := attributes[a.Name]; v != nil && a.Name != "id" && a.Name != "source" && a.Name != without {
					text += fmt.Sprintf(",%q:%s", a.Name, v)
				}
			}
			return text + `,"comexampleother":7,"data":` + string(data) + "}"
		}
		place := "/data"
		if rules.Whole != nil {
			place = ""
		}
		good, err := compiled.Sample(1, samples)
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		for i, v := range good {
			all = append(all, javaVector{ID: fmt.Sprintf("%s %s %d", pkg, e.Type, i), Package: pkg, Text: event(v, ""), valid: true, anew: p.DefaultsApplied})
		}
		for _, a := range rules.Attributes {
			if a.Required && a.Name != "type" && a.Name != "specversion" && a.Name != "time" {
				all = append(all, javaVector{ID: fmt.Sprintf("%s %s without %s", pkg, e.Type, a.Name), Package: pkg, Text: event(good[0], a.Name), keyword: "required"})
			}
		}
		seen := map[string]bool{}
		for seed := uint64(1); seed <= 40 && len(seen) < misses; seed++ {
			near, err := compiled.Misses(seed, misses)
			if err != nil {
				break // nothing can be refused
			}
			for _, m := range near {
				if len(seen) < misses && !seen[string(m.Value)] {
					seen[string(m.Value)] = true
					all = append(all, javaVector{ID: fmt.Sprintf("%s %s miss %d", pkg, e.Type, len(seen)), Package: pkg, Text: event(m.Value, ""), pointer: place + m.Problem.Instance, keyword: m.Problem.Keyword,
						// The schema of Avro's encoding says of a union that no branch fits, where the
						// reader of Avro says what is wrong in one; and an envelope is held to CloudEvents
						// before it is held to a payload that describes it.
						near: rules.Whole != nil || e.Payload.Avro})
				}
			}
		}
	}
	return all
}

// javaNear is whether one place is within the other.
func javaNear(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

func javaJudge(t *testing.T, all []javaVector, run func(stdin []byte) []byte) {
	t.Helper()
	var stdin bytes.Buffer
	for _, v := range all {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		stdin.Write(append(line, '\n'))
	}
	answers := map[string]javaAnswer{}
	scan := bufio.NewScanner(bytes.NewReader(run(stdin.Bytes())))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var a javaAnswer
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		answers[a.ID] = a
	}
	type count struct{ good, bad, keywords, loose, wrong int }
	counts := map[string]*count{}
	var order []string
	wrong := 0
	for _, v := range all {
		n := counts[v.Package]
		if n == nil {
			n = &count{}
			counts[v.Package] = n
			order = append(order, v.Package)
		}
		a, ok := answers[v.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case a.Failed != "":
			problem = a.Failed
		case v.loose && javaLoose(t, v, a):
			n.loose++
		case v.valid && len(a.Problems) > 0:
			problem = fmt.Sprintf("it is valid, and was refused: %v", a.Problems)
		case v.valid && (a.Class == "UnknownEvent" || !v.anew && !syntax.Equal(javaTree(t, cmp.Or(v.Want, v.Text)), javaTree(t, a.Again))):
			problem = "it was written again as " + a.Class + " " + a.Again
		case v.valid:
			n.good++
		case len(a.Problems) == 0:
			problem = fmt.Sprintf("it is invalid at %s (%s), and was accepted", v.pointer, v.keyword)
		case a.Problems[0].Pointer != v.pointer && !(v.near && javaNear(a.Problems[0].Pointer, v.pointer)):
			problem = fmt.Sprintf("it is wrong at %s (%s), and this was said: %v", v.pointer, v.keyword, a.Problems)
		default:
			n.bad++
			if a.Problems[0].Keyword == v.keyword {
				n.keywords++
			}
		}
		if problem != "" {
			n.wrong++
			if wrong++; wrong <= 30 {
				t.Errorf("%s: %s\n  %s", v.ID, v.Text, problem)
			}
		}
	}
	for _, pkg := range order {
		n := counts[pkg]
		t.Logf("%-12s %5d came back as they were, %5d were refused in their place (%d by the same keyword), %d are beyond the types, %d went wrong", pkg, n.good, n.bad, n.keywords, n.loose, n.wrong)
	}
}

// javaLoose is whether a type of Java is narrower than a schema in one of the ways
// that the page of the target names: an integer without bounds is a long; and
// properties that an object neither declares nor speaks of are left out.
func javaLoose(t *testing.T, v javaVector, a javaAnswer) bool {
	if !v.valid {
		return false
	}
	if len(a.Problems) == 1 && a.Problems[0].Keyword == "type" {
		return strings.HasSuffix(a.Problems[0].Message, "that a long of Java holds")
	}
	if a.Again == "" {
		return false
	}
	return javaLess(javaTree(t, v.Text).Get("data"), javaTree(t, a.Again).Get("data"))
}

// javaLess is whether one value is another that lacks properties.
func javaLess(before, after *syntax.Node) bool {
	if !before.Is(syntax.Mapping) || !after.Is(syntax.Mapping) {
		return false
	}
	less := after.Len() < before.Len()
	for _, item := range after.Items {
		had := before.Get(item.KeyName())
		switch {
		case had == nil:
			return false
		case syntax.Equal(item, had):
		case javaLess(had, item):
			less = true
		default:
			return false
		}
	}
	return less
}

// javaSuite is a contract with an event for each schema of the official suite that
// has a portable form, and the suite's values.
func javaSuite(t *testing.T) (*contract.Contract, []javaVector) {
	dir := filepath.Join(testData(), "json-schema-test-suite", "tests", "draft2020-12")
	var paths []string
	for _, pattern := range []string{"*.json", "optional/ecmascript-regex.json", "optional/bignum.json", "optional/non-bmp-regex.json", "optional/float-overflow.json", "optional/format/*.json"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	var messages []string
	var all []javaVector
	left := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Schema json.RawMessage
			Tests  []struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatal(err)
		}
		for i, g := range groups {
			// What is compiled alone, references and all, says what is right.
			s, err := schema.Parse("s", g.Schema, schema.Draft2020)
			if err != nil {
				left++
				continue
			}
			portable, err := s.Portable()
			if err != nil || strings.Contains(string(g.Schema), "$dynamicRef") || strings.Contains(string(g.Schema), "$id") || strings.Contains(string(g.Schema), `"#`) {
				left++ // within a contract # is the contract
				continue
			}
			_ = portable
			typ := fmt.Sprintf("%s.%s.%d", filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".json"), i)
			messages = append(messages, fmt.Sprintf(`%q:{"headers":{"type":"object","properties":{"type":{"const":%q}}},"payload":{"schemaFormat":"application/schema+json;version=draft-2020-12","schema":%s}}`, typ, typ, g.Schema))
			for k, test := range g.Tests {
				v := javaVector{ID: fmt.Sprintf("suite %s %d", typ, k), Package: "suite", loose: true, Text: fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/s","type":%q,"data":%s}`, typ, test.Data)}
				if problems := s.ValidateJSON(test.Data); len(problems) == 0 {
					v.valid = true
				} else {
					v.pointer, v.keyword = "/data"+problems[0].Instance, problems[0].Keyword
				}
				all = append(all, v)
			}
		}
	}
	c := contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"Suite","version":"1"},"defaultContentType":"application/cloudevents+json","channels":{"c":{"address":"c","messages":{` + strings.Join(messages, ",\n") + `}}}}`}, "c.json")
	t.Logf("%d schemas of the suite; %d left out, which refer to places by identifiers", len(messages), left)
	return c, all
}

// testData is where data beside the repository are.
func testData() string {
	if dir := os.Getenv("TREATY_TESTDATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "testdata")
}

// TestRealJava generates packages of the corpus, the examples, the hard contract,
// a hostile one, the specification's examples and the official suite, compiles
// them together in the strictest mode, and gives them samples and near misses:
// samples come back as they were; near misses are refused where they are wrong.
func TestRealJava(t *testing.T) {
	jdk(t)
	contracts := map[string]*contract.Contract{
		"corpus":    corpus(t),
		"orders":    javaContract(t, filepath.Join("..", "..", "examples", "orders"), "orders.asyncapi.yaml"),
		"billing":   javaContract(t, filepath.Join("..", "..", "examples", "orders"), "billing.asyncapi.yaml"),
		"hard":      javaContract(t, filepath.Join("testdata", "hard"), "hard.yaml"),
		"hostile":   javaHostile(t),
		"onlytypes": javaHostile(t),
	}
	examples, _ := filepath.Glob(filepath.Join(testData(), "asyncapi-spec-examples", "*.yml"))
	for _, path := range examples {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), "-asyncapi.yml"), "-", "")
		contracts["spec."+name+"_"] = javaContract(t, filepath.Dir(path), filepath.Base(path))
	}
	var files []File
	var all []javaVector
	var names []string
	for name := range contracts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		only := Everything
		if name == "onlytypes" {
			only = Types
		}
		files = append(files, javaOf(t, contracts[name], name, only)...)
		if only != Types {
			all = append(all, javaVectors(t, contracts[name], name, 100, 100)...)
		}
	}
	example, err := os.ReadFile(filepath.Join("testdata", "java", "Till.java"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, javaOf(t, contracts["orders"], "com.example.orders", Everything)...)
	files = append(files, File{"example/Till.java", example})
	if c, vectors := javaSuite(t); c != nil {
		files = append(files, javaOf(t, c, "suite", Everything)...)
		all = append(all, vectors...)
	}
	all = append(all, javaMessages(t, all)...)
	for i := range files {
		files[i].Text = eitherMode(files[i].Text)
	}
	files = append(files, javaOf(t, notes(t), "notes", Everything)...)
	for _, v := range textVectors(t) {
		one := javaVector{ID: v.ID, Package: "notes", Text: v.Text, Want: v.Want, valid: v.Want != "", pointer: v.Pointer}
		if v.Message != nil {
			one.Message = v.Message
		}
		all = append(all, one)
	}
	javaJudge(t, all, javaCompile(t, files))
}

// javaMessages are events of vectors in binary mode, each as the binding of one
// protocol writes it.
func javaMessages(t *testing.T, all []javaVector) (more []javaVector) {
	bindings := map[string]*event.Binding{"amqp": event.AMQP, "http": event.HTTP, "kafka": event.Kafka, "mqtt": event.MQTT, "nats": event.NATS, "pubsub": event.PubSub}
	names := slices.Sorted(maps.Keys(bindings))
	for i, v := range all {
		var e event.Event
		if i%3 != 0 || v.Package == "suite" || !v.valid && !strings.HasPrefix(v.pointer, "/data") || e.UnmarshalEvent([]byte(v.Text)) != nil || len(e.Data) == 0 {
			continue
		}
		if e.DataContentType == "" {
			e.DataContentType = "application/json"
		}
		// A number of which the contract says nothing would come as a text.
		e.Extensions = slices.DeleteFunc(e.Extensions, func(x event.Extension) bool { return x.Name == "comexampleother" })
		text, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Text = string(text)
		protocol := names[len(more)%len(names)]
		m := message(t, bindings[protocol], &e)
		m["protocol"] = protocol
		v.Message = m
		v.ID += " " + protocol
		more = append(more, v)
	}
	return more
}

// The example of the page is one that is compiled.
func TestJavaPage(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("testdata", "java", "Till.java"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "generate-java.md"))
	if err != nil {
		t.Fatal(err)
	}
	if code := string(example[bytes.Index(example, []byte("final class")):]); !strings.Contains(string(page), "```java\n"+code+"```") {
		t.Error("docs/generate-java.md does not have the example of testdata/java/Till.java")
	}
}

// An expression that Java cannot match is an error that names the payload.
func TestJavaLookBehind(t *testing.T) {
	for pattern, good := range map[string]bool{`(?<=a*)b`: false, `(?<!(a|b{2,}))c`: false, `(?<=a{1,3})b`: true, `(?<x>a*)b`: true, `[(?<=]a*`: true, `\(?<=a*`: true, `(?<=[*+])a*`: true, `\p{Script_Extensions=Latin}`: false, `\p{Script=Latin}`: true} {
		c := withPayload(t, fmt.Sprintf(`{"type":"string","pattern":%q}`, pattern))
		_, err := javaTarget.Generate(&Input{Model: ModelOf(c, Everything)})
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), "thingHappenedData.json:1:1: ") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// The id and the source of an event are texts under these names, whatever the
// contract says of them, since all events have them.
func TestJavaSource(t *testing.T) {
	c := contractOf(t, map[string]string{"c.yaml": `asyncapi: 3.1.0
info: {title: T, version: 1.0.0}
channels:
  c:
    address: c
    messages:
      opened:
        contentType: application/json
        headers:
          type: object
          required: [ce_type, ce_source]
          properties:
            ce_type: {const: opened.v1}
            ce_source: {type: string, enum: [/a, /b], x-java-name: from}
            ce_id: {type: string, enum: ['1', '2']}
        payload: {type: string}
`}, "c.yaml")
	for _, f := range javaOf(t, c, "p", Everything) {
		if f.Path == "p/Opened.java" {
			for _, want := range []string{"        String id,\n", "        String source,\n"} {
				if !strings.Contains(string(f.Text), want) {
					t.Errorf("there is no %q in\n%s", want, f.Text)
				}
			}
			return
		}
	}
	t.Error("there is no Opened.java")
}
