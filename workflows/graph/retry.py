from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MAX_ATTEMPTS = 1000
LOST = "lost"
IN_DOUBT = "in_doubt"
TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is tried again. Times in seconds; `jitter` is a share of the delay.

    `by_kind` holds, by kind of error, the policy's fields that differ for it.
    """

    max_retries: int = 3
    initial_delay: float = 1.0
    backoff_multiplier: float = 2.0
    max_delay: float = 300.0
    jitter: float = 0.1
    retry_on: tuple[str, ...] = ()
    by_kind: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, workflow: Mapping[str, Any], task_max_retries: int | None) -> RetryPolicy:
        """The workflow's policy; the task's own number of retries wins over the workflow's.

        Where a kind of error has a number of its own too, the smaller of the two holds: neither a
        task nor a kind of error is tried more often than it says itself.
        """
        known = {name: workflow[name] for name in cls.__slots__ if workflow.get(name) is not None}
        by_kind = {kind: _given(entry) for kind, entry in known.get("by_kind", {}).items()}
        if task_max_retries is not None:
            known["max_retries"] = task_max_retries
            by_kind = {kind: _at_most(task_max_retries, own) for kind, own in by_kind.items()}
        return cls(
            **{**known, "retry_on": tuple(known.get("retry_on", ())), "by_kind": by_kind},
        )

    @property
    def max_attempts(self) -> int:
        """The most attempts that there can be, whatever kinds of errors end them."""
        retries = [self.max_retries, *(self.on(kind).max_retries for kind in self.by_kind)]
        return min(max(retries) + 1, MAX_ATTEMPTS)

    def on(self, error_kind: str) -> RetryPolicy:
        """The policy as it is for errors of this kind."""
        return replace(self, by_kind={}, **self.by_kind.get(error_kind, {}))

    def limit(self, error_kind: str, max_attempts: int) -> int:
        """After which attempt an error of this kind is final, for a task allowed `max_attempts`.

        Attempts count whatever ended them. A task may be allowed more than the policy's number:
        an operator's retry adds to what was used up before.
        """
        return max_attempts - self.max_attempts + self.on(error_kind).max_attempts

    def retries(self, error_kind: str) -> bool:
        """Whether errors of this kind are retried at all; an empty `retry_on` means every kind.

        A kind that `by_kind` names is retried as it says. Work whose worker was lost is no error
        of the work: it is always retried.
        """
        is_named = error_kind in self.retry_on or error_kind in self.by_kind
        return not self.retry_on or error_kind == LOST or is_named

    def delay(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1), without jitter."""
        growth = self.backoff_multiplier ** min(attempt - 1, 64)
        return min(self.initial_delay * growth, self.max_delay)

    def jittered(self, attempt: int, chance: random.Random) -> float:
        """`delay`, spread by ± jitter so that many failures do not come back at once."""
        return self.delay(attempt) * (1 + self.jitter * chance.uniform(-1, 1))


def problems(policy: Mapping[str, Any]) -> list[str]:
    """What is wrong with a policy as somebody wrote it, a sentence each."""
    found = [
        f"“{name}” is not a setting of a retry policy; there are {', '.join(_NAMES)}."
        for name in sorted(set(policy) - set(_NAMES))
    ]
    found += _out_of_bounds(policy, "")
    retry_on = policy.get("retry_on")
    if retry_on is not None and not _is_list_of_text(retry_on):
        found.append("“retry_on” must be a list of error kinds.")
    return [*found, *_of_kinds(policy.get("by_kind"))]


_LIMITS: dict[str, tuple[float, float]] = {
    "max_retries": (0, 100),
    "initial_delay": (0, 86_400),
    "backoff_multiplier": (1, 100),
    "max_delay": (0, 604_800),
    "jitter": (0, 1),
}
_WHOLE = frozenset({"max_retries"})
_NAMES = (*_LIMITS, "retry_on", "by_kind")


def _of_kinds(by_kind: Any) -> Iterator[str]:
    if by_kind is None:
        return
    if not isinstance(by_kind, Mapping):
        yield f"“by_kind” is {by_kind!r}; an object of error kinds was expected."
        return
    for kind, entry in by_kind.items():
        where = f"by_kind.{kind}"
        if kind == IN_DOUBT:
            yield f"“{where}”: work in doubt is never repeated without a person's word."
        elif not isinstance(entry, Mapping):
            yield f"“{where}” is {entry!r}; an object such as {{“max_retries”: 5}} was expected."
        else:
            for name in sorted(set(entry) - set(_LIMITS)):
                yield f"“{where}.{name}” is not one of {', '.join(_LIMITS)}."
            yield from _out_of_bounds(entry, f"{where}.")


def _out_of_bounds(policy: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, (low, high) in _LIMITS.items():
        given = policy.get(name)
        if given is not None and not _is_between(given, low, high, name in _WHOLE):
            what = "a whole number" if name in _WHOLE else "a number"
            yield f"“{prefix}{name}” is {given!r}; {what} from {low} to {high} was expected."


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _at_most(retries: int, entry: dict[str, Any]) -> dict[str, Any]:
    if "max_retries" not in entry:
        return entry
    return {**entry, "max_retries": min(retries, entry["max_retries"])}


def _is_between(given: Any, low: float, high: float, is_whole: bool) -> bool:
    is_number = isinstance(given, int if is_whole else int | float) and not isinstance(given, bool)
    return is_number and low <= given <= high


def _is_list_of_text(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(item, str) for item in given)
