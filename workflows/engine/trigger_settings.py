"""A trigger's settings as people and programs write them, and everything that is wrong with them.

event: {event, filter, mapping} · schedule: {cron, zone, catch_up, mapping} ·
workflow_end: {workflow, states, filter, mapping}. Filter and mapping are CEL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workflows.errors import InvalidDefinition, InvalidExpression
from workflows.graph import cron, expressions, recurrence
from workflows.graph.validation import Problem
from workflows.models import Trigger, Workflow
from workflows.models.definitions import KEY_PATTERN

from .arguments import is_text

Kind = Trigger.Kind
SKIP, ONCE = "skip", "once"
STATES = ("completed", "failed", "cancelled")
DEFAULTS: dict[str, dict[str, Any]] = {
    Kind.EVENT: {"event": "", "filter": "", "mapping": {}},
    Kind.SCHEDULE: {"cron": "", "zone": "UTC", "catch_up": SKIP, "mapping": {}},
    Kind.WORKFLOW_END: {"workflow": "", "states": ["completed"], "filter": "", "mapping": {}},
}
MARKS = {"event": Kind.EVENT, "cron": Kind.SCHEDULE, "workflow": Kind.WORKFLOW_END}
OF_STARTS = frozenset({"start", "by", "at", "cycle", "duration", "since"})  # see starts.py
MAX_NAME = 100  # characters


def read(given: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Kind and complete config of settings; a text is the name of an event.

    The kind may be left out where the settings tell it. Raises InvalidDefinition with all problems.
    """
    if isinstance(given, str):
        given = {"event": given}
    if not isinstance(given, Mapping):
        raise _invalid("triggers", f"{given!r:.100} is neither the name of an event nor an object.")
    kind = given.get("kind") or next((MARKS[name] for name in MARKS if name in given), "")
    if kind not in Kind.values:
        raise _invalid("kind", f"{kind!r:.100} is none of {', '.join(Kind.values)}.")
    own = {name: value for name, value in given.items() if name not in ("kind", "paused")}
    config = {**DEFAULTS[kind], **{name: value for name, value in own.items() if value is not None}}
    found = problems(kind, config)
    if found:
        raise InvalidDefinition(found)
    return str(kind), config


def problems(kind: str, config: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with a config; each names its field."""
    of_starts = OF_STARTS if config.get("start") else frozenset()
    found = [
        Problem("", name, f"“{name}” is no setting of a trigger of this kind; "
                f"these are: {', '.join(DEFAULTS[kind])}.")
        for name in config
        if name not in DEFAULTS[kind] and name not in of_starts
    ]  # fmt: skip
    found += {
        Kind.EVENT.value: _event,
        Kind.SCHEDULE.value: _schedule,
        Kind.WORKFLOW_END.value: _workflow_end,
    }[kind](config)
    found += _expressions(config)
    return found


def name_problem(name: Any) -> str:
    """Why it is no name of an event, in a sentence; "" when it is one."""
    if isinstance(name, str) and len(name) <= MAX_NAME and re.match(KEY_PATTERN, name):
        return ""
    return (
        f"{name!r:.120} is no name of an event: use letters, digits, “_”, “-” and “.”, starting "
        f"with a letter, at most {MAX_NAME}."
    )


def _event(config: Mapping[str, Any]) -> list[Problem]:
    if config.get("start"):  # the name of a message or signal, checked with the process
        return []
    message = name_problem(config.get("event"))
    return [Problem("", "event", message)] if message else []


def _schedule(config: Mapping[str, Any]) -> list[Problem]:
    if config.get("start"):
        message = recurrence.problem(config)
        return [Problem("", "cron", message)] if message else []
    found = [
        ("cron", cron.problem(str(config.get("cron", "")))),
        ("zone", cron.zone_problem(str(config.get("zone", ""))[:MAX_NAME])),
    ]
    if config.get("catch_up") not in (SKIP, ONCE):
        found.append(("catch_up", f"{config.get('catch_up')!r:.100} is neither skip nor once."))
    return [Problem("", name, message) for name, message in found if message]


def _workflow_end(config: Mapping[str, Any]) -> list[Problem]:
    found = []
    key, states = config.get("workflow"), config.get("states")
    if not is_text(key, MAX_NAME) or not Workflow.objects.filter(key=key).exists():
        found.append(Problem("", "workflow", f"There is no workflow {key!r:.100}."))
    if not isinstance(states, list) or not states:
        message = f"Name at least one of the states {', '.join(STATES)}."
        return [*found, Problem("", "states", message)]
    return found + [
        Problem("", "states", f"{state!r:.100} is none of {', '.join(STATES)}.")
        for state in states
        if state not in STATES
    ]


def _expressions(config: Mapping[str, Any]) -> Iterator[Problem]:
    condition = config.get("filter", "")
    if condition != "":
        yield from _expression("filter", condition)
    mapping = config.get("mapping", {})
    if not isinstance(mapping, Mapping):
        yield Problem("", "mapping", "An object was expected: the input's names and expressions.")
        return
    for source in mapping.values():
        yield from _expression("mapping", source)


def _expression(field: str, source: Any) -> Iterator[Problem]:
    if not isinstance(source, str) or not source.strip():
        yield Problem("", field, f"{source!r:.100} is no expression (CEL, as a text).")
        return
    try:
        expressions.compiled(source)
    except InvalidExpression as error:
        yield Problem("", field, str(error))


def _invalid(field: str, message: str) -> InvalidDefinition:
    return InvalidDefinition([Problem("", field, message)])
