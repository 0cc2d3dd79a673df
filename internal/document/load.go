// Package document reads AsyncAPI documents as written: files, references,
// the objects of every version of the specification and of the bindings, and
// the upgrade from 2.x. What a document means is package contract's business.
package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Options say where a document may come from. Only FS is required.
type Options struct {
	// FS is the root folder: no reference leads out of it.
	FS fs.FS
	// Display turns a name in FS into the name shown in findings; nil shows it
	// as it is.
	Display func(name string) string
	// Fetch reads a URL that a reference names; nil means no network. It is
	// asked only for hosts in Hosts.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Hosts are the hosts (with port where not the scheme's) that references
	// may name.
	Hosts []string
	// Limits of each file.
	Limits syntax.Limits
	// RefDepth bounds the references that lead from one to the next; default 256.
	RefDepth int
	// Files bounds the files of one document; default 1,000.
	Files int
}

// Defaults, see Options.
const (
	DefaultRefDepth = 256
	DefaultFiles    = 1000
)

// Version is the version of the specification that a document states.
type Version struct {
	Text         string // as written
	Major, Minor int
}

// Document is a document that has been read: its files, every object in them,
// and where each reference leads. It is safe for concurrent use once loaded.
type Document struct {
	// Name is the document's name in Options.FS.
	Name string
	// Written is the tree of the document's own file. Root is the same in the
	// form of 3.x: Written itself, or what 2.x is upgraded to, whose nodes
	// still stand where they were written.
	Written, Root *syntax.Node
	Version       Version
	// Notes say what the upgrade from 2.x could not carry over.
	Notes []Note

	options Options
	ctx     context.Context // of Load; nil afterwards
	files   map[string]*file
	nodes   map[*diag.File]*file
	late    func(diag.Diagnostic) // of Load: findings in files that references name
	targets map[*syntax.Node]target
	chains  map[*syntax.Node]int // see chainLength
	hints   int                  // keys that near misses have been looked for among
	visits  []Visit
	schemas []SchemaVisit
	byKind  map[*Object][]*syntax.Node
	// effective holds what traits make of the objects that have some.
	effective map[*syntax.Node]*syntax.Node
}

// file is one file that has been read.
type file struct {
	uri     string // a name in FS, or a URL
	source  *diag.File
	root    *syntax.Node
	anchors map[string]*syntax.Node
	err     string // why it could not be read
}

// target is where a reference leads: one step.
type target struct {
	node  *syntax.Node
	fault *diag.Diagnostic
}

// ErrNotRead is wrapped by the error of Load where the document itself could
// not be read at all.
var ErrNotRead = errors.New("cannot read the document")

// Load reads a document and all that it refers to. What is wrong with it is in
// the findings; the error says only that its file could not be read, and then
// there is no document.
func Load(ctx context.Context, name string, o Options) (*Document, []diag.Diagnostic, error) {
	if o.Display == nil {
		o.Display = func(name string) string { return name }
	}
	if o.RefDepth == 0 {
		o.RefDepth = DefaultRefDepth
	}
	if o.Files == 0 {
		o.Files = DefaultFiles
	}
	d := &Document{Name: path.Clean(name), options: o, ctx: ctx,
		files: map[string]*file{}, nodes: map[*diag.File]*file{}, targets: map[*syntax.Node]target{}, chains: map[*syntax.Node]int{}}
	var found []diag.Diagnostic
	report := func(x diag.Diagnostic) { found = append(found, x) }
	d.late = report

	text, err := readFile(o.FS, d.Name, o.Limits)
	if err != nil {
		return nil, nil, fmt.Errorf("%w %s: %w", ErrNotRead, o.Display(name), err)
	}
	f := d.parse(d.Name, text, report)
	d.Written, d.Root = f.root, f.root
	if f.root.Kind == syntax.Invalid {
		return d, diag.Sort(found), nil
	}
	if !d.readVersion(report) {
		return d, diag.Sort(found), nil
	}
	if d.Version.Major == 2 {
		d.walk(d.Written, root2(), report)
		d.Root, d.Notes = upgrade(d.Written, d.Target)
		d.visits, d.schemas = nil, nil
		d.walk(d.Root, root3(), nil)
	} else {
		d.walk(d.Root, root3(), report)
	}
	d.byKind = make(map[*Object][]*syntax.Node)
	for _, v := range d.visits {
		d.byKind[v.Object] = append(d.byKind[v.Object], v.Node)
	}
	d.applyTraits()
	d.ctx, d.late = nil, nil
	return d, diag.Sort(found), nil
}

func (d *Document) walk(root *syntax.Node, o *Object, report func(diag.Diagnostic)) {
	w := &Walk{doc: d, minor: d.Version.Minor, dialect: schema.AsyncAPI, report: report,
		kinds: make(map[*syntax.Node]*Object), wants: make(map[*syntax.Node]*Object)}
	w.run(root, o)
}

