package document

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// bindingCase is a file of an archive in testdata/bindings. Its name says the
// versions that it holds for, the level, and where it stands, such as
//
//	0.4.0,0.5.0 operation send
//
// with the action, or the 2.x keyword, left out for a binding that stands in
// no operation. Its text is the fields of the binding. Behind a line stands
// what is to be found there, "# rule: message", after " # " each; a line that
// begins with # is about the binding as a whole.
type bindingCase struct {
	protocol string
	versions []string
	level    Level
	where    string
	lines    []string
}

func parseBindingCase(t *testing.T, protocol string, f txtar.File) bindingCase {
	t.Helper()
	words := strings.Fields(f.Name)
	c := bindingCase{protocol: protocol, versions: strings.Split(words[0], ",")}
	for l := ServerLevel; l <= MessageLevel; l++ {
		if l.String() == words[1] {
			c.level = l
		}
	}
	if c.level == 0 {
		t.Fatalf("%s: %q is no level", f.Name, words[1])
	}
	if len(words) > 2 {
		c.where = words[2]
	}
	for line := range strings.Lines(string(f.Data)) {
		if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "#") {
			continue
		}
		body, _, _ := strings.Cut(line, " # ")
		c.lines = append(c.lines, strings.TrimRight(body, " "))
	}
	return c
}

