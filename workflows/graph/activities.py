"""The life of an activity: a token arrives, it opens, it is done, its token goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.errors import InvalidExpression

from . import ad_hoc, events, expressions, gateways, loops, scopes, throwing
from .game import MAX_PASSES, Game
from .marking import BODY, INCIDENT, ROOT, STEP, UNDOING
from .moves import Called, Completed, Ended, Failed
from .rerunning import Entry
from .shape import CALL, END, GATEWAYS, INCLUSIVE, PASS, START, THROW

PASSED = GATEWAYS | {START}


def begin(game: Game, at: int | None, payload: Mapping[str, Any]) -> None:
    """Put the first tokens of the process on their way; raises InvalidExpression.

    `at`: only that of the start whose event has happened (BPMN 2.0, 13.5.1).
    """
    events.arm(game, ROOT, events.plans_within(game, None, game.variables))
    if at is None:
        _begin_scope(game, ROOT, None)
    else:
        game.scope(ROOT).live += 1
        gateways.split(game, at, ROOT, payload)


def begin_within(game: Game, entry: Entry, came: Sequence[Mapping[int, Sequence[int]]]) -> None:
    """A token at a node, in new scopes, and tokens at joins behind it; raises InvalidExpression."""
    events.arm(game, ROOT, events.plans_within(game, None, game.variables))
    scope = ROOT
    for level, place in enumerate(entry.path):
        gateways.set_down(game, scope, came[level])
        seen = game.seen(scope)
        around, within = (
            events.plans_around(game, place, scope),
            events.plans_within(game, place, seen),
        )
        game.scope(scope).live += 1
        scope = game.open(place, scope)
        events.arm(game, scope, [*around, *within])
    gateways.set_down(game, scope, came[-1])
    game.scope(scope).live += 1
    enter(game, entry.node, scope)


def arrive(game: Game, flow: int, scope: int) -> None:
    """A token has come to the end of a flow: it waits at a join, or enters the node."""
    node = game.graph.flows[flow].target
    is_choice = game.graph.nodes[node].kind == INCLUSIVE
    if is_choice and len(game.structure.entries[node]) > 1:
        gateways.park(game, flow, node, scope)
        return
    if game.structure.is_join(node):
        if not gateways.park(game, flow, node, scope):
            return
        gateways.joined(game, node, scope)
    enter(game, node, scope)


def enter(game: Game, node: int, scope: int) -> None:
    """A token is at a node: it passes, ends, or opens an activity; one that is nothing is done."""
    kind = game.graph.nodes[node].kind
    if game.passes > MAX_PASSES:
        game.fail(node, scope, f"{MAX_PASSES} moves without a wait: a loop does not end.", "loop")
    elif kind in PASSED:
        gateways.split(game, node, scope)
    elif kind in (END, THROW):
        throwing.reach(game, node, scope)
    elif kind == PASS:
        game.passes += 1
        settle(game, game.open(node, scope), {})
    else:
        _open(game, node, scope)


def finish(game: Game, seq: int, output: Mapping[str, Any]) -> None:
    """An activity is done: its token goes on. Raises InvalidExpression: then nothing changed."""
    activity = game.marking.open[seq]
    if activity.role == INCIDENT:
        repeat(game, seq)
        return
    node = game.graph.nodes[activity.node]
    assigned = {} if activity.role == BODY else game.mapped(node, output, seq)
    if activity.role == BODY and node.loop.get("output"):
        loop = game.scope(seq).loop
        assigned = {str(node.loop["output"]): loops.outputs(loop) if loop else []}
    is_instance = _is_instance(game, activity.scope)
    exits = () if is_instance else _exits(game, activity.node)
    seen = {**game.seen(seq), **assigned}
    flows = gateways.chosen(game.graph, activity.node, exits, seen, output)
    is_enough = not is_instance and ad_hoc.is_enough(game, activity, assigned)
    if game.scope(seq).live if seq in game.marking.scopes else 0:
        scopes.clear(game, seq, "skipped")
    scopes.close(game, seq, is_done=True)
    game.assign(assigned)
    game.moves.append(Completed(seq, output, assigned, flows))
    if is_instance:
        _round(game, activity.scope, activity.index or 0, output)
        return
    if activity.role == UNDOING and throwing.is_cancel(game, activity.node):
        throwing.cancelled(game, activity.scope)
        return
    if node.is_reaction:
        game.scope(activity.scope).reacting -= 1
    game.send(flows, activity.scope)
    game.consume(activity.scope)
    if is_enough and ad_hoc.closes(game, activity.scope):
        settle(game, activity.scope, {})


def repeat(game: Game, seq: int) -> None:
    """An activity gives its token back to its node, where it arrives as if for the first time."""
    activity = scopes.close(game, seq, is_done=False)
    game.moves.append(Completed(seq, {}))
    if _is_instance(game, activity.scope):
        _instance(game, activity.scope, activity.index or 0)
    else:
        enter(game, activity.node, activity.scope)


def emptied(game: Game, scope: int) -> None:
    """No token is left in a scope (or only event sub-processes are): it is done, or waits on."""
    within = game.marking.scopes.get(scope)
    if within is None or within.live != within.reacting or game.marking.ended:
        return
    if ad_hoc.is_offering(game, scope):
        return
    if within.reacting:
        events.disarm_reactions(game, scope)
        return
    if scope == ROOT:
        _end(game)
        return
    activity = game.marking.open[scope]
    if activity.role == UNDOING and within.loop and within.loop.items:
        undo_next(game, scope)
    elif activity.role != BODY:
        settle(game, scope, {})


def settle(game: Game, seq: int, output: Mapping[str, Any]) -> None:
    """Finish an activity on the engine's own account; what cannot go on is an incident."""
    try:
        finish(game, seq, output)
    except InvalidExpression as error:
        game.moves.append(Failed(seq, str(error), "expression"))


