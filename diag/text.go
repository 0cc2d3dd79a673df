package diag

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The styles of coloured text, as ANSI sequences.
const (
	reset   = "\x1b[0m"
	bold    = "\x1b[1m"
	red     = "\x1b[1;31m"
	yellow  = "\x1b[1;33m"
	cyan    = "\x1b[1;36m"
	blue    = "\x1b[1;34m" // what frames the source
	green   = "\x1b[1;32m" // what is offered
	magenta = "\x1b[1;35m" // related places
)

const byteOrderMark = "\ufeff"

// The most of a fix that is shown in place of words: lines taken away or put
// in, and bytes looked at to find them.
const (
	previewLines = 4
	previewBytes = 16 << 10
)

// text prints findings for people: message, place, excerpt, notes, help.
type text struct {
	w      *bufio.Writer
	color  bool
	width  int
	gutter int // digits of the largest line number of a finding
}

func printText(w *bufio.Writer, r *Report, o Options) error {
	p := newText(w, o)
	for i := range r.Diagnostics {
		if d := &r.Diagnostics[i]; o.Quiet {
			p.line(d)
		} else {
			p.finding(d)
			w.WriteByte('\n')
		}
	}
	switch {
	case o.Quiet:
	case r.Total != "":
		p.paint(severityStyle(r.Worst), Visible(r.Total))
		w.WriteByte('\n')
	default:
		p.total(r)
	}
	return nil
}

func newText(w *bufio.Writer, o Options) *text {
	p := &text{w: w, color: o.Color, width: o.Width}
	if p.width <= 0 {
		p.width = DefaultWidth
	}
	return p
}

// total writes the count, in the colour of the worst that was found.
func (p *text) total(r *Report) {
	c := count(r.Diagnostics)
	style := green
	switch {
	case c.errors > 0:
		style = red
	case c.warnings > 0:
		style = yellow
	case c.infos > 0:
		style = cyan
	}
	p.paint(style, c.sentence(r.Documents))
	p.w.WriteByte('\n')
}

// line writes a finding on one line, in the form that editors jump from.
func (p *text) line(d *Diagnostic) {
	if d.Span.File != nil {
		p.w.WriteString(Visible(d.Span.String()))
		p.w.WriteString(": ")
	}
	p.headline(d)
}

func (p *text) headline(d *Diagnostic) {
	head := d.Severity.String()
	if d.Word != "" {
		head = d.Word
	}
	if d.Rule != "" {
		head += "[" + d.Rule + "]"
	}
	p.paint(severityStyle(d.Severity), Visible(head))
	p.paint(bold, ": "+Visible(d.Message))
	p.w.WriteByte('\n')
}

// finding writes a finding with all that belongs to it.
func (p *text) finding(d *Diagnostic) {
	p.headline(d)
	fix := previewOf(d.Fix)
	last := max(lastLine(d.Span), fix.line+max(len(fix.old), len(fix.new))-1)
	for _, r := range d.Related {
		last = max(last, lastLine(r.Span))
	}
	p.gutter = len(strconv.Itoa(last))

	p.place(d.Span)
	p.excerpt(d.Span, severityStyle(d.Severity), "^")
	for _, r := range d.Related {
		p.paint(magenta, "note")
		p.w.WriteString(": " + Visible(r.Message) + "\n")
		p.place(r.Span)
		p.excerpt(r.Span, magenta, "-")
	}
	for _, n := range d.Notes {
		p.note(n)
	}
	if d.Fix != nil {
		p.paint(green, "help")
		p.w.WriteString(": " + Visible(d.Fix.Title) + "\n")
		if fix.file != nil && fix.file != d.Span.File {
			p.place(Span{File: fix.file, Start: fix.start, End: fix.start})
		}
		p.preview(fix)
	}
}

// note writes a note: on one line, or in a frame where it has several.
func (p *text) note(n Note) {
	style := blue
	if n.Label == "help" {
		style = green
	}
	p.paint(style, Visible(n.Label))
	lines := strings.Split(n.Text, "\n")
	if len(lines) == 1 {
		p.w.WriteString(": " + Visible(n.Text) + "\n")
		return
	}
	p.w.WriteString(":\n")
	for _, line := range lines {
		p.w.WriteString(strings.Repeat(" ", p.gutter+1))
		p.paint(blue, "|")
		if line != "" {
			p.w.WriteString(" " + Visible(line))
		}
		p.w.WriteByte('\n')
	}
}

func (p *text) place(s Span) {
	if s.File == nil {
		return
	}
	p.w.WriteString(strings.Repeat(" ", p.gutter))
	p.paint(blue, "-->")
	p.w.WriteString(" " + Visible(s.String()) + "\n")
}

// excerpt shows the source of a span with marks under it; of several lines the
// first and the last.
func (p *text) excerpt(s Span, style, mark string) {
	if s.File == nil || s.File.Text == "" {
		return
	}
	from, last := s.Position(), lastPosition(s)
	p.frame("", "|")
	p.w.WriteByte('\n')
	line := s.File.Line(from.Line)
	if last.Line == from.Line {
		p.source(from.Line, "|", line, from.Column-1, last.Column-1, style, mark)
		return
	}
	p.source(from.Line, "|", line, from.Column-1, len(strings.TrimRight(line, " \t")), style, mark)
	if last.Line > from.Line+1 {
		p.paint(blue, "...")
		p.w.WriteByte('\n')
	}
	line = s.File.Line(last.Line)
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	p.source(last.Line, "|", line, min(indent, last.Column-1), last.Column-1, style, mark)
}

