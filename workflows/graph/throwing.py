"""Ends and throws: what a token does that comes to one, and where what it throws is caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.errors import InvalidExpression

from . import events, expressions, gateways, scopes
from .game import Game
from .marking import UNDOING, Loop
from .moves import Caught, Thrown
from .shape import END


def reach(game: Game, node: int, scope: int) -> None:
    """A token is at an end or throw event."""
    kind = game.graph.nodes[node].event.get("type", "none")
    match kind:
        case "terminate":
            game.passed(node, scope)
            scopes.clear(game, scope, "terminated")
            game.emptied.append(scope)
        case "error":
            _throw_error(game, node, scope)
        case "escalation":
            _escalate(game, node, scope)
        case "compensate":
            _compensate(game, node, scope)
        case "link":
            _jump(game, node, scope)
        case "message" | "signal":
            _send(game, node, scope, kind)
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
    _caught(game, host, node, payload, code)
    return True


def names(game: Game, seq: int, code: str) -> bool:
    """Whether somebody catches this very error of an activity, and not just any error."""
    found = events.catcher(game, "error", code, game.marking.open[seq].scope, seq)
    return found is not None and bool(game.graph.nodes[found[1]].event.get("code"))


def _throw_error(game: Game, node: int, scope: int) -> None:
    code = str(game.graph.nodes[node].event.get("code", ""))
    found = events.catcher(game, "error", code, scope)
    if found is None:
        name = game.graph.nodes[node].name
        game.fail(node, scope, f"Nothing catches the error “{code}” of “{name}”.", code or "error")
        return
    game.passed(node, scope, code=code)
    game.scope(scope).live -= 1
    _caught(game, *found, {"code": code}, code)


def _escalate(game: Game, node: int, scope: int) -> None:
    """Like an error, but whoever catches it may let the rest go on; uncaught it is just noted."""
    code = str(game.graph.nodes[node].event.get("code", ""))
    found = events.catcher(game, "escalation", code, scope)
    is_interrupting = found and game.graph.nodes[found[1]].event.get("interrupting", True)
    if found is None or not is_interrupting:
        go_on(game, node, scope)
    else:
        game.passed(node, scope, code=code)
        game.scope(scope).live -= 1
    if found is not None:
        _caught(game, *found, {"code": code}, code)


def _caught(game: Game, host: int, node: int, payload: Mapping[str, Any], code: str) -> None:
    catcher = game.graph.nodes[node]
    if catcher.is_event_scope:
        game.reactions.append((host, node, payload))
        return
    scope = game.marking.open[host].scope
    if catcher.event.get("interrupting", True) or catcher.event.get("type") == "error":
        scopes.remove(game, host, "interrupted")
    else:
        game.scope(scope).live += 1
    gateways.split(game, node, scope, payload, code=code)


def _compensate(game: Game, node: int, scope: int) -> None:
    only = game.graph.nodes[node].event.get("activity")
    handlers = scopes.undoable(game, scope, game.graph.index.get(only) if only else None)
    if not handlers:
        go_on(game, node, scope)
        return
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


def _send(game: Game, node: int, scope: int, kind: str) -> None:
    event = game.graph.nodes[node].event
    seen = game.seen(scope)
    try:
        key = events.correlation(event, seen)
        payload = {
            name: expressions.assignable(source, seen, {})
            for name, source in (event.get("payload") or {}).items()
        }
    except InvalidExpression as error:
        game.fail(node, scope, str(error))
        return
    game.moves.append(
        Thrown(node, kind, str(event.get("name", "")), key, payload, event.get("ttl"))
    )
    go_on(game, node, scope)
