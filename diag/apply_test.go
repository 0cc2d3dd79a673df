package diag

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/internal/growth"
)

// edit replaces f's bytes from start to end.
func edit(f *File, start, end int, text string) Edit {
	return Edit{Span: Span{File: f, Start: start, End: end}, NewText: text}
}

func TestApply(t *testing.T) {
	f, g := NewFile("f", "0123456789"), NewFile("g", "abc")
	for _, test := range []struct {
		name  string
		edits []Edit
		f, g  string // "" for unchanged
		err   string
	}{
		{name: "nothing"},
		{name: "replace", edits: []Edit{edit(f, 2, 4, "x")}, f: "01x456789"},
		{name: "any order", edits: []Edit{edit(f, 8, 9, ""), edit(f, 0, 0, "<"), edit(f, 10, 10, ">")}, f: "<012345679>"},
		{name: "insertions keep their order", edits: []Edit{edit(f, 3, 3, "b"), edit(f, 3, 3, "a")}, f: "012ba3456789"},
		{name: "insertion before what is replaced there", edits: []Edit{edit(f, 3, 5, "X"), edit(f, 3, 3, "i")}, f: "012iX56789"},
		{name: "neighbours", edits: []Edit{edit(f, 3, 5, "X"), edit(f, 5, 7, "Y"), edit(f, 5, 5, "-")}, f: "012X-Y789"},
		{name: "two files", edits: []Edit{edit(f, 0, 10, ""), edit(g, 1, 2, "B")}, f: "\x00", g: "aBc"},
		{name: "overlap", edits: []Edit{edit(f, 3, 6, "X"), edit(f, 5, 7, "Y")}, err: "f:1:4 and f:1:6 overlap"},
		{name: "insertion inside", edits: []Edit{edit(f, 3, 6, "X"), edit(f, 4, 4, "Y")}, err: "f:1:4 and f:1:5 overlap"},
		{name: "same twice", edits: []Edit{edit(f, 3, 6, "X"), edit(f, 3, 6, "X")}, err: "overlap"},
		{name: "outside", edits: []Edit{edit(f, 3, 11, "X")}, err: "f:1:4, bytes 3 to 11: no such place"},
		{name: "backwards", edits: []Edit{edit(f, 3, 2, "X")}, err: "no such place"},
		{name: "no file", edits: []Edit{{NewText: "X"}}, err: "no such place"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed, err := Apply(test.edits)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range map[*File]string{f: test.f, g: test.g} {
				got, ok := changed[file]
				if ok != (want != "") || got != strings.Trim(want, "\x00") {
					t.Errorf("%s: %q (changed %v), want %q", file.Name, got, ok, want)
				}
			}
		})
	}
}

func TestApplyFixes(t *testing.T) {
	f, g := NewFile("f", "0123456789"), NewFile("g", "abc")
	safe := func(edits ...Edit) Diagnostic { return Diagnostic{Fix: &Fix{Safe: true, Edits: edits}} }
	for _, test := range []struct {
		name             string
		ds               []Diagnostic
		f, g             string // "" for unchanged
		applied, skipped int
	}{
		{name: "none", ds: []Diagnostic{{}, safe()}},
		{name: "unsafe", ds: []Diagnostic{{Fix: &Fix{Edits: []Edit{edit(f, 0, 1, "x")}}}}},
		{name: "all", ds: []Diagnostic{safe(edit(f, 5, 6, "x")), safe(edit(g, 0, 1, "y")), safe(edit(f, 0, 1, ""))},
			f: "1234x6789", g: "ybc", applied: 3},
		{name: "the first wins", ds: []Diagnostic{safe(edit(f, 5, 6, "x")), safe(edit(f, 0, 9, "y"))},
			f: "01234x6789", applied: 1, skipped: 1},
		{name: "whole or not at all", ds: []Diagnostic{safe(edit(f, 5, 6, "x")), safe(edit(g, 0, 1, "y"), edit(f, 4, 6, "y"))},
			f: "01234x6789", applied: 1, skipped: 1},
		{name: "a skipped fix takes no place", ds: []Diagnostic{safe(edit(f, 5, 6, "x")), safe(edit(f, 0, 1, "y"), edit(f, 5, 6, "y")), safe(edit(f, 0, 1, "z"))},
			f: "z1234x6789", applied: 2, skipped: 1},
		{name: "the same fix twice", ds: []Diagnostic{safe(edit(f, 5, 5, "x")), safe(edit(f, 5, 5, "x"))},
			f: "01234x56789", applied: 2},
		{name: "half the same", ds: []Diagnostic{safe(edit(f, 5, 6, "x")), safe(edit(f, 5, 6, "x"), edit(f, 8, 9, "x"))},
			f: "01234x6789", applied: 1, skipped: 1},
		{name: "two insertions at one place", ds: []Diagnostic{safe(edit(f, 5, 5, "x")), safe(edit(f, 5, 5, "y"))},
			f: "01234x56789", applied: 1, skipped: 1},
		{name: "insertion at the end of another", ds: []Diagnostic{safe(edit(f, 3, 5, "x")), safe(edit(f, 5, 5, "y"))},
			f: "012x56789", applied: 1, skipped: 1},
		{name: "insertion at the start of another", ds: []Diagnostic{safe(edit(f, 3, 3, "y")), safe(edit(f, 3, 5, "x"))},
			f: "012y3456789", applied: 1, skipped: 1},
		{name: "neighbours", ds: []Diagnostic{safe(edit(f, 3, 5, "x")), safe(edit(f, 5, 7, "y"))},
			f: "012xy789", applied: 2},
		{name: "at odds with itself", ds: []Diagnostic{safe(edit(f, 3, 5, "x"), edit(f, 4, 6, "y"))}, skipped: 1},
		{name: "no such place", ds: []Diagnostic{safe(edit(f, 3, 50, "x")), safe(Edit{})}, skipped: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed, applied, skipped := ApplyFixes(test.ds)
			if applied != test.applied || skipped != test.skipped {
				t.Errorf("%d applied, %d skipped; want %d, %d", applied, skipped, test.applied, test.skipped)
			}
			for file, want := range map[*File]string{f: test.f, g: test.g} {
				if got, ok := changed[file]; got != want || ok != (want != "") {
					t.Errorf("%s: %q (changed %v), want %q", file.Name, got, ok, want)
				}
			}
		})
	}
}

