"""What the diagram editor asks of the server, and who may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import register, step
from workflows import engine
from workflows.models import AuditEvent, Workflow
from workflows.views import diagram_texts

from .conftest import page

pytestmark = pytest.mark.django_db
EDIT = "/workflows/flow/edit/"


@pytest.fixture
def flow(db: None) -> Workflow:
    register(step("a"), step("b", "a"), key="flow")
    return Workflow.objects.get(key="flow")


def posted(client: Client, part: str, status: int = 200, **fields: Any) -> dict[str, Any]:
    answer = client.post(f"{EDIT}{part}/", fields)
    assert answer.status_code == status, answer.content
    told: dict[str, Any] = json.loads(answer.content)
    return told


def drawn(flow: Workflow, old: str = "", new: str = "") -> str:
    """The draft's document, with a change."""
    document = engine.diagram_of(flow).decode()
    assert old in document
    return document.replace(old, new) if old else document


def test_the_state_is_the_document_with_its_revision(modeller: Client, flow: Workflow) -> None:
    told = json.loads(page(modeller, f"{EDIT}state/"))
    assert told["xml"] == engine.diagram_of(flow).decode()
    assert told["revision"] == flow.revision
    assert json.loads(page(modeller, f"{EDIT}state/?brief=1")) == {"revision": flow.revision}


def test_a_save_changes_the_draft_and_says_the_new_revision(
    modeller: Client, flow: Workflow
) -> None:
    xml = drawn(flow, 'name="B"', 'name="Renamed"')
    told = posted(modeller, "save", xml=xml, revision=flow.revision)
    assert told["revision"] == flow.revision + 1
    assert flow.task_definitions.get(key="b").name == "Renamed"
    assert AuditEvent.objects.filter(kind="workflow.changed", actor="user:linus").exists()


def test_who_saves_over_a_newer_draft_is_told_who_changed_what(
    modeller: Client, flow: Workflow
) -> None:
    xml = drawn(flow, 'name="B"', 'name="Renamed"')
    posted(modeller, "save", xml=xml, revision=flow.revision)
    told = posted(modeller, "save", 409, xml=drawn(flow), revision=flow.revision)
    assert told["revision"] == flow.revision + 1
    assert "linus" in told["changes"][0]
    assert "tasks.b.name" in told["changes"][0]
    assert flow.task_definitions.get(key="b").name == "Renamed"


@pytest.mark.parametrize("xml", ["", "no XML", "<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_bpmn_is_refused_and_nothing_changes(
    modeller: Client, flow: Workflow, xml: str
) -> None:
    told = posted(modeller, "save", 422, xml=xml, revision=flow.revision)
    assert told["problems"][0]["message"]
    flow.refresh_from_db()
    assert flow.task_definitions.count() == 2
    assert posted(modeller, "problems", xml=xml)["problems"][0]["message"]


def test_a_save_without_its_revision_is_refused(modeller: Client, flow: Workflow) -> None:
    told = posted(modeller, "save", 422, xml=drawn(flow))
    assert "revision" in told["problems"][0]["message"]


def test_problems_of_a_document_are_told_and_nothing_is_stored(
    modeller: Client, flow: Workflow
) -> None:
    assert posted(modeller, "problems", xml=drawn(flow))["problems"] == []
    xml = drawn(flow, "serviceTask", "callActivity")
    told = posted(modeller, "problems", xml=xml)["problems"]
    assert {one["element"] for one in told} == {"a", "b"}
    assert ("It names no process that it calls.", "problem") in [
        (one["message"], one["severity"]) for one in told
    ]
    assert not flow.task_definitions.filter(kind="call").exists()
    saved = posted(modeller, "save", xml=xml, revision=flow.revision)
    assert saved["problems"] == told


def test_a_problem_names_the_element_where_its_key_is_another_form_of_the_id(
    modeller: Client, flow: Workflow
) -> None:
    xml = drawn(flow, "serviceTask", "callActivity").replace('"b"', '"审批"')
    told = posted(modeller, "save", xml=xml, revision=flow.revision)["problems"]
    assert {one["element"] for one in told} == {"a", "审批"}


def test_an_expression_is_checked_while_it_is_typed(modeller: Client, flow: Workflow) -> None:
    assert posted(modeller, "expression", source="total > 5")["problem"] == ""
    assert "total >" in posted(modeller, "expression", source="total >")["problem"]


def test_publishing_shows_what_changes_and_keeps_the_comment(
    modeller: Client, flow: Workflow
) -> None:
    xml = drawn(flow, 'name="B"', 'name="Renamed"')
    revision = posted(modeller, "save", xml=xml, revision=flow.revision)["revision"]
    asked = page(modeller, f"{EDIT}publish/")
    assert "Renamed" in asked
    assert "versions/1/compare/draft/" in asked
    sent = {"comment": "Better name", "revision": revision}
    assert modeller.post(f"{EDIT}publish/", sent).status_code == 302
    latest = flow.versions.latest()
    assert (latest.number, latest.comment) == (2, "Better name")


def test_a_draft_that_was_not_shown_is_not_published(modeller: Client, flow: Workflow) -> None:
    xml = drawn(flow, 'name="B"', 'name="Renamed"')
    posted(modeller, "save", xml=xml, revision=flow.revision)
    answer = modeller.post(f"{EDIT}publish/", {"comment": "", "revision": flow.revision})
    assert answer.status_code == 422
    assert "has been changed since" in answer.content.decode()
    assert flow.versions.count() == 1


def test_an_unfinished_draft_is_not_published(modeller: Client, flow: Workflow) -> None:
    xml = drawn(flow, "serviceTask", "callActivity")
    revision = posted(modeller, "save", xml=xml, revision=flow.revision)["revision"]
    answer = modeller.post(f"{EDIT}publish/", {"revision": revision})
    assert answer.status_code == 422
    assert "It names no process that it calls." in answer.content.decode()


def test_who_sees_may_look_and_only_modellers_change(
    operator: Client, modeller: Client, stranger: Client, flow: Workflow
) -> None:
    assert "data-may-edit" in page(modeller, EDIT)
    assert "data-may-edit" not in page(operator, EDIT)
    assert "do-publish" not in page(operator, EDIT)
    page(stranger, EDIT, 403)
    for part in ("save", "problems", "expression", "publish"):
        assert operator.post(f"{EDIT}{part}/", {}).status_code == 403, part


def test_a_new_workflow_has_a_start_and_opens_in_the_editor(modeller: Client) -> None:
    answer = modeller.post("/workflows/new/", {"name": "Stock check"})
    assert answer.headers["Location"] == "/workflows/stock_check/edit/"
    made = Workflow.objects.get(key="stock_check")
    assert [task.kind for task in made.task_definitions.all()] == ["start"]
    assert AuditEvent.objects.filter(kind="workflow.created", actor="user:linus").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Give the workflow a name."),
        ({"name": "库存"}, "Give the workflow a key"),
        ({"name": "Flow", "key": "flow"}, "There is a workflow “flow” already."),
        ({"name": "Flow", "key": "1 2"}, "Use letters, digits"),
        ({"name": "x" * 300, "key": "long"}, "at most 200"),
    ],
)
def test_a_bad_name_or_key_is_told_and_kept_in_the_form(
    modeller: Client, flow: Workflow, fields: dict[str, str], said: str
) -> None:
    answer = modeller.post("/workflows/new/", fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Workflow.objects.count() == 1


def test_bpmn_js_finds_a_word_for_everything_that_it_says() -> None:
    assert set(diagram_texts.drawing()) >= {
        "Task of an agent",
        "Append end event",
        "Change element",
    }
