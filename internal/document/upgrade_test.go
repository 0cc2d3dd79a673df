package document

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive holds a document of 2.x, in.yaml, and the files that it refers
// to; want is the document that it is upgraded to, notes what the upgrade has
// to say. A comment that begins with "malformed" lets the documents have
// findings; else there may be none, neither in what goes in nor in what comes
// out, read again as a document of its own.
func TestUpgrade(t *testing.T) {
	archives, err := filepath.Glob("testdata/upgrade/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			malformed := strings.HasPrefix(string(archive.Comment), "malformed")
			files := fstest.MapFS{}
			golden := map[string]string{}
			for _, f := range archive.Files {
				switch f.Name {
				case "want", "notes":
					golden[f.Name] = string(f.Data)
				default:
					files[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			d := loadWell(t, files, "in.yaml", malformed)
			checkProvenance(t, d)

			got := map[string]string{"want": dump(d.Root), "notes": notesText(d.Notes)}
			files["out.yaml"] = &fstest.MapFile{Data: []byte(got["want"])}
			loadWell(t, files, "out.yaml", malformed)

			if *update {
				rest := archive.Files[:0]
				for _, f := range archive.Files {
					if f.Name != "want" && f.Name != "notes" {
						rest = append(rest, f)
					}
				}
				archive.Files = append(rest, txtar.File{Name: "want", Data: []byte(got["want"])})
				if got["notes"] != "" {
					archive.Files = append(archive.Files, txtar.File{Name: "notes", Data: []byte(got["notes"])})
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, part := range []string{"want", "notes"} {
				if got[part] != golden[part] {
					t.Errorf("%s differs (-update rewrites it); got:\n%s\nwant:\n%s", part, got[part], golden[part])
				}
			}
		})
	}
}

func loadWell(t *testing.T, files fstest.MapFS, name string, malformed bool) *Document {
	t.Helper()
	d, found, err := Load(context.Background(), name, Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	if !malformed {
		for _, x := range found {
			t.Errorf("%s: %s: %s", x.Span, x.Rule, x.Message)
		}
	}
	return d
}

func notesText(notes []Note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "%s %s\n", n.Span, n.Message)
	}
	return b.String()
}

// checkProvenance holds an upgraded tree to its promise: every node has a
// place in a file that was read.
func checkProvenance(t *testing.T, d *Document) {
	t.Helper()
	var walk func(n *syntax.Node, path string)
	walk = func(n *syntax.Node, path string) {
		for _, at := range []diag.Span{n.Span(), n.KeySpan()} {
			if at.File == nil || d.nodes[at.File] == nil || at.Start > at.End || at.End > len(at.File.Text) {
				t.Errorf("%s has no place in a file: %v", path, at)
			}
		}
		for i, item := range n.Items {
			if n.Kind == syntax.Mapping {
				walk(item, path+"/"+item.Key.Value)
			} else {
				walk(item, fmt.Sprint(path, "/", i))
			}
		}
	}
	walk(d.Root, "")
}

// dump writes a tree as YAML, plainly.
func dump(n *syntax.Node) string {
	var b strings.Builder
	var write func(n *syntax.Node, indent string)
	write = func(n *syntax.Node, indent string) {
		switch {
		case n.Kind == syntax.Mapping && len(n.Items) > 0:
			for _, item := range n.Items {
				fmt.Fprintf(&b, "\n%s%s:", indent, scalar(item.Key.Value))
				write(item, indent+"  ")
			}
		case n.Kind == syntax.Sequence && len(n.Items) > 0:
			for _, item := range n.Items {
				fmt.Fprintf(&b, "\n%s-", indent)
				write(item, indent+"  ")
			}
		case n.Kind == syntax.Mapping:
			b.WriteString(" {}")
		case n.Kind == syntax.Sequence:
			b.WriteString(" []")
		case n.Kind == syntax.String:
			b.WriteString(" " + scalar(n.Value))
		case n.Kind == syntax.Null:
			b.WriteString(" null")
		case n.Kind == syntax.Invalid:
			b.WriteString(" '?'")
		default:
			b.WriteString(" " + n.Value)
		}
	}
	write(n, "")
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// scalar quotes a string unless it reads as one anyway.
func scalar(s string) string {
	plain := s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '$')
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("$ ._-/()", r)) {
			plain = false
		}
	}
	switch s {
	case "true", "false", "null", "True", "False", "Null", "NULL", "TRUE", "FALSE":
		plain = false
	}
	if plain && strings.TrimSpace(s) == s {
		return s
	}
	quoted, _ := json.Marshal(s)
	return string(quoted)
}

