package treaty;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The schemas that an event is held to. */
final class Rules {
    private record Attribute(boolean required, Schema schema) {}

    private static final Schema TIME = Schema.parse("{\"type\":\"string\",\"format\":\"date-time\"}");
    private static final Schema REFERENCE =
            Schema.parse("{\"type\":\"string\",\"minLength\":1,\"format\":\"uri-reference\"}");
    private static final Schema TEXT = Schema.parse("{\"type\":\"string\",\"minLength\":1}");

    private static final Set<String> CORE =
            Set.of("specversion", "type", "id", "source", "subject", "time", "datacontenttype", "dataschema");

    private final String type;
    private final Schema data;
    private final boolean avro; // in whose JSON encoding the data are; a text under another type is none
    private final Schema whole;
    private final Map<String, Attribute> attributes = new LinkedHashMap<>();

    private Rules(String type, JsonNode json) {
        this.type = type;
        this.data = json.has("data") ? Schema.of(json.get("data")) : null;
        this.avro = json.has("avro");
        this.whole = json.has("whole") ? Schema.of(json.get("whole")) : null;
        for (Map.Entry<String, JsonNode> a : json.path("attributes").properties()) {
            attributes.put(
                    a.getKey(),
                    new Attribute(
                            a.getValue().get("required").booleanValue(),
                            Schema.of(a.getValue().get("schema"))));
        }
    }

    /** Compiles what was written when the code was generated. */
    static Rules of(String type, String... parts) {
        return new Rules(type, Json.parse(String.join("", parts)));
    }

    /** What is wrong with an event, in the JSON format of CloudEvents. */
    List<Problem> check(JsonNode event) {
        List<Problem> found = new ArrayList<>();
        if (!event.isObject()) {
            found.add(new Problem("", "type", Json.kind(event) + " is no event of CloudEvents"));
            return found;
        }
        JsonNode version = event.path("specversion");
        if (!version.isTextual() || !version.textValue().equals("1.0")) {
            found.add(
                    new Problem(
                            version.isMissingNode() ? "" : "/specversion",
                            version.isMissingNode() ? "required" : "const",
                            "specversion has to be 1.0"));
        }
        if (!event.path("type").isTextual() || !event.get("type").textValue().equals(type)) {
            found.add(
                    new Problem(
                            event.has("type") ? "/type" : "",
                            event.has("type") ? "const" : "required",
                            "type has to be " + type));
        }
        core(event, "id", TEXT, true, found);
        core(event, "source", REFERENCE, true, found);
        core(event, "subject", TEXT, false, found);
        core(event, "time", TIME, false, found);
        core(event, "datacontenttype", TEXT, false, found);
        core(event, "dataschema", REFERENCE, false, found);
        if (event.has("data") && event.has("data_base64")) {
            found.add(new Problem("/data_base64", "", "the event has data and data_base64; one is to be"));
        }
        attributes.forEach(
                (name, attribute) -> {
                    JsonNode value = event.path(name);
                    if (value.isMissingNode() || value.isNull()) {
                        if (attribute.required && !name.equals("id") && !name.equals("source")
                                && !name.equals("type") && !name.equals("specversion")) {
                            found.add(
                                    new Problem("", "required", "the event has no " + name + ", which the contract demands"));
                        }
                    } else if (!name.equals("specversion") && !name.equals("type")) {
                        attribute.schema.check(value, "/" + name, found);
                    }
                });
        if (whole != null) {
            whole.check(event, "", found);
        } else if (data != null && !Message.isJson(event)
                && (event.has("data_base64") || avro && event.has("data"))) {
            found.add(
                    new Problem(
                            "/datacontenttype",
                            "datacontenttype",
                            "the data are " + event.get("datacontenttype").asText() + (avro ? "" : " and no text")
                                    + ", and the contract describes JSON"));
        } else if (data != null && !event.has("data")) {
            if (event.has("data_base64")) {
                found.add(new Problem("/data_base64", "", "the data have to be JSON, under data"));
            } else {
                found.add(new Problem("", "required", "the event has no data, which the contract describes"));
            }
        } else if (data != null && !Message.isJson(event) && !event.get("data").isTextual()) {
            found.add(
                    new Problem(
                            "/data",
                            "type",
                            "the data are " + event.get("datacontenttype").asText() + ", and so a text; "
                                    + Json.kind(event.get("data")) + " is none"));
        } else if (data != null) {
            data.check(event.get("data"), "/data", found);
        }
        return found.size() < 2 ? found : List.copyOf(new java.util.LinkedHashSet<>(found));
    }

    /**
     * The event with data that are a text and no JSON as a text, where they came in base64; and without
     * data that are null and no JSON, which are none.
     */
    JsonNode plain(JsonNode event) {
        if (!(event instanceof ObjectNode) || !event.has("data_base64") && Message.isJson(event)) {
            return event;
        }
        ObjectNode made = ((ObjectNode) event).objectNode().setAll((ObjectNode) event);
        JsonNode encoded = made.path("data_base64");
        if (encoded.isNull()) {
            made.remove("data_base64");
        }
        if (Message.isJson(made)) {
            return made;
        }
        if (made.path("data").isNull()) {
            made.remove("data");
        }
        if (data == null || avro || made.has("data") || !encoded.isTextual()) {
            return made;
        }
        try {
            byte[] bytes = Base64.getDecoder().decode(encoded.textValue());
            String text = Message.text(bytes);
            if (text != null && Base64.getEncoder().encodeToString(bytes).equals(encoded.textValue())) {
                made.put("data", text);
                made.remove("data_base64");
            }
        } catch (IllegalArgumentException e) {
            return made; // no base64, and so no text
        }
        return made;
    }

    /** Makes numbers and booleans of attributes that binary mode has made texts of. */
    void restore(ObjectNode event) {
        attributes.forEach(
                (name, attribute) -> {
                    JsonNode value = event.path(name);
                    if (!value.isTextual() || CORE.contains(name) || fits(attribute.schema, value)) {
                        return;
                    }
                    JsonNode other = Message.typed(value.textValue());
                    if (other != null && fits(attribute.schema, other)) {
                        event.set(name, other);
                    }
                });
    }

    private static boolean fits(Schema schema, JsonNode value) {
        List<Problem> found = new ArrayList<>();
        schema.check(value, "", found);
        return found.isEmpty();
    }

    private static void core(
            JsonNode event, String name, Schema schema, boolean required, List<Problem> found) {
        JsonNode value = event.path(name);
        if (value.isMissingNode() || value.isNull()) {
            if (required) {
                found.add(new Problem("", "required", "the event has no " + name + ", which CloudEvents demands"));
            }
            return;
        }
        schema.check(value, "/" + name, found);
    }
}
