"""Moving a token graph that runs to another one: which tokens and waits keep their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import events, loops, structure
from .game import Game
from .marking import BODY, ROOT, Marking
from .moves import Disarmed
from .moving import Plan, arranged, mapped
from .shape import INCLUSIVE, REMOVED, Graph


def plan(
    old: Graph,
    new: Graph,
    mapping: Mapping[str, str],
    marking: Marking,
    running: Collection[int],
) -> Plan:
    """Where everything goes. `mapping` as for plain graphs; `running`: what agents work on.

    Old nodes keep their index, so of the marking only flows and waits change.
    """
    kept, problems = mapped(old, new, mapping)
    added = tuple(node for node in range(len(new.nodes)) if node not in kept.values())
    place = {target: source for source, target in kept.items()}
    place |= {node: len(old.nodes) + number for number, node in enumerate(added)}
    graph = arranged(old, new, kept, added, place)
    removed = tuple(node for node in range(len(old.nodes)) if node not in kept)
    found = Plan(graph, kept, removed, tuple(place[node] for node in added), (), {}, ())
    problems += dict.fromkeys([*_problems(old, found, marking, running)])
    return replace(found, problems=tuple(problems))


def carried_over(old: Graph, graph: Graph, marking: Marking) -> None:
    """Let tokens wait on the flows of the arranged graph that were theirs in the old one."""
    flows = _flows(old, graph)
    for place, waiting in marking.parked.items():
        marking.parked[place] = {flows[flow]: count for flow, count in waiting.items()}


def settle(old: Graph, game: Game) -> list[tuple[int, int]]:
    """Wait for what the arranged graph says; the joins (scope, node) that are complete by now.

    What is waited for in the same words keeps its time, what has happened already is not waited for
    again, the rest begins anew. Raises InvalidExpression.
    """
    expected = {(host, plan.node, plan.part): plan for host, plan in _expected(game)}
    known = {(one.host, one.node, one.part) for one in game.marking.armed.values()}
    nodes = game.graph.nodes
    for number, one in list(game.marking.armed.items()):
        key = (one.host, one.node, one.part)
        if key not in expected or nodes[one.node].event != old.nodes[one.node].event:
            del game.marking.armed[number]
            game.moves.append(Disarmed(number))
            known.discard(key)
    for (host, node, part), planned in expected.items():
        is_new = node >= len(old.nodes) or old.nodes[node].event != nodes[node].event
        if is_new and (host, node, part) not in known:
            events.arm(game, host, [planned])
    return [place for place in game.marking.parked if _is_complete(game, *place)]


@dataclass(frozen=True, slots=True)
class _At:
    """An open activity and how its node is called."""

    name: str
    node: int
    role: str


def _problems(old: Graph, found: Plan, marking: Marking, running: Collection[int]) -> Iterator[str]:
    for seq, one in marking.open.items():
        at = _At(old.nodes[one.node].name, one.node, one.role)
        if seq in running:
            yield f"“{at.name}” is running: pause the execution and wait until nothing runs."
        elif at.node not in found.kept:
            yield f"“{at.name}” has begun and has no place in the new version: map it to a step."
        else:
            yield from _changed(old, found.graph, at)
    yield from _parked(old, found, marking)
    for within in marking.scopes.values():
        yield from _undone(old, found, within.undo)


def _changed(old: Graph, graph: Graph, at: _At) -> Iterator[str]:
    before, now = old.nodes[at.node], graph.nodes[at.node]
    if before.kind != now.kind:
        yield f"“{at.name}” has begun as “{before.kind}”: it cannot become another kind."
    if before.parent != now.parent:
        yield f"“{at.name}” has begun, and the new version has it in another sub-process."
    kinds = [(one.is_event_scope, one.is_ad_hoc) for one in (before, now)]
    if kinds[0] != kinds[1]:
        yield f"“{at.name}” has begun: its kind of sub-process cannot change now."
    modes = [one.loop and one.loop.get("mode", loops.TOGETHER) for one in (before, now)]
    if at.role == BODY and modes[0] != modes[1]:
        yield f"“{at.name}” goes round already: how it does cannot change now."


def _parked(old: Graph, found: Plan, marking: Marking) -> Iterator[str]:
    flows = _flows(old, found.graph)
    for (_, node), waiting in marking.parked.items():
        name = old.nodes[node].name
        if node not in found.kept or not _may_wait(found.graph, node):
            yield f"Tokens wait at “{name}”: in the new version it is no join."
            continue
        if old.nodes[node].parent != found.graph.nodes[node].parent:
            yield f"Tokens wait at “{name}”, and the new version has it in another sub-process."
        for flow in waiting:
            if flow not in flows:
                source = old.nodes[old.flows[flow].source].name
                yield (
                    f"A token from “{source}” waits at “{name}”: the new version has no such way."
                )


def _undone(old: Graph, found: Plan, entries: Iterable[Any]) -> Iterator[str]:
    for handler, _, inner, *_ in entries:
        if handler is not None and handler not in found.kept:
            name = old.nodes[handler].name
            yield f"“{name}” undoes what has been done: it has to have a place in the new version."
        yield from _undone(old, found, inner)


def _flows(old: Graph, graph: Graph) -> dict[int, int]:
    """Numbers of flows in the arranged graph by those of the same ends in the old one."""
    by_ends = {(flow.source, flow.target): number for number, flow in enumerate(graph.flows)}
    ends = ((number, (flow.source, flow.target)) for number, flow in enumerate(old.flows))
    return {number: by_ends[pair] for number, pair in ends if pair in by_ends}


def _may_wait(graph: Graph, node: int) -> bool:
    return graph.nodes[node].kind == INCLUSIVE or structure.of(graph).is_join(node)


def _is_complete(game: Game, scope: int, node: int) -> bool:
    if game.graph.nodes[node].kind == INCLUSIVE:
        return False  # it is looked at when no token is on its way
    return len(game.marking.parked[scope, node]) == len(game.structure.entries[node])


def _expected(game: Game) -> Iterator[tuple[int, events.Plan]]:
    """What each open activity, and the process, waits for by the graph."""
    for plan in events.plans_within(game, None, game.variables):
        yield ROOT, plan
    for seq, one in game.marking.open.items():
        if one.role in ("", BODY) and game.graph.nodes[one.node].kind != REMOVED:
            is_instance = one.scope != ROOT and game.marking.open[one.scope].role == BODY
            around = [] if is_instance else events.plans_around(game, one.node, one.scope)
            within = [] if one.role == BODY else events.plans_within(game, one.node, game.seen(seq))
            for plan in (*around, *within):
                yield seq, plan
