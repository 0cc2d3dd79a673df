package schema

import "github.com/treaty-events/treaty/internal/syntax"

// dialects is a set of dialects.
type dialects uint16

const (
	in4   = dialects(1) << Draft4
	in6   = dialects(1) << Draft6
	in7   = dialects(1)<<Draft7 | inAA
	in19  = dialects(1) << Draft2019
	in20  = dialects(1) << Draft2020
	inAA  = dialects(1) << AsyncAPI
	inOAS = dialects(1) << OpenAPI30

	from19 = in19 | in20
	from7  = in7 | from19
	from6  = in6 | from7
	from4  = in4 | from6
	always = from4 | inOAS
)

func (s dialects) has(d Dialect) bool { return s&(1<<d) != 0 }

// shape is what a keyword's value has to be.
type shape uint8

const (
	anything shape = iota
	aString
	aURI          // an absolute URI
	aURIReference // any URI reference
	anAnchor
	aRegex
	aBoolean
	aNumber
	aPositive // a number above zero
	aCount    // a whole number, zero or more
	aSchema
	schemaList // a list of at least one schema
	schemaMap
	schemaOrList   // items until 2019-09
	schemaOrNames  // dependencies: name -> schema or list of names
	boolOrSchema   // in dialects without boolean schemas
	nameList       // a list of different strings
	namesOfName    // dependentRequired
	typeNames      // type
	aList          // of anything
	aValueList     // enum
	anObject       // of anything
	booleansByName // $vocabulary
	exclusive      // boolean in draft-04 and OpenAPI 3.0, a number since
	aDiscriminator // a name in AsyncAPI, an object in OpenAPI
)

// effect is what a keyword is for, which decides what its misuse means.
type effect uint8

const (
	annotates effect = iota // no value is valid or invalid because of it
	asserts
)

// keyword is a keyword of some dialect.
type keyword struct {
	name   string
	in     dialects
	shape  shape
	effect effect
	of     typeSet // the JSON types that it constrains; 0: every one
}

// Keywords by number, so that what is compiled from a schema needs no strings.
const (
	kwNone = iota
	kwID
	kwID4
	kwSchema
	kwRef
	kwAnchor
	kwRecursiveRef
	kwRecursiveAnchor
	kwDynamicRef
	kwDynamicAnchor
	kwVocabulary
	kwComment
	kwDefs
	kwDefinitions
	kwTitle
	kwDescription
	kwDefault
	kwExamples
	kwExample
	kwDeprecated
	kwReadOnly
	kwWriteOnly
	kwType
	kwEnum
	kwConst
	kwMultipleOf
	kwMaximum
	kwExclusiveMaximum
	kwMinimum
	kwExclusiveMinimum
	kwMaxLength
	kwMinLength
	kwPattern
	kwFormat
	kwContentEncoding
	kwContentMediaType
	kwContentSchema
	kwItems
	kwPrefixItems
	kwAdditionalItems
	kwUnevaluatedItems
	kwContains
	kwMinContains
	kwMaxContains
	kwMaxItems
	kwMinItems
	kwUniqueItems
	kwProperties
	kwPatternProperties
	kwAdditionalProperties
	kwUnevaluatedProperties
	kwPropertyNames
	kwRequired
	kwMaxProperties
	kwMinProperties
	kwDependencies
	kwDependentSchemas
	kwDependentRequired
	kwAllOf
	kwAnyOf
	kwOneOf
	kwNot
	kwIf
	kwThen
	kwElse
	kwNullable
	kwDiscriminator
	kwExternalDocs
	kwXML
	keywordCount
)

