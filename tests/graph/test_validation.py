from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.graph.shape import Flow, Graph, Node
from workflows.graph.validation import problems

ASK = {"groups": ["approver"]}


def fields(graph: Graph) -> list[tuple[str, str]]:
    return [(problem.element, problem.field) for problem in problems(graph)]


def nodes(*keys: str, **more: Any) -> tuple[Node, ...]:
    return tuple(Node(key, key.upper(), **more) for key in keys)


def test_a_good_graph_has_no_problems() -> None:
    graph = Graph(
        (
            Node("a", "A", output_mapping={"x": "output.n + 1"}),
            Node("ask", "Ask", kind="human", approval=ASK),
        ),
        (Flow(0, 1, "x > 1"),),
        variables={"x": 0},
        retry_policy={"max_retries": 3},
    )
    assert problems(graph) == []


def test_all_problems_are_listed_at_once() -> None:
    graph = Graph(
        (
            Node("a", "A", kind="robot", join="most", role="boss"),
            Node("a", "A"),
            Node("h", "H", kind="human", approval={"required": 0, "title": 5}),
            Node("m", "M", output_mapping={"vars": "1 +"}),
        ),
        (Flow(0, 1, "("), Flow(0, 1)),
        variables={"output": 1},
        retry_policy={"jitter": 7},
    )
    assert fields(graph) == [
        ("a", "key"),
        ("", "retry_policy"),
        ("", "variables"),
        ("a", "kind"),
        ("a", "join"),
        ("a", "role"),
        ("a", "depends_on"),
        ("a", "depends_on"),
        ("h", "approval"),
        ("h", "approval"),
        ("h", "approval"),
        ("m", "output_mapping"),
        ("m", "output_mapping"),
    ]


def test_a_circle_is_named_by_its_tasks() -> None:
    graph = Graph(nodes("a", "b", "c"), (Flow(0, 1), Flow(1, 2), Flow(2, 1)))
    (problem,) = problems(graph)
    assert problem.message == "These tasks wait for each other in a circle: B, C."


def test_a_graph_needs_a_task_and_not_too_many() -> None:
    assert fields(Graph((), ())) == [("", "tasks")]
    assert fields(Graph(nodes(*(f"n{n}" for n in range(12_001))), ())) == [("", "tasks")]


@given(st.integers(2, 30), st.data())
def test_a_graph_is_acyclic_exactly_when_its_nodes_can_be_put_in_order(
    size: int, data: st.DataObject
) -> None:
    pairs = data.draw(st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))))
    forward = {(min(pair), max(pair)) for pair in pairs if len(set(pair)) == 2}
    names = nodes(*(f"n{n}" for n in range(size)))
    assert problems(Graph(names, tuple(Flow(*pair) for pair in sorted(forward)))) == []
    if forward:
        source, target = sorted(forward)[0]
        circle = (*(Flow(*pair) for pair in sorted(forward)), Flow(target, source))
        assert ("", "depends_on") in fields(Graph(names, circle))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  ",
        "x".ljust(1001, "y"),
        "1 +",
        "a.map(b, b).map(c, c).map(d, d)",
        "import os",
        "__import__('os')()(",
    ],
)
def test_what_is_no_bounded_expression_is_refused(source: str) -> None:
    graph = Graph((Node("a", "A", output_mapping={"x": source}),), ())
    assert fields(graph) == [("a", "output_mapping")]
