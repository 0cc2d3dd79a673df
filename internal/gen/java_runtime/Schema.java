package treaty;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * A schema of JSON Schema 2020-12, as treaty writes it: references lead into $defs alone, and formats
 * stand only where they are asserted. A value is held against it once for the verdict, and once more
 * where that is no, to say why. A schema is safe for use by several threads.
 */
final class Schema {
    private static final int NULL = 1;
    private static final int BOOLEAN = 2;
    private static final int INTEGER = 4;
    private static final int FRACTION = 8;
    private static final int STRING = 16;
    private static final int ARRAY = 32;
    private static final int OBJECT = 64;

    private static final Map<String, Integer> TYPES =
            Map.of("null", NULL, "boolean", BOOLEAN, "integer", INTEGER, "number", INTEGER | FRACTION, "string", STRING, "array", ARRAY, "object", OBJECT);

    private record PatternSchema(Regex pattern, Schema schema) {}

    private Boolean verdict; // of the schemas true and false
    private Schema ref;
    private int types;
    private JsonNode constant;
    private List<JsonNode> values;
    private Set<String> valueTexts;
    private BigDecimal minimum;
    private BigDecimal maximum;
    private BigDecimal exclusiveMinimum;
    private BigDecimal exclusiveMaximum;
    private BigDecimal multipleOf;
    private int minLength;
    private int maxLength = -1;
    private Regex pattern;
    private String format;
    private Predicate<String> conforms;
    private List<Schema> prefixItems = List.of();
    private Schema items;
    private Schema contains;
    private int minContains = 1;
    private int maxContains = -1;
    private int minItems;
    private int maxItems = -1;
    private boolean uniqueItems;
    private Map<String, Schema> properties = Map.of();
    private final List<PatternSchema> patternProperties = new ArrayList<>();
    private Schema additionalProperties;
    private Schema propertyNames;
    private final List<String> required = new ArrayList<>();
    private int minProperties;
    private int maxProperties = -1;
    private final Map<String, List<String>> dependentRequired = new LinkedHashMap<>();
    private Map<String, Schema> dependentSchemas = Map.of();
    private List<Schema> allOf = List.of();
    private List<Schema> anyOf;
    private List<Schema> oneOf;
    private Schema not;
    private Schema ifSchema;
    private Schema thenSchema;
    private Schema elseSchema;
    private Schema unevaluatedItems;
    private Schema unevaluatedProperties;

    private Schema() {}

    static Schema parse(String... parts) {
        return of(Json.parse(String.join("", parts)));
    }

    static Schema of(JsonNode json) {
        return new Compilation(json.path("$defs")).schema(json);
    }

    boolean accepts(JsonNode value) {
        return new Validation().check(this, value, null);
    }

    /** Adds what is wrong with the value at a place. */
    void check(JsonNode value, String place, List<Problem> found) {
        Validation v = new Validation();
        if (v.check(this, value, null)) {
            return;
        }
        boolean undecided = v.steps > Validation.MAX_STEPS;
        v.explaining = true;
        v.steps = 0;
        if (undecided) {
            v.fault("", value, Validation.TOO_MANY_STEPS);
        } else {
            v.check(this, value, null);
        }
        for (Fault f : v.faults) {
            found.add(new Problem(place + f.pointer, f.keyword, f.message));
        }
    }

    /** Turns the JSON of a schema into its form for validation. */
    private static final class Compilation {
        private final JsonNode defs;
        private final Map<String, Schema> made = new HashMap<>();

        Compilation(JsonNode defs) {
            this.defs = defs;
        }

        Schema schema(JsonNode json) {
            Schema s = new Schema();
            fill(s, json);
            return s;
        }

        private Schema referred(String name) {
            Schema s = made.get(name);
            if (s == null) {
                s = new Schema();
                made.put(name, s);
                fill(s, defs.get(name));
            }
            return s;
        }

        private List<Schema> list(JsonNode json) {
            List<Schema> all = new ArrayList<>();
            for (JsonNode item : json) {
                all.add(schema(item));
            }
            return all;
        }

