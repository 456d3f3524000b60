"""What makes django-q2 safe to stand on: queues outlive readers, wake-ups are not doubled."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from django_q.models import OrmQ

from workflows import jobs, queue

FORK = multiprocessing.get_context("fork")


def doubled(questions: queue.RobustQueue, answers: queue.RobustQueue) -> None:
    for number in iter(questions.get, "STOP"):
        answers.put(number * 2)


def test_a_queue_goes_on_when_a_reader_is_killed_while_it_waits() -> None:
    questions, answers = queue.RobustQueue(), queue.RobustQueue()
    readers = [FORK.Process(target=doubled, args=(questions, answers)) for _ in range(2)]
    for reader in readers:
        reader.start()
    questions.put(1)
    assert answers.get() == 2  # one of them reads, and waits for more holding the lock
    os.kill(readers[0].pid or 0, signal.SIGKILL)
    readers[0].join()
    for number in range(10):
        questions.put(number)
    assert sorted(answers.get() for _ in range(10)) == [number * 2 for number in range(10)]
    questions.put("STOP")
    readers[1].join()
    assert questions.qsize() == 0


def test_a_lock_leaves_no_file_behind() -> None:
    lock = queue.FileLock()
    path = Path(lock.path)
    with lock:
        assert path.exists()
    del lock
    assert not path.exists()


@pytest.mark.django_db(transaction=True)
def test_many_callers_queue_one_wake_up_per_slot(settings: Any) -> None:
    settings.WORKERS = 2
    for _ in range(5):
        queue.wake()
        queue.fill_slots()
    assert [row.func() for row in OrmQ.objects.all()] == [queue.WORK_JOB] * 2


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_alive_once_a_canary_has_come_out_of_it() -> None:
    assert queue.canary_age() is None
    assert not queue.is_alive()
    queue.send_canary()
    jobs.answer_canary()
    assert (queue.canary_age() or 0) < queue.FRESH_SECONDS
    assert queue.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_message_is_taken_once() -> None:
    queue.fill_slots()
    first, second = queue.PostgresBroker(list_key="signalbox"), queue.PostgresBroker("signalbox")
    taken = [number for broker in (first, second, first) for number, _ in broker._take()]
    assert sorted(taken) == sorted(OrmQ.objects.values_list("pk", flat=True))
