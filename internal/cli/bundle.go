package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

func bundleCommand(a *app) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "bundle [PATH]", Short: "Make one file out of many",
		Long: `Bring a document and all that it refers to into one file. What other files define
becomes a component. Comments are kept where their lines survive. A document of 2.x
becomes one of 3.1 on the way.`,
		Example: `  treaty bundle asyncapi.yaml -o dist/asyncapi.yaml
  treaty bundle asyncapi.yaml --format json`,
		Args: atMost(1, "one document"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			unfollowed := []string{document.RuleRefUnresolved, document.RuleRefRefused, document.RuleRefCycle}
			s, doc, err := a.readWhole(cmd.Context(), args, unfollowed)
			if err != nil {
				return err
			}
			if doc.Version.Major == 2 {
				// The upgrade is a document of its own, in the place of the other.
				text, err := syntax.Emit(document.Upgraded(doc), syntax.FormatOf(doc.Name, doc.Written.File.Text), syntax.EmitOptions{})
				if err != nil {
					return fmt.Errorf("cannot upgrade %s: %w", a.shownSource(s), err)
				}
				fmt.Fprintf(a.env.Stderr, "%s is AsyncAPI %s; the bundle is its upgrade to %s\n", a.shownSource(s), doc.Version.Text, document.UpgradedTo)
				for _, note := range doc.Notes {
					fmt.Fprintf(a.env.Stderr, "%s: %s\n", note.Span, note.Message)
				}
				if doc, err = a.readSource(cmd.Context(), source{path: s.path, text: text, name: a.shownSource(s)}, unfollowed); err != nil {
					return err
				}
			}
			return a.write(out, doc, document.Bundle(doc))
		},
	}
	out.addFlags(cmd)
	a.addReading(cmd)
	return cmd
}
