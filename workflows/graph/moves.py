"""What the token game asks for, in order: the engine writes it, an activity by its number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """A new task, in a scope (0: the process). `input` is set where it sees more than the run."""

    seq: int
    node: int
    scope: int
    iteration: int
    role: str = ""
    index: int | None = None
    input: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """An activity is done, its token gone on `flows`. One that was reported is not named again."""

    seq: int
    output: Mapping[str, Any]
    assigned: Mapping[str, Any] = field(default_factory=dict)
    flows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An activity is taken away, by what `reason` says."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A token cannot move on: an incident, which waits for somebody to mend and retry it."""

    seq: int
    error: str
    kind: str


@dataclass(frozen=True, slots=True)
class Caught:
    """The error of an activity goes on at the event `node` (on the host `host`)."""

    seq: int
    code: str
    node: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A token has passed a gateway or event; `flows` it left on."""

    node: int
    scope: int
    flows: tuple[int, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Armed:
    """Wait for an event on behalf of `host` (0: the process). `key` is what messages correlate by.

    Timers: `due` is seconds from now, or a moment in ISO 8601.
    """

    handler: int
    host: int
    node: int
    kind: str
    name: str = ""
    key: str = ""
    due: float | str = ""


@dataclass(frozen=True, slots=True)
class Disarmed:
    handler: int


@dataclass(frozen=True, slots=True)
class Thrown:
    """A message or signal for whoever waits for it, in any execution. `ttl` in seconds."""

    node: int
    kind: str
    name: str
    key: str
    payload: Mapping[str, Any]
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Escalated:
    """An escalation that nobody in the process catches: whoever has called it may."""

    node: int
    code: str


@dataclass(frozen=True, slots=True)
class Called:
    """Start a workflow on behalf of the activity: a version of it by number, or the published."""

    seq: int
    key: str
    input: Mapping[str, Any]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing is left in the process."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Tokens wait at these nodes for others that cannot come any more."""

    nodes: tuple[int, ...]


Move = (
    Opened
    | Completed
    | Cancelled
    | Failed
    | Caught
    | Passed
    | Armed
    | Disarmed
    | Thrown
    | Escalated
    | Called
    | Ended
    | Stuck
)
