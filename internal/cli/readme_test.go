package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the sessions of the README, in a folder that has what they
// name, and holds what it shows to what is printed. With -update it is written.
func TestReadme(t *testing.T) {
	for name, least := range map[string]int{"README.md": 9, "docs/delivery.md": 7, "examples/orders/evolution/README.md": 4} {
		t.Run(name, func(t *testing.T) { testSessions(t, "../../"+name, least) })
	}
}

func testSessions(t *testing.T, readme string, least int) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"examples/orders", "internal/check/testdata/brief"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("../..", name))); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	commands, inSession := 0, false
	for line := range strings.Lines(string(text)) {
		args, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ treaty ")
		switch {
		case strings.HasPrefix(line, "```"):
			inSession = strings.TrimSpace(line) == "```console"
			got.WriteString(line)
		case inSession && isCommand:
			commands++
			var out bytes.Buffer
			code := Run(context.Background(), Env{Args: words(args), Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
				Getenv: func(string) string { return "" }, Now: day})
			if code == exitFailed {
				t.Errorf("treaty %s: %s", args, &out)
			}
			got.WriteString(line)
			got.Write(out.Bytes())
		case !inSession:
			got.WriteString(line)
		}
	}
	if commands < least {
		t.Errorf("the README has %d commands", commands)
	}
	if untimed.ReplaceAllString(got.String(), "") == untimed.ReplaceAllString(string(text), "") {
		return
	}
	if *update {
		if err := os.WriteFile(readme, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the README shows something else than treaty prints; write it anew with go test ./internal/cli -run Readme -update, and read the difference")
}

// untimed is what is another each time: how long something took, the time of day,
// the ids of events that were made up.
var untimed = regexp.MustCompile(`, in \d+\.\d s|\d{4}-\d\d-\d\dT[0-9:]+\.\d+Z|\b01[0-9A-HJKMNP-TV-Z]{24}\b`)

// words takes a command line apart as a shell does, as far as the README goes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}
