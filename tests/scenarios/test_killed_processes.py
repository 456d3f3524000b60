"""Each process of a running product is killed in turn: new work progresses, nothing is left behind.

Measured times are printed (`pytest -rP`); only the limits of a promise are asserted.
`SIGNALBOX_KILL_ROUNDS=10` is the long form.
"""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from contextlib import suppress
from itertools import count

import psutil
import pytest

from tests.ops.processes import family, is_alive, wait_for_end
from tests.ops.waiting import until
from tests.scenarios.held_gateway import HeldGateway
from tests.scenarios.product import Product
from workflows.engine import lookout

pytestmark = pytest.mark.ops

PROGRESS_SECONDS = 30.0
ORPHAN_SECONDS = 5.0
WORKERS = 2

numbers = count(1)
again_and_again = pytest.mark.parametrize(
    "turn", range(int(os.environ.get("SIGNALBOX_KILL_ROUNDS", "1")))
)


@pytest.fixture(autouse=True)
def _payments_are_made(gateway: HeldGateway) -> None:
    gateway.go.set()


@again_and_again
def test_each_process_under_the_sentinel_is_replaced(product: Product, turn: int) -> None:
    sentinel = _sentinel(product)
    for place, victim in enumerate(_settled(sentinel)):
        with suppress(psutil.NoSuchProcess):  # one may have ended by itself after an earlier test
            victim.kill()
        _new_work_progresses(product, f"process {place} of the cluster")
        until(lambda: len(_living(sentinel)) == WORKERS + 3)
    assert is_alive(sentinel)


@again_and_again
def test_every_slot_of_a_killed_worker_is_filled_again(product: Product, turn: int) -> None:
    for pid in until(lambda: _settled_sessions(product)):
        psutil.Process(pid).kill()
        began = time.monotonic()
        until(lambda pid=pid: len(_session_pids(product) - {pid}) == WORKERS, PROGRESS_SECONDS)
        print(f"slot of a killed worker: filled again after {time.monotonic() - began:.1f} s")


@again_and_again
def test_a_killed_sentinel_takes_its_cluster_with_it_and_is_replaced(
    product: Product, turn: int
) -> None:
    sentinel = _sentinel(product)
    orphans = family(sentinel.pid)
    sentinel.kill()
    wait_for_end(orphans, ORPHAN_SECONDS)
    _new_work_progresses(product, "sentinel")


@again_and_again
def test_a_killed_web_server_answers_again(product: Product, turn: int) -> None:
    web = next(
        child for child in psutil.Process(product.process.pid).children() if "web" in _role(child)
    )
    orphans = family(web.pid)
    web.kill()
    wait_for_end(orphans, ORPHAN_SECONDS)
    began = time.monotonic()
    until(lambda: _answers(product), PROGRESS_SECONDS)
    print(f"web server: answers again after {time.monotonic() - began:.1f} s")
    _new_work_progresses(product, "web server")


@again_and_again
def test_an_immediate_stop_of_the_database_under_work_loses_nothing(
    product: Product, turn: int
) -> None:
    running = product.start_all("order_processing_v1", [_order() for _ in range(12)])
    until(lambda: _finished(product, running) >= 1)
    database = product.postmaster()
    restarts = product.database_restarts()
    database.send_signal(signal.SIGQUIT)
    wait_for_end([database])
    until(lambda: product.database_restarts() > restarts)
    began = time.monotonic()
    until(lambda: _finished(product, running) == len(running), PROGRESS_SECONDS)
    print(f"database: {len(running)} orders done {time.monotonic() - began:.1f} s after its return")
    assert {product.state(execution) for execution in running} == {"completed"}


def test_exactly_one_cluster_and_one_sweeper_are_left(product: Product) -> None:
    """The sweeper fires what is due: the one session that holds the lock for it."""
    direct = psutil.Process(product.process.pid).children()
    assert ["qcluster" in child.cmdline() for child in direct].count(True) == 1
    until(lambda: _sweepers(product) == 1)


def test_after_all_that_every_promise_holds(product: Product) -> None:
    assert product.violations() == ""
    states = product.ask("SELECT state, count(*) FROM workflows_execution GROUP BY state")
    assert [state for state, _ in states] == ["completed"]


def _sweepers(product: Product) -> int:
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND (classid::bigint << 32) + objid::bigint = %s"
    )
    return int(product.ask(held, lookout.SWEEPER_LOCK)[0][0])


def _new_work_progresses(product: Product, killed: str) -> None:
    began = time.monotonic()
    [execution] = product.start_all("order_processing_v1", [_order()])
    until(lambda: product.state(execution) == "completed", PROGRESS_SECONDS)
    print(f"{killed}: new work was done {time.monotonic() - began:.1f} s after its end")


def _order() -> dict[str, object]:
    return {
        "order_id": f"KILLED-{next(numbers)}",
        "customer_id": "CUST-123",
        "items": [{"sku": "SKU-002", "quantity": 1}],
        "total_amount": 20.0,
    }


def _finished(product: Product, executions: list[int]) -> int:
    rows = (
        "SELECT count(*) FROM workflows_execution WHERE id = ANY (%s) AND finished_at IS NOT NULL"
    )
    return int(product.ask(rows, executions)[0][0])


def _sentinel(product: Product) -> psutil.Process:
    return until(lambda: next(iter(product.cluster().children()), None))


def _settled(sentinel: psutil.Process) -> list[psutil.Process]:
    """Its workers, monitor and pusher, when all are there."""
    until(lambda: len(_living(sentinel)) == WORKERS + 3)
    return _living(sentinel)


def _living(sentinel: psutil.Process) -> list[psutil.Process]:
    return [child for child in sentinel.children() if is_alive(child)]


def _session_pids(product: Product) -> set[int]:
    return {pid for (pid,) in product.ask("SELECT pid FROM workflows_session")}


def _settled_sessions(product: Product) -> set[int]:
    """The processes of the work slots, once none is left of those that were killed before."""
    pids = _session_pids(product)
    return pids if len(pids) == WORKERS and all(map(psutil.pid_exists, pids)) else set()


def _role(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.environ().get("APP_ROLE", "")
    return ""


def _answers(product: Product) -> bool:
    try:
        with urllib.request.urlopen(f"{product.address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
