package diag

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	// sarifRoot stands for the folder that file names are relative to. Where
	// it is, the reader of the log knows.
	sarifRoot = "%SRCROOT%"
	// sarifFingerprint names how fingerprints are made; another way of making
	// them is another name.
	sarifFingerprint = "treatyFinding/v1"
)

// The parts of SARIF 2.1.0 that are written, named as its sections 3.19
// onwards name them.
type (
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string        `json:"id"`
		ShortDescription *sarifMessage `json:"shortDescription,omitempty"`
		FullDescription  *sarifMessage `json:"fullDescription,omitempty"`
		Help             *sarifMessage `json:"help,omitempty"`
		HelpURI          string        `json:"helpUri,omitempty"`
		Default          *sarifDefault `json:"defaultConfiguration,omitempty"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID           string            `json:"ruleId,omitempty"`
		RuleIndex        int               `json:"ruleIndex"`
		Level            string            `json:"level"`
		Message          sarifMessage      `json:"message"`
		Locations        []sarifLocation   `json:"locations,omitempty"`
		RelatedLocations []sarifLocation   `json:"relatedLocations,omitempty"`
		Fingerprints     map[string]string `json:"partialFingerprints"`
		Fixes            []sarifFix        `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		ID       *int           `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifFix struct {
		Description sarifMessage  `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion   `json:"deletedRegion"`
		Inserted *sarifMessage `json:"insertedContent,omitempty"`
	}
)

// printSARIF writes a SARIF 2.1.0 log of one run, a line for each result.
func printSARIF(w *bufio.Writer, r *Report, _ Options) error {
	driver := sarifDriver{
		Name:           "treaty",
		Version:        r.ToolVersion,
		InformationURI: "https://github.com/treaty-events/treaty",
		Rules:          []sarifRule{},
	}
	index := map[string]int{}
	for i := range r.Diagnostics {
		id := r.Diagnostics[i].Rule
		if _, known := index[id]; !known {
			index[id] = len(driver.Rules)
			driver.Rules = append(driver.Rules, sarifRuleOf(id, r.Rules))
		}
	}
	e := newValueWriter(w)
	w.WriteString(`{"$schema":"` + sarifSchema + `","version":"2.1.0","runs":[{"tool":`)
	if err := e.write(sarifTool{driver}); err != nil {
		return err
	}
	w.WriteString(`,"columnKind":"utf16CodeUnits","newlineSequences":["\r\n","\n","\r"]`)
	w.WriteString(`,"originalUriBaseIds":{"` + sarifRoot + `":{"description":{"text":"The folder that treaty ran in."}}}`)
	w.WriteString(`,"results":[`)
	columns, seen := utf16Columns{}, map[uint64]int{}
	for i := range r.Diagnostics {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteByte('\n')
		d := &r.Diagnostics[i]
		if err := e.write(columns.result(d, index[d.Rule], fingerprint(d, seen))); err != nil {
			return err
		}
	}
	w.WriteString("\n]}]}\n")
	return nil
}

func sarifRuleOf(id string, rules func(string) (RuleInfo, bool)) sarifRule {
	rule := sarifRule{ID: id}
	if rules == nil {
		return rule
	}
	info, ok := rules(id)
	if !ok {
		return rule
	}
	if info.Title != "" {
		rule.ShortDescription = &sarifMessage{info.Title}
	}
	if info.Reason != "" {
		rule.FullDescription = &sarifMessage{info.Reason}
		rule.Help = rule.FullDescription
	}
	rule.HelpURI = info.HelpURI
	if info.Severity != 0 {
		rule.Default = &sarifDefault{sarifLevel(info.Severity)}
	}
	return rule
}

func (c utf16Columns) result(d *Diagnostic, ruleIndex int, fingerprint string) sarifResult {
	result := sarifResult{
		RuleID:       d.Rule,
		RuleIndex:    ruleIndex,
		Level:        sarifLevel(d.Severity),
		Message:      sarifText(messageWithNotes(d)),
		Fingerprints: map[string]string{sarifFingerprint: fingerprint},
	}
	if d.Span.File != nil {
		at := sarifLocation{Physical: c.physical(d.Span)}
		if d.Pointer != "" {
			at.Logical = []sarifLogical{{d.Pointer}}
		}
		result.Locations = []sarifLocation{at}
	}
	for i, related := range d.Related {
		message := sarifText(related.Message)
		at := sarifLocation{ID: &i, Message: &message}
		if related.Span.File != nil {
			at.Physical = c.physical(related.Span)
		}
		result.RelatedLocations = append(result.RelatedLocations, at)
	}
	if d.Fix != nil {
		if changes := c.changes(d.Fix.Edits); len(changes) > 0 {
			result.Fixes = []sarifFix{{sarifText(d.Fix.Title), changes}}
		}
	}
	return result
}

