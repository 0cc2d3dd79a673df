package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/config"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

func upgradeCommand(a *app) *cobra.Command {
	var out output
	var inPlace bool
	cmd := &cobra.Command{
		Use: "upgrade [PATH]", Short: "Bring a document to AsyncAPI 3.1",
		Long: `Bring a document of AsyncAPI 2.0 to 2.6, or 3.0, to 3.1. Comments are kept where
their lines survive. What cannot be carried over exactly is said on the standard error.`,
		Example: `  treaty upgrade asyncapi.yaml > asyncapi3.yaml
  treaty upgrade asyncapi.yaml --in-place`,
		Args: atMost(1, "one document"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if inPlace && out.path != "" {
				return errors.New("--in-place and --output exclude each other; take one")
			}
			s, doc, err := a.readWhole(cmd.Context(), args, nil)
			if err != nil {
				return err
			}
			if inPlace {
				if s.text != nil {
					return errors.New("--in-place cannot write to a stream; name a file")
				}
				out.path = s.path
			}
			if inPlace && out.format == "" && document.IsCurrent(doc) {
				fmt.Fprintf(a.env.Stderr, "%s is AsyncAPI %s already\n", a.shownSource(s), doc.Version.Text)
				return nil
			}
			for _, note := range doc.Notes {
				fmt.Fprintf(a.env.Stderr, "%s: %s\n", note.Span, note.Message)
			}
			if doc.Version.Major == 3 && !document.IsCurrent(doc) {
				return a.raiseVersion(out, doc)
			}
			return a.write(out, doc, document.Upgraded(doc))
		},
	}
	cmd.Flags().BoolVar(&inPlace, "in-place", false, "write to the file itself")
	out.addFlags(cmd)
	a.addReading(cmd)
	return cmd
}

// readWhole reads the one document that a rewriting command works on. One that
// could not be read whole is refused, since what was not read would be lost;
// besides are further rules whose findings are in the way.
func (a *app) readWhole(ctx context.Context, args []string, besides []string) (source, *document.Document, error) {
	if err := a.loadConfig(); err != nil {
		return source{}, nil, err
	}
	s, err := a.onlyDocument(args)
	if err != nil {
		return s, nil, err
	}
	doc, err := a.readSource(ctx, s, besides)
	return s, doc, err
}

func (a *app) readSource(ctx context.Context, s source, besides []string) (*document.Document, error) {
	c, found, err := a.load(ctx, s)
	if err != nil {
		return nil, err
	}
	inTheWay := append([]string{syntax.RuleSyntax, syntax.RuleDuplicateKey, syntax.RuleEncoding, syntax.RuleMultiple, syntax.RuleLimit, document.RuleVersion}, besides...)
	for _, d := range found {
		if slices.Contains(inTheWay, d.Rule) {
			return nil, fmt.Errorf("%s cannot be rewritten before it can be read whole:\n%s: %s\ntreaty check shows all that is wrong with it", a.shownSource(s), d.Span, d.Message)
		}
	}
	return c.Document(), nil
}

// output says where a rewritten document goes, and in which format.
type output struct{ path, format string }

func (o *output) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.path, "output", "o", "", "the `FILE` to write (default: the standard output)")
	cmd.Flags().StringVar(&o.format, "format", "", "the `FORMAT` to write, yaml or json (default: by the name of the output, else that of the document)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"yaml", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *output) check() error {
	if o.format != "" && o.format != "yaml" && o.format != "json" {
		return fmt.Errorf("--format %q is not known; %s", o.format, config.Hint(o.format, []string{"yaml", "json"}))
	}
	return nil
}

// write writes a tree made from a document.
func (a *app) write(o output, doc *document.Document, root *syntax.Node) error {
	written := doc.Written.File.Text
	format := o.formatOf(doc)
	text := []byte(written)
	if root != doc.Written || format != syntax.FormatOf(doc.Name, written) {
		var err error
		if text, err = syntax.Emit(root, format, syntax.EmitOptions{}); err != nil {
			return fmt.Errorf("cannot write %s anew: %w", doc.Written.File.Name, err)
		}
		if format == syntax.YAML && strings.Contains(written, "\r\n") {
			text = []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))
		}
	}
	return a.writeText(o, text)
}

// raiseVersion writes a document of 3.0 as one of 3.1, which only adds: where
// the format stays, nothing but the version changes.
func (a *app) raiseVersion(o output, doc *document.Document) error {
	written := doc.Written.File.Text
	if o.formatOf(doc) != syntax.FormatOf(doc.Name, written) {
		return a.write(o, doc, document.Upgraded(doc))
	}
	changed, err := diag.Apply([]diag.Edit{syntax.SetValue(doc.Written.Get("asyncapi"), document.UpgradedTo)})
	if err != nil {
		return err
	}
	return a.writeText(o, []byte(changed[doc.Written.File]))
}

// formatOf is the format in which a document is written.
func (o *output) formatOf(doc *document.Document) syntax.Format {
	switch {
	case o.format == "yaml":
		return syntax.YAML
	case o.format == "json":
		return syntax.JSON
	case o.path != "" && o.path != "-":
		return syntax.FormatOf(o.path, doc.Written.File.Text)
	}
	return syntax.FormatOf(doc.Name, doc.Written.File.Text)
}

// writeText writes a document where -o says.
func (a *app) writeText(o output, text []byte) error {
	if o.path == "" || o.path == "-" {
		_, err := a.env.Stdout.Write(text)
		return err
	}
	path := a.absolute(o.path)
	if err := replaceFile(path, string(text)); err != nil {
		return fmt.Errorf("cannot write %s: %w", a.shown(path), cause(err))
	}
	return nil
}
