// Package config reads treaty.yaml: which documents a folder has, how much a
// rule matters there, and what is allowed.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Name is the name of the file, found upwards from the working directory.
const Name = "treaty.yaml"

// Config is what a treaty.yaml says. The zero value is that of no file.
type Config struct {
	Path      string   // of the file, "" for none
	Documents []string // globs, relative to the file's folder
	Consumers []string // globs: the documents of consumers
	// AllConsumers says that Consumers are all that there are.
	AllConsumers bool
	Tags         string // pattern of the git tags that are releases, "" for the default
	Settings     check.Settings
	AllowTypes   []string // event types that need not be named as facts
	Hosts        []string // that references may name
	Limits       Limits
	FailOn       diag.Severity // zero where not stated
	Generate     []Generation
}

// Generation is code that is made of a document. Paths are relative to the
// folder of the file.
type Generation struct {
	Target, Document, Out string
	Only, Package         string // "" where not stated
}

// Dir is the folder of the file, "" where there is none.
func (c *Config) Dir() string {
	if c.Path == "" {
		return ""
	}
	return filepath.Dir(c.Path)
}

// ReleaseTags is the pattern of the git tags that are releases.
func (c *Config) ReleaseTags() string {
	if c.Tags == "" {
		return "v*"
	}
	return c.Tags
}

// Find looks for treaty.yaml in dir and the folders above it. It returns ""
// where there is none.
func Find(dir string) string {
	for {
		path := filepath.Join(dir, Name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// Load reads a treaty.yaml. The error names every fault with its line.
func Load(path, shown string) (*Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist; name another with --config, or leave the flag out", shown)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", shown, err)
	}
	c, found := Parse(diag.NewFile(shown, string(text)))
	c.Path = path
	if len(found) == 0 {
		return c, nil
	}
	lines := make([]string, len(found))
	for i, d := range found {
		lines[i] = fmt.Sprintf("%s: %s", d.Span, d.Message)
	}
	return nil, errors.New(strings.Join(lines, "\n"))
}

// Parse reads the text of a treaty.yaml.
func Parse(f *diag.File) (*Config, []diag.Diagnostic) {
	root, found := syntax.Parse(f, syntax.YAML, syntax.Limits{})
	r := &reader{c: &Config{Settings: check.Settings{Severity: map[string]diag.Severity{}, Off: map[string]bool{}}}, found: found}
	switch {
	case len(found) > 0: // what cannot be read says nothing
	case root.Kind == syntax.Null || root.Kind == syntax.Invalid:
		r.fault(root, "the file is empty; begin it with version: 1")
	default:
		if root.Is(syntax.Mapping) && root.Get("version") == nil {
			r.found = append(r.found, diag.Diagnostic{Severity: diag.Error, Span: diag.Span{File: f}, Message: "the file does not say what version it is; begin it with version: 1"})
		}
		r.object(root, "treaty.yaml", map[string]func(*syntax.Node){
			"version":      r.version,
			"documents":    func(n *syntax.Node) { r.c.Documents = r.paths(n) },
			"consumers":    func(n *syntax.Node) { r.c.Consumers = r.paths(n) },
			"allConsumers": func(n *syntax.Node) { r.c.AllConsumers = r.truth(n) },
			"releases": func(n *syntax.Node) {
				r.object(n, "releases", map[string]func(*syntax.Node){"tags": func(n *syntax.Node) { r.c.Tags = r.tags(n) }})
			},
			"rules":   r.rules,
			"ignores": r.ignores,
			"types": func(n *syntax.Node) {
				r.object(n, "types", map[string]func(*syntax.Node){"allow": func(n *syntax.Node) { r.c.AllowTypes = r.texts(n) }})
			},
			"hosts":    func(n *syntax.Node) { r.c.Hosts = r.hosts(n) },
			"limits":   r.limits,
			"failOn":   func(n *syntax.Node) { r.c.FailOn = r.severity(n) },
			"generate": r.generate,
		})
	}
	return r.c, diag.Sort(r.found)
}

type reader struct {
	c     *Config
	found []diag.Diagnostic
}

func (r *reader) fault(n *syntax.Node, format string, args ...any) {
	r.found = append(r.found, diag.Diagnostic{Severity: diag.Error, Span: n.Span(), Pointer: n.Pointer(), Message: fmt.Sprintf(format, args...)})
}

// object reads the fields of a mapping; an unknown one is a fault.
func (r *reader) object(n *syntax.Node, what string, fields map[string]func(*syntax.Node)) {
	if n.Kind != syntax.Mapping {
		r.fault(n, "%s is %s, but has to be an object", what, n.Kind)
		return
	}
	for _, item := range n.Items {
		if read := fields[item.KeyName()]; read != nil {
			read(item)
			continue
		}
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, name)
		}
		r.fault(item.Key, "%q is no field of %s; %s", item.KeyName(), what, Hint(item.KeyName(), names))
	}
}

