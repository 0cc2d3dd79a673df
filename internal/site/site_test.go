package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/microcosm-cc/bluemonday"
	xhtml "golang.org/x/net/html"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

var update = flag.Bool("update", false, "rewrite the pages that are expected")

// load reads documents of a folder.
func load(t testing.TB, files fs.FS, names ...string) []Source {
	t.Helper()
	var all []Source
	for _, name := range names {
		c, found, err := contract.Load(context.Background(), name, contract.Options{FS: files})
		if err != nil {
			all = append(all, Source{Name: name, Err: err})
			continue
		}
		all = append(all, Source{Name: name, Contract: c, Findings: found})
	}
	return all
}

// orders are the documents of the example.
func orders(t testing.TB) []Source {
	return load(t, os.DirFS("../../examples/orders"), "orders.asyncapi.yaml", "billing.asyncapi.yaml", "shipping.asyncapi.yaml")
}

// small are documents with most of what a page can show: versions of a type, a
// choice, a type that holds itself, dates, and one document that is broken.
func small(t testing.TB) []Source {
	all := load(t, os.DirFS("testdata"), "payments.yaml", "ledger.yaml", "broken.yaml", "missing.yaml")
	old := load(t, os.DirFS("testdata"), "payments-1.0.yaml")[0]
	for i := range all {
		if all[i].Name == "payments.yaml" {
			all[i].Versions = []*Version{{Name: "v1.0.0", Commit: "0123456789abcdef0123456789abcdef01234567", Time: time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC), Contract: old.Contract, Findings: old.Findings}}
		} else {
			all[i].NoPast = "no version of it is tagged"
		}
	}
	return all
}

var smallOptions = Options{Title: "Payments", Generator: "treaty", Now: time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)}

// TestGolden holds every page of a small catalogue, and its twin, to what they were.
func TestGolden(t *testing.T) {
	s := NewSite(New(small(t)), smallOptions)
	want := map[string]bool{}
	for _, name := range s.Paths() {
		if strings.HasPrefix(name, "assets/") {
			continue
		}
		got, err := s.File(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata/golden", filepath.FromSlash(name))
		want[file] = true
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		expected, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, expected) {
			t.Errorf("%s is not as it was; -update rewrites it\n%s", name, firstDifference(string(expected), string(got)))
		}
	}
	_ = filepath.WalkDir("testdata/golden", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !want[file] {
			if *update {
				return os.Remove(file)
			}
			t.Errorf("%s is a page no more", file)
		}
		return err
	})
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, clip(x[i], 400), clip(y[i], 400))
		}
	}
	return fmt.Sprintf("%d lines, were %d", len(y), len(x))
}

var (
	linkRE = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	idRE   = regexp.MustCompile(`\sid="([^"]*)"`)
	markRE = regexp.MustCompile(`[^\\]\]\(([^)\s]+)\)`)
)

