"""Real processes of the product that a test lets live, one after the other, and kills."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from config import postgres
from tests.ops.processes import PROJECT, environment
from tests.ops.waiting import until

ENDING = signal.SIGUSR2  # the supervisor's last call


class Lives:
    """One process at a time, forked from one that has everything loaded and no connection."""

    def __init__(self, environment: dict[str, str], log: Path, *before: str) -> None:
        self.pid: int | None = None
        self.log = log
        program = [sys.executable, "-m", "config.supervisor.lifeline", str(os.getpid())]
        with log.open("wb") as out:
            self._mother = subprocess.Popen(
                [*before, *program, "-m", "tests.reliability.life"],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
            )

    def begin(self, do: str = "work", **order: Any) -> int:
        """A new life, with these orders; its process number."""
        assert self.pid is None, "one at a time"
        assert self._mother.stdin is not None
        self._mother.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        self._mother.stdin.flush()
        self.pid = int(self._line())
        return self.pid

    def kill(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """True once the process is gone; a new life may begin."""
        return self.pid is None or (self._is_told() and self.wait() is not None)

    def wait(self) -> int:
        """Its exit code, at its end."""
        code = int(self._line())
        self.pid = None
        return code

    def end(self) -> None:
        """As a supervisor ends a worker: it takes no more work and reports what it has."""
        until(lambda: self.has_ended() or self._call())

    def close(self) -> None:
        self.kill()
        assert self._mother.stdin is not None
        self._mother.stdin.close()
        self._mother.wait(60)

    def _call(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid or 0, ENDING)
        return False

    def _is_told(self) -> bool:
        assert self._mother.stdout is not None
        return bool(select.select([self._mother.stdout], [], [], 0)[0])

    def _line(self) -> str:
        """Unbuffered, so that select tells the truth about what is left."""
        assert self._mother.stdout is not None
        line = bytearray()
        while not line.endswith(b"\n"):
            part = os.read(self._mother.stdout.fileno(), 1)
            assert part, self.log.read_text()
            line += part
        return line.decode()


@contextmanager
def living(environment: dict[str, str], log: Path, *before: str) -> Iterator[Lives]:
    lives = Lives(environment, log, *before)
    try:
        yield lives
    finally:
        lives.close()


def product_environment(host: Path | str, port: str = "5432", **more: str) -> dict[str, str]:
    """Settings under which a process works on this test's database, with the run-time role."""
    login = postgres.credentials(settings.DATA_DIR, "app")
    url = make_conninfo(
        host=str(host),
        port=port,
        sslmode="disable",
        gssencmode="disable",
        dbname=connection.settings_dict["NAME"],
        user=login["USER"],
        password=login["PASSWORD"],
    )
    wanted = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    wanted |= {"APP_ROLE": "worker", "SIGNALBOX_DEMO": "1"}
    return environment(settings.DATA_DIR, **wanted, **more)
