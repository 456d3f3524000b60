"""Tasks that make decisions, from the DMN file to the audit."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from agents import runner
from tests.dmn.making import DISH, decision, dmn, table
from tests.factories import (
    default,
    history,
    human,
    make_agent,
    make_user,
    node,
    register,
    start,
    states,
    step,
    task,
    when,
)
from workflows import engine
from workflows.engine import decision_tables, definitions
from workflows.errors import InvalidDefinition, UnreadableDecisions
from workflows.graph.shape import Graph
from workflows.models import (
    AuditEvent,
    DecisionFile,
    DecisionTable,
    DecisionVersion,
    Execution,
    Workflow,
)

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = {"Temperature today": 25, "day type": "Weekend"}


def choosing(**fields: object) -> dict[str, object]:
    return node("choose", "decision", decision={"decision": "dish", "result": "menu"}, **fields)


def imported(data: bytes = DISH) -> None:
    engine.import_dmn(data, by=None)


def ran(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def test_a_decision_sets_its_variable_and_the_way_on() -> None:
    imported()
    make_agent()
    execution = ran(
        start(
            choosing(output_mapping={"rows": "output.hits"}),
            step("roast", when("choose", "menu.dish == 'Roastbeef'")),
            step("stew", default("choose")),
            input=TODAY,
        )
    )
    assert (execution.state, states(execution)) == (
        "completed",
        {"choose": "completed", "roast": "completed"},
    )
    assert execution.variables["menu"] == {"dish": "Roastbeef", "guests": 8}
    assert execution.variables["rows"] == [1]


def test_which_rows_hit_is_kept_with_the_task_and_in_the_audit() -> None:
    imported()
    execution = ran(start(choosing(), input=TODAY))
    done = task(execution, "choose")
    assert done.agent_key == ""
    assert done.output["hits"] == [1]
    assert [one["key"] for one in done.output["decisions"]] == ["season", "dish"]
    assert done.output["decisions"][0]["hits"] == [3]
    assert done.output["decisions"][1]["inputs"] == ["Summer", "Weekend"]
    told = AuditEvent.objects.get(task_id=done.pk, new_state="completed").data
    assert (told["decision"], told["version"], told["hits"]) == ("dish", 1, [1])
    assert history(execution) == [
        "execution pending",
        "execution running",
        "choose running",
        "choose completed",
        "execution completed",
    ]


def test_a_decision_that_cannot_be_made_fails_its_task_until_it_is_mended() -> None:
    imported()
    execution = ran(start(choosing(), input={"day type": "Weekend"}))
    assert execution.state == "failed"
    failed = task(execution, "choose")
    assert (failed.error_kind, failed.attempt) == ("decision", 1)
    assert "“Season”: “Temperature”: there is no variable 'Temperature today'" in failed.error
    ada = make_user("ada", "operator")
    mended = {"day type": "Weekend", "Temperature today": 5}
    engine.retry(execution.pk, by=ada, task_id=failed.pk, input=mended)
    assert ran(execution).variables["menu"] == {"dish": "Stew", "guests": None}


def test_an_event_on_the_edge_catches_a_decision_that_cannot_be_made() -> None:
    imported()
    make_agent()
    caught = node(
        "caught", "boundary", attached_to="choose", event={"type": "error", "code": "decision"}
    )
    execution = ran(start(choosing(), caught, step("mend", "caught"), input={}))
    assert (execution.state, states(execution)) == (
        "completed",
        {"choose": "failed", "mend": "completed"},
    )


def test_each_round_of_a_loop_decides_over_its_own_item() -> None:
    imported(dmn(decision("size", table([["< 10", '"small"'], [">= 10", '"big"']], inputs=["n"]))))
    deciding = node(
        "decide",
        "decision",
        decision={"decision": "size"},
        loop={"collection": "items", "item": "n", "output": "sizes"},
    )
    execution = ran(start(deciding, input={"items": [5, 50]}))
    assert [one["result"] for one in execution.variables["sizes"]] == ["small", "big"]


def test_a_person_may_decide_in_its_place() -> None:
    imported()
    make_agent()
    execution = ran(start(choosing(), human("ask", "choose"), input={}))
    ada = make_user("ada", "operator")
    engine.complete(execution.pk, "choose", {"result": {"dish": "Soup"}}, by=ada)
    assert ran(execution).variables["menu"] == {"dish": "Soup"}


def test_publishing_freezes_the_latest_table() -> None:
    imported(dmn(decision("size", table([["-", '"one"']]))))
    register(node("decide", "decision", decision={"decision": "size", "result": "size"}))
    first = engine.start_workflow("flow", {"x": 1})
    imported(dmn(decision("size", table([["-", '"two"']]))))
    second = engine.start_workflow("flow", {"x": 1})
    workflow = Workflow.objects.get()
    version = engine.publish(workflow, by=None)
    third = engine.start_workflow("flow", {"x": 1})
    runner.drain()
    sizes = [Execution.objects.get(pk=one.pk).variables["size"] for one in (first, second, third)]
    assert (version.number, sizes) == (2, ["one", "one", "two"])
    assert engine.publish(workflow, by=None) == version
    assert Graph.from_json(version.graph).nodes[0].decision["version"] == 2


def test_a_decision_that_is_not_there_keeps_a_draft_from_being_published() -> None:
    with pytest.raises(InvalidDefinition, match="There is no decision “dish”"):
        register(choosing())
    imported(dmn(decision("dish", table([["duration(x)", "1"]]))))
    with pytest.raises(InvalidDefinition) as refused:
        register(choosing())
    assert "version 1, row 1, “X”, line" in str(refused.value)
    assert "function “duration” is not translated" in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "decision"}, "Name the decision table"),
        ({"kind": "decision", "decision": {"decision": 5}}, "Name the decision table"),
        ({"kind": "decision", "decision": {"decision": "dish", "result": "a b"}}, "variable's"),
        ({"kind": "decision", "decision": {"decision": "dish", "result": "vars"}}, "reserved"),
        ({"kind": "decision", "decision": {"decision": "dish", "rows": 1}}, "“rows” is not"),
        ({"kind": "agent", "decision": {"decision": "dish"}}, "Only a task of kind “decision”"),
    ],
)
def test_what_a_task_says_wrongly_of_its_decision_is_named(
    fields: dict[str, object], message: str
) -> None:
    imported()
    with pytest.raises(InvalidDefinition, match=message):
        register({"key": "choose", **fields})


def test_the_same_file_again_makes_no_new_version() -> None:
    first = engine.import_dmn(DISH, by=None)
    again = engine.import_dmn(DISH, by=None)
    assert [one.is_new for one in (*first, *again)] == [True, True, False, False]
    assert [one.version.pk for one in first] == [one.version.pk for one in again]
    changed = engine.import_dmn(DISH.replace(b"Steak", b"Salad"), by=make_user("linus", "modeller"))
    assert [one.version.number for one in changed] == [2, 2]
    rows = AuditEvent.objects.filter(kind="decision.imported").order_by("pk")
    assert [(row.data["key"], row.data["version"], row.actor) for row in rows] == [
        ("season", 1, "system"),
        ("dish", 1, "system"),
        ("season", 2, "user:linus"),
        ("dish", 2, "user:linus"),
    ]
    assert bytes(decision_tables.latest("dish").file.content).count(b"Salad") == 1


def test_a_strict_import_stores_nothing_of_what_it_refuses() -> None:
    with pytest.raises(UnreadableDecisions):
        engine.import_dmn(dmn(decision("size", table([["abs(x)", "1"]]))), by=None, is_strict=True)
    assert not DecisionTable.objects.exists()
    assert not DecisionFile.objects.exists()


def test_the_database_refuses_to_change_what_was_imported() -> None:
    imported()
    for rows in (DecisionVersion.objects.all(), DecisionFile.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(created_at="2020-01-01T00:00Z")
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {rows.model._meta.db_table}")


def test_what_is_published_does_not_depend_on_the_order_of_the_file() -> None:
    imported()
    register(choosing())
    graph = definitions.to_publish(Workflow.objects.get())
    assert [one["key"] for one in graph.nodes[0].decision["tables"]] == ["season", "dish"]
