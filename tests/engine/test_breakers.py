"""Circuit breakers: who fails again and again gets no work, then one trial at a time."""

from __future__ import annotations

import random

import pytest
from django.db import IntegrityError, connection, transaction

from agents import orchestrator, runner
from tests.engine.breaking import (
    DONE,
    FAILED,
    OPENED,
    REFUSED,
    SILENT,
    Bench,
    bench,
    breaker,
    recorded,
    state,
)
from tests.engine.conftest import Clock
from tests.factories import make_agent, make_user, register, start, states, step, task
from workflows import engine
from workflows.engine import advancing, breakers, timers
from workflows.engine.advancing import Released
from workflows.engine.explaining import Cause
from workflows.errors import UnknownAgent, WrongState
from workflows.models import AgentSlot, AuditEvent, Breaker, Task

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["bench"]


def test_as_many_failures_in_a_row_open_a_breaker_and_no_fewer(bench: Bench) -> None:
    bench.give(FAILED, FAILED)
    assert (state(), recorded()) == ("closed", [])
    bench.give(FAILED)
    assert (state(), recorded()) == ("open", [OPENED])
    row = AuditEvent.objects.get(kind="agent.breaker_open")
    assert (row.entity_type, row.entity_id, row.agent_id) == ("agent", "echo", "echo")
    assert (row.data["failures"], row.data["error"]) == (3, "It broke.")
    assert row.data["execution"] == row.data["task"] >> 20
    assert row.data["trial_at"]


@pytest.mark.parametrize("between", [DONE, REFUSED], ids=["a result", "a final no"])
def test_an_answer_in_between_begins_the_row_anew(bench: Bench, between: object) -> None:
    bench.give(FAILED, FAILED)
    bench.give(between)
    bench.give(FAILED, FAILED)
    assert (state(), breaker().failures) == ("closed", 2)
    bench.give(FAILED, between, FAILED)
    assert recorded() == [OPENED], "it opened at the first of them, whatever came after it"


def test_what_says_nothing_of_the_agent_neither_counts_nor_begins_anew(bench: Bench) -> None:
    bench.give(FAILED, FAILED)
    bench.give(SILENT, Released())
    assert breaker().failures == 2


def test_a_late_result_counts_for_nothing(bench: Bench) -> None:
    works = bench.lend(3)
    Task.objects.filter(session=bench.session).update(fence=7)
    advancing.report(bench.session, [(work, FAILED) for work in works])
    assert breaker().failures == 0
    assert AuditEvent.objects.filter(kind="result.refused").count() == 3


def test_what_a_person_fails_by_hand_does_not_count(bench: Bench) -> None:
    ada = make_user()
    for _ in range(4):
        execution = engine.start_workflow("flow")
        for new in ("running", "failed"):
            engine.transition_state(execution.pk, "a", new, by=ada)
    assert breaker().failures == 0


def test_a_breaker_that_is_off_never_opens(bench: Bench) -> None:
    breakers.fit("echo", 0, 30, by=None)
    bench.give(*[FAILED] * 8)
    assert (state(), breaker().failures, recorded()) == ("closed", 0, [])


def test_a_time_limit_that_ran_out_counts(clock: Clock, bench: Bench) -> None:
    register(step("slow", timeout_seconds=5), key="slow")
    for _ in range(3):
        engine.start_workflow("slow")
    assert len(advancing.exchange(bench.session, [], 3)) == 3
    clock.shift(6)
    timers.fire_due()
    assert state() == "open"
    assert breaker().last_error == "No result within 5 seconds."


def test_an_agent_with_an_open_breaker_is_lent_nothing_and_others_take_over(bench: Bench) -> None:
    bench.open()
    assert bench.lend(2) == []
    make_agent("helper", capabilities=["echo"])
    taken = advancing.exchange(bench.session, [], 5)
    assert [work.agent_key for work in taken] == ["helper", "helper"]
    assert orchestrator.get_breaker_states() == {"echo": "open", "helper": "closed"}
    row = AuditEvent.objects.filter(kind="task.assigned").latest("id")
    assert {"agent": "echo", "reason": "breaker open"} in row.data["candidates"]


def test_a_step_that_names_the_agent_waits_and_uses_up_no_attempt(
    clock: Clock, bench: Bench
) -> None:
    bench.open()
    make_agent("helper", capabilities=["echo"])
    waiting = start(step("b", agent="echo"), key="named", retry_policy={"max_retries": 1})
    assert advancing.exchange(bench.session, [], 5) == []
    clock.shift(31)
    timers.fire_due()
    (trial,) = advancing.exchange(bench.session, [], 5)
    assert (trial.execution_id, trial.attempt, trial.max_attempts) == (waiting.pk, 1, 2)


def test_the_unit_that_the_last_failure_gives_back_is_not_lent_on(bench: Bench) -> None:
    engine.start_workflow("flow")
    works = bench.lend(2)
    assert len(works) == 2
    engine.start_workflow("flow")
    bench.give(FAILED)
    after = advancing.exchange(bench.session, [(work, FAILED) for work in works], 5)
    assert (state(), after) == ("open", [])


