package syntax

import (
	"strings"

	"github.com/treaty-events/treaty/diag"
)

// ParseLines reads a file of JSON Lines: a value on each line that is not
// empty. Places are those in the file.
func ParseLines(f *diag.File, lim Limits) ([]*Node, []diag.Diagnostic) {
	// The lines are read as the elements of one array: the same text after an
	// opening bracket, with a comma for the break between two values.
	text := []byte("[" + f.Text + "]")
	at, pending := 1, -1
	for line := range strings.Lines(f.Text) {
		if strings.TrimSpace(line) != "" {
			if pending >= 0 {
				text[pending] = ','
			}
			pending = -1
			if line[len(line)-1] == '\n' {
				pending = at + len(line) - 1
			}
		}
		at += len(line)
	}
	array, found := Parse(diag.NewFile(f.Name, string(text)), JSON, lim)
	move := func(s *diag.Span) { s.File, s.Start, s.End = f, max(s.Start-1, 0), min(max(s.End-1, 0), len(f.Text)) }
	for i := range found {
		move(&found[i].Span)
		for j := range found[i].Related {
			move(&found[i].Related[j].Span)
		}
	}
	for _, item := range array.Items {
		item.Parent, item.index = nil, 0
		item.shift(f)
	}
	return array.Items, found
}

// shift moves a tree that was read one byte too far to the right.
func (n *Node) shift(f *diag.File) {
	n.File, n.Start, n.End = f, n.Start-1, n.End-1
	for _, item := range n.Items {
		if item.Key != nil {
			item.Key.File, item.Key.Start, item.Key.End = f, item.Key.Start-1, item.Key.End-1
		}
		item.shift(f)
	}
}
