package document

import (
	"github.com/treaty-events/treaty/internal/syntax"
)

// HTTP and WebSocket.

// httpBindings: 0.1.0, 0.2.0, 0.3.0.
func httpBindings() *Protocol {
	method := Field{Name: "method", Type: word("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE")}
	query := Field{Name: "query", Type: schemaHere()}
	headers := Field{Name: "headers", Type: schemaHere()}
	operation := &Object{Name: "http operation binding", Fields: []Field{method, query}, Check: objectSchemas("query")}
	message := &Object{Name: "http message binding", Fields: []Field{headers}, Check: objectSchemas("headers")}
	return &Protocol{Name: "http", Versions: []BindingVersion{
		{Version: "0.1.0", Message: message,
			Operation: &Object{Name: "http operation binding",
				Fields: []Field{{Name: "type", Type: word("request", "response"), Required: true}, method, query},
				Check:  checks(objectSchemas("query"), methodOfRequest)}},
		{Version: "0.2.0", Message: message, Operation: operation},
		{Version: "0.3.0", Operation: operation,
			// The schema has any number; the document has a status code of
			// RFC 9110, section 15, whose three digits go from 100 to 599.
			Message: &Object{Name: "http message binding", Fields: []Field{headers, {Name: "statusCode", Type: integerIn(100, 599)}},
				Check: objectSchemas("headers")}},
	}}
}

// methodOfRequest: the schema means a request to have a method and a response
// to have none; by a slip in it, and in the document's words, a request may be
// without.
func methodOfRequest(w *Walk, n *syntax.Node) {
	if n.Get("type").Str() == "response" {
		excluded(w, n, "method", "type: response")
	}
}

// wsBindings: 0.1.0.
func wsBindings() *Protocol {
	return &Protocol{Name: "ws", Versions: []BindingVersion{{Version: "0.1.0",
		Channel: &Object{Name: "ws channel binding", Fields: []Field{
			{Name: "method", Type: word("GET", "POST")},
			{Name: "query", Type: schemaHere()},
			{Name: "headers", Type: schemaHere()},
		}, Check: objectSchemas("query", "headers")},
	}}}
}
