package schema

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
)

// content is what a text holds by contentEncoding and contentMediaType. Only
// draft-07 lets a validator assert them (validation §8); from 2019-09 on they
// annotate, and in an AsyncAPI document they describe what another layer is to
// decode.
type content struct {
	base64, json bool
}

// contentOf reads the two keywords; nil where they name nothing that is known.
func contentOf(n *syntax.Node) *content {
	mediaType, _, _ := strings.Cut(n.Get("contentMediaType").Str(), ";")
	c := content{
		base64: strings.EqualFold(n.Get("contentEncoding").Str(), "base64"),
		json:   strings.EqualFold(strings.TrimSpace(mediaType), "application/json"),
	}
	if !c.base64 && (!c.json || n.Get("contentEncoding") != nil) {
		return nil
	}
	return &c
}

func (c *content) holds(s string) bool {
	text := []byte(s)
	if c.base64 {
		decoded, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return false
		}
		text = decoded
	}
	return !c.json || json.Valid(text)
}

// keyword is the one that a text which does not hold it fails.
func (c *content) keyword() string {
	if c.json {
		return "contentMediaType"
	}
	return "contentEncoding"
}

func (c *content) phrase() string {
	switch {
	case c.base64 && c.json:
		return "JSON in base64"
	case c.base64:
		return "base64 (RFC 4648)"
	}
	return "the text of a JSON value"
}

// name is what the solver calls it: one more format.
func (c *content) name() string { return "content: " + c.phrase() }
