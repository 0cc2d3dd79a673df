package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/config"
	"github.com/treaty-events/treaty/internal/git"
	"github.com/treaty-events/treaty/internal/site"
)

// catalogueFlags are the flags of the commands that make a catalogue.
type catalogueFlags struct {
	title   string
	history int
}

// defaultHistory is how many versions a catalogue has of each document.
const defaultHistory = 8

func (f *catalogueFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.title, "title", "", "the `TITLE` of the catalogue (default: Event catalogue)")
	cmd.Flags().IntVar(&f.history, "history", defaultHistory, "how many released versions (git tags) of each document are read, `N` at most; 0 for none")
}

type docsFlags struct {
	catalogueFlags
	out string
}

func docsCommand(a *app) *cobra.Command {
	var flags docsFlags
	cmd := &cobra.Command{
		Use:   "docs [PATH...] -o DIR",
		Short: "Write the catalogue: every event, who sends it, who reads it, what is promised",
		Long: `Write a catalogue of contracts as files. The pages need no server: they work from a
folder, under any path of a web server, and each has a twin in Markdown.

PATH is a document or a folder; several become one catalogue. Of a folder with a
treaty.yaml, that says which documents are read, those of consumers among them. A
document with errors is shown with them, as far as it was understood.

Versions are the release tags of the git repository that a document is in.

--format markdown writes one Markdown file instead: the contracts and their delivery
semantics, to keep beside the documents. Without -o it is printed.`,
		Example: `  treaty docs -o public
  treaty docs ../orders ../billing ../shipping -o public --title "Shop events"
  treaty docs orders.asyncapi.yaml --format markdown -o DELIVERY.md`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.docs(cmd.Context(), args, flags) },
	}
	cmd.Flags().StringVarP(&flags.out, "out", "o", "", "the `DIR` to write to; with --format markdown, the file")
	flags.add(cmd)
	a.addReading(cmd)
	a.addFormat(cmd, "text", "json", "markdown")
	return cmd
}

// exported is what docs did, in its JSON.
type exported struct {
	Out      string   `json:"out"`
	Files    int      `json:"files"`
	Events   int      `json:"events"`
	Channels int      `json:"channels"`
	Services int      `json:"services"`
	Broken   []string `json:"broken"` // documents with errors
}

func (a *app) docs(ctx context.Context, args []string, flags docsFlags) error {
	if a.format != "markdown" && flags.out == "" {
		return errors.New("docs needs a folder to write to; give -o DIR")
	}
	if a.format == "markdown" {
		flags.history = 0
	}
	sources, err := a.catalogueSources(ctx, args, flags.catalogueFlags)
	if err != nil {
		return err
	}
	s := a.site(sources, flags.catalogueFlags, site.Options{})
	result := exported{Out: flags.out, Events: len(s.Events), Channels: len(s.Channels), Services: len(s.Services), Broken: []string{}}
	for _, one := range s.Services {
		if one.Broken() {
			result.Broken = append(result.Broken, one.Source.Name)
			if !a.quiet {
				fmt.Fprintf(a.env.Stderr, "treaty: %s has %s; its page says which\n", one.Source.Name, count(one.Faults, "error"))
			}
		}
	}
	if a.format == "markdown" {
		if flags.out == "" {
			_, err := fmt.Fprint(a.env.Stdout, s.Markdown())
			return err
		}
		if err := os.WriteFile(a.absolute(flags.out), []byte(s.Markdown()), 0o666); err != nil {
			return fmt.Errorf("cannot write %s: %w", flags.out, cause(err))
		}
		if !a.quiet {
			fmt.Fprintf(a.env.Stdout, "wrote %s\n", flags.out)
		}
		return nil
	}
	if len(s.Events) > manyTypes && a.env.Getenv("GOGC") == "" {
		// Pages are garbage once they are written, and the contracts stay: as much again
		// as they need is not to be had for that.
		defer debug.SetGCPercent(debug.SetGCPercent(35))
	}
	if result.Files, err = s.Export(a.absolute(flags.out)); err != nil {
		return fmt.Errorf("docs -o %s: %w", flags.out, err)
	}
	if a.format == "json" {
		return writeJSON(a.env.Stdout, result)
	}
	if !a.quiet {
		fmt.Fprintf(a.env.Stdout, "wrote %s to %s: %s, %s, %s\nopen %s\n", count(result.Files, "file"), flags.out,
			count(result.Events, "event type"), count(result.Channels, "channel"), count(result.Services, "service"), filepath.ToSlash(filepath.Join(flags.out, "index.html")))
	}
	return nil
}

// manyTypes is from how many event types on memory matters more than time.
const manyTypes = 3000

// site makes the catalogue of documents.
func (a *app) site(sources []site.Source, flags catalogueFlags, o site.Options) *site.Site {
	o.Title, o.Now = flags.title, a.env.Now()
	o.Generator = "treaty"
	if v := version(); released().MatchString(v) {
		o.Generator += " " + v
	}
	return site.NewSite(site.New(sources), o)
}

// catalogueSources reads the documents that the arguments name, each once.
func (a *app) catalogueSources(ctx context.Context, args []string, flags catalogueFlags) ([]site.Source, error) {
	if flags.history < 0 {
		return nil, fmt.Errorf("--history %d is no number of versions", flags.history)
	}
	documents, err := a.catalogueDocuments(args)
	if err != nil {
		return nil, err
	}
	past := &pasts{repositories: map[string]*pastOf{}}
	defer past.close()
	all := make([]site.Source, len(documents))
	for i, d := range documents {
		all[i] = d.read(ctx, past, flags.history)
	}
	return all, nil
}