        private Map<String, Schema> named(JsonNode json) {
            Map<String, Schema> all = new LinkedHashMap<>();
            json.properties().forEach(p -> all.put(p.getKey(), schema(p.getValue())));
            return all;
        }

        private void fill(Schema s, JsonNode json) {
            if (json.isBoolean()) {
                s.verdict = json.booleanValue();
                return;
            }
            for (Map.Entry<String, JsonNode> keyword : json.properties()) {
                JsonNode v = keyword.getValue();
                switch (keyword.getKey()) {
                    case "$ref" -> s.ref = referred(v.textValue().substring("#/$defs/".length()));
                    case "type" -> {
                        if (v.isTextual()) {
                            s.types = TYPES.get(v.textValue());
                        }
                        v.forEach(t -> s.types |= TYPES.get(t.textValue()));
                    }
                    case "const" -> s.constant = v;
                    case "enum" -> {
                        s.values = new ArrayList<>();
                        v.forEach(s.values::add);
                        if (s.values.size() > 16) {
                            s.valueTexts = new HashSet<>();
                            s.values.forEach(x -> s.valueTexts.add(canonical(x)));
                        }
                    }
                    case "minimum" -> s.minimum = v.decimalValue();
                    case "maximum" -> s.maximum = v.decimalValue();
                    case "exclusiveMinimum" -> s.exclusiveMinimum = v.decimalValue();
                    case "exclusiveMaximum" -> s.exclusiveMaximum = v.decimalValue();
                    case "multipleOf" -> s.multipleOf = v.decimalValue();
                    case "minLength" -> s.minLength = v.intValue();
                    case "maxLength" -> s.maxLength = v.intValue();
                    case "pattern" -> s.pattern = Regex.of(v.textValue());
                    case "format" -> {
                        s.format = v.textValue();
                        s.conforms = Formats.named(s.format);
                    }
                    case "prefixItems" -> s.prefixItems = list(v);
                    case "items" -> s.items = schema(v);
                    case "contains" -> s.contains = schema(v);
                    case "minContains" -> s.minContains = v.intValue();
                    case "maxContains" -> s.maxContains = v.intValue();
                    case "minItems" -> s.minItems = v.intValue();
                    case "maxItems" -> s.maxItems = v.intValue();
                    case "uniqueItems" -> s.uniqueItems = v.booleanValue();
                    case "properties" -> s.properties = named(v);
                    case "patternProperties" -> v.properties().forEach(p ->
                            s.patternProperties.add(new PatternSchema(Regex.of(p.getKey()), schema(p.getValue()))));
                    case "additionalProperties" -> s.additionalProperties = schema(v);
                    case "propertyNames" -> s.propertyNames = schema(v);
                    case "required" -> v.forEach(n -> s.required.add(n.textValue()));
                    case "minProperties" -> s.minProperties = v.intValue();
                    case "maxProperties" -> s.maxProperties = v.intValue();
                    case "dependentRequired" -> v.properties().forEach(d -> {
                        List<String> names = new ArrayList<>();
                        d.getValue().forEach(n -> names.add(n.textValue()));
                        s.dependentRequired.put(d.getKey(), names);
                    });
                    case "dependentSchemas" -> s.dependentSchemas = named(v);
                    case "allOf" -> s.allOf = list(v);
                    case "anyOf" -> s.anyOf = list(v);
                    case "oneOf" -> s.oneOf = list(v);
                    case "not" -> s.not = schema(v);
                    case "if" -> s.ifSchema = schema(v);
                    case "then" -> s.thenSchema = schema(v);
                    case "else" -> s.elseSchema = schema(v);
                    case "unevaluatedItems" -> s.unevaluatedItems = schema(v);
                    case "unevaluatedProperties" -> s.unevaluatedProperties = schema(v);
                    default -> { } // $schema, $defs
                }
            }
        }
    }

