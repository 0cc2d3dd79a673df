package document

import (
	"strings"
	"sync"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// The objects of AsyncAPI 3.0 and 3.1. Rules ask for them by these names:
// every document, whatever its version, is walked as one of 3.x in the end.
var (
	Root              = &Object{Name: "AsyncAPI Object"}
	Info              = &Object{Name: "Info Object"}
	Contact           = &Object{Name: "Contact Object"}
	License           = &Object{Name: "License Object"}
	Server            = &Object{Name: "Server Object"}
	ServerVariable    = &Object{Name: "Server Variable Object"}
	Channel           = &Object{Name: "Channel Object"}
	Parameter         = &Object{Name: "Parameter Object"}
	Operation         = &Object{Name: "Operation Object"}
	OperationTrait    = &Object{Name: "Operation Trait Object"}
	Reply             = &Object{Name: "Operation Reply Object"}
	ReplyAddress      = &Object{Name: "Operation Reply Address Object"}
	Message           = &Object{Name: "Message Object"}
	MessageTrait      = &Object{Name: "Message Trait Object"}
	MessageExample    = &Object{Name: "Message Example Object"}
	CorrelationID     = &Object{Name: "Correlation ID Object"}
	Tag               = &Object{Name: "Tag Object"}
	ExternalDocs      = &Object{Name: "External Documentation Object"}
	Components        = &Object{Name: "Components Object"}
	SecurityScheme    = &Object{Name: "Security Scheme Object"}
	MultiFormat       = &Object{Name: "Multi Format Schema Object"}
	Schema            = &Object{Name: "Schema Object"}
	ServerBindings    = &Object{Name: "Server Bindings Object"}
	ChannelBindings   = &Object{Name: "Channel Bindings Object"}
	OperationBindings = &Object{Name: "Operation Bindings Object"}
	MessageBindings   = &Object{Name: "Message Bindings Object"}
)

// root3 fills the tables of 3.x in and returns the root. The tables point at
// each other in circles, which is why they are filled in once, on first use.
var root3 = sync.OnceValue(func() *Object {
	tags := uniqueList(either(Tag))
	docs := either(ExternalDocs)
	security := uniqueList(either(SecurityScheme))

	Root.Fields = append([]Field{
		{Name: "asyncapi", Type: anything(), Required: true},
		{Name: "id", Type: textAs(identifier)},
		{Name: "info", Type: inPlace(Info), Required: true},
		{Name: "servers", Type: mapOf(either(Server), ComponentName)},
		{Name: "defaultContentType", Type: textAs(mediaType)},
		{Name: "channels", Type: mapOf(either(Channel), AnyName)},
		{Name: "operations", Type: mapOf(either(Operation), AnyName)},
		{Name: "components", Type: inPlace(Components)},
	}, extensionFields("document")...)
	Info.Fields = []Field{
		{Name: "title", Type: text(), Required: true},
		{Name: "version", Type: text(), Required: true},
		{Name: "description", Type: text()},
		{Name: "termsOfService", Type: textAs(uri)},
		{Name: "contact", Type: inPlace(Contact)},
		{Name: "license", Type: inPlace(License)},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
	}
	Contact.Fields = []Field{
		{Name: "name", Type: text()},
		{Name: "url", Type: textAs(uri)},
		{Name: "email", Type: textAs(email)},
	}
	License.Fields = []Field{
		{Name: "name", Type: text(), Required: true},
		{Name: "url", Type: textAs(uri)},
	}
	Tag.Fields = []Field{
		{Name: "name", Type: text(), Required: true},
		{Name: "description", Type: text()},
		{Name: "externalDocs", Type: docs},
	}
	ExternalDocs.Fields = []Field{
		{Name: "description", Type: text()},
		{Name: "url", Type: textAs(uri), Required: true},
	}
	Server.Fields = []Field{
		{Name: "host", Type: text(), Required: true},
		{Name: "protocol", Type: text(), Required: true},
		{Name: "protocolVersion", Type: text()},
		{Name: "pathname", Type: text()},
		{Name: "description", Type: text()},
		{Name: "title", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "variables", Type: mapOf(either(ServerVariable), VariableName)},
		{Name: "security", Type: security},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(ServerLevel)},
	}
	ServerVariable.Fields = []Field{
		{Name: "enum", Type: uniqueList(text())},
		{Name: "default", Type: text()},
		{Name: "description", Type: text()},
		{Name: "examples", Type: list(text())},
	}
	Channel.Fields = append([]Field{
		{Name: "address", Type: choice(text(), null())},
		{Name: "messages", Type: mapOf(either(Message), AnyName)},
		{Name: "title", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "description", Type: text()},
		{Name: "servers", Type: uniqueList(refOnly(Server))},
		{Name: "parameters", Type: mapOf(either(Parameter), VariableName)},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(ChannelLevel)},
	}, extensionFields("channel")...)
	Parameter.Fields = []Field{
		{Name: "enum", Type: list(text())},
		{Name: "default", Type: text()},
		{Name: "description", Type: text()},
		{Name: "examples", Type: list(text())},
		{Name: "location", Type: textAs(expression)},
	}
	traitFields := []Field{
		{Name: "title", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "description", Type: text()},
		{Name: "security", Type: security},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(OperationLevel)},
	}
	OperationTrait.Fields = append(clip(traitFields), extensionFields("operation")...)
	Operation.Fields = append(append(clip(traitFields),
		Field{Name: "action", Type: word("send", "receive"), Required: true},
		Field{Name: "channel", Type: refOnly(Channel), Required: true},
		Field{Name: "messages", Type: uniqueList(refOnly(Message))},
		Field{Name: "reply", Type: either(Reply)},
		Field{Name: "traits", Type: list(either(OperationTrait))},
	), extensionFields("operation")...)
	Operation.Check = checkDeliveryOfAction
	Reply.Fields = []Field{
		{Name: "address", Type: either(ReplyAddress)},
		{Name: "channel", Type: refOnly(Channel)},
		{Name: "messages", Type: uniqueList(refOnly(Message))},
	}
	ReplyAddress.Fields = []Field{
		{Name: "location", Type: textAs(expression), Required: true},
		{Name: "description", Type: text()},
	}
	messageTraitFields := []Field{
		{Name: "headers", Type: payload()},
		{Name: "correlationId", Type: either(CorrelationID)},
		{Name: "contentType", Type: textAs(mediaType)},
		{Name: "name", Type: text()},
		{Name: "title", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "description", Type: text()},
		{Name: "deprecated", Type: boolean()},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(MessageLevel)},
		{Name: "examples", Type: list(inPlace(MessageExample))},
	}
	MessageTrait.Fields = append(clip(messageTraitFields), extensionFields("message")...)
	Message.Fields = append(append(clip(messageTraitFields),
		Field{Name: "payload", Type: payload()},
		Field{Name: "traits", Type: list(either(MessageTrait))},
	), extensionFields("message")...)
	MessageExample.Fields = []Field{
		{Name: "name", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "headers", Type: inPlace(freeObject)},
		{Name: "payload", Type: anything()},
	}
	MessageExample.Check = func(w *Walk, n *syntax.Node) {
		if n.Get("headers") == nil && n.Get("payload") == nil {
			w.Report(RuleFieldMissing, diag.Error, n.Span(), n,
				"the example has neither headers nor payload; give it at least one of them")
		}
	}
	CorrelationID.Fields = []Field{
		{Name: "description", Type: text()},
		{Name: "location", Type: textAs(expression), Required: true},
	}
	MultiFormat.Fields = []Field{
		{Name: "schemaFormat", Type: text(), Required: true},
		{Name: "schema", Type: anything(), Required: true},
	}
	Components.Fields = []Field{
		{Name: "schemas", Type: mapOf(payload(), ComponentName)},
		{Name: "servers", Type: mapOf(either(Server), ComponentName)},
		{Name: "channels", Type: mapOf(either(Channel), ComponentName)},
		{Name: "operations", Type: mapOf(either(Operation), ComponentName)},
		{Name: "messages", Type: mapOf(either(Message), ComponentName)},
		{Name: "securitySchemes", Type: mapOf(either(SecurityScheme), ComponentName)},
		{Name: "serverVariables", Type: mapOf(either(ServerVariable), ComponentName)},
		{Name: "parameters", Type: mapOf(either(Parameter), ComponentName)},
		{Name: "correlationIds", Type: mapOf(either(CorrelationID), ComponentName)},
		{Name: "replies", Type: mapOf(either(Reply), ComponentName)},
		{Name: "replyAddresses", Type: mapOf(either(ReplyAddress), ComponentName)},
		{Name: "externalDocs", Type: mapOf(docs, ComponentName)},
		{Name: "tags", Type: mapOf(either(Tag), ComponentName)},
		{Name: "operationTraits", Type: mapOf(either(OperationTrait), ComponentName)},
		{Name: "messageTraits", Type: mapOf(either(MessageTrait), ComponentName)},
		{Name: "serverBindings", Type: mapOf(bindings(ServerLevel), ComponentName)},
		{Name: "channelBindings", Type: mapOf(bindings(ChannelLevel), ComponentName)},
		{Name: "operationBindings", Type: mapOf(bindings(OperationLevel), ComponentName)},
		{Name: "messageBindings", Type: mapOf(bindings(MessageLevel), ComponentName)},
	}
	defineBindingMaps()
	defineSecurity(SecurityScheme, "availableScopes", true)
	return Root
})

