"""Events: what a node waits for or throws (BPMN 2.0, 10.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from workflows.graph.shape import BOUNDARY, END, SCOPE, START, THROW

from . import expressing, timing
from .kinds import ALLOWED, EVENT_TYPES, MULTIPLE
from .source import Source, attribute, child, extensions, is_true, local, name_of, zeebe

MAX_NAME = 200  # characters
_THROWN = frozenset({THROW, END})


def event(source: Source, element: etree._Element, kind: str) -> dict[str, Any]:
    """The event of an element that stands for a node of a kind, {} where it has none."""
    found = list(definitions(source, element))
    if not found:
        return {}
    events = [_one(source, element, definition, kind) for definition in found]
    for one, definition in zip(events, found, strict=True):
        if one["type"] not in ALLOWED[kind]:
            what = f"An event of type “{one['type']}” does not work here."
            source.unsupported(element, what, definition)
    if len(events) == 1:
        return {**events[0], **_interrupting(element, kind)}
    together = is_true(element, "parallelMultiple")
    whole = {"type": MULTIPLE, "parallel": together, "events": events}
    return {**whole, **_interrupting(element, kind)}


def definitions(source: Source, element: etree._Element) -> Iterator[etree._Element]:
    """The event definitions of an element, in it or referred to."""
    for one in element:
        name = local(one)
        if name in EVENT_TYPES:
            yield one
        elif name == "eventDefinitionRef":
            to = source.referred(one, one.text, "It refers to the event definition")
            if local(to) in EVENT_TYPES:
                source.used[to] = None
                yield to
            else:
                source.unsupported(element, "What it refers to is no event definition.", one)
        elif name.endswith("EventDefinition"):
            source.unsupported(element, f"<{name}> is no event of BPMN 2.0.", one)


def message_name(source: Source, element: etree._Element, reference: str | None) -> dict[str, Any]:
    """Name, and what it is correlated by, of the message that an element refers to."""
    message = _referred(source, element, reference, "message")
    if message is None:
        return {"name": ""}
    found = {"name": _named(source, message, message.get("name"))}
    for one in extensions(message, zeebe("subscription")):
        if key := (one.get("correlationKey") or "").strip():
            found["key"] = expressing.cel(source, message, key, "The correlation key")
    return found


def _interrupting(element: etree._Element, kind: str) -> dict[str, bool]:
    name = {BOUNDARY: "cancelActivity", SCOPE: "isInterrupting"}.get(kind)
    return {"interrupting": False} if name and not is_true(element, name, True) else {}


def _one(
    source: Source, element: etree._Element, definition: etree._Element, kind: str
) -> dict[str, Any]:
    type_ = EVENT_TYPES[local(definition)]
    match type_:
        case "timer":
            if kind == START:
                return timing.first(source, definition)
            lasts = kind in (BOUNDARY, SCOPE) and bool(_interrupting(element, kind))
            return timing.timer(source, definition, repeats=lasts)
        case "message":
            if definition.get("operationRef") or child(definition, "operationRef") is not None:
                source.unsupported(definition, "The operation of an interface is not called.")
            named = message_name(source, definition, definition.get("messageRef"))
            if kind in _THROWN and "key" in named:
                del named["key"]
            return {"type": type_, **named}
        case "signal":
            return {"type": type_, "name": _signal(source, definition)}
        case "conditional":
            what = "The condition"
            when = expressing.condition(source, definition, "condition", what)
            if when is None:
                source.unsupported(definition, "The event names no condition.")
            return {"type": type_, "condition": when or ""}
        case "error" | "escalation":
            return {"type": type_, **_code(source, definition, type_, kind)}
        case "compensate":
            return {"type": type_, **_undone(source, definition)}
        case "link":
            return {"type": type_, "name": _link(source, element, definition)}
    return {"type": type_}


def _signal(source: Source, definition: etree._Element) -> str:
    signal = _referred(source, definition, definition.get("signalRef"), "signal")
    return "" if signal is None else _named(source, signal, signal.get("name"))


def _link(source: Source, element: etree._Element, definition: etree._Element) -> str:
    name = name_of(definition)
    if not name:
        source.unsupported(element, "The link has no name.", definition)
    return name[:MAX_NAME]


def _code(source: Source, definition: etree._Element, type_: str, kind: str) -> dict[str, str]:
    """The code of an error or escalation.

    Whoever catches one without a code catches all, as the standard says of both; but if the file
    throws just that one, too, it is known by its id.
    """
    reference = definition.get(f"{type_}Ref")
    if not reference and kind not in _THROWN:
        return {}
    declared = _referred(source, definition, reference, type_)
    if declared is None:
        return {}
    if not declared.get(f"{type_}Code") and kind not in _THROWN and declared not in source.thrown:
        return {}
    code = declared.get(f"{type_}Code") or declared.get("id") or ""
    found = expressing.static(source, declared, code, "The code")
    return {"code": str(found)} if found else {}


def _undone(source: Source, definition: etree._Element) -> dict[str, str]:
    if not is_true(definition, "waitForCompletion", True):
        source.unsupported(definition, "Compensation is always waited for.")
    if not definition.get("activityRef"):
        return {}
    reference = definition.get("activityRef")
    to = source.referred(definition, reference, "It compensates the activity")
    return {"activity": source.key(to)}


def _referred(
    source: Source, element: etree._Element, reference: str | None, kind: str
) -> etree._Element | None:
    """The message, signal, error or escalation that is referred to; named if there is none."""
    if not (reference or "").strip():
        source.unsupported(element, f"It names no {kind}.")
        return None
    found = source.find(reference)
    if found is None or local(found) != kind:
        what = f"There is no {kind} “{reference:.200}” in this file."
        source.unsupported(element, what)
        return None
    source.used[found] = None
    return found


def _named(source: Source, declared: etree._Element, name: str | None) -> str:
    """A message's or signal's name; one without is known by its id."""
    given = " ".join((name or "").split()) or declared.get("id") or ""
    found = expressing.static(source, declared, given, "The name")
    if attribute(declared, "scope"):
        source.unsupported(declared, "It reaches everybody who waits, not only its own process.")
    return str(found or given)[:MAX_NAME]
