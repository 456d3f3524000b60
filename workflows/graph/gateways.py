"""Splits and joins: which flows a token takes, and when tokens go on together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.errors import InvalidExpression

from . import ad_hoc, expressions
from .game import Game
from .shape import EXCLUSIVE, INCLUSIVE, PARALLEL, Graph


def chosen(
    graph: Graph,
    node: int,
    exits: tuple[int, ...],
    seen: Mapping[str, Any],
    output: Mapping[str, Any],
) -> tuple[int, ...]:
    """The flows that a token takes out of a node.

    Exclusive: the first that holds. Parallel: all. Else every one that holds; the default flow if
    no other with a condition does. Raises InvalidExpression when none may be taken.
    """
    kind = graph.nodes[node].kind
    if kind == PARALLEL or not exits:
        return exits
    taken: list[int] = []
    fallback: int | None = None
    has_held = False
    for number in exits:
        flow = graph.flows[number]
        if flow.is_default:
            fallback = number
        elif not flow.when or expressions.holds(flow.when, seen, output):
            taken.append(number)
            has_held = has_held or bool(flow.when)
            if kind == EXCLUSIVE:
                break
    if fallback is not None and not has_held and (kind != EXCLUSIVE or not taken):
        taken.append(fallback)
    if not taken:
        raise InvalidExpression(
            f"No way leads on from “{graph.nodes[node].name}”: "
            f"none of its {len(exits)} conditions holds."
        )
    return tuple(taken)


def split(
    game: Game, node: int, scope: int, output: Mapping[str, Any] | None = None, **data: Any
) -> None:
    """Send the token at a gateway or event on; where it cannot go, it is an incident."""
    exits = game.structure.exits[node]
    try:
        assigned = game.mapped(game.graph.nodes[node], output or {}, scope)
        seen = {**game.seen(scope), **assigned} if assigned else game.seen(scope)
        flows = chosen(game.graph, node, exits, seen, output or {})
    except InvalidExpression as error:
        game.fail(node, scope, str(error))
        return
    game.assign(assigned)
    game.passed(node, scope, flows, **({"set": assigned} if assigned else {}), **data)
    game.send(flows, scope)
    game.consume(scope)


def park(game: Game, flow: int, node: int, scope: int) -> bool:
    """Let a token wait at a join; whether all that it waits for are there now."""
    waiting = game.marking.parked.setdefault((scope, node), {})
    waiting[flow] = waiting.get(flow, 0) + 1
    if game.graph.nodes[node].kind == INCLUSIVE:
        return False
    return len(waiting) == len(game.structure.entries[node])


def set_down(game: Game, scope: int, came: Mapping[int, Sequence[int]]) -> None:
    """Let tokens wait at joins (join -> flows), as if they had just come."""
    for node, flows in came.items():
        if flows:
            game.marking.parked[scope, node] = dict.fromkeys(flows, 1)
            game.scope(scope).live += len(flows)


def joined(game: Game, node: int, scope: int) -> None:
    """Take one token of each flow that has some: they go on as one; what is more stays."""
    waiting = game.marking.parked[scope, node]
    game.scope(scope).live -= len(waiting) - 1
    left = {flow: count - 1 for flow, count in waiting.items() if count > 1}
    if left:
        game.marking.parked[scope, node] = left
    else:
        del game.marking.parked[scope, node]


def ripe(game: Game) -> tuple[int, int] | None:
    """An inclusive join (scope, node) that nothing on its way could still reach, if there is one.

    BPMN 2.0, 13.4.3: a token elsewhere holds it up if it can reach a flow that has none, unless it
    can also reach one that has. To be asked when no token is on its way.
    """
    for (scope, node), waiting in game.marking.parked.items():
        if game.graph.nodes[node].kind == INCLUSIVE and not _is_held_up(game, scope, node, waiting):
            return scope, node
    return None


def _is_held_up(game: Game, scope: int, node: int, waiting: Mapping[int, int]) -> bool:
    entries = game.structure.entries[node]
    has = sum(1 << bit for bit, flow in enumerate(entries) if flow in waiting)
    lacks = (1 << len(entries)) - 1 ^ has
    if not lacks:
        return False
    reach = game.structure.reaching(node)
    places = (one.node for one in game.marking.open.values() if one.scope == scope)
    parked = (at for within, at in game.marking.parked if within == scope and at != node)
    return any(
        reach[place] & lacks and not reach[place] & has for at in (places, parked) for place in at
    )


def stuck(game: Game) -> tuple[int, ...]:
    """The joins at which tokens wait although nothing is open that could set them free."""
    marking = game.marking
    if marking.ended or marking.armed or not marking.parked:
        return ()
    containers = marking.scopes.keys()
    if any(seq not in containers or ad_hoc.is_offering(game, seq) for seq in marking.open):
        return ()
    return tuple(sorted({node for _, node in marking.parked}))
