package document

// Kafka and Pulsar: brokers that keep a log.

// kafkaBindings: 0.1.0, 0.3.0, 0.4.0, 0.5.0. That the registry fields of a
// message need a schemaRegistryUrl at the server is not checked here, since a
// message does not know its servers.
func kafkaBindings() *Protocol {
	server := &Object{Name: "kafka server binding", Fields: []Field{
		{Name: "schemaRegistryUrl", Type: text()},
		{Name: "schemaRegistryVendor", Type: text()},
	}, Check: needs("schemaRegistryVendor", "schemaRegistryUrl")}
	topic := []Field{
		{Name: "topic", Type: text()},
		{Name: "partitions", Type: integerFrom(1)},
		{Name: "replicas", Type: integerFrom(1)},
	}
	channel := func(configuration *Object) *Object {
		return &Object{Name: "kafka channel binding",
			Fields: append(clip(topic), Field{Name: "topicConfiguration", Type: inPlace(configuration)})}
	}
	configuration := []Field{
		{Name: "cleanup.policy", Type: list(word("compact", "delete"))},
		{Name: "retention.ms", Type: integerFrom(-1)},
		{Name: "retention.bytes", Type: integerFrom(-1)},
		{Name: "delete.retention.ms", Type: integerFrom(0)},
		{Name: "max.message.bytes", Type: integerFrom(0)},
	}
	configuration4 := &Object{Name: "kafka TopicConfiguration Object", Fields: configuration, Closed: true}
	// Since 0.5.0 every other setting of a topic may be given as well.
	configuration5 := &Object{Name: "kafka TopicConfiguration Object", Entries: anything(), Fields: append(clip(configuration),
		Field{Name: "confluent.key.schema.validation", Type: boolean()},
		Field{Name: "confluent.key.subject.name.strategy", Type: text()},
		Field{Name: "confluent.value.schema.validation", Type: boolean()},
		Field{Name: "confluent.value.subject.name.strategy", Type: text()},
	)}
	operation := &Object{Name: "kafka operation binding", Fields: []Field{
		{Name: "groupId", Type: schemaHere()},
		{Name: "clientId", Type: schemaHere()},
	}}
	message := func(key *Type) *Object {
		return &Object{Name: "kafka message binding", Fields: []Field{
			{Name: "key", Type: key},
			{Name: "schemaIdLocation", Type: word("header", "payload")},
			{Name: "schemaIdPayloadEncoding", Type: text()},
			{Name: "schemaLookupStrategy", Type: text()},
		}}
	}
	// In 0.4.0 a key may be an Avro schema too, whose names and unions are
	// strings and lists.
	avroKey := choice(schemaHere(), text(), list(anything()))
	return &Protocol{Name: "kafka", Versions: []BindingVersion{
		{Version: "0.1.0", Operation: operation,
			Message: &Object{Name: "kafka message binding", Fields: []Field{{Name: "key", Type: schemaHere()}}}},
		{Version: "0.3.0", Server: server, Operation: operation, Message: message(schemaHere()),
			Channel: &Object{Name: "kafka channel binding", Fields: topic}},
		{Version: "0.4.0", Server: server, Operation: operation, Message: message(avroKey),
			Channel: channel(configuration4)},
		{Version: "0.5.0", Server: server, Operation: operation, Message: message(schemaHere()),
			Channel: channel(configuration5)},
	}}
}

// pulsarBindings: 0.1.0. The document calls both fields of retention mandatory
// and optional in the same breath; the schema has them optional.
func pulsarBindings() *Protocol {
	return &Protocol{Name: "pulsar", Versions: []BindingVersion{{Version: "0.1.0",
		Server: &Object{Name: "pulsar server binding", Fields: []Field{
			{Name: "tenant", Type: text()},
		}},
		Channel: &Object{Name: "pulsar channel binding", Fields: []Field{
			{Name: "namespace", Type: text(), Required: true},
			{Name: "persistence", Type: word("persistent", "non-persistent"), Required: true},
			{Name: "compaction", Type: integerFrom(0)},
			{Name: "geo-replication", Type: list(text())},
			{Name: "retention", Type: inPlace(&Object{Name: "pulsar Retention Definition Object", Closed: true, Fields: []Field{
				{Name: "time", Type: integerFrom(0)},
				{Name: "size", Type: integerFrom(0)},
			}})},
			{Name: "ttl", Type: integer()},
			{Name: "deduplication", Type: boolean()},
		}},
	}}}
}
