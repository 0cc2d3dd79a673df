package treaty;

/**
 * One way in which a value breaks the contract.
 *
 * @param pointer JSON Pointer to the value at fault; empty for the whole. A property that is missing
 *     is reported at its object.
 * @param keyword the keyword of JSON Schema that refuses the value; empty where it is none
 * @param message what was there and what the contract wants
 */
public record Problem(String pointer, String keyword, String message) {
    @Override
    public String toString() {
        return pointer.isEmpty() ? message : pointer + ": " + message;
    }
}
