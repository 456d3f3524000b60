"""Escalation, compensation, conditions and links."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.engine.test_token_events import boundary, event
from tests.engine.test_tokens import drained
from tests.factories import (
    default,
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
from workflows.models import Approval, Delivery, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_escalation_starts_another_path_and_lets_the_sub_process_go_on() -> None:
    make_agent()
    execution = drained(
        start(
            node("inside", "scope"),
            step("a", parent="inside"),
            node("shout", "throw", "a", parent="inside", **event("escalation", code="slow")),
            step("b", "shout", parent="inside"),
            boundary("heard", "inside", "escalation", code="slow", interrupting=False),
            step("help", "heard"),
            step("after", "inside"),
        )
    )
    assert execution.state == "completed"
    assert set(states(execution).values()) == {"completed"}
    assert {"b", "help", "after"} <= set(states(execution))


def test_compensation_undoes_what_was_done_the_latest_first() -> None:
    make_agent()
    execution = drained(
        start(
            step("book"),
            step("pay", "book"),
            node("undo", "throw", "pay", **event("compensate")),
            step("apologise", "undo"),
            step("unbook", compensates="book"),
            step("refund", compensates="pay"),
        )
    )
    assert execution.state == "completed"
    assert [line for line in history(execution) if line.endswith("completed")] == [
        "book completed",
        "pay completed",
        "refund completed",
        "unbook completed",
        "undo completed",
        "apologise completed",
        "execution completed",
    ]


def test_what_was_not_done_is_not_undone() -> None:
    make_agent()
    execution = drained(
        start(
            step("book"),
            node("undo", "end", "book", **event("compensate")),
            step("unbook", compensates="book"),
            node("never", "exclusive", {"task": "book", "when": "false"}),
            step("pay", default("never")),
            step("refund", compensates="pay"),
        )
    )
    assert execution.state == "completed"
    assert "refund" not in states(execution)
    assert states(execution)["unbook"] == "completed"


def test_a_conditional_event_waits_until_a_variable_makes_it_true() -> None:
    make_agent()
    execution = drained(
        start(
            node("fork", "parallel"),
            node("full", "catch", "fork", **event("conditional", condition="count >= 1")),
            step("a", "fork", output_mapping={"count": "count + 1"}),
            step("after", "full"),
            input={"count": 0},
        )
    )
    assert execution.state == "completed"
    assert history(execution).index("a completed") < history(execution).index("full completed")


def test_a_link_goes_on_at_the_link_of_its_name() -> None:
    make_agent()
    execution = drained(
        start(
            step("a"),
            node("out", "throw", "a", **event("link", name="page 2")),
            node("in", "catch", **event("link", name="page 2")),
            step("b", "in"),
        )
    )
    assert execution.state == "completed"
    assert states(execution) == {"a": "completed", "b": "completed"}


def called(*keys: str) -> None:
    """`keys[0]` escalates; each of the others calls the one before it."""
    make_agent()
    shout = node("shout", "throw", "a", **event("escalation", code="slow"))
    register(step("a"), shout, human("b", "shout"), key=keys[0])
    for inner, outer in pairwise(keys):
        register(node("call", "call", calls={"key": inner}), key=outer)


@pytest.mark.parametrize("between", [(), ("middle",)])
def test_an_escalation_of_a_called_workflow_is_caught_by_its_caller(
    between: tuple[str, ...],
) -> None:
    """BPMN 2.0, 10.5.7; whoever does not catch it passes it on outwards."""
    called("inner", *between)
    execution = drained(
        start(
            node("call", "call", calls={"key": [*between, "inner"][0]}),
            boundary("heard", "call", "escalation", code="slow", interrupting=False),
            step("help", "heard"),
            step("after", "call"),
        )
    )
    assert (execution.state, states(execution)) == (
        "running",
        {"call": "paused", "help": "completed"},
    )
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    assert drained(execution).state == "completed"
    assert states(execution) == {"call": "completed", "help": "completed", "after": "completed"}


def test_an_escalation_that_interrupts_a_call_stops_what_was_called() -> None:
    called("inner")
    execution = drained(
        start(
            node("call", "call", calls={"key": "inner"}),
            boundary("heard", "call", "escalation"),
            step("help", "heard"),
            step("after", "call"),
        )
    )
    assert (execution.state, states(execution)) == (
        "completed",
        {"call": "cancelled", "help": "completed"},
    )
    assert Execution.objects.get(workflow__key="inner").state == "cancelled"
    assert not Approval.objects.filter(state="open").exists()


def test_an_escalation_that_no_caller_catches_changes_nothing() -> None:
    called("inner")
    other = {"code": "other"}
    execution = drained(
        start(
            node("call", "call", calls={"key": "inner"}),
            boundary("heard", "call", "escalation", **other),
            step("help", "heard"),
        )
    )
    assert (execution.state, states(execution)) == ("running", {"call": "paused"})
    assert not Delivery.objects.exists()
