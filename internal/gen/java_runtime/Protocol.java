package treaty;

/** Whose binding of CloudEvents a message follows: how its headers are called, and what they hold. */
public enum Protocol {
    /** AMQP: application properties with the prefix cloudEvents_ or cloudEvents:. */
    AMQP("cloudevents_", "cloudevents:"),
    /** HTTP: headers with the prefix ce-, percent-encoded. */
    HTTP("ce-"),
    /** Kafka: headers with the prefix ce_. */
    KAFKA("ce_"),
    /** MQTT 5: user properties, called as the attributes are; some write them with the prefix ce-. */
    MQTT("ce-", ""),
    /** NATS: headers with the prefix ce-, percent-encoded. */
    NATS("ce-"),
    /** Google Pub/Sub: attributes with the prefix ce-. */
    PUBSUB("ce-");

    final String[] prefixes;

    Protocol(String... prefixes) {
        this.prefixes = prefixes;
    }
}
