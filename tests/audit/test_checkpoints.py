from __future__ import annotations

import hashlib
import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import Error, connection

from config.supervisor.watchdog import Watchdog
from tests.audit.conftest import query, run, tamper
from workflows.audit import anchor, checkpoints, signing
from workflows.models import AuditCheckpoint, AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)

APPEND = (
    'SELECT workflows_record(\'[{"kind": "test", "entity_type": "user",'
    ' "entity_id": "1", "actor": "system"}]\')'
)
HORIZON = "SELECT workflows_audit_horizon('20 ms')"


def elsewhere() -> psycopg.Connection[Any]:
    """A second connection to the test's database."""
    return psycopg.connect(
        connection.connection.info.dsn, password=connection.connection.info.password
    )


def test_a_checkpoint_seals_every_row_after_the_one_before(execution: Execution) -> None:
    first = checkpoints.write()
    run()
    second = checkpoints.write()
    assert first
    assert second
    hashes = [
        "".join(AuditEvent.objects.filter(id__gt=low, id__lte=high).values_list("hash", flat=True))
        for low, high in ((0, first.upto), (first.upto, second.upto))
    ]
    assert first.root == hashlib.sha256(hashes[0].encode()).hexdigest()
    assert second.root == hashlib.sha256((first.root + hashes[1]).encode()).hexdigest()
    assert (second.no, second.previous_root) == (2, first.root)
    assert first.rows + second.rows == AuditEvent.objects.count()


def test_the_signature_is_over_the_documented_text(execution: Execution) -> None:
    checkpoints.write()
    seal = AuditCheckpoint.objects.get()
    text = (
        f'["checkpoint",1,{seal.upto},{seal.rows},"{seal.root}","",'
        f'"{seal.at:%Y-%m-%dT%H:%M:%S.%f}Z"]'
    )
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.public_key))
    key.verify(bytes.fromhex(seal.signature), text.encode())


def test_a_log_without_new_rows_gets_no_checkpoint(execution: Execution) -> None:
    assert checkpoints.write()
    assert checkpoints.write() is None
    assert checkpoints.write_due() is None


def test_a_log_without_rows_gets_no_checkpoint() -> None:
    assert checkpoints.write_due() is None


def test_a_checkpoint_is_due_an_hour_after_the_last(execution: Execution) -> None:
    assert checkpoints.write_due()
    run()
    assert checkpoints.write_due() is None
    tamper("UPDATE workflows_auditcheckpoint SET at = at - %s", timedelta(hours=1))
    assert checkpoints.write_due()


def test_a_checkpoint_is_due_after_many_rows_and_seals_so_many_at_most(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", 5)
    last = checkpoints.write_due()
    sizes = list(AuditCheckpoint.objects.values_list("rows", flat=True))
    assert sizes[:-1] == [5] * (len(sizes) - 1)
    assert sum(sizes) == AuditEvent.objects.count()
    assert last
    assert last.upto == AuditEvent.objects.latest("id").pk


def test_nothing_is_sealed_above_a_row_that_is_not_committed_yet(execution: Execution) -> None:
    with elsewhere() as slow:
        slow.execute("SELECT nextval('workflows_auditevent_id_seq')")
        slow.execute("LOCK TABLE workflows_auditevent IN ROW EXCLUSIVE MODE")
        run()
        assert query(HORIZON) == [(None,)]
        slow.commit()
        assert query(HORIZON) == [(AuditEvent.objects.latest("id").pk,)]


def test_the_horizon_keeps_no_writer_waiting(execution: Execution) -> None:
    with elsewhere() as slow, elsewhere() as quick, ThreadPoolExecutor() as pool:
        slow.execute("LOCK TABLE workflows_auditevent IN ROW EXCLUSIVE MODE")
        with elsewhere() as asking:
            answer = pool.submit(
                lambda: asking.execute("SELECT workflows_audit_horizon('60 s')").fetchone()
            )
            quick.execute("SET lock_timeout = '2 s'")
            quick.execute(APPEND)
            quick.commit()
            assert not answer.done()
            slow.commit()
            assert answer.result(60)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflows_auditcheckpoint SET rows = 1",
        "DELETE FROM workflows_auditcheckpoint",
        "TRUNCATE workflows_auditcheckpoint",
    ],
)
def test_the_database_refuses_to_change_checkpoints(execution: Execution, statement: str) -> None:
    checkpoints.write()
    with pytest.raises(Error, match="append-only"):
        query(statement)


