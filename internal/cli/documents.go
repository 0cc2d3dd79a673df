package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// source is a document to be read: a file, or what was given on the standard
// input.
type source struct {
	path string // absolute; for the standard input, where it would stand
	text []byte // of the standard input
}

const stdinName = "stdin"

// documents finds the documents that a command line names: files, folders,
// globs, - for the standard input; without any, those of treaty.yaml, else all
// below the working directory.
func (a *app) documents(args []string) ([]source, error) {
	base := a.env.Dir
	if len(args) == 0 {
		args = []string{"."}
		if len(a.config.Documents) > 0 {
			args, base = a.config.Documents, a.config.Dir()
		}
	}
	var out []source
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			out = append(out, source{path: path})
		}
	}
	for _, arg := range args {
		if arg == "-" {
			text, err := io.ReadAll(a.env.Stdin)
			if err != nil {
				return nil, fmt.Errorf("cannot read the standard input: %w", err)
			}
			out = append(out, source{path: filepath.Join(a.env.Dir, stdinName), text: text})
			continue
		}
		path := arg
		if !filepath.IsAbs(path) {
			path = filepath.Join(base, path)
		}
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			found, err := walkFolder(path)
			if err != nil {
				return nil, fmt.Errorf("cannot look through %s: %w", arg, err)
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("no AsyncAPI document is below %s; name a file, or begin one with treaty init", arg)
			}
			for _, f := range found {
				add(f)
			}
		case err == nil:
			add(path)
		case strings.ContainsAny(arg, "*?[{"):
			found, err := doublestar.FilepathGlob(path, doublestar.WithFilesOnly())
			if err != nil {
				return nil, fmt.Errorf("%s is no glob: %w", arg, err)
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("no file matches %s", arg)
			}
			slices.Sort(found)
			for _, f := range found {
				add(f)
			}
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s does not exist%s", arg, nearFile(path))
		default:
			return nil, fmt.Errorf("cannot read %s: %w", arg, err)
		}
	}
	return out, nil
}

// nearFile is a hint at a file of nearly the name.
func nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if near, ok := diag.Nearest(filepath.Base(path), names); ok {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// walkFolder finds the AsyncAPI documents below a folder. Hidden folders and
// those of installed packages are passed over.
func walkFolder(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor") {
				return filepath.SkipDir
			}
			return nil
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".yaml", ".yml", ".json":
			if d.Type().IsRegular() && isDocument(path) {
				out = append(out, path)
			}
		}
		return nil
	})
	return out, err
}

// sniffBytes is how far into a file its asyncapi field is looked for.
const sniffBytes = 64 << 10

// isDocument reports whether a file looks like an AsyncAPI document: it has the
// asyncapi field, at the beginning of a line in YAML.
func isDocument(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, sniffBytes))
	if err != nil {
		return false
	}
	if syntax.FormatOf(path, string(head[:min(len(head), 512)])) == syntax.JSON {
		_, after, ok := bytes.Cut(head, []byte(`"asyncapi"`))
		return ok && bytes.HasPrefix(bytes.TrimSpace(after), []byte(":"))
	}
	for line := range bytes.Lines(bytes.TrimPrefix(head, []byte("\ufeff"))) {
		key, _, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.Trim(key, `"'`)) == "asyncapi" {
			return true
		}
	}
	return false
}

// rootOf is the folder that no reference of a document may leave.
func (a *app) rootOf(path string) string {
	inside := func(dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	if a.root != "" {
		root := a.root
		if !filepath.IsAbs(root) {
			root = filepath.Join(a.env.Dir, root)
		}
		return root
	}
	if dir := a.config.Dir(); dir != "" && inside(dir) {
		return dir
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if inside(a.env.Dir) {
		return a.env.Dir
	}
	return filepath.Dir(path)
}

// load reads a document and what it means.
func (a *app) load(ctx context.Context, s source) (*contract.Contract, []diag.Diagnostic, error) {
	dir := a.rootOf(s.path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the root folder %s: %w", a.shown(dir), err)
	}
	defer root.Close()
	name, err := filepath.Rel(dir, s.path)
	if err != nil || !filepath.IsLocal(name) {
		return nil, nil, fmt.Errorf("%s is outside the root folder %s; name a folder above it with --root", a.shown(s.path), a.shown(dir))
	}
	o := contract.Options{FS: root.FS(), Hosts: a.config.Hosts,
		Display: func(name string) string { return a.shown(filepath.Join(dir, filepath.FromSlash(name))) }}
	if s.text != nil {
		o.FS = withStdin{o.FS, filepath.ToSlash(name), s.text}
		display := o.Display
		o.Display = func(n string) string {
			if n == filepath.ToSlash(name) {
				return stdinName
			}
			return display(n)
		}
	}
	if o.Limits, err = a.syntaxLimits(); err != nil {
		return nil, nil, err
	}
	if o.RefDepth, err = a.limit("ref-depth"); err != nil {
		return nil, nil, err
	}
	if o.Files, err = a.limit("files"); err != nil {
		return nil, nil, err
	}
	if len(o.Hosts) > 0 {
		o.Fetch = fetcher(o.Hosts, o.Limits.InputBytes)
	}
	c, found, err := contract.Load(ctx, filepath.ToSlash(name), o)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("cannot read %s: permission denied", a.shown(s.path))
	}
	return c, found, err
}

// withStdin is a folder in which the standard input stands as a file.
type withStdin struct {
	fs.FS
	name string
	text []byte
}

func (w withStdin) Open(name string) (fs.File, error) {
	if name == w.name {
		return &memoryFile{Reader: bytes.NewReader(w.text), name: name, size: int64(len(w.text))}, nil
	}
	return w.FS.Open(name)
}

type memoryFile struct {
	*bytes.Reader
	name string
	size int64
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return memoryInfo{f}, nil }
func (f *memoryFile) Close() error               { return nil }

type memoryInfo struct{ f *memoryFile }

func (i memoryInfo) Name() string       { return i.f.name }
func (i memoryInfo) Size() int64        { return i.f.size }
func (i memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return false }
func (i memoryInfo) Sys() any           { return nil }

// fetchTimeout bounds the reading of one URL.
const fetchTimeout = 10 * time.Second

// fetcher reads URLs of the hosts that treaty.yaml lists, and follows
// redirects to those alone.
func fetcher(hosts []string, limit int) func(ctx context.Context, address string) ([]byte, error) {
	if limit == 0 {
		limit = syntax.DefaultInputBytes
	}
	client := &http.Client{Timeout: fetchTimeout, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("more than 5 redirects")
		}
		if !slices.Contains(hosts, req.URL.Host) {
			return fmt.Errorf("a redirect leads to the host %q, which treaty.yaml does not list", req.URL.Host)
		}
		return nil
	}}
	return func(ctx context.Context, address string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			var wrapped *url.Error
			if errors.As(err, &wrapped) {
				err = wrapped.Err
			}
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, errors.New(res.Status)
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
		if err == nil && len(b) > limit {
			err = fmt.Errorf("it has more than %d bytes, the limit input-bytes", limit)
		}
		return b, err
	}
}
