package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// scaffold holds the files of a new contract. TITLE and DOMAIN stand for what
// init is told.
//
//go:embed scaffold
var scaffold embed.FS

func initCommand(a *app) *cobra.Command {
	var title, domain string
	cmd := &cobra.Command{
		Use: "init [DIR]", Short: "Begin a contract that passes check",
		Example: `  treaty init contracts --title "Orders events" --domain orders`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.env.Dir
			if len(args) == 1 {
				dir = args[0]
				if !filepath.IsAbs(dir) {
					dir = filepath.Join(a.env.Dir, dir)
				}
			}
			if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || domain == "" || domain[0] < 'a' {
				return fmt.Errorf("--domain %q: write lower-case letters, digits and _, beginning with a letter, such as orders", domain)
			}
			if title == "" {
				title = strings.ToUpper(domain[:1]) + domain[1:] + " events"
			}
			if strings.ContainsAny(title, "\n\r\"\\") {
				return fmt.Errorf("--title %q: write one line without quotes", title)
			}
			replace := strings.NewReplacer("TITLE", title, "DOMAIN", domain)
			var made []string
			files := map[string]string{}
			err := fs.WalkDir(scaffold, "scaffold", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := scaffold.ReadFile(name)
				if err != nil {
					return err
				}
				path := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(name, "scaffold/")))
				if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s exists already; name another folder, or move it away", a.shown(path))
				}
				files[path] = replace.Replace(string(text))
				made = append(made, path)
				return nil
			})
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return fmt.Errorf("cannot make %s: %w", a.shown(dir), err)
			}
			for _, path := range made {
				if err := replaceFile(path, files[path]); err != nil {
					return fmt.Errorf("cannot write %s: %w", a.shown(path), err)
				}
				if !a.quiet {
					fmt.Fprintf(a.env.Stdout, "wrote %s\n", a.shown(path))
				}
			}
			if !a.quiet {
				fmt.Fprintf(a.env.Stdout, "next: treaty check %s\n", a.shown(dir))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "title of the contract (default: the domain's)")
	cmd.Flags().StringVar(&domain, "domain", "orders", "the first word of the event types, such as orders in orders.placed.v1")
	return cmd
}
