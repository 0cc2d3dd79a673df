// Package schema is the payload languages: JSON Schema in its drafts, the
// Schema Objects of AsyncAPI and OpenAPI 3.0, and Avro. It says what is wrong
// with a schema (Check), what is wrong with the values written in one
// (CheckValues), and whether a value conforms to one (Compile, Validate).
//
// A schema is a node of the document that it is written in, so every finding
// names the bytes that somebody wrote. Nothing is ever loaded: what lies
// outside a schema is found by the functions that the caller gives.
package schema

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// Ids of the rules that this package reports under.
const (
	RuleInvalid           = "schema-invalid"            // not valid in its own dialect
	RuleKeyword           = "schema-keyword"            // a misspelt keyword, or one of another dialect
	RuleRegex             = "schema-regex"              // not a regular expression of ECMA-262
	RuleContradiction     = "schema-contradiction"      // no value can satisfy it, or a part of it
	RuleUnusedKeyword     = "schema-unused-keyword"     // a keyword that never applies
	RuleRequiredUndefined = "schema-required-undefined" // a required property that no properties define
	RuleDefault           = "schema-default"            // a default that its own schema rejects
	RuleExample           = "schema-example"            // an example that its own schema rejects
)

// Resolver finds the schema that a reference leads to. It is given the object
// that has the $ref and returns nil where it knows of none.
type Resolver func(ref *syntax.Node) *syntax.Node

// Problem is one way in which a value fails a schema.
type Problem struct {
	Instance      string       // JSON Pointer to the value at fault, within what was validated
	Node          *syntax.Node // that value; for a missing property the object that lacks it
	Keyword       string       // the keyword that rejects it, "" for the schema false
	Schema        diag.Span    // where the keyword is written
	SchemaPointer string       // JSON Pointer to the keyword in its own file
	Message       string       // what was there and what the schema wants

	types  typeSet        // of type: those that are allowed
	values []*syntax.Node // of const and enum: those that are allowed
}
