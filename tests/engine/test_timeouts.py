from __future__ import annotations

from collections.abc import Callable

import pytest

from agents import runner
from tests.engine.conftest import Clock, at_work
from tests.factories import (
    chain,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    start,
    states,
    step,
    task,
)
from tests.tools import Gate
from workflows import engine
from workflows.engine import timers
from workflows.models import AgentSlot, Approval, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_step_over_its_time_fails_and_its_late_result_is_stored_and_refused(
    clock: Clock, gate: Callable[[str], Gate]
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=1)
    with at_work():
        execution = start(step("a", timeout_seconds=30))
        assert waiting.entered.wait(60)
        assert timers.fire_due() == 0
        clock.shift(31)
        assert timers.fire_due() == 1
        assert states(execution) == {"a": "failed"}
        waiting.opened.set()
    execution.refresh_from_db()
    assert execution.error == "A: No result within 30 seconds."
    assert task(execution, "a").error_kind == "timeout"
    assert task(execution, "a").output is None
    refused = execution.audit_events.get(kind="result.refused")
    assert refused.data["output"] == {"attempt": 1}
    assert refused.lease_token == 1
    assert not AgentSlot.objects.filter(session__isnull=False).exists()


def test_a_step_over_its_time_is_retried_with_a_higher_fence(
    clock: Clock, gate: Callable[[str], Gate]
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    policy = {"max_retries": 1, "initial_delay": 0, "jitter": 0}
    with at_work():
        execution = start(step("a", timeout_seconds=30), retry_policy=policy)
        assert waiting.entered.wait(60)
        clock.shift(31)
        timers.fire_due()
        waiting.opened.set()
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert [row.lease_token for row in execution.audit_events.filter(kind="task.assigned")] == [
        1,
        2,
    ]
    assert kinds(execution).count("result.refused") == 1


def test_a_step_in_time_leaves_no_timer() -> None:
    make_agent()
    execution = start(step("a", timeout_seconds=30), timeout_minutes=5)
    assert Timer.objects.count() == 1
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert not Timer.objects.exists()


def test_the_deadline_fails_an_execution_that_waits_for_a_person(clock: Clock) -> None:
    make_agent()
    execution = start(*chain("a"), human("ask", "a"), step("b", "ask"), timeout_minutes=60)
    runner.drain()
    clock.shift(3601)
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, execution.error) == ("failed", "It did not finish within 60 minutes.")
    assert states(execution) == {"a": "completed", "ask": "failed", "b": "pending"}
    assert Approval.objects.get().state == "cancelled"
    assert history(execution)[-4:] == [
        "ask paused",
        "ask running",
        "ask failed",
        "execution failed",
    ]


def test_the_deadline_fails_what_runs_and_refuses_its_result(
    clock: Clock, gate: Callable[[str], Gate]
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    with at_work():
        execution = start(step("a"), step("b", "a"), timeout_minutes=1)
        assert waiting.entered.wait(60)
        clock.shift(61)
        timers.fire_due()
        waiting.opened.set()
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == ("failed", {"a": "failed", "b": "pending"})
    assert "result.refused" in kinds(execution)
    assert not AgentSlot.objects.filter(session__isnull=False).exists()


def test_the_deadline_fails_an_execution_that_never_began_and_a_retry_renews_it(
    clock: Clock,
) -> None:
    execution = start(*chain("a"), timeout_minutes=1)
    clock.shift(61)
    runner.drain()
    execution.refresh_from_db()
    assert history(execution) == ["execution pending", "execution running", "execution failed"]
    engine.retry(execution.pk, by=None)
    clock.shift(30)
    make_agent()
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_renewed_deadline_fires_again_and_tells_its_minutes(clock: Clock) -> None:
    execution = start(*chain("a"), timeout_minutes=1)
    for _ in range(2):
        clock.shift(61)
        runner.drain()
        execution.refresh_from_db()
        assert execution.error == "It did not finish within 1 minutes."
        engine.retry(execution.pk, by=None)


def test_the_deadline_is_held_during_a_pause_and_fires_on_resume(clock: Clock) -> None:
    execution = start(*chain("a"), timeout_minutes=1)
    engine.pause(execution.pk, by=None)
    clock.shift(600)
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "paused"
    engine.resume(execution.pk, by=None)
    timers.fire_due()
    execution.refresh_from_db()
    assert execution.state == "failed"


def test_an_operator_may_retry_what_its_deadline_ended(clock: Clock) -> None:
    execution = start(human("ask"), timeout_minutes=1)
    runner.drain()
    clock.shift(61)
    runner.drain()
    engine.retry(execution.pk, by=None)
    runner.drain()
    approval = Approval.objects.get(state="open")
    engine.decide(approval.pk, by=make_user("bob", "approver"), verdict="approve")
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_sessions_know_how_long_nothing_is_due(clock: Clock) -> None:
    assert timers.seconds_until_next() is None
    start(*chain("a"), timeout_minutes=1)
    assert 0 < (timers.seconds_until_next() or 0) <= 60
    clock.shift(61)
    assert timers.seconds_until_next() == 0
