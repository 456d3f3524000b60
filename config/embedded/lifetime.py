"""How long the embedded server lives: from its first user's start to its last user's end.

Each process that uses it holds a shared lock on data/in_use.lock; the kernel drops the lock of a
process that dies. Whoever gets the exclusive lock on leaving was the last, and stops the server.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import keys
from config.embedded import place, server


@dataclass(slots=True)
class _Hold:
    data: Path
    place: place.Place
    lock: int
    pid: int


_held: dict[Path, _Hold] = {}


def hold(data: Path) -> Path:
    """The directory of the server's socket; starts the server when it is not running.

    A forked process shares its parent's hold: the lock is theirs together.
    """
    if data not in _held:
        _held[data] = _take(data)
        atexit.register(leave, data)
    return _held[data].place.sockets


def is_held(data: Path) -> bool:
    return data in _held


def restart(data: Path) -> bool:
    """Starts the server again if it died while this process holds it; True when it had to."""
    with _starting(data):
        if server.is_running(_held[data].place):
            return False
        server.start(_held[data].place, keys.load(data))
        return True


def leave(data: Path, patience: float = 0.0) -> None:
    """Gives the hold up; the last holder stops the server.

    `patience` is for how many seconds others, killed a moment ago, may still be going.
    """
    mine = _held.pop(data, None)
    if mine is None or mine.pid != os.getpid():
        return
    with _starting(data):
        if _try_exclusive(mine.lock, patience):
            server.stop(mine.place)
        os.close(mine.lock)


def _take(data: Path) -> _Hold:
    keys.make_data_directory(data)
    with _starting(data):
        found = place.find(data)
        lock = _open(data / "in_use.lock")
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            server.start(found, keys.load(data))
        except BaseException:
            os.close(lock)
            raise
        return _Hold(data, found, lock, os.getpid())


@contextmanager
def _starting(data: Path) -> Iterator[None]:
    """One process at a time starts or stops the server; the others wait for it."""
    lock = _open(data / "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_exclusive(lock: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        threading.Event().wait(0.05)
