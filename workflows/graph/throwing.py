"""Ends and throws: what a token does that comes to one, and where what it throws is caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.errors import InvalidExpression

from . import events, expressions, gateways, scopes
from .game import Game
from .marking import UNDOING, Loop
from .moves import Caught, Escalated, Thrown
from .shape import END

SENT = ("message", "signal")


def reach(game: Game, node: int, scope: int) -> None:
    """A token is at an end or throw event; of a multiple one, messages and signals come first."""
    parts = game.graph.nodes[node].parts
    sent = [event for event in parts if event.get("type") in SENT]
    try:
        thrown = [_thrown(game, node, scope, event) for event in sent]
    except InvalidExpression as error:
        game.fail(node, scope, str(error))
        return
    game.moves += thrown
    _reach(game, node, scope, next((event for event in parts if event not in sent), {}))


def _reach(game: Game, node: int, scope: int, event: Mapping[str, Any]) -> None:
    code = str(event.get("code", ""))
    match event.get("type", "none"):
        case "terminate":
            game.passed(node, scope)
            scopes.clear(game, scope, "terminated")
            game.emptied.append(scope)
        case "error":
            _throw_error(game, node, scope, code)
        case "escalation":
            _escalate(game, node, scope, code)
        case "compensate":
            _compensate(game, node, scope, event.get("activity"))
        case "cancel":
            _cancel(game, node, scope)
        case "link":
            _jump(game, node, scope)
        case _:
            go_on(game, node, scope)


def go_on(game: Game, node: int, scope: int) -> None:
    """Behind a throw the token moves on; at an end it is gone."""
    if game.graph.nodes[node].kind == END:
        game.passed(node, scope)
        game.consume(scope)
    else:
        gateways.split(game, node, scope)


def raise_error(game: Game, seq: int, code: str, payload: Mapping[str, Any]) -> bool:
    """Let an activity fail with an error; False, and nothing changed, when nobody catches it."""
    activity = game.marking.open[seq]
    found = events.catcher(game, "error", code, activity.scope, seq)
    if found is None:
        return False
    host, node = found
    if seq in game.marking.scopes:
        scopes.clear(game, seq, "failed")
    scopes.close(game, seq, is_done=False)
    game.moves.append(Caught(seq, code, node))
    if host == seq:
        gateways.split(game, node, activity.scope, payload, code=code)
        return True
    game.scope(activity.scope).live -= 1
    _caught(game, host, node, payload, "error", code)
    return True


def names(game: Game, seq: int, code: str) -> bool:
    """Whether somebody catches this very error of an activity, and not just any error."""
    found = events.catcher(game, "error", code, game.marking.open[seq].scope, seq)
    if found is None:
        return False
    parts = game.graph.nodes[found[1]].parts
    return any(part.get("type") == "error" and part.get("code") == code for part in parts)


def is_cancel(game: Game, node: int) -> bool:
    """Whether the node is the end of a transaction that cancels it."""
    return any(part.get("type") == "cancel" for part in game.graph.nodes[node].parts)


def cancelled(game: Game, scope: int) -> None:
    """A transaction has been undone: its token leaves by the cancel event on its edge."""
    activity = game.marking.open[scope]
    around = game.structure.boundaries.get(activity.node, ())
    edge = next((node for node in around if is_cancel(game, node)), None)
    scopes.remove(game, scope, "cancelled")
    if edge is None:
        game.consume(activity.scope)
    else:
        gateways.split(game, edge, activity.scope)


def _cancel(game: Game, node: int, scope: int) -> None:
    """All that runs in the transaction is taken away, all that is done is undone, the latest first.

    What a sub-process within it that still ran had done is undone too: nothing of a transaction
    stays (BPMN 2.0, 10.2.5).
    """
    game.passed(node, scope)
    scopes.keep_undone(game, scope)
    scopes.clear(game, scope, "transaction_cancelled")
    events.disarm(game, scope)
    handlers = scopes.undoable(game, scope, None)
    if not handlers:
        cancelled(game, scope)
        return
    game.scope(scope).live += 1
    _undo(game, node, scope, handlers)


def _throw_error(game: Game, node: int, scope: int, code: str) -> None:
    found = events.catcher(game, "error", code, scope)
    if found is None:
        name = game.graph.nodes[node].name
        game.fail(node, scope, f"Nothing catches the error “{code}” of “{name}”.", code or "error")
        return
    game.passed(node, scope, code=code)
    game.scope(scope).live -= 1
    _caught(game, *found, {"code": code}, "error", code)


def _escalate(game: Game, node: int, scope: int, code: str) -> None:
    """Like an error, but whoever catches it may let the rest go on; uncaught it goes to whoever has
    called the process, if somebody has.
    """
    found = events.catcher(game, "escalation", code, scope)
    is_interrupting = found and game.graph.nodes[found[1]].event.get("interrupting", True)
    if found is None or not is_interrupting:
        go_on(game, node, scope)
    else:
        game.passed(node, scope, code=code)
        game.scope(scope).live -= 1
    if found is not None:
        _caught(game, *found, {"code": code}, "escalation", code)
    else:
        game.moves.append(Escalated(node, code))


def raise_escalation(game: Game, seq: int, code: str) -> bool:
    """Let an escalation come out of what an activity has called; False when nobody catches it."""
    found = events.catcher(game, "escalation", code, game.marking.open[seq].scope, seq)
    if found is not None:
        _caught(game, *found, {"code": code}, "escalation", code)
    return found is not None


def _caught(
    game: Game, host: int, node: int, payload: Mapping[str, Any], kind: str, code: str
) -> None:
    catcher = game.graph.nodes[node]
    if catcher.is_event_scope:
        game.reactions.append((host, node, payload))
        return
    scope = game.marking.open[host].scope
    if catcher.event.get("interrupting", True) or kind == "error":
        scopes.remove(game, host, "interrupted")
    else:
        game.scope(scope).live += 1
    gateways.split(game, node, scope, payload, code=code)


def _compensate(game: Game, node: int, scope: int, only: str | None) -> None:
    handlers = scopes.undoable(game, scope, game.graph.index.get(only) if only else None)
    if not handlers:
        go_on(game, node, scope)
    else:
        _undo(game, node, scope, handlers)


def _undo(game: Game, node: int, scope: int, handlers: list[list[int]]) -> None:
    seq = game.open(node, scope, UNDOING)
    game.scope(seq).loop = Loop(len(handlers), items=list(handlers))
    game.emptied.append(seq)


def _jump(game: Game, node: int, scope: int) -> None:
    """To the catching link of the same name in the same scope."""
    target = game.structure.links.get(node)
    if target is None:
        name = game.graph.nodes[node].event.get("name")
        game.fail(node, scope, f"No link “{name}” to go on from.", "link")
        return
    game.passed(node, scope)
    gateways.split(game, target, scope)


def _thrown(game: Game, node: int, scope: int, event: Mapping[str, Any]) -> Thrown:
    """A message or signal as it is sent; raises InvalidExpression."""
    seen = game.seen(scope)
    key = events.correlation(event, seen)
    payload = {
        name: expressions.assignable(source, seen, {})
        for name, source in (event.get("payload") or {}).items()
    }
    kind, name = str(event["type"]), str(event.get("name", ""))
    return Thrown(node, kind, name, key, payload, event.get("ttl"))
