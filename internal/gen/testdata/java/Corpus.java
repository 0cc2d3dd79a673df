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
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Reads events, one a line with the package that is to read it, and says what that makes of them. */
public final class Corpus {
    private Corpus() {}

    public static void main(String[] args) throws Exception {
        ObjectMapper plain = new ObjectMapper();
        Set<String> met = new HashSet<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode vector = plain.readTree(line);
            ObjectNode answer = plain.createObjectNode();
            answer.set("id", vector.get("id"));
            ArrayNode problems = answer.putArray("problems");
            try {
                read(plain, vector.get("package").textValue(), vector.get("text").textValue(), vector.path("message"), answer, met);
            } catch (InvocationTargetException e) {
                Throwable why = e.getCause();
                if (why.getClass().getSimpleName().equals("ContractException")) {
                    for (Object p : (List<?>) why.getClass().getMethod("problems").invoke(why)) {
                        ObjectNode problem = problems.addObject();
                        for (String name : new String[] {"pointer", "keyword", "message"}) {
                            problem.put(name, (String) p.getClass().getMethod(name).invoke(p));
                        }
                    }
                } else {
                    answer.put("failed", why + (why.getCause() == null ? "" : ": " + why.getCause()));
                }
            } catch (IOException e) {
                answer.put("failed", e.toString());
            }
            out.write(answer.toString());
            out.newLine();
        }
        out.flush();
    }

    private static void read(
            ObjectMapper plain, String pkg, String text, JsonNode message, ObjectNode answer, Set<String> met)
            throws Exception {
        Class<?> events = Class.forName(pkg + ".Events");
        Class<?> type = Class.forName(pkg + ".Event");
        Object event;
        if (message.isMissingNode()) {
            event = events.getMethod("parse", String.class).invoke(null, text);
        } else {
            Class<?> protocol = Class.forName(pkg + ".Protocol");
            Map<String, Object> headers = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> header : message.get("headers").properties()) {
                String value = header.getValue().textValue();
                headers.put(header.getKey(), met.size() % 2 == 0 ? value : value.getBytes(StandardCharsets.UTF_8));
            }
            event =
                    events.getMethod("parse", protocol, Map.class, String.class, byte[].class)
                            .invoke(
                                    null,
                                    protocol.getMethod("valueOf", String.class)
                                            .invoke(null, message.get("protocol").textValue().toUpperCase(Locale.ROOT)),
                                    headers,
                                    message.path("contentType").textValue(),
                                    message.get("body").textValue().getBytes(StandardCharsets.UTF_8));
        }
        answer.put("class", event.getClass().getSimpleName());
        // As text, so that numbers stay as they were written.
        answer.put("again", type.getMethod("toJson").invoke(event).toString());
        answer.put("refused", type.getMethod("problems").invoke(event).toString());
        Object again = events.getMethod("parse", byte[].class).invoke(null, (Object) text.getBytes(StandardCharsets.UTF_8));
        if (!event.equals(again) || event.hashCode() != again.hashCode()) {
            answer.put("failed", "an event does not equal itself");
        }
        if (met.add(pkg + " " + answer.get("class"))) {
            // Any mapper can read and write the types.
            Object other = plain.readValue(text, type);
            plain.readValue(plain.writeValueAsString(other), event.getClass());
            if (!answer.get("class").textValue().equals("UnknownEvent")) {
                Object builder = event.getClass().getMethod("toBuilder").invoke(event);
                if (!event.equals(builder.getClass().getMethod("build").invoke(builder))) {
                    answer.put("failed", "a builder does not make the same");
                }
            }
        }
    }
}
