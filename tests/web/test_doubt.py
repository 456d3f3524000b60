"""What an operator sees of work in doubt, and can do about it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from agents import runner
from tests.engine.test_leases import in_a_dying_worker
from tests.factories import make_agent, start, states, step, task
from tests.web.conftest import failed, fragment, page
from workflows.engine import advancing, sessions
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def doubted() -> Execution:
    """An execution whose step “Charge” was lost and must not be repeated."""
    make_agent(tool="tests.only_once")
    charge = step("charge", output_mapping={"charge_id": "output.charge"})
    execution = start(charge, step("ship", "charge"), retry_policy={"max_retries": 2})
    in_a_dying_worker()
    sessions.reap()
    execution.refresh_from_db()
    return execution


def address(execution: Execution, verb: str, key: str = "charge") -> str:
    return f"/executions/{execution.pk}/tasks/{task(execution, key).pk}/{verb}/"


def test_the_page_says_what_is_known_and_what_is_not(operator: Client) -> None:
    execution = doubted()
    text = page(operator, f"/executions/{execution.pk}/")
    assert "“Charge” is in doubt: echo began attempt 1" in text
    assert "The worker that ran it was lost. It may or may not have been done." in text
    assert text.count('class="badge" data-state="in_doubt"') == 2, "the execution and the task"
    assert "#i-circle-question-mark" in text
    for label in ("It was done", "It was not done: run it again", "Give up"):
        assert label in text
    assert 'id="do-retry"' not in text


def test_who_may_only_look_is_offered_nothing(auditor: Client) -> None:
    execution = doubted()
    text = page(auditor, f"/executions/{execution.pk}/")
    assert "is in doubt" in text
    assert "It was done" not in text


def test_lists_show_the_doubt_and_lead_to_it(operator: Client) -> None:
    execution = doubted()
    plain = failed(key="plain")
    for text in (
        page(operator, "/"),
        page(operator, "/executions/"),
        page(operator, "/executions/?state=failed&q=lost"),
        fragment(operator, "/executions/rows/", ids=f"{execution.pk},{plain.pk}"),
    ):
        assert text.count('class="badge" data-state="in_doubt"') == 1
        assert f"Resolve the doubt of execution {execution.pk}" in text
        assert f'hx-get="/executions/{execution.pk}/retry/"' not in text
    assert f'hx-get="/executions/{plain.pk}/retry/"' in page(operator, "/executions/")


def test_the_palette_shows_the_doubt(operator: Client) -> None:
    execution = doubted()
    assert 'data-state="in_doubt"' in fragment(operator, "/search/", q=str(execution.pk))


def test_it_was_done(operator: Client) -> None:
    execution = doubted()
    question = page(operator, address(execution, "complete"), **HTMX)
    assert "Say that it was done?" in question
    assert "charge_id = output.charge" in question
    answer = operator.post(
        address(execution, "complete"),
        {"output": '{"charge": "ch_7"}', "reason": "seen on the statement"},
        headers=HTMX,
    )
    assert "Completed by hand." in answer.content.decode()
    assert "dialog-done" in json.loads(answer.headers["HX-Trigger"])
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, execution.variables["charge_id"]) == ("completed", "ch_7")
    row = execution.audit_events.get(kind="task.completed", task_id=task(execution, "charge").pk)
    assert (row.actor, row.data["reason"]) == ("user:ada", "seen on the statement")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ('{"charge": ', "Output: Line 1, column 12"),
        ("[1]", "Output: A JSON object was expected"),
        ("{}", "output: "),
    ],
)
def test_an_output_that_cannot_be_used_is_said_where_it_was_typed(
    operator: Client, typed: str, told: str
) -> None:
    execution = doubted()
    given = {"output": typed, "reason": "kept"}
    dialog = operator.post(address(execution, "complete"), given, headers=HTMX)
    assert (dialog.status_code, "HX-Retarget" in dialog.headers) == (422, False)
    assert told in dialog.content.decode()
    answer = operator.post(address(execution, "complete"), given)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert told in text
    assert 'aria-invalid="true"' in text
    assert ">kept</textarea>" in text
    assert states(execution)["charge"] == "failed"


def test_a_result_that_came_too_late_is_filled_in(operator: Client) -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("charge"))
    (work,) = in_a_dying_worker()
    sessions.reap()
    revived = sessions.open_session()
    advancing.report(revived, [(work, advancing.Completed({"charge": "ch_late"}))])
    sessions.close_session(revived)
    assert "A result came too late to count" in page(operator, f"/executions/{execution.pk}/")
    question = page(operator, address(execution, "complete"), **HTMX)
    assert "ch_late" in question
    assert "what its agent reported too late" in question


def test_it_was_not_done(operator: Client) -> None:
    execution = doubted()
    question = page(operator, address(execution, "retry"), **HTMX)
    assert "it is done twice" in question
    operator.post(address(execution, "retry"), {"reason": "not on the statement"})
    assert states(execution)["charge"] == "pending"
    row = execution.audit_events.get(kind="task.pending")
    assert row.data["reason"] == "not on the statement"


def test_a_retry_of_everything_warns_of_the_doubt(operator: Client) -> None:
    text = page(operator, f"/executions/{doubted().pk}/retry/", **HTMX)
    assert "A step is in doubt" in text
    assert "A step is in doubt" not in page(
        operator, f"/executions/{failed(key='plain').pk}/retry/", **HTMX
    )


def test_a_rerun_warns_of_the_doubt(operator: Client) -> None:
    question = page(operator, address(doubted(), "rerun"), **HTMX)
    assert "A step is in doubt" in question
    assert "danger" in question


def test_incidents_lead_to_the_doubt_and_offer_no_retry_of_all(operator: Client) -> None:
    execution = doubted()
    text = page(operator, "/incidents/")
    assert f"Resolve the doubt of execution {execution.pk}" in text
    assert "Retry all" not in text


def test_what_is_done_cannot_be_completed(operator: Client) -> None:
    execution = doubted()
    operator.post(address(execution, "complete"), {"output": '{"charge": 1}'})
    for method in (operator.get, operator.post):
        answer = method(address(execution, "complete"), {"output": "{}"}, headers=HTMX)
        assert answer.status_code == 409
    assert operator.get(f"/executions/{execution.pk}/tasks/1/complete/").status_code == 404


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_say_what_was_done(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    execution = doubted()
    for method in (client.get, client.post):
        assert method(address(execution, "complete"), {"output": "{}"}).status_code == 403
    assert states(execution)["charge"] == "failed"


def test_a_retry_shows_how_many_attempts_its_kind_of_error_has(operator: Client) -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 1, "initial_delay": 60, "by_kind": {"other": {"max_retries": 8}}}
    execution = start(step("a"), retry_policy=policy)
    runner.drain()
    assert "tried again (attempt 2 of 2)" in page(operator, f"/executions/{execution.pk}/")
