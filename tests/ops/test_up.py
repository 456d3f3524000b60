from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.embedded import place, server
from tests.ops.processes import (
    PROJECT,
    command,
    environment,
    family,
    free_port,
    is_alive,
    kill,
    run,
    wait_for_end,
)
from tests.ops.waiting import until

pytestmark = pytest.mark.ops

START_SECONDS = 300.0  # two cores may be busy with other tests
ANSWER_SECONDS = 60.0
LISTENS = ("LISTEN signalbox_live", "SELECT coalesce(max(id), 0) FROM workflows_auditevent")
ORDER = {
    "order_id": "ORD-2026-001",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
}


@dataclass
class Running:
    """One `manage.py up` and what it wrote so far."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_until_ready(self) -> Running:
        until(lambda: "Stop with Ctrl-C" in self.output or self.process.poll(), START_SECONDS)
        assert self.process.poll() is None, self.output
        return self

    def children(self) -> list[psutil.Process]:
        return family(self.process.pid)[1:]

    def leader(self, of: str) -> psutil.Process:
        """The process group's leader among the children, by a word of its command."""
        direct = psutil.Process(self.process.pid).children()
        return next(child for child in direct if of in command(child))


@pytest.fixture(scope="module")
def start(new_data: Callable[..., Path]) -> Iterator[Callable[..., Running]]:
    """Starts `up` on a free port; everything of it is gone after the module's tests."""
    started: list[psutil.Process] = []

    def up(data: Path, *options: str) -> Running:
        port = free_port()
        log = data.parent / f"up-{port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(port), *options],
                cwd=PROJECT,
                env=environment(data),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        started.append(psutil.Process(process.pid))
        return Running(process, port, log)

    yield up
    for process in started:
        if is_alive(process):
            kill(family(process.pid))


@pytest.fixture(scope="module")
def first(start: Callable[..., Running], data: Path) -> Running:
    """The very first start in a new data directory."""
    return start(data).wait_until_ready()


def test_it_answers_and_tells_address_and_password_once(first: Running) -> None:
    assert _get(first.port, "/healthz") == {"status": "ok"}
    assert f"http://127.0.0.1:{first.port}/" in first.output
    assert len(re.findall(r"Log in as admin with the password \S+", first.output)) == 1


def test_web_and_workers_connect_under_their_names_without_power(
    first: Running, data: Path
) -> None:
    until(lambda: _is_ready(first), START_SECONDS)
    asked = "SELECT DISTINCT split_part(application_name, ':', 1), usename FROM pg_stat_activity"
    asked += " WHERE datname = 'signalbox'"
    known = {("worker", "signalbox_app"), ("web", "signalbox_app")}
    users = until(lambda: (found := set(_ask(data, asked))) >= known and found)
    assert {user for name, user in users if name in {"web", "worker"}} == {"signalbox_app"}


def test_a_program_starts_an_order_and_follows_it_to_its_end(first: Running, data: Path) -> None:
    until(lambda: _is_ready(first), START_SECONDS)
    headers = _token(data, "start", "read") | {"Idempotency-Key": "up-1"}
    path = "/api/v1/workflows/order_processing_v1/executions"
    answers = [_post(first.port, path, {"input": ORDER}, headers) for _ in range(2)]
    assert answers[0]["execution_id"] == answers[1]["execution_id"]
    events = f"/api/v1/executions/{answers[0]['execution_id']}/events"
    asked = urllib.request.Request(f"http://127.0.0.1:{first.port}{events}", headers=headers)
    with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as stream:
        lines = stream.read().decode().splitlines()
    assert [line for line in lines if line.startswith("event: ")][-1] == "event: end"
    assert lines[-2:] == ['data: {"status": "completed"}', ""]