// Hint says what somebody may have meant by a word, of the words that there
// are.
func Hint(word string, words []string) string {
	if near, ok := diag.Nearest(word, words); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	sorted := append([]string(nil), words...)
	slices.Sort(sorted)
	return "there are " + strings.Join(sorted, ", ")
}

func (r *reader) truth(n *syntax.Node) bool {
	if n.Kind != syntax.Bool {
		r.fault(n, "%s is %s, but has to be true or false", n.KeyName(), n.Kind)
	}
	return n.IsTrue()
}

// tags reads a pattern of git tags.
func (r *reader) tags(n *syntax.Node) string {
	if n.Kind != syntax.String || n.Value == "" || strings.HasPrefix(n.Value, "-") || strings.ContainsAny(n.Value, " ~^:\\") {
		r.fault(n, "tags has to be a pattern of git tags, such as v*")
	}
	return n.Value
}

// generate reads what code is to be made.
func (r *reader) generate(n *syntax.Node) {
	if n.Kind != syntax.Sequence {
		r.fault(n, "generate is %s, but has to be a list", n.Kind)
		return
	}
	for _, item := range n.Items {
		var g Generation
		text := func(to *string, check func(string) string) func(*syntax.Node) {
			return func(n *syntax.Node) {
				if n.Kind != syntax.String {
					r.fault(n, "%s is %s, but has to be a string", n.KeyName(), n.Kind)
				} else if n.Value == "" {
					r.fault(n, "%s is empty; write one, or leave it out", n.KeyName())
				} else if why := check(n.Value); why != "" {
					r.fault(n, "%s %q %s", n.KeyName(), n.Value, why)
				}
				*to = n.Value
			}
		}
		any := func(string) string { return "" }
		r.object(item, "an entry of generate", map[string]func(*syntax.Node){
			"target": text(&g.Target, any), "document": text(&g.Document, pathFault), "out": text(&g.Out, outFault), "only": text(&g.Only, any), "package": text(&g.Package, any),
		})
		for _, missing := range []struct{ name, value string }{{"target", g.Target}, {"document", g.Document}, {"out", g.Out}} {
			if missing.value == "" && item.Is(syntax.Mapping) && item.Get(missing.name) == nil {
				r.fault(item, "an entry of generate has no %s", missing.name)
			}
		}
		r.c.Generate = append(r.c.Generate, g)
	}
}

func (r *reader) version(n *syntax.Node) {
	if n.Value != "1" {
		r.fault(n, "version %s of treaty.yaml is not known; write version: 1", n.Span().Text())
	}
}

func (r *reader) texts(n *syntax.Node) []string {
	if n.Kind != syntax.Sequence {
		r.fault(n, "%s is %s, but has to be a list of strings", n.KeyName(), n.Kind)
		return nil
	}
	var out []string
	for _, item := range n.Items {
		if item.Kind != syntax.String || item.Value == "" {
			r.fault(item, "an entry of %s is %s, but has to be a string", n.KeyName(), item.Kind)
			continue
		}
		out = append(out, item.Value)
	}
	return out
}

// paths reads paths and globs, relative to the file's folder.
func (r *reader) paths(n *syntax.Node) []string {
	return r.checked(n, pathFault)
}

