package check

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treaty-events/treaty/contract"
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/syntax"
)

// sinceGate is the version that brought the gate.
const sinceGate = "0.3.0"

// Rules that others refer to.
var (
	addedDocument = &Rule{ID: "added-document", Title: "A document is new", Family: Compatibility, Severity: diag.Info, Since: sinceGate,
		Reason: `A document that was not there before breaks nobody. It is told so that whoever reviews the change sees what will have to be kept
from now on.`}
	removedDocument = &Rule{ID: "removed-document", Title: "A document is gone", Family: Compatibility, Severity: diag.Error, Since: sinceGate,
		Reason: `With a contract goes every promise in it: who reads the events can no longer tell what they will look like, or whether they
will come at all.

Leave the document until its last event type has been out of use for as long as its events are kept, and mark the channels as
deprecated, with a sunset, before.`,
		Advice: []string{"leave the document, and mark its channels as deprecated with a sunset"}}
	unreadableDocument = &Rule{ID: "unreadable-document", Title: "A document cannot be compared", Family: Compatibility, Severity: diag.Error, Since: sinceGate,
		Reason: `A part of one of the documents cannot be read, and nobody knows what stood there. Saying that nothing broke would be a guess.`,
		Advice: []string{"mend the document, or compare with a revision that can be read"}}
	changedPayload = &Rule{ID: "changed-payload", Title: "A payload changed", Family: Compatibility, Severity: diag.Error, Since: sinceGate,
		Reason: `Producers and consumers are released apart, so there are always some of the old contract and some of the new one. What a
producer of either may send has to be understood by a consumer of either, and by one that reads what was kept. treaty asks
that of the schemas themselves, under the policy of the old contract (x-compatibility), and where the answer is no it shows
the least event that is sent and refused.

Fields are added, optional, for readers that are tolerant of them; anything else is a new version of the event type beside
the old one.`, Compare: compareParts(payloadPart)}
	changedHeaders = &Rule{ID: "changed-headers", Title: "Headers changed", Family: Compatibility, Severity: diag.Error, Since: sinceGate,
		Reason: `Headers carry what consumers route, deduplicate and trace by, and the attributes of the envelope where it travels in them. They
are compared as payloads are.`, Compare: compareParts(headersPart)}
	reusedField = &Rule{ID: "reused-field", Title: "The name of a field that was dropped is used again", Family: Compatibility, Severity: diag.Error, Since: sinceGate,
		Reason: `Events of an older release are kept, and their readers may still be alive, so a field that was dropped and comes back as
something else means two things at once: each release was compatible with the one before, and the last is not with the first.

Give the new field another name. A name that was used once stays reserved.`,
		Advice: []string{"give the new field a name that no release has used"}}
	versionBump = &Rule{ID: "version-bump", Title: "info.version did not rise as the change demands", Family: Compatibility, Severity: diag.Warning, Since: sinceGate,
		Reason: `People and tools read from the version whether they may take it (SemVer). A change that breaks somebody is a new major version
(a new minor one while the major is 0), an addition a new minor one.`}
)

// compatibilityRules are the rules over two contracts. Each row of the table in
// docs/compatibility.md is a rule or a setting of one.
var compatibilityRules = sync.OnceValue(makeCompatibilityRules)

