"""The whole product as a newcomer starts it, `manage.py up`, and what it can be asked."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from config import keys
from config.embedded import place, server
from tests.ops.processes import PROJECT, command, environment, family, kill, run, wait_for_end
from tests.ops.waiting import until

START_SECONDS = 300.0  # two cores may be busy with other tests
SOUND = "from tests.soundness import violations; print(*violations(), sep='\\n', end='')"
START = (
    "from workflows import engine; print(*[engine.start_workflow({!r}, each).pk for each in {!r}])"
)


@dataclass
class Product:
    """One `manage.py up` in a data directory of its own."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    gateway: str = ""

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")  # its last letter may be half written

    @cached_property
    def address(self) -> str:
        return self._told(r"Signalbox is ready: (http://\S+)/")

    @cached_property
    def passwords(self) -> dict[str, str]:
        people = re.findall(
            r"\| +(\w+) +(?:operator|approver|modeller|auditor) +(\S+)", self.output
        )
        return {**dict(people), "admin": self._told(r"Log in as admin with the password (\S+)")}

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that the database answers with, read as its owner."""
        with psycopg.connect(
            host=str(place.find(self.data).sockets),
            dbname="signalbox",
            user="signalbox_owner",
            password=keys.load(self.data).owner_password,
            autocommit=True,
        ) as link:
            cursor = link.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def start(self, workflow: str, **given: Any) -> int:
        """Starts an execution at the shell; its number."""
        done = run(self.data, "start_workflow", workflow, "--input", json.dumps(given), "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["execution_id"])

    def state(self, execution: int) -> str:
        return str(self.ask("SELECT state FROM workflows_execution WHERE id = %s", execution)[0][0])

    def task_states(self, execution: int) -> dict[str, str]:
        rows = "SELECT key, state FROM workflows_task WHERE execution_id = %s"
        return dict(self.ask(rows, execution))

    def reservations(self, execution: int) -> list[tuple[str, int, str]]:
        """What the order holds of the stock: article, quantity, state."""
        rows = "SELECT sku, quantity, state FROM demo_reservation WHERE execution_id = %s"
        return self.ask(rows + " ORDER BY sku", execution)

    def charges(self, order_id: str) -> list[dict[str, Any]]:
        """What the payment gateway itself says of an order."""
        address = self.gateway or self._told(r"Payment gateway listens on (\S+)")
        with urllib.request.urlopen(f"{address}/charges?order_id={quote(order_id)}") as answer:
            return list(json.load(answer)["charges"])

    def cluster(self) -> psutil.Process:
        """The leader of the process group that does the work."""
        direct = psutil.Process(self.process.pid).children()
        return next(child for child in direct if "qcluster" in command(child))

    def postmaster(self) -> psutil.Process:
        """NoSuchProcess when there is none."""
        return psutil.Process(server.written_pid(place.find(self.data)) or 0)

    def start_all(self, workflow: str, given: list[dict[str, Any]]) -> list[int]:
        """Starts many executions from one process; their numbers."""
        return [int(number) for number in self.run_python(START.format(workflow, given)).split()]

    def database_restarts(self) -> int:
        """How often the supervisor has found PostgreSQL gone and started it again."""
        return self.output.count("PostgreSQL had ended; it runs again.")

    def violations(self) -> str:
        """Every promise that the database breaks, a line each: states, counters, slots, audit."""
        return self.run_python(SOUND)

    def told_by(self, module: str) -> Any:
        """What a module prints last, as JSON, when it is run as a program beside the product."""
        done = subprocess.run(
            [sys.executable, "-m", module],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            env=environment(
                self.data, DJANGO_SETTINGS_MODULE="config.settings", SIGNALBOX_DEMO="1"
            ),
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def wait_until_ready(self) -> Product:
        def told() -> bool | int | None:
            return "Stop with Ctrl-C" in self.output or self.process.poll()

        with suppress(AssertionError):
            until(told, START_SECONDS)
        assert told() is True, self.output
        return self

    def stop(self) -> None:
        """As Ctrl-C does; fails when it does not end in order, or leaves a process behind."""
        everything = family(self.process.pid)[1:]
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.output
        wait_for_end(everything)
        assert not server.is_running(place.find(self.data)), "PostgreSQL still runs"

    def run_python(self, code: str) -> str:
        """What a program beside the product prints."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup(); {code}"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
            env=environment(
                self.data, DJANGO_SETTINGS_MODULE="config.settings", SIGNALBOX_DEMO="1"
            ),
        )
        return done.stdout

    def _told(self, pattern: str) -> str:
        found = re.search(pattern, self.output)
        assert found, f"Nothing like {pattern} in:\n{self.output}"
        return found[1]


@contextmanager
def running(gateway: str = "", within: Path = Path("/tmp"), **more: str) -> Iterator[Product]:
    """A first start in a new directory, with the demo; `gateway` is one of the caller's own.

    `more` is added to its environment.
    """
    parent = Path(tempfile.mkdtemp(prefix="sb-", dir=within))
    parent.chmod(0o711)
    product = _started(parent, gateway, more)
    try:
        product.wait_until_ready()
        yield product
        product.stop()
    finally:
        if product.process.poll() is None:
            kill(family(product.process.pid))
        server.stop(place.find(product.data))
        shutil.rmtree(parent)


def _started(parent: Path, gateway: str, more: dict[str, str]) -> Product:
    elsewhere = {
        "SIGNALBOX_PAYMENT_URL": gateway,
        "SIGNALBOX_EGRESS_ALLOW": gateway.removeprefix("http://"),
    }
    data, log = parent / "data", parent / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", "0", "--workers", "2"],
            cwd=PROJECT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(data, SIGNALBOX_DEMO="1", **(elsewhere if gateway else {}), **more),
        )
    return Product(process, data, log, gateway)
