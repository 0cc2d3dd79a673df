package diag

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tabWidth is how far apart tab stops are in an excerpt.
const tabWidth = 4

// Visible returns s with everything escaped that a terminal would obey or a
// reader could not see: control characters, line breaks, marks that reorder
// text or have no shape, and bytes that are no UTF-8. Other text stays.
func Visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		b.WriteString(glyph(r, s[i:i+size]))
		i += size
	}
	return b.String()
}

// plain reports whether s is printable ASCII, the usual case.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// glyph is how a character that was read from raw is shown: itself, or the
// escape that Go and JSON know it by.
func glyph(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case ' ' <= r && r <= '~':
		return raw
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf(`\x%02x`, r)
	case unseen(r) && r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	case unseen(r):
		return fmt.Sprintf(`\u%04x`, r)
	}
	return raw
}

// unseen reports whether r is beyond ASCII and steers or hides instead of
// showing: C1 controls, line and paragraph separators, bidirectional marks,
// zero-width characters, tags, and what no character is assigned to. The
// joiners and variation selectors that emoji and several scripts need are
// shown as they are.
func unseen(r rune) bool {
	switch r {
	case 0x200c, 0x200d: // zero width (non-)joiner
		return false
	case 0x034f, 0x115f, 0x1160, 0x2028, 0x2029, 0x3164, 0xffa0: // fillers and separators
		return true
	}
	return !unicode.IsGraphic(r)
}

// runeWidth is the number of terminal cells that a shown character takes.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case r == 0x200c, r == 0x200d, unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// wide reports whether r is of East Asian width W or F (Unicode Standard Annex
// 11), which emoji are too. Ranges are rounded out over unassigned characters.
func wide(r rune) bool {
	if r < 0x1100 {
		return false
	}
	for _, in := range &wideRanges {
		if r <= in[1] {
			return r >= in[0]
		}
	}
	return false
}

var wideRanges = [...][2]rune{
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0},
	{0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
	{0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5},
	{0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5},
	{0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
	{0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
	{0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55},
	{0x2e80, 0x303e}, {0x3041, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3},
	{0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6},
	{0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
	{0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
	{0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e},
	{0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567},
	{0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5},
	{0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc},
	{0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff},
	{0x20000, 0x3fffd},
}

// strip is a line laid out in terminal cells, or the part of it around a mark.
type strip struct {
	text     string
	from, to int // cells that the mark covers; to > from
}

// layOut shows the bytes from..to of a line within width cells. Where the line
// is longer, the part that shows the mark's beginning is cut out, with … at
// the cuts. It looks only at bytes near the mark, however long the line is.
func layOut(line string, from, to, width int) strip {
	width = max(width, 16)
	from = min(max(from, 0), len(line))
	to = min(max(to, from), len(line))

	// Bytes far away cannot be shown. A cell takes at least a byte unless it
	// is a pile of combining marks, which may be cut anywhere.
	lo, hi := max(0, from-4*width), min(len(line), from+4*width)
	for lo > 0 && lo < from && !utf8.RuneStart(line[lo]) {
		lo++
	}
	for hi < len(line) && hi > from && !utf8.RuneStart(line[hi]) {
		hi--
	}

	cells := make([]cell, 0, hi-lo)
	at, markFrom, markTo := 0, -1, -1
	for i := lo; i < hi; {
		r, size := utf8.DecodeRuneInString(line[i:])
		size = min(size, hi-i)
		if i+size > from && markFrom < 0 {
			markFrom = at
		}
		if i >= to && markTo < 0 {
			markTo = at
		}
		c := cell{text: glyph(r, line[i:i+size]), width: 1}
		switch {
		case r == '\t':
			c.width = tabWidth - at%tabWidth
			c.text = "    "[:c.width]
		case len(c.text) != size || plain(c.text): // escaped, or ASCII
			c.width = len(c.text)
		default:
			c.width = runeWidth(r)
		}
		cells = append(cells, c)
		at += c.width
		i += size
	}
	if markFrom < 0 {
		markFrom = at
	}
	if markTo < 0 {
		markTo = at
	}
	markTo = max(markTo, markFrom+1)
	return window(cells, at, strip{from: markFrom, to: markTo}, width, lo > 0, hi < len(line))
}

type cell struct {
	text  string
	width int
}

// window writes the cells that fit the width around the mark. more says that
// the line goes on before or behind the cells.
func window(cells []cell, total int, mark strip, width int, moreLeft, moreRight bool) strip {
	first, last := 0, total // cells shown
	if total > width || moreLeft || moreRight {
		room := width - 2 // for a … at each end
		// A third of the room for what leads up to the mark; more where the
		// line ends soon after it.
		first = max(0, mark.from-room/3)
		if span := mark.to - mark.from; span < room && mark.to > first+room {
			first = mark.to - room
		}
		if !moreRight {
			first = min(first, max(0, total-room))
		}
		last = first + room
	}
	var b strings.Builder
	shown := strip{from: -1, to: -1}
	at, out := 0, 0
	cut := func() {
		b.WriteString("…")
		out++
	}
	place := func() { // where the cell that comes next lands
		if shown.from < 0 && at >= mark.from {
			shown.from = out
		}
		if shown.to < 0 && at >= mark.to {
			shown.to = out
		}
	}
	if moreLeft || first > 0 {
		cut()
	}
	for _, c := range cells {
		if at >= first && at+c.width <= last {
			place()
			b.WriteString(c.text)
			out += c.width
		} else if at >= first {
			break
		}
		at += c.width
	}
	place()
	if shown.from < 0 {
		shown.from = out
	}
	if shown.to < 0 {
		shown.to = out
	}
	if moreRight || at < total {
		cut()
	}
	shown.text = b.String()
	shown.to = max(shown.to, shown.from+1)
	return shown
}