// dead finds the links of a site that lead nowhere, and ids that stand twice.
func dead(t *testing.T, s *Site) []string {
	t.Helper()
	paths := map[string]bool{}
	for _, p := range s.Paths() {
		if paths[p] {
			t.Errorf("two files are called %s", p)
		}
		paths[p] = true
	}
	text := map[string][]byte{}
	ids := map[string]map[string]bool{}
	var wrong []string
	for p := range paths {
		b, err := s.File(p)
		if err != nil {
			t.Fatal(err)
		}
		text[p] = b
		ids[p] = map[string]bool{}
		for _, m := range idRE.FindAllSubmatch(b, -1) {
			if ids[p][string(m[1])] && path.Ext(p) == ".html" && string(m[1]) != "arrow" {
				wrong = append(wrong, p+" has the id "+string(m[1])+" twice")
			}
			ids[p][string(m[1])] = true
		}
	}
	for p, b := range text {
		var links []string
		switch path.Ext(p) {
		case ".html", ".atom":
			for _, m := range linkRE.FindAllSubmatch(b, -1) {
				links = append(links, html.UnescapeString(string(m[1])))
			}
		case ".md":
			for _, m := range markRE.FindAllSubmatch(b, -1) {
				links = append(links, string(m[1]))
			}
		}
		for _, link := range links {
			u, err := url.Parse(link)
			switch {
			case err != nil:
				wrong = append(wrong, p+": "+link)
			case u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "mailto":
			case u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/"):
				wrong = append(wrong, p+": "+link+" is not relative")
			default:
				to := p
				if u.Path != "" {
					to = path.Join(path.Dir(p), u.Path)
				}
				if !paths[to] || u.Fragment != "" && !ids[to][u.Fragment] {
					wrong = append(wrong, p+": "+link)
				}
			}
		}
		if path.Ext(p) == ".html" && strings.Count(string(b), "<h1") != 1 {
			wrong = append(wrong, p+" has not one h1")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// TestLinks follows every link of the catalogues: each leads to a file and a place
// that is there, and none from the top.
func TestLinks(t *testing.T) {
	for name, sources := range map[string][]Source{"orders": orders(t), "small": small(t), "empty": nil, "many": many(3, 90)} {
		for _, wrong := range dead(t, NewSite(New(sources), smallOptions)) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// TestNoInline holds the pages to their own policy: no script, no style and no
// handler stands in a page.
func TestNoInline(t *testing.T) {
	s := NewSite(New(append(small(t), orders(t)...)), Options{Served: true, Live: true, Publish: true})
	for _, p := range s.Paths() {
		if path.Ext(p) != ".html" {
			continue
		}
		b, err := s.File(p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`http-equiv="Content-Security-Policy"`)) {
			t.Errorf("%s has no policy", p)
		}
		for _, re := range []string{`<script[^>]*>[^<]`, `<style`, `\sstyle=`, `\son[a-z]+=`, `javascript:`, `<(iframe|object|embed|base|img)\b`} {
			if m := regexp.MustCompile(re).Find(b); m != nil {
				t.Errorf("%s has %s", p, m)
			}
		}
	}
}

// harm is what of a text would run, load or lead where it should not. A page has
// its own script, pictures and relative links.
func harm(text string, page bool) []string {
	var wrong []string
	z := xhtml.NewTokenizer(strings.NewReader(text))
	for z.Next() != xhtml.ErrorToken {
		token := z.Token()
		if token.Type != xhtml.StartTagToken && token.Type != xhtml.SelfClosingTagToken {
			continue
		}
		switch token.Data {
		case "iframe", "object", "embed", "base", "img", "style", "foreignobject", "animate", "use":
			wrong = append(wrong, token.String())
		case "script", "svg", "link", "meta", "form", "input", "textarea", "button":
			if !page {
				wrong = append(wrong, token.String())
			}
		}
		for _, a := range token.Attr {
			value := strings.ToLower(strings.TrimSpace(a.Val))
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcset", a.Key == "action", a.Key == "formaction":
				wrong = append(wrong, token.String())
			case a.Key == "href" || a.Key == "src":
				u, err := url.Parse(value)
				if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" || u.Scheme == "" && !page {
					wrong = append(wrong, token.String())
				}
			}
		}
	}
	return wrong
}

// strict is a sanitiser that lets through what the renderer is meant to write.
var strict = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6", "table", "tr", "th", "td")
	p.AllowAttrs("tabindex").OnElements("pre", "table")
	p.AllowAttrs("href", "rel").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	return p
})

// checkMarkdown holds what a description becomes against two judges.
func checkMarkdown(t *testing.T, s string) {
	t.Helper()
	got := string(markdown(s))
	for _, wrong := range harm(got, false) {
		t.Errorf("%q becomes %s, which has %s", s, got, wrong)
	}
	tokens := func(s string) string {
		var b strings.Builder
		z := xhtml.NewTokenizer(strings.NewReader(s))
		for z.Next() != xhtml.ErrorToken {
			token := z.Token()
			b.WriteString(token.String())
		}
		return b.String()
	}
	if clean := strict().Sanitize(got); tokens(clean) != tokens(got) {
		t.Errorf("%q becomes\n%s\nof which the sanitiser leaves\n%s", s, got, clean)
	}
}

