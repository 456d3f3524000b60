"""What may come of lent work, and what the database is told of an attempt that failed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import graphs, transitions
from .claiming import Work

CHANCE = random.Random()
TICK_SECONDS = 1.0  # idle sessions look by themselves this often


@dataclass(frozen=True, slots=True)
class Completed:
    """The step is done; `by` is set when a person and not its agent completed it.

    `told` is data for the audit.
    """

    output: Mapping[str, Any]
    by: str | None = None
    reason: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """The attempt failed. `retry_after` (seconds) is the least delay its cause asked for.

    `answered` is what it says of the agent, for its breaker: False when the agent failed, True when
    it works and has said that this cannot be done, None when it says nothing of the agent.
    """

    error: str
    kind: str = "error"
    is_retryable: bool = True
    retry_after: float = 0.0
    by: str | None = None
    answered: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitsForPeople:
    """The step holds no worker any more: an approval decides how it goes on.

    When it is due, and when it is to be looked at again: seconds from now, or moments in ISO 8601.
    """

    due: float | str | None = None
    follow_up: float | str | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """Handed back unstarted; counts as no attempt."""


Result = Completed | Broken | WaitsForPeople | Released


def outcome(work: Work, result: Result) -> dict[str, Any]:
    """What is the same for every outcome of an attempt; `to` says which it is, if that is known."""
    base: dict[str, Any] = {"id": work.task_id, "fence": work.fence, "assigned": {}}
    match result:
        case WaitsForPeople():
            return base | {"to": "paused", "input": work.input}
        case Released():
            return base | {"to": "released"}
    return base | {"input": work.input}


def is_tried_again(work: Work, result: Broken) -> bool:
    """Whether the policy gives the task another attempt."""
    policy = graphs.retry_policy(work.version_id, work.position)
    may_again = result.is_retryable and policy.retries(result.kind)
    return may_again and work.attempt < policy.limit(result.kind, work.max_attempts)


def failed(work: Work, result: Broken, *, again: bool, **data: Any) -> dict[str, Any]:
    """The attempt failed: for good, or to be tried again after a delay."""
    policy = graphs.retry_policy(work.version_id, work.position)
    delay = None
    if again:
        jittered = policy.on(result.kind).jittered(work.attempt, CHANCE)
        delay = max(jittered, result.retry_after)
    if result.details:
        data["details"] = dict(result.details)
    return {
        "to": "retry" if again else "failed",
        "error": result.error,
        "error_kind": result.kind,
        "delay": delay,
        "actor": result.by,
        "data": transitions.signed(data) or None,
        "answered": result.answered,
    }


def is_due_soon(outcome: Mapping[str, Any]) -> bool:
    """Whether it sets a timer that comes due before idle sessions look at the timers again."""
    return outcome["to"] == "retry" and outcome["delay"] < TICK_SECONDS
