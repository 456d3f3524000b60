from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from agents import runner
from tests import soundness, tools
from workflows import engine


@pytest.fixture(autouse=True)
def _everything_is_sound(transactional_db: None) -> Iterator[None]:
    """Whatever a test did: capacity, tokens, audit and tables agree afterwards."""
    yield
    assert soundness.violations() == []


class Clock:
    """Moves Python's clock and SQL's together; leases stay on the real one."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.traveller = traveller

    def shift(self, seconds: float) -> None:
        self.traveller.shift(timedelta(seconds=seconds))
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('signalbox.now', %s, false)",
                           [datetime.now(UTC).isoformat()])


@pytest.fixture
def clock(transactional_db: None) -> Iterator[Clock]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller)
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
def at_work(number: int = 1) -> Iterator[list[runner.Slot]]:
    """Sessions on threads of their own, which finish what they hold when the block ends."""
    slots = [runner.Slot(runner.End(time.monotonic() + 60)) for _ in range(number)]
    threads = [threading.Thread(target=_run, args=(slot,), daemon=True) for slot in slots]
    for thread in threads:
        thread.start()
    try:
        yield slots
    finally:
        for slot, thread in zip(slots, threads, strict=True):
            slot.end_at = 0.0
            thread.join(30)
            assert not thread.is_alive()


def _run(slot: runner.Slot) -> None:
    try:
        slot.run()
    finally:
        connection.close()


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
        assert happened.wait(30), f"no such {event_type}"
    finally:
        engine.off_event(event_type, handler)


def together(*calls: Callable[[], object]) -> list[object]:
    """Run calls at once, each on a thread and connection of its own; their results or errors."""
    results: list[object] = [None] * len(calls)
    starting = threading.Barrier(len(calls))

    def run(place: int) -> None:
        try:
            starting.wait(30)
            results[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 the caller looks at it
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


