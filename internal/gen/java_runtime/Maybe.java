package treaty;

import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;

/**
 * A property that may be left out and may be null, which are two things.
 *
 * @param <T> what the value is where there is one
 */
public final class Maybe<T> {
    private static final Maybe<?> ABSENT = new Maybe<>(false, null);
    private static final Maybe<?> NULL = new Maybe<>(true, null);

    private final boolean present;
    private final T value;

    private Maybe(boolean present, T value) {
        this.present = present;
        this.value = value;
    }

    /**
     * The property is left out.
     *
     * @param <T> what the value would be
     * @return the one such
     */
    @SuppressWarnings("unchecked") // it has no value
    public static <T> Maybe<T> absent() {
        return (Maybe<T>) ABSENT;
    }

    /**
     * The property is there, and null.
     *
     * @param <T> what the value would be
     * @return the one such
     */
    @SuppressWarnings("unchecked") // it has no value
    public static <T> Maybe<T> ofNull() {
        return (Maybe<T>) NULL;
    }

    /**
     * The property has a value.
     *
     * @param <T> what the value is
     * @param value the value, not null
     * @return the property
     */
    public static <T> Maybe<T> of(T value) {
        return new Maybe<>(true, Objects.requireNonNull(value, "value"));
    }

    /**
     * Whether the property is left out.
     *
     * @return true where it is
     */
    public boolean isAbsent() {
        return !present;
    }

    /**
     * Whether the property is there, and null.
     *
     * @return true where it is
     */
    public boolean isNull() {
        return present && value == null;
    }

    /**
     * Whether the property has a value.
     *
     * @return true where it has
     */
    public boolean hasValue() {
        return value != null;
    }

    /**
     * The value.
     *
     * @return the value, never null
     * @throws NoSuchElementException where there is none
     */
    public T get() {
        return toOptional().orElseThrow();
    }

    /**
     * The value, where absent and null are the same to the caller.
     *
     * @return the value, empty where there is none
     */
    public Optional<T> toOptional() {
        return Optional.ofNullable(value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Maybe<?> m && present == m.present && Objects.equals(value, m.value);
    }

    @Override
    public int hashCode() {
        return Objects.hash(present, value);
    }

    @Override
    public String toString() {
        return present ? "Maybe[" + value + "]" : "Maybe.absent";
    }
}
