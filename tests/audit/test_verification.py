from __future__ import annotations

import json
import random
from io import StringIO

import pytest
from django.core.management import call_command

from tests.audit.conftest import query, tamper
from workflows.audit import rebuild, verify
from workflows.models import Execution

TEXTS = (
    *("kind", "entity_type", "entity_id", "old_state", "new_state", "actor", "agent_id", "at_text"),
    *("data_digest", "previous_hash", "hash"),
)
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_untouched_log_is_sound(execution: Execution) -> None:
    report = verify.verify()
    assert report.findings == []
    assert report.rows == execution.audit_events.count() + 2  # an agent and a version: the desk's


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'user:eve'",
        "new_state = 'failed'",
        "data = data || '{\"x\": 1}'",
        "kind = 'task.x'",
        "at = at + interval '1 second'",
        "agent_id = 'other'",
        "lease_token = 9",
        "attempt = 9",
        "task_id = 7",
        "entity_id = '7'",
    ],
)
def test_every_edit_of_a_row_is_found(execution: Execution, change: str) -> None:
    tamper(
        f"UPDATE workflows_auditevent SET {change} WHERE execution_id = %s AND seq = 4",
        execution.pk,
    )
    assert [(item.execution_id, item.seq) for item in verify.verify().findings] == [
        (execution.pk, 4)
    ]


def test_one_bit_of_any_text_in_any_row_is_found(execution: Execution) -> None:
    """Of every column that is hashed, at a place that chance picks."""
    chance = random.Random(1)
    rows = query(f"SELECT id, seq, {', '.join(TEXTS)} FROM workflows_auditevent")
    edits = 0
    for pk, seq, *texts in rows:
        for column, text in zip(TEXTS, texts, strict=True):
            if text:
                _set(column, pk, _with_a_bit_flipped(text, chance))
                assert any(item.seq in (seq, seq + 1) for item in verify.verify().findings), column
                _set(column, pk, text)
                edits += 1
    assert edits > 8 * len(rows)
    assert verify.verify().is_sound


def _set(column: str, pk: int, text: str) -> None:
    tamper(f"UPDATE workflows_auditevent SET {column} = %s WHERE id = %s", text, pk)


def _with_a_bit_flipped(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


def test_a_row_taken_out_is_found(execution: Execution) -> None:
    tamper("DELETE FROM workflows_auditevent WHERE execution_id = %s AND seq = 3", execution.pk)
    assert [item.seq for item in verify.verify(execution.pk).findings] == [4]


def test_a_tail_cut_off_is_found(execution: Execution) -> None:
    tamper("DELETE FROM workflows_auditevent WHERE execution_id = %s AND seq > 3", execution.pk)
    assert "last here" in verify.verify().findings[0].message


def test_two_rows_that_changed_places_are_found(execution: Execution) -> None:
    tamper(
        "UPDATE workflows_auditevent SET seq = 1000 WHERE execution_id = %s AND seq = 3",
        execution.pk,
    )
    tamper(
        "UPDATE workflows_auditevent SET seq = 3 WHERE execution_id = %s AND seq = 4", execution.pk
    )
    tamper(
        "UPDATE workflows_auditevent SET seq = 4 WHERE execution_id = %s AND seq = 1000",
        execution.pk,
    )
    assert {item.seq for item in verify.verify().findings} >= {3, 4}


def test_the_rebuilt_state_equals_the_tables(execution: Execution) -> None:
    assert rebuild.differences(execution) == []
    assert rebuild.at(execution, 3).state == "running"
    assert rebuild.at(execution, 1).state == "pending"


def test_the_command_names_the_first_bad_row_and_exits_with_one(execution: Execution) -> None:
    out = StringIO()
    call_command("verify_audit", json=True, stdout=out)
    assert json.loads(out.getvalue())["ok"] is True
    tamper(
        "UPDATE workflows_auditevent SET actor = 'x' WHERE execution_id = %s AND seq = 2",
        execution.pk,
    )
    out = StringIO()
    with pytest.raises(SystemExit) as exit_code:
        call_command("verify_audit", execution=execution.pk, json=True, stdout=out)
    assert exit_code.value.code == 1
    assert json.loads(out.getvalue())["findings"][0]["seq"] == 2
