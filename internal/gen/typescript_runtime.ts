/** One thing that is wrong with an event. */
export interface Problem {
  /** JSON Pointer into the event, "" for the whole. */
  readonly pointer: string;
  /** The keyword of the schema that says no, or the rule of JSON or CloudEvents. */
  readonly keyword: string;
  readonly message: string;
}

/** Thrown where an event does not hold to its contract. */
export class ContractError extends Error {
  readonly problems: readonly Problem[];

  constructor(what: string, problems: readonly Problem[]) {
    const first = problems[0];
    const where = first === undefined || first.pointer === "" ? "" : first.pointer + ": ";
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    super(`${what}: ${where}${first?.message ?? "it does not hold to the contract"}${more}`);
    this.name = "ContractError";
    this.problems = problems;
  }
}

/** What an event read from a text turned out to be. */
export type Reading<E> =
  | { readonly outcome: "event"; readonly event: E }
  | { readonly outcome: "unknown-type"; readonly type: string }
  | { readonly outcome: "invalid"; readonly problems: readonly Problem[] };

/** A message of a broker or of HTTP, as clients hand it on. */
export interface Message {
  /** Whose binding of CloudEvents it follows. */
  readonly protocol: "amqp" | "http" | "kafka" | "mqtt" | "nats" | "pubsub";
  /** The content type, where the protocol has a field for it (AMQP, MQTT); else it is a header. */
  readonly contentType?: string;
  /** Headers, application properties, user properties or attributes. */
  readonly headers: { readonly [name: string]: string | number | boolean | undefined };
  /** The body as a text, which JSON is in UTF-8. */
  readonly body: string;
}

/** How a value is written in TypeScript where that is not how it travels. */
export interface Codec {
  /** Whole numbers are bigint. */
  readonly big?: boolean;
  readonly fields?: {
    readonly [name: string]: {
      readonly name: string;
      readonly codec?: () => Codec;
      readonly fill?: string;
    };
  };
  readonly rest?: () => Codec;
  readonly prefix?: readonly ((() => Codec) | null)[];
  readonly items?: () => Codec;
}

/** The schemas of one event, as JSON Schema 2020-12 in the plain form that treaty writes. */
export interface Schemas {
  /** Of data. */
  readonly data?: string;
  /** Whether the data are Avro's, in its JSON encoding: a text under another type is none. */
  readonly avro?: boolean;
  /** Of the whole event. */
  readonly whole?: string;
  /** Of attributes: name, whether required, schema. */
  readonly attributes?: readonly (readonly [string, boolean, string])[];
}

/** What the contract says of one event type. */
export interface EventSchemas {
  readonly type: string;
  /** The mode that messages come in, where the contract has one. */
  readonly mode?: "structured" | "binary" | "batch";
  /** What readers accept. */
  readonly read: Schemas;
  /** What writers may emit, where that is not the same. */
  readonly write?: Schemas;
  readonly codec?: () => Codec;
}

// ---------------------------------------------------------------------------
// JSON. JSON.parse rounds numbers, keeps the last of two members of one name, and
// lets lone surrogates pass; a contract does not.

/** A number that the language's own cannot hold exactly. No event has one: it is a
 * bigint where the contract says so, and refused elsewhere when all else has been
 * looked at. */
class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

class SyntaxProblem extends Error {}

