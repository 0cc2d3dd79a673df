package contract

import (
	"strings"

	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// Compatibility is the policy of a document, a channel or a message
// (x-compatibility), what is not stated taken from the level above, and from
// the defaults at last. The zero value is all defaults.
type Compatibility struct {
	// Mode is backward, forward, full or none; "" where nobody stated one, and
	// then the laws decide by direction.
	Mode       string
	Transitive bool // compare with every released version, not the last alone

	DispatchStrict  bool // consumers refuse event types that they do not know
	ProducersOpen   bool // producers may emit fields that they do not declare
	ReadersTolerant bool // readers ignore fields that they do not declare
	EnumsOpen       bool // readers accept unknown values of the same type
	DefaultsApplied bool // readers fill in schema defaults
	FormatsAnnotate bool // formats say something, and decide nothing

	stated map[string]*syntax.Node
}

// Profile is what the policy says of schemas.
func (c Compatibility) Profile() schema.Profile {
	return schema.Profile{Declared: !c.ProducersOpen, Tolerant: c.ReadersTolerant, OpenEnums: c.EnumsOpen, DefaultsApply: c.DefaultsApplied, FormatsIgnore: c.FormatsAnnotate}
}

// Profile is what the policy of a message says of its payload.
func (m *Message) Profile() schema.Profile {
	p := m.Compatibility.Profile()
	p.Envelope = m.Envelope.PayloadIsEnvelope
	return p
}

// Stated returns the node where a key of x-compatibility was stated, at the
// nearest level; nil where it is the default.
func (c Compatibility) Stated(key string) *syntax.Node { return c.stated[key] }

// IsStated reports whether anything was stated at any level.
func (c Compatibility) IsStated() bool { return len(c.stated) > 0 }

// readCompatibility lays a level's own statements over those of the level
// above, key by key.
func readCompatibility(above Compatibility, n *syntax.Node) Compatibility {
	if !n.Is(syntax.Mapping) {
		return above
	}
	c := above
	c.stated = make(map[string]*syntax.Node, len(above.stated)+len(n.Items))
	for k, v := range above.stated {
		c.stated[k] = v
	}
	for _, item := range n.Items {
		value := item.Str()
		switch item.KeyName() {
		case "mode":
			c.Mode, c.Transitive = strings.CutSuffix(value, "-transitive")
		case "dispatch":
			c.DispatchStrict = value == "strict"
		case "producers":
			c.ProducersOpen = value == "open"
		case "readers":
			c.ReadersTolerant = value == "tolerant"
		case "enums":
			c.EnumsOpen = value == "open"
		case "defaults":
			c.DefaultsApplied = value == "applied"
		case "formats":
			c.FormatsAnnotate = value == "annotate"
		default:
			continue
		}
		c.stated[item.KeyName()] = item
	}
	return c
}
