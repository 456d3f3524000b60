from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from agents import runner
from tests import soundness, tools
from tests.ops.waiting import until
from workflows import engine
from workflows.engine import sessions
from workflows.models import Execution, Session

PATIENCE_SECONDS = 60.0  # for what takes a moment, unless it is broken or the machine is busy


@pytest.fixture(autouse=True)
def _everything_is_sound(transactional_db: None) -> Iterator[None]:
    """Whatever a test did: capacity, tokens, audit and tables agree afterwards."""
    yield
    let_agents_finish()
    assert soundness.violations() == []


class Clock:
    """Stops Python's clock and SQL's, and moves them together: a slow test is not a late one.

    Leases, and other connections, stay on the real one.
    """

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.traveller = traveller

    def shift(self, seconds: float) -> None:
        self.traveller.shift(timedelta(seconds=seconds))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('signalbox.now', %s, false)", [datetime.now(UTC).isoformat()]
            )


@pytest.fixture
def clock(transactional_db: None) -> Iterator[Clock]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        stopped = Clock(traveller)
        stopped.shift(0)
        yield stopped
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('signalbox.now', '', false)")


@pytest.fixture
def gate() -> Iterator[Callable[[str], tools.Gate]]:
    """gate("a"): tools.wait_at_gate waits in task "a" until its gate is opened."""

    def make(key: str) -> tools.Gate:
        return tools.gates.setdefault(key, tools.Gate())

    yield make
    for waiting in tools.gates.values():
        waiting.opened.set()
    tools.gates.clear()


@contextmanager
def at_work(number: int = 1) -> Iterator[None]:
    """Sessions on threads of their own, which finish what they hold when the block ends."""
    ends = [runner.End(float("inf")) for _ in range(number)]
    threads = [threading.Thread(target=_run, args=(end,), daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for end, thread in zip(ends, threads, strict=True):
            end.come_now()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
            end.close()


def let_agents_finish() -> None:
    """A session that lost its lease waits for none of its agents: each tells its result late."""
    for thread in threading.enumerate():
        if thread.name.startswith("agent"):
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


def _run(end: runner.End) -> None:
    try:
        while not end.has_come:
            runner.Slot(end).run()  # which ends early when it loses its lease
    finally:
        connection.close()


def let_leases_run_out() -> None:
    """Every session of now is dead when this returns, and what it ran taken back.

    A session is passed over while an exchange of it is under way, and the next one of `at_work` may
    have reaped it first.
    """
    dead = list(Session.objects.values_list("pk", flat=True))
    assert dead
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_session SET expires_at = now() - interval '1 second'")

    def are_gone() -> bool:
        sessions.reap()
        return not Session.objects.filter(pk__in=dead).exists()

    until(are_gone, PATIENCE_SECONDS)


@contextmanager
def seen(event_type: str, wanted: Callable[[dict], bool]) -> Iterator[None]:
    """Leave the block only when an event as wanted has been announced in this process."""
    happened = threading.Event()

    def handler(data: dict) -> None:
        if wanted(data):
            happened.set()

    engine.on_event(event_type, handler)
    try:
        yield
        assert happened.wait(PATIENCE_SECONDS), f"no such {event_type}"
    finally:
        engine.off_event(event_type, handler)


def wait_for_end(execution: Execution) -> None:
    """Return when sessions of this process have ended an execution, and read it again."""
    happened = threading.Event()

    def handler(data: dict) -> None:
        if data["execution_id"] == execution.pk:
            happened.set()

    engine.on_event("execution_state_changed", handler)
    try:
        execution.refresh_from_db()
        if execution.finished_at is None:
            assert happened.wait(PATIENCE_SECONDS), f"{execution} did not end"
        execution.refresh_from_db()
    finally:
        engine.off_event("execution_state_changed", handler)


def together(*calls: Callable[[], object], patience: float = 2 * PATIENCE_SECONDS) -> list[object]:
    """Run calls at once, each on a thread and connection of its own; their results or errors."""
    results: list[object] = [None] * len(calls)
    starting = threading.Barrier(len(calls))

    def run(place: int) -> None:
        try:
            starting.wait(PATIENCE_SECONDS)
            results[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 the caller looks at it
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
        assert not thread.is_alive()
    return results
