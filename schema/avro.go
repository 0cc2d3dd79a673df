package schema

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

type avroType struct{}

func checkAvro(n *syntax.Node, report func(diag.Diagnostic)) {}

func compileAvro(n *syntax.Node) (*avroType, error) { return &avroType{}, nil }

func validateAvro(t *avroType, n *syntax.Node) []Problem { return nil }
