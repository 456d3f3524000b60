"""What every executor gets and gives: a Call in, an Outcome out, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one task.

    `idempotency_key` is the same over all attempts of the same visit of a task;
    `attempt` counts from 1; `timeout_seconds` is wall-clock time, None means the executor's own.
    """

    execution_id: int
    task_id: int
    task_key: str
    attempt: int
    idempotency_key: str
    input: dict[str, Any]
    config: dict[str, Any]
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The work is done; `output` is a JSON object of at most 256 KiB."""

    output: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt gave no result; where `retryable`, doing it again is safe and may help.

    `kind` is what a retry policy's `retry_on` names: `http_503`, `timeout`, `connection`, …
    `details` may hold `retry_after_seconds`, the earliest moment that the other side accepts.
    `is_answer`: who was asked works, and has said no to this very request.
    """

    message: str
    kind: str = "error"
    retryable: bool = True
    details: dict[str, Any] = field(default_factory=dict)
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The work may or may not be done, and repeating it is not safe: a person must look."""

    message: str


Outcome = Done | Failed | InDoubt


class Executor(Protocol):
    """Carries out one attempt outside any transaction."""

    def __call__(self, call: Call) -> Outcome: ...