var keywords = [keywordCount]keyword{
	kwID:                    {"$id", from6, aURIReference, asserts, 0},
	kwID4:                   {"id", in4, aURIReference, asserts, 0},
	kwSchema:                {"$schema", from4, aURI, annotates, 0},
	kwRef:                   {"$ref", always, aURIReference, asserts, 0},
	kwAnchor:                {"$anchor", from19, anAnchor, asserts, 0},
	kwRecursiveRef:          {"$recursiveRef", in19, aURIReference, asserts, 0},
	kwRecursiveAnchor:       {"$recursiveAnchor", in19, aBoolean, asserts, 0},
	kwDynamicRef:            {"$dynamicRef", in20, aURIReference, asserts, 0},
	kwDynamicAnchor:         {"$dynamicAnchor", in20, anAnchor, asserts, 0},
	kwVocabulary:            {"$vocabulary", from19, booleansByName, annotates, 0},
	kwComment:               {"$comment", from7, aString, annotates, 0},
	kwDefs:                  {"$defs", from19, schemaMap, annotates, 0},
	kwDefinitions:           {"definitions", from4, schemaMap, annotates, 0},
	kwTitle:                 {"title", always, aString, annotates, 0},
	kwDescription:           {"description", always, aString, annotates, 0},
	kwDefault:               {"default", always, anything, annotates, 0},
	kwExamples:              {"examples", from6, aList, annotates, 0},
	kwExample:               {"example", inOAS, anything, asserts, 0},
	kwDeprecated:            {"deprecated", from19 | inAA | inOAS, aBoolean, annotates, 0},
	kwReadOnly:              {"readOnly", from7 | inOAS, aBoolean, annotates, 0},
	kwWriteOnly:             {"writeOnly", from7 | inOAS, aBoolean, annotates, 0},
	kwType:                  {"type", always, typeNames, asserts, 0},
	kwEnum:                  {"enum", always, aValueList, asserts, 0},
	kwConst:                 {"const", from6, anything, asserts, 0},
	kwMultipleOf:            {"multipleOf", always, aPositive, asserts, typeNumber},
	kwMaximum:               {"maximum", always, aNumber, asserts, typeNumber},
	kwExclusiveMaximum:      {"exclusiveMaximum", always, exclusive, asserts, typeNumber},
	kwMinimum:               {"minimum", always, aNumber, asserts, typeNumber},
	kwExclusiveMinimum:      {"exclusiveMinimum", always, exclusive, asserts, typeNumber},
	kwMaxLength:             {"maxLength", always, aCount, asserts, typeString},
	kwMinLength:             {"minLength", always, aCount, asserts, typeString},
	kwPattern:               {"pattern", always, aRegex, asserts, typeString},
	kwFormat:                {"format", always, aString, asserts, 0},
	kwContentEncoding:       {"contentEncoding", from7, aString, annotates, typeString},
	kwContentMediaType:      {"contentMediaType", from7, aString, annotates, typeString},
	kwContentSchema:         {"contentSchema", from19, aSchema, annotates, typeString},
	kwItems:                 {"items", always, schemaOrList, asserts, typeArray},
	kwPrefixItems:           {"prefixItems", in20, schemaList, asserts, typeArray},
	kwAdditionalItems:       {"additionalItems", in4 | in6 | in7 | in19, boolOrSchema, asserts, typeArray},
	kwUnevaluatedItems:      {"unevaluatedItems", from19, aSchema, asserts, typeArray},
	kwContains:              {"contains", from6, aSchema, asserts, typeArray},
	kwMinContains:           {"minContains", from19, aCount, asserts, typeArray},
	kwMaxContains:           {"maxContains", from19, aCount, asserts, typeArray},
	kwMaxItems:              {"maxItems", always, aCount, asserts, typeArray},
	kwMinItems:              {"minItems", always, aCount, asserts, typeArray},
	kwUniqueItems:           {"uniqueItems", always, aBoolean, asserts, typeArray},
	kwProperties:            {"properties", always, schemaMap, asserts, typeObject},
	kwPatternProperties:     {"patternProperties", from4, schemaMap, asserts, typeObject},
	kwAdditionalProperties:  {"additionalProperties", always, boolOrSchema, asserts, typeObject},
	kwUnevaluatedProperties: {"unevaluatedProperties", from19, aSchema, asserts, typeObject},
	kwPropertyNames:         {"propertyNames", from6, aSchema, asserts, typeObject},
	kwRequired:              {"required", always, nameList, asserts, typeObject},
	kwMaxProperties:         {"maxProperties", always, aCount, asserts, typeObject},
	kwMinProperties:         {"minProperties", always, aCount, asserts, typeObject},
	kwDependencies:          {"dependencies", from4, schemaOrNames, asserts, typeObject},
	kwDependentSchemas:      {"dependentSchemas", from19, schemaMap, asserts, typeObject},
	kwDependentRequired:     {"dependentRequired", from19, namesOfName, asserts, typeObject},
	kwAllOf:                 {"allOf", always, schemaList, asserts, 0},
	kwAnyOf:                 {"anyOf", always, schemaList, asserts, 0},
	kwOneOf:                 {"oneOf", always, schemaList, asserts, 0},
	kwNot:                   {"not", always, aSchema, asserts, 0},
	kwIf:                    {"if", from7, aSchema, asserts, 0},
	kwThen:                  {"then", from7, aSchema, asserts, 0},
	kwElse:                  {"else", from7, aSchema, asserts, 0},
	kwNullable:              {"nullable", inOAS, aBoolean, asserts, 0},
	kwDiscriminator:         {"discriminator", inAA | inOAS, aDiscriminator, annotates, 0},
	kwExternalDocs:          {"externalDocs", inAA | inOAS, anObject, annotates, 0},
	kwXML:                   {"xml", inOAS, anObject, annotates, 0},
}

