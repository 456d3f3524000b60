"""Definitions to write and read: of every kind of task, drawn by chance or made of a graph."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from workflows.bpmn.normal import differing, equal, normal
from workflows.graph.shape import Graph

CONDITIONS = (
    "",
    "",
    "x > 1",
    "x <= 1",
    'output.decision == "approve"',
    'output.decision == "reject"',
    "a < b && c > d",
)
TEXTS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    max_size=30,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | st.floats(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
VARIABLES = st.sampled_from(["x", "total", "found", "decision"])


def of_graph(graph: Graph, key: str = "made") -> dict[str, Any]:
    """The definition that compiles to a graph."""
    tasks = []
    for place, node in enumerate(graph.nodes):
        task = {
            "key": node.key,
            "name": node.name,
            "kind": node.kind,
            "join": node.join,
            "output_mapping": dict(node.output_mapping),
            "loop": dict(node.loop),
            "event": dict(node.event),
            "depends_on": [
                {
                    "task": graph.nodes[flow.source].key,
                    "when": flow.when,
                    "default": flow.is_default,
                    "order": number,
                }
                for number, flow in enumerate(graph.flows)
                if flow.target == place
            ],
        }
        for name in ("parent", "attached_to", "compensates"):
            at = getattr(node, name)
            if at is not None:
                task[name] = graph.nodes[at].key
        tasks.append(task)
    return {"key": key, "name": key, "tasks": tasks}


@st.composite
def plain(draw: st.DrawFn) -> dict[str, Any]:
    """A workflow of agents and people without circles, with all that their tasks can say."""
    count = draw(st.integers(1, 8))
    tasks = []
    for number in range(count):
        before = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        task: dict[str, Any] = {
            "key": f"t{number}",
            "kind": draw(st.sampled_from(["agent", "human"])),
            "join": draw(st.sampled_from(["every", "one"])),
            "depends_on": [
                {"task": f"t{one}", "when": draw(st.sampled_from(CONDITIONS))}
                for one in sorted(before)
            ],
            **draw(details()),
        }
        if task["kind"] == "human":
            task["approval"] = draw(approvals())
        tasks.append(task)
    return {"key": draw(st.sampled_from(["flow", "t0", "a.b-c"])), **draw(wholes()), "tasks": tasks}


def approvals() -> st.SearchStrategy[dict[str, Any]]:
    """What is asked of people, with times and a form of its own or a shared one."""
    drawn = {"type": "object", "properties": {"sum": {"type": "number", "minimum": 0}}}
    return st.fixed_dictionaries(
        {"groups": st.lists(TEXTS, max_size=2), "required": st.just(1)},
        optional={
            "due": st.sampled_from(["PT4H", "2030-01-31T09:00:00Z", "order.by"]) | TEXTS,
            "follow_up": st.sampled_from(["P2D", 'x > 1 ? "PT1H" : "P1D"']),
            "form": st.sampled_from(["expense-claim", drawn]),
        },
    )


def details() -> st.SearchStrategy[dict[str, Any]]:
    """What an agent's or person's task says of how it is done."""
    return st.fixed_dictionaries(
        {},
        optional={
            "name": TEXTS,
            "description": TEXTS,
            "agent": st.sampled_from(["", "clerk"]),
            "role": st.sampled_from(["", "worker", "reviewer"]),
            "capabilities": st.lists(st.sampled_from(["email", "sms", "ocr"]), unique=True),
            "priority": st.sampled_from([1, 2, "HIGH", "critical"]),
            "max_retries": st.integers(0, 5),
            "timeout_seconds": st.integers(1, 900),
            "input": st.dictionaries(TEXTS.filter(lambda text: text.strip() == text != ""), JSON),
            "output_mapping": st.dictionaries(VARIABLES, st.just("output.x")),
        },
    )


def wholes() -> st.SearchStrategy[dict[str, Any]]:
    """What a workflow says beyond its tasks."""
    return st.fixed_dictionaries(
        {},
        optional={
            "name": TEXTS,
            "description": TEXTS,
            "variables": st.dictionaries(VARIABLES, JSON, max_size=2),
            "timeout_minutes": st.integers(1, 60),
            "retry_policy": st.just({"max_retries": 3, "initial_delay": 1}),
            "priority": st.sampled_from(["low", 3]),
            "triggers": st.just(["order_created"]),
        },
    )


EVERYTHING: dict[str, Any] = {
    "key": "everything",
    "name": "Every kind of task",
    "variables": {"limit": 5},
    "tasks": [
        {"key": "start", "kind": "start", "name": "Order came"},
        {"key": "work", "depends_on": ["start"], "capabilities": ["ocr", "email"]},
        {"key": "again", "kind": "exclusive", "depends_on": ["work", "wait"], "join": "one"},
        {
            "key": "wait",
            "kind": "catch",
            "event": {"type": "timer", "duration": "PT15M"},
            "depends_on": [{"task": "again", "when": "tries < 3", "order": 1, "name": "once more"}],
        },
        {
            "key": "late",
            "kind": "boundary",
            "attached_to": "work",
            "event": {"type": "timer", "cycle": "R3/PT1H", "interrupting": False},
        },
        {"key": "remind", "kind": "throw", "depends_on": ["late"],
         "event": {"type": "message", "name": "reminder", "key": "order_id", "ttl": 60,
                   "payload": {"order": "order_id"}}},
        {
            "key": "failed",
            "kind": "boundary",
            "name": "Could not be done",
            "attached_to": "work",
            "event": {"type": "error", "code": "http_503"},
        },
        {"key": "noted", "kind": "end", "depends_on": ["failed"],
         "event": {"type": "escalation", "code": "trouble"}},
        {"key": "undo_work", "compensates": "work"},
        {"key": "both", "kind": "parallel", "depends_on": [{"task": "again", "default": True}]},
        {"key": "ask", "kind": "human", "approval": {"groups": ["approver"]},
         "depends_on": ["both"]},
        {"key": "call", "kind": "call", "depends_on": ["both"], "loop": {"cardinality": 3},
         "calls": {"key": "invoice_intake_v1", "version": 2, "input": {"id": "order_id"}}},
        {"key": "part", "kind": "scope", "depends_on": ["both"],
         "loop": {"mode": "sequential", "collection": "items", "item": "one", "output": "found",
                  "completion": "done > 2"}},
        {"key": "begin", "kind": "start", "parent": "part"},
        {"key": "inner", "parent": "part", "depends_on": ["begin"],
         "loop": {"mode": "standard", "while": "index < 3", "max": 9, "test_before": False}},
        {"key": "finish", "kind": "end", "parent": "part", "depends_on": ["inner"],
         "event": {"type": "terminate"}},
        {"key": "trade", "kind": "scope", "scope": {"type": "transaction"}, "depends_on": ["ask"]},
        {"key": "pay", "parent": "trade"},
        {"key": "stopped", "kind": "end", "parent": "trade", "event": {"type": "cancel"},
         "depends_on": ["pay"]},
        {"key": "taken_back", "kind": "boundary", "attached_to": "trade",
         "event": {"type": "cancel"}},
        {"key": "tools", "kind": "scope", "depends_on": ["call"],
         "scope": {"type": "ad_hoc", "ordering": "sequential", "completion": "enough",
                   "cancel_remaining": False}},
        {"key": "look_up", "parent": "tools"},
        {"key": "write", "parent": "tools"},
        {"key": "alarm", "kind": "scope",
         "event": {"type": "signal", "name": "stop", "interrupting": False, "into": "why"}},
        {"key": "rest", "parent": "alarm"},
        {"key": "choose", "kind": "event_gateway", "depends_on": ["part"]},
        {"key": "on_message", "kind": "catch", "depends_on": ["choose"],
         "event": {"type": "message", "name": "answer", "key": "order_id"}},
        {"key": "received", "kind": "catch", "depends_on": ["both"], "loop": {"cardinality": 2},
         "event": {"type": "message", "name": "paid", "key": "order_id", "into": "payment"}},
        {"key": "unpaid", "kind": "boundary", "attached_to": "received",
         "event": {"type": "timer", "duration": "P14D"}},
        {"key": "on_time", "kind": "catch", "depends_on": ["choose"],
         "event": {"type": "timer", "duration": 90}},
        {"key": "set", "kind": "pass", "depends_on": ["on_message", "on_time"], "join": "one",
         "output_mapping": {"limit": "limit + 1"}},
        {"key": "nothing", "kind": "pass", "depends_on": ["set"]},
        {"key": "table", "kind": "decision", "depends_on": ["nothing"],
         "decision": {"decision": "discount", "result": "rate"}},
        {"key": "until", "kind": "catch", "depends_on": ["table"],
         "event": {"type": "conditional", "condition": "limit > 7"}},
        {"key": "jump", "kind": "throw", "event": {"type": "link", "name": "on"},
         "depends_on": ["until"]},
        {"key": "land", "kind": "catch", "event": {"type": "link", "name": "on"}},
        {"key": "any", "kind": "inclusive", "depends_on": ["land", "trade", "tools"]},
        {"key": "back", "kind": "throw", "event": {"type": "compensate", "activity": "work"},
         "depends_on": ["any"]},
        {"key": "several", "kind": "catch", "depends_on": ["back"],
         "event": {"type": "multiple", "parallel": True, "events": [
             {"type": "signal", "name": "green"},
             {"type": "message", "name": "go", "key": "order_id"}]}},
        {"key": "all_of_them", "depends_on": ["several", "remind"], "priority": "low"},
        {"key": "end", "kind": "end", "depends_on": ["all_of_them", "taken_back"]},
    ],
}  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, definition: dict[str, Any]) -> dict[str, Any]:
    """A definition after some edits such as somebody makes in a form."""
    tasks = {task["key"]: copy.deepcopy(task) for task in definition["tasks"]}
    for number in range(draw(st.integers(1, 4))):
        task = tasks[draw(st.sampled_from(sorted(tasks)))]
        match draw(st.sampled_from(["remove", "add", "say", "turn", "cut", "move"])):
            case "remove" if len(tasks) > 3:
                _remove(tasks, task["key"])
            case "add":
                key = f"new{number}"
                tasks[key] = {"key": key, "depends_on": [task["key"]], **draw(details())}
                if task.get("parent"):
                    tasks[key]["parent"] = task["parent"]
            case "say":
                task.update(draw(details()))
            case "turn" if task.get("kind", "agent") in TURNING:
                is_held = (
                    task.get("compensates")
                    or task.get("loop")
                    or any(
                        task["key"] in (one.get("compensates"), one.get("attached_to"))
                        for one in tasks.values()
                    )
                )
                task["kind"] = draw(st.sampled_from(TURNING[:2] if is_held else TURNING))
            case "cut":
                task.pop("depends_on", None)
            case "move" if not any(
                task.get(name) for name in ("parent", "attached_to", "compensates")
            ):
                is_start = task.get("kind") == "start"  # an event sub-process has one of its own
                scopes = [
                    one["key"]
                    for one in tasks.values()
                    if one.get("kind") == "scope" and not (is_start and one.get("event"))
                ]
                if scopes and task.get("kind") != "scope":
                    task["parent"] = draw(st.sampled_from(scopes))
                    for one in tasks.values():
                        if one.get("attached_to") == task["key"]:
                            one["parent"] = task["parent"]
    return {**definition, **draw(wholes()), "tasks": list(tasks.values())}


TURNING = ("agent", "human", "pass", "exclusive", "inclusive", "parallel", "throw", "end")


def _remove(tasks: dict[str, Any], key: str) -> None:
    tasks.pop(key, None)
    for one in list(tasks.values()):
        if key in (one.get("parent"), one.get("attached_to")):
            _remove(tasks, one["key"])
        elif one.get("compensates") == key:
            del one["compensates"]
        if one.get("event", {}).get("activity") == key:
            del one["event"]["activity"]


def difference(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """What two definitions say otherwise: nothing where they are equal."""
    first, second = normal(one), normal(other)
    if equal(first, second):
        return []
    found: list[Any] = [
        (name, getattr(first, name), getattr(second, name))
        for name in ("key", "name", "description", "whole")
        if getattr(first, name) != getattr(second, name)
    ]
    for key in {*differing(first, second), *differing(second, first)}:
        tasks = first.tasks.get(key, {}), second.tasks.get(key, {})
        names = {*tasks[0], *tasks[1]}
        found += [
            (key, name, tasks[0].get(name), tasks[1].get(name))
            for name in names
            if tasks[0].get(name) != tasks[1].get(name)
        ]
        found.append((key, first.out_of.get(key), second.out_of.get(key)))
    return found
