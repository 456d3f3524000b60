"""The checkpoints once more, a JSON line each, in a file that no right in the database reaches."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from workflows.errors import WorkflowError
from workflows.models import AuditCheckpoint

FIELDS = ("no", "upto", "rows", "root", "previous_root", "at", "public_key", "signature")
TAIL = 16_384  # bytes at the end in which a line of another process is looked for


class UnreadableAnchor(WorkflowError):
    """The file of checkpoints cannot be read."""


def append(checkpoint: AuditCheckpoint) -> None:
    """Add a checkpoint, and before it those that an interrupted append left out. Raises OSError."""
    path = Path(settings.AUDIT_ANCHOR)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        latest = _latest(file)
        if _line(checkpoint) in latest:
            return
        missing = AuditCheckpoint.objects.filter(no__gt=_number(latest), no__lt=checkpoint.no)
        for each in [*missing.iterator(), checkpoint]:
            file.write(_line(each))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[AuditCheckpoint]:
    """The checkpoints of a file, in its order. Raises UnreadableAnchor."""
    try:
        with path.open(encoding="utf-8") as lines:
            return list(_parsed(lines, path))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableAnchor(f"{path} cannot be read: {error}.") from error


def record(checkpoint: AuditCheckpoint) -> dict[str, Any]:
    """A checkpoint as JSON has it; its time in ISO 8601 with an offset."""
    values = {name: getattr(checkpoint, name) for name in FIELDS}
    return values | {"at": checkpoint.at.isoformat()}


def _parsed(lines: IO[str], path: Path) -> Iterator[AuditCheckpoint]:
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            at = datetime.fromisoformat(values["at"])
            yield AuditCheckpoint(**{name: values[name] for name in FIELDS} | {"at": at})
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableAnchor(f"{path}, line {number}, is no checkpoint.") from error


def _line(checkpoint: AuditCheckpoint) -> bytes:
    return json.dumps(record(checkpoint)).encode() + b"\n"


def _latest(file: IO[bytes]) -> list[bytes]:
    """The last lines; leaves the file at its end, without one that was never finished."""
    start = max(0, file.seek(0, os.SEEK_END) - TAIL)
    file.seek(start)
    tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    file.truncate(start + len(whole))
    file.seek(0, os.SEEK_END)
    return whole.splitlines(keepends=True)


def _number(lines: list[bytes]) -> int:
    try:
        return int(json.loads(lines[-1])["no"]) if lines else 0
    except (ValueError, KeyError, TypeError) as error:
        raise OSError("the last line of the anchor file is no checkpoint") from error