    /** What is wrong, with what alternatives are compared by. */
    private static final class Fault {
        final String pointer;
        final String keyword;
        final JsonNode value;
        String message;
        int types;
        List<JsonNode> values;

        Fault(String pointer, String keyword, JsonNode value, String message) {
            this.pointer = pointer;
            this.keyword = keyword;
            this.value = value;
            this.message = message;
        }
    }

    private record Frame(Schema schema, JsonNode value) {}

    private static final class Key {
        private final Schema schema;
        private final JsonNode value;

        Key(Schema schema, JsonNode value) {
            this.schema = schema;
            this.value = value;
        }

        @Override
        public boolean equals(Object o) {
            return o instanceof Key k && schema == k.schema && value == k.value;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(schema) * 31 + System.identityHashCode(value);
        }
    }

    /** One value being held against one schema. */
    private static final class Validation {
        // Alternatives within alternatives of a recursive schema multiply the work with
        // every level. From MEMO_FROM steps on verdicts are remembered; what cannot be
        // remembered ends at MAX_STEPS.
        static final int MEMO_FROM = 100_000;
        static final int EXPLAIN_STEPS = 20_000;
        static final int MAX_STEPS = 1_000_000;
        static final int MAX_FAULTS = 100;
        static final String TOO_MANY_STEPS = "the value is not decided within a reasonable number of steps";

        boolean explaining;
        int steps;
        List<Fault> faults = new ArrayList<>();
        private final List<String> path = new ArrayList<>();
        private final List<Frame> stack = new ArrayList<>();
        private final Map<Key, Boolean> memo = new HashMap<>();

        /** Notes what is wrong, and is false, as the check that found it is. */
        boolean fault(String keyword, JsonNode value, String message) {
            if (explaining && faults.size() < MAX_FAULTS) {
                faults.add(new Fault(pointer(), keyword, value, message));
            }
            return false;
        }

        private boolean wants(int types, List<JsonNode> values) {
            if (explaining && faults.size() < MAX_FAULTS) {
                Fault f = faults.get(faults.size() - 1);
                f.types = types;
                f.values = values;
            }
            return false;
        }

        private String pointer() {
            StringBuilder b = new StringBuilder();
            path.forEach(token -> b.append('/').append(Json.escape(token)));
            return b.toString();
        }

        private String shown(JsonNode value) {
            if (!explaining) {
                return "";
            }
            String text = value.isContainerNode() ? Json.kind(value) : value.toString();
            return text.length() > 64 ? text.substring(0, text.offsetByCodePoints(0, 40)) + "…" : text;
        }

        private boolean below(String token, BooleanSupplier check) {
            path.add(token);
            boolean ok = check.getAsBoolean();
            path.remove(path.size() - 1);
            return ok;
        }

        private boolean child(Schema s, String token, JsonNode value) {
            return s.verdict == Boolean.TRUE || below(token, () -> check(s, value, null));
        }

        private boolean quietly(BooleanSupplier check) {
            boolean before = explaining;
            explaining = false;
            boolean ok = check.getAsBoolean();
            explaining = before;
            return ok;
        }

        /** seen marks the members that some schema has looked at; null where nobody asks. */
        boolean check(Schema s, JsonNode value, boolean[] seen) {
            if (s.verdict != null) {
                return s.verdict || fault("", value, shown(value) + " is not allowed here");
            }
            if (++steps > MAX_STEPS) {
                return fault("", value, TOO_MANY_STEPS);
            }
            boolean remember = steps > MEMO_FROM && !explaining && seen == null;
            if (remember) {
                Boolean known = memo.get(new Key(s, value));
                if (known != null) {
                    return known;
                }
            }
            for (int i = stack.size() - 1; i >= 0 && stack.get(i).value == value; i--) {
                if (stack.get(i).schema == s) {
                    return fault("$ref", value, "the schema refers back to itself for the same value and never decides");
                }
            }
            stack.add(new Frame(s, value));
            boolean ok = apply(s, value, seen);
            stack.remove(stack.size() - 1);
            if (remember) {
                memo.put(new Key(s, value), ok);
            }
            return ok;
        }

