package cli

import (
	"context"
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

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/git"
)

// other is the side that documents are compared with: a git revision, a folder
// or a file.
type other struct {
	name string // as it was asked for

	repo *git.Repository
	rev  *git.Revision
	tree *git.Tree
	dir  string // a folder
	file string // a file
}

// against finds out what REV is. What is both a path and a revision is
// refused: it would be a guess.
func (a *app) against(ctx context.Context, rev string) (*other, error) {
	if rev == "" {
		return nil, errors.New("--against names nothing; write a git revision such as main, a file or a folder")
	}
	o := &other{name: rev}
	info, pathErr := os.Stat(a.absolute(rev))
	repo, err := git.Open(ctx, a.env.Dir)
	var found *git.Revision
	if err == nil {
		found, err = repo.Resolve(ctx, rev)
	}
	switch {
	case pathErr == nil && found != nil && !strings.ContainsAny(rev, "/.\\"):
		return nil, fmt.Errorf("%q is a git revision and a path; write ./%s for the path, or refs/heads/%s (refs/tags/%s) for the revision", rev, rev, rev, rev)
	case pathErr == nil && (found == nil || strings.ContainsAny(rev, "/\\")):
		if info.IsDir() {
			o.dir = a.absolute(rev)
		} else {
			o.file = a.absolute(rev)
		}
		return o, nil
	case found != nil:
		o.repo, o.rev = repo, found
		o.tree, err = repo.Tree(ctx, found)
		return o, err
	}
	var unknown *git.UnknownError
	switch {
	case errors.As(err, &unknown) && !unknown.Shallow:
		if near, ok := diag.Nearest(rev, unknown.Near); ok {
			return nil, fmt.Errorf("%w; did you mean %s?", err, near)
		}
		return nil, fmt.Errorf("%w%s", err, nearFile(a.absolute(rev)))
	case errors.Is(err, git.ErrNoRepository):
		return nil, fmt.Errorf("there is no file or folder %q, and %w", rev, err)
	}
	return nil, err
}

func (o *other) close() {
	if o.tree != nil {
		o.tree.Close()
	}
}

// side is a contract of one side, with what reading it found; the contract is
// nil where the side has no such document.
type side struct {
	contract *contract.Contract
	faults   []diag.Diagnostic
	shown    string
	path     string // of a document that is here
}

// realPath follows links, so that paths can be compared with those of git.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(realPath(dir), filepath.Base(path))
}

// loadOther reads the document that corresponds to one of here. base is the
// folder that was asked for, which a folder of the other side corresponds to.
func (a *app) loadOther(ctx context.Context, o *other, path, base string) (side, error) {
	switch {
	case o.file != "":
		c, found, err := a.load(ctx, source{path: o.file})
		return side{contract: c, faults: found, shown: a.shown(o.file)}, err
	case o.dir != "":
		for _, from := range []string{base, a.env.Dir, filepath.Dir(path)} {
			rel, err := filepath.Rel(from, path)
			if err != nil || !filepath.IsLocal(rel) {
				continue
			}
			at := filepath.Join(o.dir, rel)
			if info, err := os.Stat(at); err == nil && info.Mode().IsRegular() {
				c, found, err := a.load(ctx, source{path: at})
				return side{contract: c, faults: found, shown: a.shown(at)}, err
			}
		}
		return side{}, nil
	}
	return a.loadRevision(ctx, o.repo, o.rev, o.tree, path)
}

