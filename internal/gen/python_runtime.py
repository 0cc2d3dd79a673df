"""What the generated models and events rest on: reading JSON exactly, holding
values to the schemas of the contract, and writing models as JSON again.

Numbers of JSON are read as int, or as Decimal where they have a point or an
exponent, so that none changes its value. Text that JSON does not allow, or that
two readers could take for two things (a name that is there twice, half of a
surrogate pair), is refused.

Every format of JSON Schema is checked where the contract asserts it.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import enum
import ipaddress
import json
import re
import sys
import threading
import unicodedata
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NoReturn,
    Self,
    TypeAlias,
    TypeVar,
    Union,
)

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
)

# The nesting that an event may have, and how many steps one value may take.
MAX_DEPTH = 512
MAX_STEPS = 1_000_000
MEMO_FROM = 20_000
EXPLAIN_STEPS = 20_000
MAX_DIGITS = 4_000
MAX_PROBLEMS = 100


@dataclass(frozen=True)
class Problem:
    """One way in which a value breaks the contract."""

    pointer: str
    """JSON Pointer into what was read, an event or a value; "" for the whole."""

    keyword: str
    """The keyword of JSON Schema that refuses; "" where it is none."""

    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class ContractError(ValueError):
    """What was read, or was to be written, breaks the contract."""

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownEventType(ContractError):
    """The event is of a type that the contract does not know."""


def fail(message: str, pointer: str = "", keyword: str = "") -> NoReturn:
    raise ContractError([Problem(pointer, keyword, message)])


# --- JSON -------------------------------------------------------------------


def _int(text: str) -> Any:
    return int(text) if len(text) <= MAX_DIGITS else _decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        fail(f"the number {_clip(text)} is beyond what can be read")


def _constant(text: str) -> NoReturn:
    fail(f"{text} is no value of JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                fail(f"the name {_quote(name)} is there twice in an object")
            seen.add(name)
    return made


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def load(text: str | bytes) -> Any:
    """Reads a JSON text. Raises ContractError where it is none."""
    try:
        if not isinstance(text, str):
            text = bytes(text).decode("utf-8")
        if text.startswith("\ufeff"):
            fail("the text begins with a byte order mark, which JSON may not have")
        value = json.loads(
            text,
            parse_int=_int,
            parse_float=_decimal,
            parse_constant=_constant,
            object_pairs_hook=_members,
        )
        if text.count("[") + text.count("{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
            fail(f"the value is nested deeper than {MAX_DEPTH}")
        if not text.isascii() or _SURROGATE.search(text):
            dump(value).encode("utf-8")
    except UnicodeDecodeError as error:
        fail(f"the text is no valid UTF-8, from byte {error.start} on")
    except UnicodeEncodeError:
        fail("a text has half of a surrogate pair, which is no character")
    except json.JSONDecodeError as error:
        fail(
            f"the text is no JSON, from line {error.lineno}, column {error.colno} on: {error.msg}"
        )
    except RecursionError:
        fail("the value is nested too deeply")
    return value


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    while level and depth >= 0:
        depth -= 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        level = [one for one in inner if isinstance(one, (dict, list))]
    return bool(level)


def dump(value: Any) -> str:
    """Writes a value of JSON, numbers exactly."""
    parts: list[str] = []
    _dump(value, parts)
    return "".join(parts)


def _dump(value: Any, parts: list[str]) -> None:
    if value is None:
        parts.append("null")
    elif value is True:
        parts.append("true")
    elif value is False:
        parts.append("false")
    elif isinstance(value, str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, (int, Decimal)):
        parts.append(str(value))
    elif isinstance(value, list):
        parts.append("[")
        for i, item in enumerate(value):
            if i:
                parts.append(",")
            _dump(item, parts)
        parts.append("]")
    elif isinstance(value, dict):
        parts.append("{")
        for i, (name, item) in enumerate(value.items()):
            if i:
                parts.append(",")
            parts.append(json.dumps(name, ensure_ascii=False) + ":")
            _dump(item, parts)
        parts.append("}")
    else:
        fail(f"{type(value).__name__} is no value of JSON")


def plain(value: Any) -> Any:
    """Makes values of JSON of models, and of what they hold."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return (
            value
            if value.bit_length() < 3 * MAX_DIGITS
            else fail("an integer has too many digits")
        )
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            fail(f"{value} is no number of JSON")
        return value
    if isinstance(value, BaseModel):
        return (
            value.__plain__()
            if isinstance(value, Model)
            else plain(value.model_dump(by_alias=True))
        )
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    fail(f"{type(value).__name__} is no value of JSON")


_T = TypeVar("_T")
_DEEP = threading.Lock()


def deeply(do: Callable[[], _T]) -> _T:
    """Calls a function that goes as deep as a value is nested, which may be deeper
    than Python goes of itself."""
    try:
        return do()
    except RecursionError:
        pass
    with _DEEP:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 20 * MAX_DEPTH)
        try:
            return do()
        except RecursionError:
            fail("the value is nested too deeply")
        finally:
            sys.setrecursionlimit(limit)


def default(text: str) -> Any:
    """A default of the contract, as JSON."""
    return load(text)


# --- models -----------------------------------------------------------------


def as_integer(value: Any) -> Any:
    """1.0 is an integer, and True is none."""
    if isinstance(value, bool):
        raise ValueError("is a boolean, but has to be an integer")
    if isinstance(value, Decimal):
        if not _integral(value):
            raise ValueError("is no integer")
        if value.adjusted() > MAX_DIGITS:
            raise ValueError(f"has more than {MAX_DIGITS} digits")
        return int(value)
    if isinstance(value, str):
        raise ValueError("is a string, but has to be an integer")
    return value


def as_number(value: Any) -> Any:
    """Any number of JSON as a Decimal, which keeps it as it is."""
    if isinstance(value, bool):
        raise ValueError("is a boolean, but has to be a number")
    if isinstance(value, str):
        raise ValueError("is a string, but has to be a number")
    if isinstance(value, float):
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, int) else value


AsInteger = BeforeValidator(as_integer)
Boolean = Annotated[bool, Strict()]
Integer = Annotated[int, AsInteger]
Number = Annotated[Decimal, BeforeValidator(as_number)]

_E = TypeVar("_E")
# What is meant where a schema states no type, and so takes values of others, too.
Loose: TypeAlias = Annotated[Union[_E, Any], Field(union_mode="left_to_right")]
# An enum of which readers take values that it does not list.
Open: TypeAlias = Annotated[Union[_E, str], Field(union_mode="left_to_right")]


class Model(BaseModel):
    """An object of the contract. An optional property that is not there is not in
    model_fields_set; one that is null is there, and None."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, protected_namespaces=()
    )

    # Fields for which None is a value, and not absence.
    _nullable: ClassVar[frozenset[str]] = frozenset()
    # Optional fields whose None, or default, is not written where nobody set it.
    _optional: ClassVar[frozenset[str]] = frozenset()

    def __plain__(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        cls = type(self)
        for name, field in cls.model_fields.items():
            value = self.__dict__.get(name)
            if name in cls._optional:
                if (
                    name not in self.model_fields_set
                    or value is None
                    and name not in cls._nullable
                ):
                    continue
            out[
                name if field.serialization_alias is None else field.serialization_alias
            ] = plain(value)
        for name, value in (self.__pydantic_extra__ or {}).items():
            out[name] = plain(value)
        return out


def _refusals(error: ValidationError, prefix: str = "") -> ContractError:
    """What pydantic says where a value fits the schema and not the type."""
    found = []
    for one in error.errors(
        include_url=False, include_context=False, include_input=False
    ):
        tokens = [str(step) for step in one["loc"] if not _TAG.fullmatch(str(step))]
        found.append(Problem(prefix + _pointer(tokens), "type", str(one["msg"])))
    return ContractError(found)


_TAG = re.compile(r"#[0-9]+")


def _pointer(tokens: Iterable[str]) -> str:
    return "".join(
        "/" + token.replace("~", "~0").replace("/", "~1") for token in tokens
    )


class Choice:
    """Finds the branch of a union: the one whose schema the value satisfies, and
    among several the one that the value's tag names."""

    def __init__(
        self,
        schemas: Sequence[Schema],
        tag: str = "",
        tags: Sequence[Sequence[str]] = (),
    ) -> None:
        self._schemas = schemas
        self._tag = tag
        self._tags = tags

    def branch(self, value: Any) -> str | None:
        try:
            value = plain(value)
        except ContractError:
            return None
        if self._tag and isinstance(value, dict):
            named = value.get(self._tag)
            for i, tags in enumerate(self._tags):
                if named in tags and self._schemas[i].valid(value):
                    return f"#{i}"
        for i, schema in enumerate(self._schemas):
            if schema.valid(value):
                return f"#{i}"
        return None


