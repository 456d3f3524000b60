from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from agents.models import Agent
from tests.admin.conftest import Someone
from tests.admin.pages import ADD, LIST, address
from tests.factories import chain, make_agent, register
from workflows.models import ApiToken, Form, Version, Workflow

pytestmark = pytest.mark.django_db
VERSIONS = "/admin/workflows/version/"


def test_runs_approvals_and_history_have_no_page_that_could_change_them() -> None:
    ours = {model for model in admin.site._registry if model._meta.app_label == "workflows"}
    assert ours == {Workflow, Version, ApiToken, Form}


def test_the_pages_of_the_queue_are_not_there(someone: Someone) -> None:
    apps = {model._meta.app_label for model in admin.site._registry}
    assert "django_q" not in apps
    root = someone("root", is_superuser=True)
    for page in ("success", "failure", "schedule", "ormq"):
        assert root.get(f"/admin/django_q/{page}/").status_code == 404


def test_users_groups_and_definitions_are_there() -> None:
    assert {User, Group, Workflow, Agent} <= set(admin.site._registry)


@pytest.mark.parametrize("group", ["operator", "approver", "auditor"])
def test_who_is_no_modeller_reads_and_changes_nothing(someone: Someone, group: str) -> None:
    workflow = register(*chain("a")).workflow
    client = someone("sam", group)
    assert client.get(LIST).status_code == 200
    assert client.get(address(workflow)).status_code == 200
    assert client.post(address(workflow), {"name": "Mine", "_save": "1"}).status_code == 403
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {"key": "x", "name": "X"}).status_code == 403
    assert client.post(f"{LIST}{workflow.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "publish", "_selected_action": [workflow.pk]})
    workflow.refresh_from_db()
    assert (workflow.name, workflow.versions.count()) == ("Flow", 1)


def test_staff_without_a_role_sees_nothing(someone: Someone) -> None:
    workflow = register(*chain("a")).workflow
    client = someone("stan")
    for url in (LIST, ADD, address(workflow), VERSIONS, "/admin/agents/agent/"):
        assert client.get(url).status_code == 403


@pytest.mark.parametrize("groups", [(), ("modeller",)])
def test_who_is_no_staff_is_sent_to_the_door(someone: Someone, groups: tuple[str, ...]) -> None:
    client = someone("sue", *groups, is_staff=False)
    assert client.get(LIST).url.startswith("/admin/login/")
    assert Client().get(LIST).url.startswith("/admin/login/")


def test_a_version_is_only_read_even_by_a_superuser(someone: Someone) -> None:
    version = register(*chain("a"))
    root = someone("root", is_superuser=True)
    url = f"{VERSIONS}{version.pk}/change/"
    page = root.get(url).content.decode()
    assert "&quot;nodes&quot;" in page
    assert 'name="_save"' not in page
    assert root.get(VERSIONS).status_code == 200
    assert root.get(f"{VERSIONS}add/").status_code == 403
    assert root.post(url, {"number": 9}).status_code == 403
    assert root.post(f"{VERSIONS}{version.pk}/delete/", {"post": "yes"}).status_code == 403
    root.post(VERSIONS, {"action": "delete_selected", "_selected_action": version.pk, "post": "y"})
    assert Version.objects.get() == version


def test_a_reader_sees_the_tasks_of_a_draft(someone: Someone) -> None:
    register({"key": "ok", "kind": "human", "approval": {"groups": ["board"]}})
    client = someone("olga", "operator")
    group = Group.objects.get(name="operator")
    group.permissions.add(Permission.objects.get(codename="view_taskdefinition"))
    html = client.get(address(Workflow.objects.get())).content.decode()
    assert "board" in html
    assert "<textarea" not in html


@pytest.mark.parametrize("group", ["approver", "auditor"])
def test_who_only_sees_agents_changes_none(someone: Someone, group: str) -> None:
    agent = make_agent()
    client = someone("sam", group)
    url = f"/admin/agents/agent/{agent.pk}/change/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "Mine"}).status_code == 403
    client.post("/admin/agents/agent/", {"action": "set_offline", "_selected_action": agent.pk})
    agent.refresh_from_db()
    assert (agent.name, agent.status) == ("Echo", "active")


def test_the_pages_allow_no_inline_code_and_lead_back_to_the_desk(modeller: Client) -> None:
    workflow = register(*chain("a")).workflow
    for url in ("/admin/", LIST, address(workflow), ADD):
        response = modeller.get(url)
        html = response.content.decode()
        assert "unsafe" not in response["Content-Security-Policy"]
        assert " style=" not in html
        assert " onclick=" not in html
        assert '<a class="desk" href="/">' in html
