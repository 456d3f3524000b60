"""Every problem of a graph, not just the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from . import clauses, due, retry, wiring
from .problems import Problem, of_expression
from .shape import EVERY, HUMAN, KINDS, ONE, Graph, Node

__all__ = ["Problem", "problems"]

MAX_NODES = 12_000
MAX_REQUIRED = 1_000  # approvals of one question
MAX_TITLE = 300  # characters
TIMES = ("due", "follow_up")  # of an approval
RESERVED = frozenset({"vars", "output"})
ROLES = frozenset({"", "coordinator", "worker", "reviewer", "supervisor"})


def problems(graph: Graph) -> list[Problem]:
    """All problems that forbid publishing; an empty list means the graph may run."""
    found = [*_whole(graph), *_variables(graph)]
    for position, node in enumerate(graph.nodes):
        found += _node(node)
        found += _flows(graph, position)
    return [*found, *clauses.problems(graph), *wiring.problems(graph)]


def _whole(graph: Graph) -> Iterator[Problem]:
    if not graph.nodes:
        yield Problem("", "tasks", "Add at least one task.")
    if len(graph.nodes) > MAX_NODES:
        yield Problem("", "tasks", f"There are {len(graph.nodes)} tasks; {MAX_NODES} is the limit.")
    for key, count in Counter(node.key for node in graph.nodes).items():
        if count > 1:
            yield Problem(key, "key", f"The key “{key}” is used {count} times.")
    for message in retry.problems(graph.retry_policy):
        yield Problem("", "retry_policy", message)


def _variables(graph: Graph) -> Iterator[Problem]:
    for name in sorted(RESERVED & set(graph.variables)):
        yield Problem("", "variables", f"“{name}” is a reserved name; choose another.")


def _node(node: Node) -> Iterator[Problem]:
    if node.kind not in KINDS:
        yield Problem(node.key, "kind", f"“{node.kind}” is not a kind of task.")
    if node.join not in (EVERY, ONE):
        yield Problem(node.key, "join", f"“{node.join}” is not a way to wait for paths.")
    if node.role not in ROLES:
        yield Problem(node.key, "role", f"“{node.role}” is not a role.")
    if node.kind == HUMAN:
        yield from _approval(node)
    for name, source in node.output_mapping.items():
        if name in RESERVED:
            yield Problem(node.key, "output_mapping", f"“{name}” is a reserved name.")
        yield from of_expression(node.key, "output_mapping", source)


def _approval(node: Node) -> Iterator[Problem]:
    required, title = node.approval.get("required", 1), node.approval.get("title", "")
    asked = [node.approval.get("groups") or [], node.approval.get("users") or []]
    if not any(asked):
        yield Problem(node.key, "approval", "Name the groups or users who may decide.")
    if not all(_is_list_of_names(names) for names in asked):
        yield Problem(node.key, "approval", "“groups” and “users” are lists of names.")
    if type(required) is not int or not 1 <= required <= MAX_REQUIRED:
        yield Problem(
            node.key, "approval", f"“required” is {required!r}; expected 1 to {MAX_REQUIRED}."
        )
    if not isinstance(title, str) or len(title) > MAX_TITLE:
        yield Problem(
            node.key, "approval", f"“title” must be text of at most {MAX_TITLE} characters."
        )
    for name in TIMES:
        given = node.approval.get(name)
        if given is not None and (wrong := due.problem(given)):
            yield Problem(node.key, "approval", f"“{name}” is {wrong}")


def _is_list_of_names(given: object) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(name, str) for name in given)


def _flows(graph: Graph, position: int) -> Iterator[Problem]:
    for flow in graph.incoming[position]:
        if flow.when:
            yield from of_expression(graph.nodes[position].key, "depends_on", flow.when)
    sources = Counter(flow.source for flow in graph.incoming[position])
    for source, count in sources.items():
        if count > 1:
            key = graph.nodes[source].key
            yield Problem(
                graph.nodes[position].key, "depends_on", f"“{key}” is listed {count} times."
            )
