"""A real redis-server on a free port, which a test may kill and start again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import redis

from tests.ops.processes import free_port
from tests.ops.waiting import until

MISSING = "There is no redis-server: install it (Debian: apt-get install redis-server)."


@dataclass
class RedisServer:
    """Keeps nothing on disk: what it held is lost with it."""

    port: int
    process: subprocess.Popen[bytes] | None = None
    arguments: list[str] = field(default_factory=lambda: ["--save", "", "--appendonly", "no"])

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.address)

    def start(self) -> None:
        """Returns when it answers."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", *self.arguments],
            stdout=subprocess.DEVNULL,
        )
        until(self._answers)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@contextmanager
def running() -> Iterator[RedisServer]:
    """Skips where there is no redis-server, except in CI, where that is an error."""
    if shutil.which("redis-server") is None:
        assert not os.environ.get("CI"), MISSING
        pytest.skip(MISSING)
    server = RedisServer(free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()
