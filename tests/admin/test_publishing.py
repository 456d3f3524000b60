from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.conftest import Someone
from tests.admin.pages import LIST, TASKS, address, new_task, said, save
from tests.factories import chain, register
from workflows.models import AuditEvent, Version, Workflow

pytestmark = pytest.mark.django_db


def draft() -> Workflow:
    return register(*chain("a", "b")).workflow


def test_save_and_publish_makes_the_next_version(modeller: Client) -> None:
    workflow = draft()
    response = save(modeller, workflow, "_publish", t0__name="First", _comment="A better name")
    version = Version.objects.get(number=2)
    assert response.url == address(workflow)
    assert "is published as version 2" in said(response)
    assert version.graph["nodes"][0]["name"] == "First"
    assert (version.comment, str(version.published_by)) == ("A better name", "mona")
    event = AuditEvent.objects.filter(kind="workflow.published").latest("id")
    assert event.actor == "user:mona"


def test_publishing_what_has_not_changed_makes_no_version(modeller: Client) -> None:
    response = save(modeller, draft(), "_publish")
    assert "has not changed since version 1" in said(response)
    assert Version.objects.count() == 1


def test_a_refused_draft_is_saved_and_every_problem_is_listed(modeller: Client) -> None:
    workflow = draft()
    response = save(modeller, workflow, "_publish", t0__depends_on="b", t1__output_mapping="x = 1+")
    text = said(response)
    assert "was not published" in text
    assert "in a circle: A, B" in text
    assert "B: “1+”" in text
    assert Version.objects.count() == 1
    assert workflow.task_definitions.get(key="a").depends_on == ["b"]


def test_a_new_workflow_may_be_published_at_once(modeller: Client) -> None:
    response = modeller.post(f"{LIST}add/", {
        "key": "k", "name": "K", "priority": 2, f"{TASKS}-TOTAL_FORMS": 1,
        f"{TASKS}-INITIAL_FORMS": 0, "_publish": "1", **new_task(0, key="a", name="A"),
    })  # fmt: skip
    workflow = Workflow.objects.get()
    assert response.url == address(workflow)
    assert workflow.published is not None


def test_the_action_publishes_what_it_can_and_says_why_not(modeller: Client) -> None:
    good, bad = draft(), register(*chain("a"), key="bad").workflow
    good.task_definitions.update(name="Changed")
    bad.task_definitions.update(depends_on=["gone"])
    response = modeller.post(LIST, {"action": "publish", "_selected_action": [good.pk, bad.pk]})
    assert "“Flow” is published as version 2." in said(response)
    assert "“Bad” was not published." in said(response)
    assert "“gone” is not a task of this workflow." in said(response)


def test_a_long_list_of_problems_is_cut_short(modeller: Client) -> None:
    workflow = draft()
    response = save(modeller, workflow, "_publish", t0__depends_on=" , ".join(
        f"gone{number}" for number in range(60)
    ))  # fmt: skip
    assert said(response).count("<li>") == 51
    assert "and 10 more" in said(response)


def test_publishing_needs_its_own_permission(someone: Someone) -> None:
    client = someone("ed")
    rights = ("view_workflow", "change_workflow", "change_taskdefinition", "view_taskdefinition")
    User.objects.get(username="ed").user_permissions.set(
        Permission.objects.filter(codename__in=rights)
    )
    workflow = draft()
    assert save(client, workflow, t0__name="Changed").status_code == 302
    assert "_publish" not in client.get(address(workflow)).content.decode()
    assert save(client, workflow, "_publish").status_code == 403
    client.post(LIST, {"action": "publish", "_selected_action": [workflow.pk]})
    assert Version.objects.count() == 1
