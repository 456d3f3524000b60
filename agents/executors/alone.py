"""One attempt in a process of its own: work that was lost with its worker takes nothing with it.

The parent writes one JSON line and keeps the pipe open: when it ends, so does the child.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import IO, Any, cast

from django.conf import settings

from agents import tools
from agents.executors import memory
from agents.executors.contract import Call, Done, Failed, InDoubt, Outcome

KINDS: dict[str, type[Outcome]] = {kind.__name__: kind for kind in (Done, Failed, InDoubt)}


class ProcessLost(Exception):
    """The process ended, or was ended, before it said what came of the work; perhaps why."""


def run(kind: str, call: Call, limit: float | None, directory: str) -> Outcome:
    """`executors.run` in a new process started in `directory`, ended after `limit` seconds.

    Raises ProcessLost.
    """
    asked = json.dumps({"kind": kind, "call": asdict(call), "module": _module(call)}).encode()
    child = subprocess.Popen(
        [sys.executable, "-m", "agents.executors.alone"],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    to_child, from_child = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    alarm = threading.Timer(limit, child.kill) if limit is not None else None
    try:
        if alarm is not None:
            alarm.start()
        return _asked(to_child, from_child, asked)
    except ProcessLost:
        child.kill()
        if child.wait() == memory.ENDED:
            raise ProcessLost(_too_large()) from None
        raise
    finally:
        if alarm is not None:
            alarm.cancel()
        child.kill()
        to_child.close()
        from_child.close()
        child.wait()


def _too_large() -> str:
    limit = f"{settings.WORKER_MEMORY_MB:,} MiB of memory (SIGNALBOX_WORKER_MEMORY_MB)"
    return f"It took more than {limit}, and its process was ended."


def _module(call: Call) -> str:
    """Where the tool is registered: not every one lies in an app's `tools`."""
    try:
        return tools.get(str(call.config.get("tool", ""))).function.__module__
    except tools.UnknownTool:
        return __name__


def _asked(to_child: IO[bytes], from_child: IO[bytes], asked: bytes) -> Outcome:
    try:
        to_child.write(asked + b"\n")
        to_child.flush()
    except BrokenPipeError:
        raise ProcessLost from None
    answer = from_child.readline()
    if not answer.endswith(b"\n"):
        raise ProcessLost
    told: dict[str, Any] = json.loads(answer)
    return KINDS[told["kind"]](**told["fields"])


def main() -> None:
    """The child: what tools print goes to the log, not into the answer."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import django

    django.setup()
    from agents import executors

    asked = json.loads(sys.stdin.buffer.readline())
    importlib.import_module(asked["module"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    memory.Watch(settings.WORKER_MEMORY_MB, "It is ended.").work()
    outcome = executors.run(asked["kind"], Call(**asked["call"]))
    told = {"kind": type(outcome).__name__, "fields": asdict(outcome)}
    answer.write(json.dumps(told).encode() + b"\n")
    answer.flush()


def _end_with_parent() -> None:
    """Reads without sys.stdin, whose lock the interpreter wants when it ends."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