// changes groups edits by file, in the order of each file's first edit.
func (c utf16Columns) changes(edits []Edit) []sarifChange {
	var changes []sarifChange
	at := map[*File]int{}
	for _, e := range edits {
		if e.Span.File == nil {
			continue
		}
		i, ok := at[e.Span.File]
		if !ok {
			i = len(changes)
			at[e.Span.File] = i
			changes = append(changes, sarifChange{Artifact: sarifArtifactOf(e.Span.File)})
		}
		replacement := sarifReplacement{Deleted: c.region(e.Span)}
		if e.NewText != "" {
			replacement.Inserted = &sarifMessage{e.NewText}
		}
		changes[i].Replacements = append(changes[i].Replacements, replacement)
	}
	return changes
}

// sarifText is a message whose brackets are not taken for a link (section
// 3.11.6), since what stands in them may come from a document.
func sarifText(s string) sarifMessage {
	return sarifMessage{strings.ReplaceAll(s, "](", "] (")}
}

func sarifLevel(s Severity) string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return "note"
}

func (c utf16Columns) physical(s Span) *sarifPhysical {
	return &sarifPhysical{sarifArtifactOf(s.File), c.region(s)}
}

func (c utf16Columns) region(s Span) sarifRegion {
	from, to := s.Position(), s.EndPosition()
	return sarifRegion{
		StartLine: from.Line, StartColumn: c.column(s.File, s.Start, from),
		EndLine: to.Line, EndColumn: c.column(s.File, s.End, to),
	}
}

// utf16Step is the distance in bytes of the places that utf16Columns notes.
const utf16Step = 4096

// utf16Columns counts columns in UTF-16 code units. For files with long lines
// it notes the count at every utf16Step bytes, so that a file of one line with
// many findings is not counted through for each of them.
type utf16Columns map[*File][]int

// column is the column of an offset whose position is known. A byte order mark
// is not counted (section 3.30.2).
func (c utf16Columns) column(f *File, offset int, at Position) int {
	offset = min(max(offset, 0), len(f.Text))
	start := offset - (at.Column - 1)
	if start == 0 && strings.HasPrefix(f.Text[:offset], byteOrderMark) {
		start = len(byteOrderMark)
	}
	if offset-start <= utf16Step {
		return utf16Units(f.Text[start:offset]) + 1
	}
	return c.before(f, offset) - c.before(f, start) + 1
}

// before counts the units of the file up to an offset.
func (c utf16Columns) before(f *File, offset int) int {
	marks := c[f]
	if marks == nil {
		marks = make([]int, len(f.Text)/utf16Step+1)
		for i := 1; i < len(marks); i++ {
			marks[i] = marks[i-1] + utf16Units(f.Text[(i-1)*utf16Step:i*utf16Step])
		}
		c[f] = marks
	}
	i := offset / utf16Step
	return marks[i] + utf16Units(f.Text[i*utf16Step:offset])
}

// utf16Units counts what a stretch of UTF-8 takes in UTF-16, each character at
// its first byte, so that counts of neighbouring stretches add up wherever
// they are cut.
func utf16Units(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i]&0xc0 != 0x80 {
			n++
		}
		if s[i] >= 0xf0 {
			n++
		}
	}
	return n
}

// sarifArtifactOf names a file: a relative name below sarifRoot, an absolute
// one as a file URI, a URL as it is.
func sarifArtifactOf(f *File) sarifArtifact {
	name := f.Name
	scheme, _, isURL := strings.Cut(name, "://")
	switch {
	case isURL && (scheme == "http" || scheme == "https" || scheme == "file"):
		return sarifArtifact{URI: percentEncode(name, ":/?#[]@%")}
	case strings.HasPrefix(name, "/"):
		return sarifArtifact{URI: "file://" + percentEncode(name, "/")}
	}
	return sarifArtifact{URI: percentEncode(name, "/"), URIBaseID: sarifRoot}
}

// percentEncode keeps letters, digits, what RFC 3986 leaves unreserved or lets
// stand in a path segment, and the bytes of also.
func percentEncode(s, also string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < utf8.RuneSelf && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~!$&'()*+,;=", c) >= 0 || strings.IndexByte(also, c) >= 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// fingerprint identifies a finding from run to run: by its rule, document and
// place in the tree, and the text found fault with, not by its line. Findings
// alike in all of these are told apart by their order.
func fingerprint(d *Diagnostic, seen map[uint64]int) string {
	const enough = 256 // bytes of the text
	h := fnv.New64a()
	text := d.Span.Text()
	for _, part := range []string{d.Rule, fileName(d), d.Pointer, text[:min(len(text), enough)]} {
		io.WriteString(h, part)
		h.Write([]byte{0})
	}
	sum := h.Sum64()
	seen[sum]++
	return fmt.Sprintf("%016x:%d", sum, seen[sum])
}

func messageWithNotes(d *Diagnostic) string {
	message := d.Message
	for _, n := range d.Notes {
		message += "\n" + n.Label + ": " + n.Text
	}
	return message
}
