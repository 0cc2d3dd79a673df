// Command validate measures what holding an event against a schema costs, the
// parse included: treaty, the check of encoding/json that a text is JSON at
// all, and other validators, taking turns in one run.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	google "github.com/google/jsonschema-go/jsonschema"
	"github.com/kaptinlin/jsonschema"
	santhosh "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/treaty-events/treaty/schema"
)

// contender compiles a schema into a validator of one event.
type contender struct {
	name    string
	compile func(text []byte) (func(event []byte) bool, error)
}

var contenders = []contender{
	{"treaty", func(text []byte) (func([]byte) bool, error) {
		s, err := schema.Parse("schema.json", text, schema.Unknown)
		if err != nil {
			return nil, err
		}
		s.ValidJSON([]byte("null")) // which makes the program
		return s.ValidJSON, nil
	}},
	{"encoding/json Valid", func([]byte) (func([]byte) bool, error) { return json.Valid, nil }},
	{"santhosh-tekuri + encoding/json", func(text []byte) (func([]byte) bool, error) {
		s, err := compileSanthosh(text)
		return func(event []byte) bool {
			v, err := santhosh.UnmarshalJSON(bytes.NewReader(event))
			return err == nil && s.Validate(v) == nil
		}, err
	}},
	{"santhosh-tekuri + sonic", func(text []byte) (func([]byte) bool, error) {
		s, err := compileSanthosh(text)
		api := sonic.Config{UseNumber: true}.Froze()
		return func(event []byte) bool {
			var v any
			return api.Unmarshal(event, &v) == nil && s.Validate(v) == nil
		}, err
	}},
	{"google/jsonschema-go", func(text []byte) (func([]byte) bool, error) {
		var s google.Schema
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		r, err := s.Resolve(nil)
		return func(event []byte) bool {
			var v any
			return json.Unmarshal(event, &v) == nil && r.Validate(v) == nil
		}, err
	}},
	{"kaptinlin/jsonschema", func(text []byte) (func([]byte) bool, error) {
		s, err := jsonschema.NewCompiler().Compile(text)
		return func(event []byte) bool { return s.ValidateJSON(event).IsValid() }, err
	}},
}

func compileSanthosh(text []byte) (*santhosh.Schema, error) {
	v, err := santhosh.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := santhosh.NewCompiler()
	if err := c.AddResource("schema.json", v); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

func main() {
	log.SetFlags(0)
	data := flag.String("data", "../../shared/testdata/validation-bench", "the folder with the sets: in each a schema-noformat.json and an instances.jsonl")
	rounds := flag.Int("rounds", 5, "how often the contenders take turns")
	ajv := flag.Bool("ajv", false, "measure ajv too, which out/ needs to have from npm")
	flag.Parse()
	for _, set := range []string{"orders", "helm-chart-lock", "pre-commit-hooks", "cmake-presets"} {
		dir := filepath.Join(*data, set)
		text, err := os.ReadFile(filepath.Join(dir, "schema-noformat.json"))
		if err != nil {
			log.Fatal(err)
		}
		lines, err := os.ReadFile(filepath.Join(dir, "instances.jsonl"))
		if err != nil {
			log.Fatal(err)
		}
		events := bytes.Split(bytes.TrimSpace(lines), []byte("\n"))
		measure(set, text, events, *rounds)
		if *ajv {
			out, err := exec.Command("node", "out/ajv.mjs", dir).CombinedOutput()
			if err != nil {
				log.Fatalf("ajv: %v\n%s", err, out)
			}
			fmt.Printf("  %-34s %s\n", "ajv (Node)", strings.TrimSpace(string(out)))
		}
	}
}

func measure(set string, text []byte, events [][]byte, rounds int) {
	size := len(bytes.Join(events, nil)) / len(events)
	fmt.Printf("%s: %d events of %d bytes\n", set, len(events), size)
	fmt.Printf("  %-34s %9s %9s %8s %8s %10s\n", "", "ns/event", "MB/s", "allocs", "ratio", "compile")
	type entry struct {
		contender
		valid   func([]byte) bool
		compile time.Duration
		allocs  float64
		times   []float64
		fault   string
	}
	var entries []*entry
	for _, c := range contenders {
		e := &entry{contender: c}
		entries = append(entries, e)
		begin := time.Now()
		valid, err := c.compile(text)
		e.compile = time.Since(begin)
		if err != nil {
			e.fault = err.Error()
			continue
		}
		for _, event := range events {
			if !valid(event) {
				e.fault = fmt.Sprintf("refuses %.60s", event)
				break
			}
		}
		e.valid = valid
		i := 0
		e.allocs = testing.AllocsPerRun(len(events), func() { valid(events[i%len(events)]); i++ })
	}
	for range rounds {
		for _, e := range entries {
			if e.valid == nil {
				continue
			}
			n := 0
			begin := time.Now()
			for time.Since(begin) < 150*time.Millisecond {
				for _, event := range events {
					e.valid(event)
				}
				n += len(events)
			}
			e.times = append(e.times, float64(time.Since(begin).Nanoseconds())/float64(n))
		}
	}
	median := func(times []float64) float64 {
		slices.Sort(times)
		return times[len(times)/2]
	}
	base := median(entries[1].times)
	for _, e := range entries {
		if e.valid == nil {
			fmt.Printf("  %-34s %s\n", e.name, e.fault)
			continue
		}
		ns := median(e.times)
		fmt.Printf("  %-34s %9.0f %9.0f %8.0f %8.2f %10s %s\n", e.name, ns, float64(size)/ns*1000, e.allocs, ns/base, e.compile.Round(10*time.Microsecond), e.fault)
	}
}