func makeCompatibilityRules() []*Rule {
	rule := func(id, title string, severity diag.Severity, reason string, advice []string, compare func(x *comparer)) *Rule {
		return &Rule{ID: id, Title: title, Family: Compatibility, Severity: severity, Since: sinceGate, Reason: reason, Advice: advice, Compare: compare}
	}
	say := func(lines ...string) []string { return lines }
	const (
		fails = diag.Error
		risks = diag.Warning
		tells = diag.Info
	)
	return []*Rule{
		addedDocument,
		removedDocument,
		unreadableDocument,
		changedPayload,
		changedHeaders,
		reusedField,

		rule("removed-server", "A server is gone", fails,
			`Whoever connects to it, connects to nothing. Leave it until nobody does, and put the new one beside it.`,
			say("put the new server beside the old one until nobody uses that"), (*comparer).removedServer),
		rule("changed-server", "A server moved or speaks another protocol", fails,
			`Host, port, path and protocol are in the configuration of everybody who connects.`,
			say("put the new server beside the old one until nobody uses that"), (*comparer).movedServer),
		rule("changed-server-version", "A server needs another version of its protocol", risks,
			`A client library that is older than the protocol may not connect. Tell people before.`, nil, (*comparer).serverVersion),
		rule("changed-server-variable", "A server variable changed", fails,
			`Where a variable, or one of its values, is gone, the address that somebody made with it leads nowhere. Another default leads
those elsewhere who never chose.`, say("keep the value until nobody uses it"), (*comparer).serverVariables),
		rule("changed-security", "Who may connect changed", fails,
			`A new demand shuts out everybody who does not meet it yet; another scope does so too. A demand that is gone is for those who
answer for the broker to look at.`, say("offer the new scheme beside the old one first"), (*comparer).security),

		rule("removed-channel", "A channel is gone", fails,
			`Consumers wait on it for what never comes, producers send to it what nobody reads. That breaks as surely as a wrong event, and
later.`, say("mark the channel as deprecated with a sunset (x-delivery: {deprecated: …}), and remove it after that"), (*comparer).removedChannel),
		rule("added-channel", "A channel is new", tells, `A channel that was not there before breaks nobody. From now on somebody may rely on it, so it is worth a look.`, nil, (*comparer).addedChannel),
		rule("changed-address", "The address of a channel changed", fails,
			`The address is the name of the topic, queue or subject that everybody else has configured, with its parameters.`,
			say("send on both addresses until nobody reads the old one, as two channels"), (*comparer).address),
		rule("changed-parameter", "The values of an address parameter changed", fails,
			`A value that is gone is an address where somebody waits, or sends. A value that is new is one where nobody waits yet.`,
			say("keep the value until nobody uses it"), (*comparer).parameters),
		rule("changed-channel-servers", "A channel is on other servers", fails,
			`Whoever reached the channel over a server that no longer carries it, does not reach it now.`,
			say("keep the channel on the old server until nobody uses it there"), (*comparer).channelServers),

		rule("removed-message", "A message is gone", fails,
			`What is sent no more, consumers wait for: nothing is refused, and nothing works. What is received no more, producers still send.`,
			say("mark the message as deprecated first, and remove it when nobody uses it"), (*comparer).removedMessage),
		rule("added-message", "A message is new on a channel", risks,
			`A new event type, or a new version of one beside the old, is how contracts evolve. Consumers skip types that they do not know,
unless the policy says that they are strict (x-compatibility: {dispatch: strict}): then the new type breaks them.`,
			nil, (*comparer).addedMessage),
		rule("changed-content-type", "The content type of a message changed", fails,
			`The content type picks the decoder. Other bytes, or the same ones under another name, do not reach the handler.`,
			say("add a message of a new event type with the new content type beside this one"), (*comparer).contentType),
		rule("changed-schema-format", "A schema is in another language", fails,
			`Another schema language comes with other bytes on the wire, other tools and other generated code.`,
			say("add a message of a new event type with the new format beside this one"), (*comparer).schemaFormat),
		rule("changed-correlation", "Where the correlation id is changed", fails,
			`Requests and replies find each other by it. A peer that looks at the old place finds nothing.`,
			say("carry the id at both places until all peers look at the new one"), (*comparer).correlation),

		rule("changed-event-type", "The type of an event changed", fails,
			`The type is what consumers subscribe to and dispatch by. An event of another type is another event; the old one never comes
again.`, say("add the new type beside the old one, and send both until nobody reads the old one"), (*comparer).eventType),
		rule("changed-envelope", "The envelope of an event changed", fails,
			`Structured or binary, CloudEvents 1.0 or not: a consumer decodes what it was written for.`,
			say("keep the mode, or send both on two channels"), (*comparer).envelope),
		rule("changed-subject", "What the subject of an event is changed", fails,
			`Events of one subject arrive in order, and consumers keep state by it. With another subject both mean something else.`,
			say("put the new subject on a new version of the event type"), (*comparer).subject),
		rule("changed-identity", "What makes an event the same event changed", fails,
			`Source and id are what duplicates are known by. Made by another rule, the same event comes twice.`,
			say("keep the rule for the event types that exist"), (*comparer).identity),
		rule("changed-data-content-type", "The content type of an event's data changed", fails,
			`datacontenttype picks the decoder of the data. Under another one the same bytes are read in another way, or not at all, and the
handler never sees the event.`, say("add a new version of the event type with the new content type"), (*comparer).dataContentType),

		rule("removed-operation", "An operation is gone", fails,
			`What the application did on the channel it does no more: consumers wait for what is not sent, producers send what is not read.`,
			say("mark the channel as deprecated with a sunset first"), (*comparer).removedOperation),
		rule("added-operation", "An operation is new", tells, `Something more that the application does breaks nobody. From now on somebody may rely on it, so it is worth a look.`, nil, (*comparer).addedOperation),
		rule("changed-action", "An operation goes the other way", fails,
			`What was sent is received now, or the other way round: everybody on the other side does the wrong thing.`,
			say("add the other direction as an operation of its own"), (*comparer).action),
		rule("changed-operation-channel", "An operation is on another channel", fails,
			`The other side still listens, or sends, on the old channel. Nothing is refused, so nobody notices until somebody misses what did
not arrive.`,
			say("do it on both channels until nobody uses the old one"), (*comparer).operationChannel),
		rule("changed-reply", "A reply changed", fails,
			`Who asks, waits for an answer of a form and at a place that it knows. Another answer, or one elsewhere, looks like none at all,
and ends in a timeout.`,
			say("answer in the old way until nobody asks in it"), (*comparer).reply),

		rule("changed-kafka-topic", "The Kafka topic of a channel changed", fails, `The topic is where everybody else reads and writes, whatever the address says. With another one each side talks to itself.`,
			say("write to both topics until nobody reads the old one"),
			settings(setting{of: ofChannel, protocol: "kafka", path: []string{"topic"}, name: "topic", changed: "E"})),
		rule("changed-kafka-partitions", "The number of Kafka partitions changed", fails,
			`With more partitions a key goes to another one than before, so that for a time events of one key are read out of order. Fewer
partitions need a new topic.`, say("make a new topic with more partitions and move consumers to it at a quiet time"),
			settings(setting{of: ofChannel, protocol: "kafka", path: []string{"partitions"}, name: "partitions", kind: number, raised: "E C", lowered: "E O", changed: "w O"})),
		rule("changed-kafka-retention", "A Kafka topic keeps events for another time", fails,
			`Who was away for longer than events are kept, misses some. Kept for longer, there is more to replay.`,
			say("keep events for as long as was promised"),
			settings(
				setting{of: ofChannel, protocol: "kafka", path: []string{"topicConfiguration", "retention.ms"}, name: "retention.ms", kind: number, raised: "i", lowered: "E C", changed: "w C"},
				setting{of: ofChannel, protocol: "kafka", path: []string{"topicConfiguration", "retention.bytes"}, name: "retention.bytes", kind: number, raised: "i", lowered: "E C", changed: "w C"})),
		rule("changed-kafka-cleanup", "A Kafka topic is cleaned up in another way", fails,
			`Compaction keeps the last event of a key and drops the others: history becomes state. The other way round, state is lost with
time.`, say("make a new topic with the new policy"),
			settings(setting{of: ofChannel, protocol: "kafka", path: []string{"topicConfiguration", "cleanup.policy"}, name: "cleanup.policy", kind: texts, changed: "E C", raised: "E C", lowered: "E C"})),
		rule("changed-kafka-max-bytes", "The largest Kafka message changed", fails,
			`A smaller limit refuses what producers send today. A larger one lets through what consumers may not be made for.`,
			say("keep the limit, or put large data elsewhere and send a reference"),
			settings(setting{of: ofChannel, protocol: "kafka", path: []string{"topicConfiguration", "max.message.bytes"}, name: "max.message.bytes", kind: number, lowered: "E P", raised: "w C", changed: "w"})),
		rule("changed-kafka-key", "The key of a Kafka message changed", fails,
			`The key decides the partition, so the order, and what compaction keeps. With another key events that belonged together are on
different partitions.`, say("keep the key, and put what is new into the payload"), (*comparer).kafkaKey),
		rule("changed-kafka-group", "The Kafka consumer group changed", fails,
			`A new group begins without offsets: it reads everything again, or misses what came in between.`,
			say("keep the group, or copy its offsets first"),
			settings(setting{of: ofOperation, protocol: "kafka", path: []string{"groupId"}, name: "groupId", changed: "E C"})),
		rule("changed-kafka-replicas", "The replicas of a Kafka topic changed", risks, `Fewer replicas lose events in an outage that more would have survived. It is for those who answer for the broker to weigh.`, nil,
			settings(setting{of: ofChannel, protocol: "kafka", path: []string{"replicas"}, name: "replicas", kind: number, lowered: "w O", raised: "i", added: "i", changed: "w O"})),

		rule("changed-mqtt-qos", "The quality of service on MQTT changed", fails,
			`With a lower quality of service events are lost that would have arrived. With a higher one they come more than once.`,
			say("keep the quality of service"),
			settings(setting{of: ofOperation, protocol: "mqtt", path: []string{"qos"}, name: "qos", kind: number, absent: "0", lowered: "E C", raised: "w"})),
		rule("changed-mqtt-retain", "Whether MQTT retains changed", fails,
			`Without the retained message a consumer that connects knows nothing until the next event. With it, it reads an old event first.`,
			say("keep retaining"),
			settings(setting{of: ofOperation, protocol: "mqtt", path: []string{"retain"}, name: "retain", kind: truth, absent: "false", lowered: "E C", raised: "w"})),
		rule("changed-mqtt-expiry", "When MQTT messages expire changed", risks, `What expires sooner, a consumer that is away does not get, and it is told nothing of it. What expires later, may arrive when it
no longer means anything.`, nil,
			settings(setting{of: ofOperation, protocol: "mqtt", path: []string{"messageExpiryInterval"}, name: "messageExpiryInterval", changed: "w"},
				setting{of: ofMessage, protocol: "mqtt", path: []string{"messageExpiryInterval"}, name: "messageExpiryInterval", changed: "w"})),

		rule("changed-amqp-exchange", "The AMQP exchange or queue is another one", fails,
			`Name, type and virtual host are what others bind to and declare; a declaration that differs is refused by the broker.`,
			say("declare the new exchange beside the old one and bind one to the other"),
			settings(
				setting{of: ofChannel, protocol: "amqp", path: []string{"exchange", "name"}, name: "exchange name", changed: "E"},
				setting{of: ofChannel, protocol: "amqp", path: []string{"exchange", "type"}, name: "exchange type", changed: "E"},
				setting{of: ofChannel, protocol: "amqp", path: []string{"exchange", "vhost"}, name: "exchange vhost", absent: "/", changed: "E"},
				setting{of: ofChannel, protocol: "amqp", path: []string{"queue", "name"}, name: "queue name", changed: "E"},
				setting{of: ofChannel, protocol: "amqp", path: []string{"queue", "vhost"}, name: "queue vhost", absent: "/", changed: "E"})),
		rule("changed-amqp-kind", "An AMQP channel is a queue now, or a routing key", fails,
			`A queue is read by whoever is first, a routing key by everybody who binds to it.`, say("add a channel of the other kind"),
			settings(setting{of: ofChannel, protocol: "amqp", path: []string{"is"}, name: "is", absent: "routingKey", changed: "E"})),
		rule("changed-amqp-durable", "Whether an AMQP exchange or queue survives a restart changed", fails,
			`What is not durable is gone after a restart of the broker, with the events in it. The other way round, the declaration of who
connects does not fit what is there, and the broker refuses it.`, say("declare another one with the new setting"),
			settings(
				setting{of: ofChannel, protocol: "amqp", path: []string{"exchange", "durable"}, name: "exchange durable", kind: truth, lowered: "E CO", raised: "E O", changed: "w O"},
				setting{of: ofChannel, protocol: "amqp", path: []string{"queue", "durable"}, name: "queue durable", kind: truth, lowered: "E CO", raised: "E O", changed: "w O"})),
		rule("changed-amqp-delivery", "AMQP messages are delivered in another way", fails,
			`Messages that are not written to disk, that expire, or that nobody acknowledges, are lost where they were not before.`,
			say("keep persistent messages, acknowledgement and no expiration"),
			settings(
				setting{of: ofOperation, protocol: "amqp", path: []string{"deliveryMode"}, name: "deliveryMode", kind: number, lowered: "E C", raised: "i", removed: "w C", added: "w C"},
				setting{of: ofOperation, protocol: "amqp", path: []string{"ack"}, name: "ack", kind: truth, changed: "E C"},
				setting{of: ofOperation, protocol: "amqp", path: []string{"expiration"}, name: "expiration", kind: number, added: "E C", lowered: "E C", raised: "i", removed: "i"})),
		rule("changed-nats-queue", "The NATS queue group changed", fails,
			`Members of one group share the events; of two groups, each gets all of them, so that everything is handled twice.`,
			say("move all members of the group at once"),
			settings(setting{of: ofOperation, protocol: "nats", path: []string{"queue"}, name: "queue", changed: "E"})),
		rule("changed-pubsub-ordering", "The Pub/Sub ordering key or attributes changed", fails,
			`The ordering key is what events are in order by; attributes are what subscriptions filter by.`,
			say("keep the key and the attributes, and add new ones beside them"),
			settings(
				setting{of: ofMessage, protocol: "googlepubsub", path: []string{"orderingKey"}, name: "orderingKey", changed: "E C"},
				setting{of: ofMessage, protocol: "googlepubsub", path: []string{"attributes"}, name: "attributes", changed: "E C"})),
		rule("changed-pubsub-retention", "Pub/Sub keeps events for another time", fails,
			`Who was away for longer than events are kept, misses some, and nothing tells which. Consumers plan their outages, and their own
windows, by the time that was promised.`, say("keep events for as long as was promised"),
			settings(setting{of: ofChannel, protocol: "googlepubsub", path: []string{"messageRetentionDuration"}, name: "messageRetentionDuration", kind: number, lowered: "E C", removed: "E C", raised: "i", added: "i", changed: "w C"})),
		rule("changed-binding", "Another setting of a protocol changed", risks,
			`A setting that treaty has no rule for may still be one that somebody relies on. Look at it.`, nil, (*comparer).otherBindings),

		rule("weakened-guarantee", "Less is promised about whether events arrive", fails,
			`A consumer that was promised every event does not look for the missing ones. It keeps counting, with numbers that are wrong.`, say("keep the guarantee"),
			settings(setting{of: ofChannel, path: []string{"guarantee"}, name: "guarantee", kind: rank,
				ranks: []string{"at-most-once", "at-least-once", "exactly-once-effect"}, lowered: "E C", removed: "E C", added: "i", raised: "i"})),
		rule("introduced-duplicates", "Events may come more than once now", fails,
			`Stronger than at most once is at least once, which means sometimes twice. A handler that never had to expect that books a
payment twice.`, say("promise dedupe with it: x-delivery: {dedupe: {by: [source, id], window: …}}"), (*comparer).duplicates),
		rule("weakened-ordering", "Less is promised about the order of events", fails,
			`A handler that was promised order keeps no versions. Another key means order between other events.`, say("keep the scope and the key"),
			settings(
				setting{of: ofChannel, path: []string{"ordering", "scope"}, name: "ordering.scope", kind: rank, ranks: []string{"none", "key", "source", "channel"}, lowered: "E C", removed: "E C", added: "i", raised: "i"},
				setting{of: ofChannel, path: []string{"ordering", "key"}, name: "ordering.key", changed: "E C", added: "i"})),
		rule("changed-dedupe", "What duplicates are known by changed", fails,
			`Who deduplicates by what was promised, takes one event for two, or two for one. The one books twice, the other loses an event.`, say("keep the key of dedupe"), (*comparer).dedupe),
		rule("changed-dedupe-window", "The time within which duplicates are known changed", fails,
			`Where the consumer deduplicates, a longer window means more for it to remember: an obligation grew. Where the broker does, a
shorter one lets duplicates through.`, say("lengthen dedupe together with retention, and only where the broker does it"), (*comparer).dedupeWindow),
		rule("shortened-retention", "Events are kept for a shorter time", fails,
			`Who was away for longer than events are kept, misses some, and nothing tells which. Consumers plan their outages, and their own
windows, by the time that was promised.`, say("keep events for as long as was promised"),
			settings(setting{of: ofChannel, path: []string{"retention", "time"}, name: "retention.time", kind: duration, lowered: "E C", removed: "E C", raised: "i", added: "i"})),
		rule("toggled-compaction", "What is kept of events changed", fails,
			`Compaction keeps the last event of a key: history becomes state. Without it, state is lost with time. What is kept until it is
consumed is there for one reader only.`, say("make a new channel with the new policy"),
			settings(setting{of: ofChannel, path: []string{"retention", "policy"}, name: "retention.policy", changed: "E C", added: "i"})),
		rule("withdrawn-replay", "Events can be read again from fewer places", fails,
			`A consumer that is set up again, or mended, relies on reading again. Without that, what it missed or got wrong stays so.`, say("keep replay as it was promised"),
			settings(
				setting{of: ofChannel, path: []string{"replay", "from"}, name: "replay.from", kind: texts, lowered: "E C", changed: "E C", removed: "E C", raised: "i", added: "i"},
				setting{of: ofChannel, path: []string{"replay", "maxAge"}, name: "replay.maxAge", kind: duration, lowered: "E C", raised: "i", added: "w C", removed: "w C"})),
		rule("withdrawn-bootstrap", "A new consumer gets its state in another way", fails,
			`A consumer that starts fresh does what was promised, and is left with half of the state.`, say("keep the way to bootstrap, and add the new one beside it"),
			settings(
				setting{of: ofChannel, path: []string{"bootstrap", "mode"}, name: "bootstrap.mode", changed: "E C", added: "i"},
				setting{of: ofChannel, path: []string{"bootstrap", "channel"}, name: "bootstrap.channel", changed: "E C", added: "i"})),
		rule("changed-max-bytes", "The largest event changed", fails,
			`A smaller limit refuses what producers send today; a larger one lets through what consumers may not be made for.`,
			say("keep the limit"),
			settings(setting{of: ofChannel, path: []string{"limits", "maxBytes"}, name: "limits.maxBytes", kind: number, raised: "w C", lowered: "E P", added: "E P", removed: "w C"})),
		rule("removed-dead-letter", "Events that fail go nowhere now", fails,
			`Those who answer for the service look at the dead letters. Without them, events that fail are lost or block the others.`,
			say("keep a dead letter channel"),
			settings(setting{of: ofOperation, path: []string{"deadLetter"}, name: "deadLetter", changed: "w O", added: "i", removed: "E O"})),
		rule("moved-sunset", "Something ends sooner than was said", fails,
			`People planned by the day that was given. A day that comes sooner finds them in the middle of the work.`, say("keep the day, or a later one"), (*comparer).sunset),
		rule("weakened-durability", "Events are stored less safely", risks,
			`Fewer copies, or an acknowledgement before they are made, lose events in an outage.`, nil,
			settings(
				setting{of: ofChannel, path: []string{"durability", "replicas"}, name: "durability.replicas", kind: number, lowered: "w", removed: "w", added: "i", raised: "i"},
				setting{of: ofChannel, path: []string{"durability", "ackedBy"}, name: "durability.ackedBy", kind: rank, ranks: []string{"none", "leader", "quorum"}, lowered: "w", removed: "w", added: "i", raised: "i"})),
		rule("changed-delivery", "Another promise about delivery changed", risks,
			`What one side does about delivery may be what the other relies on: how often it tries, what it acknowledges, where it starts.
Look at it.`, nil, (*comparer).otherDelivery),

		rule("weakened-policy", "Less is promised about compatibility", fails,
			`The policy says what others may rely on when contracts change: that readers ignore fields that they do not know, that producers
send what they declare. Others have changed, or not, by it.`, say("keep the policy for the event types that exist"), (*comparer).policy),
		versionBump,
		rule("changed-documentation", "Words changed", tells,
			`Titles, descriptions, examples and tags say something to people. They break nobody and demand no new version.`, nil, (*comparer).documentation),
	}
}