// FuzzMarkdown looks for a description that becomes more than words.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"# a\n\n| a | b |\n|---|---|\n| `|` | <b>c</b> |", "[x](http://a.example/?q=\"><script>)", "http://a.example/<b>", "1. a\n   ```\n   b\n", "&lt;script&gt; &#60;img src=x&#62;", "<http://a.example/\"onx=>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkMarkdown(t, s) })
}

// TestMarkdown holds what descriptions become.
func TestMarkdown(t *testing.T) {
	for s, want := range map[string]string{
		"One line, plain.":                       "<p>One line, plain.</p>",
		"a < b & c":                              "<p>a &lt; b &amp; c</p>",
		"*em* **strong** `<b>`":                  "<p><em>em</em> <strong>strong</strong> <code>&lt;b&gt;</code></p>",
		"See https://a.example/x?y=1&z=2.":       `<p>See <a href="https://a.example/x?y=1&amp;z=2" rel="nofollow noreferrer">https://a.example/x?y=1&amp;z=2</a>.</p>`,
		"[guide](https://a.example) [r](./r.md)": `<p><a href="https://a.example" rel="nofollow noreferrer">guide</a> r</p>`,
		"# Title\n\ntext <b>x</b>":               "<h3>Title</h3><p>text x</p>",
		"- a\n- b":                               "<ul><li>a</li><li>b</li></ul>",
		"| a | b |\n|---|:-:|\n| 1 | `x|y` |\n":  `<table tabindex="0">` + "<tr><th>a</th><th>b</th></tr><tr><td>1</td><td><code>x|y</code></td></tr></table>",
		"![a picture](https://a.example/p.png)":  "<p>a picture</p>",
		"&copy; \\* <a@b.example>":               `<p>© * <a href="mailto:a@b.example" rel="nofollow noreferrer">a@b.example</a></p>`,
		"https://a.example/some_page_(x)":        `<p><a href="https://a.example/some_page_(x" rel="nofollow noreferrer">https://a.example/some_page_(x</a>)</p>`,
		"https://a.example/some_page_x *so*":     `<p><a href="https://a.example/some_page_x" rel="nofollow noreferrer">https://a.example/some_page_x</a> <em>so</em></p>`,
		"":                                       "",
	} {
		if got := string(markdown(s)); got != want {
			t.Errorf("%q becomes\n%s\nwant\n%s", s, got, want)
		}
	}
}

// TestFirstWords holds what of a description stands in a list: its first paragraph,
// without marks.
func TestFirstWords(t *testing.T) {
	for s, want := range map[string]string{
		"One line, plain.": "One line, plain.",
		"Read *this* [guide](https://a.example).\nOn.": "Read this guide. On.",
		"# Orders\n\nAll of `orders.paid`.\n\nMore.":   "All of orders.paid.",
		"# Orders":                              "Orders",
		"<b>x</b> a \\* b &copy;":               "x a * b ©",
		"<script>alert(1)</script>\n\nWords":    "Words",
		"- one\n- two":                          "one two",
		"![a picture](https://a.example/p.png)": "a picture",
		"":                                      "",
	} {
		if got := firstWords(s); got != want {
			t.Errorf("%q begins with %q, want %q", s, got, want)
		}
	}
}

