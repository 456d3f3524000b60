"""A definition with every field filled in: what two definitions are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflows.graph.shape import (
    ACTIVITIES,
    AGENT,
    CATCH,
    EVENT_GATEWAY,
    EVERY,
    ONE,
    PARALLEL,
    PASS,
    THROW,
    WORK,
)

PRIORITIES = ("low", "normal", "high", "critical")  # 1 to 4
DECISION = "decision"
MERGING = ACTIVITIES | {CATCH, THROW, PASS, EVENT_GATEWAY, DECISION}  # kinds that may be joins
REFERENCES = ("parent", "attached_to", "compensates")
OBJECTS = ("input", "output_mapping", "approval", "event", "loop", "calls", "scope", "decision")
WHOLE = ("input_schema", "variables", "timeout_minutes", "retry_policy", "priority", "triggers")
WORKLESS: Mapping[str, Any] = {
    "agent": "",
    "role": "",
    "capabilities": [],
    "priority": 2,
    "max_retries": None,
    "timeout_seconds": None,
}


@dataclass(frozen=True, slots=True)
class Way:
    """A flow between two tasks, by their keys."""

    source: str
    target: str
    when: str = ""
    is_default: bool = False
    name: str = ""


@dataclass(frozen=True)
class Normal:
    """A definition's workflow fields, its tasks by key in their order, and the ways in theirs."""

    key: str
    name: str
    description: str
    whole: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    ways: tuple[Way, ...] = ()

    @cached_property
    def into(self) -> Mapping[str, list[Way]]:
        """The ways that lead to each task."""
        return self._by(lambda way: way.target)

    @cached_property
    def out_of(self) -> Mapping[str, list[Way]]:
        """The ways that leave each task, in order."""
        return self._by(lambda way: way.source)

    def is_join(self, key: str) -> bool:
        """Whether the task waits for a token on every way into it, as `Structure.is_join` says.

        A parallel gateway needs no other gateway before it and is none here.
        """
        task = self.tasks[key]
        return len(self.into[key]) > 1 and task["kind"] in MERGING and task["join"] != ONE

    @cached_property
    def is_plain(self) -> bool:
        """Whether it runs without tokens, as `Graph.is_plain` says."""
        beyond = ("event", "loop", "calls", "scope", *REFERENCES)
        return (
            all(
                task["kind"] in WORK and not any(task[name] for name in beyond)
                for task in self.tasks.values()
            )
            and not any(way.is_default for way in self.ways)
            and not self._has_circles()
        )

    def _has_circles(self) -> bool:
        missing = {key: len(ways) for key, ways in self.into.items()}
        free = [key for key, count in missing.items() if not count]
        for key in free:
            for way in self.out_of[key]:
                missing[way.target] -= 1
                if not missing[way.target]:
                    free.append(way.target)
        return len(free) < len(self.tasks)

    def _by(self, end: Any) -> dict[str, list[Way]]:
        found: dict[str, list[Way]] = {key: [] for key in self.tasks}
        for way in self.ways:
            found[end(way)].append(way)
        return found


def normal(definition: Mapping[str, Any]) -> Normal:
    """The normal form of a definition of `engine.register_workflow`.

    Ways from tasks that are not there are left out, as `definitions.compiled` does. Raises
    ValueError for a priority that is none.
    """
    given = [_task(task) for task in definition.get("tasks", ())]
    tasks = {task["key"]: task for task, _ in given}
    hosts = {task["attached_to"] for task in tasks.values()}
    for key, task in tasks.items():
        task["is_host"] = bool(key) and key in hosts
    key = str(definition.get("key") or definition.get("workflow_id") or "")
    whole = {name: definition[name] for name in WHOLE if definition.get(name)}
    if "priority" in whole:
        whole["priority"] = priority(whole["priority"])
    ways = [
        (order, way)
        for task, items in given
        for order, way in _ways(task["key"], items)
        if way.source in tasks
    ]
    ways.sort(key=lambda pair: pair[0])
    ways = [(order, _counting(tasks, way)) for order, way in ways]
    return Normal(
        key=key,
        name=_line(definition.get("name")) or key,
        description=str(definition.get("description") or "").strip(),
        whole={name: value for name, value in whole.items() if (name, value) != ("priority", 2)},
        tasks=tasks,
        ways=tuple(way for _, way in ways),
    )


