package check

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Rules about texts with {names} in them: channel addresses, and the host and
// pathname of servers.

// expression is a {name} in a text.
type expression struct {
	name       string
	start, end int // bytes in the text, braces included
}

// braceFault is what is wrong with the braces of a text.
type braceFault struct {
	message    string
	start, end int
}

// expressions finds the {names} of a text, up to the first brace that is out of
// place.
func expressions(text string) ([]expression, *braceFault) {
	var found []expression
	open := -1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			if open >= 0 {
				return found, &braceFault{"has a { within {…}; close the first one before the next", i, i + 1}
			}
			open = i
		case '}':
			switch {
			case open < 0:
				return found, &braceFault{"has a } with no { before it; remove it, or open the expression", i, i + 1}
			case i == open+1:
				return found, &braceFault{"has empty braces; write a name between them, such as {id}", open, i + 1}
			}
			found = append(found, expression{text[open+1 : i], open, i + 1})
			open = -1
		}
	}
	if open >= 0 {
		return found, &braceFault{"has a { that is never closed; write } behind the name", open, len(text)}
	}
	return found, nil
}

// part is the place of some bytes of a string's text; that of the whole string
// where it is not written as it reads.
func part(n *syntax.Node, start, end int) diag.Span {
	s := n.Span()
	written := s.Text()
	if len(written) == len(n.Value)+2 && (written[0] == '"' || written[0] == '\'') && written[1:len(written)-1] == n.Value {
		return diag.Span{File: s.File, Start: s.Start + 1 + start, End: s.Start + 1 + end}
	}
	if written == n.Value {
		return diag.Span{File: s.File, Start: s.Start + start, End: s.Start + end}
	}
	return s
}

// clipped is a text of the document as it stands in a message: the beginning of
// a long one, which may come with many findings.
func clipped(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "…"
}

