package check

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

// Bump is how much info.version has to rise for changes.
type Bump uint8

// The bumps, as Semantic Versioning has them.
const (
	NoBump Bump = iota
	Patch
	Minor
	Major
)

func (b Bump) String() string { return [...]string{"none", "patch", "minor", "major"}[b] }

// Verdict is what changes amount to: breaking, unknown or compatible. Accepted
// ones do not count.
func Verdict(changes []*Change) string {
	verdict := Compatible
	for _, c := range changes {
		if c.Accepted == nil && c.Weight >= Unknown {
			verdict = max(verdict, c.Weight)
		}
	}
	return verdict.String()
}

// BumpFor is the version that changes demand, accepted ones too: whoever takes
// the new version has to know.
func BumpFor(changes []*Change) Bump {
	bump := NoBump
	for _, c := range changes {
		switch {
		case c.Quiet || c.Rule == versionBump.ID:
		case c.Weight >= Unknown:
			return Major
		case c.Weight == Compatible && c.Compared && len(c.Spots) == 0:
			bump = max(bump, Patch)
		default:
			bump = max(bump, Minor)
		}
	}
	return bump
}

// CheckVersion adds a change where info.version did not rise as the others
// demand. Versions that are not Semantic Versioning are left alone.
func CheckVersion(old, new *contract.Contract, changes []*Change, s Settings) []*Change {
	if old == nil || new == nil || s.off(versionBump.ID) {
		return changes
	}
	was, ok := semantic(old.Version)
	is, also := semantic(new.Version)
	demanded := BumpFor(changes)
	if !ok || !also || demanded == NoBump {
		return changes
	}
	if demanded == Major && was[0] == 0 {
		demanded = Minor // anything may change while the major is 0
	}
	least := was
	switch demanded {
	case Major:
		least = [3]int{was[0] + 1, 0, 0}
	case Minor:
		least = [3]int{was[0], was[1] + 1, 0}
	case Patch:
		least[2]++
	}
	for i := range is {
		if is[i] != least[i] {
			if is[i] > least[i] {
				return changes
			}
			break
		}
		if i == 2 {
			return changes
		}
	}
	x := &comparer{old: old, new: new, rule: versionBump}
	c := x.report("w P", subject{}, old.Node().At("info", "version"), new.Node().At("info", "version"),
		"info.version is %s, was %s, and the changes demand a new %s version: %d.%d.%d", new.Version, old.Version, demanded, least[0], least[1], least[2])
	if set, has := s.Severity[versionBump.ID]; has {
		c.Weight = map[diag.Severity]Weight{diag.Error: Breaking, diag.Warning: Risky, diag.Info: Compatible}[set]
	}
	return append(changes, c)
}

// semantic reads MAJOR.MINOR.PATCH, what follows a hyphen or plus aside.
func semantic(v string) (n [3]int, ok bool) {
	v, _, _ = strings.Cut(v, "+")
	v, _, _ = strings.Cut(v, "-")
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return n, false
	}
	for i, p := range parts {
		x, err := strconv.Atoi(p)
		if err != nil || x < 0 {
			return n, false
		}
		n[i] = x
	}
	return n, true
}

// Accept marks the changes that somebody agreed to, by rule and place, and
// returns findings about decisions that are used up or that match nothing.
func (s Settings) Accept(changes []*Change, o Options) []diag.Diagnostic {
	var about []diag.Diagnostic
	for _, decision := range s.Ignores {
		i := *decision
		r := Named(i.Rule)
		if r == nil || r.Family != Compatibility {
			continue // check tells
		}
		for _, c := range changes {
			at := diag.Diagnostic{Rule: c.Rule, Span: c.New, Pointer: c.Pointer}
			if !i.matches(at) {
				continue
			}
			i.used = true
			if !i.expired(o.Now) {
				c.Accepted = decision
			}
		}
		if d := i.finding(o.Now); d != nil && !s.off(d.Rule) {
			if set, ok := s.Severity[d.Rule]; ok {
				d.Severity = set
			}
			about = append(about, *d)
		}
	}
	return about
}

