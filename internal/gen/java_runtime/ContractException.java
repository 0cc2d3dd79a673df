package treaty;

import java.util.List;
import java.util.stream.Collectors;

/** Says that a value breaks the contract, and how. */
public final class ContractException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient List<Problem> problems;

    /**
     * Makes an exception of what is wrong.
     *
     * @param problems at least one
     */
    public ContractException(List<Problem> problems) {
        super(problems.stream().limit(10).map(Problem::toString).collect(Collectors.joining("; ")));
        this.problems = List.copyOf(problems);
    }

    static ContractException of(String keyword, String message) {
        return new ContractException(List.of(new Problem("", keyword, message)));
    }

    /** The same problems, of a value that is a member of another. */
    ContractException in(String member) {
        String prefix = "/" + Json.escape(member);
        return new ContractException(
                problems().stream()
                        .map(p -> new Problem(prefix + p.pointer(), p.keyword(), p.message()))
                        .toList());
    }

    /**
     * What is wrong.
     *
     * @return at least one problem, but after the exception has been serialized
     */
    public List<Problem> problems() {
        return problems == null ? List.of() : problems;
    }
}
