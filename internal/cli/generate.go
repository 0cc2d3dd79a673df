package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/config"
	"github.com/treaty-events/treaty/internal/gen"
)

type generateFlags struct {
	out, only, pkg string
	check          bool
}

func generateCommand(a *app) *cobra.Command {
	var flags generateFlags
	var targets strings.Builder
	for _, t := range gen.Targets {
		fmt.Fprintf(&targets, "  %-12s %s\n", t.Name, t.Title)
	}
	cmd := &cobra.Command{
		Use: "generate [TARGET [CONTRACT]]", Short: "Make typed code of a contract",
		Long: `Make typed code of a contract: types for every payload, and what sends, receives and
validates the events in the target's language. What is generated refuses what the
contract refuses.

Targets:
` + targets.String() + `
Without a target, what treaty.yaml lists under generate is made. A folder that treaty
made has a file treaty.generated.json, which lists what is its own; no other file is
ever touched. --check writes nothing, and exits with 1 where a file is not as it would
be made.`,
		Example: `  treaty generate go orders.asyncapi.yaml -o internal/events
  treaty generate typescript orders.asyncapi.yaml -o web/src/events --only receive
  treaty generate --check`,
		Args: atMost(2, "a target and a contract"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.generate(cmd.Context(), args, flags) },
	}
	cmd.Flags().StringVarP(&flags.out, "out", "o", "", "the `DIR` to write to")
	cmd.Flags().StringVar(&flags.only, "only", "", "`WHAT` to make: send, receive or types; everything otherwise")
	cmd.Flags().StringVar(&flags.pkg, "package", "", "the `NAME` of the package or module, where the target has one")
	cmd.Flags().BoolVar(&flags.check, "check", false, "write nothing; exit with 1 where files are stale")
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json")
	return cmd
}

// generated is what became of one folder, in the JSON of generate.
type generated struct {
	Target  string   `json:"target"`
	Out     string   `json:"out"`
	Written []string `json:"written"`
	Removed []string `json:"removed"`
	Stale   []string `json:"stale"`
}

func (a *app) generate(ctx context.Context, args []string, flags generateFlags) error {
	if err := a.loadConfig(); err != nil {
		return err
	}
	var all []config.Generation
	if len(args) == 0 {
		if flags.out != "" || flags.only != "" || flags.pkg != "" {
			return errors.New("--out, --only and --package go with a target; without one treaty.yaml says what is made")
		}
		if all = a.config.Generate; len(all) == 0 {
			return errors.New("there is nothing to generate: name a target (treaty generate go CONTRACT -o DIR), or list what is wanted under generate in treaty.yaml")
		}
		for i := range all {
			all[i].Document = filepath.Join(a.config.Dir(), filepath.FromSlash(all[i].Document))
			all[i].Out = filepath.Join(a.config.Dir(), filepath.FromSlash(all[i].Out))
		}
	} else {
		if flags.out == "" {
			return fmt.Errorf("generate %s: no folder is named; give -o DIR", args[0])
		}
		one := config.Generation{Target: args[0], Out: a.absolute(flags.out), Only: flags.only, Package: flags.pkg}
		if len(args) > 1 {
			one.Document = args[1]
		}
		all = []config.Generation{one}
	}
	// All are worked out before any is written.
	folders := make([]*gen.Folder, len(all))
	taken := map[string]bool{}
	for i, one := range all {
		if out := filepath.Clean(one.Out); !taken[out] {
			taken[out] = true
		} else {
			return fmt.Errorf("generate: two entries of treaty.yaml write to %s; give each a folder of its own", a.shown(out))
		}
		var err error
		if folders[i], err = a.plan(ctx, one); err != nil {
			return err
		}
	}
	results := []generated{}
	stale := false
	for i, one := range all {
		r, err := a.generateOne(one, folders[i], flags.check)
		if err != nil {
			return fmt.Errorf("generate %s: %w", one.Target, err)
		}
		stale = stale || len(r.Stale) > 0
		results = append(results, *r)
	}
	if a.format == "json" {
		if err := json.NewEncoder(a.env.Stdout).Encode(map[string]any{"generated": results}); err != nil {
			return err
		}
	} else if !a.quiet {
		for _, r := range results {
			printGenerated(a.env.Stdout, r, flags.check)
		}
	}
	if flags.check && stale {
		return findings{}
	}
	return nil
}

