package treaty;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;

/** Reads the event of a message: in structured mode from its body, in binary mode from its headers, too. */
final class Message {
    private Message() {}

    /** An event, and whether it came in binary mode. */
    record Read(JsonNode event, boolean binary) {
        /** Refuses an event that came in another mode than the contract's, empty where that has none. */
        void in(String want, String type) {
            String mode = binary ? "binary" : "structured";
            if (!want.isEmpty() && !want.equals(mode)) {
                throw ContractException.of(
                        "mode", "the event came in " + mode + " mode, and the contract has " + want + " mode for " + type);
            }
        }
    }

    static Read read(Protocol protocol, Map<String, ?> headers, String contentType, byte[] body) {
        String content = contentType;
        boolean field = protocol == Protocol.AMQP || protocol == Protocol.MQTT;
        if (!field && (content == null || content.isEmpty())) {
            for (Map.Entry<String, ?> header : headers.entrySet()) {
                if (header.getKey().equalsIgnoreCase("content-type") && value(header.getValue()) instanceof TextNode text) {
                    content = text.textValue();
                }
            }
        }
        content = content == null ? "" : content;
        String kind = content.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (kind.startsWith("application/cloudevents")) {
            if (!kind.equals("application/cloudevents") && !kind.equals("application/cloudevents+json")) {
                throw ContractException.of("mode", kind + " is not read here; one event in JSON is");
            }
            return new Read(Json.parse(body), false);
        }
        if (content.isEmpty() && isBare(protocol, headers, body)) {
            return new Read(Json.parse(body), false);
        }
        ObjectNode event = Json.object();
        headers.forEach((header, given) -> attribute(event, protocol, header.toLowerCase(Locale.ROOT), value(given)));
        if (!content.isEmpty()) {
            event.put("datacontenttype", content);
        }
        boolean json = isJson(event);
        if (body == null || json && body.length == 0) {
            return new Read(event, true);
        }
        if (json) {
            try {
                event.set("data", Json.parse(body));
            } catch (ContractException e) {
                Problem first = e.problems().get(0);
                throw new ContractException(java.util.List.of(new Problem("/data", first.keyword(), first.message())));
            }
            return new Read(event, true);
        }
        String text = text(body);
        if (text == null) {
            event.put("data_base64", Base64.getEncoder().encodeToString(body));
        } else {
            event.put("data", text);
        }
        return new Read(event, true);
    }

    /** Whether no header says that a message is in binary mode, and its body may be the event. */
    private static boolean isBare(Protocol protocol, Map<String, ?> headers, byte[] body) {
        int at = 0;
        while (body != null && at < body.length && " \t\r\n".indexOf(body[at]) >= 0) {
            at++;
        }
        if (body == null || at == body.length || body[at] != '{') {
            return false;
        }
        for (String header : headers.keySet()) {
            String low = header.toLowerCase(Locale.ROOT);
            for (String prefix : protocol.prefixes) {
                String name = low.startsWith(prefix) ? low.substring(prefix.length()) : "";
                if (name.equals("specversion")
                        || protocol != Protocol.MQTT && (name.equals("id") || name.equals("source") || name.equals("type"))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Whether the data of an event are JSON: those of no content type, and of any that ends in +json. */
    static boolean isJson(JsonNode event) {
        String kind = event.path("datacontenttype").asText("").split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        String sub = kind.substring(kind.indexOf('/') + 1);
        return kind.isEmpty() || kind.contains("/") && (sub.equals("json") || sub.length() > 5 && sub.endsWith("+json"));
    }

    /** The text of bytes in UTF-8; null where they are none. */
    static String text(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    /** The value of a header; nothing for one that no attribute has. */
    private static JsonNode value(Object given) {
        if (given instanceof byte[] bytes) {
            return TextNode.valueOf(new String(bytes, StandardCharsets.UTF_8));
        } else if (given instanceof CharSequence text) {
            return TextNode.valueOf(text.toString());
        } else if (given instanceof Boolean b) {
            return BooleanNode.valueOf(b);
        } else if (given instanceof Integer || given instanceof Short || given instanceof Byte) {
            return IntNode.valueOf(((Number) given).intValue());
        } else if (given instanceof Long n && n == n.intValue()) {
            return IntNode.valueOf(n.intValue());
        }
        return null;
    }

    private static void attribute(ObjectNode event, Protocol protocol, String header, JsonNode given) {
        for (String prefix : protocol.prefixes) {
            if (given == null || !header.startsWith(prefix)) {
                continue;
            }
            String name = header.substring(prefix.length());
            if (prefix.isEmpty() && !name.matches("[a-z0-9]+")) {
                return; // a property of somebody else's
            }
            if (name.equals("data") || name.equals("data_base64")) {
                throw fault(name, name + " is a header, and data is the body");
            }
            if (event.has(name)) {
                throw fault(name, "it is there twice");
            }
            boolean encoded = protocol == Protocol.HTTP || protocol == Protocol.NATS;
            event.set(name, encoded && given.isTextual() ? TextNode.valueOf(decoded(name, given.textValue())) : given);
            return;
        }
    }

    private static ContractException fault(String name, String message) {
        return new ContractException(java.util.List.of(new Problem("/" + name, "header", message)));
    }

    /** A text without its percent-encoding. */
    private static String decoded(String name, String text) {
        if (text.indexOf('%') < 0) {
            return text;
        }
        java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            if (c == '%' && i + 2 < text.length() && hex(text.charAt(i + 1)) >= 0 && hex(text.charAt(i + 2)) >= 0) {
                out.write(hex(text.charAt(i + 1)) << 4 | hex(text.charAt(i + 2)));
                i += 3;
            } else {
                out.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
                i += Character.charCount(c);
            }
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(out.toByteArray())).toString();
        } catch (CharacterCodingException e) {
            throw fault(name, "its percent-encoding is none of UTF-8");
        }
    }

    private static int hex(char c) {
        return c < 128 ? Character.digit(c, 16) : -1;
    }

    /** The boolean or the whole number of 32 bits that a text is the text of; null for none. */
    static JsonNode typed(String text) {
        if (text.equals("true") || text.equals("false")) {
            return BooleanNode.valueOf(text.equals("true"));
        }
        if (!text.matches("0|-?[1-9][0-9]{0,9}")) {
            return null;
        }
        long n = Long.parseLong(text);
        return n == (int) n ? IntNode.valueOf((int) n) : null;
    }
}