// Findings about an upgraded document stand at the lines of the 2.x file.
func TestUpgradeKeepsPlaces(t *testing.T) {
	const text = `asyncapi: 2.6.0
info: {title: T, version: '1'}
servers:
  prod: {url: mqtt://b.example.com/v1, protocol: mqtt}
channels:
  a/b:
    servers: [prod]
    x-delivery: {bootstrap: {mode: log, channel: '#/channels/c'}}
    publish:
      operationId: onB
      x-delivery: {deadLetter: {channel: {$ref: '#/channels/c'}}}
      message:
        messageId: b
        payload: {type: object}
    subscribe:
      message: {$ref: '#/components/messages/C'}
  c: {}
components:
  messages:
    C: {payload: {type: string}}
`
	d := loadWell(t, fstest.MapFS{"in.yaml": {Data: []byte(text)}}, "in.yaml", false)
	for _, c := range []struct{ path, key, value string }{
		{"asyncapi", "asyncapi", "2.6.0"},
		{"servers prod host", "url", "mqtt://b.example.com/v1"},
		{"servers prod pathname", "url", "mqtt://b.example.com/v1"},
		{"servers prod protocol", "protocol", "mqtt"},
		{"channels a.b address", "a/b", "a/b"},
		{"channels a.b servers 0", "prod", "prod"},
		{"channels a.b messages C $ref", "'#/components/messages/C'", "'#/components/messages/C'"},
		{"operations onB action", "publish", "publish"},
		{"operations a.b.send action", "subscribe", "subscribe"},
		{"operations a.b.send messages 0 $ref", "'#/components/messages/C'", "'#/components/messages/C'"},
	} {
		n := d.Root.At(strings.Fields(c.path)...)
		if n == nil {
			t.Errorf("%s is not there", c.path)
			continue
		}
		if got := n.Span().Text(); got != c.value {
			t.Errorf("%s stands at %q, not at %q", c.path, got, c.value)
		}
		if got := n.KeySpan().Text(); got != c.key && c.path[len(c.path)-4:] != "$ref" {
			t.Errorf("the key of %s stands at %q, not at %q", c.path, got, c.key)
		}
	}
	for path, written := range map[string]string{
		"channels a.b messages b":         "/channels/a~1b/publish/message",
		"operations onB":                  "/channels/a~1b/publish",
		"channels a.b":                    "/channels/a~1b",
		"channels a.b address":            "/channels/a~1b",
		"servers prod host":               "/servers/prod/url",
		"channels a.b messages b payload": "/channels/a~1b/publish/message/payload",
		"components messages C payload":   "/components/messages/C/payload",
	} {
		if got := d.Root.At(strings.Fields(path)...).Pointer(); got != written {
			t.Errorf("%s says that it was written at %s, not at %s", path, got, written)
		}
	}
	for ref, target := range map[string]string{
		"operations onB channel":               "channels a.b",
		"operations onB messages 0":            "channels a.b messages b",
		"operations a.b.send messages 0":       "components messages C",
		"channels a.b x-delivery bootstrap":    "channels c",
		"channels a.b servers 0":               "servers prod",
		"operations onB x-delivery deadLetter": "channels c",
	} {
		n := d.Root.At(strings.Fields(ref)...)
		if channel := n.Get("channel"); channel != nil {
			n = channel
		}
		if got := d.ResolvePointer(n); got == nil || got != d.Root.At(strings.Fields(target)...) {
			t.Errorf("%s leads to %s, not to %s of the upgraded document", ref, got.Pointer(), target)
		}
	}
	if got := len(d.All(Operation)); got != 2 {
		t.Errorf("%d operations, not 2", got)
	}
	if d.Root.At("components", "messages", "C", "payload") != d.Written.At("components", "messages", "C", "payload") {
		t.Error("a schema is not the node that was read")
	}
}

