from __future__ import annotations

import pytest

from tests.api.conftest import Program, limited
from tests.engine.test_subprocesses import case
from tests.factories import chain, make_agent, start, task
from tests.web.conftest import completed, failed, ran
from workflows.models import AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)
VERBS = ("pause", "resume", "cancel", "retry")


def running() -> Execution:
    make_agent()
    return start(*chain("a", "b"))


def test_it_is_paused_and_resumed_with_a_reason(operator: Program) -> None:
    execution = running()
    paused = operator.post(f"executions/{execution.pk}/pause", {"reason": "lunch"})
    assert (paused.status, paused.body["status"]) == (200, "paused")
    assert paused.body["pause_reason"] == "lunch"
    resumed = operator.post(f"executions/{execution.pk}/resume")
    assert (resumed.status, resumed.body["status"]) == (200, "running")
    row = AuditEvent.objects.get(kind="execution.paused")
    assert (row.actor, row.data) == ("user:ada", {"reason": "lunch", "token": operator.text[:12]})


def test_it_is_cancelled_for_good(operator: Program) -> None:
    execution = running()
    assert operator.post(f"executions/{execution.pk}/cancel").body["status"] == "cancelled"


def test_what_failed_is_retried_whole_or_by_task(operator: Program) -> None:
    execution = failed()
    path = f"executions/{execution.pk}/retry"
    assert operator.post(path, {"reason": "again"}).body["status"] == "pending"
    ran(execution)
    body = {"task_id": task(execution, "a").pk}
    assert operator.post(path, body).body["status"] == "pending"
    assert operator.post(path, {"task_id": 1}).status == 404


@pytest.mark.parametrize("verb", VERBS)
def test_what_the_state_forbids_is_a_conflict_and_is_recorded(operator: Program, verb: str) -> None:
    execution = completed()
    answer = operator.post(f"executions/{execution.pk}/{verb}")
    assert (answer.status, answer.body["type"]) == (409, "urn:signalbox:problem:illegal-transition")
    assert "completed" in answer.body["detail"]
    assert execution.audit_events.filter(kind="transition.refused").count() == 1


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_execution_is_not_found(operator: Program, verb: str) -> None:
    assert operator.post(f"executions/999/{verb}").status == 404


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_body_changes_nothing(operator: Program, verb: str) -> None:
    execution = running()
    for body in ({"reason": "x" * 1001}, {"why": "x"}, {"reason": 1}, [], b"{"):
        assert operator.post(f"executions/{execution.pk}/{verb}", body).status in (400, 422)
    execution.refresh_from_db()
    assert execution.state == "pending"


@pytest.mark.parametrize("verb", VERBS)
def test_strangers_viewers_and_tokens_without_the_scope_change_nothing(
    operator: Program, auditor: Program, stranger: Program, verb: str
) -> None:
    execution = running()
    for client in (stranger, auditor, limited(operator, "read", "start", "decide", "agents")):
        assert client.post(f"executions/{execution.pk}/{verb}").status == 403
    execution.refresh_from_db()
    assert execution.state == "pending"


@pytest.mark.parametrize("verb", VERBS)
def test_an_address_that_acts_takes_post_only(operator: Program, verb: str) -> None:
    answer = operator.get(f"executions/{running().pk}/{verb}")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_it_runs_again_from_a_step_as_another_execution(operator: Program) -> None:
    make_agent()
    execution = ran(start(*chain("a", "b"), input={"n": 1}))
    body = {"task_key": "b", "reason": "wrong figure", "variables": {"n": 2}}
    answer = operator.post(f"executions/{execution.pk}/rerun", body)
    fork = Execution.objects.latest("pk")
    assert (answer.status, answer.body["execution_id"]) == (201, fork.pk)
    assert answer.headers["Location"] == f"/api/v1/executions/{fork.pk}"
    assert (fork.forked_from, fork.variables, fork.requested_by) == (
        execution, {"n": 2}, operator.user,
    )  # fmt: skip
    row = execution.audit_events.get(kind="execution.forked")
    assert (row.actor, row.data["reason"], row.data["token"]) == (
        "user:ada", "wrong figure", operator.text[:12],
    )  # fmt: skip
    assert answer.body["task_stats"] == {"completed": 1, "pending": 1}


def test_a_step_that_cannot_be_run_again_is_refused(operator: Program) -> None:
    execution = running()
    path = f"executions/{execution.pk}/rerun"
    early = operator.post(path, {"task_key": "b"})
    assert (early.status, early.body["type"]) == (409, "urn:signalbox:problem:illegal-transition")
    assert operator.post(path, {"task_key": "nothing"}).status == 404
    assert operator.post("executions/999/rerun", {"task_key": "a"}).status == 404
    for body in (
        {},
        {"task_key": 1},
        {"task_key": "a", "variables": []},
        {"task_key": "a", "x": 1},
    ):
        assert operator.post(path, body).status == 422
    assert Execution.objects.count() == 1


def test_strangers_viewers_and_tokens_without_the_scope_run_nothing_again(
    operator: Program, auditor: Program, stranger: Program
) -> None:
    execution = completed()
    for client in (stranger, auditor, limited(operator, "read", "start", "decide", "agents")):
        assert client.post(f"executions/{execution.pk}/rerun", {"task_key": "a"}).status == 403
    assert Execution.objects.count() == 1


def test_a_task_that_an_ad_hoc_sub_process_offers_is_begun(operator: Program) -> None:
    execution = case()
    path = f"executions/{execution.pk}/tasks/{task(execution, 'case').pk}/activate"
    assert operator.post(path, {"task_key": "mail", "reason": "asked for"}).status == 200
    assert execution.tasks.get(key="mail").state == "pending"
    refused = operator.post(path, {"task_key": "note"})
    assert (refused.status, refused.body["type"]) == (409, "urn:signalbox:problem:not-offered")