# --- schemas ----------------------------------------------------------------


class Schema:
    """A schema of JSON Schema 2020-12 in the plain form that the generator writes:
    references lead into $defs alone, patterns are those of this language, and
    "patterns" is a list of pairs. It is read when it is first used."""

    __slots__ = ("_root", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._root: _Rule | bool | None = None

    def _rule(self) -> _Rule | bool:
        if self._root is None:
            document = load(self._text)
            definitions: dict[str, _Rule | bool] = {}
            if isinstance(document, dict):
                inner: dict[str, Any] = document.get("$defs", {})
                for name, one in inner.items():
                    definitions["#/$defs/" + name] = (
                        one if isinstance(one, bool) else _Rule()
                    )
                for name, one in inner.items():
                    rule = definitions["#/$defs/" + name]
                    if isinstance(rule, _Rule):
                        rule.read(one, definitions)
            self._root = _rule_of(document, definitions)
        return self._root

    def valid(self, value: Any) -> bool:
        """Whether a value, as load reads it, conforms."""
        try:
            return _Run().check(self._rule(), value, None)
        except _Undecided:
            return False

    def problems(self, value: Any, prefix: str = "") -> list[Problem]:
        """What is wrong with a value, nothing where it conforms."""
        try:
            if _Run().check(self._rule(), value, None):
                return []
            run = _Run(explaining=True)
            run.check(self._rule(), value, None)
        except _Undecided:
            return [
                Problem(
                    prefix,
                    "",
                    "the value is not decided within a reasonable number of steps",
                )
            ]
        found: dict[Problem, None] = {}
        for fault in run.faults:
            found[Problem(prefix + fault.pointer, fault.keyword, fault.message)] = None
        return list(found)


class _Undecided(Exception):
    pass


@dataclass
class _Fault:
    pointer: str
    keyword: str
    message: str
    value: Any
    types: frozenset[str] | None = None
    values: list[Any] | None = None


_ABSENT: Any = object()


def _rule_of(schema: Any, definitions: dict[str, _Rule | bool]) -> _Rule | bool:
    if isinstance(schema, bool):
        return schema
    if len(schema) == 1 and "$ref" in schema:
        return definitions[schema["$ref"]]
    return _Rule().read(schema, definitions)


class _Rule:
    """One schema, made ready."""

    def read(
        self, schema: dict[str, Any], definitions: dict[str, _Rule | bool]
    ) -> _Rule:
        def one(keyword: str) -> _Rule | bool | None:
            return _rule_of(schema[keyword], definitions) if keyword in schema else None

        def many(keyword: str) -> list[_Rule | bool] | None:
            return (
                [_rule_of(sub, definitions) for sub in schema[keyword]]
                if keyword in schema
                else None
            )

        def named(keyword: str) -> dict[str, _Rule | bool]:
            return {
                name: _rule_of(sub, definitions)
                for name, sub in schema.get(keyword, {}).items()
            }

        self.ref = definitions[schema["$ref"]] if "$ref" in schema else None
        types = schema.get("type")
        types = [types] if isinstance(types, str) else types
        self.types = None if types is None else frozenset(types)
        self.const_value = schema.get("const")
        self.const = _key(schema["const"]) if "const" in schema else None
        self.enum_values: list[Any] = schema.get("enum", [])
        self.enum = (
            frozenset(_key(v) for v in schema["enum"]) if "enum" in schema else None
        )
        self.numbers = [
            (keyword, schema[keyword])
            for keyword in (
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
            )
            if keyword in schema
        ]
        self.multiple_of = schema.get("multipleOf")
        self.has_number = bool(self.numbers) or self.multiple_of is not None
        self.min_length = schema.get("minLength", 0)
        self.max_length = schema.get("maxLength")
        self.pattern = (
            re.compile(schema["pattern"], re.ASCII) if "pattern" in schema else None
        )
        self.format_name = schema.get("format", "")
        self.format = _FORMATS.get(self.format_name)
        self.has_text = any(
            k in schema for k in ("minLength", "maxLength", "pattern", "format")
        )
        self.prefix = many("prefixItems") or []
        self.items = one("items")
        self.contains = one("contains")
        self.min_contains = schema.get("minContains", 1)
        self.min_contains_said = "minContains" in schema
        self.max_contains = schema.get("maxContains")
        self.min_items = schema.get("minItems", 0)
        self.max_items = schema.get("maxItems")
        self.unique = schema.get("uniqueItems", False)
        self.has_array = any(
            k in schema
            for k in (
                "prefixItems",
                "items",
                "contains",
                "minItems",
                "maxItems",
                "uniqueItems",
            )
        )
        self.properties = named("properties")
        self.patterns = [
            (re.compile(text, re.ASCII), _rule_of(sub, definitions))
            for text, sub in schema.get("patterns", [])
        ]
        self.additional = one("additionalProperties")
        self.names = one("propertyNames")
        self.required: list[str] = schema.get("required", [])
        self.min_properties = schema.get("minProperties", 0)
        self.max_properties = schema.get("maxProperties")
        self.dependent_required: dict[str, list[str]] = schema.get(
            "dependentRequired", {}
        )
        self.dependent_schemas = named("dependentSchemas")
        self.has_object = any(
            k in schema
            for k in (
                "properties",
                "patterns",
                "additionalProperties",
                "propertyNames",
                "required",
            )
            + (
                "minProperties",
                "maxProperties",
                "dependentRequired",
                "dependentSchemas",
            )
        )
        self.all_of = many("allOf") or []
        self.any_of = many("anyOf")
        self.one_of = many("oneOf")
        self.not_rule = one("not")
        self.if_rule = one("if")
        self.then_rule = one("then")
        self.else_rule = one("else")
        self.in_place = any(
            k in schema for k in ("allOf", "anyOf", "oneOf", "not", "if")
        )
        self.unevaluated_items = one("unevaluatedItems")
        self.unevaluated_properties = one("unevaluatedProperties")
        return self


class _Run:
    """One value being held to a schema: for the verdict, or for the reasons."""

    def __init__(self, explaining: bool = False) -> None:
        self.explaining = explaining
        self.faults: list[_Fault] = []
        self.path: list[str] = []
        self.active: set[tuple[int, int]] = set()
        self.steps = 0
        self.memo: dict[tuple[int, int], bool] = {}

    def fault(
        self,
        keyword: str,
        value: Any,
        message: Callable[[], str],
        types: frozenset[str] | None = None,
        values: list[Any] | None = None,
    ) -> bool:
        if self.explaining and len(self.faults) < MAX_PROBLEMS:
            self.faults.append(
                _Fault(_pointer(self.path), keyword, message(), value, types, values)
            )
        return False

    def child(
        self, rule: _Rule | bool, token: str, value: Any, keyword: str = ""
    ) -> bool:
        if rule is True:
            return True
        self.path.append(token)
        if rule is False:
            ok = self.fault(
                keyword, value, lambda: f"{_describe(value)} is not allowed here"
            )
        else:
            ok = self.check(rule, value, None)
        self.path.pop()
        return ok

    def check(self, rule: _Rule | bool, value: Any, seen: set[Any] | None) -> bool:
        """seen, where it is not None, gathers the members or items that a schema
        in this place has looked at."""
        if rule is True:
            return True
        if rule is False:
            return self.fault(
                "", value, lambda: f"{_describe(value)} is not allowed here"
            )
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _Undecided
        at = (id(rule), id(value))
        remember = self.steps > MEMO_FROM and seen is None and not self.explaining
        if remember and at in self.memo:
            return self.memo[at]
        if at in self.active:
            return self.fault(
                "$ref", value, lambda: "the schema refers to itself for the same value"
            )
        self.active.add(at)
        ok = self.apply(rule, value, seen)
        self.active.discard(at)
        if remember:
            self.memo[at] = ok
        return ok

    def apply(self, rule: _Rule, value: Any, seen: set[Any] | None) -> bool:
        types = rule.types
        if types is not None:
            kind = _type(value)
            if kind not in types and not (kind == "integer" and "number" in types):
                return self.fault(
                    "type",
                    value,
                    lambda: f"{_describe(value)} has to be {_either(sorted(types))}",
                    types=types,
                )
        if rule.const is not None and _key(value) != rule.const:
            return self.fault(
                "const",
                value,
                lambda: f"{_describe(value)} has to be {_clip(dump(rule.const_value))}",
                values=[rule.const_value],
            )
        if rule.enum is not None and _key(value) not in rule.enum:
            return self.fault(
                "enum",
                value,
                lambda: (
                    f"{_describe(value)} has to be {_either([_clip(dump(v)) for v in rule.enum_values])}"
                ),
                values=rule.enum_values,
            )
        is_list, is_object = isinstance(value, list), isinstance(value, dict)
        open_items = rule.unevaluated_items is not None and is_list
        open_properties = rule.unevaluated_properties is not None and is_object
        if seen is None and (open_items or open_properties):
            seen = set()
        ok = rule.ref is None or self.check(rule.ref, value, seen)
        if ok or self.explaining:
            if is_object:
                if rule.has_object:
                    ok = self.object(rule, value, seen) and ok
            elif is_list:
                if rule.has_array:
                    ok = self.array(rule, value, seen) and ok
            elif isinstance(value, str):
                if rule.has_text:
                    ok = self.text(rule, value) and ok
            elif (
                rule.has_number
                and isinstance(value, (int, Decimal))
                and not isinstance(value, bool)
            ):
                ok = self.number(rule, value) and ok
        if rule.in_place and (ok or self.explaining):
            ok = self.in_place(rule, value, seen) and ok
        # Only a value that all else accepts has settled what was looked at.
        if ok and seen is not None and (open_items or open_properties):
            ok = self.unevaluated(rule, value, seen)
        return ok

    def number(self, rule: _Rule, value: int | Decimal) -> bool:
        ok = True
        for keyword, bound in rule.numbers:
            if keyword == "minimum":
                good, word = value >= bound, "at least"
            elif keyword == "maximum":
                good, word = value <= bound, "at most"
            elif keyword == "exclusiveMinimum":
                good, word = value > bound, "more than"
            else:
                good, word = value < bound, "less than"
            if not good:
                said = f"has to be {word} {bound}"
                ok = self.fault(keyword, value, _said(f"{_describe(value)} {said}"))
        if rule.multiple_of is not None and not _multiple(value, rule.multiple_of):
            ok = self.fault(
                "multipleOf",
                value,
                lambda: (
                    f"{_describe(value)} has to be a multiple of {rule.multiple_of}"
                ),
            )
        return ok

    def text(self, rule: _Rule, value: str) -> bool:
        ok = True
        if len(value) < rule.min_length:
            ok = self.fault(
                "minLength",
                value,
                lambda: (
                    f"{_describe(value)} needs at least {rule.min_length} characters"
                ),
            )
        if rule.max_length is not None and len(value) > rule.max_length:
            ok = self.fault(
                "maxLength",
                value,
                lambda: (
                    f"{_describe(value)} may have at most {rule.max_length} characters"
                ),
            )
        if rule.pattern is not None and not rule.pattern.search(value):
            ok = self.fault(
                "pattern",
                value,
                lambda: (
                    f"{_describe(value)} does not match the pattern of the contract"
                ),
            )
        if rule.format is not None and not rule.format(value):
            ok = self.fault(
                "format", value, lambda: f"{_describe(value)} is no {rule.format_name}"
            )
        return ok

    def array(self, rule: _Rule, value: list[Any], seen: set[Any] | None) -> bool:
        ok = True
        if len(value) < rule.min_items:
            ok = self.fault(
                "minItems",
                value,
                lambda: f"the list needs at least {rule.min_items} items",
            )
        if rule.max_items is not None and len(value) > rule.max_items:
            ok = self.fault(
                "maxItems",
                value,
                lambda: f"the list may have at most {rule.max_items} items",
            )
        if rule.unique and len({_key(item) for item in value}) < len(value):
            ok = self.fault(
                "uniqueItems",
                value,
                lambda: "two items of the list are the same; remove one",
            )
        for i, item in enumerate(value):
            if not ok and not self.explaining:
                return False
            if i < len(rule.prefix):
                ok = self.child(rule.prefix[i], str(i), item, "prefixItems") and ok
            elif rule.items is None:
                continue
            elif rule.items is False:
                said = f"item {i} is one too many"
                ok = self.fault("items", item, _said(said))
                continue
            else:
                ok = self.child(rule.items, str(i), item) and ok
            if seen is not None:
                seen.add(i)
        if rule.contains is not None and (ok or self.explaining):
            ok = self.contained(rule, value, seen) and ok
        return ok

    def fault_at(self, token: str, keyword: str, value: Any, message: str) -> bool:
        self.path.append(token)
        self.fault(keyword, value, lambda: message)
        self.path.pop()
        return False

    def contained(self, rule: _Rule, value: list[Any], seen: set[Any] | None) -> bool:
        found = 0
        for i, item in enumerate(value):
            if rule.contains is not None and self.quietly(rule.contains, item):
                found += 1
                if seen is not None:
                    seen.add(i)
        if found < rule.min_contains:
            keyword = "minContains" if rule.min_contains_said else "contains"
            return self.fault(
                keyword,
                value,
                lambda: (
                    f"{found} items of the list fit what it has to contain, but at least {rule.min_contains} must"
                ),
            )
        if rule.max_contains is not None and found > rule.max_contains:
            return self.fault(
                "maxContains",
                value,
                lambda: (
                    f"{found} items of the list fit what it may contain, but at most {rule.max_contains} may"
                ),
            )
        return True

    def object(self, rule: _Rule, value: dict[str, Any], seen: set[Any] | None) -> bool:
        ok = True
        if len(value) < rule.min_properties:
            ok = self.fault(
                "minProperties",
                value,
                lambda: f"the object needs at least {rule.min_properties} properties",
            )
        if rule.max_properties is not None and len(value) > rule.max_properties:
            ok = self.fault(
                "maxProperties",
                value,
                lambda: f"the object may have at most {rule.max_properties} properties",
            )
        for name in rule.required:
            if name not in value:
                said = f"{_quote(name)} is required"
                ok = self.fault("required", value, _said(said))
        if not ok and not self.explaining:
            return False
        for of, names in rule.dependent_required.items():
            if of in value:
                for name in names:
                    if name not in value:
                        said = f"{_quote(name)} is required beside {_quote(of)}"
                        ok = self.fault("dependentRequired", value, _said(said))
        for of, sub in rule.dependent_schemas.items():
            if of in value:
                ok = self.same(sub, value, seen) and ok
        for name, item in value.items():
            if not ok and not self.explaining:
                return False
            known = False
            declared = rule.properties.get(name)
            if declared is not None:
                known = True
                if declared is not True:
                    ok = self.child(declared, name, item, "properties") and ok
            for pattern, sub in rule.patterns:
                if pattern.search(name):
                    known = True
                    ok = self.child(sub, name, item) and ok
            if not known and rule.additional is not None:
                known = True
                if rule.additional is False:
                    ok = self.fault_at(
                        name,
                        "additionalProperties",
                        item,
                        f"property {_quote(name)} is not allowed",
                    )
                else:
                    ok = self.child(rule.additional, name, item) and ok
            if known and seen is not None:
                seen.add(name)
            if rule.names is not None:
                ok = self.child(rule.names, name, name) and ok
        return ok

    def same(self, rule: _Rule | bool, value: Any, seen: set[Any] | None) -> bool:
        """Applies a schema to the same value. What it has looked at counts only
        where it accepts."""
        if seen is None:
            return self.check(rule, value, None)
        own: set[Any] = set()
        if not self.check(rule, value, own):
            return False
        seen |= own
        return True

    def quietly(
        self, rule: _Rule | bool, value: Any, seen: set[Any] | None = None
    ) -> bool:
        explaining, self.explaining = self.explaining, False
        ok = self.same(rule, value, seen)
        self.explaining = explaining
        return ok

    def in_place(self, rule: _Rule, value: Any, seen: set[Any] | None) -> bool:
        ok = True
        for sub in rule.all_of:
            ok = self.same(sub, value, seen) and ok
            if not ok and not self.explaining:
                return False
        if rule.any_of is not None:
            matched = False
            for sub in rule.any_of:
                if self.quietly(sub, value, seen):
                    matched = True
                    if seen is None:
                        break
            if not matched:
                ok = self.branches("anyOf", rule.any_of, value)
        if rule.one_of is not None:
            matches = 0
            for sub in rule.one_of:
                if self.quietly(sub, value, seen):
                    matches += 1
                    if matches > 1:
                        break
            if matches == 0:
                ok = self.branches("oneOf", rule.one_of, value)
            elif matches > 1:
                ok = self.fault(
                    "oneOf",
                    value,
                    lambda: (
                        f"{_describe(value)} fits two alternatives, but has to fit exactly one"
                    ),
                )
        if not ok and not self.explaining:
            return False
        if rule.not_rule is not None and self.quietly(
            rule.not_rule, value, None if seen is None else set()
        ):
            ok = self.fault(
                "not", value, lambda: f"{_describe(value)} is what it must not be"
            )
        if rule.if_rule is not None:
            then = (
                rule.then_rule
                if self.quietly(rule.if_rule, value, seen)
                else rule.else_rule
            )
            if then is not None:
                ok = self.same(then, value, seen) and ok
        return ok

    def unevaluated(self, rule: _Rule, value: Any, seen: set[Any]) -> bool:
        ok = True
        if isinstance(value, dict):
            rest, keyword, items = (
                rule.unevaluated_properties,
                "unevaluatedProperties",
                list(value.items()),
            )
        else:
            rest, keyword, items = (
                rule.unevaluated_items,
                "unevaluatedItems",
                list(enumerate(value)),
            )
        if rest is None:
            return True
        for name, item in items:
            if name in seen:
                continue
            if rest is False:
                ok = self.fault_at(
                    str(name),
                    keyword,
                    item,
                    f"{_quote(str(name))} is covered by no part of the schema",
                )
            else:
                ok = self.child(rest, str(name), item) and ok
            seen.add(name)
        return ok

    def branches(self, keyword: str, branches: list[_Rule | bool], value: Any) -> bool:
        """Says why none of some alternatives accepts a value: by the one that was
        meant, where that can be told."""
        if not self.explaining:
            return False
        if self.steps > EXPLAIN_STEPS:
            return self.fault(
                keyword,
                value,
                lambda: f"{_describe(value)} fits none of the alternatives",
            )
        here, before = _pointer(self.path), len(self.faults)
        all_faults: list[list[_Fault]] = []
        for branch in branches:
            kept, self.faults = self.faults, []
            self.check(branch, value, None)
            all_faults.append(self.faults)
            self.faults = kept
        del self.faults[before:]
        left = [
            i for i, faults in enumerate(all_faults) if not _wrong_kind(faults, here)
        ]
        if len(branches) == 1 or len(left) == 1:
            self.faults.extend(all_faults[0 if len(branches) == 1 else left[0]])
            return False
        for first in all_faults[0]:
            depth = first.pointer.removeprefix(here).count("/")
            if depth > 1 or first.types is None and first.values is None:
                continue
            shared = all(
                any(
                    f.pointer == first.pointer
                    and (f.types is None) == (first.types is None)
                    and (f.values is None) == (first.values is None)
                    for f in faults
                )
                for faults in all_faults[1:]
            )
            if shared:
                what = _describe(first.value)
                self.faults.append(
                    _Fault(
                        first.pointer,
                        keyword,
                        f"{what} fits none of the alternatives",
                        first.value,
                    )
                )
                return False
        return self.fault(
            keyword,
            value,
            lambda: f"{_describe(value)} fits none of the {len(branches)} alternatives",
        )


def _wrong_kind(faults: list[_Fault], here: str) -> bool:
    """Whether faults say that a value is of another kind altogether."""
    for fault in faults:
        rest = fault.pointer.removeprefix(here)
        if fault.keyword in ("type", "") and not rest:
            return True
        if rest.count("/") <= 1 and (
            fault.keyword == "const"
            or fault.keyword == "enum"
            and isinstance(fault.value, str)
        ):
            return True
    return False


def _said(text: str) -> Callable[[], str]:
    return lambda: text


def _type(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, list):
        return "array"
    if value is None:
        return "null"
    return "integer" if _integral(value) else "number"


def _integral(value: Decimal) -> bool:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return False
    return exponent >= 0 or not any(digits[exponent:])


def _key(value: Any) -> Any:
    """What equal values of JSON have in common, and no others: numbers go by
    value, objects whatever their order, and true is not 1."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, type(None))):
        return ("literal", str(value))
    if isinstance(value, list):
        return ("list", tuple(_key(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        text = "".join(map(str, digits)).lstrip("0")
        short = text.rstrip("0")
        return (
            "number",
            sign if short else 0,
            short,
            int(exponent) + len(text) - len(short) if short else 0,
        )
    text = str(abs(value))
    short = text.rstrip("0")
    return ("number", int(value < 0), short, len(text) - len(short) if short else 0)


def _multiple(value: int | Decimal, of: int | Decimal) -> bool:
    if isinstance(value, int) and isinstance(of, int):
        return of != 0 and value % of == 0
    a, a_exponent = _parts(value)
    b, b_exponent = _parts(of)
    if a == 0:
        return True
    if b == 0:
        return False
    shift = a_exponent - b_exponent
    if shift >= 0:
        return bool(pow(10, shift, b) * a % b == 0)
    if -shift > len(str(a)):
        return False
    return bool(a % (b * 10**-shift) == 0)


def _parts(value: int | Decimal) -> tuple[int, int]:
    """Digits and exponent, without the sign and zeros at the end."""
    _, digits, exponent = Decimal(value).as_tuple()
    text = "".join(map(str, digits))
    short = text.rstrip("0")
    return (int(short) if short else 0), int(exponent) + len(text) - len(short)


def _clip(text: str) -> str:
    return text if len(text) <= 64 else text[:60] + "…"


def _quote(text: str) -> str:
    return json.dumps(_clip(text), ensure_ascii=False)


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return _quote(value)
    return _clip(dump(value))


def _either(words: list[str]) -> str:
    return (
        " or ".join([", ".join(words[:-1])] + words[-1:])
        if len(words) > 1
        else "".join(words) or "nothing"
    )


# --- formats ----------------------------------------------------------------

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_DURATION = re.compile(
    r"P(?:[0-9]+W|(?=[0-9T])(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)?"
    r"(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?)",
    re.ASCII,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_LABEL = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?", re.ASCII)
_ATOM = re.compile(r"(?:[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]|[^\x00-\x7f])+")
_QUOTED = re.compile(r'"(?:\\.|[^"\\\x00-\x1f\x7f])*"', re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_FUTURE = re.compile(r"[vV][0-9a-fA-F]+\..+", re.DOTALL)


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if not found:
        return False
    year, month, day = (int(part) for part in found.groups())
    if not 1 <= month <= 12 or day < 1:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    return day <= last


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if not found:
        return False
    hour, minute, second = (int(part) for part in found.group(1, 2, 3))
    if hour > 23 or minute > 59 or second > 60:
        return False
    offset = 0
    if found[4]:
        h, m = int(found[5]), int(found[6])
        if h > 23 or m > 59:
            return False
        offset = h * 60 + m if found[4] == "+" else -h * 60 - m
    # A second 60 is the last of a day in UTC.
    return second < 60 or (hour * 60 + minute - offset) % 1440 == 1439


def _is_date_time(text: str) -> bool:
    return (
        len(text) > 11
        and text[10] in "Tt"
        and _is_date(text[:10])
        and _is_time(text[11:])
    )


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _is_ipv4(text: str) -> bool:
    try:
        return text.isascii() and ipaddress.IPv4Address(text) is not None
    except ValueError:
        return False


def _is_ipv6(text: str) -> bool:
    try:
        return (
            text.isascii()
            and "%" not in text
            and ipaddress.IPv6Address(text) is not None
        )
    except ValueError:
        return False


def _is_hostname(text: str) -> bool:
    if not text or len(text) > 253:
        return False
    for label in text.split("."):
        if not _LABEL.fullmatch(label):
            return False
        if label[:4].lower() == "xn--":
            decoded = _decode_punycode(label[4:])
            if (
                decoded is None
                or not _is_u_label(decoded)
                or not _is_bidi_label(decoded, _is_bidi(decoded))
            ):
                return False
        elif label[2:4] == "--":
            return False
    return True


def _decode_punycode(text: str) -> str | None:
    """RFC 3492 §6.2."""
    out: list[int] = []
    at = text.rfind("-")
    if at > 0:
        out, text = [ord(c) for c in text[:at]], text[at + 1 :]
    n, i, bias = 128, 0, 72
    digits = iter(text)
    for first in digits:
        old, weight, k, c = i, 1, 36, first
        while True:
            digit = "abcdefghijklmnopqrstuvwxyz0123456789".find(c.lower())
            if digit < 0 or i > 1 << 24 or weight > 1 << 24:
                return None
            i += digit * weight
            t = min(max(k - bias, 1), 26)
            if digit < t:
                break
            weight *= 36 - t
            k += 36
            following = next(digits, None)
            if following is None:
                return None
            c = following
        size = len(out) + 1
        delta = (i - old) // (700 if old == 0 else 2)
        delta += delta // size
        k = 0
        while delta > 455:
            delta //= 35
            k += 36
        bias = k + 36 * delta // (delta + 38)
        n += i // size
        i %= size
        if n > 0x10FFFF or 0xD800 <= n < 0xE000:
            return None
        out.insert(i, n)
        i += 1
    return "".join(map(chr, out)) if out else None


def _script(c: str, *names: str) -> bool:
    return unicodedata.name(c, "").startswith(names)


def _category(c: str, *kinds: str) -> bool:
    return unicodedata.category(c).startswith(kinds)


_VIRAMAS = frozenset(
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
    "\u0e3a\u0f84\u1039\u103a\u17d2\ua8c4\ua9c0"
)
_NEVER_LABEL = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_ALWAYS_LABEL = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_NOT_FORWARD = frozenset(
    "\u0622\u0623\u0624\u0625\u0627\u0629\u062f\u0630\u0631\u0632"
    "\u0648\u0671\u0672\u0673\u0675\u0676\u0677\u0688\u0689\u0691"
    "\u0698\u06c0\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5"
)


def _joins(c: str, forward: bool) -> bool:
    if forward and c in _NOT_FORWARD:
        return False
    return c != "\u0621" and _category(c, "L") and _script(c, "ARABIC ")


def _is_u_label(text: str) -> bool:
    """RFC 5892: letters, digits and marks, some only beside others."""
    if (
        not text
        or text[0] == "-"
        or text[-1] == "-"
        or _category(text[0], "M")
        or text[2:4] == "--"
    ):
        return False
    arabic = any("\u0660" <= c <= "\u0669" for c in text)
    extended = any("\u06f0" <= c <= "\u06f9" for c in text)
    if arabic and extended:
        return False
    japanese = (
        "HIRAGANA ",
        "KATAKANA ",
        "CJK UNIFIED IDEOGRAPH",
        "CJK COMPATIBILITY IDEOGRAPH",
        "IDEOGRAPHIC ",
    )
    for i, c in enumerate(text):
        before = text[i - 1] if i else ""
        after = text[i + 1] if i + 1 < len(text) else ""
        if c == "\u00b7":
            if before != "l" or after != "l":
                return False
        elif c == "\u0375":
            if not after or not _script(after, "GREEK "):
                return False
        elif c in "\u05f3\u05f4":
            if not before or not _script(before, "HEBREW "):
                return False
        elif c == "\u30fb":
            if not any(o != "\u30fb" and _script(o, *japanese) for o in text):
                return False
        elif c == "\u200d":
            if before not in _VIRAMAS:
                return False
        elif c == "\u200c":
            joined = (
                bool(before and after) and _joins(before, True) and _joins(after, False)
            )
            if before not in _VIRAMAS and not joined:
                return False
        elif c in _NEVER_LABEL:
            return False
        elif c in _ALWAYS_LABEL or c in "-0123456789abcdefghijklmnopqrstuvwxyz":
            continue
        elif _category(c, "Lu") or not _category(c, "L", "M", "Nd"):
            return False
    return True


def _right_to_left(c: str) -> bool:
    if c < "\u0590":
        return False
    written = _script(
        c, "HEBREW ", "ARABIC ", "SYRIAC ", "THAANA ", "NKO "
    ) and not _category(c, "M")
    return written and not "\u06f0" <= c <= "\u06f9" or "\u0660" <= c <= "\u0669"


def _is_bidi_label(text: str, bidi: bool) -> bool:
    """RFC 5893 §2, on a label of a name that has letters from right to left."""
    if not bidi:
        return True
    last = len(text) - 1
    while last > 0 and _category(text[last], "M"):
        last -= 1
    if _category(text[0], "Nd"):
        return False
    from_right = _right_to_left(text[0])
    european = arabic = False
    for c in text:
        if "0" <= c <= "9" or "\u06f0" <= c <= "\u06f9":
            european = True
        elif "\u0660" <= c <= "\u0669":
            arabic = True
            if not from_right:
                return False
        elif _category(c, "L") and _right_to_left(c) != from_right:
            return False
    return not (european and arabic) and (
        _category(text[last], "L", "Nd") or _right_to_left(text[last])
    )


def _is_bidi(text: str) -> bool:
    return any(map(_right_to_left, text))


def _is_idn_hostname(text: str) -> bool:
    """RFC 5890: labels in ASCII or in Unicode, between any of the dots of IDNA."""
    bidi, length = _is_bidi(text), -1
    for label in re.split("[.\u3002\uff0e\uff61]", text):
        encoded = len(label)
        if label.isascii():
            if not _is_hostname(label):
                return False
        else:
            encoded = 4 + len(label.encode("punycode"))
            if not _is_u_label(label) or encoded > 63:
                return False
        if not _is_bidi_label(label, bidi):
            return False
        length += encoded + 1
    return length <= 253


def _is_email(text: str) -> bool:
    """A mailbox of RFC 5321 §4.1.2."""
    return text.isascii() and _is_mailbox(text, _is_hostname)


def _is_idn_email(text: str) -> bool:
    """A mailbox of RFC 6531."""
    return _is_mailbox(text, _is_idn_hostname)


def _is_mailbox(text: str, is_host: Callable[[str], bool]) -> bool:
    at = text.rfind("@")
    if at < 1 or at > 64 and text.isascii() or len(text.encode("utf-8")) > 254:
        return False
    local, domain = text[:at], text[at + 1 :]
    if local.startswith('"'):
        if not _QUOTED.fullmatch(local):
            return False
    elif not all(_ATOM.fullmatch(atom) for atom in local.split(".")):
        return False
    if domain.startswith("["):
        inner = domain[1:-1]
        if not domain.endswith("]"):
            return False
        return _is_ipv6(inner[5:]) if inner.startswith("IPv6:") else _is_ipv4(inner)
    return is_host(domain)


def _uri_characters(text: str) -> bool:
    for i, c in enumerate(text):
        if c == "%":
            if not re.match(r"[0-9a-fA-F]{2}", text[i + 1 : i + 3]):
                return False
        elif c <= " " or c == "\x7f" or c in '"<>\\^`{|}#':
            return False
        elif (
            "\x80" <= c < "\xa0"
            or "\ue000" <= c <= "\uf8ff"
            or ord(c) & 0xFFFE == 0xFFFE
        ):
            return False
    return True


def _is_iri_reference(text: str) -> bool:
    rest, _, fragment = text.partition("#")
    if not _uri_characters(rest) or not _uri_characters(fragment):
        return False
    scheme, colon, after = rest.partition(":")
    if colon and "/" not in scheme and "?" not in scheme:
        if not _SCHEME.fullmatch(scheme):
            return False
        rest = after
    rest = rest.partition("?")[0]
    if not rest.startswith("//"):
        return "[" not in rest and "]" not in rest
    authority, _, path = rest[2:].partition("/")
    return "[" not in path and "]" not in path and _is_authority(authority)


def _is_authority(text: str) -> bool:
    at = text.rfind("@")
    if at >= 0:
        if any(c in "[]@" for c in text[:at]):
            return False
        text = text[at + 1 :]
    host, port = text, ""
    if text.startswith("["):
        end = text.find("]")
        if end < 0 or not _is_ipv6(text[1:end]) and not _FUTURE.fullmatch(text[1:end]):
            return False
        host, rest = "", text[end + 1 :]
        if rest:
            if rest[0] != ":":
                return False
            port = rest[1:]
    elif ":" in text:
        host, _, port = text.partition(":")
    return (
        "[" not in host
        and "]" not in host
        and (not port or re.fullmatch(r"[0-9]+", port) is not None)
    )


def _is_iri(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    return (
        bool(colon)
        and _SCHEME.fullmatch(scheme) is not None
        and _is_iri_reference(text)
    )


def _is_uri(text: str) -> bool:
    return text.isascii() and _is_iri(text)


def _is_uri_reference(text: str) -> bool:
    return text.isascii() and _is_iri_reference(text)


_TEMPLATE = re.compile(
    r"(?:[^\x00-\x20\x7f{}\"<>\\^`|%]|%[0-9a-fA-F]{2}|"
    r"\{[+#./;?&=,!@|]?VAR(?:,VAR)*\})*".replace(
        "VAR",
        r"(?:[A-Za-z0-9_]|%[0-9a-fA-F]{2})+(?:\.(?:[A-Za-z0-9_]|%[0-9a-fA-F]{2})+)*(?::[1-9][0-9]{0,3})?\*?",
    )
)


def _is_uri_template(text: str) -> bool:
    return _TEMPLATE.fullmatch(text) is not None


def _is_json_pointer(text: str) -> bool:
    return (not text or text[0] == "/") and re.search(r"~(?![01])", text) is None


def _is_relative_json_pointer(text: str) -> bool:
    found = re.match(r"(?:0|[1-9][0-9]*)", text)
    return found is not None and (
        text[found.end() :] == "#" or _is_json_pointer(text[found.end() :])
    )


def _is_regex(text: str) -> bool:
    return _Expression(text).valid()


class _Expression:
    """Looks through a regular expression of ECMA-262, u flag. What other engines
    have and ECMA-262 has not is refused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        self.names: set[str] = set()
        self.references: list[int | str] = []

    def valid(self) -> bool:
        try:
            self.disjunction(0)
        except ValueError:
            return False
        for reference in self.references:
            if isinstance(reference, str) and reference not in self.names:
                return False
        return self.at == len(self.text)

    def next(self, n: int = 1) -> str:
        return self.text[self.at : self.at + n]

    def take(self, expression: str) -> re.Match[str] | None:
        found = re.compile(expression, re.ASCII).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def disjunction(self, depth: int) -> None:
        if depth > 200:
            raise ValueError
        while True:
            repeatable = False
            while self.at < len(self.text) and self.next() not in ("|", ")"):
                if self.next() in ("*", "+", "?") or re.compile(
                    r"\{[0-9]+(?:,[0-9]*)?\}"
                ).match(self.text, self.at):
                    if not repeatable:
                        raise ValueError
                    bounds = self.take(r"\{([0-9]+)(?:,([0-9]*))?\}")
                    if bounds:
                        if bounds[2] and int(bounds[2]) < int(bounds[1]):
                            raise ValueError
                    else:
                        self.at += 1
                    if self.next() == "?":
                        self.at += 1
                    repeatable = False
                else:
                    repeatable = self.atom(depth)
            if depth == 0 and self.next() == ")":
                raise ValueError
            if self.next() != "|":
                return
            self.at += 1

    def atom(self, depth: int) -> bool:
        c = self.next()
        if c == "\\":
            return self.escape(False)
        if c == "[":
            self.bracket()
            return True
        if c == "(":
            return self.group(depth)
        if c == "{" and self.take(r"\{,[0-9]+\}"):
            raise ValueError
        self.at += 1
        return c not in "^$"

    def group(self, depth: int) -> bool:
        if self.next(2) == "(?":
            if not self.take(r"\(\?(?::|=|!|<=|<!)"):
                named = self.take(r"\(\?<([^>0-9][^>]*)>")
                if not named or named[1] in self.names:
                    raise ValueError
                self.names.add(named[1])
                self.groups += 1
        else:
            self.at += 1
            self.groups += 1
        self.disjunction(depth + 1)
        if self.next() != ")":
            raise ValueError
        self.at += 1
        return True

    def escape(self, in_class: bool) -> bool:
        c = self.text[self.at + 1 : self.at + 2]
        if not c:
            raise ValueError
        if c in "bB":
            if c == "B" and in_class:
                raise ValueError
            self.at += 2
            return in_class
        if c in "dDwWsSnrtfv":
            self.at += 2
        elif c == "0":
            if not self.take(r"\\0(?![0-9])"):
                raise ValueError
        elif c in "123456789":
            found = self.take(r"\\([1-9][0-9]*)")
            if in_class or found is None:
                raise ValueError
        elif c == "k":
            found = self.take(r"\\k<([^>]+)>")
            if in_class or found is None:
                raise ValueError
            self.references.append(found[1])
        elif c == "c":
            if not self.take(r"\\c[A-Za-z]"):
                raise ValueError
        elif c == "x":
            if not self.take(r"\\x[0-9a-fA-F]{2}"):
                raise ValueError
        elif c == "u":
            found = self.take(r"\\u(?:\{([0-9a-fA-F]+)\}|[0-9a-fA-F]{4})")
            if found is None or found[1] and int(found[1], 16) > 0x10FFFF:
                raise ValueError
        elif c in "pP":
            if not self.take(r"\\[pP]\{[A-Za-z0-9_]+(?:=[A-Za-z0-9_]+)?\}"):
                raise ValueError
        elif c.isascii() and c.isalpha():
            raise ValueError
        else:
            self.at += 2
        return True

    def bracket(self) -> None:
        self.at += 1
        if self.next() == "^":
            self.at += 1
        low: int | None = None
        ranged = False
        while self.next() != "]":
            if not self.next() or self.take(r"\[(?::|\.|=)\^?[A-Za-z]+(?::|\.|=)\]"):
                raise ValueError
            if (
                self.next() == "-"
                and low is not None
                and self.text[self.at + 1 : self.at + 2] not in ("]", "")
            ):
                self.at += 1
                ranged = True
                continue
            start = self.at
            if self.next() == "\\":
                self.escape(True)
                one = self.text[start : self.at]
                point = _escaped(one)
            else:
                self.at += 1
                point = ord(self.text[start])
            if ranged and low is not None and point is not None and point < low:
                raise ValueError
            low, ranged = (None if ranged else point), False
        self.at += 1


def _escaped(text: str) -> int | None:
    """The code point that an escape stands for, None where it is a class."""
    c, rest = text[1], text[2:]
    if c in "dDwWsSpP":
        return None
    if c in "xu":
        return int(rest.strip("{}"), 16)
    if c == "c":
        return ord(rest) & 0x1F
    simple = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "b": 8, "0": 0}
    return simple.get(c, ord(c))


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is_date_time,
    "date": _is_date,
    "time": _is_time,
    "duration": _is_duration,
    "email": _is_email,
    "idn-email": _is_idn_email,
    "idn-hostname": _is_idn_hostname,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "uri": _is_uri,
    "uri-reference": _is_uri_reference,
    "iri": _is_iri,
    "iri-reference": _is_iri_reference,
    "uri-template": _is_uri_template,
    "uuid": _is_uuid,
    "json-pointer": _is_json_pointer,
    "relative-json-pointer": _is_relative_json_pointer,
    "regex": _is_regex,
}


