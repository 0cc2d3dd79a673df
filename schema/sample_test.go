package schema

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSampleShow(t *testing.T) {
	for _, name := range []string{"orders", "helm-chart-lock", "pre-commit-hooks", "cmake-presets"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(suiteDir(t)), "validation-bench", name, "schema.json"))
		if err != nil {
			t.Skip(err)
		}
		s, err := NewCompiler(nil).Compile(node(t, string(text)), Draft2020)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Sample(1, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			t.Logf("%.900s", v)
		}
	}
}

func TestMissShow(t *testing.T) {
	for _, name := range []string{"orders", "helm-chart-lock", "pre-commit-hooks"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(suiteDir(t)), "validation-bench", name, "schema.json"))
		if err != nil {
			t.Skip(err)
		}
		s, err := NewCompiler(nil).Compile(node(t, string(text)), Draft2020)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Misses(1, 40)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			t.Logf("%s %s: %s\n   %.300s", v.Problem.Instance, v.Problem.Keyword, v.Problem.Message, v.Value)
		}
	}
}
