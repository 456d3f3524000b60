"""Diagrams of drafts and versions: kept as they came, and two pens on one draft."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from config.demo.workflows import WORKFLOWS
from tests.bpmn.files import FOREIGN, file, renamed, with_complex_gateway
from tests.dmn.making import DISH
from tests.factories import chain, make_user, node, register, step
from workflows import engine
from workflows.engine import describing
from workflows.errors import (
    CannotDraw,
    DraftChanged,
    DraftExists,
    InvalidDefinition,
    InvalidDiagram,
    UnknownVersion,
    UnknownWorkflow,
    UnsupportedDiagram,
)
from workflows.models import AuditEvent, Diagram, TaskDefinition, Version, VersionDiagram, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def imported(data: bytes, **how: Any) -> Workflow:
    return engine.import_bpmn(data, **{"by": None, **how}).workflow


def changes() -> list[tuple[str, str, list[str], int]]:
    rows = AuditEvent.objects.filter(entity_type="workflow").exclude(kind="workflow.published")
    return [
        (row.kind, row.actor, row.data["fields"], row.data["revision"])
        for row in rows.order_by("id")
    ]


def test_a_file_becomes_a_draft_and_is_exported_byte_for_byte() -> None:
    data = file(*chain("a", "b"), variables={"limit": 5})
    done = engine.import_bpmn(data, by=make_user("linus"))
    assert (done.is_new, done.findings, done.problems, done.version) == (True, [], [], None)
    assert [task.key for task in done.workflow.task_definitions.all()] == ["a", "b"]
    assert done.workflow.variables == {"limit": 5}
    assert engine.export_bpmn("flow") == data
    [(kind, actor, fields, revision)] = changes()
    assert (kind, actor, revision) == ("workflow.imported", "user:linus", 1)
    assert {"tasks.a added", "tasks.b added", "diagram"} <= set(fields)


def test_a_version_keeps_the_document_that_it_was_published_with() -> None:
    data = file()
    first = engine.import_bpmn(data, by=None, publish=True).version
    assert first is not None
    imported(file(*chain("a", "b", "c")))
    assert engine.export_bpmn("flow", 1) == engine.diagram_of_version(first) == data
    assert engine.export_bpmn("flow") != data


def test_the_database_refuses_to_change_the_document_of_a_version() -> None:
    engine.import_bpmn(file(), by=None, publish=True)
    for change in (
        lambda: VersionDiagram.objects.update(content=b"x"),
        lambda: VersionDiagram.objects.all().delete(),
        lambda: connection.cursor().execute("TRUNCATE workflows_versiondiagram"),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_the_database_refuses_a_document_that_is_too_large_or_has_another_digest() -> None:
    imported(file())
    with pytest.raises(IntegrityError, match="the_digest_of_a_diagram_is_its_own"):
        Diagram.objects.update(content=b"other")
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="at_most_5_mib"):
        cursor.execute(
            "UPDATE workflows_diagram SET content = c, sha256 = encode(sha256(c), 'hex') "
            "FROM (SELECT convert_to(repeat('x', 5242881), 'UTF8') AS c) AS large"
        )


def test_a_workflow_without_a_document_gets_one_that_says_all_of_it() -> None:
    version = register(step("a"), step("b", {"task": "a", "when": "x > 1"}, max_retries=2))
    before = engine.compiled(version.workflow)
    assert engine.diagram_of_version(version) == engine.export_bpmn("flow", 1)
    again = imported(engine.diagram_of(version.workflow))
    assert engine.compiled(again).sha256() == before.sha256()


def test_what_the_form_changes_is_in_the_document_and_back_again_is_the_same_file() -> None:
    data = file()
    workflow = imported(data)
    TaskDefinition.objects.filter(key="b").update(name="Beta")
    patched = engine.diagram_of(workflow)
    assert b'"Beta"' in patched
    assert b"drawn by hand" in patched
    TaskDefinition.objects.filter(key="b").update(name="B")
    assert engine.diagram_of(workflow) == data


def test_what_the_diagram_changes_is_in_the_rows_which_keep_their_ids() -> None:
    workflow = imported(file(*chain("a", "b")))
    before = dict(workflow.task_definitions.values_list("key", "pk"))
    shown = engine.diagram_of(workflow)
    saved = engine.save_diagram(
        workflow, renamed(shown, "B", "Beta"), by=make_user("linus"), revision=workflow.revision
    )
    assert (saved.revision, saved.problems, workflow.revision) == (2, [], 2)
    assert workflow.task_definitions.get(key="b").name == "Beta"
    assert dict(workflow.task_definitions.values_list("key", "pk")) == before
    assert changes()[-1] == ("workflow.changed", "user:linus", ["tasks.b.name", "diagram"], 2)


def test_saving_what_is_there_changes_nothing() -> None:
    workflow = imported(file())
    saved = engine.save_diagram(
        workflow, engine.diagram_of(workflow), by=None, revision=workflow.revision
    )
    assert (saved.revision, len(changes())) == (1, 1)


def test_the_second_of_two_editors_is_told_who_was_faster_and_with_what() -> None:
    ada, linus = make_user("ada"), make_user("linus")
    workflow = imported(file())
    mine = Workflow.objects.get()
    shown = engine.diagram_of(workflow)
    engine.save_diagram(workflow, renamed(shown, "B", "Theirs"), by=ada, revision=1)
    with pytest.raises(DraftChanged, match=r"ada at .* UTC: tasks\.b\.name, diagram") as refused:
        engine.save_diagram(mine, renamed(shown, "B", "Mine"), by=linus, revision=1)
    [change] = refused.value.changes
    assert (change.by, change.revision, change.kind) == ("user:ada", 2, "workflow.changed")
    assert b"Theirs" in engine.diagram_of(workflow)


def test_registering_a_definition_counts_as_a_change_only_if_it_is_one() -> None:
    workflow = register(*chain("a")).workflow
    first = Workflow.objects.get().revision
    register(*chain("a"))
    assert Workflow.objects.get().revision == first
    register(*chain("a", "b"))
    with pytest.raises(DraftChanged, match="published"):
        engine.save_diagram(workflow, b"", by=None, revision=first)


def test_what_cannot_be_run_is_listed_and_keeps_the_draft_from_being_published() -> None:
    data = with_complex_gateway(file())
    done = engine.import_bpmn(data, by=None)
    [finding] = [one for one in done.findings if one.severity == "unsupported"]
    assert (finding.element_id, finding.name) == ("maze", "Which way?")
    assert finding.line
    [problem] = [one for one in done.problems if one.field == "diagram"]
    assert problem.message.startswith(f"“Which way?” (line {finding.line}): ")
    with pytest.raises(InvalidDefinition, match="Which way"):
        engine.publish(done.workflow, by=None)
    assert engine.export_bpmn("flow") == data
    mended = engine.save_diagram(done.workflow, file(), by=None, revision=1)
    assert mended.problems == []
    assert engine.publish(Workflow.objects.get(), by=None).number == 1


@pytest.mark.parametrize("how", [{"strict": True}, {"publish": True}])
def test_a_file_that_is_refused_leaves_nothing(how: dict[str, bool]) -> None:
    with pytest.raises((UnsupportedDiagram, InvalidDefinition), match="Which way"):
        imported(with_complex_gateway(file()), **how)
    assert not Workflow.objects.exists()
    assert not Diagram.objects.exists()
    assert not AuditEvent.objects.exists()


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><b>&b;</b>"""


