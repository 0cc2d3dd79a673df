package treaty;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BigIntegerNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DecimalNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Reads and writes the parts of values. */
final class Json {
    /** Whatever can write itself. */
    interface Value {
        /**
         * Writes the value.
         *
         * @return the value as JSON
         */
        JsonNode toJson();
    }

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /** Numbers as they are written, a name once in an object, one value in a text. */
    private static final JsonMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder().maxNestingDepth(512).build())
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .build())
                    .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private Json() {}

    static JsonNode parse(String text) {
        try {
            JsonNode json = MAPPER.readTree(text);
            if (json == null || json.isMissingNode()) {
                throw ContractException.of("", "there is no text; give one value of JSON");
            }
            if (text.contains("\\ud") || text.contains("\\uD")) {
                whole(json);
            }
            return json;
        } catch (JsonProcessingException e) {
            throw ContractException.of("", "the text is no JSON: " + e.getOriginalMessage());
        }
    }

    static JsonNode parse(byte[] text) {
        try {
            return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString());
        } catch (CharacterCodingException e) {
            throw ContractException.of("", "the text is not in UTF-8");
        }
    }

    static void accept(List<Problem> problems) {
        if (!problems.isEmpty()) {
            throw new ContractException(problems);
        }
    }

    /** Refuses texts that have half a character, which no UTF-8 can say. */
    private static void whole(JsonNode json) {
        if (json.isTextual() && !isWhole(json.textValue())) {
            throw ContractException.of("", "a text has half of a surrogate pair");
        }
        for (JsonNode item : json) {
            whole(item);
        }
        for (Map.Entry<String, JsonNode> member : json.properties()) {
            if (!isWhole(member.getKey())) {
                throw ContractException.of("", "a name has half of a surrogate pair");
            }
        }
    }

    private static boolean isWhole(String s) {
        return s.codePoints().noneMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
    }

    static String write(JsonNode json) {
        try {
            return MAPPER.writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static String escape(String token) {
        return token.replace("~", "~0").replace("/", "~1");
    }

    // What a value is read as.

    static JsonNode any(JsonNode json) {
        return json;
    }

    static boolean bool(JsonNode json) {
        if (!json.isBoolean()) {
            throw ContractException.of("type", kind(json) + " stands where a boolean has to be");
        }
        return json.booleanValue();
    }

    static String text(JsonNode json) {
        if (!json.isTextual()) {
            throw ContractException.of("type", kind(json) + " stands where a text has to be");
        }
        return json.textValue();
    }

    static BigDecimal number(JsonNode json) {
        if (!json.isNumber()) {
            throw ContractException.of("type", kind(json) + " stands where a number has to be");
        }
        return json.decimalValue();
    }

    static long integer(JsonNode json) {
        try {
            return number(json).longValueExact();
        } catch (ArithmeticException e) {
            throw ContractException.of("type", json + " is no integer that a long of Java holds");
        }
    }

    static BigInteger bigInteger(JsonNode json) {
        try {
            BigDecimal n = number(json);
            if ((long) n.precision() - n.scale() > 10_000) {
                throw ContractException.of("type", json + " has more than ten thousand digits");
            }
            return n.toBigIntegerExact();
        } catch (ArithmeticException e) {
            throw ContractException.of("type", json + " is no integer");
        }
    }

    static <T> Function<JsonNode, List<T>> list(Function<JsonNode, T> read) {
        return json -> {
            if (!json.isArray()) {
                throw ContractException.of("type", kind(json) + " stands where a list has to be");
            }
            List<T> all = new ArrayList<>(json.size());
            for (int i = 0; i < json.size(); i++) {
                all.add(at(json.get(i), Integer.toString(i), read));
            }
            return Collections.unmodifiableList(all);
        };
    }

    static <T> Function<JsonNode, Map<String, T>> map(Function<JsonNode, T> read) {
        return json -> rest(json, Set.of(), read);
    }

    /** The value, or nothing where it is null. */
    static <T> Function<JsonNode, Optional<T>> orNull(Function<JsonNode, T> read) {
        return json -> json.isNull() ? Optional.empty() : Optional.of(read.apply(json));
    }

    /** The members of an object but for those of some names. */
    static <T> Map<String, T> rest(JsonNode json, Set<String> but, Function<JsonNode, T> read) {
        object(json);
        Map<String, T> all = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> member : json.properties()) {
            if (!but.contains(member.getKey())) {
                all.put(member.getKey(), at(member.getValue(), member.getKey(), read));
            }
        }
        return Collections.unmodifiableMap(all);
    }

    // The members of an object.

    static <T> T required(JsonNode json, String name, Function<JsonNode, T> read) {
        JsonNode member = object(json).get(name);
        if (member == null) {
            throw ContractException.of("required", "the property " + name + " is missing");
        }
        return at(member, name, read);
    }

    static <T> Optional<T> optional(JsonNode json, String name, Function<JsonNode, T> read) {
        JsonNode member = object(json).get(name);
        return member == null ? Optional.empty() : Optional.of(at(member, name, read));
    }

    /** An object as it is for one member: with its default where that is left out. */
    static JsonNode filled(JsonNode json, String name, String fallback) {
        return object(json).has(name) ? json : object().set(name, parse(fallback));
    }

    /** An attribute of an event: null says the same as leaving it out. */
    static <T> Optional<T> attribute(JsonNode json, String name, Function<JsonNode, T> read) {
        return optional(json, name, orNull(read)).flatMap(Function.identity());
    }

    static <T> Maybe<T> maybe(JsonNode json, String name, Function<JsonNode, T> read) {
        JsonNode member = object(json).get(name);
        if (member == null) {
            return Maybe.absent();
        }
        return member.isNull() ? Maybe.ofNull() : Maybe.of(at(member, name, read));
    }

    private static <T> T at(JsonNode json, String name, Function<JsonNode, T> read) {
        try {
            return read.apply(json);
        } catch (ContractException e) {
            throw e.in(name);
        }
    }

    static JsonNode object(JsonNode json) {
        if (!json.isObject()) {
            throw ContractException.of("type", kind(json) + " stands where an object has to be");
        }
        return json;
    }

    /** The first of some schemas that accepts a value; -1 for none. */
    static int branch(JsonNode json, List<Schema> schemas) {
        for (int i = 0; i < schemas.size(); i++) {
            if (schemas.get(i).accepts(json)) {
                return i;
            }
        }
        return -1;
    }

    /** The first of the declared schemas that accepts a value, or else of the others. */
    static int branch(JsonNode json, List<Schema> declared, List<Schema> schemas) {
        int i = branch(json, declared);
        return i >= 0 ? i : branch(json, schemas);
    }

    static String kind(JsonNode json) {
        return switch (json.getNodeType()) {
            case ARRAY -> "a list";
            case OBJECT -> "an object";
            case NULL -> "null";
            case BOOLEAN -> "a boolean";
            case NUMBER -> "a number";
            default -> "a text";
        };
    }

    // How values are written.

    static ObjectNode object() {
        return NODES.objectNode();
    }

    /** Writes a value; an empty Optional is null. */
    static JsonNode of(Object value) {
        if (value instanceof JsonNode json) {
            return json;
        } else if (value instanceof Value v) {
            return v.toJson();
        } else if (value instanceof String s) {
            return TextNode.valueOf(s);
        } else if (value instanceof Long n) {
            return LongNode.valueOf(n);
        } else if (value instanceof Boolean b) {
            return BooleanNode.valueOf(b);
        } else if (value instanceof BigDecimal n) {
            return DecimalNode.valueOf(n);
        } else if (value instanceof BigInteger n) {
            return BigIntegerNode.valueOf(n);
        } else if (value instanceof List<?> list) {
            ArrayNode array = NODES.arrayNode(list.size());
            for (Object item : list) {
                array.add(of(item));
            }
            return array;
        } else if (value instanceof Map<?, ?> map) {
            ObjectNode object = object();
            map.forEach((name, item) -> object.set((String) name, of(item)));
            return object;
        } else if (value instanceof Optional<?> o) {
            return o.isPresent() ? of(o.get()) : NullNode.instance;
        }
        throw new IllegalArgumentException("a value of " + value.getClass() + " is none of a contract");
    }

    static void put(ObjectNode json, String name, Object value) {
        json.set(name, of(value));
    }

    static void put(ObjectNode json, Map<String, ?> members) {
        members.forEach((name, value) -> json.set(name, of(value)));
    }

    static void putOptional(ObjectNode json, String name, Optional<?> value) {
        value.ifPresent(v -> json.set(name, of(v)));
    }

    static void putMaybe(ObjectNode json, String name, Maybe<?> value) {
        if (!value.isAbsent()) {
            json.set(name, of(value.toOptional()));
        }
    }

    static <T> Map<String, T> copy(Map<String, T> members) {
        return Collections.unmodifiableMap(new LinkedHashMap<>(members));
    }
}