        private boolean apply(Schema s, JsonNode value, boolean[] outer) {
            if (s.types != 0 && (typeOf(value) & s.types) == 0) {
                fault("type", value, explaining ? shown(value) + " has to be " + typeNames(s.types) : "");
                return wants(s.types, null);
            }
            if (s.constant != null && !equal(value, s.constant)) {
                fault("const", value, explaining ? shown(value) + " has to be " + shown(s.constant) : "");
                return wants(0, List.of(s.constant));
            }
            if (s.values != null && !allows(s, value)) {
                fault("enum", value, shown(value) + " is none of the values allowed");
                return wants(0, s.values);
            }
            boolean[] seen = outer;
            if (seen == null
                    && (s.unevaluatedItems != null && value.isArray()
                            || s.unevaluatedProperties != null && value.isObject())) {
                seen = new boolean[value.size()];
            }
            boolean ok = s.ref == null || check(s.ref, value, seen);
            if (ok || explaining) {
                if (value.isNumber()) {
                    ok = number(s, value) && ok;
                } else if (value.isTextual()) {
                    ok = text(s, value) && ok;
                } else if (value.isArray()) {
                    ok = array(s, value, seen) && ok;
                } else if (value.isObject()) {
                    ok = object(s, value, seen) && ok;
                }
            }
            if (ok || explaining) {
                ok = inPlaceAll(s, value, seen) && ok;
            }
            // Only a value that everything else accepts has settled which of its members
            // were looked at.
            return ok && unevaluated(s, value, seen);
        }

        private boolean number(Schema s, JsonNode value) {
            if (s.minimum == null && s.maximum == null && s.exclusiveMinimum == null && s.exclusiveMaximum == null && s.multipleOf == null) {
                return true;
            }
            BigDecimal n = decimal(value);
            if (n == null) {
                return fault("type", value, shown(value) + " is no number of JSON");
            }
            boolean ok = true;
            if (s.minimum != null && n.compareTo(s.minimum) < 0) {
                ok = fault("minimum", value, shown(value) + " has to be at least " + s.minimum);
            }
            if (s.maximum != null && n.compareTo(s.maximum) > 0) {
                ok = fault("maximum", value, shown(value) + " has to be at most " + s.maximum);
            }
            if (s.exclusiveMinimum != null && n.compareTo(s.exclusiveMinimum) <= 0) {
                ok = fault("exclusiveMinimum", value, shown(value) + " has to be more than " + s.exclusiveMinimum);
            }
            if (s.exclusiveMaximum != null && n.compareTo(s.exclusiveMaximum) >= 0) {
                ok = fault("exclusiveMaximum", value, shown(value) + " has to be less than " + s.exclusiveMaximum);
            }
            if (s.multipleOf != null && !isMultiple(n, s.multipleOf)) {
                ok = fault("multipleOf", value, shown(value) + " has to be a multiple of " + s.multipleOf);
            }
            return ok;
        }

        private boolean text(Schema s, JsonNode value) {
            String text = value.textValue();
            boolean ok = true;
            if (s.minLength > 0 || s.maxLength >= 0) {
                int length = text.codePointCount(0, text.length());
                if (length < s.minLength) {
                    ok = fault("minLength", value, shown(value) + " needs at least " + s.minLength + " characters");
                }
                if (s.maxLength >= 0 && length > s.maxLength) {
                    ok = fault("maxLength", value, shown(value) + " may have at most " + s.maxLength + " characters");
                }
            }
            if (s.pattern != null && !s.pattern.find(text)) {
                ok = fault("pattern", value, shown(value) + " does not match the pattern " + s.pattern);
            }
            if (s.conforms != null && !s.conforms.test(text)) {
                ok = fault("format", value, shown(value) + " is no " + s.format);
            }
            return ok;
        }

