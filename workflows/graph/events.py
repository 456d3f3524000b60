"""Events: what is waited for on behalf of an activity or scope, and who catches what is thrown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workflows.errors import InvalidExpression

from . import due, expressions
from .game import Game
from .marking import BODY, ROOT, UNDOING, Handler
from .moves import Armed, Disarmed
from .shape import CATCH, EVENT_GATEWAY, MULTIPLE, SCOPE

WAITED_FOR = frozenset({"timer", "message", "signal", "conditional"})
MAX_KEY = 255  # characters
NEVER = due.Due("")


@dataclass(frozen=True, slots=True)
class Plan:
    """An event to wait for, worked out before anything changes: expressions may fail."""

    node: int
    kind: str
    name: str = ""
    key: str = ""
    when: due.Due = NEVER
    part: int | None = None


def plans_around(game: Game, node: int, scope: int) -> list[Plan]:
    """The boundary events on an activity that is about to open; raises InvalidExpression."""
    return _plans(game, game.structure.boundaries.get(node, ()), game.seen(scope))


def plans_within(game: Game, node: int | None, seen: Mapping[str, Any]) -> list[Plan]:
    """What the activity itself waits for: its own event, those behind an event gateway, or those
    that start the event sub-processes in a scope (None: the process). Raises InvalidExpression.
    """
    kind = SCOPE if node is None else game.graph.nodes[node].kind
    if node is not None and kind == CATCH:
        return _plans(game, (node,), seen)
    if node is not None and kind == EVENT_GATEWAY:
        return _plans(game, game.structure.after(node), seen)
    if kind == SCOPE:
        return _plans(game, game.structure.event_scopes.get(node, ()), seen)
    return []


def arm(game: Game, host: int, plans: Iterable[Plan]) -> None:
    """Wait for the planned events on behalf of `host`."""
    for plan in plans:
        number = game.marking.number()
        repeat = plan.when.repeat or None
        game.marking.armed[number] = Handler(host, plan.node, plan.kind, repeat, plan.part)
        game.moves.append(
            Armed(number, host, plan.node, plan.kind, plan.name, plan.key, plan.when.when)
        )


def disarm(game: Game, host: int) -> None:
    """Wait for nothing any more on behalf of `host`."""
    if not game.marking.armed:
        return
    for number in [n for n, one in game.marking.armed.items() if one.host == host]:
        del game.marking.armed[number]
        game.moves.append(Disarmed(number))


def disarm_reactions(game: Game, scope: int) -> None:
    """No event sub-process starts in a scope any more; the events on its edge stay."""
    for number, one in list(game.marking.armed.items()):
        if one.host == scope and game.graph.nodes[one.node].is_event_scope:
            del game.marking.armed[number]
            game.moves.append(Disarmed(number))


def repeat(game: Game, number: int, handler: Handler) -> None:
    """Wait for the next time of a timer that has just fired, or for nothing any more."""
    if not _fires_again(game, handler):
        del game.marking.armed[number]
        game.moves.append(Disarmed(number))
        return
    if handler.kind != "timer":
        return
    left = handler.repeat or 0
    again = left if left == due.FOREVER else left - 1
    game.marking.armed[number] = replace(handler, repeat=again or None)
    when = due.due(described(game, handler), game.seen(handler.host)).when
    game.moves.append(Armed(number, handler.host, handler.node, handler.kind, due=when))


def described(game: Game, handler: Handler) -> Mapping[str, Any]:
    """What the graph says of the event that is waited for."""
    return game.graph.nodes[handler.node].parts[handler.part or 0]


def gathered(
    game: Game, number: int, handler: Handler, payload: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """What came with all events that have to happen together; None while some have not.

    Parallel multiple events, BPMN 2.0, 10.5.5. The later of two like-named values stays.
    """
    heard = {**handler.heard, **payload}
    others = {
        other: one
        for other, one in game.marking.armed.items()
        if other != number and (one.host, one.node) == (handler.host, handler.node)
    }
    if not others:
        return heard
    del game.marking.armed[number]
    game.moves.append(Disarmed(number))
    for other, one in others.items():
        game.marking.armed[other] = replace(one, heard=heard)
    scope = handler.host and game.marking.open[handler.host].scope
    game.passed(handler.node, scope, heard=handler.part, missing=len(others))
    return None


def _fires_again(game: Game, handler: Handler) -> bool:
    event = game.graph.nodes[handler.node].event
    if event.get("interrupting", True) or event.get("parallel"):
        return False
    return handler.kind in ("message", "signal") or bool(handler.repeat)


def catcher(
    game: Game, kind: str, code: str, scope: int, activity: int | None = None
) -> tuple[int, int] | None:
    """Who catches an error or escalation: (host, event node), the nearest; None if nobody does.

    It is looked for at the activity that failed, then scope by scope outwards; at each, one for
    this code before one for all codes. A host that is a scope reacts by an event sub-process.
    """
    if activity is not None:
        around = game.structure.boundaries.get(game.marking.open[activity].node)
        node = _match(game, around, kind, code)
        if node is not None and not _is_instance(game, activity):
            return activity, node
    for host, events in _outwards(game, scope, activity):
        node = _match(game, events, kind, code)
        if node is not None:
            return host, node
    return None


def _outwards(
    game: Game, scope: int, activity: int | None
) -> Iterator[tuple[int, Iterable[int] | None]]:
    structure, opened = game.structure, game.marking.open
    inner = activity
    while True:
        within = opened[scope] if scope != ROOT else None
        if within is None or within.role not in (BODY, UNDOING):
            beside = structure.event_scopes.get(within.node if within else None, ())
            yield scope, _others(game, beside, inner)
        if within is None:
            return
        if not _is_instance(game, scope):
            yield scope, structure.boundaries.get(within.node)
        inner, scope = scope, within.scope


def _others(game: Game, beside: tuple[int, ...], inner: int | None) -> tuple[int, ...]:
    """The event sub-processes of a scope that can catch what comes out of an activity in it: none
    catches what it throws itself, and beside one that has interrupted the scope none starts.
    """
    if inner is None or not game.node_of(inner).is_event_scope:
        return beside
    if game.node_of(inner).event.get("interrupting", True):
        return ()
    return tuple(place for place in beside if place != game.marking.open[inner].node)


def _is_instance(game: Game, seq: int) -> bool:
    """Whether it is one round of a loop: the boundary events are on the loop."""
    scope = game.marking.open[seq].scope
    return scope != ROOT and game.marking.open[scope].role == BODY


def _match(game: Game, events: Iterable[int] | None, kind: str, code: str) -> int | None:
    fallback = None
    for node in events or ():
        for event in game.graph.nodes[node].parts:
            if event.get("type") != kind:
                continue
            if event.get("code") == code:
                return node
            if not event.get("code"):
                fallback = node
    return fallback


def _plans(game: Game, nodes: Iterable[int], seen: Mapping[str, Any]) -> list[Plan]:
    found = []
    for place in nodes:
        node = game.graph.nodes[place]
        is_one = node.event.get("type") != MULTIPLE
        for part, event in enumerate(node.parts):
            if event.get("type") in WAITED_FOR:
                found.append(_plan(place, event, seen, None if is_one else part))
    return found


def _plan(place: int, event: Mapping[str, Any], seen: Mapping[str, Any], part: int | None) -> Plan:
    kind, name = str(event["type"]), str(event.get("name", ""))
    match kind:
        case "timer":
            return Plan(place, kind, when=due.due(event, seen), part=part)
        case "message":
            return Plan(place, kind, name, correlation(event, seen), part=part)
    return Plan(place, kind, name, part=part)


def correlation(event: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
    """The key by which a message finds who waits for it, as text; raises InvalidExpression."""
    source = event.get("key")
    if not source:
        return ""
    value = expressions.value(str(source), seen, {})
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidExpression(f"“{source}” gives {value!r}; text or a whole number was expected.")
    text = str(value)
    if len(text) > MAX_KEY:
        raise InvalidExpression(f"“{source}” gives more than {MAX_KEY} characters.")
    return text
