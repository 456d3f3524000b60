"""Finding every edit, gap, reordering and truncation of the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import connection, transaction

from workflows.models import AuditCheckpoint

from . import chain, verify_checkpoints
from .findings import Finding, Report

BATCH = 5_000
# Not the text read as a time: somebody may have made something of it that is none.
AT_MATCHES = """coalesce(
    at_text = to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), false)"""
COLUMNS = (
    "execution_id, seq, kind, entity_type, entity_id, task_id, old_state, new_state, actor, "
    "attempt, agent_id, lease_token, at_text, data::text, data_digest, previous_hash, hash"
)


def verify(
    execution_id: int | None = None,
    *,
    anchored: Iterable[AuditCheckpoint] = (),
    keys: Iterable[str] = (),
) -> Report:
    """Check every row against its own hash, its neighbours and the checkpoint that seals it.

    Of one execution only its own chain is read. `anchored` are checkpoints that were kept outside
    the database, `keys` public keys to trust. Reads one consistent snapshot, in time linear in the
    number of rows and in constant memory.
    """
    report = Report()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _check_rows(report, execution_id)
        for finding in _truncated(execution_id):
            report.add(finding)
        if execution_id is None:
            verify_checkpoints.check(report, anchored, keys)
    return report


def rows(execution_id: int | None) -> Iterator[tuple[chain.Row, bool]]:
    """The rows of one execution, or all chain by chain; and whether `at` is what was hashed."""
    if execution_id is not None:
        yield from _read("execution_id = %s", [execution_id])
        return
    yield from _read("execution_id IS NULL", [])
    yield from _read("execution_id IS NOT NULL", [])


def _check_rows(report: Report, execution_id: int | None) -> None:
    last: chain.Row | None = None
    for row, at_matches in rows(execution_id):
        if last is None or last.execution_id != row.execution_id:
            report.chains += 1
            last = None
        report.rows += 1
        for finding in _wrong(row, last, at_matches):
            report.add(finding)
        last = row


def _wrong(row: chain.Row, last: chain.Row | None, at_matches: bool) -> Iterator[Finding]:
    seq, previous = (last.seq, last.hash) if last else (0, "")
    if row.seq != seq + 1:
        yield Finding(row.execution_id, row.seq, f"follows row {seq}: rows are missing or doubled")
    elif row.previous_hash != previous:
        yield Finding(row.execution_id, row.seq, "is not chained to the row before it")
    if chain.digest(row) != row.data_digest:
        yield Finding(row.execution_id, row.seq, "its kind, task or data were changed")
    if chain.hash_of(row) != row.hash or not at_matches:
        yield Finding(row.execution_id, row.seq, "was changed: its hash does not match")


def _read(where: str, parameters: list[int]) -> Iterator[tuple[chain.Row, bool]]:
    with connection.connection.cursor(name="audit") as cursor:  # on the server: memory stays flat
        cursor.itersize = BATCH
        cursor.execute(
            f"SELECT {COLUMNS}, {AT_MATCHES} FROM workflows_auditevent "  # noqa: S608
            f"WHERE {where} ORDER BY execution_id, seq",
            parameters,
        )
        for record in cursor:
            yield chain.Row._make(record[:-1]), record[-1]


def _truncated(execution_id: int | None) -> list[Finding]:
    """Chains whose last rows are gone: their heads remember more, or an execution has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nullif(h.execution_id, 0), h.seq, l.seq, l.hash = h.hash "
            "FROM workflows_audithead h LEFT JOIN LATERAL ("
            "  (SELECT e.seq, e.hash FROM workflows_auditevent e WHERE h.execution_id <> 0 "
            "   AND e.execution_id = h.execution_id ORDER BY e.seq DESC LIMIT 1) "
            "  UNION ALL "  # not one condition for both: no index would serve it
            "  (SELECT e.seq, e.hash FROM workflows_auditevent e WHERE h.execution_id = 0 "
            "   AND e.execution_id IS NULL ORDER BY e.seq DESC LIMIT 1)) l ON true "
            "WHERE (%(id)s::bigint IS NULL OR h.execution_id = %(id)s) "
            "AND (h.seq, h.hash) IS DISTINCT FROM (coalesce(l.seq, 0), coalesce(l.hash, '')) "
            "ORDER BY h.execution_id",
            {"id": execution_id},
        )
        found = [
            Finding(run, seq, f"is the last that was written, but row {last or 0} is the last here")
            for run, seq, last, _ in cursor.fetchall()
        ]
        cursor.execute(
            "SELECT x.id FROM workflows_execution x LEFT JOIN workflows_audithead h "
            "ON h.execution_id = x.id WHERE coalesce(h.seq, 0) = 0 "
            "AND (%(id)s::bigint IS NULL OR x.id = %(id)s) ORDER BY x.id",
            {"id": execution_id},
        )
        return found + [Finding(run, 0, "has no audit rows at all") for (run,) in cursor.fetchall()]
