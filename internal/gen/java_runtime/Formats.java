package treaty;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** The formats of JSON Schema that are asserted. */
final class Formats {
    private Formats() {}

    /** The check of a format, null for one that only annotates. */
    static Predicate<String> named(String name) {
        return switch (name) {
            case "date-time" -> Formats::isDateTime;
            case "date" -> Formats::isDate;
            case "time" -> Formats::isTime;
            case "duration" -> Formats::isDuration;
            case "email" -> s -> isAscii(s) && isMailbox(s, Formats::isHostname);
            case "idn-email" -> s -> isMailbox(s, Formats::isIdnHostname);
            case "hostname" -> Formats::isHostname;
            case "idn-hostname" -> Formats::isIdnHostname;
            case "ipv4" -> Formats::isIpv4;
            case "ipv6" -> Formats::isIpv6;
            case "uri" -> s -> isAscii(s) && isIri(s);
            case "uri-reference" -> s -> isAscii(s) && isIriReference(s);
            case "iri" -> Formats::isIri;
            case "iri-reference" -> Formats::isIriReference;
            case "uri-template" -> Formats::isUriTemplate;
            case "uuid" -> Formats::isUuid;
            case "json-pointer" -> Formats::isJsonPointer;
            case "relative-json-pointer" -> Formats::isRelativeJsonPointer;
            case "regex" -> Regex::isValid;
            default -> null;
        };
    }

