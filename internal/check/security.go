package check

import (
	"fmt"
	"strings"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
)

// checkSecurityScope holds the scopes that are asked for to those that some
// flow of the scheme offers. The scopes of openIdConnect are known only to its
// provider.
func checkSecurityScope(p *Pass) {
	for _, scheme := range p.Doc.All(document.SecurityScheme) {
		scopes := elements(scheme.Get("scopes"))
		if scheme.Get("type").Str() != "oauth2" || len(scopes) == 0 {
			continue
		}
		var offered []string
		known := map[string]bool{}
		for _, flow := range entries(scheme.Get("flows")) {
			for _, scope := range entries(flow.Get("availableScopes")) {
				if !known[scope.KeyName()] {
					known[scope.KeyName()] = true
					offered = append(offered, scope.KeyName())
				}
			}
		}
		for _, scope := range scopes {
			if !scope.Is(syntax.String) || known[scope.Value] {
				continue
			}
			d := p.ReportValue(scope, "the scope %q is offered by no flow of the scheme", scope.Value)
			switch near, ok := nearest(scope.Value, offered); {
			case ok:
				d.Message += fmt.Sprintf("; did you mean %q?", near)
			case len(offered) == 0:
				d.Message += "; list it under availableScopes of a flow"
			default:
				d.Message += fmt.Sprintf("; list it under availableScopes of a flow, or choose one of %s", someOf(offered))
			}
		}
	}
}

// httpSchemes returns the HTTP authentication schemes registered with IANA.
func httpSchemes() []string {
	return []string{"basic", "bearer", "concealed", "digest", "dpop", "gnap", "hoba", "mutual", "negotiate", "oauth",
		"privatetoken", "scram-sha-1", "scram-sha-256", "vapid"}
}

func checkHTTPScheme(p *Pass) {
	for _, scheme := range p.Doc.All(document.SecurityScheme) {
		name := scheme.Get("scheme")
		if scheme.Get("type").Str() != "http" || !name.Is(syntax.String) {
			continue
		}
		if !isToken(name.Value) {
			p.ReportValue(name, "%q is no name of an HTTP authentication scheme, which is one word; write basic, bearer or another that the Authorization header begins with", name.Value)
			continue
		}
		known := httpSchemes()
		if near, ok := diag.Nearest(strings.ToLower(name.Value), known); ok && !registered(known, name.Value) {
			d := p.ReportValue(name, "%q is no HTTP authentication scheme; did you mean %q?", name.Value, near)
			if p.Doc.Version.Major == 3 {
				d.Fix = &diag.Fix{Title: "write " + near, Edits: []diag.Edit{syntax.SetValue(name, near)}}
			}
		}
	}
}

func registered(known []string, name string) bool {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// isToken reports whether s is a token of HTTP (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
