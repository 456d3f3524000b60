"""Tools that need nothing: for a step that only passes data on, or only takes time."""

from __future__ import annotations

import time
from typing import Any

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool

LONGEST_WAIT = 3600.0  # seconds


@tool("signalbox.pass", inline=True)
def pass_on(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Gives back the object in its input's `output`, or an empty one."""
    output = input.get("output", {})
    return output if isinstance(output, dict) else {"value": output}


@tool("signalbox.wait")
def wait(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Waits for `seconds` (0 to 3600), holding its agent's place meanwhile."""
    seconds = input.get("seconds", 0)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_WAIT:
        raise ToolFailure(f"“seconds” is {seconds!r}; a number from 0 to 3600 was expected.")
    time.sleep(seconds)
    return {"waited_seconds": seconds}
