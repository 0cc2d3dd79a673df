package document

import (
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// uri checks an absolute URI (RFC 3986).
func uri(s string) string {
	if why := uriReference(s); why != "" {
		return why
	}
	if u, err := url.Parse(s); err != nil || u.Scheme == "" {
		return "is not an absolute URI; write it with its scheme, such as https://example.com/" + strings.TrimLeft(s, "/")
	}
	return ""
}

// uriReference checks a URI or a relative reference (RFC 3986).
func uriReference(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"{}|\^`+"`", r) }); i >= 0 {
		return "is not a URI: " + strconv.QuoteRune(rune(s[i])) + " must be percent-encoded"
	}
	if _, err := url.Parse(s); err != nil {
		return "is not a URI (RFC 3986); percent-encode what is not allowed in one"
	}
	return ""
}

// email checks an address as RFC 5322 writes one in a mailbox.
func email(s string) string {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return "is not an email address such as team@example.com"
	}
	return ""
}

// mediaType checks the form type/subtype with optional parameters (RFC 6838).
func mediaType(s string) string {
	base, _, _ := strings.Cut(s, ";")
	main, sub, ok := strings.Cut(strings.TrimSpace(base), "/")
	if !ok || !mediaToken(main) || !mediaToken(sub) {
		return "is not a media type such as application/json"
	}
	return ""
}

func mediaToken(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$&-^_.+*'|~`%", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// Expression is a runtime expression (AsyncAPI 3.0 "Runtime Expression"):
// a place in a message.
type Expression struct {
	Header   bool   // $message.header, else $message.payload
	Fragment string // JSON Pointer below it, "" for the whole
}

// ParseExpression reads a runtime expression. The second result says what is
// wrong, or "".
func ParseExpression(s string) (Expression, string) {
	rest, ok := strings.CutPrefix(s, "$message.")
	if !ok {
		return Expression{}, "is not a runtime expression; write $message.header#/name or $message.payload#/name"
	}
	source, fragment, has := strings.Cut(rest, "#")
	var e Expression
	switch source {
	case "header":
		e.Header = true
	case "payload":
	case "headers":
		return Expression{}, "is not a runtime expression: the source is \"header\", not \"headers\""
	default:
		return Expression{}, "is not a runtime expression: after $message. comes header or payload"
	}
	if has && fragment != "" && fragment[0] != '/' {
		return Expression{}, "is not a runtime expression: what follows # is a JSON Pointer, so write #/" + fragment
	}
	if why := pointerText(fragment); why != "" {
		return Expression{}, why
	}
	e.Fragment = fragment
	return e, ""
}

func expression(s string) string {
	_, why := ParseExpression(s)
	return why
}

// pointerText checks the escapes of a JSON Pointer (RFC 6901).
func pointerText(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '~' && (i+1 >= len(s) || (s[i+1] != '0' && s[i+1] != '1')) {
			return "has a lone ~ in its JSON Pointer; write ~0 for ~ and ~1 for /"
		}
	}
	return ""
}

// identifier checks the document's id: a URI or URN.
func identifier(s string) string { return uri(s) }

// nameFault says what is wrong with the name of a map's entry, or "".
func nameFault(rule NameRule, name string) string {
	if rule == AnyName {
		return ""
	}
	if name == "" {
		return "is empty; give it a name of letters, digits, '.', '-' and '_'"
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
		default:
			return "has " + strconv.QuoteRune(r) + " in it; use only letters, digits, '.', '-' and '_'"
		}
	}
	return ""
}

// duration checks an ISO 8601 duration such as P7D or PT1S.
func duration(s string) string {
	if _, err := ParseDuration(s); err != nil {
		return err.Error()
	}
	return ""
}
