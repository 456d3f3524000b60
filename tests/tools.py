"""Tools that tests register: quick ones for the engine's own tests."""

from __future__ import annotations

from typing import Any

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool


@tool("tests.echo", inline=True)
def echo(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Gives back its input's `output`, or says which attempt it is."""
    return dict(input.get("output", {"attempt": call.attempt}))


@tool("tests.fail", inline=True)
def fail(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Fails until attempt `succeeds_at`, for good when `permanent`."""
    if call.attempt >= input.get("succeeds_at", 1_000):
        return {"attempt": call.attempt}
    raise ToolFailure("It broke.", retryable=not input.get("permanent"), kind="broken")


@tool("tests.echo_on_a_thread")
def echo_on_a_thread(input: dict[str, Any], call: Call) -> dict[str, Any]:
    return echo(input, call)