// source writes a line of source and, where mark is not empty, a line of marks
// under its bytes from..to.
func (p *text) source(number int, bar, line string, from, to int, style, mark string) {
	// A byte order mark is no part of what anybody wrote.
	if number == 1 && strings.HasPrefix(line, byteOrderMark) {
		line, from, to = line[len(byteOrderMark):], from-len(byteOrderMark), to-len(byteOrderMark)
	}
	s := layOut(line, from, to, p.width-p.gutter-3)
	p.frame(strconv.Itoa(number), bar)
	if s.text != "" {
		p.w.WriteString(" " + s.text)
	}
	p.w.WriteByte('\n')
	if mark == "" {
		return
	}
	p.frame("", "|")
	p.w.WriteString(strings.Repeat(" ", 1+s.from))
	p.paint(style, strings.Repeat(mark, s.to-s.from))
	p.w.WriteByte('\n')
}

func (p *text) frame(number, bar string) {
	p.paint(blue, fmt.Sprintf("%*s %s", p.gutter, number, bar))
}

func (p *text) paint(style, s string) {
	if !p.color {
		p.w.WriteString(s)
		return
	}
	p.w.WriteString(style + s + reset)
}

func severityStyle(s Severity) string {
	switch s {
	case Error:
		return red
	case Warning:
		return yellow
	}
	return cyan
}

// lastPosition is where the last byte of a span ends, on the line that the
// byte stands on: a span that takes in its line end does not reach into the
// next line.
func lastPosition(s Span) Position {
	if s.End <= s.Start {
		return s.Position()
	}
	last := s.File.Position(s.End - 1)
	last.Column = min(last.Column, len(s.File.Line(last.Line))) + 1
	return last
}

func lastLine(s Span) int {
	if s.File == nil {
		return 0
	}
	return lastPosition(s).Line
}

// preview is what a fix makes of the lines that it touches; those that stay as
// they are at either end are left out. The zero value shows nothing.
type preview struct {
	file     *File
	start    int // the first edit, in bytes
	line     int // of old[0]
	old, new []string
}

// previewOf works out the preview of a fix that is small and in one file.
func previewOf(fix *Fix) preview {
	if fix == nil || len(fix.Edits) == 0 {
		return preview{}
	}
	edits := append([]Edit(nil), fix.Edits...)
	sortEdits(edits)
	file, size := edits[0].Span.File, 0
	for i, e := range edits {
		if !e.valid() || e.Span.File != file || i > 0 && overlap(edits[i-1].Span, e.Span) {
			return preview{}
		}
		size += len(e.NewText)
	}
	start, end := edits[0].Span.Start, edits[len(edits)-1].Span.End
	from, to := file.Position(start), file.Position(end)
	lineStart := start - (from.Column - 1)
	lineEnd := end - (to.Column - 1) + len(file.Line(to.Line))
	if lineEnd < end { // the edit ends within a line end
		lineEnd = end
	}
	if size += lineEnd - lineStart; size > previewBytes {
		return preview{}
	}
	region := file.Text[lineStart:lineEnd]
	v := preview{file: file, start: start, line: from.Line, old: splitLines(region), new: splitLines(rewrite(region, lineStart, edits))}
	for len(v.old) > 0 && len(v.new) > 0 && v.old[0] == v.new[0] {
		v.old, v.new = v.old[1:], v.new[1:]
		v.line++
	}
	for len(v.old) > 0 && len(v.new) > 0 && v.old[len(v.old)-1] == v.new[len(v.new)-1] {
		v.old, v.new = v.old[:len(v.old)-1], v.new[:len(v.new)-1]
	}
	if len(v.old) > previewLines || len(v.new) > previewLines {
		return preview{}
	}
	return v
}

func splitLines(s string) []string {
	return strings.Split(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"), "\n")
}

// preview shows a changed line as it would be, with marks under what is new;
// otherwise the lines that go and come.
func (p *text) preview(v preview) {
	if len(v.old) == 0 && len(v.new) == 0 {
		return
	}
	p.frame("", "|")
	p.w.WriteByte('\n')
	if len(v.old) == 1 && len(v.new) == 1 {
		from, to, mark := changed(v.old[0], v.new[0])
		p.source(v.line, "|", v.new[0], from, to, green, mark)
		return
	}
	for i, line := range v.old {
		p.source(v.line+i, "-", line, 0, 0, "", "")
	}
	for i, line := range v.new {
		p.source(v.line+i, "+", line, 0, 0, "", "")
	}
}

// changed finds the part of a line that is not in its old form, and the mark
// for it: + where it was put in, ~ where it replaces, none where there is only
// less than before.
func changed(old, line string) (from, to int, mark string) {
	n := 0
	for n < len(old) && n < len(line) && old[n] == line[n] {
		n++
	}
	for n > 0 && n < len(line) && !utf8.RuneStart(line[n]) {
		n--
	}
	m := 0
	for m < len(old)-n && m < len(line)-n && old[len(old)-1-m] == line[len(line)-1-m] {
		m++
	}
	for m > 0 && !utf8.RuneStart(line[len(line)-m]) {
		m--
	}
	switch {
	case n+m == len(line):
		mark = ""
	case n+m == len(old):
		mark = "+"
	default:
		mark = "~"
	}
	return n, len(line) - m, mark
}
