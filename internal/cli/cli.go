// Package cli is the command line: one file a command. All that touches the
// world comes in through Env, so that a whole session is a test.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/config"
)

// Exit codes.
const (
	exitClean    = 0
	exitFindings = 1 // findings at or over the threshold
	exitFailed   = 2 // could not run: bad usage, unreadable file
)

// Env is the world as a command sees it.
type Env struct {
	Args           []string // without the program's name
	Dir            string   // the working directory, absolute
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Terminal       bool // Stdout is a terminal
	ErrTerminal    bool // Stderr is a terminal
}

// FromOS is the world of this process.
func FromOS() Env {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	isTerminal := func(f *os.File) bool {
		info, err := f.Stat()
		return err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return Env{Args: os.Args[1:], Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		Terminal: isTerminal(os.Stdout), ErrTerminal: isTerminal(os.Stderr)}
}

// commands is the table of commands. Each adds itself to the root with its
// flags, its help and an example.
var commands = []func(*app) *cobra.Command{
	checkCommand, breakingCommand, changelogCommand, schemaCommand, rulesCommand, explainCommand, initCommand, bundleCommand, upgradeCommand, generateCommand, docsCommand, serveCommand, devCommand, publishCommand, tailCommand, versionCommand,
}

// app is one run of the program.
type app struct {
	env Env
	// Set by loadConfig.
	config *config.Config
	limits config.Limits
	// Flags.
	format, configPath, color, failOn, root string
	quiet                                   bool
	limitTexts                              []string

	stdinRead     bool
	keepContracts bool // with the findings, after a review
}

// findings is the error of a command that found something at or over the
// threshold: it has said so already.
type findings struct{}

func (findings) Error() string { return "findings" }

// bug is a fault of treaty's own: a panic, where it happened, and on which
// document where that is known.
type bug struct {
	value any
	stack []byte
	file  string
}

func (b *bug) Error() string { return fmt.Sprint(b.value) }

// caught turns a panic into a bug; to be deferred.
func caught(err *error, file string) {
	if r := recover(); r != nil {
		*err = &bug{r, debug.Stack(), file}
	}
}

// Run runs a command and returns the exit code. It does not panic: a fault of
// treaty's own is reported as one.
func Run(ctx context.Context, env Env) int {
	out := &stdout{to: env.Stdout}
	env.Stdout = out
	err := execute(ctx, env)
	if lost := out.fault(); lost != nil && (err == nil || errors.Is(err, findings{})) {
		err = fmt.Errorf("the output could not be written: %w", lost) // whether a command looked or not
	}
	var fault *bug
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, findings{}):
		return exitFindings
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		return exitFailed // nobody reads on; there is nobody to tell
	case errors.As(err, &fault):
		where := ""
		if fault.file != "" {
			where = " at " + fault.file
		}
		fmt.Fprintf(env.Stderr, "treaty: internal fault%s: %v\n"+
			"this is a bug in treaty, not in your document; please report it with the command, what version says (treaty %s)\n"+
			"and, if you may share it, the document\n", where, fault.value, version())
		if env.Getenv("TREATY_DEBUG") == "1" {
			fmt.Fprintf(env.Stderr, "%s\n", fault.stack)
		} else {
			fmt.Fprintln(env.Stderr, "TREATY_DEBUG=1 shows where it happened")
		}
		return exitFailed
	}
	for line := range strings.Lines(strings.TrimRight(err.Error(), "\n")) {
		fmt.Fprintf(env.Stderr, "treaty: %s\n", diag.Visible(strings.TrimRight(line, "\n")))
	}
	return exitFailed
}

// stdout is the standard output, which remembers that something could not be
// written: who reads it has not got everything, and the exit code has to say so.
type stdout struct {
	to  io.Writer
	mu  sync.Mutex
	err error
}

func (o *stdout) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

// fault is the first failure.
func (o *stdout) fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// execute finds the command that the arguments name and runs it.
func execute(ctx context.Context, env Env) (err error) {
	defer caught(&err, "")
	a := &app{env: env}
	root := &cobra.Command{
		Use:   "treaty",
		Short: "Event contracts made real: review, and keep, what your AsyncAPI documents promise",
		Example: `  treaty check                     # every document below the working directory
  treaty check orders.yaml --fix   # mend what has one right answer
  treaty explain event-type-tense  # why a rule exists`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		},
	}
	root.SetHelpCommand(helpCommand(root))
	root.Version = version()
	root.SetVersionTemplate("treaty {{.Version}}\n")
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%s; %s -h shows the flags", flagFault(cmd, err), cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "the `FILE` to use as treaty.yaml (default: found upwards from the working directory)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print findings alone, a line each")
	flags.StringVar(&a.color, "color", "auto", "`WHEN` to colour the output: auto, always, never")
	for _, make := range commands {
		root.AddCommand(make(a))
	}
	return root.ExecuteContext(ctx)
}

