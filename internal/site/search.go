package site

import (
	"bytes"
	"encoding/json"
	"strings"
)

// searchIndex is what the browser searches in, as a script, since a page that is a
// file may load nothing else: a row for each thing of kind, name, title, page, words
// (fields, channels, owners) and description.
func (s *Site) searchIndex() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(true)
	b.WriteString("self.treatyIndex=[\n")
	first := true
	row := func(kind, name, title, page, words, text string) {
		if !first {
			b.WriteByte(',')
		}
		first = false
		_ = e.Encode([6]string{kind, name, title, page, words, text}) // texts always encode
	}
	for _, ev := range s.Events {
		words := ev.words.Load()
		if words == nil {
			f, _ := ev.Home.Service.payload(shapeOf(ev.Home.Service, ev.Type))
			words = ev.learn(f)
		}
		row("event", ev.Type, ev.Title(), ev.page(), *words, clip(about(ev), 400))
	}
	for _, ch := range s.Channels {
		var words []string
		for _, in := range ch.In {
			words = append(words, in.Service.Name, in.Channel.Name)
		}
		row("channel", ch.Address, ch.Title(), ch.page(), unique(words), clip(firstWords(ch.Home().Channel.Description), 200))
	}
	for _, x := range s.Services {
		text := ""
		if x.Contract != nil {
			text = clip(firstWords(x.Contract.Description), 200)
		}
		row("service", x.Name, "", x.page(), unique([]string{x.Owner.Name, x.Owner.Email, x.Source.Name}), text)
	}
	for _, x := range s.Servers {
		row("server", x.Address, x.In[0].Server.Name, x.page(), "", clip(firstWords(x.In[0].Server.Description), 200))
	}
	b.WriteString("];\n")
	return b.Bytes()
}

// about is what an event type means: its summary, and how its description begins.
func about(e *Event) string {
	text, more := e.Summary(), firstWords(e.Home.Message.Description)
	if more != "" && !strings.Contains(text, more) {
		text += " " + more
	}
	return text
}

// unique are words, each once.
func unique(words []string) string {
	seen := map[string]bool{}
	var out []string
	for _, w := range words {
		if w != "" && !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// learn keeps the words that the search finds an event type by.
func (e *Event) learn(payload *Field) *string {
	words := []string{e.Home.Service.Name, e.Home.Service.Owner.Name, e.Home.Message.Name}
	for _, ch := range e.Channels() {
		words = append(words, ch.Address)
	}
	for _, f := range payload.flat() {
		words = append(words, f.Name)
	}
	all := unique(words)
	e.words.Store(&all)
	return &all
}
