package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

func bundleCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "bundle PATH", Short: "Make one file out of many",
		Long: `Bring a document and all that it refers to into one file. What other files define
becomes a component. Comments are kept where their lines survive.`,
		Example: `  treaty bundle asyncapi.yaml -o dist/asyncapi.yaml
  treaty bundle asyncapi.yaml --format json`,
		Args: onePath("bundle"),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := a.oneDocument(cmd, args[0])
			if err != nil {
				return err
			}
			if doc.Version.Major == 2 {
				return fmt.Errorf("%s is AsyncAPI %s; treaty upgrade brings it to 3.1, in one file", args[0], doc.Version.Text)
			}
			format := syntax.YAML
			if a.format == "json" {
				format = syntax.JSON
			}
			text, err := syntax.Emit(document.Bundle(doc), format, syntax.EmitOptions{})
			if err != nil {
				return fmt.Errorf("cannot write %s as one file: %w", args[0], err)
			}
			return a.write(output, text)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to write (default: the standard output)")
	a.addReading(cmd)
	a.addFormat(cmd, "yaml", "json")
	return cmd
}
