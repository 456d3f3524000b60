"""A workflow as BPMN draws it: with the gateways and events that its definition leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from workflows.graph.shape import (
    ACTIVITIES,
    BOUNDARY,
    END,
    EVENT_GATEWAY,
    GATEWAYS,
    ONE,
    START,
)

from . import exclusive, implicit
from .normal import DECISION, MERGING, Normal, Way

FORKING = GATEWAYS | {EVENT_GATEWAY}
MAY_FORK = ACTIVITIES | {DECISION}  # BPMN 2.0, 8.3.13: an event's ways out have no conditions


@dataclass(frozen=True, slots=True)
class Added:
    """An element that the definition has no task for."""

    key: str
    mark: str
    tag: str
    parent: str  # the key of the scope that it lies in, "" for the process
    task: str = ""  # whose join or split it is


@dataclass
class Expanded:
    """The added elements by key, and the flows between all elements in their order."""

    added: dict[str, Added] = field(default_factory=dict)
    flows: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class Present:
    """What a document has already: added elements, and tasks whose conditions stand at their flows.

    `is_whole`: there is no document yet, so starts and ends are added where there are none.
    """

    added: Mapping[str, Added] = field(default_factory=dict)
    unsplit: frozenset[str] = frozenset()
    is_whole: bool = True

    def of(self, mark: str, task: str) -> Added | None:
        """The element with this mark that belongs to a task."""
        for one in self.added.values():
            if (one.mark, one.task) == (mark, task):
                return one
        return None

    def within(self, mark: str, parent: str) -> Added | None:
        """The element with this mark that lies in a scope."""
        for one in self.added.values():
            if (one.mark, one.parent) == (mark, parent):
                return one
        return None


def expanded(workflow: Normal, present: Present | None = None) -> Expanded:
    """The workflow's flows through the elements that BPMN needs beside its tasks."""
    return _Expansion(workflow, present or Present()).made()


class _Expansion:
    def __init__(self, workflow: Normal, present: Present) -> None:
        self.workflow, self.present = workflow, present
        self.found = Expanded()
        self.taken = {*workflow.tasks, *present.added}
        self.entry: dict[str, str] = {}  # where the ways into a task go
        self.exit: dict[str, str] = {}  # where the ways out of a task come from

    def made(self) -> Expanded:
        for key in self.workflow.tasks:
            self._join(key)
            self._split(key)
        for key, gateway in self.exit.items():
            self.found.flows.append(Way(key, gateway))
        self.found.flows += [self._led(way) for way in self.workflow.ways]
        for key, gateway in self.entry.items():
            self.found.flows.append(Way(gateway, key))
        for parent in ["", *self._scopes()]:
            self._ends(parent)
        return self.found

    def _join(self, key: str) -> None:
        tag = self._join_tag(key)
        if tag:
            self.entry[key] = self._add(implicit.JOIN, tag, self._parent(key), key)

    def _join_tag(self, key: str) -> str:
        workflow = self.workflow
        if workflow.is_join(key):
            return "parallelGateway"
        task = workflow.tasks[key]
        is_race = len(workflow.into[key]) > 1 and task["join"] == ONE and task["kind"] in MERGING
        if is_race and workflow.is_plain and not exclusive.into(workflow, key):
            return "complexGateway"
        return ""

    def _split(self, key: str) -> None:
        ways, kind = self.workflow.out_of[key], self.workflow.tasks[key]["kind"]
        is_conditional = any(way.when or way.is_default for way in ways)
        is_enough = len(ways) > 1 or kind not in MAY_FORK
        if kind in FORKING or not (is_conditional and is_enough) or key in self.present.unsplit:
            return
        tag = "exclusiveGateway" if exclusive.all_conditions(ways) else "inclusiveGateway"
        self.exit[key] = self._add(implicit.SPLIT, tag, self._parent(key), key)

    def _led(self, way: Way) -> Way:
        source = self.exit.get(way.source, way.source)
        target = self.entry.get(way.target, way.target)
        return Way(source, target, way.when, way.is_default, way.name)

    def _ends(self, parent: str) -> None:
        """A start and an end for a level that needs them (BPMN 2.0, 10.5.2: both or none)."""
        level = [
            key
            for key, task in self.workflow.tasks.items()
            if task["parent"] == parent and not self._is_apart(key)
        ]
        kinds = {self.workflow.tasks[key]["kind"] for key in level}
        begins = START in kinds
        if not begins and self._wants_start(parent) and (level or parent):
            begins = True
            start = self._add(implicit.START, "startEvent", parent)
            self.found.flows[:0] = [
                Way(start, self._in(key)) for key in level if self._is_root(key)
            ]
        if not begins or not self._wants_end(parent):
            return
        leaves = [key for key in level if self._is_leaf(key, END in kinds)]
        if leaves:
            end = self._add(implicit.END, "endEvent", parent)
            self.found.flows += [Way(key, end) for key in leaves]

    def _wants_start(self, parent: str) -> bool:
        if parent and self._is_reacting(parent):
            return True
        if self.present.is_whole:
            return not parent
        return self.present.within(implicit.START, parent) is not None

    def _wants_end(self, parent: str) -> bool:
        present = self.present
        return present.is_whole or present.within(implicit.END, parent) is not None

    def _is_root(self, key: str) -> bool:
        task = self.workflow.tasks[key]
        is_link = task["kind"] == "catch" and task["event"].get("type") == "link"
        return not self.workflow.into[key] and task["kind"] != BOUNDARY and not is_link

    def _is_leaf(self, key: str, has_ends: bool) -> bool:
        task = self.workflow.tasks[key]
        is_jump = task["kind"] == "throw" and task["event"].get("type") == "link"
        if self.workflow.out_of[key] or task["kind"] == END or is_jump:
            return False
        return task["kind"] in (BOUNDARY, START) or not has_ends

    def _is_apart(self, key: str) -> bool:
        """Event sub-processes and compensation handlers: no flow leads to them or away."""
        task = self.workflow.tasks[key]
        return self._is_reacting(key) or bool(task["compensates"])

    def _is_reacting(self, key: str) -> bool:
        task = self.workflow.tasks[key]
        return task["kind"] == "scope" and bool(task["event"])

    def _in(self, key: str) -> str:
        return self.entry.get(key, key)

    def _scopes(self) -> Iterator[str]:
        return (key for key, task in self.workflow.tasks.items() if task["kind"] == "scope")

    def _parent(self, key: str) -> str:
        return str(self.workflow.tasks[key]["parent"])

    def _add(self, mark: str, tag: str, parent: str, task: str = "") -> str:
        known = self.present.of(mark, task) if task else self.present.within(mark, parent)
        if known is not None and known.parent == parent:
            key = known.key
        else:
            wish = f"gw_{mark}_{task}" if task else f"{mark}_event{'_' if parent else ''}{parent}"
            key = free(wish, self.taken)
        self.taken.add(key)
        self.found.added[key] = Added(key, mark, tag, parent, task)
        return key


def free(wish: str, taken: Iterable[str]) -> str:
    """The wish, or the wish with the first number that makes it a name not taken yet."""
    taken = taken if isinstance(taken, set) else set(taken)
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    return name
