"""Hosts whose clocks are an hour off: PostgreSQL's alone decides on leases and the queue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection

from tests import soundness
from tests.factories import chain, make_agent, register
from tests.ops.waiting import until
from tests.reliability.lives import Lives, living, product_environment
from workflows import engine, jobs, queue
from workflows.engine import sessions
from workflows.models import Execution

pytestmark = [pytest.mark.ops, pytest.mark.django_db(transaction=True)]

HOUR = 3600
PATIENCE_SECONDS = 60.0


@pytest.fixture
def skewed(transactional_db: None, tmp_path: Path) -> Iterator[list[Lives]]:
    """A worker an hour ahead and one an hour behind."""
    leases = {"SIGNALBOX_LEASE_SECONDS": "3", "SIGNALBOX_HEARTBEAT_SECONDS": "0.5"}
    host = connection.get_connection_params()["host"]
    with (
        living(product_environment(host, **_off_by(HOUR), **leases), tmp_path / "ahead") as ahead,
        living(
            product_environment(host, **_off_by(-HOUR), **leases), tmp_path / "behind"
        ) as behind,
    ):
        yield [ahead, behind]


def _off_by(seconds: int) -> dict[str, str]:
    """libfaketime where it is installed, which fools every system call; else Python's clock."""
    found = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
    if found is None:
        return {"LIFE_CLOCK_SECONDS": str(seconds)}
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_workers_with_wrong_clocks_do_nothing_twice(skewed: list[Lives], tmp_path: Path) -> None:
    make_agent(tool="tests.wait_for_a_file")
    register(*chain("a", "b"), retry_policy={"max_retries": 2, "initial_delay": 0, "jitter": 0})
    folders = [tmp_path / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir()
        for key in ("a.1", "a.2", "b.1", "b.2"):
            (folder / f"{key}.go").touch()
    runs = [engine.start_workflow("flow", {"folder": str(folder)}) for folder in folders]
    for lives in skewed:
        lives.begin()
    until(
        lambda: Execution.objects.filter(state="completed").count() == len(runs), PATIENCE_SECONDS
    )
    for lives in skewed:
        lives.end()
    begun = sorted(path.name for folder in folders for path in folder.glob("*.begun"))
    assert begun == ["a.1.begun"] * len(runs) + ["b.1.begun"] * len(runs)
    assert soundness.violations() == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wake_up_queued_under_a_wrong_clock_is_taken_at_once(hours: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        queue.fill_slots()
    broker = queue.PostgresBroker(list_key="signalbox")
    assert all(broker._take() for _ in range(queue.settings.WORKERS))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        assert queue.get_broker().waiting(queue.WORK_JOB) == 0, "all of them are taken"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_canary_of_a_host_with_a_wrong_clock_counts(hours: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        queue.send_canary()
        jobs.answer_canary()
    assert 0 <= (queue.canary_age() or 0) < queue.FRESH_SECONDS
    assert queue.is_alive()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_session_counts_as_a_sign_of_life_whatever_the_clock_here_says(hours: int) -> None:
    session = sessions.open_session()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        assert queue.is_alive()
    sessions.close_session(session)
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=hours), tick=True):
        assert not queue.is_alive()
