package diag

import (
	"bufio"
	"strconv"
	"strings"
)

var (
	gitHubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	gitHubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// printGitHub writes workflow commands, which become annotations of a run on
// GitHub, and the count. Columns are given only within a line, since GitHub
// takes them for nothing else. An info is a notice.
func printGitHub(w *bufio.Writer, r *Report, o Options) error {
	for i := range r.Diagnostics {
		d := &r.Diagnostics[i]
		command := d.Severity.String()
		if d.Severity < Warning {
			command = "notice"
		}
		w.WriteString("::" + command + " ")
		if s := d.Span; s.File != nil {
			from, to := s.Position(), s.EndPosition()
			w.WriteString("file=" + gitHubProperty.Replace(Visible(s.File.Name)))
			w.WriteString(",line=" + strconv.Itoa(from.Line) + ",endLine=" + strconv.Itoa(to.Line))
			if from.Line == to.Line {
				w.WriteString(",col=" + strconv.Itoa(from.Column) + ",endColumn=" + strconv.Itoa(to.Column))
			}
			w.WriteByte(',')
		}
		w.WriteString("title=" + gitHubProperty.Replace(Visible(d.Rule)) + "::")
		message := Visible(d.Message)
		for _, n := range d.Notes {
			message += "\n" + Visible(n.Label) + ": " + visibleLines(n.Text)
		}
		if d.Fix != nil {
			message += "\nhelp: " + Visible(d.Fix.Title)
		}
		w.WriteString(gitHubData.Replace(message) + "\n")
	}
	if !o.Quiet {
		if r.Total != "" {
			w.WriteString(Visible(r.Total) + "\n")
			return nil
		}
		w.WriteString(count(r.Diagnostics).sentence(r.Documents) + "\n")
	}
	return nil
}

// visibleLines is Visible of every line.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}
