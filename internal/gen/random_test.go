package gen

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// randomSchemas are schemas made up from a seed: objects, arrays, unions, enums
// and bounds, put together as nobody would.
func randomSchemas(seed uint64, n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		r := &random{rand.New(rand.NewPCG(seed, uint64(i)))}
		text, err := json.Marshal(r.object(0))
		if err != nil {
			panic(err)
		}
		all[fmt.Sprintf("random-%02d", i)] = string(text)
	}
	return all
}

type random struct{ *rand.Rand }

func (r *random) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r *random) schema(depth int) any {
	if depth > 3 {
		return map[string]any{"type": r.pick("string", "integer", "boolean")}
	}
	var s any
	switch r.IntN(11) {
	case 0, 1:
		s = r.object(depth)
	case 2:
		s = map[string]any{"type": "array", "items": r.schema(depth + 1), "maxItems": 1 + r.IntN(4)}
	case 3:
		one := map[string]any{"type": "string", "minLength": r.IntN(3), "maxLength": 3 + r.IntN(20)}
		if r.IntN(3) == 0 {
			one = map[string]any{"type": "string", "format": r.pick("date-time", "date", "uuid", "email", "uri")}
		}
		s = one
	case 4:
		low := r.IntN(100) - 50
		s = map[string]any{"type": "integer", "minimum": low, "maximum": low + r.IntN(1000)}
	case 5:
		s = map[string]any{"type": "number", "minimum": -1000, "maximum": 1000}
	case 6:
		s = map[string]any{"type": "boolean"}
	case 7:
		values := []any{}
		for i := range 2 + r.IntN(4) {
			values = append(values, fmt.Sprintf("%s-%d", r.pick("red", "Blue", "class", "null", "2nd"), i))
		}
		s = map[string]any{"enum": values}
	case 8:
		s = map[string]any{"type": "object", "additionalProperties": r.schema(depth + 1), "maxProperties": 1 + r.IntN(4)}
	case 9: // told apart by a tag
		var branches []any
		for i := range 2 + r.IntN(2) {
			o := r.object(depth + 1)
			o["properties"].(map[string]any)["kind"] = map[string]any{"const": fmt.Sprintf("kind%d", i)}
			o["required"] = append([]string{"kind"}, o["required"].([]string)...)
			branches = append(branches, o)
		}
		s = map[string]any{"oneOf": branches}
	case 10: // told apart by type
		s = map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}, map[string]any{"type": "array", "items": r.schema(depth + 1)}}[:2+r.IntN(2)]}
	}
	if one, ok := s.(map[string]any); ok && r.IntN(5) == 0 {
		if t, ok := one["type"].(string); ok {
			one["type"] = []string{t, "null"}
		}
	}
	return s
}

func (r *random) object(depth int) map[string]any {
	names := []string{"id", "order_id", "Total", "total", "type", "class", "a-b", "née", "value1", "is_ok", "URL", "x y"}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	properties, required := map[string]any{}, []string{}
	for _, name := range names[:1+r.IntN(6)] {
		properties[name] = r.schema(depth + 1)
		if r.IntN(2) == 0 {
			required = append(required, name)
		}
	}
	o := map[string]any{"type": "object", "properties": properties, "required": required}
	switch r.IntN(5) {
	case 0:
		o["additionalProperties"] = false
	case 1:
		o["additionalProperties"] = r.schema(depth + 2)
	}
	return o
}