// pathFault says what is wrong with a path or glob, "" where nothing is.
func pathFault(s string) string {
	switch {
	case strings.Contains(s, `\`):
		return "has a backslash; write paths with slashes"
	case strings.HasPrefix(s, "/"):
		return "is an absolute path; write it relative to the folder of " + Name
	case !doublestar.ValidatePattern(s):
		return "is no well-formed glob; close its brackets and braces"
	}
	return ""
}

// outFault says what is wrong with a folder that is written to. Whoever runs treaty
// on a repository of others has not agreed to more than its folder.
func outFault(s string) string {
	if clean := path.Clean(s); clean == ".." || strings.HasPrefix(clean, "../") {
		return "leads out of the folder of " + Name + "; have that in a folder above both, or give -o on the command line"
	}
	return pathFault(s)
}

// hosts reads names of hosts.
func (r *reader) hosts(n *syntax.Node) []string {
	return r.checked(n, func(s string) string {
		if strings.ContainsAny(s, "/*@? ") {
			return "is no host; write a name such as schemas.example.com, with :port where it has one"
		}
		return ""
	})
}

// checked is texts without those that have a fault.
func (r *reader) checked(n *syntax.Node, fault func(string) string) []string {
	out := r.texts(n)
	for _, s := range out {
		if why := fault(s); why != "" {
			for _, item := range n.Items {
				if item.Str() == s {
					r.fault(item, "%q %s", s, why)
				}
			}
		}
	}
	return out
}

func (r *reader) severity(n *syntax.Node) diag.Severity {
	s, err := diag.ParseSeverity(n.Str())
	if err != nil {
		r.fault(n, "%s is %q, but has to be error, warning or info", n.KeyName(), n.Span().Text())
	}
	return s
}

func (r *reader) knownRule(n *syntax.Node, id string) bool {
	if check.Named(id) != nil {
		return true
	}
	var ids []string
	for _, rule := range check.Table() {
		ids = append(ids, rule.ID)
	}
	if near, ok := diag.Nearest(id, ids); ok {
		r.fault(n, "there is no rule %q; did you mean %q?", id, near)
	} else {
		r.fault(n, "there is no rule %q; treaty rules lists them", id)
	}
	return false
}

func (r *reader) rules(n *syntax.Node) {
	if n.Kind != syntax.Mapping {
		r.fault(n, "rules is %s, but has to map a rule's id to error, warning, info or off", n.Kind)
		return
	}
	for _, item := range n.Items {
		id := item.KeyName()
		if !r.knownRule(item.Key, id) {
			continue
		}
		// Readers of YAML 1.1, editors among them, write off as false.
		if item.Str() == "off" || item.Is(syntax.Bool) && !item.IsTrue() {
			r.c.Settings.Off[id] = true
			continue
		}
		sev, err := diag.ParseSeverity(item.Str())
		if err != nil {
			r.fault(item, "%s is %q, but has to be error, warning, info or off", id, item.Span().Text())
			continue
		}
		r.c.Settings.Severity[id] = sev
	}
}

func (r *reader) ignores(n *syntax.Node) {
	if n.Kind != syntax.Sequence {
		r.fault(n, "ignores is %s, but has to be a list", n.Kind)
		return
	}
	for _, item := range n.Items {
		i := &check.Ignore{Span: item.Span()}
		text := func(into *string) func(*syntax.Node) {
			return func(n *syntax.Node) {
				if n.Kind != syntax.String {
					r.fault(n, "%s is %s, but has to be a string", n.KeyName(), n.Kind)
				}
				*into = n.Str()
			}
		}
		faults := len(r.found)
		r.object(item, "an entry of ignores", map[string]func(*syntax.Node){
			"rule": text(&i.Rule), "file": text(&i.File), "pointer": text(&i.Pointer), "reason": text(&i.Reason),
			"until": func(n *syntax.Node) {
				t, err := time.Parse(time.DateOnly, n.Str())
				if err != nil {
					r.fault(n, "until is %q, but has to be a date such as 2027-01-31", n.Span().Text())
				}
				i.Until = t
			},
		})
		if why := pathFault(i.File); why != "" {
			r.fault(item.Get("file"), "%q %s", i.File, why)
		}
		if p := strings.TrimPrefix(i.Pointer, "#"); p != "" && p[0] != '/' {
			r.fault(item.Get("pointer"), "%q is no JSON Pointer; begin it with a slash, such as /channels/orders", i.Pointer)
		}
		switch {
		case len(r.found) > faults: // said already
		case i.Rule == "":
			r.fault(item, "an entry of ignores names no rule; write rule: ID")
		case i.Reason == "":
			r.fault(item, "an entry of ignores gives no reason; write reason: why this is lived with")
		case r.knownRule(item.Get("rule"), i.Rule):
			r.c.Settings.Ignores = append(r.c.Settings.Ignores, i)
		}
	}
}

func (r *reader) limits(n *syntax.Node) {
	if n.Kind != syntax.Mapping {
		r.fault(n, "limits is %s, but has to map a limit's name to a number", n.Kind)
		return
	}
	for _, item := range n.Items {
		if err := r.c.Limits.Set(item.KeyName(), item.Int()); err != nil {
			r.fault(item, "%v", err)
		}
	}
}