def equal(one: Normal, other: Normal) -> bool:
    """Whether two definitions say the same; the order of tasks and of mapping keys says nothing."""
    return (
        (one.key, one.name, one.description) == (other.key, other.name, other.description)
        and one.whole == other.whole
        and not differing(one, other)
        and not differing(other, one)
    )


def differing(one: Normal, other: Normal) -> list[str]:
    """Keys of the tasks of `one` that `other` lacks or says something else of."""
    return [
        key
        for key, task in one.tasks.items()
        if key not in other.tasks
        or _said(one, key, task) != _said(other, key, other.tasks[key])
        or _in_turn(one.out_of[key]) != _in_turn(other.out_of[key])
    ]


def _in_turn(ways: list[Way]) -> list[Way]:
    """Ways in their order, or in any order that is always the same where it says nothing."""
    if any(way.when for way in ways):
        return ways
    return sorted(ways, key=lambda way: way.target)


def priority(given: Any) -> int:
    """A priority by number or by name as a number; raises ValueError."""
    if isinstance(given, str) and given.lower() in PRIORITIES:
        return PRIORITIES.index(given.lower()) + 1
    if type(given) is int and 1 <= given <= len(PRIORITIES):
        return given
    expected = ", ".join(PRIORITIES)
    raise ValueError(f"{given!r} is no priority; one of {expected} was expected.")


def _said(whole: Normal, key: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """A task's fields, without what has no effect where it stands."""
    merges = len(whole.into[key]) > 1 and task["kind"] in MERGING
    return {**task, "join": task["join"] if merges else EVERY}


def _task(given: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[Any]]:
    key = str(given.get("key") or given.get("task_id") or "")
    task: dict[str, Any] = {
        "key": key,
        "name": _line(given.get("name")) or key,
        "description": str(given.get("description") or "").strip(),
        "kind": given.get("kind", AGENT),
        "agent": given.get("agent") or given.get("agent_id") or "",
        "role": given.get("role") or "",
        "capabilities": list(given.get("capabilities") or ()),
        "priority": priority(given.get("priority", 2)),
        "max_retries": given.get("max_retries"),
        "timeout_seconds": given.get("timeout_seconds"),
        "join": given.get("join") or EVERY,
    }
    for name in OBJECTS:
        task[name] = dict(given.get(name) or {})
    task["input"] = dict(given.get("input", given.get("input_data")) or {})
    for name in REFERENCES:
        task[name] = given.get(name) or ""
    _leave_out_defaults(task)
    if task["kind"] not in WORK:
        task.update(WORKLESS)  # nobody does it
    return task, given.get("dependencies", given.get("depends_on")) or ()


def _counting(tasks: Mapping[str, Mapping[str, Any]], way: Way) -> Way:
    """The way without a condition that is never asked for (BPMN 2.0, 10.6.4 and 10.6.6)."""
    is_asked = tasks[way.source]["kind"] not in (PARALLEL, EVENT_GATEWAY)
    return way if is_asked else Way(way.source, way.target, name=way.name)


def _leave_out_defaults(task: dict[str, Any]) -> None:
    """Without settings that say what holds without them; one spelling for each of the others."""
    event, loop, scope = task["event"], task["loop"], task["scope"]
    if event.get("interrupting") is True:
        del event["interrupting"]
    if event == {"type": "none"}:
        del event["type"]
    if event.get("type") == "multiple":
        event["parallel"] = event.get("parallel") is True
    if loop:
        loop.setdefault("mode", "parallel")
        loop["index"] = loop.get("index") or "index"
        count = loop.get("cardinality")
        if isinstance(count, str) and count.isascii() and count.isdigit():
            loop["cardinality"] = int(count)
        if loop.get("test_before") is True:
            del loop["test_before"]
    if scope.get("type") == "ad_hoc":
        scope.setdefault("ordering", "parallel")
        scope.setdefault("cancel_remaining", True)
    for settings in (event, loop, scope):
        for name in [name for name, value in settings.items() if value is None]:
            del settings[name]


def _line(given: Any) -> str:
    """A name on one line."""
    return " ".join(str(given or "").split())


def _ways(target: str, items: Iterable[Any]) -> Iterable[tuple[int, Way]]:
    for item in items:
        if isinstance(item, Mapping):
            when, is_default = str(item.get("when") or "").strip(), item.get("default") is True
            name = _line(item.get("name"))
            way = Way(str(item.get("task", "")), target, when, is_default, name)
            yield int(item.get("order") or 0), way
        else:
            yield 0, Way(str(item), target)
