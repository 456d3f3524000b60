"""What no BPMN document can say, in a draft that is not finished yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workflows.graph.shape import SCOPE
from workflows.graph.validation import Problem

# XML 1.0, production 2: what is no character of a document.
UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def problems(definition: Mapping[str, Any]) -> list[Problem]:
    """What must be mended before a definition can be drawn; [] when it can."""
    whole = {name: given for name, given in definition.items() if name != "tasks"}
    found = [*_of_texts("", whole)]
    tasks = {task["key"]: task for task in definition.get("tasks", ())}
    for key, task in tasks.items():
        found += [*_of_place(key, tasks), *_of_texts(key, task)]
    return found


def _of_place(key: str, tasks: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A task lies in a sub-process that lies, at the end, in the process itself."""
    parent = tasks[key].get("parent", "")
    if not parent:
        return
    if parent not in tasks:
        yield Problem(key, "parent", f"“{parent}” is not a task of this workflow.")
    elif tasks[parent].get("kind") != SCOPE:
        yield Problem(key, "parent", f"“{parent}” is no sub-process: nothing can lie in it.")
    seen = {key}
    while parent in tasks and parent not in seen:
        seen.add(parent)
        parent = tasks[parent].get("parent", "")
    if parent in seen:
        yield Problem(key, "parent", "It lies in itself.")


def _of_texts(key: str, fields: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in fields.items():
        if any(UNFIT.search(text) for text in _texts(value)):
            message = "It has a control character, which no BPMN file can hold: take it out."
            yield Problem(key, name, message)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, inner in value.items():
                yield str(name)
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
