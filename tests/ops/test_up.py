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

import psutil
import pytest

from config.embedded import place, server
from tests.ops.processes import PROJECT, environment, family, is_alive, kill, run, wait_for_end
from tests.ops.waiting import until

pytestmark = pytest.mark.ops

START_SECONDS = 60.0


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
        return next(child for child in direct if of in child.cmdline())


@pytest.fixture(scope="module")
def start(new_data: Callable[..., Path]) -> Iterator[Callable[..., Running]]:
    """Starts `up` on a free port; everything of it is gone after the module's tests."""
    started: list[psutil.Process] = []

    def up(data: Path, *options: str) -> Running:
        port = _free_port()
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
    assert until(lambda: _get(first.port, "/readyz")["status"] == "ok")
    asked = "SELECT DISTINCT split_part(application_name, ':', 1), usename FROM pg_stat_activity"
    asked += " WHERE datname = 'signalbox'"
    users = set(_ask_as_owner(data, asked)) - {("", "signalbox_owner")}
    assert {("worker", "signalbox_app"), ("web", "signalbox_app")} <= users
    assert {user for name, user in users if name in {"web", "worker"}} == {"signalbox_app"}


def test_a_second_one_in_the_same_place_is_refused_in_one_sentence(
    first: Running, data: Path
) -> None:
    done = run(data, "up", PORT=str(_free_port()))
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
    until(lambda: any("qcluster" in child.cmdline() for child in first.children()))


def test_a_killed_database_is_started_again(first: Running, data: Path) -> None:
    pid = int((place.find(data).cluster / "postmaster.pid").read_text().split()[0])
    psutil.Process(pid).kill()
    until(lambda: "PostgreSQL had ended; it runs again." in first.output)
    until(lambda: _get(first.port, "/readyz")["status"] == "ok")
    assert first.process.poll() is None


def test_it_stops_within_ten_seconds_and_leaves_nothing(first: Running, data: Path) -> None:
    everything = first.children()
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(timeout=10) == 0
    wait_for_end(everything, seconds=1)
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
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def _ask_as_owner(data: Path, statement: str) -> list[tuple[str, str]]:
    import psycopg

    from config import keys

    with psycopg.connect(
        host=str(place.find(data).sockets),
        dbname="signalbox",
        user="signalbox_owner",
        password=keys.load(data).owner_password,
    ) as connection:
        return connection.execute(statement.encode()).fetchall()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