func (x *comparer) removedServer() {
	for _, p := range x.servers {
		if p.new == nil {
			x.report("E", subject{}, p.old.Node(), nil, "server %q (%s at %s) is gone", p.old.Name, p.old.Protocol, p.old.Host)
		} else if p.old == nil {
			x.report("i", subject{}, nil, p.new.Node(), "server %q (%s at %s) is new", p.new.Name, p.new.Protocol, p.new.Host).Advice = nil
		}
	}
}

func (x *comparer) movedServer() {
	each(x.servers, func(old, new *contract.Server) {
		for _, f := range []struct{ key, was, is string }{{"host", old.Host, new.Host}, {"pathname", old.Pathname, new.Pathname}, {"protocol", old.Protocol, new.Protocol}} {
			if f.was != f.is {
				x.report("E", subject{}, or(old.Field(f.key), old.Node()), or(new.Field(f.key), new.Node()), "%s of server %q changed from %q to %q", f.key, new.Name, f.was, f.is)
			}
		}
	})
}

func (x *comparer) serverVersion() {
	each(x.servers, func(old, new *contract.Server) {
		if old.ProtocolVersion != new.ProtocolVersion {
			x.report("w", subject{}, or(old.Field("protocolVersion"), old.Node()), or(new.Field("protocolVersion"), new.Node()),
				"protocolVersion of server %q changed from %q to %q", new.Name, old.ProtocolVersion, new.ProtocolVersion)
		}
	})
}

