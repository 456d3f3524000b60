"""The gateway's memory: one JSON line per fact, on the disk before anybody is told of it."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Ledger:
    """An append-only file of one process. A line that a crash cut short never happened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._lock = threading.Lock()
        self.records: list[Record] = self._whole_lines()

    def append(self, record: Record) -> None:
        """Durable when it returns. Raises OSError, and then the file is as it was."""
        line = json.dumps(record, default=_plain, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            size = os.fstat(self._file.fileno()).st_size
            try:
                self._write(line)
            except OSError:
                self._file.truncate(size)
                raise
            self.records.append(record)

    def close(self) -> None:
        self._file.close()

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._file.write(line) :]
        os.fsync(self._file.fileno())

    def _whole_lines(self) -> list[Record]:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            self._file.truncate(len(whole))
        return [json.loads(line, parse_float=Decimal) for line in whole.splitlines()]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"The ledger cannot hold a {type(value).__name__}.")
