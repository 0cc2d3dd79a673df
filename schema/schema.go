// Package schema is the payload languages: JSON Schema in its drafts, the
// Schema Objects of AsyncAPI and OpenAPI 3.0, and Avro. It says what is wrong
// with a schema (Check), what is wrong with the values written in one
// (CheckValues), and whether a value conforms to one (Compile, Validate).
//
// A schema is a node of the document that it is written in, so every finding
// names the bytes that somebody wrote. Nothing is ever loaded: what lies
// outside a schema is found by the functions that the caller gives.
//
// One table of keywords (keyword.go) says what each dialect has and what form
// its values take; Check, Children and the compiler go by it, and the tests
// hold it against the meta-schemas. A schema is compiled into rules, one for
// each of its objects, with references already followed (compile.go,
// resource.go); a value, itself a tree, is held against them for the verdict
// alone, and only where that is no a second time for the explanation
// (evaluate.go, explain.go). Numbers are decimals as written (number.go) and
// regular expressions those of ECMA-262 (regex.go).
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
	RuleDeadBranch        = "schema-dead-branch"        // an alternative that no value takes
	RuleOverlap           = "schema-overlap"            // two alternatives of oneOf that share a value
	RuleAlwaysTrue        = "schema-always-true"        // a keyword that refuses nothing
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

// Span is the place to point at: the name of a property that should not be
// there or whose object lacks something, else the value.
func (p Problem) Span() diag.Span {
	switch p.Keyword {
	case "required", "dependencies", "dependentRequired", "minProperties", "maxProperties",
		"properties", "additionalProperties", "unevaluatedProperties", "propertyNames", "patternProperties", "fields":
		return p.Node.KeySpan()
	}
	return p.Node.Span()
}
