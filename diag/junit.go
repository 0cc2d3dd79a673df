package diag

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// printJUnit writes a suite for each document and a test case for each
// finding. An error or a warning is a failure of that type; an info is a
// skipped case, which readers show without failing the build. A document
// without findings is one case that passes, so that no report is empty.
// Findings with no place are in a suite of their own, after the documents.
func printJUnit(w *bufio.Writer, r *Report, _ Options) error {
	all := count(r.Diagnostics)
	suites := suitesOf(r)
	passed := 0
	for _, s := range suites {
		if len(s.findings) == 0 {
			passed++
		}
	}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	fmt.Fprintf(w, "<testsuites name=\"treaty check\" %s>\n", all.junit(passed))
	var body bytes.Buffer
	for _, s := range suites {
		if len(s.findings) == 0 {
			fmt.Fprintf(w, "  <testsuite name=%s %s>\n", attribute(s.name), counts{}.junit(1))
			fmt.Fprintf(w, "    <testcase name=\"no findings\" classname=%s/>\n", attribute(s.name))
			w.WriteString("  </testsuite>\n")
			continue
		}
		fmt.Fprintf(w, "  <testsuite name=%s %s>\n", attribute(s.name), count(s.findings).junit(0))
		for i := range s.findings {
			d := &s.findings[i]
			name, place := d.Rule, ""
			if d.Span.File != nil {
				at := d.Span.Position()
				name += fmt.Sprintf(" %d:%d", at.Line, at.Column)
				place = fmt.Sprintf(" file=%s line=\"%d\"", attribute(d.Span.File.Name), at.Line)
			}
			fmt.Fprintf(w, "    <testcase name=%s classname=%s%s>\n", attribute(name), attribute(s.name), place)
			if d.Severity < Warning {
				fmt.Fprintf(w, "      <skipped message=%s/>\n", attribute(d.Message))
			} else {
				body.Reset()
				b := bufio.NewWriter(&body)
				newText(b, Options{}).finding(d)
				b.Flush()
				fmt.Fprintf(w, "      <failure type=\"%s\" message=%s>", d.Severity, attribute(d.Message))
				w.WriteString(xmlEscaper.Replace(body.String()))
				w.WriteString("</failure>\n")
			}
			w.WriteString("    </testcase>\n")
		}
		w.WriteString("  </testsuite>\n")
	}
	w.WriteString("</testsuites>\n")
	return nil
}

// suite is a document and its findings.
type suite struct {
	name     string
	findings []Diagnostic
}

// suitesOf groups findings, which are sorted by file, and adds the documents
// that have none.
func suitesOf(r *Report) []suite {
	var suites []suite
	at := map[string]int{}
	add := func(name string) int {
		i, ok := at[name]
		if !ok {
			i = len(suites)
			at[name] = i
			suites = append(suites, suite{name: name})
		}
		return i
	}
	for _, name := range r.Files {
		add(name)
	}
	const elsewhere = "(no document)"
	for _, d := range r.Diagnostics {
		name := elsewhere
		if d.Span.File != nil {
			name = d.Span.File.Name
		}
		i := add(name)
		suites[i].findings = append(suites[i].findings, d)
	}
	if len(suites) == 0 {
		suites = append(suites, suite{name: plural(r.Documents, "document")})
	}
	return suites
}

// junit is the counts as attributes of a suite.
func (c counts) junit(passed int) string {
	failures := c.errors + c.warnings
	return fmt.Sprintf(`tests="%d" failures="%d" errors="0" skipped="%d"`, failures+c.infos+passed, failures, c.infos)
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// attribute is s as a quoted attribute; what XML cannot hold is escaped the
// way that Visible does.
func attribute(s string) string {
	return `"` + xmlEscaper.Replace(Visible(s)) + `"`
}
