package site

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/check"
)

// The versions of a service are those that were released, the oldest first, and
// behind them the document as it is now.

// now is what the document as it is now is called among the versions.
const now = "now"

const feedPath = "changes.atom"

func (s *Service) hasPast() bool { return len(s.Source.Versions) > 0 }

// HasPast is whether any version is known.
func (s *Site) HasPast() bool { return s.hasPast() }

// PastPage is the page of the versions of a service.
func (s *Service) PastPage() string { return s.pastPage() }

func (s *Site) hasPast() bool { return slices.ContainsFunc(s.Services, (*Service).hasPast) }

func (s *Service) pastPage() string { return "history/" + s.ID + "/index.html" }

// Same reports whether a version is the very text of another document. One of
// several files may differ in another file.
func (v *Version) Same(c *contract.Contract) bool {
	x, y := v.Contract.Span().File, c.Span().File
	return x != nil && y != nil && x.Text == y.Text && len(v.Contract.Document().Files()) == 1 && len(c.Document().Files()) == 1
}

// versions are the versions with the document as it is now, where that is another.
func (s *Service) versions() []*Version {
	all := slices.Clone(s.Source.Versions)
	if n := len(all); n > 0 && s.Contract != nil && !all[n-1].Same(s.Contract) {
		all = append(all, &Version{Name: now, Contract: s.Contract, Findings: s.Source.Findings})
	}
	return all
}

func (s *Service) pairPage(old, new *Version) string {
	x := ids{}
	name := map[string]string{} // tags that differ in a sign alone have different pages
	for _, v := range s.versions() {
		name[v.Name] = x.of(v.Name, v.Commit)
	}
	return "history/" + s.ID + "/" + name[old.Name] + ".." + name[new.Name] + ".html"
}

// Comparison is what changed from one version to another.
type Comparison struct {
	Service  *Service
	Old, New *Version
	Verdict  string // compatible, unknown or breaking
	Bump     string // how much the version has to rise
	Counts   [4]int // by weight
	Chapters []Chapter
	Changes  []*check.Change
	Pages    []listPage
	Page     string
}

// Breaking, Risky and so on are how many changes there are of a weight.
func (c *Comparison) Breaking() int   { return c.Counts[check.Breaking] }
func (c *Comparison) Undecided() int  { return c.Counts[check.Unknown] }
func (c *Comparison) Risky() int      { return c.Counts[check.Risky] }
func (c *Comparison) Compatible() int { return c.Counts[check.Compatible] }

