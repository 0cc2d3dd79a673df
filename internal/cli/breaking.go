package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
)

// breakingFlags are the flags of the gate.
type breakingFlags struct {
	against    string
	transitive bool
	unknown    string // what becomes of what could not be decided
	verbose    bool
}

func (f *breakingFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.against, "against", "", "compare with `REV`: a git revision, a file or a folder")
	cmd.Flags().BoolVar(&f.transitive, "transitive", false, "compare with every released version (git tag) whose events are still kept, not the last alone")
	cmd.Flags().StringVar(&f.unknown, "unknown", "fail", "what becomes of changes that could not be decided: fail or `pass`")
}

func breakingCommand(a *app) *cobra.Command {
	var flags breakingFlags
	cmd := &cobra.Command{
		Use:   "breaking [PATH...] --against REV",
		Short: "Tell whether a change breaks somebody, and show the event that proves it",
		Long: `Compare contracts with what they were, and say of each change whom it breaks.

REV is a git revision (main, HEAD~3, v1.2.0), a file or a folder. Documents are
taken as a whole from there, with all that they refer to. Contracts are compared by
what they mean: by event type, channel address and operation, not by key.

For each payload that changed, treaty asks whether everything that producers may
send is understood by every consumer, old and new, under the policy of the old
contract (x-compatibility), and for kept events too. A no comes with the least event
that proves it. Consumers that treaty.yaml lists are named where they break.

The exit code is 0 where nothing breaks, 1 where something does or could not be
decided, 2 where treaty could not run.`,
		Example: `  treaty breaking --against main
  treaty breaking contracts/orders.asyncapi.yaml --against v1.2.0
  treaty breaking new.yaml --against old.yaml --format json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.breaking(cmd.Context(), args, flags) },
	}
	flags.add(cmd)
	cmd.Flags().BoolVarP(&flags.verbose, "verbose", "v", false, "print compatible changes too")
	cmd.Flags().StringVar(&a.failOn, "fail-on", "", "the `SEVERITY` from which changes fail: error (breaking, unknown), warning (risky), info (default error)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning", "info"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("unknown", cobra.FixedCompletions([]string{"fail", "pass"}, cobra.ShellCompDirectiveNoFileComp))
	a.addReading(cmd)
	a.addFormat(cmd, append(formatNames(), "markdown")...)
	return cmd
}

func (a *app) breaking(ctx context.Context, args []string, flags breakingFlags) error {
	if flags.against == "" {
		return errors.New("treaty breaking needs something to compare with; write --against main, or a file or folder")
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
	compared, err := a.compareAll(ctx, args, flags)
	if err != nil {
		return err
	}
	if err := a.printChanges(compared, color, flags.verbose); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if compared.failing(threshold) {
		return findings{}
	}
	return nil
}

// comparison is what comparing all documents has found.
type comparison struct {
	against   string
	changes   []*check.Change
	about     []diag.Diagnostic // findings about the decisions themselves
	documents int
	passes    bool // what is unknown does not fail
	old, new  []*contract.Contract
}

func (c *comparison) failing(threshold diag.Severity) bool {
	for _, change := range c.changes {
		if change.Accepted != nil || change.Weight == check.Unknown && c.passes {
			continue
		}
		if change.Weight.Severity() >= threshold {
			return true
		}
	}
	return atLeast(c.about, threshold) > 0
}

// compareAll compares the documents that are asked for with the other side.
func (a *app) compareAll(ctx context.Context, args []string, flags breakingFlags) (*comparison, error) {
	switch flags.unknown {
	case "fail", "pass":
	default:
		return nil, fmt.Errorf("--unknown %q is not known; it is fail or pass", flags.unknown)
	}
	o, err := a.against(ctx, flags.against)
	if err != nil {
		return nil, err
	}
	defer o.close()
	// What is not here any more may still be there.
	present := slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		_, err := os.Stat(a.absolute(arg))
		return arg != "-" && err != nil && os.IsNotExist(err) && !isGlob(arg)
	})
	var here []source
	if len(present) > 0 || len(args) == 0 {
		if here, err = a.documents(present); err != nil {
			return nil, err
		}
	}
	gone, err := a.missing(ctx, o, args, here)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		if slices.Contains(present, arg) {
			continue
		}
		full := realPath(a.absolute(arg))
		if !slices.ContainsFunc(gone, func(p string) bool { return inside(full, p) }) {
			return nil, fmt.Errorf("%s does not exist, neither here nor in %s%s", arg, flags.against, nearFile(a.absolute(arg)))
		}
	}
	if o.file != "" && len(here) != 1 {
		return nil, fmt.Errorf("%s is one document, and there are %d to compare with it; name one", flags.against, len(here))
	}
	base := a.env.Dir
	if len(args) == 1 {
		if at := a.absolute(args[0]); !isGlob(args[0]) {
			base = at
			if info, err := os.Stat(at); err == nil && !info.IsDir() {
				base = filepath.Dir(at)
			}
		}
	}
	consumers, err := a.consumers(ctx)
	if err != nil {
		return nil, err
	}

	type pair struct{ old, new side }
	var pairs []pair
	var added []int
	for _, s := range here {
		var p pair
		c, found, err := a.load(ctx, s)
		if err != nil {
			return nil, err
		}
		p.new = side{c, found, a.shownSource(s), s.path}
		if p.old, err = a.loadOther(ctx, o, s.path, base); err != nil {
			return nil, err
		}
		if p.old.contract == nil {
			added = append(added, len(pairs))
		}
		pairs = append(pairs, p)
	}
	for _, path := range gone {
		old, err := a.loadOther(ctx, o, path, base)
		if err != nil {
			return nil, err
		}
		if old.contract == nil || slices.ContainsFunc(pairs, func(p pair) bool { return p.old.shown == old.shown }) {
			continue
		}
		// A document that moved is the same one elsewhere.
		moved := -1
		for _, i := range added {
			if pairs[i].old.contract == nil && sameContract(old.contract, pairs[i].new.contract) {
				moved = i
				break
			}
		}
		if moved >= 0 {
			pairs[moved].old = old
			continue
		}
		pairs = append(pairs, pair{old: old})
	}

	result := &comparison{against: flags.against, passes: flags.unknown == "pass"}
	for _, p := range pairs {
		result.documents++
		comparing := check.Comparing{Consumers: others(consumers, p.new.contract), AllConsumers: a.config.AllConsumers, Settings: a.config.Settings, OldFaults: p.old.faults, NewFaults: p.new.faults}
		changes, err := compareOne(p.old, p.new, comparing)
		if err != nil {
			return nil, err
		}
		if p.old.contract != nil && p.new.contract != nil && (flags.transitive || isTransitive(p.old.contract)) {
			more, err := a.compareReleases(ctx, p.old, p.new, comparing, changes)
			if err != nil {
				return nil, err
			}
			changes = append(changes, more...)
		}
		changes = check.CheckVersion(p.old.contract, p.new.contract, changes, a.config.Settings)
		result.changes = append(result.changes, changes...)
		result.old, result.new = append(result.old, p.old.contract), append(result.new, p.new.contract)
	}
	result.about = a.config.Settings.Accept(result.changes, check.Options{Now: a.env.Now()})
	return result, nil
}

// compareOne compares two contracts; a fault of treaty's own names the document.
func compareOne(old, new side, o check.Comparing) (changes []*check.Change, err error) {
	shown := new.shown
	if shown == "" {
		shown = old.shown
	}
	defer caught(&err, shown)
	return check.Compare(old.contract, new.contract, o), nil
}

// sameContract reports whether two documents are one: by id, by title, or by
// most of their event types.
func sameContract(a, b *contract.Contract) bool {
	if a.ID != "" || b.ID != "" {
		return a.ID == b.ID
	}
	if a.Title != "" && a.Title == b.Title {
		return true
	}
	have := map[string]bool{}
	for _, e := range a.EventTypes {
		have[e.Type] = true
	}
	shared := 0
	for _, e := range b.EventTypes {
		if have[e.Type] {
			shared++
		}
	}
	return shared > 0 && 2*shared >= max(len(a.EventTypes), len(b.EventTypes))
}

// others are the consumers but the contract itself.
func others(all []check.Consumer, self *contract.Contract) []check.Consumer {
	if self == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(c check.Consumer) bool {
		return c.Contract.Span().File != nil && self.Span().File != nil && c.Contract.Span().File.Name == self.Span().File.Name
	})
}

// consumers reads the documents of consumers that treaty.yaml lists.
func (a *app) consumers(ctx context.Context) ([]check.Consumer, error) {
	var all []check.Consumer
	for _, pattern := range a.config.Consumers {
		found, err := find(a.config.Dir(), pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: consumers: %w", a.shown(a.config.Path), err)
		}
		for _, path := range found {
			c, _, err := a.load(ctx, source{path: path})
			if err != nil {
				return nil, fmt.Errorf("%s: consumers: %w", a.shown(a.config.Path), err)
			}
			name := c.Title
			if name == "" {
				name = a.shown(path)
			}
			all = append(all, check.Consumer{Name: name, Contract: c})
		}
	}
	return all, nil
}

func isTransitive(c *contract.Contract) bool {
	if c.Compatibility.Transitive {
		return true
	}
	for _, ch := range c.Channels {
		if ch.Compatibility.Transitive {
			return true
		}
		for _, m := range ch.Messages {
			if m.Compatibility.Transitive {
				return true
			}
		}
	}
	return false
}

// compareReleases compares with every released version whose events are still
// kept.
func (a *app) compareReleases(ctx context.Context, old, new side, o check.Comparing, known []*check.Change) ([]*check.Change, error) {
	releases, repo, err := a.releases(ctx, a.config.ReleaseTags())
	if err != nil {
		return nil, err
	}
	var all []*check.Change
	told := map[string]bool{}
	key := func(c *check.Change) string {
		return strings.Join([]string{c.Rule, c.Event, c.Channel, string(c.Direction), string(c.Law)}, "\x00")
	}
	for _, c := range known {
		told[key(c)] = c.Weight >= check.Unknown
	}
	o.SchemasOnly = true
	for i := len(releases) - 1; i >= 0; i-- { // the latest that shows it is named
		r := releases[i]
		before, err := a.loadRevision(ctx, repo, r.rev, r.tree, new.path)
		if err != nil {
			return nil, err
		}
		if before.contract != nil {
			o.OldFaults = before.faults
			changes, err := compareOne(before, new, o)
			if err != nil {
				return nil, err
			}
			changes = append(changes, check.ReusedFields(before.contract, old.contract, new.contract, o)...)
			for _, c := range changes {
				if c.Weight < check.Unknown || told[key(c)] || c.Rule != check.ReusedFieldID && !check.Keeps(new.contract, c.Channel, r.until, a.env.Now()) {
					continue
				}
				told[key(c)] = true
				c.Message += ", compared with release " + r.rev.Name
				all = append(all, c)
			}
		}
		r.tree.Close()
	}
	return all, nil
}

// addChanges adds to a review what its documents change with respect to others.
func (a *app) addChanges(ctx context.Context, report *diag.Report, args []string, flags breakingFlags) error {
	c, err := a.compareAll(ctx, args, flags)
	if err != nil {
		return err
	}
	for _, change := range grouped(c.changes) {
		if change.Weight == check.Compatible || change.Accepted != nil {
			continue
		}
		d := change.Diagnostic()
		if change.Weight == check.Unknown && c.passes {
			d.Severity = diag.Warning
		}
		report.Diagnostics = append(report.Diagnostics, d)
	}
	report.Diagnostics = diag.Sort(append(report.Diagnostics, c.about...))
	return nil
}

// printChanges writes what was found.
func (a *app) printChanges(c *comparison, color, verbose bool) error {
	switch a.format {
	case "json":
		return a.changesJSON(c)
	case "markdown":
		_, err := fmt.Fprint(a.env.Stdout, markdownChanges(c))
		return err
	}
	report := diag.Report{Rules: ruleInfo, ToolVersion: version(), Documents: c.documents, Diagnostics: slices.Clone(c.about)}
	for _, f := range c.new {
		if f != nil && f.Span().File != nil {
			report.Files = append(report.Files, f.Span().File.Name)
		}
	}
	for _, change := range grouped(c.changes) {
		if change.Weight == check.Compatible && !verbose && change.Accepted == nil && a.format != "sarif" {
			continue
		}
		report.Diagnostics = append(report.Diagnostics, change.Diagnostic())
	}
	if a.format != "text" {
		report.Diagnostics = diag.Sort(report.Diagnostics)
	}
	report.Total, report.Worst = c.total()
	return diag.Print(a.env.Stdout, a.format, report, diag.Options{Color: color, Quiet: a.quiet, Width: a.width()})
}

// grouped puts changes together that are one change in a schema which several
// events share: the first is shown, and says which others there are.
func grouped(changes []*check.Change) []*check.Change {
	type key struct {
		rule, message string
		weight        check.Weight
		law           check.Law
		old, new      diag.Span
		accepted      bool
	}
	first := map[key]*check.Change{}
	also := map[*check.Change][]string{}
	var out []*check.Change
	for _, c := range changes {
		k := key{c.Rule, strings.ReplaceAll(c.Message, c.Event, ""), c.Weight, c.Law, c.Old, c.New, c.Accepted != nil}
		if f := first[k]; f != nil && c.Compared && c.Event != f.Event {
			also[f] = append(also[f], c.Event)
			continue
		}
		one := *c
		first[k] = &one
		out = append(out, &one)
	}
	for _, c := range out {
		if more := also[c]; len(more) > 0 {
			slices.Sort(more)
			c.Message += ", and so for " + strings.Join(slices.Compact(more), ", ")
		}
	}
	return out
}

// tally counts changes by weight, accepted ones apart.
func (c *comparison) tally() (counts [4]int, accepted int) {
	for _, change := range c.changes {
		if change.Accepted != nil {
			accepted++
			continue
		}
		counts[change.Weight]++
	}
	return counts, accepted
}

func (c *comparison) total() (string, diag.Severity) {
	counts, accepted := c.tally()
	var parts []string
	for _, w := range []check.Weight{check.Breaking, check.Unknown, check.Risky, check.Compatible} {
		if counts[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[w], w))
		}
	}
	if accepted > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted", accepted))
	}
	verdict := check.Verdict(c.changes)
	worst := map[string]diag.Severity{"breaking": diag.Error, "unknown": diag.Error, "compatible": diag.Info}[verdict]
	if len(parts) == 0 {
		return fmt.Sprintf("compatible with %s: nothing changed in %s", c.against, count(c.documents, "document")), worst
	}
	head := verdict + " with respect to " + c.against
	switch verdict {
	case "compatible":
		head = "compatible with " + c.against
	case "unknown":
		head = "could not be decided against " + c.against
	}
	return fmt.Sprintf("%s: %s; suggested bump: %s", head, strings.Join(parts, ", "), check.BumpFor(c.changes)), worst
}

// The JSON that scripts rely on: fields may be added, never changed.
type (
	jsonChange struct {
		Rule        string          `json:"rule"`
		Severity    string          `json:"severity"`
		Who         []string        `json:"who"`
		Event       string          `json:"event,omitempty"`
		Channel     string          `json:"channel,omitempty"`
		Operation   string          `json:"operation,omitempty"`
		Direction   string          `json:"direction,omitempty"`
		Pointer     string          `json:"pointer"`
		Message     string          `json:"message"`
		Law         string          `json:"law,omitempty"`
		Old         jsonPlace       `json:"old"`
		New         jsonPlace       `json:"new"`
		Containment string          `json:"containment,omitempty"`
		Witness     json.RawMessage `json:"witness,omitempty"`
		WitnessAt   string          `json:"witnessAt,omitempty"`
		Reason      string          `json:"reason,omitempty"`
		Changed     []string        `json:"changed,omitempty"`
		Consumers   []string        `json:"consumers,omitempty"`
		Advice      []string        `json:"advice,omitempty"`
		Accepted    *jsonAccepted   `json:"accepted,omitempty"`
	}
	jsonPlace struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	}
	jsonAccepted struct {
		Reason string `json:"reason"`
		Until  string `json:"until,omitempty"`
	}
	jsonCounts struct {
		Breaking   int `json:"breaking"`
		Risky      int `json:"risky"`
		Compatible int `json:"compatible"`
		Unknown    int `json:"unknown"`
		Accepted   int `json:"accepted,omitempty"`
	}
	jsonComparison struct {
		Verdict       string       `json:"verdict"`
		Changes       []jsonChange `json:"changes"`
		Summary       jsonCounts   `json:"summary"`
		SuggestedBump string       `json:"suggestedBump"`
	}
)

func jsonOf(c *check.Change) jsonChange {
	place := func(s diag.Span) jsonPlace {
		if s.File == nil {
			return jsonPlace{}
		}
		at := s.Position()
		return jsonPlace{s.File.Name, at.Line, at.Column}
	}
	j := jsonChange{Rule: c.Rule, Severity: c.Weight.String(), Who: c.Who, Event: c.Event, Channel: c.Channel, Operation: c.Operation,
		Direction: string(c.Direction), Pointer: c.Pointer, Message: c.Message, Law: string(c.Law), Old: place(c.Old), New: place(c.New),
		Witness: c.Witness, WitnessAt: c.WitnessAt, Reason: c.Reason, Consumers: c.Consumers}
	if c.Compared {
		j.Containment = c.Verdict.String()
	}
	for _, s := range c.Spots {
		j.Changed = append(j.Changed, s.String())
	}
	if c.Weight >= check.Risky {
		j.Advice = c.Advice
	}
	if c.Accepted != nil {
		j.Accepted = &jsonAccepted{Reason: c.Accepted.Reason}
		if !c.Accepted.Until.IsZero() {
			j.Accepted.Until = c.Accepted.Until.Format(time.DateOnly)
		}
	}
	return j
}

func (a *app) changesJSON(c *comparison) error {
	counts, accepted := c.tally()
	j := jsonComparison{Verdict: check.Verdict(c.changes), Changes: []jsonChange{}, SuggestedBump: check.BumpFor(c.changes).String(),
		Summary: jsonCounts{counts[check.Breaking], counts[check.Risky], counts[check.Compatible], counts[check.Unknown], accepted}}
	for _, change := range c.changes {
		j.Changes = append(j.Changes, jsonOf(change))
	}
	text, err := marshalLine(j)
	if err != nil {
		return err
	}
	_, err = a.env.Stdout.Write(text)
	return err
}