def test_every_connection_says_role_host_and_process(first: Running, data: Path) -> None:
    headers = _token(data, "start", "read")
    path = "/api/v1/workflows/order_processing_v1/executions"
    order = ORDER | {"total_amount": 900.0}  # it waits for a person, so its stream stays open
    number = _post(first.port, path, {"input": order}, headers)["execution_id"]
    events = f"http://127.0.0.1:{first.port}/api/v1/executions/{number}/events"
    asked = "SELECT application_name, query FROM pg_stat_activity WHERE datname = 'signalbox'"
    asked += " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with urllib.request.urlopen(
        urllib.request.Request(events, headers=headers), timeout=ANSWER_SECONDS
    ):
        listening = until(
            lambda: [name for name, query in _ask(data, asked, "app") if query in LISTENS]
        )
        # Of a command that has ended PostgreSQL may know for a moment.
        names = until(lambda: _if_all_are_of(first, {name for name, _ in _ask(data, asked, "app")}))
    assert {name.split(":")[0] for name in names} == {"web", "worker", "command"}
    assert {name.split(":")[0] for name in listening} == {"web"}
    assert {name.split(":")[1] for name in names} == {socket.gethostname()[:40]}


def test_a_second_one_in_the_same_place_is_refused_in_one_sentence(
    first: Running, data: Path
) -> None:
    done = run(data, "up", PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"Signalbox is already running from {data} (process {first.process.pid})"
    )
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_told_in_one_sentence(
    first: Running, new_data: Callable[..., Path]
) -> None:
    done = run(new_data(), "up", "--port", str(first.port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {first.port} on 127.0.0.1 cannot be used")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_killed_cluster_leaves_nothing_and_is_started_again(first: Running) -> None:
    before = family(first.leader("qcluster").pid)
    before[0].send_signal(signal.SIGKILL)
    wait_for_end(before)
    until(lambda: "worker ended with signal SIGKILL" in first.output)
    until(lambda: any("qcluster" in command(child) for child in first.children()))


def test_a_killed_database_is_started_again(first: Running, data: Path) -> None:
    before = server.written_pid(place.find(data))
    psutil.Process(before).kill()
    # The supervisor does it, unless a child that is just starting was faster.
    until(lambda: server.written_pid(place.find(data)) not in (None, before))
    until(lambda: _is_ready(first), START_SECONDS)
    assert first.process.poll() is None


@pytest.mark.alone
def test_it_stops_within_ten_seconds_and_leaves_nothing(first: Running, data: Path) -> None:
    everything = first.children()
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(timeout=10) == 0
    wait_for_end(everything)
    assert not server.is_running(place.find(data))


def test_the_next_start_tells_no_password_and_a_kill_leaves_no_orphan(
    first: Running, start: Callable[..., Running], data: Path
) -> None:
    assert first.process.poll() is not None, "the first one still runs"
    again = start(data, "--no-demo").wait_until_ready()
    assert "with the password" not in again.output
    assert "manage.py changepassword admin" in again.output
    everything = again.children()
    again.process.kill()
    wait_for_end(everything)


def _get(port: int, path: str) -> dict[str, str]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{path}", timeout=ANSWER_SECONDS
        ) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def _if_all_are_of(up: Running, names: set[str]) -> set[str]:
    """The names of the connections, if they are all of its processes."""
    ours = {process.pid for process in family(up.process.pid)}
    return names if {int(name.split(":")[2]) for name in names} <= ours else set()


def _is_ready(of: Running) -> bool:
    """Not yet, while nobody answers."""
    try:
        return bool(_get(of.port, "/readyz")["status"] == "ok")
    except OSError:
        return False


def _post(port: int, path: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
    address = f"http://127.0.0.1:{port}{path}"
    asked = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:
        return dict(json.load(answer))


def _token(data: Path, *scopes: str) -> dict[str, str]:
    made = run(data, "create_token", "admin", "--scopes", *scopes, "--json")
    return {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}


def _ask(data: Path, statement: str, role: str = "owner") -> list[tuple[str, str]]:
    """What a query is, only its own role is told."""
    import psycopg

    from config import keys

    with psycopg.connect(
        host=str(place.find(data).sockets),
        dbname="signalbox",
        user="signalbox_owner",
        password=keys.load(data).owner_password,
        options=f"-c role=signalbox_{role}",
    ) as connection:
        return connection.execute(statement.encode()).fetchall()