// blank finds the first white space or control character of a text.
func blank(text string) int {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func checkAddress(p *Pass) {
	for _, channel := range p.Doc.All(document.Channel) {
		address := channel.Get("address")
		if !address.Is(syntax.String) {
			continue
		}
		text := address.Value
		at := func(i int, format string, args ...any) {
			p.ReportAt(part(address, i, i+1), address, "the address %q %s", clipped(text), fmt.Sprintf(format, args...))
		}
		if i := strings.IndexByte(text, '?'); i >= 0 {
			at(i, "has a query (?), which an address cannot have; describe query parameters in the channel's bindings (ws, http)")
		}
		if i := strings.IndexByte(text, '#'); i >= 0 {
			at(i, "has a # in it, which an address cannot have; for a wildcard write a parameter such as {rest}, and for a fragment use bindings")
		}
		if i := blank(text); i >= 0 {
			at(i, "has white space in it; write it as the broker knows it, without any")
		}
		if _, fault := expressions(text); fault != nil {
			p.ReportAt(part(address, fault.start, fault.end), address, "the address %q %s", clipped(text), fault.message)
		}
	}
}

func checkParameterUndefined(p *Pass) {
	for _, channel := range p.Doc.All(document.Channel) {
		address := channel.Get("address")
		if !address.Is(syntax.String) {
			continue
		}
		found, fault := expressions(address.Value)
		if fault != nil {
			continue
		}
		parameters := channel.Get("parameters")
		p.undefined(address, found, parameters, "the address %q has {%s}, but parameters does not define it", "parameters")
	}
}

// undefined reports the expressions of a text that a map does not define, each
// name once. format takes the text and the name.
func (p *Pass) undefined(text *syntax.Node, found []expression, defined *syntax.Node, format, where string) {
	seen := map[string]bool{}
	var names []string
	for _, e := range found {
		if seen[e.name] || defined.Get(e.name) != nil {
			continue
		}
		if len(seen) == 0 {
			names = keys(defined)
		}
		seen[e.name] = true
		d := p.ReportAt(part(text, e.start, e.end), text, format, clipped(text.Value), e.name)
		if near, ok := nearest(e.name, names); ok {
			d.Message += fmt.Sprintf("; did you mean {%s}?", near)
		} else {
			d.Message += fmt.Sprintf("; add %s: {%s: {}} with a description", where, e.name)
		}
	}
}

// keys are the names of a mapping's entries.
func keys(n *syntax.Node) []string {
	var names []string
	for _, item := range entries(n) {
		names = append(names, item.KeyName())
	}
	return names
}

// nearest is diag.Nearest where there are few enough candidates to compare with
// each of many names.
func nearest(name string, candidates []string) (string, bool) {
	if len(candidates) > 200 {
		return "", false
	}
	return diag.Nearest(name, candidates)
}

// unused reports the entries of a map that no expression names. message takes
// the name of one.
func (p *Pass) unused(defined *syntax.Node, found []expression, message func(name string) string) {
	items := entries(defined)
	if len(items) == 0 {
		return
	}
	used := make(map[string]bool, len(found))
	names := make([]string, 0, len(found))
	for _, e := range found {
		used[e.name] = true
		names = append(names, e.name)
	}
	for _, item := range items {
		name := item.KeyName()
		if used[name] || strings.HasPrefix(name, "x-") {
			continue
		}
		d := p.Report(item, "%s", message(name))
		if near, ok := nearest(name, names); ok {
			d.Message += fmt.Sprintf("; did you mean %q?", near)
		} else {
			d.Message += fmt.Sprintf("; remove it, or write {%s} where it belongs", name)
		}
	}
}

func checkParameterUnused(p *Pass) {
	for _, channel := range p.Doc.All(document.Channel) {
		address := channel.Get("address")
		switch {
		case address.Is(syntax.String):
			found, fault := expressions(address.Value)
			if fault == nil {
				p.unused(channel.Get("parameters"), found, func(name string) string {
					return fmt.Sprintf("the parameter %q is not in the address %q", name, clipped(address.Value))
				})
			}
		case p.Doc.Version.Major == 2:
			// In 2.x the address is the key under channels; a channel of
			// components has none of its own.
		case len(entries(channel.Get("parameters"))) > 0 && (address == nil || address.Kind == syntax.Null):
			p.Report(channel.Get("parameters"), "the channel%s has parameters and no address that they could be part of; state the address, or remove them", quotedKey(channel))
		}
	}
}

// texts of a server in which its variables may stand. In 2.x that is its url.
func serverTexts(server *syntax.Node) []*syntax.Node {
	host := server.Get("host")
	if host != nil && host.Parent != nil {
		if url := host.Parent.Get("url"); url.Is(syntax.String) && host.Parent.Get("host") == nil {
			return []*syntax.Node{url}
		}
	}
	var texts []*syntax.Node
	for _, n := range []*syntax.Node{host, server.Get("pathname")} {
		if n.Is(syntax.String) {
			texts = append(texts, n)
		}
	}
	return texts
}

func checkServerVariableUndefined(p *Pass) {
	for _, server := range p.Doc.All(document.Server) {
		for _, text := range serverTexts(server) {
			if found, fault := expressions(text.Value); fault == nil {
				p.undefined(text, found, server.Get("variables"), text.KeyName()+": %q has {%s}, but variables does not define it", "variables")
			}
		}
	}
}

func checkServerVariableUnused(p *Pass) {
	for _, server := range p.Doc.All(document.Server) {
		if len(entries(server.Get("variables"))) == 0 {
			continue
		}
		var all []expression
		broken := false
		where := "host or pathname"
		for _, text := range serverTexts(server) {
			found, fault := expressions(text.Value)
			all = append(all, found...)
			broken = broken || fault != nil
			if text.KeyName() == "url" {
				where = "url"
			}
		}
		if !broken {
			p.unused(server.Get("variables"), all, func(name string) string {
				return fmt.Sprintf("the variable %q is not in the server's %s", name, where)
			})
		}
	}
}

func checkServerVariableDefault(p *Pass) {
	for _, variable := range p.Doc.All(document.ServerVariable) {
		p.withinEnum(variable)
	}
}

func checkParameterDefault(p *Pass) {
	if p.Doc.Version.Major == 2 {
		return // a parameter of 2.x has a schema, which is checked as one
	}
	for _, parameter := range p.Doc.All(document.Parameter) {
		p.withinEnum(parameter)
	}
}

// withinEnum holds the default and the examples of a variable or parameter to
// its enum.
func (p *Pass) withinEnum(n *syntax.Node) {
	enum := n.Get("enum")
	values := elements(enum)
	if len(values) == 0 {
		return
	}
	allowed := make(map[string]bool, len(values))
	var names []string
	for _, v := range values {
		if !v.Is(syntax.String) {
			return // reported as of the wrong type
		}
		allowed[v.Value] = true
		names = append(names, v.Value)
	}
	hold := func(v *syntax.Node, what string) {
		if !v.Is(syntax.String) || allowed[v.Value] {
			return
		}
		d := p.ReportValue(v, "%s %q is not in the enum", what, v.Value)
		if near, ok := nearest(v.Value, names); ok {
			d.Message += fmt.Sprintf("; did you mean %q?", near)
		} else {
			d.Message += fmt.Sprintf("; add it there, or choose one of %s", someOf(names))
		}
		d.Related = append(d.Related, diag.Related{Span: enum.KeySpan(), Message: "the values that are allowed"})
	}
	hold(n.Get("default"), "the default")
	for _, example := range elements(n.Get("examples")) {
		hold(example, "the example")
	}
}

// someOf writes names one after the other, the first few of many.
func someOf(names []string) string {
	const few = 6
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func checkServerHost(p *Pass) {
	if p.Doc.Version.Major == 2 {
		return // the url of 2.x has a scheme and a path, and may be relative
	}
	for _, server := range p.Doc.All(document.Server) {
		host := server.Get("host")
		if !host.Is(syntax.String) {
			continue
		}
		text := host.Value
		at := func(start, end int, format string, args ...any) *diag.Diagnostic {
			return p.ReportAt(part(host, start, end), host, "the host %q %s", clipped(text), fmt.Sprintf(format, args...))
		}
		found, fault := expressions(text)
		if fault != nil {
			at(fault.start, fault.end, "%s", fault.message)
			continue
		}
		plain := withoutExpressions(text, found)
		switch {
		case text == "":
			p.ReportValue(host, "the host is empty; write the name of the server, with its port if need be, such as kafka.example.com:9092")
			continue
		case blank(text) >= 0:
			i := blank(text)
			at(i, i+1, "has white space in it; remove it")
			continue
		}
		rest, offset := plain, 0
		if i := strings.Index(plain, "://"); i >= 0 {
			only := text[i+3:]
			if end := strings.IndexAny(plain[i+3:], "/?#"); end >= 0 {
				only = only[:end]
			}
			d := at(0, i+3, "begins with a scheme, which the field protocol states; write %q", only)
			if strings.EqualFold(text[:i], server.Get("protocol").Str()) && only == text[i+3:] && only != "" && !strings.Contains(only, "@") {
				d.Fix = &diag.Fix{Title: "remove the scheme", Safe: true, Edits: []diag.Edit{syntax.SetValue(host, text[i+3:])}}
			}
			rest, offset = plain[i+3:], i+3
		}
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			at(offset+i, len(text), "goes on with a path; move %q to pathname", text[offset+i:])
			rest = rest[:i]
		}
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			at(offset, offset+i+1, "has credentials in it, which everybody can read who reads the contract; describe them under security instead")
			rest, offset = rest[i+1:], offset+i+1
		}
		if i, why := portFault(rest); why != "" {
			at(offset+i, offset+len(rest), "%s", why)
		}
	}
}

