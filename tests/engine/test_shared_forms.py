"""Forms that steps share: kept in versions, frozen at publishing, then asked as drawn ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from agents import runner
from tests.bpmn.drawing import el, file
from tests.factories import human, make_user, register, start, task
from workflows import engine
from workflows.bpmn.reader import read
from workflows.engine import graphs
from workflows.errors import InvalidDefinition, InvalidForm, InvalidInput
from workflows.models import Approval, AuditEvent, FormVersion

pytestmark = pytest.mark.django_db(transaction=True)


def schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "integer"} for name in names}}


def kept(*names: str) -> FormVersion:
    return engine.register_form("claim", schema(*names), title="Expense claim", by=None)


def test_a_step_asks_the_form_that_it_names_and_its_fields_are_the_output() -> None:
    kept("amount")
    execution = start(human("ask", form="claim"))
    runner.drain()
    approval = Approval.objects.get(execution=execution)
    assert approval.form == schema("amount")
    bob = make_user("bob", "approver")
    with pytest.raises(InvalidInput):
        engine.decide(approval.pk, by=bob, verdict="approve", data={"amount": "ten"})
    engine.decide(approval.pk, by=bob, verdict="approve", data={"amount": 10})
    assert task(execution, "ask").output["data"] == {"amount": 10}


def test_a_version_keeps_the_form_it_was_published_with_and_the_next_takes_the_newest() -> None:
    kept("amount")
    first = register(human("ask", form="claim"))
    assert register(human("ask", form="claim")) == first
    kept("amount", "tax")
    assert graphs.of(first.pk).nodes[0].approval["form"] == schema("amount")
    second = register(human("ask", form="claim"))
    assert second.number == 2
    assert second.graph["nodes"][0]["approval"]["form_of"] == {"key": "claim", "version": 2}


def test_the_document_of_a_version_names_the_form_and_not_its_fields() -> None:
    kept("amount")
    register(human("ask", form="claim"))
    (found,) = read(engine.export_bpmn("flow", 1)).definition["tasks"]
    assert found["approval"]["form"] == "claim"
    assert "form_of" not in found["approval"]


def test_a_form_that_is_not_there_keeps_the_step_from_being_published() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(human("ask", form="claim"))
    (problem,) = refused.value.problems
    assert (problem.element, problem.field) == ("ask", "approval")
    assert problem.message.startswith("Form “claim” of step “Ask” is not there: add it under Forms")
    kept("amount")
    assert register(human("ask", form="claim")).number == 1


@pytest.mark.parametrize(
    ("key", "form", "field"),
    [
        ("2nd", schema("a"), "key"),
        ("claim", {}, "form"),
        ("claim", {"type": "string"}, "form"),
        ("claim", schema(), "form"),
        ("claim", {"type": "object", "properties": {"a": {"type": "whatever"}}}, "form"),
    ],
)
def test_what_is_no_form_is_refused_and_nothing_is_kept(
    key: str, form: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidForm) as refused:
        engine.register_form(key, form, by=None)
    assert refused.value.problems[0].startswith(f"{field}: ")
    assert not FormVersion.objects.exists()


def test_the_same_form_again_is_the_same_version_and_no_version_ever_changes() -> None:
    ann = make_user("ann", "modeller")
    version = engine.register_form("claim", schema("a"), by=ann)
    assert engine.register_form("claim", schema("a"), by=ann) == version
    assert engine.register_form("claim", schema("a"), title="Claim", by=ann).number == 2
    rows = AuditEvent.objects.filter(kind="form.registered").order_by("pk")
    assert [(row.actor, row.data["version"]) for row in rows] == [("user:ann", 1), ("user:ann", 2)]
    with pytest.raises(DatabaseError), transaction.atomic():
        FormVersion.objects.filter(pk=version.pk).update(title="Other")


def test_the_key_of_another_tools_form_is_one_of_ours_only_where_there_is_one() -> None:
    asks = {"camunda__candidateGroups": "approver", "camunda__formKey": "claim"}
    data = file(el("userTask", "ask", **asks))
    without = engine.import_bpmn(data, by=None, publish=True)
    assert without.version is not None
    assert any("“claim” is not among the shared forms" in one.what for one in without.findings)
    kept("amount")
    asking = engine.import_bpmn(data, by=None, publish=True)
    assert asking.version is not None
    assert asking.version.graph["nodes"][0]["approval"]["form_of"] == {"key": "claim", "version": 1}
    assert engine.export_bpmn("orders") == data


def test_a_camunda_form_is_imported_under_its_id_and_what_is_left_out_is_told() -> None:
    components = [{"type": "number", "key": "amount"}, {"type": "filepicker", "key": "receipt"}]
    document = {"id": "claim", "components": components, "schemaVersion": 17}
    done = engine.import_form(json.dumps(document).encode(), by=None, name="x.form")
    assert (done.version.form.key, done.is_new) == ("claim", True)
    assert [*done.version.schema["properties"]] == ["amount"]
    assert done.notes == ["“receipt” of the form is a “filepicker”: it is not filled in."]


def test_a_json_schema_is_imported_under_the_name_of_its_file() -> None:
    done = engine.import_form(json.dumps(schema("a")).encode(), by=None, name="claim.json")
    assert (done.version.form.key, done.version.schema) == ("claim", schema("a"))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[1]", b'{"components": []}', b'{"a": ' * 5_000])
def test_a_file_that_is_no_form_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidForm):
        engine.import_form(data, by=None, name="claim.form")
    assert not FormVersion.objects.exists()
