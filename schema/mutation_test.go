package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mutant is a schema changed at one place.
type mutant struct {
	what   string
	schema any
}

// mutants changes a schema at every place in every way there is: each keyword
// narrowed, widened, taken away, moved, wrapped.
func mutants(schema any) []mutant {
	var all []mutant
	var walk func(s any, at string, whole func(changed any) any)
	change := func(what, at string, changed any, whole func(any) any) {
		all = append(all, mutant{at + ": " + what, whole(changed)})
	}
	walk = func(s any, at string, whole func(any) any) {
		o, ok := s.(map[string]any)
		if !ok {
			if b, isBool := s.(bool); isBool {
				change("negated", at, !b, whole)
			}
			return
		}
		set := func(what string, pairs ...any) {
			c := maps.Clone(o)
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == nil {
					delete(c, pairs[i].(string))
				} else {
					c[pairs[i].(string)] = pairs[i+1]
				}
			}
			change(what, at, c, whole)
		}
		if _, ref := o["$ref"]; !ref {
			ownMutants(o, set)
		}
		change("wrapped in allOf", at, map[string]any{"allOf": []any{s}}, whole)
		change("wrapped in not not", at, map[string]any{"not": map[string]any{"not": s}}, whole)
		change("wrapped in if", at, map[string]any{"if": s, "then": true, "else": false}, whole)
		change("or null", at, map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}, whole)
		change("one of it and null", at, map[string]any{"oneOf": []any{s, map[string]any{"type": "null"}}}, whole)
		change("one of it and a number", at, map[string]any{"oneOf": []any{s, map[string]any{"type": "number"}}}, whole)
		change("nothing", at, true, whole)
		for _, k := range slices.Sorted(maps.Keys(o)) {
			v := o[k]
			put := func(nv any) any {
				c := maps.Clone(o)
				c[k] = nv
				return whole(c)
			}
			switch k {
			case "items", "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains", "propertyNames":
				if _, list := v.([]any); !list {
					walk(v, at+"/"+k, put)
				}
			case "properties", "patternProperties", "definitions", "$defs":
				m := v.(map[string]any)
				for _, name := range slices.Sorted(maps.Keys(m)) {
					walk(m[name], at+"/"+k+"/"+name, func(nv any) any {
						c := maps.Clone(m)
						c[name] = nv
						return put(c)
					})
				}
			case "allOf", "anyOf", "oneOf":
				l := v.([]any)
				for i := range l {
					walk(l[i], fmt.Sprintf("%s/%s/%d", at, k, i), func(nv any) any {
						c := slices.Clone(l)
						c[i] = nv
						return put(c)
					})
				}
			}
		}
	}
	walk(schema, "", func(c any) any { return c })
	return all
}

// ownMutants changes the keywords of one schema.
func ownMutants(o map[string]any, set func(what string, pairs ...any)) {
	types := func() []any {
		switch t := o["type"].(type) {
		case string:
			return []any{t}
		case []any:
			return t
		}
		return nil
	}()
	is := func(t string) bool { return slices.Contains(types, any(t)) }
	for _, k := range slices.Sorted(maps.Keys(o)) {
		v := o[k]
		switch k {
		case "description", "title", "$schema", "$id", "self", "definitions", "$defs", "default", "examples", "$comment", "id":
			continue
		}
		set("without "+k, k, nil)
		switch k {
		case "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
			if n, ok := v.(float64); ok {
				set(k+" up", k, n+1)
				if n >= 1 {
					set(k+" down", k, n-1)
				}
				set(k+" doubled", k, n*2)
			}
		case "enum":
			l := v.([]any)
			set("enum and another", k, append(slices.Clip(l), "another"))
			if len(l) > 1 {
				set("enum less one", k, l[1:])
			}
		case "const":
			set("another const", k, "another")
			set("const as enum", k, nil, "enum", []any{v, "another"})
		case "pattern":
			set("another pattern", k, "^[a-z]+$")
			set("pattern bounded", k, v.(string)+"|^$")
		case "format":
			set("another format", k, "date")
		case "required":
			if l, ok := v.([]any); ok && len(l) > 0 {
				set("required less one", k, l[1:])
				set("required another", k, append(slices.Clip(l[1:]), "another"))
				set("required more", k, append(slices.Clip(l), "another"))
			}
		case "properties":
			m := v.(map[string]any)
			for i, name := range slices.Sorted(maps.Keys(m)) {
				if i > 3 {
					break
				}
				c := maps.Clone(m)
				delete(c, name)
				set("property "+name+" removed", k, c)
				c = maps.Clone(c)
				c[name+"_2"] = m[name]
				set("property "+name+" renamed", k, c)
			}
			c := maps.Clone(m)
			c["another"] = map[string]any{"type": "string"}
			set("property added", k, c)
			if o["required"] == nil && len(m) > 0 {
				set("required added", "required", []any{slices.Sorted(maps.Keys(m))[0]})
			}
		case "additionalProperties":
			set("closed", k, false)
			set("open for strings", k, map[string]any{"type": "string"})
		case "anyOf", "oneOf", "allOf":
			l := v.([]any)
			other := map[string]string{"anyOf": "oneOf", "oneOf": "anyOf", "allOf": "anyOf"}[k]
			set(k+" as "+other, k, nil, other, l)
			if len(l) > 1 {
				set(k+" less one", k, l[1:])
				set(k+" reversed", k, []any{l[1], l[0]})
			}
			set(k+" and a string", k, append(slices.Clip(l), map[string]any{"type": "string"}))
		case "type":
			for i := range types {
				if len(types) > 1 {
					set("type less one", k, slices.Delete(slices.Clone(types), i, i+1))
				}
			}
			if !is("null") {
				set("nullable", k, append(slices.Clip(types), "null"))
			}
			if is("number") {
				set("integer", k, "integer")
			}
			if is("integer") {
				set("number", k, "number")
			}
			if is("string") {
				set("shorter", "maxLength", 3)
				set("longer", "minLength", 2)
				set("like x-", "pattern", "^x-")
				set("uri", "format", "uri")
			}
			if is("number") || is("integer") {
				set("even", "multipleOf", 2)
				set("positive", "minimum", 1)
				set("at most 7", "maximum", 7)
			}
			if is("array") {
				set("unique", "uniqueItems", true)
				set("not empty", "minItems", 1)
				set("few", "maxItems", 2)
				set("some string", "contains", map[string]any{"type": "string"})
			}
			if is("object") {
				set("small", "maxProperties", 3)
				set("some", "minProperties", 1)
				set("short names", "propertyNames", map[string]any{"maxLength": 12})
				set("x- are strings", "patternProperties", map[string]any{"^x-": map[string]any{"type": "string"}})
				if o["additionalProperties"] == nil {
					set("closed", "additionalProperties", false)
					set("closed but for patterns", "additionalProperties", false, "patternProperties", map[string]any{"^[a-m]": true})
				}
			}
		}
	}
}

// realSchemas are schemas that people wrote for use.
func realSchemas(pairs []containmentPair) []any {
	var all []any
	seen := map[string]bool{}
	for _, p := range pairs {
		for _, text := range []json.RawMessage{p.S1, p.S2} {
			if seen[string(text)] || len(text) > 12_000 || strings.HasPrefix(string(text), "true") {
				continue
			}
			seen[string(text)] = true
			var v any
			if err := json.Unmarshal(text, &v); err == nil {
				all = append(all, v)
			}
		}
	}
	return all
}
