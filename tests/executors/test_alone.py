"""A step in a process of its own: what came of it is told, and its end is no ordinary failure."""

from __future__ import annotations

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


def test_what_never_returns_is_ended_after_its_time() -> None:
    with pytest.raises(alone.ProcessLost):
        outcome("tests.never_return", limit=0.01)
