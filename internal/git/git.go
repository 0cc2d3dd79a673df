// Package git reads files of revisions with the git command. It never writes,
// and never uses the network.
package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Repository is a work tree with its history.
type Repository struct {
	Dir string // the top folder
}

// ErrNoGit says that the git command is not there; ErrNoRepository that a
// folder is in no repository.
var (
	ErrNoGit        = errors.New("the git command was not found; install git, or compare with a file or a folder")
	ErrNoRepository = errors.New("this is no git repository; compare with a file or a folder, or run git init")
)

// Open finds the repository that a folder is in.
func Open(ctx context.Context, dir string) (*Repository, error) {
	out, err := run(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		var failed *failure
		if errors.As(err, &failed) && strings.Contains(failed.text, "not a git repository") {
			return nil, ErrNoRepository
		}
		return nil, err
	}
	return &Repository{Dir: strings.TrimRight(string(out), "\n")}, nil
}

// failure is what git said when it failed.
type failure struct{ args, text string }

func (f *failure) Error() string { return "git " + f.args + ": " + f.text }

// quiet keeps git from asking, waiting, translating and fetching.
func quiet() []string {
	return append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1")
}

func run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, quiet()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, ErrNoGit
		}
		return nil, &failure{args[0], strings.TrimSpace(said.String())}
	}
	return out.Bytes(), nil
}

// Revision is a commit.
type Revision struct {
	Name   string // as it was asked for
	Commit string // the full hash
	Time   time.Time
}

// UnknownError says that a revision does not exist here.
type UnknownError struct {
	Name    string
	Shallow bool // the history was cut off, so the revision may exist elsewhere
	Near    []string
}

func (e *UnknownError) Error() string {
	if e.Shallow {
		return fmt.Sprintf("the revision %q is not in this clone, which is shallow: its history was cut off; fetch it with git fetch --unshallow (in GitHub Actions: fetch-depth: 0)", e.Name)
	}
	return fmt.Sprintf("there is no revision %q, and no file or folder of that name", e.Name)
}

// Resolve finds a revision: a branch, a tag, a hash, HEAD~3.
func (r *Repository) Resolve(ctx context.Context, name string) (*Revision, error) {
	out, err := run(ctx, r.Dir, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		if errors.Is(err, ErrNoGit) {
			return nil, err
		}
		e := &UnknownError{Name: name}
		if out, err := run(ctx, r.Dir, "rev-parse", "--is-shallow-repository"); err == nil {
			e.Shallow = strings.TrimSpace(string(out)) == "true"
		}
		if out, err := run(ctx, r.Dir, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"); err == nil {
			e.Near = strings.Fields(string(out))
		}
		return nil, e
	}
	return &Revision{Name: name, Commit: strings.TrimSpace(string(out))}, nil
}

// Tags are the tagged commits whose tag matches a pattern such as v*, the
// oldest first.
func (r *Repository) Tags(ctx context.Context, pattern string) ([]*Revision, error) {
	out, err := run(ctx, r.Dir, "for-each-ref", "--sort=creatordate", "--format=%(refname:short)%09%(objectname)%09%(*objectname)%09%(creatordate:unix)", "refs/tags/"+pattern)
	if err != nil {
		return nil, err
	}
	var tags []*Revision
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 4 {
			continue
		}
		t := &Revision{Name: fields[0], Commit: fields[1]}
		if fields[2] != "" {
			t.Commit = fields[2] // an annotated tag stands for its commit
		}
		seconds, _ := strconv.ParseInt(fields[3], 10, 64)
		t.Time = time.Unix(seconds, 0).UTC()
		tags = append(tags, t)
	}
	return tags, nil
}

// Files are the paths of all files of a revision, from the top folder on.
func (r *Repository) Files(ctx context.Context, rev *Revision) ([]string, error) {
	out, err := run(ctx, r.Dir, "ls-tree", "-r", "-z", "--name-only", "--full-tree", rev.Commit)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// Tree reads the files of a revision. It is an fs.FS whose root is a folder of
// the repository; a symbolic link is followed within the revision. It is safe
// for concurrent use, and has to be closed.
type Tree struct {
	reader *reader
	commit string
	dir    string
}

// reader is a git process that is asked for one object after the other.
type reader struct {
	mu     sync.Mutex
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	said   bytes.Buffer
	broken error
}

// Tree begins to read a revision. The process ends with the context, or with
// Close.
func (r *Repository) Tree(ctx context.Context, rev *Revision) (*Tree, error) {
	cmd := exec.CommandContext(ctx, "git", "cat-file", "--batch", "--follow-symlinks")
	cmd.Dir, cmd.Env = r.Dir, quiet()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	rd := &reader{cmd: cmd, in: in, out: bufio.NewReader(out)}
	cmd.Stderr = &rd.said
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, ErrNoGit
		}
		return nil, err
	}
	return &Tree{reader: rd, commit: rev.Commit, dir: "."}, nil
}

// Close ends the process.
func (t *Tree) Close() error {
	t.reader.in.Close()
	return t.reader.cmd.Wait()
}

// At is the same revision with another folder as its root, from the top folder
// on.
func (t *Tree) At(dir string) *Tree { return &Tree{t.reader, t.commit, dir} }

// Open reads a file.
func (t *Tree) Open(name string) (fs.File, error) {
	text, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &file{bytes.NewReader(text), path.Base(name), int64(len(text))}, nil
}

// ReadFile reads a file whole.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\n\x00") {
		return fail(fs.ErrInvalid)
	}
	text, err := t.reader.read(t.commit + ":" + path.Join(t.dir, name))
	if err != nil {
		return fail(err)
	}
	return text, nil
}

func (r *reader) read(object string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return nil, r.broken
	}
	text, err := r.ask(object)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
		r.broken = err // nobody knows what the next answer would be about
	}
	return text, err
}

func (r *reader) ask(object string) ([]byte, error) {
	if _, err := io.WriteString(r.in, object+"\n"); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	head, err := r.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	head = strings.TrimSuffix(head, "\n")
	if strings.HasSuffix(head, " missing") || strings.HasSuffix(head, " ambiguous") {
		return nil, fs.ErrNotExist
	}
	fields := strings.Fields(head)
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil || size < 0 {
		return nil, fmt.Errorf("git cat-file answered %q", head)
	}
	text := make([]byte, size+1)
	if _, err := io.ReadFull(r.out, text); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	switch fields[len(fields)-2] {
	case "blob":
		return text[:size], nil
	case "symlink":
		return nil, fmt.Errorf("%w: it is a link that leads out of the repository", fs.ErrInvalid)
	case "tree":
		return nil, fmt.Errorf("%w: it is a folder", fs.ErrInvalid)
	}
	return nil, fs.ErrNotExist // a link that leads nowhere, or round in a circle
}

type file struct {
	*bytes.Reader
	name string
	size int64
}

func (f *file) Stat() (fs.FileInfo, error) { return f, nil }
func (f *file) Close() error               { return nil }
func (f *file) Name() string               { return f.name }
func (f *file) Size() int64                { return f.size }
func (f *file) Mode() fs.FileMode          { return 0o444 }
func (f *file) ModTime() time.Time         { return time.Time{} }
func (f *file) IsDir() bool                { return false }
func (f *file) Sys() any                   { return nil }