// Summary is the counts in words.
func (c *Comparison) Summary() string {
	var parts []string
	for _, one := range []struct {
		n    int
		word string
	}{{c.Breaking(), "breaking"}, {c.Undecided(), "undecided"}, {c.Risky(), "risky"}, {c.Compatible(), "compatible"}} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.n, one.word))
		}
	}
	if parts == nil {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

// Chapter is the changes of one event type, or of what is about none.
type Chapter struct {
	Title   string
	Page    string // of the event type, where there is one still
	Changes []Change
}

// Change is a change for the page.
type Change struct{ *check.Change }

// Weight is how much it matters, in a word.
func (c Change) Weight() string { return c.Change.Weight.String() }

// Breaks is that somebody has to do something about it.
func (c Change) Breaks() bool { return c.Change.Weight >= check.Risky }

// Witness is the event that proves it, over several lines.
func (c Change) Witness() string {
	if c.Change.Witness == nil {
		return ""
	}
	return clip(pretty(c.Change.Witness), 4000)
}

// WitnessHTML is the event with its parts marked.
func (c Change) WitnessHTML() template.HTML { return highlighted(c.Witness()) }

// LawWords says over which data it was judged.
func (c Change) LawWords() string {
	switch c.Law {
	case check.Live:
		return "between services that run at the same time"
	case check.Replay:
		return "for events that are kept and read again"
	}
	return ""
}

// compare compares two versions, once.
func (s *Site) compare(x *Service, old, new *Version) *Comparison {
	key := [2]*contract.Contract{old.Contract, new.Contract}
	x.comparing.Lock()
	defer x.comparing.Unlock()
	if c := x.compared[key]; c != nil {
		return c
	}
	o := check.Comparing{OldFaults: old.Findings, NewFaults: new.Findings}
	for _, other := range s.Services {
		if other != x && other.Contract != nil && len(other.Receives()) > 0 {
			o.Consumers = append(o.Consumers, check.Consumer{Name: other.Name, Contract: other.Contract})
		}
	}
	changes := check.Compare(old.Contract, new.Contract, o)
	changes = check.CheckVersion(old.Contract, new.Contract, changes, check.Settings{})
	c := &Comparison{Service: x, Old: old, New: new, Verdict: check.Verdict(changes), Bump: check.BumpFor(changes).String(), Changes: changes, Page: x.pairPage(old, new)}
	index := map[string]int{}
	for _, change := range changes {
		c.Counts[change.Weight]++
		title := firstOf(change.Event, change.Channel)
		i, ok := index[title]
		if !ok {
			i = len(c.Chapters)
			index[title] = i
			chapter := Chapter{Title: firstOf(title, "The document")}
			if j := slices.IndexFunc(s.Events, func(e *Event) bool { return e.Type == change.Event }); j >= 0 {
				chapter.Page = s.Events[j].page()
			}
			c.Chapters = append(c.Chapters, chapter)
		}
		c.Chapters[i].Changes = append(c.Chapters[i].Changes, Change{change})
	}
	worst := func(c Chapter) int {
		w := 0
		for _, change := range c.Changes {
			w = max(w, int(change.Change.Weight))
		}
		return w
	}
	slices.SortStableFunc(c.Chapters, func(a, b Chapter) int { return cmp.Or(worst(b)-worst(a), strings.Compare(a.Title, b.Title)) })
	for _, chapter := range c.Chapters {
		slices.SortStableFunc(chapter.Changes, func(a, b Change) int { return int(b.Change.Weight) - int(a.Change.Weight) })
	}
	if x.compared == nil {
		x.compared = map[[2]*contract.Contract]*Comparison{}
	}
	x.compared[key] = c
	return c
}

// Release is a version with what it changed.
type Release struct {
	*Comparison
	First bool // there is none before it
	Time  time.Time
}

// Name is what the release is called.
func (r *Release) Name() string {
	if r.New.Name == now {
		return "unreleased"
	}
	return r.New.Name
}

// maxReleases bounds the page of changes and the feed.
const maxReleases = 60

// releases are the versions of all services, the newest first, those that changed
// nothing left out.
func (s *Site) releases() []*Release {
	s.past.Do(func() {
		for _, x := range s.Services {
			all := x.versions()
			if len(x.Source.Versions) == 0 {
				continue
			}
			for i := 1; i < len(all); i++ {
				if c := s.compare(x, all[i-1], all[i]); len(c.Changes) > 0 {
					s.released = append(s.released, &Release{Comparison: c, Time: all[i].Time})
				}
			}
			s.released = append(s.released, &Release{Comparison: &Comparison{Service: x, New: all[0], Verdict: "compatible"}, First: true, Time: all[0].Time})
		}
		slices.SortStableFunc(s.released, func(a, b *Release) int {
			x, y := a.Time, b.Time
			switch {
			case x.IsZero() && y.IsZero():
				return strings.Compare(a.Service.Name, b.Service.Name)
			case x.IsZero():
				return -1
			case y.IsZero():
				return 1
			}
			return y.Compare(x)
		})
		if len(s.released) > maxReleases {
			s.released = s.released[:maxReleases]
		}
	})
	return s.released
}

// pastPage is the versions of a service, and any two of them.
type past struct {
	*Service
	Versions []*Version // the newest first
	Rows     []pastRow
}

type pastRow struct {
	Old   *Version
	Cells []pastCell // with each newer version, the newest first
}

type pastCell struct {
	Page, Verdict, Label string
	Blank                bool
}

// maxVerdicts is how many versions a table of verdicts has; comparing all pairs of
// more takes too long for a page.
const maxVerdicts = 9

func (s *Site) pastOf(x *Service) *past {
	all := x.versions()
	p := &past{Service: x}
	for i := len(all) - 1; i >= 0; i-- {
		p.Versions = append(p.Versions, all[i])
	}
	for i := len(all) - 2; i >= 0; i-- {
		row := pastRow{Old: all[i]}
		for j := len(all) - 1; j > 0; j-- {
			if j <= i {
				row.Cells = append(row.Cells, pastCell{Blank: true})
				continue
			}
			cell := pastCell{Page: x.pairPage(all[i], all[j]), Label: all[i].Name + " to " + all[j].Name}
			if len(all) <= maxVerdicts || j == i+1 {
				cell.Verdict = s.compare(x, all[i], all[j]).Verdict
				if len(s.compare(x, all[i], all[j]).Changes) == 0 {
					cell.Verdict = "same"
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// planPast plans the pages of versions.
func (s *Site) planPast() {
	s.add(&page{path: "changes.html", kind: "changes", title: "Changes", nav: "changes", data: func(v *view) any { return v.releases() }, twin: changesTwin})
	for _, x := range s.Services {
		if !x.hasPast() {
			continue
		}
		s.add(&page{path: x.pastPage(), kind: "past", title: "Versions of " + x.Name, nav: "changes", data: func(v *view) any { return v.pastOf(x) }, twin: pastTwin})
		all := x.versions()
		for i, old := range all {
			for _, new := range all[i+1:] {
				s.add(&page{path: x.pairPage(old, new), kind: "compare", title: x.Name + ": " + old.Name + " to " + new.Name, nav: "changes",
					data: func(v *view) any { return v.compare(x, old, new) }, twin: compareTwin})
			}
		}
	}
}

// feed is the changes as a feed (RFC 4287). Its links are relative, as all are.
func (s *Site) feed() []byte {
	type link struct {
		Rel  string `xml:"rel,attr,omitempty"`
		Href string `xml:"href,attr"`
	}
	type content struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
	type author struct {
		Name string `xml:"name"`
	}
	type entry struct {
		Title   string  `xml:"title"`
		ID      string  `xml:"id"`
		Updated string  `xml:"updated"`
		Author  author  `xml:"author"`
		Link    link    `xml:"link"`
		Content content `xml:"content"`
	}
	type feed struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Title   string   `xml:"title"`
		ID      string   `xml:"id"`
		Updated string   `xml:"updated"`
		Links   []link   `xml:"link"`
		Entries []entry  `xml:"entry"`
	}
	f := feed{Title: s.Options.Title + ": changes", ID: "urn:treaty:changes:" + ids{}.of(s.Options.Title, ""), Links: []link{{"self", feedPath}, {"alternate", "changes.html"}}}
	for _, r := range s.releases() {
		if r.Time.IsZero() {
			continue // it is no release yet
		}
		e := entry{Title: r.Service.Name + " " + r.New.Name, ID: "urn:treaty:release:" + r.Service.ID + ":" + r.New.Commit, Updated: r.Time.UTC().Format(time.RFC3339), Author: author{firstOf(r.Service.Owner.Name, r.Service.Name)}}
		if r.First {
			e.Title += ": first release"
			e.Link.Href, e.Content = r.Service.pastPage(), content{"text", "The first release."}
		} else {
			e.Title += ": " + r.Verdict
			e.Link.Href = r.Comparison.Page
			var b strings.Builder
			fmt.Fprintf(&b, "%s.\n", r.Summary())
			for _, c := range r.Changes {
				fmt.Fprintf(&b, "%s: %s\n", c.Weight, c.Message)
			}
			e.Content = content{"text", clip(b.String(), 8000)}
		}
		if f.Updated == "" {
			f.Updated = e.Updated
		}
		f.Entries = append(f.Entries, e)
	}
	if f.Updated == "" {
		f.Updated = time.Unix(0, 0).UTC().Format(time.RFC3339)
	}
	b, err := xml.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil
	}
	return append([]byte(xml.Header), append(b, '\n')...)
}