// readVersion reads the asyncapi field and reports whether the document can be
// read on as the version that it states.
func (d *Document) readVersion(report func(diag.Diagnostic)) bool {
	root := d.Written
	bad := func(n *syntax.Node, span diag.Span, fix *diag.Fix, format string, args ...any) bool {
		report(diag.Diagnostic{Rule: RuleVersion, Severity: diag.Error, Span: span, Pointer: n.Pointer(), Message: fmt.Sprintf(format, args...), Fix: fix})
		return false
	}
	start := diag.Span{File: root.File, Start: root.Start, End: root.Start}
	if root.Kind != syntax.Mapping {
		return bad(root, start, nil, "the file holds %s, but an AsyncAPI document is an object that starts with asyncapi: 3.1.0", root.Kind)
	}
	v := root.Get("asyncapi")
	if v == nil {
		for _, other := range []string{"openapi", "swagger"} {
			if n := root.Get(other); n != nil {
				return bad(n, n.KeySpan(), nil, "this is an OpenAPI document (%s), not an AsyncAPI one; name an AsyncAPI document", other)
			}
		}
		if near, ok := nearKey(root, "asyncapi"); ok {
			return bad(near, near.KeySpan(), nil, "%q is not a field of an AsyncAPI Object; did you mean \"asyncapi\"?", near.Key.Value)
		}
		return bad(root, start, nil, "the document does not state its version; begin it with asyncapi: 3.1.0")
	}
	if v.Kind != syntax.String {
		if v.Kind == syntax.Number {
			text := v.Span().Text()
			full := text
			for strings.Count(full, ".") < 2 {
				full += ".0"
			}
			if _, ok := parseVersion(full); ok {
				bad(v, v.Span(), &diag.Fix{Title: "write the full version", Safe: true, Edits: []diag.Edit{{Span: v.Span(), NewText: full}}},
					"asyncapi: %s is a number; a version is three numbers, so write %s", text, full)
				d.Version, _ = parseVersion(full)
				return d.Version.Major == 2 || d.Version.Major == 3
			}
		}
		return bad(v, v.Span(), nil, "asyncapi is %s, but has to be a version such as 3.1.0", v.Kind)
	}
	version, ok := parseVersion(v.Value)
	d.Version = version
	switch {
	case !ok:
		return bad(v, v.Span(), nil, "asyncapi: %q is not a version; write three numbers, such as 3.1.0", v.Value)
	case version.Major == 1:
		return bad(v, v.Span(), nil, "AsyncAPI %s is not read; bring the document to 2.6.0 or 3.1.0 first", v.Value)
	case version.Major == 3 && version.Minor > 1, version.Major == 2 && version.Minor > 6:
		newest := map[int]string{2: "2.6.0", 3: "3.1.0"}[version.Major]
		bad(v, v.Span(), nil, "AsyncAPI %s is not known; it is read as %s, the newest of its kind that is", v.Value, newest)
		d.Version.Minor = map[int]int{2: 6, 3: 1}[version.Major]
		return true
	case version.Major != 2 && version.Major != 3:
		return bad(v, v.Span(), nil, "AsyncAPI %s is not known; 2.0 to 2.6, 3.0 and 3.1 are read", v.Value)
	}
	return true
}

func nearKey(n *syntax.Node, name string) (*syntax.Node, bool) {
	for _, item := range n.Items {
		if near, ok := diag.Nearest(item.Key.Value, []string{name}); ok && near == name {
			return item, true
		}
	}
	return nil, false
}

// parseVersion reads major.minor.patch, with an optional suffix after a hyphen.
func parseVersion(s string) (Version, bool) {
	v := Version{Text: s}
	base, _, _ := strings.Cut(s, "-")
	parts := strings.Split(base, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		if p == "" || len(p) > 4 || strings.Trim(p, "0123456789") != "" {
			return v, false
		}
		n, _ := strconv.Atoi(p)
		switch i {
		case 0:
			v.Major = n
		case 1:
			v.Minor = n
		}
	}
	return v, true
}

// parse reads a file's text into the document.
func (d *Document) parse(uri, text string, report func(diag.Diagnostic)) *file {
	shown := uri
	if !isURL(uri) {
		shown = d.options.Display(uri)
	}
	src := diag.NewFile(shown, text)
	root, found := syntax.Parse(src, syntax.FormatOf(uri, text), d.options.Limits)
	for _, x := range found {
		report(x)
	}
	f := &file{uri: uri, source: src, root: root}
	d.files[uri] = f
	d.nodes[src] = f
	return f
}

