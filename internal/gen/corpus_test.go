package gen

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
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
	if _, err := f.Stale(); err == nil || !strings.Contains(err.Error(), "treaty did not make it") {
		t.Error(err)
	}
}

// What a folder's own list says treaty made is removed where it is still that, and
// a folder that was left half written is written again.
func TestFolderOwn(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := &Input{Model: ModelOf(withPayload(t, `{"type":"string"}`), Everything), Version: "v"}
	// SHA-256 of "old" and of "old\n".
	put(manifestName, `{"treaty":"v","contract":"c 1","target":"go","files":{"mine.go":"cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4","old.go":"cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4","dos.go":"01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee","../outside.go":"cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4"}}`)
	put("mine.go", "my own")
	put("old.go", "old")
	put("dos.go", "old\r\n") // as a checkout may have it
	f, err := Plan(goTarget, in, dir)
	if err != nil {
		t.Fatal(err)
	}
	if stale, err := f.Stale(); err != nil || slices.Contains(stale, "mine.go") || !slices.Contains(stale, "old.go") {
		t.Error(stale, err)
	}
	if _, removed, err := f.Write(); err != nil || !slices.Equal(removed, []string{"dos.go", "old.go"}) {
		t.Error(removed, err)
	}
	if text, _ := os.ReadFile(at("mine.go")); string(text) != "my own" {
		t.Error("what is no more what treaty made was removed")
	}
	// Without its list, files that are as they are to be are treaty's.
	if err := os.Remove(at(manifestName)); err != nil {
		t.Fatal(err)
	}
	if f, err = Plan(goTarget, in, dir); err != nil {
		t.Fatal(err)
	}
	if written, _, err := f.Write(); err != nil || !slices.Equal(written, []string{manifestName}) {
		t.Error(written, err)
	}
	// Half written: the list is there first.
	if err := os.Remove(at("treaty.gen.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("treaty.gen.go"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(manifestName, `{"treaty":"v","contract":"c 1","target":"go","files":{"treaty.gen.go":"1"}}`)
	if f, err = Plan(goTarget, in, dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Write(); err == nil {
		t.Error("a folder was written over")
	}
	if text, _ := os.ReadFile(at(manifestName)); !strings.Contains(string(text), "contract.gen.json") {
		t.Errorf("the list is %s", text)
	}
	// Another target's, to be checked.
	if f, err = Plan(typescriptTarget, in, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Stale(); err == nil || !strings.Contains(err.Error(), "has code of the target go") {
		t.Error(err)
	}
	for _, name := range []string{manifestName, manifestName + "/x"} {
		if _, err := Plan(goTarget, in, at(name)); err == nil || !strings.Contains(err.Error(), "choose another with -o") {
			t.Error(err)
		}
	}
}

// TestGoPackage: titles whose words are no package of Go give one all the same.
func TestGoPackage(t *testing.T) {
	for title, want := range map[string]string{"Orders events": "ordersevents", "Main": "eventsmain", "Documentation": "eventsdocumentation", "type": "eventstype", "店": "events", "1st": "events1st"} {
		if got := goPackage(title); got != want {
			t.Errorf("%s is the package %s, and not %s", title, got, want)
		}
	}
}

// TestPackageNames: what no language has as a name of a package is refused.
func TestPackageNames(t *testing.T) {
	model := ModelOf(withPayload(t, `{"type":"string"}`), Everything)
	for _, row := range []struct {
		target *Target
		name   string
		good   bool
	}{{goTarget, "events", true}, {goTarget, "é2", true}, {goTarget, "../x", false}, {goTarget, "type", false}, {goTarget, "_", false}, {goTarget, "a b", false}, {goTarget, "1a", false},
		{javaTarget, "com.example", true}, {javaTarget, "java.lang", false}, {javaTarget, "java", false}, {javaTarget, "javax", true}, {javaTarget, "a..b", false}} {
		_, err := row.target.Generate(&Input{Model: model, Package: row.name, Version: "v"})
		if row.good != (err == nil) || err != nil && !strings.Contains(err.Error(), "is no name of a package") {
			t.Errorf("%s in %s: %v", row.name, row.target.Name, err)
		}
	}
}
