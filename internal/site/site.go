package site

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

//go:embed assets templates
var embedded embed.FS

// Policy is the Content-Security-Policy of every page: nothing is run, loaded or
// called that is not the catalogue's own.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"

// Options say how a catalogue is shown. The zero value is for files.
type Options struct {
	Title     string    // of the catalogue; "" for Event catalogue
	Generator string    // the program and its version
	Now       time.Time // decides what has gone away already; zero leaves it open
	// Served is that a server shows the pages, which then hear of changed documents.
	// Live adds the stream of events, and Publish the form that sends them.
	Served, Live, Publish bool
}

// Site is the pages of a catalogue. It makes a page when it is asked for, and is
// safe for concurrent use.
type Site struct {
	*Catalogue
	Options Options
	pages   []*page
	byPath  map[string]*page
	edition string // tells it from other sites that are served; "" for files
	search  sync.Once
	index   []byte

	headers  sync.Map // by headerKey: they are the same on many pages
	past     sync.Once
	released []*Release
}

// page is one page: an HTML file and, beside it, the Markdown that says the same.
type page struct {
	path  string // such as events/orders.paid.v1.html
	kind  string // its template
	title string
	nav   string                  // the part of the navigation that it belongs to
	data  func(*view) any         // what the template is given
	twin  func(*view, any) string // nil for pages without
}

// NewSite makes the pages of a catalogue.
func NewSite(c *Catalogue, o Options) *Site {
	if o.Title == "" {
		o.Title = "Event catalogue"
	}
	s := &Site{Catalogue: c, Options: o, byPath: map[string]*page{}}
	if o.Served {
		s.edition = fmt.Sprintf("%s-%d", strconv.FormatInt(time.Now().UnixMicro(), 36), editions.Add(1))
	}
	s.plan()
	return s
}

// editions counts those of this process; the time tells them from another's.
var editions atomic.Int64

// Edition tells the pages of a server which catalogue they are of.
func (s *Site) Edition() string { return s.edition }

func (s *Site) add(p *page) {
	s.pages = append(s.pages, p)
	s.byPath[p.path] = p
}

// twinOf is the path of the Markdown of a page.
func twinOf(p string) string { return strings.TrimSuffix(p, ".html") + ".md" }

// Paths are those of all files.
func (s *Site) Paths() []string {
	all := []string{"assets/site.css", "assets/site.js", "assets/theme.js", "assets/icon.svg", "search-index.js"}
	for _, p := range s.pages {
		all = append(all, p.path)
		if p.twin != nil {
			all = append(all, twinOf(p.path))
		}
	}
	if s.hasPast() {
		all = append(all, feedPath)
	}
	return all
}

