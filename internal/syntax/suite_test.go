package syntax

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/diag"
)

func toAny(n *Node) any {
	switch n.Kind {
	case Null:
		return nil
	case Bool:
		return n.Value == "true"
	case Number:
		return json.Number(n.Value)
	case String:
		return n.Value
	case Sequence:
		out := []any{}
		for _, i := range n.Items {
			out = append(out, toAny(i))
		}
		return out
	case Mapping:
		out := map[string]any{}
		for _, i := range n.Items {
			out[i.Key.Value] = toAny(i)
		}
		return out
	}
	return "INVALID"
}

func canon(v any) string {
	b, _ := json.Marshal(v)
	var x any
	json.Unmarshal(b, &x)
	b, _ = json.Marshal(x)
	return string(b)
}

func TestSuite(t *testing.T) {
	dir := os.Getenv("TREATY_YAML_SUITE")
	if dir == "" {
		t.Skip("TREATY_YAML_SUITE is not set")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "in.yaml"))
	more, _ := filepath.Glob(filepath.Join(dir, "*", "*", "in.yaml"))
	files = append(files, more...)
	sort.Strings(files)
	good := 0
	for _, f := range files {
		in, _ := os.ReadFile(f)
		d := filepath.Dir(f)
		_, errErr := os.Stat(filepath.Join(d, "error"))
		wantErr := errErr == nil
		j, jerr := os.ReadFile(filepath.Join(d, "in.json"))
		n, found := Parse(diag.NewFile("in.yaml", string(in)), YAML, Limits{})
		var errs []string
		for _, x := range found {
			if x.Severity == diag.Error {
				errs = append(errs, x.Rule+" "+x.Span.String()+" "+x.Message)
			}
		}
		name := strings.TrimPrefix(d, dir)
		if wantErr {
			if len(errs) == 0 {
				t.Errorf("%s: want error, got %s\n%s", name, canon(toAny(n)), in)
				continue
			}
			good++
			continue
		}
		if jerr != nil {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(j))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			want = nil
		}
		if dec.More() {
			if len(errs) > 0 {
				good++
			} else {
				t.Errorf("%s: several documents, none reported", name)
			}
			continue
		}
		if len(errs) > 0 || canon(want) != canon(toAny(n)) {
			t.Errorf("%s: %v\nwant %s\ngot  %s\n%s", name, errs, canon(want), canon(toAny(n)), in)
			continue
		}
		good++
	}
	t.Logf("good %d of %d", good, len(files))
}