func byName[T any](all []*T, name func(*T) string) map[string]*T {
	m := map[string]*T{}
	for _, t := range all {
		m[name(t)] = t
	}
	return m
}

func (x *comparer) serverVariables() {
	each(x.servers, func(old, new *contract.Server) {
		are := byName(new.Variables, func(v *contract.Variable) string { return v.Name })
		for _, was := range old.Variables {
			is := are[was.Name]
			if is == nil {
				x.report("E", subject{}, was.Node(), new.Node(), "variable %q of server %q is gone", was.Name, new.Name)
				continue
			}
			for _, value := range was.Enum {
				if len(is.Enum) > 0 && !slices.Contains(is.Enum, value) {
					x.report("E", subject{}, or(was.Field("enum"), was.Node()), or(is.Field("enum"), is.Node()), "value %q of variable %q of server %q is gone", value, was.Name, new.Name)
				}
			}
			if was.Default != is.Default {
				x.report("w", subject{}, or(was.Field("default"), was.Node()), or(is.Field("default"), is.Node()), "default of variable %q of server %q changed from %q to %q", was.Name, new.Name, was.Default, is.Default)
			}
		}
		were := byName(old.Variables, func(v *contract.Variable) string { return v.Name })
		for _, is := range new.Variables {
			if were[is.Name] == nil {
				effect := "E"
				if is.Default != "" {
					effect = "w"
				}
				x.report(effect, subject{}, old.Node(), is.Node(), "variable %q of server %q is new", is.Name, new.Name)
			}
		}
	})
}

func (x *comparer) security() {
	compare := func(what string, s subject, old, new []*contract.SecurityScheme, a, b *syntax.Node) {
		used := make([]bool, len(new))
		var gone []*contract.SecurityScheme
		for _, was := range old {
			found := false
			for i, is := range new {
				if !used[i] && was.Type == is.Type && x.sameScheme(was, is) {
					used[i], found = true, true
					for _, scope := range is.Scopes {
						if !slices.Contains(was.Scopes, scope) {
							x.report("E PC", s, was.Node(), is.Node(), "%s needs the scope %q now", what, scope)
						}
					}
					break
				}
			}
			if !found {
				gone = append(gone, was)
			}
		}
		for i, is := range new {
			if used[i] {
				continue
			}
			switch {
			case len(gone) > 0:
				x.report("E PC", s, gone[0].Node(), is.Node(), "the security of %s changed from %s to %s", what, gone[0].Type, is.Type)
				gone = gone[1:]
			case len(old) == 0:
				x.report("E PC", s, a, is.Node(), "%s needs security now: %s", what, is.Type)
			default: // one of several is enough
				x.report("i", s, a, is.Node(), "%s takes %s as well", what, is.Type).Advice = nil
			}
		}
		for _, was := range gone {
			effect := "w O"
			if len(new) > 0 {
				effect = "E PC" // of several, the one that somebody uses
			}
			x.report(effect, s, was.Node(), b, "%s does not take %s any more", what, was.Type)
		}
	}
	each(x.servers, func(old, new *contract.Server) {
		compare(fmt.Sprintf("server %q", new.Name), subject{}, old.Security, new.Security, old.Node(), new.Node())
	})
	each(x.operations, func(old, new *contract.Operation) {
		compare(fmt.Sprintf("operation %q", new.Name), subject{operation: new}, old.Security, new.Security, old.Node(), new.Node())
	})
}

