"""The token game: a marking, something that happens, and the moves that come of it.

Every function changes the marking and the variables that it is given and returns what the engine is
to write, in order. Nothing here reads a clock or a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.errors import InvalidExpression

from . import activities, events, expressions, gateways, scopes, throwing, token_moving
from .game import Game
from .marking import Handler, Marking
from .moves import Move, Stuck
from .rerunning import Entry
from .shape import BOUNDARY, EVENT_GATEWAY, Graph


def start(
    graph: Graph,
    marking: Marking,
    variables: dict[str, Any],
    at: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> list[Move]:
    """Begin a run; raises InvalidExpression when what the process waits for cannot be told.

    `at`: at the one start whose event has happened and has brought `payload`.
    """
    game = Game(graph, marking, variables)
    activities.begin(game, at, payload or {})
    return _drained(game)


def start_within(
    graph: Graph,
    marking: Marking,
    variables: dict[str, Any],
    entry: Entry,
    came: Sequence[Mapping[int, Sequence[int]]],
) -> list[Move]:
    """Begin a run at one node, with the sub-processes around it open; raises InvalidExpression.

    `came`: per level, as in `entry`, the flows into joins on which a token waits already.
    """
    game = Game(graph, marking, variables)
    activities.begin_within(game, entry, came)
    return _drained(game)


def moved(old: Graph, graph: Graph, marking: Marking, variables: dict[str, Any]) -> list[Move]:
    """Go on over another graph, whose plan has no problems; raises InvalidExpression."""
    token_moving.carried_over(old, graph, marking)
    game = Game(graph, marking, variables)
    for scope, node in token_moving.settle(old, game):
        gateways.joined(game, node, scope)
        activities.enter(game, node, scope)
    return _drained(game)


def activate(
    graph: Graph, marking: Marking, seq: int, node: int, variables: dict[str, Any]
) -> list[Move]:
    """Somebody has chosen a node that an open ad-hoc sub-process offers."""
    game = Game(graph, marking, variables)
    game.scope(seq).live += 1
    activities.enter(game, node, seq)
    return _drained(game)


def leave(
    graph: Graph, marking: Marking, seq: int, output: Mapping[str, Any], variables: dict[str, Any]
) -> list[Move]:
    """An open activity is done. Raises InvalidExpression, and then nothing has changed."""
    game = Game(graph, marking, variables)
    activities.finish(game, seq, output)
    return _drained(game)


def again(graph: Graph, marking: Marking, seq: int, variables: dict[str, Any]) -> list[Move]:
    """The token of an open activity arrives at its node once more: a wait or call is repeated."""
    game = Game(graph, marking, variables)
    activities.repeat(game, seq)
    return _drained(game)


def fire(
    graph: Graph,
    marking: Marking,
    number: int,
    payload: Mapping[str, Any],
    variables: dict[str, Any],
) -> list[Move]:
    """An event that is waited for has happened; no moves if nobody waits for it any more."""
    game = Game(graph, marking, variables)
    handler = marking.armed.get(number)
    if handler is None or marking.ended:
        return []
    _fire(game, number, handler, payload)
    return _drained(game)


def variables_set(graph: Graph, marking: Marking, variables: dict[str, Any]) -> list[Move]:
    """Somebody has set variables: what waits for a condition that holds by now goes on."""
    if marking.ended:
        return []
    game = Game(graph, marking, variables)
    return _drained(game)


def raise_error(
    graph: Graph,
    marking: Marking,
    seq: int,
    code: str,
    message: str,
    variables: dict[str, Any],
) -> list[Move] | None:
    """An activity has failed for good: its error is caught, or None: then nothing has changed."""
    game = Game(graph, marking, variables)
    if not throwing.raise_error(game, seq, code, {"code": code, "message": message}):
        return None
    return _drained(game)


def raise_escalation(
    graph: Graph, marking: Marking, seq: int, code: str, variables: dict[str, Any]
) -> list[Move] | None:
    """What an activity has called escalates; None, and nothing changed, when nobody catches it."""
    game = Game(graph, marking, variables)
    return _drained(game) if throwing.raise_escalation(game, seq, code) else None


def is_named(graph: Graph, marking: Marking, seq: int, code: str) -> bool:
    """Whether somebody catches this very error of an activity, so that no retry comes before it."""
    return throwing.names(Game(graph, marking, {}), seq, code)


def cancel(
    graph: Graph, marking: Marking, seq: int, reason: str, variables: dict[str, Any]
) -> list[Move]:
    """Take an activity away with its token, as a person does."""
    game = Game(graph, marking, variables)
    activity = scopes.remove(game, seq, reason)
    if graph.nodes[activity.node].is_reaction:
        game.scope(activity.scope).reacting -= 1
    game.consume(activity.scope)
    return _drained(game)


def _fire(game: Game, number: int, handler: Handler, payload: Mapping[str, Any]) -> None:
    node = game.graph.nodes[handler.node]
    if node.event.get("parallel"):
        together = events.gathered(game, number, handler, payload)
        if together is None:
            return
        payload = together
    if node.is_event_scope:
        _repeat(game, number, handler)
        activities.react(game, handler.host, handler.node, payload)
        return
    activity = game.marking.open[handler.host]
    if node.kind == BOUNDARY:
        _cross_boundary(game, number, handler, payload)
    elif game.graph.nodes[activity.node].kind == EVENT_GATEWAY and handler.node != activity.node:
        activities.settle_choice(game, handler.host, handler.node, payload)
    else:
        activities.settle(game, handler.host, payload)


def _cross_boundary(game: Game, number: int, handler: Handler, payload: Mapping[str, Any]) -> None:
    scope = game.marking.open[handler.host].scope
    if game.graph.nodes[handler.node].event.get("interrupting", True):
        scopes.remove(game, handler.host, "interrupted")
    else:
        _repeat(game, number, handler)
        game.scope(scope).live += 1
    gateways.split(game, handler.node, scope, payload)


def _repeat(game: Game, number: int, handler: Handler) -> None:
    try:
        events.repeat(game, number, handler)
    except InvalidExpression:
        game.marking.armed.pop(number, None)


def _drained(game: Game) -> list[Move]:
    """Move tokens until none is on its way."""
    while _step(game):
        pass
    nodes = gateways.stuck(game)
    if nodes:
        game.moves.append(Stuck(nodes))
    return game.moves


def _step(game: Game) -> bool:
    if game.reactions:
        activities.react(game, *game.reactions.pop(0))
    elif game.emptied:
        activities.emptied(game, game.emptied.pop())
    elif game.queue:
        activities.arrive(game, *game.queue.popleft())
    elif game.last:
        activities.arrive(game, *game.last.popleft())
    elif (join := gateways.ripe(game)) is not None:
        scope, node = join
        gateways.joined(game, node, scope)
        activities.enter(game, node, scope)
    else:
        return _conditions_changed(game)
    return True


def _conditions_changed(game: Game) -> bool:
    """Fire a conditional event that has become true; looked at when variables were set."""
    if not game.is_new:
        return False
    for number, handler in list(game.marking.armed.items()):
        if handler.kind == "conditional" and _holds(game, handler):
            _fire(game, number, handler, {})
            return True
    game.is_new = False
    return False


def _holds(game: Game, handler: Handler) -> bool:
    source = str(events.described(game, handler).get("condition", "false"))
    try:
        return expressions.holds(source, game.seen(handler.host), {})
    except InvalidExpression:
        return False  # what it needs is not there yet
