"""What starts a process by itself: the schedules that its start events are."""

from __future__ import annotations

from typing import Any

from lxml import etree

from . import timing
from .occurrences import definitions
from .source import Source, local

ZONE = "UTC"


def schedules(
    source: Source, starts: list[etree._Element], tasks: dict[etree._Element, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The triggers of start events whose cycle is a cron expression; their nodes lose the event.

    A start event with another timer, a message, a signal or a condition keeps it: the engine
    waits for it.
    """
    found = []
    for element in starts:
        for definition in definitions(source, element):
            if local(definition) == "timerEventDefinition":
                cron = _cron(source, element, definition)
                if cron and len(starts) > 1:
                    what = "A schedule starts the whole process: leave it the only start event."
                    source.unsupported(element, what)
                elif cron:
                    found.append({"cron": cron, "zone": ZONE})
                    tasks[element].pop("event", None)
                    source.note(element, f"The schedule “{cron}” goes by the clocks of {ZONE}.")
    return found


def _cron(source: Source, element: etree._Element, definition: etree._Element) -> str:
    try:
        return timing.schedule(definition)
    except ValueError as reason:
        source.unsupported(element, f"The schedule is not the same here: {reason}.", definition)
        return ""
