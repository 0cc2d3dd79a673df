package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// fixRounds bounds how often --fix goes over the documents: a fix may uncover
// another.
const fixRounds = 5

// fixAll applies the safe fixes of what is found and not ignored, writes the
// files, and reviews them again, until there is nothing left to fix.
func (a *app) fixAll(ctx context.Context, sources []source, reviews []*review) ([]*review, error) {
	for _, s := range sources {
		if s.text != nil {
			return nil, errors.New("--fix cannot write to a stream; name a file")
		}
	}
	total, written := 0, map[string]bool{}
	for range fixRounds {
		report, _ := a.report(reviews, nil, true)
		changed, applied, _ := diag.ApplyFixes(fixable(report.Diagnostics))
		if applied == 0 {
			break
		}
		for f, text := range changed {
			if err := replaceFile(a.unshown(f.Name), text); err != nil {
				return nil, fmt.Errorf("cannot write %s: %w", f.Name, cause(err))
			}
			written[f.Name] = true
		}
		total += applied
		reviews = a.reviewAll(ctx, sources)
	}
	if !a.quiet {
		said := "fixed nothing"
		if total > 0 {
			said = fmt.Sprintf("fixed %s in %s", count(total, "finding"), count(len(written), "file"))
		}
		fmt.Fprintln(a.env.Stderr, said)
	}
	return reviews, nil
}

// fixable are the findings with fixes that are edits of files alone, not of
// what a URL led to. A file that several documents refer to has been read
// once for each; the edits of all are made in the first.
func fixable(ds []diag.Diagnostic) []diag.Diagnostic {
	files := map[string]*diag.File{}
	var out []diag.Diagnostic
	for _, d := range ds {
		if d.Fix == nil || !d.Fix.Safe {
			continue
		}
		fix, ours := *d.Fix, true
		fix.Edits = append([]diag.Edit(nil), fix.Edits...)
		for i := range fix.Edits {
			f := fix.Edits[i].Span.File
			if f == nil || strings.Contains(f.Name, "://") {
				ours = false
				break
			}
			first := files[f.Name]
			if first == nil {
				first = f
				files[f.Name] = f
			}
			ours = ours && first.Text == f.Text
			fix.Edits[i].Span.File = first
		}
		if ours {
			d.Fix = &fix
			out = append(out, d)
		}
	}
	return out
}

// replaceFile writes a file whole or not at all, with the mode that it had. A
// link stays one: what it leads to is written.
func replaceFile(path, text string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return createFile(path, text)
	}
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a pipe or a device
		return os.WriteFile(path, []byte(text), 0)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".treaty-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createFile writes a file that is not there yet.
func createFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
