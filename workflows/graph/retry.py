from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ATTEMPTS = 1000
LOST = "lost"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is tried again. Times in seconds; `jitter` is a share of the delay."""

    max_retries: int = 3
    initial_delay: float = 1.0
    backoff_multiplier: float = 2.0
    max_delay: float = 300.0
    jitter: float = 0.1
    retry_on: tuple[str, ...] = ()

    @classmethod
    def of(cls, workflow: Mapping[str, Any], task_max_retries: int | None) -> RetryPolicy:
        """The workflow's policy; the task's own number of retries wins over the workflow's."""
        known = {name: workflow[name] for name in cls.__slots__ if workflow.get(name) is not None}
        if task_max_retries is not None:
            known["max_retries"] = task_max_retries
        if "retry_on" in known:
            known["retry_on"] = tuple(known["retry_on"])
        return cls(**known)

    @property
    def max_attempts(self) -> int:
        return min(self.max_retries + 1, MAX_ATTEMPTS)

    def retries(self, error_kind: str) -> bool:
        """Whether errors of this kind are retried at all; an empty `retry_on` means every kind.

        Work whose worker was lost is no error of the work: it is always retried.
        """
        return not self.retry_on or error_kind == LOST or error_kind in self.retry_on

    def delay(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1), without jitter."""
        growth = self.backoff_multiplier ** min(attempt - 1, 64)
        return min(self.initial_delay * growth, self.max_delay)

    def jittered(self, attempt: int, chance: random.Random) -> float:
        """`delay`, spread by ± jitter so that many failures do not come back at once."""
        return self.delay(attempt) * (1 + self.jitter * chance.uniform(-1, 1))


def problems(policy: Mapping[str, Any]) -> list[str]:
    """What is wrong with a policy as somebody wrote it, a sentence each."""
    found = [f"“{name}” is not a setting of a retry policy." for name in _unknown(policy)]
    for name, (low, high) in _LIMITS.items():
        given = policy.get(name)
        if given is not None and not _is_between(given, low, high):
            found.append(f"“{name}” is {given!r}; a number from {low} to {high} was expected.")
    retry_on = policy.get("retry_on")
    if retry_on is not None and not _is_list_of_text(retry_on):
        found.append("“retry_on” must be a list of error kinds.")
    return found


_LIMITS: dict[str, tuple[float, float]] = {
    "max_retries": (0, 100),
    "initial_delay": (0, 86_400),
    "backoff_multiplier": (1, 100),
    "max_delay": (0, 604_800),
    "jitter": (0, 1),
}


def _unknown(policy: Mapping[str, Any]) -> list[str]:
    return sorted(set(policy) - set(_LIMITS) - {"retry_on"})


def _is_between(given: Any, low: float, high: float) -> bool:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return is_number and low <= given <= high


def _is_list_of_text(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(item, str) for item in given)
