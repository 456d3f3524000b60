"""Every structural rule of a graph beyond steps, by the element and field that it names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graph.test_tokens import graph
from workflows.graph.validation import problems

A, B = {"key": "a"}, {"key": "b"}
START = {"key": "s", "kind": "start"}


def found(nodes: list[dict[str, Any]], *flows: tuple[Any, ...]) -> list[tuple[str, str]]:
    made = graph([{"kind": "agent", **node} for node in nodes], list(flows))
    return [(problem.element, problem.field) for problem in problems(made)]


def on(key: str, kind: str, /, **event: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "event": event}


def edge(key: str, host: str | None, /, **event: Any) -> dict[str, Any]:
    return {"key": key, "kind": "boundary", "attached_to": host, "event": event}


GOOD: list[tuple[list[dict[str, Any]], list[tuple[Any, ...]]]] = [
    ([START, A | {"join": "one"}, B], [("s", "a"), ("a", "b", "x"), ("a", "a", "", True)]),
    ([A, edge("t", "a", type="timer", cycle="R/PT1H", interrupting=False), B], [("t", "b")]),
    ([on("c", "catch", type="timer", duration="wait * 2")], []),
    ([on("c", "catch", type="timer", at="2030-01-01T00:00:00Z")], []),
    ([on("m", "catch", type="message", name="paid", key="order.id")], []),
    ([A | {"loop": {"mode": "standard", "max": 3}}], []),
    ([A | {"loop": {"collection": "items", "item": "it", "output": "found"}}], []),
    ([{"key": "c", "kind": "call", "calls": {"key": "other", "input": {"x": "y + 1"}}}], []),
    ([A, B | {"compensates": "a"}, on("u", "end", type="compensate", activity="a")], [("a", "u")]),
    ([on("e", "scope", type="error"), A | {"parent": "e"}, B], []),
]


@pytest.mark.parametrize(("nodes", "flows"), GOOD)
def test_what_can_run_has_no_problems(
    nodes: list[dict[str, Any]], flows: list[tuple[Any, ...]]
) -> None:
    assert found(nodes, *flows) == []


WRONG: list[tuple[list[dict[str, Any]], list[tuple[Any, ...]], tuple[str, str]]] = [
    ([A, B], [("a", "b", "x", True)], ("b", "depends_on")),
    ([A, B, {"key": "c"}], [("a", "b", "", True), ("a", "c", "", True)], ("a", "depends_on")),
    ([{"key": "p", "kind": "parallel"}, A], [("p", "a", "x")], ("p", "depends_on")),
    ([A, START], [("a", "s")], ("s", "depends_on")),
    ([{"key": "e", "kind": "end"}, A], [("e", "a")], ("e", "kind")),
    ([A, edge("t", None, type="timer", duration=5)], [], ("t", "attached_to")),
    ([START, edge("t", "s", type="timer", duration=5)], [], ("t", "attached_to")),
    ([A | {"attached_to": "b"}, B], [], ("a", "attached_to")),
    ([A, edge("t", "a", type="timer", duration=5), B], [("b", "t")], ("t", "depends_on")),
    ([A, edge("t", "a", type="link", name="x")], [], ("t", "event")),
    ([A, edge("t", "a", type="error", interrupting=False)], [], ("t", "event")),
    ([A, B | {"parent": "a"}], [], ("b", "parent")),
    ([{"key": "x", "kind": "scope", "parent": "x"}], [], ("x", "parent")),
    (
        [{"key": "x", "kind": "scope"}, A | {"parent": "x"}, B],
        [("a", "b")],
        ("b", "depends_on"),
    ),
    (
        [{"key": "g", "kind": "event_gateway"}, A, on("c", "catch", type="signal", name="x")],
        [("g", "a"), ("g", "c")],
        ("a", "depends_on"),
    ),
    (
        [{"key": "g", "kind": "event_gateway"}, on("c", "catch", type="signal", name="x")],
        [("g", "c")],
        ("g", "kind"),
    ),
    ([on("c", "catch")], [], ("c", "event")),
    ([on("c", "catch", type="timer")], [], ("c", "event")),
    ([on("c", "catch", type="timer", duration=1, at="x")], [], ("c", "event")),
    ([on("c", "catch", type="timer", duration="P1Y")], [], ("c", "event")),
    ([on("c", "catch", type="timer", duration="PT")], [], ("c", "event")),
    ([on("c", "catch", type="timer", duration=-1)], [], ("c", "event")),
    ([on("c", "catch", type="timer", cycle="R3/PT1S")], [], ("c", "event")),
    ([on("c", "catch", type="message")], [], ("c", "event")),
    ([on("c", "catch", type="message", name="x", key="1 +")], [], ("c", "event")),
    ([on("c", "catch", type="message", name="x", colour="red")], [], ("c", "event")),
    ([on("c", "throw", type="message", name="x", ttl=-1)], [], ("c", "event")),
    ([on("c", "throw", type="message", name="x", payload={"a": "("})], [], ("c", "event")),
    ([on("c", "end", type="error")], [], ("c", "event")),
    ([on("c", "throw", type="link", name="nowhere")], [], ("c", "event")),
    ([on("c", "end", type="compensate", activity="a"), A], [], ("c", "event")),
    ([A | {"event": {"type": "timer"}}], [], ("a", "event")),
    ([A | {"loop": {"mode": "sideways"}}], [], ("a", "loop")),
    ([A | {"loop": {"mode": "parallel"}}], [], ("a", "loop")),
    ([A | {"loop": {"collection": "x", "cardinality": 3}}], [], ("a", "loop")),
    ([A | {"loop": {"cardinality": -1}}], [], ("a", "loop")),
    ([A | {"loop": {"cardinality": 3, "item": "no name"}}], [], ("a", "loop")),
    ([A | {"loop": {"mode": "standard"}}], [], ("a", "loop")),
    ([A | {"loop": {"mode": "standard", "while": "("}}], [], ("a", "loop")),
    ([START | {"loop": {"cardinality": 2}}], [], ("s", "loop")),
    ([{"key": "c", "kind": "call"}], [], ("c", "calls")),
    ([{"key": "c", "kind": "call", "calls": {"key": "x", "version": 0}}], [], ("c", "calls")),
    ([A | {"calls": {"key": "x"}}], [], ("a", "calls")),
    ([A, B | {"compensates": "a"}], [("a", "b")], ("b", "depends_on")),
    ([A, B | {"compensates": "a"}, {"key": "c", "compensates": "a"}], [], ("b", "compensates")),
    ([START, A | {"compensates": "s"}], [], ("a", "compensates")),
    ([START, A, B], [("s", "a")], ("b", "depends_on")),
    ([START, A, B], [("s", "a"), ("a", "b"), ("b", "a")], ("", "depends_on")),
]


@pytest.mark.parametrize(("nodes", "flows", "named"), WRONG)
def test_what_cannot_run_is_named_by_element_and_field(
    nodes: list[dict[str, Any]], flows: list[tuple[Any, ...]], named: tuple[str, str]
) -> None:
    assert named in found(nodes, *flows)


def test_a_loop_needs_a_way_in_that_does_not_wait_for_it() -> None:
    ways = [("s", "a"), ("a", "b"), ("b", "a", "again")]
    assert found([START, A | {"join": "one"}, B], *ways) == []
    assert found([START, A, B], *ways) == [("", "depends_on")]
