"""Reads lines of JSON, and writes what the generated packages make of them.

{"id", "package", "event"} is an event to be read and written again, or with "message" what it came in; {"id",
"schema", "value"} is a value to be held to a schema. The answers have the pointers
of what was refused, or the event as it was written again.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any


def answer(
    line: bytes, runtime: Any, packages: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    vector = runtime.load(line)  # which leaves numbers as they are
    made: dict[str, Any] = {"id": vector["id"]}
    problems = None
    try:
        if "schema" in vector:
            text = vector["schema"]
            if text not in schemas:
                schemas[text] = runtime.Schema(text)
            problems = schemas[text].problems(vector["value"]) or None
        else:
            name = vector["package"]
            if name not in packages:
                package = importlib.import_module(name)
                packages[name] = (package, package.ContractError)
            package, error = packages[name]
            parse = package.parse_event
            try:
                if "message" in vector:
                    message = vector["message"]
                    read = package.parse_message(
                        message["protocol"],
                        message["headers"],
                        message["body"],
                        message.get("contentType"),
                    )
                else:
                    read = parse(runtime.dump(vector["event"]))
                again = read.to_json()
                made["value"] = runtime.load(again)
                made["same"] = parse(again) == read
            except error as refused:
                problems = refused.problems
    except Exception:
        made["error"] = traceback.format_exc(limit=-2)
    if problems is not None:
        made["pointers"] = [problem.pointer for problem in problems]
        made["says"] = "; ".join(
            f"{p.pointer} {p.keyword}: {p.message}" for p in problems
        )
    return made


def main() -> None:
    runtime = importlib.import_module("corpus._treaty")
    packages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for line in sys.stdin.buffer:
        print(runtime.dump(answer(line, runtime, packages, schemas)))


main()