func printGenerated(w io.Writer, r generated, check bool) {
	join := func(name string) string { return strings.TrimSuffix(r.Out, "/") + "/" + name }
	if check {
		for _, name := range r.Stale {
			fmt.Fprintf(w, "stale: %s\n", join(name))
		}
		if len(r.Stale) > 0 {
			fmt.Fprintf(w, "treaty generate writes %s anew\n", r.Out)
		}
		return
	}
	for _, name := range r.Written {
		fmt.Fprintf(w, "wrote %s\n", join(name))
	}
	for _, name := range r.Removed {
		fmt.Fprintf(w, "removed %s\n", join(name))
	}
	if len(r.Written)+len(r.Removed) == 0 {
		fmt.Fprintf(w, "%s is fresh\n", r.Out)
	}
}

// plan works out what is made of a folder.
func (a *app) plan(ctx context.Context, one config.Generation) (*gen.Folder, error) {
	t, err := gen.Named(one.Target)
	if err != nil {
		return nil, fmt.Errorf("generate %s: %w", one.Target, err)
	}
	only := gen.Only(one.Only)
	switch only {
	case gen.Everything, gen.Sends, gen.Receives, gen.Types:
	default:
		return nil, fmt.Errorf("generate %s: --only %s is no part of a contract; %s", one.Target, one.Only, config.Hint(one.Only, []string{"send", "receive", "types"}))
	}
	c, err := a.wholeContract(ctx, one)
	if err != nil {
		return nil, err
	}
	in := &gen.Input{Model: gen.ModelOf(c, only), Only: only, Package: one.Package, Version: stampVersion()}
	if len(in.Events) == 0 {
		return nil, fmt.Errorf("generate %s: the contract %q has no event to %s", one.Target, c.Title, firstWord(one.Only, "generate"))
	}
	folder, err := gen.Plan(t, in, one.Out)
	if err != nil {
		return nil, fmt.Errorf("generate %s: %w", one.Target, err)
	}
	return folder, nil
}

// generateOne writes a folder, or says what of it is stale.
func (a *app) generateOne(one config.Generation, folder *gen.Folder, check bool) (*generated, error) {
	r := &generated{Target: one.Target, Out: a.shown(one.Out), Written: []string{}, Removed: []string{}, Stale: []string{}}
	if check {
		stale, err := folder.Stale()
		r.Stale = append(r.Stale, stale...)
		return r, err
	}
	written, removed, err := folder.Write()
	if err != nil {
		return nil, err
	}
	r.Written, r.Removed = append(r.Written, written...), append(r.Removed, removed...)
	return r, nil
}

func firstWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// wholeContract loads a contract that code is made of: one with errors is none.
func (a *app) wholeContract(ctx context.Context, one config.Generation) (*contract.Contract, error) {
	var args []string
	if one.Document != "" {
		args = []string{one.Document}
	}
	s, err := a.onlyDocument(args)
	if err != nil {
		return nil, err
	}
	c, found, err := a.load(ctx, s)
	if err != nil {
		return nil, err
	}
	var first *diag.Diagnostic
	n := 0
	for i := range found {
		if found[i].Severity == diag.Error {
			if n++; first == nil {
				first = &found[i]
			}
		}
	}
	if first != nil {
		return nil, fmt.Errorf("generate %s: %s has %s, and code is made of contracts without; the first: %s: %s; treaty check says more", one.Target, a.shownSource(s), count(n, "error"), first.Span, first.Message)
	}
	return c, nil
}

var released = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v\d+\.\d+\.\d+$`) })

// stampVersion is the version that generated files are stamped with: that of a
// release, or else the same word for every build between releases, so that the
// files do not go stale with each commit.
func stampVersion() string {
	if v := version(); released().MatchString(v) {
		return v
	}
	return "devel"
}