        private boolean array(Schema s, JsonNode value, boolean[] seen) {
            boolean ok = true;
            if (value.size() < s.minItems) {
                ok = fault("minItems", value, "the list needs at least " + s.minItems + " items");
            }
            if (s.maxItems >= 0 && value.size() > s.maxItems) {
                ok = fault("maxItems", value, "the list may have at most " + s.maxItems + " items");
            }
            if (s.uniqueItems && repeats(value)) {
                ok = fault("uniqueItems", value, "the list has an item twice");
            }
            for (int i = 0; i < value.size(); i++) {
                if (!ok && !explaining) {
                    return false;
                }
                Schema of = i < s.prefixItems.size() ? s.prefixItems.get(i) : s.items;
                if (of == null) {
                    break;
                }
                JsonNode item = value.get(i);
                if (of.verdict == Boolean.FALSE && i >= s.prefixItems.size() && explaining) {
                    ok = fault("items", item, "the list has to end after " + s.prefixItems.size() + " items");
                    continue;
                }
                ok = child(of, Integer.toString(i), item) && ok;
                if (seen != null) {
                    seen[i] = true;
                }
            }
            if (s.contains != null && (ok || explaining)) {
                ok = containing(s, value, seen) && ok;
            }
            return ok;
        }

        private boolean containing(Schema s, JsonNode value, boolean[] seen) {
            int found = 0;
            for (int i = 0; i < value.size(); i++) {
                String token = Integer.toString(i);
                JsonNode item = value.get(i);
                if (quietly(() -> child(s.contains, token, item))) {
                    found++;
                    if (seen != null) {
                        seen[i] = true;
                    }
                }
            }
            if (found < s.minContains) {
                return fault(s.minContains == 1 ? "contains" : "minContains", value, found + " items fit what the list has to contain, of at least " + s.minContains);
            }
            if (s.maxContains >= 0 && found > s.maxContains) {
                return fault("maxContains", value, found + " items fit what the list may contain, of at most " + s.maxContains);
            }
            return true;
        }

        private boolean object(Schema s, JsonNode value, boolean[] seen) {
            boolean ok = true;
            if (value.size() < s.minProperties) {
                ok = fault("minProperties", value, "the object needs at least " + s.minProperties + " properties");
            }
            if (s.maxProperties >= 0 && value.size() > s.maxProperties) {
                ok = fault("maxProperties", value, "the object may have at most " + s.maxProperties + " properties");
            }
            for (String name : s.required) {
                if (!value.has(name)) {
                    ok = fault("required", value, "the property " + name + " is missing");
                }
            }
            if (!ok && !explaining) {
                return false;
            }
            for (Map.Entry<String, List<String>> d : s.dependentRequired.entrySet()) {
                if (value.has(d.getKey())) {
                    for (String name : d.getValue()) {
                        if (!value.has(name)) {
                            ok = fault("dependentRequired", value, "the property " + name + " is missing beside " + d.getKey());
                        }
                    }
                }
            }
            for (Map.Entry<String, Schema> d : s.dependentSchemas.entrySet()) {
                if (value.has(d.getKey())) {
                    ok = inPlace(d.getValue(), value, seen) && ok;
                }
            }
            if (s.properties.isEmpty() && s.patternProperties.isEmpty() && s.additionalProperties == null && s.propertyNames == null) {
                return ok;
            }
            int i = -1;
            for (Map.Entry<String, JsonNode> member : value.properties()) {
                i++;
                if (!ok && !explaining) {
                    return false;
                }
                String name = member.getKey();
                JsonNode item = member.getValue();
                boolean known = false;
                Schema of = s.properties.get(name);
                if (of != null) {
                    known = true;
                    ok = child(of, name, item) && ok;
                }
                for (PatternSchema p : s.patternProperties) {
                    if (p.pattern.find(name)) {
                        known = true;
                        ok = child(p.schema, name, item) && ok;
                    }
                }
                if (!known && s.additionalProperties != null) {
                    known = true;
                    if (s.additionalProperties.verdict == Boolean.FALSE) {
                        ok = below(name, () -> fault("additionalProperties", item, "the property " + name + " is not allowed here"));
                    } else {
                        ok = child(s.additionalProperties, name, item) && ok;
                    }
                }
                if (known && seen != null) {
                    seen[i] = true;
                }
                if (s.propertyNames != null) {
                    ok = child(s.propertyNames, name, Json.of(name)) && ok;
                }
            }
            return ok;
        }

