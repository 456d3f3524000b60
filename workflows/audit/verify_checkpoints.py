"""Holding the rows against the seals: what was edited, deleted or restored after it was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from django.db import connection

from workflows.models import AuditCheckpoint

from . import anchor, checkpoints, signing
from .findings import Finding, Report

BATCH = 20_000


def check(report: Report, anchored: Iterable[AuditCheckpoint], keys: Iterable[str]) -> None:
    """Add to `report` what is wrong with the checkpoints, and with rows under them.

    `anchored` are checkpoints kept elsewhere; `keys` are public keys to trust beside this
    installation's own and those in the anchor. Call inside a transaction: it reads one snapshot.
    """
    known = _by_number(report, anchored)
    trusted = {*keys, *(each.public_key for each in known.values()), *_own_key()}
    rows = _hashes()
    row = next(rows, None)
    last: AuditCheckpoint | None = None
    for checkpoint in AuditCheckpoint.objects.order_by("no").iterator():
        found, count = hashlib.sha256(checkpoint.previous_root.encode()), 0
        while row and row[0] <= checkpoint.upto:
            found.update(row[1].encode())
            count += 1
            row = next(rows, None)
        for message in (
            *_wrong_seal(checkpoint, last, trusted, known.pop(checkpoint.no, None)),
            *_wrong_rows(checkpoint, last, found.hexdigest(), count),
        ):
            report.add(Finding(None, None, message, checkpoint.no))
        report.checkpoints += 1
        report.sealed += count
        last = checkpoint
    _report_missing(report, known, last)


def _by_number(report: Report, anchored: Iterable[AuditCheckpoint]) -> dict[int, AuditCheckpoint]:
    known: dict[int, AuditCheckpoint] = {}
    for each in anchored:
        if not signing.is_signed(each.public_key, checkpoints.message(each), each.signature):
            report.add(Finding(None, None, "its signature in the anchor is wrong", each.no))
        elif each.no not in known:
            known[each.no] = each
        elif not _same(known[each.no], each):
            message = "is in the anchor twice, differently: the log was set back and went on"
            report.add(Finding(None, None, message, each.no))
    return known


def _own_key() -> set[str]:
    try:
        return {signing.load().public_key}
    except (signing.KeyMissing, signing.KeyUnusable):
        return set()


def _hashes() -> Iterator[tuple[int, str]]:
    with connection.connection.cursor(name="sealed") as cursor:  # on the server: memory stays flat
        cursor.itersize = BATCH
        cursor.execute(
            "SELECT id, hash FROM workflows_auditevent "
            "WHERE id <= (SELECT max(upto) FROM workflows_auditcheckpoint) ORDER BY id"
        )
        yield from cursor


def _wrong_seal(
    checkpoint: AuditCheckpoint,
    last: AuditCheckpoint | None,
    trusted: set[str],
    elsewhere: AuditCheckpoint | None,
) -> Iterator[str]:
    number, root = (last.no, last.root) if last else (0, "")
    if checkpoint.no != number + 1:
        yield f"follows checkpoint {number}: some are missing"
    elif checkpoint.previous_root != root:
        yield "is not chained to the checkpoint before it"
    message = checkpoints.message(checkpoint)
    if not signing.is_signed(checkpoint.public_key, message, checkpoint.signature):
        yield "was changed: its signature does not match"
    elif trusted and checkpoint.public_key not in trusted:
        yield f"is signed with an unknown key, {checkpoint.public_key}"
    if elsewhere and not _same(checkpoint, elsewhere):
        yield "is not the one in the anchor"


def _wrong_rows(
    checkpoint: AuditCheckpoint, last: AuditCheckpoint | None, root: str, count: int
) -> Iterator[str]:
    sealed = f"of the rows with ids {last.upto + 1 if last else 1} to {checkpoint.upto}"
    if count != checkpoint.rows:
        yield f"{sealed}, {checkpoint.rows} were sealed and {count} are here"
    elif root != checkpoint.root:
        yield f"{sealed}, at least one was changed after it was sealed"


def _same(one: AuditCheckpoint, other: AuditCheckpoint) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in anchor.FIELDS)


def _report_missing(
    report: Report, missing: dict[int, AuditCheckpoint], last: AuditCheckpoint | None
) -> None:
    """A number after the last: the tail was cut off, or the database put back to an older copy."""
    for number in sorted(missing):
        after = last is None or number > last.no
        why = "an older copy was restored, or the end was cut off" if after else "it was taken out"
        message = f"is in the anchor and not here, up to row id {missing[number].upto}: {why}"
        report.add(Finding(None, None, message, number))
