from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from django.db import OperationalError

from config.supervisor import watchdog as room
from config.supervisor.child import Child
from config.supervisor.watchdog import Watchdog
from workflows import queue


@pytest.fixture
def worker() -> Child:
    return Child("worker", [], {}, Path(), started_at=time.monotonic() - 100)


@pytest.fixture
def dead_queue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A queue through which nothing comes; the canaries sent into it."""
    sent: list[str] = []
    monkeypatch.setattr(queue, "send_canary", lambda: sent.append("canary"))
    monkeypatch.setattr(queue, "is_alive", lambda: False)
    return sent


def _look(worker: Child) -> Watchdog:
    dog = Watchdog(None, worker, threading.Event())
    dog._tend_queue(worker)
    return dog


def test_a_worker_through_which_nothing_comes_is_to_be_replaced(
    worker: Child, dead_queue: list[str]
) -> None:
    assert _look(worker).stalled.is_set()
    assert dead_queue == ["canary"]


def test_a_worker_that_has_only_just_started_is_given_time(
    worker: Child, dead_queue: list[str]
) -> None:
    worker.started_at = time.monotonic()
    assert not _look(worker).stalled.is_set()


def test_a_worker_that_answers_stays(
    worker: Child, dead_queue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "is_alive", lambda: True)
    assert not _look(worker).stalled.is_set()


def test_a_database_that_is_away_is_not_the_workers_fault(
    worker: Child, dead_queue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError

    monkeypatch.setattr(room.connection, "close", lambda: None)
    monkeypatch.setattr(queue, "send_canary", away)
    dog = _look(worker)
    monkeypatch.setattr(queue, "send_canary", lambda: None)
    dog._tend_queue(worker)
    assert not dog.stalled.is_set()


def test_canaries_leave_some_seconds_between_them(worker: Child, dead_queue: list[str]) -> None:
    dog = _look(worker)
    dog._tend_queue(worker)
    assert dead_queue == ["canary"]