        /** Applies a schema to the same value; what it has seen counts where it accepts. */
        private boolean inPlace(Schema s, JsonNode value, boolean[] seen) {
            if (seen == null) {
                return check(s, value, null);
            }
            boolean[] own = new boolean[seen.length];
            if (!check(s, value, own)) {
                return false;
            }
            for (int i = 0; i < own.length; i++) {
                seen[i] |= own[i];
            }
            return true;
        }

        private boolean inPlaceAll(Schema s, JsonNode value, boolean[] seen) {
            boolean ok = true;
            for (Schema sub : s.allOf) {
                ok = inPlace(sub, value, seen) && ok;
                if (!ok && !explaining) {
                    return false;
                }
            }
            if (s.anyOf != null) {
                boolean matched = false;
                for (Schema sub : s.anyOf) {
                    if (quietly(() -> inPlace(sub, value, seen))) {
                        matched = true;
                        if (seen == null) {
                            break;
                        }
                    }
                }
                if (!matched) {
                    ok = explain("anyOf", s.anyOf, value);
                }
            }
            if (s.oneOf != null) {
                ok = one(s, value, seen) && ok;
            }
            if (!ok && !explaining) {
                return false;
            }
            if (s.not != null) {
                boolean[] scratch = seen == null ? null : new boolean[seen.length];
                if (quietly(() -> inPlace(s.not, value, scratch))) {
                    ok = fault("not", value, shown(value) + " is what the schema says it must not be");
                }
            }
            if (s.ifSchema != null) {
                Schema then = quietly(() -> inPlace(s.ifSchema, value, seen)) ? s.thenSchema : s.elseSchema;
                if (then != null) {
                    ok = inPlace(then, value, seen) && ok;
                }
            }
            return ok;
        }

        private boolean one(Schema s, JsonNode value, boolean[] seen) {
            int first = -1;
            for (int i = 0; i < s.oneOf.size(); i++) {
                Schema sub = s.oneOf.get(i);
                if (!quietly(() -> inPlace(sub, value, seen))) {
                    continue;
                }
                if (first >= 0) {
                    return fault("oneOf", value, shown(value) + " fits both alternative " + (first + 1) + " and alternative " + (i + 1));
                }
                first = i;
            }
            return first >= 0 || explain("oneOf", s.oneOf, value);
        }

        private boolean unevaluated(Schema s, JsonNode value, boolean[] seen) {
            if (value.isArray() && s.unevaluatedItems != null) {
                boolean ok = true;
                for (int i = 0; i < value.size(); i++) {
                    if (!seen[i]) {
                        ok = late(s.unevaluatedItems, "unevaluatedItems", Integer.toString(i), value.get(i)) && ok;
                        seen[i] = true;
                    }
                }
                return ok;
            }
            if (value.isObject() && s.unevaluatedProperties != null) {
                boolean ok = true;
                int i = 0;
                for (Map.Entry<String, JsonNode> member : value.properties()) {
                    if (!seen[i]) {
                        ok = late(s.unevaluatedProperties, "unevaluatedProperties", member.getKey(), member.getValue()) && ok;
                        seen[i] = true;
                    }
                    i++;
                }
                return ok;
            }
            return true;
        }

        private boolean late(Schema rest, String keyword, String token, JsonNode item) {
            if (rest.verdict == Boolean.FALSE) {
                return below(token, () -> fault(keyword, item, token + " is not covered by any part of the schema"));
            }
            return child(rest, token, item);
        }

