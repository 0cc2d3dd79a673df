package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/syntax"
)

// manual is the text of docs/treaty-yaml.md.
func manual(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/treaty-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManual reads the file that the manual shows. It has every key there is.
func TestManual(t *testing.T) {
	_, text, _ := strings.Cut(manual(t), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	c, found := Parse(diag.NewFile("treaty.yaml", text))
	for _, d := range found {
		t.Errorf("%s: %s", d.Span, d.Message)
	}
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Path" {
			t.Errorf("the manual's file does not set %s", name)
		}
	}
	if len(c.Settings.Ignores) != 1 {
		t.Fatalf("%d ignores", len(c.Settings.Ignores))
	}
	want := &check.Ignore{Rule: "event-type-version", File: "contracts/legacy/*.yaml", Pointer: "/channels/orders.events",
		Reason: "Consumers match these types by hand; they go away with the old warehouse.", Until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}
	got := *c.Settings.Ignores[0]
	got.Span = diag.Span{}
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("ignore %+v, want %+v", got, *want)
	}
	if !c.Settings.Off["document-contact"] || c.Settings.Severity["message-summary"] != diag.Warning || c.FailOn != diag.Warning {
		t.Errorf("settings %+v, fail on %s", c.Settings, c.FailOn)
	}
	if want := []string{"schemas.example.com", "registry.example.com:8443"}; !slices.Equal(c.Hosts, want) {
		t.Errorf("hosts %q", c.Hosts)
	}
}

// TestManualNames holds the tables of the manual to what is read.
func TestManualNames(t *testing.T) {
	text := manual(t)
	for _, name := range LimitNames {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("the manual does not mention the limit %s", name)
		}
	}
	defaults := Limits{}.OrDefault()
	for number, what := range map[int]string{defaults.InputBytes: "input-bytes", syntax.DefaultNodes: "nodes", syntax.DefaultDepth: "depth"} {
		line := ""
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, "| `"+what+"` |") {
				line = l
			}
		}
		if !strings.Contains(line, " "+strconv.Itoa(number)) {
			t.Errorf("the manual has another default of %s than %d: %s", what, number, line)
		}
	}
}

func TestLimits(t *testing.T) {
	var l Limits
	for i, name := range LimitNames {
		if err := l.SetText(name + "=" + strconv.Itoa(i+7)); err != nil {
			t.Error(err)
		}
	}
	want := Limits{Limits: syntax.Limits{AliasBytes: 7, Depth: 8, InputBytes: 10, Nodes: 11}, Files: 9, RefDepth: 12}
	if l != want {
		t.Errorf("limits %+v, want %+v", l, want)
	}
	for text, says := range map[string]string{"dpeth=1": `did you mean "depth"?`, "depth": "NAME=N", "depth=x": "whole number", "depth=0": "above 0", "depth=99999": "cannot be raised"} {
		if err := l.SetText(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if l != want {
		t.Errorf("a limit that was refused has changed something: %+v", l)
	}
}

func TestFind(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(top, "a", Name)
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := Find(deep); got != file {
		t.Errorf("found %q, want %q", got, file)
	}
	if err := os.Mkdir(filepath.Join(deep, Name), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := Find(deep); got != file {
		t.Errorf("a folder of the name was taken: %q", got)
	}
	c, err := Load(file, "a/treaty.yaml")
	if err != nil || c.Dir() != filepath.Dir(file) {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Load(filepath.Join(top, "none.yaml"), "none.yaml"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("%v", err)
	}
}

// FuzzParse holds that no text makes the reader panic, and that a fault has a
// place and says something.
func FuzzParse(f *testing.F) {
	_, text, _ := strings.Cut(manual(f), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	f.Add(text)
	f.Add("version: 1\nignores: [{rule: x, file: '[', pointer: x, until: 1}, 3]\nrules: {a: [], syntax: {}}\nlimits: {depth: {}}")
	f.Add("[]")
	f.Fuzz(func(t *testing.T, text string) {
		file := diag.NewFile(Name, text)
		c, found := Parse(file)
		if c == nil {
			t.Fatal("no configuration")
		}
		for _, d := range found {
			if d.Span.File != file || d.Span.Start < 0 || d.Span.End > len(text) || d.Message == "" {
				t.Errorf("%s: %q", d.Span, d.Message)
			}
		}
	})
}
