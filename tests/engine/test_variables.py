"""An operator changes the variables of a run."""

from __future__ import annotations

import pytest

from agents import runner
from tests.factories import chain, human, make_agent, make_user, start, step, task
from workflows import engine
from workflows.audit import rebuild
from workflows.errors import IllegalTransition, InvalidInput, StaleState
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def waiting_for_a_decision() -> Execution:
    """x decides which way leads on from the approval."""
    make_agent()
    return start(
        human("ask"),
        step("low", {"task": "ask", "when": "x < 10"}),
        step("high", {"task": "ask", "when": "x >= 10"}),
        input={"x": 1, "kept": "as it is"},
    )


def test_conditions_read_the_new_value_and_the_audit_has_both() -> None:
    execution = waiting_for_a_decision()
    runner.drain()
    engine.set_variables(execution.pk, {"x": 11}, by=make_user("ada"), reason="a typing error")
    row = execution.audit_events.get(kind="execution.variables_changed")
    assert row.actor == "user:ada"
    assert row.data == {"set": {"x": 11}, "before": {"x": 1}, "reason": "a typing error"}
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    runner.drain()
    execution.refresh_from_db()
    assert task(execution, "high").state == "completed"
    assert task(execution, "low").state == "cancelled"
    assert execution.variables == {"x": 11, "kept": "as it is"}
    assert rebuild.differences(execution) == []


def test_a_step_that_has_its_input_keeps_it() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), input={"permanent": True})
    runner.drain()
    engine.set_variables(execution.pk, {"permanent": False, "succeeds_at": 2}, by=None)
    engine.retry(execution.pk, by=None)
    runner.drain()
    assert task(execution, "a").input == {"permanent": True}
    assert task(execution, "a").state == "failed"


def test_a_change_made_on_old_values_is_refused_and_recorded() -> None:
    execution = waiting_for_a_decision()
    engine.set_variables(execution.pk, {"x": 2}, by=None, seen_version=0)
    with pytest.raises(StaleState, match="have changed since"):
        engine.set_variables(execution.pk, {"x": 3}, by=make_user("ada"), seen_version=0)
    execution.refresh_from_db()
    assert (execution.variables["x"], execution.variables_version) == (2, 1)
    refused = execution.audit_events.get(kind="operation.refused")
    assert (refused.actor, refused.data["asked"]) == ("user:ada", "set_variables")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "nothing changes"),
        ({"x": 1}, "nothing changes"),
        ({"not a name": 1}, "not a name: a new name has letters"),
        ({"x": float("nan")}, "x: .*not JSON compliant"),
        ({"x": {1, 2}}, "not JSON serializable"),
        ({"x": "\0"}, "cannot be stored"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(changes: dict, told: str) -> None:
    execution = waiting_for_a_decision()
    with pytest.raises(InvalidInput, match=told):
        engine.set_variables(execution.pk, changes, by=None)


def test_true_is_not_one() -> None:
    execution = waiting_for_a_decision()
    engine.set_variables(execution.pk, {"x": True}, by=None)
    execution.refresh_from_db()
    assert execution.variables["x"] is True


def test_what_has_ended_is_not_changed() -> None:
    execution = waiting_for_a_decision()
    engine.cancel(execution.pk, by=None)
    with pytest.raises(IllegalTransition):
        engine.set_variables(execution.pk, {"x": 2}, by=None)


def test_a_result_that_was_routed_on_old_values_is_routed_again() -> None:
    """The decision's way is chosen under the lock, on the variables as they are then."""
    execution = waiting_for_a_decision()
    runner.drain()
    engine.pause(execution.pk, by=None)
    engine.set_variables(execution.pk, {"x": 99}, by=None)
    engine.resume(execution.pk, by=None)
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    assert task(execution, "high").waits_on == 0
