"""Loops over instances, and workflows that call workflows."""

from __future__ import annotations

from typing import Any

import pytest

from agents import runner
from tests.engine.conftest import Clock
from tests.engine.test_tokens import drained
from tests.factories import (
    chain,
    history,
    human,
    make_agent,
    make_user,
    node,
    register,
    start,
    states,
    step,
)
from workflows import engine
from workflows.engine import advancing, sessions
from workflows.errors import InvalidDefinition
from workflows.models import Approval, Execution, Task

pytestmark = pytest.mark.django_db(transaction=True)


def calling(key: str, workflow: str, *before: Any, **calls: Any) -> dict[str, Any]:
    return node(key, "call", *before, calls={"key": workflow, **calls})


def rows(execution: Execution, key: str) -> list[Task]:
    """The tasks of a key, in the order in which they were opened."""
    return list(execution.tasks.filter(key=key))


def test_each_item_of_a_list_gets_a_task_of_its_own_and_the_outputs_come_in_order() -> None:
    make_agent()
    execution = drained(
        start(
            step(
                "check",
                loop={
                    "mode": "parallel",
                    "collection": "orders",
                    "item": "order",
                    "index": "place",
                    "output": "found",
                },
            ),
            step("after", "check"),
            input={"orders": [{"id": 7}, {"id": 8}, {"id": 9}]},
        )
    )
    body, *instances = rows(execution, "check")
    assert execution.state == "completed"
    assert (body.kind, body.state) == ("loop", "completed")
    assert [(one.scope, one.loop_index) for one in instances] == [(body.pk, n) for n in range(3)]
    assert [(one.input["order"]["id"], one.input["place"]) for one in instances] == [
        (7, 0),
        (8, 1),
        (9, 2),
    ]
    assert execution.variables["found"] == [{"attempt": 1}] * 3
    assert "order" not in execution.variables


def test_sequential_instances_run_one_after_another() -> None:
    make_agent()
    execution = drained(
        start(step("a", loop={"mode": "sequential", "cardinality": "n"}), input={"n": 3})
    )
    assert history(execution) == [
        "execution pending",
        "execution running",
        "a running",
        *["a running", "a completed"] * 3,
        "a completed",
        "execution completed",
    ]


def test_a_completion_condition_cancels_the_instances_that_are_left() -> None:
    make_agent()
    bob = make_user("bob", "approver")
    execution = drained(
        start(
            human("ask")
            | {"loop": {"mode": "parallel", "cardinality": 3, "completion": "done >= 1"}},
            step("after", "ask"),
        )
    )
    first = Approval.objects.filter(state="open").first()
    assert first is not None
    engine.decide(first.pk, by=bob, verdict="approve")
    assert drained(execution).state == "completed"
    assert sorted(task.state for task in rows(execution, "ask")) == [
        "cancelled",
        "cancelled",
        "completed",
        "completed",
    ]
    assert not Approval.objects.filter(state="open").exists()


def test_a_standard_loop_goes_round_while_its_condition_holds() -> None:
    make_agent()
    execution = drained(
        start(
            step(
                "a",
                loop={"mode": "standard", "while": "n < 3", "max": 10},
                output_mapping={"n": "n + 1"},
            ),
            input={"n": 0},
        )
    )
    assert execution.state == "completed"
    assert execution.variables["n"] == 3
    assert len(rows(execution, "a")) == 4


def test_no_instances_at_all_is_done_at_once_and_too_few_is_an_incident() -> None:
    make_agent()
    ways = [step("a", loop={"cardinality": "n"}), step("b", "a")]
    assert drained(start(*ways, input={"n": 0})).state == "completed"
    execution = drained(start(*ways, input={"n": -1}))
    assert execution.state == "failed"
    assert "-1 instances; from 0 to 10000 are allowed." in execution.error


def test_an_error_in_one_instance_goes_to_the_edge_of_the_loop() -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            node("each", "scope", loop={"cardinality": 3}),
            step("a", parent="each", input={"permanent": True}),
            node("caught", "boundary", attached_to="each", event={"type": "error"}),
            step("after", "caught", input={"succeeds_at": 1}),
        )
    )
    assert execution.state == "completed"
    assert states(execution)["after"] == "completed"
    assert {task.state for task in rows(execution, "each")} == {"cancelled"}


def test_a_timer_on_a_loop_takes_all_its_instances_away(clock: Clock) -> None:
    make_agent()
    execution = drained(
        start(
            human("ask") | {"loop": {"cardinality": 2}},
            node(
                "late",
                "boundary",
                attached_to="ask",
                event={"type": "timer", "duration": "PT1M"},
            ),
            step("on", "late"),
        )
    )
    clock.shift(61)
    assert drained(execution).state == "completed"
    assert [task.state for task in rows(execution, "ask")] == ["cancelled"] * 3