// TestHuge holds that a page stays small whatever is written about hundreds of
// fields.
func TestHuge(t *testing.T) {
	long, _ := json.Marshal(strings.Repeat("A *word* about it. ", 1000))
	fields := map[string]any{}
	for i := range 400 {
		fields[fmt.Sprintf("field_%04d", i)] = map[string]any{"type": "string", "description": json.RawMessage(long), "enum": []string{strings.Repeat("x", 5000)}, "pattern": strings.Repeat("y", 5000), "default": strings.Repeat("z", 5000)}
	}
	text, _ := json.Marshal(fields)
	doc := `{"asyncapi": "3.0.0", "info": {"title": "A", "version": "1", "description": ` + string(long) + `}, "channels": {"c": {"address": "c", "messages": {"m": {"name": "a.b.v1", "description": ` + string(long) + `, "payload": {"type": "object", "properties": ` + string(text) + `}}}}}, "operations": {"s": {"action": "send", "channel": {"$ref": "#/channels/c"}}}}`
	s := NewSite(New(load(t, fstest.MapFS{"a.json": {Data: []byte(doc)}}, "a.json")), smallOptions)
	for _, name := range s.Paths() {
		b, err := s.File(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%7d %s", len(b), name)
		if limit := 400 << 10; len(b) > limit {
			t.Errorf("%s has %d bytes", name, len(b))
		}
	}
	if b, _ := s.File("events/a.b.v1.html"); !bytes.Contains(b, []byte("The payload has more fields than are shown")) {
		t.Error("the page does not say that it leaves fields out")
	}
}

// TestSameTitles holds what services of one title are called.
func TestSameTitles(t *testing.T) {
	var all []Source
	for _, name := range []string{"../x/a/orders.yaml", "../x/b/orders.yaml", "../x/b/old.yaml", "../x/b/old.json", "orders.yaml", "1.asyncapi.yaml"} {
		s := load(t, fstest.MapFS{"o.json": {Data: []byte(`{"asyncapi": "3.0.0", "info": {"title": "Orders", "version": "1"}}`)}}, "o.json")[0]
		s.Name = name
		all = append(all, s)
	}
	var got []string
	for _, s := range New(all).Services {
		got = append(got, s.Name)
	}
	if want := []string{"Orders (1)", "Orders (a/orders)", "Orders (b/orders)", "Orders (old.json)", "Orders (old.yaml)", "Orders (orders.yaml)"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAlternatives holds what alternatives are called: as who wrote them does, else
// by their type, and never by a name that code is given.
func TestAlternatives(t *testing.T) {
	doc := `{"asyncapi": "3.0.0", "info": {"title": "A", "version": "1"}, "components": {"schemas": {"Cash": {"type": "object", "properties": {"note": {"type": "string"}}}}},
"channels": {"c": {"address": "c", "messages": {"m": {"name": "a.b.v1", "payload": {"type": "object", "properties": {"x": {"oneOf": [{"title": "By card", "type": "object", "properties": {"pan": {"type": "string"}}}, {"$ref": "#/components/schemas/Cash"}, {"type": "string"}, {"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "properties": {"b": {"type": "integer"}}}]}}}}}}},
"operations": {"s": {"action": "send", "channel": {"$ref": "#/channels/c"}}}}`
	s := NewSite(New(load(t, fstest.MapFS{"a.json": {Data: []byte(doc)}}, "a.json")), smallOptions)
	b, err := s.File("events/a.b.v1.html")
	if err != nil {
		t.Fatal(err)
	}
	page, _, _ := strings.Cut(string(b), `aria-labelledby="examples"`)
	var got []string
	for _, m := range regexp.MustCompile(`data-tab="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		got = append(got, m[1])
	}
	if want := []string{"By card", "Cash", "text", "object 4", "object 5"}; !slices.Equal(got, want) {
		t.Errorf("the alternatives are %q, want %q", got, want)
	}
}

// TestTagsAlike holds that versions whose tags differ in a sign alone have pages of
// their own.
func TestTagsAlike(t *testing.T) {
	all := small(t)
	old := all[0].Versions[0]
	for _, name := range []string{"v1.1.0+a", "v1.1.0-a", "V1.1.0~a"} {
		v := *old
		v.Name = name
		all[0].Versions = append(all[0].Versions, &v)
	}
	s := NewSite(New(all), smallOptions)
	for _, wrong := range dead(t, s) {
		t.Error(wrong)
	}
	for _, p := range s.pages {
		if p.kind != "compare" {
			continue
		}
		b, err := s.File(p.path)
		if err != nil {
			t.Fatal(err)
		}
		c := p.data(s.view(p)).(*Comparison)
		if want := html.EscapeString(c.Old.Name + " to " + c.New.Name); !bytes.Contains(b, []byte("<h1>"+strings.ReplaceAll(want, "+", "&#43;"))) {
			t.Errorf("%s does not compare %s", p.path, want)
		}
	}
}

// TestDescription holds that a page says all of a description, of which a list has
// the first paragraph.
func TestDescription(t *testing.T) {
	doc := `{"asyncapi": "3.0.0", "info": {"title": "A", "version": "1", "contact": {"email": "a@example.com"}}, "channels": {"c": {"address": "c", "messages": {"m": {"name": "a.b.v1", "description": "The *first* paragraph.\n\nAnd the second."}}}}, "operations": {"s": {"action": "send", "channel": {"$ref": "#/channels/c"}}}}`
	s := NewSite(New(load(t, fstest.MapFS{"a.json": {Data: []byte(doc)}}, "a.json")), smallOptions)
	for name, want := range map[string][]string{
		"events/a.b.v1.html": {"The <em>first</em> paragraph.", "And the second.", `mailto:a@example.com`},
		"events/a.b.v1.md":   {"The *first* paragraph.", "And the second.", "a@example.com"},
		"events/index.html":  {"The first paragraph.<", "a@example.com"},
		"services/a.html":    {`mailto:a@example.com`},
	} {
		b, err := s.File(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !bytes.Contains(b, []byte(w)) {
				t.Errorf("%s does not have %q", name, w)
			}
		}
		if bytes.Contains(b, []byte("nobody is named")) {
			t.Errorf("%s knows nobody to ask", name)
		}
	}
}

// TestEmpty holds that a list with nothing in it says so, and what to do.
func TestEmpty(t *testing.T) {
	s := NewSite(New(nil), smallOptions)
	for _, name := range []string{"index.html", "events/index.html", "channels/index.html", "services/index.html", "servers/index.html", "map.html", "deprecations.html", "changes.html"} {
		b, err := s.File(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`<div class="empty">`)) || bytes.Contains(b, []byte("<table")) {
			t.Errorf("%s does not say that there is nothing", name)
		}
	}
}

// TestDomains holds how the first page groups event types.
func TestDomains(t *testing.T) {
	for _, one := range []struct{ types, want string }{
		{"orders.paid.v1 orders.placed.v1 billing.paid.v1 billing.sent.v1", "billing 2, orders 2"},
		{"com.acme.orders.paid.v1 com.acme.orders.placed.v1 com.acme.billing.paid.v1 com.acme.billing.sent.v1", "com.acme.billing 2, com.acme.orders 2"},
		{"com.acme.orders.paid com.acme.orders.placed com.other.x.paid com.other.x.sent", "com.acme.orders 2, com.other.x 2"},
		{"orders.paid orders.line.added orders.line.taken", "orders 3"},
		{"OrderPaid OrderPlaced", " 2"},
		{"orders.paid.v1", "orders 1"},
		{"orders.paid orders.placed Ask half.there.v1", "orders 2, others 2"},
		{"orders.paid orders.placed half.there.v1", "half 1, orders 2"},
		{"", ""},
	} {
		var all []*Event
		for _, name := range strings.Fields(one.types) {
			all = append(all, &Event{Type: name})
		}
		slices.SortFunc(all, func(a, b *Event) int { return strings.Compare(a.Type, b.Type) })
		var got []string
		for _, d := range domains(all) {
			got = append(got, fmt.Sprintf("%s %d", d.Name, len(d.Events)+d.More))
		}
		if strings.Join(got, ", ") != one.want {
			t.Errorf("%s are %q, want %q", one.types, got, one.want)
		}
	}
	var many []*Event
	for i := range 5000 {
		many = append(many, &Event{Type: fmt.Sprintf("domain%04d.thing%d.v1", i/2, i)})
	}
	n, shown := 0, 0
	for _, d := range domains(many) {
		n += len(d.Events) + d.More
		shown += len(d.Events)
	}
	if n != 5000 || shown > 300 {
		t.Errorf("%d of 5000 event types are counted, %d shown", n, shown)
	}
}

// TestHostile puts what strangers write on every page that shows it: nothing of it
// runs, loads or leads anywhere but to the web.
func TestHostile(t *testing.T) {
	attacks := []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `[x](javascript:alert(1))`, `[x](JaVaScRiPt:alert(1))`, `[x](data:text/html;base64,PHNjcmlwdD4=)`,
		`![x](http://evil.example/p.png)`, `<svg onload=alert(1)>`, `[x](vbscript:x)`, `<a href="javascript:alert(1)">x</a>`, `"><script>alert(1)</script>`,
		`[x](../../../etc/passwd)`, `[x]( java&#10;script:alert(1))`, "```\"><script>\nalert(1)\n```", `<style>*{display:none}</style>`, `<base href=//evil.example>`, `[ref]: javascript:alert(1) "x"` + "\n\n[ref]", `<javascript:alert(1)>`, `{{.}}`, `</textarea><script>alert(1)</script>`,
	}
	for _, a := range attacks {
		checkMarkdown(t, a)
	}
	text := strings.Join(attacks, "\n\n")
	quoted, _ := json.Marshal(text)
	short, _ := json.Marshal(`"><script>alert(1)</script>'`)
	doc := strings.NewReplacer("LONG", string(quoted), "SHORT", string(short)).Replace(`{"asyncapi": "3.1.0", "info": {"title": SHORT, "version": SHORT, "description": LONG, "contact": {"name": SHORT, "url": "javascript:alert(1)", "email": SHORT}},
"servers": {"s": {"host": SHORT, "protocol": SHORT, "description": LONG, "title": SHORT}},
"channels": {"c": {"address": SHORT, "title": SHORT, "description": LONG, "messages": {"m": {"name": SHORT, "title": SHORT, "summary": LONG, "description": LONG, "contentType": "application/cloudevents+json",
"headers": {"type": "object", "properties": {"type": {"const": SHORT}, "subject": {"type": "string", "const": SHORT}}},
"payload": {"type": "object", "properties": {SHORT: {"type": "string", "description": LONG, "pattern": SHORT, "default": SHORT, "enum": [SHORT]}}, "oneOf": [{"title": SHORT, "properties": {"a": {"const": SHORT}}}, {"title": "b", "properties": {"a": {"const": 1}}}]},
"examples": [{"name": SHORT, "payload": {SHORT: SHORT, "a": SHORT}}]}},
"x-delivery": {"guarantee": SHORT, "ordering": {"scope": "key", "key": SHORT}, "deprecated": {"replacedBy": SHORT}}, "bindings": {"kafka": {"topic": SHORT}}}},
"operations": {"o": {"action": "send", "channel": {"$ref": "#/channels/c"}, "summary": SHORT}}}`)
	sources := load(t, fstest.MapFS{"h.json": {Data: []byte(doc)}}, "h.json")
	if sources[0].Contract == nil || len(sources[0].Contract.EventTypes) != 1 {
		t.Fatal("the document is not read")
	}
	sources[0].Versions = []*Version{{Name: `"><script>alert(1)</script>`, Commit: "0", Time: time.Unix(0, 0), Contract: small(t)[0].Contract}}
	s := NewSite(New(sources), Options{Title: `<script>alert(1)</script>`, Served: true, Live: true, Publish: true})
	for _, p := range s.Paths() {
		b, err := s.File(p)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.IsAbs(p) || strings.Contains(p, "..") && !strings.Contains(p, "history/") || strings.ContainsAny(p, `<>"'`) {
			t.Errorf("a file is called %q", p)
		}
		switch path.Ext(p) {
		case ".html":
			for _, wrong := range harm(string(b), true) {
				t.Errorf("%s has %s", p, wrong)
			}
		case ".md":
			for line := range strings.Lines(string(b)) {
				if strings.HasPrefix(line, ">") && regexp.MustCompile(`<[A-Za-z/!?]`).MatchString(line) {
					t.Errorf("%s quotes HTML: %s", p, line)
				}
			}
		case ".js":
			if p == "search-index.js" && bytes.Contains(b, []byte("</script")) {
				t.Errorf("%s has what ends a script", p)
			}
		}
	}
	if wrong := dead(t, s); len(wrong) > 0 {
		t.Errorf("links: %s", strings.Join(wrong, "\n"))
	}
}

// TestBroken holds that a broken document shows what is wrong with it, and takes
// nothing else down.
func TestBroken(t *testing.T) {
	s := NewSite(New(small(t)), smallOptions)
	for page, words := range map[string][]string{
		"services/broken.html":  {"What is wrong with the document", "broken.yaml:"},
		"services/missing.html": {"The document could not be read."},
		"index.html":            {"Not everything could be understood.", "payments.settled.v2"},
	} {
		b, err := s.File(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !bytes.Contains(b, []byte(w)) {
				t.Errorf("%s does not say %q", page, w)
			}
		}
	}
}

// TestExamples holds that what a page offers to copy is what the contract allows.
func TestExamples(t *testing.T) {
	for _, e := range New(append(append(orders(t), small(t)...), many(2, 60)...)).Events {
		if e.Home.Service.Broken() {
			continue
		}
		examples := e.Home.examples()
		if len(examples) == 0 && e.Home.Message.Payload != nil {
			t.Errorf("%s has no example", e.Type)
		}
		for _, x := range examples {
			if x.Structured == "" {
				continue // no event
			}
			if problems := e.Home.Service.problems([]byte(x.Structured), e.Home.Message.Channel); len(problems) > 0 {
				t.Errorf("%s: %s\n%s", e.Type, problems, x.Structured)
			}
		}
	}
}

// TestWeight bounds what the browser loads before it shows a page.
func TestWeight(t *testing.T) {
	total := 0
	for _, name := range []string{"assets/site.css", "assets/site.js", "assets/theme.js"} {
		text, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		w.Close()
		total += b.Len()
	}
	t.Logf("script and style are %d bytes, gzipped", total)
	if total > 60<<10 {
		t.Errorf("script and style are %d bytes, gzipped; they may be 60 KiB", total)
	}
}

// many makes services with event types, each read by the next two services.
func many(services, types int) []Source {
	var all []Source
	text := func(i int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "asyncapi: 3.1.0\ninfo: {title: Service %03d, version: 1.0.0, contact: {name: Team %d}}\ndefaultContentType: application/cloudevents+json\n", i, i%17)
		b.WriteString("servers:\n  main: {host: 'kafka.example.com:9092', protocol: kafka}\nchannels:\n")
		channel := func(of int, from, to int) {
			fmt.Fprintf(&b, "  s%d:\n    address: service%03d.events\n    x-delivery: {guarantee: at-least-once, ordering: {scope: key, key: subject}, dedupe: {by: [source, id], window: P7D, where: consumer}, retention: {policy: delete, time: P7D}}\n    messages:\n", of, of)
			for k := from; k < to; k++ {
				fmt.Fprintf(&b, "      M%d: {$ref: '#/components/messages/S%dM%d'}\n", k, of, k)
			}
		}
		channel(i, 0, types)
		read := (i + 1) % services
		if services > 1 {
			channel(read, 0, min(types, 20))
		}
		fmt.Fprintf(&b, "operations:\n  send: {action: send, channel: {$ref: '#/channels/s%d'}}\n", i)
		if services > 1 {
			fmt.Fprintf(&b, "  read: {action: receive, channel: {$ref: '#/channels/s%d'}}\n", read)
		}
		b.WriteString("components:\n  messages:\n")
		message := func(of, k int) {
			fmt.Fprintf(&b, `    S%dM%d:
      title: Thing %d happened
      summary: Thing %d of service %d has happened, and will not be undone.
      headers: {type: object, required: [type, subject], properties: {type: {const: service%03d.thing%d_happened.v1}, subject: {type: string, minLength: 1}}}
      payload:
        type: object
        required: [thing_id, amount, currency, at]
        properties:
          thing_id: {type: string, minLength: 1, maxLength: 64, description: Names the thing.}
          amount: {type: integer, minimum: 0, description: In the smallest unit of the currency.}
          currency: {type: string, pattern: '^[A-Z]{3}$', description: ISO 4217.}
          at: {type: string, format: date-time}
          note: {type: string}
          lines: {type: array, items: {type: object, required: [sku], properties: {sku: {type: string}, quantity: {type: integer, minimum: 1}, color%d: {type: string, enum: [red, green, blue]}}}}
`, of, k, k, k, of, of, k, k%50)
		}
		for k := range types {
			message(i, k)
		}
		if services > 1 {
			for k := range min(types, 20) {
				message(read, k)
			}
		}
		return b.String()
	}
	for i := range services {
		name := fmt.Sprintf("service%03d.asyncapi.yaml", i)
		c, found, err := contract.Load(context.Background(), name, contract.Options{FS: fstest.MapFS{name: {Data: []byte(text(i))}}})
		if err != nil {
			panic(err)
		}
		all = append(all, Source{Name: name, Contract: c, Findings: found})
	}
	return all
}

// TestMany holds that no page grows with the catalogue.
func TestMany(t *testing.T) {
	if testing.Short() {
		t.Skip("makes thousands of pages")
	}
	s := NewSite(New(many(4, 260)), Options{})
	largest, at := 0, ""
	for _, p := range s.Paths() {
		if strings.HasPrefix(p, "search-index") {
			continue
		}
		b, err := s.File(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > largest {
			largest, at = len(b), p
		}
	}
	t.Logf("the largest page is %s with %d bytes", at, largest)
	if largest > 200<<10 {
		t.Errorf("%s has %d bytes; a page may have 200 KiB", at, largest)
	}
	for _, src := range many(1, 1) {
		for _, d := range src.Findings {
			if d.Severity == diag.Error {
				t.Errorf("%s: %s", src.Name, d.Message)
			}
		}
	}
}

// TestNames holds that names of pages are different where names are, also where a
// file system does not tell cases apart, and that none leads elsewhere.
func TestNames(t *testing.T) {
	x := ids{}
	seen := map[string]string{}
	for _, name := range []string{"orders.paid", "Orders.Paid", "orders paid", "orders/paid", "..", "../../etc", "", "index", "page-2", "ä", "ö", strings.Repeat("a", 300), strings.Repeat("a", 301), "con/..\\x", "con", "CON", "aux.v1", "nul.", "_con", "console"} {
		id := x.of(name, "")
		if other, ok := seen[strings.ToLower(id)]; ok || id == "" || id == "index" || !filepath.IsLocal(id) || strings.ContainsAny(id, `/\`) || len(id) > 120 {
			t.Errorf("%q is called %q, as is %q", name, id, other)
		}
		if stem, _, _ := strings.Cut(id, "."); slices.Contains(devices, stem) {
			t.Errorf("%q is called %q, which is a device on Windows", name, id)
		}
		seen[strings.ToLower(id)] = name
	}
	if id := x.of("console", "again"); !strings.HasPrefix(id, "console-") {
		t.Errorf("console is called %q", id)
	}
}

// TestNoFile holds that nothing but the site's files is given.
func TestNoFile(t *testing.T) {
	s := NewSite(New(orders(t)), Options{})
	for _, name := range []string{"", "../go.mod", "assets/../site.go", "assets/../../site.go", "assets", "assets/", "templates/layout.html", "assets/../templates/layout.html", "events/../index.html", "live.html", "404.md"} {
		if b, err := s.File(name); err == nil {
			t.Errorf("%q is a file of %d bytes", name, len(b))
		}
	}
}

// TestExport writes a catalogue, and another over it: what is no more goes away, and
// what somebody else has put there stays.
func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "catalogue")
	first := NewSite(New(small(t)), smallOptions)
	n, err := first.Export(dir)
	if err != nil || n != len(first.Paths()) {
		t.Fatalf("%d files, %v", n, err)
	}
	for _, name := range first.Paths() {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		want, _ := first.File(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := filepath.Join(dir, "CNAME")
	if err := os.WriteFile(other, []byte("events.example.com\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSite(New(orders(t)), Options{}).Export(dir); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"CNAME": true, "events/orders.paid.v1.html": true, "events/payments.settled.v2.html": false, "events/payments.settled.v2.md": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	strange := t.TempDir()
	if err := os.WriteFile(filepath.Join(strange, "index.html"), []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Export(strange); err == nil {
		t.Error("a page of somebody else was written over")
	}
	if entries, _ := os.ReadDir(strange); len(entries) != 1 {
		t.Error("something was written all the same")
	}
	if _, err := first.Export(filepath.Join(strange, "index.html")); err == nil || !strings.Contains(err.Error(), "name a folder") {
		t.Errorf("a file is taken for a folder: %v", err)
	}
}