@pytest.mark.parametrize("data", [b"", b"no xml", b"<a/>", BOMB, b"<" * (5 * 2**20 + 1)])
def test_what_is_no_bpmn_is_refused_and_leaves_the_draft_as_it_was(data: bytes) -> None:
    workflow = imported(file())
    for act in (
        lambda: imported(data, key="flow"),
        lambda: engine.save_diagram(workflow, data, by=None, revision=1),
    ):
        with pytest.raises(InvalidDiagram) as refused:
            act()
        assert refused.value.problems[0].message
    assert engine.export_bpmn("flow") == file()
    assert len(changes()) == 1


def test_a_draft_is_replaced_only_if_that_is_wanted() -> None:
    imported(file())
    with pytest.raises(DraftExists, match="“flow” already: “Flow”"):
        imported(file(*chain("x")), replace=False)
    workflow = imported(file(*chain("x")))
    assert [task.key for task in workflow.task_definitions.all()] == ["x"]
    assert workflow.revision == 2


def test_settings_that_a_file_says_nothing_of_stay_and_are_in_the_document() -> None:
    register(*chain("a", "b"), variables={"limit": 5})
    data = file()
    workflow = imported(data)
    assert workflow.variables == {"limit": 5}
    assert b"limit" not in data
    assert b"limit" in engine.diagram_of(workflow)


def test_a_file_may_get_another_key() -> None:
    assert imported(file(), key="other").key == "other"
    with pytest.raises(InvalidDefinition, match="letters, digits"):
        imported(file(), key="no key")


def test_a_schedule_in_a_file_is_set_up_once_and_exported_again() -> None:
    schedule = {"cron": "0 7 * * *", "zone": "Europe/Berlin"}
    data = file(triggers=["paid", schedule])
    workflow = imported(data)
    assert imported(data).starters.count() == 1
    assert workflow.triggers == ["paid"]
    assert describing.definition_of(workflow)["triggers"] == ["paid", schedule]
    assert engine.export_bpmn("flow") == data


def test_an_export_names_what_is_not_there() -> None:
    with pytest.raises(UnknownWorkflow, match="“flow”"):
        engine.export_bpmn("flow")
    register(*chain("a"))
    with pytest.raises(UnknownVersion, match="no version 7"):
        engine.export_bpmn("flow", 7)


