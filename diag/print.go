package diag

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Report is what a run found. The zero value is a run over nothing.
type Report struct {
	Diagnostics []Diagnostic // as Sort leaves them
	Documents   int          // how many were looked at
	// Files names the documents that were looked at. It is optional: only
	// JUnit says which documents are clean.
	Files []string
	// Rules tells about a rule by its id; nil where nothing is known of any.
	Rules       func(id string) (RuleInfo, bool)
	ToolVersion string
	// Total is the last line of text, in the colour of Worst; "" for the count of
	// findings.
	Total string
	Worst Severity
}

// RuleInfo is what SARIF tells about a rule.
type RuleInfo struct {
	Title    string   // one line
	Reason   string   // why it matters and what to do
	HelpURI  string   // "" for none
	Severity Severity // as the rule table has it; a finding may differ
}

// Options are how a report is to be shown. The zero value is plain text of
// DefaultWidth.
type Options struct {
	Color bool // text: ANSI colours
	Width int  // text: columns of the terminal; 0 means DefaultWidth
	Quiet bool // text, github: nothing but a line for each finding
}

// DefaultWidth is the width of text where nobody knows the terminal's.
const DefaultWidth = 120

// Format is a way to print a report.
type Format struct {
	Name  string
	print func(w *bufio.Writer, r *Report, o Options) error
}

// Formats are the formats that Print knows, the one for people first.
var Formats = []Format{
	{"text", printText},
	{"json", printJSON},
	{"sarif", printSARIF},
	{"github", printGitHub},
	{"junit", printJUnit},
}

// Print writes a report in a format of Formats. An error is w's own, or names
// a format that does not exist. What a document says reaches the output only
// escaped: none of it can end a string, open a tag or make up a line, and what
// people read holds nothing that a terminal obeys.
func Print(w io.Writer, format string, r Report, o Options) error {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
		if f.Name != format {
			continue
		}
		b := bufio.NewWriterSize(w, 32<<10)
		if err := f.print(b, &r, o); err != nil {
			return err
		}
		return b.Flush()
	}
	if near, ok := Nearest(format, names); ok {
		return fmt.Errorf("format %q is not known; did you mean %q?", format, near)
	}
	return fmt.Errorf("format %q is not known; take one of %s", format, strings.Join(names, ", "))
}

// counts is how many findings there are of each severity.
type counts struct{ errors, warnings, infos int }

func count(ds []Diagnostic) (c counts) {
	for i := range ds {
		switch ds[i].Severity {
		case Error:
			c.errors++
		case Warning:
			c.warnings++
		default:
			c.infos++
		}
	}
	return c
}

// sentence is the count as a person reads it.
func (c counts) sentence(documents int) string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{c.errors, "error"}, {c.warnings, "warning"}, {c.infos, "info"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.noun))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no findings")
	}
	return strings.Join(parts, ", ") + " in " + plural(documents, "document")
}

func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
