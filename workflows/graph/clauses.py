"""Whether what an element says of its event, its loop and what it calls can be carried out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workflows.errors import InvalidExpression

from . import due, loops, recurrence, structure
from .problems import Problem, of_expression, of_mapping
from .shape import (
    BOUNDARY,
    CALL,
    CATCH,
    DECISION,
    END,
    MULTIPLE,
    SCOPE,
    START,
    THROW,
    Graph,
    Node,
)

WAITS = frozenset({"timer", "message", "signal", "conditional"})
SENDS = frozenset({"message", "signal", "escalation", "compensate"})
PARTS: dict[str, frozenset[str]] = {  # of a multiple event
    START: WAITS,
    CATCH: WAITS,
    BOUNDARY: WAITS | {"error", "escalation"},
    SCOPE: WAITS | {"error", "escalation"},
    THROW: SENDS,
    END: SENDS | {"error", "terminate"},
}
TYPES: dict[str, frozenset[str]] = {
    START: PARTS[START] | {"none", MULTIPLE},
    CATCH: PARTS[CATCH] | {"link", MULTIPLE},
    BOUNDARY: PARTS[BOUNDARY] | {"cancel", MULTIPLE},
    SCOPE: PARTS[SCOPE] | {"compensate", MULTIPLE},
    THROW: PARTS[THROW] | {"none", "link", MULTIPLE},
    END: PARTS[END] | {"none", "cancel", MULTIPLE},
}
MAY_BE_WITHOUT = frozenset({START, SCOPE, THROW, END})
IN_PARTS = frozenset(
    {
        "type",
        "name",
        "key",
        "duration",
        "at",
        "cycle",
        "cron",
        "zone",
        "code",
        "condition",
        "payload",
        "ttl",
        "activity",
    }
)
KNOWN = IN_PARTS | {"interrupting", "into", "events", "parallel"}
TIMES = ("duration", "at", "cycle")
MAX_NAME, MAX_TTL = 200, 31_536_000.0  # characters; seconds
RESERVED = ("vars", "output")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def problems(graph: Graph) -> Iterator[Problem]:
    """Everything that an element says and that cannot be carried out."""
    for node in graph.nodes:
        yield from _event(graph, node)
        yield from _loop(node)
        yield from _calls(node)
        yield from _decision(node)


def _event(graph: Graph, node: Node) -> Iterator[Problem]:
    event, allowed = node.event, TYPES.get(node.kind)
    if allowed is None:
        if event:
            yield Problem(node.key, "event", f"A node of kind “{node.kind}” has no event.")
        return
    if not event and node.kind in MAY_BE_WITHOUT:
        return
    kind = event.get("type", "none" if node.kind in MAY_BE_WITHOUT - {SCOPE} else None)
    if not isinstance(kind, str) or kind not in allowed:
        expected = ", ".join(sorted(allowed))
        yield Problem(node.key, "event", f"Its type is {kind!r}; one of {expected} was expected.")
        return
    for name in sorted(set(event) - KNOWN):
        yield Problem(node.key, "event", f"“{name}” is not a setting of an event.")
    if not isinstance(event.get("interrupting", True), bool):
        yield Problem(node.key, "event", "“interrupting” is true or false.")
    if kind in ("error", "cancel") and event.get("interrupting") is False:
        yield Problem(node.key, "event", "An error or a cancel event always interrupts.")
    if kind == MULTIPLE:
        yield from _multiple(graph, node)
    else:
        yield from _details(graph, node, str(kind))


def _multiple(graph: Graph, node: Node) -> Iterator[Problem]:
    """An event that is several (BPMN 2.0, 10.5.5): each is looked at as if it stood alone."""
    parts, is_parallel = node.event.get("events"), node.event.get("parallel", False)
    if not isinstance(parts, list | tuple) or len(parts) < 2:
        yield Problem(node.key, "event", "“events” is a list of two events or more.")
        return
    allowed = PARTS[node.kind] & (WAITS if is_parallel else PARTS[node.kind])
    for part in parts:
        if not isinstance(part, Mapping) or str(part.get("type")) not in allowed:
            expected = ", ".join(sorted(allowed))
            message = f"{part!r:.100} is none of the events that may be together: {expected}."
            yield Problem(node.key, "event", message)
            continue
        for name in sorted(set(part) - IN_PARTS):
            message = f"“{name}” is not a setting of one event of several."
            yield Problem(node.key, "event", message)
        alone = {**part, "interrupting": node.event.get("interrupting", True)}
        yield from _details(graph, replace(node, event=alone), str(part["type"]))
    yield from _together(node, is_parallel, [part for part in parts if isinstance(part, Mapping)])


def _together(
    node: Node, is_parallel: Any, parts: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    if not isinstance(is_parallel, bool):
        yield Problem(node.key, "event", "“parallel” is true or false.")
    if is_parallel and node.kind not in (CATCH, BOUNDARY, SCOPE):
        message = "“parallel” is for what waits within a process: here the first event counts."
        yield Problem(node.key, "event", message)
    if is_parallel and any(part.get("cycle") for part in parts):
        yield Problem(node.key, "event", "What waits for all of its events does not repeat.")
    others = [part for part in parts if part.get("type") not in ("message", "signal")]
    if node.kind in (THROW, END) and len(others) > 1:
        message = "Beside messages and signals it may throw only one event."
        yield Problem(node.key, "event", message)


def _details(graph: Graph, node: Node, kind: str) -> Iterator[Problem]:
    event = node.event
    match kind:
        case "timer":
            yield from _timer(node)
        case "message" | "signal" | "link":
            yield from _named(node, event.get("name"))
            if kind != "link":
                yield from _sent(node)
        case "conditional":
            yield from of_expression(node.key, "event", event.get("condition"))
        case "error" | "escalation":
            yield from _code(node)
        case "compensate":
            yield from _compensated(graph, node)


def _timer(node: Node) -> Iterator[Problem]:
    event = node.event
    if node.kind == START:
        yield from _first_timer(node)
        return
    given = [name for name in TIMES if event.get(name) is not None]
    if len(given) != 1 or {"cron", "zone"} & set(event):
        yield Problem(node.key, "event", "Give one of “duration”, “at” and “cycle”.")
        return
    is_repeating = node.kind in (BOUNDARY, SCOPE) and event.get("interrupting") is False
    if given == ["cycle"] and not is_repeating:
        message = "Only an event that does not interrupt can repeat: use “duration”."
        yield Problem(node.key, "event", message)
    if not due.is_literal(event[given[0]]):
        yield from of_expression(node.key, "event", event[given[0]])
        return
    try:
        due.due(event, {})
    except InvalidExpression as error:
        yield Problem(node.key, "event", str(error))


def _first_timer(node: Node) -> Iterator[Problem]:
    """A timer that starts the process: there are no variables yet, it is told as it stands."""
    own = {name: node.event[name] for name in (*TIMES, "cron", "zone") if name in node.event}
    message = recurrence.problem(own)
    if message:
        yield Problem(node.key, "event", message)


def _named(node: Node, name: Any) -> Iterator[Problem]:
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        message = f"“name” is {name!r}; text of 1 to {MAX_NAME} characters was expected."
        yield Problem(node.key, "event", message)


def _sent(node: Node) -> Iterator[Problem]:
    event = node.event
    if event.get("key"):
        yield from of_expression(node.key, "event", event["key"])
    if "payload" in event:
        yield from of_mapping(node.key, "event", "payload", event["payload"])
    ttl = event.get("ttl")
    is_number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if ttl is not None and not (is_number and 0 <= ttl <= MAX_TTL):
        message = f"“ttl” is {ttl!r}; seconds from 0 to {MAX_TTL:.0f} were expected."
        yield Problem(node.key, "event", message)


def _code(node: Node) -> Iterator[Problem]:
    code = node.event.get("code")
    is_thrown = node.kind in (THROW, END)
    if (is_thrown and not code) or (code is not None and not isinstance(code, str)):
        yield Problem(node.key, "event", f"“code” is {code!r}; the name of an error was expected.")


def _compensated(graph: Graph, node: Node) -> Iterator[Problem]:
    only = node.event.get("activity")
    if only is None:
        return
    if graph.index.get(only) not in _undoable(graph):
        yield Problem(node.key, "event", f"“{only}” is no task that another one undoes.")


def _undoable(graph: Graph) -> set[int | None]:
    """The nodes that something undoes, and the sub-processes that hold them."""
    found: set[int | None] = set()
    for place in structure.of(graph).undoing:
        at: int | None = place
        while at is not None and at not in found:
            found.add(at)
            at = graph.nodes[at].parent
    return found


def _loop(node: Node) -> Iterator[Problem]:
    loop = node.loop
    if not loop:
        return
    mode = loop.get("mode", loops.TOGETHER)
    if not node.is_activity:
        yield Problem(node.key, "loop", "Only a task or sub-process can be a loop.")
    if mode not in loops.MODES:
        expected = ", ".join(loops.MODES)
        yield Problem(node.key, "loop", f"Its mode is {mode!r}; one of {expected} was expected.")
        return
    for name in ("item", "index", "output"):
        if name in loop and not VARIABLE.match(str(loop[name])):
            yield Problem(node.key, "loop", f"“{name}” is {loop[name]!r}, not a variable's name.")
    for name in ("completion", "while", "collection"):
        if loop.get(name) is not None:
            yield from of_expression(node.key, "loop", loop[name])
    yield from _rounds(node, loop, mode)


def _rounds(node: Node, loop: Mapping[str, Any], mode: str) -> Iterator[Problem]:
    most = loop.get("max")
    if most is not None and (type(most) is not int or not 1 <= most <= loops.MAX_INSTANCES):
        message = f"“max” is {most!r}; a number from 1 to {loops.MAX_INSTANCES} was expected."
        yield Problem(node.key, "loop", message)
    if mode == loops.WHILE:
        if not (loop.get("while") or most):
            yield Problem(node.key, "loop", "Say how long it goes on: “while” or “max”.")
        return
    count = loop.get("cardinality")
    if (count is None) == (loop.get("collection") is None):
        yield Problem(node.key, "loop", "Give “collection” or “cardinality”.")
    elif isinstance(count, str):
        yield from of_expression(node.key, "loop", count)
    elif count is not None and (type(count) is not int or not 0 <= count <= loops.MAX_INSTANCES):
        message = f"“cardinality” is {count!r}; a number or an expression was expected."
        yield Problem(node.key, "loop", message)


def _calls(node: Node) -> Iterator[Problem]:
    calls = node.calls
    if node.kind != CALL:
        if calls:
            yield Problem(node.key, "calls", "Only a call names a workflow.")
        return
    if not isinstance(calls.get("key"), str) or not calls["key"]:
        yield Problem(node.key, "calls", "Name the workflow that is called: “key”.")
    version = calls.get("version")
    if version is not None and (type(version) is not int or version < 1):
        message = f"“version” is {version!r}; a version's number was expected, or nothing."
        yield Problem(node.key, "calls", message)
    if "input" in calls:
        yield from of_mapping(node.key, "calls", "input", calls["input"])


def _decision(node: Node) -> Iterator[Problem]:
    decision = node.decision
    if node.kind != DECISION:
        if decision:
            yield Problem(node.key, "decision", "Only a task of kind “decision” makes one.")
        return
    for name in sorted(set(decision) - {"decision", "result"}):
        yield Problem(node.key, "decision", f"“{name}” is not a setting of a decision.")
    if not isinstance(decision.get("decision"), str) or not decision["decision"]:
        yield Problem(node.key, "decision", "Name the decision table by its key: “decision”.")
    result = decision.get("result", "")
    if not isinstance(result, str) or (result and not VARIABLE.match(result)):
        yield Problem(node.key, "decision", f"“result” is {result!r}, not a variable's name.")
    if result in RESERVED:
        yield Problem(node.key, "decision", f"“{result}” is a reserved name; choose another.")
