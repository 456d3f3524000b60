"""The schema that outside programs read: its names, its columns, and that it tells the truth."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.db import Error

from agents import runner
from agents.models import Agent
from tests.audit.conftest import query
from tests.factories import human, make_agent, make_user, start, step
from workflows import engine
from workflows.audit import checkpoints
from workflows.models import ALLOWED, Approval, AuditCheckpoint, AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)

COLUMNS = {
    "execution": "execution_id idempotency_key workflow_key workflow_version state is_terminal "
    "created_at",
    "task": "task_id execution_id node_key kind state is_terminal attempt max_attempts agent_id "
    "lease_token lease_expires",
    "approval": "approval_id task_id execution_id state requested_by decided_by decided_at",
    "agent": "agent_id max_concurrent",
    "audit": "execution_id seq entity_type entity_id from_state to_state actor attempt agent_id "
    "lease_token at at_text prev_hash hash data_digest",
    "legal_transition": "entity_type from_state to_state",
    "checkpoint": "no upto root prev signature at",
}


def test_the_views_have_exactly_the_promised_columns() -> None:
    found = query(
        "SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = 'ops_v1' GROUP BY table_name"
    )
    assert dict(found) == COLUMNS


def test_the_run_time_role_may_read_them_and_not_write(as_run_time_role: None) -> None:
    for view in COLUMNS:
        query(f"SELECT * FROM ops_v1.{view}")
    with pytest.raises(Error, match="permission denied"):
        query("DELETE FROM ops_v1.agent")


def test_a_rows_hash_can_be_computed_from_the_view(execution: Execution) -> None:
    previous: dict[int | None, str] = {}
    rows = query(
        "SELECT prev_hash, execution_id, seq, entity_type, entity_id, from_state, to_state, actor, "
        "attempt, agent_id, lease_token, at_text, data_digest, hash FROM ops_v1.audit ORDER BY 2, 3"
    )
    assert len(rows) == AuditEvent.objects.count()
    for *fields, found in rows:
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == found
        assert fields[0] == previous.get(fields[1], "")
        previous[fields[1]] = found


def test_the_legal_transitions_are_those_of_the_state_machine() -> None:
    expected = {
        (entity, str(old), str(new))
        for entity in ("execution", "task")
        for old, onward in ALLOWED.items()
        for new in onward
    }
    rows = query("SELECT entity_type, from_state, to_state FROM ops_v1.legal_transition")
    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_each_transition_in_the_audit_is_a_legal_one(execution: Execution) -> None:
    assert query(
        "SELECT count(*) FROM ops_v1.audit a LEFT JOIN ops_v1.legal_transition l "
        "USING (entity_type, from_state, to_state) WHERE a.entity_type IN ('execution', 'task') "
        "AND a.from_state IS NOT NULL AND a.to_state IS NOT NULL AND l.entity_type IS NULL"
    ) == [(0,)]


def test_executions_and_tasks_are_told_as_they_are(execution: Execution) -> None:
    assert query(
        "SELECT workflow_key, workflow_version, state, is_terminal FROM ops_v1.execution "
        "WHERE execution_id = %s",
        execution.pk,
    ) == [("flow", 1, "completed", True)]
    assert query(
        "SELECT node_key, state, is_terminal, attempt, max_attempts, agent_id, lease_token, "
        "lease_expires FROM ops_v1.task ORDER BY task_id"
    ) == [
        ("a", "completed", True, 1, 1, "echo", 1, None),
        ("b", "completed", True, 1, 1, "echo", 1, None),
    ]


def test_a_task_that_has_not_begun_has_no_agent_and_no_lease() -> None:
    started = start(step("a"))
    assert query(
        "SELECT state, is_terminal, agent_id, lease_expires FROM ops_v1.task "
        "WHERE execution_id = %s",
        started.pk,
    ) == [("pending", False, None, None)]


def test_an_approval_names_who_asked_and_whose_decision_closed_it() -> None:
    asks, first, second = (make_user(name, "approver") for name in ("ada", "bob", "cleo"))
    make_agent()
    start(human("ok", required=2))
    runner.drain()
    Execution.objects.update(requested_by=asks)
    approval = Approval.objects.get()
    engine.decide(approval.pk, by=first, verdict="approve")
    view = "SELECT state, requested_by, decided_by, decided_at IS NULL FROM ops_v1.approval"
    assert query(view) == [("open", asks.pk, None, True)]
    engine.decide(approval.pk, by=second, verdict="approve")
    assert query(view) == [("approved", asks.pk, second.pk, False)]


def test_agents_and_checkpoints_are_told_as_they_are(execution: Execution) -> None:
    checkpoints.write()
    seal, agent = AuditCheckpoint.objects.get(), Agent.objects.get()
    assert query("SELECT * FROM ops_v1.agent") == [(agent.key, agent.max_concurrent_tasks)]
    assert query("SELECT * FROM ops_v1.checkpoint") == [
        (1, seal.upto, seal.root, "", seal.signature, seal.at)
    ]
