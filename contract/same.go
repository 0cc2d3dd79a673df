package contract

import (
	"bytes"

	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// SameSchema reports whether two schemas of the contract say the same of values:
// what they say to people, where they stand and in which order does not matter.
// No schema, nil, is the same as none alone. Schemas of Avro, and those in languages
// that are not understood, are the same where they are written alike.
func (c *Contract) SameSchema(a, b *Schema) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.node == b.node:
		return true
	case !a.Dialect.IsJSONSchema() || !b.Dialect.IsJSONSchema():
		return a.Dialect == b.Dialect && a.Format == b.Format && syntax.Equal(a.node, b.node)
	}
	compiler := schema.NewCompiler(c.Document().Schema, schema.FormatAssertion(true))
	one, err := compiler.Compile(a.node, a.Dialect)
	if err != nil {
		return false
	}
	other, err := compiler.Compile(b.node, b.Dialect)
	if err != nil {
		return false
	}
	// Mostly they are written alike, which is cheap to see, and else it is proved.
	plain, err := one.Portable()
	if again, bad := other.Portable(); err == nil && bad == nil && bytes.Equal(plain, again) {
		return true
	}
	var asWritten schema.Profile
	return schema.Contains(one, other, asWritten).Verdict == schema.Contained && schema.Contains(other, one, asWritten).Verdict == schema.Contained
}
