package schema

import (
	"errors"
	"math/rand/v2"

	"github.com/treaty-events/treaty/internal/syntax"
)

// ErrUnsatisfiable says that a schema has no values.
var ErrUnsatisfiable = errors.New("no value satisfies the schema, so there is none to show")

// Sample makes n values of the schema, as JSON, that look like what a person
// would write: names, formats, enums and the schema's own examples are gone by.
// Data of Avro schemas are in Avro's JSON encoding. Equal seeds give equal values. The error is ErrUnsatisfiable where the schema
// has none, and another where none was found within the limits.
func (s *Schema) Sample(seed uint64, n int) ([][]byte, error) {
	if s.avro != nil {
		return sampleAvro(s.avro, seed, n)
	}
	s = s.settled()
	plain, err := s.plain()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for i := range n {
		all = append(all, AppendJSON(nil, arranged(s.tasteful(plain, rand.New(rand.NewPCG(seed, uint64(i)))), []*rule{s.rule})))
	}
	return all, nil
}

// plain is the first value of a settled schema that is found.
func (s *Schema) plain() (*syntax.Node, error) {
	v := newSolver(s.rule)
	o := v.solve(v.ofRule(s.rule))
	switch {
	case o.state == unsatisfiable:
		return nil, ErrUnsatisfiable
	case o.state == unknown:
		return nil, errors.New("no value of the schema was found: " + o.reason)
	case !s.Valid(o.value):
		return nil, errors.New("no value of the schema was found: the one that was does not hold against it")
	}
	return o.value, nil
}

// tasteful is a value of a settled schema made at random, or the plain one
// where none is found.
func (s *Schema) tasteful(plain *syntax.Node, rng *rand.Rand) *syntax.Node {
	v := newSolver(s.rule)
	v.taste = &taste{rng: rng}
	if o := v.give(v.ofRule(s.rule)); o.state == satisfied && s.Valid(o.value) {
		return o.value
	}
	return plain
}
