package hold

import (
	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/schema"
)

// MessageOf is Of for one message alone, whatever the schemas of the others are.
func MessageOf(c *contract.Contract, m *contract.Message, side Side) (*Message, error) {
	return compile(schema.NewCompiler(c.Document().Schema), m, side)
}