// clip makes sure that appending to a shared table copies it.
func clip(fs []Field) []Field { return fs[:len(fs):len(fs)] }

// freeObject is an object with any fields: an application's own data.
var freeObject = &Object{Name: "object", Entries: anything()}

// defineBindingMaps fills in the four Bindings Objects, which 2.x shares.
var defineBindingMaps = sync.OnceFunc(func() {
	ServerBindings.Entries = binding(ServerLevel)
	ChannelBindings.Entries = binding(ChannelLevel)
	OperationBindings.Entries = binding(OperationLevel)
	MessageBindings.Entries = binding(MessageLevel)
})

// defineSecurity fills in a Security Scheme Object: one shape for each type.
// The field that lists an OAuth flow's scopes is called differently in 2.x,
// where requirements, not schemes, say which scopes are needed.
func defineSecurity(scheme *Object, flowScopes string, schemeScopes bool) {
	shape := func(fields ...Field) *Object {
		return &Object{Name: scheme.Name, Fields: append(fields,
			Field{Name: "type", Type: text(), Required: true},
			Field{Name: "description", Type: text()})}
	}
	flow := func(authorization, token bool) *Type {
		o := &Object{Name: "OAuth Flow Object", Fields: []Field{
			{Name: "refreshUrl", Type: textAs(uri)},
			{Name: flowScopes, Type: mapOf(text(), AnyName), Required: true},
			{Name: "authorizationUrl", Type: textAs(uri), Required: authorization},
			{Name: "tokenUrl", Type: textAs(uri), Required: token},
		}}
		return inPlace(o)
	}
	flows := &Object{Name: "OAuth Flows Object", Fields: []Field{
		{Name: "implicit", Type: flow(true, false)},
		{Name: "password", Type: flow(false, true)},
		{Name: "clientCredentials", Type: flow(false, true)},
		{Name: "authorizationCode", Type: flow(true, true)},
	}}
	oauth2 := shape(Field{Name: "flows", Type: inPlace(flows), Required: true})
	openID := shape(Field{Name: "openIdConnectUrl", Type: textAs(uri), Required: true})
	if schemeScopes {
		oauth2.Fields = append(oauth2.Fields, Field{Name: "scopes", Type: list(text())})
		openID.Fields = append(openID.Fields, Field{Name: "scopes", Type: list(text())})
	}
	plain := shape()
	apiKey := shape(Field{Name: "in", Type: word("user", "password"), Required: true})
	httpKey := shape(Field{Name: "name", Type: text(), Required: true},
		Field{Name: "in", Type: word("query", "header", "cookie"), Required: true})
	http := shape(Field{Name: "scheme", Type: text(), Required: true}, Field{Name: "bearerFormat", Type: text()})
	http.Check = func(w *Walk, n *syntax.Node) {
		if format := n.Get("bearerFormat"); format != nil && n.Get("scheme").Is(syntax.String) && !strings.EqualFold(n.Get("scheme").Str(), "bearer") {
			w.Report(RuleFieldUnknown, diag.Error, format.KeySpan(), format,
				"bearerFormat belongs to the scheme \"bearer\", but the scheme here is %q; remove it or change the scheme", n.Get("scheme").Str())
		}
	}
	byType := map[string]*Object{
		"userPassword": plain, "apiKey": apiKey, "X509": plain,
		"symmetricEncryption": plain, "asymmetricEncryption": plain,
		"httpApiKey": httpKey, "http": http, "oauth2": oauth2, "openIdConnect": openID,
		"plain": plain, "scramSha256": plain, "scramSha512": plain, "gssapi": plain,
	}
	types := word("userPassword", "apiKey", "X509", "symmetricEncryption", "asymmetricEncryption",
		"httpApiKey", "http", "oauth2", "openIdConnect", "plain", "scramSha256", "scramSha512", "gssapi")
	// What a scheme without a known type is: only its type can be judged.
	scheme.Fields = []Field{{Name: "type", Type: types, Required: true}}
	scheme.Entries = anything()
	scheme.Select = func(n *syntax.Node) *Object { return byType[n.Get("type").Str()] }
}
