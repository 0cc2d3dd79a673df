package document

import (
	"slices"
	"sync"

	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// The objects of AsyncAPI 2.0 to 2.6 that differ from those of 3.x under the
// same name. They serve the walk over a 2.x document as written; whoever asks
// what a document holds sees it upgraded, as objects of 3.x.
var (
	root2Object     = &Object{Name: "AsyncAPI Object"}
	info2           = &Object{Name: "Info Object"}
	server2         = &Object{Name: "Server Object"}
	channelItem2    = &Object{Name: "Channel Object"} // 2.x says Channel Item; x-delivery names channels of either version
	operation2      = &Object{Name: "Operation Object"}
	operationTrait2 = &Object{Name: "Operation Trait Object"}
	message2        = &Object{Name: "Message Object"}
	messageTrait2   = &Object{Name: "Message Trait Object"}
	messageExample2 = &Object{Name: "Message Example Object"}
	parameter2      = &Object{Name: "Parameter Object"}
	components2     = &Object{Name: "Components Object"}
	securityScheme2 = &Object{Name: "Security Scheme Object"}
	requirement2    = &Object{Name: "Security Requirement Object"}
)

// root2 fills the tables of 2.x in and returns the root. Since says which
// minor version brought a field. Where an early version wrote an object in
// place and a later one takes a reference too, a reference is always taken:
// what it means is not in doubt.
var root2 = sync.OnceValue(func() *Object {
	root3() // fills in what both versions share: tags, contacts, bindings, …

	tags := uniqueList(inPlace(Tag))
	docs := inPlace(ExternalDocs)
	security := list(inPlace(requirement2))
	channels := mapOf(either(channelItem2), AnyName)
	servers := mapOf(either(server2), ComponentName)
	parameters := mapOf(either(parameter2), VariableName)
	variables := mapOf(either(ServerVariable), VariableName)

	root2Object.Fields = append([]Field{
		{Name: "asyncapi", Type: anything(), Required: true},
		{Name: "id", Type: textAs(identifier)},
		{Name: "info", Type: inPlace(info2), Required: true},
		{Name: "servers", Type: servers},
		{Name: "defaultContentType", Type: textAs(mediaType)},
		{Name: "channels", Type: channels, Required: true},
		{Name: "components", Type: inPlace(components2)},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
	}, extensionFields("document")...)
	root2Object.Check = checkIDs2
	info2.Fields = []Field{
		{Name: "title", Type: text(), Required: true},
		{Name: "version", Type: text(), Required: true},
		{Name: "description", Type: text()},
		{Name: "termsOfService", Type: textAs(uri)},
		{Name: "contact", Type: inPlace(Contact)},
		{Name: "license", Type: inPlace(License)},
	}
	server2.Fields = []Field{
		{Name: "url", Type: text(), Required: true},
		{Name: "protocol", Type: text(), Required: true},
		{Name: "protocolVersion", Type: text()},
		{Name: "description", Type: text()},
		{Name: "variables", Type: variables},
		{Name: "security", Type: security},
		{Name: "tags", Type: tags, Since: 5},
		{Name: "bindings", Type: bindings(ServerLevel)},
	}
	channelItem2.Fields = append([]Field{
		{Name: "description", Type: text()},
		{Name: "servers", Type: uniqueList(text()), Since: 2},
		{Name: "publish", Type: inPlace(operation2)},
		{Name: "subscribe", Type: inPlace(operation2)},
		{Name: "parameters", Type: parameters},
		{Name: "deprecated", Type: boolean()}, // in every schema of 2.x, though in no text
		{Name: "bindings", Type: bindings(ChannelLevel)},
	}, extensionFields("channel")...)
	channelItem2.Check = checkServers2
	parameter2.Fields = []Field{
		{Name: "description", Type: text()},
		{Name: "schema", Type: schemaHere()},
		{Name: "location", Type: textAs(expression)},
	}

	operationTraitFields := []Field{
		{Name: "operationId", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "description", Type: text()},
		{Name: "security", Type: security, Since: 4},
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(OperationLevel)},
	}
	operationTrait2.Fields = append(clip(operationTraitFields), extensionFields("operation")...)
	operation2.Fields = append(append(clip(operationTraitFields),
		Field{Name: "traits", Type: list(either(operationTrait2))},
		Field{Name: "message", Type: either(message2)},
	), extensionFields("operation")...)
	operation2.Check = checkDeliveryOfAction2

	messageTraitFields := []Field{
		{Name: "messageId", Type: text(), Since: 4},
		{Name: "headers", Type: schemaHere()},
		{Name: "correlationId", Type: either(CorrelationID)},
		{Name: "schemaFormat", Type: text()},
		{Name: "contentType", Type: textAs(mediaType)},
		{Name: "name", Type: text()},
		{Name: "title", Type: text()},
		{Name: "summary", Type: text()},
		{Name: "description", Type: text()},
		{Name: "deprecated", Type: boolean()}, // as on channel items
		{Name: "tags", Type: tags},
		{Name: "externalDocs", Type: docs},
		{Name: "bindings", Type: bindings(MessageLevel)},
		{Name: "examples", Type: list(inPlace(messageExample2))},
	}
	messageTrait2.Fields = append(clip(messageTraitFields), extensionFields("message")...)
	message2.Fields = append(append(clip(messageTraitFields),
		Field{Name: "payload", Type: payload2()},
		Field{Name: "traits", Type: list(either(messageTrait2))},
	), extensionFields("message")...)
	// A message that is one of several says nothing else.
	several := &Object{Name: message2.Name + " with oneOf",
		Fields: []Field{{Name: "oneOf", Type: someOf(either(message2)), Required: true}}}
	message2.Select = func(n *syntax.Node) *Object {
		if n.Get("oneOf") != nil {
			return several
		}
		return nil
	}
	messageExample2.Fields = []Field{
		{Name: "name", Type: text(), Since: 1},
		{Name: "summary", Type: text(), Since: 1},
		{Name: "headers", Type: inPlace(freeObject)},
		{Name: "payload", Type: anything()},
	}
	messageExample2.Check = MessageExample.Check

	requirement2.Entries = list(text())
	requirement2.Closed = true
	requirement2.Check = checkRequirement2
	defineSecurity(securityScheme2, "scopes", false)
	defineSASL2()

	components2.Fields = []Field{
		{Name: "schemas", Type: mapOf(schemaHere(), ComponentName)},
		{Name: "servers", Type: servers, Since: 3},
		{Name: "serverVariables", Type: mapOf(either(ServerVariable), ComponentName), Since: 4},
		{Name: "channels", Type: channels, Since: 3},
		{Name: "messages", Type: mapOf(either(message2), ComponentName)},
		{Name: "securitySchemes", Type: mapOf(either(securityScheme2), ComponentName)},
		{Name: "parameters", Type: mapOf(either(parameter2), ComponentName)},
		{Name: "correlationIds", Type: mapOf(either(CorrelationID), ComponentName)},
		{Name: "operationTraits", Type: mapOf(either(operationTrait2), ComponentName)},
		{Name: "messageTraits", Type: mapOf(either(messageTrait2), ComponentName)},
		{Name: "serverBindings", Type: mapOf(bindings(ServerLevel), ComponentName)},
		{Name: "channelBindings", Type: mapOf(bindings(ChannelLevel), ComponentName)},
		{Name: "operationBindings", Type: mapOf(bindings(OperationLevel), ComponentName)},
		{Name: "messageBindings", Type: mapOf(bindings(MessageLevel), ComponentName)},
	}
	return root2Object
})

