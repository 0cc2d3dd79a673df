// Package diag holds findings: a place in a source text, what is wrong there,
// and what to do about it. It knows nothing about what is being checked.
package diag

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Severity says how much a finding matters. The zero value is no severity.
type Severity uint8

// The severities, in rising order, so that they compare with < and >.
const (
	Info Severity = iota + 1
	Warning
	Error
)

// String returns the word used in every output format.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "none"
}

// ParseSeverity reads the words that String writes.
func ParseSeverity(s string) (Severity, error) {
	switch s {
	case "info":
		return Info, nil
	case "warning":
		return Warning, nil
	case "error":
		return Error, nil
	}
	return 0, fmt.Errorf("severity %q is not one of error, warning, info", s)
}

// File is a source text and the name it is shown by. Offsets into Text are
// bytes. Line starts are found on first use, since most files are never
// complained about. A File is safe for concurrent use once made.
type File struct {
	Name string
	Text string

	once  sync.Once
	lines []int32
}

// NewFile returns a file with the given display name and text.
func NewFile(name, text string) *File { return &File{Name: name, Text: text} }

// Position is a place counted the way people count: both start at 1, columns
// count bytes. The zero value is no position.
type Position struct {
	Line, Column int
}

// starts are the offsets at which lines begin. A line ends with LF, CRLF or a
// CR alone. Texts are far below 2 GiB, see the limit input-bytes.
func (f *File) starts() []int32 {
	f.once.Do(func() {
		f.lines = make([]int32, 1, 1+strings.Count(f.Text, "\n"))
		if strings.IndexByte(f.Text, '\r') < 0 {
			for at := 0; ; {
				i := strings.IndexByte(f.Text[at:], '\n')
				if i < 0 {
					return
				}
				at += i + 1
				f.lines = append(f.lines, int32(at))
			}
		}
		for i := 0; i < len(f.Text); i++ {
			if c := f.Text[i]; c == '\n' || c == '\r' && (i+1 == len(f.Text) || f.Text[i+1] != '\n') {
				f.lines = append(f.lines, int32(i+1))
			}
		}
	})
	return f.lines
}

// Position turns a byte offset into a line and column. Offsets outside the
// text are clamped to it.
func (f *File) Position(offset int) Position {
	offset = min(max(offset, 0), len(f.Text))
	starts := f.starts()
	line := sort.Search(len(starts), func(i int) bool { return int(starts[i]) > offset })
	return Position{Line: line, Column: offset - int(starts[line-1]) + 1}
}

// Line returns the text of a line, counted from 1, without its line end; ""
// where there is no such line.
func (f *File) Line(line int) string {
	starts := f.starts()
	if line < 1 || line > len(starts) {
		return ""
	}
	end := len(f.Text)
	if line < len(starts) {
		end = int(starts[line])
	}
	return strings.TrimRight(f.Text[starts[line-1]:end], "\r\n")
}

// Span is a stretch of a file, from byte Start up to but not including End.
// The zero value is no place.
type Span struct {
	File       *File
	Start, End int
}

// IsZero reports whether the span names no place.
func (s Span) IsZero() bool { return s.File == nil }

// Position is where the span starts; the zero Position for no place.
func (s Span) Position() Position {
	if s.File == nil {
		return Position{}
	}
	return s.File.Position(s.Start)
}

// EndPosition is where the span ends.
func (s Span) EndPosition() Position {
	if s.File == nil {
		return Position{}
	}
	return s.File.Position(s.End)
}

// Text is the source text that the span covers, as far as there is any.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	end := min(max(s.End, 0), len(s.File.Text))
	return s.File.Text[min(max(s.Start, 0), end):end]
}

// String is the usual file:line:column.
func (s Span) String() string {
	if s.File == nil {
		return "-"
	}
	p := s.Position()
	return fmt.Sprintf("%s:%d:%d", s.File.Name, p.Line, p.Column)
}

// Related is a second place that explains a finding.
type Related struct {
	Span    Span
	Message string
}

// Edit replaces the text of a span.
type Edit struct {
	Span    Span
	NewText string
}

// Fix is a change that cures a finding. A safe fix may be applied without
// being asked about: it cannot change what the document means to anybody who
// read it correctly before.
type Fix struct {
	Title string
	Edits []Edit
	Safe  bool
}

// Diagnostic is a finding. Its message starts with what the author wrote and
// ends with what to do.
type Diagnostic struct {
	Rule     string // id in the rule table
	Severity Severity
	Message  string
	Span     Span
	Pointer  string // JSON Pointer into the document as written, "" for the whole
	Related  []Related
	Fix      *Fix

	// Word is what people read in place of the severity; "" for the severity.
	Word string
	// Notes say more, such as the event that proves the finding.
	Notes []Note
}

// Note is something more to a finding. Its text may have several lines.
type Note struct {
	Label string // one word, such as event
	Text  string
}

// Sort orders findings by file name, place, then rule, which makes every
// output deterministic, and drops exact repetitions.
func Sort(ds []Diagnostic) []Diagnostic {
	sort.SliceStable(ds, func(i, j int) bool { return compare(&ds[i], &ds[j]) < 0 })
	out := ds[:0]
	for i := range ds {
		if len(out) > 0 && compare(&out[len(out)-1], &ds[i]) == 0 {
			continue
		}
		out = append(out, ds[i])
	}
	return out
}

func compare(a, b *Diagnostic) int {
	if c := strings.Compare(fileName(a), fileName(b)); c != 0 {
		return c
	}
	if a.Span.Start != b.Span.Start {
		return a.Span.Start - b.Span.Start
	}
	if a.Span.End != b.Span.End {
		return a.Span.End - b.Span.End
	}
	if c := strings.Compare(a.Rule, b.Rule); c != 0 {
		return c
	}
	return strings.Compare(a.Message, b.Message)
}

func fileName(d *Diagnostic) string {
	if d.Span.File == nil {
		return ""
	}
	return d.Span.File.Name
}
