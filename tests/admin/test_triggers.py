from __future__ import annotations

import pytest
from django.test import Client

from tests.admin.conftest import Someone
from tests.admin.pages import address, filled, save
from tests.factories import chain, node, register, step
from workflows.models import AuditEvent, Trigger, Workflow

pytestmark = pytest.mark.django_db
PREFIX = "starters"


def draft(**fields: object) -> Workflow:
    return register(*chain("a"), **fields).workflow


def add(client: Client, workflow: Workflow, **fields: object) -> object:
    """Add one trigger on the page and save it."""
    url = address(workflow)
    page = filled(client, url)
    place = page[f"{PREFIX}-TOTAL_FORMS"]
    page[f"{PREFIX}-TOTAL_FORMS"] = int(place) + 1
    page |= {f"{PREFIX}-{place}-{name}": value for name, value in fields.items()}
    return client.post(url, {**page, "_save": "1"})


def complaints(response: object) -> dict[str, list[str]]:
    formset = response.context["inline_admin_formsets"][1].formset  # type: ignore[attr-defined]
    return {name: list(notes) for form in formset.forms for name, notes in form.errors.items()}


def test_a_schedule_is_added_and_is_at_work_at_once(modeller: Client) -> None:
    workflow = draft()
    response = add(
        modeller, workflow, kind="schedule", cron="30 7 * * MON-FRI", zone="Europe/Berlin",
        catch_up="once", mapping="supplier = 'S'\nat = due_at",
    )  # fmt: skip
    assert response.status_code == 302
    trigger = Trigger.objects.get()
    assert trigger.config == {
        "cron": "30 7 * * MON-FRI", "zone": "Europe/Berlin", "catch_up": "once",
        "mapping": {"supplier": "'S'", "at": "due_at"},
    }  # fmt: skip
    assert trigger.next_due_at is not None
    row = AuditEvent.objects.get(kind="workflow.changed")
    assert row.data["fields"] == ["triggers.schedule 30 7 * * MON-FRI added"]
    assert row.actor == "user:mona"


def test_an_empty_zone_is_utc_and_an_empty_policy_skips(modeller: Client) -> None:
    add(modeller, draft(), kind="schedule", cron="0 * * * *")
    assert Trigger.objects.get().config["zone"] == "UTC"
    assert Trigger.objects.get().config["catch_up"] == "skip"


def test_the_end_of_another_workflow_is_chosen(modeller: Client) -> None:
    workflow = draft()
    register(*chain("a"), key="before")
    add(modeller, workflow, kind="workflow_end", after="before", states=["failed", "cancelled"],
        filter="variables.total > 1")  # fmt: skip
    assert Trigger.objects.get().config == {
        "workflow": "before", "states": ["failed", "cancelled"],
        "filter": "variables.total > 1", "mapping": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"kind": "event", "event": "no name"}, "event", "is no name of an event"),
        ({"kind": "event"}, "event", "is no name of an event"),
        ({"kind": "event", "event": "x", "filter": "1 +"}, "filter", "“1 +”"),
        ({"kind": "event", "event": "x", "mapping": "a = ("}, "mapping", "“(”"),
        ({"kind": "event", "event": "x", "mapping": "a"}, "mapping", "write variable"),
        ({"kind": "schedule", "cron": "* *"}, "cron", "five fields were expected"),
        ({"kind": "schedule", "cron": "0 7 * * *", "zone": "X/Y"}, "zone", "is no time zone"),
        ({"kind": "workflow_end"}, "after", "There is no workflow"),
        ({"kind": "workflow_end", "after": "flow"}, "states", "at least one of the states"),
    ],
)
def test_each_problem_is_shown_at_its_field(
    modeller: Client, fields: dict[str, object], field: str, message: str
) -> None:
    response = add(modeller, draft(), **fields)
    assert response.status_code == 200
    assert message in " ".join(complaints(response)[field])
    assert not Trigger.objects.exists()