// lookup finds a keyword by its name, whatever the dialect; kwNone where no
// dialect has it. It is a switch because a map would have to be built at
// start-up.
func lookup(name string) int {
	switch name {
	case "$id":
		return kwID
	case "id":
		return kwID4
	case "$schema":
		return kwSchema
	case "$ref":
		return kwRef
	case "$anchor":
		return kwAnchor
	case "$recursiveRef":
		return kwRecursiveRef
	case "$recursiveAnchor":
		return kwRecursiveAnchor
	case "$dynamicRef":
		return kwDynamicRef
	case "$dynamicAnchor":
		return kwDynamicAnchor
	case "$vocabulary":
		return kwVocabulary
	case "$comment":
		return kwComment
	case "$defs":
		return kwDefs
	case "definitions":
		return kwDefinitions
	case "title":
		return kwTitle
	case "description":
		return kwDescription
	case "default":
		return kwDefault
	case "examples":
		return kwExamples
	case "example":
		return kwExample
	case "deprecated":
		return kwDeprecated
	case "readOnly":
		return kwReadOnly
	case "writeOnly":
		return kwWriteOnly
	case "type":
		return kwType
	case "enum":
		return kwEnum
	case "const":
		return kwConst
	case "multipleOf":
		return kwMultipleOf
	case "maximum":
		return kwMaximum
	case "exclusiveMaximum":
		return kwExclusiveMaximum
	case "minimum":
		return kwMinimum
	case "exclusiveMinimum":
		return kwExclusiveMinimum
	case "maxLength":
		return kwMaxLength
	case "minLength":
		return kwMinLength
	case "pattern":
		return kwPattern
	case "format":
		return kwFormat
	case "contentEncoding":
		return kwContentEncoding
	case "contentMediaType":
		return kwContentMediaType
	case "contentSchema":
		return kwContentSchema
	case "items":
		return kwItems
	case "prefixItems":
		return kwPrefixItems
	case "additionalItems":
		return kwAdditionalItems
	case "unevaluatedItems":
		return kwUnevaluatedItems
	case "contains":
		return kwContains
	case "minContains":
		return kwMinContains
	case "maxContains":
		return kwMaxContains
	case "maxItems":
		return kwMaxItems
	case "minItems":
		return kwMinItems
	case "uniqueItems":
		return kwUniqueItems
	case "properties":
		return kwProperties
	case "patternProperties":
		return kwPatternProperties
	case "additionalProperties":
		return kwAdditionalProperties
	case "unevaluatedProperties":
		return kwUnevaluatedProperties
	case "propertyNames":
		return kwPropertyNames
	case "required":
		return kwRequired
	case "maxProperties":
		return kwMaxProperties
	case "minProperties":
		return kwMinProperties
	case "dependencies":
		return kwDependencies
	case "dependentSchemas":
		return kwDependentSchemas
	case "dependentRequired":
		return kwDependentRequired
	case "allOf":
		return kwAllOf
	case "anyOf":
		return kwAnyOf
	case "oneOf":
		return kwOneOf
	case "not":
		return kwNot
	case "if":
		return kwIf
	case "then":
		return kwThen
	case "else":
		return kwElse
	case "nullable":
		return kwNullable
	case "discriminator":
		return kwDiscriminator
	case "externalDocs":
		return kwExternalDocs
	case "xml":
		return kwXML
	}
	return kwNone
}

// Children calls visit for every direct sub-schema of one schema, in the order
// they are written, with the keyword that holds it. It does not go through
// $ref. A node that is no object has none, and neither has one of a dialect
// that is not grown from JSON Schema.
func Children(n *syntax.Node, d Dialect, visit func(keyword string, sub *syntax.Node)) {
	if !n.Is(syntax.Mapping) || !d.IsJSONSchema() {
		return
	}
	for _, item := range n.Items {
		k := &keywords[lookup(item.Key.Value)]
		if k.in.has(d) {
			childrenOf(k, item, visit)
		}
	}
}

func childrenOf(k *keyword, value *syntax.Node, visit func(keyword string, sub *syntax.Node)) {
	switch k.shape {
	case aSchema, boolOrSchema:
		visit(k.name, value)
	case schemaList:
		if value.Kind == syntax.Sequence {
			for _, sub := range value.Items {
				visit(k.name, sub)
			}
		}
	case schemaMap:
		if value.Kind == syntax.Mapping {
			for _, sub := range value.Items {
				visit(k.name, sub)
			}
		}
	case schemaOrList:
		if value.Kind == syntax.Sequence {
			for _, sub := range value.Items {
				visit(k.name, sub)
			}
		} else {
			visit(k.name, value)
		}
	case schemaOrNames:
		if value.Kind == syntax.Mapping {
			for _, sub := range value.Items {
				if sub.Kind != syntax.Sequence {
					visit(k.name, sub)
				}
			}
		}
	}
}

// typeSet is a set of JSON types. Integers are numbers, so typeNumber includes
// them.
type typeSet uint8

const (
	typeNull typeSet = 1 << iota
	typeBoolean
	typeInteger
	typeFraction // a number that is no integer
	typeString
	typeArray
	typeObject

	typeNumber = typeInteger | typeFraction
	everyType  = typeNull | typeBoolean | typeNumber | typeString | typeArray | typeObject
)

// typeNamed reads the name of a type as the type keyword has it.
func typeNamed(name string) typeSet {
	switch name {
	case "null":
		return typeNull
	case "boolean":
		return typeBoolean
	case "integer":
		return typeInteger
	case "number":
		return typeNumber
	case "string":
		return typeString
	case "array":
		return typeArray
	case "object":
		return typeObject
	}
	return 0
}
