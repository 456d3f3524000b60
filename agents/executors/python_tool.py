"""Agents of kind `python`: a registered function of this project, run in the worker."""

from __future__ import annotations

import json
import logging
from typing import Any

from agents import tools
from agents.executors.cleaning import cleaned, cleaned_text, encoded
from agents.executors.contract import Call, Done, Failed, Outcome

logger = logging.getLogger(__name__)


def run(call: Call) -> Outcome:
    """Run the tool that the agent's configuration names."""
    try:
        tool = tools.get(str(call.config.get("tool", "")))
    except tools.UnknownTool as unknown:
        return Failed(str(unknown), kind="configuration", retryable=False)
    try:
        result = tool.function(call.input, call)
    except tools.ToolFailure as failure:
        return _failed(failure)
    except (Exception, SystemExit) as crash:
        logger.exception("The tool %s crashed on task %s", tool.name, call.task_id)
        return Failed(cleaned_text(f"{type(crash).__name__}: {crash}"), kind=type(crash).__name__)
    return _checked(tool.name, result)


def _failed(failure: tools.ToolFailure) -> Failed:
    return Failed(
        cleaned_text(str(failure)),
        kind=failure.kind,
        retryable=failure.retryable,
        details=cleaned(failure.details),
    )


def _checked(name: str, result: Any) -> Outcome:
    if not isinstance(result, dict):
        return _not_json(name, f"a result of type {type(result).__name__}, not a JSON object")
    try:
        return Done(cleaned(json.loads(encoded(result))))
    except (TypeError, ValueError, RecursionError) as problem:
        return _not_json(name, f"what JSON cannot hold: {problem}")


def _not_json(name: str, found: str) -> Failed:
    message = cleaned_text(f"The tool {name} returned {found}.")
    return Failed(message, kind="invalid_output", retryable=False)
