package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// made is a repository with two commits.
func made(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	write("a/b.yaml", "one\n")
	write("a/grün.yaml", "")
	write("c.yaml", "see\n")
	for link, to := range map[string]string{"a/in": "../c.yaml", "a/out": "/etc/passwd", "a/up": "../../../etc/passwd", "a/round": "round"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	git("add", "-A")
	git("commit", "-q", "-m", "one")
	git("tag", "v1.0.0")
	write("a/b.yaml", "two\n")
	git("commit", "-qam", "two")
	git("tag", "-a", "v1.1.0", "-m", "two")
	return dir
}

func TestTree(t *testing.T) {
	ctx := context.Background()
	dir := made(t)
	r, err := Open(ctx, filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	tags, err := r.Tags(ctx, "v*")
	if err != nil || len(tags) != 2 || tags[0].Name != "v1.0.0" || tags[1].Time.IsZero() {
		t.Fatalf("%v %v", tags, err)
	}
	for rev, want := range map[string]string{"HEAD": "two\n", "main": "two\n", "HEAD~1": "one\n", "v1.0.0": "one\n", "v1.1.0": "two\n", tags[1].Commit: "two\n"} {
		at, err := r.Resolve(ctx, rev)
		if err != nil {
			t.Fatal(rev, err)
		}
		tree, err := r.Tree(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		sub := tree.At("a")
		if text, err := fs.ReadFile(sub, "b.yaml"); err != nil || string(text) != want {
			t.Errorf("%s: %q %v", rev, text, err)
		}
		if text, err := fs.ReadFile(sub, "in"); err != nil || string(text) != "see\n" {
			t.Errorf("a link within: %q %v", text, err)
		}
		for _, name := range []string{"out", "up", "round", "nothing", "../c.yaml", "b.yaml\nHEAD:c.yaml"} {
			if text, err := fs.ReadFile(sub, name); err == nil {
				t.Errorf("%s is read: %q", name, text)
			}
		}
		if _, err := fs.ReadFile(tree, "a"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a folder is read: %v", err)
		}
		if text, err := fs.ReadFile(sub, "b.yaml"); err != nil || string(text) != want {
			t.Errorf("%s, after faults: %q %v", rev, text, err)
		}
		files, err := r.Files(ctx, at)
		if err != nil || !strings.Contains(strings.Join(files, " "), "a/b.yaml") || !strings.Contains(strings.Join(files, " "), "a/grün.yaml") {
			t.Errorf("%q %v", files, err)
		}
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknown(t *testing.T) {
	ctx := context.Background()
	r, err := Open(ctx, made(t))
	if err != nil {
		t.Fatal(err)
	}
	var unknown *UnknownError
	for _, name := range []string{"mian", "--all", "HEAD:c.yaml", "", "HEAD~7", "-h"} {
		if _, err := r.Resolve(ctx, name); !errors.As(err, &unknown) || unknown.Shallow {
			t.Errorf("%q: %v", name, err)
		}
	}
	shallow := t.TempDir()
	if out, err := exec.Command("git", "clone", "-q", "--depth", "1", "file://"+r.Dir, shallow).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if r, err = Open(ctx, shallow); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(ctx, "HEAD~1"); !errors.As(err, &unknown) || !unknown.Shallow || !strings.Contains(err.Error(), "fetch-depth: 0") {
		t.Errorf("in a shallow clone: %v", err)
	}
	if _, err := Open(ctx, t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Errorf("outside: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(ctx, shallow); !errors.Is(err, ErrNoGit) {
		t.Errorf("without git: %v", err)
	}
}
