"""Waiting raises a task's rank, so that a stream of more urgent work does not starve it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from agents import runner
from tests.engine.conftest import Clock, together
from tests.factories import chain, kinds, make_agent, register, start, step, task
from workflows import engine
from workflows.engine import advancing, claiming, sessions, transitions
from workflows.models import Execution, Task

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = 60


def waits(priority: int, key: str = "flow") -> Execution:
    register(step("a"), key=key)
    return engine.start_workflow(key, priority=priority)


def rank(execution: Execution) -> int:
    return task(execution, "a").rank


def next_of(session: int) -> Execution:
    (work,) = advancing.exchange(session, [], 1)
    advancing.report(session, [(work, advancing.Completed({}))])
    return Execution.objects.get(pk=work.execution_id)


def test_each_ten_minutes_of_waiting_raise_it_by_one_up_to_high(clock: Clock) -> None:
    runs = [waits(priority) for priority in (1, 2, 3, 4)]
    found = []
    for minutes in (9, 2, 9, 30):
        clock.shift(minutes * MINUTE)
        claiming.age()
        found.append([rank(run) for run in runs])
    assert found == [[1, 2, 3, 4], [2, 3, 3, 4], [2, 3, 3, 4], [3, 3, 3, 4]]


def test_a_low_task_that_has_waited_overtakes_normal_ones_but_never_a_critical_one(
    clock: Clock,
) -> None:
    make_agent()
    low = waits(1)
    clock.shift(11 * MINUTE)
    claiming.age()
    clock.shift(11 * MINUTE)
    claiming.age()
    normal, critical = waits(2), waits(4)
    session = sessions.open_session()
    assert [next_of(session) for _ in range(3)] == [critical, low, normal]
    sessions.close_session(session)


def test_the_priority_that_people_see_stays(clock: Clock) -> None:
    low = waits(1)
    clock.shift(11 * MINUTE)
    assert claiming.age() == 1
    low.refresh_from_db()
    assert (low.priority, task(low, "a").priority, rank(low)) == (1, 1, 2)
    assert kinds(low) == ["execution.created"]


def test_an_idle_session_sees_to_it(clock: Clock) -> None:
    low = waits(1)
    clock.shift(11 * MINUTE)
    runner.drain()
    assert rank(low) == 2


def test_only_waiting_for_a_worker_counts(clock: Clock) -> None:
    make_agent()
    execution = waits(1)
    engine.pause(execution.pk, by=None)
    clock.shift(60 * MINUTE)
    assert claiming.age() == 0
    engine.resume(execution.pk, by=None)
    assert (claiming.age(), rank(execution)) == (0, 1)
    successor = start(*chain("x", "a"), key="chain")
    runner.drain()
    assert rank(successor) == 2, "it never waited"


def test_a_retry_waits_anew(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 1, "initial_delay": 60, "jitter": 0}
    register(step("a", priority="LOW"), retry_policy=policy)
    execution = engine.start_workflow("flow")
    clock.shift(11 * MINUTE)
    claiming.age()
    assert rank(execution) == 2
    runner.drain()
    assert rank(execution) == 1
    clock.shift(30 * MINUTE)
    assert claiming.age() == 0, "a retry that is not due waits for its time, not for a worker"


def test_a_tick_raises_a_bounded_number(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "RAISED_AT_ONCE", 3)
    register(step("a"))
    for _ in range(5):
        engine.start_workflow("flow")
    clock.shift(11 * MINUTE)
    assert [claiming.age() for _ in range(3)] == [3, 2, 0]


@pytest.mark.parametrize(("minutes", "raised"), [(0, 0), (0.5, 1), (20, 0)])
def test_the_setting_says_after_how_long(
    settings: Any, clock: Clock, minutes: float, raised: int
) -> None:
    settings.AGEING_MINUTES = minutes
    waits(1)
    clock.shift(10 * MINUTE)
    assert claiming.age() == raised


def test_what_another_holds_is_left_for_the_next_tick(clock: Clock) -> None:
    execution = waits(1)
    clock.shift(11 * MINUTE)
    with transaction.atomic():
        assert Task.objects.select_for_update().get(pk=task(execution, "a").pk)
        assert together(lambda: transitions.age(0, 10)) == [0]
    assert claiming.age() == 1


def test_the_database_refuses_a_rank_that_waiting_does_not_give() -> None:
    low, critical = waits(1), waits(4)
    for run, wrong in ((low, 0), (low, 4), (critical, 3)):
        with pytest.raises(IntegrityError, match="waiting_raises_a_task_to_high_at_most"):
            run.tasks.update(rank=wrong)
    with pytest.raises(IntegrityError, match="a_ready_task_says_since_when"):
        low.tasks.update(waits_since=None)
