package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
)

// review is one document, read and checked.
type review struct {
	source   source
	contract *contract.Contract
	found    []diag.Diagnostic
	err      error
}

// fixRounds bounds how often --fix goes over a document: a fix may uncover
// another.
const fixRounds = 5

func checkCommand(a *app) *cobra.Command {
	var fix bool
	var events []string
	var show string
	cmd := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Review documents: specification, meaning, events, delivery, documentation",
		Long: `Review AsyncAPI documents, as a specification and as an event contract.

PATH is a file, a folder (every document below it), a glob, or - for the standard
input. Without any, the documents of treaty.yaml are reviewed, else all below the
working directory. The exit code is 1 when something at or over --fail-on was found.`,
		Example: `  treaty check examples/orders
  treaty check 'services/**/asyncapi.yaml' --format sarif > treaty.sarif
  treaty check orders.asyncapi.yaml --event caught.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.loadConfig(); err != nil {
				return err
			}
			threshold, err := a.threshold()
			if err != nil {
				return err
			}
			sources, err := a.documents(args)
			if err != nil {
				return err
			}
			if show != "" && show != "contract" {
				return fmt.Errorf("--show %q is not known; there is --show contract", show)
			}
			reviews, err := a.reviewAll(cmd.Context(), sources)
			if err != nil {
				return err
			}
			if show != "" {
				return a.showContracts(reviews)
			}
			if fix {
				if reviews, err = a.fixAll(cmd.Context(), sources, reviews); err != nil {
					return err
				}
			}
			return a.printReviews(reviews, events, threshold)
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what has one right answer, keeping comments, order and quoting")
	cmd.Flags().StringArrayVar(&events, "event", nil, "hold a saved event, a batch or a file of JSON lines against the contract (- for the standard input)")
	cmd.Flags().StringVar(&show, "show", "", "contract: print the contract as read, instead of findings")
	cmd.Flags().StringVar(&a.failOn, "fail-on", "", "the severity from which findings fail: error, warning, info (default error)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning", "info"}, cobra.ShellCompDirectiveNoFileComp))
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

// reviewAll reads and checks documents side by side. The result is in the
// order of the sources.
func (a *app) reviewAll(ctx context.Context, sources []source) ([]*review, error) {
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
	for _, r := range reviews {
		if r.err != nil {
			return nil, r.err
		}
	}
	return reviews, nil
}

func (a *app) review(ctx context.Context, s source) *review {
	r := &review{source: s}
	c, found, err := a.load(ctx, s)
	if err != nil {
		r.err = err
		return r
	}
	r.contract = c
	r.found = check.Run(c, found, check.Options{Now: a.env.Now(), AllowTypes: a.config.AllowTypes}, a.config.Settings)
	return r
}

func (a *app) printReviews(reviews []*review, events []string, threshold diag.Severity) error {
	var all []diag.Diagnostic
	var files []string
	for _, r := range reviews {
		all = append(all, r.found...)
		files = append(files, a.shownSource(r.source))
	}
	if len(events) > 0 {
		contracts := make([]*contract.Contract, len(reviews))
		for i, r := range reviews {
			contracts[i] = r.contract
		}
		for _, name := range events {
			f, err := a.eventFile(name)
			if err != nil {
				return err
			}
			all = append(all, check.SavedEvents(contracts, f)...)
			files = append(files, f.Name)
		}
	}
	color, err := a.useColor()
	if err != nil {
		return err
	}
	all = diag.Sort(a.config.Settings.Ignore(all, a.env.Now()))
	err = diag.Print(a.env.Stdout, a.format, diag.Report{Diagnostics: all, Documents: len(files), Files: files, Rules: ruleInfo, ToolVersion: version()},
		diag.Options{Color: color, Quiet: a.quiet})
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Severity >= threshold {
			return findings{}
		}
	}
	return nil
}

func (a *app) shownSource(s source) string {
	if s.text != nil {
		return stdinName
	}
	return a.shown(s.path)
}

// eventFile reads a file of saved events.
func (a *app) eventFile(name string) (*diag.File, error) {
	s, err := a.documents([]string{name})
	if err != nil {
		return nil, err
	}
	if len(s) != 1 {
		return nil, fmt.Errorf("--event %s: name one file of events", name)
	}
	text := s[0].text
	if text == nil {
		if text, err = os.ReadFile(s[0].path); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	return diag.NewFile(a.shownSource(s[0]), string(text)), nil
}

// fixAll applies safe fixes, writes the files, and reads them again, until
// there is nothing left to fix.
func (a *app) fixAll(ctx context.Context, sources []source, reviews []*review) ([]*review, error) {
	total := 0
	for range fixRounds {
		var all []diag.Diagnostic
		for _, r := range reviews {
			if r.source.text != nil {
				return nil, fmt.Errorf("--fix cannot write to the standard input; name a file")
			}
			all = append(all, r.found...)
		}
		changed, applied, _ := diag.ApplyFixes(diag.Sort(all))
		if applied == 0 {
			break
		}
		total += applied
		for f, text := range changed {
			if err := replaceFile(filepath.Join(a.env.Dir, filepath.FromSlash(f.Name)), text); err != nil {
				return nil, fmt.Errorf("cannot write %s: %w", f.Name, err)
			}
		}
		var err error
		if reviews, err = a.reviewAll(ctx, sources); err != nil {
			return nil, err
		}
	}
	if !a.quiet {
		fmt.Fprintf(a.env.Stderr, "fixed %s\n", count(total, "finding"))
	}
	return reviews, nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// replaceFile writes a file whole or not at all, with the mode that it had.
func replaceFile(path, text string) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".treaty-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if e := f.Chmod(mode); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
