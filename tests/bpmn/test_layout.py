from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.bpmn.layout import Box, Layout, layout, wrapped
from workflows.graph.shape import Flow, Graph, Node


def graph(count: int, *flows: tuple[int, int] | tuple[int, int, str]) -> Graph:
    nodes = tuple(Node(f"n{number}", f"N{number}") for number in range(count))
    return Graph(nodes, tuple(Flow(*flow) for flow in flows))


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width and other.x < one.x + one.width
        and one.y < other.y + other.height and other.y < one.y + one.height
    )  # fmt: skip


def crossed(drawn: Layout, box: Box) -> bool:
    """Whether a line runs through the inside of a box."""
    inside = Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)
    for line in drawn.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points):
            level = Box(min(x1, x2), min(y1, y2), abs(x1 - x2), max(abs(y1 - y2), 0.1))
            if overlap(level, inside):
                return True
    return False


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 12))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    conditions = st.sampled_from(["", "", "x > 1", 'double(total) > 5 && kind == "new"'])
    flows = draw(st.lists(st.tuples(pairs, conditions), max_size=20, unique_by=lambda one: one[0]))
    return graph(count, *((a, b, when) for (a, b), when in flows if a < b))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_nothing_overlaps_and_no_line_crosses_a_box(made: Graph) -> None:
    drawn = layout(made)
    labels = [line.label for line in drawn.lines if line.label]
    for one, other in combinations([*drawn.boxes, *labels], 2):
        assert not overlap(one, other)
    for box in drawn.boxes:
        assert not crossed(drawn, box)
        assert box.x >= 0
        assert box.x + box.width <= drawn.width
        assert box.y >= 0
        assert box.y + box.height <= drawn.height


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_time_runs_from_left_to_right(made: Graph) -> None:
    drawn = layout(made)
    for flow, line in zip(made.flows, drawn.lines, strict=True):
        assert drawn.boxes[flow.source].x < drawn.boxes[flow.target].x
        assert line.points[0][0] < line.points[-1][0]
        assert bool(line.label) == bool(flow.when)


def test_a_chain_is_a_straight_line() -> None:
    drawn = layout(graph(4, (0, 1), (1, 2), (2, 3)))
    assert len({box.y for box in drawn.boxes}) == 1


def test_what_can_be_drawn_without_crossings_is() -> None:
    drawn = layout(graph(6, (0, 1, "a"), (0, 2, "b"), (1, 2, "c"), (1, 5, "d"), (2, 3), (3, 4)))
    cancel, pay = drawn.boxes[5], drawn.boxes[2]
    approve, direct = drawn.lines[2], drawn.lines[1]
    assert (approve.points[1][1] < direct.points[1][1]) == (cancel.y < pay.y)


def test_loops_and_empty_graphs_are_drawn_too() -> None:
    assert layout(graph(0)).boxes == ()
    drawn = layout(graph(3, (0, 1), (1, 2), (2, 0), (1, 1)))
    assert drawn.lines[2].points[-1] == drawn.lines[0].points[0]
    assert len(drawn.lines[3].points) == 4


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("double(total) > double(limit)", ("total > limit",)),
        ('output.body.status == "captured"', ("status = captured",)),
        ("total_amount > approval_limit", ("total_amount >", "approval_limit")),
        ("a" * 60, ("a" * 18, "…")),
    ],
)
def test_a_condition_is_shortened_for_reading(condition: str, lines: tuple[str, ...]) -> None:
    assert wrapped(condition) == lines
