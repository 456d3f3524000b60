from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import chain, make_user, register
from tests.web.conftest import completed, page
from workflows import engine
from workflows.engine import triggers
from workflows.models import AuditEvent, Event, Firing, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def trigger(**settings: Any) -> Trigger:
    version = register(*chain("a"), triggers=[settings or {"event": "ping"}])
    return Trigger.objects.get(workflow=version.workflow)


def test_the_list_says_what_starts_what_and_what_came_of_it(operator: Client) -> None:
    register(*chain("a"))
    register(
        *chain("a"), key="other", name="The other",
        triggers=[
            {"event": "ping", "filter": "n > 1"},
            {"cron": "0 7 * * *", "zone": "Europe/Berlin"},
            {"workflow": "flow", "paused": "Not yet."},
        ],
    )  # fmt: skip
    engine.publish_event("ping", {"n": 1})
    text = page(operator, "/triggers/")
    for words in ("ping", "0 7 * * *", "Europe/Berlin", "end of", "Not yet.", "Filter said no",
                  "The other"):  # fmt: skip
        assert words in text
    assert text.count(">Resume<") == 1
    assert text.count(">Pause<") == 2


def test_the_list_costs_the_same_whatever_it_shows(
    operator: Client, django_assert_num_queries: Any
) -> None:
    for key in ("one", "two"):
        register(*chain("a"), key=key, triggers=["ping", {"cron": "0 7 * * *"}])
        engine.publish_event("ping")
        with django_assert_num_queries(6):
            page(operator, "/triggers/")


def test_no_triggers_says_what_to_do(operator: Client) -> None:
    assert "Nothing starts by itself yet" in page(operator, "/triggers/")
    assert "No event has arrived yet" in page(operator, "/triggers/events/")


def test_a_schedule_shows_its_next_five_runs_on_the_clocks_of_its_zone(operator: Client) -> None:
    schedule = trigger(cron="30 7 * * *", zone="Asia/Shanghai", mapping={"items": "'a' + due_at"})
    text = page(operator, f"/triggers/{schedule.pk}/")
    assert text.count("07:30 <span") == 5
    assert "CST" in text
    assert "items = &#x27;a&#x27; + due_at" in text
    assert "It has not fired yet." in text


def test_a_trigger_shows_what_came_of_each_occasion(operator: Client) -> None:
    one = trigger(event="ping", filter="n > 1")
    engine.publish_event("ping", {"n": 1}, key="first")
    (execution,) = engine.publish_event("ping", {"n": 2})
    text = page(operator, f"/triggers/{one.pk}/")
    assert "“n &gt; 1” is false." in text
    assert "first" in text
    assert f"/executions/{execution.pk}/" in text
    page(operator, "/triggers/999/", 404)


def test_an_event_shows_what_it_carried_and_what_it_did(operator: Client) -> None:
    trigger(event="ping")
    engine.publish_event("ping", {"order": "ORD-7"}, key="k", by=make_user("olga"))
    engine.publish_event("pong")
    listed = page(operator, "/triggers/events/")
    for words in ("ping", "pong", "olga", "Started", "No trigger waits for it."):
        assert words in listed
    assert "pong" not in page(operator, "/triggers/events/?name=ping").partition("<tbody")[2]
    event = Event.objects.get(name="ping")
    text = page(operator, f"/triggers/events/{event.pk}/")
    assert "ORD-7" in text
    assert f"#{Firing.objects.get().execution_id}" in text
    page(operator, "/triggers/events/999/", 404)


def test_an_operator_pauses_and_resumes_with_a_reason(operator: Client) -> None:
    one = trigger(cron="0 7 * * *")
    assert "Pause this trigger?" in page(operator, f"/triggers/{one.pk}/pause/", **HTMX)
    assert "<html" in page(operator, f"/triggers/{one.pk}/pause/")
    answer = operator.post(f"/triggers/{one.pk}/pause/", {"reason": "Holidays."}, headers=HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["signalbox:changed"] == {"topics": ["triggers"]}
    one.refresh_from_db()
    assert (one.is_paused, one.pause_reason, one.next_due_at) == (True, "Holidays.", None)
    assert str(one.paused_by) == "ada"
    text = page(operator, f"/triggers/{one.pk}/")
    assert "Paused by ada" in text
    assert "None while it is paused." in text
    answer = operator.post(f"/triggers/{one.pk}/resume/", {"reason": "Back."})
    assert answer.headers["Location"] == f"/triggers/{one.pk}/"
    rows = AuditEvent.objects.filter(kind__in=("trigger.paused", "trigger.resumed"))
    assert [(row.actor, row.data["reason"]) for row in rows.order_by("pk")] == [
        ("user:ada", "Holidays."), ("user:ada", "Back."),
    ]  # fmt: skip


def test_what_is_paused_is_not_paused_again(operator: Client) -> None:
    one = trigger()
    triggers.pause(one.pk, by=None)
    for method in (operator.get, operator.post):
        assert method(f"/triggers/{one.pk}/pause/", headers=HTMX).status_code == 409
    assert operator.post("/triggers/999/pause/").status_code == 404


def test_the_execution_and_the_workflow_name_what_starts_them(operator: Client) -> None:
    one = trigger(event="ping")
    (execution,) = engine.publish_event("ping")
    text = page(operator, f"/executions/{execution.pk}/")
    assert f'id="to-trigger" href="/triggers/{one.pk}/"' in text
    assert f"/triggers/{one.pk}/" in page(operator, "/workflows/flow/")


def test_one_that_a_person_started_names_no_trigger(operator: Client) -> None:
    assert "to-trigger" not in page(operator, f"/executions/{completed().pk}/")


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller"])
def test_those_who_may_see_may_not_pause(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    one = trigger()
    assert ">Pause<" not in page(client, f"/triggers/{one.pk}/")
    assert client.post(f"/triggers/{one.pk}/pause/").status_code == 403
    one.refresh_from_db()
    assert not one.is_paused


def test_a_stranger_is_refused(stranger: Client) -> None:
    one = trigger()
    engine.publish_event("ping")
    event = Event.objects.get()
    for path in (
        "/triggers/", f"/triggers/{one.pk}/", "/triggers/events/",
        f"/triggers/events/{event.pk}/", f"/triggers/{one.pk}/pause/",
    ):  # fmt: skip
        page(stranger, path, 403)
    assert stranger.post(f"/triggers/{one.pk}/pause/").status_code == 403
