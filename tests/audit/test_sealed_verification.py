"""What a superuser can do to the log, and how the checkpoints tell."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.audit.conftest import query, run, tamper
from workflows.audit import anchor, checkpoints, verify
from workflows.models import AuditCheckpoint, AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)

RECHAIN = """
DO $$
DECLARE e record; v_previous text := ''; v_digest text; v_hash text;
BEGIN
    FOR e IN SELECT * FROM workflows_auditevent WHERE execution_id = {} ORDER BY seq LOOP
        v_digest := encode(sha256(convert_to(e.kind || E'\\n' || coalesce(e.task_id::text, '')
            || E'\\n' || e.data::text, 'UTF8')), 'hex');
        v_hash := encode(sha256(convert_to('["' || v_previous || '",' || e.execution_id || ','
            || e.seq || ',"' || e.entity_type || '",' || to_json(e.entity_id) || ','
            || coalesce('"' || e.old_state || '"', 'null') || ','
            || coalesce('"' || e.new_state || '"', 'null') || ',' || to_json(e.actor) || ','
            || coalesce(e.attempt::text, 'null') || ','
            || coalesce(to_json(e.agent_id)::text, 'null') || ','
            || coalesce(e.lease_token::text, 'null') || ',"' || e.at_text || '","' || v_digest
            || '"]', 'UTF8')), 'hex');
        UPDATE workflows_auditevent
        SET data_digest = v_digest, previous_hash = v_previous, hash = v_hash WHERE id = e.id;
        v_previous := v_hash;
    END LOOP;
    UPDATE workflows_audithead SET hash = v_previous WHERE execution_id = {};
END $$
"""


def messages(anchored: Path | None = None) -> list[str]:
    """What verification finds, given an anchor file or none."""
    kept = anchor.read(anchored) if anchored else []
    return [str(item) for item in verify.verify(anchored=kept).findings]


def erase(execution: Execution, *, after: int = 0) -> None:
    """All that the database has of an execution's rows after a number, with its head put right."""
    pk = execution.pk
    tamper("DELETE FROM workflows_auditevent WHERE execution_id = %s AND seq > %s", pk, after)
    if after:
        tamper(
            "UPDATE workflows_audithead h SET (seq, hash) = (SELECT seq, hash "
            "FROM workflows_auditevent WHERE execution_id = h.execution_id "
            "ORDER BY seq DESC LIMIT 1) WHERE execution_id = %s",
            pk,
        )
    else:
        tamper("DELETE FROM workflows_audithead WHERE execution_id = %s", pk)


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """The log as a dump has it."""
    tables = ("workflows_auditevent", "workflows_audithead", "workflows_auditcheckpoint")
    return {table: query(f"SELECT t::text FROM {table} t") for table in tables}


def restore(dump: dict[str, list[tuple[Any, ...]]]) -> None:
    """Put the log back to what a dump has, as a restore does."""
    for table, rows in dump.items():
        tamper(f"DELETE FROM {table}")
        for (row,) in rows:
            tamper(f"INSERT INTO {table} SELECT (%s::{table}).*", row)


def test_a_sealed_log_is_sound(execution: Execution, outside: Path) -> None:
    checkpoints.write()
    run()
    report = verify.verify(anchored=anchor.read(outside / "checkpoints.jsonl"))
    assert report.findings == []
    assert (report.checkpoints, report.sealed < report.rows) == (1, True)


def test_an_edit_with_every_hash_computed_anew_is_found(execution: Execution) -> None:
    checkpoints.write()
    tamper(
        "UPDATE workflows_auditevent SET actor = 'user:eve' WHERE execution_id = %s AND seq = 4",
        execution.pk,
    )
    tamper(RECHAIN.format(execution.pk, execution.pk))
    assert len(messages()) == 1
    assert "checkpoint 1: " in messages()[0]
    assert "changed after it was sealed" in messages()[0]


def test_the_same_edit_before_any_seal_leaves_no_trace(execution: Execution) -> None:
    tamper(
        "UPDATE workflows_auditevent SET actor = 'user:eve' WHERE execution_id = %s AND seq = 4",
        execution.pk,
    )
    tamper(RECHAIN.format(execution.pk, execution.pk))
    assert messages() == []


def test_a_whole_execution_taken_out_is_found(execution: Execution) -> None:
    other = run()
    checkpoints.write()
    count = other.audit_events.count()
    erase(other)
    found = [item for item in messages() if "checkpoint" in item]
    assert f"{AuditEvent.objects.count() + count} were sealed" in found[0]


def test_a_tail_taken_out_with_its_head_put_right_is_found(execution: Execution) -> None:
    checkpoints.write()
    erase(execution, after=3)
    assert len(messages()) == 1
    assert messages()[0].startswith("checkpoint 1: of the rows with ids 1 to ")


