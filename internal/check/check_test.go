package check

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

func TestTmpMutate(t *testing.T) {
	var docs []string
	for _, glob := range []string{"examples/*.txtar", "testdata/*/*.txtar", "../document/testdata/*/*.txtar"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			a, _ := txtar.ParseFile(file)
			for _, doc := range a.Files {
				if ext := filepath.Ext(doc.Name); ext == ".yaml" {
					docs = append(docs, string(doc.Data))
				}
			}
		}
	}
	for _, g := range []string{"*.yml", "*/*/*.yaml"} {
		fs, _ := filepath.Glob("../../../shared/testdata/asyncapi-spec-examples/" + g)
		for _, f := range fs {
			b, _ := os.ReadFile(f)
			docs = append(docs, string(b))
		}
	}
	var values []string
	for _, d := range docs {
		for _, l := range strings.Split(d, "\n") {
			if _, v, ok := strings.Cut(l, ": "); ok {
				values = append(values, v)
			}
		}
	}
	values = append(values, "null", "[]", "{}", "true", "7", "''", "{$ref: '#'}", "{$ref: '#/components'}", "{$ref: '#/channels'}", "'#/components/x'", "[[]]", "[null]", "{x: null}", "-")
	deadline := time.Now().Add(60 * time.Second)
	n := 0
	for seed := int64(0); time.Now().Before(deadline); seed++ {
		r := rand.New(rand.NewSource(seed))
		lines := strings.Split(docs[r.Intn(len(docs))], "\n")
		for k := 1 + r.Intn(4); k > 0; k-- {
			i := r.Intn(len(lines))
			switch r.Intn(4) {
			case 0:
				lines = append(lines[:i:i], lines[i+1:]...)
			case 1, 2:
				if key, _, ok := strings.Cut(lines[i], ":"); ok {
					lines[i] = key + ": " + values[r.Intn(len(values))]
				}
			case 3:
				o := docs[r.Intn(len(docs))]
				ol := strings.Split(o, "\n")
				j := r.Intn(len(ol))
				lines[i] = ol[j]
			}
			if len(lines) == 0 {
				lines = []string{""}
			}
		}
		text := strings.Join(lines, "\n")
		func() {
			defer func() {
				if x := recover(); x != nil {
					t.Errorf("panic %v\n%s", x, text)
					panic(x)
				}
			}()
			start := time.Now()
			c, reading, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}})
			if err != nil {
				t.Fatal(err)
			}
			found := Run(c, reading, Options{Now: today}, Settings{})
			if d := time.Since(start); d > 300*time.Millisecond {
				t.Errorf("slow %v\n%s", d, text)
			}
			for _, d := range found {
				if d.Span.IsZero() || d.Message == "" || Named(d.Rule) == nil {
					t.Errorf("bad finding %+v\n%s", d, text)
				}
				if d.Rule == "operation-message" && d.Span.File.Name != "a.yaml" {
					t.Error(d)
				}
			}
		}()
		n++
	}
	t.Log(n)
}

func TestTmpPerf(t *testing.T) {
	b, err := os.ReadFile("/tmp/ex/big.yaml")
	if err != nil {
		t.Skip()
	}
	fsys := fstest.MapFS{"a.yaml": {Data: b}}
	times := map[string]time.Duration{}
	var f *os.File
	for i := 0; i < 5; i++ {
		t0 := time.Now()
		c, reading, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fsys})
		if err != nil {
			t.Fatal(err)
		}
		times["load"] = time.Since(t0)
		if i == 1 {
			f, _ = os.Create("/tmp/ex/cpu.prof")
			pprof.StartCPUProfile(f)
		}
		t0 = time.Now()
		comp := newCompiler(c.Document())
		var found []diag.Diagnostic
		checkSchemas(c.Document(), comp, func(d diag.Diagnostic) { found = append(found, d) })
		times["schemas"] = time.Since(t0)
		for _, r := range Table() {
			if r.Check == nil {
				continue
			}
			t0 = time.Now()
			p := &Pass{Contract: c, Doc: c.Document(), rule: r, compiler: comp}
			r.Check(p)
			times[r.ID] = time.Since(t0)
			if len(p.found) > 0 && i == 0 {
				t.Log(r.ID, len(p.found), p.found[0].Message)
			}
		}
		t0 = time.Now()
		Run(c, reading, Options{Now: today}, Settings{})
		times["RUN"] = time.Since(t0)
	}
	pprof.StopCPUProfile()
	var ks []string
	for k := range times {
		ks = append(ks, k)
	}
	sort.Slice(ks, func(i, j int) bool { return times[ks[i]] > times[ks[j]] })
	for _, k := range ks[:14] {
		fmt.Println(k, times[k])
	}
}
