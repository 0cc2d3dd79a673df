package check

import "github.com/treaty-events/treaty/diag"

// Ids that are named in more than one place.
const (
	ruleOperationMessage = "operation-message"
	ruleReplyMessage     = "reply-message"
)

// specificationRules are what the AsyncAPI specification demands beyond the
// structure that the reader checks. Their functions stand by subject: links.go,
// templates.go, security.go, messages.go.
var specificationRules = []*Rule{
	// links.go
	{ID: "operation-channel", Title: "An operation leads to a channel outside of channels", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkOperationChannel,
		Reason: `Operations under the root's operations are those that the application implements, on the channels that it uses: they "MUST point to a channel definition located in the root Channels Object". A reference into components describes a channel that the application need not have, and tools that look the channel up under channels do not find it.`},
	{ID: ruleOperationMessage, Title: "An operation lists a message that its channel does not have", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkOperationMessage,
		Reason: `The messages of an operation are a subset of those of its channel, and have to be referred to there: #/channels/…/messages/…, not #/components/messages/…. A reference past the channel lets an operation send what the channel does not carry, and generators that match messages by their place in the channel find no match.`},
	{ID: "reply-channel", Title: "A reply leads to a channel outside of channels", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkReplyChannel,
		Reason: `The reply of an operation under the root's operations goes over a channel that the application uses, so its channel "MUST point to a channel definition located in the root Channels Object", as that of the operation itself. Put the channel under channels and refer to it there.`},
	{ID: ruleReplyMessage, Title: "A reply lists a message that its channel does not have", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkReplyMessage,
		Reason: `The messages of a reply are a subset of those of the reply's channel, and have to be referred to there, just as the messages of an operation. Without a channel there is nothing that they could be a subset of.`},
	{ID: "reply-address", Title: "A reply has two addresses", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkReplyAddress,
		Reason: `A reply's address says where in the request the address to reply to is found. The reply's channel then has to leave its own address null or out; with both, one half of the requesters listens where the other half of the repliers does not send.`},
	{ID: "channel-server", Title: "A channel leads to a server outside of servers", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkChannelServer,
		Reason: `A channel under the root's channels is carried by servers that the application connects to, so each of its servers "MUST point to a subset of server definitions located in the root Servers Object". A server of components is a definition that nothing connects to.`},
	{ID: "message-duplicate", Title: "A channel has one message under two keys", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkMessageDuplicate,
		Reason: `Every message on a channel has to be valid against one, and only one, of the channel's messages. Two entries that lead to the same definition can never be told apart, so nothing that travels here satisfies that. Remove one entry; where two messages are meant, they need a definition each.`},

	// templates.go
	{ID: "address-invalid", Title: "An address that no channel can have", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkAddress,
		Reason: `An address is the name of a topic, queue, subject or path, in which parameters stand in braces. Query parameters and fragments "SHALL NOT be used"; they belong into bindings. A ? or # is usually part of a URL that was copied whole, or a wildcard of one broker that means nothing on another: a parameter says the same on all of them. Braces that do not match, or have nothing in them, leave open what the address is.`},
	{ID: "parameter-undefined", Title: "An address has a parameter that is not defined", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkParameterUndefined,
		Reason: `The parameters of a channel "MUST contain all the parameters used in the parent channel address". Without a definition nobody knows what to put there, and generated code has no argument for it.`},
	{ID: "parameter-unused", Title: "A parameter is not part of its channel's address", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkParameterUnused,
		Reason: `The name of a parameter "MUST match the parameter name used in the parent channel address". One that the address does not have is asked for and then goes nowhere; often it is the misspelt name of one that the address has.`},
	{ID: "parameter-default", Title: "A parameter's default or example is not in its enum", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkParameterDefault,
		Reason: `An enum lists all values that a parameter can have. A default outside of it makes an address that the contract excludes, whenever nobody chooses a value. Add the value to the enum, or take one from it.`},
	{ID: "server-host", Title: "A server's host is more, or less, than a host", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkServerHost,
		Reason: `The field host is the name of a host, with its port where it needs one. A scheme belongs into protocol, a path into pathname, credentials nowhere near a document that others read. Clients that put the parts together again make mqtt://mqtt://broker of a host with a scheme.`},
	{ID: "server-pathname", Title: "A server's pathname is no path", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkServerPathname,
		Reason: `The field pathname is "the path to a resource in the host" and is written behind the host as it stands. Without a slash in front it becomes part of the host or port; with a query or a fragment it is no path any more.`},
	{ID: "server-variable-undefined", Title: "A server's host or pathname has a variable that is not defined", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkServerVariableUndefined,
		Reason: `A {name} in host or pathname is replaced by the value of the variable of that name. Without one clients connect to a host whose name has braces in it. Define it under variables, with a default or an enum.`},
	{ID: "server-variable-unused", Title: "A server variable is not part of host or pathname", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkServerVariableUnused,
		Reason: `Variables are there to be put into the server's host and pathname. One that neither has is asked for and then changes nothing; often it is the misspelt name of one that they have.`},
	{ID: "server-variable-default", Title: "A server variable's default or example is not in its enum", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkServerVariableDefault,
		Reason: `An enum lists all values that a variable can have. A default outside of it makes clients connect, when nobody chooses a value, to a server that the contract excludes. Add the value to the enum, or take one from it.`},

	// security.go
	{ID: "security-scope", Title: "A scope that no OAuth flow offers", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkSecurityScope,
		Reason: `The scopes that a server or operation needs are chosen from the availableScopes of the scheme's flows. An authorization server refuses to grant one that it does not have, so no client could ever connect. Mostly the name is misspelt.`},
	{ID: "security-http-scheme", Title: "An HTTP authentication scheme that does not exist", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkHTTPScheme,
		Reason: `The scheme of a security scheme of type http is the first word of the Authorization header (RFC 9110): basic, bearer or another that is registered. A client that sends a misspelt one is turned away. Schemes of your own are fine as long as they are one word.`},

	// messages.go
	{ID: "headers-object", Title: "The headers of a message are not described as an object", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkHeadersObject,
		Reason: `Headers are names with values, so their schema has to describe an object. Any other type rejects every message that has headers at all. Write type: object and put the headers under properties.`},
	{ID: "content-type-range", Title: "A contentType that is not one media type", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkContentType,
		Reason: `The contentType "MUST be a specific media type", since it says how the payload is encoded and which decoder a consumer needs. A range such as application/* is what a client accepts, not what a message is.`},
	{ID: "message-example", Title: "An example of a message that its schemas reject", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkMessageExample,
		Reason: `The headers and payload of an example "MUST validate" against those of the message. Examples are what people copy and what mocks send, so a wrong one spreads; and it tells that the schema changed and the example did not, or that the schema never described the event. Where the payload is the data of a CloudEvent, the example may be that data or the whole event.`},
	{ID: "tag-duplicate", Title: "A list has two tags of one name", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkTagDuplicate,
		Reason: `Tags group things by name, and each name is in a list once. Two tags of a name with different descriptions leave open which of them is shown. Keep one.`},

	// schemas.go
	{ID: "schema-discriminator", Title: "A discriminator that is no required property", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkDiscriminator,
		Reason: `The property that discriminator names "MUST be defined at this schema and it MUST be in the required property list": by its value a consumer decides which of several schemas an event follows. Where the property may be missing, there are events of no kind at all.`},
}
