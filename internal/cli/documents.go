package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/treaty-events/treaty/diag"
)

// source is a document to be read: a file, or a stream that was read already.
type source struct {
	path string // absolute; for a stream, where it would stand as a file
	text []byte // of a stream; nil for a file
	name string // of a stream
}

// stdinName is how the standard input is called in findings.
const stdinName = "stdin"

func (a *app) shownSource(s source) string {
	if s.text != nil {
		return s.name
	}
	return a.shown(s.path)
}

// documents finds the documents that a command line names: files, folders,
// globs, - for the standard input; without any, those of treaty.yaml, else all
// below the working directory.
func (a *app) documents(args []string) ([]source, error) {
	base, by := a.env.Dir, ""
	if len(args) == 0 {
		args = []string{"."}
		if len(a.config.Documents) > 0 {
			args, base, by = a.config.Documents, a.config.Dir(), a.shown(a.config.Path)+": documents: "
		}
	}
	var out []source
	seen := map[string]bool{}
	for _, arg := range args {
		if arg == "-" {
			s, err := a.stdin()
			if err != nil {
				return nil, err
			}
			out = append(out, s)
			continue
		}
		if path := a.absolute(arg); by == "" && isStream(path) {
			text, err := a.readStream(path, arg)
			if err != nil {
				return nil, err
			}
			out = append(out, a.stream(text, arg))
			continue
		}
		found, err := find(base, arg)
		if err != nil {
			return nil, fmt.Errorf("%s%w", by, err)
		}
		for _, path := range found {
			if !seen[path] {
				seen[path] = true
				out = append(out, source{path: path})
			}
		}
	}
	return out, nil
}

// stdin reads the standard input, once.
func (a *app) stdin() (source, error) {
	if a.stdinRead {
		return source{}, errors.New("- stands for the standard input, which can be read once; name it once")
	}
	a.stdinRead = true
	text, err := a.readAll(a.env.Stdin, "the standard input")
	if err != nil {
		return source{}, err
	}
	return a.stream(text, stdinName), nil
}

// stream is a document of a text. References in it lead from the working
// directory, or from the root where that is elsewhere.
func (a *app) stream(text []byte, name string) source {
	dir := a.env.Dir
	if a.root != "" {
		if root := a.absolute(a.root); !inside(root, dir) {
			dir = root
		}
	}
	return source{path: filepath.Join(dir, stdinName), text: text, name: name}
}

// readAll reads a stream to its end, or to the limit of a file. The text is
// not nil.
func (a *app) readAll(r io.Reader, what string) ([]byte, error) {
	limit := int64(a.limits.OrDefault().InputBytes)
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", what, cause(err))
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes, the limit input-bytes; raise it with --limit input-bytes=%d", what, limit, 2*limit)
	}
	return text, nil
}

// isStream reports whether a path is that of a pipe or a device, as a shell
// passes the output of another command.
func isStream(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && !info.Mode().IsRegular()
}

func (a *app) readStream(path, name string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, cause(err))
	}
	defer f.Close()
	return a.readAll(f, name)
}

// find returns the files that one argument names, relative to base.
func find(base, arg string) ([]string, error) {
	path := arg
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		found, err := walk(path, func(string) bool { return true })
		if err != nil {
			return nil, fmt.Errorf("cannot look through %s: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no AsyncAPI document found in %s; name one, or run treaty init", arg)
		}
		return found, nil
	case err == nil:
		return []string{path}, nil
	case isGlob(arg):
		return glob(path, arg)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist%s", arg, nearFile(path))
	}
	return nil, fmt.Errorf("cannot read %s: %w", arg, cause(err))
}

// cause is an error of the file system without the call and the path, which
// the message names already.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func isGlob(arg string) bool { return strings.ContainsAny(arg, "*?[{") }

