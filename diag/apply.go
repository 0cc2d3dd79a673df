package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Apply carries out edits, of one or several files, and returns the new text
// of each file that they touch. Insertions at one place are made in the order
// given. It fails, changing nothing, where an edit names no file or a stretch
// outside of it, and where two edits overlap.
func Apply(edits []Edit) (map[*File]string, error) {
	byFile := map[*File][]Edit{}
	var files []*File // in the order met, for one error whatever the map's order
	for _, e := range edits {
		if !e.valid() {
			return nil, fmt.Errorf("edit of %s, bytes %d to %d: no such place in the file", e.Span, e.Span.Start, e.Span.End)
		}
		if byFile[e.Span.File] == nil {
			files = append(files, e.Span.File)
		}
		byFile[e.Span.File] = append(byFile[e.Span.File], e)
	}
	changed := make(map[*File]string, len(files))
	for _, file := range files {
		edits := byFile[file]
		sortEdits(edits)
		for i := 1; i < len(edits); i++ {
			if overlap(edits[i-1].Span, edits[i].Span) {
				return nil, fmt.Errorf("edits at %s and %s overlap; apply one of them, then read the file again", edits[i-1].Span, edits[i].Span)
			}
		}
		changed[file] = rewrite(file.Text, 0, edits)
	}
	return changed, nil
}

// ApplyFixes carries out the safe fixes of ds, in their order, each whole or
// not at all, and returns the new text of each file that changed. A fix that
// another already makes, edit for edit, counts as applied. One that meets an
// earlier one at the same place is skipped, even where they only touch at an
// insertion: what the two would mean together is not known. It may well be
// offered again when the new text is read, so a caller that wants all of them
// reads and applies until skipped is 0. Fixes that are not safe are left alone
// and not counted.
func ApplyFixes(ds []Diagnostic) (changed map[*File]string, applied, skipped int) {
	taken := map[*File][]Edit{} // sorted by place; no two meet
	var accepted []Edit
	for i := range ds {
		fix := ds[i].Fix
		if fix == nil || !fix.Safe || len(fix.Edits) == 0 {
			continue
		}
		switch fits(fix.Edits, taken) {
		case conflicting:
			skipped++
			continue
		case fitting:
			accepted = append(accepted, fix.Edits...)
			for _, e := range fix.Edits {
				list := taken[e.Span.File]
				at, _ := slices.BinarySearchFunc(list, e, compareEdits)
				taken[e.Span.File] = slices.Insert(list, at, e)
			}
		}
		applied++
	}
	changed, err := Apply(accepted)
	if err != nil { // fits has looked at each of them
		return nil, 0, applied + skipped
	}
	return changed, applied, skipped
}

type fitness uint8

const (
	fitting     fitness = iota
	repeating           // the same edits are made already
	conflicting         // with an earlier fix, or within itself
)

// fits compares the edits of one fix with those that are taken.
func fits(edits []Edit, taken map[*File][]Edit) fitness {
	repeated := 0
	for i, e := range edits {
		if !e.valid() {
			return conflicting
		}
		for _, other := range edits[:i] {
			if other.Span.File == e.Span.File && overlap(other.Span, e.Span) {
				return conflicting
			}
		}
		list := taken[e.Span.File]
		at, _ := slices.BinarySearchFunc(list, e, compareEdits)
		// As they do not overlap, none before the first that starts earlier
		// than e can reach it.
		for j := at - 1; j >= 0; j-- {
			if list[j] != e && meet(list[j].Span, e.Span) {
				return conflicting
			}
			if list[j].Span.Start < e.Span.Start {
				break
			}
		}
		same := false
		for j := at; j < len(list) && list[j].Span.Start <= e.Span.End; j++ {
			if list[j] == e {
				same = true
			} else if meet(list[j].Span, e.Span) {
				return conflicting
			}
		}
		if same {
			repeated++
		}
	}
	switch repeated {
	case 0:
		return fitting
	case len(edits):
		return repeating
	}
	return conflicting
}

func (e Edit) valid() bool {
	s := e.Span
	return s.File != nil && 0 <= s.Start && s.Start <= s.End && s.End <= len(s.File.Text)
}

// overlap reports whether both spans cover a byte, or one stands inside of the
// other. Spans that touch do not overlap.
func overlap(a, b Span) bool { return a.Start < b.End && b.Start < a.End }

// meet is overlap, and also where an insertion touches the other.
func meet(a, b Span) bool {
	if a.Start == a.End || b.Start == b.End {
		return a.Start <= b.End && b.Start <= a.End
	}
	return overlap(a, b)
}

// sortEdits puts edits of one file in order of place; what is inserted at one
// place stays in the order given, before what replaces the text there.
func sortEdits(edits []Edit) {
	slices.SortStableFunc(edits, compareEdits)
}

func compareEdits(a, b Edit) int {
	return cmp.Or(cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Span.End, b.Span.End))
}

// rewrite makes sorted edits in a text that starts at an offset of the file.
func rewrite(text string, offset int, edits []Edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(text[at : e.Span.Start-offset])
		b.WriteString(e.NewText)
		at = e.Span.End - offset
	}
	b.WriteString(text[at:])
	return b.String()
}
