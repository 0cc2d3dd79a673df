package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealBrowser looks at a catalogue in a real browser, exported and served. It
// needs a folder with playwright-core and axe-core, and Chromium; see
// integration/run. The screenshots are kept in TREATY_SCREENSHOTS.
func TestRealBrowser(t *testing.T) {
	if os.Getenv("TREATY_BROWSER") == "" {
		t.Skip("TREATY_BROWSER does not name a folder with playwright-core and axe-core")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv("TREATY_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}

	// A repository whose contract has changed, and what consumes it.
	dir := t.TempDir()
	git := func(date string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date, "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	take := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	git("", "init", "-q", "-b", "main")
	for i, name := range []string{"1-today", "2-field-added", "3-field-renamed"} {
		take("examples/orders/evolution/"+name+".asyncapi.yaml", "evolving.asyncapi.yaml")
		date := fmt.Sprintf("2026-0%d-10T10:00:00Z", i+1)
		git(date, "add", "-A")
		git(date, "commit", "-q", "-m", name)
		git(date, "tag", fmt.Sprintf("v1.%d.0", i))
	}
	for _, name := range []string{"orders", "billing", "shipping"} {
		take("examples/orders/"+name+".asyncapi.yaml", name+".asyncapi.yaml")
	}
	for _, name := range []string{"payments", "ledger", "broken"} {
		take("internal/site/testdata/"+name+".yaml", name+".asyncapi.yaml")
	}
	out := filepath.Join(t.TempDir(), "a folder", "catalogue") // with a space in its path
	if code, _, stderr := run(dir, "docs", ".", "-o", out, "-q"); code != exitClean {
		t.Fatalf("docs: exit code %d: %s", code, stderr)
	}

	url := goesOn(t, root, "dev", "examples/orders", "--write", "--rate", "40", "--faults", "0.1")
	cmd := exec.Command("node", "integration/browser/check.mjs", out, url, shots)
	cmd.Dir = root
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "     ") {
			t.Log(strings.TrimSpace(line))
		}
	}
	t.Logf("%d checks; screenshots in %s", len(lines)-1, shots)
}
