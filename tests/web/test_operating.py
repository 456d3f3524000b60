from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.factories import chain, make_agent, start, task
from tests.web.conftest import completed, failed, page, ran
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def pending() -> Execution:
    make_agent()
    return start(*chain("a", "b"))


def test_pause_resume_and_cancel(operator: Client) -> None:
    execution = pending()
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = operator.post(f"/executions/{execution.pk}/{verb}/", {"reason": "because"})
        assert answer.headers["Location"] == f"/executions/{execution.pk}/"
        execution.refresh_from_db()
        assert execution.state == state
    row = execution.audit_events.get(kind="execution.cancelled")
    assert (row.actor, row.data["reason"]) == ("user:ada", "because")


def test_the_question_says_what_will_happen(operator: Client) -> None:
    execution = pending()
    text = page(operator, f"/executions/{execution.pk}/cancel/", **HTMX)
    assert "cannot be brought back" in text
    assert 'name="reason"' in text
    assert "<html" in page(operator, f"/executions/{execution.pk}/cancel/")


def test_htmx_gets_a_toast_and_the_page_is_told_to_refresh(operator: Client) -> None:
    execution = pending()
    answer = operator.post(f"/executions/{execution.pk}/pause/", headers=HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["signalbox:changed"] == {
        "executions": [execution.pk]
    }
    assert "Paused." in answer.content.decode()


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_what_the_state_forbids_is_a_clear_409(operator: Client, verb: str) -> None:
    execution = completed()
    for method in (operator.get, operator.post):
        answer = method(f"/executions/{execution.pk}/{verb}/", headers=HTMX)
        assert answer.status_code == 409
        assert answer.headers["HX-Retarget"] == "#toasts"
        assert b"cannot go from completed to" in answer.content
    assert b"That was not possible" in operator.post(f"/executions/{execution.pk}/{verb}/").content


def test_a_failed_execution_is_retried(operator: Client) -> None:
    execution = failed()
    operator.post(f"/executions/{execution.pk}/retry/", {"reason": "try again"})
    execution.refresh_from_db()
    assert execution.state == "pending"


def test_one_failed_task_is_retried(operator: Client) -> None:
    execution = failed()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'a').pk}/retry/"
    assert "Retry what failed?" in page(operator, address, **HTMX)
    assert operator.post(address).status_code == 302
    assert task(execution, "a").state == "pending"


def test_a_task_of_another_execution_is_not_found(operator: Client) -> None:
    execution = failed()
    answer = operator.get(f"/executions/{execution.pk}/tasks/1/retry/", headers=HTMX)
    assert answer.status_code == 404


def test_a_task_that_has_not_failed_is_not_retried(operator: Client) -> None:
    execution = ran(pending())
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'a').pk}/retry/"
    assert operator.post(address, headers=HTMX).status_code == 409


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_operate(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    execution = pending()
    assert client.post(f"/executions/{execution.pk}/cancel/").status_code == 403
    execution.refresh_from_db()
    assert execution.state == "pending"


def test_a_form_from_elsewhere_is_refused(operator: Client) -> None:
    execution = pending()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(f"/executions/{execution.pk}/cancel/").status_code == 403
