package schema

import (
	"errors"
	"math/rand/v2"
)

// ErrUnsatisfiable says that a schema has no values.
var ErrUnsatisfiable = errors.New("no value satisfies the schema, so there is none to show")

// Sample makes n values of the schema, as JSON, that look like what a person
// would write: names, formats, enums and the schema's own examples are gone by.
// Equal seeds give equal values. The error is ErrUnsatisfiable where the schema
// has none, and another where none was found within the limits.
func (s *Schema) Sample(seed uint64, n int) ([][]byte, error) {
	if s.avro != nil {
		return nil, errors.New("samples of Avro schemas are not made here")
	}
	s = s.settled()
	var all [][]byte
	for i := range n {
		value, err := s.sample(rand.New(rand.NewPCG(seed, uint64(i))))
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}

// sample makes one value of a settled schema.
func (s *Schema) sample(rng *rand.Rand) ([]byte, error) {
	v := newSolver(s.rule)
	goal := v.ofRule(s.rule)
	plain := v.solve(goal)
	switch plain.state {
	case unsatisfiable:
		return nil, ErrUnsatisfiable
	case unknown:
		return nil, errors.New("no value of the schema was found: " + plain.reason)
	}
	v.taste = &taste{rng: rng}
	v.steps = 0
	if o := v.give(goal); o.state == satisfied && s.Valid(o.value) {
		return AppendJSON(nil, o.value), nil
	}
	if !s.Valid(plain.value) {
		return nil, errors.New("no value of the schema was found: the one that was does not hold against it")
	}
	return AppendJSON(nil, plain.value), nil
}
