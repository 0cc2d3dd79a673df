package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

// rootOf is the folder that no reference of a document may leave: what --root
// says, else the folder of treaty.yaml, else the git work tree, else the working
// directory, each where it holds the document, else the document's own folder.
func (a *app) rootOf(path string) string {
	if a.root != "" {
		return a.absolute(a.root)
	}
	if dir := a.config.Dir(); dir != "" && inside(dir, path) {
		return dir
	}
	if dir := workTree(filepath.Dir(path)); dir != "" {
		return dir
	}
	if inside(a.env.Dir, path) {
		return a.env.Dir
	}
	return filepath.Dir(path)
}

// workTree is the git work tree that a folder is in, "" for none.
func workTree(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// load reads a document and what it means.
func (a *app) load(ctx context.Context, s source) (*contract.Contract, []diag.Diagnostic, error) {
	dir := a.rootOf(s.path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the root folder %s: %w; name another with --root", a.shown(dir), cause(err))
	}
	defer root.Close()
	name, err := filepath.Rel(dir, s.path)
	if err != nil || !filepath.IsLocal(name) {
		return nil, nil, fmt.Errorf("%s is outside of the root folder %s; name a folder above it with --root", a.shown(s.path), a.shown(dir))
	}
	name = filepath.ToSlash(name)
	o := contract.Options{
		FS: root.FS(), Hosts: a.config.Hosts,
		Display: func(name string) string { return a.shown(filepath.Join(dir, filepath.FromSlash(name))) },
		Limits:  a.limits.Limits, RefDepth: a.limits.RefDepth, Files: a.limits.Files,
	}
	if s.text != nil {
		display := o.Display
		o.FS = withFile{o.FS, name, s.text}
		o.Display = func(n string) string {
			if n == name {
				return s.name
			}
			return display(n)
		}
	}
	if len(o.Hosts) > 0 {
		o.Fetch = fetcher(o.Hosts, a.limits.OrDefault().InputBytes)
	}
	c, found, err := contract.Load(ctx, name, o)
	if err != nil {
		return nil, nil, a.unreadable(s, dir, err)
	}
	return c, found, nil
}

// unreadable says why a document could not be read, and what to do.
func (a *app) unreadable(s source, root string, err error) error {
	shown := a.shownSource(s)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot read %s: permission denied", shown)
	case strings.Contains(err.Error(), "escapes from parent"):
		return fmt.Errorf("cannot read %s: it is a link that leads out of the root folder %s; name the file itself, or a folder above both with --root", shown, a.shown(root))
	}
	return err
}

// withFile is a folder in which a text stands as a file.
type withFile struct {
	fs.FS
	name string
	text []byte
}

func (w withFile) Open(name string) (fs.File, error) {
	if name == w.name {
		return &textFile{Reader: bytes.NewReader(w.text), name: name}, nil
	}
	return w.FS.Open(name)
}

// textFile is a file and its own information.
type textFile struct {
	*bytes.Reader
	name string
}

func (f *textFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *textFile) Close() error               { return nil }
func (f *textFile) Name() string               { return filepath.Base(f.name) }
func (f *textFile) Mode() fs.FileMode          { return 0o444 }
func (f *textFile) ModTime() time.Time         { return time.Time{} }
func (f *textFile) IsDir() bool                { return false }
func (f *textFile) Sys() any                   { return nil }
