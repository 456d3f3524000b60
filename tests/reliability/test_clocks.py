"""Hosts whose clocks are an hour off, or leap: PostgreSQL's alone decides what is due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.test import Client

from agents import runner
from agents.orchestrator import workforce
from tests import soundness
from tests.factories import chain, make_agent, make_user, node, register, step
from tests.ops import wrong_clock
from tests.ops.waiting import until
from tests.ops.wrong_clock import WrongClock
from tests.reliability.lives import Lives, living, product_environment
from workflows import clock, engine, jobs, queue
from workflows.engine import sessions, timers, working_off
from workflows.models import Execution, Timer, Trigger

pytestmark = [pytest.mark.ops, pytest.mark.django_db(transaction=True)]

HOUR = 3600
WRONG = (-1, 1)
TEN_MINUTES = timedelta(minutes=10)
PATIENCE_SECONDS = 60.0
LEASE_SECONDS = 15  # far less than a clock leaps by; more than a busy machine lets a worker wait
LEAP_SECONDS = 45.0  # far less than a clock leaps by
LEAPS = ((90, -90), (-90, 90), (0, 0), (90, 90), (-90, -90), (0, 90))
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
NEVER_AGAIN = {"max_retries": 0, "initial_delay": 0, "jitter": 0}


@pytest.fixture
def skewed(transactional_db: None, tmp_path: Path) -> Iterator[list[Lives]]:
    """A worker an hour ahead and one an hour behind."""
    with (
        _living(tmp_path / "ahead", _off_by(HOUR)) as ahead,
        _living(tmp_path / "behind", _off_by(-HOUR)) as behind,
    ):
        yield [ahead, behind]


@pytest.fixture
def jumping(
    transactional_db: None, tmp_path: Path
) -> Iterator[tuple[list[Lives], list[WrongClock]]]:
    """Two workers, and their clocks."""
    if not wrong_clock.can_be_made():
        pytest.skip(wrong_clock.MISSING)
    clocks = [WrongClock(tmp_path / "clock.1"), WrongClock(tmp_path / "clock.2")]
    with (
        _living(tmp_path / "first", clocks[0].environment) as first,
        _living(tmp_path / "second", clocks[1].environment) as second,
    ):
        yield [first, second], clocks


def _living(log: Path, clock: dict[str, str]) -> AbstractContextManager[Lives]:
    leases = {"SIGNALBOX_LEASE_SECONDS": str(LEASE_SECONDS), "SIGNALBOX_HEARTBEAT_SECONDS": "0.5"}
    host = connection.get_connection_params()["host"]
    return living(product_environment(host, **clock, **leases), log)


def _off_by(seconds: int) -> dict[str, str]:
    """libfaketime where it is installed, which fools every system call; else Python's clock."""
    if FAKETIME is None:
        return {"LIFE_CLOCK_SECONDS": str(seconds)}
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_workers_with_wrong_clocks_do_nothing_twice(skewed: list[Lives], tmp_path: Path) -> None:
    make_agent(tool="tests.wait_for_a_file")
    register(*chain("a", "b"), retry_policy={"max_retries": 2, "initial_delay": 0, "jitter": 0})
    folders = [_open_folder(tmp_path / str(number)) for number in range(12)]
    runs = [engine.start_workflow("flow", {"folder": str(folder)}) for folder in folders]
    for lives in skewed:
        lives.begin()
    until(lambda: not _open_ones(), PATIENCE_SECONDS)
    assert Execution.objects.filter(state="completed").count() == len(runs)
    for lives in skewed:
        lives.end()
    begun = sorted(path.name for folder in folders for path in folder.glob("*.begun"))
    assert begun == ["a.1.begun"] * len(runs) + ["b.1.begun"] * len(runs)
    assert soundness.violations() == []


def test_clocks_that_jump_while_workers_run_repeat_nothing_and_delay_nothing(
    jumping: tuple[list[Lives], list[WrongClock]], tmp_path: Path
) -> None:
    """Each leap is many times the lease, and the process waits for a timer in between."""
    workers, clocks = jumping
    make_agent(tool="tests.wait_for_a_file")
    wait = node("wait", "catch", "a", event={"type": "timer", "duration": "PT0.2S"})
    register(step("a"), wait, step("b", "wait"))
    for lives in workers:
        lives.begin()
    folders: list[Path] = []
    for leap, (first, second) in enumerate(LEAPS):
        clocks[0].leap(first)
        folders += [_open_folder(tmp_path / f"{leap}.{number}") for number in range(4)]
        for folder in folders[-4:]:
            engine.start_workflow("flow", {"folder": str(folder)})
        clocks[1].leap(second)
        until(lambda: not _open_ones(), LEAP_SECONDS)
    for lives in workers:
        assert lives.pid is not None, "no worker has ended"
        lives.end()
    begun = sorted(path.name for folder in folders for path in folder.glob("*.begun"))
    assert begun == ["a.1.begun"] * len(folders) + ["b.1.begun"] * len(folders)
    assert soundness.violations() == []


