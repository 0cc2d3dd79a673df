package schema

import (
	"testing"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// node reads a schema or a value, in YAML or JSON.
func node(t testing.TB, text string) *syntax.Node {
	t.Helper()
	n, faults := syntax.Parse(diag.NewFile("test.yaml", text), syntax.FormatOf("", text), syntax.Limits{})
	for _, f := range faults {
		if f.Severity == diag.Error {
			t.Fatalf("%s: %s\n%s", f.Span, f.Message, text)
		}
	}
	return n
}