// defineSASL2 says that the SASL schemes came with 2.1.
func defineSASL2() {
	sasl := &Object{Name: securityScheme2.Name, Fields: []Field{
		{Name: "type", Type: text(), Required: true},
		{Name: "description", Type: text()},
	}}
	sasl.Check = func(w *Walk, n *syntax.Node) {
		if w.minor < 1 {
			at := n.Get("type")
			w.Report(RuleFieldVersion, diag.Error, at.Span(), at,
				"the security scheme type %q came with 2.1, but the document says asyncapi: %s; raise the version to 2.1.0 or later", at.Value, w.doc.Version.Text)
		}
	}
	anyType := securityScheme2.Select
	securityScheme2.Select = func(n *syntax.Node) *Object {
		switch n.Get("type").Str() {
		case "plain", "scramSha256", "scramSha512", "gssapi":
			return sasl
		}
		return anyType(n)
	}
}

// checkIDs2 looks for ids that the document gives twice: operationId of
// operations, messageId of messages.
func checkIDs2(w *Walk, root *syntax.Node) {
	if w.report == nil {
		return
	}
	operations, messages := map[string]*syntax.Node{}, map[string]*syntax.Node{}
	once := func(seen map[string]*syntax.Node, id *syntax.Node) {
		if !id.Is(syntax.String) || id.Value == "" {
			return
		}
		first := seen[id.Value]
		if first == nil {
			seen[id.Value] = id
			return
		}
		w.finding(diag.Diagnostic{Rule: RuleFieldValue, Severity: diag.Error, Span: id.Span(), Pointer: id.Pointer(),
			Message: id.KeyName() + ": \"" + clipText(id.Value) + "\" is taken already, and every " + id.KeyName() + " of a document has to be different; choose another",
			Related: []diag.Related{{Span: first.Span(), Message: "the first to have it"}}})
	}
	message := func(m *syntax.Node) {
		once(messages, m.Get("messageId"))
		if several := m.Get("oneOf"); several.Is(syntax.Sequence) {
			for _, one := range several.Items {
				once(messages, one.Get("messageId"))
			}
		}
	}
	channels := func(m *syntax.Node) {
		for _, item := range entries(m) {
			for _, kind := range [...]string{"publish", "subscribe"} {
				once(operations, item.Get(kind).Get("operationId"))
				message(item.Get(kind).Get("message"))
			}
		}
	}
	channels(root.Get("channels"))
	channels(root.At("components", "channels"))
	for _, m := range entries(root.At("components", "messages")) {
		message(m)
	}
}

