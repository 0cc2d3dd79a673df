package check

import (
	"embed"
	"strings"
)

// The examples of the rules: for each a document that breaks it and one that
// keeps it, in the txtar format. A document is one file, fail.yaml or
// fail.json, or a folder, fail/asyncapi.yaml with files beside it; and so for
// pass. The file want holds the findings of the rule in the document that
// fails, one a line. A rule over two contracts has a document old, which the
// others are compared with.
//
//go:embed examples
var examples embed.FS

// Examples is the example of a rule. All is empty for an id that no rule has. Of
// a document of several files each begins with a line "-- name --".
type Examples struct {
	Before string // of a rule over two contracts: the old document
	Fails  string // a document in which the rule finds fault
	Passes string // one in which it does not
	Finds  string // what it finds, a line each
}

// Example returns the example of a rule.
func Example(id string) Examples {
	text, err := examples.ReadFile("examples/" + id + ".txtar")
	if err != nil {
		return Examples{}
	}
	files := archive(string(text))
	e := Examples{Before: documentNamed(files, "old"), Fails: documentNamed(files, "fail"), Passes: documentNamed(files, "pass")}
	for _, f := range files {
		if f.name == "want" {
			e.Finds = f.text
		}
	}
	return e
}

// documentNamed is the text of one of an archive's documents.
func documentNamed(files []archived, name string) string {
	var b strings.Builder
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f.name, name+"/"); ok {
			b.WriteString("-- " + rest + " --\n" + f.text)
		} else if strings.HasPrefix(f.name, name+".") {
			return f.text
		}
	}
	return b.String()
}

// archived is a file of an archive.
type archived struct{ name, text string }

// archive takes a text in the txtar format apart. What stands before the first
// file is a comment.
func archive(text string) []archived {
	var files []archived
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "-- "); ok {
			if name, ok := strings.CutSuffix(rest, " --"); ok {
				files = append(files, archived{name: strings.TrimSpace(name)})
				continue
			}
		}
		if n := len(files); n > 0 {
			files[n-1].text += line
		}
	}
	return files
}