def settle_choice(game: Game, seq: int, node: int, payload: Mapping[str, Any]) -> None:
    """One of the events behind an event gateway has happened: the others do not count any more."""
    activity = scopes.close(game, seq, is_done=True)
    game.moves.append(Completed(seq, payload))
    gateways.split(game, node, activity.scope, payload)


def react(game: Game, host: int, node: int, payload: Mapping[str, Any]) -> None:
    """Start an event sub-process in the scope `host`; one that interrupts is all that is left."""
    event = game.graph.nodes[node].event
    if event.get("interrupting", True):
        scopes.clear(game, host, "interrupted")
        events.disarm_reactions(game, host)
    within = game.scope(host)
    within.live += 1
    within.reacting += 1
    name = str(event.get("into") or "")
    seq = game.open(node, host, STEP, None, {name: dict(payload)} if name else None)
    _begin_scope(game, seq, node)


def undo_next(game: Game, seq: int) -> None:
    """Run the next compensation handler of an undoing."""
    within = game.scope(seq)
    if within.loop is None:
        return
    handler, _, *rest = within.loop.items.pop(0)
    inner, local = rest or ([], {})
    within.live += 1
    _open(game, handler, seq, local, inner)


def _open(
    game: Game,
    node: int,
    scope: int,
    local: Mapping[str, Any] | None = None,
    undo: Sequence[list[Any]] = (),
) -> None:
    """`local` is what it sees beside the variables, `undo` what can be undone from within it."""
    seen = {**game.seen(scope), **(local or {})}
    try:
        around = events.plans_around(game, node, scope)
        loop = loops.planned(game.graph.nodes[node], seen) if game.graph.nodes[node].loop else None
        within = [] if loop else events.plans_within(game, node, seen)
        given = _called_with(game, node, seen) if not loop else {}
    except InvalidExpression as error:
        game.fail(node, scope, str(error))
        return
    if loop is not None:
        body = game.open(node, scope, BODY, None, local)
        game.scope(body).loop = loop
        events.arm(game, body, around)
        _go_round(game, body)
        return
    seq = game.open(node, scope, STEP, None, local)
    if undo:
        game.scope(seq).undo = list(undo)
    events.arm(game, seq, around)
    _begin(game, seq, within, given)


