"""A task completed or skipped, variables changed, an execution moved: as on its page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program
from tests.factories import human, make_agent, register, start, states, step, task
from tests.web.conftest import completed, failed, ran
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)


def waits() -> Execution:
    """`a` is done, `ask` waits for a person, `b` for that."""
    make_agent()
    return ran(start(step("a"), human("ask", "a"), step("b", "ask"), input={"n": 1}))


def at(execution: Execution, key: str, verb: str) -> str:
    return f"executions/{execution.pk}/tasks/{task(execution, key).pk}/{verb}"


def test_a_failed_task_is_completed_with_an_output(operator: Program) -> None:
    execution = failed()
    body = {"output": {"paid": True}, "reason": "paid by phone"}
    answer = operator.post(at(execution, "a", "complete"), body)
    assert answer.status == 200
    done = task(execution, "a")
    assert (done.state, done.output) == ("completed", {"paid": True})
    row = execution.audit_events.get(kind="task.completed", task_id=done.pk)
    assert (row.actor, row.data["token"]) == ("user:ada", operator.text[:12])
    again = operator.post(at(execution, "a", "complete"), body)
    assert (again.status, again.body["type"]) == (409, "urn:signalbox:problem:illegal-transition")


def test_a_task_that_waits_is_skipped_and_says_why_it_had_waited(operator: Program) -> None:
    execution = waits()
    why = operator.get(at(execution, "ask", "explanation"))
    assert (why.status, why.body["cause"]) == (200, "approval")
    assert "group approver" in why.body["text"]
    later = operator.get(at(execution, "b", "explanation")).body
    assert (later["cause"], "Ask" in later["text"]) == ("dependency", True)
    assert operator.post(at(execution, "b", "skip")).status == 409, "its turn has not come"
    assert operator.post(at(execution, "ask", "skip"), {"reason": "away"}).status == 200
    assert states(execution)["ask"] == "completed"
    assert execution.audit_events.get(kind="task.skipped").data["reason"] == "away"


def test_what_failed_is_retried_with_another_input(operator: Program) -> None:
    execution = failed()
    body = {"task_id": task(execution, "a").pk, "input": {"permanent": False}, "reason": "typo"}
    assert operator.post(f"executions/{execution.pk}/retry", body).body["status"] == "pending"
    row = execution.audit_events.get(kind="task.input_changed")
    assert (row.data["after"], row.data["reason"]) == ({"permanent": False}, "typo")
    alone = operator.post(f"executions/{execution.pk}/retry", {"input": {}})
    assert (alone.status, alone.body["errors"][0]["field"]) == (422, "input")


def test_variables_are_changed_unless_they_have_changed_meanwhile(operator: Program) -> None:
    execution = waits()
    path = f"executions/{execution.pk}/variables"
    seen = operator.get(f"executions/{execution.pk}").body["variables_version"]
    body = {"set": {"n": 2}, "reason": "recount", "seen_version": seen}
    assert operator.post(path, body).body["variables"]["n"] == 2
    late = operator.post(path, body | {"set": {"n": 3}})
    assert (late.status, late.body["type"]) == (409, "urn:signalbox:problem:stale-state")
    for wrong in ({"set": {}}, {"set": {"a b": 1}}, {"set": {"n": 2}}, {"set": []}, {}):
        assert operator.post(path, wrong).status == 422
    execution.refresh_from_db()
    assert execution.variables["n"] == 2


def test_it_is_moved_to_a_newer_version_once_nothing_is_wrong(operator: Program) -> None:
    execution = waits()
    register(step("a"), human("question", "a"), step("b", "question"), step("c", "b"))
    path = f"executions/{execution.pk}/move"
    wrong = {"version": 2, "mapping": {"ask": "nowhere"}}
    told = operator.post(path, wrong)
    assert (told.status, told.body["type"]) == (422, "urn:signalbox:problem:cannot-move")
    assert operator.post(f"{path}/plan", wrong).body["problems"]
    right: dict[str, Any] = {"version": 2, "mapping": {"ask": "question"}}
    plan = operator.post(f"{path}/plan", right).body
    assert (plan["kept"]["ask"], plan["added"], plan["problems"]) == ("question", ["c"], [])
    execution.refresh_from_db()
    assert execution.version.number == 1, "a plan changes nothing"
    assert operator.post(path, right | {"reason": "renamed"}).body["version"] == 2
    assert operator.post(path, {"version": 9}).status == 404
    assert operator.post(f"{path}/plan", {"version": 9}).status == 404


@pytest.mark.parametrize("verb", ["complete", "skip"])
def test_wrong_tasks_and_bodies_change_nothing(operator: Program, verb: str) -> None:
    execution = completed()
    assert operator.post(f"executions/{execution.pk}/tasks/1/{verb}").status == 404
    assert operator.post(f"executions/999/tasks/1/{verb}").status == 404
    assert operator.post(at(execution, "a", verb)).status == 409
    for body in ({"output": []}, {"output": 1}, {"x": 1}, b"{"):
        assert operator.post(at(execution, "a", verb), body).status in (400, 422)


def test_who_may_only_look_or_not_even_that_repairs_nothing(
    auditor: Program, stranger: Program
) -> None:
    execution = failed()
    for client in (auditor, stranger):
        for path in (at(execution, "a", "complete"), at(execution, "a", "skip")):
            assert client.post(path).status == 403
        for verb, body in (("variables", {"set": {"n": 1}}), ("move", {"version": 2})):
            assert client.post(f"executions/{execution.pk}/{verb}", body).status == 403
    assert auditor.get(at(execution, "a", "explanation")).status == 200
    assert stranger.get(at(execution, "a", "explanation")).status == 403