// catalogued is a document of a catalogue, and how it is read.
type catalogued struct {
	*app
	source source
}

// catalogueDocuments finds the documents that the arguments name, each once. A
// folder with a treaty.yaml of its own is read as that says.
func (a *app) catalogueDocuments(args []string) ([]catalogued, error) {
	groups := [][]string{nil}
	if len(args) > 0 {
		groups = nil
		for _, arg := range args {
			groups = append(groups, []string{arg})
		}
	}
	var all []catalogued
	seen := map[string]bool{}
	for _, args := range groups {
		of := *a
		if len(args) == 1 && args[0] != "-" && a.configPath == "" {
			dir := a.absolute(args[0])
			if found := config.Find(dir); found != "" && filepath.Dir(found) == dir {
				of.configPath, args = found, nil
			}
		}
		if err := of.loadConfig(); err != nil {
			return nil, err
		}
		sources, err := of.documents(args)
		if err != nil {
			return nil, err
		}
		if args == nil {
			for _, pattern := range of.config.Consumers {
				found, err := find(of.config.Dir(), pattern)
				if err != nil {
					return nil, fmt.Errorf("%s: consumers: %w", of.shown(of.config.Path), err)
				}
				for _, path := range found {
					sources = append(sources, source{path: path})
				}
			}
		}
		a.stdinRead = of.stdinRead
		for _, s := range sources {
			if s.text == nil && (seen[realPath(s.path)] || ofTreaty(s.path) && !slices.ContainsFunc(args, func(arg string) bool { return a.absolute(arg) == s.path })) {
				continue
			}
			seen[realPath(s.path)] = true
			all = append(all, catalogued{&of, s})
		}
	}
	return all, nil
}

// ofTreaty reports whether treaty made a file: the contract that it puts beside the
// code that it generates is no other service.
func ofTreaty(path string) bool {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "treaty.generated.json"))
	if err != nil {
		return false
	}
	var made struct {
		Files map[string]string `json:"files"`
	}
	return json.Unmarshal(text, &made) == nil && made.Files[filepath.Base(path)] != ""
}

// read reads the document, and its versions, n at most. What cannot be read is a
// document, too: its page says why.
func (d catalogued) read(ctx context.Context, past *pasts, n int) site.Source {
	one := site.Source{Name: d.shownSource(d.source)}
	one.Contract, one.Findings, one.Err = d.loadWhole(ctx, d.source)
	if n > 0 && d.source.text == nil {
		one.Versions, one.NoPast = past.versions(ctx, d.app, d.source.path, n)
	}
	return one
}

// loadWhole is load, with a fault of treaty's own as an error.
func (a *app) loadWhole(ctx context.Context, s source) (c *contract.Contract, found []diag.Diagnostic, err error) {
	defer caught(&err, a.shownSource(s))
	return a.load(ctx, s)
}

// pasts are the repositories that documents are in, each opened once.
type pasts struct {
	repositories map[string]*pastOf // by the folder of a document
}

type pastOf struct {
	repo  *git.Repository
	tags  map[string][]*git.Revision // by the pattern
	trees map[string]*git.Tree       // by the commit
	why   string                     // why there is none
}

func (p *pasts) close() {
	for _, one := range p.repositories {
		for _, t := range one.trees {
			_ = t.Close()
		}
	}
}

// at is the repository that a folder is in.
func (p *pasts) at(ctx context.Context, dir string) *pastOf {
	if one := p.repositories[dir]; one != nil {
		return one
	}
	repo, err := git.Open(ctx, dir)
	one := &pastOf{repo: repo, tags: map[string][]*git.Revision{}, trees: map[string]*git.Tree{}}
	switch {
	case errors.Is(err, git.ErrNoRepository):
		one.why = "the document is in no git repository"
	case errors.Is(err, git.ErrNoGit):
		one.why = "the git command was not found"
	case err != nil:
		one.why = err.Error()
	default:
		for _, other := range p.repositories { // another folder of the same
			if other.repo != nil && other.repo.Dir == repo.Dir {
				one = other
			}
		}
	}
	p.repositories[dir] = one
	return one
}

// versions are the released versions of a document, the newest n of those that
// changed it; else why there are none.
func (p *pasts) versions(ctx context.Context, a *app, path string, n int) ([]*site.Version, string) {
	of := p.at(ctx, filepath.Dir(path))
	if of.why != "" {
		return nil, of.why
	}
	pattern := a.config.ReleaseTags()
	tags, ok := of.tags[pattern]
	if !ok {
		var err error
		if tags, err = of.repo.Tags(ctx, pattern); err != nil {
			return nil, err.Error()
		}
		of.tags[pattern] = tags
	}
	if len(tags) == 0 {
		return nil, "no tag of the repository matches " + pattern
	}
	// From the newest on. Of tags that have the same file, the oldest is the version.
	var all []*site.Version
	for i := len(tags) - 1; i >= 0; i-- {
		tag := tags[i]
		tree := of.trees[tag.Commit]
		if tree == nil {
			var err error
			if tree, err = of.repo.Tree(ctx, tag); err != nil {
				return all, err.Error()
			}
			of.trees[tag.Commit] = tree
		}
		before, err := a.loadRevision(ctx, of.repo, tag, tree, path)
		if err != nil || before.contract == nil {
			continue // it was not there, or cannot be read any more
		}
		v := &site.Version{Name: tag.Name, Commit: tag.Commit, Time: tag.Time, Contract: before.contract, Findings: before.faults}
		if len(all) > 0 && v.Same(all[len(all)-1].Contract) {
			all[len(all)-1] = v
			continue
		}
		if len(all) == n {
			break
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, "it is in none of the releases"
	}
	slices.Reverse(all)
	return all, ""
}
