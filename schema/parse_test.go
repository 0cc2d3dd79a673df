package schema

import (
	"encoding/json"
	"testing"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// node reads a schema or a value, in YAML or JSON.
func node(t testing.TB, text string) *syntax.Node {
	t.Helper()
	format := syntax.YAML
	if json.Valid([]byte(text)) {
		format = syntax.JSON
	}
	n, faults := syntax.Parse(diag.NewFile("test.yaml", text), format, syntax.Limits{})
	for _, f := range faults {
		if f.Severity == diag.Error {
			t.Fatalf("%s: %s\n%s", f.Span, f.Message, text)
		}
	}
	return n
}
