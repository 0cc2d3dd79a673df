package gen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/event"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// fromDisk reads a contract from a folder.
func fromDisk(t testing.TB, dir, name string) *contract.Contract {
	t.Helper()
	c, _, err := contract.Load(context.Background(), name, contract.Options{FS: os.DirFS(dir)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func typescriptOf(t testing.TB, c *contract.Contract, only Only) map[string]string {
	t.Helper()
	made := map[string]string{}
	var before []File
	for range 2 {
		files, err := typescriptTarget.Generate(&Input{Model: ModelOf(c, only), Only: only, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !reflect.DeepEqual(before, files) {
			t.Error("two runs do not give the same bytes")
		}
		before = files
	}
	for _, f := range before {
		made[f.Path] = string(f.Text)
	}
	return made
}

// The code of a small contract and of a hard one is what the golden files have.
func TestTypeScriptGolden(t *testing.T) {
	for name, c := range map[string]*contract.Contract{
		"orders": fromDisk(t, filepath.Join("..", "..", "examples", "orders"), "orders.asyncapi.yaml"),
		"hard":   fromDisk(t, filepath.Join("testdata", "hard"), "hard.yaml"),
	} {
		for path, text := range typescriptOf(t, c, Everything) {
			if path == "runtime.ts" {
				continue // it is the same in every module, and a file of its own here
			}
			golden := filepath.Join("testdata", "typescript", name, path+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != text {
				t.Errorf("%s is not what is generated; look at the difference, and run go test ./internal/gen -run TypeScriptGolden -update", golden)
			}
		}
	}
}

// hostile is a contract whose texts would be code, were they not kept in their
// comments and literals.
func hostile(t testing.TB) *contract.Contract {
	return contractOf(t, map[string]string{"c.json": `{"asyncapi":"3.1.0","info":{"title":"X\n*/ evil(); //","version":"1.0.0\nevil();"},"defaultContentType":"application/cloudevents+json",
"channels":{"c":{"address":"c","messages":{"a\nevil();":{"title":"*/ evil(); /*","summary":"@ts-ignore\nevil();\u2028evil();\u202eevil();\n@deprecated {@link x}","headers":{"type":"object","properties":{"type":{"type":"string","const":"a.b.v1\"; evil(); ' \\ ${evil()}"}}},
"payload":{"type":"object","title":"T *","description":"*/ \nevil();\r\nevil();","required":["__proto__"],"properties":{"x` + "`" + `\"\n';":{"type":"string","enum":["a\"\n\tevil()","b` + "`" + `${evil()}","\u2028","__proto__","constructor"]},
"__proto__":{"type":"string","const":"'; evil(); '"},"constructor":{"type":"integer"},"toString":{"type":"string","description":"*/"}},"patternProperties":{"^'\\\\n":{"type":"string"}},"additionalProperties":{"type":"boolean"}}},
"enum":{"headers":{"type":"object","properties":{"type":{"type":"string","const":"enum"}}},"payload":{"title":"enum","oneOf":[{"title":"class","type":"object","properties":{"await":{"type":"null"}}},{"type":"array","items":{"$ref":"#/channels/c/messages/enum/payload"}}]}},
"Omit":{"headers":{"type":"object","properties":{"type":{"type":"string","const":"any-event"}}},"payload":{"title":"AnyEvent","type":"object","properties":{"AnyEvent":{"type":"string","enum":["a","A","1","-1",""]},"any_event":{"type":"string","enum":["a","b"]}}}}}}}}`}, "c.json")
}

// tsCode is a module without its comments and texts.
var tsCode = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'`)

// Hostile texts of a contract do not get out of their comments and literals. The
// compiler says the same in TestRealTypeScript.
func TestTypeScriptHostile(t *testing.T) {
	for path, text := range typescriptOf(t, hostile(t), Everything) {
		if path == "runtime.ts" {
			continue
		}
		if code := tsCode.ReplaceAllString(text, "_"); strings.Contains(code, "evil") || strings.ContainsAny(code, "`#@") {
			t.Errorf("%s: a text of the contract is code:\n%s", path, code)
		}
		for _, r := range text {
			if r != '\n' && visible(r) != r {
				t.Errorf("%s has U+%04X", path, r)
			}
		}
	}
}

// What cannot be said in TypeScript is an error that names its place.
func TestTypeScriptErrors(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{`{"type":"object","properties":{"a":{"type":"string","x-ts-name":"b-c"}}}`, `thingHappenedData.json:1:65: x-ts-name is "b-c", which is no name`},
		{`{"type":"object","properties":{"a":{"type":"string","x-ts-name":"b"},"b":{"type":"string"}}}`, "which another property"},
		{`{"oneOf":[{"type":"object","properties":{"a":{"type":"string","x-ts-name":"b"}}},{"type":"object","properties":{"a":{"type":"string"}}}]}`, `thingHappenedData.json:1:1: the alternatives have the property "a" in different forms`},
	} {
		_, err := typescriptTarget.Generate(&Input{Model: ModelOf(withPayload(t, test.schema), Everything), Version: "test"})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngave %v\nwant %s", test.schema, err, test.want)
		}
	}
}

// Only has what was asked for.
func TestTypeScriptOnly(t *testing.T) {
	c := fromDisk(t, filepath.Join("testdata", "hard"), "hard.yaml")
	types := typescriptOf(t, c, Types)
	if len(types) != 1 || strings.Contains(types["index.ts"], "import") || !strings.Contains(types["index.ts"], "isSensorBroke") {
		t.Errorf("types alone are %d files:\n%s", len(types), types["index.ts"])
	}
	if sends := typescriptOf(t, c, Sends)["index.ts"]; strings.Contains(sends, "sensors.reading") || !strings.Contains(sends, "ledger.entry.booked.v1") {
		t.Error("what is sent is not what send has")
	}
	if receives := typescriptOf(t, c, Receives)["index.ts"]; !strings.Contains(receives, "sensors.reading") || strings.Contains(receives, "ledger.entry.booked.v1") {
		t.Error("what is received is not what receive has")
	}
}

// tsModule is a contract whose generated module is compiled and run.
type tsModule struct {
	name     string
	contract *contract.Contract
	model    *Model
	typed    *typescript
}

// tsVector is an event as a text, and what has to become of it.
type tsVector struct {
	ID      string `json:"id"`
	Module  string `json:"module"`
	Type    string `json:"type"`
	Text    string `json:"text"`
	Written bool   `json:"written"`           // by the writer's reading, so that it may be serialized
	Message any    `json:"message,omitempty"` // in the place of Text
	valid   bool
	want    any    // of a valid one: what is to come back
	pointer string // of a near miss
	keyword string
	outcome string // "" for that of a sample or a near miss
}

type tsAnswer struct {
	ID       string `json:"id"`
	Outcome  string `json:"outcome"`
	Text     string `json:"text"`
	Problems []struct{ Pointer, Keyword, Message string }
}

// tsUsage is what has to be an error, and what may not be one.
const tsUsage = `
import { ContractError, createOrderPaidV1, parseEvent, serializeOrderPaidV1, validateEvent, type AnyEvent, type OrderPaidV1 } from "./orders/index.js";
import { Severity, parseReadingTaken, type Failure, type Measured } from "./hard/index.js";

export function kelvin(m: Measured): number | string | undefined {
  return m.kind === "temperature" ? m.kelvin : m.gauge;
}

export const failure: Failure = { code: 7, severity: Severity.Fatal, cause: { code: 1, severity: "new" } };
export const at = (): string => parseReadingTaken("{}").data.takenAt;

export function narrow(event: AnyEvent): number {
  switch (event.type) {
    case "orders.paid.v1":
      return event.data.total_minor;
    case "orders.refunded.v1":
      // @ts-expect-error total_minor is of another event
      return event.data.total_minor;
    default:
      return 0;
  }
}

const data = { order_id: "o", customer_id: "c", total_minor: 1, currency: "USD", paid_at: "2026-04-10T15:19:58Z" };
// @ts-expect-error subject is required by the contract
export const incomplete = (): unknown => createOrderPaidV1({ id: "1", time: data.paid_at, data });
// @ts-expect-error the type is a literal
export const other: OrderPaidV1["type"] = "orders.cancelled.v1";
// @ts-expect-error it may be undefined
export const sure = (): AnyEvent => parseEvent("{}");
// @ts-expect-error an optional attribute is there, or not; it is not undefined
export const exact: Pick<OrderPaidV1, "dataschema"> = { dataschema: undefined };

// checkWriter throws where a writer lets pass what it must not.
export function checkWriter(): void {
  const good = createOrderPaidV1({ id: "1", subject: "o", time: data.paid_at, data });
  const round = parseEvent(serializeOrderPaidV1(good));
  if (JSON.stringify(round) !== JSON.stringify(good)) throw new Error(JSON.stringify(round));
  if (validateEvent({ ...good, data: { ...data, later: undefined }, subject2: undefined }).length > 0) throw new Error("undefined is not there");
  const itself: { [name: string]: unknown } = { ...data };
  itself["later"] = itself;
  for (const [pointer, event] of [
    ["/data/later", { ...good, data: { ...data, later: 1 } }], // no producer emits it
    ["/data/total_minor", { ...good, data: { ...data, total_minor: NaN } }],
    ["/data/total_minor", { ...good, data: { ...data, total_minor: 1n } }],
    ["/data/customer_id", { ...good, data: { ...data, customer_id: "\ud800" } }],
    ["/data/paid_at", { ...good, data: { ...data, paid_at: new Date(0) } }],
    ["/time", { ...good, time: new Date(0) }],
    ["/x", { ...good, x: () => 1 }],
    ["/data/later", { ...good, data: itself }],
    ["/type", { ...good, type: "orders.later.v9" }],
    ["", 5],
  ] as const) {
    const problems = validateEvent(event);
    if (!problems.some((p) => p.pointer === pointer)) throw new Error(pointer + " " + JSON.stringify(problems));
  }
  try {
    serializeOrderPaidV1({ ...good, subject: "" });
  } catch (e) {
    if (e instanceof ContractError && e.problems.length === 1) return;
    throw e;
  }
  throw new Error("an event without its subject was written");
}
`

// tsBehaviour are events whose fate is none of their data's schema.
func tsBehaviour(t *testing.T) (all []tsVector) {
	envelope := `"specversion":"1.0","id":"1","source":"orders-service","type":"orders.paid.v1","subject":"o","time":"2026-04-10T15:20:00Z"`
	paid := `{"order_id":"o","customer_id":"c","total_minor":1,"currency":"USD","paid_at":"2026-04-10T15:19:58Z"}`
	with := func(old, new string) string {
		return "{" + strings.Replace(envelope, old, new, 1) + `,"data":` + paid + "}"
	}
	for i, test := range []struct{ module, text, outcome, pointer, keyword string }{
		{"orders", with("", ""), "event", "", ""},
		{"orders", " \n" + with("", "") + "\t", "event", "", ""},
		{"orders", with("", `"other":true,"n":-2147483648,`), "event", "", ""},
		{"orders", with("", `"subject2":null,`), "event", "", ""},
		{"orders", with(`"orders.paid.v1"`, `"orders.later.v9"`), "unknown-type", "", ""},
		{"hard", with("", ""), "invalid", "/type", "type"},
		{"orders", with(`"subject":"o"`, `"subject":null`), "invalid", "", "required"},
		{"orders", with(`"orders-service"`, `"someone-else"`), "invalid", "/source", "const"},
		{"orders", with(`"id":"1"`, `"id":""`), "invalid", "/id", "required"},
		{"orders", with(`"id":"1"`, `"id":1`), "invalid", "/id", "type"},
		{"orders", with(`"1.0"`, `"0.3"`), "invalid", "/specversion", "const"},
		{"orders", with("", `"n":1.5,`), "invalid", "/n", "type"},
		{"orders", with("", `"n":2147483648,`), "invalid", "/n", "type"},
		{"orders", with("", `"Name":"x",`), "invalid", "/Name", "name"},
		{"orders", with("", `"x":"a\u0007",`), "invalid", "/x", "characters"},
		{"orders", with("", `"x":"\ud83f\udffe",`), "invalid", "/x", "characters"},
		{"orders", with("", `"x":"\ud83d\ude00",`), "event", "", ""},
		{"orders", with(":20:00Z", ":20Z"), "invalid", "/time", "format"},
		{"orders", with("", `"datacontenttype":"text/plain",`), "invalid", "/data", "type"},
		{"orders", with("", `"data_base64":"e30=",`), "invalid", "", "data_base64"},
		{"orders", "{" + envelope + `,"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(paid)) + `"}`, "event", "", ""},
		{"orders", "{" + envelope + `,"data_base64":"e30"}`, "invalid", "/data_base64", "data_base64"},
		{"orders", "{" + envelope + "}", "invalid", "", "required"},
		{"orders", strings.Replace(with("", ""), `"total_minor":1`, `"total_minor":9007199254740993`, 1), "invalid", "/data/total_minor", "number"},
		{"orders", strings.Replace(with("", ""), `"total_minor":1`, `"total_minor":1e0`, 1), "event", "", ""},
		{"orders", strings.Replace(with("", ""), `"total_minor":1`, `"total_minor":1.5`, 1), "invalid", "/data/total_minor", "type"},
		{"orders", strings.Replace(with("", ""), `"total_minor":1`, `"total_minor":01`, 1), "invalid", "", "json"},
		{"orders", strings.Replace(with("", ""), `"total_minor":1`, `"total_minor":1,"total_minor":1`, 1), "invalid", "", "json"},
		{"orders", strings.Replace(with("", ""), `"customer_id":"c"`, `"customer_id":"\ud800"`, 1), "invalid", "", "json"},
		{"orders", strings.Replace(with("", ""), `"customer_id":"c"`, `"customer_id":"c","__proto__":{"order_id":1},"later":[1e-7]`, 1), "event", "", ""},
		{"orders", with("", "") + "x", "invalid", "", "json"},
		{"orders", "\ufeff" + with("", ""), "invalid", "", "json"},
		{"orders", "[]", "invalid", "", "type"},
		{"orders", "", "invalid", "", "json"},
		{"orders", strings.Repeat("[", 100000), "invalid", "", "json"},
	} {
		v := tsVector{ID: fmt.Sprintf("behaviour/%d", i), Module: test.module, Text: test.text, outcome: test.outcome, pointer: test.pointer, keyword: test.keyword}
		all = append(all, v)
	}
	// In messages.
	binary := func(protocol, prefix string, more ...string) map[string]any {
		headers := map[string]any{prefix + "specversion": "1.0", prefix + "id": "1", prefix + "source": "orders-service", prefix + "type": "orders.paid.v1", prefix + "subject": "o", prefix + "time": "2026-04-10T15:20:00Z"}
		m := map[string]any{"protocol": protocol, "headers": headers, "body": paid}
		for i := 0; i < len(more); i += 2 {
			if name, ok := strings.CutPrefix(more[i], "."); ok {
				m[name] = more[i+1]
			} else {
				headers[more[i]] = more[i+1]
			}
		}
		return m
	}
	for i, test := range []struct {
		message                   map[string]any
		outcome, pointer, keyword string
	}{
		{binary("kafka", "ce_"), "event", "", ""},
		{binary("kafka", "Ce_", "Content-Type", "application/json"), "event", "", ""},
		{binary("kafka", "ce-"), "invalid", "", "required"},
		{binary("kafka", "ce_", "ce_data", "x"), "invalid", "/data", "header"},
		{binary("kafka", "ce_", "CE_ID", "2"), "invalid", "/id", "header"},
		{binary("kafka", "ce_", "content-type", "text/plain"), "invalid", "/data", "type"},
		{binary("kafka", "ce_", ".body", "{"), "invalid", "/data", "json"},
		{binary("kafka", "ce_", ".body", ""), "invalid", "", "required"},
		{binary("kafka", "ce_", "content-type", "application/cloudevents-batch+json", ".body", "[]"), "invalid", "", "mode"},
		{binary("kafka", "ce_", "content-type", "application/cloudevents+avro"), "invalid", "", "mode"},
		{binary("kafka", "x", "content-type", "Application/CloudEvents+JSON; charset=utf-8", ".body", with("", "")), "event", "", ""},
		{binary("http", "ce-", "ce-subject", "%c3%a9 50%"), "event", "", ""},
		{binary("http", "ce-", "ce-subject", "%ff"), "invalid", "/subject", "header"},
		{binary("pubsub", "ce-", "ce-subject", "%ff"), "event", "", ""},
		{binary("amqp", "cloudEvents:", ".contentType", "application/json"), "event", "", ""},
		{binary("amqp", "cloudEvents_", "content-type", "text/plain"), "event", "", ""},
		{binary("mqtt", "", "User-Property", "x", ".contentType", "application/json"), "event", "", ""},
		{binary("mqtt", "ce-"), "event", "", ""},
		{binary("nats", "ce-", "ce-type", "orders.later.v9"), "unknown-type", "", ""},
	} {
		all = append(all, tsVector{ID: fmt.Sprintf("message/%d", i), Module: "orders", Message: test.message, outcome: test.outcome, pointer: test.pointer, keyword: test.keyword})
	}
	return all
}

const tsRunner = `
import { createInterface } from "node:readline";
import { checkWriter } from "./usage.js";

checkWriter();

type Module = {
  readEvent(text: string): { outcome: string; event?: unknown; problems?: unknown };
  readMessage?(message: unknown): { outcome: string; event?: unknown; problems?: unknown };
  serializeEvent(event: never): string;
  stringifyEvent(event: never): string;
};

for await (const line of createInterface({ input: process.stdin })) {
  const v = JSON.parse(line) as { id: string; module: string; text: string; written: boolean; message?: unknown };
  const module = (modules as { [name: string]: Module | undefined })[v.module];
  if (module === undefined) throw new Error(v.module);
  const answer: { [name: string]: unknown } = { id: v.id };
  try {
    const reading = v.message === undefined ? module.readEvent(v.text) : module.readMessage!(v.message);
    answer["outcome"] = reading.outcome;
    answer["problems"] = reading.problems;
    if (reading.outcome === "event") {
      answer["text"] = v.written ? module.serializeEvent(reading.event as never) : module.stringifyEvent(reading.event as never);
    }
  } catch (e) {
    answer["outcome"] = "thrown: " + String(e);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
`

// tsNode is as much of the types of Node as the runner needs.
const tsNode = `declare module "node:readline" {
  export function createInterface(options: { input: unknown }): AsyncIterable<string>;
}
declare const process: { stdin: unknown; stdout: { write(text: string): void } };
`

// tsStrict has every check of the compiler on, and no types but those of the language.
const tsStrict = `{"compilerOptions":{"strict":true,"noUncheckedIndexedAccess":true,"exactOptionalPropertyTypes":true,"noImplicitReturns":true,"noFallthroughCasesInSwitch":true,
"noUnusedLocals":true,"noUnusedParameters":true,"noImplicitOverride":true,"noPropertyAccessFromIndexSignature":true,"allowUnreachableCode":false,"allowUnusedLabels":false,"verbatimModuleSyntax":true,"isolatedModules":true,
"target":"ES2022","module":"NodeNext","moduleResolution":"NodeNext","lib":["ES2022"],"types":[],"rootDir":"src","outDir":"out","declaration":true},"include":["src"]}`

// TestRealTypeScript compiles the modules of many contracts at once with the real
// compiler, everything strict, and gives them samples and near misses of every
// schema: samples are read, and written again as they came; near misses are refused
// where they are wrong. The compiler looks at samples as values of the types, too.
func TestRealTypeScript(t *testing.T) {
	tsc := os.Getenv("TREATY_TSC")
	if tsc == "" {
		var err error
		if tsc, err = exec.LookPath("tsc"); err != nil {
			t.Skip("there is no tsc on the path; set TREATY_TSC")
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on the path")
	}
	modules := []*tsModule{{name: "corpus", contract: corpus(t)}, {name: "hostile", contract: hostile(t)},
		{name: "hard", contract: fromDisk(t, filepath.Join("testdata", "hard"), "hard.yaml")}}
	for _, name := range []string{"orders", "shipping", "billing"} {
		modules = append(modules, &tsModule{name: name, contract: fromDisk(t, filepath.Join("..", "..", "examples", "orders"), name+".asyncapi.yaml")})
	}
	modules = append(modules, specExamples(t)...)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", `{"type":"module"}`)
	write("tsconfig.json", tsStrict)
	write("src/node.d.ts", tsNode)
	var all []tsVector
	var imports, table, samples strings.Builder
	kept := modules[:0]
	for _, m := range modules {
		m.model = ModelOf(m.contract, Everything)
		files, err := typescriptTarget.Generate(&Input{Model: m.model, Version: "test"})
		if err != nil {
			if strings.HasPrefix(m.name, "spec-") {
				t.Logf("%s has no module: %v", m.name, err) // a payload in a language that treaty does not read
				continue
			}
			t.Fatal(err)
		}
		kept = append(kept, m)
		for _, f := range files {
			write("src/"+m.name+"/"+f.Path, string(eitherMode(f.Text)))
		}
		m.typed = &typescript{Input: &Input{Model: m.model}, used: map[string]bool{}, names: map[string]string{}, events: map[*Event]string{}, needs: map[*Shape]bool{}, codecs: map[*Shape]string{}}
		if err := m.typed.settle(); err != nil {
			t.Fatal(err)
		}
		id := strings.ReplaceAll(m.name, "-", "_")
		fmt.Fprintf(&imports, "import * as %s from \"./%s/index.js\";\n", id, m.name)
		fmt.Fprintf(&table, "  %q: %s,\n", m.name, id)
		more, typed := m.vectors(t)
		all = append(all, more...)
		if typed != "" {
			typed = fmt.Sprintf("import type * as %s from \"./%s/index.js\";\n", id, m.name) + typed
		}
		samples.WriteString(typed)
	}
	modules = kept
	all = append(all, binaryVectors(t, all)...)
	all = append(all, tsBehaviour(t)...)
	for path, text := range typescriptOf(t, notes(t), Everything) {
		write("src/notes/"+path, text)
	}
	imports.WriteString("import * as notes from \"./notes/index.js\";\n")
	table.WriteString("  notes,\n")
	for _, v := range textVectors(t) {
		one := tsVector{ID: v.ID, Module: "notes", Type: v.Type, Text: v.Text, pointer: v.Pointer, outcome: "invalid"}
		if v.Message != nil {
			one.Message = v.Message
		}
		if v.Want != "" {
			one.outcome, one.valid, one.want = "", true, exactJSON(t, []byte(v.Want))
		}
		all = append(all, one)
	}
	// What the page for users shows compiles as it stands there.
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "generate-typescript.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```ts\n")
	shown, _, ok := strings.Cut(shown, "```")
	if !ok {
		t.Fatal("docs/generate-typescript.md shows no code")
	}
	write("src/page.ts", shown)
	write("src/usage.ts", tsUsage)
	suite, module := officialSuite(t)
	all = append(all, suite...)
	if module != "" {
		write("src/suite/index.ts", module)
		write("src/suite/runtime.ts", string(typescriptRuntime))
		imports.WriteString("import * as suite from \"./suite/index.js\";\n")
		table.WriteString("  suite,\n")
	}
	write("src/run.ts", imports.String()+"\nconst modules: { [name: string]: Module } = {\n"+table.String()+"};\n"+tsRunner)
	write("src/samples.ts", "declare function accepts<T>(): <V extends T>(value: V) => void;\n"+samples.String())
	if text, err := exec.Command(tsc, "-p", dir).CombinedOutput(); err != nil {
		if keep := os.Getenv("TREATY_KEEP"); keep != "" {
			_ = os.CopyFS(keep, os.DirFS(dir))
		}
		t.Fatalf("%s: %v\n%s", tsc, err, text)
	}
	var stdin, stdout, stderr bytes.Buffer
	enc := json.NewEncoder(&stdin)
	for _, v := range all {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command(node, filepath.Join(dir, "out", "run.js"))
	run.Stdin, run.Stdout, run.Stderr = &stdin, &stdout, &stderr
	if err := run.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	judgeTypeScript(t, len(modules), all, &stdout)
}

// officialSuite are the cases of the JSON Schema test suite, held to the schemas as
// written plainly: what package schema says of each is what the generated
// validator has to say. Schemas that have no plain form are left out.
func officialSuite(t *testing.T) (all []tsVector, module string) {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	dir = filepath.Join(dir, "json-schema-test-suite")
	if _, err := os.Stat(dir); err != nil {
		t.Logf("the official test suite is not at %s; set TREATY_TESTDATA", dir)
		return nil, ""
	}
	documents := func(uri string) *syntax.Node {
		rest, ok := strings.CutPrefix(uri, "http://localhost:1234/")
		if !ok {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, "remotes", filepath.FromSlash(rest)))
		if err != nil {
			return nil
		}
		n, _ := syntax.Parse(diag.NewFile(rest, string(text)), syntax.JSON, syntax.Limits{})
		return n
	}
	var b strings.Builder
	b.WriteString("import * as treaty from \"./runtime.js\";\n\nconst all: treaty.EventSchemas[] = [\n")
	groups, left := 0, 0
	for _, draft := range []struct {
		dir     string
		dialect schema.Dialect
	}{{"draft4", schema.Draft4}, {"draft6", schema.Draft6}, {"draft7", schema.Draft7}, {"draft2019-09", schema.Draft2019}, {"draft2020-12", schema.Draft2020}} {
		err := filepath.WalkDir(filepath.Join(dir, "tests", draft.dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".json") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var cases []struct {
				Description string
				Schema      json.RawMessage
				Tests       []struct {
					Description string
					Data        json.RawMessage
				}
			}
			if err := json.Unmarshal(text, &cases); err != nil {
				return err
			}
			for _, g := range cases {
				if draft.dialect == schema.Draft4 && strings.Contains(string(g.Schema), "integer") {
					continue // to which 1.0 is no integer, as it is to every later draft
				}
				if (draft.dialect == schema.Draft4 || draft.dialect == schema.Draft6) && strings.HasSuffix(path, "hostname.json") {
					continue // which those drafts defined otherwise, and the plain form does not tell
				}
				n, _ := syntax.Parse(diag.NewFile("schema", string(g.Schema)), syntax.JSON, syntax.Limits{})
				s, err := schema.NewCompiler(nil, schema.Documents(documents), schema.FormatAssertion(strings.Contains(path, "format"))).Compile(n, draft.dialect)
				if err != nil {
					left++
					continue
				}
				plain, err := s.Portable()
				if err != nil {
					left++
					continue
				}
				groups++
				kind := fmt.Sprintf("%s.%d", draft.dir, groups)
				fmt.Fprintf(&b, "  { type: %s, read: { data: %s } },\n", tsString(kind), tsQuoted(plain))
				for i, test := range g.Tests {
					var data bytes.Buffer
					if json.Compact(&data, test.Data) != nil {
						continue
					}
					v := tsVector{ID: fmt.Sprintf("suite/%s/%d", kind, i), Module: "suite", Type: kind, valid: s.ValidJSON(test.Data), keyword: g.Description + ": " + test.Description}
					text := mustJSON(map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "id": json.RawMessage(`"1"`), "source": json.RawMessage(`"/suite"`), "type": mustJSON(kind), "data": data.Bytes()})
					v.Text = string(text)
					if v.valid {
						v.want = exactJSON(t, text)
					} else if problems := s.ValidateJSON(test.Data); len(problems) > 0 {
						v.pointer = "/data" + problems[0].Instance
					}
					all = append(all, v)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Formats and patterns on texts that are nearly right, made of right ones.
	rng := rand.New(rand.NewPCG(1, 2))
	nearly := func(kind, plain string, seeds []string) {
		fmt.Fprintf(&b, "  { type: %s, read: { data: %s } },\n", tsString(kind), tsQuoted([]byte(plain)))
		s, err := schema.Parse("near", []byte(plain), schema.Draft2020, schema.FormatAssertion(true))
		if err != nil {
			t.Fatal(err)
		}
		tried := map[string]bool{}
		for i := range 300 {
			text := []rune(seeds[i%len(seeds)])
			for range i / len(seeds) % 3 {
				other := []rune(seeds[rng.IntN(len(seeds))] + "0:-.%[]@/+TZ\u00e9\u05d0\U0001f600")
				at := rng.IntN(len(text) + 1)
				switch rng.IntN(3) {
				case 0:
					text = slices.Insert(text, at, other[rng.IntN(len(other))])
				case 1:
					if at < len(text) {
						text = slices.Delete(text, at, at+1)
					}
				default:
					if at < len(text) {
						text[at] = other[rng.IntN(len(other))]
					}
				}
			}
			if tried[string(text)] {
				continue
			}
			tried[string(text)] = true
			data := mustJSON(string(text))
			v := tsVector{ID: fmt.Sprintf("suite/%s/%d", kind, i), Module: "suite", Type: kind, valid: s.ValidJSON(data), pointer: "/data"}
			event := mustJSON(map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "id": json.RawMessage(`"1"`), "source": json.RawMessage(`"/suite"`), "type": mustJSON(kind), "data": data})
			if v.Text = string(event); v.valid {
				v.want = exactJSON(t, event)
			}
			all = append(all, v)
		}
	}
	formats := map[string][]string{
		"date-time": {"2024-02-29T23:59:60Z", "1990-12-31t15:59:60.123-08:00", "2026-04-10T15:20:00+00:00"},
		"date":      {"2024-02-29", "2100-02-28", "1999-12-31"}, "time": {"23:59:60Z", "00:00:00.5+23:59", "15:59:60-08:00"},
		"duration": {"P1Y2M3DT4H5M6S", "P3W", "PT1M", "P1D", "P1YT1S"}, "uuid": {"2eb8aa08-aa98-11ea-b4aa-73b441d16380"},
		"email": {"joe.bloggs@example.com", `"joe \"b\" x"@example.com`, "joe@[127.0.0.1]", "a@[IPv6:::1]"}, "idn-email": {"실례@실례.테스트", "a@xn--ihqwcrb4cv8a8dqg056pqjye"},
		"hostname": {"www.example.com", "xn--ihqwcrb4cv8a8dqg056pqjye", "a-b.c0", "xn--4gbwdl.xn--wgbh1c"}, "idn-hostname": {"실례.테스트", "א0ב", "a·l·l", "l·l", "カ・タ", "क्\u200dष", "例。com"},
		"ipv4": {"192.168.0.1", "255.255.255.255", "0.0.0.0"}, "ipv6": {"::1", "1:2:3:4:5:6:7:8", "::ffff:192.168.0.1", "fe80::a:b", "1::"},
		"uri": {"http://user:pw@example.com:8080/a/b?q=1#f", "urn:oasis:names", "http://[::1]:80/", "http://[v1.fe]/x", "mailto:a@b.c"}, "uri-reference": {"/a/b?c#d", "../x", "//host/p", "#frag", "a%20b"},
		"iri": {"http://ƒøø.ßår/?∂éœ=πîx#πîüx", "http://[::1]/é"}, "iri-reference": {"//ƒøø.ßår/?∂", "/é"}, "uri-template": {"http://example.com/{term:1}/{term}", "{+path*}/x{?q,lang}", "{a.b%20}"},
		"json-pointer": {"/foo/bar~0/baz~1/%a", "", "/"}, "relative-json-pointer": {"1", "0/foo/bar", "2#", "120/foo"}, "regex": {"^[a-z]+$", `(?<y>\\d{4})-\\k<y>`, "a|b*?", "[^\\]]{2,3}", "(?=x)y"},
	}
	for _, format := range slices.Sorted(maps.Keys(formats)) {
		seeds := formats[format]
		nearly("format."+format, `{"type":["string"],"format":"`+format+`"}`, seeds)
	}
	for i, pattern := range []string{`^[A-Z]{3}$`, `^\S+@\S+\.\w{2,}$`, `^.{1,3}$`, `^[\w.-]+$`, `^\p{L}+$`, `^a\-b$`, `^{x}$`, `^[^\d\s]\b`, `(?<!a)b`, `^(\w)\1$`, `^[\-+]?\d+\/\d+$`, `[\]]`, `^\u00e9|\u{1f600}$`, `^(?:a|b)*?c`} {
		nearly(fmt.Sprintf("pattern.%d", i), `{"type":["string"],"pattern":`+string(mustJSON(pattern))+`}`, []string{"ABC", "a-b", "{x}", "aa", "+1/22", "é", "é1", "a b@c.de", "]", "abc", "😀"})
	}
	b.WriteString(`];

const contract = new treaty.Contract<{ type: string }>(all, true);

export function readEvent(text: string): treaty.Reading<{ type: string }> {
  return contract.read(text);
}

export function serializeEvent(event: { type: string }): string {
  return contract.serialize(event);
}

export function stringifyEvent(event: { type: string }): string {
  return contract.stringify(event);
}
`)
	t.Logf("%d schemas of the official suite with %d cases; %d that have no plain form are left out", groups, len(all), left)
	return all, b.String()
}

// specExamples are the contracts among the specification's examples.
func specExamples(t *testing.T) []*tsModule {
	dir := os.Getenv("TREATY_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "asyncapi-spec-examples", "*.y*ml"))
	if len(paths) == 0 {
		t.Log("the specification's examples are not there; set TREATY_TESTDATA")
	}
	var all []*tsModule
	for _, path := range paths {
		name := filepath.Base(path)
		all = append(all, &tsModule{name: "spec-" + strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(name, ".yml"), ".yaml"), ".", "-"), contract: fromDisk(t, filepath.Dir(path), name)})
	}
	return all
}

// vectors are the samples and near misses of a contract's events, and samples as
// values of their types.
func (m *tsModule) vectors(t *testing.T) (all []tsVector, typed string) {
	var types strings.Builder
	compiler := schema.NewCompiler(m.contract.Document().Schema)
	for _, e := range m.model.Events {
		message := e.Message()
		p := message.Compatibility
		profile := schema.Profile{Declared: !p.ProducersOpen, Tolerant: p.ReadersTolerant, OpenEnums: p.EnumsOpen, DefaultsApply: p.DefaultsApplied, FormatsIgnore: p.FormatsAnnotate}
		attributes := map[string]json.RawMessage{"specversion": json.RawMessage(`"1.0"`), "source": json.RawMessage(`"/test"`), "datacontenttype": json.RawMessage(`"application/json"`)}
		rules, err := (&Input{Model: m.model}).Rules(e, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range rules.Attributes {
			s, err := schema.Parse(a.Name, a.Schema, schema.Draft2020)
			if err != nil {
				t.Fatal(err)
			}
			if one, err := s.Sample(1, 1); err == nil && (a.Required || attributes[a.Name] != nil) {
				attributes[a.Name] = one[0]
			}
		}
		attributes["type"] = mustJSON(e.Type)
		n := 0
		holds := func([]byte) bool { return true }
		add := func(data json.RawMessage, whole bool, v tsVector) {
			n++
			v.ID, v.Module, v.Type = fmt.Sprintf("%s/%s/%d", m.name, e.Type, n), m.name, e.Type
			var text []byte
			if whole {
				var decoded event.Event
				bad := decoded.UnmarshalEvent(data)
				if v.valid && bad != nil {
					return // a value of the schema, but no event of CloudEvents
				}
				if again, err := decoded.AppendJSON(nil); bad == nil && err == nil && !v.valid && holds(again) {
					return // an attribute that is null is one that is not there
				}
				text = data
			} else {
				members := map[string]json.RawMessage{"id": mustJSON(v.ID)}
				for name, value := range attributes {
					members[name] = value
				}
				if data != nil {
					members["data"] = data
				}
				text = mustJSON(members)
				v.pointer = "/data" + v.pointer
			}
			v.Text = string(text)
			if v.valid {
				v.want = exactJSON(t, text)
				m.fill(e, v.want)
			}
			all = append(all, v)
		}
		if message.Payload == nil {
			add(nil, false, tsVector{valid: true})
			continue
		}
		whole := message.Envelope.PayloadIsEnvelope
		s, err := compiler.Compile(message.Payload.Node(), message.Payload.Dialect)
		if err != nil {
			t.Fatal(err)
		}
		reader := s.Read(profile)
		holds = reader.ValidJSON
		good, err := reader.Sample(1, 100)
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		for i, data := range good {
			add(data, whole, tsVector{valid: true})
			// The examples of others have objects in which nothing is required; that a value
			// has none of their properties is an error of TypeScript, and of nobody else, as is
			// a property in a literal that is not declared, as conditions want some.
			if i < 8 && !whole && !strings.HasPrefix(m.name, "spec-") && !m.typed.needs[e.Payload] && e.Type != "corpus.object-conditions.v1" && !bytes.Contains(data, []byte("__proto__")) {
				fmt.Fprintf(&types, "accepts<%s.%s[\"data\"]>()(%s);\n", strings.ReplaceAll(m.name, "-", "_"), m.typed.events[e], escapeHidden(string(data)))
			}
		}
		if written, err := s.Written(profile).Sample(2, 50); err == nil {
			for _, data := range written {
				if reader.ValidJSON(data) {
					add(data, whole, tsVector{valid: true, Written: true})
				}
			}
		}
		seen := map[string]bool{}
		for seed := uint64(1); seed <= 40 && len(seen) < 100; seed++ {
			near, err := reader.Misses(seed, 100)
			if err != nil {
				break // nothing can be refused
			}
			for _, miss := range near {
				if len(seen) < 100 && !seen[string(miss.Value)] {
					seen[string(miss.Value)] = true
					add(miss.Value, whole, tsVector{pointer: miss.Problem.Instance, keyword: miss.Problem.Keyword})
				}
			}
		}
	}
	return all, types.String()
}

// binaryVectors are events of vectors in binary mode, each as the binding of one
// protocol writes it.
func binaryVectors(t *testing.T, all []tsVector) (more []tsVector) {
	bindings := map[string]*event.Binding{"amqp": event.AMQP, "http": event.HTTP, "kafka": event.Kafka, "mqtt": event.MQTT, "nats": event.NATS, "pubsub": event.PubSub}
	names := slices.Sorted(maps.Keys(bindings))
	for i, v := range all {
		var e event.Event
		if i%3 != 0 || !v.valid && v.whole() || e.UnmarshalEvent([]byte(v.Text)) != nil || len(e.Data) == 0 {
			continue
		}
		if e.DataContentType == "" {
			e.DataContentType = "application/json"
			v.Written = false // a contract of the whole event may not have it
			if want, ok := v.want.(map[string]any); ok {
				want = maps.Clone(want)
				want["datacontenttype"] = "application/json"
				v.want = want
			}
		}
		protocol := names[len(more)%len(names)]
		m := message(t, bindings[protocol], &e)
		m["protocol"] = protocol
		v.Message = m
		v.ID += "/" + protocol
		more = append(more, v)
	}
	return more
}

// message is an event in binary mode, as clients hand it on.
func message(t *testing.T, b *event.Binding, e *event.Event) map[string]any {
	var wire event.Message
	if err := b.Encode(&wire, e, event.BinaryMode); err != nil {
		t.Fatal(err)
	}
	headers := map[string]any{"x-other": "1", "traceparent": "00"}
	for _, h := range wire.Headers {
		headers[h.Name] = h.Value.String()
	}
	if b == event.MQTT {
		delete(headers, "traceparent") // which would be an attribute
	}
	m := map[string]any{"headers": headers, "body": string(wire.Body)}
	if wire.ContentType != "" {
		m["contentType"] = wire.ContentType
	}
	return m
}

// fill adds the defaults that the hard contract has readers fill in.
func (m *tsModule) fill(e *Event, want any) {
	data, ok := want.(map[string]any)["data"].(map[string]any)
	if _, has := data["unit"]; ok && !has && m.name == "hard" && e.Name == "ReadingTaken" {
		data["unit"] = "SI"
	}
}

func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// exactJSON reads a text with its numbers exact.
func exactJSON(t testing.TB, text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var exact func(v any) any
	exact = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			r, ok := new(big.Rat).SetString(v.String())
			if !ok {
				t.Fatalf("%s is no number", v)
			}
			return r.RatString()
		case []any:
			for i := range v {
				v[i] = exact(v[i])
			}
		case map[string]any:
			for name := range v {
				v[name] = exact(v[name])
			}
		}
		return v
	}
	return exact(v)
}

// judgeTypeScript holds the answers of the program to the vectors.
func judgeTypeScript(t *testing.T, modules int, all []tsVector, answers *bytes.Buffer) {
	by := map[string]tsAnswer{}
	scan := bufio.NewScanner(answers)
	scan.Buffer(nil, 64<<20)
	for scan.Scan() {
		var a tsAnswer
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		by[a.ID] = a
	}
	types := map[string]bool{}
	good, bad, beyond, wrong, near, keywords := 0, 0, 0, 0, 0, 0
	for _, v := range all {
		types[v.Module+" "+v.Type] = true
		a, ok := by[v.ID]
		problem := ""
		switch {
		case !ok:
			problem = "there is no answer"
		case v.outcome != "":
			if a.Outcome != v.outcome || v.outcome == "invalid" && !slices.ContainsFunc(a.Problems, func(p struct{ Pointer, Keyword, Message string }) bool {
				return p.Pointer == v.pointer && (v.keyword == "" || p.Keyword == v.keyword)
			}) {
				problem = fmt.Sprintf("it was to be %s at %q (%s), and was %s: %v", v.outcome, v.pointer, v.keyword, a.Outcome, a.Problems)
			}
		case v.valid && a.Outcome == "invalid" && len(a.Problems) > 0 && a.Problems[0].Keyword == "number":
			// The schema allows it, and no number of JavaScript is it.
			beyond++
		case v.valid && a.Outcome != "event":
			problem = fmt.Sprintf("it is valid, and was %s: %v", a.Outcome, a.Problems)
		case v.valid && !reflect.DeepEqual(v.want, exactJSON(t, []byte(a.Text))):
			problem = "it was written again as " + a.Text
		case v.valid:
			good++
		case a.Outcome != "invalid":
			problem = fmt.Sprintf("it is invalid at %s (%s), and was %s", v.pointer, v.keyword, a.Outcome)
		case slices.ContainsFunc(a.Problems, func(p struct{ Pointer, Keyword, Message string }) bool { return p.Pointer == v.pointer }):
			bad++
			if slices.ContainsFunc(a.Problems, func(p struct{ Pointer, Keyword, Message string }) bool {
				return p.Pointer == v.pointer && p.Keyword == v.keyword
			}) {
				keywords++
			}
		case v.whole() && len(a.Problems) > 0:
			near++
		default:
			problem = fmt.Sprintf("it is wrong at %s (%s), and this was said: %v", v.pointer, v.keyword, a.Problems)
		}
		if problem != "" {
			if wrong++; wrong <= 30 {
				t.Errorf("%s: %s\n  %s", v.ID, v.Text, problem)
			}
		}
	}
	t.Logf("%d modules, %d event types: %d samples came back as they were, %d near misses were refused in their place (%d by the same keyword), %d by the envelope's own rules; %d samples are beyond the numbers of JavaScript; %d went wrong",
		modules, len(types), good, bad, keywords, near, beyond, wrong)
}

// whole is whether a near miss is one of a whole event, which the rules of
// CloudEvents may refuse elsewhere before the schema has a say.
func (v tsVector) whole() bool { return v.pointer == "" || !strings.HasPrefix(v.pointer, "/data") }