# --- events -----------------------------------------------------------------


@dataclass(frozen=True)
class Attribute:
    """What the contract says of an attribute of an event."""

    name: str
    required: bool
    schema: Schema


@dataclass(frozen=True)
class Rules:
    """What the contract says of an event: of its data, or of the whole of it. Where the
    data are Avro's, in its JSON encoding, a text under another type is none."""

    data: Schema | None = None
    whole: Schema | None = None
    attributes: tuple[Attribute, ...] = ()
    avro: bool = False

    def problems(self, event: dict[str, Any]) -> list[Problem]:
        found: list[Problem] = []
        for attribute in self.attributes:
            value = event.get(attribute.name)
            if value is None:
                if attribute.required:
                    said = (
                        f"the event has no {attribute.name}, which the contract demands"
                    )
                    found.append(Problem("", "required", said))
            else:
                found += attribute.schema.problems(value, "/" + attribute.name)
        if self.whole is not None:
            found += self.whole.problems(
                {
                    name: value
                    for name, value in event.items()
                    if value is not None or name == "data"
                }
            )
        if self.data is not None:
            kind = event.get("datacontenttype")
            if not is_json(kind) and (
                "data_base64" in event or self.avro and "data" in event
            ):
                said = f"the data are {kind}"
                if not self.avro:
                    said += " and no text"
                said += ", and the contract describes JSON"
                found.append(Problem("/datacontenttype", "datacontenttype", said))
            elif "data_base64" in event:
                found.append(
                    Problem(
                        "/data_base64",
                        "",
                        "the data are bytes, and the contract describes JSON",
                    )
                )
            elif "data" not in event:
                found.append(
                    Problem(
                        "",
                        "required",
                        "the event has no data, and the contract describes some",
                    )
                )
            elif not is_json(kind) and not isinstance(event["data"], str):
                said = f"the data are {kind}, and so a text; {_describe(event['data'])} is none"
                found.append(Problem("/data", "type", said))
            else:
                found += self.data.problems(event["data"], "/data")
        return found


