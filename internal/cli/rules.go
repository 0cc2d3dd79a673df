package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
	"github.com/treaty-events/treaty/internal/config"
)

// ruleJSON is a rule as rules and explain print it for machines.
type ruleJSON struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Family   string   `json:"family"`
	Severity string   `json:"severity"`
	Since    string   `json:"since"`
	Reason   string   `json:"reason,omitempty"`
	Before   string   `json:"before,omitempty"`
	Fails    string   `json:"fails,omitempty"`
	Findings string   `json:"findings,omitempty"`
	Passes   string   `json:"passes,omitempty"`
	Advice   []string `json:"advice,omitempty"`
}

func ruleAsJSON(r *check.Rule) ruleJSON {
	return ruleJSON{ID: r.ID, Title: r.Title, Family: string(r.Family), Severity: r.Severity.String(), Since: r.Since}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func rulesCommand(a *app) *cobra.Command {
	var family string
	cmd := &cobra.Command{
		Use: "rules", Short: "List the rules", Args: atMost(0, "none"),
		Example: "  treaty rules --family delivery",
		RunE: func(*cobra.Command, []string) error {
			var families []string
			var list []*check.Rule
			for _, r := range check.Table() {
				if !slices.Contains(families, string(r.Family)) {
					families = append(families, string(r.Family))
				}
				if family == "" || string(r.Family) == family {
					list = append(list, r)
				}
			}
			if len(list) == 0 {
				return fmt.Errorf("there is no family %q of rules; %s", family, config.Hint(family, families))
			}
			if a.format == "json" {
				out := struct {
					Rules []ruleJSON `json:"rules"`
				}{}
				for _, r := range list {
					out.Rules = append(out.Rules, ruleAsJSON(r))
				}
				return writeJSON(a.env.Stdout, out)
			}
			w := tabwriter.NewWriter(a.env.Stdout, 0, 8, 2, ' ', 0)
			last := check.Family("")
			for _, r := range list {
				if r.Family != last && !a.quiet {
					if last != "" {
						fmt.Fprintln(w)
					}
					fmt.Fprintf(w, "%s\n", r.Family)
				}
				last = r.Family
				if a.quiet {
					fmt.Fprintln(w, r.ID)
				} else {
					fmt.Fprintf(w, "  %s\t%s\t%s\n", r.ID, r.Severity, r.Title)
				}
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&family, "family", "", "only the rules of a `FAMILY`: specification, meaning, events, delivery, documentation, compatibility")
	a.addFormat(cmd, "text", "json")
	return cmd
}

func explainCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain ID", Short: "Explain a rule, with an example that fails and one that passes",
		Example: "  treaty explain event-type-tense",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explain takes the id of one rule, such as event-type-tense; treaty rules lists them")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ruleIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			r := check.Named(args[0])
			if r == nil {
				if near, ok := diag.Nearest(args[0], ruleIDs()); ok {
					return fmt.Errorf("there is no rule %q; did you mean %q?", args[0], near)
				}
				return fmt.Errorf("there is no rule %q; treaty rules lists them", args[0])
			}
			e := check.Example(r.ID)
			if a.format == "json" {
				j := ruleAsJSON(r)
				j.Reason, j.Before, j.Fails, j.Findings, j.Passes, j.Advice = r.Reason, e.Before, e.Fails, e.Finds, e.Passes, r.Advice
				return writeJSON(a.env.Stdout, j)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s: %s\n%s, %s, since %s\n\n%s\n", r.ID, r.Title, r.Severity, r.Family, r.Since, wrap(r.Reason, 80))
			if len(r.Advice) > 0 {
				fmt.Fprintf(&b, "\nWhat to do: %s.\n", strings.Join(r.Advice, "; or "))
			}
			for _, part := range []struct{ title, text string }{{"Before", e.Before}, {"Fails", e.Fails}, {"Finds", e.Finds}, {"Passes", e.Passes}} {
				if part.text != "" {
					fmt.Fprintf(&b, "\n%s:\n\n%s", part.title, indent(part.text))
				}
			}
			_, err := io.WriteString(a.env.Stdout, b.String())
			return err
		},
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func ruleIDs() []string {
	var ids []string
	for _, r := range check.Table() {
		ids = append(ids, r.ID)
	}
	return ids
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("    ")
		}
		b.WriteString(diag.Visible(strings.TrimRight(line, "\n")))
		b.WriteByte('\n')
	}
	return b.String()
}

// wrap breaks paragraphs into lines.
func wrap(text string, width int) string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line, "")
	}
	return strings.Join(out[:len(out)-1], "\n")
}
