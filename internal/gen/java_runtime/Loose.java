package treaty;

import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * An object or a list, or any other value: the schema lists properties or items and states no type,
 * so that values of other types conform, too.
 *
 * @param <T> what an object or a list is read as
 */
public final class Loose<T> implements Json.Value {
    private final T value;
    private final JsonNode json;

    private Loose(T value, JsonNode json) {
        this.value = value;
        this.json = json;
    }

    /**
     * The object or list that is meant.
     *
     * @param <T> what it is
     * @param value the object or list, not null
     * @return the value
     */
    public static <T> Loose<T> of(T value) {
        return new Loose<>(Objects.requireNonNull(value, "value"), null);
    }

    /**
     * A value of another type.
     *
     * @param <T> what an object or a list would be
     * @param json the value as it travels
     * @return the value
     */
    public static <T> Loose<T> other(JsonNode json) {
        return new Loose<>(null, Objects.requireNonNull(json, "json"));
    }

    /** Reads an object with a function, and anything else as it stands. */
    static <T> Function<JsonNode, Loose<T>> object(Function<JsonNode, T> read) {
        return json -> json.isObject() ? of(read.apply(json)) : other(json);
    }

    /** Reads a list with a function, and anything else as it stands. */
    static <T> Function<JsonNode, Loose<T>> list(Function<JsonNode, T> read) {
        return json -> json.isArray() ? of(read.apply(json)) : other(json);
    }

    /**
     * The object or list.
     *
     * @return the object or list, empty where the value is of another type
     */
    public Optional<T> value() {
        return Optional.ofNullable(value);
    }

    @Override
    @JsonValue
    public JsonNode toJson() {
        return value == null ? json : Json.of(value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Loose<?> l && Objects.equals(value, l.value) && Objects.equals(json, l.json);
    }

    @Override
    public int hashCode() {
        return Objects.hash(value, json);
    }

    @Override
    public String toString() {
        return "Loose[" + (value == null ? json : value) + "]";
    }
}