// noCommand is the error about a command that does not exist.
func noCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	return fmt.Errorf("there is no command %q; %s (treaty -h lists them)", name, config.Hint(name, names))
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command",
		Example: "  treaty help check",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noCommand(root, args[0])
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// atMost is the arguments of a command that takes no more than n.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return fmt.Errorf("%q is one argument too many: %s takes %s; %s -h shows how it is used", args[n], cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// flagFault says what is wrong with a flag, with the nearest one that exists.
func flagFault(cmd *cobra.Command, err error) string {
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return text
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near, ok := diag.Nearest(name, names); ok {
		return fmt.Sprintf("there is no flag --%s; did you mean --%s?", name, near)
	}
	return fmt.Sprintf("there is no flag --%s", name)
}

// addFormat gives a command --format with the formats that it knows, the first
// of them the default.
func (a *app) addFormat(cmd *cobra.Command, formats ...string) {
	format := cmd.Flags().String("format", formats[0], "output `FORMAT`: "+strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.format = *format
		if !slices.Contains(formats, a.format) {
			return fmt.Errorf("%s has no format %q; %s", cmd.CommandPath(), a.format, config.Hint(a.format, formats))
		}
		return run(cmd, args)
	}
}

// addReading gives a command the flags of those that read documents.
func (a *app) addReading(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.root, "root", "", "the `DIR` that no reference may leave (default: that of treaty.yaml, else of the git work tree)")
	cmd.Flags().StringArrayVar(&a.limitTexts, "limit", nil, "raise a limit, as `NAME=N`: "+strings.Join(config.LimitNames, ", "))
}

// loadConfig finds and reads treaty.yaml, and lays the flags that say the same
// over it.
func (a *app) loadConfig() error {
	a.config = &config.Config{}
	path := a.configPath
	if path == "" {
		path = config.Find(a.env.Dir)
	} else {
		path = a.absolute(path)
	}
	if path != "" {
		c, err := config.Load(path, a.shown(path))
		if err != nil {
			return err
		}
		a.config = c
	}
	for _, i := range a.config.Settings.Ignores {
		i.Rel = a.fromConfig
	}
	a.limits = a.config.Limits
	for _, text := range a.limitTexts {
		if err := a.limits.SetText(text); err != nil {
			return fmt.Errorf("--limit %s: %w", text, err)
		}
	}
	return nil
}

// absolute is a path of the command line.
func (a *app) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(a.env.Dir, path)
}

// shown is how a path is written in the output: relative to the working
// directory, with slashes. See unshown for the way back.
func (a *app) shown(path string) string {
	rel, err := filepath.Rel(a.env.Dir, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}

// unshown is the path that shown was given.
func (a *app) unshown(name string) string { return a.absolute(filepath.FromSlash(name)) }

// fromConfig turns a name as shown into one relative to the folder of
// treaty.yaml, which is what the globs of that file are about.
func (a *app) fromConfig(shown string) string {
	if strings.Contains(shown, "://") {
		return shown
	}
	rel, err := filepath.Rel(a.config.Dir(), a.unshown(shown))
	if err != nil {
		return shown
	}
	return filepath.ToSlash(rel)
}

// useColor decides about colour.
func (a *app) useColor() (bool, error) {
	switch a.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return a.env.Terminal && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb", nil
	}
	return false, fmt.Errorf("--color %q is not known; %s", a.color, config.Hint(a.color, []string{"auto", "always", "never"}))
}

// width is that of the terminal, 0 where nobody says.
func (a *app) width() int {
	n, err := strconv.Atoi(a.env.Getenv("COLUMNS"))
	if err != nil || n < 20 {
		return 0
	}
	return n
}

// threshold is the severity from which findings fail.
func (a *app) threshold() (diag.Severity, error) {
	if a.failOn != "" {
		s, err := diag.ParseSeverity(a.failOn)
		if err != nil {
			return 0, fmt.Errorf("--fail-on %q is not known; %s", a.failOn, config.Hint(a.failOn, []string{"error", "warning", "info"}))
		}
		return s, nil
	}
	if a.config.FailOn != 0 {
		return a.config.FailOn, nil
	}
	return diag.Error, nil
}

// ruleInfo tells the printers about a rule.
func ruleInfo(id string) (diag.RuleInfo, bool) {
	r := check.Named(id)
	if r == nil {
		return diag.RuleInfo{}, false
	}
	return diag.RuleInfo{Title: r.Title, Reason: r.Reason, Severity: r.Severity}, true
}

func versionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: atMost(0, "none"),
		Example: "  treaty version",
		RunE: func(*cobra.Command, []string) error {
			if a.format == "json" {
				return writeJSON(a.env.Stdout, struct {
					Version string `json:"version"`
					Go      string `json:"go"`
				}{version(), runtime.Version()})
			}
			_, err := fmt.Fprintf(a.env.Stdout, "treaty %s\n", version())
			return err
		},
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

// version is the module's version as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
