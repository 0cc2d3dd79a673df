package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

func upgradeCommand(a *app) *cobra.Command {
	var output string
	var inPlace bool
	cmd := &cobra.Command{
		Use: "upgrade PATH", Short: "Bring a document to AsyncAPI 3.1",
		Long: `Bring a document of AsyncAPI 2.0 to 2.6, or 3.0, to 3.1. Comments are kept where
their lines survive. What cannot be carried over exactly is said on the standard error.`,
		Example: `  treaty upgrade asyncapi.yaml > asyncapi3.yaml
  treaty upgrade asyncapi.yaml --in-place`,
		Args: onePath("upgrade"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if inPlace && output != "" {
				return fmt.Errorf("--in-place and --output exclude each other; take one")
			}
			doc, err := a.oneDocument(cmd, args[0])
			if err != nil {
				return err
			}
			root := document.Upgraded(doc)
			for _, note := range doc.Notes {
				fmt.Fprintf(a.env.Stderr, "%s: %s\n", note.Span, note.Message)
			}
			text, err := syntax.Emit(root, syntax.FormatOf(doc.Name, doc.Written.File.Text), syntax.EmitOptions{})
			if err != nil {
				return fmt.Errorf("cannot write %s as 3.1: %w", args[0], err)
			}
			if inPlace {
				output = args[0]
			}
			return a.write(output, text)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to write (default: the standard output)")
	cmd.Flags().BoolVar(&inPlace, "in-place", false, "write to the file itself")
	a.addReading(cmd)
	return cmd
}

func onePath(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one document; name its file, or - for the standard input", name)
		}
		return nil
	}
}

// oneDocument reads the one document that a rewriting command works on. One
// that has errors in its reading is refused, since rewriting would lose what
// could not be read.
func (a *app) oneDocument(cmd *cobra.Command, path string) (*document.Document, error) {
	if err := a.loadConfig(); err != nil {
		return nil, err
	}
	sources, err := a.documents([]string{path})
	if err != nil {
		return nil, err
	}
	if len(sources) != 1 {
		return nil, fmt.Errorf("%s is %d documents; name one", path, len(sources))
	}
	c, found, err := a.load(cmd.Context(), sources[0])
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		switch d.Rule {
		case syntax.RuleSyntax, syntax.RuleDuplicateKey, syntax.RuleEncoding, syntax.RuleMultiple, syntax.RuleLimit, document.RuleVersion, document.RuleRefUnresolved, document.RuleRefRefused, document.RuleRefCycle:
			return nil, fmt.Errorf("%s cannot be rewritten before it can be read whole:\n%s: %s\ntreaty check shows all that is wrong with it", path, d.Span, d.Message)
		}
	}
	return c.Document(), nil
}

// write puts text where -o says, else on the standard output.
func (a *app) write(output string, text []byte) error {
	if output == "" || output == "-" {
		_, err := a.env.Stdout.Write(text)
		return err
	}
	if !filepath.IsAbs(output) {
		output = filepath.Join(a.env.Dir, output)
	}
	if err := replaceFile(output, string(text)); err != nil {
		return fmt.Errorf("cannot write %s: %w", a.shown(output), err)
	}
	return nil
}
