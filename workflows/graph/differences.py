"""What has changed between two graphs, in the terms of those who model: tasks, flows, policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from .shape import Flow, Graph, Node

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
TASK, FLOW, WORKFLOW = "task", "flow", "workflow"
REFERENCES = ("parent", "attached_to", "compensates")
APART = ("nodes", "flows")  # what is compared one by one


@dataclass(frozen=True, slots=True)
class Difference:
    """One change of a task, a flow or the workflow as a whole.

    A task is named by `key`, a flow by `key` (its source) and `target`; `name` and `target_name`
    are what people call them. `field` with `old` and `new` (JSON values) is told of what is
    changed; an entry of an object is named "field.entry", and is None where it is not there.
    """

    subject: str
    what: str
    key: str = ""
    name: str = ""
    target: str = ""
    target_name: str = ""
    field: str = ""
    old: Any = None
    new: Any = None


def differences(old: Graph, new: Graph) -> list[Difference]:
    """Everything that differs in meaning: tasks in drawing order, then flows, then the workflow.

    Tasks are the same when their keys are; flows when they lead from and to the same tasks. Where
    a task is drawn makes no difference.
    """
    return [*_tasks(old, new), *_flows(old, new), *_settings(old, new)]


def _tasks(old: Graph, new: Graph) -> Iterator[Difference]:
    for key, position in new.index.items():
        node = new.nodes[position]
        if key not in old.index:
            yield Difference(TASK, ADDED, key, node.name)
            continue
        before = _told(old, old.nodes[old.index[key]])
        for name, was, now in _changed(before, _told(new, node)):
            yield Difference(TASK, CHANGED, key, node.name, field=name, old=was, new=now)
    for key, position in old.index.items():
        if key not in new.index:
            yield Difference(TASK, REMOVED, key, old.nodes[position].name)


def _flows(old: Graph, new: Graph) -> Iterator[Difference]:
    before, after = _by_ends(old), _by_ends(new)
    for ends, flow in after.items():
        if ends not in before:
            yield _of_flow(new, flow, ADDED, new=flow.when or None)
            continue
        was = _told_flow(before[ends])
        for name, previous, now in _changed(was, _told_flow(flow)):
            yield _of_flow(new, flow, CHANGED, field=name, old=previous, new=now)
    for ends, flow in before.items():
        if ends not in after:
            yield _of_flow(old, flow, REMOVED, old=flow.when or None)
    yield from _orders(old, new, before, after)


def _orders(
    old: Graph, new: Graph, before: Mapping[Any, Flow], after: Mapping[Any, Flow]
) -> Iterator[Difference]:
    """Tasks whose ways out are looked at in another order, where that decides which is taken."""
    for key, position in new.index.items():
        if key not in old.index or not any(flow.when for flow in new.outgoing[position]):
            continue
        was = [ends[1] for ends in before if ends[0] == key and ends in after]
        now = [ends[1] for ends in after if ends[0] == key and ends in before]
        if was != now:
            name = new.nodes[position].name
            yield Difference(TASK, CHANGED, key, name, field="order", old=was, new=now)


def _settings(old: Graph, new: Graph) -> Iterator[Difference]:
    pairs = ({name: getattr(graph, name) for name in _whole(graph)} for graph in (old, new))
    for name, was, now in _changed(*pairs):
        yield Difference(WORKFLOW, CHANGED, field=name, old=was, new=now)


def _whole(graph: Graph) -> list[str]:
    return [one.name for one in fields(graph) if one.name not in APART]


def _told(graph: Graph, node: Node) -> dict[str, Any]:
    """A node's fields, other nodes by their keys."""
    found = {one.name: getattr(node, one.name) for one in fields(node) if one.name != "key"}
    for name in REFERENCES:
        position = found[name]
        found[name] = None if position is None else graph.nodes[position].key
    # Of what is frozen with a version, tables and fields of a form, its number says enough.
    found["decision"] = {name: told for name, told in node.decision.items() if name != "tables"}
    if "form_of" in node.approval:
        found["approval"] = {name: told for name, told in node.approval.items() if name != "form"}
    return found


def _told_flow(flow: Flow) -> dict[str, Any]:
    return {
        one.name: getattr(flow, one.name)
        for one in fields(flow)
        if one.name not in ("source", "target", "order")
    }


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Names with the old and the new value; objects are compared entry by entry."""
    for name in dict.fromkeys([*old, *new]):
        was, now = _plain(old.get(name)), _plain(new.get(name))
        if _text(was) == _text(now):
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            for entry in dict.fromkeys([*was, *now]):
                if _text(was.get(entry)) != _text(now.get(entry)) or (entry in was) != (
                    entry in now
                ):
                    yield f"{name}.{entry}", was.get(entry), now.get(entry)
        else:
            yield name, was, now


def _of_flow(graph: Graph, flow: Flow, what: str, **told: Any) -> Difference:
    source, target = graph.nodes[flow.source], graph.nodes[flow.target]
    return Difference(FLOW, what, source.key, source.name, target.key, target.name, **told)


def _by_ends(graph: Graph) -> dict[tuple[str, str, int], Flow]:
    """Flows by the keys of their ends, and a number where several lead the same way."""
    found: dict[tuple[str, str, int], Flow] = {}
    for flow in graph.flows:
        source, target = graph.nodes[flow.source].key, graph.nodes[flow.target].key
        number = 0
        while (source, target, number) in found:
            number += 1
        found[source, target, number] = flow
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    """Canonical, because 1 == True in Python and not in JSON."""
    return json.dumps(value, sort_keys=True, default=dict)