    private static boolean digits(String s) {
        return !s.isEmpty() && s.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    private static boolean isAscii(String s) {
        return s.chars().allMatch(c -> c < 0x80);
    }

    private static int bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8).length;
    }

    private static List<String> split(String s, char by) {
        List<String> all = new ArrayList<>();
        int from = 0;
        for (int i = s.indexOf(by); i >= 0; i = s.indexOf(by, from)) {
            all.add(s.substring(from, i));
            from = i + 1;
        }
        all.add(s.substring(from));
        return all;
    }

    private static boolean isDate(String s) {
        if (s.length() != 10 || s.charAt(4) != '-' || s.charAt(7) != '-' || !digits(s.substring(0, 4))
                || !digits(s.substring(5, 7)) || !digits(s.substring(8))) {
            return false;
        }
        int year = Integer.parseInt(s.substring(0, 4));
        int month = Integer.parseInt(s.substring(5, 7));
        int day = Integer.parseInt(s.substring(8));
        if (month < 1 || month > 12 || day < 1) {
            return false;
        }
        int last = switch (month) {
            case 4, 6, 9, 11 -> 30;
            case 2 -> year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
            default -> 31;
        };
        return day <= last;
    }

    /** full-time of RFC 3339; a second 60 has to be the last of a day in UTC. */
    private static boolean isTime(String s) {
        if (s.length() < 9 || s.charAt(2) != ':' || s.charAt(5) != ':' || !digits(s.substring(0, 2))
                || !digits(s.substring(3, 5)) || !digits(s.substring(6, 8))) {
            return false;
        }
        int hour = Integer.parseInt(s.substring(0, 2));
        int minute = Integer.parseInt(s.substring(3, 5));
        int second = Integer.parseInt(s.substring(6, 8));
        if (hour > 23 || minute > 59 || second > 60) {
            return false;
        }
        String rest = s.substring(8);
        if (rest.charAt(0) == '.') {
            int i = 1;
            while (i < rest.length() && rest.charAt(i) >= '0' && rest.charAt(i) <= '9') {
                i++;
            }
            if (i == 1) {
                return false;
            }
            rest = rest.substring(i);
        }
        int offset = 0;
        if (rest.length() == 6 && (rest.charAt(0) == '+' || rest.charAt(0) == '-') && rest.charAt(3) == ':'
                && digits(rest.substring(1, 3)) && digits(rest.substring(4))) {
            int h = Integer.parseInt(rest.substring(1, 3));
            int m = Integer.parseInt(rest.substring(4));
            if (h > 23 || m > 59) {
                return false;
            }
            offset = (h * 60 + m) * (rest.charAt(0) == '-' ? -1 : 1);
        } else if (!rest.equals("Z") && !rest.equals("z")) {
            return false;
        }
        return second < 60 || Math.floorMod(hour * 60 + minute - offset, 24 * 60) == 24 * 60 - 1;
    }

    private static boolean isDateTime(String s) {
        return s.length() > 11 && (s.charAt(10) == 'T' || s.charAt(10) == 't') && isDate(s.substring(0, 10)) && isTime(s.substring(11));
    }

    private static boolean isDuration(String s) {
        if (!s.startsWith("P")) {
            return false;
        }
        String rest = s.substring(1);
        int t = rest.indexOf('T');
        String date = t < 0 ? rest : rest.substring(0, t);
        String clock = t < 0 ? "" : rest.substring(t + 1);
        if (date.endsWith("W")) {
            return t < 0 && digits(date.substring(0, date.length() - 1));
        }
        if (t >= 0 ? clock.isEmpty() : date.isEmpty()) {
            return false;
        }
        return unitsInOrder(date, "YMD") && unitsInOrder(clock, "HMS");
    }

    private static boolean unitsInOrder(String s, String units) {
        int last = -1;
        int from = 0;
        while (from < s.length()) {
            int i = from;
            while (i < s.length() && s.charAt(i) >= '0' && s.charAt(i) <= '9') {
                i++;
            }
            if (i == from || i == s.length()) {
                return false;
            }
            int unit = units.indexOf(s.charAt(i));
            if (unit <= last || last >= 0 && unit != last + 1) {
                return false;
            }
            last = unit;
            from = i + 1;
        }
        return true;
    }

    private static boolean isHex(char c) {
        return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F';
    }

    private static boolean isUuid(String s) {
        if (s.length() != 36) {
            return false;
        }
        for (int i = 0; i < 36; i++) {
            boolean dash = i == 8 || i == 13 || i == 18 || i == 23;
            if (dash ? s.charAt(i) != '-' : !isHex(s.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isIpv4(String s) {
        List<String> parts = split(s, '.');
        return parts.size() == 4
                && parts.stream().allMatch(p -> digits(p) && p.length() <= 3 && (p.length() == 1 || p.charAt(0) != '0') && Integer.parseInt(p) <= 255);
    }

    private static boolean isIpv6(String s) {
        int gap = s.indexOf("::");
        if (gap < 0) {
            return groups(s, true) == 8;
        }
        if (s.indexOf("::", gap + 1) >= 0) {
            return false;
        }
        int before = groups(s.substring(0, gap), false);
        int after = groups(s.substring(gap + 2), true);
        return before >= 0 && after >= 0 && before + after < 8;
    }

    /** How many groups of sixteen bits there are; -1 for none that are well formed. */
    private static int groups(String s, boolean last) {
        if (s.isEmpty()) {
            return 0;
        }
        List<String> parts = split(s, ':');
        int n = 0;
        for (int i = 0; i < parts.size(); i++) {
            String p = parts.get(i);
            if (last && i == parts.size() - 1 && p.indexOf('.') >= 0) {
                if (!isIpv4(p)) {
                    return -1;
                }
                n += 2;
            } else if (p.isEmpty() || p.length() > 4 || !p.chars().allMatch(c -> isHex((char) c))) {
                return -1;
            } else {
                n++;
            }
        }
        return n;
    }

    private static boolean isMailbox(String s, Predicate<String> isHost) {
        int at = s.lastIndexOf('@');
        if (at < 1 || at > 64 && isAscii(s) || bytes(s) > 254) {
            return false;
        }
        String local = s.substring(0, at);
        String domain = s.substring(at + 1);
        if (local.charAt(0) == '"') {
            if (!isQuotedLocal(local)) {
                return false;
            }
        } else {
            for (String atom : split(local, '.')) {
                if (atom.isEmpty() || !atom.chars().allMatch(c -> c >= 0x80 || isAtom((char) c))) {
                    return false;
                }
            }
        }
        if (domain.startsWith("[")) {
            if (!domain.endsWith("]")) {
                return false;
            }
            String inner = domain.substring(1, domain.length() - 1);
            return inner.startsWith("IPv6:") ? isIpv6(inner.substring(5)) : isIpv4(inner);
        }
        return isHost.test(domain);
    }

    private static boolean isQuotedLocal(String s) {
        if (s.length() < 2 || !s.endsWith("\"")) {
            return false;
        }
        String inner = s.substring(1, s.length() - 1);
        for (int i = 0; i < inner.length(); i++) {
            char c = inner.charAt(i);
            if (c == '\\') {
                if (++i == inner.length()) {
                    return false;
                }
            } else if (c == '"' || c < ' ' || c == 0x7f) {
                return false;
            }
        }
        return true;
    }

    private static boolean isAlphanumeric(int c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
    }

    private static boolean isAtom(char c) {
        return isAlphanumeric(c) || "!#$%&'*+-/=?^_`{|}~".indexOf(c) >= 0;
    }

    private static boolean isIri(String s) {
        int colon = s.indexOf(':');
        return colon >= 0 && isScheme(s.substring(0, colon)) && isIriReference(s);
    }

    private static boolean isScheme(String s) {
        return s.matches("[A-Za-z][A-Za-z0-9+.-]*");
    }

    private static boolean isIriReference(String s) {
        int hash = s.indexOf('#');
        String rest = hash < 0 ? s : s.substring(0, hash);
        if (!uriCharacters(rest) || hash >= 0 && !uriCharacters(s.substring(hash + 1))) {
            return false;
        }
        int colon = rest.indexOf(':');
        if (colon >= 0 && !rest.substring(0, colon).contains("/") && !rest.substring(0, colon).contains("?")) {
            if (!isScheme(rest.substring(0, colon))) {
                return false;
            }
            rest = rest.substring(colon + 1);
        }
        int query = rest.indexOf('?');
        rest = query < 0 ? rest : rest.substring(0, query);
        if (!rest.startsWith("//")) {
            return rest.indexOf('[') < 0 && rest.indexOf(']') < 0;
        }
        String authority = rest.substring(2);
        int slash = authority.indexOf('/');
        String path = slash < 0 ? "" : authority.substring(slash);
        authority = slash < 0 ? authority : authority.substring(0, slash);
        return path.indexOf('[') < 0 && path.indexOf(']') < 0 && isAuthority(authority);
    }

    private static boolean uriCharacters(String s) {
        for (int i = 0; i < s.length(); ) {
            int c = s.codePointAt(i);
            if (c == '%') {
                if (i + 2 >= s.length() || !isHex(s.charAt(i + 1)) || !isHex(s.charAt(i + 2))) {
                    return false;
                }
            } else if (c <= ' ' || c == 0x7f || "\"<>\\^`{|}#".indexOf(c) >= 0) {
                return false;
            } else if (c >= 0x80 && c < 0xa0 || c >= 0xe000 && c <= 0xf8ff || (c & 0xfffe) == 0xfffe || c >= 0xd800 && c < 0xe000) {
                return false;
            }
            i += Character.charCount(c);
        }
        return true;
    }

    private static boolean isAuthority(String authority) {
        String s = authority;
        int at = s.lastIndexOf('@');
        if (at >= 0) {
            String user = s.substring(0, at);
            if (user.indexOf('[') >= 0 || user.indexOf(']') >= 0 || user.indexOf('@') >= 0) {
                return false;
            }
            s = s.substring(at + 1);
        }
        String host = s;
        String port = "";
        if (s.startsWith("[")) {
            int end = s.indexOf(']');
            if (end < 0) {
                return false;
            }
            String literal = s.substring(1, end);
            if (!isIpv6(literal) && !literal.matches("(?s)[vV][0-9A-Fa-f]+\\..+")) {
                return false;
            }
            host = "";
            String rest = s.substring(end + 1);
            if (rest.startsWith(":")) {
                port = rest.substring(1);
            } else if (!rest.isEmpty()) {
                return false;
            }
        } else if (s.indexOf(':') >= 0) {
            host = s.substring(0, s.indexOf(':'));
            port = s.substring(s.indexOf(':') + 1);
        }
        return host.indexOf('[') < 0 && host.indexOf(']') < 0 && (port.isEmpty() || digits(port));
    }

    private static boolean percentEncoded(String s) {
        for (int i = s.indexOf('%'); i >= 0; i = s.indexOf('%', i + 1)) {
            if (i + 2 >= s.length() || !isHex(s.charAt(i + 1)) || !isHex(s.charAt(i + 2))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isUriTemplate(String template) {
        String s = template;
        while (!s.isEmpty()) {
            int open = s.indexOf('{');
            String literal = open < 0 ? s : s.substring(0, open);
            if (literal.chars().anyMatch(c -> c <= ' ' || c == 0x7f || "}\"<>\\^`|".indexOf(c) >= 0) || !percentEncoded(literal)) {
                return false;
            }
            if (open < 0) {
                return true;
            }
            int close = s.indexOf('}', open);
            if (close < 0 || !isExpression(s.substring(open + 1, close))) {
                return false;
            }
            s = s.substring(close + 1);
        }
        return true;
    }

    private static boolean isExpression(String expression) {
        String s = expression;
        if (!s.isEmpty() && "+#./;?&=,!@|".indexOf(s.charAt(0)) >= 0) {
            s = s.substring(1);
        }
        for (String each : split(s, ',')) {
            String spec = each.endsWith("*") ? each.substring(0, each.length() - 1) : each;
            int colon = spec.indexOf(':');
            String name = colon < 0 ? spec : spec.substring(0, colon);
            if (colon >= 0 && !spec.substring(colon + 1).matches("[1-9][0-9]{0,3}")) {
                return false;
            }
            for (String part : split(name, '.')) {
                if (part.isEmpty() || !percentEncoded(part) || !part.chars().allMatch(c -> c == '_' || c == '%' || isAlphanumeric(c))) {
                    return false;
                }
            }
        }
        return true;
    }

    private static boolean isJsonPointer(String s) {
        if (!s.isEmpty() && s.charAt(0) != '/') {
            return false;
        }
        for (int i = s.indexOf('~'); i >= 0; i = s.indexOf('~', i + 1)) {
            if (i + 1 == s.length() || s.charAt(i + 1) != '0' && s.charAt(i + 1) != '1') {
                return false;
            }
        }
        return true;
    }

    private static boolean isRelativeJsonPointer(String s) {
        int i = 0;
        while (i < s.length() && s.charAt(i) >= '0' && s.charAt(i) <= '9') {
            i++;
        }
        if (i == 0 || i > 1 && s.charAt(0) == '0') {
            return false;
        }
        return s.substring(i).equals("#") || isJsonPointer(s.substring(i));
    }

    // Host names: RFC 1123, and RFC 5890 for labels that are encoded.

    private static boolean isHostname(String s) {
        if (s.isEmpty() || s.length() > 253) {
            return false;
        }
        for (String label : split(s, '.')) {
            if (label.isEmpty() || label.length() > 63 || label.charAt(0) == '-' || label.endsWith("-")
                    || !label.chars().allMatch(c -> c == '-' || isAlphanumeric(c))) {
                return false;
            }
            if (label.regionMatches(true, 0, "xn--", 0, 4)) {
                String decoded = decodePunycode(label.substring(4));
                if (decoded == null || !isULabel(decoded) || !isBidiLabel(decoded, isRightToLeft(decoded))) {
                    return false;
                }
            } else if (label.startsWith("--", 2)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isIdnHostname(String s) {
        boolean bidi = isRightToLeft(s);
        int length = -1;
        for (String label : split(s.replace('\u3002', '.').replace('\uff0e', '.').replace('\uff61', '.'), '.')) {
            int encoded = label.length();
            if (isAscii(label)) {
                if (!isHostname(label)) {
                    return false;
                }
            } else {
                encoded = 4 + punycodeLength(label);
                if (!isULabel(label) || encoded > 63) {
                    return false;
                }
            }
            if (!isBidiLabel(label, bidi)) {
                return false;
            }
            length += encoded + 1;
        }
        return length <= 253;
    }

    private static boolean isMark(int c) {
        int t = Character.getType(c);
        return t == Character.NON_SPACING_MARK || t == Character.ENCLOSING_MARK || t == Character.COMBINING_SPACING_MARK;
    }

    private static boolean isOf(int c, Character.UnicodeScript... scripts) {
        return List.of(scripts).contains(Character.UnicodeScript.of(c));
    }

    /** A label by RFC 5892, with the characters that need a context in it. */
    private static boolean isULabel(String s) {
        int[] runes = s.codePoints().toArray();
        int n = runes.length;
        if (n == 0 || runes[0] == '-' || runes[n - 1] == '-' || isMark(runes[0]) || n > 3 && runes[2] == '-' && runes[3] == '-') {
            return false;
        }
        boolean arabic = false;
        boolean extended = false;
        boolean kana = false;
        for (int r : runes) {
            arabic |= r >= 0x0660 && r <= 0x0669;
            extended |= r >= 0x06f0 && r <= 0x06f9;
            kana |= r != 0x30fb && isOf(r, Character.UnicodeScript.HIRAGANA, Character.UnicodeScript.KATAKANA, Character.UnicodeScript.HAN);
        }
        if (arabic && extended) {
            return false;
        }
        for (int i = 0; i < n; i++) {
            int before = i > 0 ? runes[i - 1] : -1;
            int after = i + 1 < n ? runes[i + 1] : -1;
            boolean good = switch (runes[i]) {
                case 0x00b7 -> before == 'l' && after == 'l';
                case 0x0375 -> after >= 0 && isOf(after, Character.UnicodeScript.GREEK);
                case 0x05f3, 0x05f4 -> before >= 0 && isOf(before, Character.UnicodeScript.HEBREW);
                case 0x30fb -> kana;
                case 0x200d -> isVirama(before);
                case 0x200c -> isVirama(before) || joinsForward(before) && joinsBackward(after);
                case 0x0640, 0x07fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b -> false;
                case 0x00df, 0x03c2, 0x06fd, 0x06fe, 0x0f0b, 0x3007 -> true;
                default -> runes[i] == '-' || runes[i] >= '0' && runes[i] <= '9' || runes[i] >= 'a' && runes[i] <= 'z'
                        || Character.getType(runes[i]) != Character.UPPERCASE_LETTER
                                && (Character.isLetter(runes[i]) || isMark(runes[i]) || Character.isDigit(runes[i]));
            };
            if (!good) {
                return false;
            }
        }
        return true;
    }

    private static boolean isVirama(int r) {
        return switch (r) {
            case 0x094d, 0x09cd, 0x0a4d, 0x0acd, 0x0b4d, 0x0bcd, 0x0c4d, 0x0ccd, 0x0d4d, 0x0dca, 0x0e3a, 0x0f84, 0x1039, 0x103a, 0x17d2, 0xa8c4, 0xa9c0 -> true;
            default -> false;
        };
    }

    private static boolean joinsBackward(int r) {
        return r > 0 && isOf(r, Character.UnicodeScript.ARABIC) && Character.isLetter(r) && r != 0x0621;
    }

    private static boolean joinsForward(int r) {
        return switch (r) {
            case 0x0622, 0x0623, 0x0624, 0x0625, 0x0627, 0x0629, 0x062f, 0x0630, 0x0631, 0x0632, 0x0648, 0x0671, 0x0672, 0x0673, 0x0675,
                    0x0676, 0x0677, 0x0688, 0x0689, 0x0691, 0x0698, 0x06c0, 0x06cb, 0x06cd, 0x06cf, 0x06d2, 0x06d3, 0x06d5 -> false;
            default -> joinsBackward(r);
        };
    }

    private static boolean isRightToLeft(String s) {
        return s.codePoints().anyMatch(Formats::rightToLeft);
    }

    private static boolean rightToLeft(int r) {
        return r >= 0x0590
                        && isOf(r, Character.UnicodeScript.HEBREW, Character.UnicodeScript.ARABIC, Character.UnicodeScript.SYRIAC, Character.UnicodeScript.THAANA, Character.UnicodeScript.NKO)
                        && !isMark(r)
                        && (r < 0x06f0 || r > 0x06f9)
                || r >= 0x0660 && r <= 0x0669;
    }

    /** The Bidi rule of RFC 5893. */
    private static boolean isBidiLabel(String label, boolean bidi) {
        if (!bidi) {
            return true;
        }
        int[] runes = label.codePoints().toArray();
        int last = runes.length - 1;
        while (last > 0 && isMark(runes[last])) {
            last--;
        }
        if (last < 0 || Character.isDigit(runes[0])) {
            return false;
        }
        boolean fromRight = rightToLeft(runes[0]);
        boolean european = false;
        boolean arabic = false;
        for (int r : runes) {
            if (r >= '0' && r <= '9' || r >= 0x06f0 && r <= 0x06f9) {
                european = true;
            } else if (r >= 0x0660 && r <= 0x0669) {
                arabic = true;
                if (!fromRight) {
                    return false;
                }
            } else if (Character.isLetter(r) && rightToLeft(r) != fromRight) {
                return false;
            }
        }
        return !(european && arabic) && (Character.isLetter(runes[last]) || Character.isDigit(runes[last]) || rightToLeft(runes[last]));
    }

    /** An encoded label without its prefix (RFC 3492, 6.2), null for none. */
    private static String decodePunycode(String label) {
        List<Integer> out = new ArrayList<>();
        String s = label;
        int dash = s.lastIndexOf('-');
        if (dash > 0) {
            s.substring(0, dash).chars().forEach(out::add);
            s = s.substring(dash + 1);
        }
        int n = 128;
        int i = 0;
        int bias = 72;
        int at = 0;
        while (at < s.length()) {
            int old = i;
            int weight = 1;
            for (int k = 36; ; k += 36) {
                if (at == s.length()) {
                    return null;
                }
                int digit = Character.digit(s.charAt(at), 36);
                digit = digit < 0 ? -1 : digit >= 10 ? digit - 10 : digit + 26;
                at++;
                if (digit < 0 || i > 1 << 24 || weight > 1 << 24) {
                    return null;
                }
                i += digit * weight;
                int t = Math.min(Math.max(k - bias, 1), 26);
                if (digit < t) {
                    break;
                }
                weight *= 36 - t;
            }
            int size = out.size() + 1;
            bias = bias(i - old, size, old == 0);
            n += i / size;
            i %= size;
            if (n > Character.MAX_CODE_POINT || n < 0) {
                return null;
            }
            out.add(i++, n);
        }
        if (out.isEmpty()) {
            return null;
        }
        StringBuilder b = new StringBuilder();
        out.forEach(b::appendCodePoint);
        return b.toString();
    }

    private static int bias(int change, int size, boolean first) {
        int delta = first ? change / 700 : change / 2;
        delta += delta / size;
        int k = 0;
        while (delta > 455) {
            delta /= 35;
            k += 36;
        }
        return k + 36 * delta / (delta + 38);
    }

    /** The length of a label once encoded (RFC 3492, 6.3). */
    private static int punycodeLength(String label) {
        int[] runes = label.codePoints().toArray();
        int basic = (int) label.chars().filter(c -> c < 0x80).count();
        int handled = basic;
        int length = basic + (basic > 0 ? 1 : 0);
        int n = 128;
        int delta = 0;
        int bias = 72;
        while (handled < runes.length) {
            int next = Character.MAX_CODE_POINT;
            for (int r : runes) {
                if (r >= n && r < next) {
                    next = r;
                }
            }
            delta += (next - n) * (handled + 1);
            n = next;
            for (int r : runes) {
                if (r < n) {
                    delta++;
                }
                if (r != n) {
                    continue;
                }
                int q = delta;
                for (int k = 36; ; k += 36) {
                    length++;
                    int t = Math.min(Math.max(k - bias, 1), 26);
                    if (q < t) {
                        break;
                    }
                    q = (q - t) / (36 - t);
                }
                bias = bias(delta, handled + 1, handled == basic);
                delta = 0;
                handled++;
            }
            delta++;
            n++;
        }
        return length;
    }
}
