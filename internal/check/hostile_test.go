package check

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty/contract"
)

// TestHostile holds that no rule compares everything with everything: documents
// in which each rule meets thousands of what it looks at, mostly at fault. The
// bound is far above what the rules take (a tenth of a second) and far below
// what they took when one of them compared each name with every other.
func TestHostile(t *testing.T) {
	const many = 8_000
	const head = "asyncapi: 3.1.0\ninfo: {title: Orders, version: 1.0.0}\n"
	each := func(format string) string {
		var b strings.Builder
		for i := range many {
			b.WriteString(strings.ReplaceAll(format, "@", fmt.Sprint(i)))
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"locations": "channels:\n  a:\n    address: x\n    parameters:\n" + each("      p@: {location: $message.payload#/a}\n") +
			"    messages:\n" + each("      m@: {payload: {properties: {b: {}}}}\n"),
		"expressions": "channels:\n  a:\n    address: '" + each("{q@}") + "'\n    parameters:\n" + each("      p@: {}\n"),
		"servers":     "servers:\n" + each("  s@: {host: a, protocol: kafka}\n") + "channels:\n" + each("  c@: {address: x}\n"),
		"operations": "channels:\n  a:\n    address: x\n    messages:\n" + each("      m@: {payload: {}}\n") +
			"operations:\n" + each("  o@: {action: send, channel: {$ref: '#/channels/a'}}\n"),
		"heirs": "channels: {a: {address: x, messages: {m: {payload: {$ref: '#/components/schemas/s'}}}}}\n" +
			"components:\n  schemas:\n    s: {discriminator: k, required: [k], properties: {k: {}}}\n" + each("    t@: {allOf: [{$ref: '#/components/schemas/s'}]}\n"),
		"tags":     "channels: {a: {address: x, tags: [" + each("{name: t@}, ") + "]}}\n",
		"scopes":   "components: {securitySchemes: {a: {type: oauth2, scopes: [" + each("s@, ") + "], flows: {implicit: {authorizationUrl: 'https://x.y', availableScopes: {" + each("r@: '', ") + "}}}}}}\n",
		"enum":     "components: {parameters: {a: {enum: [" + each("s@, ") + "], examples: [" + each("r@, ") + "]}}}\n",
		"examples": "channels: {a: {address: x, messages: {m: {payload: {type: string}, examples: [" + each("{payload: 1}, ") + "]}}}}\n",
		"ignores":  "channels: {a: {address: x, x-treaty-ignore: [" + each("rule-@, ") + "]}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, reading, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(head + text)}}})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			found := Run(c, reading, Options{Now: today}, Settings{})
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("%d findings took %v", len(found), took)
			}
		})
	}
}
