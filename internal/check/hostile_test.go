package check

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/internal/growth"
)

// TestHostile holds that no rule compares everything with everything: documents
// in which each rule meets thousands of what it looks at, mostly at fault.
func TestHostile(t *testing.T) {
	const head = "asyncapi: 3.1.0\ninfo: {title: Orders, version: 1.0.0}\n"
	for name, text := range map[string]func(each func(string) string) string{
		"locations": func(each func(string) string) string {
			return "channels:\n  a:\n    address: x\n    parameters:\n" + each("      p@: {location: $message.payload#/a}\n") +
				"    messages:\n" + each("      m@: {payload: {properties: {b: {}}}}\n")
		},
		"expressions": func(each func(string) string) string {
			return "channels:\n  a:\n    address: '" + each("{q@}") + "'\n    parameters:\n" + each("      p@: {}\n")
		},
		"servers": func(each func(string) string) string {
			return "servers:\n" + each("  s@: {host: a, protocol: kafka}\n") + "channels:\n" + each("  c@: {address: x}\n")
		},
		"operations": func(each func(string) string) string {
			return "channels:\n  a:\n    address: x\n    messages:\n" + each("      m@: {payload: {}}\n") +
				"operations:\n" + each("  o@: {action: send, channel: {$ref: '#/channels/a'}}\n")
		},
		"heirs": func(each func(string) string) string {
			return "channels: {a: {address: x, messages: {m: {payload: {$ref: '#/components/schemas/s'}}}}}\n" +
				"components:\n  schemas:\n    s: {discriminator: k, required: [k], properties: {k: {}}}\n" + each("    t@: {allOf: [{$ref: '#/components/schemas/s'}]}\n")
		},
		"tags": func(each func(string) string) string {
			return "channels: {a: {address: x, tags: [" + each("{name: t@}, ") + "]}}\n"
		},
		"scopes": func(each func(string) string) string {
			return "components: {securitySchemes: {a: {type: oauth2, scopes: [" + each("s@, ") + "], flows: {implicit: {authorizationUrl: 'https://x.y', availableScopes: {" + each("r@: '', ") + "}}}}}}\n"
		},
		"enum": func(each func(string) string) string {
			return "components: {parameters: {a: {enum: [" + each("s@, ") + "], examples: [" + each("r@, ") + "]}}}\n"
		},
		"examples": func(each func(string) string) string {
			return "channels: {a: {address: x, messages: {m: {payload: {type: string}, examples: [" + each("{payload: 1}, ") + "]}}}}\n"
		},
		"ignores": func(each func(string) string) string {
			return "channels: {a: {address: x, x-treaty-ignore: [" + each("rule-@, ") + "]}}\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 1000, func(size int) func() {
				c, reading, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(head + text(func(format string) string {
					var b strings.Builder
					for i := range size {
						b.WriteString(strings.ReplaceAll(format, "@", fmt.Sprint(i)))
					}
					return b.String()
				}))}}})
				if err != nil {
					t.Fatal(err)
				}
				return func() { Run(c, reading, Options{Now: today}, Settings{}) }
			})
		})
	}
}
