"""Timers (BPMN 2.0, 10.5.5.15): ISO 8601 or an expression; cron where a vendor writes it."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from workflows.errors import InvalidExpression
from workflows.graph import cron, due

from . import expressing
from .source import Source, child, text_of

ZONE = "UTC"
_FIELDS = {"timeDuration": "duration", "timeDate": "at", "timeCycle": "cycle"}
_REPEATED = re.compile(r"R(?P<times>[0-9]*)/(?P<every>P\S+)\Z")
_CALENDAR = re.compile(r"[0-9*?/,#A-Za-z-]+(?:\s+[0-9*?/,#A-Za-z-]+){4,6}\Z")
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def timer(source: Source, definition: etree._Element, *, repeats: bool) -> dict[str, Any]:
    """The timer that a timerEventDefinition describes.

    Where it happens only once (`repeats` is false), a cycle is as long as its first round.
    """
    given = [(name, text_of(child(definition, name))) for name in _FIELDS]
    said = [(_FIELDS[name], text) for name, text in given if text]
    if len(said) != 1:
        source.unsupported(definition, "The timer must say one of a duration, a date and a cycle.")
        return {"type": "timer"}
    field, text = said[0]
    repeated = _REPEATED.match(text) if field == "cycle" else None
    if repeated and not repeats and repeated["times"] != "0":
        field, text = "duration", repeated["every"]
    return {"type": "timer", field: _checked(source, definition, field, text, repeats=repeats)}


def first(source: Source, definition: etree._Element) -> dict[str, Any]:
    """The timer of a start event: as others, or a schedule, and nothing that asks variables."""
    try:
        found = schedule(text_of(child(definition, "timeCycle")))
    except ValueError as reason:
        source.unsupported(definition, f"The schedule is not the same here: {reason}.")
        return {"type": "timer"}
    if found:
        source.note(definition, f"The schedule “{found}” goes by the clocks of {ZONE}.")
        return {"type": "timer", "cron": found, "zone": ZONE}
    event = timer(source, definition, repeats=True)
    given = next((event[name] for name in _FIELDS.values() if name in event), "PT0S")
    if not due.is_literal(given):
        source.unsupported(definition, "Before a start there are no variables to tell a time.")
    return event


def schedule(text: str) -> str:
    """The cron expression of five fields that a cycle is; "" if it is none at all.

    Raises ValueError, with the reason, for cron that says something else or more.
    """
    if text in _MACROS:
        return _MACROS[text]
    if not _CALENDAR.match(text):
        return ""
    fields = text.upper().split()
    if len(fields) > 5:
        seconds, *fields = fields
        if seconds not in ("0", "00"):
            raise ValueError("it counts seconds, and schedules here count minutes")
        if len(fields) == 6 and fields.pop() != "*":
            raise ValueError("it names years")
        if re.search(r"\d", fields[4].split("#")[0]):
            raise ValueError("a day of the week is a number, which engines count differently")
    found = " ".join("*" if one == "?" else one for one in fields)
    if problem := cron.problem(found):
        raise ValueError(problem.rstrip("."))
    return found


def _checked(
    source: Source, definition: etree._Element, field: str, text: str, *, repeats: bool
) -> str:
    if not due.is_literal(text):
        told = (child(definition, name) for name in _FIELDS)
        said = next((one for one in told if text_of(one) == text), None)
        language = expressing.spoken(source, said)
        return expressing.cel(source, definition, text, "The time", language)
    if field == "cycle" and not repeats:
        source.unsupported(definition, f"“{text}” repeats, and this event happens only once.")
        return text
    try:
        due.due({field: text}, {})
    except InvalidExpression as reason:
        source.unsupported(definition, f"The time cannot be read: {reason}")
    return text
