"""A step is skipped: a person gives its output."""

from __future__ import annotations

import pytest

from agents import runner
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
from workflows import engine
from workflows.errors import IllegalTransition, InvalidExpression, InvalidInput, UnknownTask
from workflows.models import Approval, Execution, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def broken_chain() -> Execution:
    """`a` has failed; `b` waits for it and takes x from its output."""
    make_agent(tool="tests.obey")
    mapped = step("a", output_mapping={"x": "output.x"})
    execution = start(mapped, step("b", "a"), input={"orders": {"a": "fail"}})
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "failed"
    return execution


def skip(execution: Execution, key: str, output: object = None, **fields: object) -> Execution:
    return engine.skip(execution.pk, task(execution, key).pk, output, **{"by": None, **fields})


def test_a_failed_step_is_skipped_and_the_execution_goes_on() -> None:
    execution = broken_chain()
    skip(execution, "a", {"x": 7}, by=make_user("ada"), reason="done by phone")
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert task(execution, "a").output == {"x": 7}
    assert execution.variables["x"] == 7
    assert history(execution)[-8:] == [
        "a pending",
        "execution pending",
        "execution running",
        "a running",
        "a completed",
        "b running",
        "b completed",
        "execution completed",
    ]
    row = execution.audit_events.get(kind="task.skipped")
    assert row.actor == "user:ada"
    assert row.data == {"key": "a", "output": {"x": 7}, "reason": "done by phone"}
    assert (
        execution.audit_events.get(kind="task.completed", task_id=row.task_id).actor == "user:ada"
    )


def test_an_approval_that_is_skipped_is_withdrawn() -> None:
    make_agent()
    execution = start(human("ask"), step("after", "ask"))
    runner.drain()
    skip(execution, "ask", {"approved": True})
    runner.drain()
    assert states(execution) == {"ask": "completed", "after": "completed"}
    assert Approval.objects.get().state == "cancelled"


def test_a_step_that_waits_for_an_agent_or_for_its_retry_is_skipped() -> None:
    execution = start(step("nobody", capabilities=["rare"]), step("after", "nobody"))
    skip(execution, "nobody")
    make_agent(tool="tests.fail")
    runner.drain()
    assert task(execution, "after").state == "failed"
    again = start(*chain("a"), key="other", retry_policy={"max_retries": 3, "initial_delay": 600})
    runner.drain()
    assert Timer.objects.filter(execution=again, kind="retry").exists()
    skip(again, "a")
    again.refresh_from_db()
    assert again.state == "completed"
    assert not Timer.objects.filter(execution=again).exists()


def test_a_paused_execution_stays_paused_and_goes_on_when_resumed() -> None:
    make_agent()
    execution = start(*chain("a", "b"))
    engine.pause(execution.pk, by=None)
    skip(execution, "a")
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "paused"
    assert states(execution) == {"a": "completed", "b": "pending"}
    engine.resume(execution.pk, by=None)
    runner.drain()
    assert states(execution) == {"a": "completed", "b": "completed"}


def test_another_failed_step_keeps_the_execution_failed() -> None:
    execution = start(step("a"), step("b"))
    for new in ("running", "failed"):
        for key in ("a", "b"):
            assert engine.transition_state(execution.pk, key, new, by=None)
    skip(execution, "a")
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == ("failed", {"a": "completed", "b": "failed"})
    skip(execution, "b")
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_an_output_that_leads_nowhere_is_refused_and_changes_nothing() -> None:
    execution = broken_chain()
    before = states(execution)
    with pytest.raises(InvalidExpression, match=r"output\.x"):
        skip(execution, "a", {"y": 1})
    with pytest.raises(InvalidInput):
        skip(execution, "a", ["no object"])
    assert states(execution) == before
    assert kinds(execution)[-2:] == ["operation.refused"] * 2


def test_what_runs_or_is_over_or_has_no_turn_yet_is_not_skipped() -> None:
    execution = broken_chain()
    with pytest.raises(IllegalTransition):
        skip(execution, "b")
    engine.retry(execution.pk, by=None)
    engine.transition_state(execution.pk, "a", "running", by=None)
    with pytest.raises(IllegalTransition):
        skip(execution, "a")
    engine.cancel(execution.pk, by=None)
    with pytest.raises(IllegalTransition):
        skip(execution, "b")
    with pytest.raises(UnknownTask):
        engine.skip(execution.pk, 1, by=None)
