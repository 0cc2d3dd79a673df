package check

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
)

func TestTmpHostile(t *testing.T) {
	h := "asyncapi: 3.1.0\ninfo: {title: a, version: 1.0.0}\n"
	rep := func(n int, f string) string { var b strings.Builder; for i := 0; i < n; i++ { b.WriteString(strings.ReplaceAll(f, "@", fmt.Sprint(i))) }; return b.String() }
	N := 10000
	docs := map[string]string{
		"params": h + "channels:\n  a:\n    address: x\n    parameters:\n" + rep(N, "      p@: {location: $message.payload#/a}\n") + "    messages:\n" + rep(N, "      m@: {payload: {properties: {b: {}}}}\n"),
		"undef": h + "channels:\n  a:\n    address: '" + rep(N, "{q@}") + "'\n    parameters:\n" + rep(N, "      p@: {}\n"),
		"servers": h + "servers:\n" + rep(N, "  s@: {host: a, protocol: kafka}\n") + "channels:\n" + rep(N, "  c@: {address: x}\n"),
		"ops": h + "channels:\n  a:\n    address: x\n    messages:\n" + rep(N, "      m@: {payload: {}}\n") + "operations:\n" + rep(N, "  o@: {action: send, channel: {$ref: '#/channels/a'}}\n"),
		"opmsgs": h + "channels:\n  a:\n    address: x\n    messages:\n" + rep(N, "      m@: {$ref: '#/components/messages/m@'}\n") + "operations:\n" + rep(N, "  o@: {action: send, channel: {$ref: '#/channels/a'}, messages: [{$ref: '#/components/messages/m@'}]}\n") + "components:\n  messages:\n" + rep(N, "    m@: {}\n"),
		"oneoplist": h + "channels:\n  a:\n    address: x\n    messages:\n" + rep(N, "      m@: {payload: {}}\n") + "operations:\n  o: {action: send, channel: {$ref: '#/channels/a'}, messages: [" + rep(N, "{$ref: '#/channels/a/messages/m@'}, ") + "]}\n",
		"unresolved": h + "channels:\n  a:\n    address: x\n    messages:\n" + rep(N, "      m@: {$ref: '#/components/messages/x@'}\n") + "operations:\n  o: {action: send, channel: {$ref: '#/channels/a'}, messages: [" + rep(N, "{$ref: '#/components/messages/x@'}, ") + "]}\n",
		"heirs": h + "channels: {a: {address: x, messages: {m: {payload: {$ref: '#/components/schemas/s0'}}}}}\ncomponents:\n  schemas:\n    s0: {discriminator: k, required: [k], properties: {k: {}}}\n" + rep(N, "    t@: {allOf: [{$ref: '#/components/schemas/s0'}]}\n"),
		"circle": h + "components:\n  schemas:\n" + rep(30000, "    s@: {$ref: '#/components/schemas/s@x'}\n") + "    x: {allOf: [{$ref: '#/components/schemas/x'}]}\n",
		"bigtags": h + "channels: {a: {address: x, tags: [" + rep(N, "{name: t@}, ") + "]}}\n",
		"scopes": h + "components: {securitySchemes: {a: {type: oauth2, scopes: [" + rep(N, "s@, ") + "], flows: {implicit: {authorizationUrl: 'https://x.y', availableScopes: {" + rep(N, "r@: '', ") + "}}}}}}\n",
		"enum": h + "components: {parameters: {a: {enum: [" + rep(N, "s@, ") + "], examples: [" + rep(N, "r@, ") + "]}}}\n",
		"examples": h + "channels: {a: {address: x, messages: {m: {payload: {type: string}, examples: [" + rep(N, "{payload: 1}, ") + "]}}}}\n",
		"allofdag": h + "channels: {a: {address: x, messages: {m: {payload: {$ref: '#/components/schemas/s0'}, correlationId: {location: $message.payload#/z}}}}}\ncomponents:\n  schemas:\n" + func() string { var b strings.Builder; for i := 0; i < 200; i++ { fmt.Fprintf(&b, "    s%d: {discriminator: k, allOf: [{$ref: '#/components/schemas/s%d'}, {$ref: '#/components/schemas/s%d'}], properties: {p%d: {}}}\n", i, i+1, i+1, i) }; return b.String() + "    s200: {}\n" }(),
	}
	for name, text := range docs {
		t0 := time.Now()
		c, reading, err := contract.Load(context.Background(), "a.yaml", contract.Options{FS: fstest.MapFS{"a.yaml": {Data: []byte(text)}}})
		if err != nil { t.Fatal(err) }
		load := time.Since(t0)
		t0 = time.Now()
		f := Run(c, reading, Options{Now: today}, Settings{})
		run := time.Since(t0)
		fmt.Println(name, len(text), load, run, len(reading), len(f))
		if run > 150*time.Millisecond {
			comp := newCompiler(c.Document())
			t0 = time.Now()
			checkSchemas(c.Document(), comp, func(d diag.Diagnostic) {})
			fmt.Println("   schemas", time.Since(t0))
			for _, r := range Table() { if r.Check != nil { t0 := time.Now(); r.Check(&Pass{Contract: c, Doc: c.Document(), rule: r, compiler: comp}); if d := time.Since(t0); d > 50*time.Millisecond { fmt.Println("   ", r.ID, d) } } }
			t0 = time.Now(); diag.Sort(f); fmt.Println("   sort", time.Since(t0))
		}
	}
}