def test_a_breaker_is_closed_by_hand_with_who_and_why(bench: Bench) -> None:
    bench.open()
    engine.start_workflow("flow")
    told = orchestrator.reset_breaker("echo", by=make_user("op"), reason="mended")
    assert (told["state"], told["failures"], told["last_error"]) == ("closed", 0, "It broke.")
    row = AuditEvent.objects.latest("id")
    assert (row.kind, row.actor) == ("agent.breaker_closed", "user:op")
    assert (row.data["reason"], row.data["failures"]) == ("mended", 3)
    assert len(advancing.exchange(bench.session, [], 5)) == 1
    with pytest.raises(WrongState):
        orchestrator.reset_breaker("echo", by=None)
    with pytest.raises(UnknownAgent):
        orchestrator.reset_breaker("nobody", by=None)
    assert recorded() == [OPENED, ("open", "closed", "user:op")]


def test_what_is_changed_while_it_is_open_knows_of_it(bench: Bench) -> None:
    bench.open()
    start(step("b", agent="echo"), key="other")
    assert state() == "open", "the new lane says so too"
    assert advancing.exchange(bench.session, [], 5) == []
    orchestrator.register_agent(key="echo", breaker_failures=0, by=make_user("op"))
    assert recorded()[-1] == ("open", "closed", "user:op"), "it was turned off"
    assert len(advancing.exchange(bench.session, [], 5)) == 1


def test_nobody_reserves_an_agent_by_hand_whose_breaker_is_not_closed(
    clock: Clock, bench: Bench
) -> None:
    bench.open()
    waiting = task(engine.start_workflow("flow"), "a")
    assert orchestrator.assign_task(waiting) is None
    clock.shift(31)
    timers.fire_due()
    assert orchestrator.assign_task(waiting) is None
    breakers.close("echo", by=None)
    assert orchestrator.assign_task(waiting) == "echo"
    orchestrator.release_task("echo", waiting.pk)


def test_a_success_with_no_failure_before_it_writes_nothing(bench: Bench) -> None:
    def version() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT xmin::text || ctid::text FROM workflows_breaker")
            return cursor.fetchone()[0]

    before = version()
    bench.give(DONE, DONE)
    assert version() == before
    bench.give(FAILED)
    assert version() != before


def test_failing_tools_open_it_and_the_rest_waits() -> None:
    make_agent(breaker_failures=2, tool="tests.fail", max_concurrent_tasks=1)
    executions = [start(step("a"), key=f"flow_{n}") for n in range(5)]
    runner.drain()
    assert [states(one)["a"] for one in executions] == ["failed"] * 2 + ["pending"] * 3


def test_why_a_step_waits_for_a_breaker_is_told_in_one_sentence(clock: Clock, bench: Bench) -> None:
    bench.open()
    waiting = engine.start_workflow("flow")
    found = engine.explain(task(waiting, "a"))
    assert found.cause == Cause.BREAKER
    assert found.text.startswith("“A” cannot start: the breaker of echo is open since ")
    assert " after 3 failures (last: It broke); a trial follows at " in found.text
    assert found.due == breaker().trial_at
    assert found.actions == ("close_breaker", "see_agents", "skip")
    assert found.agent == "echo"
    clock.shift(31)
    timers.fire_due()
    assert engine.explain(task(waiting, "a")).cause == Cause.QUEUED
    (trial,) = advancing.exchange(bench.session, [], 1)
    other = engine.start_workflow("flow")
    found = engine.explain(task(other, "a"))
    assert (found.cause, found.due) == (Cause.BREAKER, None)
    assert "is half-open since" in found.text
    advancing.report(bench.session, [(trial, DONE)])
    assert engine.explain(task(other, "a")).cause == Cause.QUEUED


def test_a_second_agent_that_works_leaves_no_breaker_to_explain(bench: Bench) -> None:
    bench.open()
    make_agent("helper", capabilities=["echo"], max_concurrent_tasks=1)
    waiting = engine.start_workflow("flow")
    assert engine.explain(task(waiting, "a")).cause == Cause.QUEUED
    assert orchestrator.assign_task(task(waiting, "a")) == "helper"
    other = engine.start_workflow("flow")
    found = engine.explain(task(other, "a"))
    assert (found.cause, "(helper)" in found.text) == (Cause.CAP, True)
    orchestrator.release_task("helper", task(waiting, "a").pk)


def test_the_database_refuses_a_breaker_that_contradicts_itself() -> None:
    make_agent(max_concurrent_tasks=2)
    for wrong in (
        {"state": "ajar"},
        {"state": "open"},
        {"trial_at": "2026-01-01T00:00:00Z"},
        {"state": "half_open"},
        {"openings": 1},
        {"threshold": 0, "failures": 1},
        {"cooldown_seconds": 0},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Breaker.objects.update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentSlot.objects.update(is_trial=True)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_in_the_breaker_is_where_the_rule_says(
    clock: Clock, bench: Bench, seed: int
) -> None:
    """The rule in a few lines of Python, beside what SQL made of the same outcomes."""
    chance = random.Random(seed)
    row, openings, now = 0, 0, "closed"
    for _ in range(25):
        if now == "open":
            clock.shift(breaker().cooldown_seconds * 2 ** min(openings, 5) + 1)
            timers.fire_due()
            now = "half_open"
        outcome = chance.choice([FAILED, FAILED, DONE, REFUSED, SILENT])
        bench.give(outcome)
        if outcome is FAILED:
            row += 1
            if now == "half_open" or row >= 3:
                now, openings = "open", openings + 1
        elif outcome is not SILENT:
            row, openings, now = 0, 0, "closed"
        found = breaker()
        assert (state(), found.failures, found.openings) == (now, row, openings)