def test_saving_what_is_shown_changes_nothing(modeller: Client) -> None:
    register(*chain("a"), key="before")
    workflow = draft(triggers=[
        "ping", {"event": "pong", "filter": "n > 1", "mapping": {"a": "n"}},
        {"cron": "0 7 * * *", "zone": "Asia/Shanghai", "catch_up": "once"},
        {"workflow": "before", "states": ["failed"], "paused": "Not yet."},
    ])  # fmt: skip
    before = list(Trigger.objects.order_by("pk").values())
    assert save(modeller, workflow).status_code == 302
    assert list(Trigger.objects.order_by("pk").values()) == before
    assert not AuditEvent.objects.filter(kind="workflow.changed").exists()


def test_a_changed_schedule_is_planned_anew_and_a_pause_stays(modeller: Client) -> None:
    workflow = draft(triggers=[{"cron": "0 0 1 1 *", "paused": "Not yet."}])
    save(modeller, workflow, **{f"{PREFIX}-0-cron": "0 0 1 6 *"})
    trigger = Trigger.objects.get()
    assert (trigger.config["cron"], trigger.is_paused, trigger.next_due_at) == (
        "0 0 1 6 *", True, None,
    )  # fmt: skip
    row = AuditEvent.objects.get(kind="workflow.changed")
    assert row.data["fields"] == ["triggers.schedule 0 0 1 6 *.cron"]


def test_what_the_list_of_names_makes_is_taken_away_there(modeller: Client) -> None:
    workflow = draft(triggers=["ping"])
    response = save(modeller, workflow, **{f"{PREFIX}-0-DELETE": "on"})
    assert response.status_code == 200
    assert "comes from the list of names above" in response.content.decode()
    save(modeller, workflow, button="_publish", triggers="")
    assert not Trigger.objects.exists()


def test_another_trigger_is_deleted(modeller: Client) -> None:
    workflow = draft()
    add(modeller, workflow, kind="event", event="ping")
    save(modeller, workflow, **{f"{PREFIX}-0-DELETE": "on"})
    assert not Trigger.objects.exists()
    fields = AuditEvent.objects.filter(kind="workflow.changed").latest("pk").data["fields"]
    assert fields == ["triggers.event ping deleted"]


def test_a_stranger_changes_nothing(someone: Someone) -> None:
    workflow = draft(triggers=["ping"])
    assert someone("sue").get(address(workflow)).status_code == 403
    reader = someone("rita", "operator")
    assert "starters-0-kind" not in reader.get(address(workflow)).content.decode()


def begun_by_events() -> Workflow:
    """Two starts: one by a message, one every hour, three times."""
    return register(
        node("mail", "start", event={"type": "message", "name": "New mail"}),
        node("tick", "start", event={"type": "timer", "cycle": "R3/PT1H"}),
        step("a", "mail"),
        step("b", "tick"),
    ).workflow


def test_of_the_start_of_a_process_people_change_filter_and_input_only(modeller: Client) -> None:
    workflow = begun_by_events()
    page = filled(modeller, address(workflow))
    place = next(name for name, held in page.items() if held == "New mail")[: -len("event")]
    changed = {
        f"{place}event": "Another",
        f"{place}filter": "n > 1",
        f"{place}mapping": "total = n",
        f"{place}kind": "schedule",
    }
    assert modeller.post(address(workflow), {**page, **changed, "_save": "1"}).status_code == 302
    mail, tick = Trigger.objects.order_by("pk")
    assert (mail.kind, mail.config) == (
        "event",
        {"event": "New mail", "by": "message", "start": "mail", "filter": "n > 1",
         "mapping": {"total": "n"}},
    )  # fmt: skip
    assert (tick.subject, tick.config["start"]) == ("R3/PT1H", "tick")
    assert tick.next_due_at is not None


def test_the_start_of_a_process_is_not_deleted_here(modeller: Client) -> None:
    workflow = begun_by_events()
    page = filled(modeller, address(workflow))
    page[f"{PREFIX}-0-DELETE"] = "on"
    answer = modeller.post(address(workflow), {**page, "_save": "1"})
    assert answer.status_code == 200
    assert "comes from a start of the process" in answer.content.decode()
    assert Trigger.objects.count() == 2