_NAMED = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_MEDIA_TYPE = re.compile(
    r"[^\x00-\x20\x7f-\uffff()<>@,;:\\\"/\[\]?=]+/[^\x00-\x20\x7f-\uffff()<>@,;:\\\"/\[\]?=]+"
)
_URI_BYTES = re.compile(
    r"(?:[^\x00-\x20\"<>\\^`{|}%#]|%[0-9a-fA-F]{2})*(?:#(?:[^\x00-\x20\"<>\\^`{|}%#]|%[0-9a-fA-F]{2})*)?"
)
_NO_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(
        chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)
    )
    + "]"
)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)


def _is_timestamp(text: str) -> bool:
    if not _TIMESTAMP.fullmatch(text) or not _is_date(text[:10]):
        return False
    return text[11:13] < "24" and text[14:16] < "60" and text[17:19] <= "60"


def is_json(content_type: str | None) -> bool:
    """Whether a content type is that of JSON: none at all, and anything +json."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    sub = kind.partition("/")[2]
    return not kind or sub == "json" or len(sub) > 5 and sub.endswith("+json")


def read_members(text: str | bytes) -> dict[str, Any]:
    """Reads an event in the JSON format of CloudEvents 1.0. Attributes that are
    null are left out, which is the same."""
    members = load(text)
    if not isinstance(members, dict):
        fail("the text is no JSON object, and so no event")
    event = {
        name: value
        for name, value in members.items()
        if value is not None or name == "data"
    }
    if members.get("data_base64", 0) is None:
        event.pop("data_base64", None)
    _check_envelope(event)
    if "data" in event and "data_base64" in members:
        fail("there is data as well as data_base64")
    if event.get("data", 0) is None and not is_json(event.get("datacontenttype")):
        del event["data"]  # no text is none
    encoded = event.get("data_base64")
    if encoded is not None:
        try:
            if not isinstance(encoded, str):
                raise ValueError
            decoded = base64.b64decode(encoded, validate=True)
            if base64.b64encode(decoded).decode() != encoded:
                raise ValueError
        except (ValueError, binascii.Error):
            fail("it is no base64 (RFC 4648)", "/data_base64")
        if is_json(event.get("datacontenttype")):
            del event["data_base64"]
            event["data"] = load(decoded)
    return event


# --- messages: binary mode has the attributes in headers, the data in the body ---

Protocol: TypeAlias = Literal["amqp", "http", "kafka", "mqtt", "nats", "pubsub"]
"""Whose binding of CloudEvents a message follows."""

Header: TypeAlias = Union[str, bytes, int, bool]
"""The value of a header; bytes are a text in UTF-8."""

_PREFIXES: dict[str, tuple[str, ...]] = {
    "amqp": ("cloudevents_", "cloudevents:"),
    "http": ("ce-",),
    "kafka": ("ce_",),
    "mqtt": ("ce-", ""),  # names as they are; some write them as others do
    "nats": ("ce-",),
    "pubsub": ("ce-",),
}


def read_message(
    protocol: Protocol,
    headers: Mapping[str, Header] | Iterable[tuple[str, Header]],
    body: str | bytes,
    content_type: str | None = None,
) -> tuple[dict[str, Any], bool]:
    """Reads an event from a message: its members, and whether it was in binary
    mode, in which most protocols make texts of numbers and booleans."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    texts: list[tuple[str, str | int | bool]] = []
    for header, value in pairs:
        if isinstance(value, (bytes, bytearray)):
            try:
                value = bytes(value).decode("utf-8")
            except UnicodeDecodeError:
                continue  # somebody else's, or missed where it is not
        texts.append((header.lower(), value))
    if not content_type and protocol not in ("amqp", "mqtt"):
        content_type = next(
            (str(value) for header, value in texts if header == "content-type"), None
        )
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind.startswith("application/cloudevents"):
        if kind not in ("application/cloudevents", "application/cloudevents+json"):
            fail(f"{_quote(kind)} is not read here; one event in JSON is", "", "mode")
        return read_members(body), False
    telling = ["specversion", "id", "source", "type"][: 1 if protocol == "mqtt" else 4]
    marks = {p + name for p in _PREFIXES[protocol] for name in telling}
    begin = body.lstrip(" \t\r\n") if isinstance(body, str) else body.lstrip(b" \t\r\n")
    if (
        not content_type
        and begin[:1] in ("{", b"{")
        and marks.isdisjoint(header for header, _ in texts)
    ):
        return read_members(body), False  # nothing says binary mode
    event: dict[str, Any] = {}
    for header, value in texts:
        prefix = next((p for p in _PREFIXES[protocol] if header.startswith(p)), None)
        if prefix is None:
            continue
        name = header[len(prefix) :]
        if prefix == "" and not re.fullmatch(r"[a-z0-9]+", name):
            continue  # a property of somebody else's
        if name in ("data", "data_base64"):
            fail(f"{name} is a header, and data is the body", "/" + name, "header")
        if isinstance(value, str) and protocol in ("http", "nats"):
            try:
                value = urllib.parse.unquote(value, errors="strict")
            except UnicodeDecodeError:
                fail("its percent-encoding is none of UTF-8", "/" + name, "header")
        if name == "datacontenttype" and content_type:
            continue
        if name in event:
            fail("it is there twice", "/" + name, "header")
        event[name] = value
    if content_type:
        event["datacontenttype"] = content_type
    _check_envelope(event)
    if is_json(event.get("datacontenttype")):
        if len(body) == 0:
            return event, True
        try:
            event["data"] = load(body)
        except ContractError as error:
            raise ContractError(
                [Problem("/data", p.keyword, p.message) for p in error.problems]
            ) from None
        return event, True
    if isinstance(body, str):
        event["data"] = body
    else:
        try:
            event["data"] = bytes(body).decode("utf-8")
        except UnicodeDecodeError:
            event["data_base64"] = base64.b64encode(body).decode()
    return event, True


