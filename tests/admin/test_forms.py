from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.admin.conftest import Someone
from tests.admin.pages import TASKS, address, filled, save
from tests.factories import human, register
from workflows import engine
from workflows.engine import shared_forms
from workflows.models import AuditEvent, Form, FormVersion, Workflow

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/workflows/form/", "/admin/workflows/form/add/"
SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}}}


def test_a_form_is_made_and_what_is_saved_later_is_its_next_version(modeller: Client) -> None:
    typed = {"key": "claim", "title": "Claim", "schema": json.dumps(SCHEMA)}
    assert modeller.post(ADD, typed).status_code == 302
    version = shared_forms.latest("claim")
    assert (version.number, version.schema) == (1, SCHEMA)
    assert AuditEvent.objects.get(kind="form.registered").actor == "user:mona"
    change = f"{LIST}{version.form_id}/change/"
    shown = modeller.get(change).content.decode()
    assert "amount" in shown
    assert (
        modeller.post(change, {"title": "Claims", "schema": json.dumps(SCHEMA)}).status_code == 302
    )
    assert (shared_forms.latest("claim").number, Form.objects.get().title) == (2, "Claims")
    assert "Claims" in modeller.get(LIST).content.decode()


@pytest.mark.parametrize("schema", ["{", "{}", '{"type": "string"}'])
def test_what_is_no_form_is_told_at_its_field(modeller: Client, schema: str) -> None:
    answer = modeller.post(ADD, {"key": "claim", "title": "Claim", "schema": schema})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["schema"]
    assert not FormVersion.objects.exists()


def test_who_may_not_edit_workflows_neither_sees_nor_makes_forms(someone: Someone) -> None:
    engine.register_form("claim", SCHEMA, by=None)
    auditor = someone("vera", "auditor")
    for url in (LIST, ADD, f"{LIST}{Form.objects.get().pk}/change/"):
        assert auditor.get(url).status_code == 403
        assert auditor.post(url, {}).status_code == 403
    assert FormVersion.objects.count() == 1


def test_a_task_is_given_times_and_a_shared_form_and_loses_them_again(modeller: Client) -> None:
    engine.register_form("claim", SCHEMA, title="Claim", by=None)
    workflow = register(human("ask")).workflow
    given = {"due": "PT4H", "follow_up": "P2D", "form": "claim"}
    save(modeller, workflow, **{f"t0__approval_{name}": told for name, told in given.items()})
    assert workflow.task_definitions.get().approval == {"groups": ["approver"], **given}
    row = AuditEvent.objects.get(kind="workflow.changed")
    assert row.data["fields"] == [f"tasks.ask.approval.{name}" for name in given]
    save(modeller, workflow, **{f"t0__approval_{name}": "" for name in given})
    assert workflow.task_definitions.get().approval == {"groups": ["approver"]}


def test_a_form_drawn_at_the_step_stays_when_something_else_is_changed(modeller: Client) -> None:
    workflow = register(human("ask", form=SCHEMA)).workflow
    save(modeller, workflow, t0__approval_title="Sure?")
    assert workflow.task_definitions.get().approval["form"] == SCHEMA


def test_a_wrong_due_time_is_told_with_what_was_expected(modeller: Client) -> None:
    workflow = register(human("ask")).workflow
    typed = {**filled(modeller, address(workflow)), f"{TASKS}-0-approval_due": "P1M"}
    modeller.post(address(workflow), {**typed, "_save": "1"})
    (problem,) = engine.problems(Workflow.objects.get())
    assert problem.message.startswith("“due” is “P1M”; a duration such as PT4H")
    assert "“due” is “P1M”" in modeller.get(address(workflow)).content.decode()
