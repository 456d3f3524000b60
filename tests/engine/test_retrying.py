from __future__ import annotations

import random

import pytest

from agents import runner
from tests.engine.conftest import Clock
from tests.factories import (
    chain,
    history,
    make_agent,
    make_user,
    register,
    start,
    states,
    step,
    task,
)
from workflows import engine
from workflows.engine import advancing
from workflows.errors import IllegalTransition, InvalidInput, UnknownTask
from workflows.models import Execution, Timer

pytestmark = pytest.mark.django_db(transaction=True)

DOUBLING = {"max_retries": 3, "initial_delay": 1, "backoff_multiplier": 2, "jitter": 0}


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def delays(execution: Execution) -> list[float]:
    rows = execution.audit_events.filter(kind="task.retry").order_by("seq")
    return [row.data["delay_seconds"] for row in rows]


def test_a_step_is_tried_again_after_growing_delays_and_then_fails_for_good(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    execution = drained(start(step("a"), retry_policy=DOUBLING))
    for seconds in (1, 2, 4):
        assert execution.state == "running"
        clock.shift(seconds - 0.9)
        assert drained(execution).tasks.get().state == "pending", "not yet due"
        clock.shift(1)
        drained(execution)
    assert execution.state == "failed"
    assert execution.error == "A: It broke."
    assert delays(execution) == [1, 2, 4]
    assert history(execution) == [
        "execution pending",
        "execution running",
        *["a running", "a failed", "a pending"] * 3,
        "a running",
        "a failed",
        "execution failed",
    ]
    assert task(execution, "a").attempt == 4


@pytest.mark.parametrize(("own", "attempts"), [(None, 3), (0, 1), (1, 2), (4, 5)])
def test_a_tasks_own_retries_win_over_the_workflows(own: int | None, attempts: int) -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 2, "initial_delay": 0, "jitter": 0}
    execution = drained(start(step("a", max_retries=own), retry_policy=policy))
    assert (execution.state, task(execution, "a").attempt) == ("failed", attempts)


