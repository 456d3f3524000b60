"""How agents of each kind work. Executors know neither the models nor the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from agents.executors import http_api, python_tool
from agents.executors.cleaning import cleaned_text
from agents.executors.contract import Call, Done, Executor, Failed, InDoubt, Outcome

__all__ = [
    "EXECUTORS",
    "Call",
    "Done",
    "Executor",
    "Failed",
    "InDoubt",
    "Outcome",
    "is_repeatable",
    "run",
]

EXECUTORS: dict[str, Executor] = {"python": python_tool.run, "http": http_api.run}
REPEATABLE: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "python": python_tool.is_repeatable,
    "http": http_api.is_repeatable,
}

logger = logging.getLogger(__name__)


def run(kind: str, call: Call) -> Outcome:
    """Carry out one attempt by an agent of this kind.

    Never raises: a crash is Failed, or InDoubt where the work must not be repeated.
    """
    executor = EXECUTORS.get(kind)
    if executor is None:
        message = f"No executor carries out the work of agents of kind “{kind}”."
        return Failed(message, kind="configuration", retryable=False)
    try:
        return executor(call)
    except Exception as crash:
        logger.exception("The %s executor crashed on task %s", kind, call.task_id)
        message = cleaned_text(f"{type(crash).__name__}: {crash}")
        return Failed(message, "crash") if is_repeatable(kind, call.config) else InDoubt(message)


def is_repeatable(kind: str, config: Mapping[str, Any]) -> bool:
    """Whether an agent so configured may do the same work twice, given its idempotency key."""
    judge = REPEATABLE.get(kind)
    return judge is None or judge(config)
