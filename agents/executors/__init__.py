"""How agents of each kind work. Executors know neither the models nor the engine."""

from __future__ import annotations

import logging

from agents.executors import http_api, python_tool
from agents.executors.cleaning import cleaned_text
from agents.executors.contract import Call, Done, Executor, Failed, InDoubt, Outcome

__all__ = ["EXECUTORS", "Call", "Done", "Executor", "Failed", "InDoubt", "Outcome", "run"]

EXECUTORS: dict[str, Executor] = {"python": python_tool.run, "http": http_api.run}

logger = logging.getLogger(__name__)


def run(kind: str, call: Call) -> Outcome:
    """Carry out one attempt by an agent of this kind. Never raises: a crash is a Failed."""
    executor = EXECUTORS.get(kind)
    if executor is None:
        message = f"No executor carries out the work of agents of kind “{kind}”."
        return Failed(message, kind="configuration", retryable=False)
    try:
        return executor(call)
    except Exception as crash:
        logger.exception("The %s executor crashed on task %s", kind, call.task_id)
        return Failed(cleaned_text(f"{type(crash).__name__}: {crash}"), kind="crash")
