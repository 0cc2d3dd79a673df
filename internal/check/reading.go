package check

import (
	"github.com/treaty-events/treaty/diag"
	"github.com/treaty-events/treaty/internal/document"
	"github.com/treaty-events/treaty/internal/syntax"
	"github.com/treaty-events/treaty/schema"
)

// readingRules are the rules that are found while a document is read. They
// have no function here: the package that reads reports under their ids.
var readingRules = []*Rule{
	// internal/syntax
	{ID: syntax.RuleSyntax, Title: "The file is not well-formed YAML or JSON", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `A file that cannot be parsed describes nothing, and parsers that guess do not guess alike: a tab in the indentation or an unclosed bracket becomes one document here and another one there. The finding stands where the text stops making sense, which may be a line below the slip that caused it. Reading goes on where it can, so that one run shows several faults.`},
	{ID: syntax.RuleDuplicateKey, Title: "An object has the same key twice", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `YAML and JSON leave open which of two equal keys counts: most parsers take the last, some the first, some refuse the file. Half of what was written is lost without a word. Keep one of the two; where both are meant, one of them needs another name.`},
	{ID: syntax.RuleEncoding, Title: "The file is not UTF-8 text", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `JSON is exchanged as UTF-8, and YAML files that are not are read differently from tool to tool. An invalid byte is usually a character of an older encoding, pasted from somewhere else; a NUL byte or every second byte empty means UTF-16. Save the file as UTF-8.`},
	{ID: syntax.RuleMultiple, Title: "The file holds several YAML documents", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `An AsyncAPI document is one YAML document. What stands after a second --- is ignored by nearly every tool, so it looks described and is not. Split the file, and refer from one file to the other where they share something.`},
	{ID: syntax.RuleLimit, Title: "The file goes over a limit of its reader", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Limits on size, nodes, nesting, copied aliases and chains of references keep a hostile file from costing more than it is worth: nine lines of YAML aliases can stand for gigabytes. The message names the limit and how to raise it, for a document that is large for a good reason.`},

	// internal/document: structure
	{ID: document.RuleVersion, Title: "The document states no version of AsyncAPI that is read", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Everything else in a document is read by the version that its field asyncapi states: which fields there are, which way publish points, how traits merge. Without it, or with one that is not known, nothing can be said of the rest. Versions 2.0 to 2.6, 3.0 and 3.1 are read, whatever the patch number.`},
	{ID: document.RuleFieldUnknown, Title: "A field that the specification does not have", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `A field that no specification defines is read by nobody. Nearly always it is a misspelt one or one of another object, and what its author wanted to say is lost. Correct the name, or start it with x- if it is an extension of your own. Fields of bindings and of x-delivery, x-compatibility and x-cloudevents are held to the same: a misspelt promise is no promise.`},
	{ID: document.RuleFieldMissing, Title: "A required field is missing", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `The specification requires few fields, and each because nothing can be done without it: an operation with no channel, a server with no protocol, a reply address with no location. Tools stop at such an object or skip it. Add the field.`},
	{ID: document.RuleFieldType, Title: "A field has a value of the wrong type", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `The specification says of each field whether it is a string, a number, a list, an object or a reference. Unquoted YAML is the usual cause: version: 1.10 is the number 1.1, and a protocolVersion of 3 is no string. Quote it, or give the field the shape that the message names.`},
	{ID: document.RuleFieldValue, Title: "A field has a value that the specification does not allow", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Some fields take one of a few words, a URL, a media type, a runtime expression, a number in a range, or entries that all differ. Another value has the right type and still no meaning, and tools differ in what they make of it. The message says what is allowed.`},
	{ID: document.RuleFieldVersion, Title: "A field of another version of the specification", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `The field exists, but not in the version that the document states, so a tool that goes by that version ignores or refuses it. Raise the version in the field asyncapi, or leave the field out.`},
	{ID: document.RuleName, Title: "A name has characters that names cannot have", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Names of servers, components and parameters are made of letters, digits, dots, hyphens and underscores, because they become parts of references, addresses and generated code. A slash or a space in one breaks the first reference to it that is not escaped with care. Rename it, together with the references.`},
	// internal/document: references
	{ID: document.RuleRefSiblings, Title: "A field beside $ref, which is ignored", Family: Specification, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A Reference Object has one field, $ref; whatever stands beside it "SHALL be ignored". A description or a summary that was meant to override the definition's own never appears. Move it to where the reference leads, or write the object out.`},
	{ID: document.RuleRefUnresolved, Title: "A reference leads nowhere", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `What the reference stands for is missing: a message without its definition, a payload without its schema. The name may be misspelt, the definition moved or never written, or the file not there. The message says how far the way leads, and what is near its end.`},
	{ID: document.RuleRefKind, Title: "A reference leads to the wrong kind of object", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `A reference stands for what it names, so it has to name the kind of object that belongs in its place: a message where a message is listed, a schema where a schema is. Most of these lead to the neighbour of what was meant, such as the schema of a message instead of the message.`},
	{ID: document.RuleRefCycle, Title: "References lead in a circle", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `References that lead only to each other never arrive at a definition, so all of them name nothing. A schema that contains itself is another matter and is fine: there is a definition at the start of each round. Let one of the references in the circle be the definition.`},
	{ID: document.RuleRefRefused, Title: "A reference leads where treaty does not go", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `A document may be written by a stranger, and reading it must not fetch from hosts or open files that the person who reads it did not mean to touch. So files outside the root folder are refused, and so is every host that treaty.yaml does not list. Move the file inside, name a wider root with --root, or list the host.`},
	// internal/document: bindings and schema formats
	{ID: document.RuleBindingUnknown, Title: "A binding of a protocol that is not known", Family: Specification, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Bindings are read by the name of their protocol. One that the specification does not have is skipped by every tool, whatever is written in it. It may be a misspelt name, such as rabbitmq for amqp; a protocol of your own is fine, but nothing in it can be checked.`},
	{ID: document.RuleBindingVersion, Title: "A version of a binding that is not known", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `The fields of a binding are those of its bindingVersion, so with one that does not exist none of them has a meaning. State a version that the protocol's bindings have, or leave the field out for the newest.`},
	{ID: document.RuleSchemaFormat, Title: "A schemaFormat that is no media type", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `The field schemaFormat says in which language a schema is written, by a media type such as application/vnd.apache.avro;version=1.9.0. Anything else leaves every reader to guess the language, and the schema unchecked.`},

	// schema
	{ID: schema.RuleInvalid, Title: "A schema is not valid in its own language", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `A schema has its own rules: type names one of seven types, required lists names, an Avro record has fields. Validators and generators refuse a schema that breaks them, or pass over the part that they cannot read, and then it constrains nothing.`},
	{ID: schema.RuleRegex, Title: "A pattern is not a regular expression of ECMA-262", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Patterns in JSON Schema are those of JavaScript. A pattern with an unclosed group fails in every validator; one with features of another language, such as (?i) or \A, fails or means something else, depending on who validates. Write it in the shared dialect.`},
	{ID: schema.RuleDefault, Title: "A default that its own schema rejects", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `AsyncAPI demands that a default conforms to its schema. Where it does not, a consumer that fills in the default makes an event that the contract calls invalid. Correct the default, or the schema that it shows to be wrong.`},
	{ID: schema.RuleExample, Title: "An example that its own schema rejects", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `People copy examples before they read schemas. An example that the schema rejects teaches the wrong format, and it shows that one of the two has changed without the other. Correct whichever is wrong.`},
	{ID: schema.RuleKeyword, Title: "A keyword that has no effect in the schema's language", Family: Meaning, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Validators skip keywords that they do not know, so a misspelt one, or one of another draft, constrains nothing while it looks as if it did: minlength lets the empty string pass. Write the keyword of this language; the message says which it is, where there is one.`},
	{ID: schema.RuleContradiction, Title: "A schema, or a part of it, that no value can satisfy", Family: Meaning, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Constraints that exclude each other, such as a minimum above the maximum or a required property that is forbidden, make a schema that rejects every event. Producers find out at run time, or stop validating. One of the two constraints is not what was meant.`},
	{ID: schema.RuleUnusedKeyword, Title: "A keyword that never applies", Family: Meaning, Severity: diag.Warning, Since: "0.1.0",
		Reason: `Keywords look at values of their own type: minLength at strings, properties at objects. Beside a type that excludes those values they do nothing, and so does a then without an if. Either the keyword or the type is a slip.`},
	{ID: schema.RuleDeadBranch, Title: "An alternative that no value takes", Family: Meaning, Severity: diag.Warning, Since: "0.2.0",
		Reason: `An alternative of oneOf or anyOf that the rest of the schema rules out, or whose every value fits another alternative of oneOf too, is described and never valid. A producer that follows it emits events that are refused. Each alternative is asked for a value that it alone makes valid; where there is none, it is dead.`},
	{ID: schema.RuleOverlap, Title: "Two alternatives of oneOf share a value", Family: Meaning, Severity: diag.Warning, Since: "0.2.0",
		Reason: `oneOf means exactly one, so a value that fits two alternatives is refused: number beside integer refuses 5. Alternatives drift into this when one of them is relaxed. The message shows such a value. A required property with a constant, another one in each alternative, keeps them apart for people and machines alike; where the overlap is meant, write anyOf.`},
	{ID: schema.RuleAlwaysTrue, Title: "A keyword that refuses nothing", Family: Meaning, Severity: diag.Warning, Since: "0.2.0",
		Reason: `A pattern that every text matches, an anyOf with an alternative for everything, a not of what cannot be: such a keyword looks like a constraint, and people rely on it as one. Mostly an anchor, a bound or a type is missing. Write what was meant, or remove it.`},
	{ID: schema.RuleRequiredUndefined, Title: "A required property that is not defined", Family: Meaning, Severity: diag.Warning, Since: "0.1.0",
		Reason: `A property that is required and described nowhere has to be there, with any value at all. Mostly its name is misspelt, in required or in properties, so that the property that was meant is optional. Define it, or correct the name.`},

	// settings
	ignoreExpired, ignoreUnknown, ignoreUnused,
}

// Rules about treaty's own settings.
var (
	ignoreExpired = &Rule{ID: "ignore-expired", Title: "A finding is ignored for longer than was agreed", Family: Specification, Severity: diag.Error, Since: "0.1.0",
		Reason: `Ignoring a finding until a day is a promise to mend it by then. When the day has passed the finding counts again, and the entry that hid it is reported too, so that somebody decides: mend the fault and remove the entry, or agree on a new day.`}
	ignoreUnknown = &Rule{ID: "ignore-unknown", Title: "An ignored rule does not exist", Family: Specification, Severity: diag.Warning, Since: "0.1.0",
		Reason: `An entry that names no rule ignores nothing, though its author believes that it does. Correct the name; treaty rules lists all of them.`}
	ignoreUnused = &Rule{ID: "ignore-unused", Title: "Nothing is found that an entry ignores", Family: Specification, Severity: diag.Info, Since: "0.1.0",
		Reason: `The fault has been mended, or has moved. An entry that stays behind would hide the next fault of its kind at the same place, so remove it.`}
)
