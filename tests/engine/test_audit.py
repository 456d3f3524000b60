from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import ProgrammingError, connection, transaction

from agents import runner
from tests import soundness
from tests.factories import chain, history, human, kinds, make_agent, make_user, start, step
from workflows import engine
from workflows.engine import transitions
from workflows.errors import NotAllowed
from workflows.models import Approval, AuditEvent, AuditHead

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = 'ä "quoted" \\back\\ 订单 \t\n\r\b\f\x01\x1f\x7f\u2028 😀 </script>'


def test_rows_are_numbered_without_gaps_and_chained_as_specified() -> None:
    make_agent()
    execution = start(*chain("a", "b"), human("ask", "b"))
    runner.drain()
    rows = list(execution.audit_events.order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0].previous_hash == ""
    for before, row in pairwise(rows):
        assert row.previous_hash == before.hash
    assert [soundness.hash_of(row, row.data_digest) for row in rows] == [row.hash for row in rows]
    head = AuditHead.objects.get(pk=execution.pk)
    assert (head.seq, head.hash) == (rows[-1].seq, rows[-1].hash)


def test_any_text_is_hashed_as_pythons_json_writes_it() -> None:
    make_agent()
    execution = start(*chain("a"), input={NASTY: NASTY})
    with transaction.atomic():
        transitions.record(
            [
                transitions.Entry(
                    kind="note",
                    entity_type="user",
                    entity_id=NASTY[:100],
                    actor=f"user:{NASTY}",
                    execution_id=execution.pk,
                    agent_id=NASTY[:100],
                    data={NASTY: [NASTY, 1e100, 0.1, None]},
                )
            ]
        )
    row = execution.audit_events.latest("seq")
    assert row.actor == f"user:{NASTY}"
    assert soundness.hash_of(row, row.data_digest) == row.hash


def test_a_line_break_in_a_name_cannot_forge_a_row() -> None:
    execution = start(*chain("a"))
    forger = make_user("eve\n2026-01-01 user:bob approve")
    engine.pause(execution.pk, by=forger)
    assert kinds(execution)[1:] == ["execution.running", "execution.paused"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflows_auditevent SET actor = 'user:nobody'",
        "UPDATE workflows_auditevent SET hash = hash WHERE false",
        "DELETE FROM workflows_auditevent",
        "TRUNCATE workflows_auditevent",
    ],
)
def test_even_the_owner_cannot_change_history(statement: str) -> None:
    start(*chain("a"))
    before = list(AuditEvent.objects.values())
    with pytest.raises(ProgrammingError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(AuditEvent.objects.values()) == before


def test_the_model_refuses_to_write_too() -> None:
    row = start(*chain("a")).audit_events.get()
    with pytest.raises(TypeError):
        row.save()
    with pytest.raises(TypeError):
        row.delete()
    with pytest.raises(ProgrammingError, match="append-only"):
        AuditEvent.objects.all().delete()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO workflows_auditevent SELECT * FROM workflows_auditevent",
        "UPDATE workflows_auditevent SET actor = ''",
        "DELETE FROM workflows_auditevent",
        "TRUNCATE workflows_auditevent",
        "ALTER TABLE workflows_auditevent DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TABLE workflows_auditevent",
        "CREATE OR REPLACE FUNCTION workflows_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_the_run_time_role_may_not_touch_history(as_run_time_role: None, statement: str) -> None:
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_run_time_role_can_do_all_the_work(as_run_time_role: None) -> None:
    make_agent()
    execution = start(*chain("a"), human("ask", "a"), timeout_minutes=5)
    runner.drain()
    engine.pause(execution.pk, by=None)
    engine.resume(execution.pk, by=None)
    engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_every_refused_attempt_has_its_row() -> None:
    make_agent(tool="tests.fail")
    execution = start(human("ask"), step("a"), input={"permanent": True})
    eve = make_user("eve")
    engine.transition_state(execution.pk, "a", "completed", by=eve)
    runner.drain()
    engine.retry(execution.pk, by=None)
    engine.transition_state(execution.pk, "ask", "failed", by=eve)
    with pytest.raises(NotAllowed):
        engine.decide(Approval.objects.get().pk, by=eve, verdict="approve")
    found = execution.audit_events.filter(actor="user:eve").order_by("seq")
    assert [(row.kind, row.entity_type, row.new_state) for row in found] == [
        ("transition.refused", "task", None),
        ("transition.refused", "task", None),
        ("approval.refused", "approval", None),
    ]


def test_who_served_and_who_else_might_have_is_on_the_row() -> None:
    make_agent("first", capabilities=["echo"], max_concurrent_tasks=2)
    make_agent("second", capabilities=["other"])
    make_agent("third", capabilities=["echo"], status="offline")
    execution = start(*chain("a"))
    runner.drain()
    row = execution.audit_events.get(kind="task.assigned")
    assert (row.agent_id, row.actor, row.attempt) == ("first", "agent:first", 1)
    assert row.data["candidates"] == [
        {"agent": "first", "cap": 2, "load": 0},
        {"agent": "second", "reason": "lacks echo"},
        {"agent": "third", "reason": "offline"},
    ]
    assert history(execution)[-1] == "execution completed"


def test_definitions_and_agents_leave_rows_on_the_desks_own_chain() -> None:
    make_agent()
    make_agent(max_concurrent_tasks=5)
    start(*chain("a"))
    desk = AuditEvent.objects.filter(execution=None).order_by("seq")
    assert list(desk.values_list("seq", "kind")) == [
        (1, "agent.registered"),
        (2, "agent.changed"),
        (3, "workflow.published"),
    ]
