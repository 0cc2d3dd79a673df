package treaty;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of ECMA-262, unanchored and with its u flag, as JSON Schema has them. It is
 * written again for java.util.regex, to which $, ., \s, \b, \v and brackets in classes mean other
 * things. A match that takes too long is none.
 */
final class Regex {
    private static final String SPACE =
            "\\t\\n\\x0b\\f\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
    private static final String NOT_SPACE =
            "\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
                    + "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}";
    private static final String WORD = "[A-Za-z0-9_]";
    private static final String BOUNDARY =
            "(?:(?<=" + WORD + ")(?!" + WORD + ")|(?<!" + WORD + ")(?=" + WORD + "))";
    private static final String NO_BOUNDARY =
            "(?:(?<=" + WORD + ")(?=" + WORD + ")|(?<!" + WORD + ")(?!" + WORD + "))";
    private static final int MAX_READS = 5_000_000;

    private final String text;
    private final Pattern pattern;

    private Regex(String text, Pattern pattern) {
        this.text = text;
        this.pattern = pattern;
    }

    /** The expression; PatternSyntaxException says that it is none, or none that Java can match. */
    static Regex of(String text) {
        return new Regex(text, Pattern.compile(new Translation(text).translate()));
    }

    static boolean isValid(String text) {
        try {
            of(text);
            return true;
        } catch (PatternSyntaxException | StackOverflowError e) {
            return false;
        }
    }

    boolean find(String s) {
        try {
            return pattern.matcher(new Limited(s, 0, s.length(), new int[1])).find();
        } catch (TooLong | StackOverflowError e) {
            return false;
        }
    }

    @Override
    public String toString() {
        return text;
    }