def _begin(game: Game, seq: int, within: list[events.Plan], given: Mapping[str, Any]) -> None:
    node = game.marking.open[seq].node
    events.arm(game, seq, within)
    match game.graph.nodes[node].kind:
        case "scope":
            _begin_scope(game, seq, node)
        case "call":
            calls = game.graph.nodes[node].calls
            version = calls.get("version")
            game.moves.append(Called(seq, str(calls.get("key")), given, version))


def _begin_scope(game: Game, seq: int, node: int | None) -> None:
    within = game.scope(seq)
    if ad_hoc.is_offering(game, seq):
        return
    beginnings = game.structure.beginnings.get(node, ())
    within.live += len(beginnings)
    if not beginnings:
        game.emptied.append(seq)
    for place in beginnings:
        enter(game, place, seq)


def _called_with(game: Game, node: int, seen: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a called workflow: all variables, or those that its `input` maps."""
    calls = game.graph.nodes[node].calls
    if game.graph.nodes[node].kind != CALL:
        return {}
    if "input" not in calls:
        return dict(seen)
    return {
        name: expressions.assignable(source, seen, {}) for name, source in calls["input"].items()
    }


def _exits(game: Game, node: int) -> tuple[int, ...]:
    return game.structure.exits[node]


def _is_instance(game: Game, scope: int) -> bool:
    return scope != ROOT and game.marking.open[scope].role == BODY


def _round(game: Game, body: int, index: int, output: Mapping[str, Any]) -> None:
    """One instance of a loop is done: begin the next, wait for the others, or go on."""
    within = game.scope(body)
    within.live -= 1
    loop = within.loop
    if loop is None:
        return
    loop.done += 1
    if game.node_of(body).loop.get("output"):
        loop.outputs[str(index)] = dict(output)
    try:
        if loops.is_enough(game, body, loop):
            scopes.clear(game, body, "loop_complete")
            settle(game, body, {})
            return
    except InvalidExpression as error:
        game.moves.append(Failed(body, str(error), "expression"))
        return
    _go_round(game, body)


def _go_round(game: Game, body: int) -> None:
    """Begin what is to begin now; a loop that is over goes on."""
    loop = game.scope(body).loop
    node = game.node_of(body)
    if loop is None:
        return
    try:
        if loops.is_over(game, body, loop):
            settle(game, body, {})
            return
    except InvalidExpression as error:
        game.moves.append(Failed(body, str(error), "expression"))
        return
    is_together = node.loop.get("mode", loops.TOGETHER) == loops.TOGETHER
    if is_together and loop.begun:
        return
    for _ in range(loop.total or 0 if is_together else 1):
        game.scope(body).live += 1
        loop.begun += 1
        _instance(game, body, loop.begun - 1)


def _instance(game: Game, body: int, index: int) -> None:
    within, activity = game.scope(body), game.marking.open[body]
    if within.loop is None:
        return
    local = loops.local(game.graph.nodes[activity.node], within.loop, index)
    seen = {**game.seen(body), **local}
    try:
        plans = events.plans_within(game, activity.node, seen)
        given = _called_with(game, activity.node, seen)
    except InvalidExpression as error:
        game.fail(activity.node, body, str(error), index=index)
        return
    seq = game.open(activity.node, body, STEP, index, local)
    _begin(game, seq, plans, given)


def _end(game: Game) -> None:
    events.disarm(game, ROOT)
    game.marking.ended = True
    game.marking.scopes.clear()
    game.moves.append(Ended())
