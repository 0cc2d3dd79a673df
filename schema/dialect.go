package schema

import "strings"

// Dialect is a schema language. The zero value, Unknown, is no dialect.
type Dialect uint8

// The dialects.
const (
	Unknown   Dialect = iota
	AsyncAPI          // the Schema Object of AsyncAPI 2.x and 3.x: draft-07 with discriminator, externalDocs and deprecated
	Draft4            // JSON Schema draft-04
	Draft6            // JSON Schema draft-06
	Draft7            // JSON Schema draft-07
	Draft2019         // JSON Schema 2019-09
	Draft2020         // JSON Schema 2020-12
	OpenAPI30         // the Schema Object of OpenAPI 3.0
	Avro              // Apache Avro, 1.9 and later
	Foreign           // a media type of a language that is not understood: Protobuf, RAML, XSD
)

// String names the dialect as its own specification does.
func (d Dialect) String() string {
	switch d {
	case AsyncAPI:
		return "AsyncAPI Schema Object"
	case Draft4:
		return "JSON Schema draft-04"
	case Draft6:
		return "JSON Schema draft-06"
	case Draft7:
		return "JSON Schema draft-07"
	case Draft2019:
		return "JSON Schema 2019-09"
	case Draft2020:
		return "JSON Schema 2020-12"
	case OpenAPI30:
		return "OpenAPI 3.0 Schema Object"
	case Avro:
		return "Avro"
	case Foreign:
		return "foreign"
	}
	return "unknown"
}

// inText is the dialect's name within a sentence.
func (d Dialect) inText() string {
	if d == AsyncAPI || d == OpenAPI30 {
		return "the " + d.String()
	}
	return d.String()
}

// IsJSONSchema reports whether the dialect is JSON Schema or grown from it, so
// that its schemas are objects of keywords, or booleans.
func (d Dialect) IsJSONSchema() bool { return d >= AsyncAPI && d <= OpenAPI30 }

// ignoresRefSiblings reports whether keywords beside $ref mean nothing, as
// they did before 2019-09.
func (d Dialect) ignoresRefSiblings() bool { return d != Draft2019 && d != Draft2020 }

// booleanSchemas reports whether true and false are schemas everywhere.
func (d Dialect) booleanSchemas() bool { return d != Draft4 && d != OpenAPI30 }

// exclusiveNumbers reports whether exclusiveMinimum is a bound itself; in
// draft-04 and OpenAPI 3.0 it is a flag beside minimum.
func (d Dialect) exclusiveNumbers() bool { return d != Draft4 && d != OpenAPI30 }

// idKeyword is the keyword that names a schema resource.
func (d Dialect) idKeyword() string {
	switch d {
	case Draft4:
		return "id"
	case OpenAPI30:
		return ""
	}
	return "$id"
}

// DialectOf reads a schemaFormat as the AsyncAPI specification spells them
// ("Multi Format Schema Object"): a media type, mostly with a version. Case
// and space do not matter. A well-formed media type of a language or version
// that is not understood is Foreign; ok is false for what is no media type.
func DialectOf(schemaFormat string) (d Dialect, ok bool) {
	base, params, _ := strings.Cut(strings.ToLower(schemaFormat), ";")
	base = strings.TrimSpace(base)
	kind, sub, found := strings.Cut(base, "/")
	if !found || !isToken(kind) || !isToken(sub) {
		return Unknown, false
	}
	version := ""
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, found := strings.Cut(param, "=")
		if name = strings.TrimSpace(name); !found || !isToken(name) {
			if strings.TrimSpace(param) == "" {
				continue
			}
			return Unknown, false
		}
		if name == "version" {
			version = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	language := strings.TrimSuffix(strings.TrimSuffix(base, "+json"), "+yaml")
	switch language {
	case "application/vnd.aai.asyncapi":
		if version == "" || strings.HasPrefix(version, "2.") || strings.HasPrefix(version, "3.") {
			return AsyncAPI, true
		}
	case "application/schema":
		if d := draftNamed(version); d != Unknown {
			return d, true
		}
	case "application/vnd.apache.avro":
		return Avro, true
	case "application/vnd.oai.openapi":
		if version == "3.0" || strings.HasPrefix(version, "3.0.") {
			return OpenAPI30, true
		}
	}
	return Foreign, true
}

// draftNamed reads a draft's name as people write it, or the address of its
// meta-schema. With none it is draft-07, which AsyncAPI asks every tool to
// understand.
func draftNamed(version string) Dialect {
	if d, ok := metaSchemaDialect(version); ok {
		return d
	}
	version = strings.TrimPrefix(version, "draft")
	switch strings.TrimLeft(version, "-/ ") {
	case "", "07", "7":
		return Draft7
	case "04", "4":
		return Draft4
	case "06", "6":
		return Draft6
	case "2019-09":
		return Draft2019
	case "2020-12":
		return Draft2020
	}
	return Unknown
}

// metaSchemaDialect reads the address of a meta-schema as $schema has it.
func metaSchemaDialect(uri string) (Dialect, bool) {
	u := strings.TrimSuffix(uri, "#")
	rest, ok := strings.CutPrefix(u, "http://json-schema.org/")
	if !ok {
		rest, ok = strings.CutPrefix(u, "https://json-schema.org/")
	}
	if !ok {
		return Unknown, false
	}
	switch rest {
	case "draft-04/schema":
		return Draft4, true
	case "draft-06/schema":
		return Draft6, true
	case "draft-07/schema":
		return Draft7, true
	case "draft/2019-09/schema":
		return Draft2019, true
	case "draft/2020-12/schema", "schema":
		return Draft2020, true
	}
	return Unknown, false
}

// isToken reports whether s is a token of a media type (RFC 6838, RFC 9110).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && strings.IndexByte("!#$&-^_.+*'|~`%", c) < 0 {
			return false
		}
	}
	return s != ""
}
