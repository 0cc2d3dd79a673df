package cli

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Without --once it goes on until it is interrupted, and then prints the account:
// in place on a terminal, a line at a time elsewhere.
func TestDevLive(t *testing.T) {
	// It is interrupted when it has shown what is waited for, however slow it is here.
	play := func(enough func(out string) bool, env Env, args ...string) (int, string) {
		t.Helper()
		root, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		var out written
		env.Args, env.Dir, env.Stdin, env.Stdout, env.Stderr, env.Now = args, root, strings.NewReader(""), &out, &out, day
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		go func() {
			for ctx.Err() == nil && !enough(out.String()) {
				time.Sleep(20 * time.Millisecond)
			}
			cancel()
		}()
		return Run(ctx, env), out.String()
	}
	shown := func(times int, what string) func(string) bool {
		return func(out string) bool { return strings.Count(out, what) >= times }
	}
	none := func(string) string { return "" }
	end := regexp.MustCompile(`(?s)\npublished      [1-9]\d*.*\ndelivered      [1-9]\d*, each once.*\norder          held\n$`)

	code, out := play(shown(1, "\n2s  published"), Env{Getenv: none}, "dev", "examples/orders", "--rate", "100")
	if code != 0 || !regexp.MustCompile(`(?m)^2s  published \d+ \(\d+/s\)  delivered \d+  .*order held$`).MatchString(out) || !end.MatchString(out) || strings.Contains(out, "\x1b") {
		t.Errorf("%d: %s", code, out)
	}
	if code, out = play(shown(6, "A\x1b[J"), Env{Getenv: none, Terminal: true}, "dev", "examples/orders"); code != 0 || strings.Count(out, "A\x1b[J") < 5 || !strings.Contains(out, "\x1b[32mheld\x1b[0m") || !strings.Contains(out, "per second") {
		t.Errorf("%d: %q", code, out)
	}
	for line := range strings.Lines(out) {
		if n := len(regexp.MustCompile("\x1b\\[[0-9]*[A-Zm]").ReplaceAllString(strings.TrimSpace(line), "")); n > 80 && !strings.HasPrefix(line, "playing") {
			t.Errorf("a line has %d characters, and a terminal 80: %q", n, line)
		}
	}
	if code, out = play(shown(6, "A\x1b[J"), Env{Getenv: func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }, Terminal: true}, "dev", "examples/orders"); code != 0 || regexp.MustCompile("\x1b\\[[0-9]*m").MatchString(out) {
		t.Errorf("%d: NO_COLOR prints %q", code, out)
	}
}
