from __future__ import annotations

import html
import json

import pytest
from django.test import Client

from agents import runner
from tests.factories import human, make_agent, register, start, step, task
from tests.web.conftest import completed, failed, page, ran
from workflows import engine, json_text
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def asking() -> Execution:
    make_agent()
    return ran(start(human("ask"), step("after", "ask"), input={"x": 1, "y": "two"}))


def test_variables_are_changed_in_a_form(operator: Client) -> None:
    execution = asking()
    address = f"/executions/{execution.pk}/variables/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    text = page(operator, address, **HTMX)
    assert "already have their input keep it" in text
    assert 'name="seen_version" value="0"' in text
    typed = {"variables": '{"x": 5, "y": "two", "z": null}', "seen_version": "0", "reason": "mend"}
    answer = operator.post(address, typed, headers=HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["signalbox:changed"] == {
        "executions": [execution.pk]
    }
    execution.refresh_from_db()
    assert execution.variables == {"x": 5, "y": "two", "z": None}
    row = execution.audit_events.get(kind="execution.variables_changed")
    assert row.data["set"] == {"x": 5, "z": None}
    assert (row.actor, row.data["reason"]) == ("user:ada", "mend")


def test_what_is_wrong_with_the_text_is_told_and_the_text_is_kept(operator: Client) -> None:
    execution = asking()
    address = f"/executions/{execution.pk}/variables/"
    for typed, told in (
        ("{not json", "Line 1"),
        ('{"x": 5}', "“y” is missing"),
        ('{"x": 1, "y": "two"}', "nothing changes"),
        ("[]", "JSON object was expected"),
    ):
        answer = operator.post(address, {"variables": typed}, headers=HTMX)
        assert answer.status_code == 422
        assert told in answer.content.decode()


def test_a_form_that_was_opened_too_long_ago_keeps_what_was_typed_over_the_present_values(
    operator: Client,
) -> None:
    execution = asking()
    address = f"/executions/{execution.pk}/variables/"
    shown = {"seen_version": "0", "seen": '{"x": 1, "y": "two"}'}
    engine.set_variables(execution.pk, {"x": 77, "new": 1}, by=None)
    slip = operator.post(address, {"variables": '{"x": 1, ', **shown}, headers=HTMX)
    assert 'name="seen_version" value="0"' in slip.content.decode()  # it is no newer for that
    typed = {"variables": '{"x": 1, "y": "mine"}', **shown}
    answer = operator.post(address, typed, headers=HTMX)
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "have changed since" in text
    assert json_text.pretty({"x": 77, "y": "mine", "new": 1}) in text
    assert 'name="seen_version" value="1"' in text
    execution.refresh_from_db()
    assert execution.variables == {"x": 77, "y": "two", "new": 1}


def test_the_variables_of_what_has_ended_stay(operator: Client) -> None:
    execution = completed()
    assert operator.get(f"/executions/{execution.pk}/variables/").status_code == 409
    assert "/variables/" not in page(operator, f"/executions/{execution.pk}/")


def test_a_failed_step_is_retried_on_another_input(operator: Client) -> None:
    execution = failed()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'a').pk}/retry/"
    assert "&quot;permanent&quot;: true" in page(operator, address, **HTMX)
    answer = operator.post(address, {"input": "{"}, headers=HTMX)
    assert answer.status_code == 422
    assert operator.post(address, {"input": '{"succeeds_at": 2}'}).status_code == 302
    runner.drain()
    assert task(execution, "a").state == "completed"


def test_an_input_left_as_it_is_is_no_change(operator: Client) -> None:
    execution = failed()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'a').pk}/retry/"
    operator.post(address, {"input": '{"permanent": true}'})
    assert not execution.audit_events.filter(kind="task.input_changed").exists()
    assert task(execution, "a").state == "pending"


def test_a_step_is_skipped_in_a_form(operator: Client) -> None:
    execution = asking()
    waiting = task(execution, "ask")
    address = f"/executions/{execution.pk}/tasks/{waiting.pk}/skip/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    text = page(operator, address, **HTMX)
    assert "Nobody is asked to decide it." in text
    assert "approval is withdrawn" in text
    assert operator.post(address, {"output": "7"}, headers=HTMX).status_code == 422
    assert operator.post(address, {"output": '{"approved": true}'}).status_code == 302
    assert task(execution, "ask").state == "completed"
    assert operator.post(address, {"output": "{}"}, headers=HTMX).status_code == 409


def test_whoever_asked_for_a_decision_does_not_skip_it(operator: Client) -> None:
    make_agent()
    register(human("ask"), step("after", "ask"))
    operator.post("/workflows/flow/start/", {})
    execution = ran(Execution.objects.get())
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'ask').pk}/skip/"
    assert operator.post(address, {"output": "{}"}, headers=HTMX).status_code == 403
    assert task(execution, "ask").state == "paused"
    assert execution.audit_events.get(kind="operation.refused").data["asked"] == "skip"


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_repair(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    execution = asking()
    waiting = task(execution, "ask").pk
    for path in ("variables/", f"tasks/{waiting}/skip/", f"tasks/{waiting}/retry/"):
        assert client.post(f"/executions/{execution.pk}/{path}").status_code == 403
    assert task(execution, "ask").state == "paused"


def test_a_step_that_failed_is_completed_by_hand_from_its_page(operator: Client) -> None:
    execution = failed()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'a').pk}/complete/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    assert "Complete this step by hand?" in page(operator, address, **HTMX)
    operator.post(address, {"output": '{"paid": true}', "reason": "by phone"}, headers=HTMX)
    assert task(execution, "a").output == {"paid": True}
    assert address not in page(operator, f"/executions/{execution.pk}/")


def test_what_waits_for_a_person_or_for_its_turn_is_not_offered_to_be_completed(
    operator: Client,
) -> None:
    execution = asking()
    assert "/complete/" not in page(operator, f"/executions/{execution.pk}/")
