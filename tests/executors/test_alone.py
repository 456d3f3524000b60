"""A step in a process of its own: what came of it is told, and its end is no ordinary failure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
from django.conf import settings

from agents.executors import alone
from agents.executors.contract import Call, Done, Failed

PATIENCE_SECONDS = 60.0


def outcome(tool: str, limit: float = PATIENCE_SECONDS, **given: Any) -> alone.Outcome:
    call = Call(1, 2, "a", 3, "1:a:1", given, {"tool": tool})
    return alone.run("python", call, limit, str(settings.BASE_DIR))


def test_a_result_and_a_failure_come_back_as_they_are() -> None:
    assert outcome("tests.kill_the_worker", survives_at=3) == Done({"attempt": 3})
    failed = outcome("tests.no_such_tool")
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retryable) == ("configuration", False)


def test_what_ends_its_process_ends_that_process_alone() -> None:
    with pytest.raises(alone.ProcessLost):
        outcome("tests.kill_the_worker")


def test_its_process_ends_in_order_although_its_parent_lives() -> None:
    call = Call(1, 2, "a", 3, "1:a:1", {"survives_at": 3}, {"tool": "tests.kill_the_worker"})
    asked = {"kind": "python", "call": asdict(call), "module": "tests.tools"}
    child = subprocess.Popen(
        [sys.executable, "-m", "agents.executors.alone"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin
    assert child.stderr
    child.stdin.write(json.dumps(asked) + "\n")
    child.stdin.flush()
    assert (child.wait(PATIENCE_SECONDS), child.stderr.read()) == (0, "")
    child.stdin.close()
    child.stderr.close()


def test_what_never_returns_is_ended_after_its_time() -> None:
    with pytest.raises(alone.ProcessLost):
        outcome("tests.never_return", limit=0.01)
