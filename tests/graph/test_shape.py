from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflows.graph.shape import ONE, Flow, Graph, Node

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
NODES = st.builds(
    Node,
    key=NAMES,
    name=NAMES,
    role=st.sampled_from(["", "worker"]),
    capabilities=st.lists(NAMES, max_size=2).map(tuple),
    priority=st.integers(1, 4),
    max_retries=st.none() | st.integers(0, 9),
    input=st.dictionaries(NAMES, st.integers()),
    output_mapping=st.dictionaries(NAMES, NAMES),
    join=st.sampled_from(["every", "one"]),
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes = tuple(draw(st.lists(NODES, min_size=1, max_size=6)))
    ends = st.integers(0, len(nodes) - 1)
    flows = draw(st.lists(st.builds(Flow, ends, ends, st.just("") | NAMES), max_size=8))
    return Graph(
        nodes,
        tuple(flows),
        variables=draw(st.dictionaries(NAMES, st.booleans())),
        triggers=tuple(draw(st.lists(NAMES, max_size=2))),
    )


@given(graphs())
def test_json_holds_the_whole_graph(graph: Graph) -> None:
    again = Graph.from_json(graph.to_json())
    assert again == graph
    assert again.sha256() == graph.sha256()


@given(graphs())
def test_every_flow_leaves_one_node_and_reaches_one(graph: Graph) -> None:
    assert sorted(map(repr, graph.flows)) == sorted(repr(f) for out in graph.outgoing for f in out)
    assert sorted(map(repr, graph.flows)) == sorted(
        repr(f) for into in graph.incoming for f in into
    )


@given(graphs())
def test_a_join_of_one_waits_for_one_token_at_most(graph: Graph) -> None:
    for position, node in enumerate(graph.nodes):
        incoming = len(graph.incoming[position])
        assert graph.waits_on(position) == (min(incoming, 1) if node.join == ONE else incoming)


def test_a_requirement_is_the_same_whatever_the_order_of_its_capabilities() -> None:
    one, other = (Node("k", "K", capabilities=order) for order in (("a", "b"), ("b", "a")))
    assert one.requirement == other.requirement == "role=;capabilities=a,b"
    assert Node("k", "K", agent_key="bot", capabilities=("a",)).requirement == "agent=bot"
    assert Node("k", "K", kind="human").requirement == ""


def test_what_was_stored_before_there_were_tokens_loads_and_keeps_its_digest() -> None:
    graph = Graph((Node("a", "A"), Node("b", "B")), (Flow(0, 1, "x > 1"),))
    data = graph.to_json()
    assert set(data["flows"][0]) == {"source", "target", "when"}
    assert not {"parent", "event", "loop", "calls", "attached_to"} & set(data["nodes"][0])
    assert "scope" not in data["nodes"][0]
    assert Graph.from_json(data) == graph
    assert graph.is_plain


def test_a_graph_of_every_kind_survives_the_round_trip() -> None:
    graph = Graph(
        (
            Node("s", "S", kind="scope", loop={"cardinality": 2}),
            Node("a", "A", parent=0),
            Node("t", "T", kind="boundary", attached_to=0, event={"type": "error"}),
            Node("u", "U", compensates=0),
            Node("c", "C", kind="call", calls={"key": "x"}),
            Node("x", "X", kind="scope", scope={"type": "transaction"}),
        ),
        (Flow(0, 4, "", True, "else"), Flow(4, 5)),
    )
    assert Graph.from_json(graph.to_json()) == graph
    assert not graph.is_plain
