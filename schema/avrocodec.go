package schema

import (
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/avro"
)

// avroCodec turns data from one encoding into the other.
type avroCodec struct {
	once   sync.Once
	schema *avro.Schema
	err    error
}

func (s *Schema) avroSchema() (*avro.Schema, error) {
	if s.avro == nil {
		return nil, errors.New("the schema is no Avro schema")
	}
	c := s.codec
	c.once.Do(func() { c.schema, c.err = avro.Parse(string(AppendJSON(nil, s.source))) })
	return c.schema, c.err
}

// EncodeAvro turns a datum of an Avro schema from its JSON encoding into the
// binary one. A datum that does not conform is an error.
func (s *Schema) EncodeAvro(datum []byte) ([]byte, error) {
	c, err := s.avroSchema()
	if err != nil {
		return nil, err
	}
	if problems := s.ValidateJSON(datum); len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", problems[0].Instance, problems[0].Message)
	}
	var v any
	if err := c.DecodeJSON(datum, &v, avro.TaggedUnions()); err != nil {
		return nil, err
	}
	return c.Encode(v)
}

// DecodeAvro turns a datum of an Avro schema from its binary encoding into the
// JSON one. A datum that does not conform is an error.
func (s *Schema) DecodeAvro(data []byte) ([]byte, error) {
	c, err := s.avroSchema()
	if err != nil {
		return nil, err
	}
	if problems := s.ValidateAvro(data); len(problems) > 0 {
		return nil, errors.New(problems[0].Message)
	}
	var v any
	if _, err := c.Decode(data, &v); err != nil {
		return nil, err
	}
	return c.EncodeJSON(v, avro.TaggedUnions())
}
