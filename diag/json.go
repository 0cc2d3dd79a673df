package diag

import (
	"bufio"
	"bytes"
	"encoding/json"
)

// The JSON that scripts rely on: fields may be added, never changed.
type (
	jsonFinding struct {
		Rule     string `json:"rule"`
		Severity string `json:"severity"`
		Message  string `json:"message"`
		jsonRange
		Pointer string        `json:"pointer"`
		Related []jsonRelated `json:"related"`
		Fix     *jsonFix      `json:"fix,omitempty"`
		Notes   []jsonNote    `json:"notes,omitempty"`
	}
	jsonNote struct {
		Label string `json:"label"`
		Text  string `json:"text"`
	}
	jsonRange struct {
		File      string `json:"file"`
		Line      int    `json:"line"`
		Column    int    `json:"column"`
		EndLine   int    `json:"endLine"`
		EndColumn int    `json:"endColumn"`
	}
	jsonRelated struct {
		Message string `json:"message"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
	}
	jsonFix struct {
		Title string     `json:"title"`
		Edits []jsonEdit `json:"edits"`
	}
	jsonEdit struct {
		jsonRange
		NewText string `json:"newText"`
	}
	jsonSummary struct {
		Errors   int `json:"errors"`
		Warnings int `json:"warnings"`
		Infos    int `json:"infos"`
	}
)

// printJSON writes one object, a line for each finding. A finding with no
// place has the file "" and the line 0.
func printJSON(w *bufio.Writer, r *Report, _ Options) error {
	e := newValueWriter(w)
	w.WriteString(`{"diagnostics":[`)
	for i := range r.Diagnostics {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteByte('\n')
		if err := e.write(jsonOf(&r.Diagnostics[i])); err != nil {
			return err
		}
	}
	if len(r.Diagnostics) > 0 {
		w.WriteByte('\n')
	}
	w.WriteString(`],"summary":`)
	c := count(r.Diagnostics)
	if err := e.write(jsonSummary{c.errors, c.warnings, c.infos}); err != nil {
		return err
	}
	w.WriteString(`,"documents":`)
	if err := e.write(r.Documents); err != nil {
		return err
	}
	w.WriteString("}\n")
	return nil
}

func jsonOf(d *Diagnostic) jsonFinding {
	f := jsonFinding{
		Rule:      d.Rule,
		Severity:  d.Severity.String(),
		Message:   d.Message,
		jsonRange: jsonRangeOf(d.Span),
		Pointer:   d.Pointer,
		Related:   make([]jsonRelated, len(d.Related)),
	}
	for i, r := range d.Related {
		at := jsonRangeOf(r.Span)
		f.Related[i] = jsonRelated{r.Message, at.File, at.Line, at.Column}
	}
	for _, n := range d.Notes {
		f.Notes = append(f.Notes, jsonNote(n))
	}
	if d.Fix != nil {
		f.Fix = &jsonFix{Title: d.Fix.Title, Edits: make([]jsonEdit, len(d.Fix.Edits))}
		for i, e := range d.Fix.Edits {
			f.Fix.Edits[i] = jsonEdit{jsonRangeOf(e.Span), e.NewText}
		}
	}
	return f
}

func jsonRangeOf(s Span) jsonRange {
	if s.File == nil {
		return jsonRange{}
	}
	from, to := s.Position(), s.EndPosition()
	return jsonRange{s.File.Name, from.Line, from.Column, to.Line, to.Column}
}

// valueWriter writes one JSON value after another without a line end, and
// without the escapes that only HTML needs. Bytes that are no UTF-8 become
// U+FFFD.
type valueWriter struct {
	w       *bufio.Writer
	buf     bytes.Buffer
	encoder *json.Encoder
}

func newValueWriter(w *bufio.Writer) *valueWriter {
	v := &valueWriter{w: w}
	v.encoder = json.NewEncoder(&v.buf)
	v.encoder.SetEscapeHTML(false)
	return v
}

func (v *valueWriter) write(value any) error {
	v.buf.Reset()
	if err := v.encoder.Encode(value); err != nil {
		return err
	}
	_, err := v.w.Write(bytes.TrimRight(v.buf.Bytes(), "\n"))
	return err
}