// source is the case as part of a document, whose binding starts at line 4.
func (c *bindingCase) source(version string) string {
	key, action := "it", "x-none: 0"
	switch c.where {
	case "send", "receive":
		action = "action: " + c.where
	case "publish", "subscribe":
		key = c.where
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n  %s\n  bindings:\n    %s:\n      bindingVersion: %s\n", key, action, c.protocol, version)
	for _, line := range c.lines {
		b.WriteString("      " + line + "\n")
	}
	return b.String()
}

func (c *bindingCase) check(t *testing.T, version string) []diag.Diagnostic {
	t.Helper()
	return checkBinding(t, c.source(version), c.protocol, c.level)
}

func checkBinding(t *testing.T, source, protocol string, l Level) []diag.Diagnostic {
	t.Helper()
	f := diag.NewFile("binding.yaml", source)
	root, found := syntax.Parse(f, syntax.YAML, syntax.Limits{})
	if len(found) > 0 {
		t.Fatalf("%v\n%s", found, source)
	}
	n := root.Items[0].At("bindings", protocol)
	if n == nil {
		t.Fatalf("no binding in\n%s", source)
	}
	return diag.Sort(checkFragment(n, binding(l), Version{Major: 3}))
}

// render writes the case with what was found in it.
func (c *bindingCase) render(found []diag.Diagnostic) string {
	const first = 6 // line of the source that the fields begin at
	notes := make([]string, len(c.lines)+1)
	for _, d := range found {
		i := max(d.Span.Position().Line-first+1, 0)
		mark := " # "
		if i == 0 {
			mark = "# "
		}
		note := mark + d.Rule + ": " + d.Message
		if d.Severity != diag.Error {
			note = mark + d.Rule + " (" + d.Severity.String() + "): " + d.Message
		}
		if i == 0 {
			note += "\n"
		}
		notes[i] += note
	}
	var b strings.Builder
	b.WriteString(notes[0])
	for i, line := range c.lines {
		b.WriteString(line + notes[i+1] + "\n")
	}
	return b.String()
}

func TestBindings(t *testing.T) {
	archives, err := filepath.Glob("testdata/bindings/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	met := map[string]map[string]bool{} // by "protocol version level": rules and fields met
	for _, name := range archives {
		protocol := strings.TrimSuffix(filepath.Base(name), ".txtar")
		t.Run(protocol, func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range archive.Files {
				c := parseBindingCase(t, protocol, f)
				for j, version := range c.versions {
					found := c.check(t, version)
					got := c.render(found)
					if *update && j == 0 {
						archive.Files[i].Data = []byte(got)
						f.Data = []byte(got)
					}
					if got != string(f.Data) {
						t.Errorf("%s, version %s: got\n%s\nwant\n%s", f.Name, version, got, f.Data)
					}
					key := protocol + " " + version + " " + c.level.String()
					if met[key] == nil {
						met[key] = map[string]bool{}
					}
					for _, d := range found {
						met[key][d.Rule] = true
					}
					if len(found) == 0 {
						for _, line := range c.lines {
							if field, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
								met[key][field] = true
							}
						}
					}
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if t.Failed() {
		return
	}

	// Every table has its cases: each field in one without findings, and each
	// kind of fault that it can have.
	for _, protocol := range protocolNames() {
		for _, v := range protocolNamed(protocol).Versions {
			for l := ServerLevel; l <= MessageLevel; l++ {
				o := v.at(l)
				if o == nil {
					continue
				}
				key := fmt.Sprintf("%s %s %s", protocol, v.Version, l)
				for _, want := range append(fieldNames(o), faultsOf(o)...) {
					if !met[key][want] {
						t.Errorf("%s: no case in testdata/bindings for %s", key, want)
					}
				}
			}
		}
	}
}

// faultsOf is the rules that a binding can break.
func faultsOf(o *Object) []string {
	rules := []string{RuleFieldUnknown}
	var look func(t *Type)
	objects := map[*Object]bool{}
	add := func(rule string) {
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	fields := func(o *Object) {
		if o == nil || objects[o] {
			return
		}
		objects[o] = true
		for i := range o.Fields {
			if o.Fields[i].Required {
				add(RuleFieldMissing)
			}
			look(o.Fields[i].Type)
		}
	}
	look = func(t *Type) {
		if t == nil {
			return
		}
		if t.op != opSchema && t.op != opAnything {
			add(RuleFieldType)
		}
		if t.op == opWord || t.bound || t.format != nil {
			add(RuleFieldValue)
		}
		fields(t.object)
		look(t.elem)
		for _, alt := range t.alts {
			look(alt)
		}
	}
	fields(o)
	return rules
}

// Where a protocol defines nothing a binding is empty, and has extensions and
// its version at most.
func TestReservedBindings(t *testing.T) {
	for _, protocol := range protocolNames() {
		for _, v := range protocolNamed(protocol).Versions {
			for l := ServerLevel; l <= MessageLevel; l++ {
				if v.at(l) != nil {
					continue
				}
				c := bindingCase{protocol: protocol, level: l, lines: []string{"x-own: 1"}}
				if found := c.check(t, v.Version); len(found) > 0 {
					t.Errorf("%s %s %s: %s", protocol, v.Version, l, found[0].Message)
				}
				c.lines = []string{"topic: orders"}
				if found := c.check(t, v.Version); len(found) != 1 || found[0].Rule != RuleFieldUnknown {
					t.Errorf("%s %s %s: a field is to be refused, found %v", protocol, v.Version, l, found)
				}
			}
		}
	}
}

// The version of a binding decides what it may hold: the newest where it is
// left out or "latest".
func TestBindingVersions(t *testing.T) {
	for _, c := range []struct {
		protocol string
		level    Level
		binding  string
		want     string // rule of the only finding, "" for none
	}{
		{"kafka", ChannelLevel, "{topicConfiguration: {segment.ms: 1}}", ""},
		{"kafka", ChannelLevel, "{bindingVersion: latest, topicConfiguration: {segment.ms: 1}}", ""},
		{"kafka", ChannelLevel, "{bindingVersion: 0.4.0, topicConfiguration: {segment.ms: 1}}", RuleFieldUnknown},
		{"kafka", ChannelLevel, "{bindingVersion: 0.3.0, topicConfiguration: {}}", RuleFieldUnknown},
		{"kafka", ChannelLevel, "{bindingVersion: 0.2.0, topic: a}", RuleBindingVersion},
		{"kafka", ChannelLevel, "{bindingVersion: 0.6.0, topic: a}", RuleBindingVersion},
		{"http", OperationLevel, "{type: request, method: GET}", RuleFieldUnknown},
		{"http", OperationLevel, "{bindingVersion: 0.1.0, type: request, method: GET}", ""},
		{"amqp", OperationLevel, "{replyTo: a}", RuleFieldUnknown},
		{"amqp", OperationLevel, "{bindingVersion: 0.2.0, replyTo: a}", ""},
		{"amqp", OperationLevel, "{bindingVersion: 0.9.0}", RuleBindingVersion},
		{"anypointmq", ChannelLevel, "{bindingVersion: 0.1.0, destination: a}", ""},
		{"anypointmq", ServerLevel, "{bindingVersion: 0.0.1}", ""},
		{"sns", ChannelLevel, "{bindingVersion: 1.0.0, name: a}", ""},
		{"googlepubsub", ChannelLevel, "{topic: a, schemaSettings: {encoding: JSON, name: a}}", RuleFieldUnknown},
		{"sqs", OperationLevel, "{bindingVersion: 0.1.0, queues: []}", ""},
		{"mqtt5", ServerLevel, "{bindingVersion: 0.2.0, sessionExpiryInterval: 60}", ""},
		{"redis", ServerLevel, "{bindingVersion: 0.1.0}", ""},
		{"kafak", ServerLevel, "{anything: 1}", RuleBindingUnknown},
	} {
		source := fmt.Sprintf("it:\n  bindings:\n    %s: %s\n", c.protocol, c.binding)
		var rules []string
		for _, d := range checkBinding(t, source, c.protocol, c.level) {
			rules = append(rules, d.Rule)
		}
		if got := strings.Join(rules, " "); got != c.want {
			t.Errorf("%s %s %s: found %q, want %q", c.protocol, c.level, c.binding, got, c.want)
		}
	}
}

func TestProtocols(t *testing.T) {
	names := protocolNames()
	if !sort.StringsAreSorted(names) {
		t.Errorf("names are looked up by halving, but are not sorted: %v", names)
	}
	for _, name := range names {
		p := protocolNamed(name)
		if p == nil || p.Name != name {
			t.Errorf("protocolNamed(%q) = %v", name, p)
		} else if p != protocolNamed(name) {
			t.Errorf("%s is built twice, but kinds are compared by pointer", name)
		}
	}
	for _, name := range []string{"", "Kafka", "kafk", "zmq", "aaa"} {
		if p := protocolNamed(name); p != nil {
			t.Errorf("protocolNamed(%q) = %s, want none", name, p.Name)
		}
	}
}

// A duration of Protocol Buffers in JSON, as the documentation of
// google.protobuf.Duration has it.
func TestProtobufDuration(t *testing.T) {
	for _, good := range []string{"86400s", "3s", "3.000000001s", "-1.5s", "0s"} {
		if fault := protobufDuration(good); fault != "" {
			t.Errorf("%q %s", good, fault)
		}
	}
	for _, bad := range []string{"", "s", "-s", "86400", "1h", "PT1H", "1.s", ".5s", "1.0000000001s", "--1s", "1.2.3s", "1 s"} {
		if protobufDuration(bad) == "" {
			t.Errorf("%q passes for a duration", bad)
		}
	}
}