// Affected says whom a change concerns, in words.
func (c *Change) Affected() string {
	switch {
	case len(c.Consumers) > 0:
		return strings.Join(c.Consumers, ", ")
	case len(c.Who) == 3 || len(c.Who) == 0:
		return "everybody"
	}
	names := make([]string, len(c.Who))
	for i, w := range c.Who {
		names[i] = w + "s"
		if w == "consumer" {
			names[i] = "any consumer"
		}
	}
	return strings.Join(names, " and ")
}

// Diagnostic is the change as a finding: at the new place, with the old one
// related, and the event that proves it.
func (c *Change) Diagnostic() diag.Diagnostic {
	d := diag.Diagnostic{Rule: c.Rule, Severity: c.Weight.Severity(), Word: c.Weight.String(), Message: c.Message, Span: c.New, Pointer: c.Pointer}
	if c.Weight >= Risky {
		d.Message += "; affects " + c.Affected()
	}
	if c.Accepted != nil {
		d.Severity, d.Word = diag.Info, "accepted"
	}
	if c.Old.File != nil && c.Old.File != c.New.File {
		d.Related = append(d.Related, diag.Related{Span: c.Old, Message: "what it was"})
	}
	note := func(label, text string) { d.Notes = append(d.Notes, diag.Note{Label: label, Text: text}) }
	if len(c.Spots) > 1 || len(c.Spots) == 1 && c.Weight >= Unknown {
		lines := make([]string, 0, len(c.Spots))
		for _, s := range c.Spots {
			lines = append(lines, s.String())
		}
		note("changed", strings.Join(lines, "\n"))
	}
	if c.Witness != nil {
		note("event", marked(c.Witness, c.WitnessAt))
	}
	if c.Reason != "" {
		label := "refused"
		if c.Witness == nil {
			label = "reason"
		}
		note(label, c.Reason)
	}
	if c.Accepted != nil {
		reason := c.Accepted.Reason
		if !c.Accepted.Until.IsZero() {
			reason += " (until " + c.Accepted.Until.Format("2006-01-02") + ")"
		}
		note("accepted", or2(reason, "in treaty.yaml"))
	} else if c.Weight >= Risky {
		for _, a := range c.Advice {
			note("help", a)
		}
	}
	return d
}

// marked writes an event over several lines, with marks under the member at a
// JSON Pointer.
func marked(event []byte, at string) string {
	var value any
	d := json.NewDecoder(strings.NewReader(string(event)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return string(event)
	}
	w := &marker{d: json.NewDecoder(strings.NewReader(string(event))), at: at}
	w.d.UseNumber()
	w.value("", "", "")
	return strings.Join(w.lines, "\n")
}

// marker writes JSON line by line, in the order in which it stands.
type marker struct {
	d     *json.Decoder
	at    string
	lines []string
}

func (w *marker) value(indent, label, pointer string) {
	token, err := w.d.Token()
	if err != nil {
		return
	}
	from := len(w.lines)
	switch token {
	case json.Delim('{'), json.Delim('['):
		list := token == json.Delim('[')
		first := len(w.lines)
		w.lines = append(w.lines, indent+label+fmt.Sprint(token))
		for i := 0; w.d.More(); i++ {
			name, inner := strconv.Itoa(i), ""
			if !list {
				key, _ := w.d.Token()
				name = key.(string)
				text, _ := json.Marshal(name)
				inner = string(text) + ": "
			}
			w.value(indent+"  ", inner, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
			if w.d.More() {
				w.comma()
			}
		}
		end, _ := w.d.Token()
		if len(w.lines) == first+1 {
			w.lines[first] += fmt.Sprint(end)
		} else {
			w.lines = append(w.lines, indent+fmt.Sprint(end))
		}
	default:
		text, _ := json.Marshal(token)
		w.lines = append(w.lines, indent+label+string(text))
	}
	if pointer == w.at && pointer != "" {
		// Under the first line of the value.
		line := w.lines[from]
		mark := strings.Repeat(" ", len(indent)) + strings.Repeat("^", max(1, len([]rune(line))-len(indent)))
		w.lines = append(w.lines[:from+1], append([]string{mark}, w.lines[from+1:]...)...)
	}
}

// comma ends the last line that is no mark.
func (w *marker) comma() {
	for i := len(w.lines) - 1; i >= 0; i-- {
		if !strings.HasPrefix(strings.TrimSpace(w.lines[i]), "^") {
			w.lines[i] += ","
			return
		}
	}
}
