"""Scopes: what is taken away with one, and what of it can be undone."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from . import events
from .game import Game
from .marking import STEP, Activity
from .moves import Cancelled


def close(game: Game, seq: int, *, is_done: bool) -> Activity:
    """Take an activity out of the marking, and its handlers; what is done can be undone later.

    Of a loop each instance is undone, not the whole.
    """
    activity = game.marking.open.pop(seq)
    events.disarm(game, seq)
    within = game.marking.scopes.pop(seq, None)
    if is_done:
        handler = game.structure.undoing.get(activity.node) if activity.role == STEP else None
        inner = within.undo if within else []
        if handler is not None or inner:
            done = [handler, seq, inner, activity.node, dict(activity.locals)]
            game.scope(activity.scope).undo.append(done)
    return activity


def clear(game: Game, scope: int, reason: str) -> None:
    """Cancel everything in a scope; the scope itself and its handlers stay."""
    inside: dict[int, list[int]] = defaultdict(list)
    for seq, one in game.marking.open.items():
        inside[one.scope].append(seq)
    gone = {scope}
    for seq in inside[scope]:
        _remove(game, seq, reason, inside, gone)
    for place in [place for place in game.marking.parked if place[0] in gone]:
        del game.marking.parked[place]
    for queue in (game.queue, game.last):
        left = [token for token in queue if token[1] not in gone]
        queue.clear()
        queue.extend(left)
    within = game.scope(scope)
    within.live = within.reacting = 0


def remove(game: Game, seq: int, reason: str) -> Activity:
    """Cancel an activity and what is in it; its token is still counted by its scope."""
    activity = game.marking.open[seq]
    if seq in game.marking.scopes:
        clear(game, seq, reason)
    close(game, seq, is_done=False)
    game.moves.append(Cancelled(seq, reason))
    return activity


def keep_undone(game: Game, scope: int) -> None:
    """What sub-processes that still run in a scope have done can be undone with it, as the latest.

    For a transaction that is cancelled; other scopes leave what was not finished alone.
    """
    for seq, one in game.marking.open.items():
        if one.scope == scope and seq in game.marking.scopes:
            keep_undone(game, seq)
            inner = game.scope(seq).undo
            if inner:
                game.scope(scope).undo.append([None, seq, inner])


def undoable(game: Game, scope: int, only: int | None) -> list[list[Any]]:
    """Handlers to run now, the latest first, each with the activity it undoes, what can be undone
    of that, and what that saw; taken off the list.

    `only`: the node of the one activity to undo, else all that the scope has done. An event
    sub-process undoes what its scope has done, one that undoes its scope what that had.
    """
    while scope and game.marking.open[scope].role:  # a loop or an undoing has no list of its own
        scope = game.marking.open[scope].scope
    if scope and game.node_of(scope).is_reaction:
        scope = game.marking.open[scope].scope
    within = game.scope(scope)
    handler = game.structure.undoing.get(only) if only is not None else None
    chosen = [one for one in within.undo if only is None or _is_of(one, only, handler)]
    within.undo = [one for one in within.undo if one not in chosen]
    return _flattened(game, chosen)


def _is_of(entry: list[Any], node: int, handler: int | None) -> bool:
    """Whether it says how to undo a node; markings of earlier releases only name the handler."""
    return bool(entry[3] == node if len(entry) > 3 else entry[0] == handler)


def _flattened(game: Game, entries: list[list[Any]]) -> list[list[Any]]:
    found: list[list[Any]] = []
    for handler, seq, inner, *rest in reversed(entries):
        if handler is None:
            found += _flattened(game, inner)
            continue
        kept = inner if game.graph.nodes[handler].is_event_scope else []
        found.append([handler, seq, kept, rest[1] if rest else {}])
    return found


def _remove(
    game: Game, seq: int, reason: str, inside: dict[int, list[int]], gone: set[int]
) -> None:
    gone.add(seq)
    for child in inside[seq]:
        _remove(game, child, reason, inside, gone)
    close(game, seq, is_done=False)
    game.moves.append(Cancelled(seq, reason))
