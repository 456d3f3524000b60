"""A database behind a proxy, a worker on it that may be killed, and the world that it acts on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from agents import orchestrator
from tests.factories import human, make_user, register, step
from tests.ops.waiting import until
from tests.reliability.lives import Lives, living, product_environment
from tests.reliability.proxy import Proxy, proxied, short_socket
from tests.reliability.recorder import Recorder, recording
from tests.reliability.witness import broken_promises
from workflows import engine
from workflows.models import Approval, Execution

STEPS = ("reserve", "pay", "ship")
PATIENCE_SECONDS = 60.0


@dataclass
class World:
    """Three steps with an effect each, and a person asked in between."""

    proxy: Proxy
    lives: Lives
    recorder: Recorder
    bob: User

    def start(self, key: str | None = None) -> Execution:
        return engine.start_workflow("flow", {}, idempotency_key=key)

    def complete(self, execution: Execution) -> list[str]:
        """Let workers live until the execution has ended; the promises broken by then."""
        until(lambda: self._goes_on(execution), PATIENCE_SECONDS)
        self.lives.end()
        return broken_promises(execution, self.recorder.of(execution.pk), *STEPS)

    def _goes_on(self, execution: Execution) -> bool:
        execution.refresh_from_db()
        if execution.finished_at:
            return True
        if self.lives.has_ended():
            self.lives.begin()
        for approval in Approval.objects.filter(execution=execution, state=Approval.State.OPEN):
            engine.decide(approval.pk, by=self.bob, verdict="approve")
        return False


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def folder() -> Iterator[tuple[Path, socket.socket]]:
    with short_socket() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(django_db_setup: None, folder: tuple[Path, socket.socket]) -> Iterator[Proxy]:
    with proxied(Path(connection.get_connection_params()["host"]), folder[1]) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def lives(
    proxy: Proxy,
    folder: tuple[Path, socket.socket],
    recorder: Recorder,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lives]:
    environment = product_environment(folder[0], SIGNALBOX_EGRESS_ALLOW=recorder.address)
    with living(environment, tmp_path_factory.mktemp("lives") / "log") as lives:
        yield lives


@pytest.fixture
def world(transactional_db: None, proxy: Proxy, lives: Lives, recorder: Recorder) -> World:
    orchestrator.register_agent(
        key="api",
        name="API",
        kind="http",
        capabilities=["api"],
        config={"url": recorder.url, "method": "POST"},
        max_concurrent_tasks=1,
    )
    reserve, pay, ship = (
        step(key, *before, capabilities=["api"])
        for key, before in (("reserve", ()), ("pay", ("ask",)), ("ship", ("pay",)))
    )
    again = {"max_retries": 3, "initial_delay": 0, "jitter": 0}
    register(reserve, human("ask", "reserve"), pay, ship, retry_policy=again)
    proxy.arm(None)
    recorder.calm()
    return World(proxy, lives, recorder, make_user("bob", "approver"))