def _typed(text: str) -> bool | int | None:
    """The boolean or the whole number of 32 bits that a text is the text of."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"0|-?[1-9][0-9]{0,9}", text) and -(2**31) <= int(text) < 2**31:
        return int(text)
    return None


def _check_envelope(event: dict[str, Any]) -> None:
    """What CloudEvents 1.0 says of every event."""
    if event.get("specversion") != "1.0":
        fail(
            'specversion has to be "1.0"',
            "/specversion" if "specversion" in event else "",
        )
    for name in ("id", "source", "type"):
        if event.get(name, "") == "":
            fail(
                f"{name} is required, and may not be empty",
                "/" + name if name in event else "",
            )
    for name, value in event.items():
        if name in ("data", "data_base64", "specversion"):
            continue
        at = "/" + name.replace("~", "~0").replace("/", "~1")
        if name in _NAMED:
            if not isinstance(value, str):
                fail(
                    f"{name} is {_describe(value)}, and has to be a string", at, "type"
                )
        elif not re.fullmatch(r"[a-z0-9]+", name):
            fail(
                f"{_quote(name)} is no name of an attribute, which has lower-case letters and digits",
                at,
            )
        elif isinstance(value, (list, dict)):
            fail(f"{name} is a list or an object, which no attribute is", at, "type")
        elif (
            isinstance(value, Decimal)
            or not isinstance(value, (str, bool))
            and not -(2**31) <= value < 2**31
        ):
            fail(
                f"{name} is {_describe(value)}, and numbers of attributes are whole and of 32 bits",
                at,
                "type",
            )
        if isinstance(value, str):
            bad = _NO_TEXT.search(value)
            if bad:
                fail(
                    f"{name} has U+{ord(bad[0]):04X}, which attributes may not have", at
                )
    if not _URI_BYTES.fullmatch(event["source"]):
        fail("source is no URI-reference", "/source")
    schema = event.get("dataschema", "")
    if schema and (":" not in schema or not _URI_BYTES.fullmatch(schema)):
        fail("dataschema is no URI", "/dataschema")
    kind = event.get("datacontenttype", "")
    if kind and not _MEDIA_TYPE.fullmatch(kind.partition(";")[0].strip()):
        fail("datacontenttype is no media type", "/datacontenttype")
    time = event.get("time", "")
    if time and not _is_timestamp(time):
        fail("time is no timestamp of RFC 3339", "/time")


def new_id() -> str:
    """An id that no other event has."""
    return str(uuid.uuid4())


def utc_now() -> str:
    """The time, as attributes have it."""
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


class CloudEvent(Model):
    """An event of CloudEvents 1.0. Attributes that the contract does not name are
    kept as extensions (model_extra)."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=new_id)
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None

    _readers: ClassVar[Rules] = Rules()
    _writers: ClassVar[Rules] = Rules()
    # The mode that messages come in, where the contract has one.
    _mode: ClassVar[str] = ""
    # Whether the data may be absent: the contract says nothing of them.
    _free: ClassVar[bool] = False

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads the event in the JSON format of CloudEvents (structured mode).
        Raises ContractError where it breaks the contract."""
        return cls.from_members(read_members(text))

    @classmethod
    def from_members(cls, event: dict[str, Any]) -> Self:
        """The event of its members as read_members reads them."""
        return deeply(lambda: cls._held(event))

    @classmethod
    def from_message(cls, read: tuple[dict[str, Any], bool]) -> Self:
        """The event of a message as read_message reads it."""
        event, binary = read
        if binary:
            for attribute in cls._readers.attributes:
                value = event.get(attribute.name)
                if not isinstance(value, str) or attribute.name in _NAMED:
                    continue
                other = _typed(value)
                if (
                    other is not None
                    and not attribute.schema.valid(value)
                    and attribute.schema.valid(other)
                ):
                    event[attribute.name] = other
        made = cls.from_members(event)
        mode = "binary" if binary else "structured"
        if cls._mode not in ("", mode):
            fail(
                f"the event came in {mode} mode, and the contract has {cls._mode} mode for {event['type']}",
                "",
                "mode",
            )
        return made

    @classmethod
    def _held(cls, event: dict[str, Any]) -> Self:
        expected = cls.model_fields["type"].default
        if expected != event["type"]:
            fail(
                f"the event is of the type {_quote(event['type'])}, and not {_quote(str(expected))}",
                "/type",
                "const",
            )
        rules = cls._readers
        encoded = event.get("data_base64")
        if encoded is not None and rules.data is not None and not rules.avro:
            try:
                text = base64.b64decode(encoded).decode("utf-8")
            except UnicodeDecodeError:
                pass  # bytes, of which the contract says nothing
            else:
                event = {**event, "data": text}
                del event["data_base64"]
        found = rules.problems(event)
        if found:
            raise ContractError(found)
        try:
            return cls.model_validate(event, by_alias=True, by_name=False)
        except ValidationError as error:
            raise _refusals(error) from None

    def to_json(self) -> str:
        """Writes the event in the JSON format of CloudEvents (structured mode).
        Raises ContractError where it breaks the contract."""
        return deeply(self._written)

    def _written(self) -> str:
        event = self.members()
        text = dump(event)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            fail("a text has half of a surrogate pair, which is no character")
        if _deeper(event, MAX_DEPTH):
            fail(f"the value is nested deeper than {MAX_DEPTH}")
        found = self._writers.problems(event)
        if found:
            raise ContractError(found)
        return text

    def members(self) -> dict[str, Any]:
        """The members of the event in the JSON format, held to CloudEvents."""
        made = self.__plain__()
        data = made.get("data")
        free = self._free and "data" not in self.model_fields_set
        event = {
            name: value
            for name, value in made.items()
            if value is not None and name != "data"
        }
        if "data" in made and not free:
            event["data"] = data
        _check_envelope(event)
        return event


def type_of(event: dict[str, Any], known: Iterable[str]) -> NoReturn:
    kind = str(event["type"])
    said = f"the contract has no events of the type {_quote(kind)}; it has {_either(sorted(known))}"
    raise UnknownEventType([Problem("/type", "", said)])