def test_a_called_workflow_gets_its_input_and_gives_its_variables_back() -> None:
    make_agent()
    register(
        step(
            "inner", input={"output": {"price": 40}}, output_mapping={"total": "output.price * n"}
        ),
        key="pricing",
        input_schema={"type": "object", "required": ["n"]},
    )
    execution = drained(
        start(
            step("before"),
            calling("price", "pricing", "before", input={"n": "amount + 1"})
            | {"output_mapping": {"total": "output.total"}},
            step("after", "price"),
            input={"amount": 2},
        )
    )
    called = Execution.objects.exclude(pk=execution.pk).get()
    assert (execution.state, execution.variables) == ("completed", {"amount": 2, "total": 120})
    assert called.parent_task == execution.tasks.get(key="price").pk
    assert called.input == {"n": 3}
    assert [line for line in history(execution) if line.startswith("price")] == [
        "price running",
        "price paused",
        "price running",
        "price completed",
    ]


def test_a_call_of_a_token_graph_is_answered_too_and_keeps_to_its_version() -> None:
    make_agent()
    one = [node("begin", "start"), step("x", "begin", output_mapping={"v": "1"})]
    register(*one, key="called")
    register(*one[:1], step("x", "begin", output_mapping={"v": "2"}), key="called")
    for version, value in ((None, 2), (1, 1)):
        pinned = {"version": version} if version else {}
        execution = drained(
            start(calling("c", "called", **pinned) | {"output_mapping": {"v": "output.v"}})
        )
        assert (execution.state, execution.variables["v"]) == ("completed", value)


def test_an_error_of_a_called_workflow_is_caught_by_its_caller() -> None:
    make_agent(tool="tests.fail")
    register(step("inner", input={"permanent": True}), key="called")
    execution = drained(
        start(
            calling("c", "called", input={}),
            node("caught", "boundary", attached_to="c", event={"type": "error", "code": "broken"}),
            step("after", "caught", input={"succeeds_at": 1}),
        )
    )
    called = Execution.objects.exclude(pk=execution.pk).get()
    assert (execution.state, called.state) == ("completed", "cancelled")
    assert states(execution) == {"c": "failed", "after": "completed"}


def test_a_called_workflow_that_fails_is_retried_itself_and_its_caller_goes_on() -> None:
    make_agent(tool="tests.fail")
    register(step("inner", input={"succeeds_at": 2}), key="called")
    execution = drained(start(calling("c", "called", input={})))
    called = Execution.objects.exclude(pk=execution.pk).get()
    assert (execution.state, called.state) == ("running", "failed")
    engine.retry(called.pk, by=None)
    assert drained(execution).state == "completed"


def test_cancelling_the_caller_cancels_what_it_has_called() -> None:
    make_agent()
    register(human("ask"), key="called")
    execution = drained(start(calling("c", "called")))
    engine.cancel(execution.pk, by=None)
    called = Execution.objects.exclude(pk=execution.pk).get()
    assert called.state == "cancelled"


def test_a_call_that_cannot_start_is_an_incident_and_a_retry_calls_again() -> None:
    make_agent()
    register(*chain("x"), key="called", input_schema={"type": "object", "required": ["n"]})
    execution = drained(start(calling("c", "called", input={})))
    assert execution.state == "failed"
    assert "“called” was not started" in execution.error
    register(*chain("x"), key="called", input_schema={})
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "completed"
    runner.drain()
    assert [(task.iteration, task.state) for task in rows(execution, "c")] == [
        (1, "completed"),
        (1, "completed"),
    ]


def test_a_call_of_what_is_not_published_is_refused_when_the_caller_is_published() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(calling("c", "nothing"))
    (problem,) = refused.value.problems
    assert (problem.element, problem.field) == ("c", "calls")


def test_workflows_that_call_each_other_without_end_stop_with_an_incident() -> None:
    make_agent()
    register(node("begin", "start"), key="mirror")
    register(calling("c", "mirror"), key="mirror")
    execution = engine.start_workflow("mirror")
    runner.drain()
    deepest = Execution.objects.order_by("-pk").first()
    assert deepest is not None
    assert deepest.state == "failed"
    assert "call each other" in deepest.error
    assert Execution.objects.count() == 51
    engine.cancel(execution.pk, by=None)
    assert set(Execution.objects.values_list("state", flat=True)) == {"cancelled"}


def test_the_end_of_a_plain_called_workflow_answers_its_caller_with_the_step_that_ends_it() -> None:
    make_agent()
    register(step("inner"), key="called")
    execution = start(calling("ask", "called"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 5)
    advancing.report(session, [(work, advancing.Completed({}))])
    sessions.close_session(session)
    execution.refresh_from_db()
    assert execution.state == "completed"