    private static final class TooLong extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooLong() {
            super(null, null, false, false);
        }
    }

    /** A text that may be read so many times: an expression that backtracks without end stops. */
    private record Limited(String s, int from, int to, int[] reads) implements CharSequence {
        @Override
        public char charAt(int i) {
            if (++reads[0] > MAX_READS) {
                throw new TooLong();
            }
            return s.charAt(from + i);
        }

        @Override
        public int length() {
            return to - from;
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new Limited(s, from + start, from + end, reads);
        }

        @Override
        public String toString() {
            return s.substring(from, to);
        }
    }

    /** Goes through an expression once and writes it for Java. */
    private static final class Translation {
        private static final Map<String, String> CATEGORIES = new HashMap<>();

        static {
            String names =
                    "Letter L Cased_Letter LC Uppercase_Letter Lu Lowercase_Letter Ll Titlecase_Letter Lt Modifier_Letter Lm "
                            + "Other_Letter Lo Mark M Combining_Mark M Nonspacing_Mark Mn Spacing_Mark Mc Enclosing_Mark Me Number N "
                            + "Decimal_Number Nd digit Nd Letter_Number Nl Other_Number No Punctuation P punct P Connector_Punctuation Pc "
                            + "Dash_Punctuation Pd Open_Punctuation Ps Close_Punctuation Pe Initial_Punctuation Pi Final_Punctuation Pf "
                            + "Other_Punctuation Po Symbol S Math_Symbol Sm Currency_Symbol Sc Modifier_Symbol Sk Other_Symbol So "
                            + "Separator Z Space_Separator Zs Line_Separator Zl Paragraph_Separator Zp Other C Control Cc cntrl Cc "
                            + "Format Cf Surrogate Cs Private_Use Co Unassigned Cn";
            String[] words = names.split(" ");
            for (int i = 0; i < words.length; i += 2) {
                CATEGORIES.put(words[i], words[i + 1]);
                CATEGORIES.put(words[i + 1], words[i + 1]);
            }
        }

        private final String text;
        private final StringBuilder out = new StringBuilder();
        private final Map<String, Integer> groups = new HashMap<>();
        private int at;

        Translation(String text) {
            this.text = text;
        }

        private PatternSyntaxException wrong(String why) {
            return new PatternSyntaxException(why, text, at);
        }

        private void nameGroups() {
            int n = 0;
            boolean inClass = false;
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '\\') {
                    i++;
                } else if (inClass) {
                    inClass = c != ']';
                } else if (c == '[') {
                    inClass = true;
                } else if (c == '(') {
                    boolean named = text.startsWith("(?<", i) && !text.startsWith("(?<=", i) && !text.startsWith("(?<!", i);
                    if (named || !text.startsWith("(?", i)) {
                        n++;
                    }
                    int end = text.indexOf('>', i);
                    if (named && end > 0) {
                        groups.put(text.substring(i + 3, end), n);
                    }
                }
            }
        }

        String translate() {
            nameGroups();
            boolean repeatable = false; // whether a quantifier may follow
            boolean quantified = false; // whether one has just been there
            while (at < text.length()) {
                int c = text.codePointAt(at);
                switch (c) {
                    case '\\' -> {
                        repeatable = !escape(false);
                        quantified = false;
                    }
                    case '[' -> {
                        bracket();
                        repeatable = true;
                        quantified = false;
                    }
                    case '(' -> {
                        group();
                        repeatable = false;
                        quantified = false;
                    }
                    case '*', '+', '?', '{' -> {
                        int length = quantifier();
                        if (length == 0) {
                            if (text.startsWith("{,", at) && text.substring(at).matches("(?s)\\{,[0-9]+\\}.*")) {
                                throw wrong("{,n} means itself in ECMA-262");
                            }
                            out.append("\\{");
                            at++;
                            repeatable = true;
                            quantified = false;
                        } else if (quantified && c != '?' || !repeatable && !quantified) {
                            throw wrong("a quantifier has nothing to repeat");
                        } else {
                            out.append(text, at, at + length);
                            at += length;
                            quantified = !quantified;
                            repeatable = false;
                        }
                    }
                    case '.' -> {
                        out.append("[^\\n\\r\\x{2028}\\x{2029}]");
                        at++;
                        repeatable = true;
                        quantified = false;
                    }
                    case '^', '|' -> {
                        out.append((char) c);
                        at++;
                        repeatable = false;
                        quantified = false;
                    }
                    case '$' -> {
                        out.append("\\z");
                        at++;
                        repeatable = false;
                        quantified = false;
                    }
                    case ')' -> {
                        out.append(')');
                        at++;
                        repeatable = true;
                        quantified = false;
                    }
                    default -> {
                        literal(c);
                        at += Character.charCount(c);
                        repeatable = true;
                        quantified = false;
                    }
                }
            }
            return out.toString();
        }

        private void literal(int c) {
            if (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
                out.append((char) c);
            } else {
                out.append(String.format("\\x{%x}", c));
            }
        }

        private int quantifier() {
            if (text.charAt(at) != '{') {
                return 1;
            }
            int end = text.indexOf('}', at);
            return end > 0 && text.substring(at, end + 1).matches("\\{[0-9]+(,[0-9]*)?\\}") ? end + 1 - at : 0;
        }

        private void group() {
            String rest = text.substring(at);
            if (!rest.startsWith("(?")) {
                out.append('(');
                at++;
                return;
            }
            for (String mark : new String[] {"(?:", "(?=", "(?!", "(?<=", "(?<!"}) {
                if (rest.startsWith(mark)) {
                    out.append(mark);
                    at += mark.length();
                    return;
                }
            }
            int close = rest.indexOf('>');
            if (!rest.startsWith("(?<") || close < 4 || rest.charAt(3) >= '0' && rest.charAt(3) <= '9') {
                throw wrong("this begins no group of ECMA-262");
            }
            out.append('(');
            at += close + 1;
        }

        /** Reads a backslash and what belongs to it; whether it is an assertion. */
        private boolean escape(boolean inClass) {
            if (at + 1 == text.length()) {
                throw wrong("it ends in a lone \\");
            }
            int c = text.codePointAt(at + 1);
            int length = 1 + Character.charCount(c);
            switch (c) {
                case 'd', 'D', 'w', 'W', 'n', 'r', 't', 'f' -> out.append('\\').append((char) c);
                case 'v' -> out.append("\\x0b");
                case 's' -> out.append(inClass ? SPACE : "[" + SPACE + "]");
                case 'S' -> out.append(inClass ? NOT_SPACE : "[^" + SPACE + "]");
                case 'b' -> {
                    out.append(inClass ? "\\x08" : BOUNDARY);
                    at += length;
                    return !inClass;
                }
                case 'B' -> {
                    out.append(NO_BOUNDARY);
                    at += length;
                    return true;
                }
                case '0' -> {
                    if (at + 2 < text.length() && text.charAt(at + 2) >= '0' && text.charAt(at + 2) <= '9') {
                        throw wrong("\\0 and a digit is none of ECMA-262");
                    }
                    out.append("\\x00");
                }
                case 'c' -> {
                    if (at + 2 >= text.length() || !isLetter(text.charAt(at + 2))) {
                        throw wrong("\\c needs a letter");
                    }
                    out.append(String.format("\\x{%x}", text.charAt(at + 2) & 0x1f));
                    length = 3;
                }
                case 'x' -> {
                    int code = hex(at + 2, 2);
                    if (code < 0) {
                        throw wrong("\\x needs two hexadecimal digits");
                    }
                    out.append(String.format("\\x{%x}", code));
                    length = 4;
                }
                case 'u' -> length = unicode();
                case 'p', 'P' -> length = property(c == 'P');
                case 'k' -> length = named();
                case '1', '2', '3', '4', '5', '6', '7', '8', '9' -> {
                    int end = at + 1;
                    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
                        end++;
                    }
                    out.append("(?:").append(text, at, end).append(')');
                    length = end - at;
                }
                default -> {
                    if (c < 0x80 && isLetter((char) c)) {
                        throw wrong("\\" + (char) c + " is none of ECMA-262");
                    }
                    literal(c);
                }
            }
            at += length;
            return false;
        }

        private static boolean isLetter(char c) {
            return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
        }

        private int hex(int from, int digits) {
            if (from + digits > text.length()) {
                return -1;
            }
            int code = 0;
            for (int i = from; i < from + digits; i++) {
                int d = text.charAt(i) < 0x80 ? Character.digit(text.charAt(i), 16) : -1;
                if (d < 0) {
                    return -1;
                }
                code = code * 16 + d;
            }
            return code;
        }

        private int unicode() {
            if (text.startsWith("{", at + 2)) {
                int end = text.indexOf('}', at);
                int code = end > at + 3 && end <= at + 11 ? hex(at + 3, end - at - 3) : -1;
                if (code < 0 || code > Character.MAX_CODE_POINT) {
                    throw wrong("this is no code point");
                }
                out.append(String.format("\\x{%x}", code));
                return end + 1 - at;
            }
            int unit = hex(at + 2, 4);
            if (unit < 0) {
                throw wrong("\\u needs four hexadecimal digits");
            }
            if (unit >= 0xd800 && unit < 0xdc00 && text.startsWith("\\u", at + 6)) {
                int low = hex(at + 8, 4);
                if (low >= 0xdc00 && low < 0xe000) {
                    out.append(String.format("\\x{%x}", Character.toCodePoint((char) unit, (char) low)));
                    return 12;
                }
            }
            out.append(String.format("\\x{%x}", unit));
            return 6;
        }

        private int property(boolean negated) {
            int end = text.indexOf('}', at);
            if (!text.startsWith("{", at + 2) || end < 0) {
                throw wrong("\\p needs braces");
            }
            String name = text.substring(at + 3, end);
            String java;
            if (CATEGORIES.containsKey(name)) {
                java = CATEGORIES.get(name);
            } else if (name.startsWith("General_Category=") || name.startsWith("gc=")) {
                java = CATEGORIES.getOrDefault(name.substring(name.indexOf('=') + 1), "?");
            } else if (name.startsWith("Script=") || name.startsWith("sc=")) {
                java = "script=" + name.substring(name.indexOf('=') + 1);
            } else if (name.equals("Any")) {
                out.append(negated ? "[^\\x{0}-\\x{10ffff}]" : "[\\x{0}-\\x{10ffff}]");
                return end + 1 - at;
            } else if (name.equals("ASCII")) {
                java = "ASCII";
            } else {
                java = "Is" + name;
            }
            out.append(negated ? "\\P{" : "\\p{").append(java).append('}');
            return end + 1 - at;
        }

        private int named() {
            int end = text.indexOf('>', at);
            Integer group = text.startsWith("<", at + 2) && end > 0 ? groups.get(text.substring(at + 3, end)) : null;
            if (group == null) {
                throw wrong("\\k names no group");
            }
            out.append("(?:\\").append(group).append(')');
            return end + 1 - at;
        }

        private void bracket() {
            at++;
            boolean negated = text.startsWith("^", at);
            if (negated) {
                at++;
            }
            if (text.startsWith("]", at)) { // [] matches nothing and [^] everything
                at++;
                out.append(negated ? "[\\x{0}-\\x{10ffff}]" : "[^\\x{0}-\\x{10ffff}]");
                return;
            }
            out.append(negated ? "[^" : "[");
            while (at < text.length()) {
                int c = text.codePointAt(at);
                switch (c) {
                    case ']' -> {
                        at++;
                        out.append(']');
                        return;
                    }
                    case '\\' -> escape(true);
                    case '-' -> {
                        // At an end, or beside a class of characters, it is itself.
                        boolean first = out.charAt(out.length() - 1) == '[' || out.toString().endsWith("[^");
                        boolean last = text.startsWith("]", at + 1);
                        boolean beside = besideClass();
                        out.append(first || last || beside ? "\\-" : "-");
                        at++;
                    }
                    default -> {
                        if (c == '[' && text.substring(at).matches("(?s)\\[([:.=])[A-Za-z^]+\\1\\].*")) {
                            throw wrong("this class is none of ECMA-262");
                        }
                        literal(c);
                        at += Character.charCount(c);
                    }
                }
            }
            throw wrong("a class is not closed");
        }

        private boolean besideClass() {
            boolean after = at + 2 < text.length() && text.charAt(at + 1) == '\\' && "dDwWsSpP".indexOf(text.charAt(at + 2)) >= 0;
            boolean before = at >= 2 && text.charAt(at - 2) == '\\' && "dDwWsS".indexOf(text.charAt(at - 1)) >= 0;
            return after || before;
        }
    }
}
