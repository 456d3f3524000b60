"""Planning a move from one graph to another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflows.graph import moving
from workflows.graph.moving import Standing
from workflows.graph.shape import EVERY, ONE, Flow, Graph, Node


@st.composite
def begun(draw: st.DrawFn) -> tuple[Graph, list[Standing]]:
    """A graph without loops, and how far an execution of it has come."""
    size = draw(st.integers(1, 8))
    pairs = [(low, high) for high in range(size) for low in range(high)]
    ways = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    joins = [draw(st.sampled_from([EVERY, ONE])) for _ in range(size)]
    nodes = tuple(Node(f"n{at}", f"N{at}", join=join) for at, join in enumerate(joins))
    graph = Graph(nodes, tuple(Flow(low, high) for low, high in sorted(ways)))
    done: set[int] = set()
    for node in range(size):
        before = sum(flow.source in done for flow in graph.incoming[node])
        if before >= graph.waits_on(node) and draw(st.booleans()):
            done.add(node)
    return graph, [_standing(graph, node, node in done) for node in range(size)]


def _standing(graph: Graph, node: int, is_done: bool) -> Standing:
    went_to = tuple(flow.target for flow in graph.outgoing[node]) if is_done else ()
    return Standing(is_done, is_done, is_over=is_done, went_to=went_to)


def _waits_on(graph: Graph, standings: list[Standing]) -> tuple[int, ...]:
    return tuple(
        max(
            graph.waits_on(node)
            - sum(standings[flow.source].is_completed for flow in graph.incoming[node]),
            0,
        )
        for node in range(len(graph.nodes))
    )


@given(begun())
def test_a_move_to_the_same_graph_changes_nothing(case: tuple[Graph, list[Standing]]) -> None:
    graph, standings = case
    found = moving.plan(graph, graph, {}, standings, {})
    assert found.graph == graph
    assert (found.added, found.removed) == ((), ())
    assert found.waits_on == _waits_on(graph, standings)
    is_open = any(
        not one.is_over and not waits for one, waits in zip(standings, found.waits_on, strict=True)
    )
    assert any("Nothing would be left" in text for text in found.problems) != is_open


@given(begun(), st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_does_not_matter(
    case: tuple[Graph, list[Standing]], order: object
) -> None:
    """The new graph lists its nodes otherwise: every task keeps its place all the same."""
    graph, standings = case
    places = list(range(len(graph.nodes)))
    order.shuffle(places)  # type: ignore[attr-defined]
    at = {node: place for place, node in enumerate(places)}
    shuffled = Graph(
        tuple(graph.nodes[node] for node in places),
        tuple(Flow(at[flow.source], at[flow.target]) for flow in graph.flows),
    )
    found = moving.plan(graph, shuffled, {}, standings, {})
    assert found.graph.nodes == graph.nodes
    assert set(found.graph.flows) == set(graph.flows)
    assert found.waits_on == _waits_on(graph, standings)


def test_a_new_graph_without_a_node_keeps_an_empty_place_for_it() -> None:
    old = Graph((Node("a", "A"), Node("b", "B")), (Flow(0, 1),))
    new = Graph((Node("b", "B"), Node("c", "C")), (Flow(0, 1),))
    found = moving.plan(
        old, new, {}, [Standing(True, True, is_over=True, went_to=(1,)), Standing()], {}
    )
    assert [node.key for node in found.graph.nodes] == ["a.removed-0", "b", "c"]
    assert found.graph.flows == (Flow(1, 2),)
    assert (found.removed, found.added, found.waits_on) == ((0,), (2,), (0, 0, 1))
    assert found.problems == ()


def test_two_steps_are_not_mapped_to_one() -> None:
    old = Graph((Node("a", "A"), Node("b", "B")), ())
    new = Graph((Node("c", "C"),), ())
    found = moving.plan(old, new, {"a": "c", "b": "c"}, [Standing(), Standing()], {})
    assert "2 steps are mapped to “c”." in found.problems
