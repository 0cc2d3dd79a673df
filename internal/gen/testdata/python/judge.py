"""Reads events from lines of JSON, and writes what the generated packages make of
them: {"id", "package", "event", "value"} becomes {"id", "result", "reason", "err",
"value"}."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main() -> None:
    packages: dict[str, Any] = {}
    for line in sys.stdin.buffer:
        vector = json.loads(line)
        name = vector["package"]
        if name not in packages:
            packages[name] = (importlib.import_module(name), importlib.import_module(name + "._treaty"))
        package, runtime = packages[name]
        # The texts of the numbers matter, so what came is not written again.
        event = runtime.load(line)["event"]
        answer: dict[str, Any] = {"id": vector["id"]}
        try:
            read = package.parse_event(runtime.dump(event))
            if read is None:
                answer["result"] = "skipped"
            else:
                answer["result"] = "handled"
                again = read.to_json()
                answer["value"] = again
                if package.parse_event(again) != read:
                    answer["result"] = "changed"
        except runtime.ContractError as error:
            answer["result"] = "dead-lettered"
            answer["reason"] = "invalid"
            answer["err"] = "; ".join(f"{p.pointer} {p.keyword}: {p.message}" for p in error.problems)
        print(json.dumps(answer))


main()
