from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.executors import Call
from tests.executors import hostile_server


@pytest.fixture
def server() -> Iterator[hostile_server.HostileServer]:
    with hostile_server.running() as running:
        yield running


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def call():
    """A call with only what a test cares about."""

    def make(config: dict | None = None, input: dict | None = None, **given) -> Call:
        return Call(
            execution_id=given.get("execution_id", 7),
            task_id=given.get("task_id", 7 << 20),
            task_key=given.get("task_key", "pay"),
            attempt=given.get("attempt", 1),
            idempotency_key=given.get("idempotency_key", "7:pay:0"),
            input=input or {},
            config=config or {},
            timeout_seconds=given.get("timeout_seconds"),
        )

    return make
