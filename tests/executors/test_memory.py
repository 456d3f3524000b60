"""A process that holds too much memory ends: at once, or between two pieces of work."""

from __future__ import annotations

import subprocess
import sys
from typing import NoReturn

import pytest

from agents import runner
from agents.executors import memory
from tests.ops.processes import PROJECT

GROW = """
import time
from agents.executors import memory
watch = memory.Watch({limit}, "It is ended.")
watch.{does}()
kept = bytearray(b"x") * (100 << 20)
time.sleep({seconds})
"""


class Ended(BaseException):
    pass


class Slice(runner.End):
    """It is over when its end is asked for the second time."""

    def __init__(self, *given: float) -> None:
        super().__init__(*given)
        self._is_over = False

    @property
    def has_come(self) -> bool:
        was_over, self._is_over = self._is_over, True
        return was_over


@pytest.mark.parametrize(
    ("limit", "does", "code"),
    [(60, "work", memory.ENDED), (0, "work", 0), (4000, "work", 0), (60, "rest", 0)],
)
def test_a_process_at_work_ends_when_it_holds_more_than_its_limit(
    limit: int, does: str, code: int
) -> None:
    seconds = 60 if code else 1  # what is ended need not wait so long
    command = [sys.executable, "-c", GROW.format(limit=limit, does=does, seconds=seconds)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert ("SIGNALBOX_WORKER_MEMORY_MB=60" in done.stderr) == bool(code)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_half_full", [True, False])
def test_a_worker_that_is_half_full_makes_room_for_another_at_the_end_of_its_slice(
    is_half_full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(why: str) -> NoReturn:
        raise Ended(why)

    monkeypatch.setattr(runner, "End", Slice)
    monkeypatch.setattr(runner, "_end_process", end)
    monkeypatch.setattr(memory, "is_half_full", lambda limit: is_half_full)
    monkeypatch.setattr(runner, "_start_over", lambda: None)
    if is_half_full:
        with pytest.raises(Ended, match="SIGNALBOX_WORKER_MEMORY_MB"):
            runner.work()
    else:
        assert runner.work() == 0
