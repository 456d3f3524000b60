"""Whether a definition can be drawn at all: what XML or nesting cannot hold is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.errors import BpmnError
from workflows.graph.shape import BOUNDARY, SCOPE

from . import keys
from .elements import TAGS
from .extending import is_fit
from .normal import Normal, normal

DEEPEST = 60  # scopes in scopes
PLAIN_TEXTS = ("name", "description", "agent", "role")


def checked(definition: Mapping[str, Any]) -> Normal:
    """The definition in normal form; raises BpmnError for the first thing that cannot be drawn."""
    try:
        workflow = normal(definition)
    except ValueError as error:
        raise BpmnError(str(error)) from None
    for key, message in _problems(workflow):
        raise BpmnError(f"“{key}”: {message}" if key else message, element_id=key)
    return workflow


def _problems(workflow: Normal) -> Iterator[tuple[str, str]]:
    for key, task in workflow.tasks.items():
        if keys.key(key) != key:
            yield key, "This key cannot be the id of an element."
        if task["kind"] not in TAGS:
            yield key, f"“{task['kind']}” is no kind of task."
        yield from ((key, message) for message in _place(workflow, task))
        for text in _texts(task):
            if not is_fit(text):
                yield key, f"{text!r:.100} has a character that XML cannot hold."
        if any(not name or " " in name for name in map(str, task["capabilities"])):
            yield key, "A capability is one word without blanks."
    for way in workflow.ways:
        for text in (way.when, way.name):
            if not is_fit(text):
                yield way.target, f"{text!r:.100} has a character that XML cannot hold."
    for text in (workflow.name, workflow.description):
        if not is_fit(text):
            yield "", f"{text!r:.100} has a character that XML cannot hold."


def _place(workflow: Normal, task: Mapping[str, Any]) -> Iterator[str]:
    seen, parent = 0, task["parent"]
    while parent and seen <= DEEPEST:
        if workflow.tasks.get(parent, {}).get("kind") != SCOPE:
            yield f"It lies in “{parent}”, which is no sub-process of this workflow."
            return
        seen, parent = seen + 1, workflow.tasks[parent]["parent"]
    if parent:
        yield "It lies in itself, or too deep in sub-processes."
    for name, is_wanted in (("attached_to", task["kind"] == BOUNDARY), ("compensates", False)):
        host = task[name]
        if (host or is_wanted) and host not in workflow.tasks:
            yield f"{name} names “{host}”, which is no task of this workflow."


def _texts(task: Mapping[str, Any]) -> Iterator[str]:
    """Texts that stand in the document as they are, not as JSON."""
    for name in PLAIN_TEXTS:
        yield str(task[name])
    yield from map(str, task["capabilities"])
    for name in ("output_mapping", "input"):
        yield from map(str, task[name])
    yield from map(str, task["output_mapping"].values())
    for name in ("event", "loop", "scope", "calls"):
        yield from _strings(task[name])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
