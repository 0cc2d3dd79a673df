package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/check"
)

func changelogCommand(a *app) *cobra.Command {
	var flags breakingFlags
	cmd := &cobra.Command{
		Use:   "changelog OLD [NEW]",
		Short: "Tell people what changed, by event type, and who has to do what",
		Long: `Write what changed from OLD to NEW for people: grouped by event type, with what each
change means for producers, consumers and operators.

OLD is a git revision, a file or a folder. NEW is a file or a folder; without it, the
documents of treaty.yaml, else all below the working directory.`,
		Example: `  treaty changelog v1.2.0
  treaty changelog main contracts --format markdown
  treaty changelog old.yaml new.yaml --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return fmt.Errorf("treaty changelog needs what to compare with, and at most one path; treaty changelog -h shows an example")
			}
			if err := a.loadConfig(); err != nil {
				return err
			}
			flags.against, flags.unknown = args[0], "fail"
			c, err := a.compareAll(cmd.Context(), args[1:], flags)
			if err != nil {
				return err
			}
			switch a.format {
			case "json":
				return a.changesJSON(c)
			case "markdown":
				_, err = fmt.Fprint(a.env.Stdout, markdownChanges(c))
			default:
				_, err = fmt.Fprint(a.env.Stdout, textChanges(c))
			}
			return err
		},
	}
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json", "markdown")
	return cmd
}

// chapter is the changes of one event type, or of what is about none.
type chapter struct {
	title   string
	changes []*check.Change
}

// chapters groups changes by event type; those that break come first, and within
// one the heaviest.
func chapters(changes []*check.Change) []chapter {
	byTitle := map[string]*chapter{}
	var order []string
	for _, c := range changes {
		title := c.Event
		if title == "" {
			title = c.Channel
		}
		if byTitle[title] == nil {
			byTitle[title] = &chapter{title: title}
			order = append(order, title)
		}
		byTitle[title].changes = append(byTitle[title].changes, c)
	}
	heaviest := func(c *chapter) int {
		worst := 0
		for _, change := range c.changes {
			worst = max(worst, int(change.Weight))
		}
		return worst
	}
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(heaviest(byTitle[b])-heaviest(byTitle[a]), strings.Compare(a, b))
	})
	var out []chapter
	for _, title := range order {
		c := *byTitle[title]
		slices.SortStableFunc(c.changes, func(a, b *check.Change) int { return int(b.Weight) - int(a.Weight) })
		if c.title == "" {
			c.title = "The document"
		}
		out = append(out, c)
	}
	return out
}

// todo is what somebody has to do about a change.
func todo(c *check.Change) string {
	switch {
	case c.Accepted != nil:
		return "accepted: " + c.Accepted.Reason
	case c.Weight == check.Compatible:
		return ""
	case len(c.Advice) > 0:
		return strings.Join(c.Advice, "; or ")
	case c.Weight == check.Risky:
		return c.Affected() + ": look at it before taking the new version"
	}
	return c.Affected() + ": take the change together"
}

func textChanges(c *comparison) string {
	var b strings.Builder
	total, _ := c.total()
	fmt.Fprintln(&b, diag.Visible(total))
	for _, ch := range chapters(c.changes) {
		fmt.Fprintf(&b, "\n%s\n", diag.Visible(ch.title))
		for _, change := range ch.changes {
			word := change.Weight.String()
			if change.Accepted != nil {
				word = "accepted"
			}
			fmt.Fprintf(&b, "  %-10s  %s", word, diag.Visible(change.Message))
			if change.Weight >= check.Risky {
				fmt.Fprintf(&b, " (%s)", diag.Visible(change.Affected()))
			}
			b.WriteByte('\n')
			if len(change.Spots) > 0 && change.Weight > check.Compatible {
				for _, s := range change.Spots {
					fmt.Fprintf(&b, "              %s\n", diag.Visible(s.String()))
				}
			}
			if change.Witness != nil {
				fmt.Fprintf(&b, "              event: %s\n", diag.Visible(string(change.Witness)))
			}
			if do := todo(change); do != "" {
				fmt.Fprintf(&b, "              to do: %s\n", diag.Visible(do))
			}
		}
	}
	return b.String()
}

// markdownChanges is the changes as Markdown, fit for a comment on a pull
// request.
func markdownChanges(c *comparison) string {
	var b strings.Builder
	counts, accepted := c.tally()
	verdict := check.Verdict(c.changes)
	sign := map[string]string{"breaking": "❌ Breaking", "unknown": "❔ Undecided", "compatible": "✅ Compatible"}[verdict]
	fmt.Fprintf(&b, "## %s: contracts against %s\n\n", sign, codeSpan(c.against))
	if len(c.changes) == 0 {
		fmt.Fprintf(&b, "Nothing changed in %s.\n", count(c.documents, "document"))
		return b.String()
	}
	fmt.Fprintf(&b, "| breaking | undecided | risky | compatible | accepted | suggested bump |\n|---|---|---|---|---|---|\n| %d | %d | %d | %d | %d | %s |\n",
		counts[check.Breaking], counts[check.Unknown], counts[check.Risky], counts[check.Compatible], accepted, check.BumpFor(c.changes))
	for _, ch := range chapters(c.changes) {
		fmt.Fprintf(&b, "\n### %s\n\n", markdownText(ch.title))
		for _, change := range ch.changes {
			word := change.Weight.String()
			if change.Accepted != nil {
				word = "accepted"
			}
			fmt.Fprintf(&b, "- **%s** %s: %s", word, codeSpan(change.Rule), markdownText(change.Message))
			if change.Weight >= check.Risky {
				fmt.Fprintf(&b, " (%s)", markdownText(change.Affected()))
			}
			b.WriteByte('\n')
			if change.Weight > check.Compatible {
				for _, s := range change.Spots {
					fmt.Fprintf(&b, "  - %s\n", markdownText(s.String()))
				}
			}
			if change.Reason != "" {
				fmt.Fprintf(&b, "  - refused: %s\n", markdownText(change.Reason))
			}
			if change.Witness != nil {
				fmt.Fprintf(&b, "\n  <details><summary>the event that shows it</summary>\n\n  ```json\n%s\n  ```\n\n  </details>\n\n", indented(change.Witness))
			}
			if do := todo(change); do != "" {
				fmt.Fprintf(&b, "  - to do: %s\n", markdownText(do))
			}
		}
	}
	return b.String()
}

// codeSpan is a text in a code span, whatever backquotes it has.
func codeSpan(s string) string {
	s = strings.Map(oneLine, s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// markdownText is a text in which nothing is markup.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range diag.Visible(s) {
		switch {
		case strings.ContainsRune("\\`*_[]<>|#@!~$", r):
			b.WriteByte('\\')
		case r < ' ':
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// indented is a JSON value over several lines, within a list.
func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "  ", "  "); err != nil {
		return "  " + string(text)
	}
	return "  " + strings.ReplaceAll(b.String(), "```", "`\u200b``")
}
