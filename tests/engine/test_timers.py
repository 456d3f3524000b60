"""Timers fire when they are due: whoever set them, whoever is busy, whatever was down meanwhile."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from agents import housekeeping, runner
from tests.engine.conftest import Clock, at_work, together, wait_for_end
from tests.engine.test_leases import in_a_dying_worker
from tests.factories import chain, human, make_agent, register, start, states, step, task
from tests.ops.waiting import until
from workflows import engine
from workflows.engine import advancing, sessions, timers, transitions
from workflows.models import Timer

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = 3600.0


@pytest.fixture
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions do not look around by themselves: a timer is fired because it was known."""
    monkeypatch.setattr(housekeeping, "TICK_SECONDS", NEVER)


def soon(seconds: float) -> dict[str, float]:
    return {"max_retries": 2, "initial_delay": seconds, "jitter": 0}


def asleep() -> bool:
    """Whether the only other session has nothing to do but to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND state = 'idle' AND query LIKE '%%workflows_look%%'"
        )
        return cursor.fetchone()[0] == 1


@pytest.mark.alone
def test_a_sleeping_session_fires_what_another_sets_meanwhile(no_ticks: None) -> None:
    """Each time, and at the best of 20 within 100 ms: the machine may have other things to do."""
    make_agent()
    late: list[float] = []
    while not late or (min(late) >= 0.1 and len(late) < 20):
        execution = start(*chain("a"), retry_policy=soon(0.5))
        session = sessions.open_session()
        (work,) = advancing.exchange(session, [], 1)
        with at_work():
            until(asleep)
            with transaction.atomic():  # or it is fired before it is read
                advancing.report(session, [(work, advancing.Broken("It broke."))])
                due = Timer.objects.get().due_at
            wait_for_end(execution)
        sessions.close_session(session)
        assert execution.state == "completed"
        late.append((task(execution, "a").started_at - due).total_seconds())
    assert 0 <= min(late) < 0.1


def test_sessions_are_woken_for_what_is_due_before_they_look_by_themselves() -> None:
    make_agent()
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {transitions.WORK_CHANNEL}")
    rung = []
    for seconds in (0.2, 5):
        start(*chain("a"), retry_policy=soon(seconds))
        session = sessions.open_session()
        (work,) = advancing.exchange(session, [], 1)
        list(connection.connection.notifies(timeout=0))
        advancing.report(session, [(work, advancing.Broken("It broke."))])
        rung.append(len(list(connection.connection.notifies(timeout=0.1))))
        sessions.close_session(session)
    assert rung == [1, 0]


def test_a_session_that_never_pauses_fires_its_timers_all_the_same(no_ticks: None) -> None:
    make_agent()
    make_agent("fragile", tool="tests.fail")
    register(*chain(*(f"s{number}" for number in range(250))), key="long")
    register(step("a", capabilities=["fragile"]), key="short", retry_policy=soon(0.05))
    short = engine.start_workflow("short", {"succeeds_at": 2})
    long = engine.start_workflow("long")
    with at_work():
        wait_for_end(long)
    again = short.audit_events.filter(kind="task.assigned").latest("seq")
    assert again.attempt == 2
    assert again.pk < long.audit_events.latest("seq").pk


def test_a_timer_uncovered_by_a_resume_fires_at_once(no_ticks: None) -> None:
    execution = start(*chain("a"), timeout_minutes=1)
    engine.pause(execution.pk, by=None)
    past_due()
    with at_work():
        until(asleep)
        engine.resume(execution.pk, by=None)
        wait_for_end(execution)
    assert execution.state == "failed"


def past_due() -> None:
    """A minute and more goes by for every timer."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_timer SET due_at = due_at - interval '2 minutes'")


def test_what_came_due_while_nothing_ran_fires_at_the_next_start(no_ticks: None) -> None:
    make_agent(tool="tests.fail")
    waits = start(human("ask"), key="waits", timeout_minutes=1)
    again = start(*chain("a"), key="again", retry_policy=soon(60), input={"succeeds_at": 2})
    runner.drain()
    never_begun = start(*chain("b"), key="late", timeout_minutes=1)
    assert Timer.objects.count() == 3
    past_due()
    runner.drain()
    for execution in (waits, again, never_begun):
        execution.refresh_from_db()
    assert [one.state for one in (waits, again, never_begun)] == ["failed", "completed", "failed"]
    assert waits.error == "It did not finish within 1 minutes."


def test_a_task_whose_worker_died_with_its_time_is_ended_once(clock: Clock) -> None:
    make_agent(tool="tests.wait_at_gate")
    execution = start(step("a", timeout_seconds=30), retry_policy=soon(0))
    in_a_dying_worker()
    clock.shift(60)
    runner.drain()
    assert states(execution) == {"a": "completed"}
    assert task(execution, "a").attempt == 2
    assert execution.audit_events.filter(kind="task.failed").count() == 1


def test_a_due_timer_that_another_holds_is_left_to_it() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), retry_policy=soon(60))
    runner.drain()
    past_due()
    assert timers.seconds_until_next() == 0
    with transaction.atomic():
        transitions.lock(execution.pk)
        assert together(timers.fire_due) == [0]
    assert timers.fire_due() == 1
