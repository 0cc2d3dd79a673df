package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
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
		Long: `Write a contract folder to begin from: asyncapi.yaml with one event type, treaty.yaml,
and a README that says in prose what is promised. Nothing is overwritten.`,
		Example: `  treaty init contracts --title "Orders events" --domain orders`,
		Args:    atMost(1, "one folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.env.Dir
			if len(args) == 1 {
				dir = a.absolute(args[0])
			}
			if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || domain == "" || domain[0] < 'a' {
				return fmt.Errorf("--domain %q: write lower-case letters, digits and _, beginning with a letter, such as orders", domain)
			}
			if title == "" {
				title = strings.ToUpper(domain[:1]) + domain[1:] + " events"
			}
			if strings.ContainsFunc(title, unicode.IsControl) {
				return fmt.Errorf("--title %q: write one line", title)
			}
			return a.scaffold(dir, title, domain)
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "`TITLE` of the contract (default: the domain's)")
	cmd.Flags().StringVar(&domain, "domain", "orders", "the first `WORD` of the event types, such as orders in orders.placed.v1")
	a.addFormat(cmd, "text", "json")
	return cmd
}

// scaffold writes the files of a new contract, all or none.
func (a *app) scaffold(dir, title, domain string) error {
	entries, err := scaffold.ReadDir("scaffold")
	if err != nil {
		return err
	}
	texts := map[string]string{}
	var paths []string
	for _, entry := range entries {
		text, err := scaffold.ReadFile("scaffold/" + entry.Name())
		if err != nil {
			return err
		}
		path := filepath.Join(dir, entry.Name())
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already, and init overwrites nothing; name another folder, or move it away", a.shown(path))
		}
		paths = append(paths, path)
		texts[path] = filled(entry.Name(), string(text), title, domain)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot make %s: %w", a.shown(dir), cause(err))
	}
	created := []string{}
	for _, path := range paths {
		if err := createFile(path, texts[path]); err != nil {
			return fmt.Errorf("cannot write %s: %w", a.shown(path), cause(err))
		}
		created = append(created, a.shown(path))
	}
	if a.format == "json" {
		return writeJSON(a.env.Stdout, struct {
			Created []string `json:"created"`
		}{created})
	}
	if a.quiet {
		return nil
	}
	_, err = fmt.Fprintf(a.env.Stdout, "wrote %s\nnext: treaty check %s\n", strings.Join(created, "\nwrote "), a.shown(dir))
	return err
}

// filled is a file of the scaffold for a title and a domain. In YAML the title
// gets the quotes that it needs.
func filled(name, text, title, domain string) string {
	text = strings.ReplaceAll(text, "DOMAIN", domain)
	if filepath.Ext(name) != ".yaml" {
		return strings.ReplaceAll(text, "TITLE", title)
	}
	root, _ := syntax.Parse(diag.NewFile(name, text), syntax.YAML, syntax.Limits{})
	var edits []diag.Edit
	var visit func(n *syntax.Node)
	visit = func(n *syntax.Node) {
		if n.Str() == "TITLE" {
			edits = append(edits, syntax.SetValue(n, title))
		}
		for _, item := range n.Items {
			visit(item)
		}
	}
	visit(root)
	changed, err := diag.Apply(edits)
	if err != nil || len(changed) == 0 {
		return text
	}
	return changed[root.File]
}