// entries are the values of a mapping; none where n is no mapping.
func entries(n *syntax.Node) []*syntax.Node {
	if !n.Is(syntax.Mapping) {
		return nil
	}
	return n.Items
}

// checkServers2 looks up the servers that a channel names. A file of its own
// that holds a channel names the servers of the document that refers to it.
func checkServers2(w *Walk, channel *syntax.Node) {
	named := channel.Get("servers")
	if !named.Is(syntax.Sequence) {
		return
	}
	servers := w.doc.Written.Get("servers")
	for _, name := range named.Items {
		if name.Is(syntax.String) && servers.Get(name.Value) == nil {
			w.unknownName(name, name.Span(), name.Value, servers, "server", "servers")
		}
	}
}

// checkRequirement2 looks up the schemes that a requirement names.
func checkRequirement2(w *Walk, requirement *syntax.Node) {
	schemes := w.doc.Written.At("components", "securitySchemes")
	for _, item := range requirement.Items {
		scheme := schemes.Get(item.KeyName())
		if scheme == nil {
			w.unknownName(item, item.KeySpan(), item.KeyName(), schemes, "security scheme", "components.securitySchemes")
			continue
		}
		kind := scheme.Get("type").Str()
		if kind != "" && kind != "oauth2" && kind != "openIdConnect" && item.Is(syntax.Sequence) && len(item.Items) > 0 {
			w.Report(RuleFieldValue, diag.Error, item.Span(), item,
				"%q lists scopes, but a security scheme of type %s has none; write []", item.KeyName(), kind)
		}
	}
}

// unknownName reports a name of 2.x that nothing in the document has.
func (w *Walk) unknownName(n *syntax.Node, span diag.Span, name string, among *syntax.Node, what, where string) {
	var known []string
	for _, item := range entries(among) {
		known = append(known, item.KeyName())
	}
	if near, ok := diag.Nearest(name, known); ok {
		w.Report(RuleRefUnresolved, diag.Error, span, n, "%q is no %s of the document; did you mean %q?", clipText(name), what, near)
		return
	}
	w.Report(RuleRefUnresolved, diag.Error, span, n, "%q is no %s of the document; define it under %s or correct the name", clipText(name), what, where)
}

// checkDeliveryOfAction2 is checkDeliveryOfAction for 2.x, where the key says
// what the operation is from the other side's view: publish is what others do,
// and the application receives.
func checkDeliveryOfAction2(w *Walk, n *syntax.Node) {
	kind := n.KeyName()
	i := slices.Index([]string{"publish", "subscribe"}, kind)
	if i < 0 {
		return
	}
	action := [...]string{"receive", "send"}[i]
	delivery := n.Get(ExtDelivery)
	for _, f := range deliveryOfAction {
		if at := delivery.Get(f.field); at != nil && f.action != action {
			w.Report(RuleFieldUnknown, diag.Error, at.KeySpan(), at,
				"x-delivery.%s is a promise of who %ss, but %s means that the application %ss; move it to the operation it belongs to",
				f.field, f.action, kind, action)
		}
	}
}
