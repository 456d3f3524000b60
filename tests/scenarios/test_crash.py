"""Something is killed in the middle of a payment: the order completes, and is charged once.

The gateway runs here and holds each charge until the test lets it go, so "in the middle" is
certain: the request is there, the money is not taken, and the answer finds nobody who asked.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

import psutil
import pytest

from tests.ops.processes import family, run, wait_for_end
from tests.ops.waiting import until
from tests.scenarios.held_gateway import HeldGateway
from tests.scenarios.product import Product

pytestmark = pytest.mark.ops

# Less than a lease: that a process died is noticed, not waited for.
RECOVERY_SECONDS = 29.0


def test_a_worker_is_killed_in_the_middle_of_a_payment(
    product: Product, gateway: HeldGateway
) -> None:
    execution = _in_the_middle_of_paying(product, gateway, "CRASH-A-WORKER")
    _kill([_worker_of(product, execution)])
    _is_charged_once_and_completes(product, gateway, execution, "CRASH-A-WORKER")


def test_the_whole_cluster_is_killed_in_the_middle_of_a_payment(
    product: Product, gateway: HeldGateway
) -> None:
    execution = _in_the_middle_of_paying(product, gateway, "CRASH-CLUSTER")
    group = family(product.cluster().pid)
    os.killpg(group[0].pid, signal.SIGKILL)
    wait_for_end(group)
    _is_charged_once_and_completes(product, gateway, execution, "CRASH-CLUSTER")


def test_the_sentinel_is_killed_in_the_middle_of_a_payment(
    product: Product, gateway: HeldGateway
) -> None:
    execution = _in_the_middle_of_paying(product, gateway, "CRASH-SENTINEL")
    sentinel = _worker_of(product, execution).parent()
    assert sentinel.ppid() == product.cluster().pid
    _kill(family(sentinel.pid)[:1])
    _is_charged_once_and_completes(product, gateway, execution, "CRASH-SENTINEL")


def test_the_database_is_killed_in_the_middle_of_a_payment(
    product: Product, gateway: HeldGateway
) -> None:
    execution = _in_the_middle_of_paying(product, gateway, "CRASH-DATABASE")
    restarts = product.database_restarts()
    _kill([product.postmaster()])
    until(lambda: product.database_restarts() > restarts)
    # The answer may find the session alive again; then one attempt was enough.
    _is_charged_once_and_completes(product, gateway, execution, "CRASH-DATABASE", {1, 2})


def test_the_books_are_sound_after_all_that(product: Product) -> None:
    checked = run(product.data, "verify_audit", SIGNALBOX_DEMO="1")
    assert checked.returncode == 0, checked.stdout
    assert product.violations() == ""
    states = product.ask("SELECT state, count(*) FROM workflows_execution GROUP BY state")
    assert [state for state, _ in states] == ["completed"]


def _in_the_middle_of_paying(product: Product, gateway: HeldGateway, order_id: str) -> int:
    gateway.arrived.clear()
    gateway.go.clear()
    execution = product.start(
        "order_processing_v1",
        order_id=order_id,
        customer_id="CUST-123",
        items=[{"sku": "SKU-001", "quantity": 1}],
        total_amount=299.99,
    )
    assert gateway.arrived.wait(RECOVERY_SECONDS), product.output
    assert product.task_states(execution)["process_payment"] == "running"
    assert gateway.charges.listed(order_id) == []
    return execution


def _worker_of(product: Product, execution: int) -> psutil.Process:
    """The process whose session holds the payment."""
    [(pid,)] = product.ask(
        "SELECT session.pid FROM workflows_task task"
        " JOIN workflows_session session ON session.id = task.session"
        " WHERE task.execution_id = %s AND task.key = 'process_payment'",
        execution,
    )
    return psutil.Process(pid)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    wait_for_end(processes)


def _is_charged_once_and_completes(
    product: Product,
    gateway: HeldGateway,
    execution: int,
    order_id: str,
    attempts: Collection[int] = (2,),
) -> None:
    gateway.go.set()
    until(lambda: product.state(execution) == "completed", RECOVERY_SECONDS)
    [charge] = product.charges(order_id)
    assert (charge["amount"], charge["status"]) == (299.99, "captured")
    [(attempt,)] = product.ask(
        "SELECT attempt FROM workflows_task WHERE execution_id = %s AND key = 'process_payment'",
        execution,
    )
    assert attempt in attempts
    assert product.reservations(execution) == [("SKU-001", 1, "shipped")]
