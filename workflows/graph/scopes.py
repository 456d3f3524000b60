"""Scopes: what is taken away with one, and what of it can be undone."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from . import events
from .game import Game
from .marking import Activity
from .moves import Cancelled


def close(game: Game, seq: int, *, is_done: bool) -> Activity:
    """Take an activity out of the marking, and its handlers; what is done can be undone later."""
    activity = game.marking.open.pop(seq)
    events.disarm(game, seq)
    within = game.marking.scopes.pop(seq, None)
    if is_done:
        handler = game.structure.undoing.get(activity.node)
        inner = within.undo if within else []
        if handler is not None or inner:
            game.scope(activity.scope).undo.append([handler, seq, inner])
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


def undoable(game: Game, scope: int, only: int | None) -> list[list[int]]:
    """Handlers to run now, each with the activity it undoes, the latest first; taken off the list.

    `only`: the node of the one activity to undo, else all that the scope has done.
    """
    while scope and game.marking.open[scope].role:  # a loop or an undoing has no list of its own
        scope = game.marking.open[scope].scope
    if scope and game.node_of(scope).is_event_scope:
        scope = game.marking.open[scope].scope
    within = game.scope(scope)
    handler = game.structure.undoing.get(only) if only is not None else None
    chosen = [one for one in within.undo if only is None or one[0] == handler]
    within.undo = [one for one in within.undo if one not in chosen]
    return _flattened(chosen)


def _flattened(entries: list[list[Any]]) -> list[list[int]]:
    found: list[list[int]] = []
    for handler, seq, inner in reversed(entries):
        found += [[handler, seq]] if handler is not None else _flattened(inner)
    return found


def _remove(
    game: Game, seq: int, reason: str, inside: dict[int, list[int]], gone: set[int]
) -> None:
    gone.add(seq)
    for child in inside[seq]:
        _remove(game, child, reason, inside, gone)
    close(game, seq, is_done=False)
    game.moves.append(Cancelled(seq, reason))
