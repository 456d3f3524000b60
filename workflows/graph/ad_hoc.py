"""Ad-hoc sub-processes: what they offer, and when they are done (BPMN 2.0, 10.2.5).

One opens without a token. Its nodes that no flow leads to are offered: somebody chooses among them,
as often as wanted, until the completion condition holds or somebody says that it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import expressions, scopes
from .game import Game
from .marking import BODY, ROOT, Activity
from .shape import ACTIVITIES, PASS

IN_TURN = "sequential"


def is_offering(game: Game, seq: int) -> bool:
    """Whether the activity is an ad-hoc sub-process that waits for somebody to choose."""
    if seq == ROOT or game.marking.open[seq].role == BODY or not game.node_of(seq).is_ad_hoc:
        return False
    within = game.marking.scopes.get(seq)
    return within is None or not within.closing


def offered(game: Game, seq: int) -> tuple[int, ...]:
    """The nodes that may be chosen now in an open ad-hoc sub-process."""
    if not is_offering(game, seq):
        return ()
    node = game.node_of(seq)
    within = game.marking.scopes.get(seq)
    is_busy = within is not None and within.live > within.reacting
    if is_busy and node.scope.get("ordering") == IN_TURN:
        return ()
    return game.structure.beginnings.get(game.marking.open[seq].node, ())


def is_enough(game: Game, done: Activity, assigned: Mapping[str, Any]) -> bool:
    """Whether the completion condition around an activity that is done holds by now.

    `assigned` is what the activity sets. Raises InvalidExpression.
    """
    seq = done.scope
    if seq == ROOT or game.graph.nodes[done.node].kind not in ACTIVITIES | {PASS}:
        return False
    if not is_offering(game, seq):
        return False
    source = game.node_of(seq).scope.get("completion")
    if not source:
        return False
    return expressions.holds(str(source), {**game.seen(seq), **assigned}, {})


def closes(game: Game, seq: int) -> bool:
    """Offer nothing more; whether nothing is left in it, or all that was has been taken away."""
    within = game.scope(seq)
    within.closing = True
    if game.node_of(seq).scope.get("cancel_remaining", True):
        scopes.clear(game, seq, "ad_hoc_complete")
    return not within.live