func TestApplyFixesIsNotQuadratic(t *testing.T) {
	growth.Linear(t, 10_000, func(n int) func() {
		f := NewFile("f", strings.Repeat("x", 2*n))
		var ds []Diagnostic
		for i := range n {
			ds = append(ds, Diagnostic{Fix: &Fix{Safe: true, Edits: []Edit{edit(f, 2*i, 2*i, "-")}}})
		}
		return func() {
			if _, applied, _ := ApplyFixes(ds); applied != len(ds) {
				t.Errorf("%d applied, want %d", applied, len(ds))
			}
		}
	})
}

// FuzzApply makes edits of bytes, four each, and holds Apply and ApplyFixes
// against the plainest way to do the same.
func FuzzApply(f *testing.F) {
	f.Add("hello world", []byte{0, 1, 'x', 1, 4, 2, 'y', 0, 2, 4, 'z', 1})
	f.Add("", []byte{0, 0, 'x', 1, 0, 0, 'y', 1})
	f.Fuzz(func(t *testing.T, text string, program []byte) {
		file := NewFile("f", text)
		var edits []Edit
		var ds []Diagnostic
		for ; len(program) >= 4; program = program[4:] {
			start := int(program[0]) - 1
			e := edit(file, start, start+int(program[1]%8), strings.Repeat(string(rune(program[2])), int(program[3]%3)))
			edits = append(edits, e)
			ds = append(ds, Diagnostic{Fix: &Fix{Safe: program[3] < 128, Edits: []Edit{e}}})
		}
		if changed, err := Apply(edits); err == nil && len(edits) > 0 {
			if got, want := changed[file], backwards(text, edits); got != want {
				t.Errorf("Apply made %q, want %q", got, want)
			}
		}
		var accepted []Edit
		applied, skipped := 0, 0
		for _, d := range ds {
			if !d.Fix.Safe {
				continue
			}
			e := d.Fix.Edits[0]
			meets := func(o Edit) bool { return o != e && meet(o.Span, e.Span) }
			switch {
			case !e.valid() || slices.ContainsFunc(accepted, meets):
				skipped++
			case slices.Contains(accepted, e):
				applied++
			default:
				accepted = append(accepted, e)
				applied++
			}
		}
		changed, gotApplied, gotSkipped := ApplyFixes(ds)
		if gotApplied != applied || gotSkipped != skipped {
			t.Errorf("%d applied, %d skipped; want %d, %d", gotApplied, gotSkipped, applied, skipped)
		}
		if got, ok := changed[file]; ok && got != backwards(text, accepted) {
			t.Errorf("ApplyFixes made %q, want %q", got, backwards(text, accepted))
		}
	})
}

// backwards makes edits from the last to the first, so that none moves another.
func backwards(text string, edits []Edit) string {
	edits = slices.Clone(edits)
	sortEdits(edits)
	for _, e := range slices.Backward(edits) {
		text = text[:e.Span.Start] + e.NewText + text[e.Span.End:]
	}
	return text
}

func TestApplyErrorIsTheSameEachTime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var edits []Edit
	for i := range 8 {
		f := NewFile(fmt.Sprint("f", i), "0123456789")
		edits = append(edits, edit(f, 0, 5, ""), edit(f, random.IntN(5), 7, ""))
	}
	_, first := Apply(edits)
	for range 20 {
		if _, err := Apply(edits); err == nil || err.Error() != first.Error() {
			t.Fatalf("error %v, then %v", first, err)
		}
	}
}
