from __future__ import annotations

from typing import Any

import pytest

from workflows.errors import InvalidExpression
from workflows.graph.routing import Step, leave
from workflows.graph.shape import Flow, Graph, Node

A, B, C = Node("a", "A"), Node("b", "B"), Node("c", "C")


def graph(*whens: str, **mapping: str) -> Graph:
    first = Node("a", "A", output_mapping=mapping)
    return Graph((first, B, C), tuple(Flow(0, place + 1, when) for place, when in enumerate(whens)))


@pytest.mark.parametrize(
    ("whens", "targets"),
    [
        (("", ""), (1, 2)),
        (("x > 1", "x <= 1"), (1,)),
        (("x <= 1", "x > 1"), (2,)),
        (("true", "output.ok"), (1, 2)),
        (("vars.x == 2", ""), (1, 2)),
        ((), ()),
    ],
)
def test_every_flow_whose_condition_holds_is_taken(
    whens: tuple[str, ...], targets: tuple[int, ...]
) -> None:
    step = leave(graph(*whens), 0, {"ok": True}, {"x": 2})
    assert step == Step(targets, {}, reads_variables=any(whens))


def test_conditions_see_what_the_mapping_has_set() -> None:
    step = leave(graph("x == 3", "x == 2", x="output.n + vars.x"), 0, {"n": 1}, {"x": 2})
    assert (step.targets, dict(step.assigned), step.reads_variables) == ((1,), {"x": 3}, True)


def test_a_variable_that_hides_a_name_is_still_seen_in_vars() -> None:
    step = leave(graph("vars['a-b'] == 1 && vars.output == 2"), 0, {}, {"a-b": 1, "output": 2})
    assert step.targets == (1,)


@pytest.mark.parametrize("whens", [("false",), ("x",), ("nobody == 1",), ("output.missing",)])
def test_no_way_on_is_an_error_that_quotes_its_cause(whens: tuple[str, ...]) -> None:
    with pytest.raises(InvalidExpression) as refused:
        leave(graph(*whens), 0, {}, {"x": 2})
    assert whens[0] in str(refused.value) or "“A”" in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "1.0/0.0",
        "0.0/0.0",
        "timestamp('2026-01-01T00:00:00Z')",
        "b'x'",
        "{'a': duration('1h')}",
    ],
)
def test_only_json_can_be_assigned(source: str) -> None:
    with pytest.raises(InvalidExpression, match="JSON"):
        leave(graph(x=source), 0, {}, {})


def test_a_variable_cannot_be_blown_up_without_limit() -> None:
    output: dict[str, Any] = {"text": "x" * 200_000}
    with pytest.raises(InvalidExpression, match="limit"):
        leave(graph(x=" + ".join(["output.text"] * 6)), 0, output, {})