// File makes the file of a path, which is one of Paths; for any other the error is
// fs.ErrNotExist.
func (s *Site) File(name string) ([]byte, error) {
	switch {
	case !fs.ValidPath(name):
	case strings.HasPrefix(name, "assets/"):
		return fs.ReadFile(embedded, name)
	case name == "search-index.js":
		s.search.Do(func() { s.index = s.searchIndex() })
		return s.index, nil
	case name == feedPath && s.hasPast():
		return s.feed(), nil
	}
	if p := s.byPath[name]; p != nil {
		var b bytes.Buffer
		_, err := s.render(p, &b, false)
		return b.Bytes(), err
	}
	if html := strings.TrimSuffix(name, ".md") + ".html"; strings.HasSuffix(name, ".md") {
		if p := s.byPath[html]; p != nil && p.twin != nil {
			twin, err := s.render(p, nil, true)
			return []byte(twin), err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ContentType is the media type of a file, by its name.
func ContentType(name string) string {
	switch path.Ext(name) {
	case ".md":
		return "text/markdown; charset=utf-8"
	case ".atom":
		return "application/atom+xml; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return firstOf(mime.TypeByExtension(path.Ext(name)), "application/octet-stream")
}

// view is a page about to be made.
type view struct {
	*Site
	Page  *page
	Root  string // the way to the top folder: "", ../ or ../../
	Kind  string
	Title string
	Nav   string
	D     any
}

func (s *Site) view(p *page) *view {
	return &view{Site: s, Page: p, Root: strings.Repeat("../", strings.Count(p.path, "/")), Kind: p.kind, Title: p.title, Nav: p.nav}
}

// To is the way from the page to another, by its path.
func (v *view) To(path string) string {
	if path == "" {
		return ""
	}
	return v.Root + path
}

// Twin is the way to the page's Markdown, "" where it has none.
func (v *view) Twin() string {
	if v.Page.twin == nil {
		return ""
	}
	return path.Base(twinOf(v.Page.path))
}

// Policy is the Content-Security-Policy.
func (v *view) Policy() string { return Policy }

// templates are parsed when the first page is made.
var templates = sync.OnceValue(func() map[string]*template.Template {
	base := template.New("layout.html").Funcs(template.FuncMap{
		"markdown": markdown, "inline": inline, "count": count, "json": highlighted, "first": firstOf, "date": date,
		"shorten": shortened, "summary": firstWords, "add": func(a, b int) int { return a + b },
		"pair": func(a, b any) [2]any { return [2]any{a, b} },
	})
	base = template.Must(base.ParseFS(embedded, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	entries, _ := fs.ReadDir(embedded, "templates")
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(embedded, "templates/"+e.Name()))
	}
	return all
})

// render makes a page, and its twin of the same data. html is nil where the page is
// not wanted.
func (s *Site) render(p *page, html *bytes.Buffer, asTwin bool) (twin string, err error) {
	defer func() {
		// Pages are made by several at once, where a panic would end the program.
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot make the page %s: %v; this is a bug in treaty, please report it", p.path, r)
		}
	}()
	v := s.view(p)
	v.D = p.data(v)
	if html != nil {
		if err := templates()[p.kind].ExecuteTemplate(html, "layout.html", v); err != nil {
			return "", fmt.Errorf("cannot make the page %s: %w", p.path, err)
		}
	}
	if asTwin && p.twin != nil {
		twin = p.twin(v, v.D)
	}
	return twin, nil
}

type headerKey struct {
	root, nav string
	home      bool
}

// Header is the top of the page.
func (v *view) Header() (template.HTML, error) {
	key := headerKey{v.Root, v.Nav, v.Kind == "home"}
	if h, ok := v.headers.Load(key); ok {
		return h.(template.HTML), nil
	}
	var b bytes.Buffer
	if err := templates()[v.Kind].ExecuteTemplate(&b, "header", v); err != nil {
		return "", err
	}
	h := template.HTML(b.String())
	v.headers.Store(key, h)
	return h, nil
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006")
}

// manifestName is the file that lists what an export is made of, so that the next
// one knows what is its own.
const manifestName = "treaty.catalogue.json"

type manifest struct {
	Files []string `json:"files"`
}

// Export writes all files below a folder, which it makes where it is not there, and
// takes away those of an earlier export that are no more. A file that no export
// has made is never touched: where one stands in the way, nothing is written. It
// returns how many were written.
func (s *Site) Export(dir string) (int, error) {
	paths := s.Paths()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return 0, fmt.Errorf("%s is a file; name a folder", dir)
	}
	var before manifest
	if text, err := os.ReadFile(at(manifestName)); err == nil {
		if err := json.Unmarshal(text, &before); err != nil {
			return 0, fmt.Errorf("%s is not what an export wrote; take it away, or name another folder", at(manifestName))
		}
	}
	own := map[string]bool{}
	for _, name := range before.Files {
		own[name] = true
	}
	keep := map[string]bool{}
	made := map[string]bool{}
	for _, p := range paths {
		keep[p] = true
		if !own[p] {
			if _, err := os.Lstat(at(p)); err == nil {
				return 0, fmt.Errorf("%s is there already, and no export has made it; name an empty folder", at(p))
			}
		}
	}
	for _, p := range paths {
		if d := path.Dir(p); !made[d] {
			made[d] = true
			if err := os.MkdirAll(at(d), 0o777); err != nil {
				return 0, err
			}
		}
	}
	text, err := json.MarshalIndent(manifest{append(slices.Clone(paths), before.Files...)}, "", " ")
	if err == nil {
		err = os.WriteFile(at(manifestName), append(text, '\n'), 0o666) // before the files: what is cut short is our own, too
	}
	if err != nil {
		return 0, err
	}
	write := func(name string, text []byte) error {
		return os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), text, 0o666)
	}
	var next atomic.Int64
	errs := make(chan error, 1)
	var work sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		work.Go(func() {
			var html bytes.Buffer // used again for each page
			for {
				i := int(next.Add(1)) - 1
				if i >= len(s.pages) {
					return
				}
				p := s.pages[i]
				html.Reset()
				twin, err := s.render(p, &html, true)
				if err == nil {
					err = write(p.path, html.Bytes())
				}
				if err == nil && p.twin != nil {
					err = write(twinOf(p.path), []byte(twin))
				}
				if err != nil {
					select {
					case errs <- err:
					default:
					}
					next.Store(int64(len(s.pages)))
					return
				}
			}
		})
	}
	work.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	for _, name := range paths {
		if path.Ext(name) == ".html" || path.Ext(name) == ".md" {
			continue
		}
		text, err := s.File(name)
		if err == nil {
			err = write(name, text)
		}
		if err != nil {
			return 0, err
		}
	}
	for _, name := range before.Files {
		if !keep[name] && filepath.IsLocal(filepath.FromSlash(name)) {
			if err := os.Remove(at(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
		}
	}
	if text, err = json.MarshalIndent(manifest{paths}, "", " "); err == nil {
		err = write(manifestName, append(text, '\n'))
	}
	return len(paths), err
}

// perPage is how many rows a list has on one page.
const perPage = 250

// plan decides which pages there are.
func (s *Site) plan() {
	s.add(&page{path: "index.html", kind: "home", title: s.Options.Title, nav: "home", data: homeData, twin: homeTwin})
	list(s, "events", "Event types", s.Events, func(e *Event) string { return e.Type })
	for _, e := range s.Events {
		s.add(&page{path: e.page(), kind: "event", title: e.Type, nav: "events",
			data: func(v *view) any { return v.event(e) }, twin: eventTwin})
	}
	list(s, "channels", "Channels", s.Channels, func(ch *Channel) string { return ch.Address })
	for _, ch := range s.Channels {
		s.add(&page{path: ch.page(), kind: "channel", title: ch.Address, nav: "channels",
			data: func(v *view) any { return v.channel(ch) }, twin: channelTwin})
	}
	list(s, "services", "Services", s.Services, func(x *Service) string { return x.Name })
	for _, x := range s.Services {
		s.add(&page{path: x.page(), kind: "service", title: x.Name, nav: "services",
			data: func(v *view) any { return v.service(x) }, twin: serviceTwin})
	}
	list(s, "servers", "Servers", s.Servers, func(x *Server) string { return x.Address })
	for _, x := range s.Servers {
		s.add(&page{path: x.page(), kind: "server", title: x.Address, nav: "servers",
			data: func(v *view) any { return v.server(x) }, twin: serverTwin})
	}
	s.add(&page{path: "map.html", kind: "map", title: "Map", nav: "map", data: func(v *view) any {
		if p := v.overview(v.To); p != nil {
			return p
		}
		return nil
	}, twin: mapTwin})
	s.add(&page{path: "deprecations.html", kind: "deprecations", title: "What goes away", nav: "changes", data: func(v *view) any { return v.deprecations() }, twin: deprecationsTwin})
	s.planPast()
	if s.Options.Live {
		s.add(&page{path: "live.html", kind: "live", title: "Live", nav: "live", data: func(v *view) any { return nil }})
	}
	s.add(&page{path: "404.html", kind: "missing", title: "Not found", data: func(v *view) any { return v.broken() }})
}

func (e *Event) page() string    { return "events/" + e.ID + ".html" }
func (ch *Channel) page() string { return "channels/" + ch.ID + ".html" }
func (s *Service) page() string  { return "services/" + s.ID + ".html" }
func (s *Server) page() string   { return "servers/" + s.ID + ".html" }

// Page is the path of the event type's page, and so on.
func (e *Event) Page() string    { return e.page() }
func (ch *Channel) Page() string { return ch.page() }
func (s *Service) Page() string  { return s.page() }
func (s *Server) Page() string   { return s.page() }

// listing is a page of a list.
type listing[T any] struct {
	Title       string
	All, Items  []T
	From        int // the number of the first
	Pages       []listPage
	First, Last string
}

type listPage struct {
	Path, Label string
	This        bool
}

// list plans the pages of a list.
func list[T any](s *Site, folder, title string, all []T, name func(T) string) {
	chunks := slices.Collect(slices.Chunk(all, perPage))
	if len(chunks) == 0 {
		chunks = [][]T{nil}
	}
	pathOf := func(i int) string {
		if i == 0 {
			return folder + "/index.html"
		}
		return fmt.Sprintf("%s/page-%d.html", folder, i+1)
	}
	for i, items := range chunks {
		s.add(&page{path: pathOf(i), kind: folder, title: title, nav: folder, data: func(v *view) any {
			l := &listing[T]{Title: title, All: all, Items: items, From: i*perPage + 1}
			if len(chunks) > 1 {
				for j, c := range chunks {
					l.Pages = append(l.Pages, listPage{pathOf(j), shortened(name(c[0]), 28), i == j})
				}
			}
			return l
		}, twin: listTwin[T]})
	}
}
