package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/treaty-events/treaty/internal/syntax"
)

func node(t testing.TB, text string) *syntax.Node {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var dec func() *syntax.Node
	dec = func() *syntax.Node {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err, text)
		}
		switch v := tok.(type) {
		case nil:
			return &syntax.Node{Kind: syntax.Null}
		case bool:
			s := "false"
			if v {
				s = "true"
			}
			return &syntax.Node{Kind: syntax.Bool, Value: s}
		case json.Number:
			return &syntax.Node{Kind: syntax.Number, Value: string(v)}
		case string:
			return &syntax.Node{Kind: syntax.String, Value: v}
		case json.Delim:
			var items []*syntax.Node
			kind := syntax.Sequence
			if v == '{' {
				kind = syntax.Mapping
				for d.More() {
					k := dec()
					it := dec()
					it.Key = k
					items = append(items, it)
				}
			} else {
				for d.More() {
					items = append(items, dec())
				}
			}
			d.Token()
			n := syntax.Synthetic(nil, kind, items)
			for _, i := range items {
				i.Parent = n
			}
			return n
		}
		return nil
	}
	return dec()
}
