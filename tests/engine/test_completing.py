"""A person says that a task is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents import runner
from tests.engine.conftest import Clock, at_work, together
from tests.factories import (
    chain,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    register,
    start,
    states,
    step,
)
from tests.factories import task as task_of
from tests.tools import Gate
from workflows import engine
from workflows.errors import (
    IllegalTransition,
    InvalidInput,
    NotAllowed,
    UnknownExecution,
    UnknownTask,
)
from workflows.models import AgentSlot, Approval, Execution, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def failed() -> Execution:
    make_agent(tool="tests.obey")
    mapping = {"x": "output.x"}
    execution = start(
        step("a", output_mapping=mapping), step("b", "a"), input={"orders": {"a": "fail"}}
    )
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "failed"
    return execution


def ended(execution: Execution) -> str:
    runner.drain()
    execution.refresh_from_db()
    return execution.state


def test_a_failed_task_is_completed_and_what_follows_reads_its_output() -> None:
    execution = failed()
    started_at = execution.started_at
    told = engine.complete(execution.pk, task_of(execution, "a").pk, {"x": 7}, by=None)
    assert told.state == "running"
    assert ended(execution) == "completed"
    assert execution.variables["x"] == 7
    assert execution.started_at == started_at


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ({}, "output"),
        ({"y": 1}, "output"),
        ([], "not a JSON object"),
        (None, "not a JSON object"),
        ({"x": float("nan")}, "not JSON"),
        ({"x": {1, 2}}, "not JSON"),
        ({"x": "long" * 70_000}, "262144 is the limit"),
    ],
)
def test_an_output_that_cannot_be_used_changes_nothing_and_is_named_and_recorded(
    output: Any, named: str
) -> None:
    execution = failed()
    before = kinds(execution), list(execution.tasks.values())
    with pytest.raises(InvalidInput) as refused:
        engine.complete(execution.pk, "a", output, by=None)
    assert named in str(refused.value)
    assert kinds(execution) == [*before[0], "operation.refused"]
    assert list(execution.tasks.values()) == before[1]


def test_a_task_that_waits_for_its_retry_is_completed(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), retry_policy={"max_retries": 3, "initial_delay": 60})
    runner.drain()
    engine.complete(execution.pk, "a", {}, by=None)
    execution.refresh_from_db()
    assert (execution.state, Timer.objects.count()) == ("completed", 0)


def test_a_task_that_nobody_can_take_is_completed() -> None:
    execution = start(*chain("a"))
    engine.complete(execution.pk, "a", {}, by=make_user("op"), reason="done by telephone")
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert history(execution) == [
        "execution pending",
        "execution running",
        "a running",
        "a completed",
        "execution completed",
    ]


def test_a_question_to_people_is_withdrawn_when_its_task_is_completed() -> None:
    execution = start(human("ask"))
    runner.drain()
    engine.complete(execution.pk, "ask", {"decision": "approve"}, by=None)
    execution.refresh_from_db()
    assert (execution.state, Approval.objects.get().state) == ("completed", "cancelled")


def test_a_running_task_is_taken_from_its_agent(gate: Callable[[str], Gate]) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=1)
    with at_work():
        execution = start(*chain("a"))
        assert waiting.entered.wait(60)
        engine.complete(execution.pk, "a", {"by": "hand"}, by=None)
        assert not AgentSlot.objects.filter(session__isnull=False).exists()
        waiting.opened.set()
    assert task_of(execution, "a").output == {"by": "hand"}
    assert kinds(execution).count("result.refused") == 1


def test_a_task_of_a_paused_execution_is_completed_and_the_rest_waits() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    engine.pause(execution.pk, by=None)
    engine.complete(execution.pk, "a", {}, by=None)
    assert ended(execution) == "paused"
    assert states(execution) == {"a": "completed", "b": "pending"}
    engine.resume(execution.pk, by=None)
    assert ended(execution) == "completed"


def test_what_is_done_or_stopped_is_not_completed_and_the_attempt_is_recorded() -> None:
    execution = failed()
    engine.complete(execution.pk, "a", {"x": 1}, by=None)
    with pytest.raises(IllegalTransition):
        engine.complete(execution.pk, "a", {"x": 2}, by=make_user("late"))
    row = execution.audit_events.latest("seq")
    assert (row.kind, row.actor) == ("transition.refused", "user:late")
    assert task_of(execution, "a").output == {"x": 1}
    engine.cancel(execution.pk, by=None)
    with pytest.raises(IllegalTransition):
        engine.complete(execution.pk, "b", {}, by=None)


def test_nothing_waiting_is_completed_under_a_failed_execution() -> None:
    execution = failed()
    with pytest.raises(IllegalTransition):
        engine.complete(execution.pk, "b", {}, by=None)
    assert states(execution) == {"a": "failed", "b": "pending"}


def test_unknown_names_are_named() -> None:
    with pytest.raises(UnknownExecution):
        engine.complete(0, "a", {}, by=None)
    execution = start(*chain("a"))
    with pytest.raises(UnknownTask):
        engine.complete(execution.pk, "nobody", {}, by=None)


def test_of_two_who_complete_at_once_one_is_first() -> None:
    execution = failed()
    results = together(
        lambda: engine.complete(execution.pk, "a", {"x": 1}, by=None),
        lambda: engine.complete(execution.pk, "a", {"x": 2}, by=None),
    )
    assert sorted(type(one).__name__ for one in results) == ["Execution", "IllegalTransition"]
    assert kinds(execution).count("task.completed") == 1


def test_no_completion_leads_around_a_decision_on_ones_own_request() -> None:
    ada = make_user("ada")
    register(human("ask", groups=["approver"]))
    execution = engine.start_workflow("flow", by=ada)
    runner.drain()
    with pytest.raises(NotAllowed, match="another person"):
        engine.complete(execution.pk, "ask", {"decision": "approve"}, by=ada, reason="mine")
    assert states(execution) == {"ask": "paused"}
    row = execution.audit_events.latest("seq")
    assert (row.kind, row.actor, row.data["asked"]) == ("operation.refused", "user:ada", "complete")
    engine.complete(execution.pk, "ask", {"decision": "approve"}, by=make_user("grace"))
    assert states(execution) == {"ask": "completed"}
