"""An execution runs again from one of its steps: a fork, with earlier results copied."""

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
    register,
    start,
    states,
    step,
    task,
)
from workflows import engine
from workflows.engine import approvals
from workflows.errors import IllegalTransition, InvalidInput, UnknownTask
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def mapped(key: str, *before: object) -> dict:
    return step(key, *before, output_mapping={key: "output.attempt"})


def test_earlier_results_are_copied_and_the_rest_runs_afresh() -> None:
    make_agent()
    origin = drained(start(mapped("a"), mapped("b", "a"), mapped("c", "b"), input={"x": 1}))
    before = (history(origin), states(origin), origin.variables)
    fork = drained(engine.rerun_from(origin.pk, "b", by=make_user("ada"), reason="again"))
    assert fork.state == "completed"
    assert history(fork) == [
        "execution pending",
        "a running",
        "a completed",
        "execution running",
        "b running",
        "b completed",
        "c running",
        "c completed",
        "execution completed",
    ]
    assert fork.version_id == origin.version_id
    assert (fork.forked_from_id, fork.forked_at) == (origin.pk, "b")
    copied = fork.audit_events.get(kind="task.completed", task_id=task(fork, "a").pk)
    assert copied.data["reason"] == f"copied from #{origin.pk}"
    assert copied.data["copied_from"] == task(origin, "a").pk
    assert copied.actor == "user:ada"
    assert task(fork, "a").output == task(origin, "a").output
    origin.refresh_from_db()
    assert (history(origin), states(origin), origin.variables) == before
    row = origin.audit_events.get(kind="execution.forked")
    assert row.data == {"fork": fork.pk, "from_step": "b", "reason": "again"}


def test_it_begins_with_the_variables_that_the_step_began_with() -> None:
    make_agent()
    origin = drained(start(mapped("a"), mapped("b", "a"), mapped("c", "b"), input={"x": 1}))
    assert origin.variables == {"x": 1, "a": 1, "b": 1, "c": 1}
    engine_fork = engine.rerun_from(origin.pk, "b", by=None, variables={"x": 2})
    assert engine_fork.variables == {"x": 2, "a": 1}


def test_a_change_by_hand_before_the_step_counts_and_one_after_it_does_not() -> None:
    make_agent()
    origin = start(human("first"), human("ask", "first"), input={"x": 1})
    runner.drain()
    engine.set_variables(origin.pk, {"x": 2}, by=None)
    engine.skip(origin.pk, task(origin, "first").pk, by=None)
    runner.drain()
    engine.set_variables(origin.pk, {"x": 3}, by=None)
    assert engine.rerun_from(origin.pk, "ask", by=None).variables == {"x": 2}
    assert engine.rerun_from(origin.pk, "first", by=None).variables == {"x": 1}


def test_the_way_once_taken_is_the_way_that_the_copy_takes() -> None:
    """`a` chose `low` on x = 1; that x was changed later does not send the copy elsewhere."""
    make_agent()
    origin = start(
        step("a"),
        human("low", {"task": "a", "when": "x < 10"}),
        human("high", {"task": "a", "when": "x >= 10"}),
        step("end", "low", "high", join="one"),
        input={"x": 1},
    )
    runner.drain()
    engine.set_variables(origin.pk, {"x": 99}, by=None)
    fork = engine.rerun_from(origin.pk, "low", by=None, variables={"x": 50})
    again = engine.rerun_from(fork.pk, "low", by=None)
    runner.drain()
    for one in (fork, again):
        assert states(one) == {
            "a": "completed",
            "low": "paused",
            "high": "pending",
            "end": "pending",
        }


def test_parallel_results_are_copied_and_a_join_waits_for_the_rest() -> None:
    make_agent(tool="tests.obey")
    origin = drained(
        start(
            step("a"),
            step("b", "a"),
            step("c", "a"),
            step("join", "b", "c"),
            input={"orders": {"b": "fail"}},
        )
    )
    engine.retry(origin.pk, by=None)
    origin = drained(origin)
    assert states(origin)["c"] == "completed"
    fork = engine.rerun_from(origin.pk, "b", by=None, variables={"orders": {}})
    assert (task(fork, "join").waits_on, states(fork)["c"]) == (1, "completed")
    assert drained(fork).state == "completed"


def test_a_step_whose_turn_never_came_is_refused_and_recorded() -> None:
    make_agent(tool="tests.obey")
    origin = drained(start(*chain("a", "b"), input={"orders": {"a": "fail"}}))
    with pytest.raises(IllegalTransition):
        engine.rerun_from(origin.pk, "b", by=None)
    with pytest.raises(UnknownTask, match="no step “z”"):
        engine.rerun_from(origin.pk, "z", by=None)
    with pytest.raises(InvalidInput):
        engine.rerun_from(origin.pk, "a", by=None, variables={"x": "\0"})
    assert Execution.objects.count() == 1
    assert kinds(origin)[-2:] == ["operation.refused"] * 2


def test_the_same_click_twice_is_one_fork() -> None:
    make_agent()
    origin = drained(start(*chain("a")))
    one = engine.rerun_from(origin.pk, "a", by=None, idempotency_key="click")
    assert engine.rerun_from(origin.pk, "a", by=None, idempotency_key="click") == one
    assert Execution.objects.count() == 2


def test_who_started_the_origin_does_not_decide_in_the_fork() -> None:
    make_agent()
    register(human("ask"))
    ada, bob, eve = (make_user(name, "approver") for name in ("ada", "bob", "eve"))
    origin = engine.start_workflow("flow", by=ada)
    runner.drain()
    engine.rerun_from(origin.pk, "ask", by=bob)
    runner.drain()
    asked = Approval.objects.order_by("-pk").select_related("execution").first()
    assert asked is not None
    assert approvals.refusal(asked, ada)
    assert approvals.refusal(asked, bob)
    assert not approvals.refusal(asked, eve)