const maxDepth = 512;
const numberAt = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const plainAt = /[^"\\\u0000-\u001f]*/y;

// What a text is looked at more closely for: escapes, control characters, surrogates.
const special = /[\\\u0000-\u001f\ud800-\udfff]/;

type Members = { [name: string]: unknown };

function put(members: Members, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(members, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else {
    members[name] = value;
  }
}

function parseJSON(text: string): unknown {
  let at = 0;
  const fail = (message: string): never => {
    throw new SyntaxProblem(`${message} (at character ${at})`);
  };
  const space = (): void => {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      at++;
    }
  };
  const string = (): string => {
    at++;
    const end = text.indexOf('"', at);
    const plain = text.slice(at, end);
    if (end >= 0 && !special.test(plain)) {
      at = end + 1;
      return plain;
    }
    let out = "";
    for (;;) {
      plainAt.lastIndex = at;
      out += plainAt.exec(text)?.[0] ?? "";
      at = plainAt.lastIndex;
      const c = text[at];
      if (c === '"') {
        at++;
        break;
      }
      if (c !== "\\")
        return fail(
          c === undefined ? "a text is not closed" : "there is a control character in a text",
        );
      const e = text[at + 1];
      at += 2;
      if (e === "u") {
        const hex = text.slice(at, at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) return fail("\\u needs four hexadecimal digits");
        out += String.fromCharCode(parseInt(hex, 16));
        at += 4;
      } else {
        const i = e === undefined ? -1 : '"\\/bfnrt'.indexOf(e);
        if (i < 0) return fail("there is an escape that JSON does not have");
        out += '"\\/\b\f\n\r\t'.charAt(i);
      }
    }
    return isWellFormed(out) ? out : fail("there is half of a surrogate pair in a text");
  };
  const value = (depth: number): unknown => {
    if (depth > maxDepth) return fail(`it is nested deeper than ${maxDepth}`);
    const c = text[at];
    if (c === '"') return string();
    if (c === "{") {
      const members: Members = {};
      at++;
      space();
      if (text[at] === "}") {
        at++;
        return members;
      }
      for (;;) {
        if (text[at] !== '"') return fail("a member needs a name in quotes");
        const name = string();
        if (Object.hasOwn(members, name)) return fail(`the member ${quote(name)} is there twice`);
        space();
        if (text[at] !== ":") return fail("there is no colon after a name");
        at++;
        space();
        put(members, name, value(depth + 1));
        space();
        if (text[at] === "}") {
          at++;
          return members;
        }
        if (text[at] !== ",") return fail("there is no comma between members");
        at++;
        space();
      }
    }
    if (c === "[") {
      const items: unknown[] = [];
      at++;
      space();
      if (text[at] === "]") {
        at++;
        return items;
      }
      for (;;) {
        items.push(value(depth + 1));
        space();
        if (text[at] === "]") {
          at++;
          return items;
        }
        if (text[at] !== ",") return fail("there is no comma between items");
        at++;
        space();
      }
    }
    for (const [word, meaning] of words) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    numberAt.lastIndex = at;
    const literal = numberAt.exec(text)?.[0];
    if (literal === undefined) return fail("there is no value of JSON");
    at += literal.length;
    const number = Number(literal);
    if (literal.length <= 15 && !/[eE]/.test(literal)) return number;
    return Number.isFinite(number) && sameDecimal(decimal(literal), decimal(String(number)))
      ? number
      : new ExactNumber(literal);
  };
  space();
  const all = value(0);
  space();
  if (at < text.length) fail("there is something after the value");
  return all;
}

const words: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

const halfPair = /[\ud800-\udfff]/u;

function isWellFormed(s: string): boolean {
  return !halfPair.test(s);
}

function quote(s: string): string {
  return JSON.stringify(s.length > 64 ? s.slice(0, 61) + "…" : s);
}

// ---------------------------------------------------------------------------
// Decimals, exactly as they are written: digits × 10^exponent.

interface Decimal {
  readonly negative: boolean;
  readonly digits: string; // without zeros at either end; "" is zero
  readonly exponent: number;
}

const maxExponent = 1 << 30;

function decimal(text: string): Decimal {
  const negative = text.startsWith("-");
  const [mantissa = "", power] = text.slice(negative ? 1 : 0).split(/[eE]/);
  let exponent = Math.min(
    Math.max(power === undefined ? 0 : Number(power), -maxExponent),
    maxExponent,
  );
  const [whole = "", fraction = ""] = mantissa.split(".");
  exponent -= fraction.length;
  const digits = (whole + fraction).replace(/^0+/, "");
  const trimmed = digits.replace(/0+$/, "");
  exponent += digits.length - trimmed.length;
  return trimmed === ""
    ? { negative: false, digits: "", exponent: 0 }
    : { negative, digits: trimmed, exponent };
}

function sameDecimal(a: Decimal, b: Decimal): boolean {
  return a.negative === b.negative && a.digits === b.digits && a.exponent === b.exponent;
}

function decimalOf(n: number | ExactNumber): Decimal {
  return decimal(typeof n === "number" ? String(n) : n.text);
}

function sign(d: Decimal): number {
  return d.digits === "" ? 0 : d.negative ? -1 : 1;
}

function compare(a: number | ExactNumber, b: number | ExactNumber): number {
  if (typeof a === "number" && typeof b === "number") return a < b ? -1 : a > b ? 1 : 0;
  const x = decimalOf(a);
  const y = decimalOf(b);
  const signs = sign(x) - sign(y);
  if (signs !== 0 || sign(x) === 0) return signs;
  let c = x.digits.length + x.exponent - (y.digits.length + y.exponent);
  if (c === 0) c = x.digits < y.digits ? -1 : x.digits > y.digits ? 1 : 0;
  return x.negative ? -c : c;
}

function isMultiple(n: number | ExactNumber, of: number | ExactNumber): boolean {
  if (Number.isSafeInteger(n) && Number.isSafeInteger(of) && of !== 0) {
    return (n as number) % (of as number) === 0;
  }
  const x = decimalOf(n);
  const y = decimalOf(of);
  if (x.digits === "") return true;
  if (y.digits === "") return false;
  const a = BigInt(x.digits);
  const b = BigInt(y.digits);
  const shift = x.exponent - y.exponent;
  if (shift >= 0) {
    // The power is taken modulo the divisor, so that a large exponent costs nothing.
    let power = 1n;
    let base = 10n % b;
    for (let e = shift; e > 0; e = Math.floor(e / 2)) {
      if (e % 2 === 1) power = (power * base) % b;
      base = (base * base) % b;
    }
    return ((power % b) * (a % b)) % b === 0n;
  }
  if (-shift > x.digits.length) return false;
  return a % (b * 10n ** BigInt(-shift)) === 0n;
}

function isInteger(n: number | ExactNumber): boolean {
  return typeof n === "number" ? Number.isInteger(n) : decimal(n.text).exponent >= 0;
}

// ---------------------------------------------------------------------------
// Schemas.

const typeBits: { readonly [name: string]: number } = {
  null: 1,
  boolean: 2,
  integer: 4,
  number: 12, // 8 is a number that is none of the integers
  string: 16,
  array: 32,
  object: 64,
};

const typeNames: readonly (readonly [number, string])[] = [
  [1, "null"],
  [2, "true or false"],
  [12, "a number"],
  [4, "an integer"],
  [16, "a text"],
  [32, "a list"],
  [64, "an object"],
];

/** The type of a value; 0 where it is none of JSON. */
function typeOf(v: unknown): number {
  switch (typeof v) {
    case "string":
      return 16;
    case "number":
      return Number.isInteger(v) ? 4 : Number.isFinite(v) ? 8 : 0;
    case "boolean":
      return 2;
    case "object":
      if (v === null) return 1;
      if (Array.isArray(v)) return 32;
      if (v instanceof ExactNumber) return isInteger(v) ? 4 : 8;
      return typeof (v as Members)["toJSON"] === "function" ? 0 : 64;
  }
  return 0;
}

function describe(v: unknown): string {
  if (typeof v === "string") return quote(v);
  if (v instanceof ExactNumber) return v.text;
  if (Array.isArray(v)) return "a list";
  if (typeof v === "object" && v !== null && typeOf(v) === 64) return "an object";
  return typeof v === "object" && v !== null ? "an object that writes itself" : String(v);
}

function describeTypes(types: number): string {
  const names: string[] = [];
  let left = types;
  for (const [bits, name] of typeNames) {
    if ((left & bits) === bits) {
      names.push(name);
      left &= ~bits;
    }
  }
  return names.join(" or ");
}

/** A text that equal values share, and no others. */
function canonical(v: unknown): string {
  if (typeof v === "string") return JSON.stringify(v);
  if (typeof v === "number" || v instanceof ExactNumber) {
    const d = decimalOf(v);
    return `${d.negative ? "-" : ""}${d.digits}e${d.exponent}`;
  }
  if (Array.isArray(v)) return `[${v.map(canonical).join(",")}]`;
  if (typeof v === "object" && v !== null) {
    const members = v as Members;
    const parts = Object.keys(members)
      .filter((name) => members[name] !== undefined)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonical(members[name])}`);
    return `{${parts.join(",")}}`;
  }
  return String(v);
}

/** The same for values by themselves, most of which are texts. */
function keyOf(v: unknown): string {
  return typeof v === "string" ? `"${v}` : canonical(v);
}

interface Rule {
  verdict?: boolean; // of the schemas true and false
  ref?: Rule;
  types?: number;
  constant?: string; // by keyOf
  constants?: ReadonlySet<string>; // by keyOf
  listed?: string; // what const or enum has, for messages
  bounds?: readonly (readonly [keyword: string, bound: number | ExactNumber])[];
  minLength?: number;
  maxLength?: number;
  pattern?: RegExp;
  format?: string;
  prefix?: readonly Rule[];
  items?: Rule;
  contains?: Rule;
  minContains: number;
  maxContains: number;
  minItems: number;
  maxItems: number;
  unique: boolean;
  properties?: ReadonlyMap<string, Rule>;
  patterns?: readonly (readonly [RegExp, Rule])[];
  additional?: Rule;
  names?: Rule;
  required?: readonly string[];
  minProperties: number;
  maxProperties: number;
  dependents?: readonly (readonly [string, Rule])[];
  dependentNames?: readonly (readonly [string, readonly string[]])[];
  allOf?: readonly Rule[];
  anyOf?: readonly Rule[];
  oneOf?: readonly Rule[];
  not?: Rule;
  if?: Rule;
  then?: Rule;
  else?: Rule;
  unevaluatedItems?: Rule;
  unevaluatedProperties?: Rule;
}

function emptyRule(): Rule {
  return {
    minContains: 1,
    maxContains: Infinity,
    minItems: 0,
    maxItems: Infinity,
    unique: false,
    minProperties: 0,
    maxProperties: Infinity,
  };
}

/** Compiles a schema in the form that treaty writes: references lead into $defs. */
function compile(text: string): Rule {
  const document = parseJSON(text) as Members;
  const defs = (document["$defs"] ?? {}) as Members;
  const made = new Map<string, Rule>();
  const refer = (ref: string): Rule => {
    const name = ref.slice("#/$defs/".length);
    let rule = made.get(name);
    if (rule === undefined) {
      rule = emptyRule();
      made.set(name, rule);
      read(defs[name], rule);
    }
    return rule;
  };
  const sub = (schema: unknown): Rule => {
    if (typeof schema === "object" && schema !== null) {
      const names = Object.keys(schema);
      const ref = (schema as Members)["$ref"];
      if (names.length === 1 && typeof ref === "string") return refer(ref);
    }
    return read(schema, emptyRule());
  };
  const list = (schemas: unknown): Rule[] => (schemas as unknown[]).map(sub);
  const entries = (schemas: unknown): (readonly [string, Rule])[] =>
    Object.entries(schemas as Members).map(([name, schema]) => [name, sub(schema)] as const);
  const bound = (n: unknown): number => (typeof n === "number" ? n : Infinity);
  const read = (schema: unknown, rule: Rule): Rule => {
    if (typeof schema === "boolean") {
      rule.verdict = schema;
      return rule;
    }
    const bounds: (readonly [string, number | ExactNumber])[] = [];
    for (const [keyword, value] of Object.entries(schema as Members)) {
      switch (keyword) {
        case "$ref":
          rule.ref = refer(value as string);
          break;
        case "type":
          rule.types = (Array.isArray(value) ? (value as string[]) : [value as string]).reduce(
            (bits, name) => bits | (typeBits[name] ?? 0),
            0,
          );
          break;
        case "const":
          rule.constant = keyOf(value);
          rule.listed = canonical(value);
          break;
        case "enum":
          rule.constants = new Set((value as unknown[]).map(keyOf));
          rule.listed = (value as unknown[])
            .map((v) => (typeof v === "object" ? canonical(v) : String(v)))
            .join(", ");
          break;
        case "minimum":
        case "maximum":
        case "exclusiveMinimum":
        case "exclusiveMaximum":
        case "multipleOf":
          bounds.push([keyword, value as number | ExactNumber]);
          rule.bounds = bounds;
          break;
        case "minLength":
        case "maxLength":
        case "minContains":
        case "maxContains":
        case "minItems":
        case "maxItems":
        case "minProperties":
        case "maxProperties":
          rule[keyword] = bound(value);
          break;
        case "pattern":
          rule.pattern = pattern(value as string);
          break;
        case "format":
          if (Object.hasOwn(formats, value as string)) rule.format = value as string;
          break;
        case "uniqueItems":
          rule.unique = value === true;
          break;
        case "prefixItems":
          rule.prefix = list(value);
          break;
        case "properties":
          rule.properties = new Map(entries(value));
          break;
        case "patternProperties":
          rule.patterns = entries(value).map(([text, r]) => [pattern(text), r] as const);
          break;
        case "additionalProperties":
          rule.additional = sub(value);
          break;
        case "propertyNames":
          rule.names = sub(value);
          break;
        case "required":
          rule.required = value as string[];
          break;
        case "dependentSchemas":
          rule.dependents = entries(value);
          break;
        case "dependentRequired":
          rule.dependentNames = Object.entries(value as { [name: string]: string[] });
          break;
        case "allOf":
        case "anyOf":
        case "oneOf":
          rule[keyword] = list(value);
          break;
        case "items":
        case "contains":
        case "not":
        case "if":
        case "then":
        case "else":
        case "unevaluatedItems":
        case "unevaluatedProperties":
          rule[keyword] = sub(value);
          break;
      }
    }
    return rule;
  };
  return read(document, emptyRule());
}

/** A problem with what tells why alternatives fail. */
interface Fault extends Problem {
  readonly types?: number;
  readonly listed?: string;
  readonly text?: boolean; // the value is one
}

type Seen = Set<string | number>;

const maxProblems = 100;
const memoFrom = 100_000;
const explainSteps = 20_000;
const maxSteps = 1_000_000;
const tooManySteps = "the value is not decided within a reasonable number of steps";

/** One value being held against one schema: first for the verdict alone, and only
 * where that is no once more for the reasons. */
class Validation {
  explaining = false;
  faults: Fault[] = [];
  steps = 0;
  private readonly path: string[] = [];
  private readonly stack: (readonly [Rule, unknown])[] = [];
  private readonly memo = new Map<object, Map<Rule, boolean>>();

  private here(): string {
    return this.path.map((token) => "/" + token.replace(/~/g, "~0").replace(/\//g, "~1")).join("");
  }

  private fault(keyword: string, message: () => string, more?: () => Partial<Fault>): false {
    if (this.explaining && this.faults.length < maxProblems) {
      this.faults.push({ pointer: this.here(), keyword, message: message(), ...more?.() });
    }
    return false;
  }

  private at(token: string, check: () => boolean): boolean {
    this.path.push(token);
    const ok = check();
    this.path.pop();
    return ok;
  }

  private child(rule: Rule, token: string, value: unknown): boolean {
    if (rule.verdict === true) return true;
    this.path.push(token);
    const ok = this.check(rule, value, undefined);
    this.path.pop();
    return ok;
  }

  check(rule: Rule, value: unknown, seen: Seen | undefined): boolean {
    if (rule.verdict !== undefined) {
      return (
        rule.verdict ||
        this.fault("false", () => `${describe(value)} is not allowed here; leave it out`)
      );
    }
    if (++this.steps > maxSteps) return this.fault("", () => tooManySteps);
    const memo =
      this.steps > memoFrom &&
      !this.explaining &&
      seen === undefined &&
      typeof value === "object" &&
      value !== null
        ? value
        : undefined;
    if (memo !== undefined) {
      const known = this.memo.get(memo)?.get(rule);
      if (known !== undefined) return known;
    }
    for (let i = this.stack.length - 1; i >= 0; i--) {
      const frame = this.stack[i];
      if (frame === undefined || frame[1] !== value) break;
      if (frame[0] === rule)
        return this.fault("$ref", () => "the schema refers back to itself and so never decides");
    }
    this.stack.push([rule, value]);
    const ok = this.apply(rule, value, seen);
    this.stack.pop();
    if (memo !== undefined) {
      const verdicts = this.memo.get(memo) ?? new Map<Rule, boolean>();
      this.memo.set(memo, verdicts);
      verdicts.set(rule, ok);
    }
    return ok;
  }

  private apply(rule: Rule, value: unknown, given: Seen | undefined): boolean {
    let seen = given;
    const type = typeOf(value);
    if (type === 0) {
      return this.fault(
        "type",
        () => `${describe(value)} is no value of JSON`,
        () => ({ types: rule.types ?? 127 }),
      );
    }
    if (rule.types !== undefined && (type & rule.types) === 0) {
      const types = rule.types;
      return this.fault(
        "type",
        () => `${describe(value)} has to be ${describeTypes(types)}`,
        () => ({ types }),
      );
    }
    const isText = typeof value === "string";
    if (rule.constant !== undefined && keyOf(value) !== rule.constant) {
      const listed = rule.listed ?? "";
      return this.fault(
        "const",
        () => `${describe(value)} has to be ${listed}`,
        () => ({ listed, text: isText }),
      );
    }
    if (rule.constants !== undefined && !rule.constants.has(keyOf(value))) {
      const listed = rule.listed ?? "";
      return this.fault(
        "enum",
        () => `${describe(value)} is none of ${listed}`,
        () => ({ listed, text: isText }),
      );
    }
    if (
      seen === undefined &&
      ((rule.unevaluatedItems !== undefined && type === 32) ||
        (rule.unevaluatedProperties !== undefined && type === 64))
    ) {
      seen = new Set();
    }
    let ok = rule.ref === undefined || this.check(rule.ref, value, seen);
    if (ok || this.explaining) {
      switch (type) {
        case 4:
        case 8:
          ok = this.checkNumber(rule, value as number | ExactNumber) && ok;
          break;
        case 16:
          ok = this.checkText(rule, value as string) && ok;
          break;
        case 32:
          ok = this.checkArray(rule, value as unknown[], seen) && ok;
          break;
        case 64:
          ok = this.checkObject(rule, value as Members, seen) && ok;
          break;
      }
    }
    if (ok || this.explaining) ok = this.checkInPlace(rule, value, seen) && ok;
    // Only a value that all else accepts has settled which of its members were looked at.
    if (ok && seen !== undefined) ok = this.checkUnevaluated(rule, value, seen);
    return ok;
  }

  private checkNumber(rule: Rule, n: number | ExactNumber): boolean {
    let ok = true;
    for (const [keyword, bound] of rule.bounds ?? []) {
      let holds = true;
      let how = "";
      switch (keyword) {
        case "minimum":
          holds = compare(n, bound) >= 0;
          how = "at least";
          break;
        case "maximum":
          holds = compare(n, bound) <= 0;
          how = "at most";
          break;
        case "exclusiveMinimum":
          holds = compare(n, bound) > 0;
          how = "more than";
          break;
        case "exclusiveMaximum":
          holds = compare(n, bound) < 0;
          how = "less than";
          break;
        default:
          holds = isMultiple(n, bound);
          how = "a multiple of";
      }
      if (!holds)
        ok = this.fault(keyword, () => `${describe(n)} has to be ${how} ${describe(bound)}`);
    }
    return ok;
  }

  private checkText(rule: Rule, s: string): boolean {
    let ok = true;
    if (rule.minLength !== undefined || rule.maxLength !== undefined) {
      const length = codePoints(s);
      if (length < (rule.minLength ?? 0)) {
        ok = this.fault(
          "minLength",
          () => `${quote(s)} has ${length} characters, and needs ${rule.minLength}`,
        );
      }
      if (length > (rule.maxLength ?? Infinity)) {
        ok = this.fault(
          "maxLength",
          () => `${quote(s)} has ${length} characters, and may have ${rule.maxLength}`,
        );
      }
    }
    const expression = rule.pattern;
    if (expression !== undefined && !expression.test(s)) {
      ok = this.fault("pattern", () => `${quote(s)} does not match ${expression.source}`);
    }
    const format = rule.format;
    if (format !== undefined && formats[format]?.(s) === false) {
      ok = this.fault("format", () => `${quote(s)} is no ${format}`);
    }
    return ok;
  }

  private checkArray(rule: Rule, items: readonly unknown[], seen: Seen | undefined): boolean {
    let ok = true;
    if (items.length < rule.minItems) {
      ok = this.fault(
        "minItems",
        () => `the list has ${items.length} items, and needs ${rule.minItems}`,
      );
    }
    if (items.length > rule.maxItems) {
      ok = this.fault(
        "maxItems",
        () => `the list has ${items.length} items, and may have ${rule.maxItems}`,
      );
    }
    if (rule.unique) {
      const had = new Map<string, number>();
      for (const [i, item] of items.entries()) {
        const key = keyOf(item);
        const first = had.get(key);
        if (first !== undefined) {
          ok = this.fault("uniqueItems", () => `items ${first} and ${i} are the same; remove one`);
          break;
        }
        had.set(key, i);
      }
    }
    const prefix = rule.prefix ?? [];
    for (let i = 0; i < items.length; i++) {
      if (!ok && !this.explaining) return false;
      const item = items[i];
      const first = prefix[i];
      if (first !== undefined) {
        ok = this.child(first, String(i), item) && ok;
      } else if (rule.items === undefined) {
        break;
      } else if (rule.items.verdict === false) {
        ok = this.fault(
          "items",
          () => `item ${i} is one too many: the list ends after ${prefix.length}`,
        );
        continue;
      } else {
        ok = this.child(rule.items, String(i), item) && ok;
      }
      seen?.add(i);
    }
    if (rule.contains !== undefined && (ok || this.explaining)) {
      ok = this.checkContains(rule, rule.contains, items, seen) && ok;
    }
    return ok;
  }

  private checkContains(
    rule: Rule,
    contains: Rule,
    items: readonly unknown[],
    seen: Seen | undefined,
  ): boolean {
    let found = 0;
    for (let i = 0; i < items.length; i++) {
      if (this.quietly(() => this.child(contains, String(i), items[i]))) {
        found++;
        seen?.add(i);
      }
    }
    if (found < rule.minContains) {
      return this.fault(
        rule.minContains === 1 ? "contains" : "minContains",
        () => `${found} items of the list fit what it has to contain, and ${rule.minContains} must`,
      );
    }
    if (found > rule.maxContains) {
      return this.fault(
        "maxContains",
        () => `${found} items of the list fit what it may contain, and ${rule.maxContains} may`,
      );
    }
    return true;
  }

  private checkObject(rule: Rule, members: Members, seen: Seen | undefined): boolean {
    let names = Object.keys(members);
    if (names.some((name) => members[name] === undefined)) {
      names = names.filter((name) => members[name] !== undefined); // the same as not there
    }
    const has = (name: string): boolean =>
      Object.hasOwn(members, name) && members[name] !== undefined;
    let ok = true;
    if (names.length < rule.minProperties) {
      ok = this.fault(
        "minProperties",
        () => `the object has ${names.length} properties, and needs ${rule.minProperties}`,
      );
    }
    if (names.length > rule.maxProperties) {
      ok = this.fault(
        "maxProperties",
        () => `the object has ${names.length} properties, and may have ${rule.maxProperties}`,
      );
    }
    for (const name of rule.required ?? []) {
      if (!has(name))
        ok = this.fault("required", () => `property ${quote(name)} is required; add it`);
    }
    if (!ok && !this.explaining) return false;
    for (const [of, dependent] of rule.dependents ?? []) {
      if (has(of)) ok = this.inPlace(dependent, members, seen) && ok;
    }
    for (const [of, needed] of rule.dependentNames ?? []) {
      if (!has(of)) continue;
      for (const name of needed) {
        if (!has(name)) {
          ok = this.fault(
            "dependentRequired",
            () => `property ${quote(name)} is required beside ${quote(of)}; add it`,
          );
        }
      }
    }
    for (const name of names) {
      if (!ok && !this.explaining) return false;
      const member = members[name];
      let known = false;
      const property = rule.properties?.get(name);
      if (property !== undefined) {
        known = true;
        ok = this.child(property, name, member) && ok;
      }
      for (const [expression, matched] of rule.patterns ?? []) {
        if (expression.test(name)) {
          known = true;
          ok = this.child(matched, name, member) && ok;
        }
      }
      if (!known && rule.additional !== undefined) {
        known = true;
        if (rule.additional.verdict === false) {
          ok =
            this.at(name, () =>
              this.fault(
                "additionalProperties",
                () => `property ${quote(name)} is not allowed here; remove it`,
              ),
            ) && ok;
        } else {
          ok = this.child(rule.additional, name, member) && ok;
        }
      }
      if (known) seen?.add(name);
      if (rule.names !== undefined) ok = this.child(rule.names, name, name) && ok;
    }
    return ok;
  }

  /** Applies a schema to the same value. What it has looked at counts only where it accepts. */
  private inPlace(rule: Rule, value: unknown, seen: Seen | undefined): boolean {
    if (seen === undefined) return this.check(rule, value, undefined);
    const own: Seen = new Set();
    if (!this.check(rule, value, own)) return false;
    for (const one of own) seen.add(one);
    return true;
  }

  private quietly(check: () => boolean): boolean {
    const explaining = this.explaining;
    this.explaining = false;
    const ok = check();
    this.explaining = explaining;
    return ok;
  }

  private checkInPlace(rule: Rule, value: unknown, seen: Seen | undefined): boolean {
    let ok = true;
    for (const one of rule.allOf ?? []) {
      ok = this.inPlace(one, value, seen) && ok;
      if (!ok && !this.explaining) return false;
    }
    if (rule.anyOf !== undefined) {
      let matched = false;
      for (const one of rule.anyOf) {
        if (this.quietly(() => this.inPlace(one, value, seen))) {
          matched = true;
          if (seen === undefined) break;
        }
      }
      if (!matched) ok = this.explainBranches("anyOf", rule.anyOf, value);
    }
    if (rule.oneOf !== undefined) {
      let matched = 0;
      for (const one of rule.oneOf) {
        if (!this.quietly(() => this.inPlace(one, value, seen))) continue;
        if (++matched > 1) {
          ok = this.fault(
            "oneOf",
            () => `${describe(value)} fits more than one alternative, and has to fit exactly one`,
          );
          break;
        }
      }
      if (matched === 0) ok = this.explainBranches("oneOf", rule.oneOf, value);
    }
    if (!ok && !this.explaining) return false;
    const not = rule.not;
    if (not !== undefined && this.quietly(() => this.inPlace(not, value, seen && new Set()))) {
      ok = this.fault("not", () => `${describe(value)} is what the schema says it must not be`);
    }
    const condition = rule.if;
    if (condition !== undefined) {
      const branch = this.quietly(() => this.inPlace(condition, value, seen))
        ? rule.then
        : rule.else;
      if (branch !== undefined) ok = this.inPlace(branch, value, seen) && ok;
    }
    return ok;
  }

  private checkUnevaluated(rule: Rule, value: unknown, seen: Seen): boolean {
    const isArray = Array.isArray(value);
    const rest = isArray ? rule.unevaluatedItems : rule.unevaluatedProperties;
    if (rest === undefined || typeof value !== "object" || value === null) return true;
    let ok = true;
    const members = value as Members;
    for (const name of Object.keys(members)) {
      const key = isArray ? Number(name) : name;
      const member = members[name];
      if (member === undefined || seen.has(key)) continue;
      if (rest.verdict === false) {
        const keyword = isArray ? "unevaluatedItems" : "unevaluatedProperties";
        ok =
          this.at(name, () =>
            this.fault(keyword, () => `${quote(name)} is not allowed here; remove it`),
          ) && ok;
      } else {
        ok = this.child(rest, name, member) && ok;
      }
      seen.add(key);
    }
    return ok;
  }

  /** Says why none of some alternatives accepts a value: of the one that was meant, where that shows. */
  private explainBranches(keyword: string, branches: readonly Rule[], value: unknown): false {
    if (!this.explaining) return false;
    if (this.steps > explainSteps) {
      return this.fault(
        keyword,
        () => `${describe(value)} fits none of the ${branches.length} alternatives`,
      );
    }
    const before = this.faults;
    const all = branches.map((branch) => {
      this.faults = [];
      this.check(branch, value, undefined);
      return this.faults;
    });
    this.faults = before;
    const here = this.here();
    const fitting = all.filter((faults) => !isWrongKind(faults, here));
    const meant = all.length === 1 ? all[0] : fitting.length === 1 ? fitting[0] : undefined;
    if (meant !== undefined) {
      this.faults.push(...meant);
      return false;
    }
    const together = summary(all, here, keyword);
    if (together !== undefined) {
      this.faults.push(together);
      return false;
    }
    let closest: readonly Fault[] = [];
    let least = Infinity;
    for (const faults of all) {
      const cost = faults.length + (isWrongKind(faults, here) ? 1000 : 0);
      if (cost < least) {
        closest = faults;
        least = cost;
      }
    }
    return this.fault(keyword, () => {
      const first = closest[0];
      const place =
        first === undefined || first.pointer === here
          ? ""
          : ` at ${first.pointer.slice(here.length)}`;
      return `${describe(value)} fits none of the ${branches.length} alternatives; of the closest${place}: ${first?.message ?? ""}`;
    });
  }
}

/** How many steps below a pointer another one is. */
function below(pointer: string, here: string): number {
  return pointer.slice(here.length).split("/").length - 1;
}

/** Whether faults say that the value is of another kind altogether. */
function isWrongKind(faults: readonly Fault[], here: string): boolean {
  return faults.some((f) => {
    switch (f.keyword) {
      case "type":
      case "false":
      case "":
        return f.pointer === here;
      case "const":
        return below(f.pointer, here) <= 1;
      case "enum":
        return below(f.pointer, here) <= 1 && f.text === true;
    }
    return false;
  });
}

/** Puts alternatives that differ in type or in a constant into one sentence. */
function summary(
  all: readonly (readonly Fault[])[],
  here: string,
  keyword: string,
): Fault | undefined {
  for (const first of all[0] ?? []) {
    if ((first.types === undefined && first.listed === undefined) || below(first.pointer, here) > 1)
      continue;
    const same = all.map((faults) =>
      faults.find(
        (f) =>
          f.pointer === first.pointer &&
          (f.types === undefined) === (first.types === undefined) &&
          (f.listed === undefined) === (first.listed === undefined),
      ),
    );
    const found = same.filter((f): f is Fault => f !== undefined);
    if (found.length < all.length) continue;
    if (first.types !== undefined) {
      const types = found.reduce((bits, f) => bits | (f.types ?? 0), 0);
      return {
        pointer: first.pointer,
        keyword,
        types,
        message: `it has to be ${describeTypes(types)}`,
      };
    }
    const listed = found.map((f) => f.listed).join(", ");
    return { pointer: first.pointer, keyword, listed, message: `it is none of ${listed}` };
  }
  return undefined;
}

function codePoints(s: string): number {
  let n = s.length;
  for (let i = 0; i + 1 < s.length; i++) {
    if ((s.charCodeAt(i) & 0xfc00) === 0xd800 && (s.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      n--;
      i++;
    }
  }
  return n;
}

function validate(rule: Rule, value: unknown, prefix: string): Problem[] {
  if (new Validation().check(rule, value, undefined)) return [];
  const v = new Validation();
  v.explaining = true;
  v.check(rule, value, undefined);
  const had = new Set<string>();
  const problems: Problem[] = [];
  for (const f of v.faults) {
    const key = `${f.pointer} ${f.keyword} ${f.message}`;
    if (had.has(key)) continue;
    had.add(key);
    problems.push({ pointer: prefix + f.pointer, keyword: f.keyword, message: f.message });
  }
  if (problems.length === 0) problems.push({ pointer: prefix, keyword: "", message: tooManySteps });
  return problems;
}

// ---------------------------------------------------------------------------
// Patterns are those of ECMA-262, with the flag u; those that only its older form
// reads are written over for it.

function pattern(text: string): RegExp {
  for (const [source, flags] of [
    [text, "u"],
    [modern(text), "u"],
    [text, ""],
  ] as const) {
    try {
      return new RegExp(source, flags);
    } catch {
      continue;
    }
  }
  throw new Error(`the pattern ${quote(text)} of the contract is none that this engine reads`);
}

/** The expression without escapes and brackets that the flag u does not allow. */
function modern(text: string): string {
  let out = "";
  let inClass = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === "\\") {
      const next = text.charAt(++i);
      const needed =
        /[A-Za-z0-9^$\\.*+?()[\]{}|/]/.test(next) || (inClass && next === "-") || next === "";
      out += needed ? c + next : next;
    } else if (inClass) {
      inClass = c !== "]";
      out += c;
    } else if (c === "[") {
      inClass = true;
      out += c;
      // [] and [^] are whole classes.
      if (text.charAt(i + 1) === "^") out += text.charAt(++i);
      if (text.charAt(i + 1) === "]") {
        out += text.charAt(++i);
        inClass = false;
      }
    } else if (c === "{") {
      const quantifier = /^\{[0-9]+(?:,[0-9]*)?\}/.exec(text.slice(i))?.[0];
      out += quantifier ?? "\\{";
      i += (quantifier ?? c).length - 1;
    } else {
      out += c === "]" || c === "}" ? "\\" + c : c;
    }
  }
  return out;
}

function isRegex(s: string): boolean {
  // What another engine would read as something else.
  if (
    /\{,[0-9]+\}|\[\[?[^\]]*\[:\^?[A-Za-z]+:\]|\(\?[imsxnuULadD^-]+[:)]/.test(
      s.replace(/\\./gsu, "__"),
    )
  )
    return false;
  try {
    // Without a group that has a name, \k is the letter.
    const text = /\(\?<[^=!]/.test(s) ? s : s.replace(/\\([^])/gu, (m, c) => (c === "k" ? c : m));
    return new RegExp(modern(text), "u") instanceof RegExp;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------------------
// Formats: date-time, date, time, duration, email, idn-email, hostname,
// idn-hostname, ipv4, ipv6, uri, uri-reference, iri, iri-reference, uri-template,
// uuid, json-pointer, relative-json-pointer, regex. Others say nothing.

function isDate(s: string): boolean {
  const m = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(s);
  if (m === null) return false;
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= last;
}

function isTime(s: string): boolean {
  const m =
    /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[zZ]|([+-])([0-9]{2}):([0-9]{2}))$/.exec(s);
  if (m === null) return false;
  const [hour, minute, second] = [Number(m[1]), Number(m[2]), Number(m[3])];
  const [h, min] = [Number(m[5] ?? 0), Number(m[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 60 || h > 23 || min > 59) return false;
  // A second 60 is the last of a day in UTC.
  const offset = (h * 60 + min) * (m[4] === "-" ? -1 : 1);
  return second < 60 || (((hour * 60 + minute - offset) % 1440) + 1440) % 1440 === 1439;
}

function isDateTime(s: string): boolean {
  return /^.{10}[Tt]/.test(s) && isDate(s.slice(0, 10)) && isTime(s.slice(11));
}

const durationDate = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)";
const durationTime = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)";
const duration = new RegExp(`^P(?:[0-9]+W|${durationDate}(?:${durationTime})?|${durationTime})$`);

function isDuration(s: string): boolean {
  return duration.test(s);
}

function isUUID(s: string): boolean {
  return /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(s);
}

function isIPv4(s: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?=[0-9])|$)){4}$/.test(s);
}

function isIPv6(s: string): boolean {
  let text = s;
  let groups = 8;
  const tail = text.lastIndexOf(":");
  if (text.includes(".")) {
    if (tail < 0 || !isIPv4(text.slice(tail + 1))) return false;
    text = text.slice(0, tail + 1) + "0"; // the place of two groups
    groups = 7;
  }
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const all = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? all.length < groups : all.length === groups;
}

function isASCII(s: string): boolean {
  return /^[\u0000-\u007f]*$/.test(s);
}

function utf8Length(s: string): number {
  let n = 0;
  for (const c of s) {
    const code = c.codePointAt(0) ?? 0;
    n += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return n;
}

function isMailbox(s: string, isHost: (host: string) => boolean): boolean {
  const at = s.lastIndexOf("@");
  if (at < 1 || (isASCII(s) && at > 64) || utf8Length(s) > 254) return false;
  const local = s.slice(0, at);
  const domain = s.slice(at + 1);
  if (local.startsWith('"')) {
    // A backslash lets any character follow it.
    if (!/^"(?:\\[^]|[^"\\\u0000-\u001f\u007f])*"$/u.test(local)) return false;
  } else if (
    !local
      .split(".")
      .every((atom) => /^(?:[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]|[^\u0000-\u007f])+$/.test(atom))
  ) {
    return false;
  }
  if (domain.startsWith("[")) {
    const inner = /^\[(.*)\]$/s.exec(domain)?.[1];
    if (inner === undefined) return false;
    return inner.startsWith("IPv6:") ? isIPv6(inner.slice(5)) : isIPv4(inner);
  }
  return isHost(domain);
}

function isLabel(label: string): boolean {
  return label.length <= 63 && /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label);
}

function isHostname(s: string): boolean {
  if (s === "" || s.length > 253) return false;
  return s.split(".").every((label) => {
    if (!isLabel(label)) return false;
    if (/^xn--/i.test(label)) {
      const decoded = decodePunycode(label.slice(4));
      return (
        decoded !== undefined &&
        isULabel(decoded) &&
        isBidiLabel(decoded, rightToLeft.test(decoded))
      );
    }
    return label.length <= 3 || label.slice(2, 4) !== "--";
  });
}

function isIDNHostname(s: string): boolean {
  const bidi = rightToLeft.test(s);
  let length = -1;
  for (const label of s.split(/[.\u3002\uff0e\uff61]/)) {
    let encoded = label.length;
    if (isASCII(label)) {
      if (!isHostname(label)) return false;
    } else {
      encoded = 4 + punycodeLength(label);
      if (!isULabel(label) || encoded > 63) return false;
    }
    if (!isBidiLabel(label, bidi)) return false;
    length += encoded + 1;
  }
  return length <= 253;
}

// Exceptions of RFC 5892 that are valid, and those that are not.
const allowedLabels = "\u00df\u03c2\u06fd\u06fe\u0f0b\u3007";
const refusedLabels = "\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b";
const viramas =
  "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0e3a\u0f84\u1039\u103a\u17d2\ua8c4\ua9c0";
const notJoining =
  "\u0622\u0623\u0624\u0625\u0627\u0629\u062f\u0630\u0631\u0632\u0648\u0671\u0672\u0673\u0675" +
  "\u0676\u0677\u0688\u0689\u0691\u0698\u06c0\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5";

function joinsBackward(c: string): boolean {
  return /^\p{Script=Arabic}$/u.test(c) && /^\p{L}$/u.test(c) && c !== "\u0621";
}

/** Checks a label by RFC 5892: letters, digits and marks, with the characters that need a context in it. */
function isULabel(s: string): boolean {
  const all = [...s];
  if (all.length === 0 || s.startsWith("-") || s.endsWith("-") || /^\p{M}/u.test(s)) return false;
  if (all.length > 3 && all[2] === "-" && all[3] === "-") return false;
  if (/[\u0660-\u0669]/.test(s) && /[\u06f0-\u06f9]/.test(s)) return false;
  const kana = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(
    s.replace(/\u30fb/g, ""),
  );
  return all.every((c, i) => {
    const before = all[i - 1] ?? "";
    const after = all[i + 1] ?? "";
    switch (c) {
      case "\u00b7":
        return before === "l" && after === "l";
      case "\u0375":
        return /^\p{Script=Greek}$/u.test(after);
      case "\u05f3":
      case "\u05f4":
        return /^\p{Script=Hebrew}$/u.test(before);
      case "\u30fb":
        return kana;
      case "\u200d":
        return before !== "" && viramas.includes(before);
      case "\u200c":
        return (
          before !== "" &&
          (viramas.includes(before) ||
            (joinsBackward(before) && !notJoining.includes(before) && joinsBackward(after)))
        );
    }
    if (refusedLabels.includes(c)) return false;
    if (allowedLabels.includes(c) || /^[-0-9a-z]$/.test(c)) return true;
    return !/^\p{Lu}$/u.test(c) && /^[\p{L}\p{M}\p{Nd}]$/u.test(c);
  });
}

const rightToLeft =
  /(?![\u06f0-\u06f9])(?!\p{M})[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]|[\u0660-\u0669]/u;

/** Checks the rule of RFC 5893 §2 on one label of a name that has letters from right to left. */
function isBidiLabel(label: string, bidi: boolean): boolean {
  if (!bidi) return true;
  const all = [...label];
  let last = all.length - 1;
  while (last > 0 && /^\p{M}$/u.test(all[last] ?? "")) last--;
  const [start, end] = [all[0], all[last]];
  if (start === undefined || end === undefined || /^\p{Nd}$/u.test(start)) return false;
  const fromRight = rightToLeft.test(start);
  let european = false;
  let arabic = false;
  for (const c of all) {
    if (/^[0-9\u06f0-\u06f9]$/.test(c)) {
      european = true;
    } else if (/^[\u0660-\u0669]$/.test(c)) {
      arabic = true;
      if (!fromRight) return false;
    } else if (/^\p{L}$/u.test(c) && rightToLeft.test(c) !== fromRight) {
      return false;
    }
  }
  return !(european && arabic) && (/^[\p{L}\p{Nd}]$/u.test(end) || rightToLeft.test(end));
}

function punycodeBias(delta: number, size: number, first: boolean): number {
  let d = Math.floor(delta / (first ? 700 : 2));
  d += Math.floor(d / size);
  let k = 0;
  for (; d > 455; k += 36) d = Math.floor(d / 35);
  return k + Math.floor((36 * d) / (d + 38));
}

/** Decodes an A-label without its prefix (RFC 3492 §6.2). */
function decodePunycode(text: string): string | undefined {
  const dash = text.lastIndexOf("-");
  const out = dash > 0 ? [...text.slice(0, dash)].map((c) => c.charCodeAt(0)) : [];
  const rest = dash > 0 ? text.slice(dash + 1) : text;
  let [n, i, bias, at] = [128, 0, 72, 0];
  while (at < rest.length) {
    const old = i;
    let weight = 1;
    for (let k = 36; ; k += 36) {
      const c = rest.charAt(at++);
      const digit = /^[A-Za-z0-9]$/.test(c) ? (parseInt(c, 36) + 26) % 36 : -1;
      if (digit < 0 || i > 1 << 24 || weight > 1 << 24) return undefined;
      i += digit * weight;
      const t = Math.min(Math.max(k - bias, 1), 26);
      if (digit < t) break;
      weight *= 36 - t;
    }
    const size = out.length + 1;
    bias = punycodeBias(i - old, size, old === 0);
    n += Math.floor(i / size);
    i %= size;
    if (n > 0x10ffff) return undefined;
    out.splice(i, 0, n);
    i++;
  }
  return out.length === 0 ? undefined : String.fromCodePoint(...out);
}

/** The length of a label once encoded (RFC 3492 §6.3). */
function punycodeLength(label: string): number {
  const all = [...label].map((c) => c.codePointAt(0) ?? 0);
  const basic = all.filter((c) => c < 0x80).length;
  let length = basic + (basic > 0 ? 1 : 0);
  let [n, delta, bias, handled] = [128, 0, 72, basic];
  while (handled < all.length) {
    const next = Math.min(...all.filter((c) => c >= n));
    delta += (next - n) * (handled + 1);
    n = next;
    for (const c of all) {
      if (c < n) delta++;
      if (c !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        length++;
        const t = Math.min(Math.max(k - bias, 1), 26);
        if (q < t) break;
        q = Math.floor((q - t) / (36 - t));
      }
      bias = punycodeBias(delta, handled + 1, handled === basic);
      delta = 0;
      handled++;
    }
    delta++;
    n++;
  }
  return length;
}

function isIRIReference(s: string): boolean {
  const hash = s.indexOf("#");
  const [first, fragment] = hash < 0 ? [s, ""] : [s.slice(0, hash), s.slice(hash + 1)];
  if (!uriCharacters(first) || !uriCharacters(fragment)) return false;
  let rest = first;
  const colon = rest.indexOf(":");
  if (colon >= 0 && !/[/?]/.test(rest.slice(0, colon))) {
    if (!isScheme(rest.slice(0, colon))) return false;
    rest = rest.slice(colon + 1);
  }
  rest = rest.split("?", 1)[0] ?? "";
  if (!rest.startsWith("//")) return !/[[\]]/.test(rest);
  const slash = rest.indexOf("/", 2);
  const [authority, path] =
    slash < 0 ? [rest.slice(2), ""] : [rest.slice(2, slash), rest.slice(slash + 1)];
  return !/[[\]]/.test(path) && isAuthority(authority);
}

function isScheme(s: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*$/.test(s);
}

function uriCharacters(s: string): boolean {
  return (
    !/%(?![0-9a-fA-F]{2})/.test(s) &&
    !/[\u0000-\u0020\u007f-\u009f"<>\\^`{|}#\ue000-\uf8ff]/.test(s) &&
    [...s].every((c) => ((c.codePointAt(0) ?? 0) & 0xfffe) !== 0xfffe)
  );
}

function isAuthority(s: string): boolean {
  const at = s.lastIndexOf("@");
  if (at >= 0 && /[[\]@]/.test(s.slice(0, at))) return false;
  const host = s.slice(at + 1);
  if (host.startsWith("[")) {
    const m = /^\[([^\]]*)\](?::([0-9]*))?$/.exec(host);
    const literal = m?.[1];
    return literal !== undefined && (isIPv6(literal) || /^[vV][0-9a-fA-F]+\..+$/.test(literal));
  }
  const colon = host.indexOf(":");
  const [name, port] = colon < 0 ? [host, ""] : [host.slice(0, colon), host.slice(colon + 1)];
  return !/[[\]]/.test(name) && /^[0-9]*$/.test(port);
}

function isIRI(s: string): boolean {
  const colon = s.indexOf(":");
  return colon >= 0 && isScheme(s.slice(0, colon)) && isIRIReference(s);
}

function isURITemplate(s: string): boolean {
  const name = "(?:[A-Za-z0-9_]|%[0-9a-fA-F]{2})+";
  const spec = `${name}(?:\\.${name})*(?::[1-9][0-9]{0,3})?\\*?`;
  const literal = '(?:[^\\u0000-\\u0020\\u007f"<>\\\\^`{|}%]|%[0-9a-fA-F]{2})';
  return new RegExp(`^(?:${literal}|\\{[+#./;?&=,!@|]?${spec}(?:,${spec})*\\})*$`, "u").test(s);
}

const formats: { readonly [name: string]: (s: string) => boolean } = {
  "date-time": isDateTime,
  date: isDate,
  time: isTime,
  duration: isDuration,
  email: (s) => isASCII(s) && isMailbox(s, isHostname),
  "idn-email": (s) => isMailbox(s, isIDNHostname),
  hostname: isHostname,
  "idn-hostname": isIDNHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  uri: (s) => isASCII(s) && isIRI(s),
  "uri-reference": (s) => isASCII(s) && isIRIReference(s),
  iri: isIRI,
  "iri-reference": isIRIReference,
  "uri-template": isURITemplate,
  uuid: isUUID,
  "json-pointer": (s) => /^(?:\/(?:[^~/]|~[01])*)*$/u.test(s),
  "relative-json-pointer": (s) => /^(?:0|[1-9][0-9]*)(?:#|(?:\/(?:[^~/]|~[01])*)*)$/u.test(s),
  regex: isRegex,
};

// ---------------------------------------------------------------------------
// CloudEvents 1.0 in its JSON format.

const named = ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];

// What no attribute may have (CloudEvents 1.0 §2): control characters, and code
// points that are no characters.
const noAttribute = /[\u0000-\u001f\u007f-\u009f\p{Noncharacter_Code_Point}]/u;

function isJSONType(contentType: unknown): boolean {
  if (typeof contentType !== "string") return true;
  const kind = (contentType.split(";", 1)[0] ?? "").trim();
  return kind === "" || /^[^/]*\/(?:json|.+\+json)$/i.test(kind);
}

const mediaType =
  /^\s*[^\u0000-\u0020\u007f-\uffff()<>@,;:\\"/[\]?=]+\/[^\u0000-\u0020\u007f-\uffff()<>@,;:\\"/[\]?=]+\s*(?:;|$)/;

/** Checks the envelope, which members that are null have been taken out of. */
function checkEnvelope(event: Members): Problem[] {
  const problems: Problem[] = [];
  const say = (pointer: string, keyword: string, message: string): void => {
    problems.push({ pointer, keyword, message });
  };
  if (event["specversion"] !== "1.0") {
    say(
      event["specversion"] === undefined ? "" : "/specversion",
      event["specversion"] === undefined ? "required" : "const",
      'specversion has to be there, and "1.0"',
    );
  }
  for (const name of ["id", "source", "type"]) {
    if (event[name] === undefined || event[name] === "") {
      say(
        event[name] === undefined ? "" : "/" + name,
        "required",
        `${name} is required and may not be empty`,
      );
    }
  }
  for (const name of Object.keys(event)) {
    const value = event[name];
    if (value === undefined || name === "data" || name === "data_base64" || name === "specversion")
      continue;
    const pointer = "/" + name.replace(/~/g, "~0").replace(/\//g, "~1");
    if (!/^[a-z0-9]+$/.test(name)) {
      say(
        pointer,
        "name",
        `${quote(name)} is no name of an attribute, which has lower-case letters and digits`,
      );
    } else if (typeof value !== "string" && named.includes(name)) {
      say(pointer, "type", `${name} has to be a text`);
    } else if (typeof value === "string") {
      if (noAttribute.test(value))
        say(pointer, "characters", `${name} has a control character, or what is no character`);
    } else if (
      typeof value !== "boolean" &&
      !(typeof value === "number" && Number.isInteger(value) && Math.abs(value + 0.5) < 0x80000000)
    ) {
      say(pointer, "type", `${name} has to be a text, true, false, or a whole number of 32 bits`);
    }
  }
  const format = (name: string, holds: (s: string) => boolean, what: string): void => {
    const value = event[name];
    if (typeof value === "string" && (value !== "" || name === "time") && !holds(value))
      say("/" + name, "format", `${name} is no ${what}`);
  };
  const isReference = (s: string): boolean =>
    !/[\u0000-\u0020"<>\\^`{|}]|%(?![0-9a-fA-F]{2})|#.*#/s.test(s);
  format("source", isReference, "URI-reference");
  format("dataschema", (s) => isReference(s) && s.includes(":"), "URI");
  format("datacontenttype", (s) => mediaType.test(s), "media type");
  format("time", isTimestamp, "timestamp of RFC 3339");
  if (event["data"] !== undefined && event["data_base64"] !== undefined) {
    say("", "data_base64", "there is data as well as data_base64");
  }
  return problems;
}

function isTimestamp(s: string): boolean {
  return isDateTime(s.replace(/^(.{16}):60/, "$1:59"));
}

function decodeBase64(text: string): string | undefined {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/.test(
      text,
    )
  ) {
    return undefined;
  }
  let bits = 0;
  let held = 0;
  let encoded = "";
  for (const c of text.replace(/=/g, "")) {
    held = ((held << 6) | alphabet.indexOf(c)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      encoded += "%" + ((held >> bits) & 0xff).toString(16).padStart(2, "0");
    }
  }
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------------------
// Messages: binary mode has the attributes in headers, and the data in the body.

const prefixes = {
  amqp: ["cloudevents_", "cloudevents:"],
  http: ["ce-"],
  kafka: ["ce_"],
  mqtt: ["ce-", ""], // names as they are; some write them as others do
  nats: ["ce-"],
  pubsub: ["ce-"],
} as const;

/** The event of a message in binary mode, or what keeps it from being one. */
function unpack(
  message: Message,
  contentType: string | undefined,
): { event: Members } | { problem: Problem } {
  const event: Members = {};
  for (const [header, value] of Object.entries(message.headers)) {
    const low = header.toLowerCase();
    const prefix = prefixes[message.protocol].find((p) => low.startsWith(p));
    if (value === undefined || prefix === undefined) continue;
    const name = low.slice(prefix.length);
    if (prefix === "" && !/^[a-z0-9]+$/.test(name)) continue; // a property of somebody else's
    const fault = (message: string): { problem: Problem } => ({
      problem: { pointer: "/" + name, keyword: "header", message },
    });
    if (name === "data" || name === "data_base64") {
      return fault(`${name} is a header, and data is the body`);
    }
    let plain: unknown = value;
    if (typeof value === "string" && (message.protocol === "http" || message.protocol === "nats")) {
      try {
        plain = decodeURIComponent(value.replace(/%(?![0-9a-fA-F]{2})/g, "%25"));
      } catch {
        return fault("its percent-encoding is none of UTF-8");
      }
    }
    if (name === "datacontenttype" && contentType !== undefined) continue;
    if (Object.hasOwn(event, name)) return fault("it is there twice");
    put(event, name, plain);
  }
  if (contentType !== undefined) event["datacontenttype"] = contentType;
  if (!isJSONType(event["datacontenttype"])) {
    event["data"] = message.body; // a text, which may be empty
    return { event };
  }
  if (message.body === "") return { event };
  try {
    event["data"] = parseJSON(message.body);
  } catch (e) {
    if (!(e instanceof SyntaxProblem)) throw e;
    const message = `the data are no JSON: ${e.message}`;
    return { problem: { pointer: "/data", keyword: "json", message } };
  }
  return { event };
}

/** Whether no header says that a message is in binary mode, and its body may be the event. */
function isBare(message: Message): boolean {
  const telling =
    message.protocol === "mqtt" ? ["specversion"] : ["specversion", "id", "source", "type"];
  const found = Object.entries(message.headers).some(([header, value]) =>
    prefixes[message.protocol].some((p) => {
      const low = header.toLowerCase();
      return value !== undefined && low.startsWith(p) && telling.includes(low.slice(p.length));
    }),
  );
  return !found && /^[ \t\r\n]*\{/.test(message.body);
}

function contentTypeOf(message: Message): string | undefined {
  if (message.contentType !== undefined && message.contentType !== "") return message.contentType;
  if (message.protocol === "amqp" || message.protocol === "mqtt") return undefined;
  for (const [header, value] of Object.entries(message.headers)) {
    if (header.toLowerCase() === "content-type" && typeof value === "string" && value !== "")
      return value;
  }
  return undefined;
}

/** The boolean or whole number of 32 bits that a text is the text of. */
function typed(text: string): boolean | number | undefined {
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return String(number | 0) === text ? number : undefined;
}

// ---------------------------------------------------------------------------
// Names and numbers in TypeScript that are not those that travel.

/** A bigint with more digits than this takes long to make of a text. */
const maxDigits = 1000;

function toBig(value: number | ExactNumber): bigint | undefined {
  const d = decimalOf(value);
  if (d.exponent < 0 || d.digits.length + d.exponent > maxDigits) return undefined;
  const digits = BigInt(d.digits + "0".repeat(d.exponent));
  return d.negative ? -digits : digits;
}

function fromBig(value: bigint): number | ExactNumber {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : new ExactNumber(String(value));
}

function decode(
  value: unknown,
  codec: Codec | undefined,
  pointer: string,
  problems: Problem[],
): unknown {
  if (codec === undefined) {
    inexact(value, pointer, problems);
    return value;
  }
  if (typeof value === "number" || value instanceof ExactNumber) {
    const big = codec.big === true ? toBig(value) : undefined;
    if (big !== undefined) return big;
    inexact(value, pointer, problems);
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown, i) => {
      const inner =
        codec.prefix !== undefined && i < codec.prefix.length ? codec.prefix[i] : codec.items;
      return decode(item, inner?.(), `${pointer}/${i}`, problems);
    });
  }
  if (typeof value !== "object" || value === null) return value;
  const out: Members = {};
  const members = value as Members;
  for (const name of Object.keys(members)) {
    const field =
      codec.fields !== undefined && Object.hasOwn(codec.fields, name)
        ? codec.fields[name]
        : undefined;
    const to = field?.name ?? name;
    const token = `${pointer}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`;
    if (Object.hasOwn(out, to)) {
      problems.push({
        pointer: token,
        keyword: "x-ts-name",
        message: `${quote(to)} is the name of two properties`,
      });
    }
    put(
      out,
      to,
      decode(members[name], (field === undefined ? codec.rest : field.codec)?.(), token, problems),
    );
  }
  for (const [name, field] of Object.entries(codec.fields ?? {})) {
    if (field.fill !== undefined && !Object.hasOwn(members, name)) {
      put(out, field.name, decode(parseJSON(field.fill), field.codec?.(), pointer, problems));
    }
  }
  return out;
}

function encode(value: unknown, codec: Codec | undefined): unknown {
  if (codec === undefined) return value;
  if (typeof value === "bigint" && codec.big === true) return fromBig(value);
  if (Array.isArray(value)) {
    return value.map((item: unknown, i) => {
      const inner =
        codec.prefix !== undefined && i < codec.prefix.length ? codec.prefix[i] : codec.items;
      return encode(item, inner?.());
    });
  }
  if (typeof value !== "object" || value === null || typeOf(value) !== 64) return value;
  const names = new Map(
    Object.entries(codec.fields ?? {}).map(([name, field]) => [field.name, [name, field] as const]),
  );
  const out: Members = {};
  const members = value as Members;
  for (const name of Object.keys(members)) {
    const known = names.get(name);
    put(
      out,
      known?.[0] ?? name,
      encode(members[name], (known === undefined ? codec.rest : known[1].codec)?.()),
    );
  }
  return out;
}

/** Writes a value as JSON.stringify does, and numbers that it cannot as they are. */
function write(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${write(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** Finds what JSON.stringify would write as something else, or not at all. */
function unwritable(value: unknown, pointer: string, depth: number, problems: Problem[]): void {
  let message = "";
  if (depth > maxDepth) {
    message = `it is nested deeper than ${maxDepth}, or holds itself`;
  } else if (typeof value === "string") {
    if (!isWellFormed(value)) message = "there is half of a surrogate pair in a text";
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++)
      unwritable(value[i], `${pointer}/${i}`, depth + 1, problems);
  } else if (typeOf(value) === 64) {
    for (const [name, member] of Object.entries(value as Members)) {
      if (!isWellFormed(name)) message = "there is half of a surrogate pair in a name";
      if (member === undefined || problems.length > maxProblems) continue;
      const token = name.replace(/~/g, "~0").replace(/\//g, "~1");
      unwritable(member, `${pointer}/${token}`, depth + 1, problems);
    }
  } else if (typeOf(value) === 0) {
    message = `${describe(value)} is no value of JSON`;
  }
  if (message !== "") problems.push({ pointer, keyword: "json", message });
}

/** Finds a number that the language's own cannot hold. */
function inexact(value: unknown, pointer: string, problems: Problem[]): void {
  if (value instanceof ExactNumber) {
    problems.push({
      pointer,
      keyword: "number",
      message: `${value.text} is more than a number here holds exactly`,
    });
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) inexact(value[i], `${pointer}/${i}`, problems);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (typeof member === "object") {
        inexact(member, `${pointer}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`, problems);
      }
    }
  }
}

// ---------------------------------------------------------------------------

class Side {
  readonly data: Rule | undefined;
  readonly avro: boolean;
  readonly whole: Rule | undefined;
  readonly attributes: readonly (readonly [string, boolean, Rule])[];

  constructor(schemas: Schemas) {
    this.data = schemas.data === undefined ? undefined : compile(schemas.data);
    this.avro = schemas.avro === true;
    this.whole = schemas.whole === undefined ? undefined : compile(schemas.whole);
    this.attributes = (schemas.attributes ?? []).map(
      ([name, required, schema]) => [name, required, compile(schema)] as const,
    );
  }

  check(event: Members): Problem[] {
    const problems = checkEnvelope(event);
    for (const [name, required, rule] of this.attributes) {
      const value = event[name];
      if (value !== undefined && !(value === "" && named.includes(name))) {
        problems.push(...validate(rule, value, "/" + name));
      } else if (required) {
        problems.push({
          pointer: "",
          keyword: "required",
          message: `${name} is required by the contract; add it`,
        });
      }
    }
    if (this.whole !== undefined) problems.push(...validate(this.whole, event, ""));
    if (this.data !== undefined) {
      const contentType = event["datacontenttype"];
      const isJSON = isJSONType(contentType);
      if (
        !isJSON &&
        (event["data_base64"] !== undefined || (this.avro && event["data"] !== undefined))
      ) {
        problems.push({
          pointer: "/datacontenttype",
          keyword: "datacontenttype",
          message: this.avro
            ? `the data are ${describe(contentType)}, and the contract describes JSON`
            : `the data are ${describe(contentType)} and no text, and the contract describes JSON`,
        });
      } else if (event["data"] === undefined) {
        problems.push(
          event["data_base64"] === undefined
            ? {
                pointer: "",
                keyword: "required",
                message: "data is required by the contract; add it",
              }
            : {
                pointer: "/data_base64",
                keyword: "data_base64",
                message: "the data are no JSON, which the contract describes",
              },
        );
      } else if (!isJSON && typeof event["data"] !== "string") {
        problems.push({
          pointer: "/data",
          keyword: "type",
          message: `the data are ${describe(contentType)}, and so a text; ${describe(event["data"])} is none`,
        });
      } else {
        problems.push(...validate(this.data, event["data"], "/data"));
      }
    }
    return problems;
  }
}

/** The events of a contract. Schemas are compiled when they are first needed. */
export class Contract<E extends { readonly type: string }> {
  private readonly events: ReadonlyMap<string, EventSchemas>;
  private readonly strict: boolean;
  private readonly readers = new Map<string, Side>();
  private readonly writers = new Map<string, Side>();

  constructor(events: readonly EventSchemas[], strict: boolean) {
    this.events = new Map(events.map((e) => [e.type, e]));
    this.strict = strict;
  }

  private side(
    made: Map<string, Side>,
    type: string,
    of: (e: EventSchemas) => Schemas,
  ): Side | undefined {
    const schemas = this.events.get(type);
    let side = made.get(type);
    if (side === undefined && schemas !== undefined) {
      side = new Side(of(schemas));
      made.set(type, side);
    }
    return side;
  }

  /** Reads a text in the JSON format. */
  read(text: string): Reading<E> {
    let value: unknown;
    try {
      value = parseJSON(text);
    } catch (e) {
      if (!(e instanceof SyntaxProblem)) throw e;
      return invalid({
        pointer: "",
        keyword: "json",
        message: `the text is no JSON: ${e.message}`,
      });
    }
    if (typeOf(value) !== 64)
      return invalid({ pointer: "", keyword: "type", message: "an event is an object" });
    return this.judge(value as Members);
  }

  /** Reads a message, in structured mode or in binary mode. */
  readMessage(message: Message): Reading<E> {
    const contentType = contentTypeOf(message);
    const [kind = ""] = (contentType ?? "").toLowerCase().split(";");
    if (kind.trim().startsWith("application/cloudevents")) {
      if (/^application\/cloudevents(\+json)?$/.test(kind.trim()))
        return this.inMode("structured", this.read(message.body));
      return invalid({
        pointer: "",
        keyword: "mode",
        message: `${quote(kind.trim())} is not read here; one event in JSON is`,
      });
    }
    if (contentType === undefined && isBare(message))
      return this.inMode("structured", this.read(message.body));
    const unpacked = unpack(message, contentType);
    if ("problem" in unpacked) return invalid(unpacked.problem);
    const members = unpacked.event;
    const type = members["type"];
    const side =
      typeof type === "string" ? this.side(this.readers, type, (e) => e.read) : undefined;
    for (const [name, , rule] of side?.attributes ?? []) {
      // Most protocols make texts of numbers and booleans.
      const value = members[name];
      if (typeof value !== "string" || named.includes(name)) continue;
      const other = typed(value);
      if (
        other !== undefined &&
        validate(rule, value, "").length > 0 &&
        validate(rule, other, "").length === 0
      ) {
        members[name] = other;
      }
    }
    return this.inMode("binary", this.judge(members));
  }

  /** Refuses the event of a message that came in another mode than the contract's. */
  private inMode(mode: string, reading: Reading<E>): Reading<E> {
    if (reading.outcome !== "event") return reading;
    const type = reading.event.type;
    const want = this.events.get(type)?.mode;
    if (want === undefined || want === mode) return reading;
    return invalid({
      pointer: "",
      keyword: "mode",
      message: `the event came in ${mode} mode, and the contract has ${want} mode for ${type}`,
    });
  }

  private judge(event: Members): Reading<E> {
    for (const name of Object.keys(event)) {
      if (event[name] === null && name !== "data") delete event[name]; // the same as not there
    }
    const type = event["type"];
    if (typeof type !== "string" || !this.events.has(type)) {
      const problems = checkEnvelope(event);
      if (problems.length > 0) return { outcome: "invalid", problems };
      if (!this.strict) return { outcome: "unknown-type", type: String(type) };
      return invalid({
        pointer: "/type",
        keyword: "type",
        message: `${describe(type)} is no event type of the contract`,
      });
    }
    const side = this.side(this.readers, type, (e) => e.read);
    const isJSON = isJSONType(event["datacontenttype"]);
    if (!isJSON && event["data"] === null) delete event["data"]; // no text is none
    const encoded = event["data_base64"];
    if (encoded !== undefined) {
      const problem = { pointer: "/data_base64", keyword: "data_base64", message: "" };
      if (typeof encoded !== "string")
        return invalid({ ...problem, message: "data_base64 has to be a text" });
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded))
        return invalid({ ...problem, message: "it is no base64 (RFC 4648)" });
      const isText = !isJSON && side?.data !== undefined && !side.avro;
      const data =
        (isJSON || isText) && event["data"] === undefined ? decodeBase64(encoded) : undefined;
      if (data !== undefined && isText) {
        event["data"] = data;
        delete event["data_base64"];
      } else if (data !== undefined) {
        try {
          event["data"] = parseJSON(data);
          delete event["data_base64"];
        } catch (e) {
          if (!(e instanceof SyntaxProblem)) throw e;
        }
      }
    }
    const problems = side?.check(event) ?? [];
    const codec = this.events.get(type)?.codec?.();
    const decoded = problems.length === 0 ? decode(event, codec, "", problems) : undefined;
    return problems.length > 0
      ? { outcome: "invalid", problems }
      : { outcome: "event", event: decoded as E };
  }

  /** Reads an event of one type. */
  parse<T extends E>(text: string, type: T["type"]): T {
    const reading = this.read(text);
    if (reading.outcome === "event" && reading.event.type === type) return reading.event as T;
    const other =
      reading.outcome === "event"
        ? reading.event.type
        : reading.outcome === "unknown-type"
          ? reading.type
          : "";
    throw new ContractError(
      `cannot read an event of type ${type}`,
      reading.outcome === "invalid"
        ? reading.problems
        : [{ pointer: "/type", keyword: "const", message: `its type is ${quote(other)}` }],
    );
  }

  /** What is wrong with an event that is to be sent. */
  validate(event: unknown, type?: string): Problem[] {
    if (typeOf(event) !== 64)
      return [{ pointer: "", keyword: "type", message: "an event is an object" }];
    const given = (event as Members)["type"];
    const own = type ?? (typeof given === "string" ? given : "");
    const travelling = encode(event, this.events.get(own)?.codec?.()) as Members;
    const side = this.side(this.writers, own, (e) => e.write ?? e.read);
    if (side === undefined || given !== own) {
      const message =
        type === undefined
          ? `${describe(given)} is no event type of the contract`
          : `the type has to be ${quote(type)}`;
      return [{ pointer: "/type", keyword: "const", message }];
    }
    const problems = side.check(travelling);
    if (problems.length > 0) return problems;
    unwritable(travelling, "", 0, problems);
    return problems;
  }

  /** Writes an event in the JSON format, once it holds to the contract. */
  serialize(event: E): string {
    const problems = this.validate(event);
    if (problems.length > 0)
      throw new ContractError(`cannot write an event of type ${event.type}`, problems);
    const codec = this.events.get(event.type)?.codec?.();
    return codec === undefined ? JSON.stringify(event) : write(encode(event, codec));
  }

  /** Writes an event in the JSON format as it is. */
  stringify(event: E): string {
    const codec = this.events.get(event.type)?.codec?.();
    const travelling = encode(event, codec);
    const problems: Problem[] = [];
    unwritable(travelling, "", 0, problems);
    if (problems.length > 0)
      throw new ContractError(`cannot write an event of type ${event.type}`, problems);
    return codec === undefined ? JSON.stringify(travelling) : write(travelling);
  }
}

function invalid(problem: Problem): { outcome: "invalid"; problems: readonly Problem[] } {
  return { outcome: "invalid", problems: [problem] };
}

/** An extension attribute of an event that its type does not declare. */
export function extension(event: object, name: string): string | number | boolean | undefined {
  const value: unknown = Object.hasOwn(event, name) ? (event as Members)[name] : undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : undefined;
}
