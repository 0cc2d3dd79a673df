package corpus;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/** Reads events, one a line, and says of each what the generated code makes of it. */
public final class Corpus {
    private Corpus() {}

    public static void main(String[] args) throws IOException {
        ObjectMapper plain = new ObjectMapper();
        Set<String> met = new HashSet<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode vector = plain.readTree(line);
            String text = vector.get("text").textValue();
            ObjectNode answer = plain.createObjectNode();
            answer.set("id", vector.get("id"));
            ArrayNode problems = answer.putArray("problems");
            try {
                Event event = Events.parse(text);
                // As text, so that numbers stay as they were written.
                answer.put("again", Events.write(event));
                answer.put("class", event.getClass().getSimpleName());
                if (!event.equals(Events.parse(text)) || event.hashCode() != Events.parse(text).hashCode()) {
                    answer.put("failed", "an event does not equal itself");
                }
                if (met.add(event.type())) {
                    // Any mapper can read and write the types.
                    Event other = plain.readValue(text, Event.class);
                    plain.readValue(plain.writeValueAsString(other), event.getClass());
                }
            } catch (ContractException e) {
                for (Problem p : e.problems()) {
                    problems.addObject().put("pointer", p.pointer()).put("keyword", p.keyword()).put("message", p.message());
                }
            } catch (RuntimeException | IOException | StackOverflowError | ExceptionInInitializerError e) {
                answer.put("failed", e.toString() + (e.getCause() == null ? "" : ": " + e.getCause()));
            }
            out.write(answer.toString());
            out.newLine();
        }
        out.flush();
    }
}
