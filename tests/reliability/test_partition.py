"""A host is cut off in the middle of a step: its work passes on, its late result is refused.

Each worker runs in a network namespace of its own and reaches PostgreSQL over TCP, through a relay
on the bridge; the cable of one is pulled, or loses what goes one way, so no packet tells anybody
that it is gone. `SIGNALBOX_CUT_SECONDS=60` is the long form: so long it stays cut off.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests import soundness
from tests.factories import make_agent, start, step, task
from tests.ops.waiting import until
from tests.reliability.hosts import Host, hosts
from tests.reliability.lives import Lives, product_environment
from tests.reliability.proxy import proxied
from tests.reliability.witness import overlaps
from workflows.clock import in_database
from workflows.models import AgentSlot, Execution, Session

pytestmark = [pytest.mark.ops, pytest.mark.django_db(transaction=True)]

LEASE_SECONDS = 5.0  # more than a busy machine lets a worker wait
LONG_LEASE_SECONDS = 30.0
CUT_SECONDS = float(os.environ.get("SIGNALBOX_CUT_SECONDS", "0"))
PATIENCE_SECONDS = 60.0
HEARTBEAT = timedelta(seconds=1)
AT_ONCE = {"max_retries": 2, "initial_delay": 0, "jitter": 0}


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[str, list[Host]]]:
    with hosts("one", "two") as made:
        yield made


@pytest.fixture
def worker_on(
    network: tuple[str, list[Host]], transactional_db: None, tmp_path: Path
) -> Iterator[Callable[..., Lives]]:
    """Starts a worker on a host; none is left afterwards."""
    started: list[Lives] = []
    address, _ = network
    listener = socket.create_server((address, 0))
    port = str(listener.getsockname()[1])

    def worker(host: Host, lease: float = LEASE_SECONDS) -> Lives:
        leases = {"SIGNALBOX_LEASE_SECONDS": str(lease), "SIGNALBOX_HEARTBEAT_SECONDS": "1"}
        environment = product_environment(address, port, **leases)
        lives = Lives(environment, tmp_path / host.name, *host.enter)
        started.append(lives)
        lives.begin()
        return lives

    with proxied(Path(connection.get_connection_params()["host"]), listener):
        yield worker
        for lives in started:
            lives.close()


@pytest.mark.parametrize("cut", [Host.cut_off, Host.go_deaf, Host.go_dumb])
def test_the_work_of_a_host_that_is_cut_off_passes_on_and_its_late_results_are_refused(
    network: tuple[str, list[Host]],
    worker_on: Callable[..., Lives],
    tmp_path: Path,
    cut: Callable[[Host], None],
) -> None:
    _, (one, two) = network
    make_agent(tool="tests.wait_for_a_file", max_concurrent_tasks=2)
    early, late, waiting = (_start(key, tmp_path) for key in ("early", "late", "waiting"))
    alone = worker_on(one)
    for key in ("early", "late"):
        until((tmp_path / f"{key}.1.begun").exists)
    worker_on(two)
    until(lambda: Session.objects.count() == 2)

    cut(one)
    began = time.monotonic()
    (tmp_path / "early.1.go").touch()
    for key in ("early", "late"):
        until((tmp_path / f"{key}.2.begun").exists, PATIENCE_SECONDS)
    print(f"lease of {LEASE_SECONDS:g} s passed on after {time.monotonic() - began:.1f} s")
    assert AgentSlot.objects.filter(session__isnull=False).count() == 2

    until(lambda: "The database went away" in alone.log.read_text(), PATIENCE_SECONDS)
    (tmp_path / "late.1.go").touch()
    until((tmp_path / "late.1.done").exists)
    until(lambda: time.monotonic() - began > CUT_SECONDS, CUT_SECONDS + 1)
    one.join()
    for execution in (early, late):
        until(lambda of=execution: _refused(of), PATIENCE_SECONDS)
        assert task(execution, execution.workflow.key).state == "running", "it has changed nothing"

    for key, attempt in product(("early", "late", "waiting"), (1, 2)):
        (tmp_path / f"{key}.{attempt}.go").touch()
    for execution in (early, late, waiting):
        until(lambda of=execution: _is_completed(of), PATIENCE_SECONDS)
    for execution in (early, late):
        assert _refused(execution) == [{"attempt": 1, "host": one.name}]
        output = task(execution, execution.workflow.key).output
        assert output == {"attempt": 2, "host": two.name}
    assert overlaps("echo", capacity=2) == []
    assert soundness.violations() == []


def test_a_cut_shorter_than_the_lease_costs_nothing(
    network: tuple[str, list[Host]], worker_on: Callable[..., Lives], tmp_path: Path
) -> None:
    _, (one, two) = network
    make_agent(tool="tests.wait_for_a_file")
    execution = _start("early", tmp_path)
    worker_on(one, LONG_LEASE_SECONDS)
    until((tmp_path / "early.1.begun").exists)
    worker_on(two, LONG_LEASE_SECONDS)
    until(lambda: Session.objects.count() == 2)

    one.cut_off()
    (tmp_path / "early.1.go").touch()
    until((tmp_path / "early.1.done").exists)
    until(Session.objects.filter(renewed_at__lt=in_database() - 2 * HEARTBEAT).exists)
    one.join()
    until(lambda: _is_completed(execution), PATIENCE_SECONDS)
    assert task(execution, "early").output == {"attempt": 1, "host": one.name}
    assert _refused(execution) == []
    assert soundness.violations() == []


def _start(key: str, folder: Path) -> Execution:
    return start(step(key), key=key, input={"folder": str(folder)}, retry_policy=AT_ONCE)


def _refused(execution: Execution) -> list[dict[str, Any]]:
    """The outputs that were stored and not applied."""
    rows = execution.audit_events.filter(kind="result.refused")
    return [row.data["output"] for row in rows]


def _is_completed(execution: Execution) -> bool:
    execution.refresh_from_db()
    return execution.state == "completed"
