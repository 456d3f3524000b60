"""Tools that tests register: quick ones for the engine's own tests."""

from __future__ import annotations

import builtins
import os
import signal
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
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


@dataclass
class Gate:
    """Where a tool waits: the test sees it come in, and lets it go on."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


gates: dict[str, Gate] = {}


@tool("tests.wait_at_gate")
def wait_at_gate(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Waits at the gate of its task's key until the test opens it; without a gate it passes."""
    gate = gates.get(call.task_key)
    if gate is not None:
        gate.entered.set()
        if not gate.opened.wait(60):
            raise TimeoutError(f"Nobody opened the gate of {call.task_key}.")
    return {"attempt": call.attempt}


@tool("tests.only_once", idempotent=False)
def only_once(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """As `wait_at_gate`, but not to be done twice; `order` makes it break off or return rubbish."""
    result = wait_at_gate(input, call)
    match input.get("order"):
        case "break off":
            raise ConnectionError("The line went dead.")
        case "refuse":
            raise ToolFailure("Not now.", retryable=True, kind="busy")
        case "rubbish":
            return {"amount": object()}
    return {**result, "charge": f"ch_{call.attempt}"}


@tool("tests.raise", inline=True)
def raise_error(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Raises the built-in error that its input names."""
    raise getattr(builtins, input["error"])("It broke.")


@tool("tests.obey", inline=True)
def obey(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Does as the variable `orders` says for its key: "fail", "break" or complete with x."""
    order = input.get("orders", {}).get(call.task_key, True)
    if order in ("fail", "break"):
        raise ToolFailure("As ordered.", retryable=order == "break", kind="ordered")
    return {"x": order}


@tool("tests.kill_the_worker")
def kill_the_worker(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Poison: takes its whole process with it, except in attempt `survives_at`."""
    if call.attempt == input.get("survives_at"):
        return {"attempt": call.attempt}
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@tool("tests.break_at_gate")
def break_at_gate(input: dict[str, Any], call: Call) -> dict[str, Any]:
    wait_at_gate(input, call)
    raise ToolFailure("It broke.")


@tool("tests.leak")
def leak(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Poison: takes 2 GB of memory, a piece at a time, and keeps it."""
    taken = []
    for _ in range(2048 // 16):
        taken.append(b"x" * (16 * 2**20))
        threading.Event().wait(0.01)
    return {"taken": len(taken)}


@tool("tests.never_return")
def never_return(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Poison: keeps its thread for ever."""
    while True:
        threading.Event().wait(60)


@tool("tests.never_return_inline", inline=True)
def never_return_inline(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Poison: keeps its session's own thread for ever, and lets no SIGTERM end it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return never_return(input, call)


@tool("tests.wait_for_a_file")
def wait_for_a_file(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Says by files in `folder` that its attempt has begun and is done, and waits for “go” between.

    For processes on other hosts, which share no memory with the test and perhaps no network.
    """
    named = f"{input['folder']}/{call.task_key}.{call.attempt}"
    Path(f"{named}.begun").touch()
    while not Path(f"{named}.go").exists():
        threading.Event().wait(0.05)
    Path(f"{named}.done").touch()
    return {"attempt": call.attempt, "host": socket.gethostname()}
