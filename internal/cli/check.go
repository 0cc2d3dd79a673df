package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
)

// review is one document, read and checked.
type review struct {
	source   source
	contract *contract.Contract // nil where it is not asked for, or could not be read
	found    []diag.Diagnostic
	err      error
}

// checkFlags are the flags of check alone.
type checkFlags struct {
	fix    bool
	events []string
	show   string
	gate   breakingFlags
}

func checkCommand(a *app) *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Review documents: specification, meaning, events, delivery, documentation",
		Long: `Review AsyncAPI documents, as a specification and as an event contract.

PATH is a file, a folder (every AsyncAPI document below it), a glob in which **
stands for any number of folders, or - for the standard input. Without any, the
documents of treaty.yaml are reviewed, else all below the working directory.

No reference may leave the root folder: --root, else the folder of treaty.yaml,
else the git work tree, else the working directory. URLs are read from the hosts
that treaty.yaml lists, and from no other.

The exit code is 0 where nothing was found at or over --fail-on, 1 where something
was, 2 where treaty could not run.`,
		Example: `  treaty check examples/orders
  treaty check 'services/**/asyncapi.yaml' --format sarif > treaty.sarif
  treaty check orders.asyncapi.yaml --event caught.json
  treaty check orders.asyncapi.yaml --show contract
  treaty check --against main`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.check(cmd.Context(), args, flags) },
	}
	cmd.Flags().BoolVar(&flags.fix, "fix", false, "mend what has one right answer, keeping comments, order and quoting")
	cmd.Flags().StringArrayVar(&flags.events, "event", nil, "hold the events of a `FILE` against the contract: one, a batch or JSON lines (- for the standard input)")
	cmd.Flags().StringVar(&flags.show, "show", "", "print the `contract` as read, instead of findings")
	flags.gate.add(cmd)
	cmd.Flags().StringVar(&a.failOn, "fail-on", "", "the `SEVERITY` from which findings fail: error, warning, info (default error)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning", "info"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("show", cobra.FixedCompletions([]string{"contract"}, cobra.ShellCompDirectiveNoFileComp))
	a.addReading(cmd)
	a.addFormat(cmd, formatNames()...)
	return cmd
}

func formatNames() []string {
	names := make([]string, len(diag.Formats))
	for i, f := range diag.Formats {
		names[i] = f.Name
	}
	return names
}

// check reviews documents and prints what it found.
func (a *app) check(ctx context.Context, args []string, flags checkFlags) error {
	switch {
	case flags.show != "" && flags.show != "contract":
		return fmt.Errorf("--show %q is not known; there is --show contract", flags.show)
	case flags.show != "" && (flags.fix || len(flags.events) > 0):
		return errors.New("--show prints the contract alone; leave out --fix and --event")
	case flags.show != "" && flags.gate.against != "":
		return errors.New("--show prints the contract alone; leave out --against")
	case flags.show != "" && a.format != "text" && a.format != "json":
		return fmt.Errorf("--show contract prints text or json, not %s", a.format)
	}
	if err := a.loadConfig(); err != nil {
		return err
	}
	threshold, err := a.threshold()
	if err != nil {
		return err
	}
	color, err := a.useColor()
	if err != nil {
		return err
	}
	events := flags.events
	if len(events) > 0 {
		args, events = a.splitEvents(args, events)
	}
	sources, err := a.documents(args)
	if err != nil {
		return err
	}
	a.keepContracts = flags.show != "" || len(events) > 0
	eventFiles, err := a.eventFiles(events)
	if err != nil {
		return err
	}
	reviews := a.reviewAll(ctx, sources)
	if flags.fix {
		if reviews, err = a.fixAll(ctx, sources, reviews); err != nil {
			return err
		}
	}
	report, failed := a.report(reviews, eventFiles, len(args) > 0)
	if report.Documents == 0 {
		return failed
	}
	if flags.gate.against != "" {
		if err := a.addChanges(ctx, &report, args, flags.gate); err != nil {
			return err
		}
	}
	if flags.show != "" {
		if err := a.showContracts(reviews); err != nil {
			return err
		}
		if n := atLeast(report.Diagnostics, threshold); n > 0 && !a.quiet {
			fmt.Fprintf(a.env.Stderr, "treaty: %s at or over the threshold; treaty check without --show names them\n", count(n, "finding"))
		}
	} else if err := diag.Print(a.env.Stdout, a.format, report, diag.Options{Color: color, Quiet: a.quiet, Width: a.width()}); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if failed != nil {
		return failed
	}
	if atLeast(report.Diagnostics, threshold) > 0 {
		return findings{}
	}
	return nil
}

