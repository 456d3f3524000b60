"""Processes drawn at random: of nested blocks, which always end, and of any nodes and flows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from workflows.graph.shape import Flow, Graph, Node


def graph(nodes: list[dict[str, Any]], flows: list[tuple[Any, ...]]) -> Graph:
    """Nodes as mappings with a key, flows as (key, key, condition, is default)."""
    index = {node["key"]: place for place, node in enumerate(nodes)}
    made = []
    for node in nodes:
        fields = {"name": node["key"].title(), **node}
        for name in ("parent", "attached_to", "compensates"):
            if fields.get(name) is not None:
                fields[name] = index[fields[name]]
        made.append(Node(**fields))
    ways = tuple(Flow(index[way[0]], index[way[1]], *way[2:]) for way in flows)
    return Graph(tuple(made), ways)


@st.composite
def structured(draw: st.DrawFn, depth: int = 3, *, with_times: bool = False) -> Graph:
    """Blocks in blocks: sequence, choice, fork, inclusive fork, loop, sub-process, instances,
    and `with_times` times: waited for, and on the edges of steps and sub-processes.
    """
    nodes: list[dict[str, Any]] = []
    flows: list[tuple[Any, ...]] = []

    def add(kind: str, parent: str | None, **fields: Any) -> str:
        key = f"{kind}{len(nodes)}"
        nodes.append({"key": key, "kind": kind, "parent": parent, **fields})
        return key

    def block(depth: int, parent: str | None) -> tuple[str, str]:
        shapes = ["step"] if depth == 0 else [*SHAPES, *(TIMES if with_times else ())]
        shape = draw(st.sampled_from(shapes))
        match shape:
            case "step":
                key = add("agent", parent, join="one")
                return key, key
            case "sequence":
                first, second = block(depth - 1, parent), block(depth - 1, parent)
                flows.append((first[1], second[0]))
                return first[0], second[1]
            case "exclusive" | "parallel" | "inclusive":
                return fork(shape, depth, parent)
            case "loop":
                head, tail = add("exclusive", parent), add("exclusive", parent)
                first, last = block(depth - 1, parent)
                flows.append((head, first))
                flows.append((last, tail))
                rounds = f"rounds_{head}"
                flows.append((tail, head, f"{rounds} < {draw(st.integers(0, 2))}"))
                out = add("pass", parent, output_mapping={rounds: "0"})
                flows.append((tail, out, "", True))
                counted = f"('{rounds}' in vars ? vars.{rounds} : 0) + 1"
                by_key = {node["key"]: node for node in nodes}
                by_key[head]["output_mapping"] = {rounds: counted}
                return head, out
            case "catch":
                key = add("catch", parent, join="one", event=SOON)
                return key, key
            case "edge":
                return edged(depth, parent)
            case _:
                loop = {} if shape == "scope" else draw(st.sampled_from(LOOPS))
                key = add("scope", parent, loop=loop, join="one")
                whole(depth - 1, key)
                return key, key

    def whole(depth: int, parent: str | None) -> None:
        begin = add("start", parent)
        first, last = block(depth, parent)
        flows.append((begin, first))
        if draw(st.booleans()):
            flows.append((last, add("end", parent)))

    def edged(depth: int, parent: str | None) -> tuple[str, str]:
        """A block with a time on the edge of its host, whose way meets the other or ends apart."""
        is_scope = draw(st.booleans())
        host = add("scope" if is_scope else "agent", parent, join="one")
        if is_scope:
            whole(depth - 1, host)
        interrupts = draw(st.booleans())
        key = add("boundary", parent, attached_to=host, event=SOON | {"interrupting": interrupts})
        way, done = block(0, parent)
        out = add("exclusive", parent)
        flows.extend([(key, way), (host, out)])
        flows.append((done, out if interrupts else add("end", parent)))
        return host, out

    def fork(shape: str, depth: int, parent: str | None) -> tuple[str, str]:
        split, join = add(shape, parent), add(shape, parent)
        for _ in range(draw(st.integers(2, 3))):
            first, last = block(depth - 1, parent)
            when = "" if shape == "parallel" else draw(st.sampled_from(["true", "false"]))
            flows.append((split, first, when))
            flows.append((last, join))
        if shape != "parallel":
            first, last = block(0, parent)
            flows.append((split, first, "", True))
            flows.append((last, join))
        return split, join

    whole(depth, None)
    return graph(nodes, flows)


SHAPES = ["step", "sequence", "exclusive", "parallel", "inclusive", "loop", "scope", "instances"]
TIMES = ["catch", "edge"]
SOON = {"type": "timer", "duration": "PT0S"}
LOOPS: list[dict[str, Any]] = [
    {"mode": "parallel", "cardinality": 3},
    {"mode": "sequential", "cardinality": 2},
    {"mode": "parallel", "collection": "items", "output": "found"},
    {"mode": "standard", "while": "index < 2"},
    {"mode": "parallel", "cardinality": 0},
]


@st.composite
def unstructured(draw: st.DrawFn) -> Graph:
    """Any nodes and any flows: whatever is drawn must be conserved and never silently stop."""
    size = draw(st.integers(2, 9))
    nodes = []
    for number in range(size):
        kind = draw(st.sampled_from(["agent", "exclusive", "parallel", "inclusive", "end"]))
        join = draw(st.sampled_from(["every", "one"]))
        nodes.append({"key": f"n{number}", "kind": kind if number else "start", "join": join})
    flows = []
    pairs = draw(
        st.sets(st.tuples(st.integers(0, size - 1), st.integers(1, size - 1)), max_size=2 * size)
    )
    for source, target in sorted(pairs):
        if nodes[source]["kind"] != "end":
            when = draw(st.sampled_from(["", "", "true", "false", "more"]))
            flows.append((f"n{source}", f"n{target}", when))
    return graph(nodes, flows)