// Documents that say a little a great many times over.
func TestUpgradeOfStorms(t *testing.T) {
	var several, schemas strings.Builder
	const depth = 60 // unfolded, 2^60
	for i := range depth {
		fmt.Fprintf(&several, "    M%d: {oneOf: [{$ref: '#/components/messages/M%d'}, {$ref: '#/components/messages/M%d'}, {payload: true}]}\n", i, (i+1)%depth, (i+1)%depth)
		for _, s := range []string{"S", "T"} {
			fmt.Fprintf(&schemas, "    %s%d: {properties: {a: {$ref: '#/components/schemas/%s%d'}, b: {$ref: '#/components/schemas/%s%d'}}}\n", s, i, s, (i+1)%depth, s, (i+1)%depth)
		}
	}
	text := "asyncapi: 2.6.0\ninfo: {title: T, version: '1'}\nchannels:\n" +
		"  a: {publish: {message: {$ref: '#/components/messages/M0'}}}\n" +
		"  b: {publish: {message: {headers: {$ref: '#/components/schemas/S0'}, traits: [{headers: {$ref: '#/components/schemas/T0'}}]}}}\n" +
		"components:\n  messages:\n" + several.String() + "  schemas:\n" + schemas.String()
	d := loadWell(t, fstest.MapFS{"in.yaml": {Data: []byte(text)}}, "in.yaml", true)
	if got := d.Root.At("channels", "a", "messages").Len(); got != depth {
		t.Errorf("%d messages, not %d", got, depth)
	}
	if got := len(dump(d.Root)); got > 40*len(text) {
		t.Errorf("%d bytes became %d", len(text), got)
	}
}

// However a document is broken, the upgrade carries on with what is there.
func TestUpgradeOfMutations(t *testing.T) {
	for name, text := range upgradeInputs(t) {
		whole := loadWell(t, fstest.MapFS{"in.yaml": {Data: []byte(text)}}, "in.yaml", true)
		var nodes []*syntax.Node
		var walk func(n *syntax.Node)
		walk = func(n *syntax.Node) {
			nodes = append(nodes, n)
			for _, item := range n.Items {
				walk(item)
			}
		}
		walk(whole.Written)
		for i, n := range nodes {
			for j, with := range []string{"null", "7", "text", "[]", "{}", "[x]", "{$ref: '#'}", "{$ref: '#/channels'}", "{$ref: './in.yaml#/components'}", "{oneOf: [{}]}"} {
				if (i+j)%4 != 0 { // two or three at every place
					continue
				}
				mutated := text[:n.Start] + with + text[n.End:]
				carryOn(t, name, mutated)
			}
		}
	}
}

// carryOn loads a document and its upgraded form, whose findings do not matter.
func carryOn(t *testing.T, name, text string) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s: %v\n%s", name, r, text)
		}
	}()
	files := fstest.MapFS{"in.yaml": {Data: []byte(text)}}
	d, _, err := Load(context.Background(), "in.yaml", Options{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	if d.Version.Major == 2 {
		checkProvenance(t, d)
	}
}

func upgradeInputs(t testing.TB) map[string]string {
	inputs := map[string]string{}
	archives, err := filepath.Glob("testdata/upgrade/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		inputs[filepath.Base(name)] = string(archive.Files[0].Data)
	}
	return inputs
}

func FuzzUpgrade(f *testing.F) {
	for _, text := range upgradeInputs(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		carryOn(t, "fuzz", text)
	})
}

func TestRebase(t *testing.T) {
	for _, c := range []struct{ base, file, want string }{
		{"", "shared/a.yaml", "shared/a.yaml"},
		{"shared/a.yaml", "", "shared/a.yaml"},
		{"shared/a.yaml", "b.yaml", "shared/b.yaml"},
		{"shared/a.yaml", "../b.yaml", "b.yaml"},
		{"shared/a.yaml", "https://example.com/b.yaml", "https://example.com/b.yaml"},
		{"https://example.com/v1/a.yaml", "../b.yaml", "https://example.com/b.yaml"},
		{"https://example.com/v1/a.yaml", "%zz", "%zz"},
	} {
		if got := rebase(c.base, c.file); got != c.want {
			t.Errorf("%q from %q is %q, not %q", c.file, c.base, got, c.want)
		}
	}
}

// Of repeated keys the first counts, here as everywhere.
func TestUpgradeOfRepeatedKeys(t *testing.T) {
	const text = `asyncapi: 2.6.0
info: {title: T, version: '1'}
channels:
  a: {publish: {operationId: first, message: {payload: true, payload: false}}}
  a: {publish: {operationId: second}}
`
	d := loadWell(t, fstest.MapFS{"in.yaml": {Data: []byte(text)}}, "in.yaml", true)
	if got := d.Root.Get("operations"); got.Len() != 1 || got.Get("first") == nil {
		t.Errorf("the operations are\n%s", dump(got))
	}
	if got := d.Root.At("channels", "a", "messages", "message"); got.Len() != 1 || !got.Get("payload").IsTrue() {
		t.Errorf("the message is\n%s", dump(got))
	}
}