def test_the_run_time_role_can_seal(execution: Execution, as_run_time_role: None) -> None:
    assert checkpoints.write()
    with pytest.raises(Error):
        query("DELETE FROM workflows_auditcheckpoint")


def test_two_that_seal_at_once_make_one_chain(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", 2)

    def seal(_: int) -> None:
        checkpoints.write()
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(seal, range(3)))
    seals = list(AuditCheckpoint.objects.all())
    assert [each.no for each in seals] == list(range(1, len(seals) + 1))
    assert sum(each.rows for each in seals) == AuditEvent.objects.count()


def test_the_key_is_made_once_and_only_its_owner_reads_it(outside: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: signing.make().public_key, range(4)))
    assert len(keys) == 1
    assert stat.S_IMODE((outside / "audit_key.pem").stat().st_mode) == 0o600
    assert [path.name for path in outside.iterdir()] == ["audit_key.pem"]


def test_the_key_can_come_from_the_environment(outside: Path, settings: Any) -> None:
    made = signing.make()
    settings.AUDIT_KEY = (outside / "audit_key.pem").read_text()
    assert signing.load().public_key == made.public_key


def test_a_lost_key_is_not_replaced_in_silence(execution: Execution, outside: Path) -> None:
    checkpoints.write()
    (outside / "audit_key.pem").unlink()
    run()
    with pytest.raises(signing.KeyMissing, match="restore it"):
        checkpoints.write()
    assert checkpoints.write(new_key=True)


def test_something_that_is_no_key_is_refused(settings: Any, outside: Path) -> None:
    (outside / "audit_key.pem").write_text("hello")
    with pytest.raises(signing.KeyUnusable, match="no private key"):
        signing.load()


def test_each_checkpoint_is_repeated_outside_the_database(
    execution: Execution, outside: Path
) -> None:
    checkpoints.write()
    run()
    checkpoints.write()
    kept = anchor.read(outside / "checkpoints.jsonl")
    assert [anchor.record(each) for each in kept] == [
        anchor.record(each) for each in AuditCheckpoint.objects.all()
    ]


def test_an_interrupted_line_outside_is_written_again(execution: Execution, outside: Path) -> None:
    path = outside / "checkpoints.jsonl"
    checkpoints.write()
    run()
    checkpoints.write()
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(first + b'{"no": 2, "up')
    run()
    checkpoints.write()
    assert [each.no for each in anchor.read(path)] == [1, 2, 3]


def test_a_line_is_written_outside_once(execution: Execution, outside: Path) -> None:
    written = checkpoints.write()
    assert written
    anchor.append(written)
    assert len(anchor.read(outside / "checkpoints.jsonl")) == 1


def test_the_command_seals_and_shows_the_key(execution: Execution) -> None:
    key, sealed, again = StringIO(), StringIO(), StringIO()
    call_command("checkpoint_audit", public_key=True, stdout=key)
    call_command("checkpoint_audit", json=True, stdout=sealed)
    call_command("checkpoint_audit", json=True, stdout=again)
    assert json.loads(sealed.getvalue())["checkpoint"]["public_key"] == key.getvalue().strip()
    assert json.loads(again.getvalue())["checkpoint"] is None


def test_the_command_says_what_to_do_about_a_lost_key(execution: Execution, outside: Path) -> None:
    checkpoints.write()
    (outside / "audit_key.pem").unlink()
    with pytest.raises(CommandError, match="restore it") as refusal:
        call_command("checkpoint_audit")
    assert refusal.value.returncode == 1


def test_the_supervisor_seals_and_says_once_what_stands_in_the_way(
    execution: Execution, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watchdog = Watchdog(None, None, threading.Event())
    watchdog._seal_history()
    assert AuditCheckpoint.objects.count() == 1
    run()
    tamper("UPDATE workflows_auditcheckpoint SET at = at - %s", timedelta(hours=1))
    (outside / "audit_key.pem").unlink()
    for _ in range(2):
        watchdog._next_seal = 0.0
        watchdog._seal_history()
    assert capsys.readouterr().out.count("The audit log is not sealed: The key") == 1