// glob finds the documents whose paths match a pattern. Like a folder, it
// passes over what is no AsyncAPI document: schemas mostly stand beside them.
func glob(pattern, arg string) ([]string, error) {
	pattern = filepath.ToSlash(pattern)
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("%s is no well-formed glob; close its brackets and braces", arg)
	}
	base, rest := doublestar.SplitPattern(pattern)
	if info, err := os.Stat(filepath.FromSlash(base)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("no file matches %s: the folder before its first wildcard does not exist", arg)
	}
	matched := false
	found, err := walk(filepath.FromSlash(base), func(name string) bool {
		ok, err := doublestar.Match(rest, name)
		ok = ok && err == nil
		matched = matched || ok
		return ok
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot look through %s: %w", arg, err)
	case len(found) > 0:
		return found, nil
	case matched:
		return nil, fmt.Errorf("no file that matches %s is an AsyncAPI document; name one", arg)
	}
	return nil, fmt.Errorf("no file matches %s", arg)
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

// unread is the error of a file that a flag names and that cannot be read.
func unread(flag, name, path string, err error) error {
	switch text := strings.TrimSpace(name); {
	case text != "" && strings.IndexByte(`{["`, text[0]) >= 0:
		return fmt.Errorf("%s takes the name of a file; to give JSON itself, write it to the standard input and give %s -", flag, flag)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: the file does not exist%s", flag, name, nearFile(path))
	}
	return fmt.Errorf("%s %s: %w", flag, name, cause(err))
}

// walk finds the AsyncAPI documents below a folder whose names, relative to it
// and with slashes, are wanted. Hidden folders and those of installed packages
// are passed over, and so are links to folders.
func walk(dir string, wanted func(name string) bool) ([]string, error) {
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
		default:
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && wanted(filepath.ToSlash(rel)) && isDocument(path) {
			out = append(out, path)
		}
		return err
	})
	slices.Sort(out)
	return out, err
}

// sniffBytes is how far into a file its asyncapi field is looked for.
const sniffBytes = 1 << 20

// isDocument reports whether a file is meant to be an AsyncAPI document: it has
// the field asyncapi at its top, or is named so.
func isDocument(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if name := strings.ToLower(filepath.Base(path)); strings.HasPrefix(name, "asyncapi.") || strings.Contains(name, ".asyncapi.") {
		return true
	}
	text := head(path)
	return text == nil || hasKey(text, "asyncapi") // reading it says why it cannot be read
}

// head is the beginning of a file, nil where it cannot be read.
func head(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text := []byte{}
	if info, err := f.Stat(); err == nil {
		text = make([]byte, 0, min(info.Size(), sniffBytes)+1)
	}
	b := bytes.NewBuffer(text)
	if _, err := b.ReadFrom(io.LimitReader(f, sniffBytes)); err != nil {
		return nil
	}
	return b.Bytes()
}

// hasKey reports whether the text of a YAML or JSON document has a key at its
// top, going by the look of it.
func hasKey(text []byte, key string) bool {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if rest := bytes.TrimLeft(text, " \t\r\n"); len(rest) > 0 && rest[0] == '{' {
		return hasKeyInBraces(rest, key)
	}
	for line := range bytes.Lines(text) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.Trim(bytes.TrimRight(name, " \t"), `"'`)) == key && len(bytes.TrimSpace(value)) > 0 {
			return true
		}
	}
	return false
}

// hasKeyInBraces looks for a key between the outermost braces of a text.
func hasKeyInBraces(text []byte, key string) bool {
	depth, quote, start := 0, byte(0), 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quote != 0 {
			switch {
			case c == '\\' && quote == '"':
				i++
			case c == quote:
				quote = 0
			}
			continue
		}
		switch c {
		case '"', '\'':
			quote = c
		case '{', '[':
			depth++
			start = i + 1
		case '}', ']':
			depth--
		case ',':
			start = i + 1
		case ':':
			if depth == 1 && string(bytes.Trim(bytes.TrimSpace(text[min(start, i):i]), `"'`)) == key {
				return true
			}
		}
	}
	return false
}

// inside reports whether a path is a folder or below it.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// onlyDocument finds the one document that a rewriting command works on.
func (a *app) onlyDocument(args []string) (source, error) {
	sources, err := a.documents(args)
	if err != nil {
		return source{}, err
	}
	if len(sources) == 1 {
		return sources[0], nil
	}
	names := make([]string, 0, 4)
	for _, s := range sources[:min(len(sources), 4)] {
		names = append(names, a.shownSource(s))
	}
	more := ""
	if len(sources) > len(names) {
		more = ", …"
	}
	return source{}, fmt.Errorf("there are %d documents (%s%s); name one", len(sources), strings.Join(names, ", "), more)
}

// isEventFile reports whether a file that stands beside --event is one of
// events, too: --event a.json b.json, as a shell makes of --event *.json.
func isEventFile(name string) bool {
	switch path.Ext(filepath.ToSlash(name)) {
	case ".json", ".jsonl", ".ndjson":
	default:
		return false
	}
	text := bytes.TrimLeft(head(name), " \t\r\n")
	return len(text) > 0 && (text[0] == '[' || hasKey(text, "specversion") && !hasKey(text, "asyncapi"))
}
