package treaty;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Objects;

/**
 * A point in time as it travels: date-time of RFC 3339. The text is kept, so that what is read is
 * written again as it came, fractions and offset included.
 *
 * @param text such as 2026-04-10T15:19:58Z
 */
public record DateTime(String text) implements Json.Value {
    /** Checks that there is a text. */
    public DateTime {
        Objects.requireNonNull(text, "text");
    }

    /**
     * The text of an instant, in UTC.
     *
     * @param instant of a year from 0 to 9999
     * @return the date-time
     */
    public static DateTime of(Instant instant) {
        return new DateTime(instant.toString());
    }

    /**
     * The text of a date and time, with its offset.
     *
     * @param time of a year from 0 to 9999
     * @return the date-time
     */
    public static DateTime of(OffsetDateTime time) {
        return new DateTime(java.time.format.DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(time));
    }

    /**
     * The instant that the text says.
     *
     * @return the instant
     * @throws DateTimeException where the text says none that Java has, such as a leap second
     */
    public Instant instant() {
        return offset().toInstant();
    }

    /**
     * The date and time that the text says, with its offset.
     *
     * @return the date and time
     * @throws DateTimeException where the text says none that Java has, such as a leap second
     */
    public OffsetDateTime offset() {
        return OffsetDateTime.parse(text);
    }

    /**
     * Reads a text.
     *
     * @param json the text
     * @return the date-time
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public static DateTime fromJson(JsonNode json) {
        return new DateTime(Json.text(json));
    }

    /**
     * Writes the text.
     *
     * @return the text as it came
     */
    @Override
    @JsonValue
    public JsonNode toJson() {
        return TextNode.valueOf(text);
    }

    @Override
    public String toString() {
        return text;
    }
}
