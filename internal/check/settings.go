package check

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Settings say what a user has decided about findings: in treaty.yaml, and in
// the document through x-treaty-ignore. The zero value decides nothing.
type Settings struct {
	// Severity by rule id; Off turns a rule off.
	Severity map[string]diag.Severity
	Off      map[string]bool
	Ignores  []*Ignore
	// Partial says that only a part of the documents is looked at, so that an
	// ignore which matches nothing may well be needed by the others.
	Partial bool
}

// Ignore is a decision to live with findings of a rule at a place.
type Ignore struct {
	Rule    string
	File    string // a glob, see matchFile; "" means every file
	Pointer string // a JSON Pointer; findings at or below it; "" means everywhere
	Reason  string
	Until   time.Time // the last day it holds; zero means for good
	// Rel turns a file's name as shown into the one that File is a glob for;
	// nil leaves it.
	Rel func(shown string) string
	// Span is where the decision was written. Node is what x-treaty-ignore
	// stands on, nil for treaty.yaml.
	Span diag.Span
	Node *syntax.Node

	used bool
}

func (s Settings) off(rule string) bool { return s.Off[rule] }

// Ignore drops what the settings ignore from the findings of all documents of
// a run, and adds findings about the ignores themselves.
func (s Settings) Ignore(found []diag.Diagnostic, now time.Time) []diag.Diagnostic {
	ignores := make([]*Ignore, len(s.Ignores))
	for i, one := range s.Ignores {
		c := *one
		ignores[i] = &c
	}
	return s.apply(found, ignores, now)
}

// apply drops what is off or ignored and sets severities. A decision whose day
// has passed no longer holds and is itself a finding, and so is one for a rule
// that does not exist or that nothing matches.
func (s Settings) apply(found []diag.Diagnostic, ignores []*Ignore, now time.Time) []diag.Diagnostic {
	kept := found[:0]
	for _, d := range found {
		if s.off(d.Rule) || ignored(d, ignores, now) {
			continue
		}
		if sev, ok := s.Severity[d.Rule]; ok {
			d.Severity = sev
		}
		kept = append(kept, d)
	}
	for _, i := range ignores {
		if d := i.finding(now); d != nil && !s.off(d.Rule) && !(s.Partial && i.Node == nil && d.Rule == ignoreUnused.ID) {
			if sev, ok := s.Severity[d.Rule]; ok {
				d.Severity = sev
			}
			kept = append(kept, *d)
		}
	}
	return kept
}

func ignored(d diag.Diagnostic, ignores []*Ignore, now time.Time) bool {
	hit := false
	for _, i := range ignores {
		if i.matches(d) {
			i.used = true
			hit = hit || !i.expired(now)
		}
	}
	return hit
}

// expired reports whether the last day has passed.
func (i *Ignore) expired(now time.Time) bool {
	return !i.Until.IsZero() && now.After(i.Until.AddDate(0, 0, 1))
}

func (i *Ignore) matches(d diag.Diagnostic) bool {
	if i.Rule != d.Rule {
		return false
	}
	if i.Node != nil {
		from := i.Node.KeySpan()
		return d.Span.File == i.Node.File && (i.Node.Parent == nil || d.Span.Start >= from.Start && d.Span.End <= i.Node.End)
	}
	if i.File != "" && !i.inFile(d.Span.File) {
		return false
	}
	p := strings.TrimPrefix(i.Pointer, "#")
	return p == "" || d.Pointer == p || strings.HasPrefix(d.Pointer, p+"/")
}

func (i *Ignore) inFile(f *diag.File) bool {
	if f == nil {
		return false
	}
	name := f.Name
	if i.Rel != nil {
		name = i.Rel(name)
	}
	return matchFile(i.File, name)
}

func (i *Ignore) finding(now time.Time) *diag.Diagnostic {
	d := &diag.Diagnostic{Span: i.Span}
	if i.Node != nil {
		d.Pointer = i.Node.Pointer()
	}
	set := func(r *Rule, format string, args ...any) *diag.Diagnostic {
		d.Rule, d.Severity, d.Message = r.ID, r.Severity, fmt.Sprintf(format, args...)
		return d
	}
	switch {
	case Named(i.Rule) == nil:
		ids := make([]string, 0, 128)
		for _, r := range Table() {
			ids = append(ids, r.ID)
		}
		hint := "treaty rules lists them"
		if near, ok := diag.Nearest(i.Rule, ids); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return set(ignoreUnknown, "there is no rule %q to ignore; %s", i.Rule, hint)
	case i.expired(now):
		return set(ignoreExpired, "ignoring %s was agreed until %s, which has passed; mend what it hides, or agree on a new day", i.Rule, i.Until.Format(time.DateOnly))
	case !i.used && Named(i.Rule).Family == Compatibility:
		return nil // a change that is agreed to is there as long as somebody compares with what was before it
	case !i.used:
		return set(ignoreUnused, "nothing is found here for %s to ignore; remove the entry", i.Rule)
	}
	return nil
}

// ignoresWritten collects x-treaty-ignore from every object of the document.
func ignoresWritten(doc *document.Document) []*Ignore {
	var out []*Ignore
	for _, v := range doc.Visits() {
		list := v.Node.Get(document.ExtIgnore)
		if !list.Is(syntax.Sequence) {
			continue
		}
		for _, item := range list.Items {
			i := &Ignore{Span: item.Span(), Node: v.Node}
			switch item.Kind {
			case syntax.String:
				i.Rule = item.Value
			case syntax.Mapping:
				i.Rule, i.Reason = item.Get("rule").Str(), item.Get("reason").Str()
				i.Until, _ = time.Parse(time.DateOnly, item.Get("until").Str())
			}
			if i.Rule != "" {
				out = append(out, i)
			}
		}
	}
	return out
}

// matchFile matches a file's name against a glob in which ** stands for any
// number of folders. A pattern without a slash matches the name alone.
func matchFile(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, err := doublestar.Match(pattern, name)
	return ok && err == nil
}
