"""A whole Signalbox of the benchmark's own, with its own PostgreSQL: left idle, and killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.conf import settings

from config import keys
from config.embedded import place, server
from config.postgres import NAME, USERS

PROJECT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90.0
PATIENCE_SECONDS = 60.0
SETTLING_SECONDS = 8.0
STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")


@dataclass(frozen=True, slots=True)
class Installation:
    process: subprocess.Popen[bytes]
    data: Path
    environment: dict[str, str]

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(place.find(self.data).sockets),
            dbname=NAME,
            user=USERS["owner"],
            password=keys.load(self.data).owner_password,
            autocommit=True,
        )

    def ask(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        with self.connect() as link:
            row = link.execute(statement.encode(), values).fetchone()
            return row[0] if row else None

    def postmaster(self) -> psutil.Process:
        written = (place.find(self.data).cluster / "postmaster.pid").read_text()
        return psutil.Process(int(written.split()[0]))


@contextmanager
def installation() -> Iterator[Installation]:
    """Two workers, no demo, gone afterwards; on the same disk as the data directory."""
    parent = Path(tempfile.mkdtemp(prefix="bench-", dir=settings.DATA_DIR))
    parent.chmod(0o711)
    data = parent / "data"
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "APP_ROLE", "SECRET_KEY")
    } | {"SIGNALBOX_DATA_DIR": str(data), "SIGNALBOX_DEMO": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", "0", "--workers", "2", "--no-demo"],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    found = Installation(process, data, environment | {"SIGNALBOX_DATABASE_ROLE": "owner"})
    try:
        _wait_until_ready(process)
        yield found
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        _remove(parent, data)


def idle(here: Installation, seconds: float) -> dict[str, float]:
    """Share of one core that everything takes together; statements a second, all and the
    most frequent one."""
    log = _log_statements(here)
    time.sleep(SETTLING_SECONDS)
    read, before, began = log.stat().st_size, _cpu_seconds(here), time.monotonic()
    time.sleep(seconds)
    after, lasted = _cpu_seconds(here), time.monotonic() - began
    text = log.read_bytes()[read:].decode(errors="replace")
    asked = Counter(re.sub(r"'[^']*'|\d+", "?", each) for each in STATEMENT.findall(text))
    used = sum(value - before[pid] for pid, value in after.items() if pid in before)
    return {
        "core": used / lasted,
        "statements": asked.total() / lasted,
        "most_frequent": max(asked.values(), default=0) / lasted,
    }


def kill_worker(here: Installation, execution: int) -> float:
    """Seconds from kill -9 of the worker that runs an execution's step until it runs again."""
    running = (
        "SELECT s.pid FROM workflows_task t JOIN workflows_session s ON s.id = t.session "
        "WHERE t.execution_id = %s AND t.state = 'running'"
    )
    pid = _until(lambda: here.ask(running, execution))
    at = here.ask("SELECT clock_timestamp()")
    os.kill(pid, signal.SIGKILL)
    again = (
        "SELECT extract(epoch FROM at - %s)::float FROM workflows_auditevent "
        "WHERE execution_id = %s AND kind = 'task.assigned' AND attempt = 2"
    )
    return float(_until(lambda: here.ask(again, at, execution)))


def kill_database(here: Installation) -> float:
    """Seconds from PostgreSQL's first answer after an immediate stop until the next transition.

    There has to be a backlog of work.
    """
    worked = "SELECT count(*) FROM workflows_auditevent WHERE kind = 'task.completed'"
    before = here.ask(worked)
    _until(lambda: here.ask(worked) > before)
    here.postmaster().send_signal(signal.SIGQUIT)
    _until(lambda: not server.is_running(place.find(here.data)))
    back = _until(lambda: _answers(here))
    first = (
        "SELECT extract(epoch FROM min(at) - %s)::float FROM workflows_auditevent "
        "WHERE at > %s AND new_state IS NOT NULL"
    )
    return float(_until(lambda: here.ask(first, back, back)))


def _answers(here: Installation) -> Any:
    try:
        return here.ask("SELECT clock_timestamp()")
    except (psycopg.OperationalError, OSError):
        return None


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    told = []
    for line in process.stdout or ():
        told.append(line.decode(errors="replace"))
        if "Stop with Ctrl-C" in told[-1]:
            return
    raise RuntimeError("manage.py up did not start:\n" + "".join(told))


def _until(condition: Callable[[], Any]) -> Any:
    """The first true value of the condition, asked often."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"It took longer than {PATIENCE_SECONDS:.0f} s.")
        time.sleep(0.005)
    return found


def _log_statements(here: Installation) -> Path:
    where = place.find(here.data)
    with (where.cluster / "postgresql.conf").open("a") as file:
        file.write("log_statement = 'all'\n")
    here.postmaster().send_signal(signal.SIGHUP)
    return where.log


def _cpu_seconds(here: Installation) -> dict[int, float]:
    found = {}
    for root in (psutil.Process(here.process.pid), here.postmaster()):
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
    return found


def _remove(parent: Path, data: Path) -> None:
    where = place.find(data)
    server.stop(where)
    for directory in (where.home, where.sockets, parent):
        shutil.rmtree(directory, ignore_errors=True)
