package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/config"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

func schemaCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema", Short: "Ask a schema by itself: does a value conform, is one contained in another, show me some",
		Long: `The three questions that everything else stands on, about JSON Schema (draft-04 to
2020-12, the Schema Objects of AsyncAPI and OpenAPI 3.0) and Avro. A SCHEMA is a file,
or FILE#/POINTER for a schema in an AsyncAPI document.`,
		Example: `  treaty schema validate order.schema.json order.json
  treaty schema sample asyncapi.yaml#/components/schemas/Order
  treaty schema contains old.schema.json new.schema.json
  treaty schema sample order.schema.json --count 3`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(schemaValidateCommand(a), schemaContainsCommand(a), schemaSampleCommand(a))
	return cmd
}

// schemaFlags are the flags that the commands about schemas share.
type schemaFlags struct {
	draft   string
	batch   bool
	remotes []string

	dialect schema.Dialect
	folders []remoteFolder
	cache   map[string]*syntax.Node
}

// remoteFolder is a folder that stands for what lies under an address.
type remoteFolder struct{ base, dir string }

func (f *schemaFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.draft, "draft", "", "the `DIALECT` of schemas that state none: 4, 6, 7, 2019-09, 2020-12 (default), asyncapi, openapi-3.0, avro")
	cmd.Flags().BoolVar(&f.batch, "batch", false, "read questions from the standard input, one line of JSON each, and answer each with one")
	cmd.Flags().StringArrayVar(&f.remotes, "remote", nil, "serve references to addresses under `BASE=DIR` from a folder; nothing is ever fetched")
	_ = cmd.RegisterFlagCompletionFunc("draft", cobra.FixedCompletions([]string{"4", "6", "7", "2019-09", "2020-12", "asyncapi", "openapi-3.0", "avro"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *schemaFlags) settle(a *app) error {
	if f.draft != "" {
		d, ok := schema.DialectNamed(f.draft)
		if !ok {
			return fmt.Errorf("--draft %q is not known; it is one of 4, 6, 7, 2019-09, 2020-12, asyncapi, openapi-3.0, avro", f.draft)
		}
		f.dialect = d
	}
	f.cache = map[string]*syntax.Node{}
	for _, r := range f.remotes {
		base, dir, ok := strings.Cut(r, "=")
		if !ok || base == "" || dir == "" {
			return fmt.Errorf("--remote %q has no folder; write --remote http://example.com/schemas/=DIR", r)
		}
		f.folders = append(f.folders, remoteFolder{strings.TrimSuffix(base, "/") + "/", a.absolute(dir)})
	}
	return nil
}

// document finds the document at an address in the folders of --remote.
func (f *schemaFlags) document(uri string) *syntax.Node {
	if n, known := f.cache[uri]; known {
		return n
	}
	var found *syntax.Node
	for _, folder := range f.folders {
		name, ok := strings.CutPrefix(uri, folder.base)
		if !ok || !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		root, err := os.OpenRoot(folder.dir)
		if err != nil {
			continue
		}
		if text, err := root.ReadFile(filepath.FromSlash(name)); err == nil {
			found, _ = syntax.Parse(diag.NewFile(uri, string(text)), syntax.FormatOf(name, string(text)), syntax.Limits{})
		}
		root.Close()
	}
	f.cache[uri] = found
	return found
}

// compiler reads schemas, with formats asserted or not.
func (f *schemaFlags) compiler(assertFormat bool) *schema.Compiler {
	return schema.NewCompiler(nil, schema.Documents(f.document), schema.FormatAssertion(assertFormat))
}

// read reads a file of JSON or YAML.
func (f *schemaFlags) read(a *app, path, what string) (*syntax.Node, error) {
	var text []byte
	var err error
	shown := path
	if path == "-" {
		s, err := a.stdin()
		if err != nil {
			return nil, err
		}
		text, shown = s.text, s.name
	} else if isStream(path) {
		if text, err = a.readStream(path, path); err != nil {
			return nil, err
		}
	} else if text, err = os.ReadFile(a.absolute(path)); err != nil {
		return nil, fmt.Errorf("cannot read the %s %s: %w%s", what, path, cause(err), nearFile(a.absolute(path)))
	} else {
		shown = a.shown(a.absolute(path))
	}
	root, faults := syntax.Parse(diag.NewFile(shown, string(text)), syntax.FormatOf(path, string(text)), a.limits.Limits)
	for _, fault := range faults {
		if fault.Severity == diag.Error {
			return nil, fmt.Errorf("cannot read the %s: %s: %s", what, fault.Span, fault.Message)
		}
	}
	return root, nil
}

// schemaFile reads and compiles a schema: a file, or FILE#/POINTER for one in an
// AsyncAPI document.
func (f *schemaFlags) schemaFile(ctx context.Context, a *app, assertFormat bool, path string) (*schema.Schema, error) {
	if file, pointer, within := strings.Cut(path, "#"); within {
		return f.schemaWithin(ctx, a, assertFormat, file, pointer)
	}
	c := f.compiler(assertFormat)
	root, err := f.read(a, path, "schema")
	if err != nil {
		return nil, err
	}
	if root.Get("asyncapi") != nil {
		return nil, fmt.Errorf("%s is an AsyncAPI document; name a schema in it, such as %s#/components/schemas/NAME", path, path)
	}
	d := f.dialect
	if d == schema.Unknown && strings.HasSuffix(path, ".avsc") {
		d = schema.Avro
	}
	s, err := c.Compile(root, d.OrDeclared(root))
	if err != nil {
		return nil, fmt.Errorf("the schema cannot be used: %w", err)
	}
	return s, nil
}

// schemaWithin compiles a schema of a document, with the references of the
// document.
func (f *schemaFlags) schemaWithin(ctx context.Context, a *app, assertFormat bool, file, pointer string) (*schema.Schema, error) {
	c, _, err := a.load(ctx, source{path: a.absolute(file)})
	if err != nil {
		return nil, err
	}
	doc := c.Document()
	n, why := doc.At(pointer)
	if n == nil {
		return nil, fmt.Errorf("%s has nothing at %s: %s", file, pointer, why)
	}
	d := f.dialect
	if d == schema.Unknown {
		d = schema.AsyncAPI
	}
	for _, s := range doc.Schemas() {
		if s.Node == n || s.Node == n.Get("schema") && n.Get("schemaFormat") != nil {
			n, d = s.Node, s.Dialect
		}
	}
	s, err := schema.NewCompiler(doc.Schema, schema.Documents(f.document), schema.FormatAssertion(assertFormat)).Compile(n, d)
	if err != nil {
		return nil, fmt.Errorf("the schema cannot be used: %w", err)
	}
	return s, nil
}

func schemaValidateCommand(a *app) *cobra.Command {
	var flags schemaFlags
	annotate := false
	cmd := &cobra.Command{
		Use: "validate SCHEMA FILE...", Short: "Hold values against a schema",
		Long: `Hold values, JSON or YAML, against a schema. With --batch each line of the standard
input is {"id", "schema", "instance", "draft", "assertFormat"} and each line of the
output {"id", "valid", "problems"}, or {"id", "error"} where the line could not be
processed.

The exit code is 0 where every value conforms, 1 where one does not, 2 where treaty
could not run.`,
		Example: `  treaty schema validate order.schema.json order.json
  treaty schema validate order.schema.json - < order.json
  treaty schema validate --batch < questions.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.settle(a); err != nil {
				return err
			}
			if err := a.loadConfig(); err != nil {
				return err
			}
			if flags.batch {
				return a.batch(args, flags.validateLine)
			}
			if len(args) < 2 {
				return errors.New("treaty schema validate needs a schema and at least one file of values; treaty schema validate -h shows an example")
			}
			return a.schemaValidate(cmd.Context(), &flags, !annotate, args[0], args[1:])
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&annotate, "annotate-formats", false, "take formats as annotations, which no value fails")
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) schemaValidate(ctx context.Context, flags *schemaFlags, assertFormat bool, schemaPath string, files []string) error {
	color, err := a.useColor()
	if err != nil {
		return err
	}
	s, err := flags.schemaFile(ctx, a, assertFormat, schemaPath)
	if err != nil {
		return err
	}
	r := diag.Report{ToolVersion: version()}
	for _, path := range files {
		value, err := flags.read(a, path, "value")
		if err != nil {
			return err
		}
		r.Documents++
		for _, p := range s.Validate(value) {
			d := diag.Diagnostic{Rule: p.Keyword, Severity: diag.Error, Message: p.Message, Span: p.Span(), Pointer: p.Instance}
			if d.Rule == "" {
				d.Rule = "false"
			}
			if p.Schema.File != nil {
				d.Related = []diag.Related{{Span: p.Schema, Message: "what the schema demands"}}
			}
			r.Diagnostics = append(r.Diagnostics, d)
		}
	}
	if err := diag.Print(a.env.Stdout, a.format, r, diag.Options{Color: color, Quiet: a.quiet, Width: a.width()}); err != nil {
		return err
	}
	if len(r.Diagnostics) > 0 {
		return findings{}
	}
	return nil
}

// answer is a line that answers one. Members that say nothing are left out.
type answer struct {
	ID         json.RawMessage    `json:"id,omitempty"`
	Valid      *bool              `json:"valid,omitempty"`
	Problems   *[]problemJSON     `json:"problems,omitempty"`
	Verdict    string             `json:"verdict,omitempty"`
	Witness    json.RawMessage    `json:"witness,omitempty"`
	Reason     *string            `json:"reason,omitempty"`
	Micros     *int64             `json:"micros,omitempty"`
	Samples    *[]json.RawMessage `json:"samples,omitempty"`
	Violations *[]problemJSON     `json:"violations,omitempty"`
	Error      string             `json:"error,omitempty"`
}

// question is a line of a batch.
type question struct {
	id   json.RawMessage
	node *syntax.Node
}

// flag reads a boolean of the line.
func (q question) flag(name string) bool { return q.node.Get(name).IsTrue() }

// dialect reads draft.
func (q question) dialect(otherwise schema.Dialect) (schema.Dialect, error) {
	n := q.node.Get("draft")
	if n == nil {
		return otherwise, nil
	}
	d, ok := schema.DialectNamed(n.Value)
	if !ok {
		return d, fmt.Errorf("draft %q is not known; it is one of 4, 6, 7, 2019-09, 2020-12, asyncapi, openapi-3.0, avro", n.Value)
	}
	return d, nil
}

// schema compiles a member of the line.
func (q question) schema(c *schema.Compiler, name string, otherwise schema.Dialect) (*schema.Schema, error) {
	n := q.node.Get(name)
	if n == nil {
		return nil, fmt.Errorf("the line has no %q; add it", name)
	}
	d, err := q.dialect(otherwise)
	if err != nil {
		return nil, err
	}
	// Read by itself, so that its pointers and references begin at itself.
	n, _ = syntax.Parse(diag.NewFile(name, n.Span().Text()), syntax.JSON, syntax.Limits{})
	s, err := c.Compile(n, d.OrDeclared(n))
	var at *schema.CompileError
	if errors.As(err, &at) {
		return nil, fmt.Errorf("%s at %q: %s", name, at.Node.Pointer(), at.Message)
	}
	return s, err
}

// batch answers every line of the standard input with one line, in order.
func (a *app) batch(args []string, reply func(question) answer) error {
	if len(args) > 0 {
		return fmt.Errorf("--batch reads the standard input; leave out %s", args[0])
	}
	out := bufio.NewWriter(a.env.Stdout)
	in := bufio.NewReaderSize(a.env.Stdin, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(in, a.limits.OrDefault().InputBytes)
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(out.Flush(), fmt.Errorf("cannot read line %d: %w", number, err))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if _, err := out.Write(a.answered(line, number, reply)); err != nil {
			return err
		}
		if in.Buffered() == 0 { // somebody may be waiting for the answer
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// answered answers one line. A fault of treaty's own is an error of the line,
// and the lines after it are answered all the same.
func (a *app) answered(line []byte, number int, reply func(question) answer) []byte {
	q := question{id: json.RawMessage("null")}
	var said answer
	func() {
		var err error
		defer func() {
			if err != nil {
				said = answer{Error: err.Error()}
			}
		}()
		defer caught(&err, "")
		root, faults := syntax.Parse(diag.NewFile(fmt.Sprintf("line %d", number), string(line)), syntax.JSON, a.limits.Limits)
		for _, f := range faults {
			if f.Severity == diag.Error {
				err = fmt.Errorf("%s: %s", f.Span, f.Message)
				return
			}
		}
		if root.Kind != syntax.Mapping {
			err = errors.New(`the line is no object; write {"id": …, "schema": …}`)
			return
		}
		q.node = root
		if id := root.Get("id"); id != nil {
			q.id = schema.AppendJSON(nil, id)
		}
		said = reply(q)
	}()
	said.ID = q.id
	text, err := marshalLine(said)
	if err != nil {
		text, _ = marshalLine(answer{ID: q.id, Error: err.Error()})
	}
	return text
}

// marshalLine writes JSON on one line, whatever separates lines where it is
// read.
func marshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("\u0085"), []byte(`\u0085`)), nil
}

func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("it is longer than the limit input-bytes of %d", limit)
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		default:
			return line, nil
		}
	}
}

// missJSON is a value that just misses a schema.
type missJSON struct {
	Value    json.RawMessage `json:"value"`
	Violates problemJSON     `json:"violates"`
}

// problemJSON is a problem as scripts read it.
type problemJSON struct {
	Instance string `json:"instance"` // JSON Pointer
	Keyword  string `json:"keyword"`
	Schema   string `json:"schema"` // JSON Pointer to the keyword
	Message  string `json:"message"`
}

func problemsJSON(ps []schema.Problem) []problemJSON {
	all := make([]problemJSON, len(ps))
	for i, p := range ps {
		all[i] = problemJSON{p.Instance, p.Keyword, p.SchemaPointer, p.Message}
	}
	return all
}

func (f *schemaFlags) validateLine(q question) answer {
	s, err := q.schema(f.compiler(q.flag("assertFormat")), "schema", f.dialect)
	if err != nil {
		return answer{Error: err.Error()}
	}
	instance := q.node.Get("instance")
	if instance == nil {
		return answer{Error: `the line has no "instance"; add it`}
	}
	problems := problemsJSON(s.ValidateJSON(schema.AppendJSON(nil, instance)))
	valid := len(problems) == 0
	return answer{Valid: &valid, Problems: &problems}
}

func schemaContainsCommand(a *app) *cobra.Command {
	var flags schemaFlags
	var words profileWords
	cmd := &cobra.Command{
		Use: "contains SUPER SUB", Short: "Decide whether every value of one schema is a value of another",
		Long: `Decide whether every value that SUB allows is one that SUPER accepts. The verdict is
contained, which is proved; not-contained, with a witness: a small value that SUB
allows and SUPER refuses; or unknown, with the keyword that stopped the proof.

With --batch each line of the standard input is {"id", "sub", "super", "draft",
"profile"} and each line of the output {"id", "verdict", "witness", "reason", "micros"}.

The exit code is 0 for contained, 1 for not-contained and unknown, 2 where treaty could
not run.`,
		Example: `  treaty schema contains reader.schema.json writer.schema.json
  treaty schema contains v1.json v2.json --producers declared --readers tolerant
  treaty schema contains --batch < questions.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.settle(a); err != nil {
				return err
			}
			if err := a.loadConfig(); err != nil {
				return err
			}
			profile, err := words.profile()
			if err != nil {
				return err
			}
			if flags.batch {
				return a.batch(args, func(q question) answer { return flags.containsLine(q, words) })
			}
			if len(args) != 2 {
				return errors.New("treaty schema contains needs two schemas, what is to accept first: SUPER SUB; treaty schema contains -h shows an example")
			}
			return a.schemaContains(cmd.Context(), &flags, profile, args[0], args[1])
		},
	}
	flags.add(cmd)
	words.add(cmd)
	a.addFormat(cmd, "text", "json")
	return cmd
}

// profileWords are the words of a profile, as x-compatibility has them.
type profileWords struct{ Producers, Readers, Enums, Defaults, Formats string }

// word is a choice of a profile: the word that it has unless told otherwise,
// and the other one.
type word struct {
	name               string
	at                 *string
	usual, other, help string
}

func (w *profileWords) all() []word {
	return []word{
		{"producers", &w.Producers, "open", "declared", "what producers emit: `WORD` is open (anything that SUB allows) or declared (only fields that it declares)"},
		{"readers", &w.Readers, "strict", "tolerant", "what readers accept: `WORD` is strict (as SUPER is written) or tolerant (fields that it does not declare are ignored)"},
		{"enums", &w.Enums, "closed", "open", "what enums of readers accept: `WORD` is closed or open (unknown values of the same type too)"},
		{"defaults", &w.Defaults, "annotate", "applied", "whether readers fill in defaults: `WORD` is annotate (no) or applied"},
		{"formats", &w.Formats, "assert", "annotate", "whether formats are held to: `WORD` is assert or annotate (no)"},
	}
}

func (w *profileWords) add(cmd *cobra.Command) {
	for _, o := range w.all() {
		cmd.Flags().StringVar(o.at, o.name, o.usual, o.help)
		_ = cmd.RegisterFlagCompletionFunc(o.name, cobra.FixedCompletions([]string{o.usual, o.other}, cobra.ShellCompDirectiveNoFileComp))
	}
}

func (w *profileWords) profile() (schema.Profile, error) {
	for _, o := range w.all() {
		if *o.at != o.usual && *o.at != o.other {
			return schema.Profile{}, fmt.Errorf("%s %q is not known; %s", o.name, *o.at, config.Hint(*o.at, []string{o.usual, o.other}))
		}
	}
	return schema.Profile{Declared: w.Producers == "declared", Tolerant: w.Readers == "tolerant", OpenEnums: w.Enums == "open",
		DefaultsApply: w.Defaults == "applied", FormatsIgnore: w.Formats == "annotate"}, nil
}

// from reads the profile of a line over these words.
func (w profileWords) from(n *syntax.Node) (schema.Profile, error) {
	if n != nil && n.Kind != syntax.Mapping {
		return schema.Profile{}, errors.New(`profile is no object; write {"producers": "declared"}`)
	}
	all := w.all()
	names := make([]string, len(all))
	for i, o := range all {
		names[i] = o.name
	}
	if n != nil {
	items:
		for _, item := range n.Items {
			for _, o := range all {
				if o.name == item.Key.Value {
					*o.at = item.Str()
					continue items
				}
			}
			return schema.Profile{}, fmt.Errorf("profile has no %q; %s", item.Key.Value, config.Hint(item.Key.Value, names))
		}
	}
	return w.profile()
}

// contained is the answer of contains.
func contained(c schema.Containment, took time.Duration) answer {
	micros := took.Microseconds()
	return answer{Verdict: c.Verdict.String(), Witness: c.Witness, Reason: &c.Reason, Micros: &micros}
}

func (f *schemaFlags) containsLine(q question, words profileWords) answer {
	undecided := func(err error) answer {
		a := contained(schema.Containment{Reason: err.Error()}, 0)
		a.Error = err.Error()
		return a
	}
	profile, err := words.from(q.node.Get("profile"))
	if err != nil {
		return undecided(err)
	}
	c := f.compiler(true)
	begin := time.Now()
	super, err := q.schema(c, "super", f.dialect)
	if err != nil {
		return undecided(err)
	}
	sub, err := q.schema(c, "sub", f.dialect)
	if err != nil {
		return undecided(err)
	}
	return contained(schema.Contains(super, sub, profile), time.Since(begin))
}

func (a *app) schemaContains(ctx context.Context, flags *schemaFlags, p schema.Profile, superPath, subPath string) error {
	super, err := flags.schemaFile(ctx, a, true, superPath)
	if err != nil {
		return err
	}
	sub, err := flags.schemaFile(ctx, a, true, subPath)
	if err != nil {
		return err
	}
	begin := time.Now()
	found := schema.Contains(super, sub, p)
	took := time.Since(begin)
	if a.format == "json" {
		text, err := marshalLine(contained(found, took))
		if err != nil {
			return err
		}
		if _, err := a.env.Stdout.Write(text); err != nil {
			return err
		}
	} else {
		switch found.Verdict {
		case schema.Contained:
			fmt.Fprintf(a.env.Stdout, "contained: every value of %s is a value of %s\n", subPath, superPath)
		case schema.NotContained:
			fmt.Fprintf(a.env.Stdout, "not contained: %s allows, and %s refuses,\n\n  %s\n\n%s\n", subPath, superPath, found.Witness, diag.Visible(found.Reason))
		default:
			fmt.Fprintf(a.env.Stdout, "unknown: %s\n", diag.Visible(found.Reason))
		}
	}
	if found.Verdict != schema.Contained {
		return findings{}
	}
	return nil
}

func schemaSampleCommand(a *app) *cobra.Command {
	var flags schemaFlags
	var count int
	var seed uint64
	var invalid bool
	cmd := &cobra.Command{
		Use: "sample SCHEMA", Short: "Make values of a schema, or values that just miss it",
		Long: `Make values that a schema allows and that look like what a person would write, one line
of JSON each. With --invalid they each violate exactly one keyword, which is named.

With --batch each line of the standard input is {"id", "schema", "draft", "count",
"seed", "invalid"} and each line of the output {"id", "samples"}; with invalid there is
"violations" beside it, for each sample the keyword that it violates.`,
		Example: `  treaty schema sample order.schema.json --count 3
  treaty schema sample order.schema.json --invalid --count 20 --seed 7
  treaty schema sample --batch < questions.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.settle(a); err != nil {
				return err
			}
			if err := a.loadConfig(); err != nil {
				return err
			}
			if flags.batch {
				return a.batch(args, flags.sampleLine)
			}
			if len(args) != 1 {
				return errors.New("treaty schema sample needs one schema; treaty schema sample -h shows an example")
			}
			if count < 0 || count > maxSamples {
				return fmt.Errorf("--count %d is out of range; it is at most %d", count, maxSamples)
			}
			s, err := flags.schemaFile(cmd.Context(), a, true, args[0])
			if err != nil {
				return err
			}
			return a.schemaSample(s, args[0], seed, count, invalid)
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVarP(&count, "count", "n", 1, "how many `N` values to make")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the `SEED`: equal seeds make equal values")
	cmd.Flags().BoolVar(&invalid, "invalid", false, "make values that each violate exactly one keyword")
	return cmd
}

// maxSamples bounds how many values one command makes.
const maxSamples = 1_000_000

func (a *app) schemaSample(s *schema.Schema, path string, seed uint64, count int, invalid bool) error {
	out := bufio.NewWriter(a.env.Stdout)
	if invalid {
		misses, err := s.Misses(seed, count)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, m := range misses {
			text, err := marshalLine(missJSON{m.Value, problemsJSON([]schema.Problem{m.Problem})[0]})
			if err != nil {
				return err
			}
			out.Write(text)
		}
		return out.Flush()
	}
	samples, err := s.Sample(seed, count)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, v := range samples {
		out.Write(append(v, '\n'))
	}
	return out.Flush()
}

func (f *schemaFlags) sampleLine(q question) answer {
	failed := func(err error) answer { return answer{Samples: &[]json.RawMessage{}, Error: err.Error()} }
	s, err := q.schema(f.compiler(true), "schema", f.dialect)
	if err != nil {
		return failed(err)
	}
	count, seed := 1, uint64(1)
	if n := q.node.Get("count"); n != nil {
		count = n.Int()
	}
	if n := q.node.Get("seed"); n != nil {
		seed = uint64(n.Int())
	}
	if count < 0 || count > maxSamples {
		return failed(fmt.Errorf("count %d is out of range; it is at most %d", count, maxSamples))
	}
	samples := []json.RawMessage{}
	if q.flag("invalid") {
		misses, err := s.Misses(seed, count)
		if err != nil {
			return failed(err)
		}
		violations := []problemJSON{}
		for _, m := range misses {
			samples = append(samples, m.Value)
			violations = append(violations, problemsJSON([]schema.Problem{m.Problem})...)
		}
		return answer{Samples: &samples, Violations: &violations}
	}
	values, err := s.Sample(seed, count)
	if err != nil {
		return failed(err)
	}
	for _, v := range values {
		samples = append(samples, v)
	}
	return answer{Samples: &samples}
}
