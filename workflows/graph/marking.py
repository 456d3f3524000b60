"""Where the tokens of one run are: complete, small, and plain data when it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

ROOT = 0  # the number of the scope that is the whole process
STEP, BODY, UNDOING, INCIDENT = "", "body", "undoing", "incident"


@dataclass(frozen=True, slots=True)
class Activity:
    """One open task: its node and scope. `role` says what is special about it.

    "body" holds the instances of a loop, "undoing" runs compensation handlers, an "incident" is a
    token that could not move on: when somebody retries it, it arrives at its node once more.
    """

    node: int
    scope: int
    role: str = STEP
    index: int | None = None
    locals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Loop:
    """The instances of a loop: how many are wanted (None: as long as it holds), begun and done."""

    total: int | None
    begun: int = 0
    done: int = 0
    items: list[Any] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """What lives in a scope. `live` counts its activities and its tokens, parked or on their way.

    `reacting` are those of its activities that are event sub-processes; `undo` lists what can be
    compensated, oldest first: handler (null: none of its own), activity, the list of what was done
    in that, its node, and what it saw beside the variables. An ad-hoc
    sub-process that is `closing` offers nothing more and ends with what still runs in it.
    """

    live: int = 0
    reacting: int = 0
    loop: Loop | None = None
    undo: list[list[Any]] = field(default_factory=list)
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Handler:
    """An event that is waited for: on whose behalf, and which node it leads to.

    `part` is its place in a multiple event; `heard` is what came with those that have to happen
    beside it and already have.
    """

    host: int
    node: int
    kind: str
    repeat: int | None = None
    part: int | None = None
    heard: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Marking:
    """All of it. `priority` holds for all tasks of a run that was started with one.

    `taken` counts the tokens that have gone on each flow so far.
    """

    next: int = 1
    open: dict[int, Activity] = field(default_factory=dict)
    scopes: dict[int, Scope] = field(default_factory=dict)
    parked: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)
    armed: dict[int, Handler] = field(default_factory=dict)
    visits: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    ended: bool = False
    priority: int | None = None

    def number(self) -> int:
        """The next number of an activity or handler."""
        self.next += 1
        return self.next - 1

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` turns back into an equal marking; what is empty is absent."""
        data = {
            "next": self.next,
            "open": [_packed(seq, one) for seq, one in self.open.items()],
            "scopes": [_packed_scope(seq, one) for seq, one in self.scopes.items()],
            "parked": [
                [scope, node, [[flow, count] for flow, count in flows.items()]]
                for (scope, node), flows in self.parked.items()
            ],
            "armed": [_packed_handler(number, one) for number, one in self.armed.items()],
            "visits": [[node, count] for node, count in self.visits.items()],
            "taken": [[flow, count] for flow, count in self.taken.items()],
            "ended": self.ended,
            "priority": self.priority,
        }
        return {key: value for key, value in data.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Marking:
        """The marking that `to_json` wrote."""
        return cls(
            next=data["next"],
            open={seq: Activity(*rest) for seq, *rest in data.get("open", ())},
            scopes={seq: _unpacked_scope(rest) for seq, *rest in data.get("scopes", ())},
            parked={(scope, node): dict(flows) for scope, node, flows in data.get("parked", ())},
            armed={number: Handler(*rest) for number, *rest in data.get("armed", ())},
            visits=dict(data.get("visits", ())),
            taken=dict(data.get("taken", ())),
            ended=data.get("ended", False),
            priority=data.get("priority"),
        )


def _packed(seq: int, one: Activity) -> list[Any]:
    rest = [one.role, one.index, dict(one.locals)]
    while rest and not rest[-1] and rest[-1] != 0:
        rest.pop()
    return [seq, one.node, one.scope, *rest]


def _packed_handler(number: int, one: Handler) -> list[Any]:
    row = [number, one.host, one.node, one.kind, one.repeat]
    return row if one.part is None else [*row, one.part, dict(one.heard)]


def _packed_scope(seq: int, one: Scope) -> list[Any]:
    loop = list(astuple(one.loop)) if one.loop else None
    row = [seq, one.live, one.reacting, loop, one.undo]
    return [*row, True] if one.closing else row


def _unpacked_scope(rest: list[Any]) -> Scope:
    live, reacting, loop, undo, *closing = rest
    return Scope(live, reacting, Loop(*loop) if loop else None, undo, bool(closing))
