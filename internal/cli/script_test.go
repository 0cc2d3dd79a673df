package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the sessions expect to be printed")

// today is the day of the sessions; NOW=2027-02-01 in one is another.
const today = "2026-06-15"

// TestScript runs whole sessions. Besides the commands of testscript there are
//
//	treaty ARG... [< FILE]   runs treaty in this process; it has to exit with 0
//	! treaty ARG...          it has to exit with something else
//	code N                   the last treaty exited with N
//
// TERMINAL=1 makes the output a terminal.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[lastCode{}] = new(int)
			e.Setenv("NOW", today)
			// For scripts of the shell, this binary is treaty.
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			action, err := filepath.Abs("../../action")
			if err != nil {
				return err
			}
			e.Setenv("TREATY_BIN", binary)
			e.Setenv("ACTION", action)
			e.Setenv("TREATY_RUN", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"treaty": treaty, "code": code},
	})
}

type lastCode struct{}

func treaty(ts *testscript.TestScript, neg bool, args []string) {
	var stdin bytes.Buffer
	if n := len(args); n >= 2 && args[n-2] == "<" {
		stdin.WriteString(ts.ReadFile(args[n-1]))
		args = args[:n-2]
	}
	env := Env{
		Args: args, Dir: ts.MkAbs("."), Stdin: &stdin, Stdout: ts.Stdout(), Stderr: ts.Stderr(), Getenv: ts.Getenv,
		Now: func() time.Time {
			now, err := time.Parse(time.DateOnly, ts.Getenv("NOW"))
			ts.Check(err)
			return now.Add(12 * time.Hour)
		},
		Terminal: ts.Getenv("TERMINAL") == "1",
	}
	got := Run(context.Background(), env)
	*ts.Value(lastCode{}).(*int) = got
	if failed := got != 0; failed != neg {
		ts.Fatalf("treaty exited with %d", got)
	}
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: code N")
	}
	if got := strconv.Itoa(*ts.Value(lastCode{}).(*int)); got != args[0] {
		ts.Fatalf("treaty exited with %s, want %s", got, args[0])
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("TREATY_RUN") == "1" {
		os.Exit(Run(context.Background(), FromOS()))
	}
	os.Unsetenv("NO_COLOR")
	os.Exit(m.Run())
}
