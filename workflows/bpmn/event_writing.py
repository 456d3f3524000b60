"""Event definitions (BPMN 2.0, 10.5.5) from what a definition says of an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from workflows.graph import due

from .document import Document, children, put, remove
from .extension import CEL
from .vocabulary import EVENT_DEFINITION, bpmn, local

TIMES = {"duration": "timeDuration", "at": "timeDate", "cycle": "timeCycle"}
TAGS = {
    "timer": "timerEventDefinition",
    "message": "messageEventDefinition",
    "signal": "signalEventDefinition",
    "conditional": "conditionalEventDefinition",
    "error": "errorEventDefinition",
    "escalation": "escalationEventDefinition",
    "compensate": "compensateEventDefinition",
    "link": "linkEventDefinition",
    "terminate": "terminateEventDefinition",
    "cancel": "cancelEventDefinition",
}
Event = Mapping[str, Any]


def set_event(document: Document, element: etree._Element, event: Event) -> dict[str, Any]:
    """Write the definitions of an event into its element; what they cannot say is returned."""
    for old in [one for one in element if local(one).endswith(EVENT_DEFINITION)]:
        remove(old)
    for old in list(children(element, "eventDefinitionRef")):
        remove(old)
    element.attrib.pop("parallelMultiple", None)
    if event.get("type") != "multiple":
        rest = _defined(document, element, event)
        rest.pop("interrupting", None)
        return rest
    parts = [dict(part) for part in event.get("events") or ()]
    left = [_defined(document, element, part) for part in parts]
    if event.get("parallel"):
        element.set("parallelMultiple", "true")
    rest = {
        name: value
        for name, value in event.items()
        if name not in ("type", "parallel", "events", "interrupting")
    }
    return {**rest, "events": parts} if any(left) else rest


def set_message(document: Document, element: etree._Element, event: Event) -> dict[str, Any]:
    """Write the message of a task that receives it; what of the event is left unsaid."""
    _refer("message", "name")(document, element, event)
    return {name: value for name, value in event.items() if name not in ("type", "name")}


def _defined(document: Document, element: etree._Element, event: Event) -> dict[str, Any]:
    """One event definition in an element; what of the event it leaves unsaid."""
    kind = str(event.get("type") or "none")
    rest = {name: value for name, value in event.items() if name != "type"}
    if kind not in TAGS:
        return {} if kind == "none" and not rest else dict(event)
    made = put(element, element.makeelement(bpmn(TAGS[kind])))
    made.set("id", document.new_id(f"{element.get('id')}_{kind}"))
    for name in _SAYING.get(kind, _say_nothing)(document, made, event):
        rest.pop(name, None)
    return rest


def _say_nothing(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
    return ()


def _say_time(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
    for name, tag in TIMES.items():
        if (given := event.get(name)) is not None:
            inner = put(made, made.makeelement(bpmn(tag)))
            if not isinstance(given, str):
                document.typed(inner, f"PT{given}S")  # the number itself is kept beside it
                return ()
            document.typed(inner, given, "" if due.is_literal(given) else CEL)
            return (name,)
    return ()


def _say_condition(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
    inner = put(made, made.makeelement(bpmn("condition")))
    document.typed(inner, str(event.get("condition") or ""), CEL)
    return ("condition",)


def _say_activity(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
    if event.get("activity"):
        made.set("activityRef", document.id_of(str(event["activity"])))
    return ("activity",)


def _say_link(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
    made.set("name", str(event.get("name") or ""))
    return ("name",)


def _refer(kind: str, field: str) -> Callable[[Document, etree._Element, Event], tuple[str, ...]]:
    def say(document: Document, made: etree._Element, event: Event) -> tuple[str, ...]:
        if event.get(field):
            made.set(f"{kind}Ref", document.named(kind, str(event[field])))
        return (field,)

    return say


_SAYING: dict[str, Callable[[Document, etree._Element, Event], tuple[str, ...]]] = {
    "timer": _say_time,
    "message": _refer("message", "name"),
    "signal": _refer("signal", "name"),
    "error": _refer("error", "code"),
    "escalation": _refer("escalation", "code"),
    "conditional": _say_condition,
    "compensate": _say_activity,
    "link": _say_link,
}
