"""Agents of kind `python`: a registered function of this project, run in the worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from agents import tools
from agents.executors.cleaning import cleaned, cleaned_text, of_tool
from agents.executors.contract import Call, Done, Failed, InDoubt, Outcome

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
        return _crashed(tool, crash)
    return _checked(tool, result)


def is_repeatable(config: Mapping[str, Any]) -> bool:
    """Whether the tool may be run twice; one that is not there does nothing, however often."""
    try:
        return tools.get(str(config.get("tool", ""))).idempotent
    except tools.UnknownTool:
        return True


def _failed(failure: tools.ToolFailure) -> Failed:
    return Failed(
        cleaned_text(str(failure)),
        kind=failure.kind,
        retryable=failure.retryable,
        details=cleaned(failure.details),
        is_answer=not failure.retryable,
    )


def _crashed(tool: tools.Tool, crash: BaseException) -> Outcome:
    message = cleaned_text(f"{type(crash).__name__}: {crash}")
    if not tool.idempotent:
        return InDoubt(f"The tool broke off, perhaps after it had done its work. {message}")
    return Failed(message, kind=type(crash).__name__)


def _checked(tool: tools.Tool, result: Any) -> Outcome:
    if not isinstance(result, dict):
        return _not_json(tool, f"a result of type {type(result).__name__}, not a JSON object")
    try:
        return Done(of_tool(result))
    except (TypeError, ValueError, RecursionError) as problem:
        return _not_json(tool, f"what JSON cannot hold: {problem}")


def _not_json(tool: tools.Tool, found: str) -> Outcome:
    message = cleaned_text(f"The tool {tool.name} returned {found}.")
    if not tool.idempotent:
        return InDoubt(f"The work may be done, but its result cannot be used. {message}")
    return Failed(message, kind="invalid_output", retryable=False)