// loadRevision reads a document, and all that it refers to, from a revision.
func (a *app) loadRevision(ctx context.Context, repo *git.Repository, rev *git.Revision, tree *git.Tree, path string) (side, error) {
	top := realPath(repo.Dir)
	full := realPath(path)
	if !inside(top, full) {
		return side{}, fmt.Errorf("%s is not in the git repository %s; compare with a file or a folder", a.shown(path), a.shown(repo.Dir))
	}
	root := realPath(a.rootOf(path))
	if !inside(top, root) {
		root = top
	}
	rootRel, err := filepath.Rel(top, root)
	if err != nil {
		return side{}, err
	}
	name, err := filepath.Rel(root, full)
	if err != nil || !filepath.IsLocal(name) {
		return side{}, fmt.Errorf("%s is outside of the root folder %s; name a folder above it with --root", a.shown(path), a.shown(root))
	}
	name = filepath.ToSlash(name)
	files := tree.At(filepath.ToSlash(rootRel))
	display := func(n string) string {
		return a.shown(filepath.Join(a.rootOf(path), filepath.FromSlash(n))) + "@" + rev.Name
	}
	options := contract.Options{FS: files, Hosts: a.config.Hosts, Display: display, Limits: a.limits.Limits, RefDepth: a.limits.RefDepth, Files: a.limits.Files}
	if len(options.Hosts) > 0 {
		options.Fetch = fetcher(options.Hosts, a.limits.OrDefault().InputBytes)
	}
	c, found, err := contract.Load(ctx, name, options)
	if errors.Is(err, fs.ErrNotExist) {
		return side{}, nil
	}
	return side{contract: c, faults: found, shown: display(name)}, err
}

// missing are the documents that the other side has, of those asked for, and
// that are not here: their paths, as they would be here.
func (a *app) missing(ctx context.Context, o *other, args []string, here []source) ([]string, error) {
	if o.file != "" {
		return nil, nil
	}
	have := map[string]bool{}
	for _, s := range here {
		have[realPath(s.path)] = true
	}
	patterns, base := args, a.env.Dir
	if len(patterns) == 0 {
		patterns = []string{"."}
		if len(a.config.Documents) > 0 {
			patterns, base = a.config.Documents, a.config.Dir()
		}
	}
	wanted := func(path string) bool { // as it would be here
		for _, p := range patterns {
			if !filepath.IsAbs(p) {
				p = filepath.Join(base, p)
			}
			p = realPath(p)
			if inside(p, path) {
				return true
			}
			if ok, err := doublestar.Match(filepath.ToSlash(p), filepath.ToSlash(path)); ok && err == nil {
				return true
			}
		}
		return false
	}
	var out []string
	if o.dir != "" {
		found, err := walk(o.dir, func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			rel, _ := filepath.Rel(o.dir, path)
			at := filepath.Join(realPath(base), rel)
			if len(args) == 1 && !isGlob(args[0]) {
				at = filepath.Join(realPath(a.absolute(args[0])), rel)
			}
			if wanted(at) && !have[at] {
				if _, err := os.Stat(at); err != nil {
					out = append(out, at)
				}
			}
		}
		return out, nil
	}
	names, err := o.repo.Files(ctx, o.rev)
	if err != nil {
		return nil, err
	}
	top := realPath(o.repo.Dir)
	for _, name := range names {
		switch strings.ToLower(path.Ext(name)) {
		case ".yaml", ".yml", ".json":
		default:
			continue
		}
		at := filepath.Join(top, filepath.FromSlash(name))
		if have[at] || !wanted(at) || hidden(name) {
			continue
		}
		if _, err := os.Stat(at); err == nil {
			continue // it is here, and was not asked for
		}
		text, err := o.tree.ReadFile(name)
		base := strings.ToLower(path.Base(name))
		if err == nil && (strings.HasPrefix(base, "asyncapi.") || strings.Contains(base, ".asyncapi.") || hasKey(text[:min(len(text), sniffBytes)], "asyncapi")) {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	return out, nil
}

// hidden reports whether a path has a folder that walk passes over.
func hidden(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "node_modules" || part == "vendor" || strings.HasPrefix(part, ".") && part != "." {
			return true
		}
	}
	return false
}

// release is an older version of the documents.
type release struct {
	rev  *git.Revision
	tree *git.Tree
	// until is when the next release took its place; zero for the last.
	until time.Time
}

// releases are the tagged versions, the oldest first.
func (a *app) releases(ctx context.Context, pattern string) ([]*release, *git.Repository, error) {
	repo, err := git.Open(ctx, a.env.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("the policy is transitive, so every release is compared with, but %w", err)
	}
	tags, err := repo.Tags(ctx, pattern)
	if err != nil {
		return nil, nil, err
	}
	var all []*release
	for i, t := range tags {
		r := &release{rev: t}
		if i+1 < len(tags) {
			r.until = tags[i+1].Time
		}
		if r.tree, err = repo.Tree(ctx, t); err != nil {
			return nil, nil, err
		}
		all = append(all, r)
	}
	return all, repo, nil
}