def test_a_step_that_recovers_goes_on(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a", "b"), retry_policy=DOUBLING, input={"succeeds_at": 2})
    for _ in range(2):
        drained(execution)
        clock.shift(2)
    assert drained(execution).state == "completed"
    assert task(execution, "a").output == {"attempt": 2}


@pytest.mark.parametrize(
    ("retry_on", "attempts"),
    [
        ([], 3),
        (["ValueError"], 3),
        (["OSError", "ValueError"], 3),
        (["KeyError"], 1),
    ],
)
def test_only_the_named_kinds_of_errors_are_retried(retry_on: list[str], attempts: int) -> None:
    make_agent(tool="tests.raise")
    policy = {"max_retries": 2, "initial_delay": 0, "jitter": 0, "retry_on": retry_on}
    execution = drained(start(step("a"), retry_policy=policy, input={"error": "ValueError"}))
    failed = task(execution, "a")
    assert (failed.state, failed.attempt, failed.error_kind) == ("failed", attempts, "ValueError")


def test_a_kind_of_error_has_retries_and_delays_of_its_own(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    policy = {
        **DOUBLING,
        "max_retries": 1,
        "by_kind": {"broken": {"max_retries": 3, "max_delay": 2}},
    }
    execution = drained(start(step("a"), retry_policy=policy))
    for _ in range(3):
        clock.shift(3)
        drained(execution)
    assert (execution.state, task(execution, "a").attempt) == ("failed", 4)
    assert delays(execution) == [1, 2, 2]


def test_other_kinds_keep_the_workflows_number_of_retries() -> None:
    make_agent(tool="tests.raise")
    policy = {"max_retries": 1, "initial_delay": 0, "by_kind": {"KeyError": {"max_retries": 5}}}
    execution = drained(start(step("a"), retry_policy=policy, input={"error": "ValueError"}))
    assert (execution.state, task(execution, "a").attempt) == ("failed", 2)
    execution = drained(start(step("a"), retry_policy=policy, input={"error": "KeyError"}))
    assert (execution.state, task(execution, "a").attempt) == ("failed", 6)
    assert task(execution, "a").attempt == task(execution, "a").max_attempts


@pytest.mark.parametrize(("own", "attempts"), [(0, 1), (2, 3), (9, 6)])
def test_the_smaller_of_the_tasks_and_the_kinds_own_number_holds(own: int, attempts: int) -> None:
    make_agent(tool="tests.raise")
    policy = {"initial_delay": 0, "by_kind": {"KeyError": {"max_retries": 5}}}
    execution = drained(
        start(step("a", max_retries=own), retry_policy=policy, input={"error": "KeyError"})
    )
    assert (execution.state, task(execution, "a").attempt) == ("failed", attempts)


def test_an_operators_retry_gives_each_kind_its_own_number_afresh() -> None:
    make_agent(tool="tests.raise")
    policy = {"max_retries": 0, "initial_delay": 0, "by_kind": {"KeyError": {"max_retries": 2}}}
    execution = drained(start(step("a"), retry_policy=policy, input={"error": "KeyError"}))
    engine.retry(execution.pk, by=None)
    drained(execution)
    assert (execution.state, task(execution, "a").attempt) == ("failed", 6)
    execution.tasks.update(input={"error": "ValueError"})
    engine.retry(execution.pk, by=None)
    assert (drained(execution).state, task(execution, "a").attempt) == ("failed", 7)


def test_an_error_that_says_so_is_not_retried() -> None:
    make_agent(tool="tests.fail")
    execution = drained(start(step("a"), retry_policy=DOUBLING, input={"permanent": True}))
    assert (execution.state, task(execution, "a").attempt) == ("failed", 1)


def test_an_agent_that_is_gone_is_an_error_of_its_task() -> None:
    agent = make_agent(tool="tests.nowhere")
    execution = drained(start(step("a")))
    assert task(execution, "a").error_kind == "configuration"
    assert agent.key in task(execution, "a").agent_key


def test_the_jitter_stays_in_its_bounds() -> None:
    make_agent(tool="tests.fail")
    advancing.CHANCE.seed(7)
    policy = {"max_retries": 1, "initial_delay": 100, "jitter": 0.2}
    register(step("a"), retry_policy=policy)
    executions = [engine.start_workflow("flow") for _ in range(30)]
    runner.drain()
    found = [delay for execution in executions for delay in delays(execution)]
    assert len(found) == 30
    assert 80 <= min(found) < 95 < 105 < max(found) <= 120
    advancing.CHANCE.seed(random.SystemRandom().random())


def test_an_operators_retry_takes_task_and_execution_back_with_fresh_attempts(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 1, "initial_delay": 0, "jitter": 0}
    execution = start(*chain("a"), retry_policy=policy, input={"succeeds_at": 4})
    assert drained(execution).state == "failed"
    engine.retry(execution.pk, by=make_user("op", "operator"), reason="the API is back")
    execution.refresh_from_db()
    assert (execution.state, execution.error, states(execution)["a"]) == ("pending", "", "pending")
    assert drained(execution).state == "completed"
    assert history(execution)[6:12] == [
        "a failed",
        "execution failed",
        "a pending",
        "execution pending",
        "execution running",
        "a running",
    ]
    rows = execution.audit_events.filter(actor="user:op")
    assert [(row.kind, row.data["reason"]) for row in rows.order_by("seq")] == [
        ("task.pending", "the API is back"),
        ("execution.pending", "the API is back"),
    ]


def test_one_of_two_failed_tasks_can_be_retried_alone() -> None:
    make_agent(tool="tests.obey")
    execution = start(step("a"), step("b"), input={"orders": {"a": "fail", "b": "fail"}})
    assert drained(execution).state == "failed"
    first = task(execution, "a")
    engine.retry(execution.pk, by=None, task_id=first.pk)
    assert states(execution) == {"a": "pending", "b": "failed"}
    assert drained(execution).state == "failed"


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_finished_execution_is_not_retried(end: str) -> None:
    make_agent(tool="tests.obey")
    execution = start(step("a"), input={"orders": {"a": "fail" if end == "cancelled" else 1}})
    drained(execution)
    if end == "cancelled":
        engine.cancel(execution.pk, by=None)
    with pytest.raises(IllegalTransition) as refused:
        engine.retry(execution.pk, by=None)
    assert (refused.value.old, refused.value.new) == (end, "pending")
    assert execution.audit_events.latest("seq").kind == "transition.refused"


def test_a_task_that_has_not_failed_is_not_retried() -> None:
    make_agent(tool="tests.obey")
    execution = start(step("a"), step("b", "a"), input={"orders": {"b": "fail"}})
    assert drained(execution).state == "failed"
    with pytest.raises(IllegalTransition):
        engine.retry(execution.pk, by=None, task_id=task(execution, "a").pk)
    with pytest.raises(UnknownTask):
        engine.retry(execution.pk, by=None, task_id=1)
    assert drained(execution).state == "failed"


def test_a_retry_waits_while_the_execution_is_paused(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    execution = drained(start(step("a"), retry_policy=DOUBLING, input={"succeeds_at": 2}))
    engine.pause(execution.pk, by=None)
    clock.shift(60)
    assert drained(execution).tasks.get().state == "pending"
    engine.resume(execution.pk, by=None)
    assert drained(execution).state == "completed"


def test_a_second_token_does_not_start_a_step_that_waits_for_its_retry(clock: Clock) -> None:
    """Of a join that waits for one path: the second token must be lost, not counted as a start."""
    make_agent(tool="tests.echo")
    make_agent("fragile", tool="tests.fail")
    execution = start(
        step("a"),
        step("b", retry_policy={}),
        step("c", "b"),
        step("first", "a", "c", capabilities=["fragile"], join="one"),
        retry_policy=DOUBLING,
        input={"succeeds_at": 2},
    )
    drained(execution)
    assert task(execution, "first").attempt == 1
    clock.shift(2)
    assert drained(execution).state == "completed"
    assert history(execution).count("first running") == 2
    assert not Timer.objects.exists()


def test_a_failed_task_is_retried_with_another_input_and_the_audit_has_both() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), input={"permanent": True})
    runner.drain()
    failed = task(execution, "a")
    engine.retry(
        execution.pk,
        by=make_user("ada"),
        task_id=failed.pk,
        input={"succeeds_at": 2},
        reason="the old one was wrong",
    )
    runner.drain()
    assert task(execution, "a").state == "completed"
    row = execution.audit_events.get(kind="task.input_changed")
    assert (row.actor, row.task_id) == ("user:ada", failed.pk)
    assert row.data == {
        "key": "a",
        "before": {"permanent": True},
        "after": {"succeeds_at": 2},
        "reason": "the old one was wrong",
    }


def test_an_input_is_for_one_task_and_is_json() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), input={"permanent": True})
    runner.drain()
    failed = task(execution, "a")
    with pytest.raises(InvalidInput, match="name the task"):
        engine.retry(execution.pk, by=None, input={})
    for wrong in ({"x": float("inf")}, {"x": "\0"}, ["list"]):
        with pytest.raises(InvalidInput):
            engine.retry(execution.pk, by=None, task_id=failed.pk, input=wrong)
    assert task(execution, "a").state == "failed"
    assert task(execution, "a").input == {"permanent": True}


def test_a_refused_retry_says_in_the_audit_who_wanted_it_and_why_it_was_refused() -> None:
    make_agent(tool="tests.obey")
    execution = start(step("a"), input={"orders": {"a": "fail"}})
    drained(execution)
    ada = make_user("ada")
    for given in ({"task_id": 1}, {"input": {}}, {"task_id": task(execution, "a").pk, "input": 7}):
        with pytest.raises((UnknownTask, InvalidInput)) as refused:
            engine.retry(execution.pk, by=ada, reason="again", **given)  # type: ignore[arg-type]
        row = execution.audit_events.latest("seq")
        assert (row.kind, row.actor) == ("operation.refused", "user:ada")
        assert row.data == {"asked": "retry", "why": str(refused.value), "reason": "again"}
    assert states(execution) == {"a": "failed"}