def test_a_file_of_another_tool_comes_back_as_it_was_and_keeps_what_is_not_touched() -> None:
    workflow = imported(FOREIGN)
    assert engine.export_bpmn("orders") == FOREIGN
    TaskDefinition.objects.filter(key="file").update(
        name="File it away", kind="agent", max_retries=4
    )
    lines, before = engine.export_bpmn("orders").splitlines(), FOREIGN.splitlines()
    gone = [line for line in before if line not in lines]
    assert all(b'"file"' in line or b"targetNamespace" in line for line in gone)
    assert b"File it away" in b"".join(lines)
    again = engine.save_diagram(workflow, b"\n".join(lines), by=None, revision=1)
    assert again.revision == 2
    assert workflow.task_definitions.get(key="file").max_retries == 4


def test_a_file_without_a_layout_gets_one_where_it_is_shown_and_comes_back_without() -> None:
    head, rest = FOREIGN.split(b"  <bpmndi:BPMNDiagram")
    bare = head + b"</definitions>\n"
    workflow = imported(bare)
    assert engine.export_bpmn("orders") == bare
    drawn = engine.diagram_of(workflow, drawn=True)
    assert drawn.count(b"Bounds ") == rest.count(b"Bounds ") == 4
    saved = engine.save_diagram(workflow, drawn, by=None, revision=1)
    assert saved.revision == 2
    assert engine.export_bpmn("orders") == drawn


def test_a_task_that_the_form_adds_gets_a_place_and_the_others_keep_theirs() -> None:
    workflow = imported(FOREIGN)
    TaskDefinition.objects.create(
        workflow=workflow, key="more", name="And more", kind="agent", capabilities=["echo"],
        depends_on=["look"], position=9,
    )  # fmt: skip
    document = engine.export_bpmn("orders")
    for bounds in (b'x="123" y="31"', b'x="301" y="37"', b'<house:colour value="red"/>'):
        assert bounds in document
    assert document.count(b"<dc:Bounds") == 5


@pytest.mark.parametrize("definition", WORKFLOWS, ids=lambda definition: definition["key"])
def test_a_definition_that_is_exported_and_imported_is_the_same_graph(
    definition: dict[str, Any],
) -> None:
    version = engine.register_workflow(definition)
    data = engine.export_bpmn(definition["key"])
    done = engine.import_bpmn(data, by=None, publish=True)
    assert engine.compiled(done.workflow).sha256() == version.sha256
    assert done.version == version
    assert done.workflow.starters.count() == version.workflow.starters.count()
    assert engine.export_bpmn(definition["key"]) == data


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ({"parent": "nowhere"}, "nowhere"),
        ({"parent": "a"}, "“a”, which is no sub-process"),
        ({"parent": "b", "kind": "scope"}, "It lies in itself"),
        ({"name": "bell\x07"}, "a character that XML cannot hold"),
    ],
)
def test_a_draft_that_no_document_can_say_is_told_what_to_mend(
    flaw: dict[str, str], said: str
) -> None:
    workflow = register(*chain("a", "b")).workflow
    TaskDefinition.objects.filter(key="b").update(**flaw)
    with pytest.raises(CannotDraw, match=f"“b”: .*{said}"):
        engine.diagram_of(workflow)


def test_a_version_whose_document_cannot_be_written_is_not_published() -> None:
    workflow = imported(file())
    TaskDefinition.objects.filter(key="b").update(capabilities=["two words"])
    with pytest.raises(InvalidDefinition, match="one word without blanks"):
        engine.publish(workflow, by=None)
    assert not Version.objects.exists()


def test_the_one_of_several_processes_that_was_chosen_stays_it() -> None:
    other = b"""  <process id="returns" name="Returns" isExecutable="true">
    <task id="back" name="Take it back"/>
  </process>
  <bpmndi:BPMNDiagram"""
    data = FOREIGN.replace(b"  <bpmndi:BPMNDiagram", other, 1)
    workflow = imported(data, process="returns")
    assert workflow.key == "returns"
    TaskDefinition.objects.filter(key="back").update(name="Give it back")
    document = engine.diagram_of(workflow)
    assert document == data.replace(b"Take it back", b"Give it back")
    engine.save_diagram(
        workflow, document.replace(b"Give", b"Carry"), by=None, revision=workflow.revision
    )
    assert [task.name for task in workflow.task_definitions.all()] == ["Carry it back"]


def test_tables_that_a_version_has_frozen_are_not_in_its_document() -> None:
    engine.import_dmn(DISH, by=None)
    rule = {"decision": "dish", "result": "menu"}
    version = register(node("choose", "decision", decision=rule), step("b", "choose"))
    document = engine.diagram_of_version(version)
    assert b"Roastbeef" not in document
    again = engine.import_bpmn(document, by=None, publish=True)
    assert (again.version, again.workflow.task_definitions.get(key="choose").decision) == (
        version, rule,
    )  # fmt: skip


@pytest.mark.parametrize("key", ["import", "new"])
def test_a_key_that_is_the_address_of_a_page_is_not_published(key: str) -> None:
    with pytest.raises(InvalidDefinition, match="reserved key"):
        engine.register_workflow({"key": key, "tasks": [{"key": "a", "agent": "any"}]})