        // Of alternatives that all fail, the one that was meant is explained: the only one
        // that the value's type and constants do not rule out. Where there is none such the
        // fault is that of the whole.

        private boolean explain(String keyword, List<Schema> branches, JsonNode value) {
            if (!explaining) {
                return false;
            }
            if (steps > EXPLAIN_STEPS) {
                return fault(keyword, value, shown(value) + " fits none of the alternatives");
            }
            List<List<Fault>> all = new ArrayList<>();
            List<Fault> before = faults;
            for (Schema branch : branches) {
                faults = new ArrayList<>();
                check(branch, value, null);
                all.add(faults);
            }
            faults = before;
            String here = pointer();
            int meant = branches.size() == 1 ? 0 : -1;
            if (meant < 0) {
                int left = 0;
                for (int i = 0; i < all.size(); i++) {
                    if (!wrongKind(all.get(i), here)) {
                        meant = i;
                        left++;
                    }
                }
                meant = left == 1 ? meant : -1;
            }
            if (meant >= 0) {
                faults.addAll(all.get(meant));
                return false;
            }
            Fault summary = summary(keyword, all, here);
            if (summary != null) {
                faults.add(summary);
                return false;
            }
            return fault(keyword, value, shown(value) + " fits none of the alternatives");
        }

        private static boolean wrongKind(List<Fault> faults, String here) {
            for (Fault f : faults) {
                long deep = below(f, here);
                boolean wrong =
                        switch (f.keyword) {
                            case "type", "" -> deep == 0;
                            case "const" -> deep <= 1;
                            case "enum" -> deep <= 1 && f.value.isTextual();
                            default -> false;
                        };
                if (wrong) {
                    return true;
                }
            }
            return false;
        }

        private static long below(Fault f, String here) {
            String rest = f.pointer.startsWith(here) ? f.pointer.substring(here.length()) : f.pointer;
            return rest.chars().filter(c -> c == '/').count();
        }

        /** Puts alternatives that differ in type or in a constant into one sentence. */
        private Fault summary(String keyword, List<List<Fault>> all, String here) {
            for (Fault first : all.get(0)) {
                if (first.types == 0 && first.values == null || below(first, here) > 1) {
                    continue;
                }
                int types = first.types;
                List<JsonNode> values = first.values == null ? null : new ArrayList<>(first.values);
                boolean each = true;
                for (List<Fault> others : all.subList(1, all.size())) {
                    boolean same = false;
                    for (Fault f : others) {
                        if (f.pointer.equals(first.pointer) && (f.types != 0) == (types != 0) && (f.values != null) == (values != null)) {
                            types |= f.types;
                            if (values != null) {
                                values.addAll(f.values);
                            }
                            same = true;
                            break;
                        }
                    }
                    each = each && same;
                }
                if (!each) {
                    continue;
                }
                String wanted = types != 0 ? typeNames(types) : "one of " + values.stream().limit(12).map(this::shown).toList();
                return new Fault(first.pointer, keyword, first.value, shown(first.value) + " has to be " + wanted);
            }
            return null;
        }
    }

    private static int typeOf(JsonNode value) {
        return switch (value.getNodeType()) {
            case NULL -> NULL;
            case BOOLEAN -> BOOLEAN;
            case ARRAY -> ARRAY;
            case OBJECT -> OBJECT;
            case NUMBER -> {
                BigDecimal n = value.isIntegralNumber() ? BigDecimal.ONE : decimal(value);
                yield n != null && (n.scale() <= 0 || n.stripTrailingZeros().scale() <= 0) ? INTEGER : FRACTION;
            }
            default -> STRING;
        };
    }

    private static String typeNames(int types) {
        List<String> names = new ArrayList<>();
        int left = types;
        for (String name : List.of("null", "boolean", "number", "integer", "string", "array", "object")) {
            int t = TYPES.get(name);
            if ((left & t) == t) {
                names.add(name);
                left &= ~t;
            }
        }
        return String.join(" or ", names);
    }

