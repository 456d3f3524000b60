"""An execution's audit rows with the seals on them, in a file that proves itself offline."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from workflows.clock import now
from workflows.errors import UnknownExecution, WorkflowError
from workflows.models import AuditCheckpoint

from . import anchor, checkpoints, signing, verify, verify_bundle

LISTS = 16  # checkpoints whose hashes go along, each 650 kB at most before compression
VERIFIER = Path(verify_bundle.__file__)
README = """\
The audit log of execution {execution_id} of a Signalbox, exported {exported_at}.

rows.jsonl      every audit row of the execution, one JSON object a line, in order
manifest.json   what belongs to the bundle, and the checkpoints that seal the rows
manifest.sig    the Ed25519 signature on the manifest
hashes/N.txt    the hashes of all rows that checkpoint N seals, one a line
verify_bundle.py  checks all of it; needs Python 3.9 or later and nothing else:

    python verify_bundle.py BUNDLE --public-key {public_key}

Use a copy of the verifier and a public key that you did not get from this file: whoever forges a
bundle can put a lenient verifier and a key of their own into it.
"""


class NothingSealed(WorkflowError):
    """The execution's rows cannot be sealed while others are being written: try again."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was exported."""

    execution_id: int
    rows: int
    checkpoints: int
    public_key: str


def export(execution_id: int, path: Path) -> Bundle:
    """Seal the log as it is now and write the execution's bundle to `path`.

    The file appears whole or not at all. Raises UnknownExecution, NothingSealed, KeyMissing,
    KeyUnusable, OSError.
    """
    last = _last(execution_id)
    checkpoints.write()
    signer = signing.load()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with transaction.atomic(), zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED) as archive:
            _one_snapshot()
            bundle = _write(archive, execution_id, last, signer)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return bundle


def _last(execution_id: int) -> int:
    """The number of its last row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(seq) FROM workflows_auditevent WHERE execution_id = %s", [execution_id]
        )
        last: int | None = cursor.fetchone()[0]
    if last is None:
        raise UnknownExecution(f"There is no execution {execution_id}.")
    return last


def _one_snapshot() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _write(
    archive: zipfile.ZipFile, execution_id: int, least: int, signer: signing.Signer
) -> Bundle:
    """Rows that came after the last checkpoint stay out, but never one up to number `least`."""
    covering = _covering(execution_id)
    if not covering or covering[-1]["last_seq"] < least:
        raise NothingSealed
    last = covering[-1]["last_seq"]
    manifest = {
        "format": verify_bundle.FORMAT,
        "execution_id": execution_id,
        "rows": last,
        "head": _head(execution_id, last),
        "exported_at": checkpoints.at_text(now()),
        "public_key": signer.public_key,
    }
    files = _Files(archive)
    files.add(verify_bundle.ROWS, _rows(execution_id, last))
    for checkpoint in covering[-LISTS:]:
        checkpoint["hashes"] = f"hashes/{checkpoint['no']}.txt"
        files.add(checkpoint["hashes"], _hashes(checkpoint["no"]))
    files.add(VERIFIER.name, [VERIFIER.read_bytes()])
    files.add("README.txt", [README.format(**manifest).encode()])
    manifest |= {"checkpoints": covering, "files": files.digests}
    _sign(archive, manifest, signer)
    return Bundle(execution_id, last, len(covering), signer.public_key)


def _covering(execution_id: int) -> list[dict[str, Any]]:
    """The checkpoints that seal rows of the execution, with the first and last of these rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.no, min(e.seq), max(e.seq) FROM workflows_auditevent e "
            "JOIN LATERAL (SELECT no FROM workflows_auditcheckpoint WHERE upto >= e.id "
            "ORDER BY upto LIMIT 1) c ON true WHERE e.execution_id = %s GROUP BY c.no",
            [execution_id],
        )
        ranges = {no: (first, last) for no, first, last in cursor.fetchall()}
    return [
        {
            **{name: getattr(each, name) for name in anchor.FIELDS if name != "at"},
            "at_text": checkpoints.at_text(each.at),
            "first_seq": ranges[each.no][0],
            "last_seq": ranges[each.no][1],
            "hashes": None,
        }
        for each in AuditCheckpoint.objects.filter(no__in=ranges)
    ]


def _rows(execution_id: int, last: int) -> Iterator[bytes]:
    for row, _ in verify.rows(execution_id):
        if row.seq <= last:
            yield json.dumps(row._asdict(), ensure_ascii=False).encode() + b"\n"


def _head(execution_id: int, last: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM workflows_auditevent WHERE execution_id = %s AND seq = %s",
            [execution_id, last],
        )
        return str(cursor.fetchone()[0])


def _hashes(no: int) -> Iterator[bytes]:
    """Of all rows that the checkpoint seals, whosoever's they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.hash FROM workflows_auditevent e JOIN workflows_auditcheckpoint c "
            "ON c.no = %s AND e.id <= c.upto AND e.id > coalesce("
            "(SELECT p.upto FROM workflows_auditcheckpoint p WHERE p.no = c.no - 1), 0) "
            "ORDER BY e.id",
            [no],
        )
        for (each,) in cursor.fetchall():
            yield f"{each}\n".encode()


class _Files:
    """The files of an archive, and what they hash to."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.digests: dict[str, str] = {}
        self._archive = archive

    def add(self, name: str, content: Iterable[bytes]) -> None:
        found = hashlib.sha256()
        with self._archive.open(name, "w") as file:
            for each in content:
                found.update(each)
                file.write(each)
        self.digests[name] = found.hexdigest()


def _sign(archive: zipfile.ZipFile, manifest: dict[str, Any], signer: signing.Signer) -> None:
    content = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
    digest = hashlib.sha256(content).hexdigest()
    message = json.dumps(["bundle", digest], separators=(",", ":")).encode()
    archive.writestr(verify_bundle.MANIFEST, content)
    archive.writestr(verify_bundle.SIGNATURE, signer.sign(message) + "\n")