func (x *comparer) sameScheme(old, new *contract.SecurityScheme) bool {
	for _, key := range []string{"in", "name", "scheme", "openIdConnectUrl"} {
		if old.Field(key).Str() != new.Field(key).Str() {
			return false
		}
	}
	for _, flow := range []string{"implicit", "password", "clientCredentials", "authorizationCode"} {
		for _, key := range []string{"authorizationUrl", "tokenUrl", "refreshUrl"} {
			if old.Field("flows", flow, key).Str() != new.Field("flows", flow, key).Str() {
				return false
			}
		}
	}
	return true
}

func (x *comparer) removedChannel() {
	for _, p := range x.channels {
		if p.new == nil {
			x.report("E", subject{channel: p.old, direction: directionOf(p.old)}, p.old.Node(), nil, "channel %q is gone", nameOf(p.old))
		}
	}
}

func (x *comparer) addedChannel() {
	for _, p := range x.channels {
		if p.old == nil {
			x.report("i", subject{channel: p.new, direction: directionOf(p.new)}, nil, p.new.Node(), "channel %q is new", nameOf(p.new))
		}
	}
}

func (x *comparer) address() {
	each(x.channels, func(old, new *contract.Channel) {
		if old.Address != new.Address || old.HasAddress != new.HasAddress {
			x.report("E", subject{channel: new, direction: directionOf(new)}, or(old.Field("address"), old.Node()), or(new.Field("address"), new.Node()),
				"the address of channel %q changed from %q to %q", new.Name, old.Address, new.Address)
		}
	})
}

func (x *comparer) parameters() {
	each(x.channels, func(old, new *contract.Channel) {
		are := byName(new.Parameters, func(p *contract.Parameter) string { return p.Name })
		s := subject{channel: new, direction: directionOf(new)}
		for _, was := range old.Parameters {
			is := are[was.Name]
			if is == nil {
				continue // the address says so
			}
			a, b := or(was.Field("enum"), was.Node()), or(is.Field("enum"), is.Node())
			var fewer, more []string
			for _, v := range was.Enum {
				if !slices.Contains(is.Enum, v) {
					fewer = append(fewer, v)
				}
			}
			for _, v := range is.Enum {
				if !slices.Contains(was.Enum, v) {
					more = append(more, v)
				}
			}
			switch {
			case len(was.Enum) == 0 && len(is.Enum) > 0:
				x.report("E C|E P", s, a, b, "parameter %q takes only %s now", was.Name, strings.Join(is.Enum, ", "))
			case len(was.Enum) > 0 && len(is.Enum) == 0:
				x.report("w C", s, a, b, "parameter %q takes any value now", was.Name)
			default:
				if len(fewer) > 0 {
					x.report("E C|E P", s, a, b, "parameter %q does not take %s any more", was.Name, strings.Join(fewer, ", "))
				}
				if len(more) > 0 {
					x.report("w C", s, a, b, "parameter %q takes %s too now", was.Name, strings.Join(more, ", "))
				}
			}
			for _, f := range []struct{ key, was, is string }{{"default", was.Default, is.Default}, {"location", was.Location, is.Location}} {
				if f.was != f.is {
					x.report("w", s, or(was.Field(f.key), was.Node()), or(is.Field(f.key), is.Node()), "%s of parameter %q changed from %q to %q", f.key, was.Name, f.was, f.is)
				}
			}
		}
	})
}

func (x *comparer) channelServers() {
	newOf := map[*contract.Server]*contract.Server{}
	for _, p := range x.servers {
		if p.old != nil {
			newOf[p.old] = p.new
		}
	}
	each(x.channels, func(old, new *contract.Channel) {
		for _, was := range old.Servers {
			if is := newOf[was]; is != nil && !slices.Contains(new.Servers, is) {
				x.report("E", subject{channel: new, direction: directionOf(new)}, or(old.Field("servers"), old.Node()), or(new.Field("servers"), new.Node()),
					"channel %q is not on server %q any more", nameOf(new), is.Name)
			}
		}
	})
}

func (x *comparer) removedMessage() {
	for _, p := range x.messages {
		if p.channel.new == nil || p.channel.old == nil {
			continue
		}
		if p.old != nil && p.new == nil {
			actions := p.lost
			if len(actions) == 0 {
				actions = []contract.Action{""}
			}
			for _, a := range actions {
				if a != "" && x.operationGone(p.channel, a) {
					continue // that is told by itself
				}
				x.report("E C|E P", subject{message: p.old, channel: p.channel.new, direction: a}, or(p.old.Entry.Node(), p.old.Node()), p.channel.new.Node(),
					"%s is %s any more on channel %q", p.old.Envelope.Type, map[contract.Action]string{contract.Send: "not sent", contract.Receive: "not received", "": "not there"}[a], nameOf(p.channel.new))
			}
			continue
		}
		for _, a := range p.lost {
			if x.operationGone(p.channel, a) {
				continue
			}
			x.report("E C|E P", subject{message: p.new, direction: a}, or(p.old.Entry.Node(), p.old.Node()), or(p.new.Entry.Node(), p.new.Node()),
				"%s is %s any more on channel %q", p.old.Envelope.Type, map[contract.Action]string{contract.Send: "not sent", contract.Receive: "not received"}[a], nameOf(p.channel.new))
		}
	}
}

// operationGone reports whether a channel has lost its last operation of an
// action.
func (x *comparer) operationGone(p pairOf[contract.Channel], a contract.Action) bool {
	return !slices.ContainsFunc(p.new.Operations, func(o *contract.Operation) bool { return o.Action == a })
}

func (x *comparer) addedMessage() {
	for _, p := range x.messages {
		if p.channel.new == nil || p.channel.old == nil || p.new == nil {
			continue
		}
		actions := p.gained
		if p.old == nil && len(actions) == 0 {
			actions = []contract.Action{""}
		}
		for _, a := range actions {
			s := subject{message: p.new, direction: a}
			if a != "" && !slices.ContainsFunc(p.channel.old.Operations, func(o *contract.Operation) bool { return o.Action == a }) {
				continue // a new operation is told by itself
			}
			old := p.channel.old.Node()
			switch {
			case a == contract.Receive:
				x.report("i", s, old, p.new.Entry.Node(), "%s is received now on channel %q", p.new.Envelope.Type, nameOf(p.channel.new))
			case p.channel.old.Compatibility.DispatchStrict:
				c := x.report("E C", s, old, p.new.Entry.Node(), "%s is sent now on channel %q, whose consumers refuse types that they do not know (dispatch: strict)", p.new.Envelope.Type, nameOf(p.channel.new))
				c.Advice = []string{"send it on a channel of its own, or publish x-compatibility: {dispatch: ignore} first"}
			default:
				x.report("w C", s, old, p.new.Entry.Node(), "%s is sent now on channel %q: consumers skip it until they know it", p.new.Envelope.Type, nameOf(p.channel.new))
			}
		}
	}
}

// eachField reports messages in which a text changed.
func (x *comparer) eachField(effect, name string, of func(m *contract.Message) (string, *syntax.Node)) {
	x.eachMessage(func(old, new *contract.Message, p *messagePair) {
		was, a := of(old)
		is, b := of(new)
		if was == is || typeChanged(old, new) {
			return
		}
		s := subject{message: new}
		if dirs := p.directions(); len(dirs) == 1 {
			s.direction = dirs[0]
		}
		stated := func(v string) string {
			if v == "" {
				return "nothing"
			}
			return quoted(v)
		}
		x.report(effect, s, or(a, old.Node()), or(b, new.Node()), "%s of %s changed from %s to %s", name, new.Envelope.Type, stated(was), stated(is))
	})
}