// atLeast counts the findings at or over a severity.
func atLeast(ds []diag.Diagnostic, s diag.Severity) int {
	n := 0
	for i := range ds {
		if ds[i].Severity >= s {
			n++
		}
	}
	return n
}

// reviewAll reads and checks documents side by side. The result is in the
// order of the sources.
func (a *app) reviewAll(ctx context.Context, sources []source) []*review {
	reviews := make([]*review, len(sources))
	next := make(chan int)
	progress := a.progress(len(sources))
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(sources)) {
		wait.Go(func() {
			for i := range next {
				reviews[i] = a.review(ctx, sources[i])
				progress.step()
			}
		})
	}
	for i := range sources {
		next <- i
	}
	close(next)
	wait.Wait()
	progress.done()
	return reviews
}

// review reads and checks one document.
func (a *app) review(ctx context.Context, s source) *review {
	r := &review{source: s}
	func() {
		defer caught(&r.err, a.shownSource(s))
		c, found, err := a.load(ctx, s)
		if err != nil {
			r.err = err
			return
		}
		if a.keepContracts {
			r.contract = c
		}
		r.found = check.Run(c, found, check.Options{Now: a.env.Now(), AllowTypes: a.config.AllowTypes}, a.config.Settings)
	}()
	return r
}

// report gathers what was found in documents and events. The error says what
// could not be read; the report is about the rest. named says that only a part
// of the documents was asked for.
func (a *app) report(reviews []*review, events []*diag.File, named bool) (diag.Report, error) {
	r := diag.Report{Rules: ruleInfo, ToolVersion: version()}
	var all []diag.Diagnostic
	var contracts []*contract.Contract
	var failed []error
	for _, one := range reviews {
		if one.err != nil {
			failed = append(failed, one.err)
			continue
		}
		all = append(all, one.found...)
		if one.contract != nil {
			contracts = append(contracts, one.contract)
		}
		r.Files = append(r.Files, a.shownSource(one.source))
	}
	r.Documents = len(r.Files)
	if len(contracts) > 0 {
		for _, f := range events {
			all = append(all, check.SavedEvents(contracts, f, a.limits.Limits)...)
			r.Files = append(r.Files, f.Name)
		}
	}
	settings := a.config.Settings
	settings.Partial = named || len(failed) > 0
	r.Diagnostics = diag.Sort(settings.Ignore(all, a.env.Now()))
	return r, errors.Join(failed...)
}

// splitEvents takes the arguments that are event files to the events:
// --event *.json is written by a shell as --event a.json b.json.
func (a *app) splitEvents(args, events []string) (documents, all []string) {
	all = slices.Clone(events)
	for _, arg := range args {
		if arg != "-" && isEventFile(a.absolute(arg)) {
			all = append(all, arg)
		} else {
			documents = append(documents, arg)
		}
	}
	return documents, all
}

// eventFiles reads the files of saved events.
func (a *app) eventFiles(names []string) ([]*diag.File, error) {
	var paths []string
	for _, name := range names {
		if _, err := os.Stat(a.absolute(name)); name != "-" && err != nil && isGlob(name) {
			found, err := doublestar.FilepathGlob(a.absolute(name), doublestar.WithFilesOnly())
			if err != nil || len(found) == 0 {
				return nil, fmt.Errorf("--event %s: no file matches", name)
			}
			slices.Sort(found)
			paths = append(paths, found...)
			continue
		}
		paths = append(paths, name)
	}
	var out []*diag.File
	for _, name := range paths {
		if name == "-" {
			s, err := a.stdin()
			if err != nil {
				return nil, err
			}
			out = append(out, diag.NewFile(stdinName, string(s.text)))
			continue
		}
		path := a.absolute(name)
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, unread("--event", name, path, err)
		case info.IsDir():
			return nil, fmt.Errorf("--event %s is a folder; name a file that holds an event, a batch or JSON lines", name)
		}
		text, err := a.readStream(path, name)
		if err != nil {
			return nil, fmt.Errorf("--event: %w", err)
		}
		out = append(out, diag.NewFile(a.shown(path), string(text)))
	}
	return out, nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
