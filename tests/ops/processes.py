"""Running Signalbox's commands from outside, as a person at a shell does."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.ops.waiting import until

PROJECT = Path(__file__).resolve().parents[2]
_chance = random.SystemRandom()
STEERING = ("APP_ROLE", "DATABASE_URL", "DEBUG", "HOST", "PORT", "SECRET_KEY")


def environment(data: Path, **more: str) -> dict[str, str]:
    """As in a fresh shell: nothing of the test run's own settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in STEERING and not name.startswith(("SIGNALBOX_", "PYTEST_"))
    }
    return kept | {"SIGNALBOX_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1", **more}


def run(data: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` with these arguments, to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environment(data, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def is_alive(process: psutil.Process) -> bool:
    """False for a zombie, which only waits to be collected by a parent that may never do so."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command(process: psutil.Process) -> list[str]:
    """Its words; none of a process that has ended meanwhile."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def wait_for_end(processes: Iterable[psutil.Process], seconds: float = 30.0) -> None:
    """Fails when one of them outlives the deadline."""
    until(lambda: not any(is_alive(process) for process in processes), seconds)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Those that have ended by themselves excepted."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def free_port() -> int:
    """A port for a server that is yet to start, or to start again.

    None that the kernel hands out: meanwhile it could be any connection's.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", _chance.randrange(10_000, lowest))) as found,
        ):
            return int(found.getsockname()[1])