func (x *comparer) contentType() {
	x.eachField("E", "content type", func(m *contract.Message) (string, *syntax.Node) { return m.ContentType, m.Field("contentType") })
}

func (x *comparer) schemaFormat() {
	of := func(s *contract.Schema) (string, *syntax.Node) {
		if s == nil {
			return "", nil
		}
		if s.Dialect.IsJSONSchema() {
			return "", s.Use.Node() // the drafts say the same of the same bytes
		}
		return s.Dialect.String(), s.Use.Node()
	}
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		if old.Payload == nil || new.Payload == nil || typeChanged(old, new) {
			return
		}
		was, a := of(old.Payload)
		is, b := of(new.Payload)
		if foreign(old.Payload) && foreign(new.Payload) {
			was, is = old.Payload.Format, new.Payload.Format
		}
		if was != is {
			x.report("E", subject{message: new}, or(a, old.Node()), or(b, new.Node()), "the payload of %s is described in another language: %s, was %s", new.Envelope.Type, or2(is, "JSON Schema"), or2(was, "JSON Schema"))
		}
	})
}

func (x *comparer) correlation() {
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		if old.Correlation == new.Correlation {
			return
		}
		a, b := or(old.Field("correlationId"), old.Node()), or(new.Field("correlationId"), new.Node())
		switch s := (subject{message: new}); {
		case old.Correlation == "":
			x.report("i", s, a, b, "%s has a correlation id now, at %s", new.Envelope.Type, new.Correlation).Advice = nil
		case new.Correlation == "":
			x.report("E CP", s, a, b, "%s has no correlation id any more; it was at %s", new.Envelope.Type, old.Correlation)
		default:
			x.report("E CP", s, a, b, "the correlation id of %s moved from %s to %s", new.Envelope.Type, old.Correlation, new.Correlation)
		}
	})
}

func (x *comparer) eventType() {
	x.eachMessage(func(old, new *contract.Message, p *messagePair) {
		if !typeChanged(old, new) {
			return
		}
		s := subject{message: new}
		if dirs := p.directions(); len(dirs) == 1 {
			s.direction = dirs[0]
		}
		c := x.report("E C|E P", s, or(old.Envelope.TypeAt.Node(), old.Node()), or(new.Envelope.TypeAt.Node(), new.Node()),
			"the event type %s became %s", old.Envelope.Type, new.Envelope.Type)
		c.Event = old.Envelope.Type
		c.Advice = []string{fmt.Sprintf("add %s beside %s on the same channel, and send both until nobody reads the old one", new.Envelope.Type, old.Envelope.Type)}
	})
}

func (x *comparer) envelope() {
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		a, b := old.Envelope, new.Envelope
		if a.Mode != b.Mode {
			x.report("E C", subject{message: new}, old.Node(), new.Node(), "the envelope of %s is %s now, was %s", b.Type, modeName(b.Mode), modeName(a.Mode))
			return
		}
		if was, is := constOf(a, "specversion"), constOf(b, "specversion"); was != is && was != "" && is != "" {
			x.report("E C", subject{message: new}, old.Node(), new.Node(), "specversion of %s changed from %q to %q", b.Type, was, is)
		}
	})
}

func modeName(m contract.Mode) string {
	if m == contract.NoEnvelope {
		return "none"
	}
	return string(m)
}

func constOf(e contract.Envelope, name string) string {
	if a := e.Attribute(name); a != nil {
		return a.Const
	}
	return ""
}

// attributeChanged compares what two messages say of an envelope attribute.
func (x *comparer) attributeChanged(name string, old, new *contract.Message) (was, is *contract.Attribute, changed bool) {
	was, is = old.Envelope.Attribute(name), new.Envelope.Attribute(name)
	if was == nil || is == nil {
		return was, is, was != is
	}
	// How long it is, and the like, is a matter of headers; what it is made of
	// is told by these.
	a, b := x.schemaNode(x.old, was.Node()), x.schemaNode(x.new, is.Node())
	for _, key := range []string{"const", "enum", "pattern", "format", "type"} {
		m, n := a.Get(key), b.Get(key)
		if (m != nil || n != nil) && (m == nil || n == nil || !x.sameValue(m, n, key)) {
			return was, is, true
		}
	}
	return was, is, false
}

func (x *comparer) subject() {
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		if old.Envelope.Subject != new.Envelope.Subject {
			x.report("E C", subject{message: new}, old.Node(), new.Node(), "the subject of %s changed from %q to %q", new.Envelope.Type, old.Envelope.Subject, new.Envelope.Subject)
			return
		}
		was, is, changed := x.attributeChanged("subject", old, new)
		switch {
		case was != nil && is == nil:
			x.report("E C", subject{message: new}, was.Node(), new.Node(), "%s says nothing about its subject any more", new.Envelope.Type)
		case was == nil && is != nil:
			x.report("i", subject{message: new}, old.Node(), is.Node(), "%s says what its subject is now", new.Envelope.Type).Advice = nil
		case changed:
			x.report("E C", subject{message: new}, was.Node(), is.Node(), "what the subject of %s is made of changed", new.Envelope.Type)
		}
	})
}

func (x *comparer) identity() {
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		if old.Envelope.Source != new.Envelope.Source {
			x.report("E C", subject{message: new}, old.Node(), new.Node(), "the source of %s changed from %q to %q", new.Envelope.Type, old.Envelope.Source, new.Envelope.Source)
		} else if was, is, changed := x.attributeChanged("source", old, new); changed && was != nil && is != nil {
			x.report("E C", subject{message: new}, was.Node(), is.Node(), "what the source of %s is made of changed", new.Envelope.Type)
		}
		if was, is, changed := x.attributeChanged("id", old, new); changed && was != nil && is != nil {
			x.report("E C", subject{message: new}, was.Node(), is.Node(), "what the id of %s is made of changed", new.Envelope.Type)
		}
	})
}

func (x *comparer) dataContentType() {
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		was, is := constOf(old.Envelope, "datacontenttype"), constOf(new.Envelope, "datacontenttype")
		if was != is && was != "" {
			a, b := old.Envelope.Attribute("datacontenttype"), new.Node()
			if at := new.Envelope.Attribute("datacontenttype"); at != nil {
				b = at.Node()
			}
			x.report("E", subject{message: new}, a.Node(), b, "datacontenttype of %s changed from %q to %q", new.Envelope.Type, was, or2(is, "anything"))
		}
	})
}

func (x *comparer) removedOperation() {
	for _, p := range x.operations {
		if p.new != nil || p.old.Channel == nil {
			continue
		}
		ch := x.newChannel(p.old.Channel)
		if ch == nil {
			continue // the channel is gone, which is told
		}
		if slices.ContainsFunc(ch.Operations, func(o *contract.Operation) bool { return o.Action == p.old.Action }) {
			continue // another one does it; messages that it does not have are told
		}
		what := "nothing is sent"
		if p.old.Action == contract.Receive {
			what = "nothing is received"
		}
		x.report("E C|E P", subject{operation: p.old}, p.old.Node(), nil, "operation %q is gone: %s any more on channel %q", p.old.Name, what, nameOf(ch))
	}
}

func (x *comparer) newChannel(old *contract.Channel) *contract.Channel {
	for _, p := range x.channels {
		if p.old == old {
			return p.new
		}
	}
	return nil
}