@pytest.mark.parametrize(
    "change",
    [
        "root = repeat('0', 64)",
        "rows = rows + 1",
        "at = at + interval '1 second'",
        "signature = repeat('0', 128)",
        "public_key = repeat('0', 64)",
        "previous_root = repeat('0', 64)",
        "upto = upto - 1",
        "no = no + 1",
    ],
)
def test_every_edit_of_a_checkpoint_is_found(execution: Execution, change: str) -> None:
    checkpoints.write()
    run()
    checkpoints.write()
    tamper(f"UPDATE workflows_auditcheckpoint SET {change} WHERE no = 2")
    assert messages()[0].startswith(("checkpoint 2: ", "checkpoint 3: "))


def test_a_checkpoint_taken_out_of_the_middle_is_found(execution: Execution) -> None:
    for _ in range(3):
        run()
        checkpoints.write()
    tamper("DELETE FROM workflows_auditcheckpoint WHERE no = 2")
    assert "checkpoint 3: follows checkpoint 1: some are missing" in messages()


def test_a_checkpoint_signed_with_another_key_is_found(
    execution: Execution, settings: Any, outside: Path
) -> None:
    settings.AUDIT_KEY = str(outside / "forger.pem")
    forged = checkpoints.write()
    settings.AUDIT_KEY = str(outside / "audit_key.pem")
    checkpoints.signing.make()
    assert forged
    assert f"unknown key, {forged.public_key}" in messages()[0]
    assert verify.verify(keys=[forged.public_key]).is_sound


def test_an_older_copy_is_told_by_the_anchor_only(execution: Execution, outside: Path) -> None:
    checkpoints.write()
    dump = snapshot()
    run()
    checkpoints.write()
    restore(dump)
    tamper("DELETE FROM workflows_audithead WHERE execution_id NOT IN (0, %s)", execution.pk)
    about_checkpoints = [item for item in messages() if "checkpoint" in item]
    assert about_checkpoints == []
    found = messages(outside / "checkpoints.jsonl")
    assert [item for item in found if "an older copy was restored" in item]


def test_a_log_that_went_on_from_an_older_copy_is_told_by_the_anchor(
    execution: Execution, outside: Path
) -> None:
    checkpoints.write()
    dump = snapshot()
    run()
    checkpoints.write()
    kept = outside / "exported.jsonl"
    kept.write_bytes((outside / "checkpoints.jsonl").read_bytes())
    restore(dump)
    run()
    checkpoints.write()
    assert "checkpoint 2: is not the one in the anchor" in messages(kept)
    own = messages(outside / "checkpoints.jsonl")
    assert own[0].startswith("checkpoint 2: is in the anchor twice, differently") or (
        "checkpoint 2: is in the anchor twice, differently: the log was set back and went on" in own
    )


def test_checkpoints_and_rows_cut_off_together_are_told_by_the_anchor(
    execution: Execution, outside: Path
) -> None:
    checkpoints.write()
    run()
    checkpoints.write()
    tamper("DELETE FROM workflows_auditcheckpoint WHERE no = 2")
    assert messages() == []
    assert messages(outside / "checkpoints.jsonl")[0].startswith(
        "checkpoint 2: is in the anchor and not here"
    )


def test_an_anchor_that_was_edited_is_refused(execution: Execution, outside: Path) -> None:
    checkpoints.write()
    path = outside / "checkpoints.jsonl"
    path.write_text(path.read_text().replace('"upto": ', '"upto": 1'))
    assert messages(path)[0] == "checkpoint 1: its signature in the anchor is wrong"


def test_the_command_takes_an_anchor_and_names_the_first_finding(
    execution: Execution, outside: Path
) -> None:
    checkpoints.write()
    path, out = outside / "checkpoints.jsonl", StringIO()
    call_command("verify_audit", anchor=path, json=True, stdout=out)
    assert json.loads(out.getvalue())["checkpoints"] == 1
    erase(execution, after=3)
    out = StringIO()
    with pytest.raises(SystemExit) as exit_code:
        call_command("verify_audit", anchor=path, json=True, stdout=out)
    assert exit_code.value.code == 1
    document = json.loads(out.getvalue())
    assert document["ok"] is False
    assert document["first"].startswith("checkpoint 1: of the rows with ids 1 to ")
    assert document["findings"][0]["checkpoint"] == 1


def test_the_command_refuses_a_file_that_is_no_anchor(execution: Execution, outside: Path) -> None:
    path = outside / "notes.txt"
    path.write_text("hello\n")
    for name, sentence in ((path, "line 1, is no checkpoint"), (outside / "no", "cannot be read")):
        with pytest.raises(CommandError, match=sentence) as refusal:
            call_command("verify_audit", anchor=name)
        assert refusal.value.returncode == 1
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit", anchor=path, execution=execution.pk)
    assert refusal.value.returncode == 2


def test_a_log_forged_throughout_is_counted_and_not_listed_throughout(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.audit.findings.KEPT", 3)
    tamper("UPDATE workflows_auditevent SET actor = 'x'")
    report = verify.verify()
    assert len(report.findings) == 3
    assert report.wrong == AuditEvent.objects.count()
    assert AuditCheckpoint.objects.count() == 0
