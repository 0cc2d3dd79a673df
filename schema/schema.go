// Package schema is the payload languages: JSON Schema in its drafts, the
// Schema Objects of AsyncAPI and OpenAPI 3.0, and Avro. It says what is wrong
// with a schema (Check, CheckReach) and with the values written in one
// (CheckValues), and answers three questions about a compiled one: does this
// value conform (ValidJSON, ValidateJSON, Validate, ValidAvro), is every value
// of one schema a value of another (Contains), and what does a value look like
// (Sample, Misses).
//
// A schema is a node of the document that it is written in, so every finding
// names the bytes that somebody wrote. Nothing is ever loaded: what lies
// outside a schema is found by the functions that the caller gives.
//
// # Compile
//
// One table of keywords (keyword.go) says what each dialect has and what form
// its values take; Check and the compiler go by it, and the tests hold it
// against the meta-schemas. A schema is compiled into rules, one for each of
// its objects, with references already followed (compile.go, resource.go);
// $dynamicRef and $recursiveRef are made static for each way that validation
// can come to them (settle.go). Numbers are decimals as written (number.go),
// regular expressions those of ECMA-262 (regex.go): RE2 where it can say the
// same, else an engine that backtracks within a limit.
//
// # Walk
//
// For events the rules become a program (wire_program.go): a node for each set
// of rules that hold for one value together, with a table for each JSON type.
// $ref and allOf are merged; an anyOf or oneOf is, where the type or the
// constant of a property leaves one branch. The program is run over the bytes
// of an event (wire.go): one pass, nothing made of what is read. Properties are
// expected in the order in which they came the last time, and compared eight
// bytes at once; patterns are automata; small numbers are compared as whole
// numbers of a power of ten, others as decimals.
//
// The time is linear in the event, but for these. Alternatives that neither
// type nor constant tells apart, not, if, contains and dependent schemas read
// their value again, at most 40 times the event in all; past that, and for
// unevaluatedProperties and unevaluatedItems that depend on open alternatives,
// more than six patterns of property names in one place, schemas that refer
// back to themselves for the same value and those that ask for a schema, a tree
// is made of the event, and rules are held against it (evaluate.go), which
// remembers verdicts and is limited in steps. uniqueItems compares pairs, of
// long lists as sorted trees. An expression that RE2 cannot say is limited in
// steps, and then refuses. An event that is refused is always read a second
// time, as a tree, to say why (explain.go).
//
// # Prove and refute
//
// Contains asks whether something satisfies sub and not super. What is asked of
// a value is a form (formula.go), negated down to single keywords; equal forms
// are one. A goal is a conjunction of forms; it is solved type by type
// (solve.go): numbers as intervals and multiples (solve_number.go), texts as
// regular languages by automata walked side by side (solve_string.go,
// internal/regular), lists position by position (solve_array.go), objects by
// the classes of names that the schemas tell apart (solve_object.go). A
// goal that comes up while it is being solved is cut: a value that needed
// itself inside would never end. Choices are made against a value that was
// found for the rest, and undone where that was why nothing was found. Rules
// that cannot differ are one beforehand (classes.go). If no goal can be solved,
// the containment is proved; if one is, its value is the witness, made smaller
// and then held against both schemas. All limits are in steps, so an answer
// depends on the question alone. What a profile says of producers and readers
// is written into the rules first (profile.go).
//
// Sample solves the same goal with taste (taste.go, natural.go): examples,
// enums, formats and names decide which of many values it takes. Misses solves
// it with one keyword negated.
//
// Avro has its own answers to the three: the binary and the JSON encoding are
// held against the types (avrobinary.go, avrovalue.go), containment is the
// resolution of the specification (avroresolve.go).
//
// # Sources
//
// JSON Schema core and validation, drafts 04 to 2020-12; ECMA-262 §22.2 for
// expressions; RFC 8259 for the text; Apache Avro 1.12 for its types and their
// resolution. The proof follows the refutation by witness of Attouche et al.,
// "Witness Generation for JSON Schema" (VLDB 2022), made goal-directed; which
// defects matter is from Habib et al., "Finding Data Compatibility Bugs with
// JSON Subschema Checking" (ISSTA 2021).
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