func (x *comparer) addedOperation() {
	for _, p := range x.operations {
		if p.old != nil || p.new.Channel == nil {
			continue
		}
		before := slices.ContainsFunc(x.old.Operations, func(o *contract.Operation) bool {
			return o.Action == p.new.Action && o.Channel != nil && x.newChannel(o.Channel) == p.new.Channel
		})
		if !before {
			x.report("i", subject{operation: p.new}, nil, p.new.Node(), "operation %q is new: it %ss on channel %q", p.new.Name, p.new.Action, nameOf(p.new.Channel))
		}
	}
}

func (x *comparer) action() {
	each(x.operations, func(old, new *contract.Operation) {
		if old.Action != new.Action {
			x.report("E", subject{operation: new}, or(old.Field("action"), old.Node()), or(new.Field("action"), new.Node()), "operation %q %ss now, and did %s", new.Name, new.Action, old.Action)
		}
	})
}

func (x *comparer) operationChannel() {
	each(x.operations, func(old, new *contract.Operation) {
		if old.Channel == nil || new.Channel == nil || old.Action != new.Action {
			return
		}
		if is := x.newChannel(old.Channel); is != new.Channel {
			x.report("E", subject{operation: new}, or(old.Field("channel"), old.Node()), or(new.Field("channel"), new.Node()), "operation %q moved from channel %q to %q", new.Name, nameOf(old.Channel), nameOf(new.Channel))
		}
	})
}

func (x *comparer) reply() {
	each(x.operations, func(old, new *contract.Operation) {
		s := subject{operation: new}
		switch a, b := old.Reply, new.Reply; {
		case a == nil && b == nil:
		case a == nil:
			x.report("i", s, old.Node(), b.Node(), "operation %q has a reply now", new.Name).Advice = nil
		case b == nil:
			x.report("E C|E P", s, a.Node(), new.Node(), "operation %q has no reply any more", new.Name)
		default:
			if a.Location != b.Location {
				x.report("E", s, a.Node(), b.Node(), "the address of the reply of operation %q changed from %q to %q", new.Name, a.Location, b.Location)
			}
			if a.Channel != nil && b.Channel != nil && x.newChannel(a.Channel) != b.Channel || (a.Channel == nil) != (b.Channel == nil) {
				x.report("E", s, a.Node(), b.Node(), "the reply of operation %q is on another channel", new.Name)
			}
			x.replyMessages(a, b, new)
		}
	})
}

// replyMessages compares the answers of an operation: what it sends is answered
// by others, so an answer goes the other way.
func (x *comparer) replyMessages(a, b *contract.Reply, o *contract.Operation) {
	direction := contract.Receive
	if o.Action == contract.Receive {
		direction = contract.Send
	}
	for _, p := range pairs(a.Messages, b.Messages,
		func(m *contract.Message) string { return m.Envelope.Type },
		func(m *contract.Message) string { return m.Key }) {
		s := subject{operation: o, direction: direction}
		switch {
		case p.new == nil:
			x.report("E C|E P", s, p.old.Node(), b.Node(), "%s is no reply of operation %q any more", p.old.Envelope.Type, o.Name)
		case p.old == nil:
			effect := "w C|i"
			x.report(effect, s, a.Node(), p.new.Node(), "%s is a reply of operation %q now", p.new.Envelope.Type, o.Name).Advice = nil
		}
	}
}

func (x *comparer) kafkaKey() {
	x.roots(ofMessage, "kafka", func(a, b *syntax.Node, s subject) {
		old, new := x.at(x.old, a, []string{"key"}), x.at(x.new, b, []string{"key"})
		switch {
		case old == nil && new == nil:
		case old == nil:
			x.report("E C", s, or(a, nil), new, "%s has a key now", s.message.Envelope.Type)
		case new == nil:
			x.report("E C", s, old, or(b, nil), "%s has no key any more", s.message.Envelope.Type)
		case !x.sameSchema(old, new, false):
			x.report("E C", s, old, new, "the key of %s changed", s.message.Envelope.Type)
		}
	})
}

func (x *comparer) otherBindings() {
	levels := []level{ofServer, ofChannel, ofOperation, ofMessage}
	names := map[string]bool{}
	note := func(b contract.Bindings) {
		for protocol := range b {
			names[protocol] = true
		}
	}
	for _, c := range []*contract.Contract{x.old, x.new} {
		for _, s := range c.Servers {
			note(s.Bindings)
		}
		for _, ch := range c.Channels {
			note(ch.Bindings)
			for _, m := range ch.Messages {
				note(m.Bindings)
			}
		}
		for _, o := range c.Operations {
			note(o.Bindings)
		}
	}
	protocols := make([]string, 0, len(names))
	for name := range names {
		protocols = append(protocols, name)
	}
	slices.Sort(protocols)
	for _, protocol := range protocols {
		for _, of := range levels {
			x.roots(of, protocol, func(a, b *syntax.Node, s subject) {
				x.unlisted(of, protocol, a, b, nil, func(path []string, old, new *syntax.Node) {
					x.otherSetting("the "+protocol+" binding", s, path, a, b, old, new)
				})
			})
		}
	}
}

func (x *comparer) otherSetting(where string, s subject, path []string, a, b, old, new *syntax.Node) {
	name := strings.Join(path, ".")
	switch {
	case old == nil:
		x.report("w", s, a, new, "%s of %s is %s now, and was not stated", name, where, shownValue(new, ""))
	case new == nil:
		x.report("w", s, old, b, "%s of %s was %s, and is not stated any more", name, where, shownValue(old, ""))
	default:
		x.report("w", s, old, new, "%s of %s changed from %s to %s", name, where, shownValue(old, ""), shownValue(new, ""))
	}
}

func (x *comparer) otherDelivery() {
	for _, of := range []level{ofChannel, ofOperation, ofMessage} {
		x.roots(of, "", func(a, b *syntax.Node, s subject) {
			x.unlisted(of, "", a, b, nil, func(path []string, old, new *syntax.Node) {
				x.otherSetting("x-delivery", s, path, a, b, old, new)
			})
		})
	}
}

func (x *comparer) duplicates() {
	each(x.channels, func(old, new *contract.Channel) {
		if old.Delivery == nil || new.Delivery == nil {
			return
		}
		if old.Delivery.Guarantee == "at-most-once" && new.Delivery.Guarantee == "at-least-once" && new.Delivery.Dedupe == nil {
			x.report("E C", subject{channel: new, direction: directionOf(new)}, or(old.Delivery.Field("guarantee"), old.Delivery.Node()), or(new.Delivery.Field("guarantee"), new.Delivery.Node()),
				"channel %q delivers at least once now, and promises no dedupe: events may come twice", nameOf(new))
		}
	})
}

// dedupePair calls f with the dedupe of channels that promise one on both
// sides, or on one.
func (x *comparer) dedupePair(f func(old, new *contract.Dedupe, a, b *syntax.Node, s subject)) {
	each(x.channels, func(old, new *contract.Channel) {
		var a, b *contract.Dedupe
		if old.Delivery != nil {
			a = old.Delivery.Dedupe
		}
		if new.Delivery != nil {
			b = new.Delivery.Dedupe
		}
		at, is := old.Node(), new.Node()
		if a != nil {
			at = a.Node()
		}
		if b != nil {
			is = b.Node()
		}
		if a != nil || b != nil {
			f(a, b, at, is, subject{channel: new, direction: directionOf(new)})
		}
	})
}

