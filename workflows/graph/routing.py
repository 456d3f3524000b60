"""Where tokens go when a node is left, and which variables that sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.errors import InvalidExpression

from . import expressions
from .shape import Graph


@dataclass(frozen=True, slots=True)
class Step:
    """What leaving a node does. `reads_variables`: it must be asked again if they changed."""

    targets: tuple[int, ...]
    assigned: Mapping[str, Any]
    reads_variables: bool


def leave(
    graph: Graph, position: int, output: Mapping[str, Any], variables: Mapping[str, Any]
) -> Step:
    """The flows taken out of a node and the variables its output mapping sets.

    Every flow whose condition holds is taken. Raises InvalidExpression when a condition or mapping
    cannot be evaluated, or when there are flows and none of them may be taken.
    """
    node, flows = graph.nodes[position], graph.outgoing[position]
    assigned = {
        name: expressions.assignable(source, variables, output)
        for name, source in node.output_mapping.items()
    }
    seen = {**variables, **assigned}
    targets = tuple(
        flow.target for flow in flows if not flow.when or expressions.holds(flow.when, seen, output)
    )
    if flows and not targets:
        raise InvalidExpression(
            f"No way leads on from “{node.name}”: none of its {len(flows)} conditions holds."
        )
    conditional = any(flow.when for flow in flows)
    return Step(targets, assigned, reads_variables=conditional or bool(node.output_mapping))