func readFile(fsys fs.FS, name string, lim syntax.Limits) (string, error) {
	limit := lim.InputBytes
	if limit == 0 {
		limit = syntax.DefaultInputBytes
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a folder", name)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	if info.Size() > int64(limit) {
		return "", fmt.Errorf("it has %d bytes, over the limit input-bytes of %d; raise it with --limit input-bytes=%d", info.Size(), limit, info.Size())
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder // which, unlike a []byte, need not be copied into a string
	b.Grow(int(info.Size()))
	_, err = io.Copy(&b, io.LimitReader(f, int64(limit)))
	return b.String(), err
}

func isURL(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")
}

// Files are the names of all files that were read, the document's own first.
// URLs are among them.
func (d *Document) Files() []string {
	names := make([]string, 0, len(d.files))
	for uri, f := range d.files {
		if f.root != nil && uri != d.Name {
			names = append(names, uri)
		}
	}
	slices.Sort(names)
	return append([]string{d.Name}, names...)
}

// All returns the objects of a kind, in the order of the walk. They are the
// objects as written; traits are not applied.
func (d *Document) All(o *Object) []*syntax.Node { return d.byKind[o] }

// Visits are all objects of the document, each once.
func (d *Document) Visits() []Visit { return d.visits }

// Schemas are all schemas that stand on their own.
func (d *Document) Schemas() []SchemaVisit { return d.schemas }

// URIOf says which file a node was written in: a name in Options.FS or a URL.
func (d *Document) URIOf(n *syntax.Node) string {
	if f := d.nodes[n.File]; f != nil {
		return f.uri
	}
	return d.Name
}

// resolveURI turns the file part of a reference in a file into the URI of
// another, or says why it may not be followed.
func (d *Document) resolveURI(base, ref string) (uri, refused string) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", "is not a URI; percent-encode what is not allowed in one"
	}
	if isURL(base) && u.Scheme == "" {
		b, err := url.Parse(base)
		if err != nil {
			return "", "cannot be resolved against " + base
		}
		u = b.ResolveReference(u)
	}
	switch {
	case u.Scheme == "http" || u.Scheme == "https":
		u.Fragment = ""
		return u.String(), ""
	case u.Scheme != "":
		return "", fmt.Sprintf("has the scheme %q, which treaty does not follow; use a relative path", u.Scheme)
	case u.Host != "" || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, `\`):
		return "", "is an absolute path; write it relative to this file"
	case u.RawQuery != "" || strings.HasSuffix(ref, "?"):
		return "", "has a query (?), which a file has not; percent-encode ? as %3F if it is part of the name"
	}
	name := path.Join(path.Dir(base), u.Path)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", "leads out of the root folder; move the file inside, or name a folder above both with --root"
	}
	return name, ""
}

// open returns a file that a reference names, reading it on first use.
func (d *Document) open(uri string) (*file, string) {
	if f, ok := d.files[uri]; ok {
		return f, f.err
	}
	fail := func(rule, why string) (*file, string) {
		d.files[uri] = &file{uri: uri, err: rule + " " + why}
		return nil, rule + " " + why
	}
	if text, ok := knownDocument(uri); ok {
		return d.parse(uri, text, func(diag.Diagnostic) {}), ""
	}
	if d.ctx == nil {
		return nil, RuleRefUnresolved + " was not read"
	}
	if len(d.files) >= d.options.Files {
		return fail(RuleRefRefused, fmt.Sprintf("is one file too many: the limit files is %d; raise it with --limit files=%d", d.options.Files, 2*d.options.Files))
	}
	var text string
	if isURL(uri) {
		u, err := url.Parse(uri)
		if err != nil || !slices.Contains(d.options.Hosts, u.Host) {
			host := uri
			if err == nil {
				host = u.Host
			}
			return fail(RuleRefRefused, fmt.Sprintf("names the host %q, and treaty uses no network unless the host is listed under hosts in treaty.yaml", host))
		}
		if d.options.Fetch == nil {
			return fail(RuleRefRefused, "names a host, and this command uses no network")
		}
		b, err := d.options.Fetch(d.ctx, uri)
		if err != nil {
			return fail(RuleRefUnresolved, "could not be fetched: "+err.Error())
		}
		text = string(b)
	} else {
		var err error
		if text, err = readFile(d.options.FS, uri, d.options.Limits); err != nil {
			return fail(d.unreadable(uri, err))
		}
	}
	f := d.parse(uri, text, d.late)
	return f, ""
}

// unreadable explains why a file of the root folder could not be read.
func (d *Document) unreadable(uri string, err error) (rule, why string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "does not exist"
		if entries, err := fs.ReadDir(d.options.FS, path.Dir(uri)); err == nil {
			names := make([]string, 0, len(entries))
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if near, ok := diag.Nearest(path.Base(uri), names); ok {
				why += fmt.Sprintf("; did you mean %q?", near)
			}
		}
		return RuleRefUnresolved, why
	case strings.Contains(err.Error(), "escapes from parent"):
		return RuleRefRefused, "leads out of the root folder through a link; copy the file inside, or name a folder above both with --root"
	case errors.Is(err, fs.ErrPermission):
		return RuleRefUnresolved, "may not be read: permission denied"
	}
	return RuleRefUnresolved, "cannot be read: " + err.Error()
}
