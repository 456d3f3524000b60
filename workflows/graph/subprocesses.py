"""Whether what is said of transactions, ad-hoc sub-processes and starts can be carried out."""

from __future__ import annotations

from collections.abc import Iterator

from . import structure
from .problems import Problem, of_expression
from .shape import AD_HOC, BOUNDARY, END, SCOPE, START, TRANSACTION, Graph, Node

KINDS = (TRANSACTION, AD_HOC)
SETTINGS = {
    TRANSACTION: {"type"},
    AD_HOC: {"type", "ordering", "completion", "cancel_remaining"},
}
ORDERINGS = ("parallel", "sequential")


def problems(graph: Graph, place: int) -> Iterator[Problem]:
    """What does not fit about the kind of a sub-process, or about what belongs to one."""
    node = graph.nodes[place]
    yield from _settings(node)
    if node.kind == START and node.event.get("type", "none") != "none" and node.parent is not None:
        message = (
            "A start within a sub-process has no event: write the event on the sub-process, "
            "which is then started by it."
        )
        yield Problem(node.key, "event", message)
    if any(part.get("type") == "cancel" for part in node.parts):
        yield from _cancel(graph, node)
    if node.is_ad_hoc:
        yield from _ad_hoc(graph, place)


def _settings(node: Node) -> Iterator[Problem]:
    scope = node.scope
    if not scope:
        return
    kind = scope.get("type")
    if node.kind != SCOPE or node.is_event_scope:
        yield Problem(node.key, "scope", "Only a sub-process that no event starts has this.")
        return
    if kind not in KINDS:
        expected = ", ".join(KINDS)
        yield Problem(node.key, "scope", f"Its type is {kind!r}; one of {expected} was expected.")
        return
    for name in sorted(set(scope) - SETTINGS[kind]):
        yield Problem(node.key, "scope", f"“{name}” is not a setting of this kind.")
    if scope.get("ordering", ORDERINGS[0]) not in ORDERINGS:
        message = f"“ordering” is {scope['ordering']!r}; parallel or sequential was expected."
        yield Problem(node.key, "scope", message)
    if not isinstance(scope.get("cancel_remaining", True), bool):
        yield Problem(node.key, "scope", "“cancel_remaining” is true or false.")
    if scope.get("completion"):
        yield from of_expression(node.key, "scope", scope["completion"])


def _cancel(graph: Graph, node: Node) -> Iterator[Problem]:
    """Cancel events, BPMN 2.0, 10.5.4 and 10.5.6: at the end of a transaction and on its edge."""
    if node.kind == BOUNDARY:
        if node.attached_to is not None and not graph.nodes[node.attached_to].is_transaction:
            yield Problem(node.key, "event", "Only a transaction can be cancelled from within.")
        return
    if node.kind != END:
        return
    around = graph.nodes[node.parent] if node.parent is not None else None
    if around is None or not around.is_transaction:
        yield Problem(node.key, "event", "A cancel end lies directly in a transaction.")
        return
    edges = structure.of(graph).boundaries.get(node.parent or 0, ())
    if not any(graph.nodes[edge].event.get("type") == "cancel" for edge in edges):
        message = f"Attach a cancel event to “{around.name}”: it says where to go on from there."
        yield Problem(node.key, "event", message)
    if around.loop:
        message = f"“{around.name}” can be cancelled: put it into a sub-process that is the loop."
        yield Problem(around.key, "loop", message)


def _ad_hoc(graph: Graph, place: int) -> Iterator[Problem]:
    node = graph.nodes[place]
    for inner in graph.nodes:
        if inner.parent == place and inner.kind in (START, END):
            message = f"“{node.name}” is ad hoc: it has neither starts nor ends."
            yield Problem(inner.key, "kind", message)
    if not structure.of(graph).beginnings.get(place):
        yield Problem(node.key, "kind", "It has nothing to choose from.")
