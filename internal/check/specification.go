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
	{ID: "message-repeated", Title: "A channel has one message under two keys", Family: Specification, Severity: diag.Error, Since: "0.1.0", Check: checkMessageRepeated,
		Reason: `Every message on a channel has to be valid against one, and only one, of the channel's messages. Two entries that lead to the same definition can never be told apart, so nothing that travels here satisfies that. Remove one entry; where two messages are meant, they need a definition each.`},
}
