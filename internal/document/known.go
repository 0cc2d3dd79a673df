package document

import (
	"embed"
	"strings"
)

// Documents that contracts refer to by URL and that are known without a
// network: the schema of a CloudEvents envelope, and the meta-schemas of JSON
// Schema. They are written here after the specifications, CloudEvents 1.0.2
// and JSON Schema draft-07.

//go:embed known
var known embed.FS

func knownDocument(uri string) (string, bool) {
	name := ""
	switch u := strings.TrimPrefix(strings.TrimPrefix(uri, "https://"), "http://"); {
	case strings.HasPrefix(u, "raw.githubusercontent.com/cloudevents/spec/") && strings.HasSuffix(u, "/cloudevents.json"),
		u == "cloudevents.io/schemas/cloudevents.json",
		strings.HasPrefix(u, "github.com/cloudevents/spec/") && strings.HasSuffix(u, "/cloudevents.json"):
		name = "cloudevents.json"
	case u == "json-schema.org/draft-07/schema":
		name = "draft-07.json"
	default:
		return "", false
	}
	b, err := known.ReadFile("known/" + name)
	return string(b), err == nil
}