func (x *comparer) dedupe() {
	x.dedupePair(func(old, new *contract.Dedupe, a, b *syntax.Node, s subject) {
		by := func(d *contract.Dedupe) []string {
			if len(d.By) == 0 {
				return []string{"id", "source"}
			}
			return slices.Sorted(slices.Values(d.By))
		}
		switch {
		case old == nil:
			x.report("i", s, a, b, "duplicates are known now, by %s", strings.Join(by(new), " and ")).Advice = nil
		case new == nil:
			x.report("E C", s, a, b, "duplicates are not known any more; they were by %s", strings.Join(by(old), " and "))
		default:
			if !slices.Equal(by(old), by(new)) {
				x.report("E C", s, or(old.Field("by"), a), or(new.Field("by"), b), "duplicates are known by %s now, and were by %s", strings.Join(by(new), " and "), strings.Join(by(old), " and "))
			}
			if was, is := or2(old.Where, "consumer"), or2(new.Where, "consumer"); was != is {
				effect := "i"
				if is == "consumer" || was == "both" {
					effect = "E C" // the consumer has to do it now, or the broker does not
				}
				x.report(effect, s, or(old.Field("where"), a), or(new.Field("where"), b), "duplicates are dropped by the %s now, and were by the %s", is, was)
			}
		}
	})
}

func (x *comparer) dedupeWindow() {
	x.dedupePair(func(old, new *contract.Dedupe, a, b *syntax.Node, s subject) {
		if old == nil || new == nil || old.Window == new.Window {
			return
		}
		longer := new.Window > old.Window
		where := or2(old.Where, "consumer")
		effect := "i"
		if longer && where != "broker" || !longer && where != "consumer" {
			effect = "E C"
		}
		c := x.report(effect, s, or(old.Field("window"), a), or(new.Field("window"), b), "duplicates are known for %s now, and were for %s, by the %s", span(new.Window), span(old.Window), where)
		if effect == "i" {
			c.Advice = nil
		}
	})
}

// span is a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d == 24*time.Hour:
		return "a day"
	case d == 0:
		return "no stated time"
	}
	return d.String()
}

func (x *comparer) sunset() {
	compare := func(old, new *contract.Deprecation, s subject, a, b *syntax.Node) {
		switch {
		case old == nil && new == nil || new == nil:
		case old == nil:
			x.report("i", s, a, new.Node(), "deprecated now%s", untilDay(new.Sunset)).Advice = nil
		case !new.Sunset.IsZero() && !old.Sunset.IsZero() && new.Sunset.Before(old.Sunset):
			x.report("E", s, or(old.Field("sunset"), a), or(new.Field("sunset"), b), "the sunset moved forward from %s to %s", old.Sunset.Format(time.DateOnly), new.Sunset.Format(time.DateOnly))
		}
	}
	each(x.channels, func(old, new *contract.Channel) {
		var a, b *contract.Deprecation
		if old.Delivery != nil {
			a = old.Delivery.Deprecation
		}
		if new.Delivery != nil {
			b = new.Delivery.Deprecation
		}
		compare(a, b, subject{channel: new, direction: directionOf(new)}, old.Node(), new.Node())
	})
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		var a, b *contract.Deprecation
		if old.Delivery != nil {
			a = old.Delivery.Deprecation
		}
		if new.Delivery != nil {
			b = new.Delivery.Deprecation
		}
		compare(a, b, subject{message: new}, old.Node(), new.Node())
	})
}

func untilDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + t.Format(time.DateOnly)
}

// policyKeys are the keys of x-compatibility, with what each may be, the least
// promise first.
var policyKeys = []struct {
	key   string
	ranks []string
	of    func(c contract.Compatibility) string
}{
	{"mode", []string{"none", "forward", "backward", "unstated", "full"}, func(c contract.Compatibility) string { return or2(c.Mode, "unstated") }},
	{"transitive", []string{"no", "yes"}, func(c contract.Compatibility) string { return map[bool]string{false: "no", true: "yes"}[c.Transitive] }},
	{"dispatch", []string{"strict", "ignore"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "ignore", true: "strict"}[c.DispatchStrict]
	}},
	{"producers", []string{"open", "declared"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "declared", true: "open"}[c.ProducersOpen]
	}},
	{"readers", []string{"strict", "tolerant"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "strict", true: "tolerant"}[c.ReadersTolerant]
	}},
	{"enums", []string{"closed", "open"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "closed", true: "open"}[c.EnumsOpen]
	}},
	{"defaults", []string{"annotate", "applied"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "annotate", true: "applied"}[c.DefaultsApplied]
	}},
	{"formats", []string{"annotate", "assert"}, func(c contract.Compatibility) string {
		return map[bool]string{false: "assert", true: "annotate"}[c.FormatsAnnotate]
	}},
}

func (x *comparer) policy() {
	type change struct{ key, was, is string }
	told := map[change]bool{}
	compare := func(old, new contract.Compatibility, s subject, a, b *syntax.Node) {
		for _, k := range policyKeys {
			was, is := k.of(old), k.of(new)
			if was == is || told[change{k.key, was, is}] {
				continue
			}
			told[change{k.key, was, is}] = true
			effect := "i"
			if slices.Index(k.ranks, is) < slices.Index(k.ranks, was) || k.key == "mode" && was == "forward" && is == "backward" {
				effect = "E C"
			}
			c := x.report(effect, s, or(old.Stated(k.key), a), or(new.Stated(k.key), b), "the policy %s changed from %s to %s", k.key, was, is)
			if effect == "i" {
				c.Advice = nil
			}
		}
	}
	compare(x.old.Compatibility, x.new.Compatibility, subject{}, x.old.Document().Written.Get("info"), x.new.Document().Written.Get("info"))
	each(x.channels, func(old, new *contract.Channel) {
		compare(old.Compatibility, new.Compatibility, subject{channel: new, direction: directionOf(new)}, old.Node(), new.Node())
	})
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		compare(old.Compatibility, new.Compatibility, subject{message: new}, old.Node(), new.Node())
	})
}

func (x *comparer) documentation() {
	text := func(s subject, what string, old, new *syntax.Node, keys ...string) {
		var changed []string
		for _, key := range keys {
			a, b := old.Get(key), new.Get(key)
			if (a != nil || b != nil) && (a == nil || b == nil || !x.equalValues(a, b)) {
				changed = append(changed, key)
			}
		}
		if len(changed) > 0 {
			x.report("i", s, old, new, "%s of %s changed", strings.Join(changed, ", "), what).Quiet = true
		}
	}
	words := []string{"title", "summary", "description", "externalDocs"}
	text(subject{}, "info", x.old.Field("info"), x.new.Field("info"), "title", "description", "contact", "license", "termsOfService", "tags", "externalDocs")
	each(x.servers, func(old, new *contract.Server) {
		text(subject{}, fmt.Sprintf("server %q", new.Name), old.Node(), new.Node(), words...)
	})
	each(x.channels, func(old, new *contract.Channel) {
		text(subject{channel: new}, fmt.Sprintf("channel %q", nameOf(new)), old.Node(), new.Node(), words...)
	})
	each(x.operations, func(old, new *contract.Operation) {
		text(subject{operation: new}, fmt.Sprintf("operation %q", new.Name), old.Node(), new.Node(), words...)
	})
	x.eachMessage(func(old, new *contract.Message, _ *messagePair) {
		text(subject{message: new}, new.Envelope.Type, old.Node(), new.Node(), append(words, "examples")...)
	})
}
