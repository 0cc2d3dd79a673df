package document

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// findings loads a document and returns what is found, a line each.
func findings(t *testing.T, text string) []string {
	t.Helper()
	_, found, err := Load(context.Background(), "in.yaml", Options{FS: fstest.MapFS{"in.yaml": {Data: []byte(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range found {
		lines = append(lines, fmt.Sprintf("%d:%d %s %s", x.Span.Position().Line, x.Span.Position().Column, x.Rule, x.Message))
	}
	return lines
}

// What each minor version of 2.x brought, by its release notes and schemas:
// used in the version before, it is a finding; in its own, none.
func TestFieldsOfMinorVersions2(t *testing.T) {
	for _, c := range []struct {
		since      int
		name, rest string
		field      string
	}{
		{1, "example name", "channels: {a: {publish: {message: {examples: [{name: n, payload: 1}]}}}}", `"name"`},
		{1, "example summary", "channels: {a: {publish: {message: {examples: [{summary: n, payload: 1}]}}}}", `"summary"`},
		{1, "SASL", "channels: {}\ncomponents: {securitySchemes: {s: {type: scramSha256}}}", `"scramSha256"`},
		{2, "channel servers", "servers: {s: {url: a, protocol: b}}\nchannels: {a: {servers: [s]}}", `"servers"`},
		{3, "components servers", "channels: {}\ncomponents: {servers: {}}", `"servers"`},
		{3, "components channels", "channels: {}\ncomponents: {channels: {}}", `"channels"`},
		{4, "components serverVariables", "channels: {}\ncomponents: {serverVariables: {}}", `"serverVariables"`},
		{4, "messageId", "channels: {a: {publish: {message: {messageId: m}}}}", `"messageId"`},
		{4, "messageId of a trait", "channels: {}\ncomponents: {messageTraits: {t: {messageId: m}}}", `"messageId"`},
		{4, "operation security", "channels: {a: {publish: {security: []}}}", `"security"`},
		{4, "operation trait security", "channels: {}\ncomponents: {operationTraits: {t: {security: []}}}", `"security"`},
		{5, "server tags", "servers: {s: {url: a, protocol: b, tags: []}}\nchannels: {}", `"tags"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := func(minor int) string {
				return fmt.Sprintf("asyncapi: 2.%d.0\ninfo: {title: T, version: '1'}\n%s\n", minor, c.rest)
			}
			if got := findings(t, document(c.since)); len(got) > 0 {
				t.Errorf("2.%d: %q", c.since, got)
			}
			got := findings(t, document(c.since-1))
			if len(got) != 1 || !strings.Contains(got[0], RuleFieldVersion) || !strings.Contains(got[0], c.field) ||
				!strings.Contains(got[0], fmt.Sprintf("came with 2.%d", c.since)) {
				t.Errorf("2.%d: %q", c.since-1, got)
			}
		})
	}
}

// What 2.x alone demands, each with the finding at its place.
func TestRules2(t *testing.T) {
	const head = "asyncapi: 2.6.0\ninfo: {title: T, version: '1'}\n"
	for _, c := range []struct{ name, rest, want string }{
		{"channels are required", "", `1:1 field-missing`},
		{"fields of 3.x are not fields of 2.x", "channels: {a: {address: b}}", `3:16 field-unknown "address"`},
		{"operations are not of 2.x", "channels: {}\noperations: {}", `4:1 field-unknown "operations"`},
		{"url is required", "servers: {s: {protocol: p}}\nchannels: {}", `3:11 field-missing`},
		{"a channel's server", "servers: {prod: {url: a, protocol: b}}\nchannels: {a: {servers: [prd]}}", `4:26 ref-unresolved "prd" is no server of the document; did you mean "prod"?`},
		{"a requirement's scheme", "channels: {a: {publish: {security: [{key: []}]}}}", `3:38 ref-unresolved "key" is no security scheme of the document`},
		{"scopes of what has none", "channels: {a: {publish: {security: [{k: [s]}]}}}\ncomponents: {securitySchemes: {k: {type: X509}}}", `3:41 field-value "k" lists scopes`},
		{"an operationId twice", "channels: {a: {publish: {operationId: x}, subscribe: {operationId: x}}}", `3:68 field-value operationId: "x" is taken already`},
		{"a messageId twice", "channels: {a: {publish: {message: {oneOf: [{messageId: x}, {messageId: x}]}}}}", `3:72 field-value messageId: "x" is taken already`},
		{"oneOf and more", "channels: {a: {publish: {message: {oneOf: [{payload: true}], name: x}}}}", `3:62 field-unknown "name"`},
		{"an empty oneOf", "channels: {a: {publish: {message: {oneOf: []}}}}", `3:43 field-value`},
		{"scopes of a flow", "channels: {}\ncomponents: {securitySchemes: {s: {type: oauth2, flows: {implicit: {authorizationUrl: 'https://a.example.com', availableScopes: {}}}}}}", `4:112 field-unknown "availableScopes"`},
		{"whose promise it is", "channels: {a: {publish: {x-delivery: {outbox: true}}}}", `3:39 field-unknown x-delivery.outbox is a promise of who sends, but publish means that the application receives`},
		{"an example of nothing", "channels: {a: {publish: {message: {examples: [{name: n}]}}}}", `3:47 field-missing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := findings(t, head+c.rest)
			for _, line := range got {
				if strings.HasPrefix(line, c.want) {
					return
				}
			}
			t.Errorf("want %s\ngot  %s", c.want, strings.Join(got, "\n     "))
		})
	}
}