def _open_folder(folder: Path) -> Path:
    """Where no step has to wait."""
    folder.mkdir()
    for key in ("a.1", "a.2", "b.1", "b.2"):
        (folder / f"{key}.go").touch()
    return folder


def _open_ones() -> bool:
    return Execution.objects.filter(finished_at=None).exists()


@pytest.mark.parametrize("hours", WRONG)
def test_a_wake_up_queued_under_a_wrong_clock_is_taken_at_once(hours: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        queue.fill_slots()
    broker = queue.PostgresBroker(list_key="signalbox")
    assert all(broker._take() for _ in range(queue.settings.WORKERS))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        assert queue.get_broker().waiting(queue.WORK_JOB) == 0, "all of them are taken"


@pytest.mark.parametrize("hours", WRONG)
def test_a_canary_of_a_host_with_a_wrong_clock_counts(hours: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        queue.send_canary()
        jobs.answer_canary()
    assert 0 <= (queue.canary_age() or 0) < queue.FRESH_SECONDS
    assert queue.is_alive()


@pytest.mark.parametrize("hours", WRONG)
def test_a_session_counts_as_a_sign_of_life_whatever_the_clock_here_says(hours: int) -> None:
    session = sessions.open_session()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        assert queue.is_alive()
    sessions.close_session(session)
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=hours), tick=True):
        assert not queue.is_alive()


@pytest.mark.parametrize("hours", WRONG)
def test_what_a_host_with_a_wrong_clock_sets_is_due_by_the_clock_of_the_database(
    hours: int,
) -> None:
    """A timer of the process, the time limit after a retry, and a schedule."""
    make_agent(tool="tests.obey")
    wait = node("wait", "catch", event={"type": "timer", "duration": "PT10M"})
    register(wait, step("a", "wait"), key="waits")
    register(step("a"), key="late", timeout_minutes=10, retry_policy=NEVER_AGAIN)
    begun = _now()
    with _wrong_by(hours):
        engine.start_workflow("waits", {})
        failed = engine.start_workflow("late", {"orders": {"a": "fail"}})
        runner.drain()
        engine.retry(failed.pk, by=None)
        version = register(step("a"), key="hourly", triggers=[{"cron": "0 * * * *"}])
    due = sorted(Timer.objects.values_list("kind", "due_at"))
    assert [kind for kind, _ in due] == ["event", "execution_timeout"]
    assert all(timedelta(0) < TEN_MINUTES - (at - _now()) < timedelta(seconds=30) for _, at in due)
    planned = Trigger.objects.get(workflow=version.workflow).next_due_at
    assert planned is not None
    assert begun < planned <= _now() + timedelta(hours=1)


@pytest.mark.parametrize("hours", WRONG)
def test_a_message_is_kept_for_its_time_whatever_the_clocks_say(hours: int) -> None:
    with _wrong_by(hours):
        engine.publish_message("paid", {"amount": 7}, key="A1", ttl=600)
    timers.fire_due()
    with _wrong_by(-hours):
        timers.fire_due()
        wait = node("paid", "catch", event={"type": "message", "name": "paid", "key": "order"})
        register(wait)
        execution = engine.start_workflow("flow", {"order": "A1"})
        runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


@pytest.mark.parametrize("hours", WRONG)
def test_a_batch_that_a_host_with_a_wrong_clock_left_is_taken_up_once(hours: int) -> None:
    register(step("a"))
    engine.start_workflow("flow", {})
    with _wrong_by(hours):
        batch = engine.create_batch("pause", {}, by=None)
        working_off.sweep()
    batch.refresh_from_db()
    assert abs(batch.touched_at - _now()) < timedelta(seconds=30)


def _wrong_by(hours: int) -> time_machine.travel:
    return time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True)


def _now() -> datetime:
    return clock.of_database()


@pytest.mark.parametrize("hours", WRONG)
def test_an_agent_is_silent_only_by_the_clock_of_the_database(client: Client, hours: int) -> None:
    client.force_login(make_user("ada", "operator"))
    with _wrong_by(-hours):
        make_agent("echo")
        workforce.beat()
    with _wrong_by(hours):
        page = client.get("/agents/").content.decode()
    assert "Echo" in page
    assert "Silent" not in page