// placeholder stands for an expression; no text that was read has this byte.
const placeholder = 0xff

// withoutExpressions is a text in which each {name} is replaced by as many
// placeholders, so that offsets stay.
func withoutExpressions(text string, found []expression) string {
	b := []byte(text)
	for _, e := range found {
		for i := e.start; i < e.end; i++ {
			b[i] = placeholder
		}
	}
	return string(b)
}

// portFault says what is wrong with the port of a host, and where it begins.
// Brokers are often named as a list of hosts with commas between; the last
// one's port is looked at.
func portFault(host string) (int, string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") || strings.Count(host, ":") > 1 && !strings.ContainsAny(host, "],") {
		return 0, ""
	}
	port := host[i+1:]
	if strings.IndexByte(port, placeholder) >= 0 {
		return 0, "" // a variable
	}
	n := 0
	for _, c := range port {
		if c < '0' || c > '9' {
			return i, fmt.Sprintf("has %q where its port should be; write a number from 1 to 65535", port)
		}
		n = min(n*10+int(c-'0'), 1<<20)
	}
	if n < 1 || n > 65535 {
		return i, fmt.Sprintf("has the port %q, which does not exist; write a number from 1 to 65535", port)
	}
	return 0, ""
}

func checkServerPathname(p *Pass) {
	if p.Doc.Version.Major == 2 {
		return
	}
	for _, server := range p.Doc.All(document.Server) {
		pathname := server.Get("pathname")
		if !pathname.Is(syntax.String) || pathname.Value == "" {
			continue
		}
		text := pathname.Value
		at := func(start, end int, format string, args ...any) *diag.Diagnostic {
			return p.ReportAt(part(pathname, start, end), pathname, "the pathname %q %s", clipped(text), fmt.Sprintf(format, args...))
		}
		found, fault := expressions(text)
		if fault != nil {
			at(fault.start, fault.end, "%s", fault.message)
			continue
		}
		plain := withoutExpressions(text, found)
		if i := strings.Index(plain, "://"); i >= 0 {
			at(0, i+3, "is a whole URL; write the host under host, the scheme under protocol, and only the path here")
			continue
		}
		if i := strings.IndexAny(plain, "?#"); i >= 0 {
			at(i, i+1, "has a %c in it, which a path cannot have; describe query parameters in bindings", text[i])
		}
		if i := blank(plain); i >= 0 {
			at(i, i+1, "has white space in it; percent-encode it, or remove it")
		}
		if text[0] != '/' && text[0] != '{' {
			d := at(0, 1, "does not begin with a slash, so it runs into the host; write %q", "/"+text)
			d.Fix = &diag.Fix{Title: "begin it with a slash", Safe: true, Edits: []diag.Edit{syntax.SetValue(pathname, "/"+text)}}
		}
	}
}
