"""Processes of one file that call each other and can never end."""

from __future__ import annotations

from collections import defaultdict

from lxml import etree

from workflows.errors import BpmnError

from .kinds import NODES, SCOPES
from .source import Source, children, extension, local, zeebe

MOST_TRIES = 50  # of one process: one that calls more others than this is not looked at further


def refuse(source: Source) -> None:
    """Raise BpmnError for a process whose every way through calls itself again.

    A process that calls itself on one way and ends on another is fine.
    """
    processes = {one: name for name, one in source.by_id.items() if local(one) == "process"}
    calls = {one: _called(source, one) for one in processes}
    callers: dict[etree._Element, set[etree._Element]] = defaultdict(set)
    for one, found in calls.items():
        for other in found:
            callers[other].add(one)
    ending = {one for one, found in calls.items() if not found}
    unsure = calls.keys() - ending
    left = [*ending, *unsure]
    tries: dict[etree._Element, int] = defaultdict(int)
    while left:
        one = left.pop()
        if one in unsure:
            tries[one] += 1
            if tries[one] <= MOST_TRIES and not _can_end(source, one, ending):
                continue
            unsure.discard(one)
            ending.add(one)
        left += [caller for caller in callers[one] if caller in unsure]
    for one in unsure:
        message = "On every way it calls itself, or processes that call it: it can never end."
        raise BpmnError(message, source.line(one), processes[one])


def _called(source: Source, process: etree._Element) -> set[etree._Element]:
    found = (_target(source, one) for one in source.within(process, "callActivity"))
    return {one for one in found if one is not None and local(one) == "process"}


def _target(source: Source, call: etree._Element) -> etree._Element | None:
    own = extension(call, zeebe("calledElement"))
    return source.find(own.get("processId") if own is not None else call.get("calledElement"))


def _can_end(source: Source, container: etree._Element, ending: set[etree._Element]) -> bool:
    """Whether some way through a container meets no call that is not known to end."""
    nodes = {one for one in children(container) if local(one) in NODES}
    after: dict[etree._Element, list[etree._Element]] = defaultdict(list)
    entered = set()
    for flow in children(container, "sequenceFlow"):
        after[source.find(flow.get("sourceRef"))].append(source.find(flow.get("targetRef")))
        entered.add(source.find(flow.get("targetRef")))
    events: dict[etree._Element, list[etree._Element]] = defaultdict(list)
    for one in nodes:
        if one.get("attachedToRef"):
            events[source.find(one.get("attachedToRef"))].append(one)
    left = [one for one in nodes if one not in entered and not one.get("attachedToRef")]
    seen: set[etree._Element | None] = {None}
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        left += events[node]
        if _passes(source, node, ending):
            if not after[node]:
                return True
            left += after[node]
    return not nodes


def _passes(source: Source, node: etree._Element, ending: set[etree._Element]) -> bool:
    if local(node) in SCOPES:
        return _can_end(source, node, ending)
    called = _target(source, node) if local(node) == "callActivity" else None
    return called is None or local(called) != "process" or called in ending