    /** The number, null for an infinity and what is none. */
    private static BigDecimal decimal(JsonNode value) {
        if ((value.isDouble() || value.isFloat()) && !Double.isFinite(value.doubleValue())) {
            return null;
        }
        return value.decimalValue();
    }

    /** Whether n is a whole number of times of, without writing powers of ten out. */
    private static boolean isMultiple(BigDecimal n, BigDecimal of) {
        if (n.signum() == 0) {
            return true;
        }
        if (of.signum() == 0) {
            return false;
        }
        BigInteger a = n.unscaledValue().abs();
        BigInteger b = of.unscaledValue().abs();
        long shift = (long) of.scale() - n.scale();
        if (shift >= 0) {
            return BigInteger.TEN.modPow(BigInteger.valueOf(shift), b).multiply(a).mod(b).signum() == 0;
        }
        if (-shift > n.precision()) {
            // Every digit would have to be a zero, but the first is none.
            return false;
        }
        return a.mod(b.multiply(BigInteger.TEN.pow((int) -shift))).signum() == 0;
    }

    private static boolean allows(Schema s, JsonNode value) {
        if (s.valueTexts != null) {
            return s.valueTexts.contains(canonical(value));
        }
        for (JsonNode v : s.values) {
            if (equal(value, v)) {
                return true;
            }
        }
        return false;
    }

    /** Whether two values are the same: numbers by value, objects in any order. */
    static boolean equal(JsonNode a, JsonNode b) {
        if (a.getNodeType() != b.getNodeType() || a.size() != b.size()) {
            return false;
        }
        if (a.isNumber()) {
            BigDecimal x = decimal(a);
            BigDecimal y = decimal(b);
            return x != null && y != null && x.compareTo(y) == 0;
        }
        if (a.isArray()) {
            for (int i = 0; i < a.size(); i++) {
                if (!equal(a.get(i), b.get(i))) {
                    return false;
                }
            }
            return true;
        }
        if (a.isObject()) {
            for (Map.Entry<String, JsonNode> member : a.properties()) {
                JsonNode other = b.get(member.getKey());
                if (other == null || !equal(member.getValue(), other)) {
                    return false;
                }
            }
            return true;
        }
        return a.equals(b);
    }

    private static boolean repeats(JsonNode array) {
        if (array.size() <= 8) {
            for (int j = 1; j < array.size(); j++) {
                for (int i = 0; i < j; i++) {
                    if (equal(array.get(i), array.get(j))) {
                        return true;
                    }
                }
            }
            return false;
        }
        Set<String> texts = new HashSet<>();
        for (JsonNode item : array) {
            if (!texts.add(canonical(item))) {
                return true;
            }
        }
        return false;
    }

    /** Writes a value so that equal values have one text. */
    private static String canonical(JsonNode value) {
        StringBuilder b = new StringBuilder();
        canonical(b, value);
        return b.toString();
    }

    private static void canonical(StringBuilder b, JsonNode value) {
        if (value.isNumber()) {
            BigDecimal n = decimal(value);
            if (n == null) {
                b.append(value);
                return;
            }
            n = n.signum() == 0 ? BigDecimal.ZERO : n.stripTrailingZeros();
            b.append(n.unscaledValue()).append('e').append(-(long) n.scale());
        } else if (value.isArray()) {
            b.append('[');
            for (JsonNode item : value) {
                canonical(b, item);
                b.append(',');
            }
            b.append(']');
        } else if (value.isObject()) {
            Map<String, JsonNode> sorted = new TreeMap<>();
            value.properties().forEach(m -> sorted.put(m.getKey(), m.getValue()));
            b.append('{');
            sorted.forEach((name, item) -> {
                b.append(Json.write(Json.of(name))).append(':');
                canonical(b, item);
                b.append(',');
            });
            b.append('}');
        } else {
            b.append(Json.write(value));
        }
    }

    /** The properties of the names, for those who keep the others. */
    static Set<String> names(String... names) {
        return new LinkedHashSet<>(Arrays.asList(names));
    }
}
