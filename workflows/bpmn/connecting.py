"""How the nodes of a process hang together: flows, events on edges, and who undoes what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from lxml import etree

from workflows.graph.shape import (
    ACTIVITIES,
    CATCH,
    EVENT_GATEWAY,
    EXCLUSIVE,
    ONE,
    PASS,
    THROW,
)

from . import expressing, implicit
from .kinds import ACTIVITIES as HOSTS
from .kinds import DECISION, NODES
from .source import Source, child, children, is_true, local, name_of

MERGING = ACTIVITIES | {CATCH, THROW, PASS, EVENT_GATEWAY, EXCLUSIVE, DECISION}
_UNCONDITIONAL = frozenset({"parallelGateway", "eventBasedGateway"})
_MAX_NAME = 200  # characters


class Connections:
    """The sequence flows of a process by their ends, in the order of the file.

    Raises BpmnError for a flow that begins or ends nowhere, or leads out of the process.
    """

    def __init__(self, source: Source, process: etree._Element) -> None:
        self.source = source
        self.nodes = dict.fromkeys(source.within(process, *NODES))
        self.out_of: dict[etree._Element, list[etree._Element]] = defaultdict(list)
        self.ends: dict[etree._Element, tuple[etree._Element, etree._Element]] = {}
        self.into: Counter[etree._Element] = Counter()
        self._place: dict[etree._Element, int] = {}
        self._choices: set[etree._Element] = set()
        for flow in source.within(process, "sequenceFlow"):
            self._connect(flow)
        self.hosts: dict[etree._Element, etree._Element] = {}
        self.undoing: dict[etree._Element, etree._Element] = {}
        self._attach(process)

    @property
    def needs_edge(self) -> set[etree._Element]:
        """Nodes that must be activities: hosts of events, and those that undo or are undone."""
        return {*self.hosts.values(), *self.undoing, *self.undoing.values()}

    def is_compensation(self, element: etree._Element) -> bool:
        """Whether it is the event that says who undoes its host; it is no node here."""
        return (
            local(element) == "boundaryEvent"
            and child(element, "compensateEventDefinition") is not None
        )

    def write(self, tasks: dict[etree._Element, dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Add `depends_on` and `join` to the tasks; the steps that stand for a second flow between
        the same two nodes.
        """
        seen: set[tuple[etree._Element, etree._Element]] = set()
        for flow, (start, end) in self.ends.items():
            if start not in tasks or end not in tasks:
                continue
            item = self._item(flow, start, tasks)
            if (start, end) in seen:
                between = self._between(flow, item, tasks[end])
                item = {"task": between["key"]}
                yield between
            seen.add((start, end))
            plain = item["task"] if len(item) == 1 else item
            tasks[end].setdefault("depends_on", []).append(plain)
        for element, task in tasks.items():
            if self.into[element] > 1 and task["kind"] in MERGING:
                task["join"] = ONE

    def _between(
        self, flow: etree._Element, item: dict[str, Any], target: dict[str, Any]
    ) -> dict[str, Any]:
        plain = item["task"] if len(item) == 1 else item
        found = {"key": self.source.key(flow), "kind": PASS, "depends_on": [plain]}
        name, parent = name_of(flow)[:_MAX_NAME], target.get("parent")
        return {
            **found,
            **({"name": name} if name else {}),
            **({"parent": parent} if parent else {}),
        }

    def _item(
        self,
        flow: etree._Element,
        start: etree._Element,
        tasks: dict[etree._Element, dict[str, Any]],
    ) -> dict[str, Any]:
        item: dict[str, Any] = {"task": tasks[start]["key"]}
        is_free = local(start) in _UNCONDITIONAL
        when = expressing.condition(self.source, flow, "conditionExpression", "The condition")
        is_default = self._is_default(flow, start)
        if when and (is_default or is_free):
            why = "the default way" if is_default else "a way out of such a gateway"
            self.source.note(flow, f"The condition does not count: it is {why}.")
        elif when:
            item["when"] = when
        elif not is_default and local(start) == "exclusiveGateway" and len(self.out_of[start]) > 1:
            what = "It has no condition: it is taken unless a way before it in the file is."
            self.source.note(flow, what)
        if is_default and not is_free:
            item["default"] = True
        if start in self._choices and not is_free and (place := self._place[flow]):
            item["order"] = place
        label = " ".join((flow.get(implicit.LABEL) or "").split())
        if (name := name_of(flow)[:_MAX_NAME]) and name != label:
            item["name"] = name
        return item

    def _is_default(self, flow: etree._Element, start: etree._Element) -> bool:
        given = start.get("default")
        return bool(given) and self.source.find(given) is flow

    def _connect(self, flow: etree._Element) -> None:
        start = self._end(flow, "sourceRef", "It begins")
        end = self._end(flow, "targetRef", "It leads")
        if start is None or end is None:
            return
        self.ends[flow] = (start, end)
        self._place[flow] = len(self.out_of[start])
        if child(flow, "conditionExpression") is not None:
            self._choices.add(start)
        self.out_of[start].append(flow)
        self.into[end] += 1

    def _end(self, flow: etree._Element, name: str, what: str) -> etree._Element | None:
        """A step at an end of a flow; a drawing may have one that is not connected yet."""
        given = (flow.get(name) or "").strip()
        if not given:
            self.source.unsupported(flow, f"{what} nowhere: connect it, or take it away.")
            return None
        found = self.source.referred(
            flow, given, f"{what} at" if name == "sourceRef" else f"{what} to"
        )
        if found in self.nodes:
            return found
        self.source.unsupported(flow, f"{what} at “{given}”, which is no step of this process.")
        return None

    def _attach(self, process: etree._Element) -> None:
        undone: dict[etree._Element, etree._Element] = {}
        for element in self.nodes:
            host = self._host(element) if local(element) == "boundaryEvent" else None
            if host is not None:
                (undone if self.is_compensation(element) else self.hosts)[element] = host
            if element.get("default"):
                self._check_default(element)
        for event, handler in self._associated(process, undone):
            self.undoing[handler] = undone.pop(event)
        for event in undone:
            what = "No association leads from it to the activity that compensates."
            self.source.unsupported(event, what)

    def _host(self, element: etree._Element) -> etree._Element | None:
        given = (element.get("attachedToRef") or "").strip()
        if not given:
            self.source.unsupported(element, "It is not attached to a step.")
            return None
        host = self.source.referred(element, given, "It is attached to")
        if host in self.nodes and local(host) in HOSTS:
            return host
        self.source.unsupported(element, f"“{given}” is no task or sub-process of this process.")
        return None

    def _check_default(self, element: etree._Element) -> None:
        flow = self.source.referred(element, element.get("default"), "Its default way is")
        if self.ends.get(flow, (None, None))[0] is not element:
            what = f"Its default way “{element.get('default')}” does not leave it."
            self.source.unsupported(element, what)

    def _associated(
        self, process: etree._Element, events: dict[etree._Element, etree._Element]
    ) -> Iterator[tuple[etree._Element, etree._Element]]:
        found = set()
        for one in self.source.within(process, "association"):
            ends = [self.source.find(one.get(name)) for name in ("sourceRef", "targetRef")]
            for event, handler in (ends, ends[::-1]):
                if event in events and event not in found and self._undoes(handler):
                    found.add(event)
                    yield event, handler

    def _undoes(self, element: etree._Element | None) -> bool:
        return element in self.nodes and is_true(element, "isForCompensation")


def lanes(source: Source, process: etree._Element) -> dict[etree._Element, str]:
    """The name of the inmost lane that has one, by the node that is drawn in it."""
    found: dict[etree._Element, str] = {}
    for group in source.within(process, "laneSet"):
        _lanes(source, group, "", found)
    return found


def _lanes(
    source: Source, group: etree._Element, outer: str, found: dict[etree._Element, str]
) -> None:
    for lane in children(group, "lane"):
        name = name_of(lane) or outer
        for one in children(lane, "flowNodeRef"):
            node = source.find(one.text)
            if node is not None and name:
                found[node] = name
        for inner in children(lane, "childLaneSet"):
            _lanes(source, inner, name, found)
