"""Seals on the audit log across executions: chained, signed, and repeated outside the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from workflows.models import AuditCheckpoint

from . import anchor, signing

ROWS = 10_000  # the most that one checkpoint seals, and how many unsealed rows make one due
INTERVAL = timedelta(hours=1)


def write_due() -> AuditCheckpoint | None:
    """Seal the log if it is due: after ROWS rows, or INTERVAL after the last seal.

    Cheap when it is not. Returns the last checkpoint that was written. Raises what `write` does.
    """
    return write() if _is_due() else None


def write(*, new_key: bool = False) -> AuditCheckpoint | None:
    """Seal every row that is committed; the last checkpoint written, None if nothing was.

    Waits up to 5 s for transactions that are writing rows now, and leaves the rest to the next time
    when one takes longer. A key is made for the first checkpoint only, or when `new_key` says so.
    Raises KeyMissing, KeyUnusable, OSError when the file outside cannot be written.
    """
    signer = signing.make() if new_key or not AuditCheckpoint.objects.exists() else signing.load()
    upto = _horizon()
    written = None
    while upto is not None and (checkpoint := _seal(signer, upto)):
        written = checkpoint
        anchor.append(checkpoint)
    return written


def root(previous: str, hashes: Iterable[str]) -> str:
    """Lower-case hex SHA-256 of the previous root followed by the rows' hashes."""
    found = hashlib.sha256(previous.encode())
    for each in hashes:
        found.update(each.encode())
    return found.hexdigest()


def message(checkpoint: AuditCheckpoint) -> bytes:
    """What is signed."""
    fields = [
        "checkpoint",
        checkpoint.no,
        checkpoint.upto,
        checkpoint.rows,
        checkpoint.root,
        checkpoint.previous_root,
        at_text(checkpoint.at),
    ]
    return json.dumps(fields, separators=(",", ":")).encode()


def at_text(at: datetime) -> str:
    """A moment as audit rows write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _is_due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT max(id) FROM workflows_auditevent), 0) - coalesce(c.upto, 0), "
            "clock_timestamp() - c.at FROM (VALUES (1)) AS one "
            "LEFT JOIN (SELECT upto, at FROM workflows_auditcheckpoint ORDER BY no DESC LIMIT 1) c "
            "ON true"
        )
        unsealed, age = cursor.fetchone()
    return bool(unsealed > 0 and (unsealed >= ROWS or age is None or age >= INTERVAL))


def _horizon() -> int | None:
    """On its own, so that it sees what has been committed until now."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT workflows_audit_horizon()")
        found: int | None = cursor.fetchone()[0]
        return found


@transaction.atomic(durable=True)
def _seal(signer: signing.Signer, upto: int) -> AuditCheckpoint | None:
    """The next checkpoint, of at most ROWS rows; one process at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('workflows_auditcheckpoint'))")
    last = AuditCheckpoint.objects.last()
    sealed, previous = (last.upto, last.root) if last else (0, "")
    now, rows = _rows(sealed, upto)
    if not rows:
        return None
    checkpoint = AuditCheckpoint(
        no=last.no + 1 if last else 1,
        upto=rows[-1][0],
        rows=len(rows),
        root=root(previous, (each for _, each in rows)),
        previous_root=previous,
        at=now,
        public_key=signer.public_key,
    )
    checkpoint.signature = signer.sign(message(checkpoint))
    checkpoint.save(force_insert=True)
    return checkpoint


def _rows(sealed: int, upto: int) -> tuple[datetime, list[tuple[int, str]]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
        cursor.execute(
            "SELECT id, hash FROM workflows_auditevent WHERE id > %s AND id <= %s "
            "ORDER BY id LIMIT %s",
            [sealed, upto, ROWS],
        )
        return now, cursor.fetchall()
