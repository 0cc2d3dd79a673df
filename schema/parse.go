package schema

import (
	"errors"
	"fmt"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Parse reads and compiles the text of a schema, JSON or YAML; name is what
// errors call it. Where the dialect is Unknown it is that of $schema, and JSON
// Schema 2020-12 where there is none; a $schema wins in any case. The error says
// the line and what is wrong there.
func Parse(name string, text []byte, d Dialect, opts ...Option) (*Schema, error) {
	f := diag.NewFile(name, string(text))
	root, faults := syntax.Parse(f, syntax.FormatOf(name, f.Text), syntax.Limits{})
	for _, fault := range faults {
		if fault.Severity == diag.Error {
			return nil, fmt.Errorf("%s: %s", fault.Span, fault.Message)
		}
	}
	s, err := NewCompiler(nil, opts...).Compile(root, d.OrDeclared(root))
	var at *CompileError
	if errors.As(err, &at) && at.Node == nil {
		return nil, fmt.Errorf("%s: %s", name, at.Message)
	}
	return s, err
}

// OrDeclared is d, or for Unknown the dialect of the $schema of a schema, 2020-12
// where it has none.
func (d Dialect) OrDeclared(root *syntax.Node) Dialect {
	if d != Unknown {
		return d
	}
	if declared, ok := metaSchemaDialect(root.Get("$schema").Str()); ok {
		return declared
	}
	return Draft2020
}

// DialectNamed reads the name of a dialect as commands and configuration have
// it: a draft such as 7, draft-07 or 2020-12, asyncapi, openapi-3.0 or avro.
func DialectNamed(name string) (Dialect, bool) {
	switch name {
	case "":
		return Unknown, false
	case "asyncapi":
		return AsyncAPI, true
	case "openapi-3.0":
		return OpenAPI30, true
	case "avro":
		return Avro, true
	}
	d := draftNamed(name)
	return d, d != Unknown
}
